#include "lib/x509/cms.h"

#include <stdlib.h>

#include "lib/x509/x509_internal.h"

#include <openssl/cms.h>

#define SECURITY_LEVEL	2	/* 112 bits: RSA-2048, SHA-224 and up */

struct cms {
	EVP_MD_CTX	*md;
	size_t		 len;			/* of the digest */
	uint8_t		 digest[EVP_MAX_MD_SIZE];	/* that was signed */
};

static inline void
info_cleanup(CMS_ContentInfo **info)
{
	CMS_ContentInfo_free(*info);
}

static inline void
store_cleanup(X509_STORE **store)
{
	X509_STORE_free(*store);
}

static inline void
stack_cleanup(STACK_OF(X509) **stack)
{
	sk_X509_free(*stack);
}

static inline void
bio_cleanup(BIO **bio)
{
	(void)BIO_free(*bio);
}

static enum err
syntax(struct diag *diag, const char *what)
{
	ERR_clear_error();
	(void)diag_fail(diag, ERR_SYNTAX, "RFC 5652 5", "CMS signature: %s",
	    what);
	diag_hint(diag, "make it with openssl cms -sign -binary -outform DER "
	    "-in FILE -signer CERT -inkey KEY");
	return ERR_SYNTAX;
}

static enum err
info_parse(struct bytes der, CMS_ContentInfo **ret_info, struct diag *diag)
{
	const uint8_t *at = der.ptr;
	ASN1_OCTET_STRING **content;
	STACK_OF(CMS_SignerInfo) *signers;

	if (der.len > CMS_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "CMS signature: longer than %zu octets", CMS_MAX);
	*ret_info = der.len == 0 ? NULL :
	    d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
	if (*ret_info == NULL)
		return syntax(diag, "no well-formed DER");
	if (at != der.ptr + der.len)
		return syntax(diag, "octets follow it");
	if (OBJ_obj2nid(CMS_get0_type(*ret_info)) != NID_pkcs7_signed ||
	    OBJ_obj2nid(CMS_get0_eContentType(*ret_info)) != NID_pkcs7_data)
		return syntax(diag, "not SignedData over data");
	content = CMS_get0_content(*ret_info);
	if (content == NULL || *content != NULL)
		return syntax(diag, "holds content of its own, so it is not "
		    "detached");
	signers = CMS_get0_SignerInfos(*ret_info);
	if (sk_CMS_SignerInfo_num(signers) != 1)
		return syntax(diag, "not of exactly one signer");
	if (CMS_signed_get_attr_count(
	    sk_CMS_SignerInfo_value(signers, 0)) < 1)
		return syntax(diag, "without signed attributes");
	return ERR_OK;
}

/* The digest algorithm, and what the signed attributes say of the content. */
static enum err
digest_read(CMS_ContentInfo *info, struct cms *cms, struct diag *diag)
{
	CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(
	    CMS_get0_SignerInfos(info), 0);
	const ASN1_OCTET_STRING *digest;
	const ASN1_OBJECT *object;
	X509_ALGOR *alg = NULL;
	const EVP_MD *md;

	CMS_SignerInfo_get0_algs(signer, NULL, NULL, &alg, NULL);
	X509_ALGOR_get0(&object, NULL, NULL, alg);
	switch (OBJ_obj2nid(object)) {
	case NID_sha256:
		md = EVP_sha256();
		break;
	case NID_sha384:
		md = EVP_sha384();
		break;
	case NID_sha512:
		md = EVP_sha512();
		break;
	default:
		(void)diag_fail(diag, ERR_UNSUPPORTED, "RFC 5754 2",
		    "CMS signature: digest: none of SHA-256, SHA-384, "
		    "SHA-512");
		diag_hint(diag, "sign with -md sha256");
		return ERR_UNSUPPORTED;
	}
	digest = CMS_signed_get0_data_by_OBJ(signer,
	    OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);
	if (digest == NULL ||
	    ASN1_STRING_length(digest) != EVP_MD_get_size(md))
		return syntax(diag, "message digest: missing, twice there or "
		    "of another length");
	cms->len = (size_t)ASN1_STRING_length(digest);
	memcpy(cms->digest, ASN1_STRING_get0_data(digest), cms->len);
	cms->md = EVP_MD_CTX_new();
	if (cms->md == NULL || EVP_DigestInit_ex(cms->md, md, NULL) != 1)
		return ossl_fail(diag, "CMS signature");
	return ERR_OK;
}

