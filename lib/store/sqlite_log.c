/* Issuance logs and their checkpoints. */
#include "lib/store/sqlite_internal.h"

#define LOG_COLUMNS	"log, name, reserved, size, epoch"

static enum err
log_absent(struct store *st, uint32_t log, struct diag *diag)
{
	return diag_fail(diag, ERR_NOTFOUND, NULL,
	    "registry %s: no issuance log %u", st->path, log);
}

enum err
store_log_create(struct store *st, const struct store_log *log,
    struct diag *diag)
{
	static const char text[] = "INSERT INTO log (" LOG_COLUMNS
	    ", frontier, checkpoint) VALUES (?, ?, ?, ?, ?, x'', x'')";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = store_writable(st, diag);
	if (!err)
		err = name_check(log->name, "log", diag);
	if (!err && log->size > log->reserved)
		err = diag_fail(diag, ERR_INVALID, NULL, "log %u: size is "
		    "beyond what is reserved", log->log);
	if (!err)
		err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log->log);
	sql_put_text(&q, log->name);
	sql_put_u64(&q, log->reserved);
	sql_put_u64(&q, log->size);
	sql_put_int(&q, log->epoch);
	err = sql_run_insert(&q, diag);
	return err == ERR_EXISTS ? diag_fail(diag, err, NULL,
	    "log %u \"%s\": its number or name is there already", log->log,
	    log->name) : err;
}

static enum err
log_read(struct sql *q, struct store_log *ret_log, struct diag *diag)
{
	struct store_log log = { .log = 0 };
	uint32_t epoch;
	enum err err;

	log.log = sql_get_u32(q);
	sql_get_text(q, log.name);
	log.reserved = sql_get_u64(q);
	log.size = sql_get_u64(q);
	epoch = sql_get_u32(q);
	if (epoch > UINT8_MAX)
		q->bad_row = true;
	log.epoch = (uint8_t)epoch;
	err = sql_check_row(q, "log", diag);
	if (err)
		return err;
	*ret_log = log;
	return ERR_OK;
}

enum err
store_log_get(struct store *st, uint32_t log, struct store_log *ret_log,
    struct buf *frontier, struct buf *checkpoint, struct diag *diag)
{
	static const char text[] = "SELECT " LOG_COLUMNS
	    ", frontier, checkpoint FROM log WHERE log = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_log found;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	if (!row)
		return log_absent(st, log, diag);
	err = log_read(&q, &found, diag);
	if (err)
		return err;
	if (frontier != NULL)
		buf_put_bytes(frontier, sql_get_bytes(&q));
	if (checkpoint != NULL) {
		q.column = 6;
		buf_put_bytes(checkpoint, sql_get_bytes(&q));
	}
	err = sql_check_row(&q, "log", diag);
	if (!err && frontier != NULL)
		err = buf_err(frontier);
	if (!err && checkpoint != NULL)
		err = buf_err(checkpoint);
	if (err)
		return diag_fail(diag, err, NULL,
		    "registry %s: log %u: no room", st->path, log);
	*ret_log = found;
	return ERR_OK;
}

enum err
store_log_by_name(struct store *st, const char *name,
    struct store_log *ret_log, struct diag *diag)
{
	static const char text[] = "SELECT " LOG_COLUMNS " FROM log "
	    "WHERE name = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_text(&q, name);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	return row ? log_read(&q, ret_log, diag) :
	    diag_fail(diag, ERR_NOTFOUND, NULL,
	    "registry %s: no issuance log \"%.64s\"", st->path, name);
}

enum err
store_log_each(struct store *st,
    enum err (*each)(void *ctx, const struct store_log *), void *ctx,
    struct diag *diag)
{
	static const char text[] = "SELECT " LOG_COLUMNS " FROM log "
	    "ORDER BY log";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_log log;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	for (;;) {
		err = sql_row(&q, &row, diag);
		if (err || !row)
			return err;
		err = log_read(&q, &log, diag);
		if (!err)
			err = each(ctx, &log);
		if (err)
			return err;
	}
}

enum err
store_checkpoint_put(struct store *st, uint32_t log, struct bytes checkpoint,
    struct diag *diag)
{
	static const char text[] = "UPDATE log SET checkpoint = ? "
	    "WHERE log = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_bytes(&q, checkpoint);
	sql_put_int(&q, log);
	err = sql_run(&q, diag);
	if (err)
		return err;
	return sqlite3_changes(st->db) == 1 ? ERR_OK :
	    log_absent(st, log, diag);
}

enum err
store_log_frontier_put(struct store *st, uint32_t log, struct bytes frontier,
    struct diag *diag)
{
	static const char text[] = "UPDATE log SET frontier = ? WHERE log = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_bytes(&q, frontier);
	sql_put_int(&q, log);
	err = sql_run(&q, diag);
	if (err)
		return err;
	return sqlite3_changes(st->db) == 1 ? ERR_OK :
	    log_absent(st, log, diag);
}

enum err
store_log_grow(struct store *st, uint32_t log, uint64_t size,
    struct bytes frontier, struct diag *diag)
{
	static const char text[] = "UPDATE log SET reserved = ?1, size = ?1, "
	    "frontier = ?2 WHERE log = ?3 AND reserved = size AND size <= ?1";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, size);
	sql_put_bytes(&q, frontier);
	sql_put_int(&q, log);
	err = sql_run(&q, diag);
	if (err)
		return err;
	return sqlite3_changes(st->db) == 1 ? ERR_OK : diag_fail(diag,
	    ERR_STATE, NULL, "registry %s: log %u cannot grow to %ju",
	    st->path, log, (uintmax_t)size);
}
