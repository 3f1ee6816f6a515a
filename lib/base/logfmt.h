/*
 * Lines of a log for people and programs (logfmt): key=value, a space between.
 *
 *	time=2026-11-22T15:50:08Z level=info role=front event=refusal ...
 *
 * A value that is not plain stands in double quotes, with the escapes of JSON:
 * whatever it holds, it is one value in one line, and nobody forges another.
 * A long one is cut. A buffer that fails gives a line that says so.
 */
#ifndef IMPRINT_LIB_BASE_LOGFMT_H
#define IMPRINT_LIB_BASE_LOGFMT_H

#include "lib/base/buf.h"
#include "lib/base/diag.h"

#define LOGFMT_VALUE_MAX	512	/* of one, escaped; then "..." */
/* A line is one write(2), which pipes keep whole up to PIPE_BUF. */
#define LOGFMT_LINE_MAX		4096

/* As syslog(3) and the journal count them. */
enum log_level { LEVEL_ERROR = 3, LEVEL_WARNING = 4, LEVEL_INFO = 6 };

/* One more field, of any octets; key: [a-z_]+. */
void	logfmt_put(struct buf *, const char *key, struct bytes value);
void	logfmt_put_text(struct buf *, const char *key, const char *value);
void	logfmt_put_number(struct buf *, const char *key, uint64_t value);
/* What went wrong, why= with its reference= if it has one, and what to do;
 * also the part that clients never see. */
void	logfmt_put_diag(struct buf *, const struct diag *);

/* A whole line of these fields, with its end; journal: its priority, as
 * sd-daemon(3) has it, before it. */
void	logfmt_put_line(struct buf *out, bool journal, int64_t now,
	    enum log_level, const char *role, const struct buf *fields);

#endif
