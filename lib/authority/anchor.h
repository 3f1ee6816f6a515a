/*
 * The rollback anchor: where the logs stand, signed (lib/log/anchor.h) and
 * kept outside of the ecosystem's directory, in a file elsewhere or with a
 * program of the operator's. A registry that was put back to an earlier state
 * does not extend it, and then nothing is signed.
 *
 * It is compared at every unlocking and moves on whenever something leaves
 * the authority: after a request, before a pack gets its name, after each
 * publication. What the registry is ahead of its anchor has not left.
 *
 * A program is run as "PROGRAM check" at unlocking and "PROGRAM put" later,
 * the anchor on its standard input; an exit status other than 0 refuses.
 *
 * The way on, when the newer registry is lost: a new epoch. Indices up to the
 * highest that the anchor saw, and what a run may have had under way beyond
 * it, are skipped: void in the log. Those the anchor saw were handed out
 * perhaps: they are suspended until somebody decides. Logs go on under a new
 * name (bulk-2), for a tree that lost leaves is another tree.
 */
#ifndef IMPRINT_AUTHORITY_ANCHOR_H
#define IMPRINT_AUTHORITY_ANCHOR_H

#include "lib/authority/authority.h"
#include "lib/log/anchor.h"

enum anchor_kind {
	ANCHOR_NONE = 0, ANCHOR_FILE = 1, ANCHOR_COMMAND = 2
};

struct anchor_place {
	enum anchor_kind	kind;
	char			path[PATH_SIZE];	/* absolute */
};

/* Where it is kept; ANCHOR_NONE when nothing was said. */
MUST_USE enum err anchor_place(struct authority *,
    struct anchor_place *ret_place, struct diag *);
/* The newest statement of what is, and the same signed. */
MUST_USE enum err anchor_now(struct authority *, int64_t now,
    struct anchor *ret_anchor, struct diag *);
/* What a file holds, its signature checked. ERR_NOTFOUND. */
MUST_USE enum err anchor_read(struct authority *, const char *path,
    struct anchor *ret_anchor, struct diag *);

/* Does the state extend the anchor? ERR_CORRUPT: it does not, or it cannot
 * be known; says what and the way on. No anchor: ERR_OK. */
MUST_USE enum err anchor_compare(struct authority *,
    const struct anchor_place *, int64_t now, struct diag *);
/* The same when unlocking: not if accepted, and a reader runs no program. */
MUST_USE enum err anchor_check(struct authority *, int64_t now,
    struct diag *);
/* Bring it to the present state, durably. No anchor: ERR_OK. */
MUST_USE enum err anchor_update(struct authority *, int64_t now,
    struct diag *);

/* The same of a note's octets. */
MUST_USE enum err anchor_parse(struct authority *, struct bytes note,
    const char *path, struct anchor *ret_anchor, struct diag *);

/* Bodies of requests: [kind, path]; [words, note, skip]: the anchor that a
 * program kept, or empty, and how many more indices to skip. */
MUST_USE enum err request_put_anchor(struct buf *,
    const struct anchor_place *);
MUST_USE enum err request_put_epoch(struct buf *, const char *words,
    struct bytes note, uint64_t skip);

#endif
