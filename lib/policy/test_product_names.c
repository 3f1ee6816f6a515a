/* Names in product files and in the canonical form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/policy/name.h"
#include "lib/policy/product_yaml.h"
#include "tests/support/hex.h"

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))
#define X56	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* The names are on line 16. */
static const char begin[] =
	"product: meter\nversion: \"1\"\nmetadata:\n  hwmodel: M\n"
	"capabilities: {}\nauthorisations: {}\ncredentials:\n"
	"  - slot: 0\n    purpose: authenticate\n    algorithm: P-256\n"
	"    key-from: authority\n    certificate:\n"
	"      validity: never\n"
	"document: {signature: direct, validity: never}\n"
	"delivery: station\nnames: [";

static enum err
parse(const char *names, struct product *ret_product, struct diag *diag)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_printf(&text, "%s%s]\n", begin, names);
	return product_yaml_parse("t", buf_bytes(&text), ret_product, diag);
}

static const struct {
	const char		*yaml;
	struct product_name	 name;
	const char		*hex;	/* in the canonical form */
} good[] = {
	{ "{kind: a, from: index, format: \"X{index:3}\"}",
	    { .kind = "a", .prefix = "X", .digits = 3 }, "836161615803" },
	{ "{kind: a, from: order-csv}",
	    { .kind = "a", .from = NAME_FROM_CSV }, "8361610200" },
	{ "{kind: a, from: order-csv, type: text}",
	    { .kind = "a", .from = NAME_FROM_CSV }, "8361610200" },
	{ "{kind: a, from: order-csv, type: imei}",
	    { .kind = "a", .from = NAME_FROM_CSV, .type = NAME_IMEI },
	    "8361610202" },
	{ "{kind: a, from: line}",
	    { .kind = "a", .from = NAME_FROM_LINE }, "8361610300" },
	{ "{kind: a, from: line, type: mac}",
	    { .kind = "a", .from = NAME_FROM_LINE, .type = NAME_MAC },
	    "8361610301" },
	{ "{kind: a, from: range, type: mac, first: \"02:00:5e:10:00:00\", "
	    "last: 02-00-5E-10-00-FF}",
	    { .kind = "a", .from = NAME_FROM_RANGE, .type = NAME_MAC,
	    .digits = 12, .alphabet = NAME_HEX, .first = 0x02005e100000,
	    .last = 0x02005e1000ff },
	    "88616101" "01600c01" "1b000002005e100000" "1b000002005e1000ff" },
	{ "{kind: a, from: range, type: mac, first: fc005e1000000000, "
	    "last: fc005e10ffffffff}",
	    { .kind = "a", .from = NAME_FROM_RANGE, .type = NAME_MAC,
	    .digits = 16, .alphabet = NAME_HEX,
	    .first = UINT64_C(0xfc005e1000000000),
	    .last = UINT64_C(0xfc005e10ffffffff) },
	    "88616101" "01601001" "1bfc005e1000000000" "1bfc005e10ffffffff" },
	{ "{kind: a, from: range, type: imei, first: 490154200000000, "
	    "last: 490154209999996}",
	    { .kind = "a", .from = NAME_FROM_RANGE, .type = NAME_IMEI,
	    .digits = 14, .first = 49015420000000, .last = 49015420999999 },
	    "88616101" "02600e00" "1b00002c944ab29700" "1b00002c944ac1d93f" },
	{ "{kind: a, from: range, first: \"007\", last: \"999\"}",
	    { .kind = "a", .from = NAME_FROM_RANGE, .digits = 3, .first = 7,
	    .last = 999 }, "88616101" "00600300" "07" "1903e7" },
	{ "{kind: a, from: range, digits: HEX, prefix: \"S/\", "
	    "first: \"00AB\", last: \"0FFF\"}",
	    { .kind = "a", .from = NAME_FROM_RANGE, .prefix = "S/",
	    .digits = 4, .alphabet = NAME_HEX_UPPER, .first = 0xab,
	    .last = 0xfff }, "88616101" "0062532f0402" "18ab" "190fff" },
	{ "{kind: a, from: range, digits: hex, first: \"a\", last: \"a\"}",
	    { .kind = "a", .from = NAME_FROM_RANGE, .digits = 1,
	    .alphabet = NAME_HEX, .first = 10, .last = 10 },
	    "88616101" "00600101" "0a" "0a" },
};

