#include <stdlib.h>

#include "lib/identity/chip_package.h"
#include "station/floor_internal.h"

#define LOW_PART	50	/* low: less than one of so many is unused */

/* Orders of version 1 of the ledger do not say their number: the header of a
 * pack does. A pack that is gone says nothing. */
static void
numbers_fill(struct floor *f)
{
	struct station *s = f->station;
	struct station_order *order;
	struct pack *pack = NULL;
	size_t i;

	for (i = 0; i < s->pack_count; i++) {
		order = &s->orders[s->packs[i].order_at];
		if (order->number == 0 &&
		    floor_pack(f, &s->packs[i], &pack, NULL) == ERR_OK)
			order->number = pack_header(pack)->order_number;
	}
}

enum err
floor_open(struct station *station, struct floor **ret_floor,
    struct diag *diag)
{
	struct floor *f;

	if (station->ledger == NULL)
		return ERR_INTERNAL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return diag_nomem(diag);
	f->station = station;
	f->room.limit = f->other_room.limit = LEDGER_RECORD_MAX +
	    SHA256_SIZE;
	numbers_fill(f);
	*ret_floor = f;
	return ERR_OK;
}

void
floor_close(struct floor **floor)
{
	struct floor *f = *floor;
	size_t i;

	if (f == NULL)
		return;
	for (i = 0; i < FLOOR_PACKS_OPEN; i++)
		pack_close(&f->open[i].pack);
	floor_made_free(f);
	buf_release(&f->room);
	buf_release(&f->other_room);
	free(f);
	*floor = NULL;
}

enum err
floor_diag_take(struct diag *diag, enum err err, const struct diag *why)
{
	(void)diag_fail(diag, err, why->ref[0] != '\0' ? why->ref : NULL,
	    "%s", why->what);
	if (why->hint[0] != '\0')
		diag_hint(diag, "%s", why->hint);
	return err;
}

enum err
floor_room(struct floor *f, enum floor_code *ret_code, struct diag *diag)
{
	struct diag full = DIAG_INIT;
	enum err err;

	err = ledger_room(f->station->ledger, &full);
	*ret_code = err == ERR_NOSPACE ? FLOOR_FULL : FLOOR_OK;
	if (err == ERR_NOSPACE || err == ERR_OK)
		return ERR_OK;
	return diag_fail(diag, err, NULL, "%s", full.what);
}

enum err
floor_sync(struct floor *f, struct diag *diag)
{
	return ledger_commit(f->station->ledger, diag);
}

/* It is there already, or takes the place of what was not used for longest. */
static struct floor_open_pack *
place_find(struct floor *f, size_t number)
{
	struct floor_open_pack *place = &f->open[0];
	size_t i;

	for (i = 0; i < FLOOR_PACKS_OPEN; i++) {
		if (f->open[i].pack != NULL && f->open[i].number == number)
			return &f->open[i];
		if (f->open[i].used < place->used)
			place = &f->open[i];
	}
	pack_close(&place->pack);
	return place;
}

enum err
floor_pack(struct floor *f, const struct station_pack *of,
    struct pack **ret_pack, struct diag *diag)
{
	size_t number = (size_t)(of - f->station->packs);
	struct floor_open_pack *place = place_find(f, number);
	enum err err;

	place->used = ++f->uses;
	if (place->pack == NULL) {
		place->number = number;
		err = station_pack_open(f->station, of, &place->pack, diag);
		if (err)
			return err;
	}
	*ret_pack = place->pack;
	return ERR_OK;
}

/* As it is: nobody but the chip can open it. */
static enum err
sealed_take(struct pack *pack, uint64_t position, uint64_t *ret_index,
    struct secret *out, struct diag *diag)
{
	_cleanup_buf_ struct buf room = { .limit = PACKAGE_SIZE_MAX };
	_cleanup_buf_ struct buf package = BUF_INIT;
	struct pack_sealed sealed;
	enum err err;

	err = pack_read_sealed(pack, position, &room, &sealed, diag);
	if (err)
		return err;
	chip_package_put(&package, pack_header(pack), &sealed);
	err = buf_err(&package);
	if (!err)
		err = secret_reserve(out, package.len);
	if (!err)
		err = secret_put(out, buf_bytes(&package));
	if (err)
		return diag_nomem(diag);
	*ret_index = sealed.index;
	return ERR_OK;
}

void
floor_pack_drop(struct floor *f, const struct station_pack *of)
{
	struct floor_open_pack *place = place_find(f,
	    (size_t)(of - f->station->packs));

	pack_close(&place->pack);
}

enum err
floor_package_open(struct floor *f, const struct station_pack *of,
    uint64_t position, uint64_t *ret_index, struct secret *out,
    struct diag *diag)
{
	struct bytes key = station_sealing(f->station, of);
	struct pack *pack = NULL;
	enum err err;

	err = floor_pack(f, of, &pack, diag);
	if (err)
		return err;
	if (pack_header(pack)->mode == ORDER_CHIP)
		err = sealed_take(pack, position, ret_index, out, diag);
	else if (key.len == 0)
		return diag_fail(diag, ERR_STATE, NULL, "the key of its order"
		    " is destroyed: the order has been reported");
	else
		err = pack_open_package(pack, position, key, ret_index, out,
		    diag);
	if (err) {
		secret_release(out);
		floor_pack_drop(f, of);
		diag_hint(diag, "import the pack again from the original: it"
		    " goes on where it was");
	}
	return err == ERR_NOTFOUND ? ERR_CORRUPT : err;
}

enum err
floor_document(const struct secret *package, struct bytes *ret_document,
    struct diag *diag)
{
	struct bytes document;
	struct cbor c;

	cbor_open(&c, secret_bytes(package));
	(void)cbor_get_array(&c);
	if (!bytes_equal(cbor_get_tstr(&c), bytes_text(PACKAGE_MAGIC)))
		cbor_fail(&c, "not a package");
	if (cbor_get_uint(&c) != PACKAGE_VERSION)
		cbor_fail(&c, "of another version");
	document = cbor_get_bstr(&c);
	if (!cbor_ok(&c))
		return diag_fail(diag, ERR_CORRUPT, NULL, "package: %s",
		    c.error);
	*ret_document = document;
	return ERR_OK;
}

size_t
floor_order_count(const struct floor *f)
{
	return f->station->order_count;
}

void
floor_order_at(const struct floor *f, size_t at,
    struct floor_order *ret_order)
{
	floor_order_of(f->station, at, ret_order);
}

void
floor_order_of(const struct station *s, size_t at,
    struct floor_order *ret_order)
{
	const struct station_order *order = &s->orders[at];
	struct floor_order o = {
		.order = order->number,
		.closed = order->closing || order->closed
	};
	const struct station_pack *p;
	size_t i;

	memcpy(o.product, order->product, sizeof(o.product));
	for (i = 0; i < s->pack_count; i++) {
		p = &s->packs[i];
		if (p->order_at != at)
			continue;
		o.count += p->count;
		o.unused += station_pack_unused(p);
		o.reserved += p->unknown;
		o.injected += p->injected;
		o.unproven += p->unproven;
		o.scrapped += p->scrapped + p->failed;
		o.reworked += p->reworked;
	}
	o.low = !o.closed && o.unused < o.count / LOW_PART + 1;
	*ret_order = o;
}
