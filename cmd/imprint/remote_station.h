/*
 * What the server says of stations and their packs: its word, shown and never
 * signed.
 */
#ifndef IMPRINT_CMD_IMPRINT_REMOTE_STATION_H
#define IMPRINT_CMD_IMPRINT_REMOTE_STATION_H

#include "cmd/imprint/remote.h"
#include "lib/authority/reconcile.h"

/* An order's packs, as reconcile_line() gives them here. */
struct remote_lines {
	struct reconcile_line	*lines;		/* owned */
	size_t			 count;
	int64_t			 created;	/* the order */
};
void	remote_lines_release(struct remote_lines *);
#define _cleanup_remote_lines_						\
	__attribute__((cleanup(remote_lines_release)))
/* lines: all zero. */
MUST_USE enum err remote_reconciliation(struct cmd *, uint32_t order,
    struct remote_lines *lines);

/* As station_exposed_each(). ret_more: some were left out. */
MUST_USE enum err remote_exposed_each(struct cmd *, const char *station,
    enum err (*each)(void *ctx, const struct station_exposed *), void *ctx,
    bool *ret_more);

#endif
