#include "lib/authority/device_replay.h"

#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/claim.h"
#include "lib/authority/field.h"

/* Beside those of enum field_event. */
enum device_event {
	DEVICE_CLAIMED = 16, DEVICE_WRONG_CODE = 17, DEVICE_RELEASED = 18
};

/* What an entry says of a device. */
struct event {
	struct address	birth;
	unsigned	what;
	uint64_t	index;	/* identity; of a claim: owner's place */
	uint64_t	seq;	/* the entry's place, */
	int64_t		time;	/* and its time */
	size_t		order;	/* among all */
};

struct device_replay {
	struct event	*events;
	size_t		 count, cap;
	struct buf	 owners;	/* texts, each ended by NUL */
};

enum err
device_replay_new(struct device_replay **ret_replay, struct diag *diag)
{
	struct device_replay *replay = calloc(1, sizeof(*replay));

	if (replay == NULL)
		return diag_nomem(diag);
	replay->owners.limit = SIZE_MAX / 2;
	*ret_replay = replay;
	return ERR_OK;
}

void
device_replay_free(struct device_replay **replay)
{
	if (*replay == NULL)
		return;
	free((*replay)->events);
	buf_release(&(*replay)->owners);
	free(*replay);
	*replay = NULL;
}

static enum err
bad_entry(uint64_t seq, const char *what, struct diag *diag)
{
	return diag_fail(diag, ERR_CORRUPT, NULL,
	    "operations log: entry %ju: %s", (uintmax_t)seq, what);
}

static enum err
event_add(struct device_replay *r, const struct operation *operation,
    unsigned what, const struct address *birth, uint64_t index,
    struct diag *diag)
{
	struct event *more;

	if (r->count == r->cap) {
		r->cap = r->cap * 2 + 64;
		more = reallocarray(r->events, r->cap, sizeof(*more));
		if (more == NULL)
			return diag_nomem(diag);
		r->events = more;
	}
	r->events[r->count] = (struct event){ *birth, what, index,
	    operation->seq, operation->time, r->count };
	r->count++;
	return ERR_OK;
}

static void
birth_get(struct cbor *cbor, struct address *ret_birth)
{
	uint64_t log = cbor_get_uint(cbor);

	ret_birth->index = cbor_get_uint(cbor);
	if (log > UINT32_MAX)
		cbor_fail(cbor, "no log");
	ret_birth->log = (uint32_t)log;
}

/* [[[what, log and index of birth, index / null], ...]] */
static enum err
entry_field(struct device_replay *r, const struct operation *operation,
    struct diag *diag)
{
	struct address birth;
	uint64_t what, index;
	struct cbor cbor;
	size_t count, i;
	enum err err = ERR_OK;

	cbor_open(&cbor, operation->body);
	cbor_get_array_sized(&cbor, 1);
	count = cbor_get_array(&cbor);
	for (i = 0; i < count && cbor_ok(&cbor) && !err; i++) {
		cbor_get_array_sized(&cbor, 4);
		what = cbor_get_uint(&cbor);
		birth_get(&cbor, &birth);
		index = 0;
		if (what == FIELD_REFUSED || what == FIELD_OUTLIVED)
			cbor_get_null(&cbor);
		else
			index = cbor_get_uint(&cbor);
		if (what < FIELD_ISSUED || what > FIELD_OUTLIVED)
			cbor_fail(&cbor, "no event");
		if (cbor_ok(&cbor))
			err = event_add(r, operation, (unsigned)what, &birth,
			    index, diag);
	}
	return err || cbor_close(&cbor) ? err : bad_entry(operation->seq,
	    "no turn of enrolment", diag);
}

/* What was answered to a claim: another outcome than these changes nothing. */
static enum err
entry_claim(struct device_replay *r, const struct operation *operation,
    const struct address *birth, struct bytes owner, struct diag *diag)
{
	struct claim_result result = { .seconds = 0 };
	uint64_t at = r->owners.len;
	struct bytes answer;

	if (!operation_answer(operation, &answer) ||
	    claim_result_get(answer, &result, NULL) != ERR_OK)
		return bad_entry(operation->seq, "no answer to a claim",
		    diag);
	if (result.outcome == CLAIM_WRONG)
		return event_add(r, operation, DEVICE_WRONG_CODE, birth, 0,
		    diag);
	if (result.outcome != CLAIM_DONE)
		return ERR_OK;
	buf_put_bytes(&r->owners, owner);
	buf_put_u8(&r->owners, 0);
	return buf_err(&r->owners) ? diag_nomem(diag) : event_add(r,
	    operation, DEVICE_CLAIMED, birth, at, diag);
}

enum err
device_replay_entry(struct device_replay *r,
    const struct operation *operation, enum request_type type,
    struct bytes body, struct diag *diag)
{
	struct bytes owner = BYTES_NONE;
	bool claims = type == REQUEST_DEVICE_CLAIM;
	struct address birth;
	struct cbor cbor;

