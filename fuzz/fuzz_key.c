/* Any octets as a public key in each of its encodings, and as an RSA key. */
#include <stdlib.h>

#include "lib/crypto/cose.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size), private = BYTES_NONE;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct public_key key, again;

	if (public_key_from_spki(input, &key, NULL) == ERR_OK) {
		public_key_put_spki(&out, &key);
		if (!bytes_equal(buf_bytes(&out), input))
			abort();
	}
	buf_clear(&out);
	if (cose_key_parse(input, &key, &private, NULL) == ERR_OK) {
		cose_key_put(&out, &key);
		if (cose_key_parse(buf_bytes(&out), &again, &private,
		    NULL) != ERR_OK || !public_key_equal(&key, &again))
			abort();
	}
	if (key_derive_public(KEY_RSA2048, input, &key, NULL) == ERR_OK &&
	    public_key_check(key.alg, bytes_of(key.raw, key.len), &again,
	    NULL) != ERR_OK)
		abort();
	return 0;
}
