#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/cbor_write.h"
#include "lib/crypto/cose.h"
#include "tests/support/hex.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define INPUT_MAX 512

/* Key "11" of RFC 9052 C.7.1; "This is the content." */
#define KEY_11 \
	"04bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff" \
	"20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e"
#define CONTENT "54546869732069732074686520636f6e74656e742e"
#define UNPROTECTED "a104423131"
/* The key of RFC 8032 7.1, test 1, which the EdDSA example uses */
#define KEY_ED \
	"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define SIG_FAIL \
	"5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e56a551ce5705b793914348e1"

/* RFC 9052 C.2.1 and github.com/cose-wg/Examples. */
static const struct {
	const char	*what;
	enum key_alg	 alg;
	const char	*key, *aad, *message;
	enum err	 err;
	bool		 good;
} published[] = {
	{ "RFC 9052 C.2.1", KEY_P256, KEY_11, "",
	    "d28443a10126" UNPROTECTED CONTENT
	    "58408eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0"
	    "117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345ca"
	    "cb36", ERR_OK, true },
	{ "ecdsa-sig-01: content type", KEY_P256, KEY_11, "",
	    "d28445a201260300" UNPROTECTED CONTENT
	    "58406520bbaf2081d7e0ed0f95f76eb0733d667005f7467cec4b87b9381a6ba1"
	    "ede8e00df29f32a37230f39a842a54821fdd223092819d7728efb9d3a0080b75"
	    "380b", ERR_OK, true },
	{ "eddsa-sig-01", KEY_ED25519, KEY_ED, "",
	    "d28445a201270300" UNPROTECTED CONTENT
	    "58407142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7a"
	    "fb8711497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6f"
	    "ef0d", ERR_OK, true },
	{ "sign-pass-02: external", KEY_P256, KEY_11,
	    "11aa22bb33cc44dd55006699",
	    "d28443a10126" UNPROTECTED CONTENT
	    "5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e56a551ce5705b7939143"
	    "48e155388b10c4f1b59a6733eab416870a945111a4b2fbdbef33a77234b1deff"
	    "2f9b", ERR_OK, true },
	{ "sign-pass-02 without its external data", KEY_P256, KEY_11, "",
	    "d28443a10126" UNPROTECTED CONTENT
	    "5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e56a551ce5705b7939143"
	    "48e155388b10c4f1b59a6733eab416870a945111a4b2fbdbef33a77234b1deff"
	    "2f9b", ERR_OK, false },
	{ "sign-fail-02: content changed", KEY_P256, KEY_11, "",
	    "d28443a10126" UNPROTECTED
	    "54546869732069732074686520636f6e74656e742f" SIG_FAIL
	    "9f43d6c6ba654472da301b645b293c9ba939295b97c4bdb847782bff384c5794",
	    ERR_OK, false },
	{ "sign-fail-06: protected header added", KEY_P256, KEY_11, "",
	    "d28445a201260300" UNPROTECTED CONTENT SIG_FAIL
	    "9f43d6c6ba654472da301b645b293c9ba939295b97c4bdb847782bff384c5794",
	    ERR_OK, false },
	{ "sign-fail-07: protected header removed", KEY_P256, KEY_11, "",
	    "d28443a10126" UNPROTECTED CONTENT SIG_FAIL
	    "72727f48461fabbba2e343492ddecac3983686250bc68e9f1a7a07d41225b59f",
	    ERR_OK, false },
	{ "the EdDSA message under the P-256 key", KEY_P256, KEY_11, "",
	    "d28445a201270300" UNPROTECTED CONTENT
	    "58407142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7a"
	    "fb8711497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6f"
	    "ef0d", ERR_OK, false },
	{ "the ES256 message under the Ed25519 key", KEY_ED25519, KEY_ED, "",
	    "d28443a10126" UNPROTECTED CONTENT
	    "58408eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0"
	    "117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345ca"
	    "cb36", ERR_OK, false },
	{ "sign-fail-01: tag 998", KEY_P256, KEY_11, "",
	    "d903e68443a10126" UNPROTECTED CONTENT
	    "58408eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0"
	    "117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345ca"
	    "cb36", ERR_SYNTAX, false },
	{ "sign-pass-03: no tag", KEY_P256, KEY_11, "",
	    "8443a10126" UNPROTECTED CONTENT
	    "58408eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0"
	    "117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345ca"
	    "cb36", ERR_SYNTAX, false },
	{ "sign-fail-03: algorithm -999", KEY_P256, KEY_11, "",
	    "d28445a1013903e6" UNPROTECTED CONTENT SIG_FAIL
	    "9f43d6c6ba654472da301b645b293c9ba939295b97c4bdb847782bff384c5794",
	    ERR_UNSUPPORTED, false },
	{ "sign-pass-01: algorithm not protected", KEY_P256, KEY_11, "",
	    "d28441a0a20126" "0442" "3131" CONTENT SIG_FAIL
	    "1a02e5f0344bf2d4ee5c7fd75a68a9f5e0b3cc1f1fc1409c189566586ff9d610",
	    ERR_SYNTAX, false },
};

