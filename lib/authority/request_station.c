/* Requests about a station that has a new key, or is lost. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/authority_internal.h"
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
	bool			 rest;		/* but what is revoked */
	struct reconcile_result	 result;
	struct diag		*diag;
};

static void
loss_begin(struct loss *loss)
{
	loss->result.outcome = RECONCILE_LOADED;
	loss->result.hint = "revoke some of its packs first, with what was "
	    "injected of them: 'imprint revoke --pack ORDER/PACK'; or the "
	    "rest of them alone: 'imprint revoke --from FILE'";
}

/* The run of them that ends before i. */
static enum err
loss_run_end(struct loss *loss, const struct store_range *range,
    uint32_t start, uint32_t i)
{
	const struct status_range births = { range->log, range->first + start,
	    i - start };

	return start == i ? ERR_OK : reconcile_revoke_births(&loss->result,
	    loss->authority, loss->reason, &births, !loss->rest, loss->diag);
}

/* What the station injected, as it reported, stays good. */
static enum err
loss_range(void *ctx, const struct store_range *range)
{
	_cleanup_associations_ struct associations a = ASSOCIATIONS_INIT;
	struct loss *loss = ctx;
	uint32_t i, start = 0;
	enum err err;

	if (range->pack == 0 || range->pack > loss->order.pack_count ||
	    strcmp(loss->order.packs[range->pack - 1].station,
	    loss->name) != 0)
		return ERR_OK;
	err = associations_get(loss->authority, range, &a, loss->diag);
	if (err && err != ERR_NOTFOUND)
		return err;
	for (i = 0, err = ERR_OK; i < range->count && !err; i++) {
		if (a.count == 0 || a.records[i].state == 0 ||
		    a.records[i].state == REPORT_OPEN)
			continue;
		err = loss_run_end(loss, range, start, i);
		start = i + 1;
	}
	return err ? err : loss_run_end(loss, range, start, range->count);
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
	return err ? err : store_range_each(loss->authority->store, order->log,
	    order->number, RANGE_COMMITTED, loss_range, loss, loss->diag);
}

/*
 * All that it may hold, though some of it be revoked: so the answer, from which
 * it is ordered again, is the same when it is asked for again. When that is too
 * much, what was revoked by hand is left out.
 */
static enum err
loss_orders(struct loss *loss)
{
	enum err err;

	err = store_order_each(loss->authority->store, loss_order, loss,
	    loss->diag);
	if (err != ERR_LIMIT)
		return err;
	reconcile_result_release(&loss->result);
	loss_begin(loss);
	loss->rest = true;
	if (loss->diag != NULL)
		*loss->diag = (struct diag)DIAG_INIT;
	return store_order_each(loss->authority->store, loss_order, loss,
	    loss->diag);
}

static enum err
loss_run(struct loss *loss)
{
	struct station_statement statement;
	uint8_t kid[COSE_KID_SIZE];
	enum err err;

	err = station_statement_get(loss->authority, loss->name, NULL,
	    &statement, loss->diag);
	if (!err)
		err = sealing_key_end(loss->authority, statement.kid,
		    loss->now, loss->diag);
	if (!err)
		err = lost_key(loss->name, kid);
	if (!err)
		err = sealing_key_end(loss->authority, kid, loss->now,
		    loss->diag);
	if (!err)
		err = loss_orders(loss);
	return err ? err : reconcile_result_apply(&loss->result,
	    loss->authority, loss->now, loss->diag);
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
	loss_begin(loss);
	err = loss_run(loss);
	if (!err)
		reconcile_result_put(result, &loss->result);
	reconcile_result_release(&loss->result);
	free(loss);
	return err;
}
