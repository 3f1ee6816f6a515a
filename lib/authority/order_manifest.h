/*
 * What ends a pack: its manifest (lib/identity/pack.h), over the header and
 * the hashes of all chunks that the registry has of it, signed.
 */
#ifndef IMPRINT_AUTHORITY_ORDER_MANIFEST_H
#define IMPRINT_AUTHORITY_ORDER_MANIFEST_H

#include "lib/authority/authority.h"
#include "lib/identity/pack.h"

struct order_manifest {
	uint32_t			 log, order;
	const struct store_pack		*pack;
	const struct pack_header	*header;
	const char			*signer;	/* the key's label */
};

/* Behind the committed length of the pack's file, synced. */
MUST_USE enum err order_manifest_append(struct authority *,
    const struct order_manifest *, const struct file *, struct diag *);

#endif
