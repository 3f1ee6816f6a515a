/*
 * Power cuts, kills and failing disks at every operation of a registry's
 * life: what was committed is there, at most one step more, nothing half.
 */
#include <signal.h>
#include <sys/wait.h>

#include "lib/store/test_world.h"
#include "tests/support/io_fault.h"

#define TEXT_(a)	#a
#define TEXT(a)		TEXT_(a)
#define BACKUP	".schema-" TEXT(STORE_SCHEMA_VERSION) ".backup"
#define LATER	(STORE_SCHEMA_VERSION + 1)
#define GOLDEN	"tests/golden/1/home/ecosystems/default/registry.db"
#define GOLDEN_BACKUP	".schema-1.backup"
#define CHUNKS	3
#define CHUNK	300	/* two segments */
#define SMALL	40	/* entries: fewer operations */
#define STEPS	(2 + 2 * CHUNKS)

/* Steps: the file, the log, then for each chunk its reservation and end. */
struct life {
	const struct io	*io;
	const char	*path;
	struct store	*st;
	int		 done_fd;	/* an octet for each step done */
	unsigned	 steps;
};

static void
step_done(struct life *life)
{
	life->steps++;
	if (life->done_fd >= 0 && write(life->done_fd, "+", 1) != 1)
		_exit(3);
}

static enum err
live_log(struct life *life)
{
	struct store_log log = { .log = 1, .name = "bulk" };
	enum err err;

	err = store_begin(life->st, NULL);
	if (!err)
		err = store_log_create(life->st, &log, NULL);
	if (!err)
		err = store_commit(life->st, NULL);
	if (!err)
		step_done(life);
	return err;
}

static enum err
live_chunk(struct life *life, uint32_t chunk)
{
	struct store_range range = range_of(1, CHUNK, 1, chunk);
	enum err err;

	err = store_begin(life->st, NULL);
	if (!err)
		err = store_range_reserve(life->st, &range, NULL);
	if (!err)
		err = store_commit(life->st, NULL);
	if (err)
		return err;
	step_done(life);
	err = store_begin(life->st, NULL);
	if (!err)
		err = put_entries(life->st, range.first, CHUNK, SMALL);
	if (!err)
		err = end_range(life->st, &range, RANGE_COMMITTED);
	if (!err)
		err = store_commit(life->st, NULL);
	if (!err)
		step_done(life);
	return err;
}

/* Opened anew in between, with the WAL copied back at other times. */
static enum err
live(struct life *life)
{
	uint32_t chunk;
	enum err err;

	err = store_open(life->io, life->path, STORE_CREATE, &life->st,
	    NULL);
	if (err)
		return err;
	step_done(life);
	err = live_log(life);
	for (chunk = 0; !err && chunk < CHUNKS; chunk++) {
		if (chunk == 1) {
			store_close(&life->st);
			err = store_open(life->io, life->path, STORE_WRITE,
			    &life->st, NULL);
			if (!err)
				err = store_exec(life->st,
				    "PRAGMA wal_autocheckpoint = 8", NULL);
		}
		if (!err)
			err = live_chunk(life, chunk);
	}
	return err;
}

/* The steps whose outcome is in the file. ERR_NOTFOUND: none. */
static unsigned
steps_kept(struct store *st)
{
	struct store_log log;
	unsigned steps = 2;
	uint64_t i;
	enum err err;

	err = store_log_get(st, 1, &log, NULL, NULL, NULL);
	if (err == ERR_NOTFOUND)
		return 1;
	assert_int_equal(err, ERR_OK);
	assert_int_equal(log.size % CHUNK, 0);
	assert_int_equal(log.reserved % CHUNK, 0);
	assert_in_range(log.reserved - log.size, 0, CHUNK);
	for (i = 0; i < log.size; i++)
		if (i % 16 == 0 || i % CHUNK == CHUNK - 1)
			assert_entry(st, i, SMALL);
	steps += (unsigned)(log.size / CHUNK + log.reserved / CHUNK);
	return steps;
}

