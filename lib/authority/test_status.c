/* Status intervals against an array that is changed one index at a time. */
#include "lib/authority/operation.h"
#include "lib/authority/publish.h"
#include "lib/authority/request_status.h"
#include "lib/authority/status_replay.h"
#include "lib/authority/test_world.h"

#define INDICES	96

/* An index as it must be. */
struct cell {
	enum status	state;
	unsigned	reason;
	int64_t		time;
	uint64_t	operation;
};

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void
cell_change(struct cell *cell, const struct status_change *change,
    struct status_count *count)
{
	bool revoked = cell->state == STATUS_REVOKED;
	bool suspended = cell->state == STATUS_SUSPENDED;
	bool changes = false;

	switch (change->action) {
	case STATUS_REVOKE:
		changes = !revoked;
		break;
	case STATUS_VOID:
	case STATUS_SUSPEND:
		changes = !revoked && !suspended;
		break;
	case STATUS_RESUME:
		changes = suspended;
		break;
	}
	if (!changes) {
		if (revoked && change->action != STATUS_REVOKE)
			count->kept++;
		else
			count->same++;
		return;
	}
	count->changed++;
	*cell = (struct cell){ .state = STATUS_VALID };
	if (change->action != STATUS_RESUME)
		*cell = (struct cell){ change->action == STATUS_SUSPEND ?
		    STATUS_SUSPENDED : STATUS_REVOKED, change->reason,
		    change->time, change->operation };
}

static void
check_cells(struct world *w, const struct cell cells[INDICES])
{
	struct diag diag = DIAG_INIT;
	struct store_status row;
	enum status status;
	uint64_t i;

	for (i = 0; i < INDICES; i++) {
		good(status_get(w->authority, 1, i, &status, &row, &diag),
		    &diag);
		assert_int_equal(status, cells[i].state);
		if (status == STATUS_VALID)
			continue;
		assert_int_equal(row.reason, cells[i].reason);
		assert_int_equal(row.time, cells[i].time);
		assert_int_equal(row.operation, cells[i].operation);
		assert_true(row.first <= i && i - row.first < row.count);
	}
	good(status_check(w->authority, &diag), &diag);
}

struct neighbours {
	uint64_t	end, rows;
};

static enum err
neighbour_see(void *ctx, const struct store_status *row)
{
	struct neighbours *n = ctx;

	assert_true(row->first >= n->end);
	assert_true(row->count > 0);
	n->end = row->first + row->count;
	n->rows++;
	return ERR_OK;
}

static void
check_rows(struct world *w)
{
	struct operation_head head;
	struct neighbours n = { 0 };

	good(store_status_each(w->authority->store, 1, 0, INT64_MAX,
	    neighbour_see, &n, NULL), NULL);
	assert_true(n.end <= INDICES);
	good(operation_head(w->authority, &head, NULL), NULL);
	assert_int_equal(head.status_count, n.rows);
}

/* Up to four ranges, sorted, none over another. */
static size_t
ranges_draw(uint64_t *seed, struct status_range ranges[4])
{
	uint64_t at = 0, gap, count;
	size_t n = 0, want = 1 + next_random(seed) % 4;

	while (n < want && at < INDICES) {
		gap = next_random(seed) % 3 == 0 ? 0 :
		    next_random(seed) % INDICES;
		count = 1 + next_random(seed) % (next_random(seed) % 4 == 0 ?
		    INDICES : 8);
		if (at + gap + count > INDICES)
			break;
		ranges[n++] = (struct status_range){ 1, at + gap, count };
		at += gap + count;
	}
	return n;
}

static void
one_change(struct world *w, uint64_t *seed, uint64_t number,
    struct cell cells[INDICES])
{
	struct status_change change = { .action = (enum status_action)(1 +
	    next_random(seed) % 4), .reason = (unsigned)(number % 5),
	    .log = 1, .time = NOW + (int64_t)number, .operation = number };
	struct status_count want = { 0 }, got = { 0 }, dry = { 0 };
	struct store *store = w->authority->store;
	struct status_range ranges[4];
	struct diag diag = DIAG_INIT;
	size_t count, i;
	uint64_t j;

