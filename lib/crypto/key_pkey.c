/* Keys as OpenSSL's EVP_PKEY, and back. */
#include "lib/crypto/key_internal.h"

#include <openssl/rsa.h>
#include <openssl/x509.h>

/* OSSL_PKEY_PARAM_ML_DSA_SEED, which OpenSSL 3.0 does not define yet. */
#define PARAM_SEED	"seed"

static EVP_PKEY *
pkey_from_data(const char *type, OSSL_PARAM *params, int selection)
{
	_cleanup_pkey_ctx_ EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *pkey = NULL;

	ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, selection, params) != 1)
		return NULL;
	return pkey;
}

/* A number in the byte order that parameters have. */
static bool
number_native(struct bytes big_endian, uint8_t *native)
{
	_cleanup_bn_ BIGNUM *number = BN_secure_new();

	return number != NULL && BN_bin2bn(big_endian.ptr,
	    (int)big_endian.len, number) != NULL &&
	    BN_bn2nativepad(number, native, (int)big_endian.len) > 0;
}

static EVP_PKEY *
rsa_from_public(const struct public_key *key)
{
	unsigned long exponent = RSA_EXPONENT;
	uint8_t modulus[KEY_PUBLIC_MAX];
	OSSL_PARAM params[3];

	if (!number_native(bytes_of(key->raw, key->len), modulus))
		return NULL;
	params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, modulus,
	    key->len);
	params[1] = OSSL_PARAM_construct_ulong(OSSL_PKEY_PARAM_RSA_E,
	    &exponent);
	params[2] = OSSL_PARAM_construct_end();
	return pkey_from_data("RSA", params, EVP_PKEY_PUBLIC_KEY);
}

/* private: empty for the public key alone. */
static EVP_PKEY *
ec_from_pair(const struct key_algorithm *a, const struct public_key *key,
    struct bytes private)
{
	uint8_t point[POINT_MAX], native[POINT_MAX];
	char group[16];
	OSSL_PARAM params[4], *at = params;
	EVP_PKEY *pkey = NULL;

	memcpy(group, a->name, strlen(a->name) + 1);
	memcpy(point, key->raw, key->len);
	*at++ = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
	    group, 0);
	*at++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
	    point, key->len);
	if (private.len == 0) {
		*at = OSSL_PARAM_construct_end();
		return pkey_from_data("EC", params, EVP_PKEY_PUBLIC_KEY);
	}
	if (number_native(private, native)) {
		*at++ = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY,
		    native, private.len);
		*at = OSSL_PARAM_construct_end();
		pkey = pkey_from_data("EC", params, EVP_PKEY_KEYPAIR);
	}
	wipe(native, sizeof(native));
	return pkey;
}

EVP_PKEY *
pkey_from_public(const struct public_key *key)
{
	const struct key_algorithm *a = key_algorithm(key->alg);

	if (a->kind == KEY_EC)
		return ec_from_pair(a, key, BYTES_NONE);
	if (a->kind == KEY_RSA)
		return rsa_from_public(key);
	return EVP_PKEY_new_raw_public_key_ex(NULL, a->name, NULL, key->raw,
	    key->len);
}

static EVP_PKEY *
mldsa_from_seed(const struct key_algorithm *a, struct bytes seed)
{
	uint8_t copy[KEY_PRIVATE_SIZE];
	OSSL_PARAM params[2];
	EVP_PKEY *pkey;

	memcpy(copy, seed.ptr, sizeof(copy));
	params[0] = OSSL_PARAM_construct_octet_string(PARAM_SEED, copy,
	    sizeof(copy));
	params[1] = OSSL_PARAM_construct_end();
	pkey = pkey_from_data(a->name, params, EVP_PKEY_KEYPAIR);
	wipe(copy, sizeof(copy));
	return pkey;
}

