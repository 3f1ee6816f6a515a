/* Whatever the device's own reader of certificates accepts, OpenSSL reads
 * too, and both find the same in it. */
#include "device/adapters/openssl/test_make.h"

#define ROUNDS		30000
#define SEEDS		4

static EVP_PKEY *key, *issuer_key;

static int
keys_open(void **state)
{
	(void)state;
	key = make_key();
	issuer_key = make_key();
	return 0;
}

static int
keys_close(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	EVP_PKEY_free(issuer_key);
	return 0;
}

/* A root's, an issuing CA's, a signer's, a device's with much in it. */
static const struct make seeds[SEEDS] = {
	{ "Root", "Root", "critical,CA:TRUE,pathlen:2",
	    "critical,keyCertSign,cRLSign", NULL, "hash", "keyid:always",
	    NULL, 0, INT64_C(253402300799) },
	{ "Zürich CA", "Root", "critical,CA:TRUE",
	    "critical,keyCertSign,cRLSign", "clientAuth", "hash",
	    "keyid:always", NULL, 0, 0 },
	{ "Signer", "Root", "critical,CA:FALSE", "critical,digitalSignature",
	    "1.3.6.1.5.5.7.3.36", NULL, "keyid:always", NULL, 0, 0 },
	{ "0123", "Zürich CA", NULL, "critical,digitalSignature,keyAgreement",
	    "clientAuth,serverAuth", NULL, "keyid:always",
	    "crlDistributionPoints=URI:http://crl.example/0.crl", 0, 0 }
};

static int64_t
seconds_of(const ASN1_TIME *at)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;

	assert_int_equal(ASN1_TIME_diff(&days, &seconds, epoch, at), 1);
	ASN1_TIME_free(epoch);
	return (int64_t)days * 86400 + seconds;
}

static bool
name_same(const X509_NAME *name, struct bytes ours)
{
	const uint8_t *der;
	size_t len;

	return X509_NAME_get0_der(name, &der, &len) == 1 &&
	    bytes_equal(bytes_of(der, len), ours);
}

static bool
string_same(const ASN1_STRING *s, struct bytes ours)
{
	if (s == NULL)
		return ours.len == 0;
	return bytes_equal(bytes_of(ASN1_STRING_get0_data(s),
	    (size_t)ASN1_STRING_length(s)), ours);
}

static bool
serial_same(X509 *x, struct bytes ours)
{
	BIGNUM *a = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	BIGNUM *b = BN_bin2bn(ours.ptr, (int)ours.len, NULL);
	bool same = a != NULL && b != NULL && BN_cmp(a, b) == 0;

	BN_free(a);
	BN_free(b);
	return same;
}

static bool
signature_same(X509 *x, const struct certificate *c)
{
	const ASN1_BIT_STRING *bits;
	const BIGNUM *r, *s;
	uint8_t raw[64];
	const uint8_t *at;
	ECDSA_SIG *sig;
	bool same;

	X509_get0_signature(&bits, NULL, x);
	at = ASN1_STRING_get0_data(bits);
	sig = d2i_ECDSA_SIG(NULL, &at, ASN1_STRING_length(bits));
	if (sig == NULL)
		return false;
	ECDSA_SIG_get0(sig, &r, &s);
	same = BN_bn2binpad(r, raw, 32) == 32 &&
	    BN_bn2binpad(s, raw + 32, 32) == 32 &&
	    memcmp(raw, c->signature, 64) == 0;
	ECDSA_SIG_free(sig);
	return same;
}

/* The point at the end of the bit string; the reader compared the rest. */
static bool
point_same(X509 *x, const struct certificate *c)
{
	const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);
	const uint8_t *at = ASN1_STRING_get0_data(bits);

	return c->key.alg == IMPRINT_DEVICE_P256 &&
	    ASN1_STRING_length(bits) == 65 &&
	    memcmp(at + 1, c->key.x.ptr, 32) == 0 &&
	    memcmp(at + 33, c->key.y.ptr, 32) == 0;
}

/* Extensions one by one: OpenSSL's own summary stops at the first that it
 * knows, we pass over, and is malformed. */
static bool
constraints_same(X509 *x, const struct certificate *c)
{
	BASIC_CONSTRAINTS *b;
	bool same;

	b = X509_get_ext_d2i(x, NID_basic_constraints, NULL, NULL);
	if (b == NULL)
		return !c->ca && c->path_len == -1;
	same = (b->ca != 0) == c->ca && (b->pathlen == NULL ? -1 :
	    ASN1_INTEGER_get(b->pathlen)) == c->path_len;
	BASIC_CONSTRAINTS_free(b);
	return same;
}

