#include "station/counter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/command.h"

#define TPM_PROGRAM	"imprint-tpm"
#define NS_PER_MS	INT64_C(1000000)

static enum err
counter_fail(struct diag *diag, const char *what)
{
	return diag_fail(diag, ERR_IO, NULL, "anchor: its counter %s", what);
}

/* Where this program's file is, there the other one is too. */
static enum err
tpm_program(char path[PATH_SIZE], struct diag *diag)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_SIZE - 1);
	char *name;

	if (n > 0) {
		path[n] = '\0';
		name = strrchr(path, '/') + 1;
		if ((size_t)(path + PATH_SIZE - name) > sizeof(TPM_PROGRAM))
			memcpy(name, TPM_PROGRAM, sizeof(TPM_PROGRAM));
		if (access(path, X_OK) == 0)
			return ERR_OK;
	}
	diag_fail(diag, ERR_IO, NULL, "anchor: no program imprint-tpm beside"
	    " this one");
	diag_hint(diag, "it is built where libtss2-dev is installed");
	return ERR_IO;
}

/* The station's alone, so that another's counter is not taken for it. */
static enum err
secret_make(const struct station *s, uint8_t ret_secret[SHA256_SIZE])
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	const struct bytes parts[2] = {
		bytes_text("imprint ledger anchor"), secret_bytes(&s->signing)
	};
	enum err err;

	err = sha256_new(&sha256, NULL);
	return err ? err : sha256_parts(sha256, parts, 2, ret_secret);
}

/* A pipe that holds the secret and ends there. */
static enum err
input_make(const struct station *s, unsigned kind, int *ret_input,
    struct diag *diag)
{
	uint8_t secret[SHA256_SIZE];
	ssize_t sent = 0;
	int ends[2];
	enum err err;

	err = secret_make(s, secret);
	if (err)
		return err;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return counter_fail(diag, "cannot be asked: no pipe");
	if (kind == LEDGER_ANCHOR_TPM)
		sent = write(ends[1], secret, sizeof(secret)) ==
		    sizeof(secret) ? 0 : -1;
	explicit_bzero(secret, sizeof(secret));
	(void)close(ends[1]);
	if (sent != 0) {
		(void)close(ends[0]);
		return counter_fail(diag, "cannot be asked: no pipe");
	}
	*ret_input = ends[0];
	return ERR_OK;
}

static enum err
counter_spawn(char *const argv[], int input, struct counter_call *call,
    struct diag *diag)
{
	char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	char quiet[] = "TSS2_LOG=all+NONE";	/* imprint-tpm says it */
	char *environment[] = { path, quiet, NULL };
	int ends[2], error;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return counter_fail(diag, "cannot be asked: no pipe");
	error = command_spawn(argv[0], argv, environment, input, ends[1],
	    &call->pid);
	(void)close(ends[1]);
	if (error != 0) {
		call->pid = 0;
		(void)close(ends[0]);
		return diag_fail(diag, ERR_IO, NULL,
		    "anchor: %s cannot be run: %s", argv[0],
		    strerrordesc_np(error));
	}
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	call->output = ends[0];
	call->len = 0;
	call->deadline_ns = time_monotonic_ns() + COUNTER_TIMEOUT_S * 1000 *
	    NS_PER_MS;
	return ERR_OK;
}

