/* Entries of the operations log. */
#include "lib/store/sqlite_internal.h"

#define OPERATION_COLUMNS	"seq, kind, time, entry"

static enum err
operation_read(struct sql *q, struct store_operation *ret_operation,
    struct diag *diag)
{
	struct store_operation operation;
	enum err err;

	operation.seq = sql_get_u64(q);
	operation.kind = sql_get_u32(q);
	operation.time = sql_get_int(q);
	operation.entry = sql_get_bytes(q);
	err = sql_check_row(q, "operation", diag);
	if (err)
		return err;
	*ret_operation = operation;
	return ERR_OK;
}

enum err
store_operation_put(struct store *st,
    const struct store_operation *operation, struct diag *diag)
{
	static const char text[] = "INSERT INTO operation ("
	    OPERATION_COLUMNS ") SELECT ?1, ?2, ?3, ?4 WHERE "
	    "coalesce((SELECT max(seq) FROM operation), -1) = ?1 - 1";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = store_writable(st, diag);
	if (!err && operation->time < 0)
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "operation: recorded before 1970");
	if (!err)
		err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, operation->seq);
	sql_put_int(&q, operation->kind);
	sql_put_int(&q, operation->time);
	sql_put_bytes(&q, operation->entry);
	err = sql_run(&q, diag);
	if (err)
		return err;
	return sqlite3_changes(st->db) == 1 ? ERR_OK : diag_fail(diag,
	    ERR_STATE, NULL, "registry %s: operation %ju is not the next",
	    st->path, (uintmax_t)operation->seq);
}

enum err
store_operation_get(struct store *st, uint64_t seq, struct buf *out,
    struct store_operation *ret_operation, struct diag *diag)
{
	static const char text[] = "SELECT " OPERATION_COLUMNS
	    " FROM operation WHERE seq = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_operation operation;
	size_t start = out->len;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, seq);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	if (!row)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "registry %s: no operation %ju", st->path,
		    (uintmax_t)seq);
	err = operation_read(&q, &operation, diag);
	if (err)
		return err;
	buf_put_bytes(out, operation.entry);
	err = buf_err(out);
	if (err)
		return diag_fail(diag, err, NULL,
		    "registry %s: operation %ju: no room", st->path,
		    (uintmax_t)seq);
	operation.entry = bytes_of(out->ptr + start, out->len - start);
	*ret_operation = operation;
	return ERR_OK;
}

enum err
store_operation_each(struct store *st, uint64_t from, unsigned kind,
    enum err (*each)(void *ctx, const struct store_operation *), void *ctx,
    struct diag *diag)
{
	static const char text[] = "SELECT " OPERATION_COLUMNS
	    " FROM operation WHERE seq >= ?1 AND (?2 = 0 OR kind = ?2) "
	    "ORDER BY seq";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_operation operation;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, from);
	sql_put_int(&q, kind);
	for (;;) {
		err = sql_row(&q, &row, diag);
		if (err || !row)
			return err;
		err = operation_read(&q, &operation, diag);
		if (!err)
			err = each(ctx, &operation);
		if (err)
			return err;
	}
}
