#include "lib/authority/operation.h"

#include "lib/authority/authority_internal.h"
#include "lib/authority/order_record.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

#define META_HEAD	"operations-head"
#define HEAD_VERSION	2
#define HEAD_SIZE_MAX	384
#define READER_TRIES	8

const char *
operation_kind_name(unsigned kind)
{
	static const char *const names[] = {
		[OPERATION_BEGIN] = "begin", [OPERATION_REQUEST] = "request",
		[OPERATION_REFUSAL] = "refusal", [OPERATION_START] = "start",
		[OPERATION_STOP] = "stop", [OPERATION_VOID] = "void",
		[OPERATION_PUBLISH] = "publish",
		[OPERATION_EPOCH] = "epoch",
		[OPERATION_TEMPLATE] = "template",
		[OPERATION_RESERVE] = "reserve", [OPERATION_FIELD] = "field",
		[OPERATION_SERVER] = "server",
		[OPERATION_ACKNOWLEDGE] = "acknowledge",
		[OPERATION_RELEASE] = "release",
	};

	return kind >= 1 && kind < sizeof(names) / sizeof(names[0]) ?
	    names[kind] : "unknown";
}

static void
sum_put(struct buf *out, const struct row_sum *sum)
{
	cbor_put_uint(out, sum->count);
	cbor_put_bstr(out, bytes_of(sum->sum, SHA256_SIZE));
}

static void
head_put(struct buf *out, const struct operation_head *head)
{
	cbor_put_array(out, 16);
	cbor_put_uint(out, HEAD_VERSION);
	cbor_put_uint(out, head->size);
	cbor_put_bstr(out, bytes_of(head->root, SHA256_SIZE));
	cbor_put_int(out, head->time);
	cbor_put_uint(out, head->epoch);
	cbor_put_uint(out, head->status_count);
	cbor_put_bstr(out, bytes_of(head->status_sum, SHA256_SIZE));
	sum_put(out, &head->objects);
	cbor_put_uint(out, head->object_place);
	sum_put(out, &head->ranges);
	sum_put(out, &head->published);
	sum_put(out, &head->rows);
}

static void
sum_get(struct cbor *cbor, struct row_sum *ret_sum)
{
	struct bytes sum;

	ret_sum->count = cbor_get_uint(cbor);
	sum = cbor_get_bstr_sized(cbor, SHA256_SIZE);
	if (cbor_ok(cbor))
		memcpy(ret_sum->sum, sum.ptr, SHA256_SIZE);
}

static enum err
head_altered(struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_CORRUPT, NULL,
	    "registry: the head of the operations log was altered: its MAC "
	    "is not right");
	diag_hint(diag, "somebody or something wrote to registry.db: restore "
	    "it from a backup, and find out who");
	return err;
}

static enum err
head_get(struct bytes encoded, struct operation_head *ret_head,
    struct diag *diag)
{
	struct operation_head head = { 0 };
	struct bytes root, sum;
	uint64_t version, epoch;
	struct cbor cbor;

	cbor_open(&cbor, encoded);
	version = cbor_get_versioned(&cbor, 16, HEAD_VERSION);
	if (cbor_ok(&cbor) && version != HEAD_VERSION && version != 1)
		return diag_fail(diag, ERR_VERSION, NULL, "registry: head of "
		    "the operations log: version %llu, this build knows %d",
		    (unsigned long long)version, HEAD_VERSION);
	head.size = cbor_get_uint(&cbor);
	root = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	head.time = cbor_get_int(&cbor);
	epoch = cbor_get_uint(&cbor);
	head.status_count = cbor_get_uint(&cbor);
	sum = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	sum_get(&cbor, &head.objects);
	head.object_place = cbor_get_uint(&cbor);
	sum_get(&cbor, &head.ranges);
	sum_get(&cbor, &head.published);
	head.without_rows = version == 1;
	if (!head.without_rows)
		sum_get(&cbor, &head.rows);
	if (!cbor_close(&cbor) || epoch == 0 || epoch > UINT32_MAX)
		return head_altered(diag);
	head.epoch = (uint32_t)epoch;
	memcpy(head.root, root.ptr, SHA256_SIZE);
	memcpy(head.status_sum, sum.ptr, SHA256_SIZE);
	*ret_head = head;
	return ERR_OK;
}

