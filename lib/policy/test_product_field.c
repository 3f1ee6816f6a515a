/* Products that are had in the field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/io.h"
#include "lib/policy/product_yaml.h"

#define FILE_NAME	"examples/products/doorbell.yaml"
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* The file with from replaced by to; NULL: as it is. */
static enum err
parse(const char *from, const char *to, struct product *ret_product,
    struct diag *diag)
{
	_cleanup_buf_ struct buf text = BUF_INIT, edited = BUF_INIT;
	const char *all, *at;

	assert_int_equal(io_read_file(io_posix(), FILE_NAME, &text, NULL),
	    ERR_OK);
	all = buf_text(&text);
	at = from != NULL ? strstr(all, from) : all;
	assert_non_null(at);
	buf_put(&edited, all, (size_t)(at - all));
	if (from != NULL)
		buf_put(&edited, to, strlen(to));
	buf_put(&edited, at + (from != NULL ? strlen(from) : 0),
	    strlen(at) - (from != NULL ? strlen(from) : 0));
	return product_yaml_parse(FILE_NAME, buf_bytes(&edited), ret_product,
	    diag);
}

static void
test_round_trip(void **state)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT, yaml = BUF_INIT;
	struct product p, q;

	(void)state;
	assert_int_equal(parse(NULL, NULL, &p, NULL), ERR_OK);
	assert_string_equal(p.field.bootstrap, "doorbell-idevid");
	assert_int_equal(p.field.attempts, 3);
	assert_int_equal(p.field.grace_days, 90);
	assert_int_equal(p.names[0].from, NAME_FROM_BIRTH);
	assert_int_equal(product_encode(&p, &encoded), ERR_OK);
	assert_int_equal(product_decode(buf_bytes(&encoded), &q, NULL),
	    ERR_OK);
	assert_memory_equal(&p, &q, sizeof(p));
	assert_int_equal(product_yaml_write(&p, &yaml), ERR_OK);
	assert_int_equal(product_yaml_parse("again", buf_bytes(&yaml), &q,
	    NULL), ERR_OK);
	assert_memory_equal(&p, &q, sizeof(p));
}

/* There and back, in both forms. */
static void
round_trip(const struct product *p, struct buf *encoded)
{
	_cleanup_buf_ struct buf yaml = BUF_INIT;
	struct product q;

	assert_int_equal(product_encode(p, encoded), ERR_OK);
	assert_int_equal(product_decode(buf_bytes(encoded), &q, NULL),
	    ERR_OK);
	assert_memory_equal(p, &q, sizeof(q));
	assert_int_equal(product_yaml_write(p, &yaml), ERR_OK);
	assert_int_equal(product_yaml_parse("again", buf_bytes(&yaml), &q,
	    NULL), ERR_OK);
	assert_memory_equal(p, &q, sizeof(q));
}

static void
test_claim(void **state)
{
	/* the end of a field section: est 0, {1: 1} */
	static const uint8_t end[] = { 0x00, 0xa1, 0x01, 0x01 };
	static const uint8_t bad[][sizeof(end)] = {
		{ 0x00, 0xa1, 0x01, 0x00 }, { 0x00, 0xa1, 0x01, 0x02 },
		{ 0x00, 0xa1, 0x00, 0x01 }, { 0x00, 0xa1, 0x17, 0x01 },
		{ 0x00, 0x81, 0x01, 0x01 }, { 0x20, 0xa1, 0x01, 0x01 },
	};
	_cleanup_buf_ struct buf encoded = BUF_INIT, none = BUF_INIT;
	struct product p, q;
	uint8_t *at;
	size_t i;

	(void)state;
	assert_int_equal(parse("grace-days: 90", "claim: none", &p, NULL),
	    ERR_OK);
	assert_false(p.field.claim);
	assert_int_equal(parse("grace-days: 90", "claim: required\n  est: 7",
	    &p, NULL), ERR_OK);
	assert_true(p.field.claim);
	round_trip(&p, &none);
	assert_int_equal(parse("grace-days: 90", "claim: required", &p,
	    NULL), ERR_OK);
	round_trip(&p, &encoded);
	at = memmem(encoded.ptr, encoded.len, end, sizeof(end));
	assert_non_null(at);
	for (i = 0; i < COUNT(bad); i++) {
		memcpy(at, bad[i], sizeof(end));
		assert_int_not_equal(product_decode(buf_bytes(&encoded), &q,
		    NULL), ERR_OK);
	}
	memcpy(at, end, sizeof(end));
	assert_int_equal(product_decode(buf_bytes(&encoded), &q, NULL),
	    ERR_OK);
	p.field.bootstrap[0] = '\0';
	p.field.attempts = 0;
	p.name_count = 0;
	assert_int_equal(product_check(&p, NULL), ERR_INVALID);
}

