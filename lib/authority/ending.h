/*
 * Certificates that others rely on, and when they end: the authority's own,
 * those of services, of manufacturers and chip makers.
 */
#ifndef IMPRINT_LIB_AUTHORITY_ENDING_H
#define IMPRINT_LIB_AUTHORITY_ENDING_H

#include "lib/authority/authority.h"

enum ending_kind {
	ENDING_CA = 0,		/* by name of its key */
	ENDING_DOCUMENT = 1,	/* all signers of documents are "document" */
	ENDING_SERVICE = 2,
	ENDING_MANUFACTURER = 3,
	ENDING_CHIP_MAKER = 4,
	ENDING_KINDS = 5
};
/* "ca", "document-signer"; kind: one of them. */
const char *ending_kind_name(enum ending_kind);

/*
 * Each of them, in order of issue: of a name that comes several times the
 * last one counts. Names are [a-z0-9.-]*. What was removed is left out; who is
 * told gives an error to end with. ERR_CORRUPT, ERR_IO.
 */
MUST_USE enum err authority_endings(struct authority *,
    enum err (*each)(void *ctx, enum ending_kind, const char *name,
    int64_t end), void *ctx, struct diag *);

#endif
