#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/http/self_signed.h"
#include "lib/http/server.h"
#include "lib/http/tls.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define BODY_MAX	1000
#define PATIENCE_S	20

struct fixture {
	struct http_server	*server;
	pthread_t		 thread;
	uint16_t		 port;
	enum err		 err;		/* of http_server_run() */
	sem_t			 go;		/* one post for each batch */
	sem_t			 in_batch;
	sem_t			 said;		/* one for each hello() */
	bool			 hold;		/* batches wait for go */
	bool			 fail;		/* batches fail */
	atomic_uint		 handled;
	unsigned		 batches;
	unsigned		 gathered;	/* of handled, when it began */
	sem_t			 ticked, hung_up;
};

static void
hello(void *ctx, struct http_request *r)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct fixture *f = ctx;

	atomic_fetch_add(&f->handled, 1);
	buf_printf(&body, "hello ");
	buf_put_bytes(&body, http_body(r));
	buf_put_bytes(&body, http_query(r));
	buf_put_bytes(&body, http_field(r, "x-note"));
	if (http_field_count(r, "x-note") > 1)
		buf_printf(&body, " of %zu", http_field_count(r, "X-Note"));
	http_reply_field(r, "X-Path", "/hello");
	http_reply(r, HTTP_OK, "text/plain", &body);
	assert_int_equal(sem_post(&f->said), 0);
}

static void
silent(void *ctx, struct http_request *r)
{
	(void)ctx;
	(void)r;
}

static void
large(void *ctx, struct http_request *r)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	(void)ctx;
	memset(buf_extend(&body, 3000000), 'x', 3000000);
	http_reply(r, HTTP_OK, "text/plain", &body);
}

static const struct http_route routes[] = {
	{ "GET", "/hello", hello },
	{ "POST", "/hello", hello },
	{ "GET", "/silent", silent },
	{ "GET", "/large", large },
	{ NULL, NULL, NULL }
};

static enum err
batch(void *ctx, struct buf *body, struct diag *diag)
{
	struct fixture *f = ctx;

	f->batches++;
	f->gathered = atomic_load(&f->handled);
	assert_int_equal(sem_post(&f->in_batch), 0);
	if (f->hold)
		while (sem_wait(&f->go) != 0)
			;
	if (!f->fail)
		return ERR_OK;
	buf_printf(body, "{\"code\":50}");
	return diag_fail(diag, ERR_IO, NULL, "disk: gone");
}

static const struct http_config usual = {
	.address = "127.0.0.1", .body_max = BODY_MAX, .connections_max = 32,
	.idle_s = PATIENCE_S, .request_s = PATIENCE_S, .stop_s = PATIENCE_S,
	.routes = routes, .batch = batch
};

static void *
serve(void *ctx)
{
	struct fixture *f = ctx;
	struct diag diag = DIAG_INIT;

	f->err = http_server_run(f->server, &diag);
	if (f->fail)
		assert_string_equal(diag.what, "disk: gone");
	return NULL;
}

static void
start(struct fixture *f, struct http_config config)
{
	struct diag diag = DIAG_INIT;
	const char *colon;

	config.ctx = f;
	assert_int_equal(sem_init(&f->go, 0, 0), 0);
	assert_int_equal(sem_init(&f->in_batch, 0, 0), 0);
	assert_int_equal(sem_init(&f->said, 0, 0), 0);
	if (http_server_new(&config, &f->server, &diag) != ERR_OK)
		fail_msg("%s %s", diag.what, diag.internal);
	colon = strrchr(http_server_address(f->server), ':');
	f->port = (uint16_t)strtoul(colon + 1, NULL, 10);
	assert_true(f->port > 0);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void
stop(struct fixture *f)
{
	if (!f->fail)
		assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(pthread_join(f->thread, NULL), 0);
	assert_int_equal(f->err, f->fail ? ERR_IO : ERR_OK);
	http_server_free(&f->server);
}

static int
dial(const struct fixture *f)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(f->port) };
	struct timeval limit = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
	    sizeof(limit)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
	    strlen(text));
}

