#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cbor_write.h"
#include "lib/proto/channel.h"

static void
pair(struct channel *a, struct channel *b)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    fds), 0);
	assert_int_equal(channel_open(a, fds[0], NULL), ERR_OK);
	assert_int_equal(channel_open(b, fds[1], NULL), ERR_OK);
}

static void
put(struct channel *channel, uint64_t call, size_t len)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	cbor_put_bstr_head(&body, len);
	memset(buf_extend(&body, len), 'x', len);
	assert_int_equal(channel_put(channel, &(struct internal_message){
	    .call = call, .type = INTERNAL_IDENTITY,
	    .body = buf_bytes(&body) }), ERR_OK);
}

/* Messages of all sizes, more at once than the socket takes. */
static void
test_messages(void **state)
{
	_cleanup_channel_ struct channel a = CHANNEL_INIT, b = CHANNEL_INIT;
	struct internal_message message;
	uint64_t call, next = 1;
	struct bytes octets;
	bool there = true;

	(void)state;
	pair(&a, &b);
	assert_int_equal(channel_read(&b, NULL), ERR_OK);
	assert_int_equal(channel_next(&b, &message, &there, NULL), ERR_OK);
	assert_false(there);
	for (call = 1; call <= 40; call++)
		put(&a, call, (size_t)call * 2000);
	while (next <= 40) {
		assert_int_equal(channel_write(&a, NULL), ERR_OK);
		assert_int_equal(channel_read(&b, NULL), ERR_OK);
		for (;;) {
			assert_int_equal(channel_next(&b, &message, &there,
			    NULL), ERR_OK);
			if (!there)
				break;
			assert_int_equal(message.call, next);
			assert_int_equal(internal_get_octets(message.body,
			    INTERNAL_SIZE_MAX, &octets, NULL), ERR_OK);
			assert_int_equal(octets.len, next++ * 2000);
		}
	}
	assert_int_equal(channel_queued(&a), 0);
	channel_release(&a);
	assert_int_equal(channel_read(&b, NULL), ERR_STATE);
}

/* Who does not read is not written to without end. */
static void
test_full(void **state)
{
	_cleanup_channel_ struct channel a = CHANNEL_INIT, b = CHANNEL_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct internal_message message = { .type = 3 };
	size_t i;

	(void)state;
	pair(&a, &b);
	cbor_put_bstr_head(&body, 60000);
	memset(buf_extend(&body, 60000), 'x', 60000);
	message.body = buf_bytes(&body);
	for (i = 0; channel_put(&a, &message) == ERR_OK; i++)
		assert_true(i < 2 * CHANNEL_QUEUE_MAX / 60000);
	assert_in_range(channel_queued(&a), CHANNEL_QUEUE_MAX,
	    CHANNEL_QUEUE_MAX + INTERNAL_SIZE_MAX + INTERNAL_HEAD);
	channel_release(&b);
	assert_int_equal(channel_write(&a, NULL), ERR_STATE);
}

static void
test_rules(void **state)
{
	static const struct {
		const char	*octets;
		size_t		 len;
		enum err	 err;
	} rows[] = {
		{ "\x00\x01\x80\x01", 4, ERR_LIMIT },
		{ "\xff\xff\xff\xff", 4, ERR_LIMIT },
		{ "\x00\x00\x00\x00", 4, ERR_SYNTAX },
		{ "\x00\x00\x00\x01\xf6", 5, ERR_SYNTAX },
		{ "\x00\x00\x00\x05\x84\x02\x01\x01\xf6", 9, ERR_VERSION },
	};
	struct internal_message message;
	bool there;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_channel_ struct channel a = CHANNEL_INIT;
		_cleanup_channel_ struct channel b = CHANNEL_INIT;

		pair(&a, &b);
		assert_int_equal(write(a.fd, rows[i].octets, rows[i].len),
		    rows[i].len);
		assert_int_equal(channel_read(&b, NULL), ERR_OK);
		if (channel_next(&b, &message, &there, NULL) != rows[i].err)
			fail_msg("row %zu", i);
	}
}

static void
test_wait(void **state)
{
	_cleanup_channel_ struct channel a = CHANNEL_INIT, b = CHANNEL_INIT;
	struct internal_message message;

	(void)state;
	pair(&a, &b);
	assert_int_equal(channel_wait(&b, 10, &message, NULL), ERR_IO);
	put(&a, 4, 10);
	assert_int_equal(channel_write(&a, NULL), ERR_OK);
	assert_int_equal(channel_wait(&b, 10000, &message, NULL), ERR_OK);
	assert_int_equal(message.call, 4);
	channel_release(&a);
	assert_int_equal(channel_wait(&b, 10000, &message, NULL), ERR_STATE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_wait),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
