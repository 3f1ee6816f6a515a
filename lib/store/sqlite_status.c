/* Which indices are not valid, as intervals. */
#include "lib/store/sqlite_internal.h"

#define STATUS_COLUMNS	"log, first, count, state, reason, time, operation"

enum err
store_status_put(struct store *st, const struct store_status *status,
    struct diag *diag)
{
	static const char text[] = "INSERT INTO status (" STATUS_COLUMNS ") "
	    "VALUES (?, ?, ?, ?, ?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = store_writable(st, diag);
	if (!err && (status->count == 0 || status->time < 0))
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "status of %u/%ju: of no index, or set before 1970",
		    status->log, (uintmax_t)status->first);
	if (!err)
		err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, status->log);
	sql_put_u64(&q, status->first);
	sql_put_u64(&q, status->count);
	sql_put_int(&q, status->state);
	sql_put_int(&q, status->reason);
	sql_put_int(&q, status->time);
	sql_put_u64(&q, status->operation);
	err = sql_run_insert(&q, diag);
	return err == ERR_EXISTS ? diag_fail(diag, err, NULL,
	    "registry %s: status of %u/%ju: there already", st->path,
	    status->log, (uintmax_t)status->first) : err;
}

enum err
store_status_delete(struct store *st, uint32_t log, uint64_t first,
    struct diag *diag)
{
	static const char text[] = "DELETE FROM status "
	    "WHERE log = ? AND first = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, first);
	err = sql_run(&q, diag);
	if (err)
		return err;
	return sqlite3_changes(st->db) == 1 ? ERR_OK : diag_fail(diag,
	    ERR_NOTFOUND, NULL, "registry %s: no status begins at %u/%ju",
	    st->path, log, (uintmax_t)first);
}

static enum err
status_read(struct sql *q, struct store_status *ret_status,
    struct diag *diag)
{
	struct store_status status;
	enum err err;

	status.log = sql_get_u32(q);
	status.first = sql_get_u64(q);
	status.count = sql_get_u64(q);
	status.state = sql_get_u32(q);
	status.reason = sql_get_u32(q);
	status.time = sql_get_int(q);
	status.operation = sql_get_u64(q);
	if (status.count == 0 || status.state == 0 || status.state > 3)
		q->bad_row = true;
	err = sql_check_row(q, "status", diag);
	if (err)
		return err;
	*ret_status = status;
	return ERR_OK;
}

enum err
store_status_get(struct store *st, uint32_t log, uint64_t index,
    struct store_status *ret_status, struct diag *diag)
{
	static const char text[] = "SELECT " STATUS_COLUMNS " FROM status "
	    "WHERE log = ? AND first <= ? ORDER BY first DESC LIMIT 1";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_status status;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, index);
	err = sql_row(&q, &row, diag);
	if (!err && row)
		err = status_read(&q, &status, diag);
	if (err)
		return err;
	if (!row || index - status.first >= status.count)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "registry %s: no status of %u/%ju", st->path, log,
		    (uintmax_t)index);
	*ret_status = status;
	return ERR_OK;
}

enum err
store_status_each(struct store *st, uint32_t log, uint64_t first,
    uint64_t count, enum err (*each)(void *ctx,
    const struct store_status *), void *ctx, struct diag *diag)
{
	static const char text[] = "SELECT " STATUS_COLUMNS " FROM status "
	    "WHERE log = ?1 AND first < ?3 AND first >= coalesce("
	    "(SELECT max(first) FROM status WHERE log = ?1 AND "
	    "first <= ?2), 0) AND first + count > ?2 ORDER BY first";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_status status;
	uint64_t end = first + count;
	bool row = false;
	enum err err;

	if (end < first || end > INT64_MAX)
		end = INT64_MAX;
	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, first);
	sql_put_u64(&q, end);
	for (;;) {
		err = sql_row(&q, &row, diag);
		if (err || !row)
			return err;
		err = status_read(&q, &status, diag);
		if (!err)
			err = each(ctx, &status);
		if (err)
			return err;
	}
}
