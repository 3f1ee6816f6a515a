/* Devices with a certificate of their manufacturer: what the end-to-end tests
 * do not reach. */
#include "lib/authority/enrol_internal.h"
#include "lib/authority/test_enrol_ca.h"
#include "lib/x509/test_csr_make.h"

static struct enrol *
opened_with(struct field *f, struct ca *ca, enum product_maker maker)
{
	ca_make(ca);
	manufacturer_add(f, ca, maker, 1);
	return opened(f);
}

static enum enrol_verdict
est(struct enrol *e, bool keygen, struct bytes leaf, struct bytes csr,
    struct answered *a)
{
	_cleanup_buf_ struct buf key = BUF_INIT;
	const struct est_ask ask = { .keygen = keygen, .label = "",
		.leaf = leaf, .csr = csr };
	struct enrol_result result = { .answer = &a->answer, .key = &key };
	struct diag diag = DIAG_INIT;

	buf_clear(&a->answer);
	good(enrol_turn_begin(e, NOW, &diag), &diag);
	good(enrol_submit_est(e, &ask, &result, &diag), &diag);
	good(enrol_turn_commit(e, &diag), &diag);
	a->index = result.index;
	a->why = result.why;
	assert_true(result.known == (a->answer.len > 0));
	memcpy(a->ueid, result.ueid, UEID_SIZE);
	return result.verdict;
}

static enum enrol_verdict
enrol_signed(struct field *f, struct enrol *e,
    const struct credential *device, struct asked *asked,
    struct answered *a)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	asked_make(asked);
	asked_body(f, asked, 1, &body);
	asked_sign(f, asked, DEVICE_ENROL, device, buf_bytes(&body));
	return ask(f, e, asked, a);
}

/* It has no identity here that a key could be sealed to. */
static void
test_keygen(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	_cleanup_ca_ struct ca ca = CA_INIT;
	_cleanup_buf_ struct buf csr = BUF_INIT;
	struct field *f = *state;
	struct enrol *e = opened_with(f, &ca, MAKER_AUTHORITY);
	struct credential device;

	device_make(&ca, "A-1", &device);
	csr_make_with(signer_public(device.key), device.key, BYTES_NONE,
	    &csr);
	assert_int_equal(est(e, true, buf_bytes(&device.leaf),
	    buf_bytes(&csr), &a), ENROL_KEYS);
	assert_non_null(strstr(a.why.what, "manufacturer"));
	credential_release(&device);
	enrol_close(&e);
	all_verified(f);
}

/* Repeated, it is still who it was: for logs. */
static void
test_known(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    again = ANSWERED_INIT;
	_cleanup_ca_ struct ca ca = CA_INIT;
	_cleanup_buf_ struct buf csr = BUF_INIT;
	struct field *f = *state;
	struct enrol *e = opened_with(f, &ca, MAKER_DEVICE);
	struct signer *signer = NULL;
	struct credential device;
	struct public_key key;

	device_make(&ca, "A-1", &device);
	key_make(KEY_P256, &key, NULL, &signer);
	csr_make_with(&key, signer, BYTES_NONE, &csr);
	assert_int_equal(est(e, false, buf_bytes(&device.leaf),
	    buf_bytes(&csr), &a), ENROL_DONE);
	assert_int_equal(est(e, false, buf_bytes(&device.leaf),
	    buf_bytes(&csr), &again), ENROL_REPEATED);
	assert_int_equal(again.index, a.index);
	assert_int_not_equal(a.ueid[0], 0);
	assert_memory_equal(again.ueid, a.ueid, UEID_SIZE);
	signer_free(&signer);
	credential_release(&device);
	enrol_close(&e);
	all_verified(f);
}

/* What it is issued is its birth, and used when that is shown; a certificate of
 * another key for its number, which the front alone vouches for, is on record,
 * but not without end. */
