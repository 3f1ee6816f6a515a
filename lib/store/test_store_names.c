#include "lib/store/test_world.h"

static enum err
key_seen(void *ctx, uint64_t block)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%ju", (uintmax_t)block);
	return see(ctx, text);
}

static void
keys_are(struct store *st, uint32_t hash, uint64_t from, const char *blocks)
{
	struct seen seen = { .st = st };

	assert_int_equal(store_name_key_each(st, hash, from, key_seen, &seen,
	    NULL), ERR_OK);
	assert_string_equal(seen.text, blocks);
}

/* The first and last hash and block: no key runs into another's hash. */
static void
test_keys(void **state)
{
	static const uint64_t last = STORE_BLOCKS_MAX - 1;
	static const uint32_t hashes[] = { 0, 1, 0x80000000, UINT32_MAX };
	struct store *st = ((struct world *)*state)->st;
	struct seen seen = { .st = st, .stop_at = 2 };
	bool new = false;
	size_t i;

	begin(st);
	for (i = 0; i < 4; i++) {
		assert_int_equal(store_name_key_put(st, hashes[i], last,
		    &new, NULL), ERR_OK);
		assert_int_equal(
		    store_name_key_put(st, hashes[i], 7, &new, NULL), ERR_OK);
		assert_int_equal(
		    store_name_key_put(st, hashes[i], 0, &new, NULL), ERR_OK);
		/* once more is no harm */
		assert_int_equal(
		    store_name_key_put(st, hashes[i], 7, &new, NULL), ERR_OK);
	}
	assert_int_equal(store_name_key_put(st, 5, last + 1, &new, NULL),
	    ERR_LIMIT);
	commit(st);
	for (i = 0; i < 4; i++) {
		keys_are(st, hashes[i], 0, "0 7 2147483647 ");
		keys_are(st, hashes[i], 1, "7 2147483647 ");
		keys_are(st, hashes[i], 8, "2147483647 ");
		keys_are(st, hashes[i], last + 1, "");
	}
	keys_are(st, 2, 0, "");
	keys_are(st, 0x7fffffff, 0, "");
	assert_int_equal(store_name_key_each(st, 1, 0, key_seen, &seen,
	    NULL), ERR_INTERRUPTED);
	assert_int_equal(seen.count, 2);
}

static enum err
file_seen(void *ctx, const struct store_name_file *file)
{
	struct seen *seen = ctx;
	char text[40];

	(void)snprintf(text, sizeof(text), "%u:%ju:%ju", file->order,
	    (uintmax_t)file->first, (uintmax_t)file->lines);
	return see(seen, text);
}

static void
test_files(void **state)
{
	struct world *w = *state;
	struct store_name_file file = { .order = 9, .lines = 130 }, got;
	struct seen seen = { .st = w->st };
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint32_t order = 0;

	memset(file.hash, 0x5a, sizeof(file.hash));
	begin(w->st);
	assert_int_equal(store_block_next(w->st, STORE_NAME_BLOCKS, &file.first,
			     NULL),
	    ERR_OK);
	assert_int_equal(file.first, 0);
	assert_int_equal(store_block_put(w->st, STORE_NAME_BLOCKS, 0, 9,
			     bytes_text("ab"), NULL),
	    ERR_OK);
	assert_int_equal(store_block_put(w->st, STORE_NAME_BLOCKS, 2, 9,
			     BYTES_NONE, NULL),
	    ERR_OK);
	assert_int_equal(store_block_put(w->st, STORE_NAME_BLOCKS, 2, 9,
			     BYTES_NONE, NULL),
	    ERR_EXISTS);
	assert_int_equal(store_block_put(w->st, STORE_NAME_BLOCKS,
			     STORE_BLOCKS_MAX, 9, BYTES_NONE, NULL),
	    ERR_LIMIT);
	store_rollback(w->st);

	begin(w->st);
	assert_int_equal(store_block_put(w->st, STORE_NAME_BLOCKS, 0, 9,
			     bytes_text("ab"), NULL),
	    ERR_OK);
	assert_int_equal(store_block_put(w->st, STORE_NAME_BLOCKS, 2, 9,
			     BYTES_NONE, NULL),
	    ERR_OK);
	assert_int_equal(store_name_file_put(w->st, &file, NULL), ERR_OK);
	commit(w->st);
	reopen(w);

	begin(w->st);
	assert_int_equal(store_name_file_put(w->st, &file, NULL), ERR_EXISTS);
	store_rollback(w->st);
	begin(w->st);
	file.order = 4;
	assert_int_equal(store_block_next(w->st, STORE_NAME_BLOCKS, &file.first,
			     NULL),
	    ERR_OK);
	assert_int_equal(file.first, 3);
	assert_int_equal(store_name_file_put(w->st, &file, NULL), ERR_OK);
	commit(w->st);

	assert_int_equal(store_name_file_get(w->st, 9, &got, NULL), ERR_OK);
	assert_int_equal(got.order, 9);
	assert_int_equal(got.first, 0);
	assert_int_equal(got.lines, 130);
	assert_memory_equal(got.hash, file.hash, sizeof(got.hash));
	assert_int_equal(store_name_file_get(w->st, 8, &got, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(got.order, 9);
	assert_int_equal(store_name_file_each(w->st, file_seen, &seen, NULL),
	    ERR_OK);
	assert_string_equal(seen.text, "4:3:130 9:0:130 ");

	buf_put_u8(&body, '+');
	assert_int_equal(store_block_get(w->st, STORE_NAME_BLOCKS, 0, &order,
			     &body, NULL),
	    ERR_OK);
	assert_int_equal(order, 9);
	assert_string_equal(buf_text(&body), "+ab");
	assert_int_equal(store_block_get(w->st, STORE_NAME_BLOCKS, 1, &order,
			     &body, NULL),
	    ERR_NOTFOUND);
	assert_string_equal(buf_text(&body), "+ab");
}

static enum err
put_part(struct store *st, uint64_t pool, uint64_t first, uint64_t count,
    uint64_t range)
{
	struct store_name_part part = { pool, first, count, 1, range };

	return store_name_part_put(st, &part, NULL);
}

static enum err
part_seen(void *ctx, const struct store_name_part *part)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "%ju:%ju+%ju",
	    (uintmax_t)part->pool, (uintmax_t)part->first,
	    (uintmax_t)part->count);
	return see(ctx, text);
}

