#include "station/anchor.h"

#include <stdio.h>

#include "lib/base/clock.h"
#include "station/home.h"

#define NS_PER_S	INT64_C(1000000000)
#define RETRY_S		60
#define TPM_INDEX	0x01800000u	/* the first that an owner may use */

static enum err
put_back(const struct station *s, uint64_t have, uint64_t seen,
    const char *what, struct diag *diag)
{
	diag_fail(diag, ERR_CORRUPT, NULL, "ledger: was put back to an"
	    " earlier state: it is at %s %ju, its anchor saw %ju", what,
	    (uintmax_t)have, (uintmax_t)seen);
	diag_hint(diag, "packages may have gone out that it does not tell of:"
	    " bring the newest state of this station's disk back. If it is"
	    " lost, at the authority: imprint station lost %s",
	    s->statement.name);
	return ERR_CORRUPT;
}

static enum err
other_anchor(struct diag *diag)
{
	diag_fail(diag, ERR_CONFLICT, NULL, "anchor: is behind the ledger: it"
	    " is another one, or was itself put back");
	diag_hint(diag, "bring the right one back, or name another with:"
	    " imprint-station anchor set");
	return ERR_CONFLICT;
}

static enum err
gone(enum err err, struct diag *diag)
{
	diag_hint(diag, "without its anchor nobody can tell whether this"
	    " ledger is the newest: bring it back, or name another with:"
	    " imprint-station anchor set. Nothing is handed out");
	return err;
}

static enum err
counter_compare(struct station *s, uint64_t found, struct diag *diag)
{
	struct station_anchor *a = &s->anchor;

	a->held = found == a->number;
	if (found > a->number)
		return put_back(s, a->number, found, "number", diag);
	return a->held ? ERR_OK : other_anchor(diag);
}

static enum err
counter_wait(const struct station *s, unsigned kind, const char *place,
    uint64_t number, uint64_t *ret_found, struct diag *diag)
{
	struct counter_call call = COUNTER_CALL_INIT;
	enum err err;

	err = counter_ask(s, kind, place, number, &call, diag);
	if (!err)
		(void)counter_answered(&call, (COUNTER_TIMEOUT_S + 1) * 1000,
		    &err, ret_found, diag);
	return err;
}

/* The head at a point of the past is as good: the chain is what it is. */
static enum err
file_put(const struct station *s, const char *path,
    const struct ledger_point *at, struct diag *diag)
{
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	struct ledger_head head = { .at = *at };
	enum err err;

	memcpy(head.name, s->statement.name, sizeof(head.name));
	memcpy(head.ledger, s->id, SHA256_SIZE);
	err = signer_new(KEY_P256, secret_bytes(&s->signing), &signer, diag);
	if (!err)
		err = ledger_head_sign(&head, signer, &encoded, diag);
	return err ? err : io_write_file(s->io, path, buf_bytes(&encoded),
	    0644, diag);
}

static enum err
file_get(const struct station *s, const char *path,
    struct ledger_point *ret_point, struct diag *diag)
{
	_cleanup_buf_ struct buf encoded = { .limit = HEAD_MAX };
	struct ledger_head head;
	enum err err;

	err = io_read_file(s->io, path, &encoded, diag);
	if (!err)
		err = ledger_head_parse(buf_bytes(&encoded),
		    &s->statement.signing, &head, diag);
	if (err)
		return err;
	if (memcmp(head.ledger, s->id, SHA256_SIZE) != 0)
		return diag_fail(diag, ERR_AUTH, NULL, "anchor %s: is of"
		    " another ledger", path);
	*ret_point = head.at;
	return ERR_OK;
}

static bool
point_same(const struct ledger_point *a, const struct ledger_point *b)
{
	return a->entries == b->entries && memcmp(a->hash, b->hash,
	    SHA256_SIZE) == 0;
}

/* It holds neither the last record nor the one before: what the ledger was
 * when it was just named? */
static enum err
file_find(struct station *s, const struct ledger_point *found,
    struct diag *diag)
{
	struct station_anchor *a = &s->anchor;
	bool ours = false;
	enum err err;

	err = station_point_find(s, found, &ours, diag);
	if (err)
		return err;
	if (!ours)
		return put_back(s, ledger_records(s->ledger), found->entries,
		    "record", diag);
	/* named again, and it died before the record of that */
	a->held = found->entries > a->at.entries;
	return a->held || found->entries + 1 == a->at.entries ? ERR_OK :
	    other_anchor(diag);
}

