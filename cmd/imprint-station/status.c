#include "cmd/imprint-station/commands.h"
#include "station/floor.h"

/* A pack's file, as far as it is needed yet: what is open of its order may
 * ask for it. */
static enum err
pack_look(const struct station *s, const struct station_pack *p, bool check,
    struct diag *diag)
{
	_cleanup_pack_ struct pack *pack = NULL;
	enum err err;

	if (s->orders[p->order_at].closing)
		return ERR_OK;
	err = station_pack_open(s, p, &pack, diag);
	if (!err && check)
		err = pack_check(pack, NULL, NULL, diag);
	if (err)
		diag_hint(diag, "import the pack again from the original: it"
		    " goes on where it was");
	return err;
}

static void
problem_json(const struct station *s, const struct station_pack *p,
    bool check)
{
	struct diag why = DIAG_INIT;

	printf(", \"problem\": ");
	if (pack_look(s, p, check, &why) == ERR_OK) {
		printf("null");
		return;
	}
	printf("{\"error\": \"%s\", \"message\": ", err_name(why.code));
	json_string(stdout, why.what, strlen(why.what));
	printf(", \"hint\": ");
	json_string(stdout, why.hint, strlen(why.hint));
	printf("}");
}

/* Packs that nothing can be taken from, and what to do. */
static void
problems_text(const struct station *s, bool check)
{
	size_t i;

	for (i = 0; i < s->pack_count; i++) {
		struct diag why = DIAG_INIT;

		if (pack_look(s, &s->packs[i], check, &why) == ERR_OK)
			continue;
		printf("\nCANNOT BE READ: pack ");
		hex_print(stdout, s->packs[i].id, PACKAGE_ID_SIZE);
		printf("\n  %s\n  %s\n", why.what, why.hint);
	}
}

static void
orders_json(const struct station *s)
{
	struct floor_order o;
	size_t i;

	printf(", \"orders\": [");
	for (i = 0; i < s->order_count; i++) {
		floor_order_of(s, i, &o);
		printf("%s{\"number\": %u, \"order\": \"", i > 0 ? ", " :
		    "", o.order);
		hex_print(stdout, s->orders[i].id, PACKAGE_ID_SIZE);
		printf("\", \"product\": ");
		json_string(stdout, o.product, strlen(o.product));
		printf(", \"count\": %ju, \"unused\": %ju, \"reserved\": %ju,"
		    " \"injected\": %ju, \"unproven\": %ju, \"scrapped\":"
		    " %ju, \"reworked\": %ju, \"closed\": %s, \"low\": %s}",
		    (uintmax_t)o.count, (uintmax_t)o.unused,
		    (uintmax_t)o.reserved, (uintmax_t)o.injected,
		    (uintmax_t)o.unproven, (uintmax_t)o.scrapped,
		    (uintmax_t)o.reworked, o.closed ? "true" : "false",
		    o.low ? "true" : "false");
	}
	printf("]");
}

static void
orders_text(const struct station *s)
{
	struct floor_order o;
	size_t i;

	printf("\n%8s  %-20s %10s %10s %10s %10s %10s %10s\n", "order",
	    "product", "unused", "reserved", "injected", "unproven",
	    "scrapped", "reworked");
	for (i = 0; i < s->order_count; i++) {
		floor_order_of(s, i, &o);
		printf("%8u  %-20s %10ju %10ju %10ju %10ju %10ju %10ju%s\n",
		    o.order, o.product, (uintmax_t)o.unused,
		    (uintmax_t)o.reserved, (uintmax_t)o.injected,
		    (uintmax_t)o.unproven, (uintmax_t)o.scrapped,
		    (uintmax_t)o.reworked, o.closed ? "  closed" :
		    o.low ? "  low" : "");
	}
}

/* What the ledger says of it: the anchor itself is not asked. */
static void
anchor_json(const struct station *s)
{
	const struct station_anchor *a = &s->anchor;

	printf(", \"acknowledged\": %ju, \"put_back\": %s, \"anchor\": ",
	    (uintmax_t)a->acknowledged, a->refuted != 0 ? "true" : "false");
	if (a->kind == LEDGER_ANCHOR_NONE) {
		printf("null");
		return;
	}
	printf("{\"by\": \"%s\", \"place\": ", anchor_kind(s));
	json_string(stdout, a->place, strlen(a->place));
	printf(", \"number\": %ju, \"entries\": %ju}",
	    (uintmax_t)a->number, (uintmax_t)a->at.entries);
}

