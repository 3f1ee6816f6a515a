/* Names handed to ranges while an order runs, and found again. */
#include "lib/authority/names_internal.h"

#define PARTS_MAX	(PRODUCT_NAMES_MAX + 2)

void
names_held_release(struct names_held *held)
{
	buf_release(&held->text);
}

/* The first name that takes from the same pool as name i. */
static size_t
pool_leader(const struct names_run *run, size_t i)
{
	size_t first = 0;

	while (run->pool[first] != run->pool[i])
		first++;
	return first;
}

enum err
names_run_open(struct authority *authority, const struct store_order *order,
    const struct template *template, struct names_run *ret_run,
    struct diag *diag)
{
	struct names_run run = { .authority = authority,
	    .template = template, .needed = template_needs_names(template) };
	struct store_name_file file;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < template->name_count && !err; i++) {
		if (template->names[i].from != NAME_FROM_RANGE)
			continue;
		err = name_block_id(&template->names[i], &run.pool[i]);
		if (!err)
			err = names_left(authority, &template->names[i],
			    &run.left[i], diag);
	}
	if (!err && template_csv_names(template) > 0) {
		err = store_name_file_get(authority->store, order->number,
		    &file, diag);
		if (!err && file.lines != order->count)
			err = diag_fail(diag, ERR_CORRUPT, NULL,
			    "order %u: its file names %ju of %ju identities",
			    order->number, (uintmax_t)file.lines,
			    (uintmax_t)order->count);
		if (!err)
			run.next_line = file.first * STORE_NAME_LINES +
			    order->committed;
	}
	if (!err)
		*ret_run = run;
	return err;
}

bool
names_run_room(const struct names_run *run, uint32_t count)
{
	uint64_t need[PRODUCT_NAMES_MAX] = { 0 };
	size_t i, first;

	for (i = 0; i < run->template->name_count; i++) {
		if (run->template->names[i].from != NAME_FROM_RANGE)
			continue;
		first = pool_leader(run, i);
		need[first] += count;
		if (need[first] > run->left[first])
			return false;
	}
	return true;
}

static enum err
part_take(struct names_run *run, uint64_t pool, uint64_t first,
    const struct store_range *range, struct diag *diag)
{
	struct store_name_part part = { .pool = pool, .first = first,
	    .count = range->count, .log = range->log,
	    .range = range->first };
	enum err err;

	err = store_name_part_put(run->authority->store, &part, NULL);
	if (err != ERR_EXISTS)
		return err ? diag_fail(diag, err, NULL,
		    "registry: names cannot be taken") : ERR_OK;
	err = diag_fail(diag, ERR_CORRUPT, NULL, "registry: order %u is "
	    "further than its record says: its next names are taken",
	    range->order);
	diag_hint(diag, "the registry was altered or damaged: restore it "
	    "from a backup; nothing was signed");
	return err;
}

enum err
names_run_take(struct names_run *run, const struct store_range *range,
    struct names_held *held, struct diag *diag)
{
	const struct product_name *name = run->template->names;
	struct store *store = run->authority->store;
	uint64_t next;
	size_t i;
	enum err err = ERR_OK;

	if (!run->needed)
		return ERR_OK;
	for (i = 0; i < run->template->name_count && !err; i++, name++) {
		if (name->from != NAME_FROM_RANGE)
			continue;
		err = store_name_part_next(store, run->pool[i], &next, diag);
		if (!err)
			err = part_take(run, run->pool[i], next, range, diag);
		run->left[pool_leader(run, i)] -= range->count;
	}
	if (!err && template_csv_names(run->template) > 0) {
		err = part_take(run, STORE_NAME_FILES, run->next_line, range,
		    diag);
		run->next_line += range->count;
	}
	return err ? err : names_load(run->authority, run->template, range,
	    held, diag);
}

struct parts {
	struct store_name_part	list[PARTS_MAX];
	size_t			count;
};

static enum err
part_collect(void *ctx, const struct store_name_part *part)
{
	struct parts *parts = ctx;

	if (parts->count == PARTS_MAX)
		return ERR_CORRUPT;
	parts->list[parts->count++] = *part;
	return ERR_OK;
}

/* The next part of a pool: names take from it in the template's order. */
static enum err
part_use(struct parts *parts, uint64_t pool, const struct store_range *range,
    uint64_t *ret_first, struct diag *diag)
{
	size_t i;

	for (i = 0; i < parts->count; i++)
		if (parts->list[i].pool == pool && parts->list[i].count > 0)
			break;
	if (i == parts->count || parts->list[i].count != range->count)
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "registry: range %u/%ju has not the names it took",
		    range->log, (uintmax_t)range->first);
	*ret_first = parts->list[i].first;
	parts->list[i].count = 0;
	return ERR_OK;
}

