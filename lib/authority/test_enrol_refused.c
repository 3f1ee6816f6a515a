/* What enrolment refuses, and that nothing comes of it. */
#include <fcntl.h>

#include "lib/authority/test_enrol.h"

#include "lib/authority/anchor.h"
#include "lib/authority/reconcile.h"

#define YEAR_S	(INT64_C(365) * 86400)

/* Any octet changed: no answer, and no identity. */
static void
test_every_octet(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	size_t i, seen[ENROL_BUSY + 1] = { 0 };

	asked_enrol(f, &asked, DEVICE_ENROL, &f->devices[0].birth);
	assert_int_equal(enrol_turn_begin(e, NOW, NULL), ERR_OK);
	for (i = 0; i < asked.request.len; i++) {
		asked.request.ptr[i] ^= 1;
		put(e, buf_bytes(&asked.request), &a);
		asked.request.ptr[i] ^= 1;
		assert_true(a.verdict > ENROL_REPEATED);
		seen[a.verdict]++;
	}
	for (i = 0; i < asked.request.len; i++) {
		put(e, bytes_of(asked.request.ptr, i), &a);
		assert_int_equal(a.verdict, ENROL_MALFORMED);
	}
	assert_int_equal(enrol_turn_commit(e, NULL), ERR_OK);
	assert_true(seen[ENROL_MALFORMED] > 0 && seen[ENROL_UNKNOWN] > 0 &&
	    seen[ENROL_SIGNATURE] > 0 && seen[ENROL_UNSUPPORTED] > 0);
	assert_int_equal(log_size(f), 0);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	enrol_close(&e);
	all_verified(f);
}

/* Signed by the right key, but not what it must be. */
enum fault {
	FEW_KEYS, NO_PROOF, OTHER_PROOF, PROOF_OF_X25519, ALGORITHM, SLOT,
	BOOTSTRAP_KEY, ORDER, RECIPIENT, PARTS, PRIVATE_KEY
};

static void
private_put(struct buf *out)
{
	_cleanup_secret_ struct secret private = SECRET_INIT,
	    encoded = SECRET_INIT;
	struct public_key key;

	assert_int_equal(key_pair_make(KEY_P256, &key, &private, NULL),
	    ERR_OK);
	assert_int_equal(secret_alloc(&encoded, 256), ERR_OK);
	assert_int_equal(cose_key_put_private(&encoded, &key,
	    secret_bytes(&private)), ERR_OK);
	buf_put_bytes(out, secret_bytes(&encoded));
}

/* [slot, key, proof] of the key that signs. */
static void
faulty_first(struct field *f, const struct asked *asked, enum fault fault,
    struct buf *out)
{
	const struct credential *by = &f->devices[0].birth;
	const struct public_key *key = fault == BOOTSTRAP_KEY ?
	    signer_public(by->key) : &asked->keys[0];
	unsigned slot = fault == SLOT ? 3 : fault == ORDER ? 1 : 0;
	_cleanup_buf_ struct buf context = BUF_INIT;
	uint8_t proof[SIGNATURE_MAX] = { 0 };
	uint8_t id[DEVICE_REQUEST_ID_SIZE];

	memcpy(id, asked->id, sizeof(id));
	id[0] ^= fault == OTHER_PROOF;
	assert_int_equal(device_key_put_context(&context, f->authority, id,
	    slot, key), ERR_OK);
	assert_int_equal(signer_sign(fault == BOOTSTRAP_KEY ? by->key :
	    asked->signer, buf_bytes(&context), proof), ERR_OK);
	cbor_put_array(out, 3);
	cbor_put_uint(out, slot);
	if (fault == PRIVATE_KEY)
		private_put(out);
	else
		cose_key_put(out, fault == ALGORITHM ? &asked->keys[1] :
		    key);
	if (fault == NO_PROOF || fault == ALGORITHM)
		cbor_put_null(out);
	else
		cbor_put_bstr(out, bytes_of(proof, SIGNATURE_SIZE));
}

