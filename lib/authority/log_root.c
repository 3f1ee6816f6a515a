/* The root of a log as it was. */
#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"

struct root_walk {
	struct authority	*authority;
	struct merkle		 tree;
	struct sha256		*sha256;
	uint64_t		 size;
	uint32_t		 log;
};

static enum err
root_operation(void *ctx, const struct store_operation *operation)
{
	struct root_walk *walk = ctx;
	uint8_t leaf[SHA256_SIZE];
	enum err err;

	if (walk->tree.size == walk->size)
		return ERR_INTERRUPTED;
	err = merkle_leaf(walk->sha256, operation->entry, leaf);
	return err ? err : merkle_append(&walk->tree, walk->sha256, leaf, 1);
}

static enum err
root_range(void *ctx, const struct store_range *range)
{
	_cleanup_buf_ struct buf entry = BUF_INIT;
	struct root_walk *walk = ctx;
	uint8_t leaf[SHA256_SIZE];
	uint64_t i;
	enum err err = ERR_OK;

	if (walk->tree.size == walk->size)
		return ERR_INTERRUPTED;
	if (range->state == RANGE_VOID)
		return authority_void_leaves(&walk->tree, walk->sha256,
		    range);
	for (i = 0; i < range->count && !err && walk->tree.size <
	    walk->size; i++) {
		buf_clear(&entry);
		err = store_entry_get(walk->authority->store, walk->log,
		    range->first + i, &entry, leaf, NULL);
		if (!err)
			err = merkle_append(&walk->tree, walk->sha256, leaf,
			    1);
	}
	return err;
}

enum err
authority_root_at(struct authority *authority, uint32_t log, uint64_t size,
    uint8_t ret_root[SHA256_SIZE], struct diag *diag)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct root_walk walk = { .authority = authority, .size = size,
	    .log = log };
	struct store_log row;
	enum err err;

	err = authority_log(authority, log, &row, &walk.tree, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (err)
		return err;
	if (size > row.size)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "log %s: it has %llu entries, not %llu", row.name,
		    (unsigned long long)row.size, (unsigned long long)size);
	walk.sha256 = sha256;
	if (size < row.size) {
		walk.tree = (struct merkle)MERKLE_INIT;
		err = log == LOG_OPERATIONS_NUMBER ?
		    store_operation_each(authority->store, 0, 0,
		    root_operation, &walk, diag) :
		    store_range_each(authority->store, log, 0, 0, root_range,
		    &walk, diag);
		if (err == ERR_INTERRUPTED)
			err = ERR_OK;
	}
	if (!err && walk.tree.size != size)
		err = diag_fail(diag, ERR_CORRUPT, NULL,
		    "log %s: its first %llu entries are not all there",
		    row.name, (unsigned long long)size);
	return err ? err : merkle_root(&walk.tree, sha256, ret_root);
}
