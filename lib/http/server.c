#include "lib/http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/json_write.h"
#include "lib/http/server_internal.h"

#define BACKLOG	64

void
server_refuse(struct http_server *server, struct http_request *r,
    enum http_status status, const char *what)
{
	const char *type = server->config.refusal_type != NULL ?
	    server->config.refusal_type : HTTP_JSON;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct json json = { .b = &body, .line = true };

	if (server->config.refusal != NULL) {
		server->config.refusal(server->config.ctx, status, what,
		    &body);
	} else {
		json_open(&json, '{');
		json_put_text(&json, "error", bytes_text(what));
		json_close(&json, '}');
	}
	if (server->config.refused != NULL)
		server->config.refused(server->config.ctx, r, status, what);
	http_reply(r, status, type, &body);
	if (r->status == 0) {	/* no memory: a bare status */
		r->status = HTTP_SERVER_ERROR;
		r->type = type;
	}
}

static bool
route_fits(const struct http_route *route, struct bytes path)
{
	struct bytes want = bytes_text(route->path);

	if (want.len == 0 || want.ptr[want.len - 1] != '*')
		return bytes_equal(path, want);
	want.len--;
	return path.len > want.len &&
	    memcmp(path.ptr, want.ptr, want.len) == 0;
}

/* Methods that a path takes, for Allow (RFC 9110 10.2.1). */
static bool
allowed_put(const struct http_route *route, struct bytes path,
    struct buf *allow)
{
	for (; route->method != NULL; route++)
		if (route_fits(route, path))
			buf_printf(allow, "%s%s%s", allow->len > 0 ? ", " : "",
			    route->method, strcmp(route->method, "GET") == 0 ?
			    ", HEAD" : "");
	return allow->len > 0;
}

static void
request_route(struct http_server *server, struct http_request *r)
{
	_cleanup_buf_ struct buf allow = { .limit = 256 };
	const struct http_route *routes = r->peer->monitor ?
	    server->config.monitor_routes : server->config.routes;
	const struct http_route *route;
	struct bytes path = r->head->path;
	/* the same without its content (RFC 9110 9.3.2) */
	struct bytes method = r->is_head ? bytes_text("GET") :
	    r->head->method;

	for (route = routes; route->method != NULL; route++) {
		if (!route_fits(route, path) ||
		    !bytes_equal(method, bytes_text(route->method)))
			continue;
		route->handle(server->config.ctx, r);
		if (r->status == 0 && r->peer->call == NULL)
			server_refuse(server, r, HTTP_SERVER_ERROR,
			    "no answer could be made: out of memory");
		return;
	}
	if (allowed_put(routes, path, &allow)) {
		http_reply_field(r, "Allow", buf_text(&allow));
		server_refuse(server, r, HTTP_METHOD_NOT_ALLOWED,
		    "request: not a method of this path");
		return;
	}
	server_refuse(server, r, HTTP_NOT_FOUND, "request: no such path");
}

void
server_dispatch(struct http_server *server, struct peer *peer)
{
	request_route(server, &peer->request);
	if (peer->call != NULL)
		peer->state = PEER_DEFERRED;
	else
		server_replied(server, peer);
}

/* The one that has kept us waiting for longest goes: for a request, or for
 * taking its reply. What is held for the turn's end does not. */
static void
server_make_room(struct http_server *server)
{
	struct peer *peer;

	TAILQ_FOREACH(peer, &server->peers, entry) {
		if (peer->state != PEER_WAITING &&
		    peer->state != PEER_DEFERRED) {
			peer_free(peer);
			return;
		}
	}
}

void
address_format(const struct sockaddr *address, char text[HTTP_ADDRESS_SIZE])
{
	char host[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (address->sa_family == AF_INET6) {
		memcpy(&v6, address, sizeof(v6));
		(void)inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
		(void)snprintf(text, HTTP_ADDRESS_SIZE, "[%s]:%u", host,
		    ntohs(v6.sin6_port));
		return;
	}
	memcpy(&v4, address, sizeof(v4));
	(void)inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
	(void)snprintf(text, HTTP_ADDRESS_SIZE, "%s:%u", host,
	    ntohs(v4.sin_port));
}

static void
server_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int len, void *ctx)
{
	struct http_server *server = ctx;
	int one = 1;

	(void)len;
	if (server->peer_count >= server->config.connections_max)
		server_make_room(server);
	if (server->stopping ||
	    server->peer_count >= server->config.connections_max) {
		(void)evutil_closesocket(fd);
		return;
	}
	/* head and body are two writes */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	peer_new(server, fd, listener == server->monitor, address);
}

/* Out of descriptors, most likely. */
static void
server_accept_failed(struct evconnlistener *listener, void *ctx)
{
	(void)listener;
	server_make_room(ctx);
}

