/* One connection: reading requests whole, writing replies. */
#include <sys/socket.h>
#include <sys/time.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/http/server_internal.h"

#define DRAIN_S	2	/* see peer_drain() */
#define FILE_PART	((size_t)64 << 10)
#define HEAD_ROOM	512	/* a reply's, without its type and fields */

static void
reply_release(const void *data, size_t len, void *extra)
{
	struct buf *body = extra;

	(void)data;
	(void)len;
	if (body->ptr != NULL)
		wipe(body->ptr, body->cap);
	buf_release(body);
	free(body);
}

static void
request_begin(struct peer *peer)
{
	peer->request = (struct http_request){ .peer = peer, .file = -1,
		.reply = BUF_INIT, .fields = { .limit = REPLY_FIELDS_MAX } };
}

static void
request_release(struct peer *peer)
{
	struct http_request *r = &peer->request;

	if (r->reply.ptr != NULL)
		wipe(r->reply.ptr, r->reply.cap);
	buf_release(&r->reply);
	buf_release(&r->fields);
	if (r->file >= 0)
		(void)close(r->file);
	request_begin(peer);
}

static void
file_release(struct peer *peer)
{
	if (peer->file >= 0)
		(void)close(peer->file);
	peer->file = -1;
}

void
peer_free(struct peer *peer)
{
	struct http_server *server = peer->server;

	TAILQ_REMOVE(&server->peers, peer, entry);
	server->peer_count--;
	if (peer->call != NULL)
		peer->call->peer = NULL;
	request_release(peer);
	file_release(peer);
	if (peer->deadline != NULL)
		event_free(peer->deadline);
	if (peer->bev != NULL)
		bufferevent_free(peer->bev);
	ERR_clear_error();
	free(peer);
	server_left(server);
}

/* It has so long for what it owes, and stands last in that row. */
static void
peer_owes(struct peer *peer, unsigned seconds)
{
	struct timeval limit = { .tv_sec = seconds };
	struct http_server *server = peer->server;

	(void)event_add(peer->deadline, &limit);
	TAILQ_REMOVE(&server->peers, peer, entry);
	TAILQ_INSERT_TAIL(&server->peers, peer, entry);
}

/* Who has begun a handshake and does not end it well; a port that is only
 * tried is nothing. why NULL: OpenSSL says. */
static void
handshake_check(struct peer *peer, const char *why)
{
	const struct http_config *config = &peer->server->config;
	SSL *ssl = bufferevent_openssl_get_ssl(peer->bev);
	unsigned long error;

	if (config->handshake_failed == NULL || ssl == NULL ||
	    peer->shaken ||
	    BIO_number_read(SSL_get_rbio(ssl)) == 0)
		return;
	error = bufferevent_get_openssl_error(peer->bev);
	if (why == NULL && error != 0)
		why = ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED ?
		    X509_verify_cert_error_string(
		    SSL_get_verify_result(ssl)) :
		    ERR_reason_error_string(error);
	config->handshake_failed(config->ctx, peer->address,
	    why != NULL ? why : "the connection ended");
}

static void
peer_late(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	handshake_check(ctx, "not done in time");
	peer_free(ctx);
}

/*
 * Closing while it still sends would have the system take the reply back: what
 * comes is thrown away for a while (RFC 9112 9.6).
 */
static void
peer_drain(struct peer *peer)
{
	struct evbuffer *in = bufferevent_get_input(peer->bev);
	SSL *ssl = bufferevent_openssl_get_ssl(peer->bev);

	if (ssl != NULL)
		(void)SSL_shutdown(ssl);
	(void)shutdown(bufferevent_getfd(peer->bev), SHUT_WR);
	peer->state = PEER_DRAINING;
	peer_owes(peer, DRAIN_S);
	(void)evbuffer_drain(in, evbuffer_get_length(in));
}

static void
peer_refuse(struct peer *peer, enum http_status status,
    const struct diag *diag)
{
	peer->close = peer->drain = true;
	peer->state = PEER_WAITING;
	server_refuse(peer->server, &peer->request, status, diag->what);
	peer_reply(peer);
}

static void
peer_continue(struct peer *peer, const struct http_head *head)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (head->expect_continue && !peer->continued)
		(void)bufferevent_write(peer->bev, text, sizeof(text) - 1);
	peer->continued = true;
}