/* Another first item than an object's: no MAC of one fits the other. */
static enum err
head_mac(struct authority *authority, struct bytes encoded,
    uint8_t ret_mac[SHA256_SIZE])
{
	struct bytes parts[] = { bytes_text(META_HEAD), encoded };

	return hmac_parts(authority->row_mac, parts, 2, ret_mac);
}

enum err
operation_head(struct authority *authority, struct operation_head *ret_head,
    struct diag *diag)
{
	_cleanup_buf_ struct buf stored = { .limit = HEAD_SIZE_MAX };
	uint8_t mac[SHA256_SIZE];
	struct bytes encoded;
	enum err err;

	err = authority_need_keys(authority, diag);
	if (!err)
		err = store_meta_get(authority->store, META_HEAD, &stored,
		    diag);
	if (err)
		return err;
	if (stored.len <= SHA256_SIZE)
		return head_altered(diag);
	encoded = bytes_of(stored.ptr, stored.len - SHA256_SIZE);
	err = head_mac(authority, encoded, mac);
	if (err)
		return err;
	if (!secret_equal(bytes_of(mac, SHA256_SIZE),
	    bytes_of(stored.ptr + encoded.len, SHA256_SIZE)))
		return head_altered(diag);
	return head_get(encoded, ret_head, diag);
}

enum err
operation_head_put(struct authority *authority,
    const struct operation_head *head, struct diag *diag)
{
	_cleanup_buf_ struct buf encoded = { .limit = HEAD_SIZE_MAX };
	uint8_t mac[SHA256_SIZE];
	enum err err;

	head_put(&encoded, head);
	err = buf_err(&encoded);
	if (!err)
		err = head_mac(authority, buf_bytes(&encoded), mac);
	buf_put(&encoded, mac, sizeof(mac));
	if (!err)
		err = buf_err(&encoded);
	if (err)
		return diag_fail(diag, err, NULL, "operations log: head");
	return store_meta_put(authority->store, META_HEAD,
	    buf_bytes(&encoded), diag);
}

static enum err
object_name_put(void *ctx, const struct store_object *object)
{
	struct buf *out = ctx;

	cbor_put_array(out, 4);
	cbor_put_uint(out, object->kind);
	cbor_put_text(out, object->name);
	cbor_put_text(out, object->version);
	cbor_put_bstr(out, bytes_of(object->hash, STORE_HASH_SIZE));
	return buf_err(out);
}

static enum err
object_count(void *ctx, const struct store_object *object)
{
	(void)object;
	++*(size_t *)ctx;
	return ERR_OK;
}

enum err
operation_put_objects(struct authority *authority, uint64_t since,
    struct buf *out, struct diag *diag)
{
	size_t count = 0;
	enum err err;

	err = store_object_since(authority->store, since, object_count,
	    &count, diag);
	cbor_put_array(out, count);
	if (!err)
		err = store_object_since(authority->store, since,
		    object_name_put, out, diag);
	return err;
}

/* The entry's leaf joins the tree; head and log move on together. */
static enum err
operation_grow(struct authority *authority, struct operation_head *head,
    struct bytes entry, struct diag *diag)
{
	_cleanup_buf_ struct buf frontier = BUF_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t leaf[SHA256_SIZE], root[SHA256_SIZE];
	struct store_log row;
	struct merkle tree;
	enum err err;

	err = authority_log(authority, LOG_OPERATIONS_NUMBER, &row, &tree,
	    diag);
	if (!err && tree.size != head->size)
		err = diag_fail(diag, ERR_CORRUPT, NULL,
		    "operations log: its tree does not fit its head");
	if (!err)
		err = sha256_new(&sha256, diag);
	/* the tree is under no MAC of its own: its root, in the head, is */
	if (!err)
		err = merkle_root(&tree, sha256, root);
	if (!err && memcmp(root, head->root, SHA256_SIZE) != 0)
		err = diag_fail(diag, ERR_CORRUPT, NULL, "operations log: "
		    "its tree was altered since it was read");
	if (!err)
		err = merkle_leaf(sha256, entry, leaf);
	if (!err)
		err = merkle_append(&tree, sha256, leaf, 1);
	if (!err)
		err = merkle_root(&tree, sha256, head->root);
	if (!err)
		err = authority_tree_put(authority, LOG_OPERATIONS_NUMBER,
		    &tree, &frontier, diag);
	if (!err)
		err = store_log_grow(authority->store, LOG_OPERATIONS_NUMBER,
		    tree.size, buf_bytes(&frontier), diag);
	if (err)
		return diag_fail(diag, err, NULL, "operations log");
	err = rows_objects_add(authority, head, diag);
	if (err)
		return err;
	head->size = tree.size;
	return operation_head_put(authority, head, diag);
}

