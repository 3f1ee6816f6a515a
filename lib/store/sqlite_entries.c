/* The entries of committed identities, in segments. */
#include "lib/store/sqlite_internal.h"

/*
 * How SQLite lays out a row that is larger than a page in a table without
 * rowid (file format, "B-tree Cell Format"): this many octets stay in the
 * tree, the rest fills overflow pages.
 */
#define ROW_LOCAL	((STORE_PAGE_SIZE - 12) * 32 / 255 - 23)
#define ROW_OVERFLOW	(STORE_PAGE_SIZE - 4)
#define ROW_HEADER	32	/* at most: types, log, first, sizes */

#define ENTRY_SIZE_MAX	65536

/*
 * Entries in a segment: the most that end just before a page does, so that
 * little of the last page stays empty.
 */
static uint32_t
segment_count(size_t entry_size)
{
	size_t each = entry_size + STORE_HASH_SIZE, pages, count;

	pages = (ROW_HEADER + STORE_SEGMENT * each - ROW_LOCAL) /
	    ROW_OVERFLOW;
	count = (ROW_LOCAL + pages * ROW_OVERFLOW - ROW_HEADER) / each;
	return pages == 0 || count > STORE_SEGMENT || count == 0 ?
	    STORE_SEGMENT : (uint32_t)count;
}

/* Indices are used once: does nothing stand at or beyond first yet? */
static enum err
check_free(struct store *st, uint32_t log, uint64_t first, uint64_t end,
    struct diag *diag)
{
	static const char text[] = "SELECT first, length(leaves) "
	    "FROM segment WHERE log = ? AND first < ? "
	    "ORDER BY first DESC LIMIT 1";
	_cleanup_sql_ struct sql q = SQL_INIT;
	uint64_t start, len;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, end);
	err = sql_row(&q, &row, diag);
	if (err || !row)
		return err;
	start = sql_get_u64(&q);
	len = sql_get_u64(&q);
	err = sql_check_row(&q, "segment", diag);
	if (err)
		return err;
	if (start + len / STORE_HASH_SIZE > first)
		return diag_fail(diag, ERR_EXISTS, NULL, "registry %s: "
		    "log %u: index %ju is stored already", st->path, log,
		    (uintmax_t)first);
	return ERR_OK;
}

enum err
store_entries_put(struct store *st, uint32_t log, uint64_t first,
    uint32_t count, size_t entry_size, struct bytes entries,
    struct bytes leaves, struct diag *diag)
{
	static const char text[] = "INSERT INTO segment "
	    "(log, first, entry_size, entries, leaves) "
	    "VALUES (?, ?, ?, ?, ?)";
	uint32_t done, part, most;
	enum err err;

	err = store_writable(st, diag);
	if (err)
		return err;
	if (entry_size == 0 || entry_size > ENTRY_SIZE_MAX ||
	    entries.len != count * entry_size ||
	    leaves.len != (size_t)count * STORE_HASH_SIZE)
		return diag_fail(diag, ERR_INVALID, NULL, "log %u: entries "
		    "at %ju: %zu and %zu octets are not %u entries of %zu",
		    log, (uintmax_t)first, entries.len, leaves.len, count,
		    entry_size);
	if (first > (uint64_t)INT64_MAX - count)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "log %u: index %ju is too large", log, (uintmax_t)first);
	err = check_free(st, log, first, first + count, diag);
	most = segment_count(entry_size);
	for (done = 0; !err && done < count; done += part) {
		_cleanup_sql_ struct sql q = SQL_INIT;

		part = count - done < most ? count - done : most;
		err = sql_open(st, text, &q, diag);
		if (err)
			return err;
		sql_put_int(&q, log);
		sql_put_u64(&q, first + done);
		sql_put_int(&q, (int64_t)entry_size);
		sql_put_bytes(&q, bytes_of(entries.ptr + done * entry_size,
		    part * entry_size));
		sql_put_bytes(&q, bytes_of(leaves.ptr +
		    (size_t)done * STORE_HASH_SIZE,
		    (size_t)part * STORE_HASH_SIZE));
		err = sql_run(&q, diag);
	}
	return err;
}

