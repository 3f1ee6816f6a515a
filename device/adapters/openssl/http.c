#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "device/adapters/openssl/internal.h"

#define HEAD_MAX	4096
#define DATE_SIZE	29	/* Sun, 06 Nov 1994 08:49:37 GMT */

/* Value of a header field in head, case ignored (RFC 9110 5.1). */
static const char *
field_find(const char *head, const char *name)
{
	const char *at = strstr(head, "\r\n");
	size_t len = strlen(name);

	while (at != NULL) {
		at += 2;
		if (strncasecmp(at, name, len) == 0 && at[len] == ':') {
			at += len + 1;
			return at + strspn(at, " \t");
		}
		at = strstr(at, "\r\n");
	}
	return NULL;
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static int
two_digits(const char *at)
{
	return is_digit(at[0]) && is_digit(at[1]) ?
	    (at[0] - '0') * 10 + at[1] - '0' : -1;
}

/* IMF-fixdate (RFC 9110 5.6.7); the other two forms nobody sends. */
static bool
date_read(const char *text, int64_t *ret_time)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm = { .tm_mon = 12 };
	int i, century;

	if (text == NULL || strnlen(text, DATE_SIZE) < DATE_SIZE ||
	    text[3] != ',' || memcmp(text + 25, " GMT", 4) != 0 ||
	    text[19] != ':' || text[22] != ':')
		return false;
	for (i = 0; i < 12; i++)
		if (memcmp(text + 8, months + (size_t)i * 3, 3) == 0)
			tm.tm_mon = i;
	century = two_digits(text + 12);
	tm.tm_year = century * 100 + two_digits(text + 14) - 1900;
	tm.tm_mday = two_digits(text + 5);
	tm.tm_hour = two_digits(text + 17);
	tm.tm_min = two_digits(text + 20);
	tm.tm_sec = two_digits(text + 23);
	if (tm.tm_mon == 12 || century < 19 || two_digits(text + 14) < 0 ||
	    tm.tm_mday < 1 || tm.tm_hour < 0 || tm.tm_min < 0 ||
	    tm.tm_sec < 0)
		return false;
	*ret_time = timegm(&tm);
	return true;
}

/* A date counts from when the answer was made, not by this device's clock:
 * that may be wrong. */
static unsigned
retry_after(const char *head)
{
	const char *text = field_find(head, "retry-after");
	int64_t then, sent, wait = 0;

	if (text != NULL && is_digit(*text))
		wait = strtol(text, NULL, 10);
	else if (date_read(text, &then) &&
	    date_read(field_find(head, "date"), &sent))
		wait = then - sent;
	return wait < 0 ? 0 : wait > UINT_MAX ? UINT_MAX : (unsigned)wait;
}

/* The only transfer coding there is when none was offered (RFC 9112 6.1). */
static bool
is_chunked(const char *value)
{
	return strncasecmp(value, "chunked", 7) == 0 &&
	    strspn(value + 7, " \t") == strcspn(value + 7, "\r");
}

enum adapter_http
adapter_http_head(const uint8_t *text, size_t len,
    struct adapter_answer *ret_answer)
{
	struct adapter_answer answer = { .length = SIZE_MAX };
	char head[HEAD_MAX];
	const uint8_t *end = memmem(text, len, "\r\n\r\n", 4);
	const char *field;
	size_t size;

	if (end == NULL)
		return ADAPTER_HTTP_MORE;
	size = (size_t)(end - text) + 2;
	if (size >= sizeof(head) || size < 13)
		return ADAPTER_HTTP_BAD;
	memcpy(head, text, size);
	head[size] = '\0';
	if (memcmp(head, "HTTP/1.", 7) != 0 || head[8] != ' ' ||
	    head[9] < '1' || head[9] > '5' || two_digits(head + 10) < 0)
		return ADAPTER_HTTP_BAD;
	answer.status = (head[9] - '0') * 100 + two_digits(head + 10);
	answer.start = size + 2;
	answer.retry_after_s = retry_after(head);
	field = field_find(head, "transfer-encoding");
	answer.chunked = field != NULL;
	if (field != NULL && !is_chunked(field))
		return ADAPTER_HTTP_BAD;
	field = field_find(head, "content-length");
	if (!answer.chunked && field != NULL && is_digit(*field))
		answer.length = strtoul(field, NULL, 10);
	*ret_answer = answer;
	return ADAPTER_HTTP_WHOLE;
}

/* The next line, up to its CRLF, which is passed over; NULL: not there yet. */
static const uint8_t *
line_take(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *line = *at;
	const uint8_t *stop = memmem(line, (size_t)(end - line), "\r\n", 2);

	if (stop == NULL)
		return NULL;
	*at = stop + 2;
	return line;
}

/* Its size, which an extension may follow. */
static bool
chunk_size(const uint8_t *line, size_t *ret_size)
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";
	const char *digit;
	size_t i, size = 0;

	for (i = 0; i < 7 && line[i] != '\0' &&
	    (digit = strchr(hex, line[i])) != NULL; i++)
		size = size << 4 | ((size_t)(digit - hex) & 15);
	*ret_size = size;
	return i > 0 && memchr("\r; \t", line[i], 4) != NULL;
}

enum adapter_http
adapter_http_chunks(uint8_t *body, size_t len, bool decode, size_t *ret_len)
{
	const uint8_t *at = body, *end = body + len, *line;
	size_t size = 1, done = 0;

	while (size > 0) {
		line = line_take(&at, end);
		if (line == NULL)
			return ADAPTER_HTTP_MORE;
		if (!chunk_size(line, &size))
			return ADAPTER_HTTP_BAD;
		if (size == 0)
			break;
		if ((size_t)(end - at) < size + 2)
			return ADAPTER_HTTP_MORE;
		if (memcmp(at + size, "\r\n", 2) != 0)
			return ADAPTER_HTTP_BAD;
		if (decode)
			memmove(body + done, at, size);
		done += size;
		at += size + 2;
	}
	do {		/* trailer fields say nothing here */
		line = line_take(&at, end);
	} while (line != NULL && at - line > 2);
	*ret_len = done;
	return line != NULL ? ADAPTER_HTTP_WHOLE : ADAPTER_HTTP_MORE;
}
