#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cbor_write.h"
#include "lib/policy/product.h"

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))

/* RFC 6979 A.2.5: a P-256 public key. */
static const char key_hex[] =
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

static void
product_make(struct product *p)
{
	/* static, and copied: what is between members is 0 in them, and they
	 * are compared whole */
	static const struct product_object objects[] = { { "photo", 3 },
		{ "video", 3 } }, authorised = { "photo", 1 };
	static const struct product_credential credentials[] = {
		{ 0, PURPOSE_AUTHENTICATE, KEY_P256, MAKER_AUTHORITY, true,
		    20, CERT_WITH_SKI | CERT_WITH_AKI },
		{ 1, PURPOSE_ENCRYPT, KEY_X25519, MAKER_AUTHORITY, false, 0,
		    0 }
	};
	static const struct product_name name = { .kind = "serial-number",
		.prefix = "CAM-", .digits = 9 };
	struct product_anchor *a;

	memset(p, 0, sizeof(*p));
	strncpy(p->name, "camera", sizeof(p->name) - 1);
	strncpy(p->version, "1.0.0", sizeof(p->version) - 1);
	strncpy(p->manufacturer, "Example", sizeof(p->manufacturer) - 1);
	strncpy(p->hwmodel, "CAM-200", sizeof(p->hwmodel) - 1);
	p->oemid = 32473;
	memcpy(p->capabilities, objects, sizeof(objects));
	p->capability_count = COUNT(objects);
	memcpy(p->authorisations, &authorised, sizeof(authorised));
	p->authorisation_count = 1;
	memcpy(p->credentials, credentials, sizeof(credentials));
	p->credential_count = COUNT(credentials);
	a = &p->anchors[0];
	strncpy(a->purpose, "code-signing", sizeof(a->purpose) - 1);
	a->is_key = true;
	a->public_key.alg = KEY_P256;
	assert_int_equal(hex_decode(key_hex, a->public_key.raw,
	    sizeof(a->public_key.raw), &a->public_key.len), ERR_OK);
	strncpy(p->anchors[1].purpose, "service",
	    sizeof(p->anchors[1].purpose) - 1);
	p->anchor_count = 2;
	memcpy(p->names, &name, sizeof(name));
	p->name_count = 1;
	p->document_validity_years = PRODUCT_NEVER;
}

static void
test_permissions(void **state)
{
	static const char *const names[] = {
		"GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"
	};
	unsigned bit, found;

	(void)state;
	assert_int_equal(COUNT(names), PERMISSION_COUNT);
	for (bit = 0; bit < COUNT(names); bit++) {
		assert_string_equal(permission_name(bit), names[bit]);
		assert_int_equal(permission_by_name(names[bit], &found),
		    ERR_OK);
		assert_int_equal(found, bit);
	}
	assert_null(permission_name(PERMISSION_COUNT));
	found = 77;
	assert_int_equal(permission_by_name("get", &found), ERR_NOTFOUND);
	assert_int_equal(permission_by_name("", &found), ERR_NOTFOUND);
	assert_int_equal(found, 77);
}

static void
test_words(void **state)
{
	(void)state;
	assert_string_equal(purpose_name(PURPOSE_AUTHENTICATE),
	    "authenticate");
	assert_string_equal(purpose_name(PURPOSE_ENCRYPT), "encrypt");
	assert_string_equal(purpose_name(PURPOSE_SIGN), "sign");
	assert_null(purpose_name((enum product_purpose)9));
	assert_string_equal(maker_name(MAKER_DEVICE), "device");
	assert_string_equal(maker_name(MAKER_CHIP), "chip");
	assert_string_equal(maker_name(MAKER_STATION), "station");
	assert_string_equal(maker_name(MAKER_AUTHORITY), "authority");
	assert_null(maker_name((enum product_maker)9));
}

