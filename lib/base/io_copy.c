#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/io.h"

#define BLOCK ((size_t)1 << 20)

static enum err
blocks_copy(const struct file *from, const struct file *to, uint8_t *block,
    struct diag *diag)
{
	uint64_t size, at;
	size_t len;
	enum err err;

	err = file_size(from, &size, diag);
	for (at = 0; at < size && !err; at += len) {
		len = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
		err = file_read_at(from, at, block, len, diag);
		if (!err)
			err = file_write_at(to, at, bytes_of(block, len),
			    diag);
	}
	if (!err)
		err = file_sync(to, diag);
	return err;
}

enum err
file_copy(const struct io *io, const char *from, const char *to, mode_t mode,
    struct diag *diag)
{
	_cleanup_file_ struct file in = FILE_INIT, out = FILE_INIT;
	uint8_t *block;
	enum err err;

	err = file_open(io, from, O_RDONLY, 0, &in, diag);
	/* never through a name that somebody put there */
	if (!err)
		err = io_unlink(io, to, diag);
	if (!err)
		err = file_open(io, to, O_WRONLY | O_CREAT | O_EXCL |
		    O_NOFOLLOW, mode, &out, diag);
	if (err)
		return err;
	block = malloc(BLOCK);
	if (block == NULL)
		return diag_nomem(diag);
	err = blocks_copy(&in, &out, block, diag);
	free(block);
	return err;
}
