/* `birth: superseded`: births that left their place to what their devices
 * enrolled for, and what an operator's word about them means. */
#include "lib/authority/chosen.h"
#include "lib/authority/test_enrol_est.h"

static void
superseding(struct field *f, const char *version, size_t keys, uint32_t quota)
{
	struct product product;

	doorbell_read(version, &product);
	product.credential_count = keys;
	product.field.est = quota;
	product.field.supersedes = true;
	product_put(f->w, &product);
}

static enum status
birth_is(struct field *f, const struct doorbell *device, unsigned *ret_reason)
{
	struct store_status row = { .reason = 0 };
	enum status status;

	good(status_get(f->w->authority, LOG_BULK_NUMBER, device->index,
	    &status, &row, NULL), NULL);
	*ret_reason = row.reason;
	return status;
}

static enum enrol_verdict
renewed(struct field *f, struct enrol *e, const struct doorbell *device)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;

	asked_enrol(f, &asked, DEVICE_RENEW, &device->now);
	return ask(f, e, &asked, &a);
}

/* An operator's request of ranges, or of what was chosen. */
static void
changed(struct field *f, enum request_type type, enum status_action action,
    unsigned reason, struct status_range range, struct chosen_answer *answer)
{
	_cleanup_buf_ struct buf body = BUF_INIT, item = BUF_INIT,
	    result = BUF_INIT, brief = BUF_INIT;
	const struct chosen chosen = { .kind = CHOSEN_RANGE, .range = range };
	struct diag diag = DIAG_INIT;
	struct cbor cbor;

	chosen_put(&item, &chosen);
	good(type == REQUEST_STATUS ? request_put_status(&body, action,
	    reason, &range, 1, "a test") : request_put_chosen(&body, action,
	    reason, buf_bytes(&item), 1, "a test"), NULL);
	good(submit(f->w, type, buf_bytes(&body), &result, &diag), &diag);
	good(chosen_answer_brief(buf_bytes(&result), &brief, &diag), &diag);
	chosen_answer_release(answer);
	cbor_open(&cbor, buf_bytes(&brief));
	cbor_get_array_sized(&cbor, 3);
	answer->count.changed = cbor_get_uint(&cbor);
	answer->count.same = cbor_get_uint(&cbor);
	answer->count.kept = cbor_get_uint(&cbor);
	assert_true(cbor_close(&cbor));
	cbor_open(&cbor, buf_bytes(&result));
	if (cbor_get_array(&cbor) == 4)
		good(chosen_answer_get(buf_bytes(&result), answer, &diag),
		    &diag);
}

static void
counted(const struct chosen_answer *answer, uint64_t all, uint64_t same,
    uint64_t kept)
{
	assert_int_equal(answer->count.changed, all);
	assert_int_equal(answer->count.same, same);
	assert_int_equal(answer->count.kept, kept);
}

/* Who means a birth that left its place means what has it, in use or waiting,
 * however it is named; who means one that kept it, that alone. */
