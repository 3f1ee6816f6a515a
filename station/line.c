#include "station/line_internal.h"

#include <stdlib.h>

#include "lib/base/clock.h"

#define TOKENS_FRESH_NS	INT64_C(1000000000)
#define ANSWER_REST	4096	/* of a reserve's, beside the package */

enum http_status
line_status(enum floor_code code)
{
	switch (code) {
	case FLOOR_OK:
	case FLOOR_REPEATED:
		return HTTP_OK;
	case FLOOR_BAD_REQUEST:
		return HTTP_BAD_REQUEST;
	case FLOOR_BAD_TOKEN:
		return HTTP_UNAUTHORIZED;
	case FLOOR_NO_DEVICE:
		return HTTP_NOT_FOUND;
	case FLOOR_NO_PACKAGE:
	case FLOOR_NOT_FOR_CHIP:
	case FLOOR_DONE:
	case FLOOR_SCRAPPED:
	case FLOOR_OTHER_FIXTURE:
	case FLOOR_NOT_THAT:
		return HTTP_CONFLICT;
	case FLOOR_CLOSED:
		return HTTP_GONE;
	case FLOOR_EVIDENCE:
	case FLOOR_NAME:
		return HTTP_UNPROCESSABLE;
	case FLOOR_FULL:
		return HTTP_UNAVAILABLE;
	case FLOOR_BROKEN:
		break;
	}
	return HTTP_SERVER_ERROR;
}

struct line_words
line_words_of(enum floor_code code)
{
	switch (code) {
	case FLOOR_OK:
		return (struct line_words){ "done", "" };
	case FLOOR_REPEATED:
		return (struct line_words){ "done before", "" };
	case FLOOR_BAD_REQUEST:
		return (struct line_words){ "a field is missing, out of"
		    " range or not what was reserved", "docs/protocol/line.md"
		    " says what each call takes" };
	case FLOOR_BAD_TOKEN:
		return (struct line_words){ "no fixture has this token",
		    "send Authorization: Bearer TOKEN; imprint-station"
		    " fixture add makes one" };
	case FLOOR_NO_PACKAGE:
		return (struct line_words){ "no package is left",
		    "import another pack, or ask for another product" };
	case FLOOR_NO_DEVICE:
		return (struct line_words){ "nothing is reserved for this"
		    " device", "reserve first" };
	case FLOOR_NOT_FOR_CHIP:
		return (struct line_words){ "all packages that are left were"
		    " made for other devices", "was its list part of the"
		    " order? Is its id read right?" };
	case FLOOR_DONE:
		return (struct line_words){ "the device is done",
		    "to give it another identity, reserve with rework, its"
		    " reason, and voids, the index of the one it has" };
	case FLOOR_SCRAPPED:
		return (struct line_words){ "the device is scrapped",
		    "if it is good after all, reserve with rework, its"
		    " reason, and voids, the index of the one it has" };
	case FLOOR_OTHER_FIXTURE:
		return (struct line_words){ "another fixture holds the"
		    " device just now", "is its id read right? Try again in"
		    " half a minute" };
	case FLOOR_CLOSED:
		return (struct line_words){ "its order is closed",
		    "reserve from an open order; the identity of a device"
		    " that is done is revoked at the authority: imprint"
		    " revoke" };
	case FLOOR_NOT_THAT:
		return (struct line_words){ "the device has another package"
		    " than the call means, or had one before and the call"
		    " does not say which", "a late copy of a call? Send the"
		    " index that reserve gave; query tells the one that it"
		    " has" };
	case FLOOR_EVIDENCE:
		return (struct line_words){ "the evidence is wrong, or not"
		    " what the product needs", "is the package that was"
		    " written the one that was reserved?" };
	case FLOOR_NAME:
		return (struct line_words){ "a name is not to be told on the"
		    " line, malformed, or another device's",
		    "scan it again" };
	case FLOOR_FULL:
		return (struct line_words){ "the station's disk is full:"
		    " nothing was done", "call the line leader; when there"
		    " is room again, repeat the call" };
	case FLOOR_BROKEN:
		break;
	}
	return (struct line_words){ "the station cannot read or write",
	    "call the line leader; the call may be repeated later" };
}

/* Begins an answer; what NULL: the code's own text. */
static void
answer_open(struct json *json, enum floor_code code, const char *what)
{
	struct line_words words = line_words_of(code);

	json_open(json, '{');
	json_put_number(json, "code", (uint64_t)code);
	json_put_text(json, "text", bytes_text(what != NULL ? what :
	    words.text));
	json_put_some(json, "hint", bytes_text(words.hint));
}

