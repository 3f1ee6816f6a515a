/*
 * The authority of imprintd, when it runs and holds the ecosystem's lock:
 * asked over its local socket (lib/proto/local.h). One connection, made by
 * ecosystem_open_requests(); the functions here need it.
 */
#ifndef IMPRINT_CMD_IMPRINT_DAEMON_H
#define IMPRINT_CMD_IMPRINT_DAEMON_H

#include "cmd/imprint/imprint.h"
#include "lib/authority/order_run.h"
#include "lib/authority/log_publish.h"
#include "lib/authority/publish.h"
#include "lib/authority/signer.h"

/* Did the ecosystem open so that imprintd does the work? */
bool	daemon_there(void);
void	daemon_leave(void);
/* May imprintd do what failed with that? It holds the lock; or root was told
 * that this is another user's. */
bool	daemon_may(enum err);
/* After that: is it there? Then it is connected to, and what went wrong is
 * forgotten. */
bool	daemon_join(struct cmd *, const char *dir);
/* After ERR_BUSY: if it is imprintd, how to stop it, into cmd's diag. */
void	daemon_in_the_way(struct cmd *, const char *dir);

/* What a server is told of the files that go along, over its socket or the
 * network; views. ERR_LIMIT: a text or the signature is too long. */
struct local_submit;
MUST_USE enum err daemon_describe(const struct request_files *,
    struct local_submit *ret_submit, struct diag *);
/* As authority_submit_files(). ret_warning, if code is set: as
 * authority_warning(). Errors are those of the authority. */
MUST_USE enum err daemon_submit(struct bytes request,
    const struct request_files *, struct buf *result,
    struct diag *ret_warning, struct diag *);
/* As authority_publish_status(), and the logs. */
MUST_USE enum err daemon_publish(const struct publish *, struct diag *);
/* Renderings of count identities that the authority signs, appended: a CBOR
 * array as lib/proto/local.h has it. */
struct local_export;
MUST_USE enum err daemon_export(const struct local_export *, struct buf *out,
    struct diag *);
/* As authority_log_publish_all(). */
MUST_USE enum err daemon_log_publish(uint32_t log,
    struct log_published *ret_published, struct diag *);
/* As signer_renew(), of which left receipts are to be signed; authority: open
 * for reading. */
MUST_USE enum err daemon_signer_renew(struct authority *,
    const struct signer_renewal *, uint64_t left, struct diag *);
/* As authority_order_run(); authority: open for reading. */
MUST_USE enum err daemon_order_run(struct authority *,
    const struct order_run *, struct diag *);

#endif