static void
faulty_body(struct field *f, const struct asked *asked, enum fault fault,
    struct buf *out)
{
	static const uint8_t proof[SIGNATURE_SIZE] = { 1 };

	cbor_put_array(out, fault == PARTS ? 3 : 2);
	cbor_put_array(out, fault == FEW_KEYS ? 1 : 2);
	faulty_first(f, asked, fault, out);
	if (fault != FEW_KEYS) {
		cbor_put_array(out, 3);
		cbor_put_uint(out, fault == SLOT ? 4 : 1);
		cose_key_put(out, &asked->keys[1]);
		if (fault == PROOF_OF_X25519)
			cbor_put_bstr(out, bytes_of(proof, sizeof(proof)));
		else
			cbor_put_null(out);
	}
	if (fault == RECIPIENT)
		cose_key_put(out, &asked->keys[1]);
	else
		cbor_put_null(out);
	if (fault == PARTS)
		cbor_put_null(out);
}

static void
test_bodies(void **state)
{
	static const enum enrol_verdict verdicts[] = {
		[FEW_KEYS] = ENROL_KEYS, [NO_PROOF] = ENROL_KEYS,
		[OTHER_PROOF] = ENROL_KEYS, [PROOF_OF_X25519] = ENROL_KEYS,
		[ALGORITHM] = ENROL_KEYS, [SLOT] = ENROL_KEYS,
		[BOOTSTRAP_KEY] = ENROL_KEYS, [ORDER] = ENROL_MALFORMED,
		[RECIPIENT] = ENROL_KEYS, [PARTS] = ENROL_MALFORMED,
		[PRIVATE_KEY] = ENROL_MALFORMED,
	};
	struct field *f = *state;
	struct enrol *e = opened(f);
	size_t i;

	for (i = 0; i < COUNT(verdicts); i++) {
		_cleanup_asked_ struct asked asked = ASKED_INIT;
		_cleanup_answered_ struct answered a = ANSWERED_INIT;
		_cleanup_buf_ struct buf body = BUF_INIT;

		asked_make(&asked);
		faulty_body(f, &asked, (enum fault)i, &body);
		asked_sign(f, &asked, DEVICE_ENROL, &f->devices[0].birth,
		    buf_bytes(&body));
		if (ask(f, e, &asked, &a) != verdicts[i])
			fail_msg("fault %zu: %s (%s)", i,
			    enrol_verdict_name(a.verdict), a.why.what);
	}
	assert_int_equal(log_size(f), 0);
	enrol_close(&e);
	all_verified(f);
}

/* A certificate of ours that is none of a device, or of one that has no
 * product in the field; a type that does not fit. */
static void
test_who(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct credential mixed = { .leaf = BUF_INIT };
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct enrol *e = opened(f);

	/* another device's certificate under one's own key */
	buf_put_bytes(&mixed.leaf, buf_bytes(&f->devices[1].birth.leaf));
	mixed.key = device->birth.key;
	asked_enrol(f, &asked, DEVICE_ENROL, &mixed);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_SIGNATURE);
	/* a CA's certificate */
	buf_clear(&mixed.leaf);
	good(authority_certificate(f->w->authority, LOG_BULK, &mixed.leaf,
	    NULL), NULL);
	asked_enrol(f, &asked, DEVICE_ENROL, &mixed);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_UNKNOWN);
	buf_release(&mixed.leaf);
	/* meant for another root */
	f->authority[0] ^= 1;
	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	f->authority[0] ^= 1;
	assert_int_equal(turn(e, NOW, buf_bytes(&asked.request), &a),
	    ENROL_UNKNOWN);
	/* renewing what was never enrolled, enrolling once more */
	asked_enrol(f, &asked, DEVICE_RENEW, &device->birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_NO_PRODUCT);
	assert_int_equal(confirm(f, e, &device->birth, bytes_text("x"), &a),
	    ENROL_NO_PRODUCT);
	(void)enrolled(f, e, device);
	asked_enrol(f, &asked, DEVICE_ENROL, &device->now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_NO_PRODUCT);
	/* confirming another package */
	assert_int_equal(confirm(f, e, &device->now, bytes_text("x"), &a),
	    ENROL_CONFLICT);
	enrol_close(&e);
	all_verified(f);
}

