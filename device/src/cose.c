/* COSE_Sign1 by a P-256 key (RFC 9052 4.4), and how keys are named. */
#include "device/src/internal.h"

#define HASH_SIZE	IMPRINT_DEVICE_HASH_SIZE

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

void
imprint_device_cose_key_parts(const struct imprint_device_public *key,
    struct imprint_bytes ret_parts[COSE_KEY_PARTS])
{
	static const uint8_t before_x[] = {
		0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, 0x58, 0x20
	};
	static const uint8_t before_y[] = { 0x22, 0x58, 0x20 };
	static const uint8_t x25519[] = {
		0xa3, 0x01, 0x01, 0x20, 0x04, 0x21, 0x58, 0x20
	};
	bool point = key->alg == IMPRINT_DEVICE_P256;

	ret_parts[0].ptr = point ? before_x : x25519;
	ret_parts[0].len = sizeof(before_x);
	ret_parts[1] = key->x;
	ret_parts[2].ptr = before_y;
	ret_parts[2].len = point ? sizeof(before_y) : 0;
	ret_parts[3] = key->y;
}

int
imprint_device_thumbprint(const struct imprint_device_crypto *crypto,
    const struct imprint_device_public *key, uint8_t ret_kid[HASH_SIZE])
{
	struct imprint_bytes parts[COSE_KEY_PARTS];

	imprint_device_cose_key_parts(key, parts);
	return crypto->sha256(crypto->state, parts, COSE_KEY_PARTS, ret_kid);
}

size_t
imprint_device_cbor_head(uint8_t head[CBOR_HEAD_MAX], unsigned major,
    uint64_t value)
{
	unsigned size = value < 24 ? 0 : value <= 0xff ? 1 :
	    value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
	size_t i;

	head[0] = (uint8_t)(major << 5 | (size == 0 ? (unsigned)value :
	    size == 1 ? 24U : size == 2 ? 25U : size == 4 ? 26U : 27U));
	for (i = 0; i < size; i++)
		head[1 + i] = (uint8_t)(value >> 8 * (size - 1 - i));
	return 1 + size;
}

void
imprint_device_sign1_parts(struct imprint_bytes protected_header,
    struct imprint_bytes payload, uint8_t heads[2][CBOR_HEAD_MAX],
    struct imprint_bytes ret_parts[SIGN1_PARTS])
{
	static const uint8_t start[] = "\x84\x6aSignature1";
	static const uint8_t no_aad[] = { 0x40 };

	ret_parts[0].ptr = start;
	ret_parts[0].len = sizeof(start) - 1;
	ret_parts[1].ptr = heads[0];
	ret_parts[1].len = imprint_device_cbor_head(heads[0], 2,
	    protected_header.len);
	ret_parts[2] = protected_header;
	ret_parts[3].ptr = no_aad;
	ret_parts[3].len = sizeof(no_aad);
	ret_parts[4].ptr = heads[1];
	ret_parts[4].len = imprint_device_cbor_head(heads[1], 2, payload.len);
	ret_parts[5] = payload;
}

int
imprint_device_sign1_verify(const struct imprint_device_crypto *crypto,
    const struct imprint_device_public *key,
    struct imprint_bytes protected_header, struct imprint_bytes payload,
    const uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE], bool *ret_good)
{
	uint8_t heads[2][CBOR_HEAD_MAX];
	struct imprint_bytes parts[SIGN1_PARTS];

	imprint_device_sign1_parts(protected_header, payload, heads, parts);
	return imprint_device_p256_verify(crypto, key, parts, SIGN1_PARTS,
	    signature, ret_good);
}

void
imprint_device_wipe(void *octets, size_t len)
{
	volatile uint8_t *at = octets;

	while (len-- > 0)
		*at++ = 0;
}
