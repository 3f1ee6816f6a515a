/*
 * Revocations that a registry lost: it was restored from a backup, and status
 * lists that were published since call revoked what it does not. Lists alone
 * are looked at, for CRLs say the same by serial numbers that were lost too.
 */
#ifndef IMPRINT_CMD_IMPRINT_LOST_H
#define IMPRINT_CMD_IMPRINT_LOST_H

#include "cmd/imprint/imprint.h"
#include "lib/authority/status.h"

#define LOST_FOLDER	"before-epoch-"		/* and the epoch's number */
#define LOST_FILE	"lost-revocations"	/* within it */

struct lost {
	struct cmd		*cmd;
	struct authority	*authority;
	struct status_ranges	 list;	/* sorted, apart */
	uint64_t		 identities;
};

#define _cleanup_lost_ __attribute__((cleanup(lost_release)))
void	lost_release(struct lost *);
/* Compare the lists in a folder with the registry. A list that cannot be read
 * or is not this ecosystem's is warned of. The authority is unlocked. */
MUST_USE enum err lost_find(struct lost *, const char *dir);
/* For 'revoke --from': LOG/INDEX a line. */
MUST_USE enum err lost_write(const struct lost *, const char *path);
/* How many that such a file names are still not revoked. ERR_NOTFOUND: there
 * is no file; ERR_SYNTAX. */
MUST_USE enum err lost_left(struct authority *, const struct io *,
    const char *path, uint64_t *ret_left, struct diag *);

#endif
