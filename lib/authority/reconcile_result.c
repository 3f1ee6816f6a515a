/* What a reconciliation is asked for and answers; its request, its lines. */
#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/field.h"
#include "lib/authority/operation.h"
#include "lib/authority/reconcile.h"
#include "lib/authority/request_status.h"
#include "lib/base/cbor_write.h"

enum err
request_put_reconcile(struct buf *out, uint32_t order,
    const struct report *report)
{
	cbor_put_array(out, 5);
	cbor_put_uint(out, order);
	cbor_put_bstr(out, bytes_of(report->station, COSE_KID_SIZE));
	cbor_put_uint(out, report->sequence);
	cbor_put_bool(out, report->final);
	cbor_put_bstr(out, bytes_of(report->hash, SHA256_SIZE));
	return buf_err(out);
}

void
reconcile_result_release(struct reconcile_result *result)
{
	size_t i;

	for (i = 0; i < RECONCILE_REASONS; i++) {
		status_ranges_release(&result->revoked[i].list);
		status_ranges_release(&result->revoked[i].enrolled);
	}
	*result = (struct reconcile_result){ .reasons = 0 };
}

static size_t
runs_of(const struct reconcile_result *result)
{
	size_t i, all = 0;

	for (i = 0; i < result->reasons; i++)
		all += result->revoked[i].list.count +
		    result->revoked[i].enrolled.count;
	return all;
}

static enum err
too_many(const struct reconcile_result *result, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_LIMIT, NULL, "more than %d runs of "
	    "identities to be revoked at once", RECONCILE_RANGES_MAX);
	if (result->hint != NULL)
		diag_hint(diag, "%s", result->hint);
	return err;
}

static enum err
revoked_for(struct reconcile_result *result, unsigned reason,
    struct reconcile_revoked **ret_revoked)
{
	struct reconcile_revoked *r = result->revoked;
	size_t i;

	for (i = 0; i < result->reasons && r->reason != reason; i++)
		r++;
	if (i == RECONCILE_REASONS)
		return ERR_INTERNAL;
	if (i == result->reasons) {
		result->reasons++;
		r->reason = reason;
	}
	*ret_revoked = r;
	return ERR_OK;
}

enum err
reconcile_revoke_add(struct reconcile_result *result, unsigned reason,
    uint32_t log, uint64_t first, uint64_t count, struct diag *diag)
{
	struct reconcile_revoked *r = NULL;
	enum err err;

	err = revoked_for(result, reason, &r);
	if (err)
		return err;
	if (runs_of(result) >= RECONCILE_RANGES_MAX &&
	    !status_ranges_follows(&r->list, log, first))
		return too_many(result, diag);
	return status_ranges_extend(&r->list, log, first, count, diag);
}

enum err
reconcile_revoke_births(struct reconcile_result *result,
    struct authority *authority, unsigned reason,
    const struct status_range *births, bool all, struct diag *diag)
{
	uint64_t first = births->first, end = first + births->count, next;
	struct reconcile_revoked *r = NULL;
	struct store_status row;
	enum status status;
	enum err err;

	err = revoked_for(result, reason, &r);
	if (!err)
		err = field_enrolled(authority, births, &r->enrolled, diag);
	if (!err && runs_of(result) > RECONCILE_RANGES_MAX)
		err = too_many(result, diag);
	for (; first < end && !err; first = next) {
		next = end;
		status = STATUS_VALID;
		if (!all)
			err = status_get(authority, births->log, first,
			    &status, &row, diag);
		if (!err && status == STATUS_REVOKED)
			next = row.first + row.count;
		else if (!err)
			err = reconcile_revoke_add(result, reason,
			    births->log, first, end - first, diag);
	}
	return err;
}

static enum err
enrolled_join(struct reconcile_result *result, struct reconcile_revoked *r,
    struct diag *diag)
{
	_cleanup_status_ranges_ struct status_ranges enrolled = r->enrolled;
	const struct status_range *range = enrolled.ranges;
	size_t i;
	enum err err = ERR_OK;

