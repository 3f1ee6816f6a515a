#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "lib/base/cbor_write.h"
#include "lib/proto/front_key.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void
test_messages(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	const struct internal_message message = { .call = 77, .type = 3,
		.body = bytes_of("\x43" "abc", 4) };
	struct internal_message read;
	struct diag diag = DIAG_INIT;
	_cleanup_buf_ struct buf large = BUF_INIT;

	(void)state;
	assert_int_equal(internal_put(&out, &message), ERR_OK);
	assert_int_equal(get_be32(out.ptr), out.len - INTERNAL_HEAD);
	assert_int_equal(internal_parse(bytes_of(out.ptr + INTERNAL_HEAD,
	    out.len - INTERNAL_HEAD), &read, &diag), ERR_OK);
	assert_int_equal(read.call, 77);
	assert_int_equal(read.type, 3);
	assert_true(bytes_equal(read.body, message.body));
	/* what does not fit leaves the builder as it was */
	cbor_put_bstr_head(&large, INTERNAL_SIZE_MAX);
	memset(buf_extend(&large, INTERNAL_SIZE_MAX), 0, INTERNAL_SIZE_MAX);
	assert_int_equal(internal_put(&out, &(struct internal_message){
	    .body = buf_bytes(&large) }), ERR_LIMIT);
	assert_int_equal(out.len, INTERNAL_HEAD + 9);
}

static void
test_bad_messages(void **state)
{
	static const struct {
		const char	*hex;
		enum err	 err;
	} rows[] = {
		{ "", ERR_SYNTAX },
		{ "8401184d0340", ERR_OK },
		{ "8401184d03", ERR_SYNTAX },		/* no body */
		{ "8301184d03", ERR_SYNTAX },
		{ "8501184d034040", ERR_SYNTAX },
		{ "8401184d034000", ERR_SYNTAX },	/* more behind it */
		{ "8402184d0340", ERR_VERSION },
		{ "8201", ERR_SYNTAX },
		{ "8202f6", ERR_VERSION },
		{ "8401200340", ERR_SYNTAX },		/* call -1 */
		{ "8401012040", ERR_SYNTAX },		/* type -1 */
		{ "840118040340", ERR_SYNTAX },		/* not shortest */
		{ "84010103f93c00", ERR_SYNTAX },	/* a float */
	};
	struct internal_message message;
	uint8_t octets[64];
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(hex_decode(rows[i].hex, octets,
		    sizeof(octets), &len), ERR_OK);
		if (internal_parse(bytes_of(octets, len), &message, NULL) !=
		    rows[i].err)
			fail_msg("row %zu", i);
	}
}

static void
test_roles(void **state)
{
	uint64_t type;

	(void)state;
	for (type = 0; type < 256; type++) {
		assert_int_equal(internal_allowed(INTERNAL_FRONT, type),
		    type >= INTERNAL_WELCOME && type <= INTERNAL_LEDGER_HEAD);
		assert_int_equal(internal_allowed(INTERNAL_OPERATOR, type),
		    type >= INTERNAL_SUBMIT && type <= INTERNAL_EXPORT);
	}
}

