/* What stations report: blobs by range, keys of names and devices. */
#include "lib/store/sqlite_internal.h"

enum err
store_association_put(struct store *st, uint32_t log, uint64_t first,
    struct bytes body, struct diag *diag)
{
	static const char text[] = "INSERT OR REPLACE INTO association "
	    "(log, first, body) VALUES (?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, first);
	sql_put_bytes(&q, body);
	return sql_run(&q, diag);
}

enum err
store_association_get(struct store *st, uint32_t log, uint64_t first,
    struct buf *body, struct diag *diag)
{
	static const char text[] = "SELECT body FROM association "
	    "WHERE log = ? AND first = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, first);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	if (!row)
		return diag_fail(diag, ERR_NOTFOUND, NULL, "registry %s: "
		    "range %u/%ju: nothing reported", st->path, log,
		    (uintmax_t)first);
	buf_put_bytes(body, sql_get_bytes(&q));
	err = sql_check_row(&q, "association", diag);
	return err ? err : buf_err(body);
}

enum err
store_line_key_put(struct store *st, uint64_t hash, uint32_t log,
    uint64_t index, bool *ret_new, struct diag *diag)
{
	static const char text[] = "INSERT OR IGNORE INTO line_key "
	    "(hash, log, idx) VALUES (?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, hash);
	sql_put_int(&q, log);
	sql_put_u64(&q, index);
	err = sql_run(&q, diag);
	if (!err)
		*ret_new = sqlite3_changes(st->db) == 1;
	return err;
}

enum err
store_line_key_each(struct store *st, uint64_t hash,
    enum err (*each)(void *ctx, uint32_t log, uint64_t index), void *ctx,
    struct diag *diag)
{
	static const char text[] = "SELECT log, idx FROM line_key "
	    "WHERE hash = ? ORDER BY log, idx";
	_cleanup_sql_ struct sql q = SQL_INIT;
	uint64_t index;
	uint32_t log;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, hash);
	for (;;) {
		err = sql_row(&q, &row, diag);
		if (err || !row)
			return err;
		log = sql_get_u32(&q);
		index = sql_get_u64(&q);
		err = sql_check_row(&q, "line_key", diag);
		if (!err)
			err = each(ctx, log, index);
		if (err)
			return err;
	}
}
