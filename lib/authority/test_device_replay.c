/* Rows of devices that fit all MACs and sums, and not the operations. */
#include "lib/authority/test_enrol.h"

#include "lib/authority/claim.h"
#include "lib/authority/enrol_internal.h"
#include "lib/authority/log_verify.h"

/* Device 0 confirmed what it has and waits for another, which took the place
 * of one; device 1 has an owner. */
static void
field_fill(struct field *f)
{
	_cleanup_asked_ struct asked first = ASKED_INIT, next = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	const struct address birth = { LOG_BULK_NUMBER,
		f->devices[1].index };
	struct enrol *e = opened(f);
	struct diag diag = DIAG_INIT;
	char code[CLAIM_CODE_SIZE];
	uint8_t proof[SHA256_SIZE];

	(void)enrolled(f, e, &f->devices[0]);
	asked_enrol(f, &first, DEVICE_RENEW, &f->devices[0].now);
	asked_enrol(f, &next, DEVICE_RENEW, &f->devices[0].now);
	assert_int_equal(ask(f, e, &first, &a), ENROL_DONE);
	assert_int_equal(ask(f, e, &next, &a), ENROL_DONE);
	(void)enrolled(f, e, &f->devices[2]);
	enrol_close(&e);
	good(claim_code(f->w->authority, &birth, code, &diag), &diag);
	good(claim_proof(&birth, code, proof), &diag);
	good(claim_put_request(&body, &birth, proof, "Jane"), &diag);
	good(submit(f->w, REQUEST_DEVICE_CLAIM, buf_bytes(&body), &result,
	    &diag), &diag);
	all_verified(f);
}

static void
enrols_again(struct field_device *d)
{
	d->has_current = false;
}

static void
another_identity(struct field_device *d)
{
	d->current++;
}

static void
waits_no_more(struct field_device *d)
{
	d->has_pending = false;
}

static void
refused_once(struct field_device *d)
{
	d->events++;
}

static void
replaced_another(struct field_device *d)
{
	assert_int_equal(d->id_count, 1);
	d->ids[0][0] ^= 1;
}

static void
replaced_none(struct field_device *d)
{
	d->id_count = 0;
}

static void
another_owner(struct field_device *d)
{
	d->claim.state = FIELD_CLAIMED;
	memcpy(d->claim.owner, "Joe", sizeof("Joe"));
}

static void
nobodys(struct field_device *d)
{
	d->claim.state = FIELD_RELEASED;
	d->claim.owner[0] = '\0';
}

static void
guessed(struct field_device *d)
{
	d->claim.guesses++;
}

static void
claimed_by_another(struct field_device *d)
{
	d->claim.operation++;
}

static void
untouched(struct field_device *d)
{
	(void)d;
}

/* As somebody who has the row key would. */
static void
row_rewrite(struct field *f, size_t device,
    void (*change)(struct field_device *))
{
	const struct address birth = { LOG_BULK_NUMBER,
		f->devices[device].index };
	struct authority *authority = f->w->authority;
	struct field_device row = { .id_count = 0 };
	struct row_sum changes = { .count = 0 };
	enum err err;

	err = field_device_get(authority, &birth, &row, NULL);
	assert_true(err == ERR_OK || err == ERR_NOTFOUND);
	change(&row);
	good(store_begin(authority_store(authority), NULL), NULL);
	good(field_device_put(authority, &birth, &row, &changes, NULL),
	    NULL);
	good(rows_change(authority, &changes, NULL), NULL);
	good(store_commit(authority_store(authority), NULL), NULL);
}

static void
text_keep(void *ctx, const char *what)
{
	(void)snprintf(ctx, 256, "%s", what);
}

/* What log verify says of it; nothing else finds it. */
static void
said(struct field *f, const char *wanted)
{
	char text[256] = "";
	struct log_verify to = { .found = text_keep, .ctx = text };
	struct log_verified verified;
	struct enrol *e;

	good(enrol_open(f->w->authority, NOW, &e, NULL), NULL);
	enrol_close(&e);
	good(log_verify(f->w->authority, LOG_OPERATIONS_NUMBER, &to,
	    &verified, NULL), NULL);
	if (wanted == NULL)
		assert_int_equal(verified.differences, 0);
	else if (verified.differences == 0 || strstr(text, wanted) == NULL)
		fail_msg("%s: \"%s\"", wanted, text);
}

static void
test_rows(void **state)
{
	static const struct {
		size_t		 device;
		void		(*change)(struct field_device *);
		const char	*says;
	} table[] = {
		{ 0, untouched, NULL },
		{ 0, enrols_again, "what the device has" },
		{ 0, another_identity, "what the device has" },
		{ 0, waits_no_more, "what the device has" },
		{ 0, refused_once, "what the device has" },
		{ 0, replaced_another, "requests that the device replaced" },
		{ 0, replaced_none, "requests that the device replaced" },
		{ 0, another_owner, "whose the device is" },
		{ 1, another_owner, "whose the device is" },
		{ 1, nobodys, "whose the device is" },
		{ 1, guessed, "whose the device is" },
		{ 1, claimed_by_another, "whose the device is" },
		{ 3, untouched, "no operation speaks of" },
	};
	struct field *f;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		(void)field_fresh(state);
		f = *state;
		field_fill(f);
		row_rewrite(f, table[i].device, table[i].change);
		said(f, table[i].says);
	}
}

