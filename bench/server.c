#include "bench/server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"

#define CONNECTIONS	"connections: 20000\n"	/* of each front */

static enum err
file_put(const char *name, const char *text, char ret_path[PATH_SIZE],
    struct diag *diag)
{
	enum err err;

	err = path_join(ret_path, bench_dir, name);
	return err ? err : io_write_file(io_posix(), ret_path,
	    bytes_text(text), 0600, diag);
}

static void
server_exec(int out, const char *const *argv)
{
	char path[PATH_SIZE];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 10);
	int log = open("build/bench/imprintd.log", O_WRONLY | O_CREAT |
	    O_APPEND | O_CLOEXEC, 0600);

	if (len <= 0)
		_exit(127);
	path[len] = '\0';
	memcpy(strrchr(path, '/') + 1, "imprintd", 9);
	(void)dup2(out, STDOUT_FILENO);
	if (log >= 0)
		(void)dup2(log, STDERR_FILENO);
	(void)execv(path, (char *const *)argv);
	_exit(127);
}

/* "listening on https://127.0.0.1:PORT", and that it is asked at. */
static enum err
port_read(struct server *server, int in, struct diag *diag)
{
	char line[128] = "", *colon;
	FILE *out = fdopen(in, "r");

	if (out == NULL)
		return diag_fail(diag, ERR_IO, NULL, "imprintd: no output");
	if (fgets(line, sizeof(line), out) == NULL)
		line[0] = '\0';
	(void)fclose(out);
	colon = strrchr(line, ':');
	if (colon == NULL)
		return diag_fail(diag, ERR_IO, NULL, "imprintd: does not "
		    "serve; see build/bench/imprintd.log");
	server->port = (uint16_t)strtoul(colon + 1, NULL, 10);
	return ERR_OK;
}

enum err
server_start(struct server *server, const char *home, const char *ecosystem,
    const char *name, struct diag *diag)
{
	char config[PATH_SIZE], passphrase[PATH_SIZE];
	const char *argv[] = { "imprintd", "serve", "--config", config,
	    "--home", home, "--ecosystem", ecosystem, "--name", name,
	    "--passphrase-file", passphrase, "--listen", "127.0.0.1:0",
	    NULL };
	int ends[2];
	enum err err;

	err = file_put("imprintd.yaml", CONNECTIONS, config, diag);
	if (!err)
		err = file_put("passphrase", BENCH_PASSPHRASE "\n",
		    passphrase, diag);
	if (err)
		return err;
	if (pipe2(ends, O_CLOEXEC) != 0 || (server->pid = fork()) < 0)
		return diag_fail(diag, ERR_IO, NULL, "imprintd: cannot start");
	if (server->pid == 0)
		server_exec(ends[1], argv);
	(void)close(ends[1]);
	return port_read(server, ends[0], diag);
}

void
server_stop(struct server *server)
{
	if (server->pid <= 0)
		return;
	(void)kill(server->pid, SIGTERM);
	(void)waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

/* Begins "imprintd\0front\0"? */
static bool
is_front(long pid)
{
	static const char begin[] = "imprintd\0front";
	char path[64], text[64];
	FILE *file;
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	n = fread(text, 1, sizeof(text), file);
	(void)fclose(file);
	return n >= sizeof(begin) && memcmp(text, begin, sizeof(begin)) == 0;
}

/* proc(5), statm: pages in all, resident. */
static double
resident(long pid)
{
	unsigned long all, pages;
	char path[64];
	FILE *file;
	int n;

	(void)snprintf(path, sizeof(path), "/proc/%ld/statm", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	n = fscanf(file, "%lu %lu", &all, &pages);
	(void)fclose(file);
	return n == 2 ? (double)pages * (double)sysconf(_SC_PAGESIZE) : 0;
}

enum err
server_memory(const struct server *server, double *ret_octets,
    struct diag *diag)
{
	double octets = 0;
	char path[64];
	FILE *file;
	long pid;

	(void)snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children",
	    (long)server->pid, (long)server->pid);
	file = fopen(path, "re");
	if (file == NULL)
		return diag_fail(diag, ERR_IO, NULL, "%s: not there", path);
	while (fscanf(file, "%ld", &pid) == 1)
		if (is_front(pid))
			octets += resident(pid);
	(void)fclose(file);
	*ret_octets = octets;
	return octets > 0 ? ERR_OK : diag_fail(diag, ERR_IO, NULL,
	    "imprintd: no front is to be found");
}
