#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/policy/name_csv.h"

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))
#define HEAD	"serial-number,imei\n"
#define IMEI	"490154203237518"
#define X64	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* As a product has them: sorted, two from the file. */
static const struct product_name names[] = {
	{ .kind = "chip-id", .from = NAME_FROM_LINE },
	{ .kind = "imei", .from = NAME_FROM_CSV, .type = NAME_IMEI },
	{ .kind = "label", .digits = 9 },
	{ .kind = "serial-number", .from = NAME_FROM_CSV },
};

struct seen {
	struct buf	text;
	uint64_t	stop_at;
};

static enum err
line_seen(void *ctx, const struct name_csv_line *line)
{
	struct seen *seen = ctx;

	assert_null(line->text[0]);
	assert_null(line->text[2]);
	assert_true(line->in_file == line->number + 1);
	buf_printf(&seen->text, "%ju:%s|%s;", (uintmax_t)line->number,
	    line->text[3], line->text[1]);
	return line->number == seen->stop_at ? ERR_CONFLICT : ERR_OK;
}

/* The same whatever the pieces: fed in blocks of step octets. */
static enum err
read_all(struct bytes text, size_t step, struct seen *seen,
    uint64_t *ret_lines, struct diag *diag)
{
	_cleanup_name_csv_ struct name_csv *csv = NULL;
	size_t at, len;
	enum err err;

	buf_clear(&seen->text);
	err = name_csv_new("names.csv", names, COUNT(names), line_seen, seen,
	    &csv, diag);
	for (at = 0; at < text.len && !err; at += len) {
		len = text.len - at < step ? text.len - at : step;
		err = name_csv_feed(csv, bytes_of(text.ptr + at, len), diag);
	}
	return err ? err : name_csv_end(csv, ret_lines, diag);
}

static const struct {
	const char	*text;
	const char	*seen;
} good[] = {
	{ HEAD "A," IMEI "\n", "1:A|" IMEI ";" },
	{ HEAD "A," IMEI, "1:A|" IMEI ";" },
	{ "imei,serial-number\r\n" IMEI ",A\r\n" IMEI ",B\r\n",
	    "1:A|" IMEI ";2:B|" IMEI ";" },
	{ "\xef\xbb\xbf" HEAD "A," IMEI "\r\n", "1:A|" IMEI ";" },
	{ "\"serial-number\",\"imei\"\n\"A,b\",\"" IMEI "\"\n",
	    "1:A,b|" IMEI ";" },
	{ HEAD X64 ",49-015420-323751-8\n", "1:" X64 "|" IMEI ";" },
	{ HEAD, "" },
	{ "serial-number,imei", "" },
};

static void
test_good(void **state)
{
	static const size_t steps[] = { 1, 2, 7, 100000 };
	struct seen seen = { .text = BUF_INIT };
	uint64_t lines;
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(good); i++)
		for (n = 0; n < COUNT(steps); n++) {
			struct diag diag = DIAG_INIT;

			if (read_all(bytes_text(good[i].text), steps[n],
			    &seen, &lines, &diag) != ERR_OK)
				fail_msg("%s: %s", good[i].text, diag.what);
			assert_string_equal(buf_text(&seen.text),
			    good[i].seen);
		}
	buf_release(&seen.text);
}

