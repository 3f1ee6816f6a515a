#include "tests/support/io_fault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/fault.h"

static _Noreturn void
die(void)
{
	for (;;)
		(void)raise(SIGKILL);	/* kill(2) may be forbidden */
}

static bool
needs_space(enum fault_op op)
{
	return op == OP_CREATE || op == OP_WRITE || op == OP_RENAME ||
	    op == OP_MKDIR;
}

static bool
fault_applies(enum io_fault_kind kind, enum fault_op op)
{
	switch (kind) {
	case IO_FAULT_SHORT:
		return op == OP_WRITE;
	case IO_FAULT_ENOSPC:
	case IO_FAULT_ENOSPC_ONCE:
		return needs_space(op);
	case IO_FAULT_SYNC:
		return op == OP_SYNC || op == OP_SYNC_DIR;
	default:
		return true;
	}
}

int
fault_begin(struct fault *f, enum fault_op op, bool *ret_short)
{
	f->count++;
	if (f->spent || f->count < f->plan.at ||
	    !fault_applies(f->plan.kind, op))
		return 0;
	switch (f->plan.kind) {
	case IO_FAULT_KILL:
		die();
	case IO_FAULT_POWER_CUT:
		undo_all(f);
		die();
	case IO_FAULT_SHORT:
		f->spent = true;
		if (ret_short != NULL)
			*ret_short = true;
		return 0;
	case IO_FAULT_ENOSPC:
		return ENOSPC;
	case IO_FAULT_ENOSPC_ONCE:
		f->spent = true;
		return ENOSPC;
	case IO_FAULT_EIO:
	case IO_FAULT_SYNC:
		f->spent = true;
		return EIO;
	default:
		return 0;
	}
}

void
fault_end(struct fault *f)
{
	if (f->plan.kind == IO_FAULT_KILL_AFTER && f->count == f->plan.at)
		die();
}

static struct fault *
fault_lock(void *state)
{
	struct fault *f = state;

	(void)pthread_mutex_lock(&f->lock);
	return f;
}

/* Leave with errno as the operation set it, or as the fault wants it. */
static void
fault_unlock(struct fault *f, int fail)
{
	int saved;

	saved = fail != 0 ? fail : errno;
	if (fail == 0)
		fault_end(f);
	(void)pthread_mutex_unlock(&f->lock);
	errno = saved;
}

static int
fault_open(void *state, const char *path, int flags, mode_t mode)
{
	struct fault *f = fault_lock(state);
	struct node *node;
	struct stat st;
	bool exists, creates, cuts;
	int fd, fail;

	exists = stat(path, &st) == 0;
	creates = !exists && (flags & O_CREAT) != 0;
	cuts = exists && (flags & O_TRUNC) != 0 && S_ISREG(st.st_mode) &&
	    st.st_size > 0;
	fail = 0;
	if (creates || cuts)
		fail = fault_begin(f, OP_CREATE, NULL);
	fd = fail != 0 ? -1 : open(path, flags & ~O_TRUNC, mode);
	if (fd >= 0 && (creates || cuts)) {
		node = node_of_fd(f, fd);
		if (creates)
			undo_create(f, path, node);
		else
			undo_truncate(f, node, 0);
		node_unref(f, node);
	}
	if (fd >= 0 && cuts && ftruncate(fd, 0) != 0)
		abort();	/* the plan cannot be carried out */
	if (creates || cuts)
		fault_unlock(f, fail);
	else
		(void)pthread_mutex_unlock(&f->lock);
	return fd;
}

static int
fault_close(void *state, int fd)
{
	(void)state;
	return close(fd);
}

static ssize_t
fault_pread(void *state, int fd, void *out, size_t len, off_t offset)
{
	(void)state;
	return io_posix()->pread(NULL, fd, out, len, offset);
}