/* One id, other octets. */
static void
test_conflict(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint8_t id[DEVICE_REQUEST_ID_SIZE];
	struct field *f = *state;
	struct enrol *e = opened(f);

	asked_enrol(f, &asked, DEVICE_ENROL, &f->devices[0].birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	memcpy(id, asked.id, sizeof(id));
	asked_make(&asked);
	memcpy(asked.id, id, sizeof(id));
	asked_body(f, &asked, 2, &body);
	asked_sign(f, &asked, DEVICE_ENROL, &f->devices[0].birth,
	    buf_bytes(&body));
	assert_int_equal(ask(f, e, &asked, &a), ENROL_CONFLICT);
	assert_int_equal(log_size(f), 1);
	/* ids are a device's own: another's is another request */
	asked_sign(f, &asked, DEVICE_ENROL, &f->devices[1].birth,
	    buf_bytes(&body));
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	enrol_close(&e);
	all_verified(f);
}

/* A key belongs to one device and one slot. */
static void
test_same_key(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	size_t i;

	asked_make(&asked);
	for (i = 0; i < 3; i++) {
		_cleanup_buf_ struct buf body = BUF_INIT;

		/* the same device may: its first answer was lost */
		assert_int_equal(random_bytes(asked.id, sizeof(asked.id),
		    NULL), ERR_OK);
		asked_body(f, &asked, 2, &body);
		asked_sign(f, &asked, DEVICE_ENROL,
		    &f->devices[i / 2].birth, buf_bytes(&body));
		assert_int_equal(ask(f, e, &asked, &a), i < 2 ? ENROL_DONE :
		    ENROL_KEYS);
	}
	enrol_close(&e);
	all_verified(f);
}

/* Revoked or suspended, at birth or now; between turns. */
static void
test_status(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct enrol *e = opened(f);
	uint64_t index;

	status_set(f, STATUS_SUSPEND, CRL_CERTIFICATE_HOLD, LOG_BULK_NUMBER,
	    device->index);
	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_SUSPENDED);
	status_set(f, STATUS_RESUME, 0, LOG_BULK_NUMBER, device->index);
	index = enrolled(f, e, device);
	status_set(f, STATUS_SUSPEND, CRL_CERTIFICATE_HOLD,
	    LOG_ONLINE_NUMBER, index);
	asked_enrol(f, &asked, DEVICE_RENEW, &device->now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_SUSPENDED);
	status_set(f, STATUS_RESUME, 0, LOG_ONLINE_NUMBER, index);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	/* the device, by its birth */
	status_set(f, STATUS_REVOKE, CRL_KEY_COMPROMISE, LOG_BULK_NUMBER,
	    device->index);
	asked_enrol(f, &asked, DEVICE_RENEW, &device->now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_REVOKED);
	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_REVOKED);
	/* another's present one */
	index = enrolled(f, e, &f->devices[1]);
	status_set(f, STATUS_REVOKE, CRL_KEY_COMPROMISE, LOG_ONLINE_NUMBER,
	    index);
	asked_enrol(f, &asked, DEVICE_RENEW, &f->devices[1].now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_REVOKED);
	enrol_close(&e);
	all_verified(f);
}

