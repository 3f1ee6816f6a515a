/* The document alone anew: the same keys, with what is known now; and when a
 * device is told to come back. */
#include "lib/authority/test_enrol.h"

#include "lib/policy/product_yaml.h"

#define DAY	86400
#define YEAR	(INT64_C(365) * DAY)

/* doorbell.yaml in another version: altered by the test. */
static void
doorbell_add(struct field *f, const char *version,
    void (*alter)(struct product *))
{
	struct product product;

	doorbell_read(version, &product);
	alter(&product);
	product_put(f->w, &product);
}

/* settings are not to be had any more */
static void
narrow(struct product *product)
{
	product->authorisation_count = 2;
	assert_string_equal(product->authorisations[1].object, "ring");
}

static void
other_slot(struct product *product)
{
	product->credentials[1].slot = 3;
}

static void
asked_refresh(struct field *f, struct asked *asked,
    const struct credential *by, struct bytes package)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint8_t hash[SHA256_SIZE];

	assert_int_equal(sha256_once(package, hash), ERR_OK);
	assert_int_equal(random_bytes(asked->id, sizeof(asked->id), NULL),
	    ERR_OK);
	cbor_put_bstr(&body, bytes_of(hash, SHA256_SIZE));
	asked_sign(f, asked, DEVICE_REFRESH, by, buf_bytes(&body));
}

/* A device that enrolled and confirmed; its package goes to first. */
static void
way(struct field *f, struct enrol *e, struct doorbell *device,
    struct answered *first, struct answered *confirmed)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;

	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked, first), ENROL_DONE);
	credential_take(f, &asked, first->index, &device->now);
	assert_int_equal(confirm(f, e, &device->now, first->package,
	    confirmed), ENROL_DONE);
}

static void
document_of(struct bytes package, struct document *document)
{
	struct diag diag = DIAG_INIT;
	struct cbor cbor;

	cbor_open(&cbor, package);
	cbor_get_array_sized(&cbor, 5);
	cbor_skip(&cbor);
	cbor_skip(&cbor);
	good(document_parse(cbor_get_bstr(&cbor), document, &diag), &diag);
}

/* Nothing waits: cheap, nothing in log or operations. */
static void
test_current(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct enrol *e = opened(f);
	struct operation_head before, after;
	size_t i;

	way(f, e, device, &a, &b);
	assert_int_equal(operation_head(f->w->authority, &before, NULL),
	    ERR_OK);
	for (i = 0; i < 20; i++) {
		asked_refresh(f, &asked, &device->now, a.package);
		assert_int_equal(ask(f, e, &asked, &b), ENROL_REPEATED);
		assert_int_equal(b.outcome, 3);
		assert_int_equal(b.package.len, 0);
		assert_int_equal(b.index, a.index);
	}
	assert_int_equal(operation_head(f->w->authority, &after, NULL),
	    ERR_OK);
	assert_int_equal(before.size, after.size);
	assert_int_equal(log_size(f), 1);
	enrol_close(&e);
	all_verified(f);
}

static void
test_narrowed(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT, c = ANSWERED_INIT;
	struct credential next = { .leaf = BUF_INIT };
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct enrol *e = opened(f);
	struct document old, new;
	unsigned reason;

	way(f, e, device, &a, &b);
	doorbell_add(f, "1.1.0", narrow);
	/* who is asked something else learns that it waits */
	assert_int_equal(confirm(f, e, &device->now, a.package, &b),
	    ENROL_REPEATED);
	assert_int_equal(b.from, NOW);
	assert_int_equal(b.until, NOW + ENROL_SPREAD_S);
	assert_int_equal(b.next, DEVICE_REFRESH);
	asked_refresh(f, &asked, &device->now, a.package);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_DONE);
	assert_int_equal(b.outcome, 1);
	document_of(a.package, &old);
	document_of(b.package, &new);
	assert_memory_equal(old.confirmation.raw, new.confirmation.raw,
	    old.confirmation.len);
	assert_true(bytes_equal(old.ueid, new.ueid));
	assert_true(bytes_equal(old.keys[1].key, new.keys[1].key));
	assert_int_equal(document_rights(&old, bytes_text("settings")), 1);
	assert_int_equal(document_rights(&new, bytes_text("settings")), 0);
	assert_int_equal(document_rights(&new, bytes_text("ring")), 2);
	/* again the same; the old one is good until then */
	assert_int_equal(ask(f, e, &asked, &c), ENROL_REPEATED);
	assert_true(bytes_equal(b.package, c.package));
	assert_int_equal(status_of(f, a.index, &reason), STATUS_VALID);
	asked.signer = device->now.key;
	device->now.key = NULL;
	credential_take(f, &asked, b.index, &next);
	/* its use confirms it, and it is current */
	asked_refresh(f, &asked, &next, b.package);
	assert_int_equal(ask(f, e, &asked, &c), ENROL_REPEATED);
	assert_int_equal(c.outcome, 3);
	assert_int_equal(status_of(f, a.index, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_SUPERSEDED);
	assert_int_equal(status_of(f, b.index, &reason), STATUS_VALID);
	credential_release(&next);
	enrol_close(&e);
	all_verified(f);
}

