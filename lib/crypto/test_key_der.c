#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/crypto/key.h"
#include "tests/support/hex.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* r || s and its DER (X.690 8.3): leading zeros, high bits, extremes. */
static const struct {
	const char *raw, *der;
} der_pairs[] = {
	{
	    "000000000000000000000000000000000000000000000000000000000000"
	    "000100000000000000000000000000000000000000000000000000000000"
	    "00000001",
	    "3006020101020101" },
	{
	    "000000000000000000000000000000000000000000000000000000000000"
	    "007f00000000000000000000000000000000000000000000000000000000"
	    "00000080",
	    "300702017f02020080" },
	{
	    "000000000000000000000000000000000000000000000000000000000000"
	    "008000000000000000000000000000000000000000000000000000000000"
	    "0000007f",
	    "30070202008002017f" },
	{
	    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "ffffffff",
	    "3046022100ffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "ffffffffffffff022100ffffffffffffffffffffffffffffffffffffffff"
	    "ffffffffffffffffffffffff" },
	{
	    "800000000000000000000000000000000000000000000000000000000000"
	    "00007fffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "ffffffff",
	    "304502210080000000000000000000000000000000000000000000000000"
	    "0000000000000002207fffffffffffffffffffffffffffffffffffffffff"
	    "ffffffffffffffffffffff" },
	{
	    "010000000000000000000000000000000000000000000000000000000000"
	    "000000800000000000000000000000000000000000000000000000000000"
	    "00000000",
	    "304402200100000000000000000000000000000000000000000000000000"
	    "000000000000022000800000000000000000000000000000000000000000"
	    "00000000000000000000" },
	{
	    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "ffff007fffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "ffffffff",
	    "3043022000ffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "ffffffffffff021f7fffffffffffffffffffffffffffffffffffffffffff"
	    "ffffffffffffffffff" },
	{
	    "000000000000000000000000000000000000000000000000000000000000"
	    "000000000000000000000000000000000000000000000000000000000000"
	    "00000000",
	    "3006020100020100" },
	{
	    "d19ff48b324915576416097d2544f7cbdf8768b1454ad20e0baac50e211f"
	    "23b0a3e81e59311cdfff2d4784949f7a2cb50ba6c3a91fa54710568e61ac"
	    "a3e847c6",
	    "3046022100d19ff48b324915576416097d2544f7cbdf8768b1454ad20e0b"
	    "aac50e211f23b0022100a3e81e59311cdfff2d4784949f7a2cb50ba6c3a9"
	    "1fa54710568e61aca3e847c6" },
};

static const char *const bad_ders[] = {
	"", "30", "3006", "3000",
	"3106020101020101",		/* not a SEQUENCE */
	"3006030101020101",		/* not an INTEGER */
	"3006020101040101",
	"300602010102010100",		/* bytes behind it */
	"3007020101020101",		/* too short for its length */
	"3005020101020101",		/* too long for it */
	"308106020101020101",		/* length not minimal */
	"3007020101020101" "00",	/* bytes behind s */
	"30060201010202" "01",		/* s runs out */
	"3003020101",			/* no s */
	"300502000201" "01",		/* empty r */
	"300702020001020101",		/* leading zero of no use */
	"300702010102020001",
	"3006020181020101",		/* negative */
	"3006020101020181",
	"3080020101020101" "0000",	/* indefinite (BER) */
	"3026"				/* 33 octets without the zero */
	"022101ffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	"ffffffffffff" "020101",
	"3027"				/* 34 octets */
	"0222000000ffffffffffffffffffffffffffffffffffffffffffffffffff"
	"ffffffffffffffff" "020101",
};