/* What waits is no better than the identity whose key asked for it. */
static void
test_basis(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	struct credential next = { .leaf = BUF_INIT };
	struct field *f = *state;
	struct enrol *e = opened(f);
	uint64_t index = enrolled(f, e, &f->devices[0]);
	unsigned reason;

	asked_enrol(f, &asked, DEVICE_RENEW, &f->devices[0].now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	credential_take(f, &asked, a.index, &next);
	status_set(f, STATUS_SUSPEND, CRL_CERTIFICATE_HOLD,
	    LOG_ONLINE_NUMBER, index);
	assert_int_equal(confirm(f, e, &next, a.package, &b),
	    ENROL_SUSPENDED);
	asked_enrol(f, &asked, DEVICE_RENEW, &next);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_SUSPENDED);
	status_set(f, STATUS_RESUME, 0, LOG_ONLINE_NUMBER, index);
	assert_int_equal(confirm(f, e, &next, a.package, &b), ENROL_DONE);
	/* it took the place of its basis, which is no fault */
	assert_int_equal(status_of(f, index, &reason), STATUS_REVOKED);
	assert_int_equal(confirm(f, e, &next, a.package, &b),
	    ENROL_REPEATED);
	index = a.index;
	asked_enrol(f, &asked, DEVICE_RENEW, &next);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	status_set(f, STATUS_REVOKE, CRL_KEY_COMPROMISE, LOG_ONLINE_NUMBER,
	    index);
	credential_take(f, &asked, a.index, &next);
	assert_int_equal(confirm(f, e, &next, a.package, &b), ENROL_REVOKED);
	credential_release(&next);
	enrol_close(&e);
	all_verified(f);
}

/* Who stole a station with packages on it may have enrolled with them: what
 * is used and what waits goes with their births. */
