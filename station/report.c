/* An order's report, made of the ledger: each package's records are found in
 * one more reading of it. */
#include "lib/identity/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "station/anchor.h"
#include "station/floor.h"
#include "station/home.h"

#define PLUGIN_REASON	64

/* Where the ledger tells of a package; 0: it does not. */
struct track {
	uint64_t	out, commit, last;
};

struct job {
	struct station		*station;
	size_t			 order_at;
	struct track		*tracks[REPORT_PACKS_MAX];
	struct station_pack	*packs[REPORT_PACKS_MAX];
	struct report		 report;
	struct report_writer	*writer;
	struct buf		 out_room, commit_room, last_room;
	struct station_reported	 done;
};

static void
job_release(struct job *job)
{
	size_t i;

	for (i = 0; i < job->report.pack_count; i++)
		free(job->tracks[i]);
	report_writer_free(&job->writer);
	buf_release(&job->out_room);
	buf_release(&job->commit_room);
	buf_release(&job->last_room);
}

/* The order's packs, by import. */
static enum err
job_begin(struct job *job, struct diag *diag)
{
	struct station *s = job->station;
	struct report *r = &job->report;
	struct station_pack *pack;
	size_t i, n;

	for (i = 0; i < s->pack_count; i++) {
		pack = &s->packs[i];
		if (pack->order_at != job->order_at)
			continue;
		if (r->pack_count == REPORT_PACKS_MAX)
			return diag_fail(diag, ERR_LIMIT, NULL, "order: of"
			    " more than %d packs", REPORT_PACKS_MAX);
		n = r->pack_count++;
		job->packs[n] = pack;
		job->tracks[n] = calloc(pack->count == 0 ? 1 :
		    (size_t)pack->count, sizeof(*job->tracks[n]));
		if (job->tracks[n] == NULL)
			return diag_nomem(diag);
		memcpy(r->packs[n].id, pack->id, PACKAGE_ID_SIZE);
		r->packs[n].count = pack->count;
		memcpy(r->station, pack->recipient, COSE_KID_SIZE);
	}
	return ERR_OK;
}

static enum err
job_note(void *ctx, const struct ledger_record *record, struct diag *diag)
{
	struct job *job = ctx;
	struct track *track;
	size_t i;

	(void)diag;
	if (record->kind == LEDGER_IMPORT || record->kind >= LEDGER_ANCHOR)
		return ERR_OK;
	for (i = 0; i < job->report.pack_count; i++)
		if (memcmp(job->packs[i]->id, record->pack,
		    PACKAGE_ID_SIZE) == 0)
			break;
	if (i == job->report.pack_count)
		return ERR_OK;
	track = &job->tracks[i][record->position];
	if (record->kind == LEDGER_OUT || record->kind == LEDGER_RESERVE)
		track->out = record->at;
	if (record->kind == LEDGER_COMMIT)
		track->commit = record->at;
	track->last = record->at;
	return ERR_OK;
}

/* What shows that it was injected; what signs is told with its nonce. */
static void
evidence_tell(const struct ledger_record *out,
    const struct ledger_record *commit, uint8_t proof[REPORT_PROOF_MAX],
    struct report_record *r)
{
	size_t i;

	r->firmware = commit->firmware;
	r->evidence = commit->evidence;
	r->proof = commit->proof;
	if (commit->evidence == FLOOR_SIGNED && commit->proof.len <=
	    REPORT_PROOF_MAX - REPORT_NONCE_SIZE) {
		memcpy(proof, out->nonce.ptr, REPORT_NONCE_SIZE);
		memcpy(proof + REPORT_NONCE_SIZE, commit->proof.ptr,
		    commit->proof.len);
		r->proof = bytes_of(proof, REPORT_NONCE_SIZE +
		    commit->proof.len);
	}
	for (i = 0; i < commit->name_count; i++) {
		r->names[i].kind = commit->names[i].kind;
		r->names[i].text = commit->names[i].text;
	}
	r->name_count = commit->name_count;
}

static enum report_state
state_of(enum station_package state)
{
	switch (state) {
	case STATION_INJECTED:
		return REPORT_INJECTED;
	case STATION_FAILED:
	case STATION_SCRAPPED:
		return REPORT_SCRAPPED;
	case STATION_REWORKED:
		return REPORT_REWORKED;
	default:
		return REPORT_OPEN;
	}
}

