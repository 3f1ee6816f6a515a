#include "device/src/internal.h"

#define TAG_SIGN1	18
#define ES256		(-7)
#define SHA256_ALG	(-16)	/* RFC 9054 */
#define UEID_MIN	7
#define UEID_MAX	33
#define TYP		"application/eat+cwt"
#define PROFILE		"tag:imprint.example,2026:identity/1"

static const char profile_unknown[] = "document: its profile is not " PROFILE;

#define VDS_RFC9162	1	/* RFC 9942 4.1: RFC9162_SHA256 */

enum header {
	HEADER_ALG = 1, HEADER_CRIT = 2, HEADER_KID = 4, HEADER_TYP = 16,
	HEADER_VDS = 395
};

enum claim {
	CLAIM_ISS = 1, CLAIM_EXP = 4, CLAIM_NBF = 5, CLAIM_IAT = 6,
	CLAIM_CNF = 8, CLAIM_SCOPE = 9, CLAIM_UEID = 256, CLAIM_OEMID = 258,
	CLAIM_HWMODEL = 259, CLAIM_HWVERSION = 260, CLAIM_PROFILE = 265,
	CLAIM_SWNAME = 270, CLAIM_SWVERSION = 271, CLAIM_STATUS = 65535,
	CLAIM_CAPABILITIES = -66001, CLAIM_KEYSET = -66002,
	CLAIM_ANCHORS = -66003, CLAIM_PRODUCT = -66004, CLAIM_NAMES = -66006
};

enum keyset {
	KEYSET_SLOT = 1, KEYSET_PURPOSE = 2, KEYSET_KEY = 3,
	KEYSET_X5CHAIN = 4, KEYSET_MAKER = 5
};

struct header_seen {
	bool	alg, typ, vds, crit, chunk;
};

static void
header_read(struct cbor *c, int64_t label,
    struct imprint_device_identity *id, struct header_seen *seen)
{
	switch (label) {
	case HEADER_CRIT:
		seen->crit = true;
		cbor_skip(c);
		break;
	case HEADER_ALG:
		seen->alg = cbor_get_int(c) == ES256;
		break;
	case HEADER_KID:
		id->kid = export(cbor_get_bstr_sized(c,
		    IMPRINT_DEVICE_HASH_SIZE));
		break;
	case HEADER_TYP:
		seen->typ = bytes_equal(cbor_get_tstr(c), bytes_text(
		    id->receipt.present ? RECEIPT_TYP : TYP));
		break;
	case HEADER_VDS:
		seen->vds = cbor_get_int(c) == VDS_RFC9162;
		break;
	case RECEIPT_CHUNK:
		if (!id->receipt.present) {
			cbor_skip(c);
			break;
		}
		imprint_device_receipt_chunk(c, &id->receipt);
		seen->chunk = true;
		break;
	default:
		cbor_skip(c);
	}
}

/* RFC 9052 3.1: what must be understood is listed by crit; nothing is. */
static const char *
header_unsupported(const struct header_seen *seen, bool receipt)
{
	if (seen->crit)
		return "document: header: crit is not known";
	if (!seen->alg)
		return "document: header: alg is not ES256";
	if (!seen->typ)
		return "document: header: typ is not an identity document's";
	if (receipt && !seen->vds)
		return "document: header: vds is not RFC9162_SHA256";
	return NULL;
}

static enum imprint_device_verdict
protected_read(struct bytes encoded, struct imprint_device_identity *id,
    const char **ret_reason)
{
	struct header_seen seen = { false, false, false, false, false };
	const char *unsupported;
	size_t i, pairs;
	struct cbor c;

	cbor_open(&c, encoded);
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && cbor_ok(&c); i++)
		header_read(&c, cbor_get_int(&c), id, &seen);
	if (cbor_close(&c) && id->kid.len == 0)
		cbor_fail(&c, "document: header: kid is missing");
	if (cbor_ok(&c) && id->receipt.present && !seen.chunk)
		cbor_fail(&c, "document: header: chunk is missing");
	if (!cbor_ok(&c)) {
		*ret_reason = c.error;
		return IMPRINT_DEVICE_DENY_MALFORMED;
	}
	unsupported = header_unsupported(&seen, id->receipt.present);
	if (unsupported != NULL) {
		*ret_reason = unsupported;
		return IMPRINT_DEVICE_DENY_UNSUPPORTED;
	}
	return IMPRINT_DEVICE_ACCEPT;
}

