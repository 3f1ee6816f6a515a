/*
 * The canonical form: a map with integer keys, which the numbers below name
 * for ever. Absent is what is empty or 0.
 *
 *	{0: 1, 1: name, 2: version, ? 3: manufacturer, ? 4: oemid,
 *	 5: hwmodel, ? 6: hwversion, ? 7: swname, ? 8: swversion,
 *	 9: [* [object, bits]], 10: [* [object, bits]],
 *	 11: [+ {0: slot, 1: purpose, 2: algorithm, 3: maker,
 *	         ? 4: [validity, with]}],
 *	 12: [* [purpose, null / [algorithm, key]]],
 *	 13: [* name],
 *	 14: [signature mode, validity], 15: delivery, ? 16: evidence,
 *	 ? 17: target, ? 18: [form, ? layout],
 *	 ? 19: [bootstrap product, attempts, grace in days]}
 *
 * validity: years, or -1 for never. The key is its raw form. Signature mode:
 * 1 direct, 2 receipt.
 *
 *	name = [kind, prefix, digits]		from index
 *	     / [kind, 1, type, prefix, digits, alphabet, first, last]	range
 *	     / [kind, 2, type]			order-csv
 *	     / [kind, 3, type]			line
 *	     / [kind, 4, type]			birth
 *
 *	target = {? 1: [+ [slot, [+ algorithm]]], ? 2: certificate,
 *	          ? 3: document, ? 4: package, ? 5: total}	octets
 */
#include "lib/base/cbor_write.h"
#include "lib/policy/product.h"
#include "lib/policy/product_rules.h"

#define FORMAT_VERSION		1
#define PRODUCT_ENCODED_MAX	((size_t)64 << 10)
#define DELIVERY_STATION	1

enum key {
	KEY_FORMAT = 0, KEY_NAME = 1, KEY_VERSION = 2,
	KEY_MANUFACTURER = 3, KEY_OEMID = 4, KEY_HWMODEL = 5,
	KEY_HWVERSION = 6, KEY_SWNAME = 7, KEY_SWVERSION = 8,
	KEY_CAPABILITIES = 9, KEY_AUTHORISATIONS = 10,
	KEY_CREDENTIALS = 11, KEY_ANCHORS = 12, KEY_NAMES = 13,
	KEY_DOCUMENT = 14, KEY_DELIVERY = 15, KEY_EVIDENCE = 16,
	KEY_TARGET = 17, KEY_FORM = 18, KEY_FIELD = 19
};

/* What a field section says beyond its four numbers. */
enum field_key { FIELD_CLAIM = 1, FIELD_DEVICES = 2, FIELD_BIRTH = 3 };
#define CLAIM_REQUIRED	1
#define BIRTH_SUPERSEDED 1

static void
text_put(struct buf *out, enum key key, const char *text)
{
	if (text[0] == '\0')
		return;
	cbor_put_uint(out, key);
	cbor_put_text(out, text);
}

static void
objects_put(struct buf *out, enum key key,
    const struct product_object *objects, size_t count)
{
	size_t i;

	cbor_put_uint(out, key);
	cbor_put_array(out, count);
	for (i = 0; i < count; i++) {
		cbor_put_array(out, 2);
		cbor_put_text(out, objects[i].object);
		cbor_put_uint(out, objects[i].bits);
	}
}

static void
credentials_put(struct buf *out, const struct product *p)
{
	const struct product_credential *c = p->credentials;
	size_t i;

	cbor_put_uint(out, KEY_CREDENTIALS);
	cbor_put_array(out, p->credential_count);
	for (i = 0; i < p->credential_count; i++, c++) {
		cbor_put_map(out, c->certificate ? 5 : 4);
		cbor_put_uint(out, 0);
		cbor_put_uint(out, c->slot);
		cbor_put_uint(out, 1);
		cbor_put_uint(out, c->purpose);
		cbor_put_uint(out, 2);
		cbor_put_uint(out, c->alg);
		cbor_put_uint(out, 3);
		cbor_put_uint(out, c->maker);
		if (!c->certificate)
			continue;
		cbor_put_uint(out, 4);
		cbor_put_array(out, 2);
		cbor_put_int(out, c->validity_years);
		cbor_put_uint(out, c->with);
	}
}

