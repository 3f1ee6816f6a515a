#include "lib/policy/product_yaml.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/policy/product_yaml_internal.h"

#define ALGORITHMS_MAX	16

enum err
fault_report(struct yamlfile *y, yaml_node_t *node, const struct fault *f)
{
	yaml_node_t *child = NULL;

	if (f->key != NULL && yamlfile_is_map(node))
		child = yamlfile_child(y, node, f->key);
	return yamlfile_fail(y, child != NULL ? child : node, f->code,
	    "%s%s%s", f->key != NULL ? f->key : "",
	    f->key != NULL ? ": " : "", f->text);
}

enum err
text_store(struct yamlfile *y, yaml_node_t *node, const char *text,
    char *out, size_t size)
{
	size_t len = strlen(text);

	if (len >= size)
		return yamlfile_fail(y, node, ERR_LIMIT,
		    "is %zu octets long; at most %zu", len, size - 1);
	memcpy(out, text, len + 1);
	return ERR_OK;
}

/* A text of the field that the key says, under a rule. */
static enum err
ruled_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target,
    enum err (*rule)(const char *, struct fault *))
{
	struct fault f = { .key = NULL };
	char shown[YAMLFILE_SHOWN_SIZE];
	const char *text;
	enum err err;

	err = yamlfile_text(y, node, &text);
	if (err)
		return err;
	err = rule(text, &f);
	if (err)
		return yamlfile_fail(y, node, err, "\"%s\" %s",
		    yamlfile_shown(text, shown), f.text);
	return text_store(y, node, text, (char *)target + key->offset,
	    key->size);
}

enum err
word_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	return ruled_read(y, key, node, target, rule_word);
}

static enum err
version_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	return ruled_read(y, key, node, target, rule_version);
}

static enum err
manufacturer_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	return ruled_read(y, key, node, target, rule_manufacturer);
}

static enum err
text_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct fault f = { .key = NULL };
	const char *text;
	enum err err;

	err = yamlfile_text(y, node, &text);
	if (err)
		return err;
	err = rule_text(text, key->size - 1, &f);
	if (err)
		return fault_report(y, node, &f);
	return text_store(y, node, text, (char *)target + key->offset,
	    key->size);
}

static enum err
oemid_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product *p = target;

	(void)key;
	return yamlfile_number(y, node, 1, UINT32_MAX, &p->oemid);
}

static enum err
metadata_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_key keys[] = {
		{ "manufacturer", false, manufacturer_read,
		    FIELD(struct product, manufacturer) },
		{ "oemid", false, oemid_read, 0, 0 },
		{ "hwmodel", true, text_read,
		    FIELD(struct product, hwmodel) },
		{ "hwversion", false, text_read,
		    FIELD(struct product, hwversion) },
		{ "swname", false, text_read, FIELD(struct product, swname) },
		{ "swversion", false, text_read,
		    FIELD(struct product, swversion) },
	};

	(void)key;
	return yamlfile_map(y, node, keys, COUNT(keys), target);
}

static enum err
method_read(struct yamlfile *y, yaml_node_t *node, void *target)
{
	uint32_t *bits = target;
	char shown[YAMLFILE_SHOWN_SIZE];
	const char *word;
	unsigned bit;
	enum err err;

	err = yamlfile_text(y, node, &word);
	if (err)
		return err;
	if (permission_by_name(word, &bit) != ERR_OK)
		return yamlfile_fail(y, node, ERR_INVALID,
		    "\"%s\" is not a method; allowed: GET, POST, PUT, DELETE, "
		    "FETCH, PATCH, iPATCH", yamlfile_shown(word, shown));
	if ((*bits & 1u << bit) != 0)
		return yamlfile_fail(y, node, ERR_INVALID,
		    "\"%s\" is repeated", word);
	*bits |= 1u << bit;
	return ERR_OK;
}

static enum err
object_read(struct yamlfile *y, const char *name, yaml_node_t *node,
    struct product_object *ret_object)
{
	struct product_object object = { .bits = 0 };
	struct fault f = { .key = NULL };
	enum err err;

