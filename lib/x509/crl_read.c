#include "lib/x509/crl_read.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/x509/certificate_internal.h"
#include "lib/x509/der.h"
#include "lib/x509/der_read.h"

#define AFTER_SERIAL	5	/* octets of a row: time 4, reason 1 */

struct crl_index {
	size_t	count;
	size_t	serial_len;	/* of every row, padded with zeros in front */
	size_t	row_size;
	uint8_t	rows[];		/* ascending by serial number */
};

/* Extensions, by the last arc of their OID 2.5.29.n. */
enum extension_id {
	EXT_OTHER = 0,
	EXT_CRL_NUMBER = 20,
	EXT_REASON_CODE = 21,
	EXT_DELTA_CRL_INDICATOR = 27,
	EXT_ISSUING_DISTRIBUTION_POINT = 28,
	EXT_AUTHORITY_KEY_ID = 35
};

struct extension {
	uint8_t		id;	/* EXT_..., or the arc of another one */
	bool		critical;
	struct der	value;	/* within extnValue */
};

static enum err
syntax_fail(const struct der *d, struct diag *diag)
{
	return diag_fail(diag, ERR_SYNTAX, "RFC 5280 5.1",
	    "CRL: octet %zu: %s", d->error_at, d->error);
}

/* Extension ::= SEQUENCE { extnID, critical DEFAULT FALSE, extnValue } */
static void
extension_get(struct der *d, struct extension *ret)
{
	static const uint8_t arcs[] = { 0x55, 0x1d };
	struct bytes oid;
	struct der inner;

	der_enter(d, DER_SEQUENCE, &inner);
	oid = der_get(&inner, DER_OID);
	ret->id = EXT_OTHER;
	if (oid.len == 3 && memcmp(oid.ptr, arcs, sizeof(arcs)) == 0)
		ret->id = oid.ptr[2];
	ret->critical = der_get_default_false(&inner);
	der_enter(&inner, DER_OCTET_STRING, &ret->value);
	der_leave(d, &inner);
}

/* A known extension is there a second time (RFC 5280 4.2). */
static void
once(struct extension *e, bool seen)
{
	if (seen)
		der_fail(&e->value, "an extension is there twice");
}

/* AuthorityKeyIdentifier: the rest of it tells nothing here. */
static void
authority_key_id_get(struct der *d, struct crl *crl)
{
	struct der inner;

	der_enter(d, DER_SEQUENCE, &inner);
	crl->issuer_key_id = der_get(&inner, DER_CONTEXT(0));
	if (der_ok(&inner) && crl->issuer_key_id.len == 0)
		der_fail(&inner, "key identifier is empty");
	if (der_next_is(&inner, DER_CONTEXT_CONSTRUCTED(1)))
		(void)der_get(&inner, DER_CONTEXT_CONSTRUCTED(1));
	if (der_next_is(&inner, DER_CONTEXT(2)))
		(void)der_get(&inner, DER_CONTEXT(2));
	der_leave(d, &inner);
}

static enum err
extension_refuse(const struct extension *e, struct diag *diag)
{
	if (e->id == EXT_ISSUING_DISTRIBUTION_POINT)
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 5280 5.2.5",
		    "CRL: it covers a part of the certificates only (issuing"
		    " distribution point); full CRLs are read");
	if (e->id == EXT_DELTA_CRL_INDICATOR)
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 5280 5.2.4",
		    "CRL: a delta CRL; full CRLs are read");
	if (e->critical)
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 5280 5.2",
		    "CRL: a critical extension that is not known");
	return ERR_OK;
}

