/*
 * Bytes that must not leak: locked in memory, left out of core dumps, gone
 * in a forked child, wiped on release. There is no function to print one.
 *
 * A failing mlock (RLIMIT_MEMLOCK) is not an error: secret_is_locked() says
 * whether it held, for the program to warn once.
 */
#ifndef IMPRINT_BASE_SECRET_H
#define IMPRINT_BASE_SECRET_H

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"

struct secret {
	uint8_t		*ptr;
	size_t		 len;	/* bytes in use */
	size_t		 cap;	/* bytes of room */
	bool		 locked;
};

#define SECRET_INIT { 0 }
#define _cleanup_secret_ __attribute__((cleanup(secret_release)))

/* cap bytes of room, len 0. s must be SECRET_INIT. ERR_NOMEM. */
MUST_USE enum err secret_alloc(struct secret *, size_t cap);
/* cap bytes of room and len 0, in the room that it has if that is enough: what
 * is used over and over spares the system's calls. ERR_NOMEM: as released. */
MUST_USE enum err secret_reserve(struct secret *, size_t cap);
/* Room with a copy of src. ERR_NOMEM. */
MUST_USE enum err secret_copy(struct secret *, struct bytes src);
/* Append within cap; ERR_LIMIT beyond it. */
MUST_USE enum err secret_put(struct secret *, struct bytes);
/* Wipe the content, keep the room. */
void	secret_clear(struct secret *);
/* Wipe and give back. */
void	secret_release(struct secret *);
bool	secret_is_locked(const struct secret *);
/* Constant time in the length of b. */
bool	secret_equal(struct bytes a, struct bytes b);
/* Wipe memory that is not in a struct secret (stack, library buffers). */
void	wipe(void *, size_t);
/* No core dumps, no ptrace by the same user: call at the start of main. */
void	process_protect(void);

static inline struct bytes
secret_bytes(const struct secret *s)
{
	return bytes_of(s->ptr, s->len);
}

#endif
