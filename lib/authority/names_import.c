/*
 * A file of names into the registry: one pass, in the caller's transaction.
 *
 * Lines go into blocks as they come. The keys of many names are gathered and
 * sorted before they are looked up and put in: the tree of keys is walked
 * from one end to the other, instead of touching a page of it for each name.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/association.h"
#include "lib/authority/names_internal.h"

#define BATCH		((size_t)1 << 20)	/* keys; 8 MB */
#define BLOCK_MASK	(STORE_BLOCKS_MAX - 1)
#define KEY_HASH(key)	((uint32_t)((key) >> 31))
#define KEY_BLOCK(key) ((key)&BLOCK_MASK)

struct forms {
	struct product_name	*list;
	size_t			 count, cap;
};

/* A name whose hash others have too. */
struct suspect {
	uint32_t		order;
	uint64_t		line;		/* from 0 */
	size_t			column;
	char			space[PRODUCT_NAME_MAX + 1];
	char			text[NAME_TEXT_SIZE];
};

struct import {
	struct authority	*authority;
	struct names_order	 own;
	struct sha256		*sha256;
	struct forms		 forms;
	/* by its columns: the line gives such names too */
	bool			 of_line[PRODUCT_NAMES_MAX];
	struct name_block	 block;
	uint64_t		 block_number;
	uint64_t		*keys;
	size_t			 key_count;
	struct row_sum		 rows;		/* what changes of them */
	unsigned		 column_in_file[PRODUCT_NAMES_MAX];
	char			 title[NAMES_TITLE_SIZE];
	/* of the keys at hand */
	struct suspect		*suspects;
	size_t			 suspect_count, suspect_cap;
	uint32_t		 hash;
	struct names_order	 other;		/* the last one looked at */
	/* the first line that has a name which is not free */
	struct suspect		 worst, holder;
	bool			 conflict;
	struct diag		*diag;
};

static bool
form_known(const struct forms *forms, const struct product_name *name)
{
	const struct product_name *known;
	size_t i;

	for (i = 0; i < forms->count; i++) {
		known = &forms->list[i];
		if (known->from == name->from && known->type == name->type &&
		    known->digits == name->digits &&
		    known->alphabet == name->alphabet &&
		    known->first == name->first && known->last == name->last &&
		    strcmp(known->prefix, name->prefix) == 0 &&
		    strcmp(name_space(known), name_space(name)) == 0)
			return true;
	}
	return false;
}

/* Forms of the names that the file brings, each once. */
static enum err
form_collect(void *ctx, const struct names_form *form)
{
	struct import *import = ctx;
	struct forms *forms = &import->forms;
	struct product_name *more;
	bool matters = false;
	size_t i;

	for (i = 0; i < import->own.columns; i++) {
		if (strcmp(name_space(&form->name),
		    name_space(&import->own.names[i])) != 0)
			continue;
		matters = true;
		if (form->name.from == NAME_FROM_LINE)
			import->of_line[i] = true;
	}
	if (!matters || !name_has_form(&form->name) ||
	    form_known(forms, &form->name))
		return ERR_OK;
	if (forms->count == forms->cap) {
		forms->cap = forms->cap * 2 + 16;
		more = reallocarray(forms->list, forms->cap, sizeof(*more));
		if (more == NULL)
			return diag_nomem(import->diag);
		forms->list = more;
	}
	forms->list[forms->count++] = form->name;
	return ERR_OK;
}

static enum err
import_fail(struct import *import, uint64_t line, size_t column,
    const char *text, const char *owner)
{
	return diag_fail(import->diag, ERR_CONFLICT, NULL,
	    "%s:%ju: column %u, %s: \"%s\" is taken: %s", import->title,
	    (uintmax_t)line + 2, import->column_in_file[column],
	    import->own.names[column].kind, text, owner);
}

