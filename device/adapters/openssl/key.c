/* Keys of the device library as OpenSSL's, and whether two are a pair. */
#include <string.h>

#include <openssl/rsa.h>

#include "device/adapters/openssl/internal.h"

#define POINT_MAX	97	/* P-384 */
#define PRIVATE_MAX	1800	/* RSA-3072 */
#define RSA_E		65537

/* OSSL_PKEY_PARAM_ML_DSA_SEED, which OpenSSL 3.0 does not define yet. */
#define PARAM_SEED	"seed"

/* How OpenSSL calls an algorithm: its type and, of a curve, its group. */
struct name {
	enum imprint_device_alg	 alg;
	const char		*type;
	const char		*group;
};

static const struct name names[] = {
	{ IMPRINT_DEVICE_P256, "EC", "P-256" },
	{ IMPRINT_DEVICE_X25519, "X25519", NULL },
	{ IMPRINT_DEVICE_ED25519, "ED25519", NULL },
	{ IMPRINT_DEVICE_P384, "EC", "P-384" },
	{ IMPRINT_DEVICE_RSA2048, "RSA", NULL },
	{ IMPRINT_DEVICE_RSA3072, "RSA", NULL },
	{ IMPRINT_DEVICE_MLDSA44, "ML-DSA-44", NULL },
	{ IMPRINT_DEVICE_MLDSA65, "ML-DSA-65", NULL },
};

static const struct name *
name_of(enum imprint_device_alg alg)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].alg == alg)
			return &names[i];
	return NULL;
}

bool
adapter_supports(enum imprint_device_alg alg)
{
	const struct name *n = name_of(alg);
	EVP_KEYMGMT *management = NULL;

	if (n != NULL)
		management = EVP_KEYMGMT_fetch(NULL, n->type, NULL);
	EVP_KEYMGMT_free(management);
	ERR_clear_error();
	return management != NULL;
}

/* x and y as an uncompressed point (SEC 1 2.3.3); its length. */
static size_t
point_join(const struct imprint_device_public *public,
    uint8_t point[POINT_MAX])
{
	size_t len = 1 + public->x.len + public->y.len;

	if (len > POINT_MAX)
		return 0;
	point[0] = 0x04;
	memcpy(point + 1, public->x.ptr, public->x.len);
	memcpy(point + 1 + public->x.len, public->y.ptr, public->y.len);
	return len;
}

static EVP_PKEY *
key_from_params(const char *type, OSSL_PARAM_BLD *bld, int selection)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY *key = NULL;

	if (ctx != NULL && params != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, selection, params);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *
ec_key(const struct name *n, const struct imprint_device_public *public,
    struct imprint_bytes private_key)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *d = BN_secure_new();
	uint8_t point[POINT_MAX];
	size_t len = point_join(public, point);
	EVP_PKEY *key = NULL;
	bool good;

	good = bld != NULL && d != NULL && len > 0 &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
	    n->group, 0) == 1 && OSSL_PARAM_BLD_push_octet_string(bld,
	    OSSL_PKEY_PARAM_PUB_KEY, point, len) == 1;
	if (good && private_key.len > 0)
		good = BN_bin2bn(private_key.ptr, (int)private_key.len,
		    d) != NULL && OSSL_PARAM_BLD_push_BN(bld,
		    OSSL_PKEY_PARAM_PRIV_KEY, d) == 1;
	if (good)
		key = key_from_params(n->type, bld, private_key.len > 0 ?
		    EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
	OSSL_PARAM_BLD_free(bld);
	BN_clear_free(d);
	return key;
}

static EVP_PKEY *
seed_key(const struct name *n, struct imprint_bytes seed)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (bld != NULL && OSSL_PARAM_BLD_push_octet_string(bld, PARAM_SEED,
	    seed.ptr, seed.len) == 1)
		key = key_from_params(n->type, bld, EVP_PKEY_KEYPAIR);
	OSSL_PARAM_BLD_free(bld);
	return key;
}

EVP_PKEY *
adapter_key(const struct imprint_device_public *public,
    struct imprint_bytes private_key)
{
	const struct name *n = name_of(public->alg);
	const uint8_t *at = private_key.ptr;
	EVP_PKEY *key;

	if (n == NULL)
		return NULL;
	if (n->group != NULL)
		key = ec_key(n, public, private_key);
	else if (strcmp(n->type, "RSA") == 0)
		key = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at,
		    (long)private_key.len);
	else if (strncmp(n->type, "ML-DSA", 6) == 0)
		key = seed_key(n, private_key);
	else
		key = EVP_PKEY_new_raw_private_key_ex(NULL, n->type, NULL,
		    private_key.ptr, private_key.len);
	ERR_clear_error();
	return key;
}

EVP_PKEY *
adapter_public(const struct imprint_device_public *public)
{
	static const struct imprint_bytes none;
	EVP_PKEY *key = NULL;

	if (public->alg == IMPRINT_DEVICE_P256)
		key = adapter_key(public, none);
	else if (public->alg == IMPRINT_DEVICE_X25519)
		key = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL,
		    public->x.ptr, public->x.len);
	ERR_clear_error();
	return key;
}

EVP_PKEY *
adapter_private(const struct imprint_device_key *key)
{
	return key->private_key.len == 0 ? NULL :
	    adapter_key(&key->public_key, key->private_key);
}

