#include "lib/authority/status_replay.h"

#include <stdlib.h>

#include "lib/authority/chosen.h"
#include "lib/authority/publish.h"
#include "lib/authority/reconcile.h"
#include "lib/authority/request_status.h"

#define LOGS_MAX 16

/* What an entry made of its ranges. */
struct cause {
	enum status_action	action;
	unsigned		reason;
	int64_t			time;
	uint64_t		operation;
};

struct touch {
	uint32_t	log;
	uint32_t	cause;		/* its place */
	uint64_t	first, end;
};

struct publication {
	uint32_t	log;
	uint64_t	number;
	int64_t		this_update, next_update;
	uint8_t		digest[SHA256_SIZE];
	uint64_t	lists;
};

struct status_replay {
	struct cause		*causes;
	size_t			 cause_count, cause_cap;
	struct touch		*touches;
	size_t			 touch_count, touch_cap;
	struct publication	 published[LOGS_MAX];
	size_t			 published_count;
};

enum err
status_replay_new(struct status_replay **ret_replay, struct diag *diag)
{
	struct status_replay *replay = calloc(1, sizeof(*replay));

	if (replay == NULL)
		return diag_nomem(diag);
	*ret_replay = replay;
	return ERR_OK;
}

void
status_replay_free(struct status_replay **replay)
{
	if (*replay == NULL)
		return;
	free((*replay)->causes);
	free((*replay)->touches);
	free(*replay);
	*replay = NULL;
}

static enum err
bad_entry(const struct operation *operation, const char *what,
    struct diag *diag)
{
	return diag_fail(diag, ERR_CORRUPT, NULL,
	    "operations log: entry %llu: %s",
	    (unsigned long long)operation->seq, what);
}

static enum err
cause_add(struct status_replay *r, const struct operation *operation,
    enum status_action action, unsigned reason, struct diag *diag)
{
	struct cause *more;

	if (r->cause_count == r->cause_cap) {
		r->cause_cap = r->cause_cap * 2 + 64;
		more = reallocarray(r->causes, r->cause_cap, sizeof(*more));
		if (more == NULL)
			return diag_nomem(diag);
		r->causes = more;
	}
	r->causes[r->cause_count++] = (struct cause){ action, reason,
	    operation->time, operation->seq };
	return ERR_OK;
}

/* A range of the cause added last. */
static enum err
touch_add(struct status_replay *r, uint32_t log, uint64_t first,
    uint64_t count, struct diag *diag)
{
	struct touch *more;

	if (r->touch_count == r->touch_cap) {
		r->touch_cap = r->touch_cap * 2 + 64;
		more = reallocarray(r->touches, r->touch_cap, sizeof(*more));
		if (more == NULL)
			return diag_nomem(diag);
		r->touches = more;
	}
	r->touches[r->touch_count++] = (struct touch){ log,
	    (uint32_t)r->cause_count - 1, first, first + count };
	return ERR_OK;
}

static enum err
ranges_add(struct status_replay *r, const struct status_range *ranges,
    size_t count, struct diag *diag)
{
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < count && !err; i++)
		err = touch_add(r, ranges[i].log, ranges[i].first,
		    ranges[i].count, diag);
	return err;
}

/* Its ranges, unless its answer says that it came to more. */
static enum err
replay_status(struct status_replay *r, const struct operation *operation,
    struct bytes body, struct diag *diag)
{
	_cleanup_status_request_ struct status_request asked = { 0 };
	_cleanup_chosen_answer_ struct chosen_answer answer = {
		.ranges_count = 0 };
	struct bytes encoded;
	struct cbor cbor;
	bool more;
	enum err err;

	if (status_request_parse(body, &asked, NULL) != ERR_OK ||
	    !operation_answer(operation, &encoded))
		return bad_entry(operation, "no change of status", diag);
	cbor_open(&cbor, encoded);
	more = cbor_get_array(&cbor) == 4;
	if (more && chosen_answer_get(encoded, &answer, NULL) != ERR_OK)
		return bad_entry(operation, "no change of status", diag);
	err = cause_add(r, operation, asked.change.action,
	    asked.change.reason, diag);
	if (err)
		return err;
	return more ? ranges_add(r, answer.ranges, answer.ranges_count,
	    diag) : ranges_add(r, asked.ranges, asked.count, diag);
}

