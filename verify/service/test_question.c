/* What services and proxies ask, read from JSON and from header fields; the
 * answer as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "verify/service/question.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define PEM	"-----BEGIN CERTIFICATE-----\\nAAEC\\n"			\
	"-----END CERTIFICATE-----\\n"

static struct question q;

static void
bad_json(const char *text, enum err expected, const char *says)
{
	struct diag diag = DIAG_INIT;
	enum err err = question_read_json(bytes_text(text), &q, &diag);

	if (err != expected || strstr(diag.what, says) == NULL)
		fail_msg("%s: %s: %s", text, err_name(err), diag.what);
}

static void
good_json(const char *text)
{
	struct diag diag = DIAG_INIT;

	if (question_read_json(bytes_text(text), &q, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.what);
}

static void
test_json(void **state)
{
	static const uint8_t octets[] = { 0, 1, 2 };

	(void)state;
	good_json("{}");
	assert_null(q.ask.certificate);
	assert_null(q.ask.document);
	assert_null(q.ask.object);
	assert_int_equal(q.ask.permissions, 0);
	good_json("{\"certificate\":\"" PEM PEM "\",\"document\":\"AAECAw==\","
	    "\"object\":\"a\",\"permissions\":[\"GET\",\"iPATCH\"]}");
	assert_int_equal(q.ask.certificate_len, 3);
	assert_memory_equal(q.ask.certificate, octets, 3);
	assert_int_equal(q.ask.document_len, 4);
	assert_memory_equal(q.ask.document, octets, 3);
	assert_string_equal(q.ask.object, "a");
	assert_int_equal(q.ask.permissions, IMPRINT_GET | IMPRINT_IPATCH);
	good_json("{\"certificate\":\"AAEC\"}");
	assert_int_equal(q.ask.certificate_len, 3);
	assert_memory_equal(q.ask.certificate, octets, 3);
	/* nothing of the one before is left */
	assert_null(q.ask.document);
	assert_null(q.ask.object);
	good_json("{\"certificate\":\"\",\"document\":null,\"object\":\"\"}");
	assert_null(q.ask.certificate);
	assert_null(q.ask.object);
}

static void
test_json_bad(void **state)
{
	(void)state;
	bad_json("", ERR_SYNTAX, "JSON");
	bad_json("[]", ERR_INVALID, "not an object");
	bad_json("{\"permision\":[]}", ERR_INVALID, "permision");
	bad_json("{\"certificate\":\"?\"}", ERR_SYNTAX, "neither PEM");
	bad_json("{\"certificate\":\"=\"}", ERR_SYNTAX, "neither PEM");
	bad_json("{\"certificate\":\"-----BEGIN X-----\"}", ERR_NOTFOUND,
	    "certificate");
	bad_json("{\"certificate\":\"-----BEGIN CERTIFICATE-----\"}",
	    ERR_SYNTAX, "does not end");
	bad_json("{\"document\":\"?\"}", ERR_SYNTAX, "document");
	bad_json("{\"object\":\"a\"}", ERR_INVALID, "belong together");
	bad_json("{\"permissions\":[\"GET\"]}", ERR_INVALID,
	    "belong together");
	bad_json("{\"object\":\"a\",\"permissions\":[\"get\"]}", ERR_INVALID,
	    "allowed are");
	bad_json("{\"object\":\"a\",\"permissions\":\"GET\"}", ERR_INVALID,
	    "not an array");
	bad_json("{\"object\":\"a\",\"permissions\":[null]}", ERR_INVALID,
	    "item 1");
}

static enum err
read_fields(const char *certificate, const char *document,
    const char *object, const char *permission, const char *query,
    struct diag *diag)
{
	const struct question_fields fields = {
		.certificate = bytes_text(certificate),
		.document = bytes_text(document),
		.object = bytes_text(object),
		.permission = bytes_text(permission),
		.query = bytes_text(query),
	};

	*diag = (struct diag)DIAG_INIT;
	return question_read_fields(&fields, &q, diag);
}