	count = ranges_draw(seed, ranges);
	for (i = 0; i < count; i++)
		for (j = 0; j < ranges[i].count; j++)
			cell_change(&cells[ranges[i].first + j], &change,
			    &want);
	good(store_begin(store, &diag), &diag);
	good(status_count_all(w->authority, &change, ranges, count, &dry,
	    &diag), &diag);
	if (count == 1) {
		change.first = ranges[0].first;
		change.count = ranges[0].count;
		good(status_apply(w->authority, &change, &got, &diag),
		    &diag);
	} else {
		good(status_apply_all(w->authority, &change, ranges, count,
		    &got, &diag), &diag);
	}
	good(store_commit(store, &diag), &diag);
	assert_memory_equal(&dry, &want, sizeof(want));
	assert_memory_equal(&got, &want, sizeof(want));
}

static void
test_random_changes(void **state)
{
	struct world *w = *state;
	unsigned rounds = getenv("TORTURE") != NULL ? 40 : 8, round, i;

	for (round = 1; round <= rounds; round++) {
		struct cell cells[INDICES] = { 0 };
		uint64_t seed = round * UINT64_C(0x9e3779b97f4a7c15);

		world_copy(w, io_posix());
		log_make(w, 1, INDICES);
		for (i = 0; i < 60; i++) {
			one_change(w, &seed, i, cells);
			check_cells(w, cells);
			check_rows(w);
		}
	}
}

static void
change_go(struct world *w, enum status_action action, uint64_t first,
    uint64_t count)
{
	struct status_change change = { .action = action, .reason = 1,
	    .log = 1, .first = first, .count = count, .time = NOW };
	struct status_count counted = { 0 };
	struct diag diag = DIAG_INIT;

	good(store_begin(w->authority->store, &diag), &diag);
	good(status_apply(w->authority, &change, &counted, &diag), &diag);
	good(store_commit(w->authority->store, &diag), &diag);
}

/* More rows than are looked at together. */
static void
test_many_rows(void **state)
{
	struct world *w = *state;
	struct status_count count = { 0 };
	struct status_change all = { .action = STATUS_REVOKE, .log = 1,
	    .count = 5000, .time = NOW };
	struct status_range ranges[1500];
	struct status_change odd = { .action = STATUS_SUSPEND, .time = NOW };
	struct diag diag = DIAG_INIT;
	struct neighbours n = { 0 };
	size_t i;

	log_make(w, 1, 5000);
	for (i = 0; i < COUNT(ranges); i++)
		ranges[i] = (struct status_range){ 1, 3 * i + 1, 1 };
	good(store_begin(w->authority->store, &diag), &diag);
	good(status_apply_all(w->authority, &odd, ranges, COUNT(ranges),
	    &count, &diag), &diag);
	assert_int_equal(count.changed, 1500);
	good(status_check(w->authority, &diag), &diag);
	count = (struct status_count){ 0 };
	good(status_apply(w->authority, &all, &count, &diag), &diag);
	good(store_commit(w->authority->store, &diag), &diag);
	assert_int_equal(count.changed, 5000);
	good(status_check(w->authority, &diag), &diag);
	good(store_status_each(w->authority->store, 1, 0, INT64_MAX,
	    neighbour_see, &n, NULL), NULL);
	assert_int_equal(n.end, 5000);
	assert_int_equal(n.rows, 1);	/* grown into one */
}

/* The sum is that of the rows, whatever led to them. */
static void
test_sum(void **state)
{
	struct world *w = *state;
	struct operation_head empty, one, again;

	log_make(w, 1, INDICES);
	good(operation_head(w->authority, &empty, NULL), NULL);
	change_go(w, STATUS_SUSPEND, 10, 5);
	good(operation_head(w->authority, &one, NULL), NULL);
	assert_memory_not_equal(one.status_sum, empty.status_sum,
	    SHA256_SIZE);
	change_go(w, STATUS_SUSPEND, 20, 5);
	change_go(w, STATUS_RESUME, 18, 9);
	good(operation_head(w->authority, &again, NULL), NULL);
	assert_memory_equal(again.status_sum, one.status_sum, SHA256_SIZE);
	assert_int_equal(again.status_count, 1);
	change_go(w, STATUS_RESUME, 0, INDICES);
	good(operation_head(w->authority, &again, NULL), NULL);
	assert_memory_equal(again.status_sum, empty.status_sum, SHA256_SIZE);
	assert_int_equal(again.status_count, 0);
}

