/*
 * The ledger's anchor: something outside of its disk that knows how far the
 * ledger has come, so that one that was put back to an earlier state is
 * found when the station is opened, before anything is handed out.
 *
 * The ledger itself says what holds it: an anchor record with kind, place and
 * number N. First the record is durable, then the anchor is brought to N: a
 * counter in a TPM, or a program's, is raised from N - 1; a file elsewhere is
 * given the ledger's head with that record, signed. The next record waits for
 * that. So at any moment
 *
 *   anchor = N       held
 *   anchor = N - 1   it died in between: the anchor is brought to N
 *   anchor > N       the ledger was put back: ERR_CORRUPT, for good
 *   anchor < N - 1   another TPM, an older file: ERR_CONFLICT
 *
 * and an anchor that cannot be asked is ERR_IO. What is not noticed is a
 * ledger put back to a state since its last anchor record: the window; and
 * one put back to before its first anchor, which names none.
 *
 * A counter is asked for N before record N + 1 is written, so that of two
 * live copies the second to move finds that the other did: ERR_CORRUPT. Two
 * that move within the same moments find it with the next number. An anchor
 * that is left for another, or for none, is brought past what it held, so that
 * it does not vouch for the state it was left in.
 *
 * It moves on when something was added: with each import, at the end of an
 * injection, before a report; while the station serves, after an interval,
 * or ANCHOR_RECORDS, though not within a minute. A TPM's memory wears out.
 */
#ifndef IMPRINT_STATION_ANCHOR_H
#define IMPRINT_STATION_ANCHOR_H

#include "station/counter.h"

#define ANCHOR_RECORDS		10000
#define ANCHOR_INTERVAL_S	900
#define ANCHOR_TCTI		"device:/dev/tpmrm0"

/* Does it hold the ledger? Asks it, and brings it to N if need be. No anchor:
 * ERR_OK. */
MUST_USE enum err station_anchor_check(struct station *, struct diag *);
/*
 * Name another, or none (place NULL). The station is open with STATION_MEND.
 * The present one must hold the ledger, be gone, or be another: ERR_CORRUPT
 * when the ledger was put back. place: of a TPM its TCTI; else an absolute
 * path. ERR_EXISTS: the file is something else's. ret_vouches, told as soon
 * as the ledger has it: the one that was left could not be brought on, and
 * takes a copy of the ledger from before for the newest.
 */
MUST_USE enum err station_anchor_set(struct station *, unsigned kind,
    const char *place, int64_t now, bool *ret_vouches, struct diag *);
/* Bring it to where the ledger is now, if something was added since. Errors
 * as of the check; the ledger is durable whatever becomes of it. */
MUST_USE enum err station_anchor_move(struct station *, int64_t now,
    struct diag *);

/* The same bit by bit, for an event loop: called each second or so. */
struct anchor_turn {
	struct counter_call	call;
	unsigned		interval_s;
	int64_t			moved_ns;	/* or tried */
};
/* ERR_CORRUPT: nothing may be handed out any more; else what went wrong this
 * time, and is tried again. */
MUST_USE enum err station_anchor_turn(struct station *, struct anchor_turn *,
    int64_t now, struct diag *);

#endif
