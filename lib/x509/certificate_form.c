#include "lib/x509/certificate_internal.h"
#include "lib/x509/der.h"

#define OID(...) bytes_of((const uint8_t[]){ __VA_ARGS__ },		\
	    sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* id-at 2.5.4, id-ce 2.5.29, id-pe 1.3.6.1.5.5.7.1, id-ad ...48, id-kp ...3 */
#define OID_AT(n)	OID(0x55, 0x04, n)
#define OID_CE(n)	OID(0x55, 0x1d, n)
#define OID_PKIX(a, n)	OID(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, a, n)

enum { AT_COMMON_NAME = 3, AT_SERIAL_NUMBER = 5, AT_ORGANIZATION = 10 };
enum {
	CE_SUBJECT_KEY_ID = 14, CE_KEY_USAGE = 15, CE_SUBJECT_ALT_NAME = 17,
	CE_BASIC_CONSTRAINTS = 19, CE_CRL_POINTS = 31, CE_AUTHORITY_KEY_ID = 35,
	CE_EXTENDED_KEY_USAGE = 37
};
enum { PKIX_PE = 1, PKIX_KP = 3, PKIX_AD = 48 };
enum { PE_AUTHORITY_INFO = 1, AD_OCSP = 1, AD_CA_ISSUERS = 2 };
enum { KP_SERVER_AUTH = 1, KP_CLIENT_AUTH = 2, KP_DOCUMENT_SIGNING = 36 };

static enum err
text_check(const char *text, const char *field, struct diag *diag)
{
	if (text == NULL ||
	    (text[0] != '\0' && der_is_visible(bytes_text(text))))
		return ERR_OK;
	return diag_fail(diag, ERR_INVALID, "RFC 5280 4.2",
	    "certificate profile: %s: empty, or a character that has no"
	    " place in it", field);
}

static enum err
name_check(const char *text, const char *field, struct diag *diag)
{
	size_t count;

	if (text == NULL)
		return ERR_OK;
	if (!der_is_utf8(bytes_text(text), &count))
		return diag_fail(diag, ERR_INVALID, "RFC 5280 4.1.2.4",
		    "certificate profile: %s: not UTF-8, or control characters",
		    field);
	if (count == 0 || count > UB_NAME)
		return diag_fail(diag, ERR_INVALID, "RFC 5280 A.1",
		    "certificate profile: %s: %zu characters, 1 to %d allowed",
		    field, count, UB_NAME);
	return ERR_OK;
}

static enum err
texts_check(const struct certificate_profile *p, struct diag *diag)
{
	enum err err;

	err = name_check(p->organization, "organization", diag);
	if (!err)
		err = name_check(p->common_name, "common name", diag);
	if (!err)
		err = text_check(p->dns_name, "dns name", diag);
	if (!err)
		err = text_check(p->crl_prefix, "crl url", diag);
	if (!err && p->crl_suffix != NULL && p->crl_suffix[0] != '\0')
		err = text_check(p->crl_suffix, "crl url", diag);
	if (!err)
		err = text_check(p->ocsp_url, "ocsp url", diag);
	if (!err)
		err = text_check(p->ca_issuers_url, "ca issuers url", diag);
	return err;
}

/* The key must be able to do it (RFC 8410 5, RFC 3279 2.3.1, RFC 9881 5). */
static enum err
usage_check(const struct certificate_profile *p, struct diag *diag)
{
	const struct key_algorithm *a = key_algorithm(p->subject_alg);
	unsigned possible = 0;

	if (a == NULL)
		return ERR_OK;	/* form_put_spki() says it */
	if ((a->can & KEY_SIGNS) != 0)
		possible |= KU_DIGITAL_SIGNATURE | KU_CONTENT_COMMITMENT |
		    KU_KEY_CERT_SIGN | KU_CRL_SIGN;
	if ((a->can & KEY_AGREES) != 0)
		possible |= KU_KEY_AGREEMENT;
	if ((a->can & KEY_DECRYPTS) != 0)
		possible |= KU_KEY_ENCIPHERMENT;
	if ((p->key_usage & ~possible) != 0)
		return diag_fail(diag, ERR_INVALID, "RFC 5280 4.2.1.3",
		    "certificate profile: key usage: not possible with %s",
		    a->name);
	return ERR_OK;
}

