#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "device/adapters/openssl/internal.h"

#define CHUNKED	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define WAITS	"HTTP/1.1 503 No\r\n"
#define DATE	"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static enum adapter_http
head_of(const char *text, struct adapter_answer *ret_answer)
{
	return adapter_http_head((const uint8_t *)text, strlen(text),
	    ret_answer);
}

/* An answer that comes octet by octet is whole with its last one alone. */
static void
test_growing(void **state)
{
	static const char text[] = CHUNKED
	    "5\r\nhello\r\n001;a=\"b\"\r\n,\r\n00000A \r\n 123456789\r\n"
	    "0\r\nX: y\r\n\r\n";
	uint8_t copy[sizeof(text)];
	struct adapter_answer answer;
	enum adapter_http state_;
	size_t len, body;

	(void)state;
	for (len = 0; len < sizeof(text); len++) {
		memcpy(copy, text, len);
		state_ = adapter_http_head(copy, len, &answer);
		if (len < sizeof(CHUNKED) - 1) {
			assert_int_equal(state_, ADAPTER_HTTP_MORE);
			continue;
		}
		assert_int_equal(state_, ADAPTER_HTTP_WHOLE);
		assert_true(answer.chunked);
		assert_int_equal(adapter_http_chunks(copy + answer.start,
		    len - answer.start, false, &body),
		    len == sizeof(text) - 1 ? ADAPTER_HTTP_WHOLE :
		    ADAPTER_HTTP_MORE);
	}
	assert_int_equal(adapter_http_chunks(copy + answer.start,
	    sizeof(text) - 1 - answer.start, true, &body),
	    ADAPTER_HTTP_WHOLE);
	assert_int_equal(body, 16);
	assert_memory_equal(copy + answer.start, "hello, 123456789", 16);
}

static void
test_bad_chunks(void **state)
{
	static const char *const bodies[] = {
		"\r\nx", "x\r\n", "-1\r\n", "0x1\r\na\r\n", "1\r\nab\r\n",
		"00000001\r\na\r\n", "FFFFFFFF\r\n", "1\na\r\n"
	};
	uint8_t copy[32];
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		memcpy(copy, bodies[i], strlen(bodies[i]));
		if (adapter_http_chunks(copy, strlen(bodies[i]), false,
		    &len) != ADAPTER_HTTP_BAD)
			fail_msg("%zu is taken", i);
	}
}

static void
test_bad_heads(void **state)
{
	static const char *const heads[] = {
		"HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1  20\r\n\r\n", "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"
	};
	struct adapter_answer answer;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (head_of(heads[i], &answer) != ADAPTER_HTTP_BAD)
			fail_msg("%zu is taken", i);
}

static void
test_retry_after(void **state)
{
	static const struct {
		const char	*head;
		unsigned	 seconds;
	} table[] = {
		{ WAITS "Retry-After: 70\r\n\r\n", 70 },
		{ WAITS "Retry-After: 99999999999999999999\r\n\r\n",
		    UINT32_MAX },
		{ WAITS "Retry-After: -1\r\n\r\n", 0 },
		{ WAITS DATE "Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n"
		    "\r\n", 60 },
		{ WAITS "Retry-After: Mon, 07 Nov 1994 08:49:37 GMT\r\n" DATE
		    "\r\n", 86400 },
		/* before it was sent; no time to count from; no date */
		{ WAITS DATE "Retry-After: Sun, 06 Nov 1994 08:49:07 GMT\r\n"
		    "\r\n", 0 },
		{ WAITS "Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n\r\n",
		    0 },
		{ WAITS DATE "Retry-After: Sun, 06 Nox 1994 08:50:37 GMT\r\n"
		    "\r\n", 0 },
		{ WAITS DATE "Retry-After: Sunday, 06-Nov-94 08:50:37 GMT\r\n"
		    "\r\n", 0 },
		{ WAITS DATE "Retry-After: Sun, 06 Nov\r\n\r\n", 0 }
	};
	struct adapter_answer answer;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(head_of(table[i].head, &answer),
		    ADAPTER_HTTP_WHOLE);
		assert_int_equal(answer.status, 503);
		assert_int_equal(answer.retry_after_s, table[i].seconds);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growing),
		cmocka_unit_test(test_bad_chunks),
		cmocka_unit_test(test_bad_heads),
		cmocka_unit_test(test_retry_after)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
