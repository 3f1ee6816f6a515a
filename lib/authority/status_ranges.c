#include <stdlib.h>

#include "lib/authority/status.h"

void
status_ranges_release(struct status_ranges *list)
{
	free(list->ranges);
	*list = (struct status_ranges){ .count = 0 };
}

enum err
status_ranges_check(const struct status_ranges *list, struct diag *diag)
{
	if (list->max == 0 || list->count <= list->max)
		return ERR_OK;
	diag_hint(diag, "ask for less at once: packs of the order, less "
	    "time, a smaller --range");
	return diag_fail(diag, ERR_LIMIT, NULL, "status request: these are "
	    "%zu ranges of identities or more, at most %zu go at once",
	    list->count, list->max);
}

enum err
status_ranges_add(struct status_ranges *list, uint32_t log, uint64_t first,
    uint64_t count, struct diag *diag)
{
	struct status_range *more;
	size_t cap;

	if (list->max != 0 && list->count >= 2 * list->max) {
		(void)status_ranges_merge(list);
		if (status_ranges_check(list, diag) != ERR_OK)
			return ERR_LIMIT;
	}
	if (list->count == list->cap) {
		cap = list->cap * 2 + 64;
		more = reallocarray(list->ranges, cap, sizeof(*more));
		if (more == NULL)
			return diag_nomem(diag);
		list->ranges = more;
		list->cap = cap;
	}
	list->ranges[list->count++] = (struct status_range){ log, first,
	    count };
	return ERR_OK;
}

bool
status_ranges_follows(const struct status_ranges *list, uint32_t log,
    uint64_t first)
{
	const struct status_range *last;

	if (list->count == 0)
		return false;
	last = &list->ranges[list->count - 1];
	return last->log == log && last->first + last->count == first;
}

enum err
status_ranges_extend(struct status_ranges *list, uint32_t log,
    uint64_t first, uint64_t count, struct diag *diag)
{
	if (!status_ranges_follows(list, log, first))
		return status_ranges_add(list, log, first, count, diag);
	list->ranges[list->count - 1].count += count;
	return ERR_OK;
}

static int
range_compare(const void *a, const void *b)
{
	const struct status_range *x = a, *y = b;

	if (x->log != y->log)
		return x->log < y->log ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

void
status_ranges_sort(struct status_ranges *list, size_t from)
{
	if (list->count > from)
		qsort(list->ranges + from, list->count - from,
		    sizeof(*list->ranges), range_compare);
}

uint64_t
status_ranges_merge(struct status_ranges *list)
{
	struct status_range *last, *range;
	uint64_t identities = 0;
	size_t i, kept = 0;

	status_ranges_sort(list, 0);
	for (i = 0; i < list->count; i++) {
		range = &list->ranges[i];
		last = kept > 0 ? &list->ranges[kept - 1] : NULL;
		if (last == NULL || last->log != range->log ||
		    range->first > last->first + last->count)
			list->ranges[kept++] = *range;
		else if (range->first + range->count >
		    last->first + last->count)
			last->count = range->first + range->count -
			    last->first;
	}
	list->count = kept;
	for (i = 0; i < kept; i++)
		identities += list->ranges[i].count;
	return identities;
}
