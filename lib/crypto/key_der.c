#include "lib/crypto/key_internal.h"

#define P256_HALF	32	/* r, s */
#define TAG_INTEGER	0x02
#define TAG_BITS	0x03
#define TAG_OCTETS	0x04
#define TAG_SEQUENCE	0x30
#define HEAD_MAX	4
#define PKCS8_MAX	(KEY_PRIVATE_MAX + 200)
#define PEM_MAX		(PKCS8_MAX * 3 / 2)
#define PEM_LINE	48	/* octets, 64 characters (RFC 7468 2) */
#define PEM_BEGIN	"-----BEGIN PRIVATE KEY-----\n"
#define PEM_END		"-----END PRIVATE KEY-----\n"

/* An unsigned number of half octets as the shortest INTEGER that is
 * positive. */
static size_t
integer_put(uint8_t *out, const uint8_t *number, size_t half)
{
	size_t skip = 0, pad;

	while (skip < half - 1 && number[skip] == 0)
		skip++;
	pad = number[skip] >> 7;
	out[0] = TAG_INTEGER;
	out[1] = (uint8_t)(half - skip + pad);
	out[2] = 0;
	memcpy(out + 2 + pad, number + skip, half - skip);
	return 2 + pad + half - skip;
}

size_t
ecdsa_put_der(const uint8_t *raw, size_t half, uint8_t *der)
{
	size_t len = 2;

	len += integer_put(der + len, raw, half);
	len += integer_put(der + len, raw + half, half);
	der[0] = TAG_SEQUENCE;
	der[1] = (uint8_t)(len - 2);
	return len;
}

size_t
ecdsa_to_der(const uint8_t raw[SIGNATURE_SIZE],
    uint8_t ret_der[ECDSA_DER_MAX])
{
	return ecdsa_put_der(raw, P256_HALF, ret_der);
}

/* One positive minimal INTEGER off the front of rest. */
static bool
integer_get(struct bytes *rest, uint8_t *ret_number, size_t half)
{
	const uint8_t *p = rest->ptr;
	size_t len;

	if (rest->len < 3 || p[0] != TAG_INTEGER || p[1] == 0 ||
	    p[1] > half + 1 || rest->len - 2 < p[1])
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
	if (len > half)
		return false;
	memset(ret_number, 0, half - len);
	memcpy(ret_number + half - len, p, len);
	return true;
}

enum err
ecdsa_get_der(struct bytes der, size_t half, uint8_t *ret_raw)
{
	uint8_t raw[POINT_MAX];
	struct bytes rest;

	if (der.len < 2 || der.ptr[0] != TAG_SEQUENCE || der.ptr[1] >= 0x80 ||
	    der.ptr[1] != der.len - 2)
		return ERR_SYNTAX;
	rest = bytes_of(der.ptr + 2, der.len - 2);
	if (!integer_get(&rest, raw, half) ||
	    !integer_get(&rest, raw + half, half) || rest.len != 0)
		return ERR_SYNTAX;
	memcpy(ret_raw, raw, 2 * half);
	return ERR_OK;
}

enum err
ecdsa_from_der(struct bytes der, uint8_t ret_raw[SIGNATURE_SIZE])
{
	return ecdsa_get_der(der, P256_HALF, ret_raw);
}

/* Tag and length (X.690 8.1.3, 10.1) of content up to 64 KB. */
static size_t
head_put(uint8_t out[HEAD_MAX], uint8_t tag, size_t len)
{
	out[0] = tag;
	out[1] = (uint8_t)len;
	if (len < 0x80)
		return 2;
	if (len <= UINT8_MAX) {
		out[1] = 0x81;
		out[2] = (uint8_t)len;
		return 3;
	}
	out[1] = 0x82;
	put_be16(out + 2, (uint16_t)len);
	return 4;
}

