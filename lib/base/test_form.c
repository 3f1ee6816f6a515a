#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/cbor_write.h"
#include "lib/base/form.h"
#include "tests/support/hex.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LARGE	((size_t)70000)

static struct form *
form_start(void)
{
	struct form *form = NULL;

	assert_int_equal(form_new(&form, NULL), ERR_OK);
	return form;
}

static void
put_hex(struct form *form, const char *hex)
{
	uint8_t room[64];

	form_put_const(form, HEX(hex, room));
}

static void
expect(const struct form *form, const struct bytes *fields, size_t count,
    const char *hex)
{
	_cleanup_buf_ struct buf out = BUF_INIT, text = BUF_INIT;

	assert_int_equal(form_render(form, fields, count, &out), ERR_OK);
	assert_int_equal(buf_err(&out), ERR_OK);
	buf_put_hex(&text, buf_bytes(&out));
	assert_string_equal(buf_text(&text), hex);
}

static void
test_operations(void **state)
{
	_cleanup_form_ struct form *form = form_start();
	static const uint8_t number[] = { 0, 0, 0, 0, 0, 0, 1, 0 };
	const struct bytes fields[] = { bytes_text("ab"),
		bytes_of(number, 8), bytes_text(""), bytes_text("xyz") };

	(void)state;
	put_hex(form, "01");
	put_hex(form, "02");			/* joins the one before */
	form_put_const(form, BYTES_NONE);	/* nothing */
	form_put_field(form, 0);
	form_put_cbor_uint(form, 1);
	form_put_cbor_tstr(form, 3);
	form_put_cbor_bstr(form, 2);
	form_put_field(form, 2);		/* empty is not missing */
	form_begin_der(form, 0x30);
	form_begin_bstr(form);
	form_put_cbor_bstr(form, 0);
	form_end(form);
	put_hex(form, "ff");
	form_end(form);
	form_begin_der(form, 0xa3);
	form_end(form);
	assert_int_equal(form_check(form), ERR_OK);
	expect(form, fields, COUNT(fields), "0102" "6162" "190100"
	    "6378797a" "40" "3005" "43" "426162" "ff" "a300");
}

/* CBOR heads around each border of their lengths (RFC 8949 4.2.1). */
static void
test_uint_borders(void **state)
{
	static const struct {
		uint64_t value;
		const char *hex;
	} table[] = {
		{ 0, "00" },
		{ 23, "17" },
		{ 24, "1818" },
		{ 255, "18ff" },
		{ 256, "190100" },
		{ 65535, "19ffff" },
		{ 65536, "1a00010000" },
		{ UINT32_MAX, "1affffffff" },
		{ UINT64_C(1) << 32, "1b0000000100000000" },
		{ UINT64_MAX, "1bffffffffffffffff" },
	};
	_cleanup_form_ struct form *form = form_start();
	uint8_t number[8];
	const struct bytes field = bytes_of(number, 8);
	size_t i;

	(void)state;
	form_put_cbor_uint(form, 0);
	for (i = 0; i < COUNT(table); i++) {
		put_be64(number, table[i].value);
		expect(form, &field, 1, table[i].hex);
	}
}

static const struct {
	size_t		 len;
	const char	*der, *bstr;	/* heads, tag 0x04 */
} borders[] = {
	{ 0, "0400", "40" }, { 1, "0401", "41" }, { 23, "0417", "57" },
	{ 24, "0418", "5818" }, { 127, "047f", "587f" },
	{ 128, "048180", "5880" }, { 255, "0481ff", "58ff" },
	{ 256, "04820100", "590100" }, { 65535, "0482ffff", "59ffff" },
	{ 65536, "0483010000", "5a00010000" },
	{ 65537, "0483010001", "5a00010001" },
};