	r->enrolled = (struct status_ranges){ .count = 0 };
	status_ranges_sort(&enrolled, 0);
	for (i = 0; i < enrolled.count && !err; i++, range++)
		err = reconcile_revoke_add(result, r->reason, range->log,
		    range->first, range->count, diag);
	status_ranges_sort(&r->list, 0);
	return err;
}

enum err
reconcile_result_apply(struct reconcile_result *result,
    struct authority *authority, int64_t now, struct diag *diag)
{
	struct status_change change = { .action = STATUS_REVOKE };
	struct status_count count = { 0 };
	struct operation operation;
	struct reconcile_revoked *r;
	size_t i;
	enum err err;

	err = operation_next(authority, now, &operation, diag);
	change.time = operation.time;
	change.operation = operation.seq;
	for (i = 0; i < result->reasons && !err; i++) {
		r = &result->revoked[i];
		change.reason = r->reason;
		err = enrolled_join(result, r, diag);
		if (!err)
			err = status_apply_all(authority, &change,
			    r->list.ranges, r->list.count, &count, diag);
	}
	return err;
}

void
reconcile_result_put(struct buf *out, const struct reconcile_result *result)
{
	size_t i;

	cbor_put_array(out, 2);
	cbor_put_uint(out, result->outcome);
	cbor_put_array(out, result->reasons);
	for (i = 0; i < result->reasons; i++) {
		cbor_put_array(out, 2);
		cbor_put_uint(out, result->revoked[i].reason);
		status_ranges_put(out, result->revoked[i].list.ranges,
		    result->revoked[i].list.count);
	}
}

enum err
reconcile_result_get(struct bytes encoded,
    struct reconcile_result *ret_result, struct diag *diag)
{
	struct reconcile_revoked *r;
	struct cbor cbor;
	uint64_t reason;
	size_t i, reasons;
	enum err err = ERR_OK;

	cbor_open(&cbor, encoded);
	cbor_get_array_sized(&cbor, 2);
	ret_result->outcome = (enum reconcile_outcome)cbor_get_uint(&cbor);
	reasons = cbor_get_array(&cbor);
	if (reasons > RECONCILE_REASONS)
		cbor_fail(&cbor, "too many reasons");
	for (i = 0; i < reasons && cbor_ok(&cbor) && !err; i++) {
		r = &ret_result->revoked[i];
		cbor_get_array_sized(&cbor, 2);
		reason = cbor_get_uint(&cbor);
		if (!status_reason_fits(STATUS_REVOKE, reason))
			cbor_fail(&cbor, "no reason to revoke");
		r->reason = (unsigned)reason;
		err = status_ranges_get(&cbor, &r->list.ranges, &r->list.count,
		    diag);
		r->list.cap = r->list.count;
		ret_result->reasons = i + 1;
	}
	if (!err && !cbor_close(&cbor))
		err = diag_fail(diag, ERR_SYNTAX, NULL,
		    "reconciliation: its result is none: %s", cbor.error);
	return err;
}

enum err
reconcile_line(struct authority *authority, uint32_t order, uint32_t no,
    struct reconcile_line *ret_line, struct diag *diag)
{
	struct reconcile_line line = { .no = no };
	struct order_record record;
	struct store_pack pack;
	size_t i;
	enum err err;

	err = order_record_get(authority, order, &record, diag);
	if (!err && (no == 0 || no > record.pack_count))
		err = ERR_NOTFOUND;
	if (!err)
		err = store_pack_get(authority->store, order, no, &pack,
		    diag);
	if (err)
		return err;
	line.count = record.packs[no - 1].count;
	line.complete = pack.complete;
	memcpy(line.station, record.packs[no - 1].station,
	    sizeof(line.station));
	err = reported_get(authority, order, record.packs[no - 1].kid,
	    &line.reported, diag);
	if (err == ERR_NOTFOUND)
		err = ERR_OK;
	if (!err && !line.reported.final)
		err = station_is_lost(authority, line.station, &line.ended,
		    diag);
	if (err)
		return err;
	line.ended = line.ended || line.reported.final;
	for (i = 0; i < line.reported.pack_count; i++)
		if (line.reported.packs[i].no == no)
			line.figures = line.reported.packs[i];
	*ret_line = line;
	return ERR_OK;
}
