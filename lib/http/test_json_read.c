#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/http/json_read.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct json_value *
read_good(const char *text)
{
	struct json_value *value = NULL;
	struct diag diag = DIAG_INIT;

	if (json_read_object(bytes_text(text), &value, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.what);
	return value;
}

static void
test_refused(void **state)
{
	static const struct {
		const char	*text;
		enum err	 err;
	} rows[] = {
		{ "", ERR_SYNTAX },
		{ "{", ERR_SYNTAX },
		{ "{} x", ERR_SYNTAX },
		{ "{\"a\":1,}", ERR_SYNTAX },
		{ "{\"a\":1,\"a\":1}", ERR_SYNTAX },
		{ "{\"a\":{\"b\":1,\"b\":2}}", ERR_SYNTAX },
		{ "{\"a\":\"\xff\"}", ERR_SYNTAX },
		{ "{\"a\":\"\\u0000\"}", ERR_SYNTAX },
		{ "{\"a\":\"\\ud800\"}", ERR_SYNTAX },
		{ "{\"a\":\"\n\"}", ERR_SYNTAX },
		{ "{\"a\":9223372036854775808}", ERR_SYNTAX },
		{ "{\"a\":01}", ERR_SYNTAX },
		{ "{a:1}", ERR_SYNTAX },
		{ "[1]", ERR_INVALID },
		{ "\"text\"", ERR_INVALID },
		{ "null", ERR_INVALID },
		{ "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", ERR_LIMIT },
	};
	struct json_value *value = NULL;
	struct diag diag;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		diag = (struct diag)DIAG_INIT;
		if (json_read_object(bytes_text(rows[i].text), &value,
		    &diag) != rows[i].err)
			fail_msg("%s: %s", rows[i].text, diag.what);
		assert_null(value);
		assert_true(diag.what[0] != '\0');
	}
}

static void
test_depth(void **state)
{
	_cleanup_json_value_ struct json_value *value = NULL;
	_cleanup_json_value_ struct json_value *quoted = NULL;

	(void)state;
	value = read_good("{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}");
	assert_non_null(value);
	/* brackets in a text do not nest */
	quoted = read_good("{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[\",\"b\":{}}");
	assert_non_null(quoted);
}

static void
test_length(void **state)
{
	_cleanup_buf_ struct buf text = { .limit = JSON_TEXT_MAX + 1 };
	_cleanup_json_value_ struct json_value *value = NULL;

	(void)state;
	buf_printf(&text, "{\"a\":\"");
	memset(buf_extend(&text, JSON_TEXT_MAX - 8), 'x', JSON_TEXT_MAX - 8);
	buf_printf(&text, "\"}");
	assert_int_equal(text.len, JSON_TEXT_MAX);
	assert_int_equal(json_read_object(buf_bytes(&text), &value, NULL),
	    ERR_OK);
	json_value_free(&value);
	buf_printf(&text, " ");
	assert_int_equal(json_read_object(buf_bytes(&text), &value, NULL),
	    ERR_LIMIT);
}

static void
test_members(void **state)
{
	_cleanup_json_value_ struct json_value *v = read_good(
	    "{\"t\":\"te\\u00e4t\",\"n\":7,\"f\":true,\"b\":\"AQID\","
	    "\"z\":null,\"d\":1.5,\"m\":-1}");
	char text[6] = "?", small[5];
	uint8_t octets[3];
	uint64_t number;
	size_t len;
	bool flag;

	(void)state;
	assert_int_equal(json_get_text(v, "t", text, sizeof(text), NULL),
	    ERR_OK);
	assert_string_equal(text, "te\xc3\xa4t");
	assert_int_equal(json_get_text(v, "t", small, sizeof(small), NULL),
	    ERR_LIMIT);
	assert_int_equal(json_get_text(v, "n", text, sizeof(text), NULL),
	    ERR_INVALID);
	assert_int_equal(json_get_text(v, "z", text, sizeof(text), NULL),
	    ERR_OK);
	assert_string_equal(text, "");
	assert_int_equal(json_get_number(v, "n", 7, 1, &number, NULL),
	    ERR_OK);
	assert_int_equal(number, 7);
	assert_int_equal(json_get_number(v, "n", 6, 1, &number, NULL),
	    ERR_INVALID);
	assert_int_equal(json_get_number(v, "m", 7, 1, &number, NULL),
	    ERR_INVALID);
	assert_int_equal(json_get_number(v, "d", 7, 1, &number, NULL),
	    ERR_INVALID);
	assert_int_equal(json_get_number(v, "?", 7, 1, &number, NULL),
	    ERR_OK);
	assert_int_equal(number, 1);
	assert_int_equal(json_get_flag(v, "f", false, &flag, NULL), ERR_OK);
	assert_true(flag);
	assert_int_equal(json_get_flag(v, "n", false, &flag, NULL),
	    ERR_INVALID);
	assert_int_equal(json_get_base64(v, "b", octets, 3, &len, NULL),
	    ERR_OK);
	assert_int_equal(len, 3);
	assert_memory_equal(octets, "\1\2\3", 3);
	assert_int_equal(json_get_base64(v, "b", octets, 2, &len, NULL),
	    ERR_LIMIT);
	assert_int_equal(json_get_base64(v, "t", octets, 3, &len, NULL),
	    ERR_SYNTAX);
	assert_int_equal(json_get_base64(v, "n", octets, 3, &len, NULL),
	    ERR_INVALID);
	assert_true(json_has(v, "t"));
	assert_false(json_has(v, "z"));
}

