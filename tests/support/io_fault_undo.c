/* The log of changes that are not durable, and how they are taken back. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/fault.h"

static void *
must(void *ptr)
{
	if (ptr == NULL)
		abort();
	return ptr;
}

bool
undo_wanted(const struct fault *f)
{
	return f->plan.kind == IO_FAULT_POWER_CUT;
}

static struct node *
node_find(struct fault *f, const struct stat *st)
{
	struct node *node;

	for (node = f->nodes; node != NULL; node = node->next)
		if (node->dev == st->st_dev && node->ino == st->st_ino)
			return node;
	return NULL;
}

static struct node *
node_add(struct fault *f, const struct stat *st, int fd)
{
	struct node *node;

	node = must(calloc(1, sizeof(*node)));
	node->dev = st->st_dev;
	node->ino = st->st_ino;
	node->fd = fd;
	node->kept_limit = (off_t)LLONG_MAX;
	node->refs = 1;
	node->next = f->nodes;
	f->nodes = node;
	return node;
}

/* Open what path leads to for ourselves, whatever its mode is. */
static int
open_again(const char *path, const struct stat *st)
{
	int fd;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0 || errno != EACCES)
		return fd;
	if (chmod(path, (st->st_mode & 07777) | 0600) != 0)
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC);
	(void)chmod(path, st->st_mode & 07777);
	return fd;
}

/*
 * The node has a descriptor of its own: a duplicate would hold flock(2)
 * locks for longer than the program does. Closing it would drop fcntl(2)
 * locks of the process on the file: SQLite's databases are marked keep.
 */
static struct node *
node_of(struct fault *f, const char *path)
{
	struct node *node;
	struct stat st;
	int fd;

	if (!undo_wanted(f) || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return NULL;
	node = node_find(f, &st);
	if (node != NULL) {
		node->refs++;
		return node;
	}
	fd = open_again(path, &st);
	return fd < 0 ? NULL : node_add(f, &st, fd);
}

struct node *
node_of_fd(struct fault *f, int fd)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return node_of(f, path);
}

struct node *
node_of_path(struct fault *f, const char *path)
{
	return node_of(f, path);
}

void
node_unref(struct fault *f, struct node *node)
{
	struct node **at;

	if (node == NULL || --node->refs > 0 || node->keep)
		return;
	for (at = &f->nodes; *at != node; at = &(*at)->next)
		;
	*at = node->next;
	(void)close(node->fd);
	free(node);
}

static struct undo *
undo_push(struct fault *f, enum undo_kind kind, struct node *node)
{
	struct undo *u;

	if (f->undo_len == f->undo_cap) {
		f->undo_cap = f->undo_cap * 2 + 64;
		f->undo = must(reallocarray(f->undo, f->undo_cap,
		    sizeof(*f->undo)));
	}
	u = &f->undo[f->undo_len++];
	*u = (struct undo){ .kind = kind, .node = node };
	if (node != NULL)
		node->refs++;
	return u;
}

static void
undo_clear(struct fault *f, struct undo *u)
{
	node_unref(f, u->node);
	node_unref(f, u->replaced);
	free(u->old);
	free(u->path);
	free(u->from);
	*u = (struct undo){ .kind = UNDO_NONE };
}

static off_t
node_size(const struct node *node)
{
	struct stat st;

	if (fstat(node->fd, &st) != 0)
		abort();
	return st.st_size;
}

/* Save what stands at offset, as far as the file goes. */
static void
save_old(struct undo *u, off_t offset, size_t len)
{
	ssize_t n;

	u->old_size = node_size(u->node);
	if (offset >= u->old_size || len == 0)
		return;
	if ((off_t)len > u->old_size - offset)
		len = (size_t)(u->old_size - offset);
	u->old = must(malloc(len));
	n = pread(u->node->fd, u->old, len, offset);
	if (n < 0)
		abort();
	u->old_len = (size_t)n;
}

