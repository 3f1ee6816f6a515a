#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/policy/product_yaml.h"

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))
#define KEY_BASE64 \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7" \
	"Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ=="

/* Uses every key; the numbers of the lines are in the tables below. */
static const char base[] =
	/*  1 */ "product: camera\n"
	/*  2 */ "version: \"1.0.0\"\n"
	/*  3 */ "metadata:\n"
	/*  4 */ "  manufacturer: Example\n"
	/*  5 */ "  oemid: 32473\n"
	/*  6 */ "  hwmodel: CAM-200\n"
	/*  7 */ "  hwversion: \"2\"\n"
	/*  8 */ "  swname: cam\n"
	/*  9 */ "  swversion: 1.4\n"
	/* 10 */ "capabilities:\n"
	/* 11 */ "  video: [GET, POST]\n"
	/* 12 */ "  photo: [GET, POST]\n"
	/* 13 */ "authorisations:\n"
	/* 14 */ "  photo: [GET]\n"
	/* 15 */ "credentials:\n"
	/* 16 */ "  - slot: 0\n"
	/* 17 */ "    purpose: authenticate\n"
	/* 18 */ "    algorithm: P-256\n"
	/* 19 */ "    key-from: authority\n"
	/* 20 */ "    certificate:\n"
	/* 21 */ "      validity: 20 years\n"
	/* 22 */ "      omit: [aia]\n"
	/* 23 */ "  - slot: 1\n"
	/* 24 */ "    purpose: encrypt\n"
	/* 25 */ "    algorithm: X25519\n"
	/* 26 */ "    key-from: authority\n"
	/* 27 */ "names:\n"
	/* 28 */ "  - kind: serial-number\n"
	/* 29 */ "    from: index\n"
	/* 30 */ "    format: \"CAM-{index:9}\"\n"
	/* 31 */ "  - {kind: tag, from: index, format: \"{index:19}\"}\n"
	/* 32 */ "trust-anchors:\n"
	/* 33 */ "  service: root\n"
	/* 34 */ "  code-signing: {key: " KEY_BASE64 "}\n"
	/* 35 */ "document: {signature: direct, validity: never}\n"
	/* 36 */ "delivery: station\n";

static enum err
parse(const struct buf *text, struct product *ret_product, struct diag *diag)
{
	return product_yaml_parse("t.yaml", buf_bytes(text), ret_product,
	    diag);
}

/* base with the first from replaced by to. */
static void
base_edit(const char *from, const char *to, struct buf *out)
{
	const char *at = strstr(base, from);

	if (at == NULL) {
		fail_msg("\"%s\" is not in the base file", from);
		return;
	}
	buf_put(out, base, (size_t)(at - base));
	buf_put(out, to, strlen(to));
	buf_put(out, at + strlen(from), strlen(at + strlen(from)));
}

struct edit {
	const char	*from, *to;
	enum err	code;
	const char	*what;
};

static void
refused_all(const struct edit *edits, size_t count)
{
	struct product p = { .name = "" };
	size_t i;

	for (i = 0; i < count; i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct diag diag = DIAG_INIT;
		enum err err;

		base_edit(edits[i].from, edits[i].to, &text);
		err = parse(&text, &p, &diag);
		if (err != edits[i].code || diag.code != err ||
		    strstr(diag.what, edits[i].what) == NULL)
			fail_msg("%s -> %s: got %d: %s", edits[i].from,
			    edits[i].to, err, diag.what);
		assert_string_equal(p.name, "");
	}
}

#define X10	"xxxxxxxxxx"
#define X60	X10 X10 X10 X10 X10 X10
#define X130	X60 X60 X10

