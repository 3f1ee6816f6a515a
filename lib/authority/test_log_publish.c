/*
 * Publication of logs: what stands in publish/log against the registry, by
 * the tiles alone; growth, healing, refusals, faults at any operation.
 */
#include "lib/authority/test_log.h"

#include "lib/authority/anchor.h"
#include "lib/authority/log_leaves.h"
#include "lib/authority/log_publish.h"
#include "lib/authority/operation.h"
#include "lib/log/entry.h"
#include "lib/log/tile.h"
#include "tests/support/io_fault.h"

static struct checkpoint
published_checkpoint(struct world *w, const char *log)
{
	_cleanup_buf_ struct buf note = BUF_INIT, line = BUF_INIT;
	char path[PATH_SIZE], origin[NOTE_NAME_MAX + 1];
	struct checkpoint c;
	struct public_key key;

	log_path(w, log, "checkpoint", path);
	good(io_read_file(io_posix(), path, &note, NULL), NULL);
	log_path(w, log, "vkey", path);
	good(io_read_file(io_posix(), path, &line, NULL), NULL);
	good(note_parse_verifier_key(buf_bytes(&line), origin, &key, NULL),
	    NULL);
	good(checkpoint_verify(buf_bytes(&note), &key, &c, NULL), NULL);
	assert_string_equal(c.origin, origin);
	return c;
}

/* Are the tiles of a folder those of its checkpoint? By every leaf. */
static bool
tiles_whole(struct world *w, const char *log, struct checkpoint *ret_c)
{
	_cleanup_tile_reader_ struct tile_reader *reader = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct hash_source source;
	uint8_t hash[SHA256_SIZE], root[SHA256_SIZE];
	struct merkle tree = MERKLE_INIT;
	char dir[PATH_SIZE];
	bool whole = true;
	uint64_t i;

	*ret_c = published_checkpoint(w, log);
	log_path(w, log, "", dir);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(tile_reader_new(io_posix(), dir, ret_c->size,
	    &reader, NULL), ERR_OK);
	source = tile_reader_source(reader);
	for (i = 0; i < ret_c->size && whole; i++) {
		whole = source.read(source.ctx, 0, i, hash, NULL) == ERR_OK;
		good(merkle_append(&tree, sha256, hash, 1), NULL);
	}
	good(merkle_root(&tree, sha256, root), NULL);
	whole = whole && memcmp(root, ret_c->root, SHA256_SIZE) == 0;
	/* and by the upper tiles */
	whole = whole && proof_root(&source, sha256, ret_c->size, root,
	    NULL) == ERR_OK && memcmp(root, ret_c->root, SHA256_SIZE) == 0;
	return whole;
}

static void
assert_published(struct world *w, uint32_t log, const char *name)
{
	_cleanup_log_leaves_ struct log_leaves *leaves = NULL;
	_cleanup_tile_reader_ struct tile_reader *reader = NULL;
	uint8_t stored[SHA256_SIZE], hash[SHA256_SIZE];
	struct hash_source source;
	struct checkpoint c;
	struct store_log row;
	struct merkle tree;
	char dir[PATH_SIZE];
	uint64_t i;

	good(authority_log(w->authority, log, &row, &tree, NULL), NULL);
	assert_true(tiles_whole(w, name, &c));
	assert_int_equal(c.size, tree.size);
	log_path(w, name, "", dir);
	assert_int_equal(tile_reader_new(io_posix(), dir, c.size, &reader,
	    NULL), ERR_OK);
	source = tile_reader_source(reader);
	good(log_leaves_new(w->authority, log, &leaves, NULL), NULL);
	for (i = 0; i < c.size; i += 1 + i / 50) {
		good(log_leaves_read(leaves, i, 1, stored, NULL), NULL);
		good(source.read(source.ctx, 0, i, hash, NULL), NULL);
		assert_memory_equal(hash, stored, SHA256_SIZE);
	}
}

static enum err
publish(struct world *w, struct diag *diag)
{
	return authority_log_publish(w->authority, LOG_BULK_NUMBER, diag);
}

static void
publish_good(struct world *w)
{
	struct diag diag = DIAG_INIT;

	good(publish(w, &diag), &diag);
}

