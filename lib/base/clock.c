#include "lib/base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S		86400
#define DAYS_400Y	146097		/* days in 400 years */
#define DAYS_TO_1970	719468		/* from 0000-03-01 */

int64_t
time_now(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
		return 0;
	return ts.tv_sec;
}

int64_t
time_monotonic_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
		return 0;
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static bool
year_is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
month_days(int year, int month)
{
	static const int days[12] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};

	return days[month - 1] + (month == 2 && year_is_leap(year));
}

/*
 * Days since 1970-01-01. Years are counted from 1 March, so that the leap
 * day is the last one of its year.
 */
static int64_t
civil_days(int year, int month, int day)
{
	int64_t y, m, day_of_year;

	y = month <= 2 ? year - 1 : year;
	m = month <= 2 ? month + 9 : month - 3;
	day_of_year = (153 * m + 2) / 5 + day - 1;
	return y / 400 * DAYS_400Y + y % 400 * 365 + y % 400 / 4 -
	    y % 400 / 100 + day_of_year - DAYS_TO_1970;
}

static int64_t
civil_seconds(const struct civil_time *c)
{
	return civil_days(c->year, c->month, c->day) * DAY_S +
	    c->hour * 3600 + c->minute * 60 + c->second;
}

enum err
time_civil(int64_t t, struct civil_time *ret_civil)
{
	int64_t days, of_era, y, of_year, m;
	int second;

	if (t < 0 || t > TIME_MAX_S)
		return ERR_INVALID;
	second = (int)(t % DAY_S);
	days = t / DAY_S + DAYS_TO_1970;
	of_era = days % DAYS_400Y;
	y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * y + y / 4 - y / 100);
	m = (5 * of_year + 2) / 153;
	ret_civil->day = (int)(of_year - (153 * m + 2) / 5 + 1);
	ret_civil->month = (int)(m < 10 ? m + 3 : m - 9);
	ret_civil->year = (int)(days / DAYS_400Y * 400 + y + (m >= 10));
	ret_civil->hour = second / 3600;
	ret_civil->minute = second / 60 % 60;
	ret_civil->second = second % 60;
	return ERR_OK;
}

enum err
time_from_civil(const struct civil_time *c, int64_t *ret_t)
{
	if (c->year < 1970 || c->year > 9999 || c->month < 1 ||
	    c->month > 12 || c->day < 1 ||
	    c->day > month_days(c->year, c->month) ||
	    c->hour < 0 || c->hour > 23 || c->minute < 0 || c->minute > 59 ||
	    c->second < 0 || c->second > 59)
		return ERR_INVALID;
	*ret_t = civil_seconds(c);
	return ERR_OK;
}

enum err
time_add_years(int64_t t, int years, int64_t *ret_t)
{
	struct civil_time c;
	enum err err;

	err = time_civil(t, &c);
	if (err)
		return err;
	if (years < 1970 - c.year || years > 9999 - c.year)
		return ERR_INVALID;
	c.year += years;
	if (c.day > month_days(c.year, c.month))
		c.day = month_days(c.year, c.month);
	*ret_t = civil_seconds(&c);
	return ERR_OK;
}

void
time_format(int64_t t, char text[TIME_TEXT_SIZE])
{
	struct civil_time c;
	char wide[80];		/* what the compiler thinks of int's range */

	if (time_civil(t, &c) != ERR_OK) {
		memcpy(text, "?", 2);
		return;
	}
	(void)snprintf(wide, sizeof(wide), "%04d-%02d-%02dT%02d:%02d:%02dZ",
	    c.year, c.month, c.day, c.hour, c.minute, c.second);
	memcpy(text, wide, TIME_TEXT_SIZE);
}

/* A number of exactly that many digits. */
static bool
digits_read(const char *text, int count, int *ret_value)
{
	int i, value;

	value = 0;
	for (i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	*ret_value = value;
	return true;
}

enum err
time_parse(const char *text, int64_t *ret_t)
{
	struct civil_time c;

	if (strlen(text) != TIME_TEXT_SIZE - 1)
		return ERR_SYNTAX;
	if (text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
	    text[13] != ':' || text[16] != ':' || text[19] != 'Z')
		return ERR_SYNTAX;
	if (!digits_read(text, 4, &c.year) ||
	    !digits_read(text + 5, 2, &c.month) ||
	    !digits_read(text + 8, 2, &c.day) ||
	    !digits_read(text + 11, 2, &c.hour) ||
	    !digits_read(text + 14, 2, &c.minute) ||
	    !digits_read(text + 17, 2, &c.second))
		return ERR_SYNTAX;
	return time_from_civil(&c, ret_t) == ERR_OK ? ERR_OK : ERR_SYNTAX;
}