void
undo_write(struct fault *f, struct node *node, off_t offset, size_t len)
{
	struct undo *u;

	if (!undo_wanted(f))
		return;
	u = undo_push(f, node == NULL ? UNDO_NONE : UNDO_WRITE, node);
	u->offset = offset;
	u->len = len;
	if (node != NULL)
		save_old(u, offset, len);
}

void
undo_written(struct fault *f, size_t len)
{
	struct undo *u;

	if (!undo_wanted(f))
		return;
	u = &f->undo[f->undo_len - 1];
	if (len == 0)
		undo_drop_last(f);
	else if (len < u->len) {
		u->len = len;
		u->old_len = u->old_len < len ? u->old_len : len;
	}
}

void
undo_truncate(struct fault *f, struct node *node, off_t size)
{
	struct undo *u;
	off_t old_size;

	if (!undo_wanted(f))
		return;
	u = undo_push(f, node == NULL ? UNDO_NONE : UNDO_TRUNCATE, node);
	u->new_size = size;
	u->offset = size;
	if (node == NULL)
		return;
	old_size = node_size(node);
	save_old(u, size, old_size > size ? (size_t)(old_size - size) : 0);
}

/* The directory of path's name, as an absolute path of its own. */
static char *
parent_of(const char *path)
{
	char copy[PATH_MAX], *slash;
	size_t len;

	len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len >= sizeof(copy))
		abort();
	memcpy(copy, path, len);
	copy[len] = '\0';
	slash = strrchr(copy, '/');
	if (slash == NULL)
		memcpy(copy, ".", 2);
	else
		slash[slash == copy] = '\0';
	return realpath(copy, NULL);
}

/* path made absolute; which of the entry's directories holds it. */
static char *
undo_name(struct undo *u, int which, const char *path)
{
	char *dir, *full;
	const char *base;
	struct stat st;

	dir = parent_of(path);
	if (dir == NULL || stat(dir, &st) != 0) {
		free(dir);
		u->dir_synced[which] = true;	/* the operation will fail */
		return must(strdup(path));
	}
	u->dir_dev[which] = st.st_dev;
	u->dir_ino[which] = st.st_ino;
	base = strrchr(path, '/');
	if (asprintf(&full, "%s/%s", dir, base == NULL ? path : base + 1) < 0)
		abort();
	free(dir);
	return full;
}

void
undo_rename(struct fault *f, const char *from, const char *to)
{
	struct node *node;
	struct undo *u;

	if (!undo_wanted(f))
		return;
	node = node_of_path(f, from);
	u = undo_push(f, UNDO_RENAME, node);
	node_unref(f, node);
	u->replaced = node_of_path(f, to);
	u->path = undo_name(u, 0, to);
	u->from = undo_name(u, 1, from);
}

static void
undo_push_name(struct fault *f, enum undo_kind kind, const char *path,
    struct node *node)
{
	struct undo *u;

	u = undo_push(f, kind, node);
	u->path = undo_name(u, 0, path);
	u->dir_synced[1] = true;
}

/* Of a directory too: its name is found by the descriptor. */
void
undo_chmod(struct fault *f, struct node *node, int fd)
{
	struct undo *u;
	struct stat st;
	char path[40];

	if (!undo_wanted(f))
		return;
	if (fstat(fd, &st) != 0)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	u = undo_push(f, UNDO_CHMOD, node);
	u->path = must(realpath(path, NULL));
	u->old_mode = st.st_mode & 07777;
	if (node != NULL)
		return;
	u->dir_dev[0] = st.st_dev;
	u->dir_ino[0] = st.st_ino;
	u->dir_synced[1] = true;
}

void
undo_unlink(struct fault *f, const char *path)
{
	struct node *node;

	if (!undo_wanted(f))
		return;
	node = node_of_path(f, path);
	undo_push_name(f, UNDO_UNLINK, path, node);
	node_unref(f, node);
}

void
undo_rmdir(struct fault *f, const char *path)
{
	if (undo_wanted(f))
		undo_push_name(f, UNDO_RMDIR, path, NULL);
}

void
undo_create(struct fault *f, const char *path, struct node *node)
{
	if (undo_wanted(f))
		undo_push_name(f, UNDO_CREATE, path, node);
}

