#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/identity/document.h"
#include "tests/support/hex.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define CLAIMS_MAX	32
#define VECTOR		"tests/vectors/document_unknown_claim.hex"
#define VECTOR_MAX	4096

/* The generators of P-256 (SEC 2 2.4.2) and of X25519 (RFC 7748 4.1): points
 * that exist. */
#define P256_X "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
#define P256_Y "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define X25519_X "09" "00000000000000000000000000000000000000000000000000" \
	"000000000000"
#define COSE_P256 "a4010220012158" "20" P256_X "225820" P256_Y
#define COSE_X25519 "a3010120042158" "20" X25519_X
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PROFILE "7823" \
	"7461673a696d7072696e742e6578616d706c652c323032363a" \
	"6964656e746974792f31"

/* A good claims set, in the order of its keys. */
static const struct {
	int64_t		 number;
	const char	*hex;
	/* of test_wrong_types(): what is right, or NULL */
	const char	*right;
} good[] = {
	{ CLAIM_ISS, "6a68747470733a2f2f6361", "6161" },	/* https://ca */
	{ CLAIM_EXP, "1a77359400", "00" },			/* 2033-05-18 */
	{ CLAIM_NBF, "1a6955b900", "00" },			/* 2026-01-01 */
	{ CLAIM_IAT, "1a6955b900", "00" },
	{ CLAIM_CTI, "50000102030405060708090a0b0c0d0e0f", "4100" },
	{ CLAIM_CNF, "a101" COSE_P256, NULL },
	/* [["photo", 3], ["settings", 1], ["video", 2]] */
	{ CLAIM_SCOPE, "581c" "83" "826570686f746f03"
	    "826873657474696e677301" "8265766964656f02", NULL },
	{ CLAIM_UEID, "510100112233445566778899aabbccddeeff", NULL },
	/* {"mac": 02:00:5e:10:00:01 as an EUI} */
	{ CLAIM_SUEIDS, "a1636d6163" "47" "0202005e100001", NULL },
	{ CLAIM_OEMID, "197ed9", "00" },
	{ CLAIM_HWMODEL, "4743414d2d323030", "4100" },		/* CAM-200 */
	{ CLAIM_HWVERSION, "8163322e31", NULL },		/* ["2.1"] */
	{ CLAIM_EAT_PROFILE, PROFILE, "6161" },
	{ CLAIM_SWNAME, "626677", "6161" },			/* fw */
	{ CLAIM_SWVERSION, "8163312e34", NULL },
	/* {"status_list": {"idx": 7, "uri": "https://s"}} */
	{ CLAIM_STATUS, "a16b7374617475735f6c697374a263696478076375726969"
	    "68747470733a2f2f73", NULL },
	/* {"photo": 3, "settings": 5} */
	{ CLAIM_CAPABILITIES, "a26570686f746f036873657474696e677305", "a0" },
	{ CLAIM_KEYSET, "82" "a4010002010443308000" "0504"
	    "a40101020203" COSE_X25519 "0504", NULL },
	/* {"service": [{2: [-16, hash]}], "firmware": [{1: key}]} */
	{ CLAIM_ANCHORS, "a2" "6773657276696365" "81a102822f5820" HASH
	    "686669726d77617265" "81a101" COSE_P256, "a0" },
	{ CLAIM_PRODUCT, "5820" HASH, NULL },
	{ CLAIM_POLICY, "01", "00" },
	/* {"serial-number": "CAM-1"} */
	{ CLAIM_NAMES, "a16d73657269616c2d6e756d6265726543414d2d31", "a0" },
};

/* One of good's values put in place of itself. */
struct change {
	int64_t		 number;	/* 0: none */
	const char	*hex;		/* NULL: leave the claim out */
};

