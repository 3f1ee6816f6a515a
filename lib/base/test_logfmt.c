#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/base/logfmt.h"

static void
test_values(void **state)
{
	static const struct {
		const char	*value, *want;
	} cases[] = {
		{ "plain", "k=plain" },
		{ "/v1/a:b,c", "k=/v1/a:b,c" },
		{ "", "k=\"\"" },
		{ "two words", "k=\"two words\"" },
		{ "a=b", "k=\"a=b\"" },
		{ "say \"x\"", "k=\"say \\\"x\\\"\"" },
		{ "back\\slash", "k=\"back\\\\slash\"" },
		{ "a\nlevel=error role=x", "k=\"a\\u000alevel=error role=x\"" },
		{ "\r\t\x01\x7f", "k=\"\\u000d\\u0009\\u0001\\u007f\"" },
		{ "caf\xc3\xa9", "k=\"caf\xc3\xa9\"" },
		/* changes lines, and directions, for who reads it */
		{ "\xe2\x80\xa8\xe2\x80\xae", "k=\"\\u2028\\u202e\"" },
		{ "\xff", "k=\"\xef\xbf\xbd\"" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		logfmt_put_text(&b, "k", cases[i].value);
		assert_int_equal(buf_err(&b), ERR_OK);
		assert_string_equal(buf_text(&b), cases[i].want);
	}
}

/* Whatever a value is, it takes a bounded part of the line, and ends. */
static void
test_long(void **state)
{
	static const char octets[] = { 'a', ' ', '\n', '\xff', '"', '\xe2' };
	char value[4 * LOGFMT_VALUE_MAX];
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(octets); i++)
		for (len = LOGFMT_VALUE_MAX / 8; len < sizeof(value);
		     len += 37) {
			_cleanup_buf_ struct buf b = BUF_INIT;
			size_t shown;

			memset(value, octets[i], len);
			logfmt_put(&b, "k", bytes_of(value, len));
			assert_int_equal(buf_err(&b), ERR_OK);
			shown = b.len;
			assert_true(shown <= LOGFMT_VALUE_MAX + 7);
			assert_true(octets[i] == 'a' &&
			    len <= LOGFMT_VALUE_MAX ? shown == len + 2 :
			    b.ptr[shown - 1] == '"' &&
			    b.ptr[shown - 2] != '\\');
			assert_int_equal(len > LOGFMT_VALUE_MAX,
			    len > LOGFMT_VALUE_MAX &&
			    memcmp(b.ptr + shown - 4, "...\"", 4) == 0);
		}
}

static void
test_line(void **state)
{
	_cleanup_buf_ struct buf line = BUF_INIT, fields = BUF_INIT;
	_cleanup_buf_ struct buf small = { .limit = 4 };
	struct diag diag = DIAG_INIT;

	(void)state;
	logfmt_put_text(&fields, "msg", "publication failed");
	(void)diag_fail(&diag, ERR_NOSPACE, "RFC 5280 5", "crl: no \"room\"");
	diag_hint(&diag, "make room");
	logfmt_put_diag(&fields, &diag);
	logfmt_put_number(&fields, "times", 7);
	logfmt_put_line(&line, false, 1700000000, LEVEL_ERROR, "authority",
	    &fields);
	assert_string_equal(buf_text(&line), "time=2023-11-14T22:13:20Z "
	    "level=error role=authority msg=\"publication failed\" "
	    "why=\"crl: no \\\"room\\\"\" reference=\"RFC 5280 5\" "
	    "do=\"make room\" times=7\n");
	buf_clear(&line);
	buf_clear(&fields);
	logfmt_put_text(&fields, "event", "x");
	logfmt_put_line(&line, true, 1700000000, LEVEL_WARNING, "front",
	    &fields);
	assert_string_equal(buf_text(&line), "<4>time=2023-11-14T22:13:20Z "
	    "level=warning role=front event=x\n");
	/* fields that there is no memory for */
	logfmt_put_text(&small, "msg", "longer");
	buf_clear(&line);
	logfmt_put_line(&line, false, 0, LEVEL_INFO, "front", &small);
	assert_string_equal(buf_text(&line), "time=1970-01-01T00:00:00Z "
	    "level=info role=front msg=\"a line is lost: limit\"\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
