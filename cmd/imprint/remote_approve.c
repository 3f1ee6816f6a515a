/* Approvals by way of a server: signed here, of what lies here. Nothing of an
 * answer says what is approved. */
#include <string.h>

#include "cmd/imprint/remote_rows.h"
#include "lib/authority/approval.h"
#include "lib/authority/operation.h"
#include "lib/base/clock.h"

static enum err
size_take(void *ctx, const struct json_value *item, struct diag *diag)
{
	uint64_t *size = ctx;
	char log[64];
	enum err err;

	err = json_get_text(item, "log", log, sizeof(log), diag);
	if (!err && strcmp(log, LOG_OPERATIONS) == 0)
		err = json_get_number(item, "size", UINT64_MAX / 2, 0, size,
		    diag);
	return err;
}

enum err
remote_approve(struct cmd *cmd, const char *what,
    const uint8_t hash[SHA256_SIZE], struct buf *out)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	uint64_t seen = 0;
	enum err err;

	err = remote_open(cmd);
	if (!err)
		err = remote_ask(cmd, "GET", "/v1/logs", &answer);
	if (err)
		return err;
	err = json_each_object(answer, "logs", size_take, &seen, &cmd->diag);
	if (err)
		return unread(cmd, err);
	cmd_warn(cmd, "approved as of %ju entries of the operations log, "
	    "which is the server's word", (uintmax_t)seen);
	return approval_sign_seen(remote_ecosystem(), seen, what, hash,
	    time_now(), remote_operator(), out, &cmd->diag);
}
