#include "lib/x509/x509_internal.h"

#define _cleanup_(name) __attribute__((cleanup(name)))
#define YEAR_2050	INT64_C(2524608000)	/* 2050-01-01T00:00:00Z */

struct sample {
	X509					*x;
	const struct certificate_profile	*profile;
	const struct bytes			*fields;
	struct diag				*diag;
};

static enum err
differs(const struct sample *s, const char *ref, const char *what)
{
	(void)diag_fail(s->diag, ERR_INTERNAL, ref,
	    "certificate sample: %s", what);
	diag_hint(s->diag, "this is a defect in Imprint: nothing was issued;"
	    " please report it with the product's file");
	return ERR_INTERNAL;
}

static bool
string_is(const ASN1_STRING *string, int type, struct bytes expected)
{
	return string != NULL && ASN1_STRING_type(string) == type &&
	    bytes_equal(bytes_of(ASN1_STRING_get0_data(string),
	    (size_t)ASN1_STRING_length(string)), expected);
}

/* Encoded again from what was read: to the same octets? */
static enum err
check_encoding(const struct sample *s, struct bytes der)
{
	_cleanup_octets_ uint8_t *tbs = NULL, *whole = NULL;
	int len;

	/* forget the octets it was read from */
	len = i2d_re_X509_tbs(s->x, &tbs);
	if (len > 0)
		len = i2d_X509(s->x, &whole);
	if (len <= 0 || !bytes_equal(bytes_of(whole, (size_t)len), der))
		return differs(s, "X.690 10",
		    "encoded again, other octets come out");
	return ERR_OK;
}

static enum err
check_signature(const struct sample *s, const struct public_key *issuer)
{
	_cleanup_buf_ struct buf spki = BUF_INIT;
	_cleanup_pkey_ EVP_PKEY *key = NULL;
	const uint8_t *at;
	int good;

	public_key_put_spki(&spki, issuer);
	if (buf_err(&spki) != ERR_OK)
		return diag_nomem(s->diag);
	at = spki.ptr;
	key = d2i_PUBKEY(NULL, &at, (long)spki.len);
	if (key == NULL)
		return ossl_fail(s->diag, "public key of the issuer");
	good = X509_verify(s->x, key);
	ERR_clear_error();
	if (good != 1)
		return differs(s, "RFC 5280 4.1.1.3",
		    "the signature is not the issuer's over these octets");
	return ERR_OK;
}

static enum err
check_head(const struct sample *s)
{
	struct bytes serial = s->fields[CERT_FIELD_SERIAL];
	const ASN1_INTEGER *read = X509_get0_serialNumber(s->x);
	_cleanup_octets_ uint8_t *issuer = NULL;
	int len;

	if (X509_get_version(s->x) != X509_VERSION_3)
		return differs(s, "RFC 5280 4.1.2.1", "version: not 3");
	if (X509_get_signature_nid(s->x) != NID_ecdsa_with_SHA256)
		return differs(s, "RFC 5758 3.2",
		    "signature algorithm: not ecdsa-with-SHA256");
	/* the reader drops the octet that keeps it positive */
	if (serial.len > 1 && serial.ptr[0] == 0)
		serial = bytes_of(serial.ptr + 1, serial.len - 1);
	if (!string_is(read, V_ASN1_INTEGER, serial) ||
	    (serial.len == 1 && serial.ptr[0] == 0))
		return differs(s, "RFC 5280 4.1.2.2",
		    "serial number: another, zero or negative");
	len = i2d_X509_NAME(X509_get_issuer_name(s->x), &issuer);
	if (len <= 0 || !bytes_equal(bytes_of(issuer, (size_t)len),
	    s->profile->issuer_name))
		return differs(s, "RFC 5280 4.1.2.4", "issuer: another name");
	return ERR_OK;
}

