#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/cbor_write.h"
#include "lib/base/io.h"
#include "lib/policy/product_diff.h"
#include "lib/policy/product_rules.h"
#include "lib/policy/product_yaml.h"

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))
#define LAYOUT		"size 64\nat 0 ueid \"\\\n"

static const char base[] =
	/*  1 */ "product: lock\n"
	/*  2 */ "version: \"1.0\"\n"
	/*  3 */ "metadata: {hwmodel: DL-3}\n"
	/*  4 */ "capabilities: {bolt: [GET]}\n"
	/*  5 */ "authorisations: {bolt: [GET]}\n"
	/*  6 */ "credentials:\n"
	/*  7 */ "  - slot: 0\n"
	/*  8 */ "    purpose: authenticate\n"
	/*  9 */ "    algorithm: P-256\n"
	/* 10 */ "    key-from: authority\n"
	/* 11 */ "    certificate: {validity: 20 years}\n"
	/* 12 */ "document: {validity: never}\n"
	/* 13 */ "delivery: station\n"
	/* 14 */ "form: image\n"
	/* 15 */ "layout: \"size 64\\nat 0 ueid \\\"\\\\\\n\"\n"
	/* 16 */ "target:\n"
	/* 17 */ "  keys: {0: [P-256, P-384], 2: [X25519]}\n"
	/* 18 */ "  certificate: 700\n"
	/* 19 */ "  document: 1500\n"
	/* 20 */ "  package: 4000\n"
	/* 21 */ "  total: 5000\n";

static void
product_make(struct product *p)
{
	struct diag diag = DIAG_INIT;

	if (product_yaml_parse("t.yaml", bytes_text(base), p, &diag) !=
	    ERR_OK)
		fail_msg("%s", diag.what);
}

static void
test_read(void **state)
{
	struct product p;

	(void)state;
	product_make(&p);
	assert_int_equal(p.form, FORM_IMAGE);
	assert_string_equal(p.layout, LAYOUT);
	assert_int_equal(p.target.key_count, 2);
	assert_int_equal(p.target.keys[0].slot, 0);
	assert_int_equal(p.target.keys[0].algs, 1u << KEY_P256 |
	    1u << KEY_P384);
	assert_int_equal(p.target.keys[1].slot, 2);
	assert_int_equal(p.target.keys[1].algs, 1u << KEY_X25519);
	assert_int_equal(p.target.certificate, 700);
	assert_int_equal(p.target.document, 1500);
	assert_int_equal(p.target.package, 4000);
	assert_int_equal(p.target.total, 5000);
}

static void
test_round_trip(void **state)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT, text = BUF_INIT;
	struct product p, q;
	struct diag diag = DIAG_INIT;

	(void)state;
	product_make(&p);
	assert_int_equal(product_encode(&p, &encoded), ERR_OK);
	assert_int_equal(product_decode(buf_bytes(&encoded), &q, NULL),
	    ERR_OK);
	assert_memory_equal(&p, &q, sizeof(p));
	assert_int_equal(product_yaml_write(&p, &text), ERR_OK);
	if (product_yaml_parse("w.yaml", buf_bytes(&text), &q, &diag) !=
	    ERR_OK)
		fail_msg("%s\n%s", diag.what, buf_text(&text));
	assert_memory_equal(&p, &q, sizeof(p));
}

/* Whatever a layout may look like, it comes back. */
static void
test_layouts(void **state)
{
	static const char *const layouts[] = {
		"size 1\n", "size 1", "\n", " ", "\nsize", " size\n",
		"size\n\n", "a\n b\n\n  c \n", "# \"\\\n\"", "a: b\n- c\n",
		"a\n\n\nb\n", "...\n---\n",
	};
	struct product p, q;
	size_t i;

	(void)state;
	product_make(&p);
	for (i = 0; i < COUNT(layouts); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct diag diag = DIAG_INIT;

		memset(p.layout, 0, sizeof(p.layout));
		memcpy(p.layout, layouts[i], strlen(layouts[i]));
		assert_int_equal(product_yaml_write(&p, &text), ERR_OK);
		if (product_yaml_parse("w.yaml", buf_bytes(&text), &q,
		    &diag) != ERR_OK)
			fail_msg("%s\n%s", diag.what, buf_text(&text));
		assert_string_equal(q.layout, p.layout);
	}
}

