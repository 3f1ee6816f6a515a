/*
 * The authority of imprintd, when it runs and holds the ecosystem's lock:
 * asked over its local socket (lib/proto/local.h). One connection, made by
 * ecosystem_open_requests(); the functions here need it.
 */
#ifndef IMPRINT_CMD_IMPRINT_DAEMON_H
#define IMPRINT_CMD_IMPRINT_DAEMON_H

#include "cmd/imprint/imprint.h"
#include "lib/authority/order_run.h"
#include "lib/authority/publish.h"

/* Did the ecosystem open so that imprintd does the work? */
bool	daemon_there(void);
void	daemon_leave(void);

/* As authority_submit_files(). ret_warning, if code is set: as
 * authority_warning(). Errors are those of the authority. */
MUST_USE enum err daemon_submit(struct bytes request,
    const struct request_files *, struct buf *result,
    struct diag *ret_warning, struct diag *);
/* As authority_publish_status(), and the logs. */
MUST_USE enum err daemon_publish(const struct publish *, struct diag *);
/* As authority_order_run(); authority: open for reading. */
MUST_USE enum err daemon_order_run(struct authority *,
    const struct order_run *, struct diag *);

#endif