/* All until the other end closes, or until it holds what is awaited. */
static const char *
hear(int fd, const char *awaited, struct buf *out)
{
	uint8_t octets[4096];
	ssize_t n = 1;

	while (n > 0 && (awaited == NULL ||
	    strstr(buf_text(out), awaited) == NULL)) {
		n = recv(fd, octets, sizeof(octets), 0);
		if (n > 0)
			buf_put(out, octets, (size_t)n);
	}
	return buf_text(out);
}

static bool
closed(int fd)
{
	char octet;

	return recv(fd, &octet, 1, 0) <= 0;
}

#define GET	"GET /hello?q HTTP/1.1\r\nHost: a\r\n\r\n"

static void
test_requests(void **state)
{
	_cleanup_buf_ struct buf heard = BUF_INIT;
	struct fixture f = { 0 };
	const char *text;
	int fd;

	(void)state;
	start(&f, usual);
	fd = dial(&f);
	/* in pieces */
	say(fd, "GET /hello?q HT");
	say(fd, "TP/1.1\r\nHost: a\r\nX-Note: !\r\n\r");
	say(fd, "\n");
	text = hear(fd, "hello q!", &heard);
	assert_null(strstr(text, "of"));
	assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(text, "Content-Length: 8\r\n"));
	assert_non_null(strstr(text, "X-Path: /hello\r\n"));
	assert_null(strstr(text, "Connection: close"));
	/* three at once, the last one to be the last */
	say(fd, GET "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3"
	    "\r\n\r\nabcGET /hello HTTP/1.1\r\nHost: a\r\n"
	    "Connection: close\r\n\r\n");
	buf_clear(&heard);
	text = hear(fd, NULL, &heard);
	assert_non_null(strstr(text, "hello qHTTP/1.1 200"));
	assert_non_null(strstr(text, "hello abcHTTP/1.1 200"));
	assert_non_null(strstr(text, "Connection: close\r\n"));
	assert_string_equal(text + heard.len - 6, "hello ");
	(void)close(fd);
	/* without its content, and the connection goes on */
	fd = dial(&f);
	buf_clear(&heard);
	say(fd, "HEAD /hello?q HTTP/1.1\r\nHost: a\r\n\r\n"
	    "HEAD /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	text = hear(fd, NULL, &heard);
	assert_non_null(strstr(text, "Content-Length: 7\r\n"));
	assert_non_null(strstr(text, "\r\n\r\nHTTP/1.1 404 "));
	assert_string_equal(text + heard.len - 4, "\r\n\r\n");
	(void)close(fd);
	fd = dial(&f);
	say(fd, "GET /hello HTTP/1.1\r\nHost: a\r\nX-Note: 1\r\n"
	    "x-note: 2\r\nConnection: close\r\n\r\n");
	buf_clear(&heard);
	assert_non_null(strstr(hear(fd, NULL, &heard), "hello 1 of 2"));
	(void)close(fd);
	stop(&f);
	assert_int_equal(f.handled, 6);
}

static void
note_tick(void *ctx)
{
	assert_int_equal(sem_post(&((struct fixture *)ctx)->ticked), 0);
}

static void
note_hangup(void *ctx)
{
	assert_int_equal(sem_post(&((struct fixture *)ctx)->hung_up), 0);
}

/* Again and again, whether anybody asks or not. */
static void
test_tick(void **state)
{
	struct http_config config = usual;
	struct fixture f = { 0 };

	(void)state;
	config.tick = note_tick;
	config.tick_s = 1;
	config.hangup = note_hangup;
	assert_int_equal(sem_init(&f.ticked, 0, 0), 0);
	assert_int_equal(sem_init(&f.hung_up, 0, 0), 0);
	start(&f, config);
	assert_int_equal(sem_wait(&f.ticked), 0);
	assert_int_equal(sem_wait(&f.ticked), 0);
	assert_int_equal(kill(getpid(), SIGHUP), 0);
	assert_int_equal(sem_wait(&f.hung_up), 0);
	stop(&f);
	assert_int_equal(f.handled, 0);
}

