#include "lib/identity/rendering_internal.h"

#include "lib/identity/document_render.h"
#include "lib/identity/test_make.h"
#include "lib/x509/certificate.h"
#include "tests/support/hex.h"

#define CAMERA		"examples/products/camera.yaml"
#define VECTOR		"tests/vectors/document_unknown_claim.hex"
#define VECTOR_MAX	4096
#define INDEX		17
#define PASSWORD	"correct horse"

/* An identity and all there is to render it. */
struct fixture {
	struct world		world;
	struct identity		identity;
	struct document		document;
	struct rendering_source	source;
};

static void
fixture_release(struct fixture *f)
{
	world_release(&f->world);
}
#define _cleanup_fixture_ __attribute__((cleanup(fixture_release)))

/* The chain: any certificates will do, so it is the leaf twice. */
static void
fixture_make(struct fixture *f)
{
	struct diag diag = DIAG_INIT;

	*f = (struct fixture){ .source.slot = RENDERING_ALL_SLOTS };
	world_make(&f->world, CAMERA);
	assert_int_equal(world_identity(&f->world, INDEX, &f->identity),
	    ERR_OK);
	if (document_parse(f->identity.document, &f->document, &diag) !=
	    ERR_OK)
		fail_msg("%s", diag.what);
	f->source.encoded = f->identity.document;
	f->source.document = &f->document;
	f->source.chain[0] = f->identity.certificate[0];
	f->source.chain[1] = f->identity.certificate[0];
	f->source.chain_count = 2;
	f->source.signer = f->world.document;
	f->source.password = bytes_text(PASSWORD);
}

static enum err
render(const char *name, const struct rendering_source *source,
    struct buf *out, struct diag *diag)
{
	const struct rendering *rendering;

	assert_int_equal(rendering_find(name, &rendering, NULL), ERR_OK);
	return rendering->put(source, out, diag);
}

static void
rendered(const char *name, const struct rendering_source *source,
    struct buf *out)
{
	struct diag diag = DIAG_INIT;

	if (render(name, source, out, &diag) != ERR_OK)
		fail_msg("%s: %s", name, diag.what);
	assert_true(out->len > 0);
}

static void
test_table(void **state)
{
	const struct rendering *found = NULL;
	struct diag diag = DIAG_INIT;
	size_t i;

	(void)state;
	for (i = 0; renderings[i] != NULL; i++) {
		assert_int_equal(rendering_find(renderings[i]->name, &found,
		    NULL), ERR_OK);
		assert_ptr_equal(found, renderings[i]);
		assert_int_equal(renderings[i]->ending[0], '.');
	}
	assert_int_equal(i, 9);
	assert_int_equal(rendering_find("xml", &found, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.what, "\"xml\""));
	assert_non_null(strstr(diag.what, "document, json, text, pem, der, "
	    "jwt, pkcs12, c, ndjson"));
}

static void
test_same_bytes(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT, expected = BUF_INIT;
	_cleanup_fixture_ struct fixture f;

	(void)state;
	fixture_make(&f);
	rendered("document", &f.source, &out);
	assert_true(bytes_equal(buf_bytes(&out), f.source.encoded));
	buf_clear(&out);
	rendered("json", &f.source, &out);
	document_put_json(&expected, &f.document);
	assert_string_equal(buf_text(&out), buf_text(&expected));
	buf_clear(&out);
	buf_clear(&expected);
	rendered("text", &f.source, &out);
	document_put_text(&expected, &f.document);
	assert_string_equal(buf_text(&out), buf_text(&expected));
	buf_clear(&out);
	rendered("der", &f.source, &out);
	assert_true(bytes_equal(buf_bytes(&out), f.identity.certificate[0]));
}

/* JSON without the white space outside of its strings. */
static void
json_squeeze(const char *text, struct buf *out)
{
	bool string = false;

	for (; *text != '\0'; text++) {
		if (*text == '"')
			string = !string;
		if (string || strchr(" \n", *text) == NULL)
			buf_put_u8(out, (uint8_t)*text);
		if (string && *text == '\\')
			buf_put_u8(out, (uint8_t) * ++text);
	}
}