static void
test_good(void **state)
{
	struct product p, q;
	uint8_t room[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		_cleanup_buf_ struct buf cbor = BUF_INIT, yaml = BUF_INIT;
		_cleanup_buf_ struct buf name = BUF_INIT;
		struct diag diag = DIAG_INIT;

		if (parse(good[i].yaml, &p, &diag) != ERR_OK)
			fail_msg("%s: %s", good[i].yaml, diag.what);
		assert_int_equal(p.name_count, 1);
		assert_memory_equal(&p.names[0], &good[i].name,
		    sizeof(p.names[0]));
		product_name_put(&name, &p.names[0]);
		if (!bytes_equal(buf_bytes(&name), HEX(good[i].hex, room))) {
			buf_put_hex(&yaml, buf_bytes(&name));
			fail_msg("%s: %s", good[i].yaml, buf_text(&yaml));
		}
		assert_int_equal(product_encode(&p, &cbor), ERR_OK);
		assert_int_equal(product_decode(buf_bytes(&cbor), &q, &diag),
		    ERR_OK);
		assert_memory_equal(&p, &q, sizeof(p));
		assert_int_equal(product_yaml_write(&p, &yaml), ERR_OK);
		if (product_yaml_parse("w", buf_bytes(&yaml), &q, &diag) !=
		    ERR_OK)
			fail_msg("%s: %s", buf_text(&yaml), diag.what);
		assert_memory_equal(&p, &q, sizeof(p));
	}
}

#define RANGE	"{kind: a, from: range, "

static const struct {
	const char	*yaml;
	enum err	code;
	const char	*what;
} bad[] = {
	{ "{kind: a, from: moon}", ERR_INVALID, "t:16: names[0].from: "
	    "\"moon\" is not offered; allowed: index, range, order-csv, "
	    "line" },
	{ "{kind: a, from: line, type: eui}", ERR_INVALID, "names[0].type: "
	    "\"eui\" is not offered; allowed: text, mac, imei" },
	{ "{kind: a, from: index}", ERR_INVALID,
	    "names[0]: required key \"format\" is missing" },
	{ "{kind: a, from: index, type: text, format: \"{index:3}\"}",
	    ERR_INVALID, "type: has no place with from: index" },
	{ "{kind: a, from: index, prefix: A, format: \"{index:3}\"}",
	    ERR_INVALID, "prefix: has no place with from: index" },
	{ "{kind: a, from: index, digits: hex, format: \"{index:3}\"}",
	    ERR_INVALID, "digits: has no place with from: index" },
	{ "{kind: a, from: order-csv, format: \"{index:3}\"}", ERR_INVALID,
	    "format: has no place with from: order-csv" },
	{ "{kind: a, from: order-csv, first: \"1\"}", ERR_INVALID,
	    "first: has no place with from: order-csv" },
	{ "{kind: a, from: line, last: \"1\"}", ERR_INVALID,
	    "last: has no place with from: line" },
	{ RANGE "last: \"1\"}", ERR_INVALID, "required key \"first\"" },
	{ RANGE "first: \"1\"}", ERR_INVALID, "required key \"last\"" },
	{ RANGE "first: \"2\", last: \"1\"}", ERR_INVALID,
	    "last: is before first" },
	{ RANGE "first: \"1\", last: \"10\"}", ERR_INVALID,
	    "names[0].last: has 2 digits, first has 1" },
	{ RANGE "first: \"1\", last: \"a\"}", ERR_INVALID,
	    "names[0].last: \"a\" is no number; allowed: 1 to 19 of" },
	{ RANGE "digits: hex, first: \"1\", last: \"A\"}", ERR_INVALID,
	    "names[0].last: \"A\" is no number; allowed: 1 to 16 of" },
	{ RANGE "digits: HEX, first: \"1\", last: \"a\"}", ERR_INVALID,
	    "names[0].last: \"a\" is no number" },
	{ RANGE "digits: octal, first: \"1\", last: \"2\"}", ERR_INVALID,
	    "\"octal\" is not offered; allowed: decimal, hex, HEX" },
	{ RANGE "first: \"-1\", last: \"02\"}", ERR_INVALID,
	    "names[0].first: \"-1\" is no number" },
	{ RANGE "first: \"00000000000000000000\", last: "
	    "\"00000000000000000001\"}", ERR_INVALID,
	    "names[0].first: \"00000000000000000000\" is no number" },
	{ RANGE "first: \"0000000000000000\", last: \"0281474976710656\"}",
	    ERR_LIMIT, "last: makes a block of more than 2^48 names" },
	{ RANGE "prefix: \"A_\", first: \"1\", last: \"2\"}", ERR_INVALID,
	    "prefix: holds a character outside PrintableString" },
	{ RANGE "prefix: " X56 ", first: \"000000001\", last: "
	    "\"000000002\"}", ERR_LIMIT, "prefix: makes names of 65" },
	{ RANGE "type: mac, first: \"02:00:5e:10:00\", last: "
	    "\"02:00:5e:10:00:01\"}", ERR_INVALID, "names[0].first: "
	    "\"02:00:5e:10:00\" is no MAC address" },
	{ RANGE "type: mac, first: \"02005e100000\", last: "
	    "\"02005e1000000001\"}", ERR_INVALID,
	    "names[0].last: has 16 digits, first has 12" },
	{ RANGE "type: mac, first: \"02005e100000\", last: "
	    "\"04005e100000\"}", ERR_INVALID,
	    "last: is of another manufacturer" },
	{ RANGE "type: mac, first: \"01005e100000\", last: "
	    "\"01005e100001\"}", ERR_INVALID, "is a group address" },
	{ RANGE "type: mac, prefix: A, first: \"02005e100000\", last: "
	    "\"02005e100001\"}", ERR_INVALID,
	    "prefix: has no place with from: range and type: mac" },
	{ RANGE "type: mac, digits: hex, first: \"02005e100000\", last: "
	    "\"02005e100001\"}", ERR_INVALID, "digits: has no place" },
	{ RANGE "type: imei, first: \"490154203237518\", last: "
	    "\"490154203237519\"}", ERR_INVALID,
	    "names[0].last: \"490154203237519\" is no IMEI: its last" },
	{ "{kind: a, from: line}, {kind: a, from: order-csv}", ERR_INVALID,
	    "names[1]: kind: \"a\" is taken by names[0]" },
};

