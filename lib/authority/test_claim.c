/* Owners: who claims a device, and what waits until somebody has. */
#include "lib/authority/test_enrol.h"

#include "lib/authority/claim.h"
#include "lib/authority/operation.h"
#include "lib/authority/request_status.h"

#define BULK(f, n)	{ LOG_BULK_NUMBER, (f)->devices[n].index }
#define DAY_S		INT64_C(86400)

/* The doorbell as a product whose devices have owners. */
static void
product_claimed_as(struct world *w, bool supersedes)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct product product;

	good(io_read_file(io_posix(), "examples/products/doorbell.yaml",
	    &text, &diag), &diag);
	buf_put_bytes(&text, bytes_text("  claim: required\n"));
	good(product_yaml_parse("doorbell.yaml", buf_bytes(&text), &product,
	    &diag), &diag);
	assert_true(product.field.claim);
	product.field.supersedes = supersedes;
	(void)snprintf(product.version, sizeof(product.version), "2.0.0");
	product_put(w, &product);
}

static void
product_claimed(struct world *w)
{
	product_claimed_as(w, false);
}

/* proof of code, or with NULL of the right one. */
static struct claim_result
claim_at(struct field *f, int64_t now, const struct address *birth,
    const char *code, const char *owner)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct claim_result said = { .outcome = CLAIM_WRONG };
	struct diag diag = DIAG_INIT;
	char right[CLAIM_CODE_SIZE];
	uint8_t proof[SHA256_SIZE];

	good(claim_code(f->w->authority, birth, right, &diag), &diag);
	good(claim_proof(birth, code != NULL ? code : right, proof), &diag);
	good(claim_put_request(&body, birth, proof, owner), &diag);
	good(submit_at(f->w, now, REQUEST_DEVICE_CLAIM, buf_bytes(&body),
	    &result, &diag), &diag);
	good(claim_result_get(buf_bytes(&result), &said, &diag), &diag);
	return said;
}

static enum err
release(struct field *f, const struct address *birth)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag diag = DIAG_INIT;

	good(release_put_request(&body, birth), &diag);
	return submit_at(f->w, NOW, REQUEST_DEVICE_RELEASE, buf_bytes(&body),
	    &result, &diag);
}

static void
replayed(struct field *f)
{
	struct diag diag = DIAG_INIT;

	good(operation_replay(f->w->authority, NULL, NULL, &diag), &diag);
	all_verified(f);
}

/* It waits, is claimed, enrols; is released, waits again; is claimed by the
 * next one and goes on with what it had. */
static void
test_whole_life(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT, renew = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	const struct address birth = BULK(f, 0);
	struct enrol *e;
	uint64_t index;
	unsigned reason;

	product_claimed(f->w);
	e = opened(f);
	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_UNCLAIMED);
	assert_int_equal(a.retry_after_s, CLAIM_RETRY_S);
	assert_int_equal(log_size(f), 0);
	assert_int_equal(claim_at(f, NOW, &birth, NULL, "Jane").outcome,
	    CLAIM_DONE);
	/* the very request that was told to come back */
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	index = enrolled(f, e, device);
	replayed(f);

	assert_int_equal(release(f, &birth), ERR_OK);
	assert_int_equal(status_of(f, index, &reason), STATUS_SUSPENDED);
	assert_int_equal(reason, CRL_CERTIFICATE_HOLD);
	asked_enrol(f, &renew, DEVICE_RENEW, &device->now);
	assert_int_equal(ask(f, e, &renew, &a), ENROL_UNCLAIMED);
	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_UNCLAIMED);
	assert_int_equal(release(f, &birth), ERR_CONFLICT);
	replayed(f);

	assert_true(claim_at(f, NOW, &birth, NULL, "Joe").resumed);
	assert_int_equal(status_of(f, index, &reason), STATUS_VALID);
	assert_int_equal(ask(f, e, &renew, &a), ENROL_DONE);
	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_CONSUMED);
	enrol_close(&e);
	replayed(f);
}

