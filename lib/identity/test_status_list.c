/*
 * Token Status Lists: the draft's own vectors (draft-ietf-oauth-status-list,
 * 4.1 and C.2), a round trip, one refusal per check. Called with a
 * directory, it leaves samples there for tests/e2e/test_status_formats.py
 * instead.
 */
#include "lib/identity/test_make.h"

#include <zlib.h>

#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/identity/status_list.h"
#include "tests/support/hex.h"

#define URI	"https://pki.example/default/status/bulk-00000000.cwt"
#define ISSUED	INT64_C(1790000000)

static struct public_key key;
static struct signer *signer;
static uint8_t kid[COSE_KID_SIZE];

static const struct status_list_head good_head = {
	.uri = { (const uint8_t *)URI, sizeof(URI) - 1 },
	.issued = ISSUED, .expires = ISSUED + 86400, .ttl_s = 3600,
};

/* What a list says, for a writer that can be made to say anything. */
struct say {
	const char	*typ;
	const char	*uri;		/* NULL: no sub */
	int64_t		 issued;	/* < 0: no iat */
	int64_t		 expires;	/* < 0: no exp */
	int64_t		 ttl;		/* < 0: no ttl */
	uint64_t	 bits;		/* 0: none */
	struct bytes	 lst;		/* empty: none */
	bool		 no_status_list;
	bool		 more;		/* claims nobody knows */
};

/* The draft's example of 4.1, two bits each: c9 44 f9 */
#define EXAMPLE_LST	"78da3be9f2130003df0207"
static uint8_t example_lst[11];
#define SAY_GOOD { .typ = STATUS_LIST_TYP, .uri = URI, .issued = ISSUED, \
	.expires = ISSUED + 60, .ttl = 30, .bits = 2,			\
	.lst = { example_lst, sizeof(example_lst) } }

static void
put_claim(struct buf *out, int64_t claim, int64_t value)
{
	if (value < 0)
		return;
	cbor_put_int(out, claim);
	cbor_put_int(out, value);
}

static void
say_it(const struct say *say, struct buf *out)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	cbor_put_map(&body, (size_t)(say->uri != NULL) + (say->issued >= 0) +
	    (say->expires >= 0) + (say->ttl >= 0) + !say->no_status_list +
	    (say->more ? 2 : 0));
	if (say->uri != NULL) {
		cbor_put_uint(&body, 2);
		cbor_put_text(&body, say->uri);
	}
	put_claim(&body, 4, say->expires);
	put_claim(&body, 6, say->issued);
	if (!say->no_status_list) {
		cbor_put_uint(&body, 65533);
		cbor_put_map(&body, (size_t)(say->bits != 0) +
		    (say->lst.len != 0) + say->more);
		if (say->lst.len != 0) {
			cbor_put_text(&body, "lst");
			cbor_put_bstr(&body, say->lst);
		}
		if (say->bits != 0) {
			cbor_put_text(&body, "bits");
			cbor_put_uint(&body, say->bits);
		}
		if (say->more) {
			cbor_put_text(&body, "aggregation_uri");
			cbor_put_text(&body, "https://pki.example/");
		}
	}
	put_claim(&body, 65534, say->ttl);
	if (say->more) {
		cbor_put_uint(&body, 70000);
		cbor_put_null(&body);
		cbor_put_text(&body, "more");
		cbor_put_array(&body, 0);
	}
	buf_clear(out);
	assert_int_equal(cose_sign1_sign(out, signer, bytes_of(kid,
	    sizeof(kid)), say->typ, buf_bytes(&body), BYTES_NONE, NULL),
	    ERR_OK);
}

static void
check_signature(const struct status_list *list)
{
	__attribute__((cleanup(verifier_free))) struct verifier *v = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	bool good = false;

	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(verifier_new(&key, &v, NULL), ERR_OK);
	assert_int_equal(cose_sign1_verify(&list->message, v, KEY_P256,
	    BYTES_NONE, sha256, &good), ERR_OK);
	assert_true(good);
}