static void
test_refused(void **state)
{
	static const struct {
		const char	*text, *answer;
	} rows[] = {
		{ "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
			"\r\n", "HTTP/1.1 404 " },
		{ "PUT /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
			"Connection: close\r\n\r\n",
			"Allow: GET, HEAD, POST\r\n" },
		{ "GET /silent HTTP/1.1\r\nHost: a\r\nConnection: close"
			"\r\n\r\n", "HTTP/1.1 500 " },
		{ "GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n",
			"HTTP/1.1 400 " },
		{ "\x16\x03\x01 hello?\r\n\r\n", "HTTP/1.1 400 " },
		{ "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1001"
			"\r\n\r\nabc", "HTTP/1.1 413 " },
	};
	struct fixture f = { 0 };
	size_t i;
	int fd;

	(void)state;
	start(&f, usual);
	for (i = 0; i < COUNT(rows); i++) {
		_cleanup_buf_ struct buf heard = BUF_INIT;

		fd = dial(&f);
		say(fd, rows[i].text);
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		if (strstr(hear(fd, NULL, &heard), rows[i].answer) == NULL)
			fail_msg("row %zu: %s", i, buf_text(&heard));
		assert_non_null(strstr(buf_text(&heard), "{\"error\":\""));
		(void)close(fd);
	}
	stop(&f);
	assert_int_equal(f.handled, 0);
}

/* A client that goes on sending still reads why it was refused. */
static void
test_too_much(void **state)
{
	_cleanup_buf_ struct buf heard = BUF_INIT;
	struct fixture f = { 0 };
	char line[1024];
	int fd, i;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	start(&f, usual);
	fd = dial(&f);
	say(fd, "GET / HTTP/1.1\r\nHost: ");
	for (i = 0; i < 2000; i++)
		if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
			break;
	assert_int_equal(i, 2000);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_non_null(strstr(hear(fd, NULL, &heard), "HTTP/1.1 431 "));
	(void)close(fd);
	stop(&f);
}