	if (operation->kind == OPERATION_FIELD)
		return entry_field(r, operation, diag);
	if (operation->kind != OPERATION_REQUEST ||
	    (!claims && type != REQUEST_DEVICE_RELEASE))
		return ERR_OK;
	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, claims ? 4 : 2);
	birth_get(&cbor, &birth);
	if (claims) {
		(void)cbor_get_bstr(&cbor);
		owner = cbor_get_tstr(&cbor);
	}
	if (!cbor_close(&cbor))
		return bad_entry(operation->seq, "no claim or release", diag);
	return claims ? entry_claim(r, operation, &birth, owner, diag) :
	    event_add(r, operation, DEVICE_RELEASED, &birth, 0, diag);
}

/* A device, event by event. */
struct device {
	struct field_device	 row;	/* as it must be: ids are told by */
	uint64_t		 replaced[PRODUCT_ATTEMPTS_MAX];
	bool			 leaves;	/* what was confirmed before */
	uint64_t		 leaving;
	bool			 outlived;	/* its birth */
};

/* Another request took the place of the one that waited. */
static void
device_replace(struct device *d)
{
	if (d->row.id_count == PRODUCT_ATTEMPTS_MAX)
		memmove(d->replaced, d->replaced + 1,
		    --d->row.id_count * sizeof(d->replaced[0]));
	d->replaced[d->row.id_count++] = d->row.pending;
	d->row.has_pending = false;
}

static bool
device_field(struct device *d, const struct event *event)
{
	struct field_device *row = &d->row;
	bool waits = row->has_pending && row->pending == event->index;

	switch (event->what) {
	case FIELD_ISSUED:
		if (row->has_pending)
			return false;
		row->has_pending = true;
		row->pending = event->index;
		return true;
	case FIELD_CONFIRMED:
		d->leaves = row->has_current;
		d->leaving = row->current;
		row->has_current = true;
		row->current = event->index;
		row->has_pending = false;
		row->events = 0;
		row->id_count = 0;
		return waits;
	case FIELD_SUPERSEDED:
		if (waits)
			device_replace(d);
		else if (!d->leaves || d->leaving != event->index)
			return false;
		else
			d->leaves = false;
		return true;
	case FIELD_OUTLIVED:
		if (d->outlived || !row->has_current)
			return false;
		d->outlived = true;
		return true;
	default:
		row->events++;
		return event->what == FIELD_REFUSED;
	}
}

/* False: it cannot have happened to it. */
static bool
device_apply(const struct device_replay *r, struct device *d,
    const struct event *event)
{
	struct field_claim *claim = &d->row.claim;
	struct bytes owner;

	switch (event->what) {
	case DEVICE_WRONG_CODE:
		claim->guesses += claim->guesses < FIELD_GUESSES_MAX;
		return true;
	case DEVICE_CLAIMED:
		owner = bytes_text((const char *)r->owners.ptr +
		    event->index);
		if (claim->state == FIELD_CLAIMED ||
		    owner.len >= FIELD_OWNER_SIZE)
			return false;
		*claim = (struct field_claim){ .state = FIELD_CLAIMED,
		    .time = event->time, .operation = event->seq };
		memcpy(claim->owner, owner.ptr, owner.len);
		return true;
	case DEVICE_RELEASED:
		if (claim->state != FIELD_CLAIMED)
			return false;
		*claim = (struct field_claim){ .state = FIELD_RELEASED,
		    .time = event->time, .operation = event->seq };
		return true;
	default:
		return device_field(d, event);
	}
}

/* Rows and events side by side. */
struct compare {
	const struct device_replay	*replay;
	struct authority		*authority;
	size_t				 at;	/* events before are done */
	struct diag			*diag;
};

static enum err
differs(const struct compare *c, const struct address *address,
    const char *what)
{
	enum err err;

	err = diag_fail(c->diag, ERR_CORRUPT, NULL, "registry: %s/%ju: %s",
	    address->log == LOG_ONLINE_NUMBER ? LOG_ONLINE : LOG_BULK,
	    (uintmax_t)address->index, what);
	diag_hint(c->diag, "the registry was altered or damaged: restore it "
	    "from a backup, and keep this file for the investigation");
	return err;
}

static bool
same_place(bool has, uint64_t index, bool other_has, uint64_t other)
{
	return has == other_has && (!has || index == other);
}

static bool
claim_is(const struct field_claim *claim, const struct field_claim *row)
{
	return claim->state == row->state && claim->time == row->time &&
	    claim->operation == row->operation &&
	    claim->guesses == row->guesses &&
	    strcmp(claim->owner, row->owner) == 0;
}