static enum err
clock_compare(const struct authority *authority,
    const struct operation_head *head, int64_t now, struct diag *diag)
{
	char have[TIME_TEXT_SIZE], last[TIME_TEXT_SIZE];
	enum err err;

	if ((authority->accepted & AUTHORITY_CLOCK) != 0 ||
	    (now >= head->time - OPERATION_BACK_S &&
	    now <= head->time + OPERATION_AHEAD_S))
		return ERR_OK;
	time_format(now, have);
	time_format(head->time, last);
	err = diag_fail(diag, ERR_CLOCK, NULL,
	    "clock: it says %s, but the last operation was recorded at %s",
	    have, last);
	diag_hint(diag, "set the system's clock; if it is right now and was "
	    "wrong then: 'imprint clock accept'. Nothing was signed");
	return err;
}

static int64_t
entry_time(const struct authority *authority,
    const struct operation_head *head, int64_t now)
{
	return now < head->time && !(authority->accepted & AUTHORITY_CLOCK) ?
	    head->time : now;
}

static enum err
append_to(struct authority *authority, struct operation_head *head,
    enum operation_kind kind, int64_t now, struct bytes body,
    struct operation *ret_operation, struct diag *diag)
{
	_cleanup_buf_ struct buf entry = { .limit = OPERATION_SIZE_MAX };
	struct store_operation row = { .seq = head->size, .kind = kind,
	    .time = entry_time(authority, head, now) };
	enum err err;

	head->time = row.time;
	cbor_put_array(&entry, 5);
	cbor_put_uint(&entry, OPERATION_VERSION);
	cbor_put_uint(&entry, kind);
	cbor_put_uint(&entry, row.seq);
	cbor_put_int(&entry, row.time);
	buf_put_bytes(&entry, body);
	err = buf_err(&entry);
	if (err)
		return diag_fail(diag, err, NULL, "operation: too large");
	row.entry = buf_bytes(&entry);
	err = store_operation_put(authority->store, &row, diag);
	if (!err)
		err = operation_grow(authority, head, row.entry, diag);
	if (!err && ret_operation != NULL)
		*ret_operation = (struct operation){ .kind = kind,
		    .seq = row.seq, .time = row.time, .body = body };
	return err;
}

enum err
operation_append(struct authority *authority, enum operation_kind kind,
    int64_t now, struct bytes body, struct operation *ret_operation,
    struct diag *diag)
{
	struct operation_head head;
	enum err err;

	err = operation_head(authority, &head, diag);
	/* a day's TLS certificate, without which nobody can be told to come
	 * back, may be of a clock that went back */
	if (!err && (kind != OPERATION_SERVER || now > head.time))
		err = clock_compare(authority, &head, now, diag);
	return err ? err : append_to(authority, &head, kind, now, body,
	    ret_operation, diag);
}

enum err
operation_record(struct authority *authority, enum operation_kind kind,
    int64_t now, struct bytes body, struct diag *diag)
{
	enum err err;

	err = store_begin(authority->store, diag);
	if (err)
		return err;
	err = operation_append(authority, kind, now, body, NULL, diag);
	if (!err)
		return store_commit(authority->store, diag);
	store_rollback(authority->store);
	return err;
}

enum err
operation_next(struct authority *authority, int64_t now,
    struct operation *ret_operation, struct diag *diag)
{
	struct operation_head head;
	enum err err;

	err = operation_head(authority, &head, diag);
	if (!err)
		*ret_operation = (struct operation){ .seq = head.size,
		    .time = entry_time(authority, &head, now) };
	return err;
}

bool
operation_answer(const struct operation *operation, struct bytes *ret_answer)
{
	struct cbor cbor;

	cbor_open(&cbor, operation->body);
	cbor_get_array_sized(&cbor, 3);
	(void)cbor_get_bstr(&cbor);
	*ret_answer = cbor_get_bstr(&cbor);
	return cbor_ok(&cbor);
}

enum err
operation_parse(struct bytes entry, struct operation *ret_operation,
    struct diag *diag)
{
	struct operation operation = { 0 };
	uint64_t version, kind;
	struct cbor cbor;

