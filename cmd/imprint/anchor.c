/* The rollback anchor, and the two ways on when something does not fit. */
#include <dirent.h>
#include <stdlib.h>

#include "cmd/imprint/imprint.h"
#include "lib/authority/anchor.h"
#include "lib/authority/operation.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

/* Open for writing although what is accepted would refuse it. */
static enum err
open_accepting(struct cmd *cmd, unsigned accept,
    struct authority **ret_authority)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_secret_ struct secret passphrase = SECRET_INIT;
	char dir[PATH_SIZE];
	enum err err;

	err = ecosystem_dir(cmd, dir);
	if (!err)
		err = authority_open(cmd->io, dir, AUTHORITY_WRITE,
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
	enum err err;

	if (cmd->argc != (none ? 0 : 1) || (none && program))
		return cmd_usage(cmd, "anchor set takes one path, or --none");
	err = open_accepting(cmd, AUTHORITY_ANCHOR, &authority);
	if (!err)
		err = anchor_submit(cmd, authority, none ? NULL :
		    cmd->argv[0], program);
	if (!err && authority_warning(authority) != NULL)
		return EXIT_IO;		/* told by request_submit() */
	if (err)
		return cmd_fail(cmd, err);
	if (none)
		(void)printf("no anchor: a registry put back goes "
		    "unnoticed\n");
	else
		(void)printf("anchor: %s %s\n", program ? "program" : "file",
		    cmd->argv[0]);
	return EXIT_OK;
}

static void
anchor_print(const struct anchor *anchor, const struct anchor_place *place,
    bool json)
{
	static const char *const kinds[] = { "none", "file", "program" };
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

/* What was published before knows what this registry forgot: it is kept
 * before the next publication takes its place. */
static enum err
publication_keep(struct cmd *cmd, struct authority *authority,
    const char *folder, const char *kept)
{
	char from[PATH_SIZE], a[PATH_SIZE], b[PATH_SIZE];
	struct dirent *entry;
	enum err err;
	DIR *d;

	if (snprintf(from, sizeof(from), "%s/publish/%s",
	    authority_dir(authority), folder) >= (int)sizeof(from))
		return ERR_LIMIT;
	d = opendir(from);
	if (d == NULL)
		return ERR_OK;
	err = io_mkdir(cmd->io, kept, 0700, &cmd->diag);
	while (!err && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		err = path_join(a, from, entry->d_name);
		if (!err)
			err = path_join(b, kept, entry->d_name);
		if (!err)
			err = file_copy(cmd->io, a, b, 0600, &cmd->diag);
	}
	(void)closedir(d);
	return err;
}

static enum err
publications_keep(struct cmd *cmd, struct authority *authority,
    unsigned epoch)
{
	char kept[PATH_SIZE];
	enum err err;

	if (snprintf(kept, sizeof(kept), "%s/before-epoch-%u",
	    authority_dir(authority), epoch) >= (int)sizeof(kept))
		return ERR_LIMIT;
	err = publication_keep(cmd, authority, "crl", kept);
	if (!err)
		err = publication_keep(cmd, authority, "status", kept);
	if (!err && !cmd->json)
		(void)printf("what was published before is kept in %s: "
		    "revoke again what it calls revoked\n", kept);
	return err;
}

enum exit_code
epoch_begin_cmd(struct cmd *cmd)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf note = { .limit = ANCHOR_FILE_MAX };
	const char *reason = cmd_value(cmd, "reason");
	const char *path = cmd_value(cmd, "anchor");
	uint64_t epoch = 0, skip = 0;
	struct cbor cbor;
	enum err err;

	if (cmd->argc != 0 || reason == NULL)
		return cmd_usage(cmd, "epoch begin needs --reason TEXT, for "
		    "the record");
	err = open_accepting(cmd, AUTHORITY_ANCHOR | AUTHORITY_EPOCH,
	    &authority);
	if (!err)
		err = cmd_number(cmd, "skip", 0, UINT64_C(1) << 32, 0, &skip);
	if (!err && path != NULL)
		err = io_read_file(cmd->io, path, &note, &cmd->diag);
	if (!err)
		err = request_put_epoch(&body, reason, buf_bytes(&note),
		    skip);
	if (!err)
		err = request_submit(cmd, authority, REQUEST_EPOCH,
		    buf_bytes(&body), &result);
	if (err)
		return cmd_fail(cmd, err);
	cbor_open(&cbor, buf_bytes(&result));
	epoch = cbor_get_uint(&cbor);
	err = publications_keep(cmd, authority, (unsigned)epoch);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json)
		(void)printf("{\"epoch\":%llu}\n", (unsigned long long)epoch);
	else
		(void)printf("epoch %llu: what the anchor saw and this "
		    "registry does not know is suspended;\n"
		    "'imprint log export operations --json' lists it, "
		    "'imprint resume' or 'imprint revoke' decides\n",
		    (unsigned long long)epoch);
	return authority_warning(authority) != NULL ? EXIT_IO : EXIT_OK;
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
	err = open_accepting(cmd, AUTHORITY_CLOCK, &authority);
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
