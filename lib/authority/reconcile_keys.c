/* Names that only the line knows, and devices: each in one live identity. */
#include <stdlib.h>

#include "lib/authority/field.h"
#include "lib/authority/reconcile_internal.h"

/* Could somebody else's names be like those of the line? */
static enum err
form_note(void *ctx, const struct names_form *form)
{
	struct keys *k = ctx;
	size_t i;

	for (i = 0; i < k->template->name_count; i++) {
		if (k->template->names[i].from != NAME_FROM_LINE ||
		    strcmp(name_space(&k->template->names[i]),
		    name_space(&form->name)) != 0)
			continue;
		if (name_has_form(&form->name))
			k->forms[i] = true;
		if (form->name.from == NAME_FROM_CSV)
			k->files[i] = true;
	}
	return ERR_OK;
}

enum err
keys_open(struct keys *k, struct authority *authority,
    const struct template *template, struct diag *diag)
{
	enum err err;

	k->authority = authority;
	k->template = template;
	k->diag = diag;
	err = sha256_new(&k->sha256, diag);
	return err ? err : names_each(authority, form_note, k, diag);
}

void
keys_release(struct keys *k)
{
	sha256_free(&k->sha256);
	free(k->suspects);
	k->suspects = NULL;
}

struct file_walk {
	struct authority	*authority;
	const char		*space, *text;
	char			 owner[NAMES_OWNER_SIZE];
	struct diag		*diag;
};

/* Has a line of this block the name? */
static enum err
file_try(void *ctx, uint64_t number)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct name_block block = { .lines = 0 };
	struct file_walk *walk = ctx;
	struct names_order order;
	uint32_t owner = 0;
	uint64_t line;
	size_t n, i;
	enum err err;

	err = store_block_get(walk->authority->store, STORE_NAME_BLOCKS, number,
	    &owner, &body, walk->diag);
	if (!err)
		err = names_order_get(walk->authority, owner, &order,
		    walk->diag);
	if (!err)
		err = name_block_get(walk->authority, owner, number,
		    order.columns, &block, walk->diag);
	if (err)
		return err;
	line = (number - order.file.first) * STORE_NAME_LINES;
	for (n = 0; n < block.lines && !err; n++, line++)
		for (i = 0; i < order.columns && !err; i++)
			if (!names_order_dead(&order, line) &&
			    strcmp(block.text[n][i], walk->text) == 0 &&
			    strcmp(name_space(&order.names[i]),
			    walk->space) == 0)
				err = names_owner(walk->authority, &order,
				    line, walk->owner, walk->diag);
	return err;
}

/* Does the authority itself give this name? */
static enum err
name_check(struct keys *k, size_t column, const char *text)
{
	const struct product_name *name = &k->template->names[column];
	struct file_walk walk = { .authority = k->authority,
	    .space = name_space(name), .text = text, .diag = k->diag };
	uint32_t hash;
	enum err err = ERR_OK;

	if (k->forms[column])
		err = names_form_holder(k->authority, walk.space, text,
		    walk.owner, k->diag);
	if (!err && k->files[column] && walk.owner[0] == '\0') {
		err = names_hash(k->sha256, walk.space, text, &hash);
		if (!err)
			err = store_name_key_each(k->authority->store, hash,
			    0, file_try, &walk, k->diag);
	}
	if (err || walk.owner[0] == '\0')
		return err;
	return diag_fail(k->diag, ERR_CONFLICT, NULL, "report: %s \"%s\": %s",
	    name->kind, text, walk.owner);
}

static enum err
name_take(struct keys *k, struct report_name *name,
    char text[NAME_TEXT_SIZE])
{
	const struct product_name *names = k->template->names;
	struct diag why = DIAG_INIT;
	size_t i;
	enum err err;

	for (i = 0; i < k->template->name_count; i++)
		if (names[i].from == NAME_FROM_LINE &&
		    bytes_equal(bytes_text(names[i].kind), name->kind))
			break;
	if (i == k->template->name_count)
		return diag_fail(k->diag, ERR_CONFLICT, NULL, "report: \"%.*s"
		    "\" is no kind of name that the product leaves to the "
		    "line", (int)name->kind.len, name->kind.ptr);
	err = name_read(names[i].kind, names[i].type, name->text, text, &why);
	if (err)
		return diag_fail(k->diag, ERR_CONFLICT, NULL,
		    "report: %s \"%.*s\": %s", names[i].kind,
		    (int)name->text.len, name->text.ptr, why.what);
	name->text = bytes_text(text);
	return name_check(k, i, text);
}

