/* Devices with a certificate of their manufacturer: what the end-to-end tests
 * do not reach. */
#include "lib/authority/chip_maker.h"
#include "lib/authority/enrol_internal.h"
#include "lib/authority/test_enrol.h"
#include "lib/x509/certificate.h"
#include "lib/x509/test_csr_make.h"

#define QUOTA	3

/* The manufacturer's CA. */
struct ca {
	struct public_key	 key;
	struct signer		*signer;
	struct buf		 name, cert;
};
#define CA_INIT { .name = BUF_INIT, .cert = BUF_INIT }

static void
ca_release(struct ca *ca)
{
	signer_free(&ca->signer);
	buf_release(&ca->name);
	buf_release(&ca->cert);
}
#define _cleanup_ca_ __attribute__((cleanup(ca_release)))

/* One certificate under ca, of what the profile says. */
static void
certificate_make(const struct ca *ca, struct certificate_profile p,
    const struct public_key *key, const char *serial, struct buf *out)
{
	_cleanup_buf_ struct buf validity = BUF_INIT, tbs = BUF_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_form_ struct form *form = NULL;
	uint8_t id[KEY_ID_SIZE], ca_id[KEY_ID_SIZE], sig[SIGNATURE_SIZE];
	struct diag diag = DIAG_INIT;
	const struct bytes fields[CERT_FIELDS] = {
		[CERT_FIELD_SERIAL] = bytes_text("\1\2\3"),
		[CERT_FIELD_SERIAL_NUMBER] = bytes_text(serial),
		[CERT_FIELD_PUBLIC_KEY] = bytes_of(key->raw, key->len),
		[CERT_FIELD_KEY_ID] = bytes_of(id, sizeof(id)),
	};
	struct bytes filled[CERT_FIELDS];

	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(certificate_key_id(sha256, key, id), ERR_OK);
	assert_int_equal(certificate_key_id(sha256, &ca->key, ca_id), ERR_OK);
	assert_int_equal(certificate_put_validity(&validity, NOW - 1,
	    TIME_MAX_S), ERR_OK);
	memcpy(filled, fields, sizeof(filled));
	filled[CERT_FIELD_VALIDITY] = buf_bytes(&validity);
	p.issuer_name = buf_bytes(&ca->name);
	p.issuer_key_id = bytes_of(ca_id, sizeof(ca_id));
	p.organization = "Acme";
	p.subject_alg = key->alg;
	p.with_ski = true;
	good(certificate_form(&p, &form, &diag), &diag);
	good(certificate_sign(form, filled, ca->signer, sha256, &tbs, out,
	    sig), &diag);
}

static void
ca_make(struct ca *ca)
{
	const struct certificate_profile p = { .common_name = "Device CA",
		.ca = true, .path_len = 0,
		.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN };

	key_make(KEY_P256, &ca->key, NULL, &ca->signer);
	certificate_put_name(&ca->name, "Acme", "Device CA");
	certificate_make(ca, p, &ca->key, "unused", &ca->cert);
}

static void
leaf_make(const struct ca *ca, const struct public_key *key,
    const char *serial, struct buf *out)
{
	const struct certificate_profile p = { .with_serial_number = true,
		.common_name = "device", .path_len = -1,
		/* of one that cannot sign nothing is said: it is for all */
		.key_usage = key->alg == KEY_X25519 ? 0 :
		    KU_DIGITAL_SIGNATURE };

	certificate_make(ca, p, key, serial, out);
}

/* Its devices are doorbells whose one key is made by maker. */
static void
manufacturer_add(struct field *f, const struct ca *ca,
    enum product_maker maker)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct product product;

	assert_int_equal(chip_maker_put_request(&body, "acme",
	    buf_bytes(&ca->cert), BYTES_NONE), ERR_OK);
	good(submit(f->w, REQUEST_MANUFACTURER_ADD, buf_bytes(&body), &result,
	    &diag), &diag);
	product_read("examples/products/doorbell.yaml", &product);
	(void)snprintf(product.name, sizeof(product.name), "bridge");
	(void)snprintf(product.field.bootstrap,
	    sizeof(product.field.bootstrap), "acme");
	product.field.devices = QUOTA;
	product.field.est = QUOTA;
	product.credential_count = 1;
	product.credentials[0].maker = maker;
	product_put(f->w, &product);
}

static struct enrol *
opened_with(struct field *f, struct ca *ca, enum product_maker maker)
{
	ca_make(ca);
	manufacturer_add(f, ca, maker);
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

/* An IDevID and its key. */
static void
device_make(const struct ca *ca, const char *serial,
    struct credential *device)
{
	*device = (struct credential){ .leaf = BUF_INIT };
	key_make(KEY_P256, &(struct public_key){ .len = 0 }, NULL,
	    &device->key);
	leaf_make(ca, signer_public(device->key), serial, &device->leaf);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_keygen, field_fresh),
		cmocka_unit_test_setup(test_known, field_fresh),
		cmocka_unit_test_setup(test_fresh_names, field_fresh),
		cmocka_unit_test_setup(test_no_signing_key, field_fresh),
		cmocka_unit_test_setup(test_revoked, field_fresh)
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
