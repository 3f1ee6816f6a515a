/*
 * A key store in software. Its record: magic, then for each key its handle,
 * its algorithm and 32 octets of private key, handles ascending.
 */
#include <string.h>

#include <openssl/crypto.h>

#include "device/adapters/openssl/internal.h"

#define PRIVATE_SIZE	32
#define ROW_SIZE	(2 + PRIVATE_SIZE)
#define POINT_SIZE	IMPRINT_DEVICE_POINT_SIZE

static const uint8_t magic[] = "imprint-keys\x01";
#define MAGIC_SIZE	(sizeof(magic) - 1)

static bool
is_p256(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "EC");
}

/* The public key of a private one of P-256, as OpenSSL's pair. */
static EVP_PKEY *
p256_pair(struct imprint_bytes scalar)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);
	BIGNUM *d = BN_secure_new();
	uint8_t octets[POINT_SIZE];
	struct imprint_device_public public = { IMPRINT_DEVICE_P256,
		{ octets + 1, 32 }, { octets + 33, 32 } };
	EVP_PKEY *key = NULL;

	if (point != NULL && d != NULL && BN_bin2bn(scalar.ptr,
	    (int)scalar.len, d) != NULL && !BN_is_zero(d) &&
	    BN_cmp(d, EC_GROUP_get0_order(group)) < 0) {
		BN_set_flags(d, BN_FLG_CONSTTIME);
		if (EC_POINT_mul(group, point, d, NULL, NULL, NULL) == 1 &&
		    EC_POINT_point2oct(group, point,
		    POINT_CONVERSION_UNCOMPRESSED, octets, sizeof(octets),
		    NULL) == sizeof(octets))
			key = adapter_key(&public, scalar);
	}
	BN_clear_free(d);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return key;
}

static EVP_PKEY *
row_read(const uint8_t *row)
{
	const struct imprint_bytes private_key = { row + 2, PRIVATE_SIZE };
	struct imprint_device_public public = { IMPRINT_DEVICE_X25519,
		{ NULL, 0 }, { NULL, 0 } };

	if (row[1] == IMPRINT_DEVICE_P256)
		return p256_pair(private_key);
	return row[1] == IMPRINT_DEVICE_X25519 ?
	    adapter_key(&public, private_key) : NULL;
}

static bool
row_write(const EVP_PKEY *key, unsigned handle, uint8_t *row)
{
	size_t len = PRIVATE_SIZE;
	BIGNUM *d = NULL;
	bool good;

	row[0] = (uint8_t)handle;
	row[1] = is_p256(key) ? IMPRINT_DEVICE_P256 : IMPRINT_DEVICE_X25519;
	if (!is_p256(key))
		return EVP_PKEY_get_raw_private_key(key, row + 2, &len) == 1 &&
		    len == PRIVATE_SIZE;
	good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1 &&
	    BN_bn2binpad(d, row + 2, PRIVATE_SIZE) == PRIVATE_SIZE;
	BN_clear_free(d);
	return good;
}

static bool
record_read(struct imprint_openssl_keys *keys, const uint8_t *record,
    size_t len)
{
	const uint8_t *row;
	size_t at;
	int last = -1;

	if (len < MAGIC_SIZE || memcmp(record, magic, MAGIC_SIZE) != 0 ||
	    (len - MAGIC_SIZE) % ROW_SIZE != 0)
		return false;
	for (at = MAGIC_SIZE; at < len; at += ROW_SIZE) {
		row = record + at;
		if (row[0] >= IMPRINT_DEVICE_HANDLES || row[0] <= last)
			return false;
		last = row[0];
		keys->held[last] = row_read(row);
		if (keys->held[last] == NULL)
			return false;
	}
	return true;
}