/* What only new keys bring is not a refresh. */
static void
test_other_slot(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);

	way(f, e, &f->devices[0], &a, &b);
	doorbell_add(f, "1.1.0", other_slot);
	asked_refresh(f, &asked, &f->devices[0].now, a.package);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_REPEATED);
	assert_int_equal(b.outcome, 3);
	enrol_close(&e);
}

static void
test_refused(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0], *other = &f->devices[1];
	struct enrol *e = opened(f);

	way(f, e, device, &a, &b);
	/* of the factory */
	asked_refresh(f, &asked, &other->birth, a.package);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_NO_PRODUCT);
	/* consumed, too, is not refreshed */
	asked_refresh(f, &asked, &device->birth, a.package);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_NO_PRODUCT);
	/* another package than it has */
	asked_refresh(f, &asked, &device->now, bytes_text("another"));
	assert_int_equal(ask(f, e, &asked, &b), ENROL_CONFLICT);
	/* keys: that is a renewal */
	asked_enrol(f, &asked, DEVICE_REFRESH, &device->now);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_MALFORMED);
	cbor_put_bstr(&body, bytes_text("short"));
	asked_sign(f, &asked, DEVICE_REFRESH, &device->now,
	    buf_bytes(&body));
	assert_int_equal(ask(f, e, &asked, &b), ENROL_MALFORMED);
	/* too late */
	asked_refresh(f, &asked, &device->now, a.package);
	assert_int_equal(ask_at(f, e, NOW + 2 * YEAR + 100 * DAY, &asked, &b),
	    ENROL_EXPIRED);
	/* one that was superseded */
	asked_enrol(f, &asked, DEVICE_RENEW, &device->now);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_DONE);
	credential_take(f, &asked, b.index, &other->now);
	assert_int_equal(confirm(f, e, &other->now, b.package, &b),
	    ENROL_DONE);
	asked_refresh(f, &asked, &device->now, a.package);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_SUPERSEDED);
	assert_int_equal(log_size(f), 2);
	enrol_close(&e);
	all_verified(f);
}

/* How often it is let have another is what the product says for all. */
static void
test_attempts(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct enrol *e = opened(f);

	way(f, e, device, &a, &b);
	doorbell_add(f, "1.1.0", narrow);
	asked_refresh(f, &asked, &device->now, a.package);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_DONE);
	asked_refresh(f, &asked, &device->now, a.package);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_DONE);
	asked_refresh(f, &asked, &device->now, a.package);
	assert_int_equal(ask(f, e, &asked, &b), ENROL_ATTEMPTS);
	enrol_close(&e);
	all_verified(f);
}

/* When to come back: for a refresh, or, when its time has come, a renewal. */
static void
test_advice(void **state)
{
	static const struct {
		int64_t		at, from, until;	/* since NOW */
		uint64_t	next;
	} cases[] = {
		{ 0, 15 * DAY, 30 * DAY, DEVICE_REFRESH },
		{ 400 * DAY, 415 * DAY, 430 * DAY, DEVICE_REFRESH },
		{ 470 * DAY, 0, 0, DEVICE_RENEW },
		{ 500 * DAY, 500 * DAY, 0, DEVICE_RENEW },
		{ 700 * DAY, 700 * DAY, 701 * DAY, DEVICE_RENEW },
		{ 760 * DAY, 760 * DAY, 761 * DAY, DEVICE_RENEW },
	};
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct enrol *e = opened(f);
	size_t i;

	way(f, e, device, &a, &b);
	assert_int_equal(a.next, DEVICE_REFRESH);
	assert_int_equal(b.next, DEVICE_REFRESH);
	assert_int_equal(b.from, NOW + 15 * DAY);
	for (i = 0; i < COUNT(cases); i++) {
		asked_refresh(f, &asked, &device->now, a.package);
		assert_int_equal(ask_at(f, e, NOW + cases[i].at, &asked, &b),
		    ENROL_REPEATED);
		assert_int_equal(b.next, cases[i].next);
		if (cases[i].from != 0)
			assert_int_equal(b.from, NOW + cases[i].from);
		else
			assert_in_range(b.from, NOW + 486 * DAY,
			    NOW + 488 * DAY);
		if (cases[i].until != 0)
			assert_int_equal(b.until, NOW + cases[i].until);
		else
			assert_in_range(b.until, NOW + 608 * DAY,
			    NOW + 610 * DAY);
	}
	enrol_close(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_current, field_fresh),
		cmocka_unit_test_setup(test_narrowed, field_fresh),
		cmocka_unit_test_setup(test_other_slot, field_fresh),
		cmocka_unit_test_setup(test_refused, field_fresh),
		cmocka_unit_test_setup(test_attempts, field_fresh),
		cmocka_unit_test_setup(test_advice, field_fresh),
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