/* A claims set as a COSE_Sign1 whose signature nobody checks here. */
static void
message_make(const char *typ, struct bytes claims, struct buf *out)
{
	const uint8_t kid[COSE_KID_SIZE] = { 1 };
	const uint8_t signature[SIGNATURE_SIZE] = { 2 };
	_cleanup_buf_ struct buf protected = BUF_INIT;

	cose_put_protected(&protected, COSE_ES256, bytes_of(kid, sizeof(kid)),
	    typ);
	cbor_put_tag(out, 18);
	cbor_put_array(out, 4);
	cbor_put_bstr(out, buf_bytes(&protected));
	cbor_put_map(out, 0);
	cbor_put_bstr(out, claims);
	cbor_put_bstr(out, bytes_of(signature, sizeof(signature)));
	assert_int_equal(buf_err(out), ERR_OK);
}

/* extra: encoded pairs to stand behind the others, or "". */
static void
document_make(const struct change *change, const char *extra,
    size_t extra_count, struct buf *out)
{
	_cleanup_buf_ struct buf claims = BUF_INIT;
	uint8_t value[1024];
	size_t i, left_out;
	const char *hex;

	left_out = change->number != 0 && change->hex == NULL;
	cbor_put_map(&claims, COUNT(good) + extra_count - left_out);
	for (i = 0; i < COUNT(good); i++) {
		hex = good[i].number == change->number ? change->hex :
		    good[i].hex;
		if (hex == NULL)
			continue;
		cbor_put_int(&claims, good[i].number);
		buf_put_bytes(&claims, HEX(hex, value));
	}
	buf_put_bytes(&claims, HEX(extra, value));
	buf_clear(out);
	message_make(DOCUMENT_TYP, buf_bytes(&claims), out);
}

static const struct change unchanged = { 0, NULL };

static void
test_good(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct public_key key;
	struct document d;

	(void)state;
	document_make(&unchanged, "", 0, &b);
	if (document_parse(buf_bytes(&b), &d, &diag) != ERR_OK)
		fail_msg("%s", diag.what);
	assert_true(bytes_equal(d.issuer, bytes_text("https://ca")));
	assert_int_equal(d.issued, 1767225600);
	assert_int_equal(d.not_before, 1767225600);
	assert_int_equal(d.expires, 2000000000);
	assert_int_equal(d.salt.len, SALT_SIZE);
	assert_int_equal(d.confirmation.alg, KEY_P256);
	assert_int_equal(d.scope_count, 3);
	assert_int_equal(d.ueid.len, UEID_SIZE);
	assert_int_equal(d.sueid_count, 1);
	assert_true(bytes_equal(d.sueids[0].kind, bytes_text("mac")));
	assert_int_equal(d.sueids[0].ueid.len, 7);
	assert_int_equal(d.oemid, 32473);
	assert_true(bytes_equal(d.hwmodel, bytes_text("CAM-200")));
	assert_true(bytes_equal(d.hwversion, bytes_text("2.1")));
	assert_true(bytes_equal(d.swname, bytes_text("fw")));
	assert_true(bytes_equal(d.swversion, bytes_text("1.4")));
	assert_int_equal(d.status_idx, 7);
	assert_true(bytes_equal(d.status_uri, bytes_text("https://s")));
	assert_int_equal(d.capability_count, 2);
	assert_int_equal(d.key_count, 2);
	assert_int_equal(d.keys[0].certificate.len, 3);
	assert_int_equal(d.keys[0].purpose, PURPOSE_AUTHENTICATE);
	assert_int_equal(d.keys[1].slot, 1);
	assert_int_equal(d.keys[1].certificate.len, 0);
	assert_int_equal(document_key_read(d.keys[1].key, &key), ERR_OK);
	assert_int_equal(key.alg, KEY_X25519);
	assert_int_equal(d.keys[1].maker, MAKER_AUTHORITY);
	assert_int_equal(d.anchor_count, 2);
	assert_false(d.anchors[0].is_key);
	assert_int_equal(d.anchors[0].x5t.len, SHA256_SIZE);
	assert_true(d.anchors[1].is_key);
	assert_int_equal(d.product.len, SHA256_SIZE);
	assert_int_equal(d.policy, 1);
	assert_int_equal(d.name_count, 1);
	assert_true(bytes_equal(d.names[0].text, bytes_text("CAM-1")));
}

