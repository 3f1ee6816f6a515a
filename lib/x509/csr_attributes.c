/* Attributes of certification requests: those read, and the list of those
 * wanted. */
#include "lib/x509/csr.h"
#include "lib/x509/csr_internal.h"
#include "lib/x509/der.h"
#include "lib/x509/der_read.h"

/* Content octets of object identifiers. */
static const uint8_t challenge_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
	0x01, 0x09, 0x07 };		/* 1.2.840.113549.1.9.7 */
static const uint8_t alt_algorithm_oid[] = { 0x55, 0x1d, 0x49 };
static const uint8_t alt_value_oid[] = { 0x55, 0x1d, 0x4a };
/* RFC 8551 2.5.2; RFC 7030 4.4.1.1, 4.4.1.2 */
static const uint8_t capabilities_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7,
	0x0d, 0x01, 0x09, 0x0f };
static const uint8_t symmetric_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
	0x01, 0x09, 0x10, 0x02, 0x25 };
static const uint8_t asymmetric_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
	0x01, 0x09, 0x10, 0x02, 0x36 };
static const uint8_t aes256_cbc_oid[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
	0x04, 0x01, 0x2a };
#define OID(octets)	bytes_of(octets, sizeof(octets))

static inline void
info_cleanup(X509_REQ_INFO **info)
{
	X509_REQ_INFO_free(*info);
}

static inline void
algor_cleanup(X509_ALGOR **alg)
{
	X509_ALGOR_free(*alg);
}

/* Of a request: what stands before its attributes, and these. */
struct request_parts {
	struct bytes	before;
	struct der	attributes;
};

static void
parts_open(struct bytes der, struct request_parts *parts)
{
	struct der outer, request, info;
	const uint8_t *start;

	parts->before = BYTES_NONE;
	der_open(&outer, der);
	der_enter(&outer, DER_SEQUENCE, &request);
	der_enter(&request, DER_SEQUENCE, &info);
	start = info.rest.ptr;
	(void)der_get(&info, DER_INTEGER);
	(void)der_get(&info, DER_SEQUENCE);
	(void)der_get(&info, DER_SEQUENCE);
	if (!der_ok(&info)) {
		parts->attributes = info;
		return;
	}
	parts->before = bytes_of(start, (size_t)(info.rest.ptr - start));
	if (info.rest.len > 0)
		der_enter(&info, DER_CONTEXT_CONSTRUCTED(0),
		    &parts->attributes);
	else	/* some leave out the empty set */
		der_open(&parts->attributes, BYTES_NONE);
}

/* The next attribute: its type, and the one value that it must have. */
static bool
attribute_next(struct der *list, struct bytes *ret_type,
    struct bytes *ret_whole, struct der *ret_values)
{
	struct der copy = *list, attribute;

	if (!der_ok(list) || list->rest.len == 0)
		return false;
	*ret_whole = der_get_whole(list, DER_SEQUENCE);
	der_enter(&copy, DER_SEQUENCE, &attribute);
	*ret_type = der_get(&attribute, DER_OID);
	der_enter(&attribute, DER_SET, ret_values);
	if (!der_close(&attribute))
		der_fail(list, "no attribute");
	return der_ok(list);
}

static enum err
attributes_bad(struct diag *diag, const struct der *d, const char *what)
{
	return diag_fail(diag, ERR_SYNTAX, "RFC 2986 4.1",
	    "certification request: %s: %s", what, d->error != NULL ?
	    d->error : "not there once, with one value");
}