static enum err
name_form_check(struct import *import, uint64_t line, size_t column,
    const char *text)
{
	const char *space = name_space(&import->own.names[column]);
	const struct product_name *form = import->forms.list;
	char owner[NAMES_OWNER_SIZE];
	uint64_t value = 0;
	size_t i;
	enum err err;

	for (i = 0; i < import->forms.count; i++, form++)
		if (strcmp(name_space(form), space) == 0 &&
		    name_parse(form, text, &value) == ERR_OK)
			break;
	if (i == import->forms.count)
		return ERR_OK;
	err = names_form_holder(import->authority, space, text, owner,
	    import->diag);
	return err ? err : import_fail(import, line, column, text, owner);
}

/* Has a device that was reported the name? */
static enum err
name_line_check(struct import *import, uint64_t line, size_t column,
    const char *text)
{
	char owner[NAMES_OWNER_SIZE], where[64], kind[PRODUCT_NAME_MAX + 1];
	struct address address;
	bool live = false;
	enum err err;

	if (!import->of_line[column])
		return ERR_OK;
	err = line_name_find(import->authority, import->sha256,
	    name_space(&import->own.names[column]), text, &address, kind,
	    &live, import->diag);
	if (err || !live)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	err = names_identity(import->authority, address.log, address.index,
	    where, sizeof(where), import->diag);
	(void)snprintf(owner, sizeof(owner), "the line gave it to identity "
	    "%s", where);
	return err ? err : import_fail(import, line, column, text, owner);
}

static enum err
suspect_add(struct import *import, const struct names_order *order,
    uint64_t line, size_t column, const char *text)
{
	struct suspect *more;

	if (import->suspect_count == import->suspect_cap) {
		import->suspect_cap = import->suspect_cap * 2 + 16;
		more = reallocarray(import->suspects, import->suspect_cap,
		    sizeof(*more));
		if (more == NULL)
			return diag_nomem(import->diag);
		import->suspects = more;
	}
	more = &import->suspects[import->suspect_count++];
	*more = (struct suspect){ .order = order->order.number,
	    .line = line, .column = column };
	(void)snprintf(more->space, sizeof(more->space), "%s",
	    name_space(&order->names[column]));
	memcpy(more->text, text, NAME_TEXT_SIZE);
	return ERR_OK;
}

/* The names of a block that have the hash at hand. */
static enum err
suspects_of(struct import *import, const struct names_order *order,
    uint64_t number)
{
	uint64_t line = (number - order->file.first) * STORE_NAME_LINES;
	struct name_block block = { .lines = 0 };
	uint32_t hash = 0;
	size_t n, i;
	enum err err;

	err = name_block_get(import->authority, order->order.number, number,
	    order->columns, &block, import->diag);
	for (n = 0; n < block.lines && !err; n++, line++) {
		if (names_order_dead(order, line))
			break;
		for (i = 0; i < order->columns && !err; i++) {
			err = names_hash(import->sha256,
			    name_space(&order->names[i]), block.text[n][i],
			    &hash);
			if (!err && hash == import->hash)
				err = suspect_add(import, order, line, i,
				    block.text[n][i]);
		}
	}
	return err;
}

/* A block of the registry, of this file or another. */
static enum err
suspects_stored(void *ctx, uint64_t number)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct import *import = ctx;
	uint32_t order = 0;
	enum err err = ERR_OK;

	if (number >= import->own.file.first)
		return suspects_of(import, &import->own, number);
	err = store_block_get(import->authority->store, STORE_NAME_BLOCKS,
	    number, &order, &body, import->diag);
	if (!err && import->other.order.number != order)
		err = names_order_get(import->authority, order,
		    &import->other, import->diag);
	return err ? err : suspects_of(import, &import->other, number);
}

/* Of two names that are one, the later line of the file is at fault. */
static void
suspects_compare(struct import *import)
{
	const struct suspect *a, *b;
	uint32_t own = import->own.order.number;
	size_t i, n;

	for (i = 0; i < import->suspect_count; i++)
		for (n = 0; n < import->suspect_count; n++) {
			a = &import->suspects[i];
			b = &import->suspects[n];
			if (i == n || a->order != own ||
			    strcmp(a->text, b->text) != 0 ||
			    strcmp(a->space, b->space) != 0)
				continue;
			if (b->order == own && (b->line > a->line ||
			    (b->line == a->line && b->column > a->column)))
				continue;
			if (import->conflict &&
			    import->worst.line <= a->line)
				continue;
			import->conflict = true;
			import->worst = *a;
			import->holder = *b;
		}
}

