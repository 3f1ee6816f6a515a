#include <zlib.h>

#include "device/adapters/openssl/internal.h"

#define CHUNK	4096

int
adapter_inflate(void *state, struct imprint_bytes compressed, size_t at,
    uint8_t *ret_octet, bool *ret_there)
{
	uint8_t out[CHUNK];
	z_stream z = { .next_in = (z_const Bytef *)(uintptr_t)compressed.ptr,
		.avail_in = (uInt)compressed.len };
	size_t made = 0, from;
	int result = Z_OK;

	(void)state;
	*ret_there = false;
	if (compressed.len > UINT32_MAX || inflateInit(&z) != Z_OK)
		return -1;
	while (result == Z_OK && !*ret_there) {
		z.next_out = out;
		z.avail_out = sizeof(out);
		result = inflate(&z, Z_NO_FLUSH);
		from = made;
		made += sizeof(out) - z.avail_out;
		if (made > at && (result == Z_OK || result == Z_STREAM_END)) {
			*ret_octet = out[at - from];
			*ret_there = true;
		}
	}
	(void)inflateEnd(&z);
	return result == Z_MEM_ERROR ? -1 : 0;
}
