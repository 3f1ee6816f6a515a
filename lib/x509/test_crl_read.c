/*
 * CRLs of other people (tests/vectors/make_crls.py): what they say, and one
 * refusal per check.
 */
#include "lib/x509/test_crl_make.h"
#include "tests/support/hex.h"

#define VECTORS		"tests/vectors/crls.txt"
#define LINE_MAX_	8192
#define FIELDS		4
#define VECTORS_MIN	80

struct vector {
	char		*name, *error, *text;
	uint8_t		 der[LINE_MAX_ / 2];
	size_t		 len;
};

static struct crl_issuer issuer;
static uint8_t issuer_name[128];
static struct buf lines = BUF_INIT;

/* Cut a line in place at its bars. */
static void
fields_cut(char *line, char *fields[FIELDS])
{
	size_t i;

	for (i = 0; i < FIELDS; i++) {
		fields[i] = line;
		line += strcspn(line, "|");
		assert_true((*line == '|') == (i < FIELDS - 1));
		*line++ = '\0';
	}
}

/* The next line of the file; false at its end. */
static bool
line_next(size_t *at, char line[LINE_MAX_])
{
	const char *start = (const char *)lines.ptr + *at;
	size_t len;

	if (*at >= lines.len)
		return false;
	len = (size_t)((const char *)memchr(start, '\n', lines.len - *at) -
	    start);
	assert_true(len < LINE_MAX_);
	memcpy(line, start, len);
	line[len] = '\0';
	*at += len + 1;
	return true;
}

static bool
vector_next(size_t *at, char line[LINE_MAX_], struct vector *ret)
{
	char *fields[FIELDS];

	if (!line_next(at, line))
		return false;
	fields_cut(line, fields);
	if (strcmp(fields[0], "issuer") == 0)
		return vector_next(at, line, ret);
	ret->name = fields[0];
	ret->error = fields[1];
	ret->text = fields[2];
	ret->len = HEX(fields[3], ret->der).len;
	return true;
}

static int
setup(void **state)
{
	char line[LINE_MAX_], *fields[FIELDS];
	uint8_t point[KEY_PUBLIC_MAX];
	size_t at = 0;

	(void)state;
	assert_int_equal(io_read_file(io_posix(), VECTORS, &lines, NULL),
	    ERR_OK);
	assert_true(line_next(&at, line));
	fields_cut(line, fields);
	assert_string_equal(fields[0], "issuer");
	issuer.name = HEX(fields[1], issuer_name);
	assert_int_equal(public_key_check(KEY_P256, HEX(fields[2], point),
	    &issuer.key, NULL), ERR_OK);
	(void)HEX(fields[3], issuer.key_id);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_release(&lines);
	return 0;
}

/* All three steps. */
static enum err
read_whole(struct bytes der, struct crl *ret_crl,
    struct crl_index **ret_index, struct diag *diag)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	enum err err;

	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	err = crl_parse(der, ret_crl, diag);
	if (!err)
		err = crl_check_issuer(ret_crl, &issuer, sha256, diag);
	if (!err)
		err = crl_index_new(ret_crl, ret_index, diag);
	return err;
}

/* What was read holds all that the text says, and no more. */
static void
check_says(const struct vector *v, const struct crl *crl,
    const struct crl_index *index)
{
	_cleanup_buf_ struct buf said = BUF_INIT;
	struct crl_revocation r;
	uint8_t serial[SERIAL_MAX];
	char *at, *rest = v->text, *end;
	size_t len, count = 0;

	at = strsep(&rest, ";");
	buf_put_hex(&said, crl->number);
	buf_printf(&said, " %lld %lld", (long long)crl->this_update,
	    (long long)crl->next_update);
	assert_string_equal(buf_text(&said), at);
	while ((at = strsep(&rest, ";")) != NULL) {
		end = strchr(at, ' ');
		assert_non_null(end);
		*end = '\0';
		len = HEX(at, serial).len;
		if (!crl_index_find(index, bytes_of(serial, len), &r))
			fail_msg("%s: %s is not found", v->name, at);
		buf_clear(&said);
		buf_printf(&said, "%lld %s", (long long)r.revoked,
		    crl_reason_name(r.reason));
		assert_string_equal(buf_text(&said), end + 1);
		count++;
	}
	assert_int_equal(crl_index_count(index), count);
}

static void
test_vectors(void **state)
{
	static char line[LINE_MAX_];
	static struct vector v;
	size_t at = 0, count = 0;
	enum err err;

	(void)state;
	for (; vector_next(&at, line, &v); count++) {
		_cleanup_crl_index_ struct crl_index *index = NULL;
		struct diag diag = DIAG_INIT;
		struct crl crl;

		err = read_whole(bytes_of(v.der, v.len), &crl, &index, &diag);
		if (strcmp(err == ERR_OK ? "ok" : err_name(err), v.error) != 0)
			fail_msg("%s: %s: %s", v.name, err_name(err),
			    diag.what);
		if (err == ERR_OK)
			check_says(&v, &crl, index);
		else if (strstr(diag.what, v.text) == NULL)
			fail_msg("%s: \"%s\" does not say \"%s\"", v.name,
			    diag.what, v.text);
		assert_true((err == ERR_OK) == (index != NULL));
	}
	assert_true(count >= VECTORS_MIN);
}

