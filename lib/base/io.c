#include "lib/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP	65536
#define TMP_SUFFIX	".tmp"
#define MODE_PUBLIC	0644
#define MODE_PUBLIC_DIR	0755

static enum err
errno_err(int number)
{
	switch (number) {
	case ENOENT:
	case ENOTDIR:
		return ERR_NOTFOUND;
	case EEXIST:
	case ENOTEMPTY:
		return ERR_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_PERMISSION;
	case ENOSPC:
	case EDQUOT:
		return ERR_NOSPACE;
	case ENOMEM:
		return ERR_NOMEM;
	default:
		return ERR_IO;
	}
}

/* Record errno of the failed operation on path. */
static enum err
io_fail(struct diag *diag, const char *path, const char *operation)
{
	char text[80];
	int number;
	enum err err;

	number = errno;
	err = errno_err(number);
	diag_fail(diag, err, NULL, "%s: %s: %s", path, operation,
	    strerror_r(number, text, sizeof(text)));
	if (err == ERR_NOSPACE)
		diag_hint(diag, "free space on the file system that holds "
		    "this file, then run the same command again");
	else if (err == ERR_PERMISSION)
		diag_hint(diag, "check the owner, the mode and whether the "
		    "file system is mounted read-only");
	else if (err == ERR_IO)
		diag_hint(diag, "check the disk and the system's log before "
		    "trying again");
	return err;
}

enum err
file_open(const struct io *io, const char *path, int flags, mode_t mode,
    struct file *ret_file, struct diag *diag)
{
	char *copy;
	enum err err;
	int fd;

	copy = strdup(path);
	if (copy == NULL)
		return diag_nomem(diag);
	do
		fd = io->open(io->state, path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		err = io_fail(diag, path, "open");
		free(copy);
		return err;
	}
	ret_file->io = io;
	ret_file->fd = fd;
	ret_file->path = copy;
	return ERR_OK;
}

void
file_release(struct file *f)
{
	if (f->fd >= 0)
		(void)f->io->close(f->io->state, f->fd);
	free(f->path);
	*f = (struct file)FILE_INIT;
}

enum err
file_read_upto(const struct file *f, uint64_t offset, uint8_t *out,
    size_t len, size_t *ret_len, struct diag *diag)
{
	size_t done;
	ssize_t n;

	for (done = 0; done < len; done += (size_t)n) {
		n = f->io->pread(f->io->state, f->fd, out + done, len - done,
		    (off_t)(offset + done));
		if (n == 0)
			break;
		if (n > 0)
			continue;
		if (errno != EINTR)
			return io_fail(diag, f->path, "read");
		n = 0;
	}
	*ret_len = done;
	return ERR_OK;
}

enum err
file_read_at(const struct file *f, uint64_t offset, void *out, size_t len,
    struct diag *diag)
{
	size_t got;
	enum err err;

	err = file_read_upto(f, offset, out, len, &got, diag);
	if (err)
		return err;
	if (got < len)
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "%s: ends at byte %ju, %zu more expected", f->path,
		    (uintmax_t)(offset + got), len - got);
	return ERR_OK;
}

enum err
file_write_at(const struct file *f, uint64_t offset, struct bytes bytes,
    struct diag *diag)
{
	size_t done;
	ssize_t n;

	for (done = 0; done < bytes.len; done += (size_t)n) {
		n = f->io->pwrite(f->io->state, f->fd, bytes.ptr + done,
		    bytes.len - done, (off_t)(offset + done));
		if (n > 0)
			continue;
		if (n == 0)
			errno = EIO;	/* else this would never end */
		if (errno != EINTR)
			return io_fail(diag, f->path, "write");
		n = 0;
	}
	return ERR_OK;
}

enum err
file_size(const struct file *f, uint64_t *ret_size, struct diag *diag)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return io_fail(diag, f->path, "stat");
	*ret_size = (uint64_t)st.st_size;
	return ERR_OK;
}

enum err
file_truncate(const struct file *f, uint64_t size, struct diag *diag)
{
	int result;

	do
		result = f->io->ftruncate(f->io->state, f->fd, (off_t)size);
	while (result != 0 && errno == EINTR);
	return result == 0 ? ERR_OK : io_fail(diag, f->path, "truncate");
}

