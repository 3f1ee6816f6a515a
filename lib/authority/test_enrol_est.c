/* Plain EST: what a certification request is worth. */
#include "lib/authority/enrol_internal.h"
#include "lib/authority/evidence.h"
#include "lib/authority/test_enrol_est.h"
#include "lib/x509/csr.h"

#define QUOTA	2
/* half of a doorbell's two years have passed */
#define DUE	(NOW + 365 * INT64_C(86400))

static unsigned
evidence_of(struct field *f, uint64_t index)
{
	struct store_range range;

	assert_int_equal(store_range_get(authority_store(f->w->authority),
	    LOG_ONLINE_NUMBER, index, &range, NULL), ERR_OK);
	return range.evidence;
}

/* The certificate is for that key, under the device's UEID. */
static void
certificate_check(const struct answered *a, const struct est_key *k,
    const struct doorbell *device)
{
	_cleanup_buf_ struct buf hex = BUF_INIT, point = BUF_INIT;

	buf_put_hex(&hex, bytes_of(device->ueid, UEID_SIZE));
	assert_non_null(memmem(a->answer.ptr, a->answer.len, hex.ptr,
	    hex.len));
	public_key_put_spki(&point, &k->key);
	assert_non_null(memmem(a->answer.ptr, a->answer.len, point.ptr,
	    point.len));
}

static void
test_enrol_by_quota(void **state)
{
	struct est_key k[DEVICES];
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    again = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened_with(f, "2.0.0", QUOTA);
	size_t i;

	for (i = 0; i < DEVICES; i++)
		est_key_make(&k[i]);
	for (i = 0; i < QUOTA; i++) {
		assert_int_equal(est(e, false, "", buf_bytes(
		    &f->devices[i].birth.leaf), buf_bytes(&k[i].csr), &a),
		    ENROL_DONE);
		certificate_check(&a, &k[i], &f->devices[i]);
		assert_int_equal(evidence_of(f, a.index), EVIDENCE_FRONT);
		/* repeated, it is the same and counts once */
		assert_int_equal(est(e, false, "doorbell", buf_bytes(
		    &f->devices[i].birth.leaf), buf_bytes(&k[i].csr),
		    &again), ENROL_REPEATED);
		assert_memory_equal(a.ueid, f->devices[i].ueid, UEID_SIZE);
		assert_memory_equal(again.ueid, a.ueid, UEID_SIZE);
		assert_int_equal(again.answer.len, a.answer.len);
		assert_memory_equal(again.answer.ptr, a.answer.ptr,
		    a.answer.len);
	}
	assert_int_equal(est(e, false, "", buf_bytes(
	    &f->devices[2].birth.leaf), buf_bytes(&k[2].csr), &a),
	    ENROL_QUOTA);
	/* no restart forgets them */
	enrol_close(&e);
	e = opened(f);
	assert_int_equal(est(e, false, "", buf_bytes(
	    &f->devices[2].birth.leaf), buf_bytes(&k[2].csr), &a),
	    ENROL_QUOTA);
	/* a later version that allows more counts those before */
	enrol_close(&e);
	e = opened_with(f, "2.1.0", QUOTA + 1);
	assert_int_equal(est(e, false, "", buf_bytes(
	    &f->devices[2].birth.leaf), buf_bytes(&k[2].csr), &a),
	    ENROL_DONE);
	assert_int_equal(est(e, false, "", buf_bytes(
	    &f->devices[3].birth.leaf), buf_bytes(&k[3].csr), &a),
	    ENROL_QUOTA);
	enrol_close(&e);
	all_verified(f);
	for (i = 0; i < DEVICES; i++)
		est_key_release(&k[i]);
}

static uint64_t
asserted_of(struct enrol *e)
{
	return enrol_product_by_name(e, "doorbell")->asserted;
}

/* What an operator asks for in between is no reason to count anew; what was
 * counted is what a fresh count finds. */
