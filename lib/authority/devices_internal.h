/* Entries of lists as the registry keeps them. Within lib/authority. */
#ifndef IMPRINT_AUTHORITY_DEVICES_INTERNAL_H
#define IMPRINT_AUTHORITY_DEVICES_INTERNAL_H

#include "lib/authority/authority_internal.h"
#include "lib/authority/devices.h"

/*
 * An entry, without its keys being checked again when it is used: length of
 * the id (1), id, number of keys (1), for each slot (1), algorithm (1), raw
 * public key.
 */
void	device_stored_put(struct buf *, const struct device_entry *);
/* Takes it off rest; false when it is none. */
bool	device_stored_take(struct bytes *rest, struct device_held *ret_device);

/* A block: entries, then a MAC over [order, block, octets]. */
MUST_USE enum err device_block_put(struct authority *, uint32_t order,
    uint64_t number, struct bytes entries, struct diag *);
/* Entries appended. ERR_CORRUPT: its MAC is not right, or it is of another
 * order. */
MUST_USE enum err device_block_get(struct authority *, uint32_t order,
    uint64_t number, struct buf *out, struct diag *);

#endif
