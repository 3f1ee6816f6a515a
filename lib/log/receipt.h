/*
 * Receipts: one signature for a chunk of an issuance log, and for each of its
 * identities the proof that it is in that chunk (COSE Receipt of inclusion,
 * RFC 9942 5.2).
 *
 * The chunk is a tree of its own (RFC 9162 2.1.1, RFC9162_SHA256): leaf i is
 * the log's leaf of index first + i. A receipt is a COSE_Sign1, tag 18:
 *
 *   protected    {alg (1): ES256, kid (4): thumbprint of the document key,
 *                 typ (16): RECEIPT_TYP, vds (395): 1,
 *                 RECEIPT_CHUNK: [first, size, evidence class]}
 *   unprotected  {vdp (396): {-1: [bstr .cbor [size, leaf, [* hash]]]}}
 *   payload      nil; a reader computes the root, and it is what was signed
 *
 * A root does not tell how large its tree is: leaf 5 has one and the same
 * path in trees of 7 and of 8. So first and size stand where the signature
 * covers them, and a receipt says one thing in one way.
 *
 * RFC 9942 5.2 writes [+ bstr] for the path and refers to RFC 9162 2.1.3.1,
 * where the path in a tree of one leaf is empty: so it is here.
 */
#ifndef IMPRINT_LOG_RECEIPT_H
#define IMPRINT_LOG_RECEIPT_H

#include "lib/crypto/cose.h"
#include "lib/log/entry.h"
#include "lib/log/subtree.h"

#define RECEIPT_TYP		"application/imprint-receipt+cose"
#define RECEIPT_CHUNK		(-66020)	/* private header label */
#define RECEIPT_SIZE_MAX	1024		/* octets; about 640 in use */

/* What the signature is about. */
struct receipt_chunk {
	uint64_t		first;		/* index */
	uint32_t		size;		/* 1 .. SUBTREE_MAX */
	enum evidence_class	evidence;
};

/* The protected header, the same for all of a chunk. kid: COSE_KID_SIZE. */
void	receipt_put_protected(struct buf *, struct bytes kid,
	    const struct receipt_chunk *);
/* The one signature: over protected header and root. ES256. */
MUST_USE enum err receipt_sign(struct signer *, struct bytes protected,
    const uint8_t root[SHA256_SIZE], uint8_t ret_sig[SIGNATURE_SIZE]);
/* The receipt of one leaf. */
void	receipt_put(struct buf *, struct bytes protected,
	    const struct subtree *, uint32_t leaf,
	    const uint8_t sig[SIGNATURE_SIZE]);
/* Is sig good for this header and root? For who has tree and header. */
MUST_USE enum err receipt_check_root(struct bytes protected,
    const uint8_t root[SHA256_SIZE], const uint8_t sig[SIGNATURE_SIZE],
    struct verifier *, struct sha256 *, bool *ret_good);

/* A parsed receipt; views into the input. */
struct receipt {
	struct cose_sign1	message;	/* payload empty */
	struct receipt_chunk	chunk;
	uint32_t		leaf;		/* place in the chunk */
	const uint8_t		*path[SUBTREE_DEPTH];
	size_t			path_count;	/* what leaf and size need */
};

/* ERR_SYNTAX, ERR_UNSUPPORTED (algorithm, vds, crit); diag says where. */
MUST_USE enum err receipt_parse(struct bytes, struct receipt *ret_receipt,
    struct diag *);
/* Of the identity it is for. */
uint64_t receipt_index(const struct receipt *);
/*
 * Is the identity with this commitment, at receipt_index() and of the chunk's
 * evidence class, in the tree that the key signed? (RFC 9942 5.2: proof and
 * signature give one answer.)
 */
MUST_USE enum err receipt_verify(const struct receipt *,
    const uint8_t commitment[SHA256_SIZE], struct verifier *, enum key_alg,
    struct sha256 *, bool *ret_good);

#endif
