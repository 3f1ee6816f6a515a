#include "cmd/imprint/imprint.h"

#include <stdio.h>

#include "lib/authority/operator.h"

/* A key file of the new operator's own, in the usual place or where --key
 * says; its passphrase is theirs. */
static enum err
key_make(struct cmd *cmd, struct authority *authority, const char *name,
    char path[PATH_SIZE], struct public_key *ret_key)
{
	_cleanup_secret_ struct secret passphrase = SECRET_INIT;
	const struct cmd_passphrase ask = { .name = "new-passphrase",
	    .prompt = "Passphrase of the new operator's key",
	    .confirm = true };
	const char *given = cmd_value(cmd, "key");
	int len;
	enum err err;

	len = given != NULL ? snprintf(path, PATH_SIZE, "%s", given) :
	    snprintf(path, PATH_SIZE, "%s/operators/%s.key",
	    authority_dir(authority), name);
	if (len >= PATH_SIZE)
		return diag_fail(&cmd->diag, ERR_LIMIT, NULL,
		    "operator %s: the path is too long", name);
	err = cmd_passphrase(cmd, &ask, &passphrase);
	return err ? err : operator_key_create(cmd->io, path,
	    secret_bytes(&passphrase), ret_key, &cmd->diag);
}

enum exit_code
operator_add_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct public_key key;
	char path[PATH_SIZE];
	const char *name;
	enum err err;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "one NAME is needed");
	name = cmd->argv[0];
	if (strchr(name, '/') != NULL || name[0] == '.')
		return cmd_usage(cmd, "\"%s\": a name, not a path", name);
	err = ecosystem_open(cmd, AUTHORITY_WRITE, true, &authority);
	if (!err)
		err = key_make(cmd, authority, name, path, &key);
	if (!err)
		err = request_put_operator(&body, name, &key);
	if (!err)
		err = request_submit(cmd, authority, REQUEST_OPERATOR_ADD,
		    buf_bytes(&body), &result);
	if (err)
		return cmd_fail(cmd, err);
	printf(cmd->json ? "{\"operator\": \"%s\", \"key\": " :
	    "operator %s, key in ", name);
	if (cmd->json)
		json_string(stdout, path, strlen(path));
	else
		printf("%s: keep it apart", path);
	printf(cmd->json ? "}\n" : "\n");
	return EXIT_OK;
}
