/* Plain EST, and somebody who has a copy of the factory's identity: what is
 * the first use, and what is on record. */
#include "lib/authority/test_enrol_est.h"

static struct field_device
device_row(struct field *f, const struct doorbell *device)
{
	struct address birth = { LOG_BULK_NUMBER, device->index };
	struct field_device row;

	assert_int_equal(field_device_get(f->w->authority, &birth, &row,
	    NULL), ERR_OK);
	return row;
}

static uint64_t
entries(struct field *f)
{
	struct operation_head head;

	assert_int_equal(operation_head(f->w->authority, &head, NULL),
	    ERR_OK);
	return head.size;
}

/* Somebody has a copy of the factory's identity. Until the device has used
 * what it was issued, whoever asks last has it, and that is told; afterwards
 * nobody else does, and that is on record, but not without end. */
static void
test_copied(void **state)
{
	_cleanup_est_key_ struct est_key own = EST_KEY_INIT,
	    thief = EST_KEY_INIT, late = EST_KEY_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct enrol_result used;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct bytes leaf = buf_bytes(&device->birth.leaf);
	struct enrol *e = opened_with(f, "2.0.0", 8);
	struct field_device row;
	unsigned reason, i;
	uint64_t before;

	est_key_make(&own);
	est_key_make(&thief);
	est_key_make(&late);
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&thief.csr), &b),
	    ENROL_DONE);
	assert_false(b.replaced);
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&own.csr), &a),
	    ENROL_DONE);
	assert_true(a.replaced);
	assert_int_equal(a.replaced_index, b.index);
	assert_int_equal(status_of(f, b.index, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_SUPERSEDED);
	/* birth's certificate is no use of it */
	assert_int_equal(wish(e, "", leaf, false, &out), ENROL_DONE);
	assert_true(device_row(f, device).has_pending);
	/* nor is it one, of what was replaced */
	assert_int_equal(wish(e, "", buf_bytes(&b.answer), false, &out),
	    ENROL_SUPERSEDED);
	assert_true(device_row(f, device).has_pending);
	before = entries(f);
	assert_int_equal(wish_of(e, "doorbell", buf_bytes(&a.answer), false,
	    &out, &used), ENROL_DONE);
	assert_true(used.known);
	assert_int_equal(used.index, a.index);
	assert_memory_equal(used.ueid, device->ueid, UEID_SIZE);
	assert_int_equal(entries(f), before + 1);
	row = device_row(f, device);
	assert_true(row.has_current && !row.has_pending);
	assert_int_equal(row.current, a.index);
	/* used again, nothing is written */
	assert_int_equal(wish_of(e, "", buf_bytes(&a.answer), false, &out,
	    &used), ENROL_DONE);
	assert_false(used.known);
	assert_int_equal(entries(f), before + 1);
	for (i = 0; i < FIELD_EVENTS_FRONT + 3; i++) {
		assert_int_equal(est(e, false, "", leaf,
		    buf_bytes(&late.csr), &b), ENROL_CONSUMED);
		assert_true(b.named);
		assert_memory_equal(b.ueid, device->ueid, UEID_SIZE);
	}
	assert_int_equal(entries(f), before + 1 + FIELD_EVENTS_FRONT);
	assert_int_equal(device_row(f, device).events, FIELD_EVENTS_FRONT);
	/* what the device may have lost is answered again */
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&own.csr), &b),
	    ENROL_REPEATED);
	assert_int_equal(b.index, a.index);
	assert_int_equal(status_of(f, a.index, &reason), STATUS_VALID);
	/* room is left for those that a signature proves */
	{
		_cleanup_asked_ struct asked asked = ASKED_INIT;

		asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
		assert_int_equal(ask(f, e, &asked, &b), ENROL_CONSUMED);
	}
	assert_int_equal(device_row(f, device).events,
	    FIELD_EVENTS_FRONT + 1);
	enrol_close(&e);
	all_verified(f);
}

/* The front's word does not use what was had by a signed request, nor what
 * renews another: that would be revoked, and its device left with nothing. */
static void
test_used_by_word(void **state)
{
	_cleanup_est_key_ struct est_key k = EST_KEY_INIT, next = EST_KEY_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT, body = BUF_INIT;
	struct field *f = *state;
	struct doorbell *native = &f->devices[0], *device = &f->devices[1];
	struct enrol *e = opened_with(f, "2.0.0", 0);
	unsigned reason;

	asked_make(&asked);
	asked_body(f, &asked, 1, &body);
	asked_sign(f, &asked, DEVICE_ENROL, &native->birth, buf_bytes(&body));
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	credential_take(f, &asked, a.index, &native->now);
	assert_int_equal(wish(e, "", buf_bytes(&native->now.leaf), false,
	    &out), ENROL_DONE);
	assert_true(device_row(f, native).has_pending);
	est_key_make(&k);
	est_key_make(&next);
	csr_make_countersigned(&k.key, k.signer, device->birth.key, &k.csr);
	assert_int_equal(est(e, false, "", buf_bytes(&device->birth.leaf),
	    buf_bytes(&k.csr), &a), ENROL_DONE);
	csr_make_countersigned(&next.key, next.signer, k.signer, &next.csr);
	assert_int_equal(est(e, true, "", buf_bytes(&a.answer),
	    buf_bytes(&next.csr), &b), ENROL_DONE);
	assert_int_equal(wish(e, "", buf_bytes(&b.answer), false, &out),
	    ENROL_DONE);
	assert_true(device_row(f, device).has_pending);
	assert_int_equal(status_of(f, a.index, &reason), STATUS_VALID);
	enrol_close(&e);
	all_verified(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_copied, field_fresh),
		cmocka_unit_test_setup(test_used_by_word, field_fresh),
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