/* What says nothing changes no hash: it is not there. */
static void
test_absent(void **state)
{
	_cleanup_buf_ struct buf with = BUF_INIT, without = BUF_INIT;
	struct product p;

	(void)state;
	product_make(&p);
	memset(&p.target, 0, sizeof(p.target));
	assert_int_equal(product_encode(&p, &with), ERR_OK);
	p.form = FORM_CBOR;
	memset(p.layout, 0, sizeof(p.layout));
	assert_int_equal(product_encode(&p, &without), ERR_OK);
	/* 18: [4, layout], the last pair of the map */
	assert_int_equal(without.len, with.len - (1 + 1 + 1 + 1 +
	    sizeof(LAYOUT) - 1));
	assert_int_equal(without.ptr[0] + 1, with.ptr[0]);
	assert_memory_equal(without.ptr + 1, with.ptr + 1, without.len - 1);
}

static void
file_refused(const char *from, const char *to, enum err code, const char *what)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *at = strstr(base, from);
	struct product p = { .name = "" };
	struct diag diag = DIAG_INIT;
	enum err err;

	assert_non_null(at);
	buf_put(&text, base, (size_t)(at - base));
	buf_put(&text, to, strlen(to));
	buf_put(&text, at + strlen(from), strlen(at + strlen(from)));
	err = product_yaml_parse("t.yaml", buf_bytes(&text), &p, &diag);
	if (err != code || strstr(diag.what, what) == NULL)
		fail_msg("%s -> %s: got %d: %s", from, to, err, diag.what);
	assert_string_equal(p.name, "");
}

static void
test_refused_files(void **state)
{
	(void)state;
	file_refused("form: image", "form: tape", ERR_INVALID,
	    "t.yaml:14: form: \"tape\" is not offered; allowed: cbor, pem");
	file_refused("form: image", "form: pem", ERR_INVALID,
	    "t.yaml:15: layout: goes with form: image only");
	file_refused("form: image\n", "", ERR_INVALID,
	    "t.yaml:14: layout: goes with form: image only");
	file_refused("size 64", "size \\x0164", ERR_INVALID,
	    "t.yaml:15: layout: octet 5 is no visible");
	file_refused("0: [P-256, P-384]", "9: [P-256]", ERR_INVALID,
	    "t.yaml:17: target.keys.9: \"9\" is no slot; allowed: 0 to 7");
	file_refused("0: [P-256, P-384]", "01: [P-256]", ERR_INVALID,
	    "\"01\" is no slot");
	file_refused("[X25519]", "[]", ERR_INVALID, "t.yaml:17: target.keys: "
	    "slot 2 lists no algorithm");
	file_refused("[X25519]", "[P-257]", ERR_INVALID,
	    "t.yaml:17: target.keys.2[0]: \"P-257\" is not offered");
	file_refused("[X25519]", "[X25519, X25519]", ERR_INVALID,
	    "target.keys.2[1]: \"X25519\" is repeated");
	file_refused("{0: [P-256, P-384], 2: [X25519]}", "{}", ERR_INVALID,
	    "t.yaml:17: target.keys: names no slot");
	file_refused("700", "0", ERR_INVALID, "t.yaml:18: target.certificate: "
	    "0 is out of range; allowed: 1 to 1048576");
	file_refused("1500", "1048577", ERR_INVALID,
	    "t.yaml:19: target.document: 1048577 is out of range");
	file_refused("4000", "4k", ERR_INVALID,
	    "t.yaml:20: target.package: \"4k\" is not a decimal");
	file_refused("total", "totel", ERR_INVALID,
	    "t.yaml:21: target: unknown key \"totel\"");
	file_refused("0: [P-256, P-384]", "0: [P-384]", ERR_LIMIT,
	    "t.yaml:17: target: slot 0: the target does not hold P-256 "
	    "there; allowed: P-384");
	file_refused("0: [P-256, P-384]", "1: [P-256]", ERR_LIMIT,
	    "slot 0: the target has no place for its private key; it has 2");
}

