/*
 * Time: seconds since 1970-01-01T00:00:00Z, UTC, RFC 3339 in text.
 * Years 1970 to 9999.
 */
#ifndef IMPRINT_BASE_CLOCK_H
#define IMPRINT_BASE_CLOCK_H

#include <stdint.h>

#include "lib/base/err.h"

#define TIME_MAX_S	INT64_C(253402300799)	/* 9999-12-31T23:59:59Z */
#define TIME_TEXT_SIZE	21			/* with NUL */

struct civil_time {
	int	year, month, day, hour, minute, second;
};

/* Now, by the system's clock. */
int64_t	time_now(void);
/* For durations; no relation to civil time. Nanoseconds. */
int64_t	time_monotonic_ns(void);
/* 0 <= t <= TIME_MAX_S, else ERR_INVALID. */
MUST_USE enum err time_civil(int64_t t, struct civil_time *ret_civil);
/* The reverse. ERR_INVALID when there is no such day or time of day. */
MUST_USE enum err time_from_civil(const struct civil_time *, int64_t *ret_t);
/* Adds years on the calendar; 29 February becomes 28. */
MUST_USE enum err time_add_years(int64_t t, int years, int64_t *ret_t);
/* "2026-11-22T15:50:08Z" into text; "?" when out of range. */
void	time_format(int64_t t, char text[TIME_TEXT_SIZE]);
/* Reads exactly that form. ERR_SYNTAX. */
MUST_USE enum err time_parse(const char *text, int64_t *ret_t);

#endif
