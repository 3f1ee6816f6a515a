#include "lib/identity/test_make.h"

#include "lib/base/cbor_write.h"
#include "lib/identity/station.h"

/* A statement's parts, for a writer that can be made to say anything. */
struct say {
	const char		*typ;
	uint64_t		 version;
	struct bytes		 name;
	enum key_alg		 sealing, signing;
	bool			 private;	/* the sealing key's */
	bool			 other_signer;
	size_t			 extra;		/* items */
};

#define GOOD { .typ = STATION_TYP, .version = STATION_VERSION,		\
	.name = { (const uint8_t *)"line-1", 6 },			\
	.sealing = KEY_X25519, .signing = KEY_P256 }

static void
say_it(const struct say *say, struct buf *out)
{
	_cleanup_signer_ struct signer *own = NULL, *other = NULL;
	_cleanup_secret_ struct secret private = SECRET_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint8_t raw[KEY_PRIVATE_SIZE], kid[COSE_KID_SIZE];
	struct public_key sealing, signing, foreign;
	struct signer *signer;
	size_t i;

	key_make(say->sealing, &sealing, raw, NULL);
	key_make(KEY_P256, &foreign, NULL, &other);
	if (say->signing == KEY_X25519)
		key_make(say->signing, &signing, NULL, NULL);
	else
		key_make(say->signing, &signing, NULL, &own);
	signer = say->other_signer || own == NULL ? other : own;
	cbor_put_array(&body, 5 + say->extra);
	cbor_put_uint(&body, say->version);
	cbor_put_tstr(&body, say->name);
	if (say->private) {
		assert_int_equal(secret_alloc(&private, 256), ERR_OK);
		assert_int_equal(cose_key_put_private(&private, &sealing,
		    bytes_of(raw, sizeof(raw))), ERR_OK);
		buf_put_bytes(&body, secret_bytes(&private));
	} else
		cose_key_put(&body, &sealing);
	cose_key_put(&body, &signing);
	cbor_put_int(&body, TIME_2026);
	for (i = 0; i < say->extra; i++)
		cbor_put_null(&body);
	assert_int_equal(cose_key_thumbprint(signer_public(signer), kid),
	    ERR_OK);
	assert_int_equal(cose_sign1_sign(out, signer, bytes_of(kid, 32),
	    say->typ, buf_bytes(&body), BYTES_NONE, NULL), ERR_OK);
}

static void
statement_make(struct station_statement *statement, const char *name,
    enum key_alg sealing, struct buf *out)
{
	_cleanup_signer_ struct signer *signer = NULL;

	*statement = (struct station_statement){ .created = TIME_2026 };
	(void)snprintf(statement->name, sizeof(statement->name), "%s", name);
	key_make(sealing, &statement->sealing, NULL, NULL);
	key_make(KEY_P256, &statement->signing, NULL, &signer);
	assert_int_equal(station_statement_sign(statement, signer, out, NULL),
	    ERR_OK);
}

static void
test_round_trip(void **state)
{
	static const struct {
		const char *name;
		enum key_alg alg;
	} table[] = {
		{ "line-1", KEY_X25519 },
		{ "0", KEY_P256 },
		{ "a-", KEY_X25519 },
		{ "abcdefghijklmnopqrstuvwxyz-0123456789-"
		    "abcdefghijklmnopqrstuvwxy", KEY_P256 },
	};
	struct station_statement in, out;
	uint8_t kid[COSE_KID_SIZE];
	size_t i;

	(void)state;
	assert_int_equal(strlen(table[3].name), STATION_NAME_MAX);
	for (i = 0; i < COUNT(table); i++) {
		_cleanup_buf_ struct buf encoded = BUF_INIT;

		statement_make(&in, table[i].name, table[i].alg, &encoded);
		assert_int_equal(station_statement_parse(buf_bytes(&encoded),
		    &out, NULL), ERR_OK);
		assert_string_equal(out.name, in.name);
		assert_int_equal(out.created, TIME_2026);
		assert_int_equal(out.sealing.alg, table[i].alg);
		assert_memory_equal(out.sealing.raw, in.sealing.raw,
		    in.sealing.len);
		assert_memory_equal(out.signing.raw, in.signing.raw,
		    in.signing.len);
		assert_int_equal(cose_key_thumbprint(&in.sealing, kid),
		    ERR_OK);
		assert_memory_equal(out.kid, kid, sizeof(kid));
	}
}

