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
#include "cmd/imprint-device/field_answer.h"

#define FIELD_HOST_SIZE	256

/* What the command line asks for. */
struct field_wish {
	enum field_type		 type;
	char			 host[FIELD_HOST_SIZE];
	const char		*port, *name;
	unsigned		 timeout_s;
	bool			 same_key, anew;
	bool			 sealed;	/* keys come with the answer */
	enum imprint_device_alg	 algs[IMPRINT_DEVICE_HANDLES]; /* 0: none */
	/* with FIELD_DUE: the time at least; nothing is begun */
	int64_t			 now;
	bool			 rest;
	/* between when to ask for the time, if the clock was lost; from
	 * TIME_MAX_S: not */
	int64_t			 clock_from, clock_until;
};
/* EXIT_OK, or the usage error, told. */
enum exit_code field_wish_read(struct cmd *, struct field_wish *ret_wish);

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
	struct field_advice		advice;
};

/* room: IMPRINT_DEVICE_PACKAGE_MAX octets, into which the state's views
 * point until it is read again. Nothing kept: all zero. ERR_CORRUPT, ERR_IO. */
MUST_USE enum err field_state_read(struct cmd *, const struct agent *,
	    uint8_t *room, struct field_state *ret_state);
MUST_USE enum err field_state_write(struct cmd *, struct field_state *);

/* All that a turn works with. */
struct field {
	struct cmd		*cmd;
	struct field_wish	*wish;
	enum field_type		 type;	/* of the wish, or what is due */
	struct agent		 agent;
	struct field_state	 state;
	uint8_t			 installed[FIELD_HASH_SIZE];
	struct buf		 room, answer;	/* of the state; of HTTP */
};

#define FIELD_INIT {							\
	.agent = AGENT_INIT, .state.files.file = AGENT_FILES,		\
	.room = BUF_INIT, .answer = BUF_INIT				\
}
#define _cleanup_field_ __attribute__((cleanup(field_close)))

/* What is installed, judged, and what is kept. field: FIELD_INIT and cmd.
 * Errors as agent_load(), field_state_read(). */
MUST_USE enum err field_open(struct field *);
void	field_close(struct field *);
/* What is asked for is under way, and nobody installed something else. */
bool	field_is_pending(const struct field *);
/* What is installed came from the field, and was confirmed. */
bool	field_is_done(const struct field *);

/*
 * What is due next, and when: by the device's own choice within a window, the
 * same one each time and another in each device, so that a fleet spreads. An
 * identity of the factory enrols at once; one of the field does what its
 * authority wants back for, and without its word renews between two thirds and
 * five sixths of its time, not later with it. at TIME_MAX_S: never. ERR_CRYPTO.
 */
struct field_due {
	enum field_type	type;
	int64_t		at;
};
const char *field_type_name(enum field_type);
MUST_USE enum err field_due(const struct field *, struct field_due *ret_due);

/* How it ended: with the exit code, or to be followed by another turn. */
struct field_turn {
	enum {
		TURN_END,
		TURN_NEXT,	/* not from field_turns() */
		TURN_LATER,	/* no answer, or the server is busy */
		TURN_IDLE	/* nothing is due yet */
	}			then;
	enum exit_code		code;		/* also of TURN_LATER, when
						 * nobody waits */
	unsigned		retry_after_s;	/* at least; 0: not said */
	struct field_due	due;		/* with TURN_IDLE */
	int64_t			floor;		/* it is not earlier; 0:
						 * nothing known */
};
/* From what is kept to what the wish wants, as far as it goes now. */
struct field_turn field_turns(struct cmd *, struct field_wish *);

/*
 * A request signed by the identity's authentication key, appended to out.
 * keys: where the keys are that it asks for, of the slots that algs names;
 * body empty: they are the body, else body is. sealed: keys come with the
 * answer, sealed to the chip's among them; algs names none.
 */
struct field_ask {
	enum field_type				 type;
	const struct agent			*agent;	/* loaded */
	const struct imprint_device_keystore	*keys;
	const enum imprint_device_alg		*algs;	/* 8 slots */
	bool					 sealed;
	struct bytes				 body;
};
MUST_USE enum err field_request_make(struct cmd *, const struct field_ask *,
	    struct buf *out);
/* Appends the body of a confirmation or a refresh. */
void	field_package_body(struct buf *, const uint8_t hash[FIELD_HASH_SIZE]);

/* SHA-256 of one piece. ERR_CRYPTO. */
MUST_USE enum err field_hash(struct cmd *, struct bytes,
	    uint8_t ret_hash[FIELD_HASH_SIZE]);
/* Octets that nobody can guess. ERR_CRYPTO. */
MUST_USE enum err field_random(struct cmd *, void *out, size_t len);

#endif
