#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/policy/name.h"
#include "tests/support/hex.h"

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))
#define FORM(text, number) \
	{ .kind = "label", .prefix = (text), .digits = (number) }
#define X63	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* A name from range. */
static struct product_name
block(enum name_type type, const char *prefix, unsigned digits,
    enum name_digits alphabet, uint64_t first, uint64_t last)
{
	struct product_name name = { "label", "", digits, NAME_FROM_RANGE,
		type, alphabet, first, last };

	memcpy(name.prefix, prefix, strlen(prefix));
	return name;
}

static const struct {
	const char	*prefix;
	unsigned	digits;
	uint64_t	index;
	enum err	code;
	const char	*text;
} indices[] = {
	{ "CAM-", 9, 123, ERR_OK, "CAM-000000123" },
	{ "CAM-", 9, 0, ERR_OK, "CAM-000000000" },
	{ "CAM-", 9, 999999999, ERR_OK, "CAM-999999999" },
	{ "CAM-", 9, 1000000000, ERR_LIMIT, NULL },
	{ "", 1, 9, ERR_OK, "9" },
	{ "", 1, 10, ERR_LIMIT, NULL },
	{ "7", 2, 7, ERR_OK, "707" },
	{ "x", 19, UINT64_C(9999999999999999999), ERR_OK,
	    "x9999999999999999999" },
	{ "x", 19, UINT64_C(10000000000000000000), ERR_LIMIT, NULL },
	{ "x", 19, UINT64_MAX, ERR_LIMIT, NULL },
	{ "x", 20, 1, ERR_INVALID, NULL },
	{ "x", 0, 0, ERR_INVALID, NULL },
	{ X63, 1, 7, ERR_OK, X63 "7" },
	{ X63, 2, 7, ERR_INVALID, NULL },
};

static void
test_index(void **state)
{
	struct product_name name;
	char text[NAME_TEXT_SIZE];
	uint64_t index;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(indices); i++) {
		memset(&name, 0, sizeof(name));
		memcpy(name.prefix, indices[i].prefix,
		    strlen(indices[i].prefix));
		name.digits = indices[i].digits;
		memset(text, '#', sizeof(text));
		assert_int_equal(name_format(&name, indices[i].index, text),
		    indices[i].code);
		if (indices[i].code) {
			assert_int_equal(text[0], '#');
			continue;
		}
		assert_string_equal(text, indices[i].text);
		assert_int_equal(name_parse(&name, text, &index), ERR_OK);
		assert_true(index == indices[i].index);
	}
}

static void
test_parse_refuses(void **state)
{
	static const char *const texts[] = {
		"", "CAM-", "CAM-00000012", "CAM-0000001234", "cam-000000123",
		"CAM-00000012x", "CAM- 00000123", "CAM-+00000123",
		"CAM-000000123 ", " CAM-000000123", "CAM_000000123",
		"000000000123", "CAM-00000/:12", "CAM-00:0000123",
	};
	struct product_name name = FORM("CAM-", 9);
	uint64_t index = 5;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++)
		assert_int_equal(name_parse(&name, texts[i], &index),
		    ERR_NOTFOUND);
	name.digits = 0;
	assert_int_equal(name_parse(&name, "CAM-", &index), ERR_NOTFOUND);
	name.digits = 20;
	assert_int_equal(name_parse(&name, "CAM-00000000000000000001",
	    &index), ERR_NOTFOUND);
	name.digits = 9;
	name.from = NAME_FROM_CSV;
	assert_int_equal(name_parse(&name, "CAM-000000123", &index),
	    ERR_NOTFOUND);
	assert_int_equal(index, 5);
}

