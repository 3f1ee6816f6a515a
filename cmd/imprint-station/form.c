#include <unistd.h>

#include "cmd/imprint-station/commands.h"
#include "lib/identity/package_form.h"

static enum err
out_write(struct cmd *cmd, const char *path, struct bytes octets)
{
	if (path != NULL)
		return io_create_file(cmd->io, path, octets, 0600, &cmd->diag);
	if (fwrite(octets.ptr, 1, octets.len, stdout) == octets.len &&
	    fflush(stdout) == 0)
		return ERR_OK;
	return diag_fail(&cmd->diag, ERR_IO, NULL,
	    "standard output: not all was written");
}

static enum err
form_make(struct cmd *cmd, const struct package_form *form)
{
	_cleanup_secret_ struct secret package = SECRET_INIT;
	_cleanup_secret_ struct secret out = SECRET_INIT;
	_cleanup_buf_ struct buf layout = BUF_INIT;
	const char *path = cmd_value(cmd, "layout");
	enum err err = ERR_OK;

	layout.limit = PACKAGE_LAYOUT_MAX;
	if (path != NULL)
		err = io_read_file(cmd->io, path, &layout, &cmd->diag);
	path = cmd_value(cmd, "in");
	if (!err)
		err = io_read_secret(cmd->io, path != NULL ? path :
		    "/dev/stdin", PACKAGE_SIZE_MAX, &package, &cmd->diag);
	if (!err)
		err = package_form_put(form, secret_bytes(&package),
		    buf_bytes(&layout), &out, &cmd->diag);
	return err ? err : out_write(cmd, cmd_value(cmd, "out"),
	    secret_bytes(&out));
}

enum exit_code
station_cmd_form(struct cmd *cmd)
{
	const struct package_form *form = NULL;
	enum err err;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which form?");
	if (cmd_value(cmd, "out") == NULL && isatty(STDOUT_FILENO) == 1)
		return cmd_usage(cmd, "private keys do not go to a terminal: "
		    "--out FILE, or a pipe");
	err = package_form_find(cmd->argv[0], &form, &cmd->diag);
	if (!err)
		err = form_make(cmd, form);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