/* One scope around a field of each length. */
static void
test_scope_borders(void **state)
{
	uint8_t *content = calloc(1, LARGE), room[8];
	size_t i, mode;

	(void)state;
	assert_non_null(content);
	for (i = 0; i < 2 * COUNT(borders); i++) {
		_cleanup_form_ struct form *form = form_start();
		_cleanup_buf_ struct buf out = BUF_INIT;
		const struct bytes field = bytes_of(content,
		    borders[i / 2].len);
		struct bytes head;

		mode = i % 2;
		if (mode == 0)
			form_begin_der(form, 0x04);
		else
			form_begin_bstr(form);
		form_put_field(form, 0);
		form_end(form);
		head = HEX(mode == 0 ? borders[i / 2].der :
		    borders[i / 2].bstr, room);
		assert_int_equal(form_render(form, &field, 1, &out), ERR_OK);
		assert_int_equal(out.len, head.len + field.len);
		assert_memory_equal(out.ptr, head.ptr, head.len);
	}
	free(content);
}

/* What a head is by definition, written apart from the code under test. */
static void
wrap(bool der, struct buf *out)
{
	_cleanup_buf_ struct buf head = BUF_INIT;
	size_t n = out->len, octets = n < 0x100 ? 1 : n < 0x10000 ? 2 : 3;

	if (!der)
		cbor_put_bstr_head(&head, n);
	else {
		buf_put_u8(&head, 0x30);
		if (n >= 128)
			buf_put_u8(&head, (uint8_t)(0x80 | octets));
		for (; octets > 0; octets--)
			buf_put_u8(&head, (uint8_t)(n >> 8 * (octets - 1)));
	}
	buf_insert(out, 0, buf_bytes(&head));
}

/* Nested to the depth allowed, where an inner head moves an outer one over
 * its border. */
static void
test_nested(void **state)
{
	static const size_t around[] = { 100, 128, 240, 256, 65500, 65536 };
	uint8_t *content = calloc(1, LARGE);
	size_t a, len, level;

	(void)state;
	assert_non_null(content);
	for (a = 0; a < COUNT(around); a++) {
		_cleanup_form_ struct form *form = form_start();

		for (level = 0; level < FORM_DEPTH_MAX; level++)
			if (level % 2 == 0)
				form_begin_der(form, 0x30);
			else
				form_begin_bstr(form);
		form_put_field(form, 0);
		for (level = 0; level < FORM_DEPTH_MAX; level++)
			form_end(form);
		for (len = around[a]; len < around[a] + 40; len++) {
			_cleanup_buf_ struct buf out = BUF_INIT;
			_cleanup_buf_ struct buf want = BUF_INIT;
			const struct bytes field = bytes_of(content, len);

			buf_put_bytes(&want, field);
			for (level = FORM_DEPTH_MAX; level > 0; level--)
				wrap(level % 2 == 1, &want);
			assert_int_equal(form_render(form, &field, 1, &out),
			    ERR_OK);
			assert_true(bytes_equal(buf_bytes(&out),
			    buf_bytes(&want)));
		}
	}
	free(content);
}

static void
depth_over(struct form *form)
{
	unsigned i;

	for (i = 0; i <= FORM_DEPTH_MAX; i++)
		form_begin_bstr(form);
	for (i = 0; i <= FORM_DEPTH_MAX; i++)
		form_end(form);
}

static void
unclosed(struct form *form)
{
	form_begin_der(form, 0x30);
	put_hex(form, "00");
}

static void
end_alone(struct form *form)
{
	form_end(form);
}

static void
field_over(struct form *form)
{
	form_put_field(form, FORM_FIELDS_MAX);
}

static void
steps_over(struct form *form)
{
	size_t i;

	for (i = 0; i < 513; i++)
		form_put_field(form, 0);
}

static void
constants_over(struct form *form)
{
	static const uint8_t block[4096];
	size_t i;

	for (i = 0; i < 17; i++)
		form_put_const(form, bytes_of(block, sizeof(block)));
}

/* A failure while writing sticks; nothing is rendered or stored then. */
static void
test_writing_fails(void **state)
{
	static const struct {
		void		(*write)(struct form *);
		enum err	 err;
	} table[] = {
		{ depth_over, ERR_INTERNAL }, { unclosed, ERR_INTERNAL },
		{ end_alone, ERR_INTERNAL }, { field_over, ERR_INTERNAL },
		{ steps_over, ERR_INTERNAL }, { constants_over, ERR_LIMIT },
	};
	const struct bytes field = bytes_text("a");
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		_cleanup_form_ struct form *form = form_start();
		_cleanup_buf_ struct buf out = BUF_INIT;

		table[i].write(form);
		assert_int_equal(form_check(form), table[i].err);
		assert_int_equal(form_render(form, &field, 1, &out),
		    table[i].err);
		assert_int_equal(form_encode(form, &out), table[i].err);
		assert_int_equal(out.len, 0);
	}
}

