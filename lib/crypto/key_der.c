#include "lib/crypto/key_internal.h"

#define HALF		32	/* r, s, a coordinate */
#define TAG_INTEGER	0x02
#define TAG_BITS	0x03
#define TAG_SEQUENCE	0x30
#define PEM_LINE	48	/* octets, 64 characters (RFC 7468 2) */
#define PEM_BEGIN	"-----BEGIN PRIVATE KEY-----\n"
#define PEM_END		"-----END PRIVATE KEY-----\n"
#define PKCS8_MAX	138

/* Everything before the key in each structure; the lengths are constant. */
static const uint8_t p256_spki[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
	0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
	0x07, 0x03, 0x42, 0x00,
};
static const uint8_t x25519_spki[] = {
	0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00,
};
static const uint8_t ed25519_spki[] = {
	0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
};
static const uint8_t p256_pkcs8[] = {
	0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a,
	0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
	0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01,
	0x01, 0x04, 0x20,
};
/* [1] publicKey of RFC 5915, after the scalar */
static const uint8_t p256_pkcs8_public[] = { 0xa1, 0x44, 0x03, 0x42, 0x00 };
static const uint8_t x25519_pkcs8[] = {
	0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65,
	0x6e, 0x04, 0x22, 0x04, 0x20,
};
static const uint8_t ed25519_pkcs8[] = {
	0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65,
	0x70, 0x04, 0x22, 0x04, 0x20,
};

static const struct {
	enum key_alg	alg;
	struct bytes	spki;
	struct bytes	pkcs8;
} forms[] = {
	{ KEY_P256, { p256_spki, sizeof(p256_spki) },
	    { p256_pkcs8, sizeof(p256_pkcs8) } },
	{ KEY_X25519, { x25519_spki, sizeof(x25519_spki) },
	    { x25519_pkcs8, sizeof(x25519_pkcs8) } },
	{ KEY_ED25519, { ed25519_spki, sizeof(ed25519_spki) },
	    { ed25519_pkcs8, sizeof(ed25519_pkcs8) } },
};
#define FORM_COUNT	(sizeof(forms) / sizeof(forms[0]))

/* An unsigned 32-octet number as the shortest INTEGER that is positive. */
static size_t
integer_put(uint8_t *out, const uint8_t number[HALF])
{
	size_t skip = 0, pad;

	while (skip < HALF - 1 && number[skip] == 0)
		skip++;
	pad = number[skip] >> 7;
	out[0] = TAG_INTEGER;
	out[1] = (uint8_t)(HALF - skip + pad);
	out[2] = 0;
	memcpy(out + 2 + pad, number + skip, HALF - skip);
	return 2 + pad + HALF - skip;
}

size_t
ecdsa_to_der(const uint8_t raw[SIGNATURE_SIZE],
    uint8_t ret_der[ECDSA_DER_MAX])
{
	size_t len = 2;

	len += integer_put(ret_der + len, raw);
	len += integer_put(ret_der + len, raw + HALF);
	ret_der[0] = TAG_SEQUENCE;
	ret_der[1] = (uint8_t)(len - 2);
	return len;
}

/* One positive minimal INTEGER off the front of rest. */
static bool
integer_get(struct bytes *rest, uint8_t ret_number[HALF])
{
	const uint8_t *p = rest->ptr;
	size_t len;

	if (rest->len < 3 || p[0] != TAG_INTEGER || p[1] == 0 ||
	    p[1] > HALF + 1 || rest->len - 2 < p[1])
		return false;
	len = p[1];
	p += 2;
	rest->ptr += 2 + len;
	rest->len -= 2 + len;
	if (p[0] >= 0x80)
		return false;	/* negative */
	if (p[0] == 0 && len > 1) {
		if (p[1] < 0x80)
			return false;	/* X.690 8.3.2 */
		p++;
		len--;
	}
	if (len > HALF)
		return false;
	memset(ret_number, 0, HALF - len);
	memcpy(ret_number + HALF - len, p, len);
	return true;
}

enum err
ecdsa_from_der(struct bytes der, uint8_t ret_raw[SIGNATURE_SIZE])
{
	uint8_t raw[SIGNATURE_SIZE];
	struct bytes rest;

	if (der.len < 2 || der.len > ECDSA_DER_MAX ||
	    der.ptr[0] != TAG_SEQUENCE || der.ptr[1] != der.len - 2)
		return ERR_SYNTAX;
	rest = bytes_of(der.ptr + 2, der.len - 2);
	if (!integer_get(&rest, raw) || !integer_get(&rest, raw + HALF) ||
	    rest.len != 0)
		return ERR_SYNTAX;
	memcpy(ret_raw, raw, sizeof(raw));
	return ERR_OK;
}

void
public_key_put_spki(struct buf *b, const struct public_key *key)
{
	size_t i;

	for (i = 0; i < FORM_COUNT; i++) {
		if (forms[i].alg != key->alg)
			continue;
		buf_put_bytes(b, forms[i].spki);
		buf_put(b, key->raw, key->len);
	}
}