static void
test_altered_rows(void **state)
{
	static const char *const harm[] = {
		"DELETE FROM status WHERE first = 20",
		"DELETE FROM status",
		"UPDATE status SET state = 2 WHERE first = 10",
		"UPDATE status SET count = count - 1 WHERE first = 10",
		"UPDATE status SET reason = 5 WHERE first = 10",
		"UPDATE status SET time = time - 1 WHERE first = 10",
		"UPDATE status SET operation = 1 WHERE first = 10",
		"UPDATE status SET first = 11 WHERE first = 10",
		"UPDATE status SET log = 2 WHERE first = 10",
		"INSERT INTO status VALUES (1, 50, 1, 1, 0, 0, 0)",
		/* as many rows, as they were */
		"UPDATE status SET count = first / 5 + 2",
	};
	struct world *w = *state;
	struct publish publish = { .now = NOW };
	size_t i;

	for (i = 0; i < COUNT(harm); i++) {
		struct diag diag = DIAG_INIT;

		world_copy(w, io_posix());
		log_make(w, 1, INDICES);
		change_go(w, STATUS_REVOKE, 10, 5);
		change_go(w, STATUS_REVOKE, 20, 5);
		good(status_check(w->authority, &diag), &diag);
		registry_change(w, harm[i]);
		assert_int_equal(status_check(w->authority, &diag),
		    ERR_CORRUPT);
		assert_non_null(strstr(diag.what, "status"));
		assert_true(diag.hint[0] != '\0');
		assert_int_equal(authority_publish_status(w->authority,
		    &publish, NULL), ERR_CORRUPT);
	}
}

static void
test_out_of_range(void **state)
{
	static const struct {
		uint32_t	log;
		uint64_t	first, count;
		enum err	err;
	} table[] = {
		{ 1, 0, INDICES, ERR_OK }, { 1, 0, INDICES + 1, ERR_INVALID },
		{ 1, INDICES, 1, ERR_INVALID }, { 1, 5, 0, ERR_INVALID },
		{ 1, 5, UINT64_MAX, ERR_INVALID },
		{ 1, UINT64_MAX, 1, ERR_INVALID }, { 2, 0, 1, ERR_INVALID },
		{ 3, 0, 1, ERR_INVALID }, { 4, 0, 1, ERR_NOTFOUND },
	};
	struct world *w = *state;
	size_t i;

	log_make(w, 1, INDICES);
	for (i = 0; i < COUNT(table); i++) {
		struct status_change change = { .action = STATUS_REVOKE,
		    .log = table[i].log, .first = table[i].first,
		    .count = table[i].count, .time = NOW };
		struct status_count count = { 0 };

		assert_int_equal(status_count(w->authority, &change, &count,
		    NULL), table[i].err);
	}
	keys_take(w);
	assert_int_equal(status_check(w->authority, NULL), ERR_STATE);
	keys_give(w);
}

static void
test_reasons(void **state)
{
	unsigned action, reason;

	(void)state;
	for (action = STATUS_REVOKE; action <= STATUS_RESUME; action++) {
		for (reason = 0; reason < 300; reason++) {
			bool want = action == STATUS_REVOKE ?
			    reason <= 10 && (0x63b >> reason & 1) != 0 :
			    action == STATUS_SUSPEND ? reason == 6 :
			    reason == 0;

			assert_int_equal(status_reason_fits(
			    (enum status_action)action, reason), want);
		}
	}
}

/* Requests. */

