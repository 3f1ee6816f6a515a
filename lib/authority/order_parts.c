#include "lib/authority/order_parts.h"

#include "lib/authority/authority_internal.h"
#include "lib/authority/order_run.h"

/* One that cannot be removed is in the way of no other. */
struct removing {
	struct authority	*authority;
	struct diag		*diag;
	enum err		 first;
	struct diag		 why;		/* of that */
};

static void
part_remove(struct removing *r, uint32_t order, uint32_t no, bool complete)
{
	struct diag diag = DIAG_INIT;
	char path[PATH_SIZE];
	enum err err;

	err = authority_pack_path(r->authority, order, no, complete, path,
	    &diag);
	if (!err)
		err = io_unlink(r->authority->io, path, &diag);
	if (err && !r->first) {
		r->first = err;
		r->why = diag;
	}
}

static enum err
order_remove(void *ctx, const struct store_order *order)
{
	struct removing *r = ctx;
	struct store_pack pack;
	uint32_t no;
	enum err err = ERR_OK;

	if (order->state != ORDER_CANCELLED)
		return ERR_OK;
	for (no = 1; !err && no <= order->packs; no++) {
		err = store_pack_get(r->authority->store, order->number, no,
		    &pack, r->diag);
		if (err || pack.complete)
			continue;
		part_remove(r, order->number, no, false);
		/* named, but not marked complete yet */
		part_remove(r, order->number, no, true);
	}
	return err;
}

enum err
order_parts_remove(struct authority *authority, struct diag *diag)
{
	struct removing r = { .authority = authority, .diag = diag,
		.why = DIAG_INIT };
	enum err err;

	err = store_order_each(authority->store, order_remove, &r, diag);
	if (err || !r.first)
		return err;
	if (diag != NULL)
		*diag = r.why;
	return r.first;
}
