/*
 * Does what an order would make fit into the device, as its product says?
 * Asked before anything is made: when a product is added, of all that is
 * known then, and of each order. Of a product that is added also: can readers
 * and the authority itself hold what would be made, or would each try spoil an
 * index?
 */
#ifndef IMPRINT_AUTHORITY_FIT_H
#define IMPRINT_AUTHORITY_FIT_H

#include "lib/authority/authority.h"
#include "lib/authority/request.h"
#include "lib/identity/delivery.h"
#include "lib/policy/product.h"

struct fit_case {
	const struct product	*product;
	uint32_t		 template;
	enum order_mode		 mode;
	uint32_t		 chunk_size;
	uint64_t		 last;		/* index */
	const struct file	*names;		/* the order's; NULL: none */
	const struct names_file	*said;		/* of that file */
	bool			 added;		/* no order yet */
};

/*
 * Nothing is asked of an order whose product says nothing. ERR_LIMIT: it does
 * not fit, see product_fits(), or more than DOCUMENT_SIZE_MAX or
 * FIELD_SEALED_MAX octets; ERR_INVALID: the product's form cannot be made of
 * its package; ERR_AUTH: names is not the file that was said.
 */
MUST_USE enum err fit_check(struct authority *, const struct fit_case *,
    int64_t now, struct diag *);

#endif
