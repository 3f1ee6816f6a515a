/* Checkpoints: a published one, a round trip, and one rejection per check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/log/checkpoint.h"

/*
 * Key and checkpoint of the test data of transparency-dev's tessera, made by
 * golang.org/x/mod/sumdb/note. Both keys begin with the algorithm's octet.
 */
#define ORIGIN	"example.com/log/testdata"
#define ROOT	"GRV1O0dCqmjjPvYi7CtOT79zb/fPwLNsMFWsynwU8Ac="
#define BODY	ORIGIN "\n100270\n" ROOT "\n"
#define MARK	"\xe2\x80\x94 "
#define BLOB	"M9e0lkcvy5bAe7rrC8tCyAP+my+CLzswA91zOpBNWVU7qCojkUOHnfdQ" \
		"zDImoYeYH8G8PJSwOqsx0RkSa261OmKVwwM="
#define SIGNED	MARK ORIGIN " " BLOB "\n"
#define NOTE	BODY "\n" SIGNED
#define OTHER	MARK "witness.example " BLOB "\n"

static const char private_key[] =
    "AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg";
static const char public_key[] =
    "AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

static struct public_key
get_public(void)
{
	struct public_key key = { .alg = KEY_ED25519, .len = 32 };
	_cleanup_buf_ struct buf raw = BUF_INIT;

	assert_int_equal(base64_decode(bytes_text(public_key), &raw), ERR_OK);
	assert_int_equal(raw.len, 33);
	memcpy(key.raw, raw.ptr + 1, 32);
	return key;
}

static struct signer *
get_signer(void)
{
	_cleanup_buf_ struct buf raw = BUF_INIT;
	struct signer *signer = NULL;

	assert_int_equal(base64_decode(bytes_text(private_key), &raw),
	    ERR_OK);
	assert_int_equal(signer_new(KEY_ED25519, bytes_of(raw.ptr + 1, 32),
	    &signer, NULL), ERR_OK);
	return signer;
}

static void
test_published(void **state)
{
	struct public_key public = get_public();
	_cleanup_buf_ struct buf root = BUF_INIT;
	struct checkpoint c;

	(void)state;
	assert_int_equal(checkpoint_verify(bytes_text(NOTE), &public, &c,
	    NULL), ERR_OK);
	assert_string_equal(c.origin, ORIGIN);
	assert_int_equal(c.size, 100270);
	assert_int_equal(base64_decode(bytes_text(ROOT), &root), ERR_OK);
	assert_memory_equal(c.root, root.ptr, SHA256_SIZE);
}

/* Ed25519 is deterministic: our note is the published one to the byte. */
static void
test_signs_as_published(void **state)
{
	_cleanup_signer_ struct signer *signer = get_signer();
	struct public_key public = get_public();
	_cleanup_buf_ struct buf note = BUF_INIT;
	struct checkpoint c;

	(void)state;
	assert_int_equal(checkpoint_verify(bytes_text(NOTE), &public, &c,
	    NULL), ERR_OK);
	buf_printf(&note, "before");
	assert_int_equal(checkpoint_sign(&c, signer, &note, NULL), ERR_OK);
	assert_string_equal(buf_text(&note), "before" NOTE);
}

static void
test_round_trip(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 9, 10, UINT64_MAX };
	_cleanup_signer_ struct signer *signer = get_signer();
	struct public_key public = get_public();
	struct checkpoint in, out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		_cleanup_buf_ struct buf note = BUF_INIT;

		in = (struct checkpoint){ .size = sizes[i] };
		memset(in.origin, 'o', CHECKPOINT_ORIGIN_MAX);
		memset(in.root, (int)i, SHA256_SIZE);
		assert_int_equal(checkpoint_sign(&in, signer, &note, NULL),
		    ERR_OK);
		assert_in_range(note.len, 1, CHECKPOINT_FILE_MAX);
		assert_int_equal(checkpoint_verify(buf_bytes(&note), &public,
		    &out, NULL), ERR_OK);
		assert_string_equal(out.origin, in.origin);
		assert_int_equal(out.size, in.size);
		assert_memory_equal(out.root, in.root, SHA256_SIZE);
	}
}

