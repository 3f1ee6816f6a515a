/*
 * Logs for the tests of this folder, without the work of issuing.
 */
#ifndef IMPRINT_AUTHORITY_TEST_LOG_H
#define IMPRINT_AUTHORITY_TEST_LOG_H

#include "lib/authority/test_world.h"
#include "lib/log/entry.h"

/* Entries without content, as many as a test needs; leaf i is a function of
 * its index. */
static inline void
grow(struct world *w, uint32_t count, enum range_state state)
{
	struct store_range range = { .log = LOG_BULK_NUMBER, .count = count,
	    .epoch = EPOCH_FIRST, .template = 1, .issued = NOW,
	    .evidence = EVIDENCE_ORDER };
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_buf_ struct buf frontier = BUF_INIT;
	struct store *store = w->authority->store;
	uint8_t *leaves = calloc(count, SHA256_SIZE);
	uint8_t *entries = calloc(count, 1);
	struct store_log row;
	struct merkle tree;
	uint64_t i, index;

	assert_true(leaves != NULL && entries != NULL);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	good(store_begin(store, NULL), NULL);
	good(store_range_reserve(store, &range, NULL), NULL);
	good(rows_range_add(w->authority, &range, NULL), NULL);
	good(authority_log(w->authority, range.log, &row, &tree, NULL), NULL);
	for (i = 0; i < count && state == RANGE_COMMITTED; i++) {
		index = range.first + i;
		assert_int_equal(sha256_once(bytes_of(&index, 8),
		    leaves + i * SHA256_SIZE), ERR_OK);
	}
	good(state == RANGE_VOID ? authority_void_leaves(&tree, sha256,
	    &range) : merkle_append(&tree, sha256, leaves, count), NULL);
	good(authority_tree_put(w->authority, range.log, &tree, &frontier,
	    NULL), NULL);
	if (state == RANGE_COMMITTED)
		good(store_entries_put(store, range.log, range.first, count,
		    1, bytes_of(entries, count), bytes_of(leaves,
		    (size_t)count * SHA256_SIZE), NULL), NULL);
	good(store_range_close(store, &range, state, buf_bytes(&frontier),
	    NULL), NULL);
	good(store_commit(store, NULL), NULL);
	free(leaves);
	free(entries);
}

static inline void
log_path(struct world *w, const char *log, const char *name,
    char path[PATH_SIZE])
{
	assert_true(snprintf(path, PATH_SIZE, "%s/publish/log/%s/%s", w->dir,
	    log, name) < PATH_SIZE);
}

#endif
