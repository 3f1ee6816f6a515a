#include "lib/log/tile_builder.h"

#include <stdlib.h>

struct tile_builder {
	struct sha256	*sha256;
	enum err	(*each)(void *ctx, const struct tile *,
			    const uint8_t *hashes, struct diag *);
	void		*ctx;
	uint64_t	 size;
	struct {
		unsigned	width;
		uint8_t		hashes[TILE_SIZE_MAX];
	} level[TILE_LEVELS];
};

enum err
tile_builder_new(struct tile_builder **ret_builder, struct diag *diag)
{
	_cleanup_tile_builder_ struct tile_builder *b = NULL;
	enum err err;

	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return diag_nomem(diag);
	err = sha256_new(&b->sha256, diag);
	if (err)
		return err;
	*ret_builder = b;
	b = NULL;	/* transferred */
	return ERR_OK;
}

void
tile_builder_free(struct tile_builder **builder)
{
	if (*builder == NULL)
		return;
	sha256_free(&(*builder)->sha256);
	free(*builder);
	*builder = NULL;
}

void
tile_builder_each(struct tile_builder *b,
    enum err (*each)(void *ctx, const struct tile *, const uint8_t *hashes,
    struct diag *), void *ctx)
{
	b->each = each;
	b->ctx = ctx;
}

uint64_t
tile_builder_size(const struct tile_builder *b)
{
	return b->size;
}

enum err
tile_builder_load(struct tile_builder *b, const struct io *io,
    const char *dir, uint64_t size, struct diag *diag)
{
	struct tile tile;
	unsigned level;
	enum err err;

	if (size % TILE_WIDTH != 0)
		return ERR_INVALID;
	for (level = 0; level < TILE_LEVELS; level++) {
		b->level[level].width = 0;
		if (!tile_at(level, size >> TILE_HEIGHT * level >>
		    TILE_HEIGHT, size, &tile))
			continue;
		err = tile_read(io, dir, &tile, b->level[level].hashes, diag);
		if (err)
			return err;
		b->level[level].width = tile.width;
	}
	b->size = size;
	return ERR_OK;
}

static enum err
give_out(struct tile_builder *b, unsigned level, struct diag *diag)
{
	struct tile tile;

	if (b->each == NULL)
		return ERR_OK;
	tile.level = level;
	tile.width = b->level[level].width;
	/* of the last hash in it */
	tile.index = ((b->size >> TILE_HEIGHT * level) - 1) >> TILE_HEIGHT;
	return b->each(b->ctx, &tile, b->level[level].hashes, diag);
}

/* Full tiles are given out, and hashed into the one above. */
static enum err
carry(struct tile_builder *b, struct diag *diag)
{
	unsigned level;
	enum err err;

	for (level = 0; b->level[level].width == TILE_WIDTH; level++) {
		struct merkle tree = MERKLE_INIT;

		err = give_out(b, level, diag);
		if (!err)
			err = merkle_append(&tree, b->sha256,
			    b->level[level].hashes, TILE_WIDTH);
		if (err)
			return err;
		b->level[level].width = 0;
		if (level + 1 == TILE_LEVELS)
			return ERR_LIMIT;	/* 2^64 leaves */
		memcpy(b->level[level + 1].hashes +
		    b->level[level + 1].width * SHA256_SIZE, tree.node[0],
		    SHA256_SIZE);
		b->level[level + 1].width++;
	}
	return ERR_OK;
}

enum err
tile_builder_add(struct tile_builder *b, const uint8_t *leaves, size_t count,
    struct diag *diag)
{
	size_t part;
	enum err err = ERR_OK;

	for (; count > 0 && !err; count -= part) {
		part = TILE_WIDTH - b->level[0].width;
		part = part > count ? count : part;
		memcpy(b->level[0].hashes + b->level[0].width * SHA256_SIZE,
		    leaves, part * SHA256_SIZE);
		b->level[0].width += (unsigned)part;
		b->size += part;
		leaves += part * SHA256_SIZE;
		err = carry(b, diag);
	}
	return err;
}

enum err
tile_builder_edge(struct tile_builder *b, struct diag *diag)
{
	unsigned level;
	enum err err = ERR_OK;

	for (level = 0; level < TILE_LEVELS && !err; level++)
		if (b->level[level].width > 0)
			err = give_out(b, level, diag);
	return err;
}

/*
 * Each bit of a tile's width is a complete subtree: of 2^bit hashes, after
 * those of the higher bits.
 */
enum err
tile_builder_tree(const struct tile_builder *b, struct merkle *ret_tree)
{
	struct merkle tree = { .size = b->size };
	const uint8_t *at;
	unsigned level;
	int bit;
	enum err err;

	for (level = TILE_LEVELS; level > 0; level--) {
		at = b->level[level - 1].hashes;
		for (bit = TILE_HEIGHT - 1; bit >= 0; bit--) {
			struct merkle part = MERKLE_INIT;

			if ((b->level[level - 1].width >> bit & 1) == 0)
				continue;
			err = merkle_append(&part, b->sha256, at,
			    (size_t)1 << bit);
			if (err)
				return err;
			memcpy(tree.node[tree.count++], part.node[0],
			    SHA256_SIZE);
			at += SHA256_SIZE << bit;
		}
	}
	*ret_tree = tree;
	return ERR_OK;
}