/* Operations on the disk that one publication takes. */
static unsigned long
publish_count(struct world *w)
{
	const struct io_fault_plan plan = { .kind = IO_FAULT_NONE };
	struct io *io = io_fault_new(&plan);
	unsigned long count;

	world_open(w, io);
	count = io_fault_count(io);
	publish_good(w);
	count = io_fault_count(io) - count;
	world_open(w, io_posix());
	io_fault_free(io);
	return count;
}

static void
test_growth(void **state)
{
	static const struct {
		uint32_t		count;
		enum range_state	state;
	} steps[] = {
		{ 1, RANGE_COMMITTED }, { 254, RANGE_COMMITTED },
		{ 2, RANGE_VOID }, { 255, RANGE_COMMITTED },
		{ 300, RANGE_VOID }, { 1024, RANGE_COMMITTED },
		{ 64000, RANGE_COMMITTED }, { 5000, RANGE_COMMITTED },
	};
	struct world *w = *state;
	size_t i;

	publish_good(w);
	assert_int_equal(published_checkpoint(w, "bulk").size, 0);
	for (i = 0; i < COUNT(steps); i++) {
		grow(w, steps[i].count, steps[i].state);
		publish_good(w);
		assert_published(w, LOG_BULK_NUMBER, "bulk");
	}
	/* no partial form of a full tile is left, no temporary file either */
	shell("cd '%s/publish/log/bulk' && test -z \"$(find . -name '*.tmp' "
	    "-o -name '000.p' -path './tile/0/*')\"", w->dir);
	/* nothing new: nothing is written */
	assert_int_equal(publish_count(w), 0);
	/* a little new: little is written, whatever there is already */
	grow(w, 10, RANGE_COMMITTED);
	assert_in_range(publish_count(w), 10, 60);
}

static void
test_orders_and_operations(void **state)
{
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	uint64_t before;

	good(order_go(w, order_make(w, 0, 30, 1, 8), 2, &diag), &diag);
	assert_published(w, LOG_BULK_NUMBER, "bulk");
	before = published_checkpoint(w, "operations").size;
	assert_in_range(before, 1, 100);
	good(order_go(w, order_make(w, 1, 5, 1, 8), 2, &diag), &diag);
	assert_published(w, LOG_BULK_NUMBER, "bulk");
	assert_true(published_checkpoint(w, "operations").size > before + 2);
	good(authority_log_publish(w->authority, LOG_OPERATIONS_NUMBER,
	    &diag), &diag);
	assert_published(w, LOG_OPERATIONS_NUMBER, "operations");
}

static void
damage(struct world *w, const char *how, const char *file)
{
	char path[PATH_SIZE];

	log_path(w, "bulk", file, path);
	if (strcmp(how, "flip") == 0)
		shell("printf X | dd of='%s' bs=1 seek=33 conv=notrunc "
		    "2>/dev/null", path);
	else
		shell("%s '%s'", how, path);
}

static void
test_heal(void **state)
{
	static const char *const hows[] = { "rm", "truncate -s -32",
		"truncate -s +1", "truncate -s 0", "flip" };
	/* of 1,600 entries */
	static const char *const edge[] = { "tile/1/000.p/6",
		"tile/0/006.p/64" }, *const deep[] = { "tile/0/000",
		"tile/0/005" };
	struct log_published published;
	struct world *w = *state;
	struct checkpoint c;
	size_t h, f;

	grow(w, 1600, RANGE_COMMITTED);
	publish_good(w);
	for (h = 0; h < COUNT(hows); h++) {
		for (f = 0; f < COUNT(edge); f++) {
			damage(w, hows[h], edge[f]);
			publish_good(w);
			assert_true(tiles_whole(w, "bulk", &c));
		}
		for (f = 0; f < COUNT(deep); f++) {
			damage(w, hows[h], deep[f]);
			assert_false(tiles_whole(w, "bulk", &c));
			good(authority_log_publish_all(w->authority,
			    LOG_BULK_NUMBER, NULL, NULL, &published, NULL),
			    NULL);
			assert_int_equal(published.tiles, 1);
			assert_int_equal(published.size, 1600);
			assert_true(tiles_whole(w, "bulk", &c));
		}
	}
	/* all of it gone, and with it the folder */
	shell("rm -r '%s/publish/log/bulk'", w->dir);
	publish_good(w);
	assert_published(w, LOG_BULK_NUMBER, "bulk");
	shell("rm '%s/publish/log/bulk/checkpoint'; "
	    "echo x >'%s/publish/log/bulk/vkey'", w->dir, w->dir);
	publish_good(w);
	assert_published(w, LOG_BULK_NUMBER, "bulk");
	/* a tile is wrong and the log has grown */
	damage(w, "flip", "tile/1/000.p/6");
	grow(w, 500, RANGE_COMMITTED);
	publish_good(w);
	assert_published(w, LOG_BULK_NUMBER, "bulk");
}

