/* Turns of enrolment: what is in one, what becomes of one that is dropped, and
 * of what is reserved; the clock between them. */
#include "lib/authority/test_enrol.h"

#include "lib/x509/crl_read.h"

static struct store_log
log_row(struct field *f)
{
	struct store_log log;

	assert_int_equal(store_log_get(authority_store(f->w->authority),
	    LOG_ONLINE_NUMBER, &log, NULL, NULL, NULL), ERR_OK);
	return log;
}

/* Many in a turn, more than it has room for; each its own. */
static void
test_full_turn(void **state)
{
	enum { MANY = 3 };
	struct asked asked[MANY] = { ASKED_INIT, ASKED_INIT, ASKED_INIT };
	struct answered a[MANY] = { ANSWERED_INIT, ANSWERED_INIT,
	    ANSWERED_INIT };
	_cleanup_asked_ struct asked more = ASKED_INIT;
	_cleanup_answered_ struct answered b = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	struct diag diag = DIAG_INIT;
	size_t i;

	good(enrol_turn_begin(e, NOW, &diag), &diag);
	assert_int_equal(enrol_turn_begin(e, NOW, NULL), ERR_STATE);
	for (i = 0; i < MANY; i++) {
		asked_enrol(f, &asked[i], DEVICE_ENROL,
		    &f->devices[i].birth);
		put(e, buf_bytes(&asked[i].request), &a[i]);
		assert_int_equal(a[i].verdict, ENROL_DONE);
		assert_int_equal(a[i].index, i);
	}
	/* twice in a turn: the second one waits */
	put(e, buf_bytes(&asked[0].request), &b);
	assert_int_equal(b.verdict, ENROL_BUSY);
	asked_enrol(f, &more, DEVICE_ENROL, &f->devices[0].birth);
	put(e, buf_bytes(&more.request), &b);
	assert_int_equal(b.verdict, ENROL_BUSY);
	good(enrol_turn_commit(e, &diag), &diag);
	assert_int_equal(enrol_turn_commit(e, NULL), ERR_STATE);
	for (i = 0; i < MANY; i++) {
		answer_read(f, &a[i], asked[i].id);
		assert_int_equal(ask(f, e, &asked[i], &b), ENROL_REPEATED);
		assert_true(bytes_equal(b.package, a[i].package));
		answered_release(&a[i]);
		asked_release(&asked[i]);
	}
	enrol_close(&e);
	all_verified(f);
}

/* Blocks follow each other; what is reserved at the end becomes void. */
static void
test_blocks(void **state)
{
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct enrol *e = opened(f);
	struct store_log log;
	unsigned reason, i;

	(void)enrolled(f, e, device);
	for (i = 0; i < 150; i++) {
		_cleanup_asked_ struct asked asked = ASKED_INIT;

		asked_enrol(f, &asked, DEVICE_RENEW, &device->now);
		assert_int_equal(ask_at(f, e, NOW + i * 86400, &asked, &a),
		    ENROL_DONE);
		credential_take(f, &asked, a.index, &device->now);
	}
	log = log_row(f);
	assert_int_equal(log.size, 151);
	assert_true(log.reserved >= log.size + ENROL_TURN_MAX / 2);
	enrol_close(&e);
	good(enrol_open(f->w->authority, NOW + i * 86400, &e, NULL), NULL);
	assert_int_equal(log_row(f).size, log.reserved);
	assert_int_equal(status_of(f, 151, &reason), STATUS_REVOKED);
	assert_int_equal(status_of(f, log.reserved - 1, &reason),
	    STATUS_REVOKED);
	assert_int_equal(status_of(f, a.index, &reason), STATUS_VALID);
	enrol_close(&e);
	all_verified(f);
}

/* What was signed in a turn that came to nothing is void and revoked, and its
 * index nobody's. */
static void
test_dropped(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	struct diag diag = DIAG_INIT;
	unsigned reason;

	asked_enrol(f, &asked, DEVICE_ENROL, &f->devices[0].birth);
	good(enrol_turn_begin(e, NOW, &diag), &diag);
	put(e, buf_bytes(&asked.request), &a);
	assert_int_equal(a.index, 0);
	enrol_turn_drop(e);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	assert_int_equal(a.index, 1);
	assert_int_equal(status_of(f, 0, &reason), STATUS_REVOKED);
	assert_int_equal(reason, CRL_CESSATION_OF_OPERATION);
	assert_int_equal(log_row(f).size, 2);
	enrol_close(&e);
	all_verified(f);
}

