/* Which schema a file has, and bringing older ones up to date. */
#include <fcntl.h>
#include <stdio.h>

#include "lib/store/sqlite_internal.h"

enum err
store_version(struct store *st, unsigned *ret_version, struct diag *diag)
{
	int64_t application = 0, version = 0;
	enum err err;

	err = store_query_int(st, "PRAGMA application_id", &application,
	    diag);
	if (!err)
		err = store_query_int(st, "PRAGMA user_version", &version,
		    diag);
	if (err)
		return err;
	if (application != STORE_APPLICATION_ID || version < 1) {
		diag_fail(diag, ERR_CORRUPT, NULL,
		    "registry %s: not an Imprint registry", st->path);
		diag_hint(diag, "check the path; a registry is made by "
		    "imprint init");
		return ERR_CORRUPT;
	}
	*ret_version = (unsigned)version;
	return ERR_OK;
}

/*
 * A copy under its final name only when it is whole: VACUUM INTO does not
 * sync, and fills an empty file, which is made here to have the right mode.
 */
static enum err
backup(struct store *st, unsigned version, struct diag *diag)
{
	_cleanup_file_ struct file file = FILE_INIT;
	_cleanup_sql_ struct sql q = SQL_INIT;
	char name[PATH_SIZE], tmp[PATH_SIZE];
	enum err err;
	int len;

	len = snprintf(tmp, sizeof(tmp), "%s.schema-%u.backup.tmp", st->path,
	    version);
	if (len < 0 || (size_t)len >= sizeof(tmp))
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "registry %s: path too long for a backup", st->path);
	(void)snprintf(name, sizeof(name), "%.*s", len - 4, tmp);
	err = io_unlink(st->io, tmp, diag);
	if (!err)
		err = file_open(st->io, tmp, O_RDWR | O_CREAT | O_EXCL, 0600,
		    &file, diag);
	if (!err)
		err = sql_open(st, "VACUUM main INTO ?", &q, diag);
	if (err)
		return err;
	sql_put_text(&q, tmp);
	err = sql_run(&q, diag);
	if (!err)
		err = file_sync(&file, diag);
	if (!err)
		err = io_rename(st->io, tmp, name, diag);
	return err ? err : io_sync_parent(st->io, name, diag);
}

static enum err
run_migrations(struct store *st, const struct migration *migrations,
    unsigned from, unsigned count, struct diag *diag)
{
	char text[96];
	enum err err;
	unsigned i;

	for (i = from; i < count; i++) {
		err = store_exec(st, migrations[i].sql, diag);
		if (err)
			return err;
	}
	(void)snprintf(text, sizeof(text),
	    "PRAGMA application_id = %d; PRAGMA user_version = %u",
	    STORE_APPLICATION_ID, count);
	return store_exec(st, text, diag);
}

enum err
store_migrate(struct store *st, const struct migration *migrations,
    unsigned count, struct diag *diag)
{
	int64_t now = 0, objects = 0;
	unsigned version = 0;
	enum err err;

	err = store_query_int(st, "SELECT count(*) FROM sqlite_schema",
	    &objects, diag);
	if (!err && objects > 0)
		err = store_version(st, &version, diag);
	if (err)
		return err;
	if (version > count) {
		diag_fail(diag, ERR_VERSION, NULL, "registry %s: schema %u, "
		    "this program knows up to %u", st->path, version, count);
		diag_hint(diag, "use the version of Imprint that wrote it, "
		    "or a newer one");
		return ERR_VERSION;
	}
	if (version == count)
		return ERR_OK;
	err = version > 0 ? backup(st, version, diag) : ERR_OK;
	if (!err)
		err = store_exec(st, "BEGIN IMMEDIATE", diag);
	if (err)
		return err;
	err = store_query_int(st, "PRAGMA user_version", &now, diag);
	if (!err && now != (int64_t)version)
		err = diag_fail(diag, ERR_BUSY, NULL, "registry %s: another "
		    "process changed its schema", st->path);
	if (!err)
		err = run_migrations(st, migrations, version, count, diag);
	if (!err)
		err = store_exec(st, "COMMIT", diag);
	if (err)
		(void)sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
	else
		st->failed = false;
	return err;
}
