#include "lib/policy/name_csv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/csv.h"

#define SHOWN_SIZE	80

struct name_csv {
	const char		*file_name;
	const struct product_name *names;
	size_t			 name_count;
	enum err		(*each)(void *, const struct name_csv_line *);
	void			*ctx;
	struct diag		*diag;		/* of the call at hand */
	size_t			 columns;
	bool			 headed;	/* the header has been read */
	uint8_t			 name_of[PRODUCT_NAMES_MAX];
	struct name_csv_line	 line;
	char			 text[PRODUCT_NAMES_MAX][NAME_TEXT_SIZE];
	struct csv		 csv;
};

static enum err line_read(void *, struct bytes);

enum err
name_csv_new(const char *file_name, const struct product_name *names,
    size_t count, enum err (*each)(void *ctx, const struct name_csv_line *),
    void *ctx, struct name_csv **ret_csv, struct diag *diag)
{
	struct name_csv *csv;
	size_t i, columns = 0;

	for (i = 0; i < count; i++)
		columns += names[i].from == NAME_FROM_CSV;
	if (columns == 0)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "%.120s: the product takes no names from a file; what "
		    "its names come from is in its definition", file_name);
	csv = calloc(1, sizeof(*csv));
	if (csv == NULL)
		return diag_nomem(diag);
	csv->file_name = file_name;
	csv->names = names;
	csv->name_count = count;
	csv->columns = columns;
	csv->each = each;
	csv->ctx = ctx;
	csv_init(&csv->csv, NAME_CSV_LINE_MAX, line_read, csv);
	*ret_csv = csv;
	return ERR_OK;
}

void
name_csv_free(struct name_csv **csv)
{
	free(*csv);
	*csv = NULL;
}

