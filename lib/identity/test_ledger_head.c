#include "lib/identity/ledger_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/cbor_write.h"

#define NOW	INT64_C(1790000000)

static struct signer *
key(uint8_t last)
{
	uint8_t private[KEY_PRIVATE_SIZE] = { [31] = last };
	struct signer *signer = NULL;

	assert_int_equal(signer_new(KEY_P256, bytes_of(private,
	    sizeof(private)), &signer, NULL), ERR_OK);
	return signer;
}

static const struct ledger_head head = {
	.name = "line-1", .ledger = { 1 }, .at = { 9, { 2 } },
	.acknowledged = { 7, { 3 } }, .time = NOW
};

static const struct acknowledged acknowledged = {
	.signing = { 4 }, .ledger = { 1 }, .at = { 9, { 2 } }, .time = NOW
};

static void
round_trip(void **state)
{
	_cleanup_signer_ struct signer *signer = key(1), *other = key(2);
	_cleanup_buf_ struct buf h = BUF_INIT, a = BUF_INIT;
	const struct public_key keys[] = { *signer_public(other),
	    *signer_public(signer) };
	struct ledger_head first = head, h2;
	struct acknowledged a2;

	(void)state;
	assert_int_equal(ledger_head_sign(&head, signer, &h, NULL), ERR_OK);
	assert_int_equal(ledger_head_parse(buf_bytes(&h), &keys[1], &h2,
	    NULL), ERR_OK);
	assert_memory_equal(&h2, &head, sizeof(head));
	assert_int_equal(ledger_head_peek(buf_bytes(&h), &h2, NULL), ERR_OK);
	assert_int_equal(ledger_head_parse(buf_bytes(&h), &keys[0], &h2,
	    NULL), ERR_AUTH);
	first.acknowledged = (struct ledger_point){ .entries = 0 };
	buf_clear(&h);
	assert_int_equal(ledger_head_sign(&first, signer, &h, NULL), ERR_OK);
	assert_int_equal(ledger_head_parse(buf_bytes(&h), &keys[1], &h2,
	    NULL), ERR_OK);
	assert_memory_equal(&h2, &first, sizeof(first));
	assert_int_equal(acknowledged_sign(&acknowledged, signer, &a, NULL),
	    ERR_OK);
	assert_in_range(a.len, 1, ACKNOWLEDGED_MAX);
	assert_int_equal(acknowledged_parse(buf_bytes(&a), keys, 2, &a2,
	    NULL), ERR_OK);
	assert_memory_equal(&a2, &acknowledged, sizeof(a2));
	assert_int_equal(acknowledged_parse(buf_bytes(&a), keys, 1, &a2,
	    NULL), ERR_AUTH);
	/* one is not the other */
	assert_int_equal(acknowledged_parse(buf_bytes(&h), keys, 2, &a2,
	    NULL), ERR_SYNTAX);
	assert_int_equal(ledger_head_peek(buf_bytes(&a), &h2, NULL),
	    ERR_SYNTAX);
}

static void
every_octet_counts(void **state)
{
	_cleanup_signer_ struct signer *signer = key(1);
	_cleanup_buf_ struct buf h = BUF_INIT, a = BUF_INIT;
	struct ledger_head h2;
	struct acknowledged a2;
	size_t i;

	(void)state;
	assert_int_equal(ledger_head_sign(&head, signer, &h, NULL), ERR_OK);
	for (i = 0; i < h.len; i++) {
		h.ptr[i] ^= 1;
		assert_int_not_equal(ledger_head_parse(buf_bytes(&h),
		    signer_public(signer), &h2, NULL), ERR_OK);
		h.ptr[i] ^= 1;
		assert_int_not_equal(ledger_head_peek(bytes_of(h.ptr, i),
		    &h2, NULL), ERR_OK);
	}
	assert_int_equal(acknowledged_sign(&acknowledged, signer, &a, NULL),
	    ERR_OK);
	for (i = 0; i < a.len; i++) {
		a.ptr[i] ^= 1;
		assert_int_not_equal(acknowledged_parse(buf_bytes(&a),
		    signer_public(signer), 1, &a2, NULL), ERR_OK);
		a.ptr[i] ^= 1;
		assert_int_not_equal(acknowledged_parse(bytes_of(a.ptr, i),
		    signer_public(signer), 1, &a2, NULL), ERR_OK);
	}
}

static void
what_a_reader_refuses_is_not_signed(void **state)
{
	_cleanup_signer_ struct signer *signer = key(1);
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct acknowledged a = acknowledged;
	struct ledger_head bad[4];
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		bad[i] = head;
	bad[0].at.entries = 0;
	bad[1].acknowledged.entries = bad[1].at.entries;
	bad[2].time = -1;
	bad[3].name[0] = '-';
	for (i = 0; i < 4; i++)
		assert_int_equal(ledger_head_sign(&bad[i], signer, &out,
		    NULL), ERR_INVALID);
	a.at.entries = 0;
	assert_int_equal(acknowledged_sign(&a, signer, &out, NULL),
	    ERR_INVALID);
	a = acknowledged;
	a.time = -1;
	assert_int_equal(acknowledged_sign(&a, signer, &out, NULL),
	    ERR_INVALID);
	assert_int_equal(out.len, 0);
}

