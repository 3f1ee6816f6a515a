/* station.restart: opening a station whose ledger holds a million entries,
 * each device reserved and committed. */
#include <stdio.h>

#include "bench/bench.h"
#include "lib/base/clock.h"
#include "station/floor.h"

#define DEVICES		500000	/* two entries each */
#define GATHER		16384
#define TIMES		3

static enum err
home_make(char home[PATH_SIZE], struct diag *diag)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf trust = BUF_INIT;
	struct station_statement statement;
	char path[PATH_SIZE];
	enum err err;

	err = bench_ecosystem("restart", &authority, diag);
	if (!err)
		err = path_join(path, authority_dir(authority),
		    "publish/trust.pem");
	if (!err)
		err = io_read_file(io_posix(), path, &trust, diag);
	if (!err)
		err = path_join(home, authority_dir(authority), "floor");
	return err ? err : station_init(io_posix(), home, "line-3",
	    buf_bytes(&trust), time_now(), &statement, diag);
}

static enum err
device_tell(struct station *s, uint64_t number, struct diag *diag)
{
	static const uint8_t nonce[LEDGER_NONCE_SIZE];
	struct ledger_record r = {
		.kind = LEDGER_RESERVE, .time = time_now(), .pack = { 1 },
		.position = number, .index = number,
		.device_kind = FLOOR_SERIAL,
		.nonce = bytes_of(nonce, sizeof(nonce)),
		.fixture = bytes_text("fixture-1"),
		.badge = bytes_text("4711"), .mes_order = bytes_text("MES-7")
	};
	char serial[32];
	enum err err;

	(void)snprintf(serial, sizeof(serial), "SN-%012ju",
	    (uintmax_t)number);
	r.device = bytes_text(serial);
	err = station_tell(s, &r, diag);
	r.kind = LEDGER_COMMIT;
	r.firmware = bytes_text("1.0.0");
	return err ? err : station_tell(s, &r, diag);
}

static enum err
ledger_fill(const char *home, struct diag *diag)
{
	_cleanup_station_ struct station s = STATION_INIT;
	struct ledger_record import = {
		.kind = LEDGER_IMPORT, .pack = { 1 }, .order = { 2 },
		.count = DEVICES, .order_number = 1, .product = "camera"
	};
	uint64_t i;
	enum err err;

	err = station_open(io_posix(), home, STATION_WORK, &s, diag);
	if (!err)
		err = station_tell(&s, &import, diag);
	for (i = 0; i < DEVICES && !err; i++) {
		err = device_tell(&s, i, diag);
		if (!err && i % GATHER == 0)
			err = ledger_commit(s.ledger, diag);
	}
	return err ? err : ledger_commit(s.ledger, diag);
}

static enum err
restart_run(struct bench_result *ret_result, struct diag *diag)
{
	double seconds, best = 0;
	char home[PATH_SIZE];
	int64_t start;
	int i;
	enum err err;

	err = home_make(home, diag);
	if (!err)
		err = ledger_fill(home, diag);
	for (i = 0; i < TIMES && !err; i++) {
		_cleanup_station_ struct station s = STATION_INIT;

		start = time_monotonic_ns();
		err = station_open(io_posix(), home, STATION_WORK, &s, diag);
		seconds = (double)(time_monotonic_ns() - start) / 1e9;
		if (i == 0 || seconds < best)
			best = seconds;
	}
	ret_result->value = best;
	return err;
}

static bool
restart_kept(const struct bench_result *result)
{
	return result->value <= 5;
}

const struct bench bench_station_restart = {
	.name = "station.restart", .unit = "s", .budget = "<= 5",
	.kept = restart_kept, .run = restart_run
};
