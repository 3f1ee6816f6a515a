/*
 * Checkpoints of a log: C2SP tlog-checkpoint, signed as a C2SP signed note
 * (lib/log/note.h). The key's name is the origin.
 */
#ifndef IMPRINT_LOG_CHECKPOINT_H
#define IMPRINT_LOG_CHECKPOINT_H

#include "lib/log/note.h"

#define CHECKPOINT_ORIGIN_MAX	NOTE_NAME_MAX
#define CHECKPOINT_FILE_MAX	NOTE_FILE_MAX

struct checkpoint {
	char		origin[CHECKPOINT_ORIGIN_MAX + 1];
	uint64_t	size;
	uint8_t		root[SHA256_SIZE];
};

/* Append the signed note. ERR_INVALID: no usable origin or key. */
MUST_USE enum err checkpoint_sign(const struct checkpoint *, struct signer *,
    struct buf *out, struct diag *);
/* Parse and verify: ERR_SYNTAX; ERR_AUTH when no good signature by public
 * under its origin is on it. Further lines of text are passed over, as are
 * other signatures. */
MUST_USE enum err checkpoint_verify(struct bytes note,
    const struct public_key *public, struct checkpoint *ret_checkpoint,
    struct diag *);

#endif
