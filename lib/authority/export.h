/*
 * Issued identities as renderings (lib/identity/rendering.h): rebuilt,
 * compared with what was logged, rendered with the certificates of their
 * issuing CA.
 *
 * One that is signed (jwt) is signed here and says only what the document
 * says. Whoever signs holds the ecosystem's lock, so it needs
 * AUTHORITY_WRITE.
 */
#ifndef IMPRINT_AUTHORITY_EXPORT_H
#define IMPRINT_AUTHORITY_EXPORT_H

#include "lib/authority/lookup.h"
#include "lib/identity/rendering.h"

struct export_options {
	const struct rendering	*rendering;
	int			 slot;		/* or RENDERING_ALL_SLOTS */
	bool			 line;		/* RENDERING_LINE */
	struct bytes		 password;	/* RENDERING_PASSWORD */
};

/* One identity after another; options and password must outlive it. */
struct export;
/* ERR_STATE: not unlocked, or it signs and the lock is not held. */
MUST_USE enum err export_new(struct authority *,
    const struct export_options *, struct export **ret_export,
    struct diag *);
void	export_free(struct export **);
#define _cleanup_export_ __attribute__((cleanup(export_free)))

/* Append the rendering. Errors of lookup_get() and of rendering->put(). */
MUST_USE enum err export_identity(struct export *, const struct address *,
    struct buf *out, char ret_ueid_hex[UEID_HEX_SIZE], struct diag *);

#endif
