#include "station/test_bench.h"

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
another_machine_is_noticed_once(void **state)
{
	static const bool moved[] = { false, true, false };
	size_t i;

	(void)state;
	if (access("/etc/machine-id", R_OK) != 0)
		skip();
	for (i = 0; i < COUNT(moved); i++) {
		_cleanup_station_ struct station s = STATION_INIT;

		if (moved[i])
			assert_int_equal(io_write_file(io_posix(),
			    "home/machine", bytes_text("other"), 0600, NULL),
			    ERR_OK);
		assert_int_equal(station_open(io_posix(), "home",
		    STATION_WORK, &s, NULL), ERR_OK);
		assert_int_equal(s.moved, moved[i]);
	}
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

static enum err
init_run(const struct io *io, void *ctx)
{
	struct bench *b = ctx;
	struct station_statement statement;

	return station_init(io, "new", "line-9", buf_bytes(&b->world.pem),
	    NOW, &statement, NULL);
}

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

static enum err
trust_renew(struct bytes pem, struct diag *diag)
{
	_cleanup_station_ struct station s = STATION_INIT;

	assert_int_equal(station_open(io_posix(), "home", STATION_WORK, &s,
	    NULL), ERR_OK);
	return station_trust_renew(&s, pem, diag);
}

static size_t
signers_look(void)
{
	_cleanup_station_ struct station s = STATION_INIT;

	assert_int_equal(station_open(io_posix(), "home", STATION_LOOK, &s,
	    NULL), ERR_OK);
	return s.signer_count;
}

/* Newer signers of the same root, never fewer than before. */
static void
a_newer_trust_is_taken(void **state)
{
	struct bench *b = *state;
	struct world *w = &b->world, other;
	_cleanup_signer_ struct signer *second = world_key();
	_cleanup_buf_ struct buf newer = BUF_INIT;
	struct diag diag = DIAG_INIT;

	buf_put_bytes(&newer, buf_bytes(&w->pem));
	world_signer_put(w, second, 3, &newer);
	assert_int_equal(signers_look(), 1);
	assert_int_equal(trust_renew(buf_bytes(&newer), NULL), ERR_OK);
	assert_int_equal(signers_look(), 2);
	assert_int_equal(trust_renew(buf_bytes(&newer), NULL), ERR_OK);
	assert_int_equal(trust_renew(buf_bytes(&w->pem), &diag),
	    ERR_CONFLICT);
	assert_non_null(strstr(diag.hint, "older"));
	world_new(&other);
	diag = (struct diag)DIAG_INIT;
	assert_int_equal(trust_renew(buf_bytes(&other.pem), &diag),
	    ERR_AUTH);
	assert_non_null(strstr(diag.what, "root"));
	world_free(&other);
	assert_int_not_equal(trust_renew(bytes_text("no PEM"), NULL),
	    ERR_OK);
	assert_int_equal(signers_look(), 2);
	/* packs of the first signer, and then of the second */
	import_good();
	signer_free(&w->signer);
	w->signer = second;
	second = NULL;
	assert_int_equal(cose_key_thumbprint(signer_public(w->signer),
	    w->kid), ERR_OK);
	world_pack(w, &b->statement, 2, FIRST + PACKAGES, PACKAGES,
	    "in.pack");
	import_good();
}

/* What a server sends that is not ours any more: the true file, and somebody's
 * root with a signer under it, in any order. */
static void
a_second_root_is_refused(void **state)
{
	struct bench *b = *state;
	struct bytes ours = buf_bytes(&b->world.pem);
	struct station_statement statement;
	struct world other;
	unsigned i;

	world_new(&other);
	for (i = 0; i < 3; i++) {
		struct bytes root = buf_bytes(&other.pem);
		_cleanup_buf_ struct buf pem = BUF_INIT;
		struct diag diag = DIAG_INIT;

		buf_put_bytes(&pem, i == 0 ? root : ours);
		buf_put_bytes(&pem, i == 0 ? ours : root);
		/* twice the same is one */
		buf_put_bytes(&pem, i == 2 ? ours : BYTES_NONE);
		assert_int_equal(buf_err(&pem), ERR_OK);
		assert_int_equal(trust_renew(buf_bytes(&pem), &diag),
		    ERR_AUTH);
		assert_non_null(strstr(diag.what, "more than one root"));
		assert_non_null(strstr(diag.hint, "publishes"));
		assert_int_equal(signers_look(), 1);
		assert_int_equal(station_init(io_posix(), "new", "line-2",
		    buf_bytes(&pem), NOW, &statement, NULL), ERR_AUTH);
		assert_false(io_exists(io_posix(), "new"));
	}
	/* a signer alone that nobody above it is here for is no signer */
	{
		_cleanup_buf_ struct buf pem = BUF_INIT, twice = BUF_INIT;

		buf_put_bytes(&pem, ours);
		world_signer_put(&other, other.signer, 3, &pem);
		assert_int_equal(trust_renew(buf_bytes(&pem), NULL), ERR_OK);
		assert_int_equal(signers_look(), 1);
		buf_put_bytes(&twice, ours);
		pem_put(&twice, "CERTIFICATE", buf_bytes(&b->world.root_der));
		assert_int_equal(trust_renew(buf_bytes(&twice), NULL),
		    ERR_OK);
		assert_int_equal(signers_look(), 1);
	}
	world_free(&other);
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
		TEST(another_machine_is_noticed_once),
		TEST(init_refuses_bad_input),
		TEST(init_broken_off_anywhere_can_be_repeated),
		TEST(only_one_process_works_at_a_time),
		TEST(a_second_import_is_harmless),
		TEST(packs_that_are_not_for_us_are_refused),
		TEST(import_broken_off_anywhere_can_be_repeated),
		TEST(a_newer_trust_is_taken),
		TEST(a_second_root_is_refused),
		TEST(what_is_no_file_is_no_pack),
		TEST(a_pack_too_many_stays_out_of_the_ledger)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