static void
test_bad(void **state)
{
	struct product p = { .name = "" };
	size_t i;
	enum err err;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		struct diag diag = DIAG_INIT;

		err = parse(bad[i].yaml, &p, &diag);
		if (err != bad[i].code ||
		    strstr(diag.what, bad[i].what) == NULL)
			fail_msg("%s: %s: %s", bad[i].yaml, err_name(err),
			    diag.what);
		assert_string_equal(p.name, "");
	}
}

/* A name of the canonical form in place of a good one. */
static const struct {
	const char	*hex;
	enum err	code;
} decoded[] = {
	{ "8361610200", ERR_OK },
	{ "8361610000", ERR_SYNTAX },		/* index has no number */
	{ "8361610500", ERR_SYNTAX },		/* no source 5 */
	{ "8361610203", ERR_SYNTAX },		/* no type 3 */
	{ "836161026161", ERR_SYNTAX },
	{ "82616102", ERR_SYNTAX },
	{ "846161020000", ERR_SYNTAX },
	{ "8361610100", ERR_SYNTAX },		/* range without its block */
	{ "88616102" "00600100" "00" "01", ERR_SYNTAX },
	{ "88616101" "00600100" "00" "01", ERR_OK },
	{ "88616101" "00600103" "00" "01", ERR_SYNTAX },	/* alphabet */
	{ "88616101" "00600000" "00" "01", ERR_INVALID },	/* digits */
	{ "88616101" "00601400" "00" "01", ERR_SYNTAX },
	{ "88616101" "00601101" "00" "01", ERR_INVALID },
	{ "88616101" "00600100" "01" "00", ERR_INVALID },	/* order */
	{ "88616101" "00600100" "00" "0a", ERR_INVALID },	/* 10 */
	{ "88616101" "00600100" "20" "01", ERR_SYNTAX },
	{ "88616101" "01600c01" "00" "01", ERR_INVALID },	/* zero MAC */
	{ "88616101" "01600c01" "01" "02", ERR_OK },
	{ "88616101" "01600c00" "01" "02", ERR_INVALID },
	{ "88616101" "01600d01" "01" "02", ERR_INVALID },
	{ "88616101" "0161610c01" "01" "02", ERR_INVALID },	/* prefix */
	{ "88616101" "01600c01" "1b0000010000000000" "1b0000010000000001",
	    ERR_INVALID },			/* a group's */
	{ "88616101" "02600e00" "01" "02", ERR_OK },
	{ "88616101" "02600f00" "01" "02", ERR_INVALID },
	{ "88616101" "02600e01" "01" "02", ERR_INVALID },
};

static void
test_decode(void **state)
{
	_cleanup_buf_ struct buf good_form = BUF_INIT;
	static const char name[] = "\x83\x61\x61\x02\x00";
	struct product p, q;
	uint8_t room[64];
	const uint8_t *at;
	size_t i;

	(void)state;
	assert_int_equal(parse("{kind: a, from: order-csv}", &p, NULL),
	    ERR_OK);
	assert_int_equal(product_encode(&p, &good_form), ERR_OK);
	at = memmem(good_form.ptr, good_form.len, name, 5);
	assert_non_null(at);
	for (i = 0; i < COUNT(decoded); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct bytes put = HEX(decoded[i].hex, room);
		struct diag diag = DIAG_INIT;
		enum err err;

		buf_put(&text, good_form.ptr, (size_t)(at - good_form.ptr));
		buf_put_bytes(&text, put);
		buf_put(&text, at + 5, good_form.len -
		    (size_t)(at + 5 - good_form.ptr));
		err = product_decode(buf_bytes(&text), &q, &diag);
		if (err != decoded[i].code)
			fail_msg("%s: %s: %s", decoded[i].hex, err_name(err),
			    diag.what);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_decode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
