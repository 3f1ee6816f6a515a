/* What stations did with their packs, for operators over the network. */
#include <stdlib.h>

#include "cmd/imprintd/desk.h"
#include "lib/authority/reconcile.h"
#include "lib/base/json_write.h"

#define EXPOSED_OCTETS	((size_t)48 << 10)	/* then some are left out */

/* Members that are missing say 0. */
static void
report_put(struct json *json, const struct reconcile_line *line)
{
	const struct reported *r = &line->reported;

	json_key(json, bytes_text("report"));
	if (r->sequence == 0) {
		buf_printf(json->b, "null");
		return;
	}
	json_open(json, '{');
	json_put_number(json, "sequence", r->sequence);
	json_put_time(json, "made", r->made);
	json_put_flag(json, "final", r->final);
	json_put_number(json, "ledger_entries", r->ledger_entries);
	json_put_some(json, "anchor", bytes_text(
	    report_anchor_name(r->anchor)));
	json_put_number(json, "anchor_entries", r->anchor_entries);
	json_put_number(json, "acknowledged", r->acknowledged);
	json_close(json, '}');
}

static void
figures_put_of(struct json *json, const struct reported_pack *f)
{
	json_key(json, bytes_text("figures"));
	if (f->no == 0) {
		buf_printf(json->b, "null");
		return;
	}
	json_open(json, '{');
	json_put_flag(json, "imported", f->there);
	json_put_number(json, "injected", f->injected);
	json_put_number(json, "proven", f->proven);
	json_put_number(json, "reworked", f->reworked);
	json_put_number(json, "scrapped", f->scrapped);
	json_put_number(json, "open", f->open);
	json_put_number(json, "unused", f->unused);
	json_close(json, '}');
}

static enum err
pack_put(struct desk *desk, struct json *json, uint32_t order, uint32_t no,
    struct diag *diag)
{
	struct reconcile_line *line = calloc(1, sizeof(*line));
	enum err err;

	if (line == NULL)
		return diag_nomem(diag);
	err = reconcile_line(desk->authority, order, no, line, diag);
	if (!err) {
		json_next(json);
		json_open(json, '{');
		json_put_number(json, "pack", no);
		json_put_text(json, "station", bytes_text(line->station));
		json_put_number(json, "count", line->count);
		json_put_flag(json, "complete", line->complete);
		json_put_flag(json, "ended", line->ended);
		figures_put_of(json, &line->figures);
		report_put(json, line);
		json_close(json, '}');
	}
	free(line);
	return err;
}

enum err
resource_reconciliation(struct desk *desk, const char *word, struct buf *out,
    struct diag *diag)
{
	struct json json = { .b = out, .line = true };
	struct store_order order;
	uint32_t no;
	enum err err;

	err = resource_order(desk, word, out, &order, diag);
	buf_clear(out);
	if (err)
		return err;
	json_open(&json, '{');
	json_put_number(&json, "order", order.number);
	json_put_time(&json, "created", order.created);
	json_key(&json, bytes_text("packs"));
	json_open(&json, '[');
	for (no = 1; no <= order.packs && !err; no++)
		err = pack_put(desk, &json, order.number, no, diag);
	json_close(&json, ']');
	json_close(&json, '}');
	return err;
}

struct exposing {
	struct json	json;
	bool		more;
};

static enum err
exposed_put(void *ctx, const struct station_exposed *found)
{
	struct exposing *e = ctx;

	e->more = e->more || e->json.b->len > EXPOSED_OCTETS;
	if (e->more)
		return ERR_OK;
	json_next(&e->json);
	json_open(&e->json, '{');
	json_put_number(&e->json, "order", found->order);
	json_put_number(&e->json, "pack", found->pack);
	json_put_number(&e->json, "identities", found->identities);
	json_put_flag(&e->json, "keys", found->keys);
	json_put_number(&e->json, "claim_codes", found->codes);
	json_close(&e->json, '}');
	return ERR_OK;
}

enum err
resource_exposed(struct desk *desk, const char *station, struct buf *out,
    struct diag *diag)
{
	struct exposing e = { .json = { .b = out, .line = true } };
	struct station_statement statement;
	enum err err;

	err = station_statement_get(desk->authority, station, NULL,
	    &statement, diag);
	if (err)
		return err;
	json_open(&e.json, '{');
	json_key(&e.json, bytes_text("exposed"));
	json_open(&e.json, '[');
	err = station_exposed_each(desk->authority, station, exposed_put, &e,
	    diag);
	json_close(&e.json, ']');
	json_put_flag(&e.json, "more", e.more);
	json_close(&e.json, '}');
	return err;
}
