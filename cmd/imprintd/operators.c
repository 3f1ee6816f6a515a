/*
 * Operators and stations over the network. A front carries what they sign and
 * is believed nothing: the signature, its time and its order are checked here.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/imprintd/desk.h"
#include "lib/authority/acknowledge.h"
#include "lib/authority/chosen.h"
#include "lib/authority/order_run.h"
#include "lib/authority/publish.h"
#include "lib/authority/query.h"
#include "lib/authority/request.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/base/json_write.h"

#define RESULT_MAX	((size_t)60 << 10)	/* that an answer has room
						 * for, as base64url */
#define RETRY_S		10
#define ACTION_AHEAD_S	5

static void
failed_put(struct desk_peer *peer, uint64_t call, enum err err,
    unsigned retry_s, const struct diag *diag)
{
	static const struct {
		enum err	 err;
		unsigned	 status;
		const char	*reason;
	} statuses[] = {
		{ ERR_NOTFOUND, 404, "not-found" },
		{ ERR_SYNTAX, 400, "malformed" },
		{ ERR_LIMIT, 400, "limit" },
		{ ERR_VERSION, 400, "version" },
		{ ERR_UNSUPPORTED, 400, "unsupported" },
		{ ERR_INVALID, 422, "invalid" },
		{ ERR_AUTH, 403, "signature" },
		{ ERR_PERMISSION, 403, "not-allowed" },
		{ ERR_CONFLICT, 409, "conflict" },
		{ ERR_EXISTS, 409, "exists" },
		{ ERR_STATE, 409, "state" },
		{ ERR_CLOCK, 409, "time" },
		{ ERR_BUSY, 503, "busy" },
		{ ERR_NOSPACE, 503, "disk" },
	};
	struct internal_refusal refusal = { .status = 500,
		.reason = "internal" };
	size_t i;

	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].err == err) {
			refusal.status = statuses[i].status;
			(void)snprintf(refusal.reason,
			    sizeof(refusal.reason), "%s",
			    statuses[i].reason);
		}
	if (refusal.status == 503)
		refusal.retry_after_s = retry_s;
	(void)snprintf(refusal.detail, sizeof(refusal.detail), "%s%s%s",
	    refusal.status == 500 ? "the authority's log says why" :
	    diag->what, refusal.status != 500 && diag->hint[0] != '\0' ?
	    "; " : "", refusal.status == 500 ? "" : diag->hint);
	if (refusal.status == 500 || err == ERR_NOSPACE)
		log_diag("authority", "what was signed fails", diag);
	refusal_put(peer, call, &refusal);
}

static void
json_answer(struct desk_peer *peer, uint64_t call, const struct buf *json)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	cbor_put_bstr(&body, buf_bytes(json));
	answer_put(peer, call, INTERNAL_ANSWER, &body);
}

/*
 * Whoever carries requests could hold one back and bring it after a later
 * one. So each of an operator must be made after the last that was carried
 * out, or refused and on record; and after this process began, which knows of
 * those before only what is on record as carried out.
 */
static int64_t
floor_of(const struct desk *desk, const char *operator)
{
	size_t i;

	for (i = 0; i < FLOORS_MAX; i++)
		if (strcmp(desk->floors[i].operator, operator) == 0)
			return desk->floors[i].time;
	return desk->floor > desk->began ? desk->floor : desk->began;
}

static void
floor_raise(struct desk *desk, const char *operator, int64_t time)
{
	struct desk_floor *lowest = &desk->floors[0];
	size_t i;

	if (time <= floor_of(desk, operator))
		return;
	for (i = 0; i < FLOORS_MAX; i++) {
		if (strcmp(desk->floors[i].operator, operator) == 0)
			break;
		if (desk->floors[i].time < lowest->time)
			lowest = &desk->floors[i];
	}
	if (i < FLOORS_MAX)
		lowest = &desk->floors[i];
	else if (lowest->time > desk->floor)
		desk->floor = lowest->time;	/* it makes room */
	(void)snprintf(lowest->operator, sizeof(lowest->operator), "%s",
	    operator);
	lowest->time = time;
}

