#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "device/adapters/openssl/internal.h"

#define PACKAGES	"tests/vectors/device-packages.txt"
#define NOW		INT64_C(1790000000)
#define OUT_SIZE	((size_t)32 << 10)
#define PASSWORD	"correct horse"
#define CHAIN		2	/* issuing CA, root */

struct fixture {
	uint8_t				*package;
	struct imprint_device_identity	 identity;
	const struct imprint_device_key	*key;
	uint8_t				 out[OUT_SIZE];
	size_t				 len;
};

/* The first package of the vectors, "good". */
static int
fixture_open(void **state)
{
	struct imprint_device_trust trust = { .now = NOW };
	struct fixture *f = calloc(1, sizeof(*f));
	struct imprint_device_report report;
	struct imprint_bytes package;
	char *line = NULL, *hex;
	size_t i, size = 0;
	unsigned value;
	FILE *file;

	file = fopen(PACKAGES, "r");
	if (f == NULL || file == NULL || getline(&line, &size, file) <= 0)
		return -1;
	(void)fclose(file);
	hex = strrchr(line, '|') + 1;
	package.len = strcspn(hex, "\n") / 2;
	f->package = malloc(package.len);
	assert_non_null(f->package);
	for (i = 0; i < package.len; i++) {
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
		f->package[i] = (uint8_t)value;
	}
	free(line);
	package.ptr = f->package;
	assert_int_equal(imprint_device_verify(imprint_device_openssl(),
	    package, &trust, &f->identity, &report), IMPRINT_DEVICE_OK);
	assert_int_equal(report.verdict, IMPRINT_DEVICE_ACCEPT);
	for (i = 0; i < f->identity.key_count; i++)
		if (f->identity.keys[i].purpose == IMPRINT_DEVICE_AUTHENTICATE)
			f->key = &f->identity.keys[i];
	assert_non_null(f->key);
	*state = f;
	return 0;
}

static int
fixture_close(void **state)
{
	struct fixture *f = *state;

	free(f->package);
	free(f);
	return 0;
}

static void
is_certificate(X509 *x, struct imprint_bytes der)
{
	uint8_t *again = NULL;
	int len = i2d_X509(x, &again);

	assert_int_equal(len, der.len);
	assert_memory_equal(again, der.ptr, der.len);
	OPENSSL_free(again);
}

static void
is_key(EVP_PKEY *pkey, const struct imprint_device_key *key)
{
	uint8_t scalar[32];
	BIGNUM *d = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(pkey,
	    OSSL_PKEY_PARAM_PRIV_KEY, &d), 1);
	assert_int_equal(BN_bn2binpad(d, scalar, sizeof(scalar)),
	    sizeof(scalar));
	assert_memory_equal(scalar, key->private_key.ptr, sizeof(scalar));
	BN_clear_free(d);
}

/* Each certificate of the chain issued the one before it. */
static void
is_issuer(X509 *issuer, X509 *subject)
{
	assert_int_equal(X509_check_issued(issuer, subject), X509_V_OK);
	assert_int_equal(X509_verify(subject, X509_get0_pubkey(issuer)), 1);
}

static void
test_pem(void **state)
{
	struct fixture *f = *state;
	X509 *x, *before;
	EVP_PKEY *pkey;
	BIO *in;
	int i;

	assert_int_equal(imprint_openssl_export_pem(&f->identity, f->key,
	    f->out, OUT_SIZE, &f->len), 0);
	in = BIO_new_mem_buf(f->out, (int)f->len);
	pkey = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	before = PEM_read_bio_X509(in, NULL, NULL, NULL);
	assert_non_null(pkey);
	assert_non_null(before);
	is_key(pkey, f->key);
	is_certificate(before, f->key->certificate);
	for (i = 0; i < CHAIN; i++) {
		x = PEM_read_bio_X509(in, NULL, NULL, NULL);
		assert_non_null(x);
		is_issuer(x, before);
		X509_free(before);
		before = x;
	}
	is_certificate(before, f->identity.certs[f->identity.root]);
	assert_null(PEM_read_bio_X509(in, NULL, NULL, NULL));
	X509_free(before);
	EVP_PKEY_free(pkey);
	BIO_free(in);
}

static void
test_pkcs12(void **state)
{
	struct fixture *f = *state;
	const uint8_t *at = f->out;
	STACK_OF(X509) *chain = NULL;
	EVP_PKEY *pkey = NULL;
	X509 *leaf = NULL;
	PKCS12 *p12;
	int len;

	assert_int_equal(imprint_openssl_export_pkcs12(&f->identity, f->key,
	    PASSWORD, "camera", f->out, OUT_SIZE, &f->len), 0);
	p12 = d2i_PKCS12(NULL, &at, (long)f->len);
	assert_non_null(p12);
	assert_ptr_equal(at, f->out + f->len);
	assert_int_equal(PKCS12_verify_mac(p12, "another", -1), 0);
	assert_int_equal(PKCS12_parse(p12, PASSWORD, &pkey, &leaf, &chain),
	    1);
	is_key(pkey, f->key);
	is_certificate(leaf, f->key->certificate);
	assert_int_equal(sk_X509_num(chain), CHAIN);
	is_issuer(sk_X509_value(chain, 0), leaf);
	is_issuer(sk_X509_value(chain, 1), sk_X509_value(chain, 0));
	is_certificate(sk_X509_value(chain, 1),
	    f->identity.certs[f->identity.root]);
	assert_memory_equal(X509_alias_get0(leaf, &len), "camera", 6);
	certs_release(chain);
	X509_free(leaf);
	EVP_PKEY_free(pkey);
	PKCS12_free(p12);
}

/* The private key's octets are nowhere in the file. */
static void
test_pkcs12_is_encrypted(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(imprint_openssl_export_pkcs12(&f->identity, f->key,
	    PASSWORD, "camera", f->out, OUT_SIZE, &f->len), 0);
	assert_null(memmem(f->out, f->len, f->key->private_key.ptr,
	    f->key->private_key.len));
	assert_null(memmem(f->out, f->len, f->key->certificate.ptr, 64));
}

static void
test_refused(void **state)
{
	static const char *const passwords[] = {
		"", "caf\xc3\xa9", "a\tb", "\x7f",
	};
	struct fixture *f = *state;
	struct imprint_device_key key = *f->key;
	size_t i, len = 77;

	assert_true(imprint_openssl_password_fits(" ~!"));
	for (i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++) {
		assert_false(imprint_openssl_password_fits(passwords[i]));
		assert_int_not_equal(imprint_openssl_export_pkcs12(
		    &f->identity, &key, passwords[i], "camera", f->out,
		    OUT_SIZE, &len), 0);
	}
	assert_int_not_equal(imprint_openssl_export_pem(&f->identity, &key,
	    f->out, 2000, &len), 0);
	/* a private key that is elsewhere, and one of another certificate */
	key.private_key.len = 0;
	assert_int_not_equal(imprint_openssl_export_pem(&f->identity, &key,
	    f->out, OUT_SIZE, &len), 0);
	key.private_key = f->key->private_key;
	key.certificate = f->identity.certs[f->identity.root];
	assert_int_not_equal(imprint_openssl_export_pem(&f->identity, &key,
	    f->out, OUT_SIZE, &len), 0);
	key.certificate.len = 0;
	assert_int_not_equal(imprint_openssl_export_pem(&f->identity, &key,
	    f->out, OUT_SIZE, &len), 0);
	assert_int_equal(len, 77);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pem),
		cmocka_unit_test(test_pkcs12),
		cmocka_unit_test(test_pkcs12_is_encrypted),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
