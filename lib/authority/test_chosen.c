/* What an operator chose is found by the authority, and on record as found. */
#include "lib/authority/chosen.h"
#include "lib/authority/order_count.h"
#include "lib/authority/test_enrol.h"

#define ORDER	1	/* of the doorbells */

/* Its request, signed: the same octets may be handed in again. */
static void
chosen_sign(struct field *f, enum status_action action,
    const struct chosen *chosen, size_t count, struct buf *request)
{
	_cleanup_buf_ struct buf items = BUF_INIT, body = BUF_INIT;
	size_t i;

	for (i = 0; i < count; i++)
		chosen_put(&items, &chosen[i]);
	assert_int_equal(request_put_chosen(&body, action, action ==
	    STATUS_SUSPEND ? CRL_CERTIFICATE_HOLD : CRL_UNSPECIFIED,
	    buf_bytes(&items), count, "suspend what is meant"), ERR_OK);
	assert_int_equal(request_sign(authority_info(f->w->authority)->id,
	    REQUEST_STATUS_CHOSEN, buf_bytes(&body), NOW, f->w->operator,
	    request, NULL), ERR_OK);
}

static enum err
chosen_submit(struct field *f, enum status_action action,
    const struct chosen *chosen, size_t count, struct buf *result,
    struct diag *diag)
{
	_cleanup_buf_ struct buf request = BUF_INIT;

	chosen_sign(f, action, chosen, count, &request);
	buf_clear(result);
	return authority_submit(f->w->authority, buf_bytes(&request), NOW,
	    result, diag);
}

static void
answer_is(const struct buf *result, uint64_t changed, uint64_t same,
    const struct status_range *ranges, size_t count)
{
	_cleanup_chosen_answer_ struct chosen_answer answer = {
		.ranges_count = 0 };
	_cleanup_buf_ struct buf brief = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct cbor cbor;
	size_t i;

	good(chosen_answer_get(buf_bytes(result), &answer, &diag), &diag);
	assert_int_equal(answer.count.changed, changed);
	assert_int_equal(answer.count.same, same);
	assert_int_equal(answer.count.kept, 0);
	assert_int_equal(answer.ranges_count, count);
	for (i = 0; i < count; i++) {
		assert_int_equal(answer.ranges[i].log, ranges[i].log);
		assert_int_equal(answer.ranges[i].first, ranges[i].first);
		assert_int_equal(answer.ranges[i].count, ranges[i].count);
	}
	good(chosen_answer_brief(buf_bytes(result), &brief, &diag), &diag);
	cbor_open(&cbor, buf_bytes(&brief));
	cbor_get_array_sized(&cbor, 3);
	assert_int_equal(cbor_get_uint(&cbor), changed);
	assert_int_equal(cbor_get_uint(&cbor), same);
	assert_int_equal(cbor_get_uint(&cbor), 0);
	assert_true(cbor_close(&cbor));
}

/* Suspended with it: these, once, and by the replay as well; then resumed. */
static void
chosen_is(struct field *f, const struct chosen *chosen, size_t count,
    const struct status_range *ranges, size_t range_count)
{
	_cleanup_buf_ struct buf result = BUF_INIT;
	struct diag diag = DIAG_INIT;
	uint64_t identities = 0;
	size_t i;

	for (i = 0; i < range_count; i++)
		identities += ranges[i].count;
	good(chosen_submit(f, STATUS_SUSPEND, chosen, count, &result, &diag),
	    &diag);
	answer_is(&result, identities, 0, ranges, range_count);
	good(operation_replay(f->w->authority, NULL, NULL, &diag), &diag);
	good(chosen_submit(f, STATUS_SUSPEND, chosen, count, &result, &diag),
	    &diag);
	answer_is(&result, 0, identities, ranges, range_count);
	good(chosen_submit(f, STATUS_RESUME, chosen, count, &result, &diag),
	    &diag);
	answer_is(&result, identities, 0, ranges, range_count);
	good(operation_replay(f->w->authority, NULL, NULL, &diag), &diag);
}

