/* Handing packages out. */
#include "station/test_bench.h"

/* Each plug-in writes down what it got. */
static const char deliver[] =
    "cat > package.$IMPRINT_SEQUENCE && echo $IMPRINT_INDEX >> handed &&"
    " test $IMPRINT_PACK = 01000000000000000000000000000000";

static void
every_package_is_handed_out_once(void **state)
{
	static const unsigned jobs[] = { 1, 4, STATION_JOBS_MAX };
	struct bench *b = *state;
	struct station_injected done;
	unsigned times[PACKAGES];
	struct counts c;
	size_t j, i;

	for (j = 0; j < COUNT(jobs); j++) {
		import_good();
		assert_int_equal(inject(io_posix(), deliver, 4, jobs[j],
		    &done, NULL), ERR_OK);
		assert_int_equal(done.out, 4);
		assert_int_equal(done.injected, 4);
		assert_int_equal(inject(io_posix(), deliver, UINT64_MAX,
		    jobs[j], &done, NULL), ERR_OK);
		assert_int_equal(done.injected, PACKAGES - 4);
		assert_int_equal(inject(io_posix(), deliver, 1, jobs[j],
		    &done, NULL), ERR_OK);
		assert_int_equal(done.out, 0);
		c = counts_look();
		assert_int_equal(c.injected, PACKAGES);
		assert_int_equal(c.failed + c.unknown, 0);
		handed_read(times);
		for (i = 0; i < PACKAGES; i++)
			assert_int_equal(times[i], 1);
		bench_renew(b);
	}
}

static void
a_plugin_gets_its_package_whole(void **state)
{
	_cleanup_buf_ struct buf package = BUF_INIT;
	struct station_injected done;
	struct cbor c;

	(void)state;
	import_good();
	assert_int_equal(inject(io_posix(), deliver, 1, 1, &done, NULL),
	    ERR_OK);
	assert_int_equal(io_read_file(io_posix(), "package.1", &package,
	    NULL), ERR_OK);
	cbor_open(&c, buf_bytes(&package));
	cbor_get_array_sized(&c, 5);
	assert_true(bytes_equal(cbor_get_tstr(&c),
	    bytes_text(PACKAGE_MAGIC)));
	assert_int_equal(cbor_get_uint(&c), PACKAGE_VERSION);
	assert_true(bytes_equal(cbor_get_bstr(&c),
	    bytes_text("document 70000")));
	assert_true(cbor_ok(&c));
}

static void
a_failed_package_is_not_handed_out_again(void **state)
{
	struct station_injected done;
	unsigned times[PACKAGES];
	struct counts c;
	size_t i;

	(void)state;
	import_good();
	assert_int_equal(inject(io_posix(),
	    "echo $IMPRINT_INDEX >> handed; exit 3", 2, 1, &done, NULL),
	    ERR_OK);
	assert_int_equal(done.failed, 2);
	assert_int_equal(inject(io_posix(),
	    "echo $IMPRINT_INDEX >> handed; kill -9 $$", 2, 2, &done, NULL),
	    ERR_OK);
	assert_int_equal(done.failed, 2);
	assert_int_equal(inject(io_posix(), deliver, UINT64_MAX, 1, &done,
	    NULL), ERR_OK);
	c = counts_look();
	assert_int_equal(c.failed, 4);
	assert_int_equal(c.injected, PACKAGES - 4);
	handed_read(times);
	for (i = 0; i < PACKAGES; i++)
		assert_int_equal(times[i], 1);
}

/* Gone, or a zombie that init has not yet taken. */
static bool
is_dead(int pid)
{
	char path[64], text[256] = "";
	FILE *f;

	if (kill(pid, 0) != 0)
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f == NULL || fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	if (f != NULL)
		(void)fclose(f);
	return strstr(text, ") Z ") != NULL;
}