	cbor_open(&cbor, entry);
	version = cbor_get_versioned(&cbor, 5, OPERATION_VERSION);
	if (cbor_ok(&cbor) && version != OPERATION_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "operation: version %llu, this build knows %d",
		    (unsigned long long)version, OPERATION_VERSION);
	kind = cbor_get_uint(&cbor);
	operation.seq = cbor_get_uint(&cbor);
	operation.time = cbor_get_int(&cbor);
	operation.body = cbor_get_item(&cbor);
	if (!cbor_close(&cbor) || kind > UINT32_MAX)
		return diag_fail(diag, ERR_SYNTAX, "RFC 8949 4.2",
		    "operation: %s", cbor.error != NULL ? cbor.error :
		    "its kind is no number of ours");
	operation.kind = (unsigned)kind;
	*ret_operation = operation;
	return ERR_OK;
}

enum err
operation_begin(struct authority *authority, int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf body = { .limit = OPERATION_SIZE_MAX };
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct operation_head head = { .epoch = 1 };
	struct merkle empty = MERKLE_INIT;
	enum err err;

	err = sha256_new(&sha256, diag);
	if (!err)
		err = merkle_root(&empty, sha256, head.root);
	if (!err)
		err = rows_all(authority, &head.ranges, diag);
	if (!err)
		err = rows_tables(authority, &head.rows, diag);
	if (err)
		return err;
	cbor_put_array(&body, 3);
	cbor_put_bstr(&body, bytes_of(authority->info.id,
	    ECOSYSTEM_ID_SIZE));
	cbor_put_text(&body, authority->info.name);
	err = operation_put_objects(authority, 0, &body, diag);
	if (!err)
		err = buf_err(&body);
	if (!err)
		err = append_to(authority, &head, OPERATION_BEGIN, now,
		    buf_bytes(&body), NULL, diag);
	return err ? diag_fail(diag, err, NULL, "operations log: it cannot "
	    "begin") : ERR_OK;
}

/* Schema 1 kept trees without a MAC. */
static enum err
trees_seal(struct authority *authority, struct diag *diag)
{
	static const uint32_t logs[] = { LOG_BULK_NUMBER, LOG_ONLINE_NUMBER };
	struct store_log row;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < sizeof(logs) / sizeof(logs[0]) && !err; i++) {
		_cleanup_buf_ struct buf frontier = BUF_INIT;
		struct merkle tree;

		err = store_log_get(authority->store, logs[i], &row,
		    &frontier, NULL, diag);
		if (err || frontier.len == 0)
			continue;
		err = merkle_decode(buf_bytes(&frontier), &tree);
		if (!err)
			err = authority_tree_put(authority, logs[i], &tree,
			    &frontier, diag);
		if (!err)
			err = store_log_frontier_put(authority->store,
			    logs[i], buf_bytes(&frontier), diag);
	}
	return err;
}

struct cancelled_walk {
	struct authority	*authority;
	int64_t			 now;
	struct diag		*diag;
};

/* Schema 1 had a cancelled order's row alone. */
static enum err
cancelled_record(void *ctx, const struct store_order *order)
{
	struct cancelled_walk *walk = ctx;
	enum err err;

	if (order->state != ORDER_CANCELLED)
		return ERR_OK;
	err = order_record_cancel(walk->authority, order, walk->now, NULL);
	return !err || err == ERR_EXISTS ? ERR_OK : diag_fail(walk->diag,
	    err, NULL, "order %u: that it was cancelled", order->number);
}

/* An ecosystem of schema 1 has no operations: its log begins with what is
 * there, void ranges included. */
static enum err
operation_migrate(struct authority *authority, bool begun, int64_t now,
    struct diag *diag)
{
	struct cancelled_walk walk = { authority, now, diag };
	enum err err;

	if (authority->mode != AUTHORITY_WRITE)
		return ERR_OK;
	err = store_begin(authority->store, diag);
	if (!err && !begun)
		err = trees_seal(authority, diag);
	if (!err)
		err = store_order_each(authority->store, cancelled_record,
		    &walk, diag);
	if (!err)
		err = operation_begin(authority, now, diag);
	if (!err)
		err = authority_void_revoke_old(authority, now, diag);
	if (!err)
		return store_commit(authority->store, diag);
	store_rollback(authority->store);
	return err;
}

enum err
operation_clock(struct authority *authority, int64_t now, struct diag *diag)
{
	struct operation_head head;
	enum err err;

	err = operation_head(authority, &head, diag);
	return err ? err : clock_compare(authority, &head, now, diag);
}

/*
 * That the log began is the keystore's word: whoever can write to registry.db
 * cannot have it begin anew, without what was revoked.
 */
