#include "lib/authority/test_world.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/io_fault.h"

struct place {
	char	root[64];
	char	dir[96];
};

static int
place_make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(p->root, sizeof(p->root),
	    "/dev/shm/imprint-init-XXXXXX");
	assert_non_null(mkdtemp(p->root));
	(void)snprintf(p->dir, sizeof(p->dir), "%s/eco", p->root);
	*state = p;
	return 0;
}

static int
place_free(void **state)
{
	struct place *p = *state;

	shell("rm -rf '%s'", p->root);
	free(p);
	return 0;
}

static bool
there(const struct place *p, const char *end)
{
	char path[160];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s%s", p->dir, end);
	return stat(path, &st) == 0;
}

/* Whole: it opens, and unlocks where that is worth the time. */
static void
check_whole(const struct place *p, bool unlock)
{
	static const char *const names[] = { "/keystore", "/registry.db",
		"/lock", "/operators/ada.key", "/packs", "/publish/trust.pem",
		"/publish/ca/root.cer", "/publish/ca/bulk.cer",
		"/publish/ca/online.cer", "/publish/ca/infra.cer",
		"/publish/ca/document.cer", "/publish/log/bulk",
		"/publish/log/online" };
	_cleanup_authority_ struct authority *authority = NULL;
	struct diag diag = DIAG_INIT;
	struct store_log log;
	size_t i;

	for (i = 0; i < COUNT(names); i++)
		if (!there(p, names[i]))
			fail_msg("%s is missing", names[i]);
	assert_false(there(p, ".new"));
	good(authority_open(io_posix(), p->dir, AUTHORITY_WRITE, &authority,
	    &diag), &diag);
	if (unlock)
		good(authority_unlock(authority, bytes_text(PASSPHRASE), NOW,
		    &diag), &diag);
	good(store_log_by_name(authority_store(authority), LOG_BULK, &log,
	    &diag), &diag);
	assert_int_equal(log.log, LOG_BULK_NUMBER);
	good(store_log_by_name(authority_store(authority), LOG_ONLINE, &log,
	    &diag), &diag);
	assert_int_equal(log.log, LOG_ONLINE_NUMBER);
	good(store_check(authority_store(authority), &diag), &diag);
}

static void
test_whole(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
	} modes[] = {
		{ "", 0700 },
		{ "/keystore", 0600 },
		{ "/operators", 0700 },
		{ "/operators/ada.key", 0600 },
		{ "/packs", 0700 },
		{ "/lock", 0600 },
	};
	_cleanup_signer_ struct signer *signer = NULL;
	struct place *p = *state;
	struct authority_init init = world_init(p->dir);
	struct diag diag = DIAG_INIT;
	char path[160];
	struct stat st;
	size_t i;

	good(authority_init(io_posix(), &init, &diag), &diag);
	check_whole(p, true);
	assert_false(there(p, ".lock"));
	for (i = 0; i < COUNT(modes); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", p->dir,
		    modes[i].name);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, modes[i].mode);
	}
	(void)snprintf(path, sizeof(path), "%s/operators/ada.key", p->dir);
	good(operator_key_open(io_posix(), path, bytes_text("operator's"),
	    &signer, &diag), &diag);
	assert_int_equal(operator_key_open(io_posix(), path,
	    bytes_text(PASSPHRASE), &signer, NULL), ERR_AUTH);
}

/* What is there is not touched, whatever it is. */
static void
test_exists(void **state)
{
	struct place *p = *state;
	struct authority_init init = world_init(p->dir);
	struct stat before, after;
	size_t i;

	for (i = 0; i < 2; i++) {
		struct diag diag = DIAG_INIT;

		shell("rm -rf '%s'", p->dir);
		if (i == 0)
			shell("mkdir '%s'", p->dir);
		else
			shell("touch '%s'", p->dir);
		assert_int_equal(stat(p->dir, &before), 0);
		assert_int_equal(authority_init(io_posix(), &init, &diag),
		    ERR_EXISTS);
		assert_true(diag.hint[0] != '\0');
		assert_int_equal(stat(p->dir, &after), 0);
		assert_int_equal(before.st_ino, after.st_ino);
		assert_int_equal(before.st_ctim.tv_nsec,
		    after.st_ctim.tv_nsec);
		assert_false(there(p, ".new"));
	}
}

static void
test_refused(void **state)
{
	static char long_url[PUBLISH_URL_MAX + 2];
	static char long_name[ECOSYSTEM_NAME_MAX + 2];
	const struct {
		const char *name, *operator_name, *url;
	} table[] = {
		{ "", "ada", "https://a.b" },
		{ "-a", "ada", "https://a.b" },
		{ "A", "ada", "https://a.b" },
		{ "a/b", "ada", "https://a.b" },
		{ "..", "ada", "https://a.b" },
		{ long_name, "ada", "https://a.b" },
		{ "test", "", "https://a.b" },
		{ "test", "../ada", "https://a.b" },
		{ "test", long_name, "https://a.b" },
		{ "test", "ada", "" },
		{ "test", "ada", "a.b" },
		{ "test", "ada", "ftp://a.b" },
		{ "test", "ada", "https://" },
		{ "test", "ada", "https://a.b/" },
		{ "test", "ada", "https://a b" },
		{ "test", "ada", "https://a\n.b" },
		{ "test", "ada", "https://\xc3\xa4.b" },
		{ "test", "ada", long_url },
	};
	struct place *p = *state;
	size_t i;

	memset(long_name, 'a', sizeof(long_name) - 1);
	memset(long_url, 'a', sizeof(long_url) - 1);
	memcpy(long_url, "https://", 8);
	for (i = 0; i < COUNT(table); i++) {
		struct authority_init init = world_init(p->dir);
		struct diag diag = DIAG_INIT;

		init.name = table[i].name;
		init.operator_name = table[i].operator_name;
		init.publish_url = table[i].url;
		if (authority_init(io_posix(), &init, &diag) != ERR_INVALID)
			fail_msg("row %zu", i);
		assert_true(diag.what[0] != '\0');
		assert_false(there(p, "") || there(p, ".new"));
	}
}