static enum err
lines_load(struct authority *authority, const struct template *template,
    const struct store_range *range, uint64_t first, struct names_held *held,
    struct diag *diag)
{
	size_t columns = template_csv_names(template);
	uint64_t number = first / STORE_NAME_LINES, left = range->count;
	unsigned line = (unsigned)(first % STORE_NAME_LINES);
	struct name_block block = { .lines = 0 };
	enum err err = ERR_OK;

	buf_clear(&held->text);
	for (; left > 0 && !err; number++, line = 0) {
		err = name_block_get(authority, range->order, number, columns,
		    &block, diag);
		if (!err && line >= block.lines)
			err = diag_fail(diag, ERR_CORRUPT, NULL,
			    "registry: names of order %u end before their "
			    "time", range->order);
		for (; !err && line < block.lines && left > 0; line++) {
			buf_put(&held->text, block.text[line],
			    columns * NAME_TEXT_SIZE);
			left--;
		}
	}
	if (!err)
		err = buf_err(&held->text);
	held->names.text = (const void *)held->text.ptr;
	return err;
}

enum err
names_load(struct authority *authority, const struct template *template,
    const struct store_range *range, struct names_held *held,
    struct diag *diag)
{
	const struct product_name *name = template->names;
	struct parts parts = { .count = 0 };
	uint64_t pool, first = 0;
	size_t i;
	enum err err;

	held->names = (struct identity_names){ .first = range->first,
	    .count = range->count };
	if (!template_needs_names(template))
		return ERR_OK;
	err = store_name_part_each(authority->store, range->log, range->first,
	    part_collect, &parts, diag);
	for (i = 0; i < template->name_count && !err; i++, name++) {
		if (name->from != NAME_FROM_RANGE)
			continue;
		err = name_block_id(name, &pool);
		if (!err)
			err = part_use(&parts, pool, range, &first, diag);
		held->names.value[i] = name->first + first;
	}
	if (err || template_csv_names(template) == 0)
		return err;
	err = part_use(&parts, STORE_NAME_FILES, range, &first, diag);
	return err ? err : lines_load(authority, template, range, first,
	    held, diag);
}

struct burn {
	struct authority	*authority;
	uint32_t		log;
	uint64_t		first, count;
	uint32_t		template;	/* being walked; its pools */
	uint64_t		pools[PRODUCT_NAMES_MAX];
	size_t			pool_count;
	uint64_t		pool;		/* looked for by part_count() */
	size_t			burnt;
	struct diag		*diag;
};

static enum err
part_count(void *ctx, const struct store_name_part *part)
{
	struct burn *burn = ctx;

	burn->burnt += part->pool == burn->pool;
	return ERR_OK;
}

/* As often as the template takes from this pool, and no more than another
 * template has burnt already: an identity is of one template. */
static enum err
burn_one(void *ctx, const struct names_form *form)
{
	struct burn *burn = ctx;
	struct store_name_part part = { .log = burn->log,
	    .range = burn->first, .count = burn->count };
	struct store *store = burn->authority->store;
	size_t i, before = 0;
	uint64_t left = 0;
	enum err err;

	if (form->name.from != NAME_FROM_RANGE || form->log != burn->log)
		return ERR_OK;
	if (burn->template != form->template)
		burn->pool_count = 0;
	burn->template = form->template;
	err = name_block_id(&form->name, &burn->pool);
	if (err)
		return err;
	for (i = 0; i < burn->pool_count; i++)
		before += burn->pools[i] == burn->pool;
	burn->pools[burn->pool_count++] = part.pool = burn->pool;
	burn->burnt = 0;
	err = store_name_part_each(store, burn->log, burn->first, part_count,
	    burn, burn->diag);
	if (!err)
		err = names_left(burn->authority, &form->name, &left,
		    burn->diag);
	if (err || burn->burnt > before || left == 0)
		return err;
	err = store_name_part_next(store, part.pool, &part.first,
	    burn->diag);
	if (part.count > left)
		part.count = left;
	return err ? err : store_name_part_put(store, &part, burn->diag);
}

enum err
names_burn(struct authority *authority, uint32_t log, uint64_t first,
    uint64_t count, struct diag *diag)
{
	struct burn burn = { .authority = authority, .log = log,
	    .first = first, .count = count, .diag = diag };

	return names_each(authority, burn_one, &burn, diag);
}