	err = text_store(y, node, name, object.object, sizeof(object.object));
	if (err)
		return err;
	err = yamlfile_list(y, node, PERMISSION_COUNT, method_read,
	    &object.bits);
	if (err)
		return err;
	if (object.bits == 0)
		return yamlfile_fail(y, node, ERR_INVALID, "lists no method; "
		    "leave the object out to deny it");
	err = rule_object(&object, &f);
	if (err)
		return fault_report(y, node, &f);
	*ret_object = object;
	return ERR_OK;
}

static enum err
capability_read(struct yamlfile *y, const char *name, yaml_node_t *node,
    void *target)
{
	struct product *p = target;
	enum err err;

	err = object_read(y, name, node,
	    &p->capabilities[p->capability_count]);
	if (!err)
		p->capability_count++;
	return err;
}

static enum err
capabilities_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	(void)key;
	return yamlfile_pairs(y, node, PRODUCT_OBJECTS_MAX, capability_read,
	    target);
}

static enum err
authorisation_read(struct yamlfile *y, const char *name, yaml_node_t *node,
    void *target)
{
	struct fault f = { .key = NULL };
	struct product *p = target;
	struct product_object *object;
	enum err err;

	object = &p->authorisations[p->authorisation_count];
	err = object_read(y, name, node, object);
	if (err)
		return err;
	err = rule_authorised(p, object, &f);
	if (err)
		return fault_report(y, node, &f);
	p->authorisation_count++;
	return ERR_OK;
}

static enum err
authorisations_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	(void)key;
	return yamlfile_pairs(y, node, PRODUCT_OBJECTS_MAX,
	    authorisation_read, target);
}

/* "20 years", "1 year", "never". */
static enum err
validity_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	int *years = (int *)(void *)((char *)target + key->offset);
	char shown[YAMLFILE_SHOWN_SIZE];
	unsigned long number;
	const char *text;
	size_t len;
	enum err err;

	err = yamlfile_text(y, node, &text);
	if (err)
		return err;
	if (strcmp(text, "never") == 0) {
		*years = PRODUCT_NEVER;
		return ERR_OK;
	}
	len = strspn(text, "0123456789");
	number = strtoul(text, NULL, 10);
	if (len == 0 || len > 3 || text[0] == '0' ||
	    strcmp(text + len, number == 1 ? " year" : " years") != 0 ||
	    number > PRODUCT_YEARS_MAX)
		return yamlfile_fail(y, node, ERR_INVALID, "\"%s\" is no "
		    "validity; allowed: 1 year, 2 years to %d years, never",
		    yamlfile_shown(text, shown), PRODUCT_YEARS_MAX);
	*years = (int)number;
	return ERR_OK;
}

static enum err
omit_one_read(struct yamlfile *y, yaml_node_t *node, void *target)
{
	static const struct yamlfile_choice parts[] = {
		{ "ski", CERT_WITH_SKI, true },
		{ "aki", CERT_WITH_AKI, true },
		{ "crl", CERT_WITH_CRL, true },
		{ "aia", CERT_WITH_AIA, true },
		{ "eku", CERT_WITH_EKU, true },
	};
	struct product_credential *c = target;
	enum err err;
	int part = 0;

	err = yamlfile_choice(y, node, parts, COUNT(parts), &part);
	if (err)
		return err;
	if ((c->with & (unsigned)part) == 0)
		return yamlfile_fail(y, node, ERR_INVALID, "is repeated");
	c->with &= ~(unsigned)part;
	return ERR_OK;
}

static enum err
omit_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	(void)key;
	return yamlfile_list(y, node, 5, omit_one_read, target);
}

static enum err
certificate_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_key keys[] = {
		{ "validity", true, validity_read,
		    FIELD(struct product_credential, validity_years) },
		{ "omit", false, omit_read, 0, 0 },
	};
	struct product_credential *c = target;

	(void)key;
	c->certificate = true;
	c->with = CERT_WITH_ALL;
	return yamlfile_map(y, node, keys, COUNT(keys), c);
}

static enum err
slot_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product_credential *c = target;
	uint32_t slot = 0;
	enum err err;

	(void)key;
	err = yamlfile_number(y, node, 0, PRODUCT_SLOTS_MAX - 1, &slot);
	c->slot = slot;
	return err;
}