static void
test_fields_missing(void **state)
{
	static const uint8_t number[9];
	const struct bytes fields[] = { BYTES_NONE, bytes_of(number, 7),
		bytes_of(number, 9) };
	static const struct {
		void	(*put)(struct form *, unsigned);
		unsigned id;
	} table[] = {
		{ form_put_field, 0 }, { form_put_field, 3 },
		{ form_put_cbor_tstr, 0 }, { form_put_cbor_bstr, 0 },
		{ form_put_cbor_uint, 0 }, { form_put_cbor_uint, 1 },
		{ form_put_cbor_uint, 2 }, { form_put_field, 127 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		_cleanup_form_ struct form *form = form_start();
		_cleanup_buf_ struct buf out = BUF_INIT;

		table[i].put(form, table[i].id);
		assert_int_equal(form_check(form), ERR_OK);
		assert_int_equal(form_render(form, fields, COUNT(fields),
		    &out), ERR_INTERNAL);
	}
}

/* Lengths beyond three octets have no DER head here. */
static void
test_scope_too_large(void **state)
{
	_cleanup_form_ struct form *form = form_start();
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint8_t *content = calloc(1, (size_t)1 << 24);
	const struct bytes field = bytes_of(content, (size_t)1 << 24);

	(void)state;
	assert_non_null(content);
	form_begin_der(form, 0x30);
	form_put_field(form, 0);
	form_end(form);
	assert_int_equal(form_render(form, &field, 1, &out), ERR_OK);
	assert_int_equal(buf_err(&out), ERR_LIMIT);
	free(content);
}

static void
encode(const struct form *form, struct buf *out)
{
	buf_clear(out);
	assert_int_equal(form_encode(form, out), ERR_OK);
}

/* Every operation in it. */
static struct form *
form_sample(void)
{
	struct form *form = form_start();

	put_hex(form, "a0a1a2");
	form_put_field(form, 5);
	form_put_cbor_uint(form, 6);
	form_begin_der(form, 0xff);
	form_put_cbor_tstr(form, 127);
	form_begin_bstr(form);
	put_hex(form, "00");
	form_end(form);
	form_put_cbor_bstr(form, 0);
	form_end(form);
	put_hex(form, "b0");
	return form;
}

static void
test_round_trip(void **state)
{
	_cleanup_form_ struct form *form = form_sample(), *back = NULL;
	_cleanup_buf_ struct buf first = BUF_INIT, again = BUF_INIT;
	_cleanup_buf_ struct buf one = BUF_INIT, two = BUF_INIT;
	struct bytes fields[128];
	uint8_t number[8] = { 0, 0, 0, 0, 0, 0, 0, 7 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(fields); i++)
		fields[i] = bytes_text("field");
	fields[6] = bytes_of(number, 8);
	encode(form, &first);
	assert_int_equal(form_decode(buf_bytes(&first), &back, NULL), ERR_OK);
	encode(back, &again);
	assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&again)));
	assert_int_equal(form_render(form, fields, 128, &one), ERR_OK);
	assert_int_equal(form_render(back, fields, 128, &two), ERR_OK);
	assert_true(bytes_equal(buf_bytes(&one), buf_bytes(&two)));
}

