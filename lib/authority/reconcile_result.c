/* What a reconciliation is asked for and answers; its request, its lines. */
#include <stdlib.h>

#include "lib/authority/authority_internal.h"
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

	for (i = 0; i < RECONCILE_REASONS; i++)
		status_ranges_release(&result->revoked[i].list);
	*result = (struct reconcile_result){ .reasons = 0 };
}

static enum err
too_many(struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_LIMIT, NULL, "report: more than %d runs of "
	    "identities to be revoked at once", RECONCILE_RANGES_MAX);
	diag_hint(diag, "load reports more often, or revoke some of them "
	    "first with 'imprint revoke --from FILE'");
	return err;
}

enum err
reconcile_revoke_add(struct reconcile_result *result, unsigned reason,
    uint32_t log, uint64_t first, uint64_t count, struct diag *diag)
{
	struct reconcile_revoked *r = result->revoked;
	size_t i, all = 0;

	for (i = 0; i < result->reasons && r->reason != reason; i++)
		r++;
	if (i == RECONCILE_REASONS)
		return ERR_INTERNAL;
	if (i == result->reasons) {
		result->reasons++;
		r->reason = reason;
	}
	for (i = 0; i < result->reasons; i++)
		all += result->revoked[i].list.count;
	if (all >= RECONCILE_RANGES_MAX &&
	    !status_ranges_follows(&r->list, log, first))
		return too_many(diag);
	return status_ranges_extend(&r->list, log, first, count, diag);
}

void
reconcile_result_sort(struct reconcile_result *result)
{
	struct reconcile_revoked *r = result->revoked;
	size_t i;

	for (i = 0; i < result->reasons; i++, r++)
		status_ranges_sort(&r->list, 0);
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
