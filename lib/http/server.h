/*
 * The one HTTP server of station, verifier and front: HTTP/1.1 (RFC 9112)
 * over TCP or TLS 1.2 and 1.3, one event loop. Clients may show certificates.
 *
 * A request is read whole, within limits and a deadline, before a handler
 * runs. Replies are held until what the handlers did is durable: batch is
 * called, in a thread of its own, for all that was done before, and then their
 * replies are sent (group commit). Meanwhile the loop goes on; what is handled
 * then waits for the next batch, one at a time.
 *
 * Hostile clients cost little: sizes and times are bounded, and when all
 * connections are taken, the one that has owed a request for longest is
 * closed for the next one. A client that goes away changes nothing: its
 * request is carried out, its reply dropped.
 */
#ifndef IMPRINT_HTTP_SERVER_H
#define IMPRINT_HTTP_SERVER_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/diag.h"

#define HTTP_HEAD_MAX		8192	/* request line and header fields */
#define HTTP_FIELDS_MAX		48
#define HTTP_ADDRESS_SIZE	72	/* "[::1]:8443" */

/* Status codes, RFC 9110 15 and RFC 6585. */
enum http_status {
	HTTP_OK = 200,
	HTTP_ACCEPTED = 202,
	HTTP_NOT_MODIFIED = 304,	/* without type and body */
	HTTP_BAD_REQUEST = 400,
	HTTP_UNAUTHORIZED = 401,
	HTTP_FORBIDDEN = 403,
	HTTP_NOT_FOUND = 404,
	HTTP_METHOD_NOT_ALLOWED = 405,
	HTTP_CONFLICT = 409,
	HTTP_GONE = 410,
	HTTP_LENGTH_REQUIRED = 411,
	HTTP_PRECONDITION_FAILED = 412,
	HTTP_CONTENT_TOO_LARGE = 413,
	HTTP_UNSUPPORTED_TYPE = 415,
	HTTP_UNPROCESSABLE = 422,
	HTTP_TOO_MANY = 429,
	HTTP_HEAD_TOO_LARGE = 431,
	HTTP_SERVER_ERROR = 500,
	HTTP_UNAVAILABLE = 503,
	HTTP_VERSION_UNKNOWN = 505
};

struct http_request;

/* What a handler may ask; views last until it returns. */
/* Without what follows a '?'; begins with '/', not decoded. */
struct bytes http_path(const struct http_request *);
/* What follows the '?'; empty: nothing. */
struct bytes http_query(const struct http_request *);
/* The value of a field, its name in any case; ptr NULL when it is not there.
 * A request that gives one twice that may stand only once was refused. */
struct bytes http_field(const struct http_request *, const char *name);
/* How often it stands there: where two would let two readers differ. */
size_t	http_field_count(const struct http_request *, const char *name);
/* All of its lines as the one list that they are (RFC 9110 5.3), appended. */
void	http_put_field_list(const struct http_request *, const char *name,
	    struct buf *out);
/* What follows the scheme in Authorization (RFC 9110 11.4); ptr NULL: there is
 * none, or another scheme. */
struct bytes http_credentials(const struct http_request *,
	    const char *scheme);
/* Is this the media type, whatever its case and parameters (RFC 9110
 * 8.3.1)? */
bool	http_type_is(struct bytes field, const char *type);
struct bytes http_body(const struct http_request *);
/* For a log, also when the reply comes later: the client's address, and method
 * with path, cut and not decoded; empty when these could not be read. */
const char *http_peer(const struct http_request *);
const char *http_asked(const struct http_request *);
/* Did it come in on the monitor's socket? */
bool	http_is_monitor(const struct http_request *);
/*
 * The certificates that the client showed in the handshake, and whose key it
 * has: DER, the leaf first, each after its length as 4 bytes big-endian
 * (pem_next() reads them); nothing when it showed none. ERR_LIMIT: out is too
 * small; ERR_NOMEM.
 */