/* Equal to what was asked for, and in the form its year calls for? */
static bool
time_is(const ASN1_TIME *read, const ASN1_TIME *expected)
{
	struct tm tm;
	int type;

	if (ASN1_TIME_to_tm(read, &tm) != 1)
		return false;
	type = timegm(&tm) < YEAR_2050 ? V_ASN1_UTCTIME :
	    V_ASN1_GENERALIZEDTIME;
	return ASN1_STRING_type(read) == type &&
	    ASN1_STRING_cmp(read, expected) == 0;
}

static enum err
check_validity(const struct sample *s)
{
	struct bytes field = s->fields[CERT_FIELD_VALIDITY];
	const uint8_t *at = field.ptr;
	_cleanup_(val_cleanup) X509_VAL *val = NULL;

	val = d2i_X509_VAL(NULL, &at, (long)field.len);
	if (val == NULL || at != field.ptr + field.len ||
	    !time_is(X509_get0_notBefore(s->x), val->notBefore) ||
	    !time_is(X509_get0_notAfter(s->x), val->notAfter))
		return differs(s, "RFC 5280 4.1.2.5",
		    "validity: other times, or not in the form of their year");
	if (ASN1_TIME_compare(val->notBefore, val->notAfter) > 0)
		return differs(s, "RFC 5280 4.1.2.5",
		    "validity: it ends before it begins");
	return ERR_OK;
}

/* Is the next attribute this one, alone in its RDN? */
static bool
attribute_is(const struct sample *s, int *at, int nid, int type,
    struct bytes expected)
{
	X509_NAME_ENTRY *e;

	e = X509_NAME_get_entry(X509_get_subject_name(s->x), *at);
	return e != NULL &&
	    OBJ_obj2nid(X509_NAME_ENTRY_get_object(e)) == nid &&
	    X509_NAME_ENTRY_set(e) == (*at)++ &&
	    string_is(X509_NAME_ENTRY_get_data(e), type, expected);
}

static enum err
check_subject(const struct sample *s)
{
	const struct certificate_profile *p = s->profile;
	struct bytes name;
	int at = 0;

	name = p->common_name != NULL ? bytes_text(p->common_name) :
	    s->fields[CERT_FIELD_COMMON_NAME];
	if (p->organization != NULL && !attribute_is(s, &at,
	    NID_organizationName, V_ASN1_UTF8STRING,
	    bytes_text(p->organization)))
		return differs(s, "RFC 5280 4.1.2.6", "subject: organization");
	if (!attribute_is(s, &at, NID_commonName, V_ASN1_UTF8STRING, name))
		return differs(s, "RFC 5280 4.1.2.6", "subject: common name");
	if (p->with_serial_number && !attribute_is(s, &at, NID_serialNumber,
	    V_ASN1_PRINTABLESTRING, s->fields[CERT_FIELD_SERIAL_NUMBER]))
		return differs(s, "IEEE 802.1AR-2018 8.6",
		    "subject: serialNumber");
	if (X509_NAME_entry_count(X509_get_subject_name(s->x)) != at)
		return differs(s, "RFC 5280 4.1.2.6",
		    "subject: more attributes than asked for");
	return ERR_OK;
}

static enum err
check_key(const struct sample *s)
{
	struct bytes raw = s->fields[CERT_FIELD_PUBLIC_KEY];
	_cleanup_octets_ uint8_t *spki = NULL;
	struct public_key key;
	enum err err;
	int len;

	if (X509_get0_pubkey(s->x) == NULL) {
		ERR_clear_error();
		return differs(s, "RFC 5280 4.1.2.7",
		    "subject public key: it is no key");
	}
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(s->x), &spki);
	if (len <= 0)
		return ossl_fail(s->diag, "public key of a certificate");
	err = public_key_from_spki(bytes_of(spki, (size_t)len), &key, s->diag);
	if (err)
		return err;
	if (key.alg != s->profile->subject_alg ||
	    !bytes_equal(bytes_of(key.raw, key.len), raw))
		return differs(s, "RFC 5280 4.1.2.7",
		    "subject public key: another key");
	return ERR_OK;
}

