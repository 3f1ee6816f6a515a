/* What the authority knows of the ledger: told to it, and taken in again. */
#include "station/home.h"

enum err
station_acknowledged(const struct station *s,
    struct acknowledged *ret_acknowledged, struct diag *diag)
{
	if (s->anchor.acknowledged == 0)
		return ERR_NOTFOUND;
	return acknowledged_parse(bytes_of(s->anchor.receipt,
	    s->anchor.receipt_len), s->signers, s->signer_count,
	    ret_acknowledged, diag);
}

static enum err
head_make(struct station *s, int64_t now, struct ledger_head *head,
    struct diag *diag)
{
	struct acknowledged last = { .time = 0 };
	struct ledger_head h = { .time = now };
	enum err err;

	err = station_acknowledged(s, &last, diag);
	if (err && err != ERR_NOTFOUND)
		return err;
	h.acknowledged = last.at;
	memcpy(h.name, s->statement.name, sizeof(h.name));
	memcpy(h.ledger, s->id, SHA256_SIZE);
	h.at.entries = ledger_records(s->ledger);
	memcpy(h.at.hash, ledger_head(s->ledger), SHA256_SIZE);
	*head = h;
	if (h.at.entries != 0)
		return ERR_OK;
	diag_fail(diag, ERR_STATE, NULL, "ledger: has no entries yet");
	diag_hint(diag, "import a pack first");
	return ERR_STATE;
}

enum err
station_head(struct station *s, int64_t now, struct buf *encoded,
    struct ledger_head *ret_head, struct diag *diag)
{
	_cleanup_signer_ struct signer *signer = NULL;
	struct ledger_head head;
	enum err err;

	/* only what is durable is told */
	err = ledger_commit(s->ledger, diag);
	if (!err)
		err = head_make(s, now, &head, diag);
	if (!err)
		err = signer_new(KEY_P256, secret_bytes(&s->signing), &signer,
		    diag);
	if (!err)
		err = ledger_head_sign(&head, signer, encoded, diag);
	if (err)
		return err;
	s->told = head.at;
	*ret_head = head;
	return ERR_OK;
}

struct point_search {
	const struct ledger_point	*point;
	bool				 found;
};

static enum err
point_look(void *ctx, const struct ledger_record *r, struct diag *diag)
{
	struct point_search *search = ctx;

	(void)diag;
	if (r->entry == search->point->entries)
		search->found = memcmp(r->head, search->point->hash,
		    SHA256_SIZE) == 0;
	return ERR_OK;
}

enum err
station_point_find(struct station *s, const struct ledger_point *point,
    bool *ret_found, struct diag *diag)
{
	struct point_search search = { .point = point };
	const struct ledger_reader reader = { point_look, &search };
	uint8_t head[SHA256_SIZE];
	uint64_t records = 0;
	char path[PATH_SIZE];
	enum err err;

	err = home_path(s->home, HOME_LEDGER, path, diag);
	if (!err)
		err = ledger_read(s->io, path, s->id, &reader, &records, head,
		    diag);
	*ret_found = search.found;
	return err;
}

/* Usually what was told just now: a whole ledger need not be read for it. */
static enum err
point_have(struct station *s, const struct ledger_point *point,
    bool *ret_found, struct diag *diag)
{
	*ret_found = s->told.entries == point->entries &&
	    memcmp(s->told.hash, point->hash, SHA256_SIZE) == 0;
	return *ret_found ? ERR_OK : station_point_find(s, point, ret_found,
	    diag);
}

static enum err
ours_check(struct station *s, const struct acknowledged *a,
    struct diag *diag)
{
	uint8_t signing[COSE_KID_SIZE];
	enum err err;

	err = cose_key_thumbprint(&s->statement.signing, signing);
	if (err)
		return err;
	if (memcmp(a->signing, signing, COSE_KID_SIZE) != 0 ||
	    memcmp(a->ledger, s->id, SHA256_SIZE) != 0)
		return diag_fail(diag, ERR_CONFLICT, NULL,
		    "acknowledgement: is of another station's ledger");
	if (a->at.entries < s->anchor.acknowledged)
		return diag_fail(diag, ERR_STATE, NULL, "acknowledgement: of"
		    " %ju entries, but one of %ju was taken in before",
		    (uintmax_t)a->at.entries,
		    (uintmax_t)s->anchor.acknowledged);
	return ERR_OK;
}

static enum err
anchor_tell(struct station *s, enum ledger_anchor kind,
    const struct acknowledged *a, struct bytes encoded, int64_t now,
    struct diag *diag)
{
	struct ledger_record r = {
		.kind = LEDGER_ANCHOR, .time = now, .anchor = kind,
		.number = a->at.entries, .value = encoded
	};
	enum err err;

	err = station_tell(s, &r, diag);
	return err ? err : ledger_commit(s->ledger, diag);
}

static enum err
refute(struct station *s, const struct acknowledged *a, struct bytes encoded,
    int64_t now, struct diag *diag)
{
	uint64_t entries = ledger_records(s->ledger);
	enum err err;

	err = anchor_tell(s, LEDGER_ANCHOR_REFUTED, a, encoded, now, diag);
	if (err)
		return err;
	if (entries < a->at.entries)
		diag_fail(diag, ERR_CORRUPT, NULL, "ledger: was put back to"
		    " an earlier state: the authority acknowledged %ju"
		    " entries, here are %ju", (uintmax_t)a->at.entries,
		    (uintmax_t)entries);
	else
		diag_fail(diag, ERR_CORRUPT, NULL, "ledger: was put back to"
		    " an earlier state: its first %ju entries are not those"
		    " that the authority acknowledged",
		    (uintmax_t)a->at.entries);
	diag_hint(diag, "packages may have gone out that it does not tell of:"
	    " nothing is handed out again. At the authority: imprint station"
	    " lost %s; then make a new station", s->statement.name);
	return ERR_CORRUPT;
}

enum err
station_acknowledge(struct station *s, struct bytes encoded, int64_t now,
    struct acknowledged *ret_acknowledged, struct diag *diag)
{
	struct acknowledged a;
	bool found = false;
	enum err err;

	err = acknowledged_parse(encoded, s->signers, s->signer_count, &a,
	    diag);
	if (!err)
		err = ours_check(s, &a, diag);
	if (!err)
		err = ledger_commit(s->ledger, diag);
	if (!err)
		err = point_have(s, &a.at, &found, diag);
	if (!err && !found)
		err = refute(s, &a, encoded, now, diag);
	if (!err && a.at.entries != s->anchor.acknowledged)
		err = anchor_tell(s, LEDGER_ANCHOR_ACKNOWLEDGED, &a, encoded,
		    now, diag);
	if (!err)
		*ret_acknowledged = a;
	return err;
}
