#include "lib/x509/csr.h"
#include "lib/x509/test_csr_make.h"

/* Two P-256 keys: the one asked for, and the one there is. */
struct pair {
	struct public_key	 key;
	struct signer		*by, *old;
};

static struct signer *
signer_make(struct public_key *ret_key)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	struct signer *signer = NULL;

	assert_int_equal(key_pair_make(KEY_P256, ret_key, &private, NULL),
	    ERR_OK);
	assert_int_equal(signer_new(KEY_P256, secret_bytes(&private), &signer,
	    NULL), ERR_OK);
	return signer;
}

static int
pair_make(void **state)
{
	static struct pair p;
	struct public_key old;

	p.by = signer_make(&p.key);
	p.old = signer_make(&old);
	*state = &p;
	return 0;
}

static int
pair_free(void **state)
{
	struct pair *p = *state;

	signer_free(&p->by);
	signer_free(&p->old);
	return 0;
}

/* The request with these attributes, by the rules of csr_read(). */
static void
request_make(const struct pair *p, const struct buf *attributes,
    struct buf *out)
{
	struct public_key key;

	csr_make_with(&p->key, p->by, buf_bytes(attributes), out);
	assert_int_equal(csr_read(buf_bytes(out), &key, NULL), ERR_OK);
	assert_true(public_key_equal(&key, &p->key));
}

static enum err
countersigned(const struct pair *p, const struct buf *attributes)
{
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct diag diag = DIAG_INIT;
	enum err err;

	request_make(p, attributes, &der);
	err = csr_countersigned(buf_bytes(&der), signer_public(p->old),
	    &diag);
	assert_true((err == ERR_OK || err == ERR_NOTFOUND) ==
	    (diag.what[0] == '\0'));
	return err;
}

static void
test_countersigned(void **state)
{
	_cleanup_buf_ struct buf a = BUF_INIT, value = BUF_INIT,
	    der = BUF_INIT;
	const struct pair *p = *state;

	assert_int_equal(countersigned(p, &a), ERR_NOTFOUND);
	/* what else is there is signed with it, and stays where it is */
	der_put_utf8(&value, "x");
	csr_put_attribute(&a, OID_OF(oid_challenge), buf_bytes(&value));
	assert_int_equal(countersigned(p, &a), ERR_NOTFOUND);
	csr_put_countersignature(&a, &p->key, p->old,
	    OID_OF(oid_ecdsa_sha256));
	assert_int_equal(countersigned(p, &a), ERR_OK);
	/* the key that is asked for is not the one that counts */
	request_make(p, &a, &der);
	assert_int_equal(csr_countersigned(buf_bytes(&der), &p->key, NULL),
	    ERR_AUTH);
	csr_put_attribute(&a, OID_OF(oid_ecdsa_sha1), buf_bytes(&value));
	assert_int_equal(countersigned(p, &a), ERR_AUTH);
}

static void
test_not_countersigned(void **state)
{
	_cleanup_buf_ struct buf a = BUF_INIT, good = BUF_INIT,
	    value = BUF_INIT;
	const struct pair *p = *state;

	/* of the request for another key */
	csr_put_countersignature(&a, signer_public(p->old), p->old,
	    OID_OF(oid_ecdsa_sha256));
	assert_int_equal(countersigned(p, &a), ERR_AUTH);
	buf_clear(&a);
	csr_put_countersignature(&a, &p->key, p->by,
	    OID_OF(oid_ecdsa_sha256));
	assert_int_equal(countersigned(p, &a), ERR_AUTH);
	buf_clear(&a);
	csr_put_countersignature(&a, &p->key, p->old,
	    OID_OF(oid_ecdsa_sha1));
	assert_int_equal(countersigned(p, &a), ERR_UNSUPPORTED);
	buf_clear(&a);
	csr_put_countersignature(&a, &p->key, p->old, OID_OF(oid_challenge));
	assert_int_equal(countersigned(p, &a), ERR_UNSUPPORTED);
	/* twice, and each of the two alone */
	csr_put_countersignature(&good, &p->key, p->old,
	    OID_OF(oid_ecdsa_sha256));
	buf_clear(&a);
	buf_put_bytes(&a, buf_bytes(&good));
	buf_put_bytes(&a, buf_bytes(&good));
	assert_int_equal(countersigned(p, &a), ERR_SYNTAX);
	buf_clear(&a);
	csr_put_algorithm(&value, OID_OF(oid_ecdsa_sha256));
	csr_put_attribute(&a, OID_OF(oid_alt_algorithm), buf_bytes(&value));
	assert_int_equal(countersigned(p, &a), ERR_SYNTAX);
	assert_memory_equal(good.ptr, a.ptr, a.len);
	buf_clear(&value);
	buf_put(&value, good.ptr + a.len, good.len - a.len);
	assert_int_equal(countersigned(p, &value), ERR_SYNTAX);
}

