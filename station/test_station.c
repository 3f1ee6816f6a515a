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

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
remove_all(const char *path)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A directory of its own, with a station "home" and a pack "in.pack". */
static int
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

static int
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

static enum err
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

static void
import_good(void)
{
	enum station_import import_result;

	assert_int_equal(import(io_posix(), "in.pack", &import_result, NULL),
	    ERR_OK);
	assert_int_equal(import_result, STATION_IMPORTED);
}

static enum err
inject(const struct io *io, const char *command, uint64_t count,
    unsigned jobs, struct station_injected *done, struct diag *diag)
{
	_cleanup_station_ struct station s = STATION_INIT;
	char path[] = "PATH=/usr/bin:/bin", foreign[] = "IMPRINT_INDEX=9";
	char *const environment[] = { path, foreign, NULL };
	const struct station_inject plan = {
		.command = command, .environment = environment,
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

static struct counts
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
static void
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

static void
mode_is(const char *path, mode_t mode)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, mode);
}

static void
a_station_has_keys_and_a_statement(void **state)
{
	const struct bench *b = *state;
	_cleanup_station_ struct station s = STATION_INIT;
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	struct station_statement statement;

	mode_is("home", 0700);
	mode_is("home/packs", 0700);
	mode_is("home/station.keys", 0600);
	mode_is("home/ledger", 0600);
	assert_int_equal(io_read_file(io_posix(), "home/line-1.station",
	    &encoded, NULL), ERR_OK);
	assert_int_equal(station_statement_parse(buf_bytes(&encoded),
	    &statement, NULL), ERR_OK);
	assert_string_equal(statement.name, "line-1");
	assert_memory_equal(statement.kid, b->statement.kid, SHA256_SIZE);
	assert_int_equal(statement.created, NOW);
	/* every octet of it counts */
	encoded.ptr[encoded.len / 2] ^= 1;
	assert_int_not_equal(station_statement_parse(buf_bytes(&encoded),
	    &statement, NULL), ERR_OK);
	assert_int_equal(station_open(io_posix(), "home", STATION_WORK, &s,
	    NULL), ERR_OK);
	assert_int_equal(s.sealing.len, KEY_PRIVATE_SIZE);
	assert_int_equal(s.signer_count, 1);
}

static void
a_second_init_is_refused(void **state)
{
	struct bench *b = *state;
	struct station_statement statement;
	struct counts before, after;

	import_good();
	before = counts_look();
	assert_int_equal(station_init(io_posix(), "home", "line-2",
	    buf_bytes(&b->world.pem), NOW, &statement, NULL), ERR_EXISTS);
	after = counts_look();
	assert_memory_equal(&before, &after, sizeof(before));
}

static void
statement_look(struct station_statement *ret_statement)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT;

	assert_int_equal(io_read_file(io_posix(), "home/line-1.station",
	    &encoded, NULL), ERR_OK);
	assert_int_equal(station_statement_parse(buf_bytes(&encoded),
	    ret_statement, NULL), ERR_OK);
}

static void
a_lost_statement_is_made_of_the_keys(void **state)
{
	static const struct {
		const char	*name;
		enum err	 err;
	} rows[] = {
		{ NULL, ERR_OK },		/* opened for work */
		{ "line-1", ERR_OK },		/* init again */
		{ "line-2", ERR_EXISTS }
	};
	struct bench *b = *state;
	struct station_statement statement;
	size_t i;
	enum err err;

	for (i = 0; i < COUNT(rows); i++) {
		_cleanup_station_ struct station s = STATION_INIT;

		assert_int_equal(unlink("home/line-1.station"), 0);
		err = rows[i].name == NULL ? station_open(io_posix(), "home",
		    STATION_WORK, &s, NULL) : station_init(io_posix(), "home",
		    rows[i].name, buf_bytes(&b->world.pem), NOW + 1,
		    &statement, NULL);
		assert_int_equal(err, rows[i].err);
		statement_look(&statement);
		assert_memory_equal(statement.kid, b->statement.kid,
		    SHA256_SIZE);
		assert_int_equal(statement.created, NOW);
	}
	assert_false(io_exists(io_posix(), "home/line-2.station"));
}

