#include "lib/identity/document.h"

#include "lib/base/clock.h"
#include "lib/identity/document_internal.h"
#include "lib/identity/document_render.h"

#define CNF_COSE_KEY	1
#define COSE_SHA256	(-16)
#define UEID_MIN	7	/* octets, RFC 9711 4.2.1.1 */
#define UEID_MAX	33
#define HWMODEL_MAX	32	/* RFC 9711 4.2.4 */
/* of a profile that is not known, for a message */
#define PROFILE_SHOWN(p) ((int)((p).len < 100 ? (p).len : 100))

/* One claim being read: c stands on its value. */
struct reader {
	struct cbor	*c;
	struct document	*d;
	const char	*claim;
	struct diag	*diag;
};

static enum err
read_limit(struct reader *r, size_t found, size_t max)
{
	return diag_fail(r->diag, ERR_LIMIT, NULL,
	    "document: claim %s: %zu of at most %zu", r->claim, found, max);
}

static enum err
read_unsupported(struct reader *r, const char *what, int64_t found)
{
	return diag_fail(r->diag, ERR_UNSUPPORTED, NULL,
	    "document: claim %s: %s %lld is not known to this version",
	    r->claim, what, (long long)found);
}

/* The failure of another cursor than the claims' own. */
static enum err
read_inner(struct reader *r, const struct cbor *inner)
{
	cbor_fail(r->c, inner->error);
	return ERR_OK;
}

static struct bytes
text_get(struct cbor *c)
{
	struct bytes text = cbor_get_tstr(c);

	if (cbor_ok(c) && text.len == 0)
		cbor_fail(c, "text is empty");
	return text;
}

static int64_t
time_get(struct cbor *c)
{
	uint64_t t = cbor_get_uint(c);

	if (t <= (uint64_t)TIME_MAX_S)
		return (int64_t)t;
	cbor_fail(c, "time is beyond the year 9999");
	return 0;
}

/* RFC 9711 4.2.5: [text, ? scheme]. */
static struct bytes
version_get(struct cbor *c)
{
	size_t count = cbor_get_array(c);
	struct bytes text = text_get(c);

	if (cbor_ok(c) && count > 2)
		cbor_fail(c, "version has more than text and scheme");
	if (cbor_ok(c) && count == 2)
		cbor_skip(c);
	return text;
}

/* An object is shown, compared and handed out as a C string. */
static struct bytes
object_get(struct cbor *c)
{
	struct bytes object = text_get(c);
	size_t i;

	if (object.len > PRODUCT_TEXT_MAX)
		cbor_fail(c, "object's name is too long");
	for (i = 0; i < object.len; i++)
		if (object.ptr[i] < 0x20 || object.ptr[i] == 0x7f)
			cbor_fail(c, "control character in an object's name");
	return object;
}

static uint32_t
bits_get(struct cbor *c)
{
	uint64_t bits = cbor_get_uint(c);

	if (bits <= UINT32_MAX)
		return (uint32_t)bits;
	cbor_fail(c, "permission bits beyond 31");
	return 0;
}

static enum err
read_issuer(struct reader *r)
{
	r->d->issuer = text_get(r->c);
	return ERR_OK;
}

static enum err
read_expires(struct reader *r)
{
	r->d->expires = time_get(r->c);
	return ERR_OK;
}

static enum err
read_not_before(struct reader *r)
{
	r->d->not_before = time_get(r->c);
	return ERR_OK;
}

static enum err
read_issued(struct reader *r)
{
	r->d->issued = time_get(r->c);
	return ERR_OK;
}

static enum err
read_salt(struct reader *r)
{
	r->d->salt = cbor_get_bstr(r->c);
	return ERR_OK;
}

/* A COSE_Key without a private part; what is not asked for is NULL. */
static enum err
read_key(struct reader *r, struct bytes *ret_item, struct public_key *ret_key)
{
	struct bytes private = BYTES_NONE, item = cbor_get_item(r->c);
	struct public_key key;
	enum err err;

	if (!cbor_ok(r->c))
		return ERR_OK;
	err = cose_key_parse(item, &key, &private, r->diag);
	if (err) {
		diag_prefix(r->diag, "document: claim %s", r->claim);
		return err;
	}
	if (private.len > 0)
		cbor_fail(r->c, "holds a private key");
	if (ret_item != NULL)
		*ret_item = item;
	if (ret_key != NULL)
		public_key_copy(ret_key, &key);
	return ERR_OK;
}

