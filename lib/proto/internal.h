/*
 * Messages between the processes of imprintd, over a socketpair.
 *
 *	length of what follows, u32 big-endian; deterministic CBOR
 *	[version, call, type, body]
 *
 * The asking side numbers its calls; each gets one message back with that
 * number, an answer or a refusal, in any order. What a front sends is a
 * stranger's word: every reader here is strict and bounded, and who breaks a
 * rule is cut off. A device's signed request passes through untouched; the
 * authority verifies it itself.
 */
#ifndef IMPRINT_PROTO_INTERNAL_H
#define IMPRINT_PROTO_INTERNAL_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/diag.h"

#define INTERNAL_VERSION	1
#define INTERNAL_HEAD		4	/* octets of the length */
#define INTERNAL_SIZE_MAX	((size_t)96 << 10)	/* after it */
#define INTERNAL_CALLS_MAX	256	/* of one channel, unanswered */

#define CHALLENGE_SIZE		32
#define TICKETS_SIZE		160	/* as lib/http has them */
#define INTERNAL_NAME_MAX	253	/* of a DNS name */
#define INTERNAL_CERTS_MAX	64
#define INTERNAL_REASON_MAX	32
#define INTERNAL_TEXT_MAX	700

/* Who is at the other end. */
enum internal_role {
	INTERNAL_FRONT = 1,
	INTERNAL_OPERATOR = 2	/* a command of this machine: local.h */
};

enum internal_type {
	/* null; answer: struct internal_welcome */
	INTERNAL_WELCOME = 1,
	/* COSE_Sign1 of lib/proto/front_key.h as bstr; answer: struct
	 * internal_certificate */
	INTERNAL_CERTIFICATE = 2,
	/* device's request as bstr; answer: the authority's as bstr */
	INTERNAL_IDENTITY = 3,
	/* what the front has counted, enum internal_count; answer: [ready,
	 * generation of the welcome, text of all figures] */
	INTERNAL_FIGURES = 4,
	/* struct internal_est; answer: the certificate as bstr */
	INTERNAL_EST = 5,
	/* struct internal_est_wish; answer: CsrAttrs, DER, as bstr */
	INTERNAL_EST_WISH = 6,

	/* request of an operator as bstr; answer: JSON as bstr */
	INTERNAL_REQUEST = 7,
	/* struct internal_query; answer: JSON as bstr */
	INTERNAL_QUERY = 8,
	/* struct internal_est; answer: struct internal_est_key */
	INTERNAL_EST_KEYGEN = 9,
	/* head of a station's ledger as bstr; answer: the acknowledgement as
	 * bstr */
	INTERNAL_LEDGER_HEAD = 10,

	/* of commands: lib/proto/local.h */
	INTERNAL_SUBMIT = 16,	/* struct local_submit and its files */
	INTERNAL_ORDER_RUN = 17,	/* [order, workers] */
	INTERNAL_PUBLISH = 18,	/* [days, only if needed] */
	INTERNAL_LOG_PUBLISH = 19,	/* [log, 0] */
	INTERNAL_SIGNER_RENEW = 20,	/* [0, 0] */
	INTERNAL_EXPORT = 21,	/* struct local_export */

	INTERNAL_ANSWER = 64,
	INTERNAL_REFUSAL = 65,	/* struct internal_refusal */
	INTERNAL_ERROR = 66	/* to commands: struct diag */
};

/* May a peer of that role ask so? The one table of what is legal. */
bool	internal_allowed(enum internal_role, uint64_t type);

/* What an operator or a station signed, or a stranger made up: no certificate
 * is needed to hand it in. */
static inline bool
internal_is_anybodys(uint64_t type)
{
	return type == INTERNAL_REQUEST || type == INTERNAL_QUERY ||
	    type == INTERNAL_LEDGER_HEAD;
}

/* body: one encoded item, a view. */
struct internal_message {
	uint64_t	call;
	uint64_t	type;
	struct bytes	body;
};
/* With its length, appended. ERR_LIMIT: longer than INTERNAL_SIZE_MAX. */
MUST_USE enum err internal_put(struct buf *,
    const struct internal_message *);
/* What follows a length. ERR_SYNTAX, ERR_VERSION. */
MUST_USE enum err internal_parse(struct bytes,
    struct internal_message *ret_message, struct diag *);

/*
 * Bodies. What they point to is the caller's or, when read, the message's.
 */
struct internal_welcome {
	uint8_t		challenge[CHALLENGE_SIZE];	/* of this channel */
	/* keys of TLS tickets, the same for all fronts: any of them resumes
	 * what another began */
	uint8_t		tickets[TICKETS_SIZE];
	/* another one, greater: tickets or trust have changed since */
	uint64_t	generation;
	char		name[INTERNAL_NAME_MAX + 1];	/* of the server */
	/* DER of who may issue to clients: own_count of this authority, the
	 * root first, then those of registered manufacturers */
	struct bytes	trust[INTERNAL_CERTS_MAX];
	size_t		trust_count, own_count;
};
void	internal_put_welcome(struct buf *, const struct internal_welcome *);
MUST_USE enum err internal_get_welcome(struct bytes body,
    struct internal_welcome *ret_welcome, struct diag *);