static enum err csv_fail(struct name_csv *, enum err, unsigned column,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* column 0: about the line. */
static enum err
csv_fail(struct name_csv *csv, enum err code, unsigned column,
    const char *fmt, ...)
{
	char place[PRODUCT_NAME_MAX + 40] = "", text[240];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (column > 0 && csv->headed && column <= csv->columns)
		(void)snprintf(place, sizeof(place), " column %u, %s:",
		    column, csv->names[csv->name_of[column - 1]].kind);
	else if (column > 0)
		(void)snprintf(place, sizeof(place), " column %u:", column);
	return diag_fail(csv->diag, code,
	    code == ERR_SYNTAX ? "RFC 4180 2" : NULL, "%.120s:%ju:%s %s",
	    csv->file_name, (uintmax_t)csv->line.in_file, place, text);
}

/* Cut, nothing but printable ASCII. */
static const char *
shown(struct bytes text, char out[SHOWN_SIZE])
{
	size_t len = text.len < SHOWN_SIZE - 4 ? text.len : SHOWN_SIZE - 4, i;

	for (i = 0; i < len; i++)
		out[i] = (char)(text.ptr[i] < 0x20 || text.ptr[i] > 0x7e ?
		    '?' : text.ptr[i]);
	out[len] = '\0';
	if (len < text.len)
		memcpy(out + len, "...", 4);
	return out;
}

/* The kinds that the header should have, for messages. */
static const char *
kinds_list(const struct name_csv *csv, char out[160])
{
	size_t len = 0, i;
	int n;

	out[0] = '\0';
	for (i = 0; i < csv->name_count && len < 160; i++) {
		if (csv->names[i].from != NAME_FROM_CSV)
			continue;
		n = snprintf(out + len, 160 - len, "%s%s", len > 0 ? "," : "",
		    csv->names[i].kind);
		len += n > 0 ? (size_t)n : 0;
	}
	return out;
}

/* What the header has in a column. */
static enum err
header_column(struct name_csv *csv, unsigned column, struct bytes field)
{
	char text[SHOWN_SIZE], kinds[160];
	size_t i, n;

	for (i = 0; i < csv->name_count; i++)
		if (csv->names[i].from == NAME_FROM_CSV &&
		    bytes_equal(field, bytes_text(csv->names[i].kind)))
			break;
	if (i == csv->name_count)
		return csv_fail(csv, ERR_INVALID, column, "\"%s\" is no kind "
		    "that the product takes from a file; the header is: %s",
		    shown(field, text), kinds_list(csv, kinds));
	for (n = 0; n + 1 < column; n++)
		if (csv->name_of[n] == i)
			return csv_fail(csv, ERR_INVALID, column,
			    "%s is column %zu already", csv->names[i].kind,
			    n + 1);
	csv->name_of[column - 1] = (uint8_t)i;
	csv->line.text[i] = csv->text[i];
	csv->line.column[i] = column;
	return ERR_OK;
}

static enum err
name_column(struct name_csv *csv, unsigned column, struct bytes field)
{
	size_t i = csv->name_of[column - 1];
	struct diag why = DIAG_INIT;
	char text[SHOWN_SIZE];
	enum err err;

	err = name_read(csv->names[i].kind, csv->names[i].type, field,
	    csv->text[i], &why);
	if (!err)
		return ERR_OK;
	err = csv_fail(csv, err, column, "\"%s\" %s", shown(field, text),
	    why.what);
	if (why.hint[0] != '\0')
		diag_hint(csv->diag, "%s", why.hint);
	return err;
}

static enum err
line_read(void *ctx, struct bytes line)
{
	struct name_csv *csv = ctx;
	struct bytes field, rest = line;
	const char *wrong;
	unsigned column = 0;
	char kinds[160];
	bool more = true;
	enum err err;

	csv->line.in_file = csv->csv.line;
	if (line.len == 0)
		return csv_fail(csv, ERR_SYNTAX, 0, "is empty");
	while (more) {
		wrong = csv_field(&csv->csv, &rest, &field, &more);
		column++;
		err = wrong == NULL ? ERR_OK :
		    csv_fail(csv, ERR_SYNTAX, column, "%s", wrong);
		if (!err && column > csv->columns)
			err = csv_fail(csv, ERR_SYNTAX, 0, "more columns than "
			    "the product's %zu: %s", csv->columns,
			    kinds_list(csv, kinds));
		if (!err)
			err = csv->headed ? name_column(csv, column, field) :
			    header_column(csv, column, field);
		if (err)
			return err;
	}
	if (column < csv->columns)
		return csv_fail(csv, ERR_SYNTAX, 0, "%u of %zu columns; the "
		    "product's are %s", column, csv->columns,
		    kinds_list(csv, kinds));
	if (!csv->headed) {
		csv->headed = true;
		return ERR_OK;
	}
	csv->line.number++;
	return csv->each == NULL ? ERR_OK : csv->each(csv->ctx, &csv->line);
}

/* err of the line at hand, or of one that is no line. */
static enum err
reading_end(struct name_csv *csv, enum err err)
{
	if (err != ERR_LIMIT || csv->line.in_file == csv->csv.line)
		return err;
	csv->line.in_file = csv->csv.line;
	return csv_fail(csv, ERR_LIMIT, 0, "longer than %d octets",
	    NAME_CSV_LINE_MAX);
}

enum err
name_csv_feed(struct name_csv *csv, struct bytes input, struct diag *diag)
{
	csv->diag = diag;
	return reading_end(csv, csv_feed(&csv->csv, input));
}

enum err
name_csv_end(struct name_csv *csv, uint64_t *ret_lines, struct diag *diag)
{
	enum err err;

	csv->diag = diag;
	err = reading_end(csv, csv_end(&csv->csv));
	if (!err && !csv->headed)
		err = diag_fail(diag, ERR_SYNTAX, "RFC 4180 2",
		    "%.120s: is empty", csv->file_name);
	if (!err)
		*ret_lines = csv->line.number;
	return err;
}
