/*
 * Keys on P-256 and P-384, with the group's own functions and not as EVP_PKEY
 * objects, whose making sets up the group anew each time.
 */
#include "lib/crypto/key_internal.h"

#define P256_FIELD_SIZE	32

/* b of y^2 = x^3 - 3x + b (SP 800-186 3.2.1.3). */
static const uint8_t p256_b[P256_FIELD_SIZE] = {
	0x5a, 0xc6, 0x35, 0xd8, 0xaa, 0x3a, 0x93, 0xe7, 0xb3, 0xeb, 0xbd,
	0x55, 0x76, 0x98, 0x86, 0xbc, 0x65, 0x1d, 0x06, 0xb0, 0xcc, 0x53,
	0xb0, 0xf6, 0x3b, 0xce, 0x3c, 0x3e, 0x27, 0xd2, 0x60, 0x4b,
};

EC_GROUP *
ec_group_new(const struct key_algorithm *a)
{
	return EC_GROUP_new_by_curve_name(EC_curve_nist2nid(a->name));
}

bool
ec_multiply(const struct key_algorithm *a, const EC_GROUP *group,
    const BIGNUM *private, EC_POINT *point, BN_CTX *ctx, uint8_t *ret_point)
{
	return EC_POINT_mul(group, point, private, NULL, NULL, ctx) == 1 &&
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED,
	    ret_point, a->public_len, ctx) == a->public_len;
}

enum err
ec_derive(const struct key_algorithm *a, struct bytes private,
    uint8_t *ret_point, struct diag *diag)
{
	_cleanup_group_ EC_GROUP *group = NULL;
	_cleanup_point_ EC_POINT *point = NULL;
	_cleanup_bn_ctx_ BN_CTX *ctx = BN_CTX_secure_new();
	_cleanup_bn_ BIGNUM *d = BN_secure_new();

	group = ec_group_new(a);
	if (group == NULL || ctx == NULL || d == NULL)
		return ossl_fail(diag, a->name);
	point = EC_POINT_new(group);
	if (point == NULL ||
	    BN_bin2bn(private.ptr, (int)private.len, d) == NULL)
		return ossl_fail(diag, a->name);
	if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
		return diag_fail(diag, ERR_INVALID, "SEC 1 3.2.1",
		    "%s private key: not between 1 and the group's order",
		    a->name);
	BN_set_flags(d, BN_FLG_CONSTTIME);
	if (!ec_multiply(a, group, d, point, ctx, ret_point))
		return ossl_fail(diag, a->name);
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
 * Setting up the group costs 19 us; this is under 1 us and a verifier of
 * documents does it for every key. -1 when OpenSSL fails.
 */
static int
p256_on_curve(const uint8_t point[P256_POINT_SIZE])
{
	_cleanup_bn_ctx_ BN_CTX *ctx = BN_CTX_new();
	int holds;

	if (ctx == NULL)
		return -1;
	BN_CTX_start(ctx);
	holds = p256_equation_holds(point, ctx);
	BN_CTX_end(ctx);
	return holds;
}

/* The point that octets encode, NULL when none; ERR_CRYPTO. */
static enum err
point_read(const EC_GROUP *group, struct bytes octets, EC_POINT **ret_point)
{
	_cleanup_point_ EC_POINT *point = NULL;

	point = EC_POINT_new(group);
	if (point == NULL)
		return ERR_CRYPTO;
	/* it checks that the point is on the curve */
	if (EC_POINT_oct2point(group, point, octets.ptr, octets.len,
	    NULL) == 1) {
		*ret_point = point;
		point = NULL;	/* transferred */
	}
	ERR_clear_error();
	return ERR_OK;
}

static int
on_curve(const struct key_algorithm *a, struct bytes raw)
{
	_cleanup_group_ EC_GROUP *group = ec_group_new(a);
	_cleanup_point_ EC_POINT *point = NULL;

	if (group == NULL || point_read(group, raw, &point) != ERR_OK)
		return -1;
	return point != NULL;
}

/* The cofactor is 1, so a point on the curve is a valid key (SP 800-56A
 * 5.6.2.3.3). */
enum err
ec_check(const struct key_algorithm *a, struct bytes raw, struct diag *diag)
{
	int holds;

	if (raw.ptr[0] != POINT_CONVERSION_UNCOMPRESSED)
		return diag_fail(diag, ERR_INVALID, "SEC 1 2.3.3",
		    "%s public key: form 0x%02x, not uncompressed (0x04)",
		    a->name, raw.ptr[0]);
	holds = a->alg == KEY_P256 ? p256_on_curve(raw.ptr) :
	    on_curve(a, raw);
	if (holds < 0)
		return ossl_fail(diag, a->name);
	if (holds == 0)
		return diag_fail(diag, ERR_INVALID, "SEC 1 3.2.2",
		    "%s public key: the point is not on the curve", a->name);
	return ERR_OK;
}

void
public_key_put_stored(struct buf *out, const struct public_key *key)
{
	const struct key_algorithm *a = key_algorithm(key->alg);

	if (a->kind != KEY_EC) {
		buf_put(out, key->raw, key->len);
		return;
	}
	buf_put_u8(out, (uint8_t)(0x02 | (key->raw[key->len - 1] & 1)));
	buf_put(out, key->raw + a->x_at, a->x_len);
}

static enum err
point_decompress(const struct key_algorithm *a, struct bytes compressed,
    struct public_key *key)
{
	_cleanup_group_ EC_GROUP *group = NULL;
	_cleanup_point_ EC_POINT *point = NULL;

	if (compressed.ptr[0] != 0x02 && compressed.ptr[0] != 0x03)
		return ERR_CORRUPT;
	group = ec_group_new(a);
	if (group == NULL || point_read(group, compressed, &point) != ERR_OK)
		return ERR_CRYPTO;
	if (point == NULL)
		return ERR_CORRUPT;
	if (EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED,
	    key->raw, a->public_len, NULL) != a->public_len)
		return ERR_CRYPTO;
	key->alg = a->alg;
	key->len = a->public_len;
	return ERR_OK;
}

enum err
public_key_from_stored(enum key_alg alg, struct bytes stored,
    struct public_key *ret_public)
{
	const struct key_algorithm *a = key_algorithm(alg);

	if (a == NULL || stored.len != a->stored_len)
		return ERR_CORRUPT;
	if (a->kind == KEY_EC)
		return point_decompress(a, stored, ret_public);
	ret_public->alg = alg;
	ret_public->len = stored.len;
	memcpy(ret_public->raw, stored.ptr, stored.len);
	return ERR_OK;
}
