#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/cbor_write.h"
#include "tests/support/hex.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define INPUT_MAX 128

/* RFC 8949 appendix A: what belongs to the subset, with its notation. */
static const struct {
	const char *hex, *diagnostic;
} accepted[] = {
	{ "00", "0" },
	{ "01", "1" },
	{ "0a", "10" },
	{ "17", "23" },
	{ "1818", "24" },
	{ "1819", "25" },
	{ "1864", "100" },
	{ "1903e8", "1000" },
	{ "1a000f4240", "1000000" },
	{ "1b000000e8d4a51000", "1000000000000" },
	{ "1bffffffffffffffff", "18446744073709551615" },
	{ "c249010000000000000000", "2(h'010000000000000000')" },
	{ "3bffffffffffffffff", "-18446744073709551616" },
	{ "c349010000000000000000", "3(h'010000000000000000')" },
	{ "20", "-1" },
	{ "29", "-10" },
	{ "3863", "-100" },
	{ "3903e7", "-1000" },
	{ "f4", "false" },
	{ "f5", "true" },
	{ "f6", "null" },
	{ "c074323031332d30332d32315432303a30343a30305a",
	    "0(\"2013-03-21T20:04:00Z\")" },
	{ "c11a514b67b0", "1(1363896240)" },
	{ "d74401020304", "23(h'01020304')" },
	{ "d818456449455446", "24(h'6449455446')" },
	{ "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
	    "32(\"http://www.example.com\")" },
	{ "40", "h''" },
	{ "4401020304", "h'01020304'" },
	{ "60", "\"\"" },
	{ "6161", "\"a\"" },
	{ "6449455446", "\"IETF\"" },
	{ "62225c", "\"\\\"\\\\\"" },
	{ "62c3bc", "\"\xc3\xbc\"" },
	{ "63e6b0b4", "\"\xe6\xb0\xb4\"" },
	{ "64f0908591", "\"\xf0\x90\x85\x91\"" },
	{ "80", "[]" },
	{ "83010203", "[1, 2, 3]" },
	{ "8301820203820405", "[1, [2, 3], [4, 5]]" },
	{ "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
	    "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,"
	    " 19, 20, 21, 22, 23, 24, 25]" },
	{ "a0", "{}" },
	{ "a201020304", "{1: 2, 3: 4}" },
	{ "a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}" },
	{ "826161a161626163", "[\"a\", {\"b\": \"c\"}]" },
	{ "a56161614161626142616361436164614461656145",
	    "{\"a\": \"A\", \"b\": \"B\", \"c\": \"C\", \"d\": \"D\","
	    " \"e\": \"E\"}" },
	/* not of the appendix: RFC 8949 4.2.1's own order of keys, controls */
	{ "a80a001864002000617a006261610081186400812000f400",
	    "{10: 0, 100: 0, -1: 0, \"z\": 0, \"aa\": 0, [100]: 0,"
	    " [-1]: 0, false: 0}" },
	{ "671b5b7f0ac2856e", "\"\\u001b[\\u007f\\u000a\\u0085n\"" },
};

/* RFC 8949 appendix A: well-formed, but not deterministic or not ours. */
static const char *const refused[] = {
	"f90000", "f98000", "f93c00", "fb3ff199999999999a", "f93e00",
	"f97bff", "fa47c35000", "fa7f7fffff", "fb7e37e43c8800759c",
	"f90001", "f90400", "f9c400", "fbc010666666666666", "f97c00",
	"f97e00", "f9fc00", "fa7f800000", "fa7fc00000", "faff800000",
	"fb7ff0000000000000", "fb7ff8000000000000", "fbfff0000000000000",
	"f7", "f0", "f818", "f8ff", "c1fb41d452d9ec200000",
	"5f42010243030405ff", "7f657374726561646d696e67ff", "9fff",
	"9f018202039f0405ffff", "9f01820203820405ff", "83018202039f0405ff",
	"83019f0203ff820405",
	"9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
	"bf61610161629f0203ffff", "826161bf61626163ff",
	"bf6346756ef563416d7421ff",
};