/*
 * One extension, decoded: NULL when absent. *count grows when it is there
 * once and critical as expected; else the total will not fit.
 */
static void *
extension(const struct sample *s, int nid, int critical, int *count)
{
	void *value;
	int found;

	value = X509_get_ext_d2i(s->x, nid, &found, NULL);
	ERR_clear_error();
	if (value != NULL && found == critical)
		(*count)++;
	return value;
}

static enum err
check_constraints(const struct sample *s, int *count)
{
	_cleanup_(bc_cleanup) BASIC_CONSTRAINTS *bc = NULL;
	_cleanup_(bits_cleanup) ASN1_BIT_STRING *usage = NULL;
	const struct certificate_profile *p = s->profile;
	unsigned eku;
	long path_len;
	enum err err;

	bc = extension(s, NID_basic_constraints, 1, count);
	path_len = bc == NULL || bc->pathlen == NULL ? -1 :
	    ASN1_INTEGER_get(bc->pathlen);
	if ((bc != NULL) != p->ca || (X509_check_ca(s->x) == 1) != p->ca ||
	    (p->ca && path_len != (p->path_len < 0 ? -1 : p->path_len)))
		return differs(s, "RFC 5280 4.2.1.9", "basic constraints");
	usage = extension(s, NID_key_usage, 1, count);
	if ((usage != NULL) != (p->key_usage != 0) ||
	    x509_key_usage(s->x) != p->key_usage)
		return differs(s, "RFC 5280 4.2.1.3", "key usage");
	err = x509_extended_key_usage(s->x, &eku, s->diag);
	if (err)
		return err;
	if (eku != p->extended_key_usage)
		return differs(s, "RFC 5280 4.2.1.12", "extended key usage");
	*count += eku != 0;
	return ERR_OK;
}

static enum err
check_key_ids(const struct sample *s, int *count)
{
	_cleanup_(string_cleanup) ASN1_OCTET_STRING *ski = NULL;
	_cleanup_(akid_cleanup) AUTHORITY_KEYID *aki = NULL;
	const struct certificate_profile *p = s->profile;

	ski = extension(s, NID_subject_key_identifier, 0, count);
	if (p->with_ski ? !string_is(ski, V_ASN1_OCTET_STRING,
	    s->fields[CERT_FIELD_KEY_ID]) : ski != NULL)
		return differs(s, "RFC 5280 4.2.1.2",
		    "subject key identifier");
	aki = extension(s, NID_authority_key_identifier, 0, count);
	if (p->issuer_key_id.len == 0 ? aki != NULL :
	    aki == NULL || aki->issuer != NULL || aki->serial != NULL ||
	    !string_is(aki->keyid, V_ASN1_OCTET_STRING, p->issuer_key_id))
		return differs(s, "RFC 5280 4.2.1.1",
		    "authority key identifier");
	return ERR_OK;
}

static bool
name_is(const GENERAL_NAME *name, int type, struct bytes expected)
{
	int found;
	const void *value = name == NULL ? NULL :
	    GENERAL_NAME_get0_value(name, &found);

	return value != NULL && found == type &&
	    string_is(value, V_ASN1_IA5STRING, expected);
}

static bool
names_are_one(const GENERAL_NAMES *names, int type, struct bytes expected)
{
	return sk_GENERAL_NAME_num(names) == 1 &&
	    name_is(sk_GENERAL_NAME_value(names, 0), type, expected);
}

/* One point with a full name of one URI and nothing else. */
static bool
point_is(const CRL_DIST_POINTS *points, struct bytes url)
{
	const DIST_POINT *point;

	if (sk_DIST_POINT_num(points) != 1)
		return false;
	point = sk_DIST_POINT_value(points, 0);
	return point->reasons == NULL && point->CRLissuer == NULL &&
	    point->distpoint != NULL && point->distpoint->type == 0 &&
	    names_are_one(point->distpoint->name.fullname, GEN_URI, url);
}

