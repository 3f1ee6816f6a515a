/*
 * Serial numbers of many indices, derived by threads and given back in the
 * order in which they were asked for. Memory does not grow with their number.
 */
#ifndef IMPRINT_AUTHORITY_SERIAL_FEED_H
#define IMPRINT_AUTHORITY_SERIAL_FEED_H

#include "lib/identity/index.h"
#include "lib/store/store.h"

/* Consecutive indices of one range, and what goes along with them. */
struct serial_piece {
	uint8_t		seed[RANGE_SEED_SIZE];
	uint8_t		epoch;
	unsigned	slots;		/* bits: which of them; not 0 */
	uint64_t	first;
	uint64_t	count;
	int64_t		time;
	unsigned	reason;
};

struct serial_feed_plan {
	/* keys of serial numbers by epoch, 32 octets; others are empty */
	const struct bytes	*keys;		/* EPOCH_OUTSIDE of them */
	unsigned		 workers;	/* 0: one for each processor */
	/* called by the thread that puts, with each number in order; what it
	 * returns ends the feed */
	enum err		(*take)(void *ctx,
				    const uint8_t serial[SERIAL_SIZE],
				    int64_t time, unsigned reason);
	void			*ctx;
};

struct serial_feed;
/* plan and its keys must outlive it. ERR_NOMEM, ERR_CRYPTO. */
MUST_USE enum err serial_feed_new(const struct serial_feed_plan *,
    struct serial_feed **ret_feed, struct diag *);
/* Joins the threads; what was not taken yet is dropped. */
void	serial_feed_free(struct serial_feed **);
#define _cleanup_serial_feed_ __attribute__((cleanup(serial_feed_free)))
/* ERR_CORRUPT: no key of that epoch; what take() returned. */
MUST_USE enum err serial_feed_put(struct serial_feed *,
    const struct serial_piece *);
/* After the last piece: all that is still under way is taken. */
MUST_USE enum err serial_feed_end(struct serial_feed *);

#endif
