#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "device/adapters/openssl/device_openssl.h"

#define PACKAGES	"tests/vectors/device-packages.txt"
#define SERVICES	"tests/vectors/device-services.txt"
#define NOW		INT64_C(1790000000)
#define NAME		"service.example"
#define ANSWER		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* What the service does with who connects. */
struct service {
	char		*key, *certificate;	/* hexadecimal */
	const char	*answer;
	int		 max_version;		/* 0: TLS 1.3 */
	bool		 distrusts;		/* refuses every client */
	bool		 silent;
	/* after the answer, again and again with a pause before it */
	const char	*piece;
	unsigned	 times, pause_ms;
	bool		 cut;			/* no closure alert */
	unsigned	 timeout_s;		/* the client's; 0: 20 */
};

static struct imprint_bytes package;
static char *service_lines[32];
static size_t service_count;

static uint8_t *
unhex(const char *text, size_t *ret_len)
{
	size_t i, len = strlen(text) / 2;
	uint8_t *out = malloc(len + 1);
	unsigned value;

	assert_non_null(out);
	for (i = 0; i < len; i++) {
		assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
		out[i] = (uint8_t)value;
	}
	*ret_len = len;
	return out;
}

static int
vectors_open(void **state)
{
	char *line = NULL, *at;
	size_t size = 0;
	FILE *f;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	f = fopen(PACKAGES, "r");
	if (f == NULL || getline(&line, &size, f) <= 0)
		return -1;	/* the first one is "good" */
	line[strcspn(line, "\n")] = '\0';
	at = strrchr(line, '|');
	package.ptr = unhex(at + 1, &package.len);
	(void)fclose(f);
	f = fopen(SERVICES, "r");
	if (f == NULL)
		return -1;
	while (getline(&line, &size, f) > 0 && service_count < 32) {
		line[strcspn(line, "\n")] = '\0';
		service_lines[service_count++] = strdup(line);
	}
	free(line);
	return fclose(f);
}

static int
vectors_close(void **state)
{
	(void)state;
	while (service_count > 0)
		free(service_lines[--service_count]);
	free((void *)(uintptr_t)package.ptr);
	return 0;
}

static int
client_check(int good, X509_STORE_CTX *ctx)
{
	(void)good;
	(void)ctx;
	return 1;
}

static int
client_refuse(int good, X509_STORE_CTX *ctx)
{
	(void)good;
	X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_REVOKED);
	return 0;
}

static void
pieces_send(SSL *ssl, const struct service *s)
{
	unsigned i;
	size_t n;

	(void)SSL_write_ex(ssl, s->answer, strlen(s->answer), &n);
	for (i = 0; i < s->times; i++) {
		(void)usleep(s->pause_ms * 1000);
		if (SSL_write_ex(ssl, s->piece, strlen(s->piece), &n) != 1)
			_exit(3);
	}
}

/* One connection; exit status 0: a request with a body came. */
static void
serve(int listener, const struct service *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	char request[8192];
	uint8_t *der;
	size_t len, n = 0, got = 0;
	SSL *ssl;
	int fd;

	der = unhex(s->certificate, &len);
	if (SSL_CTX_use_certificate_ASN1(ctx, (int)len, der) != 1)
		_exit(10);
	der = unhex(s->key, &len);
	if (SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, ctx, der,
	    (long)len) != 1)
		_exit(11);
	SSL_CTX_set_max_proto_version(ctx, s->max_version);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER |
	    SSL_VERIFY_FAIL_IF_NO_PEER_CERT, s->distrusts ? client_refuse :
	    client_check);
	fd = accept(listener, NULL, NULL);
	ssl = SSL_new(ctx);
	if (fd < 0 || ssl == NULL || SSL_set_fd(ssl, fd) != 1)
		_exit(12);
	if (s->silent) {
		(void)pause();
		_exit(13);
	}
	if (SSL_accept(ssl) != 1)
		_exit(1);
	while (got < sizeof(request) - 1 && SSL_read_ex(ssl, request + got,
	    sizeof(request) - 1 - got, &n) == 1) {
		got += n;
		request[got] = '\0';
		if (strstr(request, "\r\n\r\nthe document") != NULL)
			break;
	}
	if (strncmp(request, "POST /a%20photo HTTP/1.1\r\n", 26) != 0 ||
	    strstr(request, "\r\nContent-Length: 12\r\n") == NULL)
		_exit(2);
	pieces_send(ssl, s);
	if (!s->cut)
		(void)SSL_shutdown(ssl);
	_exit(0);
}

static int
listener_open(char port[8])
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	(void)snprintf(port, 8, "%u", ntohs(a.sin_port));
	return fd;
}