static const struct {
	const char	*text;
	enum err	code;
	const char	*what;
} bad[] = {
	{ "", ERR_SYNTAX, "names.csv: is empty" },
	{ "\n", ERR_SYNTAX, "names.csv:1: is empty" },
	{ "A," IMEI "\n", ERR_INVALID, "names.csv:1: column 1: \"A\" is no "
	    "kind that the product takes from a file; the header is: "
	    "imei,serial-number" },
	{ "serial-number;imei\n", ERR_INVALID, "names.csv:1: column 1:" },
	{ "serial-number,label\n", ERR_INVALID, "names.csv:1: column 2: "
	    "\"label\" is no kind" },
	{ "serial-number,chip-id\n", ERR_INVALID, "column 2: \"chip-id\"" },
	{ "serial-number,IMEI\n", ERR_INVALID, "column 2: \"IMEI\" is no" },
	{ "serial-number, imei\n", ERR_INVALID, "column 2: \" imei\"" },
	{ "serial-number,\xc3\xa9\n", ERR_INVALID,
	    "column 2: \"?"
	    "?\"" },
	{ "imei,imei\n", ERR_INVALID, "column 2: imei is column 1" },
	{ "imei\n", ERR_SYNTAX, "names.csv:1: 1 of 2 columns" },
	{ HEAD "A\n", ERR_SYNTAX, "names.csv:2: 1 of 2 columns; the "
	    "product's are imei,serial-number" },
	{ "serial-number,imei,\n", ERR_SYNTAX, "names.csv:1: more columns" },
	{ HEAD "A," IMEI ",\n", ERR_SYNTAX, "names.csv:2: more columns" },
	{ HEAD "A," IMEI "\n\n", ERR_SYNTAX, "names.csv:3: is empty" },
	{ HEAD "A," IMEI "\n\r\n", ERR_SYNTAX, "names.csv:3: is empty" },
	{ HEAD "," IMEI "\n", ERR_INVALID, "names.csv:2: column 1, "
	    "serial-number: \"\" is empty" },
	{ HEAD "A,\n", ERR_INVALID, "names.csv:2: column 2, imei: \"\" is" },
	{ HEAD "A," IMEI "\nB,490154203237519\n", ERR_INVALID,
	    "names.csv:3: column 2, imei: \"490154203237519\" is no IMEI: its "
	    "last digit" },
	{ HEAD "A_," IMEI "\n", ERR_INVALID, "names.csv:2: column 1, "
	    "serial-number: \"A_\" holds \"_\"" },
	{ HEAD " A," IMEI "\n", ERR_INVALID, "begins or ends with a space" },
	{ HEAD "\"A \"," IMEI "\n", ERR_INVALID, "begins or ends" },
	{ HEAD "A\xff," IMEI "\n", ERR_INVALID, "column 1, serial-number: "
	    "\"A?\" is not UTF-8" },
	{ HEAD "\xc3\x84," IMEI "\n", ERR_INVALID, "outside ASCII" },
	{ HEAD "A\rB," IMEI "\n", ERR_INVALID, "holds U+000D" },
	{ HEAD X64 "y," IMEI "\n", ERR_INVALID, "is 65 octets long" },
	{ HEAD "\"A\nB\"," IMEI "\n", ERR_SYNTAX, "names.csv:2: column 1, "
	    "serial-number: its quotation mark is not closed" },
	{ HEAD "\"A," IMEI "\n", ERR_SYNTAX, "is not closed" },
	{ HEAD "\"A\"\"," IMEI "\n", ERR_SYNTAX, "is not closed" },
	{ HEAD "A,\"\n", ERR_SYNTAX, "is not closed" },
	{ HEAD "\"A\"B," IMEI "\n", ERR_SYNTAX, "more behind its closing" },
	{ HEAD "A\"B\"," IMEI "\n", ERR_SYNTAX, "names.csv:2: column 1, "
	    "serial-number: a quotation mark within" },
	{ HEAD "\"A\"\"B\"," IMEI "\n", ERR_INVALID, "\"A\"B\" holds \"\"\"" },
};

static void
test_bad(void **state)
{
	static const size_t steps[] = { 1, 5, 100000 };
	struct seen seen = { .text = BUF_INIT };
	uint64_t lines = 99;
	size_t i, n;
	enum err err;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		for (n = 0; n < COUNT(steps); n++) {
			struct diag diag = DIAG_INIT;

			err = read_all(bytes_text(bad[i].text), steps[n],
			    &seen, &lines, &diag);
			if (err != bad[i].code ||
			    strstr(diag.what, bad[i].what) == NULL)
				fail_msg("%s: %s: %s", bad[i].text,
				    err_name(err), diag.what);
			assert_int_equal(lines, 99);
		}
	buf_release(&seen.text);
}

static void
test_nul(void **state)
{
	static const char text[] = HEAD "A\0B," IMEI "\n";
	struct seen seen = { .text = BUF_INIT };
	struct diag diag = DIAG_INIT;
	uint64_t lines;

	(void)state;
	assert_int_equal(read_all(bytes_of(text, sizeof(text) - 1), 3, &seen,
	    &lines, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.what, "\"A?B\" holds a NUL"));
	buf_release(&seen.text);
}

static void
test_long_line(void **state)
{
	static const size_t steps[] = { 1, 4000, 1000000 };
	struct seen seen = { .text = BUF_INIT };
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint64_t lines;
	size_t i;

	(void)state;
	buf_printf(&text, HEAD);
	for (i = 0; i < 5000; i++)
		buf_put_u8(&text, 'x');
	for (i = 0; i < 2 * COUNT(steps); i++) {
		struct diag diag = DIAG_INIT;

		if (i == COUNT(steps))
			buf_printf(&text, "\nA," IMEI "\n");
		assert_int_equal(read_all(buf_bytes(&text),
		    steps[i % COUNT(steps)], &seen, &lines, &diag),
		    ERR_LIMIT);
		assert_non_null(strstr(diag.what,
		    "names.csv:2: longer than 4096 octets"));
	}
	buf_release(&seen.text);
}

static void
test_callback(void **state)
{
	struct seen seen = { .text = BUF_INIT, .stop_at = 2 };
	uint64_t lines;

	(void)state;
	assert_int_equal(read_all(bytes_text(HEAD "A," IMEI "\nB," IMEI
	    "\nC," IMEI "\n"), 50, &seen, &lines, NULL), ERR_CONFLICT);
	assert_string_equal(buf_text(&seen.text),
	    "1:A|" IMEI ";2:B|" IMEI ";");
	buf_release(&seen.text);
}

static void
test_no_columns(void **state)
{
	struct name_csv *csv = NULL;
	struct diag diag = DIAG_INIT;

	(void)state;
	assert_int_equal(name_csv_new("names.csv", names, 1, NULL, NULL, &csv,
	    &diag), ERR_INVALID);
	assert_non_null(strstr(diag.what, "takes no names from a file"));
	assert_null(csv);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_callback),
		cmocka_unit_test(test_no_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
