/* Where the station's tests happen: a directory with a station and a pack, a
 * faulty disk, and what has come of it. */
#ifndef IMPRINT_STATION_TEST_BENCH_H
#define IMPRINT_STATION_TEST_BENCH_H

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "station/station.h"
#include "station/test_world.h"
#include "tests/support/io_fault.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define NOW		INT64_C(1790000000)
#define FIRST		UINT64_C(70000)
#define PACKAGES	6
#define STEPS_MAX	400	/* more operations than any run takes */

struct bench {
	char				 dir[32];
	struct world			 world;
	struct station_statement	 statement;
};

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int
remove_all(const char *path)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A directory of its own, with a station "home" and a pack "in.pack". */
static inline int
bench_new(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -1;
	(void)signal(SIGPIPE, SIG_IGN);
	memcpy(b->dir, "/tmp/test-station-XXXXXX", 25);
	if (mkdtemp(b->dir) == NULL || chdir(b->dir) != 0)
		return -1;
	world_new(&b->world);
	if (station_init(io_posix(), "home", "line-1",
	    buf_bytes(&b->world.pem), NOW, &b->statement, NULL) != ERR_OK)
		return -1;
	world_pack(&b->world, &b->statement, 1, FIRST, PACKAGES, "in.pack");
	*state = b;
	return 0;
}

static inline int
bench_free(void **state)
{
	struct bench *b = *state;
	int result;

	world_free(&b->world);
	result = chdir("/");
	if (result == 0)
		result = remove_all(b->dir);
	free(b);
	return result;
}

static inline enum err
import(const struct io *io, const char *path, enum station_import *ret_import,
    struct diag *diag)
{
	_cleanup_station_ struct station s = STATION_INIT;
	const struct station_pack *pack = NULL;
	enum err err;

	err = station_open(io, "home", STATION_WORK, &s, diag);
	if (!err)
		err = station_import(&s, path, NOW, NULL, NULL, ret_import,
		    &pack, diag);
	return err;
}

static inline void
import_good(void)
{
	enum station_import import_result;

	assert_int_equal(import(io_posix(), "in.pack", &import_result, NULL),
	    ERR_OK);
	assert_int_equal(import_result, STATION_IMPORTED);
}

static inline enum err
inject(const struct io *io, const char *command, uint64_t count,
    unsigned jobs, struct station_injected *done, struct diag *diag)
{
	_cleanup_station_ struct station s = STATION_INIT;
	char path[] = "PATH=/usr/bin:/bin", foreign[] = "IMPRINT_INDEX=9";
	char *const environment[] = { path, foreign, NULL };
	const struct station_inject plan = {
		.command = command, .environment = environment,
		.badge = "", .mes_order = "",
		.count = count, .jobs = jobs, .timeout_s = 2
	};
	enum err err;

	*done = (struct station_injected){ 0 };
	err = station_open(io, "home", STATION_WORK, &s, diag);
	if (!err)
		err = station_inject(&s, &plan, done, diag);
	return err;
}

struct counts {
	uint64_t	count, injected, failed, unknown;
};

static inline struct counts
counts_look(void)
{
	_cleanup_station_ struct station s = STATION_INIT;
	struct counts c = { 0 };
	struct diag diag = DIAG_INIT;

	if (station_open(io_posix(), "home", STATION_LOOK, &s, &diag) !=
	    ERR_OK)
		fail_msg("%s", diag.what);
	if (s.pack_count > 0) {
		c.count = s.packs[0].count;
		c.injected = s.packs[0].injected;
		c.failed = s.packs[0].failed;
		c.unknown = s.packs[0].unknown;
	}
	return c;
}

/* How often each index stands in the file "handed", one to a line. */
static inline void
handed_read(unsigned times[PACKAGES])
{
	FILE *f = fopen("handed", "r");
	unsigned long long index;

	memset(times, 0, PACKAGES * sizeof(times[0]));
	if (f == NULL)
		return;
	while (fscanf(f, "%llu", &index) == 1) {
		assert_in_range(index, FIRST, FIRST + PACKAGES - 1);
		times[index - FIRST]++;
	}
	(void)fclose(f);
}

static inline void
mode_is(const char *path, mode_t mode)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, mode);
}

/* A fresh station in the place of the old one, and its pack. */
static inline void
bench_renew(struct bench *b)
{
	(void)remove("handed");
	assert_int_equal(remove_all("home"), 0);
	assert_int_equal(station_init(io_posix(), "home", "line-1",
	    buf_bytes(&b->world.pem), NOW, &b->statement, NULL), ERR_OK);
	world_pack(&b->world, &b->statement, 1, FIRST, PACKAGES, "in.pack");
}

/* In a child on a faulty disk; true when the fault ended it. */
static inline bool
killed_at(const struct io_fault_plan *plan,
    enum err (*run)(const struct io *, void *ctx), void *ctx)
{
	int status;
	pid_t pid;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run(io_fault_new(plan), ctx) == ERR_OK ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status);
}

static const struct io_fault_plan plans[] = {
	{ .kind = IO_FAULT_KILL },
	{ .kind = IO_FAULT_POWER_CUT, .seed = 0 },
	{ .kind = IO_FAULT_POWER_CUT, .seed = 7 }
};

static const char stored[] =
    "home/packs/01000000000000000000000000000000.pack";

#endif
