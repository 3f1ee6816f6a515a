/*
 * The front: the process of imprintd that speaks with the network. It holds
 * its own TLS key of at most a day and descriptors that it was started with,
 * nothing else; it can open no file, make no socket, start no program. What
 * it is asked, the authority decides (lib/proto/internal.h).
 *
 *	POST /v1/identity	a device's signed request, inside mutual TLS
 *	/.well-known/est/...	EST (RFC 7030)
 *	GET /pub/...		what is published, see files.h
 *	GET /healthz /readyz	is it there; can it be used
 *	GET /metrics		on the monitor's socket alone
 */
#ifndef IMPRINT_FRONT_FRONT_H
#define IMPRINT_FRONT_FRONT_H

#include <stdbool.h>

#include "lib/base/diag.h"
#include "lib/base/logfmt.h"

#define FRONT_CONNECTIONS_MAX	100000

struct front_config {
	int		 channel;	/* to the authority */
	int		 listener;	/* a socket that listens */
	int		 monitor;	/* the same; 0: none */
	int		 publish;	/* a folder; 0: nothing is served */
	unsigned	 connections;	/* at once */
	/* EST (RFC 7030 3.5): a certification request must be linked to its
	 * TLS connection by a challengePassword; otherwise it may be */
	bool		 est_linking;
	/* fields of a line for the log */
	void		(*tell)(enum log_level, const struct buf *fields);
};

/*
 * Serve until SIGTERM or SIGINT, or until the authority has ended and those
 * who wait were told; SIGHUP: a new TLS key and certificate, and what the
 * authority says of clients and tickets anew. Takes all descriptors over. The
 * process is confined from then on (confine.h). ERR_OK: it was stopped;
 * ERR_STATE: the authority is gone.
 */
MUST_USE enum err front_run(const struct front_config *, struct diag *);

#endif
