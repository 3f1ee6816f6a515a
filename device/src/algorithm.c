/* The algorithms of keys: one row says everything in which they differ. */
#include "device/src/internal.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define VIEW(a)		{ a, sizeof(a) }
#define NONE		{ NULL, 0 }
#define POINT_FORM	0x04	/* uncompressed, SEC 1 2.3.3 */

/* AlgorithmIdentifiers in DER: RFC 5480 2.1.1, RFC 8410 3, RFC 3279 2.3.1, RFC
 * 9881 2. */
static const uint8_t p256[] = {
	0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07
};
static const uint8_t p384[] = {
	0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22
};
static const uint8_t x25519[] = { 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e };
static const uint8_t ed25519[] = { 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70 };
static const uint8_t rsa[] = {
	0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
	0x01, 0x01, 0x05, 0x00
};
static const uint8_t mldsa44[] = {
	0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
	0x03, 0x11
};
static const uint8_t mldsa65[] = {
	0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
	0x03, 0x12
};
/* RSAPublicKey (RFC 8017 A.1.1) up to the modulus, and after it 65537 */
static const uint8_t rsa2048_head[] = {
	0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00
};
static const uint8_t rsa3072_head[] = {
	0x30, 0x82, 0x01, 0x8a, 0x02, 0x82, 0x01, 0x81, 0x00
};
static const uint8_t rsa_tail[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };

/* COSE: RFC 9053 7, RFC 8230 4, RFC 9964 2 */
enum { KTY_OKP = 1, KTY_EC2 = 2, KTY_RSA = 3, KTY_AKP = 7 };

static const struct algorithm rows[] = {
	{ IMPRINT_DEVICE_P256, "P-256", true, KTY_EC2, 1, 32, 32, 32, false,
	    VIEW(p256), NONE, NONE },
	{ IMPRINT_DEVICE_X25519, "X25519", false, KTY_OKP, 4, 32, 0, 32,
	    false, VIEW(x25519), NONE, NONE },
	{ IMPRINT_DEVICE_ED25519, "Ed25519", true, KTY_OKP, 6, 32, 0, 32,
	    false, VIEW(ed25519), NONE, NONE },
	{ IMPRINT_DEVICE_P384, "P-384", true, KTY_EC2, 2, 48, 48, 48, false,
	    VIEW(p384), NONE, NONE },
	{ IMPRINT_DEVICE_RSA2048, "RSA-2048", true, KTY_RSA, 0, 256, 0, 1200,
	    true, VIEW(rsa), VIEW(rsa2048_head), VIEW(rsa_tail) },
	{ IMPRINT_DEVICE_RSA3072, "RSA-3072", true, KTY_RSA, 0, 384, 0, 1800,
	    true, VIEW(rsa), VIEW(rsa3072_head), VIEW(rsa_tail) },
	{ IMPRINT_DEVICE_MLDSA44, "ML-DSA-44", true, KTY_AKP, -48, 1312, 0,
	    32, false, VIEW(mldsa44), NONE, NONE },
	{ IMPRINT_DEVICE_MLDSA65, "ML-DSA-65", true, KTY_AKP, -49, 1952, 0,
	    32, false, VIEW(mldsa65), NONE, NONE }
};

const struct algorithm *
imprint_device_algorithm(uint64_t alg)
{
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		if ((uint64_t)rows[i].alg == alg)
			return &rows[i];
	return NULL;
}

const char *
imprint_device_alg_name(enum imprint_device_alg alg)
{
	const struct algorithm *a = imprint_device_algorithm((uint64_t)alg);

	return a == NULL ? "?" : a->name;
}

/* What was found in a COSE_Key, by label. */
struct members {
	int64_t		kty, alg, crv;
	struct bytes	b1, b2, b3;	/* byte strings at -1, -2, -3 */
};

