/*
 * A view of bytes that somebody else owns. Strict C11, no heap: the device
 * library uses it too.
 *
 * Invariant: len == 0 or ptr != NULL. A view is valid as long as its owner
 * keeps the bytes in place.
 */
#ifndef IMPRINT_BASE_BYTES_H
#define IMPRINT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t	*ptr;
	size_t		 len;
};

#define BYTES_NONE ((struct bytes){ NULL, 0 })

static inline struct bytes
bytes_of(const void *ptr, size_t len)
{
	struct bytes b;

	b.ptr = (const uint8_t *)ptr;
	b.len = len;
	return b;
}

/* The characters of a C string, without its NUL. */
static inline struct bytes
bytes_text(const char *text)
{
	return bytes_of(text, strlen(text));
}

/* Not in constant time: for public data only (see secret_equal). */
static inline bool
bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len &&
	    (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Only visible ASCII and blanks? */
static inline bool
bytes_is_plain(struct bytes b)
{
	size_t i;

	for (i = 0; i < b.len; i++)
		if (b.ptr[i] < 0x20 || b.ptr[i] > 0x7e)
			return false;
	return true;
}

static inline void
put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, (uint16_t)(v >> 16));
	put_be16(p + 2, (uint16_t)v);
}

static inline void
put_be64(uint8_t *p, uint64_t v)
{
	put_be32(p, (uint32_t)(v >> 32));
	put_be32(p + 4, (uint32_t)v);
}

static inline uint16_t
get_be16(const uint8_t *p)
{
	return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t
get_be32(const uint8_t *p)
{
	return ((uint32_t)get_be16(p) << 16) | get_be16(p + 2);
}

static inline uint64_t
get_be64(const uint8_t *p)
{
	return ((uint64_t)get_be32(p) << 32) | get_be32(p + 4);
}

#endif
