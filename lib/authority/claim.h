/*
 * Late binding: a device belongs to nobody until an owner claims it with the
 * code on its label (lib/identity/claim_code.h). Of a product with `claim:
 * required` a device that nobody has claimed does not enrol; it is told to
 * come back (enrol.h, ENROL_UNCLAIMED).
 *
 * Claiming and releasing are operators' requests (request.h), so they are
 * signed, carried out once and in the operations log. Whose a device is lies
 * in its row (field.h), from the first claim on.
 *
 * Released, a device is nobody's again: what it has in the field is suspended
 * in the same transaction, and neither renews nor enrols. The next claim
 * resumes just that. So who had the device before has no use of it, and the
 * device, which may have nothing else left, goes on when it is claimed. Its
 * keys are the same then: revoke the identity if somebody may have copied
 * them.
 *
 * Wrong codes are counted in the row: the first CLAIM_FREE cost nothing, after
 * each further one nobody can claim the device for a time that doubles from
 * CLAIM_WAIT_S to CLAIM_WAIT_MAX_S. A code that was right sets it back.
 */
#ifndef IMPRINT_AUTHORITY_CLAIM_H
#define IMPRINT_AUTHORITY_CLAIM_H

#include "lib/authority/lookup.h"
#include "lib/identity/claim_code.h"

#define CLAIM_OWNER_MAX		128	/* octets of UTF-8 */
#define CLAIM_FREE		3
#define CLAIM_WAIT_S		60
#define CLAIM_WAIT_MAX_S	86400
#define CLAIM_RETRY_S		300	/* a device that waits comes back */

/* The code of the device that was born with this identity. The authority is
 * unlocked. ERR_NOTFOUND: no such identity. */
MUST_USE enum err claim_code(struct authority *, const struct address *birth,
    char ret_code[CLAIM_CODE_SIZE], struct diag *);

/* What the codes of the identities derive from of the pack with this id, for
 * its station (lib/identity/pack.h); empty: of no pack. The authority is
 * unlocked. */
MUST_USE enum err claim_key_of(struct authority *, struct bytes pack,
    uint8_t ret_key[CLAIM_KEY_SIZE], struct diag *);

/* Does what this one enrols for, or has, want an owner now? */
MUST_USE enum err claim_wanted(struct authority *,
    const struct address *birth, bool *ret_wanted, struct diag *);

/* Do devices that are born with this product wait for their owners, by the
 * product that they get in the field? */
MUST_USE enum err claim_needed(struct authority *, const char *product,
    bool *ret_needed, struct diag *);

/* What stands for a code in a request, so that codes are not on record:
 * SHA-256(["imprint claim", log, index, code]) of the birth and the code as
 * claim_code_read() gives it. */
MUST_USE enum err claim_proof(const struct address *birth,
    const char code[CLAIM_CODE_SIZE], uint8_t ret_proof[SHA256_SIZE]);

/* Body of REQUEST_DEVICE_CLAIM: [log, index, proof, owner], and of
 * REQUEST_DEVICE_RELEASE: [log, index], of the birth. */
MUST_USE enum err claim_put_request(struct buf *, const struct address *birth,
    const uint8_t proof[SHA256_SIZE], const char *owner);
MUST_USE enum err release_put_request(struct buf *,
    const struct address *birth);

enum claim_outcome {
	CLAIM_DONE = 1,
	CLAIM_SAME = 2,		/* this owner has it already */
	CLAIM_WRONG = 3,	/* not its code; counted */
	CLAIM_WAIT = 4,		/* too many wrong ones; not looked at */
	CLAIM_TAKEN = 5		/* another owner has it; not told who */
};
/* The answer: [outcome, seconds, [[log, first, count], ...]]. seconds: until
 * the next claim is looked at, else 0; ranges: resumed with it. The answer to
 * a release is the ranges alone: suspended. */
struct claim_result {
	enum claim_outcome	outcome;
	uint64_t		seconds;
	bool			resumed;	/* there are ranges */
};
MUST_USE enum err claim_result_get(struct bytes encoded,
    struct claim_result *ret_result, struct diag *);

#endif