/* One violation each: where and why it must be found. */
static const struct {
	const char *hex, *error;
	size_t	    pos;
} violations[] = {
	{ "", "truncated", 0 },
	{ "1817", "length or number not in its shortest form", 0 },
	{ "1900ff", "length or number not in its shortest form", 0 },
	{ "1a0000ffff", "length or number not in its shortest form", 0 },
	{ "1b00000000ffffffff", "length or number not in its shortest form",
	    0 },
	{ "3817", "length or number not in its shortest form", 0 },
	{ "5801aa", "length or number not in its shortest form", 0 },
	{ "590001aa", "length or number not in its shortest form", 0 },
	{ "780161", "length or number not in its shortest form", 0 },
	{ "980101", "length or number not in its shortest form", 0 },
	{ "b8010101", "length or number not in its shortest form", 0 },
	{ "d81201", "length or number not in its shortest form", 0 },
	{ "8118ff" "00", "bytes after the item", 3 },
	{ "0000", "bytes after the item", 1 },
	{ "18", "truncated", 0 },
	{ "1901", "truncated", 0 },
	{ "1a010203", "truncated", 0 },
	{ "1b01020304050607", "truncated", 0 },
	{ "1c", "reserved additional information", 0 },
	{ "3d", "reserved additional information", 0 },
	{ "fe", "reserved additional information", 0 },
	{ "ff", "indefinite length or stray break", 0 },
	{ "81ff", "indefinite length or stray break", 1 },
	{ "5fff", "indefinite length or stray break", 0 },
	{ "bfff", "indefinite length or stray break", 0 },
	{ "df00", "indefinite length or stray break", 0 },
	{ "4201", "truncated string", 0 },
	{ "6161" "61", "bytes after the item", 2 },
	{ "6261", "truncated string", 0 },
	{ "5bffffffffffffffff00", "truncated string", 0 },
	{ "7b7fffffffffffffff00", "truncated string", 0 },
	{ "9bffffffffffffffff00", "truncated array", 0 },
	{ "9a0fffffff00", "truncated array", 0 },
	{ "bb800000000000000000", "truncated map", 0 },
	{ "bbffffffffffffffff00", "truncated map", 0 },
	{ "8201", "truncated array", 0 },
	{ "a101", "truncated map", 0 },
	{ "828101", "truncated", 3 },
	{ "c1", "truncated tag", 0 },
	{ "a201000000", "map keys out of order", 3 },
	{ "a20000" "0000", "map key used twice", 3 },
	{ "a220000000", "map keys out of order", 3 },
	{ "a2187800" "1700", "map keys out of order", 4 },
	{ "a262616200" "616200", "map keys out of order", 5 },
	{ "a2616100" "616100", "map key used twice", 4 },
	{ "a2810100" "8100" "00", "map keys out of order", 4 },
	{ "a2a1000000" "a1000000", "map key used twice", 5 },
	{ "81a2820001" "00" "82000100", "map key used twice", 6 },
	{ "61ff", "text is not UTF-8", 0 },
	{ "6180", "text is not UTF-8", 0 },
	{ "61c3", "text is not UTF-8", 0 },
	{ "62c328", "text is not UTF-8", 0 },
	{ "62c080", "text is not UTF-8", 0 },
	{ "62c1bf", "text is not UTF-8", 0 },
	{ "63e08080", "text is not UTF-8", 0 },
	{ "63eda080", "text is not UTF-8", 0 },
	{ "63e228a1", "text is not UTF-8", 0 },
	{ "63e28228", "text is not UTF-8", 0 },
	{ "64f0808080", "text is not UTF-8", 0 },
	{ "64f4908080", "text is not UTF-8", 0 },
	{ "64f5808080", "text is not UTF-8", 0 },
	{ "64f09085" "28", "text is not UTF-8", 0 },
	{ "8262c3bc61ff", "text is not UTF-8", 4 },
	{ "f3", "simple value is not used here", 0 },
	{ "f820", "simple value is not used here", 0 },
	{ "81f7", "simple value is not used here", 1 },
	{ "f97e00", "floating point is not used here", 0 },
};

/* Read an item with the getters and write it again. */
static void
item_copy(struct cbor *c, struct buf *b)
{
	size_t i, count;

	switch (cbor_peek(c)) {
	case CBOR_UINT:
		cbor_put_uint(b, cbor_get_uint(c));
		break;
	case CBOR_BSTR:
		cbor_put_bstr(b, cbor_get_bstr(c));
		break;
	case CBOR_TSTR:
		cbor_put_tstr(b, cbor_get_tstr(c));
		break;
	case CBOR_ARRAY:
		count = cbor_get_array(c);
		cbor_put_array(b, count);
		for (i = 0; i < count && cbor_ok(c); i++)
			item_copy(c, b);
		break;
	case CBOR_MAP:
		count = cbor_get_map(c);
		cbor_put_map(b, count);
		for (i = 0; i < 2 * count && cbor_ok(c); i++)
			item_copy(c, b);
		break;
	case CBOR_TAG:
		cbor_put_tag(b, cbor_get_tag(c));
		item_copy(c, b);
		break;
	case CBOR_NINT:
	case CBOR_SIMPLE:
	default:
		buf_put_bytes(b, cbor_get_item(c));
		break;
	}
}

