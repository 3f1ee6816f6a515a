/* Ranges and entries of issuance logs, and the check of the whole. */
#include "lib/store/test_world.h"

static void
assert_range(const struct store_range *a, const struct store_range *b)
{
	assert_int_equal(a->log, b->log);
	assert_int_equal(a->first, b->first);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->epoch, b->epoch);
	assert_memory_equal(a->seed, b->seed, sizeof(a->seed));
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->template, b->template);
	assert_int_equal(a->order, b->order);
	assert_int_equal(a->pack, b->pack);
	assert_int_equal(a->chunk, b->chunk);
	assert_int_equal(a->issued, b->issued);
	assert_int_equal(a->evidence, b->evidence);
	assert_int_equal(a->pack_offset, b->pack_offset);
	assert_int_equal(a->pack_length, b->pack_length);
	assert_memory_equal(a->chunk_hash, b->chunk_hash,
	    sizeof(a->chunk_hash));
}

static void
test_reserve(void **state)
{
	struct world *w = *state;
	struct store_range a, b, c, bad, got;
	struct store_log log;

	begin(w->st);
	make_log(w->st, 1, "bulk");
	make_log(w->st, 2, "online");
	a = reserve(w->st, 1, 100, 1, 0);
	b = reserve(w->st, 1, 50, 1, 1);
	c = reserve(w->st, 2, 1, 0, 0);
	assert_int_equal(a.first, 0);
	assert_int_equal(a.state, RANGE_RESERVED);
	assert_int_equal(b.first, 100);
	assert_int_equal(c.first, 0);
	bad = range_of(3, 1, 1, 1);
	assert_int_equal(store_range_reserve(w->st, &bad, NULL),
	    ERR_NOTFOUND);
	bad = range_of(1, 0, 1, 1);
	assert_int_equal(store_range_reserve(w->st, &bad, NULL),
	    ERR_INVALID);
	bad = range_of(1, 1, 1, 1);
	bad.issued = -1;
	assert_int_equal(store_range_reserve(w->st, &bad, NULL),
	    ERR_INVALID);
	assert_int_equal(bad.first, 4711);
	commit(w->st);
	reopen(w);
	assert_int_equal(store_log_get(w->st, 1, &log, NULL, NULL, NULL),
	    ERR_OK);
	assert_int_equal(log.reserved, 150);
	assert_int_equal(log.size, 0);
	assert_int_equal(store_range_get(w->st, 1, 149, &got, NULL), ERR_OK);
	assert_range(&got, &b);
	assert_int_equal(store_range_get(w->st, 1, 99, &got, NULL), ERR_OK);
	assert_range(&got, &a);
	assert_int_equal(store_range_get(w->st, 1, 150, &got, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_range_get(w->st, 1, UINT64_MAX, &got, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(store_range_get(w->st, 3, 0, &got, NULL),
	    ERR_NOTFOUND);
	begin(w->st);
	assert_int_equal(reserve(w->st, 1, 1, 1, 2).first, 150);
	commit(w->st);
}

static void
test_reserve_limit(void **state)
{
	struct world *w = *state;
	struct store_log log = { .log = 1, .name = "old",
		.reserved = ((uint64_t)1 << 56) - 10 };
	struct store_range range;

	begin(w->st);
	assert_int_equal(store_log_create(w->st, &log, NULL), ERR_OK);
	range = range_of(1, 11, 1, 0);
	assert_int_equal(store_range_reserve(w->st, &range, NULL),
	    ERR_LIMIT);
	range = reserve(w->st, 1, 10, 1, 0);
	assert_int_equal(store_range_get(w->st, 1, range.first + 9, &range,
	    NULL), ERR_OK);
	range = range_of(1, 1, 1, 0);
	assert_int_equal(store_range_reserve(w->st, &range, NULL),
	    ERR_LIMIT);
	commit(w->st);
}

static void
test_close_in_order(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf frontier = BUF_INIT;
	struct store_range a, b, wrong, got;
	struct store_log log;

	begin(w->st);
	make_log(w->st, 1, "bulk");
	a = reserve(w->st, 1, 100, 1, 0);
	b = reserve(w->st, 1, 50, 1, 1);
	assert_int_equal(end_range(w->st, &b, RANGE_COMMITTED), ERR_STATE);
	assert_int_equal(end_range(w->st, &a, RANGE_RESERVED),
	    ERR_INVALID);
	wrong = a;
	wrong.count = 99;
	assert_int_equal(end_range(w->st, &wrong, RANGE_VOID), ERR_STATE);
	wrong = a;
	wrong.log = 2;
	assert_int_equal(end_range(w->st, &wrong, RANGE_VOID),
	    ERR_NOTFOUND);
	a.pack_offset = 64;
	a.pack_length = 1000;
	memset(a.chunk_hash, 0x44, sizeof(a.chunk_hash));
	assert_int_equal(end_range(w->st, &a, RANGE_COMMITTED), ERR_OK);
	assert_int_equal(end_range(w->st, &a, RANGE_COMMITTED), ERR_STATE);
	assert_int_equal(end_range(w->st, &b, RANGE_VOID), ERR_OK);
	wrong = b;
	wrong.first = 150;	/* nothing there */
	assert_int_equal(end_range(w->st, &wrong, RANGE_VOID), ERR_STATE);
	commit(w->st);
	reopen(w);
	assert_int_equal(store_log_get(w->st, 1, &log, &frontier, NULL,
	    NULL), ERR_OK);
	assert_int_equal(log.size, 150);
	assert_string_equal(buf_text(&frontier), "frontier");
	assert_int_equal(store_range_get(w->st, 1, 0, &got, NULL), ERR_OK);
	a.state = RANGE_COMMITTED;
	assert_range(&got, &a);
	assert_int_equal(store_range_get(w->st, 1, 100, &got, NULL), ERR_OK);
	assert_int_equal(got.state, RANGE_VOID);
}

static enum err
see_range(void *ctx, const struct store_range *range)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%u:%ju", range->log,
	    (uintmax_t)range->first);
	return see(ctx, text);
}

static void
test_range_walk(void **state)
{
	static const struct {
		uint32_t	 log, order;
		unsigned	 state;
		const char	*seen;
	} walks[] = {
		{ 0, 0, 0, "1:0 1:10 1:30 2:0 2:5 " },
		{ 1, 0, 0, "1:0 1:10 1:30 " },
		{ 0, 1, 0, "1:0 1:30 2:5 " },
		{ 2, 1, 0, "2:5 " },
		{ 0, 0, RANGE_RESERVED, "1:30 2:5 " },
		{ 0, 0, RANGE_COMMITTED, "1:0 2:0 " },
		{ 0, 0, RANGE_VOID, "1:10 " },
		{ 2, 0, RANGE_RESERVED, "2:5 " },
		{ 2, 0, RANGE_VOID, "" },
		{ 1, 1, RANGE_RESERVED, "1:30 " },
		{ 0, 9, 0, "" },
	};
	struct world *w = *state;
	struct store_range a, b, c;
	size_t i;

	begin(w->st);
	make_log(w->st, 1, "bulk");
	make_log(w->st, 2, "online");
	a = reserve(w->st, 1, 10, 1, 0);
	b = reserve(w->st, 1, 20, 2, 0);
	(void)reserve(w->st, 1, 10, 1, 1);
	c = reserve(w->st, 2, 5, 0, 0);
	(void)reserve(w->st, 2, 5, 1, 2);
	assert_int_equal(end_range(w->st, &a, RANGE_COMMITTED), ERR_OK);
	assert_int_equal(end_range(w->st, &b, RANGE_VOID), ERR_OK);
	assert_int_equal(end_range(w->st, &c, RANGE_COMMITTED), ERR_OK);
	commit(w->st);
	for (i = 0; i < sizeof(walks) / sizeof(walks[0]); i++) {
		struct seen seen = { .st = w->st };

		assert_int_equal(store_range_each(w->st, walks[i].log,
		    walks[i].order, walks[i].state, see_range, &seen, NULL),
		    ERR_OK);
		assert_string_equal(seen.text, walks[i].seen);
	}
}

static void
test_entries(void **state)
{
	/* sizes about the edges of segments, and of pages */
	static const uint32_t counts[] = { 4096, 1, 255, 256, 257, 252, 513 };
	static const size_t sizes[] = { ENTRY, 1, 100, 213, 4000, 5000 };
	struct world *w = *state;
	uint64_t first = 0;
	size_t c, s;
	uint32_t i;

	begin(w->st);
	make_log(w->st, 1, "bulk");
	commit(w->st);
	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
			assert_int_equal(commit_chunk(w->st, counts[c],
			    sizes[s]), ERR_OK);
	reopen(w);
	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
			for (i = 0; i < counts[c]; i += i < 8 ? 1 : 61)
				assert_entry(w->st, first + i, sizes[s]);
			assert_entry(w->st, first + counts[c] - 1, sizes[s]);
			first += counts[c];
		}
	}
	assert_int_equal(store_check(w->st, NULL), ERR_OK);
}

