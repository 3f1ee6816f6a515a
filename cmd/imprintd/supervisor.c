/*
 * Starts the authority and the fronts, each by executing this program anew,
 * with the descriptors that it is to have and no others. Fronts that end are
 * started again; when the authority ends, all ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/imprintd/imprintd.h"
#include "lib/base/clock.h"

#define BACKOFF_FIRST_NS	INT64_C(100000000)
#define BACKOFF_MOST_NS		INT64_C(5000000000)
#define LIVED_NS		INT64_C(30000000000)	/* well enough */
/* From SIGTERM on: a front ends within its STOP_S (front.c), or hangs; what is
 * left is the authority's, to give back what it has reserved. Both, and a look
 * a second, are within TimeoutStopSec of imprintd.service. */
#define STOP_FRONTS_NS		INT64_C(12000000000)
#define STOP_NS			INT64_C(27000000000)
#define SILENT_NS		INT64_C(30000000000)	/* of the authority */
#define STARTS_NS		INT64_C(15000000000)	/* a front, at most */
#define ARGS_MAX		24
#define FD_ABOVE		64	/* where nothing is overwritten */

struct child {
	pid_t	pid;		/* 0: none */
	int64_t	started_ns, start_at_ns, backoff_ns;
};

struct supervisor {
	struct cmd		*cmd;
	const struct config	*config;
	pid_t			 self;
	struct user		 authority_user, front_user;
	struct child		 authority, fronts[FRONTS_MAX];
	int			 listeners[FRONTS_MAX];
	int			 monitors[FRONTS_MAX];
	int			 control, signals, publish;
	bool			 ready, stopping;
	bool			 served[FRONTS_MAX];	/* once */
	bool			 said;	/* where it listens */
	bool			 silent;	/* the authority; was told */
	int64_t			 heard_ns;	/* of it */
	int64_t			 stop_ns;	/* since when it stops */
	int			 status;	/* of the authority */
	sigset_t		 before;	/* signals of children */
	char			 shown[ADDRESS_SIZE + 8];
	char			 monitor_shown[ADDRESS_SIZE + 8];
};

/* In the child; whoever cannot become the user is not to run. */
static bool
user_become(const struct user *user)
{
	return !user->change || (setgroups(1, &user->gid) == 0 &&
	    setgid(user->gid) == 0 && setuid(user->uid) == 0 &&
	    (user->uid == 0 || setuid(0) != 0));
}

/* fds[i] becomes descriptor 3 + i; -1: none there. All others are closed by
 * execve(2). */
static bool
descriptors_place(const int *fds, size_t count)
{
	int high[FD_END];
	size_t i;

	for (i = 0; i < count; i++) {
		high[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC,
		    FD_ABOVE);
		if (fds[i] >= 0 && high[i] < 0)
			return false;
	}
	for (i = 0; i < count; i++) {
		(void)close(FD_CHANNEL + (int)i);
		if (high[i] >= 0 && dup2(high[i], FD_CHANNEL + (int)i) < 0)
			return false;
	}
	return close_range(FD_CHANNEL + (unsigned)count, ~0U, 0) == 0;
}

static void
child_run(const struct supervisor *s, const struct user *user,
    const char *const *argv, const int *fds, size_t count)
{
	if (descriptors_place(fds, count) && user_become(user) &&
	    prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    getppid() == s->self &&
	    sigprocmask(SIG_SETMASK, &s->before, NULL) == 0)
		(void)execv("/proc/self/exe", (char *const *)argv);
	log_line("supervisor", "a process cannot be started");
	_exit(EXIT_DEFECT);
}

static bool
child_start(struct supervisor *s, struct child *child,
    const struct user *user, const char *const *argv, const int *fds,
    size_t count)
{
	child->pid = fork();
	if (child->pid == 0)
		child_run(s, user, argv, fds, count);
	if (child->pid < 0) {
		child->pid = 0;
		return false;
	}
	child->started_ns = time_monotonic_ns();
	return true;
}

/* A credential of the service manager is root's: the authority gets it open.
 * -1: there is none, or it can open it itself. */
