/*
 * Any files as a folder of tiles and bundles: each open takes the next piece
 * of the input. What a proof leads to is the root that the same files give.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/log/tile_verify.h"

static int
open_next(void *state, const char *path, int flags, mode_t mode)
{
	struct bytes *rest = state, piece;
	int fd = memfd_create("tile", 0);

	(void)path;
	(void)flags;
	(void)mode;
	if (!bundle_next(rest, &piece))
		piece = *rest;
	if (write(fd, piece.ptr, piece.len) != (ssize_t)piece.len)
		abort();
	return fd;
}

static void
prove(const struct io *io, uint64_t size, struct sha256 *sha256)
{
	_cleanup_tile_reader_ struct tile_reader *reader = NULL;
	struct tree_head head = { .size = size };
	struct hash_source source;
	uint8_t leaf[SHA256_SIZE];
	struct proof proof;
	bool good = true;

	if (tile_reader_new(io, "d", size, &reader, NULL))
		return;
	source = tile_reader_source(reader);
	if (source.read(source.ctx, 0, size / 3, leaf, NULL) == ERR_OK &&
	    proof_root(&source, sha256, size, head.root, NULL) == ERR_OK &&
	    proof_inclusion(&source, sha256, size / 3, size, &proof, NULL) ==
	    ERR_OK && size < TILE_WIDTH && (proof_verify_inclusion(sha256,
	    leaf, size / 3, &head, &proof, &good) != ERR_OK || !good))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct tile_verify to = { .found = NULL };
	struct tree_head head = { .size = 0 };
	struct tile_verified verified;
	struct io io = *io_posix();
	struct bytes rest;

	if (size < 3 || sha256_new(&sha256, NULL) != ERR_OK)
		return 0;
	head.size = get_be16(data);
	rest = bytes_of(data + 2, size - 2);
	io.state = &rest;
	io.open = open_next;
	prove(&io, head.size, sha256);
	rest = bytes_of(data + 2, size - 2);
	return tile_verify(&io, "d", &head, &to, &verified, NULL) && 0;
}
