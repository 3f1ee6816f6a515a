#include "lib/base/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

static enum err
command_fail(struct diag *diag, const char *path, int number)
{
	char text[80];

	return diag_fail(diag, number == ENOMEM ? ERR_NOMEM : ERR_IO, NULL,
	    "%s: cannot be run: %s", path,
	    strerror_r(number, text, sizeof(text)));
}

static int
command_prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr,
    int input, int output)
{
	sigset_t signals;
	int error;

	(void)sigemptyset(&signals);
	error = posix_spawnattr_setsigmask(attr, &signals);
	(void)sigaddset(&signals, SIGPIPE);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	if (error == 0)
		error = posix_spawnattr_setsigdefault(attr, &signals);
	if (error == 0)
		error = posix_spawnattr_setpgroup(attr, 0);
	if (error == 0)
		error = posix_spawnattr_setflags(attr,
		    POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
		    POSIX_SPAWN_SETSIGMASK);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(actions, input,
		    STDIN_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(actions,
		    output < 0 ? STDERR_FILENO : output, STDOUT_FILENO);
	return error;
}

int
command_spawn(const char *path, char *const argv[],
    char *const environment[], int input, int output, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int error;

	error = posix_spawn_file_actions_init(&actions);
	if (error != 0)
		return error;
	error = posix_spawnattr_init(&attr);
	if (error == 0) {
		error = command_prepare(&actions, &attr, input, output);
		if (error == 0)
			error = posix_spawn(ret_pid, path, &actions, &attr,
			    argv, environment);
		(void)posix_spawnattr_destroy(&attr);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return error;
}

static int
command_wait(pid_t pid, unsigned timeout_s)
{
	struct pollfd ended = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int status = 0, n = 0;
	pid_t got;

	if (ended.fd >= 0) {
		do
			n = poll(&ended, 1, (int)timeout_s * 1000);
		while (n < 0 && errno == EINTR);
		(void)close(ended.fd);
		if (n == 0)
			(void)kill(-pid, SIGKILL);
	}
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got == pid && WIFEXITED(status))
		return WEXITSTATUS(status);
	return 128 + (got == pid && WIFSIGNALED(status) ? WTERMSIG(status) :
	    0);
}

enum err
command_run(const char *path, const char *argument, struct bytes input,
    unsigned timeout_s, int *ret_status, struct diag *diag)
{
	char variable[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	char *argv[] = { (char *)(uintptr_t)path,
	    (char *)(uintptr_t)argument, NULL };
	char *environment[] = { variable, NULL };
	int ends[2], error;
	ssize_t sent;
	pid_t pid;

	if (input.len > COMMAND_INPUT_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "%s: its input would have %zu octets", path, input.len);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return command_fail(diag, path, errno);
	/* it fits the pipe: nobody need read it yet */
	sent = write(ends[1], input.ptr, input.len);
	error = sent == (ssize_t)input.len ? 0 : EIO;
	(void)close(ends[1]);
	if (error == 0)
		error = command_spawn(path, argv, environment, ends[0], -1,
		    &pid);
	(void)close(ends[0]);
	if (error != 0)
		return command_fail(diag, path, error);
	*ret_status = command_wait(pid, timeout_s);
	return ERR_OK;
}
