/* Between server.c, batch.c, reply.c, peer.c and watch.c. */
#ifndef IMPRINT_HTTP_SERVER_INTERNAL_H
#define IMPRINT_HTTP_SERVER_INTERNAL_H

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/queue.h>

#include "lib/base/secret.h"
#include "lib/http/message.h"
#include "lib/http/tls.h"

#define REPLY_FIELDS_MAX	1024
#define ASKED_SIZE		128	/* method and path, as a log has them */

/* What becomes of a connection, in this order over and over. */
enum peer_state {
	PEER_READING,	/* it owes us a request */
	PEER_DEFERRED,	/* somebody has its call */
	PEER_WAITING,	/* handled, and not durable yet */
	PEER_WRITING,	/* we owe it the rest of a reply */
	PEER_DRAINING	/* refused before it had sent all */
};

struct http_request {
	const struct http_head	*head;
	struct bytes		 body;
	bool			 is_head;	/* no content is wanted */
	struct peer		*peer;
	char			 asked[ASKED_SIZE];
	/* reply; status 0: none yet */
	enum http_status	 status;
	const char		*type;
	struct buf		 reply;
	struct buf		 fields;
	int			 file;		/* -1: none */
	uint64_t		 file_size;
};

struct http_call {
	struct peer	*peer;		/* NULL: it has gone */
};

struct peer {
	TAILQ_ENTRY(peer)	 entry;
	struct http_server	*server;
	struct bufferevent	*bev;
	struct event		*deadline;
	enum peer_state		 state;
	uint64_t		 number;	/* PEER_WAITING: batch.c */
	bool			 shaken;	/* the TLS handshake is done */
	bool			 begun;		/* part of a request is here */
	bool			 continued;	/* 100 was sent */
	bool			 close;		/* after the reply */
	bool			 drain;		/* before that */
	bool			 monitor;
	size_t			 searched;	/* no head ends before it */
	char			 address[HTTP_ADDRESS_SIZE];
	struct http_call	*call;		/* PEER_DEFERRED: its owner's */
	/* the rest of a reply that is a file; -1: none */
	int			 file;
	uint64_t		 file_at, file_size;
	struct http_request	 request;
};
TAILQ_HEAD(peer_list, peer);

struct http_server {
	struct http_config	 config;
	SSL_CTX			*tls;		/* NULL: plain */
	struct event_base	*base;
	struct evconnlistener	*listener, *monitor;
	struct event		*flush, *stop_timer;
	struct http_batch	*batch;		/* while it runs, or NULL */
	struct event		*signals[2];
	struct event		*tick, *hangup;	/* NULL: not asked for */
	char			 address[HTTP_ADDRESS_SIZE];
	/* of the last reply, as it has it */
	int64_t			 date_s;
	char			 date[HTTP_DATE_SIZE];
	/* in the order in which they last began to owe us something */
	struct peer_list	 peers;
	unsigned		 peer_count;
	bool			 stopping;
	enum err		 err;
	struct diag		 diag;
};

/* Takes fd over; without a word when there is no memory. */
void	peer_new(struct http_server *, int fd, bool monitor,
	    const struct sockaddr *);
void	peer_free(struct peer *);
/* The reply of one that waits goes out. */
void	peer_reply(struct peer *);
/* Its handler, and then its turn's end. */
void	server_dispatch(struct http_server *, struct peer *);
/* The body of a refusal by the server itself. */
void	server_refuse(struct http_server *, struct http_request *,
	    enum http_status, const char *what);
/* Its reply is there: to be sent when what it says is durable, without
 * batches at the end of the turn. */
void	server_replied(struct http_server *, struct peer *);
/* That end, and all that waits after an error: event callback. */
void	server_flush(evutil_socket_t, short what, void *server);
/* The thread that batches run in, for as long as the server does. */
MUST_USE enum err batch_begin(struct http_server *, struct diag *);
void	batch_end(struct http_server *);
/* Of IPv4 or IPv6: "[::1]:8443". */
void	address_format(const struct sockaddr *,
	    char text[HTTP_ADDRESS_SIZE]);
/* Loop ends when it stops and nobody is left. */
void	server_left(struct http_server *);

#endif
