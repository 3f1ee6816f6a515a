/* Statements: preparing, parameters, columns, and what failed. */
#include <errno.h>
#include <stdlib.h>

#include "lib/store/sqlite_internal.h"

#define CORRUPT_HINT	"stop using it; restore the last backup, and keep "\
			"this file for the investigation"

static enum err
sqlite_err(int rc, int system_errno)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return ERR_NOSPACE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
	case SQLITE_MISMATCH:
		return ERR_CORRUPT;
	case SQLITE_CANTOPEN:
		/* creating a file fails for a full or broken disk, too */
		return system_errno == ENOSPC || system_errno == EDQUOT ?
		    ERR_NOSPACE : system_errno == EIO ? ERR_IO :
		    ERR_PERMISSION;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return ERR_PERMISSION;
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_TOOBIG:
		return ERR_LIMIT;
	case SQLITE_IOERR:
		if (rc == SQLITE_IOERR_NOMEM)
			return ERR_NOMEM;
		return system_errno == ENOSPC || system_errno == EDQUOT ?
		    ERR_NOSPACE : ERR_IO;
	case SQLITE_PROTOCOL:
	case SQLITE_NOLFS:
		return ERR_IO;
	default:
		return ERR_INTERNAL;
	}
}

static void
hint(struct diag *diag, enum err err)
{
	switch (err) {
	case ERR_NOSPACE:
		diag_hint(diag, "free space on the file system that holds "
		    "it, then run the same command again");
		break;
	case ERR_BUSY:
		diag_hint(diag, "another process is using it: let that "
		    "finish, then run the same command again");
		break;
	case ERR_CORRUPT:
		diag_hint(diag, CORRUPT_HINT);
		break;
	case ERR_PERMISSION:
		diag_hint(diag, "check the owner and mode of the file and "
		    "its directory, and that the file system is not mounted "
		    "read-only");
		break;
	case ERR_IO:
		diag_hint(diag, "check the disk and the system's log before "
		    "trying again");
		break;
	default:
		break;
	}
}

static enum err
fail_with(struct store *st, struct diag *diag, enum err err, const char *what)
{
	int rc = sqlite3_extended_errcode(st->db);

	st->failed = true;
	diag_fail(diag, err, NULL, "registry %s: %s: %s", st->path, what,
	    err == ERR_CORRUPT && rc == SQLITE_ERROR ?
	    sqlite3_errmsg(st->db) : sqlite3_errstr(rc));
	diag_internal(diag, "sqlite %d: %s", rc, sqlite3_errmsg(st->db));
	hint(diag, err);
	return err;
}

static enum err
last_err(const struct store *st)
{
	return sqlite_err(sqlite3_extended_errcode(st->db),
	    sqlite3_system_errno(st->db));
}

enum err
store_fail(struct store *st, struct diag *diag, const char *what)
{
	return fail_with(st, diag, last_err(st), what);
}

enum err
store_misread(struct store *st, struct diag *diag, const char *what)
{
	bool file = sqlite3_errcode(st->db) == SQLITE_ERROR;

	return fail_with(st, diag, file ? ERR_CORRUPT : last_err(st), what);
}

enum err
store_exec(struct store *st, const char *text, struct diag *diag)
{
	if (sqlite3_exec(st->db, text, NULL, NULL, NULL) != SQLITE_OK)
		return store_fail(st, diag, "cannot be changed");
	return ERR_OK;
}

enum err
store_query_int(struct store *st, const char *text, int64_t *ret_value,
    struct diag *diag)
{
	_cleanup_sql_ struct sql q = SQL_INIT;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (!err)
		err = sql_row(&q, &row, diag);
	if (err)
		return err;
	*ret_value = row ? sqlite3_column_int64(q.stmt, 0) : 0;
	return ERR_OK;
}

static enum err
prepare(struct store *st, const char *text, unsigned flags,
    sqlite3_stmt **ret_stmt, struct diag *diag)
{
	if (sqlite3_prepare_v3(st->db, text, -1, flags, ret_stmt, NULL) !=
	    SQLITE_OK)
		return store_misread(st, diag, "cannot be read");
	return ERR_OK;
}

enum err
sql_open(struct store *st, const char *text, struct sql *ret_sql,
    struct diag *diag)
{
	struct statement *kept = st->statement;
	struct statement *end = kept + st->statements;
	sqlite3_stmt *stmt;
	enum err err;

	while (kept < end && (kept->text != text || kept->busy))
		kept++;
	if (kept < end) {
		stmt = kept->stmt;
	} else {
		err = prepare(st, text, SQLITE_PREPARE_PERSISTENT, &stmt,
		    diag);
		if (err)
			return err;
		if (st->statements == STORE_STATEMENTS_MAX)
			kept = NULL;
		else
			st->statement[st->statements++] = (struct statement){
				.text = text, .stmt = stmt };
	}
	if (kept != NULL)
		kept->busy = true;
	*ret_sql = (struct sql){ .store = st, .kept = kept, .stmt = stmt };
	return ERR_OK;
}

enum err
sql_change(struct store *st, const char *text, struct sql *ret_sql,
    struct diag *diag)
{
	enum err err = store_writable(st, diag);

	return err ? err : sql_open(st, text, ret_sql, diag);
}

void
sql_close(struct sql *q)
{
	if (q->stmt == NULL)
		return;
	/* both repeat the failure of the last step, which was reported */
	if (q->kept == NULL) {
		(void)sqlite3_finalize(q->stmt);
	} else {
		(void)sqlite3_reset(q->stmt);
		(void)sqlite3_clear_bindings(q->stmt);
		q->kept->busy = false;
	}
	*q = (struct sql)SQL_INIT;
}

