/*
 * What the renderings share. Internal to lib/identity.
 */
#ifndef IMPRINT_IDENTITY_RENDERING_INTERNAL_H
#define IMPRINT_IDENTITY_RENDERING_INTERNAL_H

#include "lib/identity/rendering.h"

extern const struct rendering rendering_c;
extern const struct rendering rendering_jwt;
extern const struct rendering rendering_ndjson;
extern const struct rendering rendering_pkcs12;

/* The keys that have a certificate: of the slot asked for or of all.
 * ERR_NOTFOUND when there is none. */
MUST_USE enum err rendering_keys(const struct rendering_source *,
    const struct document_key *ret_keys[PRODUCT_SLOTS_MAX],
    size_t *ret_count, struct diag *);

/* The claims set of a JWT, not signed yet. */
MUST_USE enum err jwt_put_claims(struct buf *,
    const struct rendering_source *, struct diag *);

#endif