static void
anchor_text(const struct station *s)
{
	const struct station_anchor *a = &s->anchor;

	if (a->kind != LEDGER_ANCHOR_NONE)
		printf("anchor       %s %s, number %ju at record %ju\n",
		    anchor_kind(s), a->place, (uintmax_t)a->number,
		    (uintmax_t)a->at.entries);
	if (a->acknowledged != 0)
		printf("             %ju records acknowledged by the"
		    " authority\n", (uintmax_t)a->acknowledged);
	if (a->refuted != 0)
		printf("PUT BACK to an earlier state: nothing is handed out"
		    " again; at the authority: imprint station lost %s\n",
		    s->statement.name);
}

static void
status_json(const struct station *s, bool check)
{
	const struct station_pack *p;
	size_t i;

	printf("{\"name\": \"%s\", \"fingerprint\": \"", s->statement.name);
	hex_print(stdout, s->statement.kid, SHA256_SIZE);
	printf("\", \"ledger\": {\"records\": %ju, \"head\": \"",
	    (uintmax_t)s->records);
	hex_print(stdout, s->head, SHA256_SIZE);
	printf("\"");
	anchor_json(s);
	printf("}, \"packs\": [");
	for (i = 0; i < s->pack_count; i++) {
		p = &s->packs[i];
		printf("%s{\"pack\": \"", i > 0 ? ", " : "");
		hex_print(stdout, p->id, PACKAGE_ID_SIZE);
		printf("\", \"order\": \"");
		hex_print(stdout, p->order, PACKAGE_ID_SIZE);
		printf("\", \"product\": ");
		json_string(stdout, p->product, strlen(p->product));
		printf(", \"count\": %ju, \"injected\": %ju, \"failed\": %ju,"
		    " \"scrapped\": %ju, \"reworked\": %ju,"
		    " \"unknown\": %ju, \"left\": %ju", (uintmax_t)p->count,
		    (uintmax_t)p->injected, (uintmax_t)p->failed,
		    (uintmax_t)p->scrapped, (uintmax_t)p->reworked,
		    (uintmax_t)p->unknown, (uintmax_t)station_pack_unused(p));
		problem_json(s, p, check);
		printf("}");
	}
	printf("]");
	orders_json(s);
	printf("}\n");
}

static uint64_t
unknown_of(const struct station *s)
{
	uint64_t unknown = 0;
	size_t i;

	for (i = 0; i < s->pack_count; i++)
		unknown += s->packs[i].unknown;
	return unknown;
}

static void
status_text(const struct station *s, bool check)
{
	const struct station_pack *p;
	size_t i;

	printf("station      %s\nfingerprint  ", s->statement.name);
	fingerprint_print(stdout, s->statement.kid);
	printf("\nledger       %ju records, chain good%s\n",
	    (uintmax_t)s->records, s->anchor.kind == LEDGER_ANCHOR_NONE &&
	    s->anchor.acknowledged == 0 ? ", not anchored elsewhere" : "");
	anchor_text(s);
	if (s->pack_count == 0) {
		printf("no packs yet: imprint-station import PACK\n");
		return;
	}
	printf("\n%-32s  %-20s %10s %10s %10s %10s %10s %10s %10s\n", "pack",
	    "product", "packages", "injected", "failed", "scrapped",
	    "reworked", "unknown", "left");
	for (i = 0; i < s->pack_count; i++) {
		p = &s->packs[i];
		hex_print(stdout, p->id, PACKAGE_ID_SIZE);
		printf("  %-20s %10ju %10ju %10ju %10ju %10ju %10ju %10ju\n",
		    p->product, (uintmax_t)p->count, (uintmax_t)p->injected,
		    (uintmax_t)p->failed, (uintmax_t)p->scrapped,
		    (uintmax_t)p->reworked, (uintmax_t)p->unknown,
		    (uintmax_t)station_pack_unused(p));
	}
	orders_text(s);
	problems_text(s, check);
	if (unknown_of(s) > 0)
		printf("unknown: handed out, and the run ended or is still"
		    " going before a result was known; never handed out"
		    " again\n");
}

enum exit_code
station_cmd_status(struct cmd *cmd)
{
	_cleanup_station_ struct station station = STATION_INIT;
	bool check = cmd_flag(cmd, "check");
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "status takes no arguments");
	err = station_get(cmd, STATION_LOOK, &station);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json)
		status_json(&station, check);
	else
		status_text(&station, check);
	return EXIT_OK;
}
