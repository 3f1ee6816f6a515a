/* Opening, making and closing the file; transactions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <fcntl.h>

#include "lib/store/sqlite_internal.h"

#define BUSY_TIMEOUT_MS	5000

/*
 * cache_size: KiB, room for several chunks of 4,096 identities. The WAL is
 * copied back every 16 MB, and cut to that after it has been larger.
 */
static const char set_up_sql[] =
    "PRAGMA synchronous = FULL;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -8192;"
    "PRAGMA wal_autocheckpoint = 4096;"
    "PRAGMA journal_size_limit = 16777216";

/* "file:" and the path, for the one parameter that only a URI can carry. */
static void
put_immutable_uri(struct buf *out, const char *path)
{
	const char *p;

	buf_printf(out, "file:");
	for (p = path; *p != '\0'; p++) {
		if (*p == '%' || *p == '?' || *p == '#')
			buf_printf(out, "%%%02x", (unsigned)*p);
		else
			buf_put_u8(out, (uint8_t)*p);
	}
	buf_printf(out, "?immutable=1");
}

static enum err
set_up(struct store *st, struct diag *diag)
{
	(void)sqlite3_busy_timeout(st->db, BUSY_TIMEOUT_MS);
	if (sqlite3_db_config(st->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) !=
	    SQLITE_OK ||
	    sqlite3_exec(st->db, set_up_sql, NULL, NULL, NULL) != SQLITE_OK)
		return store_misread(st, diag, "cannot be opened");
	if (st->mode == STORE_READ ||
	    sqlite3_db_readonly(st->db, "main") == 0)
		return ERR_OK;
	diag_fail(diag, ERR_PERMISSION, NULL, "registry %s: not writable",
	    st->path);
	diag_hint(diag, "check its owner and mode, and that the file system "
	    "is not mounted read-only");
	return ERR_PERMISSION;
}

enum err
store_connect(const struct io *io, const char *path, enum store_mode mode,
    bool immutable, struct store **ret_store, struct diag *diag)
{
	_cleanup_store_ struct store *st = calloc(1, sizeof(*st));
	_cleanup_buf_ struct buf name = BUF_INIT;
	enum err err;
	int flags;

	if (st == NULL)
		return diag_nomem(diag);
	st->path = strdup(path);
	if (st->path == NULL)
		return diag_nomem(diag);
	st->io = io;
	st->mode = mode;
	flags = SQLITE_OPEN_NOMUTEX;
	flags |= mode == STORE_READ ? SQLITE_OPEN_READONLY :
	    SQLITE_OPEN_READWRITE;
	if (immutable) {
		flags |= SQLITE_OPEN_URI;
		put_immutable_uri(&name, path);
	} else {
		/* else a name such as "file:x" would read as a URI */
		buf_printf(&name, "%s%s", path[0] == '/' ? "" : "./", path);
	}
	(void)buf_text(&name);
	if (buf_err(&name))
		return diag_nomem(diag);
	if (sqlite3_open_v2((const char *)name.ptr, &st->db, flags,
	    io->sqlite_vfs) != SQLITE_OK) {
		if (st->db == NULL)
			return diag_nomem(diag);
		return store_fail(st, diag, "cannot be opened");
	}
	err = set_up(st, diag);
	if (err)
		return err;
	*ret_store = st;
	st = NULL;	/* transferred */
	return ERR_OK;
}

static enum err
wal_mode(struct store *st, const char *path, struct diag *diag)
{
	_cleanup_sql_ struct sql q = SQL_INIT;
	const unsigned char *mode;
	bool row = false;
	enum err err;

	err = sql_open(st, "PRAGMA main.journal_mode = WAL", &q, diag);
	if (!err)
		err = sql_row(&q, &row, diag);
	if (err)
		return err;
	mode = row ? sqlite3_column_text(q.stmt, 0) : NULL;
	if (mode != NULL && strcmp((const char *)mode, "wal") == 0)
		return ERR_OK;
	diag_fail(diag, ERR_UNSUPPORTED, NULL, "registry %s: this file "
	    "system offers no shared memory for its log", path);
	diag_hint(diag, "keep the registry on a local file system");
	return ERR_UNSUPPORTED;
}

/* Did a write find no room? A sync that says so is another thing: what the
 * disk has is unknown then. */