static void
test_origins_not_signed(void **state)
{
	static const char *const origins[] = { "", "a b", "a+b", "a\nb",
		"caf\xc3\xa9", "a\x7f" };
	_cleanup_signer_ struct signer *signer = get_signer();
	_cleanup_buf_ struct buf note = BUF_INIT;
	struct checkpoint c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		c = (struct checkpoint){ .size = 1 };
		memcpy(c.origin, origins[i], strlen(origins[i]));
		assert_int_equal(checkpoint_sign(&c, signer, &note, NULL),
		    ERR_INVALID);
	}
	memset(c.origin, 'o', sizeof(c.origin));	/* no end */
	assert_int_equal(checkpoint_sign(&c, signer, &note, NULL),
	    ERR_INVALID);
	assert_int_equal(note.len, 0);
}

static const struct {
	const char	*what;
	const char	*note;
	enum err	 err;
} notes[] = {
	{ "as published", NOTE, ERR_OK },
	{ "another's signature too", BODY "\n" OTHER SIGNED, ERR_OK },
	{ "and after it", BODY "\n" SIGNED OTHER, ERR_OK },
	{ "another key of that name", BODY "\n"
	    MARK ORIGIN " AAAAAAAAAAAAAAAA\n" SIGNED, ERR_OK },

	{ "other size", ORIGIN "\n100271\n" ROOT "\n\n" SIGNED, ERR_AUTH },
	{ "other root", ORIGIN "\n100270\n"
	    "GRV1O0dCqmjjPvYi7CtOT79zb/fPwLNsMFWsynwU8Ag=\n\n" SIGNED,
	    ERR_AUTH },
	{ "other origin", "example.com/log/other\n100270\n" ROOT "\n\n"
	    SIGNED, ERR_AUTH },
	{ "other origin, name too", "example.com/log/other\n100270\n" ROOT
	    "\n\n" MARK "example.com/log/other " BLOB "\n", ERR_AUTH },
	{ "line added", BODY "more\n\n" SIGNED, ERR_AUTH },
	{ "only another's signature", BODY "\n" OTHER, ERR_AUTH },
	{ "no signature", BODY "\n", ERR_AUTH },
	{ "one good, one bad", BODY "\n" SIGNED MARK ORIGIN
	    " M9e0lkcvy5bAe7rrC8tCyAP+my+CLzswA91zOpBNWVU7qCojkUOHnfdQ"
	    "zDImoYeYH8G8PJSwOqsx0RkSa261OmKVwwQ=\n", ERR_AUTH },

	{ "nothing", "", ERR_SYNTAX },
	{ "no empty line", BODY SIGNED, ERR_SYNTAX },
	{ "body alone", BODY, ERR_SYNTAX },
	{ "no origin", "\n100270\n" ROOT "\n\n" SIGNED, ERR_SYNTAX },
	{ "space in origin", "a b\n1\n" ROOT "\n\n" SIGNED, ERR_SYNTAX },
	{ "plus in origin", "a+b\n1\n" ROOT "\n\n" SIGNED, ERR_SYNTAX },
	{ "no size", ORIGIN "\n\n" ROOT "\n\n" SIGNED, ERR_SYNTAX },
	{ "leading zero", ORIGIN "\n0100270\n" ROOT "\n\n" SIGNED,
	    ERR_SYNTAX },
	{ "sign", ORIGIN "\n+100270\n" ROOT "\n\n" SIGNED, ERR_SYNTAX },
	{ "space", ORIGIN "\n 100270\n" ROOT "\n\n" SIGNED, ERR_SYNTAX },
	{ "size 2^64", ORIGIN "\n18446744073709551616\n" ROOT "\n\n" SIGNED,
	    ERR_SYNTAX },
	{ "root of 31 octets", ORIGIN "\n100270\n"
	    "GRV1O0dCqmjjPvYi7CtOT79zb/fPwLNsMFWsynwU8A==\n\n" SIGNED,
	    ERR_SYNTAX },
	{ "root without padding", ORIGIN "\n100270\n"
	    "GRV1O0dCqmjjPvYi7CtOT79zb/fPwLNsMFWsynwU8Ac\n\n" SIGNED,
	    ERR_SYNTAX },
	{ "root with space", ORIGIN "\n100270\n"
	    "GRV1O0dCqmjjPvYi7CtOT79zb/fPwLNsMFWsynwU8Ac \n\n" SIGNED,
	    ERR_SYNTAX },
	{ "carriage returns", ORIGIN "\r\n100270\r\n" ROOT "\r\n\r\n" SIGNED,
	    ERR_SYNTAX },
	{ "hyphen for dash", BODY "\n- " ORIGIN " " BLOB "\n", ERR_SYNTAX },
	{ "signature without name", BODY "\n" MARK " " BLOB "\n",
	    ERR_SYNTAX },
	{ "signature without value", BODY "\n" MARK ORIGIN "\n",
	    ERR_SYNTAX },
	{ "value not base64", BODY "\n" MARK ORIGIN " !" BLOB "\n",
	    ERR_SYNTAX },
	{ "only a key hash", BODY "\n" MARK ORIGIN " M9e0lg==\n",
	    ERR_SYNTAX },
	{ "our key, wrong length", BODY "\n" MARK ORIGIN " M9e0lgAA\n",
	    ERR_SYNTAX },
	{ "last line not ended", BODY "\n" MARK ORIGIN " " BLOB,
	    ERR_SYNTAX },
	{ "empty line after", NOTE "\n", ERR_SYNTAX },
	{ "junk after", NOTE "junk\n", ERR_SYNTAX },
	{ "junk without newline", NOTE "x", ERR_SYNTAX },
};

