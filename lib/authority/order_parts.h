/*
 * What a cancelled order leaves in packs/: packs that will never be complete.
 */
#ifndef IMPRINT_AUTHORITY_ORDER_PARTS_H
#define IMPRINT_AUTHORITY_ORDER_PARTS_H

#include "lib/authority/authority.h"

/* Of all cancelled orders; files that are not there are no error. What became
 * of a file's name is not synced: the next call finds it. ERR_IO. */
MUST_USE enum err order_parts_remove(struct authority *, struct diag *);

#endif
