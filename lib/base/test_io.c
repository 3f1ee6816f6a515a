#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/io.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Each test has a directory of its own and runs in it. */
static int
dir_enter(void **state)
{
	char dir[] = "/tmp/test-io-XXXXXX";

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		return -1;
	*state = strdup(dir);
	return *state == NULL ? -1 : 0;
}

static int
dir_leave(void **state)
{
	int result;

	result = chdir("/");
	if (result == 0)
		result = nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return result;
}

static void
assert_content(const char *path, const char *want)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	assert_int_equal(io_read_file(io_posix(), path, &b, NULL), ERR_OK);
	assert_string_equal(buf_text(&b), want);
}

static void
test_write_file(void **state)
{
	const struct io *io = io_posix();
	struct diag diag = DIAG_INIT;
	struct stat st;

	(void)state;
	(void)umask(0);
	assert_int_equal(io_write_file(io, "a", bytes_text("one"), 0600,
	    NULL), ERR_OK);
	assert_content("a", "one");
	/* a crash's left-over is no obstacle and gives away no mode */
	assert_int_equal(io_write_file(io, "a.tmp", bytes_text("long junk"),
	    0644, NULL), ERR_OK);
	assert_int_equal(io_write_file(io, "a", bytes_text("two"), 0640,
	    NULL), ERR_OK);
	assert_content("a", "two");
	assert_false(io_exists(io, "a.tmp"));
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);

	assert_int_equal(io_create_file(io, "b", BYTES_NONE, 0600, NULL),
	    ERR_OK);
	assert_content("b", "");
	assert_int_equal(io_create_file(io, "a", bytes_text("no"), 0600,
	    &diag), ERR_EXISTS);
	assert_string_equal(diag.what, "a: exists already");
	assert_content("a", "two");
	assert_int_equal(io->rename_new(NULL, "b", "a"), -1);
	assert_int_equal(errno, EEXIST);
	assert_content("a", "two");
}

static int
fchmod_fail(void *state, int fd, mode_t mode)
{
	(void)fd;
	(void)mode;
	errno = *(int *)state;
	return -1;
}

/* Where modes are fixed, what is published is published all the same. */
static void
test_public_fixed(void **state)
{
	const int fixed[] = { EPERM, EROFS, ENOTSUP, EINVAL };
	mode_t before = umask(077);
	struct io io = *io_posix();
	int number;
	size_t i;

	(void)state;
	io.fchmod = fchmod_fail;
	io.state = &number;
	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		number = fixed[i];
		assert_int_equal(io_write_public(&io, "fixed",
		    bytes_text("one"), NULL), ERR_OK);
		assert_content("fixed", "one");
		assert_int_equal(io_mkdir_public(&io, "fixed-dir", NULL),
		    ERR_OK);
		assert_int_equal(io_make_public(&io, "fixed", NULL), ERR_OK);
		assert_false(io_is_public(&io, "fixed"));
	}
	number = EIO;
	assert_int_equal(io_write_public(&io, "other", bytes_text("one"),
	    NULL), ERR_IO);
	assert_int_equal(io_make_public(&io, "fixed", NULL), ERR_IO);
	(void)umask(before);
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return (unsigned)st.st_mode & 07777;
}

/* Whatever the umask says; nothing allowed is taken away, nothing is done to
 * what a link leads to. */
static void
test_public(void **state)
{
	const struct io *io = io_posix();
	mode_t before = umask(077);

	(void)state;
	assert_int_equal(io_write_public(io, "p", bytes_text("one"), NULL),
	    ERR_OK);
	assert_content("p", "one");
	assert_int_equal(mode_of("p"), 0644);
	assert_int_equal(io_mkdir_public(io, "dir", NULL), ERR_OK);
	assert_int_equal(mode_of("dir"), 0755);
	assert_int_equal(chmod("dir", 02710), 0);
	assert_false(io_is_public(io, "dir"));
	assert_int_equal(io_mkdir_public(io, "dir", NULL), ERR_OK);
	assert_int_equal(mode_of("dir"), 02755);
	assert_int_equal(chmod("p", 0700), 0);
	assert_int_equal(symlink("p", "link"), 0);
	assert_true(io_is_public(io, "link"));
	assert_int_equal(io_make_public(io, "link", NULL), ERR_OK);
	assert_int_equal(mode_of("p"), 0700);
	assert_int_equal(io_make_public(io, "p", NULL), ERR_OK);
	assert_int_equal(mode_of("p"), 0744);
	assert_true(io_is_public(io, "none"));
	assert_int_equal(io_make_public(io, "none", NULL), ERR_OK);
	/* what is ours alone stays so */
	assert_int_equal(io_write_file(io, "own", bytes_text("x"), 0644,
	    NULL), ERR_OK);
	assert_int_equal(mode_of("own"), 0600);
	(void)umask(before);
}