static void
floor_found(void *desk, const char *operator, int64_t time)
{
	floor_raise(desk, operator, time);
}

/* An operator's clock may be ahead: of what was carried out before, some may
 * be of a later time than now. */
enum err
operators_begin(struct desk *desk, struct diag *diag)
{
	return request_each_since(desk->authority, desk->began -
	    REQUEST_SKEW_S, floor_found, desk, diag);
}

enum err
operators_keep(struct desk *desk, int64_t now, struct diag *diag)
{
	if (now >= desk->began - REQUEST_SKEW_S)
		return ERR_OK;
	log_line("authority", "the clock went back to long before this "
	    "server began: operators' requests are taken from now on");
	desk->began = now;
	return operators_begin(desk, diag);
}

/* All that can be said before something is on record: what was signed once
 * can be brought again and again. */
static enum err
request_check(struct desk *desk, const struct request_seen *seen,
    const struct desk_upload *upload, int64_t now,
    struct desk_handed *handed, struct diag *diag)
{
	enum err err;

	if (seen->other)
		return diag_fail(diag, ERR_CONFLICT, NULL, "request: its id "
		    "was carried out before with other content");
	if (seen->known)	/* it has its answer */
		return ERR_OK;
	err = request_offer(desk, seen->type, true, diag);
	if (!err)
		err = signed_fresh("request", seen->time, now, diag);
	if (!err)
		err = upload_give(upload, seen, handed, diag);
	if (err || seen->time > floor_of(desk, seen->operator))
		return err;
	err = diag_fail(diag, ERR_CLOCK, NULL, "request: not made after the "
	    "last one of operator %s, or before this server began",
	    seen->operator);
	diag_hint(diag, "sign it again");
	return err;
}

/* null: too long, or it cannot be made short. It was carried out, whatever
 * becomes of its answer. */
static void
result_put(struct json *json, enum request_type type, struct bytes result)
{
	_cleanup_buf_ struct buf brief = BUF_INIT;
	struct diag diag = DIAG_INIT;
	enum err err = ERR_OK;

	json_key(json, bytes_text("result"));
	if (type == REQUEST_STATUS || type == REQUEST_STATUS_CHOSEN) {
		err = chosen_answer_brief(result, &brief, &diag);
		result = buf_bytes(&brief);
	}
	if (err)
		log_diag("authority", "an answer that is left out", &diag);
	if (err || result.len > RESULT_MAX)
		buf_printf(json->b, "null");
	else
		json_put_base64url(json, result);
}

static enum err
request_run(struct desk *desk, struct bytes request, bool *ret_signed,
    struct buf *json_out, struct diag *diag)
{
	struct json json = { .b = json_out, .line = true };
	_cleanup_buf_ struct buf result = BUF_INIT;
	struct desk_handed handed = { .with.file = NULL };
	struct desk_upload *upload = NULL;
	const struct diag *warning;
	int64_t now = time_now();
	struct request_seen seen;
	enum err err;

	/* before anything is on record: strangers could fill the log */
	err = request_look(desk->authority, request, &seen, diag);
	*ret_signed = err == ERR_OK;
	/* a repeat needs no file: another one may be on its way */
	if (!err && !seen.known && (seen.with_file || seen.with_devices))
		upload = upload_find(desk, seen.operator);
	if (!err)
		err = request_check(desk, &seen, upload, now, &handed, diag);
	if (err)
		return err;
	err = authority_submit_files(desk->authority, request, &handed.with,
	    now, &result, diag);
	if (!err && upload != NULL)
		upload_release(upload);
	if (!err && seen.type == REQUEST_ORDER_CANCEL)
		parts_remove(desk);
	if (!seen.known && (!err || request_is_refusal(err)))
		floor_raise(desk, seen.operator, seen.time);
	if (err)
		return err;
	warning = authority_warning(desk->authority);
	json_open(&json, '{');
	json_put_number(&json, "type", seen.type);
	json_put_flag(&json, "repeated", seen.known);
	result_put(&json, seen.type, buf_bytes(&result));
	json_put_some(&json, "warning", bytes_text(warning != NULL ?
	    warning->what : ""));
	json_close(&json, '}');
	return buf_err(json_out);
}

