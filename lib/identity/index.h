/*
 * The index and what is derived from it: serial numbers and UEIDs.
 *
 * serial = epoch octet || AES-256_k(R || index << 4 | slot), where R is the
 * first 8 octets of HMAC-SHA-256(seed, index || slot) and seed belongs to
 * the durable reservation. Whoever resolves a serial number decrypts it,
 * recomputes R from the range's seed and compares; a mismatch is unknown.
 *
 * UEID (RFC 9711 4.2.1, type RAND) = 0x01 || AES-256_k'(issuer || index).
 */
#ifndef IMPRINT_IDENTITY_INDEX_H
#define IMPRINT_IDENTITY_INDEX_H

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/crypto/hash.h"

#define SERIAL_SIZE	17
#define UEID_SIZE	17
#define UEID_HEX_SIZE	(2 * UEID_SIZE + 1)
#define SALT_SIZE	16
#define INDEX_MAX	((UINT64_C(1) << 56) - 1)
#define SLOT_MAX	15
#define EPOCH_FIRST	0x01
/* Certificates outside the scheme: root, CAs, services, imported. */
#define EPOCH_OUTSIDE	0x7f

/* index <= INDEX_MAX, slot <= SLOT_MAX, else ERR_INTERNAL. */
MUST_USE enum err serial_make(struct aes *key, struct hmac *seed,
    uint8_t epoch, uint64_t index, unsigned slot,
    uint8_t ret_serial[SERIAL_SIZE]);

/*
 * Those of count indices from first on, for each the slots whose bits are
 * set, lowest first; one after the other into ret_serials. At most
 * AES_BLOCKS_MAX of them, else ERR_INTERNAL.
 */
MUST_USE enum err serials_make(struct aes *key, struct hmac *seed,
    uint8_t epoch, uint64_t first, size_t count, unsigned slots,
    uint8_t *ret_serials);

/* First step of resolving: the index it claims, and R still to be checked. */
struct serial_claim {
	uint64_t	index;
	unsigned	slot;
	uint8_t		r[8];
};
MUST_USE enum err serial_open(struct aes *key,
    const uint8_t serial[SERIAL_SIZE], struct serial_claim *ret_claim);
/* Second step: does R fit the seed of the range the index lies in? */
MUST_USE enum err serial_check(struct hmac *seed,
    const struct serial_claim *, bool *ret_good);

/*
 * The salt (cti, RFC 8392 3.1.7) that keeps the log from telling anything
 * about a document: the first 16 octets of HMAC-SHA-256(seed, index || 0xff).
 */
MUST_USE enum err salt_make(struct hmac *seed, uint64_t index,
    uint8_t ret_salt[SALT_SIZE]);

MUST_USE enum err ueid_make(struct aes *key, uint64_t issuer, uint64_t index,
    uint8_t ret_ueid[UEID_SIZE]);
/* ERR_NOTFOUND when it is not of this form; the caller checks that issuer is
 * known and index was issued. */
MUST_USE enum err ueid_open(struct aes *key, const uint8_t ueid[UEID_SIZE],
    uint64_t *ret_issuer, uint64_t *ret_index);

#endif