static void
answer_refused(struct http_request *http, enum floor_code code,
    const char *what)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct json json = { .b = &body, .line = true };

	answer_open(&json, code, what);
	json_close(&json, '}');
	if (code == FLOOR_BAD_TOKEN)
		http_reply_field(http, "WWW-Authenticate", "Bearer");
	http_reply(http, line_status(code), HTTP_JSON, &body);
}

void
line_refusal(void *ctx, enum http_status status, const char *what,
    struct buf *body)
{
	struct json json = { .b = body, .line = true };

	(void)ctx;
	answer_open(&json, status == HTTP_SERVER_ERROR ? FLOOR_BROKEN :
	    FLOOR_BAD_REQUEST, what);
	json_close(&json, '}');
}

enum err
line_batch(void *ctx, struct buf *body, struct diag *diag)
{
	struct line *line = ctx;
	enum err err;

	err = ledger_commit(line->station->ledger, diag);
	if (err)
		line_refusal(line, HTTP_SERVER_ERROR, NULL, body);
	return err;
}

void
line_tick(void *ctx)
{
	struct diag why = DIAG_INIT;
	struct line *line = ctx;

	/* what cannot be taken in just now stays for the next time */
	(void)station_take(line->station, time_now(), NULL);
	floor_prepare(line->floor, time_now());
	if (station_anchor_turn(line->station, &line->anchor, time_now(),
	    &why) == ERR_CORRUPT)
		ledger_spoil(line->station->ledger, ERR_CORRUPT, &why);
}

/* The names of a label, the same in every answer. */
static void
names_put(struct json *json, const struct floor_package *package)
{
	size_t i;

	json_key(json, bytes_text("names"));
	json_open(json, '{');
	for (i = 0; i < package->name_count; i++)
		json_put_text(json, package->names[i].kind,
		    bytes_text(package->names[i].text));
	json_close(json, '}');
}

/* unreserved, RFC 3986 2.3; and the colons of addresses */
static void
percent_put(struct buf *b, const char *text)
{
	const uint8_t *at = (const uint8_t *)text;

	for (; *at != '\0'; at++) {
		if ((*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z')
		    || (*at >= 'a' && *at <= 'z') ||
		    strchr("-._~:", *at) != NULL)
			buf_put_u8(b, *at);
		else
			buf_printf(b, "%%%02X", *at);
	}
}

void
line_label_put(struct buf *b, const struct floor_package *package)
{
	size_t i;

	buf_printf(b, "urn:dev:ueid:");
	buf_put_hex(b, bytes_of(package->ueid, package->ueid_len));
	for (i = 0; i < package->name_count; i++) {
		buf_printf(b, "%s", i == 0 ? "?=" : "&");
		percent_put(b, package->names[i].kind);
		buf_put_u8(b, '=');
		percent_put(b, package->names[i].text);
	}
}

/* For products whose owners claim their devices. */
static void
claim_code_put(struct json *json, const struct floor_package *package)
{
	if (package->claim_code[0] != '\0') {
		json_put_text(json, "claim_code",
		    bytes_text(package->claim_code));
		return;
	}
	json_key(json, bytes_text("claim_code"));
	buf_put_bytes(json->b, bytes_text("null"));
}

static void
label_put(struct json *json, const struct floor_package *package)
{
	_cleanup_buf_ struct buf qr = BUF_INIT;

	line_label_put(&qr, package);
	json_key(json, bytes_text("label"));
	json_open(json, '{');
	json_put_hex(json, "ueid", bytes_of(package->ueid,
	    package->ueid_len));
	names_put(json, package);
	claim_code_put(json, package);
	json_put_text(json, "qr", buf_bytes(&qr));
	json_close(json, '}');
}

/* Of a chip's package only the code is known here. */
static void
sealed_put(struct json *json, const struct floor_package *package)
{
	json_put_flag(json, "sealed", true);
	if (package->claim_code[0] == '\0')
		return;
	json_key(json, bytes_text("label"));
	json_open(json, '{');
	claim_code_put(json, package);
	json_close(json, '}');
}

/* What the document says. */
static void
known_put(struct json *json, const struct floor_package *package)
{
	json_put_hex(json, "ueid", bytes_of(package->ueid,
	    package->ueid_len));
	names_put(json, package);
	label_put(json, package);
}

static void
place_put(struct json *json, const uint8_t pack[PACKAGE_ID_SIZE],
    uint64_t position, uint64_t index)
{
	json_put_hex(json, "pack", bytes_of(pack, PACKAGE_ID_SIZE));
	json_put_number(json, "position", position);
	json_put_number(json, "index", index);
}

static void
package_answer(struct http_request *http, enum floor_code code,
    const struct floor_package *package)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct json json = { .b = &body, .line = true };

	/* once and for all: its keys are in no other memory */
	buf_reserve(&body, package->package.len / 3 * 4 + 4 + ANSWER_REST +
	    FLOOR_NAMES_MAX * 4 * sizeof(package->names[0]));
	answer_open(&json, code, NULL);
	json_put_number(&json, "order", package->order);
	place_put(&json, package->pack, package->position, package->index);
	if (package->sealed)
		sealed_put(&json, package);
	else
		known_put(&json, package);
	json_key(&json, bytes_text("nonce"));
	buf_put_u8(&body, '"');
	buf_put_base64(&body, bytes_of(package->nonce, FLOOR_NONCE_SIZE));
	buf_put_bytes(&body, bytes_text("\""));
	if (package->form != FORM_CBOR)
		json_put_text(&json, "form",
		    bytes_text(product_form_name(package->form)));
	json_key(&json, bytes_text("package"));
	buf_put_u8(&body, '"');
	buf_put_base64(&body, secret_bytes(&package->package));
	buf_put_u8(&body, '"');
	json_close(&json, '}');
	http_reply(http, line_status(code), HTTP_JSON, &body);
}

