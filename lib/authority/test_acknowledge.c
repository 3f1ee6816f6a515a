/* Heads of ledgers as they come over the network: who signed them counts,
 * not who brings them. */
#include "lib/authority/acknowledge.h"
#include "lib/authority/test_reconcile.h"

static struct ledger_head
head_at(uint64_t entries, const struct acknowledged *known)
{
	struct ledger_head head = { .name = "floor-1", .ledger = { 7 },
		.at = { entries, { (uint8_t)entries } }, .time = NOW };

	if (known != NULL)
		head.acknowledged = known->at;
	return head;
}

static void
head_sign(const struct ledger_head *head, struct signer *signer,
    struct buf *out)
{
	buf_clear(out);
	good(ledger_head_sign(head, signer, out, NULL), NULL);
}

static uint64_t
entries_of(struct world *w)
{
	struct operation_head head;

	good(operation_head(w->authority, &head, NULL), NULL);
	return head.size;
}

/* Handed in, and answered with one that stations take. */
static struct acknowledged
acknowledged_to(struct world *w, const struct buf *head, int64_t now,
    struct buf *out)
{
	struct authority_signer signer;
	struct acknowledged a = { .time = 0 };
	struct diag diag = DIAG_INIT;

	buf_clear(out);
	good(acknowledge_head(w->authority, buf_bytes(head), now, out,
	    &diag), &diag);
	good(signer_current(w->authority, &signer, NULL), NULL);
	good(acknowledged_parse(buf_bytes(out), &signer.key, 1, &a, &diag),
	    &diag);
	assert_memory_equal(a.signing, floors[0].kid, COSE_KID_SIZE);
	return a;
}

static void
not_acknowledged(struct world *w, const struct buf *head, int64_t now,
    enum err want, const char *what)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct diag diag = DIAG_INIT;
	uint64_t before = entries_of(w);
	enum err err;

	err = acknowledge_head(w->authority, buf_bytes(head), now, &out,
	    &diag);
	if (err != want || strstr(diag.what, what) == NULL)
		fail_msg("%s: %s, not: %s", err_name(err), diag.what, what);
	assert_int_equal(out.len, 0);
	assert_int_equal(entries_of(w), before);
}

static void
test_chain(void **state)
{
	_cleanup_buf_ struct buf one = BUF_INIT, two = BUF_INIT;
	_cleanup_buf_ struct buf given = BUF_INIT, again = BUF_INIT;
	struct ledger_head head = head_at(9, NULL);
	struct acknowledged first, a;
	struct world *w = *state;
	uint64_t entries = entries_of(w);

	head_sign(&head, floors[0].signer, &one);
	first = acknowledged_to(w, &one, NOW, &given);
	assert_memory_equal(&first.at, &head.at, sizeof(head.at));
	assert_memory_equal(first.ledger, head.ledger, SHA256_SIZE);
	assert_int_equal(entries_of(w), entries + 1);
	/* the same once more: the same octets, nothing on record */
	(void)acknowledged_to(w, &one, NOW + 60, &again);
	assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&given)));
	/* one that does not rest on it, held back or of another disk */
	head = head_at(12, NULL);
	head_sign(&head, floors[0].signer, &two);
	(void)acknowledged_to(w, &two, NOW + 60, &again);
	assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&given)));
	assert_int_equal(entries_of(w), entries + 1);
	head = head_at(12, &first);
	head_sign(&head, floors[0].signer, &two);
	a = acknowledged_to(w, &two, NOW + ACKNOWLEDGE_GAP_S, &again);
	assert_int_equal(a.at.entries, 12);
	/* the first comes late: what is newer stays */
	a = acknowledged_to(w, &one, NOW + 60, &again);
	assert_int_equal(a.at.entries, 12);
	assert_int_equal(entries_of(w), entries + 2);
	all_agrees(w);
}