void
public_key_put_spki(struct buf *b, const struct public_key *key)
{
	const struct key_algorithm *a = key_algorithm(key->alg);
	size_t bits_len = 1 + a->bits_head.len + key->len + a->bits_tail.len;
	uint8_t bits[HEAD_MAX], whole[HEAD_MAX];
	size_t len = head_put(bits, TAG_BITS, bits_len);

	buf_put(b, whole, head_put(whole, TAG_SEQUENCE,
	    a->identifier.len + len + bits_len));
	buf_put_bytes(b, a->identifier);
	buf_put(b, bits, len);
	buf_put_u8(b, 0);	/* unused bits */
	buf_put_bytes(b, a->bits_head);
	buf_put(b, key->raw, key->len);
	buf_put_bytes(b, a->bits_tail);
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

/* An AlgorithmIdentifier with its head, and the octets of a bit string. */
struct spki {
	struct bytes	identifier, bits;
};

static bool
spki_read(struct bytes der, struct spki *ret_spki)
{
	struct bytes inside, alg, bits;
	const uint8_t *start;

	if (!element_get(&der, TAG_SEQUENCE, &inside) || der.len != 0)
		return false;
	start = inside.ptr;
	if (!element_get(&inside, TAG_SEQUENCE, &alg))
		return false;
	ret_spki->identifier = bytes_of(start, (size_t)(inside.ptr - start));
	if (!element_get(&inside, TAG_BITS, &bits) || inside.len != 0 ||
	    bits.len < 2 || bits.ptr[0] != 0)
		return false;
	ret_spki->bits = bytes_of(bits.ptr + 1, bits.len - 1);
	return true;
}

/* The raw key between what stands around it; false when other things do. */
static bool
bits_unwrap(const struct key_algorithm *a, struct bytes bits,
    struct bytes *ret_raw)
{
	size_t around = a->bits_head.len + a->bits_tail.len;

	if (around == 0) {
		*ret_raw = bits;
		return true;
	}
	if (bits.len != around + a->public_len)
		return false;
	*ret_raw = bytes_of(bits.ptr + a->bits_head.len, a->public_len);
	return bytes_equal(bytes_of(bits.ptr, a->bits_head.len),
	    a->bits_head) && bytes_equal(bytes_of(bits.ptr + bits.len -
	    a->bits_tail.len, a->bits_tail.len), a->bits_tail);
}

enum err
public_key_from_spki(struct bytes der, struct public_key *ret_public,
    struct diag *diag)
{
	const struct key_algorithm *a;
	struct bytes raw;
	struct spki spki;
	size_t i;

	if (!spki_read(der, &spki))
		return diag_fail(diag, ERR_SYNTAX, "RFC 5280 4.1",
		    "SubjectPublicKeyInfo: not well-formed DER");
	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++)
		if (bytes_equal(spki.identifier, a->identifier) &&
		    bits_unwrap(a, spki.bits, &raw))
			return public_key_check(a->alg, raw, ret_public,
			    diag);
	(void)diag_fail(diag, ERR_UNSUPPORTED, "RFC 5280 4.1.2.7",
	    "SubjectPublicKeyInfo: algorithm, size or parameters not known");
	diag_hint(diag, "use P-256 or P-384, Ed25519, X25519, RSA of 2048 or"
	    " 3072 bits with exponent 65537, ML-DSA-44 or ML-DSA-65");
	return ERR_UNSUPPORTED;
}

/* What stands in PrivateKeyInfo's octet string (RFC 5915 3, RFC 8410 7, RFC
 * 9881 6; RFC 8017 A.1.2 as it is). */
static enum err
private_put(const struct key_algorithm *a, struct bytes private,
    struct secret *out, struct diag *diag)
{
	struct public_key public;
	enum err err;

	err = key_derive_public(a->alg, private, &public, diag);
	if (!err)
		err = secret_put(out, a->private_head);
	if (!err)
		err = secret_put(out, private);
	if (!err && a->public_head.len > 0)
		err = secret_put(out, a->public_head);
	if (!err && a->public_head.len > 0)
		err = secret_put(out, bytes_of(public.raw, public.len));
	return err;
}

/* RFC 5958, version 0; points with the public key as OpenSSL writes it. */
static enum err
pkcs8_put(const struct key_algorithm *a, struct bytes private,
    struct secret *out, struct diag *diag)
{
	static const uint8_t version_0[] = { TAG_INTEGER, 1, 0 };
	_cleanup_secret_ struct secret inside = SECRET_INIT;
	uint8_t octets[HEAD_MAX], whole[HEAD_MAX];
	size_t len;
	enum err err;

	err = secret_alloc(&inside, PKCS8_MAX);
	if (!err)
		err = private_put(a, private, &inside, diag);
	if (err)
		return err;
	len = head_put(octets, TAG_OCTETS, inside.len);
	err = secret_put(out, bytes_of(whole, head_put(whole, TAG_SEQUENCE,
	    sizeof(version_0) + a->identifier.len + len + inside.len)));
	if (!err)
		err = secret_put(out, bytes_of(version_0, sizeof(version_0)));
	if (!err)
		err = secret_put(out, a->identifier);
	if (!err)
		err = secret_put(out, bytes_of(octets, len));
	if (!err)
		err = secret_put(out, secret_bytes(&inside));
	return err;
}

enum err
private_key_put_der(enum key_alg alg, struct bytes private,
    struct secret *out, struct diag *diag)
{
	const struct key_algorithm *a = key_algorithm(alg);
	size_t start = out->len;
	enum err err = ERR_INVALID;

	if (a != NULL)
		err = out->cap == 0 ? secret_alloc(out, PKCS8_MAX) : ERR_OK;
	if (!err)
		err = pkcs8_put(a, private, out, diag);
	if (!err)
		return ERR_OK;
	if (out->len > start) {
		wipe(out->ptr + start, out->len - start);
		out->len = start;
	}
	return diag_fail(diag, err, NULL, "private key: not written: %s",
	    err_name(err));
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
	_cleanup_secret_ struct secret der = SECRET_INIT;
	size_t start = out->len;
	enum err err;

	err = private_key_put_der(alg, private, &der, diag);
	if (!err && out->cap == 0)
		err = secret_alloc(out, PEM_MAX);
	if (!err)
		err = pem_put(out, der.ptr, der.len);
	if (!err)
		return ERR_OK;
	if (out->len > start) {
		wipe(out->ptr + start, out->len - start);
		out->len = start;
	}
	return diag_fail(diag, err, NULL, "private key: PEM not written: %s",
	    err_name(err));
}