static void
test_blocks(void **state)
{
	const struct {
		struct product_name	 name;
		uint64_t		 value;
		const char		*text;	/* NULL: outside */
	} cases[] = {
		{ block(NAME_MAC, "", 12, NAME_HEX, 0x02005e100000,
		    0x02005e1000ff), 0x02005e10000a, "02:00:5e:10:00:0a" },
		{ block(NAME_MAC, "", 12, NAME_HEX, 0x02005e100000,
		    0x02005e1000ff), 0x02005e100100, NULL },
		{ block(NAME_MAC, "", 12, NAME_HEX, 0x02005e100000,
		    0x02005e1000ff), 0x02005e0fffff, NULL },
		{ block(NAME_MAC, "", 16, NAME_HEX,
		    UINT64_C(0xfe005e1000000000),
		    UINT64_C(0xfe005e10ffffffff)),
		    UINT64_C(0xfe005e1012345678), "fe:00:5e:10:12:34:56:78" },
		{ block(NAME_IMEI, "", 14, NAME_DECIMAL, 49015420000000,
		    49015420999999), 49015420323751, "490154203237518" },
		{ block(NAME_TEXT, "A-", 4, NAME_HEX_UPPER, 0, 0xffff),
		    0xbeef, "A-BEEF" },
		{ block(NAME_TEXT, "A-", 4, NAME_HEX, 0, 0xffff), 0xbeef,
		    "A-beef" },
		{ block(NAME_TEXT, "", 16, NAME_HEX, 0, UINT64_MAX),
		    UINT64_MAX, "ffffffffffffffff" },
		{ block(NAME_TEXT, "B", 3, NAME_DECIMAL, 17, 19), 18,
		    "B018" },
		{ block(NAME_TEXT, "B", 3, NAME_DECIMAL, 17, 19), 20, NULL },
	};
	char text[NAME_TEXT_SIZE];
	uint64_t value;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(name_format(&cases[i].name, cases[i].value,
		    text), cases[i].text != NULL ? ERR_OK : ERR_LIMIT);
		if (cases[i].text == NULL)
			continue;
		assert_string_equal(text, cases[i].text);
		assert_int_equal(name_parse(&cases[i].name, text, &value),
		    ERR_OK);
		assert_true(value == cases[i].value);
	}
}

/* A wrong check digit is none of the block's, nor a colon elsewhere. */
static void
test_blocks_refuse(void **state)
{
	struct product_name imei = block(NAME_IMEI, "", 14, NAME_DECIMAL,
	    49015420000000, 49015420999999);
	struct product_name mac = block(NAME_MAC, "", 12, NAME_HEX,
	    0x02005e100000, 0x02005e1000ff);
	static const char *const macs[] = { "02005e10000a",
		"02:00:5E:10:00:0A", "02:00:5e:10:00:0a:", "02:00:5e:10:00:",
		"0:200:5e:10:00:0a", "02:00:5e:10:01:00" };
	uint64_t value = 5;
	size_t i;

	(void)state;
	assert_int_equal(name_parse(&imei, "490154203237517", &value),
	    ERR_NOTFOUND);
	assert_int_equal(name_parse(&imei, "49015420323751", &value),
	    ERR_NOTFOUND);
	for (i = 0; i < COUNT(macs); i++)
		assert_int_equal(name_parse(&mac, macs[i], &value),
		    ERR_NOTFOUND);
	assert_int_equal(value, 5);
}