/* By files and by the network are one chain. */
static void
test_with_operator(void **state)
{
	_cleanup_buf_ struct buf head = BUF_INIT, given = BUF_INIT;
	_cleanup_buf_ struct buf result = BUF_INIT;
	struct ledger_head h = head_at(5, NULL);
	struct acknowledge_answer answer;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;

	head_sign(&h, floors[0].signer, &head);
	(void)acknowledged_to(w, &head, NOW, &given);
	good(submit(w, REQUEST_STATION_ACKNOWLEDGE, buf_bytes(&head),
	    &result, &diag), &diag);
	good(acknowledge_answer_get(w->authority, buf_bytes(&result),
	    &answer, &diag), &diag);
	assert_int_equal(answer.outcome, ACKNOWLEDGE_BEFORE);
	assert_true(bytes_equal(answer.encoded, buf_bytes(&given)));
	all_agrees(w);
}

static void
test_refused(void **state)
{
	_cleanup_buf_ struct buf head = BUF_INIT, given = BUF_INIT;
	_cleanup_buf_ struct buf name = BUF_INIT, result = BUF_INIT;
	struct ledger_head h = head_at(9, NULL);
	struct acknowledged a;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;

	not_acknowledged(w, &head, NOW, ERR_SYNTAX, "");
	head_sign(&h, floors[1].signer, &head);
	not_acknowledged(w, &head, NOW, ERR_AUTH, "registered here");
	(void)snprintf(h.name, sizeof(h.name), "floor-9");
	head_sign(&h, floors[0].signer, &head);
	not_acknowledged(w, &head, NOW, ERR_AUTH, "registered here");
	h = head_at(9, NULL);
	head_sign(&h, floors[0].signer, &head);
	head.ptr[head.len - 1] ^= 1;
	not_acknowledged(w, &head, NOW, ERR_AUTH, "");
	head.ptr[head.len - 1] ^= 1;
	a = acknowledged_to(w, &head, NOW, &given);
	/* too soon; in time */
	h = head_at(20, &a);
	head_sign(&h, floors[0].signer, &head);
	not_acknowledged(w, &head, NOW + ACKNOWLEDGE_GAP_S - 1, ERR_BUSY,
	    "ago");
	/* another ledger; knows more than is known here */
	h.ledger[0] ^= 1;
	head_sign(&h, floors[0].signer, &head);
	not_acknowledged(w, &head, NOW + 60, ERR_CONFLICT, "another one");
	h = head_at(20, &a);
	h.acknowledged.entries = 10;
	head_sign(&h, floors[0].signer, &head);
	not_acknowledged(w, &head, NOW + 60, ERR_CONFLICT, "says that 10");
	cbor_put_text(&name, "floor-1");
	good(submit(w, REQUEST_STATION_LOST, buf_bytes(&name), &result,
	    &diag), &diag);
	h = head_at(20, &a);
	head_sign(&h, floors[0].signer, &head);
	not_acknowledged(w, &head, NOW + 60, ERR_CONFLICT, "lost");
	all_agrees(w);
}

/* An entry whose head no station signed is found. */
static void
test_forged_entry(void **state)
{
	_cleanup_buf_ struct buf head = BUF_INIT, body = BUF_INIT;
	struct ledger_head h = head_at(9, NULL);
	struct world *w = *state;
	struct diag diag = DIAG_INIT;

	head_sign(&h, floors[1].signer, &head);
	cbor_put_array(&body, 2);
	cbor_put_bstr(&body, buf_bytes(&head));
	cbor_put_array(&body, 0);
	good(operation_record(w->authority, OPERATION_ACKNOWLEDGE, NOW,
	    buf_bytes(&body), &diag), &diag);
	assert_int_equal(operation_replay(w->authority, NULL, NULL, &diag),
	    ERR_CORRUPT);
	assert_non_null(strstr(diag.what, "station signed"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_chain, world_fresh),
		cmocka_unit_test_setup(test_with_operator, world_fresh),
		cmocka_unit_test_setup(test_refused, world_fresh),
		cmocka_unit_test_setup(test_forged_entry, world_fresh),
	};

	return cmocka_run_group_tests(tests, floors_make, floors_free);
}
