#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/crypto/key_internal.h"
#include "tests/support/hex.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define RAW_MAX 80

static const enum key_alg algs[] = { KEY_P256, KEY_X25519, KEY_ED25519 };

/*
 * Private and public keys: CAVP KeyPair, RFC 8032 7.1, one of
 * python3-cryptography's, RFC 7748 6.1.
 */
static const struct {
	enum key_alg	 alg;
	const char	*private, *public;
} pairs[] = {
	{ KEY_P256,
	    "c9806898a0334916c860748880a541f093b579a9b1f32934d86c363c3980"
	    "0357",
	    "04d0720dc691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65"
	    "eb728f9681b517b1cda17d0d83d335d9c4a8a9a9b0b1b3c7106d8f3c72bc"
	    "5093dc275f" },
	{ KEY_P256,
	    "710735c8388f48c684a97bd66751cc5f5a122d6b9a96a2dbe73662f78217"
	    "446d",
	    "04f6836a8add91cb182d8d258dda6680690eb724a66dc3bb60d2322565c3"
	    "9e4ab91f837aa32864870cb8e8d0ac2ff31f824e7beddc4bb7ad72c173ad"
	    "974b289dc2" },
	{ KEY_P256,
	    "78d5d8b7b3e2c16b3e37e7e63becd8ceff61e2ce618757f514620ada8a11"
	    "f6e4",
	    "0476711126cbb2af4f6a5fe5665dad4c88d27b6cb018879e03e54f779f20"
	    "3a854ea26df39960ab5248fd3620fd018398e788bd89a3cea509b352452b"
	    "69811e6856" },
	{ KEY_P256,
	    "2a61a0703860585fe17420c244e1de5a6ac8c25146b208ef88ad51ae34c8"
	    "cb8c",
	    "04e1aa7196ceeac088aaddeeba037abb18f67e1b55c0a5c4e71ec70ad666"
	    "fcddc8d7d35bdce6dedc5de98a7ecb27a9cd066a08f586a733b59f5a2cdb"
	    "54f971d5c8" },
	{ KEY_ED25519,
	    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae"
	    "7f60",
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707"
	    "511a" },
	{ KEY_ED25519,
	    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8"
	    "a6fb",
	    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4"
	    "660c" },
	{ KEY_ED25519,
	    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b44"
	    "58f7",
	    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb91154890"
	    "8025" },
	{ KEY_X25519,
	    "b8ca0426d44badbf6d8749f4459804459d7177769689cbc1d6456d08de84"
	    "3667",
	    "a7042297f056097fde52321e171625db7ebc7fe57ab5a32e391f21141eae"
	    "ac52" },
	{ KEY_X25519,
	    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db9"
	    "2c2a",
	    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b"
	    "4e6a" },
	{ KEY_X25519,
	    "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88"
	    "e0eb",
	    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f88"
	    "2b4f" },
};

/* CAVP PKV, P-256 (those whose numbers fit), and what it leaves out. */
static const struct {
	const char	*point;
	bool		 good;
} p256_points[] = {
	{
	    "04e0f7449c5588f24492c338f2bc8f7865f755b958d48edb0f2d0056e50c"
	    "3fd5b786d7e9255d0f4b6f44fa2cd6f8ba3c0aa828321d6d8cc430ca6284"
	    "ce1d5b43a0",
	    true },
	{
	    "04f2d1c0dc0852c3d8a2a2500a23a44813ccce1ac4e58444175b440469ff"
	    "c1227332bfe992831b305d8c37b9672df5d29fcb5c29b4a40534683e3ace"
	    "23d24647dd",
	    false },
	{
	    "042c1052f25360a15062d204a056274e93cbe8fc4c4e9b9561134ad5c15c"
	    "e525daced9783713a8a2a09eff366987639c625753295d9a85d0f5325e32"
	    "dedbcada0b",
	    true },
	{
	    "04a40d077a87dae157d93dcccf3fe3aca9c6479a75aa2669509d2ef05c7d"
	    "e6782f503d86b87d743ba20804fd7e7884aa017414a7b5b5963e0d46e3a9"
	    "611419ddf3",
	    false },
	{
	    "042633d398a3807b1895548adbb0ea2495ef4b930f91054891030817df87"
	    "d4ac0ad6b2f738e3873cc8364a2d364038ce7d0798bb092e3dd77cbdae7c"
	    "263ba618d2",
	    true },
	{
	    "042fa74931ae816b426f484180e517f5050c92decfc8daf756cd91f54d51"
	    "b302f15b994346137988c58c14ae2152ac2f6ad96d97decb33099bd8a021"
	    "0114cd1141",
	    true },
	{
	    "04f8c6dd3181a76aa0e36c2790bba47041acbe7b1e473ff71eee39a824dc"
	    "595ff09c965f227f281b3072b95b8daf29e88b35284f3574462e268e529b"
	    "bdc50e9e52",
	    false },
	{
	    "047a81a7e0b015252928d8b36e4ca37e92fdc328eb25c774b4f872693028"
	    "c4be3808862f7335147261e7b1c3d055f9a316e4cab7daf99cc09d1c647f"
	    "5dd6e7d5bb",
	    false },
	/* one on the curve; then x + p, y + 1, -y, the hybrid form, .. */
	{
	    "040000000000000000000000000000000000000000000000000000000000"
	    "000005459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c"
	    "083248fbcc",
	    true },
	{
	    "04ffffffff00000001000000000000000000000001000000000000000000"
	    "000004459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c"
	    "083248fbcc",
	    false },
	{
	    "040000000000000000000000000000000000000000000000000000000000"
	    "000005459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c"
	    "083248fbcd",
	    false },
	{
	    "040000000000000000000000000000000000000000000000000000000000"
	    "000005ba6dbc4555a7e7fa016ec431667e8521ee35afc49b265c3accbea3"
	    "f7cdb70433",
	    true },
	{
	    "060000000000000000000000000000000000000000000000000000000000"
	    "000005459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c"
	    "083248fbcc",
	    false },
	{
	    "040000000000000000000000000000000000000000000000000000000000"
	    "000000000000000000000000000000000000000000000000000000000000"
	    "0000000000",
	    false },
	{
	    "04ffffffff00000001000000000000000000000000ffffffffffffffffff"
	    "ffffff459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c"
	    "083248fbcc",
	    false },
	{
	    "040000000000000000000000000000000000000000000000000000000000"
	    "000005ffffffff00000001000000000000000000000000ffffffffffffff"
	    "ffffffffff",
	    false },
	{
	    "04ffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "ffffffffff",
	    false },
	{
	    "040000000000000000000000000000000000000000000000000000000000"
	    "0000059243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c08"
	    "3248fbcc",
	    false },
	{
	    "040000000000000000000000000000000000000000000000000000000000"
	    "000005459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c"
	    "083248fbcc00",
	    false },
	{
	    "020000000000000000000000000000000000000000000000000000000000"
	    "000005",
	    false },
	{
	    "00",
	    false },
	{
	    "",
	    false },
};

