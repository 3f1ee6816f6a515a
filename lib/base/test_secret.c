#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/secret.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* sanitizers make mlock() do nothing */
#define MLOCK_WORKS	1
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#undef MLOCK_WORKS
#define MLOCK_WORKS	0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef MLOCK_WORKS
#define MLOCK_WORKS	0
#endif
#endif

static void
test_put(void **state)
{
	_cleanup_secret_ struct secret s = SECRET_INIT;

	(void)state;
	assert_int_equal(secret_alloc(&s, 5), ERR_OK);
	assert_int_equal(s.len, 0);
	assert_int_equal(secret_put(&s, bytes_text("abc")), ERR_OK);
	assert_int_equal(secret_put(&s, bytes_text("def")), ERR_LIMIT);
	assert_int_equal(secret_put(&s, bytes_text("de")), ERR_OK);
	assert_true(bytes_equal(secret_bytes(&s), bytes_text("abcde")));
	assert_int_equal(secret_put(&s, bytes_text("f")), ERR_LIMIT);
	assert_int_equal(secret_put(&s, BYTES_NONE), ERR_OK);
}

static void
test_reserve(void **state)
{
	_cleanup_secret_ struct secret s = SECRET_INIT;
	const uint8_t *room;

	(void)state;
	assert_int_equal(secret_reserve(&s, 6), ERR_OK);
	room = s.ptr;
	assert_int_equal(secret_put(&s, bytes_text("abcdef")), ERR_OK);
	/* the same room, wiped */
	assert_int_equal(secret_reserve(&s, 4), ERR_OK);
	assert_ptr_equal(s.ptr, room);
	assert_int_equal(s.len, 0);
	assert_memory_equal(s.ptr, "\0\0\0\0\0", 6);
	assert_int_equal(secret_reserve(&s, 9000), ERR_OK);
	assert_int_equal(s.cap, 9000);
	assert_int_equal(secret_reserve(&s, SIZE_MAX), ERR_NOMEM);
	assert_null(s.ptr);
}

static void
test_clear_and_release(void **state)
{
	struct secret s = SECRET_INIT;
	size_t i;

	(void)state;
	secret_release(&s);
	assert_int_equal(secret_copy(&s, bytes_text("abcdef")), ERR_OK);
	secret_clear(&s);
	assert_int_equal(s.len, 0);
	for (i = 0; i < s.cap; i++)
		assert_int_equal(s.ptr[i], 0);
	assert_int_equal(secret_put(&s, bytes_text("ghijkl")), ERR_OK);
	secret_release(&s);
	assert_null(s.ptr);
	assert_int_equal(s.cap, 0);
	assert_false(secret_is_locked(&s));
}

static void
test_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 100000 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(sizes); i++) {
		_cleanup_secret_ struct secret s = SECRET_INIT;

		assert_int_equal(secret_alloc(&s, sizes[i]), ERR_OK);
		memset(s.ptr, 1, sizes[i]);
	}
	struct secret huge = SECRET_INIT;

	assert_int_equal(secret_alloc(&huge, SIZE_MAX), ERR_NOMEM);
	assert_null(huge.ptr);
}

/* The kernel's view of the mapping at ptr: its VmFlags line. */
static void
vm_flags(const void *ptr, char *out, size_t size)
{
	char line[256];
	unsigned long from, to;
	FILE *f;
	int inside;

	out[0] = '\0';
	inside = 0;
	f = fopen("/proc/self/smaps", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t)ptr >= from &&
			    (uintptr_t)ptr < to;
		if (inside && strncmp(line, "VmFlags:", 8) == 0)
			(void)snprintf(out, size, "%s", line);
	}
	(void)fclose(f);
}

static void
test_mapping(void **state)
{
	_cleanup_secret_ struct secret s = SECRET_INIT;
	char flags[256];

	(void)state;
	assert_int_equal(secret_copy(&s, bytes_text("key")), ERR_OK);
	vm_flags(s.ptr, flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd"));	/* not dumped */
	assert_non_null(strstr(flags, " wf"));	/* wiped on fork */
	if (MLOCK_WORKS)
		assert_int_equal(secret_is_locked(&s),
		    strstr(flags, " lo") != NULL);
}

static void
test_fork(void **state)
{
	_cleanup_secret_ struct secret s = SECRET_INIT;
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(secret_copy(&s, bytes_text("key")), ERR_OK);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(s.ptr[0] == 0 && s.ptr[1] == 0 && s.ptr[2] == 0 ? 7 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_true(bytes_equal(secret_bytes(&s), bytes_text("key")));
}

static void
test_equal(void **state)
{
	static const struct {
		const char	*a, *b;
		bool		 equal;
	} rows[] = {
		{ "", "", true }, { "a", "a", true }, { "abc", "abc", true },
		{ "abc", "abd", false }, { "abc", "xbc", false },
		{ "abc", "ab", false }, { "ab", "abc", false },
		{ "", "a", false }, { "a", "", false },
		{ "\x01", "\x81", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		assert_int_equal(secret_equal(bytes_text(rows[i].a),
		    bytes_text(rows[i].b)), rows[i].equal);
	assert_true(secret_equal(BYTES_NONE, BYTES_NONE));
}

static void
test_wipe(void **state)
{
	char text[8] = "abcdefg";

	(void)state;
	wipe(text + 1, 3);
	assert_memory_equal(text, "a\0\0\0efg", 8);
	wipe(NULL, 0);
}

static void
test_protect(void **state)
{
	struct rlimit core;
	pid_t pid;
	int status;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		process_protect();
		_exit(getrlimit(RLIMIT_CORE, &core) == 0 &&
		    core.rlim_max == 0 ? 7 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_clear_and_release),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_mapping),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_wipe),
		cmocka_unit_test(test_protect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
