/* Which package a device gets: the one that was made for it, or any. */
#include <stdlib.h>

#include "station/floor_internal.h"

#define RETRY_S	30	/* until what could not be read is tried again */

/* Of a pack of the station, once it was asked for. */
struct floor_made {
	bool		 known;
	bool		 unread;	/* could not be read */
	int64_t		 unread_at;	/* last */
	struct keymap	*places;	/* by device; NULL: for any */
};

/* What is being picked. */
struct picking {
	struct floor			*floor;
	const struct floor_call		*call;
	const struct floor_reserve	*what;
	bool				 last;	/* try all */
	struct floor_place		 place;
	enum floor_code			 code;
	enum err			 unread;	/* the first, and */
	struct diag			 why;		/* why */
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

static struct floor_made *
made_of(const struct floor *f, const struct station_pack *pack)
{
	return &f->made[pack - f->station->packs];
}

void
floor_pass_over(struct floor *f, const struct station_pack *pack, int64_t now,
    const struct diag *why)
{
	struct floor_made *made = made_of(f, pack);
	bool news = !made->unread;

	floor_pack_drop(f, pack);
	made->unread = true;
	made->unread_at = now;
	if (news && f->unread != NULL)
		f->unread(f->unread_ctx, pack->id, why);
}

void
floor_was_read(struct floor *f, const struct station_pack *pack)
{
	made_of(f, pack)->unread = false;
}

/* Just now; a clock that was set back tries again. Of a list that was read
 * the devices are known, and only their own packages can fail. */
static bool
passed_over(const struct floor_made *made, int64_t now)
{
	return made->unread && made->places == NULL &&
	    now >= made->unread_at && now - made->unread_at < RETRY_S;
}

bool
floor_unread(const struct floor *f, size_t pack)
{
	return pack < f->made_count && f->made[pack].unread;
}

void
floor_on_unread(struct floor *f, void (*unread)(void *ctx,
    const uint8_t pack[PACKAGE_ID_SIZE], const struct diag *why), void *ctx)
{
	f->unread = unread;
	f->unread_ctx = ctx;
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

	made = made_of(f, of);
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
		made->unread = false;
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

static bool
is_spent(const struct floor *f, const struct station_pack *pack)
{
	return f->station->orders[pack->order_at].closing ||
	    pack->next == pack->count;
}

/* Would it ask for evidence that there will not be? */
static enum err
asks_too_much(const struct picking *p, const struct station_pack *of,
    bool *ret_asks, struct diag *diag)
{
	struct pack *pack = NULL;
	enum err err;

	*ret_asks = false;
	if (!p->what->unproven)
		return ERR_OK;
	err = floor_pack(p->floor, of, &pack, diag);
	*ret_asks = err == ERR_OK &&
	    pack_header(pack)->evidence != INJECTION_UNPROVEN;
	return err;
}

/* Does the pack have one for the device? ret_found: the one made for it. */
static enum err
pick_from(struct picking *p, struct station_pack *pack, bool *ret_found,
    struct diag *diag)
{
	struct keymap *places = NULL;
	uint64_t position = pack->next;
	bool asks;
	enum err err;

	err = asks_too_much(p, pack, &asks, diag);
	if (err || asks) {
		p->code = asks ? FLOOR_EVIDENCE : p->code;
		return err;
	}
	err = places_of(p->floor, pack, &places, diag);
	if (!err && places != NULL) {
		p->code = FLOOR_NOT_FOR_CHIP;
		err = made_for(places, pack, p->call, &position, ret_found);
	}
	if (err)
		return err;
	if (*ret_found || (places == NULL && p->place.pack == NULL))
		p->place = (struct floor_place){ .pack = pack,
		    .position = position, .last = *ret_found || p->last };
	return ERR_OK;
}

static enum err
pick_all(struct picking *p)
{
	struct station *s = p->floor->station;
	struct station_pack *pack;
	struct diag why;
	bool found = false;
	enum err err;
	size_t i;

	for (i = 0; i < s->pack_count && !found; i++) {
		pack = &s->packs[i];
		if (!floor_fits(p->floor, pack, p->what))
			continue;
		if (s->orders[pack->order_at].closing && p->what->order != 0)
			p->code = FLOOR_CLOSED;
		if (is_spent(p->floor, pack))
			continue;
		why = (struct diag)DIAG_INIT;
		err = ERR_CORRUPT;
		if (p->last || !passed_over(made_of(p->floor, pack),
		    p->call->now))
			err = pick_from(p, pack, &found, &why);
		if (err && why.code != ERR_OK && err != ERR_NOMEM)
			floor_pass_over(p->floor, pack, p->call->now, &why);
		if (err && p->unread == ERR_OK) {
			p->unread = err;
			p->why = why;
		}
	}
	return p->place.pack == NULL ? p->unread : ERR_OK;
}

/* What cannot be read is passed over, and tried again when nothing else is
 * left: what is wrong with it is the answer then. */
enum err
floor_pick(struct floor *f, const struct floor_call *call,
    const struct floor_reserve *what, struct floor_place *ret_place,
    enum floor_code *ret_code, struct diag *diag)
{
	struct picking p = { .floor = f, .call = call, .what = what,
		.code = FLOOR_NO_PACKAGE };
	enum err err;

	err = made_grow(f, diag);
	if (err)
		return err;
	if (pick_all(&p) != ERR_OK) {
		p.last = true;
		p.unread = ERR_OK;
		err = pick_all(&p);
	}
	if (err)
		return floor_diag_take(diag, err, &p.why);
	*ret_code = p.code;
	*ret_place = p.place;
	return ERR_OK;
}

void
floor_prepare(struct floor *f, int64_t now)
{
	const struct station *s = f->station;
	struct keymap *places = NULL;
	const struct station_pack *pack;
	struct diag why;
	size_t i;

	if (made_grow(f, NULL) != ERR_OK)
		return;
	for (i = 0; i < s->pack_count; i++) {
		pack = &s->packs[i];
		if (is_spent(f, pack) || f->made[i].known ||
		    passed_over(&f->made[i], now))
			continue;
		why = (struct diag)DIAG_INIT;
		if (places_of(f, pack, &places, &why) != ERR_OK)
			floor_pass_over(f, pack, now, &why);
	}
}