static void
test_names(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} table[] = {
		{ "a", true },
		{ "9-a", true },
		{ "", false },
		{ "-a", false },
		{ "Line", false },
		{ "a b", false },
		{ "a/b", false },
		{ "..", false },
		{ "a.b", false },
		{ "a\n", false },
		{ "\xc3\xa4", false },
		{ "abcdefghijklmnopqrstuvwxyz-0123456789-"
		    "abcdefghijklmnopqrstuvwxyz", false },
	};
	struct station_statement statement = { .created = 1 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		_cleanup_signer_ struct signer *signer = NULL;
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct diag diag = DIAG_INIT;
		enum err want = table[i].good ? ERR_OK : ERR_INVALID;

		assert_int_equal(station_name_check(table[i].name, &diag),
		    want);
		assert_true((diag.what[0] == '\0') == table[i].good);
		if (strlen(table[i].name) > STATION_NAME_MAX)
			continue;
		(void)snprintf(statement.name, sizeof(statement.name), "%s",
		    table[i].name);
		key_make(KEY_X25519, &statement.sealing, NULL, NULL);
		key_make(KEY_P256, &statement.signing, NULL, &signer);
		assert_int_equal(station_statement_sign(&statement, signer,
		    &out, NULL), want);
	}
}

static void
parse_fails(struct bytes encoded, enum err want)
{
	struct station_statement statement;
	struct diag diag = DIAG_INIT;
	enum err err;

	err = station_statement_parse(encoded, &statement, &diag);
	if (err != want)
		fail_msg("%s: %s", err_name(err), diag.what);
	assert_true((diag.what[0] == '\0') == (want == ERR_OK));
}

static void
test_rejected(void **state)
{
	static const struct say good = GOOD;
	static const struct {
		const char *name;
		size_t len;
	} names[] = {
		{ "", 0 },
		{ "-a", 2 },
		{ "a\0b", 3 },
		{ "A", 1 },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaa", 64 },
	};
	struct say says[8];
	static const enum err want[8] = { ERR_OK, ERR_AUTH, ERR_VERSION,
		ERR_INVALID, ERR_INVALID, ERR_INVALID, ERR_AUTH, ERR_SYNTAX };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(says); i++)
		says[i] = good;
	says[1].typ = "application/imprint-request+cose";
	says[2].version = 2;
	says[3].sealing = KEY_ED25519;
	says[4].signing = KEY_ED25519;
	says[5].private = true;
	says[6].other_signer = true;
	says[7].extra = 1;
	for (i = 0; i < COUNT(says); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;

		say_it(&says[i], &out);
		parse_fails(buf_bytes(&out), want[i]);
	}
	for (i = 0; i < COUNT(names); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct say say = good;

		say.name = bytes_of(names[i].name, names[i].len);
		say_it(&say, &out);
		parse_fails(buf_bytes(&out), ERR_INVALID);
	}
}

static void
test_too_large(void **state)
{
	static const uint8_t large[STATION_STATEMENT_MAX + 1];

	(void)state;
	parse_fails(bytes_of(large, sizeof(large)), ERR_LIMIT);
}

/* No octet of it can be altered, none be missing or too many. */
static void
test_altered(void **state)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	struct station_statement statement;
	size_t i;

	(void)state;
	statement_make(&statement, "line-1", KEY_X25519, &encoded);
	for (i = 0; i < encoded.len; i++) {
		assert_int_not_equal(station_statement_parse(
		    bytes_of(encoded.ptr, i), &statement, NULL), ERR_OK);
		encoded.ptr[i] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(station_statement_parse(
		    buf_bytes(&encoded), &statement, NULL), ERR_OK);
		encoded.ptr[i] ^= (uint8_t)(1 << i % 8);
	}
	buf_put_u8(&encoded, 0);
	parse_fails(buf_bytes(&encoded), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_rejected),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_altered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