static void
anchors_put(struct buf *out, const struct product *p)
{
	const struct product_anchor *a = p->anchors;
	size_t i;

	cbor_put_uint(out, KEY_ANCHORS);
	cbor_put_array(out, p->anchor_count);
	for (i = 0; i < p->anchor_count; i++, a++) {
		cbor_put_array(out, 2);
		cbor_put_text(out, a->purpose);
		if (!a->is_key) {
			cbor_put_null(out);
			continue;
		}
		cbor_put_array(out, 2);
		cbor_put_uint(out, a->public_key.alg);
		cbor_put_bstr(out, bytes_of(a->public_key.raw,
		    a->public_key.len));
	}
}

void
product_name_put(struct buf *out, const struct product_name *name)
{
	bool range = name->from == NAME_FROM_RANGE;

	cbor_put_array(out, range ? 8 : 3);
	cbor_put_text(out, name->kind);
	if (name->from == NAME_FROM_INDEX) {
		cbor_put_text(out, name->prefix);
		cbor_put_uint(out, name->digits);
		return;
	}
	cbor_put_uint(out, name->from);
	cbor_put_uint(out, name->type);
	if (!range)
		return;
	cbor_put_text(out, name->prefix);
	cbor_put_uint(out, name->digits);
	cbor_put_uint(out, name->alphabet);
	cbor_put_uint(out, name->first);
	cbor_put_uint(out, name->last);
}

static void
names_put(struct buf *out, const struct product *p)
{
	size_t i;

	cbor_put_uint(out, KEY_NAMES);
	cbor_put_array(out, p->name_count);
	for (i = 0; i < p->name_count; i++)
		product_name_put(out, &p->names[i]);
}

static void
field_put(struct buf *out, const struct product_field *field)
{
	size_t more = (size_t)field->claim + (field->devices > 0) +
	    (size_t)field->supersedes;

	if (field->bootstrap[0] == '\0')
		return;
	cbor_put_uint(out, KEY_FIELD);
	cbor_put_array(out, more > 0 ? 5 : field->est > 0 ? 4 : 3);
	cbor_put_text(out, field->bootstrap);
	cbor_put_uint(out, field->attempts);
	cbor_put_uint(out, field->grace_days);
	if (field->est > 0 || more > 0)
		cbor_put_uint(out, field->est);
	if (more > 0)
		cbor_put_map(out, more);
	if (field->claim) {
		cbor_put_uint(out, FIELD_CLAIM);
		cbor_put_uint(out, CLAIM_REQUIRED);
	}
	if (field->devices > 0) {
		cbor_put_uint(out, FIELD_DEVICES);
		cbor_put_uint(out, field->devices);
	}
	if (field->supersedes) {
		cbor_put_uint(out, FIELD_BIRTH);
		cbor_put_uint(out, BIRTH_SUPERSEDED);
	}
}

static size_t
pairs_count(const struct product *p)
{
	size_t count = 11;	/* the required ones */

	count += p->manufacturer[0] != '\0';
	count += p->oemid != 0;
	count += p->hwversion[0] != '\0';
	count += p->swname[0] != '\0';
	count += p->swversion[0] != '\0';
	count += p->evidence != INJECTION_UNPROVEN;
	count += p->field.bootstrap[0] != '\0';
	count += target_given(&p->target);
	count += p->form != FORM_CBOR;
	return count;
}

enum err
product_encode(const struct product *p, struct buf *out)
{
	enum err err;

	err = product_check(p, NULL);
	if (err)
		return err;
	cbor_put_map(out, pairs_count(p));
	cbor_put_uint(out, KEY_FORMAT);
	cbor_put_uint(out, FORMAT_VERSION);
	text_put(out, KEY_NAME, p->name);
	text_put(out, KEY_VERSION, p->version);
	text_put(out, KEY_MANUFACTURER, p->manufacturer);
	if (p->oemid != 0) {
		cbor_put_uint(out, KEY_OEMID);
		cbor_put_uint(out, p->oemid);
	}
	text_put(out, KEY_HWMODEL, p->hwmodel);
	text_put(out, KEY_HWVERSION, p->hwversion);
	text_put(out, KEY_SWNAME, p->swname);
	text_put(out, KEY_SWVERSION, p->swversion);
	objects_put(out, KEY_CAPABILITIES, p->capabilities,
	    p->capability_count);
	objects_put(out, KEY_AUTHORISATIONS, p->authorisations,
	    p->authorisation_count);
	credentials_put(out, p);
	anchors_put(out, p);
	names_put(out, p);
	cbor_put_uint(out, KEY_DOCUMENT);
	cbor_put_array(out, 2);
	cbor_put_uint(out, p->signature + UINT64_C(1));
	cbor_put_int(out, p->document_validity_years);
	cbor_put_uint(out, KEY_DELIVERY);
	cbor_put_uint(out, DELIVERY_STATION);
	if (p->evidence != INJECTION_UNPROVEN) {
		cbor_put_uint(out, KEY_EVIDENCE);
		cbor_put_uint(out, p->evidence);
	}
	if (target_given(&p->target)) {
		cbor_put_uint(out, KEY_TARGET);
		target_put(out, &p->target);
	}
	if (p->form != FORM_CBOR) {
		cbor_put_uint(out, KEY_FORM);
		cbor_put_array(out, p->layout[0] != '\0' ? 2 : 1);
		cbor_put_uint(out, p->form);
		if (p->layout[0] != '\0')
			cbor_put_text(out, p->layout);
	}
	field_put(out, &p->field);
	return buf_err(out);
}