/* After the accident, with a disk that works. */
static void
assert_survived(const char *path, unsigned done)
{
	_cleanup_store_ struct store *st = NULL;
	struct diag diag = DIAG_INIT;
	unsigned kept;
	enum err err;

	err = store_open(io_posix(), path, STORE_WRITE, &st, &diag);
	if (err == ERR_NOTFOUND && done == 0) {
		assert_int_equal(store_open(io_posix(), path, STORE_CREATE,
		    &st, NULL), ERR_OK);
	} else if (err) {
		fail_msg("%u steps: %s (%s)", done, diag.what,
		    diag.internal);
	}
	assert_int_equal(store_check(st, NULL), ERR_OK);
	kept = steps_kept(st);
	if (kept != done && kept != done + 1)
		fail_msg("%u steps done, %u kept", done, kept);
	/* it goes on; no index is used again */
	begin(st);
	if (kept < 2)
		make_log(st, 1, "bulk");
	(void)reserve(st, 1, CHUNK, 1, 9);
	commit(st);
}

/* The second version of a schema: one step. */
static enum err
live_migration(struct life *life)
{
	struct migration migrations[LATER] = {
		[LATER - 1] = { .sql = "CREATE TABLE more (a);"
		    "INSERT INTO more SELECT first FROM segment" },
	};
	enum err err;

	memcpy(migrations, store_migrations, sizeof(store_migrations));
	err = store_open(life->io, life->path, STORE_WRITE, &life->st, NULL);
	if (!err)
		err = store_migrate(life->st, migrations, LATER, NULL);
	if (!err)
		step_done(life);
	return err;
}

/* Either version, whole, and with a backup once it is the new one. */
static void
assert_migrated(const char *path, unsigned done)
{
	struct life again = { .io = io_posix(), .path = path,
		.done_fd = -1 };
	_cleanup_store_ struct store *st = NULL;
	char backup[PATH_SIZE + 32];
	int64_t version, rows;

	(void)snprintf(backup, sizeof(backup), "%s" BACKUP, path);
	assert_int_equal(store_connect(io_posix(), path, STORE_WRITE, false,
	    &st, NULL), ERR_OK);
	assert_int_equal(store_query_int(st, "PRAGMA user_version", &version,
	    NULL), ERR_OK);
	assert_int_equal(store_check(st, NULL), ERR_OK);
	assert_in_range(version, LATER - 1 + done, LATER);
	store_close(&st);
	if (version < LATER) {
		assert_int_equal(live_migration(&again), ERR_OK);
		store_close(&again.st);
	}
	assert_int_equal(store_connect(io_posix(), path, STORE_WRITE, false,
	    &st, NULL), ERR_OK);
	assert_int_equal(store_query_int(st, "SELECT count(*) FROM more",
	    &rows, NULL), ERR_OK);
	assert_int_equal(rows, 2);
	store_close(&st);
	assert_int_equal(store_open(io_posix(), backup, STORE_READ, &st,
	    NULL), ERR_OK);
	assert_int_equal(store_check(st, NULL), ERR_OK);
	assert_entry(st, CHUNK - 1, SMALL);
}

static unsigned
count_octets(int fd)
{
	unsigned count = 0;
	char c;

	while (read(fd, &c, 1) == 1)
		count++;
	return count;
}

/* Live in a child on a disk of that plan; returns the steps it saw done. */
static unsigned
run_child(const char *path, const struct io_fault_plan *plan,
    enum err (*lives)(struct life *), bool dies)
{
	struct life life = { .path = path };
	int ends[2], status;
	unsigned done;
	enum err err;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(ends[0]);
		life.io = io_fault_new(plan);
		life.done_fd = ends[1];
		err = lives(&life);
		store_close(&life.st);
		_exit(err ? 1 : 0);
	}
	(void)close(ends[1]);
	done = count_octets(ends[0]);
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (dies)
		assert_true(WIFSIGNALED(status) &&
		    WTERMSIG(status) == SIGKILL);
	else
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	return done;
}

