/* Small named values, and documents by kind and name. */
#include "lib/store/sqlite_internal.h"

#define OBJECT_COLUMNS	"kind, name, version, hash, created, body"

enum err
store_meta_put(struct store *st, const char *name, struct bytes value,
    struct diag *diag)
{
	static const char text[] =
	    "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = store_writable(st, diag);
	if (!err)
		err = name_check(name, "setting", diag);
	if (!err)
		err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_text(&q, name);
	sql_put_bytes(&q, value);
	return sql_run(&q, diag);
}

enum err
store_meta_get(struct store *st, const char *name, struct buf *value,
    struct diag *diag)
{
	static const char text[] = "SELECT value FROM meta WHERE name = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct bytes bytes;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_text(&q, name);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	if (!row)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "registry %s: no value \"%.64s\"", st->path, name);
	bytes = sql_get_bytes(&q);
	err = sql_check_row(&q, "meta", diag);
	if (err)
		return err;
	buf_put_bytes(value, bytes);
	return buf_err(value) ? diag_fail(diag, buf_err(value), NULL,
	    "registry %s: value \"%.64s\": no room", st->path, name) : ERR_OK;
}

static enum err
object_read(struct sql *q, struct store_object *ret_object,
    struct diag *diag)
{
	struct store_object object = { .created = 0 };
	enum err err;

	object.kind = (enum store_kind)sql_get_u32(q);
	sql_get_text(q, object.name);
	sql_get_text(q, object.version);
	sql_get_fixed(q, object.hash, sizeof(object.hash));
	object.created = sql_get_int(q);
	object.body = sql_get_bytes(q);
	err = sql_check_row(q, "object", diag);
	if (err)
		return err;
	*ret_object = object;
	return ERR_OK;
}

/* The first row, its body copied. ERR_NOTFOUND without diag. */
static enum err
object_take(struct sql *q, struct buf *body_out,
    struct store_object *ret_object, struct diag *diag)
{
	struct store_object object;
	bool row = false;
	size_t start;
	enum err err;

	err = sql_row(q, &row, diag);
	if (err)
		return err;
	if (!row)
		return ERR_NOTFOUND;
	err = object_read(q, &object, diag);
	if (err)
		return err;
	start = body_out->len;
	buf_put_bytes(body_out, object.body);
	err = buf_err(body_out);
	if (err)
		return diag_fail(diag, err, NULL,
		    "registry %s: object \"%s\": no room for %zu octets",
		    q->store->path, object.name, object.body.len);
	object.body = BYTES_NONE;
	if (body_out->len > start)
		object.body = bytes_of(body_out->ptr + start,
		    body_out->len - start);
	*ret_object = object;
	return ERR_OK;
}

/* Why an object with this key cannot be put. */
static enum err
object_clash(struct store *st, const struct store_object *object,
    struct diag *diag)
{
	static const char text[] = "SELECT hash FROM object "
	    "WHERE kind = ? AND name = ? AND version = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	struct bytes hash;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, (int64_t)object->kind);
	sql_put_text(&q, object->name);
	sql_put_text(&q, object->version);
	err = sql_row(&q, &row, diag);
	if (err)
		return err;
	hash = row ? sql_get_bytes(&q) : BYTES_NONE;
	if (bytes_equal(hash, bytes_of(object->hash, STORE_HASH_SIZE)))
		return diag_fail(diag, ERR_EXISTS, NULL,
		    "%s %s: there already", object->name, object->version);
	diag_fail(diag, ERR_CONFLICT, NULL,
	    "%s %s: there already, with another content", object->name,
	    object->version);
	diag_hint(diag, "versions never change: give it a new one");
	return ERR_CONFLICT;
}

enum err
store_object_put(struct store *st, const struct store_object *object,
    struct diag *diag)
{
	static const char text[] = "INSERT INTO object (" OBJECT_COLUMNS ") "
	    "VALUES (?, ?, ?, ?, ?, ?)";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = store_writable(st, diag);
	if (!err)
		err = name_check(object->name, "object", diag);
	if (!err)
		err = name_check(object->version, "object version", diag);
	if (!err && object->created < 0)
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "%s: created before 1970", object->name);
	if (!err)
		err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, (int64_t)object->kind);
	sql_put_text(&q, object->name);
	sql_put_text(&q, object->version);
	sql_put_bytes(&q, bytes_of(object->hash, STORE_HASH_SIZE));
	sql_put_int(&q, object->created);
	sql_put_bytes(&q, object->body);
	err = sql_run_insert(&q, diag);
	return err == ERR_EXISTS ? object_clash(st, object, diag) : err;
}

