/*
 * Reconciling an order: a station's signed report is loaded, which proves
 * that ordered = injected + reworked + scrapped + open + unused for each of
 * its packs, says who got each identity, and revokes what must not be used.
 *
 * Loaded in one transaction, or not at all. Refused: a report that is not
 * signed by the station the packs were sealed to (ERR_AUTH); of another
 * order; older than, or as old as and other than, the last one loaded
 * (ERR_STATE); what does not extend that one, for then the station's ledger
 * was put back; indices, counts and packs that are not the order's; names
 * that are none of the line's or somebody else's; a device in two live
 * identities (ERR_CONFLICT all).
 *
 * Revoked: scrapped and unused ones for cessationOfOperation, reworked ones
 * as superseded, open ones for privilegeWithdrawn; unused and open ones by a
 * final report alone, after which the key that opens the packs is used up.
 * What a device enrolled for in the field with one of them goes with it.
 */
#ifndef IMPRINT_AUTHORITY_RECONCILE_H
#define IMPRINT_AUTHORITY_RECONCILE_H

#include "lib/authority/association.h"
#include "lib/authority/status.h"

#define RECONCILE_RANGES_MAX	500000	/* runs that one report revokes: their
					 * entry must hold them all */

/* The request's body, [order, station's key, sequence, final, SHA-256 of the
 * records]: of a report that was looked at. */
MUST_USE enum err request_put_reconcile(struct buf *, uint32_t order,
    const struct report *);

/* The result: [outcome, [[reason, [[log, first, count], ...]], ...]]. */
enum reconcile_outcome {
	RECONCILE_LOADED = 1,
	RECONCILE_BEFORE = 2	/* this very report was loaded before */
};
struct reconcile_revoked {
	unsigned		reason;
	struct status_ranges	list;
	struct status_ranges	enrolled;	/* in the field; beside it until
						 * applied, so that neither's
						 * runs are torn */
};
#define RECONCILE_REASONS	3
struct reconcile_result {
	enum reconcile_outcome	outcome;
	struct reconcile_revoked revoked[RECONCILE_REASONS];
	size_t			reasons;
	const char		*hint;	/* what to do when they are too many */
};
void	reconcile_result_release(struct reconcile_result *);
#define _cleanup_reconcile_result_					\
	__attribute__((cleanup(reconcile_result_release)))
void	reconcile_result_put(struct buf *, const struct reconcile_result *);
/* ret_result must be all zero. ERR_SYNTAX, ERR_NOMEM. */
MUST_USE enum err reconcile_result_get(struct bytes,
    struct reconcile_result *ret_result, struct diag *);
/* Some more identities, after those added before. ERR_LIMIT. */
MUST_USE enum err reconcile_revoke_add(struct reconcile_result *,
    unsigned reason, uint32_t log, uint64_t first, uint64_t count,
    struct diag *);
/* Some more births, and what was enrolled for with them. Those that are
 * revoked already are left out unless all is set. ERR_LIMIT. */
MUST_USE enum err reconcile_revoke_births(struct reconcile_result *,
    struct authority *, unsigned reason, const struct status_range *births,
    bool all, struct diag *);
/* All of it, within the caller's transaction: its entry is the next one.
 */
MUST_USE enum err reconcile_result_apply(struct reconcile_result *,
    struct authority *, int64_t now, struct diag *);

/* Was the station given up (REQUEST_STATION_LOST)? */
MUST_USE enum err station_is_lost(struct authority *, const char *name,
    bool *ret_lost, struct diag *);

/*
 * What is not revoked in a pack that the station can open still: the key that
 * it is sealed to goes with the final report of the last order that needs it.
 * Who has the station has their private keys, unless they are the devices'
 * own, and can compute the claim codes of those that nobody owns. By order and
 * pack; packs where that is nothing are left out.
 */
struct station_exposed {
	uint32_t	order, pack;
	bool		keys;		/* private keys too */
	uint64_t	identities;
	uint64_t	codes;		/* of so many of them */
};
MUST_USE enum err station_exposed_each(struct authority *,
    const char *station,
    enum err (*each)(void *ctx, const struct station_exposed *), void *ctx,
    struct diag *);

/* An order's packs, and what is known of each. */
struct reconcile_line {
	uint32_t	no;
	uint64_t	count;
	char		station[STORE_NAME_MAX + 1];
	bool		complete;	/* it was made whole */
	bool		ended;		/* nobody can open it any more */
	struct reported	reported;	/* sequence 0: nothing yet */
	struct reported_pack figures;	/* of the pack; there: imported */
};
MUST_USE enum err reconcile_line(struct authority *, uint32_t order,
    uint32_t no, struct reconcile_line *ret_line, struct diag *);

#endif