static void
remove_all(struct world *w)
{
	static const char *const suffixes[] = { "", "-wal", "-shm",
		"-journal", ".tmp", ".tmp-wal", ".tmp-shm", ".tmp-journal",
		BACKUP, BACKUP ".tmp",
		BACKUP ".tmp-journal", BACKUP "-wal",
		BACKUP "-shm", GOLDEN_BACKUP, GOLDEN_BACKUP ".tmp",
		GOLDEN_BACKUP ".tmp-journal" };
	char name[PATH_SIZE + 32];
	size_t i;

	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", w->path,
		    suffixes[i]);
		(void)unlink(name);
	}
}

/* The life without faults: how many operations it is. */
static unsigned long
count_operations(struct world *w)
{
	struct io_fault_plan plan = { .kind = IO_FAULT_NONE };
	struct life life = { .path = w->path, .done_fd = -1 };
	unsigned long count;
	struct io *io;

	remove_all(w);
	io = io_fault_new(&plan);
	life.io = io;
	assert_int_equal(live(&life), ERR_OK);
	store_close(&life.st);
	assert_int_equal(life.steps, STEPS);
	count = io_fault_count(io);
	io_fault_free(io);
	return count;
}

static int
start(void **state)
{
	struct world *w;

	if (set_up(state) != 0)
		return -1;
	w = *state;
	store_close(&w->st);
	return 0;
}

