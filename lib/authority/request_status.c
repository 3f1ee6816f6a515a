/* The request that revokes, suspends and resumes. */
#include "lib/authority/request_status.h"

#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/chosen.h"
#include "lib/authority/field.h"
#include "lib/authority/operation.h"
#include "lib/authority/request_internal.h"
#include "lib/base/cbor_write.h"

void
status_ranges_put(struct buf *out, const struct status_range *ranges,
    size_t count)
{
	size_t i;

	cbor_put_array(out, count);
	for (i = 0; i < count; i++) {
		cbor_put_array(out, 3);
		cbor_put_uint(out, ranges[i].log);
		cbor_put_uint(out, ranges[i].first);
		cbor_put_uint(out, ranges[i].count);
	}
}

enum err
request_put_status(struct buf *out, enum status_action action,
    unsigned reason, const struct status_range *ranges, size_t count,
    const char *words)
{
	cbor_put_array(out, 4);
	cbor_put_uint(out, action);
	cbor_put_uint(out, reason);
	status_ranges_put(out, ranges, count);
	cbor_put_text(out, words);
	return buf_err(out);
}

void
status_request_release(struct status_request *request)
{
	free(request->ranges);
	request->ranges = NULL;
	request->count = 0;
}

static bool
range_follows(const struct status_range *last,
    const struct status_range *range)
{
	return range->log > last->log || (range->log == last->log &&
	    range->first >= last->first + last->count);
}

void
status_range_get(struct cbor *cbor, struct status_range *range)
{
	uint64_t log = cbor_get_uint(cbor);

	range->first = cbor_get_uint(cbor);
	range->count = cbor_get_uint(cbor);
	range->log = (uint32_t)log;
	if (log > UINT32_MAX || range->count == 0 ||
	    range->first > INDEX_MAX ||
	    range->count > INDEX_MAX + 1 - range->first)
		cbor_fail(cbor, "a range of identities that cannot be");
}

/* Sorted, none empty, none over another. */
static void
range_get(struct cbor *cbor, const struct status_range *last,
    struct status_range *range)
{
	cbor_get_array_sized(cbor, 3);
	status_range_get(cbor, range);
	if (last != NULL && !range_follows(last, range))
		cbor_fail(cbor, "ranges that are not sorted, or overlap");
}

enum err
status_ranges_get(struct cbor *cbor, struct status_range **ret_ranges,
    size_t *ret_count, struct diag *diag)
{
	struct status_range *ranges;
	size_t count, i;

	count = cbor_get_array(cbor);
	/* one of them takes 4 octets at least */
	if (!cbor_ok(cbor) || count > cbor->len / 4) {
		cbor_fail(cbor, "no list of ranges");
		return ERR_OK;
	}
	ranges = calloc(count + 1, sizeof(*ranges));
	if (ranges == NULL)
		return diag_nomem(diag);
	for (i = 0; i < count && cbor_ok(cbor); i++)
		range_get(cbor, i > 0 ? &ranges[i - 1] : NULL, &ranges[i]);
	*ret_ranges = ranges;
	*ret_count = count;
	return ERR_OK;
}

enum err
status_request_parse(struct bytes body, struct status_request *ret_request,
    struct diag *diag)
{
	struct status_request request = { 0 };
	uint64_t action, reason;
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 4);
	action = cbor_get_uint(&cbor);
	reason = cbor_get_uint(&cbor);
	err = status_ranges_get(&cbor, &request.ranges, &request.count,
	    diag);
	request.words = cbor_get_tstr(&cbor);
	if (!err && !cbor_close(&cbor))
		err = diag_fail(diag, ERR_SYNTAX, NULL, "status request: %s",
		    cbor.error);
	else if (!err && (action < STATUS_REVOKE || action > STATUS_RESUME ||
	    request.count == 0 || request.count > STATUS_RANGES_MAX ||
	    request.words.len > STATUS_WORDS_MAX))
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "status request: action %llu over %zu ranges, %zu octets "
		    "of words: it revokes (1), suspends (2) or resumes (3) 1 "
		    "to %d ranges, with at most %d octets",
		    (unsigned long long)action, request.count,
		    request.words.len, STATUS_RANGES_MAX, STATUS_WORDS_MAX);
	else if (!err && !status_reason_fits((enum status_action)action,
	    reason))
		err = diag_fail(diag, ERR_INVALID, "RFC 5280 5.3.1",
		    "status request: reason %llu is none for this",
		    (unsigned long long)reason);
	if (err) {
		status_request_release(&request);
		return err;
	}
	request.change.action = (enum status_action)action;
	request.change.reason = (unsigned)reason;
	*ret_request = request;
	return ERR_OK;
}

/* What is reserved and not committed is nobody's identity yet: its run makes
 * it void, or is about to commit it. */
enum err
status_ranges_committed(struct authority *authority,
    const struct status_range *ranges, size_t count, struct diag *diag)
{
	const struct status_range *range;
	struct store_log log = { 0 };
	size_t i;
	enum err err;

	for (i = 0; i < count; i++) {
		range = &ranges[i];
		if (i == 0 || range->log != log.log) {
			err = store_log_get(authority->store, range->log,
			    &log, NULL, NULL, diag);
			if (err)
				return err;
		}
		if (log.log != LOG_OPERATIONS_NUMBER &&
		    range->first + range->count <= log.size)
			continue;
		return diag_fail(diag, ERR_INVALID, NULL,
		    "status: %s/%llu to %llu: not issued, the log ends before "
		    "%llu",
		    log.name, (unsigned long long)range->first,
		    (unsigned long long)(range->first + range->count - 1),
		    (unsigned long long)log.size);
	}
	return ERR_OK;
}

/* What it comes to: its ranges, and whatever has the place of births in them.
 * ret_more: that is more. */
static enum err
ranges_all(struct authority *authority, const struct status_request *asked,
    struct status_ranges *list, bool *ret_more, struct diag *diag)
{
	uint64_t named = 0;
	size_t i;
	enum err err = ERR_OK;

	list->max = CHOSEN_RANGES_MAX;
	for (i = 0; i < asked->count && !err; i++) {
		named += asked->ranges[i].count;
		err = status_ranges_add(list, asked->ranges[i].log,
		    asked->ranges[i].first, asked->ranges[i].count, diag);
	}
	if (!err)
		err = field_outlived(authority, list,
		    asked->change.action == STATUS_RESUME, diag);
	if (err)
		return err;
	*ret_more = status_ranges_merge(list) != named;
	return status_ranges_check(list, diag);
}

enum err
request_status(struct authority *authority, const struct request *request,
    int64_t now, struct buf *result, struct diag *diag)
{
	_cleanup_status_request_ struct status_request asked = { 0 };
	_cleanup_status_ranges_ struct status_ranges list = { .count = 0 };
	struct status_count count = { 0 };
	struct operation operation;
	bool more = false;
	enum err err;

	err = status_request_parse(request->body, &asked, diag);
	if (!err)
		err = status_ranges_committed(authority, asked.ranges,
		    asked.count, diag);
	if (!err)
		err = ranges_all(authority, &asked, &list, &more, diag);
	if (!err)
		err = operation_next(authority, now, &operation, diag);
	if (err)
		return err;
	asked.change.time = operation.time;
	asked.change.operation = operation.seq;
	err = status_apply_all(authority, &asked.change, list.ranges,
	    list.count, &count, diag);
	cbor_put_array(result, more ? 4 : 3);
	cbor_put_uint(result, count.changed);
	cbor_put_uint(result, count.same);
	cbor_put_uint(result, count.kept);
	if (more)
		status_ranges_put(result, list.ranges, list.count);
	return err;
}
