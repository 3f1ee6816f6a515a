/*
 * CSV as RFC 4180 has it, cut into lines and fields as it comes in.
 *
 * Lines end with LF or CRLF; the last one may do without. A byte order mark
 * in front is passed over. A field may stand in quotation marks and has no
 * line break in it. Memory does not grow with the file.
 */
#ifndef IMPRINT_BASE_CSV_H
#define IMPRINT_BASE_CSV_H

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"

#define CSV_LINE_MAX	16384	/* octets, without its end */

struct csv {
	enum err	(*each)(void *ctx, struct bytes line);
	void		*ctx;
	size_t		 line_max;	/* octets, at most CSV_LINE_MAX */
	uint64_t	 line;		/* the one at hand, from 1 */
	size_t		 kept;		/* octets of a line's begin */
	char		 keep[CSV_LINE_MAX + 2];
	char		 field[CSV_LINE_MAX];	/* unquoted */
};

/* each: what is done with a line without its end; an error of its ends the
 * reading. */
void	csv_init(struct csv *, size_t line_max,
	    enum err (*each)(void *ctx, struct bytes line), void *ctx);
/* The next octets of the file. ERR_LIMIT: csv->line is longer than line_max;
 * or what each returned. Nothing more may be fed then. */
MUST_USE enum err csv_feed(struct csv *, struct bytes);
/* That was all of it. The same errors. */
MUST_USE enum err csv_end(struct csv *);

/*
 * The next field of rest, which then begins behind its comma; *ret_more:
 * there was one. NULL when all is well, else what is wrong with it. The view
 * lasts until the next field.
 */
const char *csv_field(struct csv *, struct bytes *rest,
    struct bytes *ret_field, bool *ret_more);

#endif
