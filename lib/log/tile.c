#include "lib/log/tile.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MODE	0644
#define SPEC		"C2SP tlog-tiles"

bool
tile_at(unsigned level, uint64_t index, uint64_t size, struct tile *ret_tile)
{
	uint64_t hashes;

	hashes = level == TILE_ENTRIES ? size : size >> TILE_HEIGHT * level;
	if (index > hashes >> TILE_HEIGHT)
		return false;
	hashes -= index << TILE_HEIGHT;
	if (hashes == 0)
		return false;
	ret_tile->level = level;
	ret_tile->index = index;
	ret_tile->width = hashes < TILE_WIDTH ? (unsigned)hashes : TILE_WIDTH;
	return true;
}

void
tile_path(const struct tile *tile, char ret_path[TILE_PATH_SIZE])
{
	char level[8] = "entries", *at = ret_path;
	unsigned groups[(TILE_PATH_SIZE - 1) / 5], count = 0;
	uint64_t rest = tile->index;

	do {
		groups[count++] = (unsigned)(rest % 1000);
		rest /= 1000;
	} while (rest > 0);
	if (tile->level != TILE_ENTRIES)
		(void)snprintf(level, sizeof(level), "%u", tile->level);
	at += snprintf(at, 16, "tile/%s", level);
	while (count > 0) {
		count--;
		at += snprintf(at, 8, "/%s%03u", count > 0 ? "x" : "",
		    groups[count]);
	}
	if (tile->width < TILE_WIDTH)
		(void)snprintf(at, 8, ".p/%u", tile->width);
}

static enum err
file_path(const char *dir, const struct tile *tile, char ret_path[PATH_SIZE],
    struct diag *diag)
{
	char name[TILE_PATH_SIZE];
	enum err err;

	tile_path(tile, name);
	err = path_join(ret_path, dir, name);
	return err ? diag_fail(diag, err, NULL, "path too long: %s/%s", dir,
	    name) : ERR_OK;
}

/* The first len octets of the file of a tile, which must be as long as its
 * width says. */
static enum err
file_read(const struct io *io, const char *dir, const struct tile *tile,
    size_t len, uint8_t *ret_hashes, struct diag *diag)
{
	_cleanup_file_ struct file f = FILE_INIT;
	char path[PATH_SIZE];
	uint64_t size;
	enum err err;

	err = file_path(dir, tile, path, diag);
	if (!err)
		err = file_open(io, path, O_RDONLY, 0, &f, diag);
	if (!err)
		err = file_size(&f, &size, diag);
	if (err)
		return err;
	if (size != tile->width * SHA256_SIZE)
		return diag_fail(diag, ERR_CORRUPT, SPEC, "%s: %" PRIu64
		    " octets, a tile of %u hashes has %u", path, size,
		    tile->width, tile->width * SHA256_SIZE);
	return file_read_at(&f, 0, ret_hashes, len, diag);
}

enum err
tile_read(const struct io *io, const char *dir, const struct tile *tile,
    uint8_t *ret_hashes, struct diag *diag)
{
	struct tile full = *tile;
	struct diag first = DIAG_INIT;
	size_t len = (size_t)tile->width * SHA256_SIZE;
	enum err err;

	err = file_read(io, dir, tile, len, ret_hashes, &first);
	full.width = TILE_WIDTH;
	if (err == ERR_NOTFOUND && tile->width < TILE_WIDTH &&
	    file_read(io, dir, &full, len, ret_hashes, NULL) == ERR_OK)
		return ERR_OK;
	if (err && diag != NULL)
		*diag = first;
	return err;
}

/* Make the folders that path's name needs below dir. */
static enum err
folders_make(const struct io *io, const char *dir, const char *path,
    struct diag *diag)
{
	char part[PATH_SIZE];
	const char *slash;
	enum err err = ERR_OK;

	slash = strchr(path + strlen(dir) + 1, '/');
	while (slash != NULL && !err) {
		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = '\0';
		err = io_mkdir_public(io, part, diag);
		slash = strchr(slash + 1, '/');
	}
	return err;
}

/* One temporary name for all: a crash leaves at most one file behind. */
static enum err
tmp_write(const struct io *io, const char *tmp, struct bytes bytes,
    struct diag *diag)
{
	_cleanup_file_ struct file f = FILE_INIT;
	enum err err;

	err = io_unlink(io, tmp, diag);
	if (!err)
		err = file_open(io, tmp, O_WRONLY | O_CREAT | O_EXCL |
		    O_NOFOLLOW, FILE_MODE, &f, diag);
	if (!err)
		err = file_make_public(&f, diag);
	if (!err)
		err = file_write_at(&f, 0, bytes, diag);
	return err;
}