static int
passphrase_open(const struct supervisor *s)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	const char *fd = cmd_value(s->cmd, "passphrase-fd");
	char path[PATH_SIZE];

	if (fd != NULL)
		return (int)strtol(fd, NULL, 10);
	if (!s->authority_user.change || dir == NULL ||
	    cmd_value(s->cmd, "passphrase-file") != NULL ||
	    path_join(path, dir, "imprint-passphrase") != ERR_OK)
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

static enum err
authority_start(struct supervisor *s, struct diag *diag)
{
	const struct config *c = s->config;
	const char *argv[ARGS_MAX] = { "imprintd", "authority", "--home",
		c->home, "--ecosystem", c->ecosystem, "--name", c->name };
	int fds[2], pass[2] = { -1, passphrase_open(s) };
	size_t n = 8;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return diag_fail(diag, ERR_IO, NULL, "socketpair: %s",
		    strerror(errno));
	pass[0] = fds[1];
	if (pass[1] >= 0) {
		argv[n++] = "--passphrase-fd";
		argv[n++] = "4";
	} else if (c->passphrase_file[0] != '\0') {
		argv[n++] = "--passphrase-file";
		argv[n++] = c->passphrase_file;
	}
	s->control = fds[0];
	if (!child_start(s, &s->authority, &s->authority_user, argv, pass, 2))
		(void)diag_fail(diag, ERR_IO, NULL, "fork: %s",
		    strerror(errno));
	(void)close(fds[1]);
	if (pass[1] >= 0 && cmd_value(s->cmd, "passphrase-fd") == NULL)
		(void)close(pass[1]);
	return s->authority.pid > 0 ? ERR_OK : ERR_IO;
}

/* Again, after a while that grows. */
static void
front_later(struct child *front)
{
	int64_t now = time_monotonic_ns();

	if (front->backoff_ns == 0 || now - front->started_ns > LIVED_NS)
		front->backoff_ns = BACKOFF_FIRST_NS;
	else if (front->backoff_ns < BACKOFF_MOST_NS)
		front->backoff_ns *= 2;
	front->start_at_ns = now + front->backoff_ns;
}

static void
front_start(struct supervisor *s, unsigned i)
{
	char connections[16];
	const char *argv[ARGS_MAX] = { "imprintd", "front", "--connections",
		connections };
	int fds[2], give[4] = { -1, s->listeners[i], s->monitors[i],
		s->publish };
	size_t n = 4;
	bool done;

	(void)snprintf(connections, sizeof(connections), "%u",
	    s->config->connections);
	if (s->monitors[i] >= 0)
		argv[n++] = "--monitor";
	if (s->publish >= 0)
		argv[n++] = "--publish";
	if (s->config->est_linking)
		argv[n++] = "--est-linking";
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
		front_later(&s->fronts[i]);
		return;
	}
	give[0] = fds[1];
	done = control_send(s->control, (char)(CONTROL_FRONT + i),
	    fds[0]) == ERR_OK &&
	    child_start(s, &s->fronts[i], &s->front_user, argv, give, 4);
	(void)close(fds[0]);
	(void)close(fds[1]);
	if (!done)
		front_later(&s->fronts[i]);
}

static void
tell_all(struct supervisor *s, int signal)
{
	unsigned i;

	for (i = 0; i < s->config->fronts; i++)
		if (s->fronts[i].pid > 0)
			(void)kill(s->fronts[i].pid, signal);
}

static bool
fronts_left(const struct supervisor *s)
{
	unsigned i;

	for (i = 0; i < s->config->fronts; i++)
		if (s->fronts[i].pid > 0)
			return true;
	return false;
}

/* Fronts first: what is under way is still answered. */
static void
stop(struct supervisor *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->stop_ns = time_monotonic_ns();
	tell_all(s, SIGTERM);
}

