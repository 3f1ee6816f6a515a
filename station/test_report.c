#include "lib/identity/report.h"
#include "station/test_floor.h"

struct told {
	struct report_record	records[PACKAGES];
	char			texts[PACKAGES][3][64];
	size_t			count;
};

static struct bytes
keep(char room[64], struct bytes text)
{
	assert_in_range(text.len, 0, 63);
	memcpy(room, text.ptr, text.len);
	return bytes_of(room, text.len);
}

static enum err
tell(void *ctx, const struct report *report, const struct report_record *r,
    struct diag *diag)
{
	struct told *t = ctx;

	(void)report;
	(void)diag;
	assert_in_range(t->count, 0, PACKAGES - 1);
	t->records[t->count] = *r;
	t->records[t->count].device = keep(t->texts[t->count][0], r->device);
	t->records[t->count].reason = keep(t->texts[t->count][1], r->reason);
	t->records[t->count].fixture = keep(t->texts[t->count][2],
	    r->fixture);
	t->count++;
	return ERR_OK;
}

static enum err
report_try(const struct io *io, bool final, struct station_reported *done,
    struct diag *diag)
{
	_cleanup_station_ struct station s = STATION_INIT;
	enum err err;

	err = station_open(io, "home", STATION_WORK, &s, diag);
	return err ? err : station_report(&s, 5, "order.report", final, NOW,
	    done, diag);
}

static void
key_new(void)
{
	_cleanup_station_ struct station s = STATION_INIT;

	assert_int_equal(station_open(io_posix(), "home", STATION_WORK, &s,
	    NULL), ERR_OK);
	assert_int_equal(station_key_new(&s, NOW, NULL), ERR_OK);
}

static void
read_back(struct bench *b, struct told *told, struct report *report)
{
	struct diag diag = DIAG_INIT;

	told->count = 0;
	if (report_read(io_posix(), "order.report", &b->statement.signing,
	    tell, told, report, &diag) != ERR_OK)
		fail_msg("%s", diag.what);
}

/* sn-1 injected, sn-2 scrapped, sn-3 reserved, sn-4 reworked: 5 are out. */
static void
line_work(void)
{
	_cleanup_line_ struct line l = LINE_INIT;
	char device[8];
	unsigned i;

	line_open(&l);
	for (i = 1; i <= 4; i++) {
		(void)snprintf(device, sizeof(device), "sn-%u", i);
		assert_int_equal(reserve(&l, "f1", device, NOW, NULL, NULL),
		    FLOOR_OK);
	}
	assert_int_equal(commit(&l, "f1", "sn-1", NOW, NULL), FLOOR_OK);
	assert_int_equal(scrap(&l, "f1", "sn-2", NOW, "dead"), FLOOR_OK);
	assert_int_equal(commit(&l, "f1", "sn-4", NOW, NULL), FLOOR_OK);
	assert_int_equal(reserve(&l, "f1", "sn-4", NOW, "new board", NULL),
	    FLOOR_OK);
	assert_int_equal(commit(&l, "f2", "sn-4", NOW + HOLD_S, NULL),
	    FLOOR_OK);
	assert_int_equal(floor_sync(l.floor, NULL), ERR_OK);
}

static void
a_report_tells_what_became_of_each(void **state)
{
	static const enum report_state states[] = { REPORT_INJECTED,
	    REPORT_SCRAPPED, REPORT_OPEN, REPORT_REWORKED, REPORT_INJECTED };
	struct station_reported done;
	struct report report;
	struct told t;
	size_t i;

	line_work();
	assert_int_equal(report_try(io_posix(), false, &done, NULL), ERR_OK);
	read_back(*state, &t, &report);
	assert_int_equal(report.sequence, 1);
	assert_false(report.final);
	assert_int_equal(report.pack_count, 1);
	assert_int_equal(report.packs[0].injected, 2);
	assert_int_equal(report.packs[0].open, 1);
	assert_int_equal(report.packs[0].unused, PACKAGES - 5);
	assert_int_equal(done.injected, 2);
	assert_int_equal(done.unused, PACKAGES - 5);
	assert_int_equal(t.count, COUNT(states));
	for (i = 0; i < t.count; i++) {
		assert_int_equal(t.records[i].state, states[i]);
		assert_int_equal(t.records[i].index, FIRST + i);
	}
	assert_true(bytes_equal(t.records[3].device, bytes_text("sn-4")));
	assert_true(bytes_equal(t.records[3].reason,
	    bytes_text("new board")));
	assert_true(bytes_equal(t.records[4].device, bytes_text("sn-4")));
	assert_true(bytes_equal(t.records[4].fixture, bytes_text("f2")));
	/* and it goes on */
	assert_int_equal(report_try(io_posix(), false, &done, NULL), ERR_OK);
	assert_int_equal(done.sequence, 2);
}

static bool
key_is_gone(const char *path, const uint8_t key[KEY_PRIVATE_SIZE])
{
	_cleanup_buf_ struct buf content = BUF_INIT;

	return io_read_file(io_posix(), path, &content, NULL) != ERR_OK ||
	    memmem(content.ptr, content.len, key, KEY_PRIVATE_SIZE) == NULL;
}

/* What the final report said of a device that is done, stays; what was said
 * before it may be said again. */
static void
done_is_closed(struct line *l)
{
	assert_int_equal(scrap(l, "f1", "sn-1", NOW, "late"), FLOOR_CLOSED);
	assert_int_equal(reserve(l, "f1", "sn-1", NOW, "late", NULL),
	    FLOOR_CLOSED);
	assert_int_equal(scrap(l, "f1", "sn-3", NOW, "late"), FLOOR_CLOSED);
	assert_int_equal(scrap(l, "f1", "sn-2", NOW, "dead"),
	    FLOOR_REPEATED);
	assert_int_equal(query(l, "sn-1", FLOOR_OK).state, STATION_INJECTED);
}