static const struct edit forms[] = {
	{ "product: camera", "product camera", ERR_SYNTAX,
	    "t.yaml:2: not well-formed YAML in UTF-8: mapping values" },
	{ "[GET]", "[GET", ERR_SYNTAX, "t.yaml:15: not well-formed YAML" },
	{ "Example", "\"\\xg\"", ERR_SYNTAX, "t.yaml:4: not well-formed" },
	{ "Example", "Ex\xff", ERR_SYNTAX, "t.yaml:4: not well-formed" },
	{ "Example", "Ex\x01", ERR_SYNTAX, "t.yaml:4: not well-formed" },
	{ "Example", "\"Ex\\0\"", ERR_INVALID, "t.yaml:4: a NUL" },
	{ "Example", "\"Ex\\n\"", ERR_INVALID,
	    "t.yaml:4: metadata.manufacturer: \"Ex?\" holds U+000A" },
	{ "Example", "&name Example", ERR_INVALID, "t.yaml:4: anchors" },
	{ "[GET]", "&x [GET]", ERR_INVALID, "t.yaml:14: anchors" },
	{ "{signature", "&x {signature", ERR_INVALID, "t.yaml:35: anchors" },
	{ "Example", "*name", ERR_INVALID, "t.yaml:4: aliases" },
	{ "Example", "!!str Example", ERR_INVALID, "t.yaml:4: tags" },
	{ "[GET]", "!!set [GET]", ERR_INVALID, "t.yaml:14: tags" },
	{ "{signature", "!x {signature", ERR_INVALID, "t.yaml:35: tags" },
	{ "delivery: station\n", "delivery: station\n---\na: b\n",
	    ERR_INVALID, "t.yaml:37: a second document" },
	{ "[GET]", "[[[[[[[[[GET]]]]]]]]]", ERR_LIMIT,
	    "t.yaml:14: nested too deeply" },
	{ "\nversion", "\n? [a]\n: b\nversion", ERR_INVALID,
	    "t.yaml:2: a key must be a plain word" },
	{ "\nversion", "\ncolour: red\nversion", ERR_INVALID,
	    "t.yaml:2: unknown key \"colour\"; allowed: product, version, "
	    "metadata, capabilities, authorisations, credentials, names, "
	    "trust-anchors, document, delivery" },
	{ "\nversion", "\n<<: {a: b}\nversion", ERR_INVALID,
	    "t.yaml:2: unknown key \"<<\"" },
	{ "\nversion", "\n\"\\x1b[31m\\xe9\": red\nversion", ERR_INVALID,
	    "unknown key \"?[31m??\"" },
	{ "\nversion", "\nproduct: other\nversion", ERR_INVALID,
	    "t.yaml:2: key \"product\" is repeated; it is on line 1" },
	{ "  hwmodel: CAM-200\n", "", ERR_INVALID,
	    "t.yaml:4: metadata: required key \"hwmodel\" is missing" },
	{ "product: camera\n", "", ERR_INVALID,
	    "t.yaml:1: required key \"product\" is missing" },
	{ "delivery: station\n", "", ERR_INVALID,
	    "t.yaml:1: required key \"delivery\" is missing" },
	{ "document: {signature: direct, validity: never}", "document: none",
	    ERR_INVALID, "t.yaml:35: document: expected keys with values; "
	    "allowed: signature, validity" },
	{ "[GET]", "GET", ERR_INVALID,
	    "t.yaml:14: authorisations.photo: expected a list" },
	{ "Example", "[Example]", ERR_INVALID,
	    "t.yaml:4: metadata.manufacturer: expected a single value" },
	{ "Example", "", ERR_INVALID,
	    "t.yaml:4: metadata.manufacturer: is empty" },
};