/* One edit of a good product; each breaks one rule. */
#define EDIT(name, what) static void name(struct product *p) { what; }
EDIT(no_name, p->name[0] = '\0')
EDIT(bad_name, p->name[0] = 'C')
EDIT(dash_name, p->name[0] = '-')
EDIT(bad_version, p->version[1] = 'x')
EDIT(dot_version, p->version[0] = '.')
EDIT(no_version, p->version[0] = '\0')
EDIT(bad_manufacturer, p->manufacturer[0] = '\n')
EDIT(utf8_manufacturer, p->manufacturer[0] = '\xff')
EDIT(long_manufacturer, memset(p->manufacturer, 'x', 65))
EDIT(no_hwmodel, p->hwmodel[0] = '\0')
EDIT(bidi_swname, memcpy(p->swname, "\xe2\x80\xae", 3))
EDIT(overlong_swname, memcpy(p->swname, "\xc0\xaf", 2))
EDIT(surrogate_swname, memcpy(p->swname, "\xed\xa0\x80", 3))
EDIT(short_swname, memcpy(p->swname, "\xe2\x82", 2))
EDIT(document_years, p->document_validity_years = 101)
EDIT(document_zero, p->document_validity_years = 0)
EDIT(document_mode, p->signature = (enum product_signature)2)
EDIT(evidence_kind, p->evidence = (enum product_evidence)3)
EDIT(many_capabilities, p->capability_count = 65)
EDIT(swapped_capabilities, p->capabilities[0].object[0] = 'w')
EDIT(same_capabilities, p->capabilities[1] = p->capabilities[0])
EDIT(bad_object, p->capabilities[0].object[0] = ' ')
EDIT(slash_object, p->capabilities[0].object[0] = '/')
EDIT(dots_object, memcpy(p->capabilities[0].object, "../x", 5))
EDIT(no_bits, p->capabilities[0].bits = 0)
EDIT(high_bits, p->capabilities[0].bits = 128)
EDIT(not_capable, p->authorisations[0].object[0] = 'q')
EDIT(more_bits, p->authorisations[0].bits = 5)
EDIT(no_authenticate, p->credentials[0].purpose = PURPOSE_SIGN)
EDIT(no_credential, p->credential_count = 0)
EDIT(two_authenticate, p->credentials[1] = p->credentials[0];
    p->credentials[1].slot = 1)
EDIT(same_slot, p->credentials[1].slot = 0)
EDIT(high_slot, p->credentials[1].slot = 8)
EDIT(bad_purpose, p->credentials[1].purpose = (enum product_purpose)9)
EDIT(bad_alg, p->credentials[1].alg = (enum key_alg)9)
EDIT(ed25519, p->credentials[1].alg = KEY_ED25519)
EDIT(x25519, p->credentials[0].alg = KEY_X25519)
EDIT(bare, p->credentials[0].certificate = false)
EDIT(bare_validity, p->credentials[1].validity_years = 1)
EDIT(bare_with, p->credentials[1].with = CERT_WITH_SKI)
EDIT(x25519_cert, p->credentials[1].certificate = true;
    p->credentials[1].validity_years = 1)
EDIT(bad_maker, p->credentials[0].maker = (enum product_maker)0)
EDIT(chip_maker, p->credentials[0].maker = MAKER_CHIP)
EDIT(station_maker, p->credentials[0].maker = MAKER_STATION)
EDIT(bad_years, p->credentials[0].validity_years = 0)
EDIT(bad_with, p->credentials[0].with = 32)
EDIT(anchor_key, p->anchors[0].public_key.raw[64] ^= 1)
EDIT(anchor_alg, p->anchors[0].public_key.alg = KEY_X25519)
EDIT(anchor_purpose, p->anchors[0].purpose[0] = '_')
EDIT(anchor_order, p->anchors[0].purpose[0] = 't')
EDIT(name_kind, p->names[0].kind[0] = 'S')
EDIT(name_none, p->names[0].digits = 0)
EDIT(name_digits, p->names[0].digits = 20)
EDIT(name_prefix, p->names[0].prefix[0] = '_')
EDIT(name_long, memset(p->names[0].prefix, 'x', 56))
EDIT(name_same, p->names[1] = p->names[0]; p->name_count = 2)