MUST_USE enum err http_client_chain(const struct http_request *,
    struct buf *out);

/*
 * What is of this TLS connection alone, for who wants to tie a request to it:
 * of TLS 1.3 tls-exporter (RFC 9266), of TLS 1.2 with the extended master
 * secret tls-unique (RFC 5929 3); of another connection none. Returns its
 * octets.
 */
#define HTTP_BINDING_MAX	64
size_t	http_channel_binding(const struct http_request *,
	    uint8_t ret_binding[HTTP_BINDING_MAX]);

/*
 * The reply, once, before the handler returns; a handler that gives none has
 * failed: 500. body is taken over and left empty, its memory wiped when it is
 * sent; one that will hold a secret is given its whole room beforehand
 * (buf_reserve). A body that has failed (buf_err) is a 500 as well.
 */
void	http_reply(struct http_request *, enum http_status, const char *type,
	    struct buf *body);
#define HTTP_JSON	"application/json"
#define HTTP_HTML	"text/html; charset=utf-8"
/* One more header field of the reply; value: plain text, no line ends. */
void	http_reply_field(struct http_request *, const char *name,
	    const char *value);
/* An open file of size octets in place of a body; fd is taken over. It must
 * not be changed meanwhile: a client whose file ends early is cut off. */
void	http_reply_file(struct http_request *, const char *type, int fd,
	    uint64_t size);
/* A refusal as RFC 9457 has it; reason: a word for programs, or NULL. */
void	http_reply_problem(struct http_request *, enum http_status,
	    const char *reason, const char *detail);
/* Its body, appended. */
void	http_put_problem(struct buf *, enum http_status, const char *reason,
	    const char *detail);
#define HTTP_PROBLEM	"application/problem+json"

/*
 * A request whose reply comes later, in the same loop: the handler takes a
 * call instead of replying, and copies what it needs, for the views end with
 * it. NULL: no memory; the client is told 500. The owner ends each call once,
 * within a time of its own choosing: nothing else does.
 */
struct http_call;
struct http_call *http_defer(struct http_request *);
/* For the reply; NULL: the client has gone. */
struct http_request *http_call_request(struct http_call *);
/* The reply goes out at the end of the turn; without one: 500. Ends the call,
 * also after its server. */
void	http_call_end(struct http_call **);

/* Which handler for what. A path that ends in '*' stands for all that begin
 * with what is before it. A path of the table asked with another method is
 * 405, any other path 404. A table ends with method NULL. */
struct http_route {
	const char	*method;	/* "GET" */
	const char	*path;		/* "/v1/query" */
	void		(*handle)(void *ctx, struct http_request *);
};

#define HTTP_TICKET_KEY_SIZE	80
#define HTTP_TICKETS_SIZE	(2 * HTTP_TICKET_KEY_SIZE)

