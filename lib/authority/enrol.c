#include "lib/authority/enrol.h"

#include <stdlib.h>

#include "lib/authority/anchor.h"
#include "lib/authority/enrol_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/status.h"
#include "lib/base/cbor_write.h"
#include "lib/crypto/random.h"


const char *
enrol_verdict_name(enum enrol_verdict verdict)
{
	static const char *const names[] = { "refused", "done", "repeated",
	    "malformed", "unsupported", "unknown", "signature", "revoked",
	    "suspended", "expired", "consumed", "superseded", "attempts",
	    "conflict", "keys", "no-product", "busy", "quota", "unclaimed" };

	return (unsigned)verdict < sizeof(names) / sizeof(names[0]) ?
	    names[verdict] : "?";
}

static uint64_t
indices_left(const struct enrol *e)
{
	uint64_t left = 0;
	size_t i;

	for (i = 0; i < e->block_count; i++)
		left += e->blocks[i].count;
	return left;
}

bool
enrol_room(const struct enrol *e)
{
	return e->taken < ENROL_TURN_MAX && e->taken < indices_left(e);
}

/* An entry on indices, in the caller's transaction. */
static enum err
indices_record(struct enrol *e, enum operation_kind kind, uint64_t first,
    uint64_t count, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	enum err err;

	cbor_put_array(&body, 3);
	cbor_put_uint(&body, LOG_ONLINE_NUMBER);
	cbor_put_uint(&body, first);
	cbor_put_uint(&body, count);
	err = buf_err(&body);
	return err ? err : operation_append(e->authority, kind, e->now,
	    buf_bytes(&body), NULL, diag);
}

/* In the caller's transaction: the next indices, and the entry that says so,
 * which the anchor then holds; there is a product. Its template will do:
 * whose an index is, is settled when it is taken, and what becomes void is
 * listed with all slots (publish_crl.c). */
static enum err
block_reserve(struct enrol *e, struct diag *diag)
{
	struct store_range range = { .log = LOG_ONLINE_NUMBER,
	    .count = ENROL_BLOCK, .epoch = e->log.epoch,
	    .state = RANGE_RESERVED, .template = e->products[0]->template_id,
	    .issued = e->now, .evidence = EVIDENCE_BOOTSTRAP };
	enum err err;

	if (e->block_count == ENROL_BLOCKS_MAX)
		return diag_fail(diag, ERR_INTERNAL, NULL,
		    "enrolment: too many blocks");
	err = random_bytes(range.seed, RANGE_SEED_SIZE, diag);
	if (!err)
		err = store_range_reserve(e->authority->store, &range, diag);
	if (!err)
		err = rows_range_add(e->authority, &range, diag);
	if (!err)
		err = indices_record(e, OPERATION_RESERVE, range.first,
		    range.count, diag);
	if (err)
		return err;
	e->blocks[e->block_count++] = range;
	e->anchor_due = true;
	return ERR_OK;
}

static enum err
block_collect(void *ctx, const struct store_range *range)
{
	struct enrol *e = ctx;

	if (e->block_count == ENROL_BLOCKS_MAX)
		return ERR_LIMIT;
	e->blocks[e->block_count++] = *range;
	return ERR_OK;
}

/* The log, its tree and what is reserved, as they are now. */
static enum err
log_read(struct enrol *e, struct diag *diag)
{
	enum err err;

	e->block_count = 0;
	err = authority_log(e->authority, LOG_ONLINE_NUMBER, &e->log,
	    &e->tree, diag);
	return err ? err : store_range_each(e->authority->store,
	    LOG_ONLINE_NUMBER, 0, RANGE_RESERVED, block_collect, e, diag);
}

/* count indices at the log's end leave their blocks as parts of their own;
 * the head's sum of ranges follows. */
static enum err
blocks_carve(struct enrol *e, struct operation_head *head,
    const struct store_range *parts, size_t count, struct bytes frontier,
    struct diag *diag)
{
	struct store_range *block, left;
	size_t done = 0, n;
	uint64_t end;
	enum err err = ERR_OK;