static void
test_refused(void **state)
{
	static const struct {
		const char	*from, *to;
		enum err	 err;
	} cases[] = {
		{ "attempts: 3", "attempts: 0", ERR_INVALID },
		{ "attempts: 3", "attempts: 17", ERR_INVALID },
		{ "  attempts: 3\n", "", ERR_INVALID },
		{ "grace-days: 90", "grace-days: 3651", ERR_INVALID },
		{ "bootstrap: doorbell-idevid", "bootstrap: Door",
		    ERR_INVALID },
		{ "bootstrap: doorbell-idevid", "bootstrap: doorbell",
		    ERR_INVALID },
		{ "grace-days: 90", "claim: yes", ERR_INVALID },
		{ "grace-days: 90", "birth: revoked", ERR_INVALID },
		{ "bootstrap: doorbell-idevid", "manufacturer: acme\n"
		    "  devices: 4\n  birth: superseded", ERR_UNSUPPORTED },
		{ "from: birth", "from: order-csv", ERR_INVALID },
		{ "field:\n  bootstrap: doorbell-idevid\n  attempts: 3\n"
		    "  grace-days: 90\n", "", ERR_INVALID },
		{ "signature: direct", "signature: receipt",
		    ERR_UNSUPPORTED },
		{ "key-from: device", "key-from: authority", ERR_INVALID },
	};
	struct product p;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct diag diag = DIAG_INIT;

		if (parse(cases[i].from, cases[i].to, &p, &diag) !=
		    cases[i].err)
			fail_msg("%s: %s: %s", cases[i].to,
			    err_name(diag.code), diag.what);
		assert_true(diag.what[0] != '\0');
	}
}

/* Every key of it made elsewhere: in the authority, but no RSA there. */
static void
test_keys_elsewhere(void **state)
{
	struct diag diag = DIAG_INIT;
	struct product p;
	size_t i;

	(void)state;
	assert_int_equal(parse(NULL, NULL, &p, NULL), ERR_OK);
	for (i = 0; i < p.credential_count; i++)
		p.credentials[i].maker = MAKER_AUTHORITY;
	assert_int_equal(product_check(&p, &diag), ERR_OK);
	p.credentials[0].alg = KEY_RSA2048;
	assert_int_equal(product_check(&p, &diag), ERR_UNSUPPORTED);
	assert_int_equal(parse(NULL, NULL, &p, NULL), ERR_OK);
	for (i = 0; i < p.credential_count; i++)
		p.credentials[i].maker = MAKER_CHIP;
	assert_int_equal(product_check(&p, &diag), ERR_UNSUPPORTED);
}

static void
test_birth(void **state)
{
	/* the end of a field section: est 0, {3: 1} */
	static const uint8_t end[] = { 0x00, 0xa1, 0x03, 0x01 };
	_cleanup_buf_ struct buf encoded = BUF_INIT, both = BUF_INIT;
	struct product p, q;
	uint8_t *at;

	(void)state;
	assert_int_equal(parse("grace-days: 90", "birth: kept", &p, NULL),
	    ERR_OK);
	assert_false(p.field.supersedes);
	assert_int_equal(parse("grace-days: 90",
	    "birth: superseded\n  claim: required", &p, NULL), ERR_OK);
	assert_true(p.field.supersedes && p.field.claim);
	round_trip(&p, &both);
	assert_int_equal(parse("grace-days: 90", "birth: superseded", &p,
	    NULL), ERR_OK);
	round_trip(&p, &encoded);
	at = memmem(encoded.ptr, encoded.len, end, sizeof(end));
	assert_non_null(at);
	at[3] = 0;
	assert_int_not_equal(product_decode(buf_bytes(&encoded), &q, NULL),
	    ERR_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_claim),
		cmocka_unit_test(test_birth),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_keys_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
