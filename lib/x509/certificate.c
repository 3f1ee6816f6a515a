#include "lib/x509/certificate_internal.h"

#include "lib/x509/der.h"

enum err
certificate_put_validity(struct buf *b, int64_t not_before, int64_t not_after)
{
	size_t start = b->len;

	if (not_before > not_after)
		return ERR_INVALID;
	der_put_time(b, not_before);
	der_put_time(b, not_after);
	der_wrap(b, DER_SEQUENCE, start);
	return buf_err(b);
}

enum err
certificate_key_id(struct sha256 *sha256, const struct public_key *key,
    uint8_t ret_id[KEY_ID_SIZE])
{
	const struct key_algorithm *a = key_algorithm(key->alg);
	const struct bytes parts[] = { a->bits_head,
	    bytes_of(key->raw, key->len), a->bits_tail };
	uint8_t digest[SHA256_SIZE];
	enum err err;

	if (a->bits_head.len > 0)
		err = sha256_parts(sha256, parts, 3, digest);
	else
		err = sha256_parts(sha256, parts + 1, 1, digest);
	if (err)
		return err;
	memcpy(ret_id, digest, KEY_ID_SIZE);
	return ERR_OK;
}

/* Absent, or of exactly this length: the form's lengths count on it. */
static bool
size_is_good(struct bytes field, size_t len)
{
	return field.ptr == NULL || field.len == len;
}

/* What would come out as another structure than the form's. */
static enum err
fields_check(const struct bytes fields[CERT_FIELDS])
{
	struct bytes name = fields[CERT_FIELD_COMMON_NAME];
	struct bytes number = fields[CERT_FIELD_SERIAL_NUMBER];
	size_t count = 1;

	if (!serial_is_valid(fields[CERT_FIELD_SERIAL]) ||
	    !size_is_good(fields[CERT_FIELD_KEY_ID], KEY_ID_SIZE) ||
	    !size_is_good(fields[CERT_FIELD_PARTITION], PARTITION_SIZE))
		return ERR_INVALID;
	if (name.ptr != NULL &&
	    (!der_is_utf8(name, &count) || count == 0 || count > UB_NAME))
		return ERR_INVALID;
	if (number.ptr != NULL && (number.len == 0 ||
	    number.len > UB_SERIAL || !der_is_printable(number)))
		return ERR_INVALID;
	return ERR_OK;
}

static enum err
tbs_render(const struct form *f, const struct bytes fields[CERT_FIELDS],
    struct buf *tbs)
{
	enum err err;

	err = fields_check(fields);
	if (err)
		return err;
	buf_clear(tbs);
	err = form_render(f, fields, CERT_FIELDS, tbs);
	return err ? err : buf_err(tbs);
}

/* Certificate, RFC 5280 4.1. */
static enum err
certificate_put(const struct buf *tbs, const uint8_t sig[SIGNATURE_SIZE],
    struct buf *out)
{
	uint8_t der[ECDSA_DER_MAX];
	size_t len;

	len = ecdsa_to_der(sig, der);
	/* the bit string is shorter than 128: two octets of head, one unused */
	der_put_head(out, DER_SEQUENCE,
	    tbs->len + sizeof(signature_alg) + 3 + len);
	buf_put_bytes(out, buf_bytes(tbs));
	buf_put(out, signature_alg, sizeof(signature_alg));
	der_put_bit_string(out, bytes_of(der, len));
	return buf_err(out);
}

enum err
certificate_sign(const struct form *f, const struct bytes fields[CERT_FIELDS],
    struct signer *signer, struct sha256 *sha256, struct buf *tbs,
    struct buf *out, uint8_t ret_sig[SIGNATURE_SIZE])
{
	uint8_t digest[SHA256_SIZE], sig[SIGNATURE_SIZE];
	struct bytes part;
	enum err err;

	err = tbs_render(f, fields, tbs);
	if (err)
		return err;
	part = buf_bytes(tbs);
	err = sha256_parts(sha256, &part, 1, digest);
	if (!err)
		err = signer_sign_digest(signer, digest, sig);
	if (!err)
		err = certificate_put(tbs, sig, out);
	if (err)
		return err;
	memcpy(ret_sig, sig, sizeof(sig));
	return ERR_OK;
}

enum err
certificate_rebuild(const struct form *f,
    const struct bytes fields[CERT_FIELDS], const uint8_t sig[SIGNATURE_SIZE],
    struct buf *tbs, struct buf *out)
{
	enum err err;

	err = tbs_render(f, fields, tbs);
	return err ? err : certificate_put(tbs, sig, out);
}