static void
test_no_limit(void **state)
{
	struct product p = { .name = "" };
	struct diag diag = DIAG_INIT;
	char text[sizeof(base)];

	(void)state;
	memcpy(text, base, sizeof(base));
	memcpy(strstr(text, "target:"), "target: {}\n", 12);
	assert_int_equal(product_yaml_parse("t.yaml", bytes_text(text), &p,
	    &diag), ERR_INVALID);
	assert_non_null(strstr(diag.what, "t.yaml:16: target: sets no limit"));
}

/* One edit of a good product; each breaks one rule. */
#define EDIT(name, what) static void name(struct product *p) { what; }
EDIT(form_unknown, p->form = (enum product_form)6)
EDIT(layout_missing, p->layout[0] = '\0')
EDIT(layout_lost, p->form = FORM_C)
EDIT(layout_tab, p->layout[4] = '\t')
EDIT(layout_high, p->layout[4] = '\x7f')
EDIT(keys_many, p->target.key_count = PRODUCT_SLOTS_MAX + 1)
EDIT(key_slot, p->target.keys[1].slot = PRODUCT_SLOTS_MAX)
EDIT(key_same, p->target.keys[1].slot = 0)
EDIT(key_none, p->target.keys[1].algs = 0)
EDIT(key_unknown, p->target.keys[1].algs = 1)
EDIT(certificate_large, p->target.certificate = PRODUCT_TARGET_MAX + 1)
EDIT(document_large, p->target.document = PRODUCT_TARGET_MAX + 1)
EDIT(package_large, p->target.package = PRODUCT_TARGET_MAX + 1)
EDIT(total_large, p->target.total = PRODUCT_TARGET_MAX + 1)
EDIT(key_alg, p->target.keys[0].algs = 1u << KEY_P384)
EDIT(key_place, p->target.keys[0].slot = 1)

static const struct {
	void		(*edit)(struct product *);
	enum err	code;
	const char	*what;
} refused[] = {
	{ form_unknown, ERR_INVALID, "layout: of no known form" },
	{ layout_missing, ERR_INVALID, "layout: is missing" },
	{ layout_lost, ERR_INVALID, "layout: goes with form: image" },
	{ layout_tab, ERR_INVALID, "layout: octet 4" },
	{ layout_high, ERR_INVALID, "layout: octet 4" },
	{ keys_many, ERR_LIMIT, "target: 9 slots" },
	{ key_slot, ERR_INVALID, "target: slot 8 is out of range" },
	{ key_same, ERR_INVALID, "target: slot 0 is out of range, rep" },
	{ key_none, ERR_INVALID, "target: slot 2 may hold no algorithm" },
	{ key_unknown, ERR_INVALID, "target: slot 2 may hold no algorithm" },
	{ certificate_large, ERR_INVALID, "target: 1048577 is out of" },
	{ document_large, ERR_INVALID, "target: 1048577 is out of" },
	{ package_large, ERR_INVALID, "target: 1048577 is out of" },
	{ total_large, ERR_INVALID, "target: 1048577 is out of" },
	{ key_alg, ERR_LIMIT, "does not hold P-256 there" },
	{ key_place, ERR_LIMIT, "slot 0: the target has no place" },
};

static void
test_refused(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct product p;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(refused); i++) {
		struct diag diag = DIAG_INIT;

		product_make(&p);
		refused[i].edit(&p);
		if (product_check(&p, &diag) != refused[i].code ||
		    strstr(diag.what, refused[i].what) == NULL)
			fail_msg("%s: got %d, %s", refused[i].what,
			    diag.code, diag.what);
		assert_int_equal(product_encode(&p, &out), refused[i].code);
		assert_int_equal(out.len, 0);
	}
}

