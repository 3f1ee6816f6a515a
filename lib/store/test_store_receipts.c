/* Signatures over the roots of ranges: one a range and signer. */
#include "lib/store/test_world.h"

static struct store_receipt
receipt_of(uint32_t log, uint64_t first, uint32_t generation, uint8_t fill)
{
	struct store_receipt receipt = { .log = log, .first = first,
	    .generation = generation, .time = 1700000000 };

	memset(receipt.kid, fill, sizeof(receipt.kid));
	memset(receipt.signature, fill + 1, sizeof(receipt.signature));
	return receipt;
}

static enum err
receipt_put(struct store *st, uint32_t log, uint64_t first,
    uint32_t generation, uint8_t fill)
{
	struct store_receipt receipt = receipt_of(log, first, generation,
	    fill);

	return store_receipt_put(st, &receipt, NULL);
}

static void
assert_receipt(struct store *st, uint32_t log, uint64_t first,
    uint32_t asked, uint32_t generation, uint8_t fill)
{
	struct store_receipt want = receipt_of(log, first, generation, fill);
	struct store_receipt have;

	assert_int_equal(store_receipt_get(st, log, first, asked, &have,
	    NULL), ERR_OK);
	assert_int_equal(have.generation, generation);
	assert_int_equal(have.first, first);
	assert_int_equal(have.time, want.time);
	assert_memory_equal(have.kid, want.kid, sizeof(want.kid));
	assert_memory_equal(have.signature, want.signature,
	    sizeof(want.signature));
}

static void
test_generations(void **state)
{
	struct world *w = *state;
	struct store_receipt none;

	begin(w->st);
	assert_int_equal(receipt_put(w->st, 1, 0, 1, 10), ERR_OK);
	assert_int_equal(receipt_put(w->st, 1, 0, 3, 30), ERR_OK);
	assert_int_equal(receipt_put(w->st, 1, 8, 2, 20), ERR_OK);
	assert_int_equal(receipt_put(w->st, 2, 0, 1, 40), ERR_OK);
	assert_int_equal(receipt_put(w->st, 1, 0, 1, 50), ERR_EXISTS);
	commit(w->st);
	reopen(w);
	assert_receipt(w->st, 1, 0, 0, 3, 30);
	assert_receipt(w->st, 1, 0, 3, 3, 30);
	assert_receipt(w->st, 1, 0, 1, 1, 10);
	assert_receipt(w->st, 1, 8, 0, 2, 20);
	assert_receipt(w->st, 2, 0, 0, 1, 40);
	assert_int_equal(store_receipt_get(w->st, 1, 0, 2, &none, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_receipt_get(w->st, 1, 7, 0, &none, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_receipt_get(w->st, 3, 0, 0, &none, NULL),
	    ERR_NOTFOUND);
}

struct walk {
	uint64_t	first[8];
	uint32_t	generation[8];
	size_t		count, stop;
};

static enum err
on_receipt(void *ctx, const struct store_receipt *receipt)
{
	struct walk *walk = ctx;

	if (walk->count == walk->stop)
		return ERR_INTERRUPTED;
	walk->first[walk->count] = receipt->first;
	walk->generation[walk->count++] = receipt->generation;
	return ERR_OK;
}

static void
test_each(void **state)
{
	struct world *w = *state;
	struct walk walk = { .stop = 8 };

	begin(w->st);
	assert_int_equal(receipt_put(w->st, 1, 16, 1, 1), ERR_OK);
	assert_int_equal(receipt_put(w->st, 1, 0, 1, 1), ERR_OK);
	assert_int_equal(receipt_put(w->st, 1, 8, 2, 1), ERR_OK);
	assert_int_equal(receipt_put(w->st, 1, 8, 1, 1), ERR_OK);
	assert_int_equal(receipt_put(w->st, 2, 4, 9, 1), ERR_OK);
	commit(w->st);
	assert_int_equal(store_receipt_each(w->st, 1, 0, on_receipt, &walk,
	    NULL), ERR_OK);
	assert_int_equal(walk.count, 3);
	assert_int_equal(walk.first[0], 0);
	assert_int_equal(walk.first[1], 8);
	assert_int_equal(walk.generation[1], 2);
	assert_int_equal(walk.first[2], 16);
	walk = (struct walk){ .stop = 1 };
	assert_int_equal(store_receipt_each(w->st, 1, 1, on_receipt, &walk,
	    NULL), ERR_INTERRUPTED);
	assert_int_equal(walk.count, 1);
	assert_int_equal(walk.first[0], 8);
	walk = (struct walk){ .stop = 8 };
	assert_int_equal(store_receipt_each(w->st, 3, 0, on_receipt, &walk,
	    NULL), ERR_OK);
	assert_int_equal(walk.count, 0);
}

static void
test_refused(void **state)
{
	struct world *w = *state;
	struct store_receipt early = receipt_of(1, 0, 1, 1);

	begin(w->st);
	assert_int_equal(receipt_put(w->st, 1, 0, 0, 1), ERR_INVALID);
	early.time = -1;
	assert_int_equal(store_receipt_put(w->st, &early, NULL),
	    ERR_INVALID);
	store_rollback(w->st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_generations, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_each, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