static void
test_used(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_buf_ struct buf csr = BUF_INIT, out = BUF_INIT;
	_cleanup_ca_ struct ca ca = CA_INIT;
	struct field *f = *state;
	struct enrol *e = opened_with(f, &ca, MAKER_DEVICE);
	struct enrol_result used = { .answer = &out };
	struct credential device, other;
	struct signer *signer = NULL;
	struct field_device row;
	struct public_key key;
	struct address birth = { .log = LOG_ONLINE_NUMBER };
	unsigned i;

	device_make(&ca, "A-1", &device);
	device_make(&ca, "A-1", &other);
	key_make(KEY_P256, &key, NULL, &signer);
	csr_make_with(&key, signer, BYTES_NONE, &csr);
	assert_int_equal(est(e, false, buf_bytes(&device.leaf),
	    buf_bytes(&csr), &a), ENROL_DONE);
	good(enrol_turn_begin(e, NOW, NULL), NULL);
	good(enrol_est_attributes(e, "", buf_bytes(&a.answer), false, &used,
	    NULL), NULL);
	good(enrol_turn_commit(e, NULL), NULL);
	assert_true(used.known);
	for (i = 0; i < FIELD_EVENTS_FRONT + 2; i++)
		assert_int_equal(est(e, false, buf_bytes(&other.leaf),
		    buf_bytes(&csr), &b), ENROL_CONSUMED);
	birth.index = a.index;
	assert_int_equal(field_device_get(f->w->authority, &birth, &row,
	    NULL), ERR_OK);
	assert_true(row.has_current && !row.has_pending);
	assert_int_equal(row.events, FIELD_EVENTS_FRONT);
	signer_free(&signer);
	credential_release(&device);
	credential_release(&other);
	enrol_close(&e);
	all_verified(f);
}

/* Before it is born here nothing more is known of it than what it shows. */
static void
test_fresh_names(void **state)
{
	_cleanup_ca_ struct ca ca = CA_INIT;
	struct field *f = *state;
	struct enrol *e = opened_with(f, &ca, MAKER_DEVICE);
	struct template wants = { .name_count = 2, .names = {
		{ .kind = "serial-number" }, { .kind = "colour" } } };
	struct asker asker = { .fresh = true, .name_count = 1,
		.name_kind = { "serial-number" }, .name = { "A-1" },
		.birth = { LOG_ONLINE_NUMBER, e->log.size } };
	struct field_enrolment enrolment;
	struct diag diag = DIAG_INIT;
	bool known = true;

	good(enrol_names(e, &wants, &asker, &enrolment, &known, &diag),
	    &diag);
	assert_false(known);
	assert_string_equal(enrolment.text[0], "A-1");
	assert_string_equal(enrolment.text[1], "");
	wants.name_count = 1;
	good(enrol_names(e, &wants, &asker, &enrolment, &known, &diag),
	    &diag);
	assert_true(known);
	enrol_close(&e);
}

/* A key to agree on keys with, in a certificate that is good otherwise. */
static void
test_no_signing_key(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_ca_ struct ca ca = CA_INIT;
	_cleanup_buf_ struct buf csr = BUF_INIT;
	struct field *f = *state;
	struct enrol *e = opened_with(f, &ca, MAKER_DEVICE);
	struct credential device = { .leaf = BUF_INIT };
	struct public_key key;

	key_make(KEY_X25519, &key, NULL, NULL);
	leaf_make(&ca, &key, "A-1", &device.leaf);
	key_make(KEY_P256, &key, NULL, &device.key);
	assert_int_equal(enrol_signed(f, e, &device, &asked, &a),
	    ENROL_UNKNOWN);
	assert_non_null(strstr(a.why.what, "cannot sign"));
	csr_make_with(&key, device.key, BYTES_NONE, &csr);
	assert_int_equal(est(e, false, buf_bytes(&device.leaf),
	    buf_bytes(&csr), &a), ENROL_UNKNOWN);
	credential_release(&device);
	enrol_close(&e);
	all_verified(f);
}

/* What waits, or is confirmed, is revoked: its birth was superseded long
 * before, and does not bring another. */
static void
test_revoked(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_ca_ struct ca ca = CA_INIT;
	struct field *f = *state;
	struct enrol *e = opened_with(f, &ca, MAKER_DEVICE);
	int confirmed;

	for (confirmed = 0; confirmed < 2; confirmed++) {
		_cleanup_asked_ struct asked asked = ASKED_INIT,
		    again = ASKED_INIT;
		struct credential device, now = { .leaf = BUF_INIT };

		device_make(&ca, confirmed ? "A-2" : "A-1", &device);
		assert_int_equal(enrol_signed(f, e, &device, &asked, &a),
		    ENROL_DONE);
		assert_int_equal(enrol_signed(f, e, &device, &asked, &a),
		    ENROL_DONE);
		credential_take(f, &asked, a.index, &now);
		if (confirmed)
			assert_int_equal(confirm(f, e, &now, a.package, &b),
			    ENROL_DONE);
		status_set(f, STATUS_REVOKE, CRL_KEY_COMPROMISE,
		    LOG_ONLINE_NUMBER, a.index);
		assert_int_equal(enrol_signed(f, e, &device, &again, &b),
		    ENROL_REVOKED);
		assert_int_equal(turn(e, NOW, buf_bytes(&asked.request), &b),
		    ENROL_REVOKED);
		credential_release(&device);
		credential_release(&now);
	}
	enrol_close(&e);
	all_verified(f);
}

