/* What is put into the store comes out of it, and what must not go in. */
#include "lib/store/test_world.h"

static void
test_meta(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf value = BUF_INIT;
	char name[STORE_NAME_MAX + 2];

	begin(w->st);
	assert_int_equal(store_meta_put(w->st, "a", bytes_text("one"), NULL),
	    ERR_OK);
	assert_int_equal(store_meta_put(w->st, "a", bytes_text("two"), NULL),
	    ERR_OK);
	assert_int_equal(store_meta_put(w->st, "empty", BYTES_NONE, NULL),
	    ERR_OK);
	memset(name, 'n', sizeof(name));
	name[STORE_NAME_MAX + 1] = '\0';
	assert_int_equal(store_meta_put(w->st, name, BYTES_NONE, NULL),
	    ERR_LIMIT);
	commit(w->st);
	reopen(w);
	buf_printf(&value, "+");
	assert_int_equal(store_meta_get(w->st, "a", &value, NULL), ERR_OK);
	assert_int_equal(store_meta_get(w->st, "empty", &value, NULL),
	    ERR_OK);
	assert_string_equal(buf_text(&value), "+two");
	assert_int_equal(store_meta_get(w->st, "b", &value, NULL),
	    ERR_NOTFOUND);
	value.limit = value.len;
	assert_int_equal(store_meta_get(w->st, "a", &value, NULL),
	    ERR_LIMIT);
}

static void
test_objects(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object got, bad;
	uint8_t hash[STORE_HASH_SIZE];

	begin(w->st);
	assert_int_equal(put_object(w->st, "camera", "2", 1, "two"), ERR_OK);
	assert_int_equal(put_object(w->st, "camera", "1", 2, "one"), ERR_OK);
	assert_int_equal(put_object(w->st, "meter", "", 3, ""), ERR_OK);
	assert_int_equal(put_object(w->st, "camera", "1", 2, "one"),
	    ERR_EXISTS);
	assert_int_equal(put_object(w->st, "camera", "1", 4, "other"),
	    ERR_CONFLICT);
	bad = object_of("late", "1", 9, "");
	bad.created = -1;
	assert_int_equal(store_object_put(w->st, &bad, NULL), ERR_INVALID);
	bad = object_of("late", "1", 9, "");
	memset(bad.name, 'x', sizeof(bad.name));	/* no end */
	assert_int_equal(store_object_put(w->st, &bad, NULL), ERR_LIMIT);
	bad = object_of("late", "1", 9, "");
	memset(bad.version, 'x', sizeof(bad.version));
	assert_int_equal(store_object_put(w->st, &bad, NULL), ERR_LIMIT);
	commit(w->st);		/* refusals spoil nothing */
	reopen(w);

	buf_printf(&body, "+");
	assert_int_equal(store_object_get(w->st, STORE_PRODUCT, "camera",
	    "2", &body, &got, NULL), ERR_OK);
	assert_true(bytes_equal(got.body, bytes_text("two")));
	assert_string_equal(got.name, "camera");
	assert_string_equal(got.version, "2");
	assert_int_equal(got.kind, STORE_PRODUCT);
	assert_int_equal(got.created, 1700000000);
	assert_int_equal(got.hash[31], 1);
	/* the one put last, not the highest */
	assert_int_equal(store_object_get(w->st, STORE_PRODUCT, "camera",
	    NULL, &body, &got, NULL), ERR_OK);
	assert_string_equal(got.version, "1");
	assert_string_equal(buf_text(&body), "+twoone");
	assert_int_equal(store_object_get(w->st, STORE_PRODUCT, "meter", "",
	    &body, &got, NULL), ERR_OK);
	assert_int_equal(got.body.len, 0);

	memset(hash, 2, sizeof(hash));
	assert_int_equal(store_object_by_hash(w->st, STORE_PRODUCT, hash,
	    &body, &got, NULL), ERR_OK);
	assert_string_equal(got.version, "1");
	assert_true(bytes_equal(got.body, bytes_text("one")));
	assert_int_equal(store_object_by_hash(w->st, STORE_STATION, hash,
	    &body, &got, NULL), ERR_NOTFOUND);
	memset(hash, 5, sizeof(hash));
	assert_int_equal(store_object_by_hash(w->st, STORE_PRODUCT, hash,
	    &body, &got, NULL), ERR_NOTFOUND);
	assert_int_equal(store_object_get(w->st, STORE_PRODUCT, "camera",
	    "3", &body, &got, NULL), ERR_NOTFOUND);
	assert_int_equal(store_object_get(w->st, STORE_STATION, "camera",
	    NULL, &body, &got, NULL), ERR_NOTFOUND);
	body.limit = body.len;
	assert_int_equal(store_object_get(w->st, STORE_PRODUCT, "camera",
	    "2", &body, &got, NULL), ERR_LIMIT);
}