/* What RFC 5280 forbids to stand together. */
static enum err
rules_check(const struct certificate_profile *p, struct diag *diag)
{
	bool signs = (p->key_usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0;

	if (p->issuer_name.len == 0)
		return diag_fail(diag, ERR_INVALID, "RFC 5280 4.1.2.4",
		    "certificate profile: issuer name: empty");
	if (p->issuer_key_id.len != 0 && p->issuer_key_id.len != KEY_ID_SIZE)
		return diag_fail(diag, ERR_INVALID, "RFC 7093 2",
		    "certificate profile: issuer key id: %zu octets, not %d",
		    p->issuer_key_id.len, KEY_ID_SIZE);
	if ((p->key_usage & ~0xffU) != 0 || (p->extended_key_usage & ~7U) != 0)
		return diag_fail(diag, ERR_INVALID, "RFC 5280 4.2.1.3",
		    "certificate profile: key usage: unknown bit");
	if (p->ca ? (p->key_usage & KU_KEY_CERT_SIGN) == 0 : signs)
		return diag_fail(diag, ERR_INVALID, "RFC 5280 4.2.1.9",
		    "certificate profile: key usage: keyCertSign and cRLSign"
		    " are for a CA, and a CA needs keyCertSign");
	return usage_check(p, diag);
}

/* One RDN, its value a field of the form. */
static void
form_put_rdn_field(struct form *f, unsigned attribute, uint8_t tag,
    unsigned field)
{
	const uint8_t oid[] = { DER_OID, 3, 0x55, 0x04, (uint8_t)attribute };

	form_begin_der(f, DER_SET);
	form_begin_der(f, DER_SEQUENCE);
	form_put_const(f, bytes_of(oid, sizeof(oid)));
	form_begin_der(f, tag);
	form_put_field(f, field);
	form_end(f);
	form_end(f);
	form_end(f);
}

static void
der_put_rdn(struct buf *b, struct bytes attribute, const char *value)
{
	size_t start = b->len;

	der_put_oid(b, attribute);
	der_put_utf8(b, value);
	der_wrap(b, DER_SEQUENCE, start);
	der_wrap(b, DER_SET, start);
}

/* One RDN, constant. */
static void
form_put_rdn(struct form *f, struct buf *b, struct bytes attribute,
    const char *value)
{
	buf_clear(b);
	der_put_rdn(b, attribute, value);
	form_put_const(f, buf_bytes(b));
}

void
certificate_put_name(struct buf *out, const char *organization,
    const char *common_name)
{
	size_t start = out->len;

	if (organization != NULL)
		der_put_rdn(out, OID_AT(AT_ORGANIZATION), organization);
	der_put_rdn(out, OID_AT(AT_COMMON_NAME), common_name);
	der_wrap(out, DER_SEQUENCE, start);
}

static enum err
form_put_subject(struct form *f, struct buf *b,
    const struct certificate_profile *p)
{
	enum err err;

	form_begin_der(f, DER_SEQUENCE);
	if (p->organization != NULL)
		form_put_rdn(f, b, OID_AT(AT_ORGANIZATION), p->organization);
	err = buf_err(b);
	if (p->common_name != NULL)
		form_put_rdn(f, b, OID_AT(AT_COMMON_NAME), p->common_name);
	else
		form_put_rdn_field(f, AT_COMMON_NAME, DER_UTF8_STRING,
		    CERT_FIELD_COMMON_NAME);
	if (p->with_serial_number)
		form_put_rdn_field(f, AT_SERIAL_NUMBER, DER_PRINTABLE_STRING,
		    CERT_FIELD_SERIAL_NUMBER);
	form_end(f);
	return err ? err : buf_err(b);
}

static enum err
form_put_spki(struct form *f, enum key_alg alg, struct diag *diag)
{
	const struct key_algorithm *a = key_algorithm(alg);
	static const uint8_t unused_bits = 0;

	if (a == NULL)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "certificate profile: subject key: unknown algorithm %d",
		    (int)alg);
	form_begin_der(f, DER_SEQUENCE);
	form_put_const(f, a->identifier);
	form_begin_der(f, DER_BIT_STRING);
	form_put_const(f, bytes_of(&unused_bits, 1));
	if (a->bits_head.len > 0)
		form_put_const(f, a->bits_head);
	form_put_field(f, CERT_FIELD_PUBLIC_KEY);
	if (a->bits_tail.len > 0)
		form_put_const(f, a->bits_tail);
	form_end(f);
	form_end(f);
	return ERR_OK;
}