enum err
product_hash(const struct product *p, uint8_t ret_hash[SHA256_SIZE])
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	enum err err;

	err = product_encode(p, &out);
	if (err)
		return err;
	return sha256_once(buf_bytes(&out), ret_hash);
}

/* A number of at most max. */
static unsigned
number_get(struct cbor *c, unsigned max)
{
	uint64_t value = cbor_get_uint(c);

	if (value <= max)
		return (unsigned)value;
	cbor_fail(c, "number out of range");
	return 0;
}

static int
years_get(struct cbor *c)
{
	int64_t value = cbor_get_int(c);

	if (value >= PRODUCT_NEVER && value <= PRODUCT_YEARS_MAX)
		return (int)value;
	cbor_fail(c, "validity out of range");
	return 0;
}

static void
text_get(struct cbor *c, char *text, size_t size)
{
	struct bytes found = cbor_get_tstr(c);

	if (found.len >= size) {
		cbor_fail(c, "text is too long");
		return;
	}
	if (found.len > 0 && memchr(found.ptr, '\0', found.len) != NULL) {
		cbor_fail(c, "text holds a NUL");
		return;
	}
	if (found.len > 0)
		memcpy(text, found.ptr, found.len);
	text[found.len] = '\0';
}

static size_t
array_get(struct cbor *c, size_t max)
{
	size_t count = cbor_get_array(c);

	if (count <= max)
		return count;
	cbor_fail(c, "too many entries");
	return 0;
}

static void
objects_get(struct cbor *c, struct product_object *objects, size_t *ret_count)
{
	size_t i, count = array_get(c, PRODUCT_OBJECTS_MAX);

	for (i = 0; i < count; i++) {
		cbor_get_array_sized(c, 2);
		text_get(c, objects[i].object, sizeof(objects[i].object));
		objects[i].bits = number_get(c, (1u << PERMISSION_COUNT) - 1);
	}
	*ret_count = count;
}

static void
key_expect(struct cbor *c, unsigned key)
{
	if (cbor_get_uint(c) != key)
		cbor_fail(c, "another key expected");
}

static void
credential_get(struct cbor *c, struct product_credential *credential)
{
	size_t pairs = cbor_get_map(c);

	if (pairs != 4 && pairs != 5)
		cbor_fail(c, "credential of another size expected");
	key_expect(c, 0);
	credential->slot = number_get(c, PRODUCT_SLOTS_MAX - 1);
	key_expect(c, 1);
	credential->purpose = (enum product_purpose)number_get(c, UINT8_MAX);
	key_expect(c, 2);
	credential->alg = (enum key_alg)number_get(c, UINT8_MAX);
	key_expect(c, 3);
	credential->maker = (enum product_maker)number_get(c, UINT8_MAX);
	credential->certificate = pairs == 5;
	if (!credential->certificate)
		return;
	key_expect(c, 4);
	cbor_get_array_sized(c, 2);
	credential->validity_years = years_get(c);
	credential->with = number_get(c, CERT_WITH_ALL);
}

