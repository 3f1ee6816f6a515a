#include "lib/policy/product.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/policy/product_rules.h"

/* RFC 9237 4, table 2: the method's number is the bit's. */
static const char *const permission_names[PERMISSION_COUNT] = {
	"GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"
};

const char *
permission_name(unsigned bit)
{
	return bit < PERMISSION_COUNT ? permission_names[bit] : NULL;
}

enum err
permission_by_name(const char *name, unsigned *ret_bit)
{
	unsigned bit;

	for (bit = 0; bit < PERMISSION_COUNT; bit++) {
		if (strcmp(name, permission_names[bit]) == 0) {
			*ret_bit = bit;
			return ERR_OK;
		}
	}
	return ERR_NOTFOUND;
}

const char *
purpose_name(enum product_purpose purpose)
{
	switch (purpose) {
	case PURPOSE_AUTHENTICATE:
		return "authenticate";
	case PURPOSE_ENCRYPT:
		return "encrypt";
	case PURPOSE_SIGN:
		return "sign";
	}
	return NULL;
}

const char *
product_signature_name(enum product_signature signature)
{
	switch (signature) {
	case SIGNATURE_DIRECT:
		return "direct";
	case SIGNATURE_RECEIPT:
		return "receipt";
	}
	return NULL;
}

const char *
product_evidence_name(enum product_evidence evidence)
{
	switch (evidence) {
	case INJECTION_UNPROVEN:
		return "unproven";
	case INJECTION_READBACK:
		return "readback";
	case INJECTION_SIGNED:
		return "signed";
	}
	return NULL;
}

const char *
product_form_name(enum product_form form)
{
	switch (form) {
	case FORM_CBOR:
		return "cbor";
	case FORM_PEM:
		return "pem";
	case FORM_DER:
		return "der";
	case FORM_C:
		return "c";
	case FORM_IMAGE:
		return "image";
	case FORM_NDJSON:
		return "ndjson";
	}
	return NULL;
}

const char *
maker_name(enum product_maker maker)
{
	switch (maker) {
	case MAKER_DEVICE:
		return "device";
	case MAKER_CHIP:
		return "chip";
	case MAKER_STATION:
		return "station";
	case MAKER_AUTHORITY:
		return "authority";
	}
	return NULL;
}

static int
object_compare(const void *a, const void *b)
{
	return strcmp(((const struct product_object *)a)->object,
	    ((const struct product_object *)b)->object);
}

static int
credential_compare(const void *a, const void *b)
{
	const struct product_credential *x = a, *y = b;

	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static int
target_key_compare(const void *a, const void *b)
{
	const struct target_key *x = a, *y = b;

	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static int
anchor_compare(const void *a, const void *b)
{
	return strcmp(((const struct product_anchor *)a)->purpose,
	    ((const struct product_anchor *)b)->purpose);
}

static int
name_compare(const void *a, const void *b)
{
	return strcmp(((const struct product_name *)a)->kind,
	    ((const struct product_name *)b)->kind);
}

void
product_sort(struct product *p)
{
	qsort(p->capabilities, p->capability_count,
	    sizeof(p->capabilities[0]), object_compare);
	qsort(p->authorisations, p->authorisation_count,
	    sizeof(p->authorisations[0]), object_compare);
	qsort(p->credentials, p->credential_count,
	    sizeof(p->credentials[0]), credential_compare);
	qsort(p->anchors, p->anchor_count,
	    sizeof(p->anchors[0]), anchor_compare);
	qsort(p->names, p->name_count, sizeof(p->names[0]), name_compare);
	qsort(p->target.keys, p->target.key_count,
	    sizeof(p->target.keys[0]), target_key_compare);
}

/* A list of product_check(): where it is and how its elements compare. */
struct list {
	const char	*name;
	const void	*first;
	size_t		 count;
	size_t		 count_max;
	size_t		 size;
	int		(*compare)(const void *, const void *);
	enum err	(*rule)(const struct product *, const void *element,
			    struct fault *);
};

static enum err
check_capability(const struct product *p, const void *object, struct fault *f)
{
	(void)p;
	return rule_object(object, f);
}

static enum err
check_authorisation(const struct product *p, const void *object,
    struct fault *f)
{
	enum err err;

	err = rule_object(object, f);
	if (err)
		return err;
	return rule_authorised(p, object, f);
}

static enum err
check_credential(const struct product *p, const void *credential,
    struct fault *f)
{
	(void)p;
	return rule_credential(credential, f);
}

static enum err
check_anchor(const struct product *p, const void *anchor, struct fault *f)
{
	(void)p;
	return rule_anchor(anchor, f);
}

static enum err
check_name(const struct product *p, const void *name, struct fault *f)
{
	(void)p;
	return rule_name(name, f);
}

static enum err
list_check(const struct product *p, const struct list *l, struct diag *diag)
{
	struct fault f = { .key = NULL };
	const char *element = l->first;
	enum err err;
	size_t i;

	if (l->count > l->count_max)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "product %s: %s: %zu entries; at most %zu", p->name,
		    l->name, l->count, l->count_max);
	for (i = 0; i < l->count; i++, element += l->size) {
		err = l->rule(p, element, &f);
		if (err)
			return diag_fail(diag, err, NULL,
			    "product %s: %s[%zu]%s%s: %s", p->name, l->name,
			    i, f.key != NULL ? "." : "",
			    f.key != NULL ? f.key : "", f.text);
		if (i > 0 && l->compare(element - l->size, element) >= 0)
			return diag_fail(diag, ERR_INVALID, NULL,
			    "product %s: %s[%zu]: repeated or out of order",
			    p->name, l->name, i);
	}
	return ERR_OK;
}

static enum err
lists_check(const struct product *p, struct diag *diag)
{
	const struct list lists[] = {
		{ "capabilities", p->capabilities, p->capability_count,
		    PRODUCT_OBJECTS_MAX, sizeof(p->capabilities[0]),
		    object_compare, check_capability },
		{ "authorisations", p->authorisations,
		    p->authorisation_count, PRODUCT_OBJECTS_MAX,
		    sizeof(p->authorisations[0]), object_compare,
		    check_authorisation },
		{ "credentials", p->credentials, p->credential_count,
		    PRODUCT_SLOTS_MAX, sizeof(p->credentials[0]),
		    credential_compare, check_credential },
		{ "trust-anchors", p->anchors, p->anchor_count,
		    PRODUCT_ANCHORS_MAX, sizeof(p->anchors[0]),
		    anchor_compare, check_anchor },
		{ "names", p->names, p->name_count, PRODUCT_NAMES_MAX,
		    sizeof(p->names[0]), name_compare, check_name },
	};
	enum err err;
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		err = list_check(p, &lists[i], diag);
		if (err)
			return err;
	}
	return ERR_OK;
}

