#include "lib/x509/pkcs12.h"

#include "lib/x509/x509_internal.h"

#include <openssl/pkcs12.h>

#include "lib/x509/test_make.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define PASSWORD	"correct horse"

struct chain {
	struct authority		root, ca;
	struct pkcs12_certificate	certificates[2];
};

static void
chain_release(struct chain *c)
{
	authority_release(&c->root);
	authority_release(&c->ca);
}

static void
chain_make(struct chain *c)
{
	*c = (struct chain){ .root = AUTHORITY_INIT, .ca = AUTHORITY_INIT };
	authority_make(&c->root, "Root", 1, NULL);
	authority_make(&c->ca, "Issuing", 0, &c->root);
	c->certificates[0] = (struct pkcs12_certificate){
	    buf_bytes(&c->ca.der), "0102 slot 0" };
	c->certificates[1] = (struct pkcs12_certificate){
	    buf_bytes(&c->root.der), NULL };
}

static PKCS12 *
file_read(const struct buf *file)
{
	const uint8_t *at = file->ptr;
	PKCS12 *p12;

	p12 = d2i_PKCS12(NULL, &at, (long)file->len);
	assert_non_null(p12);
	assert_ptr_equal(at, file->ptr + file->len);
	return p12;
}

static void
holds(STACK_OF(X509) *certs, int i, struct bytes der, const char *name)
{
	_cleanup_octets_ uint8_t *again = NULL;
	X509 *x = sk_X509_value(certs, i);
	int len;

	assert_non_null(x);
	len = i2d_X509(x, &again);
	assert_true(bytes_equal(bytes_of(again, (size_t)len), der));
	if (name == NULL) {
		assert_null(X509_alias_get0(x, &len));
		return;
	}
	assert_non_null(X509_alias_get0(x, &len));
	assert_int_equal(len, strlen(name));
	assert_memory_equal(X509_alias_get0(x, &len), name, strlen(name));
}

static void
test_read_back(void **state)
{
	__attribute__((cleanup(chain_release))) struct chain chain;
	_cleanup_buf_ struct buf file = BUF_INIT;
	STACK_OF(X509) *certs = NULL;
	EVP_PKEY *key = NULL;
	X509 *own = NULL;
	PKCS12 *p12;

	(void)state;
	chain_make(&chain);
	assert_int_equal(pkcs12_put(chain.certificates, 2,
	    bytes_text(PASSWORD), &file, NULL), ERR_OK);
	p12 = file_read(&file);
	assert_int_equal(PKCS12_verify_mac(p12, "wrong", -1), 0);
	assert_int_equal(PKCS12_verify_mac(p12, PASSWORD, -1), 1);
	assert_int_equal(PKCS12_parse(p12, PASSWORD, &key, &own, &certs), 1);
	assert_null(key);
	assert_null(own);
	assert_int_equal(sk_X509_num(certs), 2);
	holds(certs, 0, chain.certificates[0].der, "0102 slot 0");
	holds(certs, 1, chain.certificates[1].der, NULL);
	sk_X509_pop_free(certs, X509_free);
	PKCS12_free(p12);
}

/* RFC 7292 4: not the algorithms of 1999 that libraries fall back to. */
static void
test_algorithms(void **state)
{
	__attribute__((cleanup(chain_release))) struct chain chain;
	_cleanup_buf_ struct buf file = BUF_INIT;
	const ASN1_OCTET_STRING *salt;
	const ASN1_INTEGER *count;
	const X509_ALGOR *mac, *pbe;
	STACK_OF(PKCS7) *safes;
	const PBE2PARAM *pbe2;
	PKCS12 *p12;

	(void)state;
	chain_make(&chain);
	assert_int_equal(pkcs12_put(chain.certificates, 1,
	    bytes_text(PASSWORD), &file, NULL), ERR_OK);
	p12 = file_read(&file);
	PKCS12_get0_mac(NULL, &mac, &salt, &count, p12);
	assert_int_equal(OBJ_obj2nid(mac->algorithm), NID_sha256);
	assert_int_equal(ASN1_STRING_length(salt), 16);
	assert_int_equal(ASN1_INTEGER_get(count), 100000);
	safes = PKCS12_unpack_authsafes(p12);
	assert_int_equal(sk_PKCS7_num(safes), 1);
	pbe = sk_PKCS7_value(safes, 0)->d.encrypted->enc_data->algorithm;
	assert_int_equal(OBJ_obj2nid(pbe->algorithm), NID_pbes2);
	pbe2 = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM),
	    pbe->parameter);
	assert_non_null(pbe2);
	assert_int_equal(OBJ_obj2nid(pbe2->encryption->algorithm),
	    NID_aes_256_cbc);
	assert_int_equal(OBJ_obj2nid(pbe2->keyfunc->algorithm),
	    NID_id_pbkdf2);
	PBE2PARAM_free((PBE2PARAM *)(uintptr_t)pbe2);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	PKCS12_free(p12);
}

static void
test_refused(void **state)
{
	static const struct bytes passwords[] = {
		{ NULL, 0 }, { (const uint8_t *)"a\0b", 3 },
		{ (const uint8_t *)"caf\xc3\xa9", 5 },
		{ (const uint8_t *)"\t", 1 },
	};
	__attribute__((cleanup(chain_release))) struct chain chain;
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct diag diag = DIAG_INIT;
	size_t i;

	(void)state;
	chain_make(&chain);
	for (i = 0; i < COUNT(passwords); i++)
		assert_int_equal(pkcs12_put(chain.certificates, 2,
		    passwords[i], &file, NULL), ERR_INVALID);
	chain.certificates[1].der.len--;
	assert_int_equal(pkcs12_put(chain.certificates, 2,
	    bytes_text(PASSWORD), &file, &diag), ERR_SYNTAX);
	assert_non_null(strstr(diag.what, "certificate"));
	assert_int_equal(file.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