void
server_left(struct http_server *server)
{
	if (server->stopping && server->peer_count == 0)
		(void)event_base_loopexit(server->base, NULL);
}

void
http_server_stop(struct http_server *server)
{
	struct timeval limit = { .tv_sec = server->config.stop_s };
	struct peer *peer, *next;

	if (server->stopping)
		return;
	server->stopping = true;
	(void)evconnlistener_disable(server->listener);
	if (server->monitor != NULL)
		(void)evconnlistener_disable(server->monitor);
	for (peer = TAILQ_FIRST(&server->peers); peer != NULL; peer = next) {
		next = TAILQ_NEXT(peer, entry);
		if (peer->state == PEER_READING && !peer->begun)
			peer_free(peer);
	}
	(void)event_add(server->stop_timer, &limit);
	server_left(server);
}

static void
server_signal(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	http_server_stop(ctx);
}

static void
server_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct http_server *server = ctx;

	(void)fd;
	(void)what;
	server->config.tick(server->config.ctx);
}

static void
server_hangup(evutil_socket_t fd, short what, void *ctx)
{
	struct http_server *server = ctx;

	(void)fd;
	(void)what;
	server->config.hangup(server->config.ctx);
}

static void
server_out_of_time(evutil_socket_t fd, short what, void *ctx)
{
	struct http_server *server = ctx;

	(void)fd;
	(void)what;
	(void)event_base_loopexit(server->base, NULL);
}

bool
http_is_loopback(const char *address)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, address, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == 127;
	return inet_pton(AF_INET6, address, &v6) == 1 &&
	    IN6_IS_ADDR_LOOPBACK(&v6);
}

static enum err
address_parse(const struct http_config *config,
    struct sockaddr_storage *ret_address, socklen_t *ret_len,
    struct diag *diag)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&address;

	if (inet_pton(AF_INET, config->address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(config->port);
		*ret_len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, config->address, &v6->sin6_addr) ==
	    1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(config->port);
		*ret_len = sizeof(*v6);
	} else {
		return diag_fail(diag, ERR_INVALID, NULL,
		    "listen: \"%s\" is no IP address", config->address);
	}
	*ret_address = address;
	return ERR_OK;
}

static enum err
bind_fail(const struct http_config *config, int error, struct diag *diag)
{
	enum err code = error == EADDRINUSE ? ERR_EXISTS : error == EACCES ?
	    ERR_PERMISSION : ERR_IO;

	return diag_fail(diag, code, NULL, "listen: %s port %u: %s",
	    config->address, config->port, strerror(error));
}

static void
address_note(struct http_server *server)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	memset(&address, 0, sizeof(address));
	(void)getsockname(evconnlistener_get_fd(server->listener),
	    (struct sockaddr *)&address, &len);
	address_format((struct sockaddr *)&address, server->address);
}

/* One that somebody else has bound; backlog 0: it listens already. */
static enum err
listener_take(struct http_server *server, int fd,
    struct evconnlistener **ret_listener, struct diag *diag)
{
	if (evutil_make_socket_nonblocking(fd) == 0)
		*ret_listener = evconnlistener_new(server->base,
		    server_accept, server, LEV_OPT_CLOSE_ON_FREE |
		    LEV_OPT_DISABLED, 0, fd);
	if (*ret_listener == NULL)
		return diag_fail(diag, ERR_IO, NULL,
		    "listen: descriptor %d cannot be used", fd);
	evconnlistener_set_error_cb(*ret_listener, server_accept_failed);
	return ERR_OK;
}

static enum err
server_listen(struct http_server *server, struct diag *diag)
{
	struct sockaddr_storage address;
	socklen_t len = 0;
	enum err err;

	if (server->config.listener > 0)
		return listener_take(server, server->config.listener,
		    &server->listener, diag);
	err = address_parse(&server->config, &address, &len, diag);
	if (err)
		return err;
	server->listener = evconnlistener_new_bind(server->base,
	    server_accept, server, LEV_OPT_CLOSE_ON_FREE |
	    LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE | LEV_OPT_DISABLED,
	    BACKLOG, (struct sockaddr *)&address, (int)len);
	if (server->listener == NULL)
		return bind_fail(&server->config, errno, diag);
	evconnlistener_set_error_cb(server->listener, server_accept_failed);
	return ERR_OK;
}

