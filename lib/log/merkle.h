/*
 * The Merkle tree of a log (RFC 9162 2.1): leaf = SHA-256(0x00 || entry),
 * node = SHA-256(0x01 || left || right). Append only; what is kept is the
 * frontier: the roots of the complete subtrees, largest first.
 */
#ifndef IMPRINT_LOG_MERKLE_H
#define IMPRINT_LOG_MERKLE_H

#include "lib/base/buf.h"
#include "lib/crypto/hash.h"

#define MERKLE_DEPTH_MAX 64

struct merkle {
	uint64_t	size;
	unsigned	count;		/* bits set in size */
	uint8_t		node[MERKLE_DEPTH_MAX][SHA256_SIZE];
};

#define MERKLE_INIT { 0 }

MUST_USE enum err merkle_leaf(struct sha256 *, struct bytes entry,
    uint8_t ret_hash[SHA256_SIZE]);
/* The hash of two subtrees; ret_hash may be left or right. */
MUST_USE enum err merkle_node(struct sha256 *,
    const uint8_t left[SHA256_SIZE], const uint8_t right[SHA256_SIZE],
    uint8_t ret_hash[SHA256_SIZE]);
/* Append leaf hashes, count of them, SHA256_SIZE octets each. */
MUST_USE enum err merkle_append(struct merkle *, struct sha256 *,
    const uint8_t *leaves, size_t count);
/* The root; of the empty tree SHA-256 of nothing. */
MUST_USE enum err merkle_root(const struct merkle *, struct sha256 *,
    uint8_t ret_root[SHA256_SIZE]);
/*
 * The first of the complete subtrees of one size that two trees do not share:
 * its first leaf and how many it has. False: they are the same tree.
 */
bool	merkle_differ(const struct merkle *, const struct merkle *,
	    uint64_t *ret_first, uint64_t *ret_count);
/* For storage: size (8 octets) then the nodes. ERR_CORRUPT. */
void	merkle_encode(const struct merkle *, struct buf *);
MUST_USE enum err merkle_decode(struct bytes, struct merkle *ret_merkle);

#endif