/* What a label says is what the whole says, and nothing else is looked at. */
static void
test_label(void **state)
{
	static const char *const bad[] = { "", "\x80", "\x84",
	    "\x82\x40\x00\x00", "\x82\x41\x00\x00" };
	const struct change no_ueid = { CLAIM_UEID, NULL };
	const struct change bad_exp = { CLAIM_EXP, "6161" };
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct document whole, label;
	struct diag diag = DIAG_INIT;
	size_t i;

	(void)state;
	document_make(&unchanged, "", 0, &b);
	assert_int_equal(document_parse(buf_bytes(&b), &whole, NULL), ERR_OK);
	assert_int_equal(document_read_label(buf_bytes(&b), &label, NULL),
	    ERR_OK);
	assert_true(bytes_equal(label.ueid, whole.ueid));
	assert_int_equal(label.name_count, 1);
	assert_true(bytes_equal(label.names[0].kind, whole.names[0].kind));
	assert_true(bytes_equal(label.names[0].text, whole.names[0].text));
	for (i = 0; i < b.len; i++)
		assert_int_not_equal(document_read_label(bytes_of(b.ptr, i),
		    &label, NULL), ERR_OK);
	document_make(&no_ueid, "", 0, &b);
	assert_int_equal(document_read_label(buf_bytes(&b), &label, &diag),
	    ERR_SYNTAX);
	assert_non_null(strstr(diag.what, "ueid: is missing"));
	/* another claim is not looked at */
	document_make(&bad_exp, "", 0, &b);
	assert_int_equal(document_read_label(buf_bytes(&b), &label, NULL),
	    ERR_OK);
	for (i = 0; i < COUNT(bad); i++)
		assert_int_not_equal(document_read_label(bytes_text(bad[i]),
		    &label, NULL), ERR_OK);
}

static void
test_rights(void **state)
{
	static const struct {
		const char	*object;
		uint32_t	 bits;
	} rights[] = {
		{ "photo", 3 }, { "settings", 1 }, { "video", 0 },
		{ "phot", 0 }, { "", 0 }, { "photos", 0 }
	};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct document d;
	size_t i;

	(void)state;
	document_make(&unchanged, "", 0, &b);
	assert_int_equal(document_parse(buf_bytes(&b), &d, NULL), ERR_OK);
	for (i = 0; i < COUNT(rights); i++)
		assert_int_equal(document_rights(&d,
		    bytes_text(rights[i].object)), rights[i].bits);
}

static void
refused(const struct change *change, enum err expected, const char *part)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct document d;
	enum err err;

	document_make(change, "", 0, &b);
	err = document_parse(buf_bytes(&b), &d, &diag);
	if (err != expected || diag.code != err ||
	    strstr(diag.what, part) == NULL)
		fail_msg("claim %lld = %s: %s: %s", (long long)change->number,
		    change->hex, err_name(err), diag.what);
}

/* Each claim with a value of each type but its own; an empty one of its own
 * is refused too where it says nothing. */
static void
test_wrong_types(void **state)
{
	static const char *const values[] = {
		"00", "20", "4100", "6161", "80", "a0", "f6", "f5", "c100"
	};
	struct change change;
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		for (n = 0; n < COUNT(values); n++) {
			if (good[i].right != NULL &&
			    strcmp(good[i].right, values[n]) == 0)
				continue;
			change.number = good[i].number;
			change.hex = values[n];
			refused(&change, ERR_SYNTAX, "document: claim ");
		}
	}
}

