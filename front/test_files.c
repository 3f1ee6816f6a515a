/* What the opener gives, and to which names it gives nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "front/files.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void
test_names(void **state)
{
	static const char *const good[] = { "a", "crl/bulk.crl",
		"log/online/tile/0/x001/234.p/5", "A_b-c.9" };
	static const char *const bad[] = { "", "/", "/etc/passwd", "a/",
		"a//b", "..", "a/..", "../a", "a/../b", ".hidden", "a/.b",
		"a b", "a%2e", "a\\b", "a.tmp", "crl/bulk.crl.tmp", "a\n",
		"\xc3\xa4" };
	char longest[FILES_NAME_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++)
		if (!files_name_good(bytes_text(good[i])))
			fail_msg("%s", good[i]);
	for (i = 0; i < COUNT(bad); i++)
		if (files_name_good(bytes_text(bad[i])))
			fail_msg("%s", bad[i]);
	assert_false(files_name_good(bytes_of("a\0b", 3)));
	memset(longest, 'a', sizeof(longest));
	assert_true(files_name_good(bytes_of(longest, FILES_NAME_MAX)));
	assert_false(files_name_good(bytes_of(longest, sizeof(longest))));
	assert_string_equal(files_type(bytes_text("crl/bulk.crl")),
	    "application/pkix-crl");
	assert_string_equal(files_type(bytes_text("log/x/checkpoint")),
	    "text/plain; charset=utf-8");
	assert_string_equal(files_type(bytes_text("crl")),
	    "application/octet-stream");
}

static void
test_tags(void **state)
{
	struct file_facts facts = { .size = 0x1f4, .inode = 2,
		.changed_ns = 0x17a3 };
	char tag[FILES_TAG_SIZE], other[FILES_TAG_SIZE];
	size_t i;

	(void)state;
	files_tag(&facts, tag);
	assert_string_equal(tag, "\"17a3-1f4-2\"");
	assert_true(files_tag_named(tag, bytes_text(
	    "\"a\", W/\"17a3-1f4-2\""), false));
	assert_false(files_tag_named(tag, bytes_text(
	    "\"a\", W/\"17a3-1f4-2\""), true));
	assert_true(files_tag_named(tag, bytes_text(
	    "W/\"17a3-1f4-2\",\"17a3-1f4-2\""), true));
	for (i = 0; i < 2; i++) {
		assert_true(files_tag_named(tag, bytes_text(tag), i));
		assert_true(files_tag_named(tag, bytes_text("*"), i));
		assert_false(files_tag_named(tag, BYTES_NONE, i));
		assert_false(files_tag_named(tag, bytes_text("17a3-1f4-2"),
		    i));
		assert_false(files_tag_named(tag, bytes_text(
		    "\"17a3-1f4-22\""), i));
	}
	facts.changed_ns++;
	files_tag(&facts, other);
	assert_false(files_tag_named(other, bytes_text(tag), false));
}

static void
file_put(const char *root, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
file_gone(const char *root, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(remove(path), 0);
}

static void
link_put(const char *root, const char *name, const char *to)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(symlink(to, path), 0);
}

/* -1: nothing was given. */
static int
get(int socket, const char *name, uint64_t *ret_size)
{
	struct pollfd wait = { .fd = socket, .events = POLLIN };
	struct file_facts facts = { .size = 0 };
	int fd = -1;

	assert_true(files_ask(socket, bytes_text(name)));
	assert_int_equal(poll(&wait, 1, 20000), 1);
	assert_int_equal(files_answer(socket, &fd, &facts), ERR_OK);
	*ret_size = facts.size;
	return fd;
}

static void
test_opener(void **state)
{
	static const char *const nothing[] = { "none", "folder", "loop",
		"folder/out", "away/inside", "../outside", "/etc/passwd",
		"folder/../../outside", "pipe", "x.tmp", "crl/a-.crl",
		"crl/a.crl-0.crl", "crl/-0.crl", "crl/a-0g.crl", "crl/a-0",
		"crl/b-0.crl", "crl/A-0.crl", "a-0.crl", "crl/a-0-0.crl",
		"crl/.crl", "crl/a-0.crl.crl" };
	char root[] = "/tmp/test_files.XXXXXX", publish[64], path[128];
	uint64_t size = 0;
	char text[8] = "";
	int socket = -1, fd;
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(root));
	(void)snprintf(publish, sizeof(publish), "%s/publish", root);
	assert_int_equal(mkdir(publish, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/folder", publish);
	assert_int_equal(mkdir(path, 0700), 0);
	file_put(root, "outside", "secret");
	file_put(publish, "folder/inside", "public");
	file_put(publish, "x.tmp", "half");
	link_put(publish, "folder/out", "../../outside");
	link_put(publish, "away", "folder");
	link_put(publish, "loop", "loop");
	(void)snprintf(path, sizeof(path), "%s/pipe", publish);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(files_start(open(publish, O_PATH | O_DIRECTORY |
	    O_CLOEXEC), &socket, NULL), ERR_OK);
	fd = get(socket, "folder/inside", &size);
	assert_true(fd >= 0);
	assert_int_equal(size, 6);
	assert_int_equal(read(fd, text, sizeof(text)), 6);
	assert_memory_equal(text, "public", 6);
	assert_int_equal(write(fd, "x", 1), -1);
	(void)close(fd);
	(void)snprintf(path, sizeof(path), "%s/crl", publish);
	assert_int_equal(mkdir(path, 0700), 0);
	file_put(publish, "crl/a.crl", "of all");
	file_put(publish, "crl/a-00000001.crl", "one");
	(void)close(get(socket, "crl/a-00000000.crl", &size));
	assert_int_equal(size, 6);
	(void)close(get(socket, "crl/a-1f.crl", &size));
	assert_int_equal(size, 6);
	(void)close(get(socket, "crl/a-00000001.crl", &size));
	assert_int_equal(size, 3);
	for (i = 0; i < COUNT(nothing); i++)
		if (get(socket, nothing[i], &size) >= 0)
			fail_msg("%s is given", nothing[i]);
	(void)close(socket);
	file_gone(publish, "crl/a.crl");
	file_gone(publish, "crl/a-00000001.crl");
	file_gone(publish, "crl");
	file_gone(publish, "pipe");
	file_gone(publish, "loop");
	file_gone(publish, "away");
	file_gone(publish, "folder/out");
	file_gone(publish, "x.tmp");
	file_gone(publish, "folder/inside");
	file_gone(publish, "folder");
	file_gone(root, "publish");
	file_gone(root, "outside");
	file_gone(root, "");
}

/* It says so when it is gone. */
static void
test_gone(void **state)
{
	int fds[2], fd = -1;
	struct file_facts facts;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(files_answer(fds[0], &fd, &facts), ERR_BUSY);
	(void)close(fds[1]);
	assert_int_equal(files_answer(fds[0], &fd, &facts), ERR_STATE);
	assert_false(files_ask(fds[0], bytes_text("a")));
	(void)close(fds[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_opener),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
