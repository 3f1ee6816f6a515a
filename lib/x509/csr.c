#include "lib/x509/csr.h"

#include "lib/x509/csr_internal.h"

static inline void
req_cleanup(X509_REQ **req)
{
	X509_REQ_free(*req);
}

static inline void
pss_cleanup(RSA_PSS_PARAMS **pss)
{
	RSA_PSS_PARAMS_free(*pss);
}

static enum err
request_parse(struct bytes der, X509_REQ **ret_req, struct diag *diag)
{
	const uint8_t *at = der.ptr;

	if (der.len > CSR_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL, "certification "
		    "request: longer than %zu octets", CSR_MAX);
	*ret_req = der.len == 0 ? NULL :
	    d2i_X509_REQ(NULL, &at, (long)der.len);
	ERR_clear_error();
	if (*ret_req == NULL)
		return diag_fail(diag, ERR_SYNTAX, "RFC 2986 4",
		    "certification request: no well-formed DER");
	if (at != der.ptr + der.len)
		return diag_fail(diag, ERR_SYNTAX, "RFC 2986 4",
		    "certification request: %zu octets follow it",
		    (size_t)(der.ptr + der.len - at));
	return ERR_OK;
}

static enum err
request_key(X509_REQ *req, struct public_key *ret_key, struct diag *diag)
{
	_cleanup_octets_ uint8_t *spki = NULL;
	int len;

	len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &spki);
	if (len <= 0)
		return ossl_fail(diag, "public key of a request");
	return public_key_from_spki(bytes_of(spki, (size_t)len), ret_key,
	    diag);
}

/* The digest of a signature; NID_undef: one of the algorithm's own. */
static int
signature_digest_nid(const X509_ALGOR *alg)
{
	__attribute__((cleanup(pss_cleanup))) RSA_PSS_PARAMS *pss = NULL;
	int digest = NID_sha1, type;
	const ASN1_OBJECT *object;
	const void *parameters;

	X509_ALGOR_get0(&object, &type, &parameters, alg);
	if (OBJ_obj2nid(object) != NID_rsassaPss)
		return OBJ_find_sigid_algs(OBJ_obj2nid(object), &digest,
		    NULL) == 1 ? digest : NID_sha1;
	/* RFC 4055 3.1: SHA-1 unless it says otherwise */
	if (type == V_ASN1_SEQUENCE)
		pss = ASN1_TYPE_unpack_sequence(
		    ASN1_ITEM_rptr(RSA_PSS_PARAMS), alg->parameter);
	if (pss != NULL && pss->hashAlgorithm != NULL) {
		X509_ALGOR_get0(&object, NULL, NULL, pss->hashAlgorithm);
		digest = OBJ_obj2nid(object);
	}
	return digest;
}

bool
csr_digest_is_strong(const X509_ALGOR *alg)
{
	int nid = signature_digest_nid(alg);

	return nid == NID_undef || nid == NID_sha256 || nid == NID_sha384 ||
	    nid == NID_sha512;
}

static enum err
proof_check(X509_REQ *req, struct diag *diag)
{
	const ASN1_BIT_STRING *signature;
	const X509_ALGOR *alg;
	int good;

	X509_REQ_get0_signature(req, &signature, &alg);
	if (!csr_digest_is_strong(alg)) {
		ERR_clear_error();
		(void)diag_fail(diag, ERR_UNSUPPORTED, "RFC 2986 4.2",
		    "certification request: signature: algorithm unknown, or "
		    "over a weak digest");
		diag_hint(diag, "sign requests with SHA-256, SHA-384, "
		    "SHA-512, Ed25519 or ML-DSA");
		return ERR_UNSUPPORTED;
	}
	good = X509_REQ_verify(req, X509_REQ_get0_pubkey(req));
	ERR_clear_error();
	if (good == 1)
		return ERR_OK;
	(void)diag_fail(diag, ERR_AUTH, "RFC 2986 4.2",
	    "certification request: its signature is not by its own key: no "
	    "proof of possession");
	diag_hint(diag, "have that device make its request again; a request "
	    "changed on the way does not verify either");
	return ERR_AUTH;
}

enum err
csr_read(struct bytes der, struct public_key *ret_key, struct diag *diag)
{
	__attribute__((cleanup(req_cleanup))) X509_REQ *req = NULL;
	struct public_key key;
	enum err err;

	err = request_parse(der, &req, diag);
	if (!err)
		err = request_key(req, &key, diag);
	if (!err)
		err = key_alg_available(key.alg, diag);
	if (!err)
		err = proof_check(req, diag);
	if (!err)
		public_key_copy(ret_key, &key);
	return err;
}