enum err
csr_challenge(struct bytes der, struct buf *out, struct diag *diag)
{
	struct bytes type, whole, text = BYTES_NONE;
	struct request_parts parts;
	struct der values;
	size_t count = 0;

	parts_open(der, &parts);
	while (attribute_next(&parts.attributes, &type, &whole, &values)) {
		if (!bytes_equal(type, OID(challenge_oid)))
			continue;
		count++;
		text = der_get(&values, der_next_is(&values,
		    DER_UTF8_STRING) ? DER_UTF8_STRING :
		    DER_PRINTABLE_STRING);
		if (!der_close(&values) || text.len > CSR_CHALLENGE_MAX)
			der_fail(&parts.attributes, "no text, or too long");
	}
	if (!der_ok(&parts.attributes) || count > 1)
		return attributes_bad(diag, &parts.attributes,
		    "challengePassword");
	if (count == 0)
		return ERR_NOTFOUND;
	buf_put_bytes(out, text);
	return buf_err(out);
}

/* The second signature, its algorithm and what it is over. */
struct countersignature {
	struct bytes	algorithm;	/* AlgorithmIdentifier */
	struct bytes	value;		/* octets of the signature */
	struct buf	info;
};

static void
value_take(struct der *values, struct bytes *ret_value)
{
	struct bytes bits = der_get(values, DER_BIT_STRING);

	if (bits.len < 2 || bits.ptr[0] != 0)
		der_fail(values, "no whole octets");
	else
		*ret_value = bytes_of(bits.ptr + 1, bits.len - 1);
}

static enum err
countersignature_read(struct bytes der, struct countersignature *c,
    struct diag *diag)
{
	struct bytes type, whole;
	struct request_parts parts;
	size_t algorithms = 0, values_seen = 0, start;
	struct der values;

	parts_open(der, &parts);
	buf_put_bytes(&c->info, parts.before);
	start = c->info.len;
	while (attribute_next(&parts.attributes, &type, &whole, &values)) {
		if (bytes_equal(type, OID(alt_value_oid))) {
			values_seen++;
			value_take(&values, &c->value);
		} else {
			buf_put_bytes(&c->info, whole);
			if (!bytes_equal(type, OID(alt_algorithm_oid)))
				continue;
			algorithms++;
			c->algorithm = der_get_whole(&values, DER_SEQUENCE);
		}
		if (!der_close(&values))
			der_fail(&parts.attributes, values.error);
	}
	der_wrap(&c->info, DER_CONTEXT_CONSTRUCTED(0), start);
	der_wrap(&c->info, DER_SEQUENCE, 0);
	if (der_ok(&parts.attributes) && algorithms + values_seen == 0)
		return ERR_NOTFOUND;
	if (!der_ok(&parts.attributes) || algorithms != 1 ||
	    values_seen != 1)
		return attributes_bad(diag, &parts.attributes,
		    "altSignatureAlgorithm and altSignatureValue");
	return buf_err(&c->info);
}

static enum err
countersignature_check(const struct countersignature *c,
    const struct public_key *by, struct diag *diag)
{
	__attribute__((cleanup(info_cleanup))) X509_REQ_INFO *info = NULL;
	__attribute__((cleanup(algor_cleanup))) X509_ALGOR *alg = NULL;
	_cleanup_buf_ struct buf spki = BUF_INIT;
	_cleanup_pkey_ EVP_PKEY *key = NULL;
	ASN1_BIT_STRING bits = { .length = (int)c->value.len,
		.data = (uint8_t *)(uintptr_t)c->value.ptr,
		.type = V_ASN1_BIT_STRING,
		.flags = ASN1_STRING_FLAG_BITS_LEFT };
	const uint8_t *at;
	int good;

	public_key_put_spki(&spki, by);
	if (buf_err(&spki) != ERR_OK)
		return buf_err(&spki);
	at = spki.ptr;
	key = d2i_PUBKEY(NULL, &at, (long)spki.len);
	at = c->algorithm.ptr;
	alg = d2i_X509_ALGOR(NULL, &at, (long)c->algorithm.len);
	at = c->info.ptr;
	info = d2i_X509_REQ_INFO(NULL, &at, (long)c->info.len);
	if (key == NULL)
		return ossl_fail(diag, "key of a countersignature");
	if (alg == NULL || !csr_digest_is_strong(alg)) {
		ERR_clear_error();
		return diag_fail(diag, ERR_UNSUPPORTED, "X.509 9.8",
		    "certification request: altSignatureAlgorithm: unknown, "
		    "or over a weak digest");
	}
	good = info == NULL ? 0 : ASN1_item_verify(
	    ASN1_ITEM_rptr(X509_REQ_INFO), alg, &bits, info, key);
	ERR_clear_error();
	if (good == 1)
		return ERR_OK;
	(void)diag_fail(diag, ERR_AUTH, "X.509 9.8", "certification request: "
	    "altSignatureValue is not by the key of the certificate that is "
	    "shown");
	diag_hint(diag, "it is over the CertificationRequestInfo with all "
	    "attributes but itself");
	return ERR_AUTH;
}

