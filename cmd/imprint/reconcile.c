/* What stations report of an order, against what was ordered. */
#include <fcntl.h>
#include <stdlib.h>

#include "cmd/imprint/remote_station.h"
#include "lib/authority/reconcile.h"
#include "lib/base/clock.h"

#define REPORTS_MAX	CMD_VALUES_MAX
#define CLOCK_S		900	/* a station's may be off by so much */

struct sums {
	uint64_t	ordered, injected, unproven, reworked, scrapped;
	uint64_t	open, sealed, returned;
};

struct table {
	struct cmd		*cmd;
	struct authority	*authority;
	uint32_t		 order;
	struct sums		 total;
	int64_t			 created, now;	/* the order; this run */
	uint64_t		 unanchored;	/* packs */
	uint64_t		 clocks;	/* packs whose station's clock
						 * was wrong */
	uint64_t		 loaded, before, revoked;
	bool			 untold;	/* more than are revoked */
};

static enum err
number_argument(struct cmd *cmd, uint32_t *ret_number)
{
	unsigned long value;
	char *end;

	if (cmd->argc != 1)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "order reconcile: one order number is needed");
	value = strtoul(cmd->argv[0], &end, 10);
	if (cmd->argv[0][0] < '0' || cmd->argv[0][0] > '9' || *end != '\0' ||
	    value == 0 || value > UINT32_MAX)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "\"%s\" is no order number", cmd->argv[0]);
	*ret_number = (uint32_t)value;
	return ERR_OK;
}

static enum err
result_take(struct table *t, struct bytes encoded, const char *path)
{
	_cleanup_reconcile_result_ struct reconcile_result result = { 0 };
	uint64_t revoked = 0;
	char text[32];
	size_t i, k;
	enum err err;

	if (encoded.len == 0) {		/* too long, see remote_submit() */
		t->loaded++;
		t->untold = true;
		printf(t->cmd->json ? "" : "%s: loaded\n", path);
		return ERR_OK;
	}
	err = reconcile_result_get(encoded, &result, &t->cmd->diag);
	if (err)
		return err;
	for (i = 0; i < result.reasons; i++)
		for (k = 0; k < result.revoked[i].list.count; k++)
			revoked += result.revoked[i].list.ranges[k].count;
	t->revoked += revoked;
	t->loaded += result.outcome == RECONCILE_LOADED;
	t->before += result.outcome == RECONCILE_BEFORE;
	if (t->cmd->json)
		return ERR_OK;
	number_format(revoked, text);
	if (result.outcome == RECONCILE_BEFORE)
		printf("%s: was loaded before, nothing changed\n", path);
	else
		printf("%s: loaded, %s revoked with it\n", path, text);
	return ERR_OK;
}

/* All of them, before any is loaded: a file that is no report, or cut off,
 * leaves nothing half done. */
static enum err
reports_look(struct table *t, const char *const *paths, size_t count)
{
	struct report *report = calloc(1, sizeof(*report));
	size_t i;
	enum err err = ERR_OK;

	if (report == NULL)
		return diag_nomem(&t->cmd->diag);
	for (i = 0; i < count && !err; i++)
		err = report_peek(t->cmd->io, paths[i], report,
		    &t->cmd->diag);
	free(report);
	return err;
}

/* What became of the others when one was refused. */
static void
rest_tell(struct table *t, const char *const *paths, size_t done,
    size_t count)
{
	size_t i;

	for (i = 0; i < count && count > 1; i++)
		cmd_warn(t->cmd, "%s: %s", paths[i], i < done ?
		    "is loaded and stays so" : i == done ?
		    "is the one that was refused" : "was not looked at");
	if (t->loaded > 0)
		cmd_warn(t->cmd, "publish what was revoked with 'imprint "
		    "publish', or load all of them again when this is "
		    "mended: those that are loaded change nothing");
}