static void
test_names(void **state)
{
	enum key_alg alg = KEY_ED25519;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(algs); i++) {
		assert_int_equal(key_alg_by_name(key_alg_name(algs[i]), &alg),
		    ERR_OK);
		assert_int_equal(alg, algs[i]);
	}
	assert_null(key_alg_name((enum key_alg)0));
	assert_null(key_alg_name((enum key_alg)9));
	alg = KEY_P256;
	assert_int_equal(key_alg_by_name("p-256", &alg), ERR_NOTFOUND);
	assert_int_equal(alg, KEY_P256);
}

static void
test_pairs(void **state)
{
	uint8_t private[KEY_PRIVATE_SIZE], raw[KEY_PUBLIC_MAX];
	struct public_key derived, checked;
	struct bytes public;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(pairs); i++) {
		public = HEX(pairs[i].public, raw);
		assert_int_equal(key_derive_public(pairs[i].alg,
		    HEX(pairs[i].private, private), &derived, NULL), ERR_OK);
		assert_int_equal(derived.alg, pairs[i].alg);
		assert_true(bytes_equal(bytes_of(derived.raw, derived.len),
		    public));
		assert_int_equal(public_key_check(pairs[i].alg, public,
		    &checked, NULL), ERR_OK);
		assert_int_equal(checked.len, derived.len);
		assert_memory_equal(checked.raw, derived.raw, derived.len);
	}
}

static void
test_bad_private(void **state)
{
	static const char *const bad[] = {
		"0000000000000000000000000000000000000000000000000000000000"
		"000000",
		/* the order of P-256, and all ones */
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc"
		"632551",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffff",
		"01", "",
	};
	const char *last = "ffffffff00000000ffffffffffffffffbce6faada7179e84"
	    "f3b9cac2fc632550";
	struct public_key public = { .len = 7 };
	struct signer *signer = NULL;
	uint8_t raw[KEY_PRIVATE_SIZE];
	struct diag diag = DIAG_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		assert_int_equal(key_derive_public(KEY_P256, HEX(bad[i], raw),
		    &public, &diag), ERR_INVALID);
		assert_int_equal(signer_new(KEY_P256, HEX(bad[i], raw),
		    &signer, NULL), ERR_INVALID);
	}
	assert_int_equal(key_derive_public(KEY_X25519, bytes_of(raw, 31),
	    &public, &diag), ERR_INVALID);
	assert_int_equal(key_derive_public((enum key_alg)99, bytes_of(raw, 32),
	    &public, &diag), ERR_INVALID);
	assert_int_equal(public.len, 7);
	assert_null(signer);
	assert_int_equal(key_derive_public(KEY_P256, HEX(last, raw), &public,
	    NULL), ERR_OK);
}

