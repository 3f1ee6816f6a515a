#include "lib/log/tile_verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_SIZE	512
#define DIFFERENCES_MAX	1000	/* then it stops looking for more */

struct walk {
	const struct io			*io;
	const char			*dir;
	const struct tree_head		*head;
	const struct tile_verify	*to;
	struct sha256			*sha256;
	struct tile_verified		 verified;
	bool				 bundles;
	struct buf			 bundle;
	uint8_t				 hashes[TILE_SIZE_MAX];
	/* the last parent read, by child's level */
	struct {
		struct tile	tile;		/* width 0: none */
		uint8_t		hashes[TILE_SIZE_MAX];
	} parent;
};

static void found(struct walk *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
found(struct walk *w, const char *fmt, ...)
{
	char text[TEXT_SIZE];
	va_list args;

	w->verified.differences++;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (w->to->found != NULL)
		w->to->found(w->to->ctx, text);
}

/* ret_there false: it is missing or of another size, which is told once. */
static enum err
load(struct walk *w, const struct tile *tile, bool tell, uint8_t *ret_hashes,
    bool *ret_there, struct diag *diag)
{
	struct diag why = DIAG_INIT;
	enum err err;

	err = tile_read(w->io, w->dir, tile, ret_hashes, &why);
	*ret_there = err == ERR_OK;
	if (err == ERR_OK)
		return ERR_OK;
	if (err != ERR_NOTFOUND && err != ERR_CORRUPT) {
		if (diag != NULL)
			*diag = why;
		return err;
	}
	if (tell)
		found(w, "%s", why.what);
	return ERR_OK;
}

/* The tile above tile, where it can be read. */
static enum err
parent_load(struct walk *w, const struct tile *tile, bool *ret_there,
    struct diag *diag)
{
	struct tile parent;
	enum err err;

	if (!tile_at(tile->level + 1, tile->index >> TILE_HEIGHT,
	    w->head->size, &parent))
		return ERR_INTERNAL;
	*ret_there = w->parent.tile.width > 0 &&
	    w->parent.tile.level == parent.level &&
	    w->parent.tile.index == parent.index;
	if (*ret_there)
		return ERR_OK;
	w->parent.tile.width = 0;
	err = load(w, &parent, false, w->parent.hashes, ret_there, diag);
	if (!err && *ret_there)
		w->parent.tile = parent;
	return err;
}

static enum err
tile_compare(struct walk *w, const struct tile *tile, struct diag *diag)
{
	unsigned at = (unsigned)(tile->index % TILE_WIDTH);
	char name[TILE_PATH_SIZE], above[TILE_PATH_SIZE];
	struct merkle tree = MERKLE_INIT;
	bool there = false;
	enum err err;

	err = parent_load(w, tile, &there, diag);
	if (err || !there)
		return err;
	err = merkle_append(&tree, w->sha256, w->hashes, TILE_WIDTH);
	if (err || memcmp(tree.node[0], w->parent.hashes + at * SHA256_SIZE,
	    SHA256_SIZE) == 0)
		return err;
	tile_path(tile, name);
	tile_path(&w->parent.tile, above);
	found(w, "%s/%s: it does not give hash %u of %s", w->dir, name, at,
	    above);
	return ERR_OK;
}

bool
bundle_next(struct bytes *rest, struct bytes *ret_entry)
{
	size_t len;

	if (rest->len < 2)
		return false;
	len = get_be16(rest->ptr);
	if (rest->len - 2 < len)
		return false;
	*ret_entry = bytes_of(rest->ptr + 2, len);
	*rest = bytes_of(rest->ptr + 2 + len, rest->len - 2 - len);
	return true;
}

/* Entries against the leaves in w->hashes. */
static enum err
bundle_entries(struct walk *w, const struct tile *tile, const char *path)
{
	struct bytes rest = buf_bytes(&w->bundle), entry;
	uint8_t leaf[SHA256_SIZE];
	unsigned i;
	enum err err;

	for (i = 0; i < tile->width; i++) {
		if (!bundle_next(&rest, &entry)) {
			found(w, "%s: entry %u is cut off", path, i);
			return ERR_OK;
		}
		err = merkle_leaf(w->sha256, entry, leaf);
		if (err)
			return err;
		if (memcmp(leaf, w->hashes + i * SHA256_SIZE,
		    SHA256_SIZE) != 0)
			found(w, "%s: entry %u (index %" PRIu64 ") does not "
			    "hash to its leaf", path, i,
			    (tile->index << TILE_HEIGHT) + i);
	}
	if (rest.len > 0)
		found(w, "%s: %zu octets after its last entry", path,
		    rest.len);
	return ERR_OK;
}

static enum err
bundle_compare(struct walk *w, const struct tile *leaves, struct diag *diag)
{
	struct tile tile = *leaves;
	char name[TILE_PATH_SIZE], path[PATH_SIZE];
	struct diag why = DIAG_INIT;
	enum err err;

	tile.level = TILE_ENTRIES;
	tile_path(&tile, name);
	err = path_join(path, w->dir, name);
	if (err)
		return err;
	buf_clear(&w->bundle);
	w->verified.bundles++;
	err = io_read_file(w->io, path, &w->bundle, &why);
	if (err == ERR_NOTFOUND || err == ERR_LIMIT) {
		found(w, "%s", why.what);
		return ERR_OK;
	}
	if (err && diag != NULL)
		*diag = why;
	return err ? err : bundle_entries(w, &tile, path);
}

static enum err
level_walk(struct walk *w, unsigned level, struct diag *diag)
{
	struct tile tile;
	uint64_t index;
	bool there;
	enum err err = ERR_OK;

	for (index = 0; !err && w->verified.differences < DIFFERENCES_MAX &&
	    tile_at(level, index, w->head->size, &tile); index++) {
		w->verified.tiles++;
		err = load(w, &tile, true, w->hashes, &there, diag);
		if (!err && there && tile.width == TILE_WIDTH)
			err = tile_compare(w, &tile, diag);
		if (!err && there && level == 0 && w->bundles)
			err = bundle_compare(w, &tile, diag);
		if (level == 0 && w->to->progress != NULL)
			w->to->progress(w->to->ctx,
			    (index << TILE_HEIGHT) + tile.width);
	}
	return err;
}

static enum err
root_compare(struct walk *w, struct diag *diag)
{
	_cleanup_tile_reader_ struct tile_reader *reader = NULL;
	struct hash_source source;
	uint8_t root[SHA256_SIZE];
	enum err err;

	err = tile_reader_new(w->io, w->dir, w->head->size, &reader, diag);
	if (err)
		return err;
	source = tile_reader_source(reader);
	err = proof_root(&source, w->sha256, w->head->size, root, NULL);
	if (err == ERR_NOTFOUND || err == ERR_CORRUPT)
		return ERR_OK;	/* told already */
	if (!err && memcmp(root, w->head->root, SHA256_SIZE) != 0)
		found(w, "%s: the last tiles of each level do not give the "
		    "root of the checkpoint of %" PRIu64, w->dir,
		    w->head->size);
	return err ? diag_fail(diag, err, NULL, "%s: tiles cannot be read",
	    w->dir) : ERR_OK;
}

static enum err
walk_run(struct walk *w, struct diag *diag)
{
	char path[PATH_SIZE];
	unsigned level;
	enum err err;

	err = sha256_new(&w->sha256, diag);
	if (!err)
		err = path_join(path, w->dir, "tile/entries");
	w->bundles = !err && io_exists(w->io, path);
	for (level = 0; level < TILE_LEVELS && !err; level++)
		err = level_walk(w, level, diag);
	return err ? err : root_compare(w, diag);
}

enum err
tile_verify(const struct io *io, const char *dir,
    const struct tree_head *head, const struct tile_verify *to,
    struct tile_verified *ret_verified, struct diag *diag)
{
	struct walk *w;
	enum err err;

	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return diag_nomem(diag);
	w->io = io;
	w->dir = dir;
	w->head = head;
	w->to = to;
	w->bundle.limit = BUNDLE_SIZE_MAX;
	err = walk_run(w, diag);
	if (!err)
		*ret_verified = w->verified;
	buf_release(&w->bundle);
	sha256_free(&w->sha256);
	free(w);
	return err;
}
