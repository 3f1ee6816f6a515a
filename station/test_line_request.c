#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "station/line.h"
#include "station/line_request.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define DEVICE		"\"device\":{\"serial\":\"S\"}"

static void
test_good(void **state)
{
	struct line_request r;
	struct diag diag = DIAG_INIT;

	(void)state;
	assert_int_equal(line_request_read(LINE_RESERVE, bytes_text(
	    "{\"device\":{\"chip\":\"00ff\"},\"badge\":\"b\",\"mes_order\":"
	    "\"m\",\"product\":\"p\",\"order\":7,\"rework\":\"why\","
	    "\"voids\":12}"), &r, &diag), ERR_OK);
	assert_int_equal(r.call.device_kind, FLOOR_CHIP);
	assert_int_equal(r.call.device_len, 2);
	assert_memory_equal(r.call.device, "\x00\xff", 2);
	assert_string_equal(r.call.badge, "b");
	assert_string_equal(r.call.mes_order, "m");
	assert_string_equal(r.call.fixture, "");
	assert_string_equal(r.reserve.product, "p");
	assert_int_equal(r.reserve.order, 7);
	assert_true(r.reserve.rework);
	assert_string_equal(r.reserve.reason, "why");
	assert_int_equal(r.reserve.voids, 12);
	assert_int_equal(line_request_read(LINE_COMMIT, bytes_text(
	    "{" DEVICE ",\"firmware\":\"1\",\"evidence\":{\"signature\":"
	    "\"AQID\"},\"names\":{\"board\":\"B1\",\"mac\":\"m\"}}"), &r,
	    &diag), ERR_OK);
	assert_int_equal(r.call.device_kind, FLOOR_SERIAL);
	assert_int_equal(r.commit.evidence, FLOOR_SIGNED);
	assert_int_equal(r.commit.proof_len, 3);
	assert_int_equal(r.commit.name_count, 2);
	assert_string_equal(r.commit.names[1].kind, "mac");
	assert_string_equal(r.commit.names[1].text, "m");
	assert_false(r.call.has_index);
	assert_int_equal(line_request_read(LINE_COMMIT, bytes_text(
	    "{" DEVICE ",\"evidence\":null}"), &r, &diag), ERR_OK);
	assert_int_equal(r.commit.evidence, FLOOR_UNPROVEN);
	assert_int_equal(line_request_read(LINE_SCRAP, bytes_text(
	    "{" DEVICE ",\"reason\":\"broken\"}"), &r, &diag), ERR_OK);
	assert_string_equal(r.reason, "broken");
	assert_false(r.call.has_index);
	assert_int_equal(line_request_read(LINE_SCRAP, bytes_text(
	    "{" DEVICE ",\"reason\":\"broken\",\"index\":0}"), &r, &diag),
	    ERR_OK);
	assert_true(r.call.has_index);
	assert_int_equal(r.call.index, 0);
	assert_int_equal(line_request_read(LINE_COMMIT, bytes_text(
	    "{" DEVICE ",\"index\":70001}"), &r, &diag), ERR_OK);
	assert_true(r.call.has_index);
	assert_int_equal(r.call.index, 70001);
	assert_int_equal(line_request_read(LINE_QUERY, bytes_text(
	    "{" DEVICE "}"), &r, &diag), ERR_OK);
}

