/*
 * A small Merkle tree kept whole (RFC 9162 2.1): leaf hashes in, the root and
 * the inclusion path of every leaf out.
 *
 * A tree is built again and again in the same memory; it takes about 64
 * octets a leaf, 256 KB for the largest.
 */
#ifndef IMPRINT_LOG_SUBTREE_H
#define IMPRINT_LOG_SUBTREE_H

#include "lib/log/merkle.h"

#define SUBTREE_MAX	4096	/* leaves */
#define SUBTREE_DEPTH	12	/* hashes of a path: log2 of that */

struct subtree {
	uint32_t	size;			/* leaves */
	uint32_t	cap;			/* nodes there is room for */
	unsigned	levels;
	uint32_t	start[SUBTREE_DEPTH + 1]; /* node each begins at */
	uint8_t		*nodes;			/* leaves first, root last */
};

#define SUBTREE_INIT { 0 }

void	subtree_release(struct subtree *);
#define _cleanup_subtree_ __attribute__((cleanup(subtree_release)))

/* leaves: count times SHA256_SIZE octets, copied. ERR_INVALID unless count is
 * 1 to SUBTREE_MAX; ERR_NOMEM. */
MUST_USE enum err subtree_build(struct subtree *, struct sha256 *,
    const uint8_t *leaves, size_t count);
/* Of a tree that has been built. */
const uint8_t *subtree_root(const struct subtree *);
/* RFC 9162 2.1.3.1, from the leaf's sibling upwards. leaf < size. Returns the
 * number of hashes; none in a tree of one leaf. Views into the tree. */
size_t	subtree_path(const struct subtree *, uint32_t leaf,
	    const uint8_t *ret_path[SUBTREE_DEPTH]);

/* Hashes in the path of a leaf; leaf < size. */
unsigned subtree_path_length(uint32_t leaf, uint32_t size);
/* The root that a path leads to (RFC 9162 2.1.3.2): subtree_path_length()
 * hashes. */
MUST_USE enum err subtree_path_root(struct sha256 *,
    const uint8_t hash[SHA256_SIZE], uint32_t leaf, uint32_t size,
    const uint8_t *const *path, uint8_t ret_root[SHA256_SIZE]);

#endif
