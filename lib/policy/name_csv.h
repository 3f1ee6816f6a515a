/*
 * The file of names that comes with an order: CSV as RFC 4180 has it, in
 * UTF-8. A header line names the kinds, in any order: exactly those that the
 * product takes from order-csv. Then one line an identity.
 *
 * Lines end with LF or CRLF; the last one may do without. A byte order mark
 * in front is passed over. Fields may stand in quotation marks, which a name
 * never needs. Nothing is mended: no blank line, no blank around a name, no
 * field too many or too few. Every message says the file's line, counted
 * from 1, the column and its kind. Memory does not grow with the file.
 *
 * Whether names are unique is not known here: lib/authority/names.h.
 */
#ifndef IMPRINT_POLICY_NAME_CSV_H
#define IMPRINT_POLICY_NAME_CSV_H

#include "lib/policy/name.h"

#define NAME_CSV_LINE_MAX	4096	/* octets, without its end */

/* The names of one identity. */
struct name_csv_line {
	uint64_t	 number;	/* 1: the first behind the header */
	uint64_t	 in_file;	/* as messages have it */
	/* by the product's names: canonical; NULL unless from order-csv */
	const char	*text[PRODUCT_NAMES_MAX];
	unsigned	 column[PRODUCT_NAMES_MAX];	/* from 1 */
};

struct name_csv;

/*
 * file_name: for messages. names: the product's, count of them; both must
 * outlive the reader. each: what is done with a line, may be NULL; an error
 * of its ends the reading. ERR_INVALID: no name comes from order-csv.
 */
MUST_USE enum err name_csv_new(const char *file_name,
    const struct product_name *names, size_t count,
    enum err (*each)(void *ctx, const struct name_csv_line *), void *ctx,
    struct name_csv **ret_csv, struct diag *);
void	name_csv_free(struct name_csv **);
#define _cleanup_name_csv_ __attribute__((cleanup(name_csv_free)))
/* The next octets of the file. ERR_SYNTAX (no CSV), ERR_INVALID (a name),
 * ERR_LIMIT, or what each returned; nothing more may be fed then. */
MUST_USE enum err name_csv_feed(struct name_csv *, struct bytes,
    struct diag *);
/* That was all of it; ret_lines: identities named. */
MUST_USE enum err name_csv_end(struct name_csv *, uint64_t *ret_lines,
    struct diag *);

#endif
