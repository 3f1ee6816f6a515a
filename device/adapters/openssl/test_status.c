/* Status lists of an ecosystem of tests/vectors, signed here by its document
 * signer, for the device of its vector "good". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>
#include <zlib.h>

#include "device/adapters/openssl/internal.h"
#include "device/src/certificate.h"

#define VECTORS		"tests/vectors/device-packages.txt"
#define NOW		INT64_C(1790000000)
#define BORN		(NOW - 86400)
#define INDEX		7
#define LIST_SIZE	1024

static uint8_t *package_octets;
static struct imprint_device_identity id;
static EVP_PKEY *signer;

/* The package of that name: name|verdict|now|pinned root|package. */
static int
world_open(void **state)
{
	FILE *f = fopen(VECTORS, "r");
	struct imprint_device_trust trust = { NULL, NOW, 1, NULL };
	struct imprint_device_report report;
	struct imprint_bytes package = { NULL, 0 }, scalar;
	uint8_t hash[SHA256_DIGEST_LENGTH];
	struct certificate c;
	char *line = NULL;
	size_t size = 0;
	long len = 0;
	int i;

	(void)state;
	if (f == NULL)
		return -1;
	while (getline(&line, &size, f) > 0 && package_octets == NULL)
		if (strncmp(line, "good|", 5) == 0) {
			line[strcspn(line, "\n")] = '\0';
			package_octets = OPENSSL_hexstr2buf(
			    strrchr(line, '|') + 1, &len);
		}
	free(line);
	(void)fclose(f);
	package.ptr = package_octets;
	package.len = (size_t)len;
	if (package_octets == NULL || imprint_device_verify(
	    imprint_device_openssl(), package, &trust, &id, &report) !=
	    IMPRINT_DEVICE_OK || report.verdict != IMPRINT_DEVICE_ACCEPT)
		return -1;
	/* make_device_packages.py: SHA-256 of "Homes", shifted right by one */
	(void)SHA256((const uint8_t *)"Homes", 5, hash);
	for (i = SHA256_DIGEST_LENGTH - 1; i > 0; i--)
		hash[i] = (uint8_t)(hash[i] >> 1 | hash[i - 1] << 7);
	hash[0] >>= 1;
	scalar.ptr = hash;
	scalar.len = sizeof(hash);
	if (imprint_device_certificate_read(view(id.certs[1]), &c) != NULL)
		return -1;
	signer = adapter_key(&c.key, scalar);
	return signer == NULL ? -1 : 0;
}

static int
world_close(void **state)
{
	(void)state;
	OPENSSL_free(package_octets);
	EVP_PKEY_free(signer);
	return 0;
}

/* CBOR, written by hand. */
struct out {
	uint8_t	octets[LIST_SIZE];
	size_t	len;
};

static void
put_head(struct out *o, unsigned type, uint64_t value)
{
	uint8_t *at = o->octets + o->len;

	assert_true(o->len + 9 < LIST_SIZE);
	if (value < 24) {
		at[0] = (uint8_t)(type << 5 | value);
		o->len += 1;
	} else if (value < 256) {
		at[0] = (uint8_t)(type << 5 | 24);
		at[1] = (uint8_t)value;
		o->len += 2;
	} else if (value < 65536) {
		at[0] = (uint8_t)(type << 5 | 25);
		put_be16(at + 1, (uint16_t)value);
		o->len += 3;
	} else {
		at[0] = (uint8_t)(type << 5 | 26);
		put_be32(at + 1, (uint32_t)value);
		o->len += 5;
	}
}

static void
put_octets(struct out *o, unsigned type, const void *octets, size_t len)
{
	put_head(o, type, len);
	assert_true(o->len + len <= LIST_SIZE);
	memcpy(o->octets + o->len, octets, len);
	o->len += len;
}

static void
put_text(struct out *o, const char *text)
{
	put_octets(o, CBOR_TSTR, text, strlen(text));
}

/* A list; what is 0 or NULL is as it should be. */
struct how {
	unsigned	status;		/* of the index */
	const char	*uri, *typ;
	int64_t		issued, expires;
	unsigned	bits, array;	/* octets of the array */
	bool		crit, no_issue, junk, kid_other;
	bool		bad_signature;
};

