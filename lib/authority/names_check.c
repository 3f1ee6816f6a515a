/* What keeps names unique before anything is made. */
#include "lib/authority/association.h"
#include "lib/authority/field.h"
#include "lib/authority/names_internal.h"
#include "lib/authority/status.h"

/* A template that wants to come to the others. */
struct coming {
	struct authority	*authority;
	const struct template	*template;
	/* by its names: their form is there already, with what follows */
	bool			 known[PRODUCT_NAMES_MAX];
	bool			 lines;		/* names of the line matter */
	const struct template	*of;		/* of the reported names */
	struct diag		*diag;
};

static enum err
coming_conflict(struct coming *c, const struct product_name *name,
    const struct names_form *other, bool in_log)
{
	char owner[NAMES_OWNER_SIZE];
	enum err err;

	err = names_product(c->authority, other->template, owner, c->diag);
	if (err)
		return err;
	err = diag_fail(c->diag, ERR_CONFLICT, NULL, "name %s: could give a "
	    "name that %s gives%s (its %s)", name->kind, owner,
	    in_log ? "" : " in another log", other->name.kind);
	diag_hint(c->diag, "names are unique: take another prefix, number of "
	    "digits or block, or declare the very same block to share it");
	return err;
}

static enum err
type_conflict(struct coming *c, const struct product_name *name,
    const struct names_form *other)
{
	enum err err;

	err = diag_fail(c->diag, ERR_CONFLICT, NULL, "name %s: of type %s; "
	    "other products have it as %s", name->kind,
	    name_type_name(name->type), name_type_name(other->name.type));
	diag_hint(c->diag, "a kind has one type in an ecosystem: give this "
	    "one another kind");
	return err;
}

static enum err
coming_against(void *ctx, const struct names_form *other)
{
	struct coming *c = ctx;
	const struct product_name *name = c->template->names;
	bool same = false;
	size_t i;

	for (i = 0; i < c->template->name_count; i++, name++) {
		if (strcmp(name->kind, other->name.kind) == 0 &&
		    name->type != other->name.type)
			return type_conflict(c, name, other);
		if (!name_has_form(name) ||
		    strcmp(name_space(name), name_space(&other->name)) != 0)
			continue;
		if (other->name.from == NAME_FROM_LINE)
			c->lines = true;
		if (!name_has_form(&other->name))
			continue;
		if (name_same_block(name, &other->name)) {
			c->known[i] = true;
			continue;
		}
		if (!name_forms_meet(name, &other->name, &same))
			continue;
		if (!same)
			return coming_conflict(c, name, other, true);
		if (c->template->log != other->log)
			return coming_conflict(c, name, other, false);
		if (name->digits == other->name.digits)
			c->known[i] = true;
	}
	return ERR_OK;
}

/* Within the product: two kinds of one type must not meet either. */
static enum err
coming_within(struct coming *c)
{
	const struct product_name *names = c->template->names;
	size_t i, j;
	bool same;

	for (i = 0; i < c->template->name_count; i++)
		for (j = 0; j < i; j++)
			if (name_has_form(&names[i]) &&
			    name_has_form(&names[j]) &&
			    strcmp(name_space(&names[i]),
			    name_space(&names[j])) == 0 &&
			    !name_same_block(&names[i], &names[j]) &&
			    name_forms_meet(&names[i], &names[j], &same))
				return diag_fail(c->diag, ERR_CONFLICT, NULL,
				    "names %s and %s: their blocks overlap",
				    names[j].kind, names[i].kind);
	return ERR_OK;
}

/* Is a name of a line one that a new form could give? */
static enum err
name_against(struct coming *c, const struct names_order *order,
    const struct product_name *column, const char *text, uint64_t line)
{
	const struct product_name *name = c->template->names;
	char owner[NAMES_OWNER_SIZE];
	uint64_t value;
	size_t i;
	enum err err;

	for (i = 0; i < c->template->name_count; i++, name++) {
		if (c->known[i] ||
		    strcmp(name_space(name), name_space(column)) != 0 ||
		    name_parse(name, text, &value) != ERR_OK)
			continue;
		err = names_owner(c->authority, order, line, owner, c->diag);
		if (err)
			return err;
		return diag_fail(c->diag, ERR_CONFLICT, NULL,
		    "name %s: would give \"%s\"; %s", name->kind, text,
		    owner);
	}
	return ERR_OK;
}

/* Could a column have names that a new form gives? */
static bool
column_matters(const struct coming *c, const struct product_name *column)
{
	const struct product_name *name = c->template->names;
	size_t i;

	for (i = 0; i < c->template->name_count; i++, name++)
		if (!c->known[i] && name_has_form(name) &&
		    strcmp(name_space(name), name_space(column)) == 0)
			return true;
	return false;
}

static enum err
file_against(void *ctx, const struct store_name_file *file)
{
	struct coming *c = ctx;
	struct names_order order;
	struct name_block block = { .lines = 0 };
	uint64_t line = 0, number;
	size_t i, n;
	bool matters = false;
	enum err err;

	err = names_order_get(c->authority, file->order, &order, c->diag);
	for (i = 0; !err && i < order.columns; i++)
		matters = matters || column_matters(c, &order.names[i]);
	if (err || !matters)
		return err;
	for (number = file->first; line < file->lines && !err; number++) {
		err = name_block_get(c->authority, file->order, number,
		    order.columns, &block, c->diag);
		for (n = 0; n < block.lines && !err; n++, line++)
			for (i = 0; i < order.columns && !err &&
			    !names_order_dead(&order, line); i++)
				err = name_against(c, &order,
				    &order.names[i], block.text[n][i], line);
	}
	return err;
}