static enum err
read_confirmation(struct reader *r)
{
	size_t i, pairs = cbor_get_map(r->c);
	bool found = false;
	enum err err;

	for (i = 0; i < pairs && cbor_ok(r->c); i++) {
		if (cbor_peek(r->c) == CBOR_TSTR) {
			cbor_skip(r->c);
			cbor_skip(r->c);
		} else if (cbor_get_int(r->c) != CNF_COSE_KEY) {
			cbor_skip(r->c);
		} else {
			err = read_key(r, NULL, &r->d->confirmation);
			if (err)
				return err;
			found = true;
		}
	}
	/* RFC 8747 3.1 knows other members; the profile has this one */
	if (cbor_ok(r->c) && !found)
		cbor_fail(r->c, "no COSE_Key in it");
	return ERR_OK;
}

/* Is a before b, bytewise? */
static bool
bytes_before(struct bytes a, struct bytes b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

	return order != 0 ? order < 0 : a.len < b.len;
}

/*
 * AIF (RFC 9237 2): [[object, bits], ...]. Ascending, as the writer has it,
 * so that no object stands in it twice.
 */
static enum err
read_scope(struct reader *r)
{
	struct document_object *o;
	struct bytes last = BYTES_NONE;
	struct cbor aif;
	size_t i, count;

	cbor_open(&aif, cbor_get_bstr(r->c));
	if (!cbor_ok(r->c))
		return ERR_OK;
	count = cbor_get_array(&aif);
	if (count > PRODUCT_OBJECTS_MAX)
		return read_limit(r, count, PRODUCT_OBJECTS_MAX);
	for (i = 0; i < count && cbor_ok(&aif); i++) {
		o = &r->d->scope[i];
		cbor_get_array_sized(&aif, 2);
		o->object = object_get(&aif);
		o->bits = bits_get(&aif);
		if (i > 0 && !bytes_before(last, o->object))
			cbor_fail(&aif, "objects not in ascending order");
		last = o->object;
	}
	if (!cbor_close(&aif))
		return read_inner(r, &aif);
	r->d->scope_count = count;
	return ERR_OK;
}

static struct bytes
ueid_get(struct cbor *c)
{
	struct bytes ueid = cbor_get_bstr(c);

	if (ueid.len < UEID_MIN || ueid.len > UEID_MAX)
		cbor_fail(c, "not 7 to 33 octets");
	return ueid;
}

static enum err
read_ueid(struct reader *r)
{
	r->d->ueid = ueid_get(r->c);
	return ERR_OK;
}

/* RFC 9711 4.2.2: {+ label: UEID}. */
static enum err
read_sueids(struct reader *r)
{
	size_t i, count = cbor_get_map(r->c);

	if (count > PRODUCT_NAMES_MAX)
		return read_limit(r, count, PRODUCT_NAMES_MAX);
	if (cbor_ok(r->c) && count == 0)
		cbor_fail(r->c, "no UEID in it");
	for (i = 0; i < count && cbor_ok(r->c); i++) {
		r->d->sueids[i].kind = text_get(r->c);
		r->d->sueids[i].ueid = ueid_get(r->c);
	}
	r->d->sueid_count = count;
	return ERR_OK;
}

/* RFC 9711 4.2.3 has three forms; the profile uses the enterprise number. */
static enum err
read_oemid(struct reader *r)
{
	uint64_t number = cbor_get_uint(r->c);

	if (number > UINT32_MAX)
		cbor_fail(r->c, "no enterprise number");
	r->d->oemid = (uint32_t)number;
	return ERR_OK;
}

static enum err
read_hwmodel(struct reader *r)
{
	r->d->hwmodel = cbor_get_bstr(r->c);
	if (r->d->hwmodel.len < 1 || r->d->hwmodel.len > HWMODEL_MAX)
		cbor_fail(r->c, "not 1 to 32 octets");
	return ERR_OK;
}