/* One element with this tag off the front of rest (X.690 10.1). */
static bool
element_get(struct bytes *rest, uint8_t tag, struct bytes *ret_content)
{
	size_t len, head = 2;

	if (rest->len < 2 || rest->ptr[0] != tag)
		return false;
	len = rest->ptr[1];
	if (len == 0x81 && rest->len > 2 && rest->ptr[2] >= 0x80) {
		len = rest->ptr[2];
		head = 3;
	} else if (len == 0x82 && rest->len > 3 && rest->ptr[2] != 0) {
		len = get_be16(rest->ptr + 2);
		head = 4;
	} else if (len >= 0x80) {
		return false;
	}
	if (len > rest->len - head)
		return false;
	*ret_content = bytes_of(rest->ptr + head, len);
	rest->ptr += head + len;
	rest->len -= head + len;
	return true;
}

/* Shaped like a SubjectPublicKeyInfo, of whatever algorithm? */
static bool
is_spki(struct bytes der)
{
	struct bytes inside, alg, bits;

	return element_get(&der, TAG_SEQUENCE, &inside) && der.len == 0 &&
	    element_get(&inside, TAG_SEQUENCE, &alg) &&
	    element_get(&inside, TAG_BITS, &bits) && inside.len == 0 &&
	    bits.len > 1;
}

enum err
public_key_from_spki(struct bytes der, struct public_key *ret_public,
    struct diag *diag)
{
	struct bytes head, raw;
	size_t i;

	for (i = 0; i < FORM_COUNT; i++) {
		if (der.len < forms[i].spki.len)
			continue;
		head = bytes_of(der.ptr, forms[i].spki.len);
		raw = bytes_of(der.ptr + head.len, der.len - head.len);
		if (bytes_equal(head, forms[i].spki))
			return public_key_check(forms[i].alg, raw,
			    ret_public, diag);
	}
	if (!is_spki(der))
		return diag_fail(diag, ERR_SYNTAX, "RFC 5280 4.1",
		    "SubjectPublicKeyInfo: not well-formed DER");
	(void)diag_fail(diag, ERR_UNSUPPORTED, "RFC 5480 2.1.1",
	    "SubjectPublicKeyInfo: algorithm or point form not known");
	diag_hint(diag, "use P-256 with an uncompressed point, X25519 or "
	    "Ed25519");
	return ERR_UNSUPPORTED;
}

/* RFC 5958, version 0; P-256 with the public key as OpenSSL writes it. */
static enum err
pkcs8_encode(enum key_alg alg, struct bytes private,
    uint8_t out[PKCS8_MAX], size_t *ret_len, struct diag *diag)
{
	struct public_key public;
	size_t i, len = 0;
	enum err err;

	err = key_derive_public(alg, private, &public, diag);
	if (err)
		return err;
	for (i = 0; i < FORM_COUNT; i++) {
		if (forms[i].alg != alg)
			continue;
		len = forms[i].pkcs8.len;
		memcpy(out, forms[i].pkcs8.ptr, len);
	}
	memcpy(out + len, private.ptr, private.len);
	len += private.len;
	if (alg == KEY_P256) {
		memcpy(out + len, p256_pkcs8_public,
		    sizeof(p256_pkcs8_public));
		len += sizeof(p256_pkcs8_public);
		memcpy(out + len, public.raw, public.len);
		len += public.len;
	}
	*ret_len = len;
	return ERR_OK;
}

static enum err
pem_put(struct secret *out, const uint8_t *der, size_t der_len)
{
	uint8_t line[PEM_LINE / 3 * 4 + 1];
	size_t at, n;
	enum err err;
	int len;

	err = secret_put(out, bytes_text(PEM_BEGIN));
	for (at = 0; !err && at < der_len; at += n) {
		n = der_len - at < PEM_LINE ? der_len - at : PEM_LINE;
		len = EVP_EncodeBlock(line, der + at, (int)n);
		line[len] = '\n';
		err = secret_put(out, bytes_of(line, (size_t)len + 1));
	}
	wipe(line, sizeof(line));
	return err ? err : secret_put(out, bytes_text(PEM_END));
}

enum err
private_key_put_pem(enum key_alg alg, struct bytes private,
    struct secret *out, struct diag *diag)
{
	uint8_t der[PKCS8_MAX];
	size_t len = 0, start = out->len;
	enum err err;

	err = pkcs8_encode(alg, private, der, &len, diag);
	if (!err && out->cap == 0)
		err = secret_alloc(out, 512);
	if (!err)
		err = pem_put(out, der, len);
	wipe(der, sizeof(der));
	if (!err)
		return ERR_OK;
	if (out->len > start) {
		wipe(out->ptr + start, out->len - start);
		out->len = start;
	}
	return diag_fail(diag, err, NULL, "private key: PEM not written: %s",
	    err_name(err));
}
