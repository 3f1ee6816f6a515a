/* EST's serverkeygen: to whom a key that is made here goes, and to whom not. */
#include "lib/authority/enrol_internal.h"
#include "lib/authority/test_enrol.h"
#include "lib/x509/cms_key.h"
#include "lib/x509/csr.h"
#include "lib/x509/test_csr_make.h"

#define QUOTA	2

static const uint8_t oid_symmetric[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
	0x01, 0x09, 0x10, 0x02, 0x25 };
static const uint8_t oid_asymmetric[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
	0x01, 0x09, 0x10, 0x02, 0x36 };
static const uint8_t oid_capabilities[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7,
	0x0d, 0x01, 0x09, 0x0f };

/* The doorbell in a version whose one key is made by maker. */
static void
product_of(struct field *f, const char *version, enum product_maker maker)
{
	struct product product;

	doorbell_read(version, &product);
	product.credential_count = 1;
	product.credentials[0].maker = maker;
	product.field.est = QUOTA;
	product_put(f->w, &product);
}

struct made {
	struct answered	a;
	struct buf	key;
};

static void
made_release(struct made *m)
{
	answered_release(&m->a);
	buf_release(&m->key);
}
#define _cleanup_made_ __attribute__((cleanup(made_release)))
#define MADE_INIT { .a = ANSWERED_INIT, .key = BUF_INIT }

/* By a request of these attributes, whose key and signature do not count. */
static enum enrol_verdict
keygen(struct enrol *e, const char *label, struct bytes leaf,
    struct bytes attributes, struct made *m)
{
	_cleanup_buf_ struct buf csr = BUF_INIT;
	struct enrol_result result = { .answer = &m->a.answer,
		.key = &m->key };
	struct est_ask ask = { .keygen = true, .label = label,
		.leaf = leaf };
	struct diag diag = DIAG_INIT;
	struct signer *signer = NULL;
	struct public_key key;

	key_make(KEY_P256, &key, NULL, &signer);
	csr_make_with(&key, signer, attributes, &csr);
	csr.ptr[csr.len - 1] ^= 1;
	signer_free(&signer);
	ask.csr = buf_bytes(&csr);
	buf_clear(&m->a.answer);
	buf_clear(&m->key);
	good(enrol_turn_begin(e, NOW, &diag), &diag);
	good(enrol_submit_est(e, &ask, &result, &diag), &diag);
	good(enrol_turn_commit(e, &diag), &diag);
	m->a.verdict = result.verdict;
	m->a.index = result.index;
	m->a.why = result.why;
	assert_true((result.verdict == ENROL_DONE) == (m->key.len > 0));
	assert_true((result.verdict == ENROL_DONE) == (m->a.answer.len > 0));
	return result.verdict;
}

/* A device that has an X25519 key since it enrolled. */
static struct bytes
encrypting(struct field *f, struct enrol *e, size_t number)
{
	(void)enrolled(f, e, &f->devices[number]);
	return buf_bytes(&f->devices[number].now.leaf);
}

static void
test_made(void **state)
{
	_cleanup_made_ struct made first = MADE_INIT, second = MADE_INIT,
	    third = MADE_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	struct bytes leaf = encrypting(f, e, 1);
	struct store_range range;
	unsigned reason;

	product_of(f, "2.0.0", MAKER_AUTHORITY);
	assert_int_equal(keygen(e, "doorbell", leaf, BYTES_NONE, &first),
	    ENROL_DONE);
	assert_int_equal(store_range_get(authority_store(f->w->authority),
	    LOG_ONLINE_NUMBER, first.a.index, &range, NULL), ERR_OK);
	assert_int_equal(range.evidence, EVIDENCE_FRONT);
	/* the answer is lost: another key takes the place of the first */
	assert_int_equal(keygen(e, "", leaf, BYTES_NONE, &second),
	    ENROL_DONE);
	assert_true(second.a.index > first.a.index);
	assert_int_equal(status_of(f, first.a.index, &reason),
	    STATUS_REVOKED);
	assert_int_equal(reason, CRL_SUPERSEDED);
	/* and no more than the product allows, whoever asks */
	assert_int_equal(keygen(e, "", leaf, BYTES_NONE, &third),
	    ENROL_QUOTA);
	assert_int_equal(status_of(f, second.a.index, &reason),
	    STATUS_VALID);
	enrol_close(&e);
	all_verified(f);
}

