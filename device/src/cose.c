/* COSE_Sign1 by a P-256 key (RFC 9052 4.4), and how such a key is named. */
#include "device/src/internal.h"

#define HASH_SIZE	IMPRINT_DEVICE_HASH_SIZE
#define HEAD_MAX	5

int
imprint_device_p256_verify(const struct imprint_device_crypto *crypto,
    const struct imprint_device_public *key, const struct imprint_bytes *parts,
    size_t count,
    const uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE], bool *ret_good)
{
	uint8_t point[IMPRINT_DEVICE_POINT_SIZE], digest[HASH_SIZE];

	*ret_good = false;
	point[0] = 0x04;
	memcpy(point + 1, key->x.ptr, key->x.len);
	memcpy(point + 1 + key->x.len, key->y.ptr, key->y.len);
	if (crypto->sha256(crypto->state, parts, count, digest) != 0)
		return -1;
	return crypto->verify(crypto->state, point, digest, signature,
	    ret_good);
}

int
imprint_device_thumbprint(const struct imprint_device_crypto *crypto,
    const struct imprint_device_public *key, uint8_t ret_kid[HASH_SIZE])
{
	static const uint8_t before_x[] = {
		0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, 0x58, 0x20
	};
	static const uint8_t before_y[] = { 0x22, 0x58, 0x20 };
	struct imprint_bytes parts[4];

	parts[0].ptr = before_x;
	parts[0].len = sizeof(before_x);
	parts[1] = key->x;
	parts[2].ptr = before_y;
	parts[2].len = sizeof(before_y);
	parts[3] = key->y;
	return crypto->sha256(crypto->state, parts, 4, ret_kid);
}

/* The head of a byte string of less than 4 GB. */
static struct imprint_bytes
bstr_head(uint8_t head[HEAD_MAX], size_t len)
{
	struct imprint_bytes out = { head, 1 };

	if (len < 24) {
		head[0] = (uint8_t)(0x40 | len);
	} else if (len <= 0xff) {
		head[0] = 0x58;
		head[1] = (uint8_t)len;
		out.len = 2;
	} else if (len <= 0xffff) {
		head[0] = 0x59;
		put_be16(head + 1, (uint16_t)len);
		out.len = 3;
	} else {
		head[0] = 0x5a;
		put_be32(head + 1, (uint32_t)len);
		out.len = 5;
	}
	return out;
}

int
imprint_device_sign1_verify(const struct imprint_device_crypto *crypto,
    const struct imprint_device_public *key,
    struct imprint_bytes protected_header, struct imprint_bytes payload,
    const uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE], bool *ret_good)
{
	static const uint8_t start[] = "\x84\x6aSignature1";
	static const uint8_t no_aad[] = { 0x40 };
	uint8_t head[2][HEAD_MAX];
	struct imprint_bytes parts[6];

	parts[0].ptr = start;
	parts[0].len = sizeof(start) - 1;
	parts[1] = bstr_head(head[0], protected_header.len);
	parts[2] = protected_header;
	parts[3].ptr = no_aad;
	parts[3].len = sizeof(no_aad);
	parts[4] = bstr_head(head[1], payload.len);
	parts[5] = payload;
	return imprint_device_p256_verify(crypto, key, parts, 6, signature,
	    ret_good);
}