/* Ended in good order, nothing becomes void, however often; nor is an index or
 * a seed used twice. What a dropped turn had signed does. */
static void
test_ended(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct diag diag = DIAG_INIT;
	struct store_range before = { .log = 0 }, range;
	uint64_t size = 0;
	struct enrol *e;
	unsigned reason, i;

	for (i = 0; i < 3; i++) {
		e = opened(f);
		assert_int_equal(log_row(f).reserved, size + 128);
		assert_int_equal(enrolled(f, e, &f->devices[i]), size);
		size++;
		good(enrol_turn_begin(e, NOW, &diag), &diag);
		assert_int_equal(enrol_end(e, NOW, NULL), ERR_STATE);
		enrol_turn_drop(e);
		good(enrol_end(e, NOW, &diag), &diag);
		good(enrol_end(e, NOW, &diag), &diag);	/* nothing left */
		enrol_close(&e);
		assert_int_equal(log_row(f).size, size);
		assert_int_equal(log_row(f).reserved, size);
		good(store_range_get(authority_store(f->w->authority),
		    LOG_ONLINE_NUMBER, size - 1, &range, &diag), &diag);
		assert_memory_not_equal(range.seed, before.seed,
		    RANGE_SEED_SIZE);
		before = range;
		all_verified(f);
	}
	e = opened(f);
	asked_enrol(f, &asked, DEVICE_ENROL, &f->devices[3].birth);
	good(enrol_turn_begin(e, NOW, &diag), &diag);
	put(e, buf_bytes(&asked.request), &a);
	enrol_turn_drop(e);
	good(enrol_end(e, NOW, &diag), &diag);
	enrol_close(&e);
	assert_int_equal(log_row(f).size, size + 1);
	assert_int_equal(log_row(f).reserved, size + 1);
	assert_int_equal(status_of(f, size, &reason), STATUS_REVOKED);
	e = opened(f);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	assert_int_equal(a.index, size + 1);
	enrol_close(&e);
	all_verified(f);
}

/* Whatever may have been signed at an index that became void, of any product:
 * the numbers of all slots that have certificates, here one. */
static void
void_listed(const struct field *f, uint64_t count)
{
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct crl_index *entries = NULL;
	struct diag diag = DIAG_INIT;
	char path[PATH_SIZE];
	struct crl crl;

	(void)snprintf(path, sizeof(path), "%s/publish/crl/online.crl",
	    f->w->dir);
	good(io_read_file(io_posix(), path, &file, &diag), &diag);
	good(crl_parse(buf_bytes(&file), &crl, &diag), &diag);
	good(crl_index_new(&crl, &entries, &diag), &diag);
	assert_int_equal(crl_index_count(entries), count);
	crl_index_free(&entries);
}

static void
fails(struct enrol *e, const struct asked *asked)
{
	_cleanup_buf_ struct buf answer = BUF_INIT;
	struct enrol_result result = { .answer = &answer };

	assert_int_equal(enrol_submit(e, buf_bytes(&asked->request), &result,
	    NULL), ERR_CORRUPT);
}

/* for who wants to see that a row was changed */
#define TOUCH	"UPDATE meta SET value = value WHERE name = 'created'"

/* A table is gone: something cannot be read. */
static void
turn_misread(struct field *f, struct enrol *e)
{
	struct store_name_file file;
	struct diag diag = DIAG_INIT;

	registry_change(f->w, "ALTER TABLE name_file RENAME TO gone; "
	    TOUCH);
	good(enrol_turn_begin(e, NOW, &diag), &diag);
	assert_true(enrol_turn_whole(e));
	assert_int_equal(store_name_file_get(authority_store(f->w->authority),
	    1, &file, NULL), ERR_CORRUPT);
	assert_false(enrol_turn_whole(e));
	enrol_turn_drop(e);
	registry_change(f->w, "ALTER TABLE gone RENAME TO name_file; "
	    TOUCH);
}

