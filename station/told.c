/* What the ledger's records do to the station: of old ones when it is opened,
 * of new ones when they are made. One account of what happened. */
#include <stdlib.h>

#include "lib/policy/name.h"
#include "station/home.h"

#define STATE_MASK	((1 << STATION_STATE_BITS) - 1)

static enum err
told(struct diag *diag, const char *what)
{
	return diag_fail(diag, ERR_CORRUPT, NULL, "ledger: %s", what);
}

struct station_pack *
station_pack_find(struct station *s, const uint8_t id[PACKAGE_ID_SIZE])
{
	size_t i;

	/* the last one first: records of one pack stand together */
	for (i = s->pack_count; i > 0; i--)
		if (memcmp(s->packs[i - 1].id, id, PACKAGE_ID_SIZE) == 0)
			return &s->packs[i - 1];
	return NULL;
}

struct station_order *
station_order_find(struct station *s, const uint8_t id[PACKAGE_ID_SIZE])
{
	size_t i;

	for (i = s->order_count; i > 0; i--)
		if (memcmp(s->orders[i - 1].id, id, PACKAGE_ID_SIZE) == 0)
			return &s->orders[i - 1];
	return NULL;
}

static enum err
order_note(struct station *s, const struct ledger_record *r,
    size_t *ret_order, struct diag *diag)
{
	struct station_order *order = station_order_find(s, r->order);

	if (order == NULL) {
		order = reallocarray(s->orders, s->order_count + 1,
		    sizeof(*order));
		if (order == NULL)
			return diag_nomem(diag);
		s->orders = order;
		order = &s->orders[s->order_count++];
		*order = (struct station_order){ .number = 0 };
		memcpy(order->id, r->order, PACKAGE_ID_SIZE);
		memcpy(order->product, r->product, sizeof(order->product));
	}
	if (r->order_number != 0)
		order->number = r->order_number;
	*ret_order = (size_t)(order - s->orders);
	return ERR_OK;
}

static enum err
told_import(struct station *s, const struct ledger_record *r,
    struct diag *diag)
{
	static const uint8_t none[SHA256_SIZE];
	struct station_pack *packs, *pack;
	size_t room = r->count == 0 ? 1 : (size_t)r->count;
	enum err err;

	if (station_pack_find(s, r->pack) != NULL)
		return told(diag, "a pack was imported twice");
	if (s->pack_count == STATION_PACKS_MAX)
		return told(diag, "more packs than a station takes");
	if (r->count > STATION_PACK_MAX)
		return told(diag, "a pack is larger than any");
	packs = reallocarray(s->packs, s->pack_count + 1, sizeof(*packs));
	if (packs == NULL)
		return diag_nomem(diag);
	s->packs = packs;
	pack = &packs[s->pack_count];
	*pack = (struct station_pack){ .count = r->count };
	err = order_note(s, r, &pack->order_at, diag);
	if (err)
		return err;
	memcpy(pack->id, r->pack, PACKAGE_ID_SIZE);
	memcpy(pack->order, r->order, PACKAGE_ID_SIZE);
	memcpy(pack->recipient, memcmp(r->recipient, none, SHA256_SIZE) == 0 ?
	    s->id : r->recipient, SHA256_SIZE);
	memcpy(pack->product, r->product, sizeof(pack->product));
	/* untouched pages of a large pack take no memory */
	pack->packages = calloc(room, sizeof(*pack->packages));
	pack->devices = calloc(room, sizeof(*pack->devices));
	if (pack->packages == NULL || pack->devices == NULL) {
		free(pack->packages);
		free(pack->devices);
		return diag_nomem(diag);
	}
	s->pack_count++;
	return ERR_OK;
}