static void
a_final_report_destroys_the_key(void **state)
{
	struct bench *b = *state;
	uint8_t first[KEY_PRIVATE_SIZE], second[KEY_PRIVATE_SIZE];
	struct station_reported done;
	struct report report;
	struct told t;

	line_work();
	{
		_cleanup_station_ struct station s = STATION_INIT;

		assert_int_equal(station_open(io_posix(), "home",
		    STATION_WORK, &s, NULL), ERR_OK);
		memcpy(first, s.sealing.ptr, sizeof(first));
	}
	/* packs may be sealed to it yet */
	assert_int_equal(report_try(io_posix(), true, &done, NULL),
	    ERR_STATE);
	assert_false(key_is_gone("home/station.keys", first));
	key_new();
	assert_int_equal(report_try(io_posix(), true, &done, NULL), ERR_OK);
	assert_true(done.final && done.key_destroyed);
	assert_true(key_is_gone("home/station.keys", first));
	read_back(b, &t, &report);
	assert_true(report.final);
	assert_memory_equal(report.station, b->statement.kid, COSE_KID_SIZE);
	{
		_cleanup_line_ struct line l = LINE_INIT;

		line_open(&l);
		assert_int_equal(l.station.sealing.len, 0);
		assert_int_equal(reserve(&l, "f1", "sn-9", NOW, NULL, NULL),
		    FLOOR_NO_PACKAGE);
		assert_int_equal(reserve(&l, "f1", "sn-3", NOW, NULL, NULL),
		    FLOOR_CLOSED);
		assert_int_equal(commit(&l, "f1", "sn-3", NOW, NULL),
		    FLOOR_CLOSED);
		assert_int_equal(commit(&l, "f1", "sn-1", NOW, NULL),
		    FLOOR_REPEATED);
		assert_memory_not_equal(l.station.statement.kid,
		    b->statement.kid, COSE_KID_SIZE);
		/* the next order is sealed to the new key */
		memcpy(second, l.station.keys[0].private.ptr, sizeof(second));
		b->world.order = 6;
		world_pack(&b->world, &l.station.statement, 2, FIRST + 100, 2,
		    "b.pack");
		pack_import(&l, "b.pack");
		done_is_closed(&l);
		assert_int_equal(reserve(&l, "f1", "sn-3", NOW, "closed",
		    NULL), FLOOR_OK);
		assert_int_equal(query(&l, "sn-3", FLOOR_OK).index,
		    FIRST + 100);
		assert_int_equal(floor_sync(l.floor, NULL), ERR_OK);
	}
	assert_false(key_is_gone("home/keys/1.key", second));
	/* once more: what was reworked since is in it */
	assert_int_equal(report_try(io_posix(), false, &done, NULL), ERR_OK);
	assert_true(done.final);
	assert_int_equal(done.sequence, 2);
	assert_int_equal(done.open, 0);
	assert_int_equal(done.reworked, 2);
	key_new();
	{
		_cleanup_station_ struct station s = STATION_INIT;

		assert_int_equal(station_open(io_posix(), "home",
		    STATION_WORK, &s, NULL), ERR_OK);
		assert_int_equal(station_report(&s, 6, "b.report", true, NOW,
		    &done, NULL), ERR_OK);
		assert_int_equal(station_report(&s, 7, "c.report", true, NOW,
		    &done, NULL), ERR_NOTFOUND);
	}
	assert_true(done.key_destroyed);
	assert_false(io_exists(io_posix(), "home/keys/1.key"));
	assert_true(io_exists(io_posix(), "home/keys/2.key"));
}

static enum err
final_run(const struct io *io, void *ctx)
{
	struct station_reported done;

	(void)ctx;
	return report_try(io, true, &done, NULL);
}

/* Broken off anywhere, and repeated: the report is whole before the key is
 * gone, and then it is gone. */
static void
a_final_report_survives_a_power_cut(void **state)
{
	struct bench *b = *state;
	struct io_fault_plan plan;
	struct station_reported done;
	struct report report;
	struct told t;
	bool killed = true, gone;
	size_t i;

	for (i = 0; i < COUNT(plans); i++) {
		plan = plans[i];
		for (plan.at = 1, killed = true; killed; plan.at++) {
			assert_in_range(plan.at, 1, STEPS_MAX);
			bench_renew(b);
			(void)remove("order.report");
			import_good();
			line_work();
			key_new();
			killed = killed_at(&plan, final_run, NULL);
			{
				_cleanup_station_ struct station s =
				    STATION_INIT;

				assert_int_equal(station_open(io_posix(),
				    "home", STATION_WORK, &s, NULL), ERR_OK);
				gone = s.sealing.len == 0;
			}
			if (gone)
				read_back(b, &t, &report);
			assert_int_equal(report_try(io_posix(), true, &done,
			    NULL), ERR_OK);
			assert_true(done.key_destroyed);
			read_back(b, &t, &report);
			assert_true(report.final);
			assert_int_equal(t.count, 5);
		}
		assert_in_range(plan.at, 8, STEPS_MAX);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, line_new, bench_free)
	const struct CMUnitTest tests[] = {
		TEST(a_report_tells_what_became_of_each),
		TEST(a_final_report_destroys_the_key),
		TEST(a_final_report_survives_a_power_cut)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
