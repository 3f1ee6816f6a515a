#include "lib/authority/rows.h"

#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/status.h"
#include "lib/base/cbor_write.h"

void
row_sum_change(struct row_sum *sum, const uint8_t code[SHA256_SIZE], bool add)
{
	int carry = 0, i;

	for (i = SHA256_SIZE - 1; i >= 0; i--) {
		carry += add ? sum->sum[i] + code[i] :
		    sum->sum[i] - code[i];
		sum->sum[i] = (uint8_t)carry;
		carry >>= 8;
	}
	if (add)
		sum->count++;
	else
		sum->count--;
}

static enum err
altered(const char *what, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_CORRUPT, NULL,
	    "registry: its %s are not those that the operations made", what);
	diag_hint(diag, "somebody or something wrote to registry.db: 'imprint "
	    "log verify' may say more; restore it from a backup, and find "
	    "out who");
	return err;
}

struct object_walk {
	struct row_sum	sum;
	uint64_t	place;
};

/* An object's MAC is the end of its body. */
static enum err
object_sum(void *ctx, const struct store_object *object)
{
	struct object_walk *walk = ctx;

	if (object->body.len < SHA256_SIZE)
		return ERR_CORRUPT;
	row_sum_change(&walk->sum, object->body.ptr + object->body.len -
	    SHA256_SIZE, true);
	return ERR_OK;
}

enum err
rows_objects_add(struct authority *authority, struct operation_head *head,
    struct diag *diag)
{
	struct object_walk walk = { .sum = head->objects };
	uint64_t place;
	enum err err;

	err = store_object_last(authority->store, &place, diag);
	if (!err)
		err = store_object_since(authority->store,
		    head->object_place, object_sum, &walk, diag);
	if (err)
		return err;
	head->objects = walk.sum;
	head->object_place = place;
	return ERR_OK;
}

enum err
rows_check_objects(struct authority *authority,
    const struct operation_head *head, struct diag *diag)
{
	struct object_walk walk = { .place = 0 };
	enum err err;

	err = store_object_last(authority->store, &walk.place, diag);
	if (err)
		return err;
	err = store_object_since(authority->store, 0, object_sum, &walk,
	    NULL);
	if (err && err != ERR_CORRUPT)
		return diag_fail(diag, err, NULL, "registry: objects");
	if (err || walk.place != head->object_place ||
	    walk.sum.count != head->objects.count ||
	    memcmp(walk.sum.sum, head->objects.sum, SHA256_SIZE) != 0)
		return altered("objects", diag);
	return ERR_OK;
}

struct range_walk {
	struct authority	*authority;
	struct row_sum		 sum;
	bool			 add;
	uint64_t		 pool;		/* of parts */
	bool			 one_pool;
	/* of one log: where its ranges end, and those that are closed */
	uint64_t		 end, closed;
	bool			 broken;
};

static enum err
row_sum(struct range_walk *walk, struct buf *row)
{
	uint8_t code[SHA256_SIZE];
	struct bytes encoded = buf_bytes(row);
	enum err err = buf_err(row);

	if (!err)
		err = hmac_parts(walk->authority->row_mac, &encoded, 1, code);
	if (!err)
		row_sum_change(&walk->sum, code, walk->add);
	return err;
}

static enum err
range_sum(void *ctx, const struct store_range *range)
{
	struct range_walk *walk = ctx;
	uint8_t room[160];
	struct buf row = { .ptr = room, .cap = sizeof(room),
	    .limit = sizeof(room) };

	cbor_put_array(&row, 12);
	cbor_put_text(&row, "range");
	cbor_put_uint(&row, range->log);
	cbor_put_uint(&row, range->first);
	cbor_put_uint(&row, range->count);
	cbor_put_uint(&row, range->epoch);
	cbor_put_bstr(&row, bytes_of(range->seed, RANGE_SEED_SIZE));
	cbor_put_uint(&row, range->template);
	cbor_put_uint(&row, range->order);
	cbor_put_uint(&row, range->pack);
	cbor_put_uint(&row, range->chunk);
	cbor_put_int(&row, range->issued);
	cbor_put_uint(&row, range->evidence);
	return row_sum(walk, &row);
}

static enum err
part_sum(void *ctx, const struct store_name_part *part)
{
	struct range_walk *walk = ctx;
	uint8_t room[96];
	struct buf row = { .ptr = room, .cap = sizeof(room),
	    .limit = sizeof(room) };

	if (walk->one_pool && part->pool != walk->pool)
		return ERR_OK;
	cbor_put_array(&row, 6);
	cbor_put_text(&row, "names");
	cbor_put_uint(&row, part->pool);
	cbor_put_uint(&row, part->first);
	cbor_put_uint(&row, part->count);
	cbor_put_uint(&row, part->log);
	cbor_put_uint(&row, part->range);
	return row_sum(walk, &row);
}

