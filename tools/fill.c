/*
 * Fill a registry with synthetic identities, to see how it behaves when it is
 * large: imprint-fill log DIRECTORY --passphrase-file FILE --count N
 */
#include <stdio.h>

#include "bench/fill.h"
#include "cmd/common/cmd.h"
#include "lib/base/clock.h"
#include "lib/authority/request.h"

static void
fill_progress(void *ctx, uint64_t done)
{
	progress_update(ctx, done);
}

static enum exit_code
fill_cmd(struct cmd *cmd)
{
	const struct cmd_passphrase ask = { .name = "passphrase",
	    .prompt = "Passphrase of the keystore" };
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_secret_ struct secret passphrase = SECRET_INIT;
	uint64_t count = 0, template = 0;
	struct progress progress;
	enum err err;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which directory?");
	err = cmd_number(cmd, "count", 1, 10 * ORDER_COUNT_MAX, 1000, &count);
	if (!err)
		err = cmd_number(cmd, "template", 1, UINT32_MAX, 1,
		    &template);
	if (!err)
		err = authority_open(cmd->io, cmd->argv[0], AUTHORITY_WRITE,
		    &authority, &cmd->diag);
	if (!err)
		err = cmd_passphrase(cmd, &ask, &passphrase);
	if (!err)
		err = authority_unlock(authority, secret_bytes(&passphrase),
		    time_now(), &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	progress_start(&progress, "filling", "identities", 0, count);
	err = fill_identities(authority, (uint32_t) template, count,
	    fill_progress, &progress, &cmd->diag);
	progress_end(&progress);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

static const struct cmd_option options[] = {
	{ "count", "N", "how many identities (default 1000)" },
	{ "template", "N", "of which product's template (default 1, that of "
	    "the product added first)" },
	{ "passphrase-file", "FILE", "of the keystore" },
	{ "passphrase-fd", "N", "the same, from a descriptor" },
	{ NULL, NULL, NULL },
};

static const struct cmd_command commands[] = {
	{ "log", "DIRECTORY", "commit synthetic identities", options,
	    "  imprint-fill log ~/.imprint/ecosystems/default "
	    "--passphrase-file p \\\n      --count 1000000\n", fill_cmd },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};

static const struct cmd_program program = {
	.name = "imprint-fill",
	.summary = "fill an ecosystem's registry with synthetic identities",
	.commands = commands,
	.notes = "  for benchmarks: what it commits can never be rebuilt\n",
};

int
main(int argc, char **argv)
{
	return cmd_main(&program, argc, argv, io_posix());
}
