/* What was done to one identity, from the operations log. */
#include "lib/authority/authority_internal.h"
#include "lib/authority/status_replay.h"

struct walk {
	struct authority	*authority;
	struct status_replay	*replay;
	struct diag		*diag;
};

static enum err
request_take(struct walk *walk, const struct operation *operation,
    enum request_type *ret_type, struct bytes *ret_body)
{
	struct bytes encoded;
	struct cbor cbor;

	cbor_open(&cbor, operation->body);
	cbor_get_array_sized(&cbor, 3);
	encoded = cbor_get_bstr(&cbor);
	if (!cbor_ok(&cbor))
		return diag_fail(walk->diag, ERR_CORRUPT, NULL,
		    "operations log: entry %llu: holds no request",
		    (unsigned long long)operation->seq);
	return request_read(walk->authority, encoded, ret_type, ret_body,
	    walk->diag);
}

static enum err
entry_take(void *ctx, const struct store_operation *row)
{
	enum request_type type = (enum request_type)0;
	struct bytes body = BYTES_NONE;
	struct operation operation;
	struct walk *walk = ctx;
	enum err err;

	err = operation_parse(row->entry, &operation, walk->diag);
	if (err || operation.kind == OPERATION_PUBLISH)
		return err;
	if (operation.kind == OPERATION_REQUEST)
		err = request_take(walk, &operation, &type, &body);
	return err ? err : status_replay_entry(walk->replay, &operation,
	    type, body, walk->diag);
}

enum err
status_events(struct authority *authority, uint32_t log, uint64_t index,
    void (*each)(void *ctx, const struct status_event *), void *ctx,
    struct diag *diag)
{
	_cleanup_status_replay_ struct status_replay *replay = NULL;
	struct walk walk = { .authority = authority, .diag = diag };
	enum err err;

	err = status_replay_new(&replay, diag);
	walk.replay = replay;
	if (!err)
		err = store_operation_each(authority->store, 0, 0, entry_take,
		    &walk, diag);
	if (!err)
		status_replay_events(replay, log, index, each, ctx);
	return err;
}
