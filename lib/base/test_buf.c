#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_put(void **state)
{
	static const uint8_t want[] = {
		0x01, 0x01, 0x02, 0x01, 0x02, 0x03, 0x04,
		0, 1, 2, 3, 4, 5, 6, 7, 'a', 'b', '7', '-', 'x'
	};
	_cleanup_buf_ struct buf b = BUF_INIT;

	(void)state;
	buf_put_u8(&b, 1);
	buf_put_be16(&b, 0x0102);
	buf_put_be32(&b, 0x01020304);
	buf_put_be64(&b, 0x0001020304050607);
	buf_put_bytes(&b, bytes_text("ab"));
	buf_put(&b, NULL, 0);
	buf_printf(&b, "%d-%s", 7, "x");
	assert_int_equal(buf_err(&b), ERR_OK);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.ptr, want, sizeof(want));
}

static void
test_limit_sticks(void **state)
{
	_cleanup_buf_ struct buf b = { .limit = 4 };

	(void)state;
	buf_put(&b, "abcd", 4);
	assert_int_equal(buf_err(&b), ERR_OK);
	assert_string_equal(buf_text(&b), "abcd");
	buf_put_u8(&b, 'e');
	assert_int_equal(buf_err(&b), ERR_LIMIT);
	assert_int_equal(b.len, 4);
	buf_put(&b, NULL, 0);
	assert_null(buf_extend(&b, 0));
	assert_string_equal(buf_text(&b), "");
	buf_clear(&b);
	assert_int_equal(buf_err(&b), ERR_OK);
	buf_printf(&b, "%s", "12345");
	assert_int_equal(buf_err(&b), ERR_LIMIT);
	assert_int_equal(b.len, 0);
	buf_clear(&b);
	buf_reserve(&b, SIZE_MAX);
	assert_int_equal(buf_err(&b), ERR_LIMIT);
	buf_clear(&b);
	buf_printf(&b, "%s", "1234");
	assert_string_equal(buf_text(&b), "1234");
}

static void
test_empty(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_string_equal(buf_text(&b), "");
	buf_release(&b);
	assert_non_null(buf_extend(&b, 0));
	assert_int_equal(b.len, 0);
}

static void
test_insert(void **state)
{
	_cleanup_buf_ struct buf b = { .limit = 6 };

	(void)state;
	buf_put(&b, "ad", 2);
	buf_insert(&b, 1, bytes_text("bc"));
	assert_string_equal(buf_text(&b), "abcd");
	buf_insert(&b, 4, bytes_text("e"));
	buf_insert(&b, 0, bytes_text("_"));
	buf_insert(&b, 3, BYTES_NONE);
	assert_string_equal(buf_text(&b), "_abcde");
	buf_insert(&b, 0, bytes_text("x"));
	assert_int_equal(buf_err(&b), ERR_LIMIT);
	assert_memory_equal(b.ptr, "_abcde", 6);
}

static void
test_grow(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	uint32_t i;

	(void)state;
	for (i = 0; i < 100000; i++)
		buf_put_be32(&b, i);
	assert_int_equal(buf_err(&b), ERR_OK);
	assert_int_equal(b.len, 400000);
	for (i = 0; i < 100000; i++)
		assert_int_equal(get_be32(b.ptr + 4 * (size_t)i), i);
}

static void
test_hex(void **state)
{
	static const struct {
		const char	*text;
		size_t		 cap;
		enum err	 err;
		const char	*back;
	} rows[] = {
		{ "", 0, ERR_OK, "" },
		{ "00fF", 2, ERR_OK, "00ff" },
		{ "0123456789abcdefABCDEF", 11, ERR_OK,
		    "0123456789abcdefabcdef" },
		{ "0", 8, ERR_SYNTAX, NULL },
		{ "0g", 8, ERR_SYNTAX, NULL },
		{ "g0", 8, ERR_SYNTAX, NULL },
		{ "0 ", 8, ERR_SYNTAX, NULL },
		{ "0011", 1, ERR_LIMIT, NULL },
	};
	uint8_t out[16];
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		len = 99;
		assert_int_equal(hex_decode(rows[i].text, out, rows[i].cap,
		    &len), rows[i].err);
		if (rows[i].err != ERR_OK) {
			assert_int_equal(len, 99);
			continue;
		}
		buf_put_hex(&b, bytes_of(out, len));
		assert_string_equal(buf_text(&b), rows[i].back);
	}
}

/* RFC 4648 10 */
static void
test_base64(void **state)
{
	static const struct {
		const char *plain, *text, *url;
	} rows[] = {
		{ "", "", "" }, { "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" }, { "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+", "-__-" },
		{ "\xfb\xff", "+/8=", "-_8" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		_cleanup_buf_ struct buf back = BUF_INIT;

		buf_put_base64(&b, bytes_text(rows[i].plain));
		assert_string_equal(buf_text(&b), rows[i].text);
		assert_int_equal(base64_decode(bytes_text(rows[i].text),
		    &back), ERR_OK);
		assert_string_equal(buf_text(&back), rows[i].plain);
		buf_clear(&b);
		buf_put_base64url(&b, bytes_text(rows[i].plain));
		assert_string_equal(buf_text(&b), rows[i].url);
		buf_clear(&back);
		assert_int_equal(base64url_decode(bytes_text(rows[i].url),
		    &back), ERR_OK);
		assert_string_equal(buf_text(&back), rows[i].plain);
	}
}

static void
test_base64url_forms(void **state)
{
	static const char *const bad[] = { "Z", "Zg==", "Zg=", "Zm9v Zm9v",
		"Zh", "Zm9", "Zm+v", "Zm/v", "Zm9v\n", "Zm9vZ" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		assert_int_equal(base64url_decode(bytes_text(bad[i]), &b),
		    ERR_SYNTAX);
		assert_int_equal(b.len, 0);
	}
}

static void
test_base64_forms(void **state)
{
	static const struct {
		const char	*text;
		size_t		 len;
		enum err	 err;
	} rows[] = {
		{ " Zm\r\n9v\tYg=\n= ", 14, ERR_OK },
		{ "Zg=", 3, ERR_SYNTAX },	/* padding is short */
		{ "Zg", 2, ERR_SYNTAX },	/* or missing */
		{ "Zg===", 5, ERR_SYNTAX },	/* or too long */
		{ "Zm9v====", 8, ERR_SYNTAX },
		{ "Z===", 4, ERR_SYNTAX },
		{ "=", 1, ERR_SYNTAX },
		{ "Zg==Zg==", 8, ERR_SYNTAX },	/* goes on after it */
		{ "Zh==", 4, ERR_SYNTAX },	/* bits left over */
		{ "Zm9=", 4, ERR_SYNTAX },
		{ "Zm-v", 4, ERR_SYNTAX },	/* foreign */
		{ "Zm9v\0", 5, ERR_SYNTAX },
		{ "Zm9vZm9vZm9v", 12, ERR_LIMIT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		_cleanup_buf_ struct buf b = { .limit = 8 };

		buf_put_u8(&b, '!');
		assert_int_equal(base64_decode(bytes_of(rows[i].text,
		    rows[i].len), &b), rows[i].err);
		buf_clear(&b);
		if (rows[i].err != ERR_OK)
			continue;
		assert_int_equal(base64_decode(bytes_of(rows[i].text,
		    rows[i].len), &b), ERR_OK);
		assert_string_equal(buf_text(&b), "foob");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_limit_sticks),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_insert),
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_forms),
		cmocka_unit_test(test_base64url_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