/* Of a run of another name, broken off before its keys. */
static void
statements_without_keys_are_cleared(void **state)
{
	struct bench *b = *state;
	struct station_statement statement;

	assert_int_equal(mkdir("new", 0700), 0);
	assert_int_equal(io_write_file(io_posix(), "new/old.station",
	    bytes_text("x"), 0600, NULL), ERR_OK);
	assert_int_equal(io_write_file(io_posix(), "new/ledger",
	    bytes_text("x"), 0600, NULL), ERR_OK);
	assert_int_equal(mkdir("other", 0700), 0);
	assert_int_equal(io_write_file(io_posix(), "other/old.station",
	    bytes_text("x"), 0600, NULL), ERR_OK);
	assert_int_equal(station_init(io_posix(), "new", "line-9",
	    buf_bytes(&b->world.pem), NOW, &statement, NULL), ERR_OK);
	assert_false(io_exists(io_posix(), "new/old.station"));
	assert_true(io_exists(io_posix(), "new/line-9.station"));
	/* a directory that was never a station's: hands off */
	assert_int_equal(station_init(io_posix(), "other", "line-9",
	    buf_bytes(&b->world.pem), NOW, &statement, NULL), ERR_OK);
	assert_true(io_exists(io_posix(), "other/old.station"));
}

static void
init_refuses_bad_input(void **state)
{
	struct bench *b = *state;
	struct station_statement statement;
	size_t len = b->world.pem.len;

	assert_int_equal(station_init(io_posix(), "new", "Line 1",
	    buf_bytes(&b->world.pem), NOW, &statement, NULL), ERR_INVALID);
	/* the root alone signs no documents */
	len = (size_t)((const char *)memmem(b->world.pem.ptr, len,
	    "-----END", 8) - (const char *)b->world.pem.ptr) + 26;
	assert_int_equal(station_init(io_posix(), "new", "line",
	    bytes_of(b->world.pem.ptr, len), NOW, &statement, NULL),
	    ERR_AUTH);
	assert_int_not_equal(station_init(io_posix(), "new", "line",
	    bytes_text("no PEM"), NOW, &statement, NULL), ERR_OK);
	assert_false(io_exists(io_posix(), "new"));
}

/* A fresh station in the place of the old one, and its pack. */
static void
bench_renew(struct bench *b)
{
	(void)remove("handed");
	assert_int_equal(remove_all("home"), 0);
	assert_int_equal(station_init(io_posix(), "home", "line-1",
	    buf_bytes(&b->world.pem), NOW, &b->statement, NULL), ERR_OK);
	world_pack(&b->world, &b->statement, 1, FIRST, PACKAGES, "in.pack");
}

/* In a child on a faulty disk; true when the fault ended it. */
static bool
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

static enum err
init_run(const struct io *io, void *ctx)
{
	struct bench *b = ctx;
	struct station_statement statement;

	return station_init(io, "new", "line-9", buf_bytes(&b->world.pem),
	    NOW, &statement, NULL);
}

static const struct io_fault_plan plans[] = {
	{ .kind = IO_FAULT_KILL },
	{ .kind = IO_FAULT_POWER_CUT, .seed = 0 },
	{ .kind = IO_FAULT_POWER_CUT, .seed = 7 }
};

static void
init_broken_off_anywhere_can_be_repeated(void **state)
{
	struct bench *b = *state;
	struct io_fault_plan plan;
	size_t i;
	enum err err;

	for (i = 0; i < COUNT(plans); i++) {
		plan = plans[i];
		for (plan.at = 1; plan.at < STEPS_MAX; plan.at++) {
			if (!killed_at(&plan, init_run, b))
				break;
			/* never a statement whose keys do not exist */
			assert_true(!io_exists(io_posix(),
			    "new/line-9.station") || io_exists(io_posix(),
			    "new/station.keys"));
			err = init_run(io_posix(), b);
			assert_true(err == ERR_OK || err == ERR_EXISTS);
			{
				_cleanup_station_ struct station s =
				    STATION_INIT;

				assert_int_equal(station_open(io_posix(),
				    "new", STATION_WORK, &s, NULL), ERR_OK);
			}
			assert_int_equal(remove_all("new"), 0);
		}
		assert_in_range(plan.at, 10, STEPS_MAX - 1);
		assert_int_equal(remove_all("new"), 0);
	}
}