static const struct edit values[] = {
	{ "product: camera", "product: Camera", ERR_INVALID,
	    "t.yaml:1: product: \"Camera\" is not a name; allowed: a-z" },
	{ "product: camera", "product: " X60 X10, ERR_LIMIT,
	    "octets long; at most 63" },
	{ "1.0.0", "1.0-rc", ERR_INVALID,
	    "t.yaml:2: version: \"1.0-rc\" is not a version" },
	{ "1.0.0", "1..0", ERR_INVALID, "t.yaml:2: version: \"1..0\"" },
	{ "Example", X60 X10, ERR_LIMIT, "is 70 characters long; at most 64" },
	{ "32473", "0", ERR_INVALID,
	    "t.yaml:5: metadata.oemid: 0 is out of range; allowed: 1 to" },
	{ "32473", "4294967296", ERR_INVALID, "4294967296 is out of range" },
	{ "32473", "99999999999999999999", ERR_INVALID, "is out of range" },
	{ "32473", "0x10", ERR_INVALID, "\"0x10\" is not a decimal number" },
	{ "32473", "-1", ERR_INVALID, "\"-1\" is not a decimal number" },
	{ "32473", "01", ERR_INVALID, "\"01\" is not a decimal number" },
	{ "CAM-200", X10 X10 X10 "xxx", ERR_LIMIT,
	    "t.yaml:6: metadata.hwmodel: is 33 octets long; at most 32" },
	{ "swname: cam", "swname: " X130, ERR_LIMIT,
	    "t.yaml:8: metadata.swname: is 130 octets long; at most 128" },
	{ "swname: cam", "swname: \"\\u202ecam\"", ERR_INVALID,
	    "t.yaml:8: metadata.swname: holds U+202E" },
	{ "video: [GET, POST]", "video: [GET, get]", ERR_INVALID,
	    "t.yaml:11: capabilities.video[1]: \"get\" is not a method; "
	    "allowed: GET, POST, PUT, DELETE, FETCH, PATCH, iPATCH" },
	{ "video: [GET, POST]", "video: [GET, GET]", ERR_INVALID,
	    "t.yaml:11: capabilities.video[1]: \"GET\" is repeated" },
	{ "video: [GET, POST]", "video: []", ERR_INVALID,
	    "t.yaml:11: capabilities.video: lists no method" },
	{ "video: [GET, POST]", "video: [GET, GET, GET, GET, GET, GET, GET, "
	    "GET]", ERR_LIMIT, "t.yaml:11: capabilities.video: more than 7" },
	{ "video: [GET, POST]", "/video: [GET]", ERR_INVALID,
	    "t.yaml:11: capabilities./video: is not an object; allowed" },
	{ "video: [GET, POST]", "video/../x: [GET]", ERR_INVALID,
	    "t.yaml:11: capabilities.video/../x: is not an object" },
	{ "video: [GET, POST]", X130 ": [GET]", ERR_LIMIT,
	    "130 octets long; at most 128" },
	{ "video: [GET, POST]", "photo: [GET]", ERR_INVALID,
	    "t.yaml:12: capabilities: key \"photo\" is repeated; it is on "
	    "line 11" },
	{ "  photo: [GET]\n", "  radio: [GET]\n", ERR_INVALID,
	    "t.yaml:14: authorisations.radio: is authorised but no "
	    "capability" },
	{ "  photo: [GET]\n", "  photo: [GET, DELETE]\n", ERR_INVALID,
	    "t.yaml:14: authorisations.photo: DELETE is authorised but" },
	{ "serial-number\n    from: index", "serial-number\n    from: range",
	    ERR_INVALID, "t.yaml:30: names[0]: format: has no place with "
	    "from: range" },
	{ "from: index", "from: moon", ERR_INVALID, "t.yaml:29" },
	{ "serial-number", "Serial", ERR_INVALID,
	    "t.yaml:28: names[0].kind: \"Serial\" is not a name" },
	{ "kind: tag", "kind: serial-number", ERR_INVALID,
	    "t.yaml:31: names[1]: kind: \"serial-number\" is taken" },
	{ "{index:9}", "", ERR_INVALID,
	    "t.yaml:30: names[0].format: \"CAM-\" is no format" },
	{ "{index:9}", "{index:9}-x", ERR_INVALID, "t.yaml:30" },
	{ "{index:9}", "{index}", ERR_INVALID, "t.yaml:30" },
	{ "{index:9}", "{index:}", ERR_INVALID, "t.yaml:30" },
	{ "{index:9}", "{index:0}", ERR_INVALID, "t.yaml:30" },
	{ "{index:9}", "{index:20}", ERR_INVALID, "t.yaml:30" },
	{ "{index:9}", "{index:1", ERR_INVALID, "t.yaml:30" },
	{ "\"CAM-", "\"CAM_", ERR_INVALID,
	    "t.yaml:30: names[0]: format: holds a character outside" },
	{ "\"CAM-", "\"" X60, ERR_LIMIT,
	    "t.yaml:30: names[0]: format: makes names of 69 characters" },
	{ "\"CAM-", "\"" X130, ERR_LIMIT, "t.yaml:30: names[0].format: makes" },
	{ "service: root", "Service: root", ERR_INVALID,
	    "t.yaml:33: trust-anchors.Service: is not a name" },
	{ "service: root", "service: leaf", ERR_INVALID,
	    "t.yaml:33: trust-anchors.service: \"leaf\" is not offered; "
	    "allowed: root" },
	{ "service: root", "service: issuer", ERR_UNSUPPORTED, "t.yaml:33" },
	{ "service: root", "service: {keys: x}", ERR_INVALID,
	    "t.yaml:33: trust-anchors.service: unknown key \"keys\"" },
	{ "key: MFkw", "key: MFk", ERR_INVALID,
	    "t.yaml:34: trust-anchors.code-signing.key: is neither" },
	{ "key: MFkw", "key: MGkw", ERR_INVALID,
	    "t.yaml:34: trust-anchors.code-signing.key: is no public key" },
	{ "YimQ==", "YimA==", ERR_INVALID, "t.yaml:34: trust-anchors." },
	/* X25519 cannot verify anything */
	{ KEY_BASE64,
	    "MCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
	    ERR_INVALID, "t.yaml:34: trust-anchors.code-signing: is no key "
	    "to verify with" },
	{ "direct", "none", ERR_INVALID, "t.yaml:35: document.signature" },
	{ "never", "always", ERR_INVALID,
	    "t.yaml:35: document.validity: \"always\" is no validity" },
	{ "delivery: station", "delivery: chip", ERR_UNSUPPORTED,
	    "t.yaml:36: delivery: \"chip\" is not offered by this version; "
	    "allowed: station" },
	{ "delivery: station", "delivery: device-key", ERR_UNSUPPORTED,
	    "t.yaml:36" },
	{ "delivery: station", "delivery: pigeon", ERR_INVALID, "t.yaml:36" },
};