static enum err
report_load(struct table *t, const char *path)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	_cleanup_file_ struct file file = FILE_INIT;
	const struct request_files files = { .file = &file };
	struct cmd *cmd = t->cmd;
	struct report *report = calloc(1, sizeof(*report));
	enum err err;

	if (report == NULL)
		return diag_nomem(&cmd->diag);
	err = report_peek(cmd->io, path, report, &cmd->diag);
	if (!err)
		err = request_put_reconcile(&body, t->order, report);
	free(report);
	if (!err)
		err = file_open(cmd->io, path, O_RDONLY, 0, &file,
		    &cmd->diag);
	if (!err)
		err = request_submit_files(cmd, t->authority,
		    REQUEST_RECONCILE, buf_bytes(&body), &files, &result);
	return err ? err : result_take(t, buf_bytes(&result), path);
}

/* sealed: still in a pack that may be opened; returned: in none. */
static void
sums_of(const struct reconcile_line *line, struct sums *ret_sums)
{
	const struct reported_pack *f = &line->figures;
	struct sums s = { .ordered = line->complete ? line->count : 0 };

	if (f->no == 0) {
		s.sealed = line->ended ? 0 : s.ordered;
		s.returned = line->ended ? s.ordered : 0;
	} else {
		s.injected = f->injected;
		s.unproven = f->injected - f->proven;
		s.reworked = f->reworked;
		s.scrapped = f->scrapped;
		s.open = f->open;
		s.sealed = line->ended ? 0 : f->unused;
		s.returned = line->ended ? f->unused : 0;
	}
	*ret_sums = s;
}

static bool
sums_fit(const struct sums *s)
{
	return s->ordered == s->injected + s->reworked + s->scrapped +
	    s->open + s->sealed + s->returned;
}

static void
sums_add(struct sums *to, const struct sums *s)
{
	to->ordered += s->ordered;
	to->injected += s->injected;
	to->unproven += s->unproven;
	to->reworked += s->reworked;
	to->scrapped += s->scrapped;
	to->open += s->open;
	to->sealed += s->sealed;
	to->returned += s->returned;
}

static void
sums_print(const struct sums *s, bool json)
{
	printf(json ? "\"ordered\": %llu, \"injected\": %llu, \"unproven\": "
	    "%llu, \"reworked\": %llu, \"scrapped\": %llu, \"open\": %llu, "
	    "\"sealed\": %llu, \"returned\": %llu, \"adds_up\": %s" :
	    "%10llu %10llu %10llu %9llu %9llu %7llu %10llu %10llu%s",
	    (unsigned long long)s->ordered, (unsigned long long)s->injected,
	    (unsigned long long)s->unproven,
	    (unsigned long long)s->reworked,
	    (unsigned long long)s->scrapped, (unsigned long long)s->open,
	    (unsigned long long)s->sealed, (unsigned long long)s->returned,
	    json ? (sums_fit(s) ? "true" : "false") : "");
}

/* By what, and up to which entry of how many: what is newer is held by
 * nothing yet. */
static void
anchor_print(const struct reported *r, bool json)
{
	bool own = r->anchor_entries != 0;

	if (json)
		printf(", \"ledger_entries\": %llu, \"anchor\": ",
		    (unsigned long long)r->ledger_entries);
	if (json && own)
		printf("{\"by\": \"%s\", \"entries\": %llu}",
		    report_anchor_name(r->anchor),
		    (unsigned long long)r->anchor_entries);
	else if (json)
		printf("null");
	else if (own)
		printf("anchored by %s to %llu of %llu",
		    report_anchor_name(r->anchor),
		    (unsigned long long)r->anchor_entries,
		    (unsigned long long)r->ledger_entries);
	else
		printf("%s", r->acknowledged == 0 ? "unanchored" : "");
	if (json)
		printf(", \"acknowledged\": %llu}",
		    (unsigned long long)r->acknowledged);
	else if (r->acknowledged != 0)
		printf("%sacknowledged to %llu of %llu", own ? ", " : "",
		    (unsigned long long)r->acknowledged,
		    (unsigned long long)r->ledger_entries);
}

