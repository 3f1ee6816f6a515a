#include "lib/authority/order_count.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/identity/delivery.h"

void
order_counts_release(struct order_counts *counts)
{
	free(counts->orders);
	*counts = (struct order_counts){ .count = 0 };
}

enum err
order_counts_add(struct order_counts *counts, uint32_t order, uint64_t count,
    struct diag *diag)
{
	size_t i = counts->count, cap = counts->cap * 2 + 16;
	struct order_count *more;

	/* mostly it is the last one again */
	while (i > 0 && counts->orders[i - 1].order != order)
		i--;
	if (i > 0) {
		counts->orders[i - 1].count += count;
		return ERR_OK;
	}
	if (counts->count == counts->cap) {
		more = reallocarray(counts->orders, cap, sizeof(*more));
		if (more == NULL)
			return diag_nomem(diag);
		counts->orders = more;
		counts->cap = cap;
	}
	counts->orders[counts->count++] = (struct order_count){ order,
		count };
	return ERR_OK;
}

static int
count_compare(const void *a, const void *b)
{
	const struct order_count *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

void
order_counts_sort(struct order_counts *counts)
{
	if (counts->count > 0)
		qsort(counts->orders, counts->count,
		    sizeof(*counts->orders), count_compare);
}

static enum err
range_count(struct authority *authority, const struct status_range *range,
    struct order_counts *counts, uint64_t *rows, struct diag *diag)
{
	uint64_t at, stop, end = range->first + range->count;
	struct store_range row;
	enum err err = ERR_OK;

	for (at = range->first; at < end && !err; at = stop) {
		counts->more = counts->max != 0 && *rows == counts->max;
		if (counts->more)
			break;
		(*rows)++;
		err = store_range_get(authority->store, range->log, at, &row,
		    diag);
		if (err)
			break;
		stop = row.first + row.count < end ? row.first + row.count :
		    end;
		err = order_counts_add(counts, row.order, stop - at, diag);
	}
	return err;
}

enum err
order_counts_of(struct authority *authority,
    const struct status_range *ranges, size_t count,
    struct order_counts *counts, struct diag *diag)
{
	uint64_t rows = 0;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < count && !counts->more && !err; i++)
		err = range_count(authority, &ranges[i], counts, &rows, diag);
	order_counts_sort(counts);
	return err;
}

enum err
order_product_get(struct authority *authority, uint32_t number,
    struct order_product *ret_product, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct order_product found = { .name = "" };
	struct store_device_list list;
	struct store_object product;
	struct store_order order;
	enum err err;

	if (number == 0) {
		*ret_product = found;
		return ERR_OK;
	}
	err = store_order_get(authority->store, number, &order, diag);
	if (!err)
		err = authority_object_by_hash(authority, STORE_PRODUCT,
		    order.product, &body, &product, diag);
	if (err)
		return err;
	err = store_device_list_get(authority->store, number, &list, NULL);
	if (err && err != ERR_NOTFOUND)
		return diag_fail(diag, err, NULL, "order %u: its list of "
		    "devices cannot be read", number);
	(void)snprintf(found.name, sizeof(found.name), "%s", product.name);
	(void)snprintf(found.version, sizeof(found.version), "%s",
	    product.version);
	(void)snprintf(found.mode, sizeof(found.mode), "%s", err ? "" :
	    order_mode_name((enum order_mode)list.mode));
	found.ordered = order.count;
	*ret_product = found;
	return ERR_OK;
}
