#include "lib/authority/reconcile.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/acknowledge.h"
#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/reconcile_internal.h"
#include "lib/authority/request_internal.h"
#include "lib/base/cbor_write.h"

/* A range of the order, and which positions of its pack it holds. */
struct place {
	struct store_range	range;
	uint64_t		start;
	uint32_t		pack;		/* in the report */
};

struct load {
	struct authority	*authority;
	const struct request	*request;
	struct order_record	 order;
	struct store_order	 row;
	struct report		 report;
	struct station_statement station;
	struct reported		 old, now;	/* old.sequence 0: none */
	struct template		*template;
	unsigned		 evidence;	/* that the product asks for */
	struct keys		 keys;
	struct row_sum		 rows;		/* what changes of them */
	struct lookup		*lookup;
	struct place		*places;	/* by pack and position */
	size_t			 place_count, place_cap;
	uint32_t		 nos[REPORT_PACKS_MAX];	/* of its packs */
	/* the place at hand */
	size_t			 at;
	struct buf		 items;
	size_t			 item_count;
	struct report_record	*was;		/* of the last report */
	struct associations	 before;
	uint8_t			*states;	/* enum report_state */
	struct reconcile_result	 result;
	struct diag		*diag;
};

static void
load_release(struct load *l)
{
	template_free(&l->template);
	keys_release(&l->keys);
	lookup_free(&l->lookup);
	free(l->places);
	buf_release(&l->items);
	associations_release(&l->before);
	free(l->states);
	reconcile_result_release(&l->result);
}

static enum err
refuse(struct load *l, enum err code, const char *what, const char *hint)
{
	enum err err;

	err = diag_fail(l->diag, code, NULL, "order %u, report %ju of station "
	    "%s: %s", l->order.number, (uintmax_t)l->report.sequence,
	    l->station.name[0] != '\0' ? l->station.name : "?", what);
	if (hint != NULL)
		diag_hint(l->diag, "%s", hint);
	return err;
}

/* What the request says must be what the file is. */
static enum err
body_check(struct load *l, uint32_t *ret_order)
{
	struct bytes station, hash;
	uint64_t order, sequence;
	struct cbor cbor;
	bool final;

	cbor_open(&cbor, l->request->body);
	cbor_get_array_sized(&cbor, 5);
	order = cbor_get_uint(&cbor);
	station = cbor_get_bstr_sized(&cbor, COSE_KID_SIZE);
	sequence = cbor_get_uint(&cbor);
	final = cbor_get_bool(&cbor);
	hash = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	if (!cbor_close(&cbor) || order > UINT32_MAX)
		return diag_fail(l->diag, ERR_SYNTAX, NULL,
		    "reconcile request: %s", cbor.error != NULL ?
		    cbor.error : "no order");
	if (l->request->files.file == NULL)
		return diag_fail(l->diag, ERR_INVALID, NULL,
		    "reconcile request: came without its report");
	*ret_order = (uint32_t)order;
	if (sequence == l->report.sequence && final == l->report.final &&
	    memcmp(station.ptr, l->report.station, COSE_KID_SIZE) == 0 &&
	    memcmp(hash.ptr, l->report.hash, SHA256_SIZE) == 0)
		return ERR_OK;
	return diag_fail(l->diag, ERR_AUTH, NULL,
	    "report: is not the one that the request was signed for");
}

/* Whose is it? The packs' key says, and with it the key that must sign. */
static enum err
station_find(struct load *l)
{
	const struct order_record_pack *pack = NULL;
	uint32_t i;

	if (memcmp(l->report.order, l->order.id, STORE_ID_SIZE) != 0)
		return refuse(l, ERR_CONFLICT, "is of another order", NULL);
	for (i = 0; i < l->order.pack_count; i++)
		if (memcmp(l->order.packs[i].kid, l->report.station,
		    COSE_KID_SIZE) == 0)
			pack = &l->order.packs[i];
	if (pack == NULL)
		return refuse(l, ERR_CONFLICT, "comes from a station that "
		    "none of its packs was sealed to", NULL);
	return station_statement_get(l->authority, pack->station,
	    l->report.station, &l->station, l->diag);
}

