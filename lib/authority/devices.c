/* Lists of devices read and taken in. */
#include "lib/authority/devices.h"

#include <stdlib.h>

#include "lib/authority/approval.h"
#include "lib/authority/chip_maker.h"
#include "lib/authority/devices_internal.h"
#include "lib/authority/field.h"
#include "lib/authority/names.h"
#include "lib/authority/status.h"
#include "lib/base/cbor_write.h"
#include "lib/devices/formats.h"

#define BATCH	((size_t)1 << 18)	/* marks; 8 MB */

static enum device_list_kind
mode_kind(enum order_mode mode)
{
	return mode == ORDER_CHIP ? DEVICE_LIST_CHIPS : DEVICE_LIST_KEYS;
}

enum err
devices_product_check(const struct product *product, enum order_mode mode,
    struct diag *diag)
{
	bool outside = product->credential_count > 0 &&
	    product->credentials[0].maker != MAKER_AUTHORITY;
	enum err err;

	if (mode == ORDER_CHIP && product->evidence == INJECTION_SIGNED) {
		err = diag_fail(diag, ERR_INVALID, NULL, "order: product %s: "
		    "evidence: signed, and mode chip: which keys a package "
		    "holds is sealed to its chip, so the station can check no "
		    "signature and would commit no device", product->name);
		diag_hint(diag, "give the product a new version with evidence: "
		    "readback, or order it without --mode chip");
		return err;
	}
	if (outside == (mode == ORDER_DEVICE_KEY))
		return ERR_OK;
	err = diag_fail(diag, ERR_INVALID, NULL, "order: product %s: its "
	    "keys are made %s", product->name, outside ?
	    "elsewhere: a list of them is missing" : "here: a list of "
	    "devices' keys does not go with that");
	if (outside)
		diag_hint(diag, "give it with --mode device-key --list FILE");
	else
		diag_hint(diag, "say key-from: device, or chip, in its "
		    "credentials");
	return err;
}

enum err
devices_approved(const uint8_t product[SHA256_SIZE],
    const struct devices_said *said, uint8_t ret_hash[SHA256_SIZE])
{
	_cleanup_buf_ struct buf subject = BUF_INIT;
	enum err err;

	cbor_put_array(&subject, 4);
	cbor_put_bstr(&subject, bytes_of(product, SHA256_SIZE));
	cbor_put_uint(&subject, said->mode);
	cbor_put_uint(&subject, said->entries);
	cbor_put_bstr(&subject, bytes_of(said->hash, SHA256_SIZE));
	err = buf_err(&subject);
	return err ? err : sha256_once(buf_bytes(&subject), ret_hash);
}

enum err
devices_file_read_by(const struct device_list_signer *signers,
    size_t signer_count, const struct devices_file *in, enum order_mode mode,
    const struct product *product, int64_t now,
    const struct device_list_sink *sink, struct devices_list *ret_list,
    struct diag *diag)
{
	_cleanup_list_writer_ struct device_list_writer *writer = NULL;
	const struct device_list_format *format = NULL;
	struct device_list_input input = { .file = in->file,
	    .signature = in->signature, .kind = mode_kind(mode),
	    .signers = signers, .signer_count = signer_count, .now = now,
	    .key_id = in->key_id, .challenge = in->challenge,
	    .bad = in->bad, .bad_ctx = in->bad_ctx };
	unsigned slots[PRODUCT_SLOTS_MAX];
	char title[NAMES_TITLE_SIZE];
	struct devices_list list;
	size_t i;
	enum err err;

	names_title(in->file, title);
	for (i = 0; i < product->credential_count; i++)
		slots[i] = product->credentials[i].slot;
	input.slots = slots;
	input.slot_count = product->credential_count;
	err = device_list_format_find(in->format, in->file, &format, diag);
	if (!err)
		err = device_list_writer_new(title, format->place_word, sink,
		    &writer, diag);
	if (!err)
		err = format->read(&input, writer, diag);
	if (!err)
		err = device_list_end(writer, &list.entries, list.hash, diag);
	if (err)
		return err;
	list.head = *device_list_writer_head(writer);
	*ret_list = list;
	return ERR_OK;
}

