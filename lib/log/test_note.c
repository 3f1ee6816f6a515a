/* Verifier keys of signed notes; the notes themselves are tested with
 * checkpoints and anchors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/log/note.h"

/* Of the test data of transparency-dev's tessera. */
#define NAME	"example.com/log/testdata"
#define KEY	"AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
#define VKEY	NAME "+33d7b496+" KEY "\n"

static void
test_published(void **state)
{
	_cleanup_buf_ struct buf again = BUF_INIT;
	char name[NOTE_NAME_MAX + 1];
	struct public_key key;

	(void)state;
	assert_int_equal(note_parse_verifier_key(bytes_text(VKEY), name, &key,
	    NULL), ERR_OK);
	assert_string_equal(name, NAME);
	assert_int_equal(key.alg, KEY_ED25519);
	assert_int_equal(note_put_verifier_key(name, &key, &again), ERR_OK);
	assert_string_equal(buf_text(&again), VKEY);
	key.alg = KEY_X25519;
	assert_int_equal(note_put_verifier_key(name, &key, &again),
	    ERR_INVALID);
}

static void
test_refused(void **state)
{
	static const char *const keys[] = {
		"",
		"\n",
		NAME "+33d7b496+" KEY,			/* line not ended */
		VKEY "\n",
		NAME "+33d7b497+" KEY "\n",		/* other hash */
		NAME "x+33d7b496+" KEY "\n",		/* other name */
		NAME "+33D7B496+" KEY "\n",
		NAME " 33d7b496 " KEY "\n",
		"+33d7b496+" KEY "\n",
		NAME "+33d7b496+AuHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx\n",
		NAME "+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkQ=\n",
		NAME "+33d7b496+\n",
		NAME "+\n",
		NAME,
	};
	char name[NOTE_NAME_MAX + 1] = "untouched";
	struct public_key key;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct diag diag = DIAG_INIT;

		assert_int_equal(note_parse_verifier_key(bytes_text(keys[i]),
		    name, &key, &diag), ERR_SYNTAX);
		assert_int_equal(diag.code, ERR_SYNTAX);
		assert_string_equal(name, "untouched");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