static enum err
package_tell(struct job *job, size_t pack, uint64_t position,
    struct diag *diag)
{
	const struct track *track = &job->tracks[pack][position];
	struct ledger *ledger = job->station->ledger;
	struct ledger_record out, commit = { .kind = 0 }, last;
	uint8_t proof[REPORT_PROOF_MAX];
	struct report_record r = { .pack = (uint32_t)pack,
	    .position = position };
	char reason[PLUGIN_REASON];
	enum err err;

	err = ledger_get(ledger, track->out, &job->out_room, &out, diag);
	if (!err)
		err = ledger_get(ledger, track->last, &job->last_room, &last,
		    diag);
	if (!err && track->commit != 0)
		err = ledger_get(ledger, track->commit, &job->commit_room,
		    &commit, diag);
	if (err)
		return err;
	r.state = state_of(station_package_state(job->packs[pack], position));
	r.index = out.index;
	r.time = last.time;
	r.device_kind = out.device_kind;
	r.device = out.device;
	r.fixture = last.fixture;
	r.badge = last.badge;
	r.mes_order = last.mes_order;
	r.reason = last.reason;
	if (track->commit != 0)
		evidence_tell(&out, &commit, proof, &r);
	if (last.kind == LEDGER_RESULT && last.status != 0) {
		(void)snprintf(reason, sizeof(reason), "plug-in: status %ju",
		    (uintmax_t)last.status);
		r.reason = bytes_text(reason);
	}
	return report_add(job->writer, &r, diag);
}

static enum err
records_write(struct job *job, struct diag *diag)
{
	const struct station_pack *pack;
	uint64_t position;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < job->report.pack_count; i++) {
		pack = job->packs[i];
		for (position = 0; position < pack->count && !err; position++)
			if (station_package_state(pack, position) !=
			    STATION_UNUSED)
				err = package_tell(job, i, position, diag);
		job->done.injected += pack->injected;
		job->done.unproven += pack->unproven;
		job->done.scrapped += pack->scrapped + pack->failed;
		job->done.reworked += pack->reworked;
		job->done.open += pack->unknown;
		job->done.unused += station_pack_unused(pack);
	}
	return err;
}

/* What holds the ledger, and how much of it. */
static enum err
anchored_tell(const struct station *s, struct report *report,
    struct diag *diag)
{
	_cleanup_buf_ struct buf value = { .limit = REPORT_ANCHOR_MAX };
	const struct station_anchor *a = &s->anchor;
	struct anchored anchored = {
		.acknowledged = bytes_of(a->receipt, a->receipt_len)
	};

	if (a->kind == LEDGER_ANCHOR_NONE && a->acknowledged == 0)
		return ERR_OK;
	report->anchor = REPORT_ACKNOWLEDGED;
	if (a->kind != LEDGER_ANCHOR_NONE) {
		report->anchor = (enum report_anchor)a->kind;
		anchored.entries = a->held ? a->at.entries :
		    a->before.entries;
		anchored.number = a->number - !a->held;
		memcpy(anchored.place, a->place, sizeof(anchored.place));
	}
	anchored_put(&value, &anchored);
	if (buf_err(&value) != ERR_OK)
		return diag_nomem(diag);
	memcpy(report->anchor_value, value.ptr, value.len);
	report->anchor_len = value.len;
	return ERR_OK;
}

static enum err
report_sign(struct job *job, struct diag *diag)
{
	struct station *s = job->station;
	_cleanup_signer_ struct signer *signer = NULL;
	uint8_t kid[COSE_KID_SIZE];
	enum err err;

	err = cose_key_thumbprint(&s->statement.signing, kid);
	if (!err)
		err = signer_new(KEY_P256, secret_bytes(&s->signing), &signer,
		    diag);
	return err ? err : report_end(job->writer, &job->report, signer,
	    bytes_of(kid, sizeof(kid)), diag);
}