/* What an interrupted one left is cleared, files within folders included. */
static void
test_leftover(void **state)
{
	struct place *p = *state;
	struct authority_init init = world_init(p->dir);
	struct diag diag = DIAG_INIT;

	shell("mkdir -p '%s.new/publish/log/bulk' '%s.new/packs'", p->dir,
	    p->dir);
	shell("touch '%s.new/keystore' '%s.new/publish/log/bulk/checkpoint' "
	    "'%s.new/registry.db-wal' '%s.lock'", p->dir, p->dir, p->dir,
	    p->dir);
	good(authority_init(io_posix(), &init, &diag), &diag);
	check_whole(p, true);
	assert_false(there(p, "/registry.db-wal"));
	assert_false(there(p, "/publish/log/bulk/checkpoint"));
}

/* Another init of the same place is under way. */
static void
test_busy(void **state)
{
	struct place *p = *state;
	struct authority_init init = world_init(p->dir);
	_cleanup_file_ struct file lock = FILE_INIT;
	struct diag diag = DIAG_INIT;
	char path[160];

	(void)snprintf(path, sizeof(path), "%s.lock", p->dir);
	good(file_open(io_posix(), path, O_RDWR | O_CREAT, 0600, &lock,
	    &diag), &diag);
	good(file_lock(&lock, &diag), &diag);
	assert_int_equal(authority_init(io_posix(), &init, &diag), ERR_BUSY);
	assert_false(there(p, "") || there(p, ".new"));
	file_release(&lock);
	diag = (struct diag)DIAG_INIT;
	good(authority_init(io_posix(), &init, &diag), &diag);
	check_whole(p, true);
}

static unsigned long
operations(const struct place *p)
{
	const struct io_fault_plan plan = { .kind = IO_FAULT_NONE };
	struct authority_init init = world_init(p->dir);
	struct io *io = io_fault_new(&plan);
	struct diag diag = DIAG_INIT;
	unsigned long count;

	good(authority_init(io, &init, &diag), &diag);
	count = io_fault_count(io);
	io_fault_free(io);
	shell("rm -rf '%s'", p->dir);
	return count;
}

/* None or a whole one; and if none, the next call makes it. */
static void
check_after(const struct place *p, bool unlock)
{
	struct authority_init init = world_init(p->dir);
	struct diag diag = DIAG_INIT;

	if (!there(p, ""))
		good(authority_init(io_posix(), &init, &diag), &diag);
	check_whole(p, unlock);
	shell("rm -rf '%s' '%s.lock'", p->dir, p->dir);
}

static void
fault_once(const struct place *p, enum io_fault_kind kind, unsigned long at)
{
	const struct io_fault_plan plan = { .kind = kind, .at = at };
	struct authority_init init = world_init(p->dir);
	struct io *io = io_fault_new(&plan);
	struct diag diag = DIAG_INIT;
	enum err err;

	err = authority_init(io, &init, &diag);
	io_fault_free(io);
	if (err == ERR_OK)
		fail_msg("fault %d at %lu: no failure", (int)kind, at);
	assert_true(diag.what[0] != '\0');
	check_after(p, false);
}

/* The power goes: what was not synced is gone. */
static void
power_cut(const struct place *p, unsigned long at)
{
	const struct io_fault_plan plan = { .kind = IO_FAULT_POWER_CUT,
		.at = at };
	int status;
	pid_t pid;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct authority_init init = world_init(p->dir);
		struct io *io = io_fault_new(&plan);

		_exit(authority_init(io, &init, NULL) != ERR_OK);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	check_after(p, true);
}

static void
test_interrupted(void **state)
{
	static const enum io_fault_kind kinds[] = { IO_FAULT_EIO,
		IO_FAULT_ENOSPC, IO_FAULT_SYNC };
	struct place *p = *state;
	unsigned long total = operations(p);
	size_t k;

	assert_true(total > 40);
	for (k = 0; k < COUNT(kinds); k++)
		fault_once(p, kinds[k], 5 + k * total / 3);
	for (k = 0; k < 3; k++)
		power_cut(p, total - k * k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, place_make,
		    place_free),
		cmocka_unit_test_setup_teardown(test_exists, place_make,
		    place_free),
		cmocka_unit_test_setup_teardown(test_refused, place_make,
		    place_free),
		cmocka_unit_test_setup_teardown(test_leftover, place_make,
		    place_free),
		cmocka_unit_test_setup_teardown(test_busy, place_make,
		    place_free),
		cmocka_unit_test_setup_teardown(test_interrupted, place_make,
		    place_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
