/* The way of a device through the field, and what is refused on it. */
#include "lib/authority/test_enrol.h"

#define DAY	86400

/* The document of a package: birth's UEID and name, the asked keys. */
static void
package_check(struct field *f, const struct answered *a,
    const struct doorbell *device, const struct asked *asked)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct authority_signer signer;
	struct diag diag = DIAG_INIT;
	struct document document;
	struct public_key key;
	char name[32];
	bool is_good = false;
	struct cbor cbor;

	cbor_open(&cbor, a->package);
	cbor_get_array_sized(&cbor, 5);
	cbor_skip(&cbor);
	cbor_skip(&cbor);
	good(document_parse(cbor_get_bstr(&cbor), &document, &diag), &diag);
	assert_int_equal(cbor_get_array(&cbor), 0);
	assert_int_equal(cbor_get_array(&cbor), 3);
	assert_int_equal(signer_current(f->w->authority, &signer, NULL),
	    ERR_OK);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(verifier_new(&signer.key, &verifier, NULL), ERR_OK);
	assert_int_equal(document_verify(&document, verifier, KEY_P256,
	    sha256, &is_good), ERR_OK);
	assert_true(is_good);
	assert_true(bytes_equal(document.ueid, bytes_of(device->ueid,
	    UEID_SIZE)));
	(void)snprintf(name, sizeof(name), "DB-%09ju",
	    (uintmax_t)device->index);
	assert_int_equal(document.name_count, 1);
	assert_true(bytes_equal(document.names[0].text, bytes_text(name)));
	assert_memory_equal(document.confirmation.raw, asked->keys[0].raw,
	    asked->keys[0].len);
	assert_int_equal(document.key_count, 2);
	assert_int_equal(document_key_read(document.keys[1].key, &key),
	    ERR_OK);
	assert_memory_equal(key.raw, asked->keys[1].raw, key.len);
	assert_int_equal(document_rights(&document, bytes_text("ring")), 2);
	assert_int_equal(document_rights(&document, bytes_text("enrol")), 0);
	assert_int_equal(document.issued, NOW);
}

static void
test_whole_path(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    again = ANSWERED_INIT, b = ANSWERED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[1];
	struct enrol *e = opened(f);
	struct address address;
	enum address_kind kind;
	char name[16];

	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	assert_int_equal(a.outcome, 1);
	assert_int_equal(a.time, NOW);
	package_check(f, &a, device, &asked);
	/* the same octets, the same package */
	assert_int_equal(ask(f, e, &asked, &again), ENROL_REPEATED);
	assert_true(bytes_equal(again.package, a.package));
	assert_int_equal(again.index, a.index);
	/* birth is what it is until the new one is used */
	(void)snprintf(name, sizeof(name), "DB-%09ju",
	    (uintmax_t)device->index);
	assert_int_equal(lookup_find(f->w->authority, name, &address, &kind,
	    NULL), ERR_OK);
	assert_int_equal(address.log, LOG_BULK_NUMBER);
	credential_take(f, &asked, a.index, &device->now);
	assert_int_equal(confirm(f, e, &device->now, a.package, &b),
	    ENROL_DONE);
	assert_int_equal(b.outcome, 2);
	assert_int_equal(b.package.len, 0);
	assert_int_equal(confirm(f, e, &device->now, a.package, &b),
	    ENROL_REPEATED);
	assert_int_equal(lookup_find(f->w->authority, name, &address, &kind,
	    NULL), ERR_OK);
	assert_int_equal(address.log, LOG_ONLINE_NUMBER);
	assert_int_equal(address.index, a.index);
	/* the answer that was lost after all */
	assert_int_equal(ask(f, e, &asked, &again), ENROL_REPEATED);
	assert_int_equal(again.outcome, 2);
	assert_true(bytes_equal(again.package, a.package));
	enrol_close(&e);
	all_verified(f);
}

/* The same told of birth, and of the last of five. */
static void
life_check(struct field *f, const struct doorbell *device,
    const uint64_t want[5])
{
	const struct address asked[] = {
		{ LOG_BULK_NUMBER, device->index },
		{ LOG_ONLINE_NUMBER, want[4] },
	};
	static const enum field_place places[] = { FIELD_BIRTH,
	    FIELD_EARLIER, FIELD_EARLIER, FIELD_PRESENT, FIELD_WAITING };
	struct field_life life;
	size_t i, n;

	for (n = 0; n < COUNT(asked); n++) {
		assert_int_equal(field_life(f->w->authority, &asked[n], &life,
		    NULL), ERR_OK);
		assert_int_equal(life.count, 5);
		for (i = 0; i < 5; i++) {
			assert_int_equal(life.address[i].index, want[i]);
			assert_int_equal(life.place[i], places[i]);
			assert_int_equal(life.address[i].log, i == 0 ?
			    LOG_BULK_NUMBER : LOG_ONLINE_NUMBER);
		}
	}
	assert_int_equal(field_life(f->w->authority, &(struct address){
	    LOG_BULK_NUMBER, device->index + 1 }, &life, NULL), ERR_OK);
	assert_int_equal(life.count, 0);
}

