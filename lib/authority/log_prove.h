/*
 * Entries of a log and proofs about them, of what is published: from its
 * checkpoint and tiles, so that a proof costs a few files whatever the log's
 * size, and nothing is proved that nobody else could see.
 */
#ifndef IMPRINT_AUTHORITY_LOG_PROVE_H
#define IMPRINT_AUTHORITY_LOG_PROVE_H

#include "lib/authority/log_publish.h"
#include "lib/authority/lookup.h"
#include "lib/log/proof.h"

/*
 * The entry at an index to its octets, appended: an identity's made again,
 * a void one's, an operation's as it is stored; they hash to the leaf.
 * ERR_NOTFOUND: beyond the log, or reserved; ERR_CORRUPT.
 */
MUST_USE enum err log_entry_get(struct authority *, struct lookup *,
    const struct address *, struct buf *out, struct diag *);

struct log_proof {
	struct checkpoint	checkpoint;
	struct proof		proof;
	uint8_t			from_root[SHA256_SIZE];	/* consistency */
	uint8_t			to_root[SHA256_SIZE];
};

/*
 * That the leaf at index is in the tree that is published. ERR_NOTFOUND: not
 * published yet; ERR_CORRUPT: the tiles do not prove it. note gets the
 * checkpoint's octets.
 */
MUST_USE enum err log_prove_inclusion(struct authority *, uint32_t log,
    uint64_t index, const uint8_t leaf[SHA256_SIZE],
    struct log_proof *ret_proof, struct buf *note, struct diag *);
/* That the tree of from leaves begins that of to; to 0: all published. */
MUST_USE enum err log_prove_consistency(struct authority *, uint32_t log,
    uint64_t from, uint64_t to, struct log_proof *ret_proof,
    struct buf *note, struct diag *);

#endif