static const struct {
	void		(*edit)(struct product *);
	enum err	code;
	const char	*what;
} refused[] = {
	{ no_name, ERR_INVALID, "product: is empty" },
	{ bad_name, ERR_INVALID, "product: is not a name" },
	{ dash_name, ERR_INVALID, "product: is not a name" },
	{ bad_version, ERR_INVALID, "version: is not a version" },
	{ dot_version, ERR_INVALID, "version: is not a version" },
	{ no_version, ERR_INVALID, "version: is not a version" },
	{ bad_manufacturer, ERR_INVALID, "manufacturer: holds U+000A" },
	{ utf8_manufacturer, ERR_INVALID, "manufacturer: is not UTF-8" },
	{ long_manufacturer, ERR_LIMIT, "metadata.manufacturer: is 65" },
	{ no_hwmodel, ERR_INVALID, "metadata.hwmodel: is empty" },
	{ bidi_swname, ERR_INVALID, "metadata.swname: holds U+202E" },
	{ overlong_swname, ERR_INVALID, "metadata.swname: is not UTF-8" },
	{ surrogate_swname, ERR_INVALID, "metadata.swname: is not UTF-8" },
	{ short_swname, ERR_INVALID, "metadata.swname: is not UTF-8" },
	{ document_years, ERR_INVALID, "document.validity: 101 years" },
	{ document_zero, ERR_INVALID, "document.validity: 0 years" },
	{ document_mode, ERR_INVALID, "document.signature: no such mode" },
	{ evidence_kind, ERR_INVALID, "evidence: no such evidence" },
	{ many_capabilities, ERR_LIMIT, "capabilities: 65 entries" },
	{ swapped_capabilities, ERR_INVALID, "capabilities[1]: repeated" },
	{ same_capabilities, ERR_INVALID, "capabilities[1]: repeated" },
	{ bad_object, ERR_INVALID, "capabilities[0]: is not an object" },
	{ slash_object, ERR_INVALID, "capabilities[0]: is not an object" },
	{ dots_object, ERR_INVALID, "capabilities[0]: is not an object" },
	{ no_bits, ERR_INVALID, "capabilities[0]: no method" },
	{ high_bits, ERR_INVALID, "capabilities[0]: no method or an" },
	{ not_capable, ERR_INVALID, "authorisations[0]: is authorised but" },
	{ more_bits, ERR_INVALID, "authorisations[0]: PUT is authorised" },
	{ no_authenticate, ERR_INVALID, "credentials: 0 slots" },
	{ no_credential, ERR_INVALID, "credentials: 0 slots" },
	{ two_authenticate, ERR_INVALID, "credentials: 2 slots" },
	{ same_slot, ERR_INVALID, "credentials[1]: repeated" },
	{ high_slot, ERR_INVALID, "credentials[1].slot: 8 is out of range" },
	{ bad_purpose, ERR_INVALID, "credentials[1].purpose: no such" },
	{ bad_alg, ERR_INVALID, "credentials[1].algorithm: no such" },
	{ ed25519, ERR_INVALID,
	    "credentials[1].algorithm: \"Ed25519\" cannot encrypt; allowed: "
	    "P-256, P-384, X25519, RSA-2048, RSA-3072" },
	{ x25519, ERR_INVALID,
	    "credentials[0].algorithm: \"X25519\" cannot authenticate; "
	    "allowed: P-256, P-384, Ed25519, RSA-2048, RSA-3072, ML-DSA-44, "
	    "ML-DSA-65" },
	{ bare, ERR_INVALID, "credentials[0].certificate: is missing" },
	{ bare_validity, ERR_INVALID, "credentials[1].certificate: a bare" },
	{ bare_with, ERR_INVALID, "credentials[1].certificate: a bare" },
	{ x25519_cert, ERR_UNSUPPORTED, "credentials[1].certificate: is not" },
	{ bad_maker, ERR_INVALID, "credentials[0].key-from: no such" },
	{ chip_maker, ERR_INVALID, "slot 0 says chip, slot" },
	{ station_maker, ERR_UNSUPPORTED,
	    "credentials[0].key-from: \"station\"" },
	{ bad_years, ERR_INVALID, "credentials[0].certificate: 0 years" },
	{ bad_with, ERR_INVALID, "credentials[0].certificate: unknown" },
	{ anchor_key, ERR_INVALID, "trust-anchors[0]: is not a valid P-256" },
	{ anchor_alg, ERR_INVALID, "trust-anchors[0]: is no key to verify" },
	{ anchor_purpose, ERR_INVALID, "trust-anchors[0]: is not a name" },
	{ anchor_order, ERR_INVALID, "trust-anchors[1]: repeated" },
	{ name_kind, ERR_INVALID, "names[0].kind: is not a name" },
	{ name_none, ERR_INVALID, "names[0].format: 0 digits" },
	{ name_digits, ERR_INVALID, "names[0].format: 20 digits" },
	{ name_prefix, ERR_INVALID, "names[0].format: holds a character" },
	{ name_long, ERR_LIMIT, "names[0].format: makes names of 65" },
	{ name_same, ERR_INVALID, "names[1]: repeated" },
};