static void
test_welcome(void **state)
{
	struct internal_welcome in = { .name = "est.example.net",
		.challenge = { 9, 8, 7 }, .tickets = { 6, 5 },
		.generation = UINT64_MAX,
		.trust_count = 2, .own_count = 1 }, out;
	_cleanup_buf_ struct buf body = BUF_INIT;
	size_t i;

	(void)state;
	in.trust[0] = bytes_text("root");
	in.trust[1] = bytes_text("issuer");
	internal_put_welcome(&body, &in);
	assert_int_equal(internal_get_welcome(buf_bytes(&body), &out, NULL),
	    ERR_OK);
	assert_memory_equal(in.challenge, out.challenge, CHALLENGE_SIZE);
	assert_memory_equal(in.tickets, out.tickets, TICKETS_SIZE);
	assert_true(out.generation == UINT64_MAX);
	assert_string_equal(out.name, "est.example.net");
	assert_int_equal(out.trust_count, 2);
	assert_int_equal(out.own_count, 1);
	assert_true(bytes_equal(out.trust[1], bytes_text("issuer")));
	for (i = 0; i < body.len; i++)
		assert_int_equal(internal_get_welcome(bytes_of(body.ptr, i),
		    &out, NULL), ERR_SYNTAX);
	for (i = 0; i <= 3; i += 3) {
		in.own_count = i;
		buf_clear(&body);
		internal_put_welcome(&body, &in);
		assert_int_equal(internal_get_welcome(buf_bytes(&body), &out,
		    NULL), ERR_SYNTAX);
	}
	in.own_count = 1;
	/* names end up in logs */
	(void)snprintf(in.name, sizeof(in.name), "a\nb");
	buf_clear(&body);
	internal_put_welcome(&body, &in);
	assert_int_equal(internal_get_welcome(buf_bytes(&body), &out, NULL),
	    ERR_SYNTAX);
	/* nobody to trust is no state to be in */
	(void)snprintf(in.name, sizeof(in.name), "a");
	in.trust_count = 0;
	buf_clear(&body);
	internal_put_welcome(&body, &in);
	assert_int_equal(internal_get_welcome(buf_bytes(&body), &out, NULL),
	    ERR_SYNTAX);
}

static void
test_est(void **state)
{
	static const uint8_t der[INTERNAL_DER_MAX + 1];
	struct internal_est in = { .renew = true, .label = "camera",
	    .leaf = bytes_of(der, 3), .csr = bytes_of(der, INTERNAL_DER_MAX) },
	    out;
	_cleanup_buf_ struct buf body = BUF_INIT;
	size_t i;

	(void)state;
	internal_put_est(&body, &in);
	assert_int_equal(internal_get_est(buf_bytes(&body), &out, NULL),
	    ERR_OK);
	assert_true(out.renew);
	assert_string_equal(out.label, "camera");
	assert_int_equal(out.leaf.len, 3);
	assert_int_equal(out.csr.len, INTERNAL_DER_MAX);
	for (i = 0; i < 64; i++)
		assert_int_equal(internal_get_est(bytes_of(body.ptr, i),
		    &out, NULL), ERR_SYNTAX);
	for (i = 0; i < 5; i++) {
		struct internal_est bad = in;

		if (i == 0)
			bad.leaf = BYTES_NONE;
		else if (i == 1)
			bad.csr = BYTES_NONE;
		else if (i == 2)
			bad.leaf = bytes_of(der, sizeof(der));
		else if (i == 3)
			bad.csr = bytes_of(der, sizeof(der));
		else
			bad.label[0] = '\n';
		buf_clear(&body);
		internal_put_est(&body, &bad);
		assert_int_equal(internal_get_est(buf_bytes(&body), &out,
		    NULL), ERR_SYNTAX);
	}
}

static void
test_est_key(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct internal_est_key in = { bytes_text("certificate"),
		bytes_text("key") }, out;
	size_t i;

	(void)state;
	internal_put_est_key(&body, &in);
	assert_int_equal(internal_get_est_key(buf_bytes(&body), &out, NULL),
	    ERR_OK);
	assert_true(bytes_equal(out.certificate, in.certificate));
	assert_true(bytes_equal(out.key, in.key));
	for (i = 0; i < body.len; i++)
		assert_int_equal(internal_get_est_key(bytes_of(body.ptr, i),
		    &out, NULL), ERR_SYNTAX);
	in.key = BYTES_NONE;
	buf_clear(&body);
	internal_put_est_key(&body, &in);
	assert_int_equal(internal_get_est_key(buf_bytes(&body), &out, NULL),
	    ERR_SYNTAX);
}

