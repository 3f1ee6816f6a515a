/*
 * What the authority answers to a device's request (docs/protocol/
 * enrolment.md), read: strangers carry it, so nothing of it counts before its
 * statement is verified.
 */
#ifndef IMPRINT_CMD_DEVICE_FIELD_ANSWER_H
#define IMPRINT_CMD_DEVICE_FIELD_ANSWER_H

#include "device/include/imprint/device.h"
#include "lib/base/bytes.h"
#include "lib/base/diag.h"

#define FIELD_HASH_SIZE	IMPRINT_DEVICE_HASH_SIZE
#define FIELD_ID_SIZE	16

enum field_type {
	FIELD_DUE = 0,		/* in a wish: what is due */
	FIELD_ENROL = 1, FIELD_CONFIRM = 2, FIELD_RENEW = 3,
	FIELD_REFRESH = 4	/* the same keys, or "current" */
};

/* When the authority wants the device back, and for what; until 0: it has not
 * said. */
struct field_advice {
	int64_t		from, until;
	enum field_type	type;		/* FIELD_RENEW, FIELD_REFRESH */
};

/* Who asked, and what: the answer is to be for that. */
struct field_asked {
	const struct imprint_device_crypto	*crypto;
	const struct imprint_device_identity	*identity;
	const uint8_t				*root;	/* SHA-256 of its DER */
	struct bytes				 request;
};

/*
 * An answer to a request, its statement verified: by a document signer under
 * the identity's root, valid at the time it states, for this request; the
 * package (empty: none), a view, is that of the statement, but not verified
 * itself. ERR_AUTH: not so, the diag says what. ERR_CRYPTO.
 */
struct field_answer {
	enum field_result {
		FIELD_ISSUED = 1, FIELD_CONFIRMED = 2,
		FIELD_CURRENT = 3	/* no refresh waits */
	}		result;
	int64_t		time;		/* the authority's */
	struct bytes	package;
	uint8_t		hash[FIELD_HASH_SIZE];
	struct field_advice advice;
};
MUST_USE enum err field_answer_read(const struct field_asked *,
    struct bytes answer, struct field_answer *ret_answer, struct diag *);

#endif
