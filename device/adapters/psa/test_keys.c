/* The tests of keys in the device, over PSA's key store: those that were put
 * in are volatile, those that the device makes are persistent, in files of the
 * directory that the test runs in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <psa/crypto.h>

#include "device/adapters/psa/device_psa.h"

#define TEST_CRYPTO	imprint_device_psa
#define BASE		UINT32_C(0x1000)

static struct imprint_psa_keys held;
static psa_key_id_t put[IMPRINT_DEVICE_HANDLES];

static void
keys_open(struct imprint_device_keystore *keys)
{
	unsigned i;

	assert_int_equal(imprint_device_psa_keys(&held, BASE, keys), 0);
	for (i = 0; i < IMPRINT_DEVICE_HANDLES; i++)
		if (put[i] != 0)
			held.id[i] = put[i];
}

static void
keys_close(void)
{
	memset(&held, 0, sizeof(held));
}

static void
keys_forget(void)
{
	unsigned i;

	assert_int_equal(psa_crypto_init(), PSA_SUCCESS);
	for (i = 0; i < IMPRINT_DEVICE_HANDLES; i++) {
		(void)psa_destroy_key(put[i]);
		(void)psa_destroy_key(BASE + i);
		put[i] = 0;
	}
}

static void
key_put(unsigned handle, enum imprint_device_alg alg, const uint8_t *octets)
{
	psa_key_attributes_t how = PSA_KEY_ATTRIBUTES_INIT;
	bool p256 = alg == IMPRINT_DEVICE_P256;
	bool agrees = !p256 || handle == IMPRINT_DEVICE_CHIP;

	psa_set_key_type(&how, PSA_KEY_TYPE_ECC_KEY_PAIR(p256 ?
	    PSA_ECC_FAMILY_SECP_R1 : PSA_ECC_FAMILY_MONTGOMERY));
	psa_set_key_bits(&how, p256 ? 256 : 255);
	psa_set_key_usage_flags(&how, agrees ? PSA_KEY_USAGE_DERIVE :
	    PSA_KEY_USAGE_SIGN_HASH);
	psa_set_key_algorithm(&how, agrees ? PSA_ALG_ECDH :
	    PSA_ALG_ECDSA(PSA_ALG_SHA_256));
	assert_int_equal(psa_import_key(&how, octets, 32, &put[handle]),
	    PSA_SUCCESS);
}

#include "device/src/test_keys.c"
