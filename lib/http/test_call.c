/* Replies that come later, files, other descriptors, the monitor's socket;
 * what all replies have, and what handlers ask of fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/http/server.h"

#define PATIENCE_S	20
#define CALLS_MAX	4
#define FILE_SIZE	((size_t)300000)

struct fixture {
	struct http_server	*server;
	struct http_watch	*watch;
	pthread_t		 thread;
	uint16_t		 port, monitor_port;
	struct http_call	*calls[CALLS_MAX];
	_Atomic unsigned	 count;		/* set when all else is */
	unsigned		 gone;
	int			 pipe[2];	/* an octet ends all calls */
	bool			 mute;		/* without a reply */
};

static void
later(void *ctx, struct http_request *r)
{
	struct fixture *f = ctx;

	assert_true(f->count < CALLS_MAX);
	f->calls[f->count] = http_defer(r);
	assert_non_null(f->calls[f->count]);
	f->count++;
}

/* In the server's loop. */
static void
piped(void *ctx)
{
	struct http_request *r;
	struct fixture *f = ctx;
	unsigned i = f->count;
	char octet;

	assert_int_equal(read(f->pipe[0], &octet, 1), 1);
	while (i-- > 0) {
		_cleanup_buf_ struct buf body = BUF_INIT;

		r = http_call_request(f->calls[i]);
		if (r == NULL)
			f->gone++;
		buf_printf(&body, "at last");
		if (r != NULL && !f->mute)
			http_reply(r, HTTP_ACCEPTED, "text/plain", &body);
		http_call_end(&f->calls[i]);
		assert_null(f->calls[i]);
	}
	f->count = 0;
}

static void
file(void *ctx, struct http_request *r)
{
	char path[] = "/tmp/test_call.XXXXXX";
	char octets[1000];
	bool whole = bytes_equal(http_path(r), bytes_text("/file/whole"));
	size_t i;
	int fd;

	(void)ctx;
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	memset(octets, 'f', sizeof(octets));
	for (i = 0; i < FILE_SIZE; i += sizeof(octets))
		assert_int_equal(write(fd, octets, sizeof(octets)),
		    sizeof(octets));
	http_reply_file(r, "text/plain", fd,
	    whole ? FILE_SIZE : FILE_SIZE + 1);
}

static void
nothing(void *ctx, struct http_request *r)
{
	(void)ctx;
	http_reply_file(r, "text/plain", open("/dev/null", O_RDONLY), 0);
}

static void
watched(void *ctx, struct http_request *r)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	(void)ctx;
	buf_printf(&body, http_is_monitor(r) ? "monitor" : "public");
	http_reply(r, HTTP_OK, "text/plain", &body);
}

static void
fields(void *ctx, struct http_request *r)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	(void)ctx;
	buf_printf(&body, "[");
	buf_put_bytes(&body, http_credentials(r, "Imprint"));
	buf_printf(&body, "][");
	http_put_field_list(r, "X-Note", &body);
	buf_printf(&body, "]");
	http_reply(r, HTTP_OK, "text/plain", &body);
}

static const struct http_route routes[] = {
	{ "GET", "/fields", fields },
	{ "GET", "/later", later },
	{ "GET", "/file/*", file },
	{ "GET", "/nothing", nothing },
	{ "GET", "/both", watched },
	{ NULL, NULL, NULL }
};
static const struct http_route monitor_routes[] = {
	{ "GET", "/both", watched },
	{ "GET", "/only", watched },
	{ NULL, NULL, NULL }
};

