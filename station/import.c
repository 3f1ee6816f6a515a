#include "station/home.h"

#include <sys/stat.h>

#define COPY_NAME	HOME_PACKS "/import.tmp"	/* one at a time */

static enum err
recipient_check(const struct station *s, const struct pack *pack,
    const char *path, struct diag *diag)
{
	const struct pack_header *h = pack_header(pack);

	struct station_pack of = { .count = 0 };

	memcpy(of.recipient, h->binding.recipient, SHA256_SIZE);
	if (h->recipient_alg == KEY_X25519 &&
	    station_sealing(s, &of).len > 0)
		return ERR_OK;
	diag_fail(diag, ERR_CONFLICT, NULL,
	    "pack %s: is sealed to another station, or to a key that"
	    " was destroyed (key %02x%02x %02x%02x"
	    " ...), this is %s", path, h->binding.recipient[0],
	    h->binding.recipient[1], h->binding.recipient[2],
	    h->binding.recipient[3], s->statement.name);
	diag_hint(diag, "nobody but that station can open it; was the pack"
	    " mistaken, or the station of the order?");
	return ERR_CONFLICT;
}

struct import {
	struct station	*station;
	const char	*from;
	void		(*progress)(void *ctx, uint64_t done, uint64_t total);
	void		*ctx;
	uint64_t	 total;
	char		 copy[PATH_SIZE];
};

static void
import_progress(void *ctx, uint64_t done)
{
	const struct import *im = ctx;

	if (im->progress != NULL)
		im->progress(im->ctx, done, im->total);
}

/* The copy is what is checked: the original may change under our hands. */
static enum err
copy_check(struct import *im, const uint8_t id[PACKAGE_ID_SIZE],
    struct diag *diag)
{
	const struct station *s = im->station;
	_cleanup_pack_ struct pack *pack = NULL;
	enum err err;

	err = pack_open(s->io, im->copy, s->signers, s->signer_count, &pack,
	    diag);
	if (!err)
		err = recipient_check(s, pack, im->from, diag);
	if (!err) {
		im->total = pack_header(pack)->count;
		err = pack_check(pack, import_progress, im, diag);
	}
	if (!err && memcmp(pack_header(pack)->binding.pack, id,
	    PACKAGE_ID_SIZE) != 0)
		err = diag_fail(diag, ERR_CONFLICT, NULL,
		    "pack %s: changed while it was read", im->from);
	return err;
}

static enum err
file_import(struct import *im, const uint8_t id[PACKAGE_ID_SIZE],
    const char *path, struct diag *diag)
{
	const struct io *io = im->station->io;
	enum err err;

	err = home_path(im->station->home, COPY_NAME, im->copy, diag);
	if (!err)
		err = file_copy(io, im->from, im->copy, 0600, diag);
	if (!err)
		err = copy_check(im, id, diag);
	if (!err)
		err = io_rename(io, im->copy, path, diag);
	if (err) {
		(void)io->unlink(io->state, im->copy);
		return err;
	}
	return io_sync_parent(io, path, diag);
}

/* Anything else may never end, or never begin. A missing one is for open(). */
enum err
import_regular(const char *path, struct diag *diag)
{
	struct stat st;

	if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
		return ERR_OK;
	diag_fail(diag, ERR_INVALID, NULL, "%s: is %s, not a pack's file",
	    path, S_ISDIR(st.st_mode) ? "a directory" :
	    S_ISFIFO(st.st_mode) ? "a pipe" : "a device or socket");
	diag_hint(diag, "name the files themselves, as in: imprint-station"
	    " import DIR/*.pack");
	return ERR_INVALID;
}

/* What the ledger could not be read with must not get into it. */
static enum err
room_check(const struct station *s, const struct pack_header *h,
    struct diag *diag)
{
	if (s->pack_count >= STATION_PACKS_MAX) {
		diag_fail(diag, ERR_LIMIT, NULL, "station %s: has had %zu"
		    " packs, and takes no more", s->statement.name,
		    s->pack_count);
		diag_hint(diag, "make a new station with imprint-station init"
		    " and have the order exported for it");
		return ERR_LIMIT;
	}
	if (h->count > STATION_PACK_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL, "pack: of %ju"
		    " packages, a station takes %ju", (uintmax_t)h->count,
		    (uintmax_t)STATION_PACK_MAX);
	if (h->product_name.len > LEDGER_PRODUCT_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "pack: the product's name is too long");
	return ERR_OK;
}

