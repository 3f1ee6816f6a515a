/* Requests about a station that has a new key, or is lost. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/field.h"
#include "lib/authority/operation.h"
#include "lib/authority/reconcile.h"
#include "lib/authority/request_internal.h"
#include "lib/base/cbor.h"

#define RENEWALS_MAX	10000

static enum err
renewal_refused(const struct station_statement *new, const char *what,
    struct diag *diag)
{
	return diag_fail(diag, ERR_CONFLICT, NULL, "station %s: its new "
	    "statement %s", new->name, what);
}

/* The version that the next statement has. */
static enum err
renewal_number(struct authority *authority, const char *name,
    unsigned *ret_number, struct diag *diag)
{
	char version[16];
	unsigned n;
	enum err err;

	for (n = 2; n < RENEWALS_MAX; n++) {
		_cleanup_buf_ struct buf body = BUF_INIT;
		struct store_object object;

		(void)snprintf(version, sizeof(version), "%u", n);
		err = authority_object_get(authority, STORE_STATION, name,
		    version, &body, &object, NULL);
		if (err == ERR_NOTFOUND) {
			*ret_number = n;
			return ERR_OK;
		}
		if (err)
			return diag_fail(diag, err, NULL, "station %s: a "
			    "statement cannot be trusted", name);
	}
	return diag_fail(diag, ERR_LIMIT, NULL,
	    "station %s: too many renewals", name);
}