enum err
devices_file_read(struct authority *authority,
    const struct devices_file *in, enum order_mode mode,
    const struct product *product, int64_t now,
    const struct device_list_sink *sink, struct devices_list *ret_list,
    struct diag *diag)
{
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	enum err err;

	err = chip_makers_load(authority, &makers, diag);
	return err ? err : devices_file_read_by(makers.signers,
	    makers.signer_count, in, mode, product, now, sink, ret_list,
	    diag);
}

struct mark {
	uint8_t		mark[STORE_MARK_SIZE];
	uint64_t	entry;
};

struct import {
	struct authority		*authority;
	const struct store_order	*order;
	const struct product		*product;
	struct store_device_list	 list;
	const struct devices_said	*said;
	struct sha256			*sha256;
	struct buf			 block;
	unsigned			 in_block;
	uint64_t			 block_number;
	struct mark			*marks;
	size_t				 mark_count;
	struct row_sum			 rows;	/* what changes of them */
	char				 title[NAMES_TITLE_SIZE];
	struct diag			*diag;
};

static int
mark_compare(const void *a, const void *b)
{
	const struct mark *left = a, *right = b;

	return memcmp(left->mark, right->mark, STORE_MARK_SIZE);
}

/* The identity that an order's entry led to. ERR_NOTFOUND: none yet. */
static enum err
entry_identity(struct store *store, uint32_t order, uint64_t entry,
    struct address *ret_address)
{
	struct store_device_list list;
	struct store_name_part part;
	uint64_t value;
	enum err err;

	err = store_device_list_get(store, order, &list, NULL);
	if (err)
		return err;
	value = list.first * STORE_NAME_LINES + entry;
	err = store_name_part_get(store, STORE_NAME_LISTS, value, &part,
	    NULL);
	if (err)
		return err;
	ret_address->log = part.log;
	ret_address->index = part.range + (value - part.first);
	return ERR_OK;
}

/* What a mark stands for so far. */
struct holder {
	struct address	birth;
	bool		given_up;
	bool		living;		/* but not what it enrolled for */
};

/* The status of its birth; of one that left its place to what the device
 * confirmed, that of what has it. */
static enum err
holder_status(struct authority *authority, const struct address *birth,
    enum status *ret_status, struct store_status *ret_row, struct diag *diag)
{
	struct address now;
	bool left = false;
	enum err err;

	err = status_get(authority, birth->log, birth->index, ret_status,
	    ret_row, diag);
	if (!err && *ret_status == STATUS_REVOKED)
		err = field_left_place(authority, ret_row, &left, diag);
	if (err || !left)
		return err;
	err = field_current(authority, birth, &now, diag);
	return err ? err : status_get(authority, now.log, now.index,
	    ret_status, ret_row, diag);
}

/*
 * Its identity was given up, by a station's report or with the station, or by
 * an operator for a reason that says nothing against its keys: the device may
 * have another one. What it was superseded by may be in use, and so may what
 * it enrolled for: that is revoked first, or the device would have two.
 */
static enum err
holder_get(struct authority *authority, uint32_t order, uint64_t entry,
    struct holder *ret_holder, struct diag *diag)
{
	enum status status = STATUS_VALID;
	struct holder h = { .living = false };
	struct field_living living;
	struct store_status row;
	size_t i;
	enum err err;

	*ret_holder = h;
	err = entry_identity(authority->store, order, entry, &h.birth);
	if (err == ERR_NOTFOUND)
		return ERR_OK;
	if (!err)
		err = holder_status(authority, &h.birth, &status, &row, diag);
	if (!err && status == STATUS_REVOKED)
		h.given_up = row.reason == CRL_CESSATION_OF_OPERATION ||
		    row.reason == CRL_PRIVILEGE_WITHDRAWN;
	if (err || !h.given_up)
		return err;
	err = field_living(authority, &h.birth, &living, diag);
	for (i = 1; i < living.count && !err; i++) {
		err = status_get(authority, living.address[i].log,
		    living.address[i].index, &status, &row, diag);
		h.living = h.living || status != STATUS_REVOKED;
	}
	h.given_up = !h.living;
	*ret_holder = h;
	return err;
}

