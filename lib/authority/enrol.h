/*
 * Enrolment in the field: a device's signed request, verified and carried
 * out. Octets and rules: docs/protocol/enrolment.md.
 *
 * Nobody who carries a request is believed. It is signed by a key whose
 * certificate this authority issued; the certificate must be the issued one
 * to the octet, rebuilt from the registry. Product, names, rights and
 * extensions come from the registry; the device gives public keys alone.
 *
 * A new identity takes the next index of the log LOG_ONLINE and keeps the
 * UEID and the names of birth. Indices are reserved ahead, in blocks: a block
 * is durable, on record in the operations log, and anchored, before one of
 * its indices is signed. So a registry put back to before a block does not
 * extend the anchor, and of one put back to after it the whole block becomes
 * void: no index is used twice, though the anchor does not move on for each
 * identity.
 *
 * Work is done in turns: many requests, one commit. No answer may leave
 * before enrol_turn_commit() has returned ERR_OK.
 *
 *	enrol_turn_begin()
 *	for each request that waits: enrol_submit() -> verdict, answer
 *	enrol_turn_commit()	then send; on an error send none of them
 *
 * One struct enrol for an authority that is open for writing and unlocked.
 * Between turns, other verbs of the authority may run; within one, none.
 */
#ifndef IMPRINT_AUTHORITY_ENROL_H
#define IMPRINT_AUTHORITY_ENROL_H

#include "lib/authority/authority.h"

#define DEVICE_REQUEST_TYP	"application/imprint-device-request+cose"
#define DEVICE_ANSWER_TYP	"application/imprint-device-answer+cose"
#define DEVICE_KEY_CONTEXT	"imprint device key"
#define DEVICE_REQUEST_MAX	((size_t)64 << 10)
#define DEVICE_ANSWER_MAX	((size_t)64 << 10)
#define DEVICE_REQUEST_ID_SIZE	16
#define ENROL_TURN_MAX		64	/* identities issued in one turn */

enum device_request_type {
	DEVICE_ENROL = 1, DEVICE_CONFIRM = 2, DEVICE_RENEW = 3,
	DEVICE_REFRESH = 4	/* the same keys, what is known now */
};

/* How often a device is to ask whether a refresh waits, at most and, where one
 * is known to wait, over how long those who have one are spread. */
#define ENROL_CHECK_S	(30 * 86400)
#define ENROL_SPREAD_S	86400

/* A decision; begins as ENROL_REFUSED. */
enum enrol_verdict {
	ENROL_REFUSED = 0,	/* not decided */
	ENROL_DONE = 1,
	ENROL_REPEATED = 2,	/* as before; answered again */
	ENROL_MALFORMED = 3,
	ENROL_UNSUPPORTED = 4,	/* version, type, algorithm; what the product
				 * wants is not offered */
	ENROL_UNKNOWN = 5,	/* not issued here; another authority */
	ENROL_SIGNATURE = 6,
	ENROL_REVOKED = 7, ENROL_SUSPENDED = 8,
	ENROL_EXPIRED = 9,
	ENROL_CONSUMED = 10,	/* bootstrap identity: used before */
	ENROL_SUPERSEDED = 11,	/* another request took its place */
	ENROL_ATTEMPTS = 12,	/* superseded too often */
	ENROL_CONFLICT = 13,	/* this id, other octets */
	ENROL_KEYS = 14,	/* slot, algorithm, proof, used before */
	ENROL_NO_PRODUCT = 15,	/* no product is had with this identity */
	ENROL_BUSY = 16,	/* no room in this turn: submit it again in the
				 * next one */
	ENROL_QUOTA = 17,	/* plain EST for new keys: not, or no more */
	ENROL_UNCLAIMED = 18	/* nobody owns the device (claim.h): it comes
				 * back after retry_after_s */
};
/* "consumed"; "?" for none of them. */
const char *enrol_verdict_name(enum enrol_verdict);

