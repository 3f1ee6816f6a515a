#include "bench/client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define EVENTS_MAX	64
#define WAIT_MS		30000
#define READ_SIZE	16384

struct client {
	SSL_CTX			*tls;
	const char		*name;
	struct sockaddr_in	 to;
	int			 epoll;
};

/* A connection under way. */
struct conn {
	struct client_job	*job;
	SSL			*ssl;
	int			 fd;
	int64_t			 start;
	bool			 sent;
};

struct crowd {
	struct client		*client;
	struct client_job	*jobs;
	size_t			 count, next, done;
	struct diag		*diag;
};

/* The ticket comes after the handshake. */
static int
session_new(SSL *ssl, SSL_SESSION *session)
{
	struct conn *conn = SSL_get_app_data(ssl);

	SSL_SESSION_free(conn->job->session);
	conn->job->session = session;
	return 1;	/* kept */
}

void
client_free(struct client **client)
{
	struct client *c = *client;

	if (c == NULL)
		return;
	SSL_CTX_free(c->tls);
	if (c->epoll >= 0)
		(void)close(c->epoll);
	free(c);
	*client = NULL;
}

enum err
client_new(const char *trust, const char *name, uint16_t port,
    struct client **ret_client, struct diag *diag)
{
	_cleanup_client_ struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return diag_nomem(diag);
	c->name = name;
	c->to = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(port) };
	c->to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->tls = SSL_CTX_new(TLS_client_method());
	if (c->epoll < 0 || c->tls == NULL ||
	    SSL_CTX_set_min_proto_version(c->tls, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_load_verify_file(c->tls, trust) != 1)
		return diag_fail(diag, ERR_CRYPTO, NULL, "client: TLS");
	SSL_CTX_set_verify(c->tls, SSL_VERIFY_PEER, NULL);
	(void)SSL_CTX_set_session_cache_mode(c->tls, SSL_SESS_CACHE_CLIENT |
	    SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->tls, session_new);
	*ret_client = c;
	c = NULL;	/* transferred */
	return ERR_OK;
}

/* Does the head say that all of the body is here? */
static bool
reply_whole(const struct buf *reply)
{
	const char *end, *length;

	end = memmem(reply->ptr, reply->len, "\r\n\r\n", 4);
	length = end == NULL ? NULL : memmem(reply->ptr, reply->len,
	    "Content-Length: ", 16);
	return length != NULL && length < end &&
	    reply->len - (size_t)(end + 4 - (const char *)reply->ptr) >=
	    strtoul(length + 16, NULL, 10);
}

struct bytes
client_body(const struct client_job *job)
{
	struct bytes all = buf_bytes(&job->reply);
	const uint8_t *end = memmem(all.ptr, all.len, "\r\n\r\n", 4);

	return end == NULL ? BYTES_NONE : bytes_of(end + 4,
	    all.len - (size_t)(end + 4 - all.ptr));
}

static enum err
conn_begin(struct crowd *crowd, struct conn *conn)
{
	struct client *c = crowd->client;
	struct epoll_event wish = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
		.data.ptr = conn };
	int one = 1;

	*conn = (struct conn){ .job = &crowd->jobs[crowd->next++],
		.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC |
		SOCK_NONBLOCK, 0), .start = time_monotonic_ns() };
	conn->ssl = SSL_new(c->tls);
	if (conn->fd < 0 || conn->ssl == NULL || setsockopt(conn->fd,
	    IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
		return ERR_IO;
	(void)connect(conn->fd, (struct sockaddr *)&c->to, sizeof(c->to));
	SSL_set_app_data(conn->ssl, conn);
	SSL_set_connect_state(conn->ssl);
	if (SSL_set_fd(conn->ssl, conn->fd) != 1 ||
	    SSL_set_tlsext_host_name(conn->ssl, c->name) != 1 ||
	    SSL_set1_host(conn->ssl, c->name) != 1 ||
	    (conn->job->key != NULL &&
	    (SSL_use_certificate(conn->ssl, conn->job->leaf) != 1 ||
	    SSL_use_PrivateKey(conn->ssl, conn->job->key) != 1)) ||
	    (conn->job->session != NULL &&
	    SSL_set_session(conn->ssl, conn->job->session) != 1))
		return ERR_CRYPTO;
	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, conn->fd, &wish) == 0 ?
	    ERR_OK : ERR_IO;
}