static const struct edit credentials[] = {
	{ "slot: 0", "slot: 8", ERR_INVALID,
	    "t.yaml:16: credentials[0].slot: 8 is out of range; allowed: 0 "
	    "to 7" },
	{ "slot: 1", "slot: 0", ERR_INVALID,
	    "t.yaml:23: credentials[1]: slot: 0 is taken by credentials[0]" },
	{ "authenticate", "decorate", ERR_INVALID,
	    "t.yaml:17: credentials[0].purpose: \"decorate\" is not offered; "
	    "allowed: authenticate, encrypt, sign" },
	{ "purpose: authenticate", "purpose: sign", ERR_INVALID,
	    "t.yaml:16: credentials: 0 slots with purpose authenticate" },
	{ "    purpose: encrypt\n    algorithm: X25519\n"
	    "    key-from: authority\n", "    purpose: authenticate\n"
	    "    algorithm: P-256\n    key-from: authority\n"
	    "    certificate: {validity: never}\n", ERR_INVALID,
	    "t.yaml:16: credentials: 2 slots with purpose authenticate" },
	{ "P-256", "P-521", ERR_INVALID,
	    "t.yaml:18: credentials[0].algorithm: \"P-521\" is not offered; "
	    "allowed: P-256, P-384, Ed25519, X25519, RSA-2048, RSA-3072, "
	    "ML-DSA-44, ML-DSA-65" },
	{ "P-256", "X25519", ERR_INVALID,
	    "t.yaml:18: credentials[0]: algorithm: \"X25519\" cannot "
	    "authenticate; allowed: P-256, P-384, Ed25519, RSA-2048" },
	{ "encrypt", "sign", ERR_INVALID,
	    "t.yaml:25: credentials[1]: algorithm: \"X25519\" cannot sign" },
	{ "key-from: authority", "key-from: station", ERR_UNSUPPORTED,
	    "t.yaml:19: credentials[0].key-from: \"station\" is not offered "
	    "by this version; allowed: device, chip, authority" },
	{ "key-from: authority", "key-from: device", ERR_INVALID,
	    "slot 0 says device, slot 1 authority" },
	{ "key-from: authority", "key-from: thief", ERR_INVALID, ":19:" },
	{ "    certificate:\n      validity: 20 years\n      omit: [aia]\n",
	    "", ERR_INVALID, "t.yaml:16: credentials[0]: certificate: is "
	    "missing" },
	{ "X25519\n    key-from: authority\n", "X25519\n    key-from: "
	    "authority\n    certificate: {validity: never}\n",
	    ERR_UNSUPPORTED, "t.yaml:27: credentials[1]: certificate: is "
	    "not offered for X25519" },
	{ "20 years", "0 years", ERR_INVALID, "t.yaml:21: credentials[0]."
	    "certificate.validity: \"0 years\" is no validity; allowed: "
	    "1 year, 2 years to 100 years, never" },
	{ "20 years", "101 years", ERR_INVALID, "t.yaml:21:" },
	{ "20 years", "1 years", ERR_INVALID, "t.yaml:21:" },
	{ "20 years", "20", ERR_INVALID, "t.yaml:21:" },
	{ "20 years", "020 years", ERR_INVALID, "t.yaml:21:" },
	{ "20 years", "99999999999999999999 years", ERR_INVALID, ":21:" },
	{ "20 years", "20 days", ERR_INVALID, "t.yaml:21:" },
	{ "[aia]", "[san]", ERR_INVALID, "t.yaml:22: credentials[0]."
	    "certificate.omit[0]: \"san\" is not offered; allowed: ski, aki, "
	    "crl, aia, eku" },
	{ "[aia]", "[aia, aia]", ERR_INVALID,
	    "t.yaml:22: credentials[0].certificate.omit[1]: is repeated" },
	{ "      omit", "      keep", ERR_INVALID, "t.yaml:22: "
	    "credentials[0].certificate: unknown key \"keep\"; allowed: "
	    "validity, omit" },
	{ "    purpose: authenticate\n", "", ERR_INVALID,
	    "t.yaml:16: credentials[0]: required key \"purpose\" is" },
	{ "credentials:\n  - slot: 0\n    ", "credentials:\n    ",
	    ERR_SYNTAX, "t.yaml:" },
};