void
undo_mkdir(struct fault *f, const char *path)
{
	if (undo_wanted(f))
		undo_push_name(f, UNDO_MKDIR, path, NULL);
}

void
undo_drop_last(struct fault *f)
{
	if (undo_wanted(f))
		undo_clear(f, &f->undo[--f->undo_len]);
}

static void
undo_compact(struct fault *f)
{
	size_t i, len;

	for (i = 0, len = 0; i < f->undo_len; i++)
		if (f->undo[i].kind != UNDO_NONE)
			f->undo[len++] = f->undo[i];
	f->undo_len = len;
}

void
undo_synced(struct fault *f, const struct node *node)
{
	struct undo *u;
	size_t i;

	if (node == NULL)
		return;
	for (i = 0; i < f->undo_len; i++) {
		u = &f->undo[i];
		if (u->node == node && (u->kind == UNDO_WRITE ||
		    u->kind == UNDO_TRUNCATE || u->kind == UNDO_CHMOD))
			undo_clear(f, u);
	}
	undo_compact(f);
}

static bool
is_data(const struct undo *u)
{
	return u->kind == UNDO_WRITE || u->kind == UNDO_TRUNCATE;
}

void
undo_dir_synced(struct fault *f, const char *dir)
{
	struct stat st;
	struct undo *u;
	size_t i;
	int which;

	if (!undo_wanted(f) || stat(dir, &st) != 0)
		return;
	for (i = 0; i < f->undo_len; i++) {
		u = &f->undo[i];
		if (is_data(u))
			continue;
		for (which = 0; which < 2; which++)
			if (u->dir_dev[which] == st.st_dev &&
			    u->dir_ino[which] == st.st_ino)
				u->dir_synced[which] = true;
		if (u->dir_synced[0] && u->dir_synced[1])
			undo_clear(f, u);
	}
	undo_compact(f);
}

void
undo_all_synced(struct fault *f)
{
	while (f->undo_len > 0)
		undo_drop_last(f);
}

void
undo_parent_synced(struct fault *f, const char *path)
{
	char *dir;

	dir = parent_of(path);
	if (dir != NULL)
		undo_dir_synced(f, dir);
	free(dir);
}