static void
test_accepted(void **state)
{
	uint8_t raw[INPUT_MAX];
	struct bytes input;
	struct cbor c;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(accepted); i++) {
		_cleanup_buf_ struct buf copy = BUF_INIT;
		_cleanup_buf_ struct buf text = BUF_INIT;

		input = HEX(accepted[i].hex, raw);
		cbor_open(&c, input);
		if (!cbor_ok(&c))
			fail_msg("%s: %s", accepted[i].hex, c.error);
		item_copy(&c, &copy);
		assert_true(cbor_close(&c));
		assert_int_equal(copy.len, input.len);
		assert_memory_equal(copy.ptr, input.ptr, input.len);
		cbor_put_diagnostic(&text, input);
		assert_string_equal(buf_text(&text), accepted[i].diagnostic);
	}
}

static void
test_refused(void **state)
{
	uint8_t raw[INPUT_MAX];
	struct cbor c;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(refused); i++) {
		cbor_open(&c, HEX(refused[i], raw));
		if (cbor_ok(&c))
			fail_msg("%s was accepted", refused[i]);
		assert_int_equal(cbor_peek(&c), CBOR_BAD);
	}
}

static void
test_violations(void **state)
{
	uint8_t raw[INPUT_MAX];
	struct cbor c;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(violations); i++) {
		cbor_open(&c, HEX(violations[i].hex, raw));
		if (cbor_ok(&c))
			fail_msg("%s was accepted", violations[i].hex);
		if (c.pos != violations[i].pos)
			fail_msg("%s: found at %zu", violations[i].hex, c.pos);
		assert_string_equal(c.error, violations[i].error);
	}
}

/* Cut anywhere, or with anything behind it, nothing remains acceptable. */
static void
test_truncated(void **state)
{
	uint8_t raw[INPUT_MAX + 1], *cut;
	struct bytes input;
	struct cbor c;
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(accepted); i++) {
		input = HEX(accepted[i].hex, raw);
		for (len = 0; len < input.len; len++) {
			/* its own memory, so that a read beyond it shows */
			cut = malloc(len + 1);
			assert_non_null(cut);
			memcpy(cut + 1, raw, len);
			cbor_open(&c, bytes_of(cut + 1, len));
			assert_false(cbor_ok(&c));
			free(cut);
		}
		raw[input.len] = 0x00;
		cbor_open(&c, bytes_of(raw, input.len + 1));
		assert_string_equal(c.error, "bytes after the item");
	}
}

static void
test_depth(void **state)
{
	static const uint8_t heads[] = { 0x81, 0xc1, 0xa1 };
	uint8_t raw[3 * CBOR_DEPTH_MAX];
	size_t i, kind, len, depth;
	struct cbor c;

	(void)state;
	for (kind = 0; kind < COUNT(heads); kind++) {
		for (depth = 1; depth <= CBOR_DEPTH_MAX + 1; depth++) {
			len = 0;
			for (i = 0; i < depth; i++) {
				raw[len++] = heads[kind];
				if (heads[kind] == 0xa1)
					raw[len++] = 0x00;
			}
			raw[len++] = 0x00;
			cbor_open(&c, bytes_of(raw, len));
			if (depth <= CBOR_DEPTH_MAX)
				assert_true(cbor_ok(&c));
			else
				assert_string_equal(c.error,
				    "nested too deeply");
		}
	}
	/* an empty array is a level too */
	memset(raw, 0x81, CBOR_DEPTH_MAX);
	raw[CBOR_DEPTH_MAX] = 0x80;
	cbor_open(&c, bytes_of(raw, CBOR_DEPTH_MAX + 1));
	assert_string_equal(c.error, "nested too deeply");
}

enum getter {
	GET_UINT, GET_INT, GET_BSTR, GET_BSTR2, GET_TSTR, GET_BOOL, GET_NULL,
	GET_ARRAY, GET_ARRAY2, GET_MAP, GET_TAG, GET_ITEM, SKIP
};

