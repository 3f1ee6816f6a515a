/*
 * Run somebody's program: bytes on its standard input, its output where our
 * messages go, its exit status as the answer.
 */
#ifndef IMPRINT_BASE_COMMAND_H
#define IMPRINT_BASE_COMMAND_H

#include <sys/types.h>

#include "lib/base/bytes.h"
#include "lib/base/diag.h"

#define COMMAND_INPUT_MAX	4096	/* what any pipe takes at once */

/*
 * Start path with argv and environment: a process group of its own, default
 * signals, input (a descriptor of the caller's) as standard input, output as
 * standard output, or -1: where our messages go. Returns 0 or an errno.
 */
int	command_spawn(const char *path, char *const argv[],
	    char *const environment[], int input, int output,
	    pid_t *ret_pid);

/*
 * path is executed, not searched and no shell; argument is its only one. It
 * gets an empty environment but PATH. After timeout_s its process group is
 * killed. ret_status: its exit status, or 128 and the number of the signal
 * that ended it. ERR_IO: it could not be started; ERR_LIMIT: input too long.
 */
MUST_USE enum err command_run(const char *path, const char *argument,
    struct bytes input, unsigned timeout_s, int *ret_status, struct diag *);

#endif
