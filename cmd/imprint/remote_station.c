#include "cmd/imprint/remote_station.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/imprint/remote_order.h"
#include "cmd/imprint/remote_rows.h"
#include "lib/base/clock.h"
#include "lib/identity/station.h"

#define COUNT_MAX	(UINT64_C(1) << 40)	/* they are added up */

void
remote_lines_release(struct remote_lines *lines)
{
	free(lines->lines);
	*lines = (struct remote_lines){ .count = 0 };
}

struct number {
	const char	*name;
	uint64_t	*to;
};

static enum err
numbers_get(const struct json_value *from, const struct number *numbers,
    size_t count, struct diag *diag)
{
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < count && !err; i++)
		err = json_get_number(from, numbers[i].name, COUNT_MAX, 0,
		    numbers[i].to, diag);
	return err;
}

static enum err
time_get(const struct json_value *from, const char *name, int64_t *ret_time,
    struct diag *diag)
{
	char text[TIME_TEXT_SIZE];
	enum err err;

	err = json_get_text(from, name, text, sizeof(text), diag);
	if (!err && time_parse(text, ret_time) != ERR_OK)
		err = diag_fail(diag, ERR_INVALID, "RFC 3339", "%s: no time",
		    name);
	return err;
}

static enum err
figures_get(const struct json_value *item, struct reconcile_line *line,
    struct diag *diag)
{
	struct reported_pack *f = &line->figures;
	const struct number numbers[] = { { "injected", &f->injected },
		{ "proven", &f->proven }, { "reworked", &f->reworked },
		{ "scrapped", &f->scrapped }, { "open", &f->open },
		{ "unused", &f->unused } };
	const struct json_value *from = NULL;
	enum err err;

	err = json_get_object(item, "figures", &from, diag);
	if (err || from == NULL)
		return err;
	err = numbers_get(from, numbers, sizeof(numbers) /
	    sizeof(numbers[0]), diag);
	if (!err)
		err = json_get_flag(from, "imported", false, &f->there, diag);
	if (!err && f->proven > f->injected)
		err = diag_fail(diag, ERR_INVALID, NULL, "proven: are more "
		    "than injected");
	f->no = line->no;
	return err;
}

static enum err
report_get(const struct json_value *item, struct reported *r,
    struct diag *diag)
{
	const struct number numbers[] = { { "sequence", &r->sequence },
		{ "ledger_entries", &r->ledger_entries },
		{ "anchor_entries", &r->anchor_entries },
		{ "acknowledged", &r->acknowledged } };
	const struct json_value *from = NULL;
	char anchor[24];
	enum err err;

	err = json_get_object(item, "report", &from, diag);
	if (err || from == NULL)
		return err;
	err = numbers_get(from, numbers, sizeof(numbers) /
	    sizeof(numbers[0]), diag);
	if (!err)
		err = time_get(from, "made", &r->made, diag);
	if (!err)
		err = json_get_flag(from, "final", false, &r->final, diag);
	if (!err)
		err = json_get_text(from, "anchor", anchor, sizeof(anchor),
		    diag);
	while (!err && strcmp(anchor, report_anchor_name(r->anchor)) != 0) {
		if (r->anchor == REPORT_PROGRAM)
			err = diag_fail(diag, ERR_INVALID, NULL,
			    "anchor: no such one");
		else
			r->anchor++;
	}
	return err;
}

static enum err
line_take(void *ctx, const struct json_value *item, struct diag *diag)
{
	struct remote_lines *lines = ctx;
	struct reconcile_line *line = &lines->lines[lines->count];
	uint64_t no = 0;
	enum err err;

	if (lines->count == ORDER_PACKS_MAX)
		return diag_fail(diag, ERR_INVALID, NULL, "too many packs");
	err = json_get_number(item, "pack", UINT32_MAX, 0, &no, diag);
	line->no = (uint32_t)no;
	if (!err && no != lines->count + 1)
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "pack: another was expected");
	if (!err)
		err = json_get_text(item, "station", line->station,
		    sizeof(line->station), diag);
	if (!err)
		err = station_name_check(line->station, diag);
	if (!err)
		err = json_get_number(item, "count", COUNT_MAX, 0,
		    &line->count, diag);
	if (!err)
		err = json_get_flag(item, "complete", false, &line->complete,
		    diag);
	if (!err)
		err = json_get_flag(item, "ended", false, &line->ended, diag);
	if (!err)
		err = figures_get(item, line, diag);
	if (!err)
		err = report_get(item, &line->reported, diag);
	lines->count++;
	return err;
}

enum err
remote_reconciliation(struct cmd *cmd, uint32_t order,
    struct remote_lines *lines)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	enum err err;

	lines->lines = calloc(ORDER_PACKS_MAX, sizeof(*lines->lines));
	if (lines->lines == NULL)
		return diag_nomem(&cmd->diag);
	err = remote_order_ask(cmd, order, "reconciliation", &answer);
	if (err)
		return err;
	err = time_get(answer, "created", &lines->created, &cmd->diag);
	if (!err)
		err = json_each_object(answer, "packs", line_take, lines,
		    &cmd->diag);
	return err ? unread(cmd, err) : ERR_OK;
}

struct exposing {
	enum err (*each)(void *ctx, const struct station_exposed *);
	void	*ctx;
};

static enum err
exposed_take(void *ctx, const struct json_value *item, struct diag *diag)
{
	struct station_exposed found = { .order = 0 };
	const struct exposing *e = ctx;
	uint64_t order = 0, pack = 0;
	const struct number numbers[] = { { "order", &order },
		{ "pack", &pack }, { "identities", &found.identities },
		{ "claim_codes", &found.codes } };
	enum err err;

	err = numbers_get(item, numbers, sizeof(numbers) /
	    sizeof(numbers[0]), diag);
	if (!err)
		err = json_get_flag(item, "keys", false, &found.keys, diag);
	if (!err && (order > UINT32_MAX || pack > UINT32_MAX))
		err = diag_fail(diag, ERR_INVALID, NULL, "no such order");
	found.order = (uint32_t)order;
	found.pack = (uint32_t)pack;
	return err ? err : e->each(e->ctx, &found);
}

enum err
remote_exposed_each(struct cmd *cmd, const char *station,
    enum err (*each)(void *ctx, const struct station_exposed *), void *ctx,
    bool *ret_more)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	struct exposing e = { each, ctx };
	char target[TARGET_SIZE];
	enum err err;

	(void)snprintf(target, sizeof(target), "/v1/stations/%s/exposed",
	    station);
	err = remote_ask(cmd, "GET", target, &answer);
	if (err)
		return err;
	err = json_each_object(answer, "exposed", exposed_take, &e,
	    &cmd->diag);
	if (!err)
		err = json_get_flag(answer, "more", false, ret_more,
		    &cmd->diag);
	return err ? unread(cmd, err) : ERR_OK;
}
