/* The line's verbs against a model, with restarts; and broken off anywhere. */
#include "station/test_floor.h"

#define DEVICES		24
#define BIG		200	/* packages */
#define STEPS		3000

enum model_state { NEVER, RESERVED, INJECTED, SCRAPPED };

struct model {
	struct {
		enum model_state	state;
		uint64_t		index;
	} devices[DEVICES];
	uint64_t	next;
};

static uint32_t
draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
	return (uint32_t)(*seed >> 33) % below;
}

static enum floor_code
fresh(struct model *m, unsigned d)
{
	if (m->next == PACKAGES + BIG)
		return FLOOR_NO_PACKAGE;
	m->devices[d].state = RESERVED;
	m->devices[d].index = FIRST + m->next++;
	return FLOOR_OK;
}

static enum floor_code
model_reserve(struct model *m, unsigned d, bool rework)
{
	switch (m->devices[d].state) {
	case NEVER:
		return rework ? FLOOR_NO_DEVICE : fresh(m, d);
	case RESERVED:
		return FLOOR_REPEATED;
	case INJECTED:
		return rework ? fresh(m, d) : FLOOR_DONE;
	default:
		return rework ? fresh(m, d) : FLOOR_SCRAPPED;
	}
}

static enum floor_code
model_commit(struct model *m, unsigned d)
{
	static const enum floor_code codes[] = { FLOOR_NO_DEVICE, FLOOR_OK,
	    FLOOR_REPEATED, FLOOR_SCRAPPED };
	enum floor_code code = codes[m->devices[d].state];

	if (code == FLOOR_OK)
		m->devices[d].state = INJECTED;
	return code;
}

static enum floor_code
model_scrap(struct model *m, unsigned d)
{
	static const enum floor_code codes[] = { FLOOR_NO_DEVICE, FLOOR_OK,
	    FLOOR_OK, FLOOR_REPEATED };
	enum floor_code code = codes[m->devices[d].state];

	if (code == FLOOR_OK)
		m->devices[d].state = SCRAPPED;
	return code;
}

/* One verb of one device; what was given out is what the model says. */
static void
step(struct line *l, struct model *m, uint64_t *seed)
{
	struct floor_package p = { .index = 0, .package = SECRET_INIT };
	unsigned d = draw(seed, DEVICES), verb = draw(seed, 8);
	enum floor_code want, got;
	char device[8];

	(void)snprintf(device, sizeof(device), "sn-%u", d);
	if (verb < 5) {
		want = model_reserve(m, d, verb == 4);
		got = reserve(l, "f1", device, NOW, verb == 4 ? "again" : NULL,
		    &p);
		if (p.package.len > 0)
			assert_int_equal(p.index, m->devices[d].index);
		secret_release(&p.package);
	} else if (verb < 7) {
		want = model_commit(m, d);
		got = commit(l, "f1", device, NOW, NULL);
	} else {
		want = model_scrap(m, d);
		got = scrap(l, "f1", device, NOW, "dead");
	}
	assert_int_equal(got, want);
}

/* What was synced stays; what was not had not happened. */
static void
verbs_do_as_the_model(void **state)
{
	_cleanup_line_ struct line l = LINE_INIT;
	struct bench *b = *state;
	struct model now = { .next = 0 }, durable = now;
	uint64_t seed = 1;
	unsigned i;

	world_pack(&b->world, &b->statement, 2, FIRST + PACKAGES, BIG,
	    "big.pack");
	line_open(&l);
	pack_import(&l, "big.pack");
	for (i = 0; i < STEPS; i++) {
		step(&l, &now, &seed);
		if (draw(&seed, 4) == 0) {
			assert_int_equal(floor_sync(l.floor, NULL), ERR_OK);
			durable = now;
		}
		if (draw(&seed, 40) == 0) {
			line_reopen(&l);
			now = durable;
		}
	}
	assert_int_equal(now.next, PACKAGES + BIG);	/* all were used */
}

/* To the file "handed", as an answer would leave: after the sync. */
static void
answer(struct line *l, const char *device, const struct floor_package *p)
{
	FILE *f;

	if (floor_sync(l->floor, NULL) != ERR_OK)
		_exit(1);
	if (p == NULL)
		return;
	f = fopen("handed", "a");
	if (f == NULL || fprintf(f, "%s %llu\n", device,
	    (unsigned long long)p->index) < 0 || fclose(f) != 0)
		_exit(1);
}

static enum err
shift_verb(struct line *l, const char *device, const char *rework)
{
	struct floor_package p = { .index = 0, .package = SECRET_INIT };
	struct floor_call call = call_of("f1", device, NOW);
	struct floor_reserve what = { .rework = rework != NULL };
	struct floor_state state = { .index = 0 };
	enum floor_code code;
	enum err err;

	err = floor_query(l->floor, &call, &state, &code, NULL);
	if (err)
		return err;
	what.voids = state.index;

	if (rework != NULL)
		(void)snprintf(what.reason, sizeof(what.reason), "%s", rework);
	err = floor_reserve(l->floor, &call, &what, &p, &code, NULL);
	if (err)
		return err;
	answer(l, device, p.package.len > 0 ? &p : NULL);
	secret_release(&p.package);
	return ERR_OK;
}

