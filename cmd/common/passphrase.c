#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
		diag_hint(&cmd->diag, "give --%s-file FILE or --%s-fd N, or "
		    "the credential imprint-%s (systemd.exec(5))", name,
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
descriptor_option(struct cmd *cmd, const char *name, const char *text,
    struct secret *line)
{
	char option[64];
	long fd;
	char *end;

	(void)snprintf(option, sizeof(option), "%s-fd", name);

	fd = strtol(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || fd > INT_MAX)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "--%s \"%s\": is no descriptor's number", option, text);
	return descriptor_read(cmd, option, (int)fd, line);
}

/* Whoever may read the file has the passphrase; whoever may write to it
 * chooses one. A service manager may let the group read a credential, or an
 * ACL, which looks like it. Pipes and terminals are what the caller made
 * them. */
static enum err
file_check(struct cmd *cmd, const char *path, int fd, bool credential)
{
	const mode_t refused = S_IRWXO | (credential ? S_IWGRP : S_IRWXG);
	struct stat st;
	enum err err;

	if (fstat(fd, &st) != 0)
		return diag_fail(&cmd->diag, ERR_IO, NULL, "%s: %s", path,
		    strerror(errno));
	if (!S_ISREG(st.st_mode))
		return ERR_OK;
	if ((st.st_mode & refused) != 0) {
		err = diag_fail(&cmd->diag, ERR_PERMISSION, NULL,
		    "%s: holds a passphrase, and its mode %04o lets others "
		    "at it", path, (unsigned)st.st_mode & 07777);
		diag_hint(&cmd->diag, "chmod 600 %s; if others work here, "
		    "change the passphrase", path);
		return err;
	}
	if (geteuid() != 0 && st.st_uid != geteuid() && st.st_uid != 0)
		return diag_fail(&cmd->diag, ERR_PERMISSION, NULL,
		    "%s: belongs to another user (%u)", path,
		    (unsigned)st.st_uid);
	return ERR_OK;
}

static enum err
file_open_checked(struct cmd *cmd, const char *path, bool credential,
    int *ret_fd)
{
	enum err err;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return diag_fail(&cmd->diag, errno == ENOENT ? ERR_NOTFOUND :
		    ERR_PERMISSION, NULL, "%s: %s", path, strerror(errno));
	err = file_check(cmd, path, fd, credential);
	if (err)
		(void)close(fd);
	else
		*ret_fd = fd;
	return err;
}

static enum err
file_read(struct cmd *cmd, const char *path, struct secret *line)
{
	enum err err;
	int fd = -1;

	err = file_open_checked(cmd, path, false, &fd);
	if (err)
		return err;
	err = descriptor_read(cmd, path, fd, line);
	(void)close(fd);
	return err;
}

/* CREDENTIALS_DIRECTORY/imprint-NAME (systemd.exec(5)): false when the
 * service manager gave none. */
static bool
credential_path(const char *name, char path[PATH_SIZE])
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char file[64];

	(void)snprintf(file, sizeof(file), "imprint-%s", name);
	return dir != NULL && dir[0] == '/' &&
	    path_join(path, dir, file) == ERR_OK &&
	    (access(path, F_OK) == 0 || errno != ENOENT);
}

/* All of it is the passphrase: what follows a first line would be missed. */
static enum err
credential_read(struct cmd *cmd, const char *path, struct secret *line)
{
	enum err err;
	int fd = -1;
	char c;

	err = file_open_checked(cmd, path, true, &fd);
	if (err)
		return err;
	err = descriptor_read(cmd, path, fd, line);
	if (!err && read(fd, &c, 1) != 0)
		err = diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: has more than one line", path);
	(void)close(fd);
	return err;
}

struct given {
	const char	*path, *fd;	/* options' values, or NULL */
	char		 credential[PATH_SIZE];
	bool		 has_credential;
};

static void
given_find(const struct cmd *cmd, const char *name, struct given *given)
{
	char option[64];

	(void)snprintf(option, sizeof(option), "%s-file", name);
	given->path = cmd_value(cmd, option);
	(void)snprintf(option, sizeof(option), "%s-fd", name);
	given->fd = cmd_value(cmd, option);
	given->has_credential = credential_path(name, given->credential);
}

bool
cmd_passphrase_given(const struct cmd *cmd, const char *name)
{
	struct given given;

	given_find(cmd, name, &given);
	return given.path != NULL || given.fd != NULL || given.has_credential;
}

static enum err
passphrase_read(struct cmd *cmd, const struct cmd_passphrase *ask,
    struct secret *line)
{
	struct given given;

	given_find(cmd, ask->name, &given);
	if (given.path != NULL && given.fd != NULL)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "--%s-file and --%s-fd: give one of them", ask->name,
		    ask->name);
	if (given.path != NULL)
		return file_read(cmd, given.path, line);
	if (given.fd != NULL)
		return descriptor_option(cmd, ask->name, given.fd, line);
	if (given.has_credential)
		return credential_read(cmd, given.credential, line);
	if (ask->file != NULL)
		return file_read(cmd, ask->file, line);
	return prompt_read(cmd, ask->name, ask->prompt, ask->confirm, line);
}

enum err
cmd_passphrase(struct cmd *cmd, const struct cmd_passphrase *ask,
    struct secret *ret_passphrase)
{
	_cleanup_secret_ struct secret line = SECRET_INIT;
	enum err err;

	err = secret_alloc(&line, PASSPHRASE_MAX);
	if (err)
		return diag_nomem(&cmd->diag);
	err = passphrase_read(cmd, ask, &line);
	if (err)
		return diag_fail(&cmd->diag, err, NULL,
		    "%s: cannot be read", ask->prompt);
	/* a line written elsewhere may end in CR LF */
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (line.len == 0)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: is empty", ask->prompt);
	*ret_passphrase = line;
	line = (struct secret)SECRET_INIT;	/* transferred */
	return ERR_OK;
}