static enum err
file_check(struct station *s, struct diag *diag)
{
	struct station_anchor *a = &s->anchor;
	struct ledger_point found;
	enum err err;

	err = file_get(s, a->place, &found, diag);
	if (err)
		return err == ERR_NOMEM ? err : gone(ERR_IO, diag);
	a->held = point_same(&found, &a->at);
	if (a->held)
		return ERR_OK;
	/* the usual case, which needs no look at all of the ledger */
	if (a->before.entries == 0 || !point_same(&found, &a->before))
		err = file_find(s, &found, diag);
	if (err || a->held)
		return err;
	err = file_put(s, a->place, &a->at, diag);
	a->held = err == ERR_OK;
	return err ? gone(err, diag) : ERR_OK;
}

enum err
station_anchor_check(struct station *s, struct diag *diag)
{
	struct station_anchor *a = &s->anchor;
	uint64_t found = 0;
	enum err err;

	if (a->kind == LEDGER_ANCHOR_NONE)
		return ERR_OK;
	/* it never names a record that is not durable */
	err = ledger_commit(s->ledger, diag);
	if (err)
		return err;
	if (a->kind == LEDGER_ANCHOR_FILE) {
		err = file_check(s, diag);
		a->silent = err == ERR_IO;
		return err;
	}
	err = counter_wait(s, a->kind, a->place, a->number, &found, diag);
	a->silent = err != ERR_OK;
	return err ? gone(err, diag) : counter_compare(s, found, diag);
}

static enum err
anchor_tell(struct station *s, unsigned kind, uint64_t number,
    const char *place, int64_t now, struct diag *diag)
{
	struct ledger_record r = {
		.kind = LEDGER_ANCHOR, .time = now, .anchor = kind,
		.number = number, .value = bytes_text(place)
	};
	enum err err;

	err = station_tell(s, &r, diag);
	return err ? err : ledger_commit(s->ledger, diag);
}

/* The next record with the same anchor. */
static enum err
anchor_next(struct station *s, int64_t now, struct diag *diag)
{
	char place[LEDGER_PLACE_MAX + 1];

	memcpy(place, s->anchor.place, sizeof(place));
	return anchor_tell(s, s->anchor.kind, s->anchor.number + 1, place,
	    now, diag);
}

static bool
anchor_due(const struct station *s)
{
	return s->anchor.kind != LEDGER_ANCHOR_NONE &&
	    ledger_records(s->ledger) > s->anchor.at.entries;
}

enum err
station_anchor_move(struct station *s, int64_t now, struct diag *diag)
{
	enum err err = ERR_OK;

	/* one at a time: the next record waits for the last one; a second
	 * copy may have raised a counter, a file shows that afterwards too */
	if (!s->anchor.held || s->anchor.kind != LEDGER_ANCHOR_FILE)
		err = station_anchor_check(s, diag);
	if (err || !anchor_due(s))
		return err;
	err = anchor_next(s, now, diag);
	return err ? err : station_anchor_check(s, diag);
}

/* What is left must agree, unless it is gone or another's. */
static enum err
anchor_leave(struct station *s, bool *ret_reached, struct diag *diag)
{
	enum err err;

	err = station_anchor_check(s, diag);
	*ret_reached = err == ERR_OK;
	if (err != ERR_IO && err != ERR_CONFLICT)
		return err;
	if (diag != NULL)
		*diag = (struct diag)DIAG_INIT;
	return ERR_OK;
}

static struct ledger_point
point_now(const struct station *s)
{
	struct ledger_point now = { .entries = ledger_records(s->ledger) };

	if (now.entries > 0)
		memcpy(now.hash, ledger_head(s->ledger), SHA256_SIZE);
	return now;
}

/* Past what it held: it agrees with no state that names it any more. */
static bool
anchor_retire(const struct station *s, const struct station_anchor *left)
{
	const struct ledger_point now = point_now(s);
	uint64_t found = 0;

	if (left->kind == LEDGER_ANCHOR_FILE)
		return file_put(s, left->place, &now, NULL) == ERR_OK;
	return counter_wait(s, left->kind, left->place, left->number + 1,
	    &found, NULL) == ERR_OK && found > left->number;
}

/* A file that is there must be of this ledger, and no newer. */
static enum err
file_begin(struct station *s, const char *path, struct diag *diag)
{
	const struct ledger_point now = point_now(s);
	struct ledger_point found;
	bool ours = true;
	enum err err;

	if (now.entries == 0) {
		diag_fail(diag, ERR_STATE, NULL, "ledger: has no entries"
		    " yet");
		diag_hint(diag, "import a pack first");
		return ERR_STATE;
	}
	if (io_exists(s->io, path)) {
		err = file_get(s, path, &found, NULL);
		if (err)
			return diag_fail(diag, ERR_EXISTS, NULL, "anchor %s:"
			    " is there, and something else's", path);
		err = station_point_find(s, &found, &ours, diag);
		if (err)
			return err;
		if (!ours)
			return put_back(s, now.entries, found.entries,
			    "record", diag);
	}
	return file_put(s, path, &now, diag);
}

