/*
 * Writing a JSON text (RFC 8259). Internal to lib/identity.
 *
 * Values follow their key or, in an array, json_next(). Indented by two, or
 * all on one line without a blank.
 */
#ifndef IMPRINT_IDENTITY_JSON_WRITE_H
#define IMPRINT_IDENTITY_JSON_WRITE_H

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

#endif
