#include "station/home.h"

#define COPY_NAME	HOME_PACKS "/import.tmp"	/* one at a time */

static enum err
recipient_check(const struct station *s, const struct pack *pack,
    const char *path, struct diag *diag)
{
	const struct pack_header *h = pack_header(pack);

	if (h->recipient_alg == s->statement.sealing.alg &&
	    memcmp(h->binding.recipient, s->statement.kid, SHA256_SIZE) == 0)
		return ERR_OK;
	diag_fail(diag, ERR_CONFLICT, NULL,
	    "pack %s: is sealed to another station (key %02x%02x %02x%02x"
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

static enum err
record_import(struct station *s, const struct pack_header *h, int64_t now,
    struct diag *diag)
{
	struct ledger_record r = {
		.kind = LEDGER_IMPORT, .time = now, .count = h->count
	};
	size_t len = h->product_name.len;
	enum err err;

	memcpy(r.pack, h->binding.pack, PACKAGE_ID_SIZE);
	memcpy(r.order, h->binding.order, PACKAGE_ID_SIZE);
	if (len > LEDGER_PRODUCT_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "pack: the product's name is too long");
	memcpy(r.product, h->product_name.ptr, len);
	err = ledger_add(s->ledger, &r, diag);
	if (!err)
		err = ledger_commit(s->ledger, diag);
	if (!err)
		err = station_told(s, &r, diag);
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
	const struct pack_header *h;
	char target[PATH_SIZE];
	bool known, there;
	enum err err;

	err = pack_open(s->io, path, s->signers, s->signer_count, &pack,
	    diag);
	if (!err)
		err = recipient_check(s, pack, path, diag);
	if (err)
		return err;
	h = pack_header(pack);
	err = station_pack_path(s, h->binding.pack, target, diag);
	if (err)
		return err;
	known = station_pack_find(s, h->binding.pack) != NULL;
	there = io_exists(s->io, target);
	if (!there || !known)
		err = file_import(&im, h->binding.pack, target, diag);
	if (!err && !known)
		err = record_import(s, h, now, diag);
	if (err)
		return err;
	*ret_import = known && there ? STATION_IMPORTED_BEFORE :
	    STATION_IMPORTED;
	*ret_pack = station_pack_find(s, h->binding.pack);
	return ERR_OK;
}
