#include "verify/service/service.h"

#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/json_write.h"
#include "verify/service/question.h"

#define CONNECTIONS_MAX	256
#define IDLE_S		60
#define REQUEST_S	10
#define STOP_S		5
#define LOOK_S		2

static void
refuse(struct http_request *r, enum http_status status, const char *what)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct json json = { .b = &body, .line = true };

	json_open(&json, '{');
	json_put_text(&json, "error", bytes_text(what));
	json_close(&json, '}');
	buf_printf(&body, "\n");
	http_reply(r, status, HTTP_JSON, &body);
}

/* false: it was refused, nothing could be decided. */
static bool
decide(struct gate *gate, struct http_request *r, struct question *q,
    struct imprint_answer *ret_answer)
{
	int code;

	q->ask.now = time_now();
	code = imprint_verify(gate->verifier, &q->ask, ret_answer);
	if (code == IMPRINT_OK)
		return true;
	refuse(r, HTTP_SERVER_ERROR, imprint_error_name(code));
	return false;
}

static void
verify_handle(void *ctx, struct http_request *r)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct imprint_answer answer;
	struct question q;
	enum err err;

	/* a web page that a person here looks at could send any other type
	 * unasked */
	if (!http_type_is(http_field(r, "content-type"), HTTP_JSON)) {
		refuse(r, HTTP_UNSUPPORTED_TYPE,
		    "header: content-type: send " HTTP_JSON);
		return;
	}
	err = question_read_json(http_body(r), &q, &diag);
	if (err) {
		refuse(r, err == ERR_NOMEM ? HTTP_SERVER_ERROR :
		    HTTP_BAD_REQUEST, diag.what);
		return;
	}
	if (!decide(ctx, r, &q, &answer))
		return;
	answer_put_json(&body, &answer);
	http_reply(r, HTTP_OK, HTTP_JSON, &body);
}

/* Everything of the reply is in its fields too: a proxy sees only those. */
static void
auth_reply(struct http_request *r, enum http_status status,
    const struct imprint_answer *answer)
{
	_cleanup_buf_ struct buf body = BUF_INIT, ueid = BUF_INIT;
	char code[16];

	(void)snprintf(code, sizeof(code), "%d", answer->verdict);
	http_reply_field(r, "X-Imprint-Code", code);
	http_reply_field(r, "X-Imprint-Reason", answer->reason);
	/* a device's certificate in TLS; RFC 9110 15.5.2 wants a word */
	if (status == HTTP_UNAUTHORIZED)
		http_reply_field(r, "WWW-Authenticate", "Imprint");
	if (status == HTTP_OK) {
		buf_put_hex(&ueid, bytes_of(answer->ueid, answer->ueid_len));
		http_reply_field(r, "X-Imprint-UEID", buf_text(&ueid));
	}
	answer_put_json(&body, answer);
	http_reply(r, status, HTTP_JSON, &body);
}

/* What a proxy was sent is a stranger's: it denies, with these words. */
static void
auth_deny(struct http_request *r, enum http_status status,
    enum imprint_verdict verdict, const char *reason)
{
	struct imprint_answer answer = { .verdict = verdict };
	size_t i;

	for (i = 0; i + 1 < sizeof(answer.reason) && reason[i] != '\0'; i++)
		answer.reason[i] = reason[i] < 0x20 || reason[i] > 0x7e ||
		    reason[i] == '"' || reason[i] == '\\' ? '?' : reason[i];
	auth_reply(r, status, &answer);
}

/* A proxy that adds a field, and does not replace the client's, would let the
 * client choose. */