struct http_config {
	const char	*address;	/* an IP address: "127.0.0.1", "::" */
	uint16_t	 port;		/* 0: any that is free */
	/* a socket that listens already, taken over, instead; 0: none */
	int		 listener;
	/* one more, also taken over: plain HTTP with routes of its own */
	int		 monitor;
	const struct http_route *monitor_routes;
	/* PEM; both empty: no TLS. The chain's leaf first. */
	struct bytes	 certificate, key;
	/*
	 * PEM; empty: clients are not asked for a certificate. Who shows one
	 * needs a path to one of these (RFC 5280 6.1, clientAuth); only the
	 * client's own may have expired: what that allows is for the handler.
	 */
	struct bytes	 client_trust;
	/*
	 * Two keys of random octets, the present one and the one before, which
	 * must outlive the server and may be changed whenever its loop is not
	 * in OpenSSL: sessions of TLS 1.3 are resumed, within an hour and with
	 * a new agreement of keys, by every server that has the key with which
	 * the first sealed them as one of its two. The client's certificate is
	 * that of the first handshake, without its chain, and is not checked
	 * again. NULL: none is resumed.
	 */
	const uint8_t	*tickets;
	size_t		 body_max;
	unsigned	 connections_max;
	unsigned	 idle_s;	/* between requests */
	unsigned	 request_s;	/* for one whole request, with the
					 * handshake before it; also for its
					 * reply to be taken */
	unsigned	 stop_s;	/* for what is under way on SIGTERM */
	const struct http_route *routes;
	void		*ctx;		/* of all that follow and handlers */
	/*
	 * Makes durable what handlers did before it is called, while they may
	 * do more: in its thread, never two at once, and not after
	 * http_server_run(). On an error its replies are not sent: all of them
	 * get 500 and the body that it wrote, all later ones a body of the
	 * server's; the server stops then and http_server_run() returns the
	 * error. NULL: replies go out at the end of the loop's turn.
	 */
	enum err	(*batch)(void *ctx, struct buf *body, struct diag *);
	/* Between turns: every tick_s seconds while it runs, and on SIGHUP,
	 * which otherwise ends the process; may be NULL. */
	void		(*tick)(void *ctx);
	unsigned	 tick_s;	/* > 0 with tick */
	void		(*hangup)(void *ctx);
	/* Writes the body of what the server itself refuses, of that type;
	 * NULL: {"error":"what"}; HTTP_JSON. */
	void		(*refusal)(void *ctx, enum http_status,
			    const char *what, struct buf *body);
	const char	*refusal_type;
	/* Told of each such refusal, and of each TLS handshake that fails once
	 * it has begun; what, why: without anything of the client's; NULL. */
	void		(*refused)(void *ctx, const struct http_request *,
			    enum http_status, const char *what);
	void		(*handshake_failed)(void *ctx, const char *peer,
			    const char *why);
};

struct http_server;

/*
 * Bind; from now on SIGTERM, SIGINT (and SIGHUP with hangup) are kept for
 * http_server_run(). SIGPIPE must be ignored. config's texts and tables must
 * outlive the server; certificate and key need not. ERR_INVALID:
 * no IP address, certificate and key do not belong together or are no PEM;
 * ERR_EXISTS: the port is taken; ERR_PERMISSION; ERR_IO; ERR_CRYPTO.
 */
MUST_USE enum err http_server_new(const struct http_config *,
    struct http_server **ret_server, struct diag *);
void	http_server_free(struct http_server **);
#define _cleanup_http_server_ __attribute__((cleanup(http_server_free)))
/*
 * Another certificate and trust for the connections to come; those there are
 * go on with what they have. ERR_STATE: it has no TLS; else as above, and
 * nothing is changed.
 */
MUST_USE enum err http_server_renew(struct http_server *,
    struct bytes certificate, struct bytes key, struct bytes client_trust,
    struct diag *);
/* The same with another trust alone. */
MUST_USE enum err http_server_trust(struct http_server *,
    struct bytes client_trust, struct diag *);
/* Where it listens, "127.0.0.1:8443"; the port is the real one. */
const char *http_server_address(const struct http_server *);
/* Is "127.0.0.1", "::1" or the like an address of this machine alone? */
bool	http_is_loopback(const char *address);

/*
 * Serve until SIGTERM or SIGINT, or http_server_stop(): then no new
 * connection is taken, requests that have begun are finished within stop_s.
 * Returns ERR_OK then, or what batch has failed with.
 */
MUST_USE enum err http_server_run(struct http_server *, struct diag *);
void	http_server_stop(struct http_server *);
unsigned http_server_connections(const struct http_server *);

/*
 * A descriptor of somebody else's in the same loop: ready is called when it
 * can be read or, while that is wanted, written. Free it before the server;
 * the descriptor is not closed. ERR_NOMEM, ERR_IO.
 */
struct http_watch;
MUST_USE enum err http_watch_new(struct http_server *, int fd,
    void (*ready)(void *ctx), void *ctx, struct http_watch **ret_watch,
    struct diag *);
void	http_watch_write(struct http_watch *, bool wanted);
void	http_watch_free(struct http_watch **);

#endif
