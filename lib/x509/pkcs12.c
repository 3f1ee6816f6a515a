#include "lib/x509/pkcs12.h"

#include "lib/base/secret.h"
#include "lib/x509/x509_internal.h"

#include <openssl/pkcs12.h>

/* 16 octets: RFC 8018 4.1 wants 8 at least. The count makes a guess dear,
 * and a reader on a small device wait a second. */
#define SALT_SIZE	16
#define ITERATIONS	100000

static inline void
bags_free(STACK_OF(PKCS12_SAFEBAG) *bags)
{
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}

static inline void
safes_free(STACK_OF(PKCS7) *safes)
{
	sk_PKCS7_pop_free(safes, PKCS7_free);
}

#define PKCS12_CLEANUP(name, type, release)				\
	static inline void name(type **object) \
	{                                      \
		release(*object);              \
		*object = NULL;                \
	}

PKCS12_CLEANUP(bags_cleanup, STACK_OF(PKCS12_SAFEBAG), bags_free)
PKCS12_CLEANUP(safes_cleanup, STACK_OF(PKCS7), safes_free)
PKCS12_CLEANUP(p12_cleanup, PKCS12, PKCS12_free)
#undef PKCS12_CLEANUP

#define _cleanup_bags_ __attribute__((cleanup(bags_cleanup)))
#define _cleanup_safes_ __attribute__((cleanup(safes_cleanup)))
#define _cleanup_p12_ __attribute__((cleanup(p12_cleanup)))

static enum err
bag_add(const struct pkcs12_certificate *certificate,
    STACK_OF(PKCS12_SAFEBAG) **bags, struct diag *diag)
{
	_cleanup_x509_ X509 *x = NULL;
	PKCS12_SAFEBAG *bag;
	enum err err;

	err = x509_parse(certificate->der, &x, diag);
	if (err)
		return err;
	bag = PKCS12_add_cert(bags, x);
	if (bag == NULL || (certificate->name != NULL &&
	    PKCS12_add_friendlyname_utf8(bag, certificate->name, -1) != 1))
		return ossl_fail(diag, "PKCS#12 bag");
	return ERR_OK;
}

/* The bags encrypted, in a file with its MAC. */
static enum err
file_make(STACK_OF(PKCS12_SAFEBAG) *bags, const char *password,
    PKCS12 **ret_p12, struct diag *diag)
{
	_cleanup_safes_ STACK_OF(PKCS7) *safes = sk_PKCS7_new_null();
	_cleanup_p12_ PKCS12 *p12 = NULL;
	PKCS7 *safe;

	if (safes == NULL)
		return diag_nomem(diag);
	safe = PKCS12_pack_p7encdata(NID_aes_256_cbc, password, -1, NULL,
	    SALT_SIZE, ITERATIONS, bags);
	if (safe == NULL)
		return ossl_fail(diag, "PKCS#12 encryption");
	if (sk_PKCS7_push(safes, safe) < 1) {
		PKCS7_free(safe);
		return diag_nomem(diag);
	}
	p12 = PKCS12_add_safes(safes, 0);
	if (p12 == NULL || PKCS12_set_mac(p12, password, -1, NULL, SALT_SIZE,
	    ITERATIONS, EVP_sha256()) != 1)
		return ossl_fail(diag, "PKCS#12 MAC");
	*ret_p12 = p12;
	p12 = NULL;	/* transferred */
	return ERR_OK;
}

static enum err
password_text(struct bytes password, struct secret *ret_text,
    struct diag *diag)
{
	enum err err;

	if (password.len == 0 || !bytes_is_plain(password))
		return diag_fail(diag, ERR_INVALID, "RFC 7292 B.1",
		    "password: only the characters of ASCII are allowed");
	err = secret_alloc(ret_text, password.len + 1);
	if (!err)
		err = secret_put(ret_text, password);
	if (!err)
		err = secret_put(ret_text, bytes_of("", 1));
	return err ? diag_nomem(diag) : ERR_OK;
}

enum err
pkcs12_put(const struct pkcs12_certificate *certificates, size_t count,
    struct bytes password, struct buf *out, struct diag *diag)
{
	_cleanup_bags_ STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	_cleanup_secret_ struct secret text = SECRET_INIT;
	_cleanup_octets_ uint8_t *der = NULL;
	_cleanup_p12_ PKCS12 *p12 = NULL;
	size_t i;
	int len;
	enum err err;

	err = password_text(password, &text, diag);
	for (i = 0; i < count && !err; i++)
		err = bag_add(&certificates[i], &bags, diag);
	if (!err)
		err = file_make(bags, (const char *)text.ptr, &p12, diag);
	if (err)
		return err;
	len = i2d_PKCS12(p12, &der);
	if (len <= 0)
		return ossl_fail(diag, "PKCS#12 encoding");
	buf_put(out, der, (size_t)len);
	return buf_err(out);
}