/* What its answer says that it came to. */
static enum err
replay_chosen(struct status_replay *r, const struct operation *operation,
    struct bytes body, struct diag *diag)
{
	_cleanup_chosen_answer_ struct chosen_answer answer = {
		.ranges_count = 0 };
	struct status_change change;
	struct bytes encoded;
	enum err err;

	if (!operation_answer(operation, &encoded) ||
	    request_chosen_change(body, &change, NULL) != ERR_OK ||
	    chosen_answer_get(encoded, &answer, NULL) != ERR_OK)
		return bad_entry(operation, "no change of status", diag);
	err = cause_add(r, operation, change.action, change.reason, diag);
	return err ? err : ranges_add(r, answer.ranges, answer.ranges_count,
	    diag);
}

/* The answer says of which ranges, at its end: what was revoked with an order,
 * suspended with a release, resumed with a claim. */
static enum err
replay_answer(struct status_replay *r, const struct operation *operation,
    enum status_action action, unsigned reason, struct diag *diag)
{
	struct status_range *ranges = NULL;
	size_t count = 0;
	struct bytes result;
	struct cbor cbor;
	enum err err;

	if (!operation_answer(operation, &result))
		return bad_entry(operation, "no request", diag);
	cbor_open(&cbor, result);
	if (action == STATUS_RESUME) {	/* [outcome, seconds, ranges] */
		cbor_get_array_sized(&cbor, 3);
		(void)cbor_get_uint(&cbor);
		(void)cbor_get_uint(&cbor);
	}
	err = status_ranges_get(&cbor, &ranges, &count, diag);
	if (!err && !cbor_close(&cbor))
		err = bad_entry(operation, "no ranges that it changed",
		    diag);
	if (!err)
		err = cause_add(r, operation, action, reason, diag);
	if (!err)
		err = ranges_add(r, ranges, count, diag);
	free(ranges);
	return err;
}

/* The answer says what was revoked with a report, for which reasons. */
static enum err
replay_reconcile(struct status_replay *r, const struct operation *operation,
    struct diag *diag)
{
	_cleanup_reconcile_result_ struct reconcile_result result = { 0 };
	struct bytes encoded;
	size_t i;
	enum err err;

	if (!operation_answer(operation, &encoded) ||
	    reconcile_result_get(encoded, &result, NULL) != ERR_OK)
		return bad_entry(operation, "no reconciliation", diag);
	for (i = 0; i < result.reasons; i++) {
		err = cause_add(r, operation, STATUS_REVOKE,
		    result.revoked[i].reason, diag);
		if (!err)
			err = ranges_add(r, result.revoked[i].list.ranges,
			    result.revoked[i].list.count, diag);
		if (err)
			return err;
	}
	return ERR_OK;
}

/* [log, [[first, count], ...], reason] */
static enum err
replay_void(struct status_replay *r, const struct operation *operation,
    struct diag *diag)
{
	uint64_t log, first, count, reason;
	struct cbor cbor;
	size_t ranges, i;
	enum err err;

	cbor_open(&cbor, operation->body);
	cbor_get_array_sized(&cbor, 3);
	log = cbor_get_uint(&cbor);
	ranges = cbor_get_array(&cbor);
	err = cause_add(r, operation, STATUS_VOID, 0, diag);
	for (i = 0; i < ranges && cbor_ok(&cbor) && !err; i++) {
		cbor_get_array_sized(&cbor, 2);
		first = cbor_get_uint(&cbor);
		count = cbor_get_uint(&cbor);
		err = touch_add(r, (uint32_t)log, first, count, diag);
	}
	reason = cbor_get_uint(&cbor);
	if (!err && (!cbor_close(&cbor) || log > UINT32_MAX ||
	    !status_reason_fits(STATUS_REVOKE, reason)))
		err = bad_entry(operation, "no void ranges", diag);
	if (!err)
		r->causes[r->cause_count - 1].reason = (unsigned)reason;
	return err;
}