/* Reads the same tables while the walk stands in them. */
static enum err
see_object(void *ctx, const struct store_object *object)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct seen *seen = ctx;
	struct store_object got;

	assert_int_equal(store_object_get(seen->st, object->kind,
	    object->name, object->version, &body, &got, NULL), ERR_OK);
	assert_true(bytes_equal(object->body, got.body));
	return see(seen, object->version);
}

static void
test_object_walk(void **state)
{
	struct world *w = *state;
	struct seen seen = { .st = w->st }, two = { .st = w->st,
		.stop_at = 2 };
	uint64_t last = 0, all = 0;

	begin(w->st);
	assert_int_equal(put_object(w->st, "b", "b2", 1, "1"), ERR_OK);
	assert_int_equal(put_object(w->st, "a", "a9", 1, "2"), ERR_OK);
	assert_int_equal(put_object(w->st, "b", "b1", 1, "3"), ERR_OK);
	commit(w->st);
	assert_int_equal(store_object_each(w->st, STORE_PRODUCT, see_object,
	    &seen, NULL), ERR_OK);
	assert_string_equal(seen.text, "b2 a9 b1 ");
	assert_int_equal(store_object_each(w->st, STORE_PRODUCT, see_object,
	    &two, NULL), ERR_INTERRUPTED);
	assert_string_equal(two.text, "b2 a9 ");
	assert_int_equal(store_object_each(w->st, STORE_ORDER, see_object,
	    &two, NULL), ERR_OK);
	assert_int_equal(two.count, 2);
	assert_int_equal(store_object_last_of(w->st, STORE_PRODUCT, &last,
	    NULL), ERR_OK);
	assert_int_equal(store_object_last(w->st, &all, NULL), ERR_OK);
	assert_true(last > 0 && last == all);
	assert_int_equal(store_object_last_of(w->st, STORE_ORDER, &all,
	    NULL), ERR_OK);
	assert_int_equal(all, 0);
}

static enum err
see_log(void *ctx, const struct store_log *log)
{
	return see(ctx, log->name);
}

static void
test_logs(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf frontier = BUF_INIT, note = BUF_INIT;
	struct store_log log = { .log = 2, .name = "online", .reserved = 7,
		.size = 5, .epoch = 255 }, got;
	struct seen seen = { .st = w->st };

	begin(w->st);
	assert_int_equal(store_log_create(w->st, &log, NULL), ERR_OK);
	make_log(w->st, 1, "bulk");
	assert_int_equal(store_log_create(w->st, &log, NULL), ERR_EXISTS);
	log.log = 3;
	assert_int_equal(store_log_create(w->st, &log, NULL), ERR_EXISTS);
	log.log = 2;
	memcpy(log.name, "other", 6);
	assert_int_equal(store_log_create(w->st, &log, NULL), ERR_EXISTS);
	log = (struct store_log){ .log = 4, .name = "x", .size = 1 };
	assert_int_equal(store_log_create(w->st, &log, NULL), ERR_INVALID);
	log = (struct store_log){ .log = 4, .name = "x",
		.reserved = UINT64_MAX };
	assert_int_equal(store_log_create(w->st, &log, NULL), ERR_LIMIT);
	assert_int_equal(store_checkpoint_put(w->st, 2, bytes_text("note"),
	    NULL), ERR_OK);
	assert_int_equal(store_checkpoint_put(w->st, 9, bytes_text("note"),
	    NULL), ERR_NOTFOUND);
	commit(w->st);
	reopen(w);
	assert_int_equal(store_log_get(w->st, 2, &got, &frontier, &note,
	    NULL), ERR_OK);
	assert_int_equal(got.log, 2);
	assert_string_equal(got.name, "online");
	assert_int_equal(got.reserved, 7);
	assert_int_equal(got.size, 5);
	assert_int_equal(got.epoch, 255);
	assert_int_equal(frontier.len, 0);
	assert_string_equal(buf_text(&note), "note");
	buf_clear(&note);
	assert_int_equal(store_log_get(w->st, 2, &got, NULL, &note, NULL),
	    ERR_OK);
	assert_string_equal(buf_text(&note), "note");
	assert_int_equal(store_log_get(w->st, 9, &got, NULL, NULL, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_log_by_name(w->st, "bulk", &got, NULL),
	    ERR_OK);
	assert_int_equal(got.log, 1);
	assert_int_equal(store_log_by_name(w->st, "none", &got, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_log_each(w->st, see_log, &seen, NULL),
	    ERR_OK);
	assert_string_equal(seen.text, "bulk online ");
}

static enum err
see_order(void *ctx, const struct store_order *order)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u:%u", order->number,
	    order->id[0]);
	return see(ctx, text);
}