/* All of a request is here: head, then body. */
static void
peer_request(struct peer *peer, struct bytes text, size_t head_len)
{
	struct evbuffer *in = bufferevent_get_input(peer->bev);
	enum http_status status = HTTP_BAD_REQUEST;
	struct diag diag = DIAG_INIT;
	struct http_head head;

	if (http_head_parse(bytes_of(text.ptr, head_len), &head, &status,
	    &diag) != ERR_OK) {
		peer_refuse(peer, status, &diag);
		return;
	}
	(void)snprintf(peer->request.asked, ASKED_SIZE, "%.*s %.*s",
	    (int)head.method.len, (const char *)head.method.ptr,
	    (int)head.path.len, (const char *)head.path.ptr);
	if (head.body_len > peer->server->config.body_max) {
		(void)diag_fail(&diag, ERR_LIMIT, NULL,
		    "body: longer than %zu octets",
		    peer->server->config.body_max);
		peer_refuse(peer, HTTP_CONTENT_TOO_LARGE, &diag);
		return;
	}
	if (text.len - head_len < head.body_len) {
		peer_continue(peer, &head);
		return;
	}
	(void)event_del(peer->deadline);
	peer->close = !head.keep_alive || peer->server->stopping;
	peer->state = PEER_WAITING;
	peer->request.is_head = bytes_equal(head.method, bytes_text("HEAD"));
	peer->request.head = &head;
	peer->request.body = bytes_of(text.ptr + head_len, head.body_len);
	server_dispatch(peer->server, peer);
	peer->request.head = NULL;
	peer->request.body = BYTES_NONE;
	(void)evbuffer_drain(in, head_len + head.body_len);
	peer->begun = peer->continued = false;
	peer->searched = 0;
}

/* What has come in so far; may free the peer. */
static void
peer_take(struct peer *peer)
{
	struct evbuffer *in = bufferevent_get_input(peer->bev);
	size_t len = evbuffer_get_length(in), head_len;
	struct diag diag = DIAG_INIT;
	struct bytes text;

	if (peer->state == PEER_DRAINING)
		(void)evbuffer_drain(in, len);
	if (peer->state != PEER_READING || len == 0)
		return;
	if (!peer->begun) {
		peer->begun = true;
		peer_owes(peer, peer->server->config.request_s);
	}
	text = bytes_of(evbuffer_pullup(in, -1), len);
	if (text.ptr == NULL) {
		peer_free(peer);
		return;
	}
	head_len = http_head_end(text, peer->searched);
	if (head_len > HTTP_HEAD_MAX ||
	    (head_len == 0 && len > HTTP_HEAD_MAX)) {
		(void)diag_fail(&diag, ERR_LIMIT, NULL,
		    "header: longer than %d octets", HTTP_HEAD_MAX);
		peer_refuse(peer, HTTP_HEAD_TOO_LARGE, &diag);
		return;
	}
	if (head_len > 0)
		peer_request(peer, text, head_len);
	else
		peer->searched = len < 3 ? 0 : len - 3;
}

static void
peer_read(struct bufferevent *bev, void *ctx)
{
	(void)bev;
	peer_take(ctx);
}

/* The next part of a file; the slow take it in parts of their own time. */
static void
peer_file(struct peer *peer)
{
	struct evbuffer *out = bufferevent_get_output(peer->bev);
	uint64_t left = peer->file_size - peer->file_at;
	size_t want = left < FILE_PART ? (size_t)left : FILE_PART;
	struct evbuffer_iovec room;
	ssize_t n = -1;

	peer_owes(peer, peer->server->config.request_s);
	if (evbuffer_reserve_space(out, (ev_ssize_t)want, &room, 1) == 1)
		n = pread(peer->file, room.iov_base, want,
		    (off_t)peer->file_at);
	if (n <= 0) {	/* what was promised cannot be kept */
		peer_free(peer);
		return;
	}
	peer->file_at += (uint64_t)n;
	room.iov_len = (size_t)n;
	if (peer->file_at == peer->file_size)
		file_release(peer);
	if (evbuffer_commit_space(out, &room, 1) != 0)
		peer_free(peer);
}

/* All of a reply is with the system. */
static void
peer_written(struct bufferevent *bev, void *ctx)
{
	struct peer *peer = ctx;

	(void)bev;
	if (peer->state != PEER_WRITING)
		return;
	if (peer->file >= 0) {
		peer_file(peer);
		return;
	}
	if (peer->drain) {
		peer_drain(peer);
		return;
	}
	if (peer->close || peer->server->stopping) {
		peer_free(peer);
		return;
	}
	peer->state = PEER_READING;
	peer_owes(peer, peer->server->config.idle_s);
	peer_take(peer);
}

static void
peer_event(struct bufferevent *bev, short what, void *ctx)
{
	struct peer *peer = ctx;
	bool owed = peer->state != PEER_READING &&
	    peer->state != PEER_DRAINING;

	if (what & BEV_EVENT_CONNECTED)
		peer->shaken = true;
	/* it has said all that it will, and still listens; TLS ends both */
	if ((what & BEV_EVENT_EOF) && owed &&
	    bufferevent_openssl_get_ssl(bev) == NULL) {
		peer->close = true;
		(void)bufferevent_disable(bev, EV_READ);
		return;
	}
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) {
		handshake_check(peer, NULL);
		peer_free(peer);
	}
}

/* RFC 9110 6.6.1 */
static const char *
date_now(struct http_server *server)
{
	int64_t now = time_now();

	if (server->date_s != now || server->date[0] == '\0')
		http_date(now, server->date);
	server->date_s = now;
	return server->date;
}