enum err
store_entry_get(struct store *st, uint32_t log, uint64_t index,
    struct buf *entry, uint8_t ret_leaf[STORE_HASH_SIZE], struct diag *diag)
{
	static const char text[] = "SELECT entry_size, "
	    "substr(entries, 1 + (?2 - first) * entry_size, entry_size), "
	    "substr(leaves, 1 + (?2 - first) * 32, 32) "
	    "FROM segment WHERE log = ?1 AND first <= ?2 AND first > ?2 - ?3 "
	    "AND length(leaves) > (?2 - first) * 32 "
	    "ORDER BY first DESC LIMIT 1";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct bytes bytes, leaf;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, index < INT64_MAX ? index : INT64_MAX);
	sql_put_int(&q, STORE_SEGMENT);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	if (!row)
		return diag_fail(diag, ERR_NOTFOUND, NULL, "registry %s: "
		    "log %u: index %ju holds no identity", st->path, log,
		    (uintmax_t)index);
	if (sql_get_u64(&q) != (uint64_t)sqlite3_column_bytes(q.stmt, 1) ||
	    sqlite3_column_bytes(q.stmt, 2) != STORE_HASH_SIZE)
		q.bad_row = true;
	bytes = sql_get_bytes(&q);
	leaf = sql_get_bytes(&q);
	err = sql_check_row(&q, "segment", diag);
	if (err)
		return err;
	buf_put_bytes(entry, bytes);
	err = buf_err(entry);
	if (err)
		return diag_fail(diag, err, NULL,
		    "registry %s: log %u: index %ju: no room", st->path, log,
		    (uintmax_t)index);
	memcpy(ret_leaf, leaf.ptr, STORE_HASH_SIZE);
	return ERR_OK;
}

/* The part of a segment's leaves from index first on, if it holds that. */
static enum err
leaves_of(struct sql *q, uint64_t first, struct bytes *ret_leaves,
    struct diag *diag)
{
	uint64_t start = sql_get_u64(q), skip = 0;
	struct bytes leaves = sql_get_bytes(q);
	enum err err;

	if (leaves.len % STORE_HASH_SIZE != 0)
		q->bad_row = true;
	err = sql_check_row(q, "segment", diag);
	if (err)
		return err;
	skip = first - start;
	if (start > first || skip >= leaves.len / STORE_HASH_SIZE)
		*ret_leaves = BYTES_NONE;
	else
		*ret_leaves = bytes_of(leaves.ptr + skip * STORE_HASH_SIZE,
		    leaves.len - skip * STORE_HASH_SIZE);
	return ERR_OK;
}

enum err
store_leaves_get(struct store *st, uint32_t log, uint64_t first,
    size_t count, struct buf *out, struct diag *diag)
{
	static const char text[] = "SELECT first, leaves FROM segment "
	    "WHERE log = ?1 AND first > ?2 - ?3 AND first < ?2 + ?4 "
	    "ORDER BY first";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct bytes leaves;
	size_t done = 0, part;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	count = count > STORE_LEAVES_MAX ? STORE_LEAVES_MAX : count;
	sql_put_int(&q, log);
	sql_put_u64(&q, first < INT64_MAX / 2 ? first : INT64_MAX / 2);
	sql_put_int(&q, STORE_SEGMENT);
	sql_put_int(&q, (int64_t)count);
	while (done < count) {
		err = sql_row(&q, &row, diag);
		if (err || !row)
			break;
		err = leaves_of(&q, first + done, &leaves, diag);
		if (err || (leaves.len == 0 && done > 0))
			break;
		part = leaves.len / STORE_HASH_SIZE;
		part = part < count - done ? part : count - done;
		buf_put(out, leaves.ptr, part * STORE_HASH_SIZE);
		done += part;
	}
	if (!err)
		err = buf_err(out);
	if (!err && done == 0)
		err = ERR_NOTFOUND;
	return err ? diag_fail(diag, err, NULL, "registry %s: log %u: leaf "
	    "of index %ju: %s", st->path, log, (uintmax_t)first,
	    err == ERR_NOTFOUND ? "there is none" : "no room") : ERR_OK;
}
