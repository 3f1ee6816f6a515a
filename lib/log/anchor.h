/*
 * The rollback anchor: where the logs of an ecosystem stood, kept outside
 * its database. A C2SP signed note (lib/log/note.h) by the log key, of lines
 *
 *   <prefix>/anchor             its origin, the key's name
 *   imprint-anchor 1            the version
 *   ecosystem <32 hex digits>
 *   epoch <decimal>
 *   time <RFC 3339, UTC>
 *   log <name> <size> <root in base64>      1 to ANCHOR_LOGS_MAX of them
 *
 * Every text has one form: what is read is what anchor_sign() would write.
 * Octets: docs/protocol/log.md.
 */
#ifndef IMPRINT_LOG_ANCHOR_H
#define IMPRINT_LOG_ANCHOR_H

#include "lib/log/note.h"

#define ANCHOR_ORIGIN_END	"/anchor"
#define ANCHOR_ECOSYSTEM_SIZE	16
#define ANCHOR_LOGS_MAX		8
#define ANCHOR_FILE_MAX		NOTE_FILE_MAX

struct anchor {
	char		origin[NOTE_NAME_MAX + 1];
	uint8_t		ecosystem[ANCHOR_ECOSYSTEM_SIZE];
	uint32_t	epoch;
	int64_t		time;		/* 0 to TIME_MAX_S */
	size_t		count;		/* 1 to ANCHOR_LOGS_MAX */
	struct anchor_log {
		char		name[64];	/* [a-z0-9-], no two alike */
		uint64_t	size;
		uint8_t		root[SHA256_SIZE];
	} logs[ANCHOR_LOGS_MAX];
};

/* Append the signed note. ERR_INVALID: a value that is not allowed. */
MUST_USE enum err anchor_sign(const struct anchor *, struct signer *,
    struct buf *out, struct diag *);
/*
 * Parse and verify: ERR_SYNTAX; ERR_VERSION: made by a later version;
 * ERR_AUTH when no good signature by public under its origin is on it. Whose
 * it is (origin, ecosystem) is the caller's to compare.
 */
MUST_USE enum err anchor_verify(struct bytes note,
    const struct public_key *public, struct anchor *ret_anchor,
    struct diag *);
/* The log of that name; NULL: none. */
const struct anchor_log *anchor_log(const struct anchor *, const char *name);

#endif
