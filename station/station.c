#include "station/home.h"

#include <stdlib.h>

void
station_close(struct station *s)
{
	size_t i;

	for (i = 0; i < s->pack_count; i++)
		free(s->packs[i].packages);
	free(s->packs);
	ledger_close(&s->ledger);
	secret_release(&s->sealing);
	secret_release(&s->signing);
	file_release(&s->lock);
	s->packs = NULL;
	s->pack_count = 0;
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

static enum err
told(struct diag *diag, const char *what)
{
	return diag_fail(diag, ERR_CORRUPT, NULL, "ledger: %s", what);
}

static enum err
told_import(struct station *s, const struct ledger_record *r,
    struct diag *diag)
{
	struct station_pack *packs, *pack;

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
	memcpy(pack->id, r->pack, PACKAGE_ID_SIZE);
	memcpy(pack->order, r->order, PACKAGE_ID_SIZE);
	memcpy(pack->product, r->product, sizeof(pack->product));
	pack->packages = calloc(r->count == 0 ? 1 : (size_t)r->count, 1);
	if (pack->packages == NULL)
		return diag_nomem(diag);
	s->pack_count++;
	return ERR_OK;
}

static enum err
told_out(struct station *s, struct station_pack *pack,
    const struct ledger_record *r, struct diag *diag)
{
	if (pack->packages[r->position] != STATION_UNUSED)
		return told(diag, "a package was handed out twice");
	pack->packages[r->position] = STATION_UNKNOWN;
	pack->unknown++;
	s->out++;
	while (pack->next < pack->count &&
	    pack->packages[pack->next] != STATION_UNUSED)
		pack->next++;
	return ERR_OK;
}

static enum err
told_result(struct station_pack *pack, const struct ledger_record *r,
    struct diag *diag)
{
	if (pack->packages[r->position] != STATION_UNKNOWN)
		return told(diag, "a result for a package that is not out");
	pack->packages[r->position] = r->status == 0 ? STATION_INJECTED :
	    STATION_FAILED;
	pack->unknown--;
	pack->injected += r->status == 0;
	pack->failed += r->status != 0;
	return ERR_OK;
}

/* Also for records that are written now: one account of what happened. */
enum err
station_told(void *ctx, const struct ledger_record *r, struct diag *diag)
{
	struct station *s = ctx;
	struct station_pack *pack;

	if (r->kind == LEDGER_IMPORT)
		return told_import(s, r, diag);
	pack = station_pack_find(s, r->pack);
	if (pack == NULL || r->position >= pack->count)
		return told(diag, "a record about a package that never came");
	if (r->kind == LEDGER_OUT)
		return told_out(s, pack, r, diag);
	return told_result(pack, r, diag);
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
	if (!err)
		err = station_trust(buf_bytes(&pem), s->signers,
		    &s->signer_count, diag);
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
	if (access == STATION_WORK)
		return ledger_open(s->io, path, s->statement.kid, &reader,
		    &s->ledger, diag);
	return ledger_read(s->io, path, s->statement.kid, &reader,
	    &s->records, s->head, diag);
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
	if (access == STATION_WORK) {
		err = home_lock(io, home, &s->lock, diag);
		if (!err)
			err = home_statement_mend(s, &missing, diag);
	} else {
		secret_release(&s->sealing);
		secret_release(&s->signing);
	}
	if (!err)
		err = trust_read(s, diag);
	if (!err)
		err = ledger_load(s, access, diag);
	if (!err && access == STATION_WORK)
		err = home_machine_note(s, diag);
	return err;
}