static enum err
range_change(struct authority *authority, const struct store_range *range,
    bool add, struct diag *diag)
{
	struct range_walk walk = { .authority = authority, .add = add };
	struct operation_head head;
	enum err err;

	err = operation_head(authority, &head, diag);
	walk.sum = head.ranges;
	if (!err)
		err = range_sum(&walk, range);
	if (!err)
		err = store_name_part_each(authority->store, range->log,
		    range->first, part_sum, &walk, diag);
	head.ranges = walk.sum;
	return err ? err : operation_head_put(authority, &head, diag);
}

enum err
rows_range_add(struct authority *authority, const struct store_range *range,
    struct diag *diag)
{
	return range_change(authority, range, true, diag);
}

enum err
rows_range_take(struct authority *authority, const struct store_range *range,
    struct diag *diag)
{
	return range_change(authority, range, false, diag);
}

enum err
rows_carve(struct authority *authority, struct operation_head *head,
    const struct store_range *whole, const struct store_range *parts,
    size_t count, const struct store_range *left, struct diag *diag)
{
	struct range_walk walk = { .authority = authority,
	    .sum = head->ranges };
	size_t i;
	enum err err;

	err = range_sum(&walk, whole);
	walk.add = true;
	for (i = 0; i < count && !err; i++)
		err = range_sum(&walk, &parts[i]);
	if (!err && left->count > 0)
		err = range_sum(&walk, left);
	if (err)
		return diag_fail(diag, err, NULL, "registry: sum of ranges");
	head->ranges = walk.sum;
	return ERR_OK;
}

enum err
rows_part_take(struct authority *authority, uint64_t pool,
    const struct store_range *range, struct diag *diag)
{
	struct range_walk walk = { .authority = authority, .pool = pool,
	    .one_pool = true };
	struct operation_head head;
	enum err err;

	err = operation_head(authority, &head, diag);
	walk.sum = head.ranges;
	if (!err)
		err = store_name_part_each(authority->store, range->log,
		    range->first, part_sum, &walk, diag);
	head.ranges = walk.sum;
	return err ? err : operation_head_put(authority, &head, diag);
}

enum err
rows_add(struct authority *authority, struct row_sum *changes,
    const struct store_row *row, bool add)
{
	uint8_t room[64], code[SHA256_SIZE];
	struct buf head = { .ptr = room, .cap = sizeof(room),
	    .limit = sizeof(room) };
	struct bytes parts[2] = { BYTES_NONE, row->blob };
	enum err err;

	cbor_put_array(&head, 6);
	cbor_put_text(&head, "row");
	cbor_put_uint(&head, row->table);
	cbor_put_uint(&head, row->numbers[0]);
	cbor_put_uint(&head, row->numbers[1]);
	cbor_put_uint(&head, row->numbers[2]);
	cbor_put_bstr_head(&head, row->blob.len);
	err = buf_err(&head);
	parts[0] = buf_bytes(&head);
	if (!err)
		err = hmac_parts(authority->row_mac, parts, 2, code);
	if (!err)
		row_sum_change(changes, code, add);
	return err;
}

enum err
rows_change(struct authority *authority, const struct row_sum *changes,
    struct diag *diag)
{
	struct operation_head head;
	enum err err;

	err = operation_head(authority, &head, diag);
	if (err)
		return err;
	row_sum_change(&head.rows, changes->sum, true);
	/* that counted one row */
	head.rows.count += changes->count - 1;
	return operation_head_put(authority, &head, diag);
}

struct table_walk {
	struct authority	*authority;
	struct row_sum		 sum;
};

static enum err
table_row(void *ctx, const struct store_row *row)
{
	struct table_walk *walk = ctx;

	return rows_add(walk->authority, &walk->sum, row, true);
}

enum err
rows_tables(struct authority *authority, struct row_sum *ret_rows,
    struct diag *diag)
{
	struct table_walk walk = { .authority = authority };
	unsigned table;
	enum err err = ERR_OK;

	for (table = 1; table <= STORE_TABLES && !err; table++)
		err = store_row_each(authority->store,
		    (enum store_table)table, table_row, &walk, diag);
	if (!err)
		*ret_rows = walk.sum;
	return err;
}

enum err
rows_check_tables(struct authority *authority, struct diag *diag)
{
	struct operation_head head;
	struct row_sum sum;
	enum err err;

	err = operation_head(authority, &head, diag);
	if (!err && !head.without_rows)
		err = rows_tables(authority, &sum, diag);
	if (err || head.without_rows)
		return err;
	if (sum.count != head.rows.count ||
	    memcmp(sum.sum, head.rows.sum, SHA256_SIZE) != 0)
		return altered("reports, names or devices that came with "
		    "orders", diag);
	return ERR_OK;
}