static void
test_counts_kept(void **state)
{
	struct est_key k[3];
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened_with(f, "2.0.0", QUOTA);
	size_t i;

	for (i = 0; i < 3; i++)
		est_key_make(&k[i]);
	for (i = 0; i < QUOTA; i++) {
		assert_int_equal(est(e, false, "", buf_bytes(
		    &f->devices[i].birth.leaf), buf_bytes(&k[i].csr), &a),
		    ENROL_DONE);
		/* would not outlive a walk: its devices are ours */
		enrol_product_by_name(e, "doorbell")->foreign = 4711;
		status_set(f, i == 0 ? STATUS_SUSPEND : STATUS_RESUME,
		    i == 0 ? 6 : 0, LOG_BULK_NUMBER,
		    f->devices[3].index);
	}
	assert_int_equal(est(e, false, "", buf_bytes(
	    &f->devices[2].birth.leaf), buf_bytes(&k[2].csr), &a),
	    ENROL_QUOTA);
	assert_int_equal(asserted_of(e), QUOTA);
	assert_int_equal(enrol_product_by_name(e, "doorbell")->foreign, 4711);
	/* a product is one, and finds the same */
	product_with(f->w, "2.1.0", QUOTA + 1, 1);
	assert_int_equal(est(e, false, "", buf_bytes(
	    &f->devices[2].birth.leaf), buf_bytes(&k[2].csr), &a),
	    ENROL_DONE);
	assert_int_equal(asserted_of(e), QUOTA + 1);
	assert_int_equal(enrol_product_by_name(e, "doorbell")->foreign, 0);
	enrol_close(&e);
	e = opened(f);
	assert_int_equal(asserted_of(e), QUOTA + 1);
	enrol_close(&e);
	all_verified(f);
	for (i = 0; i < 3; i++)
		est_key_release(&k[i]);
}

