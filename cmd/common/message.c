#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/cmd.h"

enum exit_code
cmd_exit_code(enum err err)
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

/*
 * The next character of a text that may be anybody's: its length in octets,
 * 0 when it is not UTF-8 (RFC 3629 4) or one that acts on a terminal: C0, C1,
 * marks and overrides of direction.
 */
static size_t
character_next(const unsigned char *p, size_t len)
{
	static const struct {
		uint32_t first, last;
	} acting[] = {
		{ 0, 0x1f },
		{ 0x7f, 0x9f },
		{ 0x200e, 0x200f },
		{ 0x202a, 0x202e },
		{ 0x2066, 0x2069 },
		{ 0xd800, 0xdfff },
	};
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = p[0];
	size_t n, i;

	n = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 :
	    (c & 0xf8) == 0xf0 ? 4 : 0;
	if (n == 0 || n > len)
		return 0;
	if (n > 1)
		c &= 0x7fU >> n;
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff)
		return 0;
	for (i = 0; i < sizeof(acting) / sizeof(acting[0]); i++)
		if (c >= acting[i].first && c <= acting[i].last)
			return 0;
	return n;
}

void
json_string(FILE *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t i, n;

	(void)fputc('"', out);
	for (i = 0; i < len; i += n) {
		n = character_next(p + i, len - i);
		if (n == 0 && p[i] < 0x80)
			(void)fprintf(out, "\\u%04x", p[i]);
		else if (n == 0)
			(void)fputs("\\ufffd", out);
		else if (p[i] == '"' || p[i] == '\\')
			(void)fprintf(out, "\\%c", p[i]);
		else
			(void)fwrite(p + i, 1, n, out);
		n = n > 0 ? n : 1;
	}
	(void)fputc('"', out);
}

void
text_print(FILE *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = character_next(p + i, len - i);
		if (n == 0)
			(void)fprintf(out, "\\x%02x", p[i]);
		else
			(void)fwrite(p + i, 1, n, out);
		n = n > 0 ? n : 1;
	}
}

/* "program: what (ref)" and what else is known, a line each. */
static void
diag_print(const struct cmd *cmd, const char *what)
{
	const struct diag *diag = &cmd->diag;

	(void)fprintf(stderr, "%s: ", cmd->program->name);
	text_print(stderr, what, strlen(what));
	if (diag->ref[0] != '\0')
		(void)fprintf(stderr, " (%s)", diag->ref);
	(void)fputc('\n', stderr);
	if (diag->hint[0] != '\0') {
		(void)fputs("  ", stderr);
		text_print(stderr, diag->hint, strlen(diag->hint));
		(void)fputc('\n', stderr);
	}
	if (diag->internal[0] != '\0') {
		(void)fputs("  detail: ", stderr);
		text_print(stderr, diag->internal, strlen(diag->internal));
		(void)fputc('\n', stderr);
	}
}

void
cmd_json_error(struct cmd *cmd, enum err err)
{
	const struct diag *diag = &cmd->diag;

	cmd->json_told = true;
	(void)fputs("{\"error\": ", stdout);
	json_string(stdout, err_name(err), strlen(err_name(err)));
	(void)fputs(", \"message\": ", stdout);
	json_string(stdout, diag->what, strlen(diag->what));
	(void)fputs(", \"reference\": ", stdout);
	json_string(stdout, diag->ref, strlen(diag->ref));
	(void)fputs(", \"hint\": ", stdout);
	json_string(stdout, diag->hint, strlen(diag->hint));
	(void)fputs("}", stdout);
}

static void
json_error(struct cmd *cmd, enum err err)
{
	if (!cmd->json || cmd->json_told)
		return;
	cmd_json_error(cmd, err);
	(void)fputc('\n', stdout);
}

enum exit_code
cmd_fail(struct cmd *cmd, enum err err)
{
	diag_print(cmd, cmd->diag.what[0] != '\0' ? cmd->diag.what :
	    err_name(err));
	json_error(cmd, err);
	return cmd_exit_code(err);
}

#define MESSAGE_SIZE 1024

enum exit_code
cmd_usage(struct cmd *cmd, const char *fmt, ...)
{
	char text[MESSAGE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "%s: ", cmd->program->name);
	text_print(stderr, text, strlen(text));
	(void)fprintf(stderr, "\n  see '%s %s%s'\n", cmd->program->name,
	    cmd->command != NULL ? "help " : "--help",
	    cmd->command != NULL ? cmd->command->name : "");
	(void)diag_fail(&cmd->diag, ERR_INVALID, NULL, "%s", text);
	json_error(cmd, ERR_INVALID);
	return EXIT_USAGE;
}

void
cmd_warn(struct cmd *cmd, const char *fmt, ...)
{
	char text[MESSAGE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "%s: warning: ", cmd->program->name);
	text_print(stderr, text, strlen(text));
	(void)fputc('\n', stderr);
}
