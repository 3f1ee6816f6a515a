#include "lib/authority/test_world.h"

#include "lib/authority/query.h"

static struct signer *
key_of(struct world *w)
{
	return w->operator;
}

static enum err
verify(struct world *w, const struct buf *query, int64_t now,
    struct query *ret_query)
{
	return query_verify(w->authority, buf_bytes(query), now, ret_query,
	    NULL);
}

static void
test_round(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct world *w = *state;
	struct query query;
	size_t i;

	assert_int_equal(query_sign(authority_info(w->authority)->id, "GET",
	    "/v1/orders?limit=2", NOW, key_of(w), &out, NULL), ERR_OK);
	assert_true(out.len <= QUERY_SIZE_MAX);
	assert_int_equal(verify(w, &out, NOW, &query), ERR_OK);
	assert_string_equal(query.method, "GET");
	assert_string_equal(query.target, "/v1/orders?limit=2");
	assert_string_equal(query.operator, "ada");
	assert_int_equal(query.time, NOW);
	assert_int_equal(verify(w, &out, NOW + REQUEST_SKEW_S, &query),
	    ERR_OK);
	assert_int_equal(verify(w, &out, NOW + REQUEST_SKEW_S + 1, &query),
	    ERR_CLOCK);
	assert_int_equal(verify(w, &out, NOW - REQUEST_SKEW_S - 1, &query),
	    ERR_CLOCK);
	for (i = 0; i < out.len; i++) {
		out.ptr[i] ^= 1;
		assert_int_not_equal(verify(w, &out, NOW, &query), ERR_OK);
		out.ptr[i] ^= 1;
	}
}

static void
test_refused(void **state)
{
	static const uint8_t other[ECOSYSTEM_ID_SIZE];
	static char target[QUERY_TARGET_MAX + 2];
	_cleanup_buf_ struct buf out = BUF_INIT, request = BUF_INIT;
	struct world *w = *state;
	struct query query;

	assert_int_equal(query_sign(other, "GET", "/", NOW, key_of(w),
	    &out, NULL), ERR_OK);
	assert_int_equal(verify(w, &out, NOW, &query), ERR_AUTH);
	/* a request is no query */
	assert_int_equal(request_sign(authority_info(w->authority)->id,
	    REQUEST_STATUS, bytes_of("\x80", 1), NOW, key_of(w), &request,
	    NULL), ERR_OK);
	assert_int_equal(verify(w, &request, NOW, &query), ERR_AUTH);
	memset(target, '/', QUERY_TARGET_MAX + 1);
	assert_int_equal(query_sign(other, "GET", target, NOW, key_of(w),
	    &out, NULL), ERR_LIMIT);
}

/* One rejection for each check of the payload. */
static void
test_shape(void **state)
{
	static const struct {
		uint64_t	 version;
		const char	*method, *target;
		size_t		 ecosystem, id, items;
		enum err	 err;
	} cases[] = {
		{ 1, "GET", "/v1/orders", 16, 16, 6, ERR_OK },
		{ 2, "GET", "/v1/orders", 16, 16, 6, ERR_VERSION },
		{ 1, "GET", "/v1/orders", 15, 16, 6, ERR_SYNTAX },
		{ 1, "GET", "/v1/orders", 16, 17, 6, ERR_SYNTAX },
		{ 1, "", "/v1/orders", 16, 16, 6, ERR_SYNTAX },
		{ 1, "GETGETGET", "/v1/orders", 16, 16, 6, ERR_SYNTAX },
		{ 1, "GET", "", 16, 16, 6, ERR_SYNTAX },
		{ 1, "GET", "/v1 orders", 16, 16, 6, ERR_SYNTAX },
		{ 1, "GET", "/v1/\xc3\xa9", 16, 16, 6, ERR_SYNTAX },
		{ 1, "GET", "/v1/orders", 16, 16, 7, ERR_SYNTAX },
	};
	static const uint8_t zero[32];
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct bytes ecosystem;
	struct query query;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		cbor_put_array(&out, cases[i].items);
		cbor_put_uint(&out, cases[i].version);
		cbor_put_bstr(&out, bytes_of(zero, cases[i].ecosystem));
		cbor_put_bstr(&out, bytes_of(zero, cases[i].id));
		cbor_put_int(&out, NOW);
		cbor_put_text(&out, cases[i].method);
		cbor_put_text(&out, cases[i].target);
		if (cases[i].items == 7)
			cbor_put_null(&out);
		assert_int_equal(query_parse(buf_bytes(&out), &ecosystem,
		    &query, NULL), cases[i].err);
	}
}

