#include "lib/x509/x509_internal.h"

#define CERTIFICATE_MAX	((size_t)64 << 10)

enum err
x509_parse(struct bytes der, X509 **ret_x509, struct diag *diag)
{
	_cleanup_x509_ X509 *x = NULL;
	const uint8_t *at = der.ptr;

	if (der.len > CERTIFICATE_MAX)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "certificate: %zu octets, at most %zu allowed", der.len,
		    CERTIFICATE_MAX);
	x = der.len == 0 ? NULL : d2i_X509(NULL, &at, (long)der.len);
	ERR_clear_error();
	if (x == NULL)
		return diag_fail(diag, ERR_SYNTAX, "RFC 5280 4.1",
		    "certificate: no well-formed DER");
	if (at != der.ptr + der.len)
		return diag_fail(diag, ERR_SYNTAX, "RFC 5280 4.1",
		    "certificate: %zu octets follow it",
		    (size_t)(der.ptr + der.len - at));
	/* decode the extensions now, so that a bad one shows here */
	if (X509_check_purpose(x, -1, 0) != 1) {
		ERR_clear_error();
		return diag_fail(diag, ERR_SYNTAX, "RFC 5280 4.2",
		    "certificate: a malformed or double extension");
	}
	*ret_x509 = x;
	x = NULL;	/* transferred */
	return ERR_OK;
}

unsigned
x509_key_usage(X509 *x)
{
	uint32_t usage = X509_get_key_usage(x);
	unsigned n, bits = 0;

	if ((X509_get_extension_flags(x) & EXFLAG_KUSAGE) == 0)
		return 0;
	/* OpenSSL gives the bit string's octets, named bit 0 highest */
	for (n = 0; n < 8; n++)
		if ((usage & (0x80U >> n)) != 0)
			bits |= 1U << n;
	return bits;
}

static unsigned
usage_bit(const ASN1_OBJECT *usage)
{
	static const struct {
		const char	*oid;
		unsigned	 bit;
	} known[] = {
		{ "1.3.6.1.5.5.7.3.1", EKU_SERVER_AUTH },
		{ "1.3.6.1.5.5.7.3.2", EKU_CLIENT_AUTH },
		{ "1.3.6.1.5.5.7.3.36", EKU_DOCUMENT_SIGNING },
	};
	char oid[80];
	size_t i;

	if (OBJ_obj2txt(oid, sizeof(oid), usage, 1) > 0)
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (strcmp(oid, known[i].oid) == 0)
				return known[i].bit;
	return EKU_OTHER;
}

enum err
x509_extended_key_usage(X509 *x, unsigned *ret_usage, struct diag *diag)
{
	__attribute__((cleanup(eku_cleanup))) EXTENDED_KEY_USAGE *eku = NULL;
	unsigned bits = 0;
	int i, critical;

	eku = X509_get_ext_d2i(x, NID_ext_key_usage, &critical, NULL);
	if (eku == NULL && critical != -1)
		return diag_fail(diag, ERR_SYNTAX, "RFC 5280 4.2.1.12",
		    "certificate: extended key usage: malformed or double");
	for (i = 0; i < sk_ASN1_OBJECT_num(eku); i++)
		bits |= usage_bit(sk_ASN1_OBJECT_value(eku, i));
	*ret_usage = bits;
	return ERR_OK;
}

/* A subject attribute as text; absent: empty. */
static enum err
subject_text(X509 *x, int nid, char *out, size_t size, struct diag *diag)
{
	X509_NAME *name = X509_get_subject_name(x);
	_cleanup_octets_ uint8_t *text = NULL;
	int at, len;

	out[0] = '\0';
	at = X509_NAME_get_index_by_NID(name, nid, -1);
	if (at < 0)
		return ERR_OK;
	if (X509_NAME_get_index_by_NID(name, nid, at) >= 0)
		return diag_fail(diag, ERR_SYNTAX, "RFC 5280 4.1.2.6",
		    "certificate: subject: two of %s", OBJ_nid2sn(nid));
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
	    X509_NAME_get_entry(name, at)));
	/* an embedded NUL would hide what follows it from a reader of text */
	if (len < 0 || (size_t)len >= size ||
	    memchr(text, '\0', (size_t)len) != NULL) {
		ERR_clear_error();
		return diag_fail(diag, ERR_SYNTAX, "RFC 5280 4.1.2.6",
		    "certificate: subject: %s: too long, or no text",
		    OBJ_nid2sn(nid));
	}
	memcpy(out, text, (size_t)len);
	out[len] = '\0';
	return ERR_OK;
}