/* As python3-cryptography writes them. */
static const struct {
	enum key_alg	 alg;
	const char	*private, *public, *spki, *pem;
} encodings[] = {
	{ KEY_P256,
	    "c9806898a0334916c860748880a541f093b579a9b1f32934d86c363c3980"
	    "0357",
	    "04d0720dc691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65"
	    "eb728f9681b517b1cda17d0d83d335d9c4a8a9a9b0b1b3c7106d8f3c72bc"
	    "5093dc275f",
	    "3059301306072a8648ce3d020106082a8648ce3d03010703420004d0720d"
	    "c691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65eb728f96"
	    "81b517b1cda17d0d83d335d9c4a8a9a9b0b1b3c7106d8f3c72bc5093dc27"
	    "5f",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyYBomKAzSRbIYHSI\n"
	    "gKVB8JO1eamx8yk02Gw2PDmAA1ehRANCAATQcg3GkaqACWujL+0cuXwrYgaQ0G3g\n"
	    "MXuGGNXOZetyj5aBtRexzaF9DYPTNdnEqKmpsLGzxxBtjzxyvFCT3Cdf\n"
	    "-----END PRIVATE KEY-----\n" },
	{ KEY_X25519,
	    "b8ca0426d44badbf6d8749f4459804459d7177769689cbc1d6456d08de84"
	    "3667",
	    "a7042297f056097fde52321e171625db7ebc7fe57ab5a32e391f21141eae"
	    "ac52",
	    "302a300506032b656e032100a7042297f056097fde52321e171625db7ebc"
	    "7fe57ab5a32e391f21141eaeac52",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VuBCIEILjKBCbUS62/bYdJ9EWYBEWdcXd2lonLwdZFbQjehDZn\n"
	    "-----END PRIVATE KEY-----\n" },
	{ KEY_ED25519,
	    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae"
	    "7f60",
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707"
	    "511a",
	    "302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee1"
	    "72f3daa62325af021a68f707511a",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n" },
};

static const struct {
	const char	*what, *der;
	enum err	 err;
} bad_spkis[] = {
	{ "trailing octet",
	    "3059301306072a8648ce3d020106082a8648ce3d03010703420004d0720d"
	    "c691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65eb728f96"
	    "81b517b1cda17d0d83d335d9c4a8a9a9b0b1b3c7106d8f3c72bc5093dc27"
	    "5f00",
	    ERR_SYNTAX },
	{ "a point cut short",
	    "3058301306072a8648ce3d020106082a8648ce3d03010703410004d0720d"
	    "c691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65eb728f96"
	    "81b517b1cda17d0d83d335d9c4a8a9a9b0b1b3c7106d8f3c72bc5093dc27",
	    ERR_INVALID },
	{ "an octet less than it says",
	    "3059301306072a8648ce3d020106082a8648ce3d03010703420004d0720d"
	    "c691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65eb728f96"
	    "81b517b1cda17d0d83d335d9c4a8a9a9b0b1b3c7106d8f3c72bc5093dc27",
	    ERR_SYNTAX },
	{ "an unused bit",
	    "3059301306072a8648ce3d020106082a8648ce3d03010703420104d0720d"
	    "c691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65eb728f96"
	    "81b517b1cda17d0d83d335d9c4a8a9a9b0b1b3c7106d8f3c72bc5093dc27"
	    "5f",
	    ERR_SYNTAX },
	{ "off the curve",
	    "3059301306072a8648ce3d020106082a8648ce3d03010703420004d0720d"
	    "c691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65eb728f96"
	    "81b517b1cda17d0d83d335d9c4a8a9a9b0b1b3c7106d8f3c72bc5093dc27"
	    "5e",
	    ERR_INVALID },
	{ "compressed point",
	    "3039301306072a8648ce3d020106082a8648ce3d03010703220003d0720d"
	    "c691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65eb728f",
	    ERR_INVALID },
	{ "secp256k1",
	    "3056301006072a8648ce3d020106052b8104000a0342000479be667ef9dc"
	    "bbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada77"
	    "26a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
	    ERR_UNSUPPORTED },
	{ "RSA",
	    "30819f300d06092a864886f70d010101050003818d0030818902818100c3"
	    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
	    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
	    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
	    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
	    "c3c3c3c3c3c3c30203010001",
	    ERR_UNSUPPORTED },
	{ "RSA, outer length one short",
	    "30819e300d06092a864886f70d010101050003818d0030818902818100c3"
	    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
	    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
	    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
	    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
	    "c3c3c3c3c3c3c30203010001",
	    ERR_SYNTAX },
	{ "RSA and more behind it",
	    "30819f300d06092a864886f70d010101050003818d0030818902818100c3"
	    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
	    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
	    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
	    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
	    "c3c3c3c3c3c3c3020301000100",
	    ERR_SYNTAX },
	{ "length not minimal",
	    "308139301306072a8648ce3d020106082a8648ce3d03010703220003d072"
	    "0dc691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65eb728f",
	    ERR_SYNTAX },
	{ "no SEQUENCE",
	    "3139301306072a8648ce3d020106082a8648ce3d03010703220003d0720d"
	    "c691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65eb728f",
	    ERR_SYNTAX },
	{ "empty",
	    "",
	    ERR_SYNTAX },
	{ "only a head",
	    "30",
	    ERR_SYNTAX },
	{ "long length cut",
	    "3082",
	    ERR_SYNTAX },
	{ "X25519 of small order",
	    "302a300506032b656e032100000000000000000000000000000000000000"
	    "0000000000000000000000000000",
	    ERR_INVALID },
	{ "X25519, 31 octets",
	    "3029300506032b656e032000090909090909090909090909090909090909"
	    "09090909090909090909090909",
	    ERR_INVALID },
	{ "X448",
	    "3042300506032b656f033900050505050505050505050505050505050505"
	    "050505050505050505050505050505050505050505050505050505050505"
	    "0505050505050505",
	    ERR_UNSUPPORTED },
	{ "indefinite length",
	    "3080301306072a8648ce3d020106082a8648ce3d03010703220003d0720d"
	    "c691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65eb728f",
	    ERR_SYNTAX },
};

static void
test_ecdsa_der(void **state)
{
	uint8_t raw[64], want[ECDSA_DER_MAX], der[ECDSA_DER_MAX], back[64];
	struct bytes expected;
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(der_pairs); i++) {
		(void)HEX(der_pairs[i].raw, raw);
		expected = HEX(der_pairs[i].der, want);
		len = ecdsa_to_der(raw, der);
		assert_int_equal(len, expected.len);
		assert_memory_equal(der, want, len);
		assert_int_equal(ecdsa_from_der(expected, back), ERR_OK);
		assert_memory_equal(back, raw, sizeof(raw));
	}
}

