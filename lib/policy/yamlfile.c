#include "lib/policy/yamlfile.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define NODE_TEXT(node)	((const char *)(node)->data.scalar.value)

/* What the walk over all events has seen. */
struct scan {
	unsigned	depth;
	unsigned	documents;
};

static enum err
fail_at(struct yamlfile *y, size_t line, enum err code, const char *text)
{
	return diag_fail(y->diag, code, NULL, "%.120s:%zu: %s", y->name, line,
	    text);
}

static enum err
event_forbidden(struct yamlfile *y, const yaml_event_t *e,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	size_t line = e->start_mark.line + 1;

	if (anchor != NULL)
		return fail_at(y, line, ERR_INVALID,
		    "anchors (&name) are not allowed; write values out");
	if (tag != NULL)
		return fail_at(y, line, ERR_INVALID,
		    "tags (!name) are not allowed; every value is text");
	return ERR_OK;
}

static enum err
event_opens(struct yamlfile *y, const yaml_event_t *e, struct scan *s)
{
	if (++s->depth <= YAMLFILE_DEPTH_MAX)
		return ERR_OK;
	return fail_at(y, e->start_mark.line + 1, ERR_LIMIT,
	    "nested too deeply");
}

static enum err
event_check(struct yamlfile *y, const yaml_event_t *e, struct scan *s)
{
	size_t line = e->start_mark.line + 1;
	enum err err;

	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++s->documents > 1)
			return fail_at(y, line, ERR_INVALID,
			    "a second document; one file holds one product");
		return ERR_OK;
	case YAML_ALIAS_EVENT:
		return fail_at(y, line, ERR_INVALID,
		    "aliases (*name) are not allowed; write values out");
	case YAML_SCALAR_EVENT:
		if (memchr(e->data.scalar.value, '\0',
		    e->data.scalar.length) != NULL)
			return fail_at(y, line, ERR_INVALID,
			    "a NUL character is not allowed");
		return event_forbidden(y, e, e->data.scalar.anchor,
		    e->data.scalar.tag);
	case YAML_SEQUENCE_START_EVENT:
		err = event_opens(y, e, s);
		return err ? err : event_forbidden(y, e,
		    e->data.sequence_start.anchor,
		    e->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		err = event_opens(y, e, s);
		return err ? err : event_forbidden(y, e,
		    e->data.mapping_start.anchor, e->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		s->depth--;
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

static enum err
parser_fail(struct yamlfile *y, const yaml_parser_t *parser,
    struct bytes text)
{
	size_t i, line = parser->problem_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return diag_nomem(y->diag);
	if (parser->error == YAML_READER_ERROR) {
		/* it gives an offset instead of a mark */
		for (i = 0, line = 1; i < parser->problem_offset &&
		    i < text.len; i++)
			line += text.ptr[i] == '\n';
	}
	return diag_fail(y->diag, ERR_SYNTAX, NULL,
	    "%.120s:%zu: not well-formed YAML in UTF-8: %s%s%s", y->name,
	    line, parser->problem != NULL ? parser->problem : "",
	    parser->context != NULL ? ", " : "",
	    parser->context != NULL ? parser->context : "");
}

static enum err
parser_open(struct yamlfile *y, yaml_parser_t *parser, struct bytes text)
{
	static const uint8_t nothing[1];

	if (!yaml_parser_initialize(parser))
		return diag_nomem(y->diag);
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser,
	    text.len > 0 ? text.ptr : nothing, text.len);
	return ERR_OK;
}

/* Before a document is loaded: refuse what loading would expand or hide. */
static enum err
events_check(struct yamlfile *y, struct bytes text)
{
	struct scan scan = { 0 };
	yaml_parser_t parser;
	yaml_event_t event;
	bool end = false;
	enum err err;

	err = parser_open(y, &parser, text);
	if (err)
		return err;
	while (!err && !end) {
		if (!yaml_parser_parse(&parser, &event)) {
			err = parser_fail(y, &parser, text);
			break;
		}
		err = event_check(y, &event, &scan);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (!err && scan.documents == 0)
		return fail_at(y, 1, ERR_INVALID, "the file is empty");
	return err;
}

enum err
yamlfile_open(const char *name, struct bytes text, struct yamlfile *ret_file,
    struct diag *diag)
{
	struct yamlfile y = { .name = name, .diag = diag };
	yaml_parser_t parser;
	enum err err;

	err = events_check(&y, text);
	if (err)
		return err;
	err = parser_open(&y, &parser, text);
	if (err)
		return err;
	if (!yaml_parser_load(&parser, &y.document))
		err = parser_fail(&y, &parser, text);
	yaml_parser_delete(&parser);
	if (!err)
		*ret_file = y;
	return err;
}

void
yamlfile_close(struct yamlfile *y)
{
	yaml_document_delete(&y->document);
}

yaml_node_t *
yamlfile_root(struct yamlfile *y)
{
	return yaml_document_get_root_node(&y->document);
}

enum err
yamlfile_fail(struct yamlfile *y, const yaml_node_t *node, enum err code,
    const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return diag_fail(y->diag, code, NULL, "%.120s:%zu: %.100s%s%s",
	    y->name, node->start_mark.line + 1, y->path,
	    y->path_len > 0 ? ": " : "", text);
}

/* Go down to a key or element; path_leave() takes what this returns. */
static size_t path_enter(struct yamlfile *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static size_t
path_enter(struct yamlfile *y, const char *fmt, ...)
{
	size_t before = y->path_len, room = sizeof(y->path) - before;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(y->path + before, room, fmt, ap);
	va_end(ap);
	if (len > 0)
		y->path_len += (size_t)len < room ? (size_t)len : room - 1;
	return before;
}

static void
path_leave(struct yamlfile *y, size_t before)
{
	y->path_len = before;
	y->path[before] = '\0';
}

static size_t
path_enter_key(struct yamlfile *y, const char *key)
{
	char shown[YAMLFILE_SHOWN_SIZE];

	return path_enter(y, "%s%s", y->path_len > 0 ? "." : "",
	    yamlfile_shown(key, shown));
}

const char *
yamlfile_shown(const char *text, char out[YAMLFILE_SHOWN_SIZE])
{
	size_t i;

	for (i = 0; text[i] != '\0' && i < YAMLFILE_SHOWN_SIZE - 4; i++)
		out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	memcpy(out + i, text[i] != '\0' ? "..." : "",
	    text[i] != '\0' ? 4 : 1);
	return out;
}

bool
yamlfile_is_map(const yaml_node_t *node)
{
	return node->type == YAML_MAPPING_NODE;
}

yaml_node_t *
yamlfile_child(struct yamlfile *y, yaml_node_t *map, const char *key)
{
	yaml_node_pair_t *pair;
	yaml_node_t *node;

	for (pair = map->data.mapping.pairs.start;
	    pair < map->data.mapping.pairs.top; pair++) {
		node = yaml_document_get_node(&y->document, pair->key);
		if (node->type == YAML_SCALAR_NODE &&
		    strcmp(NODE_TEXT(node), key) == 0)
			return yaml_document_get_node(&y->document,
			    pair->value);
	}
	return NULL;
}

/* "a, b, c" of the table's names. */
static void
keys_list(const struct yamlfile_key *keys, size_t count, char *out,
    size_t size)
{
	size_t i, len = 0;
	int n;

	out[0] = '\0';
	for (i = 0; i < count && len < size; i++) {
		n = snprintf(out + len, size - len, "%s%s",
		    i > 0 ? ", " : "", keys[i].name);
		len += n > 0 ? (size_t)n : 0;
	}
}

/* A key: a scalar, and not the same as one before it. */
static enum err
key_check(struct yamlfile *y, yaml_node_t *map, yaml_node_pair_t *pair,
    const char **ret_key)
{
	char shown[YAMLFILE_SHOWN_SIZE];
	yaml_node_t *node, *other;
	yaml_node_pair_t *before;

	node = yaml_document_get_node(&y->document, pair->key);
	if (node->type != YAML_SCALAR_NODE)
		return yamlfile_fail(y, node, ERR_INVALID,
		    "a key must be a plain word");
	for (before = map->data.mapping.pairs.start; before < pair; before++) {
		other = yaml_document_get_node(&y->document, before->key);
		if (strcmp(NODE_TEXT(other), NODE_TEXT(node)) != 0)
			continue;
		return yamlfile_fail(y, node, ERR_INVALID,
		    "key \"%s\" is repeated; it is on line %zu already",
		    yamlfile_shown(NODE_TEXT(node), shown),
		    other->start_mark.line + 1);
	}
	*ret_key = NODE_TEXT(node);
	return ERR_OK;
}

static enum err
keys_check(struct yamlfile *y, yaml_node_t *map,
    const struct yamlfile_key *keys, size_t count)
{
	char shown[YAMLFILE_SHOWN_SIZE], allowed[192];
	yaml_node_pair_t *pair;
	const char *key;
	enum err err;
	size_t i;

	for (pair = map->data.mapping.pairs.start;
	    pair < map->data.mapping.pairs.top; pair++) {
		err = key_check(y, map, pair, &key);
		if (err)
			return err;
		for (i = 0; i < count; i++)
			if (strcmp(keys[i].name, key) == 0)
				break;
		if (i < count)
			continue;
		keys_list(keys, count, allowed, sizeof(allowed));
		return yamlfile_fail(y, yaml_document_get_node(&y->document,
		    pair->key), ERR_INVALID, "unknown key \"%s\"; allowed: %s",
		    yamlfile_shown(key, shown), allowed);
	}
	return ERR_OK;
}

enum err
yamlfile_map(struct yamlfile *y, yaml_node_t *node,
    const struct yamlfile_key *keys, size_t count, void *target)
{
	char allowed[192];
	yaml_node_t *value;
	size_t i, before;
	enum err err;

	keys_list(keys, count, allowed, sizeof(allowed));
	if (node->type != YAML_MAPPING_NODE)
		return yamlfile_fail(y, node, ERR_INVALID,
		    "expected keys with values; allowed: %s", allowed);
	err = keys_check(y, node, keys, count);
	for (i = 0; !err && i < count; i++) {
		value = yamlfile_child(y, node, keys[i].name);
		if (value == NULL && keys[i].required)
			return yamlfile_fail(y, node, ERR_INVALID,
			    "required key \"%s\" is missing", keys[i].name);
		if (value == NULL)
			continue;
		before = path_enter_key(y, keys[i].name);
		err = keys[i].read(y, &keys[i], value, target);
		path_leave(y, before);
	}
	return err;
}

enum err
yamlfile_pairs(struct yamlfile *y, yaml_node_t *node, size_t max,
    enum err (*read)(struct yamlfile *, const char *, yaml_node_t *, void *),
    void *target)
{
	yaml_node_pair_t *pair;
	const char *key = NULL;
	size_t before;
	enum err err;

	if (node->type != YAML_MAPPING_NODE)
		return yamlfile_fail(y, node, ERR_INVALID,
		    "expected keys with values");
	pair = node->data.mapping.pairs.start;
	if ((size_t)(node->data.mapping.pairs.top - pair) > max)
		return yamlfile_fail(y, node, ERR_LIMIT,
		    "more than %zu keys", max);
	for (; pair < node->data.mapping.pairs.top; pair++) {
		err = key_check(y, node, pair, &key);
		if (err)
			return err;
		before = path_enter_key(y, key);
		err = read(y, key, yaml_document_get_node(&y->document,
		    pair->value), target);
		path_leave(y, before);
		if (err)
			return err;
	}
	return ERR_OK;
}

enum err
yamlfile_list(struct yamlfile *y, yaml_node_t *node, size_t max,
    enum err (*read)(struct yamlfile *, yaml_node_t *, void *), void *target)
{
	yaml_node_item_t *item;
	size_t i, before;
	enum err err;

	if (node->type != YAML_SEQUENCE_NODE)
		return yamlfile_fail(y, node, ERR_INVALID,
		    "expected a list: [one, two], or a line with - for each");
	item = node->data.sequence.items.start;
	if ((size_t)(node->data.sequence.items.top - item) > max)
		return yamlfile_fail(y, node, ERR_LIMIT,
		    "more than %zu entries", max);
	for (i = 0; item < node->data.sequence.items.top; item++, i++) {
		before = path_enter(y, "[%zu]", i);
		err = read(y, yaml_document_get_node(&y->document, *item),
		    target);
		path_leave(y, before);
		if (err)
			return err;
	}
	return ERR_OK;
}

enum err
yamlfile_text(struct yamlfile *y, yaml_node_t *node, const char **ret_text)
{
	if (node->type != YAML_SCALAR_NODE)
		return yamlfile_fail(y, node, ERR_INVALID,
		    "expected a single value, not a list or keys");
	if (node->data.scalar.length == 0)
		return yamlfile_fail(y, node, ERR_INVALID, "is empty");
	*ret_text = NODE_TEXT(node);
	return ERR_OK;
}

enum err
yamlfile_number(struct yamlfile *y, yaml_node_t *node, uint32_t min,
    uint32_t max, uint32_t *ret_number)
{
	char shown[YAMLFILE_SHOWN_SIZE];
	unsigned long long number;
	const char *text;
	size_t len;
	enum err err;

	err = yamlfile_text(y, node, &text);
	if (err)
		return err;
	len = strlen(text);
	if (strspn(text, "0123456789") != len || (text[0] == '0' && len > 1))
		return yamlfile_fail(y, node, ERR_INVALID,
		    "\"%s\" is not a decimal number; allowed: %u to %u",
		    yamlfile_shown(text, shown), min, max);
	number = len > 10 ? ULLONG_MAX : strtoull(text, NULL, 10);
	if (number < min || number > max)
		return yamlfile_fail(y, node, ERR_INVALID,
		    "%s is out of range; allowed: %u to %u",
		    yamlfile_shown(text, shown), min, max);
	*ret_number = (uint32_t)number;
	return ERR_OK;
}

static void
choices_list(const struct yamlfile_choice *choices, size_t count, char *out,
    size_t size)
{
	size_t i, len = 0;
	int n;

	out[0] = '\0';
	for (i = 0; i < count && len < size; i++) {
		if (!choices[i].offered)
			continue;
		n = snprintf(out + len, size - len, "%s%s",
		    len > 0 ? ", " : "", choices[i].word);
		len += n > 0 ? (size_t)n : 0;
	}
}

enum err
yamlfile_choice(struct yamlfile *y, yaml_node_t *node,
    const struct yamlfile_choice *choices, size_t count, int *ret_value)
{
	char shown[YAMLFILE_SHOWN_SIZE], allowed[128];
	const char *text;
	enum err err;
	size_t i;

	err = yamlfile_text(y, node, &text);
	if (err)
		return err;
	choices_list(choices, count, allowed, sizeof(allowed));
	for (i = 0; i < count; i++)
		if (strcmp(choices[i].word, text) == 0)
			break;
	if (i == count)
		return yamlfile_fail(y, node, ERR_INVALID,
		    "\"%s\" is not offered; allowed: %s",
		    yamlfile_shown(text, shown), allowed);
	if (!choices[i].offered)
		return yamlfile_fail(y, node, ERR_UNSUPPORTED,
		    "\"%s\" is not offered by this version; allowed: %s",
		    choices[i].word, allowed);
	*ret_value = choices[i].value;
	return ERR_OK;
}
