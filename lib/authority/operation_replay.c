/*
 * The whole operations log against the registry: entries against the tree,
 * what they made against the tables.
 */
#include "lib/authority/acknowledge.h"
#include "lib/authority/authority_internal.h"
#include "lib/authority/device_replay.h"
#include "lib/authority/operation.h"
#include "lib/authority/order_record.h"
#include "lib/authority/request.h"
#include "lib/authority/status.h"
#include "lib/authority/status_replay.h"

struct replay {
	struct authority	*authority;
	struct merkle		 tree;
	struct sha256		*sha256;
	struct status_replay	*status;
	struct device_replay	*devices;
	uint64_t		 seq;
	uint64_t		 objects;	/* that entries speak of */
	void			(*progress)(void *ctx, uint64_t done);
	void			*progress_ctx;
	struct diag		*diag;
};

static enum err
replay_fail(struct replay *r, const char *what)
{
	enum err err;

	err = diag_fail(r->diag, ERR_CORRUPT, NULL,
	    "operations log: entry %llu: %s", (unsigned long long)r->seq,
	    what);
	diag_hint(r->diag, "the registry was altered or damaged: restore it "
	    "from a backup, and keep this file for the investigation");
	return err;
}

/* One [kind, name, version, hash]: is it there as it was made? */
static enum err
replay_object(struct replay *r, struct cbor *cbor)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	char name[STORE_NAME_MAX + 1] = "", version[STORE_NAME_MAX + 1] = "";
	struct bytes name_text, version_text, hash;
	struct store_object object;
	uint64_t kind;
	enum err err;

	cbor_get_array_sized(cbor, 4);
	kind = cbor_get_uint(cbor);
	name_text = cbor_get_tstr(cbor);
	version_text = cbor_get_tstr(cbor);
	hash = cbor_get_bstr_sized(cbor, STORE_HASH_SIZE);
	if (!cbor_ok(cbor) || name_text.len > STORE_NAME_MAX ||
	    version_text.len > STORE_NAME_MAX || kind > UINT32_MAX)
		return replay_fail(r, "names no object");
	memcpy(name, name_text.ptr, name_text.len);
	if (version_text.len > 0)
		memcpy(version, version_text.ptr, version_text.len);
	err = authority_object_get(r->authority, (enum store_kind)kind, name,
	    version, &body, &object, NULL);
	if (err == ERR_NOTFOUND)
		return replay_fail(r, "what it made is gone from the "
		    "registry");
	if (err)
		return replay_fail(r, "what it made was altered");
	if (memcmp(object.hash, hash.ptr, STORE_HASH_SIZE) != 0)
		return replay_fail(r, "what it made is another now");
	r->objects++;
	return ERR_OK;
}

static enum err
replay_objects(struct replay *r, struct cbor *cbor)
{
	size_t count = cbor_get_array(cbor), i;
	enum err err = ERR_OK;

	for (i = 0; i < count && cbor_ok(cbor) && !err; i++)
		err = replay_object(r, cbor);
	if (!err && !cbor_close(cbor))
		err = replay_fail(r, "is not well-formed");
	return err;
}

static enum err
replay_begin(struct replay *r, const struct operation *operation)
{
	struct bytes id;
	struct cbor cbor;

	if (operation->seq != 0)
		return replay_fail(r, "begins the log once more");
	cbor_open(&cbor, operation->body);
	cbor_get_array_sized(&cbor, 3);
	id = cbor_get_bstr_sized(&cbor, ECOSYSTEM_ID_SIZE);
	cbor_skip(&cbor);
	if (!cbor_ok(&cbor) || memcmp(id.ptr, r->authority->info.id,
	    ECOSYSTEM_ID_SIZE) != 0)
		return replay_fail(r, "is of another ecosystem");
	return replay_objects(r, &cbor);
}

static enum err
replay_template(struct replay *r, const struct operation *operation)
{
	struct cbor cbor;

	cbor_open(&cbor, operation->body);
	cbor_get_array_sized(&cbor, 1);
	return replay_objects(r, &cbor);
}

static enum err
replay_changes(struct replay *r, const struct operation *operation,
    enum request_type type, struct bytes body)
{
	enum err err;

	err = status_replay_entry(r->status, operation, type, body, r->diag);
	return err ? err : device_replay_entry(r->devices, operation, type,
	    body, r->diag);
}

static enum err
replay_acknowledge(struct replay *r, const struct operation *operation)
{
	struct bytes head;
	struct cbor cbor;

	cbor_open(&cbor, operation->body);
	cbor_get_array_sized(&cbor, 2);
	head = cbor_get_bstr(&cbor);
	if (!cbor_ok(&cbor) || acknowledge_head_verify(r->authority, head,
	    NULL) != ERR_OK)
		return replay_fail(r, "its ledger head is not one that a "
		    "station signed");
	return replay_objects(r, &cbor);
}

static enum err
replay_request(struct replay *r, const struct operation *operation)
{
	enum request_type type = (enum request_type)0;
	struct bytes encoded, body = BYTES_NONE;
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, operation->body);
	cbor_get_array_sized(&cbor, 3);
	encoded = cbor_get_bstr(&cbor);
	(void)cbor_get_bstr(&cbor);
	if (!cbor_ok(&cbor))
		return replay_fail(r, "holds no request");
	err = request_read(r->authority, encoded, &type, &body, r->diag);
	if (err)
		return replay_fail(r, "its request is not one that an "
		    "operator signed");
	err = replay_changes(r, operation, type, body);
	return err ? err : replay_objects(r, &cbor);
}

