#include "lib/crypto/key_internal.h"

#define OKP_SIZE	32

static const struct {
	enum key_alg	 alg;
	const char	*name;		/* as people and OpenSSL call it */
	size_t		 public_len;
} algs[] = {
	{ KEY_P256, "P-256", P256_POINT_SIZE },
	{ KEY_X25519, "X25519", OKP_SIZE },
	{ KEY_ED25519, "Ed25519", OKP_SIZE },
};
#define ALG_COUNT	(sizeof(algs) / sizeof(algs[0]))

/*
 * The u-coordinates and y-coordinates, little-endian and with the top bit
 * clear, of the points whose order divides the cofactor 8, in every encoding
 * that reduces to them. With X25519 they force the shared secret to zero
 * (RFC 7748 6.1), with Ed25519 they let one signature fit every message.
 */
static const uint8_t small_x25519[][OKP_SIZE] = {
	{ 0 },
	{ 1 },
	{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
	  0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
	  0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	{ 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
	  0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
	  0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
};
static const uint8_t small_ed25519[][OKP_SIZE] = {
	{ 0 },
	{ 1 },
	{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
	  0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
	  0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
	{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
	  0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
	  0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
};

/* b of y^2 = x^3 - 3x + b (SP 800-186 3.2.1.3). */
static const uint8_t p256_b[P256_FIELD_SIZE] = {
	0x5a, 0xc6, 0x35, 0xd8, 0xaa, 0x3a, 0x93, 0xe7, 0xb3, 0xeb, 0xbd,
	0x55, 0x76, 0x98, 0x86, 0xbc, 0x65, 0x1d, 0x06, 0xb0, 0xcc, 0x53,
	0xb0, 0xf6, 0x3b, 0xce, 0x3c, 0x3e, 0x27, 0xd2, 0x60, 0x4b,
};

const char *
key_alg_name(enum key_alg alg)
{
	size_t i;

	for (i = 0; i < ALG_COUNT; i++)
		if (algs[i].alg == alg)
			return algs[i].name;
	return NULL;
}

enum err
key_alg_by_name(const char *name, enum key_alg *ret_alg)
{
	size_t i;

	for (i = 0; i < ALG_COUNT; i++) {
		if (strcmp(algs[i].name, name) == 0) {
			*ret_alg = algs[i].alg;
			return ERR_OK;
		}
	}
	return ERR_NOTFOUND;
}

static size_t
public_len(enum key_alg alg)
{
	size_t i;

	for (i = 0; i < ALG_COUNT; i++)
		if (algs[i].alg == alg)
			return algs[i].public_len;
	return 0;
}

static EVP_PKEY *
p256_from_params(OSSL_PARAM *params, int selection)
{
	_cleanup_pkey_ctx_ EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *pkey = NULL;

	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, selection, params) != 1)
		return NULL;
	return pkey;
}

EVP_PKEY *
pkey_from_public(const struct public_key *key)
{
	uint8_t point[KEY_PUBLIC_MAX];
	char group[] = "P-256";
	OSSL_PARAM params[3];

	if (key->alg != KEY_P256)
		return EVP_PKEY_new_raw_public_key_ex(NULL,
		    key_alg_name(key->alg), NULL, key->raw, key->len);
	memcpy(point, key->raw, sizeof(point));
	params[0] = OSSL_PARAM_construct_utf8_string(
	    OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
	    point, sizeof(point));
	params[2] = OSSL_PARAM_construct_end();
	return p256_from_params(params, EVP_PKEY_PUBLIC_KEY);
}

EVP_PKEY *
pkey_from_pair(const struct public_key *key, struct bytes private)
{
	_cleanup_bn_ BIGNUM *scalar = NULL;
	uint8_t point[KEY_PUBLIC_MAX], native[KEY_PRIVATE_SIZE];
	char group[] = "P-256";
	OSSL_PARAM params[4];
	EVP_PKEY *pkey = NULL;

	if (private.len != KEY_PRIVATE_SIZE)
		return NULL;
	if (key->alg != KEY_P256)
		return EVP_PKEY_new_raw_private_key_ex(NULL,
		    key_alg_name(key->alg), NULL, private.ptr, private.len);
	memcpy(point, key->raw, sizeof(point));
	scalar = BN_secure_new();
	if (scalar == NULL || BN_bin2bn(private.ptr, KEY_PRIVATE_SIZE,
	    scalar) == NULL)
		return NULL;
	if (BN_bn2nativepad(scalar, native, sizeof(native)) > 0) {
		params[0] = OSSL_PARAM_construct_utf8_string(
		    OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
		params[1] = OSSL_PARAM_construct_octet_string(
		    OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
		params[2] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY,
		    native, sizeof(native));
		params[3] = OSSL_PARAM_construct_end();
		pkey = p256_from_params(params, EVP_PKEY_KEYPAIR);
	}
	wipe(native, sizeof(native));
	return pkey;
}

bool
p256_multiply(const EC_GROUP *group, const BIGNUM *private, EC_POINT *point,
    BN_CTX *ctx, uint8_t ret_point[P256_POINT_SIZE])
{
	return EC_POINT_mul(group, point, private, NULL, NULL, ctx) == 1 &&
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED,
	    ret_point, P256_POINT_SIZE, ctx) == P256_POINT_SIZE;
}

static enum err
p256_derive(struct bytes private, uint8_t ret_point[P256_POINT_SIZE],
    struct diag *diag)
{
	_cleanup_group_ EC_GROUP *group = NULL;
	_cleanup_point_ EC_POINT *point = NULL;
	_cleanup_bn_ctx_ BN_CTX *ctx = BN_CTX_secure_new();
	_cleanup_bn_ BIGNUM *d = BN_secure_new();

	group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	if (group == NULL || ctx == NULL || d == NULL)
		return ossl_fail(diag, "P-256");
	point = EC_POINT_new(group);
	if (point == NULL || BN_bin2bn(private.ptr, KEY_PRIVATE_SIZE,
	    d) == NULL)
		return ossl_fail(diag, "P-256");
	if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
		return diag_fail(diag, ERR_INVALID, "SEC 1 3.2.1",
		    "P-256 private key: not between 1 and the group's order");
	BN_set_flags(d, BN_FLG_CONSTTIME);
	if (!p256_multiply(group, d, point, ctx, ret_point))
		return ossl_fail(diag, "P-256");
	return ERR_OK;
}

static enum err
okp_derive(enum key_alg alg, struct bytes private,
    uint8_t ret_raw[OKP_SIZE], struct diag *diag)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	size_t len = OKP_SIZE;

	pkey = EVP_PKEY_new_raw_private_key_ex(NULL, key_alg_name(alg), NULL,
	    private.ptr, private.len);
	if (pkey == NULL ||
	    EVP_PKEY_get_raw_public_key(pkey, ret_raw, &len) != 1 ||
	    len != OKP_SIZE)
		return ossl_fail(diag, key_alg_name(alg));
	return ERR_OK;
}

enum err
key_derive_public(enum key_alg alg, struct bytes private,
    struct public_key *ret_public, struct diag *diag)
{
	struct public_key key = { .alg = alg, .len = public_len(alg) };
	enum err err;

	if (key.len == 0)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "private key: unknown algorithm %d", (int)alg);
	if (private.len != KEY_PRIVATE_SIZE)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "%s private key: %zu octets, not %d", key_alg_name(alg),
		    private.len, KEY_PRIVATE_SIZE);
	if (alg == KEY_P256)
		err = p256_derive(private, key.raw, diag);
	else
		err = okp_derive(alg, private, key.raw, diag);
	if (err)
		return err;
	*ret_public = key;
	return ERR_OK;
}