/* Ask the service; returns what it saw, its exit status. */
static int
meet(const struct service *s, struct imprint_tls_answer *answer,
    uint8_t *buffer, size_t size)
{
	static const uint8_t body[] = "the document";
	const struct imprint_device_trust trust = { .now = NOW, .floor = 1 };
	struct imprint_device_identity identity;
	struct imprint_device_report report;
	struct imprint_tls_request request = {
		.identity = &identity, .host = "127.0.0.1", .name = NAME,
		.now = NOW, .timeout_s = s->timeout_s > 0 ? s->timeout_s : 20,
		.method = "POST", .object = "a photo",
		.content_type = "application/eat+cwt",
		.body = { body, sizeof(body) - 1 }
	};
	int listener, status;
	char port[8];
	pid_t pid;

	assert_int_equal(imprint_device_verify(imprint_device_openssl(),
	    package, &trust, &identity, &report), IMPRINT_DEVICE_OK);
	assert_int_equal(report.verdict, IMPRINT_DEVICE_ACCEPT);
	listener = listener_open(port);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		serve(listener, s);
	(void)close(listener);
	request.port = port;
	imprint_tls_ask(&request, buffer, size, answer);
	if (s->silent)
		(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* name|outcome|key|certificate */
static bool
service_read(size_t n, char **ret_name, char **ret_outcome,
    struct service *ret_service)
{
	char *line = strdup(service_lines[n]);
	char *rest = line;

	*ret_name = strsep(&rest, "|");
	*ret_outcome = strsep(&rest, "|");
	*ret_service = (struct service){ .answer = ANSWER };
	ret_service->key = strsep(&rest, "|");
	ret_service->certificate = rest;
	return rest != NULL;
}

static void
only_a_proven_service_is_asked(void **state)
{
	struct imprint_tls_answer answer;
	char *name, *outcome;
	struct service s;
	uint8_t buffer[4096];
	size_t i;
	int seen;

	(void)state;
	assert_true(service_count >= 10);
	for (i = 0; i < service_count; i++) {
		assert_true(service_read(i, &name, &outcome, &s));
		seen = meet(&s, &answer, buffer, sizeof(buffer));
		if (strcmp(outcome, "answered") == 0) {
			assert_int_equal(answer.outcome,
			    IMPRINT_TLS_ANSWERED);
			assert_int_equal(answer.status, 200);
			assert_int_equal(answer.body.len, 5);
			assert_memory_equal(answer.body.ptr, "hello", 5);
			assert_int_equal(seen, 0);
		} else {
			if (answer.outcome != IMPRINT_TLS_SERVER_DENIED)
				fail_msg("%s: outcome %d: %s", name,
				    answer.outcome, answer.reason);
			assert_int_equal(seen, 1);	/* nothing was sent */
			assert_int_not_equal(answer.reason[0], '\0');
		}
		free(name);
	}
}

static void
what_the_service_does_is_told(void **state)
{
	static const struct {
		const char			*answer;
		bool				 distrusts, silent, old;
		enum imprint_tls_outcome	 outcome;
		int				 status;
		size_t				 body;
		unsigned			 retry_after_s;
	} table[] = {
		{ ANSWER, true, false, false, IMPRINT_TLS_DEVICE_DENIED, 0,
		    0, 0 },
		{ ANSWER, false, false, true, IMPRINT_TLS_UNREACHABLE, 0, 0,
		    0 },
		{ ANSWER, false, true, false, IMPRINT_TLS_UNREACHABLE, 0, 0,
		    0 },
		{ "", false, false, false, IMPRINT_TLS_UNREACHABLE, 0, 0, 0 },
		{ "HTTP/1.1 403 Forbidden\r\ncontent-LENGTH:2\r\n\r\nno",
		    false, false, false, IMPRINT_TLS_ANSWERED, 403, 2, 0 },
		{ "HTTP/1.1 200 OK\r\n\r\nto the end", false, false, false,
		    IMPRINT_TLS_ANSWERED, 200, 10, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", false,
		    false, false, IMPRINT_TLS_BAD_ANSWER, 0, 0, 0 },
		{ "SSH-2.0-hello\r\n\r\n", false, false, false,
		    IMPRINT_TLS_BAD_ANSWER, 0, 0, 0 },
		{ "HTTP/1.1 2x0 OK\r\n\r\n", false, false, false,
		    IMPRINT_TLS_BAD_ANSWER, 0, 0, 0 },
		{ "HTTP/1.1 200 OK\r\nX: 0123456789012345678901234567890123456"
		    "789012345678901234567890123456789012345678901234567890"
		    "12345678901234567890\r\n\r\n", false, false,
		    false, IMPRINT_TLS_BAD_ANSWER, 0, 0, 0 },
		{ "HTTP/1.1 503 No\r\nretry-AFTER: 70\r\n\r\n", false, false,
		    false, IMPRINT_TLS_ANSWERED, 503, 0, 70 },
		{ "HTTP/1.1 429 No\r\nRetry-After: Mon\r\n\r\n", false,
		    false, false, IMPRINT_TLS_ANSWERED, 429, 0, 0 },
		{ "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\n"
		    "llo\r\n0\r\n\r\n", false, false, false,
		    IMPRINT_TLS_ANSWERED, 200, 5, 0 },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "2\r\nhe\r\n", false, false, false,
		    IMPRINT_TLS_BAD_ANSWER, 0, 0, 0 }
	};
	struct imprint_tls_answer answer;
	char *name, *outcome;
	uint8_t buffer[96];
	struct service s;
	size_t i;

	(void)state;
	assert_true(service_read(0, &name, &outcome, &s));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		s.answer = table[i].answer;
		s.distrusts = table[i].distrusts;
		s.silent = table[i].silent;
		s.timeout_s = s.silent ? 1 : 0;
		s.max_version = table[i].old ? TLS1_2_VERSION : 0;
		(void)meet(&s, &answer, buffer, sizeof(buffer));
		if (answer.outcome != table[i].outcome)
			fail_msg("%zu: outcome %d: %s", i, answer.outcome,
			    answer.reason);
		assert_int_equal(answer.status, table[i].status);
		assert_int_equal(answer.body.len, table[i].body);
		assert_int_equal(answer.retry_after_s,
		    table[i].retry_after_s);
	}
	free(name);
}

