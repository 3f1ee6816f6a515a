#include <string.h>

#include "device/adapters/openssl/internal.h"

#define SCALAR_SIZE	IMPRINT_DEVICE_PRIVATE_SIZE
#define POINT_SIZE	IMPRINT_DEVICE_POINT_SIZE
#define ECDSA_DER_MAX	72

static int
crypto_sha256(void *state, const struct imprint_bytes *parts, size_t count,
    uint8_t ret_digest[IMPRINT_DEVICE_HASH_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t i;
	int good;

	(void)state;
	good = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
	for (i = 0; i < count && good; i++)
		good = EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) == 1;
	good = good && EVP_DigestFinal_ex(ctx, ret_digest, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return good ? 0 : -1;
}

EVP_PKEY *
adapter_p256(const uint8_t point[POINT_SIZE], const uint8_t *scalar)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	BIGNUM *d = scalar == NULL ? NULL : BN_secure_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;
	int good;

	good = bld != NULL && ctx != NULL && OSSL_PARAM_BLD_push_utf8_string(
	    bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
	    point, POINT_SIZE) == 1;
	if (good && scalar != NULL)
		good = d != NULL && BN_bin2bn(scalar, SCALAR_SIZE, d) != NULL
		    && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY,
		    d) == 1;
	if (good)
		params = OSSL_PARAM_BLD_to_param(bld);
	if (params != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, scalar == NULL ?
		    EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_clear_free(d);
	ERR_clear_error();
	return key;
}

EVP_PKEY *
adapter_private(const struct imprint_device_key *key)
{
	if (key->private_key.len != SCALAR_SIZE)
		return NULL;
	if (key->public_key.alg == IMPRINT_DEVICE_P256)
		return adapter_p256(key->public_key.raw,
		    key->private_key.ptr);
	return EVP_PKEY_new_raw_private_key(key->public_key.alg ==
	    IMPRINT_DEVICE_X25519 ? EVP_PKEY_X25519 : EVP_PKEY_ED25519, NULL,
	    key->private_key.ptr, SCALAR_SIZE);
}

/* r || s as the DER that OpenSSL verifies; 0 when out of memory. */
static int
signature_der(const uint8_t raw[IMPRINT_DEVICE_SIGNATURE_SIZE],
    uint8_t der[ECDSA_DER_MAX])
{
	BIGNUM *r = BN_bin2bn(raw, 32, NULL);
	BIGNUM *s = BN_bin2bn(raw + 32, 32, NULL);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int len = 0;

	if (sig != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = NULL;	/* transferred */
		s = NULL;
		len = i2d_ECDSA_SIG(sig, &der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return len;
}

static int
crypto_verify(void *state, const uint8_t point[POINT_SIZE],
    const uint8_t digest[IMPRINT_DEVICE_HASH_SIZE],
    const uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE], bool *ret_good)
{
	_cleanup_pkey_ EVP_PKEY *key = adapter_p256(point, NULL);
	uint8_t der[ECDSA_DER_MAX];
	EVP_PKEY_CTX *ctx;
	int len, result = -1;

	(void)state;
	*ret_good = false;
	if (key == NULL)
		return 0;	/* not on the curve */
	len = signature_der(signature, der);
	ctx = EVP_PKEY_CTX_new(key, NULL);
	if (len > 0 && ctx != NULL && EVP_PKEY_verify_init(ctx) == 1) {
		*ret_good = EVP_PKEY_verify(ctx, der, (size_t)len, digest,
		    IMPRINT_DEVICE_HASH_SIZE) == 1;
		result = 0;
	}
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return result;
}

/* The point of a scalar in [1, n - 1]. */
static bool
derive_p256(const uint8_t scalar[SCALAR_SIZE], uint8_t ret_raw[POINT_SIZE])
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);
	BIGNUM *d = BN_secure_new();
	bool good;

	good = point != NULL && d != NULL &&
	    BN_bin2bn(scalar, SCALAR_SIZE, d) != NULL && !BN_is_zero(d) &&
	    BN_cmp(d, EC_GROUP_get0_order(group)) < 0;
	if (good) {
		BN_set_flags(d, BN_FLG_CONSTTIME);
		good = EC_POINT_mul(group, point, d, NULL, NULL, NULL) == 1 &&
		    EC_POINT_point2oct(group, point,
		    POINT_CONVERSION_UNCOMPRESSED, ret_raw, POINT_SIZE,
		    NULL) == POINT_SIZE;
	}
	BN_clear_free(d);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return good;
}