	while (done < count && !err) {
		block = &e->blocks[0];
		left = *block;
		end = block->first + block->count;
		for (n = done; n < count && parts[n].first < end; n++) {
			left.first += parts[n].count;
			left.count -= parts[n].count;
		}
		err = store_range_carve(e->authority->store, parts + done,
		    n - done, &left, frontier, diag);
		if (!err)
			err = rows_carve(e->authority, head, block,
			    parts + done, n - done, &left, diag);
		if (left.count > 0)
			*block = left;
		else
			memmove(block, block + 1,
			    --e->block_count * sizeof(*block));
		done = n;
	}
	return err;
}

/* What a dropped turn had signed never left: void, revoked, on record. */
static enum err
spoiled_parts(struct enrol *e, struct store_range parts[ENROL_BLOCKS_MAX],
    size_t *ret_count)
{
	uint64_t left = e->spoiled, count;
	size_t i;

	for (i = 0; left > 0; i++) {
		if (i == e->block_count)
			return ERR_INTERNAL;
		count = left < e->blocks[i].count ? left :
		    e->blocks[i].count;
		parts[i] = e->blocks[i];
		parts[i].count = (uint32_t)count;
		parts[i].state = RANGE_VOID;
		left -= count;
	}
	*ret_count = i;
	return ERR_OK;
}

static enum err
spoiled_carve(struct enrol *e, const struct store_range *parts, size_t count,
    struct diag *diag)
{
	_cleanup_buf_ struct buf frontier = BUF_INIT;
	struct operation_head head;
	size_t i;
	enum err err;

	err = operation_head(e->authority, &head, diag);
	for (i = 0; i < count && !err; i++)
		err = authority_void_leaves(&e->tree, e->sha256, &parts[i]);
	if (!err)
		err = authority_tree_put(e->authority, LOG_ONLINE_NUMBER,
		    &e->tree, &frontier, diag);
	if (!err)
		err = blocks_carve(e, &head, parts, count,
		    buf_bytes(&frontier), diag);
	return err ? err : operation_head_put(e->authority, &head, diag);
}

static enum err
spoiled_revoke(struct enrol *e, struct diag *diag)
{
	struct status_change change = { .action = STATUS_VOID,
	    .reason = CRL_CESSATION_OF_OPERATION, .log = LOG_ONLINE_NUMBER,
	    .first = e->spoiled_first, .count = e->spoiled };
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct status_count count = { 0 };
	struct operation operation;
	enum err err;

	cbor_put_array(&body, 3);
	cbor_put_uint(&body, LOG_ONLINE_NUMBER);
	cbor_put_array(&body, 1);
	cbor_put_array(&body, 2);
	cbor_put_uint(&body, change.first);
	cbor_put_uint(&body, change.count);
	cbor_put_uint(&body, change.reason);
	err = buf_err(&body);
	if (!err)
		err = operation_append(e->authority, OPERATION_VOID, e->now,
		    buf_bytes(&body), &operation, diag);
	if (err)
		return err;
	change.time = operation.time;
	change.operation = operation.seq;
	return status_apply(e->authority, &change, &count, diag);
}

static enum err
spoiled_void(struct enrol *e, struct diag *diag)
{
	struct store_range parts[ENROL_BLOCKS_MAX];
	size_t count = 0;
	enum err err;

	/* somebody made all that was reserved void meanwhile */
	if (e->spoiled > 0 && e->log.size != e->spoiled_first)
		e->spoiled = 0;
	if (e->spoiled == 0)
		return ERR_OK;
	err = spoiled_parts(e, parts, &count);
	if (!err)
		err = store_begin(e->authority->store, diag);
	if (err)
		return err;
	err = spoiled_carve(e, parts, count, diag);
	if (!err)
		err = spoiled_revoke(e, diag);
	if (!err)
		err = store_commit(e->authority->store, diag);
	if (err) {
		store_rollback(e->authority->store);
		return err;
	}
	e->spoiled = 0;
	e->moved = true;
	return log_read(e, diag);
}