/* A request fails for a damaged row: the others of its turn go on, if it had
 * changed nothing; else the turn is lost, with what had been signed in it. */
static void
test_whole(void **state)
{
	struct asked asked[4] = { ASKED_INIT, ASKED_INIT, ASKED_INIT,
	    ASKED_INIT };
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct credential waits = { .leaf = BUF_INIT };
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	struct diag diag = DIAG_INIT;
	char damage[80];
	uint64_t first;
	size_t i;

	first = enrolled(f, e, &f->devices[0]);
	asked_enrol(f, &asked[0], DEVICE_RENEW, &f->devices[0].now);
	for (i = 1; i < 4; i++)
		asked_enrol(f, &asked[i], DEVICE_ENROL, &f->devices[i].birth);
	assert_int_equal(ask(f, e, &asked[1], &a), ENROL_DONE);
	credential_take(f, &asked[1], a.index, &waits);
	(void)snprintf(damage, sizeof(damage), "UPDATE device SET body = "
	    "x'00' WHERE idx = %llu",
	    (unsigned long long)f->devices[0].index);
	registry_change(f->w, damage);
	good(enrol_turn_begin(e, NOW, &diag), &diag);
	put(e, buf_bytes(&asked[2].request), &a);
	fails(e, &asked[0]);
	assert_true(enrol_turn_whole(e));
	put(e, buf_bytes(&asked[3].request), &a);
	good(enrol_turn_commit(e, &diag), &diag);
	assert_int_equal(a.index, first + 3);
	/* confirms by its renewal, with the key of a device that is damaged */
	registry_change(f->w, "UPDATE enrolment SET body = x'00' WHERE idx = "
	    "2");
	asked_make(&asked[1]);
	public_key_copy(&asked[1].keys[1], &asked[2].keys[1]);
	asked_body(f, &asked[1], 2, &body);
	asked_sign(f, &asked[1], DEVICE_RENEW, &waits, buf_bytes(&body));
	good(enrol_turn_begin(e, NOW, &diag), &diag);
	fails(e, &asked[1]);
	assert_false(enrol_turn_whole(e));
	enrol_turn_drop(e);
	assert_false(enrol_turn_whole(e));
	assert_int_equal(ask(f, e, &asked[3], &a), ENROL_REPEATED);
	/* nothing was changed, but nothing can be committed either */
	turn_misread(f, e);
	assert_int_equal(ask(f, e, &asked[3], &a), ENROL_REPEATED);
	for (i = 0; i < 4; i++)
		asked_release(&asked[i]);
	credential_release(&waits);
	enrol_close(&e);
}

/* Publication leaves alone what a run that lives has reserved. */
static void
test_published(void **state)
{
	struct publish publish = { .now = NOW };
	struct field *f = *state;
	struct enrol *e = opened(f);
	struct diag diag = DIAG_INIT;
	struct store_log log;

	(void)enrolled(f, e, &f->devices[0]);
	log = log_row(f);
	good(authority_publish_status(f->w->authority, &publish, &diag),
	    &diag);
	assert_int_equal(log_row(f).size, log.size);
	assert_int_equal(enrolled(f, e, &f->devices[1]), log.size);
	enrol_close(&e);
	/* of one that died, it does not */
	publish.now = NOW + 60;
	good(authority_publish_status(f->w->authority, &publish, &diag),
	    &diag);
	assert_int_equal(log_row(f).size, log.reserved);
	void_listed(f, log.reserved - log.size - 1);
	all_verified(f);
}

/* With no product left nothing is reserved; what was, before that was so, was
 * of no template, and is listed all the same. */
