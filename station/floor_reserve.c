/* Reserving: which package a device gets, and that it gets no other. */
#include "lib/base/cbor_write.h"
#include "lib/crypto/random.h"
#include "station/floor_internal.h"
#include "station/form.h"

#define HOLD_S	30	/* a fixture holds what it reserved for so long */

bool
floor_text_good(const char *text)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	const char *at;
	struct cbor c;

	for (at = text; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return false;
	if (bytes_is_plain(bytes_text(text)))
		return true;
	cbor_put_text(&encoded, text);
	cbor_open(&c, buf_bytes(&encoded));
	return cbor_ok(&c);
}

bool
floor_call_good(const struct floor_call *call)
{
	return (call->device_kind == FLOOR_CHIP ||
	    call->device_kind == FLOOR_SERIAL) && call->device_len > 0 &&
	    call->device_len <= FLOOR_DEVICE_MAX &&
	    floor_text_good(call->fixture) && floor_text_good(call->badge) &&
	    floor_text_good(call->mes_order);
}

void
floor_who(const struct floor_call *call, struct ledger_record *r)
{
	r->time = call->now;
	r->fixture = bytes_text(call->fixture);
	r->badge = bytes_text(call->badge);
	r->mes_order = bytes_text(call->mes_order);
}

enum err
floor_find(struct floor *f, const struct floor_call *call,
    struct floor_found *ret_found, struct diag *diag)
{
	struct station *s = f->station;
	struct floor_found found = { .device = NULL };
	uint8_t hash[KEYMAP_HASH];
	uint32_t number;
	enum err err;

	err = station_device_hash(s, call->device_kind,
	    bytes_of(call->device, call->device_len), hash);
	if (err)
		return err;
	number = keymap_find(s->device_map, hash);
	if (number == KEYMAP_NONE) {
		*ret_found = found;
		return ERR_OK;
	}
	found.device = &s->devices[number];
	found.pack = &s->packs[found.device->pack];
	found.order = &s->orders[found.pack->order_at];
	found.state = station_package_state(found.pack,
	    found.device->position);
	err = ledger_get(s->ledger, found.device->reserve_at, &f->room,
	    &found.reserve, diag);
	if (!err)
		err = ledger_get(s->ledger, found.device->last_at,
		    &f->other_room, &found.last, diag);
	if (!err)
		*ret_found = found;
	return err;
}

/* A clock that was set back holds nothing. */
bool
floor_held(const struct floor_call *call, const struct floor_found *found)
{
	return found->state == STATION_UNKNOWN &&
	    !bytes_equal(found->last.fixture, bytes_text(call->fixture)) &&
	    call->now >= found->last.time &&
	    call->now - found->last.time < HOLD_S;
}

bool
floor_meant(const struct floor_call *call, const struct floor_found *found)
{
	return call->has_index ? call->index == found->reserve.index :
	    !found->device->renewed;
}

/* What the document says, into the answer. */
static void
document_tell(const struct document *document, struct floor_package *out)
{
	const struct document_name *name;
	struct floor_name *to;
	size_t i;

	memcpy(out->ueid, document->ueid.ptr, document->ueid.len);
	out->ueid_len = document->ueid.len;
	for (i = 0; i < document->name_count &&
	    out->name_count < FLOOR_NAMES_MAX; i++) {
		name = &document->names[i];
		to = &out->names[out->name_count];
		if (name->kind.len >= sizeof(to->kind) ||
		    name->text.len >= sizeof(to->text))
			continue;
		memcpy(to->kind, name->kind.ptr, name->kind.len);
		memcpy(to->text, name->text.ptr, name->text.len);
		out->name_count++;
	}
}

/* Open the package for the answer, or take it as it is for a chip. On failure
 * there is none; ret_read: that is not the pack's. */
static enum err
package_tell(struct floor *f, const struct station_pack *pack,
    uint64_t position, const struct floor_reserve *what,
    struct floor_package *out, bool *ret_read, struct diag *diag)
{
	struct document document;
	struct bytes encoded;
	struct pack *opened = NULL;
	enum err err;

