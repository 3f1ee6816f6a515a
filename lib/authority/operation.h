/*
 * The operations log: what was done with the authority, append only.
 *
 * Every request carried out or refused, every start and stop of signing,
 * every range made void, every publication and epoch is an entry; a Merkle
 * tree like that of issuance stands over them. Policy tables (products,
 * stations, operators, orders, status) are its replay, which operation_replay()
 * checks.
 *
 * Entry: deterministic CBOR [version, kind, place, time, body]; bodies are
 * written and read by whoever records them, see docs/protocol/operations.md.
 *
 * The head {size, root, time, epoch, status sum} stands in the registry under
 * the row MAC and changes with each entry in one transaction: an entry or a
 * status row changed, removed or added behind the authority's back is seen
 * when it is unlocked or its status is published. That the whole registry was
 * put back is what the anchor sees (anchor.h).
 */
#ifndef IMPRINT_AUTHORITY_OPERATION_H
#define IMPRINT_AUTHORITY_OPERATION_H

#include "lib/authority/authority.h"
#include "lib/authority/rows.h"

#define LOG_OPERATIONS		"operations"
#define LOG_OPERATIONS_NUMBER	3
#define OPERATION_VERSION	1
#define OPERATION_SIZE_MAX	(8 * ((size_t)1 << 20))

enum operation_kind {
	/* [ecosystem id, name, [[kind, name, version, hash], ...]]: what was
	 * there when the log began */
	OPERATION_BEGIN = 1,
	/* [signed request, result, [[kind, name, version, hash], ...]]: the
	 * objects it made */
	OPERATION_REQUEST = 2,
	OPERATION_REFUSAL = 3,	/* [SHA-256 of request, error, what] */
	OPERATION_START = 4,	/* [what, number, identities before] */
	OPERATION_STOP = 5,	/* [what, number, identities, error] */
	OPERATION_VOID = 6,	/* [log, [[first, count], ...], reason] */
	OPERATION_PUBLISH = 7,	/* [log, CRL number, this update, next update,
				 * SHA-256 of the CRL] */
	/* [[[kind, name, version, hash], ...]]: made for an order's run */
	OPERATION_TEMPLATE = 9,
	OPERATION_RESERVE = 10,	/* [log, first, count]: before one is signed */
	/* [[[what, log and index of birth, index / null], ...]]: a turn of
	 * enrolment (enrol.h); what is FIELD_SUPERSEDED or
	 * FIELD_OUTLIVED is revoked by it */
	OPERATION_FIELD = 11,
	/* [DNS name, SHA-256 of the certificate, its end]: made for a server
	 * of our own (server_certificate.h) */
	OPERATION_SERVER = 12,
	/* [head that a station signed, [[kind, name, version, hash], ...]]:
	 * the acknowledgement that it was given (acknowledge.h) */
	OPERATION_ACKNOWLEDGE = 13,
	/* [log, first, count]: reserved, not taken and nobody's again: the
	 * next reservation begins there */
	OPERATION_RELEASE = 14,
	OPERATION_EPOCH = 8	/* [epoch, anchor, [[log, first, count],
				 * ...]]: see anchor.h */
};
const char *operation_kind_name(unsigned kind);

/* What an entry of OPERATION_FIELD says of an identity. */
enum field_event {
	FIELD_ISSUED = 1, FIELD_CONFIRMED = 2, FIELD_SUPERSEDED = 3,
	FIELD_REFUSED = 4,	/* a key more for who has one: no index */
	FIELD_OUTLIVED = 5	/* the birth itself is superseded: no index */
};

struct operation_head {
	uint64_t	size;
	uint8_t		root[SHA256_SIZE];
	int64_t		time;		/* of the last entry */
	uint32_t	epoch;		/* 1, 2, ... */
	/* of the status rows: how many, and the sum of their MACs mod 2^256 */
	uint64_t	status_count;
	uint8_t		status_sum[SHA256_SIZE];
	/* see rows.h; objects up to a place of store_object_last();
	 * published: what authority_published() says of each log */
	struct row_sum	objects, ranges, published, rows;
	uint64_t	object_place;
	bool		without_rows;	/* as version 1 wrote it */
};

/* An entry; body holds one CBOR item. */
struct operation {
	unsigned	kind;
	uint64_t	seq;
	int64_t		time;
	struct bytes	body;
};

/* The head, its MAC checked; the authority is unlocked. ERR_CORRUPT. */
MUST_USE enum err operation_head(struct authority *,
    struct operation_head *ret_head, struct diag *);
/* Put a head that differs in epoch or status: with an entry that says why, in
 * its transaction. */
MUST_USE enum err operation_head_put(struct authority *,
    const struct operation_head *, struct diag *);

/* Objects made since: seq of store_object_last(). Appended as CBOR array. */
MUST_USE enum err operation_put_objects(struct authority *, uint64_t since,
    struct buf *out, struct diag *);

/* Append within the caller's transaction, at now or, if the clock is a little
 * behind, at the time of the last entry. ret_operation may be NULL. ERR_CLOCK:
 * it is where unlocking would refuse it, too; but OPERATION_SERVER may be
 * behind. */
MUST_USE enum err operation_append(struct authority *, enum operation_kind,
    int64_t now, struct bytes body, struct operation *ret_operation,
    struct diag *);
/* The same in a transaction of its own. */
MUST_USE enum err operation_record(struct authority *, enum operation_kind,
    int64_t now, struct bytes body, struct diag *);
/* The clock alone, before what is to be appended is done. ERR_CLOCK. */
MUST_USE enum err operation_clock(struct authority *, int64_t now,
    struct diag *);
/* The place and time that an entry appended next will have. */
MUST_USE enum err operation_next(struct authority *, int64_t now,
    struct operation *ret_operation, struct diag *);

/* What was answered, of an OPERATION_REQUEST: views its body. false: it is
 * none. */
bool	operation_answer(const struct operation *, struct bytes *ret_answer);
/* ERR_SYNTAX, ERR_VERSION. body views the entry. */
MUST_USE enum err operation_parse(struct bytes entry,
    struct operation *ret_operation, struct diag *);

/* The clock may be this far behind the last entry, and ahead of it. */
#define OPERATION_BACK_S	(10 * 60)
#define OPERATION_AHEAD_S	((int64_t)3 * 365 * 86400)

/* What unlocking checks: the head's MAC, that head and tree agree, and the
 * clock against the last entry (ERR_CLOCK). Begins the log of an ecosystem
 * that has none yet (of schema 1), when it is open for writing. */
MUST_USE enum err operation_unlock(struct authority *, int64_t now,
    struct diag *);

/*
 * All of it, from the first entry: entries hash to the tree, and what they
 * say was made is what the registry holds: objects, orders' states, status.
 * ERR_CORRUPT says which entry or row. progress may be NULL.
 */
MUST_USE enum err operation_replay(struct authority *,
    void (*progress)(void *ctx, uint64_t done), void *ctx, struct diag *);

#endif
