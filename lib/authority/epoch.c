/* A new epoch: the way on when the newest registry is lost. See anchor.h. */
#include "lib/authority/anchor.h"
#include "lib/authority/names_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/pipeline.h"
#include "lib/authority/request_internal.h"
#include "lib/authority/status.h"
#include "lib/base/cbor_write.h"
#include "lib/crypto/random.h"

#define WORDS_MAX	200
#define SKIP_MAX	(UINT64_C(1) << 32)
/* What a run may have reserved and signed beyond the last anchor. */
#define MARGIN		((uint64_t)(PIPELINE_WORKERS_MAX + PIPELINE_AHEAD) * \
			CHUNK_SIZE)

struct lost {
	uint32_t	log;
	uint64_t	first, count;	/* seen by the anchor, gone from here */
};

struct epoch {
	struct authority	*authority;
	const struct anchor	*anchor;	/* NULL: none */
	uint64_t		 skip;
	int64_t			 now;
	struct lost		 lost[ANCHOR_LOGS_MAX];
	size_t			 lost_count;
	struct diag		*diag;
};

/* Indices that nobody may use: reserved here, void at the end. */
static enum err
skip_reserve(struct epoch *e, uint32_t log, uint64_t count)
{
	struct store_range range = { .log = log, .epoch = EPOCH_FIRST,
	    .issued = e->now };
	enum err err;

	err = random_bytes(range.seed, RANGE_SEED_SIZE, e->diag);
	while (!err && count > 0) {
		range.count = count > UINT32_MAX ? UINT32_MAX :
		    (uint32_t)count;
		count -= range.count;
		err = store_range_reserve(e->authority->store, &range,
		    e->diag);
		if (!err)
			err = rows_range_add(e->authority, &range, e->diag);
	}
	return err;
}

static enum err
log_skip(void *ctx, const struct store_log *log)
{
	const struct anchor_log *seen = NULL;
	struct epoch *e = ctx;
	uint64_t gap = 0;
	enum err err = ERR_OK;

	if (log->log == LOG_OPERATIONS_NUMBER)
		return ERR_OK;
	if (e->anchor != NULL)
		seen = anchor_log(e->anchor, log->name);
	if (seen != NULL && seen->size > log->reserved)
		gap = seen->size - log->reserved;
	if (gap > 0) {
		e->lost[e->lost_count++] = (struct lost){ log->log,
		    log->reserved, gap };
		/* before the range, which is summed with what it took */
		err = names_burn(e->authority, log->log, log->reserved, gap,
		    e->diag);
		if (!err)
			err = skip_reserve(e, log->log, gap);
	}
	return err ? err : skip_reserve(e, log->log, MARGIN + e->skip);
}

static enum err
lost_suspend(struct epoch *e, const struct operation *operation)
{
	struct status_change change = { .action = STATUS_SUSPEND,
	    .reason = CRL_CERTIFICATE_HOLD, .time = operation->time,
	    .operation = operation->seq };
	struct status_count count = { 0 };
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < e->lost_count && !err; i++) {
		change.log = e->lost[i].log;
		change.first = e->lost[i].first;
		change.count = e->lost[i].count;
		err = status_apply(e->authority, &change, &count, e->diag);
	}
	return err;
}

