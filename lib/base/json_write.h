/*
 * Writing a JSON text (RFC 8259).
 *
 * Values follow their key or, in an array, json_next(). Indented by two, or
 * all on one line without a blank.
 */
#ifndef IMPRINT_BASE_JSON_WRITE_H
#define IMPRINT_BASE_JSON_WRITE_H

#include "lib/base/buf.h"

struct json {
	struct buf	*b;
	bool		 line;		/* on one line */
	unsigned	 depth;
	bool		 begun;		/* an element is here already */
};

/* Begin the next element or member. */
void	json_next(struct json *);
void	json_key(struct json *, struct bytes key);
/* '{' or '['; '}' or ']' */
void	json_open(struct json *, char bracket);
void	json_close(struct json *, char bracket);

/*
 * Append text with backslash escapes as in JSON (RFC 8259 7) for control
 * characters, characters that change the direction or the lines of what
 * stands around them, and those in also (ASCII); octets that are not UTF-8
 * become U+FFFD. Returns the columns written, one for each character.
 */
#define ESCAPE_JSON	"\"\\"
#define ESCAPE_TEXT	""
size_t	text_put_escaped(struct buf *, struct bytes text, const char *also);

/* Values; what is not UTF-8 becomes U+FFFD. */
void	json_put_string(struct json *, struct bytes text);
void	json_put_base64url(struct json *, struct bytes);

/* Members. */
void	json_put_text(struct json *, const char *key, struct bytes text);
/* Left out when the text is empty. */
void	json_put_some(struct json *, const char *key, struct bytes text);
void	json_put_hex(struct json *, const char *key, struct bytes);
void	json_put_octets(struct json *, const char *key, struct bytes);
void	json_put_number(struct json *, const char *key, uint64_t);
void	json_put_flag(struct json *, const char *key, bool);
void	json_put_time(struct json *, const char *key, int64_t); /* RFC 3339 */

#endif