static enum err
ask(struct world *w, unsigned action, unsigned reason,
    const struct status_range *ranges, size_t count,
    struct status_count *ret_count, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct cbor cbor;
	enum err err;

	assert_int_equal(request_put_status(&body,
	    (enum status_action)action, reason, ranges, count, "all of it"),
	    ERR_OK);
	err = submit(w, REQUEST_STATUS, buf_bytes(&body), &result, diag);
	if (err)
		return err;
	cbor_open(&cbor, buf_bytes(&result));
	cbor_get_array_sized(&cbor, 3);
	ret_count->changed = cbor_get_uint(&cbor);
	ret_count->same = cbor_get_uint(&cbor);
	ret_count->kept = cbor_get_uint(&cbor);
	assert_true(cbor_close(&cbor));
	return ERR_OK;
}

static void
test_request(void **state)
{
	static const struct {
		unsigned		action, reason;
		struct status_range	ranges[3];
		size_t			count;
		enum err		err;
		struct status_count	got;
	} table[] = {
		{ 1, 1, { { 1, 3, 2 }, { 1, 9, 1 }, { 2, 0, 1 } }, 3, ERR_OK,
		    { 4, 0, 0 } },
		{ 1, 1, { { 1, 3, 2 } }, 1, ERR_OK, { 0, 2, 0 } },
		{ 2, 6, { { 1, 0, 10 } }, 1, ERR_OK, { 7, 0, 3 } },
		{ 2, 6, { { 1, 0, 10 } }, 1, ERR_OK, { 0, 7, 3 } },
		{ 3, 0, { { 1, 0, 5 } }, 1, ERR_OK, { 3, 0, 2 } },
		{ 1, 0, { { 1, 0, 10 } }, 1, ERR_OK, { 7, 3, 0 } },
		/* adjacent is not overlapping */
		{ 1, 0, { { 1, 20, 2 }, { 1, 22, 1 } }, 2, ERR_OK,
		    { 3, 0, 0 } },
		{ 1, 0, { { 1, 22, 1 }, { 1, 20, 2 } }, 2, ERR_SYNTAX, { 0 } },
		{ 1, 0, { { 1, 20, 2 }, { 1, 21, 1 } }, 2, ERR_SYNTAX, { 0 } },
		{ 1, 0, { { 2, 0, 1 }, { 1, 0, 1 } }, 2, ERR_SYNTAX, { 0 } },
		{ 1, 0, { { 1, 20, 0 } }, 1, ERR_SYNTAX, { 0 } },
		{ 1, 0, { { 1, INDEX_MAX, 2 } }, 1, ERR_SYNTAX, { 0 } },
		{ 1, 0, { { 1, UINT64_MAX, 1 } }, 1, ERR_SYNTAX, { 0 } },
		{ 1, 0, { { 1, 0, 1 } }, 0, ERR_INVALID, { 0 } },
		{ 0, 0, { { 1, 0, 1 } }, 1, ERR_INVALID, { 0 } },
		{ 4, 5, { { 1, 0, 1 } }, 1, ERR_INVALID, { 0 } },
		{ 1, 6, { { 1, 0, 1 } }, 1, ERR_INVALID, { 0 } },
		{ 1, 2, { { 1, 0, 1 } }, 1, ERR_INVALID, { 0 } },
		{ 2, 0, { { 1, 0, 1 } }, 1, ERR_INVALID, { 0 } },
		{ 3, 6, { { 1, 0, 1 } }, 1, ERR_INVALID, { 0 } },
		{ 1, 0, { { 1, 95, 2 } }, 1, ERR_INVALID, { 0 } },
		{ 1, 0, { { 3, 0, 1 } }, 1, ERR_INVALID, { 0 } },
		{ 1, 0, { { 7, 0, 1 } }, 1, ERR_NOTFOUND, { 0 } },
	};
	struct world *w = *state;
	size_t i;

	log_make(w, 1, INDICES);
	log_make(w, 2, 1);
	for (i = 0; i < COUNT(table); i++) {
		struct status_count count = { 0 };
		struct operation_head before, after;
		struct diag diag = DIAG_INIT;

		good(operation_head(w->authority, &before, NULL), NULL);
		if (ask(w, table[i].action, table[i].reason, table[i].ranges,
		    table[i].count, &count, &diag) != table[i].err)
			fail_msg("%zu: %s", i, diag.what);
		assert_memory_equal(&count, &table[i].got, sizeof(count));
		good(operation_head(w->authority, &after, NULL), NULL);
		/* a refusal is on record, and changes nothing */
		assert_int_equal(after.size, before.size + 1);
		if (table[i].err)
			assert_memory_equal(after.status_sum,
			    before.status_sum, SHA256_SIZE);
		good(status_check(w->authority, NULL), NULL);
	}
}