/* No index twice, none left out. */
static enum err
range_next(void *ctx, const struct store_range *range)
{
	struct range_walk *walk = ctx;

	if (range->first != walk->end)
		walk->broken = true;
	if (range->state != RANGE_RESERVED && walk->closed != walk->end)
		walk->broken = true;
	walk->end = range->first + range->count;
	if (range->state != RANGE_RESERVED)
		walk->closed = walk->end;
	return range_sum(walk, range);
}

static enum err
log_ranges(void *ctx, const struct store_log *log)
{
	struct range_walk *walk = ctx;
	enum err err;

	if (log->log == LOG_OPERATIONS_NUMBER)
		return ERR_OK;
	walk->end = 0;
	walk->closed = 0;
	err = store_range_each(walk->authority->store, log->log, 0, 0,
	    range_next, walk, NULL);
	if (walk->end != log->reserved || walk->closed != log->size ||
	    log->epoch != EPOCH_FIRST)
		walk->broken = true;
	return err;
}

enum err
rows_all(struct authority *authority, struct row_sum *ret_ranges,
    struct diag *diag)
{
	struct range_walk walk = { .authority = authority, .add = true };
	enum err err;

	err = store_log_each(authority->store, log_ranges, &walk, diag);
	if (!err && walk.broken)
		return altered("logs and the ranges in them", diag);
	if (!err)
		err = store_name_part_each(authority->store, 0, 0, part_sum,
		    &walk, diag);
	if (!err)
		*ret_ranges = walk.sum;
	return err;
}

enum err
rows_check_ranges(struct authority *authority, struct diag *diag)
{
	struct operation_head head;
	struct row_sum sum;
	enum err err;

	err = operation_head(authority, &head, diag);
	if (!err)
		err = rows_all(authority, &sum, diag);
	if (err)
		return err;
	if (sum.count != head.ranges.count ||
	    memcmp(sum.sum, head.ranges.sum, SHA256_SIZE) != 0)
		return altered("ranges or the names they took", diag);
	return ERR_OK;
}

/* What the ranges say of a pack. */
struct pack_sum {
	uint64_t	committed, length;
	uint32_t	chunks;
};

struct order_walk {
	struct authority	*authority;
	struct pack_sum		*packs;
	uint32_t		 pack_count;
	uint64_t		 committed;
	bool			 good;
	struct diag		*diag;
};

static void
order_committed(struct order_walk *walk, const struct store_range *range)
{
	uint64_t end = range->pack_offset + range->pack_length;
	struct pack_sum *pack;

	walk->committed += range->count;
	if (range->pack < 1 || range->pack > walk->pack_count) {
		walk->good = false;
		return;
	}
	pack = &walk->packs[range->pack - 1];
	pack->committed += range->count;
	pack->chunks++;
	if (end > pack->length)
		pack->length = end;
}

static enum err
order_range(void *ctx, const struct store_range *range)
{
	struct order_walk *walk = ctx;
	struct store_status row;
	enum status status;
	enum err err;

	if (range->state == RANGE_COMMITTED)
		order_committed(walk, range);
	if (range->state != RANGE_VOID)
		return ERR_OK;
	err = status_get(walk->authority, range->log, range->first, &status,
	    &row, walk->diag);
	if (!err && status == STATUS_VALID)
		walk->good = false;
	return err;
}

/* A pack without chunks has its header, or nothing yet. */
static enum err
order_packs(struct order_walk *walk, const struct store_order *order)
{
	const struct pack_sum *sum;
	struct store_pack pack;
	uint32_t no;
	enum err err;

	for (no = 1; no <= order->packs; no++) {
		sum = &walk->packs[no - 1];
		err = store_pack_get(walk->authority->store, order->number,
		    no, &pack, walk->diag);
		if (err)
			return err;
		if (pack.committed != sum->committed ||
		    pack.chunks != sum->chunks ||
		    (sum->chunks > 0 && pack.length != sum->length) ||
		    ((pack.complete || order->state == ORDER_COMPLETE) &&
		    (!pack.complete || pack.committed != pack.count)))
			walk->good = false;
	}
	return ERR_OK;
}

enum err
rows_check_order(struct authority *authority,
    const struct store_order *order, struct diag *diag)
{
	struct order_walk walk = { .authority = authority, .good = true,
	    .pack_count = order->packs, .diag = diag };
	enum err err;

	walk.packs = calloc((size_t)order->packs + 1, sizeof(*walk.packs));
	if (walk.packs == NULL)
		return diag_nomem(diag);
	err = store_range_each(authority->store, order->log, order->number,
	    0, order_range, &walk, diag);
	if (!err)
		err = order_packs(&walk, order);
	free(walk.packs);
	if (err)
		return err;
	if (!walk.good || walk.committed != order->committed)
		return altered("orders' progress and their ranges", diag);
	return ERR_OK;
}