static const struct {
	struct change	 change;
	enum err	 err;
	const char	*part;
} bad_values[] = {
	{ { CLAIM_ISS, "60" }, ERR_SYNTAX, "iss: " },
	{ { CLAIM_IAT, "1b0000003afff44180" }, ERR_SYNTAX, "iat: " },
	{ { CLAIM_CNF, "a10203" }, ERR_SYNTAX, "cnf: " },
	{ { CLAIM_CNF, "a101a1010a" }, ERR_UNSUPPORTED, "cnf: " },
	/* a point that is not on the curve */
	{ { CLAIM_CNF, "a101a4010220012158" "20" P256_X "225820" P256_X },
	    ERR_INVALID, "cnf: " },
	/* a private key has no place in a document */
	{ { CLAIM_CNF, "a101a5010220012158" "20" P256_X "225820" P256_Y
	    "235820" HASH }, ERR_SYNTAX, "cnf: " },
	{ { CLAIM_SCOPE, "41ff" }, ERR_SYNTAX, "scope: " },
	{ { CLAIM_SCOPE, "428000" }, ERR_SYNTAX, "scope: " },
	{ { CLAIM_SCOPE, "4581826161f6" }, ERR_SYNTAX, "scope: " },
	{ { CLAIM_SCOPE, "468183616101" "00" }, ERR_SYNTAX, "scope: " },
	/* the same object twice; out of order */
	{ { CLAIM_SCOPE, "4982826161" "01" "82616102" }, ERR_SYNTAX,
	    "ascending" },
	{ { CLAIM_SCOPE, "4982826162" "01" "82616102" }, ERR_SYNTAX,
	    "ascending" },
	/* "a\0" would be taken for "a" */
	{ { CLAIM_SCOPE, "46818262610001" }, ERR_SYNTAX, "control" },
	{ { CLAIM_SCOPE, "4481826001" }, ERR_SYNTAX, "scope: " },
	{ { CLAIM_SCOPE, "4d8182" "6161" "1b0000000100000000" }, ERR_SYNTAX,
	    "beyond 31" },
	{ { CLAIM_UEID, "46010203040506" }, ERR_SYNTAX, "ueid: " },
	{ { CLAIM_UEID, "5822" HASH "0011" }, ERR_SYNTAX, "ueid: " },
	{ { CLAIM_SUEIDS, "a16161" "46020000000001" }, ERR_SYNTAX,
	    "sueids: " },
	{ { CLAIM_SUEIDS, "a16161" "5822" HASH "0011" }, ERR_SYNTAX,
	    "sueids: " },
	{ { CLAIM_SUEIDS, "a160" "4702000000000001" }, ERR_SYNTAX,
	    "sueids: " },
	{ { CLAIM_SUEIDS, "a101" "4702000000000001" }, ERR_SYNTAX,
	    "sueids: " },
	{ { CLAIM_SUEIDS, "a9" "616100" "616200" "616300" "616400" "616500"
	    "616600" "616700" "616800" "616900" }, ERR_LIMIT, "sueids: " },
	{ { CLAIM_OEMID, "1b0000000100000000" }, ERR_SYNTAX, "oemid: " },
	{ { CLAIM_HWMODEL, "40" }, ERR_SYNTAX, "hwmodel: " },
	{ { CLAIM_HWMODEL, "5821" HASH "00" }, ERR_SYNTAX, "hwmodel: " },
	{ { CLAIM_HWVERSION, "8301" "0203" }, ERR_SYNTAX, "hwversion: " },
	{ { CLAIM_HWVERSION, "83616101" "02" }, ERR_SYNTAX, "hwversion: " },
	{ { CLAIM_EAT_PROFILE, "6161" }, ERR_UNSUPPORTED, "eat_profile: " },
	{ { CLAIM_STATUS, "a16b7374617475735f6c697374a16369647807" },
	    ERR_SYNTAX, "status: " },
	{ { CLAIM_STATUS, "a16b7374617475735f6c697374a16375726961" "61" },
	    ERR_SYNTAX, "status: " },
	{ { CLAIM_CAPABILITIES, "a16161f5" }, ERR_SYNTAX, "capabilities: " },
	{ { CLAIM_CAPABILITIES, "a10001" }, ERR_SYNTAX, "capabilities: " },
	{ { CLAIM_CAPABILITIES, "a1610a01" }, ERR_SYNTAX, "control" },
	/* neither key nor certificate; both; no slot; slots out of order */
	{ { CLAIM_KEYSET, "81a3010002010504" }, ERR_SYNTAX, "keyset: " },
	{ { CLAIM_KEYSET, "81a50100020103" COSE_P256 "044130" "0504" },
	    ERR_SYNTAX, "not both" },
	{ { CLAIM_KEYSET, "81a302010441300504" }, ERR_SYNTAX, "missing" },
	{ { CLAIM_KEYSET, "82a4010002010441300504" "a4010002010441300504" },
	    ERR_SYNTAX, "ascending" },
	{ { CLAIM_KEYSET, "81a4011002010441300504" }, ERR_SYNTAX, "slot" },
	{ { CLAIM_KEYSET, "81a40100020104400504" }, ERR_SYNTAX, "empty" },
	{ { CLAIM_KEYSET, "81a4010002090441300504" }, ERR_UNSUPPORTED,
	    "purpose 9" },
	{ { CLAIM_KEYSET, "81a4010002010441300509" }, ERR_UNSUPPORTED,
	    "maker 9" },
	{ { CLAIM_KEYSET, "89" "00" "00" "00" "00" "00" "00" "00" "00" "00" },
	    ERR_LIMIT, "keyset: " },
	{ { CLAIM_ANCHORS, "a1616181a0" }, ERR_SYNTAX, "anchors: " },
	{ { CLAIM_ANCHORS, "a1616181a102822f4100" }, ERR_SYNTAX,
	    "anchors: " },
	{ { CLAIM_ANCHORS, "a1616181a10282382b5820" HASH }, ERR_UNSUPPORTED,
	    "algorithm -44" },
	{ { CLAIM_ANCHORS, "a16161910000000000000000000000000000000000" },
	    ERR_LIMIT, "anchors: " },
	{ { CLAIM_PRODUCT, "4100" }, ERR_SYNTAX, "product: " },
	{ { CLAIM_NAMES, "a1616100" }, ERR_SYNTAX, "names: " },
	{ { CLAIM_NAMES, "a9" "00000000000000000000000000000000" "0000" },
	    ERR_SYNTAX, "claim" },
};

