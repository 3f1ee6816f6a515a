/*
 * The device library's adapter to the PSA Cryptography API 1.0, as Mbed TLS
 * 2.28 and later have it, or a vendor's own. Keys of P-256, P-384 and X25519;
 * packages with others are answered as unsupported. Without inflate:
 * a port that checks status lists adds its own. Stateless.
 */
#ifndef IMPRINT_DEVICE_PSA_H
#define IMPRINT_DEVICE_PSA_H

#include "device/include/imprint/device.h"

/* NULL when psa_crypto_init() fails. */
const struct imprint_device_crypto *imprint_device_psa(void);

/*
 * The keys of this device in PSA's key store, which never gives them out.
 * id: PSA's identifier of each handle, 0 for none; the caller's to fill in with
 * what a secure element came with. base: 0, or make() makes persistent keys
 * numbered base + handle, and those that are there already are found again;
 * else volatile ones, gone with the power.
 */
struct imprint_psa_keys {
	uint32_t	base;
	uint32_t	id[IMPRINT_DEVICE_HANDLES];	/* psa_key_id_t */
};
/* ret_table refers to keys. 0, or PSA failed. */
int	imprint_device_psa_keys(struct imprint_psa_keys *, uint32_t base,
	    struct imprint_device_keystore *ret_table);

#endif