static int
finish(void **state)
{
	struct world *w = *state;

	remove_all(w);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

static const struct {
	enum io_fault_kind	 kind;
	uint64_t		 seed;
	bool			 dies;
} accidents[] = {
	{ IO_FAULT_POWER_CUT, 0, true },
	{ IO_FAULT_POWER_CUT, 1, true },
	{ IO_FAULT_POWER_CUT, 2, true },
	{ IO_FAULT_POWER_CUT, 3, true },
	{ IO_FAULT_KILL, 0, true },
	{ IO_FAULT_KILL_AFTER, 0, true },
	{ IO_FAULT_ENOSPC, 0, false },
	{ IO_FAULT_ENOSPC_ONCE, 0, false },
	{ IO_FAULT_EIO, 0, false },
	{ IO_FAULT_SYNC, 0, false },
	{ IO_FAULT_SHORT, 0, false },
};

/* A sample of operations, or with TORTURE in the environment every one. */
static unsigned long
stride(void)
{
	const char *text = getenv("TORTURE");

	return text != NULL && text[0] != '\0' ? 1 : 23;
}

static void
test_accidents(void **state)
{
	struct world *w = *state;
	struct io_fault_plan plan;
	unsigned long total, at, step = stride();
	unsigned done;
	size_t i;

	total = count_operations(w);
	assert_in_range(total, 50, 5000);
	for (i = 0; i < sizeof(accidents) / sizeof(accidents[0]); i++) {
		/* another sample each */
		for (at = 1 + i % step; at <= total; at += step) {
			plan = (struct io_fault_plan){
				.kind = accidents[i].kind, .at = at,
				.seed = accidents[i].seed,
			};
			remove_all(w);
			done = run_child(w->path, &plan, live,
			    accidents[i].dies);
			assert_survived(w->path, done);
		}
	}
}

/* A registry of version 1 with one chunk. */
static void
make_old(struct world *w)
{
	remove_all(w);
	assert_int_equal(store_open(io_posix(), w->path, STORE_CREATE,
	    &w->st, NULL), ERR_OK);
	begin(w->st);
	make_log(w->st, 1, "bulk");
	commit(w->st);
	assert_int_equal(commit_chunk(w->st, CHUNK, SMALL), ERR_OK);
	store_close(&w->st);
}

/* A way from one schema to the next: what is there, what is done, and what
 * must hold after an accident. */
struct way {
	void		(*make)(struct world *);
	enum err	(*lives)(struct life *);
	void		(*check)(const char *path, unsigned done);
};

static void
way_accidents(struct world *w, const struct way *way)
{
	struct io_fault_plan plan = { .kind = IO_FAULT_NONE };
	struct life life = { .path = w->path, .done_fd = -1 };
	unsigned long total, at, step = stride();
	unsigned done;
	struct io *io;
	size_t i;

	way->make(w);
	io = io_fault_new(&plan);
	life.io = io;
	assert_int_equal(way->lives(&life), ERR_OK);
	store_close(&life.st);
	total = io_fault_count(io);
	io_fault_free(io);
	assert_in_range(total, 10, 1000);
	for (i = 0; i < sizeof(accidents) / sizeof(accidents[0]); i++) {
		for (at = 1 + i % step; at <= total; at += step) {
			plan = (struct io_fault_plan){
				.kind = accidents[i].kind, .at = at,
				.seed = accidents[i].seed,
			};
			way->make(w);
			done = run_child(w->path, &plan, way->lives,
			    accidents[i].dies);
			way->check(w->path, done);
		}
	}
}

static void
test_migration_accidents(void **state)
{
	way_accidents(*state, &(struct way){ make_old, live_migration,
	    assert_migrated });
}

/* A registry that a program of schema 1 wrote. */
static void
make_golden(struct world *w)
{
	remove_all(w);
	assert_int_equal(file_copy(io_posix(), GOLDEN, w->path, 0600, NULL),
	    ERR_OK);
}

/* Opening it for writing is what brings it up to date. */
static enum err
live_golden(struct life *life)
{
	enum err err;

	err = store_open(life->io, life->path, STORE_WRITE, &life->st, NULL);
	if (!err)
		step_done(life);
	return err;
}

static void
assert_count(struct store *st, const char *sql, int64_t wanted)
{
	int64_t found = -1;

	assert_int_equal(store_query_int(st, sql, &found, NULL), ERR_OK);
	assert_int_equal(found, wanted);
}

static void
assert_golden_rows(struct store *st, int64_t version)
{
	/* the rest of the check is for tables of the present schema */
	if (version == STORE_SCHEMA_VERSION)
		assert_int_equal(store_check(st, NULL), ERR_OK);
	assert_count(st, "SELECT count(*) FROM pragma_integrity_check "
	    "WHERE integrity_check <> 'ok'", 0);
	assert_count(st, "PRAGMA user_version", version);
	assert_count(st, "SELECT count(*) FROM orders", 5);
	assert_count(st, "SELECT sum(committed) FROM orders", 36);
	assert_count(st, "SELECT sum(length(leaves)) FROM segment", 36 * 32);
	assert_count(st, "SELECT count(*) FROM range WHERE state = 1", 3);
	assert_count(st, "SELECT count(*) FROM log",
	    version == 1 ? 2 : 3);
}

/* One version or the other, whole; the backup is that of schema 1. */
static void
assert_golden(const char *path, unsigned done)
{
	_cleanup_store_ struct store *st = NULL;
	char backup[PATH_SIZE + 32];
	int64_t version;

	assert_int_equal(store_connect(io_posix(), path, STORE_WRITE, false,
	    &st, NULL), ERR_OK);
	assert_int_equal(store_query_int(st, "PRAGMA user_version", &version,
	    NULL), ERR_OK);
	assert_true(version == STORE_SCHEMA_VERSION ||
	    (version == 1 && done == 0));
	assert_golden_rows(st, version);
	store_close(&st);
	assert_int_equal(store_open(io_posix(), path, STORE_WRITE, &st,
	    NULL), ERR_OK);
	assert_golden_rows(st, STORE_SCHEMA_VERSION);
	store_close(&st);
	(void)snprintf(backup, sizeof(backup), "%s" GOLDEN_BACKUP, path);
	assert_int_equal(store_connect(io_posix(), backup, STORE_READ, true,
	    &st, NULL), ERR_OK);
	assert_golden_rows(st, 1);
}

static void
test_golden_accidents(void **state)
{
	way_accidents(*state, &(struct way){ make_golden, live_golden,
	    assert_golden });
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_accidents, start,
		    finish),
		cmocka_unit_test_setup_teardown(test_migration_accidents,
		    start, finish),
		cmocka_unit_test_setup_teardown(test_golden_accidents,
		    start, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