static void
payload_make(const struct how *how, struct out *o)
{
	uint8_t array[64] = { 0 }, packed[128];
	uLongf len = sizeof(packed);

	array[INDEX / 4] = (uint8_t)(how->status << 2 * (INDEX % 4));
	assert_int_equal(compress(packed, &len, array,
	    how->array != 0 ? how->array : sizeof(array)), Z_OK);
	if (how->junk)
		packed[2] ^= 0xff;
	put_head(o, CBOR_MAP, how->no_issue ? 4 : 5);
	put_head(o, CBOR_UINT, 2);
	put_text(o, how->uri != NULL ? how->uri : "https://s.example/0");
	put_head(o, CBOR_UINT, 4);
	put_head(o, CBOR_UINT, (uint64_t)(how->expires != 0 ?
	    how->expires : NOW + 3600));
	if (!how->no_issue) {
		put_head(o, CBOR_UINT, 6);
		put_head(o, CBOR_UINT, (uint64_t)(how->issued != 0 ?
		    how->issued : NOW - 60));
	}
	put_head(o, CBOR_UINT, 65533);
	put_head(o, CBOR_MAP, 2);
	put_text(o, "lst");
	put_octets(o, CBOR_BSTR, packed, len);
	put_text(o, "bits");
	put_head(o, CBOR_UINT, how->bits != 0 ? how->bits : 2);
	put_head(o, CBOR_UINT, 65534);
	put_head(o, CBOR_UINT, 600);
}

static void
header_make(const struct how *how, struct out *o)
{
	uint8_t kid[IMPRINT_DEVICE_HASH_SIZE];

	memcpy(kid, id.kid.ptr, sizeof(kid));
	kid[0] ^= how->kid_other ? 1 : 0;
	put_head(o, CBOR_MAP, how->crit ? 4 : 3);
	put_head(o, CBOR_UINT, 1);
	put_head(o, CBOR_NINT, 6);
	if (how->crit) {
		put_head(o, CBOR_UINT, 2);
		put_head(o, CBOR_ARRAY, 1);
		put_head(o, CBOR_UINT, 16);
	}
	put_head(o, CBOR_UINT, 4);
	put_octets(o, CBOR_BSTR, kid, sizeof(kid));
	put_head(o, CBOR_UINT, 16);
	put_text(o, how->typ != NULL ? how->typ :
	    "application/statuslist+cwt");
}

static void
signature_make(const struct out *tbs, uint8_t raw[64])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[80];
	const uint8_t *at = der;
	size_t len = sizeof(der);
	const BIGNUM *r, *s;
	ECDSA_SIG *sig;

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL,
	    signer), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &len, tbs->octets,
	    tbs->len), 1);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
	ECDSA_SIG_get0(sig, &r, &s);
	assert_int_equal(BN_bn2binpad(r, raw, 32), 32);
	assert_int_equal(BN_bn2binpad(s, raw + 32, 32), 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

static void
list_make(const struct how *how, struct out *o)
{
	struct out header = { .len = 0 }, payload = { .len = 0 };
	struct out tbs = { .len = 0 };
	uint8_t raw[64];

	header_make(how, &header);
	payload_make(how, &payload);
	put_head(&tbs, CBOR_ARRAY, 4);
	put_text(&tbs, "Signature1");
	put_octets(&tbs, CBOR_BSTR, header.octets, header.len);
	put_head(&tbs, CBOR_BSTR, 0);
	put_octets(&tbs, CBOR_BSTR, payload.octets, payload.len);
	signature_make(&tbs, raw);
	raw[9] ^= how->bad_signature ? 1 : 0;
	o->len = 0;
	put_head(o, CBOR_TAG, 18);
	put_head(o, CBOR_ARRAY, 4);
	put_octets(o, CBOR_BSTR, header.octets, header.len);
	put_head(o, CBOR_MAP, 0);
	put_octets(o, CBOR_BSTR, payload.octets, payload.len);
	put_octets(o, CBOR_BSTR, raw, sizeof(raw));
}

static struct imprint_device_standing
ask(const struct imprint_device_crypto *crypto, const struct out *list,
    int64_t now, int64_t floor)
{
	const struct imprint_device_trust trust = { NULL, now, floor, NULL };
	const struct imprint_bytes input = { list->octets, list->len };
	const struct imprint_bytes none = { NULL, 0 };
	struct imprint_device_standing standing;

	assert_int_equal(imprint_device_status(crypto, &id, input, none,
	    &trust, &standing), IMPRINT_DEVICE_OK);
	assert_int_equal(standing.verdict == IMPRINT_DEVICE_ACCEPT,
	    standing.reason[0] == '\0');
	return standing;
}

static void
test_table(void **state)
{
	static const struct {
		struct how			how;
		int64_t				now;
		enum imprint_device_verdict	verdict;
	} table[] = {
		{ { .status = 0 }, NOW, IMPRINT_DEVICE_ACCEPT },
		{ { .status = 1 }, NOW, IMPRINT_DEVICE_DENY_REVOKED },
		{ { .status = 2 }, NOW, IMPRINT_DEVICE_DENY_SUSPENDED },
		{ { .status = 3 }, NOW, IMPRINT_DEVICE_DENY },
		{ { .status = 0 }, 0, IMPRINT_DEVICE_UNKNOWN_TIME },
		{ { .status = 1 }, 0, IMPRINT_DEVICE_DENY_REVOKED },
		{ { .status = 0 }, NOW - 360, IMPRINT_DEVICE_ACCEPT },
		{ { .status = 0 }, NOW - 361, IMPRINT_DEVICE_UNKNOWN_TIME },
		{ { .status = 0 }, NOW + 3599, IMPRINT_DEVICE_ACCEPT },
		{ { .status = 0 }, NOW + 3600, IMPRINT_DEVICE_DENY_EXPIRED },
		{ { .status = 1 }, NOW + 3600, IMPRINT_DEVICE_DENY_REVOKED },
		{ { .expires = NOW - 60 }, NOW,
		    IMPRINT_DEVICE_DENY_MALFORMED },
		{ { .array = 1 }, NOW, IMPRINT_DEVICE_DENY },
		{ { .junk = true }, NOW, IMPRINT_DEVICE_DENY },
		{ { .uri = "https://s.example/1" }, NOW,
		    IMPRINT_DEVICE_DENY },
		{ { .typ = "application/eat+cwt" }, NOW,
		    IMPRINT_DEVICE_DENY_UNSUPPORTED },
		{ { .crit = true }, NOW, IMPRINT_DEVICE_DENY_UNSUPPORTED },
		{ { .bits = 1 }, NOW, IMPRINT_DEVICE_DENY_UNSUPPORTED },
		{ { .no_issue = true }, NOW, IMPRINT_DEVICE_DENY_MALFORMED },
		{ { .kid_other = true }, NOW, IMPRINT_DEVICE_DENY_SIGNER },
		{ { .issued = BORN - 366 * 86400 }, NOW,
		    IMPRINT_DEVICE_DENY_SIGNER },	/* before it was */
		{ { .bad_signature = true }, NOW,
		    IMPRINT_DEVICE_DENY_SIGNATURE }
	};
	struct imprint_device_standing standing;
	struct out list;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		list_make(&table[i].how, &list);
		standing = ask(imprint_device_openssl(), &list,
		    table[i].now, 1);
		if (standing.verdict != table[i].verdict)
			fail_msg("case %zu: %s: %s", i,
			    imprint_device_verdict_name(standing.verdict),
			    standing.reason);
	}
}