static void
test_bad_countersignature(void **state)
{
	/* no octet string, unused bits, nothing, two values */
	static const char *const values[] = { "0402aabb", "030301aabb",
		"030100", "03030001020303000102" };
	const struct pair *p = *state;
	uint8_t octets[32];
	size_t i, len;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		_cleanup_buf_ struct buf a = BUF_INIT, value = BUF_INIT;

		csr_put_algorithm(&value, OID_OF(oid_ecdsa_sha256));
		csr_put_attribute(&a, OID_OF(oid_alt_algorithm),
		    buf_bytes(&value));
		assert_int_equal(hex_decode(values[i], octets,
		    sizeof(octets), &len), ERR_OK);
		csr_put_attribute(&a, OID_OF(oid_alt_value), bytes_of(octets,
		    len));
		if (countersigned(p, &a) != ERR_SYNTAX)
			fail_msg("%s", values[i]);
	}
}

static enum err
challenge(const struct pair *p, const struct buf *attributes, struct buf *out)
{
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct diag diag = DIAG_INIT;
	enum err err;

	buf_clear(out);
	request_make(p, attributes, &der);
	err = csr_challenge(buf_bytes(&der), out, &diag);
	assert_true((err == ERR_SYNTAX) == (diag.what[0] != '\0'));
	return err;
}

static void
test_challenge(void **state)
{
	char text[CSR_CHALLENGE_MAX + 2];
	_cleanup_buf_ struct buf a = BUF_INIT, value = BUF_INIT,
	    out = BUF_INIT;
	const struct pair *p = *state;

	assert_int_equal(challenge(p, &a, &out), ERR_NOTFOUND);
	der_put_utf8(&value, "AbC+/=");
	csr_put_attribute(&a, OID_OF(oid_challenge), buf_bytes(&value));
	assert_int_equal(challenge(p, &a, &out), ERR_OK);
	assert_string_equal(buf_text(&out), "AbC+/=");
	csr_put_attribute(&a, OID_OF(oid_challenge), buf_bytes(&value));
	assert_int_equal(challenge(p, &a, &out), ERR_SYNTAX);
	buf_clear(&a);
	der_put_utf8(&value, "second");
	csr_put_attribute(&a, OID_OF(oid_challenge), buf_bytes(&value));
	assert_int_equal(challenge(p, &a, &out), ERR_SYNTAX);
	buf_clear(&a);
	buf_clear(&value);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	der_put_printable(&value, text + 1);
	csr_put_attribute(&a, OID_OF(oid_challenge), buf_bytes(&value));
	assert_int_equal(challenge(p, &a, &out), ERR_OK);
	assert_int_equal(out.len, CSR_CHALLENGE_MAX);
	buf_clear(&a);
	buf_clear(&value);
	der_put_printable(&value, text);
	csr_put_attribute(&a, OID_OF(oid_challenge), buf_bytes(&value));
	assert_int_equal(challenge(p, &a, &out), ERR_SYNTAX);
	buf_clear(&a);
	buf_clear(&value);
	der_put_uint(&value, 7);
	csr_put_attribute(&a, OID_OF(oid_challenge), buf_bytes(&value));
	assert_int_equal(challenge(p, &a, &out), ERR_SYNTAX);
}

/* Whatever is cut off, nothing is found in it. */
static void
test_cut_off(void **state)
{
	_cleanup_buf_ struct buf a = BUF_INIT, der = BUF_INIT, out = BUF_INIT;
	const struct pair *p = *state;
	size_t i;

	csr_put_countersignature(&a, &p->key, p->old,
	    OID_OF(oid_ecdsa_sha256));
	request_make(p, &a, &der);
	for (i = 0; i < der.len; i++) {
		assert_int_equal(csr_countersigned(bytes_of(der.ptr, i),
		    signer_public(p->old), NULL), ERR_SYNTAX);
		assert_int_equal(csr_challenge(bytes_of(der.ptr, i), &out,
		    NULL), ERR_SYNTAX);
	}
}