static void
test_refused(void **state)
{
	(void)state;
	refused_all(forms, COUNT(forms));
	refused_all(values, COUNT(values));
	refused_all(credentials, COUNT(credentials));
}

static void
test_base(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct product p;

	(void)state;
	buf_put(&text, base, sizeof(base) - 1);
	if (parse(&text, &p, &diag) != ERR_OK)
		fail_msg("%s", diag.what);
	assert_string_equal(p.name, "camera");
	assert_string_equal(p.version, "1.0.0");
	assert_string_equal(p.manufacturer, "Example");
	assert_int_equal(p.oemid, 32473);
	assert_string_equal(p.hwmodel, "CAM-200");
	assert_string_equal(p.hwversion, "2");
	assert_string_equal(p.swname, "cam");
	assert_string_equal(p.swversion, "1.4");
	assert_int_equal(p.capability_count, 2);
	assert_string_equal(p.capabilities[0].object, "photo");
	assert_int_equal(p.capabilities[0].bits, 3);
	assert_int_equal(p.authorisation_count, 1);
	assert_int_equal(p.authorisations[0].bits, 1);
	assert_int_equal(p.credential_count, 2);
	assert_int_equal(p.credentials[0].validity_years, 20);
	assert_int_equal(p.credentials[0].with, CERT_WITH_SKI |
	    CERT_WITH_AKI | CERT_WITH_CRL | CERT_WITH_EKU);
	assert_int_equal(p.credentials[1].alg, KEY_X25519);
	assert_false(p.credentials[1].certificate);
	assert_int_equal(p.anchor_count, 2);
	assert_string_equal(p.anchors[0].purpose, "code-signing");
	assert_true(p.anchors[0].is_key);
	assert_int_equal(p.anchors[0].public_key.alg, KEY_P256);
	assert_string_equal(p.anchors[1].purpose, "service");
	assert_false(p.anchors[1].is_key);
	assert_int_equal(p.name_count, 2);
	assert_string_equal(p.names[0].prefix, "CAM-");
	assert_int_equal(p.names[0].digits, 9);
	assert_string_equal(p.names[1].kind, "tag");
	assert_int_equal(p.names[1].digits, 19);
	assert_int_equal(p.document_validity_years, PRODUCT_NEVER);
}

