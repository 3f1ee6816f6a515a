/*
 * Objects of the store that the authority relies on, each under a MAC.
 *
 * The database is untrusted input: whoever can write to it must not be able
 * to add an operator, turn a pack to a station of theirs, or change what is
 * signed. Each body is stored with HMAC-SHA-256(row key, [kind, name,
 * version, hash, created, body]) behind it; the row key lives in the
 * keystore. What is signed or sealed is read with the key; a locked
 * ecosystem (mac NULL) reads objects unchecked, to show them.
 */
#ifndef IMPRINT_AUTHORITY_OBJECT_H
#define IMPRINT_AUTHORITY_OBJECT_H

#include "lib/crypto/hash.h"
#include "lib/store/store.h"

/* As store_object_put(); mac is needed. */
MUST_USE enum err object_put(struct store *, struct hmac *mac,
    const struct store_object *, struct diag *);
/* As the store's functions; ERR_CORRUPT when the MAC is not right. */
MUST_USE enum err object_get(struct store *, struct hmac *mac,
    enum store_kind, const char *name, const char *version,
    struct buf *body_out, struct store_object *ret_object, struct diag *);
MUST_USE enum err object_by_hash(struct store *, struct hmac *mac,
    enum store_kind, const uint8_t hash[STORE_HASH_SIZE],
    struct buf *body_out, struct store_object *ret_object, struct diag *);
MUST_USE enum err object_each(struct store *, struct hmac *mac,
    enum store_kind, enum err (*each)(void *ctx,
    const struct store_object *), void *ctx, struct diag *);

#endif
