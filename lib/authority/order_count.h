/*
 * Ranges of identities by the orders that they were issued for.
 */
#ifndef IMPRINT_AUTHORITY_ORDER_COUNT_H
#define IMPRINT_AUTHORITY_ORDER_COUNT_H

#include "lib/authority/status.h"

struct order_count {
	uint32_t	order;		/* 0: of none, issued in the field */
	uint64_t	count;
};
struct order_counts {
	struct order_count	*orders;	/* owned */
	size_t			 count, cap;
	/* of the registry's ranges that are looked at, 0: any; more: there
	 * were more than that */
	uint64_t		 max;
	bool			 more;
};
void	order_counts_release(struct order_counts *);
#define _cleanup_order_counts_						\
	__attribute__((cleanup(order_counts_release)))
/* One order more, or so many more of it. ERR_NOMEM. */
MUST_USE enum err order_counts_add(struct order_counts *, uint32_t order,
    uint64_t count, struct diag *);
/* By order. */
void	order_counts_sort(struct order_counts *);
/* Those of ranges are added, and all sorted. ERR_NOTFOUND: a range is not
 * issued. */
MUST_USE enum err order_counts_of(struct authority *,
    const struct status_range *, size_t count, struct order_counts *,
    struct diag *);

#define ORDER_MODE_SIZE	16
/* What an order is of; of order 0 nothing. */
struct order_product {
	char		name[STORE_NAME_MAX + 1];
	char		version[STORE_NAME_MAX + 1];
	uint64_t	ordered;
	char		mode[ORDER_MODE_SIZE];	/* of its list of devices; "":
						 * it has none */
};
MUST_USE enum err order_product_get(struct authority *, uint32_t order,
    struct order_product *ret_product, struct diag *);

#endif