/* A signed time of the server: the clock cannot be behind it. */
static void
test_floor(void **state)
{
	struct imprint_device_standing standing;
	struct out list;

	(void)state;
	list_make(&(struct how){ .status = 0 }, &list);
	standing = ask(imprint_device_openssl(), &list, 0, 1);
	assert_int_equal(standing.floor, NOW - 360);
	assert_int_equal(standing.issued, NOW - 60);
	standing = ask(imprint_device_openssl(), &list, 0, NOW + 7200);
	assert_int_equal(standing.floor, NOW + 7200);
	assert_int_equal(standing.verdict, IMPRINT_DEVICE_DENY_EXPIRED);
	/* a forged one moves nothing */
	list_make(&(struct how){ .bad_signature = true }, &list);
	standing = ask(imprint_device_openssl(), &list, 0, 1);
	assert_int_equal(standing.floor, 1);
}

static void
test_every_octet_counts(void **state)
{
	struct imprint_device_crypto crypto = *imprint_device_openssl();
	enum imprint_device_verdict verdict;
	struct out list, bad;
	size_t i;

	(void)state;
	list_make(&(struct how){ .status = 0 }, &list);
	for (i = 0; i < list.len; i++) {
		bad = list;
		bad.octets[i] ^= (uint8_t)(1U << i % 8);
		verdict = ask(&crypto, &bad, NOW, 1).verdict;
		assert_int_not_equal(verdict, IMPRINT_DEVICE_ACCEPT);
		assert_int_not_equal(verdict, IMPRINT_DEVICE_DENY_REVOKED);
	}
	for (i = 0; i < list.len; i++) {
		bad = list;
		bad.len = i;
		assert_int_equal(ask(&crypto, &bad, NOW, 1).verdict,
		    IMPRINT_DEVICE_DENY_MALFORMED);
	}
	crypto.inflate = NULL;
	assert_int_equal(ask(&crypto, &list, NOW, 1).verdict,
	    IMPRINT_DEVICE_DENY_UNSUPPORTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_every_octet_counts)
	};

	return cmocka_run_group_tests(tests, world_open, world_close);
}
