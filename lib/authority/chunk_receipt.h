/*
 * The receipt of a stored chunk: the leaves that the registry keeps, their
 * tree, and who signed its root. What is loaded has been verified: the
 * registry is untrusted input.
 */
#ifndef IMPRINT_AUTHORITY_CHUNK_RECEIPT_H
#define IMPRINT_AUTHORITY_CHUNK_RECEIPT_H

#include "lib/authority/signer.h"
#include "lib/log/receipt.h"

struct chunk_receipt {
	struct store_receipt	row;
	struct receipt_chunk	chunk;
	struct subtree		tree;
	struct buf		leaves, protected;
};

#define CHUNK_RECEIPT_INIT { .tree = SUBTREE_INIT, .leaves = BUF_INIT,	\
	.protected = BUF_INIT }
void	chunk_receipt_release(struct chunk_receipt *);
#define _cleanup_chunk_receipt_						\
	__attribute__((cleanup(chunk_receipt_release)))

/*
 * Load that of a committed range, in the place of what it held; generation 0:
 * the newest. ERR_NOTFOUND: none of that generation; ERR_CORRUPT: leaves,
 * range or signature were altered.
 */
MUST_USE enum err chunk_receipt_load(struct authority *,
    const struct store_range *, uint32_t generation, struct sha256 *,
    struct chunk_receipt *, struct diag *);
/* Store what a signer signed over a range's root, in the caller's
 * transaction. ERR_EXISTS: this signer has already. */
MUST_USE enum err chunk_receipt_put(struct authority *,
    const struct store_range *, const struct authority_signer *,
    const uint8_t sig[SIGNATURE_SIZE], int64_t now, struct diag *);

#endif
