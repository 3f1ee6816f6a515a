#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "station/tokens.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define NOW		INT64_C(1790000000)
#define HASH		"0123456789abcdef0123456789abcdef0123456789abcdef" \
			"0123456789abcdef"

/* A home that looks like a station's. */
static int
home_make(void **state)
{
	char *home = strdup("/tmp/imprint-tokens-XXXXXX");

	if (home == NULL || mkdtemp(home) == NULL || chdir(home) != 0 ||
	    io_write_file(io_posix(), "station.keys", BYTES_NONE, 0600, NULL))
		return -1;
	*state = home;
	return 0;
}

static int
home_remove(void **state)
{
	static const char *const files[] = { "station.keys", "fixtures",
		"fixtures.lock" };
	size_t i;

	for (i = 0; i < COUNT(files); i++)
		(void)unlink(files[i]);
	if (chdir("/") != 0 || rmdir(*state) != 0)
		return -1;
	free(*state);
	return 0;
}

static void
test_life(void **state)
{
	char one[TOKEN_SIZE], two[TOKEN_SIZE];
	const struct io *io = io_posix();
	struct tokens tokens;

	(void)state;
	assert_int_equal(tokens_read(io, ".", &tokens, NULL), ERR_OK);
	assert_int_equal(tokens.count, 0);
	assert_int_equal(tokens_add(io, ".", "a-1", NOW, one, NULL), ERR_OK);
	assert_int_equal(tokens_add(io, ".", "b", NOW + 1, two, NULL),
	    ERR_OK);
	assert_int_equal(strlen(one), TOKEN_SIZE - 1);
	assert_string_not_equal(one, two);
	assert_int_equal(tokens_add(io, ".", "b", NOW, two, NULL),
	    ERR_EXISTS);
	assert_int_equal(tokens_read(io, ".", &tokens, NULL), ERR_OK);
	assert_int_equal(tokens.count, 2);
	assert_int_equal(tokens.list[1].made, NOW + 1);
	assert_string_equal(tokens_find(&tokens, bytes_text(one))->name,
	    "a-1");
	assert_string_equal(tokens_find(&tokens, bytes_text(two))->name,
	    "b");
	assert_null(tokens_find(&tokens, bytes_of(one, TOKEN_SIZE - 2)));
	assert_null(tokens_find(&tokens, BYTES_NONE));
	assert_int_equal(tokens_remove(io, ".", "a-1", NULL), ERR_OK);
	assert_int_equal(tokens_remove(io, ".", "a-1", NULL), ERR_NOTFOUND);
	assert_int_equal(tokens_read(io, ".", &tokens, NULL), ERR_OK);
	assert_null(tokens_find(&tokens, bytes_text(one)));
	assert_non_null(tokens_find(&tokens, bytes_text(two)));
}

static void
test_names(void **state)
{
	static const char *const bad[] = { "", "A", "a b", "a\nb", "../a" };
	char token[TOKEN_SIZE], name[TOKEN_NAME_MAX + 2];
	size_t i;

	(void)state;
	memset(name, 'n', TOKEN_NAME_MAX + 1);
	name[TOKEN_NAME_MAX + 1] = '\0';
	assert_int_equal(tokens_add(io_posix(), ".", name, NOW, token, NULL),
	    ERR_INVALID);
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(tokens_add(io_posix(), ".", bad[i], NOW,
		    token, NULL), ERR_INVALID);
	assert_int_equal(tokens_add(io_posix(), "/nowhere", "a", NOW, token,
	    NULL), ERR_NOTFOUND);
}

static void
test_damaged(void **state)
{
	static const struct {
		const char	*text;
		size_t		 len;
	} rows[] = {
#define ROW(t)	{ t, sizeof(t) - 1 }
		ROW("a " HASH " 1"),		/* cut off */
		ROW("a " HASH "\n"),
		ROW("a " HASH " \n"),
		ROW("a " HASH " -1\n"),
		ROW("a " HASH " 1x\n"),
		ROW("A " HASH " 1\n"),
		ROW(" " HASH " 1\n"),
		ROW("a 00 1\n"),
		ROW("a x" HASH " 1\n"),
		ROW("a " HASH " 1\na " HASH " 1\n"),
		ROW("a " HASH " 1\n\n"),
		ROW("a " HASH " 1\n\0b"),
	};
	char token[TOKEN_SIZE];
	struct tokens tokens;
	struct diag diag;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(io_write_file(io_posix(), "fixtures",
		    bytes_of(rows[i].text, rows[i].len), 0600, NULL),
		    ERR_OK);
		diag = (struct diag)DIAG_INIT;
		if (tokens_read(io_posix(), ".", &tokens, &diag) !=
		    ERR_CORRUPT || strstr(diag.what, "line ") == NULL)
			fail_msg("row %zu: %s", i, diag.what);
		/* what cannot be read is not written over */
		assert_int_equal(tokens_add(io_posix(), ".", "new", NOW,
		    token, NULL), ERR_CORRUPT);
	}
}

static void
test_many(void **state)
{
	char token[TOKEN_SIZE], name[TOKEN_NAME_MAX + 1];
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct tokens tokens;
	int i;

	(void)state;
	for (i = 1; i < TOKENS_MAX; i++)
		buf_printf(&file, "fixture-%d " HASH " 1\n", i);
	assert_int_equal(io_write_file(io_posix(), "fixtures",
	    buf_bytes(&file), 0600, NULL), ERR_OK);
	memset(name, 'n', TOKEN_NAME_MAX);
	name[TOKEN_NAME_MAX] = '\0';
	assert_int_equal(tokens_add(io_posix(), ".", name, NOW, token, NULL),
	    ERR_OK);
	assert_int_equal(tokens_add(io_posix(), ".", "more", NOW, token,
	    NULL), ERR_LIMIT);
	assert_int_equal(tokens_read(io_posix(), ".", &tokens, NULL),
	    ERR_OK);
	assert_int_equal(tokens.count, TOKENS_MAX);
	assert_string_equal(tokens_find(&tokens, bytes_text(token))->name,
	    name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, home_make,
		    home_remove),
		cmocka_unit_test_setup_teardown(test_names, home_make,
		    home_remove),
		cmocka_unit_test_setup_teardown(test_damaged, home_make,
		    home_remove),
		cmocka_unit_test_setup_teardown(test_many, home_make,
		    home_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
