#include "lib/policy/product_diff.h"

#include <stdio.h>

#include "lib/policy/product_yaml.h"
#include "lib/policy/yamlfile.h"

#define FIELDS_MAX	512
#define PATH_MAX_	384	/* an object, and what stands before it */

/* The fields of one product; their texts lie in text, each with its NUL. */
struct fields {
	struct buf	text;
	size_t		path[FIELDS_MAX], value[FIELDS_MAX];
	size_t		count;
};

static const char *
text_at(const struct fields *f, size_t at)
{
	return (const char *)f->text.ptr + at;
}

static enum err
field_begin(struct fields *f, const char *path)
{
	if (f->count == FIELDS_MAX)
		return ERR_LIMIT;
	f->path[f->count] = f->text.len;
	buf_put(&f->text, path, strlen(path) + 1);
	f->value[f->count++] = f->text.len;
	return ERR_OK;
}

static const char *
scalar(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

/* A list of words as one value. */
static enum err
words_put(yaml_document_t *document, const yaml_node_t *node,
    const char *path, struct fields *f)
{
	const yaml_node_item_t *item = node->data.sequence.items.start;
	const char *comma = "";
	enum err err;

	err = field_begin(f, path);
	for (; item < node->data.sequence.items.top; item++) {
		buf_printf(&f->text, "%s%s", comma,
		    scalar(yaml_document_get_node(document, *item)));
		comma = ", ";
	}
	buf_put_u8(&f->text, '\0');
	return err;
}

/* What tells an element of a list from the others: its slot or its kind. */
static void
element_path(yaml_document_t *document, const yaml_node_t *node,
    const char *path, char out[PATH_MAX_])
{
	const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	const char *key = scalar(yaml_document_get_node(document, pair->key));
	const char *value = scalar(yaml_document_get_node(document,
	    pair->value));

	(void)snprintf(out, PATH_MAX_, "%s[%s%s%s]", path,
	    strcmp(key, "kind") == 0 ? "" : key,
	    strcmp(key, "kind") == 0 ? "" : " ", value);
}

static enum err node_put(yaml_document_t *, const yaml_node_t *,
    const char *path, struct fields *);

static enum err
mapping_put(yaml_document_t *document, const yaml_node_t *node,
    const char *path, struct fields *f)
{
	const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	char under[PATH_MAX_];
	enum err err = ERR_OK;

	for (; pair < node->data.mapping.pairs.top && !err; pair++) {
		(void)snprintf(under, sizeof(under), "%s%s%s", path,
		    path[0] != '\0' ? "." : "",
		    scalar(yaml_document_get_node(document, pair->key)));
		err = node_put(document, yaml_document_get_node(document,
		    pair->value), under, f);
	}
	return err;
}

static enum err
list_put(yaml_document_t *document, const yaml_node_t *node,
    const char *path, struct fields *f)
{
	const yaml_node_item_t *item = node->data.sequence.items.start;
	const yaml_node_t *element;
	char under[PATH_MAX_];
	enum err err = ERR_OK;

	for (; item < node->data.sequence.items.top && !err; item++) {
		element = yaml_document_get_node(document, *item);
		if (element->type == YAML_SCALAR_NODE)
			return words_put(document, node, path, f);
		element_path(document, element, path, under);
		err = mapping_put(document, element, under, f);
	}
	return err;
}

/* Recursion is bounded by YAMLFILE_DEPTH_MAX. */
static enum err
node_put(yaml_document_t *document, const yaml_node_t *node, const char *path,
    struct fields *f)
{
	enum err err;

	if (node->type == YAML_MAPPING_NODE)
		return mapping_put(document, node, path, f);
	if (node->type == YAML_SEQUENCE_NODE)
		return list_put(document, node, path, f);
	err = field_begin(f, path);
	buf_put(&f->text, scalar(node), strlen(scalar(node)) + 1);
	return err;
}

static enum err
fields_read(const struct product *product, struct fields *f,
    struct diag *diag)
{
	_cleanup_yamlfile_ struct yamlfile file = { .name = NULL };
	_cleanup_buf_ struct buf yaml = BUF_INIT;
	enum err err;

	*f = (struct fields){ .text.limit = BUF_LIMIT_DEFAULT };
	err = product_yaml_write(product, &yaml);
	if (!err)
		err = yamlfile_open("product", buf_bytes(&yaml), &file, diag);
	if (!err)
		err = node_put(&file.document, yamlfile_root(&file), "", f);
	if (!err)
		err = buf_err(&f->text);
	if (err)
		return diag_fail(diag, err, NULL, "product %s: not compared",
		    product->name);
	return ERR_OK;
}

/* The value of the field in f, or NULL. */
static const char *
value_of(const struct fields *f, const char *path)
{
	size_t i;

	for (i = 0; i < f->count; i++)
		if (strcmp(text_at(f, f->path[i]), path) == 0)
			return text_at(f, f->value[i]);
	return NULL;
}

static enum err
fields_compare(const struct fields *before, const struct fields *after,
    enum err (*each)(void *ctx, const struct product_change *), void *ctx)
{
	struct product_change change;
	enum err err = ERR_OK;
	size_t i;

	for (i = 0; i < before->count && !err; i++) {
		change.field = text_at(before, before->path[i]);
		change.before = text_at(before, before->value[i]);
		change.after = value_of(after, change.field);
		if (change.after == NULL ||
		    strcmp(change.before, change.after) != 0)
			err = each(ctx, &change);
	}
	for (i = 0; i < after->count && !err; i++) {
		change.field = text_at(after, after->path[i]);
		change.before = NULL;
		change.after = text_at(after, after->value[i]);
		if (value_of(before, change.field) == NULL)
			err = each(ctx, &change);
	}
	return err;
}

enum err
product_diff(const struct product *before, const struct product *after,
    enum err (*each)(void *ctx, const struct product_change *), void *ctx,
    struct diag *diag)
{
	struct fields f[2];
	enum err err;

	err = fields_read(before, &f[0], diag);
	if (err) {
		buf_release(&f[0].text);
		return err;
	}
	err = fields_read(after, &f[1], diag);
	if (!err)
		err = fields_compare(&f[0], &f[1], each, ctx);
	buf_release(&f[0].text);
	buf_release(&f[1].text);
	return err;
}