static bool
key_ids_same(X509 *x, const struct certificate *c)
{
	ASN1_OCTET_STRING *own;
	AUTHORITY_KEYID *issuer;
	bool same;

	own = X509_get_ext_d2i(x, NID_subject_key_identifier, NULL, NULL);
	issuer = X509_get_ext_d2i(x, NID_authority_key_identifier, NULL,
	    NULL);
	same = string_same(own, c->key_id) && string_same(issuer == NULL ?
	    NULL : issuer->keyid, c->issuer_key_id);
	ASN1_OCTET_STRING_free(own);
	AUTHORITY_KEYID_free(issuer);
	return same;
}

static bool
usage_same(X509 *x, const struct certificate *c)
{
	ASN1_BIT_STRING *bits;
	unsigned i, usage = 0;

	bits = X509_get_ext_d2i(x, NID_key_usage, NULL, NULL);
	for (i = 0; i < 9; i++)
		if (bits != NULL && ASN1_BIT_STRING_get_bit(bits, (int)i))
			usage |= 1U << i;
	ASN1_BIT_STRING_free(bits);
	return usage == c->usage && c->has_usage == (usage != 0);
}

static bool
extended_same(X509 *x, const struct certificate *c)
{
	EXTENDED_KEY_USAGE *list;
	unsigned usage = 0;
	char text[64];
	int i;

	list = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	for (i = 0; i < sk_ASN1_OBJECT_num(list); i++) {
		(void)OBJ_obj2txt(text, sizeof(text),
		    sk_ASN1_OBJECT_value(list, i), 1);
		if (strcmp(text, "1.3.6.1.5.5.7.3.2") == 0)
			usage |= EXTENDED_CLIENT;
		if (strcmp(text, "1.3.6.1.5.5.7.3.36") == 0)
			usage |= EXTENDED_DOCUMENT;
	}
	sk_ASN1_OBJECT_pop_free(list, ASN1_OBJECT_free);
	return usage == c->extended && c->has_extended == (list != NULL);
}

/* NULL: they agree. */
static const char *
difference(X509 *x, const struct certificate *c)
{
	if (!serial_same(x, c->serial))
		return "serial number";
	if (seconds_of(X509_get0_notBefore(x)) != c->not_before ||
	    seconds_of(X509_get0_notAfter(x)) != c->not_after)
		return "validity";
	if (!name_same(X509_get_issuer_name(x), c->issuer) ||
	    !name_same(X509_get_subject_name(x), c->subject))
		return "names";
	if (!point_same(x, c))
		return "key";
	if (!signature_same(x, c))
		return "signature";
	if (!key_ids_same(x, c))
		return "key identifiers";
	return constraints_same(x, c) && usage_same(x, c) &&
	    extended_same(x, c) ? NULL : "usages";
}

/* Returns whether our reader took it. */
static bool
compare(struct imprint_bytes der)
{
	_cleanup_x509_ X509 *x = NULL;
	struct certificate c;
	const char *what;

	if (imprint_device_certificate_read(view(der), &c) != NULL)
		return false;
	x = adapter_certificate(der);
	if (x == NULL)
		fail_msg("accepted, but no DER to OpenSSL");
	what = difference(x, &c);
	if (what != NULL)
		fail_msg("they differ in: %s", what);
	return true;
}

/* SplitMix64: the same changes in every run. */
static uint64_t
random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* One to three octets become others, now and then likely ones. */
static void
mutate(struct made *m, uint64_t *state)
{
	static const uint8_t likely[] = {
		0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16,
		0x17, 0x18, 0x30, 0x31, 0x55, 0x1d, 0x7f, 0x80, 0x81, 0x82,
		0xa0, 0xa3, 0xff, '0', '9'
	};
	uint64_t r = random_next(state);
	unsigned i, count = 1 + (unsigned)(r % 3);
	size_t at;

	for (i = 0; i < count; i++) {
		r = random_next(state);
		at = (size_t)(r >> 16) % m->len;
		if ((r & 1) != 0)
			m->der[at] = likely[(r >> 1) % sizeof(likely)];
		else
			m->der[at] ^= (uint8_t)(1U << (r >> 1) % 8);
	}
}

static void
test_mutated(void **state)
{
	uint64_t random = 1;
	struct made good = { 0 }, bad;
	unsigned i, s, accepted = 0;

	(void)state;
	for (s = 0; s < SEEDS; s++) {
		make_certificate(&seeds[s], key, issuer_key, &good);
		assert_true(compare(made_bytes(&good)));
		for (i = 0; i < ROUNDS / SEEDS; i++) {
			bad = good;
			mutate(&bad, &random);
			accepted += compare(made_bytes(&bad));
		}
	}
	/* keys, names and the like may change; structure may not */
	assert_in_range(accepted, ROUNDS / 100, ROUNDS - ROUNDS / 100);
}