static int
bound(uint16_t *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static void *
serve(void *ctx)
{
	struct fixture *f = ctx;

	assert_int_equal(http_server_run(f->server, NULL), ERR_OK);
	return NULL;
}

static void
start(struct fixture *f, unsigned stop_s)
{
	struct http_config config = {
		.body_max = 10, .connections_max = 8, .idle_s = PATIENCE_S,
		.request_s = PATIENCE_S, .stop_s = stop_s, .routes = routes,
		.monitor_routes = monitor_routes, .ctx = f,
	};

	config.listener = bound(&f->port);
	config.monitor = bound(&f->monitor_port);
	assert_int_equal(pipe2(f->pipe, O_CLOEXEC), 0);
	assert_int_equal(http_server_new(&config, &f->server, NULL), ERR_OK);
	assert_int_equal(http_watch_new(f->server, f->pipe[0], piped, f,
	    &f->watch, NULL), ERR_OK);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void
stop(struct fixture *f)
{
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(pthread_join(f->thread, NULL), 0);
	http_watch_free(&f->watch);
	http_server_free(&f->server);
	(void)close(f->pipe[0]);
	(void)close(f->pipe[1]);
}

static int
ask(uint16_t port, const char *path)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	struct timeval limit = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
	    sizeof(limit)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_true(dprintf(fd, "GET %s HTTP/1.1\r\nHost: a\r\n"
	    "Connection: close\r\n\r\n", path) > 0);
	return fd;
}

static const char *
hear(int fd, struct buf *out)
{
	uint8_t octets[4096];
	ssize_t n;

	buf_clear(out);
	while ((n = recv(fd, octets, sizeof(octets), 0)) > 0)
		buf_put(out, octets, (size_t)n);
	(void)close(fd);
	return buf_text(out);
}

static const char *
heard(uint16_t port, const char *path, struct buf *out)
{
	return hear(ask(port, path), out);
}

static void
wait_count(struct fixture *f, unsigned count)
{
	unsigned i;

	for (i = 0; f->count != count; i++) {
		assert_true(i < PATIENCE_S * 1000);
		(void)usleep(1000);
	}
}

static void
test_later(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct fixture f = { 0 };
	int one, two;

	(void)state;
	start(&f, PATIENCE_S);
	one = ask(f.port, "/later");
	two = ask(f.port, "/later");
	wait_count(&f, 2);
	/* others are answered meanwhile */
	assert_non_null(strstr(heard(f.port, "/both", &text), "public"));
	assert_int_equal(write(f.pipe[1], "x", 1), 1);
	assert_non_null(strstr(hear(one, &text), "202 Accepted"));
	assert_non_null(strstr(hear(two, &text), "at last"));
	/* its owner had no answer */
	f.mute = true;
	one = ask(f.port, "/later");
	wait_count(&f, 1);
	assert_int_equal(write(f.pipe[1], "x", 1), 1);
	assert_non_null(strstr(hear(one, &text), "500 Internal"));
	stop(&f);
	assert_int_equal(f.gone, 0);
}

/* One that has gone is no harm, nor one that is left when all ends. */
static void
test_gone(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct linger hard = { .l_onoff = 1 };
	struct fixture f = { 0 };
	int fd;

	(void)state;
	start(&f, 0);
	fd = ask(f.port, "/later");
	wait_count(&f, 1);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard,
	    sizeof(hard)), 0);
	(void)close(fd);
	assert_non_null(strstr(heard(f.port, "/both", &text), "public"));
	assert_int_equal(write(f.pipe[1], "x", 1), 1);
	wait_count(&f, 0);
	assert_int_equal(f.gone, 1);
	fd = ask(f.port, "/later");
	wait_count(&f, 1);
	stop(&f);
	assert_null(http_call_request(f.calls[0]));
	http_call_end(&f.calls[0]);
	assert_string_equal(hear(fd, &text), "");
}

static void
test_files(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct fixture f = { 0 };
	const char *body;

	(void)state;
	start(&f, PATIENCE_S);
	body = strstr(heard(f.port, "/file/whole", &text), "\r\n\r\n");
	assert_non_null(body);
	assert_int_equal(strlen(body + 4), FILE_SIZE);
	assert_int_equal(strspn(body + 4, "f"), FILE_SIZE);
	assert_non_null(strstr(buf_text(&text), "Length: 300000\r\n"));
	/* shorter than was said: cut off, never filled up */
	body = strstr(heard(f.port, "/file/cut", &text), "\r\n\r\n");
	assert_non_null(strstr(buf_text(&text), "Length: 300001\r\n"));
	assert_int_equal(strlen(body + 4), FILE_SIZE);
	assert_non_null(strstr(heard(f.port, "/nothing", &text),
	    "Length: 0\r\n"));
	assert_non_null(strstr(heard(f.port, "/file/", &text), "404"));
	assert_non_null(strstr(heard(f.port, "/fil", &text), "404"));
	stop(&f);
}

static void
test_monitor(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct fixture f = { 0 };

	(void)state;
	start(&f, PATIENCE_S);
	assert_non_null(strstr(heard(f.port, "/both", &text), "public"));
	assert_non_null(strstr(heard(f.monitor_port, "/both", &text),
	    "monitor"));
	assert_non_null(strstr(heard(f.monitor_port, "/only", &text),
	    "monitor"));
	assert_non_null(strstr(heard(f.port, "/only", &text), "404"));
	assert_non_null(strstr(heard(f.monitor_port, "/later", &text),
	    "404"));
	stop(&f);
}

/* RFC 9110 6.6.1 */
static void
test_date(void **state)
{
	static const char *const paths[] = { "/both", "/none", "/file/whole" };
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct fixture f = { 0 };
	const char *date;
	int64_t before;
	struct tm tm;
	size_t i;

	(void)state;
	start(&f, PATIENCE_S);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		before = time_now();
		date = strstr(heard(f.port, paths[i], &text), "\r\nDate: ");
		assert_non_null(date);
		memset(&tm, 0, sizeof(tm));
		assert_non_null(strptime(date + 8,
		    "%a, %d %b %Y %H:%M:%S GMT\r\n", &tm));
		assert_in_range(timegm(&tm), before, time_now());
	}
	stop(&f);
}

static void
test_fields(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct fixture f = { 0 };

	(void)state;
	start(&f, PATIENCE_S);
	/* the rest of the request's line becomes a field */
	assert_non_null(strstr(heard(f.port, "/fields HTTP/1.1\r\n"
	    "X-Note: 1\r\nAuthorization: imPRINT  abc=\r\n"
	    "x-note: 2, 3\r\nEnd:", &text), "[abc=][1, 2, 3]"));
	assert_non_null(strstr(heard(f.port, "/fields HTTP/1.1\r\n"
	    "Authorization: Imprinted abc\r\nEnd:", &text), "[][]"));
	assert_non_null(strstr(heard(f.port, "/fields HTTP/1.1\r\n"
	    "Authorization: Imprint\r\nEnd:", &text), "[][]"));
	stop(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_monitor),
		cmocka_unit_test(test_date),
		cmocka_unit_test(test_fields),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
