#include "front/front.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "front/confine.h"
#include "front/files.h"
#include "front/front_internal.h"
#include "lib/base/clock.h"
#include "lib/proto/est.h"

#define IDLE_S		60
#define REQUEST_S	10
#define STOP_S		10
#define FIGURES_TICKS	5

static const struct http_route routes[] = {
	{ "POST", "/v1/identity", identity_handle },
	{ "GET", EST_PATH "*", est_get_handle },
	{ "POST", EST_PATH "*", est_post_handle },
	{ "POST", "/v1/requests", api_request_handle },
	{ "POST", "/v1/ledger-head", api_ledger_handle },
	{ "GET", "/v1/openapi.json", api_described_handle },
	{ "GET", "/v1/products", api_get_handle },
	{ "GET", "/v1/products/*", api_get_handle },
	{ "GET", "/v1/stations", api_get_handle },
	{ "GET", "/v1/stations/*", api_get_handle },
	{ "GET", "/v1/devices/*", api_get_handle },
	{ "GET", "/v1/chip-makers", api_get_handle },
	{ "GET", "/v1/manufacturers", api_get_handle },
	{ "GET", "/v1/document-signers", api_get_handle },
	{ "GET", "/v1/logs", api_get_handle },
	{ "GET", "/v1/orders", api_get_handle },
	{ "GET", "/v1/orders/*", api_get_handle },
	{ "POST", "/v1/orders/*", api_post_handle },
	{ "GET", "/v1/identities", api_get_handle },
	{ "GET", "/v1/identities/*", api_get_handle },
	{ "GET", "/v1/status", api_get_handle },
	{ "POST", "/v1/dry-run", api_post_handle },
	{ "POST", "/v1/publish", api_post_handle },
	{ "POST", "/v1/files", api_post_handle },
	{ "GET", "/pub/*", files_handle },
	{ "GET", "/healthz", health_handle },
	{ "GET", "/readyz", ready_handle },
	{ NULL, NULL, NULL }
};
static const struct http_route monitor_routes[] = {
	{ "GET", "/metrics", metrics_handle },
	{ "GET", "/healthz", health_handle },
	{ "GET", "/readyz", ready_handle },
	{ NULL, NULL, NULL }
};

void
front_count(struct front *front, enum http_status status)
{
	front->counts[status < 400 ? COUNT_DONE : status < 500 ?
	    COUNT_REFUSED : COUNT_FAILED]++;
}

void
front_refuse(struct front *front, struct http_request *r,
    enum http_status status, const char *reason, const char *detail,
    const char *retry)
{
	if (retry != NULL)
		http_reply_field(r, "Retry-After", retry);
	/* something signed by a key of the ecosystem (RFC 9110 15.5.2) */
	if (status == HTTP_UNAUTHORIZED)
		http_reply_field(r, "WWW-Authenticate", "Imprint");
	http_reply_problem(r, status, reason, detail);
	front_count(front, status);
	front_refused(front, r, status, reason, detail);
}

static const char *
reason_of(enum http_status status)
{
	static const struct {
		enum http_status	 status;
		const char		*reason;
	} reasons[] = {
		{ HTTP_NOT_FOUND, "not-found" },
		{ HTTP_METHOD_NOT_ALLOWED, "method" },
		{ HTTP_CONTENT_TOO_LARGE, "limit" },
		{ HTTP_HEAD_TOO_LARGE, "limit" },
		{ HTTP_VERSION_UNKNOWN, "unsupported" },
		{ HTTP_SERVER_ERROR, "internal" },
	};
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "malformed";
}

/* Refused by the server itself. */
static void
refusal(void *ctx, enum http_status status, const char *what,
    struct buf *body)
{
	front_count(ctx, status);
	http_put_problem(body, status, reason_of(status), what);
}

static void
refused(void *ctx, const struct http_request *r, enum http_status status,
    const char *what)
{
	front_refused(ctx, r, status, reason_of(status), what);
}

static void
tick(void *ctx)
{
	struct front *front = ctx;

	front_second(front);
	link_expire(front);
	/* those who waited were told, and who asked meanwhile is by now */
	if (front->away && front->away_seconds++ > 0)
		http_server_stop(front->server);
	if (front->away)
		return;
	if (front->ticks++ % FIGURES_TICKS == 0)
		figures_send(front, NULL);
	if (key_is_due(front))
		key_renew(front);
}

static void
hangup(void *ctx)
{
	welcome_ask(ctx);
	key_renew(ctx);
}

static enum err
server_make(struct front *front, struct diag *diag)
{
	_cleanup_buf_ struct buf chain = BUF_INIT;
	struct http_config config = {
		.listener = front->config.listener,
		.monitor = front->config.monitor,
		.monitor_routes = monitor_routes, .body_max = BODY_MAX,
		.connections_max = front->config.connections,
		.idle_s = IDLE_S, .request_s = REQUEST_S, .stop_s = STOP_S,
		.routes = routes, .ctx = front, .tick = tick, .tick_s = 1,
		.hangup = hangup, .refusal = refusal,
		.refused = refused, .handshake_failed = handshake_failed,
		.refusal_type = HTTP_PROBLEM
	};
	enum err err;

	err = key_first(front, &chain, diag);
	if (err)
		return err;
	config.certificate = buf_bytes(&chain);
	config.key = secret_bytes(&front->key);
	config.client_trust = buf_bytes(&front->trust);
	config.tickets = front->welcome.tickets;
	err = http_server_new(&config, &front->server, diag);
	secret_release(&front->key);
	if (!err)
		err = http_watch_new(front->server, front->link.fd,
		    link_ready, front, &front->link_watch, diag);
	if (!err && front->files >= 0)
		err = http_watch_new(front->server, front->files,
		    files_ready, front, &front->files_watch, diag);
	return err;
}

static void
front_free(struct front **front)
{
	struct front *f = *front;

	if (f == NULL)
		return;
	if (f->server != NULL) {
		link_drop(f);
		files_drop(f);
	}
	http_watch_free(&f->link_watch);
	http_server_free(&f->server);
	channel_release(&f->link);
	secret_release(&f->key);
	buf_release(&f->trust);
	buf_release(&f->cacerts);
	wipe(f->welcome.tickets, TICKETS_SIZE);
	if (f->files >= 0)
		(void)close(f->files);
	free(f);
	*front = NULL;
}

static enum err
front_start(struct front *front, struct diag *diag)
{
	enum err err = ERR_OK;

	/* first: it must have seen nothing of what comes */
	if (front->config.publish > 0)
		err = files_start(front->config.publish, &front->files,
		    diag);
	if (!err)
		err = channel_open(&front->link, front->config.channel,
		    diag);
	if (!err)
		err = server_make(front, diag);
	if (!err)
		err = confine(CONFINE_FRONT, diag);
	if (!err)	/* until that is answered it is not ready */
		figures_send(front, NULL);
	return err;
}

enum err
front_run(const struct front_config *config, struct diag *diag)
{
	__attribute__((cleanup(front_free))) struct front *front = NULL;
	enum err err;

	front = calloc(1, sizeof(*front));
	if (front == NULL)
		return diag_nomem(diag);
	front->config = *config;
	front->files = -1;
	front->link = (struct channel)CHANNEL_INIT;
	front->trust = (struct buf)BUF_INIT;
	front->cacerts = (struct buf)BUF_INIT;
	err = front_start(front, diag);
	if (!err)
		err = http_server_run(front->server, diag);
	if (!err && front->away)
		err = diag_fail(diag, ERR_STATE, NULL,
		    "front: the authority has ended");
	return err;
}