static void
members_read(struct cbor *c, struct members *m)
{
	size_t i, pairs = cbor_get_map(c);

	for (i = 0; i < pairs && cbor_ok(c); i++) {
		switch (cbor_get_int(c)) {
		case 1:
			m->kty = cbor_get_int(c);
			break;
		case 3:
			m->alg = cbor_get_int(c);
			break;
		case -1:
			if (cbor_peek(c) == CBOR_BSTR)
				m->b1 = cbor_get_bstr(c);
			else
				m->crv = cbor_get_int(c);
			break;
		case -2:
			m->b2 = cbor_get_bstr(c);
			break;
		case -3:
			m->b3 = cbor_get_bstr(c);
			break;
		default:
			cbor_fail(c, "COSE_Key: a label that is not used here");
		}
	}
}

/* Is it a key of this row, and nothing more? */
static bool
members_fit(const struct members *m, const struct algorithm *a,
    struct imprint_device_public *key)
{
	static const uint8_t exponent[] = { 0x01, 0x00, 0x01 };
	bool curve = a->kty == KTY_EC2 || a->kty == KTY_OKP;
	struct bytes x = curve ? m->b2 : m->b1;
	struct bytes y = curve ? m->b3 : BYTES_NONE;
	struct bytes e = curve ? BYTES_NONE : m->b2;

	if (m->kty != a->kty || x.len != a->x_len || y.len != a->y_len ||
	    m->crv != (curve ? a->kind : 0) ||
	    m->alg != (a->kty == KTY_AKP ? a->kind : 0))
		return false;
	if (!bytes_equal(e, a->kty == KTY_RSA ?
	    bytes_of(exponent, sizeof(exponent)) : BYTES_NONE))
		return false;
	if ((curve && m->b1.ptr != NULL) || (!curve && m->b3.ptr != NULL) ||
	    (a->kty == KTY_AKP && m->b2.ptr != NULL))
		return false;
	key->alg = a->alg;
	key->x = export(x);
	key->y = export(y);
	return true;
}

bool
imprint_device_cose_key_read(struct cbor *c, struct imprint_device_public *key)
{
	static const struct members none;
	struct members m = none;
	size_t i;

	members_read(c, &m);
	for (i = 0; i < COUNT(rows) && cbor_ok(c); i++)
		if (members_fit(&m, &rows[i], key))
			return true;
	cbor_fail(c, "COSE_Key: of an algorithm, size or form that is not"
	    " known");
	return false;
}

/* Does the bit string hold a key of this row? */
static bool
bits_fit(struct bytes bits, const struct algorithm *a,
    struct imprint_device_public *key)
{
	size_t head = a->kty == KTY_EC2 ? 1 : a->bits_head.len;
	const uint8_t *x = bits.ptr + head;

	if (bits.len != head + a->x_len + a->y_len + a->bits_tail.len)
		return false;
	if (a->kty == KTY_EC2 ? bits.ptr[0] != POINT_FORM :
	    head > 0 && memcmp(bits.ptr, a->bits_head.ptr, head) != 0)
		return false;
	if (!bytes_equal(bytes_of(x + a->x_len + a->y_len,
	    a->bits_tail.len), a->bits_tail))
		return false;
	key->alg = a->alg;
	key->x.ptr = x;
	key->x.len = a->x_len;
	key->y.ptr = x + a->x_len;
	key->y.len = a->y_len;
	return true;
}

void
imprint_device_key_info_read(struct der *d, struct imprint_device_public *key)
{
	struct bytes identifier, bits;
	struct der info;
	size_t i;

	imprint_der_enter(d, DER_SEQUENCE, &info);
	identifier = imprint_der_get_whole(&info, DER_SEQUENCE);
	bits = imprint_der_get_octets(&info);
	imprint_der_leave(d, &info);
	for (i = 0; i < COUNT(rows) && d->error == NULL; i++)
		if (bytes_equal(identifier, rows[i].identifier) &&
		    bits_fit(bits, &rows[i], key))
			return;
	imprint_der_fail(d, "certificate: its key is of an algorithm, size or"
	    " form that is not known");
}