static void
test_check(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct product p;
	size_t i;

	(void)state;
	product_make(&p);
	assert_int_equal(product_check(&p, NULL), ERR_OK);
	for (i = 0; i < COUNT(refused); i++) {
		struct diag diag = DIAG_INIT;

		product_make(&p);
		refused[i].edit(&p);
		if (product_check(&p, &diag) != refused[i].code ||
		    strstr(diag.what, refused[i].what) == NULL)
			fail_msg("%s: got %d, %s", refused[i].what,
			    diag.code, diag.what);
		assert_int_equal(product_encode(&p, &out), refused[i].code);
		assert_int_equal(out.len, 0);
	}
}

/* Which algorithm does for which purpose; what does is stored and read. */
static void
test_algorithms(void **state)
{
	static const struct {
		enum key_alg	alg;
		bool		signs, encrypts;
	} table[] = {
		{ KEY_P256, true, true }, { KEY_P384, true, true },
		{ KEY_ED25519, true, false }, { KEY_X25519, false, true },
		{ KEY_RSA2048, true, true }, { KEY_RSA3072, true, true },
		{ KEY_MLDSA44, true, false }, { KEY_MLDSA65, true, false },
	};
	struct product p, back;
	size_t i, n;

	(void)state;
	for (i = 0; i < 3 * COUNT(table); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		bool good = table[i / 3].signs;

		product_make(&p);
		n = i % 3 == 0 ? 0 : 1;
		p.credentials[n].alg = table[i / 3].alg;
		if (i % 3 == 1) {
			good = table[i / 3].encrypts;
			p.credentials[n].purpose = PURPOSE_ENCRYPT;
		} else if (i % 3 == 2) {
			p.credentials[n].purpose = PURPOSE_SIGN;
		}
		assert_int_equal(product_check(&p, NULL),
		    good ? ERR_OK : ERR_INVALID);
		if (!good)
			continue;
		assert_int_equal(product_encode(&p, &out), ERR_OK);
		assert_int_equal(product_decode(buf_bytes(&out), &back,
		    NULL), ERR_OK);
		assert_int_equal(back.credentials[n].alg, table[i / 3].alg);
	}
}