/* An algorithm that this OpenSSL lacks is refused in its line, saying what it
 * needs. */
static void
test_algorithms(void **state)
{
	const struct key_algorithm *a;
	size_t i;

	(void)state;
	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct diag diag = DIAG_INIT;
		struct product p;

		if ((a->can & KEY_SIGNS) == 0)
			continue;
		base_edit("P-256", a->name, &text);
		if (key_alg_available(a->alg, NULL) == ERR_OK) {
			assert_int_equal(parse(&text, &p, &diag), ERR_OK);
			assert_int_equal(p.credentials[0].alg, a->alg);
			continue;
		}
		assert_int_equal(parse(&text, &p, &diag), ERR_UNSUPPORTED);
		assert_non_null(strstr(diag.what,
		    "t.yaml:18: credentials[0].algorithm: ML-DSA-"));
		assert_non_null(strstr(diag.what, "needs OpenSSL 3.5 or"));
		assert_non_null(strstr(diag.hint, "another algorithm"));
	}
}

/* Files too large, too many, empty. */
static void
test_limits(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct product p;
	char *large;
	size_t i;

	(void)state;
	assert_int_equal(product_yaml_parse("t.yaml", BYTES_NONE, &p, &diag),
	    ERR_INVALID);
	assert_string_equal(diag.what, "t.yaml:1: the file is empty");
	assert_int_equal(product_yaml_parse("t.yaml", bytes_text("# no\n"),
	    &p, NULL), ERR_INVALID);
	assert_int_equal(product_yaml_parse("t.yaml", bytes_text("[a, b]"),
	    &p, NULL), ERR_INVALID);

	large = malloc(PRODUCT_FILE_MAX + 1);
	assert_non_null(large);
	memset(large, '\n', PRODUCT_FILE_MAX + 1);
	memcpy(large, base, sizeof(base) - 1);
	assert_int_equal(product_yaml_parse("t.yaml", bytes_of(large,
	    PRODUCT_FILE_MAX), &p, NULL), ERR_OK);
	assert_int_equal(product_yaml_parse("t.yaml", bytes_of(large,
	    PRODUCT_FILE_MAX + 1), &p, NULL), ERR_LIMIT);
	free(large);

	base_edit("  video: [GET, POST]\n", "", &text);
	for (i = 0; i < PRODUCT_OBJECTS_MAX; i++) {
		char line[32];

		if (i == PRODUCT_OBJECTS_MAX - 1)
			assert_int_equal(parse(&text, &p, NULL), ERR_OK);
		(void)snprintf(line, sizeof(line), "  o%zu: [GET]\n", i);
		buf_insert(&text, (size_t)(strstr(buf_text(&text),
		    "capabilities:\n") - buf_text(&text)) + 14,
		    bytes_text(line));
	}
	memset(&diag, 0, sizeof(diag));
	assert_int_equal(parse(&text, &p, &diag), ERR_LIMIT);
	assert_string_equal(diag.what,
	    "t.yaml:11: capabilities: more than 64 keys");
}