static void
only_one_process_works_at_a_time(void **state)
{
	_cleanup_station_ struct station first = STATION_INIT;
	_cleanup_station_ struct station second = STATION_INIT;
	_cleanup_station_ struct station third = STATION_INIT;

	(void)state;
	assert_int_equal(station_open(io_posix(), "home", STATION_WORK,
	    &first, NULL), ERR_OK);
	assert_int_equal(station_open(io_posix(), "home", STATION_WORK,
	    &second, NULL), ERR_BUSY);
	assert_int_equal(station_open(io_posix(), "home", STATION_LOOK,
	    &third, NULL), ERR_OK);
	assert_int_equal(third.sealing.len, 0);
}

static void
a_second_import_is_harmless(void **state)
{
	enum station_import result;
	struct station_injected done;

	(void)state;
	import_good();
	assert_int_equal(inject(io_posix(), "cat >/dev/null", 2, 1, &done,
	    NULL), ERR_OK);
	assert_int_equal(import(io_posix(), "in.pack", &result, NULL),
	    ERR_OK);
	assert_int_equal(result, STATION_IMPORTED_BEFORE);
	assert_int_equal(counts_look().injected, 2);
	/* a lost file comes back, what was handed out stays so */
	assert_int_equal(unlink("home/packs/"
	    "01000000000000000000000000000000.pack"), 0);
	assert_int_equal(inject(io_posix(), "cat >/dev/null", 2, 1, &done,
	    NULL), ERR_CORRUPT);
	assert_int_equal(done.out, 0);
	assert_int_equal(import(io_posix(), "in.pack", &result, NULL),
	    ERR_OK);
	assert_int_equal(result, STATION_IMPORTED);
	assert_int_equal(counts_look().injected, 2);
}