enum err
store_object_get(struct store *st, enum store_kind kind, const char *name,
    const char *version, struct buf *body_out,
    struct store_object *ret_object, struct diag *diag)
{
	static const char last[] = "SELECT " OBJECT_COLUMNS " FROM object "
	    "WHERE kind = ? AND name = ? ORDER BY seq DESC LIMIT 1";
	static const char exact[] = "SELECT " OBJECT_COLUMNS " FROM object "
	    "WHERE kind = ? AND name = ? AND version = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_open(st, version == NULL ? last : exact, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, (int64_t)kind);
	sql_put_text(&q, name);
	if (version != NULL)
		sql_put_text(&q, version);
	err = object_take(&q, body_out, ret_object, diag);
	if (err == ERR_NOTFOUND)
		return diag_fail(diag, err, NULL,
		    "registry %s: no \"%.64s\"%s%.64s", st->path, name,
		    version != NULL ? " version " : "",
		    version != NULL ? version : "");
	return err;
}

enum err
store_object_by_hash(struct store *st, enum store_kind kind,
    const uint8_t hash[STORE_HASH_SIZE], struct buf *body_out,
    struct store_object *ret_object, struct diag *diag)
{
	static const char text[] = "SELECT " OBJECT_COLUMNS " FROM object "
	    "WHERE kind = ? AND hash = ? ORDER BY seq DESC LIMIT 1";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, (int64_t)kind);
	sql_put_bytes(&q, bytes_of(hash, STORE_HASH_SIZE));
	err = object_take(&q, body_out, ret_object, diag);
	if (err == ERR_NOTFOUND)
		return diag_fail(diag, err, NULL,
		    "registry %s: no object of hash %02x%02x%02x%02x...",
		    st->path, hash[0], hash[1], hash[2], hash[3]);
	return err;
}

static enum err
objects_walk(struct sql *q, enum err (*each)(void *ctx,
    const struct store_object *), void *ctx, struct diag *diag)
{
	struct store_object object;
	bool row = false;
	enum err err;

	for (;;) {
		err = sql_row(q, &row, diag);
		if (err || !row)
			return err;
		err = object_read(q, &object, diag);
		if (!err)
			err = each(ctx, &object);
		if (err)
			return err;
	}
}

enum err
store_object_each(struct store *st, enum store_kind kind,
    enum err (*each)(void *ctx, const struct store_object *), void *ctx,
    struct diag *diag)
{
	static const char text[] = "SELECT " OBJECT_COLUMNS " FROM object "
	    "WHERE kind = ? ORDER BY seq";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, (int64_t)kind);
	return objects_walk(&q, each, ctx, diag);
}

enum err
store_object_last(struct store *st, uint64_t *ret_place, struct diag *diag)
{
	int64_t place = 0;
	enum err err;

	err = store_query_int(st, "SELECT coalesce(max(seq), 0) FROM object",
	    &place, diag);
	if (!err)
		*ret_place = (uint64_t)place;
	return err;
}

enum err
store_object_last_of(struct store *st, enum store_kind kind,
    uint64_t *ret_place, struct diag *diag)
{
	static const char text[] = "SELECT coalesce(max(seq), 0) FROM object "
	    "WHERE kind = ?";
	_cleanup_sql_ struct sql q = SQL_INIT;
	bool row = false;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_int(&q, (int64_t)kind);
	err = sql_row(&q, &row, diag);
	if (!err && row)
		*ret_place = (uint64_t)sqlite3_column_int64(q.stmt, 0);
	return err;
}

enum err
store_object_since(struct store *st, uint64_t place,
    enum err (*each)(void *ctx, const struct store_object *), void *ctx,
    struct diag *diag)
{
	static const char text[] = "SELECT " OBJECT_COLUMNS " FROM object "
	    "WHERE seq > ? ORDER BY seq";
	_cleanup_sql_ struct sql q = SQL_INIT;
	enum err err;

	err = sql_open(st, text, &q, diag);
	if (err)
		return err;
	sql_put_u64(&q, place);
	return objects_walk(&q, each, ctx, diag);
}
