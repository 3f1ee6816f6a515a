#include "lib/http/self_signed.h"

#include "lib/crypto/ossl.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/crypto/key.h"
#include "lib/crypto/random.h"

#define VALID_FROM	"19700101000000Z"	/* clocks that were not set */
#define VALID_UNTIL	"99991231235959Z"	/* RFC 5280 4.1.2.5: never */
#define SERIAL_SIZE	16

#define CLEANUP(name, type, release)					\
	static void name(type **object) \
	{                               \
		release(*object);       \
		*object = NULL;         \
	}
CLEANUP(bio_cleanup, BIO, BIO_free_all)
CLEANUP(x509_cleanup, X509, X509_free)
CLEANUP(extension_cleanup, X509_EXTENSION, X509_EXTENSION_free)
#undef CLEANUP
#define _cleanup_bio_ __attribute__((cleanup(bio_cleanup)))
#define _cleanup_x509_ __attribute__((cleanup(x509_cleanup)))
#define _cleanup_extension_ __attribute__((cleanup(extension_cleanup)))

/* Letters, digits, hyphens and dots: nothing that OpenSSL's extension syntax
 * would read as more than one name. */
static bool
is_dns_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= 253 && strspn(name, "abcdefghijklmnopqrst"
	    "uvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == len;
}

static bool
is_address(const char *name)
{
	struct in6_addr v6;
	struct in_addr v4;

	return inet_pton(AF_INET, name, &v4) == 1 ||
	    inet_pton(AF_INET6, name, &v6) == 1;
}

/* "DNS:line-1,IP:10.0.0.1" */
static enum err
alternatives_put(const char *const *names, size_t count, struct buf *out,
    struct diag *diag)
{
	size_t i;

	if (count == 0 || count > SELF_SIGNED_NAMES_MAX)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "TLS certificate: %zu names", count);
	for (i = 0; i < count; i++) {
		if (!is_address(names[i]) && !is_dns_name(names[i]))
			return diag_fail(diag, ERR_INVALID,
			    "RFC 5280 4.2.1.6", "TLS certificate: \"%s\" is"
			    " neither a DNS name nor an IP address",
			    names[i]);
		buf_printf(out, "%s%s:%s", i > 0 ? "," : "",
		    is_address(names[i]) ? "IP" : "DNS", names[i]);
	}
	return ERR_OK;
}

static bool
extension_add(X509 *certificate, int nid, const char *value)
{
	_cleanup_extension_ X509_EXTENSION *extension = NULL;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	return extension != NULL &&
	    X509_add_ext(certificate, extension, -1) == 1;
}

static bool
serial_set(X509 *certificate, struct diag *diag)
{
	uint8_t octets[SERIAL_SIZE];
	_cleanup_bn_ BIGNUM *number = NULL;

	if (random_bytes(octets, sizeof(octets), diag) != ERR_OK)
		return false;
	octets[0] = (octets[0] & 0x7f) | 0x40;	/* positive, full length */
	number = BN_bin2bn(octets, sizeof(octets), NULL);
	return number != NULL && BN_to_ASN1_INTEGER(number,
	    X509_get_serialNumber(certificate)) != NULL;
}

static bool
times_set(X509 *certificate)
{
	return ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate),
	    VALID_FROM) == 1 && ASN1_TIME_set_string_X509(
	    X509_getm_notAfter(certificate), VALID_UNTIL) == 1;
}

static bool
certificate_fill(X509 *certificate, const char *name,
    const char *alternatives, EVP_PKEY *key, struct diag *diag)
{
	X509_NAME *subject = X509_get_subject_name(certificate);

	return X509_set_version(certificate, X509_VERSION_3) == 1 &&
	    serial_set(certificate, diag) && times_set(certificate) &&
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0) == 1 &&
	    X509_set_issuer_name(certificate, subject) == 1 &&
	    X509_set_pubkey(certificate, key) == 1 &&
	    extension_add(certificate, NID_basic_constraints,
	    "critical,CA:FALSE") &&
	    extension_add(certificate, NID_key_usage,
	    "critical,digitalSignature") &&
	    extension_add(certificate, NID_ext_key_usage, "serverAuth") &&
	    extension_add(certificate, NID_subject_key_identifier, "hash") &&
	    extension_add(certificate, NID_subject_alt_name, alternatives) &&
	    X509_sign(certificate, key, EVP_sha256()) > 0;
}

static enum err
certificate_put(X509 *certificate, struct buf *out, struct diag *diag)
{
	_cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len;

	if (bio == NULL || PEM_write_bio_X509(bio, certificate) != 1)
		return ossl_fail(diag, "TLS certificate");
	len = BIO_get_mem_data(bio, &text);
	buf_put(out, text, (size_t)len);
	return buf_err(out) ? diag_nomem(diag) : ERR_OK;
}

static enum err
key_make(struct secret *ret_pem, EVP_PKEY **ret_key, struct diag *diag)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	_cleanup_bio_ BIO *bio = NULL;
	struct public_key public;
	enum err err;

	err = key_pair_make(KEY_P256, &public, &private, diag);
	if (!err)
		err = private_key_put_pem(KEY_P256, secret_bytes(&private),
		    ret_pem, diag);
	if (err)
		return err;
	bio = BIO_new_mem_buf(ret_pem->ptr, (int)ret_pem->len);
	if (bio != NULL)
		*ret_key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	return *ret_key == NULL ? ossl_fail(diag, "TLS key") : ERR_OK;
}

enum err
self_signed_make(const char *const *names, size_t count,
    struct buf *certificate_pem, struct secret *ret_key, struct diag *diag)
{
	_cleanup_buf_ struct buf alternatives = BUF_INIT;
	_cleanup_x509_ X509 *certificate = NULL;
	_cleanup_pkey_ EVP_PKEY *key = NULL;
	enum err err;

	err = alternatives_put(names, count, &alternatives, diag);
	if (!err)
		err = key_make(ret_key, &key, diag);
	if (err)
		return err;
	certificate = X509_new();
	if (certificate == NULL)
		return diag_nomem(diag);
	if (!certificate_fill(certificate, names[0], buf_text(&alternatives),
	    key, diag))
		return ossl_fail(diag, "TLS certificate");
	return certificate_put(certificate, certificate_pem, diag);
}

enum err
certificate_fingerprint(struct bytes pem, uint8_t ret_hash[SHA256_SIZE],
    struct diag *diag)
{
	_cleanup_x509_ X509 *certificate = NULL;
	_cleanup_bio_ BIO *bio = NULL;
	unsigned len = SHA256_SIZE;

	if (pem.len > 0 && pem.len <= INT_MAX)
		bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	if (bio != NULL)
		certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (certificate == NULL) {
		ERR_clear_error();
		return diag_fail(diag, ERR_SYNTAX, "RFC 7468",
		    "TLS certificate: no certificate in PEM");
	}
	if (X509_digest(certificate, EVP_sha256(), ret_hash, &len) != 1)
		return ossl_fail(diag, "TLS certificate");
	return ERR_OK;
}