static void
test_station_lost(void **state)
{
	_cleanup_answered_ struct answered waits = ANSWERED_INIT,
	    alone = ANSWERED_INIT, a = ANSWERED_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	uint64_t index = enrolled(f, e, &f->devices[0]);
	const uint64_t by_hand = enrolled(f, e, &f->devices[2]);
	struct diag diag = DIAG_INIT;
	struct store_status row;
	enum status status;
	unsigned reason;

	asked_enrol(f, &asked, DEVICE_RENEW, &f->devices[0].now);
	assert_int_equal(ask(f, e, &asked, &waits), ENROL_DONE);
	asked_enrol(f, &asked, DEVICE_ENROL, &f->devices[1].birth);
	assert_int_equal(ask(f, e, &asked, &alone), ENROL_DONE);
	status_set(f, STATUS_REVOKE, CRL_CESSATION_OF_OPERATION,
	    LOG_ONLINE_NUMBER, by_hand);
	cbor_put_text(&body, "line-1");
	good(submit(f->w, REQUEST_STATION_LOST, buf_bytes(&body), &result,
	    &diag), &diag);
	good(status_get(f->w->authority, LOG_BULK_NUMBER, f->devices[3].index,
	    &status, &row, &diag), &diag);
	assert_int_equal(status, STATUS_REVOKED);
	assert_int_equal(status_of(f, index, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_KEY_COMPROMISE);
	assert_int_equal(status_of(f, waits.index, &reason), STATUS_REVOKED);
	assert_int_equal(status_of(f, alone.index, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_KEY_COMPROMISE);
	assert_int_equal(status_of(f, by_hand, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_CESSATION_OF_OPERATION);
	asked_enrol(f, &asked, DEVICE_RENEW, &f->devices[0].now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_REVOKED);
	/* the log of operations tells the same */
	good(operation_replay(f->w->authority, NULL, NULL, &diag), &diag);
	enrol_close(&e);
	all_verified(f);
}

/* What line-1 says of its only pack: a state for each device in turn. */
static void
report_make(struct field *f, const char *path, uint64_t sequence, bool final,
    const enum report_state states[DEVICES], struct report *report)
{
	_cleanup_report_writer_ struct report_writer *writer = NULL;
	_cleanup_signer_ struct signer *signer = NULL;
	struct report_record record;
	struct order_record order;
	struct public_key key;
	uint8_t kid[COSE_KID_SIZE];
	size_t i;

	good(order_record_get(f->w->authority, 1, &order, NULL), NULL);
	good(signer_new(KEY_P256, bytes_of(f->w->signing[0],
	    KEY_PRIVATE_SIZE), &signer, NULL), NULL);
	key = *signer_public(signer);
	assert_int_equal(cose_key_thumbprint(&key, kid), ERR_OK);
	*report = (struct report){ .sequence = sequence, .made = NOW,
	    .final = final, .pack_count = 1,
	    .ledger_entries = 100 * sequence };
	memcpy(report->station, order.packs[0].kid, COSE_KID_SIZE);
	memcpy(report->order, order.id, STORE_ID_SIZE);
	memcpy(report->packs[0].id, order.packs[0].id, STORE_ID_SIZE);
	report->packs[0].count = DEVICES;
	good(report_begin(io_posix(), path, &writer, NULL), NULL);
	for (i = 0; i < DEVICES; i++) {
		if (states[i] == 0)
			continue;
		record = (struct report_record){ .position = i,
		    .state = states[i], .time = NOW,
		    .index = f->devices[i].index,
		    .reason = bytes_text(states[i] == REPORT_INJECTED ? "" :
		    "fell") };
		good(report_add(writer, &record, NULL), NULL);
	}
	good(report_end(writer, report, signer, bytes_of(kid, COSE_KID_SIZE),
	    NULL), NULL);
}

/* Loaded; how many were revoked with it. */
static uint64_t
report_load(struct field *f, uint64_t sequence, bool final,
    const enum report_state states[DEVICES])
{
	_cleanup_reconcile_result_ struct reconcile_result result = { 0 };
	_cleanup_buf_ struct buf body = BUF_INIT, request = BUF_INIT,
	    answer = BUF_INIT;
	_cleanup_file_ struct file file = FILE_INIT;
	struct diag diag = DIAG_INIT;
	char path[PATH_SIZE];
	struct report report;
	uint64_t revoked = 0;
	size_t i, k;

	assert_int_equal(path_join(path, f->w->dir, "line.report"), ERR_OK);
	report_make(f, path, sequence, final, states, &report);
	assert_int_equal(request_put_reconcile(&body, 1, &report), ERR_OK);
	good(request_sign(authority_info(f->w->authority)->id,
		 REQUEST_RECONCILE, buf_bytes(&body), NOW,
		 f->w->operator, & request, NULL),
	    NULL);
	good(file_open(io_posix(), path, O_RDONLY, 0, &file, &diag), &diag);
	good(authority_submit_file(f->w->authority, buf_bytes(&request),
	    &file, NOW, &answer, &diag), &diag);
	good(reconcile_result_get(buf_bytes(&answer), &result, &diag), &diag);
	for (i = 0; i < result.reasons; i++)
		for (k = 0; k < result.revoked[i].list.count; k++)
			revoked += result.revoked[i].list.ranges[k].count;
	return revoked;
}

static void
revoked_for(struct field *f, uint64_t index, unsigned want)
{
	unsigned reason;

	assert_int_equal(status_of(f, index, &reason), STATUS_REVOKED);
	assert_int_equal(reason, want);
}

/* What a report gives up goes with what its device enrolled for: what it uses,
 * and what waits; the rest stays. */
static void
test_reported(void **state)
{
	static const enum report_state first[DEVICES] = { REPORT_SCRAPPED,
	    REPORT_INJECTED, REPORT_REWORKED, 0 },
	    last[DEVICES] = { REPORT_SCRAPPED, REPORT_INJECTED,
	    REPORT_REWORKED, 0 };
	_cleanup_answered_ struct answered waits = ANSWERED_INIT,
	    alone = ANSWERED_INIT, a = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	const uint64_t scrapped = enrolled(f, e, &f->devices[0]),
	    good_one = enrolled(f, e, &f->devices[1]),
	    returned = enrolled(f, e, &f->devices[3]);
	struct diag diag = DIAG_INIT;
	unsigned reason;

	asked_enrol(f, &asked, DEVICE_RENEW, &f->devices[0].now);
	assert_int_equal(ask(f, e, &asked, &waits), ENROL_DONE);
	asked_enrol(f, &asked, DEVICE_ENROL, &f->devices[2].birth);
	assert_int_equal(ask(f, e, &asked, &alone), ENROL_DONE);
	assert_int_equal(report_load(f, 1, false, first), 5);
	revoked_for(f, scrapped, CRL_CESSATION_OF_OPERATION);
	revoked_for(f, waits.index, CRL_CESSATION_OF_OPERATION);
	revoked_for(f, alone.index, CRL_SUPERSEDED);
	assert_int_equal(status_of(f, good_one, &reason), STATUS_VALID);
	assert_int_equal(status_of(f, returned, &reason), STATUS_VALID);
	asked_enrol(f, &asked, DEVICE_RENEW, &f->devices[0].now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_REVOKED);
	assert_int_equal(report_load(f, 2, true, last), 2);
	revoked_for(f, returned, CRL_CESSATION_OF_OPERATION);
	asked_enrol(f, &asked, DEVICE_RENEW, &f->devices[1].now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	good(operation_replay(f->w->authority, NULL, NULL, &diag), &diag);
	enrol_close(&e);
	all_verified(f);
}

/* By hand, and birth alone: the report finds the rest. */
static void
test_reported_rest(void **state)
{
	static const enum report_state states[DEVICES] = { REPORT_SCRAPPED,
	    REPORT_SCRAPPED, 0, 0 };
	struct field *f = *state;
	struct enrol *e = opened(f);
	const uint64_t by_birth = enrolled(f, e, &f->devices[0]),
	    by_hand = enrolled(f, e, &f->devices[1]);
	struct diag diag = DIAG_INIT;

	status_set(f, STATUS_REVOKE, CRL_SUPERSEDED, LOG_BULK_NUMBER,
	    f->devices[0].index);
	status_set(f, STATUS_REVOKE, CRL_KEY_COMPROMISE, LOG_ONLINE_NUMBER,
	    by_hand);
	assert_int_equal(report_load(f, 1, false, states), 2);
	revoked_for(f, by_birth, CRL_CESSATION_OF_OPERATION);
	revoked_for(f, by_hand, CRL_KEY_COMPROMISE);
	good(operation_replay(f->w->authority, NULL, NULL, &diag), &diag);
	enrol_close(&e);
	all_verified(f);
}

static enum status
birth_status(struct field *f, const struct doorbell *device)
{
	struct store_status row = { .reason = CRL_SUPERSEDED };
	enum status status;

	good(status_get(f->w->authority, LOG_BULK_NUMBER, device->index,
	    &status, &row, NULL), NULL);
	assert_int_equal(row.reason, CRL_SUPERSEDED);
	return status;
}

/* What names, claims and reports go by. */
static void
device_stands(struct field *f, const struct doorbell *device,
    enum status want)
{
	const struct address birth = { LOG_BULK_NUMBER, device->index };
	enum status status;

	good(field_birth_status(f->w->authority, &birth, &status, NULL),
	    NULL);
	assert_int_equal(status, want);
}

/* The identity of the factory was a whole one: used no more, it is superseded,
 * with what is confirmed next by who had confirmed before, too. It is consumed
 * all the same, and what took its place goes on, while that stands. */
static void
test_outlived(void **state)
{
	static const enum report_state states[DEVICES] = { REPORT_SCRAPPED,
	    REPORT_INJECTED, 0, 0 };
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_asked_ struct asked first = ASKED_INIT, asked = ASKED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0], *early = &f->devices[1];
	struct enrol *e = opened(f);
	struct diag diag = DIAG_INIT;
	struct product product;
	unsigned reason;

	(void)enrolled(f, e, early);
	assert_int_equal(birth_status(f, early), STATUS_VALID);
	doorbell_read("2.0.0", &product);
	product.field.supersedes = true;
	product_put(f->w, &product);
	asked_enrol(f, &first, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &first, &a), ENROL_DONE);
	assert_int_equal(birth_status(f, device), STATUS_VALID);
	credential_take(f, &first, a.index, &device->now);
	assert_int_equal(confirm(f, e, &device->now, a.package, &b),
	    ENROL_DONE);
	assert_int_equal(birth_status(f, device), STATUS_REVOKED);
	device_stands(f, device, STATUS_VALID);
	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_CONSUMED);
	/* an owner gave it up for a while */
	status_set(f, STATUS_SUSPEND, CRL_CERTIFICATE_HOLD,
	    LOG_ONLINE_NUMBER, a.index);
	device_stands(f, device, STATUS_SUSPENDED);
	asked_enrol(f, &asked, DEVICE_RENEW, &device->now);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_SUSPENDED);
	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_SUSPENDED);
	status_set(f, STATUS_RESUME, 0, LOG_ONLINE_NUMBER, a.index);
	/* confirmed by asking on */
	asked_enrol(f, &asked, DEVICE_RENEW, &early->now);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_DONE);
	credential_take(f, &asked, b.index, &early->now);
	asked_enrol(f, &asked, DEVICE_RENEW, &early->now);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_DONE);
	assert_int_equal(birth_status(f, early), STATUS_REVOKED);
	credential_take(f, &asked, b.index, &early->now);
	assert_int_equal(confirm(f, e, &early->now, b.package, &b),
	    ENROL_DONE);
	/* what took its place is given up */
	assert_int_equal(report_load(f, 1, false, states), 1);
	assert_int_equal(status_of(f, a.index, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_CESSATION_OF_OPERATION);
	device_stands(f, device, STATUS_REVOKED);
	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_SUPERSEDED);
	good(operation_replay(f->w->authority, NULL, NULL, &diag), &diag);
	enrol_close(&e);
	all_verified(f);
}