static void
packs_that_are_not_for_us_are_refused(void **state)
{
	struct bench *b = *state;
	struct station_statement other = b->statement;
	_cleanup_buf_ struct buf pack = BUF_INIT;
	enum station_import result;
	struct world foreign;
	size_t i;

	other.kid[0] ^= 1;
	world_pack(&b->world, &other, 2, FIRST, PACKAGES, "other.pack");
	assert_int_equal(import(io_posix(), "other.pack", &result, NULL),
	    ERR_CONFLICT);
	world_new(&foreign);
	world_pack(&foreign, &b->statement, 3, FIRST, PACKAGES,
	    "foreign.pack");
	world_free(&foreign);
	assert_int_equal(import(io_posix(), "foreign.pack", &result, NULL),
	    ERR_AUTH);
	assert_int_equal(import(io_posix(), "none.pack", &result, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(io_read_file(io_posix(), "in.pack", &pack, NULL),
	    ERR_OK);
	for (i = 0; i < pack.len; i += 41) {
		FILE *f = fopen("bad.pack", "w");

		assert_non_null(f);
		pack.ptr[i] ^= 0x10;
		assert_int_equal(fwrite(pack.ptr, 1, pack.len, f), pack.len);
		pack.ptr[i] ^= 0x10;
		assert_int_equal(fclose(f), 0);
		if (import(io_posix(), "bad.pack", &result, NULL) == ERR_OK)
			fail_msg("imported with octet %zu altered", i);
		assert_int_equal(truncate("bad.pack", (off_t)i), 0);
		assert_int_not_equal(import(io_posix(), "bad.pack", &result,
		    NULL), ERR_OK);
	}
	assert_int_equal(counts_look().count, 0);
	assert_int_equal(rmdir("home/packs"), 0);	/* nothing is left */
}

static enum err
import_run(const struct io *io, void *ctx)
{
	enum station_import result;

	(void)ctx;
	return import(io, "in.pack", &result, NULL);
}

static void
import_broken_off_anywhere_can_be_repeated(void **state)
{
	struct bench *b = *state;
	struct io_fault_plan plan;
	size_t i;

	for (i = 0; i < COUNT(plans); i++) {
		plan = plans[i];
		for (plan.at = 1; plan.at < STEPS_MAX; plan.at++) {
			if (!killed_at(&plan, import_run, NULL))
				break;
			assert_int_equal(import_run(io_posix(), NULL),
			    ERR_OK);
			assert_int_equal(counts_look().count, PACKAGES);
			bench_renew(b);
		}
		bench_renew(b);
		assert_in_range(plan.at, 6, STEPS_MAX - 1);
	}
}

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

/* With all it started: the time-out is for its process group. */
static void
a_plugin_out_of_time_is_killed(void **state)
{
	struct station_injected done;
	FILE *f;
	int pid = 0;

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
	/* gone, or a zombie that init has not yet taken */
	if (kill(pid, 0) == 0) {
		char path[64], text[256] = "";

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		f = fopen(path, "r");
		if (f != NULL) {
			assert_non_null(fgets(text, sizeof(text), f));
			(void)fclose(f);
			assert_non_null(strstr(text, ") Z "));
		}
	}
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

static const char stored[] =
    "home/packs/01000000000000000000000000000000.pack";

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

static void
what_is_no_file_is_no_pack(void **state)
{
	static const char *const paths[] = { "fifo", "home", "/dev/null" };
	struct diag diag;
	enum station_import result;
	size_t i;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	for (i = 0; i < COUNT(paths); i++) {
		diag = (struct diag)DIAG_INIT;
		assert_int_equal(import(io_posix(), paths[i], &result,
		    &diag), ERR_INVALID);
		assert_non_null(strstr(diag.what, paths[i]));
	}
	/* a part of a pack: say what to do */
	diag = (struct diag)DIAG_INIT;
	assert_int_equal(truncate("in.pack", 100), 0);
	assert_int_not_equal(import(io_posix(), "in.pack", &result, &diag),
	    ERR_OK);
	assert_true(diag.hint[0] != '\0');
}

static void
a_pack_too_many_stays_out_of_the_ledger(void **state)
{
	const struct station_pack *pack = NULL;
	enum station_import result;

	(void)state;
	{
		_cleanup_station_ struct station s = STATION_INIT;

		assert_int_equal(station_open(io_posix(), "home",
		    STATION_WORK, &s, NULL), ERR_OK);
		s.packs = calloc(STATION_PACKS_MAX, sizeof(*s.packs));
		assert_non_null(s.packs);
		s.pack_count = STATION_PACKS_MAX;
		assert_int_equal(station_import(&s, "in.pack", NOW, NULL,
		    NULL, &result, &pack, NULL), ERR_LIMIT);
	}
	assert_false(io_exists(io_posix(), stored));
	assert_int_equal(counts_look().count, 0);
	import_good();
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
		plan = (struct io_fault_plan){ .kind = kinds[i], .at = 3 };
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
		TEST(a_station_has_keys_and_a_statement),
		TEST(a_second_init_is_refused),
		TEST(a_lost_statement_is_made_of_the_keys),
		TEST(statements_without_keys_are_cleared),
		TEST(init_refuses_bad_input),
		TEST(init_broken_off_anywhere_can_be_repeated),
		TEST(only_one_process_works_at_a_time),
		TEST(a_second_import_is_harmless),
		TEST(packs_that_are_not_for_us_are_refused),
		TEST(import_broken_off_anywhere_can_be_repeated),
		TEST(every_package_is_handed_out_once),
		TEST(a_plugin_gets_its_package_whole),
		TEST(a_failed_package_is_not_handed_out_again),
		TEST(a_plugin_out_of_time_is_killed),
		TEST(a_command_that_cannot_run_wastes_one_package),
		TEST(a_plugin_must_read_its_package),
		TEST(a_plugin_that_always_fails_costs_three),
		TEST(a_damaged_pack_burns_nothing_and_is_repaired),
		TEST(what_is_no_file_is_no_pack),
		TEST(a_pack_too_many_stays_out_of_the_ledger),
		TEST(stop_ends_after_what_is_running),
		TEST(no_package_twice_whatever_happens),
		TEST(nothing_leaves_without_its_record)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