static enum err
renewal_check(struct authority *authority,
    const struct station_statement *new, bool *ret_same, struct diag *diag)
{
	struct station_statement newest, other;
	bool lost = false;
	enum err err;

	*ret_same = false;
	err = station_statement_get(authority, new->name, NULL, &newest,
	    NULL);
	if (err == ERR_NOTFOUND) {
		err = diag_fail(diag, err, NULL,
		    "station %s: is not registered", new->name);
		diag_hint(diag, "register it with 'imprint station add "
		    "FILE'");
	}
	if (!err)
		err = station_is_lost(authority, new->name, &lost, diag);
	if (err)
		return err;
	if (lost)
		return renewal_refused(new, "comes from a station that was "
		    "given up as lost: give it a new name", diag);
	if (!bytes_equal(bytes_of(new->signing.raw, new->signing.len),
	    bytes_of(newest.signing.raw, newest.signing.len)))
		return renewal_refused(new, "is signed by another key: it is "
		    "another station", diag);
	if (memcmp(new->kid, newest.kid, COSE_KID_SIZE) == 0) {
		*ret_same = true;
		return ERR_OK;
	}
	err = station_statement_get(authority, new->name, new->kid, &other,
	    NULL);
	if (err == ERR_OK)
		return renewal_refused(new, "has a sealing key that it had "
		    "before", diag);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
request_station_renew(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	struct store_object object = { .kind = STORE_STATION,
	    .body = request->body, .created = now };
	struct station_statement statement;
	unsigned number = 0;
	bool same = false;
	enum err err;

	err = station_statement_parse(request->body, &statement, diag);
	if (!err)
		err = renewal_check(authority, &statement, &same, diag);
	if (!err)
		err = station_kid_check(authority, &statement, diag);
	if (!err && !same)
		err = renewal_number(authority, statement.name, &number,
		    diag);
	if (!err)
		err = sha256_once(request->body, object.hash);
	if (err)
		return err;
	buf_put(result, statement.kid, COSE_KID_SIZE);
	if (same)
		return ERR_OK;
	(void)snprintf(object.name, sizeof(object.name), "%s",
	    statement.name);
	(void)snprintf(object.version, sizeof(object.version), "%u", number);
	return object_put(authority->store, authority->row_mac, &object,
	    diag);
}

/* A name of 63 leaves no room for a word before it: its own kind of key. */
static enum err
lost_key(const char *name, uint8_t ret_kid[COSE_KID_SIZE])
{
	char text[STORE_NAME_MAX + 16];

	(void)snprintf(text, sizeof(text), "lost station %s", name);
	return sha256_once(bytes_text(text), ret_kid);
}

enum err
station_is_lost(struct authority *authority, const char *name,
    bool *ret_lost, struct diag *diag)
{
	uint8_t kid[COSE_KID_SIZE];
	enum err err;

	err = lost_key(name, kid);
	return err ? err : sealing_key_ended(authority, kid, ret_lost, diag);
}

struct loss {
	struct authority	*authority;
	const char		*name;
	int64_t			 now;
	struct order_record	 order;		/* at hand */
	unsigned		 reason;	/* of that order */
	struct status_ranges	 enrolled;	/* with identities of it */
	struct reconcile_result	 result;
	struct diag		*diag;
};

/* What was enrolled for with an identity that anybody may have is no better.
 * What was revoked by hand, when they were too many, is left out. */
static enum err
loss_enrolled(struct loss *loss, const struct address *birth)
{
	struct field_living living;
	struct store_status row;
	enum status status;
	size_t i;
	enum err err;

	err = field_living(loss->authority, birth, &living, loss->diag);
	for (i = 1; i < living.count && !err; i++) {
		err = status_get(loss->authority, living.address[i].log,
		    living.address[i].index, &status, &row, loss->diag);
		if (!err && status != STATUS_REVOKED)
			err = status_ranges_add(&loss->enrolled,
			    living.address[i].log, living.address[i].index, 1,
			    loss->diag);
	}
	return err;
}

static enum err
loss_one(struct loss *loss, uint32_t log, uint64_t index)
{
	const struct address birth = { log, index };
	enum err err;

	err = reconcile_revoke_add(&loss->result, loss->reason, log, index, 1,
	    loss->diag);
	return err ? err : loss_enrolled(loss, &birth);
}

/* What the station injected, as it reported, stays good. */
static enum err
loss_range(void *ctx, const struct store_range *range)
{
	_cleanup_associations_ struct associations a = ASSOCIATIONS_INIT;
	struct loss *loss = ctx;
	uint32_t i;
	enum err err;

	if (range->pack == 0 || range->pack > loss->order.pack_count ||
	    strcmp(loss->order.packs[range->pack - 1].station,
	    loss->name) != 0)
		return ERR_OK;
	err = associations_get(loss->authority, range, &a, loss->diag);
	if (err && err != ERR_NOTFOUND)
		return err;
	for (i = 0, err = ERR_OK; i < range->count && !err; i++)
		if (a.count == 0 || a.records[i].state == 0 ||
		    a.records[i].state == REPORT_OPEN)
			err = loss_one(loss, range->log, range->first + i);
	return err;
}

/* Beside the identities of the order, so that neither's runs are torn. */
static enum err
loss_ranges(struct loss *loss, const struct store_order *order)
{
	struct status_ranges *list = &loss->enrolled;
	size_t i;
	enum err err;

	list->count = 0;
	err = store_range_each(loss->authority->store, order->log,
	    order->number, RANGE_COMMITTED, loss_range, loss, loss->diag);
	status_ranges_sort(list, 0);
	for (i = 0; i < list->count && !err; i++)
		err = reconcile_revoke_add(&loss->result, loss->reason,
		    list->ranges[i].log, list->ranges[i].first, 1,
		    loss->diag);
	return err;
}

/* A station can read no private key of a list's devices: these may have
 * another identity. */
static enum err
loss_reason(struct loss *loss, uint32_t order)
{
	struct store_device_list list;
	enum err err;

	err = store_device_list_get(loss->authority->store, order, &list,
	    NULL);
	loss->reason = err == ERR_OK ? CRL_CESSATION_OF_OPERATION :
	    CRL_KEY_COMPROMISE;
	return err == ERR_OK || err == ERR_NOTFOUND ? ERR_OK :
	    diag_fail(loss->diag, err, NULL, "order %u: its list of devices "
	    "cannot be read", order);
}

static enum err
loss_order(void *ctx, const struct store_order *order)
{
	struct loss *loss = ctx;
	struct reported reported;
	bool concerned = false, open = false;
	uint32_t i;
	enum err err;

	err = order_record_get(loss->authority, order->number, &loss->order,
	    loss->diag);
	for (i = 0; !err && i < loss->order.pack_count; i++) {
		if (strcmp(loss->order.packs[i].station, loss->name) != 0)
			continue;
		concerned = true;
		err = reported_get(loss->authority, order->number,
		    loss->order.packs[i].kid, &reported, loss->diag);
		open = open || err == ERR_NOTFOUND || !reported.final;
		if (err == ERR_NOTFOUND)
			err = ERR_OK;
		if (!err)
			err = sealing_key_end(loss->authority,
			    loss->order.packs[i].kid, loss->now, loss->diag);
	}
	if (err || !concerned || !open)
		return err;
	if (order->state == ORDER_OPEN) {
		err = diag_fail(loss->diag, ERR_STATE, NULL, "station %s: "
		    "order %u still makes packs for it", loss->name,
		    order->number);
		diag_hint(loss->diag, "cancel it first: 'imprint order "
		    "cancel %u'", order->number);
		return err;
	}
	err = loss_reason(loss, order->number);
	return err ? err : loss_ranges(loss, order);
}

static enum err
loss_run(struct loss *loss, int64_t now)
{
	struct status_change change = { .action = STATUS_REVOKE };
	struct station_statement statement;
	struct status_count count = { 0 };
	struct operation operation;
	uint8_t kid[COSE_KID_SIZE];
	size_t i;
	enum err err;

	err = station_statement_get(loss->authority, loss->name, NULL,
	    &statement, loss->diag);
	if (!err)
		err = sealing_key_end(loss->authority, statement.kid, now,
		    loss->diag);
	if (!err)
		err = lost_key(loss->name, kid);
	if (!err)
		err = sealing_key_end(loss->authority, kid, now, loss->diag);
	if (!err)
		err = store_order_each(loss->authority->store, loss_order,
		    loss, loss->diag);
	if (!err)
		err = operation_next(loss->authority, now, &operation,
		    loss->diag);
	if (err)
		return err;
	change.time = operation.time;
	change.operation = operation.seq;
	reconcile_result_sort(&loss->result);
	for (i = 0; i < loss->result.reasons && !err; i++) {
		change.reason = loss->result.revoked[i].reason;
		err = status_apply_all(loss->authority, &change,
		    loss->result.revoked[i].list.ranges,
		    loss->result.revoked[i].list.count, &count, loss->diag);
	}
	return err;
}

enum err
request_station_lost(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	char name[STATION_NAME_MAX + 1] = "";
	struct loss *loss;
	struct bytes text;
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, request->body);
	text = cbor_get_tstr(&cbor);
	if (!cbor_close(&cbor) || text.len > STATION_NAME_MAX)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "station request: no name");
	memcpy(name, text.ptr, text.len);
	err = station_name_check(name, diag);
	if (err)
		return err;
	loss = calloc(1, sizeof(*loss));
	if (loss == NULL)
		return diag_nomem(diag);
	loss->authority = authority;
	loss->name = name;
	loss->now = now;
	loss->diag = diag;
	loss->result.outcome = RECONCILE_LOADED;
	err = loss_run(loss, now);
	if (!err)
		reconcile_result_put(result, &loss->result);
	reconcile_result_release(&loss->result);
	status_ranges_release(&loss->enrolled);
	free(loss);
	return err;
}