static const struct {
	const char	*kind;
	enum name_type	 type;
	const char	*in, *out;	/* out NULL: what says why */
	const char	*what;
} reads[] = {
	{ "tag", NAME_TEXT, "SN_1#*", "SN_1#*", NULL },
	{ "tag", NAME_TEXT, "a b", "a b", NULL },
	{ "tag", NAME_TEXT, X63 "y", X63 "y", NULL },
	{ "tag", NAME_TEXT, X63 "yz", NULL, "is 65 octets long; at most 64" },
	{ "tag", NAME_TEXT, "", NULL, "is empty" },
	{ "tag", NAME_TEXT, " a", NULL, "begins or ends with a space" },
	{ "tag", NAME_TEXT, "a ", NULL, "begins or ends with a space" },
	{ "tag", NAME_TEXT, "a\tb", NULL, "holds U+0009" },
	{ "tag", NAME_TEXT, "a\x7f", NULL, "holds U+007F" },
	{ "tag", NAME_TEXT, "a\xff", NULL, "is not UTF-8" },
	{ "tag", NAME_TEXT, "a\xc3\xa9", NULL,
	    "holds a character outside ASCII, at octet 2" },
	{ "serial-number", NAME_TEXT, "SN-1 (x)", "SN-1 (x)", NULL },
	{ "serial-number", NAME_TEXT, "SN_1", NULL, "holds \"_\"; a serial" },
	{ "mac", NAME_MAC, "02:00:5E:10:00:0a", "02:00:5e:10:00:0a", NULL },
	{ "mac", NAME_MAC, "02-00-5e-10-00-0A", "02:00:5e:10:00:0a", NULL },
	{ "mac", NAME_MAC, "0200.5e10.000a", "02:00:5e:10:00:0a", NULL },
	{ "mac", NAME_MAC, "02005E10000A", "02:00:5e:10:00:0a", NULL },
	{ "mac", NAME_MAC, "02005E100000000A", "02:00:5e:10:00:00:00:0a",
	    NULL },
	{ "mac", NAME_MAC, "02-00-5e-10-00-00-00-0a",
	    "02:00:5e:10:00:00:00:0a", NULL },
	{ "mac", NAME_MAC, "02:00:5e:10:00", NULL, "is no MAC address" },
	{ "mac", NAME_MAC, "02:00:5e:10:00:0a:", NULL, "is no MAC address" },
	{ "mac", NAME_MAC, ":02:00:5e:10:00:0a", NULL, "is no MAC address" },
	{ "mac", NAME_MAC, "02:00:5e-10:00:0a", NULL, "is no MAC address" },
	{ "mac", NAME_MAC, "020:05e:100:00a", NULL, "is no MAC address" },
	{ "mac", NAME_MAC, "02:00:5e:10:00:0g", NULL, "is no MAC address" },
	{ "mac", NAME_MAC, "02005e10000", NULL, "is no MAC address" },
	{ "mac", NAME_MAC, "02005e10000a00", NULL, "is no MAC address" },
	{ "mac", NAME_MAC, "02005e10000a000000", NULL, "is no MAC address" },
	{ "mac", NAME_MAC, "2.00E+10", NULL, "is no MAC address" },
	{ "mac", NAME_MAC, "01:00:5e:10:00:0a", NULL, "is a group address" },
	{ "mac", NAME_MAC, "ff:ff:ff:ff:ff:ff", NULL, "is a group address" },
	{ "mac", NAME_MAC, "000000000000", NULL, "is all zeroes" },
	{ "imei", NAME_IMEI, "490154203237518", "490154203237518", NULL },
	{ "imei", NAME_IMEI, "49-015420-323751-8", "490154203237518", NULL },
	{ "imei", NAME_IMEI, "49 015420 323751 8", "490154203237518", NULL },
	{ "imei", NAME_IMEI, "352099001761481", "352099001761481", NULL },
	{ "imei", NAME_IMEI, "000000000000000", "000000000000000", NULL },
	{ "imei", NAME_IMEI, "490154203237519", NULL, "should be 8" },
	{ "imei", NAME_IMEI, "49015420323751", NULL, "is no IMEI: 15" },
	{ "imei", NAME_IMEI, "4901542032375180", NULL, "is no IMEI: 15" },
	{ "imei", NAME_IMEI, "-490154203237518", NULL, "is no IMEI: 15" },
	{ "imei", NAME_IMEI, "490154203237518-", NULL, "is no IMEI: 15" },
	{ "imei", NAME_IMEI, "4.90154E+14", NULL, "is no IMEI: 15" },
	{ "imei", NAME_IMEI, "49015420323751x", NULL, "is no IMEI: 15" },
};