static enum err
purpose_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_choice purposes[] = {
		{ "authenticate", PURPOSE_AUTHENTICATE, true },
		{ "encrypt", PURPOSE_ENCRYPT, true },
		{ "sign", PURPOSE_SIGN, true },
	};
	struct product_credential *c = target;
	enum err err;
	int value = 0;

	(void)key;
	err = yamlfile_choice(y, node, purposes, COUNT(purposes), &value);
	c->purpose = (enum product_purpose)value;
	return err;
}

enum err
algorithm_choose(struct yamlfile *y, yaml_node_t *node, enum key_alg *ret_alg)
{
	struct yamlfile_choice algorithms[ALGORITHMS_MAX];
	const struct key_algorithm *a;
	enum err err;
	int value = 0;
	size_t i;

	for (i = 0; i < ALGORITHMS_MAX &&
	    (a = key_algorithm_at(i)) != NULL; i++)
		algorithms[i] = (struct yamlfile_choice){ a->name,
		    (int)a->alg, true };
	err = yamlfile_choice(y, node, algorithms, i, &value);
	if (!err)
		*ret_alg = (enum key_alg)value;
	return err;
}

static enum err
algorithm_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product_credential *c = target;
	struct diag why = DIAG_INIT;
	enum err err;

	(void)key;
	err = algorithm_choose(y, node, &c->alg);
	if (err)
		return err;
	err = key_alg_available(c->alg, &why);
	if (err) {
		(void)yamlfile_fail(y, node, err, "%.160s", why.what);
		diag_hint(y->diag, "%s", why.hint);
	}
	return err;
}

static enum err
key_from_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_choice makers[] = {
		{ "device", MAKER_DEVICE, true },
		{ "chip", MAKER_CHIP, true },
		{ "station", MAKER_STATION, false },
		{ "authority", MAKER_AUTHORITY, true },
	};
	struct product_credential *c = target;
	enum err err;
	int value = 0;

	(void)key;
	err = yamlfile_choice(y, node, makers, COUNT(makers), &value);
	c->maker = (enum product_maker)value;
	return err;
}

static enum err
credential_read(struct yamlfile *y, yaml_node_t *node, void *target)
{
	static const struct yamlfile_key keys[] = {
		{ "slot", true, slot_read, 0, 0 },
		{ "purpose", true, purpose_read, 0, 0 },
		{ "algorithm", true, algorithm_read, 0, 0 },
		{ "key-from", true, key_from_read, 0, 0 },
		{ "certificate", false, certificate_read, 0, 0 },
	};
	struct product_credential credential = { .slot = 0 };
	struct fault f = { .key = NULL };
	struct product *p = target;
	enum err err;
	size_t i;

	err = yamlfile_map(y, node, keys, COUNT(keys), &credential);
	if (err)
		return err;
	err = rule_credential(&credential, &f);
	if (err)
		return fault_report(y, node, &f);
	for (i = 0; i < p->credential_count; i++)
		if (p->credentials[i].slot == credential.slot)
			return yamlfile_fail(y, yamlfile_child(y, node,
			    "slot"), ERR_INVALID,
			    "slot: %u is taken by credentials[%zu]",
			    credential.slot, i);
	p->credentials[p->credential_count++] = credential;
	return ERR_OK;
}

static enum err
credentials_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct fault f = { .key = NULL };
	enum err err;

	(void)key;
	err = yamlfile_list(y, node, PRODUCT_SLOTS_MAX, credential_read,
	    target);
	if (err)
		return err;
	err = rule_authenticates(target, &f);
	return err ? fault_report(y, node, &f) : ERR_OK;
}

/* The base64 inside PEM armour (RFC 7468), or all of a text without. */
static struct bytes
armour_strip(const char *text)
{
	static const char begin[] = "-----BEGIN PUBLIC KEY-----";
	static const char end[] = "-----END PUBLIC KEY-----";
	size_t len;

	text += strspn(text, " \t\r\n");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		len--;
	if (len < sizeof(begin) + sizeof(end) - 2 ||
	    memcmp(text, begin, sizeof(begin) - 1) != 0 ||
	    memcmp(text + len - (sizeof(end) - 1), end, sizeof(end) - 1) != 0)
		return bytes_of(text, len);
	return bytes_of(text + sizeof(begin) - 1,
	    len - (sizeof(begin) - 1) - (sizeof(end) - 1));
}

