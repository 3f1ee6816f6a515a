/*
 * Publishing a log: its tree as C2SP tiles and its head as a checkpoint, in
 * publish/log/NAME, for any web server. NAME is the log's, from the second
 * epoch on with its number: bulk-2 (lib/authority/anchor.h).
 *
 * Invariants: what a checkpoint speaks of is durable before the checkpoint
 * takes its name; a file that a published checkpoint needs is only replaced
 * by one with the same hashes, unless it was damaged; no checkpoint is signed
 * that does not extend the last one. So a reader sees the old or the new
 * publication, each whole, whatever happens in between.
 */
#ifndef IMPRINT_AUTHORITY_LOG_PUBLISH_H
#define IMPRINT_AUTHORITY_LOG_PUBLISH_H

#include "lib/authority/authority.h"
#include "lib/log/checkpoint.h"

#define LOG_NAME_MAX	(STORE_NAME_MAX + 16)

/* The name of a log in publish/, and the origin of its checkpoints. The
 * authority is unlocked. */
MUST_USE enum err log_publish_name(struct authority *,
    const struct store_log *, char ret_name[LOG_NAME_MAX + 1],
    char ret_origin[CHECKPOINT_ORIGIN_MAX + 1], struct diag *);
/* The folder of that name. */
MUST_USE enum err log_publish_dir(const struct authority *,
    const char *name, char ret_dir[PATH_SIZE], struct diag *);
/* The checkpoint signed last, size 0 and no root: none; of another origin
 * (epoch): none. note, if any, gets its octets. ERR_CORRUPT: it is not ours.
 */
MUST_USE enum err log_checkpoint_stored(struct authority *, uint32_t log,
    const char *origin, struct checkpoint *ret_checkpoint, bool *ret_there,
    struct buf *note, struct diag *);
/* What stands published in a folder, its octets into note unless NULL.
 * ERR_NOTFOUND; ERR_SYNTAX, ERR_AUTH: it is none of ours. */
MUST_USE enum err log_checkpoint_file(struct authority *, const char *dir,
    struct checkpoint *ret_checkpoint, struct buf *note, struct diag *);

/*
 * Bring the publication to the log's present size; nothing new: it is only
 * looked whether the right edge is whole. The authority is unlocked and open
 * for writing, outside of a transaction.
 * ERR_CORRUPT: the leaves do not give the tree, or the last checkpoint; the
 * old publication stays. ERR_CONFLICT: what is published is of a later state
 * than the registry. ERR_NOSPACE and others of lib/base/io.h: the same call
 * later goes on.
 */
MUST_USE enum err authority_log_publish(struct authority *, uint32_t log,
    struct diag *);

/*
 * Only what is checked first: is what is published, in the folder of this
 * epoch, no later and no other state than the registry's? Nothing is changed.
 * The authority is unlocked. ERR_CONFLICT, ERR_CORRUPT as above.
 */
MUST_USE enum err authority_log_check(struct authority *, uint32_t log,
    struct diag *);

struct log_published {
	uint64_t	size;
	uint64_t	tiles;		/* written */
};
/* The same, and every tile is looked at and written again where it is not
 * as it should be. progress may be NULL. */
MUST_USE enum err authority_log_publish_all(struct authority *,
    uint32_t log, void (*progress)(void *ctx, uint64_t done), void *ctx,
    struct log_published *ret_published, struct diag *);

#endif