/* Make an extension of the value that b holds from start on (4.1, 4.2). */
static void
extension_wrap(struct buf *b, size_t start, struct bytes oid, bool critical)
{
	uint8_t head[16];
	struct buf front = { .ptr = head, .cap = sizeof(head),
		.limit = sizeof(head) };

	der_wrap(b, DER_OCTET_STRING, start);
	der_put_oid(&front, oid);
	if (critical)
		der_put_true(&front);
	if (b->err != ERR_OK)
		return;
	buf_insert(b, start, buf_bytes(&front));
	der_wrap(b, DER_SEQUENCE, start);
}

static void
put_basic_constraints(struct buf *b, int path_len)
{
	size_t start = b->len;

	der_put_true(b);
	if (path_len >= 0)
		der_put_uint(b, (uint64_t)path_len);
	der_wrap(b, DER_SEQUENCE, start);
	extension_wrap(b, start, OID_CE(CE_BASIC_CONSTRAINTS), true);
}

static void
put_key_usage(struct buf *b, unsigned usage)
{
	size_t start = b->len;

	der_put_named_bits(b, usage);
	extension_wrap(b, start, OID_CE(CE_KEY_USAGE), true);
}

static void
put_extended_key_usage(struct buf *b, unsigned usage)
{
	size_t start = b->len;

	if ((usage & EKU_SERVER_AUTH) != 0)
		der_put_oid(b, OID_PKIX(PKIX_KP, KP_SERVER_AUTH));
	if ((usage & EKU_CLIENT_AUTH) != 0)
		der_put_oid(b, OID_PKIX(PKIX_KP, KP_CLIENT_AUTH));
	if ((usage & EKU_DOCUMENT_SIGNING) != 0)
		der_put_oid(b, OID_PKIX(PKIX_KP, KP_DOCUMENT_SIGNING));
	der_wrap(b, DER_SEQUENCE, start);
	extension_wrap(b, start, OID_CE(CE_EXTENDED_KEY_USAGE), false);
}

static void
put_dns_name(struct buf *b, const char *name)
{
	size_t start = b->len;

	der_put(b, DER_CONTEXT(2), bytes_text(name));
	der_wrap(b, DER_SEQUENCE, start);
	extension_wrap(b, start, OID_CE(CE_SUBJECT_ALT_NAME), false);
}

static void
put_access(struct buf *b, unsigned method, const char *url)
{
	size_t start = b->len;

	if (url == NULL)
		return;
	der_put_oid(b, OID_PKIX(PKIX_AD, (uint8_t)method));
	der_put(b, DER_CONTEXT(6), bytes_text(url));
	der_wrap(b, DER_SEQUENCE, start);
}

static void
put_authority_info(struct buf *b, const struct certificate_profile *p)
{
	size_t start = b->len;

	put_access(b, AD_OCSP, p->ocsp_url);
	put_access(b, AD_CA_ISSUERS, p->ca_issuers_url);
	der_wrap(b, DER_SEQUENCE, start);
	extension_wrap(b, start, OID_PKIX(PKIX_PE, PE_AUTHORITY_INFO), false);
}

static void
put_authority_key_id(struct buf *b, struct bytes key_id)
{
	size_t start = b->len;

	der_put(b, DER_CONTEXT(0), key_id);
	der_wrap(b, DER_SEQUENCE, start);
	extension_wrap(b, start, OID_CE(CE_AUTHORITY_KEY_ID), false);
}

/*
 * An extension whose last octets are a field of fixed length and tail more:
 * its lengths are constant, so only the field itself is a hole.
 */
static void
form_put_holed(struct form *f, const struct buf *b, size_t hole, size_t tail,
    unsigned field)
{
	size_t at;

	if (b->err != ERR_OK)
		return;
	at = b->len - tail - hole;
	form_put_const(f, bytes_of(b->ptr, at));
	form_put_field(f, field);
	form_put_const(f, bytes_of(b->ptr + at + hole, tail));
}

static void
form_put_subject_key_id(struct form *f, struct buf *b)
{
	static const uint8_t blank[KEY_ID_SIZE];

	buf_clear(b);
	der_put(b, DER_OCTET_STRING, bytes_of(blank, sizeof(blank)));
	extension_wrap(b, 0, OID_CE(CE_SUBJECT_KEY_ID), false);
	form_put_holed(f, b, KEY_ID_SIZE, 0, CERT_FIELD_KEY_ID);
}

