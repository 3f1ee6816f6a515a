#include <errno.h>
#include <unistd.h>

#include "cmd/imprint-device/agent.h"
#include "lib/base/clock.h"

#define UNSEAL_MORE	32	/* imprint_device_unseal() */

static enum err
package_read(struct cmd *cmd, struct secret *package)
{
	ssize_t n;
	enum err err;

	/* one byte more, to tell what is too large */
	err = secret_alloc(package, IMPRINT_DEVICE_PACKAGE_MAX + 1);
	if (err)
		return diag_nomem(&cmd->diag);
	while (package->len < package->cap) {
		n = read(STDIN_FILENO, package->ptr + package->len,
		    package->cap - package->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_fail(&cmd->diag, ERR_IO, NULL,
			    "standard input: %s", strerror(errno));
		if (n == 0)
			break;
		package->len += (size_t)n;
	}
	if (package->len > 0)
		return ERR_OK;
	diag_fail(&cmd->diag, ERR_INVALID, NULL,
	    "no package on standard input");
	diag_hint(&cmd->diag, "imprint-device install < package");
	return ERR_INVALID;
}

/* What is sealed to this device's chip, opened; input then is that. */
static enum err
package_unseal(struct cmd *cmd, struct agent *agent, struct secret *room,
    struct imprint_bytes *input, struct imprint_device_report *ret_report)
{
	enum err err;

	ret_report->verdict = IMPRINT_DEVICE_ACCEPT;
	if (!imprint_device_is_sealed(*input))
		return ERR_OK;
	err = secret_alloc(room, input->len + UNSEAL_MORE);
	if (err)
		return diag_nomem(&cmd->diag);
	err = agent_error(cmd, imprint_device_unseal(agent->device.crypto,
	    agent->device.keys, *input, room->ptr, room->cap, &room->len,
	    ret_report));
	input->ptr = room->ptr;
	input->len = room->len;
	return err;
}

static void
result_json(enum imprint_device_install install,
    const struct imprint_device_identity *identity,
    const struct imprint_device_report *report)
{
	printf("{\"installed\": %s, \"before\": %s, ",
	    install != IMPRINT_DEVICE_REFUSED ? "true" : "false",
	    install == IMPRINT_DEVICE_INSTALLED_BEFORE ? "true" : "false");
	agent_json_report(report);
	printf(", \"ueid\": \"");
	agent_put_hex(stdout, identity->ueid);
	printf("\"}\n");
}

static enum exit_code
result_print(struct cmd *cmd, enum imprint_device_install install,
    struct imprint_bytes package,
    const struct imprint_device_identity *identity,
    const struct imprint_device_report *report)
{
	if (cmd->json)
		result_json(install, identity, report);
	if (install == IMPRINT_DEVICE_REFUSED) {
		agent_refuse(cmd, report, package);
		return EXIT_REFUSED;
	}
	if (report->verdict == IMPRINT_DEVICE_UNKNOWN_TIME)
		cmd_warn(cmd, "the clock is behind a time that has certainly"
		    " been: the times of this identity were not judged");
	if (cmd->json)
		return EXIT_OK;
	printf("%s ", install == IMPRINT_DEVICE_INSTALLED ? "installed" :
	    "installed before:");
	agent_put_hex(stdout, identity->ueid);
	printf("\n");
	return EXIT_OK;
}

enum exit_code
agent_install(struct cmd *cmd)
{
	_cleanup_secret_ struct secret package = SECRET_INIT;
	_cleanup_secret_ struct secret room = SECRET_INIT;
	_cleanup_file_ struct file lock = FILE_INIT;
	_cleanup_agent_ struct agent agent = AGENT_INIT;
	struct imprint_device_identity identity = { .key_count = 0 };
	struct imprint_device_report report;
	enum imprint_device_install install;
	struct imprint_bytes input;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "install takes its package on standard"
		    " input, no arguments");
	err = agent_open(cmd, &agent);
	if (!err)
		err = package_read(cmd, &package);
	if (!err)
		err = agent_enter(cmd, &agent, &lock);
	input.ptr = package.ptr;
	input.len = package.len;
	if (!err)
		err = package_unseal(cmd, &agent, &room, &input, &report);
	if (err)
		return cmd_fail(cmd, err);
	if (report.verdict != IMPRINT_DEVICE_ACCEPT)
		return result_print(cmd, IMPRINT_DEVICE_REFUSED, input,
		    &identity, &report);
	err = agent_error(cmd, imprint_device_install(&agent.device, input,
	    time_now(), cmd_flag(cmd, "replace"), &identity, &report,
	    &install));
	if (!err && install == IMPRINT_DEVICE_INSTALLED_BEFORE)
		err = agent_blocks_sync(&agent.files.files,
		    &agent.files.slots);
	if (err)
		return cmd_fail(cmd, err);
	/* it may be what is stored that this program does not know */
	if (imprint_device_package_version(input) ==
	    IMPRINT_DEVICE_PACKAGE_VERSION)
		input = agent.device.record;
	return result_print(cmd, install, input, &identity, &report);
}