/* Of what the ledger says now. */
static enum err
report_write(struct job *job, const char *path, struct diag *diag)
{
	const struct ledger_reader reader = { job_note, job };
	struct station *s = job->station;
	char ledger[PATH_SIZE];
	enum err err;

	err = home_path(s->home, HOME_LEDGER, ledger, diag);
	if (!err)
		err = job_begin(job, diag);
	if (!err)
		err = ledger_read(s->io, ledger, s->id, &reader,
		    &job->report.ledger_entries, job->report.ledger_head,
		    diag);
	if (!err)
		err = anchored_tell(s, &job->report, diag);
	if (!err)
		err = report_begin(s->io, path, &job->writer, diag);
	if (!err)
		err = records_write(job, diag);
	return err ? err : report_sign(job, diag);
}

static enum err
order_tell(struct station *s, const struct station_order *order,
    enum ledger_kind kind, bool final, int64_t now, struct diag *diag)
{
	struct ledger_record r = {
		.kind = kind, .time = now, .number = order->reports + 1,
		.final = final
	};
	enum err err;

	memcpy(r.order, order->id, PACKAGE_ID_SIZE);
	err = station_tell(s, &r, diag);
	return err ? err : ledger_commit(s->ledger, diag);
}

/* Does another order that is open need the key? */
static bool
key_needed(const struct station *s, const uint8_t kid[SHA256_SIZE])
{
	size_t i;

	for (i = 0; i < s->pack_count; i++)
		if (memcmp(s->packs[i].recipient, kid, SHA256_SIZE) == 0 &&
		    !s->orders[s->packs[i].order_at].closing)
			return true;
	return false;
}

static enum err
order_close(struct job *job, int64_t now, struct diag *diag)
{
	struct station *s = job->station;
	const struct station_order *order = &s->orders[job->order_at];
	size_t i;
	enum err err = ERR_OK;

	job->done.key_destroyed = true;
	for (i = 0; i < job->report.pack_count && !err; i++) {
		if (key_needed(s, job->packs[i]->recipient))
			job->done.key_destroyed = false;
		else
			err = home_sealing_destroy(s,
			    job->packs[i]->recipient, diag);
	}
	if (err || order->closed)
		return err;
	return order_tell(s, order, LEDGER_CLOSED, true, now, diag);
}

/* A key that packs may be sealed to yet must not be destroyed. */
static enum err
key_check(const struct station *s, size_t order_at, struct diag *diag)
{
	size_t i;

	for (i = 0; i < s->pack_count; i++) {
		if (s->packs[i].order_at != order_at ||
		    memcmp(s->packs[i].recipient, s->statement.kid,
		    SHA256_SIZE) != 0)
			continue;
		diag_fail(diag, ERR_STATE, NULL, "order %u: its key is the one"
		    " that packs to come may be sealed to, and would be"
		    " destroyed", s->orders[order_at].number);
		diag_hint(diag, "make a new one with: imprint-station key"
		    " new, register its statement with the authority, and"
		    " report then");
		return ERR_STATE;
	}
	return ERR_OK;
}

enum err
station_report(struct station *s, uint32_t number, const char *path,
    bool final, int64_t now, struct station_reported *ret_reported,
    struct diag *diag)
{
	struct job job = {
		.station = s, .out_room = BUF_INIT, .commit_room = BUF_INIT,
		.last_room = BUF_INIT
	};
	struct station_order *order = NULL;
	struct diag moved = DIAG_INIT;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < s->order_count; i++)
		if (s->orders[i].number == number)
			order = &s->orders[i];
	if (order == NULL)
		return diag_fail(diag, ERR_NOTFOUND, NULL, "order %u: no pack"
		    " of it is here", number);
	job.order_at = (size_t)(order - s->orders);
	final = final || order->closing;
	if (final)
		err = key_check(s, job.order_at, diag);
	if (!err)
		err = order_tell(s, order, LEDGER_REPORT, final, now, diag);
	if (err)
		return err;
	/* it says how much is held: what could not be is told later */
	err = station_anchor_move(s, now, &moved);
	if (err == ERR_CORRUPT) {
		if (diag != NULL)
			*diag = moved;
		return err;
	}
	job.done.anchor_behind = err != ERR_OK;
	memcpy(job.report.order, order->id, PACKAGE_ID_SIZE);
	job.report.sequence = order->reports;
	job.report.made = now;
	job.report.final = final;
	err = report_write(&job, path, diag);
	if (!err && final)
		err = order_close(&job, now, diag);
	job.done.sequence = order->reports;
	job.done.records = job.report.records;
	job.done.final = final;
	job_release(&job);
	if (!err)
		*ret_reported = job.done;
	return err;
}