static void
test_read_limits(void **state)
{
	const struct io *io = io_posix();
	_cleanup_buf_ struct buf big = BUF_INIT;
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 200000 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(sizes); i++) {
		_cleanup_buf_ struct buf all = { .limit = sizes[i] + 1 };
		_cleanup_buf_ struct buf less = { .limit = sizes[i] };
		_cleanup_secret_ struct secret s = SECRET_INIT;

		buf_clear(&big);
		memset(buf_extend(&big, sizes[i]), 'x', sizes[i]);
		assert_int_equal(io_write_file(io, "f", buf_bytes(&big), 0600,
		    NULL), ERR_OK);
		buf_put_u8(&all, '>');
		assert_int_equal(io_read_file(io, "f", &all, NULL), ERR_OK);
		assert_int_equal(all.len, sizes[i] + 1);
		assert_int_equal(all.ptr[0], '>');
		assert_int_equal(io_read_secret(io, "f", sizes[i], &s, NULL),
		    ERR_OK);
		assert_true(bytes_equal(secret_bytes(&s), buf_bytes(&big)));
		if (sizes[i] == 0)
			continue;
		buf_put_u8(&less, '>');
		assert_int_equal(io_read_file(io, "f", &less, NULL),
		    ERR_LIMIT);
		assert_int_equal(less.len, 1);
		secret_release(&s);
		assert_int_equal(io_read_secret(io, "f", sizes[i] - 1, &s,
		    NULL), ERR_LIMIT);
		assert_null(s.ptr);
	}
}

static void
test_read_pipe(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	char path[32];
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], "from a pipe", 11), 11);
	(void)close(fd[1]);
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", fd[0]);
	assert_int_equal(io_read_file(io_posix(), path, &b, NULL), ERR_OK);
	assert_string_equal(buf_text(&b), "from a pipe");
	(void)close(fd[0]);
}

