#include "lib/authority/log_leaves.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"
#include "lib/log/entry.h"

#define BLOCK	2048	/* leaves at a time */

struct log_leaves {
	struct store		*store;
	uint32_t		 log;
	struct sha256		*sha256;
	struct store_range	 range;		/* of the last index; count
						 * 0: none yet */
	struct buf		 buf;
};

void
log_void_entry(struct buf *out, uint64_t index, unsigned evidence)
{
	log_entry_put(out, LOG_ENTRY_VOID, index,
	    (enum evidence_class)evidence, BYTES_NONE);
}

enum err
log_leaves_new(struct authority *authority, uint32_t log,
    struct log_leaves **ret_leaves, struct diag *diag)
{
	_cleanup_log_leaves_ struct log_leaves *l = NULL;
	enum err err;

	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return diag_nomem(diag);
	l->store = authority->store;
	l->log = log;
	l->buf.limit = BUF_LIMIT_DEFAULT;
	err = sha256_new(&l->sha256, diag);
	if (err)
		return err;
	*ret_leaves = l;
	l = NULL;	/* transferred */
	return ERR_OK;
}

void
log_leaves_free(struct log_leaves **leaves)
{
	struct log_leaves *l = *leaves;

	if (l == NULL)
		return;
	sha256_free(&l->sha256);
	buf_release(&l->buf);
	free(l);
	*leaves = NULL;
}

static enum err
leaf_missing(const struct log_leaves *l, uint64_t index, const char *why,
    struct diag *diag)
{
	return diag_fail(diag, ERR_CORRUPT, NULL, "registry: log %u: index "
	    "%" PRIu64 " %s", l->log, index, why);
}

static enum err
operations_read(struct log_leaves *l, uint64_t first, size_t count,
    uint8_t *ret_hashes, struct diag *diag)
{
	struct store_operation operation;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < count && !err; i++) {
		buf_clear(&l->buf);
		err = store_operation_get(l->store, first + i, &l->buf,
		    &operation, NULL);
		if (err == ERR_NOTFOUND)
			return leaf_missing(l, first + i,
			    "holds no operation", diag);
		if (!err)
			err = merkle_leaf(l->sha256, operation.entry,
			    ret_hashes + i * SHA256_SIZE);
	}
	return err ? diag_fail(diag, err, NULL, "operation %" PRIu64 ": "
	    "cannot be read", first + i - 1) : ERR_OK;
}

static enum err
void_read(struct log_leaves *l, uint64_t first, size_t count,
    uint8_t *ret_hashes)
{
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < count && !err; i++) {
		buf_clear(&l->buf);
		log_void_entry(&l->buf, first + i, l->range.evidence);
		err = buf_err(&l->buf);
		if (!err)
			err = merkle_leaf(l->sha256, buf_bytes(&l->buf),
			    ret_hashes + i * SHA256_SIZE);
	}
	return err;
}

static enum err
stored_read(struct log_leaves *l, uint64_t first, size_t count,
    uint8_t *ret_hashes, struct diag *diag)
{
	struct diag why = DIAG_INIT;
	size_t done = 0;
	enum err err;

	while (done < count) {
		buf_clear(&l->buf);
		err = store_leaves_get(l->store, l->log, first + done,
		    count - done, &l->buf, &why);
		if (err == ERR_NOTFOUND)
			return leaf_missing(l, first + done,
			    "holds no identity, and is not void", diag);
		if (err)
			return diag_fail(diag, err, NULL, "%s", why.what);
		memcpy(ret_hashes + done * SHA256_SIZE, l->buf.ptr,
		    l->buf.len);
		done += l->buf.len / SHA256_SIZE;
	}
	return ERR_OK;
}

/* The range that index lies in, from the last one if it still fits. */
static enum err
range_of(struct log_leaves *l, uint64_t index, struct diag *diag)
{
	enum err err;

	if (index >= l->range.first &&
	    index - l->range.first < l->range.count)
		return ERR_OK;
	err = store_range_get(l->store, l->log, index, &l->range, NULL);
	if (!err && l->range.state != RANGE_RESERVED)
		return ERR_OK;
	l->range.count = 0;
	if (err && err != ERR_NOTFOUND)
		return diag_fail(diag, err, NULL, "registry: log %u: the "
		    "range of index %" PRIu64 " cannot be read", l->log,
		    index);
	return leaf_missing(l, index, err ? "is in no range" :
	    "is reserved, but the log has grown past it", diag);
}

enum err
log_leaves_read(struct log_leaves *l, uint64_t first, size_t count,
    uint8_t *ret_hashes, struct diag *diag)
{
	uint64_t rest;
	size_t part;
	enum err err = ERR_OK;

	if (l->log == LOG_OPERATIONS_NUMBER)
		return operations_read(l, first, count, ret_hashes, diag);
	for (; count > 0 && !err; count -= part) {
		err = range_of(l, first, diag);
		if (err)
			return err;
		rest = l->range.first + l->range.count - first;
		part = count < rest ? count : (size_t)rest;
		err = l->range.state == RANGE_VOID ?
		    void_read(l, first, part, ret_hashes) :
		    stored_read(l, first, part, ret_hashes, diag);
		first += part;
		ret_hashes += part * SHA256_SIZE;
	}
	return err;
}

enum err
authority_root_at(struct authority *authority, uint32_t log, uint64_t size,
    uint8_t ret_root[SHA256_SIZE], struct diag *diag)
{
	_cleanup_log_leaves_ struct log_leaves *leaves = NULL;
	uint8_t hashes[BLOCK * SHA256_SIZE];
	struct store_log row;
	struct merkle tree;
	size_t part;
	enum err err;

	err = authority_log(authority, log, &row, &tree, diag);
	if (!err)
		err = log_leaves_new(authority, log, &leaves, diag);
	if (err)
		return err;
	if (size > row.size)
		return diag_fail(diag, ERR_INVALID, NULL, "log %s: it has %"
		    PRIu64 " entries, not %" PRIu64, row.name, row.size,
		    size);
	if (size < row.size)
		tree = (struct merkle)MERKLE_INIT;
	while (tree.size < size && !err) {
		part = size - tree.size < BLOCK ?
		    (size_t)(size - tree.size) : BLOCK;
		err = log_leaves_read(leaves, tree.size, part, hashes, diag);
		if (!err)
			err = merkle_append(&tree, leaves->sha256, hashes,
			    part);
	}
	return err ? err : merkle_root(&tree, leaves->sha256, ret_root);
}