static const struct {
	const char *hex;
	enum err err;
} encoded[] = {
	{ "820180", ERR_OK },				/* an empty form */
	{ "82018182004100", ERR_OK },
	{ "82018482051830" "820100" "820700" "820200", ERR_OK },
	{ "", ERR_CORRUPT },
	{ "80", ERR_CORRUPT },
	{ "830180f6", ERR_CORRUPT },			/* one too many */
	{ "82018000", ERR_CORRUPT },			/* bytes after it */
	{ "820280", ERR_VERSION },
	{ "820080", ERR_VERSION },
	{ "822080", ERR_CORRUPT },			/* version -1 */
	{ "8201a0", ERR_CORRUPT },			/* steps a map */
	{ "82018180", ERR_CORRUPT },			/* step of none */
	{ "8201818101", ERR_CORRUPT },
	{ "82018183010000", ERR_CORRUPT },
	{ "820181820000", ERR_CORRUPT },		/* constant a number */
	{ "820181820040", ERR_CORRUPT },		/* constant empty */
	{ "82018282004100" "82004100", ERR_CORRUPT },	/* in two */
	{ "82018182014100", ERR_CORRUPT },		/* field a string */
	{ "820181820120", ERR_CORRUPT },		/* field -1 */
	{ "82018182011880", ERR_CORRUPT },		/* field 128 */
	{ "8201818201187f", ERR_OK },			/* field 127 */
	{ "8201818201190100", ERR_CORRUPT },
	{ "820181820800", ERR_CORRUPT },		/* operation 8 */
	{ "8201818220" "00", ERR_CORRUPT },		/* operation -1 */
	{ "8201818200" "f6", ERR_CORRUPT },
	{ "820181820700", ERR_CORRUPT },		/* end alone */
	{ "820181820600", ERR_CORRUPT },		/* unclosed */
	{ "8201828206018207" "00", ERR_CORRUPT },	/* argument of none */
	{ "8201828206008207" "01", ERR_CORRUPT },
	{ "820182820519010082" "0700", ERR_CORRUPT },	/* tag 256 */
	{ "82018982060082060082060082060082060082060082060082060082" "0600",
	    ERR_CORRUPT },				/* too deep */
};

static void
test_decode(void **state)
{
	uint8_t room[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(encoded); i++) {
		_cleanup_form_ struct form *form = NULL;
		struct diag diag = DIAG_INIT;
		enum err err;

		err = form_decode(HEX(encoded[i].hex, room), &form, &diag);
		if (err != encoded[i].err)
			fail_msg("%s: %s", encoded[i].hex, err_name(err));
		assert_true((form == NULL) == (err != ERR_OK));
		assert_true((diag.what[0] == '\0') == (err == ERR_OK));
	}
}

static void
test_too_many_steps(void **state)
{
	size_t count;

	(void)state;
	for (count = 512; count <= 513; count++) {
		_cleanup_form_ struct form *form = NULL;
		_cleanup_buf_ struct buf out = BUF_INIT;
		size_t i;

		cbor_put_array(&out, 2);
		cbor_put_uint(&out, 1);
		cbor_put_array(&out, count);
		for (i = 0; i < count; i++)
			buf_put(&out, "\x82\x01\x00", 3);
		assert_int_equal(form_decode(buf_bytes(&out), &form, NULL),
		    count == 512 ? ERR_OK : ERR_CORRUPT);
	}
}

/* Cut off anywhere it is refused; with a flipped bit it is refused or
 * another form that reads back as it was. */
static void
test_damage(void **state)
{
	_cleanup_form_ struct form *form = form_sample();
	_cleanup_buf_ struct buf whole = BUF_INIT;
	size_t i;

	(void)state;
	encode(form, &whole);
	for (i = 0; i < whole.len; i++) {
		_cleanup_form_ struct form *back = NULL;

		assert_int_equal(form_decode(bytes_of(whole.ptr, i), &back,
		    NULL), ERR_CORRUPT);
		assert_null(back);
	}
	for (i = 0; i < 8 * whole.len; i++) {
		_cleanup_form_ struct form *back = NULL;
		_cleanup_buf_ struct buf again = BUF_INIT;

		whole.ptr[i / 8] ^= (uint8_t)(1 << i % 8);
		if (form_decode(buf_bytes(&whole), &back, NULL) == ERR_OK) {
			encode(back, &again);
			assert_true(bytes_equal(buf_bytes(&whole),
			    buf_bytes(&again)));
		}
		whole.ptr[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_uint_borders),
		cmocka_unit_test(test_scope_borders),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_writing_fails),
		cmocka_unit_test(test_fields_missing),
		cmocka_unit_test(test_scope_too_large),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_too_many_steps),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
