/*
 * Renderings of an identity for other programs: a table, a function each,
 * and a new kind is one more file. None holds a private key: the authority
 * forgets those of devices.
 *
 * "document" is what was signed and logged; the others say the same in other
 * forms. What is signed anew (jwt) carries the SHA-256 of the canonical
 * claims, which is what the log holds.
 */
#ifndef IMPRINT_IDENTITY_RENDERING_H
#define IMPRINT_IDENTITY_RENDERING_H

#include "lib/identity/document.h"

#define RENDERING_CHAIN_MAX	4
#define RENDERING_ALL_SLOTS	(-1)

/* What is rendered; views last as long as the call. */
struct rendering_source {
	struct bytes		 encoded;	/* the document, and ... */
	const struct document	*document;	/* ... the same, parsed */
	/* DER: the issuing CA of its certificates, ..., the root */
	struct bytes		 chain[RENDERING_CHAIN_MAX];
	size_t			 chain_count;
	int			 slot;		/* or RENDERING_ALL_SLOTS */
	bool			 line;		/* as one line, without its
						 * end: RENDERING_LINE */
	struct signer		*signer;	/* RENDERING_SIGNS */
	struct bytes		 password;	/* RENDERING_PASSWORD */
};

enum {
	RENDERING_SIGNS = 1 << 0,	/* needs the document signer */
	RENDERING_PASSWORD = 1 << 1,	/* needs a password */
	RENDERING_LINE = 1 << 2,	/* can be one line of text */
	RENDERING_SLOT = 1 << 3,	/* heeds slot */
	RENDERING_PUBLIC = 1 << 4,	/* certificates alone: anybody may
					 * read it */
	RENDERING_TEXT = 1 << 5		/* else octets */
};

struct rendering {
	const char	*name;		/* "pem" */
	const char	*ending;	/* of a file's name: ".pem" */
	unsigned	 traits;
	/* Append. ERR_NOTFOUND: the slot has no certificate; ERR_INVALID:
	 * the password; ERR_UNSUPPORTED: a key without such a form. */
	enum err	(*put)(const struct rendering_source *, struct buf *,
			    struct diag *);
};

/* All of them; ends with NULL. */
extern const struct rendering *const renderings[];

/* ERR_INVALID lists those there are. */
MUST_USE enum err rendering_find(const char *name,
    const struct rendering **ret_rendering, struct diag *);

/* Is it the JWT of that document, signed with this key? */
MUST_USE enum err rendering_jwt_check(const struct rendering_source *,
    struct bytes jwt, const struct public_key *, bool *ret_good,
    struct diag *);

#endif