static void
test_same_key_renews(void **state)
{
	_cleanup_est_key_ struct est_key k = EST_KEY_INIT;
	_cleanup_answered_ struct answered first = ANSWERED_INIT,
	    second = ANSWERED_INIT, again = ANSWERED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[1];
	struct enrol *e = opened_with(f, "2.0.0", 1);
	const int64_t later = DUE + 366 * INT64_C(86400);
	unsigned reason;

	est_key_make(&k);
	assert_int_equal(est(e, false, "", buf_bytes(&device->birth.leaf),
	    buf_bytes(&k.csr), &first), ENROL_DONE);
	/* whoever has seen its request could send it again: not yet */
	assert_int_equal(est_at(e, DUE - 1, true, "", buf_bytes(&first.answer),
	    buf_bytes(&k.csr), &again), ENROL_QUOTA);
	assert_int_equal(status_of(f, first.index, &reason), STATUS_VALID);
	/* the quota is used up, a key's own renewal asks for none */
	assert_int_equal(est_at(e, DUE, true, "doorbell",
	    buf_bytes(&first.answer), buf_bytes(&k.csr), &second),
	    ENROL_DONE);
	certificate_check(&second, &k, device);
	/* what began with the front's word alone is marked for good */
	assert_int_equal(evidence_of(f, second.index),
	    EVIDENCE_FRONT_RENEWAL);
	assert_int_equal(est_at(e, DUE, true, "", buf_bytes(&first.answer),
	    buf_bytes(&k.csr), &again), ENROL_REPEATED);
	assert_int_equal(again.index, second.index);
	/* both are good until the new one is used, and that is due */
	assert_int_equal(est_at(e, DUE, true, "", buf_bytes(&second.answer),
	    buf_bytes(&k.csr), &again), ENROL_QUOTA);
	assert_int_equal(status_of(f, first.index, &reason), STATUS_VALID);
	assert_int_equal(est_at(e, later, true, "",
	    buf_bytes(&second.answer), buf_bytes(&k.csr), &again),
	    ENROL_DONE);
	assert_int_equal(status_of(f, first.index, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_SUPERSEDED);
	assert_int_equal(est_at(e, later, true, "", buf_bytes(&first.answer),
	    buf_bytes(&k.csr), &again), ENROL_SUPERSEDED);
	/* and birth is used up */
	assert_int_equal(est_at(e, later, false, "",
	    buf_bytes(&device->birth.leaf), buf_bytes(&k.csr), &again),
	    ENROL_CONSUMED);
	enrol_close(&e);
	all_verified(f);
}

/* A device that enrolled by its own signature renews by EST, evidence and
 * all. */
static void
test_native_renews(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct est_key k = EST_KEY_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[3];
	struct enrol *e = opened(f);
	uint64_t index = enrolled(f, e, device);
	unsigned reason;

	csr_make(signer_public(device->now.key), device->now.key, &k.csr);
	assert_int_equal(est_at(e, DUE, true, "doorbell",
	    buf_bytes(&device->now.leaf), buf_bytes(&k.csr), &a),
	    ENROL_DONE);
	assert_int_equal(evidence_of(f, a.index), EVIDENCE_RENEWAL);
	assert_int_equal(status_of(f, index, &reason), STATUS_VALID);
	est_key_release(&k);
	enrol_close(&e);
	all_verified(f);
}

/* What a front that was taken over could try with certificates it has seen. */
static void
test_front_alone(void **state)
{
	_cleanup_est_key_ struct est_key own = EST_KEY_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct enrol *e = opened_with(f, "2.0.0", 0);
	unsigned reason;
	uint64_t index;

	est_key_make(&own);
	/* a product that says nothing of EST */
	assert_int_equal(est(e, false, "", buf_bytes(&device->birth.leaf),
	    buf_bytes(&own.csr), &a), ENROL_QUOTA);
	asked_make(&asked);
	{
		_cleanup_buf_ struct buf body = BUF_INIT;

		asked_body(f, &asked, 1, &body);
		asked_sign(f, &asked, DEVICE_ENROL, &device->birth,
		    buf_bytes(&body));
	}
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	index = a.index;
	credential_take(f, &asked, index, &device->now);
	/* it is not confirmed by somebody else's key */
	assert_int_equal(est(e, true, "", buf_bytes(&device->now.leaf),
	    buf_bytes(&own.csr), &a), ENROL_QUOTA);
	assert_int_equal(est(e, false, "", buf_bytes(&device->birth.leaf),
	    buf_bytes(&own.csr), &a), ENROL_QUOTA);
	assert_int_equal(status_of(f, index, &reason), STATUS_VALID);
	assert_int_equal(est(e, true, "", bytes_of(device->now.leaf.ptr,
	    device->now.leaf.len - 1), buf_bytes(&own.csr), &a),
	    ENROL_UNKNOWN);
	enrol_close(&e);
	all_verified(f);
}

static void
test_bad_requests(void **state)
{
	_cleanup_est_key_ struct est_key k = EST_KEY_INIT, other = EST_KEY_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct bytes leaf = buf_bytes(&f->devices[0].birth.leaf);
	struct enrol *e = opened_with(f, "2.0.0", QUOTA);

	est_key_make(&k);
	est_key_make(&other);
	assert_int_equal(est(e, false, "camera", leaf, buf_bytes(&k.csr),
	    &a), ENROL_NO_PRODUCT);
	/* birth renews nothing: it enrols, by quota */
	assert_int_equal(est(e, true, "camera", leaf, buf_bytes(&k.csr),
	    &a), ENROL_NO_PRODUCT);
	assert_int_equal(est(e, false, "", leaf, BYTES_NONE, &a),
	    ENROL_KEYS);
	/* another's signature */
	csr_make(&k.key, other.signer, &other.csr);
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&other.csr), &a),
	    ENROL_KEYS);
	k.csr.ptr[k.csr.len - 1] ^= 1;
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&k.csr), &a),
	    ENROL_KEYS);
	/* the bootstrap key is for enrolment alone */
	csr_make(signer_public(f->devices[0].birth.key),
	    f->devices[0].birth.key, &k.csr);
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&k.csr), &a),
	    ENROL_KEYS);
	enrol_close(&e);
	all_verified(f);
}