static void
test_parts(void **state)
{
	static const uint64_t pool = INT64_MAX;
	struct world *w = *state;
	struct seen seen = { .st = w->st };
	struct store_name_part part = { .count = 99 };
	uint64_t next = 5;

	assert_int_equal(store_name_part_next(w->st, pool, &next, NULL),
	    ERR_OK);
	assert_int_equal(next, 0);
	begin(w->st);
	assert_int_equal(put_part(w->st, pool, 0, 10, 100), ERR_OK);
	assert_int_equal(put_part(w->st, pool, 10, 5, 110), ERR_OK);
	assert_int_equal(put_part(w->st, pool, 15, 5, 110), ERR_OK);
	assert_int_equal(put_part(w->st, pool - 1, 7, 5, 110), ERR_OK);
	assert_int_equal(put_part(w->st, pool, 10, 1, 120), ERR_EXISTS);
	assert_int_equal(put_part(w->st, pool, 30, 0, 120), ERR_INVALID);
	store_rollback(w->st);
	assert_int_equal(store_name_part_get(w->st, pool, 0, &part, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(part.count, 99);

	begin(w->st);
	assert_int_equal(put_part(w->st, pool, 0, 10, 100), ERR_OK);
	assert_int_equal(put_part(w->st, pool, 10, 5, 110), ERR_OK);
	assert_int_equal(put_part(w->st, pool, 15, 5, 110), ERR_OK);
	assert_int_equal(put_part(w->st, pool - 1, 7, 5, 110), ERR_OK);
	commit(w->st);
	assert_int_equal(store_name_part_get(w->st, pool, 9, &part, NULL),
	    ERR_OK);
	assert_int_equal(part.range, 100);
	assert_int_equal(store_name_part_get(w->st, pool, 10, &part, NULL),
	    ERR_OK);
	assert_int_equal(part.range, 110);
	assert_int_equal(part.first, 10);
	assert_int_equal(part.log, 1);
	assert_int_equal(store_name_part_get(w->st, pool, 20, &part, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_name_part_get(w->st, pool - 1, 6, &part, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_name_part_get(w->st, 7, 8, &part, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_name_part_get(w->st, pool, UINT64_MAX, &part,
	    NULL), ERR_NOTFOUND);
	assert_int_equal(store_name_part_next(w->st, pool, &next, NULL),
	    ERR_OK);
	assert_int_equal(next, 20);
	assert_int_equal(store_name_part_each(w->st, 1, 110, part_seen, &seen,
	    NULL), ERR_OK);
	assert_string_equal(seen.text, "9223372036854775806:7+5 "
	    "9223372036854775807:10+5 9223372036854775807:15+5 ");

	begin(w->st);
	assert_int_equal(store_name_part_drop(w->st, pool, 1, 110, NULL),
	    ERR_OK);
	assert_int_equal(store_name_part_drop(w->st, pool, 1, 777, NULL),
	    ERR_OK);
	assert_int_equal(store_name_part_next(w->st, pool, &next, NULL),
	    ERR_OK);
	assert_int_equal(next, 10);
	assert_int_equal(store_name_part_next(w->st, pool - 1, &next, NULL),
	    ERR_OK);
	assert_int_equal(next, 12);
	assert_int_equal(put_part(w->st, pool, 10, 1, 120), ERR_OK);
	commit(w->st);
}

static void
test_needs_transaction(void **state)
{
	struct store *st = ((struct world *)*state)->st;
	struct store_name_file file = { .order = 1 };
	bool new;

	assert_int_equal(store_block_next(st, STORE_NAME_BLOCKS, &file.first,
			     NULL),
	    ERR_STATE);
	assert_int_equal(store_name_file_put(st, &file, NULL), ERR_STATE);
	assert_int_equal(store_block_put(st, STORE_NAME_BLOCKS, 0, 1,
			     BYTES_NONE, NULL),
	    ERR_STATE);
	assert_int_equal(store_name_key_put(st, 0, 0, &new, NULL), ERR_STATE);
	assert_int_equal(put_part(st, 1, 0, 1, 0), ERR_STATE);
	assert_int_equal(store_name_part_drop(st, 1, 0, 0, NULL), ERR_STATE);
}

static void
test_bad_rows(void **state)
{
	static const char *const rows[] = {
		"UPDATE name_file SET hash = x'00'",
		"UPDATE name_file SET lines = -1",
		"UPDATE name_file SET lines = 'x'",
		"UPDATE name_file SET first = 2147483648",
		"UPDATE name_block SET body = 7",
		"UPDATE name_block SET order_number = 4294967296",
		"UPDATE name_part SET count = 0",
		"UPDATE name_part SET count = -1",
		"UPDATE name_part SET count = 9223372036854775807, first = 1",
		"UPDATE name_part SET log = 4294967296",
		"UPDATE name_part SET range = 'x'",
	};
	struct store *st = ((struct world *)*state)->st;
	struct store_name_file file = { .order = 1, .lines = 1 };
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_name_part part;
	uint32_t order;
	size_t i;

	begin(st);
	assert_int_equal(store_name_file_put(st, &file, NULL), ERR_OK);
	assert_int_equal(store_block_put(st, STORE_NAME_BLOCKS, 0, 1,
			     bytes_text("x"), NULL),
	    ERR_OK);
	assert_int_equal(put_part(st, 1, 0, 1, 0), ERR_OK);
	commit(st);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum err err;

		begin(st);
		assert_int_equal(store_exec(st, rows[i], NULL), ERR_OK);
		err = store_name_file_get(st, 1, &file, NULL);
		if (!err)
			err = store_block_get(st, STORE_NAME_BLOCKS, 0, &order,
			    &body, NULL);
		if (!err)
			err = store_name_part_get(st, 1, 5, &part, NULL);
		if (err != ERR_CORRUPT)
			fail_msg("%s: %s", rows[i], err_name(err));
		store_rollback(st);
	}
}

static void
test_check(void **state)
{
	static const struct {
		const char	*damage, *found;
	} damages[] = {
		{ "UPDATE name_part SET range = 1", "range that is not" },
		{ "UPDATE name_part SET log = 2 WHERE first = 10",
		    "range that is not there" },
		{ "UPDATE name_part SET count = 11 WHERE first = 0",
		    "one name for two" },
	};
	struct store *st = ((struct world *)*state)->st;
	size_t i;

	begin(st);
	make_log(st, 1, "bulk");
	commit(st);
	assert_int_equal(commit_chunk(st, 300, ENTRY), ERR_OK);
	begin(st);
	assert_int_equal(put_part(st, 5, 0, 10, 0), ERR_OK);
	assert_int_equal(put_part(st, 5, 10, 10, 0), ERR_OK);
	commit(st);
	assert_int_equal(store_check(st, NULL), ERR_OK);
	for (i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct diag diag = DIAG_INIT;

		begin(st);
		assert_int_equal(store_exec(st, damages[i].damage, NULL),
		    ERR_OK);
		if (store_check(st, &diag) != ERR_CORRUPT ||
		    strstr(diag.what, damages[i].found) == NULL)
			fail_msg("%s: %s", damages[i].damage, diag.what);
		store_rollback(st);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_keys),
		STORE_TEST(test_files),
		STORE_TEST(test_parts),
		STORE_TEST(test_needs_transaction),
		STORE_TEST(test_bad_rows),
		STORE_TEST(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
