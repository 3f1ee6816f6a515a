/* Files that go to a server before the request that names them, in parts. */
#include <string.h>

#include "cmd/imprint/daemon.h"
#include "cmd/imprint/remote.h"
#include "lib/proto/local.h"

#define PART_MAX	((size_t)48 << 10)
#define AS_FILE		""
#define AS_DEVICES	"as=devices&"
#define AS_ABOUT	"as=about&"
#define TARGET_SIZE	80

static enum err
part_send(struct cmd *cmd, const char *as, uint64_t at, struct bytes part)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	char target[TARGET_SIZE];
	uint64_t size = 0;
	enum err err;

	(void)snprintf(target, sizeof(target), "/v1/files?%sat=%llu&part=",
	    as, (unsigned long long)at);
	/* a part that was lost may come again */
	err = remote_ask_again(cmd, target, part, &answer);
	if (err)
		return err;
	err = json_get_number(answer, "size", UINT64_MAX / 2, 0, &size,
	    &cmd->diag);
	if (!err && size != at + part.len)
		err = diag_fail(&cmd->diag, ERR_IO, NULL, "another size");
	return err ? remote_answer_bad(cmd, err) : ERR_OK;
}

/* Told before an hour of parts, not after. */
static enum err
size_check(struct cmd *cmd, const struct file *file)
{
	uint64_t size = 0;
	enum err err;

	err = file_size(file, &size, &cmd->diag);
	if (err || size <= REMOTE_FILE_MAX)
		return err;
	err = diag_fail(&cmd->diag, ERR_LIMIT, NULL, "%s: larger than %llu "
	    "MiB", file->path, (unsigned long long)REMOTE_FILE_MAX >> 20);
	diag_hint(&cmd->diag, "hand it in on the server itself, without "
	    "--server");
	return err;
}

static enum err
file_send(struct cmd *cmd, const char *as, const struct file *file)
{
	_cleanup_buf_ struct buf room = BUF_INIT;
	uint8_t *octets = buf_extend(&room, PART_MAX);
	size_t len = PART_MAX;
	uint64_t at = 0;
	enum err err;

	if (octets == NULL)
		return diag_nomem(&cmd->diag);
	err = size_check(cmd, file);
	while (!err && len == PART_MAX) {
		err = file_read_upto(file, at, octets, PART_MAX, &len,
		    &cmd->diag);
		if (!err && len > 0)
			err = part_send(cmd, as, at, bytes_of(octets, len));
		at += len;
	}
	return err;
}

/* How it is to be read; after it, for beginning it forgets that. */
static enum err
about_send(struct cmd *cmd, const struct request_files *files)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct local_submit submit;
	enum err err;

	err = daemon_describe(files, &submit, &cmd->diag);
	if (err)
		return err;
	local_put_submit(&body, &submit);
	err = buf_err(&body);
	return err ? err : part_send(cmd, AS_ABOUT, 0, buf_bytes(&body));
}

static enum err
files_send(struct cmd *cmd, const struct request_files *files)
{
	enum err err = ERR_OK;

	if (files->file != NULL)
		err = file_send(cmd, AS_FILE, files->file);
	if (!err && files->devices != NULL)
		err = file_send(cmd, AS_DEVICES, files->devices->file);
	if (!err && files->devices != NULL)
		err = about_send(cmd, files);
	return err;
}

enum err
remote_submit_files(struct cmd *cmd, enum request_type type,
    struct bytes body, const struct request_files *files,
    struct buf *result)
{
	enum err err;

	err = files_send(cmd, files);
	/* its authority was started again meanwhile, or they expired */
	if (err == ERR_STATE)
		err = files_send(cmd, files);
	return err ? err : remote_submit(cmd, type, body, result);
}