#define ZEROS64 \
	"00000000000000000000000000000000000000000000000000000000000000000000" \
	"000000000000000000000000000000000000000000000000000000000000"
#define REST "a0" "4100" "5840" ZEROS64

/* One rejection for each check of the parser. */
static const struct {
	const char	*what, *message;
	enum err	 err;
	const char	*found;
} refused[] = {
	{ "nothing", "", ERR_SYNTAX, "truncated" },
	{ "not deterministic", "d8128443a10126" REST, ERR_SYNTAX,
	    "shortest form" },
	{ "bytes behind it", "d28443a10126" REST "00", ERR_SYNTAX,
	    "bytes after" },
	{ "COSE_Sign", "d8628443a10126" REST, ERR_SYNTAX, "not tagged" },
	{ "three items", "d28343a10126a04100", ERR_SYNTAX, "another size" },
	{ "a map for the protected bstr", "d284a10126" REST, ERR_SYNTAX,
	    "byte string" },
	{ "empty protected header", "d28440" REST, ERR_SYNTAX,
	    "protected header: octet 0: truncated" },
	{ "empty protected map", "d28441a0" REST, ERR_SYNTAX,
	    "alg is missing" },
	{ "no alg", "d28444a1044101" REST, ERR_SYNTAX, "alg is missing" },
	{ "protected header not sorted", "d28446a20441000126" REST,
	    ERR_SYNTAX, "out of order" },
	{ "label twice", "d28445a201260126" REST, ERR_SYNTAX, "used twice" },
	{ "bytes behind the map", "d28444a1012600" REST, ERR_SYNTAX,
	    "bytes after" },
	{ "array for a map", "d284438201" "26" REST, ERR_SYNTAX,
	    "expected a map" },
	{ "label of bytes", "d28445a201264000" REST, ERR_SYNTAX,
	    "expected an integer" },
	{ "alg ES512", "d28444a1013823" REST, ERR_UNSUPPORTED, "alg: -36" },
	{ "alg ES384, signature of ES256", "d28444a1013822" REST, ERR_SYNTAX,
	    "another length" },
	{ "alg as text", "d28444a1016130" REST, ERR_UNSUPPORTED, "alg:" },
	{ "alg as bytes", "d28444a1014130" REST, ERR_SYNTAX,
	    "expected an integer" },
	{ "kid as text", "d28446a20126046130" REST, ERR_SYNTAX,
	    "expected a byte string" },
	{ "typ as a number", "d28445a20126" "1000" REST, ERR_UNSUPPORTED,
	    "typ: not text" },
	{ "typ empty", "d28445a20126" "1060" REST, ERR_SYNTAX, "typ: empty" },
	{ "typ too long",
	    "d2845857a201261078516161616161616161616161616161616161616161"
	    "616161616161616161616161616161616161616161616161616161616161"
	    "616161616161616161616161616161616161616161616161616161616161"
	    "61"
	    REST, ERR_SYNTAX, "typ: empty or too long" },
	{ "crit not understood", "d28449a30126028118630300" REST,
	    ERR_UNSUPPORTED, "critical" },
	{ "crit of text", "d28447a2012602816161" REST, ERR_UNSUPPORTED,
	    "critical" },
	{ "crit of x5t", "d28447a2012602811822" REST, ERR_UNSUPPORTED,
	    "critical" },
	{ "crit empty", "d28445a201260280" REST, ERR_SYNTAX, "no label" },
	{ "crit no array", "d28445a201260201" REST, ERR_SYNTAX,
	    "expected an array" },
	{ "crit lists what is absent", "d28446a20126028104" REST, ERR_SYNTAX,
	    "absent" },
	{ "crit of bytes", "d28446a20126028140" REST, ERR_SYNTAX,
	    "expected an integer" },
	{ "unprotected no map", "d28443a10126" "80" "4100" "5840" ZEROS64,
	    ERR_SYNTAX, "expected a map" },
	{ "alg unprotected too", "d28443a10126" "a10126" "4100" "5840"
	    ZEROS64, ERR_SYNTAX, "not protected" },
	{ "crit unprotected", "d28443a10126" "a1028104" "4100" "5840"
	    ZEROS64, ERR_SYNTAX, "not protected" },
	{ "kid in both", "d28446a20126044101" "a1044101" "4100" "5840"
	    ZEROS64, ERR_SYNTAX, "in the protected header too" },
	{ "label of bytes, unprotected", "d28443a10126" "a14000" "4100"
	    "5840" ZEROS64, ERR_SYNTAX, "neither integer nor text" },
	{ "detached payload", "d28443a10126" "a0" "f6" "5840" ZEROS64,
	    ERR_SYNTAX, "expected a byte string" },
	{ "signature of 63 octets", "d28443a10126" "a0" "4100" "583f"
	    "00000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    ERR_SYNTAX, "another length" },
};

/* RFC 9679 6; its key is also the EC2 key of RFC 9052 C.7.1. */
#define THUMB_KEY \
	"a40102200121582065eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de1" \
	"08de439c08551d2258201e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca" \
	"7ca7e9eecd0084d19c"
#define THUMB_X \
	"215820" \
	"65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
#define THUMB_Y \
	"225820" \
	"1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"

static const struct {
	const char	*what, *key;
	enum err	 err;
	const char	*found;
} keys[] = {
	{ "RFC 9679", THUMB_KEY, ERR_OK, NULL },
	{ "with kid, alg and key_ops", "a7010202413103260481022001" THUMB_X
	    THUMB_Y, ERR_OK, NULL },
	{ "with a text label", "a501022001" THUMB_X THUMB_Y "616100", ERR_OK,
	    NULL },
	{ "not a map", "80", ERR_SYNTAX, "expected a map" },
	{ "not deterministic", "a4010220012258201e52ed75701163f7f9e40ddf9f34"
	    "1b3dc9ba860af7e0ca7ca7e9eecd0084d19c" THUMB_X, ERR_SYNTAX,
	    "out of order" },
	{ "kty missing", "a32001" THUMB_X THUMB_Y, ERR_UNSUPPORTED,
	    "kty 0" },
	{ "kty symmetric", "a20104204100", ERR_UNSUPPORTED, "kty 4" },
	{ "P-384 with P-256's", "a401022002" THUMB_X THUMB_Y, ERR_SYNTAX,
	    "P-384: a number is missing, of another length" },
	{ "P-521", "a401022003" THUMB_X THUMB_Y, ERR_UNSUPPORTED, "crv 3" },
	{ "Ed448", "a301012007" THUMB_X, ERR_UNSUPPORTED, "crv 7" },
	{ "OKP on an EC2 curve", "a301012001" THUMB_X, ERR_UNSUPPORTED,
	    "kty 1, crv 1" },
	{ "compressed point", "a401022001" THUMB_X "22f5", ERR_UNSUPPORTED,
	    "compressed" },
	{ "y missing", "a301022001" THUMB_X, ERR_SYNTAX, "missing" },
	{ "x missing", "a301022001" THUMB_Y, ERR_SYNTAX, "missing" },
	{ "y with OKP", "a401012004" THUMB_X THUMB_Y, ERR_SYNTAX, "missing" },
	{ "x short", "a4010220012141012258201e52ed75701163f7f9e40ddf9f341b3d"
	    "c9ba860af7e0ca7ca7e9eecd0084d19c", ERR_SYNTAX,
	    "another length" },
	{ "d short", "a501022001" THUMB_X THUMB_Y "234101", ERR_SYNTAX,
	    "private key of 1 octets" },
	{ "d empty", "a501022001" THUMB_X THUMB_Y "2340", ERR_SYNTAX,
	    "private key of 0 octets" },
	{ "RSA-2048 too short", "a3010320420102" "2143010001",
	    ERR_UNSUPPORTED, "modulus of 2 octets" },
	{ "AKP without alg", "a2010720420102", ERR_UNSUPPORTED, "kty 7" },
	{ "ML-DSA-87", "a30107033831" "20420102", ERR_UNSUPPORTED,
	    "alg -50" },
	{ "ML-DSA-44 too short", "a3010703382f" "20420102", ERR_SYNTAX,
	    "ML-DSA-44: a number is missing" },
	{ "alg of another kind", "a5010203272001" THUMB_X THUMB_Y,
	    ERR_INVALID, "alg: -8" },
	{ "off the curve", "a401022001" THUMB_X "225820"
	    "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19d",
	    ERR_INVALID, "not on the curve" },
	{ "bytes behind it", THUMB_KEY "00", ERR_SYNTAX, "bytes after" },
};

static void
verifier_start(enum key_alg alg, const char *hex, struct verifier **verifier)
{
	struct public_key public;
	uint8_t raw[65];

	assert_int_equal(public_key_check(alg, HEX(hex, raw), &public, NULL),
	    ERR_OK);
	assert_int_equal(verifier_new(&public, verifier, NULL), ERR_OK);
}

static void
test_published(void **state)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t raw[INPUT_MAX], aad[32];
	struct cose_sign1 msg;
	size_t i;
	bool good;

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	for (i = 0; i < COUNT(published); i++) {
		_cleanup_verifier_ struct verifier *verifier = NULL;
		struct diag diag = DIAG_INIT;
		enum err err;

		err = cose_sign1_parse(HEX(published[i].message, raw), &msg,
		    &diag);
		if (err != published[i].err)
			fail_msg("%s: %s", published[i].what, diag.what);
		if (err)
			continue;
		verifier_start(published[i].alg, published[i].key, &verifier);
		good = !published[i].good;
		assert_int_equal(cose_sign1_verify(&msg, verifier,
		    published[i].alg, HEX(published[i].aad, aad), sha256,
		    &good), ERR_OK);
		if (good != published[i].good)
			fail_msg("%s", published[i].what);
	}
}