struct enrol_result {
	enum enrol_verdict	verdict;
	/* appended to by ENROL_DONE and ENROL_REPEATED: the answer. The
	 * caller's, its limit at least DEVICE_ANSWER_MAX */
	struct buf		*answer;
	/* why not, and what to do; its private part is for the log alone */
	struct diag		 why;
	uint32_t		 retry_after_s;	/* 0: not said */
	/* of enrol_submit_est(): the answer is the certificate alone, DER */
	bool			 bare;
	/* of enrol_submit_est() with keygen: appended to by ENROL_DONE, the
	 * private key as cms_put_key() seals it. The caller's; else NULL */
	struct buf		*key;
	/* who asked, once its signature was good, or by EST once it was
	 * carried out: for logs. named: whom the front names, and who was
	 * refused by EST */
	bool			 known, named;
	uint8_t			 ueid[17];
	uint32_t		 log;		/* LOG_ONLINE_NUMBER, and */
	uint64_t		 index;		/* of what was issued */
	/* what was issued took the place of one that nobody had used */
	bool			 replaced;
	uint64_t		 replaced_index;
};

struct enrol;

/*
 * Void what was reserved and not used before, make the templates of all
 * products with a `field` section under LOG_ONLINE, reserve and anchor the
 * first block. Checks the sums over devices and ranges. ERR_STATE: not open
 * for writing; ERR_CORRUPT; ERR_IO: the anchor cannot be moved.
 */
MUST_USE enum err enrol_open(struct authority *, int64_t now,
    struct enrol **ret_enrol, struct diag *);
/*
 * The last, before enrol_close(), of one that stops in good order: what is
 * reserved and was not taken is nobody's again, on record, so that it does not
 * become void and fill the CRL. The anchor follows. ERR_STATE: a turn is under
 * way. After an error it stays reserved, or the anchor is behind.
 */
MUST_USE enum err enrol_end(struct enrol *, int64_t now, struct diag *);
/* A turn under way is dropped. What is still reserved stays so: the next
 * enrol_open(), or publication, makes it void. */
void	enrol_close(struct enrol **);
#define _cleanup_enrol_ __attribute__((cleanup(enrol_close)))

/* Begin a turn: reads what other verbs changed since the last one, reserves
 * a block when few indices are left. ERR_STATE: one is under way; ERR_CLOCK:
 * the clock was set to where unlocking would refuse it, too. */
MUST_USE enum err enrol_turn_begin(struct enrol *, int64_t now,
    struct diag *);
/*
 * One request of a device. ERR_OK: a verdict was reached. An error: none
 * could be (disk, memory, registry). Unless enrol_turn_whole() says that the
 * request had changed nothing yet, the turn is lost: end it with
 * enrol_turn_drop().
 */
MUST_USE enum err enrol_submit(struct enrol *, struct bytes request,
    struct enrol_result *result, struct diag *);
/*
 * One request of plain EST (RFC 7030), which no device signs as a whole: that
 * its TLS client is who holds leaf is the front's word. What counts as the
 * device's own:
 *
 *	a new key, in a request that leaf's key signed as well
 *	(csr_countersigned()), once: EVIDENCE_BOOTSTRAP or EVIDENCE_RENEWAL
 *	leaf's key again, in the second half of its certificate's time:
 *	EVIDENCE_RENEWAL
 *
 * All else is had only as often as the product allows by `est`, over all its
 * versions (EVIDENCE_FRONT). Names and extensions of the request are passed
 * over.
 *
 * ENROL_DONE and ENROL_REPEATED: the certificate is appended to answer. A
 * repetition is the same key by the same leaf. What is issued waits for its
 * first use like any other; that is the next request with it that is carried
 * out, or, of a key not made here, that its certificate is shown to ask for
 * attributes. A refusal to
 * one that has an identity is on record, FIELD_EVENTS_FRONT of a device.
 */
