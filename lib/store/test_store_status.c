/* Status intervals, operations and receipts. */
#include "lib/store/test_world.h"

#define LOG	1

static enum err
put_status(struct store *st, uint32_t log, uint64_t first, uint64_t count)
{
	struct store_status status = { .log = log, .first = first,
	    .count = count, .state = 1 + (unsigned)(first % 2),
	    .reason = (unsigned)(count % 7), .time = (int64_t)(first + 5),
	    .operation = first * 2 };

	return store_status_put(st, &status, NULL);
}

static enum err
see_status(void *ctx, const struct store_status *status)
{
	char text[64];

	assert_int_equal(status->state, 1 + status->first % 2);
	assert_int_equal(status->reason, status->count % 7);
	assert_int_equal(status->time, status->first + 5);
	assert_int_equal(status->operation, status->first * 2);
	(void)snprintf(text, sizeof(text), "%u/%ju+%ju", status->log,
	    (uintmax_t)status->first, (uintmax_t)status->count);
	return see(ctx, text);
}

static void
assert_each(struct store *st, uint32_t log, uint64_t first, uint64_t count,
    const char *want)
{
	struct seen seen = { .st = st };

	assert_int_equal(store_status_each(st, log, first, count, see_status,
	    &seen, NULL), ERR_OK);
	assert_string_equal(seen.text, want);
}

