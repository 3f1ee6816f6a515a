#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/common/cmd.h"

#define ANSWER_MAX 16

/* A line; what does not fit is read and dropped. */
static size_t
answer_read(int tty, char answer[ANSWER_MAX])
{
	size_t len = 0;
	ssize_t n;
	char c;

	for (;;) {
		n = read(tty, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || c == '\n')
			return len;
		if (len < ANSWER_MAX)
			answer[len++] = c;
	}
}

enum err
cmd_confirm(struct cmd *cmd, const char *question)
{
	char answer[ANSWER_MAX];
	size_t len;
	enum err err;
	int tty;

	if (cmd_flag(cmd, "yes"))
		return ERR_OK;
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0) {
		err = diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: no terminal to ask on; nothing was changed",
		    question);
		diag_hint(&cmd->diag, "say --yes if that is what you want");
		return err;
	}
	(void)dprintf(tty, "%s? Type yes to go on: ", question);
	len = answer_read(tty, answer);
	(void)close(tty);
	if (len == 3 && memcmp(answer, "yes", 3) == 0)
		return ERR_OK;
	return diag_fail(&cmd->diag, ERR_INVALID, NULL,
	    "%s: not confirmed; nothing was changed", question);
}