EVP_PKEY *
pkey_from_private(const struct key_algorithm *a, struct bytes private)
{
	const uint8_t *at = private.ptr;

	if (private.len > a->private_max ||
	    (a->kind != KEY_RSA && private.len != a->private_max))
		return NULL;
	if (a->kind == KEY_RSA)
		return d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at,
		    (long)private.len);
	if (a->kind == KEY_MLDSA)
		return mldsa_from_seed(a, private);
	return EVP_PKEY_new_raw_private_key_ex(NULL, a->name, NULL,
	    private.ptr, private.len);
}

EVP_PKEY *
pkey_from_pair(const struct public_key *key, struct bytes private)
{
	const struct key_algorithm *a = key_algorithm(key->alg);

	if (a->kind != KEY_EC)
		return pkey_from_private(a, private);
	return private.len == a->private_max ?
	    ec_from_pair(a, key, private) : NULL;
}

static bool
rsa_get_public(EVP_PKEY *pkey, uint8_t *raw, size_t len)
{
	_cleanup_bn_ BIGNUM *n = NULL, *e = NULL;

	return EVP_PKEY_is_a(pkey, "RSA") == 1 &&
	    EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
	    EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
	    BN_is_word(e, RSA_EXPONENT) &&
	    BN_num_bits(n) == 8 * (int)len &&
	    BN_bn2binpad(n, raw, (int)len) == (int)len;
}

bool
pkey_get_public(EVP_PKEY *pkey, const struct key_algorithm *a,
    struct public_key *ret_public)
{
	size_t len = a->public_len;
	bool good;

	if (a->kind == KEY_RSA)
		good = rsa_get_public(pkey, ret_public->raw, len);
	else
		good = EVP_PKEY_get_raw_public_key(pkey, ret_public->raw,
		    &len) == 1 && len == a->public_len;
	ret_public->alg = a->alg;
	ret_public->len = len;
	return good;
}

static bool
rsa_get_private(EVP_PKEY *pkey, size_t room, uint8_t *private,
    size_t *ret_len)
{
	uint8_t *der = NULL;
	int len;

	len = i2d_PrivateKey(pkey, &der);
	if (len <= 0)
		return false;
	if ((size_t)len <= room) {
		memcpy(private, der, (size_t)len);
		*ret_len = (size_t)len;
	}
	OPENSSL_clear_free(der, (size_t)len);
	return (size_t)len <= room;
}

bool
pkey_get_private(EVP_PKEY *pkey, const struct key_algorithm *a,
    uint8_t *private, size_t *ret_len)
{
	*ret_len = a->private_max;
	if (a->kind == KEY_RSA)
		return rsa_get_private(pkey, a->private_max, private,
		    ret_len);
	if (a->kind == KEY_MLDSA)
		return EVP_PKEY_get_octet_string_param(pkey, PARAM_SEED,
		    private, a->private_max, ret_len) == 1 &&
		    *ret_len == a->private_max;
	return EVP_PKEY_get_raw_private_key(pkey, private, ret_len) == 1 &&
	    *ret_len == a->private_max;
}

/* Two primes, written as it would be again? */
static bool
rsa_is_canonical(EVP_PKEY *pkey, struct bytes private)
{
	static const uint8_t version_0[] = { 0x02, 0x01, 0x00 };
	uint8_t again[KEY_PRIVATE_MAX];
	size_t len = 0;
	bool same;

	same = rsa_get_private(pkey, sizeof(again), again, &len) &&
	    bytes_equal(bytes_of(again, len), private) &&
	    memcmp(again + 4, version_0, sizeof(version_0)) == 0;
	wipe(again, sizeof(again));
	return same;
}

EVP_PKEY *
rsa_from_private(const struct key_algorithm *a, struct bytes private)
{
	_cleanup_pkey_ EVP_PKEY *pkey = pkey_from_private(a, private);
	_cleanup_pkey_ctx_ EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *out = NULL;

	if (pkey == NULL || EVP_PKEY_is_a(pkey, "RSA") != 1 ||
	    !rsa_is_canonical(pkey, private))
		return NULL;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	if (ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1) {
		out = pkey;
		pkey = NULL;	/* transferred */
	}
	return out;
}