/* Every file below publish/log but what is beyond the checkpoint's tree. */
static void
tree_save(struct world *w, const char *name)
{
	shell("cd '%s/publish/log' && find . -type f | sort | xargs sha256sum "
	    ">'%s/%s'", w->dir, w->root, name);
}

static void
test_registry_harmed(void **state)
{
	static const struct {
		const char	*sql;
		const char	*found;
	} harm[] = {
		{ "UPDATE segment SET leaves = zeroblob(length(leaves)) "
		    "WHERE first = (SELECT max(first) FROM segment)",
		    "leaves of indices" },
		{ "UPDATE segment SET leaves = zeroblob(length(leaves)) "
		    "WHERE first = (SELECT max(first) FROM segment "
		    "WHERE first < 1600)", "its first 1600 leaves" },
		{ "DELETE FROM segment WHERE "
		    "first = (SELECT max(first) FROM segment)",
		    "holds no identity" },
		{ "UPDATE range SET state = 1 WHERE first = 1600",
		    "is reserved" },
		{ "UPDATE range SET state = 3 WHERE first = 1600",
		    "leaves of indices" },
		{ "UPDATE log SET frontier = CAST(x'01' || "
		    "substr(frontier, 2) AS BLOB) WHERE log = 1",
		    "does not fit" },
		{ "UPDATE log SET frontier = CAST(substr(frontier, 1, "
		    "length(frontier) - 1) || "
		    SQL_OTHER("substr(frontier, -1)") " AS BLOB) "
		    "WHERE log = 1",
		    "its tree was altered" },
		/* a node of it, and the MAC as it was */
		{ "UPDATE log SET frontier = CAST(substr(frontier, 1, 8) || "
		    "zeroblob(32) || substr(frontier, 41) AS BLOB) "
		    "WHERE log = 1", "its tree was altered" },
		{ "UPDATE log SET frontier = CAST(substr(frontier, 1, "
		    "length(frontier) - 32) AS BLOB) WHERE log = 1",
		    "its tree was altered" },
		{ "UPDATE log SET checkpoint = x'00' WHERE log = 1",
		    "altered" },
		{ "UPDATE log SET checkpoint = x'' WHERE log = 1",
		    "speaks of more" },
		{ "UPDATE log SET checkpoint = (SELECT checkpoint FROM log "
		    "WHERE log = 3) WHERE log = 1", "speaks of more" },
	};
	struct world *w = *state;
	struct checkpoint c;
	size_t i;

	for (i = 0; i < COUNT(harm); i++) {
		struct diag diag = DIAG_INIT;

		world_copy(w, io_posix());
		grow(w, 1600, RANGE_COMMITTED);
		publish_good(w);
		good(authority_log_publish(w->authority,
		    LOG_OPERATIONS_NUMBER, NULL), NULL);
		grow(w, 700, RANGE_COMMITTED);
		registry_change(w, harm[i].sql);
		if (publish(w, &diag) == ERR_OK)
			fail_msg("%s", harm[i].sql);
		if (strstr(diag.what, harm[i].found) == NULL)
			fail_msg("%s: %s", harm[i].sql, diag.what);
		assert_true(tiles_whole(w, "bulk", &c));
		assert_int_equal(c.size, 1600);
	}
}

/* An edit below what is published: the next publication does not look there,
 * looking at all does, and touches no file. */