/* NULL, or how a station's clock was wrong when it made its report. */
static const char *
clock_wrong(const struct table *t, const struct reported *r)
{
	if (r->sequence == 0)
		return NULL;
	return r->made > t->now + CLOCK_S ? "ahead" :
	    r->made < t->created - CLOCK_S ? "behind" : NULL;
}

static void
report_print(const struct table *t, const struct reconcile_line *line)
{
	const struct reported *r = &line->reported;
	bool anchored = r->anchor_entries != 0 || r->acknowledged != 0;
	const char *clock = clock_wrong(t, r);
	char made[TIME_TEXT_SIZE];
	bool json = t->cmd->json;

	if (r->sequence == 0) {
		printf(json ? ", \"report\": null" : "  %s",
		    !line->complete ? "not made" :
		    line->ended ? "none: station lost" : "none yet");
		return;
	}
	time_format(r->made, made);
	if (json)
		printf(", \"imported\": %s, \"report\": {\"sequence\": %llu, "
		    "\"made\": \"%s\", \"clock\": \"%s\", \"final\": %s, "
		    "\"anchored\": %s",
		    line->figures.there ? "true" : "false",
		    (unsigned long long)r->sequence, made,
		    clock != NULL ? clock : "plausible",
		    r->final ? "true" : "false", anchored ? "true" : "false");
	else
		printf("  %llu of %s%s%s%s%s, ",
		    (unsigned long long)r->sequence, made,
		    clock != NULL ? ", clock " : "", clock != NULL ? clock :
		    "", r->final ? ", final" : "",
		    line->figures.there ? "" : ", never imported");
	anchor_print(r, json);
}

static void
line_print(struct table *t, const struct reconcile_line *line)
{
	struct sums sums;

	sums_of(line, &sums);
	sums_add(&t->total, &sums);
	t->unanchored += line->reported.sequence != 0 &&
	    line->reported.anchor_entries == 0 &&
	    line->reported.acknowledged == 0;
	if (t->cmd->json)
		printf("%s\n  {\"pack\": %u, \"station\": \"%s\", ",
		    line->no > 1 ? "," : "", line->no, line->station);
	else
		printf("%4u  %-16s ", line->no, line->station);
	sums_print(&sums, t->cmd->json);
	t->clocks += clock_wrong(t, &line->reported) != NULL;
	report_print(t, line);
	printf(t->cmd->json ? "}" : "\n");
}

static enum err
lines_print(struct table *t, uint32_t packs)
{
	struct reconcile_line *line = calloc(1, sizeof(*line));
	uint32_t no;
	enum err err = ERR_OK;

	if (line == NULL)
		return diag_nomem(&t->cmd->diag);
	for (no = 1; no <= packs && !err; no++) {
		err = reconcile_line(t->authority, t->order, no, line,
		    &t->cmd->diag);
		if (!err)
			line_print(t, line);
	}
	free(line);
	return err;
}

static void
loaded_json(const struct table *t)
{
	printf("\"loaded\": %llu, \"loaded_before\": %llu, \"revoked\": ",
	    (unsigned long long)t->loaded, (unsigned long long)t->before);
	if (t->untold)
		printf("null");
	else
		printf("%llu", (unsigned long long)t->revoked);
}

