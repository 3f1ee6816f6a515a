/* A line for the tests of its verbs: a station with a pack of real documents,
 * and short ways to call them. */
#ifndef IMPRINT_STATION_TEST_FLOOR_H
#define IMPRINT_STATION_TEST_FLOOR_H

#include "station/floor.h"
#include "station/test_bench.h"

#define MAC		"00:1b:21:00:00:0"	/* and a digit */
#define HOLD_S		30

struct line {
	struct bench	*bench;
	struct station	 station;
	struct floor	*floor;
};

#define LINE_INIT { .station = STATION_INIT }
#define _cleanup_line_ __attribute__((cleanup(line_close)))

static inline void
line_close(struct line *l)
{
	floor_close(&l->floor);
	station_close(&l->station);
	l->station = (struct station)STATION_INIT;
}

static inline enum err
line_try(const struct io *io, struct line *l, struct diag *diag)
{
	enum err err;

	err = station_open(io, "home", STATION_WORK, &l->station, diag);
	return err ? err : floor_open(&l->station, &l->floor, diag);
}

static inline void
line_open(struct line *l)
{
	struct diag diag = DIAG_INIT;

	if (line_try(io_posix(), l, &diag) != ERR_OK)
		fail_msg("%s", diag.what);
}

static inline void
line_reopen(struct line *l)
{
	line_close(l);
	line_open(l);
}

/* Real documents in the packs, which ask for line names. */
static inline int
line_new(void **state)
{
	struct bench *b;

	if (bench_new(state) != 0)
		return -1;
	b = *state;
	b->world.documents = true;
	b->world.names[0] = (struct pack_name){ bytes_text("board"),
	    NAME_TEXT };
	b->world.names[1] = (struct pack_name){ bytes_text("wifi-mac"),
	    NAME_MAC };
	b->world.name_count = 2;
	world_pack(&b->world, &b->statement, 1, FIRST, PACKAGES, "in.pack");
	import_good();
	return 0;
}

static inline void
pack_import(struct line *l, const char *path)
{
	const struct station_pack *pack = NULL;
	enum station_import result;
	struct diag diag = DIAG_INIT;

	if (station_import(&l->station, path, NOW, NULL, NULL, &result, &pack,
	    &diag) != ERR_OK)
		fail_msg("%s", diag.what);
}

static inline struct floor_call
call_of(const char *fixture, const char *device, int64_t now)
{
	struct floor_call call = {
		.now = now, .device_kind = FLOOR_SERIAL,
		.device_len = strlen(device), .badge = "Müller",
		.mes_order = "MES-7"
	};

	(void)snprintf(call.fixture, sizeof(call.fixture), "%s", fixture);
	memcpy(call.device, device, call.device_len);
	return call;
}

/* Index of the package that a device has; 0: none. */
static inline uint64_t
index_of(struct line *l, const char *device)
{
	struct floor_call call = call_of("", device, NOW);
	struct floor_state state = { .index = 0 };
	enum floor_code code;

	assert_int_equal(floor_query(l->floor, &call, &state, &code, NULL),
	    ERR_OK);
	return state.index;
}

/* The answer's package stays in *package, or there is none. A rework, with its
 * reason, voids what the device has. */
static inline enum floor_code
reserve(struct line *l, const char *fixture, const char *device, int64_t now,
    const char *reason, struct floor_package *package)
{
	struct floor_call call = call_of(fixture, device, now);
	struct floor_reserve what = { .rework = reason != NULL,
		.voids = reason != NULL ? index_of(l, device) : 0 };
	struct floor_package answer = { .package = SECRET_INIT };
	struct diag diag = DIAG_INIT;
	enum floor_code code;

	if (reason != NULL)
		(void)snprintf(what.reason, sizeof(what.reason), "%s", reason);
	if (floor_reserve(l->floor, &call, &what, &answer, &code, &diag) !=
	    ERR_OK)
		fail_msg("%s", diag.what);
	assert_int_equal(answer.package.len > 0, code == FLOOR_OK ||
	    code == FLOOR_REPEATED);
	if (package == NULL)
		secret_release(&answer.package);
	else
		*package = answer;
	return code;
}

/* Of the package that the device has: as a fixture that keeps its index. */
static inline struct floor_call
call_meaning(struct line *l, const char *fixture, const char *device,
    int64_t now)
{
	struct floor_call call = call_of(fixture, device, now);

	call.has_index = true;
	call.index = index_of(l, device);
	return call;
}

static inline enum floor_code
commit(struct line *l, const char *fixture, const char *device, int64_t now,
    const struct floor_commit *what)
{
	struct floor_call call = call_meaning(l, fixture, device, now);
	const struct floor_commit plain = { .firmware = "1.0" };
	struct diag diag = DIAG_INIT;
	enum floor_code code;

	if (floor_commit(l->floor, &call, what == NULL ? &plain : what, &code,
	    &diag) != ERR_OK)
		fail_msg("%s", diag.what);
	return code;
}

static inline enum floor_code
scrap(struct line *l, const char *fixture, const char *device, int64_t now,
    const char *reason)
{
	struct floor_call call = call_meaning(l, fixture, device, now);
	struct diag diag = DIAG_INIT;
	enum floor_code code;

	if (floor_scrap(l->floor, &call, reason, &code, &diag) != ERR_OK)
		fail_msg("%s", diag.what);
	return code;
}

static inline struct floor_state
query(struct line *l, const char *device, enum floor_code want)
{
	struct floor_call call = call_of("", device, NOW);
	struct floor_state answer = { .position = 0 };
	enum floor_code code;

	assert_int_equal(floor_query(l->floor, &call, &answer, &code, NULL),
	    ERR_OK);
	assert_int_equal(code, want);
	return answer;
}

#endif
