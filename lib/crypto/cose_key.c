#include "lib/base/cbor_write.h"
#include "lib/crypto/cose.h"

#define ENCODED_MAX	(KEY_PUBLIC_MAX + 64)
#define LABEL_Y_OCTET	0x22

/* RFC 9053 7, RFC 8230 4, RFC 9964 2: labels, and what tells kinds apart */
enum {
	LABEL_KTY = 1, LABEL_ALG = 3,
	LABEL_CRV = -1,		/* RSA: n; AKP: pub */
	LABEL_X = -2,		/* RSA: e; AKP: priv */
	LABEL_Y = -3,		/* RSA: d */
	LABEL_D = -4,		/* RSA: p */
	LABEL_RSA_LAST = -12,
	KTY_RSA = 3, KTY_AKP = 7
};

/*
 * The one deterministic encoding, by the algorithm's row; the private key's
 * label sorts last. Without it, it is what RFC 9679 4 hashes.
 */
static void
key_encode(struct buf *b, const struct public_key *key)
{
	const struct key_algorithm *a = key_algorithm(key->alg);

	buf_put_bytes(b, a->cose_head);
	cbor_put_bstr(b, bytes_of(key->raw + a->x_at, a->x_len));
	if (a->y_len > 0) {
		buf_put_u8(b, LABEL_Y_OCTET);
		cbor_put_bstr(b, bytes_of(key->raw + a->x_at + a->x_len,
		    a->y_len));
	}
	buf_put_bytes(b, a->cose_tail);
}

void
cose_key_put(struct buf *b, const struct public_key *key)
{
	key_encode(b, key);
}

/* Into octets that are not the heap's. */
static struct bytes
key_encode_fixed(const struct public_key *key, uint8_t out[ENCODED_MAX])
{
	struct buf b = { .ptr = out, .cap = ENCODED_MAX,
	    .limit = ENCODED_MAX };

	key_encode(&b, key);
	return buf_bytes(&b);
}

enum err
cose_key_put_private(struct secret *out, const struct public_key *key,
    struct bytes private)
{
	const struct key_algorithm *a = key_algorithm(key->alg);
	uint8_t encoded[ENCODED_MAX], head[4];
	struct buf tail = { .ptr = head, .cap = sizeof(head),
	    .limit = sizeof(head) };
	struct bytes public;
	enum err err = ERR_OK;

	if (a->cose_private == 0)
		return ERR_UNSUPPORTED;
	if (private.len != a->private_max)
		return ERR_INVALID;
	public = key_encode_fixed(key, encoded);
	encoded[0]++;	/* one pair more */
	buf_put_u8(&tail, a->cose_private);
	cbor_put_bstr_head(&tail, private.len);
	if (out->cap == 0)
		err = secret_alloc(out, ENCODED_MAX);
	if (!err)
		err = secret_put(out, public);
	if (!err)
		err = secret_put(out, buf_bytes(&tail));
	if (!err)
		err = secret_put(out, private);
	return err;
}

enum err
cose_key_thumbprint(const struct public_key *key,
    uint8_t ret_kid[COSE_KID_SIZE])
{
	uint8_t encoded[ENCODED_MAX];

	return sha256_once(key_encode_fixed(key, encoded), ret_kid);
}

/* What was found, by label. */
struct cose_key {
	int64_t		kty, alg, crv;
	bool		has_alg, y_is_sign, has_rsa_private;
	struct bytes	b1, b2, b3, b4;	/* -1 to -4 */
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
		if (cbor_peek(c) == CBOR_BSTR)
			k->b1 = cbor_get_bstr(c);
		else
			k->crv = cbor_get_int(c);
		break;
	case LABEL_X:
		k->b2 = cbor_get_bstr(c);
		break;
	case LABEL_Y:
		k->y_is_sign = cbor_peek(c) == CBOR_SIMPLE;
		if (k->y_is_sign)
			(void)cbor_get_bool(c);
		else
			k->b3 = cbor_get_bstr(c);
		break;
	case LABEL_D:
		k->b4 = cbor_get_bstr(c);
		break;
	default:
		k->has_rsa_private = k->has_rsa_private ||
		    (label < LABEL_D && label >= LABEL_RSA_LAST);
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

/* Does the row's own head say kty, and crv or alg, of this key? */
static bool
row_fits(const struct key_algorithm *a, const struct cose_key *k)
{
	const uint8_t *head = a->cose_head.ptr;

	if (head[2] != k->kty)
		return false;
	if (k->kty == KTY_RSA)
		return k->b1.len == a->x_len;
	if (k->kty == KTY_AKP)
		return k->has_alg && k->alg == a->cose_alg;
	return head[4] == k->crv;
}

/* The row; NULL for what this build has no use for. */
static const struct key_algorithm *
row_find(const struct cose_key *k, struct diag *diag)
{
	const struct key_algorithm *a;
	size_t i;

	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++)
		if (row_fits(a, k) && !k->y_is_sign)
			return a;
	if (k->kty == KTY_RSA)
		(void)diag_fail(diag, ERR_UNSUPPORTED, "RFC 8230 4",
		    "COSE_Key: RSA modulus of %zu octets is not offered",
		    k->b1.len);
	else if (k->kty == KTY_AKP)
		(void)diag_fail(diag, ERR_UNSUPPORTED, "RFC 9964 2",
		    "COSE_Key: kty 7, alg %lld is not offered",
		    (long long)k->alg);
	else
		(void)diag_fail(diag, ERR_UNSUPPORTED, "RFC 9053 7",
		    "COSE_Key: kty %lld, crv %lld%s is not offered",
		    (long long)k->kty, (long long)k->crv,
		    k->y_is_sign ? ", compressed point" : "");
	return NULL;
}

