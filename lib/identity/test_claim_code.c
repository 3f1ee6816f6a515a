#include "lib/identity/claim_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const uint8_t key[CLAIM_KEY_SIZE] = { 7 };

static enum err
read_text(const char *text, char code[CLAIM_CODE_SIZE])
{
	struct diag diag = DIAG_INIT;
	enum err err;

	err = claim_code_read(bytes_text(text), code, &diag);
	assert_true((err == ERR_OK) == (diag.what[0] == '\0'));
	return err;
}

static void
make_code(const uint8_t *pack_key, uint32_t log, uint64_t index,
    char code[CLAIM_CODE_SIZE])
{
	_cleanup_hmac_ struct hmac *codes = NULL;

	assert_int_equal(hmac_new(bytes_of(pack_key, CLAIM_KEY_SIZE), &codes,
	    NULL), ERR_OK);
	assert_int_equal(claim_code_make(codes, log, index, code), ERR_OK);
}

/* The same for ever, or labels are worth nothing. Computed with Python's hmac:
 * tests/e2e/test_claims.py does so again. */
static void
test_known(void **state)
{
	char code[CLAIM_CODE_SIZE];
	uint8_t pack[CLAIM_KEY_SIZE], id[16];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(id); i++)
		id[i] = (uint8_t)i;
	assert_int_equal(claim_pack_key(bytes_of(key, sizeof(key)),
	    bytes_of(id, sizeof(id)), pack), ERR_OK);
	make_code(pack, 1, 17, code);
	assert_string_equal(code, "J7TV-EBZ9-K1HJ-6");
	assert_int_equal(claim_pack_key(bytes_of(key, sizeof(key)),
	    BYTES_NONE, pack), ERR_OK);
	make_code(pack, 1, 17, code);
	assert_string_equal(code, "PJEC-2MXK-V05E-D");
}

static void
test_round_trip(void **state)
{
	char code[CLAIM_CODE_SIZE], last[CLAIM_CODE_SIZE] = "",
	    read[CLAIM_CODE_SIZE];
	uint64_t index;

	(void)state;
	for (index = 0; index < 500; index++) {
		make_code(key, 1, index, code);
		assert_int_equal(strlen(code), CLAIM_CODE_SIZE - 1);
		assert_string_not_equal(code, last);
		assert_int_equal(read_text(code, read), ERR_OK);
		assert_string_equal(code, read);
		memcpy(last, code, sizeof(last));
	}
	make_code(key, 2, 499, code);
	assert_string_not_equal(code, last);
}

/* As people type it. */
static void
test_typed(void **state)
{
	char read[CLAIM_CODE_SIZE];

	(void)state;
	assert_int_equal(read_text("0000000000000", read), ERR_OK);
	assert_string_equal(read, "0000-0000-0000-0");
	assert_int_equal(read_text(" oOoO-0000 000o-o ", read), ERR_OK);
	assert_string_equal(read, "0000-0000-0000-0");
	/* 1 at the end of the first twelve has the check character 2 */
	assert_int_equal(read_text("0000-0000-000l-2", read), ERR_OK);
	assert_string_equal(read, "0000-0000-0001-2");
	assert_int_equal(read_text("0000-0000-000I-2", read), ERR_OK);
	assert_string_equal(read, "0000-0000-0001-2");
}

/* Every single wrong character, and every two put the wrong way round. */
static void
test_mistyped(void **state)
{
	static const char all[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	char code[CLAIM_CODE_SIZE], wrong[CLAIM_CODE_SIZE],
	    read[CLAIM_CODE_SIZE];
	size_t i, n;

	(void)state;
	make_code(key, 1, 3, code);
	for (i = 0; i < sizeof(code) - 1; i++) {
		for (n = 0; code[i] != '-' && n < sizeof(all) - 1; n++) {
			memcpy(wrong, code, sizeof(wrong));
			wrong[i] = all[n];
			assert_int_equal(read_text(wrong, read),
			    all[n] == code[i] ? ERR_OK : ERR_INVALID);
		}
		for (n = 0; n < i; n++) {
			if (code[i] == code[n] || code[i] == '-' ||
			    code[n] == '-')
				continue;
			memcpy(wrong, code, sizeof(wrong));
			wrong[i] = code[n];
			wrong[n] = code[i];
			assert_int_equal(read_text(wrong, read), ERR_INVALID);
		}
	}
}

static void
test_refused(void **state)
{
	static const char *const bad[] = { "", "-", "0000-0000-0000",
	    "0000-0000-0000-00", "0000-0000-000U-0", "0000-0000-000\xc3\xa9",
	    "0000_0000_0000_0", "0000-0000-0000-0\n",
	    ("                                                    0000-0000"
	    "-0000-0") };
	char read[CLAIM_CODE_SIZE] = "untouched";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_text(bad[i], read), ERR_INVALID);
	assert_int_equal(claim_code_read(bytes_of("000000000000\0", 13), read,
	    NULL), ERR_INVALID);
	assert_string_equal(read, "untouched");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_typed),
		cmocka_unit_test(test_mistyped),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
