/* Names that do not follow from the index: files, keys, parts. */
#include "lib/store/sqlite_internal.h"

#define FILE_COLUMNS	"order_number, first, lines, hash"
#define PART_COLUMNS	"pool, first, count, log, range"
/* A key: 32 bits of hash, then the block. */
#define BLOCK_BITS	31

enum err
store_name_file_put(struct store *st, const struct store_name_file *file,
    struct diag *diag)
{
	static const char text[] = "INSERT INTO name_file (" FILE_COLUMNS ") "
	    "VALUES (?, ?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, file->order);
	sql_put_u64(&q, file->first);
	sql_put_u64(&q, file->lines);
	sql_put_bytes(&q, bytes_of(file->hash, STORE_HASH_SIZE));
	err = sql_run_insert(&q, diag);
	return err == ERR_EXISTS ? diag_fail(diag, err, NULL,
	    "registry %s: order %u has its names", st->path, file->order) :
	    err;
}

static enum err
file_read(struct sql *q, struct store_name_file *ret_file, struct diag *diag)
{
	struct store_name_file file;
	enum err err;

	file.order = sql_get_u32(q);
	file.first = sql_get_u64(q);
	file.lines = sql_get_u64(q);
	sql_get_fixed(q, file.hash, STORE_HASH_SIZE);
	if (file.first >= STORE_BLOCKS_MAX)
		q->bad_row = true;
	err = sql_check_row(q, "name_file", diag);
	if (!err)
		*ret_file = file;
	return err;
}

enum err
store_name_file_get(struct store *st, uint32_t order,
    struct store_name_file *ret_file, struct diag *diag)
{
	static const char text[] = "SELECT " FILE_COLUMNS " FROM name_file "
	    "WHERE order_number = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, order);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	return row ? file_read(&q, ret_file, diag) : diag_fail(diag,
	    ERR_NOTFOUND, NULL, "registry %s: order %u has no file of names",
	    st->path, order);
}

enum err
store_name_file_each(struct store *st,
    enum err (*each)(void *ctx, const struct store_name_file *), void *ctx,
    struct diag *diag)
{
	static const char text[] = "SELECT " FILE_COLUMNS " FROM name_file "
	    "ORDER BY order_number";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_name_file file;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	for (;;) {
		err = sql_row(&q, &row, diag);
		if (err || !row)
			return err;
		err = file_read(&q, &file, diag);
		if (!err)
			err = each(ctx, &file);
		if (err)
			return err;
	}
}

enum err
store_name_key_put(struct store *st, uint32_t hash, uint64_t block,
    bool *ret_new, struct diag *diag)
{
	static const char text[] = "INSERT OR IGNORE INTO name_key (key) "
	    "VALUES (?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = store_writable(st, diag);
	if (!err && block >= STORE_BLOCKS_MAX)
		err = diag_fail(diag, ERR_LIMIT, NULL,
		    "registry %s: no block of names %ju", st->path,
		    (uintmax_t)block);
	if (!err)
		err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, (uint64_t)hash << BLOCK_BITS | block);
	err = sql_run(&q, diag);
	if (!err)
		*ret_new = sqlite3_changes(st->db) == 1;
	return err;
}

/* One key at a time, so that the callback finds the statement free. */
static enum err
key_next(struct store *st, uint64_t from, uint64_t last, uint64_t *ret_key,
    struct diag *diag)
{
	static const char text[] = "SELECT key FROM name_key "
	    "WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1";
	_cleanup_sql_ struct sql q = SQL_INIT;
	bool row = false;
	uint64_t key;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, from);
	sql_put_u64(&q, last);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	if (!row)
		return ERR_NOTFOUND;
	key = sql_get_u64(&q);
	err = sql_check_row(&q, "name_key", diag);
	if (!err)
		*ret_key = key;
	return err;
}

enum err
store_name_key_each(struct store *st, uint32_t hash, uint64_t from,
    enum err (*each)(void *ctx, uint64_t block), void *ctx,
    struct diag *diag)
{
	uint64_t base = (uint64_t)hash << BLOCK_BITS, key = 0;
	enum err err;

	while (from < STORE_BLOCKS_MAX) {
		err = key_next(st, base | from,
		    base | (STORE_BLOCKS_MAX - 1), &key, diag);
		if (err)
			return err == ERR_NOTFOUND ? ERR_OK : err;
		err = each(ctx, key - base);
		if (err)
			return err;
		from = key - base + 1;
	}
	return ERR_OK;
}

