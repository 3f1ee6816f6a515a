/*
 * Claim codes: what an owner reads from a device's label and types to claim
 * it. Twelve characters of 32 (60 bits) and a check character, printed in
 * groups of four: "7K2M-00QX-V9DT-3".
 *
 * code = first 60 bits of HMAC-SHA-256(K_pack, ["imprint claim code", log,
 * index]), K_pack = HMAC-SHA-256(K, ["imprint claim pack", id of the pack]),
 * K the ecosystem's. So a code is kept nowhere, and who learns one, or all of
 * a pack, learns nothing of others. The id is random: an order's number comes
 * again when a registry was lost, and another station may get it.
 *
 * The characters are the digits and capital letters without I, L, O and U,
 * which people take for others. The check character makes the sum of
 * character i times a^i over GF(32) zero (a a root of x^5 + x^2 + 1), so each
 * single wrong character and each pair put the wrong way round is found
 * before anything is asked.
 */
#ifndef IMPRINT_IDENTITY_CLAIM_CODE_H
#define IMPRINT_IDENTITY_CLAIM_CODE_H

#include "lib/base/bytes.h"
#include "lib/base/diag.h"
#include "lib/crypto/hash.h"

#define CLAIM_KEY_SIZE	32
#define CLAIM_CODE_SIZE	17	/* three groups, check, dashes and NUL */

/* pack: id of the one that an identity was made for; empty: of none. */
MUST_USE enum err claim_pack_key(struct bytes ecosystem_key,
    struct bytes pack, uint8_t ret_key[CLAIM_KEY_SIZE]);
/* codes: keyed with the pack's key. */
MUST_USE enum err claim_code_make(struct hmac *codes, uint32_t log,
    uint64_t index, char ret_code[CLAIM_CODE_SIZE]);

/*
 * What somebody typed, as it would be printed: case, dashes and blanks do not
 * matter, O is 0, I and L are 1. ERR_INVALID: not 13 characters, none of
 * them, or the check character does not fit; the message tells which.
 */
MUST_USE enum err claim_code_read(struct bytes typed,
    char ret_code[CLAIM_CODE_SIZE], struct diag *);

#endif