static void
hash_of(const struct product *p, char ret_hex[2 * SHA256_SIZE + 1])
{
	uint8_t hash[SHA256_SIZE];
	size_t i;

	assert_int_equal(product_hash(p, hash), ERR_OK);
	for (i = 0; i < sizeof(hash); i++)
		(void)snprintf(ret_hex + 2 * i, 3, "%02x", hash[i]);
}

/* The names of these versions, for ever: devices carry them. */
static const struct {
	const char	*path;
	const char	*hash;
} samples[] = {
	{ "examples/products/camera.yaml",
	    "61ae8c38974156f795ffa82a871740cf7e84a570b13629ffd5f9066b4f788762" },
	{ "examples/products/glucose-monitor.yaml",
	    "3a749e6ad7dea0fe4f8a440e3b6c1c35e22fa73eb7d9e6c76b0a3dc1c650ee33" },
	{ "examples/products/wind-turbine-sensor.yaml",
	    "7291508c3408df292185e30714dff1ebc1d25b251b8fb363a3b5e421ed31f27a" },
	{ "examples/products/water-meter.yaml",
	    "2f28e583c446508bffa42234843d4854a97f9f4c40f6d1eff11c865fdf0e88e0" },
};

static void
test_samples(void **state)
{
	char hex[2 * SHA256_SIZE + 1];
	struct product p, q;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(samples); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT, again = BUF_INIT;
		struct diag diag = DIAG_INIT;

		assert_int_equal(io_read_file(io_posix(), samples[i].path,
		    &text, &diag), ERR_OK);
		if (product_yaml_parse(samples[i].path, buf_bytes(&text), &p,
		    &diag) != ERR_OK)
			fail_msg("%s", diag.what);
		hash_of(&p, hex);
		assert_string_equal(hex, samples[i].hash);

		assert_int_equal(product_yaml_write(&p, &again), ERR_OK);
		if (parse(&again, &q, &diag) != ERR_OK)
			fail_msg("%s", diag.what);
		assert_memory_equal(&p, &q, sizeof(p));
	}
}

/* A file that does not say how documents are signed says direct. */
static void
test_signature(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct product p, q;

	(void)state;
	base_edit("signature: direct, ", "", &text);
	assert_int_equal(parse(&text, &p, NULL), ERR_OK);
	assert_int_equal(p.signature, SIGNATURE_DIRECT);
	buf_clear(&text);
	base_edit("direct", "direct", &text);
	assert_int_equal(parse(&text, &q, NULL), ERR_OK);
	assert_memory_equal(&p, &q, sizeof(p));
	buf_clear(&text);
	base_edit("direct", "receipt", &text);
	assert_int_equal(parse(&text, &p, NULL), ERR_OK);
	assert_int_equal(p.signature, SIGNATURE_RECEIPT);
}

static void
test_evidence(void **state)
{
	static const char *const words[] = { "unproven", "readback", "signed" };
	_cleanup_buf_ struct buf text = BUF_INIT, yaml = BUF_INIT;
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	struct product p, q;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(words); i++) {
		buf_clear(&text);
		buf_clear(&yaml);
		buf_clear(&encoded);
		base_edit("direct", "direct", &text);
		buf_printf(&text, "evidence: %s\n", words[i]);
		assert_int_equal(parse(&text, &p, NULL), ERR_OK);
		assert_int_equal(p.evidence, i);
		assert_int_equal(product_yaml_write(&p, &yaml), ERR_OK);
		assert_int_equal(parse(&yaml, &q, NULL), ERR_OK);
		assert_memory_equal(&p, &q, sizeof(p));
		assert_int_equal(product_encode(&p, &encoded), ERR_OK);
		assert_int_equal(product_decode(buf_bytes(&encoded), &q, NULL),
		    ERR_OK);
		assert_int_equal(q.evidence, i);
	}
	buf_printf(&text, "evidence: sworn\n");
	assert_int_not_equal(parse(&text, &p, NULL), ERR_OK);
}