bool
operator_request(struct desk *desk, struct desk_peer *peer,
    const struct internal_message *message)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct diag diag = DIAG_INIT;
	bool is_signed = false;
	struct bytes request;
	enum err err;

	if (internal_get_octets(message->body, INTERNAL_SIZE_MAX, &request,
	    &diag) != ERR_OK)
		return false;
	err = request_run(desk, request, &is_signed, &json, &diag);
	peer->asked = peer->asked || is_signed;
	if (err)
		failed_put(peer, message->call, err, RETRY_S, &diag);
	else
		json_answer(peer, message->call, &json);
	return true;
}

/* Queries. */

/* Each starts or stops something once. */
static enum err
action_check(const struct desk *desk, const struct query *query,
    struct diag *diag)
{
	int64_t now = time_now();

	/* those of before are not known any more */
	if (query->time > desk->began && query->time <= now + ACTION_AHEAD_S)
		return ERR_OK;
	return diag_fail(diag, ERR_CLOCK, NULL, "query: made %s",
	    query->time > now ? "by a clock that is ahead: set both "
	    "clocks" : "before this server began: sign it again");
}

static enum err
action_once(struct desk *desk, const struct query *query, struct diag *diag)
{
	enum err err;

	err = action_check(desk, query, diag);
	return err ? err : once_take(desk, ONCE_ACTION, query, diag);
}

/* It may take long: who carries it cannot have it done over and over. */
static enum err
dry_run_once(struct desk *desk, const struct query *query, const char *more,
    struct bytes body, struct buf *json, struct diag *diag)
{
	enum err err;

	err = once_take(desk, ONCE_LOOK, query, diag);
	return err ? err : dry_run(desk, more, body, json, diag);
}

static enum err
exposed_once(struct desk *desk, const struct query *query,
    const char *station, struct buf *json, struct diag *diag)
{
	enum err err;

	err = once_take(desk, ONCE_LOOK, query, diag);
	return err ? err : resource_exposed(desk, station, json, diag);
}

static enum err
query_none(const char *more, struct diag *diag)
{
	return more[0] == '\0' ? ERR_OK : diag_fail(diag, ERR_INVALID, NULL,
	    "query: none is allowed here");
}

static enum err
order_run_begin(struct desk *desk, const struct store_order *order,
    uint64_t workers, struct diag *diag)
{
	enum err err = ERR_OK;

	if (order->state != ORDER_OPEN)
		err = diag_fail(diag, ERR_STATE, NULL,
		    "order %u: is not open", order->number);
	else if (desk->run.wanted && desk->run.order != order->number)
		err = run_busy(desk, diag);
	else if (!desk->run.wanted)
		desk->run = (struct desk_run){ .wanted = true,
			.order = order->number,
			.workers = (unsigned)workers };
	return err;
}

/*
 * Only what stops a run is remembered, so that it stops no later one: what
 * does nothing may be brought again as it may be held back.
 */
static enum err
order_run_stop(struct desk *desk, const struct query *query,
    const struct store_order *order, struct diag *diag)
{
	enum err err;

	err = action_check(desk, query, diag);
	if (err || !desk->run.wanted || desk->run.gone ||
	    desk->run.order != order->number)
		return err;
	err = once_take(desk, ONCE_STOP, query, diag);
	desk->run.gone = err == ERR_OK;
	return err;
}