/* Revoked by hand for the reason that turns have, too: nothing took its place,
 * be it in use or waiting. */
static void
test_superseded_by_hand(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_asked_ struct asked first = ASKED_INIT, asked = ASKED_INIT;
	struct field *f = *state;
	struct doorbell *waits = &f->devices[0], *uses = &f->devices[1];
	struct enrol *e = opened(f);
	struct diag diag = DIAG_INIT;

	asked_enrol(f, &first, DEVICE_ENROL, &waits->birth);
	assert_int_equal(ask(f, e, &first, &a), ENROL_DONE);
	credential_take(f, &first, a.index, &waits->now);
	(void)enrolled(f, e, uses);
	status_set(f, STATUS_REVOKE, CRL_SUPERSEDED, LOG_BULK_NUMBER,
	    waits->index);
	status_set(f, STATUS_REVOKE, CRL_SUPERSEDED, LOG_BULK_NUMBER,
	    uses->index);
	device_stands(f, waits, STATUS_REVOKED);
	device_stands(f, uses, STATUS_REVOKED);
	asked_enrol(f, &asked, DEVICE_ENROL, &waits->birth);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_SUPERSEDED);
	assert_int_equal(confirm(f, e, &waits->now, a.package, &b),
	    ENROL_SUPERSEDED);
	asked_enrol(f, &asked, DEVICE_ENROL, &uses->birth);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_SUPERSEDED);
	asked_enrol(f, &asked, DEVICE_RENEW, &uses->now);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_SUPERSEDED);
	good(operation_replay(f->w->authority, NULL, NULL, &diag), &diag);
	enrol_close(&e);
	all_verified(f);
}