static void
test_meant(void **state)
{
	static const enum request_type types[] = { REQUEST_STATUS,
	    REQUEST_STATUS_CHOSEN };
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_chosen_answer_ struct chosen_answer answer = {
		.ranges_count = 0 };
	struct field *f = *state;
	struct enrol *e = opened(f);
	const uint64_t kept = enrolled(f, e, &f->devices[3]);
	unsigned reason;
	size_t i;

	superseding(f, "2.0.0", 2, 0);
	for (i = 0; i < COUNT(types); i++) {
		struct doorbell *device = &f->devices[i];
		const struct status_range birth = { LOG_BULK_NUMBER,
			device->index, 1 };
		const uint64_t now = enrolled(f, e, device);

		asked_enrol(f, &asked, DEVICE_RENEW, &device->now);
		assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
		changed(f, types[i], STATUS_SUSPEND, CRL_CERTIFICATE_HOLD,
		    birth, &answer);
		counted(&answer, 2, 0, 1);
		assert_int_equal(answer.ranges_count, 2);
		assert_int_equal(status_of(f, now, &reason),
		    STATUS_SUSPENDED);
		assert_int_equal(status_of(f, a.index, &reason),
		    STATUS_SUSPENDED);
		assert_int_equal(renewed(f, e, device), ENROL_SUSPENDED);
		changed(f, types[i], STATUS_RESUME, 0, birth, &answer);
		counted(&answer, 2, 0, 1);
		assert_int_equal(renewed(f, e, device), ENROL_DONE);
		changed(f, types[i], STATUS_REVOKE, CRL_KEY_COMPROMISE,
		    birth, &answer);
		counted(&answer, 2, 1, 0);
		assert_int_equal(status_of(f, now, &reason), STATUS_REVOKED);
		assert_int_equal(reason, CRL_KEY_COMPROMISE);
		/* as its birth is called */
		assert_int_equal(renewed(f, e, device), ENROL_SUPERSEDED);
		assert_int_equal(birth_is(f, device, &reason),
		    STATUS_REVOKED);
		assert_int_equal(reason, CRL_SUPERSEDED);
		/* again, there is nothing more to it */
		changed(f, types[i], STATUS_REVOKE, CRL_KEY_COMPROMISE,
		    birth, &answer);
		counted(&answer, 0, 1, 0);
	}
	changed(f, REQUEST_STATUS, STATUS_REVOKE, CRL_KEY_COMPROMISE,
	    (struct status_range){ LOG_BULK_NUMBER, f->devices[3].index, 1 },
	    &answer);
	counted(&answer, 1, 0, 0);
	assert_int_equal(answer.ranges_count, 0);
	assert_int_equal(status_of(f, kept, &reason), STATUS_VALID);
	good(operation_replay(f->w->authority, NULL, NULL, NULL), NULL);
	enrol_close(&e);
	all_verified(f);
}

/* Many births at once; what has their places may be named beside them. */
static void
test_meant_all(void **state)
{
	struct field *f = *state;
	struct status_range all[] = { { LOG_BULK_NUMBER,
	    f->devices[0].index, DEVICES }, { LOG_ONLINE_NUMBER, 0, 1 } };
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct enrol *e = opened(f);
	unsigned reason;
	uint64_t index[DEVICES] = { 0 };
	struct cbor cbor;
	size_t i;

	superseding(f, "2.0.0", 2, 0);
	for (i = 0; i + 1 < DEVICES; i++)
		index[i] = enrolled(f, e, &f->devices[i]);
	assert_int_equal(index[0], 0);
	good(request_put_status(&body, STATUS_SUSPEND, CRL_CERTIFICATE_HOLD,
	    &all[1], 1, ""), NULL);
	good(submit(f->w, REQUEST_STATUS, buf_bytes(&body), &result, NULL),
	    NULL);
	buf_clear(&body);
	buf_clear(&result);
	good(request_put_status(&body, STATUS_REVOKE, 0, all, COUNT(all), ""),
	    NULL);
	good(submit(f->w, REQUEST_STATUS, buf_bytes(&body), &result, NULL),
	    NULL);
	cbor_open(&cbor, buf_bytes(&result));
	cbor_get_array_sized(&cbor, 4);
	/* a birth that was never used, and three identities of the field */
	assert_int_equal(cbor_get_uint(&cbor), 1 + 3);
	assert_int_equal(cbor_get_uint(&cbor), 3);
	for (i = 0; i + 1 < DEVICES; i++)
		assert_int_equal(status_of(f, index[i], &reason),
		    STATUS_REVOKED);
	good(operation_replay(f->w->authority, NULL, NULL, NULL), NULL);
	enrol_close(&e);
	all_verified(f);
}

/* What a device has was revoked by hand, for the reason that turns have, too:
 * nothing took its place, so what it asked for is no better. */
