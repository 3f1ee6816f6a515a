/*
 * HPKE with the ephemeral key given: for published vectors, and beneath
 * hpke_sender_derive(). A key used twice gives the contents away.
 */
#ifndef IMPRINT_CRYPTO_HPKE_INTERNAL_H
#define IMPRINT_CRYPTO_HPKE_INTERNAL_H

#include "lib/crypto/hpke.h"

/* As hpke_sender_new(); ephemeral: 32 octets of the recipient's algorithm. */
MUST_USE enum err hpke_sender_new_fixed(const struct public_key *recipient,
    struct bytes ephemeral, struct bytes info, uint8_t ret_enc[HPKE_ENC_MAX],
    size_t *ret_enc_len, struct hpke **ret_hpke, struct diag *);

#endif