static ssize_t
fault_pwrite(void *state, int fd, const void *ptr, size_t len, off_t offset)
{
	struct fault *f = fault_lock(state);
	struct node *node;
	bool half;
	ssize_t n;
	int fail;

	half = false;
	n = -1;
	fail = fault_begin(f, OP_WRITE, &half);
	if (fail == 0) {
		if (half)
			len = (len + 1) / 2;
		node = node_of_fd(f, fd);
		undo_write(f, node, offset, len);
		n = pwrite(fd, ptr, len, offset);
		undo_written(f, n > 0 ? (size_t)n : 0);
		node_unref(f, node);
	}
	fault_unlock(f, fail);
	return n;
}

static int
fault_fdatasync(void *state, int fd)
{
	struct fault *f = fault_lock(state);
	struct node *node;
	int fail, result;

	result = -1;
	fail = fault_begin(f, OP_SYNC, NULL);
	if (fail == 0) {
		result = fdatasync(fd);
		node = node_of_fd(f, fd);
		if (result == 0)
			undo_synced(f, node);
		node_unref(f, node);
	}
	fault_unlock(f, fail);
	return result;
}

static int
fault_ftruncate(void *state, int fd, off_t size)
{
	struct fault *f = fault_lock(state);
	struct node *node;
	int fail, result;

	result = -1;
	fail = fault_begin(f, OP_TRUNCATE, NULL);
	if (fail == 0) {
		node = node_of_fd(f, fd);
		undo_truncate(f, node, size);
		result = ftruncate(fd, size);
		if (result != 0)
			undo_drop_last(f);
		node_unref(f, node);
	}
	fault_unlock(f, fail);
	return result;
}

static int
fault_fchmod(void *state, int fd, mode_t mode)
{
	struct fault *f = fault_lock(state);
	struct node *node;
	int fail, result;

	result = -1;
	fail = fault_begin(f, OP_CHMOD, NULL);
	if (fail == 0) {
		node = node_of_fd(f, fd);
		undo_chmod(f, node, fd);
		result = fchmod(fd, mode);
		if (result != 0)
			undo_drop_last(f);
		node_unref(f, node);
	}
	fault_unlock(f, fail);
	return result;
}

static int
rename_with(struct fault *f, const char *from, const char *to,
    int (*rename_call)(void *, const char *, const char *))
{
	int fail, result;

	result = -1;
	fail = fault_begin(f, OP_RENAME, NULL);
	if (fail == 0) {
		undo_rename(f, from, to);
		result = rename_call(NULL, from, to);
		if (result != 0)
			undo_drop_last(f);
	}
	fault_unlock(f, fail);
	return result;
}

static int
fault_rename(void *state, const char *from, const char *to)
{
	return rename_with(fault_lock(state), from, to, io_posix()->rename);
}

static int
fault_rename_new(void *state, const char *from, const char *to)
{
	return rename_with(fault_lock(state), from, to,
	    io_posix()->rename_new);
}

static int
fault_unlink(void *state, const char *path)
{
	struct fault *f = fault_lock(state);
	struct stat st;
	int fail, result;

	if (lstat(path, &st) != 0) {
		(void)pthread_mutex_unlock(&f->lock);
		return unlink(path);
	}
	result = -1;
	fail = fault_begin(f, OP_UNLINK, NULL);
	if (fail == 0) {
		undo_unlink(f, path);
		result = unlink(path);
		if (result != 0)
			undo_drop_last(f);
	}
	fault_unlock(f, fail);
	return result;
}

static int
fault_rmdir(void *state, const char *path)
{
	struct fault *f = fault_lock(state);
	int fail, result;

	result = -1;
	fail = fault_begin(f, OP_UNLINK, NULL);
	if (fail == 0) {
		undo_rmdir(f, path);
		result = rmdir(path);
		if (result != 0)
			undo_drop_last(f);
	}
	fault_unlock(f, fail);
	return result;
}

static int
fault_mkdir(void *state, const char *path, mode_t mode)
{
	struct fault *f = fault_lock(state);
	struct stat st;
	int fail, result;

	if (lstat(path, &st) == 0) {
		(void)pthread_mutex_unlock(&f->lock);
		return mkdir(path, mode);
	}
	result = -1;
	fail = fault_begin(f, OP_MKDIR, NULL);
	if (fail == 0) {
		result = mkdir(path, mode);
		if (result == 0)
			undo_mkdir(f, path);
	}
	fault_unlock(f, fail);
	return result;
}