static void
test_read(void **state)
{
	char text[NAME_TEXT_SIZE], again[NAME_TEXT_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(reads); i++) {
		struct diag diag = DIAG_INIT;
		enum err err;

		memset(text, '#', sizeof(text));
		err = name_read(reads[i].kind, reads[i].type,
		    bytes_text(reads[i].in), text, &diag);
		if (reads[i].out == NULL) {
			if (err != ERR_INVALID ||
			    strstr(diag.what, reads[i].what) == NULL)
				fail_msg("%s: %d %s", reads[i].in, err,
				    diag.what);
			assert_int_equal(text[0], '#');
			continue;
		}
		if (err != ERR_OK)
			fail_msg("%s: %s", reads[i].in, diag.what);
		assert_string_equal(text, reads[i].out);
		/* what is canonical stays as it is */
		assert_int_equal(name_read(reads[i].kind, reads[i].type,
		    bytes_text(text), again, NULL), ERR_OK);
		assert_string_equal(text, again);
	}
	assert_int_equal(name_read("tag", NAME_TEXT, bytes_of("a\0b", 3),
	    text, NULL), ERR_INVALID);
}

/* RFC 9711 4.2.1.1: 02 and the EUI; 03 and 14 digits, an octet each. */
static void
test_ueid(void **state)
{
	static const struct {
		enum name_type	 type;
		const char	*text, *hex;
	} cases[] = {
		{ NAME_MAC, "02:00:5e:10:00:0a", "0202005e10000a" },
		{ NAME_MAC, "fe:dc:ba:98:76:54:32:10", "02fedcba9876543210" },
		{ NAME_IMEI, "490154203237518",
		    "030409000105040200030203070501" },
	};
	uint8_t ueid[NAME_UEID_MAX], room[NAME_UEID_MAX];
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(name_ueid(cases[i].type, cases[i].text, ueid,
		    &len), ERR_OK);
		assert_true(bytes_equal(bytes_of(ueid, len),
		    HEX(cases[i].hex, room)));
	}
	assert_int_equal(name_ueid(NAME_TEXT, "x", ueid, &len),
	    ERR_UNSUPPORTED);
}

static void
test_meet(void **state)
{
	const struct product_name i9 = FORM("CAM-", 9);
	const struct {
		struct product_name	a, b;
		bool			meet, same;
	} cases[] = {
		{ i9, i9, true, true },
		{ i9, FORM("CAM-", 10), false, false },
		{ i9, FORM("DAM-", 9), false, false },
		{ i9, FORM("CAM-0", 8), true, true },
		{ i9, FORM("CAM-00", 7), true, true },
		{ i9, FORM("CAM-1", 8), true, false },
		{ i9, FORM("CAM-A", 8), false, false },
		{ i9, block(NAME_TEXT, "CAM-", 9, NAME_DECIMAL, 5, 7), true,
		    false },
		{ i9, block(NAME_TEXT, "CAM-", 8, NAME_DECIMAL, 5, 7), false,
		    false },
		{ block(NAME_TEXT, "A", 3, NAME_DECIMAL, 10, 20),
		    block(NAME_TEXT, "A", 3, NAME_DECIMAL, 20, 30), true,
		    false },
		{ block(NAME_TEXT, "A", 3, NAME_DECIMAL, 10, 20),
		    block(NAME_TEXT, "A", 3, NAME_DECIMAL, 21, 30), false,
		    false },
		{ block(NAME_TEXT, "A", 3, NAME_DECIMAL, 150, 160),
		    block(NAME_TEXT, "A1", 2, NAME_DECIMAL, 60, 70), true,
		    false },
		{ block(NAME_TEXT, "A", 3, NAME_DECIMAL, 150, 160),
		    block(NAME_TEXT, "A1", 2, NAME_DECIMAL, 61, 70), false,
		    false },
		{ block(NAME_TEXT, "A", 3, NAME_HEX, 0xa00, 0xfff),
		    block(NAME_TEXT, "A", 3, NAME_DECIMAL, 0, 999), false,
		    false },
		{ block(NAME_TEXT, "A", 3, NAME_HEX, 0x900, 0xfff),
		    block(NAME_TEXT, "A", 3, NAME_DECIMAL, 0, 999), true,
		    false },
		{ block(NAME_MAC, "", 12, NAME_HEX, 0x02005e100000,
		    0x02005e1000ff), block(NAME_MAC, "", 12, NAME_HEX,
		    0x02005e100100, 0x02005e1001ff), false, false },
		{ block(NAME_MAC, "", 12, NAME_HEX, 0x02005e100000,
		    0x02005e100100), block(NAME_MAC, "", 12, NAME_HEX,
		    0x02005e100100, 0x02005e1001ff), true, false },
		{ block(NAME_IMEI, "", 14, NAME_DECIMAL, 49015420000000,
		    49015420000009), block(NAME_IMEI, "", 14, NAME_DECIMAL,
		    49015420000010, 49015420000019), false, false },
	};
	bool same;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (name_forms_meet(&cases[i].a, &cases[i].b, &same) !=
		    cases[i].meet || same != cases[i].same)
			fail_msg("case %zu", i);
		if (name_forms_meet(&cases[i].b, &cases[i].a, &same) !=
		    cases[i].meet || same != cases[i].same)
			fail_msg("case %zu, the other way", i);
	}
}

