/* What the files of front share. */
#ifndef IMPRINT_FRONT_FRONT_INTERNAL_H
#define IMPRINT_FRONT_FRONT_INTERNAL_H

#include "front/front.h"
#include "lib/base/secret.h"
#include "lib/crypto/hash.h"
#include "lib/http/server.h"
#include "lib/proto/channel.h"

#define BODY_MAX	((size_t)64 << 10)	/* of a request */
#define FILES_WAITING_MAX	256
#define FILES_NAMED_MAX		512
#define DEVICE_REQUEST	"application/imprint-device-request+cose"
#define DEVICE_ANSWER	"application/imprint-device-answer+cose"
/* Seconds, as Retry-After has them. */
#define RETRY_BUSY	"2"
#define RETRY_AWAY	"10"

/* A call that the authority has not answered; number 0: none. */
struct front_call {
	uint64_t		 number;
	enum internal_type	 type;
	bool			 stranger;	/* anybody can ask it */
	bool			 told;		/* by link_tell() */
	uint8_t			 leaf[SHA256_SIZE];	/* then: of whom */
	struct http_call	*reply;		/* NULL: nobody waits */
	int64_t			 since_ns;
};

/* Of a kind, in this second. */
struct front_lines {
	unsigned	told, left;	/* left out */
};

struct front {
	struct front_config	 config;
	struct http_server	*server;
	struct channel		 link;
	struct http_watch	*link_watch, *files_watch;
	bool			 away;		/* the authority has ended */
	unsigned		 away_seconds;	/* ticks since */
	bool			 ready;		/* it says */
	int64_t			 heard_ns;	/* when it last did */
	struct front_call	 calls[INTERNAL_CALLS_MAX];
	uint64_t		 sequence;
	uint64_t		 counts[COUNTS];
	unsigned		 ticks;
	struct front_lines	 refusals, handshakes;
	/* TLS */
	struct internal_welcome	 welcome;
	struct buf		 trust;		/* PEM */
	struct buf		 cacerts;	/* as EST hands them out */
	struct secret		 key;		/* PEM, until it is certified */
	int64_t			 renew_from, renew_at;	/* when that was set;
							 * when to renew */
	/* files, in the order in which they were asked for */
	int			 files;		/* -1: none */
	struct {
		struct http_call	*reply;
		const char		*type;
		struct buf		 match, none;	/* If-(None-)Match */
	}			 waiting[FILES_WAITING_MAX];
	size_t			 waiting_first, waiting_count;
};

/* tell.c. What is well, or an error; what may not be. */
void	front_tell(struct front *, const char *what, const struct diag *);
void	front_warn(struct front *, const char *what);
/* what: our own words, or NULL. */
void	front_refused(struct front *, const struct http_request *,
	    enum http_status, const char *reason, const char *what);
void	handshake_failed(void *front, const char *peer, const char *why);
/* Each second: more may be told. */
void	front_second(struct front *);
/* The status of a reply, for the figures. */
void	front_count(struct front *, enum http_status);
/* http_reply_problem() that is counted and told, in our own words; retry:
 * Retry-After, or NULL. */
void	front_refuse(struct front *, struct http_request *, enum http_status,
	    const char *reason, const char *detail, const char *retry);

/*
 * link.c: ask the authority. false: it is away, or too much waits already;
 * reply is then still the caller's.
 */
bool	link_ask(struct front *, enum internal_type, struct bytes body,
	    struct http_call *reply);
/*
 * The same for a certificate that was shown to cacerts: a struct
 * internal_est_wish. Its use is on record once it is answered, so reply waits
 * for that. leaf: its hash; false also while the same one is being told of.
 */
bool	link_tell(struct front *, const uint8_t leaf[SHA256_SIZE],
	    struct bytes body, struct http_call *reply);
/* What who asked is told then: 503 away, or busy; nothing was passed on. With
 * unavailable it was, and no answer came. */
void	link_refuse(struct front *, struct http_request *);
void	link_ready(void *front);
/* Is a question of this type under way? */
bool	link_asked(const struct front *, enum internal_type);
/* Calls that nobody can be expected to wait for any longer. */
void	link_expire(struct front *);
/* Everybody who waits is told to come back. */
void	link_drop(struct front *);

/* welcome.c: who may come, and keys of tickets: first, and anew when they are
 * not of this generation any more. */
MUST_USE enum err welcome_take(struct front *,
    const struct internal_message *, struct diag *);
void	welcome_ask(struct front *);
void	welcome_answered(struct front *, const struct internal_message *);

/* key.c: the first certificate, waited for; PEM appended to chain. */
MUST_USE enum err key_first(struct front *, struct buf *chain,
    struct diag *);
/* A new key is made and its certificate asked for, unless that is under
 * way. */
void	key_renew(struct front *);
/* Is it time to? */
bool	key_is_due(const struct front *);
void	key_answered(struct front *, const struct internal_message *);

/* identity.c, monitor.c, files.c: routes, and what comes back. */
void	identity_handle(void *front, struct http_request *);
void	identity_answered(struct front *, struct front_call *,
	    const struct internal_message *);
/* What a device asks for goes to the authority; refused when it cannot. */
void	device_ask(struct front *, struct http_request *, enum internal_type,
	    const struct buf *body);
/* est.c */
MUST_USE enum err est_cacerts(const struct internal_welcome *, struct buf *,
    struct diag *);
void	est_get_handle(void *front, struct http_request *);
void	est_post_handle(void *front, struct http_request *);
void	est_answered(struct front *, struct http_request *,
	    enum internal_type, struct bytes body);
/* What cacerts gives. */
void	est_cacerts_reply(struct front *, struct http_request *);
/* api.c */
void	api_request_handle(void *front, struct http_request *);
void	api_get_handle(void *front, struct http_request *);
void	api_post_handle(void *front, struct http_request *);
void	api_ledger_handle(void *front, struct http_request *);
void	api_described_handle(void *front, struct http_request *);
void	api_answered(struct front *, struct http_request *,
	    enum internal_type, struct bytes answer);
void	health_handle(void *front, struct http_request *);
void	ready_handle(void *front, struct http_request *);
void	metrics_handle(void *front, struct http_request *);
void	figures_send(struct front *, struct http_call *reply);
void	figures_answered(struct front *, struct front_call *,
	    const struct internal_message *);
void	files_handle(void *front, struct http_request *);
void	files_ready(void *front);
void	files_drop(struct front *);

#endif
