/*
 * The bare cryptography of identities, with the library calls that making
 * them takes, contexts reused and as many threads as processors: what the
 * whole pipeline is held against. Work and floor take turns.
 */
#ifndef IMPRINT_BENCH_FLOOR_H
#define IMPRINT_BENCH_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/bench.h"

#define FLOOR_ROUNDS	7

/* Of one identity: the certificate's P-256 signature and the hashing, and */
struct floor_work {
	bool	keys;		/* a P-256 and an X25519 key pair */
	bool	document;	/* the document's P-256 signature */
	bool	seal;		/* an HPKE encapsulation to a P-256 key, one
				 * key of it, an AEAD seal */
	bool	proof;		/* a P-256 signature checked */
};

struct floors;
MUST_USE enum err floors_new(const struct floor_work *,
    struct floors **ret_floors, struct diag *);
void	floors_free(struct floors **);
#define _cleanup_floors_ __attribute__((cleanup(floors_free)))

/*
 * Rounds of work(), each of count identities; it says how long what counts of
 * it took. ratio: the median of the rounds' ratios to the floor before and
 * after.
 */
MUST_USE enum err floors_rounds(struct floors *, uint64_t count,
    enum err (*work)(void *ctx, uint64_t count, int64_t *ret_ns,
    struct diag *), void *ctx, struct bench_result *, struct diag *);

#endif
