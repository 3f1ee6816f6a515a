/*
 * Checkpoints of a log: C2SP tlog-checkpoint, signed as a C2SP signed note
 * with Ed25519 (key hash = SHA-256(name || 0x0a || 0x01 || key)[:4]).
 */
#ifndef IMPRINT_LOG_CHECKPOINT_H
#define IMPRINT_LOG_CHECKPOINT_H

#include "lib/base/buf.h"
#include "lib/base/diag.h"
#include "lib/crypto/key.h"

#define CHECKPOINT_ORIGIN_MAX	200
#define CHECKPOINT_FILE_MAX	4096

struct checkpoint {
	char		origin[CHECKPOINT_ORIGIN_MAX + 1];
	uint64_t	size;
	uint8_t		root[SHA256_SIZE];
};

/* Append the signed note; the key's name is the origin. */
MUST_USE enum err checkpoint_sign(const struct checkpoint *, struct signer *,
    struct buf *out, struct diag *);
/* The verifier key (C2SP signed-note): "origin+hash+base64" and a newline.
 * What a reader of the log is given out of band. */
MUST_USE enum err checkpoint_put_verifier_key(const char *origin,
    const struct public_key *, struct buf *out);
/* Parse and verify: ERR_SYNTAX; ERR_AUTH when no good signature by public
 * under its origin is on it. Other signatures are passed over. */
MUST_USE enum err checkpoint_verify(struct bytes note,
    const struct public_key *, struct checkpoint *ret_checkpoint,
    struct diag *);

#endif