static void
test_notes(void **state)
{
	struct public_key public = get_public();
	struct checkpoint c;
	enum err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		struct diag diag = DIAG_INIT;

		c = (struct checkpoint){ .size = 4711 };
		err = checkpoint_verify(bytes_text(notes[i].note), &public,
		    &c, &diag);
		if (err != notes[i].err)
			fail_msg("%s: %s: %s", notes[i].what, err_name(err),
			    diag.what);
		assert_int_equal(diag.code, err);
		if (err)
			assert_int_equal(c.size, 4711);
	}
}

static void
test_wrong_key(void **state)
{
	struct public_key public = get_public();
	struct checkpoint c;

	(void)state;
	public.raw[0] ^= 1;
	assert_int_equal(checkpoint_verify(bytes_text(NOTE), &public, &c,
	    NULL), ERR_AUTH);
	public = get_public();
	public.alg = KEY_X25519;
	assert_int_equal(checkpoint_verify(bytes_text(NOTE), &public, &c,
	    NULL), ERR_INVALID);
}

static void
test_limits(void **state)
{
	struct public_key public = get_public();
	_cleanup_buf_ struct buf note = BUF_INIT;
	struct checkpoint c;
	int i;

	(void)state;
	buf_printf(&note, BODY "\n");
	for (i = 0; i < 99; i++)
		buf_printf(&note, MARK "w AAAAAAAA\n");
	buf_printf(&note, SIGNED);
	assert_in_range(note.len, 1, CHECKPOINT_FILE_MAX);
	assert_int_equal(checkpoint_verify(buf_bytes(&note), &public, &c,
	    NULL), ERR_OK);
	buf_printf(&note, MARK "w AAAAAAAA\n");
	assert_int_equal(checkpoint_verify(buf_bytes(&note), &public, &c,
	    NULL), ERR_SYNTAX);
	buf_clear(&note);
	buf_printf(&note, NOTE);
	while (note.len <= CHECKPOINT_FILE_MAX)
		buf_printf(&note, OTHER);
	assert_int_equal(checkpoint_verify(buf_bytes(&note), &public, &c,
	    NULL), ERR_SYNTAX);
}

/* Every cut of a good note is refused. */
static void
test_truncated(void **state)
{
	struct public_key public = get_public();
	struct checkpoint c;
	uint8_t *exact;
	size_t len;

	(void)state;
	for (len = 0; len < strlen(NOTE); len++) {
		exact = malloc(len + 1);	/* so that a sanitizer sees */
		assert_non_null(exact);
		memcpy(exact + 1, NOTE, len);
		assert_int_not_equal(checkpoint_verify(bytes_of(exact + 1,
		    len), &public, &c, NULL), ERR_OK);
		free(exact);
	}
}

static void
test_needs_ed25519(void **state)
{
	_cleanup_signer_ struct signer *signer = NULL;
	struct checkpoint c = { .origin = "o", .size = 1 };
	_cleanup_buf_ struct buf note = BUF_INIT;
	uint8_t private[KEY_PRIVATE_SIZE];

	(void)state;
	memset(private, 7, sizeof(private));
	assert_int_equal(signer_new(KEY_P256, bytes_of(private,
	    sizeof(private)), &signer, NULL), ERR_OK);
	assert_int_equal(checkpoint_sign(&c, signer, &note, NULL),
	    ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_signs_as_published),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_origins_not_signed),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_needs_ed25519),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
