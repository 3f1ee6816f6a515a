/* Orders and their packs. */
#include "lib/store/sqlite_internal.h"

#define ORDER_COLUMNS	"number, id, product, count, committed, chunk_size, "\
			"packs, log, template, state, created, operator"
#define PACK_COLUMNS	"order_number, no, id, station, count, committed, "\
			"length, chunks, complete"

static enum err
order_absent(struct store *st, uint32_t number, struct diag *diag)
{
	return diag_fail(diag, ERR_NOTFOUND, NULL,
	    "registry %s: no order %u", st->path, number);
}

static enum err
next_number(struct store *st, uint32_t *ret_number, struct diag *diag)
{
	static const char text[] = "SELECT coalesce(max(number), 0) "
	    "FROM orders";
	_cleanup_sql_ struct sql q = SQL_INIT;
	uint32_t highest;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (!err)
		err = sql_row(&q, &row, diag);
	if (err)
		return err;
	highest = sql_get_u32(&q);
	err = sql_check_row(&q, "orders", diag);
	if (err)
		return err;
	if (highest == UINT32_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "registry %s: order numbers are used up", st->path);
	*ret_number = highest + 1;
	return ERR_OK;
}

enum err
store_order_create(struct store *st, struct store_order *order,
    struct diag *diag)
{
	static const char text[] = "INSERT INTO orders (" ORDER_COLUMNS ") "
	    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	uint32_t number = 0;
	enum err err;

	err = store_writable(st, diag);
	if (!err)
		err = name_check(order->operator, "operator", diag);
	if (!err)
		err = next_number(st, &number, diag);
	if (!err)
		err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, number);
	sql_put_bytes(&q, bytes_of(order->id, STORE_ID_SIZE));
	sql_put_bytes(&q, bytes_of(order->product, STORE_HASH_SIZE));
	sql_put_u64(&q, order->count);
	sql_put_u64(&q, order->committed);
	sql_put_int(&q, order->chunk_size);
	sql_put_int(&q, order->packs);
	sql_put_int(&q, order->log);
	sql_put_int(&q, order->template);
	sql_put_int(&q, (int64_t)order->state);
	sql_put_int(&q, order->created);
	sql_put_text(&q, order->operator);
	err = sql_run_insert(&q, diag);
	if (err == ERR_EXISTS)
		return diag_fail(diag, err, NULL,
		    "order: its id is there already");
	if (!err)
		order->number = number;
	return err;
}

static enum err
order_read(struct sql *q, struct store_order *ret_order, struct diag *diag)
{
	struct store_order order = { .number = 0 };
	enum err err;

	order.number = sql_get_u32(q);
	sql_get_fixed(q, order.id, sizeof(order.id));
	sql_get_fixed(q, order.product, sizeof(order.product));
	order.count = sql_get_u64(q);
	order.committed = sql_get_u64(q);
	order.chunk_size = sql_get_u32(q);
	order.packs = sql_get_u32(q);
	order.log = sql_get_u32(q);
	order.template = sql_get_u32(q);
	order.state = (enum order_state)sql_get_u32(q);
	order.created = sql_get_int(q);
	sql_get_text(q, order.operator);
	err = sql_check_row(q, "orders", diag);
	if (err)
		return err;
	*ret_order = order;
	return ERR_OK;
}

enum err
store_order_get(struct store *st, uint32_t number,
    struct store_order *ret_order, struct diag *diag)
{
	static const char text[] = "SELECT " ORDER_COLUMNS " FROM orders "
	    "WHERE number = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, number);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	return row ? order_read(&q, ret_order, diag) :
	    order_absent(st, number, diag);
}

enum err
store_order_each(struct store *st,
    enum err (*each)(void *ctx, const struct store_order *), void *ctx,
    struct diag *diag)
{
	static const char text[] = "SELECT " ORDER_COLUMNS " FROM orders "
	    "ORDER BY number";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_order order;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	for (;;) {
		err = sql_row(&q, &row, diag);
		if (err || !row)
			return err;
		err = order_read(&q, &order, diag);
		if (!err)
			err = each(ctx, &order);
		if (err)
			return err;
	}
}

enum err
store_order_set(struct store *st, uint32_t number, uint64_t committed,
    enum order_state state, struct diag *diag)
{
	static const char text[] = "UPDATE orders SET committed = ?, "
	    "state = ? WHERE number = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, committed);
	sql_put_int(&q, (int64_t)state);
	sql_put_int(&q, number);
	err = sql_run(&q, diag);
	if (err)
		return err;
	return sqlite3_changes(st->db) == 1 ? ERR_OK :
	    order_absent(st, number, diag);
}

enum err
store_pack_put(struct store *st, const struct store_pack *pack,
    struct diag *diag)
{
	static const char text[] = "INSERT OR REPLACE INTO pack ("
	    PACK_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = store_writable(st, diag);
	if (!err)
		err = name_check(pack->station, "station", diag);
	if (!err)
		err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, pack->order);
	sql_put_int(&q, pack->no);
	sql_put_bytes(&q, bytes_of(pack->id, STORE_ID_SIZE));
	sql_put_text(&q, pack->station);
	sql_put_u64(&q, pack->count);
	sql_put_u64(&q, pack->committed);
	sql_put_u64(&q, pack->length);
	sql_put_int(&q, pack->chunks);
	sql_put_int(&q, pack->complete ? 1 : 0);
	return sql_run(&q, diag);
}

enum err
store_pack_get(struct store *st, uint32_t order, uint32_t no,
    struct store_pack *ret_pack, struct diag *diag)
{
	static const char text[] = "SELECT " PACK_COLUMNS " FROM pack "
	    "WHERE order_number = ? AND no = ?";
	struct store_pack pack = { .order = 0 };
	_cleanup_sql_ struct sql q = SQL_INIT;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, order);
	sql_put_int(&q, no);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	if (!row)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "registry %s: order %u has no pack %u", st->path, order,
		    no);
	pack.order = sql_get_u32(&q);
	pack.no = sql_get_u32(&q);
	sql_get_fixed(&q, pack.id, sizeof(pack.id));
	sql_get_text(&q, pack.station);
	pack.count = sql_get_u64(&q);
	pack.committed = sql_get_u64(&q);
	pack.length = sql_get_u64(&q);
	pack.chunks = sql_get_u32(&q);
	pack.complete = sql_get_u32(&q) != 0;
	err = sql_check_row(&q, "pack", diag);
	if (err)
		return err;
	*ret_pack = pack;
	return ERR_OK;
}