static void
test_status(void **state)
{
	struct world *w = *state;
	struct store_status got = { .count = 99 };
	struct seen seen = { .stop_at = 2 };

	begin(w->st);
	assert_int_equal(put_status(w->st, LOG, 10, 5), ERR_OK);
	assert_int_equal(put_status(w->st, LOG, 20, 1), ERR_OK);
	assert_int_equal(put_status(w->st, LOG, 21, 9), ERR_OK);
	assert_int_equal(put_status(w->st, 2, 0, 100), ERR_OK);
	assert_int_equal(put_status(w->st, LOG, 20, 2), ERR_EXISTS);
	commit(w->st);
	reopen(w);
	assert_each(w->st, LOG, 0, 10, "");
	assert_each(w->st, LOG, 0, 11, "1/10+5 ");
	assert_each(w->st, LOG, 14, 1, "1/10+5 ");
	assert_each(w->st, LOG, 15, 5, "");
	assert_each(w->st, LOG, 14, 8, "1/10+5 1/20+1 1/21+9 ");
	assert_each(w->st, LOG, 0, UINT64_MAX, "1/10+5 1/20+1 1/21+9 ");
	assert_each(w->st, LOG, 29, INT64_MAX, "1/21+9 ");
	assert_each(w->st, LOG, 30, INT64_MAX, "");
	assert_each(w->st, 2, 50, 1, "2/0+100 ");
	assert_each(w->st, 3, 0, 1000, "");
	assert_int_equal(store_status_each(w->st, LOG, 0, 100, see_status,
	    &seen, NULL), ERR_INTERRUPTED);
	assert_int_equal(seen.count, 2);

	assert_int_equal(store_status_get(w->st, LOG, 9, &got, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(got.count, 99);
	assert_int_equal(store_status_get(w->st, LOG, 10, &got, NULL),
	    ERR_OK);
	assert_int_equal(got.count, 5);
	assert_int_equal(store_status_get(w->st, LOG, 14, &got, NULL),
	    ERR_OK);
	assert_int_equal(got.first, 10);
	assert_int_equal(store_status_get(w->st, LOG, 15, &got, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_status_get(w->st, LOG, 29, &got, NULL),
	    ERR_OK);
	assert_int_equal(got.first, 21);
	assert_int_equal(store_status_get(w->st, LOG, 30, &got, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_status_get(w->st, 3, 0, &got, NULL),
	    ERR_NOTFOUND);
}

static void
test_status_delete(void **state)
{
	struct world *w = *state;

	begin(w->st);
	assert_int_equal(put_status(w->st, LOG, 10, 5), ERR_OK);
	assert_int_equal(put_status(w->st, LOG, 20, 5), ERR_OK);
	assert_int_equal(store_status_delete(w->st, LOG, 12, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_status_delete(w->st, 2, 10, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_status_delete(w->st, LOG, 10, NULL), ERR_OK);
	assert_each(w->st, LOG, 0, 100, "1/20+5 ");
	assert_int_equal(put_status(w->st, LOG, 10, 3), ERR_OK);
	store_rollback(w->st);
	assert_each(w->st, LOG, 0, 100, "");
}

static void
test_status_refused(void **state)
{
	struct world *w = *state;
	struct store_status status = { .log = LOG, .first = 1, .count = 1,
	    .state = 1 };

	/* outside of a transaction */
	assert_int_equal(store_status_put(w->st, &status, NULL), ERR_STATE);
	assert_int_equal(store_status_delete(w->st, LOG, 1, NULL),
	    ERR_STATE);
	begin(w->st);
	status.count = 0;
	assert_int_equal(store_status_put(w->st, &status, NULL),
	    ERR_INVALID);
	status.count = 1;
	status.time = -1;
	assert_int_equal(store_status_put(w->st, &status, NULL),
	    ERR_INVALID);
	status.time = 0;
	status.first = UINT64_MAX;
	assert_int_equal(store_status_put(w->st, &status, NULL), ERR_LIMIT);
}

/* Rows that cannot be ours are told, not used. */
static void
test_status_bad_rows(void **state)
{
	static const char *const bad[] = {
		"UPDATE status SET state = 0", "UPDATE status SET state = 4",
		"UPDATE status SET count = 0", "UPDATE status SET time = -1",
		"UPDATE status SET reason = 'x'",
		"UPDATE status SET operation = -7",
		"UPDATE status SET count = x'01'",
	};
	struct world *w = *state;
	struct store_status got;
	struct seen seen = { 0 };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin(w->st);
		assert_int_equal(put_status(w->st, LOG, 10, 5), ERR_OK);
		assert_int_equal(store_exec(w->st, bad[i], NULL), ERR_OK);
		assert_int_equal(store_status_get(w->st, LOG, 10, &got,
		    NULL), ERR_CORRUPT);
		/* a count that is too small lies before what is asked */
		if (i != 2)
			assert_int_equal(store_status_each(w->st, LOG, 0,
			    100, see_status, &seen, NULL), ERR_CORRUPT);
		store_rollback(w->st);
	}
	assert_int_equal(seen.count, 0);
}

static enum err
put_operation(struct store *st, uint64_t seq, unsigned kind,
    const char *entry)
{
	struct store_operation operation = { .seq = seq, .kind = kind,
	    .time = (int64_t)(seq % 1000) + 7, .entry = bytes_text(entry) };

	return store_operation_put(st, &operation, NULL);
}

static enum err
see_operation(void *ctx, const struct store_operation *operation)
{
	char text[64];

	assert_int_equal(operation->time, operation->seq + 7);
	(void)snprintf(text, sizeof(text), "%ju:%u:%.*s",
	    (uintmax_t)operation->seq, operation->kind,
	    (int)operation->entry.len, (const char *)operation->entry.ptr);
	return see(ctx, text);
}

static void
test_operations(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct world *w = *state;
	struct store_operation got = { .kind = 77 };
	struct seen all = { 0 }, later = { 0 }, one = { 0 },
	    some = { .stop_at = 2 };

	assert_int_equal(put_operation(w->st, 0, 1, "a"), ERR_STATE);
	begin(w->st);
	assert_int_equal(put_operation(w->st, 1, 1, "a"), ERR_STATE);
	store_rollback(w->st);
	begin(w->st);
	assert_int_equal(put_operation(w->st, 0, 1, "a"), ERR_OK);
	assert_int_equal(put_operation(w->st, 1, 2, "bb"), ERR_OK);
	assert_int_equal(put_operation(w->st, 2, 1, "ccc"), ERR_OK);
	commit(w->st);
	reopen(w);
	assert_int_equal(store_operation_each(w->st, 0, 0, see_operation,
	    &all, NULL), ERR_OK);
	assert_string_equal(all.text, "0:1:a 1:2:bb 2:1:ccc ");
	assert_int_equal(store_operation_each(w->st, 1, 0, see_operation,
	    &later, NULL), ERR_OK);
	assert_string_equal(later.text, "1:2:bb 2:1:ccc ");
	assert_int_equal(store_operation_each(w->st, 0, 1, see_operation,
	    &one, NULL), ERR_OK);
	assert_string_equal(one.text, "0:1:a 2:1:ccc ");
	assert_int_equal(store_operation_each(w->st, 0, 0, see_operation,
	    &some, NULL), ERR_INTERRUPTED);

	buf_put_u8(&out, '+');
	assert_int_equal(store_operation_get(w->st, 1, &out, &got, NULL),
	    ERR_OK);
	assert_int_equal(got.kind, 2);
	assert_true(bytes_equal(got.entry, bytes_text("bb")));
	assert_string_equal(buf_text(&out), "+bb");
	assert_int_equal(store_operation_get(w->st, 3, &out, &got, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(got.kind, 2);
}

/* The place is the next, whatever was asked; none twice, none left out. */
static void
test_operations_in_order(void **state)
{
	struct world *w = *state;
	struct store_operation bad = { .seq = 1, .kind = 1, .time = -1,
	    .entry = bytes_text("x") };
	static const uint64_t wrong[] = { 0, 2, 3, INT64_MAX, UINT64_MAX };
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin(w->st);
		assert_int_equal(put_operation(w->st, 0, 1, "a"), ERR_OK);
		assert_int_equal(put_operation(w->st, wrong[i], 1, "b"),
		    wrong[i] > INT64_MAX ? ERR_LIMIT : ERR_STATE);
		store_rollback(w->st);
	}
	begin(w->st);
	assert_int_equal(store_operation_put(w->st, &bad, NULL),
	    ERR_INVALID);
}

static enum err
put_receipt(struct store *st, uint64_t first, uint32_t generation)
{
	struct store_receipt receipt = { .log = LOG, .first = first,
	    .generation = generation, .time = (int64_t)first + generation };

	fill(receipt.kid, sizeof(receipt.kid), generation);
	fill(receipt.signature, sizeof(receipt.signature),
	    first << 8 | generation);
	return store_receipt_put(st, &receipt, NULL);
}

static void
assert_receipt(const struct store_receipt *receipt, uint64_t first,
    uint32_t generation)
{
	uint8_t kid[STORE_HASH_SIZE], signature[STORE_SIGNATURE_SIZE];

	fill(kid, sizeof(kid), generation);
	fill(signature, sizeof(signature), first << 8 | generation);
	assert_int_equal(receipt->log, LOG);
	assert_int_equal(receipt->first, first);
	assert_int_equal(receipt->generation, generation);
	assert_int_equal(receipt->time, first + generation);
	assert_memory_equal(receipt->kid, kid, sizeof(kid));
	assert_memory_equal(receipt->signature, signature,
	    sizeof(signature));
}

static enum err
see_receipt(void *ctx, const struct store_receipt *receipt)
{
	char text[64];

	assert_receipt(receipt, receipt->first, receipt->generation);
	(void)snprintf(text, sizeof(text), "%ju:%u",
	    (uintmax_t)receipt->first, receipt->generation);
	return see(ctx, text);
}

static void
test_receipts(void **state)
{
	struct world *w = *state;
	struct store_receipt got = { .generation = 99 };
	struct seen all = { 0 }, later = { 0 }, some = { .stop_at = 1 };

	assert_int_equal(put_receipt(w->st, 0, 1), ERR_STATE);
	begin(w->st);
	assert_int_equal(put_receipt(w->st, 0, 0), ERR_INVALID);
	assert_int_equal(put_receipt(w->st, 0, 1), ERR_OK);
	assert_int_equal(put_receipt(w->st, 0, 2), ERR_OK);
	assert_int_equal(put_receipt(w->st, 64, 1), ERR_OK);
	assert_int_equal(put_receipt(w->st, 128, 3), ERR_OK);
	assert_int_equal(put_receipt(w->st, 64, 1), ERR_EXISTS);
	commit(w->st);
	reopen(w);
	assert_int_equal(store_receipt_get(w->st, LOG, 0, 0, &got, NULL),
	    ERR_OK);
	assert_receipt(&got, 0, 2);
	assert_int_equal(store_receipt_get(w->st, LOG, 0, 1, &got, NULL),
	    ERR_OK);
	assert_receipt(&got, 0, 1);
	assert_int_equal(store_receipt_get(w->st, LOG, 0, 3, &got, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_receipt_get(w->st, LOG, 1, 0, &got, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_receipt_get(w->st, 2, 0, 0, &got, NULL),
	    ERR_NOTFOUND);
	assert_receipt(&got, 0, 1);
	assert_int_equal(store_receipt_each(w->st, LOG, 0, see_receipt, &all,
	    NULL), ERR_OK);
	assert_string_equal(all.text, "0:2 64:1 128:3 ");
	assert_int_equal(store_receipt_each(w->st, LOG, 1, see_receipt,
	    &later, NULL), ERR_OK);
	assert_string_equal(later.text, "64:1 128:3 ");
	assert_int_equal(store_receipt_each(w->st, LOG, 0, see_receipt,
	    &some, NULL), ERR_INTERRUPTED);
}

static void
test_receipts_bad_rows(void **state)
{
	static const char *const bad[] = {
		"UPDATE receipt SET kid = x'00'",
		"UPDATE receipt SET signature = 'text'",
		"UPDATE receipt SET time = -1",
	};
	struct world *w = *state;
	struct store_receipt got;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin(w->st);
		assert_int_equal(put_receipt(w->st, 0, 1), ERR_OK);
		assert_int_equal(store_exec(w->st, bad[i], NULL), ERR_OK);
		assert_int_equal(store_receipt_get(w->st, LOG, 0, 1, &got,
		    NULL), ERR_CORRUPT);
		store_rollback(w->st);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_TEST(test_status),
		STORE_TEST(test_status_delete),
		STORE_TEST(test_status_refused),
		STORE_TEST(test_status_bad_rows),
		STORE_TEST(test_operations),
		STORE_TEST(test_operations_in_order),
		STORE_TEST(test_receipts),
		STORE_TEST(test_receipts_bad_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
