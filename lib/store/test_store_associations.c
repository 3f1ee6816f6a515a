/* What stations report: a blob a range, keys that lead to identities. */
#include "lib/store/test_world.h"

#include "lib/store/sqlite_internal.h"

static void
test_blobs(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf body = BUF_INIT;

	assert_int_equal(store_association_put(w->st, 1, 0,
	    bytes_text("early"), NULL), ERR_STATE);
	begin(w->st);
	assert_int_equal(store_association_put(w->st, 1, 8,
	    bytes_text("first"), NULL), ERR_OK);
	assert_int_equal(store_association_put(w->st, 2, 8,
	    BYTES_NONE, NULL), ERR_OK);
	assert_int_equal(store_association_put(w->st, 1, 8,
	    bytes_text("second"), NULL), ERR_OK);
	commit(w->st);
	assert_int_equal(store_association_get(w->st, 1, 8, &body, NULL),
	    ERR_OK);
	assert_int_equal(body.len, 6);
	assert_memory_equal(body.ptr, "second", 6);
	assert_int_equal(store_association_get(w->st, 2, 8, &body, NULL),
	    ERR_OK);
	assert_int_equal(body.len, 6);
	assert_int_equal(store_association_get(w->st, 1, 0, &body, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_association_get(w->st, 3, 8, &body, NULL),
	    ERR_NOTFOUND);
}

struct walk {
	uint64_t	found[4];
	size_t		count, stop;
};

static enum err
on_key(void *ctx, uint32_t log, uint64_t index)
{
	struct walk *walk = ctx;

	if (walk->count == walk->stop)
		return ERR_INTERRUPTED;
	walk->found[walk->count++] = log * 1000 + index;
	return ERR_OK;
}

static void
test_keys(void **state)
{
	struct world *w = *state;
	struct walk walk = { .stop = 4 };
	bool new = false;

	begin(w->st);
	assert_int_equal(store_line_key_put(w->st, 7, 2, 5, &new, NULL),
	    ERR_OK);
	assert_int_equal(store_line_key_put(w->st, 7, 1, 9, &new, NULL),
	    ERR_OK);
	assert_int_equal(store_line_key_put(w->st, 7, 1, 9, &new, NULL),
	    ERR_OK);
	assert_int_equal(store_line_key_put(w->st, INT64_MAX, 1, 3, &new, NULL),
	    ERR_OK);
	commit(w->st);
	begin(w->st);
	assert_int_equal(
	    store_line_key_put(w->st, UINT64_MAX, 1, 3, &new, NULL), ERR_LIMIT);
	store_rollback(w->st);
	assert_int_equal(store_line_key_each(w->st, 7, on_key, &walk, NULL),
	    ERR_OK);
	assert_int_equal(walk.count, 2);
	assert_int_equal(walk.found[0], 1009);
	assert_int_equal(walk.found[1], 2005);
	walk = (struct walk){ .stop = 1 };
	assert_int_equal(store_line_key_each(w->st, 7, on_key, &walk, NULL),
	    ERR_INTERRUPTED);
	walk = (struct walk){ .stop = 1 };
	assert_int_equal(store_line_key_each(w->st, 8, on_key, &walk, NULL),
	    ERR_OK);
	assert_int_equal(walk.count, 0);
}

/* Rows that somebody else wrote. */
static void
test_bad_rows(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct walk walk = { .stop = 4 };

	begin(w->st);
	assert_int_equal(store_exec(w->st, "INSERT INTO association VALUES "
	    "(1, 0, 'text'); INSERT INTO line_key VALUES (4, -1, 0)", NULL),
	    ERR_OK);
	commit(w->st);
	assert_int_equal(store_association_get(w->st, 1, 0, &body, NULL),
	    ERR_CORRUPT);
	assert_int_equal(store_line_key_each(w->st, 4, on_key, &walk, NULL),
	    ERR_CORRUPT);
}

/* A registry of schema 2 gets them, and what it had stays. */
static void
test_from_schema_2(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf value = BUF_INIT;
	char path[PATH_SIZE + 32];
	int64_t version = 0;
	FILE *empty;
	bool new = false;

	(void)snprintf(path, sizeof(path), "%s.two", w->path);
	store_close(&w->st);
	empty = fopen(path, "w");
	assert_non_null(empty);
	assert_int_equal(fclose(empty), 0);
	assert_int_equal(store_connect(io_posix(), path, STORE_WRITE, false,
	    &w->st, NULL), ERR_OK);
	assert_int_equal(store_migrate(w->st, store_migrations, 2, NULL),
	    ERR_OK);
	begin(w->st);
	assert_int_equal(store_meta_put(w->st, "x", bytes_text("kept"), NULL),
	    ERR_OK);
	commit(w->st);
	store_close(&w->st);
	assert_int_equal(store_open(io_posix(), path, STORE_WRITE, &w->st,
	    NULL), ERR_OK);
	assert_int_equal(store_query_int(w->st, "PRAGMA user_version",
	    &version, NULL), ERR_OK);
	assert_int_equal(version, STORE_SCHEMA_VERSION);
	assert_int_equal(store_meta_get(w->st, "x", &value, NULL), ERR_OK);
	assert_memory_equal(value.ptr, "kept", 4);
	begin(w->st);
	assert_int_equal(store_association_put(w->st, 1, 0,
	    bytes_text("body"), NULL), ERR_OK);
	assert_int_equal(store_line_key_put(w->st, 1, 1, 0, &new, NULL),
	    ERR_OK);
	commit(w->st);
	store_close(&w->st);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s.two.schema-2.backup", w->path);
	assert_int_equal(unlink(path), 0);
}

struct rows {
	struct store	*st;
	char		 text[256];
};

static enum err
on_row(void *ctx, const struct store_row *row)
{
	struct rows *rows = ctx;
	size_t len = strlen(rows->text);

	(void)snprintf(rows->text + len, sizeof(rows->text) - len,
	    "%u:%ju,%ju,%ju,%.2s ", (unsigned)row->table,
	    (uintmax_t)row->numbers[0], (uintmax_t)row->numbers[1],
	    (uintmax_t)row->numbers[2],
	    row->blob.len > 0 ? (const char *)row->blob.ptr : "");
	return ERR_OK;
}

/* Every column of every table that is summed comes out. */
static void
test_rows(void **state)
{
	static const uint8_t mark[STORE_MARK_SIZE] = "mark";
	struct store_name_file file = { .order = 3, .first = 5, .lines = 70,
	    .hash = "hash" };
	struct world *w = *state;
	struct rows rows = { .st = w->st };
	unsigned table;
	bool new = false;

	begin(w->st);
	assert_int_equal(store_name_file_put(w->st, &file, NULL), ERR_OK);
	assert_int_equal(store_name_key_put(w->st, UINT32_MAX,
	    STORE_BLOCKS_MAX - 1, &new, NULL), ERR_OK);
	assert_true(new);
	assert_int_equal(store_name_key_put(w->st, UINT32_MAX,
	    STORE_BLOCKS_MAX - 1, &new, NULL), ERR_OK);
	assert_false(new);
	assert_int_equal(store_device_mark_put(w->st, mark, 4, 9, NULL),
	    ERR_OK);
	assert_int_equal(store_association_put(w->st, 1, 8,
	    bytes_text("body"), NULL), ERR_OK);
	assert_int_equal(store_line_key_put(w->st, 7, 2, 5, &new, NULL),
	    ERR_OK);
	assert_true(new);
	assert_int_equal(store_line_key_put(w->st, 7, 2, 6, &new, NULL),
	    ERR_OK);
	commit(w->st);
	for (table = 1; table <= STORE_TABLES; table++)
		assert_int_equal(store_row_each(w->st,
		    (enum store_table)table, on_row, &rows, NULL), ERR_OK);
	assert_string_equal(rows.text, "1:3,5,70,ha "
	    "2:4294967295,2147483647,0, 3:4,9,0,ma 4:1,8,0,bo 5:7,2,5, "
	    "5:7,2,6, ");
	assert_int_equal(store_exec(w->st, "UPDATE line_key SET log = -1 "
	    "WHERE idx = 6", NULL), ERR_OK);
	assert_int_equal(store_row_each(w->st, STORE_LINE_KEY_ROWS, on_row,
	    &rows, NULL), ERR_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_blobs, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_rows, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_from_schema_2, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
