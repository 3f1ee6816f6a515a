/*
 * How large an identity can become: made of the template with throw-away
 * keys, and everything in it that varies at its longest. ECDSA signatures
 * have the most octets that DER gives them (72), the index is the last one
 * that there can be, a receipt's path that of a full chunk.
 */
#ifndef IMPRINT_IDENTITY_SIZES_H
#define IMPRINT_IDENTITY_SIZES_H

#include "lib/identity/delivery.h"
#include "lib/identity/template.h"

struct sizes_case {
	const struct product	*product;
	const struct template	*template;	/* of it */
	enum order_mode		 mode;
	uint32_t		 chunk_size;	/* 1 .. SUBTREE_MAX */
	uint64_t		 last;		/* index, at least */
	int64_t			 issued;	/* at the latest */
	/* as in a pack's header; DER */
	const struct bytes	*certs;
	size_t			 cert_count;
	/* octets of names from order-csv and from birth, by the product's
	 * names; 0: the fewest that one can have */
	size_t			 name_len[PRODUCT_NAMES_MAX];
};

/*
 * ret_package: SECRET_INIT; the largest package as a device gets it, its
 * private keys nobody's; of a chip what it is sealed in. ERR_LIMIT: no
 * document can be so large.
 */
MUST_USE enum err identity_sizes(const struct sizes_case *,
    struct product_sizes *ret_sizes, struct secret *ret_package,
    struct diag *);

#endif