static void
test_json_line(void **state)
{
	_cleanup_buf_ struct buf whole = BUF_INIT, line = BUF_INIT;
	_cleanup_buf_ struct buf squeezed = BUF_INIT;
	_cleanup_fixture_ struct fixture f;

	(void)state;
	fixture_make(&f);
	rendered("json", &f.source, &whole);
	f.source.line = true;
	rendered("json", &f.source, &line);
	json_squeeze(buf_text(&whole), &squeezed);
	assert_string_equal(buf_text(&line), buf_text(&squeezed));
	assert_null(strchr(buf_text(&line), '\n'));
}

static void
test_pem(void **state)
{
	_cleanup_buf_ struct buf pem = BUF_INIT, ders = BUF_INIT;
	_cleanup_fixture_ struct fixture f;
	struct bytes leaf;
	size_t i;

	(void)state;
	fixture_make(&f);
	rendered("pem", &f.source, &pem);
	assert_int_equal(pem_get_all(buf_bytes(&pem), "CERTIFICATE", &ders,
	    NULL), ERR_OK);
	leaf = f.identity.certificate[0];
	assert_int_equal(ders.len, 3 * (4 + leaf.len));
	for (i = 0; i < 3; i++)
		assert_memory_equal(ders.ptr + i * (4 + leaf.len) + 4,
		    leaf.ptr, leaf.len);
}

/* A camera's slot 1 is a bare key, and there is no slot 5. */
static void
test_slots(void **state)
{
	static const char *const names[] = { "pem", "der", "pkcs12" };
	static const int slots[] = { 1, 5 };
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_fixture_ struct fixture f;
	struct diag diag;
	size_t i, k;

	(void)state;
	fixture_make(&f);
	for (i = 0; i < COUNT(names); i++) {
		f.source.slot = 0;
		buf_clear(&out);
		rendered(names[i], &f.source, &out);
		buf_clear(&out);
		for (k = 0; k < COUNT(slots); k++) {
			f.source.slot = slots[k];
			diag = (struct diag)DIAG_INIT;
			assert_int_equal(render(names[i], &f.source, &out,
			    &diag), ERR_NOTFOUND);
			assert_non_null(strstr(diag.what, slots[k] == 1 ?
			    "slot 1 has no" : "slot 5 has no"));
		}
	}
	/* of bare keys alone */
	f.source.slot = RENDERING_ALL_SLOTS;
	f.document.keys[0].certificate = BYTES_NONE;
	assert_int_equal(render("pem", &f.source, &out, NULL), ERR_NOTFOUND);
	buf_clear(&out);
	rendered("c", &f.source, &out);
	assert_null(strstr(buf_text(&out), "certificate_slot"));
}

/* base64url as base64, which the reader takes. */
static void
base64url_read(const char *text, size_t len, struct buf *out)
{
	_cleanup_buf_ struct buf padded = BUF_INIT;
	size_t i;

	for (i = 0; i < len; i++)
		buf_put_u8(&padded, (uint8_t)(text[i] == '-' ? '+' :
		    text[i] == '_' ? '/' : text[i]));
	while (padded.len % 4 != 0)
		buf_put_u8(&padded, '=');
	assert_int_equal(base64_decode(buf_bytes(&padded), out), ERR_OK);
}

static void
jwt_expect_header(struct fixture *f, const char *jwt, size_t len)
{
	_cleanup_buf_ struct buf header = BUF_INIT, expected = BUF_INIT;

	base64url_read(jwt, len, &header);
	buf_printf(&expected, "{\"alg\":\"ES256\",\"kid\":\"");
	buf_put_base64url(&expected, bytes_of(f->world.about.document_kid,
	    COSE_KID_SIZE));
	buf_printf(&expected, "\",\"typ\":\"eat+jwt\"}");
	assert_string_equal(buf_text(&header), buf_text(&expected));
}