static enum err
sequence_check(struct load *l, bool *ret_before)
{
	enum err err;

	*ret_before = false;
	err = reported_get(l->authority, l->order.number, l->report.station,
	    &l->old, l->diag);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	if (l->old.sequence == l->report.sequence &&
	    l->old.final == l->report.final &&
	    memcmp(l->old.hash, l->report.hash, SHA256_SIZE) == 0) {
		*ret_before = true;
		return ERR_OK;
	}
	if (l->old.final)
		return refuse(l, ERR_STATE, "comes after the final one, "
		    "which was loaded", "a station that goes on with a closed "
		    "order was put back to an earlier state");
	if (l->old.sequence >= l->report.sequence)
		return refuse(l, ERR_STATE, l->old.sequence ==
		    l->report.sequence ? "another one of that number was "
		    "loaded" : "a newer one was loaded",
		    "nothing was changed: load the newest report; two of one "
		    "number tell of a station that was put back or copied");
	return ERR_OK;
}

/* A ledger only grows, and each report is an entry of it: of no order was
 * more told. */
static enum err
ledger_check(struct load *l)
{
	char text[128];
	struct reported other;
	enum err err;

	err = reported_beyond(l->authority, l->station.name, &l->report,
	    &other, l->diag);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	(void)snprintf(text, sizeof(text), "its ledger is shorter than report "
	    "%ju of order %u told, or another", (uintmax_t)other.sequence,
	    other.order);
	return refuse(l, ERR_CONFLICT, text, "if this is an older report, make "
	    "a new one: 'imprint-station report'. If the new one is refused, "
	    "the station's ledger was put back: 'imprint station lost'");
}

/* Was its ledger put back since the authority last heard of it? */
static enum err
anchor_check(struct load *l)
{
	struct acknowledge_basis basis;
	enum err err;

	err = acknowledge_report_check(l->authority, &l->station.signing,
	    &l->report, &basis, l->diag);
	if (err)
		return err;
	if (basis.wrong != NULL)
		return refuse(l, ERR_CONFLICT, basis.wrong, "sync first: "
		    "'imprint-station sync --out F', 'imprint station "
		    "acknowledge F --out A', 'imprint-station sync A', and "
		    "report again. A station that refuses A was put back: "
		    "'imprint station lost'");
	l->now.anchor_entries = basis.entries;
	l->now.acknowledged = basis.acknowledged;
	return ERR_OK;
}

static enum err
place_add(void *ctx, const struct store_range *range)
{
	struct load *l = ctx;
	struct place *more;
	uint32_t i;

	for (i = 0; i < l->report.pack_count; i++)
		if (l->nos[i] == range->pack)
			break;
	if (l->place_count == l->place_cap) {
		l->place_cap = l->place_cap * 2 + 64;
		more = reallocarray(l->places, l->place_cap, sizeof(*more));
		if (more == NULL)
			return diag_nomem(l->diag);
		l->places = more;
	}
	l->places[l->place_count++] = (struct place){ .range = *range,
	    .pack = i };
	return ERR_OK;
}

/* Those of no pack of the report come last. */
static int
place_compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	if (x->range.pack != y->range.pack)
		return x->range.pack < y->range.pack ? -1 : 1;
	return x->range.chunk < y->range.chunk ? -1 :
	    x->range.chunk > y->range.chunk;
}

static enum err
places_make(struct load *l)
{
	uint64_t next = 0;
	size_t i;
	enum err err;

	err = store_range_each(l->authority->store, l->order.log,
	    l->order.number, RANGE_COMMITTED, place_add, l, l->diag);
	if (err)
		return err;
	if (l->place_count > 0)
		qsort(l->places, l->place_count, sizeof(*l->places),
		    place_compare);
	for (i = 0; i < l->place_count; i++) {
		if (i == 0 || l->places[i].range.pack !=
		    l->places[i - 1].range.pack)
			next = 0;
		l->places[i].start = next;
		next += l->places[i].range.count;
	}
	return ERR_OK;
}

