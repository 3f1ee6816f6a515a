/* What who has a lost station's key can open: reconcile.h. */
#include <string.h>

#include "lib/authority/association.h"
#include "lib/authority/authority_internal.h"
#include "lib/authority/claim.h"
#include "lib/authority/field.h"
#include "lib/authority/reconcile.h"
#include "lib/authority/status.h"

struct exposing {
	struct authority	*authority;
	const char		*station;
	struct buf		 kids;	/* keys that are not destroyed yet */
	enum err (*each)(void *ctx, const struct station_exposed *);
	void			*ctx;
	struct order_record	 order;	/* at hand */
	bool			 owned;	/* its devices wait for owners */
	struct station_exposed	 found;
	struct diag		*diag;
};

static bool
kid_is_open(const struct exposing *e, const uint8_t kid[COSE_KID_SIZE])
{
	size_t at;

	for (at = 0; at < e->kids.len; at += COSE_KID_SIZE)
		if (memcmp(e->kids.ptr + at, kid, COSE_KID_SIZE) == 0)
			return true;
	return false;
}

static bool
is_its_pack(const struct exposing *e, uint32_t no)
{
	return strcmp(e->order.packs[no - 1].station, e->station) == 0;
}

/* A key goes with the final report of the last order that needs it. */
static enum err
order_kids(void *ctx, const struct store_order *order)
{
	struct exposing *e = ctx;
	struct reported reported;
	uint32_t no;
	enum err err;

	err = order_record_get(e->authority, order->number, &e->order,
	    e->diag);
	for (no = 1; !err && no <= e->order.pack_count; no++) {
		const uint8_t *kid = e->order.packs[no - 1].kid;

		if (!is_its_pack(e, no) || kid_is_open(e, kid))
			continue;
		err = reported_get(e->authority, order->number, kid,
		    &reported, e->diag);
		if (err == ERR_NOTFOUND || (!err && !reported.final)) {
			buf_put(&e->kids, kid, COSE_KID_SIZE);
			err = buf_err(&e->kids);
		}
	}
	return err;
}

static enum err
identity_count(struct exposing *e, const struct address *birth)
{
	struct field_device device = { .has_current = false };
	struct store_status row;
	enum status status;
	enum err err;

	err = status_get(e->authority, birth->log, birth->index, &status,
	    &row, e->diag);
	if (err)
		return err;
	e->found.identities += status != STATUS_REVOKED;
	err = field_birth_status(e->authority, birth, &status, e->diag);
	if (err || status == STATUS_REVOKED)
		return err;
	err = field_device_get(e->authority, birth, &device, e->diag);
	if (err && err != ERR_NOTFOUND)
		return err;
	e->found.codes += device.claim.state != FIELD_CLAIMED;
	return ERR_OK;
}

struct revoked {
	uint64_t	first, end;
	uint64_t	count;
};

static enum err
revoked_count(void *ctx, const struct store_status *row)
{
	struct revoked *r = ctx;
	uint64_t from = row->first > r->first ? row->first : r->first;
	uint64_t end = row->first + row->count;

	if (row->state == STATUS_REVOKED)
		r->count += (end < r->end ? end : r->end) - from;
	return ERR_OK;
}

/* Without codes, one look at its status. */
static enum err
range_count_whole(struct exposing *e, const struct store_range *range)
{
	struct revoked revoked = { .first = range->first,
		.end = range->first + range->count };
	enum err err;

	err = store_status_each(e->authority->store, range->log,
	    range->first, range->count, revoked_count, &revoked, e->diag);
	e->found.identities += range->count - revoked.count;
	return err;
}

static enum err
range_count(void *ctx, const struct store_range *range)
{
	struct exposing *e = ctx;
	struct address birth = { range->log, range->first };
	uint32_t i;
	enum err err = ERR_OK;

	if (range->pack == e->found.pack && !e->owned)
		return range_count_whole(e, range);
	for (i = 0; range->pack == e->found.pack && i < range->count && !err;
	    i++, birth.index++)
		err = identity_count(e, &birth);
	return err;
}

static enum err
order_owned(struct exposing *e, const struct store_order *order)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object product;
	enum err err;

	err = authority_object_by_hash(e->authority, STORE_PRODUCT,
	    order->product, &body, &product, e->diag);
	return err ? err : claim_needed(e->authority, product.name, &e->owned,
	    e->diag);
}

static enum err
pack_count(struct exposing *e, const struct store_order *order)
{
	struct store_device_list list;
	enum err err;

	err = store_device_list_get(e->authority->store, order->number, &list,
	    NULL);
	e->found.keys = err == ERR_NOTFOUND;
	if (err && err != ERR_NOTFOUND)
		return diag_fail(e->diag, err, NULL, "order %u: its list of "
		    "devices cannot be read", order->number);
	err = order_owned(e, order);
	if (!err)
		err = store_range_each(e->authority->store, order->log,
		    order->number, RANGE_COMMITTED, range_count, e, e->diag);
	/* of what is superseded they open nothing any more */
	e->found.keys = e->found.keys && e->found.identities > 0;
	if (err || (!e->found.keys && e->found.codes == 0))
		return err;
	return e->each(e->ctx, &e->found);
}

static enum err
order_count(void *ctx, const struct store_order *order)
{
	struct exposing *e = ctx;
	uint32_t no;
	enum err err;

	err = order_record_get(e->authority, order->number, &e->order,
	    e->diag);
	for (no = 1; !err && no <= e->order.pack_count; no++) {
		if (!is_its_pack(e, no) ||
		    !kid_is_open(e, e->order.packs[no - 1].kid))
			continue;
		e->found = (struct station_exposed){ .order = order->number,
		    .pack = no };
		err = pack_count(e, order);
	}
	return err;
}

enum err
station_exposed_each(struct authority *authority, const char *station,
    enum err (*each)(void *ctx, const struct station_exposed *), void *ctx,
    struct diag *diag)
{
	struct exposing e = { .authority = authority, .station = station,
	    .kids = BUF_INIT, .each = each, .ctx = ctx, .diag = diag };
	enum err err;

	e.kids.limit = BUF_LIMIT_DEFAULT;
	err = store_order_each(authority->store, order_kids, &e, diag);
	if (!err)
		err = store_order_each(authority->store, order_count, &e,
		    diag);
	buf_release(&e.kids);
	return err;
}