enum err
keys_names(struct keys *k, struct report_record *record,
    char text[REPORT_NAMES_MAX][NAME_TEXT_SIZE], struct diag *diag)
{
	size_t i;
	enum err err = ERR_OK;

	(void)diag;
	for (i = 0; i < record->name_count && !err; i++)
		err = name_take(k, &record->names[i], text[i]);
	return err;
}

/* A report that gives one device to n identities makes n^2 / 2 of them. */
#define SUSPECTS_MAX	((size_t)1 << 20)

static enum err
suspect_add(void *ctx, uint32_t log, uint64_t index)
{
	struct suspect *more;
	struct keys *k = ctx;

	if (log == k->own.log && index == k->own.index)
		return ERR_OK;
	if (k->count == k->cap) {
		if (k->count >= SUSPECTS_MAX)
			return diag_fail(k->diag, ERR_LIMIT, NULL, "report: "
			    "devices or names stand at other identities too, "
			    "more than %zu times", SUSPECTS_MAX);
		k->cap = k->cap * 2 + 16;
		more = reallocarray(k->suspects, k->cap, sizeof(*more));
		if (more == NULL)
			return diag_nomem(k->diag);
		k->suspects = more;
	}
	k->suspects[k->count++] = (struct suspect){ k->own,
	    { log, index }, k->key };
	return ERR_OK;
}

static enum err
key_put(struct keys *k)
{
	const struct store_row row = { .table = STORE_LINE_KEY_ROWS,
	    .numbers = { k->key, k->own.log, k->own.index } };
	bool new = false;
	enum err err;

	err = store_line_key_each(k->authority->store, k->key, suspect_add,
	    k, k->diag);
	if (!err)
		err = store_line_key_put(k->authority->store, k->key,
		    k->own.log, k->own.index, &new, k->diag);
	return err || !new ? err : rows_add(k->authority, k->rows, &row,
	    true);
}

static const char *
kind_space(const struct template *template, struct bytes kind)
{
	size_t i;

	for (i = 0; i < template->name_count; i++)
		if (bytes_equal(bytes_text(template->names[i].kind), kind))
			return name_space(&template->names[i]);
	return "";
}

enum err
keys_put(struct keys *k, const struct address *address,
    const struct report_record *record, struct diag *diag)
{
	size_t i;
	enum err err = ERR_OK;

	(void)diag;
	k->own = *address;
	if (record->device_kind != REPORT_NO_DEVICE) {
		err = association_device_key(k->sha256, record, &k->key);
		if (!err)
			err = key_put(k);
	}
	for (i = 0; i < record->name_count && !err; i++) {
		err = association_name_key(k->sha256, kind_space(k->template,
		    record->names[i].kind), record->names[i].text, &k->key);
		if (!err)
			err = key_put(k);
	}
	return err;
}

/* What is reported of an identity, while it is not revoked. */
static enum err
live_get(struct keys *k, const struct address *address,
    struct associations *a, struct report_record *ret_record, bool *ret_live)
{
	struct store_range range;
	enum status status;
	enum err err;

	*ret_live = false;
	err = field_birth_status(k->authority, address, &status, k->diag);
	if (err || status == STATUS_REVOKED)
		return err;
	err = store_range_get(k->authority->store, address->log,
	    address->index, &range, k->diag);
	if (!err)
		err = associations_get(k->authority, &range, a, k->diag);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	*ret_record = a->records[address->index - range.first];
	*ret_live = association_live(ret_record);
	return ERR_OK;
}

static bool
same_name(const struct report_record *a, const struct report_record *b,
    struct bytes *ret_text)
{
	size_t i, n;

