/* Packs that another process leaves for a station that serves. */
#include <errno.h>
#include <time.h>

#include "station/test_bench.h"

#define WAITING	"home/incoming/01000000000000000000000000000000.pack"
#define ANSWER	"home/incoming/01000000000000000000000000000000.answer"

/* A disk that looks, at each sync of the ledger, whether somebody has been
 * told already; or fails there. */
struct looking {
	struct io	 io;
	unsigned	 synced, told_before;
	bool		 fails;
};

static int
looking_sync(void *state, int fd)
{
	struct looking *look = state;
	struct stat of, ledger;

	if (fstat(fd, &of) == 0 && stat("home/ledger", &ledger) == 0 &&
	    of.st_ino == ledger.st_ino) {
		look->synced++;
		look->told_before += access(ANSWER, F_OK) == 0;
		if (look->fails) {
			errno = EIO;
			return -1;
		}
	}
	return fdatasync(fd);
}

static struct looking
looking_new(void)
{
	struct looking look = { .io = *io_posix() };

	look.io.fdatasync = looking_sync;
	return look;
}

static char
answer_first(void)
{
	FILE *f = fopen(ANSWER, "r");
	int c;

	assert_non_null(f);
	c = fgetc(f);
	(void)fclose(f);
	return (char)c;
}

/* A station at work, and a pack that waits for it. */
static void
waiting_for_it(struct looking *look, struct station *s)
{
	look->io.state = look;
	assert_int_equal(station_open(&look->io, "home", STATION_WORK, s,
	    NULL), ERR_OK);
	assert_int_equal(station_serving(s, NULL), ERR_OK);
	assert_int_equal(rename("in.pack", WAITING), 0);
}

static void
it_is_said_when_it_is_durable(void **state)
{
	_cleanup_station_ struct station s = STATION_INIT;
	struct looking look = looking_new();

	(void)state;
	waiting_for_it(&look, &s);
	look.synced = 0;
	assert_int_equal(station_take(&s, NOW, NULL), ERR_OK);
	assert_in_range(look.synced, 1, 2);
	assert_int_equal(look.told_before, 0);
	assert_int_equal(answer_first(), '0');
	assert_int_equal(counts_look().count, PACKAGES);
}

static void
what_is_not_durable_is_not_said_to_be(void **state)
{
	_cleanup_station_ struct station s = STATION_INIT;
	struct looking look = looking_new();

	(void)state;
	waiting_for_it(&look, &s);
	assert_int_equal(ledger_room(s.ledger, NULL), ERR_OK);
	look.fails = true;
	assert_int_equal(station_take(&s, NOW, NULL), ERR_OK);
	assert_int_not_equal(answer_first(), '0');
}

/* Until the disk ends it, or it has said something. */
static enum err
serve_run(const struct io *io, void *ctx)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	_cleanup_station_ struct station s = STATION_INIT;
	const int *ready = ctx;
	unsigned i;
	enum err err;

	err = station_open(io, "home", STATION_WORK, &s, NULL);
	if (!err)
		err = station_serving(&s, NULL);
	if (write(*ready, "", 1) != 1)
		return ERR_IO;
	for (i = 0; i < 10000 && !err && s.pack_count == 0; i++) {
		err = station_take(&s, NOW, NULL);
		(void)nanosleep(&pause, NULL);
	}
	/* who waits must not take its end for a failure */
	while (i < 10000 && access(ANSWER, F_OK) == 0)
		(void)nanosleep(&pause, NULL);
	return err;
}

/* Leave the pack to a child that serves on a faulty disk; ret_killed: that
 * was ended by it. */
static enum err
left_at(const struct io_fault_plan *plan, bool *ret_killed)
{
	struct station_left left = { .count = 0 };
	int ready[2], status;
	enum err err;
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(serve_run(io_fault_new(plan), &ready[1]) == ERR_OK ? 0 :
		    1);
	(void)close(ready[1]);
	(void)!read(ready[0], &c, 1);
	(void)close(ready[0]);
	err = station_leave(io_posix(), "home", "in.pack", NULL, NULL, &left,
	    NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*ret_killed = WIFSIGNALED(status);
	return err;
}

/* At any step: what was said to be taken in is there after it, and what was
 * not can be imported again. */
static void
killed_at_any_step(void **state)
{
	struct bench *b = *state;
	unsigned taken = 0, lost = 0;
	struct io_fault_plan plan;
	enum station_import result;
	bool killed = true;
	enum err err;
	size_t i;

	for (i = 0; i < COUNT(plans); i++) {
		plan = plans[i];
		killed = true;
		for (plan.at = 1; killed && plan.at < STEPS_MAX; plan.at++) {
			err = left_at(&plan, &killed);
			assert_true(err == ERR_OK || err == ERR_BUSY);
			taken += err == ERR_OK;
			lost += err != ERR_OK;
			if (err == ERR_OK)
				assert_int_equal(counts_look().count,
				    PACKAGES);
			assert_int_equal(import(io_posix(), "in.pack",
			    &result, NULL), ERR_OK);
			assert_true(err != ERR_OK ||
			    result == STATION_IMPORTED_BEFORE);
			assert_int_equal(counts_look().count, PACKAGES);
			bench_renew(b);
		}
		assert_false(killed);
	}
	assert_true(taken >= COUNT(plans));
	assert_true(lost > COUNT(plans));
}

static void
nobody_serves(void **state)
{
	struct station_left left = { .count = 0 };

	(void)state;
	assert_int_equal(station_leave(io_posix(), "home", "in.pack", NULL,
	    NULL, &left, NULL), ERR_BUSY);
	assert_int_equal(counts_look().count, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_new, bench_free)
	const struct CMUnitTest tests[] = {
		TEST(it_is_said_when_it_is_durable),
		TEST(what_is_not_durable_is_not_said_to_be),
		TEST(killed_at_any_step),
		TEST(nobody_serves)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