static void
test_jwt(void **state)
{
	_cleanup_buf_ struct buf jwt = BUF_INIT, sig = BUF_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT, claims = BUF_INIT;
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_fixture_ struct fixture f;
	const char *text, *dot, *last;
	bool good = false;

	(void)state;
	fixture_make(&f);
	buf_printf(&jwt, "left before it ");
	rendered("jwt", &f.source, &jwt);
	text = buf_text(&jwt) + strlen("left before it ");
	dot = strchr(text, '.');
	last = strrchr(text, '.');
	assert_ptr_not_equal(dot, last);
	jwt_expect_header(&f, text, (size_t)(dot - text));
	base64url_read(last + 1, strlen(last + 1), &sig);
	assert_int_equal(sig.len, SIGNATURE_SIZE);
	assert_int_equal(verifier_new(&f.world.document_key, &verifier,
	    NULL), ERR_OK);
	assert_int_equal(verifier_check(verifier, bytes_of(text,
	    (size_t)(last - text)), buf_bytes(&sig), &good), ERR_OK);
	assert_true(good);
	base64url_read(dot + 1, (size_t)(last - dot - 1), &body);
	assert_int_equal(jwt_put_claims(&claims, &f.source, NULL), ERR_OK);
	assert_string_equal(buf_text(&body), buf_text(&claims));
}

static bool
jwt_good(const struct fixture *f, struct bytes jwt)
{
	bool good = true;

	assert_int_equal(rendering_jwt_check(&f->source, jwt,
	    &f->world.document_key, &good, NULL), ERR_OK);
	return good;
}

/* Every octet counts, and so does whose document it is. */
static void
test_jwt_check(void **state)
{
	_cleanup_buf_ struct buf jwt = BUF_INIT;
	_cleanup_fixture_ struct fixture f;
	size_t i;

	(void)state;
	fixture_make(&f);
	rendered("jwt", &f.source, &jwt);
	assert_true(jwt_good(&f, buf_bytes(&jwt)));
	for (i = 0; i < jwt.len; i++) {
		jwt.ptr[i] ^= 1;
		assert_false(jwt_good(&f, buf_bytes(&jwt)));
		jwt.ptr[i] ^= 1;
		assert_false(jwt_good(&f, bytes_of(jwt.ptr, i)));
	}
	f.document.issued++;
	assert_false(jwt_good(&f, buf_bytes(&jwt)));
	f.document.issued--;
	f.world.document_key.raw[1] ^= 1;
	assert_false(jwt_good(&f, buf_bytes(&jwt)));
}

static void
jwt_expect(const struct buf *claims, const char *fmt, struct bytes octets)
{
	_cleanup_buf_ struct buf part = BUF_INIT;

	buf_printf(&part, "\"%s\":\"", fmt);
	buf_put_base64url(&part, octets);
	buf_put_u8(&part, '"');
	if (memmem(claims->ptr, claims->len, part.ptr, part.len) == NULL)
		fail_msg("no %s in %.*s", buf_text(&part), (int)claims->len,
		    (const char *)claims->ptr);
}

static void
test_jwt_claims(void **state)
{
	static const char *const parts[] = {
		"{\"eat_profile\":\"tag:imprint.example,2026:identity/1\","
		    "\"iss\":\"https://pki.example.net/test\","
		    "\"iat\":1767225600,\"nbf\":1767225600,\"jti\":",
		"\"cnf\":{\"jwk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":",
		"\"status\":{\"status_list\":{\"idx\":17,\"uri\":\"https:",
		"\"tag:imprint.example,2026:capabilities\":{\"photo\":[\"GET\",",
		"\"tag:imprint.example,2026:scope\":{",
		"\"tag:imprint.example,2026:keyset\":[{\"slot\":0,"
		    "\"purpose\":\"authenticate\",\"made_by\":\"authority\","
		    "\"x5c\":[\"MII",
		"{\"slot\":1,\"purpose\":\"encrypt\",\"made_by\":"
		    "\"authority\",\"jwk\":{\"crv\":\"X25519\",",
		"\"tag:imprint.example,2026:names\":{\"serial-number\":"
		    "\"CAM-",
		"\"tag:imprint.example,2026:policy\":1",
		"\"tag:imprint.example,2026:other\":{}}",
	};
	_cleanup_buf_ struct buf claims = BUF_INIT;
	_cleanup_fixture_ struct fixture f;
	size_t i;

	(void)state;
	fixture_make(&f);
	assert_int_equal(jwt_put_claims(&claims, &f.source, NULL), ERR_OK);
	for (i = 0; i < COUNT(parts); i++)
		if (strstr(buf_text(&claims), parts[i]) == NULL)
			fail_msg("no %s in %s", parts[i], buf_text(&claims));
	assert_null(strstr(buf_text(&claims), "\"exp\""));
	jwt_expect(&claims, "ueid", bytes_of(f.identity.ueid, UEID_SIZE));
	jwt_expect(&claims, "tag:imprint.example,2026:claims-sha256",
	    bytes_of(f.identity.commitment, SHA256_SIZE));
	jwt_expect(&claims, "tag:imprint.example,2026:product",
	    f.document.product);
	jwt_expect(&claims, "hwmodel", f.document.hwmodel);
	jwt_expect(&claims, "jti", f.document.salt);
}