static void
test_array(void **state)
{
	static const uint8_t statuses[12] = { 1, 2, 0, 3, 0, 1, 0, 1, 1, 2,
		3, 3 };
	uint8_t array[3] = { 0xff, 0, 0xff };
	uint32_t i;

	(void)state;
	for (i = 0; i < 12; i++)
		status_array_set(array, i, (enum status)statuses[i]);
	assert_memory_equal(array, "\xc9\x44\xf9", 3);
	for (i = 0; i < 12; i++)
		assert_int_equal(status_array_get(array, i), statuses[i]);
}

/* 2^20 places, of which these are not 0 (C.2). */
static const struct {
	uint32_t	index;
	unsigned	status;
} c2[] = {
	{ 0, 1 }, { 1993, 2 }, { 25460, 1 }, { 159495, 3 }, { 495669, 1 },
	{ 554353, 1 }, { 645645, 2 }, { 723232, 1 }, { 854545, 1 },
	{ 934534, 2 }, { 1000345, 3 },
};
#define C2_LST								\
	"78daeddb310d00211000412ea1a04004fe5520ed357c28c81d3312b6df68bc65480000" \
	"000000406e210100000000000000000000000000000000000000000000000000000000" \
	"00000040795b0200000000000000000000000000000000000000000000000000000000" \
	"0000000000000000000000000000000000000000000000000000000000000000000000" \
	"000000000000000000000000000000000080f4ba040000000000000000000000000040" \
	"6d764a000000000000000000000000000000000000000000e092210100000000000000" \
	"0000000000000000000000fc1312000000000000000000000000000000000000000000" \
	"00000000000000000000c0912e01000000000000000000000000000000000000c07d4b" \
	"02000000000000000000000000000000a8614a0000000000000000000000406a1fcd60" \
	"010c"

static void
test_published(void **state)
{
	_cleanup_buf_ struct buf cwt = BUF_INIT;
	struct say say = SAY_GOOD;
	struct status_list list;
	uint8_t lst[1024], *array;
	size_t size;
	uint32_t i, at = 0;

	(void)state;
	say_it(&say, &cwt);
	assert_int_equal(status_list_parse(buf_bytes(&cwt), &list, NULL),
	    ERR_OK);
	assert_int_equal(status_list_inflate(&list, &array, &size, NULL),
	    ERR_OK);
	assert_int_equal(size, 3);
	assert_memory_equal(array, "\xc9\x44\xf9", 3);
	free(array);

	say.lst = HEX(C2_LST, lst);
	say_it(&say, &cwt);
	assert_int_equal(status_list_parse(buf_bytes(&cwt), &list, NULL),
	    ERR_OK);
	assert_int_equal(status_list_inflate(&list, &array, &size, NULL),
	    ERR_OK);
	assert_int_equal(size, STATUS_LIST_ARRAY_MAX);
	for (i = 0; i < STATUS_LIST_COUNT; i++) {
		if (at < sizeof(c2) / sizeof(c2[0]) && i == c2[at].index)
			assert_int_equal(status_array_get(array, i),
			    c2[at++].status);
		else
			assert_int_equal(status_array_get(array, i), 0);
	}
	assert_int_equal(at, sizeof(c2) / sizeof(c2[0]));
	free(array);
}

/* Sizes of the array, and what fills it. */
static void
test_round_trip(void **state)
{
	static const size_t sizes[] = { 1, 2, 1000, STATUS_LIST_ARRAY_MAX };
	static uint8_t array[STATUS_LIST_ARRAY_MAX];
	uint32_t i, fill, random = 1;
	struct status_list list;
	uint8_t *again;
	size_t size;

	(void)state;
	for (i = 0; i < 12; i++) {
		_cleanup_buf_ struct buf cwt = BUF_INIT;

		for (fill = 0; fill < STATUS_LIST_COUNT; fill++) {
			random = random * 1664525 + 1013904223;
			status_array_set(array, fill, i / 4 == 0 ?
			    STATUS_VALID : i / 4 == 1 ? STATUS_INVALID :
			    (enum status)((random >> 24) % 3));
		}
		assert_int_equal(status_list_write(&cwt, &good_head,
		    bytes_of(array, sizes[i % 4]), signer, NULL), ERR_OK);
		assert_true(cwt.len <= STATUS_LIST_SIZE_MAX);
		assert_int_equal(status_list_parse(buf_bytes(&cwt), &list,
		    NULL), ERR_OK);
		check_signature(&list);
		assert_memory_equal(list.message.kid.ptr, kid, sizeof(kid));
		assert_true(bytes_equal(list.uri, bytes_text(URI)));
		assert_true(list.issued == ISSUED);
		assert_true(list.expires == ISSUED + 86400);
		assert_true(list.ttl_s == 3600);
		assert_int_equal(status_list_inflate(&list, &again, &size,
		    NULL), ERR_OK);
		assert_int_equal(size, sizes[i % 4]);
		assert_memory_equal(again, array, size);
		free(again);
	}
}