void
sql_put_int(struct sql *q, int64_t value)
{
	int rc;

	rc = sqlite3_bind_int64(q->stmt, ++q->param, value);
	if (q->rc == SQLITE_OK)
		q->rc = rc;
}

void
sql_put_u64(struct sql *q, uint64_t value)
{
	if (value > INT64_MAX)
		q->too_large = true;
	sql_put_int(q, (int64_t)value);
}

void
sql_put_text(struct sql *q, const char *text)
{
	int rc;

	rc = sqlite3_bind_text(q->stmt, ++q->param, text, -1, SQLITE_STATIC);
	if (q->rc == SQLITE_OK)
		q->rc = rc;
}

/* Empty is an empty blob, never NULL. */
void
sql_put_bytes(struct sql *q, struct bytes bytes)
{
	int rc;

	rc = sqlite3_bind_blob64(q->stmt, ++q->param,
	    bytes.len > 0 ? (const void *)bytes.ptr : "", bytes.len,
	    SQLITE_STATIC);
	if (q->rc == SQLITE_OK)
		q->rc = rc;
}

static enum err
check_params(const struct sql *q, struct diag *diag)
{
	if (q->too_large)
		return diag_fail(diag, ERR_LIMIT, NULL, "registry %s: a "
		    "number is beyond 2^63 - 1", q->store->path);
	if (q->rc != SQLITE_OK)
		return store_fail(q->store, diag, "a value cannot be kept");
	return ERR_OK;
}

enum err
sql_run(struct sql *q, struct diag *diag)
{
	enum err err;

	err = check_params(q, diag);
	if (err)
		return err;
	if (sqlite3_step(q->stmt) != SQLITE_DONE)
		return store_fail(q->store, diag, "cannot be written");
	return ERR_OK;
}

enum err
sql_run_insert(struct sql *q, struct diag *diag)
{
	enum err err;
	int rc;

	err = check_params(q, diag);
	if (err)
		return err;
	if (sqlite3_step(q->stmt) == SQLITE_DONE)
		return ERR_OK;
	rc = sqlite3_extended_errcode(q->store->db);
	if (rc == SQLITE_CONSTRAINT_UNIQUE ||
	    rc == SQLITE_CONSTRAINT_PRIMARYKEY)
		return ERR_EXISTS;
	return store_fail(q->store, diag, "cannot be written");
}

enum err
sql_row(struct sql *q, bool *ret_row, struct diag *diag)
{
	enum err err;
	int rc;

	err = check_params(q, diag);
	if (err)
		return err;
	rc = sqlite3_step(q->stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return store_misread(q->store, diag, "cannot be read");
	q->column = 0;
	q->bad_row = false;
	*ret_row = rc == SQLITE_ROW;
	return ERR_OK;
}

int64_t
sql_get_int(struct sql *q)
{
	int column = q->column++;
	int64_t value;

	value = sqlite3_column_int64(q->stmt, column);
	if (sqlite3_column_type(q->stmt, column) != SQLITE_INTEGER ||
	    value < 0) {
		q->bad_row = true;
		return 0;
	}
	return value;
}

uint64_t
sql_get_u64(struct sql *q)
{
	return (uint64_t)sql_get_int(q);
}

uint32_t
sql_get_u32(struct sql *q)
{
	int64_t value = sql_get_int(q);

	if (value > UINT32_MAX)
		q->bad_row = true;
	return (uint32_t)value;
}

void
sql_get_text(struct sql *q, char ret_text[STORE_NAME_MAX + 1])
{
	int column = q->column++;
	const unsigned char *text;
	size_t len;

	text = sqlite3_column_text(q->stmt, column);
	len = (size_t)sqlite3_column_bytes(q->stmt, column);
	if (text == NULL || len > STORE_NAME_MAX ||
	    memchr(text, '\0', len) != NULL) {
		q->bad_row = true;
		len = 0;
	}
	if (len > 0)
		memcpy(ret_text, text, len);
	ret_text[len] = '\0';
}

struct bytes
sql_get_bytes(struct sql *q)
{
	int column = q->column++;
	const void *blob;

	if (sqlite3_column_type(q->stmt, column) != SQLITE_BLOB)
		q->bad_row = true;
	blob = sqlite3_column_blob(q->stmt, column);
	if (blob == NULL)
		return BYTES_NONE;
	return bytes_of(blob, (size_t)sqlite3_column_bytes(q->stmt, column));
}

void
sql_get_fixed(struct sql *q, uint8_t *ret_bytes, size_t size)
{
	struct bytes bytes = sql_get_bytes(q);

	if (bytes.ptr != NULL && bytes.len == size)
		memcpy(ret_bytes, bytes.ptr, size);
	else
		q->bad_row = true;
}

enum err
sql_check_row(struct sql *q, const char *table, struct diag *diag)
{
	/* a column that could not be fetched reads as NULL */
	if (q->bad_row &&
	    sqlite3_errcode(q->store->db) == SQLITE_NOMEM)
		return diag_nomem(diag);
	if (!q->bad_row)
		return ERR_OK;
	diag_fail(diag, ERR_CORRUPT, NULL, "registry %s: table %s: a row "
	    "does not have its form", q->store->path, table);
	diag_hint(diag, CORRUPT_HINT);
	return ERR_CORRUPT;
}

enum err
name_check(const char *name, const char *what, struct diag *diag)
{
	if (strnlen(name, STORE_NAME_MAX + 1) <= STORE_NAME_MAX)
		return ERR_OK;
	return diag_fail(diag, ERR_LIMIT, NULL, "%s: name: more than %d "
	    "octets", what, STORE_NAME_MAX);
}
