#include "cmd/imprint/imprint.h"

#include "lib/base/clock.h"

/* HOME and HOME/ecosystems. */
static enum err
parents_make(struct cmd *cmd, const char *dir)
{
	char path[PATH_SIZE];
	char *slash;
	int level;
	enum err err = ERR_OK;

	for (level = 2; level >= 1 && !err; level--) {
		int up;

		(void)snprintf(path, sizeof(path), "%s", dir);
		for (up = 0; up < level; up++) {
			slash = strrchr(path, '/');
			if (slash == NULL || slash == path)
				return ERR_OK;
			*slash = '\0';
		}
		err = cmd_check_root(cmd, path);
		if (!err)
			err = io_mkdir(cmd->io, path, 0700, &cmd->diag);
	}
	return err;
}

static void
result_print(struct cmd *cmd, const char *dir, const char *name)
{
	if (cmd->json) {
		(void)fputs("{\"ecosystem\": ", stdout);
		json_string(stdout, name, strlen(name));
		(void)fputs(", \"directory\": ", stdout);
		json_string(stdout, dir, strlen(dir));
		(void)fputs("}\n", stdout);
		return;
	}
	printf("ecosystem %s is in %s\n"
	    "  keystore             root, issuing CAs, document and log keys\n"
	    "  operators/           the first operator's key: keep it apart\n"
	    "  publish/trust.pem    what stations and services trust\n"
	    "%snext: imprint product add FILE\n", name, dir,
	    cmd_flag(cmd, "anchor") ? "" : "no rollback anchor: name a file "
	    "elsewhere with 'imprint anchor set'\n");
}

enum exit_code
init_run_cmd(struct cmd *cmd)
{
	_cleanup_secret_ struct secret passphrase = SECRET_INIT;
	_cleanup_secret_ struct secret operator= SECRET_INIT;
	struct authority_init request = { .now = time_now() };
	char dir[PATH_SIZE];
	enum err err;

	if (cmd->argc != 0)
		return cmd_usage(cmd, "init takes no arguments");
	request.publish_url = cmd_value(cmd, "publish-url");
	if (request.publish_url == NULL)
		return cmd_usage(cmd, "--publish-url is needed: it stands in "
		    "every certificate");
	request.anchor = cmd_value(cmd, "anchor");
	err = ecosystem_dir(cmd, dir);
	if (err)
		return cmd_fail(cmd, err);
	request.dir = dir;
	request.name = setting(cmd, "ecosystem", "default");
	request.operator_name = setting(cmd, "operator", "admin");
	if (io_exists(cmd->io, dir)) {
		err = diag_fail(&cmd->diag, ERR_EXISTS, NULL,
		    "%s: is there already; nothing was changed", dir);
		diag_hint(&cmd->diag, "choose another --ecosystem or --home");
		return cmd_fail(cmd, err);
	}
	err = passphrase_get(cmd, true, &passphrase);
	if (!err)
		err = operator_passphrase_get(cmd, true, &operator);
	if (!err)
		err = parents_make(cmd, dir);
	if (err)
		return cmd_fail(cmd, err);
	request.passphrase = secret_bytes(&passphrase);
	request.operator_passphrase = secret_bytes(&operator);
	err = authority_init(cmd->io, &request, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	result_print(cmd, dir, request.name);
	return EXIT_OK;
}
