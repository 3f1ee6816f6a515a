/*
 * Clients of imprintd over mutual TLS 1.3: one thread, many connections under
 * way, and as little work as can be. They stand for computers of their own,
 * and what they take is taken from the server here.
 */
#ifndef IMPRINT_BENCH_CLIENT_H
#define IMPRINT_BENCH_CLIENT_H

/* first: it takes names back that OpenSSL has too */
#include "lib/crypto/ossl.h"

#include <openssl/ssl.h>

#include "lib/base/buf.h"
#include "lib/base/diag.h"

/* One request over a connection of its own. */
struct client_job {
	X509		*leaf;		/* the client's */
	EVP_PKEY	*key;
	struct bytes	 request;	/* head and body of HTTP */
	/* in: the session to resume, NULL for a full handshake; out: that of
	 * the last ticket. The caller's. */
	SSL_SESSION	*session;
	bool		 keep;		/* leave the connection open */
	int		 fd;		/* out, then: the caller's */
	struct buf	 reply;		/* out: head and body; appended to */
	double		 ms;		/* out: from connect(2) to the reply */
	bool		 resumed;	/* out */
};

struct client;
/* Of a server on 127.0.0.1 whose certificate for that name is under the root
 * in the file trust, PEM. */
MUST_USE enum err client_new(const char *trust, const char *name,
    uint16_t port, struct client **ret_client, struct diag *);
void	client_free(struct client **);
#define _cleanup_client_ __attribute__((cleanup(client_free)))
/* All of them, under_way at once; ret_s: the time of all. ERR_INTERNAL: an
 * answer other than 200; ERR_IO: none. */
MUST_USE enum err client_run(struct client *, struct client_job *jobs,
    size_t count, unsigned under_way, double *ret_s, struct diag *);
/* The body of a reply. */
struct bytes client_body(const struct client_job *);

#endif