/* One that has said all it will is still answered. */
static void
test_half_closed(void **state)
{
	_cleanup_buf_ struct buf heard = BUF_INIT;
	struct fixture f = { 0 };
	int fd;

	(void)state;
	start(&f, usual);
	fd = dial(&f);
	say(fd, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_non_null(strstr(hear(fd, NULL, &heard), "200 OK"));
	assert_true(heard.len > 3000000);
	(void)close(fd);
	stop(&f);
}

static void
test_continue(void **state)
{
	_cleanup_buf_ struct buf heard = BUF_INIT;
	struct fixture f = { 0 };
	int fd;

	(void)state;
	start(&f, usual);
	fd = dial(&f);
	say(fd, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
	    "Expect: 100-continue\r\n\r\n");
	assert_non_null(hear(fd, "100 Continue\r\n\r\n", &heard));
	say(fd, "abc");
	assert_non_null(strstr(hear(fd, "hello abc", &heard),
	    "\r\n\r\nHTTP/1.1 200 "));
	(void)close(fd);
	/* RFC 9110 10.1.1: HTTP/1.0 has none */
	fd = dial(&f);
	buf_clear(&heard);
	say(fd, "POST /hello HTTP/1.0\r\nContent-Length: 3\r\n"
	    "Expect: 100-continue\r\n\r\n");
	(void)usleep(100000);
	say(fd, "abc");
	assert_int_equal(strncmp(hear(fd, NULL, &heard), "HTTP/1.1 200 ",
	    13), 0);
	(void)close(fd);
	stop(&f);
}

static void
wait_for(sem_t *sem, size_t times)
{
	for (; times > 0; times--)
		assert_int_equal(sem_wait(sem), 0);
}

static void
assert_no_answer(int fd)
{
	char octet;

	assert_int_equal(recv(fd, &octet, 1, MSG_DONTWAIT), -1);
}

/* While one batch is under way, the rest is handled for one more. */
static void
test_batch(void **state)
{
	struct fixture f = { .hold = true };
	int fds[9];
	size_t i;

	(void)state;
	start(&f, usual);
	for (i = 0; i < COUNT(fds); i++)
		fds[i] = dial(&f);
	say(fds[0], GET);
	wait_for(&f.in_batch, 1);
	assert_int_equal(f.gathered, 1);
	for (i = 1; i < COUNT(fds); i++)
		say(fds[i], GET);
	/* one goes away before it is answered */
	(void)close(fds[1]);
	wait_for(&f.said, COUNT(fds));
	assert_no_answer(fds[0]);
	assert_int_equal(sem_post(&f.go), 0);
	wait_for(&f.in_batch, 1);
	assert_int_equal(f.gathered, COUNT(fds));
	for (i = 2; i < COUNT(fds); i++)
		assert_no_answer(fds[i]);
	/* another one for the last, if this one began in its handler */
	assert_int_equal(sem_post(&f.go), 0);
	assert_int_equal(sem_post(&f.go), 0);
	for (i = 0; i < COUNT(fds); i++) {
		_cleanup_buf_ struct buf heard = BUF_INIT;

		if (i == 1)
			continue;
		assert_non_null(strstr(hear(fds[i], "hello q", &heard),
		    "hello q"));
		(void)close(fds[i]);
	}
	stop(&f);
	assert_in_range(f.batches, 2, 3);
}

/* A batch that fails takes those with it that were handled meanwhile. */
static void
test_batch_fails_late(void **state)
{
	struct fixture f = { .hold = true, .fail = true };
	int fds[2];
	size_t i;

	(void)state;
	start(&f, usual);
	for (i = 0; i < COUNT(fds); i++) {
		fds[i] = dial(&f);
		say(fds[i], GET);
		wait_for(&f.said, 1);
		if (i == 0)
			wait_for(&f.in_batch, 1);
	}
	assert_int_equal(sem_post(&f.go), 0);
	for (i = 0; i < COUNT(fds); i++) {
		_cleanup_buf_ struct buf heard = BUF_INIT;

		assert_non_null(strstr(hear(fds[i], NULL, &heard),
		    "HTTP/1.1 500 "));
		assert_null(strstr(buf_text(&heard), "hello"));
		(void)close(fds[i]);
	}
	stop(&f);
	assert_int_equal(f.batches, 1);
}

/* The server ends when its last batch has, though nobody waits for it. */
static void
test_batch_last(void **state)
{
	struct fixture f = { .hold = true, .fail = true };
	int fd;

	(void)state;
	start(&f, usual);
	fd = dial(&f);
	say(fd, GET);
	wait_for(&f.in_batch, 1);
	(void)close(fd);
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(sem_post(&f.go), 0);
	stop(&f);	/* and says that it has failed */
	assert_int_equal(f.batches, 1);
}

static void
test_batch_fails(void **state)
{
	_cleanup_buf_ struct buf heard = BUF_INIT;
	struct fixture f = { .fail = true };
	const char *text;
	int fd;

	(void)state;
	start(&f, usual);
	fd = dial(&f);
	say(fd, GET);
	text = hear(fd, NULL, &heard);
	assert_non_null(strstr(text, "HTTP/1.1 500 "));
	assert_non_null(strstr(text, "{\"code\":50}"));
	assert_null(strstr(text, "hello"));
	(void)close(fd);
	stop(&f);
}

static void
test_slow(void **state)
{
	struct http_config config = usual;
	struct fixture f = { 0 };
	int fd, idle, i;

	(void)state;
	config.request_s = 1;
	start(&f, config);
	idle = dial(&f);
	fd = dial(&f);
	/* an octet now and then does not buy time */
	for (i = 0; i < 100; i++) {
		if (send(fd, "G", 1, MSG_NOSIGNAL) < 0)
			break;
		(void)usleep(50000);
	}
	assert_true(i < 60);
	assert_true(closed(idle));
	(void)close(fd);
	(void)close(idle);
	stop(&f);
}

static void
test_room(void **state)
{
	_cleanup_buf_ struct buf heard = BUF_INIT;
	struct http_config config = usual;
	struct fixture f = { 0 };
	int fds[3];
	size_t i;

	(void)state;
	config.connections_max = 2;
	start(&f, config);
	for (i = 0; i < COUNT(fds); i++) {
		fds[i] = dial(&f);
		/* refused, but not gone */
		if (i == 0) {
			say(fds[0], "GET\r\n\r\n");
			(void)hear(fds[0], "}", &heard);
			buf_clear(&heard);
		}
	}
	say(fds[2], GET);
	assert_non_null(strstr(hear(fds[2], "hello q", &heard), "200 OK"));
	assert_true(closed(fds[0]));
	for (i = 0; i < COUNT(fds); i++)
		(void)close(fds[i]);
	stop(&f);
}

/* What is under way is finished, the rest is closed. */
static void
test_stop(void **state)
{
	_cleanup_buf_ struct buf heard = BUF_INIT;
	struct fixture f = { .hold = true };
	int fd, idle;

	(void)state;
	start(&f, usual);
	idle = dial(&f);
	fd = dial(&f);
	say(fd, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(sem_wait(&f.in_batch), 0);
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(sem_post(&f.go), 0);
	assert_true(closed(idle));
	assert_non_null(strstr(hear(fd, NULL, &heard), "200 OK"));
	assert_true(heard.len > 3000000);
	(void)close(fd);
	(void)close(idle);
	assert_int_equal(pthread_join(f.thread, NULL), 0);
	assert_int_equal(f.err, ERR_OK);
	http_server_free(&f.server);
}

static const char *const names[] = { "line-1", "127.0.0.1", "::1" };

/* A whole exchange; NULL: no handshake. Checks the certificate. */
static const char *
tls_ask(const struct fixture *f, struct bytes certificate, int version,
    struct buf *heard)
{
	_cleanup_ssl_ctx_ SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	uint8_t octets[4096];
	int fd = dial(f), n;
	BIO *bio = BIO_new_mem_buf(certificate.ptr, (int)certificate.len);
	X509 *root = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	SSL *ssl;

	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx),
	    root), 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
	SSL_CTX_set_security_level(ctx, 0);
	ssl = SSL_new(ctx);
	assert_int_equal(SSL_set1_host(ssl, "127.0.0.1"), 1);
	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	if (SSL_connect(ssl) == 1) {
		assert_int_equal(SSL_version(ssl), version);
		assert_int_equal(SSL_write(ssl, GET, sizeof(GET) - 1),
		    sizeof(GET) - 1);
		while (strstr(buf_text(heard), "hello q") == NULL &&
		    (n = SSL_read(ssl, octets, sizeof(octets))) > 0)
			buf_put(heard, octets, (size_t)n);
	}
	ERR_clear_error();
	SSL_free(ssl);
	X509_free(root);
	BIO_free(bio);
	(void)close(fd);
	return buf_text(heard);
}

