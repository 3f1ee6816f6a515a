/*
 * Approvals: an operator stands for what another one orders.
 *
 * COSE_Sign1 by the approver's key, typ APPROVAL_TYP, kid its thumbprint, over
 * [version, ecosystem id, what, SHA-256 of it, size of the operations log
 * that the approver saw, time, expiry, 16 random octets]. It says who approved
 * what, and is given with the request that it is for: the operations log then
 * has it.
 *
 * An approval is good for one request: the registry keeps that it was used,
 * whatever becomes of what was made with it.
 */
#ifndef IMPRINT_AUTHORITY_APPROVAL_H
#define IMPRINT_AUTHORITY_APPROVAL_H

#include "lib/authority/authority.h"

#define APPROVAL_TYP		"application/imprint-approval+cose"
#define APPROVAL_VERSION	2
#define APPROVAL_SIZE_MAX	((size_t)4 << 10)
#define APPROVAL_DAYS		30	/* until it expires */
#define APPROVAL_NONCE_SIZE	16
#define APPROVAL_DEVICE_LIST	"device list"	/* and whose order it is for:
						 * devices_approved() */
#define APPROVAL_OPERATOR	"operator"	/* [name, COSE_Key] */
#define APPROVAL_CHIP_MAKER	"chip maker"	/* [name, certificate] */
#define APPROVAL_MANUFACTURER	"manufacturer"	/* [name, certificate] */

/* Sign; appended to out. */
MUST_USE enum err approval_sign(struct authority *, const char *what,
    const uint8_t hash[SHA256_SIZE], int64_t now, struct signer *,
    struct buf *out, struct diag *);
/* The same without a registry: which ecosystem it is for, and the size of its
 * operations log as the approver knows it. One greater than the log's is
 * refused; a smaller one is but worth less against an earlier registry. */
MUST_USE enum err approval_sign_seen(
    const uint8_t ecosystem[ECOSYSTEM_ID_SIZE], uint64_t seen,
    const char *what, const uint8_t hash[SHA256_SIZE], int64_t now,
    struct signer *, struct buf *out, struct diag *);
/*
 * Is it good now, for this, and by another operator than requester? ERR_AUTH
 * says why not, ERR_CLOCK when it is not of this time.
 */
MUST_USE enum err approval_check(struct authority *, struct bytes encoded,
    const char *what, const uint8_t hash[SHA256_SIZE], const char *requester,
    int64_t now, struct diag *);

/* The same, and use it up, within the caller's transaction; order: what it was
 * used for, or 0. ERR_AUTH too when it was used before. */
MUST_USE enum err approval_take(struct authority *, struct bytes encoded,
    const char *what, const uint8_t hash[SHA256_SIZE], const char *requester,
    uint32_t order, int64_t now, struct diag *);

/* How many operators there are. */
MUST_USE enum err approval_operators(struct authority *,
    uint64_t *ret_count, struct diag *);
/*
 * Whom to believe is more than one operator's word, or one alone could add a
 * second who approves, or a chip maker that signs: once there are two, who
 * asks for either needs another's approval of subject, an encoded item. The
 * first operator adds the second alone; one given is checked and used up in any
 * case. ERR_AUTH, ERR_CLOCK.
 */
MUST_USE enum err approval_second(struct authority *, struct bytes encoded,
    const char *what, struct bytes subject, const char *requester,
    int64_t now, struct diag *);

#endif