/* Enough for a whole turn, durable and anchored. */
static enum err
blocks_ready(struct enrol *e, struct diag *diag)
{
	enum err err = ERR_OK;

	if (e->product_count > 0 && indices_left(e) < ENROL_TURN_MAX) {
		err = store_begin(e->authority->store, diag);
		if (err)
			return err;
		err = block_reserve(e, diag);
		if (!err)
			err = store_commit(e->authority->store, diag);
		if (err) {
			store_rollback(e->authority->store);
			return err;
		}
	}
	if (!e->anchor_due)
		return ERR_OK;
	err = anchor_update(e->authority, e->now, diag);
	if (err)
		return err;
	e->anchor_due = false;
	e->moved = false;
	e->anchored = e->now;
	return ERR_OK;
}

/* Identities on the front's word: counted when the turn is durable. */
static void
asserted_count(struct enrol *e, bool durable)
{
	struct enrol_product *product;
	size_t i;

	for (i = 0; i < e->product_count; i++) {
		product = e->products[i];
		product->asserted += durable ? product->asserted_turn : 0;
		product->asserted_turn = 0;
		product->foreign += durable ? product->foreign_turn : 0;
		product->foreign_turn = 0;
	}
}

static void
turn_clear(struct enrol *e)
{
	asserted_count(e, false);
	e->torn = false;
	e->taken = 0;
	e->event_count = 0;
	e->superseded.count = 0;
	e->changes = (struct row_sum){ .count = 0 };
	buf_clear(&e->leaves);
	buf_clear(&e->events);
}

enum err
enrol_turn_begin(struct enrol *e, int64_t now, struct diag *diag)
{
	enum err err;

	if (e->turn)
		return diag_fail(diag, ERR_STATE, NULL,
		    "enrolment: a turn is under way");
	/* somebody may set it while this runs, and what a wrong one dates, and
	 * tells devices, cannot be taken back */
	err = operation_clock(e->authority, now, diag);
	if (err)
		return err;
	e->now = now;
	turn_clear(e);
	err = enrol_load(e, diag);
	if (!err)
		err = log_read(e, diag);
	if (!err)
		err = spoiled_void(e, diag);
	if (!err)
		err = blocks_ready(e, diag);
	if (!err)
		err = store_begin(e->authority->store, diag);
	if (err)
		return err;
	e->turn = true;
	return ERR_OK;
}

void
enrol_turn_drop(struct enrol *e)
{
	if (!e->turn)
		return;
	store_rollback(e->authority->store);
	e->turn = false;
	e->spoiled_first = e->log.size;
	e->spoiled = e->taken;
	e->anchor_due = true;	/* a block may have gone with it */
	turn_clear(e);
}

bool
enrol_turn_whole(const struct enrol *e)
{
	return e->turn && !e->torn &&
	    store_writable(e->authority->store, NULL) == ERR_OK;
}

struct enrol_progress
enrol_progress(const struct enrol *e)
{
	return (struct enrol_progress){
		.changes = store_changes(e->authority->store),
		.taken = e->taken, .events = e->event_count,
		.superseded = e->superseded.count };
}

void
enrol_event(struct enrol *e, enum field_event what,
    const struct address *birth, bool has_index, uint64_t index)
{
	cbor_put_array(&e->events, 4);
	cbor_put_uint(&e->events, what);
	cbor_put_uint(&e->events, birth->log);
	cbor_put_uint(&e->events, birth->index);
	if (has_index)
		cbor_put_uint(&e->events, index);
	else
		cbor_put_null(&e->events);
	e->event_count++;
}

enum err
enrol_supersede(struct enrol *e, const struct address *birth, uint64_t index,
    struct diag *diag)
{
	enum err err;

	err = status_ranges_add(&e->superseded, LOG_ONLINE_NUMBER, index, 1,
	    diag);
	if (err)
		return err;
	enrol_event(e, FIELD_SUPERSEDED, birth, true, index);
	return ERR_OK;
}

enum err
enrol_outlive(struct enrol *e, const struct address *birth,
    struct diag *diag)
{
	const struct status_range *range = e->superseded.ranges;
	struct store_status row;
	enum status status;
	size_t i;
	enum err err;