static const char *
state_word(enum station_package state)
{
	switch (state) {
	case STATION_UNUSED: return "unused";
	case STATION_UNKNOWN: return "reserved";
	case STATION_INJECTED: return "injected";
	case STATION_REWORKED: return "reworked";
	case STATION_FAILED: return "failed";
	case STATION_SCRAPPED: return "scrapped";
	}
	return "?";
}

static const char *
evidence_word(enum floor_evidence evidence)
{
	switch (evidence) {
	case FLOOR_UNPROVEN: return "unproven";
	case FLOOR_READBACK: return "readback";
	case FLOOR_SIGNED: return "signature";
	}
	return "?";
}

static void
query_answer(struct http_request *http, enum floor_code code,
    const struct floor_state *state)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct json json = { .b = &body, .line = true };

	answer_open(&json, code, NULL);
	json_put_text(&json, "state", bytes_text(state_word(state->state)));
	place_put(&json, state->pack, state->position, state->index);
	json_put_time(&json, "time", state->time);
	json_put_text(&json, "evidence",
	    bytes_text(evidence_word(state->evidence)));
	json_put_text(&json, "fixture", bytes_text(state->fixture));
	json_close(&json, '}');
	http_reply(http, line_status(code), HTTP_JSON, &body);
}

/* Whose token it is; NULL: nobody's. Read again at most once a second. */
static const struct token *
caller_find(struct line *line, struct http_request *http)
{
	struct bytes token = http_credentials(http, "Bearer");
	int64_t now = time_monotonic_ns();
	struct tokens fresh;

	if (line->tokens_read_ns == 0 ||
	    now - line->tokens_read_ns > TOKENS_FRESH_NS) {
		if (tokens_read(line->station->io, line->station->home,
		    &fresh, NULL) == ERR_OK)
			line->tokens = fresh;
		line->tokens_read_ns = now;
	}
	return token.ptr == NULL ? NULL : tokens_find(&line->tokens, token);
}

static enum err
reserve_run(struct line *line, struct http_request *http,
    const struct line_request *r, enum floor_code *ret_code,
    struct diag *diag)
{
	struct floor_package package = { .package = line->package };
	enum err err;

	err = floor_reserve(line->floor, &r->call, &r->reserve, &package,
	    ret_code, diag);
	if (!err && line_status(*ret_code) == HTTP_OK)
		package_answer(http, *ret_code, &package);
	else if (!err)
		answer_refused(http, *ret_code, NULL);
	secret_clear(&package.package);
	line->package = package.package;
	return err;
}

static enum err
query_run(struct line *line, struct http_request *http,
    const struct line_request *r, enum floor_code *ret_code,
    struct diag *diag)
{
	struct floor_state state = { .time = 0 };
	enum err err;

	err = floor_query(line->floor, &r->call, &state, ret_code, diag);
	if (!err && line_status(*ret_code) == HTTP_OK)
		query_answer(http, *ret_code, &state);
	else if (!err)
		answer_refused(http, *ret_code, NULL);
	return err;
}