/* Is the point that of a scalar in [1, n - 1]? */
static bool
ec_matches(const struct name *n, const struct imprint_device_public *public,
    struct imprint_bytes scalar)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(
	    EC_curve_nist2nid(n->group));
	EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);
	uint8_t made[POINT_MAX], given[POINT_MAX];
	size_t len = point_join(public, given);
	BIGNUM *d = BN_secure_new();
	bool good;

	good = point != NULL && d != NULL && len > 0 &&
	    BN_bin2bn(scalar.ptr, (int)scalar.len, d) != NULL &&
	    !BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(group)) < 0;
	if (good) {
		BN_set_flags(d, BN_FLG_CONSTTIME);
		good = EC_POINT_mul(group, point, d, NULL, NULL, NULL) == 1 &&
		    EC_POINT_point2oct(group, point,
		    POINT_CONVERSION_UNCOMPRESSED, made, sizeof(made),
		    NULL) == len && memcmp(made, given, len) == 0;
	}
	BN_clear_free(d);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return good;
}

/* The numbers of an RSA private key (RFC 8017 3.2), and room for others. */
enum { N, E, D, P, Q, DP, DQ, QINV, P1, Q1, T, NUMBERS };

static bool
numbers_read(EVP_PKEY *key, BIGNUM *b[NUMBERS])
{
	static const char *const params[] = {
		OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E,
		OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1,
		OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
		OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1
	};
	int i;

	for (i = N; i <= QINV; i++)
		if (EVP_PKEY_get_bn_param(key, params[i], &b[i]) != 1)
			return false;
	for (; i < NUMBERS; i++) {
		b[i] = BN_secure_new();
		if (b[i] == NULL)
			return false;
	}
	return BN_sub(b[P1], b[P], BN_value_one()) == 1 &&
	    BN_sub(b[Q1], b[Q], BN_value_one()) == 1 &&
	    !BN_is_zero(b[P1]) && !BN_is_zero(b[Q1]);
}

/* n = pq, d the inverse of e modulo lcm(p - 1, q - 1), the rest follows. That
 * p and q are primes is for their maker to know: it would take long. */
static bool
numbers_fit(BIGNUM *b[NUMBERS], BN_CTX *ctx)
{
	BIGNUM *t = b[T];

	if (BN_mul(t, b[P], b[Q], ctx) != 1 || BN_cmp(t, b[N]) != 0 ||
	    !BN_is_word(b[E], RSA_E))
		return false;
	if (BN_mod(t, b[D], b[P1], ctx) != 1 || BN_cmp(t, b[DP]) != 0 ||
	    BN_mod(t, b[D], b[Q1], ctx) != 1 || BN_cmp(t, b[DQ]) != 0)
		return false;
	if (BN_mod_mul(t, b[E], b[DP], b[P1], ctx) != 1 || !BN_is_one(t) ||
	    BN_mod_mul(t, b[E], b[DQ], b[Q1], ctx) != 1 || !BN_is_one(t))
		return false;
	if (BN_cmp(b[QINV], b[P]) >= 0 ||
	    BN_mod_mul(t, b[QINV], b[Q], b[P], ctx) != 1 || !BN_is_one(t))
		return false;
	/* the smallest d: below (p - 1)(q - 1) / gcd(p - 1, q - 1) */
	return BN_gcd(t, b[P1], b[Q1], ctx) == 1 &&
	    BN_div(b[P1], NULL, b[P1], t, ctx) == 1 &&
	    BN_mul(t, b[P1], b[Q1], ctx) == 1 && BN_cmp(b[D], t) < 0;
}

/* Of two primes, and written as it would be again? */
static bool
rsa_is_canonical(EVP_PKEY *key, struct imprint_bytes given)
{
	static const uint8_t version_0[] = { 0x02, 0x01, 0x00 };
	uint8_t *der = NULL;
	int len = i2d_PrivateKey(key, &der);
	bool same;

	if (len <= 0)
		return false;
	same = (size_t)len == given.len && len > 7 &&
	    memcmp(der, given.ptr, given.len) == 0 &&
	    memcmp(der + 4, version_0, sizeof(version_0)) == 0;
	OPENSSL_clear_free(der, (size_t)len);
	return same;
}

static bool
rsa_matches(const struct imprint_device_public *public,
    struct imprint_bytes private_key)
{
	_cleanup_pkey_ EVP_PKEY *key = adapter_key(public, private_key);
	BIGNUM *b[NUMBERS] = { NULL };
	BN_CTX *ctx = BN_CTX_secure_new();
	uint8_t modulus[PRIVATE_MAX];
	int i, len = (int)public->x.len;
	bool good;

	good = key != NULL && ctx != NULL && EVP_PKEY_is_a(key, "RSA") == 1 &&
	    rsa_is_canonical(key, private_key) && numbers_read(key, b) &&
	    numbers_fit(b, ctx) && BN_bn2binpad(b[N], modulus, len) == len &&
	    memcmp(modulus, public->x.ptr, public->x.len) == 0;
	for (i = 0; i < NUMBERS; i++)
		BN_clear_free(b[i]);
	BN_CTX_free(ctx);
	return good;
}

bool
adapter_matches(const struct imprint_device_public *public,
    struct imprint_bytes private_key)
{
	const struct name *n = name_of(public->alg);
	_cleanup_pkey_ EVP_PKEY *pair = NULL, *other = NULL;

	if (n == NULL || private_key.len == 0)
		return false;
	if (n->group != NULL)
		return ec_matches(n, public, private_key);
	if (strcmp(n->type, "RSA") == 0)
		return rsa_matches(public, private_key);
	pair = adapter_key(public, private_key);
	other = EVP_PKEY_new_raw_public_key_ex(NULL, n->type, NULL,
	    public->x.ptr, public->x.len);
	return pair != NULL && other != NULL && EVP_PKEY_eq(pair, other) == 1;
}
