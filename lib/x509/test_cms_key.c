#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/x509/cms_key.h"
#include "lib/x509/der.h"
#include "lib/x509/test_make.h"
#include "lib/x509/x509_internal.h"

#include <openssl/cms.h>

/* A key and its certificate, by itself. */
struct holder {
	struct public_key	 key;
	struct secret		 private;
	struct signer		*signer;
	struct buf		 certificate;
};

static void
holder_make(struct holder *h)
{
	struct certificate_profile profile = { .common_name = "holder",
		.subject_alg = KEY_P256, .path_len = -1, .with_ski = true };
	_cleanup_buf_ struct buf name = BUF_INIT;
	struct filling filling;

	*h = (struct holder){ .private = SECRET_INIT,
		.certificate = BUF_INIT };
	assert_int_equal(key_pair_make(KEY_P256, &h->key, &h->private, NULL),
	    ERR_OK);
	assert_int_equal(signer_new(KEY_P256, secret_bytes(&h->private),
	    &h->signer, NULL), ERR_OK);
	certificate_put_name(&name, NULL, "holder");
	profile.issuer_name = buf_bytes(&name);
	filling_make(&filling, &h->key);
	certificate_make(&profile, &filling, h->signer, &h->certificate);
	filling_release(&filling);
}

static void
holder_release(struct holder *h)
{
	secret_release(&h->private);
	signer_free(&h->signer);
	buf_release(&h->certificate);
}
#define _cleanup_holder_ __attribute__((cleanup(holder_release)))

static EVP_PKEY *
pkey_of(enum key_alg alg, struct bytes private)
{
	_cleanup_secret_ struct secret der = SECRET_INIT;
	const uint8_t *at;
	EVP_PKEY *key;

	assert_int_equal(private_key_put_der(alg, private, &der, NULL),
	    ERR_OK);
	at = der.ptr;
	key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
	assert_non_null(key);
	assert_ptr_equal(at, der.ptr + der.len);
	return key;
}

static X509 *
x509_of(const struct buf *der)
{
	X509 *x = NULL;

	assert_int_equal(x509_parse(buf_bytes(der), &x, NULL), ERR_OK);
	return x;
}

/* What OpenSSL's CMS finds in it: the octets that the maker signed. */
static void
opened(const struct buf *cms, const struct holder *to,
    const struct holder *by, struct buf *out)
{
	static const uint8_t type[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
		0x01, 0x07, 0x02 };
	_cleanup_x509_ X509 *recipient = x509_of(&to->certificate),
	    *maker = x509_of(&by->certificate);
	_cleanup_pkey_ EVP_PKEY *key = pkey_of(KEY_P256,
	    secret_bytes(&to->private));
	BIO *plain = BIO_new(BIO_s_mem()), *content = BIO_new(BIO_s_mem());
	STACK_OF(X509) *makers = sk_X509_new_null();
	_cleanup_buf_ struct buf info = BUF_INIT;
	const uint8_t *at = cms->ptr;
	CMS_ContentInfo *outer, *inner;
	size_t start;
	char *text;
	long len;

	outer = d2i_CMS_ContentInfo(NULL, &at, (long)cms->len);
	assert_non_null(outer);
	assert_ptr_equal(at, cms->ptr + cms->len);
	assert_int_equal(CMS_decrypt(outer, key, recipient, NULL, plain, 0),
	    1);
	len = BIO_get_mem_data(plain, &text);
	der_put_oid(&info, bytes_of(type, sizeof(type)));
	start = info.len;
	buf_put(&info, text, (size_t)len);
	der_wrap(&info, DER_CONTEXT_CONSTRUCTED(0), start);
	der_wrap(&info, DER_SEQUENCE, 0);
	at = info.ptr;
	inner = d2i_CMS_ContentInfo(NULL, &at, (long)info.len);
	assert_non_null(inner);
	assert_int_equal(sk_X509_push(makers, maker), 1);
	assert_int_equal(CMS_verify(inner, makers, NULL, NULL, content,
	    CMS_BINARY | CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY), 1);
	len = BIO_get_mem_data(content, &text);
	buf_put(out, text, (size_t)len);
	CMS_ContentInfo_free(outer);
	CMS_ContentInfo_free(inner);
	sk_X509_free(makers);
	BIO_free(plain);
	BIO_free(content);
}

