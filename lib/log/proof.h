/*
 * Inclusion and consistency proofs of a log's tree (RFC 9162 2.1.3, 2.1.4),
 * and its root at any earlier size, made of hashes that a source gives: tiles
 * of a folder (lib/log/tile.h), or whatever else has them.
 */
#ifndef IMPRINT_LOG_PROOF_H
#define IMPRINT_LOG_PROOF_H

#include "lib/base/diag.h"
#include "lib/log/merkle.h"

/*
 * read gives the hash of the complete subtree over the 2^level leaves from
 * index * 2^level on; of level 0, a leaf's. It is only asked for subtrees
 * that lie within the size that its user named.
 */
struct hash_source {
	void		*ctx;
	enum err	(*read)(void *ctx, unsigned level, uint64_t index,
			    uint8_t ret_hash[SHA256_SIZE], struct diag *);
};

struct tree_head {
	uint64_t	size;
	uint8_t		root[SHA256_SIZE];
};

#define PROOF_MAX	(MERKLE_DEPTH_MAX + 1)

struct proof {
	unsigned	count;
	uint8_t		node[PROOF_MAX][SHA256_SIZE];	/* as in the RFC */
};

/* Besides what is said, each returns what the source does, and ERR_CRYPTO. */

/* The root of the first size leaves. */
MUST_USE enum err proof_root(const struct hash_source *, struct sha256 *,
    uint64_t size, uint8_t ret_root[SHA256_SIZE], struct diag *);
/* Of the leaf at index in the tree of size. ERR_INVALID: beyond it. */
MUST_USE enum err proof_inclusion(const struct hash_source *,
    struct sha256 *, uint64_t index, uint64_t size,
    struct proof *ret_proof, struct diag *);
/* That the tree of size from begins the tree of size to; empty when from is
 * 0 or to. ERR_INVALID: from > to. */
MUST_USE enum err proof_consistency(const struct hash_source *,
    struct sha256 *, uint64_t from, uint64_t to, struct proof *ret_proof,
    struct diag *);

/*
 * The root that an inclusion proof leads to (RFC 9162 2.1.3.2). ret_fits
 * false: the proof has another length than index and size ask for; ret_root
 * is then untouched.
 */
MUST_USE enum err proof_inclusion_root(struct sha256 *,
    const uint8_t leaf[SHA256_SIZE], uint64_t index, uint64_t size,
    const struct proof *, bool *ret_fits, uint8_t ret_root[SHA256_SIZE]);
MUST_USE enum err proof_verify_inclusion(struct sha256 *,
    const uint8_t leaf[SHA256_SIZE], uint64_t index,
    const struct tree_head *, const struct proof *, bool *ret_good);
/* RFC 9162 2.1.4.2; of equal sizes the roots must be equal. */
MUST_USE enum err proof_verify_consistency(struct sha256 *,
    const struct tree_head *from, const struct tree_head *to,
    const struct proof *, bool *ret_good);

#endif