/* The octets of the target and form, each altered into what is none. */
static void
test_decode(void **state)
{
	static const struct {
		const char	*from, *to;
		size_t		len;
	} edits[] = {
		/* 17: {1: [[0, [1, 4]], [2, [2]]], 2: 700 ... */
		{ "\x11\xa5\x01\x82", "\x11\xa5\x01\x80", 4 },
		{ "\x82\x00\x82\x01\x04", "\x82\x08\x82\x01\x04", 5 },
		{ "\x82\x00\x82\x01\x04", "\x82\x00\x82\x04\x01", 5 },
		{ "\x82\x00\x82\x01\x04", "\x82\x00\x82\x00\x04", 5 },
		{ "\x02\x19\x02\xbc", "\x02\x19\x00\x00", 4 },
		{ "\x02\x19\x02\xbc", "\x06\x19\x02\xbc", 4 },
		{ "\x02\x19\x02\xbc", "\x03\x19\x02\xbc", 4 },
		/* 18: [4, layout] */
		{ "\x12\x82\x04", "\x12\x82\x06", 3 },
		{ "\x12\x82\x04", "\x12\x82\x03", 3 },
		{ "\x12\x82\x04", "\x13\x82\x04", 3 },
		{ "\x12\x82\x04", "\x12\x81\x04", 3 },
	};
	_cleanup_buf_ struct buf encoded = BUF_INIT, edited = BUF_INIT;
	struct product p, q;
	uint8_t *at;
	size_t i;

	(void)state;
	product_make(&p);
	assert_int_equal(product_encode(&p, &encoded), ERR_OK);
	for (i = 0; i < COUNT(edits); i++) {
		buf_clear(&edited);
		buf_put_bytes(&edited, buf_bytes(&encoded));
		at = memmem(edited.ptr, edited.len, edits[i].from,
		    edits[i].len);
		assert_non_null(at);
		memcpy(at, edits[i].to, edits[i].len);
		if (product_decode(buf_bytes(&edited), &q, NULL) == ERR_OK)
			fail_msg("edit %zu is taken", i);
	}
}

static void
fits_not(size_t at, size_t octets, const char *what, const char *hint)
{
	struct product_sizes sizes = { .certificate = { 700 },
		.document = 1500, .package = 4000, .total = 5000 };
	struct diag diag = DIAG_INIT;
	struct product p;

	product_make(&p);
	assert_int_equal(product_fits(&p, &sizes, NULL), ERR_OK);
	*(size_t *)(void *)((char *)&sizes + at) = octets;
	assert_int_equal(product_fits(&p, &sizes, &diag), ERR_LIMIT);
	assert_string_equal(diag.what, what);
	assert_non_null(strstr(diag.hint, hint));
	memset(&p.target, 0, sizeof(p.target));
	assert_int_equal(product_fits(&p, &sizes, NULL), ERR_OK);
}

#define PART(member)	offsetof(struct product_sizes, member)

static void
test_fits(void **state)
{
	(void)state;
	fits_not(PART(certificate), 701, "product lock: slot 0: its "
	    "certificate has up to 701 octets, the target holds 700",
	    "or raise target.certificate");
	fits_not(PART(document), 1501, "product lock: its document has up to "
	    "1501 octets, the target holds 1500", "or raise target.document");
	fits_not(PART(package), 4001, "product lock: its package has up to "
	    "4001 octets, the target holds 4000", "or raise target.package");
	fits_not(PART(total), 5001, "product lock: its keys, document, "
	    "certificates and chain have up to 5001 octets, the target holds "
	    "5000", "or raise target.total");
}

static enum err
change_take(void *ctx, const struct product_change *change)
{
	struct buf *out = ctx;

	buf_printf(out, "%s: %s -> %s\n", change->field,
	    change->before != NULL ? change->before : "-",
	    change->after != NULL ? change->after : "-");
	return buf_err(out);
}

static void
test_diff(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct product p, q;

	(void)state;
	product_make(&p);
	product_make(&q);
	q.target.document = 1600;
	q.target.total = 0;
	q.target.keys[0].algs = 1u << KEY_P256;
	assert_int_equal(product_diff(&p, &q, change_take, &out, NULL),
	    ERR_OK);
	assert_string_equal(buf_text(&out),
	    "target.keys.0: P-256, P-384 -> P-256\n"
	    "target.document: 1500 -> 1600\n"
	    "target.total: 5000 -> -\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_refused_files),
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_diff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