static void
form_put_crl_point(struct form *f, struct buf *b,
    const struct certificate_profile *p)
{
	const char *suffix = p->crl_suffix == NULL ? "" : p->crl_suffix;

	buf_clear(b);
	buf_put_bytes(b, bytes_text(p->crl_prefix));
	if (p->crl_partitioned)
		buf_put(b, "00000000", PARTITION_SIZE);
	buf_put_bytes(b, bytes_text(suffix));
	der_wrap(b, DER_CONTEXT(6), 0);			/* URI */
	der_wrap(b, DER_CONTEXT_CONSTRUCTED(0), 0);	/* fullName */
	der_wrap(b, DER_CONTEXT_CONSTRUCTED(0), 0);	/* distributionPoint */
	der_wrap(b, DER_SEQUENCE, 0);
	der_wrap(b, DER_SEQUENCE, 0);
	extension_wrap(b, 0, OID_CE(CE_CRL_POINTS), false);
	if (p->crl_partitioned)
		form_put_holed(f, b, PARTITION_SIZE, strlen(suffix),
		    CERT_FIELD_PARTITION);
	else
		form_put_const(f, buf_bytes(b));
}

static bool
has_extensions(const struct certificate_profile *p)
{
	return p->issuer_key_id.len > 0 || p->with_ski || p->ca ||
	    p->key_usage != 0 || p->extended_key_usage != 0 ||
	    p->dns_name != NULL || p->crl_prefix != NULL ||
	    p->ocsp_url != NULL || p->ca_issuers_url != NULL;
}

static enum err
form_put_extensions(struct form *f, struct buf *b,
    const struct certificate_profile *p)
{
	enum err err;

	form_begin_der(f, DER_CONTEXT_CONSTRUCTED(3));
	form_begin_der(f, DER_SEQUENCE);
	buf_clear(b);
	if (p->issuer_key_id.len > 0)
		put_authority_key_id(b, p->issuer_key_id);
	if (p->ca)
		put_basic_constraints(b, p->path_len);
	if (p->key_usage != 0)
		put_key_usage(b, p->key_usage);
	if (p->extended_key_usage != 0)
		put_extended_key_usage(b, p->extended_key_usage);
	if (p->dns_name != NULL)
		put_dns_name(b, p->dns_name);
	if (p->ocsp_url != NULL || p->ca_issuers_url != NULL)
		put_authority_info(b, p);
	form_put_const(f, buf_bytes(b));
	err = buf_err(b);
	if (!err && p->with_ski) {
		form_put_subject_key_id(f, b);
		err = buf_err(b);
	}
	if (!err && p->crl_prefix != NULL) {
		form_put_crl_point(f, b, p);
		err = buf_err(b);
	}
	form_end(f);
	form_end(f);
	return err;
}

/* TBSCertificate, RFC 5280 4.1. */
static enum err
form_put_tbs(struct form *f, const struct certificate_profile *p,
    struct diag *diag)
{
	static const uint8_t version[] = { 0xa0, 3, DER_INTEGER, 1, 2 };
	_cleanup_buf_ struct buf b = BUF_INIT;
	enum err err;

	form_begin_der(f, DER_SEQUENCE);
	form_put_const(f, bytes_of(version, sizeof(version)));
	form_begin_der(f, DER_INTEGER);
	form_put_field(f, CERT_FIELD_SERIAL);
	form_end(f);
	form_put_const(f, bytes_of(signature_alg, sizeof(signature_alg)));
	form_put_const(f, p->issuer_name);
	form_put_field(f, CERT_FIELD_VALIDITY);
	err = form_put_subject(f, &b, p);
	if (!err)
		err = form_put_spki(f, p->subject_alg, diag);
	if (!err && has_extensions(p))
		err = form_put_extensions(f, &b, p);
	form_end(f);
	return err;
}

enum err
certificate_form(const struct certificate_profile *p, struct form **ret_form,
    struct diag *diag)
{
	_cleanup_form_ struct form *f = NULL;
	enum err err;

	err = texts_check(p, diag);
	if (!err)
		err = rules_check(p, diag);
	if (!err)
		err = form_new(&f, diag);
	if (!err)
		err = form_put_tbs(f, p, diag);
	if (!err)
		err = form_check(f);
	if (err)
		return diag_fail(diag, err, NULL,
		    "certificate profile: cannot be encoded");
	*ret_form = f;
	f = NULL;	/* transferred */
	return ERR_OK;
}