static int
crypto_derive(void *state, enum imprint_device_alg alg,
    const uint8_t key[SCALAR_SIZE], struct imprint_device_public *ret_public)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	struct imprint_device_public out = { .alg = alg };

	(void)state;
	ret_public->len = 0;
	if (alg == IMPRINT_DEVICE_P256) {
		out.len = derive_p256(key, out.raw) ? POINT_SIZE : 0;
	} else {
		pkey = EVP_PKEY_new_raw_private_key(alg ==
		    IMPRINT_DEVICE_X25519 ? EVP_PKEY_X25519 :
		    EVP_PKEY_ED25519, NULL, key, SCALAR_SIZE);
		out.len = sizeof(out.raw);
		if (pkey == NULL || EVP_PKEY_get_raw_public_key(pkey, out.raw,
		    &out.len) != 1)
			return -1;
	}
	*ret_public = out;
	ERR_clear_error();
	return 0;
}

X509 *
adapter_certificate(struct imprint_bytes der)
{
	_cleanup_x509_ X509 *x = NULL;
	const uint8_t *at = der.ptr;
	uint8_t *again = NULL;
	X509 *out = NULL;
	int len;

	x = d2i_X509(NULL, &at, (long)der.len);
	if (x == NULL || at != der.ptr + der.len) {
		ERR_clear_error();
		return NULL;
	}
	len = i2d_X509(x, &again);
	if (len > 0 && (size_t)len == der.len &&
	    memcmp(again, der.ptr, der.len) == 0) {
		out = x;
		x = NULL;	/* transferred */
	}
	OPENSSL_free(again);
	ERR_clear_error();
	return out;
}

static bool
key_public(EVP_PKEY *key, struct imprint_device_public *out)
{
	char group[32] = "";
	size_t len = 0;

	if (EVP_PKEY_is_a(key, "X25519") || EVP_PKEY_is_a(key, "ED25519")) {
		out->alg = EVP_PKEY_is_a(key, "X25519") ?
		    IMPRINT_DEVICE_X25519 : IMPRINT_DEVICE_ED25519;
		out->len = sizeof(out->raw);
		return EVP_PKEY_get_raw_public_key(key, out->raw,
		    &out->len) == 1;
	}
	if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group,
	    sizeof(group), &len) != 1 || strcmp(group, "prime256v1") != 0)
		return false;
	out->alg = IMPRINT_DEVICE_P256;
	return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY,
	    out->raw, sizeof(out->raw), &out->len) == 1 &&
	    out->len == POINT_SIZE && out->raw[0] == 0x04;
}

static int
crypto_certificate_key(void *state, struct imprint_bytes der,
    struct imprint_device_public *ret_public)
{
	_cleanup_x509_ X509 *x = adapter_certificate(der);
	struct imprint_device_public out = { .len = 0 };
	EVP_PKEY *key;

	(void)state;
	ret_public->len = 0;
	key = x == NULL ? NULL : X509_get0_pubkey(x);
	if (key != NULL && key_public(key, &out))
		*ret_public = out;
	ERR_clear_error();
	return 0;
}

const struct imprint_device_crypto *
imprint_device_openssl(void)
{
	static const struct imprint_device_crypto crypto = {
		.sha256 = crypto_sha256,
		.verify = crypto_verify,
		.derive = crypto_derive,
		.certificate_key = crypto_certificate_key,
		.chain = adapter_chain,
	};

	return &crypto;
}