static enum err
conflict_report(struct import *import)
{
	const struct suspect *worst = &import->worst;
	const struct suspect *holder = &import->holder;
	struct names_order other;
	char owner[NAMES_OWNER_SIZE];
	enum err err;

	if (holder->order == import->own.order.number) {
		(void)snprintf(owner, sizeof(owner),
		    "line %ju, column %u has it", (uintmax_t)holder->line + 2,
		    import->column_in_file[holder->column]);
		return import_fail(import, worst->line, worst->column,
		    worst->text, owner);
	}
	err = names_order_get(import->authority, holder->order, &other,
	    import->diag);
	if (!err)
		err = names_owner(import->authority, &other, holder->line,
		    owner, import->diag);
	return err ? err : import_fail(import, worst->line, worst->column,
	    worst->text, owner);
}

static int
key_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static enum err
note_stored(void *ctx, uint64_t block)
{
	bool *there = ctx;

	(void)block;
	*there = true;
	return ERR_OK;
}

/* All keys with one hash, from at on; *ret_end is behind them. */
static enum err
keys_check(struct import *import, size_t at, size_t *ret_end)
{
	struct store *store = import->authority->store;
	bool stored = false;
	size_t end = at + 1;
	enum err err;

	import->hash = KEY_HASH(import->keys[at]);
	while (end < import->key_count &&
	    KEY_HASH(import->keys[end]) == import->hash)
		end++;
	*ret_end = end;
	/* nothing here comes before the line that is at fault already */
	if (import->conflict && KEY_BLOCK(import->keys[at]) >
	    import->own.file.first + import->worst.line / STORE_NAME_LINES)
		return ERR_OK;
	err = store_name_key_each(store, import->hash, 0, note_stored,
	    &stored, import->diag);
	if (err || (!stored && end == at + 1))
		return err;
	import->suspect_count = 0;
	err = store_name_key_each(store, import->hash, 0, suspects_stored,
	    import, import->diag);
	for (; at < end && !err; at++)
		if (at + 1 == end || import->keys[at + 1] != import->keys[at])
			err = suspects_of(import, &import->own,
			    KEY_BLOCK(import->keys[at]));
	if (!err)
		suspects_compare(import);
	return err;
}

/* The keys gathered so far, when their blocks are all written. */
static enum err
keys_flush(struct import *import)
{
	struct store_row row = { .table = STORE_NAME_KEY_ROWS };
	size_t at, end = 0;
	bool new = false;
	enum err err = ERR_OK;

	qsort(import->keys, import->key_count, sizeof(*import->keys),
	    key_compare);
	for (at = 0; at < import->key_count && !err; at = end)
		err = keys_check(import, at, &end);
	if (!err && import->conflict)
		err = conflict_report(import);
	for (at = 0; at < import->key_count && !err; at++) {
		row.numbers[0] = KEY_HASH(import->keys[at]);
		row.numbers[1] = KEY_BLOCK(import->keys[at]);
		err = store_name_key_put(import->authority->store,
		    (uint32_t)row.numbers[0], row.numbers[1], &new,
		    import->diag);
		if (!err && new)
			err = rows_add(import->authority, &import->rows,
			    &row, true);
	}
	import->key_count = 0;
	return err;
}

static enum err
block_flush(struct import *import)
{
	enum err err;

	if (import->block.lines == 0)
		return ERR_OK;
	err = name_block_put(import->authority, import->own.order.number,
	    import->block_number, &import->block, import->diag);
	import->block_number++;
	import->block.lines = 0;
	if (!err && import->key_count +
	    STORE_NAME_LINES * PRODUCT_NAMES_MAX > BATCH)
		err = keys_flush(import);
	return err;
}