/* A row goes, and its part of the sum. */
static void
row_move(struct field *f, enum store_table table, uint64_t log,
    uint64_t index, const char *sql)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct authority *authority = f->w->authority;
	struct store_row row = { .table = table,
		.numbers = { log, index } };
	struct row_sum changes = { .count = 0 };

	good(store_field_get(authority_store(authority),
	    table == STORE_DEVICE_ROWS ? STORE_DEVICE : STORE_ENROLMENT,
	    (uint32_t)log, index, &body, NULL), NULL);
	row.blob = buf_bytes(&body);
	good(rows_add(authority, &changes, &row, false), NULL);
	good(store_begin(authority_store(authority), NULL), NULL);
	good(rows_change(authority, &changes, NULL), NULL);
	good(store_commit(authority_store(authority), NULL), NULL);
	registry_change(f->w, sql);
}

static void
test_gone(void **state)
{
	char sql[128];
	struct field *f = *state;

	field_fill(f);
	(void)snprintf(sql, sizeof(sql), "DELETE FROM device WHERE idx = %ju",
	    (uintmax_t)f->devices[2].index);
	row_move(f, STORE_DEVICE_ROWS, LOG_BULK_NUMBER, f->devices[2].index,
	    sql);
	said(f, "has no row of it");
}

static void
test_enrolment_gone(void **state)
{
	struct field *f = *state;

	field_fill(f);
	row_move(f, STORE_ENROLMENT_ROWS, LOG_ONLINE_NUMBER, 3,
	    "DELETE FROM enrolment WHERE idx = 3");
	said(f, "does not say to whom");
}

/* One that was never issued, and one that is another device's. */
static void
enrolment_add(struct field *f, uint64_t index, uint64_t birth)
{
	struct authority *authority = f->w->authority;
	struct field_enrolment enrolment;
	struct row_sum changes = { .count = 0 };

	good(field_enrolment_get(authority, 0, &enrolment, NULL), NULL);
	enrolment.birth.index = birth;
	good(store_begin(authority_store(authority), NULL), NULL);
	good(field_enrolment_put(authority, index, &enrolment, &changes,
	    NULL), NULL);
	good(rows_change(authority, &changes, NULL), NULL);
	good(store_commit(authority_store(authority), NULL), NULL);
}

static void
test_enrolments(void **state)
{
	struct field *f = *state;

	field_fill(f);
	enrolment_add(f, 77, f->devices[0].index);
	said(f, "online/77: what was issued");
	(void)field_fresh(state);
	f = *state;
	field_fill(f);
	row_move(f, STORE_ENROLMENT_ROWS, LOG_ONLINE_NUMBER, 3,
	    "DELETE FROM enrolment WHERE idx = 3");
	enrolment_add(f, 3, f->devices[0].index);
	said(f, "is of another device");
}

/* Its birth is superseded, as an entry says. */
static void
outlived(struct field *f, size_t device)
{
	struct authority *authority = f->w->authority;
	struct status_change change = { .action = STATUS_REVOKE,
	    .reason = CRL_SUPERSEDED, .log = LOG_BULK_NUMBER,
	    .first = f->devices[device].index, .count = 1 };
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct status_count count = { 0 };
	struct operation operation;

	cbor_put_array(&body, 1);
	cbor_put_array(&body, 1);
	cbor_put_array(&body, 4);
	cbor_put_uint(&body, FIELD_OUTLIVED);
	cbor_put_uint(&body, LOG_BULK_NUMBER);
	cbor_put_uint(&body, change.first);
	cbor_put_null(&body);
	good(store_begin(authority_store(authority), NULL), NULL);
	good(operation_append(authority, OPERATION_FIELD, NOW,
	    buf_bytes(&body), &operation, NULL), NULL);
	change.time = operation.time;
	change.operation = operation.seq;
	good(status_apply(authority, &change, &count, NULL), NULL);
	good(store_commit(authority_store(authority), NULL), NULL);
}

/* Once, and by what was confirmed. */
static void
test_outlived(void **state)
{
	struct field *f = *state;

	field_fill(f);
	outlived(f, 0);
	said(f, NULL);
	outlived(f, 0);
	said(f, "cannot have been");
	(void)field_fresh(state);
	f = *state;
	field_fill(f);
	outlived(f, 1);
	said(f, "cannot have been");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test_setup(test_gone, field_fresh),
		cmocka_unit_test_setup(test_enrolment_gone, field_fresh),
		cmocka_unit_test_setup(test_enrolments, field_fresh),
		cmocka_unit_test_setup(test_outlived, field_fresh),
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
