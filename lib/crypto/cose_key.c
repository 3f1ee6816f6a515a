#include "lib/crypto/cose.h"

#define ENCODED_MAX	110	/* EC2 with d */
#define COORDINATE	32
#define POINT_PREFIX	0x04

/* RFC 9053 7: labels, key types, curves */
enum {
	LABEL_KTY = 1, LABEL_ALG = 3,
	LABEL_CRV = -1, LABEL_X = -2, LABEL_Y = -3, LABEL_D = -4,
	KTY_OKP = 1, KTY_EC2 = 2,
	CRV_P256 = 1, CRV_X25519 = 4, CRV_ED25519 = 6
};

static size_t
coordinate_put(uint8_t *out, uint8_t label, const uint8_t *value)
{
	out[0] = label;
	out[1] = 0x58;
	out[2] = COORDINATE;
	memcpy(out + 3, value, COORDINATE);
	return 3 + COORDINATE;
}

/*
 * The one deterministic encoding: labels 1, -1, -2, -3, -4 are one octet
 * each, 01 20 21 22 23. Without d it is what RFC 9679 4 hashes.
 */
static size_t
key_encode(const struct public_key *key, const uint8_t *private,
    uint8_t out[ENCODED_MAX])
{
	bool ec2 = key->alg == KEY_P256;
	size_t len = 5;

	out[0] = (uint8_t)(0xa0 | (3 + ec2 + (private != NULL)));
	out[1] = 0x01;
	out[2] = ec2 ? KTY_EC2 : KTY_OKP;
	out[3] = 0x20;
	if (ec2)
		out[4] = CRV_P256;
	else
		out[4] = key->alg == KEY_X25519 ? CRV_X25519 : CRV_ED25519;
	len += coordinate_put(out + len, 0x21, key->raw + ec2);
	if (ec2)
		len += coordinate_put(out + len, 0x22,
		    key->raw + 1 + COORDINATE);
	if (private != NULL)
		len += coordinate_put(out + len, 0x23, private);
	return len;
}

void
cose_key_put(struct buf *b, const struct public_key *key)
{
	uint8_t encoded[ENCODED_MAX];

	buf_put(b, encoded, key_encode(key, NULL, encoded));
}

enum err
cose_key_put_private(struct secret *out, const struct public_key *key,
    struct bytes private)
{
	uint8_t encoded[ENCODED_MAX];
	enum err err = ERR_OK;
	size_t len;

	if (private.len != KEY_PRIVATE_SIZE)
		return ERR_INVALID;
	if (out->cap == 0)
		err = secret_alloc(out, sizeof(encoded));
	if (err)
		return err;
	len = key_encode(key, private.ptr, encoded);
	err = secret_put(out, bytes_of(encoded, len));
	wipe(encoded, sizeof(encoded));
	return err;
}

enum err
cose_key_thumbprint(const struct public_key *key,
    uint8_t ret_kid[COSE_KID_SIZE])
{
	uint8_t encoded[ENCODED_MAX];
	size_t len = key_encode(key, NULL, encoded);

	return sha256_once(bytes_of(encoded, len), ret_kid);
}

struct cose_key {
	int64_t		kty, alg, crv;
	bool		has_alg, y_is_sign;
	struct bytes	x, y, d;
};

static void
member_read(struct cbor *c, int64_t label, struct cose_key *k)
{
	switch (label) {
	case LABEL_KTY:
		k->kty = cbor_get_int(c);
		break;
	case LABEL_ALG:
		k->alg = cbor_get_int(c);
		k->has_alg = true;
		break;
	case LABEL_CRV:
		k->crv = cbor_get_int(c);
		break;
	case LABEL_X:
		k->x = cbor_get_bstr_sized(c, COORDINATE);
		break;
	case LABEL_Y:
		k->y_is_sign = cbor_peek(c) == CBOR_SIMPLE;
		if (k->y_is_sign)
			(void)cbor_get_bool(c);
		else
			k->y = cbor_get_bstr_sized(c, COORDINATE);
		break;
	case LABEL_D:
		k->d = cbor_get_bstr_sized(c, KEY_PRIVATE_SIZE);
		break;
	default:
		cbor_skip(c);
	}
}

static void
members_read(struct cbor *c, struct cose_key *k)
{
	size_t i, pairs = cbor_get_map(c);

	for (i = 0; i < pairs && cbor_ok(c); i++) {
		if (cbor_peek(c) == CBOR_TSTR) {
			cbor_skip(c);
			cbor_skip(c);
		} else {
			member_read(c, cbor_get_int(c), k);
		}
	}
}

/* The kind of key; ERR_UNSUPPORTED for what this build has no use for. */
static enum err
kind_find(const struct cose_key *k, enum key_alg *ret_alg, struct diag *diag)
{
	if (k->kty == KTY_EC2 && k->crv == CRV_P256 && !k->y_is_sign)
		*ret_alg = KEY_P256;
	else if (k->kty == KTY_OKP && k->crv == CRV_X25519)
		*ret_alg = KEY_X25519;
	else if (k->kty == KTY_OKP && k->crv == CRV_ED25519)
		*ret_alg = KEY_ED25519;
	else
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 9053 7",
		    "COSE_Key: kty %lld, crv %lld%s is not offered",
		    (long long)k->kty, (long long)k->crv,
		    k->y_is_sign ? ", compressed point" : "");
	return ERR_OK;
}

/* RFC 9052 7.1: alg restricts the key's use; it must fit the kind. */
static bool
alg_fits(const struct cose_key *k, enum key_alg alg)
{
	if (!k->has_alg || alg == KEY_X25519)
		return true;
	return k->alg == (alg == KEY_P256 ? COSE_ES256 : COSE_EDDSA);
}

enum err
cose_key_parse(struct bytes input, struct public_key *ret_public,
    struct bytes *ret_private, struct diag *diag)
{
	struct cose_key k = { .kty = 0 };
	uint8_t raw[KEY_PUBLIC_MAX] = { POINT_PREFIX };
	enum key_alg alg = KEY_P256;
	struct cbor c;
	size_t len;
	enum err err;

	cbor_open(&c, input);
	members_read(&c, &k);
	if (!cbor_close(&c))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9052 7",
		    "COSE_Key: octet %zu: %s", c.pos, c.error);
	err = kind_find(&k, &alg, diag);
	if (err)
		return err;
	if (k.x.len == 0 || (k.y.len == 0) == (alg == KEY_P256))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9053 7.1",
		    "COSE_Key: x or y: missing or out of place");
	if (!alg_fits(&k, alg))
		return diag_fail(diag, ERR_INVALID, "RFC 9052 7.1",
		    "COSE_Key: alg: %lld does not go with %s",
		    (long long)k.alg, key_alg_name(alg));
	len = alg == KEY_P256 ? 1 : 0;
	memcpy(raw + len, k.x.ptr, COORDINATE);
	if (alg == KEY_P256)
		memcpy(raw + len + COORDINATE, k.y.ptr, COORDINATE);
	len += alg == KEY_P256 ? 2 * COORDINATE : COORDINATE;
	err = public_key_check(alg, bytes_of(raw, len), ret_public, diag);
	if (!err)
		*ret_private = k.d;
	return err;
}