/* What it had, it has. */
static enum err
packs_stay(struct load *l)
{
	size_t i, k;

	for (i = 0; i < l->old.pack_count; i++) {
		for (k = 0; k < l->report.pack_count; k++)
			if (l->nos[k] == l->old.packs[i].no)
				break;
		if (k == l->report.pack_count)
			return refuse(l, ERR_CONFLICT, "does not tell of a "
			    "pack that the one before told of", NULL);
	}
	return ERR_OK;
}

/* The report's packs must be the order's, this station's, whole. */
static enum err
packs_check(struct load *l)
{
	const struct order_record_pack *pack = NULL;
	const struct report_pack *said;
	struct store_pack row;
	uint32_t no;
	size_t i;
	enum err err;

	for (i = 0; i < l->report.pack_count; i++) {
		said = &l->report.packs[i];
		for (no = 1; no <= l->order.pack_count; no++) {
			pack = &l->order.packs[no - 1];
			if (memcmp(pack->id, said->id, STORE_ID_SIZE) == 0)
				break;
		}
		if (no > l->order.pack_count || memcmp(pack->kid,
		    l->report.station, COSE_KID_SIZE) != 0)
			return refuse(l, ERR_CONFLICT, "names a pack that is "
			    "not the order's for this station", NULL);
		err = store_pack_get(l->authority->store, l->order.number,
		    no, &row, l->diag);
		if (err)
			return err;
		if (!row.complete || said->count != pack->count)
			return refuse(l, ERR_CONFLICT, "does not add up: the "
			    "count of a pack is not what was ordered", NULL);
		l->nos[i] = no;
	}
	return packs_stay(l);
}

static bool
follows(const struct report_record *was, uint8_t state)
{
	switch (was->state) {
	case REPORT_INJECTED:
		return state == REPORT_INJECTED || state == REPORT_SCRAPPED ||
		    state == REPORT_REWORKED;
	case REPORT_REWORKED:
		return state == REPORT_REWORKED || state == REPORT_SCRAPPED;
	case REPORT_SCRAPPED:
		return state == REPORT_SCRAPPED;
	default:	/* handed out: not unused again */
		return was->state == 0 || state != 0;
	}
}

static unsigned
reason_for(uint8_t state, bool final)
{
	switch (state) {
	case REPORT_SCRAPPED:
		return CRL_CESSATION_OF_OPERATION;
	case REPORT_REWORKED:
		return CRL_SUPERSEDED;
	case REPORT_OPEN:
		return final ? CRL_PRIVILEGE_WITHDRAWN : CRL_UNSPECIFIED;
	case 0:
		return final ? CRL_CESSATION_OF_OPERATION : CRL_UNSPECIFIED;
	default:
		return CRL_UNSPECIFIED;
	}
}

/* The reason why an identity is revoked now; what was scrapped or reworked is
 * since it was first told. */
static enum err
place_reason(struct load *l, uint32_t i, unsigned *ret_reason)
{
	const struct report_record *was = l->before.count > 0 ?
	    &l->before.records[i] : NULL;
	uint8_t state = l->states[i];

	if (was != NULL && !follows(was, state))
		return refuse(l, ERR_CONFLICT, "takes back what the one "
		    "before said of an identity", "its ledger was put back "
		    "to an earlier state, or copied: nothing it says can be "
		    "relied on");
	*ret_reason = was != NULL && state != 0 && state != REPORT_OPEN &&
	    was->state == state ? CRL_UNSPECIFIED :
	    reason_for(state, l->report.final);
	return ERR_OK;
}

/* Those that are revoked already are left out, so that a report of too many
 * runs can be loaded when some were revoked first. */
