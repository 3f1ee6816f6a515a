/* Files of names: whatever comes in whatever pieces, the same is read or the
 * same is refused; names that are read are canonical and stay so. */
#include <stdlib.h>

#include "lib/policy/name_csv.h"

static const struct product_name names[] = {
	{ .kind = "imei", .from = NAME_FROM_CSV, .type = NAME_IMEI },
	{ .kind = "mac", .from = NAME_FROM_CSV, .type = NAME_MAC },
	{ .kind = "serial-number", .from = NAME_FROM_CSV },
};

static enum err
line_check(void *ctx, const struct name_csv_line *line)
{
	char again[NAME_TEXT_SIZE];
	size_t i;

	for (i = 0; i < 3; i++) {
		buf_printf(ctx, "%s,", line->text[i]);
		if (name_read(names[i].kind, names[i].type,
		    bytes_text(line->text[i]), again, NULL) != ERR_OK ||
		    strcmp(again, line->text[i]) != 0)
			abort();
	}
	return ERR_OK;
}

static enum err
read_all(struct bytes text, size_t step, struct buf *out)
{
	_cleanup_name_csv_ struct name_csv *csv = NULL;
	struct diag diag = DIAG_INIT;
	uint64_t lines;
	size_t at, len;
	enum err err;

	err = name_csv_new("f", names, 3, line_check, out, &csv, &diag);
	for (at = 0; at < text.len && !err; at += len) {
		len = text.len - at < step ? text.len - at : step;
		err = name_csv_feed(csv, bytes_of(text.ptr + at, len), &diag);
	}
	if (!err)
		err = name_csv_end(csv, &lines, &diag);
	if ((diag.what[0] != '\0') != (err != ERR_OK))
		abort();
	buf_printf(out, "%d %s", err, diag.what);
	return err;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf whole = BUF_INIT, parts = BUF_INIT;
	struct bytes text = bytes_of(data, size);

	if (read_all(text, size + 1, &whole) != read_all(text, 7, &parts) ||
	    !bytes_equal(buf_bytes(&whole), buf_bytes(&parts)))
		abort();
	return 0;
}
