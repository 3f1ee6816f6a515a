/*
 * Ranges that were reserved and never finished: void in their log, revoked
 * in their status.
 */
#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/log_leaves.h"
#include "lib/authority/operation.h"
#include "lib/authority/status.h"
#include "lib/base/cbor_write.h"

struct void_walk {
	struct store_range	*ranges;
	size_t			 count, cap;
};

static enum err
void_collect(void *ctx, const struct store_range *range)
{
	struct void_walk *walk = ctx;
	struct store_range *more;

	if (walk->count == walk->cap) {
		walk->cap = walk->cap * 2 + 16;
		more = reallocarray(walk->ranges, walk->cap, sizeof(*more));
		if (more == NULL)
			return ERR_NOMEM;
		walk->ranges = more;
	}
	walk->ranges[walk->count++] = *range;
	return ERR_OK;
}

enum err
authority_void_leaves(struct merkle *tree, struct sha256 *sha256,
    const struct store_range *range)
{
	_cleanup_buf_ struct buf entry = BUF_INIT;
	uint8_t leaf[SHA256_SIZE];
	uint32_t i;
	enum err err = ERR_OK;

	for (i = 0; i < range->count && !err; i++) {
		buf_clear(&entry);
		log_void_entry(&entry, range->first + i, range->evidence);
		err = buf_err(&entry);
		if (!err)
			err = merkle_leaf(sha256, buf_bytes(&entry), leaf);
		if (!err)
			err = merkle_append(tree, sha256, leaf, 1);
	}
	return err;
}

/* Names of a file, devices of a list: they never left, others get them. */
static enum err
part_give_back(struct authority *authority, uint64_t pool,
    const struct store_range *range, struct diag *diag)
{
	enum err err;

	err = rows_part_take(authority, pool, range, diag);
	return err ? err : store_name_part_drop(authority->store, pool,
	    range->log, range->first, diag);
}

static enum err
void_close(struct authority *authority, uint32_t log,
    const struct void_walk *walk, struct diag *diag)
{
	_cleanup_buf_ struct buf frontier = BUF_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct store_log row;
	struct merkle tree;
	size_t i;
	enum err err;

	err = authority_log(authority, log, &row, &tree, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	for (i = 0; i < walk->count && !err; i++) {
		err = authority_void_leaves(&tree, sha256, &walk->ranges[i]);
		if (!err)
			err = part_give_back(authority, STORE_NAME_FILES,
			    &walk->ranges[i], diag);
		if (!err)
			err = part_give_back(authority, STORE_NAME_LISTS,
			    &walk->ranges[i], diag);
		if (!err)
			err = authority_tree_put(authority, log, &tree,
			    &frontier, diag);
		if (!err)
			err = store_range_close(authority->store,
			    &walk->ranges[i], RANGE_VOID,
			    buf_bytes(&frontier), diag);
	}
	return err;
}

/* One entry for all of them, then their status. */
static enum err
void_revoke(struct authority *authority, uint32_t log,
    const struct void_walk *walk, int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf body = { .limit = OPERATION_SIZE_MAX };
	struct status_change change = { .action = STATUS_VOID,
	    .reason = CRL_CESSATION_OF_OPERATION, .log = log };
	struct status_count count = { 0 };
	struct operation operation;
	size_t i;
	enum err err;

	if (walk->count == 0)
		return ERR_OK;
	cbor_put_array(&body, 3);
	cbor_put_uint(&body, log);
	cbor_put_array(&body, walk->count);
	for (i = 0; i < walk->count; i++) {
		cbor_put_array(&body, 2);
		cbor_put_uint(&body, walk->ranges[i].first);
		cbor_put_uint(&body, walk->ranges[i].count);
	}
	cbor_put_uint(&body, CRL_CESSATION_OF_OPERATION);
	err = buf_err(&body);
	if (!err)
		err = operation_append(authority, OPERATION_VOID, now,
		    buf_bytes(&body), &operation, diag);
	for (i = 0; i < walk->count && !err; i++) {
		change.time = operation.time;
		change.operation = operation.seq;
		change.first = walk->ranges[i].first;
		change.count = walk->ranges[i].count;
		err = status_apply(authority, &change, &count, diag);
	}
	return err;
}

enum err
authority_void_within(struct authority *authority, uint32_t log, int64_t now,
    struct diag *diag)
{
	struct void_walk walk = { 0 };
	enum err err;

	err = store_range_each(authority->store, log, 0, RANGE_RESERVED,
	    void_collect, &walk, diag);
	if (!err)
		err = void_close(authority, log, &walk, diag);
	if (!err)
		err = void_revoke(authority, log, &walk, now, diag);
	free(walk.ranges);
	return err;
}

enum err
authority_void_reserved(struct authority *authority, uint32_t log,
    int64_t now, struct diag *diag)
{
	struct store_log row;
	enum err err;

	err = store_log_get(authority->store, log, &row, NULL, NULL, diag);
	if (err || row.size == row.reserved)
		return err;
	err = store_begin(authority->store, diag);
	if (err)
		return err;
	err = authority_void_within(authority, log, now, diag);
	if (!err)
		return store_commit(authority->store, diag);
	store_rollback(authority->store);
	return err;
}

enum err
authority_void_revoke_old(struct authority *authority, int64_t now,
    struct diag *diag)
{
	static const uint32_t logs[] = { LOG_BULK_NUMBER,
	    LOG_ONLINE_NUMBER };
	struct void_walk walk = { 0 };
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < sizeof(logs) / sizeof(logs[0]) && !err; i++) {
		walk.count = 0;
		err = store_range_each(authority->store, logs[i], 0,
		    RANGE_VOID, void_collect, &walk, diag);
		if (!err)
			err = void_revoke(authority, logs[i], &walk, now,
			    diag);
	}
	free(walk.ranges);
	return err;
}