/* Every leaf from first to end in pieces of at most step. */
static void
assert_leaves(struct store *st, uint64_t first, uint64_t end, size_t step)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint8_t leaf[STORE_HASH_SIZE];
	size_t i;

	while (first < end) {
		buf_clear(&out);
		assert_int_equal(store_leaves_get(st, 1, first, step, &out,
		    NULL), ERR_OK);
		assert_in_range(out.len, 1, step * STORE_HASH_SIZE);
		for (i = 0; i < out.len; i += STORE_HASH_SIZE) {
			fill(leaf, sizeof(leaf), ~first++);
			assert_memory_equal(out.ptr + i, leaf, sizeof(leaf));
		}
	}
	assert_int_equal(first, end);
}

static void
test_leaves(void **state)
{
	static const uint64_t absent[] = { 700, 709, 1310, (uint64_t)1 << 56,
		UINT64_MAX };
	struct world *w = *state;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct store_range gone;
	size_t i;

	begin(w->st);
	make_log(w->st, 1, "bulk");
	commit(w->st);
	assert_int_equal(commit_chunk(w->st, 700, 193), ERR_OK);
	begin(w->st);
	gone = reserve(w->st, 1, 10, 1, 1);
	assert_int_equal(end_range(w->st, &gone, RANGE_VOID), ERR_OK);
	commit(w->st);
	assert_int_equal(commit_chunk(w->st, 600, ENTRY), ERR_OK);
	assert_leaves(w->st, 0, 700, 10000);
	assert_leaves(w->st, 0, 700, 7);
	assert_leaves(w->st, 699, 700, 1);
	assert_leaves(w->st, 710, 1310, 256);
	assert_leaves(w->st, 711, 1310, 255);
	for (i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_int_equal(store_leaves_get(w->st, 1, absent[i], 1,
		    &out, NULL), ERR_NOTFOUND);
	assert_int_equal(store_leaves_get(w->st, 2, 0, 1, &out, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(out.len, 0);
	out.limit = 31;
	assert_int_equal(store_leaves_get(w->st, 1, 0, 1, &out, NULL),
	    ERR_LIMIT);
	begin(w->st);
	assert_int_equal(store_exec(w->st, "UPDATE segment SET leaves = "
	    "zeroblob(33) WHERE first = 0", NULL), ERR_OK);
	assert_int_equal(store_leaves_get(w->st, 1, 0, 1, &out, NULL),
	    ERR_CORRUPT);
	store_rollback(w->st);
}

static void
test_entries_absent(void **state)
{
	static const uint64_t absent[] = { 300, 309, 310, 609, 610, 700,
		(uint64_t)1 << 33, (uint64_t)1 << 56, INT64_MAX,
		(uint64_t)INT64_MAX + 1, UINT64_MAX };
	struct world *w = *state;
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint8_t leaf[STORE_HASH_SIZE] = { 9 };
	struct store_range gone;
	size_t i;

	begin(w->st);
	make_log(w->st, 1, "bulk");
	commit(w->st);
	assert_int_equal(commit_chunk(w->st, 300, ENTRY), ERR_OK);
	begin(w->st);
	gone = reserve(w->st, 1, 10, 1, 1);
	assert_int_equal(end_range(w->st, &gone, RANGE_VOID), ERR_OK);
	commit(w->st);
	assert_int_equal(commit_chunk(w->st, 300, ENTRY), ERR_OK);
	begin(w->st);
	(void)reserve(w->st, 1, 10, 1, 2);
	commit(w->st);
	assert_entry(w->st, 299, ENTRY);
	for (i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		if (absent[i] == 310 || absent[i] == 609) {
			assert_entry(w->st, absent[i], ENTRY);
			continue;
		}
		assert_int_equal(store_entry_get(w->st, 1, absent[i], &out,
		    leaf, NULL), ERR_NOTFOUND);
	}
	assert_int_equal(store_entry_get(w->st, 2, 0, &out, leaf, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(out.len, 0);
	assert_int_equal(leaf[0], 9);
	out.limit = ENTRY - 1;
	assert_int_equal(store_entry_get(w->st, 1, 0, &out, leaf, NULL),
	    ERR_LIMIT);
	assert_int_equal(leaf[0], 9);
}

static void
test_entries_refused(void **state)
{
	struct world *w = *state;
	uint8_t bytes[400] = { 0 };
	struct bytes two = bytes_of(bytes, 200), leaves = bytes_of(bytes, 64);
	struct store *st = w->st;

	begin(st);
	make_log(st, 1, "bulk");
	assert_int_equal(put_entries(st, 1000, 300, ENTRY), ERR_OK);
	assert_int_equal(put_entries(st, 1000, 1, ENTRY), ERR_EXISTS);
	assert_int_equal(put_entries(st, 1299, 5, ENTRY), ERR_EXISTS);
	assert_int_equal(put_entries(st, 999, 2, ENTRY), ERR_EXISTS);
	assert_int_equal(put_entries(st, 900, 500, ENTRY), ERR_EXISTS);
	assert_int_equal(put_entries(st, 1300, 1, ENTRY), ERR_OK);
	assert_int_equal(put_entries(st, 999, 1, ENTRY), ERR_OK);
	assert_int_equal(store_entries_put(st, 1, 5, 2, 100, two, leaves,
	    NULL), ERR_OK);
	assert_int_equal(store_entries_put(st, 1, 7, 2, 99, two, leaves,
	    NULL), ERR_INVALID);
	assert_int_equal(store_entries_put(st, 1, 7, 3, 100, two, leaves,
	    NULL), ERR_INVALID);
	assert_int_equal(store_entries_put(st, 1, 7, 2, 100, two,
	    bytes_of(bytes, 63), NULL), ERR_INVALID);
	assert_int_equal(store_entries_put(st, 1, 7, 2, 0, BYTES_NONE,
	    leaves, NULL), ERR_INVALID);
	assert_int_equal(store_entries_put(st, 1, UINT64_MAX - 1, 2, 100,
	    two, leaves, NULL), ERR_LIMIT);
	commit(st);
}

static const struct {
	const char	*damage;	/* of a store with two chunks */
	const char	*found;
} damages[] = {
	{ "UPDATE log SET size = 999, reserved = 1", "size is beyond" },
	{ "DELETE FROM log", "not there" },
	{ "UPDATE log SET reserved = 550, size = 550", "beyond what its" },
	{ "UPDATE log SET size = 300", "open before" },
	{ "UPDATE range SET state = 1 WHERE first = 0", "open before" },
	{ "UPDATE range SET count = 301 WHERE first = 0", "two ranges" },
	{ "UPDATE segment SET leaves = zeroblob(31) WHERE first = 0",
	    "different number" },
	{ "UPDATE segment SET entries = x'00' WHERE first = 0",
	    "different number" },
	{ "UPDATE segment SET entry_size = 0 WHERE first = 0",
	    "different number" },
	{ "UPDATE range SET state = 3 WHERE first = 0", "outside" },
	{ "DELETE FROM segment WHERE first = 0", "without all" },
	{ "DELETE FROM segment", "without all" },
	{ "INSERT INTO segment VALUES (1, 600, 1, zeroblob(32), x'00')",
	    "outside" },
	{ "UPDATE log SET size = size", NULL },
};

static void
test_check(void **state)
{
	struct world *w = *state;
	size_t i;

	begin(w->st);
	make_log(w->st, 1, "bulk");
	commit(w->st);
	assert_int_equal(commit_chunk(w->st, 300, ENTRY), ERR_OK);
	assert_int_equal(commit_chunk(w->st, 300, ENTRY), ERR_OK);
	for (i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct diag diag = DIAG_INIT;

		begin(w->st);
		assert_int_equal(store_exec(w->st, damages[i].damage, NULL),
		    ERR_OK);
		assert_int_equal(store_check(w->st, &diag),
		    damages[i].found != NULL ? ERR_CORRUPT : ERR_OK);
		if (damages[i].found != NULL &&
		    strstr(diag.what, damages[i].found) == NULL)
			fail_msg("%s: %s", damages[i].damage, diag.what);
		store_rollback(w->st);
	}
	assert_int_equal(store_check(w->st, NULL), ERR_OK);
}

/* The database is untrusted input: rows of another form are refused. */
static const char *const bad_rows[] = {
	"UPDATE log SET size = -1",
	"UPDATE log SET epoch = 256",
	"UPDATE log SET name = printf('%064d', 0)",
	"UPDATE log SET frontier = 7",
	"UPDATE range SET seed = x'00'",
	"UPDATE range SET state = 4",
	"UPDATE range SET state = 0",
	"UPDATE range SET count = 4294967296",
	"UPDATE range SET epoch = 256",
	"UPDATE range SET chunk_hash = 'text'",
	"UPDATE orders SET id = x'00'",
	"UPDATE orders SET created = 'x'",
	"UPDATE pack SET station = CAST(x'610062' AS TEXT)",
	"UPDATE object SET hash = x'00'",
	"UPDATE meta SET value = 5",
	"UPDATE segment SET entries = x'00'",
	"UPDATE segment SET entry_size = 1000000",
};

/* Reads one row of each table: the first failure. */
static enum err
read_all(struct store *st)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint8_t leaf[STORE_HASH_SIZE];
	struct store_object object;
	struct store_range range;
	struct store_order order;
	struct store_pack pack;
	struct store_log log;
	enum err err;

	err = store_log_get(st, 1, &log, &out, &out, NULL);
	if (!err)
		err = store_range_get(st, 1, 0, &range, NULL);
	if (!err)
		err = store_order_get(st, 1, &order, NULL);
	if (!err)
		err = store_pack_get(st, 1, 1, &pack, NULL);
	if (!err)
		err = store_object_get(st, STORE_PRODUCT, "camera", NULL,
		    &out, &object, NULL);
	if (!err)
		err = store_meta_get(st, "a", &out, NULL);
	return err ? err : store_entry_get(st, 1, 3, &out, leaf, NULL);
}

static void
test_bad_rows(void **state)
{
	struct world *w = *state;
	struct store_pack pack = { .order = 1, .no = 1, .station = "s" };
	struct store_order order = order_of(1);
	enum err err;
	size_t i;

	begin(w->st);
	make_log(w->st, 1, "bulk");
	assert_int_equal(store_order_create(w->st, &order, NULL), ERR_OK);
	assert_int_equal(store_pack_put(w->st, &pack, NULL), ERR_OK);
	assert_int_equal(put_object(w->st, "camera", "1", 1, "x"), ERR_OK);
	assert_int_equal(store_meta_put(w->st, "a", BYTES_NONE, NULL),
	    ERR_OK);
	commit(w->st);
	assert_int_equal(commit_chunk(w->st, 4, ENTRY), ERR_OK);
	assert_int_equal(read_all(w->st), ERR_OK);
	for (i = 0; i < sizeof(bad_rows) / sizeof(bad_rows[0]); i++) {
		begin(w->st);
		assert_int_equal(store_exec(w->st, bad_rows[i], NULL),
		    ERR_OK);
		err = read_all(w->st);
		if (err != ERR_CORRUPT)
			fail_msg("%s: %s", bad_rows[i], err_name(err));
		store_rollback(w->st);
	}
	assert_int_equal(read_all(w->st), ERR_OK);
}

/* What the disk budget rests on: little beyond the entries. */
static void
test_size(void **state)
{
	struct world *w = *state;
	int64_t empty = 0, pages = 0;
	unsigned i;

	begin(w->st);
	make_log(w->st, 1, "bulk");
	commit(w->st);
	assert_int_equal(store_query_int(w->st, "PRAGMA page_count", &empty,
	    NULL), ERR_OK);
	for (i = 0; i < 5; i++)
		assert_int_equal(commit_chunk(w->st, 4096, 213), ERR_OK);
	assert_int_equal(store_query_int(w->st, "PRAGMA page_count", &pages,
	    NULL), ERR_OK);
	assert_in_range((pages - empty) * STORE_PAGE_SIZE, 5 * 4096 * 245,
	    5 * 4096 * 245 * 103 / 100);
}

/* A reserved range comes apart from its beginning, and from there alone. */
static void
test_carve(void **state)
{
	struct bytes frontier = bytes_text("tree");
	struct world *w = *state;
	struct store_range whole, parts[2], left, got;
	struct store_log log;

	begin(w->st);
	make_log(w->st, 2, "online");
	whole = reserve(w->st, 2, 10, 0, 0);
	parts[0] = whole;
	parts[0].count = 1;
	parts[0].state = RANGE_COMMITTED;
	parts[0].template = 7;
	parts[1] = parts[0];
	parts[1].first = 1;
	parts[1].count = 2;
	parts[1].state = RANGE_VOID;
	left = whole;
	left.first = 3;
	left.count = 6;		/* one is missing */
	assert_int_equal(store_range_carve(w->st, parts, 2, &left, frontier,
	    NULL), ERR_STATE);
	left.count = 7;
	parts[1].first = 2;	/* a gap */
	assert_int_equal(store_range_carve(w->st, parts, 2, &left, frontier,
	    NULL), ERR_STATE);
	parts[1].first = 1;
	parts[0].state = RANGE_RESERVED;
	assert_int_equal(store_range_carve(w->st, parts, 2, &left, frontier,
	    NULL), ERR_STATE);
	parts[0].state = RANGE_COMMITTED;
	assert_int_equal(store_range_carve(w->st, parts, 2, &left, frontier,
	    NULL), ERR_OK);
	/* it begins at 3 now */
	assert_int_equal(store_range_carve(w->st, parts, 2, &left, frontier,
	    NULL), ERR_STATE);
	commit(w->st);
	reopen(w);
	assert_int_equal(store_log_get(w->st, 2, &log, NULL, NULL, NULL),
	    ERR_OK);
	assert_int_equal(log.size, 3);
	assert_int_equal(log.reserved, 10);
	assert_int_equal(store_range_get(w->st, 2, 0, &got, NULL), ERR_OK);
	assert_range(&got, &parts[0]);
	assert_int_equal(store_range_get(w->st, 2, 2, &got, NULL), ERR_OK);
	assert_range(&got, &parts[1]);
	assert_int_equal(store_range_get(w->st, 2, 9, &got, NULL), ERR_OK);
	assert_range(&got, &left);
	/* and ends where it ended */
	begin(w->st);
	parts[0] = left;
	parts[0].state = RANGE_COMMITTED;
	left.count = 0;
	assert_int_equal(store_range_carve(w->st, parts, 1, &left, frontier,
	    NULL), ERR_OK);
	commit(w->st);
}

/* What is reserved goes, what is closed stays. */
static void
test_release(void **state)
{
	struct bytes frontier = bytes_text("tree");
	struct world *w = *state;
	struct store_range first, again, got;
	struct store_log log;

	begin(w->st);
	make_log(w->st, 2, "online");
	assert_int_equal(store_range_release(w->st, 2, NULL), ERR_STATE);
	assert_int_equal(store_range_release(w->st, 3, NULL), ERR_NOTFOUND);
	first = reserve(w->st, 2, 10, 0, 0);
	(void)reserve(w->st, 2, 5, 0, 0);
	(void)reserve(w->st, 2, 3, 0, 0);
	assert_int_equal(store_range_close(w->st, &first, RANGE_COMMITTED,
	    frontier, NULL), ERR_OK);
	commit(w->st);
	assert_int_equal(store_range_release(w->st, 2, NULL), ERR_STATE);
	begin(w->st);
	assert_int_equal(store_range_release(w->st, 2, NULL), ERR_OK);
	commit(w->st);
	reopen(w);
	assert_int_equal(store_log_get(w->st, 2, &log, NULL, NULL, NULL),
	    ERR_OK);
	assert_int_equal(log.size, 10);
	assert_int_equal(log.reserved, 10);
	assert_int_equal(store_range_get(w->st, 2, 9, &got, NULL), ERR_OK);
	assert_int_equal(got.state, RANGE_COMMITTED);
	assert_int_equal(store_range_get(w->st, 2, 10, &got, NULL),
	    ERR_NOTFOUND);
	begin(w->st);
	assert_int_equal(store_range_release(w->st, 2, NULL), ERR_STATE);
	again = reserve(w->st, 2, 4, 0, 0);
	assert_int_equal(again.first, 10);
	commit(w->st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_reserve),
		STORE_TEST(test_reserve_limit),
		STORE_TEST(test_close_in_order),
		STORE_TEST(test_carve),
		STORE_TEST(test_release),
		STORE_TEST(test_range_walk),
		STORE_TEST(test_entries),
		STORE_TEST(test_leaves),
		STORE_TEST(test_entries_absent),
		STORE_TEST(test_entries_refused),
		STORE_TEST(test_check),
		STORE_TEST(test_bad_rows),
		STORE_TEST(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