static enum err
read_subject(X509 *x, struct x509_info *info, struct diag *diag)
{
	enum err err;

	err = subject_text(x, NID_commonName, info->common_name,
	    sizeof(info->common_name), diag);
	if (!err)
		err = subject_text(x, NID_serialNumber, info->serial_number,
		    sizeof(info->serial_number), diag);
	if (!err)
		err = subject_text(x, NID_organizationName,
		    info->organization, sizeof(info->organization), diag);
	return err;
}

static enum err
read_serial(X509 *x, struct x509_info *info, struct diag *diag)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	const uint8_t *octets = ASN1_STRING_get0_data(serial);
	size_t pad, len = (size_t)ASN1_STRING_length(serial);

	/* OpenSSL drops the octet that keeps the number positive */
	pad = len > 0 && (octets[0] & 0x80) != 0;
	if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || len == 0 ||
	    len + pad > SERIAL_MAX)
		return diag_fail(diag, ERR_SYNTAX, "RFC 5280 4.1.2.2",
		    "certificate: serial number: negative, or longer than %d"
		    " octets", SERIAL_MAX);
	memcpy(info->serial + pad, octets, len);
	info->serial_len = len + pad;
	return ERR_OK;
}

static enum err
read_time(const ASN1_TIME *time, int64_t *ret_t, struct diag *diag)
{
	struct tm tm;
	time_t t;

	if (ASN1_TIME_to_tm(time, &tm) != 1) {
		ERR_clear_error();
		return diag_fail(diag, ERR_SYNTAX, "RFC 5280 4.1.2.5",
		    "certificate: validity: malformed time");
	}
	t = timegm(&tm);
	*ret_t = (int64_t)t;
	return ERR_OK;
}

static enum err
read_key(X509 *x, struct x509_info *info, struct diag *diag)
{
	const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);
	_cleanup_octets_ uint8_t *spki = NULL;
	uint8_t digest[SHA256_SIZE];
	enum err err;
	int len;

	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
	if (len <= 0)
		return ossl_fail(diag, "public key of a certificate");
	err = public_key_from_spki(bytes_of(spki, (size_t)len),
	    &info->public_key, diag);
	if (!err)
		err = sha256_once(bytes_of(ASN1_STRING_get0_data(bits),
		    (size_t)ASN1_STRING_length(bits)), digest);
	if (err)
		return err;
	memcpy(info->key_id, digest, KEY_ID_SIZE);
	return ERR_OK;
}

static enum err
read_issuer(X509 *x, struct x509_info *info, struct diag *diag)
{
	const uint8_t *name;
	size_t len;

	if (X509_NAME_get0_der(X509_get_issuer_name(x), &name, &len) != 1)
		return ossl_fail(diag, "issuer of a certificate");
	return sha256_once(bytes_of(name, len), info->issuer);
}

static void
read_issuer_key_id(X509 *x, struct x509_info *info)
{
	const ASN1_OCTET_STRING *id = X509_get0_authority_key_id(x);

	if (id == NULL)
		return;
	info->issuer_key_id_len = (size_t)ASN1_STRING_length(id);
	if (info->issuer_key_id_len == KEY_ID_SIZE)
		memcpy(info->issuer_key_id, ASN1_STRING_get0_data(id),
		    KEY_ID_SIZE);
}

enum err
x509_read(struct bytes der, struct x509_info *ret_info, struct diag *diag)
{
	_cleanup_x509_ X509 *x = NULL;
	struct x509_info info;
	enum err err;

	memset(&info, 0, sizeof(info));
	err = x509_parse(der, &x, diag);
	if (!err)
		err = read_serial(x, &info, diag);
	if (!err)
		err = read_time(X509_get0_notBefore(x), &info.not_before, diag);
	if (!err)
		err = read_time(X509_get0_notAfter(x), &info.not_after, diag);
	if (!err)
		err = read_subject(x, &info, diag);
	if (!err)
		err = read_key(x, &info, diag);
	if (!err)
		err = read_issuer(x, &info, diag);
	if (!err)
		err = x509_extended_key_usage(x, &info.extended_key_usage,
		    diag);
	if (err)
		return err;
	read_issuer_key_id(x, &info);
	info.key_usage = x509_key_usage(x);
	/* 1: a version 3 certificate that says so itself */
	info.ca = X509_check_ca(x) == 1;
	*ret_info = info;
	return ERR_OK;
}

enum err
x509_subject(struct bytes der, struct buf *out, struct diag *diag)
{
	_cleanup_octets_ uint8_t *name = NULL;
	_cleanup_x509_ X509 *x = NULL;
	enum err err;
	int len;

	err = x509_parse(der, &x, diag);
	if (err)
		return err;
	len = i2d_X509_NAME(X509_get_subject_name(x), &name);
	if (len <= 0)
		return ossl_fail(diag, "subject of a certificate");
	buf_put(out, name, (size_t)len);
	return buf_err(out);
}
