#include <string.h>

#include <psa/crypto.h>

#include "device/adapters/psa/device_psa.h"

#define POINT_MAX	97	/* P-384, uncompressed */

/* Keys of these; what else a port's PSA has, it may add. */
static const struct row {
	enum imprint_device_alg	alg;
	psa_key_type_t		type;		/* of a pair */
	size_t			bits;
	bool			is_point;	/* 04 || x || y */
} rows[] = {
	{ IMPRINT_DEVICE_P256,
	    PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), 256, true },
	{ IMPRINT_DEVICE_P384,
	    PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), 384, true },
	{ IMPRINT_DEVICE_X25519,
	    PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_MONTGOMERY), 255, false }
};

static const struct row *
row_find(enum imprint_device_alg alg)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].alg == alg)
			return &rows[i];
	return NULL;
}

static int
crypto_sha256(void *state, const struct imprint_bytes *parts, size_t count,
    uint8_t ret_digest[IMPRINT_DEVICE_HASH_SIZE])
{
	psa_hash_operation_t hash = PSA_HASH_OPERATION_INIT;
	psa_status_t status;
	size_t i, len = 0;

	(void)state;
	status = psa_hash_setup(&hash, PSA_ALG_SHA_256);
	for (i = 0; i < count && status == PSA_SUCCESS; i++)
		if (parts[i].len > 0)
			status = psa_hash_update(&hash, parts[i].ptr,
			    parts[i].len);
	if (status == PSA_SUCCESS)
		status = psa_hash_finish(&hash, ret_digest,
		    IMPRINT_DEVICE_HASH_SIZE, &len);
	(void)psa_hash_abort(&hash);
	return status == PSA_SUCCESS && len == IMPRINT_DEVICE_HASH_SIZE ? 0 :
	    -1;
}

/* Is it that the octets are no key, and not that the library failed? */
static bool
is_no_key(psa_status_t status)
{
	return status == PSA_ERROR_INVALID_ARGUMENT ||
	    status == PSA_ERROR_DATA_INVALID;
}

static int
crypto_verify(void *state, const uint8_t point[IMPRINT_DEVICE_POINT_SIZE],
    const uint8_t digest[IMPRINT_DEVICE_HASH_SIZE],
    const uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE], bool *ret_good)
{
	psa_key_attributes_t how = PSA_KEY_ATTRIBUTES_INIT;
	const psa_algorithm_t es256 = PSA_ALG_ECDSA(PSA_ALG_SHA_256);
	psa_key_id_t key = 0;
	psa_status_t status;

	(void)state;
	*ret_good = false;
	psa_set_key_type(&how,
	    PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1));
	psa_set_key_bits(&how, 256);
	psa_set_key_usage_flags(&how, PSA_KEY_USAGE_VERIFY_HASH);
	psa_set_key_algorithm(&how, es256);
	status = psa_import_key(&how, point, IMPRINT_DEVICE_POINT_SIZE, &key);
	if (is_no_key(status))
		return 0;	/* not on the curve */
	if (status == PSA_SUCCESS)
		status = psa_verify_hash(key, es256, digest,
		    IMPRINT_DEVICE_HASH_SIZE, signature,
		    IMPRINT_DEVICE_SIGNATURE_SIZE);
	(void)psa_destroy_key(key);
	*ret_good = status == PSA_SUCCESS;
	return *ret_good || status == PSA_ERROR_INVALID_SIGNATURE ? 0 : -1;
}

static bool
crypto_supports(void *state, enum imprint_device_alg alg)
{
	(void)state;
	return row_find(alg) != NULL;
}

/* Is the public key that of the pair? */
static bool
public_same(const struct row *row, const struct imprint_device_public *public,
    const uint8_t *made, size_t len)
{
	if (row->is_point) {
		if (len == 0 || made[0] != 0x04)
			return false;
		made++;
		len--;
	}
	return len == public->x.len + public->y.len &&
	    memcmp(made, public->x.ptr, public->x.len) == 0 &&
	    (public->y.len == 0 || memcmp(made + public->x.len,
	    public->y.ptr, public->y.len) == 0);
}

static int
crypto_matches(void *state, const struct imprint_device_public *public,
    struct imprint_bytes private_key, bool *ret_match)
{
	const struct row *row = row_find(public->alg);
	psa_key_attributes_t how = PSA_KEY_ATTRIBUTES_INIT;
	uint8_t made[POINT_MAX];
	psa_key_id_t key = 0;
	psa_status_t status;
	size_t len = 0;

	(void)state;
	*ret_match = false;
	if (row == NULL)
		return 0;
	psa_set_key_type(&how, row->type);
	psa_set_key_bits(&how, row->bits);
	/* 0 or beyond the order: refused here */
	status = psa_import_key(&how, private_key.ptr, private_key.len, &key);
	if (is_no_key(status))
		return 0;
	if (status == PSA_SUCCESS)
		status = psa_export_public_key(key, made, sizeof(made), &len);
	(void)psa_destroy_key(key);
	*ret_match = status == PSA_SUCCESS &&
	    public_same(row, public, made, len);
	return status == PSA_SUCCESS ? 0 : -1;
}

/* PSA wants all of it in a row: sealed as it is, the tag at its end. */
static int
crypto_open(void *state, const uint8_t octets[32], struct imprint_bytes aad,
    struct imprint_bytes sealed, uint8_t *out, bool *ret_good)
{
	static const uint8_t nonce[12];
	psa_key_attributes_t how = PSA_KEY_ATTRIBUTES_INIT;
	psa_key_id_t key = 0;
	psa_status_t status;
	size_t len = 0;

	(void)state;
	*ret_good = false;
	psa_set_key_type(&how, PSA_KEY_TYPE_AES);
	psa_set_key_bits(&how, 256);
	psa_set_key_usage_flags(&how, PSA_KEY_USAGE_DECRYPT);
	psa_set_key_algorithm(&how, PSA_ALG_GCM);
	status = psa_import_key(&how, octets, 32, &key);
	if (status == PSA_SUCCESS)
		status = psa_aead_decrypt(key, PSA_ALG_GCM, nonce,
		    sizeof(nonce), aad.ptr, aad.len, sealed.ptr, sealed.len,
		    out, sealed.len, &len);
	(void)psa_destroy_key(key);
	*ret_good = status == PSA_SUCCESS;
	return *ret_good || status == PSA_ERROR_INVALID_SIGNATURE ? 0 : -1;
}

const struct imprint_device_crypto *
imprint_device_psa(void)
{
	static const struct imprint_device_crypto crypto = {
		.sha256 = crypto_sha256,
		.verify = crypto_verify,
		.supports = crypto_supports,
		.matches = crypto_matches,
		.open = crypto_open,
	};

	/* as often as one likes, says PSA */
	return psa_crypto_init() == PSA_SUCCESS ? &crypto : NULL;
}
