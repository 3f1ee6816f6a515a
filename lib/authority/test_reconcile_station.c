/* Stations with new keys, stations given up, orders beyond what is to be
 * built. */
#include "lib/authority/test_reconcile.h"

static void
renewal(struct world *w, const char *name, struct floor_keys *keys,
    enum err want, const char *what)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag diag = DIAG_INIT;
	enum err err;

	floor_statement(name, keys, &body);
	err = submit(w, REQUEST_STATION_RENEW, buf_bytes(&body), &result,
	    &diag);
	if (err != want || (err && strstr(diag.what, what) == NULL))
		fail_msg("%s: %s", err_name(err), diag.what);
	if (want)
		return;
	/* the same again */
	good(submit(w, REQUEST_STATION_RENEW, buf_bytes(&body), &result,
	    &diag), &diag);
}

static enum err
order_for(struct world *w, const char *station, uint64_t count,
    const struct order_extra *extra, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;

	assert_int_equal(request_put_order(&body, gadget, count, &station, 1),
	    ERR_OK);
	assert_int_equal(request_add_order_extra(&body, extra), ERR_OK);
	return submit(w, REQUEST_ORDER_CREATE, buf_bytes(&body), &result,
	    diag);
}

static const struct order_extra no_extra = { 0 };

/* A key that is used up takes no orders; a new one does, and reports of the
 * orders before are still this station's. */
static void
test_renew(void **state)
{
	struct floor_keys fresh = floors[0], other = { .signer = NULL };
	struct say later = { .order = 2, .pack = 1, .sequence = 1,
	    .entries = 150,
	    .recs = { { 1, REPORT_INJECTED, "SN-7", NULL, 0 } } };
	struct world *w = *state;
	struct order_record record;
	struct diag diag = DIAG_INIT;

	loaded(w, &last, RECONCILE_LOADED);
	assert_int_equal(order_for(w, "floor-1", 4, &no_extra, &diag),
	    ERR_STATE);
	assert_non_null(strstr(diag.what, "used up"));
	renewal(w, "floor-1", &other, ERR_CONFLICT, "another key");
	signer_free(&other.signer);
	renewal(w, "floor-9", &fresh, ERR_NOTFOUND, "not registered");
	renewal(w, "floor-1", &fresh, ERR_OK, "");
	diag = (struct diag)DIAG_INIT;
	good(order_for(w, "floor-1", 4, &no_extra, &diag), &diag);
	order_done(w, 3);
	good(order_record_get(w->authority, 3, &record, NULL), NULL);
	assert_memory_equal(record.packs[0].kid, fresh.sealing,
	    COSE_KID_SIZE);
	/* its ledger goes on with the new key */
	refused(w, &later, ERR_CONFLICT, "shorter than report 2 of order 1");
	later.entries = 300;
	loaded(w, &later, RECONCILE_LOADED);
	all_agrees(w);
}

/* A statement does not prove that its sealing key is the station's own. */
static void
test_borrowed_key(void **state)
{
	static const char *const names[] = { "floor-8", "floor-9" };
	struct station_statement statement = { .created = NOW };
	struct world *w = *state;
	size_t i;

	key_make(KEY_X25519, &statement.sealing, NULL, NULL);
	for (i = 0; i < COUNT(names); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
		struct signer *signer = NULL;
		struct diag diag = DIAG_INIT;
		enum err err;

		(void)snprintf(statement.name, sizeof(statement.name), "%s",
		    names[i]);
		key_make(KEY_P256, &statement.signing, NULL, &signer);
		good(station_statement_sign(&statement, signer, &body, NULL),
		    NULL);
		signer_free(&signer);
		err = submit(w, REQUEST_STATION_ADD, buf_bytes(&body),
		    &result, &diag);
		assert_int_equal(err, i == 0 ? ERR_OK : ERR_CONFLICT);
		if (i > 0)
			assert_non_null(strstr(diag.what, "of station "
			    "floor-8"));
	}
}