static void
anchor_get(struct cbor *c, struct product_anchor *anchor)
{
	struct public_key *key = &anchor->public_key;
	struct bytes raw;

	cbor_get_array_sized(c, 2);
	text_get(c, anchor->purpose, sizeof(anchor->purpose));
	anchor->is_key = cbor_peek(c) == CBOR_ARRAY;
	if (!anchor->is_key) {
		cbor_get_null(c);
		return;
	}
	cbor_get_array_sized(c, 2);
	key->alg = (enum key_alg)number_get(c, UINT8_MAX);
	raw = cbor_get_bstr(c);
	if (raw.len > sizeof(key->raw)) {
		cbor_fail(c, "public key is too long");
		return;
	}
	if (raw.len > 0)
		memcpy(key->raw, raw.ptr, raw.len);
	key->len = raw.len;
}

static void
name_get_sourced(struct cbor *c, struct product_name *name, size_t parts)
{
	name->from = (enum name_source)number_get(c, NAME_FROM_BIRTH);
	name->type = (enum name_type)number_get(c, NAME_IMEI);
	if (name->from == NAME_FROM_INDEX ||
	    parts != (name->from == NAME_FROM_RANGE ? 8 : 3))
		cbor_fail(c, "source of a name does not fit its parts");
	if (name->from != NAME_FROM_RANGE)
		return;
	text_get(c, name->prefix, sizeof(name->prefix));
	name->digits = number_get(c, PRODUCT_DIGITS_MAX);
	name->alphabet = (enum name_digits)number_get(c, NAME_HEX_UPPER);
	name->first = cbor_get_uint(c);
	name->last = cbor_get_uint(c);
}

void
product_name_get(struct cbor *c, struct product_name *ret_name)
{
	struct product_name name = { .kind = "" };
	size_t parts = cbor_get_array(c);

	text_get(c, name.kind, sizeof(name.kind));
	if (cbor_peek(c) == CBOR_UINT) {
		name_get_sourced(c, &name, parts);
	} else {
		if (parts != 3)
			cbor_fail(c, "array of another size expected");
		text_get(c, name.prefix, sizeof(name.prefix));
		name.digits = number_get(c, PRODUCT_DIGITS_MAX);
	}
	*ret_name = name;
}

static enum product_signature
signature_get(struct cbor *c)
{
	uint64_t value = cbor_get_uint(c);

	if (value >= 1 && value <= SIGNATURE_RECEIPT + 1)
		return (enum product_signature)(value - 1);
	cbor_fail(c, "unknown signature mode");
	return SIGNATURE_DIRECT;
}

/* What is not as it is without a word: at least one. */
static void
field_more_get(struct cbor *c, struct product_field *field)
{
	size_t count = cbor_get_map(c), i;
	uint64_t key, last = 0;

	if (count == 0)
		cbor_fail(c, "field: nothing more is left out");
	for (i = 0; i < count && cbor_ok(c); i++) {
		key = cbor_get_uint(c);
		if (key <= last || key > FIELD_BIRTH) {
			cbor_fail(c, "field: not known to this build");
		} else if (key == FIELD_BIRTH) {
			field->supersedes = true;
			if (cbor_get_uint(c) != BIRTH_SUPERSEDED)
				cbor_fail(c, "field: birth: it is superseded,"
				    " or left out");
		} else if (key == FIELD_DEVICES) {
			field->devices = number_get(c, PRODUCT_EST_MAX);
			if (field->devices == 0)
				cbor_fail(c, "field: devices: 0 is left out");
		} else {
			field->claim = true;
			if (cbor_get_uint(c) != CLAIM_REQUIRED)
				cbor_fail(c, "field: claim: it is required, "
				    "or left out");
		}
		last = key;
	}
}

static void
field_get(struct cbor *c, struct product_field *field)
{
	size_t count = cbor_get_array(c);

	if (count < 3 || count > 5)
		cbor_fail(c, "field: 3 to 5 items are expected");
	text_get(c, field->bootstrap, sizeof(field->bootstrap));
	field->attempts = number_get(c, PRODUCT_ATTEMPTS_MAX);
	field->grace_days = number_get(c, PRODUCT_GRACE_MAX);
	if (count > 3)
		field->est = number_get(c, PRODUCT_EST_MAX);
	if (count == 4 && field->est == 0)
		cbor_fail(c, "field: est: 0 is left out");
	if (count == 5)
		field_more_get(c, field);
}

