/*
 * main() of a program's twin for the fault tests: the program on the disk
 * that the environment variable IMPRINT_FAULT asks for (io_fault_parse()).
 * PROGRAM_MAIN comes from the build.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
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

/* The same so far, of one that waits for something. A thread of its own: in a
 * signal's handler the disk's lock may be held by whom it interrupts. */
static void *
report_when_asked(void *set)
{
	int number;

	while (sigwait(set, &number) == 0)
		report();
	return NULL;
}

static bool
report_begin(void)
{
	static sigset_t set;
	pthread_t thread;

	if (atexit(report) != 0)
		return false;
	if (plan.count_path == NULL)
		return true;
	return sigemptyset(&set) == 0 && sigaddset(&set, SIGUSR1) == 0 &&
	    pthread_sigmask(SIG_BLOCK, &set, NULL) == 0 &&
	    pthread_create(&thread, NULL, report_when_asked, &set) == 0 &&
	    pthread_detach(thread) == 0;
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
	if (!report_begin())
		return 99;
	return PROGRAM_MAIN(argc, argv, faulty);
}
