/* Reports of stations, and what becomes of them. */
#include "lib/authority/request_status.h"
#include "lib/authority/test_reconcile.h"

#include "tests/support/io_fault.h"

static void
test_two_reports(void **state)
{
	_cleanup_associations_ struct associations a = ASSOCIATIONS_INIT;
	struct address address = { LOG_BULK_NUMBER, 0 };
	struct world *w = *state;
	struct report_record record;
	struct reconcile_line line;
	struct reported reported;
	bool ended = true;

	assert_int_equal(loaded(w, &early, RECONCILE_LOADED), 1);
	status_is(w, 0, STATUS_VALID, 0);
	status_is(w, 1, STATUS_VALID, 0);
	status_is(w, 2, STATUS_REVOKED, CRL_CESSATION_OF_OPERATION);
	status_is(w, 3, STATUS_VALID, 0);
	found_at(w, MAC_0, 0);
	good(association_find(w->authority, &address, &a, &record, &reported,
	    NULL), NULL);
	assert_int_equal(reported.sequence, 1);
	assert_int_equal(record.state, REPORT_INJECTED);
	assert_true(bytes_equal(record.badge, bytes_text("b7")));
	assert_true(bytes_equal(record.device, bytes_text("SN-0")));
	address.index = 4;
	good(association_find(w->authority, &address, &a, &record, &reported,
	    NULL), NULL);
	assert_int_equal(record.state, 0);
	address.index = 7;
	good(association_find(w->authority, &address, &a, &record, &reported,
	    NULL), NULL);
	assert_int_equal(reported.sequence, 0);
	/* final: 0 superseded, 1 withdrawn, 4 returned */
	assert_int_equal(loaded(w, &last, RECONCILE_LOADED), 3);
	status_is(w, 0, STATUS_REVOKED, CRL_SUPERSEDED);
	status_is(w, 1, STATUS_REVOKED, CRL_PRIVILEGE_WITHDRAWN);
	status_is(w, 2, STATUS_REVOKED, CRL_CESSATION_OF_OPERATION);
	status_is(w, 3, STATUS_VALID, 0);
	status_is(w, 4, STATUS_REVOKED, CRL_CESSATION_OF_OPERATION);
	status_is(w, 5, STATUS_VALID, 0);
	found_at(w, "mac=02-00-00-00-00-00", 3);
	good(reconcile_line(w->authority, 1, 1, &line, NULL), NULL);
	assert_int_equal(line.figures.injected, 1);
	assert_int_equal(line.figures.proven, 0);
	assert_int_equal(line.figures.reworked, 1);
	assert_int_equal(line.figures.scrapped, 1);
	assert_int_equal(line.figures.open, 1);
	assert_int_equal(line.figures.unused, 1);
	assert_true(line.reported.final && line.figures.there);
	good(sealing_key_ended(w->authority, floors[0].sealing, &ended, NULL),
	    NULL);
	assert_true(ended);
	good(sealing_key_ended(w->authority, floors[1].sealing, &ended, NULL),
	    NULL);
	assert_false(ended);
	all_agrees(w);
}

static void
test_again(void **state)
{
	struct world *w = *state;
	struct say say = last, none = { .order = 1, .pack = 2, .floor = 1,
	    .sequence = 1 };

	assert_int_equal(loaded(w, &last, RECONCILE_LOADED), 4);
	assert_int_equal(loaded(w, &last, RECONCILE_BEFORE), 0);
	say.recs[3].mac = MAC_1;
	refused(w, &say, ERR_STATE, "after the final one");
	say.sequence = 3;
	refused(w, &say, ERR_STATE, "after the final one");
	refused(w, &early, ERR_STATE, "after the final one");
	/* nothing handed out yet */
	assert_int_equal(loaded(w, &none, RECONCILE_LOADED), 0);
	assert_int_equal(loaded(w, &none, RECONCILE_BEFORE), 0);
	all_agrees(w);
}