	/* a manufacturer's device uses what it was born with here */
	if (birth->log == LOG_ONLINE_NUMBER)
		return ERR_OK;
	for (i = 0; i < e->superseded.count; i++, range++)
		if (range->log == birth->log && range->first == birth->index)
			return ERR_OK;	/* in this turn */
	err = status_get(e->authority, birth->log, birth->index, &status,
	    &row, diag);
	if (err || status == STATUS_REVOKED)
		return err;
	err = status_ranges_add(&e->superseded, birth->log, birth->index, 1,
	    diag);
	if (!err)
		enrol_event(e, FIELD_OUTLIVED, birth, false, 0);
	return err;
}

/* What became of whom is one entry, and it revokes what was superseded. */
static enum err
turn_record(struct enrol *e, struct diag *diag)
{
	struct status_change change = { .action = STATUS_REVOKE,
	    .reason = CRL_SUPERSEDED, .log = LOG_ONLINE_NUMBER };
	_cleanup_buf_ struct buf body = { .limit = OPERATION_SIZE_MAX };
	struct status_count count = { 0 };
	struct operation operation;
	enum err err;

	cbor_put_array(&body, 1);
	cbor_put_array(&body, e->event_count);
	err = buf_err(&e->events);
	buf_put_bytes(&body, buf_bytes(&e->events));
	if (!err)
		err = buf_err(&body);
	if (!err)
		err = operation_append(e->authority, OPERATION_FIELD, e->now,
		    buf_bytes(&body), &operation, diag);
	if (err || e->superseded.count == 0)
		return err;
	change.time = operation.time;
	change.operation = operation.seq;
	status_ranges_sort(&e->superseded, 0);
	return status_apply_all(e->authority, &change,
	    e->superseded.ranges, e->superseded.count, &count, diag);
}

/* The log grows by what was taken, head and sums with it. */
static enum err
turn_grow(struct enrol *e, struct diag *diag)
{
	_cleanup_buf_ struct buf frontier = BUF_INIT;
	struct operation_head head;
	enum err err;

	err = operation_head(e->authority, &head, diag);
	if (!err && e->taken > 0) {
		err = buf_err(&e->leaves);
		if (!err)
			err = merkle_append(&e->tree, e->sha256,
			    e->leaves.ptr, e->taken);
		if (!err)
			err = authority_tree_put(e->authority,
			    LOG_ONLINE_NUMBER, &e->tree, &frontier, diag);
		if (!err)
			err = blocks_carve(e, &head, e->parts, e->taken,
			    buf_bytes(&frontier), diag);
	}
	if (!err)
		err = operation_head_put(e->authority, &head, diag);
	return err ? err : rows_change(e->authority, &e->changes, diag);
}

bool
enrol_turn_changed(const struct enrol *e)
{
	return e->turn && (e->event_count > 0 || e->taken > 0);
}

enum err
enrol_turn_commit(struct enrol *e, struct diag *diag)
{
	enum err err;

	if (!e->turn)
		return diag_fail(diag, ERR_STATE, NULL,
		    "enrolment: no turn is under way");
	if (!enrol_turn_changed(e)) {
		enrol_turn_drop(e);
		e->anchor_due = false;
		return ERR_OK;
	}
	err = turn_grow(e, diag);
	if (!err)
		err = turn_record(e, diag);
	/* so that the next turn needs no transaction for it */
	if (!err && e->product_count > 0 && indices_left(e) < ENROL_TURN_MAX)
		err = block_reserve(e, diag);
	if (!err)
		err = store_commit(e->authority->store, diag);
	if (err) {
		enrol_turn_drop(e);
		return err;
	}
	asserted_count(e, true);
	e->turn = false;
	e->moved = true;
	return ERR_OK;
}

enum err
enrol_idle(struct enrol *e, int64_t now, struct diag *diag)
{
	enum err err;

	if (e->turn || (!e->moved && !e->anchor_due) ||
	    (!e->anchor_due && now >= e->anchored &&
	    now - e->anchored < ENROL_ANCHOR_S))
		return ERR_OK;
	err = anchor_update(e->authority, now, diag);
	if (err)
		return err;
	e->anchor_due = false;
	e->moved = false;
	e->anchored = now;
	return ERR_OK;
}