static void
test_query(void **state)
{
	static const uint8_t octets[INTERNAL_BODY_MAX + 1];
	struct internal_query in = { .method = "GET",
		.target = "/v1/orders?limit=1",
		.octets = bytes_of(octets, INTERNAL_QUERY_MAX),
		.body = bytes_of(octets, INTERNAL_BODY_MAX) }, out;
	_cleanup_buf_ struct buf body = BUF_INIT;
	size_t i;

	(void)state;
	internal_put_query(&body, &in);
	assert_int_equal(internal_get_query(buf_bytes(&body), &out, NULL),
	    ERR_OK);
	assert_string_equal(out.method, "GET");
	assert_string_equal(out.target, in.target);
	assert_true(bytes_equal(out.octets, in.octets));
	assert_true(bytes_equal(out.body, in.body));
	for (i = 0; i < 40; i++)
		assert_int_equal(internal_get_query(bytes_of(body.ptr, i),
		    &out, NULL), ERR_SYNTAX);
	in.octets.len++;
	buf_clear(&body);
	internal_put_query(&body, &in);
	assert_int_equal(internal_get_query(buf_bytes(&body), &out, NULL),
	    ERR_SYNTAX);
	in.octets.len--;
	in.body.len++;
	buf_clear(&body);
	internal_put_query(&body, &in);
	assert_int_equal(internal_get_query(buf_bytes(&body), &out, NULL),
	    ERR_SYNTAX);
}

static void
test_est_wish(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct internal_est_wish in = { .linked = true, .label = "camera",
		.leaf = bytes_text("leaf") }, out;
	static uint8_t large[INTERNAL_DER_MAX + 1];
	size_t i;

	(void)state;
	internal_put_est_wish(&body, &in);
	assert_int_equal(internal_get_est_wish(buf_bytes(&body), &out, NULL),
	    ERR_OK);
	assert_true(out.linked);
	assert_string_equal(out.label, "camera");
	assert_true(bytes_equal(out.leaf, in.leaf));
	for (i = 0; i < body.len; i++)
		assert_int_equal(internal_get_est_wish(bytes_of(body.ptr, i),
		    &out, NULL), ERR_SYNTAX);
	/* nobody need show a certificate */
	in.leaf = BYTES_NONE;
	buf_clear(&body);
	internal_put_est_wish(&body, &in);
	assert_int_equal(internal_get_est_wish(buf_bytes(&body), &out, NULL),
	    ERR_OK);
	in.leaf = bytes_of(large, sizeof(large));
	buf_clear(&body);
	internal_put_est_wish(&body, &in);
	assert_int_equal(internal_get_est_wish(buf_bytes(&body), &out, NULL),
	    ERR_SYNTAX);
	in.leaf = BYTES_NONE;
	in.label[0] = '\n';
	buf_clear(&body);
	internal_put_est_wish(&body, &in);
	assert_int_equal(internal_get_est_wish(buf_bytes(&body), &out, NULL),
	    ERR_SYNTAX);
}

static void
test_certificate(void **state)
{
	struct internal_certificate in = { .chain_count = 1,
		.not_after = 1800000000 }, out;
	_cleanup_buf_ struct buf body = BUF_INIT, many = BUF_INIT;
	size_t i;

	(void)state;
	in.chain[0] = bytes_text("leaf");
	internal_put_certificate(&body, &in);
	assert_int_equal(internal_get_certificate(buf_bytes(&body), &out,
	    NULL), ERR_OK);
	assert_int_equal(out.chain_count, 1);
	assert_int_equal(out.not_after, 1800000000);
	in.not_after = INT64_MAX;
	buf_clear(&body);
	internal_put_certificate(&body, &in);
	assert_int_equal(internal_get_certificate(buf_bytes(&body), &out,
	    NULL), ERR_SYNTAX);
	cbor_put_array(&many, 2);
	cbor_put_array(&many, INTERNAL_CERTS_MAX + 1);
	for (i = 0; i <= INTERNAL_CERTS_MAX; i++)
		cbor_put_bstr(&many, bytes_text("x"));
	cbor_put_uint(&many, 1);
	assert_int_equal(internal_get_certificate(buf_bytes(&many), &out,
	    NULL), ERR_SYNTAX);
}