static void
test_refused(void **state)
{
	struct cose_sign1 msg = { .kid = { NULL, 99 } };
	uint8_t raw[INPUT_MAX];
	enum err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(refused); i++) {
		struct diag diag = DIAG_INIT;

		err = cose_sign1_parse(HEX(refused[i].message, raw), &msg,
		    &diag);
		if (err != refused[i].err || diag.code != err)
			fail_msg("%s: %s", refused[i].what, err_name(err));
		if (strstr(diag.what, refused[i].found) == NULL)
			fail_msg("%s: %s", refused[i].what, diag.what);
	}
	assert_int_equal(msg.kid.len, 99);
}

/* Understood labels may be critical; foreign ones are passed over. */
static void
test_passed_over(void **state)
{
	static const char *const messages[] = {
		"d284581ca50126" "02820410" "044131" "106174" "18228226"
		"4a00010203040506070809" REST,
		"d28446a20126617800" REST,
		"d28443a10126" "a3044101" "1821" "4102" "6178f6" "4100" "5840"
		ZEROS64,
	};
	struct cose_sign1 msg;
	uint8_t raw[INPUT_MAX];
	struct diag diag = DIAG_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(messages); i++) {
		if (cose_sign1_parse(HEX(messages[i], raw), &msg, &diag))
			fail_msg("%zu: %s", i, diag.what);
		assert_int_equal(msg.alg, COSE_ES256);
		assert_int_equal(msg.kid.len, i == 0 ? 1 : 0);
		assert_int_equal(msg.typ.len, i == 0 ? 1 : 0);
		assert_int_equal(msg.payload.len, 1);
	}
}

