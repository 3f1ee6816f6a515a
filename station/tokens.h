/*
 * The fixtures of a line and their tokens. A token is 256 random bits in
 * base64url, told once when it is made; the home keeps its SHA-256 alone.
 *
 * HOME/fixtures (0600): a line for each, "NAME HASH TIME": hexadecimal, and
 * seconds since 1970. It may change while the station serves.
 */
#ifndef IMPRINT_STATION_TOKENS_H
#define IMPRINT_STATION_TOKENS_H

#include "lib/base/io.h"
#include "lib/crypto/hash.h"

#define TOKENS_MAX	256
#define TOKEN_NAME_MAX	63
#define TOKEN_SIZE	44	/* text with its NUL */

struct token {
	char		name[TOKEN_NAME_MAX + 1];	/* a-z, 0-9 and - */
	uint8_t		hash[SHA256_SIZE];
	int64_t		made;
};

struct tokens {
	struct token	list[TOKENS_MAX];
	size_t		count;
};

/* No file: none. ERR_CORRUPT names the line; errors of reading. */
MUST_USE enum err tokens_read(const struct io *, const char *home,
    struct tokens *ret_tokens, struct diag *);
/*
 * A new fixture, durable on return. ERR_INVALID: the name; ERR_EXISTS;
 * ERR_LIMIT; ERR_NOTFOUND: home is no station; ERR_BUSY: another process
 * changes them just now.
 */
MUST_USE enum err tokens_add(const struct io *, const char *home,
    const char *name, int64_t now, char ret_token[TOKEN_SIZE],
    struct diag *);
/* ERR_NOTFOUND: no such fixture. */
MUST_USE enum err tokens_remove(const struct io *, const char *home,
    const char *name, struct diag *);
/* Whose it is, in a time that does not depend on the tokens; NULL: nobody's. */
const struct token *tokens_find(const struct tokens *, struct bytes token);

#endif