static enum imprint_device_error
record_write(const struct imprint_openssl_keys *keys)
{
	uint8_t record[IMPRINT_OPENSSL_KEYS_SIZE];
	struct imprint_bytes out = { record, MAGIC_SIZE };
	enum imprint_device_error error = IMPRINT_DEVICE_OK;
	unsigned i;

	memcpy(record, magic, MAGIC_SIZE);
	for (i = 0; i < IMPRINT_DEVICE_HANDLES; i++) {
		if (keys->held[i] == NULL)
			continue;
		if (!row_write(keys->held[i], i, record + out.len))
			error = IMPRINT_DEVICE_ERROR_CRYPTO;
		out.len += ROW_SIZE;
	}
	if (error == IMPRINT_DEVICE_OK)
		error = keys->storage->write(keys->storage->state, out);
	OPENSSL_cleanse(record, sizeof(record));
	return error;
}

static int
keys_get(void *state, unsigned handle,
    uint8_t room[IMPRINT_DEVICE_HELD_SIZE],
    struct imprint_device_public *ret_key)
{
	const struct imprint_openssl_keys *keys = state;
	const EVP_PKEY *key = keys->held[handle];
	uint8_t point[POINT_SIZE];
	size_t len = 32;

	*ret_key = (struct imprint_device_public){ .x = { room, 0 } };
	if (key == NULL)
		return 0;
	if (is_p256(key)) {
		if (EVP_PKEY_get_octet_string_param(key,
		    OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) != 1 ||
		    len != sizeof(point) || point[0] != 0x04)
			return -1;
		memcpy(room, point + 1, IMPRINT_DEVICE_HELD_SIZE);
		ret_key->alg = IMPRINT_DEVICE_P256;
		ret_key->y = (struct imprint_bytes){ room + 32, 32 };
	} else {
		if (EVP_PKEY_get_raw_public_key(key, room, &len) != 1)
			return -1;
		ret_key->alg = IMPRINT_DEVICE_X25519;
	}
	ret_key->x.len = 32;
	return 0;
}

static EVP_PKEY *
key_generate(enum imprint_device_alg alg)
{
	EVP_PKEY *key = NULL;

	if (alg == IMPRINT_DEVICE_P256)
		key = EVP_EC_gen("P-256");
	else if (alg == IMPRINT_DEVICE_X25519)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	ERR_clear_error();
	return key;
}

static int
keys_make(void *state, unsigned handle, enum imprint_device_alg alg,
    enum imprint_device_purpose purpose)
{
	struct imprint_openssl_keys *keys = state;
	EVP_PKEY *key = NULL;

	if (handle >= IMPRINT_DEVICE_HANDLES || keys->held[handle] != NULL)
		return -1;
	if (alg != IMPRINT_DEVICE_X25519 || purpose == IMPRINT_DEVICE_ENCRYPT)
		key = key_generate(alg);
	if (key == NULL)
		return -1;
	keys->held[handle] = key;
	if (record_write(keys) == IMPRINT_DEVICE_OK)
		return 0;
	/* whatever is there, its public key goes nowhere */
	keys->held[handle] = NULL;
	EVP_PKEY_free(key);
	return -1;
}

enum imprint_device_error
imprint_openssl_keys_renew(struct imprint_openssl_keys *keys,
    const struct imprint_openssl_keys *from,
    const enum imprint_device_alg algs[IMPRINT_DEVICE_HANDLES])
{
	enum imprint_device_error error = IMPRINT_DEVICE_OK;
	EVP_PKEY *key;
	unsigned i;

	for (i = 0; i < IMPRINT_DEVICE_HANDLES; i++) {
		EVP_PKEY_free(keys->held[i]);
		key = algs[i] != 0 ? key_generate(algs[i]) : from->held[i];
		if (key == NULL && algs[i] != 0)
			error = IMPRINT_DEVICE_ERROR_CRYPTO;
		if (key != NULL && algs[i] == 0 && EVP_PKEY_up_ref(key) != 1)
			key = NULL;
		keys->held[i] = key;
	}
	if (error == IMPRINT_DEVICE_OK)
		error = record_write(keys);
	if (error != IMPRINT_DEVICE_OK)
		imprint_openssl_keys_close(keys);
	return error;
}

