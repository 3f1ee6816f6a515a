/*
 * Tiles of a log's tree (C2SP tlog-tiles): files of up to 256 consecutive
 * hashes each. Tile (level, index) holds, for i from 0, the hash of the
 * complete subtree over the 256^level leaves from (index * 256 + i) *
 * 256^level on. All but the last of a level are full; a tile that is not yet
 * full is a file of its own, named by its width, which gives way to the full
 * one.
 *
 * A folder of tiles is the log's "tile/" and what is below it.
 */
#ifndef IMPRINT_LOG_TILE_H
#define IMPRINT_LOG_TILE_H

#include "lib/base/io.h"
#include "lib/log/proof.h"

#define TILE_HEIGHT	8
#define TILE_WIDTH	256
#define TILE_LEVELS	8		/* that 2^64 - 1 leaves need */
#define TILE_SIZE_MAX	(TILE_WIDTH * SHA256_SIZE)
/* Not a level: bundles of entries, named like tiles of level 0. */
#define TILE_ENTRIES	TILE_LEVELS

struct tile {
	unsigned	level;
	uint64_t	index;
	unsigned	width;		/* 1 to TILE_WIDTH, which is full */
};

/* The tile as it is in the tree of size; false: it is empty. */
bool	tile_at(unsigned level, uint64_t index, uint64_t size,
	    struct tile *ret_tile);
/* "tile/0/x001/234.p/5", "tile/entries/000". */
#define TILE_PATH_SIZE 64
void	tile_path(const struct tile *, char ret_path[TILE_PATH_SIZE]);

/*
 * Read a tile's hashes, width * SHA256_SIZE octets. Where a partial one is
 * gone, they are the first of the full one. ERR_NOTFOUND, ERR_CORRUPT: a file
 * of another size; both name the file.
 */
MUST_USE enum err tile_read(const struct io *, const char *dir,
    const struct tile *, uint8_t *ret_hashes, struct diag *);
/*
 * Put a tile or bundle under its name, replacing what is there; folders are
 * made as needed. What stands under a name is always whole, but nothing is
 * durable before io_sync_fs(). One writer of a folder at a time; a crash may
 * leave TILE_TMP.
 */
#define TILE_TMP "tile.tmp"
MUST_USE enum err tile_put(const struct io *, const char *dir,
    const struct tile *, struct bytes, struct diag *);
/* Remove the partial forms of a tile that is full and durable. */
MUST_USE enum err tile_tidy(const struct io *, const char *dir,
    const struct tile *, struct diag *);

/*
 * Hashes of the tree of size, from the tiles of a folder alone; keeps a tile
 * a level. What it gives is what stands there: its user compares roots.
 */
struct tile_reader;
MUST_USE enum err tile_reader_new(const struct io *, const char *dir,
    uint64_t size, struct tile_reader **ret_reader, struct diag *);
void	tile_reader_free(struct tile_reader **);
#define _cleanup_tile_reader_ __attribute__((cleanup(tile_reader_free)))
/* Valid as long as the reader. Errors: tile_read(); ERR_INVALID: beyond. */
struct hash_source tile_reader_source(struct tile_reader *);

#endif