static void
test_ecdsa_der_refused(void **state)
{
	uint8_t raw[96], out[64] = { 9 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad_ders); i++)
		if (ecdsa_from_der(HEX(bad_ders[i], raw), out) != ERR_SYNTAX)
			fail_msg("%s was accepted", bad_ders[i]);
	assert_int_equal(out[0], 9);
}

static void
test_encodings(void **state)
{
	uint8_t private[32], raw[65], want[128];
	struct public_key public, parsed;
	struct bytes expected;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(encodings); i++) {
		_cleanup_buf_ struct buf spki = BUF_INIT;
		_cleanup_secret_ struct secret pem = SECRET_INIT;

		expected = HEX(encodings[i].spki, want);
		assert_int_equal(public_key_check(encodings[i].alg,
		    HEX(encodings[i].public, raw), &public, NULL), ERR_OK);
		public_key_put_spki(&spki, &public);
		assert_true(bytes_equal(buf_bytes(&spki), expected));
		assert_int_equal(public_key_from_spki(expected, &parsed,
		    NULL), ERR_OK);
		assert_int_equal(parsed.alg, public.alg);
		assert_memory_equal(parsed.raw, public.raw, public.len);
		assert_int_equal(private_key_put_pem(encodings[i].alg,
		    HEX(encodings[i].private, private), &pem, NULL), ERR_OK);
		assert_true(bytes_equal(secret_bytes(&pem),
		    bytes_text(encodings[i].pem)));
	}
}

static void
test_pem_refusals(void **state)
{
	_cleanup_secret_ struct secret pem = SECRET_INIT;
	uint8_t private[32] = { 0 };

	(void)state;
	assert_int_equal(private_key_put_pem(KEY_P256, bytes_of(private, 32),
	    &pem, NULL), ERR_INVALID);
	private[31] = 1;
	assert_int_equal(secret_alloc(&pem, 40), ERR_OK);
	/* not enough room: nothing is left behind */
	pem.len = pem.cap - 40;
	assert_int_equal(private_key_put_pem(KEY_P256, bytes_of(private, 32),
	    &pem, NULL), ERR_LIMIT);
	assert_int_equal(pem.len, pem.cap - 40);
	assert_int_equal(pem.ptr[pem.len], 0);
}

static void
test_spki_refused(void **state)
{
	struct public_key key = { .len = 3 };
	uint8_t raw[256];
	enum err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad_spkis); i++) {
		struct diag diag = DIAG_INIT;

		err = public_key_from_spki(HEX(bad_spkis[i].der, raw), &key,
		    &diag);
		if (err != bad_spkis[i].err)
			fail_msg("%s: %s", bad_spkis[i].what, err_name(err));
		assert_int_equal(diag.code, err);
	}
	assert_int_equal(key.len, 3);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ecdsa_der),
		cmocka_unit_test(test_ecdsa_der_refused),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_pem_refusals),
		cmocka_unit_test(test_spki_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