/* Everything may be absent that the draft says may be. */
static void
test_optional(void **state)
{
	_cleanup_buf_ struct buf cwt = BUF_INIT;
	struct say say = SAY_GOOD;
	struct status_list list;

	(void)state;
	say.expires = -1;
	say.ttl = -1;
	say.more = true;
	say_it(&say, &cwt);
	assert_int_equal(status_list_parse(buf_bytes(&cwt), &list, NULL),
	    ERR_OK);
	assert_true(list.expires == TIME_MAX_S);
	assert_true(list.ttl_s == 0);
	assert_int_equal(list.lst.len, sizeof(example_lst));
}

static void
expect_unread(const struct say *say, enum err expected, const char *text)
{
	_cleanup_buf_ struct buf cwt = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct status_list list;
	uint8_t *array = NULL;
	size_t size;
	enum err err;

	say_it(say, &cwt);
	err = status_list_parse(buf_bytes(&cwt), &list, &diag);
	if (!err)
		err = status_list_inflate(&list, &array, &size, &diag);
	if (err != expected || strstr(diag.what, text) == NULL)
		fail_msg("%s instead of \"%s\": %s", err_name(err), text,
		    diag.what);
	assert_null(array);
}

static void
test_unread(void **state)
{
	static uint8_t bomb[1 << 16], huge[1 << 20], more[12];
	static char long_uri[STATUS_LIST_URI_MAX + 2];
	uint8_t flipped[sizeof(example_lst)];
	uLongf len = sizeof(bomb);
	struct say say;

	(void)state;
	memset(long_uri, 'u', sizeof(long_uri) - 1);
	/* a thousand times its size, and one octet beyond the bound */
	assert_int_equal(compress2(bomb, &len, huge, sizeof(huge), 9), Z_OK);
	memcpy(more, example_lst, sizeof(example_lst));
	memcpy(flipped, example_lst, sizeof(flipped));
	flipped[10] ^= 1;
#define SAY(expected, text, change)					\
	say = (struct say)SAY_GOOD;					\
	change;								\
	expect_unread(&say, expected, text);
	SAY(ERR_SYNTAX, "typ", say.typ = "application/eat+cwt")
	SAY(ERR_SYNTAX, "missing", say.uri = NULL)
	SAY(ERR_SYNTAX, "missing", say.uri = "")
	SAY(ERR_LIMIT, "URI of 513", say.uri = long_uri)
	SAY(ERR_SYNTAX, "missing", say.issued = -1)
	SAY(ERR_SYNTAX, "9999", say.issued = TIME_MAX_S + 1)
	SAY(ERR_SYNTAX, "9999", say.expires = TIME_MAX_S + 1)
	SAY(ERR_SYNTAX, "not after", say.expires = ISSUED)
	SAY(ERR_SYNTAX, "not positive", say.ttl = 0)
	SAY(ERR_SYNTAX, "missing", say.no_status_list = true)
	SAY(ERR_SYNTAX, "missing", say.bits = 0)
	SAY(ERR_UNSUPPORTED, "1 bits", say.bits = 1)
	SAY(ERR_UNSUPPORTED, "4 bits", say.bits = 4)
	SAY(ERR_SYNTAX, "missing", say.lst = BYTES_NONE)
	SAY(ERR_SYNTAX, "ZLIB", say.lst.len--)
	SAY(ERR_SYNTAX, "ZLIB", say.lst = bytes_of(more, sizeof(more)))
	SAY(ERR_SYNTAX, "ZLIB", say.lst = bytes_of(flipped, 11))
	SAY(ERR_SYNTAX, "ZLIB", say.lst = bytes_of("\x78", 1))
	SAY(ERR_LIMIT, "262144", say.lst = bytes_of(bomb, len))
	len = sizeof(bomb);
	assert_int_equal(compress2(bomb, &len, huge, STATUS_LIST_ARRAY_MAX +
	    1, 9), Z_OK);
	SAY(ERR_LIMIT, "262144", say.lst = bytes_of(bomb, len))
	len = sizeof(bomb);
	assert_int_equal(compress2(bomb, &len, huge, 0, 9), Z_OK);
	SAY(ERR_SYNTAX, "ZLIB", say.lst = bytes_of(bomb, len))
	SAY(ERR_LIMIT, "at most", say.lst = bytes_of(huge,
	    STATUS_LIST_SIZE_MAX))
#undef SAY
}