static void
test_sign(void **state)
{
	static const enum key_alg algs[] = { KEY_P256, KEY_ED25519 };
	static const size_t sizes[] = { 0, 23, 24, 255, 256, 1300, 70000 };
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct bytes aad = bytes_text("aad"), payload;
	uint8_t private[32] = { 7 }, kid[COSE_KID_SIZE];
	struct cose_sign1 msg;
	uint8_t *content = calloc(1, 70000);
	size_t i;
	bool good;

	(void)state;
	assert_non_null(content);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	for (i = 0; i < COUNT(algs) * COUNT(sizes); i++) {
		_cleanup_signer_ struct signer *signer = NULL;
		_cleanup_verifier_ struct verifier *verifier = NULL;
		_cleanup_buf_ struct buf out = BUF_INIT;
		enum key_alg alg = algs[i % 2];

		payload = bytes_of(content, sizes[i / 2]);
		assert_int_equal(signer_new(alg, bytes_of(private, 32),
		    &signer, NULL), ERR_OK);
		assert_int_equal(cose_key_thumbprint(signer_public(signer),
		    kid), ERR_OK);
		assert_int_equal(cose_sign1_sign(&out, signer,
		    bytes_of(kid, 32), "text/x", payload, aad, NULL), ERR_OK);
		assert_int_equal(cose_sign1_parse(buf_bytes(&out), &msg,
		    NULL), ERR_OK);
		assert_true(bytes_equal(msg.kid, bytes_of(kid, 32)));
		assert_true(bytes_equal(msg.typ, bytes_text("text/x")));
		assert_true(bytes_equal(msg.payload, payload));
		assert_int_equal(verifier_new(signer_public(signer),
		    &verifier, NULL), ERR_OK);
		assert_int_equal(cose_sign1_verify(&msg, verifier, alg, aad,
		    sha256, &good), ERR_OK);
		assert_true(good);
		assert_int_equal(cose_sign1_verify(&msg, verifier, alg,
		    BYTES_NONE, sha256, &good), ERR_OK);
		assert_false(good);
	}
	free(content);
}