/* Is a name that the line gave one that a new form could give? */
static enum err
reported_against(struct coming *c, const struct address *address,
    const struct report_name *reported)
{
	char text[REPORT_NAME_TEXT_MAX + 1], owner[NAMES_OWNER_SIZE];
	const struct product_name *name = c->template->names;
	const char *space = NULL;
	uint64_t value;
	size_t i;
	enum err err;

	if (reported->text.len >= sizeof(text))
		return ERR_CORRUPT;
	memcpy(text, reported->text.ptr, reported->text.len);
	text[reported->text.len] = '\0';
	for (i = 0; i < c->of->name_count; i++)
		if (bytes_equal(bytes_text(c->of->names[i].kind),
		    reported->kind))
			space = name_space(&c->of->names[i]);
	for (i = 0; i < c->template->name_count && space != NULL; i++,
	    name++) {
		if (c->known[i] || strcmp(name_space(name), space) != 0 ||
		    name_parse(name, text, &value) != ERR_OK)
			continue;
		err = names_identity(c->authority, address->log,
		    address->index, owner, sizeof(owner), c->diag);
		return err ? err : diag_fail(c->diag, ERR_CONFLICT, NULL,
		    "name %s: would give \"%s\"; identity %s has it",
		    name->kind, text, owner);
	}
	return ERR_OK;
}

static enum err
records_against(struct coming *c, const struct store_range *range,
    const struct associations *a)
{
	struct address address = { .log = range->log };
	const struct report_record *record;
	enum status status;
	uint32_t i;
	size_t k;
	enum err err = ERR_OK;

	for (i = 0; i < a->count && !err; i++) {
		record = &a->records[i];
		if (!association_live(record) || record->name_count == 0)
			continue;
		address.index = range->first + i;
		err = field_birth_status(c->authority, &address, &status,
		    c->diag);
		for (k = 0; !err && status != STATUS_REVOKED &&
		    k < record->name_count; k++)
			err = reported_against(c, &address,
			    &record->names[k]);
	}
	return err;
}

static enum err
place_against(void *ctx, const struct store_row *row)
{
	_cleanup_associations_ struct associations a = ASSOCIATIONS_INIT;
	_cleanup_template_ struct template *template = NULL;
	struct coming *c = ctx;
	struct store_range range;
	enum err err;

	err = store_range_get(c->authority->store,
	    (uint32_t)row->numbers[0], row->numbers[1], &range, c->diag);
	if (!err)
		err = associations_get(c->authority, &range, &a, c->diag);
	if (!err)
		err = authority_template(c->authority, range.template,
		    &template, c->diag);
	c->of = template;
	return err ? err : records_against(c, &range, &a);
}

enum err
names_check_template(struct authority *authority,
    const struct template *template, struct diag *diag)
{
	struct coming c = { .authority = authority, .template = template,
	    .diag = diag };
	enum err err;

	err = coming_within(&c);
	if (!err)
		err = names_each(authority, coming_against, &c, diag);
	if (!err)
		err = store_name_file_each(authority->store, file_against,
		    &c, diag);
	if (!err && c.lines)
		err = store_row_each(authority->store,
		    STORE_ASSOCIATION_ROWS, place_against, &c, diag);
	return err;
}

/* What open orders take of the blocks of a product. */
struct room {
	struct authority	*authority;
	const struct product	*product;
	uint64_t		 need[PRODUCT_NAMES_MAX];
	struct diag		*diag;
};

/* count identities with these names: what they take. */
static void
room_add(struct room *room, const struct product_name *names,
    size_t name_count, uint64_t count)
{
	size_t i, n;

	for (i = 0; i < name_count; i++)
		for (n = 0; n < room->product->name_count; n++)
			if (name_same_block(&names[i],
			    &room->product->names[n]))
				room->need[n] += count;
}

static enum err
room_order(void *ctx, const struct store_order *order)
{
	_cleanup_template_ struct template *template = NULL;
	struct room *room = ctx;
	enum err err;

	if (order->state != ORDER_OPEN || order->committed >= order->count)
		return ERR_OK;
	err = authority_template(room->authority, order->template, &template,
	    room->diag);
	if (!err)
		room_add(room, template->names, template->name_count,
		    order->count - order->committed);
	return err;
}

static enum err
room_short(const struct product *product, const struct product_name *name,
    uint64_t left, uint64_t need, uint64_t count, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_LIMIT, NULL, "product %s: %s: its block has "
	    "%ju names left, this order of %ju and those still open need %ju",
	    product->name, name->kind, (uintmax_t)left, (uintmax_t)count,
	    (uintmax_t)need);
	diag_hint(diag, "order less, or give the product a new version with "
	    "another block");
	return err;
}

enum err
names_check_room(struct authority *authority, const struct product *product,
    uint64_t count, struct diag *diag)
{
	struct room room = { .authority = authority, .product = product,
	    .diag = diag };
	const struct product_name *name = product->names;
	uint64_t left = 0;
	bool any = false;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < product->name_count; i++)
		any = any || name[i].from == NAME_FROM_RANGE;
	if (any)
		err = store_order_each(authority->store, room_order, &room,
		    diag);
	room_add(&room, product->names, product->name_count, count);
	for (i = 0; i < product->name_count && !err; i++, name++) {
		if (name->from != NAME_FROM_RANGE)
			continue;
		err = names_left(authority, name, &left, diag);
		if (!err && left < room.need[i])
			err = room_short(product, name, left, room.need[i],
			    count, diag);
	}
	return err;
}
