/*
 * What a pack begins with: its header (lib/identity/pack.h), the same each
 * time that its order is run, and the key that it is sealed to.
 */
#ifndef IMPRINT_AUTHORITY_ORDER_HEADER_H
#define IMPRINT_AUTHORITY_ORDER_HEADER_H

#include "lib/authority/authority.h"
#include "lib/identity/pack.h"

struct order_header {
	const struct store_order	*order;
	const struct store_pack		*pack;
	const struct product		*product;
	enum order_mode			 mode;
	const struct buf		*certs;	/* PACK_CERTS_MAX; empty ones
						 * at the end */
};

/* Views into what is given. The key of its claim codes is in it, whether or
 * not the pack is to have one. ret_header: all zero before. The authority is
 * unlocked. */
MUST_USE enum err order_header_make(struct authority *,
    const struct order_header *, struct pack_header *ret_header,
    struct public_key *ret_recipient, struct diag *);

#endif