static enum err
replay_entry(void *ctx, const struct store_operation *row)
{
	struct replay *r = ctx;
	struct diag why = DIAG_INIT;
	struct operation operation;
	uint8_t leaf[SHA256_SIZE];
	enum err err;

	if (row->seq != r->seq)
		return replay_fail(r, "is missing");
	err = operation_parse(row->entry, &operation, &why);
	if (err == ERR_VERSION && r->diag != NULL)
		*r->diag = why;
	if (err)
		return err == ERR_VERSION ? err :
		    replay_fail(r, "is not well-formed");
	if (operation.seq != row->seq || operation.kind != row->kind ||
	    operation.time != row->time)
		return replay_fail(r, "is not what its row says");
	err = merkle_leaf(r->sha256, row->entry, leaf);
	if (!err)
		err = merkle_append(&r->tree, r->sha256, leaf, 1);
	if (!err && operation.kind == OPERATION_BEGIN)
		err = replay_begin(r, &operation);
	else if (!err && operation.kind == OPERATION_REQUEST)
		err = replay_request(r, &operation);
	else if (!err && operation.kind == OPERATION_TEMPLATE)
		err = replay_template(r, &operation);
	else if (!err && operation.kind == OPERATION_ACKNOWLEDGE)
		err = replay_acknowledge(r, &operation);
	else if (!err)
		err = replay_changes(r, &operation, (enum request_type)0,
		    BYTES_NONE);
	if (r->progress != NULL)
		r->progress(r->progress_ctx, r->seq + 1);
	r->seq++;
	return err;
}

static enum err
count_object(void *ctx, const struct store_object *object)
{
	(void)object;
	++*(uint64_t *)ctx;
	return ERR_OK;
}

struct orders {
	struct authority	*authority;
	uint64_t		 rows, records;
	struct diag		*diag;
};

static enum err
record_count(void *ctx, const struct store_object *object)
{
	struct orders *orders = ctx;

	orders->records += object->version[0] == '\0';
	return ERR_OK;
}

static enum err
order_look(void *ctx, const struct store_order *order)
{
	struct orders *orders = ctx;
	enum err err;

	orders->rows++;
	err = order_record_check(orders->authority, order, orders->diag);
	return err || order->state == ORDER_CANCELLED ?
	    err :
	    rows_check_order(orders->authority, order, orders->diag);
}

/* Nothing but what the entries made. */
static enum err
replay_tables(struct replay *r)
{
	struct orders orders = { .authority = r->authority,
	    .diag = r->diag };
	uint64_t objects = 0;
	enum err err;

	err = store_object_since(r->authority->store, 0, count_object,
	    &objects, r->diag);
	if (!err)
		err = authority_object_each(r->authority, STORE_ORDER,
		    record_count, &orders, r->diag);
	if (!err)
		err = store_order_each(r->authority->store, order_look,
		    &orders, r->diag);
	if (err)
		return err;
	if (orders.rows != orders.records)
		return diag_fail(r->diag, ERR_CORRUPT, NULL,
		    "registry: %llu orders, but %llu were made",
		    (unsigned long long)orders.rows,
		    (unsigned long long)orders.records);
	if (objects != r->objects)
		return diag_fail(r->diag, ERR_CORRUPT, NULL,
		    "registry: %llu objects, but the operations made %llu",
		    (unsigned long long)objects,
		    (unsigned long long)r->objects);
	return ERR_OK;
}

static enum err
replay_tree(struct replay *r)
{
	uint8_t root[SHA256_SIZE];
	struct operation_head head;
	enum err err;

	err = operation_head(r->authority, &head, r->diag);
	if (!err)
		err = merkle_root(&r->tree, r->sha256, root);
	if (err)
		return err;
	if (head.size == r->tree.size &&
	    memcmp(root, head.root, SHA256_SIZE) == 0)
		return ERR_OK;
	return diag_fail(r->diag, ERR_CORRUPT, "RFC 9162 2.1",
	    "operations log: its %llu entries are not those of its head "
	    "(%llu)", (unsigned long long)r->tree.size,
	    (unsigned long long)head.size);
}

static enum err
replay_all(struct replay *r)
{
	enum err err;

	err = store_operation_each(r->authority->store, 0, 0, replay_entry,
	    r, r->diag);
	if (!err)
		err = replay_tree(r);
	if (!err)
		err = replay_tables(r);
	if (!err)
		err = rows_check_ranges(r->authority, r->diag);
	if (!err)
		err = rows_check_tables(r->authority, r->diag);
	if (!err)
		err = status_check(r->authority, r->diag);
	if (!err)
		err = status_replay_check(r->status, r->authority, r->diag);
	if (!err)
		err = device_replay_check(r->devices, r->authority, r->diag);
	return err;
}

enum err
operation_replay(struct authority *authority,
    void (*progress)(void *ctx, uint64_t done), void *ctx, struct diag *diag)
{
	_cleanup_status_replay_ struct status_replay *status = NULL;
	_cleanup_device_replay_ struct device_replay *devices = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct replay r = { .authority = authority, .progress = progress,
	    .progress_ctx = ctx, .diag = diag };
	enum err err;

	err = authority_need_keys(authority, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (!err)
		err = status_replay_new(&status, diag);
	if (!err)
		err = device_replay_new(&devices, diag);
	r.sha256 = sha256;
	r.status = status;
	r.devices = devices;
	/* somebody may be signing meanwhile */
	if (!err)
		err = store_look_begin(authority->store, diag);
	if (!err) {
		err = replay_all(&r);
		store_look_end(authority->store);
	}
	return err;
}