static void
test_renewal(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT, same = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct credential next = { .leaf = BUF_INIT };
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct enrol *e = opened(f);
	uint64_t first = enrolled(f, e, device), second;
	unsigned reason;

	/* new keys: the old identity stands until the new one is used */
	asked_enrol(f, &asked, DEVICE_RENEW, &device->now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	second = a.index;
	package_check(f, &a, device, &asked);
	assert_int_equal(status_of(f, first, &reason), STATUS_VALID);
	credential_take(f, &asked, second, &next);
	assert_int_equal(confirm(f, e, &next, a.package, &b), ENROL_DONE);
	assert_int_equal(status_of(f, first, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_SUPERSEDED);
	assert_int_equal(status_of(f, second, &reason), STATUS_VALID);
	/* the one before is no way in any more */
	asked_enrol(f, &asked, DEVICE_RENEW, &device->now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_SUPERSEDED);
	/* the same keys: nothing given, and its use confirms it */
	asked_make(&same);
	cbor_put_array(&body, 2);
	cbor_put_array(&body, 0);
	cbor_put_null(&body);
	asked_sign(f, &same, DEVICE_RENEW, &next, buf_bytes(&body));
	assert_int_equal(ask(f, e, &same, &a), ENROL_DONE);
	assert_true(a.index > second);
	signer_free(&same.signer);
	same.signer = next.key;
	next.key = NULL;
	credential_take(f, &same, a.index, &next);
	asked_enrol(f, &asked, DEVICE_RENEW, &next);
	/* three at once, then one a day: nobody fills the log */
	assert_int_equal(ask(f, e, &asked, &b), ENROL_ATTEMPTS);
	assert_int_equal(ask_at(f, e, NOW + DAY - 1, &asked, &b),
	    ENROL_ATTEMPTS);
	assert_int_equal(ask_at(f, e, NOW + DAY, &asked, &b), ENROL_DONE);
	assert_int_equal(status_of(f, second, &reason), STATUS_REVOKED);
	assert_int_equal(status_of(f, a.index, &reason), STATUS_VALID);
	life_check(f, device, (const uint64_t[]){ device->index, first,
	    second, a.index, b.index });
	credential_release(&next);
	enrol_close(&e);
	all_verified(f);
}

/* Another key before confirmation takes the place of the first: so often. */
static void
test_supersession(void **state)
{
	struct asked asked[5] = { ASKED_INIT, ASKED_INIT,
	    ASKED_INIT, ASKED_INIT, ASKED_INIT };
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct enrol *e = opened(f);
	uint64_t index[3];
	unsigned reason;
	size_t i;

	for (i = 0; i < 3; i++) {
		asked_enrol(f, &asked[i], DEVICE_ENROL, &device->birth);
		assert_int_equal(ask(f, e, &asked[i], &a), ENROL_DONE);
		index[i] = a.index;
	}
	assert_int_equal(status_of(f, index[0], &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_SUPERSEDED);
	assert_int_equal(status_of(f, index[1], &reason), STATUS_REVOKED);
	assert_int_equal(status_of(f, index[2], &reason), STATUS_VALID);
	asked_enrol(f, &asked[3], DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked[3], &b), ENROL_ATTEMPTS);
	/* what was superseded stays so; what waits is answered again */
	assert_int_equal(ask(f, e, &asked[0], &b), ENROL_SUPERSEDED);
	assert_int_equal(ask(f, e, &asked[2], &b), ENROL_REPEATED);
	credential_take(f, &asked[1], index[1], &device->now);
	assert_int_equal(confirm(f, e, &device->now, a.package, &b),
	    ENROL_SUPERSEDED);
	credential_take(f, &asked[2], index[2], &device->now);
	assert_int_equal(confirm(f, e, &device->now, a.package, &b),
	    ENROL_DONE);
	/* consumed: no other key, whatever it asks for */
	asked_enrol(f, &asked[4], DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked[4], &b), ENROL_CONSUMED);
	assert_int_equal(ask(f, e, &asked[2], &b), ENROL_REPEATED);
	enrol_close(&e);
	all_verified(f);
	for (i = 0; i < 5; i++)
		asked_release(&asked[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_whole_path, field_fresh),
		cmocka_unit_test_setup(test_renewal, field_fresh),
		cmocka_unit_test_setup(test_supersession, field_fresh),
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
