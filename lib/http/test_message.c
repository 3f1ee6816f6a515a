#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "lib/http/message.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_good(void **state)
{
	const char *text = "POST /v1/query?a=b HTTP/1.1\r\nHost: line\r\n"
	    "content-LENGTH:  12 \r\nX: \r\nExpect: 100-continue\r\n\r\n";
	enum http_status status;
	struct http_head head, last;

	(void)state;
	assert_int_equal(http_head_end(bytes_text(text), 0), strlen(text));
	assert_int_equal(http_head_end(bytes_text(text), 30), strlen(text));
	assert_int_equal(http_head_end(bytes_of(text, strlen(text) - 1), 0),
	    0);
	assert_int_equal(http_head_parse(bytes_text(text), &head, &status,
	    NULL), ERR_OK);
	assert_true(bytes_equal(head.method, bytes_text("POST")));
	assert_true(bytes_equal(head.path, bytes_text("/v1/query")));
	assert_true(bytes_equal(head.query, bytes_text("a=b")));
	assert_int_equal(head.body_len, 12);
	assert_true(head.keep_alive);
	assert_true(head.expect_continue);
	/* RFC 9110 10.1.1: not in HTTP/1.0 */
	assert_int_equal(http_head_parse(bytes_text("POST / HTTP/1.0\r\n"
	    "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n"), &last,
	    &status, NULL), ERR_OK);
	assert_false(last.expect_continue);
	assert_int_equal(http_head_parse(bytes_text("POST / HTTP/1.1\r\n"
	    "Host: a\r\nConnection: close\r\nContent-Length: 1\r\n"
	    "Expect: 100-Continue\r\n\r\n"), &last, &status, NULL), ERR_OK);
	assert_true(last.expect_continue);
	assert_true(bytes_equal(http_head_field(&head, "HOST"),
	    bytes_text("line")));
	assert_int_equal(http_head_field(&head, "x").len, 0);
	assert_non_null(http_head_field(&head, "x").ptr);
	assert_null(http_head_field(&head, "y").ptr);
}

static void
test_connection(void **state)
{
	static const struct {
		const char	*text;
		bool		 keep_alive;
	} rows[] = {
		{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", true },
		{ "GET / HTTP/1.1\r\nHost:\r\nConnection: Close\r\n\r\n",
			false },
		{ "GET / HTTP/1.1\r\nHost:\r\nConnection: keep-alive ,close"
			"\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nHost:\r\nConnection: upgrade\r\n"
			"connection: close, x\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nHost:\r\nConnection: closed\r\n\r\n",
			true },
		{ "PUT / HTTP/1.1\r\nHost:\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\n\r\n", false },
	};
	enum http_status status;
	struct http_head head;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(http_head_parse(bytes_text(rows[i].text),
		    &head, &status, NULL), ERR_OK);
		assert_int_equal(head.keep_alive, rows[i].keep_alive);
		assert_int_equal(head.body_len, 0);
	}
}

/* A proxy may send the whole address. */
static void
test_absolute(void **state)
{
	static const struct {
		const char	*target, *path, *query;
	} rows[] = {
		{ "https://a.example:8443/v1/x?y=z", "/v1/x", "y=z" },
		{ "HTTP://a/", "/", "" },
		{ "https://a", "/", "" }
	};
	enum http_status status;
	struct http_head head;
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		(void)snprintf(text, sizeof(text),
		    "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].target);
		assert_int_equal(http_head_parse(bytes_text(text), &head,
		    &status, NULL), ERR_OK);
		assert_true(bytes_equal(head.path, bytes_text(rows[i].path)));
		assert_true(bytes_equal(head.query,
		    bytes_text(rows[i].query)));
	}
}

#define HOST "Host: a\r\n"

