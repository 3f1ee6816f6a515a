/*
 * A front's TLS key, made by the front, and its proof for the authority that
 * certifies it: COSE_Sign1 by that key, typ FRONT_KEY_TYP, over [1, challenge
 * of the channel, COSE_Key]. Names and times are the authority's to say.
 */
#ifndef IMPRINT_PROTO_FRONT_KEY_H
#define IMPRINT_PROTO_FRONT_KEY_H

#include "lib/crypto/cose.h"
#include "lib/proto/internal.h"

#define FRONT_KEY_TYP	"application/imprint-front-key+cose"
#define FRONT_KEY_MAX	1024

MUST_USE enum err front_key_sign(const uint8_t challenge[CHALLENGE_SIZE],
    struct signer *, struct buf *out, struct diag *);
/* ERR_AUTH: not signed by the key in it, for another channel, or no P-256. */
MUST_USE enum err front_key_verify(struct bytes proof,
    const uint8_t challenge[CHALLENGE_SIZE], struct public_key *ret_key,
    struct diag *);

#endif
