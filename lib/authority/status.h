/*
 * The status of identities: valid, revoked or suspended. One truth: entries
 * of the operations log; the intervals in the registry are their replay.
 *
 * Revoked is final; suspended (RFC 5280 certificateHold) may be resumed.
 * Void and cancelled identities are revoked: something signed may exist.
 */
#ifndef IMPRINT_AUTHORITY_STATUS_H
#define IMPRINT_AUTHORITY_STATUS_H

#include "lib/authority/authority.h"
#include "lib/identity/status_list.h"
#include "lib/x509/crl.h"

/* enum status is that of status lists, which call revoked invalid. */
#define STATUS_REVOKED	STATUS_INVALID
const char *status_name(unsigned);

enum status_action {
	STATUS_REVOKE = 1, STATUS_SUSPEND = 2, STATUS_RESUME = 3,
	STATUS_VOID = 4		/* revoke what is valid, leave the rest */
};

/* May identities be revoked, suspended or resumed for this reason? RFC 5280
 * 5.3.1, and none (0) for resuming. */
bool	status_reason_fits(enum status_action, uint64_t reason);

struct status_change {
	enum status_action	action;
	unsigned		reason;		/* RFC 5280 5.3.1 */
	uint32_t		log;
	uint64_t		first, count;
	int64_t			time;
	uint64_t		operation;	/* seq of its entry */
};

struct status_range {
	uint32_t	log;
	uint64_t	first, count;
};

/* A list of them that grows; all zero: none, and as many as there are. */
struct status_ranges {
	struct status_range	*ranges;	/* owned */
	size_t			 count, cap;
	/* 0: any; else at most twice so many at any time: it is merged when
	 * these are reached, then more than max is ERR_LIMIT */
	size_t			 max;
};
#define _cleanup_status_ranges_						\
	__attribute__((cleanup(status_ranges_release)))
void	status_ranges_release(struct status_ranges *);
/* One more, at the end. ERR_NOMEM, ERR_LIMIT. */
MUST_USE enum err status_ranges_add(struct status_ranges *, uint32_t log,
    uint64_t first, uint64_t count, struct diag *);
/* Does the last one end just before? */
bool	status_ranges_follows(const struct status_ranges *, uint32_t log,
    uint64_t first);
/* Then it grows, else one more. ERR_NOMEM, ERR_LIMIT. */
MUST_USE enum err status_ranges_extend(struct status_ranges *, uint32_t log,
    uint64_t first, uint64_t count, struct diag *);
/* By log and index, those from "from" on. */
void	status_ranges_sort(struct status_ranges *, size_t from);
/* All of them sorted and apart; how many identities they are. */
uint64_t status_ranges_merge(struct status_ranges *);
/* ERR_LIMIT: there are more than max. */
MUST_USE enum err status_ranges_check(const struct status_ranges *,
    struct diag *);

/* How many identities a change met, by what they were before. */
struct status_count {
	uint64_t	changed;
	uint64_t	same;		/* as asked already */
	uint64_t	kept;		/* revoked: stays so */
};

/*
 * Change the intervals, and the head's status sum with them, in the caller's
 * transaction. Adds to ret_count. ERR_INVALID: beyond what the log has
 * reserved; ERR_CORRUPT.
 */
MUST_USE enum err status_apply(struct authority *,
    const struct status_change *, struct status_count *count, struct diag *);
/* The same without changing anything. */
MUST_USE enum err status_count(struct authority *,
    const struct status_change *, struct status_count *count, struct diag *);
/* Both for many ranges, in place of the one that the change names: sorted,
 * not overlapping. */
MUST_USE enum err status_apply_all(struct authority *,
    const struct status_change *, const struct status_range *, size_t ranges,
    struct status_count *count, struct diag *);
MUST_USE enum err status_count_all(struct authority *,
    const struct status_change *, const struct status_range *, size_t ranges,
    struct status_count *count, struct diag *);
/* What an index is; ret_row tells since when and why unless it is valid. */
MUST_USE enum err status_get(struct authority *, uint32_t log,
    uint64_t index, enum status *ret_status, struct store_status *ret_row,
    struct diag *);
/* Are the rows those that the head speaks of? ERR_CORRUPT. */
MUST_USE enum err status_check(struct authority *, struct diag *);

#endif
