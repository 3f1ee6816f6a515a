/*
 * log.verify: entries a second of verifying a log, its leaves in the registry
 * against its tree, its tiles and its checkpoint; against SHA-256 of the same
 * octets: one node of 65 for each entry. They take turns.
 */
#include <stdlib.h>

#include "bench/bench.h"
#include "lib/authority/log_verify.h"
#include "lib/authority/rows.h"
#include "lib/base/clock.h"
#include "lib/log/merkle.h"

#define RANGE	4096
#define RANGES	64
#define ENTRIES	((uint64_t)RANGE * RANGES)
#define ROUNDS	15
#define NODE	65

/* Entries without content: only leaves are read here. */
static enum err
range_commit(struct authority *authority, struct merkle *tree,
    struct sha256 *sha256, uint8_t *leaves, struct diag *diag)
{
	static const uint8_t entries[RANGE];
	struct store_range range = { .log = LOG_BULK_NUMBER, .count = RANGE,
	    .epoch = 1, .template = 1 };
	_cleanup_buf_ struct buf frontier = BUF_INIT;
	struct store *store = authority_store(authority);
	uint64_t i, index;
	enum err err;

	err = store_begin(store, diag);
	if (!err)
		err = store_range_reserve(store, &range, diag);
	if (!err)
		err = rows_range_add(authority, &range, diag);
	for (i = 0; i < RANGE && !err; i++) {
		index = range.first + i;
		err = merkle_leaf(sha256, bytes_of(&index, sizeof(index)),
		    leaves + i * SHA256_SIZE);
	}
	if (!err)
		err = merkle_append(tree, sha256, leaves, RANGE);
	if (!err)
		err = authority_tree_put(authority, range.log, tree,
		    &frontier, diag);
	if (!err)
		err = store_entries_put(store, range.log, range.first, RANGE,
		    1, bytes_of(entries, RANGE),
		    bytes_of(leaves, RANGE * SHA256_SIZE), diag);
	if (!err)
		err = store_range_close(store, &range, RANGE_COMMITTED,
		    buf_bytes(&frontier), diag);
	return err ? err : store_commit(store, diag);
}

static enum err
log_fill(struct authority *authority, struct sha256 *sha256,
    struct diag *diag)
{
	uint8_t *leaves = calloc(RANGE, SHA256_SIZE);
	struct merkle tree = MERKLE_INIT;
	int i;
	enum err err = ERR_OK;

	if (leaves == NULL)
		return diag_nomem(diag);
	for (i = 0; i < RANGES && !err; i++)
		err = range_commit(authority, &tree, sha256,
		    leaves, diag);
	free(leaves);
	return err ? err : authority_log_publish(authority, LOG_BULK_NUMBER,
	    diag);
}

static enum err
bare_hash(struct sha256 *sha256)
{
	uint8_t node[NODE] = { 1 };
	struct bytes part = bytes_of(node, sizeof(node));
	uint64_t i;
	enum err err = ERR_OK;

	for (i = 0; i < ENTRIES && !err; i++)
		err = sha256_parts(sha256, &part, 1, node + 1);
	return err;
}

static enum err
whole_verify(struct authority *authority, struct diag *diag)
{
	struct log_verify to = { .found = NULL };
	struct log_verified verified;
	enum err err;

	err = log_verify(authority, LOG_BULK_NUMBER, &to, &verified, diag);
	if (!err && (verified.differences > 0 ||
	    verified.published != ENTRIES))
		err = diag_fail(diag, ERR_INTERNAL, NULL,
		    "log.verify: the log is not as it was made");
	return err;
}

static enum err
rounds_run(struct authority *authority, struct sha256 *sha256,
    struct bench_result *result, struct diag *diag)
{
	double rates[ROUNDS], bare[ROUNDS];
	int64_t start, middle, end;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < ROUNDS && !err; i++) {
		start = time_monotonic_ns();
		err = bare_hash(sha256);
		middle = time_monotonic_ns();
		if (!err)
			err = whole_verify(authority, diag);
		end = time_monotonic_ns();
		bare[i] = (double)ENTRIES * 1e9 / (double)(middle - start);
		rates[i] = (double)ENTRIES * 1e9 / (double)(end - middle);
	}
	if (err)
		return err;
	bench_rounds(result, rates, bare, ROUNDS);
	return ERR_OK;
}

static enum err
log_run(struct bench_result *result, struct diag *diag)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	enum err err;

	err = bench_ecosystem("log", &authority, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (!err)
		err = log_fill(authority, sha256, diag);
	return err ? err : rounds_run(authority, sha256, result, diag);
}

static bool
log_kept(const struct bench_result *result)
{
	return result->ratio >= 0.5;
}

const struct bench bench_log_verify = { "log.verify", "entries/s",
    "ratio >= 0.5", log_kept, log_run };