static enum err
read_hwversion(struct reader *r)
{
	r->d->hwversion = version_get(r->c);
	return ERR_OK;
}

static enum err
read_profile(struct reader *r)
{
	r->d->profile = cbor_get_tstr(r->c);
	if (!cbor_ok(r->c) ||
	    bytes_equal(r->d->profile, bytes_text(EAT_PROFILE)))
		return ERR_OK;
	return diag_fail(r->diag, ERR_UNSUPPORTED, "RFC 9711 4.3.2",
	    "document: claim %s: \"%.*s\", this build reads %s", r->claim,
	    PROFILE_SHOWN(r->d->profile), (const char *)r->d->profile.ptr,
	    EAT_PROFILE);
}

static enum err
read_swname(struct reader *r)
{
	r->d->swname = text_get(r->c);
	return ERR_OK;
}

static enum err
read_swversion(struct reader *r)
{
	r->d->swversion = version_get(r->c);
	return ERR_OK;
}

static void
status_list_get(struct cbor *c, struct document *d)
{
	size_t i, pairs = cbor_get_map(c);
	bool idx = false;
	struct bytes key;

	for (i = 0; i < pairs && cbor_ok(c); i++) {
		key = cbor_get_tstr(c);
		if (bytes_equal(key, bytes_text("idx"))) {
			d->status_idx = cbor_get_uint(c);
			idx = true;
		} else if (bytes_equal(key, bytes_text("uri"))) {
			d->status_uri = text_get(c);
		} else {
			cbor_skip(c);
		}
	}
	if (cbor_ok(c) && (!idx || d->status_uri.len == 0))
		cbor_fail(c, "idx or uri is missing");
}

static enum err
read_status(struct reader *r)
{
	size_t i, pairs = cbor_get_map(r->c);
	bool found = false;

	for (i = 0; i < pairs && cbor_ok(r->c); i++) {
		if (bytes_equal(cbor_get_tstr(r->c),
		    bytes_text("status_list"))) {
			status_list_get(r->c, r->d);
			found = true;
		} else {
			cbor_skip(r->c);
		}
	}
	if (cbor_ok(r->c) && !found)
		cbor_fail(r->c, "no status_list in it");
	return ERR_OK;
}

static enum err
read_capabilities(struct reader *r)
{
	size_t i, count = cbor_get_map(r->c);

	if (count > PRODUCT_OBJECTS_MAX)
		return read_limit(r, count, PRODUCT_OBJECTS_MAX);
	for (i = 0; i < count && cbor_ok(r->c); i++) {
		r->d->capabilities[i].object = object_get(r->c);
		r->d->capabilities[i].bits = bits_get(r->c);
	}
	r->d->capability_count = count;
	return ERR_OK;
}

#define KEYSET_REQUIRED							\
	(1U << KEYSET_SLOT | 1U << KEYSET_PURPOSE | 1U << KEYSET_MAKER)

static enum err
keyset_member(struct reader *r, int64_t label, struct document_key *k)
{
	uint64_t number;

	switch (label) {
	case KEYSET_KEY:
		return read_key(r, &k->key, NULL);
	case KEYSET_X5CHAIN:
		k->certificate = cbor_get_bstr(r->c);
		if (k->certificate.len == 0)
			cbor_fail(r->c, "certificate is empty");
		return ERR_OK;
	case KEYSET_SLOT:
		number = cbor_get_uint(r->c);
		if (number > SLOT_MAX)
			cbor_fail(r->c, "slot beyond 15");
		k->slot = (unsigned)number;
		return ERR_OK;
	case KEYSET_PURPOSE:
		number = cbor_get_uint(r->c);
		k->purpose = (enum product_purpose)number;
		if (cbor_ok(r->c) && (number > PURPOSE_SIGN || number == 0))
			return read_unsupported(r, "purpose", (int64_t)number);
		return ERR_OK;
	case KEYSET_MAKER:
		number = cbor_get_uint(r->c);
		k->maker = (enum product_maker)number;
		if (cbor_ok(r->c) && (number > MAKER_AUTHORITY || number == 0))
			return read_unsupported(r, "maker", (int64_t)number);
		return ERR_OK;
	default:
		cbor_skip(r->c);
		return ERR_OK;
	}
}

