/* Enrolment when disks fail, processes die and registries are changed. */
#include "lib/authority/test_enrol.h"

#include "lib/authority/anchor.h"
#include <sys/wait.h>

#include "lib/x509/crl_read.h"
#include "tests/support/io_fault.h"

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

/* Whatever may have been signed at an index that became void, of any product:
 * the numbers of all slots. */
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
	assert_int_equal(crl_index_count(entries), count *
	    PRODUCT_SLOTS_MAX);
	crl_index_free(&entries);
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

/* Two devices, from the factory to a renewal: the same requests each time. */
struct story {
	struct asked		asked[3];	/* enrol 0 and 1, renew 0 */
	struct answered		answers[3];
	bool			answered[3];
	int			told;		/* to whom too; 0: nobody */
};

/* Before anything else is done, as an answer that leaves. */
static void
story_tell(const struct story *s, size_t which)
{
	uint8_t told[1 + SHA256_SIZE] = { (uint8_t)which };

	if (s->told == 0)
		return;
	assert_int_equal(sha256_once(s->answers[which].package, told + 1),
	    ERR_OK);
	assert_int_equal(write(s->told, told, sizeof(told)), sizeof(told));
}

static void
story_release(struct story *s)
{
	size_t i;

	for (i = 0; i < 3; i++) {
		asked_release(&s->asked[i]);
		answered_release(&s->answers[i]);
	}
}

/* A turn of these requests; what is answered must be what was before. */
static enum err
story_turn(struct field *f, struct enrol *e, struct story *s,
    const size_t *which, size_t count)
{
	struct answered a[2] = { ANSWERED_INIT, ANSWERED_INIT };
	struct enrol_result result = { .verdict = ENROL_REFUSED };
	size_t i;
	enum err err;

	err = enrol_turn_begin(e, NOW, NULL);
	for (i = 0; i < count && !err; i++) {
		result.answer = &a[i].answer;
		err = enrol_submit(e, buf_bytes(&s->asked[which[i]].request),
		    &result, NULL);
		if (!err)
			assert_true(result.verdict <= ENROL_REPEATED);
		a[i].index = result.index;
	}
	if (err)
		enrol_turn_drop(e);
	else
		err = enrol_turn_commit(e, NULL);
	for (i = 0; i < count && !err; i++) {
		struct answered *known = &s->answers[which[i]];

		answer_read(f, &a[i], s->asked[which[i]].id);
		if (s->answered[which[i]]) {
			assert_true(bytes_equal(known->package,
			    a[i].package));
			assert_int_equal(known->index, a[i].index);
		} else {
			*known = a[i];
			a[i] = (struct answered)ANSWERED_INIT;
			s->answered[which[i]] = true;
			story_tell(s, which[i]);
		}
	}
	answered_release(&a[0]);
	answered_release(&a[1]);
	return err;
}

static enum err
story_confirm(struct field *f, struct enrol *e, const struct story *s,
    size_t which, const struct credential *by)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct enrol_result result = { .answer = &a.answer };
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint8_t hash[SHA256_SIZE];
	enum err err;

	assert_int_equal(sha256_once(s->answers[which].package, hash),
	    ERR_OK);
	assert_int_equal(random_bytes(asked.id, sizeof(asked.id), NULL),
	    ERR_OK);
	cbor_put_bstr(&body, bytes_of(hash, SHA256_SIZE));
	asked_sign(f, &asked, DEVICE_CONFIRM, by, buf_bytes(&body));
	err = enrol_turn_begin(e, NOW, NULL);
	if (!err)
		err = enrol_submit(e, buf_bytes(&asked.request), &result,
		    NULL);
	if (err)
		enrol_turn_drop(e);
	else
		err = enrol_turn_commit(e, NULL);
	if (!err && result.verdict > ENROL_REPEATED)
		fail_msg("confirm: %s: %s", enrol_verdict_name(
		    result.verdict), result.why.what);
	return err;
}

static void
story_credential(struct field *f, struct story *s, size_t which,
    struct credential *ret_credential)
{
	struct signer *kept = s->asked[which].signer;

	if (ret_credential->key != NULL || !s->answered[which])
		return;
	s->asked[which].signer = kept;
	credential_take(f, &s->asked[which], s->answers[which].index,
	    ret_credential);
}

/* From the beginning, as far as it goes. */
static enum err
story_run(struct field *f, struct story *s)
{
	static const size_t first[] = { 0, 1 }, third[] = { 2 };
	struct credential *now = &f->devices[0].now;
	struct enrol *e = NULL;
	enum err err;

	err = enrol_open(f->w->authority, NOW, &e, NULL);
	if (!err && !s->answered[2])
		err = story_turn(f, e, s, first, 2);
	if (!err && now->key == NULL)
		story_credential(f, s, 0, now);
	if (!err && !s->answered[2])
		err = story_confirm(f, e, s, 0, now);
	if (!err && s->asked[2].request.len == 0)
		asked_enrol(f, &s->asked[2], DEVICE_RENEW, now);
	if (!err)
		err = story_turn(f, e, s, third, 1);
	enrol_close(&e);
	return err;
}