static void
test_refused(void **state)
{
	static const struct {
		enum line_verb	 verb;
		const char	*text, *what;
	} rows[] = {
		{ LINE_RESERVE, "{}", "device: needs either" },
		{ LINE_RESERVE, "{\"device\":{}}", "device: needs either" },
		{ LINE_RESERVE, "{\"device\":{\"chip\":\"0\"}}",
			"device: chip: not" },
		{ LINE_RESERVE, "{\"device\":{\"chip\":\"\"}}",
			"device: chip: 1 to" },
		{ LINE_RESERVE, "{\"device\":{\"serial\":\"\"}}",
			"device: serial: 1 to" },
		{ LINE_RESERVE, "{\"device\":{\"serial\":\"a\",\"x\":1}}",
			"x: no such" },
		{ LINE_RESERVE, "{" DEVICE ",\"firmware\":\"1\"}",
			"firmware: no such" },
		{ LINE_RESERVE, "{" DEVICE ",\"order\":4294967296}",
			"order: not within" },
		{ LINE_RESERVE, "{" DEVICE ",\"rework\":\"\"}",
			"rework: needs" },
		{ LINE_RESERVE, "{" DEVICE ",\"rework\":\"x\"}",
			"voids: goes with" },
		{ LINE_RESERVE, "{" DEVICE ",\"voids\":1}",
			"voids: goes with" },
		{ LINE_RESERVE, "{" DEVICE ",\"rework\":\"x\",\"voids\":-1}",
			"voids: not within" },
		{ LINE_COMMIT, "{" DEVICE ",\"evidence\":{}}",
			"evidence: needs" },
		{ LINE_COMMIT, "{" DEVICE ",\"evidence\":{\"readback\":"
			"\"AA==\",\"signature\":\"AA==\"}}",
			"evidence: needs" },
		{ LINE_COMMIT, "{" DEVICE ",\"evidence\":{\"readback\":"
			"\"A\"}}", "readback: no base64" },
		{ LINE_COMMIT, "{" DEVICE ",\"evidence\":{\"readback\":"
			"\"AA==\",\"x\":1}}", "x: no such" },
		{ LINE_COMMIT, "{" DEVICE ",\"names\":{\"a\":1}}",
			"names: a: not a text" },
		{ LINE_COMMIT, "{" DEVICE ",\"names\":{\"abcdefghijklmnopqrst"
			"uvwxyzabcdef\":\"1\"}}", "names: abcdef" },
		{ LINE_COMMIT, "{" DEVICE ",\"names\":{\"1\":\"\",\"2\":\"\","
			"\"3\":\"\",\"4\":\"\",\"5\":\"\",\"6\":\"\","
			"\"7\":\"\",\"8\":\"\",\"9\":\"\"}}", "names: more" },
		{ LINE_COMMIT, "{" DEVICE ",\"reason\":\"x\"}",
			"reason: no such" },
		{ LINE_COMMIT, "{" DEVICE ",\"index\":-1}",
			"index: not within" },
		{ LINE_SCRAP, "{" DEVICE ",\"index\":\"1\"}", "index: " },
		{ LINE_QUERY, "{" DEVICE ",\"index\":1}", "index: no such" },
		{ LINE_SCRAP, "{" DEVICE "}", "reason: a scrap" },
		{ LINE_SCRAP, "{" DEVICE ",\"reason\":7}",
			"reason: not a text" },
		{ LINE_QUERY, "{" DEVICE ",\"order\":1}", "order: no such" },
		{ LINE_QUERY, "{" DEVICE, "JSON: line 1" },
	};
	struct line_request r;
	struct diag diag;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		diag = (struct diag)DIAG_INIT;
		if (line_request_read(rows[i].verb, bytes_text(rows[i].text),
		    &r, &diag) == ERR_OK ||
		    strncmp(diag.what, rows[i].what, strlen(rows[i].what)) !=
		    0)
			fail_msg("row %zu: %s: %s", i, rows[i].text,
			    diag.what);
	}
}

static void
test_query(void **state)
{
	static const char *const bad[] = { "", "serial", "serial=", "chip=0",
		"serial=%", "serial=%4", "serial=%zz", "serial=%00", "a=b" };
	struct line_request r;
	char text[256];
	size_t i;

	(void)state;
	assert_int_equal(line_query_read(bytes_text("serial=a%2Bb+%C3%A4"),
	    &r, NULL), ERR_OK);
	assert_int_equal(r.verb, LINE_QUERY);
	assert_int_equal(r.call.device_len, 6);
	assert_memory_equal(r.call.device, "a+b+\xc3\xa4", 6);
	assert_int_equal(line_query_read(bytes_text("chip=0aff"), &r, NULL),
	    ERR_OK);
	assert_int_equal(r.call.device_kind, FLOOR_CHIP);
	for (i = 0; i < COUNT(bad); i++)
		assert_int_not_equal(line_query_read(bytes_text(bad[i]), &r,
		    NULL), ERR_OK);
	memset(text, 'x', sizeof(text));
	memcpy(text, "serial=", 7);
	assert_int_not_equal(line_query_read(bytes_of(text, sizeof(text)),
	    &r, NULL), ERR_OK);
}

static void
test_label(void **state)
{
	_cleanup_buf_ struct buf qr = BUF_INIT;
	struct floor_package p = {
		.ueid = { 1, 0xff, 0xfe }, .ueid_len = 3, .name_count = 2,
		.names = { { "mac", "00:1b" }, { "label", "a&b=c ?\xc3\xa4" } }
	};

	(void)state;
	line_label_put(&qr, &p);
	assert_string_equal(buf_text(&qr), "urn:dev:ueid:01fffe?=mac=00:1b&"
	    "label=a%26b%3Dc%20%3F%C3%A4");
	buf_clear(&qr);
	p.name_count = 0;
	line_label_put(&qr, &p);
	assert_string_equal(buf_text(&qr), "urn:dev:ueid:01fffe");
}

static void
test_status(void **state)
{
	(void)state;
	assert_int_equal(line_status(FLOOR_REPEATED), HTTP_OK);
	assert_int_equal(line_status(FLOOR_BAD_TOKEN), HTTP_UNAUTHORIZED);
	assert_int_equal(line_status(FLOOR_BROKEN), HTTP_SERVER_ERROR);
	/* a code that is not known is not good */
	assert_int_equal(line_status((enum floor_code)99),
	    HTTP_SERVER_ERROR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_label),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