static bool
no_room(sqlite3 *db)
{
	int rc = sqlite3_extended_errcode(db);
	int error = sqlite3_system_errno(db);

	return rc == SQLITE_FULL || (rc == SQLITE_IOERR_WRITE &&
	    (error == ENOSPC || error == EDQUOT));
}

/*
 * What the WAL holds may be in the kernel's memory only: a sync of it failed,
 * and the process ended. What is committed after it is durable only if it is,
 * so it is synced, and copied back, here. A full disk is left for the commit
 * to find, a reader in the way for the next time.
 */
static enum err
wal_settle(struct store *st, struct diag *diag)
{
	int rc = sqlite3_wal_checkpoint_v2(st->db, "main",
	    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

	if (rc == SQLITE_OK || rc == SQLITE_BUSY || no_room(st->db))
		return ERR_OK;
	return store_fail(st, diag, "cannot be written");
}

static enum err
open_writer(const struct io *io, const char *path, struct store **ret_store,
    struct diag *diag)
{
	_cleanup_store_ struct store *st = NULL;
	unsigned version;
	enum err err;

	err = store_connect(io, path, STORE_WRITE, false, &st, diag);
	if (!err)
		err = store_version(st, &version, diag);
	if (err)
		return err;
	err = store_migrate(st, store_migrations, STORE_SCHEMA_VERSION, diag);
	if (!err)
		err = wal_mode(st, path, diag);
	if (!err)
		err = wal_settle(st, diag);
	if (err)
		return err;
	*ret_store = st;
	st = NULL;	/* transferred */
	return ERR_OK;
}

static bool
wal_has_content(const char *path)
{
	char wal[PATH_SIZE];
	struct stat sb;

	if ((size_t)snprintf(wal, sizeof(wal), "%s-wal", path) >= sizeof(wal))
		return true;
	if (stat(wal, &sb) == 0)
		return sb.st_size > 0;
	return errno != ENOENT;
}

/*
 * Can nobody write beside the file: is the file system mounted read-only, or
 * has everybody's write permission been taken from the directory? That we
 * cannot write is not enough: a writer might be at work.
 */
static bool
directory_is_frozen(const char *path)
{
	char dir[PATH_SIZE];
	struct statvfs fs;
	struct stat sb;
	char *slash;

	if ((size_t)snprintf(dir, sizeof(dir), "./%s", path) >= sizeof(dir))
		return false;
	slash = strrchr(dir, '/');
	*slash = '\0';
	/* an absolute path needs no "./" */
	slash = path[0] == '/' ? dir + 2 : dir;
	if (*slash == '\0')
		slash = dir + 1;	/* "/" was cut: the root directory */
	if (stat(slash, &sb) != 0 || statvfs(slash, &fs) != 0)
		return false;
	return (fs.f_flag & ST_RDONLY) != 0 || (sb.st_mode & 0222) == 0;
}

static enum err
reader_version(struct store *st, const char *path, struct diag *diag)
{
	unsigned version;
	enum err err;

	err = store_version(st, &version, diag);
	if (err)
		return err;
	if (version == STORE_SCHEMA_VERSION)
		return ERR_OK;
	diag_fail(diag, ERR_VERSION, NULL, "registry %s: schema %u, this "
	    "program reads %d", path, version, STORE_SCHEMA_VERSION);
	if (version > STORE_SCHEMA_VERSION)
		diag_hint(diag, "use the version of Imprint that wrote it, "
		    "or a newer one");
	else
		diag_hint(diag, "run a command that writes: it makes a "
		    "backup and brings the registry up to date");
	return ERR_VERSION;
}

static enum err
open_reader(const struct io *io, const char *path, bool immutable,
    struct store **ret_store, struct diag *diag)
{
	_cleanup_store_ struct store *st = NULL;
	enum err err;

	err = store_connect(io, path, STORE_READ, immutable, &st, diag);
	if (!err)
		err = reader_version(st, path, diag);
	if (err)
		return err;
	*ret_store = st;
	st = NULL;	/* transferred */
	return ERR_OK;
}

/*
 * SQLite cannot read a WAL database without files beside it. Where these are
 * missing and cannot be made, the file alone is the truth only if nobody can
 * make them.
 */
static enum err
open_reader_any(const struct io *io, const char *path,
    struct store **ret_store, struct diag *diag)
{
	struct diag first = DIAG_INIT;
	enum err err;

	err = open_reader(io, path, false, ret_store, &first);
	if (err == ERR_PERMISSION && directory_is_frozen(path) &&
	    !wal_has_content(path))
		return open_reader(io, path, true, ret_store, diag);
	if (err == ERR_PERMISSION) {
		diag_fail(diag, err, NULL, "%s", first.what);
		diag_internal(diag, "%s", first.internal);
		diag_hint(diag, "run this as the registry's owner: reading "
		    "needs write access to its directory unless that is "
		    "read-only for everybody and the registry was closed "
		    "properly");
	} else if (err && diag != NULL && diag->code == ERR_OK) {
		*diag = first;
	}
	return err;
}

/* Leftovers of an attempt that was cut short. */
static enum err
remove_remains(const struct io *io, const char *path, struct diag *diag)
{
	static const char *const suffixes[] = { "", "-journal", "-wal",
		"-shm" };
	char name[PATH_SIZE];
	enum err err;
	size_t i;

	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if ((size_t)snprintf(name, sizeof(name), "%s%s", path,
		    suffixes[i]) >= sizeof(name))
			return diag_fail(diag, ERR_LIMIT, NULL,
			    "registry %s: path too long", path);
		err = io_unlink(io, name, diag);
		if (err)
			return err;
	}
	return ERR_OK;
}