	memcpy(out->pack, pack->id, PACKAGE_ID_SIZE);
	out->position = position;
	out->order = f->station->orders[pack->order_at].number;
	err = floor_package_open(f, pack, position, &out->index,
	    &out->package, diag);
	if (!err)
		err = floor_pack(f, pack, &opened, diag);
	out->sealed = !err && pack_header(opened)->mode == ORDER_CHIP;
	if (!err)
		err = pack_claim_code(opened, station_sealing(f->station,
		    pack), out->index, out->claim_code, diag);
	if (!err && !out->sealed)
		err = floor_document(&out->package, &encoded, diag);
	if (!err && !out->sealed)
		err = document_read_label(encoded, &document, diag);
	*ret_read = !err || err == ERR_NOMEM;
	if (!err) {
		if (!out->sealed)
			document_tell(&document, out);
		out->form = out->sealed ? FORM_CBOR :
		    pack_header(opened)->form;
		out->evidence = pack_header(opened)->evidence;
		err = station_form(pack_header(opened), what->form,
		    what->layout, &out->package, diag);
	}
	if (err)
		secret_release(&out->package);
	return err;
}

static void
reserve_record(const struct floor_call *call, const struct station_pack *pack,
    const struct floor_package *package, struct ledger_record *ret_record)
{
	struct ledger_record r = {
		.kind = LEDGER_RESERVE, .position = package->position,
		.index = package->index, .device_kind = call->device_kind,
		.device = bytes_of(call->device, call->device_len),
		.nonce = bytes_of(package->nonce, FLOOR_NONCE_SIZE)
	};

	memcpy(r.pack, pack->id, PACKAGE_ID_SIZE);
	floor_who(call, &r);
	*ret_record = r;
}

/* The one that it has is void from now on. */
static enum err
rework_tell(struct floor *f, const struct floor_call *call,
    const struct floor_reserve *what, const struct floor_found *found,
    struct diag *diag)
{
	struct ledger_record r = {
		.kind = LEDGER_REWORK, .position = found->device->position,
		.reason = bytes_text(what->reason)
	};

	memcpy(r.pack, found->pack->id, PACKAGE_ID_SIZE);
	floor_who(call, &r);
	return station_tell(f->station, &r, diag);
}

/* Pick one and open it; place.pack NULL: none. */
static enum err
fresh_open(struct floor *f, const struct floor_call *call,
    const struct floor_reserve *what, struct floor_place *ret_place,
    struct floor_package *out, enum floor_code *ret_code, struct diag *diag)
{
	struct diag why;
	bool read;
	enum err err;

	for (;;) {
		err = floor_pick(f, call, what, ret_place, ret_code, diag);
		if (err || ret_place->pack == NULL)
			return err;
		why = (struct diag)DIAG_INIT;
		err = package_tell(f, ret_place->pack, ret_place->position,
		    what, out, &read, &why);
		if (!err)
			floor_was_read(f, ret_place->pack);
		if (!err)
			return ERR_OK;
		if (read || ret_place->last)
			return floor_diag_take(diag, err, &why);
		floor_pass_over(f, ret_place->pack, call->now, &why);
	}
}

/* A package that nobody had. It is opened first: nothing is void or used up
 * for one that cannot be. */
static enum err
reserve_fresh(struct floor *f, const struct floor_call *call,
    const struct floor_reserve *what, const struct floor_found *found,
    struct floor_package *out, enum floor_code *ret_code, struct diag *diag)
{
	struct floor_place place;
	struct ledger_record r;
	enum err err;