/* splitmix64 */
static uint64_t
next_random(struct fault *f)
{
	uint64_t z;

	z = f->random += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void
write_all(int fd, const uint8_t *ptr, size_t len, off_t offset)
{
	ssize_t n;

	for (; len > 0; ptr += n, len -= (size_t)n, offset += n) {
		n = pwrite(fd, ptr, len, offset);
		if (n <= 0)
			abort();
	}
}

static void
write_zeros(int fd, off_t from, off_t to)
{
	static const uint8_t zeros[4096];
	size_t len;

	for (; from < to; from += (off_t)len) {
		len = sizeof(zeros);
		if ((off_t)len > to - from)
			len = (size_t)(to - from);
		write_all(fd, zeros, len, from);
	}
}

/*
 * Take a write back but for its first kept bytes. Where later changes that
 * stay made the file longer, zeros stand where it had no bytes before; what
 * a later truncation cut off stays off.
 */
static void
take_back_write(const struct undo *u, size_t kept)
{
	struct node *node = u->node;
	off_t end, size;

	end = u->offset + (off_t)u->len;
	if (end > node->kept_limit)
		end = node->kept_limit;
	if (kept > 0 && u->offset + (off_t)kept > node->kept_end)
		node->kept_end = u->offset + (off_t)kept;
	if (u->offset + (off_t)kept < end) {
		size = u->offset + (off_t)u->old_len;
		if (size > end)
			size = end;
		if (u->offset + (off_t)kept < size)
			write_all(node->fd, u->old + kept,
			    (size_t)(size - u->offset) - kept,
			    u->offset + (off_t)kept);
		if (size < u->offset + (off_t)kept)
			size = u->offset + (off_t)kept;
		write_zeros(node->fd, size, end);
	}
	size = u->old_size;
	if (size < node->kept_end)
		size = node->kept_end;
	if (node_size(node) > size && ftruncate(node->fd, size) != 0)
		abort();
}

static void
take_back_truncate(const struct undo *u)
{
	struct node *node = u->node;
	off_t size;

	size = u->old_size;
	if (size < node->kept_end)
		size = node->kept_end;
	if (u->old_len > 0)
		write_all(node->fd, u->old, u->old_len, u->offset);
	if (ftruncate(node->fd, size) != 0)
		abort();
}

/* Is path still, or again, the file that the entry is about? */
static bool
is_node(const char *path, const struct node *node)
{
	struct stat a, b;

	if (lstat(path, &a) != 0)
		return false;
	if (node == NULL)
		return true;
	if (fstat(node->fd, &b) != 0)
		abort();
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Give a file that lost its name a new inode under that name. */
static void
bring_back(struct node *node, const char *path)
{
	uint8_t block[4096];
	struct stat st;
	off_t at;
	ssize_t n;
	int fd;

	if (fstat(node->fd, &st) != 0)
		abort();
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;		/* the name has another use that stayed */
	for (at = 0; (n = pread(node->fd, block, sizeof(block), at)) > 0;
	    at += n)
		write_all(fd, block, (size_t)n, at);
	if (ftruncate(fd, st.st_size) != 0 ||
	    fchmod(fd, st.st_mode & 07777) != 0)
		abort();
	(void)close(node->fd);
	node->fd = fd;
}

static int
remove_one(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
take_back_name(const struct undo *u)
{
	switch (u->kind) {
	case UNDO_CREATE:
		if (is_node(u->path, u->node))
			(void)unlink(u->path);
		break;
	case UNDO_UNLINK:
		if (u->node != NULL)
			bring_back(u->node, u->path);
		break;
	case UNDO_RENAME:
		if (!is_node(u->path, u->node) ||
		    io_posix()->rename_new(NULL, u->path, u->from) != 0)
			break;
		if (u->replaced != NULL)
			bring_back(u->replaced, u->path);
		break;
	case UNDO_CHMOD:
		if (u->node == NULL)
			(void)chmod(u->path, u->old_mode);
		else if (fchmod(u->node->fd, u->old_mode) != 0)
			abort();
		break;
	case UNDO_RMDIR:
		(void)mkdir(u->path, 0755);
		break;
	case UNDO_MKDIR:
		/* what was synced inside is lost with the directory's name */
		(void)nftw(u->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
		break;
	default:
		break;
	}
}

static void
keep_change(const struct undo *u)
{
	struct node *node = u->node;
	off_t end;

	end = u->kind == UNDO_WRITE ? u->offset + (off_t)u->len : u->new_size;
	if (end > node->kept_end)
		node->kept_end = end;
	if (u->kind == UNDO_TRUNCATE && end < node->kept_limit)
		node->kept_limit = end;
}

void
undo_all(struct fault *f)
{
	struct undo *u;
	uint64_t odds;
	size_t kept;

	/* of 4 changes, how many are taken back: 1 to 3; all without seed */
	odds = f->plan.seed == 0 ? 4 : 1 + next_random(f) % 3;
	while (f->undo_len > 0) {
		u = &f->undo[--f->undo_len];
		kept = 0;
		if (f->plan.seed != 0 && next_random(f) % 4 >= odds) {
			if (is_data(u))
				keep_change(u);
			continue;
		}
		if (f->plan.seed != 0 && next_random(f) % 4 == 0)
			kept = (size_t)(next_random(f) % (u->len + 1));
		if (u->kind == UNDO_WRITE)
			take_back_write(u, kept);
		else if (u->kind == UNDO_TRUNCATE)
			take_back_truncate(u);
		else
			take_back_name(u);
	}
}

void
undo_free(struct fault *f)
{
	struct node *node;

	while (f->undo_len > 0)
		undo_clear(f, &f->undo[--f->undo_len]);
	free(f->undo);
	while (f->nodes != NULL) {
		node = f->nodes;
		f->nodes = node->next;
		(void)close(node->fd);
		free(node);
	}
}
