/* Anchors: a round trip, the text to the octet, one rejection per check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/log/anchor.h"

#define ROOT	"GRV1O0dCqmjjPvYi7CtOT79zb/fPwLNsMFWsynwU8Ac="
#define ORIGIN	"pki.example.com/anchor"
#define VERSION	"imprint-anchor 1\n"
#define ID	"ecosystem 000102030405060708090a0b0c0d0e0f\n"
#define EPOCH	"epoch 1\n"
#define TIME	"time 2026-11-22T15:50:08Z\n"
#define HEAD	ORIGIN "\n" VERSION ID EPOCH TIME
#define BULK	"log bulk 18446744073709551615 " ROOT "\n"
#define ONLINE	"log online 0 " ROOT "\n"
#define TEXT	HEAD BULK ONLINE
#define LOGS_7	"log a 1 " ROOT "\nlog b 1 " ROOT "\nlog c 1 " ROOT "\n" \
		"log d 1 " ROOT "\nlog e 1 " ROOT "\nlog f 1 " ROOT "\n" \
		"log g 1 " ROOT "\n"

static struct signer *
get_signer(void)
{
	struct signer *signer = NULL;
	uint8_t private[KEY_PRIVATE_SIZE];

	memset(private, 7, sizeof(private));
	assert_int_equal(signer_new(KEY_ED25519, bytes_of(private,
	    sizeof(private)), &signer, NULL), ERR_OK);
	return signer;
}

static struct anchor
get_anchor(void)
{
	struct anchor a = { .origin = ORIGIN, .epoch = 1, .count = 2 };
	_cleanup_buf_ struct buf root = BUF_INIT;
	size_t i;

	assert_int_equal(time_parse("2026-11-22T15:50:08Z", &a.time),
	    ERR_OK);
	for (i = 0; i < sizeof(a.ecosystem); i++)
		a.ecosystem[i] = (uint8_t)i;
	assert_int_equal(base64_decode(bytes_text(ROOT), &root), ERR_OK);
	a.logs[0] = (struct anchor_log){ .name = "bulk", .size = UINT64_MAX };
	a.logs[1] = (struct anchor_log){ .name = "online" };
	memcpy(a.logs[0].root, root.ptr, SHA256_SIZE);
	memcpy(a.logs[1].root, root.ptr, SHA256_SIZE);
	return a;
}

/* Whatever text, rightly signed. */
static enum err
verify_text(const char *text, struct anchor *ret_anchor, struct diag *diag)
{
	_cleanup_signer_ struct signer *signer = get_signer();
	_cleanup_buf_ struct buf note = BUF_INIT;

	assert_int_equal(note_sign("anchor", bytes_text(text), signer, &note,
	    NULL), ERR_OK);
	return anchor_verify(buf_bytes(&note), signer_public(signer),
	    ret_anchor, diag);
}

static void
test_text(void **state)
{
	_cleanup_signer_ struct signer *signer = get_signer();
	_cleanup_buf_ struct buf note = BUF_INIT;
	struct anchor a = get_anchor(), back;

	(void)state;
	assert_int_equal(anchor_sign(&a, signer, &note, NULL), ERR_OK);
	assert_in_range(note.len, sizeof(TEXT), ANCHOR_FILE_MAX);
	assert_memory_equal(note.ptr, TEXT "\n", sizeof(TEXT));
	assert_int_equal(anchor_verify(buf_bytes(&note),
	    signer_public(signer), &back, NULL), ERR_OK);
	assert_memory_equal(&back, &a, sizeof(a));
	assert_ptr_equal(anchor_log(&back, "online"), &back.logs[1]);
	assert_null(anchor_log(&back, "onlin"));
}

/* The longest: every field as large as it may be. */
static void
test_longest(void **state)
{
	_cleanup_signer_ struct signer *signer = get_signer();
	_cleanup_buf_ struct buf note = BUF_INIT;
	struct anchor a = { .epoch = UINT32_MAX, .time = TIME_MAX_S,
	    .count = ANCHOR_LOGS_MAX }, back;
	size_t i;

	(void)state;
	memset(a.origin, 'o', NOTE_NAME_MAX);
	memcpy(a.origin + NOTE_NAME_MAX - 7, "/anchor", 7);
	for (i = 0; i < ANCHOR_LOGS_MAX; i++) {
		memset(a.logs[i].name, 'a' + (int)i, 63);
		a.logs[i].size = UINT64_MAX;
	}
	assert_int_equal(anchor_sign(&a, signer, &note, NULL), ERR_OK);
	assert_int_equal(anchor_verify(buf_bytes(&note),
	    signer_public(signer), &back, NULL), ERR_OK);
	assert_memory_equal(&back, &a, sizeof(a));
}