static enum err
sealing(const struct pair *p, const char *attributes,
    struct csr_sealing *ret_sealing, struct buf *der)
{
	uint8_t octets[128];
	size_t len = 0;

	assert_int_equal(hex_decode(attributes, octets, sizeof(octets), &len),
	    ERR_OK);
	csr_make_with(&p->key, p->by, bytes_of(octets, len), der);
	return csr_sealing_read(buf_bytes(der), ret_sealing, NULL);
}

#define ATTRIBUTE_SYMMETRIC \
	"3012060b2a864886f70d010910022531030401aa"
#define ATTRIBUTE_ASYMMETRIC \
	"3013060b2a864886f70d010910023631040402abcd"
#define ATTRIBUTE_CAPABLE(oid) \
	"301c06092a864886f70d01090f310f300d300b0609" oid
#define AES256_CBC	"60864801650304012a"
#define AES128_CBC	"608648016503040102"

/* RFC 7030 4.4.1, by hand */
static void
test_sealing(void **state)
{
	static const char *const bad[] = {
		"3012060b2a864886f70d010910023631030201aa",
		"3011060b2a864886f70d010910023631020400",
		"300d06092a864886f70d01090f3100",
		"301006092a864886f70d01090f310330010a"
	};
	_cleanup_buf_ struct buf der = BUF_INIT;
	const struct pair *p = *state;
	struct csr_sealing s;
	size_t i;

	assert_int_equal(sealing(p, "", &s, &der), ERR_OK);
	assert_true(s.aes256 && !s.symmetric && s.key_id.len == 0);
	assert_int_equal(sealing(p, ATTRIBUTE_SYMMETRIC, &s, &der), ERR_OK);
	assert_true(s.aes256 && s.symmetric && s.key_id.len == 0);
	assert_int_equal(sealing(p, ATTRIBUTE_ASYMMETRIC, &s, &der), ERR_OK);
	assert_true(s.aes256 && !s.symmetric && s.key_id.len == 2 &&
	    s.key_id.ptr[1] == 0xcd);
	assert_int_equal(sealing(p, ATTRIBUTE_CAPABLE(AES256_CBC), &s, &der),
	    ERR_OK);
	assert_true(s.aes256);
	assert_int_equal(sealing(p, ATTRIBUTE_CAPABLE(AES128_CBC), &s, &der),
	    ERR_OK);
	assert_false(s.aes256);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sealing(p, bad[i], &s, &der) != ERR_SYNTAX)
			fail_msg("%s", bad[i]);
	for (i = 0; i < der.len; i++)
		assert_int_equal(csr_sealing_read(bytes_of(der.ptr, i), &s,
		    NULL), ERR_SYNTAX);
}

/* RFC 7030 4.5.2, by hand */
#define ALT		"0603551d490603551d4a"
#define WANTED_P256	"302c06092a864886f70d010907301506072a86" \
	"48ce3d0201310a06082a8648ce3d030107" ALT
#define WANTED_P384	"301e301206072a8648ce3d0201310706052b81040022" ALT
#define WANTED_RSA	"301d301106092a864886f70d010101310402020c00" ALT

static void
test_wanted(void **state)
{
	static const struct {
		enum key_alg	 alg;
		bool		 challenge;
		const char	*hex;
	} cases[] = {
		{ 0, false, "300a0603551d490603551d4a" },
		{ KEY_P256, true, WANTED_P256 },
		{ KEY_P384, false, WANTED_P384 },
		{ KEY_RSA3072, false, WANTED_RSA },
		{ KEY_ED25519, false, "300f06032b65700603551d490603551d4a" }
	};
	_cleanup_buf_ struct buf out = BUF_INIT, hex = BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		buf_clear(&hex);
		csr_put_wanted(&out, cases[i].alg, cases[i].challenge);
		buf_put_hex(&hex, buf_bytes(&out));
		assert_string_equal(buf_text(&hex), cases[i].hex);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_countersigned),
		cmocka_unit_test(test_not_countersigned),
		cmocka_unit_test(test_bad_countersignature),
		cmocka_unit_test(test_challenge),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_sealing),
		cmocka_unit_test(test_wanted)
	};

	return cmocka_run_group_tests(tests, pair_make, pair_free);
}