/* The key that a device has signs the request for a new one, too: as good as
 * its signed request, so without any quota. */
static void
test_countersigned(void **state)
{
	_cleanup_est_key_ struct est_key k = EST_KEY_INIT, next = EST_KEY_INIT;
	_cleanup_answered_ struct answered first = ANSWERED_INIT,
	    second = ANSWERED_INIT, again = ANSWERED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[2];
	struct enrol *e = opened_with(f, "2.0.0", 0);
	unsigned reason;

	est_key_make(&k);
	est_key_make(&next);
	csr_make_countersigned(&k.key, k.signer, device->birth.key, &k.csr);
	assert_int_equal(est(e, false, "", buf_bytes(&device->birth.leaf),
	    buf_bytes(&k.csr), &first), ENROL_DONE);
	certificate_check(&first, &k, device);
	assert_int_equal(evidence_of(f, first.index), EVIDENCE_BOOTSTRAP);
	assert_int_equal(est(e, false, "", buf_bytes(&device->birth.leaf),
	    buf_bytes(&k.csr), &again), ENROL_REPEATED);
	assert_int_equal(again.index, first.index);
	/* long before half of its time */
	csr_make_countersigned(&next.key, next.signer, k.signer, &next.csr);
	assert_int_equal(est(e, true, "", buf_bytes(&first.answer),
	    buf_bytes(&next.csr), &second), ENROL_DONE);
	certificate_check(&second, &next, device);
	assert_int_equal(evidence_of(f, second.index), EVIDENCE_RENEWAL);
	assert_int_equal(est(e, true, "", buf_bytes(&first.answer),
	    buf_bytes(&next.csr), &again), ENROL_REPEATED);
	assert_int_equal(again.index, second.index);
	assert_int_equal(status_of(f, first.index, &reason), STATUS_VALID);
	enrol_close(&e);
	all_verified(f);
}

/* What a front could do with a countersigned request that it has seen. */
static void
test_countersigned_bad(void **state)
{
	_cleanup_est_key_ struct est_key k = EST_KEY_INIT, own = EST_KEY_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    other = ANSWERED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct bytes leaf = buf_bytes(&device->birth.leaf);
	struct enrol *e = opened_with(f, "2.0.0", 0);

	est_key_make(&k);
	est_key_make(&own);
	/* signed by another device's key, or by the new one alone */
	csr_make_countersigned(&own.key, own.signer,
	    f->devices[1].birth.key, &own.csr);
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&own.csr), &a),
	    ENROL_SIGNATURE);
	csr_make_countersigned(&own.key, own.signer, own.signer, &own.csr);
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&own.csr), &a),
	    ENROL_SIGNATURE);
	/* another device's leaf with it */
	csr_make_countersigned(&k.key, k.signer, device->birth.key, &k.csr);
	assert_int_equal(est(e, false, "", buf_bytes(
	    &f->devices[1].birth.leaf), buf_bytes(&k.csr), &a),
	    ENROL_SIGNATURE);
	/* a key that was in an identity before is asked for once */
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&k.csr), &other),
	    ENROL_DONE);
	csr_make_countersigned(&own.key, own.signer, device->birth.key,
	    &own.csr);
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&own.csr),
	    &other), ENROL_DONE);
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&k.csr), &a),
	    ENROL_SUPERSEDED);
	csr_make_countersigned(&k.key, k.signer, own.signer, &k.csr);
	assert_int_equal(est(e, true, "", buf_bytes(&other.answer),
	    buf_bytes(&k.csr), &a), ENROL_QUOTA);
	enrol_close(&e);
	all_verified(f);
}