static enum err
order_act(struct desk *desk, const struct query *query, const char *word,
    const char *verb, const char *more, struct buf *json, struct diag *diag)
{
	bool run = strcmp(verb, "run") == 0;
	struct store_order order;
	uint64_t workers = 0;
	enum err err;

	err = resource_order(desk, word, json, &order, diag);
	if (!err)
		err = run ? query_number(more, "workers", WORKERS_MAX,
		    &workers, diag) : query_none(more, diag);
	if (!err && run)
		err = action_once(desk, query, diag);
	if (!err)
		err = run ? order_run_begin(desk, &order, workers, diag) :
		    order_run_stop(desk, query, &order, diag);
	buf_clear(json);
	return err ? err : resource_order(desk, word, json, NULL, diag);
}

/* As it is due, whenever; for so many days, once each time it is asked. */
static enum err
publish_act(struct desk *desk, const struct query *query, const char *more,
    struct buf *json, struct diag *diag)
{
	uint64_t days = 0;
	enum err err;

	err = query_number(more, "days", PUBLISH_DAYS_MAX, &days, diag);
	if (!err && days != 0)
		err = action_once(desk, query, diag);
	return err ? err : publish_now(desk, (unsigned)days, json, diag);
}

static enum err
query_post(struct desk *desk, const struct query *query, char *path,
    const char *more, struct bytes body, struct buf *json, struct diag *diag)
{
	static const char orders[] = "/v1/orders/";
	char *word = path + sizeof(orders) - 1, *verb;

	if (strcmp(path, "/v1/publish") == 0)
		return publish_act(desk, query, more, json, diag);
	if (strcmp(path, "/v1/dry-run") == 0)
		return dry_run_once(desk, query, more, body, json,
		    diag);
	if (strcmp(path, "/v1/files") == 0)
		return upload_take(desk, query->operator, more, body, json,
		    diag);
	verb = strncmp(path, orders, sizeof(orders) - 1) == 0 ?
	    strchr(word, '/') : NULL;
	if (verb == NULL || (strcmp(verb, "/run") != 0 &&
	    strcmp(verb, "/stop") != 0))
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "path: there is nothing of that name");
	*verb++ = '\0';
	return order_act(desk, query, word, verb, more, json, diag);
}

/* WORD, WORD/document, WORD/jwt. */
static enum err
identity_get(struct desk *desk, char *word, const char *query,
    struct buf *json, struct diag *diag)
{
	char *verb = strrchr(word, '/');
	bool jwt = verb != NULL && strcmp(verb, "/jwt") == 0;

	enum err err;

	if (!jwt && (verb == NULL || strcmp(verb, "/document") != 0)) {
		err = query_none(query, diag);
		return err ? err : resource_identity(desk, word, json, diag);
	}
	*verb = '\0';
	return resource_document(desk, word, query, jwt, json, diag);
}

/* Then it is taken off. */
static bool
verb_is(char *word, const char *verb)
{
	char *slash = strchr(word, '/');

	if (slash == NULL || strcmp(slash, verb) != 0)
		return false;
	*slash = '\0';
	return true;
}

static enum err
order_get(struct desk *desk, char *word, const char *more, struct buf *json,
    struct diag *diag)
{
	enum err err;

	if (!verb_is(word, "/reconciliation"))
		return resource_order_part(desk, word, more, json, diag);
	err = query_none(more, diag);
	return err ? err : resource_reconciliation(desk, word, json, diag);
}

/* What follows it, or NULL. */
static char *
after(char *path, const char *begin)
{
	size_t len = strlen(begin);

	return strncmp(path, begin, len) == 0 ? path + len : NULL;
}