/* The device has an identity, or may get it yet. */
static enum err
mark_refused(struct import *import, const struct mark *mark, uint32_t order,
    uint64_t entry, const struct holder *holder)
{
	enum err err;

	err = diag_fail(import->diag, ERR_CONFLICT, NULL,
	    "%s: entry %ju: its key or id is that of entry %ju of "
	    "order %u: one device has one identity", import->title,
	    (uintmax_t)mark->entry + 1, (uintmax_t)entry + 1, order);
	if (holder->living)
		diag_hint(import->diag, "it enrolled with the one of that "
		    "order, and what it has since is not revoked: 'imprint "
		    "revoke UEID --reason cessationOfOperation' first, UEID: "
		    "see 'imprint identity find " LOG_BULK "/%ju'",
		    (uintmax_t)holder->birth.index);
	else
		diag_hint(import->diag, "leave it out; or cancel that order if "
		    "it was not run, or let a station's report give its "
		    "identity up");
	return err;
}

/* A mark that is there already: it moves on, or refuses the list. */
static enum err
mark_again(struct import *import, const struct mark *mark)
{
	struct store_row row = { .table = STORE_DEVICE_MARK_ROWS,
	    .blob = bytes_of(mark->mark, STORE_MARK_SIZE) };
	uint32_t to = import->order->number, order = 0;
	struct holder holder = { .given_up = false };
	uint64_t entry = 0;
	enum err err;

	err = store_device_mark_get(import->authority->store, mark->mark,
	    &order, &entry, import->diag);
	if (!err && order != to)
		err = holder_get(import->authority, order, entry, &holder,
		    import->diag);
	if (err)
		return err;
	if (!holder.given_up)
		return mark_refused(import, mark, order, entry, &holder);
	row.numbers[0] = order;
	row.numbers[1] = entry;
	err = rows_add(import->authority, &import->rows, &row, false);
	row.numbers[0] = to;
	row.numbers[1] = mark->entry;
	if (!err)
		err = rows_add(import->authority, &import->rows, &row, true);
	return err ? err : store_device_mark_move(import->authority->store,
	    mark->mark, to, mark->entry, import->diag);
}

/* Sorted: the tree of marks is walked once, from one end to the other. */
static enum err
marks_flush(struct import *import)
{
	struct store *store = import->authority->store;
	const struct mark *mark = import->marks;
	struct store_row row = { .table = STORE_DEVICE_MARK_ROWS,
	    .numbers = { import->order->number } };
	size_t i;
	enum err err = ERR_OK;

	qsort(import->marks, import->mark_count, sizeof(*mark), mark_compare);
	for (i = 0; i < import->mark_count && !err; i++, mark++) {
		err = store_device_mark_put(store, mark->mark,
		    import->order->number, mark->entry, import->diag);
		row.numbers[1] = mark->entry;
		row.blob = bytes_of(mark->mark, STORE_MARK_SIZE);
		if (!err)
			err = rows_add(import->authority, &import->rows,
			    &row, true);
		if (err == ERR_EXISTS)
			err = mark_again(import, mark);
	}
	import->mark_count = 0;
	return err;
}

static enum err
mark_add(struct import *import, const uint8_t mark[SHA256_SIZE],
    uint64_t entry)
{
	enum err err = ERR_OK;

	if (import->mark_count == BATCH)
		err = marks_flush(import);
	memcpy(import->marks[import->mark_count].mark, mark,
	    STORE_MARK_SIZE);
	import->marks[import->mark_count++].entry = entry;
	return err;
}

static enum err
block_flush(struct import *import)
{
	enum err err;

	if (import->in_block == 0)
		return ERR_OK;
	err = buf_err(&import->block);
	if (!err)
		err = device_block_put(import->authority,
		    import->order->number, import->block_number++,
		    buf_bytes(&import->block), import->diag);
	buf_clear(&import->block);
	import->in_block = 0;
	return err;
}