/* In the caller's transaction. */
static enum err
blocks_forget(struct enrol *e, struct diag *diag)
{
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < e->block_count && !err; i++)
		err = rows_range_take(e->authority, &e->blocks[i], diag);
	if (!err)
		err = store_range_release(e->authority->store,
		    LOG_ONLINE_NUMBER, diag);
	return err ? err : indices_record(e, OPERATION_RELEASE, e->log.size,
	    indices_left(e), diag);
}

static enum err
blocks_release(struct enrol *e, struct diag *diag)
{
	enum err err;

	err = store_begin(e->authority->store, diag);
	if (err)
		return err;
	err = blocks_forget(e, diag);
	if (!err)
		err = store_commit(e->authority->store, diag);
	if (err) {
		store_rollback(e->authority->store);
		return err;
	}
	e->block_count = 0;
	e->moved = true;
	return ERR_OK;
}

/* Reserved, but not anchored: nothing was signed, and who tries again and
 * again voids none. Failing that, they become void. */
static void
unready_release(struct enrol *e)
{
	if (!store_broken(e->authority->store) &&
	    log_read(e, NULL) == ERR_OK && e->block_count > 0)
		(void)(blocks_release(e, NULL) == ERR_OK);
}

enum err
enrol_end(struct enrol *e, int64_t now, struct diag *diag)
{
	enum err err;

	if (e->turn)
		return diag_fail(diag, ERR_STATE, NULL,
		    "enrolment: a turn is under way");
	e->now = now;
	err = log_read(e, diag);
	/* what a dropped turn had signed is not given back */
	if (!err)
		err = spoiled_void(e, diag);
	if (!err && e->block_count > 0)
		err = blocks_release(e, diag);
	e->anchor_due = e->anchor_due || e->moved;
	return err ? err : enrol_idle(e, now, diag);
}

void
enrol_close(struct enrol **enrol)
{
	struct enrol *e = *enrol;

	if (e == NULL)
		return;
	enrol_turn_drop(e);
	e->authority->enrolling = false;
	enrol_unload(e);
	lookup_free(&e->lookup);
	lookup_free(&e->again);
	sha256_free(&e->sha256);
	buf_release(&e->leaves);
	buf_release(&e->events);
	status_ranges_release(&e->superseded);
	free(e);
	*enrol = NULL;
}

enum err
enrol_open(struct authority *authority, int64_t now,
    struct enrol **ret_enrol, struct diag *diag)
{
	_cleanup_enrol_ struct enrol *e = NULL;
	enum err err;

	err = authority_need_keys(authority, diag);
	if (!err && (authority->mode != AUTHORITY_WRITE ||
	    authority->enrolling))
		err = diag_fail(diag, ERR_STATE, NULL,
		    "enrolment: the ecosystem is not open for writing, or "
		    "enrols already");
	/* before it is ours: what another one had reserved */
	if (!err)
		err = authority_void_reserved(authority, LOG_ONLINE_NUMBER,
		    now, diag);
	if (!err)
		err = rows_check_ranges(authority, diag);
	if (!err)
		err = rows_check_tables(authority, diag);
	if (!err)
		err = status_check(authority, diag);
	if (err)
		return err;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return diag_nomem(diag);
	e->authority = authority;
	e->now = now;
	e->anchored = now;
	e->leaves.limit = e->events.limit = BUF_LIMIT_DEFAULT;
	authority->enrolling = true;
	err = sha256_new(&e->sha256, diag);
	if (!err)
		err = lookup_new(authority, &e->lookup, diag);
	if (!err)
		err = lookup_new(authority, &e->again, diag);
	if (!err)
		err = enrol_load(e, diag);
	if (!err)
		err = log_read(e, diag);
	if (!err) {
		err = blocks_ready(e, diag);
		if (err)
			unready_release(e);
	}
	if (err)
		return err;
	*ret_enrol = e;
	e = NULL;	/* transferred */
	return ERR_OK;
}