static void
test_tls(void **state)
{
	_cleanup_buf_ struct buf certificate = BUF_INIT, heard = BUF_INIT;
	_cleanup_secret_ struct secret key = SECRET_INIT;
	struct http_config config = usual;
	uint8_t hash[SHA256_SIZE];
	struct fixture f = { 0 };
	int fd;

	(void)state;
	assert_int_equal(self_signed_make(names, COUNT(names),
	    &certificate, &key, NULL), ERR_OK);
	assert_int_equal(certificate_fingerprint(buf_bytes(&certificate),
	    hash, NULL), ERR_OK);
	config.certificate = buf_bytes(&certificate);
	config.key = secret_bytes(&key);
	config.request_s = 2;
	start(&f, config);
	assert_non_null(strstr(tls_ask(&f, buf_bytes(&certificate),
	    TLS1_3_VERSION, &heard), "200 OK"));
	buf_clear(&heard);
	assert_non_null(strstr(tls_ask(&f, buf_bytes(&certificate),
	    TLS1_2_VERSION, &heard), "200 OK"));
	buf_clear(&heard);
	assert_string_equal(tls_ask(&f, buf_bytes(&certificate),
	    TLS1_1_VERSION, &heard), "");
	/* nothing is said in plain text */
	fd = dial(&f);
	say(fd, GET);
	assert_null(strstr(hear(fd, NULL, &heard), "HTTP"));
	(void)close(fd);
	/* a handshake that never comes */
	fd = dial(&f);
	assert_true(closed(fd));
	(void)close(fd);
	stop(&f);
	assert_int_equal(f.handled, 2);
}

