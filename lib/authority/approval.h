/*
 * Approvals: an operator stands for what another one orders.
 *
 * COSE_Sign1 by the approver's key, typ APPROVAL_TYP, kid its thumbprint, over
 * [version, ecosystem id, what, SHA-256 of it, size of the operations log
 * that the approver saw, time, expiry]. It says who approved what, and is
 * given with the request that it is for: the operations log then has it.
 */
#ifndef IMPRINT_AUTHORITY_APPROVAL_H
#define IMPRINT_AUTHORITY_APPROVAL_H

#include "lib/authority/authority.h"

#define APPROVAL_TYP		"application/imprint-approval+cose"
#define APPROVAL_VERSION	1
#define APPROVAL_SIZE_MAX	((size_t)4 << 10)
#define APPROVAL_DAYS		30	/* until it expires */
#define APPROVAL_DEVICE_LIST	"device list"

/* Sign; appended to out. */
MUST_USE enum err approval_sign(struct authority *, const char *what,
    const uint8_t hash[SHA256_SIZE], int64_t now, struct signer *,
    struct buf *out, struct diag *);
/*
 * Is it good now, for this, and by another operator than requester? ERR_AUTH
 * says why not, ERR_CLOCK when it is not of this time.
 */
MUST_USE enum err approval_check(struct authority *, struct bytes encoded,
    const char *what, const uint8_t hash[SHA256_SIZE], const char *requester,
    int64_t now, struct diag *);

#endif
