/*
 * One run of the plug-in command: a child in its own process group that gets
 * a package on its standard input.
 */
#ifndef IMPRINT_STATION_PLUGIN_H
#define IMPRINT_STATION_PLUGIN_H

#include <sys/types.h>

#include "lib/base/diag.h"
#include "lib/base/secret.h"

struct plugin {
	pid_t		 pid;		/* 0: none */
	int		 pidfd;		/* readable when it has ended */
	int		 input;		/* our end of its input; -1: closed */
	int		 unread;	/* other end: what it left */
	struct secret	 package;
	size_t		 sent, size;
	int64_t		 deadline_ns;	/* monotonic */
	bool		 timed_out;
};

#define PLUGIN_INIT { .pidfd = -1, .input = -1, .unread = -1,	\
	.package = SECRET_INIT }

/* What its environment tells it. */
struct plugin_call {
	const char	*command;
	char *const	*environment;
	unsigned	 timeout_s;
	uint64_t	 sequence, index;
	const char	*pack;		/* id in hexadecimal */
};

/* Start it; package is taken over only on success. ERR_IO, ERR_NOMEM. */
MUST_USE enum err plugin_start(const struct plugin_call *,
    struct secret *package, struct plugin *, struct diag *);
/* Send what its input takes now; the package is wiped when all is sent. */
void	plugin_feed(struct plugin *);
/* Past its deadline: kill the process group. */
void	plugin_expire(struct plugin *, int64_t now_ns);
/* Has it ended? Then ret_status is as in the ledger and all is released. Exit
 * status 0 counts only when it has read its whole package. */
bool	plugin_ended(struct plugin *, uint64_t *ret_status);

#endif
