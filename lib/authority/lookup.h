/*
 * Finding identities and rebuilding them to the byte.
 */
#ifndef IMPRINT_AUTHORITY_LOOKUP_H
#define IMPRINT_AUTHORITY_LOOKUP_H

#include "lib/authority/authority.h"
#include "lib/identity/maker.h"

/* Where an identity is: its address everywhere. */
struct address {
	uint32_t	log;
	uint64_t	index;
};

enum address_kind {
	ADDRESS_INDEX = 1, ADDRESS_UEID = 2, ADDRESS_SERIAL = 3,
	ADDRESS_NAME = 4
};
const char *address_kind_name(enum address_kind);

/*
 * What people type: "123" or "bulk/123" (an index), 34 hexadecimal digits
 * starting 01 (a UEID) or else (a certificate's serial number; colons
 * allowed), anything else a name, in any form that name_read() takes, with
 * its kind before it or not: "imei=490154203237518". A UEID and a name lead
 * to the identity that the device has now (field.h). Nothing is guessed:
 * ERR_CONFLICT when a number is an index and somebody's name, or a name is
 * that of several identities; it says which. ERR_NOTFOUND says what was
 * tried, and of a name that is kept for an order, which.
 */
MUST_USE enum err lookup_find(struct authority *, const char *word,
    struct address *ret_address, enum address_kind *ret_kind,
    struct diag *);

/* One lookup after another; keeps template and maker while they fit. */
struct lookup;
MUST_USE enum err lookup_new(struct authority *, struct lookup **ret_lookup,
    struct diag *);
void	lookup_free(struct lookup **);
#define _cleanup_lookup_ __attribute__((cleanup(lookup_free)))
/* Which receipt documents are rebuilt with: of that signer's number; 0, as it
 * is at first, the newest. Documents signed directly have but one. */
void	lookup_generation(struct lookup *, uint32_t generation);
/*
 * Rebuild. The leaf hash stored at issuance is compared: ERR_CORRUPT when the
 * bytes are not those that were issued. ERR_NOTFOUND: void, reserved or never
 * issued (range tells). Views live until the next call.
 */
MUST_USE enum err lookup_get(struct lookup *, const struct address *,
    struct identity *ret_identity, struct store_range *ret_range,
    const struct template **ret_template, struct diag *);

#endif