/* Not among the primitives: it promises nothing that a fault could break. */
void
file_sync_begin(const struct file *file)
{
	(void)sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

enum err
file_sync(const struct file *f, struct diag *diag)
{
	int result;

	do
		result = f->io->fdatasync(f->io->state, f->fd);
	while (result != 0 && errno == EINTR);
	return result == 0 ? ERR_OK : io_fail(diag, f->path, "sync");
}

enum err
file_lock(const struct file *f, struct diag *diag)
{
	int result;

	do
		result = flock(f->fd, LOCK_EX | LOCK_NB);
	while (result != 0 && errno == EINTR);
	if (result == 0)
		return ERR_OK;
	if (errno != EWOULDBLOCK)
		return io_fail(diag, f->path, "lock");
	diag_fail(diag, ERR_BUSY, NULL,
	    "%s: another process holds the lock", f->path);
	diag_hint(diag, "wait for the other process to end, or stop it");
	return ERR_BUSY;
}

/* What must be added to its mode; 0: nothing, or it is not ours to say. */
static mode_t
public_lacks(const struct stat *st)
{
	mode_t wanted = S_ISDIR(st->st_mode) ? MODE_PUBLIC_DIR :
	    S_ISREG(st->st_mode) ? MODE_PUBLIC : 0;

	return st->st_uid == geteuid() ? wanted & ~st->st_mode : 0;
}

/* Modes are fixed where it is, or it is mounted to be read only. */
static bool
mode_is_fixed(int number)
{
	return number == EPERM || number == EACCES || number == EROFS ||
	    number == ENOTSUP || number == ENOSYS || number == EINVAL;
}

enum err
file_make_public(const struct file *f, struct diag *diag)
{
	struct stat st;
	mode_t lacks;
	int result;

	if (fstat(f->fd, &st) != 0)
		return io_fail(diag, f->path, "stat");
	lacks = public_lacks(&st);
	if (lacks == 0)
		return ERR_OK;
	do
		result = f->io->fchmod(f->io->state, f->fd,
		    (st.st_mode & 07777) | lacks);
	while (result != 0 && errno == EINTR);
	return result == 0 || mode_is_fixed(errno) ? ERR_OK :
	    io_fail(diag, f->path, "let others read it");
}

bool
io_is_public(const struct io *io, const char *path)
{
	struct stat st;

	(void)io;
	return lstat(path, &st) != 0 || public_lacks(&st) == 0;
}

enum err
io_make_public(const struct io *io, const char *path, struct diag *diag)
{
	_cleanup_file_ struct file file = FILE_INIT;
	struct diag why = DIAG_INIT;
	enum err err;

	if (io_is_public(io, path))
		return ERR_OK;
	err = file_open(io, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0,
	    &file, &why);
	if (!err)
		return file_make_public(&file, diag);
	if (err == ERR_PERMISSION)
		return ERR_OK;
	if (diag != NULL)
		*diag = why;
	return err;
}

enum err
io_mkdir_public(const struct io *io, const char *path, struct diag *diag)
{
	enum err err;

	err = io_mkdir(io, path, MODE_PUBLIC_DIR, diag);
	return err ? err : io_make_public(io, path, diag);
}

enum err
io_rename(const struct io *io, const char *from, const char *to,
    struct diag *diag)
{
	if (io->rename(io->state, from, to) != 0)
		return io_fail(diag, to, "rename to this name");
	return ERR_OK;
}

enum err
io_rename_new(const struct io *io, const char *from, const char *to,
    struct diag *diag)
{
	if (io->rename_new(io->state, from, to) != 0)
		return io_fail(diag, to, "create");
	return ERR_OK;
}

enum err
io_unlink(const struct io *io, const char *path, struct diag *diag)
{
	if (io->unlink(io->state, path) != 0 && errno != ENOENT)
		return io_fail(diag, path, "remove");
	return ERR_OK;
}

enum err
io_mkdir(const struct io *io, const char *path, mode_t mode,
    struct diag *diag)
{
	struct stat st;

	if (io->mkdir(io->state, path, mode) == 0)
		return ERR_OK;
	if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return ERR_OK;
	return io_fail(diag, path, "make directory");
}

enum err
io_rmdir(const struct io *io, const char *path, struct diag *diag)
{
	if (io->rmdir(io->state, path) != 0 && errno != ENOENT)
		return io_fail(diag, path, "remove directory");
	return ERR_OK;
}

enum err
io_sync_dir(const struct io *io, const char *path, struct diag *diag)
{
	int result;

	do
		result = io->sync_dir(io->state, path);
	while (result != 0 && errno == EINTR);
	return result == 0 ? ERR_OK : io_fail(diag, path, "sync directory");
}

enum err
io_sync_fs(const struct io *io, const char *path, struct diag *diag)
{
	int result;

	do
		result = io->sync_fs(io->state, path);
	while (result != 0 && errno == EINTR);
	return result == 0 ? ERR_OK : io_fail(diag, path, "sync file system");
}

enum err
io_sync_parent(const struct io *io, const char *path, struct diag *diag)
{
	char dir[PATH_SIZE];
	const char *slash;
	size_t len;

	/* trailing slashes belong to the name */
	len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	slash = memrchr(path, '/', len);
	if (slash == NULL)
		return io_sync_dir(io, ".", diag);
	len = slash == path ? 1 : (size_t)(slash - path);
	if (len >= sizeof(dir))
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "%s: path is longer than %d", path, PATH_SIZE - 1);
	memcpy(dir, path, len);
	dir[len] = '\0';
	return io_sync_dir(io, dir, diag);
}

bool
io_exists(const struct io *io, const char *path)
{
	struct stat st;

	(void)io;	/* looking cannot fail in ways worth a test */
	return lstat(path, &st) == 0;
}

static enum err
too_large(struct diag *diag, const char *path, size_t limit)
{
	return diag_fail(diag, ERR_LIMIT, NULL,
	    "%s: larger than %zu bytes", path, limit);
}