static void
test_bad_values(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad_values); i++)
		refused(&bad_values[i].change, bad_values[i].err,
		    bad_values[i].part);
}

static void
test_missing(void **state)
{
	static const int64_t required[] = { CLAIM_ISS, CLAIM_IAT, CLAIM_NBF,
		CLAIM_CNF, CLAIM_SCOPE, CLAIM_UEID, CLAIM_EAT_PROFILE,
		CLAIM_KEYSET };
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct change change = { .hex = NULL };
	struct document d;
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		change.number = good[i].number;
		for (n = 0; n < COUNT(required); n++)
			if (required[n] == good[i].number)
				break;
		document_make(&change, "", 0, &b);
		if (n < COUNT(required))
			refused(&change, ERR_SYNTAX, "is missing");
		else
			assert_int_equal(document_parse(buf_bytes(&b), &d,
			    NULL), ERR_OK);
	}
	/* what stands for no expiry */
	change.number = CLAIM_EXP;
	document_make(&change, "", 0, &b);
	assert_int_equal(document_parse(buf_bytes(&b), &d, NULL), ERR_OK);
	assert_int_equal(d.expires, TIME_MAX_S);
}

static void
test_message(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT, claims = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct document d;

	(void)state;
	document_make(&unchanged, "", 0, &b);
	assert_int_equal(document_parse(buf_bytes(&b), &d, NULL), ERR_OK);
	buf_put_bytes(&claims, d.message.payload);
	buf_clear(&b);
	message_make("application/cwt", buf_bytes(&claims), &b);
	assert_int_equal(document_parse(buf_bytes(&b), &d, &diag), ERR_SYNTAX);
	assert_non_null(strstr(diag.what, "typ"));
	buf_clear(&b);
	message_make(NULL, buf_bytes(&claims), &b);
	assert_int_equal(document_parse(buf_bytes(&b), &d, NULL), ERR_SYNTAX);
	/* a claim's key that is neither integer nor text */
	buf_clear(&b);
	message_make(DOCUMENT_TYP, bytes_text("\xa1\x41\x00\x00"), &b);
	assert_int_equal(document_parse(buf_bytes(&b), &d, NULL), ERR_SYNTAX);
	buf_clear(&b);
	message_make(DOCUMENT_TYP, bytes_text("\x80"), &b);
	assert_int_equal(document_parse(buf_bytes(&b), &d, NULL), ERR_SYNTAX);
	buf_clear(&b);
	assert_non_null(buf_extend(&b, DOCUMENT_SIZE_MAX + 1));
	assert_int_equal(document_parse(buf_bytes(&b), &d, NULL), ERR_LIMIT);
}