static void
word_of(struct chosen *chosen, const char *word)
{
	*chosen = (struct chosen){ .kind = CHOSEN_WORD };
	(void)snprintf(chosen->word, sizeof(chosen->word), "%s", word);
}

/* Every kind, alone and all at once. */
static void
test_kinds(void **state)
{
	struct field *f = *state;
	struct doorbell *device = &f->devices[1];
	struct enrol *e = opened(f);
	uint64_t online = enrolled(f, e, device);
	const struct status_range all[] = { { LOG_BULK_NUMBER, 0, DEVICES },
	    { LOG_ONLINE_NUMBER, online, 1 } };
	const struct status_range both[] = { { LOG_BULK_NUMBER,
	    device->index, 1 }, { LOG_ONLINE_NUMBER, online, 1 } };
	const struct status_range birth[] = { { LOG_BULK_NUMBER, 2, 1 } };
	struct chosen chosen[6] = {
		{ .kind = CHOSEN_ORDER, .order = ORDER },
		{ .kind = CHOSEN_PACK, .order = ORDER, .pack = 1 },
		{ .kind = CHOSEN_EVIDENCE, .query = { EVIDENCE_ORDER,
		    INT64_MIN, NOW + 1 } },
		{ .kind = CHOSEN_RANGE, .range = { LOG_BULK_NUMBER, 2, 1 } },
	};
	_cleanup_buf_ struct buf ueid = BUF_INIT;

	enrol_close(&e);
	buf_put_hex(&ueid, bytes_of(device->ueid, UEID_SIZE));
	word_of(&chosen[4], "bulk/2");
	word_of(&chosen[5], buf_text(&ueid));
	chosen_is(f, &chosen[0], 1, all, 2);
	chosen_is(f, &chosen[1], 1, all, 2);
	chosen_is(f, &chosen[2], 1, all, 1);
	chosen_is(f, &chosen[3], 1, birth, 1);
	chosen_is(f, &chosen[4], 1, birth, 1);
	chosen_is(f, &chosen[5], 1, both, 2);
	chosen_is(f, chosen, 6, all, 2);
	chosen[2].query = (struct evidence_query){ EVIDENCE_BOOTSTRAP, NOW,
		INT64_MAX };
	chosen_is(f, &chosen[2], 1, &all[1], 1);
	all_verified(f);
}

/* What it came to is on record: what is issued later is not in it, and who
 * brings it again is told the same. */
static void
test_again(void **state)
{
	const struct chosen order = { .kind = CHOSEN_ORDER, .order = ORDER };
	_cleanup_buf_ struct buf request = BUF_INIT, first = BUF_INIT,
	    second = BUF_INIT;
	struct field *f = *state;
	struct diag diag = DIAG_INIT;
	struct enrol *e;
	uint64_t online;
	unsigned reason;

	chosen_sign(f, STATUS_SUSPEND, &order, 1, &request);
	good(authority_submit(f->w->authority, buf_bytes(&request), NOW,
	    &first, &diag), &diag);
	good(chosen_submit(f, STATUS_RESUME, &order, 1, &second, &diag),
	    &diag);
	e = opened(f);
	online = enrolled(f, e, &f->devices[0]);
	enrol_close(&e);
	buf_clear(&second);
	good(authority_submit(f->w->authority, buf_bytes(&request), NOW,
	    &second, &diag), &diag);
	assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
	assert_int_equal(status_of(f, online, &reason), STATUS_VALID);
	all_verified(f);
}

