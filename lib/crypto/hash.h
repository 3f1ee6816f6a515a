/*
 * SHA-256, HMAC-SHA-256 and single-block AES-256 with contexts that are set
 * up once and used many times. One context belongs to one thread.
 */
#ifndef IMPRINT_CRYPTO_HASH_H
#define IMPRINT_CRYPTO_HASH_H

#include "lib/base/bytes.h"
#include "lib/base/diag.h"

#define SHA256_SIZE	32
#define AES_BLOCK_SIZE_	16
#define AES256_KEY_SIZE	32

struct sha256;
struct hmac;
struct aes;

MUST_USE enum err sha256_new(struct sha256 **ret_sha256, struct diag *);
void	sha256_free(struct sha256 **);
#define _cleanup_sha256_ __attribute__((cleanup(sha256_free)))
/* The digest of the concatenation of count parts. ERR_CRYPTO. */
MUST_USE enum err sha256_parts(struct sha256 *, const struct bytes *parts,
    size_t count, uint8_t ret_digest[SHA256_SIZE]);
/* Streaming; begin, any number of updates, end. */
MUST_USE enum err sha256_begin(struct sha256 *);
MUST_USE enum err sha256_update(struct sha256 *, struct bytes);
MUST_USE enum err sha256_end(struct sha256 *,
    uint8_t ret_digest[SHA256_SIZE]);
/* Without a context, for the odd one. */
MUST_USE enum err sha256_once(struct bytes, uint8_t ret_digest[SHA256_SIZE]);

/* HMAC-SHA-256 (RFC 2104) under one key, 1 to 64 bytes. */
MUST_USE enum err hmac_new(struct bytes key, struct hmac **ret_hmac,
    struct diag *);
void	hmac_free(struct hmac **);
#define _cleanup_hmac_ __attribute__((cleanup(hmac_free)))
/* Go on under another key. */
MUST_USE enum err hmac_key(struct hmac *, struct bytes key, struct diag *);
MUST_USE enum err hmac_parts(struct hmac *, const struct bytes *parts,
    size_t count, uint8_t ret_mac[SHA256_SIZE]);
/*
 * Of many texts of len octets each, one behind another: SHA256_SIZE octets
 * for each, as hmac_parts() gives them. ERR_INTERNAL: texts are no multiple
 * of len, or len is 0 or more than HMAC_MANY_MAX.
 */
#define HMAC_MANY_MAX	55
MUST_USE enum err hmac_many(const struct hmac *, struct bytes texts,
    size_t len, uint8_t *ret_macs);

/* One block of AES-256 (FIPS 197) in each direction. key: 32 bytes. */
MUST_USE enum err aes_new(struct bytes key, struct aes **ret_aes,
    struct diag *);
void	aes_free(struct aes **);
#define _cleanup_aes_ __attribute__((cleanup(aes_free)))
MUST_USE enum err aes_encrypt_block(struct aes *,
    const uint8_t in[AES_BLOCK_SIZE_], uint8_t ret_out[AES_BLOCK_SIZE_]);
/* Many blocks in place, each for itself; ERR_INTERNAL beyond
 * AES_BLOCKS_MAX. */
#define AES_BLOCKS_MAX	4096
MUST_USE enum err aes_encrypt_blocks(struct aes *, uint8_t *blocks,
    size_t count);
MUST_USE enum err aes_decrypt_block(struct aes *,
    const uint8_t in[AES_BLOCK_SIZE_], uint8_t ret_out[AES_BLOCK_SIZE_]);

#endif