static enum err
keyset_entry(struct reader *r, struct document_key *k)
{
	size_t i, pairs = cbor_get_map(r->c);
	unsigned seen = 0;
	int64_t label;
	bool key, certificate;
	enum err err;

	for (i = 0; i < pairs && cbor_ok(r->c); i++) {
		label = cbor_get_int(r->c);
		err = keyset_member(r, label, k);
		if (err)
			return err;
		if (label > 0 && label <= KEYSET_MAKER)
			seen |= 1U << label;
	}
	key = (seen & 1U << KEYSET_KEY) != 0;
	certificate = (seen & 1U << KEYSET_X5CHAIN) != 0;
	if (cbor_ok(r->c) && (seen & KEYSET_REQUIRED) != KEYSET_REQUIRED)
		cbor_fail(r->c, "slot, purpose or maker is missing");
	if (cbor_ok(r->c) && key == certificate)
		cbor_fail(r->c, "needs a key or a certificate, not both");
	return ERR_OK;
}

static enum err
read_keyset(struct reader *r)
{
	size_t i, count = cbor_get_array(r->c);
	struct document_key *keys = r->d->keys;
	enum err err;

	if (count > PRODUCT_SLOTS_MAX)
		return read_limit(r, count, PRODUCT_SLOTS_MAX);
	if (cbor_ok(r->c) && count == 0)
		cbor_fail(r->c, "no key in it");
	for (i = 0; i < count && cbor_ok(r->c); i++) {
		err = keyset_entry(r, &keys[i]);
		if (err)
			return err;
		if (i > 0 && keys[i].slot <= keys[i - 1].slot)
			cbor_fail(r->c, "slots not in ascending order");
	}
	r->d->key_count = count;
	return ERR_OK;
}

static enum err
anchor_member(struct reader *r, int64_t label, struct document_anchor *a)
{
	int64_t alg;

	if (label == ANCHOR_KEY) {
		a->is_key = true;
		return read_key(r, &a->key, NULL);
	}
	if (label != ANCHOR_X5T) {
		cbor_skip(r->c);
		return ERR_OK;
	}
	cbor_get_array_sized(r->c, 2);
	alg = cbor_get_int(r->c);
	if (cbor_ok(r->c) && alg != COSE_SHA256)
		return read_unsupported(r, "hash algorithm", alg);
	a->x5t = cbor_get_bstr_sized(r->c, SHA256_SIZE);
	return ERR_OK;
}

static enum err
anchor_read(struct reader *r, struct document_anchor *a)
{
	size_t i, pairs = cbor_get_map(r->c);
	enum err err;

	for (i = 0; i < pairs && cbor_ok(r->c); i++) {
		err = anchor_member(r, cbor_get_int(r->c), a);
		if (err)
			return err;
	}
	if (cbor_ok(r->c) && a->is_key == (a->x5t.len > 0))
		cbor_fail(r->c, "needs a key or a thumbprint, not both");
	return ERR_OK;
}

/* {purpose: [anchor, ...]}, kept as one list. */
static enum err
read_anchors(struct reader *r)
{
	size_t i, n, count, pairs = cbor_get_map(r->c);
	struct document *d = r->d;
	struct bytes purpose;
	enum err err;

	for (i = 0; i < pairs && cbor_ok(r->c); i++) {
		purpose = text_get(r->c);
		count = cbor_get_array(r->c);
		if (count > DOCUMENT_ANCHORS_MAX - d->anchor_count)
			return read_limit(r, d->anchor_count + count,
			    DOCUMENT_ANCHORS_MAX);
		for (n = 0; n < count && cbor_ok(r->c); n++) {
			d->anchors[d->anchor_count].purpose = purpose;
			err = anchor_read(r, &d->anchors[d->anchor_count]);
			if (err)
				return err;
			d->anchor_count++;
		}
	}
	return ERR_OK;
}

static enum err
read_product(struct reader *r)
{
	r->d->product = cbor_get_bstr_sized(r->c, SHA256_SIZE);
	return ERR_OK;
}