static void
getter_run(struct cbor *c, enum getter getter)
{
	switch (getter) {
	case GET_UINT:
		assert_true(cbor_get_uint(c) == 0 || cbor_ok(c));
		break;
	case GET_INT:
		assert_true(cbor_get_int(c) == 0 || cbor_ok(c));
		break;
	case GET_BSTR:
		assert_true(cbor_get_bstr(c).len == 0 || cbor_ok(c));
		break;
	case GET_BSTR2:
		assert_true(cbor_get_bstr_sized(c, 2).len == 0 || cbor_ok(c));
		break;
	case GET_TSTR:
		assert_true(cbor_get_tstr(c).len == 0 || cbor_ok(c));
		break;
	case GET_BOOL:
		assert_true(!cbor_get_bool(c) || cbor_ok(c));
		break;
	case GET_NULL:
		cbor_get_null(c);
		break;
	case GET_ARRAY:
		assert_true(cbor_get_array(c) == 0 || cbor_ok(c));
		break;
	case GET_ARRAY2:
		cbor_get_array_sized(c, 2);
		break;
	case GET_MAP:
		assert_true(cbor_get_map(c) == 0 || cbor_ok(c));
		break;
	case GET_TAG:
		assert_true(cbor_get_tag(c) == 0 || cbor_ok(c));
		break;
	case GET_ITEM:
		assert_true(cbor_get_item(c).len == 0 || cbor_ok(c));
		break;
	case SKIP:
		cbor_skip(c);
		break;
	}
}

static const struct {
	const char	*hex;
	enum getter	 getter;
	const char	*error;		/* NULL: it succeeds */
} getters[] = {
	{ "00", GET_UINT, NULL },
	{ "20", GET_UINT, "expected an unsigned integer" },
	{ "", GET_UINT, "an item is missing" },
	{ "1b7fffffffffffffff", GET_INT, NULL },
	{ "3b7fffffffffffffff", GET_INT, NULL },
	{ "1b8000000000000000", GET_INT, "integer out of range" },
	{ "3b8000000000000000", GET_INT, "integer out of range" },
	{ "40", GET_INT, "expected an integer" },
	{ "420102", GET_BSTR, NULL },
	{ "620102", GET_BSTR, "expected a byte string" },
	{ "420102", GET_BSTR2, NULL },
	{ "4101", GET_BSTR2, "byte string of another length expected" },
	{ "43010203", GET_BSTR2, "byte string of another length expected" },
	{ "6161", GET_TSTR, NULL },
	{ "4161", GET_TSTR, "expected a text string" },
	{ "f5", GET_BOOL, NULL },
	{ "f6", GET_BOOL, "expected true or false" },
	{ "01", GET_BOOL, "expected true or false" },
	{ "f6", GET_NULL, NULL },
	{ "f4", GET_NULL, "expected null" },
	{ "00", GET_NULL, "expected null" },
	{ "80", GET_ARRAY, NULL },
	{ "a0", GET_ARRAY, "expected an array" },
	{ "83010203", GET_ARRAY2, "array of another size expected" },
	{ "a0", GET_MAP, NULL },
	{ "80", GET_MAP, "expected a map" },
	{ "d200", GET_TAG, NULL },
	{ "00", GET_TAG, "expected a tag" },
	{ "", GET_ITEM, "an item is missing" },
	{ "", SKIP, "an item is missing" },
	/* never walked before: still safe */
	{ "4201", GET_BSTR, "truncated string" },
	{ "82", GET_ARRAY, "truncated array" },
	{ "828101", SKIP, "truncated" },
	{ "9bffffffffffffffff00", SKIP, "truncated array" },
	{ "1817", GET_UINT, "length or number not in its shortest form" },
};

static void
test_getters(void **state)
{
	uint8_t raw[INPUT_MAX];
	struct cbor c;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(getters); i++) {
		cbor_open_checked(&c, HEX(getters[i].hex, raw));
		getter_run(&c, getters[i].getter);
		if (getters[i].error == NULL) {
			if (!cbor_ok(&c))
				fail_msg("%s: %s", getters[i].hex, c.error);
			continue;
		}
		if (cbor_ok(&c))
			fail_msg("%s was accepted", getters[i].hex);
		assert_string_equal(c.error, getters[i].error);
	}
}

static void
test_values(void **state)
{
	/* [18446744073709551615, -9223372036854775808, "ab", true, 2(h'')] */
	const char *hex = "851bffffffffffffffff3b7fffffffffffffff626162f5c240";
	uint8_t raw[INPUT_MAX];
	struct cbor c;

	(void)state;
	cbor_open(&c, HEX(hex, raw));
	cbor_get_array_sized(&c, 5);
	assert_true(cbor_get_uint(&c) == UINT64_MAX);
	assert_true(cbor_get_int(&c) == INT64_MIN);
	assert_true(bytes_equal(cbor_get_tstr(&c), bytes_text("ab")));
	assert_true(cbor_get_bool(&c));
	assert_int_equal(cbor_peek(&c), CBOR_TAG);
	assert_int_equal(cbor_get_item(&c).len, 2);
	assert_int_equal(cbor_peek(&c), CBOR_END);
	assert_true(cbor_close(&c));
}