static enum err
place_make(const struct station *s, unsigned kind, const char *given,
    char place[LEDGER_PLACE_MAX + 1], struct diag *diag)
{
	bool tpm = kind == LEDGER_ANCHOR_TPM;
	int n;

	if (!tpm && given[0] != '/')
		return diag_fail(diag, ERR_INVALID, NULL, "anchor \"%s\": give"
		    " the absolute path, it is used from any directory",
		    given);
	n = tpm ? snprintf(place, LEDGER_PLACE_MAX + 1, "0x%08x %s",
	    TPM_INDEX | (unsigned)s->id[0] << 8 | s->id[1], given) :
	    snprintf(place, LEDGER_PLACE_MAX + 1, "%s", given);
	return n >= 0 && n <= LEDGER_PLACE_MAX ? ERR_OK : diag_fail(diag,
	    ERR_LIMIT, NULL, "anchor \"%s\": at most %d octets", given,
	    LEDGER_PLACE_MAX - 11);
}

/* The first record with this one. */
static enum err
anchor_name(struct station *s, unsigned kind, const char *place, int64_t now,
    struct diag *diag)
{
	struct station_anchor *a = &s->anchor;
	uint64_t number = 0;
	enum err err;

	if (kind == LEDGER_ANCHOR_FILE) {
		number = a->kind == kind && strcmp(a->place, place) == 0 ?
		    a->number : 0;
		err = file_begin(s, place, diag);
	} else
		err = counter_wait(s, kind, place, 0, &number, diag);
	return err ? err : anchor_tell(s, kind, number + 1, place, now, diag);
}

enum err
station_anchor_set(struct station *s, unsigned kind, const char *given,
    int64_t now, bool *ret_vouches, struct diag *diag)
{
	char place[LEDGER_PLACE_MAX + 1] = "";
	struct station_anchor *a = &s->anchor, left;
	bool reached = false;
	enum err err = ERR_OK;

	if (given != NULL)
		err = place_make(s, kind, given, place, diag);
	if (!err)
		err = anchor_leave(s, &reached, diag);
	if (err)
		return err;
	left = *a;
	if (given != NULL)
		err = anchor_name(s, kind, place, now, diag);
	else if (left.kind != LEDGER_ANCHOR_NONE)
		err = anchor_tell(s, LEDGER_ANCHOR_NONE, 0, "", now, diag);
	if (err)
		return err;
	/* not before that is durable: a crash would lock the line out */
	*ret_vouches = left.kind != LEDGER_ANCHOR_NONE &&
	    (left.kind != a->kind || strcmp(left.place, a->place) != 0) &&
	    (!reached || !anchor_retire(s, &left));
	return station_anchor_check(s, diag);
}

static enum err
turn_ask(struct station *s, struct anchor_turn *turn, struct diag *diag)
{
	struct station_anchor *a = &s->anchor;
	enum err err;

	err = ledger_commit(s->ledger, diag);
	if (err)
		return err;
	err = counter_ask(s, a->kind, a->place, a->number, &turn->call, diag);
	a->silent = err != ERR_OK;
	return err;
}

/* A counter's: if it was asked whether it is still at the last record, then
 * comes the next. */
static enum err
turn_answer(struct station *s, struct anchor_turn *turn, uint64_t found,
    int64_t now, struct diag *diag)
{
	bool next = s->anchor.held && anchor_due(s);
	enum err err;

	err = counter_compare(s, found, diag);
	if (err || !next)
		return err;
	err = anchor_next(s, now, diag);
	return err ? err : turn_ask(s, turn, diag);
}

static bool
turn_due(const struct station *s, const struct anchor_turn *turn)
{
	int64_t past_s = (time_monotonic_ns() - turn->moved_ns) / NS_PER_S;
	const struct station_anchor *a = &s->anchor;

	if (!a->held || a->silent)
		return past_s >= RETRY_S;
	return anchor_due(s) && (past_s >= turn->interval_s ||
	    (past_s >= RETRY_S && ledger_records(s->ledger) -
	    a->at.entries >= ANCHOR_RECORDS));
}

enum err
station_anchor_turn(struct station *s, struct anchor_turn *turn, int64_t now,
    struct diag *diag)
{
	struct station_anchor *a = &s->anchor;
	uint64_t found = 0;
	enum err err = ERR_OK;

	if (a->kind == LEDGER_ANCHOR_NONE)
		return ERR_OK;
	if (turn->call.pid != 0) {
		if (!counter_answered(&turn->call, 0, &err, &found, diag))
			return ERR_OK;
		a->silent = err != ERR_OK;
		return err ? err : turn_answer(s, turn, found, now, diag);
	}
	if (!turn_due(s, turn))
		return ERR_OK;
	turn->moved_ns = time_monotonic_ns();
	return a->kind == LEDGER_ANCHOR_FILE ? station_anchor_move(s, now,
	    diag) : turn_ask(s, turn, diag);
}
