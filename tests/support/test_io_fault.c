/* The faulty disk itself, and what is built to stand on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/io_fault.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MANY	1000		/* more operations than any job here has */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return ftw->level == 0 ? 0 : remove(path);
}

static void
dir_clear(void)
{
	assert_int_equal(nftw(".", remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Each test has a directory of its own and runs in it. */
static int
dir_enter(void **state)
{
	char dir[] = "/tmp/test-fault-XXXXXX";

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		return -1;
	*state = strdup(dir);
	return *state == NULL ? -1 : 0;
}

static int
dir_leave(void **state)
{
	int result;

	dir_clear();
	result = chdir("/") != 0 || rmdir(*state) != 0;
	free(*state);
	return result;
}

/*
 * Do the job on a faulty disk in a child. Its err, or -1 when the fault
 * killed it.
 */
static int
run(const struct io_fault_plan *plan, enum err (*job)(const struct io *, int),
    int arg)
{
	pid_t pid;
	int status;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit((int)job(io_fault_new(plan), arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return -1;
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
put_file(const char *path, const char *text)
{
	assert_int_equal(io_write_file(io_posix(), path, bytes_text(text),
	    0600, NULL), ERR_OK);
}

/* The file's content is text; NULL: there is no such file. */
static bool
has(const char *path, const char *text)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	enum err err;

	err = io_read_file(io_posix(), path, &b, NULL);
	if (text == NULL)
		return err == ERR_NOTFOUND;
	return err == ERR_OK && strcmp(buf_text(&b), text) == 0;
}

static void
test_parse(void **state)
{
	static const struct {
		const char		*text;
		enum io_fault_kind	 kind;
		unsigned long		 at;
		uint64_t		 seed;
	} good[] = {
		{ "kill:17", IO_FAULT_KILL, 17, 0 },
		{ "killafter:1", IO_FAULT_KILL_AFTER, 1, 0 },
		{ "short:2", IO_FAULT_SHORT, 2, 0 },
		{ "enospc:3", IO_FAULT_ENOSPC, 3, 0 },
		{ "enospc-once:3", IO_FAULT_ENOSPC_ONCE, 3, 0 },
		{ "eio:4", IO_FAULT_EIO, 4, 0 },
		{ "syncfail:5", IO_FAULT_SYNC, 5, 0 },
		{ "powercut:6", IO_FAULT_POWER_CUT, 6, 0 },
		{ "powercut:6:99", IO_FAULT_POWER_CUT, 6, 99 },
	};
	static const char *const bad[] = {
		"", "kill", "kill:", "kill:0", "kill:x", "kill:3:4",
		"powercut:3:x", "count:", "count:relative", "melt:3",
	};
	struct io_fault_plan plan;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		assert_int_equal(io_fault_parse(good[i].text, &plan), ERR_OK);
		assert_int_equal(plan.kind, good[i].kind);
		assert_int_equal(plan.at, good[i].at);
		assert_int_equal(plan.seed, good[i].seed);
	}
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(io_fault_parse(bad[i], &plan), ERR_SYNTAX);
	assert_int_equal(io_fault_parse("count:/tmp/n", &plan), ERR_OK);
	assert_int_equal(plan.kind, IO_FAULT_NONE);
	assert_string_equal(plan.count_path, "/tmp/n");
}

/*
 * Jobs in which each thing is done durably up to a point and then not; the
 * power goes at the last operation, which is the marker's creation.
 */
static enum err
cut(const struct io *io)
{
	while (io->mkdir(io->state, "never", 0700) == 0)
		(void)rmdir("never");
	return ERR_INTERNAL;
}

static enum err
job_undone(const struct io *io, int what)
{
	struct file f = FILE_INIT;
	enum err err;

	if (what == 0)
		err = io_unlink(io, "a", NULL);
	else if (what == 1)
		err = io_rename(io, "a", "b", NULL);
	else if (what == 2)
		err = file_open(io, "a", O_WRONLY | O_TRUNC, 0, &f, NULL);
	else
		err = file_open(io, "a", O_WRONLY, 0, &f, NULL);
	if (!err && what == 3)
		err = file_truncate(&f, 2, NULL);
	if (!err && what >= 3)
		err = file_write_at(&f, 1, bytes_text("XY"), NULL);
	if (!err && what >= 4)
		err = file_write_at(&f, 7, bytes_text("Z"), NULL);
	if (!err && what == 5)
		err = file_open(io, "new", O_RDWR | O_CREAT, 0400, &f, NULL);
	if (!err && what == 5)
		err = file_sync(&f, NULL);
	if (!err && what == 6)
		err = io_mkdir(io, "d", 0700, NULL);
	if (!err && what == 6)
		err = io_write_file(io, "d/f", bytes_text("x"), 0600, NULL);
	if (!err && what == 7)
		err = file_sync(&f, NULL);
	if (!err && what == 7)
		err = io_unlink(io, "a", NULL);
	if (!err && what == 8)
		err = io_rmdir(io, "empty", NULL);
	if (!err && what == 9)
		err = io_make_public(io, "b", NULL);
	return err ? err : cut(io);
}

static void
test_cut_takes_back(void **state)
{
	/* operations of each job before its cut */
	static const unsigned long operations[] = { 1, 1, 1, 2, 2, 4, 8, 4,
	    3, 1 };
	struct io_fault_plan plan = { .kind = IO_FAULT_POWER_CUT };
	struct stat st;
	int what;

	(void)state;
	for (what = 0; what < (int)COUNT(operations); what++) {
		dir_clear();
		put_file("a", "apple");
		put_file("b", "berry");
		assert_int_equal(chmod("a", 0640), 0);
		assert_int_equal(mkdir("empty", 0755), 0);
		plan.at = operations[what] + 1;
		assert_int_equal(run(&plan, job_undone, what), -1);
		if (what != 7)
			assert_true(has("a", "apple"));
		assert_true(has("b", "berry"));
		assert_true(has("new", NULL));
		assert_true(io_exists(io_posix(), "empty"));
		assert_true(has("d/f", NULL) && !io_exists(io_posix(), "d"));
		assert_int_equal(stat("a", &st), 0);
		assert_int_equal(st.st_size, what == 7 ? 8 : 5);
		assert_int_equal(st.st_mode & 07777, 0640);
		assert_false(io_is_public(io_posix(), "b"));
	}
}

static enum err
job_durable(const struct io *io, int arg)
{
	_cleanup_file_ struct file f = FILE_INIT;
	enum err err;

	(void)arg;
	err = file_open(io, "a", O_RDWR, 0, &f, NULL);
	if (!err)
		err = file_make_public(&f, NULL);
	if (!err)
		err = file_write_at(&f, 0, bytes_text("A"), NULL);
	if (!err)
		err = file_truncate(&f, 3, NULL);
	if (!err)
		err = file_sync(&f, NULL);
	if (!err)
		err = io_mkdir(io, "d", 0700, NULL);
	if (!err)
		err = io_rename(io, "b", "c", NULL);
	if (!err)
		err = io_sync_dir(io, ".", NULL);
	if (!err)
		err = io_make_public(io, "d", NULL);
	if (!err)
		err = io_write_file(io, "d/f", bytes_text("x"), 0600, NULL);
	return err ? err : cut(io);
}

static void
test_cut_leaves_durable(void **state)
{
	struct io_fault_plan plan = { IO_FAULT_POWER_CUT, 14, 0, NULL };

	(void)state;
	for (plan.seed = 0; plan.seed < 20; plan.seed++) {
		dir_clear();
		put_file("a", "apple");
		put_file("b", "berry");
		assert_int_equal(run(&plan, job_durable, 0), -1);
		assert_true(has("a", "App"));
		assert_true(has("b", NULL));
		assert_true(has("c", "berry"));
		assert_true(has("d/f", "x"));
		assert_true(io_is_public(io_posix(), "a"));
		assert_true(io_is_public(io_posix(), "d"));
	}
}

/* New, renamed, removed, written, deep inside: one sync stands for all. */
static enum err
job_sync_fs(const struct io *io, int arg)
{
	_cleanup_file_ struct file f = FILE_INIT;
	enum err err;

	(void)arg;
	err = io_mkdir(io, "d", 0700, NULL);
	if (!err)
		err = io_mkdir(io, "d/e", 0700, NULL);
	if (!err)
		err = io_rename(io, "a", "d/e/a", NULL);
	if (!err)
		err = io_unlink(io, "b", NULL);
	if (!err)
		err = file_open(io, "c", O_RDWR | O_CREAT, 0600, &f, NULL);
	if (!err)
		err = file_write_at(&f, 0, bytes_text("cherry"), NULL);
	if (!err)
		err = io_sync_fs(io, "d", NULL);
	if (!err)
		err = file_write_at(&f, 0, bytes_text("C"), NULL);
	return err ? err : cut(io);
}

static void
test_cut_after_sync_fs(void **state)
{
	struct io_fault_plan plan = { IO_FAULT_POWER_CUT, 9, 0, NULL };

	(void)state;
	for (plan.seed = 0; plan.seed < 20; plan.seed++) {
		dir_clear();
		put_file("a", "apple");
		put_file("b", "berry");
		assert_int_equal(run(&plan, job_sync_fs, 0), -1);
		assert_true(has("a", NULL));
		assert_true(has("d/e/a", "apple"));
		assert_true(has("b", NULL));
		assert_true(has("c", "cherry") ||
		    (plan.seed > 0 && has("c", "Cherry")));
	}
	/* a failed one is told */
	dir_clear();
	put_file("a", "apple");
	put_file("b", "berry");
	plan = (struct io_fault_plan){ .kind = IO_FAULT_SYNC, .at = 1 };
	assert_int_equal(run(&plan, job_sync_fs, 0), ERR_IO);
}

static enum err
job_torn(const struct io *io, int arg)
{
	_cleanup_file_ struct file f = FILE_INIT;
	enum err err;

	(void)arg;
	err = file_open(io, "a", O_RDWR, 0, &f, NULL);
	if (!err)
		err = file_write_at(&f, 0, bytes_text("ABCDE"), NULL);
	if (!err)
		err = file_write_at(&f, 5, bytes_text("FGHIJ"), NULL);
	return err ? err : cut(io);
}

/* Over many seeds every kind of outcome must come, and no other. */
static void
test_cut_tears(void **state)
{
	struct io_fault_plan plan = { IO_FAULT_POWER_CUT, 3, 0, NULL };
	_cleanup_buf_ struct buf b = BUF_INIT;
	unsigned old, full, hole, torn, part;

	(void)state;
	old = full = hole = torn = part = 0;
	for (plan.seed = 1; plan.seed <= 200; plan.seed++) {
		put_file("a", "apple");
		assert_int_equal(run(&plan, job_torn, 0), -1);
		buf_clear(&b);
		assert_int_equal(io_read_file(io_posix(), "a", &b, NULL),
		    ERR_OK);
		assert_in_range(b.len, 5, 10);
		old += b.len == 5 && memcmp(b.ptr, "apple", 5) == 0;
		full += b.len == 10 && memcmp(b.ptr, "ABCDEFGHIJ", 10) == 0;
		hole += b.len == 10 && memcmp(b.ptr, "appleFGHIJ", 10) == 0;
		torn += memcmp(b.ptr, "ABple", 5) == 0;
		part += b.len > 5 && b.len < 10;
	}
	assert_true(old > 0 && full > 0 && hole > 0 && torn > 0 && part > 0);
}

static enum err
job_write_file(const struct io *io, int arg)
{
	(void)arg;
	return io_write_file(io, "f", bytes_text("the new content"), 0600,
	    NULL);
}

static enum err
job_create_file(const struct io *io, int arg)
{
	(void)arg;
	return io_create_file(io, "f", bytes_text("the new content"), 0600,
	    NULL);
}

/* No temporary name: what a cut makes of it must be seen. */
static enum err
job_naive(const struct io *io, int arg)
{
	_cleanup_file_ struct file f = FILE_INIT;
	enum err err;

	(void)arg;
	err = file_open(io, "f", O_WRONLY | O_CREAT | O_TRUNC, 0600, &f,
	    NULL);
	if (!err)
		err = file_write_at(&f, 0, bytes_text("the new content"),
		    NULL);
	return err ? err : file_sync(&f, NULL);
}

/* A temporary name, but it is not synced before the rename. */
static enum err
job_hasty(const struct io *io, int arg)
{
	_cleanup_file_ struct file f = FILE_INIT;
	enum err err;

	(void)arg;
	err = file_open(io, "f.tmp", O_WRONLY | O_CREAT | O_TRUNC, 0600, &f,
	    NULL);
	if (!err)
		err = file_write_at(&f, 0, bytes_text("the new content"),
		    NULL);
	if (!err)
		err = io_rename(io, "f.tmp", "f", NULL);
	return err ? err : io_sync_parent(io, "f", NULL);
}

/*
 * Run the job with the fault at every operation. How often was the result
 * neither the old content nor the new?
 */
static unsigned
every_operation(enum io_fault_kind kind, uint64_t seed,
    enum err (*job)(const struct io *, int), const char *old)
{
	struct io_fault_plan plan = { kind, 0, seed, NULL };
	unsigned wrong;
	bool is_new;
	int result;

	wrong = 0;
	do {
		plan.at++;
		assert_true(plan.at < MANY);
		dir_clear();
		if (old != NULL)
			put_file("f", old);
		result = run(&plan, job, 0);
		is_new = has("f", "the new content");
		if (result == ERR_OK && !is_new)
			wrong++;
		else if (!is_new && !has("f", old))
			wrong++;
		/* whatever happened, it can be done again */
		if (old != NULL)
			assert_int_equal(job_write_file(io_posix(), 0),
			    ERR_OK);
	} while (result != ERR_OK && plan.at < 20);
	assert_true(plan.at > 1);
	return wrong;
}

static void
test_write_file(void **state)
{
	static const enum io_fault_kind kinds[] = {
		IO_FAULT_KILL, IO_FAULT_KILL_AFTER, IO_FAULT_ENOSPC,
		IO_FAULT_ENOSPC_ONCE, IO_FAULT_EIO, IO_FAULT_SYNC,
	};
	uint64_t seed;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(kinds); i++) {
		assert_int_equal(every_operation(kinds[i], 0, job_write_file,
		    "old"), 0);
		assert_int_equal(every_operation(kinds[i], 0, job_write_file,
		    NULL), 0);
		assert_int_equal(every_operation(kinds[i], 0, job_create_file,
		    NULL), 0);
	}
	for (seed = 0; seed < 10; seed++) {
		assert_int_equal(every_operation(IO_FAULT_POWER_CUT, seed,
		    job_write_file, "old"), 0);
		assert_int_equal(every_operation(IO_FAULT_POWER_CUT, seed,
		    job_create_file, NULL), 0);
	}
}

static void
test_cut_finds(void **state)
{
	unsigned naive, hasty;
	uint64_t seed;

	(void)state;
	naive = hasty = 0;
	for (seed = 0; seed < 10; seed++) {
		naive += every_operation(IO_FAULT_POWER_CUT, seed, job_naive,
		    "old");
		hasty += every_operation(IO_FAULT_POWER_CUT, seed, job_hasty,
		    "old");
	}
	assert_true(naive > 0);
	assert_true(hasty > 0);
	assert_true(every_operation(IO_FAULT_KILL, 0, job_naive, "old") > 0);
}

static void
test_short_write(void **state)
{
	struct io_fault_plan plan = { .kind = IO_FAULT_SHORT };
	struct file f = FILE_INIT;
	struct io *io;

	(void)state;
	for (plan.at = 1; plan.at < 8; plan.at++)
		assert_int_equal(run(&plan, job_write_file, 0), ERR_OK);
	assert_true(has("f", "the new content"));
	plan.at = 1;
	io = io_fault_new(&plan);
	assert_int_equal(file_open(io, "f", O_RDWR, 0, &f, NULL), ERR_OK);
	assert_int_equal(io->pwrite(io->state, f.fd, "XXXX", 4, 0), 2);
	assert_int_equal(io->pwrite(io->state, f.fd, "YYYY", 4, 0), 4);
	assert_int_equal(io_fault_count(io), 2);
	file_release(&f);
	io_fault_free(io);
}

static void
test_no_space_stays(void **state)
{
	struct io_fault_plan plan = { .kind = IO_FAULT_ENOSPC, .at = 3 };
	struct io *io;

	(void)state;
	io = io_fault_new(&plan);
	assert_int_equal(job_write_file(io, 0), ERR_NOSPACE);
	assert_int_equal(job_write_file(io, 0), ERR_NOSPACE);
	assert_true(has("f", NULL));
	io_fault_free(io);
	plan.kind = IO_FAULT_ENOSPC_ONCE;
	io = io_fault_new(&plan);
	assert_int_equal(job_write_file(io, 0), ERR_NOSPACE);
	assert_int_equal(job_write_file(io, 0), ERR_OK);
	io_fault_free(io);
}

/* A lock must end with its file, whatever the undo log still holds. */
static void
test_lock_ends(void **state)
{
	struct io_fault_plan plan = { IO_FAULT_POWER_CUT, MANY, 0, NULL };
	struct file f = FILE_INIT;
	struct io *io;

	(void)state;
	io = io_fault_new(&plan);
	assert_int_equal(file_open(io, "l", O_RDWR | O_CREAT, 0600, &f,
	    NULL), ERR_OK);
	assert_int_equal(file_lock(&f, NULL), ERR_OK);
	assert_int_equal(file_write_at(&f, 0, bytes_text("x"), NULL), ERR_OK);
	file_release(&f);
	assert_int_equal(file_open(io, "l", O_RDWR, 0, &f, NULL), ERR_OK);
	assert_int_equal(file_lock(&f, NULL), ERR_OK);
	file_release(&f);
	io_fault_free(io);
}

#define WRITERS	4
#define ROUNDS	50

static void *
writer(void *arg)
{
	const struct io *io = arg;
	_cleanup_file_ struct file f = FILE_INIT;
	char name[32];
	uint64_t i;
	enum err err;

	(void)snprintf(name, sizeof(name), "t%lx", (long)pthread_self());
	err = file_open(io, name, O_RDWR | O_CREAT, 0600, &f, NULL);
	for (i = 0; !err && i < ROUNDS; i++) {
		err = file_write_at(&f, i, bytes_text("x"), NULL);
		if (!err && i % 8 == 0)
			err = file_sync(&f, NULL);
	}
	return err ? NULL : arg;
}

static void
test_threads(void **state)
{
	struct io_fault_plan plan = { IO_FAULT_POWER_CUT, MANY, 0, NULL };
	pthread_t threads[WRITERS];
	struct io *io;
	void *result;
	int i;

	(void)state;
	io = io_fault_new(&plan);
	for (i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, writer,
		    io), 0);
	for (i = 0; i < WRITERS; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_non_null(result);
	}
	assert_int_equal(io_fault_count(io), WRITERS * (1 + ROUNDS + 7));
	io_fault_free(io);
}

/*
 * SQLite: transactions of three rows each. Every COMMIT that returned is
 * told through the pipe in ack.
 */
#define TRANSACTIONS	8

static int ack[2];

struct journal {
	const char	*mode;
	const char	*synchronous;
};

/* FULL does not sync the directory after a journal's deletion: EXTRA does */
static const struct journal journals[] = {
	{ "WAL", "FULL" }, { "DELETE", "EXTRA" }, { "TRUNCATE", "FULL" },
	{ "WAL", "OFF" },
};

static bool
sql(sqlite3 *db, const char *text)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK;
}

static enum err
job_sqlite(const struct io *io, int which)
{
	char text[400];
	sqlite3 *db;
	int i;

	if (sqlite3_open_v2("db", &db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE, io->sqlite_vfs) != SQLITE_OK)
		return ERR_IO;
	(void)snprintf(text, sizeof(text),
	    "PRAGMA journal_mode=%s; PRAGMA synchronous=%s;"
	    "PRAGMA wal_autocheckpoint=9; PRAGMA mmap_size=1000000;"
	    "CREATE TABLE t (id INTEGER PRIMARY KEY, grp, data);"
	    "CREATE INDEX t_data ON t (data);",
	    journals[which].mode, journals[which].synchronous);
	if (!sql(db, text))
		return ERR_IO;
	for (i = 1; i <= TRANSACTIONS; i++) {
		(void)snprintf(text, sizeof(text), "BEGIN;"
		    "INSERT INTO t (grp, data) VALUES (%d, randomblob(99));"
		    "INSERT INTO t (grp, data) VALUES (%d, zeroblob(3000));"
		    "INSERT INTO t (grp, data) VALUES (%d, randomblob(999));"
		    "UPDATE t SET data = randomblob(500) WHERE id %% 5 = 1;"
		    "COMMIT", i, i, i);
		if (!sql(db, text))
			return ERR_IO;
		if (write(ack[1], "", 1) != 1)
			return ERR_INTERNAL;
	}
	return sqlite3_close(db) == SQLITE_OK ? ERR_OK : ERR_IO;
}

static int64_t
query(sqlite3 *db, const char *text)
{
	sqlite3_stmt *stmt;
	int64_t value;

	value = -1;
	if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		value = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return value;
}

/* Whole transactions only, and all that were acknowledged? */
static bool
database_holds(int acknowledged)
{
	int64_t groups;
	sqlite3 *db;
	bool good;

	assert_int_equal(sqlite3_open("db", &db), SQLITE_OK);
	groups = query(db, "SELECT count(DISTINCT grp) FROM t");
	good = groups >= acknowledged && groups <= acknowledged + 1 &&
	    query(db, "SELECT count(*) FROM t") == 3 * groups &&
	    query(db, "SELECT ifnull(max(grp), 0) FROM t") == groups;
	if (groups < 0)		/* no table yet */
		good = acknowledged == 0;
	good = good && query(db, "SELECT integrity_check = 'ok' "
	    "FROM pragma_integrity_check") == 1;
	(void)sqlite3_close(db);
	return good;
}

/* Fault at every step-th operation; how often was the database wrong? */
static unsigned
every_sqlite_operation(enum io_fault_kind kind, uint64_t seed, int which,
    unsigned step)
{
	struct io_fault_plan plan = { kind, 1 + seed % step, seed, NULL };
	unsigned wrong;
	char told[TRANSACTIONS + 1];
	ssize_t n;
	int result;

	wrong = 0;
	do {
		dir_clear();
		assert_int_equal(pipe(ack), 0);
		result = run(&plan, job_sqlite, which);
		(void)close(ack[1]);
		n = read(ack[0], told, sizeof(told));
		assert_in_range(n, 0, TRANSACTIONS);
		(void)close(ack[0]);
		if (!database_holds((int)n))
			wrong++;
		plan.at += step;
		assert_true(plan.at < MANY);
	} while (result != ERR_OK);
	return wrong;
}

/* A sample of operations, or with TORTURE in the environment every one. */
static bool
torture(void)
{
	const char *text;

	text = getenv("TORTURE");
	return text != NULL && text[0] != '\0';
}

static void
test_sqlite_cut(void **state)
{
	const enum io_fault_kind cut_kind = IO_FAULT_POWER_CUT;
	unsigned step, off;
	uint64_t seed;
	int which;

	(void)state;
	step = torture() ? 1 : 17;
	for (which = 0; which < 3; which++)
		for (seed = 0; seed < 6; seed++)
			assert_int_equal(every_sqlite_operation(cut_kind,
			    seed, which, which == 0 ? step : 3 * step), 0);
	/* without syncs the cut must be seen to do harm */
	off = every_sqlite_operation(cut_kind, 0, 3, step);
	assert_true(off > 0);
	off = every_sqlite_operation(cut_kind, 1, 3, step);
	assert_true(off > 0);
}

static void
test_sqlite_errors(void **state)
{
	static const enum io_fault_kind kinds[] = {
		IO_FAULT_KILL, IO_FAULT_KILL_AFTER, IO_FAULT_SHORT,
		IO_FAULT_ENOSPC, IO_FAULT_EIO, IO_FAULT_SYNC,
	};
	unsigned step;
	size_t i;

	(void)state;
	step = torture() ? 1 : 41;
	for (i = 0; i < COUNT(kinds); i++) {
		assert_int_equal(every_sqlite_operation(kinds[i], i, 0, step),
		    0);
		assert_int_equal(every_sqlite_operation(kinds[i], i, 1, step),
		    0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, dir_enter, dir_leave)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parse),
		TEST(test_cut_takes_back),
		TEST(test_cut_leaves_durable),
		TEST(test_cut_after_sync_fs),
		TEST(test_cut_tears),
		TEST(test_write_file),
		TEST(test_cut_finds),
		TEST(test_short_write),
		TEST(test_no_space_stays),
		TEST(test_lock_ends),
		TEST(test_threads),
		TEST(test_sqlite_cut),
		TEST(test_sqlite_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