static int64_t
time_read(struct cbor *c)
{
	int64_t t = cbor_get_int(c);

	if (cbor_ok(c) && (t < 0 || t > IMPRINT_DEVICE_TIME_NEVER))
		cbor_fail(c, "claims: a time outside the years 1970 to 9999");
	return t;
}

/* An array of one text, as hwversion and swversion are written. */
static struct imprint_bytes
version_read(struct cbor *c)
{
	cbor_get_array_sized(c, 1);
	return export(cbor_get_tstr(c));
}

static void
confirmation_read(struct cbor *c, struct imprint_device_identity *id)
{
	if (cbor_get_map(c) != 1 || cbor_get_int(c) != 1)
		cbor_fail(c, "cnf: not one COSE_Key");
	if (imprint_device_cose_key_read(c, &id->confirmation) &&
	    !imprint_device_algorithm((uint64_t)id->confirmation.alg)->signs)
		cbor_fail(c, "cnf: not a key that signs");
}

static void
key_members(struct cbor *c, struct imprint_device_key *key, bool *ret_bare)
{
	size_t i, pairs = cbor_get_map(c);
	uint64_t purpose, maker;

	for (i = 0; i < pairs && cbor_ok(c); i++) {
		switch (cbor_get_int(c)) {
		case KEYSET_SLOT:
			key->slot = (unsigned)(cbor_get_uint(c) & 0xff);
			break;
		case KEYSET_PURPOSE:
			purpose = cbor_get_uint(c);
			if (purpose >= IMPRINT_DEVICE_AUTHENTICATE &&
			    purpose <= IMPRINT_DEVICE_SIGN)
				key->purpose =
				    (enum imprint_device_purpose)purpose;
			break;
		case KEYSET_KEY:
			*ret_bare = imprint_device_cose_key_read(c,
			    &key->public_key);
			break;
		case KEYSET_X5CHAIN:
			key->certificate = export(cbor_get_bstr(c));
			break;
		case KEYSET_MAKER:
			maker = cbor_get_uint(c);
			key->maker = maker >= 1 && maker <= 4 ?
			    (unsigned)maker : 0;
			break;
		default:
			cbor_skip(c);
		}
	}
}

static void
keyset_read(struct cbor *c, struct imprint_device_identity *id)
{
	struct imprint_device_key *key;
	size_t i, count = cbor_get_array(c);
	bool bare;

	if (count == 0 || count > IMPRINT_DEVICE_SLOTS_MAX)
		cbor_fail(c, "keyset: none, or more than eight keys");
	for (i = 0; i < count && cbor_ok(c); i++) {
		key = &id->keys[i];
		bare = false;
		key_members(c, key, &bare);
		if (key->slot >= IMPRINT_DEVICE_SLOTS_MAX ||
		    (i > 0 && key->slot <= id->keys[i - 1].slot))
			cbor_fail(c, "keyset: slot out of range or order");
		if ((unsigned)key->purpose == 0 || key->maker == 0)
			cbor_fail(c, "keyset: purpose or maker not known");
		if (bare == (key->certificate.len > 0))
			cbor_fail(c, "keyset: not one key or certificate");
		id->key_count = i + 1;
	}
}

/* Claims about the product; false when label is none of these. */
static bool
metadata_read(struct cbor *c, int64_t label,
    struct imprint_device_identity *id)
{
	uint64_t oemid;

	switch (label) {
	case CLAIM_OEMID:
		oemid = cbor_get_uint(c);
		if (oemid > UINT32_MAX)
			cbor_fail(c, "oemid: out of range");
		id->oemid = (uint32_t)oemid;
		return true;
	case CLAIM_HWMODEL:
		id->hwmodel = export(cbor_get_bstr(c));
		return true;
	case CLAIM_HWVERSION:
		id->hwversion = version_read(c);
		return true;
	case CLAIM_SWNAME:
		id->swname = export(cbor_get_tstr(c));
		return true;
	case CLAIM_SWVERSION:
		id->swversion = version_read(c);
		return true;
	case CLAIM_PRODUCT:
		id->product = export(cbor_get_bstr_sized(c,
		    IMPRINT_DEVICE_HASH_SIZE));
		return true;
	default:
		return false;
	}
}

