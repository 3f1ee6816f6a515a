#include "cmd/imprint/remote.h"

#include <stdio.h>

#include "lib/authority/approval.h"
#include "lib/authority/operator.h"
#include "lib/base/clock.h"

#define STATEMENT_MAX	((size_t)4 << 10)

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

	if (given == NULL && authority == NULL)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "operator %s: --key is needed: where its key goes", name);
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

static bool
name_fits(const char *name)
{
	return strchr(name, '/') == NULL && name[0] != '.';
}

static void
added_print(struct cmd *cmd, const char *name, const char *path)
{
	printf(cmd->json ? "{\"operator\": \"%s\", \"key\": " :
	    "operator %s, key in ", name);
	if (cmd->json)
		json_string(stdout, path, strlen(path));
	else
		printf("%s: keep it apart", path);
	printf(cmd->json ? "}\n" : "\n");
}

static enum err
key_write(struct cmd *cmd, const char *name, const char *out,
    char path[PATH_SIZE])
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct public_key key;
	enum err err = ERR_OK;

	/* somebody who is elsewhere has no ecosystem */
	if (cmd_value(cmd, "key") == NULL && !remote_there(cmd))
		err = ecosystem_open(cmd, AUTHORITY_READ, false, &authority);
	if (!err)
		err = key_make(cmd, authority, name, path, &key);
	if (!err)
		err = request_put_operator(&body, name, &key, BYTES_NONE);
	return err ? err : io_create_file(cmd->io, out, buf_bytes(&body),
	    0644, &cmd->diag);
}

enum exit_code
operator_key_cmd(struct cmd *cmd)
{
	const char *out = cmd_value(cmd, "out");
	char path[PATH_SIZE];
	enum err err;

	if (cmd->argc != 1 || out == NULL || !name_fits(cmd->argv[0]))
		return cmd_usage(cmd, "one NAME and --out are needed");
	err = key_write(cmd, cmd->argv[0], out, path);
	if (err)
		return cmd_fail(cmd, err);
	added_print(cmd, cmd->argv[0], path);
	return EXIT_OK;
}

/* The public half, as 'operator key' wrote it. */
static enum err
statement_read(struct cmd *cmd, const char *path,
    char name[STORE_NAME_MAX + 1], struct public_key *key, struct buf *out)
{
	struct bytes approval = BYTES_NONE;
	enum err err;

	err = input_read(cmd, path, STATEMENT_MAX, out);
	if (!err)
		err = request_get_operator(buf_bytes(out), name, key,
		    &approval, &cmd->diag);
	if (!err && approval.len > 0)
		err = diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "is no operator's public key alone");
	if (err)
		diag_prefix(&cmd->diag, "%s", path);
	return err;
}

static void
approved_print(struct cmd *cmd, const char *name,
    const struct public_key *key)
{
	uint8_t kid[COSE_KID_SIZE] = { 0 };

	if (cose_key_thumbprint(key, kid) != ERR_OK)
		memset(kid, 0, sizeof(kid));
	printf(cmd->json ? "{\"operator\": \"%s\", \"key_id\": \"" :
	    "operator %s, key id ", name);
	hex_print(stdout, bytes_of(kid, sizeof(kid)));
	printf(cmd->json ? "\"}\n" : "\n");
}

enum exit_code
operator_approve_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT;
	const char *out = cmd_value(cmd, "out");
	char name[STORE_NAME_MAX + 1];
	struct public_key key;
	enum err err;

	if (cmd->argc != 1 || out == NULL)
		return cmd_usage(cmd, "one FILE and --out are needed");
	err = statement_read(cmd, cmd->argv[0], name, &key, &body);
	if (!err)
		err = ecosystem_open_approving(cmd, &authority);
	if (!err)
		err = approval_write(cmd, authority, APPROVAL_OPERATOR,
		    buf_bytes(&body), out);
	if (err)
		return cmd_fail(cmd, err);
	approved_print(cmd, name, &key);
	return EXIT_OK;
}

/* A key made here, for the second operator alone: a third one's is approved
 * first. */
static enum err
alone_check(struct cmd *cmd, struct authority *authority)
{
	const char *public = cmd_value(cmd, "public");
	uint64_t operators = 0;
	enum err err;

	err = approval_operators(authority, &operators, &cmd->diag);
	if (err || public != NULL || operators < 2)
		return err;
	(void)diag_fail(&cmd->diag, ERR_AUTH, NULL, "operator: there are %ju: "
	    "another one than you must approve the next", (uintmax_t)operators);
	diag_hint(&cmd->diag, "'imprint operator key NAME --out FILE', another "
	    "operator: 'imprint operator approve FILE --out APPROVAL', you: "
	    "'imprint operator add NAME --public FILE --approval APPROVAL'");
	return ERR_AUTH;
}

static enum err
operator_add(struct cmd *cmd, const char *name, char path[PATH_SIZE])
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	_cleanup_buf_ struct buf statement = BUF_INIT, approval = BUF_INIT;
	const char *public = cmd_value(cmd, "public");
	const char *given = cmd_value(cmd, "approval");
	char said[STORE_NAME_MAX + 1] = "";
	struct public_key key;
	enum err err = ERR_OK;

	if (given != NULL)
		err = input_read(cmd, given, APPROVAL_SIZE_MAX, &approval);
	if (!err && public != NULL)
		err = statement_read(cmd, public, said, &key, &statement);
	if (!err && public != NULL && strcmp(said, name) != 0)
		err = diag_fail(&cmd->diag, ERR_INVALID, NULL, "%s: is of "
		    "operator %s", public, said);
	if (!err)
		err = ecosystem_open_requests(cmd, &authority);
	if (!err && authority != NULL)
		err = alone_check(cmd, authority);
	if (!err && public == NULL)
		err = key_make(cmd, authority, name, path, &key);
	if (!err)
		err = request_put_operator(&body, name, &key,
		    buf_bytes(&approval));
	return err ? err : request_submit(cmd, authority,
	    REQUEST_OPERATOR_ADD, buf_bytes(&body), &result);
}

enum exit_code
operator_add_cmd(struct cmd *cmd)
{
	const char *public = cmd_value(cmd, "public");
	char path[PATH_SIZE];
	enum err err;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "one NAME is needed");
	if (!name_fits(cmd->argv[0]))
		return cmd_usage(cmd, "\"%s\": a name, not a path",
		    cmd->argv[0]);
	err = operator_add(cmd, cmd->argv[0], path);
	if (err)
		return cmd_fail(cmd, err);
	if (public == NULL)
		added_print(cmd, cmd->argv[0], path);
	else
		printf(cmd->json ? "{\"operator\": \"%s\"}\n" :
		    "operator %s\n", cmd->argv[0]);
	return EXIT_OK;
}

enum exit_code
operator_trust_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf root = BUF_INIT, text = BUF_INIT;
	const char *out = cmd_value(cmd, "out");
	enum err err;

	if (cmd->argc != 0 || out == NULL)
		return cmd_usage(cmd, "--out is needed, and nothing else");
	err = ecosystem_open(cmd, AUTHORITY_READ, false, &authority);
	if (!err)
		err = authority_certificate(authority, KEY_ROOT, &root,
		    &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	remote_trust_put(&text, buf_bytes(&root),
	    authority_info(authority)->id);
	err = buf_err(&text);
	if (!err)
		err = io_write_file(cmd->io, out, buf_bytes(&text), 0644,
		    &cmd->diag);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