/* The row carries the place and time of the request's entry. */
static void
test_request_entry(void **state)
{
	struct world *w = *state;
	struct status_range range = { 1, 4, 2 };
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct status_count count = { 0 };
	struct store_operation entry;
	struct diag diag = DIAG_INIT;
	struct store_status row;
	enum status status;

	log_make(w, 1, INDICES);
	good(ask(w, STATUS_REVOKE, 1, &range, 1, &count, &diag), &diag);
	good(status_get(w->authority, 1, 5, &status, &row, &diag), &diag);
	assert_int_equal(status, STATUS_REVOKED);
	good(store_operation_get(w->authority->store, row.operation, &out,
	    &entry, &diag), &diag);
	assert_int_equal(entry.kind, OPERATION_REQUEST);
	assert_int_equal(entry.time, row.time);
}

static void
test_request_reserved(void **state)
{
	struct world *w = *state;
	struct store_range range = { .log = 1, .count = 8,
	    .epoch = EPOCH_FIRST, .issued = NOW, .template = 1 };
	struct status_range asked = { 1, 90, 8 };
	struct status_count count = { 0 };
	struct diag diag = DIAG_INIT;

	log_make(w, 1, INDICES);
	good(store_begin(w->authority->store, &diag), &diag);
	good(store_range_reserve(w->authority->store, &range, &diag), &diag);
	good(rows_range_add(w->authority, &range, &diag), &diag);
	good(store_commit(w->authority->store, &diag), &diag);
	assert_int_equal(ask(w, STATUS_REVOKE, 0, &asked, 1, &count, &diag),
	    ERR_INVALID);
	assert_non_null(strstr(diag.what, "ends before 96"));
}

static void
test_request_too_many(void **state)
{
	struct world *w = *state;
	struct status_range *ranges;
	struct status_count count = { 0 };
	struct diag diag = DIAG_INIT;
	size_t i;

	ranges = calloc(STATUS_RANGES_MAX + 1, sizeof(*ranges));
	assert_non_null(ranges);
	for (i = 0; i <= STATUS_RANGES_MAX; i++)
		ranges[i] = (struct status_range){ 1, 2 * i, 1 };
	log_make(w, 1, 2 * STATUS_RANGES_MAX);
	assert_int_equal(ask(w, STATUS_REVOKE, 0, ranges,
	    STATUS_RANGES_MAX + 1, &count, &diag), ERR_INVALID);
	diag = (struct diag)DIAG_INIT;
	good(ask(w, STATUS_REVOKE, 0, ranges, STATUS_RANGES_MAX, &count,
	    &diag), &diag);
	assert_int_equal(count.changed, STATUS_RANGES_MAX);
	good(operation_replay(w->authority, NULL, NULL, &diag), &diag);
	free(ranges);
}

static void
test_request_syntax(void **state)
{
	static const char *const bodies[] = { "", "\x80", "\x84\x01\x00\x80",
	    "\x83\x01\x00\x80", "\x84\x01\x00\x81\x01\x60",
	    "\x84\x01\x00\x81\x82\x01\x00\x60",
	    "\x84\x01\x00\x9a\xff\xff\xff\xff\x60",
	    "\x84\x20\x00\x81\x83\x01\x00\x01\x60",
	    "\x84\x01\x00\x81\x83\x01\x00\x01\x40",
	    "\x84\x01\x00\x81\x83\x1a\x00\x00\x00\x01\x00\x01\x60",
	    "\x84\x01\x00\x81\x83\x1b\0\0\0\1\0\0\0\1\x00\x01\x60",
	};
	static const size_t lengths[] = { 0, 1, 4, 4, 6, 8, 9, 9, 9, 13, 17 };
	struct world *w = *state;
	size_t i;

	log_make(w, 1, INDICES);
	for (i = 0; i < COUNT(bodies); i++) {
		_cleanup_buf_ struct buf result = BUF_INIT;
		struct diag diag = DIAG_INIT;

		assert_int_equal(submit(w, REQUEST_STATUS, bytes_of(bodies[i],
		    lengths[i]), &result, &diag), ERR_SYNTAX);
		assert_non_null(strstr(diag.what, "status request"));
	}
}

