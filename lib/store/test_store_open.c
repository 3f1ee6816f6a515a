/* Opening: what is a registry, versions, migrations, readers beside. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/store/sqlite_internal.h"

#define NOBODY	65534
#define TEXT_(a)	#a
#define TEXT(a)		TEXT_(a)
/* of this build, and two that may follow */
#define NOW	STORE_SCHEMA_VERSION
#define BACKUP	".schema-" TEXT(STORE_SCHEMA_VERSION) ".backup"
#define LATER	(STORE_SCHEMA_VERSION + 2)

struct world {
	char	dir[64];
	char	path[PATH_SIZE];
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/imprint-store-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(path_join(w->path, w->dir, "registry.db"), ERR_OK);
	*state = w;
	return 0;
}

static int
remove_one(const char *path, const struct stat *sb, int type,
    struct FTW *walk)
{
	(void)sb;
	(void)type;
	(void)walk;
	return remove(path);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	assert_int_equal(nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS),
	    0);
	free(w);
	return 0;
}

static enum err
try_open(const struct world *w, enum store_mode mode, struct diag *diag)
{
	struct store *untouched = (struct store *)(uintptr_t)1;
	struct store *st = untouched;
	enum err err;

	err = store_open(io_posix(), w->path, mode, &st, diag);
	if (err) {
		assert_ptr_equal(st, untouched);
		return err;
	}
	store_close(&st);
	assert_null(st);
	return ERR_OK;
}

/* Fails with err, says the path and words, and what to do. */
static void
assert_refused(const struct world *w, enum store_mode mode, enum err err,
    const char *words)
{
	struct diag diag = DIAG_INIT;

	assert_int_equal(try_open(w, mode, &diag), err);
	assert_int_equal(diag.code, err);
	assert_non_null(strstr(diag.what, w->path));
	if (strstr(diag.what, words) == NULL)
		fail_msg("%s: not in: %s", words, diag.what);
	assert_int_not_equal(diag.hint[0], '\0');
}

static struct store *
open_store(const struct world *w, enum store_mode mode)
{
	struct diag diag = DIAG_INIT;
	struct store *st = NULL;

	if (store_open(io_posix(), w->path, mode, &st, &diag) != ERR_OK)
		fail_msg("%s (%s)", diag.what, diag.internal);
	return st;
}

static void
create(const struct world *w)
{
	struct store *st = open_store(w, STORE_CREATE);

	store_close(&st);
}

static enum err
put(struct store *st, const char *value)
{
	enum err err;

	err = store_begin(st, NULL);
	if (!err)
		err = store_meta_put(st, "key", bytes_text(value), NULL);
	return err ? err : store_commit(st, NULL);
}

static void
assert_value(struct store *st, const char *value)
{
	_cleanup_buf_ struct buf got = BUF_INIT;

	assert_int_equal(store_meta_get(st, "key", &got, NULL), ERR_OK);
	assert_string_equal(buf_text(&got), value);
}

static bool
file_there(const struct world *w, const char *suffix)
{
	char name[PATH_SIZE + 32];

	(void)snprintf(name, sizeof(name), "%s%s", w->path, suffix);
	return access(name, F_OK) == 0;
}

