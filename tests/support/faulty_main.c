/*
 * main() of a program's twin for the fault tests: the program on the disk
 * that the environment variable IMPRINT_FAULT asks for (io_fault_parse()).
 * PROGRAM_MAIN comes from the build.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/io_fault.h"

int PROGRAM_MAIN(int argc, char **argv, const struct io *io);

/* Set once in main(), for report() alone. */
static const struct io *faulty;
static struct io_fault_plan plan;
static pid_t owner;

/* "count:/path/file": the program may end anywhere by exit(). */
static void
report(void)
{
	char text[32];
	int fd, len;

	if (plan.count_path == NULL || getpid() != owner)
		return;
	len = snprintf(text, sizeof(text), "%lu\n", io_fault_count(faulty));
	fd = open(plan.count_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0600);
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		perror(plan.count_path);
}

/* The same so far, of one that waits for something. */
static void
report_now(int number)
{
	(void)number;
	report();
}

int
main(int argc, char **argv)
{
	const char *text;

	text = getenv("IMPRINT_FAULT");
	if (text == NULL || text[0] == '\0')
		return PROGRAM_MAIN(argc, argv, io_posix());
	if (io_fault_parse(text, &plan) != ERR_OK) {
		(void)fprintf(stderr, "IMPRINT_FAULT: cannot read '%s'\n",
		    text);
		return 99;
	}
	owner = getpid();
	faulty = io_fault_new(&plan);
	if (atexit(report) != 0 || (plan.count_path != NULL &&
	    signal(SIGUSR1, report_now) == SIG_ERR))
		return 99;
	return PROGRAM_MAIN(argc, argv, faulty);
}