static void
test_refused(void **state)
{
	static const struct {
		const char		*text;
		enum http_status	 status;
	} rows[] = {
		{ "\r\n\r\n", HTTP_BAD_REQUEST },
		{ "GET\r\n\r\n", HTTP_BAD_REQUEST },
		{ "GET /\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
		{ "G T / HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
		{ "G@T / HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
		{ "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n",
			HTTP_BAD_REQUEST },
		{ "GET https:///x HTTP/1.1\r\n" HOST "\r\n",
			HTTP_BAD_REQUEST },
		{ "GET https://a@b/ HTTP/1.1\r\n" HOST "\r\n",
			HTTP_BAD_REQUEST },
		{ "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n",
			HTTP_BAD_REQUEST },
		{ "GET * HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
		{ "GET /\x80 HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD_REQUEST },
		{ "GET / HTTP/2.0\r\n" HOST "\r\n", HTTP_VERSION_UNKNOWN },
		{ "GET / http/1.1\r\n" HOST "\r\n", HTTP_VERSION_UNKNOWN },
		{ "GET / HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP_BAD_REQUEST },
		{ "GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", HTTP_BAD_REQUEST },
		{ "GET / HTTP/1.1\n" HOST "\r\n\r\n", HTTP_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\nHost: a\n\r\n\r\n", HTTP_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", HTTP_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", HTTP_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n",
			HTTP_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\n" HOST "nothing\r\n\r\n",
			HTTP_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\n" HOST "a: \x01\r\n\r\n",
			HTTP_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\n" HOST "a: b\rc\r\n\r\n",
			HTTP_BAD_REQUEST },
		{ "POST / HTTP/1.1\r\n" HOST "\r\n", HTTP_LENGTH_REQUIRED },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
			HTTP_BAD_REQUEST },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n",
			HTTP_BAD_REQUEST },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n",
			HTTP_BAD_REQUEST },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n",
			HTTP_BAD_REQUEST },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: "
			"9999999999999999999\r\n\r\n", HTTP_BAD_REQUEST },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n"
			"content-length: 1\r\n\r\n", HTTP_BAD_REQUEST },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n"
			"Transfer-Encoding: chunked\r\n\r\n",
			HTTP_BAD_REQUEST },
		{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked"
			"\r\n\r\n", HTTP_LENGTH_REQUIRED },
		{ "GET / HTTP/1.1\r\n" HOST "Authorization: a\r\n"
			"Authorization: b\r\n\r\n", HTTP_BAD_REQUEST },
	};
	enum http_status status;
	struct http_head head;
	struct diag diag;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		diag = (struct diag)DIAG_INIT;
		status = HTTP_OK;
		if (http_head_parse(bytes_text(rows[i].text), &head, &status,
		    &diag) == ERR_OK || status != rows[i].status)
			fail_msg("row %zu: %s: status %d", i, rows[i].text,
			    status);
		assert_true(diag.what[0] != '\0');
	}
}

static void
test_many_fields(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	enum http_status status;
	struct http_head head;
	int i;

	(void)state;
	buf_printf(&text, "GET / HTTP/1.1\r\n" HOST);
	for (i = 1; i < HTTP_FIELDS_MAX; i++)
		buf_printf(&text, "F%d: v\r\n", i);
	buf_printf(&text, "\r\n");
	assert_int_equal(http_head_parse(buf_bytes(&text), &head, &status,
	    NULL), ERR_OK);
	text.len -= 2;
	buf_printf(&text, "one: more\r\n\r\n");
	assert_int_equal(http_head_parse(buf_bytes(&text), &head, &status,
	    NULL), ERR_LIMIT);
	assert_int_equal(status, HTTP_HEAD_TOO_LARGE);
}

/* RFC 3986 3.2.2, 3.2.3 */
static void
test_host(void **state)
{
	static const char *const good[] = { "", "a", "a.example:8443", "a:",
		"127.0.0.1:1", "[::1]", "[fe80::1]:443", "[v1.a:b]", "%41-_~",
		":80" };
	static const char *const bad[] = { "a b", "a/b", "a@b", "a:b", "a:1:2",
		"::1", "[]", "[::1", "[::1]1", "[::1]:x", "[a b]", "%4", "%zz",
		"a\x80", "a?", "a\"b", "a]" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++)
		if (!http_host_good(bytes_text(good[i])))
			fail_msg("%s", good[i]);
	for (i = 0; i < COUNT(bad); i++)
		if (http_host_good(bytes_text(bad[i])))
			fail_msg("%s", bad[i]);
	assert_false(http_host_good(bytes_of("a\0b", 3)));
}

static void
test_type(void **state)
{
	static const char type[] = "application/pkcs10";

	(void)state;
	assert_true(http_type_is(bytes_text("application/pkcs10"), type));
	assert_true(http_type_is(bytes_text("Application/PKCS10;x=y"), type));
	assert_true(http_type_is(bytes_text("application/pkcs10 ; x=y"),
	    type));
	assert_false(http_type_is(bytes_text("application/pkcs100"), type));
	assert_false(http_type_is(bytes_text("application/pkcs"), type));
	assert_false(http_type_is(bytes_text("application/pkcs10 x"), type));
	assert_false(http_type_is(BYTES_NONE, type));
}

static void
test_date(void **state)
{
	static const struct {
		int64_t		 t;
		const char	*text;
	} rows[] = {
		{ 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" },
		{ 1709164800, "Thu, 29 Feb 2024 00:00:00 GMT" },
		{ INT64_C(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT" },
		{ -1, "Thu, 01 Jan 1970 00:00:00 GMT" },
	};
	char text[HTTP_DATE_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		http_date(rows[i].t, text);
		assert_string_equal(text, rows[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_absolute),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many_fields),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_type),
		cmocka_unit_test(test_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