/* [[[what, log and index of birth, index / null], ...]]: what another
 * identity took the place of is revoked, be it the birth. */
static enum err
replay_field(struct status_replay *r, const struct operation *operation,
    struct diag *diag)
{
	uint64_t what, log, index;
	struct cbor cbor;
	size_t events, i;
	enum err err;

	cbor_open(&cbor, operation->body);
	cbor_get_array_sized(&cbor, 1);
	events = cbor_get_array(&cbor);
	err = cause_add(r, operation, STATUS_REVOKE, CRL_SUPERSEDED, diag);
	for (i = 0; i < events && cbor_ok(&cbor) && !err; i++) {
		cbor_get_array_sized(&cbor, 4);
		what = cbor_get_uint(&cbor);
		log = cbor_get_uint(&cbor);
		index = cbor_get_uint(&cbor);
		if (what == FIELD_SUPERSEDED) {
			log = LOG_ONLINE_NUMBER;
			index = cbor_get_uint(&cbor);
		} else {
			cbor_skip(&cbor);
		}
		if (log > UINT32_MAX)
			cbor_fail(&cbor, "no log");
		else if (what == FIELD_SUPERSEDED || what == FIELD_OUTLIVED)
			err = touch_add(r, (uint32_t)log, index, 1, diag);
	}
	if (!err && !cbor_close(&cbor))
		err = bad_entry(operation, "no turn of enrolment", diag);
	return err;
}

/* [epoch, anchor, [[log, first, count], ...]]: suspended. */
static enum err
replay_epoch(struct status_replay *r, const struct operation *operation,
    struct diag *diag)
{
	struct status_range *ranges = NULL;
	size_t count = 0;
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, operation->body);
	cbor_get_array_sized(&cbor, 3);
	(void)cbor_get_uint(&cbor);
	(void)cbor_get_bstr(&cbor);
	err = status_ranges_get(&cbor, &ranges, &count, diag);
	if (!err && !cbor_close(&cbor))
		err = bad_entry(operation, "no epoch", diag);
	if (!err)
		err = cause_add(r, operation, STATUS_SUSPEND,
		    CRL_CERTIFICATE_HOLD, diag);
	if (!err)
		err = ranges_add(r, ranges, count, diag);
	free(ranges);
	return err;
}

static enum err
replay_publish(struct status_replay *r, const struct operation *operation,
    struct diag *diag)
{
	struct publication p = { 0 };
	struct bytes digest;
	struct cbor cbor;
	uint64_t log;
	size_t i;

	cbor_open(&cbor, operation->body);
	cbor_get_array_sized(&cbor, 6);
	log = cbor_get_uint(&cbor);
	p.log = (uint32_t)log;
	p.number = cbor_get_uint(&cbor);
	p.this_update = cbor_get_int(&cbor);
	p.next_update = cbor_get_int(&cbor);
	digest = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	p.lists = cbor_get_uint(&cbor);
	if (!cbor_close(&cbor) || log > UINT32_MAX)
		return bad_entry(operation, "no publication", diag);
	memcpy(p.digest, digest.ptr, SHA256_SIZE);
	for (i = 0; i < r->published_count; i++)
		if (r->published[i].log == p.log)
			break;
	if (i == LOGS_MAX)
		return bad_entry(operation, "of one log too many", diag);
	if (i < r->published_count && p.number <= r->published[i].number)
		return bad_entry(operation, "publishes a number again", diag);
	if (i == r->published_count)
		r->published_count++;
	r->published[i] = p;
	return ERR_OK;
}