static enum err
read_policy(struct reader *r)
{
	r->d->policy = cbor_get_uint(r->c);
	return ERR_OK;
}

static enum err
read_names(struct reader *r)
{
	size_t i, count = cbor_get_map(r->c);

	if (count > PRODUCT_NAMES_MAX)
		return read_limit(r, count, PRODUCT_NAMES_MAX);
	for (i = 0; i < count && cbor_ok(r->c); i++) {
		r->d->names[i].kind = text_get(r->c);
		r->d->names[i].text = text_get(r->c);
	}
	r->d->name_count = count;
	return ERR_OK;
}

static const struct claim_rule {
	enum claim	number;
	bool		required;
	const char	*name;
	enum err	(*read)(struct reader *);
} claim_rules[] = {
	{ CLAIM_ISS, true, "iss", read_issuer },
	{ CLAIM_EXP, false, "exp", read_expires },
	{ CLAIM_NBF, true, "nbf", read_not_before },
	{ CLAIM_IAT, true, "iat", read_issued },
	{ CLAIM_CTI, false, "cti", read_salt },
	{ CLAIM_CNF, true, "cnf", read_confirmation },
	{ CLAIM_SCOPE, true, "scope", read_scope },
	{ CLAIM_UEID, true, "ueid", read_ueid },
	{ CLAIM_SUEIDS, false, "sueids", read_sueids },
	{ CLAIM_OEMID, false, "oemid", read_oemid },
	{ CLAIM_HWMODEL, false, "hwmodel", read_hwmodel },
	{ CLAIM_HWVERSION, false, "hwversion", read_hwversion },
	{ CLAIM_EAT_PROFILE, true, "eat_profile", read_profile },
	{ CLAIM_SWNAME, false, "swname", read_swname },
	{ CLAIM_SWVERSION, false, "swversion", read_swversion },
	{ CLAIM_STATUS, false, "status", read_status },
	{ CLAIM_CAPABILITIES, false, "capabilities", read_capabilities },
	{ CLAIM_KEYSET, true, "keyset", read_keyset },
	{ CLAIM_ANCHORS, false, "trust anchors", read_anchors },
	{ CLAIM_PRODUCT, false, "product", read_product },
	{ CLAIM_POLICY, false, "policy", read_policy },
	{ CLAIM_NAMES, false, "names", read_names }
};
#define RULE_COUNT	(sizeof(claim_rules) / sizeof(claim_rules[0]))

/* RULE_COUNT for a claim this version does not know. */
static size_t
rule_find(int64_t number)
{
	size_t i;

	for (i = 0; i < RULE_COUNT; i++)
		if (claim_rules[i].number == number)
			break;
	return i;
}

const char *
document_claim_name(int64_t number)
{
	size_t i = rule_find(number);

	return i < RULE_COUNT ? claim_rules[i].name : NULL;
}

static enum err
claim_read(struct reader *r, uint32_t *seen)
{
	int64_t number;
	size_t i;
	enum err err;

	r->claim = "with a text for a name";
	if (cbor_peek(r->c) == CBOR_TSTR) {
		cbor_skip(r->c);
		cbor_skip(r->c);
		return ERR_OK;
	}
	r->claim = "(its number)";
	number = cbor_get_int(r->c);
	i = rule_find(number);
	if (i == RULE_COUNT || !cbor_ok(r->c)) {
		cbor_skip(r->c);
		return ERR_OK;
	}
	r->claim = claim_rules[i].name;
	err = claim_rules[i].read(r);
	*seen |= UINT32_C(1) << i;
	return err;
}

static enum err
claims_parse(struct document *d, struct diag *diag)
{
	struct cbor c;
	struct reader r = { .c = &c, .d = d, .claim = "set", .diag = diag };
	size_t i, pairs;
	uint32_t seen = 0;
	enum err err;

	cbor_open(&c, d->claims);
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && cbor_ok(&c); i++) {
		err = claim_read(&r, &seen);
		if (err)
			return err;
	}
	if (!cbor_close(&c))
		return diag_fail(diag, ERR_SYNTAX, "RFC 8392 3",
		    "document: claim %s: octet %zu of the claims: %s",
		    r.claim, c.pos, c.error);
	for (i = 0; i < RULE_COUNT; i++)
		if (claim_rules[i].required && (seen & UINT32_C(1) << i) == 0)
			return diag_fail(diag, ERR_SYNTAX, "RFC 8392 3",
			    "document: claim %s: is missing",
			    claim_rules[i].name);
	return ERR_OK;
}