/* crlExtensions, 5.2. */
static enum err
extensions_get(struct der *d, struct crl *crl, struct diag *diag)
{
	struct extension e;
	struct der outer, list;
	enum err err;

	der_enter(d, DER_CONTEXT_CONSTRUCTED(0), &outer);
	der_enter(&outer, DER_SEQUENCE, &list);
	while (der_ok(&list) && list.rest.len > 0) {
		extension_get(&list, &e);
		if (!der_ok(&list))
			break;
		if (e.id == EXT_AUTHORITY_KEY_ID) {
			once(&e, crl->issuer_key_id.len > 0);
			authority_key_id_get(&e.value, crl);
		} else if (e.id == EXT_CRL_NUMBER) {
			once(&e, crl->number.len > 0);
			crl->number = der_get_unsigned(&e.value, SERIAL_MAX);
		} else {
			err = extension_refuse(&e, diag);
			if (err)
				return err;
			continue;
		}
		der_leave(&list, &e.value);
	}
	der_leave(&outer, &list);
	der_leave(d, &outer);
	if (der_ok(d) && (crl->issuer_key_id.len == 0 || crl->number.len == 0))
		der_fail(d, "authority key identifier or CRL number is"
		    " missing");
	return ERR_OK;
}

static enum err
algorithm_get(struct der *d, struct diag *diag)
{
	struct bytes alg = der_get_whole(d, DER_SEQUENCE);

	if (!der_ok(d) || bytes_equal(alg, bytes_of(signature_alg,
	    sizeof(signature_alg))))
		return ERR_OK;
	return diag_fail(diag, ERR_UNSUPPORTED, "RFC 5280 5.1.1.2",
	    "CRL: signed with another algorithm than ecdsa-with-SHA256");
}

/* TBSCertList, 5.1.2. */
static enum err
tbs_get(struct der *d, struct crl *crl, struct diag *diag)
{
	struct bytes version;
	struct der inner;
	enum err err;

	der_enter(d, DER_SEQUENCE, &inner);
	version = der_get_unsigned(&inner, 1);
	if (der_ok(&inner) && version.ptr[0] != 1)
		der_fail(&inner, "version is not 2");
	err = algorithm_get(&inner, diag);
	if (err)
		return err;
	crl->issuer_name = der_get_whole(&inner, DER_SEQUENCE);
	crl->this_update = der_get_time(&inner);
	crl->next_update = der_get_time(&inner);
	if (der_next_is(&inner, DER_SEQUENCE)) {
		crl->entries = der_get(&inner, DER_SEQUENCE);
		/* 5.1.2.6: absent when nothing is revoked */
		if (der_ok(&inner) && crl->entries.len == 0)
			der_fail(&inner, "list of entries is empty");
	}
	err = extensions_get(&inner, crl, diag);
	der_leave(d, &inner);
	return err;
}

static void
signature_get(struct der *d, struct crl *crl)
{
	struct bytes bits = der_get(d, DER_BIT_STRING);

	if (der_ok(d) && (bits.len < 2 || bits.ptr[0] != 0 ||
	    ecdsa_from_der(bytes_of(bits.ptr + 1, bits.len - 1),
	    crl->signature) != ERR_OK))
		der_fail(d, "signature is no ECDSA signature on P-256");
}

enum err
crl_parse(struct bytes der, struct crl *ret_crl, struct diag *diag)
{
	struct crl crl = { .tbs = BYTES_NONE };
	struct der d, list, tbs;
	enum err err;

	der_open(&d, der);
	der_enter(&d, DER_SEQUENCE, &list);
	tbs = list;
	crl.tbs = der_get_whole(&list, DER_SEQUENCE);
	err = tbs_get(&tbs, &crl, diag);
	if (err)
		return err;
	if (!der_ok(&tbs))
		return syntax_fail(&tbs, diag);
	err = algorithm_get(&list, diag);
	if (err)
		return err;
	signature_get(&list, &crl);
	der_leave(&d, &list);
	if (!der_close(&d))
		return syntax_fail(&d, diag);
	if (crl.this_update >= crl.next_update)
		return diag_fail(diag, ERR_INVALID, "RFC 5280 5.1.2.5",
		    "CRL: nextUpdate is not after thisUpdate");
	*ret_crl = crl;
	return ERR_OK;
}

int
crl_number_compare(struct bytes a, struct bytes b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return memcmp(a.ptr, b.ptr, a.len);
}

enum err
crl_check_issuer(const struct crl *crl, const struct crl_issuer *issuer,
    struct sha256 *sha256, struct diag *diag)
{
	__attribute__((cleanup(verifier_free))) struct verifier *v = NULL;
	uint8_t digest[SHA256_SIZE];
	bool good = false;
	enum err err;

