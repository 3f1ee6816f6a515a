#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/names_internal.h"

#define READ_SIZE	((size_t)64 << 10)

void
names_title(const struct file *file, char ret_title[NAMES_TITLE_SIZE])
{
	const char *slash = strrchr(file->path, '/');
	const char *name = slash != NULL && slash[1] != '\0' ? slash + 1 :
	    file->path;
	size_t i;

	(void)snprintf(ret_title, NAMES_TITLE_SIZE, "%s", name);
	for (i = 0; ret_title[i] != '\0'; i++)
		if (ret_title[i] < 0x20 || ret_title[i] > 0x7e)
			ret_title[i] = '?';
}

static enum err
file_walk(const struct file *file, struct name_csv *csv,
    struct sha256 *sha256, uint8_t *block, struct diag *diag)
{
	uint64_t size = 0, at;
	struct bytes part;
	enum err err;

	err = file_size(file, &size, diag);
	if (!err)
		err = sha256_begin(sha256);
	for (at = 0; at < size && !err; at += part.len) {
		part = bytes_of(block, size - at < READ_SIZE ?
		    (size_t)(size - at) : READ_SIZE);
		err = file_read_at(file, at, block, part.len, diag);
		if (!err)
			err = sha256_update(sha256, part);
		if (!err)
			err = name_csv_feed(csv, part, diag);
	}
	return err;
}

