#include <stdlib.h>

#include "lib/crypto/key_internal.h"

#include <openssl/rsa.h>

/*
 * Keys on a curve are made with the group's own functions and not as
 * EVP_PKEY objects: for P-256 that takes 14 us instead of 20 and allocates
 * nothing per key.
 */
struct keygen {
	const struct key_algorithm *algorithm;
	EVP_PKEY_CTX	*ctx;		/* all but EC */
	EC_GROUP	*group;		/* EC */
	EC_POINT	*point;
	BIGNUM		*scalar;
	BN_CTX		*bn_ctx;
	/* the pair under way */
	struct public_key public;
	struct secret	 private;
};

static bool
ec_prepare(struct keygen *k)
{
	k->group = ec_group_new(k->algorithm);
	if (k->group == NULL)
		return false;
	k->point = EC_POINT_new(k->group);
	k->scalar = BN_secure_new();
	k->bn_ctx = BN_CTX_secure_new();
	if (k->point == NULL || k->scalar == NULL || k->bn_ctx == NULL)
		return false;
	BN_set_flags(k->scalar, BN_FLG_CONSTTIME);
	return true;
}

/* The exponent is 65537 unless told otherwise. */
static bool
pkey_prepare(struct keygen *k)
{
	const struct key_algorithm *a = k->algorithm;

	k->ctx = EVP_PKEY_CTX_new_from_name(NULL,
	    a->kind == KEY_RSA ? "RSA" : a->name, NULL);
	return k->ctx != NULL && EVP_PKEY_keygen_init(k->ctx) == 1 &&
	    (a->kind != KEY_RSA || EVP_PKEY_CTX_set_rsa_keygen_bits(k->ctx,
	    8 * (int)a->public_len) == 1);
}

enum err
keygen_new(enum key_alg alg, struct keygen **ret_keygen, struct diag *diag)
{
	_cleanup_keygen_ struct keygen *k = NULL;
	enum err err;

	err = key_alg_available(alg, diag);
	if (err)
		return err;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return diag_nomem(diag);
	k->algorithm = key_algorithm(alg);
	err = secret_alloc(&k->private, k->algorithm->private_max);
	if (err)
		return diag_nomem(diag);
	if (k->algorithm->kind == KEY_EC ? !ec_prepare(k) : !pkey_prepare(k))
		return ossl_fail(diag, "key generation");
	*ret_keygen = k;
	k = NULL;	/* transferred */
	return ERR_OK;
}

void
keygen_free(struct keygen **keygen)
{
	struct keygen *k = *keygen;

	if (k == NULL)
		return;
	EVP_PKEY_CTX_free(k->ctx);
	BN_clear_free(k->scalar);
	EC_POINT_clear_free(k->point);
	EC_GROUP_free(k->group);
	BN_CTX_free(k->bn_ctx);
	secret_release(&k->private);
	free(k);
	*keygen = NULL;
}

/* FIPS 186-5 A.2.2: candidates until one lies in [1, n - 1]. */
static bool
ec_run(struct keygen *k)
{
	const struct key_algorithm *a = k->algorithm;
	int len = (int)a->private_max;
	bool good;

	do {
		if (BN_priv_rand_range_ex(k->scalar,
		    EC_GROUP_get0_order(k->group), 0, k->bn_ctx) != 1)
			return false;
	} while (BN_is_zero(k->scalar));
	good = ec_multiply(a, k->group, k->scalar, k->point, k->bn_ctx,
	    k->public.raw) &&
	    BN_bn2binpad(k->scalar, k->private.ptr, len) == len;
	BN_clear(k->scalar);
	k->public.alg = a->alg;
	k->public.len = a->public_len;
	k->private.len = a->private_max;
	return good;
}

static bool
pkey_run(struct keygen *k)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;

	return EVP_PKEY_generate(k->ctx, &pkey) == 1 &&
	    pkey_get_public(pkey, k->algorithm, &k->public) &&
	    pkey_get_private(pkey, k->algorithm, k->private.ptr,
	    &k->private.len);
}

enum err
keygen_run(struct keygen *k, struct public_key *ret_public, uint8_t *private,
    size_t *ret_private_len)
{
	bool good;

	good = k->algorithm->kind == KEY_EC ? ec_run(k) : pkey_run(k);
	if (good) {
		public_key_copy(ret_public, &k->public);
		memcpy(private, k->private.ptr, k->private.len);
		*ret_private_len = k->private.len;
	}
	wipe(k->private.ptr, k->algorithm->private_max);
	k->private.len = 0;
	return good ? ERR_OK : ossl_fail(NULL, "key generation");
}

static bool
agree_run(struct keygen *k, const struct public_key *peer, uint8_t *ret_x)
{
	BIGNUM *x = BN_CTX_get(k->bn_ctx);
	int len = (int)k->algorithm->x_len;

	return x != NULL && EC_POINT_oct2point(k->group, k->point, peer->raw,
	    peer->len, k->bn_ctx) == 1 &&
	    EC_POINT_mul(k->group, k->point, NULL, k->point, k->scalar,
	    k->bn_ctx) == 1 &&
	    EC_POINT_get_affine_coordinates(k->group, k->point, x, NULL,
	    k->bn_ctx) == 1 && BN_bn2binpad(x, ret_x, len) == len;
}

enum err
keygen_agree(struct keygen *k, struct bytes private,
    const struct public_key *peer, uint8_t *ret_x)
{
	bool good;

	if (k->algorithm->kind != KEY_EC || peer->alg != k->algorithm->alg)
		return ERR_INVALID;
	BN_CTX_start(k->bn_ctx);
	good = BN_bin2bn(private.ptr, (int)private.len, k->scalar) != NULL &&
	    agree_run(k, peer, ret_x);
	BN_CTX_end(k->bn_ctx);
	BN_clear(k->scalar);
	return good ? ERR_OK : ossl_fail(NULL, "key agreement");
}

enum err
key_pair_make(enum key_alg alg, struct public_key *ret_public,
    struct secret *ret_private, struct diag *diag)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	_cleanup_keygen_ struct keygen *keygen = NULL;
	enum err err;

	err = keygen_new(alg, &keygen, diag);
	if (err)
		return err;
	err = secret_alloc(&private, key_algorithm(alg)->private_max);
	if (err)
		return diag_nomem(diag);
	err = keygen_run(keygen, ret_public, private.ptr, &private.len);
	if (err)
		return err;
	*ret_private = private;
	private = (struct secret)SECRET_INIT;	/* transferred */
	return ERR_OK;
}
