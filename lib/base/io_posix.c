/* The primitives of struct io on the system's own files. */
#include "lib/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int
posix_open(void *state, const char *path, int flags, mode_t mode)
{
	(void)state;
	return open(path, flags, mode);
}

static int
posix_close(void *state, int fd)
{
	(void)state;
	return close(fd);
}

static ssize_t
posix_pread(void *state, int fd, void *out, size_t len, off_t offset)
{
	ssize_t n;

	(void)state;
	n = pread(fd, out, len, offset);
	/* a pipe or terminal is read in order, as io_read_file() does */
	if (n < 0 && errno == ESPIPE)
		n = read(fd, out, len);
	return n;
}

static ssize_t
posix_pwrite(void *state, int fd, const void *ptr, size_t len, off_t offset)
{
	(void)state;
	return pwrite(fd, ptr, len, offset);
}

static int
posix_fdatasync(void *state, int fd)
{
	(void)state;
	return fdatasync(fd);
}

static int
posix_ftruncate(void *state, int fd, off_t size)
{
	(void)state;
	return ftruncate(fd, size);
}

static int
posix_fchmod(void *state, int fd, mode_t mode)
{
	(void)state;
	return fchmod(fd, mode);
}

static int
posix_rename(void *state, const char *from, const char *to)
{
	(void)state;
	return rename(from, to);
}

static int
posix_rename_new(void *state, const char *from, const char *to)
{
	(void)state;
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* file systems without the flag */
	if (link(from, to) != 0)
		return -1;
	return unlink(from);
}

static int
posix_unlink(void *state, const char *path)
{
	(void)state;
	return unlink(path);
}

static int
posix_mkdir(void *state, const char *path, mode_t mode)
{
	(void)state;
	return mkdir(path, mode);
}

static int
posix_rmdir(void *state, const char *path)
{
	(void)state;
	return rmdir(path);
}

static int
sync_with(const char *path, int (*sync_call)(int))
{
	int fd, saved, result;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	result = sync_call(fd);
	saved = errno;
	(void)close(fd);
	errno = saved;
	return result;
}

static int
posix_sync_dir(void *state, const char *path)
{
	(void)state;
	return sync_with(path, fsync);
}

static int
posix_sync_fs(void *state, const char *path)
{
	(void)state;
	return sync_with(path, syncfs);
}

const struct io *
io_posix(void)
{
	static const struct io posix = {
		.open = posix_open,
		.close = posix_close,
		.pread = posix_pread,
		.pwrite = posix_pwrite,
		.fdatasync = posix_fdatasync,
		.ftruncate = posix_ftruncate,
		.fchmod = posix_fchmod,
		.rename = posix_rename,
		.rename_new = posix_rename_new,
		.unlink = posix_unlink,
		.mkdir = posix_mkdir,
		.rmdir = posix_rmdir,
		.sync_dir = posix_sync_dir,
		.sync_fs = posix_sync_fs,
	};

	return &posix;
}
