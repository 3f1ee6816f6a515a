#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "lib/base/clock.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_text(void **state)
{
	static const struct {
		int64_t		 t;
		const char	*text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 68169599, "1972-02-28T23:59:59Z" },
		{ 68169600, "1972-02-29T00:00:00Z" },
		{ 951782399, "2000-02-28T23:59:59Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ 951868800, "2000-03-01T00:00:00Z" },
		{ 1795362608, "2026-11-22T15:50:08Z" },
		{ 2147483647, "2038-01-19T03:14:07Z" },
		{ 2147483648, "2038-01-19T03:14:08Z" },
		{ 2524607999, "2049-12-31T23:59:59Z" },
		{ 2524608000, "2050-01-01T00:00:00Z" },
		{ 4107542399, "2100-02-28T23:59:59Z" },
		{ 4107542400, "2100-03-01T00:00:00Z" },
		{ TIME_MAX_S, "9999-12-31T23:59:59Z" },
	};
	char text[TIME_TEXT_SIZE];
	int64_t t;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		time_format(rows[i].t, text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(time_parse(rows[i].text, &t), ERR_OK);
		assert_int_equal(t, rows[i].t);
	}
}

/* The C library as a second opinion, over all years. */
static void
test_civil_agrees(void **state)
{
	struct civil_time c;
	struct tm tm;
	int64_t t, back;
	time_t u;

	(void)state;
	for (t = 0; t <= TIME_MAX_S; t += 86400 * 7 + 12345) {
		u = (time_t)t;
		assert_non_null(gmtime_r(&u, &tm));
		assert_int_equal(time_civil(t, &c), ERR_OK);
		assert_int_equal(c.year, tm.tm_year + 1900);
		assert_int_equal(c.month, tm.tm_mon + 1);
		assert_int_equal(c.day, tm.tm_mday);
		assert_int_equal(c.hour, tm.tm_hour);
		assert_int_equal(c.minute, tm.tm_min);
		assert_int_equal(c.second, tm.tm_sec);
		assert_int_equal(time_from_civil(&c, &back), ERR_OK);
		assert_true(back == t);
	}
}

static void
test_bad_text(void **state)
{
	static const char *const rows[] = {
		"", "?", "2026-11-22T15:50:08", "2026-11-22T15:50:08Z ",
		"2026-11-22 15:50:08Z", "2026-11-22t15:50:08Z",
		"2026-11-22T15:50:08z", "2026/11/22T15:50:08Z",
		"2026-11-22T15:50:0 Z", "2026-11-22T15:50:+8Z",
		"+026-11-22T15:50:08Z", "-026-11-22T15:50:08Z",
		"1969-12-31T23:59:59Z", "2026-00-22T15:50:08Z",
		"2026-13-22T15:50:08Z", "2026-11-00T15:50:08Z",
		"2026-11-31T15:50:08Z", "2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z", "2026-11-22T24:00:00Z",
		"2026-11-22T15:60:08Z", "2026-11-22T15:50:60Z",
		"2026-11-22T15-50-08Z", "2026-11-22T15:50:08+00:00",
	};
	int64_t t;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		t = -7;
		assert_int_equal(time_parse(rows[i], &t), ERR_SYNTAX);
		assert_int_equal(t, -7);
	}
}

static void
test_range(void **state)
{
	static const struct civil_time none[] = {
		{ 1969, 12, 31, 23, 59, 59 }, { 10000, 1, 1, 0, 0, 0 },
		{ 2026, 0, 1, 0, 0, 0 }, { 2026, 13, 1, 0, 0, 0 },
		{ 2026, 1, 0, 0, 0, 0 }, { 2026, 2, 29, 0, 0, 0 },
		{ 2026, 1, 1, 24, 0, 0 }, { 2026, 1, 1, 0, 60, 0 },
		{ 2026, 1, 1, 0, 0, 60 }, { 2026, 1, 1, -1, 0, 0 },
		{ 2026, 1, 1, 0, -1, 0 }, { 2026, 1, 1, 0, 0, -1 },
	};
	struct civil_time c;
	char text[TIME_TEXT_SIZE];
	int64_t t = -7;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(none); i++)
		assert_int_equal(time_from_civil(&none[i], &t), ERR_INVALID);
	assert_true(t == -7);
	assert_int_equal(time_civil(-1, &c), ERR_INVALID);
	assert_int_equal(time_civil(TIME_MAX_S + 1, &c), ERR_INVALID);
	time_format(-1, text);
	assert_string_equal(text, "?");
	time_format(INT64_MAX, text);
	assert_string_equal(text, "?");
}

static void
test_add_years(void **state)
{
	static const struct {
		const char	*from;
		int		 years;
		const char	*to;	/* NULL: ERR_INVALID */
	} rows[] = {
		{ "2026-11-22T15:50:08Z", 0, "2026-11-22T15:50:08Z" },
		{ "2026-11-22T15:50:08Z", 25, "2051-11-22T15:50:08Z" },
		{ "2024-02-29T01:02:03Z", 1, "2025-02-28T01:02:03Z" },
		{ "2024-02-29T01:02:03Z", 4, "2028-02-29T01:02:03Z" },
		{ "2024-02-29T01:02:03Z", 76, "2100-02-28T01:02:03Z" },
		{ "2024-02-29T01:02:03Z", -1, "2023-02-28T01:02:03Z" },
		{ "1971-01-01T00:00:00Z", -1, "1970-01-01T00:00:00Z" },
		{ "1971-01-01T00:00:00Z", -2, NULL },
		{ "9998-12-31T23:59:59Z", 1, "9999-12-31T23:59:59Z" },
		{ "9998-12-31T23:59:59Z", 2, NULL },
		{ "2026-11-22T15:50:08Z", INT32_MAX, NULL },
		{ "2026-11-22T15:50:08Z", INT32_MIN, NULL },
	};
	char text[TIME_TEXT_SIZE];
	int64_t t, u;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(time_parse(rows[i].from, &t), ERR_OK);
		assert_int_equal(time_add_years(t, rows[i].years, &u),
		    rows[i].to == NULL ? ERR_INVALID : ERR_OK);
		if (rows[i].to == NULL)
			continue;
		time_format(u, text);
		assert_string_equal(text, rows[i].to);
	}
	assert_int_equal(time_add_years(-1, 1, &u), ERR_INVALID);
}

static void
test_now(void **state)
{
	int64_t before;

	(void)state;
	/* after this was written, before a wrong unit */
	assert_in_range(time_now(), 1700000000, TIME_MAX_S);
	before = time_monotonic_ns();
	assert_true(time_monotonic_ns() >= before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_civil_agrees),
		cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_add_years),
		cmocka_unit_test(test_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