/* A short shift; each of its calls may have been made before. */
static enum err
shift(const struct io *io, void *ctx)
{
	_cleanup_line_ struct line l = LINE_INIT;
	const struct floor_commit done = { .firmware = "1.0" };
	struct floor_call a = call_of("f1", "sn-a", NOW);
	struct floor_call b = call_of("f1", "sn-b", NOW);
	enum floor_code code;
	enum err err;

	(void)ctx;
	err = line_try(io, &l, NULL);
	if (!err)
		err = shift_verb(&l, "sn-a", NULL);
	if (!err)
		err = shift_verb(&l, "sn-b", NULL);
	if (!err)
		err = floor_commit(l.floor, &a, &done, &code, NULL);
	if (!err)
		err = floor_scrap(l.floor, &b, "dead", &code, NULL);
	if (!err)
		answer(&l, NULL, NULL);
	if (!err)
		err = shift_verb(&l, "sn-a", "new board");
	if (!err)
		err = shift_verb(&l, "sn-c", NULL);
	return err;
}

/* No index at two devices; reads what answers left. */
static void
handed_check(void)
{
	char owner[PACKAGES][8] = { "" }, device[8];
	FILE *f = fopen("handed", "r");
	unsigned long long index;

	if (f == NULL)
		return;
	while (fscanf(f, "%7s %llu", device, &index) == 2) {
		assert_in_range(index, FIRST, FIRST + PACKAGES - 1);
		if (owner[index - FIRST][0] != '\0')
			assert_string_equal(owner[index - FIRST], device);
		memcpy(owner[index - FIRST], device, sizeof(device));
	}
	(void)fclose(f);
}

static void
no_package_at_two_devices_whatever_happens(void **state)
{
	struct bench *b = *state;
	struct io_fault_plan plan;
	struct floor_state s;
	bool killed;
	size_t i;

	for (i = 0; i < COUNT(plans); i++) {
		plan = plans[i];
		for (plan.at = 1, killed = true; killed; plan.at++) {
			_cleanup_line_ struct line l = LINE_INIT;

			assert_in_range(plan.at, 1, STEPS_MAX);
			bench_renew(b);
			import_good();
			killed = killed_at(&plan, shift, NULL);
			assert_int_equal(shift(io_posix(), NULL), ERR_OK);
			handed_check();
			line_open(&l);
			s = query(&l, "sn-b", FLOOR_OK);
			assert_int_equal(s.state, STATION_SCRAPPED);
			s = query(&l, "sn-a", FLOOR_OK);
			assert_int_equal(s.state, STATION_UNKNOWN);
			/* none was spent without need */
			s = query(&l, "sn-c", FLOOR_OK);
			assert_int_equal(s.index, FIRST + 3);
		}
		assert_in_range(plan.at, 8, STEPS_MAX);
	}
}

/* A full disk is said so, takes nothing back, and is over with room. */
static void
a_full_disk_refuses_and_goes_on(void **state)
{
	struct io_fault_plan plan = { .kind = IO_FAULT_ENOSPC_ONCE, .at = 2 };
	struct io *io = io_fault_new(&plan);
	_cleanup_line_ struct line l = LINE_INIT;

	(void)state;
	assert_int_equal(line_try(io, &l, NULL), ERR_OK);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, NULL, NULL),
	    FLOOR_FULL);
	(void)query(&l, "sn-1", FLOOR_NO_DEVICE);
	assert_int_equal(floor_sync(l.floor, NULL), ERR_OK);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, NULL, NULL),
	    FLOOR_OK);
	assert_int_equal(floor_sync(l.floor, NULL), ERR_OK);
	assert_int_equal(index_of(&l, "sn-1"), FIRST);
	line_close(&l);
	io_fault_free(io);
	line_open(&l);
	assert_int_equal(index_of(&l, "sn-1"), FIRST);
}

/* A disk that fails: nothing that it did not take is answered. */
static void
a_failed_sync_ends_it(void **state)
{
	static const enum io_fault_kind kinds[] = { IO_FAULT_ENOSPC,
	    IO_FAULT_EIO, IO_FAULT_SYNC };
	struct io_fault_plan plan;
	struct io *io;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(kinds); i++) {
		_cleanup_line_ struct line l = LINE_INIT;
		struct floor_call call = call_of("f1", "sn-1", NOW);
		const struct floor_reserve what = { .order = 0 };
		struct floor_package p = { .package = SECRET_INIT };
		enum floor_code code;

		/* opening syncs the ledger; two for its room */
		plan = (struct io_fault_plan){ .kind = kinds[i], .at = 4 };
		io = io_fault_new(&plan);
		assert_int_equal(line_try(io, &l, NULL), ERR_OK);
		assert_int_equal(floor_reserve(l.floor, &call, &what, &p,
		    &code, NULL), ERR_OK);
		secret_release(&p.package);
		assert_int_not_equal(floor_sync(l.floor, NULL), ERR_OK);
		assert_int_not_equal(floor_sync(l.floor, NULL), ERR_OK);
		assert_int_equal(floor_reserve(l.floor, &call, &what, &p,
		    &code, NULL), ERR_OK);	/* said before: repeated */
		secret_release(&p.package);
		call.device[0] = 'x';
		assert_int_not_equal(floor_reserve(l.floor, &call, &what, &p,
		    &code, NULL), ERR_OK);
		assert_int_equal(code, FLOOR_BROKEN);
		line_close(&l);
		io_fault_free(io);
		line_open(&l);
		(void)query(&l, "sn-1", FLOOR_NO_DEVICE);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, line_new, bench_free)
	const struct CMUnitTest tests[] = {
		TEST(verbs_do_as_the_model),
		TEST(no_package_at_two_devices_whatever_happens),
		TEST(a_full_disk_refuses_and_goes_on),
		TEST(a_failed_sync_ends_it)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
