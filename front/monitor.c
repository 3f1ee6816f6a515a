/* Is it there, can it be used, and what has it done. */
#include "front/front_internal.h"

#include "lib/base/clock.h"

#define HEARD_NS	INT64_C(10000000000)	/* two figures missed */
#define METRICS	"text/plain; version=0.0.4; charset=utf-8"

static void
text_reply(struct front *front, struct http_request *r,
    enum http_status status, const char *text)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	buf_printf(&body, "%s\n", text);
	http_reply(r, status, "text/plain", &body);
	front_count(front, status);
}

/* The process answers: that is all a watchdog should restart it for. */
void
health_handle(void *ctx, struct http_request *r)
{
	text_reply(ctx, r, HTTP_OK, "ok");
}

void
ready_handle(void *ctx, struct http_request *r)
{
	struct front *front = ctx;
	const char *why = NULL;

	if (front->away)
		why = "the authority is not there";
	else if (front->ready && time_monotonic_ns() - front->heard_ns >
	    HEARD_NS)
		why = "the authority does not answer";
	else if (!front->ready)
		why = "the authority is not ready";
	else if ((int64_t)front->counts[COUNT_CERTIFICATE_END] <= time_now())
		why = "the TLS certificate has expired";
	text_reply(front, r, why == NULL ? HTTP_OK : HTTP_UNAVAILABLE,
	    why == NULL ? "ready" : why);
}

void
metrics_handle(void *ctx, struct http_request *r)
{
	struct http_call *call = http_defer(r);

	if (call != NULL)
		figures_send(ctx, call);
}

void
figures_send(struct front *front, struct http_call *reply)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct http_request *r;

	front->counts[COUNT_CONNECTIONS] =
	    http_server_connections(front->server);
	internal_put_counts(&body, front->counts);
	if (buf_err(&body) == ERR_OK && link_ask(front, INTERNAL_FIGURES,
	    buf_bytes(&body), reply))
		return;
	r = reply == NULL ? NULL : http_call_request(reply);
	if (r != NULL)
		link_refuse(front, r);
	http_call_end(&reply);
}

void
figures_answered(struct front *front, struct front_call *call,
    const struct internal_message *message)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct internal_figures figures;
	struct http_request *r;

	if (message->type != INTERNAL_ANSWER ||
	    internal_get_figures(message->body, &figures, NULL) != ERR_OK)
		return;
	front->ready = figures.ready;
	if (figures.generation != front->welcome.generation)
		welcome_ask(front);
	r = call->reply == NULL ? NULL : http_call_request(call->reply);
	if (r == NULL)
		return;
	buf_put_bytes(&body, figures.text);
	http_reply(r, HTTP_OK, METRICS, &body);
	front_count(front, HTTP_OK);
}