/* Looked at: whose, of which type, carried out before; nothing on record. */
static void
test_look(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT, result = BUF_INIT;
	struct operation_head before, after;
	struct world *w = *state;
	struct request_seen seen;
	enum request_type type;

	assert_int_equal(request_sign(authority_info(w->authority)->id,
	    REQUEST_CLOCK, bytes_of("\x01", 1), NOW, key_of(w), &out,
	    NULL), ERR_OK);
	assert_int_equal(operation_head(w->authority, &before, NULL),
	    ERR_OK);
	assert_int_equal(request_look(w->authority, buf_bytes(&out), &seen,
	    NULL), ERR_OK);
	assert_false(seen.known);
	assert_int_equal(seen.type, REQUEST_CLOCK);
	assert_int_equal(seen.time, NOW);
	assert_string_equal(seen.operator, "ada");
	assert_int_equal(request_peek(buf_bytes(&out), &type, NULL), ERR_OK);
	assert_int_equal(type, REQUEST_CLOCK);
	out.ptr[out.len - 1] ^= 1;
	assert_int_equal(request_look(w->authority, buf_bytes(&out), &seen,
	    NULL), ERR_AUTH);
	assert_int_equal(operation_head(w->authority, &after, NULL), ERR_OK);
	assert_int_equal(after.size, before.size);
	out.ptr[out.len - 1] ^= 1;
	assert_int_equal(authority_submit(w->authority, buf_bytes(&out), NOW,
	    &result, NULL), ERR_OK);
	assert_int_equal(request_look(w->authority, buf_bytes(&out), &seen,
	    NULL), ERR_OK);
	assert_true(seen.known);
	assert_false(seen.other);
}

/* Does it come with files? */
static void
test_look_file(void **state)
{
	static const char *const station = "line-1";
	static const uint8_t product[SHA256_SIZE] = { 1 };
	const struct names_file names = { .lines = 3 };
	const struct devices_said devices = { .mode = ORDER_CHIP,
	    .entries = 3 };
	static const struct {
		enum request_type	type;
		bool			named, listed;
		bool			with_file, with_devices;
	} cases[] = {
		{ REQUEST_CLOCK, false, false, false, false },
		{ REQUEST_RECONCILE, false, false, true, false },
		{ REQUEST_ORDER_CREATE, false, false, false, false },
		{ REQUEST_ORDER_CREATE, true, false, true, false },
		{ REQUEST_ORDER_CREATE, false, true, false, true },
		{ REQUEST_ORDER_CREATE, true, true, true, true },
	};
	struct world *w = *state;
	struct request_seen seen;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, out = BUF_INIT;

		assert_int_equal(request_put_order_files(&body, product, 3,
		    &station, 1, cases[i].named ? &names : NULL,
		    cases[i].listed ? &devices : NULL), ERR_OK);
		assert_int_equal(request_sign(authority_info(
		    w->authority)->id, cases[i].type, buf_bytes(&body), NOW,
		    key_of(w), &out, NULL), ERR_OK);
		assert_int_equal(request_look(w->authority, buf_bytes(&out),
		    &seen, NULL), ERR_OK);
		assert_int_equal(seen.with_file, cases[i].with_file);
		assert_int_equal(seen.with_devices, cases[i].with_devices);
	}
}

