#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/cmd.h"

static enum exit_code
exit_code_of(enum err err)
{
	switch (err) {
	case ERR_OK:
		return EXIT_OK;
	case ERR_NOTFOUND:
		return EXIT_NOTFOUND;
	case ERR_EXISTS:
	case ERR_CONFLICT:
	case ERR_STATE:
	case ERR_CLOCK:
		return EXIT_CONFLICT;
	case ERR_AUTH:
	case ERR_PERMISSION:
		return EXIT_AUTH;
	case ERR_IO:
	case ERR_NOSPACE:
		return EXIT_IO;
	case ERR_BUSY:
		return EXIT_BUSY;
	case ERR_CORRUPT:
	case ERR_VERSION:
		return EXIT_DAMAGED;
	case ERR_SYNTAX:
	case ERR_LIMIT:
	case ERR_INVALID:
	case ERR_UNSUPPORTED:
		return EXIT_USAGE;
	case ERR_INTERRUPTED:
		return EXIT_INTERRUPTED;
	case ERR_NOMEM:
	case ERR_CRYPTO:
	case ERR_INTERNAL:
		break;
	}
	return EXIT_DEFECT;
}

void
json_string(FILE *out, const char *text, size_t len)
{
	size_t i;

	(void)fputc('"', out);
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			(void)fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			(void)fprintf(out, "\\u%04x", c);
		else
			(void)fputc(c, out);
	}
	(void)fputc('"', out);
}

static void
json_error(const struct cmd *cmd, enum err err)
{
	const struct diag *diag = &cmd->diag;

	(void)fputs("{\"error\": ", stdout);
	json_string(stdout, err_name(err), strlen(err_name(err)));
	(void)fputs(", \"message\": ", stdout);
	json_string(stdout, diag->what, strlen(diag->what));
	(void)fputs(", \"reference\": ", stdout);
	json_string(stdout, diag->ref, strlen(diag->ref));
	(void)fputs(", \"hint\": ", stdout);
	json_string(stdout, diag->hint, strlen(diag->hint));
	(void)fputs("}\n", stdout);
}

enum exit_code
cmd_fail(struct cmd *cmd, enum err err)
{
	const struct diag *diag = &cmd->diag;

	if (diag->what[0] == '\0')
		(void)fprintf(stderr, "%s: %s\n", cmd->program->name,
		    err_name(err));
	else if (diag->ref[0] != '\0')
		(void)fprintf(stderr, "%s: %s (%s)\n", cmd->program->name,
		    diag->what, diag->ref);
	else
		(void)fprintf(stderr, "%s: %s\n", cmd->program->name,
		    diag->what);
	if (diag->hint[0] != '\0')
		(void)fprintf(stderr, "  %s\n", diag->hint);
	if (diag->internal[0] != '\0')
		(void)fprintf(stderr, "  detail: %s\n", diag->internal);
	if (cmd->json)
		json_error(cmd, err);
	return exit_code_of(err);
}

enum exit_code
cmd_usage(struct cmd *cmd, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "%s: ", cmd->program->name);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "\n  see '%s %s%s'\n", cmd->program->name,
	    cmd->command != NULL ? "help " : "--help",
	    cmd->command != NULL ? cmd->command->name : "");
	return EXIT_USAGE;
}

void
cmd_warn(struct cmd *cmd, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "%s: warning: ", cmd->program->name);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}