static void
reap_front(struct supervisor *s, struct child *front, int status)
{
	char text[80];

	front->pid = 0;
	if (s->stopping)
		return;
	(void)snprintf(text, sizeof(text), WIFSIGNALED(status) ?
	    "a front was ended by signal %d" : "a front ended with status %d",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	log_line("supervisor", text);
	front_later(front);
}

static void
reap(struct supervisor *s)
{
	unsigned i;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < s->config->fronts; i++)
			if (s->fronts[i].pid == pid)
				reap_front(s, &s->fronts[i], status);
		if (pid != s->authority.pid)
			continue;
		s->authority.pid = 0;
		s->status = status;
		if (!s->stopping && s->ready)
			log_line("supervisor", "the authority has ended");
		stop(s);
	}
}

/* The authority first: fronts are to hear of what is new. */
static void
hangup(struct supervisor *s)
{
	if (s->ready && s->control >= 0 &&
	    control_send(s->control, CONTROL_HANGUP, -1) != ERR_OK)
		log_line("supervisor", "the authority cannot be told");
	tell_all(s, SIGHUP);
}

static void
signals_take(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) ==
	    (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(s);
		else if (info.ssi_signo == SIGHUP)
			hangup(s);
		else
			stop(s);
	}
}

/* The one that was there when this was said may be gone already. */
static void
front_deaf(struct supervisor *s, unsigned place)
{
	struct child *front = &s->fronts[place % FRONTS_MAX];
	char text[80];

	if (front->pid <= 0 || s->stopping ||
	    time_monotonic_ns() - front->started_ns < STARTS_NS)
		return;
	(void)snprintf(text, sizeof(text), "front %u hangs: it is killed, and"
	    " started again", place);
	log_line("supervisor", text);
	(void)kill(front->pid, SIGKILL);
}

/* Whoever reads where it listens is answered from then on. */
static void
front_serves(struct supervisor *s, unsigned place)
{
	unsigned i;

	s->served[place % FRONTS_MAX] = true;
	for (i = 0; i < s->config->fronts; i++)
		if (!s->served[i])
			return;
	if (s->said)
		return;
	s->said = true;
	if (s->cmd->json)
		printf("{\"listening\": \"https://%s\"", s->shown);
	else
		printf("listening on https://%s\n", s->shown);
	if (s->config->monitor[0] != '\0')
		printf(s->cmd->json ? ", \"monitor\": \"http://%s\"" :
		    "monitor on http://%s\n", s->monitor_shown);
	if (s->cmd->json)
		printf("}\n");
	(void)fflush(stdout);
}

/* It is not killed: one large request, a file of a million names say, can take
 * it as long, and would be lost each time. */
static void
authority_listen(struct supervisor *s, bool heard)
{
	int64_t now = time_monotonic_ns();
	char text[80];

	if (heard && s->silent) {
		(void)snprintf(text, sizeof(text), "the authority answers "
		    "again, after %lld seconds",
		    (long long)(now - s->heard_ns) / 1000000000);
		log_line("supervisor", text);
	}
	if (heard) {
		s->heard_ns = now;
		s->silent = false;
	} else if (s->ready && !s->stopping && !s->silent &&
	    now - s->heard_ns > SILENT_NS) {
		s->silent = true;
		log_line("supervisor", "the authority does not answer: it "
		    "hangs, or one request takes it very long");
	}
}

static void
control_take(struct supervisor *s)
{
	char octet = 0;
	int fd = -1;

	if (control_receive(s->control, &octet, &fd) != ERR_OK ||
	    octet == 0) {
		/* it ends; waitpid(2) says how */
		(void)close(s->control);
		s->control = -1;
		return;
	}
	if (fd >= 0)
		(void)close(fd);
	authority_listen(s, true);
	if ((unsigned char)octet >= CONTROL_SERVES)
		front_serves(s, (unsigned char)octet - CONTROL_SERVES);
	else if ((unsigned char)octet >= CONTROL_DEAF)
		front_deaf(s, (unsigned char)octet - CONTROL_DEAF);
	else if (octet == CONTROL_READY)
		s->ready = true;
}

/* A front that hangs is not to take the authority with it, which gives back
 * what it has reserved when it ends by itself. */
