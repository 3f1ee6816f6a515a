/* The names of a product file, read and written. */
#include <stdlib.h>

#include "lib/policy/name.h"
#include "lib/policy/product_yaml_internal.h"

static const struct yamlfile_choice sources[] = {
	{ "index", NAME_FROM_INDEX, true },
	{ "range", NAME_FROM_RANGE, true },
	{ "order-csv", NAME_FROM_CSV, true },
	{ "line", NAME_FROM_LINE, true },
	{ "birth", NAME_FROM_BIRTH, true },
};

static const struct yamlfile_choice types[] = {
	{ "text", NAME_TEXT, true },
	{ "mac", NAME_MAC, true },
	{ "imei", NAME_IMEI, true },
};

static const struct yamlfile_choice alphabets[] = {
	{ "decimal", NAME_DECIMAL, true },
	{ "hex", NAME_HEX, true },
	{ "HEX", NAME_HEX_UPPER, true },
};

static enum err
from_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product_name *name = target;
	int value = 0;
	enum err err;

	(void)key;
	err = yamlfile_choice(y, node, sources, COUNT(sources), &value);
	name->from = (enum name_source)value;
	return err;
}

static enum err
type_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product_name *name = target;
	int value = 0;
	enum err err;

	(void)key;
	err = yamlfile_choice(y, node, types, COUNT(types), &value);
	name->type = (enum name_type)value;
	return err;
}

static enum err
digits_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product_name *name = target;
	int value = 0;
	enum err err;

	(void)key;
	err = yamlfile_choice(y, node, alphabets, COUNT(alphabets), &value);
	name->alphabet = (enum name_digits)value;
	return err;
}

static enum err
prefix_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product_name *name = target;
	const char *text;
	enum err err;

	(void)key;
	err = yamlfile_text(y, node, &text);
	return err ? err : text_store(y, node, text, name->prefix,
	    sizeof(name->prefix));
}

/* "CAM-{index:9}" into prefix and digits; nothing may follow the index. */
static enum err
format_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const char field[] = "{index:";
	struct product_name *name = target;
	char shown[YAMLFILE_SHOWN_SIZE];
	const char *text, *at, *end;
	enum err err;

	(void)key;
	err = yamlfile_text(y, node, &text);
	if (err)
		return err;
	at = strstr(text, field);
	end = at;
	if (at != NULL) {
		end = at + sizeof(field) - 1;
		name->digits = (unsigned)(*end - '0');
		if (*end == '1' && end[1] >= '0' && end[1] <= '9')
			name->digits = 10 + (unsigned)(*++end - '0');
	}
	if (at == NULL || name->digits < 1 ||
	    name->digits > PRODUCT_DIGITS_MAX || strcmp(end + 1, "}") != 0)
		return yamlfile_fail(y, node, ERR_INVALID, "\"%s\" is no "
		    "format; allowed: text and then {index:N}, N digits, "
		    "1 to %d", yamlfile_shown(text, shown),
		    PRODUCT_DIGITS_MAX);
	if ((size_t)(at - text) >= sizeof(name->prefix))
		return yamlfile_fail(y, node, ERR_LIMIT,
		    "makes names of more than %d characters",
		    NAME_TEXT_MAX);
	memcpy(name->prefix, text, (size_t)(at - text));
	return ERR_OK;
}

/* A number of text names: first says how many digits there are. */
static enum err
value_read_text(struct yamlfile *y, yaml_node_t *node, const char *text,
    struct product_name *name, uint64_t *ret_value)
{
	static const char *const sets[] = { "0123456789",
		"0123456789abcdef", "0123456789ABCDEF" };
	bool decimal = name->alphabet == NAME_DECIMAL;
	size_t len = strlen(text);
	char shown[YAMLFILE_SHOWN_SIZE];

	if (strspn(text, sets[name->alphabet]) != len ||
	    len > (decimal ? PRODUCT_DIGITS_MAX : PRODUCT_HEX_MAX))
		return yamlfile_fail(y, node, ERR_INVALID, "\"%s\" is no "
		    "number; allowed: 1 to %d of the digits %s",
		    yamlfile_shown(text, shown),
		    decimal ? PRODUCT_DIGITS_MAX : PRODUCT_HEX_MAX,
		    sets[name->alphabet]);
	if (name->digits == 0)
		name->digits = (unsigned)len;
	if (name->digits != len)
		return yamlfile_fail(y, node, ERR_INVALID, "has %zu digits, "
		    "first has %u; write the zeroes in front", len,
		    name->digits);
	*ret_value = strtoull(text, NULL, decimal ? 10 : 16);
	return ERR_OK;
}

/* A MAC's digits, or an IMEI's without the last. */
static enum err
value_read_typed(struct yamlfile *y, yaml_node_t *node, const char *text,
    struct product_name *name, uint64_t *ret_value)
{
	char shown[YAMLFILE_SHOWN_SIZE], canonical[NAME_TEXT_SIZE];
	struct diag why = DIAG_INIT;
	uint64_t value = 0;
	unsigned digits = 0;
	size_t i, len;
	enum err err;