static const char *
field_twice(const struct http_request *r)
{
	static const char *const once[] = { "X-Client-Cert",
		"X-Device-Document", "X-Object", "X-Permission" };
	size_t i;

	for (i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		if (http_field_count(r, once[i]) > 1)
			return once[i];
	return NULL;
}

static void
auth_handle(void *ctx, struct http_request *r)
{
	struct question_fields fields = {
		.certificate = http_field(r, "x-client-cert"),
		.document = http_field(r, "x-device-document"),
		.object = http_field(r, "x-object"),
		.permission = http_field(r, "x-permission"),
		.query = http_query(r),
	};
	const char *twice = field_twice(r);
	struct diag diag = DIAG_INIT;
	struct imprint_answer answer;
	struct question q;
	enum err err;

	q.ask = (struct imprint_question){ 0 };
	if (twice != NULL)
		err = diag_fail(&diag, ERR_INVALID, NULL,
		    "header: %s: stands there twice", twice);
	else
		err = question_read_fields(&fields, &q, &diag);
	if (err == ERR_NOMEM) {
		refuse(r, HTTP_SERVER_ERROR, diag.what);
		return;
	}
	if (err) {
		auth_deny(r, HTTP_FORBIDDEN, IMPRINT_DENY_MALFORMED,
		    diag.what);
		return;
	}
	/* a document can be copied; only the handshake proves the key */
	if (q.ask.certificate == NULL) {
		auth_deny(r, HTTP_UNAUTHORIZED, IMPRINT_DENY,
		    "No device certificate was shown.");
		return;
	}
	if (decide(ctx, r, &q, &answer))
		auth_reply(r, answer.verdict == IMPRINT_ALLOW ? HTTP_OK :
		    HTTP_FORBIDDEN, &answer);
}

static void
health_handle(void *ctx, struct http_request *r)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	bool good;

	good = gate_put_health(ctx, time_now(), &body);
	http_reply(r, good ? HTTP_OK : HTTP_UNAVAILABLE, HTTP_JSON, &body);
}

static void
tick(void *ctx)
{
	gate_look(ctx);
}

static void
hangup(void *ctx)
{
	struct diag diag = DIAG_INIT;
	struct gate *gate = ctx;

	if (gate_reload(gate, &diag) != ERR_OK)
		gate_tell(gate, "trust as before; refused", gate->trust,
		    diag.what);
	else
		gate_tell(gate, "trust read again from", gate->trust, "");
}

enum err
service_address(const char *text, char *ret_address, uint16_t *ret_port,
    struct diag *diag)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - text);
	char address[HTTP_ADDRESS_SIZE];
	uint32_t port = 0;
	size_t i;

	if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	for (i = 1; colon != NULL && colon[i] >= '0' && colon[i] <= '9' &&
	    port <= UINT16_MAX; i++)
		port = port * 10 + (uint32_t)(colon[i] - '0');
	if (len == 0 || len >= sizeof(address) || i == 1 ||
	    colon[i] != '\0' || port > UINT16_MAX)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "listen: not an address and a port, as 127.0.0.1:8446");
	memcpy(address, text, len);
	address[len] = '\0';
	if (!http_is_loopback(address)) {
		(void)diag_fail(diag, ERR_PERMISSION, NULL,
		    "listen: %s is not an address of this machine alone, and"
		    " questions and answers are in plain text: whoever is on"
		    " the way could turn a denial around", address);
		diag_hint(diag, "listen on 127.0.0.1 or [::1], one for each"
		    " machine that has services");
		return ERR_PERMISSION;
	}
	memcpy(ret_address, address, len + 1);
	*ret_port = (uint16_t)port;
	return ERR_OK;
}

enum err
service_new(struct gate *gate, const char *address, uint16_t port,
    struct http_server **ret_server, struct diag *diag)
{
	static const struct http_route routes[] = {
		{ "POST", "/v1/verify", verify_handle },
		{ "GET", "/v1/auth", auth_handle },
		{ "GET", "/healthz", health_handle },
		{ NULL, NULL, NULL }
	};
	const struct http_config config = {
		.address = address, .port = port,
		.body_max = QUESTION_BODY_MAX,
		.connections_max = CONNECTIONS_MAX, .idle_s = IDLE_S,
		.request_s = REQUEST_S, .stop_s = STOP_S, .routes = routes,
		.ctx = gate, .tick = tick, .tick_s = LOOK_S, .hangup = hangup
	};

	return http_server_new(&config, ret_server, diag);
}
