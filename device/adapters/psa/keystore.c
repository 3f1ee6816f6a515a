#include <string.h>

#include <psa/crypto.h>

#include "device/adapters/psa/device_psa.h"

#define ES256	PSA_ALG_ECDSA(PSA_ALG_SHA_256)

/* How PSA calls a pair of these algorithms. */
static bool
type_of(enum imprint_device_alg alg, psa_key_type_t *ret_type,
    size_t *ret_bits)
{
	if (alg != IMPRINT_DEVICE_P256 && alg != IMPRINT_DEVICE_X25519)
		return false;
	*ret_type = PSA_KEY_TYPE_ECC_KEY_PAIR(alg == IMPRINT_DEVICE_P256 ?
	    PSA_ECC_FAMILY_SECP_R1 : PSA_ECC_FAMILY_MONTGOMERY);
	*ret_bits = alg == IMPRINT_DEVICE_P256 ? 256 : 255;
	return true;
}

static int
keys_get(void *state, unsigned handle,
    uint8_t room[IMPRINT_DEVICE_HELD_SIZE],
    struct imprint_device_public *ret_key)
{
	const struct imprint_psa_keys *keys = state;
	uint8_t made[IMPRINT_DEVICE_POINT_SIZE];
	bool point;
	size_t len = 0;

	memset(ret_key, 0, sizeof(*ret_key));
	if (keys->id[handle] == 0)
		return 0;
	if (psa_export_public_key(keys->id[handle], made, sizeof(made),
	    &len) != PSA_SUCCESS || (len != sizeof(made) && len != 32))
		return -1;
	point = len == sizeof(made);
	memcpy(room, point ? made + 1 : made, point ? 64 : 32);
	ret_key->alg = point ? IMPRINT_DEVICE_P256 : IMPRINT_DEVICE_X25519;
	ret_key->x.ptr = room;
	ret_key->x.len = 32;
	ret_key->y.ptr = room + 32;
	ret_key->y.len = point ? 32 : 0;
	return 0;
}

static int
keys_make(void *state, unsigned handle, enum imprint_device_alg alg,
    enum imprint_device_purpose purpose)
{
	struct imprint_psa_keys *keys = state;
	psa_key_attributes_t how = PSA_KEY_ATTRIBUTES_INIT;
	bool agrees = purpose == IMPRINT_DEVICE_ENCRYPT;
	psa_key_type_t type;
	psa_key_id_t id = 0;
	size_t bits;

	if (handle >= IMPRINT_DEVICE_HANDLES || keys->id[handle] != 0 ||
	    !type_of(alg, &type, &bits) ||
	    (alg == IMPRINT_DEVICE_X25519 && !agrees))
		return -1;
	psa_set_key_type(&how, type);
	psa_set_key_bits(&how, bits);
	psa_set_key_usage_flags(&how, agrees ? PSA_KEY_USAGE_DERIVE :
	    PSA_KEY_USAGE_SIGN_HASH);
	psa_set_key_algorithm(&how, agrees ? PSA_ALG_ECDH : ES256);
	if (keys->base != 0)
		psa_set_key_id(&how, keys->base + handle);
	if (psa_generate_key(&how, &id) != PSA_SUCCESS)
		return -1;
	keys->id[handle] = id;
	return 0;
}

/* A key's identifier; one of a package is taken in for the call alone. */
static psa_key_id_t
key_find(const struct imprint_psa_keys *keys,
    const struct imprint_device_key *key, psa_key_usage_t usage,
    psa_algorithm_t alg)
{
	psa_key_attributes_t how = PSA_KEY_ATTRIBUTES_INIT;
	psa_key_type_t type;
	psa_key_id_t id = 0;
	size_t bits;

	if (key->private_key.len == 0)
		return key->slot < IMPRINT_DEVICE_HANDLES ?
		    keys->id[key->slot] : 0;
	if (!type_of(key->public_key.alg, &type, &bits))
		return 0;
	psa_set_key_type(&how, type);
	psa_set_key_bits(&how, bits);
	psa_set_key_usage_flags(&how, usage);
	psa_set_key_algorithm(&how, alg);
	return psa_import_key(&how, key->private_key.ptr,
	    key->private_key.len, &id) == PSA_SUCCESS ? id : 0;
}

static void
key_drop(const struct imprint_device_key *key, psa_key_id_t id)
{
	if (key->private_key.len > 0)
		(void)psa_destroy_key(id);
}

static int
keys_sign(void *state, const struct imprint_device_key *key,
    const uint8_t digest[IMPRINT_DEVICE_HASH_SIZE],
    uint8_t ret_signature[IMPRINT_DEVICE_SIGNATURE_SIZE])
{
	psa_key_id_t id = key_find(state, key, PSA_KEY_USAGE_SIGN_HASH, ES256);
	psa_status_t status;
	size_t len = 0;

	if (id == 0)
		return -1;
	status = psa_sign_hash(id, ES256, digest, IMPRINT_DEVICE_HASH_SIZE,
	    ret_signature, IMPRINT_DEVICE_SIGNATURE_SIZE, &len);
	key_drop(key, id);
	return status == PSA_SUCCESS && len == IMPRINT_DEVICE_SIGNATURE_SIZE ?
	    0 : -1;
}

static int
keys_agree(void *state, const struct imprint_device_key *key,
    const struct imprint_device_public *peer, uint8_t ret_secret[32],
    bool *ret_good)
{
	psa_key_id_t id = key_find(state, key, PSA_KEY_USAGE_DERIVE,
	    PSA_ALG_ECDH);
	uint8_t point[IMPRINT_DEVICE_POINT_SIZE] = { 0x04 };
	bool is_point = peer->y.len > 0;
	psa_status_t status;
	size_t len = 0;

	*ret_good = false;
	if (id == 0 || peer->x.len + peer->y.len > IMPRINT_DEVICE_HELD_SIZE)
		return -1;
	memcpy(point + (is_point ? 1 : 0), peer->x.ptr, peer->x.len);
	if (is_point)
		memcpy(point + 1 + peer->x.len, peer->y.ptr, peer->y.len);
	status = psa_raw_key_agreement(PSA_ALG_ECDH, id, point,
	    (is_point ? 1 : 0) + peer->x.len + peer->y.len, ret_secret, 32,
	    &len);
	key_drop(key, id);
	*ret_good = status == PSA_SUCCESS && len == 32;
	return *ret_good || status == PSA_ERROR_INVALID_ARGUMENT ? 0 : -1;
}

int
imprint_device_psa_keys(struct imprint_psa_keys *keys, uint32_t base,
    struct imprint_device_keystore *ret_table)
{
	psa_key_attributes_t what = PSA_KEY_ATTRIBUTES_INIT;
	psa_status_t status = psa_crypto_init();
	uint32_t i;

	memset(keys, 0, sizeof(*keys));
	keys->base = base;
	for (i = 0; i < IMPRINT_DEVICE_HANDLES && base != 0 &&
	    status == PSA_SUCCESS; i++) {
		status = psa_get_key_attributes(base + i, &what);
		psa_reset_key_attributes(&what);
		if (status == PSA_SUCCESS)
			keys->id[i] = base + i;
		/* PSA: no such persistent key */
		else if (status == PSA_ERROR_INVALID_HANDLE ||
		    status == PSA_ERROR_DOES_NOT_EXIST)
			status = PSA_SUCCESS;
	}
	ret_table->state = keys;
	ret_table->get = keys_get;
	ret_table->make = keys_make;
	ret_table->sign = keys_sign;
	ret_table->agree = keys_agree;
	return status == PSA_SUCCESS ? 0 : -1;
}
