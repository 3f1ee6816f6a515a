/*
 * What went wrong, said once by the check that failed.
 *
 * The first diag_fail() on a diag stays; later ones are ignored, so a caller
 * may add context only through its return value. Every pointer to a diag may
 * be NULL: then nothing is recorded. Texts are cut at their field's size.
 */
#ifndef IMPRINT_BASE_DIAG_H
#define IMPRINT_BASE_DIAG_H

#include "lib/base/err.h"

struct diag {
	enum err	code;		/* ERR_OK: nothing recorded */
	char		what[384];	/* object, field, what was found */
	char		ref[48];	/* "RFC 8949 4.2.1", or empty */
	char		hint[256];	/* what to do next, or empty */
	char		internal[192];	/* never shown to a client */
};

#define DIAG_INIT { .code = ERR_OK }

/*
 * Record and return code. ref names the standard's section, or NULL. The
 * message names the object first: "pack p1.pack: chunk 3: hash differs".
 */
enum err diag_fail(struct diag *, enum err code, const char *ref,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Add what to do next, unless a hint is there. */
void	diag_hint(struct diag *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Add detail for the operator's log, never for a client. */
void	diag_internal(struct diag *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Put an object's name in front of the recorded message. */
void	diag_prefix(struct diag *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Out of memory, recorded. */
enum err diag_nomem(struct diag *);

#endif