enum err
names_file_read(const struct file *file, const struct product_name *names,
    size_t count, enum err (*each)(void *ctx, const struct name_csv_line *),
    void *ctx, struct names_file *ret_file, struct diag *diag)
{
	_cleanup_name_csv_ struct name_csv *csv = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	char title[NAMES_TITLE_SIZE];
	struct names_file found = { .lines = 0 };
	uint8_t *block;
	enum err err;

	names_title(file, title);
	err = name_csv_new(title, names, count, each, ctx, &csv, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (err)
		return err;
	block = malloc(READ_SIZE);
	if (block == NULL)
		return diag_nomem(diag);
	err = file_walk(file, csv, sha256, block, diag);
	free(block);
	if (!err)
		err = name_csv_end(csv, &found.lines, diag);
	if (!err)
		err = sha256_end(sha256, found.hash);
	if (!err)
		*ret_file = found;
	return err;
}

enum err
names_left(struct authority *authority, const struct product_name *name,
    uint64_t *ret_left, struct diag *diag)
{
	uint64_t pool, next, size = name->last - name->first + 1;
	enum err err;

	err = name_block_id(name, &pool);
	if (!err)
		err = store_name_part_next(authority->store, pool, &next,
		    diag);
	if (!err)
		*ret_left = next < size ? size - next : 0;
	return err;
}

/* Packs are filled one after another: their lines are the first. */
static enum err
packed_count(struct authority *authority, const struct store_order *order,
    uint64_t *ret_packed, struct diag *diag)
{
	struct store_pack pack;
	uint64_t packed = 0;
	uint32_t no;
	enum err err = ERR_OK;

	for (no = 1; no <= order->packs && !err; no++) {
		err = store_pack_get(authority->store, order->number, no,
		    &pack, diag);
		if (!err && pack.complete)
			packed += pack.count;
	}
	if (!err)
		*ret_packed = packed;
	return err;
}

enum err
names_order_get(struct authority *authority, uint32_t number,
    struct names_order *ret_order, struct diag *diag)
{
	_cleanup_template_ struct template *template = NULL;
	struct names_order found = { .columns = 0 };
	size_t i;
	enum err err;

	err = store_order_get(authority->store, number, &found.order, diag);
	if (!err)
		err = store_name_file_get(authority->store, number,
		    &found.file, diag);
	if (!err)
		err = packed_count(authority, &found.order, &found.packed,
		    diag);
	if (!err)
		err = authority_template(authority, found.order.template,
		    &template, diag);
	if (err)
		return err;
	for (i = 0; i < template->name_count; i++)
		if (template->names[i].from == NAME_FROM_CSV)
			found.names[found.columns++] = template->names[i];
	*ret_order = found;
	return ERR_OK;
}

bool
names_order_dead(const struct names_order *order, uint64_t line)
{
	return order->order.state == ORDER_CANCELLED &&
	    line >= order->packed;
}

/* "bulk/17" */
enum err
names_identity(struct authority *authority, uint32_t log, uint64_t index,
    char *out, size_t size, struct diag *diag)
{
	struct store_log row;
	enum err err;

	err = store_log_get(authority->store, log, &row, NULL, NULL, diag);
	if (!err)
		(void)snprintf(out, size, "%s/%ju", row.name,
		    (uintmax_t)index);
	return err;
}

enum err
names_owner(struct authority *authority, const struct names_order *order,
    uint64_t line, char ret_owner[NAMES_OWNER_SIZE], struct diag *diag)
{
	uint64_t value = order->file.first * STORE_NAME_LINES + line;
	char where[STORE_NAME_MAX + 24];
	struct store_name_part part;
	enum err err;

	err = line < order->order.committed ? store_name_part_get(
	    authority->store, STORE_NAME_FILES, value, &part, NULL) :
	    ERR_NOTFOUND;
	if (err && err != ERR_NOTFOUND)
		return diag_fail(diag, err, NULL,
		    "registry: names of order %u cannot be read",
		    order->order.number);
	if (err) {
		(void)snprintf(ret_owner, NAMES_OWNER_SIZE,
		    "order %u keeps it (line %ju of its file)",
		    order->order.number, (uintmax_t)line + 2);
		return ERR_OK;
	}
	err = names_identity(authority, part.log,
	    part.range + value - part.first, where, sizeof(where), diag);
	if (!err)
		(void)snprintf(ret_owner, NAMES_OWNER_SIZE,
		    "identity %s of order %u has it", where,
		    order->order.number);
	return err;
}

enum err
names_product(struct authority *authority, uint32_t template_id,
    char ret_owner[NAMES_OWNER_SIZE], struct diag *diag)
{
	_cleanup_template_ struct template *template = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object product;
	enum err err;

	err = authority_template(authority, template_id, &template, diag);
	if (!err)
		err = object_by_hash(authority->store, authority->row_mac,
		    STORE_PRODUCT, template->product, &body, &product, diag);
	if (!err)
		(void)snprintf(ret_owner, NAMES_OWNER_SIZE,
		    "product %s %.30s", product.name, product.version);
	return err;
}

/* Somebody whose form gives a name; who has it comes before who may. */
struct holder {
	struct authority	*authority;
	const char		*space, *text;
	char			 owner[NAMES_OWNER_SIZE];
	bool			 issued;
	struct diag		*diag;
};

enum err
names_form_index(struct authority *authority, const struct names_form *form,
    uint64_t value, uint32_t *ret_log, uint64_t *ret_index)
{
	struct store_name_part part = { .log = form->log, .range = value };
	struct store_range range;
	uint64_t pool;
	enum err err = ERR_OK;

	if (form->name.from == NAME_FROM_RANGE) {
		value -= form->name.first;
		err = name_block_id(&form->name, &pool);
		if (!err)
			err = store_name_part_get(authority->store, pool,
			    value, &part, NULL);
		value -= err ? 0 : part.first;
	} else {
		value = 0;
	}
	if (!err)
		err = store_range_get(authority->store, part.log,
		    part.range + value, &range, NULL);
	if (!err && form->name.from == NAME_FROM_INDEX &&
	    range.template != form->template)
		err = ERR_NOTFOUND;
	if (err)
		return err;
	*ret_log = part.log;
	*ret_index = part.range + value;
	return ERR_OK;
}

static enum err
holder_try(void *ctx, const struct names_form *form)
{
	struct holder *holder = ctx;
	char where[NAMES_OWNER_SIZE];
	uint64_t value, index = 0;
	uint32_t log = 0;
	enum err err;

	if (holder->issued ||
	    strcmp(name_space(&form->name), holder->space) != 0 ||
	    name_parse(&form->name, holder->text, &value) != ERR_OK)
		return ERR_OK;
	err = names_form_index(holder->authority, form, value, &log, &index);
	if (err == ERR_NOTFOUND) {
		err = names_product(holder->authority, form->template, where,
		    holder->diag);
		if (!err)
			(void)snprintf(holder->owner, NAMES_OWNER_SIZE,
			    "%.100s keeps it", where);
		return err;
	}
	if (!err)
		err = names_identity(holder->authority, log, index, where,
		    sizeof(where), holder->diag);
	if (err)
		return diag_fail(holder->diag, err, NULL,
		    "registry: names cannot be read");
	(void)snprintf(holder->owner, NAMES_OWNER_SIZE,
	    "identity %.90s has it", where);
	holder->issued = true;
	return ERR_OK;
}

enum err
names_form_holder(struct authority *authority, const char *space,
    const char *text, char ret_owner[NAMES_OWNER_SIZE], struct diag *diag)
{
	struct holder holder = { .authority = authority, .space = space,
	    .text = text, .diag = diag };
	enum err err;

	err = names_each(authority, holder_try, &holder, diag);
	if (!err)
		memcpy(ret_owner, holder.owner, NAMES_OWNER_SIZE);
	return err;
}

enum err
names_hash(struct sha256 *sha256, const char *space, const char *text,
    uint32_t *ret_hash)
{
	const struct bytes parts[2] = {
		bytes_of(space, strlen(space) + 1), bytes_text(text) };
	uint8_t hash[SHA256_SIZE];
	enum err err;

	err = sha256_parts(sha256, parts, 2, hash);
	if (!err)
		*ret_hash = get_be32(hash);
	return err;
}

struct walk {
	enum err	(*each)(void *ctx, const struct names_form *);
	void		*ctx;
	struct diag	*diag;
};

static enum err
template_walk(void *ctx, const struct store_object *object)
{
	_cleanup_template_ struct template *template = NULL;
	struct names_form form = { .template =
	    (uint32_t)strtoul(object->name, NULL, 10) };
	struct walk *walk = ctx;
	size_t i;
	enum err err;

	err = template_decode(object->body, &template, walk->diag);
	for (i = 0; !err && i < template->name_count; i++) {
		/* given to another template's identities before */
		if (template->names[i].from == NAME_FROM_BIRTH)
			continue;
		form.name = template->names[i];
		form.log = template->log;
		err = walk->each(walk->ctx, &form);
	}
	return err;
}

enum err
names_each(struct authority *authority,
    enum err (*each)(void *ctx, const struct names_form *), void *ctx,
    struct diag *diag)
{
	struct walk walk = { each, ctx, diag };

	return object_each(authority->store, authority->row_mac,
	    STORE_TEMPLATE, template_walk, &walk, diag);
}
