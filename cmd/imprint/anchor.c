/* The rollback anchor, and the way on when the clock was wrong. */
#include "cmd/imprint/daemon.h"
#include "lib/authority/anchor.h"
#include "lib/authority/operation.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

static const char *const kinds[] = { "none", "file", "program" };

enum err
ecosystem_open_accepting(struct cmd *cmd, unsigned accept, bool alone,
    struct authority **ret_authority)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_secret_ struct secret passphrase = SECRET_INIT;
	char dir[PATH_SIZE];
	enum err err;

	err = ecosystem_dir(cmd, dir);
	if (!err)
		err = cmd_check_root(cmd, dir);
	if (!err)
		err = authority_open(cmd->io, dir, AUTHORITY_WRITE,
		    &authority, &cmd->diag);
	if (err == ERR_BUSY && alone)
		daemon_in_the_way(cmd, dir);
	else if (!alone && daemon_may(err) && daemon_join(cmd, dir))
		err = authority_open(cmd->io, dir, AUTHORITY_READ,
		    &authority, &cmd->diag);
	if (!err)
		err = passphrase_get(cmd, false, &passphrase);
	if (err)
		return err;
	authority_accept(authority, accept);
	err = authority_unlock(authority, secret_bytes(&passphrase),
	    time_now(), &cmd->diag);
	if (err)
		return err;
	*ret_authority = authority;
	authority = NULL;	/* transferred */
	return ERR_OK;
}

enum err
anchor_submit(struct cmd *cmd, struct authority *authority,
    const char *path, bool program)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct anchor_place place = { .kind = path == NULL ? ANCHOR_NONE :
	    program ? ANCHOR_COMMAND : ANCHOR_FILE };
	enum err err;

	if (path != NULL && (path[0] != '/' || snprintf(place.path,
	    sizeof(place.path), "%s", path) >= (int)sizeof(place.path)))
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "anchor \"%s\": give the absolute path, it is used from "
		    "any directory", path);
	err = request_put_anchor(&body, &place);
	if (!err)
		err = request_submit(cmd, authority, REQUEST_ANCHOR,
		    buf_bytes(&body), &result);
	return err;
}

enum exit_code
anchor_set_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	bool program = cmd_flag(cmd, "program"), none = cmd_flag(cmd, "none");
	const char *path;
	enum err err;

	if (cmd->argc != (none ? 0 : 1) || (none && program))
		return cmd_usage(cmd, "anchor set takes one path, or --none");
	path = none ? "" : cmd->argv[0];
	/* a server that runs can start no program */
	err = ecosystem_open_accepting(cmd, AUTHORITY_ANCHOR, program,
	    &authority);
	if (!err)
		err = anchor_submit(cmd, authority, none ? NULL : path,
		    program);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json) {
		(void)printf("{\"kind\":\"%s\",\"path\":", kinds[none ?
		    ANCHOR_NONE : program ? ANCHOR_COMMAND : ANCHOR_FILE]);
		json_string(stdout, path, strlen(path));
		(void)printf("}\n");
	} else if (none)
		(void)printf("no anchor: a registry put back goes "
		    "unnoticed\n");
	else
		(void)printf("anchor: %s %s\n", program ? "program" : "file",
		    path);
	return EXIT_OK;
}

static void
anchor_print(const struct anchor *anchor, const struct anchor_place *place,
    bool json)
{
	char when[TIME_TEXT_SIZE];
	size_t i;

	time_format(anchor->time, when);
	if (json) {
		(void)printf("{\"kind\":\"%s\",\"path\":",
		    kinds[place->kind]);
		json_string(stdout, place->path, strlen(place->path));
		(void)printf(",\"epoch\":%u,\"time\":\"%s\",\"logs\":{",
		    anchor->epoch, when);
	} else
		(void)printf("kept in  %s %s\nepoch    %u\ntime     %s\n",
		    kinds[place->kind], place->path, anchor->epoch, when);
	for (i = 0; i < anchor->count; i++) {
		const struct anchor_log *log = &anchor->logs[i];

		(void)printf(json ? "%s\"%s\":{\"size\":%llu,\"root\":\"" :
		    "%slog      %s %llu ", json && i > 0 ? "," : "",
		    log->name, (unsigned long long)log->size);
		hex_print(stdout, bytes_of(log->root, SHA256_SIZE));
		(void)printf(json ? "\"}" : "\n");
	}
	if (json)
		(void)printf("}}\n");
}

enum exit_code
anchor_show_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct anchor_place place;
	struct anchor anchor;
	enum err err;

	if (cmd->argc != 0)
		return cmd_usage(cmd, "anchor show takes no arguments");
	err = ecosystem_open(cmd, AUTHORITY_READ, true, &authority);
	if (!err)
		err = anchor_place(authority, &place, &cmd->diag);
	if (!err && place.kind == ANCHOR_FILE)
		err = anchor_read(authority, place.path, &anchor,
		    &cmd->diag);
	else if (!err)
		err = anchor_now(authority, time_now(), &anchor, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	anchor_print(&anchor, &place, cmd->json);
	return EXIT_OK;
}

enum exit_code
clock_accept_cmd(struct cmd *cmd)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	_cleanup_authority_ struct authority *authority = NULL;
	char text[TIME_TEXT_SIZE];
	int64_t now = time_now();
	enum err err;

	if (cmd->argc != 0)
		return cmd_usage(cmd, "clock accept takes no arguments");
	err = ecosystem_open_accepting(cmd, AUTHORITY_CLOCK, false,
	    &authority);
	cbor_put_int(&body, now);
	if (!err)
		err = buf_err(&body);
	if (!err)
		err = request_submit(cmd, authority, REQUEST_CLOCK,
		    buf_bytes(&body), &result);
	if (err)
		return cmd_fail(cmd, err);
	time_format(now, text);
	if (cmd->json)
		(void)printf("{\"time\":\"%s\"}\n", text);
	else
		(void)printf("the clock's %s is right, on record\n", text);
	return EXIT_OK;
}
