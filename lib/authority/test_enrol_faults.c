/* Enrolment when disks fail, processes die and registries are changed. */
#include "lib/authority/test_enrol_ca.h"

#include <errno.h>
#include <sys/wait.h>

#include "lib/authority/anchor.h"
#include "tests/support/io_fault.h"

/* Two devices, from the factory to a renewal: the same requests each time. */
struct story {
	struct asked		asked[3];	/* enrol 0 and 1, renew 0 */
	struct answered		answers[3];
	bool			answered[3];
	int			told;		/* to whom too; 0: nobody */
	/* devices of a manufacturer instead */
	bool			foreign;
	struct ca		ca;
	struct credential	births[2];
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
	for (i = 0; i < 2 && s->foreign; i++)
		credential_release(&s->births[i]);
	ca_release(&s->ca);
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
	if (!err)		/* a stop in good order, and a start */
		err = enrol_end(e, NOW, NULL);
	enrol_close(&e);
	if (!err)
		err = enrol_open(f->w->authority, NOW, &e, NULL);
	if (!err)
		err = story_turn(f, e, s, third, 1);
	if (!err)
		err = enrol_end(e, NOW, NULL);
	enrol_close(&e);
	return err;
}

static void
story_begin(struct field *f, struct story *s, bool foreign)
{
	size_t i;

	*s = (struct story){ .asked = { ASKED_INIT, ASKED_INIT, ASKED_INIT },
	    .answers = { ANSWERED_INIT, ANSWERED_INIT, ANSWERED_INIT },
	    .foreign = foreign, .ca = CA_INIT };
	void *state = f;

	(void)field_fresh(&state);
	if (foreign) {
		ca_make(&s->ca);
		manufacturer_add(f, &s->ca, MAKER_DEVICE, 2);
		device_make(&s->ca, "A-1", &s->births[0]);
		device_make(&s->ca, "A-2", &s->births[1]);
	}
	for (i = 0; i < 2; i++)
		asked_enrol(f, &s->asked[i], DEVICE_ENROL, foreign ?
		    &s->births[i] : &f->devices[i].birth);
}

/* Two devices of the manufacturer are known and counted, each by its number
 * and key, and no more of them. */
static void
foreign_check(struct field *f, const struct story *s)
{
	static const enum enrol_verdict verdicts[] = { ENROL_CONSUMED,
	    ENROL_CONSUMED, ENROL_DONE, ENROL_QUOTA };
	static const char *const serials[] = { "A-1", "A-2", "A-3", "A-4" };
	_cleanup_answered_ struct answered a = ANSWERED_INIT;
	struct enrol *e = opened(f);
	struct store_range range;
	size_t i;

	for (i = 0; i < COUNT(serials); i++) {
		_cleanup_asked_ struct asked asked = ASKED_INIT;
		struct credential other;

		device_make(&s->ca, serials[i], &other);
		asked_enrol(f, &asked, DEVICE_ENROL, &other);
		assert_int_equal(ask(f, e, &asked, &a), verdicts[i]);
		credential_release(&other);
	}
	enrol_close(&e);
	for (i = 0; i < 3; i++) {
		assert_int_equal(store_range_get(authority_store(
		    f->w->authority), LOG_ONLINE_NUMBER, s->answers[i].index,
		    &range, NULL), ERR_OK);
		assert_int_equal(range.evidence, i < 2 ?
		    EVIDENCE_MANUFACTURER : EVIDENCE_RENEWAL);
	}
}

/* Every answered identity is there, and as it was answered. */
static void
story_check(struct field *f, const struct story *s)
{
	struct field_device device;
	struct address birth = { LOG_BULK_NUMBER, f->devices[0].index };
	unsigned reason;

	if (s->foreign)		/* born with what it was issued */
		birth = (struct address){ LOG_ONLINE_NUMBER,
		    s->answers[0].index };
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
	if (s->foreign)
		foreign_check(f, s);
	all_verified(f);
}