/* Each by an edit of one place in a good certificate. */
static const struct edit {
	unsigned	 seed;
	const char	*from, *to;	/* hexadecimal, of the same length */
	const char	*reason;	/* its beginning */
} edits[] = {
	{ 1, "308201", "308001", "certificate: a length" },
	{ 1, "308201", "308101", "certificate: a length" },
	{ 1, "308201", "318201", "certificate: not the item" },
	{ 1, "a003020102", "a003020101", "certificate: not of version 3" },
	{ 1, "02060081", "02060001", "certificate: a number" },
	{ 1, "02060081", "02068181", "certificate: a number" },
	{ 1, "ce3d040302", "ce3d040303", "certificate: not signed with" },
	{ 1, "170d32333131", "170d32333133", "certificate: a time" },
	{ 1, "170d323331313134", "170d323330323330", "certificate: a time" },
	{ 1, "170d32333131", "170d36393131", "certificate: a time" },
	{ 1, "170d32333131", "170d3a333131", "certificate: a time" },
	{ 0, "180f39393939", "180f32303439", "certificate: a time" },
	{ 1, "32305a180f", "32302b180f", "certificate: a time" },
	{ 1, "0c0a5ac3bc", "0c0a5ac328", "certificate: a name" },
	{ 1, "0c0a5ac3bc", "130a5ac3bc", "certificate: a name" },
	{ 1, "0603550403", "0603558003", "certificate: an object" },
	{ 1, "0603550403", "06035504ff", "certificate: an object" },
	{ 1, "ce3d030107", "ce3d030106", "certificate: its key is of" },
	{ 1, "03420004", "03420104", "certificate: a bit string" },
	{ 1, "03420004", "03420002", "certificate: its key is of" },
	{ 1, "0101ff0405", "0101fe0405", "certificate: a boolean" },
	{ 1, "30030101ff", "3003010100", "certificate: a boolean" },
	{ 0, "ff020102", "ff020182", "certificate: a number" },
	{ 1, "03020106", "03020006", "certificate: named bits" },
	{ 1, "03020106", "03020107", "certificate: named bits" },
	{ 1, "03020106", "03020102", "certificate: basic constraints, key" },
	{ 1, "551d0e", "551d0c", "certificate: basic constraints, key" },
	{ 1, "551d130101ff", "551d140101ff", "certificate: a critical" },
	{ 3, "551d1f", "551d1e", "certificate: name constraints" },
	{ 3, "0603551d25", "0603551d0f", "certificate: an extension twice" }
};

static bool
octets_find(const struct made *m, const uint8_t *what, size_t len,
    size_t *ret_at)
{
	size_t i;

	for (i = 0; i + len <= m->len; i++) {
		if (memcmp(m->der + i, what, len) != 0)
			continue;
		*ret_at = i;
		return true;
	}
	return false;
}

static size_t
unhex(const char *text, uint8_t *out)
{
	long len = 0;
	uint8_t *made;

	made = OPENSSL_hexstr2buf(text, &len);
	assert_non_null(made);
	memcpy(out, made, (size_t)len);
	OPENSSL_free(made);
	return (size_t)len;
}

static void
test_each_check(void **state)
{
	uint8_t from[64], to[64];
	struct certificate c;
	const char *reason;
	struct made m = { 0 };
	size_t i, at, len;

	(void)state;
	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		make_certificate(&seeds[edits[i].seed], key, issuer_key, &m);
		len = unhex(edits[i].from, from);
		assert_int_equal(unhex(edits[i].to, to), len);
		if (!octets_find(&m, from, len, &at))
			fail_msg("edit %zu: not there", i);
		memcpy(m.der + at, to, len);
		reason = imprint_device_certificate_read(
		    view(made_bytes(&m)), &c);
		if (reason == NULL || strncmp(reason, edits[i].reason,
		    strlen(edits[i].reason)) != 0)
			fail_msg("edit %zu: %s", i, reason);
	}
}

/* Cut anywhere, or with an octet more: in a block of its own, so that
 * reading beyond is seen. */
static void
test_lengths(void **state)
{
	struct certificate c;
	struct made m = { 0 };
	uint8_t *copy;
	size_t len;

	(void)state;
	make_certificate(&seeds[3], key, issuer_key, &m);
	m.der[m.len] = 0;
	for (len = 0; len <= m.len + 1; len++) {
		copy = malloc(len + (len == 0));
		assert_non_null(copy);
		memcpy(copy, m.der, len);
		assert_int_equal(imprint_device_certificate_read(
		    bytes_of(copy, len), &c) == NULL, len == m.len);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_each_check),
		cmocka_unit_test(test_lengths)
	};

	return cmocka_run_group_tests(tests, keys_open, keys_close);
}