static const struct {
	const char	*what;
	const char	*text;
	enum err	 err;
} texts[] = {
	{ "good", TEXT, ERR_OK },
	{ "eight logs", HEAD LOGS_7 BULK, ERR_OK },
	{ "another origin", "pki.example.com/log/bulk\n" VERSION ID EPOCH
	    TIME BULK, ERR_SYNTAX },
	{ "origin of its end only", "/anchor\n" VERSION ID EPOCH TIME BULK,
	    ERR_SYNTAX },
	{ "version 2", ORIGIN "\nimprint-anchor 2\n" ID EPOCH TIME BULK,
	    ERR_VERSION },
	{ "a checkpoint", ORIGIN "\n17\n" ROOT "\n", ERR_SYNTAX },
	{ "no ecosystem", ORIGIN "\n" VERSION EPOCH TIME BULK, ERR_SYNTAX },
	{ "short ecosystem", ORIGIN "\n" VERSION "ecosystem 00\n" EPOCH TIME
	    BULK, ERR_SYNTAX },
	{ "ecosystem in capitals", ORIGIN "\n" VERSION
	    "ecosystem 000102030405060708090A0B0C0D0E0F\n" EPOCH TIME BULK,
	    ERR_SYNTAX },
	{ "no epoch", ORIGIN "\n" VERSION ID TIME BULK, ERR_SYNTAX },
	{ "epoch 2^32", ORIGIN "\n" VERSION ID "epoch 4294967296\n" TIME
	    BULK, ERR_SYNTAX },
	{ "epoch with zero", ORIGIN "\n" VERSION ID "epoch 01\n" TIME BULK,
	    ERR_SYNTAX },
	{ "no time", ORIGIN "\n" VERSION ID EPOCH BULK, ERR_SYNTAX },
	{ "time with offset", ORIGIN "\n" VERSION ID EPOCH
	    "time 2026-11-22T15:50:08+00:00\n" BULK, ERR_SYNTAX },
	{ "time that is none", ORIGIN "\n" VERSION ID EPOCH
	    "time 2026-13-22T15:50:08Z\n" BULK, ERR_SYNTAX },
	{ "no log", HEAD, ERR_SYNTAX },
	{ "nine logs", HEAD LOGS_7 BULK ONLINE, ERR_SYNTAX },
	{ "one log twice", HEAD BULK ONLINE BULK, ERR_SYNTAX },
	{ "name with a slash", HEAD "log a/b 1 " ROOT "\n", ERR_SYNTAX },
	{ "name of 64", HEAD "log aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaa 1 " ROOT "\n", ERR_SYNTAX },
	{ "no name", HEAD "log  1 " ROOT "\n", ERR_SYNTAX },
	{ "size 2^64", HEAD "log a 18446744073709551616 " ROOT "\n",
	    ERR_SYNTAX },
	{ "no root", HEAD "log a 1\n", ERR_SYNTAX },
	{ "root cut", HEAD "log a 1 GRV1O0dCqmjj\n", ERR_SYNTAX },
	{ "more on the line", HEAD "log a 1 " ROOT " x\n", ERR_SYNTAX },
	{ "foreign line", TEXT "more\n", ERR_SYNTAX },
};

static void
test_texts(void **state)
{
	struct anchor a;
	enum err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct diag diag = DIAG_INIT;

		a.epoch = 4711;
		err = verify_text(texts[i].text, &a, &diag);
		if (err != texts[i].err)
			fail_msg("%s: %s: %s", texts[i].what, err_name(err),
			    diag.what);
		assert_int_equal(diag.code, err);
		if (err)
			assert_int_equal(a.epoch, 4711);
	}
}

static void
test_not_signed(void **state)
{
	static const char *const origins[] = { "", "/anchor", "a/log/b",
		"a b/anchor", "a+b/anchor" };
	static const char *const names[] = { "", "online", "a b", "A", "a/b" };
	_cleanup_signer_ struct signer *signer = get_signer();
	_cleanup_buf_ struct buf note = BUF_INIT;
	struct anchor a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		a = get_anchor();
		memcpy(a.origin, origins[i], strlen(origins[i]) + 1);
		assert_int_equal(anchor_sign(&a, signer, &note, NULL),
		    ERR_INVALID);
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		a = get_anchor();
		memcpy(a.logs[0].name, names[i], strlen(names[i]) + 1);
		assert_int_equal(anchor_sign(&a, signer, &note, NULL),
		    ERR_INVALID);
	}
	a = get_anchor();
	a.time = TIME_MAX_S + 1;
	assert_int_equal(anchor_sign(&a, signer, &note, NULL), ERR_INVALID);
	a = get_anchor();
	a.count = ANCHOR_LOGS_MAX + 1;
	assert_int_equal(anchor_sign(&a, signer, &note, NULL), ERR_INVALID);
	a.count = 0;
	assert_int_equal(anchor_sign(&a, signer, &note, NULL), ERR_INVALID);
	assert_int_equal(note.len, 0);
}

/* Every octet of the text and the signature counts, and every cut. */
static void
test_altered(void **state)
{
	_cleanup_signer_ struct signer *signer = get_signer();
	_cleanup_buf_ struct buf note = BUF_INIT;
	struct anchor a = get_anchor();
	uint8_t *exact;
	size_t i;

	(void)state;
	assert_int_equal(anchor_sign(&a, signer, &note, NULL), ERR_OK);
	for (i = 0; i < note.len; i++) {
		note.ptr[i] ^= 1;
		assert_int_not_equal(anchor_verify(buf_bytes(&note),
		    signer_public(signer), &a, NULL), ERR_OK);
		note.ptr[i] ^= 1;
		exact = malloc(i + 1);	/* so that a sanitizer sees */
		assert_non_null(exact);
		memcpy(exact + 1, note.ptr, i);
		assert_int_not_equal(anchor_verify(bytes_of(exact + 1, i),
		    signer_public(signer), &a, NULL), ERR_OK);
		free(exact);
	}
}

static void
test_wrong_key(void **state)
{
	_cleanup_signer_ struct signer *signer = get_signer();
	_cleanup_buf_ struct buf note = BUF_INIT;
	struct anchor a = get_anchor();
	struct public_key other;
	struct diag diag = DIAG_INIT;

	(void)state;
	assert_int_equal(anchor_sign(&a, signer, &note, NULL), ERR_OK);
	other = *signer_public(signer);
	other.raw[0] ^= 1;
	assert_int_equal(anchor_verify(buf_bytes(&note), &other, &a, &diag),
	    ERR_AUTH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_not_signed),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_wrong_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