static void
test_lost(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct floor_keys fresh = floors[0];
	struct world *w = *state;
	struct reconcile_line line;
	struct diag diag = DIAG_INIT;

	loaded(w, &early, RECONCILE_LOADED);
	cbor_put_text(&body, "floor-1");
	good(submit(w, REQUEST_STATION_LOST, buf_bytes(&body), &result,
	    &diag), &diag);
	status_is(w, 0, STATUS_VALID, 0);	/* injected, as reported */
	status_is(w, 1, STATUS_REVOKED, CRL_KEY_COMPROMISE);
	status_is(w, 2, STATUS_REVOKED, CRL_CESSATION_OF_OPERATION);
	status_is(w, 4, STATUS_REVOKED, CRL_KEY_COMPROMISE);
	status_is(w, 5, STATUS_VALID, 0);	/* the other station's */
	status_is(w, 12, STATUS_REVOKED, CRL_KEY_COMPROMISE);
	good(reconcile_line(w->authority, 2, 1, &line, NULL), NULL);
	assert_true(line.ended);
	assert_int_equal(order_for(w, "floor-1", 4, &no_extra, NULL),
	    ERR_STATE);
	renewal(w, "floor-1", &fresh, ERR_CONFLICT, "lost");
	/* again: nothing more */
	buf_clear(&result);
	good(submit(w, REQUEST_STATION_LOST, buf_bytes(&body), &result,
	    &diag), &diag);
	buf_clear(&body);
	cbor_put_text(&body, "nobody");
	assert_int_equal(submit(w, REQUEST_STATION_LOST, buf_bytes(&body),
	    &result, NULL), ERR_NOTFOUND);
	all_agrees(w);
}

/* One that still makes packs for it is in the way. */
static void
test_lost_open(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;

	good(order_for(w, "floor-2", 4, &no_extra, NULL), NULL);
	cbor_put_text(&body, "floor-2");
	assert_int_equal(submit(w, REQUEST_STATION_LOST, buf_bytes(&body),
	    &result, &diag), ERR_STATE);
	status_is(w, 5, STATUS_VALID, 0);
	order_cancel(w, 3);
	good(submit(w, REQUEST_STATION_LOST, buf_bytes(&body), &result,
	    NULL), NULL);
	status_is(w, 5, STATUS_REVOKED, CRL_KEY_COMPROMISE);
	all_agrees(w);
}

static void
test_extra(void **state)
{
	const struct order_extra more = { .attrition = 3 },
	    top_up = { .top_up = 1 }, foolish = { .attrition = 4 };
	struct world *w = *state;
	struct order_record record;
	struct diag diag = DIAG_INIT;
	struct say say = last;

	good(order_for(w, "floor-2", 8, &more, &diag), &diag);
	order_done(w, 3);
	good(order_record_get(w->authority, 3, &record, NULL), NULL);
	assert_int_equal(record.count, 8);
	assert_int_equal(record.extra.attrition, 3);
	assert_int_equal(order_for(w, "floor-2", 4, &foolish, NULL),
	    ERR_SYNTAX);
	/* nothing is reported, then one scrapped and one reworked */
	assert_int_equal(order_for(w, "floor-2", 1, &top_up, NULL),
	    ERR_CONFLICT);
	say.final = false;
	loaded(w, &say, RECONCILE_LOADED);
	assert_int_equal(order_for(w, "floor-2", 3, &top_up, NULL),
	    ERR_CONFLICT);
	good(order_for(w, "floor-2", 1, &top_up, NULL), NULL);
	assert_int_equal(order_for(w, "floor-2", 2, &top_up, NULL),
	    ERR_CONFLICT);
	good(order_for(w, "floor-2", 1, &top_up, NULL), NULL);
	assert_int_equal(order_for(w, "floor-2", 1, &top_up, NULL),
	    ERR_CONFLICT);
	/* one that is cancelled makes up for nothing */
	order_cancel(w, 5);
	good(order_for(w, "floor-2", 1, &top_up, NULL), NULL);
	order_done(w, 6);
	all_agrees(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_renew, world_fresh),
		cmocka_unit_test_setup(test_borrowed_key, world_fresh),
		cmocka_unit_test_setup(test_lost, world_fresh),
		cmocka_unit_test_setup(test_lost_open, world_fresh),
		cmocka_unit_test_setup(test_extra, world_fresh),
	};

	return cmocka_run_group_tests(tests, floors_make, floors_free);
}