static void
write_file(const struct world *w, const char *suffix, const char *text)
{
	char name[PATH_SIZE + 32];
	FILE *f;

	(void)snprintf(name, sizeof(name), "%s%s", w->path, suffix);
	f = fopen(name, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

/* Change the file as another program would. */
static void
run_sql(const struct world *w, const char *suffix, const char *text)
{
	char name[PATH_SIZE + 32];
	sqlite3 *db;

	(void)snprintf(name, sizeof(name), "%s%s", w->path, suffix);
	assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_create(void **state)
{
	struct world *w = *state;
	struct store *st;
	struct stat sb;
	mode_t mask;

	/* what a creation that was cut short leaves is no obstacle */
	write_file(w, ".tmp", "half");
	write_file(w, ".tmp-journal", "half");
	write_file(w, ".tmp-wal", "half");
	mask = umask(0);
	st = open_store(w, STORE_CREATE);
	assert_int_equal(put(st, "1"), ERR_OK);
	/* the WAL holds the same secrets of the fleet as the file */
	assert_true(file_there(w, "-wal"));
	(void)umask(mask);
	assert_int_equal(stat(w->path, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
	store_close(&st);
	assert_false(file_there(w, "-wal"));
	assert_false(file_there(w, "-shm"));
	assert_false(file_there(w, ".tmp"));
	assert_false(file_there(w, ".tmp-journal"));
	assert_false(file_there(w, ".tmp-wal"));
	assert_refused(w, STORE_CREATE, ERR_EXISTS, "there already");
	st = open_store(w, STORE_WRITE);
	assert_value(st, "1");
	assert_int_equal(sb.st_mode & 07777, 0600);
	store_close(&st);
}

static void
test_create_where_not_possible(void **state)
{
	struct world *w = *state;

	assert_int_equal(path_join(w->path, w->dir, "none/registry.db"),
	    ERR_OK);
	assert_int_equal(try_open(w, STORE_CREATE, NULL), ERR_NOTFOUND);
	memset(w->path, 'x', sizeof(w->path) - 1);
	w->path[0] = '/';
	assert_int_equal(try_open(w, STORE_CREATE, NULL), ERR_LIMIT);
}

/* Names that mean something to SQLite's URIs. */
static void
test_odd_names(void **state)
{
	static const char *const names[] = { "file:a?mode=memory", "50%25",
		"a#b", ":memory:", "a b" };
	struct world *w = *state;
	char here[PATH_SIZE];
	struct stat sb;
	size_t i;

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(w->dir), 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(w->path, sizeof(w->path), "%s", names[i]);
		create(w);
		assert_int_equal(stat(names[i], &sb), 0);
		assert_int_equal(try_open(w, STORE_WRITE, NULL), ERR_OK);
		assert_int_equal(try_open(w, STORE_READ, NULL), ERR_OK);
	}
	assert_int_equal(chdir(here), 0);
}

static void
test_not_a_registry(void **state)
{
	static const enum store_mode modes[] = { STORE_WRITE, STORE_READ };
	struct world *w = *state;
	size_t i;

	for (i = 0; i < 2; i++) {
		assert_refused(w, modes[i], ERR_NOTFOUND, "no such file");
		write_file(w, "", "");
		assert_refused(w, modes[i], ERR_CORRUPT, "not an Imprint");
		write_file(w, "", "just some text, more than a header holds: "
		    "0123456789012345678901234567890123456789012345678901234"
		    "56789012345678901234567890123456789\n");
		assert_refused(w, modes[i], ERR_CORRUPT, "not a database");
		assert_int_equal(unlink(w->path), 0);
		run_sql(w, "", "CREATE TABLE a (b); PRAGMA user_version = 1");
		assert_refused(w, modes[i], ERR_CORRUPT, "not an Imprint");
		assert_int_equal(unlink(w->path), 0);
	}
}

/*
 * Cut at every page, and within the first: an error at the opening or in
 * the check.
 */
static void
test_truncated(void **state)
{
	struct world *w = *state;
	struct store *st;
	struct stat sb;
	enum err err;
	off_t size;

	create(w);
	assert_int_equal(stat(w->path, &sb), 0);
	assert_true(sb.st_size > 10 * STORE_PAGE_SIZE);
	for (size = sb.st_size; size > 0;) {
		size = size > STORE_PAGE_SIZE ? size - STORE_PAGE_SIZE :
		    size / 2;
		assert_int_equal(truncate(w->path, size), 0);
		st = NULL;
		err = store_open(io_posix(), w->path, STORE_READ, &st, NULL);
		if (!err)
			err = store_check(st, NULL);
		store_close(&st);
		assert_int_equal(err, ERR_CORRUPT);
	}
}

static void
flip_bit(const struct world *w, long at, unsigned bit)
{
	FILE *f;
	int c;

	f = fopen(w->path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	c = fgetc(f);
	assert_int_not_equal(c, EOF);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	assert_int_equal(fputc(c ^ 1 << bit, f), c ^ 1 << bit);
	assert_int_equal(fclose(f), 0);
}

/* Each bit of the header changed: whatever that gives is no defect of ours. */
static void
test_damaged_header(void **state)
{
	struct world *w = *state;
	struct diag diag;
	struct store *st;
	unsigned bit;
	enum err err;
	long at;

	create(w);
	for (at = 0; at < 100; at++) {
		for (bit = 0; bit < 8; bit++) {
			diag = (struct diag)DIAG_INIT;
			st = NULL;
			flip_bit(w, at, bit);
			err = store_open(io_posix(), w->path, STORE_READ, &st,
			    &diag);
			if (!err)
				err = store_check(st, &diag);
			store_close(&st);
			flip_bit(w, at, bit);
			if (err != ERR_OK && err != ERR_CORRUPT &&
			    err != ERR_VERSION)
				fail_msg("%ld.%u: %s", at, bit, diag.what);
			assert_true(!err || diag.hint[0] != '\0');
		}
	}
	assert_int_equal(try_open(w, STORE_READ, NULL), ERR_OK);
	/* the schema format, of which SQLite knows 1 to 4 */
	flip_bit(w, 47, 0);
	assert_refused(w, STORE_READ, ERR_CORRUPT, "unsupported file format");
	assert_refused(w, STORE_WRITE, ERR_CORRUPT, "unsupported file format");
}

static void
test_damaged_schema(void **state)
{
	_cleanup_buf_ struct buf value = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct world *w = *state;
	struct store *st;

	create(w);
	run_sql(w, "", "ALTER TABLE meta RENAME TO meda");
	st = open_store(w, STORE_READ);
	assert_int_equal(store_meta_get(st, "key", &value, &diag),
	    ERR_CORRUPT);
	assert_non_null(strstr(diag.what, "no such table: meta"));
	assert_non_null(strstr(diag.hint, "backup"));
	store_close(&st);
}

static void
test_versions(void **state)
{
	struct world *w = *state;

	create(w);
	run_sql(w, "", "PRAGMA user_version = 99");
	assert_refused(w, STORE_WRITE, ERR_VERSION, "schema 99");
	assert_refused(w, STORE_READ, ERR_VERSION, "schema 99");
	assert_false(file_there(w, ".schema-99.backup"));
	run_sql(w, "", "PRAGMA user_version = 0");
	assert_refused(w, STORE_WRITE, ERR_CORRUPT, "not an Imprint");
	run_sql(w, "", "PRAGMA user_version = -1");
	assert_refused(w, STORE_READ, ERR_CORRUPT, "not an Imprint");
	run_sql(w, "", "PRAGMA user_version = "
	    TEXT(STORE_SCHEMA_VERSION));
	assert_int_equal(try_open(w, STORE_WRITE, NULL), ERR_OK);
	assert_false(file_there(w, BACKUP));
}

/* The real schemas and two that may follow. */
static void
later_migrations(struct migration ret_migrations[LATER])
{
	memcpy(ret_migrations, store_migrations, sizeof(store_migrations));
	ret_migrations[NOW].sql = "ALTER TABLE meta ADD COLUMN extra TEXT;"
	    "UPDATE meta SET extra = 'second'";
	ret_migrations[NOW + 1].sql = "UPDATE meta SET "
	    "extra = extra || ' third'";
}

static void
test_migration(void **state)
{
	struct world *w = *state;
	struct migration migrations[LATER];
	struct store *st, *backup;
	struct world old = *w;
	struct stat sb;
	int64_t count;
	mode_t mask;

	later_migrations(migrations);
	create(w);
	st = open_store(w, STORE_WRITE);
	assert_int_equal(put(st, "precious"), ERR_OK);
	/* remains of a backup that was cut short */
	write_file(w, BACKUP ".tmp", "half");
	mask = umask(0);
	assert_int_equal(store_migrate(st, migrations, LATER, NULL), ERR_OK);
	(void)umask(mask);
	assert_int_equal(store_query_int(st, "PRAGMA user_version", &count,
	    NULL), ERR_OK);
	assert_int_equal(count, LATER);
	assert_int_equal(store_query_int(st, "SELECT count(*) FROM meta "
	    "WHERE extra = 'second third'", &count, NULL), ERR_OK);
	assert_int_equal(count, 1);
	assert_value(st, "precious");
	store_close(&st);
	assert_refused(w, STORE_WRITE, ERR_VERSION, "knows up to");

	/* the backup is a whole registry of the old version */
	assert_false(file_there(w, BACKUP ".tmp"));
	(void)snprintf(old.path, sizeof(old.path), "%s/%s", w->dir,
	    "registry.db" BACKUP);
	assert_int_equal(stat(old.path, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
	backup = open_store(&old, STORE_READ);
	assert_value(backup, "precious");
	assert_int_equal(store_check(backup, NULL), ERR_OK);
	store_close(&backup);
}

/* One that fails leaves the old schema, all of it; the next run does it. */
static void
test_migration_fails(void **state)
{
	struct world *w = *state;
	struct migration migrations[LATER];
	struct store *st;
	int64_t count;

	later_migrations(migrations);
	migrations[NOW + 1].sql = "UPDATE meta SET extra = 'third';"
	    "SELECT no such column";
	create(w);
	st = open_store(w, STORE_WRITE);
	assert_int_equal(put(st, "precious"), ERR_OK);
	assert_int_equal(store_migrate(st, migrations, LATER, NULL),
	    ERR_INTERNAL);
	store_close(&st);
	assert_true(file_there(w, BACKUP));
	st = open_store(w, STORE_WRITE);
	assert_value(st, "precious");
	assert_int_equal(store_query_int(st, "SELECT count(*) FROM "
	    "pragma_table_info('meta') WHERE name = 'extra'", &count, NULL),
	    ERR_OK);
	assert_int_equal(count, 0);
	later_migrations(migrations);
	assert_int_equal(store_migrate(st, migrations, LATER, NULL), ERR_OK);
	assert_int_equal(store_migrate(st, migrations, LATER, NULL), ERR_OK);
	store_close(&st);
}

static void
test_reader_beside_writer(void **state)
{
	struct world *w = *state;
	struct store *writer, *reader;

	create(w);
	writer = open_store(w, STORE_WRITE);
	assert_int_equal(put(writer, "1"), ERR_OK);
	reader = open_store(w, STORE_READ);
	assert_value(reader, "1");
	assert_int_equal(store_begin(writer, NULL), ERR_OK);
	assert_int_equal(store_meta_put(writer, "key", bytes_text("2"),
	    NULL), ERR_OK);
	assert_int_equal(store_look_begin(reader, NULL), ERR_OK);
	assert_value(reader, "1");
	assert_int_equal(store_commit(writer, NULL), ERR_OK);
	assert_value(reader, "1");
	store_look_end(reader);
	assert_value(reader, "2");
	assert_int_equal(store_begin(reader, NULL), ERR_STATE);
	assert_int_equal(store_meta_put(reader, "key", BYTES_NONE, NULL),
	    ERR_STATE);
	assert_int_equal(store_exec(reader, "DELETE FROM meta", NULL),
	    ERR_PERMISSION);
	/* the last to leave is the reader: it reads what the writer left */
	store_close(&writer);
	assert_value(reader, "2");
	store_close(&reader);
	reader = open_store(w, STORE_READ);
	assert_value(reader, "2");
	store_close(&reader);
}

static void
test_two_writers(void **state)
{
	struct world *w = *state;
	struct store *first, *second;
	struct diag diag = DIAG_INIT;

	create(w);
	first = open_store(w, STORE_WRITE);
	second = open_store(w, STORE_WRITE);
	(void)sqlite3_busy_timeout(second->db, 10);
	assert_int_equal(store_begin(first, NULL), ERR_OK);
	assert_int_equal(store_begin(second, &diag), ERR_BUSY);
	assert_non_null(strstr(diag.what, w->path));
	assert_int_not_equal(diag.hint[0], '\0');
	store_rollback(first);
	assert_int_equal(put(second, "2"), ERR_OK);
	assert_int_equal(put(first, "1"), ERR_OK);
	assert_value(second, "1");
	store_close(&second);
	store_close(&first);
}

/* Runs check in a child that is not root, for the modes to matter. */
static void
as_nobody(const struct world *w, bool (*check)(const struct world *))
{
	int status;
	pid_t pid;

	if (geteuid() == 0) {
		assert_int_equal(chown(w->dir, NOBODY, NOBODY), 0);
		assert_int_equal(chown(w->path, NOBODY, NOBODY), 0);
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && (setgid(NOBODY) != 0 ||
		    setuid(NOBODY) != 0))
			_exit(2);
		_exit(check(w) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static bool
value_can_be_read(const struct world *w)
{
	_cleanup_store_ struct store *st = NULL;
	_cleanup_buf_ struct buf value = BUF_INIT;

	return store_open(io_posix(), w->path, STORE_READ, &st, NULL) ==
	    ERR_OK &&
	    store_meta_get(st, "key", &value, NULL) == ERR_OK &&
	    store_check(st, NULL) == ERR_OK;
}

static bool
is_refused(const struct world *w, enum store_mode mode, const char *hint)
{
	struct diag diag = DIAG_INIT;
	struct store *st = NULL;

	return store_open(io_posix(), w->path, mode, &st, &diag) ==
	    ERR_PERMISSION && strstr(diag.what, w->path) != NULL &&
	    strstr(diag.hint, hint) != NULL;
}

static bool
reader_is_refused(const struct world *w)
{
	return is_refused(w, STORE_READ, "read-only for everybody");
}

static bool
writer_is_refused(const struct world *w)
{
	return is_refused(w, STORE_WRITE, "owner and mode");
}

static int
leave(const struct world *w)
{
	return put(open_store(w, STORE_WRITE), "kept") == ERR_OK ? 0 : 1;
}

static int
look(const struct world *w)
{
	(void)open_store(w, STORE_WRITE);
	return 0;
}

/* In a process that ends without closing anything. */
static void
ended(const struct world *w, int (*act)(const struct world *))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(act(w));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A process that ended in a commit's sync left a WAL that may not be durable:
 * whoever opens it to write has all of it in the file first. */
static void
test_left_in_the_wal(void **state)
{
	struct world *w = *state;
	struct store *reader;
	char wal[PATH_SIZE + 8];

	create(w);
	ended(w, leave);
	ended(w, look);
	(void)snprintf(wal, sizeof(wal), "%s-wal", w->path);
	assert_int_equal(unlink(wal), 0);	/* it never reached the disk */
	reader = open_store(w, STORE_READ);
	assert_value(reader, "kept");
	store_close(&reader);
}

static void
test_read_only_directory(void **state)
{
	struct world *w = *state;
	char wal[PATH_SIZE + 8];
	struct store *st;

	create(w);
	st = open_store(w, STORE_WRITE);
	assert_int_equal(put(st, "1"), ERR_OK);
	store_close(&st);
	assert_int_equal(chmod(w->dir, 0555), 0);
	as_nobody(w, value_can_be_read);
	/* what is in a WAL would be missed */
	write_file(w, "-wal", "something");
	as_nobody(w, reader_is_refused);
	write_file(w, "-wal", "");
	as_nobody(w, value_can_be_read);
	/* others might write */
	(void)snprintf(wal, sizeof(wal), "%s-wal", w->path);
	assert_int_equal(unlink(wal), 0);
	if (geteuid() == 0) {
		assert_int_equal(chmod(w->dir, 0575), 0);
		as_nobody(w, reader_is_refused);
		assert_int_equal(chmod(w->path, 0400), 0);
		assert_int_equal(chmod(w->dir, 0700), 0);
		as_nobody(w, writer_is_refused);
	}
	assert_int_equal(chmod(w->dir, 0700), 0);
}

/* The WAL does not grow with what a long order writes. */
static void
test_wal_is_bounded(void **state)
{
	struct world *w = *state;
	char wal[PATH_SIZE + 8];
	uint8_t *bytes;
	struct store *st;
	struct stat sb;
	unsigned i;

	(void)snprintf(wal, sizeof(wal), "%s-wal", w->path);
	bytes = calloc(4096, 241);
	assert_non_null(bytes);
	st = open_store(w, STORE_CREATE);
	for (i = 0; i < 60; i++) {
		assert_int_equal(store_begin(st, NULL), ERR_OK);
		assert_int_equal(store_entries_put(st, 1, i * 4096, 4096, 209,
		    bytes_of(bytes, 4096 * 209), bytes_of(bytes, 4096 * 32),
		    NULL), ERR_OK);
		assert_int_equal(store_commit(st, NULL), ERR_OK);
		assert_int_equal(stat(wal, &sb), 0);
		assert_in_range(sb.st_size, 1, 20 << 20);
	}
	store_close(&st);
	free(bytes);
}

#define OPEN_TEST(function)						\
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN_TEST(test_create),
		OPEN_TEST(test_create_where_not_possible),
		OPEN_TEST(test_odd_names),
		OPEN_TEST(test_not_a_registry),
		OPEN_TEST(test_truncated),
		OPEN_TEST(test_damaged_header),
		OPEN_TEST(test_damaged_schema),
		OPEN_TEST(test_versions),
		OPEN_TEST(test_migration),
		OPEN_TEST(test_migration_fails),
		OPEN_TEST(test_reader_beside_writer),
		OPEN_TEST(test_two_writers),
		OPEN_TEST(test_left_in_the_wal),
		OPEN_TEST(test_read_only_directory),
		OPEN_TEST(test_wal_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