/* The single fields; ret_key names the one at fault. */
static enum err
fields_check(const struct product *p, const char **ret_key, struct fault *f)
{
	const struct {
		const char	*key;
		const char	*text;
		size_t		 max;
	} texts[] = {
		{ "metadata.hwversion", p->hwversion, PRODUCT_TEXT_MAX },
		{ "metadata.swname", p->swname, PRODUCT_TEXT_MAX },
		{ "metadata.swversion", p->swversion, PRODUCT_TEXT_MAX },
	};
	enum err err;
	size_t i;

	*ret_key = "product";
	if ((err = rule_word(p->name, f)) != ERR_OK)
		return err;
	*ret_key = "version";
	if ((err = rule_version(p->version, f)) != ERR_OK)
		return err;
	*ret_key = "metadata.manufacturer";
	if (p->manufacturer[0] != '\0' &&
	    (err = rule_manufacturer(p->manufacturer, f)) != ERR_OK)
		return err;
	*ret_key = "metadata.hwmodel";
	if ((err = rule_text(p->hwmodel, sizeof(p->hwmodel) - 1, f)) != ERR_OK)
		return err;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		*ret_key = texts[i].key;
		if (texts[i].text[0] == '\0')
			continue;
		if ((err = rule_text(texts[i].text, texts[i].max, f)) != ERR_OK)
			return err;
	}
	*ret_key = "document.signature";
	if ((err = rule_signature(p->signature, f)) != ERR_OK)
		return err;
	*ret_key = "evidence";
	if ((err = rule_evidence(p->evidence, f)) != ERR_OK)
		return err;
	*ret_key = "layout";
	err = rule_form_layout(p->form, p->layout, f);
	if (err)
		return err;
	*ret_key = "target";
	if ((err = rule_target(&p->target, f)) != ERR_OK)
		return err;
	*ret_key = "document.validity";
	return rule_validity(p->document_validity_years, f);
}

enum err
product_check(const struct product *p, struct diag *diag)
{
	struct fault f = { .key = NULL };
	const char *key = NULL;
	enum err err;

	err = fields_check(p, &key, &f);
	if (err)
		return diag_fail(diag, err, NULL, "product %.63s: %s: %s",
		    p->name, key, f.text);
	err = lists_check(p, diag);
	if (err)
		return err;
	err = rule_authenticates(p, &f);
	if (!err)
		err = rule_makers(p, &f);
	if (!err)
		err = rule_placed(p, &f);
	if (err)
		return diag_fail(diag, err, NULL,
		    "product %s: credentials: %s", p->name, f.text);
	err = rule_field(p, &f);
	if (err)
		return diag_fail(diag, err, NULL, "product %s: %s: %s",
		    p->name, f.key != NULL ? f.key : "field", f.text);
	return ERR_OK;
}