static enum err
public_key_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct diag why = DIAG_INIT;
	struct product_anchor *anchor = target;
	const char *text;
	enum err err;

	(void)key;
	err = yamlfile_text(y, node, &text);
	if (err)
		return err;
	err = base64_decode(armour_strip(text), &der);
	if (err == ERR_NOMEM)
		return diag_nomem(y->diag);
	if (err)
		return yamlfile_fail(y, node, ERR_INVALID, "is neither a PEM "
		    "PUBLIC KEY nor the base64 of a SubjectPublicKeyInfo");
	err = public_key_from_spki(buf_bytes(&der), &anchor->public_key,
	    &why);
	if (err == ERR_SYNTAX)
		err = ERR_INVALID;
	if (err)
		return yamlfile_fail(y, node, err, "is no public key that can "
		    "be used: %.160s", why.what);
	anchor->is_key = true;
	return ERR_OK;
}

static enum err
anchor_read(struct yamlfile *y, const char *purpose, yaml_node_t *node,
    void *target)
{
	static const struct yamlfile_choice sources[] = {
		{ "root", 0, true },
		{ "issuer", 0, false },
	};
	static const struct yamlfile_key keys[] = {
		{ "key", true, public_key_read, 0, 0 },
	};
	struct product_anchor anchor = { .is_key = false };
	struct fault f = { .key = NULL };
	struct product *p = target;
	enum err err;
	int value;

	err = text_store(y, node, purpose, anchor.purpose,
	    sizeof(anchor.purpose));
	if (err)
		return err;
	if (yamlfile_is_map(node))
		err = yamlfile_map(y, node, keys, COUNT(keys), &anchor);
	else
		err = yamlfile_choice(y, node, sources, COUNT(sources),
		    &value);
	if (err) {
		diag_hint(y->diag, "a trust anchor is \"root\", or key: "
		    "with a PEM public key");
		return err;
	}
	err = rule_anchor(&anchor, &f);
	if (err)
		return fault_report(y, node, &f);
	p->anchors[p->anchor_count++] = anchor;
	return ERR_OK;
}

static enum err
anchors_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	(void)key;
	return yamlfile_pairs(y, node, PRODUCT_ANCHORS_MAX, anchor_read,
	    target);
}

static enum err
signature_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_choice modes[] = {
		{ "direct", SIGNATURE_DIRECT, true },
		{ "receipt", SIGNATURE_RECEIPT, true },
	};
	struct product *p = target;
	enum err err;
	int value = SIGNATURE_DIRECT;

	(void)key;
	err = yamlfile_choice(y, node, modes, COUNT(modes), &value);
	p->signature = (enum product_signature)value;
	return err;
}

static enum err
document_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_key keys[] = {
		{ "signature", false, signature_read, 0, 0 },
		{ "validity", true, validity_read,
		    FIELD(struct product, document_validity_years) },
	};

	(void)key;
	return yamlfile_map(y, node, keys, COUNT(keys), target);
}

static enum err
delivery_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_choice modes[] = {
		{ "chip", 0, false },
		{ "device-key", 0, false },
		{ "station", 0, true },
	};
	int value;

	(void)key;
	(void)target;
	return yamlfile_choice(y, node, modes, COUNT(modes), &value);
}

static enum err
evidence_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_choice kinds[] = {
		{ "unproven", INJECTION_UNPROVEN, true },
		{ "readback", INJECTION_READBACK, true },
		{ "signed", INJECTION_SIGNED, true },
	};
	struct product *p = target;
	int value = INJECTION_UNPROVEN;
	enum err err;

	(void)key;
	err = yamlfile_choice(y, node, kinds, COUNT(kinds), &value);
	p->evidence = (enum product_evidence)value;
	return err;
}

static enum err
attempts_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product *p = target;
	uint32_t value = 0;
	enum err err;

	(void)key;
	err = yamlfile_number(y, node, 1, PRODUCT_ATTEMPTS_MAX, &value);
	p->field.attempts = value;
	return err;
}

static enum err
grace_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product *p = target;
	uint32_t value = 0;
	enum err err;

	(void)key;
	err = yamlfile_number(y, node, 0, PRODUCT_GRACE_MAX, &value);
	p->field.grace_days = value;
	return err;
}