enum err
csr_countersigned(struct bytes der, const struct public_key *by,
    struct diag *diag)
{
	struct countersignature c = { .info = BUF_INIT };
	enum err err;

	err = countersignature_read(der, &c, diag);
	if (!err)
		err = countersignature_check(&c, by, diag);
	buf_release(&c.info);
	return err;
}

/* SEQUENCE OF { algorithm, parameters OPTIONAL } */
static bool
capabilities_have(struct der *values, struct bytes wanted)
{
	struct der list, one;
	bool found = false;

	der_enter(values, DER_SEQUENCE, &list);
	while (der_ok(&list) && list.rest.len > 0) {
		der_enter(&list, DER_SEQUENCE, &one);
		found |= bytes_equal(der_get(&one, DER_OID), wanted);
		if (!der_ok(&one))
			der_fail(&list, one.error);
	}
	der_leave(values, &list);
	return found;
}

enum err
csr_sealing_read(struct bytes der, struct csr_sealing *ret_sealing,
    struct diag *diag)
{
	struct csr_sealing sealing = { .aes256 = true };
	struct request_parts parts;
	struct bytes type, whole;
	struct der values;

	parts_open(der, &parts);
	while (attribute_next(&parts.attributes, &type, &whole, &values)) {
		if (bytes_equal(type, OID(symmetric_oid))) {
			sealing.symmetric = true;
			continue;
		} else if (bytes_equal(type, OID(asymmetric_oid))) {
			sealing.key_id = der_get(&values, DER_OCTET_STRING);
			if (sealing.key_id.len == 0)
				der_fail(&values, "empty");
		} else if (bytes_equal(type, OID(capabilities_oid))) {
			sealing.aes256 = capabilities_have(&values,
			    OID(aes256_cbc_oid));
		} else {
			continue;
		}
		if (!der_close(&values))
			der_fail(&parts.attributes, values.error);
	}
	if (!der_ok(&parts.attributes))
		return attributes_bad(diag, &parts.attributes, "attributes");
	*ret_sealing = sealing;
	return ERR_OK;
}

/* The type of key: of EC its curve, of RSA its size, else its name alone. */
static void
key_put(struct buf *b, const struct key_algorithm *alg)
{
	struct der outer, identifier;
	size_t start = b->len, values;

	der_open(&outer, alg->identifier);
	der_enter(&outer, DER_SEQUENCE, &identifier);
	buf_put_bytes(b, der_get_whole(&identifier, DER_OID));
	if (alg->kind != KEY_EC && alg->kind != KEY_RSA)
		return;
	values = b->len;
	if (alg->kind == KEY_EC)
		buf_put_bytes(b, der_get_whole(&identifier, DER_OID));
	else
		der_put_uint(b, alg->public_len * 8);
	der_wrap(b, DER_SET, values);
	der_wrap(b, DER_SEQUENCE, start);
}

void
csr_put_wanted(struct buf *b, enum key_alg alg, bool challenge)
{
	const struct key_algorithm *row = key_algorithm(alg);
	size_t start = b->len;

	if (challenge)
		der_put_oid(b, OID(challenge_oid));
	if (row != NULL)
		key_put(b, row);
	der_put_oid(b, OID(alt_algorithm_oid));
	der_put_oid(b, OID(alt_value_oid));
	der_wrap(b, DER_SEQUENCE, start);
}