static void
test_orders(void **state)
{
	struct world *w = *state;
	struct store_order order = order_of(1), second = order_of(2), got;
	struct seen seen = { .st = w->st };

	begin(w->st);
	assert_int_equal(store_order_create(w->st, &order, NULL), ERR_OK);
	assert_int_equal(order.number, 1);
	assert_int_equal(store_order_create(w->st, &second, NULL), ERR_OK);
	assert_int_equal(second.number, 2);
	second.number = 77;
	assert_int_equal(store_order_create(w->st, &second, NULL),
	    ERR_EXISTS);
	assert_int_equal(second.number, 77);
	got = order_of(3);
	got.count = (uint64_t)INT64_MAX + 1;
	assert_int_equal(store_order_create(w->st, &got, NULL), ERR_LIMIT);
	got = order_of(3);
	memset(got.operator, 'o', sizeof(got.operator));
	assert_int_equal(store_order_create(w->st, &got, NULL), ERR_LIMIT);
	assert_int_equal(store_order_set(w->st, 2, 10000, ORDER_COMPLETE,
	    NULL), ERR_OK);
	assert_int_equal(store_order_set(w->st, 3, 1, ORDER_OPEN, NULL),
	    ERR_NOTFOUND);
	commit(w->st);
	reopen(w);
	memset(&got, 0xff, sizeof(got));
	assert_int_equal(store_order_get(w->st, 1, &got, NULL), ERR_OK);
	assert_memory_equal(got.id, order.id, sizeof(got.id));
	assert_memory_equal(got.product, order.product, sizeof(got.product));
	assert_int_equal(got.number, 1);
	assert_int_equal(got.count, 10000);
	assert_int_equal(got.committed, 0);
	assert_int_equal(got.chunk_size, 4096);
	assert_int_equal(got.packs, 2);
	assert_int_equal(got.log, 1);
	assert_int_equal(got.template, 5);
	assert_int_equal(got.state, ORDER_OPEN);
	assert_int_equal(got.created, 1700000000);
	assert_string_equal(got.operator, "ada");
	assert_int_equal(store_order_get(w->st, 2, &got, NULL), ERR_OK);
	assert_int_equal(got.committed, 10000);
	assert_int_equal(got.state, ORDER_COMPLETE);
	assert_int_equal(store_order_get(w->st, 3, &got, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_order_each(w->st, see_order, &seen, NULL),
	    ERR_OK);
	assert_string_equal(seen.text, "1:1 2:2 ");
}

static void
test_packs(void **state)
{
	struct world *w = *state;
	struct store_pack pack = { .order = 1, .no = 2, .station = "line-1",
		.count = 5000, .committed = 4096, .length = 5000000,
		.chunks = 1 }, got;

	memset(pack.id, 0x33, sizeof(pack.id));
	begin(w->st);
	assert_int_equal(store_pack_put(w->st, &pack, NULL), ERR_OK);
	pack.complete = true;
	pack.chunks = 2;
	assert_int_equal(store_pack_put(w->st, &pack, NULL), ERR_OK);
	got = pack;
	got.length = UINT64_MAX;
	assert_int_equal(store_pack_put(w->st, &got, NULL), ERR_LIMIT);
	memset(got.station, 's', sizeof(got.station));
	assert_int_equal(store_pack_put(w->st, &got, NULL), ERR_LIMIT);
	commit(w->st);
	reopen(w);
	memset(&got, 0xff, sizeof(got));
	assert_int_equal(store_pack_get(w->st, 1, 2, &got, NULL), ERR_OK);
	assert_int_equal(got.order, 1);
	assert_int_equal(got.no, 2);
	assert_memory_equal(got.id, pack.id, sizeof(got.id));
	assert_string_equal(got.station, "line-1");
	assert_int_equal(got.count, 5000);
	assert_int_equal(got.committed, 4096);
	assert_int_equal(got.length, 5000000);
	assert_int_equal(got.chunks, 2);
	assert_true(got.complete);
	assert_int_equal(store_pack_get(w->st, 1, 1, &got, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_pack_get(w->st, 2, 2, &got, NULL),
	    ERR_NOTFOUND);
}

static void
test_transactions(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf value = BUF_INIT;
	struct store_range range = range_of(1, 1, 1, 1);
	struct store_order order = order_of(1);
	struct store_pack pack = { .order = 1 };
	struct store_log log = { .log = 1 };
	struct store *st = w->st;

	/* nothing is written outside of one */
	assert_int_equal(store_commit(st, NULL), ERR_STATE);
	assert_int_equal(store_meta_put(st, "a", BYTES_NONE, NULL),
	    ERR_STATE);
	assert_int_equal(put_object(st, "a", "1", 1, ""), ERR_STATE);
	assert_int_equal(store_log_create(st, &log, NULL), ERR_STATE);
	assert_int_equal(store_checkpoint_put(st, 1, BYTES_NONE, NULL),
	    ERR_STATE);
	assert_int_equal(store_order_create(st, &order, NULL), ERR_STATE);
	assert_int_equal(store_order_set(st, 1, 1, ORDER_OPEN, NULL),
	    ERR_STATE);
	assert_int_equal(store_pack_put(st, &pack, NULL), ERR_STATE);
	assert_int_equal(store_range_reserve(st, &range, NULL), ERR_STATE);
	assert_int_equal(end_range(st, &range, RANGE_VOID), ERR_STATE);
	assert_int_equal(put_entries(st, 0, 1, ENTRY), ERR_STATE);
	store_rollback(st);

	begin(st);
	assert_int_equal(store_begin(st, NULL), ERR_STATE);
	assert_int_equal(store_meta_put(st, "a", bytes_text("1"), NULL),
	    ERR_OK);
	make_log(st, 1, "bulk");
	(void)reserve(st, 1, 10, 1, 0);
	store_rollback(st);
	assert_int_equal(store_meta_get(st, "a", &value, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_log_get(st, 1, &log, NULL, NULL, NULL),
	    ERR_NOTFOUND);
	begin(st);
	make_log(st, 1, "bulk");
	assert_int_equal(reserve(st, 1, 10, 1, 0).first, 0);
	commit(st);
	/* closing drops what was not committed */
	begin(st);
	assert_int_equal(reserve(st, 1, 10, 1, 0).first, 10);
	reopen(w);
	begin(w->st);
	assert_int_equal(reserve(w->st, 1, 10, 1, 0).first, 10);
	commit(w->st);
}

/* A transaction in which SQLite failed can only be rolled back. */
static void
test_failed_transaction(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf value = BUF_INIT;
	struct diag diag = DIAG_INIT;

	begin(w->st);
	assert_int_equal(store_meta_put(w->st, "a", bytes_text("1"), NULL),
	    ERR_OK);
	/* no page more than the file has: the disk is full */
	assert_int_equal(store_exec(w->st, "PRAGMA max_page_count = 1",
	    NULL), ERR_OK);
	assert_int_equal(put_entries(w->st, 0, 256, ENTRY), ERR_NOSPACE);
	assert_int_equal(store_meta_put(w->st, "b", BYTES_NONE, &diag),
	    ERR_STATE);
	assert_int_equal(diag.code, ERR_STATE);
	assert_int_equal(store_commit(w->st, NULL), ERR_STATE);
	assert_int_equal(store_meta_get(w->st, "a", &value, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_exec(w->st, "PRAGMA max_page_count = 100000",
	    NULL), ERR_OK);
	begin(w->st);
	assert_int_equal(put_entries(w->st, 0, 256, ENTRY), ERR_OK);
	commit(w->st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_meta),
		STORE_TEST(test_objects),
		STORE_TEST(test_object_walk),
		STORE_TEST(test_logs),
		STORE_TEST(test_orders),
		STORE_TEST(test_packs),
		STORE_TEST(test_transactions),
		STORE_TEST(test_failed_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