/* [[object, bits], ...] or {object: bits}; each object once. */
static void
objects_check(struct bytes encoded, bool is_map, struct cbor *outer)
{
	struct cbor c, again;
	struct bytes object;
	size_t i, j, count;

	cbor_open(&c, encoded);
	count = is_map ? cbor_get_map(&c) : cbor_get_array(&c);
	if (count > IMPRINT_DEVICE_OBJECTS_MAX)
		cbor_fail(&c, "more than 64 objects");
	for (i = 0; i < count && cbor_ok(&c); i++) {
		if (!is_map)
			cbor_get_array_sized(&c, 2);
		object = cbor_get_tstr(&c);
		if (cbor_get_uint(&c) > UINT32_MAX)
			cbor_fail(&c, "permission bits out of range");
		if (is_map || !cbor_ok(&c))
			continue;
		cbor_open_checked(&again, encoded);
		(void)cbor_get_array(&again);
		for (j = 0; j < i; j++) {
			cbor_get_array_sized(&again, 2);
			if (bytes_equal(cbor_get_tstr(&again), object))
				cbor_fail(&c, "scope: an object twice");
			cbor_skip(&again);
		}
	}
	if (!cbor_close(&c))
		cbor_fail(outer, c.error);
}

/* {purpose: [{1: COSE_Key} or {2: [-16, hash]}, ...]} */
static void
anchors_check(struct cbor *c)
{
	struct imprint_device_public key;
	size_t i, j, count, purposes = cbor_get_map(c);
	int64_t label;

	for (i = 0; i < purposes && cbor_ok(c); i++) {
		(void)cbor_get_tstr(c);
		count = cbor_get_array(c);
		for (j = 0; j < count && cbor_ok(c); j++) {
			if (cbor_get_map(c) != 1)
				cbor_fail(c, "trust anchor: not one thing");
			label = cbor_get_int(c);
			if (label == 1) {
				(void)imprint_device_cose_key_read(c, &key);
				continue;
			}
			cbor_get_array_sized(c, 2);
			if (label != 2 || cbor_get_int(c) != SHA256_ALG)
				cbor_fail(c, "trust anchor: not a key or a"
				    " certificate's SHA-256");
			(void)cbor_get_bstr_sized(c,
			    IMPRINT_DEVICE_HASH_SIZE);
		}
	}
}

static void
names_check(struct cbor *c)
{
	size_t i, count = cbor_get_map(c);

	for (i = 0; i < count && cbor_ok(c); i++) {
		(void)cbor_get_tstr(c);
		(void)cbor_get_tstr(c);
	}
}

/* Claims that hold things of their own. */
static bool
structure_read(struct cbor *c, int64_t label,
    struct imprint_device_identity *id)
{
	struct cbor inner;
	struct bytes item;

	switch (label) {
	case CLAIM_SCOPE:
		item = cbor_get_bstr(c);
		objects_check(item, false, c);
		id->scope = export(item);
		return true;
	case CLAIM_CAPABILITIES:
		item = cbor_get_item(c);
		objects_check(item, true, c);
		id->capabilities = export(item);
		return true;
	case CLAIM_ANCHORS:
	case CLAIM_NAMES:
		item = cbor_get_item(c);
		cbor_open_checked(&inner, item);
		if (label == CLAIM_ANCHORS) {
			anchors_check(&inner);
			id->anchors = export(item);
		} else {
			names_check(&inner);
			id->names = export(item);
		}
		if (!cbor_close(&inner))
			cbor_fail(c, inner.error);
		return true;
	default:
		return false;
	}
}

static void
claim_read(struct cbor *c, int64_t label, struct imprint_device_identity *id)
{
	switch (label) {
	case CLAIM_ISS:
		id->issuer = export(cbor_get_tstr(c));
		break;
	case CLAIM_EXP:
		id->expires = time_read(c);
		break;
	case CLAIM_NBF:
		id->not_before = time_read(c);
		break;
	case CLAIM_IAT:
		id->issued = time_read(c);
		break;
	case CLAIM_CNF:
		confirmation_read(c, id);
		break;
	case CLAIM_UEID:
		id->ueid = export(cbor_get_bstr(c));
		break;
	case CLAIM_PROFILE:
		if (!bytes_equal(cbor_get_tstr(c), bytes_text(PROFILE)))
			cbor_fail(c, profile_unknown);
		break;
	case CLAIM_KEYSET:
		keyset_read(c, id);
		break;
	case CLAIM_STATUS:
		if (id->receipt.present)
			imprint_device_receipt_status(c, &id->receipt);
		else
			cbor_skip(c);
		break;
	default:
		if (!metadata_read(c, label, id) &&
		    !structure_read(c, label, id))
			cbor_skip(c);
	}
}

