#include "cmd/imprint-device/agent.h"

static const char *const what[IMPRINT_DEVICE_STEP_COUNT] = {
	"the package reads as one",
	"its root is a trust anchor of its document",
	"the document's signer has a certificate up to the root",
	"the document is signed by that signer, unaltered",
	"the device's certificates lead up to the root",
	"the private keys are those of the document",
	"nothing has expired, nothing lies in the future"
};

/* How the document is signed. */
static const char *
signature(const struct agent *agent)
{
	return agent->device.identity.receipt.present ? "receipt" : "direct";
}

static void
steps_print(const struct agent *agent)
{
	const struct imprint_device_report *report = &agent->device.report;
	enum imprint_device_verdict verdict;
	unsigned i;

	for (i = 0; i < IMPRINT_DEVICE_STEP_COUNT; i++) {
		verdict = report->step[i];
		printf("%-14s", imprint_device_step_name(
		    (enum imprint_device_step)i));
		if (verdict == IMPRINT_DEVICE_ACCEPT)
			printf("ok    %s%s%s\n", what[i],
			    i == IMPRINT_DEVICE_STEP_SIGNATURE ? ": " : "",
			    i == IMPRINT_DEVICE_STEP_SIGNATURE ?
			    signature(agent) : "");
		else if (verdict == IMPRINT_DEVICE_DENY)
			printf("-     not reached\n");
		else
			printf("FAIL  %s: %s\n",
			    imprint_device_verdict_name(verdict),
			    report->reason);
	}
	printf("%-14s%s\n", "verdict",
	    imprint_device_verdict_name(report->verdict));
}

static void
steps_json(const struct agent *agent)
{
	const struct imprint_device_report *report = &agent->device.report;
	const char *text;
	unsigned i;

	printf("{");
	agent_json_report(report);
	printf(", \"steps\": [");
	for (i = 0; i < IMPRINT_DEVICE_STEP_COUNT; i++) {
		text = report->step[i] == IMPRINT_DEVICE_DENY ?
		    "not reached" : imprint_device_verdict_name(
		    report->step[i]);
		printf("%s{\"step\": \"%s\", \"verdict\": \"%s\"}",
		    i > 0 ? ", " : "", imprint_device_step_name(
		    (enum imprint_device_step)i), text);
	}
	printf("], \"signature\": \"%s\"}\n", signature(agent));
}

enum exit_code
agent_verify(struct cmd *cmd)
{
	_cleanup_agent_ struct agent agent = AGENT_INIT;
	const struct imprint_device_report *report;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "verify takes no arguments");
	err = agent_open(cmd, &agent);
	if (!err)
		err = agent_load(cmd, &agent);
	if (err)
		return cmd_fail(cmd, err);
	report = &agent.device.report;
	if (cmd->json)
		steps_json(&agent);
	else
		steps_print(&agent);
	if (report->verdict == IMPRINT_DEVICE_ACCEPT)
		return EXIT_OK;
	/* any other refusal of what is installed means that it is damaged */
	agent_hint(report->verdict == IMPRINT_DEVICE_UNKNOWN_TIME ||
	    report->verdict == IMPRINT_DEVICE_DENY_EXPIRED ||
	    report->verdict == IMPRINT_DEVICE_DENY_NOT_YET_VALID ||
	    report->verdict == IMPRINT_DEVICE_DENY_UNSUPPORTED ?
	    report->verdict : IMPRINT_DEVICE_DENY, agent.device.record);
	return EXIT_REFUSED;
}
