/*
 * One publication of one log, for the files that make it. Internal.
 */
#ifndef IMPRINT_AUTHORITY_PUBLISH_INTERNAL_H
#define IMPRINT_AUTHORITY_PUBLISH_INTERNAL_H

#include "lib/authority/authority_internal.h"
#include "lib/authority/publish.h"

#define DIR_CRL		DIR_PUBLISH "/crl"
#define DIR_STATUS	DIR_PUBLISH "/status"

struct publication {
	struct authority	*authority;
	struct store_log	 log;
	struct published	 what;		/* of last time, then of this */
	bool			 needed;
	uint64_t		 certificates, crl_bytes;
};

/* crl/NAME.crl, and the same while it is written. */
MUST_USE enum err crl_path(const struct publication *,
    char ret_path[PATH_SIZE], char ret_beside[PATH_SIZE], struct diag *);
/* Write it beside, synced; sets digest, certificates and crl_bytes. */
MUST_USE enum err crl_publish(struct publication *, struct diag *);

/* What lies in publish/ of the log already. */
struct look {
	bool		there;	/* a CRL of ours */
	uint64_t	number;
	int64_t		time;	/* thisUpdate */
	int64_t		next;	/* nextUpdate */
};
/* Its signature is checked only when it is ahead of what p->what says. An
 * error: it could not be read. */
MUST_USE enum err crl_look(const struct publication *p, struct look *ret_look,
    struct diag *);

#endif