static void
test_limits(void **state)
{
	struct product p;

	(void)state;
	product_make(&p);
	memset(p.name, 'x', PRODUCT_NAME_MAX);
	memset(p.manufacturer, 'x', 64);
	memset(p.hwmodel, 'x', 32);
	memset(p.hwversion, 'x', PRODUCT_TEXT_MAX);
	memset(p.names[0].prefix, 'x', 55);
	p.credentials[0].validity_years = 100;
	p.document_validity_years = 1;
	p.anchor_count = 0;
	p.name_count = 1;
	p.authorisation_count = 0;
	p.capability_count = 0;
	assert_int_equal(product_check(&p, NULL), ERR_OK);
	/* 64 characters of two octets each */
	memset(p.manufacturer, 0, sizeof(p.manufacturer));
	for (size_t i = 0; i < 128; i += 2)
		memcpy(p.manufacturer + i, "\xc3\xa9", 2);
	assert_int_equal(product_check(&p, NULL), ERR_OK);
}

static void
test_round_trip(void **state)
{
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;
	struct product p, q;

	(void)state;
	product_make(&p);
	assert_int_equal(product_encode(&p, &first), ERR_OK);
	/* {0: 1, 1: "camera", ...: the version of the format comes first */
	assert_memory_equal(first.ptr, "\xad\x00\x01\x01\x66" "camera", 11);
	memset(&q, 0xaa, sizeof(q));
	assert_int_equal(product_decode(buf_bytes(&first), &q, NULL), ERR_OK);
	assert_memory_equal(&p, &q, sizeof(p));
	assert_int_equal(product_encode(&q, &second), ERR_OK);
	assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
}

/* Whatever decodes is canonical: no second encoding of one product. */
static void
test_flipped(void **state)
{
	_cleanup_buf_ struct buf good = BUF_INIT, again = BUF_INIT;
	struct product p, q;
	size_t i;
	int bit;

	(void)state;
	product_make(&p);
	assert_int_equal(product_encode(&p, &good), ERR_OK);
	for (i = 0; i < good.len * 8; i++) {
		bit = 1 << (i % 8);
		good.ptr[i / 8] = (uint8_t)(good.ptr[i / 8] ^ bit);
		q = p;
		if (product_decode(buf_bytes(&good), &q, NULL) == ERR_OK) {
			/* another product, never the same one */
			assert_memory_not_equal(&p, &q, sizeof(p));
			buf_clear(&again);
			assert_int_equal(product_encode(&q, &again), ERR_OK);
			assert_true(bytes_equal(buf_bytes(&good),
			    buf_bytes(&again)));
		} else {
			assert_memory_equal(&p, &q, sizeof(p));
		}
		good.ptr[i / 8] = (uint8_t)(good.ptr[i / 8] ^ bit);
	}
}

static void
test_truncated(void **state)
{
	_cleanup_buf_ struct buf good = BUF_INIT;
	struct product p, q = { .name = "" };
	size_t len;

	(void)state;
	product_make(&p);
	assert_int_equal(product_encode(&p, &good), ERR_OK);
	for (len = 0; len < good.len; len++) {
		struct diag diag = DIAG_INIT;

		assert_int_equal(product_decode(bytes_of(good.ptr, len), &q,
		    &diag), ERR_SYNTAX);
		assert_string_not_equal(diag.what, "");
	}
	buf_put_u8(&good, 0);
	assert_int_equal(product_decode(buf_bytes(&good), &q, NULL),
	    ERR_SYNTAX);
}

