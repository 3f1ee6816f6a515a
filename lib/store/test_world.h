/*
 * What the tests of the store share: a new store for each test, and things
 * to put into it.
 */
#ifndef IMPRINT_STORE_TEST_WORLD_H
#define IMPRINT_STORE_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/store/sqlite_internal.h"

#define ENTRY	209

struct world {
	char		 dir[64];
	char		 path[PATH_SIZE];
	struct store	*st;
};

static inline int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/imprint-store-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(path_join(w->path, w->dir, "registry.db"), ERR_OK);
	assert_int_equal(store_open(io_posix(), w->path, STORE_CREATE,
	    &w->st, NULL), ERR_OK);
	*state = w;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct world *w = *state;

	store_close(&w->st);
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(rmdir(w->dir), 0);	/* nothing is left over */
	free(w);
	return 0;
}

static inline void
begin(struct store *st)
{
	assert_int_equal(store_begin(st, NULL), ERR_OK);
}

static inline void
commit(struct store *st)
{
	assert_int_equal(store_commit(st, NULL), ERR_OK);
}

static inline void
reopen(struct world *w)
{
	store_close(&w->st);
	assert_int_equal(store_open(io_posix(), w->path, STORE_WRITE, &w->st,
	    NULL), ERR_OK);
}

static inline void
make_log(struct store *st, uint32_t number, const char *name)
{
	struct store_log log = { .log = number, .epoch = 3 };

	(void)snprintf(log.name, sizeof(log.name), "%s", name);
	assert_int_equal(store_log_create(st, &log, NULL), ERR_OK);
}

static inline struct store_object
object_of(const char *name, const char *version, uint8_t hash,
    const char *body)
{
	struct store_object object = {
		.kind = STORE_PRODUCT, .created = 1700000000,
		.body = bytes_text(body),
	};

	(void)snprintf(object.name, sizeof(object.name), "%s", name);
	(void)snprintf(object.version, sizeof(object.version), "%s", version);
	memset(object.hash, hash, sizeof(object.hash));
	return object;
}

static inline enum err
put_object(struct store *st, const char *name, const char *version,
    uint8_t hash, const char *body)
{
	struct store_object object = object_of(name, version, hash, body);

	return store_object_put(st, &object, NULL);
}

static inline struct store_order
order_of(uint8_t id)
{
	struct store_order order = {
		.count = 10000, .chunk_size = 4096, .packs = 2, .log = 1,
		.template = 5, .state = ORDER_OPEN, .created = 1700000000,
		.operator = "ada",
	};

	memset(order.id, id, sizeof(order.id));
	memset(order.product, 0x22, sizeof(order.product));
	return order;
}

struct seen {
	struct store	*st;
	unsigned	 count;
	unsigned	 stop_at;
	char		 text[256];
};

static inline enum err
see(struct seen *seen, const char *text)
{
	size_t used = strlen(seen->text);

	(void)snprintf(seen->text + used, sizeof(seen->text) - used, "%s ",
	    text);
	return ++seen->count == seen->stop_at ? ERR_INTERRUPTED : ERR_OK;
}

static inline struct store_range
range_of(uint32_t log, uint32_t count, uint32_t order, uint32_t chunk)
{
	struct store_range range = {
		.log = log, .first = 4711, .count = count, .epoch = 3,
		.state = RANGE_VOID, .template = 5, .order = order,
		.pack = 1, .chunk = chunk, .issued = 1700000000,
		.evidence = 2,
	};

	memset(range.seed, (int)chunk + 1, sizeof(range.seed));
	return range;
}

static inline struct store_range
reserve(struct store *st, uint32_t log, uint32_t count, uint32_t order,
    uint32_t chunk)
{
	struct store_range range = range_of(log, count, order, chunk);

	assert_int_equal(store_range_reserve(st, &range, NULL), ERR_OK);
	return range;
}

static inline enum err
end_range(struct store *st, const struct store_range *range,
    enum range_state state)
{
	return store_range_close(st, range, state, bytes_text("frontier"),
	    NULL);
}

static inline void
fill(uint8_t *out, size_t size, uint64_t seed)
{
	size_t i;

	for (i = 0; i < size; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		out[i] = (uint8_t)(seed >> 56);
	}
}

/* Entry i of a chunk at first is a function of its index and size. */
static inline enum err
put_entries(struct store *st, uint64_t first, uint32_t count, size_t size)
{
	uint8_t *entries = malloc(count * size);
	uint8_t *leaves = malloc((size_t)count * STORE_HASH_SIZE);
	enum err err;
	uint32_t i;

	assert_non_null(entries);
	assert_non_null(leaves);
	for (i = 0; i < count; i++) {
		fill(entries + i * size, size, first + i);
		fill(leaves + (size_t)i * STORE_HASH_SIZE, STORE_HASH_SIZE,
		    ~(first + i));
	}
	err = store_entries_put(st, 1, first, count, size,
	    bytes_of(entries, count * size),
	    bytes_of(leaves, (size_t)count * STORE_HASH_SIZE), NULL);
	free(entries);
	free(leaves);
	return err;
}

static inline void
assert_entry(struct store *st, uint64_t index, size_t size)
{
	uint8_t entry[5000], leaf[STORE_HASH_SIZE], got[STORE_HASH_SIZE];
	_cleanup_buf_ struct buf out = BUF_INIT;

	fill(entry, size, index);
	fill(leaf, sizeof(leaf), ~index);
	buf_put_u8(&out, '+');
	assert_int_equal(store_entry_get(st, 1, index, &out, got, NULL),
	    ERR_OK);
	assert_int_equal(out.len, size + 1);
	assert_memory_equal(out.ptr + 1, entry, size);
	assert_memory_equal(got, leaf, sizeof(leaf));
}

static inline enum err
commit_chunk(struct store *st, uint32_t count, size_t size)
{
	struct store_range range;
	enum err err;

	begin(st);
	range = reserve(st, 1, count, 1, 0);
	commit(st);
	begin(st);
	err = put_entries(st, range.first, count, size);
	if (!err)
		err = end_range(st, &range, RANGE_COMMITTED);
	if (err) {
		store_rollback(st);
		return err;
	}
	return store_commit(st, NULL);
}

#define STORE_TEST(function)						\
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