struct internal_certificate {
	struct bytes	chain[INTERNAL_CERTS_MAX];	/* DER, leaf first */
	size_t		chain_count;
	int64_t		not_after;
};
void	internal_put_certificate(struct buf *,
	    const struct internal_certificate *);
MUST_USE enum err internal_get_certificate(struct bytes body,
    struct internal_certificate *ret_certificate, struct diag *);

/*
 * A certification request that came by plain EST: [renew, label, leaf, csr].
 * That the client of that connection has the key of leaf is the front's word,
 * and is taken as no more than that.
 */
#define INTERNAL_LABEL_MAX	63
#define INTERNAL_DER_MAX	((size_t)16 << 10)	/* of each */
struct internal_est {
	bool		renew;
	char		label[INTERNAL_LABEL_MAX + 1];	/* empty: none */
	struct bytes	leaf, csr;	/* DER; views */
};
void	internal_put_est(struct buf *, const struct internal_est *);
MUST_USE enum err internal_get_est(struct bytes body,
    struct internal_est *ret_est, struct diag *);

/* A certificate and its private key, sealed in CMS: [certificate, key]. */
struct internal_est_key {
	struct bytes	certificate, key;	/* DER; views */
};
void	internal_put_est_key(struct buf *, const struct internal_est_key *);
MUST_USE enum err internal_get_est_key(struct bytes body,
    struct internal_est_key *ret_key, struct diag *);

/* What certification requests should carry: [linked, label, leaf]. */
struct internal_est_wish {
	bool		linked;		/* a challengePassword, too */
	char		label[INTERNAL_LABEL_MAX + 1];	/* empty: none */
	struct bytes	leaf;		/* DER, a view; empty: none */
};
void	internal_put_est_wish(struct buf *, const struct internal_est_wish *);
MUST_USE enum err internal_get_est_wish(struct bytes body,
    struct internal_est_wish *ret_wish, struct diag *);

/*
 * What an operator asks: [method, target, signed, body]. The octets that the
 * operator signed say the same method and target, or it is refused; the body
 * is what the target says of it.
 */
#define INTERNAL_TARGET_MAX	512
#define INTERNAL_BODY_MAX	((size_t)64 << 10)
#define INTERNAL_QUERY_MAX	((size_t)2 << 10)
struct internal_query {
	char		method[8 + 1];
	char		target[INTERNAL_TARGET_MAX + 1];
	struct bytes	octets;			/* lib/authority/query.h */
	struct bytes	body;			/* empty: none */
};
void	internal_put_query(struct buf *, const struct internal_query *);
MUST_USE enum err internal_get_query(struct bytes body,
    struct internal_query *ret_query, struct diag *);

/* [status, reason, detail, retry after]; a device is told all of it. Nothing is
 * wrong with a request whose reason is INTERNAL_LATER: the same again, after
 * retry_after_s (by EST 202: RFC 7030 4.2.3). */
#define INTERNAL_LATER	"unclaimed"
struct internal_refusal {
	unsigned	status;		/* of HTTP: 400 to 599 */
	char		reason[INTERNAL_REASON_MAX + 1];	/* a word */
	char		detail[INTERNAL_TEXT_MAX + 1];	/* cut when longer */
	uint32_t	retry_after_s;	/* 0: it need not come back */
};
void	internal_put_refusal(struct buf *, const struct internal_refusal *);
MUST_USE enum err internal_get_refusal(struct bytes body,
    struct internal_refusal *ret_refusal, struct diag *);

/* An answer or request that is one byte string of at most max octets. */
MUST_USE enum err internal_get_octets(struct bytes body, size_t max,
    struct bytes *ret_octets, struct diag *);

/* What a front counts since it began, but for the first. */
#define INTERNAL_LATENCIES	10	/* upper bounds below; then all */
#define INTERNAL_LATENCY_MS	{ 1, 2, 5, 10, 20, 50, 100, 250, 1000, 5000 }
enum internal_count {
	COUNT_CONNECTIONS = 0,		/* open now */
	COUNT_DONE = 1,			/* replies 2xx */
	COUNT_REFUSED = 2,		/* 4xx */
	COUNT_FAILED = 3,		/* 5xx */
	COUNT_FILES = 4,
	COUNT_CALLS = 5,		/* identities asked for, answered */
	COUNT_CALLS_US = 6,		/* the time of those, in all */
	COUNT_CERTIFICATE_END = 7,	/* of its TLS certificate */
	COUNT_LATENCY = 8,		/* of those, by upper bound */
	COUNTS = COUNT_LATENCY + INTERNAL_LATENCIES + 1
};
void	internal_put_counts(struct buf *, const uint64_t counts[COUNTS]);
MUST_USE enum err internal_get_counts(struct bytes body,
    uint64_t ret_counts[COUNTS], struct diag *);
struct internal_figures {
	bool		ready;
	uint64_t	generation;	/* of struct internal_welcome */
	struct bytes	text;		/* a view */
};
void	internal_put_figures(struct buf *, const struct internal_figures *);
MUST_USE enum err internal_get_figures(struct bytes body,
    struct internal_figures *ret_figures, struct diag *);

#endif