static uint64_t *
counter(struct station_pack *pack, enum station_package state)
{
	switch (state) {
	case STATION_UNKNOWN:
		return &pack->unknown;
	case STATION_INJECTED:
		return &pack->injected;
	case STATION_FAILED:
		return &pack->failed;
	case STATION_SCRAPPED:
		return &pack->scrapped;
	case STATION_REWORKED:
		return &pack->reworked;
	case STATION_UNUSED:
		break;
	}
	return NULL;
}

/* Change one package's state and the counts with it. */
static void
become(struct station_pack *pack, uint64_t position,
    enum station_package state, unsigned evidence)
{
	uint8_t *at = &pack->packages[position];
	uint64_t *before = counter(pack, station_package_state(pack,
	    position));

	if (before != NULL)
		(*before)--;
	if (before == &pack->injected && *at >> STATION_STATE_BITS == 0)
		pack->unproven--;
	(*counter(pack, state))++;
	pack->unproven += state == STATION_INJECTED && evidence == 0;
	*at = (uint8_t)(state | evidence << STATION_STATE_BITS);
	while (pack->next < pack->count &&
	    pack->packages[pack->next] != STATION_UNUSED)
		pack->next++;
}

static enum err
told_out(struct station *s, struct station_pack *pack,
    const struct ledger_record *r, struct diag *diag)
{
	if (pack->packages[r->position] != STATION_UNUSED)
		return told(diag, "a package was handed out twice");
	become(pack, r->position, STATION_UNKNOWN, 0);
	s->out++;
	return ERR_OK;
}

static enum err
told_result(struct station_pack *pack, const struct ledger_record *r,
    struct diag *diag)
{
	if (pack->packages[r->position] != STATION_UNKNOWN ||
	    pack->devices[r->position] != 0)
		return told(diag, "a result for a package that is not out");
	become(pack, r->position, r->status == 0 ? STATION_INJECTED :
	    STATION_FAILED, 0);
	return ERR_OK;
}

enum err
station_device_hash(struct station *s, unsigned kind, struct bytes device,
    uint8_t ret_hash[KEYMAP_HASH])
{
	uint8_t octet = (uint8_t)kind;
	const struct bytes parts[] = { bytes_of(&octet, 1), device };

	return keymap_hash(s->device_map, parts, 2, ret_hash);
}

/* As name_space(): numbers of the world are of one space, whatever they are
 * called. */
enum err
station_name_hash(struct station *s, const struct ledger_name *name,
    uint8_t ret_hash[KEYMAP_HASH])
{
	uint8_t type = (uint8_t)name->type;
	const struct bytes parts[] = {
		bytes_of(&type, 1),
		type == NAME_TEXT ? name->kind : BYTES_NONE, name->text
	};

	return keymap_hash(s->name_map, parts, 3, ret_hash);
}

static enum err
device_new(struct station *s, uint32_t *ret_number, struct diag *diag)
{
	struct station_device *devices;
	size_t room = s->device_room == 0 ? 256 : s->device_room * 2;

	if (s->device_count == s->device_room) {
		if (room >= KEYMAP_NONE)
			return told(diag, "more devices than a station has");
		devices = reallocarray(s->devices, room, sizeof(*devices));
		if (devices == NULL)
			return diag_nomem(diag);
		s->devices = devices;
		s->device_room = room;
	}
	*ret_number = (uint32_t)s->device_count;
	s->devices[s->device_count++] = (struct station_device){ .pack = 0 };
	return ERR_OK;
}

/* May the device take this package? One at a time. */
static enum err
device_free(const struct station *s, const struct station_device *device,
    const struct station_pack *pack, uint64_t position, struct diag *diag)
{
	const struct station_pack *had = &s->packs[device->pack];
	enum station_package state = station_package_state(had,
	    device->position);

	if (had == pack && device->position == position)
		return ERR_OK;
	if (state == STATION_SCRAPPED || state == STATION_REWORKED)
		return ERR_OK;
	return told(diag, "a device was given two packages");
}

