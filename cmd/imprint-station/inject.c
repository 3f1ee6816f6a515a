#include <unistd.h>

#include "cmd/imprint-station/commands.h"
#include "lib/base/clock.h"

#define TIMEOUT_S	60
#define TIMEOUT_MAX_S	86400

static bool
inject_stop(void *ctx)
{
	(void)ctx;
	return interrupt_requested();
}

static void
inject_progress(void *ctx, uint64_t done)
{
	progress_update(ctx, done);
}

static uint64_t
packages_left(const struct station *station)
{
	const struct station_pack *p;
	uint64_t left = 0;
	size_t i;

	for (i = 0; i < station->pack_count; i++) {
		p = &station->packs[i];
		left += p->count - p->injected - p->failed - p->unknown;
	}
	return left;
}

static void
inject_print(const struct cmd *cmd, const struct station *station,
    const struct station_injected *done, double seconds)
{
	char injected[32], failed[32], left[32];

	if (cmd->json) {
		printf("{\"out\": %ju, \"injected\": %ju, \"failed\": %ju,"
		    " \"timed_out\": %ju, \"left\": %ju, \"stopped\": %s,"
		    " \"seconds\": %.3f}\n", (uintmax_t)done->out,
		    (uintmax_t)done->injected, (uintmax_t)done->failed,
		    (uintmax_t)done->timed_out,
		    (uintmax_t)packages_left(station),
		    done->stopped ? "true" : "false", seconds);
		return;
	}
	number_format(done->injected, injected);
	number_format(done->failed, failed);
	number_format(packages_left(station), left);
	printf("%s injected, %s failed", injected, failed);
	if (done->timed_out > 0)
		printf(" (%ju out of time)", (uintmax_t)done->timed_out);
	printf(", %s left; %.1f s\n", left, seconds);
}

/* Not all that was asked for: why. */
static enum exit_code
inject_short(struct cmd *cmd, const struct station_inject *plan,
    const struct station_injected *done)
{
	if (done->stopped) {
		fprintf(stderr, "%s: stopped; nothing is lost, run it again"
		    " to go on\n", cmd->program->name);
		return EXIT_INTERRUPTED;
	}
	if (done->failed > 0) {
		fprintf(stderr, "%s: %ju packages did not reach a device;"
		    " they are not handed out again\n", cmd->program->name,
		    (uintmax_t)done->failed);
		return EXIT_REFUSED;
	}
	if (done->out == plan->count ||
	    (plan->count == UINT64_MAX && done->out > 0))
		return EXIT_OK;
	fprintf(stderr, "%s: no unused package is left\n"
	    "  import another pack\n", cmd->program->name);
	return EXIT_NOTFOUND;
}

static enum exit_code
inject_run(struct cmd *cmd, struct station *station,
    struct station_inject *plan)
{
	uint64_t total = packages_left(station);
	int64_t start = time_monotonic_ns();
	struct station_injected done;
	enum err err;

	if (plan->count < total)
		total = plan->count;
	interrupt_catch();
	progress_start(plan->ctx, "injecting", "packages", 0, total);
	err = station_inject(station, plan, &done, &cmd->diag);
	progress_end(plan->ctx);
	/* one JSON object: the error, or the summary */
	if (!err || !cmd->json)
		inject_print(cmd, station, &done,
		    (double)(time_monotonic_ns() - start) / 1e9);
	if (err)
		return cmd_fail(cmd, err);
	return inject_short(cmd, plan, &done);
}

enum exit_code
station_cmd_inject(struct cmd *cmd)
{
	_cleanup_station_ struct station station = STATION_INIT;
	struct station_inject plan = {
		.command = cmd_value(cmd, "command"), .environment = environ,
		.stop = inject_stop, .progress = inject_progress
	};
	uint64_t jobs = 1, timeout_s = TIMEOUT_S;
	struct progress progress;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "inject takes options only");
	if (plan.command == NULL)
		return cmd_usage(cmd, "--command is needed");
	err = cmd_number(cmd, "count", 1, UINT64_MAX, UINT64_MAX,
	    &plan.count);
	if (!err)
		err = cmd_number(cmd, "jobs", 1, STATION_JOBS_MAX, 1, &jobs);
	if (!err)
		err = cmd_number(cmd, "timeout", 1, TIMEOUT_MAX_S, TIMEOUT_S,
		    &timeout_s);
	if (!err)
		err = cmd_check_private(cmd, station_home(cmd));
	if (!err)
		err = station_open(cmd->io, station_home(cmd), STATION_WORK,
		    &station, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	plan.ctx = &progress;
	plan.jobs = (unsigned)jobs;
	plan.timeout_s = (unsigned)timeout_s;
	return inject_run(cmd, &station, &plan);
}