/* The same by hand, as superseded: no turn did that. */
static void
test_superseded_by_hand(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_ca_ struct ca ca = CA_INIT;
	struct field *f = *state;
	struct enrol *e = opened_with(f, &ca, MAKER_DEVICE);
	struct credential device, now = { .leaf = BUF_INIT };

	device_make(&ca, "A-1", &device);
	/* what waited first, and is its birth, a turn supersedes */
	assert_int_equal(enrol_signed(f, e, &device, &asked, &a),
	    ENROL_DONE);
	assert_int_equal(enrol_signed(f, e, &device, &asked, &a),
	    ENROL_DONE);
	credential_take(f, &asked, a.index, &now);
	status_set(f, STATUS_REVOKE, CRL_SUPERSEDED, LOG_ONLINE_NUMBER,
	    a.index);
	assert_int_equal(enrol_signed(f, e, &device, &asked, &b),
	    ENROL_SUPERSEDED);
	assert_int_equal(confirm(f, e, &now, a.package, &b),
	    ENROL_SUPERSEDED);
	credential_release(&device);
	credential_release(&now);
	enrol_close(&e);
	all_verified(f);
}

/* Its birth left its place long before: who means it means what has that. */
static void
test_birth_meant(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_ca_ struct ca ca = CA_INIT;
	struct field *f = *state;
	struct enrol *e = opened_with(f, &ca, MAKER_DEVICE);
	struct credential device, now = { .leaf = BUF_INIT };
	uint64_t birth;
	unsigned reason;

	device_make(&ca, "A-1", &device);
	assert_int_equal(enrol_signed(f, e, &device, &asked, &a),
	    ENROL_DONE);
	birth = a.index;
	credential_take(f, &asked, a.index, &now);
	asked_make(&asked);
	{
		_cleanup_buf_ struct buf body = BUF_INIT;

		asked_body(f, &asked, 1, &body);
		asked_sign(f, &asked, DEVICE_RENEW, &now, buf_bytes(&body));
	}
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	credential_take(f, &asked, a.index, &now);
	assert_int_equal(confirm(f, e, &now, a.package, &b), ENROL_DONE);
	assert_int_equal(status_of(f, birth, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_SUPERSEDED);
	status_set(f, STATUS_REVOKE, CRL_KEY_COMPROMISE, LOG_ONLINE_NUMBER,
	    birth);
	assert_int_equal(status_of(f, a.index, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_KEY_COMPROMISE);
	credential_release(&device);
	credential_release(&now);
	enrol_close(&e);
	all_verified(f);
}

/* Its product becomes one of devices with births of ours, which supersede
 * them: what it was born with here is what it uses. */
static void
test_not_outlived(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_ca_ struct ca ca = CA_INIT;
	struct field *f = *state;
	struct enrol *e = opened_with(f, &ca, MAKER_DEVICE);
	struct credential device, now = { .leaf = BUF_INIT };
	struct product product;
	unsigned reason;

	device_make(&ca, "A-1", &device);
	assert_int_equal(enrol_signed(f, e, &device, &asked, &a),
	    ENROL_DONE);
	credential_take(f, &asked, a.index, &now);
	product_read("examples/products/doorbell-idevid.yaml", &product);
	(void)snprintf(product.name, sizeof(product.name), "bridge-idevid");
	product_put(f->w, &product);
	doorbell_read("2.0.0", &product);
	(void)snprintf(product.name, sizeof(product.name), "bridge");
	(void)snprintf(product.field.bootstrap,
	    sizeof(product.field.bootstrap), "bridge-idevid");
	product.field.supersedes = true;
	product.credential_count = 1;
	product_put(f->w, &product);
	assert_int_equal(confirm(f, e, &now, a.package, &b), ENROL_DONE);
	assert_int_equal(status_of(f, a.index, &reason), STATUS_VALID);
	credential_release(&device);
	credential_release(&now);
	enrol_close(&e);
	all_verified(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_keygen, field_fresh),
		cmocka_unit_test_setup(test_known, field_fresh),
		cmocka_unit_test_setup(test_used, field_fresh),
		cmocka_unit_test_setup(test_fresh_names, field_fresh),
		cmocka_unit_test_setup(test_no_signing_key, field_fresh),
		cmocka_unit_test_setup(test_revoked, field_fresh),
		cmocka_unit_test_setup(test_superseded_by_hand, field_fresh),
		cmocka_unit_test_setup(test_birth_meant, field_fresh),
		cmocka_unit_test_setup(test_not_outlived, field_fresh)
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