static void
total_print(const struct table *t)
{
	const struct sums *s = &t->total;

	if (t->cmd->json) {
		printf("\n], ");
		sums_print(s, true);
		printf(", ");
		loaded_json(t);
		return;
	}
	printf("%4s  %-16s ", "", "total");
	sums_print(s, false);
	printf("\nordered %llu = injected %llu + reworked %llu + scrapped "
	    "%llu + open %llu + sealed %llu + returned %llu%s\n",
	    (unsigned long long)s->ordered, (unsigned long long)s->injected,
	    (unsigned long long)s->reworked,
	    (unsigned long long)s->scrapped, (unsigned long long)s->open,
	    (unsigned long long)s->sealed, (unsigned long long)s->returned,
	    sums_fit(s) ? "" : ": DOES NOT ADD UP");
	if (t->unanchored > 0)
		printf("of %llu pack%s the station's ledger is unanchored: "
		    "nothing outside of the station shows that it was not "
		    "put back\n", (unsigned long long)t->unanchored,
		    t->unanchored == 1 ? "" : "s");
	if (t->clocks > 0)
		printf("of %llu pack%s the station's clock was wrong: times "
		    "that it tells are not to be relied on; set it\n",
		    (unsigned long long)t->clocks, t->clocks == 1 ? "" : "s");
}

static void
head_print(struct table *t, int64_t created)
{
	t->created = created;
	t->now = time_now();
	if (t->cmd->json)
		printf("{\"order\": %u, \"packs\": [", t->order);
	else
		printf("%4s  %-16s %10s %10s %10s %9s %9s %7s %10s %10s  "
		    "report\n", "pack", "station", "ordered", "injected",
		    "unproven", "reworked", "scrapped", "open", "sealed",
		    "returned");
}

static enum err
table_print(struct table *t)
{
	struct store_order order;
	enum err err;

	err = store_order_get(authority_store(t->authority), t->order,
	    &order, &t->cmd->diag);
	if (err)
		return err;
	head_print(t, order.created);
	err = lines_print(t, order.packs);
	if (!err)
		total_print(t);
	return err;
}

/* The server's word, read whole before any of it is shown. */
static enum err
table_ask(struct table *t)
{
	_cleanup_remote_lines_ struct remote_lines lines = { .count = 0 };
	size_t i;
	enum err err;

	err = remote_reconciliation(t->cmd, t->order, &lines);
	/* the caller ends the object */
	if (err && t->cmd->json && t->loaded + t->before > 0) {
		printf("{\"order\": %u, ", t->order);
		loaded_json(t);
	}
	if (err)
		return err;
	head_print(t, lines.created);
	for (i = 0; i < lines.count; i++)
		line_print(t, &lines.lines[i]);
	total_print(t);
	return ERR_OK;
}

/* It was decided that it does not add up, or is not what it claims to be. */
static bool
is_verdict(enum err err)
{
	return err == ERR_CONFLICT || err == ERR_STATE;
}

enum exit_code
order_reconcile_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	const char *reports[REPORTS_MAX];
	struct table t = { .cmd = cmd };
	enum exit_code code;
	size_t count, i;
	enum err err, published;

	count = cmd_values(cmd, "report", reports, REPORTS_MAX);
	err = number_argument(cmd, &t.order);
	if (!err)
		err = count > 0 || remote_there(cmd) ?
		    ecosystem_open_requests(cmd, &authority) :
		    ecosystem_open(cmd, AUTHORITY_READ, true, &authority);
	t.authority = authority;
	if (!err)
		err = reports_look(&t, reports, count);
	if (err) {
		code = cmd_fail(cmd, err);
		return is_verdict(err) ? EXIT_REFUSED : code;
	}
	for (i = 0; i < count && !err; i++)
		err = report_load(&t, reports[i]);
	if (err) {
		code = cmd_fail(cmd, err);
		rest_tell(&t, reports, i - 1, count);
		return is_verdict(err) ? EXIT_REFUSED : code;
	}
	err = remote_there(cmd) ? table_ask(&t) : table_print(&t);
	/* loaded before: perhaps it died before it published; what could not
	 * be told takes nothing back */
	if (count > 0) {
		published = change_publish(cmd, authority);
		err = err ? err : published;
	} else if (!err && cmd->json) {
		printf("}\n");
	}
	if (err)
		return cmd_fail(cmd, err);
	return sums_fit(&t.total) ? EXIT_OK : EXIT_REFUSED;
}