static void
test_refusal(void **state)
{
	struct internal_refusal in = { .status = 409, .reason = "consumed",
		.retry_after_s = 30 }, out;
	_cleanup_buf_ struct buf body = BUF_INIT;

	(void)state;
	/* cut, and nothing that ends a line of a header */
	memset(in.detail, 'x', INTERNAL_TEXT_MAX);
	in.detail[3] = '\r';
	internal_put_refusal(&body, &in);
	assert_int_equal(internal_get_refusal(buf_bytes(&body), &out, NULL),
	    ERR_OK);
	assert_int_equal(out.status, 409);
	assert_string_equal(out.reason, "consumed");
	assert_int_equal(strlen(out.detail), INTERNAL_TEXT_MAX);
	assert_int_equal(out.detail[3], '?');
	assert_int_equal(out.retry_after_s, 30);
	in.status = 200;
	buf_clear(&body);
	internal_put_refusal(&body, &in);
	assert_int_equal(internal_get_refusal(buf_bytes(&body), &out, NULL),
	    ERR_SYNTAX);
	in.status = 500;
	in.retry_after_s = 86401;
	buf_clear(&body);
	internal_put_refusal(&body, &in);
	assert_int_equal(internal_get_refusal(buf_bytes(&body), &out, NULL),
	    ERR_SYNTAX);
}

static void
test_rest(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint64_t counts[COUNTS] = { 5, UINT64_MAX }, read[COUNTS];
	const struct internal_figures in = { true, 70000,
		bytes_text("a 1\n") };
	struct internal_figures figures = { .ready = false };
	struct bytes octets;

	(void)state;
	internal_put_counts(&body, counts);
	assert_int_equal(internal_get_counts(buf_bytes(&body), read, NULL),
	    ERR_OK);
	assert_memory_equal(counts, read, sizeof(counts));
	assert_int_equal(internal_get_counts(bytes_of("\x80", 1), read,
	    NULL), ERR_SYNTAX);
	buf_clear(&body);
	internal_put_figures(&body, &in);
	assert_int_equal(internal_get_figures(buf_bytes(&body), &figures,
	    NULL), ERR_OK);
	assert_true(figures.ready && bytes_equal(figures.text, in.text));
	assert_int_equal(figures.generation, 70000);
	assert_int_equal(internal_get_figures(bytes_of("\x80", 1), &figures,
	    NULL), ERR_SYNTAX);
	assert_int_equal(internal_get_octets(bytes_of("\x42xy", 3), 2,
	    &octets, NULL), ERR_OK);
	assert_int_equal(internal_get_octets(bytes_of("\x42xy", 3), 1,
	    &octets, NULL), ERR_SYNTAX);
	assert_int_equal(internal_get_octets(bytes_of("\x40", 1), 1,
	    &octets, NULL), ERR_SYNTAX);
}

static void
test_front_key(void **state)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf proof = BUF_INIT;
	uint8_t challenge[CHALLENGE_SIZE] = { 1 };
	struct public_key key, proven;
	size_t i;

	(void)state;
	assert_int_equal(key_pair_make(KEY_P256, &key, &private, NULL),
	    ERR_OK);
	assert_int_equal(signer_new(KEY_P256, secret_bytes(&private),
	    &signer, NULL), ERR_OK);
	assert_int_equal(front_key_sign(challenge, signer, &proof, NULL),
	    ERR_OK);
	assert_in_range(proof.len, 1, FRONT_KEY_MAX);
	assert_int_equal(front_key_verify(buf_bytes(&proof), challenge,
	    &proven, NULL), ERR_OK);
	assert_true(public_key_equal(&key, &proven));
	for (i = 0; i < proof.len; i++) {
		proof.ptr[i] ^= 1;
		if (front_key_verify(buf_bytes(&proof), challenge, &proven,
		    NULL) == ERR_OK)
			fail_msg("octet %zu does not count", i);
		proof.ptr[i] ^= 1;
	}
	challenge[0] = 2;	/* of another channel */
	assert_int_equal(front_key_verify(buf_bytes(&proof), challenge,
	    &proven, NULL), ERR_AUTH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_bad_messages),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_welcome),
		cmocka_unit_test(test_est),
		cmocka_unit_test(test_est_key),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_est_wish),
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_front_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
