/*
 * A report on its way into the registry. Within lib/authority.
 */
#ifndef IMPRINT_AUTHORITY_RECONCILE_INTERNAL_H
#define IMPRINT_AUTHORITY_RECONCILE_INTERNAL_H

#include "lib/authority/names_internal.h"
#include "lib/authority/reconcile.h"
#include "lib/identity/document.h"

/* Two identities with one key: alike only if their names or devices are. */
struct suspect {
	struct address	own, other;
	uint64_t	key;
};

struct keys {
	struct authority	*authority;
	const struct template	*template;
	struct sha256		*sha256;
	struct row_sum		*rows;	/* the caller's: what changes */
	/* by the template's names: could others give such a name? */
	bool			 forms[PRODUCT_NAMES_MAX];
	bool			 files[PRODUCT_NAMES_MAX];
	struct suspect		*suspects;
	size_t			 count, cap;
	/* while one is put */
	struct address		 own;
	uint64_t		 key;
	struct diag		*diag;
};

MUST_USE enum err keys_open(struct keys *, struct authority *,
    const struct template *, struct diag *);
void	keys_release(struct keys *);
/*
 * Names of a record into their canonical text, in text; ERR_CONFLICT: not of
 * the line, malformed, or one that the authority gives.
 */
MUST_USE enum err keys_names(struct keys *, struct report_record *,
    char text[REPORT_NAMES_MAX][NAME_TEXT_SIZE], struct diag *);
/* Note an identity's names and device. */
MUST_USE enum err keys_put(struct keys *, const struct address *,
    const struct report_record *, struct diag *);
/* When all are put, and status is changed: ERR_CONFLICT when a name or a
 * device is in two live identities. */
MUST_USE enum err keys_check(struct keys *, struct diag *);

/*
 * Is a signature that shall prove an identity one of its key? One that the
 * report before had (was, or NULL) is not looked at again. *lookup: made when
 * it is NULL; the caller's. ERR_CONFLICT.
 */
MUST_USE enum err evidence_check(struct authority *, struct lookup **lookup,
    const struct address *, const struct report_record *,
    const struct report_record *was, struct diag *);

#endif
