#include "lib/base/logfmt.h"

#include "lib/base/clock.h"
#include "lib/base/json_write.h"

#define ESCAPED_MAX	6	/* octets of one: "\u0000" */

static bool
is_plain(struct bytes value)
{
	size_t i;

	for (i = 0; i < value.len; i++)
		if (value.ptr[i] <= ' ' || value.ptr[i] > '~' ||
		    value.ptr[i] == '"' || value.ptr[i] == '=' ||
		    value.ptr[i] == '\\')
			return false;
	return value.len > 0;
}

void
logfmt_put(struct buf *b, const char *key, struct bytes value)
{
	size_t len = value.len, start;

	buf_printf(b, "%s%s=", b->len > 0 ? " " : "", key);
	if (len <= LOGFMT_VALUE_MAX && is_plain(value)) {
		buf_put_bytes(b, value);
		return;
	}
	buf_put_u8(b, '"');
	start = b->len;
	if (len > LOGFMT_VALUE_MAX)
		len = LOGFMT_VALUE_MAX;
	(void)text_put_escaped(b, bytes_of(value.ptr, len), ESCAPE_JSON);
	if (buf_err(b) == ERR_OK && b->len - start > LOGFMT_VALUE_MAX) {
		b->len = start;
		len = LOGFMT_VALUE_MAX / ESCAPED_MAX;
		(void)text_put_escaped(b, bytes_of(value.ptr, len),
		    ESCAPE_JSON);
	}
	buf_printf(b, "%s\"", len < value.len ? "..." : "");
}

void
logfmt_put_text(struct buf *b, const char *key, const char *value)
{
	logfmt_put(b, key, bytes_text(value));
}

void
logfmt_put_number(struct buf *b, const char *key, uint64_t value)
{
	buf_printf(b, "%s%s=%llu", b->len > 0 ? " " : "", key,
	    (unsigned long long)value);
}

void
logfmt_put_diag(struct buf *b, const struct diag *diag)
{
	logfmt_put_text(b, "why", diag->what[0] != '\0' ? diag->what :
	    err_name(diag->code));
	if (diag->ref[0] != '\0')
		logfmt_put_text(b, "reference", diag->ref);
	if (diag->hint[0] != '\0')
		logfmt_put_text(b, "do", diag->hint);
	if (diag->internal[0] != '\0')
		logfmt_put_text(b, "detail", diag->internal);
}

static const char *
level_name(enum log_level level)
{
	return level == LEVEL_ERROR ? "error" :
	    level == LEVEL_WARNING ? "warning" : "info";
}

void
logfmt_put_line(struct buf *out, bool journal, int64_t now,
    enum log_level level, const char *role, const struct buf *fields)
{
	char time[TIME_TEXT_SIZE];

	time_format(now, time);
	if (journal)
		buf_printf(out, "<%d>", level);
	buf_printf(out, "time=%s level=%s role=%s ", time, level_name(level),
	    role);
	if (buf_err(fields) == ERR_OK)
		buf_put_bytes(out, buf_bytes(fields));
	else
		buf_printf(out, "msg=\"a line is lost: %s\"",
		    err_name(buf_err(fields)));
	buf_put_u8(out, '\n');
}
