/*
 * What an order is, as one object under a MAC: product, count, packs and the
 * key each is sealed to, the file that names its
 * identities, the list of its devices. The order's
 * rows carry its progress; before anything is signed for it they are held
 * against this record, so that nobody turns a pack to another station, or
 * orders more, by writing to the database.
 */
#ifndef IMPRINT_AUTHORITY_ORDER_RECORD_H
#define IMPRINT_AUTHORITY_ORDER_RECORD_H

#include "lib/authority/authority.h"

/* Record an order whose rows are in place; in the caller's transaction. */
MUST_USE enum err order_record_put(struct authority *,
    const struct store_order *, struct diag *);
/* Record that it was cancelled: it never runs again, whatever its row says. */
MUST_USE enum err order_record_cancel(struct authority *,
    const struct store_order *, int64_t now, struct diag *);
/* ERR_CORRUPT when rows and record differ; ERR_STATE: it was cancelled. */
MUST_USE enum err order_record_check(struct authority *,
    const struct store_order *, struct diag *);

#endif