static void
head_put(struct buf *b, struct peer *peer, uint64_t len)
{
	struct http_request *r = &peer->request;

	buf_printf(b, "HTTP/1.1 %d %s\r\n", r->status,
	    http_reason(r->status));
	/* a length would be taken for the file's: RFC 9110 8.6 */
	if (r->status != HTTP_NOT_MODIFIED)
		buf_printf(b, "Content-Type: %s\r\nContent-Length: %llu\r\n",
		    r->type, (unsigned long long)len);
	buf_printf(b, "Date: %s\r\nCache-Control: %s\r\n"
	    "X-Content-Type-Options: nosniff\r\n%s%s\r\n",
	    date_now(peer->server),
	    r->file < 0 && r->status != HTTP_NOT_MODIFIED ? "no-store" :
	    "no-cache", buf_text(&r->fields),
	    peer->close ? "Connection: close\r\n" : "");
}

/* At once what the system takes, when nothing is before it: it spares asking
 * whether it would. The rest waits for its turn. */
static size_t
reply_send(struct peer *peer, const struct buf *whole)
{
	ssize_t n;

	if (bufferevent_openssl_get_ssl(peer->bev) != NULL ||
	    evbuffer_get_length(bufferevent_get_output(peer->bev)) > 0)
		return 0;
	n = send(bufferevent_getfd(peer->bev), whole->ptr, whole->len,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? 0 : (size_t)n;
}

/* Head and body in one piece, so that a reply is one record of TLS and one
 * write. Its memory is made whole beforehand: a body may be a secret. */
static enum err
reply_put(struct peer *peer, uint64_t len, bool *ret_sent)
{
	struct http_request *r = &peer->request;
	struct buf *whole = malloc(sizeof(*whole));
	size_t sent = 0;

	if (whole == NULL)
		return ERR_NOMEM;
	*whole = (struct buf){ .limit = HEAD_ROOM +
	    strlen(r->type) + r->fields.len + r->reply.len };
	buf_reserve(whole, whole->limit);
	head_put(whole, peer, len);
	if (!r->is_head)
		buf_put_bytes(whole, buf_bytes(&r->reply));
	if (buf_err(whole) == ERR_OK)
		sent = reply_send(peer, whole);
	*ret_sent = sent > 0 && sent == whole->len;
	if (buf_err(whole) == ERR_OK && !*ret_sent && evbuffer_add_reference(
	    bufferevent_get_output(peer->bev), whole->ptr + sent,
	    whole->len - sent, reply_release, whole) == 0)
		return ERR_OK;
	reply_release(NULL, 0, whole);
	return *ret_sent ? ERR_OK : ERR_NOMEM;
}

void
peer_reply(struct peer *peer)
{
	struct http_request *r = &peer->request;
	uint64_t len = r->file < 0 ? r->reply.len : r->file_size;
	bool sent;

	peer->state = PEER_WRITING;
	peer_owes(peer, peer->server->config.request_s);
	if (reply_put(peer, len, &sent) != ERR_OK) {
		peer_free(peer);
		return;
	}
	if (len > 0 && r->file >= 0 && !r->is_head) {
		peer->file = r->file;
		peer->file_at = 0;
		peer->file_size = len;
		r->file = -1;
	}
	request_release(peer);
	if (sent)
		peer_written(peer->bev, peer);
}

static struct bufferevent *
bufferevent_make(struct http_server *server, int fd, bool plain)
{
	struct bufferevent *bev;
	SSL *ssl;

	if (plain || server->tls == NULL)
		return bufferevent_socket_new(server->base, fd,
		    BEV_OPT_CLOSE_ON_FREE);
	ssl = SSL_new(server->tls);
	if (ssl == NULL)
		return NULL;
	bev = bufferevent_openssl_socket_new(server->base, fd, ssl,
	    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL) {
		SSL_free(ssl);
		return NULL;
	}
	/* lengths say where a request ends, not close_notify */
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

void
peer_new(struct http_server *server, int fd, bool monitor,
    const struct sockaddr *address)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (peer == NULL) {
		(void)evutil_closesocket(fd);
		return;
	}
	peer->server = server;
	peer->state = PEER_READING;
	peer->monitor = monitor;
	peer->file = -1;
	address_format(address, peer->address);
	request_begin(peer);
	TAILQ_INSERT_TAIL(&server->peers, peer, entry);
	server->peer_count++;
	peer->deadline = evtimer_new(server->base, peer_late, peer);
	peer->bev = bufferevent_make(server, fd, monitor);
	if (peer->bev == NULL)
		(void)evutil_closesocket(fd);
	if (peer->bev == NULL || peer->deadline == NULL) {
		peer_free(peer);
		return;
	}
	bufferevent_setcb(peer->bev, peer_read, peer_written, peer_event,
	    peer);
	bufferevent_setwatermark(peer->bev, EV_READ, 0,
	    HTTP_HEAD_MAX + server->config.body_max + 1);
	peer_owes(peer, server->config.request_s);
	if (bufferevent_enable(peer->bev, EV_READ | EV_WRITE) != 0)
		peer_free(peer);
}
