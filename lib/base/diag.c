#include "lib/base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum err
diag_fail(struct diag *diag, enum err code, const char *ref,
    const char *fmt, ...)
{
	va_list ap;

	if (diag == NULL || diag->code != ERR_OK)
		return code;
	diag->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(diag->what, sizeof(diag->what), fmt, ap);
	va_end(ap);
	if (ref != NULL)
		(void)snprintf(diag->ref, sizeof(diag->ref), "%s", ref);
	return code;
}

void
diag_hint(struct diag *diag, const char *fmt, ...)
{
	va_list ap;

	if (diag == NULL || diag->hint[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(diag->hint, sizeof(diag->hint), fmt, ap);
	va_end(ap);
}

void
diag_internal(struct diag *diag, const char *fmt, ...)
{
	va_list ap;

	if (diag == NULL || diag->internal[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(diag->internal, sizeof(diag->internal), fmt, ap);
	va_end(ap);
}

void
diag_prefix(struct diag *diag, const char *fmt, ...)
{
	char name[192], rest[sizeof(diag->what)];
	va_list ap;

	if (diag == NULL || diag->code == ERR_OK)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	memcpy(rest, diag->what, sizeof(rest));
	if (snprintf(diag->what, sizeof(diag->what), "%s: %s", name, rest) < 0)
		memcpy(diag->what, rest, sizeof(diag->what));
}

enum err
diag_nomem(struct diag *diag)
{
	return diag_fail(diag, ERR_NOMEM, NULL, "out of memory");
}
