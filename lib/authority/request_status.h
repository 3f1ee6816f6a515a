/*
 * What requests say about status, REQUEST_STATUS and the result of
 * REQUEST_ORDER_CANCEL: written by who asks, read by who carries it out and
 * by who replays it.
 */
#ifndef IMPRINT_AUTHORITY_REQUEST_STATUS_H
#define IMPRINT_AUTHORITY_REQUEST_STATUS_H

#include "lib/authority/status.h"
#include "lib/base/cbor.h"

#define STATUS_RANGES_MAX	32768	/* of one request */
#define STATUS_WORDS_MAX	4096	/* octets of what was typed */

/* [action, reason, ranges, words]; words: what the operator typed. */
MUST_USE enum err request_put_status(struct buf *, enum status_action,
    unsigned reason, const struct status_range *, size_t count,
    const char *words);

struct status_request {
	struct status_change	 change;	/* action and reason alone */
	struct status_range	*ranges;	/* owned; sorted */
	size_t			 count;
	struct bytes		 words;		/* views the body */
};
/* ERR_SYNTAX, ERR_INVALID (action, reason, too many), ERR_NOMEM. */
MUST_USE enum err status_request_parse(struct bytes body,
    struct status_request *ret_request, struct diag *);
void	status_request_release(struct status_request *);
#define _cleanup_status_request_					\
	__attribute__((cleanup(status_request_release)))

/* What is reserved and not committed is nobody's identity yet. ERR_INVALID. */
MUST_USE enum err status_ranges_committed(struct authority *,
    const struct status_range *, size_t count, struct diag *);

/* log, first, count: fails the reader when that cannot be. */
void	status_range_get(struct cbor *, struct status_range *ret_range);
/* [[log, first, count], ...] */
void	status_ranges_put(struct buf *, const struct status_range *,
	    size_t count);
/* Fails the reader unless they are sorted and do not overlap; ret_ranges is
 * the caller's to free, and may be set even then. ERR_NOMEM. */
MUST_USE enum err status_ranges_get(struct cbor *,
    struct status_range **ret_ranges, size_t *ret_count, struct diag *);

#endif