/* Any bit of a signed message changed: never accepted. */
static void
test_bit_flips(void **state)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint8_t private[32] = { 7 };
	struct cose_sign1 msg;
	size_t i;
	bool good;

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(signer_new(KEY_P256, bytes_of(private, 32), &signer,
	    NULL), ERR_OK);
	assert_int_equal(verifier_new(signer_public(signer), &verifier,
	    NULL), ERR_OK);
	assert_int_equal(cose_sign1_sign(&out, signer, bytes_text("kid"),
	    "t", bytes_text("payload"), BYTES_NONE, NULL), ERR_OK);
	for (i = 0; i < 8 * out.len; i++) {
		out.ptr[i / 8] ^= (uint8_t)(1 << (i % 8));
		if (cose_sign1_parse(buf_bytes(&out), &msg, NULL) == ERR_OK) {
			good = true;
			assert_int_equal(cose_sign1_verify(&msg, verifier,
			    KEY_P256, BYTES_NONE, sha256, &good), ERR_OK);
			assert_false(good);
		}
		out.ptr[i / 8] ^= (uint8_t)(1 << (i % 8));
	}
}

static enum err
busy_sign(void *state, struct bytes input, uint8_t ret_sig[SIGNATURE_SIZE])
{
	(void)state;
	(void)input;
	(void)ret_sig;
	return ERR_BUSY;
}

/* A failure leaves the builder as it was. */
static void
test_sign_failure(void **state)
{
	static const struct signer_ops ops = { busy_sign, NULL };
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct public_key public = { .alg = KEY_P256, .len = 65 };
	struct diag diag = DIAG_INIT;
	struct bytes kid = bytes_text("k");
	char typ[COSE_TYP_MAX + 2];

	(void)state;
	buf_put_u8(&out, 0xaa);
	assert_int_equal(signer_new_ops(&ops, NULL, &public, &signer, NULL),
	    ERR_OK);
	assert_int_equal(cose_sign1_sign(&out, signer, kid, "t", kid,
	    BYTES_NONE, &diag), ERR_BUSY);
	assert_int_equal(out.len, 1);
	assert_int_equal(diag.code, ERR_BUSY);
	assert_int_equal(cose_sign1_sign(&out, signer, BYTES_NONE, "t", kid,
	    BYTES_NONE, NULL), ERR_INVALID);
	assert_int_equal(cose_sign1_sign(&out, signer, kid, "", kid,
	    BYTES_NONE, NULL), ERR_INVALID);
	memset(typ, 'x', sizeof(typ));
	typ[COSE_TYP_MAX + 1] = '\0';
	assert_int_equal(cose_sign1_sign(&out, signer, kid, typ, kid,
	    BYTES_NONE, NULL), ERR_INVALID);
	out.limit = 100;
	assert_int_equal(cose_sign1_sign(&out, signer, kid, "t",
	    bytes_of(typ, 81), BYTES_NONE, NULL), ERR_BUSY);
	out.limit = 40;
	assert_int_equal(cose_sign1_sign(&out, signer, kid, "t",
	    bytes_of(typ, 81), BYTES_NONE, NULL), ERR_LIMIT);
}