/* What takes no query; else a list. */
static enum err
thing_get(struct desk *desk, const struct query *query, char *path,
    const char *more, struct buf *json, struct diag *diag)
{
	const char *device = after(path, "/v1/devices/");
	const char *product = after(path, "/v1/products/");
	bool signers = strcmp(path, "/v1/document-signers") == 0;
	char *station = after(path, "/v1/stations/");
	bool logs = strcmp(path, "/v1/logs") == 0;
	enum err err;

	if (station != NULL && !verb_is(station, "/exposed"))
		station = NULL;
	if (station == NULL && device == NULL && product == NULL &&
	    !signers && !logs)
		return resource_list(desk, path, more, json, diag);
	err = query_none(more, diag);
	if (err)
		return err;
	if (station != NULL)
		return exposed_once(desk, query, station, json, diag);
	if (device != NULL)
		return resource_device(desk, device, json, diag);
	if (product != NULL)
		return resource_product(desk, product, json, diag);
	return signers ? resource_signers(desk, json, diag) :
	    resource_logs(desk, json, diag);
}

static enum err
query_get(struct desk *desk, const struct query *query, char *path,
    const char *more, struct buf *json, struct diag *diag)
{
	char *order = after(path, "/v1/orders/");
	char *identity = after(path, "/v1/identities/");

	if (order != NULL)
		return order_get(desk, order, more, json, diag);
	if (identity != NULL)
		return identity_get(desk, identity, more, json, diag);
	return thing_get(desk, query, path, more, json, diag);
}

static enum err
query_run(struct desk *desk, const struct internal_query *asked,
    bool *ret_signed, struct buf *json, struct diag *diag)
{
	struct query query;
	char *mark;
	enum err err;

	err = query_verify(desk->authority, asked->octets, time_now(),
	    &query, diag);
	*ret_signed = err == ERR_OK;
	if (err)
		return err;
	if (strcmp(query.method, asked->method) != 0 ||
	    strcmp(query.target, asked->target) != 0)
		return diag_fail(diag, ERR_AUTH, NULL, "query: signed for "
		    "another method or path");
	mark = strchr(query.target, '?');
	if (mark != NULL)
		*mark++ = '\0';
	if (strcmp(query.method, "GET") == 0)
		return query_get(desk, &query, query.target, mark != NULL ?
		    mark : "", json, diag);
	return query_post(desk, &query, query.target, mark != NULL ? mark :
	    "", asked->body, json, diag);
}

bool
operator_query(struct desk *desk, struct desk_peer *peer,
    const struct internal_message *message)
{
	_cleanup_buf_ struct buf json = { .limit = INTERNAL_SIZE_MAX - 64 };
	struct internal_query asked;
	struct diag diag = DIAG_INIT;
	bool is_signed = false;
	enum err err;

	if (internal_get_query(message->body, &asked, &diag) != ERR_OK)
		return false;
	desk->retry_s = RETRY_S;
	err = query_run(desk, &asked, &is_signed, &json, &diag);
	peer->asked = peer->asked || is_signed;
	if (!err)
		err = buf_err(&json);
	if (err)
		failed_put(peer, message->call, err, desk->retry_s, &diag);
	else
		json_answer(peer, message->call, &json);
	return true;
}

/* Stations. */

bool
station_head(struct desk *desk, struct desk_peer *peer,
    const struct internal_message *message)
{
	_cleanup_buf_ struct buf answer = BUF_INIT, body = BUF_INIT;
	const struct diag *warning;
	struct diag diag = DIAG_INIT;
	struct bytes head;
	enum err err;

	if (internal_get_octets(message->body, INTERNAL_SIZE_MAX, &head,
	    &diag) != ERR_OK)
		return false;
	err = acknowledge_head(desk->authority, head, time_now(), &answer,
	    &diag);
	/* a station's was worth its turn */
	peer->asked = peer->asked || !err || err == ERR_BUSY;
	if (err) {
		failed_put(peer, message->call, err, ACKNOWLEDGE_GAP_S,
		    &diag);
		return true;
	}
	warning = authority_warning(desk->authority);
	if (warning != NULL)
		log_diag("authority", "the anchor cannot be moved", warning);
	cbor_put_bstr(&body, buf_bytes(&answer));
	answer_put(peer, message->call, INTERNAL_ANSWER, &body);
	return true;
}