/* What the release did not suspend, the claim does not resume. */
static void
test_suspended_before(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct status_range range = { LOG_ONLINE_NUMBER, 0, 1 };
	struct field *f = *state;
	const struct address birth = BULK(f, 0);
	struct enrol *e;
	struct diag diag = DIAG_INIT;
	unsigned reason;

	product_claimed(f->w);
	e = opened(f);
	assert_int_equal(claim_at(f, NOW, &birth, NULL, "Jane").outcome,
	    CLAIM_DONE);
	range.first = enrolled(f, e, &f->devices[0]);
	good(request_put_status(&body, STATUS_SUSPEND, CRL_CERTIFICATE_HOLD,
	    &range, 1, "test"), &diag);
	good(submit_at(f->w, NOW, REQUEST_STATUS, buf_bytes(&body), &result,
	    &diag), &diag);
	assert_int_equal(release(f, &birth), ERR_OK);
	assert_false(claim_at(f, NOW, &birth, NULL, "Joe").resumed);
	assert_int_equal(status_of(f, range.first, &reason),
	    STATUS_SUSPENDED);
	enrol_close(&e);
	replayed(f);
}

/* Nobody's device stays suspended when its birth, which left its place, is
 * resumed; an operator's own suspension goes. */
static void
test_birth_resumed(void **state)
{
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	const struct address birth = BULK(f, 0);
	struct enrol *e;
	uint64_t index;
	unsigned reason;

	product_claimed_as(f->w, true);
	e = opened(f);
	assert_int_equal(claim_at(f, NOW, &birth, NULL, "Jane").outcome,
	    CLAIM_DONE);
	index = enrolled(f, e, device);
	status_set(f, STATUS_SUSPEND, CRL_CERTIFICATE_HOLD, LOG_BULK_NUMBER,
	    device->index);
	assert_int_equal(status_of(f, index, &reason), STATUS_SUSPENDED);
	status_set(f, STATUS_RESUME, 0, LOG_BULK_NUMBER, device->index);
	assert_int_equal(status_of(f, index, &reason), STATUS_VALID);
	assert_int_equal(release(f, &birth), ERR_OK);
	assert_int_equal(status_of(f, index, &reason), STATUS_SUSPENDED);
	status_set(f, STATUS_RESUME, 0, LOG_BULK_NUMBER, device->index);
	assert_int_equal(status_of(f, index, &reason), STATUS_SUSPENDED);
	assert_true(claim_at(f, NOW, &birth, NULL, "Joe").resumed);
	enrol_close(&e);
	replayed(f);
}

static void
test_owners(void **state)
{
	struct field *f = *state;
	const struct address one = BULK(f, 0), two = BULK(f, 1);
	char code[CLAIM_CODE_SIZE];

	assert_int_equal(claim_at(f, NOW, &one, NULL, "Jane").outcome,
	    CLAIM_DONE);
	assert_int_equal(claim_at(f, NOW, &one, NULL, "Jane").outcome,
	    CLAIM_SAME);
	assert_int_equal(claim_at(f, NOW, &one, NULL, "Joe").outcome,
	    CLAIM_TAKEN);
	assert_int_equal(release(f, &two), ERR_CONFLICT);
	/* another device's code; and who guesses is not told of the owner */
	assert_int_equal(claim_code(f->w->authority, &one, code, NULL),
	    ERR_OK);
	assert_int_equal(claim_at(f, NOW, &two, code, "Joe").outcome,
	    CLAIM_WRONG);
	assert_int_equal(claim_code(f->w->authority, &two, code, NULL),
	    ERR_OK);
	assert_int_equal(claim_at(f, NOW, &one, code, "Jane").outcome,
	    CLAIM_WRONG);
	assert_int_equal(claim_at(f, NOW, &two, NULL, "Joe").outcome,
	    CLAIM_DONE);
	replayed(f);
}

