#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/crypto/hash.h"
#include "tests/support/hex.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* FIPS 180-4, CAVP SHA256ShortMsg. */
static const struct {
	const char *message, *digest;
} sha256_vectors[] = {
	{
	    "",
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852"
	    "b855" },
	{
	    "d3",
	    "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba98"
	    "02c1" },
	{
	    "b4190e",
	    "dff2e73091f6c05e528896c4c831b9448653dc2ff043528f6769437bc7b9"
	    "75c2" },
	{
	    "3ebfb06db8c38d5ba037f1363e118550aad94606e26835a01af05078533c"
	    "c25f2f39573c04b632f62f68c294ab31f2a3e2a1a0d8c2be51",
	    "6595a2ef537a69ba8583dfbf7f5bec0ab1f93ce4c8ee1916eff44a93af57"
	    "49c4" },
	{
	    "2d52447d1244d2ebc28650e7b05654bad35b3a68eedc7f8515306b496d75"
	    "f3e73385dd1b002625024b81a02f2fd6dffb6e6d561cb7d0bd7a",
	    "cfb88d6faf2de3a69d36195acec2e255e2af2b7d933997f348e09f6ce575"
	    "8360" },
	{
	    "e2f76e97606a872e317439f1a03fcd92e632e5bd4e7cbc4e97f1afc19a16"
	    "fde92d77cbe546416b51640cddb92af996534dfd81edb17c4424cf1ac4d7"
	    "5aceeb",
	    "18041bd4665083001fba8c5411d2d748e8abbfdcdfd9218cb02b68a78e7d"
	    "4c23" },
	{
	    "5a86b737eaea8ee976a0a24da63e7ed7eefad18a101c1211e2b3650c5187"
	    "c2a8a650547208251f6d4237e661c7bf4c77f335390394c37fa1a9f9be83"
	    "6ac28509",
	    "42e61e174fbb3897d6dd6cef3dd2802fe67b331953b06114a65c772859df"
	    "c1aa" },
};

/* RFC 4231 4.2 to 4.5, 4.7 and 4.8 (keys beyond a block are refused). */
static const struct {
	const char *key, *message, *mac;
} hmac_vectors[] = {
	{
	    "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	    "4869205468657265",
	    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32"
	    "cff7" },
	{
	    "4a656665",
	    "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec"
	    "3843" },
	{
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	    "dddddddddddddddddddddddddddddddddddddddd",
	    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced5"
	    "65fe" },
	{
	    "0102030405060708090a0b0c0d0e0f10111213141516171819",
	    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
	    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729"
	    "665b" },
	{
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaa",
	    "54657374205573696e67204c6172676572205468616e20426c6f636b2d53"
	    "697a65204b6579202d2048617368204b6579204669727374",
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee3"
	    "7f54" },
	{
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaa",
	    "5468697320697320612074657374207573696e672061206c617267657220"
	    "7468616e20626c6f636b2d73697a65206b657920616e642061206c617267"
	    "6572207468616e20626c6f636b2d73697a6520646174612e20546865206b"
	    "6579206e6565647320746f20626520686173686564206265666f72652062"
	    "65696e6720757365642062792074686520484d414320616c676f72697468"
	    "6d2e",
	    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a"
	    "35e2" },
};

/* FIPS 197 C.3, then CAVP ECBGFSbox256 and ECBVarKey256. */
static const struct {
	const char *key, *plain, *cipher;
} aes_vectors[] = {
	{
	    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d"
	    "1e1f",
	    "00112233445566778899aabbccddeeff",
	    "8ea2b7ca516745bfeafc49904b496089" },
	{
	    "000000000000000000000000000000000000000000000000000000000000"
	    "0000",
	    "014730f80ac625fe84f026c60bfd547d",
	    "5c9d844ed46f9885085e5d6a4f94c7d7" },
	{
	    "000000000000000000000000000000000000000000000000000000000000"
	    "0000",
	    "0b24af36193ce4665f2825d7b4749c98",
	    "a9ff75bd7cf6613d3731c77c3b6d0c04" },
	{
	    "000000000000000000000000000000000000000000000000000000000000"
	    "0000",
	    "761c1fe41a18acf20d241650611d90f1",
	    "623a52fcea5d443e48d9181ab32c7421" },
	{
	    "800000000000000000000000000000000000000000000000000000000000"
	    "0000",
	    "00000000000000000000000000000000",
	    "e35a6dcb19b201a01ebcfa8aa22b5759" },
	{
	    "c00000000000000000000000000000000000000000000000000000000000"
	    "0000",
	    "00000000000000000000000000000000",
	    "b29169cdcf2d83e838125a12ee6aa400" },
	{
	    "e00000000000000000000000000000000000000000000000000000000000"
	    "0000",
	    "00000000000000000000000000000000",
	    "d8f3a72fc3cdf74dfaf6c3e6b97b2fa6" },
	{
	    "cc22da787f375711c76302bef0979d8eddf842829c2b99ef3dd04e23e54c"
	    "c24b",
	    "ccc62c6b0a09a671d64456818db29a4d",
	    "df8634ca02b13a125b786e1dce90658b" },
	{
	    "a81fd6ca56683d0f5445659dde4d995dc65f4bce208963053e28d7f2df51"
	    "7ce4",
	    "8b2b1b22f733ac09d1196d6be6a87a72",
	    "4154c0be71072945d8156f5f046d198d" },
};