/* The ids of the requests that others took the place of. */
static enum err
ids_compare(const struct compare *c, const struct device *d,
    const struct field_device *row, bool *ret_same)
{
	struct field_enrolment enrolment;
	size_t i;
	enum err err;

	*ret_same = d->row.id_count == row->id_count;
	for (i = 0; i < row->id_count && *ret_same; i++) {
		err = field_enrolment_get(c->authority, d->replaced[i],
		    &enrolment, c->diag);
		if (err && err != ERR_NOTFOUND)
			return err;
		*ret_same = !err && memcmp(enrolment.id, row->ids[i],
		    DEVICE_REQUEST_ID_SIZE) == 0;
	}
	return ERR_OK;
}

static enum err
device_compare(const struct compare *c, const struct address *birth,
    const struct device *d)
{
	const struct field_device *made = &d->row;
	struct field_device row;
	bool same = false;
	enum err err;

	err = field_device_get(c->authority, birth, &row, c->diag);
	if (err)
		return err;
	if (!same_place(made->has_current, made->current, row.has_current,
	    row.current) || !same_place(made->has_pending, made->pending,
	    row.has_pending, row.pending) || made->events != row.events ||
	    (row.sealed_len > 0 && !row.has_pending))
		return differs(c, birth, "what the device has is not what "
		    "the operations made of it");
	if (!claim_is(&made->claim, &row.claim))
		return differs(c, birth, "whose the device is is not what "
		    "the operations made of it");
	err = ids_compare(c, d, &row, &same);
	return err || same ? err : differs(c, birth, "the requests that the "
	    "device replaced are not those of the operations");
}

static int
address_compare(const struct address *x, const struct address *y)
{
	if (x->log != y->log)
		return x->log < y->log ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int
by_birth(const void *a, const void *b)
{
	const struct event *x = a, *y = b;
	int order = address_compare(&x->birth, &y->birth);

	return order != 0 ? order : x->order < y->order ? -1 : 1;
}

/* What was issued in front, by index. */
static int
by_index(const void *a, const void *b)
{
	const struct event *x = a, *y = b;
	bool issues = x->what == FIELD_ISSUED;

	if (issues != (y->what == FIELD_ISSUED))
		return issues ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static enum err
gone(const struct compare *c)
{
	return differs(c, &c->replay->events[c->at].birth, "the operations "
	    "speak of the device, the registry has no row of it");
}

static enum err
device_row(void *ctx, uint32_t log, uint64_t index, struct bytes body)
{
	const struct address birth = { log, index };
	struct compare *c = ctx;
	const struct device_replay *r = c->replay;
	struct device device = { .leaves = false };
	size_t first = c->at;
	int order = c->at == r->count ? 1 : address_compare(
	    &r->events[c->at].birth, &birth);

	(void)body;
	if (order != 0)
		return order < 0 ? gone(c) : differs(c, &birth, "a row of a "
		    "device that no operation speaks of");
	for (; c->at < r->count && address_compare(&r->events[c->at].birth,
	    &birth) == 0; c->at++)
		if (!device_apply(r, &device, &r->events[c->at]))
			return bad_entry(r->events[c->at].seq, "what it says "
			    "of a device cannot have been", c->diag);
	if (device.leaves)
		return bad_entry(r->events[c->at - 1].seq, "what a device "
		    "had before is not superseded", c->diag);
	return c->at == first ? ERR_INTERNAL :
	    device_compare(c, &birth, &device);
}

static enum err
enrolment_row(void *ctx, uint32_t log, uint64_t index, struct bytes body)
{
	const struct address address = { log, index };
	struct compare *c = ctx;
	const struct event *event = &c->replay->events[c->at];
	struct field_enrolment enrolment;
	enum err err;

	(void)body;
	if (c->at == c->replay->count || event->what != FIELD_ISSUED ||
	    event->index != index)
		return differs(c, &address, "what was issued is not what the "
		    "operations say was");
	err = field_enrolment_get(c->authority, index, &enrolment, c->diag);
	if (err)
		return err;
	c->at++;
	return address_compare(&enrolment.birth, &event->birth) == 0 ?
	    ERR_OK : differs(c, &address, "is of another device than the "
	    "operations say");
}

enum err
device_replay_check(struct device_replay *r, struct authority *authority,
    struct diag *diag)
{
	struct compare c = { .replay = r, .authority = authority,
	    .diag = diag };
	enum err err;

	if (r->count > 0)
		qsort(r->events, r->count, sizeof(*r->events), by_birth);
	err = store_field_each(authority->store, STORE_DEVICE, device_row, &c,
	    diag);
	if (!err && c.at < r->count)
		err = gone(&c);
	if (err)
		return err;
	if (r->count > 0)
		qsort(r->events, r->count, sizeof(*r->events), by_index);
	c.at = 0;
	err = store_field_each(authority->store, STORE_ENROLMENT,
	    enrolment_row, &c, diag);
	if (!err && c.at < r->count && r->events[c.at].what == FIELD_ISSUED)
		err = differs(&c, &(struct address){ LOG_ONLINE_NUMBER,
		    r->events[c.at].index }, "was issued, and the registry "
		    "does not say to whom");
	return err;
}
