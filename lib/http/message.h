/*
 * The head of a request: its line and header fields (RFC 9112 3, 5).
 *
 * Stricter than the RFC where leniency has led readers to disagree: line ends
 * are CRLF, no folded lines (5.2), no blanks before a colon (5.1), no bare CR
 * or control characters, one Content-Length of digits alone, no transfer
 * coding (6.3: 411), targets with a path only (3.2.1, 3.2.2).
 */
#ifndef IMPRINT_HTTP_MESSAGE_H
#define IMPRINT_HTTP_MESSAGE_H

#include "lib/http/server.h"

struct http_header_field {
	struct bytes	name, value;
};

/* Views into the text that was parsed. */
struct http_head {
	struct bytes	method, path, query;
	struct http_header_field fields[HTTP_FIELDS_MAX];
	size_t		field_count;
	uint64_t	body_len;	/* Content-Length; 0: none */
	bool		keep_alive;
	bool		expect_continue;	/* RFC 9110 10.1.1 */
};

/* Octets of the head with the empty line that ends it, which is searched for
 * from octet from on; 0: it is not complete. */
size_t	http_head_end(struct bytes text, size_t from);
/*
 * text: a whole head with its empty line. ERR_SYNTAX, ERR_LIMIT and
 * ERR_UNSUPPORTED come with ret_status, what a client is to be told.
 */
MUST_USE enum err http_head_parse(struct bytes text,
    struct http_head *ret_head, enum http_status *ret_status, struct diag *);
/* "host", "127.0.0.1:8443", "[::1]", or empty: RFC 9110 7.2. */
bool	http_host_good(struct bytes);
/* ptr NULL: none. */
struct bytes http_head_field(const struct http_head *, const char *name);
size_t	http_head_field_count(const struct http_head *, const char *name);
/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7); 0 <= t <= TIME_MAX_S. */
#define HTTP_DATE_SIZE	30
void	http_date(int64_t t, char ret_text[HTTP_DATE_SIZE]);
/* "Not Found" */
const char *http_reason(enum http_status);

#endif