static void
test_refused(void **state)
{
	const struct {
		struct chosen	 chosen;
		enum err	 err;
		const char	*says;
	} table[] = {
		{ { .kind = CHOSEN_ORDER, .order = 7 }, ERR_NOTFOUND,
		    "order 7" },
		{ { .kind = CHOSEN_PACK, .order = ORDER, .pack = 2 },
		    ERR_NOTFOUND, "order 1, pack 2: nothing was issued" },
		{ { .kind = CHOSEN_EVIDENCE, .query = { EVIDENCE_FRONT,
		    INT64_MIN, INT64_MAX } }, ERR_NOTFOUND,
		    "evidence front: nothing" },
		{ { .kind = CHOSEN_EVIDENCE, .query = { EVIDENCE_ORDER,
		    NOW + 1, INT64_MAX } }, ERR_NOTFOUND, "in that time" },
		{ { .kind = CHOSEN_WORD, .word = "nobody" }, ERR_NOTFOUND,
		    "nobody" },
		{ { .kind = CHOSEN_RANGE, .range = { LOG_BULK_NUMBER, 0,
		    DEVICES + 1 } }, ERR_INVALID, "the log ends before" },
		{ { .kind = CHOSEN_RANGE, .range = { LOG_OPERATIONS_NUMBER, 0,
		    1 } }, ERR_INVALID, "the log ends before" },
	};
	const struct status_range before = { LOG_BULK_NUMBER, 0, DEVICES };
	_cleanup_buf_ struct buf result = BUF_INIT;
	struct field *f = *state;
	struct chosen with[2] = { { .kind = CHOSEN_ORDER, .order = ORDER } };
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		struct diag diag = DIAG_INIT;

		with[1] = table[i].chosen;
		assert_int_equal(chosen_submit(f, STATUS_REVOKE, with, 2,
		    &result, &diag), table[i].err);
		assert_non_null(strstr(diag.what, table[i].says));
	}
	chosen_is(f, with, 1, &before, 1);
}

/* Of one item of a body; reason 0, no words. */
static void
test_syntax(void **state)
{
	static const struct {
		const char	*octets;
		size_t		 size;
		enum err	 err;
	} table[] = {
		{ "\x80", 1, ERR_SYNTAX },
		{ "\x81\x03", 2, ERR_SYNTAX },		/* no order */
		{ "\x82\x00\x01", 3, ERR_SYNTAX },	/* no such kind */
		{ "\x82\x06\x01", 3, ERR_SYNTAX },
		{ "\x83\x03\x01\x01", 4, ERR_SYNTAX },	/* one too many */
		{ "\x82\x03\x20", 3, ERR_SYNTAX },	/* -1 */
		{ "\x82\x03\x1b\0\0\0\1\0\0\0\0", 11, ERR_SYNTAX },
		{ "\x83\x04\x01\x00", 4, ERR_SYNTAX },	/* pack 0 */
		{ "\x82\x02\x60", 3, ERR_SYNTAX },	/* "" */
		{ "\x82\x02\x61\0", 4, ERR_SYNTAX },
		{ "\x82\x02\x41x", 4, ERR_SYNTAX },	/* no text */
		{ "\x84\x01\x01\x00\x00", 5, ERR_SYNTAX }, /* of nothing */
		{ "\x84\x01\x01\x1b\1\0\0\0\0\0\0\0\1", 13, ERR_SYNTAX },
		{ "\x84\x05\x00\xf6\xf6", 5, ERR_SYNTAX }, /* no class */
		{ "\x84\x05\x18\x63\xf6\xf6", 6, ERR_SYNTAX },
		{ "\x84\x05\x01\xf4\xf6", 5, ERR_SYNTAX }, /* false */
		{ "\x84\x05\x01\xf6\x1b\x7f\xff\xff\xff\xff\xff\xff\xff", 13,
		    ERR_SYNTAX },
		{ "\x84\x05\x01\xf6\xf6", 5, ERR_OK },
		{ "\x84\x05\x01\x20\x1b\x7f\xff\xff\xff\xff\xff\xff\xfe", 13,
		    ERR_OK },
		{ "\x82\x03\x01", 3, ERR_OK },
	};
	struct field *f = *state;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
		struct diag diag = DIAG_INIT;

		assert_int_equal(request_put_chosen(&body, STATUS_REVOKE, 0,
		    bytes_of(table[i].octets, table[i].size), 1, ""),
		    ERR_OK);
		assert_int_equal(submit(f->w, REQUEST_STATUS_CHOSEN,
		    buf_bytes(&body), &result, &diag), table[i].err);
	}
}