static void
test_truncated(void **state)
{
	_cleanup_buf_ struct buf cwt = BUF_INIT;
	struct say say = SAY_GOOD;
	struct status_list list;
	size_t i;

	(void)state;
	say_it(&say, &cwt);
	for (i = 0; i < cwt.len; i++)
		assert_int_equal(status_list_parse(bytes_of(cwt.ptr, i),
		    &list, NULL), ERR_SYNTAX);
}

static void
test_unwritten(void **state)
{
	static uint8_t array[STATUS_LIST_ARRAY_MAX + 1];
	static char long_uri[STATUS_LIST_URI_MAX + 2];
	struct status_list_head head;
	struct bytes octets;
	struct diag diag;

	(void)state;
	memset(long_uri, 'u', sizeof(long_uri) - 1);
#define WRITE(change)							\
	diag = (struct diag)DIAG_INIT;					\
	head = good_head;						\
	octets = bytes_of(array, 10);					\
	change;								\
	{								\
		_cleanup_buf_ struct buf out = BUF_INIT;		\
									\
		assert_int_equal(status_list_write(&out, &head, octets,	\
		    signer, &diag), ERR_INVALID);			\
		assert_true(diag.what[0] != '\0' && out.len == 0);	\
	}
	WRITE(head.uri = BYTES_NONE)
	WRITE(head.uri = bytes_text(long_uri))
	WRITE(head.issued = -1)
	WRITE(head.expires = head.issued)
	WRITE(head.expires = TIME_MAX_S + 1)
	WRITE(head.ttl_s = 0)
	WRITE(octets.len = 0)
	WRITE(octets.len = sizeof(array))
	WRITE(status_array_set(array, 17, STATUS_APPLICATION))
#undef WRITE
	/* neighbours that look alike are no reserved value */
	memset(array, 0x96, sizeof(array));
	{
		_cleanup_buf_ struct buf out = BUF_INIT;

		assert_int_equal(status_list_write(&out, &good_head,
		    bytes_of(array, 10), signer, NULL), ERR_OK);
	}
}

static void
sample_write(const char *dir, const char *name, struct bytes octets)
{
	char path[PATH_SIZE];

	assert_int_equal(path_join(path, dir, name), ERR_OK);
	assert_int_equal(io_write_file(io_posix(), path, octets, 0644, NULL),
	    ERR_OK);
}

/* 3 revoked, 5 and the last one suspended; and the key to verify it. */
static void
samples_write(const char *dir)
{
	static uint8_t array[STATUS_LIST_ARRAY_MAX];
	_cleanup_buf_ struct buf cwt = BUF_INIT, spki = BUF_INIT;

	status_array_set(array, 3, STATUS_INVALID);
	status_array_set(array, 5, STATUS_SUSPENDED);
	status_array_set(array, STATUS_LIST_COUNT - 1, STATUS_SUSPENDED);
	assert_int_equal(status_list_write(&cwt, &good_head, bytes_of(array,
	    sizeof(array)), signer, NULL), ERR_OK);
	sample_write(dir, "list.cwt", buf_bytes(&cwt));
	public_key_put_spki(&spki, &key);
	sample_write(dir, "list.spki", buf_bytes(&spki));
}

static int
setup(void **state)
{
	(void)state;
	key_make(KEY_P256, &key, NULL, &signer);
	assert_int_equal(cose_key_thumbprint(&key, kid), ERR_OK);
	(void)HEX(EXAMPLE_LST, example_lst);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	signer_free(&signer);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_array),
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_optional),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_unwritten),
	};

	if (argc == 1)
		return cmocka_run_group_tests(tests, setup, teardown);
	(void)setup(NULL);
	samples_write(argv[1]);
	return teardown(NULL);
}