/* A whole registry, empty, synced and closed. */
static enum err
make_file(const struct io *io, const char *path, struct diag *diag)
{
	_cleanup_file_ struct file file = FILE_INIT;
	_cleanup_store_ struct store *st = NULL;
	char text[64];
	enum err err;

	err = remove_remains(io, path, diag);
	if (!err)
		err = file_open(io, path, O_RDWR | O_CREAT | O_EXCL, 0600,
		    &file, diag);
	file_release(&file);
	if (!err)
		err = store_connect(io, path, STORE_WRITE, false, &st, diag);
	if (err)
		return err;
	(void)snprintf(text, sizeof(text), "PRAGMA page_size = %d",
	    STORE_PAGE_SIZE);
	err = store_exec(st, text, diag);
	if (!err)
		err = store_migrate(st, store_migrations,
		    STORE_SCHEMA_VERSION, diag);
	/* last, so that nothing is in a WAL when the file gets its name */
	return err ? err : wal_mode(st, path, diag);
}

static enum err
create(const struct io *io, const char *path, struct diag *diag)
{
	char tmp[PATH_SIZE];
	enum err err;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.tmp", path) >= sizeof(tmp))
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "registry %s: path too long", path);
	if (io_exists(io, path)) {
		diag_fail(diag, ERR_EXISTS, NULL,
		    "registry %s: there already", path);
		diag_hint(diag, "choose another place; an existing registry "
		    "is never overwritten");
		return ERR_EXISTS;
	}
	err = make_file(io, tmp, diag);
	if (err)
		return err;
	err = io_rename_new(io, tmp, path, diag);
	if (err)
		return err;
	return io_sync_parent(io, path, diag);
}

const char *
store_library(bool *ret_older)
{
	*ret_older = sqlite3_libversion_number() < SQLITE_VERSION_NUMBER;
	return sqlite3_libversion();
}

enum err
store_open(const struct io *io, const char *path, enum store_mode mode,
    struct store **ret_store, struct diag *diag)
{
	enum err err;

	if (mode == STORE_CREATE) {
		err = create(io, path, diag);
		if (err)
			return err;
	}
	if (!io_exists(io, path)) {
		diag_fail(diag, ERR_NOTFOUND, NULL,
		    "registry %s: no such file", path);
		diag_hint(diag, "check the path; a registry is made by "
		    "imprint init");
		return ERR_NOTFOUND;
	}
	if (mode == STORE_READ)
		return open_reader_any(io, path, ret_store, diag);
	return open_writer(io, path, ret_store, diag);
}