/* y^2 = x^3 - 3x + b with x and y below p? -1 when OpenSSL fails. */
static int
p256_equation_holds(const uint8_t point[P256_POINT_SIZE], BN_CTX *ctx)
{
	const BIGNUM *p = BN_get0_nist_prime_256();
	BIGNUM *x = BN_CTX_get(ctx), *y = BN_CTX_get(ctx);
	BIGNUM *b = BN_CTX_get(ctx), *t = BN_CTX_get(ctx);
	BIGNUM *three = BN_CTX_get(ctx);

	if (three == NULL ||
	    BN_bin2bn(point + 1, P256_FIELD_SIZE, x) == NULL ||
	    BN_bin2bn(point + 1 + P256_FIELD_SIZE, P256_FIELD_SIZE,
	    y) == NULL || BN_bin2bn(p256_b, P256_FIELD_SIZE, b) == NULL ||
	    BN_set_word(three, 3) != 1)
		return -1;
	if (BN_cmp(x, p) >= 0 || BN_cmp(y, p) >= 0)
		return 0;
	/* ((x^2 - 3) x + b) mod p, the special reduction of this prime */
	if (BN_sqr(t, x, ctx) != 1 || BN_nist_mod_256(t, t, p, ctx) != 1 ||
	    BN_mod_sub_quick(t, t, three, p) != 1 ||
	    BN_mul(t, t, x, ctx) != 1 ||
	    BN_nist_mod_256(t, t, p, ctx) != 1 ||
	    BN_mod_add_quick(t, t, b, p) != 1 ||
	    BN_sqr(y, y, ctx) != 1 || BN_nist_mod_256(y, y, p, ctx) != 1)
		return -1;
	return BN_cmp(t, y) == 0;
}

