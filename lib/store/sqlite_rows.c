/* Blocks of what came with orders; rows as they stand. */
#include "lib/store/sqlite_internal.h"

static const struct {
	const char	*table, *next, *put, *get;
} blocks[] = {
	[STORE_NAME_BLOCKS] = { "name_block",
	    "SELECT coalesce(max(block) + 1, 0) FROM name_block",
	    "INSERT INTO name_block (block, order_number, body) "
	    "VALUES (?, ?, ?)",
	    "SELECT order_number, body FROM name_block WHERE block = ?" },
	[STORE_DEVICE_BLOCKS] = { "device_block",
	    "SELECT coalesce(max(block) + 1, 0) FROM device_block",
	    "INSERT INTO device_block (block, order_number, body) "
	    "VALUES (?, ?, ?)",
	    "SELECT order_number, body FROM device_block WHERE block = ?" },
};

enum err
store_block_next(struct store *st, enum store_blocks which,
    uint64_t *ret_block, struct diag *diag)
{
	_cleanup_sql_ struct sql q = SQL_INIT;
	uint64_t block = 0;
	bool row = false;
	enum err err;

	err = sql_change(st, blocks[which].next, &q, diag);
	if (!err)
		err = sql_row(&q, &row, diag);
	if (err)
		return err;
	if (row)
		block = sql_get_u64(&q);
	err = sql_check_row(&q, blocks[which].table, diag);
	if (!err)
		*ret_block = block;
	return err;
}

enum err
store_block_put(struct store *st, enum store_blocks which, uint64_t block,
    uint32_t order, struct bytes body, struct diag *diag)
{
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = store_writable(st, diag);
	if (!err && block >= STORE_BLOCKS_MAX)
		err = diag_fail(diag, ERR_LIMIT, NULL,
		    "registry %s: %s: its blocks are used up", st->path,
		    blocks[which].table);
	if (!err)
		err = sql_open(st, blocks[which].put, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, block);
	sql_put_int(&q, order);
	sql_put_bytes(&q, body);
	err = sql_run_insert(&q, diag);
	return err == ERR_EXISTS ? diag_fail(diag, err, NULL,
	    "registry %s: %s: block %ju is there", st->path,
	    blocks[which].table, (uintmax_t)block) : err;
}

enum err
store_block_get(struct store *st, enum store_blocks which, uint64_t block,
    uint32_t *ret_order, struct buf *body, struct diag *diag)
{
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct bytes found;
	uint32_t order;
	bool row = false;
	enum err err;

	err = sql_open(st, blocks[which].get, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, block);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	if (!row)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "registry %s: %s: no block %ju", st->path,
		    blocks[which].table, (uintmax_t)block);
	order = sql_get_u32(&q);
	found = sql_get_bytes(&q);
	err = sql_check_row(&q, blocks[which].table, diag);
	if (!err) {
		buf_put_bytes(body, found);
		err = buf_err(body);
	}
	if (!err)
		*ret_order = order;
	return err;
}

static const struct {
	const char	*table, *all;
	unsigned	 numbers;
	bool		 blob;
} tables[] = {
	[STORE_NAME_FILE_ROWS] = { "name_file", "SELECT order_number, first, "
	    "lines, hash FROM name_file ORDER BY order_number", 3, true },
	[STORE_NAME_KEY_ROWS] = { "name_key", "SELECT key >> 31, "
	    "key & 0x7fffffff FROM name_key ORDER BY key", 2, false },
	[STORE_DEVICE_MARK_ROWS] = { "device_mark", "SELECT order_number, "
	    "entry, mark FROM device_mark ORDER BY mark", 2, true },
	[STORE_ASSOCIATION_ROWS] = { "association", "SELECT log, first, body "
	    "FROM association ORDER BY log, first", 2, true },
	[STORE_LINE_KEY_ROWS] = { "line_key", "SELECT hash, log, idx "
	    "FROM line_key ORDER BY hash, log, idx", 3, false },
	[STORE_ENROLMENT_ROWS] = { "enrolment", "SELECT log, idx, body "
	    "FROM enrolment ORDER BY log, idx", 2, true },
	[STORE_DEVICE_ROWS] = { "device", "SELECT log, idx, body "
	    "FROM device ORDER BY log, idx", 2, true },
};

enum err
store_row_each(struct store *st, enum store_table table,
    enum err (*each)(void *ctx, const struct store_row *), void *ctx,
    struct diag *diag)
{
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_row row = { .table = table };
	bool there = false;
	unsigned i;
	enum err err;

	err = sql_open(st, tables[table].all, &q, diag);
	while (!err) {
		err = sql_row(&q, &there, diag);
		if (err || !there)
			return err;
		for (i = 0; i < tables[table].numbers; i++)
			row.numbers[i] = sql_get_u64(&q);
		if (tables[table].blob)
			row.blob = sql_get_bytes(&q);
		err = sql_check_row(&q, tables[table].table, diag);
		if (!err)
			err = each(ctx, &row);
	}
	return err;
}
