/* Certificates made and signed by OpenSSL, for tests of what a device reads:
 * any that a description asks for, good or not. */
#ifndef IMPRINT_DEVICE_OPENSSL_TEST_MAKE_H
#define IMPRINT_DEVICE_OPENSSL_TEST_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "device/adapters/openssl/internal.h"
#include "device/src/certificate.h"

#define MADE_MAX	2048
#define MADE_BORN	INT64_C(1700000000)
#define MADE_DIES	INT64_C(2900000000)

/* Texts as openssl.cnf has them; NULL: without that extension. */
struct make {
	const char	*subject, *issuer;
	const char	*basic, *usage, *extended;
	const char	*ski, *aki;	/* "hash", "keyid:always" */
	const char	*more;		/* "name=value" of any other */
	int64_t		 start, end;	/* 0: MADE_BORN, MADE_DIES */
};

struct made {
	uint8_t	der[MADE_MAX];
	size_t	len;
};

static inline struct imprint_bytes
made_bytes(const struct made *m)
{
	struct imprint_bytes b = { m->der, m->len };

	return b;
}

static inline EVP_PKEY *
make_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	assert_non_null(key);
	return key;
}

static inline void
make_name(X509_NAME *name, const char *text)
{
	if (text[0] != '\0')
		assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN",
		    MBSTRING_UTF8, (const uint8_t *)text, -1, -1, 0), 1);
}

static inline void
make_extension(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *e;

	if (value == NULL)
		return;
	e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	if (e == NULL)
		fail_msg("OpenSSL makes no extension of %s", value);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static inline void
make_more(X509 *x, X509V3_CTX *ctx, const char *more)
{
	char name[64];
	size_t len;

	if (more == NULL)
		return;
	len = strcspn(more, "=");
	assert_true(len < sizeof(name) && more[len] == '=');
	memcpy(name, more, len);
	name[len] = '\0';
	make_extension(x, ctx, OBJ_txt2nid(name), more + len + 1);
}

static inline void
make_certificate(const struct make *m, EVP_PKEY *key, EVP_PKEY *issuer_key,
    struct made *ret_made)
{
	_cleanup_x509_ X509 *x = X509_new(), *issuer = X509_new();
	uint8_t *at = ret_made->der;
	X509V3_CTX ctx;
	int len;

	assert_true(x != NULL && issuer != NULL);
	assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set_uint64(
	    X509_get_serialNumber(x), 0x8123456789), 1);
	make_name(X509_get_subject_name(x), m->subject);
	make_name(X509_get_issuer_name(x), m->issuer);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x),
	    m->start != 0 ? m->start : MADE_BORN));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x),
	    m->end != 0 ? m->end : MADE_DIES));
	assert_int_equal(X509_set_pubkey(x, key), 1);
	/* of the issuer, only what "keyid" asks it for */
	assert_int_equal(X509_set_pubkey(issuer, issuer_key), 1);
	X509V3_set_ctx(&ctx, issuer, issuer, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	make_extension(issuer, &ctx, NID_subject_key_identifier, "hash");
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	make_extension(x, &ctx, NID_basic_constraints, m->basic);
	make_extension(x, &ctx, NID_key_usage, m->usage);
	make_extension(x, &ctx, NID_ext_key_usage, m->extended);
	make_extension(x, &ctx, NID_subject_key_identifier, m->ski);
	make_extension(x, &ctx, NID_authority_key_identifier, m->aki);
	make_more(x, &ctx, m->more);
	assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
	len = i2d_X509(x, NULL);
	assert_in_range(len, 1, MADE_MAX);
	ret_made->len = (size_t)i2d_X509(x, &at);
}

#endif
