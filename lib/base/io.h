/*
 * Every file operation goes through here, so that tests can put a faulty
 * disk underneath (tests/support/io_fault.h).
 *
 * A struct io is a table of primitive operations in POSIX terms; the
 * functions below build on it, retry EINTR, finish short writes and turn
 * errno into enum err and a diag that names the path. Nothing here is
 * durable before file_sync() of the file and, for a new, renamed or removed
 * name, io_sync_dir() of its directory has returned ERR_OK; or io_sync_fs(),
 * which stands for all of that at once, for many files.
 * After a failed sync the content on disk is unknown: the caller must give up
 * on what was written, never sync again and trust it.
 */
#ifndef IMPRINT_BASE_IO_H
#define IMPRINT_BASE_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/bytes.h"
#include "lib/base/diag.h"
#include "lib/base/secret.h"

/*
 * The primitives: each returns what the system call of its name returns, -1
 * with errno on failure. state is the implementation's own.
 */
struct io {
	void	 *state;
	/* sqlite3 VFS name that goes through the same table; NULL: default */
	const char *sqlite_vfs;
	int	(*open)(void *state, const char *path, int flags, mode_t);
	int	(*close)(void *state, int fd);
	ssize_t	(*pread)(void *state, int fd, void *, size_t, off_t);
	ssize_t	(*pwrite)(void *state, int fd, const void *, size_t, off_t);
	int	(*fdatasync)(void *state, int fd);
	int	(*ftruncate)(void *state, int fd, off_t);
	int	(*fchmod)(void *state, int fd, mode_t);
	int	(*rename)(void *state, const char *from, const char *to);
	int	(*unlink)(void *state, const char *path);
	int	(*mkdir)(void *state, const char *path, mode_t);
	int	(*rmdir)(void *state, const char *path);
	/* open, fsync and close a directory */
	int	(*sync_dir)(void *state, const char *path);
	/* open a directory, syncfs, close */
	int	(*sync_fs)(void *state, const char *path);
	/* rename that fails with EEXIST when the new name is taken */
	int	(*rename_new)(void *state, const char *from, const char *to);
};

/* The system's own files. */
const struct io *io_posix(void);

/* An open file. fd < 0: none. path is for messages; owned. */
struct file {
	const struct io	*io;
	int		 fd;
	char		*path;
};

#define FILE_INIT { .io = NULL, .fd = -1, .path = NULL }
#define _cleanup_file_ __attribute__((cleanup(file_release)))

/*
 * Open with open(2) flags; O_CLOEXEC is added. ret_file must be FILE_INIT.
 * ERR_NOTFOUND, ERR_EXISTS, ERR_PERMISSION, ERR_NOSPACE, ERR_IO, ERR_NOMEM.
 */
MUST_USE enum err file_open(const struct io *, const char *path, int flags,
    mode_t mode, struct file *ret_file, struct diag *);
/* Close without a word; for paths where nothing depends on the outcome. */
void	file_release(struct file *);
/* Fill all of out or fail; ERR_CORRUPT when the file ends first. */
MUST_USE enum err file_read_at(const struct file *, uint64_t offset,
    void *out, size_t len, struct diag *);
/* Up to len bytes, fewer only at the end of the file; a pipe is read on,
 * whatever the offset. */
MUST_USE enum err file_read_upto(const struct file *, uint64_t offset,
    uint8_t *out, size_t len, size_t *ret_len, struct diag *);
MUST_USE enum err file_write_at(const struct file *, uint64_t offset,
    struct bytes, struct diag *);
MUST_USE enum err file_size(const struct file *, uint64_t *ret_size,
    struct diag *);
MUST_USE enum err file_truncate(const struct file *, uint64_t size,
    struct diag *);
/*
 * Others may read it (0644; a directory: 0755), whatever the umask said when
 * it was made; nothing that is allowed already is taken away. Before content
 * is written, it is durable with it. What belongs to another user is left as
 * it is, and so is what is where modes cannot be set: io_is_public() tells.
 */
MUST_USE enum err file_make_public(const struct file *, struct diag *);
MUST_USE enum err file_sync(const struct file *, struct diag *);
/* Begin to write out what was written so far, while more is made: a hint that
 * shortens file_sync() and takes the place of none. */
void	file_sync_begin(const struct file *);

/* An exclusive advisory lock; ERR_BUSY when another process holds it. */
MUST_USE enum err file_lock(const struct file *, struct diag *);

MUST_USE enum err io_rename(const struct io *, const char *from,
    const char *to, struct diag *);
/* ERR_EXISTS when the new name is taken. */
MUST_USE enum err io_rename_new(const struct io *, const char *from,
    const char *to, struct diag *);
/* A missing file is not an error. */
MUST_USE enum err io_unlink(const struct io *, const char *path,
    struct diag *);
/* A directory that exists is not an error. */
MUST_USE enum err io_mkdir(const struct io *, const char *path, mode_t,
    struct diag *);
/* file_make_public() of what has that name. A missing file, a symbolic link,
 * what is neither file nor directory and what its owner may not read are left
 * alone. */
MUST_USE enum err io_make_public(const struct io *, const char *path,
    struct diag *);
/* A directory that others may look into, made now or there already. */
MUST_USE enum err io_mkdir_public(const struct io *, const char *path,
    struct diag *);
/* A missing directory is not an error; ERR_EXISTS: it is not empty. */
MUST_USE enum err io_rmdir(const struct io *, const char *path,
    struct diag *);
MUST_USE enum err io_sync_dir(const struct io *, const char *path,
    struct diag *);
/* Sync the file system that the directory is on, as it is now. */
MUST_USE enum err io_sync_fs(const struct io *, const char *path,
    struct diag *);
/* Sync the directory that holds path's name. */
MUST_USE enum err io_sync_parent(const struct io *, const char *path,
    struct diag *);
/* Does the name exist (of any type)? Errors read as "no". */
bool	io_exists(const struct io *, const char *path);
/* Is there nothing that io_make_public() has to add? Errors read as "yes". */
bool	io_is_public(const struct io *, const char *path);

/* Append a whole file, out to hold at most out->limit; ERR_LIMIT beyond. */
MUST_USE enum err io_read_file(const struct io *, const char *path,
    struct buf *out, struct diag *);
/* The same into a secret of at most limit bytes. */
MUST_USE enum err io_read_secret(const struct io *, const char *path,
    size_t limit, struct secret *out, struct diag *);

/*
 * Replace or create a whole file so that after any crash either the old or
 * the new content is there: temporary name (path.tmp, which a crash may
 * leave and the next call clears), sync, rename, sync directory. One writer
 * of a path at a time.
 */
MUST_USE enum err io_write_file(const struct io *, const char *path,
    struct bytes, mode_t, struct diag *);
/* The same, but ERR_EXISTS when the name is taken. */
MUST_USE enum err io_create_file(const struct io *, const char *path,
    struct bytes, mode_t, struct diag *);
/* io_write_file() for others to read: see file_make_public(). */
MUST_USE enum err io_write_public(const struct io *, const char *path,
    struct bytes, struct diag *);

/*
 * Copy a file in blocks and sync it; to is created or replaced under its own
 * name, so give a temporary one and rename. Its name is not synced.
 */
MUST_USE enum err file_copy(const struct io *, const char *from,
    const char *to, mode_t, struct diag *);

/* "dir/name" into out, which must hold it: ERR_LIMIT. */
#define PATH_SIZE 1024
MUST_USE enum err path_join(char out[PATH_SIZE], const char *dir,
    const char *name);

#endif