/* Replace a run of octets of the encoding by another. */
static const struct {
	const char	*name;
	const char	*from, *to;	/* hexadecimal */
	enum err	code;
	const char	*what;
} edits[] = {
	{ "version 2", "ad0001", "ad0002", ERR_VERSION, "version 2" },
	{ "no version", "ad0001", "ac", ERR_SYNTAX, "another key expected" },
	{ "unknown key", "0f01", "1401", ERR_SYNTAX, "number out of range" },
	{ "key order", "016663616d657261" "0265312e302e30",
	    "0265312e302e30" "016663616d657261", ERR_SYNTAX, "out of order" },
	{ "empty text", "03674578616d706c65", "0360", ERR_SYNTAX,
	    "not in canonical form" },
	{ "NUL in text", "6663616d657261", "6663616d657200", ERR_SYNTAX,
	    "holds a NUL" },
	{ "oemid 0", "04197ed9", "0400", ERR_SYNTAX, "not in canonical form" },
	{ "oemid of 33 bits", "04197ed9", "041b0000000100000000", ERR_SYNTAX,
	    "number out of range" },
	{ "bits", "6570686f746f03", "6570686f746f1880", ERR_SYNTAX,
	    "number out of range" },
	{ "unsorted objects", "826570686f746f03" "8265766964656f03",
	    "8265766964656f03" "826570686f746f03", ERR_INVALID,
	    "capabilities[1]: repeated or out of order" },
	{ "validity -2", "0e820120", "0e820121", ERR_SYNTAX,
	    "validity out of range" },
	{ "signature mode", "0e8201", "0e8203", ERR_SYNTAX,
	    "unknown signature mode" },
	{ "delivery", "0f01", "0f02", ERR_SYNTAX, "unknown delivery" },
	{ "slot 8", "a50000", "a50008", ERR_SYNTAX, "number out of range" },
	{ "credential without maker", "a4000101020202" "0304",
	    "a3000101020202", ERR_SYNTAX, "another size" },
	{ "long version", "0265312e302e30",
	    "027840" "3131313131313131" "3131313131313131"
	    "3131313131313131" "3131313131313131" "3131313131313131"
	    "3131313131313131" "3131313131313131" "3131313131313131",
	    ERR_SYNTAX, "text is too long" },
	{ "no names", "0d81", "0d80", ERR_SYNTAX, "" },
	{ "nothing", "ad", "a0", ERR_SYNTAX, "" },
};

static void
edit_apply(const struct buf *good, const char *from, const char *to,
    struct buf *out)
{
	uint8_t old[128], new[128];
	size_t old_len, new_len, at;
	const uint8_t *found;

	assert_int_equal(hex_decode(from, old, sizeof(old), &old_len), ERR_OK);
	assert_int_equal(hex_decode(to, new, sizeof(new), &new_len), ERR_OK);
	found = memmem(good->ptr, good->len, old, old_len);
	if (found == NULL) {
		fail_msg("%s is not in the encoding", from);
		return;
	}
	at = (size_t)(found - good->ptr);
	buf_put(out, good->ptr, at);
	buf_put(out, new, new_len);
	buf_put(out, found + old_len, good->len - at - old_len);
}

static void
test_decode_refuses(void **state)
{
	_cleanup_buf_ struct buf good = BUF_INIT;
	struct product p, q = { .name = "" };
	size_t i;

	(void)state;
	product_make(&p);
	assert_int_equal(product_encode(&p, &good), ERR_OK);
	for (i = 0; i < COUNT(edits); i++) {
		_cleanup_buf_ struct buf bad = BUF_INIT;
		struct diag diag = DIAG_INIT;
		enum err err;

		edit_apply(&good, edits[i].from, edits[i].to, &bad);
		err = product_decode(buf_bytes(&bad), &q, &diag);
		if (err != edits[i].code ||
		    strstr(diag.what, edits[i].what) == NULL)
			fail_msg("%s: got %d, %s", edits[i].name, err,
			    diag.what);
		assert_string_equal(q.name, "");
	}
}

static void
test_decode_size(void **state)
{
	struct product q;
	uint8_t *large = calloc(1, 70000);

	(void)state;
	assert_non_null(large);
	assert_int_equal(product_decode(bytes_of(large, 70000), &q, NULL),
	    ERR_LIMIT);
	free(large);
	assert_int_equal(product_decode(BYTES_NONE, &q, NULL), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_permissions),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_decode_refuses),
		cmocka_unit_test(test_decode_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