static void
test_rolled_back(void **state)
{
	struct world *w = *state;
	struct say say = last;

	say.final = false;
	say.sequence = 5;
	assert_int_equal(loaded(w, &say, RECONCILE_LOADED), 2);
	refused(w, &early, ERR_STATE, "a newer one was loaded");
	say.recs[3].mac = MAC_1;
	refused(w, &say, ERR_STATE, "another one of that number");
	say.recs[3].mac = MAC_0;
	say.sequence = 6;
	say.entries = 499;
	refused(w, &say, ERR_CONFLICT, "shorter");
	say.entries = 0;
	say.recs[3] = (struct rec){ .state = 0 };
	refused(w, &say, ERR_CONFLICT, "takes back");
	say.recs[3] = last.recs[3];
	say.recs[2].state = REPORT_INJECTED;
	refused(w, &say, ERR_CONFLICT, "takes back");
	say.recs[2].state = REPORT_SCRAPPED;
	say.recs[1].device = "SN-9";
	refused(w, &say, ERR_CONFLICT, "bound to another device");
	say.recs[1].device = "SN-1";
	say.recs[1].state = REPORT_INJECTED;
	assert_int_equal(loaded(w, &say, RECONCILE_LOADED), 0);
	all_agrees(w);
}

/* One ledger, whatever the order; the other station's is its own. */
static void
test_ledger_put_back(void **state)
{
	struct say long_one = last, two = { .order = 2, .pack = 1,
	    .sequence = 1, .entries = 300,
	    .recs = { { 0, REPORT_OPEN, "SN-7", NULL, 0 } } };
	struct say other = { .order = 1, .pack = 2, .floor = 1, .sequence = 1,
	    .entries = 9 };
	struct world *w = *state;

	long_one.entries = 5000;
	loaded(w, &long_one, RECONCILE_LOADED);
	refused(w, &two, ERR_CONFLICT, "shorter than report 2 of order 1");
	two.entries = 4999;
	refused(w, &two, ERR_CONFLICT, "shorter than report 2 of order 1");
	two.entries = 5000;
	two.other_head = true;
	refused(w, &two, ERR_CONFLICT, "or another");
	loaded(w, &other, RECONCILE_LOADED);
	two.entries = 5001;
	loaded(w, &two, RECONCILE_LOADED);
	all_agrees(w);
}

static void
test_refused(void **state)
{
	static const struct {
		struct say	 say;
		enum err	 err;
		const char	*what;
	} table[] = {
		{ { .pack = 1, .signed_by = 2 }, ERR_AUTH,
		    "not this station's" },
		{ { .pack = 1, .other_order = true }, ERR_CONFLICT,
		    "another order" },
		{ { .pack = 1, .other_pack = true }, ERR_CONFLICT,
		    "not the order's" },
		{ { .pack = 2 }, ERR_CONFLICT, "not the order's" },
		{ { .pack = 1, .count = 6 }, ERR_CONFLICT, "not add up" },
		{ { .pack = 1, .count = 4 }, ERR_CONFLICT, "not add up" },
		{ { .pack = 1, .recs = { { 1, REPORT_SCRAPPED, NULL, NULL,
		    2 } } }, ERR_CONFLICT, "another place" },
		{ { .pack = 1, .kind = "imei", .recs = { { 0,
		    REPORT_INJECTED, "A", "490154203237518", 0 } } },
		    ERR_CONFLICT, "leaves to the line" },
		{ { .pack = 1, .kind = "serial-number", .recs = { { 0,
		    REPORT_INJECTED, "A", "G-000000", 0 } } },
		    ERR_CONFLICT, "leaves to the line" },
		{ { .pack = 1, .forged = true, .recs = { { 0,
		    REPORT_INJECTED, "A", NULL, 0 } } }, ERR_CONFLICT,
		    "not a signature of its key" },
		{ { .pack = 1, .recs = { { 0, REPORT_INJECTED, "A",
		    "02:00", 0 } } }, ERR_CONFLICT, "mac \"02:00\"" },
		{ { .pack = 1, .recs = { { 0, REPORT_INJECTED, "A", MAC_0, 0 },
		    { 1, REPORT_INJECTED, "A", MAC_1, 0 } } }, ERR_CONFLICT,
		    "in one device" },
		{ { .pack = 1, .recs = { { 0, REPORT_INJECTED, "A", MAC_0, 0 },
		    { 1, REPORT_OPEN, "A", NULL, 0 } } }, ERR_CONFLICT,
		    "in one device" },
		{ { .pack = 1, .recs = { { 0, REPORT_INJECTED, "A", MAC_0, 0 },
		    { 3, REPORT_INJECTED, "B", MAC_0, 0 } } }, ERR_CONFLICT,
		    "both called" },
	};
	_cleanup_associations_ struct associations a = ASSOCIATIONS_INIT;
	struct address address = { LOG_BULK_NUMBER, 0 };
	struct world *w = *state;
	struct report_record record;
	struct reported reported;
	struct say say;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		say = table[i].say;
		say.order = 1;
		say.sequence = 1;
		refused(w, &say, table[i].err, table[i].what);
	}
	/* nothing of it stayed */
	good(association_find(w->authority, &address, &a, &record, &reported,
	    NULL), NULL);
	assert_int_equal(reported.sequence, 0);
	found_not(w, MAC_0, ERR_NOTFOUND, MAC_0);
	all_agrees(w);
}