static void
test_nobody_to_seal_to(void **state)
{
	_cleanup_made_ struct made m = MADE_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	struct bytes leaf = encrypting(f, e, 1);

	/* its keys are the device's to make */
	assert_int_equal(keygen(e, "", leaf, BYTES_NONE, &m), ENROL_KEYS);
	assert_non_null(strstr(m.a.why.what, "made in the device"));
	product_of(f, "2.0.0", MAKER_AUTHORITY);
	/* birth, which has a key to authenticate with alone */
	assert_int_equal(keygen(e, "", buf_bytes(&f->devices[0].birth.leaf),
	    BYTES_NONE, &m), ENROL_KEYS);
	assert_non_null(strstr(m.a.why.what, "registered"));
	assert_int_equal(keygen(e, "camera", leaf, BYTES_NONE, &m),
	    ENROL_NO_PRODUCT);
	enrol_close(&e);
	all_verified(f);
}

static enum enrol_verdict
keygen_by(struct enrol *e, struct bytes leaf, struct bytes type,
    uint8_t tag, struct bytes value, struct made *m)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT, attributes = BUF_INIT;

	der_put(&encoded, tag, value);
	csr_put_attribute(&attributes, type, buf_bytes(&encoded));
	return keygen(e, "", leaf, buf_bytes(&attributes), m);
}

/* What the client may say of how it is sealed. */
static void
test_sealing(void **state)
{
	static const uint8_t aes128[] = { 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86,
		0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02 };
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_made_ struct made m = MADE_INIT;
	_cleanup_buf_ struct buf none = BUF_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	struct bytes leaf = encrypting(f, e, 1);
	struct address address = { LOG_ONLINE_NUMBER, 0 };
	uint8_t id[KEY_ID_SIZE];
	struct public_key key;
	bool there = false;

	product_of(f, "2.0.0", MAKER_AUTHORITY);
	assert_int_equal(keygen_by(e, leaf, OID_OF(oid_symmetric),
	    DER_OCTET_STRING, bytes_text("psk"), &m), ENROL_UNSUPPORTED);
	assert_int_equal(keygen_by(e, leaf, OID_OF(oid_capabilities),
	    DER_SEQUENCE, OID_OF(aes128), &m), ENROL_UNSUPPORTED);
	assert_int_equal(keygen_by(e, leaf, OID_OF(oid_asymmetric),
	    DER_OCTET_STRING, bytes_text("another"), &m), ENROL_KEYS);
	assert_int_equal(keygen_by(e, leaf, OID_OF(oid_asymmetric),
	    DER_UTF8_STRING, bytes_text("another"), &m), ENROL_MALFORMED);
	assert_int_equal(enrol_decrypts(e, &address, &key, &none, &there,
	    NULL), ERR_OK);
	assert_true(there && key.alg == KEY_X25519 && none.len == 0);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(certificate_key_id(sha256, &key, id), ERR_OK);
	assert_int_equal(keygen_by(e, leaf, OID_OF(oid_asymmetric),
	    DER_OCTET_STRING, bytes_of(id, sizeof(id)), &m), ENROL_DONE);
	assert_non_null(memmem(m.key.ptr, m.key.len, id, sizeof(id)));
	enrol_close(&e);
	all_verified(f);
}

/* Nobody brings a key of their own for such a product. */
static void
test_own_key(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT, csr = BUF_INIT;
	struct field *f = *state;
	struct credential *birth = &f->devices[2].birth;
	struct est_ask ask = { .label = "",
		.leaf = buf_bytes(&birth->leaf) };
	struct enrol_result result = { .answer = &a.answer };
	struct diag diag = DIAG_INIT;
	struct enrol *e = opened(f);

	product_of(f, "2.0.0", MAKER_AUTHORITY);
	asked_make(&asked);
	asked_body(f, &asked, 1, &body);
	asked_sign(f, &asked, DEVICE_ENROL, birth, buf_bytes(&body));
	assert_int_equal(turn(e, NOW, buf_bytes(&asked.request), &a),
	    ENROL_KEYS);
	csr_make_countersigned(&asked.keys[0], asked.signer, birth->key,
	    &csr);
	ask.csr = buf_bytes(&csr);
	good(enrol_turn_begin(e, NOW, &diag), &diag);
	good(enrol_submit_est(e, &ask, &result, &diag), &diag);
	good(enrol_turn_commit(e, &diag), &diag);
	assert_int_equal(result.verdict, ENROL_KEYS);
	assert_non_null(strstr(result.why.what, "authority makes"));
	enrol_close(&e);
	all_verified(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_made, field_fresh),
		cmocka_unit_test_setup(test_nobody_to_seal_to, field_fresh),
		cmocka_unit_test_setup(test_sealing, field_fresh),
		cmocka_unit_test_setup(test_own_key, field_fresh)
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