enum err
counter_ask(const struct station *s, unsigned kind, const char *place,
    uint64_t number, struct counter_call *call, struct diag *diag)
{
	char path[PATH_SIZE], words[LEDGER_PLACE_MAX + 1], text[24];
	char verb[8], *argv[6] = { path };
	size_t n = 1;
	int input = -1;
	enum err err = ERR_OK;

	(void)snprintf(path, sizeof(path), "%s", place);
	(void)snprintf(words, sizeof(words), "%s", place);
	(void)snprintf(verb, sizeof(verb), "%s", number == 0 ? "new" :
	    "raise");
	argv[n++] = verb;
	if (kind == LEDGER_ANCHOR_TPM) {
		err = tpm_program(path, diag);
		argv[n++] = words;
		argv[n] = strchr(words, ' ');
		if (argv[n] == NULL)
			return ERR_INTERNAL;
		*argv[n++]++ = '\0';
	}
	if (number != 0) {
		(void)snprintf(text, sizeof(text), "%ju", (uintmax_t)number);
		argv[n++] = text;
	}
	argv[n] = NULL;
	if (!err)
		err = input_make(s, kind, &input, diag);
	if (err)
		return err;
	err = counter_spawn(argv, input, call, diag);
	(void)close(input);
	return err;
}

/* What it has printed so far; true: it prints no more. */
static bool
output_read(struct counter_call *call)
{
	ssize_t n;

	for (;;) {
		n = call->len == sizeof(call->text) ? 0 : read(call->output,
		    call->text + call->len, sizeof(call->text) - call->len);
		if (n <= 0)
			return n == 0 || (errno != EAGAIN && errno != EINTR);
		call->len += (size_t)n;
	}
}

static bool
number_parse(const struct counter_call *call, uint64_t *ret_number)
{
	uint64_t number = 0;
	size_t i;

	if (call->len < 2 || call->len > 20 ||
	    call->text[call->len - 1] != '\n')
		return false;
	for (i = 0; i < call->len - 1; i++) {
		if (call->text[i] < '0' || call->text[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(call->text[i] - '0');
	}
	*ret_number = number;
	return true;
}

static int
child_end(struct counter_call *call)
{
	int status = 0;
	pid_t pid;

	/* it has closed its output: what it does still is of no interest */
	(void)kill(-call->pid, SIGKILL);
	do
		pid = waitpid(call->pid, &status, 0);
	while (pid < 0 && errno == EINTR);
	(void)close(call->output);
	*call = (struct counter_call)COUNTER_CALL_INIT;
	return status;
}

void
counter_drop(struct counter_call *call)
{
	if (call->pid != 0)
		(void)child_end(call);
}

/* Gone by itself; its group with it. */
static bool
child_gone(struct counter_call *call, int *ret_status)
{
	pid_t pid;

	do
		pid = waitpid(call->pid, ret_status, WNOHANG);
	while (pid < 0 && errno == EINTR);
	return pid != 0;
}

static enum err
answer_take(const struct counter_call *call, int status,
    uint64_t *ret_number, struct diag *diag)
{
	char what[64];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return number_parse(call, ret_number) ? ERR_OK :
		    counter_fail(diag, "printed no number");
	(void)snprintf(what, sizeof(what), "failed with %s %d",
	    WIFEXITED(status) ? "exit status" : "signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return counter_fail(diag, what);
}

bool
counter_answered(struct counter_call *call, int wait_ms, enum err *ret_err,
    uint64_t *ret_number, struct diag *diag)
{
	struct pollfd output = { .fd = call->output, .events = POLLIN };
	int64_t until = time_monotonic_ns() + wait_ms * NS_PER_MS;
	bool closed = false;
	int status = 0;

	for (;;) {
		closed = closed || output_read(call);
		if (call->len == sizeof(call->text)) {
			(void)child_end(call);
			*ret_err = counter_fail(diag, "printed no number");
			return true;
		}
		if (closed && child_gone(call, &status))
			break;
		if (time_monotonic_ns() >= call->deadline_ns) {
			(void)child_end(call);
			*ret_err = counter_fail(diag, "did not answer in"
			    " time");
			return true;
		}
		if (time_monotonic_ns() >= until)
			return false;
		(void)poll(&output, closed ? 0 : 1, 10);
	}
	*ret_err = answer_take(call, status, ret_number, diag);
	(void)close(call->output);
	*call = (struct counter_call)COUNTER_CALL_INIT;
	return true;
}
