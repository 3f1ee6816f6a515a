/* Packages for chips, opened with the key of 1s. A first octet of 0: the rest
 * is a package; else 32 octets of 0xaa in it stand for that key's id. */
#include <stdlib.h>

#include "lib/identity/chip_package.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t ones[KEY_PRIVATE_SIZE] = { [31] = 1 };
	_cleanup_secret_ struct secret out = SECRET_INIT;
	_cleanup_buf_ struct buf package = BUF_INIT;
	uint8_t mark[SHA256_SIZE], kid[COSE_KID_SIZE], *at;
	struct diag diag = DIAG_INIT;
	struct public_key key;
	enum err err;

	if (size == 0)
		return 0;
	if (key_derive_public(KEY_P256, bytes_of(ones, sizeof(ones)), &key,
	    NULL) || cose_key_thumbprint(&key, kid))
		abort();
	buf_put(&package, data + 1, size - 1);
	memset(mark, 0xaa, sizeof(mark));
	at = data[0] == 0 || package.len == 0 ? NULL : memmem(package.ptr,
	    package.len, mark, sizeof(mark));
	if (at != NULL)
		memcpy(at, kid, sizeof(kid));
	err = chip_package_open(buf_bytes(&package), KEY_P256, bytes_of(ones,
	    sizeof(ones)), &out, &diag);
	if ((err == ERR_OK) != (out.ptr != NULL) ||
	    (err != ERR_OK) != (diag.what[0] != '\0'))
		abort();
	return 0;
}