/* One device, one name, at two stations and in two orders. */
static void
test_across(void **state)
{
	struct world *w = *state;
	struct say there = { .order = 1, .pack = 2, .floor = 1, .sequence = 1,
	    .recs = { { 0, REPORT_INJECTED, "SN-0", MAC_1, 0 } } };
	struct say later = { .order = 2, .pack = 1, .sequence = 1,
	    .entries = 300,
	    .recs = { { 1, REPORT_INJECTED, "SN-7", MAC_0, 0 } } };
	struct say done = early;

	loaded(w, &early, RECONCILE_LOADED);
	refused(w, &there, ERR_CONFLICT, "identities 0 and 5 are in one "
	    "device");
	refused(w, &later, ERR_CONFLICT, "both called");
	/* a rework at the first station makes room */
	done.sequence = 2;
	done.recs[0].state = REPORT_REWORKED;
	assert_int_equal(loaded(w, &done, RECONCILE_LOADED), 1);
	loaded(w, &there, RECONCILE_LOADED);
	loaded(w, &later, RECONCILE_LOADED);
	found_at(w, MAC_0, 11);
	found_at(w, MAC_1, 5);
	all_agrees(w);
}

static void
order_with(struct world *w, const uint8_t product[SHA256_SIZE],
    const char *csv, enum err want, const char *what)
{
	struct diag diag = DIAG_INIT;
	uint32_t number;
	enum err err;

	err = order_try(w, product, 2, csv, &number, &diag);
	if (err != want || (err && strstr(diag.what, what) == NULL))
		fail_msg("%s: %s", err_name(err), diag.what);
}

/* What the line gave is not given again: 02:00:00:00:01:01 is identity 0's.
 */
static void
named_after(struct world *w, const uint8_t filed[SHA256_SIZE])
{
	struct say done = { .order = 1, .pack = 1, .sequence = 2,
	    .recs = { { 0, REPORT_REWORKED, "A", "02:00:00:00:01:01", 0 } } };
	static const char block[] = "{kind: mac-3, from: range, type: mac, "
	    "first: \"02:00:00:00:01:01\", last: \"02:00:00:00:01:0f\"}";
	static const char taken[] = "mac\n02:00:00:00:02:00\n"
	    "02-00-00-00-01-01\n";
	uint8_t product[SHA256_SIZE];

	order_with(w, filed, taken, ERR_CONFLICT, ":3: column 1, mac: "
	    "\"02:00:00:00:01:01\" is taken: the line gave it to identity "
	    "bulk/0");
	product_refused(w, block, "would give \"02:00:00:00:01:01\"; "
	    "identity bulk/0 has it");
	/* nobody's again */
	loaded(w, &done, RECONCILE_LOADED);
	order_with(w, filed, taken, ERR_OK, "");
	product_refused(w, block, "order ");
	product_make(w, "later", "{kind: mac-4, from: range, type: mac, "
	    "first: \"02:00:00:00:03:01\", last: \"02:00:00:00:03:0f\"}",
	    product);
	all_agrees(w);
}

/* Names that the authority gives, by a form or a file. */
static void
test_names_given(void **state)
{
	struct say say = { .order = 1, .pack = 1, .sequence = 1,
	    .recs = { { 0, REPORT_INJECTED, "A", MAC_0, 0 } } };
	uint8_t product[SHA256_SIZE];
	struct world *w = *state;

	product_make(w, "ranged", "{kind: mac-2, from: range, type: mac, "
	    "first: \"02:00:00:00:00:00\", last: \"02:00:00:00:00:0f\"}",
	    product);
	refused(w, &say, ERR_CONFLICT, "keeps it");
	say.recs[0].mac = "02:00:00:00:01:00";
	product_make(w, "filed", "{kind: mac, from: order-csv, type: mac}",
	    product);
	order_done(w, order_named(w, product, 1, "mac\n02:00:00:00:01:00\n",
	    0));
	refused(w, &say, ERR_CONFLICT, "has it");
	say.recs[0].mac = "02:00:00:00:01:01";
	loaded(w, &say, RECONCILE_LOADED);
	named_after(w, product);
}