	err = fresh_open(f, call, what, &place, out, ret_code, diag);
	if (err || place.pack == NULL)
		return err;
	err = floor_room(f, ret_code, diag);
	if (err || *ret_code != FLOOR_OK) {
		secret_release(&out->package);
		return err;
	}
	err = random_bytes(out->nonce, FLOOR_NONCE_SIZE, diag);
	ledger_hold(f->station->ledger);	/* both are written, or none */
	if (!err && (found->state == STATION_INJECTED ||
	    found->state == STATION_UNKNOWN))
		err = rework_tell(f, call, what, found, diag);
	if (!err) {
		reserve_record(call, place.pack, out, &r);
		err = station_tell(f->station, &r, diag);
	}
	ledger_let(f->station->ledger);
	if (err)
		secret_release(&out->package);
	else
		*ret_code = FLOOR_OK;
	return err;
}

/* The same bytes again; another fixture has it from now on. */
static enum err
reserve_again(struct floor *f, const struct floor_call *call,
    const struct floor_reserve *what, const struct floor_found *found,
    struct floor_package *out, enum floor_code *ret_code, struct diag *diag)
{
	struct ledger_record r;
	bool same, read;
	enum err err;

	if (!floor_fits(f, found->pack, what)) {
		*ret_code = FLOOR_BAD_REQUEST;
		return ERR_OK;
	}
	if (floor_held(call, found)) {
		*ret_code = FLOOR_OTHER_FIXTURE;
		return ERR_OK;
	}
	same = bytes_equal(found->reserve.fixture, bytes_text(call->fixture));
	*ret_code = FLOOR_OK;
	err = same ? ERR_OK : floor_room(f, ret_code, diag);
	if (err || *ret_code != FLOOR_OK)
		return err;
	memcpy(out->nonce, found->reserve.nonce.ptr, FLOOR_NONCE_SIZE);
	err = package_tell(f, found->pack, found->device->position, what, out,
	    &read, diag);
	if (err)
		return err;
	if (what->unproven && out->evidence != INJECTION_UNPROVEN) {
		secret_release(&out->package);
		*ret_code = FLOOR_EVIDENCE;
		return ERR_OK;
	}
	*ret_code = FLOOR_REPEATED;
	if (same)
		return ERR_OK;
	reserve_record(call, found->pack, out, &r);
	err = station_tell(f->station, &r, diag);
	if (err)
		secret_release(&out->package);
	return err;
}

enum err
floor_reserve(struct floor *f, const struct floor_call *call,
    const struct floor_reserve *what, struct floor_package *ret_package,
    enum floor_code *ret_code, struct diag *diag)
{
	struct floor_package out = { .package = ret_package->package };
	enum floor_code code = FLOOR_BAD_REQUEST;
	struct floor_found found = { .device = NULL };
	bool again, refused;
	enum err err;

	secret_clear(&out.package);
	*ret_code = FLOOR_BROKEN;
	if (!floor_call_good(call) || !floor_text_good(what->reason) ||
	    what->rework != (what->reason[0] != '\0')) {
		*ret_code = FLOOR_BAD_REQUEST;
		return ERR_OK;
	}
	err = floor_find(f, call, &found, diag);
	if (err)
		return err;
	again = found.device != NULL && found.state == STATION_UNKNOWN &&
	    !found.order->closing;
	refused = !again && found.device != NULL && !what->rework &&
	    found.state != STATION_REWORKED;
	if (again)
		err = reserve_again(f, call, what, &found, &out, &code, diag);
	else if (refused)
		code = found.state == STATION_INJECTED ? FLOOR_DONE :
		    found.state == STATION_SCRAPPED ? FLOOR_SCRAPPED :
		    FLOOR_CLOSED;
	else if (found.device == NULL && what->rework)
		code = FLOOR_NO_DEVICE;
	else if (what->rework && what->voids != found.reserve.index)
		code = FLOOR_NOT_THAT;
	else if (found.state == STATION_INJECTED && found.order->closing)
		code = FLOOR_CLOSED;	/* no report would tell it */
	else
		err = reserve_fresh(f, call, what, &found, &out, &code, diag);
	ret_package->package = out.package;	/* its room, at least */
	if (err)
		return err;
	*ret_code = code;
	if (code == FLOOR_OK || code == FLOOR_REPEATED)
		*ret_package = out;
	return ERR_OK;
}
