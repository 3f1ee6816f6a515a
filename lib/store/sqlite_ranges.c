/* Reservations, and what became of them. */
#include "lib/store/sqlite_internal.h"

#define INDEX_LIMIT	((uint64_t)1 << 56)
#define RANGE_COLUMNS	"log, first, count, epoch, seed, state, template, "\
			"order_number, pack, chunk, issued, evidence, "\
			"pack_offset, pack_length, chunk_hash"

static enum err
range_insert(struct store *st, const struct store_range *range,
    struct diag *diag)
{
	static const char text[] = "INSERT INTO range (" RANGE_COLUMNS ") "
	    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, range->log);
	sql_put_u64(&q, range->first);
	sql_put_int(&q, range->count);
	sql_put_int(&q, range->epoch);
	sql_put_bytes(&q, bytes_of(range->seed, RANGE_SEED_SIZE));
	sql_put_int(&q, (int64_t)range->state);
	sql_put_int(&q, range->template);
	sql_put_int(&q, range->order);
	sql_put_int(&q, range->pack);
	sql_put_int(&q, range->chunk);
	sql_put_int(&q, range->issued);
	sql_put_int(&q, range->evidence);
	sql_put_u64(&q, range->pack_offset);
	sql_put_u64(&q, range->pack_length);
	sql_put_bytes(&q, bytes_of(range->chunk_hash, STORE_HASH_SIZE));
	err = sql_run_insert(&q, diag);
	return err == ERR_EXISTS ? diag_fail(diag, ERR_CORRUPT, NULL,
	    "registry %s: log %u: index %ju was reserved before", st->path,
	    range->log, (uintmax_t)range->first) : err;
}

static enum err
log_set_reserved(struct store *st, uint32_t log, uint64_t reserved,
    struct diag *diag)
{
	static const char text[] = "UPDATE log SET reserved = ? "
	    "WHERE log = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, reserved);
	sql_put_int(&q, log);
	return sql_run(&q, diag);
}

enum err
store_range_reserve(struct store *st, struct store_range *range,
    struct diag *diag)
{
	struct store_range reserved = *range;
	struct store_log log;
	enum err err;

	err = store_writable(st, diag);
	if (!err)
		err = store_log_get(st, range->log, &log, NULL, NULL, diag);
	if (err)
		return err;
	if (range->count == 0 || range->issued < 0)
		return diag_fail(diag, ERR_INVALID, NULL, "log %u: "
		    "reservation: no indices, or issued before 1970",
		    range->log);
	if (log.reserved > INDEX_LIMIT - range->count)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "log %u: its indices are used up", range->log);
	reserved.first = log.reserved;
	reserved.state = RANGE_RESERVED;
	err = range_insert(st, &reserved, diag);
	if (!err)
		err = log_set_reserved(st, range->log,
		    log.reserved + range->count, diag);
	if (err)
		return err;
	*range = reserved;
	return ERR_OK;
}

static enum err
range_read(struct sql *q, struct store_range *ret_range, struct diag *diag)
{
	struct store_range range = { .log = 0 };
	uint32_t epoch;
	enum err err;

	range.log = sql_get_u32(q);
	range.first = sql_get_u64(q);
	range.count = sql_get_u32(q);
	epoch = sql_get_u32(q);
	if (epoch > UINT8_MAX)
		q->bad_row = true;
	range.epoch = (uint8_t)epoch;
	sql_get_fixed(q, range.seed, sizeof(range.seed));
	range.state = (enum range_state)sql_get_u32(q);
	range.template = sql_get_u32(q);
	range.order = sql_get_u32(q);
	range.pack = sql_get_u32(q);
	range.chunk = sql_get_u32(q);
	range.issued = sql_get_int(q);
	range.evidence = sql_get_u32(q);
	range.pack_offset = sql_get_u64(q);
	range.pack_length = sql_get_u64(q);
	sql_get_fixed(q, range.chunk_hash, sizeof(range.chunk_hash));
	if (range.state < RANGE_RESERVED || range.state > RANGE_VOID)
		q->bad_row = true;
	err = sql_check_row(q, "range", diag);
	if (err)
		return err;
	*ret_range = range;
	return ERR_OK;
}