enum err
status_replay_entry(struct status_replay *r,
    const struct operation *operation, enum request_type type,
    struct bytes body, struct diag *diag)
{
	switch (operation->kind) {
	case OPERATION_REQUEST:
		if (type == REQUEST_STATUS)
			return replay_status(r, operation, body, diag);
		if (type == REQUEST_STATUS_CHOSEN)
			return replay_chosen(r, operation, body, diag);
		if (type == REQUEST_ORDER_CANCEL)
			return replay_answer(r, operation, STATUS_REVOKE,
			    CRL_CESSATION_OF_OPERATION, diag);
		if (type == REQUEST_DEVICE_RELEASE)
			return replay_answer(r, operation, STATUS_SUSPEND,
			    CRL_CERTIFICATE_HOLD, diag);
		if (type == REQUEST_DEVICE_CLAIM)
			return replay_answer(r, operation, STATUS_RESUME, 0,
			    diag);
		if (type == REQUEST_RECONCILE ||
		    type == REQUEST_STATION_LOST)
			return replay_reconcile(r, operation, diag);
		return ERR_OK;
	case OPERATION_VOID:
		return replay_void(r, operation, diag);
	case OPERATION_EPOCH:
		return replay_epoch(r, operation, diag);
	case OPERATION_FIELD:
		return replay_field(r, operation, diag);
	case OPERATION_PUBLISH:
		return replay_publish(r, operation, diag);
	default:
		return ERR_OK;
	}
}

/*
 * One log: the edges of all ranges cut it into segments, which each range
 * covers wholly or not at all.
 */
struct segments {
	uint64_t	*edges;		/* ascending; segment i begins at i */
	uint32_t	*made_by;	/* cause and 1; 0: valid */
	size_t		 count;		/* of edges */
};

static int
edge_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static enum err
segments_make(const struct status_replay *r, uint32_t log,
    struct segments *s, struct diag *diag)
{
	size_t i, kept = 0;

	s->edges = reallocarray(NULL, 2 * r->touch_count + 1,
	    sizeof(*s->edges));
	s->made_by = calloc(2 * r->touch_count + 1, sizeof(*s->made_by));
	if (s->edges == NULL || s->made_by == NULL)
		return diag_nomem(diag);
	for (i = 0; i < r->touch_count; i++) {
		if (r->touches[i].log != log)
			continue;
		s->edges[s->count++] = r->touches[i].first;
		s->edges[s->count++] = r->touches[i].end;
	}
	qsort(s->edges, s->count, sizeof(*s->edges), edge_compare);
	for (i = 0; i < s->count; i++)
		if (kept == 0 || s->edges[i] != s->edges[kept - 1])
			s->edges[kept++] = s->edges[i];
	s->count = kept;
	return ERR_OK;
}