static enum err
direct_parse(struct bytes input, struct document *d, struct diag *diag)
{
	enum err err;

	err = cose_sign1_parse(input, &d->message, diag);
	if (err) {
		diag_prefix(diag, "document");
		return err;
	}
	/* RFC 9596 2: no other signed object passes for a document */
	if (!bytes_equal(d->message.typ, bytes_text(DOCUMENT_TYP)))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9596 2",
		    "document: typ: not %s", DOCUMENT_TYP);
	d->claims = d->message.payload;
	return claims_parse(d, diag);
}

enum err
document_parse(struct bytes input, struct document *ret_document,
    struct diag *diag)
{
	struct document d = { .expires = TIME_MAX_S };
	enum err err;

	if (input.len > DOCUMENT_SIZE_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "document: %zu octets, at most %zu", input.len,
		    DOCUMENT_SIZE_MAX);
	if (document_has_receipt(input)) {
		err = document_receipt_parse(input, &d, diag);
		if (!err)
			err = claims_parse(&d, diag);
		if (!err)
			err = document_receipt_check(&d, diag);
	} else {
		err = direct_parse(input, &d, diag);
	}
	if (err)
		return err;
	*ret_document = d;
	return ERR_OK;
}

/* The claims of either kind, looked at no further than that. */
static enum err
claims_find(struct bytes input, struct bytes *ret_claims, struct diag *diag)
{
	struct cose_sign1 message;
	struct cbor c;
	enum err err;

	if (!document_has_receipt(input)) {
		err = cose_sign1_parse(input, &message, diag);
		*ret_claims = err ? BYTES_NONE : message.payload;
		return err;
	}
	cbor_open(&c, input);
	cbor_get_array_sized(&c, 2);
	*ret_claims = cbor_get_bstr(&c);
	cbor_skip(&c);
	return cbor_close(&c) ? ERR_OK : diag_fail(diag, ERR_SYNTAX,
	    "RFC 8949 4.2.1", "document: octet %zu: %s", c.pos, c.error);
}

static enum err
label_claim_read(struct reader *r)
{
	int64_t number = 0;

	if (cbor_peek(r->c) == CBOR_TSTR)
		cbor_skip(r->c);
	else
		number = cbor_get_int(r->c);
	if (number == CLAIM_UEID)
		return read_ueid(r);
	if (number == CLAIM_NAMES)
		return read_names(r);
	cbor_skip(r->c);
	return ERR_OK;
}

enum err
document_read_label(struct bytes input, struct document *out,
    struct diag *diag)
{
	struct cbor c;
	struct reader r = { .c = &c, .d = out, .claim = "ueid or names",
		.diag = diag };
	struct bytes claims;
	size_t i, pairs;
	enum err err;

	out->ueid = BYTES_NONE;
	out->name_count = 0;
	err = claims_find(input, &claims, diag);
	if (err)
		return err;
	cbor_open(&c, claims);
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && !err && cbor_ok(&c); i++)
		err = label_claim_read(&r);
	if (!err && (!cbor_close(&c) || out->ueid.len == 0))
		err = diag_fail(diag, ERR_SYNTAX, "RFC 8392 3", "document:"
		    " claim ueid: %s", c.error ? c.error : "is missing");
	return err;
}

enum err
document_key_read(struct bytes cose_key, struct public_key *ret_key)
{
	struct bytes private = BYTES_NONE;

	return cose_key_parse(cose_key, ret_key, &private, NULL);
}

static uint32_t
bits_find(const struct document_object *objects, size_t count,
    struct bytes object)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (bytes_equal(objects[i].object, object))
			return objects[i].bits;
	return 0;
}

uint32_t
document_rights(const struct document *d, struct bytes object)
{
	return bits_find(d->scope, d->scope_count, object) &
	    bits_find(d->capabilities, d->capability_count, object);
}
