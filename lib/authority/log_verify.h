/*
 * Is a log what was recorded, signed and published? Leaves of the registry
 * against its tree, the tree against the checkpoint, both against what stands
 * in publish/; identities against their leaves.
 */
#ifndef IMPRINT_AUTHORITY_LOG_VERIFY_H
#define IMPRINT_AUTHORITY_LOG_VERIFY_H

#include "lib/authority/log_publish.h"

/* Who hears of what is found, and of progress; each may be NULL. */
struct log_verify {
	/* one difference: which index, file or row, and how */
	void	(*found)(void *ctx, const char *what);
	void	(*progress)(void *ctx, uint64_t done, uint64_t total);
	void	*ctx;
};

struct log_verified {
	char		name[LOG_NAME_MAX + 1];		/* in publish/ */
	uint64_t	size;				/* entries */
	bool		is_published;
	uint64_t	published;			/* of them */
	uint64_t	tiles;				/* files compared */
	uint64_t	differences;
};

/*
 * The authority is unlocked. That of operations is replayed as well. What
 * differs is told, not returned: ERR_IO, ERR_NOMEM and such alone are errors.
 */
MUST_USE enum err log_verify(struct authority *, uint32_t log,
    const struct log_verify *, struct log_verified *ret_verified,
    struct diag *);

/*
 * Rebuild the identities of [first, first + count) that were committed, and
 * compare each with its leaf and its document's signature. Adds to
 * ret_rebuilt and ret_differences.
 */
MUST_USE enum err log_rebuild(struct authority *, uint32_t log,
    uint64_t first, uint64_t count, const struct log_verify *,
    uint64_t *ret_rebuilt, uint64_t *ret_differences, struct diag *);

#endif