static enum err
begun_look(struct authority *authority, bool *ret_begun, struct diag *diag)
{
	_cleanup_secret_ struct secret mark = SECRET_INIT;
	enum err err;

	err = keystore_secret(authority->keystore, KEY_OPERATIONS, &mark,
	    NULL);
	if (err && err != ERR_NOTFOUND)
		return diag_fail(diag, err, NULL, "keystore: %s",
		    KEY_OPERATIONS);
	*ret_begun = err == ERR_OK;
	return ERR_OK;
}

/* An ecosystem of schema 1, after its first entry. */
static enum err
begun_mark(struct authority *authority, struct diag *diag)
{
	bool begun = false;
	enum err err;

	err = begun_look(authority, &begun, diag);
	if (err || begun || authority->mode != AUTHORITY_WRITE)
		return err;
	err = keystore_generate_secret(authority->keystore, KEY_OPERATIONS,
	    AES256_KEY_SIZE, diag);
	return err ? err : keystore_save(authority->keystore, diag);
}

/* No head: of schema 1, or somebody took it away. */
static enum err
head_missing(struct authority *authority, const struct store_log *row,
    int64_t now, struct diag *diag)
{
	bool begun = false;
	enum err err;

	if (row->size != 0)
		return head_altered(diag);
	err = begun_look(authority, &begun, diag);
	if (!err && begun && !(authority->accepted & AUTHORITY_EPOCH)) {
		err = diag_fail(diag, ERR_CORRUPT, NULL,
		    "registry: its operations log is gone");
		diag_hint(diag, "somebody wrote to registry.db, or put one "
		    "of an older schema back: bring the newest one back. If "
		    "it is lost: 'imprint epoch begin'. Nothing was signed");
	}
	if (!err)
		err = operation_migrate(authority, begun, now, diag);
	return err || authority->mode != AUTHORITY_WRITE ? err :
	    begun_mark(authority, diag);
}

/* Written by version 1: what it had no sum of is taken as it is found. */
static enum err
rows_begin(struct authority *authority, struct operation_head *head,
    struct diag *diag)
{
	enum err err;

	if (!head->without_rows || authority->mode != AUTHORITY_WRITE)
		return ERR_OK;
	err = store_begin(authority->store, diag);
	if (!err)
		err = rows_tables(authority, &head->rows, diag);
	if (!err)
		err = operation_head_put(authority, head, diag);
	if (!err)
		return store_commit(authority->store, diag);
	store_rollback(authority->store);
	return err;
}

static enum err
unlock_once(struct authority *authority, int64_t now, struct diag *diag)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct diag why = DIAG_INIT;
	struct operation_head head;
	uint8_t root[SHA256_SIZE];
	struct store_log row;
	struct merkle tree;
	enum err err;

	err = authority_log(authority, LOG_OPERATIONS_NUMBER, &row, &tree,
	    diag);
	if (err)
		return err;
	err = operation_head(authority, &head, &why);
	if (err == ERR_NOTFOUND)
		return head_missing(authority, &row, now, diag);
	if (err) {
		*diag = why;
		return err;
	}
	err = sha256_new(&sha256, diag);
	if (!err)
		err = merkle_root(&tree, sha256, root);
	if (!err && (tree.size != head.size ||
	    memcmp(root, head.root, SHA256_SIZE) != 0))
		err = diag_fail(diag, ERR_CORRUPT, NULL,
		    "operations log: its tree of %llu entries is not the one "
		    "its head speaks of (%llu)",
		    (unsigned long long)tree.size,
		    (unsigned long long)head.size);
	if (!err)
		err = rows_check_objects(authority, &head, diag);
	if (!err)
		err = rows_begin(authority, &head, diag);
	if (!err)
		err = begun_mark(authority, diag);
	/* who only looks does not need the right time */
	if (!err && authority->mode == AUTHORITY_WRITE)
		err = clock_compare(authority, &head, now, diag);
	return err;
}

/* A writer may commit between a reader's two looks. */
enum err
operation_unlock(struct authority *authority, int64_t now, struct diag *diag)
{
	int tries = authority->mode == AUTHORITY_READ ? READER_TRIES : 1;
	struct diag own = DIAG_INIT;
	enum err err;

	do {
		own = (struct diag)DIAG_INIT;
		err = unlock_once(authority, now, &own);
	} while (err == ERR_CORRUPT && --tries > 0);
	if (err && diag != NULL && diag->code == ERR_OK)
		*diag = own;
	return err;
}
