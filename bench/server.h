/* imprintd as it is run: supervisor, fronts, authority. */
#ifndef IMPRINT_BENCH_SERVER_H
#define IMPRINT_BENCH_SERVER_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/base/diag.h"

/* Zeroed: none. */
struct server {
	pid_t		pid;	/* the supervisor's */
	uint16_t	port;
};

/* The imprintd beside this program, for an ecosystem below home that
 * BENCH_PASSPHRASE unlocks; returns when it serves. */
MUST_USE enum err server_start(struct server *, const char *home,
    const char *ecosystem, const char *name, struct diag *);
void	server_stop(struct server *);
/* Resident octets of its fronts. */
MUST_USE enum err server_memory(const struct server *, double *ret_octets,
    struct diag *);

#endif
