/* What imprintd tells whoever looks after it, on standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/imprintd/imprintd.h"
#include "lib/base/clock.h"

static bool	to_journal;	/* set once, by log_begin() */

/* systemd says which stream its journal reads (systemd.exec(5)). */
void
log_begin(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return;
	(void)snprintf(ours, sizeof(ours), "%llu:%llu",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	to_journal = strcmp(stream, ours) == 0;
}

void
log_fields(const char *role, enum log_level level, const struct buf *fields)
{
	static const char lost[] = "msg=\"a line of the log is lost: out of"
	    " memory\"\n";
	_cleanup_buf_ struct buf line = { .limit = LOGFMT_LINE_MAX };

	logfmt_put_line(&line, to_journal, time_now(), level, role, fields);
	/* one write, or lines of several processes mix; if it fails there is
	 * nobody to tell */
	if (buf_err(&line) == ERR_OK &&
	    write(STDERR_FILENO, line.ptr, line.len) >= 0)
		return;
	if (buf_err(&line) != ERR_OK &&
	    write(STDERR_FILENO, lost, sizeof(lost) - 1) >= 0)
		return;
}

void
log_line(const char *role, const char *text)
{
	_cleanup_buf_ struct buf fields = BUF_INIT;

	logfmt_put_text(&fields, "msg", text);
	log_fields(role, LEVEL_WARNING, &fields);
}

enum exit_code
role_fail(const struct cmd *cmd, const char *role, enum err err)
{
	log_diag(role, "ends", &cmd->diag);
	return cmd_exit_code(err);
}

void
log_diag(const char *role, const char *what, const struct diag *diag)
{
	_cleanup_buf_ struct buf fields = BUF_INIT;

	logfmt_put_text(&fields, "msg", what);
	logfmt_put_diag(&fields, diag);
	log_fields(role, LEVEL_ERROR, &fields);
}