/* One block for two kinds of a type; not for two kinds of text. */
static void
test_block_id(void **state)
{
	struct product_name a = block(NAME_MAC, "", 12, NAME_HEX, 1, 99);
	struct product_name b = a, c = a, t = block(NAME_TEXT, "A", 3,
	    NAME_HEX, 1, 99), u = t;
	uint64_t x, y;

	(void)state;
	memcpy(b.kind, "wifi", 5);
	c.last++;
	assert_true(name_same_block(&a, &b) && !name_same_block(&a, &c));
	assert_int_equal(name_block_id(&a, &x), ERR_OK);
	assert_int_equal(name_block_id(&b, &y), ERR_OK);
	assert_true(x == y && x > 0 && x <= INT64_MAX);
	assert_int_equal(name_block_id(&c, &y), ERR_OK);
	assert_true(x != y);
	memcpy(u.kind, "other", 6);
	assert_false(name_same_block(&t, &u));
	assert_int_equal(name_block_id(&t, &x), ERR_OK);
	assert_int_equal(name_block_id(&u, &y), ERR_OK);
	assert_true(x != y);
	t.from = NAME_FROM_INDEX;
	assert_false(name_same_block(&t, &t));
}

static void
test_sample(void **state)
{
	struct product_name names[] = {
		{ .kind = "serial-number", .from = NAME_FROM_CSV },
		{ .kind = "mac", .from = NAME_FROM_CSV, .type = NAME_MAC },
		{ .kind = "imei", .from = NAME_FROM_CSV, .type = NAME_IMEI },
		block(NAME_TEXT, "A", 3, NAME_HEX, 0xab, 99),
	};
	char text[NAME_TEXT_SIZE];
	size_t i;

	(void)state;
	names[3].last = 0xfff;
	for (i = 0; i < COUNT(names); i++) {
		assert_int_equal(name_sample(&names[i], text), ERR_OK);
		assert_true(strlen(text) > 0);
	}
	assert_string_equal(text, "A0ab");
	assert_int_equal(name_sample(&names[0], text), ERR_OK);
	assert_int_equal(strlen(text), NAME_TEXT_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_blocks_refuse),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_ueid),
		cmocka_unit_test(test_meet),
		cmocka_unit_test(test_block_id),
		cmocka_unit_test(test_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
