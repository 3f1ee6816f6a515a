/*
 * Strict deterministic CBOR (RFC 8949, core deterministic encoding 4.2.1).
 * Strict C11, no heap on the reading side: the device library uses it too.
 *
 * The reader accepts only what the writer would produce: shortest heads,
 * definite lengths, map keys ascending bytewise and unique, valid UTF-8,
 * simple values false, true and null; no floating point, nesting of at most
 * CBOR_DEPTH_MAX. What it does not accept is an error, never skipped over.
 */
#ifndef IMPRINT_BASE_CBOR_H
#define IMPRINT_BASE_CBOR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

#define CBOR_DEPTH_MAX	16

enum cbor_type {
	CBOR_UINT = 0, CBOR_NINT = 1, CBOR_BSTR = 2, CBOR_TSTR = 3,
	CBOR_ARRAY = 4, CBOR_MAP = 5, CBOR_TAG = 6, CBOR_SIMPLE = 7,
	CBOR_END = 8,		/* no item left */
	CBOR_BAD = 9		/* the reader has failed */
};

/*
 * A cursor over one encoded item or a sequence. The first failure sticks:
 * later reads return zero values and cbor_ok() is false, so a parser reads
 * straight on and asks once. error names what was wrong, at offset.
 */
struct cbor {
	const uint8_t	*ptr;
	size_t		 len;
	size_t		 pos;
	const char	*error;		/* NULL while well */
};

/* Start on untrusted bytes: walks all of them first, checking everything
 * above; exactly one item must fill them. */
void	cbor_open(struct cbor *, struct bytes);
/* Start on bytes that a cbor_open() has already walked. */
void	cbor_open_checked(struct cbor *, struct bytes);
bool	cbor_ok(const struct cbor *);
/* Fail it by hand: a check of the caller's. text must be static. */
void	cbor_fail(struct cbor *, const char *text);
enum cbor_type cbor_peek(const struct cbor *);
uint64_t cbor_get_uint(struct cbor *);
/* Either integer type that fits int64_t. */
int64_t	cbor_get_int(struct cbor *);
struct bytes cbor_get_bstr(struct cbor *);
struct bytes cbor_get_tstr(struct cbor *);
/* A byte string of exactly len octets. */
struct bytes cbor_get_bstr_sized(struct cbor *, size_t len);
bool	cbor_get_bool(struct cbor *);
void	cbor_get_null(struct cbor *);
/* Number of elements, or of pairs; the elements follow. */
size_t	cbor_get_array(struct cbor *);
size_t	cbor_get_map(struct cbor *);
/* An array of exactly count elements. */
void	cbor_get_array_sized(struct cbor *, size_t count);
/*
 * An array that begins with its version, which is returned. It has exactly
 * count elements if that is the version known; another version may have any
 * number, and the caller is to say that it is not known.
 */
uint64_t cbor_get_versioned(struct cbor *, size_t count, uint64_t known);
uint64_t cbor_get_tag(struct cbor *);
/* The encoded bytes of the next item, which is passed over. */
struct bytes cbor_get_item(struct cbor *);
void	cbor_skip(struct cbor *);
/* Nothing may be left: fails the reader otherwise. True when all is well. */
bool	cbor_close(struct cbor *);
/* Is it UTF-8 (RFC 3629), as text must be? */
bool	cbor_is_utf8(struct bytes text);

#endif