/* The entry that says so, and the head's new number. */
static enum err
epoch_record(struct epoch *e, struct bytes note, uint32_t *ret_epoch)
{
	_cleanup_buf_ struct buf body = { .limit = OPERATION_SIZE_MAX };
	struct operation_head head;
	struct operation operation;
	uint32_t number;
	size_t i;
	enum err err;

	err = operation_head(e->authority, &head, e->diag);
	if (err)
		return err;
	number = head.epoch;
	if (e->anchor != NULL && e->anchor->epoch > number)
		number = e->anchor->epoch;
	number++;
	cbor_put_array(&body, 3);
	cbor_put_uint(&body, number);
	cbor_put_bstr(&body, note);
	cbor_put_array(&body, e->lost_count);
	for (i = 0; i < e->lost_count; i++) {
		cbor_put_array(&body, 3);
		cbor_put_uint(&body, e->lost[i].log);
		cbor_put_uint(&body, e->lost[i].first);
		cbor_put_uint(&body, e->lost[i].count);
	}
	err = buf_err(&body);
	if (!err)
		err = operation_append(e->authority, OPERATION_EPOCH, e->now,
		    buf_bytes(&body), &operation, e->diag);
	if (!err)
		err = operation_head(e->authority, &head, e->diag);
	head.epoch = number;
	if (!err)
		err = operation_head_put(e->authority, &head, e->diag);
	if (!err)
		err = lost_suspend(e, &operation);
	if (!err)
		*ret_epoch = head.epoch;
	return err;
}

/* What was seen last: as it was given, or the anchor's file. */
static enum err
anchor_take(struct epoch *e, struct bytes given, struct anchor *ret_anchor,
    struct buf *note)
{
	struct authority *authority = e->authority;
	struct anchor_place place;
	enum err err;

	err = anchor_place(authority, &place, e->diag);
	if (err)
		return err;
	if (given.len > 0) {
		buf_put_bytes(note, given);
		err = anchor_parse(authority, given, "given", ret_anchor,
		    e->diag);
	} else if (place.kind == ANCHOR_FILE) {
		err = io_read_file(authority->io, place.path, note, e->diag);
		if (!err)
			err = anchor_parse(authority, buf_bytes(note),
			    place.path, ret_anchor, e->diag);
	} else if (e->skip > 0) {
		return ERR_OK;
	} else {
		err = diag_fail(e->diag, ERR_INVALID, NULL,
		    "epoch: how far the lost registry was is not known");
		diag_hint(e->diag, "give the anchor that your program kept "
		    "with --anchor FILE, or more than was ever issued since "
		    "with --skip N");
	}
	if (!err)
		err = buf_err(note);
	if (!err)
		e->anchor = ret_anchor;
	return err;
}

enum err
request_put_epoch(struct buf *out, const char *words, struct bytes note,
    uint64_t skip)
{
	cbor_put_array(out, 3);
	cbor_put_text(out, words);
	cbor_put_bstr(out, note);
	cbor_put_uint(out, skip);
	return buf_err(out);
}

/*
 * The ranges of a run that died are reserved still: they and what is skipped
 * become void together, after the record of the epoch.
 */
enum err
request_epoch(struct authority *authority, const struct request *request,
    int64_t now, struct buf *result, struct diag *diag)
{
	_cleanup_buf_ struct buf note = { .limit = ANCHOR_FILE_MAX };
	struct epoch e = { .authority = authority, .now = now,
	    .diag = diag };
	struct bytes words, given;
	struct anchor anchor;
	struct cbor cbor;
	uint32_t number = 0;
	enum err err;

	cbor_open(&cbor, request->body);
	cbor_get_array_sized(&cbor, 3);
	words = cbor_get_tstr(&cbor);
	given = cbor_get_bstr(&cbor);
	e.skip = cbor_get_uint(&cbor);
	if (!cbor_close(&cbor) || words.len == 0 || words.len > WORDS_MAX ||
	    e.skip > SKIP_MAX)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "epoch request: it says why, in 1 to %d octets, and skips "
		    "at most %llu", WORDS_MAX, (unsigned long long)SKIP_MAX);
	err = anchor_take(&e, given, &anchor, &note);
	if (!err)
		err = rows_check_ranges(authority, diag);
	if (!err)
		err = store_log_each(authority->store, log_skip, &e, diag);
	if (!err)
		err = epoch_record(&e, buf_bytes(&note), &number);
	if (!err)
		err = authority_void_within(authority, LOG_BULK_NUMBER, now,
		    diag);
	if (!err)
		err = authority_void_within(authority, LOG_ONLINE_NUMBER, now,
		    diag);
	cbor_put_uint(result, number);
	return err;
}