static void
test_file(void **state)
{
	_cleanup_file_ struct file f = FILE_INIT;
	struct diag diag = DIAG_INIT;
	char out[4];
	uint64_t size;

	(void)state;
	assert_int_equal(file_open(io_posix(), "f", O_RDWR | O_CREAT, 0600,
	    &f, NULL), ERR_OK);
	assert_int_equal(fcntl(f.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(file_write_at(&f, 2, bytes_text("abcd"), NULL),
	    ERR_OK);
	assert_int_equal(file_size(&f, &size, NULL), ERR_OK);
	assert_int_equal(size, 6);
	assert_int_equal(file_read_at(&f, 2, out, 4, NULL), ERR_OK);
	assert_memory_equal(out, "abcd", 4);
	assert_int_equal(file_read_at(&f, 4, out, 4, &diag), ERR_CORRUPT);
	assert_string_equal(diag.what, "f: ends at byte 6, 2 more expected");
	assert_int_equal(file_truncate(&f, 3, NULL), ERR_OK);
	assert_int_equal(file_sync(&f, NULL), ERR_OK);
	assert_int_equal(file_size(&f, &size, NULL), ERR_OK);
	assert_int_equal(size, 3);
}

static void
test_lock(void **state)
{
	_cleanup_file_ struct file a = FILE_INIT;
	_cleanup_file_ struct file b = FILE_INIT;
	struct diag diag = DIAG_INIT;

	(void)state;
	assert_int_equal(file_open(io_posix(), "l", O_RDWR | O_CREAT, 0600,
	    &a, NULL), ERR_OK);
	assert_int_equal(file_open(io_posix(), "l", O_RDWR, 0, &b, NULL),
	    ERR_OK);
	assert_int_equal(file_lock(&a, NULL), ERR_OK);
	assert_int_equal(file_lock(&b, &diag), ERR_BUSY);
	assert_true(diag.hint[0] != '\0');
	file_release(&a);
	assert_int_equal(file_lock(&b, NULL), ERR_OK);
}

static void
test_names(void **state)
{
	const struct io *io = io_posix();
	struct diag diag = DIAG_INIT;

	(void)state;
	assert_int_equal(io_mkdir(io, "d", 0700, NULL), ERR_OK);
	assert_int_equal(io_mkdir(io, "d", 0700, NULL), ERR_OK);
	assert_int_equal(io_write_file(io, "d/f", bytes_text("x"), 0600,
	    NULL), ERR_OK);
	assert_int_equal(io_mkdir(io, "d/f", 0700, NULL), ERR_EXISTS);
	assert_int_equal(io_rename(io, "d/f", "d/g", NULL), ERR_OK);
	assert_false(io_exists(io, "d/f"));
	assert_true(io_exists(io, "d/g"));
	assert_int_equal(io_rename(io, "d/f", "d/h", &diag), ERR_NOTFOUND);
	assert_int_equal(io_rename_new(io, "d/f", "d/h", NULL), ERR_NOTFOUND);
	assert_int_equal(io_rename_new(io, "d/g", "d", NULL), ERR_EXISTS);
	assert_int_equal(io_sync_parent(io, "d/g", NULL), ERR_OK);
	assert_int_equal(io_sync_parent(io, "d/", NULL), ERR_OK);
	assert_int_equal(io_sync_parent(io, "/tmp", NULL), ERR_OK);
	assert_int_equal(io_sync_parent(io, "none/f", NULL), ERR_NOTFOUND);
	assert_int_equal(io_sync_dir(io, "none", NULL), ERR_NOTFOUND);
	assert_int_equal(io_sync_fs(io, "none", NULL), ERR_NOTFOUND);
	assert_int_equal(io_sync_fs(io, ".", NULL), ERR_OK);
	assert_int_equal(io_unlink(io, "d/g", NULL), ERR_OK);
	assert_int_equal(io_unlink(io, "d/g", NULL), ERR_OK);
	assert_int_not_equal(io_unlink(io, "d", NULL), ERR_OK);
	assert_int_equal(io_mkdir(io, "d/e", 0700, NULL), ERR_OK);
	assert_int_equal(io_rmdir(io, "d", NULL), ERR_EXISTS);
	assert_int_equal(io_rmdir(io, "d/e", NULL), ERR_OK);
	assert_int_equal(io_rmdir(io, "d/e", NULL), ERR_OK);
}

static void
test_open_errors(void **state)
{
	static const struct {
		const char	*path;
		int		 flags;
		enum err	 err;
	} rows[] = {
		{ "none", O_RDONLY, ERR_NOTFOUND },
		{ "none/f", O_RDWR | O_CREAT, ERR_NOTFOUND },
		{ "f/below", O_RDONLY, ERR_NOTFOUND },
		{ "f", O_RDWR | O_CREAT | O_EXCL, ERR_EXISTS },
		{ ".", O_RDWR, ERR_IO },
	};
	struct file f = FILE_INIT;
	size_t i;

	(void)state;
	assert_int_equal(io_write_file(io_posix(), "f", bytes_text("x"), 0600,
	    NULL), ERR_OK);
	for (i = 0; i < COUNT(rows); i++) {
		struct diag diag = DIAG_INIT;

		assert_int_equal(file_open(io_posix(), rows[i].path,
		    rows[i].flags, 0600, &f, &diag), rows[i].err);
		assert_int_equal(diag.code, rows[i].err);
		assert_int_equal(strncmp(diag.what, rows[i].path,
		    strlen(rows[i].path)), 0);
		assert_true(f.fd < 0 && f.path == NULL);
	}
}

/* A table that interrupts, moves a byte at a time, and then fails. */
struct slow {
	unsigned	calls;
	int		fail;		/* errno for every call, or 0 */
};

static bool
slow_interrupts(struct slow *slow)
{
	errno = slow->fail != 0 ? slow->fail : EINTR;
	return slow->fail != 0 || slow->calls++ % 2 == 0;
}

static int
slow_open(void *state, const char *path, int flags, mode_t mode)
{
	return slow_interrupts(state) ? -1 : open(path, flags, mode);
}

static int
slow_close(void *state, int fd)
{
	(void)state;
	return close(fd);
}

static ssize_t
slow_pread(void *state, int fd, void *out, size_t len, off_t offset)
{
	return slow_interrupts(state) ? -1 :
	    pread(fd, out, len > 0, offset);
}

static ssize_t
slow_pwrite(void *state, int fd, const void *ptr, size_t len, off_t offset)
{
	return slow_interrupts(state) ? -1 :
	    pwrite(fd, ptr, len > 0, offset);
}

static int
slow_sync(void *state, int fd)
{
	return slow_interrupts(state) ? -1 : fdatasync(fd);
}

static int
slow_truncate(void *state, int fd, off_t size)
{
	return slow_interrupts(state) ? -1 : ftruncate(fd, size);
}

static struct io
slow_io(struct slow *slow)
{
	struct io io = *io_posix();

	io.state = slow;
	io.open = slow_open;
	io.close = slow_close;
	io.pread = slow_pread;
	io.pwrite = slow_pwrite;
	io.fdatasync = slow_sync;
	io.ftruncate = slow_truncate;
	return io;
}

static void
test_interrupted(void **state)
{
	struct slow slow = { 0 };
	struct io io = slow_io(&slow);
	_cleanup_buf_ struct buf b = BUF_INIT;
	_cleanup_file_ struct file f = FILE_INIT;

	(void)state;
	assert_int_equal(io_write_file(&io, "f", bytes_text("byte by byte"),
	    0600, NULL), ERR_OK);
	assert_int_equal(io_read_file(&io, "f", &b, NULL), ERR_OK);
	assert_string_equal(buf_text(&b), "byte by byte");
	assert_int_equal(file_open(&io, "f", O_RDWR, 0, &f, NULL), ERR_OK);
	assert_int_equal(file_truncate(&f, 4, NULL), ERR_OK);
	file_release(&f);
	assert_content("f", "byte");
}

static void
test_errno(void **state)
{
	static const struct {
		int		number;
		enum err	err;
		bool		hint;
	} rows[] = {
		{ ENOSPC, ERR_NOSPACE, true }, { EDQUOT, ERR_NOSPACE, true },
		{ EACCES, ERR_PERMISSION, true },
		{ EROFS, ERR_PERMISSION, true }, { EIO, ERR_IO, true },
		{ ENOMEM, ERR_NOMEM, false },
	};
	struct slow slow = { 0 };
	struct io io = slow_io(&slow);
	_cleanup_file_ struct file f = FILE_INIT;
	size_t i;

	(void)state;
	assert_int_equal(file_open(&io, "f", O_RDWR | O_CREAT, 0600, &f,
	    NULL), ERR_OK);
	for (i = 0; i < COUNT(rows); i++) {
		struct diag diag = DIAG_INIT;
		char out[1];

		slow.fail = rows[i].number;
		assert_int_equal(file_write_at(&f, 0, bytes_text("x"), &diag),
		    rows[i].err);
		assert_int_equal(diag.code, rows[i].err);
		assert_int_equal(diag.hint[0] != '\0', rows[i].hint);
		assert_int_equal(file_read_at(&f, 0, out, 1, NULL),
		    rows[i].err);
		assert_int_equal(file_sync(&f, NULL), rows[i].err);
		assert_int_equal(file_truncate(&f, 0, NULL), rows[i].err);
	}
}

static void
test_path_join(void **state)
{
	static const struct {
		const char *dir, *name, *want;
	} rows[] = {
		{ "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "/", "b", "/b" },
		{ "", "b", "b" }, { "a/b", "c/d", "a/b/c/d" },
	};
	char out[PATH_SIZE], name[PATH_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(path_join(out, rows[i].dir, rows[i].name),
		    ERR_OK);
		assert_string_equal(out, rows[i].want);
	}
	memset(name, 'n', sizeof(name));
	name[PATH_SIZE - 3] = '\0';
	assert_int_equal(path_join(out, "d", name), ERR_OK);
	assert_int_equal(strlen(out), PATH_SIZE - 1);
	assert_int_equal(path_join(out, "dd", name), ERR_LIMIT);
	memcpy(out, "dir", 4);
	assert_int_equal(path_join(out, out, "name"), ERR_OK);
	assert_string_equal(out, "dir/name");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, dir_enter, dir_leave)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_write_file),
		TEST(test_public),
		TEST(test_public_fixed),
		TEST(test_read_limits),
		TEST(test_read_pipe),
		TEST(test_file),
		TEST(test_lock),
		TEST(test_names),
		TEST(test_open_errors),
		TEST(test_interrupted),
		TEST(test_errno),
		TEST(test_path_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
