/*
 * Public keys as JSON Web Keys: EC (RFC 7518 6.2), OKP (RFC 8037).
 */
#ifndef IMPRINT_CRYPTO_JWK_H
#define IMPRINT_CRYPTO_JWK_H

#include "lib/base/buf.h"
#include "lib/crypto/key.h"

/*
 * The required members alone, in order of their names, without a blank: what
 * RFC 7638 3 hashes. ERR_UNSUPPORTED for a key that has no such form.
 */
MUST_USE enum err jwk_put(struct buf *, const struct public_key *);

#endif