/* RFC 9052 7.1: alg restricts the key's use; it must fit the kind. */
static bool
alg_fits(const struct cose_key *k, const struct key_algorithm *a)
{
	return !k->has_alg || a->signature_len == 0 || k->alg == a->cose_alg;
}

/* The raw public key out of its members; ERR_SYNTAX when one is missing, of
 * another length or out of place. */
static enum err
raw_join(const struct key_algorithm *a, const struct cose_key *k,
    uint8_t raw[KEY_PUBLIC_MAX])
{
	static const uint8_t exponent[] = { 0x01, 0x00, 0x01 };
	struct bytes x = k->b1, y = BYTES_NONE;

	if (a->kind == KEY_EC || a->kind == KEY_OKP) {
		x = k->b2;
		y = k->b3;
	}
	if (x.len != a->x_len || y.len != a->y_len ||
	    (k->b1.len > 0 && x.ptr != k->b1.ptr))
		return ERR_SYNTAX;
	if (a->kind == KEY_RSA &&
	    !bytes_equal(k->b2, bytes_of(exponent, sizeof(exponent))))
		return ERR_SYNTAX;
	raw[0] = 0x04;	/* of a point */
	memcpy(raw + a->x_at, x.ptr, x.len);
	if (y.len > 0)
		memcpy(raw + a->x_at + x.len, y.ptr, y.len);
	return ERR_OK;
}

/* A private key beside it, empty when there is none. */
static enum err
private_find(const struct key_algorithm *a, const struct cose_key *k,
    struct bytes *ret_private, struct diag *diag)
{
	struct bytes private = a->kind == KEY_MLDSA ? k->b2 : k->b4;

	if (a->kind == KEY_RSA && (k->b3.len > 0 || k->b4.len > 0 ||
	    k->has_rsa_private))
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 8230 4",
		    "COSE_Key: RSA with private numbers is not offered");
	if (a->kind == KEY_RSA)
		private = BYTES_NONE;
	if (private.ptr != NULL && private.len != a->private_max)
		return diag_fail(diag, ERR_SYNTAX, "RFC 9053 7",
		    "COSE_Key: private key of %zu octets, not %zu",
		    private.len, a->private_max);
	*ret_private = private;
	return ERR_OK;
}

enum err
cose_key_parse(struct bytes input, struct public_key *ret_public,
    struct bytes *ret_private, struct diag *diag)
{
	struct cose_key k = { .kty = 0 };
	struct bytes private = BYTES_NONE;
	const struct key_algorithm *a;
	uint8_t raw[KEY_PUBLIC_MAX];
	struct cbor c;
	enum err err;

	cbor_open(&c, input);
	members_read(&c, &k);
	if (!cbor_close(&c))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9052 7",
		    "COSE_Key: octet %zu: %s", c.pos, c.error);
	a = row_find(&k, diag);
	if (a == NULL)
		return ERR_UNSUPPORTED;
	if (raw_join(a, &k, raw) != ERR_OK)
		return diag_fail(diag, ERR_SYNTAX, "RFC 9053 7",
		    "COSE_Key: %s: a number is missing, of another length or"
		    " out of place", a->name);
	if (!alg_fits(&k, a))
		return diag_fail(diag, ERR_INVALID, "RFC 9052 7.1",
		    "COSE_Key: alg: %lld does not go with %s",
		    (long long)k.alg, a->name);
	err = private_find(a, &k, &private, diag);
	if (!err)
		err = public_key_check(a->alg, bytes_of(raw, a->public_len),
		    ret_public, diag);
	if (!err)
		*ret_private = private;
	return err;
}