/* The pair of a key: ret_own is to be freed, NULL when it is held. */
static EVP_PKEY *
pair_find(const struct imprint_openssl_keys *keys,
    const struct imprint_device_key *key, EVP_PKEY **ret_own)
{
	*ret_own = adapter_private(key);
	if (key->private_key.len > 0)
		return *ret_own;
	return key->slot < IMPRINT_DEVICE_HANDLES ? keys->held[key->slot] :
	    NULL;
}

/* r || s of what OpenSSL signed. */
static bool
signature_raw(const uint8_t *der, size_t len,
    uint8_t raw[IMPRINT_DEVICE_SIGNATURE_SIZE])
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool good = sig != NULL &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32;

	ECDSA_SIG_free(sig);
	return good;
}

static int
keys_sign(void *state, const struct imprint_device_key *key,
    const uint8_t digest[IMPRINT_DEVICE_HASH_SIZE],
    uint8_t ret_signature[IMPRINT_DEVICE_SIGNATURE_SIZE])
{
	_cleanup_pkey_ EVP_PKEY *own = NULL;
	EVP_PKEY *pair = pair_find(state, key, &own);
	EVP_PKEY_CTX *ctx = NULL;
	uint8_t der[80];
	size_t len = sizeof(der);
	bool good = false;

	if (pair != NULL && is_p256(pair) && EVP_PKEY_get_bits(pair) == 256)
		ctx = EVP_PKEY_CTX_new(pair, NULL);
	if (ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
	    EVP_PKEY_sign(ctx, der, &len, digest,
	    IMPRINT_DEVICE_HASH_SIZE) == 1)
		good = signature_raw(der, len, ret_signature);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return good ? 0 : -1;
}

static int
keys_agree(void *state, const struct imprint_device_key *key,
    const struct imprint_device_public *peer, uint8_t ret_secret[32],
    bool *ret_good)
{
	_cleanup_pkey_ EVP_PKEY *own = NULL, *other = adapter_public(peer);
	EVP_PKEY *pair = pair_find(state, key, &own);
	EVP_PKEY_CTX *ctx = NULL;
	size_t len = 32;
	int result = -1;

	*ret_good = false;
	if (pair != NULL)
		ctx = EVP_PKEY_CTX_new(pair, NULL);
	if (ctx != NULL && EVP_PKEY_derive_init(ctx) == 1) {
		*ret_good = other != NULL &&
		    EVP_PKEY_derive_set_peer_ex(ctx, other, 0) == 1 &&
		    EVP_PKEY_derive(ctx, ret_secret, &len) == 1 && len == 32;
		result = 0;
	}
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return result;
}

enum imprint_device_error
imprint_openssl_keys_open(struct imprint_openssl_keys *keys,
    const struct imprint_device_storage *storage,
    struct imprint_device_keystore *ret_table)
{
	uint8_t record[IMPRINT_OPENSSL_KEYS_SIZE];
	enum imprint_device_error error;
	size_t len = 0;

	memset(keys, 0, sizeof(*keys));
	keys->storage = storage;
	error = storage->read(storage->state, record, sizeof(record), &len);
	if (error == IMPRINT_DEVICE_OK && !record_read(keys, record, len))
		error = IMPRINT_DEVICE_ERROR_STORAGE;
	OPENSSL_cleanse(record, sizeof(record));
	if (error != IMPRINT_DEVICE_OK &&
	    error != IMPRINT_DEVICE_ERROR_NONE) {
		imprint_openssl_keys_close(keys);
		return error;
	}
	*ret_table = (struct imprint_device_keystore){ .state = keys,
		.get = keys_get, .make = keys_make, .sign = keys_sign,
		.agree = keys_agree };
	return IMPRINT_DEVICE_OK;
}

void
imprint_openssl_keys_close(struct imprint_openssl_keys *keys)
{
	unsigned i;

	for (i = 0; i < IMPRINT_DEVICE_HANDLES; i++)
		EVP_PKEY_free(keys->held[i]);
	memset(keys, 0, sizeof(*keys));
}