/* Out of a pack that is not complete nobody should have an identity: who has
 * all the same keeps nothing. */
static void
test_cancelled(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct field *f = *state;
	struct store *store = authority_store(f->w->authority);
	struct enrol *e = opened(f);
	const uint64_t index = enrolled(f, e, &f->devices[2]);
	struct diag diag = DIAG_INIT;
	struct store_pack pack;

	good(store_begin(store, &diag), &diag);
	good(store_pack_get(store, 1, 1, &pack, &diag), &diag);
	pack.complete = false;
	good(store_pack_put(store, &pack, &diag), &diag);
	good(store_order_set(store, 1, DEVICES, ORDER_OPEN, &diag), &diag);
	good(store_commit(store, &diag), &diag);
	cbor_put_uint(&body, 1);
	good(submit(f->w, REQUEST_ORDER_CANCEL, buf_bytes(&body), &result,
	    &diag), &diag);
	revoked_for(f, index, CRL_CESSATION_OF_OPERATION);
	good(operation_replay(f->w->authority, NULL, NULL, &diag), &diag);
	enrol_close(&e);
	all_verified(f);
}

/* Two years, and ninety days of grace. */
static void
test_expired(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	int64_t late = NOW + 2 * YEAR_S + 89 * 86400;

	(void)enrolled(f, e, &f->devices[0]);
	asked_enrol(f, &asked, DEVICE_RENEW, &f->devices[0].now);
	assert_int_equal(turn(e, late + 3 * 86400,
	    buf_bytes(&asked.request), &a), ENROL_EXPIRED);
	assert_int_equal(turn(e, late, buf_bytes(&asked.request), &a),
	    ENROL_DONE);
	enrol_close(&e);
}

