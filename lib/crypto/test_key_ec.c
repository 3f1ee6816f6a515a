#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/crypto/key.h"
#include "tests/support/hex.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Multiples of the generator, by python3-cryptography; the first is SEC 2
 * 2.4.2 itself. */
static const struct {
	const char *compressed, *raw;
} points[] = {
	{ "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d8"
	    "98c296",
	    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d8"
	    "98c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb640"
	    "6837bf51f5" },
	{ "037cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47"
	    "669978",
	    "047cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47"
	    "66997807775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b7"
	    "9d227873d1" },
	{ "025ecbe4d1a6330a44c8f7ef951d4bf165e6c6b721efada985fb41661bc6"
	    "e7fd6c",
	    "045ecbe4d1a6330a44c8f7ef951d4bf165e6c6b721efada985fb41661bc6"
	    "e7fd6c8734640c4998ff7e374b06ce1a64a2ecd82ab036384fb83d9a79b1"
	    "27a27d5032" },
	{ "026b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d8"
	    "98c296",
	    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d8"
	    "98c296b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf"
	    "97c840ae0a" },
	{ "027cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47"
	    "669978",
	    "047cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47"
	    "669978f888aaee24712fc0d6c26539608bcf244582521ac3167dd661fb48"
	    "62dd878c2e" },
	{ "023988322ab9f52c7f11d5d1aa92a2ac0b00275bcad8e934682257323fda"
	    "672482",
	    "043988322ab9f52c7f11d5d1aa92a2ac0b00275bcad8e934682257323fda"
	    "672482855b7389f116c19c0014311c3d57dc02001e3a0ec8bd90c7977320"
	    "34aacd9918" },
	{ "0287e546b7806da08a722839f401b6da6830d914921245a6d38c3add1e43"
	    "7d09ca",
	    "0487e546b7806da08a722839f401b6da6830d914921245a6d38c3add1e43"
	    "7d09cab84739f17af73d29a3e330d8942b121cbbb4059ad51196ba225286"
	    "2e75ebbde4" },
	{ "022afa386b3f2bdcdb83f4d83f8fa3874d7b74dcb454bd644fdd6bf3d1f2"
	    "da8db6",
	    "042afa386b3f2bdcdb83f4d83f8fa3874d7b74dcb454bd644fdd6bf3d1f2"
	    "da8db672184be1caa8563462b536f10852d665ae8a64fdf1eb8d4c946ad5"
	    "89796f729c" },
};

static void
test_compress(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct public_key key;
	uint8_t room[65];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(points); i++) {
		assert_int_equal(public_key_check(KEY_P256,
		    HEX(points[i].raw, room), &key, NULL), ERR_OK);
		buf_clear(&out);
		public_key_put_stored(&out, &key);
		assert_true(bytes_equal(buf_bytes(&out),
		    HEX(points[i].compressed, room)));
	}
}

static void
test_decompress(void **state)
{
	struct public_key key;
	uint8_t room[65];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(points); i++) {
		memset(&key, 0, sizeof(key));
		assert_int_equal(public_key_from_stored(KEY_P256,
		    HEX(points[i].compressed, room), &key), ERR_OK);
		assert_int_equal(key.alg, KEY_P256);
		assert_true(bytes_equal(bytes_of(key.raw, key.len),
		    HEX(points[i].raw, room)));
	}
}

/* x = 5 is a point's; 1 and 2 are not; nor is anything from the prime up. */
#define ZEROS	"00000000000000000000000000000000000000000000000000000000000000"
#define PRIME	"ffffffff00000001000000000000000000000000ffffffffffffffffffff"

static const char *const none[] = {
	"02" ZEROS "01",
	"03" ZEROS "02",
	"02" PRIME "ffff",
	"03" PRIME "ffff",
	"02" "ffffffff00000001000000000000000000000001" "0000000000000000"
	    "00000004",			/* the prime + 5 */
	"02" "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "ffffff",
	"00" ZEROS "05",
	"01" ZEROS "05",
	"04" ZEROS "05",
	"05" ZEROS "05",
	"06" ZEROS "05",
	"82" ZEROS "05",
};

static void
test_no_points(void **state)
{
	struct public_key key;
	uint8_t room[40];
	size_t i;

	(void)state;
	assert_int_equal(public_key_from_stored(KEY_P256,
	    HEX("02" ZEROS "05", room), &key), ERR_OK);
	for (i = 0; i < COUNT(none); i++)
		if (public_key_from_stored(KEY_P256, HEX(none[i], room),
		    &key) != ERR_CORRUPT)
			fail_msg("%s", none[i]);
	assert_int_equal(public_key_from_stored(KEY_P256,
	    HEX("02" ZEROS, room), &key), ERR_CORRUPT);
	assert_int_equal(public_key_from_stored(KEY_P256,
	    HEX("02" ZEROS "0500", room), &key), ERR_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compress),
		cmocka_unit_test(test_decompress),
		cmocka_unit_test(test_no_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