struct est_ask {
	bool		renew;		/* simplereenroll (4.2.2), else
					 * simpleenroll (4.2.1); of a
					 * bootstrap identity both are the
					 * latter */
	/* serverkeygen (4.4): a key is made here and comes back sealed to the
	 * key that the device was given to decrypt with, in the identity that
	 * asks or at birth; that of csr and its signature do not count. Always
	 * by `est`; never repeated: each time another key */
	bool		keygen;
	const char	*label;		/* of the path (3.2.2): the product
					 * it must be; empty: any */
	struct bytes	leaf, csr;	/* DER */
};
MUST_USE enum err enrol_submit_est(struct enrol *, const struct est_ask *,
    struct enrol_result *result, struct diag *);
/*
 * What a certification request should carry (RFC 7030 4.5): CsrAttrs, DER,
 * appended to answer by ENROL_DONE. Of the product that label names, or that
 * leaf leads to; empty both: of any. linked: with a challengePassword.
 *
 * It is the first use of leaf if that is a device's first identity, was had by
 * EST and waits: known and index say so then. It is the front's word: what it
 * can do with it is to use up a birth whose answer it kept to itself, and the
 * same request is still answered; so not with keygen, whose answer is not had
 * again. No birth is superseded by it. What was had by a signed request waits
 * for a signature, and what renews another for the request that its keys
 * prove.
 */
MUST_USE enum err enrol_est_attributes(struct enrol *, const char *label,
    struct bytes leaf, bool linked, struct enrol_result *result,
    struct diag *);
/* After an error of a request: can the turn go on with the others? */
bool	enrol_turn_whole(const struct enrol *);
/* Is there anything to make durable? Otherwise enrol_turn_commit() commits
 * nothing. */
bool	enrol_turn_changed(const struct enrol *);
/* Make the turn durable. After an error nothing of it may be answered; the
 * registry is in doubt: close the authority. After ERR_NOSPACE it may be
 * mended (store_mend()): the turn is dropped then, and others may follow. */
MUST_USE enum err enrol_turn_commit(struct enrol *, struct diag *);
/* Undo a turn that is under way, if one is. What was signed in it is void and
 * becomes so in the log with the next turn. */
void	enrol_turn_drop(struct enrol *);

/*
 * The anchor follows within this time, called now and then between turns;
 * blocks are anchored anyway. Nothing to do: ERR_OK.
 */
#define ENROL_ANCHOR_S	10
MUST_USE enum err enrol_idle(struct enrol *, int64_t now, struct diag *);

/*
 * Requests, as devices make them: for tests, tools and benchmarks. x5chain:
 * the leaf's DER. body: deterministic CBOR. time: seconds, or
 * DEVICE_TIME_UNKNOWN. Appended to out.
 */
#define DEVICE_TIME_UNKNOWN	INT64_MIN
MUST_USE enum err device_request_sign(const uint8_t authority[SHA256_SIZE],
    const uint8_t id[DEVICE_REQUEST_ID_SIZE], enum device_request_type,
    int64_t time, struct bytes body, struct bytes leaf, struct signer *,
    struct buf *out, struct diag *);
/* What a new key signs: appended to out. */
MUST_USE enum err device_key_put_context(struct buf *,
    const uint8_t authority[SHA256_SIZE],
    const uint8_t id[DEVICE_REQUEST_ID_SIZE], unsigned slot,
    const struct public_key *);
/* The shape of a request alone, whoever signed it; views point into it. For
 * fuzzing and for telling types apart in statistics. ERR_SYNTAX,
 * ERR_VERSION, ERR_UNSUPPORTED. */
struct device_request {
	struct bytes		leaf, authority, id, body, payload;
	uint64_t		type;
	bool			time_known;
	int64_t			time;
};
MUST_USE enum err device_request_parse(struct bytes,
    struct device_request *ret_request, struct diag *);

#endif
