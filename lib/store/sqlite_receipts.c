/* Signatures over the roots of ranges. */
#include "lib/store/sqlite_internal.h"

#define RECEIPT_COLUMNS	"log, first, generation, kid, signature, time"

enum err
store_receipt_put(struct store *st, const struct store_receipt *receipt,
    struct diag *diag)
{
	static const char text[] = "INSERT INTO receipt (" RECEIPT_COLUMNS
	    ") VALUES (?, ?, ?, ?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = store_writable(st, diag);
	if (!err && (receipt->generation == 0 || receipt->time < 0))
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "receipt of %u/%ju: of generation 0, or signed before "
		    "1970", receipt->log, (uintmax_t)receipt->first);
	if (!err)
		err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, receipt->log);
	sql_put_u64(&q, receipt->first);
	sql_put_int(&q, receipt->generation);
	sql_put_bytes(&q, bytes_of(receipt->kid, STORE_HASH_SIZE));
	sql_put_bytes(&q, bytes_of(receipt->signature,
	    STORE_SIGNATURE_SIZE));
	sql_put_int(&q, receipt->time);
	err = sql_run_insert(&q, diag);
	return err == ERR_EXISTS ? diag_fail(diag, err, NULL,
	    "registry %s: receipt %u of %u/%ju: there already", st->path,
	    receipt->generation, receipt->log,
	    (uintmax_t)receipt->first) : err;
}

static enum err
receipt_read(struct sql *q, struct store_receipt *ret_receipt,
    struct diag *diag)
{
	struct store_receipt receipt;
	enum err err;

	receipt.log = sql_get_u32(q);
	receipt.first = sql_get_u64(q);
	receipt.generation = sql_get_u32(q);
	sql_get_fixed(q, receipt.kid, sizeof(receipt.kid));
	sql_get_fixed(q, receipt.signature, sizeof(receipt.signature));
	receipt.time = sql_get_int(q);
	err = sql_check_row(q, "receipt", diag);
	if (err)
		return err;
	*ret_receipt = receipt;
	return ERR_OK;
}

enum err
store_receipt_get(struct store *st, uint32_t log, uint64_t first,
    uint32_t generation, struct store_receipt *ret_receipt,
    struct diag *diag)
{
	static const char text[] = "SELECT " RECEIPT_COLUMNS " FROM receipt "
	    "WHERE log = ?1 AND first = ?2 AND (?3 = 0 OR generation = ?3) "
	    "ORDER BY generation DESC LIMIT 1";
	_cleanup_sql_ struct sql q = SQL_INIT;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, first);
	sql_put_int(&q, generation);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	return row ? receipt_read(&q, ret_receipt, diag) :
	    diag_fail(diag, ERR_NOTFOUND, NULL,
	    "registry %s: no receipt %u of %u/%ju", st->path, generation,
	    log, (uintmax_t)first);
}

enum err
store_receipt_each(struct store *st, uint32_t log, uint64_t first,
    enum err (*each)(void *ctx, const struct store_receipt *), void *ctx,
    struct diag *diag)
{
	static const char text[] = "SELECT " RECEIPT_COLUMNS " FROM receipt "
	    "AS r WHERE log = ?1 AND first >= ?2 AND generation = (SELECT "
	    "max(generation) FROM receipt WHERE log = ?1 AND "
	    "first = r.first) ORDER BY first";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct store_receipt receipt;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, log);
	sql_put_u64(&q, first);
	for (;;) {
		err = sql_row(&q, &row, diag);
		if (err || !row)
			return err;
		err = receipt_read(&q, &receipt, diag);
		if (!err)
			err = each(ctx, &receipt);
		if (err)
			return err;
	}
}
