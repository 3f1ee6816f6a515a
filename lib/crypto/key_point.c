#include "lib/crypto/key_internal.h"

void
p256_compress(const uint8_t raw[KEY_PUBLIC_MAX],
    uint8_t ret_compressed[P256_COMPRESSED_SIZE])
{
	ret_compressed[0] = (uint8_t)(0x02 | (raw[KEY_PUBLIC_MAX - 1] & 1));
	memcpy(ret_compressed + 1, raw + 1, P256_FIELD_SIZE);
}

enum err
p256_decompress(const uint8_t compressed[P256_COMPRESSED_SIZE],
    struct public_key *ret_public)
{
	_cleanup_group_ EC_GROUP *group = NULL;
	_cleanup_point_ EC_POINT *point = NULL;

	if (compressed[0] != 0x02 && compressed[0] != 0x03)
		return ERR_CORRUPT;
	group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	if (group == NULL)
		return ERR_CRYPTO;
	point = EC_POINT_new(group);
	if (point == NULL)
		return ERR_CRYPTO;
	if (EC_POINT_oct2point(group, point, compressed,
	    P256_COMPRESSED_SIZE, NULL) != 1) {
		ERR_clear_error();
		return ERR_CORRUPT;
	}
	if (EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED,
	    ret_public->raw, P256_POINT_SIZE, NULL) != P256_POINT_SIZE)
		return ERR_CRYPTO;
	ret_public->alg = KEY_P256;
	ret_public->len = P256_POINT_SIZE;
	return ERR_OK;
}