static enum err
read_rest(const struct file *f, struct buf *out, struct diag *diag)
{
	uint8_t *at, probe = 0;
	uint64_t offset;
	size_t want, got;
	enum err err;

	offset = 0;
	do {
		want = out->limit - out->len;
		want = want > READ_STEP ? READ_STEP : want;
		at = want > 0 ? buf_extend(out, want) : &probe;
		if (at == NULL)
			return diag_fail(diag, out->err, NULL,
			    "%s: no room to read it", f->path);
		err = file_read_upto(f, offset, at, want > 0 ? want : 1,
		    &got, diag);
		if (err)
			return err;
		if (want == 0 && got > 0)
			return too_large(diag, f->path, out->limit);
		out->len -= want > 0 ? want - got : 0;
		offset += got;
	} while (want > 0 && got == want);
	return ERR_OK;
}

enum err
io_read_file(const struct io *io, const char *path, struct buf *out,
    struct diag *diag)
{
	_cleanup_file_ struct file f = FILE_INIT;
	size_t before;
	enum err err;

	err = file_open(io, path, O_RDONLY, 0, &f, diag);
	if (err)
		return err;
	before = out->len;
	err = read_rest(&f, out, diag);
	if (err)
		out->len = before;
	return err;
}

enum err
io_read_secret(const struct io *io, const char *path, size_t limit,
    struct secret *out, struct diag *diag)
{
	_cleanup_file_ struct file f = FILE_INIT;
	size_t got;
	uint8_t probe;
	enum err err;

	err = file_open(io, path, O_RDONLY, 0, &f, diag);
	if (err)
		return err;
	err = secret_alloc(out, limit);
	if (err)
		return diag_nomem(diag);
	err = file_read_upto(&f, 0, out->ptr, limit, &out->len, diag);
	if (!err && out->len == limit) {
		err = file_read_upto(&f, limit, &probe, 1, &got, diag);
		if (!err && got > 0)
			err = too_large(diag, path, limit);
		wipe(&probe, sizeof(probe));
	}
	if (err)
		secret_release(out);
	return err;
}

/* Of a whole file. */
struct making {
	mode_t	mode;
	bool	replace;
	bool	public;		/* file_make_public() */
};

static enum err
tmp_write(const struct io *io, const char *tmp, struct bytes bytes,
    const struct making *how, struct diag *diag)
{
	_cleanup_file_ struct file f = FILE_INIT;
	enum err err;

	/* what a crash left behind; a fresh inode has the mode asked for */
	err = io_unlink(io, tmp, diag);
	if (err)
		return err;
	err = file_open(io, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
	    how->mode, &f, diag);
	if (!err && how->public)
		err = file_make_public(&f, diag);
	if (err)
		return err;
	err = file_write_at(&f, 0, bytes, diag);
	if (err)
		return err;
	return file_sync(&f, diag);
}

static enum err
whole_file(const struct io *io, const char *path, struct bytes bytes,
    const struct making *how, struct diag *diag)
{
	char tmp[PATH_SIZE];
	enum err err;
	int n;

	n = snprintf(tmp, sizeof(tmp), "%s%s", path, TMP_SUFFIX);
	if (n < 0 || (size_t)n >= sizeof(tmp))
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "%s: path is longer than %d", path, PATH_SIZE - 5);
	err = tmp_write(io, tmp, bytes, how, diag);
	if (!err && how->replace)
		err = io_rename(io, tmp, path, diag);
	else if (!err)
		err = io_rename_new(io, tmp, path, diag);
	if (err) {
		(void)io->unlink(io->state, tmp);
		return err;
	}
	return io_sync_parent(io, path, diag);
}

enum err
io_write_file(const struct io *io, const char *path, struct bytes bytes,
    mode_t mode, struct diag *diag)
{
	const struct making how = { .mode = mode, .replace = true };

	return whole_file(io, path, bytes, &how, diag);
}

enum err
io_write_public(const struct io *io, const char *path, struct bytes bytes,
    struct diag *diag)
{
	const struct making how = { .mode = MODE_PUBLIC, .replace = true,
		.public = true };

	return whole_file(io, path, bytes, &how, diag);
}

enum err
io_create_file(const struct io *io, const char *path, struct bytes bytes,
    mode_t mode, struct diag *diag)
{
	const struct making how = { .mode = mode };

	/* told early; the rename decides */
	if (io_exists(io, path))
		return diag_fail(diag, ERR_EXISTS, NULL,
		    "%s: exists already", path);
	return whole_file(io, path, bytes, &how, diag);
}

enum err
path_join(char out[PATH_SIZE], const char *dir, const char *name)
{
	size_t dir_len, name_len, slash;

	dir_len = strlen(dir);
	name_len = strlen(name);
	slash = dir_len > 0 && dir[dir_len - 1] != '/';
	if (dir_len >= PATH_SIZE || name_len >= PATH_SIZE ||
	    dir_len + slash + name_len >= PATH_SIZE)
		return ERR_LIMIT;
	/* out may be dir itself */
	memmove(out, dir, dir_len);
	if (slash)
		out[dir_len] = '/';
	memcpy(out + dir_len + slash, name, name_len + 1);
	return ERR_OK;
}
