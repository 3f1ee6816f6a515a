#include "station/plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/command.h"
#include "station/ledger.h"

#define SHELL		"/bin/sh"
#define VARIABLES	3
#define VARIABLE_SIZE	64
#define NS_PER_S	INT64_C(1000000000)

static enum err
system_fail(struct diag *diag, const char *what, int number)
{
	char text[80];

	return diag_fail(diag, number == ENOMEM ? ERR_NOMEM : ERR_IO, NULL,
	    "plug-in: %s: %s", what,
	    strerror_r(number, text, sizeof(text)));
}

static bool
is_ours(const char *variable)
{
	static const char *const ours[VARIABLES] = {
		"IMPRINT_SEQUENCE=", "IMPRINT_INDEX=", "IMPRINT_PACK="
	};
	size_t i;

	for (i = 0; i < VARIABLES; i++)
		if (strncmp(variable, ours[i], strlen(ours[i])) == 0)
			return true;
	return false;
}

/* The environment with the variables in front; only the array is ours. */
static char **
environment_make(const struct plugin_call *call,
    char variables[VARIABLES][VARIABLE_SIZE])
{
	size_t i, n = 0, count = 0;
	char **out;

	while (call->environment[count] != NULL)
		count++;
	out = calloc(count + VARIABLES + 1, sizeof(*out));
	if (out == NULL)
		return NULL;
	(void)snprintf(variables[0], VARIABLE_SIZE, "IMPRINT_SEQUENCE=%ju",
	    (uintmax_t)call->sequence);
	(void)snprintf(variables[1], VARIABLE_SIZE, "IMPRINT_INDEX=%ju",
	    (uintmax_t)call->index);
	(void)snprintf(variables[2], VARIABLE_SIZE, "IMPRINT_PACK=%s",
	    call->pack);
	for (i = 0; i < VARIABLES; i++)
		out[n++] = variables[i];
	for (i = 0; i < count; i++)
		if (!is_ours(call->environment[i]))
			out[n++] = call->environment[i];
	return out;
}

static int
spawn_shell(const struct plugin_call *call, char **environment, int input,
    pid_t *ret_pid)
{
	char shell[] = "sh", option[] = "-c";
	char *argv[] = {
		shell, option, (char *)(uintptr_t)call->command, NULL
	};

	return command_spawn(SHELL, argv, environment, input, -1, ret_pid);
}

enum err
plugin_start(const struct plugin_call *call, struct secret *package,
    struct plugin *p, struct diag *diag)
{
	char variables[VARIABLES][VARIABLE_SIZE];
	char **environment;
	int pipe_fd[2];
	int error;
	pid_t pid = 0;

	environment = environment_make(call, variables);
	if (environment == NULL)
		return diag_nomem(diag);
	if (pipe2(pipe_fd, O_CLOEXEC) != 0) {
		error = errno;
		free(environment);
		return system_fail(diag, "pipe", error);
	}
	/* the plug-in reads a plain blocking pipe; only our end is not */
	if (fcntl(pipe_fd[1], F_SETFL, O_NONBLOCK) != 0)
		error = errno;
	else
		error = spawn_shell(call, environment, pipe_fd[0], &pid);
	free(environment);
	if (error != 0) {
		(void)close(pipe_fd[0]);
		(void)close(pipe_fd[1]);
		return system_fail(diag, SHELL, error);
	}
	p->pid = pid;
	p->pidfd = pidfd_open(pid, 0);	/* -1: asked for in turns */
	if (p->pidfd >= 0)
		(void)fcntl(p->pidfd, F_SETFD, FD_CLOEXEC);
	p->input = pipe_fd[1];
	p->unread = pipe_fd[0];
	p->size = package->len;
	p->package = *package;
	*package = (struct secret)SECRET_INIT;	/* transferred */
	p->sent = 0;
	p->deadline_ns = time_monotonic_ns() +
	    (int64_t)call->timeout_s * NS_PER_S;
	p->timed_out = false;
	return ERR_OK;
}

static void
input_close(struct plugin *p)
{
	if (p->input >= 0)
		(void)close(p->input);
	p->input = -1;
	secret_release(&p->package);
}

void
plugin_feed(struct plugin *p)
{
	ssize_t n;

	while (p->input >= 0 && p->sent < p->package.len) {
		n = write(p->input, p->package.ptr + p->sent,
		    p->package.len - p->sent);
		if (n > 0) {
			p->sent += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		break;	/* it reads no more: its exit status tells */
	}
	input_close(p);
}

void
plugin_expire(struct plugin *p, int64_t now_ns)
{
	if (p->pid == 0 || p->timed_out || now_ns < p->deadline_ns)
		return;
	p->timed_out = true;
	(void)kill(-p->pid, SIGKILL);
}

/* All sent, and nothing of it left in the pipe. */
static bool
package_was_read(const struct plugin *p)
{
	int left = 0;

	return p->sent == p->size && ioctl(p->unread, FIONREAD, &left) == 0 &&
	    left == 0;
}

bool
plugin_ended(struct plugin *p, uint64_t *ret_status)
{
	uint64_t result;
	int status = 0;
	pid_t pid;

	do
		pid = waitpid(p->pid, &status, WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	if (p->timed_out)
		result = LEDGER_TIMEOUT;
	else if (pid > 0 && WIFEXITED(status))
		result = WEXITSTATUS(status) == 0 && !package_was_read(p) ?
		    LEDGER_NOT_READ : (uint64_t)WEXITSTATUS(status);
	else
		result = LEDGER_SIGNAL + (pid > 0 && WIFSIGNALED(status) ?
		    (uint64_t)WTERMSIG(status) : 0);
	*ret_status = result;
	input_close(p);
	(void)close(p->unread);
	p->unread = -1;
	if (p->pidfd >= 0)
		(void)close(p->pidfd);
	p->pidfd = -1;
	p->pid = 0;
	return true;
}