static enum err
place_revoke(struct load *l, const struct place *place)
{
	const struct store_range *range = &place->range;
	struct status_range births = { .log = range->log };
	unsigned reason = CRL_UNSPECIFIED, before = CRL_UNSPECIFIED;
	uint32_t i, start = 0;
	enum err err = ERR_OK;

	for (i = 0; i <= range->count && !err; i++, before = reason) {
		reason = CRL_UNSPECIFIED;
		if (i < range->count)
			err = place_reason(l, i, &reason);
		if (err || reason == before)
			continue;
		births.first = range->first + start;
		births.count = i - start;
		if (before != CRL_UNSPECIFIED)
			err = reconcile_revoke_births(&l->result, l->authority,
			    before, &births, false, l->diag);
		start = i;
	}
	return err;
}

/* Did the last report tell of this pack? Then each place has its blob. */
static bool
told_before(const struct load *l, const struct place *place)
{
	size_t i;

	for (i = 0; i < l->old.pack_count; i++)
		if (l->old.packs[i].no == place->range.pack)
			return l->old.packs[i].there;
	return false;
}

static enum err
place_enter(struct load *l)
{
	const struct place *place = &l->places[l->at];
	bool told = told_before(l, place);
	enum err err;

	/* another station's: nothing more to come */
	if (place->pack == l->report.pack_count)
		return ERR_OK;
	buf_clear(&l->items);
	l->item_count = 0;
	free(l->states);
	l->states = calloc(place->range.count, 1);
	if (l->states == NULL)
		return diag_nomem(l->diag);
	err = associations_get(l->authority, &place->range, &l->before,
	    l->diag);
	if (err && err != ERR_NOTFOUND)
		return err;
	if (told != (err == ERR_OK) ||
	    (told && l->before.sequence != l->old.sequence))
		return associations_altered(&place->range, l->diag);
	return associations_replace(l->authority, &place->range, &l->before,
	    &l->rows);
}

static enum err
place_leave(struct load *l)
{
	const struct place *place = &l->places[l->at];
	enum err err;

	err = place_revoke(l, place);
	if (!err)
		err = buf_err(&l->items);
	if (!err)
		err = associations_put(l->authority, &place->range,
		    l->report.station, l->report.sequence, l->item_count,
		    buf_bytes(&l->items), &l->rows, l->diag);
	l->at++;
	return err;
}

/* The place of a record; those before it end. */
static enum err
place_reach(struct load *l, const struct report_record *record)
{
	const struct place *place;
	enum err err;

	for (;;) {
		place = &l->places[l->at];
		if (l->at == l->place_count || place->pack > record->pack)
			return refuse(l, ERR_CORRUPT, "tells of more than "
			    "was issued", NULL);
		if (place->pack == record->pack &&
		    record->position - place->start < place->range.count)
			return ERR_OK;
		err = place_leave(l);
		if (!err && l->at < l->place_count)
			err = place_enter(l);
		if (err)
			return err;
	}
}

static enum err
record_device(struct load *l, uint32_t offset,
    const struct report_record *record)
{
	const struct report_record *was;

	if (l->before.count == 0)
		return ERR_OK;
	was = &l->before.records[offset];
	if (was->state == 0 || was->device_kind == REPORT_NO_DEVICE ||
	    (was->device_kind == record->device_kind &&
	    bytes_equal(was->device, record->device)))
		return ERR_OK;
	return refuse(l, ERR_CONFLICT, "an identity is bound to another "
	    "device than the report before said", NULL);
}

static enum err
record_load(void *ctx, const struct report *report,
    const struct report_record *given, struct diag *diag)
{
	char text[REPORT_NAMES_MAX][NAME_TEXT_SIZE];
	struct report_record record = *given;
	struct address address;
	struct load *l = ctx;
	const struct place *place;
	uint32_t offset;
	enum err err;

	(void)report;
	(void)diag;
	err = place_reach(l, &record);
	if (err)
		return err;
	place = &l->places[l->at];
	offset = (uint32_t)(record.position - place->start);
	address = (struct address){ place->range.log,
	    place->range.first + offset };
	if (record.index != address.index)
		return refuse(l, ERR_CONFLICT, "an identity stands in another "
		    "place than its pack has it", NULL);
	err = record_device(l, offset, &record);
	if (!err)
		err = keys_names(&l->keys, &record, text, l->diag);
	if (err)
		return err;
	if (record.state == REPORT_INJECTED &&
	    (unsigned)record.evidence < l->evidence)
		return refuse(l, ERR_CONFLICT, "calls an identity injected "
		    "without the evidence that its product asks for", NULL);
	err = evidence_check(l->authority, &l->lookup, &address, &record,
	    l->before.count > 0 ? &l->before.records[offset] : NULL,
	    l->diag);
	if (err)
		return err;
	association_put(&l->items, offset, &record);
	l->item_count++;
	l->states[offset] = (uint8_t)record.state;
	if (record.state == REPORT_INJECTED &&
	    record.evidence != REPORT_UNPROVEN)
		l->now.packs[record.pack].proven++;
	return keys_put(&l->keys, &address, &record, l->diag);
}