/* Its keys go into the product's slots, one each. */
static enum err
keys_fit(struct import *import, uint64_t number,
    const struct device_entry *entry)
{
	const struct product *product = import->product;
	const struct product_credential *c;
	size_t i;

	for (i = 0; i < product->credential_count; i++) {
		c = &product->credentials[i];
		if (i >= entry->key_count || entry->key[i].slot != c->slot)
			break;
		if (entry->key[i].key.alg != c->alg)
			return diag_fail(import->diag, ERR_INVALID, NULL,
			    "%s: entry %ju: slot %u: a key of %s, product %s "
			    "has %s there", import->title,
			    (uintmax_t)number + 1, c->slot,
			    key_alg_name(entry->key[i].key.alg),
			    product->name, key_alg_name(c->alg));
	}
	if (i == product->credential_count && i == entry->key_count)
		return ERR_OK;
	return diag_fail(import->diag, ERR_INVALID, NULL, "%s: entry %ju: its "
	    "%zu keys are not those of the %zu slots of product %s",
	    import->title, (uintmax_t)number + 1, entry->key_count,
	    product->credential_count, product->name);
}

static enum err
entry_import(void *ctx, uint64_t number, const struct device_entry *entry,
    struct bytes encoded)
{
	struct import *import = ctx;
	uint8_t mark[SHA256_SIZE];
	size_t i;
	enum err err = ERR_OK;

	(void)encoded;
	if (number >= import->order->count)
		return diag_fail(import->diag, ERR_INVALID, NULL,
		    "%s: an entry more than the order's %ju identities",
		    import->title, (uintmax_t)import->order->count);
	if (import->list.mode == ORDER_DEVICE_KEY)
		err = keys_fit(import, number, entry);
	for (i = 0; i < entry->key_count && !err; i++) {
		err = device_key_mark(import->sha256, &entry->key[i].key,
		    mark);
		if (!err)
			err = mark_add(import, mark, number);
	}
	if (!err && entry->id.len > 0) {
		err = device_id_mark(import->sha256, import->list.source,
		    entry->id, mark);
		if (!err)
			err = mark_add(import, mark, number);
	}
	if (err)
		return err;
	device_stored_put(&import->block, entry);
	return ++import->in_block == STORE_NAME_LINES ? block_flush(import) :
	    ERR_OK;
}

static enum err
unbelieved(const struct import *import, const char *what, const char *hint)
{
	enum err err;

	err = diag_fail(import->diag, ERR_AUTH, NULL, "%s: %s",
	    import->title, what);
	diag_hint(import->diag, "%s", hint);
	return err;
}

/* Why this list may be believed; who made the keys is what documents say. An
 * approval is looked at when the list was read: it is for its hash. */
static enum err
trust_check(const struct import *import, const struct device_list_head *head)
{
	enum product_maker maker = import->product->credentials[0].maker;
	enum order_mode mode = import->said->mode;

	switch (head->trust) {
	case DEVICE_LIST_SIGNED:
	case DEVICE_LIST_MANIFEST:
		if (mode == ORDER_DEVICE_KEY && maker != MAKER_CHIP)
			return unbelieved(import, "a chip maker signed it, "
			    "the product says that devices make their keys",
			    "say key-from: chip in the product");
		return ERR_OK;
	case DEVICE_LIST_POSSESSION:
		if (mode != ORDER_DEVICE_KEY)
			break;
		if (maker != MAKER_DEVICE)
			return unbelieved(import, "devices proved their keys, "
			    "the product says that chips come with them",
			    "say key-from: device in the product");
		return ERR_OK;
	case DEVICE_LIST_APPROVED:
		break;
	}
	return import->said->approval.len > 0 ? ERR_OK : unbelieved(import,
	    "no registered chip maker signed it, and no second operator "
	    "approved it", "another operator runs 'imprint list approve "
	    "FILE', you order with --approval FILE");
}

/* Whose list it is decides what its ids are known by. */
static enum err
list_begun(void *ctx, const struct device_list_head *head)
{
	struct import *import = ctx;

	import->list.trust = head->trust;
	memcpy(import->list.source, head->source, sizeof(head->source));
	return trust_check(import, head);
}