/* Replay. */

/* Random requests, a cancelled order, voids: the replay agrees. */
static void
test_replay(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct world *w = *state;
	struct publish publish = { .now = NOW };
	struct store_range range = { .log = 1, .count = 8,
	    .epoch = EPOCH_FIRST, .issued = NOW, .template = 1 };
	uint64_t seed = 77;
	struct diag diag = DIAG_INIT;
	unsigned i;

	log_make(w, 1, INDICES);
	for (i = 0; i < 60; i++) {
		unsigned action = (unsigned)(1 + next_random(&seed) % 3);
		struct status_count count = { 0 };
		struct status_range ranges[4];
		size_t n = ranges_draw(&seed, ranges);

		if (n == 0)
			continue;
		good(ask(w, action, action == STATUS_SUSPEND ? 6 : 0, ranges,
		    n, &count, &diag), &diag);
		if (i % 20 == 0)
			good(operation_replay(w->authority, NULL, NULL,
			    &diag), &diag);
	}
	good(store_begin(w->authority->store, &diag), &diag);
	good(store_range_reserve(w->authority->store, &range, &diag), &diag);
	good(rows_range_add(w->authority, &range, &diag), &diag);
	good(store_commit(w->authority->store, &diag), &diag);
	good(authority_publish_status(w->authority, &publish, &diag), &diag);
	good(authority_publish_status(w->authority, &publish, &diag), &diag);
	cbor_put_uint(&body, order_make(w, 0, 20, 1, 8));
	good(submit(w, REQUEST_ORDER_CANCEL, buf_bytes(&body), &result,
	    &diag), &diag);
	good(operation_replay(w->authority, NULL, NULL, &diag), &diag);
}

/* Rows under a good MAC that no operation made: the sum agrees, the replay
 * does not. */
static void
test_replay_differs(void **state)
{
	struct world *w = *state;
	unsigned i;

	for (i = 0; i < 5; i++) {
		struct status_change change = { .action = i == 4 ?
		    STATUS_RESUME : STATUS_SUSPEND, .reason = 6, .log = 1,
		    .first = i < 2 ? 0 : i == 2 ? 15 : i == 3 ? 60 : 10,
		    .count = i == 0 ? 2 : 5, .time = NOW, .operation = 1 };
		struct status_range range = { 1, 10, 20 };
		struct status_count count = { 0 };
		struct diag diag = DIAG_INIT;

		world_copy(w, io_posix());
		log_make(w, 1, INDICES);
		good(ask(w, STATUS_SUSPEND, 6, &range, 1, &count, &diag),
		    &diag);
		if (i == 2)	/* of another time and place */
			change_go(w, STATUS_RESUME, 15, 5);
		good(store_begin(w->authority->store, &diag), &diag);
		good(status_apply(w->authority, &change, &count, &diag),
		    &diag);
		good(store_commit(w->authority->store, &diag), &diag);
		good(status_check(w->authority, &diag), &diag);
		assert_int_equal(operation_replay(w->authority, NULL, NULL,
		    &diag), ERR_CORRUPT);
		assert_non_null(strstr(diag.what, "status of bulk/"));
	}
}

#define STATUS_TEST(function)						\
	cmocka_unit_test_setup(function, world_fresh)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STATUS_TEST(test_random_changes),
		STATUS_TEST(test_many_rows),
		STATUS_TEST(test_sum),
		STATUS_TEST(test_altered_rows),
		STATUS_TEST(test_out_of_range),
		STATUS_TEST(test_reasons),
		STATUS_TEST(test_request),
		STATUS_TEST(test_request_entry),
		STATUS_TEST(test_request_reserved),
		STATUS_TEST(test_request_too_many),
		STATUS_TEST(test_request_syntax),
		STATUS_TEST(test_replay),
		STATUS_TEST(test_replay_differs),
	};

	return cmocka_run_group_tests(tests, world_make, world_free);
}