/* Of its own version the size is judged, of another it may be any. */
static void
test_versioned(void **state)
{
	static const struct {
		const char	*hex;
		uint64_t	 version;
		bool		 ok;
	} cases[] = {
		{ "820162", 0, false },		/* not well-formed */
		{ "820160", 1, true },
		{ "8101", 1, false },
		{ "83010203", 1, false },
		{ "83020203", 2, true },
		{ "811863", 99, true },
		{ "80", 0, false },
		{ "826001", 0, false },
		{ "01", 0, false },
	};
	uint8_t raw[INPUT_MAX];
	uint64_t version;
	struct cbor c;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		cbor_open(&c, HEX(cases[i].hex, raw));
		version = cbor_get_versioned(&c, 2, 1);
		assert_int_equal(cbor_ok(&c), cases[i].ok);
		assert_true(version == cases[i].version);
	}
}

static void
test_sticky(void **state)
{
	uint8_t raw[INPUT_MAX];
	struct cbor c;

	(void)state;
	cbor_open(&c, HEX("820102", raw));
	cbor_get_array_sized(&c, 2);
	assert_int_equal(cbor_get_bstr(&c).len, 0);
	assert_int_equal(cbor_get_uint(&c), 0);
	cbor_fail(&c, "later");
	assert_string_equal(c.error, "expected a byte string");
	assert_int_equal(c.pos, 1);
	assert_false(cbor_close(&c));

	cbor_open(&c, HEX("820102", raw));
	cbor_get_array_sized(&c, 2);
	assert_int_equal(cbor_get_uint(&c), 1);
	assert_false(cbor_close(&c));
	assert_string_equal(c.error, "more items than expected");
}

static void
test_map_sorted(void **state)
{
	static const char *const keys[] = { "20", "6161", "1864", "0a", "01" };
	const char *want = "a501f60af61864f620f66161f6";
	struct cbor_pair pairs[COUNT(keys)];
	uint8_t raw[COUNT(keys)][4], value[1] = { 0xf6 };
	_cleanup_buf_ struct buf b = BUF_INIT;
	uint8_t expected[INPUT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(keys); i++) {
		pairs[i].key = HEX(keys[i], raw[i]);
		pairs[i].value = bytes_of(value, 1);
	}
	cbor_put_map_sorted(&b, pairs, COUNT(keys));
	assert_int_equal(buf_err(&b), ERR_OK);
	assert_true(bytes_equal(buf_bytes(&b), HEX(want, expected)));

	pairs[1].key = pairs[0].key;
	buf_clear(&b);
	cbor_put_map_sorted(&b, pairs, COUNT(keys));
	assert_int_equal(buf_err(&b), ERR_INVALID);
}

static void
test_writer_limits(void **state)
{
	static const struct {
		int64_t		 value;
		const char	*hex;
	} ints[] = {
		{ 0, "00" }, { 23, "17" }, { 24, "1818" }, { 255, "18ff" },
		{ 256, "190100" }, { 65535, "19ffff" },
		{ 65536, "1a00010000" }, { 4294967295, "1affffffff" },
		{ 4294967296, "1b0000000100000000" }, { -1, "20" },
		{ -24, "37" }, { -25, "3818" }, { -256, "38ff" },
		{ -257, "390100" }, { INT64_MAX, "1b7fffffffffffffff" },
		{ INT64_MIN, "3b7fffffffffffffff" },
	};
	uint8_t raw[INPUT_MAX];
	struct cbor c;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ints); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		cbor_put_int(&b, ints[i].value);
		assert_true(bytes_equal(buf_bytes(&b), HEX(ints[i].hex, raw)));
		cbor_open(&c, buf_bytes(&b));
		assert_true(cbor_get_int(&c) == ints[i].value);
		assert_true(cbor_close(&c));
	}
}

static void
test_diagnostic_of_garbage(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	uint8_t raw[INPUT_MAX];

	(void)state;
	cbor_put_diagnostic(&b, HEX("8201ff", raw));
	assert_string_equal(buf_text(&b),
	    "/ indefinite length or stray break at octet 2 /");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_violations),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_getters),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_versioned),
		cmocka_unit_test(test_sticky),
		cmocka_unit_test(test_map_sorted),
		cmocka_unit_test(test_writer_limits),
		cmocka_unit_test(test_diagnostic_of_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
