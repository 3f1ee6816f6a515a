/*
 * How the device obtains and renews its identity in the field
 * (docs/protocol/enrolment.md): messages, and what it keeps over a power cut.
 *
 * The order of what is made durable:
 *
 *	new keys, in the set that is not present
 *	the request's octets			-> sent, the same each time
 *	the package's hash
 *	the package itself, which makes its keys the present ones
 *	the confirmation's octets		-> sent, the same each time
 *	"confirmed"; what was before is forgotten
 *
 * Refusals are not signed. None of them makes the device forget keys of an
 * identity that it used: the authority may know it as confirmed.
 */
#ifndef IMPRINT_CMD_DEVICE_FIELD_H
#define IMPRINT_CMD_DEVICE_FIELD_H

#include "cmd/imprint-device/agent.h"

#define FIELD_HASH_SIZE	IMPRINT_DEVICE_HASH_SIZE
#define FIELD_ID_SIZE	16

enum field_type { FIELD_ENROL = 1, FIELD_CONFIRM = 2, FIELD_RENEW = 3 };

/* What is kept: the record "enrolment", in two slots. */
struct field_state {
	struct agent_blocks		files;
	struct imprint_device_blocks	blocks;
	struct imprint_device_slots	slots;
	struct imprint_device_storage	storage;
	uint8_t				*room;
	unsigned			type;
	unsigned			set;	/* of the new keys */
	/* SHA-256 of the package that was installed when it was asked, and of
	 * what was answered; in a request that is done both are the same */
	uint8_t				before[FIELD_HASH_SIZE];
	uint8_t				after[FIELD_HASH_SIZE];
	bool				answered;
	struct bytes			request;	/* empty: done, or
							 * none */
	struct bytes			confirm;	/* empty: not made */
	uint64_t			refusals;	/* of the request */
};

/* room: IMPRINT_DEVICE_PACKAGE_MAX octets, into which the state's views
 * point until it is read again. Nothing kept: all zero. ERR_CORRUPT, ERR_IO. */
MUST_USE enum err field_state_read(struct cmd *, const struct agent *,
	    uint8_t *room, struct field_state *ret_state);
MUST_USE enum err field_state_write(struct cmd *, struct field_state *);

/*
 * A request signed by the identity's authentication key, appended to out.
 * keys: where the keys are that it asks for, of the slots that algs names;
 * body empty: they are the body, else body is.
 */
struct field_ask {
	enum field_type				 type;
	const struct agent			*agent;	/* loaded */
	const struct imprint_device_keystore	*keys;
	const enum imprint_device_alg		*algs;	/* 8 slots */
	struct bytes				 body;
};
MUST_USE enum err field_request_make(struct cmd *, const struct field_ask *,
	    struct buf *out);
/* Appends the body of a confirmation. */
void	field_confirm_body(struct buf *, const uint8_t hash[FIELD_HASH_SIZE]);

/*
 * An answer to a request, its statement verified: by a document signer under
 * the agent's root, valid at the time it states, for this request; the
 * package (empty: none) is that of the statement, but not verified itself.
 * ERR_AUTH: not so, the diag says what.
 */
struct field_answer {
	unsigned	result;		/* 1 issued, 2 confirmed */
	int64_t		time;		/* the authority's */
	struct bytes	package;
	uint8_t		hash[FIELD_HASH_SIZE];
};
MUST_USE enum err field_answer_read(struct cmd *, const struct agent *,
	    struct bytes request, struct bytes answer,
	    struct field_answer *ret_answer);

/* SHA-256 of one piece. ERR_CRYPTO. */
MUST_USE enum err field_hash(struct cmd *, struct bytes,
	    uint8_t ret_hash[FIELD_HASH_SIZE]);
/* Octets that nobody can guess. ERR_CRYPTO. */
MUST_USE enum err field_random(struct cmd *, void *out, size_t len);

#endif