static enum err
check_crl_point(const struct sample *s, int *count)
{
	_cleanup_(points_cleanup) CRL_DIST_POINTS *points = NULL;
	const struct certificate_profile *p = s->profile;
	_cleanup_buf_ struct buf url = BUF_INIT;

	points = extension(s, NID_crl_distribution_points, 0, count);
	if (p->crl_prefix != NULL) {
		buf_put_bytes(&url, bytes_text(p->crl_prefix));
		if (p->crl_partitioned)
			buf_put_bytes(&url, s->fields[CERT_FIELD_PARTITION]);
		if (p->crl_suffix != NULL)
			buf_put_bytes(&url, bytes_text(p->crl_suffix));
		if (buf_err(&url) != ERR_OK)
			return diag_nomem(s->diag);
	}
	if (p->crl_prefix == NULL ? points != NULL :
	    !point_is(points, buf_bytes(&url)))
		return differs(s, "RFC 5280 4.2.1.13",
		    "CRL distribution point");
	return ERR_OK;
}

/* Is the next access description this one? */
static bool
access_is(const AUTHORITY_INFO_ACCESS *info, int *at, int nid,
    const char *url)
{
	const ACCESS_DESCRIPTION *access;

	if (url == NULL)
		return true;
	access = sk_ACCESS_DESCRIPTION_value(info, (*at)++);
	return access != NULL && OBJ_obj2nid(access->method) == nid &&
	    name_is(access->location, GEN_URI, bytes_text(url));
}

static enum err
check_names(const struct sample *s, int *count)
{
	_cleanup_(access_cleanup) AUTHORITY_INFO_ACCESS *info = NULL;
	_cleanup_(names_cleanup) GENERAL_NAMES *names = NULL;
	const struct certificate_profile *p = s->profile;
	int at = 0;

	names = extension(s, NID_subject_alt_name, 0, count);
	if (p->dns_name == NULL ? names != NULL :
	    !names_are_one(names, GEN_DNS, bytes_text(p->dns_name)))
		return differs(s, "RFC 5280 4.2.1.6",
		    "subject alternative name");
	info = extension(s, NID_info_access, 0, count);
	if (!access_is(info, &at, NID_ad_OCSP, p->ocsp_url) ||
	    !access_is(info, &at, NID_ad_ca_issuers, p->ca_issuers_url) ||
	    (info == NULL ? 0 : sk_ACCESS_DESCRIPTION_num(info)) != at)
		return differs(s, "RFC 5280 4.2.2.1",
		    "authority information access");
	return ERR_OK;
}

static enum err
check_extensions(const struct sample *s)
{
	int count = 0;
	enum err err;

	err = check_constraints(s, &count);
	if (!err)
		err = check_key_ids(s, &count);
	if (!err)
		err = check_crl_point(s, &count);
	if (!err)
		err = check_names(s, &count);
	if (!err && X509_get_ext_count(s->x) != count)
		err = differs(s, "RFC 5280 4.2",
		    "an extension too many, double, or not critical as it"
		    " must be");
	return err;
}

enum err
x509_check_sample(struct bytes der, const struct certificate_profile *profile,
    const struct bytes fields[CERT_FIELDS], const struct public_key *issuer,
    struct diag *diag)
{
	struct sample s = { NULL, profile, fields, diag };
	_cleanup_x509_ X509 *x = NULL;
	enum err err;

	err = x509_parse(der, &x, NULL);
	s.x = x;
	if (err)
		return differs(&s, "RFC 5280 4.1", "no well-formed DER");
	err = check_signature(&s, issuer);
	if (!err)
		err = check_head(&s);
	if (!err)
		err = check_validity(&s);
	if (!err)
		err = check_subject(&s);
	if (!err)
		err = check_key(&s);
	if (!err)
		err = check_extensions(&s);
	/* last: it makes the reader forget the octets it has read */
	if (!err)
		err = check_encoding(&s, der);
	return err;
}