static void
stop_go_on(struct supervisor *s, int64_t since_ns)
{
	bool late = since_ns > STOP_FRONTS_NS;

	if (late && fronts_left(s)) {
		log_line("supervisor", "a front does not end: it is killed");
		tell_all(s, SIGKILL);
	}
	if (s->authority.pid <= 0 || (!late && fronts_left(s)))
		return;
	(void)kill(s->authority.pid, since_ns > STOP_NS ? SIGKILL : SIGTERM);
}

/* Milliseconds until something is due; starts what is. */
static int
work_due(struct supervisor *s)
{
	int64_t now = time_monotonic_ns(), next = now + 1000000000;
	unsigned i;

	authority_listen(s, false);
	if (s->stopping)
		stop_go_on(s, now - s->stop_ns);
	for (i = 0; i < s->config->fronts && s->ready && !s->stopping; i++) {
		if (s->fronts[i].pid > 0)
			continue;
		if (s->fronts[i].start_at_ns <= now)
			front_start(s, i);
		else if (s->fronts[i].start_at_ns < next)
			next = s->fronts[i].start_at_ns;
	}
	return (int)((next - now) / 1000000) + 1;
}

static void
loop(struct supervisor *s)
{
	struct pollfd fds[2] = { { .fd = s->signals, .events = POLLIN },
		{ .events = POLLIN } };
	int wait_ms;

	while (!s->stopping || fronts_left(s) || s->authority.pid > 0) {
		wait_ms = work_due(s);
		fds[1].fd = s->control;	/* -1: passed over */
		fds[0].revents = fds[1].revents = 0;
		(void)poll(fds, 2, wait_ms);
		if (fds[0].revents != 0)
			signals_take(s);
		if (fds[1].revents != 0)
			control_take(s);
	}
}

static enum err
signals_keep(struct supervisor *s, struct diag *diag)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, &s->before) == 0)
		s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals >= 0 ? ERR_OK : diag_fail(diag, ERR_IO, NULL,
	    "signals: %s", strerror(errno));
}

static enum err
set_up(struct supervisor *s, struct cmd *cmd)
{
	const struct config *c = s->config;
	char path[PATH_SIZE];
	enum err err;

	err = config_users(cmd, c, &s->authority_user, &s->front_user);
	if (!err)
		err = config_owned(cmd, c, &s->authority_user);
	if (!err && geteuid() == 0 && (!s->authority_user.change ||
	    !s->front_user.change))
		log_line("supervisor", "started as root, and not told to "
		    "become others: say users in the configuration");
	if (!err)
		err = signals_keep(s, &cmd->diag);
	if (!err)
		err = sockets_listen("listen", c->listen, c->fronts,
		    s->listeners, s->shown, &cmd->diag);
	if (!err && c->monitor[0] != '\0')
		err = sockets_listen("monitor", c->monitor, c->fronts,
		    s->monitors, s->monitor_shown, &cmd->diag);
	if (err || !c->publish)
		return err;
	err = path_join(path, c->dir, "publish");
	if (!err)
		s->publish = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return !err && s->publish >= 0 ? ERR_OK : diag_fail(&cmd->diag,
	    ERR_NOTFOUND, NULL, "%s/publish: %s", c->dir, strerror(errno));
}

static enum exit_code
outcome(const struct supervisor *s)
{
	if (WIFEXITED(s->status))
		return (enum exit_code)WEXITSTATUS(s->status);
	return EXIT_DEFECT;
}

enum exit_code
supervise(struct cmd *cmd, const struct config *config)
{
	struct supervisor s = { .cmd = cmd,
		.config = config, .self = getpid(), .control = -1,
		.signals = -1, .publish = -1 };
	unsigned i;
	enum err err;

	for (i = 0; i < FRONTS_MAX; i++)
		s.listeners[i] = s.monitors[i] = -1;
	err = set_up(&s, cmd);
	if (!err)
		err = authority_start(&s, &cmd->diag);
	if (err)
		return role_fail(cmd, "supervisor", err);
	loop(&s);
	return outcome(&s);
}