#define NOTE	"HTTP/1.1 100 Continue\r\n\r\n"

/* What is slow is waited for while it comes on; the rest has an end. */
static void
no_service_keeps_it_for_ever(void **state)
{
	static const struct {
		const char			*answer, *piece;
		unsigned			 times, pause_ms, timeout_s;
		enum imprint_tls_outcome	 outcome;
		size_t				 body;
	} table[] = {
		{ "", NOTE, 5000, 10, 20, IMPRINT_TLS_BAD_ANSWER, 0 },
		{ NOTE NOTE NOTE NOTE NOTE NOTE NOTE NOTE ANSWER, "", 0, 0,
		    20, IMPRINT_TLS_ANSWERED, 5 },
		{ "HTTP/1.1 200 OK\r\nX: ", "x", 1000, 200, 1,
		    IMPRINT_TLS_UNREACHABLE, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", "x",
		    900, 200, 1, IMPRINT_TLS_UNREACHABLE, 0 },
		{ "HTTP/1.1 200 OK\r\n\r\nto the", " end", 2, 1500, 1,
		    IMPRINT_TLS_UNREACHABLE, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 18000\r\n\r\n", NULL,
		    18, 500, 2, IMPRINT_TLS_ANSWERED, 18000 }
	};
	static uint8_t buffer[20000];
	struct imprint_tls_answer answer;
	char *name, *outcome, piece[1001];
	struct service s;
	size_t i;

	(void)state;
	memset(piece, 'x', sizeof(piece) - 1);
	piece[sizeof(piece) - 1] = '\0';
	assert_true(service_read(0, &name, &outcome, &s));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		s.answer = table[i].answer;
		s.piece = table[i].piece != NULL ? table[i].piece : piece;
		s.times = table[i].times;
		s.pause_ms = table[i].pause_ms;
		s.timeout_s = table[i].timeout_s;
		/* 3: it was left before it had said all */
		assert_int_equal(meet(&s, &answer, buffer, sizeof(buffer)),
		    table[i].outcome == IMPRINT_TLS_ANSWERED ? 0 : 3);
		if (answer.outcome != table[i].outcome)
			fail_msg("%zu: outcome %d: %s", i, answer.outcome,
			    answer.reason);
		assert_int_equal(answer.body.len, table[i].body);
	}
	free(name);
}

#define CHUNKS	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/* RFC 9112 6.3: they end with their heads, whatever those say. */
static void
some_answers_have_no_body(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
		"HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n"
	};
	struct imprint_tls_answer answer;
	char *name, *outcome;
	uint8_t buffer[96];
	struct service s;
	size_t i;

	(void)state;
	assert_true(service_read(0, &name, &outcome, &s));
	s.cut = true;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		s.answer = answers[i];
		assert_int_equal(meet(&s, &answer, buffer, sizeof(buffer)), 0);
		assert_int_equal(answer.outcome, IMPRINT_TLS_ANSWERED);
		assert_int_equal(answer.status, i == 1 ? 304 : 204);
		assert_int_equal(answer.body.len, 0);
	}
	free(name);
}

/* RFC 9112 9.8: only the alert tells the end from a cut. */
static void
a_cut_answer_is_none(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\n\r\nto the en",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
		CHUNKS "2\r\nhe\r\n"
	};
	struct imprint_tls_answer answer;
	char *name, *outcome;
	uint8_t buffer[96];
	struct service s;
	size_t i;

	(void)state;
	assert_true(service_read(0, &name, &outcome, &s));
	s.cut = true;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		s.answer = answers[i];
		assert_int_equal(meet(&s, &answer, buffer, sizeof(buffer)), 0);
		assert_int_equal(answer.outcome, IMPRINT_TLS_UNREACHABLE);
		assert_int_equal(answer.body.len, 0);
	}
	free(name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_proven_service_is_asked),
		cmocka_unit_test(what_the_service_does_is_told),
		cmocka_unit_test(no_service_keeps_it_for_ever),
		cmocka_unit_test(some_answers_have_no_body),
		cmocka_unit_test(a_cut_answer_is_none)
	};

	return cmocka_run_group_tests(tests, vectors_open, vectors_close);
}