/* Of a good one: no shorter one and none with a changed bit is taken. */
static void
test_every_octet(void **state)
{
	static char line[LINE_MAX_];
	static struct vector v;
	struct crl_index *index = NULL;
	struct crl crl;
	size_t at = 0, i;

	(void)state;
	assert_true(vector_next(&at, line, &v));
	for (i = 0; i < v.len; i++)
		assert_int_equal(crl_parse(bytes_of(v.der, i), &crl, NULL),
		    ERR_SYNTAX);
	for (i = 0; i < 8 * v.len; i++) {
		v.der[i / 8] ^= (uint8_t)(1U << i % 8);
		assert_int_not_equal(read_whole(bytes_of(v.der, v.len), &crl,
		    &index, NULL), ERR_OK);
		assert_null(index);
		v.der[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	assert_int_equal(read_whole(bytes_of(v.der, v.len), &crl, &index,
	    NULL), ERR_OK);
	crl_index_free(&index);
}

static void
test_issuer_of_other_algorithm(void **state)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	static char line[LINE_MAX_];
	static struct vector v;
	struct crl_issuer other = issuer;
	struct diag diag = DIAG_INIT;
	struct crl crl;
	size_t at = 0;

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_true(vector_next(&at, line, &v));
	assert_int_equal(crl_parse(bytes_of(v.der, v.len), &crl, NULL),
	    ERR_OK);
	key_make(KEY_ED25519, &other.key, NULL);
	assert_int_equal(crl_check_issuer(&crl, &other, sha256, &diag),
	    ERR_UNSUPPORTED);
	assert_non_null(strstr(diag.what, "Ed25519"));
}

static void
test_number_compare(void **state)
{
	static const struct {
		const char	*a, *b;
		int		 order;
	} cases[] = {
		{ "00", "00", 0 }, { "00", "01", -1 }, { "ff", "0100", -1 },
		{ "0100", "ff", 1 }, { "01ff", "01fe", 1 },
		{ "80", "7f", 1 },
	};
	uint8_t a[SERIAL_MAX], b[SERIAL_MAX];
	size_t i;
	int order;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		order = crl_number_compare(HEX(cases[i].a, a),
		    HEX(cases[i].b, b));
		assert_int_equal((order > 0) - (order < 0), cases[i].order);
	}
}

#define MANY	5000

/* Serial numbers of all lengths: the number itself, multiplied so that they
 * are in no order. */
static size_t
serial_many(uint32_t i, uint8_t out[SERIAL_MAX])
{
	size_t len = 5 + i % (SERIAL_MAX - 4);

	memset(out, 0x5a, SERIAL_MAX);
	out[0] = 1;
	put_be32(out + len - 4, i * 2654435761U);
	return len;
}

static void
test_many(void **state)
{
	_cleanup_crl_index_ struct crl_index *index = NULL;
	__attribute__((cleanup(authority_release))) struct authority a =
	    AUTHORITY_INIT;
	static uint8_t serials[MANY][SERIAL_MAX];
	static struct crl_entry entries[MANY];
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct crl_revocation r;
	struct crl_head head;
	struct crl crl;
	uint32_t i;
	uint8_t serial[SERIAL_MAX];

	(void)state;
	authority_make(&a, "bulk", 0, NULL);
	for (i = 0; i < MANY; i++)
		entries[i] = (struct crl_entry){ .serial = bytes_of(serials[i],
		    serial_many(i, serials[i])), .revoked = TIME_2026 + i,
		    .reason = i % 2 ? CRL_CERTIFICATE_HOLD : CRL_SUPERSEDED };
	head = crl_head_of(&a, 1, TIME_2026, TIME_2046);
	crl_make(&head, entries, MANY, a.signer, &der);
	assert_int_equal(crl_parse(buf_bytes(&der), &crl, NULL), ERR_OK);
	assert_int_equal(crl_index_new(&crl, &index, NULL), ERR_OK);
	assert_int_equal(crl_index_count(index), MANY);
	for (i = 0; i < MANY; i++) {
		assert_true(crl_index_find(index, entries[i].serial, &r));
		assert_true(r.revoked == TIME_2026 + i);
		assert_int_equal(r.reason, entries[i].reason);
		/* its neighbours are not there */
		memcpy(serial, serials[i], sizeof(serial));
		serial[1] ^= 0x80;
		assert_false(crl_index_find(index, bytes_of(serial,
		    entries[i].serial.len), &r));
	}
	assert_false(crl_index_find(index, BYTES_NONE, &r));
	memset(serial, 0xff, sizeof(serial));
	assert_false(crl_index_find(index, bytes_of(serial, SERIAL_MAX), &r));
	assert_false(crl_index_find(index, bytes_of(serial, 1), &r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_every_octet),
		cmocka_unit_test(test_issuer_of_other_algorithm),
		cmocka_unit_test(test_number_compare),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
