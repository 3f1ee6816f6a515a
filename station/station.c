#include "station/anchor.h"

#include <stdlib.h>

#include "station/home.h"

void
station_close(struct station *s)
{
	size_t i;

	for (i = 0; i < s->pack_count; i++) {
		free(s->packs[i].packages);
		free(s->packs[i].devices);
	}
	free(s->packs);
	free(s->orders);
	free(s->devices);
	keymap_free(&s->device_map);
	keymap_free(&s->name_map);
	ledger_close(&s->ledger);
	station_keys_release(s);
	secret_release(&s->sealing);
	secret_release(&s->signing);
	file_release(&s->serving);
	file_release(&s->lock);
	s->packs = NULL;
	s->orders = NULL;
	s->devices = NULL;
	s->pack_count = s->order_count = s->device_count = 0;
}

enum err
station_pack_path(const struct station *s, const uint8_t id[PACKAGE_ID_SIZE],
    char path[PATH_SIZE], struct diag *diag)
{
	_cleanup_buf_ struct buf name = BUF_INIT;
	enum err err;

	buf_printf(&name, "%s/", HOME_PACKS);
	buf_put_hex(&name, bytes_of(id, PACKAGE_ID_SIZE));
	buf_printf(&name, ".pack");
	(void)buf_text(&name);
	err = buf_err(&name);
	if (err)
		return diag_nomem(diag);
	return home_path(s->home, buf_text(&name), path, diag);
}

enum err
station_pack_open(const struct station *s, const struct station_pack *of,
    struct pack **ret_pack, struct diag *diag)
{
	_cleanup_pack_ struct pack *pack = NULL;
	char path[PATH_SIZE];
	enum err err;

	err = station_pack_path(s, of->id, path, diag);
	if (!err)
		err = pack_open(s->io, path, s->signers, s->signer_count,
		    &pack, diag);
	if (err == ERR_NOTFOUND)
		err = ERR_CORRUPT;
	/* or the packages of one pack would go out as another's */
	if (!err && memcmp(pack_header(pack)->binding.pack, of->id,
	    PACKAGE_ID_SIZE) != 0)
		err = diag_fail(diag, ERR_CORRUPT, NULL, "pack %s: is another"
		    " pack, whatever its name says", path);
	if (err) {
		diag_hint(diag, "import the pack again from the original: it"
		    " goes on where it was");
		return err;
	}
	*ret_pack = pack;
	pack = NULL;	/* transferred */
	return ERR_OK;
}

static enum err
trust_read(struct station *s, struct diag *diag)
{
	_cleanup_buf_ struct buf pem = { .limit = STATION_TRUST_MAX };
	char path[PATH_SIZE];
	enum err err;

	err = home_path(s->home, HOME_TRUST, path, diag);
	if (!err)
		err = io_read_file(s->io, path, &pem, diag);
	if (err)
		return err;
	err = station_trust(buf_bytes(&pem), s->signers, &s->signer_count,
	    diag);
	if (err)
		diag_prefix(diag, "%s", path);
	return err;
}

static enum err
ledger_load(struct station *s, enum station_access access, struct diag *diag)
{
	const struct ledger_reader reader = { station_told, s };
	char path[PATH_SIZE];
	enum err err;

	err = home_path(s->home, HOME_LEDGER, path, diag);
	if (err)
		return err;
	if (access != STATION_LOOK) {
		err = keymap_new(&s->device_map, diag);
		if (!err)
			err = keymap_new(&s->name_map, diag);
		return err ? err : ledger_open(s->io, path, s->id,
		    &reader, &s->ledger, diag);
	}
	return ledger_read(s->io, path, s->id, &reader,
	    &s->records, s->head, diag);
}

/* It is known that packages may have gone out that it does not tell of. */
static enum err
refuted_check(const struct station *s, struct diag *diag)
{
	if (s->anchor.refuted == 0)
		return ERR_OK;
	diag_fail(diag, ERR_CORRUPT, NULL, "ledger: was put back to an"
	    " earlier state: the authority acknowledged %ju entries of"
	    " another one", (uintmax_t)s->anchor.refuted);
	diag_hint(diag, "nothing is handed out again. At the authority:"
	    " imprint station lost %s; then make a new station",
	    s->statement.name);
	return ERR_CORRUPT;
}

enum err
station_open(const struct io *io, const char *home,
    enum station_access access, struct station *s, struct diag *diag)
{
	size_t len = strlen(home);
	bool missing = false;
	enum err err;

	if (len >= sizeof(s->home))
		return diag_fail(diag, ERR_LIMIT, NULL, "%s: path too long",
		    home);
	s->io = io;
	memcpy(s->home, home, len + 1);
	err = home_keys_read(s, diag);
	if (err)
		return err;
	if (access != STATION_LOOK) {
		err = home_lock(io, home, &s->lock, diag);
		if (!err)
			err = home_statement_mend(s, &missing, diag);
	} else {
		station_keys_release(s);
		secret_release(&s->sealing);
		secret_release(&s->signing);
	}
	if (!err)
		err = trust_read(s, diag);
	if (!err)
		err = ledger_load(s, access, diag);
	if (!err && access != STATION_LOOK)
		err = refuted_check(s, diag);
	if (!err && access == STATION_WORK)
		err = station_anchor_check(s, diag);
	if (!err && access != STATION_LOOK)
		err = home_machine_note(s, diag);
	return err;
}