static void
test_opened(void **state)
{
	static const enum key_alg algs[] = { KEY_P256, KEY_P384, KEY_ED25519,
		KEY_RSA2048 };
	_cleanup_holder_ struct holder to, by;
	size_t i;

	(void)state;
	holder_make(&to);
	holder_make(&by);
	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		_cleanup_secret_ struct secret private = SECRET_INIT,
		    der = SECRET_INIT;
		_cleanup_buf_ struct buf cms = BUF_INIT, found = BUF_INIT,
		    expected = BUF_INIT;
		struct cms_recipient recipient = {
			.certificate = buf_bytes(&to.certificate) };
		struct diag diag = DIAG_INIT;
		struct public_key key;

		public_key_copy(&recipient.key, &to.key);
		assert_int_equal(key_pair_make(algs[i], &key, &private, NULL),
		    ERR_OK);
		if (cms_put_key(&cms, algs[i], secret_bytes(&private),
		    by.signer, buf_bytes(&by.certificate), &recipient,
		    &diag) != ERR_OK)
			fail_msg("%s %s", diag.what, diag.internal);
		opened(&cms, &to, &by, &found);
		/* a package of that one key */
		assert_int_equal(private_key_put_der(algs[i],
		    secret_bytes(&private), &der, NULL), ERR_OK);
		der_put(&expected, DER_SEQUENCE, secret_bytes(&der));
		assert_true(bytes_equal(buf_bytes(&found),
		    buf_bytes(&expected)));
		/* nothing of it in the clear, nor twice the same */
		assert_null(memmem(cms.ptr, cms.len, private.ptr, 32));
		buf_clear(&found);
		assert_int_equal(cms_put_key(&found, algs[i],
		    secret_bytes(&private), by.signer,
		    buf_bytes(&by.certificate), &recipient, NULL), ERR_OK);
		assert_false(bytes_equal(buf_bytes(&found),
		    buf_bytes(&cms)));
	}
}

/* Found by its identifier where it has no certificate. */
static void
test_by_identifier(void **state)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_holder_ struct holder to, by;
	_cleanup_buf_ struct buf cms = BUF_INIT, found = BUF_INIT;
	struct cms_recipient recipient = { .certificate = BYTES_NONE };
	_cleanup_secret_ struct secret private = SECRET_INIT;
	uint8_t id[KEY_ID_SIZE];

	(void)state;
	holder_make(&to);
	holder_make(&by);
	public_key_copy(&recipient.key, &to.key);
	assert_int_equal(cms_put_key(&cms, KEY_P256,
	    secret_bytes(&by.private), by.signer, buf_bytes(&by.certificate),
	    &recipient, NULL), ERR_OK);
	opened(&cms, &to, &by, &found);
	/* X25519: what OpenSSL 3.0 does not read, a test end to end does */
	assert_int_equal(key_pair_make(KEY_X25519, &recipient.key, &private,
	    NULL), ERR_OK);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(certificate_key_id(sha256, &recipient.key, id),
	    ERR_OK);
	buf_clear(&cms);
	assert_int_equal(cms_put_key(&cms, KEY_P256,
	    secret_bytes(&by.private), by.signer, buf_bytes(&by.certificate),
	    &recipient, NULL), ERR_OK);
	assert_non_null(memmem(cms.ptr, cms.len, id, sizeof(id)));
}

static void
test_refused(void **state)
{
	_cleanup_holder_ struct holder by;
	_cleanup_buf_ struct buf cms = BUF_INIT;
	struct cms_recipient recipient = { .key = { .alg = KEY_P384 } };
	struct diag diag = DIAG_INIT;

	(void)state;
	holder_make(&by);
	assert_true(cms_agrees(KEY_P256) && cms_agrees(KEY_X25519));
	assert_false(cms_agrees(KEY_P384) || cms_agrees(KEY_RSA2048) ||
	    cms_agrees(KEY_ED25519));
	assert_int_equal(cms_put_key(&cms, KEY_P256,
	    secret_bytes(&by.private), by.signer, buf_bytes(&by.certificate),
	    &recipient, &diag), ERR_UNSUPPORTED);
	assert_non_null(strstr(diag.what, "P-384"));
	/* a certificate that is none */
	public_key_copy(&recipient.key, &by.key);
	assert_int_equal(cms_put_key(&cms, KEY_P256,
	    secret_bytes(&by.private), by.signer, bytes_of(by.certificate.ptr,
	    20), &recipient, &diag), ERR_SYNTAX);
	assert_int_equal(cms.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opened),
		cmocka_unit_test(test_by_identifier),
		cmocka_unit_test(test_refused)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