/* The same request id in other octets; an unprotected header. */
static void
test_look_other(void **state)
{
	_cleanup_buf_ struct buf one = BUF_INIT, two = BUF_INIT;
	_cleanup_buf_ struct buf wide = BUF_INIT, result = BUF_INIT;
	static const uint8_t id[REQUEST_ID_SIZE] = { 7 };
	struct cose_sign1 message;
	struct world *w = *state;
	struct request_seen seen;
	size_t at;

	assert_int_equal(request_sign_as(authority_info(w->authority)->id,
	    id, REQUEST_CLOCK, bytes_of("\x01", 1), NOW, key_of(w), &one,
	    NULL), ERR_OK);
	assert_int_equal(request_sign_as(authority_info(w->authority)->id,
	    id, REQUEST_CLOCK, bytes_of("\x02", 1), NOW, key_of(w), &two,
	    NULL), ERR_OK);
	assert_int_equal(authority_submit(w->authority, buf_bytes(&one), NOW,
	    &result, NULL), ERR_OK);
	assert_int_equal(request_look(w->authority, buf_bytes(&two), &seen,
	    NULL), ERR_OK);
	assert_true(seen.known && seen.other);
	assert_int_equal(cose_sign1_parse(buf_bytes(&one), &message, NULL),
	    ERR_OK);
	at = (size_t)(message.unprotected.ptr - one.ptr);
	buf_put(&wide, one.ptr, at);
	buf_put(&wide, "\xa1\x18\x63\x01", 4);
	buf_put(&wide, one.ptr + at + 1, one.len - at - 1);
	assert_int_equal(cose_sign1_parse(buf_bytes(&wide), &message, NULL),
	    ERR_OK);
	assert_int_equal(request_look(w->authority, buf_bytes(&wide), &seen,
	    NULL), ERR_SYNTAX);
}

struct last {
	unsigned	count;
	char		operator[64];
	int64_t		time;
};

static void
last_take(void *ctx, const char *operator, int64_t time)
{
	struct last *last = ctx;

	last->count++;
	last->time = time;
	(void)snprintf(last->operator, sizeof(last->operator), "%s",
	    operator);
}

/* Requests on record, found from the end of a log of many entries. */
static void
test_since(void **state)
{
	struct world *w = *state;
	struct last last = { 0 };
	struct authority *a = w->authority;
	unsigned i;

	for (i = 0; i < 200; i++) {
		_cleanup_buf_ struct buf out = BUF_INIT, result = BUF_INIT;

		assert_int_equal(request_sign(authority_info(a)->id,
		    REQUEST_CLOCK, bytes_of("\x01", 1), NOW + i + 60,
		    key_of(w), &out, NULL), ERR_OK);
		assert_int_equal(authority_submit(a, buf_bytes(&out),
		    NOW + i, &result, NULL), ERR_OK);
	}
	assert_int_equal(request_each_since(a, NOW + 199, last_take, &last,
	    NULL), ERR_OK);
	assert_true(last.count >= 1 && last.count <= 64);
	assert_int_equal(last.time, NOW + 199 + 60);
	assert_string_equal(last.operator, "ada");
	last = (struct last){ 0 };
	assert_int_equal(request_each_since(a, NOW + 50, last_take, &last,
	    NULL), ERR_OK);
	assert_true(last.count >= 150);
	last = (struct last){ 0 };
	assert_int_equal(request_each_since(a, 0, last_take, &last, NULL),
	    ERR_OK);
	assert_true(last.count >= 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_round, world_fresh),
		cmocka_unit_test_setup(test_refused, world_fresh),
		cmocka_unit_test(test_shape),
		cmocka_unit_test_setup(test_look, world_fresh),
		cmocka_unit_test_setup(test_look_file, world_fresh),
		cmocka_unit_test_setup(test_look_other, world_fresh),
		cmocka_unit_test_setup(test_since, world_fresh),
	};

	return cmocka_run_group_tests(tests, world_make, world_free);
}
