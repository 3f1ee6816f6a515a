/* Committing in a thread while records are gathered and read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "station/ledger.h"
#include "station/test_ledger.h"
#include "tests/support/io_fault.h"

#define TIMES	200	/* even */
#define REASON	"scratched"

static const uint8_t station_id[SHA256_SIZE] = { 1, 2, 3 };

static enum err
hear(void *ctx, const struct ledger_record *record, struct diag *diag)
{
	uint64_t *count = ctx;

	(void)diag;
	assert_int_equal(record->position, *count);
	(*count)++;
	return ERR_OK;
}

static struct ledger *
ledger_new(const struct io *io)
{
	uint64_t count = 0;
	const struct ledger_reader reader = { hear, &count };
	struct ledger *l = NULL;

	assert_int_equal(ledger_create(io_posix(), PATH, station_id, NULL),
	    ERR_OK);
	assert_int_equal(ledger_open(io, PATH, station_id, &reader, &l, NULL),
	    ERR_OK);
	return l;
}

static uint64_t
put(struct ledger *l, uint64_t number)
{
	const struct ledger_record r = { .kind = LEDGER_SCRAP,
		.time = 1790000000, .position = number,
		.reason = bytes_text(REASON) };
	uint64_t at = 0;

	assert_int_equal(ledger_add(l, &r, &at, NULL), ERR_OK);
	return at;
}

static void
assert_there(struct ledger *l, uint64_t at, uint64_t number)
{
	_cleanup_buf_ struct buf room = BUF_INIT;
	struct ledger_record r;

	assert_int_equal(ledger_get(l, at, &room, &r, NULL), ERR_OK);
	assert_int_equal(r.position, number);
}

/* So many records are in the file, whole. */
static void
assert_written(uint64_t want)
{
	uint8_t head[SHA256_SIZE];
	uint64_t records = 0, count = 0;
	const struct ledger_reader reader = { hear, &count };

	assert_int_equal(ledger_read(io_posix(), PATH, station_id, &reader,
	    &records, head, NULL), ERR_OK);
	assert_int_equal(records, want);
	assert_int_equal(count, want);
}

static void
what_came_later_is_not_written(void **state)
{
	_cleanup_ledger_ struct ledger *l = ledger_new(io_posix());
	uint64_t at[3], size;
	size_t i;

	(void)state;
	at[0] = put(l, 0);
	at[1] = put(l, 1);
	size = ledger_size(l);
	ledger_commit_begin(l);
	at[2] = put(l, 2);
	assert_int_equal(at[2], size);
	for (i = 0; i < 3; i++)
		assert_there(l, at[i], i);
	assert_written(0);
	assert_int_equal(ledger_commit_end(l, NULL), ERR_OK);
	assert_written(2);
	for (i = 0; i < 3; i++)
		assert_there(l, at[i], i);
	ledger_commit_begin(l);
	assert_int_equal(ledger_commit_end(l, NULL), ERR_OK);
	assert_written(3);
	/* with nothing gathered */
	ledger_commit_begin(l);
	assert_int_equal(ledger_commit_end(l, NULL), ERR_OK);
	assert_written(3);
}

static void
a_commit_between_takes_both(void **state)
{
	_cleanup_ledger_ struct ledger *l = ledger_new(io_posix());
	uint64_t at;

	(void)state;
	put(l, 0);
	ledger_commit_begin(l);
	at = put(l, 1);
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	assert_written(2);
	put(l, 2);
	assert_int_equal(ledger_commit_end(l, NULL), ERR_OK);
	assert_written(2);
	assert_there(l, at, 1);
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	assert_written(3);
}

struct ending {
	struct ledger	*ledger;
	enum err	 err;
};

static void *
commit_end(void *ctx)
{
	struct ending *ending = ctx;

	ending->err = ledger_commit_end(ending->ledger, NULL);
	return NULL;
}

static void
gathered_and_read_meanwhile(void **state)
{
	_cleanup_ledger_ struct ledger *l = ledger_new(io_posix());
	struct ending ending = { .ledger = l };
	uint64_t at[TIMES];
	pthread_t thread;
	size_t i;

	(void)state;
	for (i = 0; i < TIMES; i += 2) {
		at[i] = put(l, i);
		ledger_commit_begin(l);
		assert_int_equal(pthread_create(&thread, NULL, commit_end,
		    &ending), 0);
		assert_int_equal(ledger_room(l, NULL), ERR_OK);
		assert_there(l, at[i], i);
		at[i + 1] = put(l, i + 1);
		assert_there(l, at[i + 1], i + 1);
		assert_there(l, at[i / 2], i / 2);
		if (i % 16 == 0)
			assert_int_equal(ledger_commit(l, NULL), ERR_OK);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(ending.err, ERR_OK);
	}
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	ledger_close(&l);
	assert_written(TIMES);
}

/* Its sync fails: nothing of it is believed, nothing can follow. */
static void
an_end_that_fails(void **state)
{
	const struct ledger_record r = { .kind = LEDGER_SCRAP,
		.reason = bytes_text(REASON) };
	struct io_fault_plan plan = { .kind = IO_FAULT_SYNC, .at = 4 };
	struct io *io = io_fault_new(&plan);
	struct ledger *l = ledger_new(io);

	(void)state;
	put(l, 0);
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	put(l, 1);
	ledger_commit_begin(l);
	put(l, 2);
	assert_int_equal(ledger_commit_end(l, NULL), ERR_IO);
	assert_int_equal(ledger_add(l, &r, NULL, NULL), ERR_IO);
	assert_int_equal(ledger_room(l, NULL), ERR_IO);
	ledger_commit_begin(l);
	assert_int_equal(ledger_commit_end(l, NULL), ERR_IO);
	assert_int_equal(ledger_commit(l, NULL), ERR_IO);
	assert_written(1);
	ledger_close(&l);
	io_fault_free(io);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_came_later_is_not_written, dir_enter, dir_leave),
		cmocka_unit_test_setup_teardown(a_commit_between_takes_both,
		    dir_enter, dir_leave),
		cmocka_unit_test_setup_teardown(gathered_and_read_meanwhile,
		    dir_enter, dir_leave),
		cmocka_unit_test_setup_teardown(an_end_that_fails, dir_enter,
		    dir_leave)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
