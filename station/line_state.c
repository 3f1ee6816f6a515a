/* What the line leader sees: orders, fixtures, rates. */
#include "lib/base/clock.h"
#include "station/line_internal.h"

#define MINUTE_S	60

struct line_fixture *
line_fixture(struct line *line, const char *name)
{
	struct line_fixture *f;
	size_t i;

	for (i = 0; i < line->fixture_count; i++)
		if (strcmp(line->fixtures[i].name, name) == 0)
			return &line->fixtures[i];
	if (line->fixture_count == TOKENS_MAX)
		return NULL;
	f = &line->fixtures[line->fixture_count++];
	memcpy(f->name, name, strlen(name) + 1);
	return f;
}

/* Minutes that have gone by leave the row; a clock set back empties it. */
static void
minutes_move(struct line_fixture *f, int64_t minute)
{
	int64_t gone = minute - f->minute;

	if (gone < 0 || gone > RATE_MINUTES)
		gone = RATE_MINUTES;
	for (; gone > 0; gone--)
		f->done[(minute + RATE_MINUTES - gone + 1) %
		    RATE_MINUTES] = 0;
	f->minute = minute;
}

void
line_count(struct line *line, const struct line_request *r,
    enum floor_code code)
{
	struct line_fixture *f = line_fixture(line, r->call.fixture);
	int64_t minute = r->call.now / MINUTE_S;

	if (f == NULL)
		return;
	f->last = r->call.now;
	minutes_move(f, minute);
	if (code >= FLOOR_BAD_REQUEST) {
		f->refused += r->verb != LINE_QUERY;
	} else if (code == FLOOR_OK && r->verb == LINE_RESERVE) {
		f->reserved++;
	} else if (code == FLOOR_OK && r->verb == LINE_COMMIT) {
		f->injected++;
		f->done[minute % RATE_MINUTES]++;
	} else if (code == FLOOR_OK && r->verb == LINE_SCRAP) {
		f->scrapped++;
	}
}

static uint64_t
rate_of(struct line_fixture *f, int64_t now)
{
	uint64_t sum = 0;
	size_t i;

	minutes_move(f, now / MINUTE_S);
	for (i = 0; i < RATE_MINUTES; i++)
		sum += f->done[i];
	return sum;
}

static void
order_put(struct json *json, const struct floor_order *o)
{
	json_next(json);
	json_open(json, '{');
	json_put_number(json, "order", o->order);
	json_put_text(json, "product", bytes_text(o->product));
	json_put_number(json, "count", o->count);
	json_put_number(json, "left", o->unused);
	json_put_number(json, "reserved", o->reserved);
	json_put_number(json, "injected", o->injected);
	json_put_number(json, "unproven", o->unproven);
	json_put_number(json, "scrapped", o->scrapped);
	json_put_number(json, "reworked", o->reworked);
	json_put_flag(json, "low", o->low);
	json_put_flag(json, "closed", o->closed);
	json_close(json, '}');
}

static void
fixture_put(struct json *json, struct line_fixture *f, int64_t now)
{
	char last[TIME_TEXT_SIZE] = "";

	if (f->last != 0)
		time_format(f->last, last);
	json_next(json);
	json_open(json, '{');
	json_put_text(json, "fixture", bytes_text(f->name));
	json_put_number(json, "reserved", f->reserved);
	json_put_number(json, "injected", f->injected);
	json_put_number(json, "scrapped", f->scrapped);
	json_put_number(json, "refused", f->refused);
	json_put_number(json, "rate", rate_of(f, now));
	json_put_text(json, "last", bytes_text(last));
	json_close(json, '}');
}

static void
orders_put(struct json *json, const struct line *line)
{
	struct floor_order order;
	uint64_t left = 0;
	size_t i;

	json_key(json, bytes_text("orders"));
	json_open(json, '[');
	for (i = 0; i < floor_order_count(line->floor); i++) {
		floor_order_at(line->floor, i, &order);
		order_put(json, &order);
		left += order.closed ? 0 : order.unused;
	}
	json_close(json, ']');
	json_put_number(json, "left", left);
}

/* Packs that cannot be read. */
static void
unread_put(struct json *json, const struct line *line)
{
	const struct station *s = line->station;
	size_t i;

	json_key(json, bytes_text("unreadable"));
	json_open(json, '[');
	for (i = 0; i < s->pack_count; i++) {
		if (!floor_unread(line->floor, i))
			continue;
		json_next(json);
		buf_put_u8(json->b, '"');
		buf_put_hex(json->b, bytes_of(s->packs[i].id,
		    PACKAGE_ID_SIZE));
		buf_put_u8(json->b, '"');
	}
	json_close(json, ']');
}

void
line_state_handle(void *ctx, struct http_request *http)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct json json = { .b = &body, .line = true };
	struct line *line = ctx;
	int64_t now = time_now();
	uint64_t rate = 0;
	size_t i;

	json_open(&json, '{');
	json_put_number(&json, "code", FLOOR_OK);
	json_put_text(&json, "station",
	    bytes_text(line->station->statement.name));
	json_put_time(&json, "time", now);
	json_put_time(&json, "since", line->start);
	orders_put(&json, line);
	unread_put(&json, line);
	json_key(&json, bytes_text("fixtures"));
	json_open(&json, '[');
	for (i = 0; i < line->fixture_count; i++) {
		fixture_put(&json, &line->fixtures[i], now);
		rate += rate_of(&line->fixtures[i], now);
	}
	json_close(&json, ']');
	json_put_number(&json, "rate", rate);
	json_put_number(&json, "strangers", line->strangers);
	json_put_text(&json, "anchor", bytes_text(line->station->anchor.kind
	    == LEDGER_ANCHOR_NONE ? "none" : line->station->anchor.held &&
	    !line->station->anchor.silent ? "held" : "behind"));
	json_close(&json, '}');
	http_reply(http, HTTP_OK, HTTP_JSON, &body);
}