static void
test_registry_harmed_below(void **state)
{
	struct log_published published;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct checkpoint c;

	grow(w, 1600, RANGE_COMMITTED);
	publish_good(w);
	registry_change(w, "UPDATE segment SET leaves = "
	    "zeroblob(length(leaves)) WHERE first = 0");
	tree_save(w, "before");
	assert_int_equal(authority_log_publish_all(w->authority,
	    LOG_BULK_NUMBER, NULL, NULL, &published, &diag), ERR_CORRUPT);
	assert_non_null(strstr(diag.what, "its first 1600 leaves"));
	tree_save(w, "after");
	shell("cmp '%s/before' '%s/after'", w->root, w->root);
	assert_true(tiles_whole(w, "bulk", &c));
}

static void
test_old_registry(void **state)
{
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct checkpoint c;

	grow(w, 300, RANGE_COMMITTED);
	publish_good(w);
	world_close(w);
	shell("cp '%s/registry.db' '%s/old.db'", w->dir, w->dir);
	world_open(w, io_posix());
	grow(w, 300, RANGE_COMMITTED);
	publish_good(w);
	world_close(w);
	shell("cp '%s/old.db' '%s/registry.db'", w->dir, w->dir);
	world_open(w, io_posix());
	/* as it was, and grown to another tree of the same size */
	assert_int_equal(publish(w, &diag), ERR_CONFLICT);
	assert_true(diag.hint[0] != '\0');
	grow(w, 300, RANGE_VOID);
	assert_int_equal(publish(w, NULL), ERR_CONFLICT);
	assert_true(tiles_whole(w, "bulk", &c));
	assert_int_equal(c.size, 600);
}

/* The way on: a new epoch publishes under a new name. */
static void
test_epoch(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct checkpoint c;

	grow(w, 300, RANGE_COMMITTED);
	publish_good(w);
	assert_int_equal(request_put_epoch(&body, "a test",
	    BYTES_NONE, 1), ERR_OK);
	good(submit(w, REQUEST_EPOCH, buf_bytes(&body), &result, &diag),
	    &diag);
	publish_good(w);
	assert_published(w, LOG_BULK_NUMBER, "bulk-2");
	assert_string_equal(published_checkpoint(w, "bulk-2").origin,
	    "pki.example.net/log/bulk-2");
	assert_true(tiles_whole(w, "bulk", &c));
	assert_int_equal(c.size, 300);
	grow(w, 300, RANGE_COMMITTED);
	publish_good(w);
	assert_published(w, LOG_BULK_NUMBER, "bulk-2");
}

/* A fault at every operation: the old publication or the new one, each
 * whole; the next call ends with the new one. */
static void
test_faults(void **state)
{
	static const enum io_fault_kind kinds[] = { IO_FAULT_EIO,
		IO_FAULT_ENOSPC, IO_FAULT_ENOSPC_ONCE, IO_FAULT_SYNC,
		IO_FAULT_SHORT };
	struct world *w = *state;
	unsigned long at;
	struct checkpoint c;
	unsigned failed = 0;
	bool more;
	size_t k;

	for (k = 0; k < COUNT(kinds); k++)
		for (at = 1, more = true; more; at += 3) {
			const struct io_fault_plan plan = { .kind = kinds[k],
			    .at = at };
			struct io *io = io_fault_new(&plan);

			world_copy(w, io_posix());
			grow(w, 300, RANGE_COMMITTED);
			publish_good(w);
			grow(w, 1000, RANGE_COMMITTED);
			failed += world_try(w, io, NULL) != ERR_OK ||
			    publish(w, NULL) != ERR_OK;
			more = io_fault_count(io) >= at;
			assert_true(tiles_whole(w, "bulk", &c));
			assert_true(c.size == 300 || c.size == 1300);
			world_open(w, io_posix());
			io_fault_free(io);
			publish_good(w);
			assert_published(w, LOG_BULK_NUMBER, "bulk");
		}
	assert_true(failed > 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_growth, world_fresh),
		cmocka_unit_test_setup(test_orders_and_operations,
		    world_fresh),
		cmocka_unit_test_setup(test_heal, world_fresh),
		cmocka_unit_test(test_registry_harmed),
		cmocka_unit_test_setup(test_registry_harmed_below,
		    world_fresh),
		cmocka_unit_test_setup(test_old_registry, world_fresh),
		cmocka_unit_test_setup(test_epoch, world_fresh),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, world_make, world_free);
}