/*
 * Frozen from the first version on, and signed: claims that nobody knows yet
 * (-70000 and "x-note") are passed over by every reader there will be.
 */
static void
test_unknown_claim(void **state)
{
	static const char key[] =
	    "045a1db1c545a346547a1c26935b63cd4f6fad46b87f59ee54a90c562e0f"
	    "d5dbb77a8d0ac3b48e1575a60d76c5d1c8fc0011abd306ed233c5d7db8ab"
	    "a07b928b0c";
	char text[2 * VECTOR_MAX] = "";
	uint8_t document[VECTOR_MAX], raw[KEY_PUBLIC_MAX];
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_buf_ struct buf shown = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct public_key public;
	struct document d;
	bool is_good = false;
	FILE *file;

	(void)state;
	file = fopen(VECTOR, "r");
	if (file == NULL)
		fail_msg("%s is missing", VECTOR);
	assert_non_null(fgets(text, sizeof(text), file));
	assert_int_equal(fclose(file), 0);
	text[strcspn(text, "\n")] = '\0';
	if (document_parse(HEX(text, document), &d, &diag) != ERR_OK)
		fail_msg("%s", diag.what);
	assert_int_equal(public_key_check(KEY_P256, HEX(key, raw), &public,
	    NULL), ERR_OK);
	assert_int_equal(verifier_new(&public, &verifier, NULL), ERR_OK);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(cose_sign1_verify(&d.message, verifier, KEY_P256,
	    BYTES_NONE, sha256, &is_good), ERR_OK);
	assert_true(is_good);
	document_put_json(&shown, &d);
	assert_non_null(strstr(buf_text(&shown), "\"-70000\": \"[1, 2]\""));
	assert_non_null(strstr(buf_text(&shown), "\"\\\"x-note\\\"\": "));
}

/* Do the brackets outside strings close in order, and the strings end? */
static bool
json_is_whole(const char *text)
{
	char stack[32];
	size_t depth = 0;
	bool string = false;

	for (; *text != '\0'; text++) {
		if (string && *text == '\\' && text[1] != '\0')
			text++;
		else if (*text == '"')
			string = !string;
		else if (string)
			continue;
		else if ((*text == '{' || *text == '[') &&
		    depth < sizeof(stack))
			stack[depth++] = *text == '{' ? '}' : ']';
		else if ((*text == '}' || *text == ']') &&
		    (depth == 0 || stack[--depth] != *text))
			return false;
	}
	return depth == 0 && !string;
}

static void
test_json(void **state)
{
	static const char *const parts[] = {
		"\"iss\": \"https://ca\"", "\"iat\": \"2026-01-01T00:00:00Z\"",
		"\"exp\": \"2033-05-18T03:33:20Z\"",
		"\"ueid\": \"0100112233445566778899aabbccddeeff\"",
		"\"sueids\": {\n    \"mac\": \"0202005e100001\"\n  }",
		"\"hwmodel_text\": \"CAM-200\"", "\"oemid\": 32473",
		"\"scope\": {\n    \"photo\": [\"GET\", \"POST\"],\n"
		    "    \"settings\": [\"GET\"],\n    \"video\": [\"POST\"]",
		"\"rights\": {\n    \"photo\": [\"GET\", \"POST\"],\n"
		    "    \"settings\": [\"GET\"]\n  }",
		"\"algorithm\": \"X25519\"", "\"certificate\": \"308000\"",
		"\"made_by\": \"authority\"", "\"purpose\": \"encrypt\"",
		/* NOLINTNEXTLINE(bugprone-suspicious-missing-comma) */
		"\"certificate_sha256\": \"" HASH "\"",
		"\"serial-number\": \"CAM-1\"", "\"status_idx\": 7",
		"\"product\": \"" HASH "\"", "\"policy\": 1",
		"\"cti\": \"0001", "\"other\": {}", "\"alg\": \"ES256\"",
	};
	_cleanup_buf_ struct buf b = BUF_INIT, json = BUF_INIT;
	struct document d;
	size_t i;

	(void)state;
	document_make(&unchanged, "", 0, &b);
	assert_int_equal(document_parse(buf_bytes(&b), &d, NULL), ERR_OK);
	document_put_json(&json, &d);
	for (i = 0; i < COUNT(parts); i++)
		if (strstr(buf_text(&json), parts[i]) == NULL)
			fail_msg("no %s in %s", parts[i], buf_text(&json));
	assert_true(json_is_whole(buf_text(&json)));
	assert_null(strstr(buf_text(&json), ",}"));
}