/* Packs that the station never had: returned with its key. */
static enum err
absent_return(struct load *l)
{
	const struct order_record_pack *pack;
	struct store_pack row;
	struct reported_pack *to;
	uint32_t no;
	size_t i;
	enum err err;

	for (no = 1; no <= l->order.pack_count; no++) {
		pack = &l->order.packs[no - 1];
		for (i = 0; i < l->report.pack_count; i++)
			if (l->nos[i] == no)
				break;
		if (i < l->report.pack_count || memcmp(pack->kid,
		    l->report.station, COSE_KID_SIZE) != 0)
			continue;
		err = store_pack_get(l->authority->store, l->order.number,
		    no, &row, l->diag);
		if (err)
			return err;
		if (!row.complete)
			continue;
		to = &l->now.packs[l->now.pack_count++];
		*to = (struct reported_pack){ .no = no, .count = pack->count,
		    .unused = pack->count };
		for (i = 0; i < l->place_count; i++) {
			const struct store_range *range = &l->places[i].range;
			const struct status_range births = { range->log,
			    range->first, range->count };

			if (range->pack != no)
				continue;
			err = reconcile_revoke_births(&l->result, l->authority,
			    CRL_CESSATION_OF_OPERATION, &births, false,
			    l->diag);
			if (err)
				return err;
		}
	}
	return ERR_OK;
}

static enum err
records_load(struct load *l)
{
	struct report again;
	enum err err = ERR_OK;

	if (l->place_count > 0)
		err = place_enter(l);
	if (!err)
		err = report_read_file(l->request->files.file,
		    &l->station.signing,
		    record_load, l, &again, l->diag);
	/* what follows the last record is unused */
	while (!err && l->at < l->place_count &&
	    l->places[l->at].pack < l->report.pack_count) {
		err = place_leave(l);
		if (!err && l->at < l->place_count)
			err = place_enter(l);
	}
	if (!err && (memcmp(again.hash, l->report.hash, SHA256_SIZE) != 0 ||
	    again.sequence != l->report.sequence ||
	    again.final != l->report.final))
		err = refuse(l, ERR_CONFLICT, "changed while it was read",
		    NULL);
	return err;
}

static void
figures_take(struct load *l, int64_t now)
{
	const struct report *report = &l->report;
	const struct report_pack *from;
	struct reported *to = &l->now;
	size_t i;

	to->order = l->order.number;
	memcpy(to->station, l->station.name, sizeof(l->station.name));
	memcpy(to->kid, report->station, COSE_KID_SIZE);
	to->sequence = report->sequence;
	to->made = report->made;
	to->loaded = now;
	to->final = report->final;
	memcpy(to->hash, report->hash, SHA256_SIZE);
	to->ledger_entries = report->ledger_entries;
	memcpy(to->ledger_head, report->ledger_head, SHA256_SIZE);
	to->anchor = report->anchor;
	memcpy(to->operator, l->request->signed_by, sizeof(to->operator));
	to->pack_count = report->pack_count;
	for (i = 0; i < report->pack_count; i++) {
		from = &report->packs[i];
		to->packs[i] = (struct reported_pack){ .no = l->nos[i],
		    .count = from->count, .injected = from->injected,
		    .reworked = from->reworked, .scrapped = from->scrapped,
		    .open = from->open, .unused = from->unused,
		    .there = true };
	}
}