static enum err
conn_end(struct crowd *crowd, struct conn *conn)
{
	struct client_job *job = conn->job;

	job->ms = (double)(time_monotonic_ns() - conn->start) / 1e6;
	job->resumed = SSL_session_reused(conn->ssl) == 1;
	job->fd = job->keep ? conn->fd : -1;
	if (job->keep)	/* no more is heard of it */
		(void)epoll_ctl(crowd->client->epoll, EPOLL_CTL_DEL, conn->fd,
		    NULL);
	else
		(void)close(conn->fd);
	/* or its session would be taken for one that went wrong */
	SSL_set_shutdown(conn->ssl, SSL_SENT_SHUTDOWN |
	    SSL_RECEIVED_SHUTDOWN);
	SSL_free(conn->ssl);
	conn->ssl = NULL;
	crowd->done++;
	if (job->reply.len > 12 && memcmp(job->reply.ptr, "HTTP/1.1 200", 12)
	    == 0)
		return ERR_OK;
	return diag_fail(crowd->diag, ERR_INTERNAL, NULL, "server: %.*s",
	    (int)job->reply.len, (const char *)job->reply.ptr);
}

/* ERR_STATE: it must wait; else the connection has failed. */
static enum err
conn_why(struct crowd *crowd, struct conn *conn, int rc)
{
	int why = SSL_get_error(conn->ssl, rc);

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return ERR_STATE;
	return diag_fail(crowd->diag, ERR_IO, NULL,
	    "client: connection %zu of %zu: TLS error %d", crowd->done,
	    crowd->count, why);
}

static enum err
conn_step(struct crowd *crowd, struct conn *conn)
{
	struct client_job *job = conn->job;
	char part[READ_SIZE];
	int n;

	if (!conn->sent) {
		n = SSL_write(conn->ssl, job->request.ptr,
		    (int)job->request.len);
		if (n <= 0)
			return conn_why(crowd, conn, n);
		conn->sent = true;
	}
	for (;;) {
		n = SSL_read(conn->ssl, part, sizeof(part));
		if (n <= 0)
			return conn_why(crowd, conn, n);
		buf_put(&job->reply, part, (size_t)n);
		if (reply_whole(&job->reply))
			return conn_end(crowd, conn);
	}
}

/* Something has happened to it; the next one takes its place. */
static enum err
conn_go_on(struct crowd *crowd, struct conn *conn)
{
	enum err err;

	err = conn_step(crowd, conn);
	if (err == ERR_OK && crowd->next < crowd->count)
		return conn_begin(crowd, conn);
	return err == ERR_STATE ? ERR_OK : err;
}

static enum err
crowd_run(struct crowd *crowd)
{
	struct epoll_event events[EVENTS_MAX];
	struct conn *conn;
	int i, n;
	enum err err = ERR_OK;

	while (crowd->done < crowd->count && !err) {
		n = epoll_wait(crowd->client->epoll, events, EVENTS_MAX,
		    WAIT_MS);
		if (n <= 0)
			return diag_fail(crowd->diag, ERR_IO, NULL,
			    "client: no answer");
		for (i = 0; i < n && !err; i++) {
			conn = events[i].data.ptr;
			if (conn->ssl != NULL)
				err = conn_go_on(crowd, conn);
		}
	}
	return err;
}

enum err
client_run(struct client *client, struct client_job *jobs, size_t count,
    unsigned under_way, double *ret_s, struct diag *diag)
{
	struct crowd crowd = { .client = client, .jobs = jobs,
		.count = count, .diag = diag };
	struct conn *conns = calloc(under_way, sizeof(*conns));
	int64_t start = time_monotonic_ns();
	enum err err = ERR_OK;
	unsigned i;

	if (conns == NULL)
		return diag_nomem(diag);
	for (i = 0; i < under_way && crowd.next < count && !err; i++)
		err = conn_begin(&crowd, &conns[i]);
	if (!err)
		err = crowd_run(&crowd);
	*ret_s = (double)(time_monotonic_ns() - start) / 1e9;
	for (i = 0; i < under_way; i++) {
		if (conns[i].ssl == NULL)
			continue;
		SSL_free(conns[i].ssl);
		(void)close(conns[i].fd);
	}
	free(conns);
	return err;
}
