/*
 * Is a folder of tiles, as anybody may fetch it, what its checkpoint says?
 * Nothing but the files is needed.
 */
#ifndef IMPRINT_LOG_TILE_VERIFY_H
#define IMPRINT_LOG_TILE_VERIFY_H

#include "lib/log/tile.h"

/* Who hears of what is found, and of progress; each may be NULL. */
struct tile_verify {
	/* one difference, in words that name the file */
	void	(*found)(void *ctx, const char *what);
	/* leaves looked at */
	void	(*progress)(void *ctx, uint64_t done);
	void	*ctx;
};

struct tile_verified {
	uint64_t	tiles;		/* files looked at */
	uint64_t	bundles;
	uint64_t	differences;
};

/*
 * Every tile of the tree of head->size is there and of its size, each full one
 * gives its hash in the tile above, the right edge gives the root. Bundles of
 * entries, where there are any, hash to their leaves. After a thousand
 * differences it stops. They are not errors: ERR_IO, ERR_PERMISSION,
 * ERR_NOMEM and ERR_CRYPTO are.
 */
MUST_USE enum err tile_verify(const struct io *, const char *dir,
    const struct tree_head *, const struct tile_verify *,
    struct tile_verified *ret_verified, struct diag *);

/*
 * A bundle: entries one after another, each after its length in two octets
 * (big-endian). Take one off; false: what is there is none.
 */
#define BUNDLE_ENTRY_MAX	UINT16_MAX
#define BUNDLE_SIZE_MAX		((size_t)TILE_WIDTH * (BUNDLE_ENTRY_MAX + 2))
bool	bundle_next(struct bytes *rest, struct bytes *ret_entry);

#endif