/* Counted over a restart; each one costs twice the time of the last. */
static void
test_guesses(void **state)
{
	struct field *f = *state;
	const struct address birth = BULK(f, 2);
	uint64_t wait_s = CLAIM_WAIT_S;
	struct claim_result r;
	int64_t now = NOW;
	unsigned i;

	for (i = 0; i < CLAIM_FREE; i++) {
		r = claim_at(f, now, &birth, "0000-0000-0000-0", "Eve");
		assert_int_equal(r.outcome, CLAIM_WRONG);
		assert_int_equal(r.seconds, 0);
	}
	for (i = 0; i < 14; i++) {
		r = claim_at(f, now, &birth, "0000-0000-0000-0", "Eve");
		assert_int_equal(r.outcome, CLAIM_WRONG);
		assert_int_equal(r.seconds, wait_s);
		r = claim_at(f, now + (int64_t)wait_s - 1, &birth, NULL,
		    "Jane");
		assert_int_equal(r.outcome, CLAIM_WAIT);
		assert_int_equal(r.seconds, 1);
		now += (int64_t)wait_s;
		wait_s = wait_s * 2 < CLAIM_WAIT_MAX_S ? wait_s * 2 :
		    CLAIM_WAIT_MAX_S;
		if (i == 5) {
			world_close(f->w);
			world_open(f->w, io_posix());
		}
	}
	assert_int_equal(claim_at(f, now, &birth, NULL, "Jane").outcome,
	    CLAIM_DONE);
	r = claim_at(f, now, &birth, "0000-0000-0000-0", "Eve");
	assert_int_equal(r.outcome, CLAIM_WRONG);
	assert_int_equal(r.seconds, 0);
	replayed(f);
}

/* As an operator does for whom the clock was wrong before. */
static void
clock_accept(struct field *f, int64_t now)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag diag = DIAG_INIT;

	cbor_put_int(&body, now);
	good(submit_at(f->w, now, REQUEST_CLOCK, buf_bytes(&body), &result,
	    &diag), &diag);
}

/* A clock that was ahead, set right: nobody waits until it comes there. */
static void
test_clock_back(void **state)
{
	struct field *f = *state;
	const struct address birth = BULK(f, 2);
	const int64_t ahead = NOW + INT64_C(300) * 86400;
	struct claim_result r;
	unsigned i;

	for (i = 0; i <= CLAIM_FREE; i++)
		r = claim_at(f, ahead, &birth, "0000-0000-0000-0", "Eve");
	assert_int_equal(r.seconds, CLAIM_WAIT_S);
	clock_accept(f, NOW);
	r = claim_at(f, NOW, &birth, NULL, "Jane");
	assert_int_equal(r.outcome, CLAIM_WAIT);
	assert_int_equal(r.seconds, CLAIM_WAIT_S);
	r = claim_at(f, NOW + CLAIM_WAIT_S - 1, &birth, NULL, "Jane");
	assert_int_equal(r.outcome, CLAIM_WAIT);
	assert_int_equal(r.seconds, 1);
	assert_int_equal(claim_at(f, NOW + CLAIM_WAIT_S, &birth, NULL,
	    "Jane").outcome, CLAIM_DONE);
	replayed(f);
}

static enum err
claim_raw(struct field *f, const struct address *birth, const char *owner,
    size_t proof_size)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag diag = DIAG_INIT;
	uint8_t proof[SHA256_SIZE + 1] = { 0 };

	cbor_put_array(&body, 4);
	cbor_put_uint(&body, birth->log);
	cbor_put_uint(&body, birth->index);
	cbor_put_bstr(&body, bytes_of(proof, proof_size));
	cbor_put_text(&body, owner);
	return submit_at(f->w, NOW, REQUEST_DEVICE_CLAIM, buf_bytes(&body),
	    &result, &diag);
}