static void
test_sha256(void **state)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t raw[256], want[SHA256_SIZE], got[SHA256_SIZE];
	struct bytes message, parts[3];
	size_t i;

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	for (i = 0; i < COUNT(sha256_vectors); i++) {
		message = HEX(sha256_vectors[i].message, raw);
		(void)HEX(sha256_vectors[i].digest, want);
		assert_int_equal(sha256_once(message, got), ERR_OK);
		assert_memory_equal(got, want, sizeof(want));
		/* the same context again and again, in uneven parts */
		parts[0] = bytes_of(raw, message.len / 3);
		parts[1] = BYTES_NONE;
		parts[2] = bytes_of(raw + message.len / 3,
		    message.len - message.len / 3);
		assert_int_equal(sha256_parts(sha256, parts, 3, got), ERR_OK);
		assert_memory_equal(got, want, sizeof(want));
	}
}

/* FIPS 180-4: one million times "a"; and a begin drops what was there. */
static void
test_sha256_streamed(void **state)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t want[SHA256_SIZE], got[SHA256_SIZE], block[1000];
	size_t i;

	(void)state;
	(void)HEX("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e"
	    "046d39ccc7112cd0", want);
	memset(block, 'a', sizeof(block));
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(sha256_begin(sha256), ERR_OK);
	assert_int_equal(sha256_update(sha256, bytes_text("x")), ERR_OK);
	assert_int_equal(sha256_begin(sha256), ERR_OK);
	for (i = 0; i < 1000; i++)
		assert_int_equal(sha256_update(sha256,
		    bytes_of(block, sizeof(block))), ERR_OK);
	assert_int_equal(sha256_end(sha256, got), ERR_OK);
	assert_memory_equal(got, want, sizeof(want));
}

static void
test_hmac(void **state)
{
	uint8_t key[256], raw[256], want[SHA256_SIZE], got[SHA256_SIZE];
	struct bytes k, parts[2];
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(hmac_vectors); i++) {
		_cleanup_hmac_ struct hmac *hmac = NULL;

		k = HEX(hmac_vectors[i].key, key);
		if (k.len > 64) {
			assert_int_equal(hmac_new(k, &hmac, NULL),
			    ERR_INVALID);
			continue;
		}
		parts[1] = HEX(hmac_vectors[i].message, raw);
		parts[0] = bytes_of(raw, 3);
		parts[1].ptr += 3;
		parts[1].len -= 3;
		(void)HEX(hmac_vectors[i].mac, want);
		assert_int_equal(hmac_new(k, &hmac, NULL), ERR_OK);
		for (n = 0; n < 3; n++) {
			assert_int_equal(hmac_parts(hmac, parts, 2, got),
			    ERR_OK);
			assert_memory_equal(got, want, sizeof(want));
		}
	}
}

/* As one by one: all lengths, and numbers around what goes at once. */
static void
test_hmac_many(void **state)
{
	_cleanup_hmac_ struct hmac *hmac = NULL;
	uint8_t texts[20 * HMAC_MANY_MAX], want[SHA256_SIZE];
	uint8_t got[20 * SHA256_SIZE];
	size_t len, count, i;
	struct bytes part;

	(void)state;
	assert_int_equal(hmac_new(bytes_text("key"), &hmac, NULL), ERR_OK);
	for (i = 0; i < sizeof(texts); i++)
		texts[i] = (uint8_t)(i * 7 + i / 256);
	for (len = 1; len <= HMAC_MANY_MAX; len++) {
		count = len % 20 + 1;
		assert_int_equal(hmac_many(hmac, bytes_of(texts, count *
		    len), len, got), ERR_OK);
		for (i = 0; i < count; i++) {
			part = bytes_of(texts + i * len, len);
			assert_int_equal(hmac_parts(hmac, &part, 1, want),
			    ERR_OK);
			assert_memory_equal(got + i * SHA256_SIZE, want,
			    SHA256_SIZE);
		}
	}
	assert_int_equal(hmac_many(hmac, bytes_of(texts, 0), 9, got), ERR_OK);
	assert_int_equal(hmac_many(hmac, bytes_of(texts, 10), 9, got),
	    ERR_INTERNAL);
	assert_int_equal(hmac_many(hmac, bytes_of(texts, 0), 0, got),
	    ERR_INTERNAL);
	assert_int_equal(hmac_many(hmac, bytes_of(texts, 56), 56, got),
	    ERR_INTERNAL);
}

