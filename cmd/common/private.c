#include <errno.h>
#include <pwd.h>
#include <stdio.h>
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

#define USER_TEXT	48

static void
user_text(uid_t uid, char out[USER_TEXT])
{
	const struct passwd *pw = getpwuid(uid);

	if (pw != NULL)
		(void)snprintf(out, USER_TEXT, "%s", pw->pw_name);
	else
		(void)snprintf(out, USER_TEXT, "%u", (unsigned)uid);
}

enum err
cmd_check_owner(struct cmd *cmd, const char *path, uid_t uid)
{
	char has[USER_TEXT], wants[USER_TEXT];
	struct stat st;

	if (stat(path, &st) != 0 || st.st_uid == uid)
		return ERR_OK;	/* opening it will say why */
	user_text(st.st_uid, has);
	user_text(uid, wants);
	return diag_fail(&cmd->diag, ERR_PERMISSION, NULL,
	    "%s: belongs to user %s, not to %s", path, has, wants);
}

enum err
cmd_check_root(struct cmd *cmd, const char *path)
{
	enum err err = ERR_OK;

	if (geteuid() == 0)
		err = cmd_check_owner(cmd, path, 0);
	if (err)
		diag_hint(&cmd->diag, "run this as that user (sudo -u), who "
		    "could not use what root makes there");
	return err;
}