static void
lists_get(struct cbor *c, struct product *p, enum key key)
{
	size_t i;

	switch (key) {
	case KEY_CREDENTIALS:
		p->credential_count = array_get(c, PRODUCT_SLOTS_MAX);
		for (i = 0; i < p->credential_count; i++)
			credential_get(c, &p->credentials[i]);
		break;
	case KEY_ANCHORS:
		p->anchor_count = array_get(c, PRODUCT_ANCHORS_MAX);
		for (i = 0; i < p->anchor_count; i++)
			anchor_get(c, &p->anchors[i]);
		break;
	case KEY_NAMES:
		p->name_count = array_get(c, PRODUCT_NAMES_MAX);
		for (i = 0; i < p->name_count; i++)
			product_name_get(c, &p->names[i]);
		break;
	case KEY_DOCUMENT:
		cbor_get_array_sized(c, 2);
		p->signature = signature_get(c);
		p->document_validity_years = years_get(c);
		break;
	case KEY_DELIVERY:
		if (cbor_get_uint(c) != DELIVERY_STATION)
			cbor_fail(c, "unknown delivery");
		break;
	case KEY_EVIDENCE:
		p->evidence = (enum product_evidence)number_get(c,
		    INJECTION_SIGNED);
		break;
	case KEY_FIELD:
		field_get(c, &p->field);
		break;
	case KEY_TARGET:
		target_get(c, &p->target);
		break;
	case KEY_FORM:
		i = array_get(c, 2);
		p->form = (enum product_form)number_get(c, FORM_NDJSON);
		if (i == 2)
			text_get(c, p->layout, sizeof(p->layout));
		break;
	default:
		cbor_fail(c, "unknown key");
	}
}

static void
value_get(struct cbor *c, struct product *p, enum key key)
{
	switch (key) {
	case KEY_NAME:
		text_get(c, p->name, sizeof(p->name));
		break;
	case KEY_VERSION:
		text_get(c, p->version, sizeof(p->version));
		break;
	case KEY_MANUFACTURER:
		text_get(c, p->manufacturer, sizeof(p->manufacturer));
		break;
	case KEY_OEMID:
		p->oemid = number_get(c, UINT32_MAX);
		break;
	case KEY_HWMODEL:
		text_get(c, p->hwmodel, sizeof(p->hwmodel));
		break;
	case KEY_HWVERSION:
		text_get(c, p->hwversion, sizeof(p->hwversion));
		break;
	case KEY_SWNAME:
		text_get(c, p->swname, sizeof(p->swname));
		break;
	case KEY_SWVERSION:
		text_get(c, p->swversion, sizeof(p->swversion));
		break;
	case KEY_CAPABILITIES:
		objects_get(c, p->capabilities, &p->capability_count);
		break;
	case KEY_AUTHORISATIONS:
		objects_get(c, p->authorisations, &p->authorisation_count);
		break;
	default:
		lists_get(c, p, key);
	}
}

/* Only the form product_encode() gives: compare, rather than trust that
 * nothing was left out, left empty or put twice. */
static enum err
canonical_check(struct bytes input, const struct product *p,
    struct diag *diag)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	enum err err;

	err = product_encode(p, &out);
	if (err)
		return diag_fail(diag, err, NULL,
		    "product %s: cannot be encoded", p->name);
	if (!bytes_equal(buf_bytes(&out), input))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "product %s: not in canonical form", p->name);
	return ERR_OK;
}

static enum err
fields_get(struct cbor *c, struct product *p, struct diag *diag)
{
	size_t pairs = cbor_get_map(c);
	uint64_t version;

	key_expect(c, KEY_FORMAT);
	version = cbor_get_uint(c);
	if (cbor_ok(c) && version != FORMAT_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL, "product: format "
		    "version %llu; this build reads version %d",
		    (unsigned long long)version, FORMAT_VERSION);
	for (; pairs > 1 && cbor_ok(c); pairs--)
		value_get(c, p, (enum key)number_get(c, KEY_FIELD));
	if (!cbor_close(c))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "product: octet %zu: %s", c->pos, c->error);
	return ERR_OK;
}

enum err
product_decode(struct bytes input, struct product *ret_product,
    struct diag *diag)
{
	struct product p = { .name = "" };
	struct cbor c;
	enum err err;

	if (input.len > PRODUCT_ENCODED_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "product: %zu octets; at most %zu", input.len,
		    PRODUCT_ENCODED_MAX);
	cbor_open(&c, input);
	err = fields_get(&c, &p, diag);
	if (err)
		return err;
	err = product_check(&p, diag);
	if (err)
		return err;
	err = canonical_check(input, &p, diag);
	if (err)
		return err;
	*ret_product = p;
	return ERR_OK;
}
