#include "cmd/common/cmd.h"
#include "verify/service/service.h"

int imprint_verify_main(int argc, char **argv, const struct io *io);

#define LISTEN		"127.0.0.1:8446"
#define MAX_AGE_MAX	(UINT64_C(1) << 40)

/* To the journal, or whoever reads standard error. */
static void
told(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "imprint-verify: %s\n", text);
}

static enum err
gate_set_up(struct cmd *cmd, struct gate *gate)
{
	uint64_t max_age_s = 0;
	enum err err;

	gate->io = cmd->io;
	gate->tell = told;
	gate->trust = cmd_value(cmd, "trust");
	gate->pattern_count = cmd_values(cmd, "status", gate->patterns,
	    GATE_PATTERNS_MAX);
	err = cmd_number(cmd, "max-age", 1, MAX_AGE_MAX, 0, &max_age_s);
	if (!err)
		err = gate_open(gate, (int64_t)max_age_s, &cmd->diag);
	if (err)
		return err;
	gate_look(gate);
	if (gate->file_count == 0)
		cmd_warn(cmd, "no publication of status yet: %s",
		    max_age_s > 0 ? "everybody is denied" :
		    "who was revoked is let in");
	return ERR_OK;
}

static enum exit_code
serve(struct cmd *cmd)
{
	_cleanup_http_server_ struct http_server *server = NULL;
	_cleanup_gate_ struct gate gate = GATE_INIT;
	const char *listen = cmd_value(cmd, "listen");
	char address[HTTP_ADDRESS_SIZE];
	uint16_t port = 0;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "serve takes no arguments");
	if (cmd_value(cmd, "trust") == NULL)
		return cmd_usage(cmd, "whom to trust? --trust trust.pem");
	if (cmd_value(cmd, "max-age") != NULL &&
	    cmd_value(cmd, "status") == NULL)
		return cmd_usage(cmd, "--max-age without --status would deny"
		    " everybody");
	err = service_address(listen != NULL ? listen : LISTEN, address,
	    &port, &cmd->diag);
	/* first: a SIGHUP while much status is read must not end it */
	if (!err)
		err = service_new(&gate, address, port, &server, &cmd->diag);
	if (!err)
		err = gate_set_up(cmd, &gate);
	if (err)
		return cmd_fail(cmd, err);
	printf("listening on %s\n", http_server_address(server));
	(void)fflush(stdout);
	err = http_server_run(server, &cmd->diag);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

static const struct cmd_option serve_options[] = {
	{ "trust", "FILE", "trust.pem of the ecosystem; read again on SIGHUP" },
	{ "status", "PATTERN", "CRLs and status lists, read whenever they"
	    " change; may be given several times" },
	{ "max-age", "SECONDS", "deny what no publication made within that"
	    " time tells of" },
	{ "listen", "ADDRESS:PORT", "of this machine alone (" LISTEN "); port"
	    " 0: any" },
	{ NULL, NULL, NULL }
};

static const struct cmd_command commands[] = {
	{ "serve", "", "answer services until SIGTERM", serve_options,
	    "imprint-verify serve --trust trust.pem --status"
	    " '/srv/imprint/{crl,status}/*.c[rw][lt]' --max-age 86400\n",
	    serve },
	{ NULL, NULL, NULL, NULL, NULL, NULL }
};

int
imprint_verify_main(int argc, char **argv, const struct io *io)
{
	static const struct cmd_program program = {
		.name = "imprint-verify",
		.summary = "is this device really mine, and may it do this?"
		    " over HTTP, for services on this machine",
		.commands = commands,
		.notes = "To check files once: imprint identity verify\n"
	};

	return cmd_main(&program, argc, argv, io);
}
