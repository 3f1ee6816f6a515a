/*
 * A counter elsewhere that holds the ledger: a program that is run for each
 * question. "PROGRAM new" makes the counter unless it is there, "PROGRAM
 * raise N" raises it from N - 1 to N and never else; both print what it is
 * then, in decimal, on a line of its own, and exit with 0. A TPM's counter is
 * asked through imprint-tpm, which stands beside this program, with index and
 * TCTI before N and the counter's secret on standard input.
 */
#ifndef IMPRINT_STATION_COUNTER_H
#define IMPRINT_STATION_COUNTER_H

#include <sys/types.h>

#include "station/station.h"

#define COUNTER_TIMEOUT_S	10	/* then it is killed */

/* One question on its way. */
struct counter_call {
	pid_t		pid;		/* 0: none */
	int		output;
	int64_t		deadline_ns;	/* monotonic */
	char		text[32];	/* what it printed */
	size_t		len;
};
#define COUNTER_CALL_INIT { .output = -1 }

/* number 0: new. kind and place as in the ledger. ERR_IO, ERR_NOMEM. */
MUST_USE enum err counter_ask(const struct station *, unsigned kind,
    const char *place, uint64_t number, struct counter_call *, struct diag *);
/*
 * Has it ended, at most wait_ms from now? Then ret_err is ERR_OK with its
 * number, or ERR_IO: it failed, was killed for taking too long, or printed
 * something else.
 */
bool	counter_answered(struct counter_call *, int wait_ms, enum err *ret_err,
	    uint64_t *ret_number, struct diag *);
/* Kill what is on its way. */
void	counter_drop(struct counter_call *);

#endif
