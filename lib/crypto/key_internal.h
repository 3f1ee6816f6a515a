/*
 * What the files about keys share among themselves. Internal to lib/crypto.
 */
#ifndef IMPRINT_CRYPTO_KEY_INTERNAL_H
#define IMPRINT_CRYPTO_KEY_INTERNAL_H

#include "lib/crypto/key.h"
#include "lib/crypto/ossl.h"

#define P256_POINT_SIZE	65
#define POINT_MAX	97	/* P-384 */
#define RSA_EXPONENT	65537

/* OpenSSL's form of a checked public key; NULL when it fails. */
EVP_PKEY *pkey_from_public(const struct public_key *);
/* Of a private key, all but EC; of RSA unchecked. NULL when it is none. */
EVP_PKEY *pkey_from_private(const struct key_algorithm *, struct bytes);
/* Of a key pair: public is the one that belongs to private. */
EVP_PKEY *pkey_from_pair(const struct public_key *, struct bytes private);
/* The raw public key of a key, all but EC; false when it is of another kind
 * or size. */
bool	pkey_get_public(EVP_PKEY *, const struct key_algorithm *,
	    struct public_key *ret_public);
/* The raw private key, all but EC; private: private_max octets. */
bool	pkey_get_private(EVP_PKEY *, const struct key_algorithm *,
	    uint8_t *private, size_t *ret_len);

/* RSAPrivateKey that is as this build writes it and whose numbers belong
 * together? NULL when not. */
EVP_PKEY *rsa_from_private(const struct key_algorithm *, struct bytes);

EC_GROUP *ec_group_new(const struct key_algorithm *);
/* private * G as an uncompressed point; false when OpenSSL fails. */
bool	ec_multiply(const struct key_algorithm *, const EC_GROUP *,
	    const BIGNUM *private, EC_POINT *, BN_CTX *, uint8_t *ret_point);
/* The point of a private key of the right length. ERR_INVALID, ERR_CRYPTO. */
MUST_USE enum err ec_derive(const struct key_algorithm *,
    struct bytes private, uint8_t *ret_point, struct diag *);
struct keygen;
/* Key agreement of an EC key pair, with what keys of its algorithm are made
 * with: the x of private * peer, half a point. peer was checked. */
MUST_USE enum err keygen_agree(struct keygen *, struct bytes private,
    const struct public_key *peer, uint8_t *ret_x);
/* Is raw, of the right length, a point of the curve? */
MUST_USE enum err ec_check(const struct key_algorithm *, struct bytes raw,
    struct diag *);

/*
 * ECDSA signatures between r || s, half octets each, and DER; half 32 or 48.
 * der: ECDSA_DER_MAX or P384_DER_MAX octets.
 */
#define P384_DER_MAX	104
size_t	ecdsa_put_der(const uint8_t *raw, size_t half, uint8_t *der);
MUST_USE enum err ecdsa_get_der(struct bytes der, size_t half,
    uint8_t *ret_raw);

/* Digest and padding of the algorithm's signatures. */
const char *signature_digest(const struct key_algorithm *);
bool	signature_padding(const struct key_algorithm *, EVP_PKEY_CTX *);

/* Over the concatenation of parts, without a copy where that is possible.
 * ret_sig: signature_len octets of the algorithm. */
MUST_USE enum err signer_sign_parts(struct signer *,
    const struct bytes *parts, size_t count, uint8_t *ret_sig);

#endif