static void
test_present_by_hand(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct credential next = { .leaf = BUF_INIT };
	struct enrol *e = opened(f);
	const uint64_t now = enrolled(f, e, device);
	unsigned reason;

	asked_enrol(f, &asked, DEVICE_RENEW, &device->now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	credential_take(f, &asked, a.index, &next);
	status_set(f, STATUS_REVOKE, CRL_SUPERSEDED, LOG_ONLINE_NUMBER, now);
	assert_int_equal(confirm(f, e, &next, a.package, &b),
	    ENROL_SUPERSEDED);
	assert_int_equal(renewed(f, e, device), ENROL_SUPERSEDED);
	assert_int_equal(status_of(f, a.index, &reason), STATUS_VALID);
	credential_release(&next);
	enrol_close(&e);
	all_verified(f);
}

static bool
is_used(struct field *f, const struct doorbell *device)
{
	const struct address birth = { LOG_BULK_NUMBER, device->index };
	struct field_device row;

	good(field_device_get(f->w->authority, &birth, &row, NULL), NULL);
	return row.has_current;
}

/* A front that was taken over: what it had for a key of its own, by quota,
 * uses the birth up, but never revokes it, whatever that key signs. */
static void
test_front_own_key(void **state)
{
	_cleanup_est_key_ struct est_key own = EST_KEY_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT, body = BUF_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct credential *by = &device->now;
	struct enrol *e;
	unsigned reason;

	superseding(f, "2.0.0", 1, 2);
	e = opened(f);
	est_key_make(&own);
	assert_int_equal(est(e, false, "", buf_bytes(&device->birth.leaf),
	    buf_bytes(&own.csr), &a), ENROL_DONE);
	assert_int_equal(wish(e, "", buf_bytes(&a.answer), false, &out),
	    ENROL_DONE);
	assert_true(is_used(f, device));
	assert_int_equal(birth_is(f, device, &reason), STATUS_VALID);
	buf_put_bytes(&by->leaf, buf_bytes(&a.answer));
	by->key = own.signer;
	own.signer = NULL;	/* transferred */
	asked_make(&asked);
	asked_body(f, &asked, 1, &body);
	asked_sign(f, &asked, DEVICE_RENEW, by, buf_bytes(&body));
	assert_int_equal(ask(f, e, &asked, &b), ENROL_DONE);
	credential_take(f, &asked, b.index, by);
	assert_int_equal(confirm(f, e, by, b.package, &b), ENROL_DONE);
	assert_int_equal(birth_is(f, device, &reason), STATUS_VALID);
	enrol_close(&e);
	all_verified(f);
}

/* A key that the device signed for, with the certificate shown to the front
 * alone: its birth goes when the key itself has asked. */
static void
test_front_shown(void **state)
{
	_cleanup_est_key_ struct est_key own = EST_KEY_INIT,
	    next = EST_KEY_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct bytes leaf = buf_bytes(&device->birth.leaf);
	struct enrol *e;
	unsigned reason;

	superseding(f, "2.0.0", 1, 0);
	e = opened(f);
	est_key_make(&own);
	est_key_make(&next);
	csr_make_countersigned(&own.key, own.signer, device->birth.key,
	    &own.csr);
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&own.csr), &a),
	    ENROL_DONE);
	assert_int_equal(wish(e, "", buf_bytes(&a.answer), false, &out),
	    ENROL_DONE);
	assert_true(is_used(f, device));
	assert_int_equal(birth_is(f, device, &reason), STATUS_VALID);
	/* its answer was kept back: it is had again */
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&own.csr), &b),
	    ENROL_REPEATED);
	assert_int_equal(b.index, a.index);
	csr_make_countersigned(&next.key, next.signer, own.signer, &next.csr);
	assert_int_equal(est(e, true, "", buf_bytes(&a.answer),
	    buf_bytes(&next.csr), &b), ENROL_DONE);
	assert_int_equal(birth_is(f, device, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_SUPERSEDED);
	good(operation_replay(f->w->authority, NULL, NULL, NULL), NULL);
	enrol_close(&e);
	all_verified(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_meant, field_fresh),
		cmocka_unit_test_setup(test_meant_all, field_fresh),
		cmocka_unit_test_setup(test_present_by_hand, field_fresh),
		cmocka_unit_test_setup(test_front_own_key, field_fresh),
		cmocka_unit_test_setup(test_front_shown, field_fresh),
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