	for (i = 0; i < a->name_count; i++)
		for (n = 0; n < b->name_count; n++)
			if (bytes_equal(a->names[i].text, b->names[n].text)) {
				*ret_text = a->names[i].text;
				return true;
			}
	return false;
}

/* Names of one key and one text are of one space: the key is 63 bits of a
 * hash over both. */
static enum err
suspect_check(struct keys *k, const struct suspect *suspect)
{
	_cleanup_associations_ struct associations a = ASSOCIATIONS_INIT,
	    b = ASSOCIATIONS_INIT;
	struct report_record own, other;
	struct bytes text = BYTES_NONE;
	bool live = false, device;
	enum err err;

	err = live_get(k, &suspect->own, &a, &own, &live);
	if (!err && live)
		err = live_get(k, &suspect->other, &b, &other, &live);
	if (err || !live)
		return err;
	device = own.device_kind != REPORT_NO_DEVICE &&
	    own.device_kind == other.device_kind &&
	    bytes_equal(own.device, other.device);
	if (!device && !same_name(&own, &other, &text))
		return ERR_OK;
	err = diag_fail(k->diag, ERR_CONFLICT, NULL, "report: identities %ju "
	    "and %ju are %s%.*s%s", (uintmax_t)suspect->other.index,
	    (uintmax_t)suspect->own.index, device ? "in one device" :
	    "both called \"", (int)text.len, (const char *)text.ptr,
	    device ? "" : "\"");
	diag_hint(k->diag, "find out which of them the device has, and "
	    "'imprint revoke' the other; then load the report again");
	return err;
}

enum err
keys_check(struct keys *k, struct diag *diag)
{
	size_t i;
	enum err err = ERR_OK;

	(void)diag;
	for (i = 0; i < k->count && !err; i++)
		err = suspect_check(k, &k->suspects[i]);
	return err;
}

struct name_walk {
	struct authority	*authority;
	struct bytes		 text;
	struct address		 address;
	char			*kind;		/* room of PRODUCT_NAME_MAX */
	bool			 found, live;
	struct diag		*diag;
};

/* Of several the live one counts. */
static enum err
name_try(void *ctx, uint32_t log, uint64_t index)
{
	_cleanup_associations_ struct associations a = ASSOCIATIONS_INIT;
	struct address address = { log, index };
	struct name_walk *walk = ctx;
	struct report_record record;
	struct reported reported;
	enum status status;
	size_t i;
	enum err err;

	if (walk->live)
		return ERR_OK;
	err = association_find(walk->authority, &address, &a, &record,
	    &reported, walk->diag);
	if (!err)
		err = field_birth_status(walk->authority, &address, &status,
		    walk->diag);
	if (err)
		return err;
	for (i = 0; i < record.name_count; i++)
		if (bytes_equal(record.names[i].text, walk->text))
			break;
	if (record.state == 0 || i == record.name_count)
		return ERR_OK;
	walk->address = address;
	walk->found = true;
	walk->live = association_live(&record) && status != STATUS_REVOKED;
	memcpy(walk->kind, record.names[i].kind.ptr,
	    record.names[i].kind.len);
	walk->kind[record.names[i].kind.len] = '\0';
	return ERR_OK;
}

enum err
line_name_find(struct authority *authority, struct sha256 *sha256,
    const char *space, const char *text, struct address *ret_address,
    char *ret_kind, bool *ret_live, struct diag *diag)
{
	char kind[REPORT_NAME_KIND_MAX + 1];
	struct name_walk walk = { .authority = authority,
	    .text = bytes_text(text), .kind = kind, .diag = diag };
	uint64_t key;
	enum err err;

	err = association_name_key(sha256, space, walk.text, &key);
	if (!err)
		err = store_line_key_each(authority->store, key, name_try,
		    &walk, diag);
	if (err)
		return err;
	if (!walk.found)
		return ERR_NOTFOUND;
	*ret_address = walk.address;
	*ret_live = walk.live;
	memcpy(ret_kind, kind, sizeof(kind));
	return ERR_OK;
}