static int
fault_sync_dir(void *state, const char *path)
{
	struct fault *f = fault_lock(state);
	int fail, result;

	result = -1;
	fail = fault_begin(f, OP_SYNC_DIR, NULL);
	if (fail == 0) {
		result = io_posix()->sync_dir(NULL, path);
		if (result == 0)
			undo_dir_synced(f, path);
	}
	fault_unlock(f, fail);
	return result;
}

static int
fault_sync_fs(void *state, const char *path)
{
	struct fault *f = fault_lock(state);
	int fail, result;

	result = -1;
	fail = fault_begin(f, OP_SYNC, NULL);
	if (fail == 0) {
		result = io_posix()->sync_fs(NULL, path);
		if (result == 0)
			undo_all_synced(f);
	}
	fault_unlock(f, fail);
	return result;
}

struct io *
io_fault_new(const struct io_fault_plan *plan)
{
	struct fault *f;

	f = calloc(1, sizeof(*f));
	if (f == NULL)
		abort();
	f->plan = *plan;
	f->random = plan->seed * 0x9e3779b97f4a7c15u + plan->at;
	(void)pthread_mutex_init(&f->lock, NULL);
	f->io = (struct io){
		.state = f,
		.open = fault_open,
		.close = fault_close,
		.pread = fault_pread,
		.pwrite = fault_pwrite,
		.fdatasync = fault_fdatasync,
		.ftruncate = fault_ftruncate,
		.fchmod = fault_fchmod,
		.rename = fault_rename,
		.rename_new = fault_rename_new,
		.unlink = fault_unlink,
		.mkdir = fault_mkdir,
		.rmdir = fault_rmdir,
		.sync_dir = fault_sync_dir,
		.sync_fs = fault_sync_fs,
	};
	fault_vfs_register(f);
	f->io.sqlite_vfs = f->vfs_name;
	return &f->io;
}

void
io_fault_free(struct io *io)
{
	struct fault *f;

	if (io == NULL)
		return;
	f = io->state;
	fault_vfs_unregister(f);
	undo_free(f);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}

unsigned long
io_fault_count(const struct io *io)
{
	struct fault *f = fault_lock(io->state);
	unsigned long count;

	count = f->count;
	(void)pthread_mutex_unlock(&f->lock);
	return count;
}

static const struct {
	const char		*word;
	enum io_fault_kind	 kind;
} words[] = {
	{ "kill:", IO_FAULT_KILL },
	{ "killafter:", IO_FAULT_KILL_AFTER },
	{ "short:", IO_FAULT_SHORT },
	{ "enospc:", IO_FAULT_ENOSPC },
	{ "enospc-once:", IO_FAULT_ENOSPC_ONCE },
	{ "eio:", IO_FAULT_EIO },
	{ "syncfail:", IO_FAULT_SYNC },
	{ "powercut:", IO_FAULT_POWER_CUT },
};

enum err
io_fault_parse(const char *text, struct io_fault_plan *ret_plan)
{
	struct io_fault_plan plan = { .kind = IO_FAULT_NONE };
	char *end;
	size_t i, len;

	if (strncmp(text, "count:/", 7) == 0) {
		plan.count_path = text + 6;
		*ret_plan = plan;
		return ERR_OK;
	}
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		len = strlen(words[i].word);
		if (strncmp(text, words[i].word, len) != 0)
			continue;
		plan.kind = words[i].kind;
		plan.at = strtoul(text + len, &end, 10);
		if (*end == ':' && plan.kind == IO_FAULT_POWER_CUT)
			plan.seed = strtoull(end + 1, &end, 10);
		if (plan.at == 0 || *end != '\0')
			return ERR_SYNTAX;
		*ret_plan = plan;
		return ERR_OK;
	}
	return ERR_SYNTAX;
}
