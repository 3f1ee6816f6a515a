/* The tests of the device library, over PSA: the same vectors, the same
 * verdicts, but for keys that it does not have. */
#include "device/adapters/psa/device_psa.h"

#define TEST_CRYPTO	imprint_device_psa
#define TEST_LACKS	{ "ed25519", "rsa" }
#define TEST_STRIDE	7

#include "device/src/test_device.c"