/* Is it a report that could be loaded now? */
static enum err
load_check(struct load *l, bool *ret_before)
{
	uint32_t number = 0;
	enum err err;

	err = body_check(l, &number);
	if (!err)
		err = order_record_get(l->authority, number, &l->order,
		    l->diag);
	if (!err)
		err = store_order_get(l->authority->store, number, &l->row,
		    l->diag);
	/* its template and state are the row's */
	if (!err)
		err = order_record_check(l->authority, &l->row, l->diag);
	if (!err && l->row.state != ORDER_CANCELLED)
		err = rows_check_order(l->authority, &l->row, l->diag);
	if (!err)
		err = station_find(l);
	if (!err)
		err = report_read_file(l->request->files.file,
		    &l->station.signing,
		    NULL, NULL, &l->report, l->diag);
	/* the file was read anew: still what was signed for? */
	if (!err)
		err = body_check(l, &number);
	if (!err)
		err = sequence_check(l, ret_before);
	if (err || *ret_before)
		return err;
	err = ledger_check(l);
	if (!err)
		err = anchor_check(l);
	if (err)
		return err;
	if (l->report.final && l->row.state == ORDER_OPEN)
		return refuse(l, ERR_STATE, "is final, but the order is not "
		    "complete", "finish it with 'imprint order run', or "
		    "cancel it: what is not issued yet is sealed to a key "
		    "that the station has destroyed");
	return packs_check(l);
}

static enum err
evidence_look(struct load *l)
{
	_cleanup_buf_ struct buf encoded = { .limit = BUF_LIMIT_DEFAULT };
	struct store_object object;
	struct product product;
	enum err err;

	err = authority_object_by_hash(l->authority, STORE_PRODUCT,
	    l->row.product, &encoded, &object, l->diag);
	if (!err)
		err = product_decode(object.body, &product, l->diag);
	if (!err)
		l->evidence = (unsigned)product.evidence;
	return err;
}

static enum err
load_run(struct load *l, int64_t now)
{
	enum err err;

	err = places_make(l);
	if (!err)
		err = evidence_look(l);
	if (!err)
		err = authority_template(l->authority, l->row.template,
		    &l->template, l->diag);
	if (!err)
		err = keys_open(&l->keys, l->authority, l->template, l->diag);
	if (err)
		return err;
	l->keys.rows = &l->rows;
	figures_take(l, now);
	err = records_load(l);
	if (!err)
		err = rows_change(l->authority, &l->rows, l->diag);
	if (!err && l->report.final)
		err = absent_return(l);
	if (!err)
		err = reconcile_result_apply(&l->result, l->authority, now,
		    l->diag);
	if (!err)
		err = keys_check(&l->keys, l->diag);
	if (!err)
		err = reported_put(l->authority, &l->now, l->diag);
	if (!err && l->report.final)
		err = sealing_key_end(l->authority, l->report.station, now,
		    l->diag);
	return err;
}

enum err
request_reconcile(struct authority *authority, const struct request *request,
    int64_t now, struct buf *result, struct diag *diag)
{
	struct load *l = calloc(1, sizeof(*l));
	bool before = false;
	enum err err;

	if (l == NULL)
		return diag_nomem(diag);
	l->authority = authority;
	l->request = request;
	l->diag = diag;
	l->result.hint = "load reports more often, or revoke some of them "
	    "first with 'imprint revoke --from FILE'";
	l->items.limit = BUF_LIMIT_DEFAULT;
	l->before.body.limit = BUF_LIMIT_DEFAULT;
	err = request->files.file == NULL ? ERR_OK : report_peek_file(
	    request->files.file, &l->report, diag);
	if (!err)
		err = load_check(l, &before);
	if (!err && !before)
		err = load_run(l, now);
	l->result.outcome = before ? RECONCILE_BEFORE : RECONCILE_LOADED;
	if (!err)
		reconcile_result_put(result, &l->result);
	load_release(l);
	free(l);
	return err;
}