static void
test_bad_config(void **state)
{
	_cleanup_buf_ struct buf one = BUF_INIT, two = BUF_INIT;
	_cleanup_secret_ struct secret key = SECRET_INIT;
	_cleanup_secret_ struct secret other = SECRET_INIT;
	const char *const bad[] = { "a,DNS:b" };
	struct http_server *server = NULL, *again = NULL;
	struct http_config config = usual;

	(void)state;
	assert_int_equal(self_signed_make(names, 1, &one, &key,
	    NULL), ERR_OK);
	assert_int_equal(self_signed_make(names, 1, &two, &other,
	    NULL), ERR_OK);
	config.certificate = buf_bytes(&one);
	assert_int_equal(http_server_new(&config, &server, NULL),
	    ERR_INVALID);
	config.key = secret_bytes(&other);
	assert_int_equal(http_server_new(&config, &server, NULL),
	    ERR_INVALID);
	config.certificate = bytes_text("no PEM");
	assert_int_equal(http_server_new(&config, &server, NULL),
	    ERR_INVALID);
	config = usual;
	config.address = "localhost";
	assert_int_equal(http_server_new(&config, &server, NULL),
	    ERR_INVALID);
	config = usual;
	assert_int_equal(http_server_new(&config, &server, NULL), ERR_OK);
	config.port = (uint16_t)strtoul(strrchr(http_server_address(server),
	    ':') + 1, NULL, 10);
	assert_int_equal(http_server_new(&config, &again, NULL), ERR_EXISTS);
	assert_null(again);
	http_server_free(&server);
	buf_clear(&two);
	secret_release(&other);
	assert_int_equal(self_signed_make(bad, 1, &two, &other,
	    NULL), ERR_INVALID);
	assert_int_equal(certificate_fingerprint(bytes_text("x"),
	    (uint8_t[SHA256_SIZE]){ 0 }, NULL), ERR_SYNTAX);
}

static void
test_loopback(void **state)
{
	(void)state;
	assert_true(http_is_loopback("127.0.0.1"));
	assert_true(http_is_loopback("127.9.9.9"));
	assert_true(http_is_loopback("::1"));
	assert_false(http_is_loopback("0.0.0.0"));
	assert_false(http_is_loopback("::"));
	assert_false(http_is_loopback("10.0.0.1"));
	assert_false(http_is_loopback("::ffff:127.0.0.1"));
	assert_false(http_is_loopback("localhost"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_tick),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_continue),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_batch_fails),
		cmocka_unit_test(test_batch_fails_late),
		cmocka_unit_test(test_batch_last),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_bad_config),
		cmocka_unit_test(test_loopback),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
