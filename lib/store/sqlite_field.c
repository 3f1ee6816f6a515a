/* Identities of the field: two tables of one shape. */
#include "lib/store/sqlite_internal.h"

enum err
store_field_put(struct store *st, enum store_field table, uint32_t log,
    uint64_t index, struct bytes body, struct diag *diag)
{
	static const char enrolment[] = "INSERT INTO enrolment "
	    "(log, idx, body) VALUES (?, ?, ?)";
	static const char device[] = "INSERT OR REPLACE INTO device "
	    "(log, idx, body) VALUES (?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, table == STORE_ENROLMENT ? enrolment :
		    device, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, index);
	sql_put_bytes(&q, body);
	err = sql_run_insert(&q, diag);
	return err == ERR_EXISTS ? diag_fail(diag, err, NULL, "registry %s: "
	    "identity %u/%ju: enrolled before", st->path, log,
	    (uintmax_t)index) : err;
}

enum err
store_field_get(struct store *st, enum store_field table, uint32_t log,
    uint64_t index, struct buf *body, struct diag *diag)
{
	static const char enrolment[] = "SELECT body FROM enrolment "
	    "WHERE log = ? AND idx = ?";
	static const char device[] = "SELECT body FROM device "
	    "WHERE log = ? AND idx = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	bool row = false;
	enum err err;

	err = sql_open(st, table == STORE_ENROLMENT ? enrolment : device, &q,
	    diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, index);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	if (!row)
		return ERR_NOTFOUND;
	buf_put_bytes(body, sql_get_bytes(&q));
	err = sql_check_row(&q, "enrolment or device", diag);
	return err ? err : buf_err(body);
}

static enum err
rows_each(struct sql *q, enum err (*each)(void *ctx, uint32_t log,
    uint64_t index, struct bytes body), void *ctx, struct diag *diag)
{
	struct bytes body;
	uint64_t index;
	uint32_t log;
	bool row = false;
	enum err err = ERR_OK;

	for (;;) {
		if (!err)
			err = sql_row(q, &row, diag);
		if (err || !row)
			return err;
		log = sql_get_u32(q);
		index = sql_get_u64(q);
		body = sql_get_bytes(q);
		err = sql_check_row(q, "enrolment or device", diag);
		if (!err)
			err = each(ctx, log, index, body);
	}
}

enum err
store_field_each(struct store *st, enum store_field table,
    enum err (*each)(void *ctx, uint32_t log, uint64_t index,
    struct bytes body), void *ctx, struct diag *diag)
{
	static const char enrolment[] = "SELECT log, idx, body "
	    "FROM enrolment ORDER BY log, idx";
	static const char device[] = "SELECT log, idx, body "
	    "FROM device ORDER BY log, idx";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_open(st, table == STORE_ENROLMENT ? enrolment :
	    device, &q, diag);
	return err ? err : rows_each(&q, each, ctx, diag);
}

enum err
store_field_devices(struct store *st, uint32_t log, uint64_t first,
    uint64_t count, enum err (*each)(void *ctx, uint32_t log, uint64_t index,
    struct bytes body), void *ctx, struct diag *diag)
{
	static const char devices[] = "SELECT log, idx, body FROM device "
	    "WHERE log = ? AND idx >= ? AND idx < ? ORDER BY idx";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_open(st, devices, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, first);
	sql_put_u64(&q, first + count);
	return rows_each(&q, each, ctx, diag);
}
