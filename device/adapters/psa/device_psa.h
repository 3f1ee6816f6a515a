/*
 * The device library's adapter to the PSA Cryptography API 1.0, as Mbed TLS
 * 2.28 and later have it, or a vendor's own. Keys of P-256, P-384 and X25519;
 * packages with others are answered as unsupported. Without inflate:
 * a port that checks status lists adds its own. Stateless; nothing is kept in
 * the key store of PSA.
 */
#ifndef IMPRINT_DEVICE_PSA_H
#define IMPRINT_DEVICE_PSA_H

#include "device/include/imprint/device.h"

/* NULL when psa_crypto_init() fails. */
const struct imprint_device_crypto *imprint_device_psa(void);

#endif