/* The same said otherwise: order, comments, quotes, blocks, PEM. */
static const char same[] =
	"%YAML 1.1\n"
	"--- # one document\n"
	"delivery: 'station'\n"
	"document:\n"
	"  validity: never\n"
	"  signature: direct\n"
	"trust-anchors:\n"
	"  code-signing:\n"
	"    key: |\n"
	"      -----BEGIN PUBLIC KEY-----\n"
	"      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7\n"
	"      Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n"
	"      -----END PUBLIC KEY-----\n"
	"  service: root\n"
	"names:\n"
	"  - {format: '{index:19}', kind: tag, from: index}\n"
	"  - {format: 'CAM-{index:9}', kind: serial-number, from: index}\n"
	"credentials:\n"
	"  - {key-from: authority, algorithm: X25519, purpose: encrypt, slot: 1}\n"
	"  - certificate: {omit: [aia], validity: 20 years}\n"
	"    slot: 0\n"
	"    purpose: authenticate\n"
	"    algorithm: \"P-256\"\n"
	"    key-from: authority\n"
	"authorisations: {photo: [GET]}\n"
	"capabilities:\n"
	"  photo:\n"
	"    - POST # not sorted\n"
	"    - GET\n"
	"  video: [POST, GET]\n"
	"metadata: {swversion: '1.4', swname: cam, hwversion: 2,\n"
	"  hwmodel: CAM-200, oemid: 32473, manufacturer: Example}\n"
	"version: 1.0.0\n"
	"product: camera\n"
	"...\n";

static void
test_same_hash(void **state)
{
	char first[2 * SHA256_SIZE + 1], second[2 * SHA256_SIZE + 1];
	struct diag diag = DIAG_INIT;
	struct product p, q;

	(void)state;
	assert_int_equal(product_yaml_parse("t.yaml", bytes_text(base), &p,
	    &diag), ERR_OK);
	if (product_yaml_parse("t.yaml", bytes_text(same), &q, &diag) !=
	    ERR_OK)
		fail_msg("%s", diag.what);
	assert_memory_equal(&p, &q, sizeof(p));
	hash_of(&p, first);
	hash_of(&q, second);
	assert_string_equal(first, second);
	q.authorisations[0].bits = 3;
	hash_of(&q, second);
	assert_string_not_equal(first, second);
}

/* Everything a text may hold survives the file. */
static void
test_write(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct product p, q;

	(void)state;
	assert_int_equal(product_yaml_parse("t.yaml", bytes_text(base), &p,
	    NULL), ERR_OK);
	memset(p.manufacturer, 0, sizeof(p.manufacturer));
	memset(p.swname, 0, sizeof(p.swname));
	memcpy(p.manufacturer, " \"a\\b\": #c \xc3\xa9\xe2\x82\xac"
	    "\xf0\x9f\x93\xb7 ", 21);
	memcpy(p.swname, "true", 4);
	p.oemid = 0;
	memset(p.hwversion, 0, sizeof(p.hwversion));
	p.authorisation_count = 0;
	memset(p.authorisations, 0, sizeof(p.authorisations));
	p.credentials[0].with = 0;
	p.credentials[0].validity_years = 1;
	assert_int_equal(product_yaml_write(&p, &text), ERR_OK);
	if (parse(&text, &q, &diag) != ERR_OK)
		fail_msg("%s\n%s", diag.what, buf_text(&text));
	assert_memory_equal(&p, &q, sizeof(p));

	p.version[0] = 'x';
	buf_clear(&text);
	assert_int_equal(product_yaml_write(&p, &text), ERR_INVALID);
	assert_int_equal(text.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_signature),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_same_hash),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