/* What this version does not know is not left out of what it signs. */
static void
test_jwt_other(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT, claims = BUF_INIT;
	struct rendering_source source = { .slot = RENDERING_ALL_SLOTS };
	struct document document;
	uint8_t encoded[VECTOR_MAX];
	char *end;

	(void)state;
	assert_int_equal(io_read_file(io_posix(), VECTOR, &text, NULL),
	    ERR_OK);
	end = strchr(buf_text(&text), '\n');
	assert_non_null(end);
	*end = '\0';
	source.encoded = HEX((const char *)text.ptr, encoded);
	source.document = &document;
	assert_int_equal(document_parse(source.encoded, &document, NULL),
	    ERR_OK);
	assert_int_equal(jwt_put_claims(&claims, &source, NULL), ERR_OK);
	assert_non_null(strstr(buf_text(&claims), "\"-70000\":\"[1, 2]\""));
	/* a key without a form in JSON is said, not left out */
	document.confirmation.len--;
	assert_int_equal(jwt_put_claims(&claims, &source, NULL),
	    ERR_UNSUPPORTED);
}

/* A claim that document_parse() learns is no longer among the others: it has
 * to be written too, and then to be counted here. */
static void
test_jwt_knows_every_claim(void **state)
{
	static const int64_t written[] = {
		CLAIM_ISS, CLAIM_EXP, CLAIM_NBF, CLAIM_IAT, CLAIM_CTI,
		CLAIM_CNF, CLAIM_SCOPE, CLAIM_UEID, CLAIM_OEMID,
		CLAIM_HWMODEL, CLAIM_HWVERSION, CLAIM_EAT_PROFILE,
		CLAIM_SWNAME, CLAIM_SWVERSION, CLAIM_STATUS,
		CLAIM_CAPABILITIES, CLAIM_KEYSET, CLAIM_ANCHORS,
		CLAIM_PRODUCT, CLAIM_POLICY, CLAIM_NAMES, CLAIM_SUEIDS,
	};
	int64_t number;
	size_t i, known = 0;

	(void)state;
	for (i = 0; i < COUNT(written); i++)
		assert_non_null(document_claim_name(written[i]));
	for (number = -70000; number <= 70000; number++)
		known += document_claim_name(number) != NULL;
	assert_int_equal(known, COUNT(written));
}

static void
test_jwt_signer(void **state)
{
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf jwt = BUF_INIT, header = BUF_INIT;
	_cleanup_fixture_ struct fixture f;
	struct public_key key;

	(void)state;
	fixture_make(&f);
	key_make(KEY_ED25519, &key, NULL, &signer);
	f.source.signer = signer;
	rendered("jwt", &f.source, &jwt);
	base64url_read(buf_text(&jwt), strcspn(buf_text(&jwt), "."),
	    &header);
	assert_non_null(strstr(buf_text(&header), "\"alg\":\"EdDSA\""));
}

static void
test_pkcs12(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_fixture_ struct fixture f;
	struct diag diag = DIAG_INIT;

	(void)state;
	fixture_make(&f);
	rendered("pkcs12", &f.source, &out);
	assert_int_equal(out.ptr[0], 0x30);
	f.source.password = BYTES_NONE;
	assert_int_equal(render("pkcs12", &f.source, &out, &diag),
	    ERR_INVALID);
	assert_non_null(strstr(diag.what, "password"));
}

