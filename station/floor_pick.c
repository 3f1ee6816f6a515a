/* Which package a device gets: the one that was made for it, or any. */
#include <stdlib.h>

#include "station/floor_internal.h"

/* Of a pack of the station, once it was asked for. */
struct floor_made {
	bool		 known;
	struct keymap	*places;	/* by device; NULL: for any */
};

void
floor_made_free(struct floor *f)
{
	size_t i;

	for (i = 0; i < f->made_count; i++)
		keymap_free(&f->made[i].places);
	free(f->made);
}

/* Its id as the list has it, or where the list has none, its key's. */
static enum err
device_hash(struct keymap *places, struct bytes id,
    uint8_t ret_hash[KEYMAP_HASH])
{
	return keymap_hash(places, &id, 1, ret_hash);
}

static enum err
places_read(struct pack *pack, struct keymap *places, struct diag *diag)
{
	_cleanup_buf_ struct buf room = { .limit = PACKAGE_SIZE_MAX };
	uint64_t position, count = pack_header(pack)->count;
	uint8_t hash[KEYMAP_HASH];
	struct pack_sealed sealed;
	enum err err = ERR_OK;

	for (position = 0; position < count && !err; position++) {
		err = pack_read_sealed(pack, position, &room, &sealed, diag);
		if (!err)
			err = device_hash(places, sealed.device.id.len > 0 ?
			    sealed.device.id : bytes_of(sealed.device.kid,
			    SHA256_SIZE), hash);
		if (!err && keymap_put(places, hash, (uint32_t)position) !=
		    ERR_OK)
			err = diag_nomem(diag);
	}
	return err;
}

static enum err
made_grow(struct floor *f, struct diag *diag)
{
	size_t count = f->station->pack_count;
	struct floor_made *made;

	if (f->made_count >= count)
		return ERR_OK;
	made = reallocarray(f->made, count, sizeof(*made));
	if (made == NULL)
		return diag_nomem(diag);
	memset(made + f->made_count, 0, (count - f->made_count) *
	    sizeof(*made));
	f->made = made;
	f->made_count = count;
	return ERR_OK;
}

/* ret_places NULL: its packages are for any device. */
static enum err
places_of(struct floor *f, const struct station_pack *of,
    struct keymap **ret_places, struct diag *diag)
{
	_cleanup_keymap_ struct keymap *places = NULL;
	struct pack *pack = NULL;
	struct floor_made *made;
	enum err err;

	err = made_grow(f, diag);
	if (err)
		return err;
	made = &f->made[of - f->station->packs];
	if (!made->known) {
		err = floor_pack(f, of, &pack, diag);
		if (!err && pack_is_for_devices(pack_header(pack))) {
			err = keymap_new(&places, diag);
			if (!err)
				err = places_read(pack, places, diag);
		}
		if (err)
			return err;
		made->places = places;
		places = NULL;	/* transferred */
		made->known = true;
	}
	*ret_places = made->places;
	return ERR_OK;
}

/* ret_position: of the package made for it that nobody has had. */
static enum err
made_for(struct keymap *places, const struct station_pack *pack,
    const struct floor_call *call, uint64_t *ret_position, bool *ret_found)
{
	uint8_t hash[KEYMAP_HASH];
	uint32_t position;
	enum err err;

	err = device_hash(places, bytes_of(call->device, call->device_len),
	    hash);
	if (err)
		return err;
	position = keymap_find(places, hash);
	*ret_found = position != KEYMAP_NONE &&
	    station_package_state(pack, position) == STATION_UNUSED;
	if (*ret_found)
		*ret_position = position;
	return ERR_OK;
}

/* "camera" is any "camera 1.0.0". */
bool
floor_fits(const struct floor *f, const struct station_pack *pack,
    const struct floor_reserve *what)
{
	const struct station *s = f->station;
	size_t len = strlen(what->product);

	if (what->order != 0 &&
	    s->orders[pack->order_at].number != what->order)
		return false;
	return len == 0 || (strncmp(pack->product, what->product, len) == 0 &&
	    (pack->product[len] == '\0' || pack->product[len] == ' '));
}

enum err
floor_pick(struct floor *f, const struct floor_call *call,
    const struct floor_reserve *what, struct floor_place *ret_place,
    enum floor_code *ret_code, struct diag *diag)
{
	struct floor_place place = { .pack = NULL };
	enum floor_code code = FLOOR_NO_PACKAGE;
	struct keymap *places = NULL;
	struct station_pack *pack;
	bool found = false;
	enum err err = ERR_OK;
	size_t i;

	for (i = 0; i < f->station->pack_count && !err && !found; i++) {
		pack = &f->station->packs[i];
		if (!floor_fits(f, pack, what))
			continue;
		if (f->station->orders[pack->order_at].closing) {
			code = what->order != 0 ? FLOOR_CLOSED : code;
			continue;
		}
		if (pack->next == pack->count)
			continue;
		err = places_of(f, pack, &places, diag);
		if (!err && places != NULL) {
			code = FLOOR_NOT_FOR_CHIP;
			err = made_for(places, pack, call, &place.position,
			    &found);
		}
		if (found || (!err && places == NULL && place.pack == NULL))
			place.pack = pack;
		if (!found && !err && places == NULL && place.pack == pack)
			place.position = pack->next;
	}
	if (err)
		return err;
	*ret_code = code;
	*ret_place = place;
	return ERR_OK;
}