enum err
store_range_get(struct store *st, uint32_t log, uint64_t index,
    struct store_range *ret_range, struct diag *diag)
{
	static const char text[] = "SELECT " RANGE_COLUMNS " FROM range "
	    "WHERE log = ? AND first <= ? ORDER BY first DESC LIMIT 1";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_range range;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	/* beyond the limit nothing is, and it could not be asked for */
	sql_put_u64(&q, index < INDEX_LIMIT ? index : INDEX_LIMIT);
	err = sql_row(&q, &row, diag);
	if (!err && row)
		err = range_read(&q, &range, diag);
	if (err)
		return err;
	if (!row || index - range.first >= range.count)
		return diag_fail(diag, ERR_NOTFOUND, NULL, "registry %s: "
		    "log %u: index %ju is not in use", st->path, log,
		    (uintmax_t)index);
	*ret_range = range;
	return ERR_OK;
}

static enum err
range_set(struct store *st, const struct store_range *range,
    enum range_state state, struct diag *diag)
{
	static const char text[] = "UPDATE range SET state = ?, chunk = ?, "
	    "pack_offset = ?, pack_length = ?, chunk_hash = ? "
	    "WHERE log = ? AND first = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, (int64_t)state);
	sql_put_int(&q, range->chunk);
	sql_put_u64(&q, range->pack_offset);
	sql_put_u64(&q, range->pack_length);
	sql_put_bytes(&q, bytes_of(range->chunk_hash, STORE_HASH_SIZE));
	sql_put_int(&q, range->log);
	sql_put_u64(&q, range->first);
	return sql_run(&q, diag);
}

static enum err
log_set_size(struct store *st, uint32_t log, uint64_t size,
    struct bytes frontier, struct diag *diag)
{
	static const char text[] = "UPDATE log SET size = ?, frontier = ? "
	    "WHERE log = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, size);
	sql_put_bytes(&q, frontier);
	sql_put_int(&q, log);
	return sql_run(&q, diag);
}

enum err
store_range_close(struct store *st, const struct store_range *range,
    enum range_state state, struct bytes frontier, struct diag *diag)
{
	struct store_range kept = { .log = 0 };
	struct store_log log;
	enum err err;

	err = store_writable(st, diag);
	if (!err && state != RANGE_COMMITTED && state != RANGE_VOID)
		err = diag_fail(diag, ERR_INVALID, NULL, "log %u: a range "
		    "ends committed or void", range->log);
	if (!err)
		err = store_log_get(st, range->log, &log, NULL, NULL, diag);
	if (!err && range->first != log.size)
		err = diag_fail(diag, ERR_STATE, NULL, "log %u: range at "
		    "%ju: the log ends at %ju", range->log,
		    (uintmax_t)range->first, (uintmax_t)log.size);
	if (!err && log.size >= log.reserved)
		err = diag_fail(diag, ERR_STATE, NULL, "log %u: nothing is "
		    "reserved at %ju", range->log, (uintmax_t)log.size);
	if (!err)
		err = store_range_get(st, range->log, range->first, &kept,
		    diag);
	if (err)
		return err;
	if (kept.first != range->first || kept.count != range->count ||
	    kept.state != RANGE_RESERVED)
		return diag_fail(diag, ERR_STATE, NULL, "log %u: range at "
		    "%ju: not the one that is reserved there", range->log,
		    (uintmax_t)range->first);
	err = range_set(st, range, state, diag);
	return err ? err : log_set_size(st, range->log,
	    range->first + range->count, frontier, diag);
}

static enum err
range_drop(struct store *st, const struct store_range *range,
    struct diag *diag)
{
	static const char text[] = "DELETE FROM range WHERE log = ? "
	    "AND first = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, range->log);
	sql_put_u64(&q, range->first);
	return sql_run(&q, diag);
}

