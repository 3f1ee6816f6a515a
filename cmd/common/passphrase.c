#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/common/cmd.h"

#define PASSPHRASE_MAX 1024

/* One line, byte by byte so that nothing behind it is consumed. */
static enum err
line_read(int fd, struct secret *line)
{
	ssize_t n;
	char c;

	for (;;) {
		n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0 || c == '\n')
			return ERR_OK;
		if (secret_put(line, bytes_of(&c, 1)) != ERR_OK)
			return ERR_LIMIT;
	}
}

static enum err
terminal_read(int tty, const char *prompt, struct secret *line)
{
	struct termios shown, hidden;
	enum err err;

	if (tcgetattr(tty, &shown) != 0)
		return ERR_IO;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	/* first: it throws away what was typed before */
	(void)tcsetattr(tty, TCSAFLUSH, &hidden);
	(void)dprintf(tty, "%s: ", prompt);
	err = line_read(tty, line);
	(void)tcsetattr(tty, TCSAFLUSH, &shown);
	(void)dprintf(tty, "\n");
	return err;
}

static enum err
prompt_read(struct cmd *cmd, const char *name, const char *prompt,
    bool confirm, struct secret *line)
{
	_cleanup_secret_ struct secret again = SECRET_INIT;
	enum err err;
	int tty;

	tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0) {
		err = diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: no terminal to ask on", prompt);
		diag_hint(&cmd->diag, "give --%s-file FILE or --%s-fd N",
		    name, name);
		return err;
	}
	err = terminal_read(tty, prompt, line);
	if (!err && confirm) {
		err = secret_alloc(&again, PASSPHRASE_MAX);
		if (!err)
			err = terminal_read(tty, "once more", &again);
		if (!err && !secret_equal(secret_bytes(line),
		    secret_bytes(&again)))
			err = diag_fail(&cmd->diag, ERR_INVALID, NULL,
			    "%s: the two differ", prompt);
	}
	(void)close(tty);
	return err;
}

static enum err
descriptor_read(struct cmd *cmd, const char *what, int fd,
    struct secret *line)
{
	enum err err;

	err = line_read(fd, line);
	if (err)
		return diag_fail(&cmd->diag, err, NULL,
		    "%s: %s", what, err == ERR_LIMIT ?
		    "first line too long" : strerror(errno));
	return ERR_OK;
}

static enum err
descriptor_option(struct cmd *cmd, const char *option, const char *text,
    struct secret *line)
{
	long fd;
	char *end;

	fd = strtol(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || fd > INT_MAX)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "--%s \"%s\": is no descriptor's number", option, text);
	return descriptor_read(cmd, option, (int)fd, line);
}

static enum err
file_read(struct cmd *cmd, const char *path, struct secret *line)
{
	enum err err;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return diag_fail(&cmd->diag, errno == ENOENT ? ERR_NOTFOUND :
		    ERR_PERMISSION, NULL, "%s: %s", path, strerror(errno));
	err = descriptor_read(cmd, path, fd, line);
	(void)close(fd);
	return err;
}

enum err
cmd_passphrase(struct cmd *cmd, const char *name, const char *prompt,
    bool confirm, struct secret *ret_passphrase)
{
	_cleanup_secret_ struct secret line = SECRET_INIT;
	char option[64];
	const char *path, *fd;
	enum err err;

	(void)snprintf(option, sizeof(option), "%s-file", name);
	path = cmd_value(cmd, option);
	(void)snprintf(option, sizeof(option), "%s-fd", name);
	fd = cmd_value(cmd, option);
	err = secret_alloc(&line, PASSPHRASE_MAX);
	if (err)
		return diag_nomem(&cmd->diag);
	if (path != NULL)
		err = file_read(cmd, path, &line);
	else if (fd != NULL)
		err = descriptor_option(cmd, option, fd, &line);
	else
		err = prompt_read(cmd, name, prompt, confirm, &line);
	if (err)
		return diag_fail(&cmd->diag, err, NULL,
		    "%s: cannot be read", prompt);
	/* a line written elsewhere may end in CR LF */
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (line.len == 0)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: is empty", prompt);
	*ret_passphrase = line;
	line = (struct secret)SECRET_INIT;	/* transferred */
	return ERR_OK;
}
