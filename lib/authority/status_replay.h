/*
 * Status once more from the operations alone, by another way than status.c:
 * every change is kept, and at the end each index that any of them touched is
 * taken through all of them in order. What comes out must be the registry's
 * status table, and the last publications its record of them.
 */
#ifndef IMPRINT_AUTHORITY_STATUS_REPLAY_H
#define IMPRINT_AUTHORITY_STATUS_REPLAY_H

#include "lib/authority/operation.h"
#include "lib/authority/request.h"
#include "lib/authority/status.h"

struct status_replay;
MUST_USE enum err status_replay_new(struct status_replay **ret_replay,
    struct diag *);
void	status_replay_free(struct status_replay **);
#define _cleanup_status_replay_ __attribute__((cleanup(status_replay_free)))

/*
 * The next entry, of whatever kind. type and body: of its request, if it
 * records one. ERR_CORRUPT: what it says of status is not well-formed, or a
 * publication goes back; ERR_NOMEM.
 */
MUST_USE enum err status_replay_entry(struct status_replay *,
    const struct operation *, enum request_type type, struct bytes body,
    struct diag *);
/* What the entries so far did to one index, in order: changes alone. */
struct status_event {
	enum status_action	action;
	unsigned		reason;		/* RFC 5280 5.3.1 */
	int64_t			time;
	uint64_t		operation;	/* place of the entry */
};
void	status_replay_events(const struct status_replay *, uint32_t log,
	    uint64_t index, void (*each)(void *ctx,
	    const struct status_event *), void *ctx);
/* The same from the operations log; its requests' signatures are checked. */
MUST_USE enum err status_events(struct authority *, uint32_t log,
    uint64_t index, void (*each)(void *ctx, const struct status_event *),
    void *ctx, struct diag *);

/* After the last. ERR_CORRUPT names the first index, or the log whose record
 * of publication, that differs. */
MUST_USE enum err status_replay_check(struct status_replay *,
    struct authority *, struct diag *);

#endif
