#include "lib/authority/order_parts.h"

#include "lib/authority/authority_internal.h"
#include "lib/authority/order_run.h"

struct removing {
	struct authority	*authority;
	struct diag		*diag;
};

static enum err
part_remove(const struct removing *r, uint32_t order, uint32_t no,
    bool complete)
{
	char path[PATH_SIZE];
	enum err err;

	err = authority_pack_path(r->authority, order, no, complete, path,
	    r->diag);
	return err ? err : io_unlink(r->authority->io, path, r->diag);
}

static enum err
order_remove(void *ctx, const struct store_order *order)
{
	const struct removing *r = ctx;
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
		err = part_remove(r, order->number, no, false);
		if (!err)	/* named, but not marked complete yet */
			err = part_remove(r, order->number, no, true);
	}
	return err;
}

enum err
order_parts_remove(struct authority *authority, struct diag *diag)
{
	struct removing r = { .authority = authority, .diag = diag };

	return store_order_each(authority->store, order_remove, &r, diag);
}