static void
test_wishes(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT, expected = BUF_INIT;
	struct field *f = *state;
	struct bytes leaf = buf_bytes(&f->devices[0].birth.leaf);
	struct enrol *e = opened_with(f, "2.0.0", 0);
	int linked;

	for (linked = 0; linked < 2; linked++) {
		buf_clear(&expected);
		csr_put_wanted(&expected, KEY_P256, linked != 0);
		assert_int_equal(wish(e, "", BYTES_NONE, linked != 0, &out),
		    ENROL_DONE);
		assert_true(bytes_equal(buf_bytes(&out),
		    buf_bytes(&expected)));
		assert_int_equal(wish(e, "doorbell", BYTES_NONE, linked != 0,
		    &out), ENROL_DONE);
		assert_true(bytes_equal(buf_bytes(&out),
		    buf_bytes(&expected)));
		assert_int_equal(wish(e, "", leaf, linked != 0, &out),
		    ENROL_DONE);
		assert_true(bytes_equal(buf_bytes(&out),
		    buf_bytes(&expected)));
	}
	assert_int_equal(wish(e, "camera", leaf, false, &out),
	    ENROL_NO_PRODUCT);
	assert_int_equal(wish(e, "", bytes_of(leaf.ptr, leaf.len - 1), false,
	    &out), ENROL_UNKNOWN);
	enrol_close(&e);
}

/* A product of two keys is not had by EST, with or without a quota. */
static void
test_two_keys(void **state)
{
	_cleanup_est_key_ struct est_key k = EST_KEY_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e;
	uint64_t index;

	product_with(f->w, "3.0.0", 0, 2);
	e = opened(f);
	est_key_make(&k);
	assert_int_equal(est(e, false, "", buf_bytes(
	    &f->devices[2].birth.leaf), buf_bytes(&k.csr), &a), ENROL_KEYS);
	assert_non_null(strstr(a.why.hint, "/v1/identity"));
	product_with(f->w, "3.1.0", QUOTA, 2);
	assert_int_equal(est(e, false, "", buf_bytes(
	    &f->devices[2].birth.leaf), buf_bytes(&k.csr), &a), ENROL_KEYS);
	/* but what it has renews, the other keys stay */
	index = enrolled(f, e, &f->devices[2]);
	assert_int_equal(est(e, true, "", buf_bytes(&f->devices[2].now.leaf),
	    buf_bytes(&k.csr), &a), ENROL_DONE);
	assert_true(a.index > index);
	assert_int_equal(evidence_of(f, a.index), EVIDENCE_FRONT);
	enrol_close(&e);
	all_verified(f);
}

/* The front's word for an identity that waits: what is refused, and takes no
 * quota, does not make it the device's. */
