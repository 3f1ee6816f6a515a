#include "lib/crypto/key_internal.h"

#define OKP_SIZE	32

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

static enum err
private_len_check(const struct key_algorithm *a, struct bytes private,
    struct diag *diag)
{
	if (private.len == a->private_max ||
	    (a->kind == KEY_RSA && private.len < a->private_max))
		return ERR_OK;
	return diag_fail(diag, ERR_INVALID, NULL,
	    "%s private key: %zu octets, not %s%zu", a->name, private.len,
	    a->kind == KEY_RSA ? "at most " : "", a->private_max);
}

static enum err
pkey_derive(const struct key_algorithm *a, struct bytes private,
    struct public_key *key, struct diag *diag)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	enum err err;

	err = key_alg_available(a->alg, diag);
	if (err)
		return err;
	pkey = a->kind == KEY_RSA ? rsa_from_private(a, private) :
	    pkey_from_private(a, private);
	if (pkey != NULL && pkey_get_public(pkey, a, key))
		return ERR_OK;
	if (a->kind != KEY_RSA)
		return ossl_fail(diag, a->name);
	ERR_clear_error();
	return diag_fail(diag, ERR_INVALID, "RFC 8017 A.1.2",
	    "%s private key: not DER, of another size or exponent than"
	    " 65537, or numbers that do not belong together", a->name);
}

enum err
key_derive_public(enum key_alg alg, struct bytes private,
    struct public_key *ret_public, struct diag *diag)
{
	const struct key_algorithm *a = key_algorithm(alg);
	struct public_key key;
	enum err err;

	if (a == NULL)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "private key: unknown algorithm %d", (int)alg);
	err = private_len_check(a, private, diag);
	if (err)
		return err;
	key.alg = alg;
	key.len = a->public_len;
	if (a->kind == KEY_EC)
		err = ec_derive(a, private, key.raw, diag);
	else
		err = pkey_derive(a, private, &key, diag);
	if (err)
		return err;
	public_key_copy(ret_public, &key);
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

/* RFC 8230 4: shortest form, so no zero in front; SP 800-56B 6.2.1: all of its
 * bits. What divides it nobody can tell, but 2 is seen. */
static enum err
rsa_check(const struct key_algorithm *a, struct bytes raw, struct diag *diag)
{
	if ((raw.ptr[0] & 0x80) != 0 && (raw.ptr[raw.len - 1] & 1) != 0)
		return ERR_OK;
	return diag_fail(diag, ERR_INVALID, "SP 800-56B 6.2",
	    "%s public key: modulus even or too small", a->name);
}

/* Every string of an ML-DSA key's length is one (FIPS 204 7.2). */
static enum err
raw_check(const struct key_algorithm *a, struct bytes raw, struct diag *diag)
{
	switch (a->kind) {
	case KEY_EC:
		return ec_check(a, raw, diag);
	case KEY_OKP:
		return okp_check(a->alg, raw, diag);
	case KEY_RSA:
		return rsa_check(a, raw, diag);
	case KEY_MLDSA:
		break;
	}
	return ERR_OK;
}

enum err
public_key_check(enum key_alg alg, struct bytes raw,
    struct public_key *ret_public, struct diag *diag)
{
	const struct key_algorithm *a = key_algorithm(alg);
	enum err err;

	if (a == NULL)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "public key: unknown algorithm %d", (int)alg);
	if (raw.len != a->public_len)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "%s public key: %zu octets, not %zu", a->name, raw.len,
		    a->public_len);
	err = raw_check(a, raw, diag);
	if (err)
		return err;
	ret_public->alg = alg;
	ret_public->len = raw.len;
	memcpy(ret_public->raw, raw.ptr, raw.len);
	return ERR_OK;
}