/* Unknown claims are passed over (RFC 8392 3). */
static const char *
claims_read(struct imprint_device_identity *id)
{
	size_t i, pairs;
	struct cbor c;

	id->issued = -1;
	id->expires = IMPRINT_DEVICE_TIME_NEVER;
	cbor_open(&c, view(id->claims));
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && cbor_ok(&c); i++) {
		if (cbor_peek(&c) == CBOR_TSTR) {
			cbor_skip(&c);
			cbor_skip(&c);
		} else
			claim_read(&c, cbor_get_int(&c), id);
	}
	if (!cbor_close(&c))
		return c.error;
	if (id->issued < 0 || id->confirmation.x.len == 0 ||
	    id->scope.len == 0 || id->capabilities.len == 0 ||
	    id->key_count == 0)
		return "claims: iat, cnf, scope, capabilities or keyset is"
		    " missing";
	if (id->ueid.len < UEID_MIN || id->ueid.len > UEID_MAX)
		return "claims: ueid is missing or of a wrong length";
	if (id->receipt.present && !id->receipt.fits)
		return "receipt: not for the index in the claims' status";
	return NULL;
}

/* tag 18, [protected, {}, claims, signature] */
static struct bytes
direct_read(struct cbor *c, struct imprint_device_identity *id)
{
	struct bytes protected_header;

	if (cbor_get_tag(c) != TAG_SIGN1)
		cbor_fail(c, "document: not a COSE_Sign1");
	cbor_get_array_sized(c, 4);
	protected_header = cbor_get_bstr(c);
	/* what no signature covers has no place in a package */
	if (cbor_get_map(c) != 0)
		cbor_fail(c, "document: unprotected header is not empty");
	id->claims = export(cbor_get_bstr(c));
	return protected_header;
}

/* [claims, tag 18, [protected, {vdp}, nil, signature]] */
static struct bytes
receipt_read(struct cbor *c, struct imprint_device_identity *id,
    struct bytes *ret_proof)
{
	struct bytes protected_header;

	id->receipt.present = true;
	cbor_get_array_sized(c, 2);
	id->claims = export(cbor_get_bstr(c));
	if (cbor_get_tag(c) != TAG_SIGN1)
		cbor_fail(c, "receipt: not a COSE_Sign1");
	cbor_get_array_sized(c, 4);
	protected_header = cbor_get_bstr(c);
	*ret_proof = imprint_device_receipt_proof(c);
	cbor_get_null(c);
	return protected_header;
}

enum imprint_device_verdict
imprint_device_document_read(struct bytes document,
    struct imprint_device_identity *id, const char **ret_reason)
{
	struct bytes protected_header, proof = { NULL, 0 };
	enum imprint_device_verdict verdict;
	const char *reason = NULL;
	struct cbor c;

	cbor_open(&c, document);
	if (cbor_peek(&c) == CBOR_ARRAY)
		protected_header = receipt_read(&c, id, &proof);
	else
		protected_header = direct_read(&c, id);
	id->signature = export(cbor_get_bstr_sized(&c,
	    IMPRINT_DEVICE_SIGNATURE_SIZE));
	if (!cbor_close(&c)) {
		*ret_reason = c.error;
		return IMPRINT_DEVICE_DENY_MALFORMED;
	}
	id->protected_header = export(protected_header);
	id->document = export(document);
	verdict = protected_read(protected_header, id, ret_reason);
	if (verdict != IMPRINT_DEVICE_ACCEPT)
		return verdict;
	if (id->receipt.present)
		reason = imprint_device_receipt_path(proof, &id->receipt);
	if (reason == NULL)
		reason = claims_read(id);
	if (reason == NULL)
		return IMPRINT_DEVICE_ACCEPT;
	*ret_reason = reason;
	return reason == profile_unknown ? IMPRINT_DEVICE_DENY_UNSUPPORTED :
	    IMPRINT_DEVICE_DENY_MALFORMED;
}