static void
test_p256_points(void **state)
{
	uint8_t raw[RAW_MAX];
	struct public_key key;
	struct bytes point;
	EVP_PKEY *pkey;
	enum err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(p256_points); i++) {
		point = HEX(p256_points[i].point, raw);
		err = public_key_check(KEY_P256, point, &key, NULL);
		if (err != (p256_points[i].good ? ERR_OK : ERR_INVALID))
			fail_msg("%s", p256_points[i].point);
		if (point.len != P256_POINT_SIZE || raw[0] != 4)
			continue;
		/* OpenSSL's import decides the same */
		key.alg = KEY_P256;
		key.len = point.len;
		memcpy(key.raw, raw, point.len);
		pkey = pkey_from_public(&key);
		assert_true((pkey != NULL) == p256_points[i].good);
		EVP_PKEY_free(pkey);
	}
}

/* Our list against what OpenSSL's X25519 makes of the point: all zero. */
static void
test_small_order(void **state)
{
	static const char *const points[] = {
		"00000000000000000000000000000000"
		"00000000000000000000000000000000",
		"01000000000000000000000000000000"
		"00000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46a"
		"da098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b"
		"04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffff7f",
	};
	_cleanup_keygen_ struct keygen *keygen = NULL;
	uint8_t raw[32], private[32], shared[32];
	struct public_key own, peer;
	size_t i, len = 0;

	(void)state;
	assert_int_equal(keygen_new(KEY_X25519, &keygen, NULL), ERR_OK);
	assert_int_equal(keygen_run(keygen, &own, private, &len),
	    ERR_OK);
	for (i = 0; i < 2 * COUNT(points); i++) {
		_cleanup_pkey_ EVP_PKEY *pair = NULL, *other = NULL;
		_cleanup_pkey_ctx_ EVP_PKEY_CTX *ctx = NULL;

		(void)HEX(points[i / 2], raw);
		raw[31] |= i % 2 == 0 ? 0 : 0x80;
		assert_int_equal(public_key_check(KEY_X25519,
		    bytes_of(raw, 32), &peer, NULL), ERR_INVALID);
		peer = (struct public_key){ .alg = KEY_X25519, .len = 32 };
		memcpy(peer.raw, raw, 32);
		pair = pkey_from_pair(&own, bytes_of(private, 32));
		other = pkey_from_public(&peer);
		ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);
		assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
		assert_int_equal(EVP_PKEY_derive_set_peer(ctx, other), 1);
		len = sizeof(shared);
		assert_true(EVP_PKEY_derive(ctx, shared, &len) != 1);
	}
	/* neighbours are good: p - 2, p + 2 and 2 */
	for (i = 0; i < 3; i++) {
		(void)HEX(points[i < 2 ? 5 : 1], raw);
		raw[0] = (uint8_t)(i < 2 ? 0xeb + 4 * i : 2);
		assert_int_equal(public_key_check(KEY_X25519,
		    bytes_of(raw, 32), &peer, NULL), ERR_OK);
	}
}

static void
test_small_order_ed25519(void **state)
{
	static const char *const points[] = {
		"00000000000000000000000000000000"
		"00000000000000000000000000000000",
		"01000000000000000000000000000000"
		"00000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0"
		"d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f"
		"2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffff7f",
	};
	struct public_key key;
	uint8_t raw[32];
	size_t i;

	(void)state;
	for (i = 0; i < 2 * COUNT(points); i++) {
		(void)HEX(points[i / 2], raw);
		raw[31] |= i % 2 == 0 ? 0 : 0x80;
		assert_int_equal(public_key_check(KEY_ED25519,
		    bytes_of(raw, 32), &key, NULL), ERR_INVALID);
	}
}

/* Made keys fit together, differ, and can be used. */
static void
test_keygen(void **state)
{
	uint8_t private[KEY_PRIVATE_SIZE], before[KEY_PRIVATE_SIZE] = { 0 };
	struct public_key public, derived;
	size_t i, n, len;

	(void)state;
	for (i = 0; i < COUNT(algs); i++) {
		_cleanup_keygen_ struct keygen *keygen = NULL;

		assert_int_equal(keygen_new(algs[i], &keygen, NULL), ERR_OK);
		for (n = 0; n < 50; n++) {
			assert_int_equal(keygen_run(keygen, &public, private,
			    &len), ERR_OK);
			assert_int_equal(len, 32);
			assert_int_equal(public.alg, algs[i]);
			assert_memory_not_equal(private, before,
			    sizeof(before));
			memcpy(before, private, sizeof(before));
			assert_int_equal(key_derive_public(algs[i],
			    bytes_of(private, 32), &derived, NULL), ERR_OK);
			assert_int_equal(public.len, derived.len);
			assert_memory_equal(public.raw, derived.raw,
			    public.len);
		}
	}
}

static void
test_keygen_refusal(void **state)
{
	struct keygen *keygen = NULL;

	(void)state;
	assert_int_equal(keygen_new((enum key_alg)99, &keygen, NULL),
	    ERR_INVALID);
	assert_null(keygen);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_bad_private),
		cmocka_unit_test(test_p256_points),
		cmocka_unit_test(test_small_order),
		cmocka_unit_test(test_small_order_ed25519),
		cmocka_unit_test(test_keygen),
		cmocka_unit_test(test_keygen_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
