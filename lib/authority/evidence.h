/*
 * Identities by what was verified before they were issued (lib/log/entry.h):
 * what is to be revoked when that turns out to be worth nothing, as when a
 * front was taken over for a day.
 *
 * A renewal is as good as the identity that it was asked for with. So who names
 * a class names what was issued so within the time, and whatever was renewed
 * from that since, be it on a front's word.
 */
#ifndef IMPRINT_AUTHORITY_EVIDENCE_H
#define IMPRINT_AUTHORITY_EVIDENCE_H

#include "lib/authority/status.h"
#include "lib/log/entry.h"

/* "order", "chip-maker", "approved", "possession", "bootstrap", "renewal",
 * "front", "front-renewal", "manufacturer"; NULL. */
const char *evidence_class_name(enum evidence_class);
/* ERR_NOTFOUND. */
MUST_USE enum err evidence_class_by_name(const char *,
    enum evidence_class *ret_evidence);

struct evidence_query {
	enum evidence_class	evidence;
	int64_t			since, until;	/* issued; until not included */
};
/* Their ranges are added at the list's end, by log and index. ERR_CORRUPT: an
 * identity does not say what it was renewed from. */
MUST_USE enum err evidence_ranges(struct authority *,
    const struct evidence_query *, struct status_ranges *list,
    struct diag *);

#endif