static enum err
est_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product *p = target;

	(void)key;
	return yamlfile_number(y, node, 0, PRODUCT_EST_MAX, &p->field.est);
}

/* Who issued what the devices enrol with: others than a product of ours. How
 * many may enrol is read after it; without that there are too many. */
static enum err
maker_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product *p = target;

	if (p->field.bootstrap[0] != '\0')
		return yamlfile_fail(y, node, ERR_INVALID, "bootstrap or "
		    "manufacturer, not both");
	p->field.devices = UINT32_MAX;
	return word_read(y, key, node, target);
}

static enum err
devices_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product *p = target;

	(void)key;
	if (p->field.devices == 0)
		return yamlfile_fail(y, node, ERR_INVALID, "goes with "
		    "manufacturer alone");
	return yamlfile_number(y, node, 1, PRODUCT_EST_MAX,
	    &p->field.devices);
}

static enum err
claim_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_choice kinds[] = {
		{ "none", 0, true }, { "required", 1, true },
	};
	struct product *p = target;
	int value = 0;
	enum err err;

	(void)key;
	err = yamlfile_choice(y, node, kinds, COUNT(kinds), &value);
	p->field.claim = value != 0;
	return err;
}

static enum err
birth_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_choice kinds[] = {
		{ "kept", 0, true }, { "superseded", 1, true },
	};
	struct product *p = target;
	int value = 0;
	enum err err;

	(void)key;
	err = yamlfile_choice(y, node, kinds, COUNT(kinds), &value);
	p->field.supersedes = value != 0;
	return err;
}

static enum err
field_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_key keys[] = {
		{ "bootstrap", false, word_read,
		    FIELD(struct product, field.bootstrap) },
		{ "manufacturer", false, maker_read,
		    FIELD(struct product, field.bootstrap) },
		{ "devices", false, devices_read, 0, 0 },
		{ "attempts", true, attempts_read, 0, 0 },
		{ "grace-days", false, grace_read, 0, 0 },
		{ "est", false, est_read, 0, 0 },
		{ "claim", false, claim_read, 0, 0 },
		{ "birth", false, birth_read, 0, 0 },
	};

	(void)key;
	return yamlfile_map(y, node, keys, COUNT(keys), target);
}

static enum err
product_read(struct yamlfile *y, struct product *p)
{
	/* authorisations after capabilities, target after credentials, which
	 * they are checked against */
	static const struct yamlfile_key keys[] = {
		{ "product", true, word_read, FIELD(struct product, name) },
		{ "version", true, version_read,
		    FIELD(struct product, version) },
		{ "metadata", true, metadata_read, 0, 0 },
		{ "capabilities", true, capabilities_read, 0, 0 },
		{ "authorisations", true, authorisations_read, 0, 0 },
		{ "credentials", true, credentials_read, 0, 0 },
		{ "names", false, names_read, 0, 0 },
		{ "trust-anchors", false, anchors_read, 0, 0 },
		{ "document", true, document_read, 0, 0 },
		{ "delivery", true, delivery_read, 0, 0 },
		{ "evidence", false, evidence_read, 0, 0 },
		{ "form", false, form_read, 0, 0 },
		{ "layout", false, layout_read, 0, 0 },
		{ "target", false, target_read, 0, 0 },
		{ "field", false, field_read, 0, 0 },
	};

	return yamlfile_map(y, yamlfile_root(y), keys, COUNT(keys), p);
}

enum err
product_yaml_parse(const char *file_name, struct bytes text,
    struct product *ret_product, struct diag *diag)
{
	_cleanup_yamlfile_ struct yamlfile y = { .name = file_name };
	struct product p = { .name = "" };
	enum err err;

	if (text.len > PRODUCT_FILE_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "%.120s: %zu octets; a product file has at most %zu",
		    file_name, text.len, PRODUCT_FILE_MAX);
	err = yamlfile_open(file_name, text, &y, diag);
	if (err)
		return err;
	err = product_read(&y, &p);
	if (err)
		return err;
	product_sort(&p);
	err = product_check(&p, diag);
	if (err) {
		diag_prefix(diag, "%.120s", file_name);
		return err;
	}
	*ret_product = p;
	return ERR_OK;
}
