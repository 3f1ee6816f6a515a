/* The ledger's head, and an acknowledgement, of the station at --home: by
 * itself, or by way of the process that serves there. */
#ifndef IMPRINT_CMD_STATION_SYNC_H
#define IMPRINT_CMD_STATION_SYNC_H

#include "cmd/imprint-station/commands.h"

MUST_USE enum err sync_head(struct cmd *, struct buf *encoded,
    struct ledger_head *ret_head);
/* As station_acknowledge(). */
MUST_USE enum err sync_acknowledge(struct cmd *, struct bytes encoded,
    struct acknowledged *ret_acknowledged);

/*
 * To the server at --server, and what it acknowledges taken in: nothing is
 * locked while the network is waited for. ERR_IO, ERR_BUSY: no answer, after
 * some tries; ERR_AUTH: not the ecosystem's server, an answer that the
 * authority did not sign, or an old one; as station_acknowledge(); as the
 * server refuses.
 */
MUST_USE enum err sync_server(struct cmd *, const char *url,
    struct acknowledged *ret_acknowledged);

#endif
