#include "lib/authority/object.h"

#include "lib/base/cbor_write.h"
#include "lib/base/secret.h"

static enum err
object_mac(struct hmac *mac, const struct store_object *object,
    struct bytes body, uint8_t ret_mac[SHA256_SIZE])
{
	_cleanup_buf_ struct buf head = BUF_INIT;
	struct bytes parts[2];
	enum err err;

	cbor_put_array(&head, 6);
	cbor_put_uint(&head, object->kind);
	cbor_put_text(&head, object->name);
	cbor_put_text(&head, object->version);
	cbor_put_bstr(&head, bytes_of(object->hash, STORE_HASH_SIZE));
	cbor_put_int(&head, object->created);
	cbor_put_bstr_head(&head, body.len);
	err = buf_err(&head);
	if (err)
		return err;
	parts[0] = buf_bytes(&head);
	parts[1] = body;
	return hmac_parts(mac, parts, 2, ret_mac);
}

enum err
object_put(struct store *store, struct hmac *mac,
    const struct store_object *object, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object stored = *object;
	uint8_t code[SHA256_SIZE];
	enum err err;

	if (mac == NULL)
		return diag_fail(diag, ERR_STATE, NULL,
		    "registry: the keystore is locked");
	err = object_mac(mac, object, object->body, code);
	if (err)
		return err;
	buf_put_bytes(&body, object->body);
	buf_put(&body, code, sizeof(code));
	err = buf_err(&body);
	if (err)
		return err;
	stored.body = buf_bytes(&body);
	return store_object_put(store, &stored, diag);
}

/* Take the MAC off the body, checked if there is a key. */
static enum err
object_open(struct hmac *mac, struct store_object *object, struct diag *diag)
{
	uint8_t code[SHA256_SIZE];
	struct bytes body = object->body;
	enum err err;

	if (body.len < SHA256_SIZE)
		goto altered;
	body.len -= SHA256_SIZE;
	if (mac != NULL) {
		err = object_mac(mac, object, body, code);
		if (err)
			return err;
		if (!secret_equal(bytes_of(code, SHA256_SIZE),
		    bytes_of(body.ptr + body.len, SHA256_SIZE)))
			goto altered;
	}
	object->body = body;
	return ERR_OK;

altered:
	err = diag_fail(diag, ERR_CORRUPT, NULL,
	    "registry: \"%s\" %s was altered: its MAC is not right",
	    object->name, object->version);
	diag_hint(diag, "somebody or something wrote to registry.db: restore "
	    "it from a backup, and find out who");
	return err;
}

enum err
object_get(struct store *store, struct hmac *mac, enum store_kind kind,
    const char *name, const char *version, struct buf *body_out,
    struct store_object *ret_object, struct diag *diag)
{
	enum err err;

	err = store_object_get(store, kind, name, version, body_out,
	    ret_object, diag);
	if (err)
		return err;
	err = object_open(mac, ret_object, diag);
	if (!err)
		body_out->len -= SHA256_SIZE;
	return err;
}

enum err
object_by_hash(struct store *store, struct hmac *mac, enum store_kind kind,
    const uint8_t hash[STORE_HASH_SIZE], struct buf *body_out,
    struct store_object *ret_object, struct diag *diag)
{
	enum err err;

	err = store_object_by_hash(store, kind, hash, body_out, ret_object,
	    diag);
	if (err)
		return err;
	err = object_open(mac, ret_object, diag);
	if (!err)
		body_out->len -= SHA256_SIZE;
	return err;
}

struct walk {
	struct hmac	*mac;
	enum err	(*each)(void *ctx, const struct store_object *);
	void		*ctx;
	struct diag	*diag;
};

static enum err
walk_one(void *ctx, const struct store_object *object)
{
	struct store_object opened = *object;
	struct walk *walk = ctx;
	enum err err;

	err = object_open(walk->mac, &opened, walk->diag);
	return err ? err : walk->each(walk->ctx, &opened);
}

enum err
object_each(struct store *store, struct hmac *mac, enum store_kind kind,
    enum err (*each)(void *ctx, const struct store_object *), void *ctx,
    struct diag *diag)
{
	struct walk walk = { mac, each, ctx, diag };

	return store_object_each(store, kind, walk_one, &walk, diag);
}