enum err
import_admit(const struct station *s, const struct pack *pack,
    const char *path, struct diag *diag)
{
	const struct pack_header *h = pack_header(pack);
	enum err err;
	size_t i;

	err = recipient_check(s, pack, path, diag);
	if (err)
		return err;
	for (i = 0; i < s->pack_count; i++)
		if (memcmp(s->packs[i].id, h->binding.pack,
		    PACKAGE_ID_SIZE) == 0)
			return ERR_OK;
	return room_check(s, h, diag);
}

/* Is the copy that is here still what was imported? */
static bool
stored_good(struct import *im, const char *path, const struct pack_header *h)
{
	const struct station *s = im->station;
	_cleanup_pack_ struct pack *pack = NULL;

	if (pack_open(s->io, path, s->signers, s->signer_count, &pack, NULL) !=
	    ERR_OK)
		return false;
	im->total = pack_header(pack)->count;
	return memcmp(pack_header(pack)->binding.pack, h->binding.pack,
	    PACKAGE_ID_SIZE) == 0 &&
	    pack_check(pack, import_progress, im, NULL) == ERR_OK;
}

enum err
import_record(struct station *s, const struct pack_header *h, int64_t now,
    struct diag *diag)
{
	struct ledger_record r = {
		.kind = LEDGER_IMPORT, .time = now, .count = h->count,
		.order_number = h->order_number
	};
	enum err err;

	memcpy(r.pack, h->binding.pack, PACKAGE_ID_SIZE);
	memcpy(r.order, h->binding.order, PACKAGE_ID_SIZE);
	memcpy(r.recipient, h->binding.recipient, SHA256_SIZE);
	memcpy(r.product, h->product_name.ptr, h->product_name.len);
	err = station_tell(s, &r, diag);
	return err ? err : ledger_commit(s->ledger, diag);
}

/* Open the original; what cannot be read is to be fetched again. */
static enum err
original_open(const struct station *s, const char *path,
    struct pack **ret_pack, struct diag *diag)
{
	enum err err;

	err = import_regular(path, diag);
	if (err)
		return err;
	err = pack_open(s->io, path, s->signers, s->signer_count, ret_pack,
	    diag);
	if (err == ERR_SYNTAX || err == ERR_STATE || err == ERR_CORRUPT ||
	    err == ERR_LIMIT)
		diag_hint(diag, "is it a pack, and all of it? copy it again"
		    " from where the authority exported it");
	if (!err)
		err = import_admit(s, *ret_pack, path, diag);
	return err;
}

enum err
station_import(struct station *s, const char *path, int64_t now,
    void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx,
    enum station_import *ret_import, const struct station_pack **ret_pack,
    struct diag *diag)
{
	struct import im = {
		.station = s, .from = path, .progress = progress, .ctx = ctx
	};
	_cleanup_pack_ struct pack *pack = NULL;
	enum station_import what = STATION_IMPORTED;
	const struct pack_header *h;
	char target[PATH_SIZE];
	bool known;
	enum err err;

	err = original_open(s, path, &pack, diag);
	if (err)
		return err;
	h = pack_header(pack);
	err = station_pack_path(s, h->binding.pack, target, diag);
	known = station_pack_find(s, h->binding.pack) != NULL;
	if (err)
		return err;
	if (known && io_exists(s->io, target))
		what = stored_good(&im, target, h) ? STATION_IMPORTED_BEFORE :
		    STATION_REPAIRED;
	if (what != STATION_IMPORTED_BEFORE)
		err = file_import(&im, h->binding.pack, target, diag);
	if (!err && !known)
		err = import_record(s, h, now, diag);
	if (err)
		return err;
	*ret_import = what;
	*ret_pack = station_pack_find(s, h->binding.pack);
	return ERR_OK;
}