/* Signed well, and wrong: hexadecimal of the payload's CBOR, H for a hash. */
static const struct {
	const char	*typ, *payload;
	enum err	 err;
} payloads[] = {
	{ HEAD_TYP, "\x86\x01\141aH\x82\x02Hz\x05", ERR_OK },
	{ HEAD_TYP, "\x86\x01\141aH\x82\x02H\x82\x01H\x05", ERR_OK },
	{ HEAD_TYP, "\x86\x02\141aH\x82\x02Hz\x05", ERR_VERSION },
	{ HEAD_TYP, "\x85\x01\141aH\x82\x02Hz", ERR_SYNTAX },
	{ HEAD_TYP, "\x86\x01\x60H\x82\x02Hz\x05", ERR_SYNTAX },
	{ HEAD_TYP, "\x86\x01\141AH\x82\x02Hz\x05", ERR_SYNTAX },
	{ HEAD_TYP, "\x86\x01\141a\x40\x82\x02Hz\x05", ERR_SYNTAX },
	{ HEAD_TYP, "\x86\x01\141aH\x82\x03\x41zz\x05", ERR_SYNTAX },
	{ HEAD_TYP, "\x86\x01\141aH\x82\x02H\x82\x02H\x05", ERR_SYNTAX },
	{ HEAD_TYP, "\x86\x01\141aH\x82\x02Hz\x20", ERR_SYNTAX },
	{ HEAD_TYP, "\x86\x01\141aH\x82\x02Hz\x05\x05", ERR_SYNTAX },
	{ ACKNOWLEDGED_TYP, "\x85\x01HH\x82\x02H\x05", ERR_OK },
	{ ACKNOWLEDGED_TYP, "\x85\x02HH\x82\x02H\x05", ERR_VERSION },
	{ ACKNOWLEDGED_TYP, "\x86\x01HH\x82\x02H\x05\x05", ERR_SYNTAX },
	{ ACKNOWLEDGED_TYP, "\x85\x01\x40H\x82\x02H\x05", ERR_SYNTAX },
	{ ACKNOWLEDGED_TYP, "\x85\x01HH\x81\x02\x05", ERR_SYNTAX },
	{ ACKNOWLEDGED_TYP, "\x85\x01HH\x82\x02H\x20", ERR_SYNTAX },
	{ "text/plain", "\x85\x01HH\x82\x02H\x05", ERR_SYNTAX }
};

static void
each_check_refuses(void **state)
{
	static const uint8_t hash[SHA256_SIZE] = { 6 };
	_cleanup_signer_ struct signer *signer = key(1);
	const struct public_key *public = signer_public(signer);
	uint8_t kid[COSE_KID_SIZE];
	struct acknowledged a;
	struct ledger_head h;
	const char *at;
	enum err err;
	size_t i;

	(void)state;
	assert_int_equal(cose_key_thumbprint(public, kid), ERR_OK);
	for (i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		_cleanup_buf_ struct buf payload = BUF_INIT, out = BUF_INIT;

		for (at = payloads[i].payload; *at != '\0'; at++)
			if (*at == 'H')
				cbor_put_bstr(&payload, bytes_of(hash,
				    sizeof(hash)));
			else if (*at == 'z')
				cbor_put_null(&payload);
			else
				buf_put_u8(&payload, (uint8_t)*at);
		err = cose_sign1_sign(&out, signer, bytes_of(kid,
		    sizeof(kid)), payloads[i].typ, buf_bytes(&payload),
		    BYTES_NONE, NULL);
		assert_int_equal(err, ERR_OK);
		err = strcmp(payloads[i].typ, HEAD_TYP) == 0 ?
		    ledger_head_parse(buf_bytes(&out), public, &h, NULL) :
		    acknowledged_parse(buf_bytes(&out), public, 1, &a, NULL);
		if (err != payloads[i].err)
			fail_msg("payload %zu: %s", i, err_name(err));
	}
}

static void
anchored_round_trip(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT, other = BUF_INIT;
	const struct anchored in = { .entries = 5, .number = 7,
	    .place = "0x01800001", .acknowledged = bytes_text("x") };
	struct anchored a;
	size_t i;

	(void)state;
	anchored_put(&out, &in);
	assert_true(anchored_get(buf_bytes(&out), &a));
	assert_int_equal(a.entries, 5);
	assert_int_equal(a.number, 7);
	assert_string_equal(a.place, in.place);
	assert_true(bytes_equal(a.acknowledged, in.acknowledged));
	for (i = 0; i < out.len; i++)
		assert_false(anchored_get(bytes_of(out.ptr, i), &a));
	cbor_put_array(&other, 4);
	cbor_put_uint(&other, 1);
	cbor_put_uint(&other, 1);
	cbor_put_text(&other, "\x1b[2J");
	cbor_put_bstr(&other, BYTES_NONE);
	assert_false(anchored_get(buf_bytes(&other), &a));
	assert_false(anchored_get(bytes_text("counter 7"), &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(every_octet_counts),
		cmocka_unit_test(what_a_reader_refuses_is_not_signed),
		cmocka_unit_test(each_check_refuses),
		cmocka_unit_test(anchored_round_trip)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