/* A file altered on its way, or exchanged after the request was signed. */
static void
test_altered(void **state)
{
	_cleanup_buf_ struct buf whole = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct world *w = *state;
	struct say other = early;
	struct report report, second;
	char path[PATH_SIZE];
	enum err err;
	size_t i;

	say_it(w, &early, &report);
	say_path(w, &early, path);
	good(io_read_file(io_posix(), path, &whole, NULL), NULL);
	for (i = 0; i < whole.len; i += 7) {
		whole.ptr[i] ^= 4;
		good(io_write_file(io_posix(), path, buf_bytes(&whole), 0600,
		    NULL), NULL);
		diag = (struct diag)DIAG_INIT;
		err = submit_report(w, &early, &report, NULL, &diag);
		if (err == ERR_OK || diag.what[0] == '\0')
			fail_msg("octet %zu", i);
		whole.ptr[i] ^= 4;
	}
	other.recs[0].mac = MAC_1;
	say_it(w, &other, &second);
	assert_int_equal(submit_report(w, &early, &report, NULL, NULL),
	    ERR_AUTH);
	good(submit_report(w, &other, &second, NULL, NULL), NULL);
	all_agrees(w);
}

/* A final report of an order under way, or of a pack never imported. */
static void
test_final(void **state)
{
	struct world *w = *state;
	struct say say = { .order = 3, .pack = 1, .sequence = 1,
	    .final = true };
	struct reconcile_line line;
	static const char *const names[3] = { "floor-1", "floor-1",
		"floor-2" };
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;

	assert_int_equal(request_put_order(&body, gadget, 9, names, 3),
	    ERR_OK);
	good(submit(w, REQUEST_ORDER_CREATE, buf_bytes(&body), &result,
	    NULL), NULL);
	refused(w, &say, ERR_STATE, "not complete");
	order_done(w, 3);
	say.recs[0] = (struct rec){ .position = 1, .index = 14,
	    .state = REPORT_INJECTED, .device = "X" };
	assert_int_equal(loaded(w, &say, RECONCILE_LOADED), 5);
	status_is(w, 14, STATUS_VALID, 0);
	status_is(w, 17, STATUS_REVOKED, CRL_CESSATION_OF_OPERATION);
	status_is(w, 19, STATUS_VALID, 0);
	good(reconcile_line(w->authority, 3, 2, &line, NULL), NULL);
	assert_int_equal(line.figures.unused, 3);
	assert_false(line.figures.there);
	good(reconcile_line(w->authority, 3, 3, &line, NULL), NULL);
	assert_int_equal(line.reported.sequence, 0);
	all_agrees(w);
}

/* Registry written to behind the authority's back. */
static void
test_harmed(void **state)
{
	static const char *const harms[] = {
		"UPDATE association SET body = CAST(replace(hex(body), "
		    "'00', '01') AS BLOB) WHERE first = 0",
		"UPDATE association SET body = zeroblob(8) WHERE first = 0",
		"DELETE FROM association WHERE first = 0",
		"UPDATE association SET body = (SELECT body FROM association "
		    "WHERE first = 2) WHERE first = 0",
	};
	struct address address = { LOG_BULK_NUMBER, 0 };
	struct world *w = *state;
	struct report_record record;
	struct reported reported;
	struct say say = early;
	struct diag diag;
	size_t i;

	for (i = 0; i < COUNT(harms); i++) {
		_cleanup_associations_ struct associations a =
		    ASSOCIATIONS_INIT;

		world_copy(w, io_posix());
		loaded(w, &early, RECONCILE_LOADED);
		registry_change(w, harms[i]);
		diag = (struct diag)DIAG_INIT;
		if (association_find(w->authority, &address, &a, &record,
		    &reported, &diag) != ERR_CORRUPT)
			fail_msg("harm %zu", i);
		assert_non_null(strstr(diag.what, "altered"));
	}
	/* an older blob, which had a good MAC once */
	world_copy(w, io_posix());
	loaded(w, &early, RECONCILE_LOADED);
	registry_change(w, "INSERT INTO meta SELECT 'kept', body "
	    "FROM association WHERE first = 0");
	say.sequence = 2;
	loaded(w, &say, RECONCILE_LOADED);
	registry_change(w, "UPDATE association SET body = (SELECT value "
	    "FROM meta WHERE name = 'kept') WHERE first = 0");
	{
		_cleanup_associations_ struct associations a =
		    ASSOCIATIONS_INIT;

		assert_int_equal(association_find(w->authority, &address, &a,
		    &record, &reported, NULL), ERR_CORRUPT);
	}
}

