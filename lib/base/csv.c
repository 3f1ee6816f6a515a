#include "lib/base/csv.h"

void
csv_init(struct csv *csv, size_t line_max,
    enum err (*each)(void *ctx, struct bytes line), void *ctx)
{
	csv->each = each;
	csv->ctx = ctx;
	csv->line_max = line_max;
	csv->line = 0;
	csv->kept = 0;
}

/* Behind the opening quotation mark, up to the comma or the end; NULL when
 * the mark is not closed. */
static const uint8_t *
quoted_take(struct csv *csv, const uint8_t *at, const uint8_t *end,
    struct bytes *ret_field)
{
	size_t len = 0;

	while (++at < end) {
		if (*at == '"' && (at + 1 == end || at[1] != '"')) {
			*ret_field = bytes_of(csv->field, len);
			return at + 1;
		}
		at += *at == '"';
		csv->field[len++] = (char)*at;
	}
	return NULL;
}

const char *
csv_field(struct csv *csv, struct bytes *rest, struct bytes *ret_field,
    bool *ret_more)
{
	const uint8_t *at = rest->ptr, *end = rest->ptr + rest->len;

	if (rest->len == 0 || *at != '"') {
		while (at < end && *at != ',' && *at != '"')
			at++;
		if (at < end && *at == '"')
			return "a quotation mark within a field that does not "
			    "begin with one";
		*ret_field = bytes_of(rest->ptr, (size_t)(at - rest->ptr));
	} else {
		at = quoted_take(csv, at, end, ret_field);
		if (at == NULL)
			return "its quotation mark is not closed on this "
			    "line; a name has no line break in it";
		if (at < end && *at != ',')
			return "more behind its closing quotation mark; a "
			    "comma belongs there";
	}
	*ret_more = at < end;
	at += at < end;
	*rest = bytes_of(at, (size_t)(end - at));
	return NULL;
}

/* Up to its line feed, which may be the file's end. */
static enum err
line_end(struct csv *csv, struct bytes line)
{
	static const uint8_t mark[] = { 0xef, 0xbb, 0xbf };

	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (csv->line == 0 && line.len >= sizeof(mark) &&
	    memcmp(line.ptr, mark, sizeof(mark)) == 0)
		line = bytes_of(line.ptr + sizeof(mark),
		    line.len - sizeof(mark));
	csv->line++;
	if (line.len > csv->line_max)
		return ERR_LIMIT;
	return csv->each(csv->ctx, line);
}

/* What is left of a line whose end has not been seen. */
static enum err
line_keep(struct csv *csv, struct bytes part)
{
	if (part.len > csv->line_max + 2 - csv->kept) {
		csv->line++;
		return ERR_LIMIT;
	}
	if (part.len > 0)
		memcpy(csv->keep + csv->kept, part.ptr, part.len);
	csv->kept += part.len;
	return ERR_OK;
}

enum err
csv_feed(struct csv *csv, struct bytes input)
{
	const uint8_t *feed;
	struct bytes line;
	enum err err = ERR_OK;

	while (!err && input.len > 0) {
		feed = memchr(input.ptr, '\n', input.len);
		if (feed == NULL)
			return line_keep(csv, input);
		line = bytes_of(input.ptr, (size_t)(feed - input.ptr));
		input = bytes_of(feed + 1, input.len - line.len - 1);
		if (csv->kept > 0) {
			err = line_keep(csv, line);
			line = bytes_of(csv->keep, csv->kept);
			csv->kept = 0;
		}
		if (!err)
			err = line_end(csv, line);
	}
	return err;
}

enum err
csv_end(struct csv *csv)
{
	struct bytes line = bytes_of(csv->keep, csv->kept);

	csv->kept = 0;
	return line.len == 0 ? ERR_OK : line_end(csv, line);
}