/* The octets of an array in the header. */
static void
c_array_read(const char *header, const char *name, struct buf *out)
{
	char start[64];
	const char *at;
	unsigned value;

	(void)snprintf(start, sizeof(start), "static const uint8_t %s[",
	    name);
	at = strstr(header, start);
	assert_non_null(at);
	for (at = strchr(at, '{') + 1; *at != '}'; at++)
		if (sscanf(at, "0x%2x,", &value) == 1) {
			buf_put_u8(out, (uint8_t)value);
			at += 4;
		}
}

static void
test_c(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_fixture_ struct fixture f;
	struct {
		const char	*name;
		struct bytes	 expected;
	} arrays[4];
	size_t i;

	(void)state;
	fixture_make(&f);
	arrays[0].name = "imprint_document";
	arrays[0].expected = f.identity.document;
	arrays[1].name = "imprint_ueid";
	arrays[1].expected = bytes_of(f.identity.ueid, UEID_SIZE);
	arrays[2].name = "imprint_certificate_slot_0";
	arrays[2].expected = f.identity.certificate[0];
	arrays[3].name = "imprint_chain_1";
	arrays[3].expected = f.source.chain[1];
	rendered("c", &f.source, &out);
	for (i = 0; i < COUNT(arrays); i++) {
		_cleanup_buf_ struct buf octets = BUF_INIT;

		c_array_read(buf_text(&out), arrays[i].name, &octets);
		assert_true(bytes_equal(buf_bytes(&octets),
		    arrays[i].expected));
	}
	assert_non_null(strstr(buf_text(&out), "#define IMPRINT_NAME_COUNT 1"
	    "\n"));
	assert_non_null(strstr(buf_text(&out), "/* COSE_Sign1, as signed"));
	buf_clear(&out);
	f.document.signature = SIGNATURE_RECEIPT;
	rendered("c", &f.source, &out);
	assert_null(strstr(buf_text(&out), "COSE_Sign1"));
	assert_non_null(strstr(buf_text(&out), "/* [claims, receipt], "));
}

/* Names are a stranger's text; this one would end a string, a comment and,
 * by a trigraph, the line. */
static void
test_c_escapes(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_fixture_ struct fixture f;

	(void)state;
	fixture_make(&f);
	f.document.names[0].kind = bytes_text("a\"*/");
	f.document.names[0].text = bytes_text("\?\?/\\\x1b\n\xc3\xa9" "7");
	rendered("c", &f.source, &out);
	assert_non_null(strstr(buf_text(&out), "{ \"a\\\"*/\", "
	    "\"\\\?\\\?/\\\\\\033\\012\\303\\2517\" },"));
	buf_clear(&out);
	f.document.name_count = 0;
	rendered("c", &f.source, &out);
	assert_null(strstr(buf_text(&out), "imprint_names"));
}

/* Whatever the room, a rendering is whole or an error. */
static void
test_room(void **state)
{
	_cleanup_fixture_ struct fixture f;
	size_t i, limit;

	(void)state;
	fixture_make(&f);
	for (i = 0; renderings[i] != NULL; i++) {
		if ((renderings[i]->traits & RENDERING_PASSWORD) != 0)
			continue;	/* too slow for so many */
		for (limit = 0; limit < 400; limit += 7) {
			_cleanup_buf_ struct buf out = { .limit = limit };

			assert_int_equal(renderings[i]->put(&f.source, &out,
			    NULL), ERR_LIMIT);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_json_line),
		cmocka_unit_test(test_pem),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_jwt),
		cmocka_unit_test(test_jwt_check),
		cmocka_unit_test(test_jwt_claims),
		cmocka_unit_test(test_jwt_other),
		cmocka_unit_test(test_jwt_knows_every_claim),
		cmocka_unit_test(test_jwt_signer),
		cmocka_unit_test(test_pkcs12),
		cmocka_unit_test(test_c),
		cmocka_unit_test(test_c_escapes),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