	err = name_read(name->kind, name->type, bytes_text(text), canonical,
	    &why);
	if (err)
		return yamlfile_fail(y, node, err, "\"%s\" %.160s",
		    yamlfile_shown(text, shown), why.what);
	len = strlen(canonical) - (name->type == NAME_IMEI);
	name->alphabet = name->type == NAME_IMEI ? NAME_DECIMAL : NAME_HEX;
	for (i = 0; i < len; i++) {
		if (canonical[i] == ':')
			continue;
		value = value * (name->type == NAME_IMEI ? 10 : 16) +
		    (unsigned)(canonical[i] <= '9' ? canonical[i] - '0' :
		    canonical[i] - 'a' + 10);
		digits++;
	}
	if (name->digits == 0)
		name->digits = digits;
	if (name->digits != digits)
		return yamlfile_fail(y, node, ERR_INVALID,
		    "has %u digits, first has %u", digits, name->digits);
	*ret_value = value;
	return ERR_OK;
}

static enum err
value_read(struct yamlfile *y, yaml_node_t *node, struct product_name *name,
    uint64_t *ret_value)
{
	const char *text;
	enum err err;

	err = yamlfile_text(y, node, &text);
	if (err)
		return err;
	if (name->type == NAME_TEXT)
		return value_read_text(y, node, text, name, ret_value);
	return value_read_typed(y, node, text, name, ret_value);
}

static enum err
first_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product_name *name = target;

	(void)key;
	return value_read(y, node, name, &name->first);
}

static enum err
last_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product_name *name = target;

	(void)key;
	return value_read(y, node, name, &name->last);
}

/* Which keys a source has, besides kind and from. */
static enum err
keys_check(struct yamlfile *y, yaml_node_t *node,
    const struct product_name *name)
{
	const bool index = name->from == NAME_FROM_INDEX;
	const bool range = name->from == NAME_FROM_RANGE;
	const bool text = range && name->type == NAME_TEXT;
	const struct {
		const char	*key;
		bool		 allowed, required;
	} rules[] = {
		{ "type", !index, false },
		{ "format", index, index },
		{ "digits", text, false },
		{ "prefix", text, false },
		{ "first", range, range },
		{ "last", range, range },
	};
	yaml_node_t *value;
	size_t i;

	for (i = 0; i < COUNT(rules); i++) {
		value = yamlfile_child(y, node, rules[i].key);
		if (value == NULL && rules[i].required)
			return yamlfile_fail(y, node, ERR_INVALID,
			    "required key \"%s\" is missing", rules[i].key);
		if (value != NULL && !rules[i].allowed)
			return yamlfile_fail(y, value, ERR_INVALID, "%s: has "
			    "no place with from: %s%s%s", rules[i].key,
			    name_source_name(name->from),
			    range ? " and type: " : "",
			    range ? name_type_name(name->type) : "");
	}
	return ERR_OK;
}

static enum err
name_node_read(struct yamlfile *y, yaml_node_t *node, void *target)
{
	/* what a number is depends on what stands before it */
	static const struct yamlfile_key keys[] = {
		{ "kind", true, word_read,
		    FIELD(struct product_name, kind) },
		{ "from", true, from_read, 0, 0 },
		{ "type", false, type_read, 0, 0 },
		{ "format", false, format_read, 0, 0 },
		{ "digits", false, digits_read, 0, 0 },
		{ "prefix", false, prefix_read, 0, 0 },
		{ "first", false, first_read, 0, 0 },
		{ "last", false, last_read, 0, 0 },
	};
	struct product_name name = { .digits = 0 };
	struct fault f = { .key = NULL };
	struct product *p = target;
	enum err err;
	size_t i;

	err = yamlfile_map(y, node, keys, COUNT(keys), &name);
	if (!err)
		err = keys_check(y, node, &name);
	if (err)
		return err;
	err = rule_name(&name, &f);
	if (err)
		return fault_report(y, node, &f);
	for (i = 0; i < p->name_count; i++)
		if (strcmp(p->names[i].kind, name.kind) == 0)
			return yamlfile_fail(y, yamlfile_child(y, node,
			    "kind"), ERR_INVALID,
			    "kind: \"%s\" is taken by names[%zu]", name.kind,
			    i);
	p->names[p->name_count++] = name;
	return ERR_OK;
}

enum err
names_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *product)
{
	(void)key;
	return yamlfile_list(y, node, PRODUCT_NAMES_MAX, name_node_read,
	    product);
}

static void
range_write(struct buf *out, const struct product_name *name)
{
	char first[NAME_TEXT_SIZE], last[NAME_TEXT_SIZE];
	size_t skip = strlen(name->prefix);

	if (name_bounds(name, first, last) != ERR_OK)
		return;		/* it has been checked */
	if (name->alphabet != NAME_DECIMAL && name->type == NAME_TEXT)
		buf_printf(out, "    digits: %s\n",
		    alphabets[name->alphabet].word);
	if (skip > 0) {
		buf_printf(out, "    prefix: ");
		quoted_put(out, name->prefix);
		buf_put_u8(out, '\n');
	}
	buf_printf(out, "    first: \"%s\"\n    last: \"%s\"\n", first + skip,
	    last + skip);
}

void
names_write(struct buf *out, const struct product *p)
{
	const struct product_name *name = p->names;
	size_t i;

	if (p->name_count == 0)
		return;
	buf_printf(out, "\nnames:\n");
	for (i = 0; i < p->name_count; i++, name++) {
		buf_printf(out, "  - kind: \"%s\"\n    from: %s\n",
		    name->kind, name_source_name(name->from));
		if (name->type != NAME_TEXT)
			buf_printf(out, "    type: %s\n",
			    name_type_name(name->type));
		if (name->from == NAME_FROM_INDEX)
			buf_printf(out, "    format: \"%s{index:%u}\"\n",
			    name->prefix, name->digits);
		if (name->from == NAME_FROM_RANGE)
			range_write(out, name);
	}
}