static void
test_object(void **state)
{
	_cleanup_json_value_ struct json_value *v =
	    read_good("{\"o\":{\"n\":3},\"l\":[]}");
	const struct json_value *inner = NULL;
	uint64_t number;

	(void)state;
	assert_int_equal(json_get_object(v, "l", &inner, NULL), ERR_INVALID);
	assert_int_equal(json_get_object(v, "o", &inner, NULL), ERR_OK);
	assert_int_equal(json_get_number(inner, "n", 9, 1, &number, NULL),
	    ERR_OK);
	assert_int_equal(number, 3);
	assert_int_equal(json_get_object(v, "?", &inner, NULL), ERR_OK);
	assert_null(inner);
}

static void
test_only(void **state)
{
	static const char *const all[] = { "a", "b", "c", NULL };
	static const char *const one[] = { "a", NULL };
	_cleanup_json_value_ struct json_value *v =
	    read_good("{\"a\":1,\"b\":2}");
	struct diag diag = DIAG_INIT;

	(void)state;
	assert_int_equal(json_only(v, all, NULL), ERR_OK);
	assert_int_equal(json_only(v, one, &diag), ERR_INVALID);
	assert_string_equal(diag.what, "b: no such field");
}

static enum err
text_note(void *ctx, const char *name, const char *text, struct diag *diag)
{
	buf_printf(ctx, "%s=%s;", name, text);
	return strcmp(text, "bad") == 0 ? diag_fail(diag, ERR_LIMIT, NULL,
	    "bad") : ERR_OK;
}

static void
test_each_text(void **state)
{
	_cleanup_json_value_ struct json_value *v = read_good(
	    "{\"good\":{\"a\":\"1\",\"b\":\"2\"},\"bad\":{\"a\":\"bad\"},"
	    "\"number\":{\"a\":1},\"text\":\"a\"}");
	_cleanup_buf_ struct buf seen = BUF_INIT;

	(void)state;
	assert_int_equal(json_each_text(v, "good", text_note, &seen, NULL),
	    ERR_OK);
	assert_string_equal(buf_text(&seen), "a=1;b=2;");
	assert_int_equal(json_each_text(v, "bad", text_note, &seen, NULL),
	    ERR_LIMIT);
	assert_int_equal(json_each_text(v, "number", text_note, &seen, NULL),
	    ERR_INVALID);
	assert_int_equal(json_each_text(v, "text", text_note, &seen, NULL),
	    ERR_INVALID);
	assert_int_equal(json_each_text(v, "none", text_note, &seen, NULL),
	    ERR_OK);
}

static void
test_each_item(void **state)
{
	_cleanup_json_value_ struct json_value *v = read_good(
	    "{\"good\":[\"1\",\"2\"],\"bad\":[\"1\",\"bad\"],"
	    "\"number\":[\"a\",1],\"object\":{\"a\":\"b\"},\"empty\":[]}");
	_cleanup_buf_ struct buf seen = BUF_INIT;
	struct diag diag = DIAG_INIT;

	(void)state;
	assert_int_equal(json_each_item(v, "good", text_note, &seen, NULL),
	    ERR_OK);
	assert_string_equal(buf_text(&seen), "good=1;good=2;");
	assert_int_equal(json_each_item(v, "bad", text_note, &seen, NULL),
	    ERR_LIMIT);
	assert_int_equal(json_each_item(v, "number", text_note, &seen,
	    &diag), ERR_INVALID);
	assert_string_equal(diag.what, "number: item 2: not a text");
	assert_int_equal(json_each_item(v, "object", text_note, &seen, NULL),
	    ERR_INVALID);
	assert_int_equal(json_each_item(v, "empty", text_note, &seen, NULL),
	    ERR_OK);
	assert_int_equal(json_each_item(v, "none", text_note, &seen, NULL),
	    ERR_OK);
}

static enum err
object_note(void *ctx, const struct json_value *object, struct diag *diag)
{
	char text[8];
	enum err err;

	err = json_get_text(object, "a", text, sizeof(text), diag);
	if (!err)
		buf_printf(ctx, "%s;", text);
	return err;
}

static void
test_each_object(void **state)
{
	_cleanup_json_value_ struct json_value *v = read_good(
	    "{\"good\":[{\"a\":\"1\"},{\"a\":\"2\"}],"
	    "\"bad\":[{\"a\":1}],\"text\":[{},\"a\"],"
	    "\"object\":{},\"empty\":[]}");
	static const char *const refused[] = { "bad", "object", "none" };
	_cleanup_buf_ struct buf seen = BUF_INIT;
	struct diag diag = DIAG_INIT;
	size_t i;

	(void)state;
	assert_int_equal(json_each_object(v, "good", object_note, &seen,
	    NULL), ERR_OK);
	assert_string_equal(buf_text(&seen), "1;2;");
	assert_int_equal(json_each_object(v, "empty", object_note, &seen,
	    NULL), ERR_OK);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(json_each_object(v, refused[i], object_note,
		    &seen, NULL), ERR_INVALID);
	assert_int_equal(json_each_object(v, "text", object_note, &seen,
	    &diag), ERR_INVALID);
	assert_string_equal(diag.what, "text: item 2: not an object");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_object),
		cmocka_unit_test(test_only),
		cmocka_unit_test(test_each_text),
		cmocka_unit_test(test_each_item),
		cmocka_unit_test(test_each_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