enum err
store_name_part_put(struct store *st, const struct store_name_part *part,
    struct diag *diag)
{
	static const char text[] = "INSERT INTO name_part (" PART_COLUMNS ") "
	    "VALUES (?, ?, ?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = store_writable(st, diag);
	if (!err && part->count == 0)
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "names of %u/%ju: none", part->log,
		    (uintmax_t)part->range);
	if (!err)
		err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, part->pool);
	sql_put_u64(&q, part->first);
	sql_put_u64(&q, part->count);
	sql_put_int(&q, part->log);
	sql_put_u64(&q, part->range);
	err = sql_run_insert(&q, diag);
	return err == ERR_EXISTS ? diag_fail(diag, err, NULL,
	    "registry %s: a name of %u/%ju was taken before", st->path,
	    part->log, (uintmax_t)part->range) : err;
}

static enum err
part_read(struct sql *q, struct store_name_part *ret_part, struct diag *diag)
{
	struct store_name_part part;
	enum err err;

	part.pool = sql_get_u64(q);
	part.first = sql_get_u64(q);
	part.count = sql_get_u64(q);
	part.log = sql_get_u32(q);
	part.range = sql_get_u64(q);
	if (part.count == 0 || part.count > INT64_MAX - part.first)
		q->bad_row = true;
	err = sql_check_row(q, "name_part", diag);
	if (!err)
		*ret_part = part;
	return err;
}

/* The last part that begins at or before value. */
static enum err
part_before(struct store *st, uint64_t pool, uint64_t value, bool *ret_there,
    struct store_name_part *ret_part, struct diag *diag)
{
	static const char text[] = "SELECT " PART_COLUMNS " FROM name_part "
	    "WHERE pool = ? AND first <= ? ORDER BY first DESC LIMIT 1";
	_cleanup_sql_ struct sql q = SQL_INIT;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, pool);
	sql_put_u64(&q, value < INT64_MAX ? value : INT64_MAX);
	err = sql_row(&q, &row, diag);
	if (!err && row)
		err = part_read(&q, ret_part, diag);
	*ret_there = row;
	return err;
}

enum err
store_name_part_get(struct store *st, uint64_t pool, uint64_t value,
    struct store_name_part *ret_part, struct diag *diag)
{
	struct store_name_part part = { .pool = 0 };
	bool there = false;
	enum err err;

	err = part_before(st, pool, value, &there, &part, diag);
	if (err)
		return err;
	if (!there || value - part.first >= part.count)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "registry %s: a name that nothing took", st->path);
	*ret_part = part;
	return ERR_OK;
}

enum err
store_name_part_next(struct store *st, uint64_t pool, uint64_t *ret_value,
    struct diag *diag)
{
	struct store_name_part part = { .pool = 0 };
	bool there = false;
	enum err err;

	err = part_before(st, pool, UINT64_MAX, &there, &part, diag);
	if (!err)
		*ret_value = there ? part.first + part.count : 0;
	return err;
}

enum err
store_name_part_each(struct store *st, uint32_t log, uint64_t range,
    enum err (*each)(void *ctx, const struct store_name_part *), void *ctx,
    struct diag *diag)
{
	static const char text[] = "SELECT " PART_COLUMNS " FROM name_part "
	    "WHERE log = ? AND range = ? ORDER BY pool, first";
	static const char all[] = "SELECT " PART_COLUMNS " FROM name_part";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_name_part part;
	bool row = false;
	enum err err;

	err = sql_open(st, log != 0 ? text : all, &q, diag);
	if (err)
		return err;
	if (log != 0) {
		sql_put_int(&q, log);
		sql_put_u64(&q, range);
	}
	for (;;) {
		err = sql_row(&q, &row, diag);
		if (err || !row)
			return err;
		err = part_read(&q, &part, diag);
		if (!err)
			err = each(ctx, &part);
		if (err)
			return err;
	}
}

enum err
store_name_part_drop(struct store *st, uint64_t pool, uint32_t log,
    uint64_t range, struct diag *diag)
{
	static const char text[] = "DELETE FROM name_part "
	    "WHERE log = ? AND range = ? AND pool = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, range);
	sql_put_u64(&q, pool);
	return sql_run(&q, diag);
}