static void
test_hmac_key_sizes(void **state)
{
	struct hmac *hmac = NULL;
	struct diag diag = DIAG_INIT;
	uint8_t key[65] = { 0 };

	(void)state;
	assert_int_equal(hmac_new(BYTES_NONE, &hmac, &diag), ERR_INVALID);
	assert_string_equal(diag.ref, "RFC 2104 2");
	assert_int_equal(hmac_new(bytes_of(key, 65), &hmac, NULL),
	    ERR_INVALID);
	assert_null(hmac);
	assert_int_equal(hmac_new(bytes_of(key, 64), &hmac, NULL), ERR_OK);
	hmac_free(&hmac);
	assert_null(hmac);
}

/* One context, key after key, in any order of lengths. */
static void
test_hmac_keys_in_turn(void **state)
{
	_cleanup_hmac_ struct hmac *hmac = NULL;
	uint8_t key[256], raw[256], want[SHA256_SIZE], got[SHA256_SIZE];
	struct bytes k, message;
	size_t i, round;

	(void)state;
	assert_int_equal(hmac_new(bytes_text("another"), &hmac, NULL),
	    ERR_OK);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < COUNT(hmac_vectors); i++) {
			k = HEX(hmac_vectors[i].key, key);
			assert_int_equal(hmac_key(hmac, k, NULL),
			    k.len > 64 ? ERR_INVALID : ERR_OK);
			if (k.len > 64)
				continue;
			message = HEX(hmac_vectors[i].message, raw);
			(void)HEX(hmac_vectors[i].mac, want);
			assert_int_equal(hmac_parts(hmac, &message, 1, got),
			    ERR_OK);
			assert_memory_equal(got, want, sizeof(want));
		}
	}
}

static void
test_aes(void **state)
{
	uint8_t key[AES256_KEY_SIZE], plain[16], cipher[16], got[16];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(aes_vectors); i++) {
		_cleanup_aes_ struct aes *aes = NULL;

		assert_int_equal(aes_new(HEX(aes_vectors[i].key, key), &aes,
		    NULL), ERR_OK);
		(void)HEX(aes_vectors[i].plain, plain);
		(void)HEX(aes_vectors[i].cipher, cipher);
		assert_int_equal(aes_encrypt_block(aes, plain, got), ERR_OK);
		assert_memory_equal(got, cipher, sizeof(got));
		/* in place, and a second time with the same context */
		assert_int_equal(aes_decrypt_block(aes, got, got), ERR_OK);
		assert_memory_equal(got, plain, sizeof(got));
		assert_int_equal(aes_encrypt_block(aes, got, got), ERR_OK);
		assert_memory_equal(got, cipher, sizeof(got));
	}
}

static void
test_aes_blocks(void **state)
{
	static const size_t counts[] = { 0, 1, 2, 7, 8, 9, 100,
	    AES_BLOCKS_MAX };
	static uint8_t blocks[AES_BLOCKS_MAX + 1][16], got[16];
	_cleanup_aes_ struct aes *aes = NULL;
	uint8_t key[AES256_KEY_SIZE] = { 7 };
	size_t i, n, j;

	(void)state;
	assert_int_equal(aes_new(bytes_of(key, sizeof(key)), &aes, NULL),
	    ERR_OK);
	for (n = 0; n < COUNT(counts); n++) {
		for (i = 0; i <= AES_BLOCKS_MAX; i++)
			for (j = 0; j < 16; j++)
				blocks[i][j] = (uint8_t)(i * 31 + j + n);
		assert_int_equal(aes_encrypt_blocks(aes, blocks[0],
		    counts[n]), ERR_OK);
		for (i = 0; i < counts[n]; i++) {
			assert_int_equal(aes_decrypt_block(aes, blocks[i],
			    got), ERR_OK);
			for (j = 0; j < 16; j++)
				assert_int_equal(got[j],
				    (uint8_t)(i * 31 + j + n));
		}
		for (j = 0; j < 16; j++)	/* nothing beyond */
			assert_int_equal(blocks[AES_BLOCKS_MAX][j],
			    (uint8_t)(AES_BLOCKS_MAX * 31 + j + n));
	}
	assert_int_equal(aes_encrypt_blocks(aes, blocks[0],
	    AES_BLOCKS_MAX + 1), ERR_INTERNAL);
}

static void
test_aes_key_size(void **state)
{
	uint8_t key[33] = { 0 };
	struct aes *aes = NULL;

	(void)state;
	assert_int_equal(aes_new(bytes_of(key, 16), &aes, NULL), ERR_INVALID);
	assert_int_equal(aes_new(bytes_of(key, 33), &aes, NULL), ERR_INVALID);
	assert_null(aes);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_sha256_streamed),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_hmac_many),
		cmocka_unit_test(test_hmac_key_sizes),
		cmocka_unit_test(test_hmac_keys_in_turn),
		cmocka_unit_test(test_aes),
		cmocka_unit_test(test_aes_blocks),
		cmocka_unit_test(test_aes_key_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