/* The device's number, which is new perhaps, and what it holds now. */
static enum err
device_bind(struct station *s, struct station_pack *pack,
    const struct ledger_record *r, struct diag *diag)
{
	uint8_t hash[KEYMAP_HASH];
	const struct station_device *had;
	bool renewed = false;
	uint32_t number;
	enum err err;

	err = station_device_hash(s, r->device_kind, r->device, hash);
	if (err)
		return err;
	number = keymap_find(s->device_map, hash);
	if (number != KEYMAP_NONE) {
		had = &s->devices[number];
		renewed = had->renewed || &s->packs[had->pack] != pack ||
		    had->position != r->position;
		err = device_free(s, had, pack, r->position, diag);
	} else {
		err = device_new(s, &number, diag);
		if (!err && keymap_put(s->device_map, hash, number) != ERR_OK)
			err = diag_nomem(diag);
	}
	if (err)
		return err;
	if (pack->packages[r->position] != STATION_UNUSED &&
	    pack->devices[r->position] != number + 1)
		return told(diag, "a package was given to two devices");
	pack->devices[r->position] = number + 1;
	s->devices[number] = (struct station_device){
		.reserve_at = r->at, .last_at = r->at,
		.pack = (uint16_t)(pack - s->packs),
		.position = (uint32_t)r->position, .renewed = renewed
	};
	return ERR_OK;
}

static enum err
told_reserve(struct station *s, struct station_pack *pack,
    const struct ledger_record *r, struct diag *diag)
{
	bool unused = pack->packages[r->position] == STATION_UNUSED;
	enum err err = ERR_OK;

	if (!unused && station_package_state(pack, r->position) !=
	    STATION_UNKNOWN)
		return told(diag, "a package was handed out twice");
	if (s->device_map != NULL)
		err = device_bind(s, pack, r, diag);
	if (err || !unused)
		return err;
	become(pack, r->position, STATION_UNKNOWN, 0);
	s->out++;
	return ERR_OK;
}

static enum err
names_note(struct station *s, uint32_t device, const struct ledger_record *r,
    struct diag *diag)
{
	uint8_t hash[KEYMAP_HASH];
	size_t i;
	enum err err;

	for (i = 0; i < r->name_count; i++) {
		err = station_name_hash(s, &r->names[i], hash);
		if (err)
			return err;
		if (keymap_put(s->name_map, hash, device) != ERR_OK)
			return diag_nomem(diag);
	}
	return ERR_OK;
}

/* Commit, scrap, rework: of a package that a device has. */
static enum err
told_verb(struct station *s, struct station_pack *pack,
    const struct ledger_record *r, struct diag *diag)
{
	enum station_package state = station_package_state(pack, r->position);
	bool commit = r->kind == LEDGER_COMMIT;
	uint32_t number;

	if ((state != STATION_UNKNOWN &&
	    (commit || state != STATION_INJECTED)) ||
	    r->evidence >= 1 << (8 - STATION_STATE_BITS))
		return told(diag, "a result for a package that is not out");
	become(pack, r->position, commit ? STATION_INJECTED :
	    r->kind == LEDGER_SCRAP ? STATION_SCRAPPED : STATION_REWORKED,
	    r->evidence);
	if (s->device_map == NULL)
		return ERR_OK;
	number = pack->devices[r->position];
	if (number == 0)
		return told(diag, "a result for a package of no device");
	s->devices[number - 1].last_at = r->at;
	return names_note(s, number - 1, r, diag);
}

static enum err
told_order(struct station *s, const struct ledger_record *r,
    struct diag *diag)
{
	struct station_order *order = station_order_find(s, r->order);

	if (order == NULL)
		return told(diag, "a record about an order that never came");
	if (r->kind == LEDGER_CLOSED) {
		order->closed = true;
		return ERR_OK;
	}
	if (r->number <= order->reports)
		return told(diag, "reports are not in order");
	order->reports = r->number;
	order->closing = order->closing || r->final;
	return ERR_OK;
}