static void
test_thumbprint(void **state)
{
	uint8_t raw[INPUT_MAX], want[32], got[COSE_KID_SIZE];
	struct public_key public;
	struct bytes private;

	(void)state;
	assert_int_equal(cose_key_parse(HEX(THUMB_KEY, raw), &public,
	    &private, NULL), ERR_OK);
	assert_int_equal(cose_key_thumbprint(&public, got), ERR_OK);
	(void)HEX("496bd8afadf307e5b08c64b0421bf9dc"
	    "01528a344a43bda88fadd1669da253ec", want);
	assert_memory_equal(got, want, 32);
	/* an Ed25519 key, computed by another implementation */
	assert_int_equal(public_key_check(KEY_ED25519, HEX(KEY_ED, raw),
	    &public, NULL), ERR_OK);
	assert_int_equal(cose_key_thumbprint(&public, got), ERR_OK);
	(void)HEX("866eefbd6718c8846cd7ddfe43fc74ab"
	    "1daac4538ff8514ea2ec2d410a415743", want);
	assert_memory_equal(got, want, 32);
}

static void
test_keys(void **state)
{
	struct bytes private = { NULL, 5 };
	uint8_t raw[INPUT_MAX];
	struct public_key key;
	enum err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(keys); i++) {
		struct diag diag = DIAG_INIT;

		err = cose_key_parse(HEX(keys[i].key, raw), &key, &private,
		    &diag);
		if (err != keys[i].err)
			fail_msg("%s: %s", keys[i].what, diag.what);
		if (err && strstr(diag.what, keys[i].found) == NULL)
			fail_msg("%s: %s", keys[i].what, diag.what);
		if (!err)
			assert_int_equal(private.len, 0);
	}
}

static void
test_key_round_trip(void **state)
{
	static const enum key_alg algs[] = { KEY_P256, KEY_X25519,
		KEY_ED25519 };
	uint8_t d[KEY_PRIVATE_SIZE];
	struct public_key key, parsed;
	struct bytes private;
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(algs); i++) {
		_cleanup_keygen_ struct keygen *keygen = NULL;
		_cleanup_buf_ struct buf b = BUF_INIT;
		_cleanup_secret_ struct secret s = SECRET_INIT;

		assert_int_equal(keygen_new(algs[i], &keygen, NULL), ERR_OK);
		assert_int_equal(keygen_run(keygen, &key, d, &len), ERR_OK);
		cose_key_put(&b, &key);
		assert_int_equal(cose_key_parse(buf_bytes(&b), &parsed,
		    &private, NULL), ERR_OK);
		assert_int_equal(private.len, 0);
		assert_int_equal(parsed.alg, algs[i]);
		assert_memory_equal(parsed.raw, key.raw, key.len);
		assert_int_equal(cose_key_put_private(&s, &key,
		    bytes_of(d, 32)), ERR_OK);
		assert_int_equal(cose_key_parse(secret_bytes(&s), &parsed,
		    &private, NULL), ERR_OK);
		assert_true(bytes_equal(private, bytes_of(d, 32)));
		assert_memory_equal(parsed.raw, key.raw, key.len);
		assert_int_equal(cose_key_put_private(&s, &key,
		    bytes_of(d, 31)), ERR_INVALID);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_sign),
		cmocka_unit_test(test_bit_flips),
		cmocka_unit_test(test_sign_failure),
		cmocka_unit_test(test_thumbprint),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_key_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