static size_t
segment_at(const struct segments *s, uint64_t first)
{
	size_t low = 0, high = s->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (s->edges[middle] < first)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What a cause makes of a segment that another one made. */
static uint32_t
segment_next(const struct status_replay *r, uint32_t made_by, uint32_t cause)
{
	enum status_action action = r->causes[cause].action;
	bool suspended = made_by != 0 &&
	    r->causes[made_by - 1].action == STATUS_SUSPEND;

	if (made_by == 0)
		return action == STATUS_RESUME ? 0 : cause + 1;
	if (suspended && action == STATUS_RESUME)
		return 0;
	if (suspended && action == STATUS_REVOKE)
		return cause + 1;
	return made_by;
}

void
status_replay_events(const struct status_replay *r, uint32_t log,
    uint64_t index, void (*each)(void *ctx, const struct status_event *),
    void *ctx)
{
	const struct touch *touch;
	const struct cause *cause;
	uint32_t made_by = 0, next;
	struct status_event event;
	size_t i;

	for (i = 0; i < r->touch_count; i++) {
		touch = &r->touches[i];
		if (touch->log != log || index < touch->first ||
		    index >= touch->end)
			continue;
		next = segment_next(r, made_by, touch->cause);
		if (next == made_by)
			continue;
		made_by = next;
		cause = &r->causes[touch->cause];
		event = (struct status_event){ cause->action, cause->reason,
		    cause->time, cause->operation };
		each(ctx, &event);
	}
}

static void
segments_paint(const struct status_replay *r, uint32_t log,
    struct segments *s)
{
	const struct touch *touch;
	size_t i, at;

	for (i = 0; i < r->touch_count; i++) {
		touch = &r->touches[i];
		if (touch->log != log)
			continue;
		for (at = segment_at(s, touch->first);
		    at < s->count && s->edges[at] < touch->end; at++)
			s->made_by[at] = segment_next(r, s->made_by[at],
			    touch->cause);
	}
}

/* The table's rows against the segments. */
struct compare {
	const struct status_replay	*replay;
	const struct segments		*segments;
	struct authority		*authority;
	size_t				 at;	/* segments all of before */
	const char			*log;
	struct diag			*diag;
};

static enum err
differs(const struct compare *c, uint64_t index)
{
	enum err err;

	err = diag_fail(c->diag, ERR_CORRUPT, NULL,
	    "registry: status of %s/%llu is not what the operations made of "
	    "it", c->log, (unsigned long long)index);
	diag_hint(c->diag, "the registry was altered or damaged: restore it "
	    "from a backup, and keep this file for the investigation");
	return err;
}

static bool
row_is(const struct compare *c, const struct store_status *row,
    uint32_t made_by)
{
	const struct cause *cause;

	if (made_by == 0)
		return false;
	cause = &c->replay->causes[made_by - 1];
	return row->state == (cause->action == STATUS_SUSPEND ?
	    STATUS_SUSPENDED : STATUS_REVOKED) &&
	    row->reason == cause->reason && row->time == cause->time &&
	    row->operation == cause->operation;
}

/* Segments that the operations left valid lie between rows. */
static enum err
gap_compare(struct compare *c, uint64_t to)
{
	const struct segments *s = c->segments;

	for (; c->at < s->count && s->edges[c->at] < to; c->at++)
		if (s->made_by[c->at] != 0)
			return differs(c, s->edges[c->at]);
	return ERR_OK;
}

static enum err
row_compare(void *ctx, const struct store_status *row)
{
	uint64_t end = row->first + row->count, at = row->first;
	struct compare *c = ctx;
	const struct segments *s = c->segments;
	enum err err;

	err = gap_compare(c, row->first);
	if (err)
		return err;
	/* a row begins and ends at edges, for some operation did */
	for (; at < end; c->at++) {
		if (c->at + 1 >= s->count || s->edges[c->at] != at ||
		    !row_is(c, row, s->made_by[c->at]))
			return differs(c, at);
		at = s->edges[c->at + 1];
	}
	return at == end ? ERR_OK : differs(c, end);
}

static enum err
published_check(const struct status_replay *r, struct authority *authority,
    const struct store_log *log, struct diag *diag)
{
	const struct publication *p = NULL;
	struct published last;
	size_t i;
	enum err err;

	for (i = 0; i < r->published_count; i++)
		if (r->published[i].log == log->log)
			p = &r->published[i];
	err = authority_published(authority, log->name, &last, NULL);
	if (err == ERR_NOTFOUND && p == NULL)
		return ERR_OK;
	if (!err && p != NULL && p->number == last.number &&
	    p->this_update == last.this_update &&
	    p->next_update == last.next_update && p->lists == last.lists &&
	    memcmp(p->digest, last.digest, SHA256_SIZE) == 0)
		return ERR_OK;
	return diag_fail(diag, ERR_CORRUPT, NULL,
	    "registry: what it says was published last of log %s is not what "
	    "the operations published", log->name);
}

static enum err
log_check(void *ctx, const struct store_log *log)
{
	struct compare *all = ctx;
	struct segments s = { 0 };
	struct compare c = { .replay = all->replay, .segments = &s,
	    .authority = all->authority, .log = log->name,
	    .diag = all->diag };
	enum err err;

	err = segments_make(c.replay, log->log, &s, c.diag);
	if (!err) {
		segments_paint(c.replay, log->log, &s);
		err = store_status_each(authority_store(c.authority),
		    log->log, 0, INT64_MAX, row_compare, &c, c.diag);
	}
	if (!err)
		err = gap_compare(&c, UINT64_MAX);
	if (!err)
		err = published_check(c.replay, c.authority, log, c.diag);
	free(s.edges);
	free(s.made_by);
	return err;
}

enum err
status_replay_check(struct status_replay *r, struct authority *authority,
    struct diag *diag)
{
	struct compare all = { .replay = r, .authority = authority,
	    .diag = diag };

	return store_log_each(authority_store(authority), log_check, &all,
	    diag);
}