	if (!bytes_equal(crl->issuer_name, issuer->name))
		return diag_fail(diag, ERR_INVALID, "RFC 5280 6.3.3",
		    "CRL: its issuer has another name than the CA");
	if (!bytes_equal(crl->issuer_key_id, bytes_of(issuer->key_id,
	    KEY_ID_SIZE)))
		return diag_fail(diag, ERR_INVALID, "RFC 5280 5.2.1",
		    "CRL: signed with another key of the CA (authority key"
		    " identifier)");
	if (issuer->key.alg != KEY_P256)
		return diag_fail(diag, ERR_UNSUPPORTED, NULL,
		    "CRL: the CA's key is %s, not P-256",
		    key_alg_name(issuer->key.alg));
	err = sha256_parts(sha256, &crl->tbs, 1, digest);
	if (!err)
		err = verifier_new(&issuer->key, &v, diag);
	if (!err)
		err = verifier_check_digest(v, digest,
		    bytes_of(crl->signature, SIGNATURE_SIZE), &good);
	if (err)
		return diag_fail(diag, err, NULL, "CRL: cannot be verified");
	if (!good)
		return diag_fail(diag, ERR_AUTH, "RFC 5280 6.3.3",
		    "CRL: altered or forged: the signature is not the CA's");
	return ERR_OK;
}

/* Entries in turn. */
struct entry {
	struct bytes		serial;
	struct crl_revocation	revocation;
};

static void
reason_get(struct der *d, struct crl_revocation *r, struct diag *diag)
{
	r->reason = (enum crl_reason)der_get_enumerated(d);
	if (!der_ok(d) || (r->reason != CRL_REMOVE_FROM_CRL &&
	    crl_reason_name(r->reason) != NULL))
		return;
	(void)diag_fail(diag, ERR_INVALID, "RFC 5280 5.3.1",
	    "CRL: octet %zu: reason %d does not belong in a full CRL",
	    (size_t)(d->rest.ptr - d->start), (int)r->reason);
	der_fail(d, "reason");
}

/* crlEntryExtensions, 5.3; a failure that is not syntax is in diag. */
static void
entry_extensions_get(struct der *d, struct crl_revocation *r,
    struct diag *diag)
{
	struct extension e;
	struct der list;
	bool seen = false;

	der_enter(d, DER_SEQUENCE, &list);
	if (der_ok(&list) && list.rest.len == 0)
		der_fail(&list, "list of extensions is empty");
	while (der_ok(&list) && list.rest.len > 0) {
		extension_get(&list, &e);
		if (!der_ok(&list))
			break;
		if (e.id == EXT_REASON_CODE) {
			once(&e, seen);
			seen = true;
			reason_get(&e.value, r, diag);
			der_leave(&list, &e.value);
		} else if (e.critical) {
			(void)diag_fail(diag, ERR_UNSUPPORTED, "RFC 5280 5.3",
			    "CRL: octet %zu: an entry has a critical"
			    " extension that is not known",
			    (size_t)(e.value.rest.ptr - d->start));
			der_fail(&list, "critical extension");
		}
	}
	der_leave(d, &list);
}

static void
entry_get(struct der *d, struct entry *ret, struct diag *diag)
{
	struct der inner;

	der_enter(d, DER_SEQUENCE, &inner);
	ret->serial = der_get_unsigned(&inner, SERIAL_MAX);
	ret->revocation.revoked = der_get_time(&inner);
	ret->revocation.reason = CRL_UNSPECIFIED;
	if (der_next_is(&inner, DER_SEQUENCE))
		entry_extensions_get(&inner, &ret->revocation, diag);
	der_leave(d, &inner);
}

/* First walk: every check, and how much memory the rows need. */
static enum err
entries_measure(const struct crl *crl, size_t *ret_count, size_t *ret_len,
    struct diag *diag)
{
	struct diag why = DIAG_INIT;
	size_t count, len = 1;
	struct entry e;
	struct der d;