static enum err
server_events(struct http_server *server, struct diag *diag)
{
	static const int numbers[2] = { SIGTERM, SIGINT };
	int i;

	server->base = event_base_new();
	if (server->base == NULL)
		return diag_nomem(diag);
	server->flush = event_new(server->base, -1, 0, server_flush, server);
	server->stop_timer = evtimer_new(server->base, server_out_of_time,
	    server);
	for (i = 0; i < 2; i++)
		server->signals[i] = evsignal_new(server->base, numbers[i],
		    server_signal, server);
	if (server->config.tick != NULL)
		server->tick = event_new(server->base, -1, EV_PERSIST,
		    server_tick, server);
	if (server->config.hangup != NULL)
		server->hangup = evsignal_new(server->base, SIGHUP,
		    server_hangup, server);
	if (server->flush == NULL || server->stop_timer == NULL ||
	    server->signals[0] == NULL || server->signals[1] == NULL ||
	    (server->tick == NULL) != (server->config.tick == NULL) ||
	    (server->hangup == NULL) != (server->config.hangup == NULL))
		return diag_nomem(diag);
	if (event_add(server->signals[0], NULL) != 0 ||
	    event_add(server->signals[1], NULL) != 0 ||
	    (server->hangup != NULL && event_add(server->hangup, NULL) != 0))
		return diag_fail(diag, ERR_IO, NULL,
		    "server: signals cannot be caught");
	return ERR_OK;
}

enum err
http_server_new(const struct http_config *config,
    struct http_server **ret_server, struct diag *diag)
{
	_cleanup_http_server_ struct http_server *server = NULL;
	enum err err = ERR_OK;

	server = calloc(1, sizeof(*server));
	if (server == NULL)
		return diag_nomem(diag);
	server->config = *config;
	TAILQ_INIT(&server->peers);
	if (config->certificate.len > 0 || config->key.len > 0)
		err = tls_server_new(config->certificate, config->key,
		    config->client_trust, config->tickets, &server->tls,
		    diag);
	server->config.certificate = server->config.key = BYTES_NONE;
	server->config.client_trust = BYTES_NONE;
	if (!err)
		err = server_events(server, diag);
	if (!err)
		err = server_listen(server, diag);
	if (!err && config->monitor > 0)
		err = listener_take(server, config->monitor,
		    &server->monitor, diag);
	if (err)
		return err;
	address_note(server);
	*ret_server = server;
	server = NULL;	/* handed over */
	return ERR_OK;
}

static void
event_release(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

void
http_server_free(struct http_server **server)
{
	struct http_server *s = *server;
	struct peer *peer;

	if (s == NULL)
		return;
	s->stopping = false;	/* no loop is left to end */
	while ((peer = TAILQ_FIRST(&s->peers)) != NULL)
		peer_free(peer);
	if (s->listener != NULL)
		evconnlistener_free(s->listener);
	if (s->monitor != NULL)
		evconnlistener_free(s->monitor);
	event_release(s->flush);
	event_release(s->stop_timer);
	event_release(s->signals[0]);
	event_release(s->signals[1]);
	event_release(s->tick);
	event_release(s->hangup);
	if (s->base != NULL)
		event_base_free(s->base);
	SSL_CTX_free(s->tls);
	free(s);
	*server = NULL;
}

enum err
http_server_renew(struct http_server *server, struct bytes certificate,
    struct bytes key, struct bytes client_trust, struct diag *diag)
{
	SSL_CTX *fresh = NULL;
	enum err err;

	if (server->tls == NULL)
		return diag_fail(diag, ERR_STATE, NULL,
		    "server: it does not speak TLS");
	err = tls_server_new(certificate, key, client_trust,
	    server->config.tickets, &fresh, diag);
	if (err)
		return err;
	/* connections hold the old one as long as they need it */
	SSL_CTX_free(server->tls);
	server->tls = fresh;
	return ERR_OK;
}

enum err
http_server_trust(struct http_server *server, struct bytes client_trust,
    struct diag *diag)
{
	if (server->tls == NULL)
		return diag_fail(diag, ERR_STATE, NULL,
		    "server: it does not speak TLS");
	return tls_server_trust(server->tls, client_trust, diag);
}

unsigned
http_server_connections(const struct http_server *server)
{
	return server->peer_count;
}

const char *
http_server_address(const struct http_server *server)
{
	return server->address;
}

enum err
http_server_run(struct http_server *server, struct diag *diag)
{
	struct timeval often = { .tv_sec = server->config.tick_s };
	enum err err;

	err = batch_begin(server, diag);
	if (err)
		return err;
	if ((server->tick != NULL && event_add(server->tick, &often) != 0) ||
	    evconnlistener_enable(server->listener) != 0 ||
	    (server->monitor != NULL &&
	    evconnlistener_enable(server->monitor) != 0) ||
	    event_base_dispatch(server->base) < 0)
		err = diag_fail(diag, ERR_IO, NULL,
		    "server: its event loop cannot run");
	batch_end(server);
	if (err)
		return err;
	if (server->err && diag != NULL)
		*diag = server->diag;
	return server->err;
}