static enum err
line_import(void *ctx, const struct name_csv_line *line)
{
	struct import *import = ctx;
	struct name_block *block = &import->block;
	const char *text;
	uint32_t hash = 0;
	size_t i, column = 0;
	enum err err = ERR_OK;

	if (line->number > import->own.order.count)
		return diag_fail(import->diag, ERR_INVALID, NULL,
		    "%s:%ju: a line more than the order's %ju identities",
		    import->title, (uintmax_t)line->in_file,
		    (uintmax_t)import->own.order.count);
	for (i = 0; i < PRODUCT_NAMES_MAX && !err; i++) {
		text = line->text[i];
		if (text == NULL)
			continue;
		import->column_in_file[column] = line->column[i];
		err = name_form_check(import, line->number - 1, column, text);
		if (!err)
			err = name_line_check(import, line->number - 1,
			    column, text);
		if (!err)
			err = names_hash(import->sha256,
			    name_space(&import->own.names[column]), text,
			    &hash);
		import->keys[import->key_count++] = (uint64_t)hash << 31 |
		    import->block_number;
		memcpy(block->text[block->lines][column++], text,
		    strlen(text) + 1);
	}
	if (!err && ++block->lines == STORE_NAME_LINES)
		err = block_flush(import);
	return err;
}

static enum err
file_check(struct import *import, const struct names_file *said,
    const struct names_file *found)
{
	uint64_t count = import->own.order.count;

	if (found->lines != count)
		return diag_fail(import->diag, ERR_INVALID, NULL,
		    "%s: names %ju of the order's %ju identities",
		    import->title, (uintmax_t)found->lines,
		    (uintmax_t)count);
	if (found->lines != said->lines ||
	    memcmp(found->hash, said->hash, SHA256_SIZE) != 0)
		return diag_fail(import->diag, ERR_AUTH, NULL,
		    "%s: is not the file that the request was signed for",
		    import->title);
	return ERR_OK;
}

static enum err
import_run(struct import *import, const struct template *template,
    const struct file *file, const struct names_file *said)
{
	struct store *store = import->authority->store;
	struct names_file found;
	struct store_row row;
	enum err err;

	err = names_each(import->authority, form_collect, import,
	    import->diag);
	if (!err)
		err = store_block_next(store, STORE_NAME_BLOCKS,
		    &import->own.file.first, import->diag);
	import->block_number = import->own.file.first;
	if (!err)
		err = names_file_read(file, template->names,
		    template->name_count, line_import, import, &found,
		    import->diag);
	if (!err)
		err = file_check(import, said, &found);
	if (!err)
		err = block_flush(import);
	if (!err)
		err = keys_flush(import);
	if (err)
		return err;
	import->own.file.lines = found.lines;
	memcpy(import->own.file.hash, found.hash, SHA256_SIZE);
	row = (struct store_row){ .table = STORE_NAME_FILE_ROWS,
	    .numbers = { import->own.order.number, import->own.file.first,
		found.lines },
	    .blob = bytes_of(import->own.file.hash, STORE_HASH_SIZE) };
	err = rows_add(import->authority, &import->rows, &row, true);
	if (!err)
		err = rows_change(import->authority, &import->rows,
		    import->diag);
	return err ? err : store_name_file_put(store, &import->own.file,
	    import->diag);
}

enum err
names_import(struct authority *authority, const struct store_order *order,
    const struct template *template, const struct file *file,
    const struct names_file *said, struct diag *diag)
{
	struct import *import;
	size_t i;
	enum err err;

	import = calloc(1, sizeof(*import));
	if (import == NULL)
		return diag_nomem(diag);
	import->authority = authority;
	import->diag = diag;
	import->own.order = *order;
	import->own.file.order = order->number;
	for (i = 0; i < template->name_count; i++)
		if (template->names[i].from == NAME_FROM_CSV)
			import->own.names[import->own.columns++] =
			    template->names[i];
	import->block.columns = import->own.columns;
	names_title(file, import->title);
	import->keys = calloc(BATCH, sizeof(*import->keys));
	err = import->keys == NULL ? diag_nomem(diag) :
	    sha256_new(&import->sha256, diag);
	if (!err)
		err = import_run(import, template, file, said);
	sha256_free(&import->sha256);
	free(import->keys);
	free(import->suspects);
	free(import->forms.list);
	free(import);
	return err;
}