void
store_close(struct store **store)
{
	struct store *st = *store;
	unsigned i;

	if (st == NULL)
		return;
	store_rollback(st);
	for (i = 0; i < st->statements; i++)
		(void)sqlite3_finalize(st->statement[i].stmt);
	if (st->db != NULL && st->mode != STORE_READ && !st->broken) {
		/* a reader in the way is no reason to wait */
		(void)sqlite3_busy_timeout(st->db, 0);
		(void)sqlite3_wal_checkpoint_v2(st->db, "main",
		    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	}
	(void)sqlite3_close_v2(st->db);
	free(st->path);
	free(st);
	*store = NULL;
}

enum err
store_begin(struct store *st, struct diag *diag)
{
	if (st->mode == STORE_READ || st->in_transaction)
		return diag_fail(diag, ERR_STATE, NULL, "registry %s: %s",
		    st->path, st->in_transaction ? "in a transaction" :
		    "open for reading only");
	if (st->broken) {
		diag_fail(diag, ERR_STATE, NULL, "registry %s: a write "
		    "failed before", st->path);
		diag_hint(diag, "see the first failure; then run the "
		    "command again");
		return ERR_STATE;
	}
	if (sqlite3_exec(st->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) !=
	    SQLITE_OK)
		return store_fail(st, diag, "cannot be changed");
	st->in_transaction = true;
	st->failed = false;
	return ERR_OK;
}

enum err
store_look_begin(struct store *st, struct diag *diag)
{
	if (st->mode != STORE_READ || sqlite3_exec(st->db, "BEGIN", NULL,
	    NULL, NULL) == SQLITE_OK)
		return ERR_OK;
	return store_fail(st, diag, "cannot be read");
}

void
store_look_end(struct store *st)
{
	if (st->mode == STORE_READ)
		(void)sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
}

enum err
store_writable(struct store *st, struct diag *diag)
{
	if (!st->in_transaction)
		return diag_fail(diag, ERR_STATE, NULL,
		    "registry %s: not in a transaction", st->path);
	if (st->failed)
		return diag_fail(diag, ERR_STATE, NULL, "registry %s: an "
		    "earlier write of this transaction failed", st->path);
	return ERR_OK;
}

enum err
store_commit(struct store *st, struct diag *diag)
{
	enum err err;

	err = store_writable(st, diag);
	if (err) {
		store_rollback(st);
		return err;
	}
	if (sqlite3_exec(st->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		err = store_fail(st, diag, "cannot be committed");
		st->broken = true;
		st->full = no_room(st->db);
		store_rollback(st);
		return err;
	}
	st->in_transaction = false;
	return ERR_OK;
}

bool
store_broken(const struct store *st)
{
	return st->broken;
}

int64_t
store_changes(const struct store *st)
{
	return sqlite3_total_changes(st->db);
}

void
store_rollback(struct store *st)
{
	if (!st->in_transaction)
		return;
	st->in_transaction = false;
	/* SQLite may have done so itself after the failure */
	if (sqlite3_get_autocommit(st->db) == 0 &&
	    sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK) {
		st->broken = true;
		st->full = false;
	}
}

static bool
is_read_from(const struct store *st)
{
	sqlite3_stmt *stmt = NULL;
	unsigned i;

	for (i = 0; i < st->statements; i++)
		if (st->statement[i].busy)
			return true;
	while ((stmt = sqlite3_next_stmt(st->db, stmt)) != NULL)
		if (sqlite3_stmt_busy(stmt))
			return true;
	return false;
}

/* The files beside it stay, as there is no time without a connection: a full
 * disk might have no room for new ones. */
static void
connection_exchange(struct store *st, struct store *fresh)
{
	sqlite3 *old = st->db;
	unsigned i;

	for (i = 0; i < st->statements; i++)
		(void)sqlite3_finalize(st->statement[i].stmt);
	memcpy(st->statement, fresh->statement, sizeof(st->statement));
	st->statements = fresh->statements;
	st->db = fresh->db;
	fresh->statements = 0;
	fresh->db = old;
	fresh->broken = true;	/* it is not copied back by this one */
}

enum err
store_mend(struct store *st, struct diag *diag)
{
	_cleanup_store_ struct store *fresh = NULL;
	unsigned version = 0;
	enum err err;

	if (!st->broken)
		return ERR_OK;
	if (!st->full || st->in_transaction || is_read_from(st)) {
		err = diag_fail(diag, ERR_STATE, NULL, "registry %s: a change"
		    " of it could not be committed: it has to be opened anew",
		    st->path);
		diag_hint(diag, "see the first failure");
		return err;
	}
	err = store_connect(st->io, st->path, STORE_WRITE, false, &fresh,
	    diag);
	if (!err)
		err = store_version(fresh, &version, diag);
	if (!err && version != STORE_SCHEMA_VERSION)
		err = diag_fail(diag, ERR_VERSION, NULL, "registry %s: its "
		    "schema changed meanwhile", st->path);
	if (err)
		return err;
	connection_exchange(st, fresh);
	st->broken = st->full = st->failed = false;
	return ERR_OK;
}
