/*
 * A full disk: a commit that found no room is void, and the store can be
 * mended and goes on; one that failed otherwise cannot.
 */
#include "lib/store/test_world.h"
#include "tests/support/io_fault.h"

#define ROWS	40	/* of a transaction: several pages */

static void
put_rows(struct store *st, const char *value, enum err *ret_err)
{
	char name[32];
	unsigned i;
	enum err err = ERR_OK;

	for (i = 0; i < ROWS && !err; i++) {
		(void)snprintf(name, sizeof(name), "key-%u", i);
		err = store_meta_put(st, name, bytes_text(value), NULL);
	}
	*ret_err = err;
}

static enum err
change(struct store *st, const char *value)
{
	enum err err;

	err = store_begin(st, NULL);
	if (err)
		return err;
	put_rows(st, value, &err);
	if (!err)
		return store_commit(st, NULL);
	store_rollback(st);
	return err;
}

static void
assert_rows(struct store *st, const char *value)
{
	_cleanup_buf_ struct buf got = BUF_INIT;
	char name[32];
	unsigned i;

	for (i = 0; i < ROWS; i++) {
		(void)snprintf(name, sizeof(name), "key-%u", i);
		buf_clear(&got);
		assert_int_equal(store_meta_get(st, name, &got, NULL),
		    ERR_OK);
		assert_string_equal(buf_text(&got), value);
	}
}

/* "old" is committed, "new" meets the fault; or opening does. */
static enum err
accident(struct world *w, const struct io *io)
{
	enum err err;

	err = store_open(io, w->path, STORE_WRITE, &w->st, NULL);
	if (err)
		return err;
	assert_rows(w->st, "old");
	return change(w->st, "new");
}

static bool
is_broken(const struct world *w)
{
	return w->st != NULL && store_broken(w->st);
}

static int
start(void **state)
{
	struct world *w;

	if (set_up(state) != 0)
		return -1;
	w = *state;
	assert_int_equal(change(w->st, "old"), ERR_OK);
	store_close(&w->st);
	return 0;
}

static void
lived_on(struct world *w)
{
	struct store *reader;

	assert_int_equal(store_mend(w->st, NULL), ERR_OK);
	assert_false(store_broken(w->st));
	assert_rows(w->st, "old");
	assert_int_equal(change(w->st, "again"), ERR_OK);
	assert_rows(w->st, "again");
	assert_int_equal(store_open(io_posix(), w->path, STORE_READ, &reader,
	    NULL), ERR_OK);
	assert_rows(reader, "again");
	store_close(&reader);
	store_close(&w->st);
	assert_int_equal(store_open(io_posix(), w->path, STORE_WRITE, &w->st,
	    NULL), ERR_OK);
	assert_int_equal(store_check(w->st, NULL), ERR_OK);
	assert_int_equal(change(w->st, "old"), ERR_OK);
	store_close(&w->st);
}

/* At each write of a commit. */
static void
test_full(void **state)
{
	struct io_fault_plan plan = { .kind = IO_FAULT_ENOSPC_ONCE, .at = 1 };
	struct world *w = *state;
	unsigned broken = 0;
	struct io *io;
	bool met = true;
	enum err err;

	for (; met; plan.at++) {
		io = io_fault_new(&plan);
		err = accident(w, io);
		met = err == ERR_NOSPACE;
		assert_true(met || err == ERR_OK);
		if (is_broken(w)) {
			broken++;
			assert_int_equal(store_begin(w->st, NULL), ERR_STATE);
			assert_rows(w->st, "old");
		}
		if (met && w->st != NULL)
			lived_on(w);
		store_close(&w->st);
		io_fault_free(io);
	}
	assert_true(broken >= 3);
}

/* As long as there is no room it can be mended and read from. */
static void
test_stays_full(void **state)
{
	struct io_fault_plan plan = { .kind = IO_FAULT_ENOSPC, .at = 4 };
	struct world *w = *state;
	struct io *io = io_fault_new(&plan);
	unsigned i;

	assert_int_equal(accident(w, io), ERR_NOSPACE);
	for (i = 0; i < 3; i++) {
		assert_true(store_broken(w->st));
		assert_int_equal(store_mend(w->st, NULL), ERR_OK);
		assert_rows(w->st, "old");
		assert_int_equal(change(w->st, "new"), ERR_NOSPACE);
	}
	store_close(&w->st);
	io_fault_free(io);
	assert_int_equal(store_open(io_posix(), w->path, STORE_WRITE, &w->st,
	    NULL), ERR_OK);
	assert_rows(w->st, "old");
}

/* Nothing more is written after another failure. */
static void
test_other_failures(void **state)
{
	static const enum io_fault_kind kinds[] = { IO_FAULT_EIO,
	    IO_FAULT_SYNC };
	struct io_fault_plan plan = { .at = 1 };
	struct world *w = *state;
	struct diag diag;
	unsigned broken = 0;
	struct io *io;
	size_t i;
	enum err err;

	for (i = 0; i < 2; i++)
		for (plan.at = 1, err = ERR_IO; err != ERR_OK; plan.at++) {
			plan.kind = kinds[i];
			io = io_fault_new(&plan);
			err = accident(w, io);
			if (is_broken(w)) {
				broken++;
				diag = (struct diag)DIAG_INIT;
				assert_int_equal(store_mend(w->st, &diag),
				    ERR_STATE);
				assert_non_null(strstr(diag.what, w->path));
				assert_true(store_broken(w->st));
			}
			store_close(&w->st);
			io_fault_free(io);
			/* "new" it may be: that was in doubt */
			assert_int_equal(store_open(io_posix(), w->path,
			    STORE_WRITE, &w->st, NULL), ERR_OK);
			assert_int_equal(change(w->st, "old"), ERR_OK);
			store_close(&w->st);
		}
	assert_true(broken >= 3);
}

static enum err
mend_within(void *ctx, const struct store_object *object)
{
	(void)object;
	return store_mend(ctx, NULL);
}

/* Not under somebody who reads. */
static void
test_while_read(void **state)
{
	const struct store_object one = object_of("one", "1", 1, "x");
	struct io_fault_plan plan = { .kind = IO_FAULT_ENOSPC_ONCE, .at = 4 };
	struct world *w = *state;
	struct io *io = io_fault_new(&plan);

	assert_int_equal(store_open(io_posix(), w->path, STORE_WRITE, &w->st,
	    NULL), ERR_OK);
	assert_int_equal(store_mend(w->st, NULL), ERR_OK);	/* is whole */
	begin(w->st);
	assert_int_equal(store_object_put(w->st, &one, NULL), ERR_OK);
	commit(w->st);
	store_close(&w->st);
	assert_int_equal(accident(w, io), ERR_NOSPACE);
	assert_true(store_broken(w->st));
	assert_int_equal(store_object_each(w->st, STORE_PRODUCT, mend_within,
	    w->st, NULL), ERR_STATE);
	assert_int_equal(store_mend(w->st, NULL), ERR_OK);
	store_close(&w->st);
	io_fault_free(io);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_full, start, tear_down),
		cmocka_unit_test_setup_teardown(test_stays_full, start,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_other_failures, start,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_while_read, start,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
