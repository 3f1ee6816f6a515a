#include <string.h>
#include <unistd.h>

#include "cmd/imprint-station/commands.h"
#include "lib/base/clock.h"
#include "lib/identity/package_form.h"
#include "station/floor.h"

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
		if (!station->orders[p->order_at].closing)
			left += station_pack_unused(p);
	}
	return left;
}

static uint64_t
packages_unknown(const struct station *station)
{
	uint64_t unknown = 0;
	size_t i;

	for (i = 0; i < station->pack_count; i++)
		unknown += station->packs[i].unknown;
	return unknown;
}

/* What a run did, for its summary. */
struct summary {
	struct station_injected	done;
	uint64_t		unknown;	/* from earlier runs */
	uint64_t		left;
	double			seconds;
};

static void
member_print(const char *name, const char *text)
{
	printf(", \"%s\": ", name);
	json_string(stdout, text, strlen(text));
}

/* One value, on failure too: what was done counts all the same. */
static void
inject_json(const struct summary *s, enum err err, const struct diag *diag)
{
	const struct station_injected *done = &s->done;

	printf("{\"out\": %ju, \"injected\": %ju, \"failed\": %ju,"
	    " \"timed_out\": %ju, \"unread\": %ju, \"left\": %ju,"
	    " \"made_for_devices\": %ju, \"ask_for_evidence\": %ju,"
	    " \"unknown_before\": %ju, \"stopped\": %s, \"gave_up\": %s,"
	    " \"seconds\": %.3f", (uintmax_t)done->out,
	    (uintmax_t)done->injected, (uintmax_t)done->failed,
	    (uintmax_t)done->timed_out, (uintmax_t)done->unread,
	    (uintmax_t)s->left, (uintmax_t)done->made,
	    (uintmax_t)done->evidence, (uintmax_t)s->unknown,
	    done->stopped ? "true" : "false",
	    done->gave_up ? "true" : "false", s->seconds);
	if (err) {
		member_print("error", err_name(err));
		member_print("message", diag->what);
		member_print("reference", diag->ref);
		member_print("hint", diag->hint);
	}
	printf("}\n");
}

static void
inject_text(const struct summary *s)
{
	char injected[32], failed[32], left[32], unknown[32];

	number_format(s->done.injected, injected);
	number_format(s->done.failed, failed);
	number_format(s->left, left);
	printf("%s injected, %s failed", injected, failed);
	if (s->done.timed_out > 0)
		printf(" (%ju out of time)", (uintmax_t)s->done.timed_out);
	printf(", %s left", left);
	number_format(s->unknown, unknown);
	if (s->unknown > 0)
		printf(", %s unknown from earlier runs: see status",
		    unknown);
	printf("; %.1f s\n", s->seconds);
}

static void
failures_explain(const struct cmd *cmd, const struct station_injected *done)
{
	const char *program = cmd->program->name;

	fprintf(stderr, "%s: %ju %s not reach a device and %s not handed out"
	    " again\n", program, (uintmax_t)done->failed,
	    done->failed == 1 ? "package did" : "packages did",
	    done->failed == 1 ? "is" : "are");
	if (done->unread > 0)
		fprintf(stderr, "%s: %ju of the plug-ins ended well but did"
		    " not read the package\n", program,
		    (uintmax_t)done->unread);
	if (done->gave_up)
		fprintf(stderr, "%s: stopped, three in a row have failed\n"
		    "  mend the plug-in or the line and try it with --count 1"
		    "; --keep-going goes on in spite of failures\n",
		    program);
}

/* What is left, and a plug-in does not get. */
static bool
passed_explain(const struct cmd *cmd, const struct station_injected *done)
{
	const char *program = cmd->program->name;

	if (done->made > 0)
		fprintf(stderr, "%s: what is left was made for one device"
		    " each (%ju packages): a plug-in does not get it\n"
		    "  let fixtures ask for it: imprint-station serve; or"
		    " name the device: --serial\n", program,
		    (uintmax_t)done->made);
	if (done->evidence > 0)
		fprintf(stderr, "%s: what is left is of products that ask for"
		    " evidence (%ju packages), which a plug-in does not"
		    " give\n  let fixtures ask for it: imprint-station"
		    " serve\n", program, (uintmax_t)done->evidence);
	return done->made > 0 || done->evidence > 0;
}

/* Not all that was asked for: why. */
static enum exit_code
inject_short(struct cmd *cmd, const struct station_inject *plan,
    const struct station_injected *done)
{
	bool passed;

	if (done->stopped) {
		if (done->failed > 0)
			failures_explain(cmd, done);
		fprintf(stderr, "%s: stopped; nothing is lost, run it again"
		    " to go on\n", cmd->program->name);
		return EXIT_INTERRUPTED;
	}
	if (done->failed > 0 && plan->serial != NULL) {
		fprintf(stderr, "%s: the package did not reach the device; it"
		    " is kept for this serial: run it again\n",
		    cmd->program->name);
		return EXIT_REFUSED;
	}
	if (done->failed > 0) {
		failures_explain(cmd, done);
		return EXIT_REFUSED;
	}
	if (done->out == plan->count)
		return EXIT_OK;
	passed = passed_explain(cmd, done);
	if (plan->count == UINT64_MAX && done->out > 0)
		return EXIT_OK;
	if (passed)
		return EXIT_NOTFOUND;
	fprintf(stderr, "%s: no unused package is left\n"
	    "  import another pack\n", cmd->program->name);
	return EXIT_NOTFOUND;
}