static void
story_begin(struct field *f, struct story *s)
{
	size_t i;

	*s = (struct story){ .asked = { ASKED_INIT, ASKED_INIT, ASKED_INIT },
	    .answers = { ANSWERED_INIT, ANSWERED_INIT, ANSWERED_INIT } };
	void *state = f;

	(void)field_fresh(&state);
	for (i = 0; i < 2; i++)
		asked_enrol(f, &s->asked[i], DEVICE_ENROL,
		    &f->devices[i].birth);
}

/* Every answered identity is there, and as it was answered. */
static void
story_check(struct field *f, const struct story *s)
{
	struct field_device device;
	struct address birth = { LOG_BULK_NUMBER, f->devices[0].index };
	unsigned reason;

	assert_true(s->answered[0] && s->answered[1] && s->answered[2]);
	assert_int_equal(field_device_get(f->w->authority, &birth, &device,
	    NULL), ERR_OK);
	assert_true(device.has_current && device.has_pending);
	assert_int_equal(device.current, s->answers[0].index);
	assert_int_equal(device.pending, s->answers[2].index);
	assert_int_equal(status_of(f, s->answers[0].index, &reason),
	    STATUS_VALID);
	assert_int_equal(status_of(f, s->answers[1].index, &reason),
	    STATUS_VALID);
	assert_int_equal(status_of(f, s->answers[2].index, &reason),
	    STATUS_VALID);
	all_verified(f);
}

static bool
fault_once(struct field *f, enum io_fault_kind kind, unsigned long at)
{
	const struct io_fault_plan plan = { .kind = kind, .at = at };
	struct io *io = io_fault_new(&plan);
	struct diag diag = DIAG_INIT;
	struct story story;
	bool failed;
	enum err err;

	story_begin(f, &story);
	err = world_try(f->w, io, &diag);
	if (!err)
		err = story_run(f, &story);
	failed = err != ERR_OK;
	world_open(f->w, io_posix());
	io_fault_free(io);
	good(story_run(f, &story), NULL);
	story_check(f, &story);
	story_release(&story);
	return failed;
}

static void
test_faults(void **state)
{
	static const enum io_fault_kind kinds[] = { IO_FAULT_EIO,
		IO_FAULT_ENOSPC, IO_FAULT_SYNC, IO_FAULT_SHORT };
	const struct io_fault_plan none = { .kind = IO_FAULT_NONE };
	struct io *io = io_fault_new(&none);
	struct field *f = *state;
	unsigned long total, at, step;
	unsigned failures = 0;
	struct story story;
	size_t k;

	story_begin(f, &story);
	world_open(f->w, io);
	good(story_run(f, &story), NULL);
	total = io_fault_count(io);
	world_open(f->w, io_posix());
	io_fault_free(io);
	story_check(f, &story);
	story_release(&story);
	step = total / 12 + 1;
	for (k = 0; k < COUNT(kinds); k++)
		for (at = 1 + k; at <= total; at += step)
			failures += fault_once(f, kinds[k], at);
	assert_true(failures > 20);
}

/* In a process of its own, which dies: tells what was answered. */
static void
child_run(struct field *f, struct story *story, unsigned long at, int out)
{
	const struct io_fault_plan plan = { .kind = IO_FAULT_POWER_CUT,
	    .at = at };
	struct io *io = io_fault_new(&plan);
	uint8_t told[1 + SHA256_SIZE];
	size_t i;
	enum err err;

	story->told = out;
	err = world_try(f->w, io, NULL);
	if (!err)
		err = story_run(f, story);
	for (i = 0; i < sizeof(told); i++)
		told[i] = 0xff;
	_exit(err ? 1 : write(out, told, sizeof(told)) != sizeof(told));
}

/* The power fails at any operation: what was answered is there. */
static bool
power_cut(struct field *f, unsigned long at)
{
	uint8_t told[1 + SHA256_SIZE], hash[SHA256_SIZE];
	uint8_t seen[2][SHA256_SIZE] = { { 0 } };
	bool has[2] = { false, false }, finished = false;
	struct story story;
	int pipes[2], status;
	pid_t child;
	size_t i;

	story_begin(f, &story);
	world_close(f->w);
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		child_run(f, &story, at, pipes[1]);
	(void)close(pipes[1]);
	while (read(pipes[0], told, sizeof(told)) == sizeof(told)) {
		if (told[0] < 2) {
			has[told[0]] = true;
			memcpy(seen[told[0]], told + 1, SHA256_SIZE);
		}
		finished = told[0] == 0xff;
	}
	(void)close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	world_open(f->w, io_posix());
	good(story_run(f, &story), NULL);
	for (i = 0; i < 2; i++) {
		assert_int_equal(sha256_once(story.answers[i].package, hash),
		    ERR_OK);
		if (has[i])
			assert_memory_equal(hash, seen[i], SHA256_SIZE);
	}
	story_check(f, &story);
	story_release(&story);
	return !finished;
}

