/*
 * What the files about keys share among themselves. Internal to lib/crypto.
 */
#ifndef IMPRINT_CRYPTO_KEY_INTERNAL_H
#define IMPRINT_CRYPTO_KEY_INTERNAL_H

#include "lib/crypto/key.h"
#include "lib/crypto/ossl.h"

#define P256_FIELD_SIZE	32
#define P256_POINT_SIZE	65

/* OpenSSL's form of a checked public key; NULL when it fails. */
EVP_PKEY *pkey_from_public(const struct public_key *);
/* Of a key pair. private: 32 bytes, public the one that belongs to it. */
EVP_PKEY *pkey_from_pair(const struct public_key *, struct bytes private);

/* private * G as an uncompressed point; false when OpenSSL fails. */
bool	p256_multiply(const EC_GROUP *, const BIGNUM *private, EC_POINT *,
	    BN_CTX *, uint8_t ret_point[P256_POINT_SIZE]);

/* Over the concatenation of parts, without a copy where that is possible. */
MUST_USE enum err signer_sign_parts(struct signer *,
    const struct bytes *parts, size_t count, uint8_t ret_sig[SIGNATURE_SIZE]);

#endif