static bool
fault_once(struct field *f, bool foreign, enum io_fault_kind kind,
    unsigned long at)
{
	const struct io_fault_plan plan = { .kind = kind, .at = at };
	struct io *io = io_fault_new(&plan);
	struct diag diag = DIAG_INIT;
	struct story story;
	bool failed;
	enum err err;

	story_begin(f, &story, foreign);
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

/* points: of each kind, at most. Answers how often something failed. */
static unsigned
faults(struct field *f, bool foreign, unsigned long points)
{
	static const enum io_fault_kind kinds[] = { IO_FAULT_EIO,
		IO_FAULT_ENOSPC, IO_FAULT_SYNC, IO_FAULT_SHORT };
	const struct io_fault_plan none = { .kind = IO_FAULT_NONE };
	struct io *io = io_fault_new(&none);
	unsigned long total, at, step;
	unsigned failures = 0;
	struct story story;
	size_t k;

	story_begin(f, &story, foreign);
	world_open(f->w, io);
	good(story_run(f, &story), NULL);
	total = io_fault_count(io);
	world_open(f->w, io_posix());
	io_fault_free(io);
	story_check(f, &story);
	story_release(&story);
	step = total / points + 1;
	for (k = 0; k < COUNT(kinds); k++)
		for (at = 1 + k; at <= total; at += step)
			failures += fault_once(f, foreign, kinds[k], at);
	return failures;
}

static void
test_faults(void **state)
{
	assert_true(faults(*state, false, 12) > 20);
}

/* Devices that are born with what they are issued. */
static void
test_foreign_faults(void **state)
{
	assert_true(faults(*state, true, 8) > 12);
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
power_cut(struct field *f, bool foreign, unsigned long at)
{
	uint8_t told[1 + SHA256_SIZE], hash[SHA256_SIZE];
	uint8_t seen[2][SHA256_SIZE] = { { 0 } };
	bool has[2] = { false, false }, finished = false;
	struct story story;
	int pipes[2], status;
	pid_t child;
	size_t i;

	story_begin(f, &story, foreign);
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

static unsigned
power_cuts(struct field *f, bool foreign, unsigned long step)
{
	unsigned long at;
	unsigned failures = 0;

	for (at = 3; at < 400; at += step)
		failures += power_cut(f, foreign, at);
	return failures;
}

static void
test_power_cut(void **state)
{
	assert_true(power_cuts(*state, false, 17) > 5);
}

static void
test_foreign_power_cut(void **state)
{
	assert_true(power_cuts(*state, true, 29) > 3);
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

static int
rename_full(void *state, const char *from, const char *to)
{
	(void)state;
	(void)from;
	(void)to;
	errno = ENOSPC;
	return -1;
}

/* The anchor's disk is full, not the registry's: who tries again and again
 * makes nothing void. */
static void
test_anchor_full(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct anchor_place place = { .kind = ANCHOR_FILE };
	struct field *f = *state;
	struct authority *authority = f->w->authority;
	const struct io *io = authority->io;
	struct io full = *io;
	struct diag diag = DIAG_INIT;
	struct store_log log;
	struct enrol *e = NULL;
	uint64_t size;

	(void)snprintf(place.path, sizeof(place.path), "%s/anchor",
	    f->w->root);
	assert_int_equal(request_put_anchor(&body, &place), ERR_OK);
	good(submit(f->w, REQUEST_ANCHOR, buf_bytes(&body), &result, &diag),
	    &diag);
	good(store_log_get(authority->store, LOG_ONLINE_NUMBER, &log, NULL,
	    NULL, NULL), &diag);
	size = log.size;
	full.rename = rename_full;
	authority->io = &full;
	assert_int_equal(enrol_open(authority, NOW, &e, &diag), ERR_IO);
	assert_int_equal(enrol_open(authority, NOW, &e, NULL), ERR_IO);
	authority->io = io;
	assert_non_null(strstr(diag.what, "anchor"));
	diag = (struct diag)DIAG_INIT;
	good(store_log_get(authority->store, LOG_ONLINE_NUMBER, &log, NULL,
	    NULL, NULL), &diag);
	assert_int_equal(log.size, size);
	assert_int_equal(log.reserved, size);
	e = opened(f);
	(void)enrolled(f, e, &f->devices[0]);
	enrol_close(&e);
	(void)unlink(place.path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_faults, field_fresh),
		cmocka_unit_test_setup(test_power_cut, field_fresh),
		cmocka_unit_test_setup(test_foreign_faults, field_fresh),
		cmocka_unit_test_setup(test_foreign_power_cut, field_fresh),
		cmocka_unit_test_setup(test_rows_changed, field_fresh),
		cmocka_unit_test_setup(test_row_put_back, field_fresh),
		cmocka_unit_test_setup(test_anchored, field_fresh),
		cmocka_unit_test_setup(test_anchor_full, field_fresh),
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