/* Rows that no MAC of their own holds, or whose absence is the harm. */
static void
test_rows_harmed(void **state)
{
	static const char keep[] = "INSERT INTO meta SELECT 'kept', body "
	    "FROM association WHERE first = 2";
	static const struct {
		const char	*change;
		bool		 seen;		/* by the next report too */
	} harms[] = {
		{ "UPDATE association SET body = zeroblob(40) "
		    "WHERE first = 0", true },
		{ "DELETE FROM association WHERE first = 2", true },
		{ "UPDATE association SET body = (SELECT value FROM meta "
		    "WHERE name = 'kept') WHERE first = 2", true },
		{ "INSERT INTO association SELECT log, first + 90, body "
		    "FROM association", false },
		{ "DELETE FROM line_key", false },
		{ "DELETE FROM line_key WHERE hash = (SELECT min(hash) "
		    "FROM line_key)", false },
		{ "UPDATE line_key SET idx = 4 WHERE idx = 1", false },
		{ "UPDATE line_key SET hash = hash + 1", false },
		{ "INSERT INTO line_key VALUES (1, 1, 1)", false },
		{ "UPDATE log SET epoch = 2 WHERE log = 1", false },
		{ "UPDATE orders SET state = 3 WHERE number = 1", true },
		{ "UPDATE orders SET state = 3 WHERE number = 2", false },
		{ "UPDATE orders SET template = 2", true },
	};
	struct world *w = *state;
	struct say say = early;
	struct report report;
	struct diag diag;
	size_t i;
	enum err err;

	for (i = 0; i < COUNT(harms); i++) {
		say.sequence = 1;
		world_copy(w, io_posix());
		loaded(w, &say, RECONCILE_LOADED);
		registry_change(w, keep);
		say.sequence = 2;
		loaded(w, &say, RECONCILE_LOADED);
		all_agrees(w);
		registry_change(w, harms[i].change);
		diag = (struct diag)DIAG_INIT;
		if (operation_replay(w->authority, NULL, NULL, &diag) !=
		    ERR_CORRUPT || diag.what[0] == '\0')
			fail_msg("harm %zu: %s", i, diag.what);
		say.sequence = 3;
		say_it(w, &say, &report);
		err = submit_report(w, &say, &report, NULL, &diag);
		if (err != (harms[i].seen ? ERR_CORRUPT : ERR_OK))
			fail_msg("harm %zu: %s", i, err_name(err));
		/* it does not pass for good by what came after */
		if (!err && operation_replay(w->authority, NULL, NULL,
		    &diag) != ERR_CORRUPT)
			fail_msg("harm %zu: forgotten", i);
	}
}

/* What was revoked before the report came is not revoked by it. */
static void
test_revoked_before(void **state)
{
	static const struct status_range ranges[] = { { LOG_BULK_NUMBER, 2,
	    2 } };
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct world *w = *state;

	assert_int_equal(request_put_status(&body, STATUS_REVOKE,
	    CRL_KEY_COMPROMISE, ranges, 1, "2 3"), ERR_OK);
	good(submit(w, REQUEST_STATUS, buf_bytes(&body), &result, NULL),
	    NULL);
	assert_int_equal(loaded(w, &early, RECONCILE_LOADED), 0);
	status_is(w, 2, STATUS_REVOKED, CRL_KEY_COMPROMISE);
	/* final: 0 superseded, 1 withdrawn, 4 returned; 3 is what it was */
	assert_int_equal(loaded(w, &last, RECONCILE_LOADED), 3);
	status_is(w, 3, STATUS_REVOKED, CRL_KEY_COMPROMISE);
	all_agrees(w);
}

