/* Keys with their proofs. A first octet of 0: the rest is a file; else it is
 * a payload, which is signed here with the private key 1. */
#include "lib/crypto/cose.h"

#include "fuzz/device_list.h"

#define TYP	"application/imprint-key-proof+cose"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf message = BUF_INIT;
	uint8_t kid[COSE_KID_SIZE];

	if (size == 0)
		return 0;
	if (data[0] == 0) {
		list_fuzz("cose", bytes_of(data + 1, size - 1));
		return 0;
	}
	if (signer_new(KEY_P256, bytes_of(maker_key, sizeof(maker_key)),
	    &signer, NULL) != ERR_OK ||
	    cose_key_thumbprint(signer_public(signer), kid) != ERR_OK ||
	    cose_sign1_sign(&message, signer, bytes_of(kid, sizeof(kid)), TYP,
	    bytes_of(data + 1, size - 1), BYTES_NONE, NULL) != ERR_OK)
		abort();
	list_fuzz("cose", buf_bytes(&message));
	return 0;
}