static enum err
verb_run(struct line *line, struct http_request *http,
    const struct line_request *r, enum floor_code *ret_code,
    struct diag *diag)
{
	enum err err = ERR_INTERNAL;

	switch (r->verb) {
	case LINE_RESERVE:
		return reserve_run(line, http, r, ret_code, diag);
	case LINE_QUERY:
		return query_run(line, http, r, ret_code, diag);
	case LINE_COMMIT:
		err = floor_commit(line->floor, &r->call, &r->commit,
		    ret_code, diag);
		break;
	case LINE_SCRAP:
		err = floor_scrap(line->floor, &r->call, r->reason, ret_code,
		    diag);
		break;
	}
	if (!err)
		answer_refused(http, *ret_code, NULL);
	return err;
}

static void
line_call(struct line *line, struct http_request *http, enum line_verb verb)
{
	const struct token *token = caller_find(line, http);
	enum floor_code code = FLOOR_BAD_REQUEST;
	struct diag diag = DIAG_INIT;
	struct bytes body = http_body(http);
	struct line_request r;
	enum err err;

	if (token == NULL) {
		line->strangers++;
		answer_refused(http, FLOOR_BAD_TOKEN, NULL);
		return;
	}
	if (verb == LINE_QUERY && body.len == 0)
		err = line_query_read(http_query(http), &r, &diag);
	else
		err = line_request_read(verb, body, &r, &diag);
	if (err) {
		r = (struct line_request){ .verb = verb };
		answer_refused(http, code, diag.what);
	}
	memcpy(r.call.fixture, token->name, sizeof(r.call.fixture));
	r.call.now = time_now();
	if (!err && verb_run(line, http, &r, &code, &diag) != ERR_OK) {
		code = FLOOR_BROKEN;
		answer_refused(http, code, diag.what[0] != '\0' ? diag.what :
		    NULL);
	}
	line_count(line, &r, code);
}

static void
reserve_handle(void *ctx, struct http_request *http)
{
	line_call(ctx, http, LINE_RESERVE);
}

static void
commit_handle(void *ctx, struct http_request *http)
{
	line_call(ctx, http, LINE_COMMIT);
}

static void
scrap_handle(void *ctx, struct http_request *http)
{
	line_call(ctx, http, LINE_SCRAP);
}

static void
query_handle(void *ctx, struct http_request *http)
{
	line_call(ctx, http, LINE_QUERY);
}

static void
page_reply(struct http_request *http, const char *type, const char *text)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	http_reply_field(http, "Content-Security-Policy", "default-src 'none'"
	    "; script-src 'self'; style-src 'self'; connect-src 'self';"
	    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	http_reply_field(http, "Referrer-Policy", "no-referrer");
	buf_put_bytes(&body, bytes_text(text));
	http_reply(http, HTTP_OK, type, &body);
}

static void
page_handle(void *ctx, struct http_request *http)
{
	(void)ctx;
	page_reply(http, HTTP_HTML, line_page_html);
}

static void
style_handle(void *ctx, struct http_request *http)
{
	(void)ctx;
	page_reply(http, "text/css; charset=utf-8", line_page_css);
}

static void
script_handle(void *ctx, struct http_request *http)
{
	(void)ctx;
	page_reply(http, "text/javascript; charset=utf-8", line_page_js);
}

const struct http_route line_routes[] = {
	{ "POST", "/v1/reserve", reserve_handle },
	{ "POST", "/v1/commit", commit_handle },
	{ "POST", "/v1/scrap", scrap_handle },
	{ "POST", "/v1/query", query_handle },
	{ "GET", "/v1/query", query_handle },
	{ "GET", "/v1/line", line_state_handle },
	{ "GET", "/", page_handle },
	{ "GET", "/line.css", style_handle },
	{ "GET", "/line.js", script_handle },
	{ NULL, NULL, NULL }
};

enum err
line_new(struct station *station, struct floor *floor, unsigned anchor_s,
    struct line **ret_line, struct diag *diag)
{
	struct line *line = calloc(1, sizeof(*line));

	if (line == NULL)
		return diag_nomem(diag);
	line->station = station;
	line->floor = floor;
	line->anchor = (struct anchor_turn){
		.call = COUNTER_CALL_INIT, .interval_s = anchor_s
	};
	line->start = time_now();
	*ret_line = line;
	return ERR_OK;
}

void
line_free(struct line **line)
{
	if (*line != NULL) {
		counter_drop(&(*line)->anchor.call);
		secret_release(&(*line)->package);
	}
	free(*line);
	*line = NULL;
}