/* Is what was read what was signed for? */
static enum err
said_check(const struct import *import, const struct devices_list *list)
{
	const struct devices_said *said = import->said;
	uint64_t count = import->order->count;

	if (list->entries != count)
		return diag_fail(import->diag, ERR_INVALID, NULL,
		    "%s: lists %ju devices for an order of %ju", import->title,
		    (uintmax_t)list->entries, (uintmax_t)count);
	if (list->entries != said->entries ||
	    memcmp(list->hash, said->hash, SHA256_SIZE) != 0)
		return diag_fail(import->diag, ERR_AUTH, NULL,
		    "%s: is not the list that the request was signed for",
		    import->title);
	return ERR_OK;
}

static enum err
import_run(struct import *import, const struct devices_file *file,
    int64_t now)
{
	const struct device_list_sink sink = { .each = entry_import,
		.begun = list_begun, .ctx = import };
	struct store *store = import->authority->store;
	uint8_t approved[SHA256_SIZE];
	struct devices_list list;
	enum err err;

	err = store_block_next(store, STORE_DEVICE_BLOCKS,
	    &import->list.first, import->diag);
	if (err)
		return err;
	import->block_number = import->list.first;
	err = devices_file_read(import->authority, file, import->said->mode,
	    import->product, now, &sink, &list, import->diag);
	if (!err)
		err = said_check(import, &list);
	if (!err)
		err = devices_approved(import->order->product, import->said,
		    approved);
	if (!err && (list.head.trust == DEVICE_LIST_APPROVED ||
	    import->said->approval.len > 0))
		err = approval_take(import->authority,
		    import->said->approval, APPROVAL_DEVICE_LIST, approved,
		    import->order->operator, import->order->number, now,
		    import->diag);
	if (!err)
		err = block_flush(import);
	if (!err)
		err = marks_flush(import);
	if (!err)
		err = rows_change(import->authority, &import->rows,
		    import->diag);
	if (err)
		return err;
	import->list.entries = list.entries;
	memcpy(import->list.hash, list.hash, SHA256_SIZE);
	return store_device_list_put(store, &import->list, import->diag);
}

enum err
devices_import(struct authority *authority, const struct store_order *order,
    const struct product *product, const struct devices_file *file,
    const struct devices_said *said, int64_t now, struct diag *diag)
{
	struct import import = { .authority = authority, .order = order,
	    .product = product, .said = said, .block = BUF_INIT,
	    .diag = diag,
	    .list = { .order = order->number, .mode = said->mode } };
	enum err err;

	names_title(file->file, import.title);
	import.marks = calloc(BATCH, sizeof(*import.marks));
	err = import.marks == NULL ? diag_nomem(diag) :
	    sha256_new(&import.sha256, diag);
	if (!err)
		err = import_run(&import, file, now);
	sha256_free(&import.sha256);
	buf_release(&import.block);
	free(import.marks);
	return err;
}

/* The marks that an order gives back. */
struct given_back {
	struct authority	*authority;
	uint32_t		 order;
	uint64_t		 from;		/* entry */
	struct row_sum		 rows;
};

static enum err
mark_leave(void *ctx, const struct store_row *row)
{
	struct given_back *g = ctx;

	if (row->numbers[0] != g->order || row->numbers[1] < g->from)
		return ERR_OK;
	return rows_add(g->authority, &g->rows, row, false);
}

enum err
devices_release(struct authority *authority,
    const struct store_order *order, struct diag *diag)
{
	struct given_back g = { .authority = authority,
	    .order = order->number };
	struct store_device_list list;
	struct store_pack pack;
	uint32_t no;
	enum err err;

	err = store_device_list_get(authority->store, order->number, &list,
	    NULL);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	for (no = 1; no <= order->packs && !err; no++) {
		err = store_pack_get(authority->store, order->number, no,
		    &pack, diag);
		if (!err && pack.complete)
			g.from += pack.count;
	}
	if (!err)
		err = store_row_each(authority->store,
		    STORE_DEVICE_MARK_ROWS, mark_leave, &g, diag);
	if (!err)
		err = rows_change(authority, &g.rows, diag);
	return err ? err : store_device_mark_drop(authority->store,
	    order->number, g.from, diag);
}