/* Around the items. */
static void
test_bounds(void **state)
{
	static const char item[] = "\x82\x03\x01";
	char words[STATUS_WORDS_MAX + 2];
	struct field *f = *state;
	struct {
		unsigned	 action, reason;
		size_t		 count;
		const char	*words;
		enum err	 err;
	} table[] = {
		{ 0, 0, 1, "", ERR_INVALID }, { 4, 0, 1, "", ERR_INVALID },
		{ 1, 6, 1, "", ERR_INVALID }, { 2, 0, 1, "", ERR_INVALID },
		{ 1, 0, 0, "", ERR_INVALID }, { 1, 0, 2, "", ERR_SYNTAX },
		{ 1, 0, 1, words, ERR_INVALID },
		{ 1, 0, 1, words + 1, ERR_OK },
	};
	size_t i;

	memset(words, 'x', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	for (i = 0; i < COUNT(table); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
		struct diag diag = DIAG_INIT;

		assert_int_equal(request_put_chosen(&body,
		    (enum status_action)table[i].action, table[i].reason,
		    bytes_of(item, table[i].count > 0 ? sizeof(item) - 1 :
		    0), table[i].count, table[i].words), ERR_OK);
		assert_int_equal(submit(f->w, REQUEST_STATUS_CHOSEN,
		    buf_bytes(&body), &result, &diag), table[i].err);
	}
	{
		_cleanup_buf_ struct buf result = BUF_INIT;

		assert_int_equal(submit(f->w, REQUEST_STATUS_CHOSEN,
		    bytes_of("\x84\x01\x00\x81\x82\x03\x01\x60\x00", 9),
		    &result, NULL), ERR_SYNTAX);
	}
}

/* More ranges than a request that names them may have, and than an answer
 * over the network has room for. */
static void
test_many(void **state)
{
	const uint64_t many = STATUS_RANGES_MAX + 1000;
	struct chosen *chosen = calloc(many, sizeof(*chosen));
	_cleanup_chosen_answer_ struct chosen_answer answer = {
		.ranges_count = 0 };
	_cleanup_buf_ struct buf result = BUF_INIT, brief = BUF_INIT;
	struct field *f = *state;
	struct diag diag = DIAG_INIT;
	uint64_t i;

	assert_non_null(chosen);
	log_make(f->w, LOG_BULK_NUMBER, (uint32_t)(2 * many));
	for (i = 0; i < many; i++)
		chosen[i] = (struct chosen){ .kind = CHOSEN_RANGE,
			/* from the end, for they are sorted there */
			.range = { LOG_BULK_NUMBER, 2 * (many - 1 - i), 1 } };
	good(chosen_submit(f, STATUS_REVOKE, chosen, many, &result, &diag),
	    &diag);
	free(chosen);
	good(chosen_answer_get(buf_bytes(&result), &answer, &diag), &diag);
	assert_int_equal(answer.count.changed, many);
	assert_int_equal(answer.ranges_count, many);
	assert_true(result.len > (size_t)64 << 10);
	good(chosen_answer_brief(buf_bytes(&result), &brief, &diag), &diag);
	assert_true(brief.len < 64);
	good(operation_replay(f->w->authority, NULL, NULL, &diag), &diag);
}

/* What few octets have walked: so many, each once; and before anything is. */
static void
test_walks(void **state)
{
	static const struct {
		enum chosen_kind kind;
		size_t		 count, same;
		enum err	 err;
	} table[] = {
		{ CHOSEN_ORDER, 2, 2, ERR_INVALID },
		{ CHOSEN_PACK, 3, 3, ERR_INVALID },
		{ CHOSEN_EVIDENCE, 2, 2, ERR_INVALID },
		{ CHOSEN_ORDER, CHOSEN_ORDERS_MAX + 1, 1, ERR_LIMIT },
		{ CHOSEN_PACK, CHOSEN_ORDERS_MAX + 1, 1, ERR_LIMIT },
		{ CHOSEN_EVIDENCE, CHOSEN_EVIDENCES_MAX + 1, 1, ERR_LIMIT },
		{ CHOSEN_PACK, CHOSEN_ORDERS_MAX, 1, ERR_NOTFOUND },
		{ CHOSEN_EVIDENCE, CHOSEN_EVIDENCES_MAX, 1, ERR_OK },
	};
	struct field *f = *state;
	size_t i, j;

	for (i = 0; i < COUNT(table); i++) {
		struct chosen chosen[CHOSEN_ORDERS_MAX + 1];
		_cleanup_buf_ struct buf result = BUF_INIT;
		struct diag diag = DIAG_INIT;

		for (j = 0; j < table[i].count; j++)
			chosen[j] = (struct chosen){ .kind = table[i].kind,
				.order = table[i].kind == CHOSEN_PACK ?
				ORDER : 1 + (uint32_t)(j / table[i].same),
				.pack = 1 + j / table[i].same,
				.query = { EVIDENCE_ORDER, INT64_MIN,
				NOW + 1 + (int64_t)(j / table[i].same) } };
		assert_int_equal(chosen_submit(f, STATUS_REVOKE, chosen,
		    table[i].count, &result, &diag), table[i].err);
	}
}

/* Merged when twice the maximum is reached, then refused. */
static void
test_ranges_max(void **state)
{
	_cleanup_status_ranges_ struct status_ranges list = { .max = 4 };
	struct diag diag = DIAG_INIT;
	uint64_t i;

	(void)state;
	for (i = 0; i < 100; i++)	/* one, merged */
		good(status_ranges_add(&list, LOG_BULK_NUMBER, 100 - i, 1,
		    &diag), &diag);
	assert_true(list.count <= 8);
	assert_int_equal(status_ranges_merge(&list), 100);
	for (i = 0; i < 7; i++)
		good(status_ranges_add(&list, LOG_BULK_NUMBER, 200 + 2 * i, 1,
		    &diag), &diag);
	assert_int_equal(status_ranges_add(&list, LOG_BULK_NUMBER, 300, 1,
	    &diag), ERR_LIMIT);
	assert_int_equal(status_ranges_check(&list, &diag), ERR_LIMIT);
}

/* Ranges over orders, and in between of none. */
static void
test_order_counts(void **state)
{
	const struct status_range ranges[] = { { LOG_BULK_NUMBER, 1, 2 },
	    { LOG_BULK_NUMBER, DEVICES - 1, 11 },
	    { LOG_ONLINE_NUMBER, 0, 1 } };
	_cleanup_order_counts_ struct order_counts counts = { .count = 0 };
	struct order_product product;
	struct field *f = *state;
	struct diag diag = DIAG_INIT;
	struct enrol *e = opened(f);

	(void)enrolled(f, e, &f->devices[0]);
	enrol_close(&e);
	log_make(f->w, LOG_BULK_NUMBER, 10);
	good(order_counts_of(f->w->authority, ranges, COUNT(ranges), &counts,
	    &diag), &diag);
	assert_int_equal(counts.count, 2);
	assert_int_equal(counts.orders[0].order, 0);
	assert_int_equal(counts.orders[0].count, 11);
	assert_int_equal(counts.orders[1].order, ORDER);
	assert_int_equal(counts.orders[1].count, 3);
	assert_false(counts.more);
	order_counts_release(&counts);
	counts.max = 1;		/* the first of them alone */
	good(order_counts_of(f->w->authority, ranges, COUNT(ranges), &counts,
	    &diag), &diag);
	assert_true(counts.more && counts.count == 1);
	assert_int_equal(counts.orders[0].order, ORDER);
	good(order_product_get(f->w->authority, ORDER, &product, &diag),
	    &diag);
	assert_string_equal(product.name, "doorbell-idevid");
	assert_int_equal(order_product_get(f->w->authority, 9, &product,
	    &diag), ERR_NOTFOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kinds, field_fresh),
		cmocka_unit_test_setup(test_again, field_fresh),
		cmocka_unit_test_setup(test_refused, field_fresh),
		cmocka_unit_test_setup(test_syntax, field_fresh),
		cmocka_unit_test_setup(test_bounds, field_fresh),
		cmocka_unit_test_setup(test_many, field_fresh),
		cmocka_unit_test_setup(test_walks, field_fresh),
		cmocka_unit_test(test_ranges_max),
		cmocka_unit_test_setup(test_order_counts, field_fresh)
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