static void
test_text(void **state)
{
	static const char *const parts[] = {
		"UEID              0100112233445566778899aabbccddeeff\n",
		"valid until       2033-05-18T03:33:20Z\n",
		"model             CAM-200\n",
		"  photo            GET POST             -\n",
		"  settings         GET                  PUT\n",
		"cannot do it: video POST\n",
		"slot 0  authenticate  made by authority  certificate, SHA-256",
		"slot 1  encrypt       made by authority  X25519 key, thumbprint",
		"serial-number     CAM-1\n",
		"mac               UEID 0202005e100001\n",
		/* NOLINTNEXTLINE(bugprone-suspicious-missing-comma) */
		"service           certificate, SHA-256 " HASH "\n",
		"firmware          P-256 key, thumbprint ",
		"status index      7\n",
	};
	_cleanup_buf_ struct buf b = BUF_INIT, text = BUF_INIT;
	struct document d;
	size_t i;

	(void)state;
	document_make(&unchanged, "", 0, &b);
	assert_int_equal(document_parse(buf_bytes(&b), &d, NULL), ERR_OK);
	document_put_text(&text, &d);
	for (i = 0; i < COUNT(parts); i++)
		if (strstr(buf_text(&text), parts[i]) == NULL)
			fail_msg("no %s in %s", parts[i], buf_text(&text));
}

/*
 * Names, issuer and unknown claims of a document are a stranger's text: an
 * escape sequence, a C1 control, a change of direction, quotes, a NUL.
 */
static void
test_escapes(void **state)
{
	static const struct change changes[] = {
		{ CLAIM_ISS, "6b" "1b5d303b" "c29b" "e280ae" "225c" },
		{ CLAIM_NAMES, "a1" "62" "1b5b" "63" "0d0a00" },
		{ CLAIM_HWMODEL, "44ff1b2200" },
		{ CLAIM_SWNAME, "64f3a08081" },		/* U+E0001 */
		{ CLAIM_CAPABILITIES, "a164c29b226101" },
	};
	_cleanup_buf_ struct buf b = BUF_INIT, out = BUF_INIT;
	struct document d;
	size_t i, n, half;

	(void)state;
	for (i = 0; i < COUNT(changes); i++) {
		/* {-70000: "\x1b\u009b"} */
		document_make(&changes[i], "3a0001116f" "631bc29b", 1, &b);
		assert_int_equal(document_parse(buf_bytes(&b), &d, NULL),
		    ERR_OK);
		buf_clear(&out);
		document_put_json(&out, &d);
		assert_true(json_is_whole(buf_text(&out)));
		half = out.len;
		document_put_text(&out, &d);
		assert_int_equal(buf_err(&out), ERR_OK);
		for (n = 0; n < out.len; n++) {
			assert_true(out.ptr[n] >= 0x20 || out.ptr[n] == '\n');
			assert_int_not_equal(out.ptr[n], 0x7f);
		}
		assert_null(memmem(out.ptr, out.len, "\xc2\x9b", 2));
		assert_null(memmem(out.ptr, out.len, "\xe2\x80\xae", 3));
		assert_null(memmem(out.ptr, out.len, "\xf3\xa0\x80\x81", 4));
		assert_null(memchr(out.ptr, 0xff, out.len));
		assert_true(half < out.len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_label),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_unknown_claim),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