/* With all it started: the time-out is for its process group. */
static void
a_plugin_out_of_time_is_killed(void **state)
{
	struct station_injected done;
	FILE *f;
	int pid = 0, i;

	(void)state;
	import_good();
	assert_int_equal(inject(io_posix(),
	    "sleep 600 & echo $! > pid; wait", 1, 1, &done, NULL), ERR_OK);
	assert_int_equal(done.failed, 1);
	assert_int_equal(done.timed_out, 1);
	f = fopen("pid", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	(void)fclose(f);
	for (i = 0; i < 1000 && !is_dead(pid); i++)
		(void)usleep(10000);
	assert_true(is_dead(pid));
	assert_int_equal(counts_look().failed, 1);
}

static void
a_command_that_cannot_run_wastes_one_package(void **state)
{
	struct station_injected done;
	struct diag diag = DIAG_INIT;

	(void)state;
	import_good();
	assert_int_equal(inject(io_posix(), "/no/such/plugin", UINT64_MAX, 2,
	    &done, &diag), ERR_INVALID);
	assert_int_equal(done.out, 1);
	assert_non_null(strstr(diag.what, "/no/such/plugin"));
	assert_int_equal(counts_look().failed, done.out);
}

/* Exit status 0 is not enough: whoever did not read it has not got it. */
static void
a_plugin_must_read_its_package(void **state)
{
	static const char *const commands[] = {
		"exec <&-; exit 0", "exit 0", "head -c 10 >/dev/null"
	};
	struct station_injected done;
	size_t i;

	(void)state;
	import_good();
	for (i = 0; i < COUNT(commands); i++) {
		assert_int_equal(inject(io_posix(), commands[i], 1, 1, &done,
		    NULL), ERR_OK);
		assert_int_equal(done.injected, 0);
		assert_int_equal(done.failed, 1);
		assert_int_equal(done.unread, 1);
	}
	assert_int_equal(counts_look().failed, COUNT(commands));
}

static enum err
inject_on(const char *command, unsigned jobs, bool keep_going,
    struct station_injected *done)
{
	_cleanup_station_ struct station s = STATION_INIT;
	char *const environment[] = { NULL };
	const struct station_inject plan = {
		.badge = "", .mes_order = "",
		.command = command, .environment = environment,
		.count = UINT64_MAX, .jobs = jobs, .timeout_s = 10,
		.keep_going = keep_going
	};

	assert_int_equal(station_open(io_posix(), "home", STATION_WORK, &s,
	    NULL), ERR_OK);
	return station_inject(&s, &plan, done, NULL);
}

static void
a_plugin_that_always_fails_costs_three(void **state)
{
	static const char fails[] = "cat >/dev/null; false";
	struct bench *b = *state;
	struct station_injected done;

	import_good();
	assert_int_equal(inject_on(fails, 4, false, &done), ERR_OK);
	assert_true(done.gave_up);
	assert_int_equal(done.out, 3);
	assert_int_equal(counts_look().failed, 3);
	bench_renew(b);
	import_good();
	assert_int_equal(inject_on(fails, 4, true, &done), ERR_OK);
	assert_false(done.gave_up);
	assert_int_equal(done.failed, PACKAGES);
	bench_renew(b);
	import_good();
	/* two in a row are not three */
	assert_int_equal(inject_on("cat >/dev/null;"
	    " test $((IMPRINT_SEQUENCE % 3)) = 0", 1, false, &done), ERR_OK);
	assert_false(done.gave_up);
	assert_int_equal(done.failed, 4);
	assert_int_equal(done.injected, 2);
}

/* The head of the stored pack's second chunk. */
static void
stored_damage(void)
{
	_cleanup_buf_ struct buf pack = BUF_INIT;
	uint8_t *first, *second;

	assert_int_equal(io_read_file(io_posix(), stored, &pack, NULL),
	    ERR_OK);
	first = memmem(pack.ptr, pack.len, "CHNK", 4);
	assert_non_null(first);
	second = memmem(first + 4, pack.len - (size_t)(first + 4 - pack.ptr),
	    "CHNK", 4);
	assert_non_null(second);
	second[7] ^= 1;
	assert_int_equal(io_write_file(io_posix(), stored, buf_bytes(&pack),
	    0600, NULL), ERR_OK);
}

/* A bad package does not burn the good ones in front of it, and the pack is
 * mended from its original. */
static void
a_damaged_pack_burns_nothing_and_is_repaired(void **state)
{
	struct diag diag = DIAG_INIT;
	struct station_injected done;
	enum station_import result;
	unsigned times[PACKAGES];
	struct counts c;
	size_t i;

	(void)state;
	import_good();
	stored_damage();
	assert_int_equal(inject(io_posix(), deliver, UINT64_MAX, 4, &done,
	    &diag), ERR_CORRUPT);
	assert_non_null(strstr(diag.hint, "from the original"));
	assert_int_equal(done.out, PACKAGES / 2);
	assert_int_equal(done.injected, PACKAGES / 2);
	c = counts_look();
	assert_int_equal(c.injected, PACKAGES / 2);
	assert_int_equal(c.unknown + c.failed, 0);
	assert_int_equal(import(io_posix(), "in.pack", &result, NULL),
	    ERR_OK);
	assert_int_equal(result, STATION_REPAIRED);
	assert_int_equal(import(io_posix(), "in.pack", &result, NULL),
	    ERR_OK);
	assert_int_equal(result, STATION_IMPORTED_BEFORE);
	assert_int_equal(inject(io_posix(), deliver, UINT64_MAX, 4, &done,
	    NULL), ERR_OK);
	assert_int_equal(done.injected, PACKAGES / 2);
	handed_read(times);
	for (i = 0; i < PACKAGES; i++)
		assert_int_equal(times[i], 1);
}

static bool
stop_at_two(void *ctx)
{
	unsigned *asked = ctx;

	return ++*asked > 2;
}

static void
stop_ends_after_what_is_running(void **state)
{
	_cleanup_station_ struct station s = STATION_INIT;
	char *const environment[] = { NULL };
	unsigned asked = 0;
	const struct station_inject plan = {
		.badge = "", .mes_order = "",
		.command = "while read -r l; do :; done",
		.environment = environment,
		.count = UINT64_MAX, .jobs = 1, .timeout_s = 10,
		.stop = stop_at_two, .ctx = &asked
	};
	struct station_injected done;

	(void)state;
	import_good();
	assert_int_equal(station_open(io_posix(), "home", STATION_WORK, &s,
	    NULL), ERR_OK);
	assert_int_equal(station_inject(&s, &plan, &done, NULL), ERR_OK);
	assert_true(done.stopped);
	assert_true(done.out < PACKAGES);
	assert_int_equal(done.injected, done.out);
}

struct inject_run {
	unsigned	jobs;
};

static enum err
inject_run(const struct io *io, void *ctx)
{
	const struct inject_run *run = ctx;
	struct station_injected done;

	return inject(io, deliver, UINT64_MAX, run->jobs, &done, NULL);
}

/*
 * The one that matters: broken off at any operation, by kill or power cut,
 * and run again to the end, no package has reached a plug-in twice, and what
 * did is in the ledger.
 */
static void
no_package_twice_whatever_happens(void **state)
{
	struct bench *b = *state;
	struct inject_run run = { .jobs = 1 };
	struct io_fault_plan plan;
	unsigned times[PACKAGES];
	struct counts c;
	size_t i, n, handed;

	for (i = 0; i < COUNT(plans); i++) {
		plan = plans[i];
		for (plan.at = 1; plan.at < STEPS_MAX; plan.at++) {
			bool killed;

			import_good();
			killed = killed_at(&plan, inject_run, &run);
			handed_read(times);
			for (n = handed = 0; n < PACKAGES; n++)
				handed += times[n];
			c = counts_look();
			assert_in_range(handed, 0,
			    c.injected + c.failed + c.unknown);
			assert_int_equal(inject_run(io_posix(), &run),
			    ERR_OK);
			handed_read(times);
			for (n = 0; n < PACKAGES; n++)
				assert_in_range(times[n], 0, 1);
			c = counts_look();
			assert_int_equal(c.injected + c.unknown, PACKAGES);
			assert_in_range(c.unknown, 0, 1);
			bench_renew(b);
			if (!killed)
				break;
		}
		assert_in_range(plan.at, 2 * PACKAGES, STEPS_MAX - 1);
	}
}

/* A disk that fails: nothing leaves that is not on it. */
static void
nothing_leaves_without_its_record(void **state)
{
	static const enum io_fault_kind kinds[] = {
		IO_FAULT_ENOSPC, IO_FAULT_EIO, IO_FAULT_SYNC
	};
	struct io_fault_plan plan;
	struct station_injected done;
	unsigned times[PACKAGES];
	size_t i, n, handed;
	struct counts c;
	struct io *io;

	(void)state;
	import_good();
	for (i = 0; i < COUNT(kinds); i++) {
		plan = (struct io_fault_plan){ .kind = kinds[i], .at = 4 };
		io = io_fault_new(&plan);
		assert_int_not_equal(inject(io, deliver, 2, 1, &done, NULL),
		    ERR_OK);
		io_fault_free(io);
		handed_read(times);
		for (n = handed = 0; n < PACKAGES; n++) {
			assert_in_range(times[n], 0, 1);
			handed += times[n];
		}
		c = counts_look();
		assert_in_range(handed, i + 1,
		    c.injected + c.failed + c.unknown);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_new, bench_free)
	const struct CMUnitTest tests[] = {
		TEST(every_package_is_handed_out_once),
		TEST(a_plugin_gets_its_package_whole),
		TEST(a_failed_package_is_not_handed_out_again),
		TEST(a_plugin_out_of_time_is_killed),
		TEST(a_command_that_cannot_run_wastes_one_package),
		TEST(a_plugin_must_read_its_package),
		TEST(a_plugin_that_always_fails_costs_three),
		TEST(a_damaged_pack_burns_nothing_and_is_repaired),
		TEST(stop_ends_after_what_is_running),
		TEST(no_package_twice_whatever_happens),
		TEST(nothing_leaves_without_its_record)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