/* Refusals of a known device are on record, but not without end. */
static void
test_events(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	struct operation_head before, head;
	size_t i, recorded = 0;

	(void)enrolled(f, e, &f->devices[0]);
	for (i = 0; i < FIELD_EVENTS_MAX + 4; i++) {
		_cleanup_asked_ struct asked asked = ASKED_INIT;

		assert_int_equal(operation_head(f->w->authority, &before,
		    NULL), ERR_OK);
		asked_enrol(f, &asked, DEVICE_ENROL, &f->devices[0].birth);
		assert_int_equal(ask(f, e, &asked, &a), ENROL_CONSUMED);
		assert_int_equal(operation_head(f->w->authority, &head,
		    NULL), ERR_OK);
		recorded += head.size > before.size;
	}
	assert_int_equal(recorded, FIELD_EVENTS_MAX);
	enrol_close(&e);
	all_verified(f);
}

/* Products that cannot be had in the field as they say. */
static void
test_products(void **state)
{
	static const struct {
		const char	*from, *to;
		enum err	 err;
	} cases[] = {
		{ "bootstrap: doorbell-idevid", "bootstrap: nothing",
		    ERR_NOTFOUND },
		{ "product: doorbell", "product: chime", ERR_CONFLICT },
		{ "bootstrap: doorbell-idevid", "bootstrap: doorbell",
		    ERR_INVALID },
		{ "kind: serial-number", "kind: mac", ERR_INVALID },
	};
	struct field *f = *state;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT, body = BUF_INIT,
		    result = BUF_INIT;
		struct diag diag = DIAG_INIT;
		struct product product;
		const char *at;
		size_t from;

		good(io_read_file(io_posix(), "examples/products/doorbell."
		    "yaml", &text, &diag), &diag);
		at = strstr(buf_text(&text), cases[i].from);
		assert_non_null(at);
		from = (size_t)(at - (const char *)text.ptr);
		buf_put_bytes(&body, bytes_of(text.ptr, from));
		buf_put_bytes(&body, bytes_text(cases[i].to));
		buf_put_bytes(&body, bytes_text(at + strlen(cases[i].from)));
		if (product_yaml_parse("x", buf_bytes(&body), &product,
		    &diag) != ERR_OK) {
			assert_int_equal(diag.code, cases[i].err);
			continue;
		}
		buf_clear(&body);
		assert_int_equal(product_encode(&product, &body), ERR_OK);
		assert_int_equal(submit(f->w, REQUEST_PRODUCT_ADD,
		    buf_bytes(&body), &result, &diag), cases[i].err);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_octet, field_fresh),
		cmocka_unit_test_setup(test_bodies, field_fresh),
		cmocka_unit_test_setup(test_who, field_fresh),
		cmocka_unit_test_setup(test_conflict, field_fresh),
		cmocka_unit_test_setup(test_same_key, field_fresh),
		cmocka_unit_test_setup(test_status, field_fresh),
		cmocka_unit_test_setup(test_basis, field_fresh),
		cmocka_unit_test_setup(test_station_lost, field_fresh),
		cmocka_unit_test_setup(test_reported, field_fresh),
		cmocka_unit_test_setup(test_reported_rest, field_fresh),
		cmocka_unit_test_setup(test_outlived, field_fresh),
		cmocka_unit_test_setup(test_superseded_by_hand, field_fresh),
		cmocka_unit_test_setup(test_cancelled, field_fresh),
		cmocka_unit_test_setup(test_expired, field_fresh),
		cmocka_unit_test_setup(test_events, field_fresh),
		cmocka_unit_test_setup(test_products, field_fresh),
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
