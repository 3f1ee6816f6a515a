/* What became of a device's package: commit, scrap, query. */
#include "station/floor_internal.h"

static bool
commit_good(const struct floor_commit *c)
{
	size_t i;

	if (c->evidence > FLOOR_SIGNED || c->proof_len > FLOOR_EVIDENCE_MAX ||
	    c->name_count > FLOOR_NAMES_MAX || !floor_text_good(c->firmware))
		return false;
	for (i = 0; i < c->name_count; i++)
		if (!floor_text_good(c->names[i].kind) ||
		    !floor_text_good(c->names[i].text))
			return false;
	return true;
}

/* Is it what the ledger has of it already? */
static bool
commit_same(const struct ledger_record *a, const struct ledger_record *b)
{
	size_t i;

	if (a->kind != LEDGER_COMMIT || a->evidence != b->evidence ||
	    !bytes_equal(a->proof, b->proof) ||
	    !bytes_equal(a->firmware, b->firmware) ||
	    a->name_count != b->name_count)
		return false;
	for (i = 0; i < a->name_count; i++)
		if (!bytes_equal(a->names[i].kind, b->names[i].kind) ||
		    !bytes_equal(a->names[i].text, b->names[i].text))
			return false;
	return true;
}

/* Not legal in the device's state: which code says so? */
static enum floor_code
commit_refused(const struct floor_call *call, const struct floor_found *found)
{
	if (found->device == NULL || found->state == STATION_REWORKED)
		return FLOOR_NO_DEVICE;
	if (!floor_meant(call, found))
		return FLOOR_NOT_THAT;
	if (found->state == STATION_SCRAPPED)
		return FLOOR_SCRAPPED;
	if (found->state == STATION_INJECTED)
		return FLOOR_OK;	/* the same, perhaps */
	if (found->order->closing)
		return FLOOR_CLOSED;
	return floor_held(call, found) ? FLOOR_OTHER_FIXTURE : FLOOR_OK;
}

static enum err
commit_tell(struct floor *f, const struct floor_commit *commit,
    const struct floor_found *found, struct ledger_record *record,
    enum floor_code *ret_code, struct diag *diag)
{
	enum err err;

	if (found->state == STATION_INJECTED) {
		*ret_code = commit_same(&found->last, record) ?
		    FLOOR_REPEATED : FLOOR_DONE;
		return ERR_OK;
	}
	err = floor_evidence_check(f, found, commit, ret_code, diag);
	if (!err && *ret_code == FLOOR_OK)
		err = floor_room(f, ret_code, diag);
	if (!err && *ret_code == FLOOR_OK)
		err = station_tell(f->station, record, diag);
	return err;
}

enum err
floor_commit(struct floor *f, const struct floor_call *call,
    const struct floor_commit *commit, enum floor_code *ret_code,
    struct diag *diag)
{
	char texts[FLOOR_NAMES_MAX][NAME_TEXT_SIZE];
	struct floor_found found = { .device = NULL };
	struct ledger_record r = { .kind = LEDGER_COMMIT };
	enum floor_code code = FLOOR_BAD_REQUEST;
	enum err err;

	*ret_code = FLOOR_BROKEN;
	if (!floor_call_good(call) || !commit_good(commit)) {
		*ret_code = FLOOR_BAD_REQUEST;
		return ERR_OK;
	}
	err = floor_find(f, call, &found, diag);
	if (err)
		return err;
	code = commit_refused(call, &found);
	if (code == FLOOR_OK) {
		memcpy(r.pack, found.pack->id, PACKAGE_ID_SIZE);
		r.position = found.device->position;
		r.evidence = commit->evidence;
		r.proof = bytes_of(commit->proof, commit->proof_len);
		r.firmware = bytes_text(commit->firmware);
		floor_who(call, &r);
		err = floor_names_check(f, &found, commit, texts, &r, &code,
		    diag);
	}
	if (!err && code == FLOOR_OK)
		err = commit_tell(f, commit, &found, &r, &code, diag);
	if (!err)
		*ret_code = code;
	return err;
}

static enum floor_code
scrap_refused(const struct floor_call *call, const struct floor_found *found,
    const char *reason)
{
	if (found->device == NULL || found->state == STATION_REWORKED)
		return FLOOR_NO_DEVICE;
	if (!floor_meant(call, found))
		return FLOOR_NOT_THAT;
	if (found->state == STATION_SCRAPPED)
		return bytes_equal(found->last.reason, bytes_text(reason)) ?
		    FLOOR_REPEATED : FLOOR_SCRAPPED;
	/* no report would tell it any more */
	if (found->order->closing)
		return FLOOR_CLOSED;
	return floor_held(call, found) ? FLOOR_OTHER_FIXTURE : FLOOR_OK;
}

enum err
floor_scrap(struct floor *f, const struct floor_call *call,
    const char *reason, enum floor_code *ret_code, struct diag *diag)
{
	struct floor_found found = { .device = NULL };
	struct ledger_record r = { .kind = LEDGER_SCRAP };
	size_t len = strlen(reason);
	enum floor_code code;
	enum err err;

	*ret_code = FLOOR_BROKEN;
	if (!floor_call_good(call) || len == 0 || len > FLOOR_REASON_MAX ||
	    !floor_text_good(reason)) {
		*ret_code = FLOOR_BAD_REQUEST;
		return ERR_OK;
	}
	err = floor_find(f, call, &found, diag);
	if (err)
		return err;
	code = scrap_refused(call, &found, reason);
	if (code == FLOOR_OK)
		err = floor_room(f, &code, diag);
	if (!err && code == FLOOR_OK) {
		memcpy(r.pack, found.pack->id, PACKAGE_ID_SIZE);
		r.position = found.device->position;
		r.reason = bytes_text(reason);
		floor_who(call, &r);
		err = station_tell(f->station, &r, diag);
	}
	if (!err)
		*ret_code = code;
	return err;
}

enum err
floor_query(struct floor *f, const struct floor_call *call,
    struct floor_state *ret_state, enum floor_code *ret_code,
    struct diag *diag)
{
	struct floor_found found = { .device = NULL };
	struct floor_state state = { .state = STATION_UNUSED };
	enum err err;

	*ret_code = FLOOR_BAD_REQUEST;
	if (!floor_call_good(call))
		return ERR_OK;
	*ret_code = FLOOR_BROKEN;
	err = floor_find(f, call, &found, diag);
	if (err)
		return err;
	*ret_code = FLOOR_NO_DEVICE;
	if (found.device == NULL)
		return ERR_OK;
	state.state = found.state;
	memcpy(state.pack, found.pack->id, PACKAGE_ID_SIZE);
	state.position = found.device->position;
	state.index = found.reserve.index;
	state.time = found.last.time;
	if (found.last.kind == LEDGER_COMMIT)
		state.evidence = (enum floor_evidence)found.last.evidence;
	if (found.last.fixture.len <= FLOOR_TEXT_MAX)
		memcpy(state.fixture, found.last.fixture.ptr,
		    found.last.fixture.len);
	*ret_state = state;
	*ret_code = FLOOR_OK;
	return ERR_OK;
}
