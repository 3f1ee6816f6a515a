/*
 * scrypt (RFC 7914): a key from a passphrase, slow and hungry on purpose.
 */
#ifndef IMPRINT_CRYPTO_SCRYPT_H
#define IMPRINT_CRYPTO_SCRYPT_H

#include "lib/base/diag.h"
#include "lib/base/secret.h"

#define SCRYPT_KEY_SIZE		32
#define SCRYPT_MEMORY_MAX	((uint64_t)256 << 20)

/*
 * n: a power of two above 1; r * p below 2^30. It takes 128 * n * r bytes of
 * memory: ERR_INVALID beyond SCRYPT_MEMORY_MAX. ret_key must be SECRET_INIT.
 * ERR_NOMEM, ERR_CRYPTO.
 */
MUST_USE enum err scrypt_derive(struct bytes passphrase, struct bytes salt,
    uint64_t n, uint32_t r, uint32_t p, struct secret *ret_key,
    struct diag *);

#endif