static bool
anchor_follows(const struct station_anchor *a, const struct ledger_record *r)
{
	return a->kind == r->anchor && r->number == a->number + 1 &&
	    bytes_equal(r->value, bytes_text(a->place));
}

static enum err
told_local(struct station_anchor *a, const struct ledger_record *r,
    struct diag *diag)
{
	if (r->value.len > LEDGER_PLACE_MAX || r->number == 0 ||
	    (r->value.len > 0 &&
	    memchr(r->value.ptr, '\0', r->value.len) != NULL))
		return told(diag, "an anchor of no usable place");
	if (anchor_follows(a, r))
		a->before = a->at;
	else
		a->before = (struct ledger_point){ .entries = 0 };
	a->kind = r->anchor;
	a->number = r->number;
	memset(a->place, 0, sizeof(a->place));
	if (r->value.len > 0)
		memcpy(a->place, r->value.ptr, r->value.len);
	a->at.entries = r->entry;
	memcpy(a->at.hash, r->head, SHA256_SIZE);
	a->held = false;
	return ERR_OK;
}

static enum err
told_anchor(struct station *s, const struct ledger_record *r,
    struct diag *diag)
{
	struct station_anchor *a = &s->anchor;

	switch ((enum ledger_anchor)r->anchor) {
	case LEDGER_ANCHOR_NONE:
		a->kind = LEDGER_ANCHOR_NONE;
		a->number = 0;
		memset(a->place, 0, sizeof(a->place));
		a->at = a->before = (struct ledger_point){ .entries = 0 };
		a->held = false;
		return ERR_OK;
	case LEDGER_ANCHOR_ACKNOWLEDGED:
		if (r->number >= r->entry || r->number <= a->acknowledged ||
		    r->value.len > ACKNOWLEDGED_MAX)
			return told(diag, "an acknowledgement out of order");
		a->acknowledged = r->number;
		memcpy(a->receipt, r->value.ptr, r->value.len);
		a->receipt_len = r->value.len;
		return ERR_OK;
	case LEDGER_ANCHOR_REFUTED:
		a->refuted = r->number;
		return ERR_OK;
	default:
		return told_local(a, r, diag);
	}
}

static enum err
told_package(struct station *s, const struct ledger_record *r,
    struct diag *diag)
{
	struct station_pack *pack = station_pack_find(s, r->pack);

	if (pack == NULL || r->position >= pack->count)
		return told(diag, "a record about a package that never came");
	switch (r->kind) {
	case LEDGER_OUT:
		return told_out(s, pack, r, diag);
	case LEDGER_RESULT:
		return told_result(pack, r, diag);
	case LEDGER_RESERVE:
		return told_reserve(s, pack, r, diag);
	default:
		return told_verb(s, pack, r, diag);
	}
}

enum err
station_told(void *ctx, const struct ledger_record *r, struct diag *diag)
{
	struct station *s = ctx;

	switch (r->kind) {
	case LEDGER_IMPORT:
		return told_import(s, r, diag);
	case LEDGER_ANCHOR:
		return told_anchor(s, r, diag);
	case LEDGER_REPORT:
	case LEDGER_CLOSED:
		return told_order(s, r, diag);
	default:
		return told_package(s, r, diag);
	}
}

enum err
station_tell(struct station *s, struct ledger_record *r, struct diag *diag)
{
	struct diag cause = DIAG_INIT;
	enum err err;

	ledger_hold(s->ledger);
	err = ledger_add(s->ledger, r, &r->at, diag);
	if (!err) {
		r->entry = ledger_records(s->ledger);
		r->head = ledger_head(s->ledger);
		err = station_told(s, r, &cause);
		if (err) {	/* memory and ledger differ: neither goes on */
			ledger_spoil(s->ledger, err, &cause);
			(void)diag_fail(diag, err, NULL, "%s", cause.what);
		}
	}
	ledger_let(s->ledger);
	return err;
}
