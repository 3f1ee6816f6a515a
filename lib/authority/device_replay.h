/*
 * Devices once more from the operations alone: what each was issued, confirmed
 * and refused, who claimed it, by the entries in order. What comes out must be
 * what the registry's rows (field.h) say of it: the identity that it has and
 * the one that waits, which requests others took the place of, how many
 * refusals are on record, whose it is and how many wrong codes were tried; and
 * of each identity of the field, whose it is.
 *
 * Not in the log, and under the rows' MACs alone: how many identities a device
 * may still ask for today, what was sealed to it, when the last wrong code
 * came, and the hashes and names of an enrolment.
 */
#ifndef IMPRINT_AUTHORITY_DEVICE_REPLAY_H
#define IMPRINT_AUTHORITY_DEVICE_REPLAY_H

#include "lib/authority/operation.h"
#include "lib/authority/request.h"

struct device_replay;
MUST_USE enum err device_replay_new(struct device_replay **ret_replay,
    struct diag *);
void	device_replay_free(struct device_replay **);
#define _cleanup_device_replay_ __attribute__((cleanup(device_replay_free)))

/* The next entry, of whatever kind; type and body: of its request, if it
 * records one. ERR_CORRUPT: what it says of devices is not well-formed. */
MUST_USE enum err device_replay_entry(struct device_replay *,
    const struct operation *, enum request_type type, struct bytes body,
    struct diag *);
/* After the last. ERR_CORRUPT names the first device or identity whose row is
 * another than the entries made it, or the entry that cannot have been. */
MUST_USE enum err device_replay_check(struct device_replay *,
    struct authority *, struct diag *);

#endif