/* As much as a report may revoke goes into an entry, and no more. */
static void
test_result_large(void **state)
{
	static const unsigned reasons[] = { CRL_CESSATION_OF_OPERATION,
		CRL_SUPERSEDED, CRL_PRIVILEGE_WITHDRAWN };
	_cleanup_reconcile_result_ struct reconcile_result result = { 0 },
	    again = { 0 };
	_cleanup_buf_ struct buf body = { .limit = OPERATION_SIZE_MAX };
	uint64_t index = UINT64_C(1) << 40;
	struct diag diag = DIAG_INIT;
	struct world *w = *state;
	size_t i;

	for (i = 0; i < RECONCILE_RANGES_MAX; i++)
		good(reconcile_revoke_add(&result, reasons[i % 3],
		    LOG_BULK_NUMBER, index + 2 * i, 1, &diag), &diag);
	/* the last one grows */
	good(reconcile_revoke_add(&result, reasons[(i - 1) % 3],
	    LOG_BULK_NUMBER, index + 2 * i - 1, 1, &diag), &diag);
	result.hint = "load them more often";
	assert_int_equal(reconcile_revoke_add(&result, reasons[0],
	    LOG_BULK_NUMBER, index + 2 * i, 1, &diag), ERR_LIMIT);
	assert_string_equal(diag.hint, result.hint);
	cbor_put_array(&body, 3);
	cbor_put_bstr(&body, bytes_of("", 0));
	reconcile_result_put(&body, &result);
	cbor_put_array(&body, 0);
	assert_int_equal(buf_err(&body), ERR_OK);
	good(operation_record(w->authority, OPERATION_REQUEST, NOW,
	    buf_bytes(&body), &diag), &diag);
	buf_clear(&body);
	reconcile_result_put(&body, &result);
	good(reconcile_result_get(buf_bytes(&body), &again, &diag), &diag);
	for (i = 0; i < 3; i++)
		assert_int_equal(again.revoked[i].list.count,
		    result.revoked[i].list.count);
}

/* Disk full, failed write, failed sync at any operation: none of it, or all;
 * and once more gives all of it. */
static void
test_faults(void **state)
{
	static const enum io_fault_kind kinds[] = { IO_FAULT_EIO,
		IO_FAULT_ENOSPC, IO_FAULT_SYNC };
	struct world *w = *state;
	struct io_fault_plan plan = { .kind = IO_FAULT_NONE };
	struct io *io = io_fault_new(&plan);
	unsigned long total, at, step;
	struct report report;
	unsigned failed = 0;
	size_t k;
	enum err err;

	world_copy(w, io);
	total = io_fault_count(io);
	say_it(w, &last, &report);
	good(submit_report(w, &last, &report, NULL, NULL), NULL);
	step = (io_fault_count(io) - total) / 8 + 1;
	total = io_fault_count(io) - total;
	world_close(w);
	io_fault_free(io);
	for (k = 0; k < COUNT(kinds); k++)
		for (at = 1 + k; at <= total; at += step) {
			world_copy(w, io_posix());
			say_it(w, &last, &report);
			plan = (struct io_fault_plan){ .kind = kinds[k],
			    .at = at };
			io = io_fault_new(&plan);
			err = world_try(w, io, NULL);
			if (!err)
				err = submit_report(w, &last, &report, NULL,
				    NULL);
			failed += err != ERR_OK;
			world_open(w, io_posix());
			io_fault_free(io);
			good(submit_report(w, &last, &report, NULL, NULL),
			    NULL);
			status_is(w, 4, STATUS_REVOKED,
			    CRL_CESSATION_OF_OPERATION);
			found_at(w, MAC_0, 3);
			all_agrees(w);
		}
	assert_true(failed > 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_two_reports, world_fresh),
		cmocka_unit_test_setup(test_again, world_fresh),
		cmocka_unit_test_setup(test_rolled_back, world_fresh),
		cmocka_unit_test_setup(test_ledger_put_back, world_fresh),
		cmocka_unit_test_setup(test_refused, world_fresh),
		cmocka_unit_test_setup(test_across, world_fresh),
		cmocka_unit_test_setup(test_names_given, world_fresh),
		cmocka_unit_test_setup(test_altered, world_fresh),
		cmocka_unit_test_setup(test_final, world_fresh),
		cmocka_unit_test_setup(test_harmed, world_fresh),
		cmocka_unit_test_setup(test_rows_harmed, world_fresh),
		cmocka_unit_test_setup(test_revoked_before, world_fresh),
		cmocka_unit_test_setup(test_result_large, world_fresh),
		cmocka_unit_test_setup(test_faults, world_fresh),
	};

	return cmocka_run_group_tests(tests, floors_make, floors_free);
}
