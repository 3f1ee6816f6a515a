/*
 * The tiles of a tree from its leaves: each tile is given out once it is
 * full, the last of every level when asked for. Keeps one tile a level.
 */
#ifndef IMPRINT_LOG_TILE_BUILDER_H
#define IMPRINT_LOG_TILE_BUILDER_H

#include "lib/log/tile.h"

struct tile_builder;
MUST_USE enum err tile_builder_new(struct tile_builder **ret_builder,
    struct diag *);
void	tile_builder_free(struct tile_builder **);
#define _cleanup_tile_builder_ __attribute__((cleanup(tile_builder_free)))

/* What is done with tiles from now on; NULL: nothing. */
void	tile_builder_each(struct tile_builder *,
	    enum err (*each)(void *ctx, const struct tile *,
	    const uint8_t *hashes, struct diag *), void *ctx);

/*
 * Go on where the tree of size stands in a folder of tiles. size: a multiple
 * of TILE_WIDTH. Errors: tile_read().
 */
MUST_USE enum err tile_builder_load(struct tile_builder *,
    const struct io *, const char *dir, uint64_t size, struct diag *);
/* Append leaf hashes. Returns what each returned. */
MUST_USE enum err tile_builder_add(struct tile_builder *,
    const uint8_t *leaves, size_t count, struct diag *);
/* Give out the tiles that are not full; more leaves may follow. */
MUST_USE enum err tile_builder_edge(struct tile_builder *, struct diag *);

uint64_t tile_builder_size(const struct tile_builder *);
/* The tree's frontier as it stands. */
MUST_USE enum err tile_builder_tree(const struct tile_builder *,
    struct merkle *ret_tree);

#endif
