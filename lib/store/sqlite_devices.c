/* Lists of devices that came with orders: lists and marks. */
#include "lib/store/sqlite_internal.h"

#define LIST_COLUMNS	"order_number, first, entries, mode, trust, source, " \
			"hash"

enum err
store_device_list_put(struct store *st, const struct store_device_list *list,
    struct diag *diag)
{
	static const char text[] = "INSERT INTO device_list (" LIST_COLUMNS
	    ") VALUES (?, ?, ?, ?, ?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, list->order);
	sql_put_u64(&q, list->first);
	sql_put_u64(&q, list->entries);
	sql_put_int(&q, list->mode);
	sql_put_int(&q, list->trust);
	sql_put_text(&q, list->source);
	sql_put_bytes(&q, bytes_of(list->hash, STORE_HASH_SIZE));
	err = sql_run_insert(&q, diag);
	return err == ERR_EXISTS ? diag_fail(diag, err, NULL,
	    "registry %s: order %u has its list of devices", st->path,
	    list->order) : err;
}

enum err
store_device_list_get(struct store *st, uint32_t order,
    struct store_device_list *ret_list, struct diag *diag)
{
	static const char text[] = "SELECT " LIST_COLUMNS " FROM device_list "
	    "WHERE order_number = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_device_list list;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, order);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	if (!row)
		return diag_fail(diag, ERR_NOTFOUND, NULL, "registry %s: "
		    "order %u has no list of devices", st->path, order);
	list.order = sql_get_u32(&q);
	list.first = sql_get_u64(&q);
	list.entries = sql_get_u64(&q);
	list.mode = sql_get_u32(&q);
	list.trust = sql_get_u32(&q);
	sql_get_text(&q, list.source);
	sql_get_fixed(&q, list.hash, STORE_HASH_SIZE);
	err = sql_check_row(&q, "device_list", diag);
	if (!err)
		*ret_list = list;
	return err;
}

enum err
store_device_mark_put(struct store *st, const uint8_t mark[STORE_MARK_SIZE],
    uint32_t order, uint64_t entry, struct diag *diag)
{
	static const char text[] = "INSERT INTO device_mark "
	    "(mark, order_number, entry) VALUES (?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_bytes(&q, bytes_of(mark, STORE_MARK_SIZE));
	sql_put_int(&q, order);
	sql_put_u64(&q, entry);
	return sql_run_insert(&q, diag);
}

enum err
store_device_mark_get(struct store *st, const uint8_t mark[STORE_MARK_SIZE],
    uint32_t *ret_order, uint64_t *ret_entry, struct diag *diag)
{
	static const char text[] = "SELECT order_number, entry "
	    "FROM device_mark WHERE mark = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	uint64_t entry;
	uint32_t order;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_bytes(&q, bytes_of(mark, STORE_MARK_SIZE));
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	if (!row)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "registry %s: no device has this mark", st->path);
	order = sql_get_u32(&q);
	entry = sql_get_u64(&q);
	err = sql_check_row(&q, "device_mark", diag);
	if (err)
		return err;
	*ret_order = order;
	*ret_entry = entry;
	return ERR_OK;
}

enum err
store_device_mark_move(struct store *st, const uint8_t mark[STORE_MARK_SIZE],
    uint32_t order, uint64_t entry, struct diag *diag)
{
	static const char text[] = "UPDATE device_mark "
	    "SET order_number = ?, entry = ? WHERE mark = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, order);
	sql_put_u64(&q, entry);
	sql_put_bytes(&q, bytes_of(mark, STORE_MARK_SIZE));
	return sql_run(&q, diag);
}

enum err
store_device_mark_drop(struct store *st, uint32_t order, uint64_t from,
    struct diag *diag)
{
	static const char text[] = "DELETE FROM device_mark "
	    "WHERE order_number = ? AND entry >= ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_change(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, order);
	sql_put_u64(&q, from);
	return sql_run(&q, diag);
}