static void
test_refused_confirms_nothing(void **state)
{
	_cleanup_est_key_ struct est_key k = EST_KEY_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_buf_ struct buf taken = BUF_INIT;
	struct credential next = { .leaf = BUF_INIT };
	struct field *f = *state;
	struct doorbell *device = &f->devices[0], *other = &f->devices[1];
	struct enrol *e;
	uint64_t index, waits;
	unsigned reason;

	product_with(f->w, "3.0.0", 1, 2);
	e = opened(f);
	(void)enrolled(f, e, other);
	index = enrolled(f, e, device);
	asked_enrol(f, &asked, DEVICE_RENEW, &device->now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	waits = a.index;
	credential_take(f, &asked, waits, &next);
	/* another device's key */
	csr_make(signer_public(other->now.key), other->now.key, &taken);
	assert_int_equal(est(e, true, "", buf_bytes(&next.leaf),
	    buf_bytes(&taken), &a), ENROL_KEYS);
	assert_int_equal(status_of(f, index, &reason), STATUS_VALID);
	est_key_make(&k);
	assert_int_equal(est(e, true, "", buf_bytes(&next.leaf),
	    buf_bytes(&k.csr), &a), ENROL_DONE);
	assert_int_equal(status_of(f, index, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_SUPERSEDED);
	assert_int_equal(status_of(f, waits, &reason), STATUS_VALID);
	assert_int_equal(evidence_of(f, a.index), EVIDENCE_FRONT);
	credential_release(&next);
	enrol_close(&e);
	all_verified(f);
}

/* Who was issued so, in order; of bulk how many. */
static void
found_check(struct field *f, enum evidence_class evidence, int64_t since,
    int64_t until, const uint64_t *online, size_t count, uint64_t bulk)
{
	_cleanup_status_ranges_ struct status_ranges list = { .count = 0 };
	const struct evidence_query query = { evidence, since, until };
	struct diag diag = DIAG_INIT;
	size_t i, n = 0;

	good(evidence_ranges(f->w->authority, &query, &list, &diag), &diag);
	for (i = 0; i < list.count; i++) {
		if (list.ranges[i].log == LOG_BULK_NUMBER) {
			bulk -= list.ranges[i].count;
			continue;
		}
		assert_true(n < count);
		assert_int_equal(list.ranges[i].first, online[n++]);
		assert_int_equal(list.ranges[i].count, 1);
	}
	assert_int_equal(n, count);
	assert_int_equal(bulk, 0);
}

/* A renewal is found with what it was renewed from, whenever that was, and
 * nothing else is. */
static void
test_found_by_evidence(void **state)
{
	_cleanup_est_key_ struct est_key k = EST_KEY_INIT, late = EST_KEY_INIT;
	_cleanup_answered_ struct answered first = ANSWERED_INIT,
	    second = ANSWERED_INIT, other = ANSWERED_INIT;
	const int64_t always = INT64_MAX;
	struct field *f = *state;
	struct enrol *e = opened_with(f, "2.0.0", QUOTA);
	uint64_t known, found[3];

	est_key_make(&k);
	est_key_make(&late);
	assert_int_equal(est(e, false, "", buf_bytes(
	    &f->devices[0].birth.leaf), buf_bytes(&k.csr), &first),
	    ENROL_DONE);
	enrol_close(&e);
	product_with(f->w, "2.1.0", QUOTA, 2);
	e = opened(f);
	known = enrolled(f, e, &f->devices[1]);
	enrol_close(&e);
	e = opened_with(f, "2.2.0", QUOTA);
	assert_int_equal(est_at(e, DUE, true, "", buf_bytes(&first.answer),
	    buf_bytes(&k.csr), &second), ENROL_DONE);
	assert_int_equal(evidence_of(f, second.index),
	    EVIDENCE_FRONT_RENEWAL);
	assert_int_equal(est_at(e, DUE, false, "", buf_bytes(
	    &f->devices[2].birth.leaf), buf_bytes(&late.csr), &other),
	    ENROL_DONE);
	enrol_close(&e);
	found[0] = first.index;
	found[1] = second.index;
	found[2] = other.index;
	found_check(f, EVIDENCE_FRONT, INT64_MIN, always, found, 3, 0);
	found_check(f, EVIDENCE_FRONT, NOW, NOW + 1, found, 2, 0);
	found_check(f, EVIDENCE_FRONT, INT64_MIN, NOW, found, 0, 0);
	found_check(f, EVIDENCE_FRONT, NOW + 1, DUE, found, 0, 0);
	found_check(f, EVIDENCE_FRONT, NOW + 1, DUE + 1, found + 2, 1, 0);
	found_check(f, EVIDENCE_FRONT_RENEWAL, DUE, always, found + 1, 1, 0);
	found_check(f, EVIDENCE_FRONT_RENEWAL, NOW, DUE, found, 0, 0);
	found_check(f, EVIDENCE_BOOTSTRAP, INT64_MIN, always, &known, 1, 0);
	found_check(f, EVIDENCE_ORDER, INT64_MIN, always, found, 0, DEVICES);
	found_check(f, EVIDENCE_MANUFACTURER, INT64_MIN, always, found, 0, 0);
	all_verified(f);
}

/* The front's word for a new key, too, goes back to the key before: what it
 * renewed is found, what it enrolled stands for itself. */
static void
test_found_by_word(void **state)
{
	struct est_key k[5];
	_cleanup_answered_ struct answered first = ANSWERED_INIT,
	    second = ANSWERED_INIT, third = ANSWERED_INIT,
	    other = ANSWERED_INIT;
	const int64_t later = DUE + 366 * INT64_C(86400);
	struct field *f = *state;
	struct enrol *e = opened_with(f, "2.0.0", 4);
	struct bytes leaf = buf_bytes(&f->devices[0].birth.leaf);
	uint64_t found[5];
	size_t i;

	for (i = 0; i < 5; i++)
		est_key_make(&k[i]);
	assert_int_equal(est(e, false, "", leaf, buf_bytes(&k[0].csr),
	    &first), ENROL_DONE);
	csr_make_countersigned(&k[2].key, k[2].signer,
	    f->devices[1].birth.key, &k[2].csr);
	assert_int_equal(est(e, false, "", buf_bytes(
	    &f->devices[1].birth.leaf), buf_bytes(&k[2].csr), &other),
	    ENROL_DONE);
	assert_int_equal(est_at(e, DUE, true, "", buf_bytes(&first.answer),
	    buf_bytes(&k[1].csr), &second), ENROL_DONE);
	found[0] = first.index;
	found[1] = second.index;
	found[3] = other.index;
	assert_int_equal(est_at(e, DUE, true, "", buf_bytes(&other.answer),
	    buf_bytes(&k[3].csr), &other), ENROL_DONE);
	found[4] = other.index;
	assert_int_equal(est_at(e, DUE, false, "", buf_bytes(
	    &f->devices[2].birth.leaf), buf_bytes(&k[4].csr), &other),
	    ENROL_DONE);
	assert_int_equal(est_at(e, later, true, "",
	    buf_bytes(&second.answer), buf_bytes(&k[1].csr), &third),
	    ENROL_DONE);
	found[2] = third.index;
	enrol_close(&e);
	assert_int_equal(evidence_of(f, found[1]), EVIDENCE_FRONT);
	assert_int_equal(evidence_of(f, found[2]), EVIDENCE_FRONT_RENEWAL);
	assert_int_equal(evidence_of(f, found[3]), EVIDENCE_BOOTSTRAP);
	assert_int_equal(evidence_of(f, found[4]), EVIDENCE_FRONT);
	found_check(f, EVIDENCE_FRONT, NOW, NOW + 1, found, 3, 0);
	found_check(f, EVIDENCE_BOOTSTRAP, NOW, NOW + 1, found + 3, 2, 0);
	/* what it was renewed from is earlier, and not named */
	found_check(f, EVIDENCE_FRONT_RENEWAL, INT64_MIN, INT64_MAX,
	    found + 2, 1, 0);
	all_verified(f);
	for (i = 0; i < 5; i++)
		est_key_release(&k[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_enrol_by_quota, field_fresh),
		cmocka_unit_test_setup(test_counts_kept, field_fresh),
		cmocka_unit_test_setup(test_same_key_renews, field_fresh),
		cmocka_unit_test_setup(test_native_renews, field_fresh),
		cmocka_unit_test_setup(test_front_alone, field_fresh),
		cmocka_unit_test_setup(test_bad_requests, field_fresh),
		cmocka_unit_test_setup(test_countersigned, field_fresh),
		cmocka_unit_test_setup(test_countersigned_bad, field_fresh),
		cmocka_unit_test_setup(test_wishes, field_fresh),
		cmocka_unit_test_setup(test_two_keys, field_fresh),
		cmocka_unit_test_setup(test_refused_confirms_nothing,
		    field_fresh),
		cmocka_unit_test_setup(test_found_by_evidence, field_fresh),
		cmocka_unit_test_setup(test_found_by_word, field_fresh)
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