/* The path is the trusted certificate alone, be it a root or not. */
static X509_STORE *
store_make(X509 *trusted, int64_t now)
{
	__attribute__((cleanup(store_cleanup))) X509_STORE *store = NULL;
	X509_VERIFY_PARAM *param;
	X509_STORE *out;

	store = X509_STORE_new();
	if (store == NULL || X509_STORE_add_cert(store, trusted) != 1 ||
	    X509_STORE_set_purpose(store, X509_PURPOSE_ANY) != 1 ||
	    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1)
		return NULL;
	param = X509_STORE_get0_param(store);
	X509_VERIFY_PARAM_set_time(param, (time_t)now);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	out = store;
	store = NULL;	/* transferred */
	return out;
}

/* Why CMS_verify() did not like it. */
static enum err
refusal(struct diag *diag)
{
	unsigned long code;
	const char *why = NULL;
	enum err err;
	int reason;

	code = ERR_peek_last_error_data(&why, NULL);
	reason = ERR_GET_REASON(code);
	if (reason == CMS_R_CERTIFICATE_VERIFY_ERROR ||
	    reason == CMS_R_SIGNER_CERTIFICATE_NOT_FOUND) {
		if (reason == CMS_R_SIGNER_CERTIFICATE_NOT_FOUND)
			why = "is another one";
		err = diag_fail(diag, ERR_NOTFOUND, "RFC 5652 5.6",
		    "CMS signature: signer: no good path to the registered "
		    "certificate: %.100s", why);
		diag_hint(diag, "register the very certificate that signs, "
		    "not the CA's above it; an expired one needs a signature "
		    "by its successor");
	} else {
		err = diag_fail(diag, ERR_AUTH, "RFC 5652 5.6",
		    "CMS signature: is not by the key of its signer's "
		    "certificate");
	}
	ERR_clear_error();
	return err;
}

static enum err
signature_check(CMS_ContentInfo *info, X509 *trusted, int64_t now,
    struct diag *diag)
{
	__attribute__((cleanup(store_cleanup))) X509_STORE *store = NULL;
	__attribute__((cleanup(stack_cleanup))) STACK_OF(X509) *extra = NULL;
	__attribute__((cleanup(bio_cleanup))) BIO *nothing = NULL;

	store = store_make(trusted, now);
	extra = sk_X509_new_null();
	nothing = BIO_new_mem_buf("", 0);
	if (store == NULL || extra == NULL || nothing == NULL ||
	    sk_X509_push(extra, trusted) < 1)
		return ossl_fail(diag, "CMS signature");
	/* the content's digest is compared in cms_end() */
	if (CMS_verify(info, extra, store, nothing, NULL,
	    CMS_BINARY | CMS_NO_CONTENT_VERIFY | CMS_NOINTERN) == 1)
		return ERR_OK;
	return refusal(diag);
}

enum err
cms_open(struct bytes der, struct bytes trusted, int64_t now,
    struct cms **ret_cms, struct diag *diag)
{
	__attribute__((cleanup(info_cleanup))) CMS_ContentInfo *info = NULL;
	_cleanup_cms_ struct cms *cms = NULL;
	_cleanup_x509_ X509 *x = NULL;
	enum err err;

	cms = calloc(1, sizeof(*cms));
	if (cms == NULL)
		return diag_nomem(diag);
	err = x509_parse(trusted, &x, diag);
	if (!err)
		err = info_parse(der, &info, diag);
	if (!err)
		err = digest_read(info, cms, diag);
	if (!err)
		err = signature_check(info, x, now, diag);
	if (err)
		return err;
	*ret_cms = cms;
	cms = NULL;	/* transferred */
	return ERR_OK;
}

void
cms_free(struct cms **cms)
{
	if (*cms == NULL)
		return;
	EVP_MD_CTX_free((*cms)->md);
	free(*cms);
	*cms = NULL;
}

enum err
cms_update(struct cms *cms, struct bytes content)
{
	return EVP_DigestUpdate(cms->md, content.ptr, content.len) == 1 ?
	    ERR_OK : ossl_fail(NULL, "digest");
}

enum err
cms_end(struct cms *cms, struct diag *diag)
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_DigestFinal_ex(cms->md, digest, NULL) != 1)
		return ossl_fail(diag, "digest");
	if (memcmp(digest, cms->digest, cms->len) == 0)
		return ERR_OK;
	(void)diag_fail(diag, ERR_AUTH, "RFC 5652 5.6", "CMS signature: is "
	    "over another content: the file was changed after it was signed, "
	    "or is another one");
	diag_hint(diag, "made without -binary, openssl cms signs other line "
	    "ends than the file's: have it signed again with -binary");
	return ERR_AUTH;
}
