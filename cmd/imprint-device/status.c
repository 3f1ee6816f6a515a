#include "cmd/imprint-device/field.h"
#include "lib/base/clock.h"

#define LIST_MAX	((size_t)270 << 10)
#define CERTIFICATE_MAX	((size_t)8 << 10)

static enum err
file_get(struct cmd *cmd, const char *path, size_t limit, struct buf *out)
{
	out->limit = limit;
	return path == NULL ? ERR_OK :
	    io_read_file(cmd->io, path, out, &cmd->diag);
}

static void
standing_print(const struct cmd *cmd,
    const struct imprint_device_standing *standing)
{
	const char *verdict = imprint_device_verdict_name(standing->verdict);
	char issued[TIME_TEXT_SIZE] = "", expires[TIME_TEXT_SIZE] = "";

	if (standing->issued != 0) {
		time_format(standing->issued, issued);
		time_format(standing->expires, expires);
	}
	if (cmd->json) {
		printf("{\"verdict\": \"%s\", \"reason\": \"%s\","
		    " \"issued\": \"%s\", \"expires\": \"%s\"}\n", verdict,
		    standing->reason, issued, expires);
		return;
	}
	printf("%-10s%s%s%s\n", "status", verdict,
	    standing->reason[0] != '\0' ? ": " : "", standing->reason);
	if (standing->issued != 0)
		printf("%-10s%s\n%-10s%s\n", "issued", issued, "expires",
		    expires);
}

static const char *
place_name(const struct field *f)
{
	if (field_is_pending(f))
		return f->state.answered ? "installing" : "asking";
	return field_is_done(f) ? "field" : "factory";
}

static void
place_json(const struct field *f, const struct field_due *due,
    const char *expires, const char *at)
{
	printf("{\"ueid\": \"");
	agent_put_hex(stdout, f->agent.device.identity.ueid);
	printf("\", \"identity\": \"%s\", ", place_name(f));
	agent_json_report(&f->agent.device.report);
	printf(", \"expires\": \"%s\", \"request\": ", expires);
	if (field_is_pending(f))
		printf("\"%s\"", field_type_name(
		    (enum field_type)f->state.type));
	else
		printf("null");
	printf(", \"refusals\": %ju, \"next\": \"%s\", \"at\": \"%s\"}\n",
	    (uintmax_t)f->state.refusals, field_type_name(due->type), at);
}

static void
place_print(const struct field *f, const struct field_due *due)
{
	const struct imprint_device_report *report = &f->agent.device.report;
	char expires[TIME_TEXT_SIZE] = "never", at[TIME_TEXT_SIZE] = "never";

	if (report->expires < IMPRINT_DEVICE_TIME_NEVER)
		time_format(report->expires, expires);
	if (due->at < TIME_MAX_S)
		time_format(due->at, at);
	if (f->cmd->json) {
		place_json(f, due, expires, at);
		return;
	}
	printf("%-10s", "ueid");
	agent_put_hex(stdout, f->agent.device.identity.ueid);
	printf("\n%-10s%s\n", "identity", place_name(f));
	printf("%-10s%s%s%s\n", "verdict",
	    imprint_device_verdict_name(report->verdict),
	    report->reason[0] != '\0' ? ": " : "", report->reason);
	printf("%-10s%s\n", "expires", expires);
	if (field_is_pending(f))
		printf("%-10s%s, refused %ju times\n", "request",
		    field_type_name((enum field_type)f->state.type),
		    (uintmax_t)f->state.refusals);
	printf("%-10s%s, %s\n", "next", field_type_name(due->type),
	    due->at == 0 ? "now" : at);
}

/* How the device stands with the field; nothing is asked. */
static enum exit_code
place_show(struct cmd *cmd)
{
	_cleanup_field_ struct field f = FIELD_INIT;
	struct field_due due;
	enum err err;

	f.cmd = cmd;
	err = field_open(&f);
	if (!err)
		err = field_due(&f, &due);
	if (err)
		return cmd_fail(cmd, err);
	place_print(&f, &due);
	return f.agent.device.report.verdict == IMPRINT_DEVICE_ACCEPT ?
	    EXIT_OK : EXIT_REFUSED;
}

enum exit_code
agent_status(struct cmd *cmd)
{
	_cleanup_agent_ struct agent agent = AGENT_INIT;
	_cleanup_buf_ struct buf list = BUF_INIT, signer = BUF_INIT;
	const char *path = cmd_value(cmd, "list");
	struct imprint_device_standing standing;
	struct imprint_device_trust trust;
	enum err err;

	if (cmd->argc > 0 || (path == NULL && cmd_value(cmd, "signer")))
		return cmd_usage(cmd, "status takes options only, and"
		    " --signer goes with --list");
	if (path == NULL)
		return place_show(cmd);
	err = agent_open(cmd, &agent);
	if (!err)
		err = agent_load(cmd, &agent);
	if (err)
		return cmd_fail(cmd, err);
	/* an expired identity may still have been revoked */
	if (agent.device.report.step[IMPRINT_DEVICE_STEP_KEYS] !=
	    IMPRINT_DEVICE_ACCEPT) {
		agent_refuse(cmd, &agent.device.report, agent.device.record);
		return EXIT_REFUSED;
	}
	err = file_get(cmd, path, LIST_MAX, &list);
	if (!err)
		err = file_get(cmd, cmd_value(cmd, "signer"),
		    CERTIFICATE_MAX, &signer);
	if (err)
		return cmd_fail(cmd, err);
	trust = (struct imprint_device_trust){ .now = time_now(),
		.floor = agent.device.report.floor };
	err = agent_error(cmd, imprint_device_status(agent.device.crypto,
	    &agent.device.identity,
	    (struct imprint_bytes){ list.ptr, list.len },
	    (struct imprint_bytes){ signer.ptr, signer.len }, &trust,
	    &standing));
	if (!err)
		err = agent_time_keep(cmd, &agent, standing.floor);
	if (err)
		return cmd_fail(cmd, err);
	standing_print(cmd, &standing);
	return standing.verdict == IMPRINT_DEVICE_ACCEPT ? EXIT_OK :
	    EXIT_REFUSED;
}