	der_open(&d, crl->entries);
	for (count = 0; der_ok(&d) && d.rest.len > 0; count++) {
		entry_get(&d, &e, &why);
		if (der_ok(&d) && e.serial.len > len)
			len = e.serial.len;
	}
	if (!der_close(&d) && why.code != ERR_OK)
		return diag_fail(diag, why.code, why.ref, "%s", why.what);
	if (!der_ok(&d))
		return diag_fail(diag, ERR_SYNTAX, "RFC 5280 5.1.2.6",
		    "CRL: entry %zu: octet %zu of the entries: %s", count,
		    d.error_at, d.error);
	*ret_count = count;
	*ret_len = len;
	return ERR_OK;
}

static int
row_compare(const void *a, const void *b, void *len)
{
	return memcmp(a, b, *(const size_t *)len);
}

/* Second walk: the rows, in the CRL's order. Are they ascending already? */
static bool
rows_fill(const struct crl *crl, struct crl_index *index)
{
	bool ascending = true;
	uint8_t *row = index->rows;
	int64_t revoked;
	struct entry e;
	struct der d;

	der_open(&d, crl->entries);
	for (; d.rest.len > 0; row += index->row_size) {
		entry_get(&d, &e, NULL);
		revoked = e.revocation.revoked;
		memset(row, 0, index->serial_len);
		memcpy(row + index->serial_len - e.serial.len, e.serial.ptr,
		    e.serial.len);
		put_be32(row + index->serial_len, revoked > UINT32_MAX ?
		    UINT32_MAX : (uint32_t)revoked);
		row[index->row_size - 1] = (uint8_t)e.revocation.reason;
		if (row != index->rows && memcmp(row - index->row_size, row,
		    index->serial_len) > 0)
			ascending = false;
	}
	return ascending;
}

static enum err
rows_check(const struct crl_index *index, struct diag *diag)
{
	const uint8_t *row = index->rows;
	size_t i;

	for (i = 1; i < index->count; i++, row += index->row_size)
		if (memcmp(row, row + index->row_size,
		    index->serial_len) == 0)
			return diag_fail(diag, ERR_INVALID,
			    "RFC 5280 5.1.2.6",
			    "CRL: a serial number is listed twice");
	return ERR_OK;
}

enum err
crl_index_new(const struct crl *crl, struct crl_index **ret_index,
    struct diag *diag)
{
	_cleanup_crl_index_ struct crl_index *index = NULL;
	size_t count, len;
	enum err err;

	err = entries_measure(crl, &count, &len, diag);
	if (err)
		return err;
	index = malloc(sizeof(*index) + count * (len + AFTER_SERIAL));
	if (index == NULL)
		return diag_nomem(diag);
	index->count = count;
	index->serial_len = len;
	index->row_size = len + AFTER_SERIAL;
	if (!rows_fill(crl, index))
		qsort_r(index->rows, count, index->row_size, row_compare,
		    &len);
	err = rows_check(index, diag);
	if (err)
		return err;
	*ret_index = index;
	index = NULL;	/* transferred */
	return ERR_OK;
}

void
crl_index_free(struct crl_index **index)
{
	free(*index);
	*index = NULL;
}

size_t
crl_index_count(const struct crl_index *index)
{
	return index->count;
}

bool
crl_index_find(const struct crl_index *index, struct bytes serial,
    struct crl_revocation *ret_revocation)
{
	uint8_t wanted[SERIAL_MAX] = { 0 };
	size_t low = 0, high = index->count, middle;
	const uint8_t *row;
	int order;

	for (; serial.len > 0 && serial.ptr[0] == 0; serial.len--)
		serial.ptr++;
	if (serial.len > index->serial_len)
		return false;
	if (serial.len > 0)
		memcpy(wanted + index->serial_len - serial.len, serial.ptr,
		    serial.len);
	while (low < high) {
		middle = low + (high - low) / 2;
		row = index->rows + middle * index->row_size;
		order = memcmp(wanted, row, index->serial_len);
		if (order == 0) {
			ret_revocation->revoked =
			    get_be32(row + index->serial_len);
			ret_revocation->reason =
			    (enum crl_reason)row[index->row_size - 1];
			return true;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}