/* Do parts and what is left make up the reserved range they begin with? */
static bool
carve_fits(const struct store_range *whole, const struct store_log *log,
    const struct store_range *parts, size_t count,
    const struct store_range *left)
{
	uint64_t at = log->size;
	size_t i;

	if (count == 0 || whole->first != at ||
	    whole->state != RANGE_RESERVED)
		return false;
	for (i = 0; i < count; i++) {
		if (parts[i].log != whole->log || parts[i].first != at ||
		    parts[i].count == 0 ||
		    parts[i].count > whole->first + whole->count - at ||
		    (parts[i].state != RANGE_COMMITTED &&
		    parts[i].state != RANGE_VOID))
			return false;
		at += parts[i].count;
	}
	return left->count == whole->first + whole->count - at &&
	    (left->count == 0 || (left->log == whole->log &&
	    left->first == at && left->state == RANGE_RESERVED));
}

enum err
store_range_carve(struct store *st, const struct store_range *parts,
    size_t count, const struct store_range *left, struct bytes frontier,
    struct diag *diag)
{
	struct store_range whole = { .log = 0 };
	struct store_log log;
	size_t i;
	enum err err;

	err = store_writable(st, diag);
	if (!err)
		err = store_log_get(st, parts[0].log, &log, NULL, NULL, diag);
	if (!err)
		err = store_range_get(st, log.log, log.size, &whole, diag);
	if (err)
		return err;
	if (!carve_fits(&whole, &log, parts, count, left))
		return diag_fail(diag, ERR_STATE, NULL, "log %u: range at "
		    "%ju: not the one that is reserved there", log.log,
		    (uintmax_t)log.size);
	err = range_drop(st, &whole, diag);
	for (i = 0; i < count && !err; i++)
		err = range_insert(st, &parts[i], diag);
	if (!err && left->count > 0)
		err = range_insert(st, left, diag);
	return err ? err : log_set_size(st, log.log, whole.first +
	    whole.count - left->count, frontier, diag);
}

enum err
store_range_release(struct store *st, uint32_t number, struct diag *diag)
{
	static const char text[] = "DELETE FROM range WHERE log = ? "
	    "AND first >= ? AND state = 1";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_log log;
	enum err err;

	err = store_writable(st, diag);
	if (!err)
		err = store_log_get(st, number, &log, NULL, NULL, diag);
	if (!err && log.size == log.reserved)
		err = diag_fail(diag, ERR_STATE, NULL, "log %u: nothing is "
		    "reserved at %ju", number, (uintmax_t)log.size);
	if (!err)
		err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, number);
	sql_put_u64(&q, log.size);
	err = sql_run(&q, diag);
	return err ? err : log_set_reserved(st, number, log.size, diag);
}

/*
 * Few ranges are other than committed, and each order has few; both have an
 * index, which the planner takes only from a condition in plain words.
 */
static const char *
each_text(uint32_t order, unsigned state)
{
	static const char of_order[] = "SELECT " RANGE_COLUMNS " FROM range "
	    "WHERE order_number = ?2 AND (?1 = 0 OR log = ?1) "
	    "AND (?3 = 0 OR state = ?3) ORDER BY log, first";
	static const char odd[] = "SELECT " RANGE_COLUMNS " FROM range "
	    "WHERE state <> 2 AND state = ?3 AND (?1 = 0 OR log = ?1) "
	    "AND ?2 = 0 ORDER BY log, first";
	static const char all[] = "SELECT " RANGE_COLUMNS " FROM range "
	    "WHERE (?1 = 0 OR log = ?1) AND ?2 = 0 "
	    "AND (?3 = 0 OR state = ?3) ORDER BY log, first";

	if (order != 0)
		return of_order;
	return state != 0 && state != RANGE_COMMITTED ? odd : all;
}

enum err
store_range_each(struct store *st, uint32_t log, uint32_t order,
    unsigned state,
    enum err (*each)(void *ctx, const struct store_range *), void *ctx,
    struct diag *diag)
{
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_range range;
	bool row = false;
	enum err err;

	err = sql_open(st, each_text(order, state), &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_int(&q, order);
	sql_put_int(&q, state);
	for (;;) {
		err = sql_row(&q, &row, diag);
		if (err || !row)
			return err;
		err = range_read(&q, &range, diag);
		if (!err)
			err = each(ctx, &range);
		if (err)
			return err;
	}
}