static void
test_fields(void **state)
{
	struct diag diag;

	(void)state;
	assert_int_equal(read_fields("", "", "", "", "", &diag), ERR_OK);
	assert_null(q.ask.certificate);
	assert_null(q.ask.object);
	assert_int_equal(read_fields("-----BEGIN%20CERTIFICATE-----%0AAA%2b%2B"
	    "%0a-----END%20CERTIFICATE-----", "AAEC", "a/b", "GET , POST", "",
	    &diag), ERR_OK);
	assert_int_equal(q.ask.certificate_len, 3);
	assert_int_equal(q.ask.document_len, 3);
	assert_string_equal(q.ask.object, "a/b");
	assert_int_equal(q.ask.permissions, IMPRINT_GET | IMPRINT_POST);
	assert_int_equal(read_fields("AA++", "", "", "",
	    "permission=GET%2CPUT&object=%61", &diag), ERR_OK);
	assert_int_equal(q.ask.certificate_len, 3);
	assert_string_equal(q.ask.object, "a");
	assert_int_equal(q.ask.permissions, IMPRINT_GET | IMPRINT_PUT);
	assert_int_equal(read_fields("", "", "a", "", "permission=GET",
	    &diag), ERR_OK);
}

static void
test_fields_bad(void **state)
{
	static const struct {
		const char	*certificate, *document, *object, *permission;
		const char	*query, *says;
	} rows[] = {
		{ "%", "", "", "", "", "certificate: not percent" },
		{ "%4", "", "", "", "", "certificate: not percent" },
		{ "%4x", "", "", "", "", "certificate: not percent" },
		{ "%00", "", "", "", "", "certificate: not percent" },
		{ "?", "", "", "", "", "neither PEM" },
		{ "", "?", "", "", "", "document" },
		{ "", "", "a", "", "", "belong together" },
		{ "", "", "", "GET", "", "belong together" },
		{ "", "", "a", "GET,", "", "allowed are" },
		{ "", "", "a", "G ET", "", "allowed are" },
		{ "", "", "a", "GET", "object=a", "object: stands" },
		{ "", "", "a", "GET", "permission=GET", "permission: stands" },
		{ "", "", "", "", "object=a&object=a", "object: stands" },
		{ "", "", "", "", "object=", "object: empty" },
		{ "", "", "", "", "object", "query" },
		{ "", "", "", "", "x=1", "query" },
		{ "", "", "", "", "object=a&", "belong together" },
		{ "", "", "", "", "&", "query" },
	};
	char large[200];
	struct diag diag;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		if (read_fields(rows[i].certificate, rows[i].document,
		    rows[i].object, rows[i].permission, rows[i].query,
		    &diag) == ERR_OK ||
		    strstr(diag.what, rows[i].says) == NULL)
			fail_msg("row %zu: %s", i, diag.what);
	memset(large, 'a', sizeof(large));
	large[QUESTION_OBJECT_SIZE] = '\0';
	assert_int_equal(read_fields("", "", large, "GET", "", &diag),
	    ERR_LIMIT);
	large[QUESTION_OBJECT_SIZE - 1] = '\0';
	assert_int_equal(read_fields("", "", large, "GET", "", &diag),
	    ERR_OK);
}

static void
test_large(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct diag diag;
	size_t i;

	(void)state;
	for (i = 0; i < DOCUMENT_SIZE_MAX / 3 + 1; i++)
		buf_printf(&text, "AAAA");
	assert_int_equal(read_fields(buf_text(&text), "", "", "", "", &diag),
	    ERR_LIMIT);
	assert_int_equal(read_fields("", buf_text(&text), "", "", "", &diag),
	    ERR_LIMIT);
}

static void
test_answer(void **state)
{
	const struct imprint_answer good = { .verdict = IMPRINT_ALLOW,
		.reason = "fine", .ueid = { 1, 0xab }, .ueid_len = 2,
		.expires = 1, .status_time = 0, .right_count = 2,
		.rights = { { "a", IMPRINT_GET | IMPRINT_IPATCH },
		    { "b", IMPRINT_PUT } } };
	const struct imprint_answer none = { .verdict = IMPRINT_DENY };
	_cleanup_buf_ struct buf b = BUF_INIT;

	(void)state;
	answer_put_json(&b, &good);
	assert_string_equal(buf_text(&b), "{\"verdict\":\"allow\",\"code\":1,"
	    "\"reason\":\"fine\",\"ueid\":\"01ab\",\"rights\":[{\"object\":"
	    "\"a\",\"permissions\":[\"GET\",\"iPATCH\"]},{\"object\":\"b\","
	    "\"permissions\":[\"PUT\"]}],\"expires\":\"1970-01-01T00:00:01Z\","
	    "\"status_time\":null}\n");
	buf_clear(&b);
	answer_put_json(&b, &none);
	assert_string_equal(buf_text(&b), "{\"verdict\":\"deny: no evidence\","
	    "\"code\":0,\"reason\":\"\",\"ueid\":\"\",\"rights\":[],"
	    "\"expires\":null,\"status_time\":null}\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_bad),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_fields_bad),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
