#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/common/cmd.h"

enum err
cmd_check_private(struct cmd *cmd, const char *path)
{
	struct stat st;
	enum err err;

	if (stat(path, &st) != 0)
		return ERR_OK;	/* opening it will say why */
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		err = diag_fail(&cmd->diag, ERR_PERMISSION, NULL,
		    "%s: others may write to it (mode %04o)", path,
		    (unsigned)st.st_mode & 07777);
		diag_hint(&cmd->diag, "chmod go-w %s, and look whether "
		    "anything in it was changed", path);
		return err;
	}
	if (geteuid() != 0 && st.st_uid != geteuid() && st.st_uid != 0)
		return diag_fail(&cmd->diag, ERR_PERMISSION, NULL,
		    "%s: belongs to another user (%u)", path,
		    (unsigned)st.st_uid);
	return ERR_OK;
}
