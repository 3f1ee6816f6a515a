/*
 * Public keys as JSON Web Keys: EC, RSA (RFC 7518 6.2, 6.3), OKP (RFC 8037),
 * AKP (RFC 9964).
 */
#ifndef IMPRINT_CRYPTO_JWK_H
#define IMPRINT_CRYPTO_JWK_H

#include "lib/base/buf.h"
#include "lib/crypto/key.h"

/*
 * The required members alone, in order of their names, without a blank: what
 * RFC 7638 3 hashes. ERR_UNSUPPORTED for a key of no known algorithm.
 */
MUST_USE enum err jwk_put(struct buf *, const struct public_key *);

#endif