static void
test_power_cut(void **state)
{
	struct field *f = *state;
	unsigned long at;
	unsigned failures = 0;

	for (at = 3; at < 400; at += 17)
		failures += power_cut(f, at);
	assert_true(failures > 5);
}

/* Somebody writes to the registry: it is seen before anything is signed. */
static void
test_rows_changed(void **state)
{
	static const char *const changes[] = {
		"DELETE FROM device",
		"DELETE FROM enrolment WHERE idx = 0",
		"UPDATE device SET body = (SELECT body FROM device "
		    "ORDER BY idx DESC LIMIT 1) WHERE idx = (SELECT min(idx) "
		    "FROM device)",
		"UPDATE enrolment SET body = zeroblob(200)",
		"INSERT INTO device (log, idx, body) SELECT log, idx + 1000, "
		    "body FROM device",
		"UPDATE range SET template = template + 1 WHERE log = 2 AND "
		    "first = 0",
	};
	struct log_verify to = { .found = NULL };
	struct log_verified verified;
	struct field *f = *state;
	struct enrol *e;
	size_t i;

	for (i = 0; i < COUNT(changes); i++) {
		struct diag diag = DIAG_INIT;

		(void)field_fresh(state);
		e = opened(f);
		(void)enrolled(f, e, &f->devices[0]);
		(void)enrolled(f, e, &f->devices[1]);
		enrol_close(&e);
		registry_change(f->w, changes[i]);
		assert_int_equal(enrol_open(f->w->authority, NOW, &e, &diag),
		    ERR_CORRUPT);
		assert_true(diag.hint[0] != '\0');
		good(log_verify(f->w->authority, LOG_OPERATIONS_NUMBER, &to,
		    &verified, NULL), NULL);
		assert_true(verified.differences > 0);
	}
}

/* An older row of a device, which once was right: it would enrol again. */
static void
test_row_put_back(void **state)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;
	struct field *f = *state;
	struct enrol *e = opened(f);
	struct diag diag = DIAG_INIT;

	asked_enrol(f, &asked, DEVICE_ENROL, &f->devices[0].birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	registry_change(f->w, "CREATE TABLE kept AS SELECT * FROM device; "
	    "UPDATE kept SET idx = idx");
	credential_take(f, &asked, a.index, &f->devices[0].now);
	assert_int_equal(confirm(f, e, &f->devices[0].now, a.package, &b),
	    ENROL_DONE);
	enrol_close(&e);
	registry_change(f->w, "UPDATE device SET body = (SELECT body FROM "
	    "kept)");
	assert_int_equal(enrol_open(f->w->authority, NOW, &e, &diag),
	    ERR_CORRUPT);
}

/* A block is in the anchor before one of its indices is signed. */
static void
test_anchored(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct anchor_place place = { .kind = ANCHOR_FILE };
	struct field *f = *state;
	struct operation_head head;
	struct anchor anchor;
	struct diag diag = DIAG_INIT;
	struct enrol *e;

	(void)snprintf(place.path, sizeof(place.path), "%s/anchor",
	    f->w->root);
	assert_int_equal(request_put_anchor(&body, &place), ERR_OK);
	good(submit(f->w, REQUEST_ANCHOR, buf_bytes(&body), &result, &diag),
	    &diag);
	e = opened(f);
	good(operation_head(f->w->authority, &head, &diag), &diag);
	good(anchor_read(f->w->authority, place.path, &anchor, &diag),
	    &diag);
	assert_int_equal(anchor_log(&anchor, LOG_OPERATIONS)->size,
	    head.size);
	/* identities move it on in their own time */
	(void)enrolled(f, e, &f->devices[0]);
	good(enrol_idle(e, NOW + 1, &diag), &diag);
	good(anchor_read(f->w->authority, place.path, &anchor, &diag),
	    &diag);
	assert_int_equal(anchor_log(&anchor, LOG_OPERATIONS)->size,
	    head.size);
	good(enrol_idle(e, NOW + ENROL_ANCHOR_S, &diag), &diag);
	good(anchor_read(f->w->authority, place.path, &anchor, &diag),
	    &diag);
	assert_int_equal(anchor_log(&anchor, LOG_OPERATIONS)->size,
	    head.size + 2);
	enrol_close(&e);
	(void)unlink(place.path);
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
		cmocka_unit_test_setup(test_published, field_fresh),
		cmocka_unit_test_setup(test_faults, field_fresh),
		cmocka_unit_test_setup(test_power_cut, field_fresh),
		cmocka_unit_test_setup(test_rows_changed, field_fresh),
		cmocka_unit_test_setup(test_row_put_back, field_fresh),
		cmocka_unit_test_setup(test_anchored, field_fresh),
		cmocka_unit_test_setup(test_clock, field_fresh),
		cmocka_unit_test_setup(test_clock_ahead, field_fresh),
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
