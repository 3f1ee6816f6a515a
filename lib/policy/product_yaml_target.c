/* Form, layout and target of a product file, read and written. */
#include "lib/policy/product_yaml_internal.h"

enum err
form_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *product)
{
	static const struct yamlfile_choice forms[] = {
		{ "cbor", FORM_CBOR, true },
		{ "pem", FORM_PEM, true },
		{ "der", FORM_DER, true },
		{ "c", FORM_C, true },
		{ "image", FORM_IMAGE, true },
		{ "ndjson", FORM_NDJSON, true },
	};
	struct product *p = product;
	int value = FORM_CBOR;
	enum err err;

	(void)key;
	err = yamlfile_choice(y, node, forms, COUNT(forms), &value);
	p->form = (enum product_form)value;
	return err;
}

enum err
layout_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *product)
{
	struct fault f = { .key = NULL };
	struct product *p = product;
	const char *text;
	enum err err;

	(void)key;
	err = yamlfile_text(y, node, &text);
	if (!err)
		err = text_store(y, node, text, p->layout,
		    sizeof(p->layout));
	if (err)
		return err;
	err = rule_form_layout(p->form, p->layout, &f);
	return err ? fault_report(y, node, &f) : ERR_OK;
}

static enum err
key_alg_read(struct yamlfile *y, yaml_node_t *node, void *target)
{
	struct target_key *key = target;
	enum key_alg alg = KEY_P256;
	enum err err;

	err = algorithm_choose(y, node, &alg);
	if (!err && (key->algs & 1u << alg) != 0)
		err = yamlfile_fail(y, node, ERR_INVALID, "\"%s\" is repeated",
		    key_alg_name(alg));
	key->algs |= 1u << alg;
	return err;
}

static enum err
key_read(struct yamlfile *y, const char *slot, yaml_node_t *node,
    void *target)
{
	struct product_target *t = target;
	struct target_key *key = &t->keys[t->key_count];
	char shown[YAMLFILE_SHOWN_SIZE];

	if (slot[0] < '0' || slot[0] > '0' + PRODUCT_SLOTS_MAX - 1 ||
	    slot[1] != '\0')
		return yamlfile_fail(y, node, ERR_INVALID, "\"%s\" is no "
		    "slot; allowed: 0 to %d", yamlfile_shown(slot, shown),
		    PRODUCT_SLOTS_MAX - 1);
	*key = (struct target_key){ .slot = (unsigned)(slot[0] - '0') };
	t->key_count++;
	return yamlfile_list(y, node, 32, key_alg_read, key);
}

static enum err
keys_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	struct product_target *t = target;
	enum err err;
	size_t i;

	(void)key;
	err = yamlfile_pairs(y, node, PRODUCT_SLOTS_MAX, key_read, t);
	if (!err && t->key_count == 0)
		err = yamlfile_fail(y, node, ERR_INVALID, "names no slot; "
		    "leave the key out to set no limit");
	for (i = 0; i < t->key_count && !err; i++)
		if (t->keys[i].algs == 0)
			err = yamlfile_fail(y, node, ERR_INVALID, "slot %u "
			    "lists no algorithm; leave it out, if it holds no "
			    "key", t->keys[i].slot);
	return err;
}

static enum err
octets_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	return yamlfile_number(y, node, 1, PRODUCT_TARGET_MAX,
	    (uint32_t *)(void *)((char *)target + key->offset));
}

enum err
target_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *product)
{
	static const struct yamlfile_key keys[] = {
		{ "keys", false, keys_read, 0, 0 },
		{ "certificate", false, octets_read,
		    FIELD(struct product_target, certificate) },
		{ "document", false, octets_read,
		    FIELD(struct product_target, document) },
		{ "package", false, octets_read,
		    FIELD(struct product_target, package) },
		{ "total", false, octets_read,
		    FIELD(struct product_target, total) },
	};
	struct fault f = { .key = NULL };
	struct product *p = product;
	enum err err;

	(void)key;
	err = yamlfile_map(y, node, keys, COUNT(keys), &p->target);
	if (!err && !target_given(&p->target))
		err = yamlfile_fail(y, node, ERR_INVALID,
		    "sets no limit; leave it out");
	if (err)
		return err;
	err = rule_placed(p, &f);
	return err ? fault_report(y, node, &f) : ERR_OK;
}

static void
keys_write(struct buf *out, const struct product_target *t)
{
	const struct key_algorithm *a;
	const char *comma;
	size_t i, n;

	if (t->key_count > 0)
		buf_printf(out, "  keys:\n");
	for (i = 0; i < t->key_count; i++) {
		buf_printf(out, "    \"%u\": [", t->keys[i].slot);
		comma = "";
		for (n = 0; (a = key_algorithm_at(n)) != NULL; n++) {
			if ((t->keys[i].algs & 1u << a->alg) == 0)
				continue;
			buf_printf(out, "%s%s", comma, a->name);
			comma = ", ";
		}
		buf_printf(out, "]\n");
	}
}

static void
octets_write(struct buf *out, const char *key, uint32_t octets)
{
	if (octets > 0)
		buf_printf(out, "  %s: %u\n", key, octets);
}

/* As lines, where YAML's literal style gives the same back. */
static void
layout_write(struct buf *out, const char *layout)
{
	size_t len = strlen(layout);
	bool lines = layout[0] != ' ' && layout[0] != '\n' &&
	    len > 1 && layout[len - 1] == '\n' && layout[len - 2] != '\n';
	bool start = true;

	buf_printf(out, lines ? "layout: |\n" : "layout: \"");
	for (; *layout != '\0'; layout++) {
		if (lines && start && *layout != '\n')
			buf_printf(out, "  ");
		start = *layout == '\n';
		if (!lines && (*layout == '"' || *layout == '\\'))
			buf_put_u8(out, '\\');
		if (!lines && *layout == '\n')
			buf_printf(out, "\\n");
		else
			buf_put_u8(out, (uint8_t)*layout);
	}
	if (!lines)
		buf_printf(out, "\"\n");
}

void
target_write(struct buf *out, const struct product *p)
{
	const struct product_target *t = &p->target;

	if (p->form != FORM_CBOR)
		buf_printf(out, "form: %s\n", product_form_name(p->form));
	if (p->layout[0] != '\0')
		layout_write(out, p->layout);
	if (!target_given(t))
		return;
	buf_printf(out, "\ntarget:\n");
	keys_write(out, t);
	octets_write(out, "certificate", t->certificate);
	octets_write(out, "document", t->document);
	octets_write(out, "package", t->package);
	octets_write(out, "total", t->total);
}