/* While there is time to order more. */
static void
low_warn(struct cmd *cmd, const struct station *station)
{
	struct floor_order o;
	size_t i;

	for (i = 0; i < station->order_count; i++) {
		floor_order_of(station, i, &o);
		if (o.low && o.unused > 0)
			cmd_warn(cmd, "order %u is low: %ju of %ju packages"
			    " are left", o.order, (uintmax_t)o.unused,
			    (uintmax_t)o.count);
	}
}

static enum exit_code
inject_run(struct cmd *cmd, struct station *station,
    struct station_inject *plan)
{
	struct summary summary = { .unknown = packages_unknown(station) };
	uint64_t total = packages_left(station);
	int64_t start = time_monotonic_ns();
	enum err err;

	if (plan->count < total)
		total = plan->count;
	interrupt_catch();
	progress_start(plan->ctx, "injecting", "packages", 0, total);
	err = plan->serial != NULL ?
	    station_inject_serial(station, plan, &summary.done, &cmd->diag) :
	    station_inject(station, plan, &summary.done, &cmd->diag);
	progress_end(plan->ctx);
	summary.left = packages_left(station);
	summary.seconds = (double)(time_monotonic_ns() - start) / 1e9;
	if (cmd->json)
		inject_json(&summary, err, &cmd->diag);
	else
		inject_text(&summary);
	cmd->json = false;	/* the one value is out */
	low_warn(cmd, station);
	if (err)
		return cmd_fail(cmd, err);
	return inject_short(cmd, plan, &summary.done);
}

/* --form, and --layout with it. */
static enum err
form_choose(struct cmd *cmd, struct buf *layout, struct station_inject *plan)
{
	const char *name = cmd_value(cmd, "form");
	const char *path = cmd_value(cmd, "layout");
	enum err err = ERR_OK;

	if (path != NULL && (name == NULL || strcmp(name, "image") != 0))
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "--layout goes with --form image");
	if (name != NULL)
		err = package_form_find(name, &plan->form, &cmd->diag);
	layout->limit = PACKAGE_LAYOUT_MAX;
	if (!err && path != NULL)
		err = io_read_file(cmd->io, path, layout, &cmd->diag);
	plan->layout = buf_bytes(layout);
	return err;
}

static const char *
text_of(const struct cmd *cmd, const char *name)
{
	const char *text = cmd_value(cmd, name);

	return text != NULL ? text : "";
}

enum exit_code
station_cmd_inject(struct cmd *cmd)
{
	_cleanup_station_ struct station station = STATION_INIT;
	_cleanup_buf_ struct buf layout = BUF_INIT;
	struct station_inject plan = {
		.command = cmd_value(cmd, "command"), .environment = environ,
		.stop = inject_stop, .progress = inject_progress
	};
	uint64_t jobs = 1, timeout_s = TIMEOUT_S;
	struct progress progress;
	enum exit_code code;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "inject takes options only");
	if (plan.command == NULL)
		return cmd_usage(cmd, "--command is needed");
	if (plan.command[strspn(plan.command, " \t\n")] == '\0')
		return cmd_usage(cmd, "--command is empty: which plug-in?");
	plan.serial = cmd_value(cmd, "serial");
	plan.badge = text_of(cmd, "badge");
	plan.mes_order = text_of(cmd, "mes-order");
	if (plan.serial != NULL && (cmd_flag(cmd, "count") ||
	    cmd_flag(cmd, "jobs")))
		return cmd_usage(cmd, "--serial is for one device: no --count"
		    " and no --jobs");
	err = cmd_number(cmd, "count", 1, UINT64_MAX, UINT64_MAX,
	    &plan.count);
	if (!err)
		err = cmd_number(cmd, "jobs", 1, STATION_JOBS_MAX, 1, &jobs);
	if (!err)
		err = cmd_number(cmd, "timeout", 1, TIMEOUT_MAX_S, TIMEOUT_S,
		    &timeout_s);
	if (!err)
		err = form_choose(cmd, &layout, &plan);
	if (!err)
		err = station_get(cmd, STATION_WORK, &station);
	if (err)
		return cmd_fail(cmd, err);
	moved_warn(cmd, &station);
	if (plan.serial != NULL)
		plan.count = 1;
	plan.ctx = &progress;
	plan.jobs = (unsigned)jobs;
	plan.timeout_s = (unsigned)timeout_s;
	plan.keep_going = cmd_flag(cmd, "keep-going");
	code = inject_run(cmd, &station, &plan);
	anchor_move(cmd, &station);
	return code;
}