static void
test_refused(void **state)
{
	struct field *f = *state;
	const struct address birth = BULK(f, 0);
	struct address none = { LOG_BULK_NUMBER, 1 << 20 };
	char owner[CLAIM_OWNER_MAX + 2];
	struct address field_one = { LOG_ONLINE_NUMBER, 0 };
	struct enrol *e;

	memset(owner, 'a', sizeof(owner));
	owner[CLAIM_OWNER_MAX + 1] = '\0';
	assert_int_equal(claim_raw(f, &birth, owner, SHA256_SIZE),
	    ERR_INVALID);
	assert_int_equal(claim_raw(f, &birth, "", SHA256_SIZE), ERR_INVALID);
	assert_int_equal(claim_raw(f, &birth, "a\nb", SHA256_SIZE),
	    ERR_INVALID);
	assert_int_equal(claim_raw(f, &birth, "a\x7f", SHA256_SIZE),
	    ERR_INVALID);
	assert_int_equal(claim_raw(f, &birth, "a", SHA256_SIZE - 1),
	    ERR_SYNTAX);
	assert_int_equal(claim_raw(f, &birth, "a", SHA256_SIZE + 1),
	    ERR_SYNTAX);
	assert_int_equal(claim_raw(f, &none, "a", SHA256_SIZE),
	    ERR_NOTFOUND);
	none.log = LOG_OPERATIONS_NUMBER;
	assert_int_equal(claim_raw(f, &none, "a", SHA256_SIZE), ERR_SYNTAX);
	assert_int_equal(release(f, &birth), ERR_CONFLICT);
	owner[CLAIM_OWNER_MAX] = '\0';
	assert_int_equal(claim_at(f, NOW, &birth, NULL, owner).outcome,
	    CLAIM_DONE);
	/* an identity of the field is no birth */
	e = opened(f);
	field_one.index = enrolled(f, e, &f->devices[1]);
	assert_int_equal(claim_raw(f, &field_one, "a", SHA256_SIZE),
	    ERR_NOTFOUND);
	enrol_close(&e);
	replayed(f);
}

static void
test_revoked(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct field *f = *state;
	const struct address birth = BULK(f, 0);
	struct status_range range = { birth.log, birth.index, 1 };
	struct diag diag = DIAG_INIT;

	good(request_put_status(&body, STATUS_REVOKE, CRL_KEY_COMPROMISE,
	    &range, 1, "test"), &diag);
	good(submit_at(f->w, NOW, REQUEST_STATUS, buf_bytes(&body), &result,
	    &diag), &diag);
	assert_int_equal(claim_raw(f, &birth, "Jane", SHA256_SIZE),
	    ERR_CONFLICT);
}

/* Who enrolled before the product wanted owners is not locked out. */
static void
test_enrolled_before(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);

	(void)enrolled(f, e, &f->devices[0]);
	product_claimed(f->w);
	asked_enrol(f, &asked, DEVICE_RENEW, &f->devices[0].now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	asked_enrol(f, &asked, DEVICE_ENROL, &f->devices[1].birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_UNCLAIMED);
	enrol_close(&e);
}

/* An owner put into the registry by other hands is seen. */
static void
test_row_changed(void **state)
{
	struct field *f = *state;
	const struct address birth = BULK(f, 0);
	struct diag diag = DIAG_INIT;
	struct field_device device;
	struct buf row = BUF_INIT;
	struct store *store;

	assert_int_equal(claim_at(f, NOW, &birth, NULL, "Jane").outcome,
	    CLAIM_DONE);
	assert_int_equal(field_device_get(f->w->authority, &birth, &device,
	    NULL), ERR_OK);
	assert_string_equal(device.claim.owner, "Jane");
	store = authority_store(f->w->authority);
	good(store_field_get(store, STORE_DEVICE, birth.log, birth.index,
	    &row, &diag), &diag);
	*(uint8_t *)memmem(row.ptr, row.len, "Jane", 4) = 'j';
	good(store_begin(store, &diag), &diag);
	good(store_field_put(store, STORE_DEVICE, birth.log, birth.index,
	    buf_bytes(&row), &diag), &diag);
	good(store_commit(store, &diag), &diag);
	assert_int_equal(field_device_get(f->w->authority, &birth, &device,
	    NULL), ERR_CORRUPT);
	buf_release(&row);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_whole_life, field_fresh),
		cmocka_unit_test_setup(test_suspended_before, field_fresh),
		cmocka_unit_test_setup(test_birth_resumed, field_fresh),
		cmocka_unit_test_setup(test_owners, field_fresh),
		cmocka_unit_test_setup(test_guesses, field_fresh),
		cmocka_unit_test_setup(test_clock_back, field_fresh),
		cmocka_unit_test_setup(test_refused, field_fresh),
		cmocka_unit_test_setup(test_revoked, field_fresh),
		cmocka_unit_test_setup(test_enrolled_before, field_fresh),
		cmocka_unit_test_setup(test_row_changed, field_fresh),
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
