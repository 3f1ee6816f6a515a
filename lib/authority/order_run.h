/*
 * Running an order: identities are issued, sealed into its packs, committed.
 *
 * For each chunk: the range is reserved (durable) before anything in it is
 * signed; the chunk is appended to the pack and synced; entries, tree,
 * counters and progress commit in one transaction, in index order, together
 * with the next reservation. A run that ends at any point is taken up by the
 * next: the pack is cut back to its committed length, what was reserved and
 * not committed becomes void, and the missing identities are issued under new
 * indices. A pack gets its name (order-N-M.pack) when it is complete.
 */
#ifndef IMPRINT_AUTHORITY_ORDER_RUN_H
#define IMPRINT_AUTHORITY_ORDER_RUN_H

#include "lib/authority/authority.h"

#define WORKERS_MAX	64

struct order_run {
	uint32_t	 number;	/* of the order */
	unsigned	 workers;	/* to WORKERS_MAX; 0: one for each
					 * processor */
	int64_t		 now;
	/* told the identities committed so far; may be NULL */
	void		(*progress)(void *ctx, uint64_t done);
	/* asked between chunks; true: finish what is under way, then stop */
	bool		(*stop)(void *ctx);
	/*
	 * Called again and again while chunks are made, outside of any
	 * transaction; to return within milliseconds, for the next chunk may
	 * wait. Other verbs of the authority may run in it, those of this
	 * order, its stations, its identities and the document signer
	 * excepted. May be NULL.
	 */
	void		(*idle)(void *ctx);
	void		*ctx;
};

/*
 * ERR_OK: the order is complete (also when it was before).
 * ERR_INTERRUPTED: stopped as asked, all that was made is committed.
 * ERR_NOSPACE, ERR_IO: what was committed is safe; run it again.
 * ERR_STATE: cancelled; ERR_CORRUPT: the growing pack is not what the
 * registry knows.
 */
MUST_USE enum err authority_order_run(struct authority *,
    const struct order_run *, struct diag *);

/* "order-1-1.pack": the file's path within the ecosystem. */
MUST_USE enum err authority_pack_path(const struct authority *,
    uint32_t order, uint32_t no, bool complete, char ret_path[PATH_SIZE],
    struct diag *);

#endif