enum err
tile_put(const struct io *io, const char *dir, const struct tile *tile,
    struct bytes bytes, struct diag *diag)
{
	char path[PATH_SIZE], tmp[PATH_SIZE];
	struct diag first = DIAG_INIT;
	enum err err;

	err = file_path(dir, tile, path, diag);
	if (!err)
		err = path_join(tmp, dir, TILE_TMP);
	if (!err)
		err = tmp_write(io, tmp, bytes, diag);
	if (err)
		return err;
	err = io_rename(io, tmp, path, &first);
	if (err == ERR_NOTFOUND) {
		err = folders_make(io, dir, path, diag);
		if (!err)
			err = io_rename(io, tmp, path, diag);
	} else if (err && diag != NULL)
		*diag = first;
	if (err)
		(void)io->unlink(io->state, tmp);
	return err;
}

enum err
tile_tidy(const struct io *io, const char *dir, const struct tile *tile,
    struct diag *diag)
{
	struct tile partial = *tile;
	char path[PATH_SIZE], *slash;
	enum err err;

	partial.width = 1;
	err = file_path(dir, &partial, path, diag);
	if (err)
		return err;
	slash = strrchr(path, '/');
	*slash = '\0';
	if (!io_exists(io, path))
		return ERR_OK;
	for (; partial.width < TILE_WIDTH && !err; partial.width++) {
		err = file_path(dir, &partial, path, diag);
		if (!err)
			err = io_unlink(io, path, diag);
	}
	*slash = '\0';
	if (!err)
		err = io_rmdir(io, path, NULL);
	/* a file of somebody else's in it does no harm */
	return err == ERR_EXISTS ? ERR_OK : err;
}

struct tile_reader {
	const struct io	*io;
	char		 dir[PATH_SIZE];
	uint64_t	 size;
	struct sha256	*sha256;
	struct {
		struct tile	tile;		/* width 0: none yet */
		uint8_t		hashes[TILE_SIZE_MAX];
	} level[TILE_LEVELS];
};

enum err
tile_reader_new(const struct io *io, const char *dir, uint64_t size,
    struct tile_reader **ret_reader, struct diag *diag)
{
	_cleanup_tile_reader_ struct tile_reader *r = NULL;
	enum err err;

	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return diag_nomem(diag);
	r->io = io;
	r->size = size;
	if (strlen(dir) >= sizeof(r->dir))
		return diag_fail(diag, ERR_LIMIT, NULL, "path too long: %s",
		    dir);
	memcpy(r->dir, dir, strlen(dir) + 1);
	err = sha256_new(&r->sha256, diag);
	if (err)
		return err;
	*ret_reader = r;
	r = NULL;	/* transferred */
	return ERR_OK;
}

void
tile_reader_free(struct tile_reader **reader)
{
	if (*reader == NULL)
		return;
	sha256_free(&(*reader)->sha256);
	free(*reader);
	*reader = NULL;
}

/* The kept tile becomes this one; none while its bytes are not known. */
static enum err
reader_load(struct tile_reader *r, const struct tile *tile,
    struct diag *diag)
{
	enum err err;

	if (r->level[tile->level].tile.width == tile->width &&
	    r->level[tile->level].tile.index == tile->index)
		return ERR_OK;
	r->level[tile->level].tile.width = 0;
	err = tile_read(r->io, r->dir, tile, r->level[tile->level].hashes,
	    diag);
	if (!err)
		r->level[tile->level].tile = *tile;
	return err;
}

static enum err
reader_read(void *ctx, unsigned level, uint64_t index,
    uint8_t ret_hash[SHA256_SIZE], struct diag *diag)
{
	struct tile_reader *r = ctx;
	struct merkle subtree = MERKLE_INIT;
	unsigned inner = level % TILE_HEIGHT, first;
	struct tile tile;
	enum err err;

	if (level >= MERKLE_DEPTH_MAX || index >= r->size >> level)
		return diag_fail(diag, ERR_INVALID, SPEC, "subtree %" PRIu64
		    " of level %u: the tree has %" PRIu64 " leaves", index,
		    level, r->size);
	first = (unsigned)(index << inner) % TILE_WIDTH;
	if (!tile_at(level / TILE_HEIGHT, index >> (TILE_HEIGHT - inner),
	    r->size, &tile))
		return ERR_INTERNAL;
	err = reader_load(r, &tile, diag);
	if (!err)
		err = merkle_append(&subtree, r->sha256,
		    r->level[tile.level].hashes + first * SHA256_SIZE,
		    (size_t)1 << inner);
	return err ? err : merkle_root(&subtree, r->sha256, ret_hash);
}

struct hash_source
tile_reader_source(struct tile_reader *r)
{
	return (struct hash_source){ .ctx = r, .read = reader_read };
}