/*
 * Not through EVP: importing a key there costs 19 us, for the group it sets
 * up; this is under 1 us and a verifier of documents does it for every key.
 * The cofactor is 1, so a point on the curve is a valid key (SP 800-56A
 * 5.6.2.3.3).
 */
static enum err
p256_check(struct bytes raw, struct diag *diag)
{
	_cleanup_bn_ctx_ BN_CTX *ctx = NULL;
	int holds;

	if (raw.ptr[0] != POINT_CONVERSION_UNCOMPRESSED)
		return diag_fail(diag, ERR_INVALID, "SEC 1 2.3.3",
		    "P-256 public key: form 0x%02x, not uncompressed (0x04)",
		    raw.ptr[0]);
	ctx = BN_CTX_new();
	if (ctx == NULL)
		return diag_nomem(diag);
	BN_CTX_start(ctx);
	holds = p256_equation_holds(raw.ptr, ctx);
	BN_CTX_end(ctx);
	if (holds < 0)
		return ossl_fail(diag, "P-256");
	if (holds == 0)
		return diag_fail(diag, ERR_INVALID, "SEC 1 3.2.2",
		    "P-256 public key: the point is not on the curve");
	return ERR_OK;
}

/* p - 1, p and p + 1 (p = 2^255 - 19) but for the top bit: same points. */
static bool
is_near_prime(const uint8_t raw[OKP_SIZE])
{
	size_t i;

	for (i = 1; i < OKP_SIZE - 1; i++)
		if (raw[i] != 0xff)
			return false;
	return (raw[OKP_SIZE - 1] & 0x7f) == 0x7f && raw[0] >= 0xec &&
	    raw[0] <= 0xee;
}

static bool
is_small_order(struct bytes raw, const uint8_t list[][OKP_SIZE], size_t count)
{
	uint8_t masked[OKP_SIZE];
	size_t i;

	memcpy(masked, raw.ptr, OKP_SIZE);
	masked[OKP_SIZE - 1] &= 0x7f;
	for (i = 0; i < count; i++)
		if (memcmp(masked, list[i], OKP_SIZE) == 0)
			return true;
	return is_near_prime(raw.ptr);
}

static enum err
okp_check(enum key_alg alg, struct bytes raw, struct diag *diag)
{
	bool small;

	if (alg == KEY_X25519)
		small = is_small_order(raw, small_x25519,
		    sizeof(small_x25519) / OKP_SIZE);
	else
		small = is_small_order(raw, small_ed25519,
		    sizeof(small_ed25519) / OKP_SIZE);
	if (small)
		return diag_fail(diag, ERR_INVALID,
		    alg == KEY_X25519 ? "RFC 7748 6.1" : "RFC 8032 8.9",
		    "%s public key: a point of small order",
		    key_alg_name(alg));
	return ERR_OK;
}

enum err
public_key_check(enum key_alg alg, struct bytes raw,
    struct public_key *ret_public, struct diag *diag)
{
	size_t len = public_len(alg);
	enum err err;

	if (len == 0)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "public key: unknown algorithm %d", (int)alg);
	if (raw.len != len)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "%s public key: %zu octets, not %zu", key_alg_name(alg),
		    raw.len, len);
	if (alg == KEY_P256)
		err = p256_check(raw, diag);
	else
		err = okp_check(alg, raw, diag);
	if (err)
		return err;
	*ret_public = (struct public_key){ .alg = alg, .len = len };
	memcpy(ret_public->raw, raw.ptr, len);
	return ERR_OK;
}