static void
test_no_product(void **state)
{
	struct store_range range = { .log = LOG_ONLINE_NUMBER, .count = 3,
	    .epoch = EPOCH_FIRST, .issued = NOW, .state = RANGE_RESERVED,
	    .evidence = EVIDENCE_BOOTSTRAP };
	struct publish publish = { .now = NOW };
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	struct field *f = *state;
	struct doorbell *device = &f->devices[0];
	struct store *store = f->w->authority->store;
	struct enrol *e = opened(f);
	struct diag diag = DIAG_INIT;
	struct product product;
	struct store_log log;

	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	credential_take(f, &asked, a.index, &device->now);
	enrol_close(&e);
	doorbell_read("2.0.0", &product);
	product.field = (struct product_field){ .devices = 0 };
	product.name_count = 0;
	product_put(f->w, &product);
	e = opened(f);
	log = log_row(f);
	assert_int_equal(log.size, log.reserved);
	assert_int_equal(confirm(f, e, &device->now, a.package, &b),
	    ENROL_DONE);
	assert_int_equal(log_row(f).reserved, log.reserved);
	enrol_close(&e);
	good(store_begin(store, &diag), &diag);
	good(store_range_reserve(store, &range, &diag), &diag);
	good(rows_range_add(f->w->authority, &range, &diag), &diag);
	good(store_commit(store, &diag), &diag);
	good(authority_publish_status(f->w->authority, &publish, &diag),
	    &diag);
	void_listed(f, log_row(f).size - 1);
	all_verified(f);
}

/* The clock is set while it runs: nothing is dated that unlocking would refuse
 * afterwards; it goes on when the clock is right again. */
static void
test_clock(void **state)
{
	static const int64_t wrong[] = { NOW - OPERATION_BACK_S - 100, 0,
	    NOW + OPERATION_AHEAD_S + 100, TIME_MAX_S };
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	struct operation_head before, after;
	struct store_log log = log_row(f);
	size_t i;

	assert_int_equal(operation_head(f->w->authority, &before, NULL),
	    ERR_OK);
	for (i = 0; i < COUNT(wrong); i++) {
		struct diag diag = DIAG_INIT;

		assert_int_equal(enrol_turn_begin(e, wrong[i], &diag),
		    ERR_CLOCK);
		assert_non_null(strstr(diag.hint, "clock"));
	}
	assert_int_equal(operation_head(f->w->authority, &after, NULL),
	    ERR_OK);
	assert_int_equal(after.size, before.size);
	assert_int_equal(after.time, before.time);
	assert_int_equal(log_row(f).reserved, log.reserved);
	asked_enrol(f, &asked, DEVICE_ENROL, &f->devices[0].birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	enrol_close(&e);
	all_verified(f);
}

/* Ahead by years, as far as that is taken, and set right by an operator: who
 * asked often meanwhile does not wait for those years. */
static void
test_clock_ahead(void **state)
{
	const int64_t ahead = NOW + OPERATION_AHEAD_S - 86400;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	enum enrol_verdict verdict;
	unsigned i;

	for (i = 0; i < 4; i++) {
		_cleanup_asked_ struct asked asked = ASKED_INIT;

		asked_enrol(f, &asked, DEVICE_ENROL, &f->devices[0].birth);
		verdict = ask_at(f, e, ahead, &asked, &a);
		assert_int_equal(verdict, i < 3 ? ENROL_DONE :
		    ENROL_ATTEMPTS);
	}
	authority_accept(f->w->authority, AUTHORITY_CLOCK);
	for (i = 0; i < 3; i++) {
		_cleanup_asked_ struct asked asked = ASKED_INIT;

		asked_enrol(f, &asked, DEVICE_ENROL, &f->devices[0].birth);
		verdict = ask_at(f, e, NOW + i * 86400, &asked, &a);
		assert_int_equal(verdict, i == 0 ? ENROL_ATTEMPTS :
		    ENROL_DONE);
		assert_int_equal(a.retry_after_s, i == 0 ? 86400 : 0);
	}
	enrol_close(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_full_turn, field_fresh),
		cmocka_unit_test_setup(test_blocks, field_fresh),
		cmocka_unit_test_setup(test_dropped, field_fresh),
		cmocka_unit_test_setup(test_ended, field_fresh),
		cmocka_unit_test_setup(test_whole, field_fresh),
		cmocka_unit_test_setup(test_published, field_fresh),
		cmocka_unit_test_setup(test_no_product, field_fresh),
		cmocka_unit_test_setup(test_clock, field_fresh),
		cmocka_unit_test_setup(test_clock_ahead, field_fresh),
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
