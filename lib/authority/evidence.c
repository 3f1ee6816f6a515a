#include "lib/authority/evidence.h"

#include <string.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/field.h"

static const char *const names[] = {
	[EVIDENCE_ORDER] = "order",
	[EVIDENCE_CHIP_MAKER] = "chip-maker",
	[EVIDENCE_APPROVED] = "approved",
	[EVIDENCE_POSSESSION] = "possession",
	[EVIDENCE_BOOTSTRAP] = "bootstrap",
	[EVIDENCE_RENEWAL] = "renewal",
	[EVIDENCE_FRONT] = "front",
	[EVIDENCE_FRONT_RENEWAL] = "front-renewal",
	[EVIDENCE_MANUFACTURER] = "manufacturer",
};
#define CLASSES	(sizeof(names) / sizeof(names[0]))

const char *
evidence_class_name(enum evidence_class evidence)
{
	return (size_t)evidence < CLASSES ? names[evidence] : NULL;
}

enum err
evidence_class_by_name(const char *name, enum evidence_class *ret_evidence)
{
	size_t i;

	for (i = 0; i < CLASSES; i++) {
		if (names[i] == NULL || strcmp(names[i], name) != 0)
			continue;
		*ret_evidence = (enum evidence_class)i;
		return ERR_OK;
	}
	return ERR_NOTFOUND;
}

struct search {
	struct authority		*authority;
	const struct evidence_query	*query;
	struct status_ranges		*list;
	size_t				 from;	/* own ones, sorted */
	struct diag			*diag;
};

static bool
search_has(const struct search *s, const struct address *address)
{
	size_t low = s->from, high = s->list->count, mid;
	const struct status_range *range;

	while (low < high) {
		mid = low + (high - low) / 2;
		range = &s->list->ranges[mid];
		if (range->log > address->log || (range->log ==
		    address->log && range->first > address->index))
			high = mid;
		else if (range->log < address->log ||
		    address->index - range->first >= range->count)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

/*
 * Each identity of the field is a range of its own, and was issued after what
 * it was renewed from: whether that one is in the list is known. By a front's
 * word devices enrol, too: those were renewed from nothing.
 */
static enum err
renewal_look(struct search *s, const struct store_range *range,
    bool *ret_found)
{
	struct field_enrolment enrolment;
	enum err err;

	err = field_enrolment_get(s->authority, range->first, &enrolment,
	    s->diag);
	if (!err && range->evidence == EVIDENCE_FRONT &&
	    enrolment.type == DEVICE_ENROL)
		return ERR_OK;
	if (err == ERR_NOTFOUND || (!err && (range->count != 1 ||
	    (enrolment.basis.log == range->log &&
	    enrolment.basis.index >= range->first))))
		err = diag_fail(s->diag, ERR_CORRUPT, NULL, "identity %u/%ju: "
		    "what it was renewed from is not to be found", range->log,
		    (uintmax_t)range->first);
	if (!err)
		*ret_found = search_has(s, &enrolment.basis);
	return err;
}

static enum err
range_look(void *ctx, const struct store_range *range)
{
	struct search *s = ctx;
	bool found = range->evidence == (unsigned)s->query->evidence &&
	    range->issued >= s->query->since &&
	    range->issued < s->query->until;
	enum err err = ERR_OK;

	if (!found && (range->evidence == EVIDENCE_RENEWAL ||
	    range->evidence == EVIDENCE_FRONT ||
	    range->evidence == EVIDENCE_FRONT_RENEWAL))
		err = renewal_look(s, range, &found);
	return err || !found ? err : status_ranges_add(s->list, range->log,
	    range->first, range->count, s->diag);
}

enum err
evidence_ranges(struct authority *authority,
    const struct evidence_query *query, struct status_ranges *list,
    struct diag *diag)
{
	struct search s = { .authority = authority, .query = query,
	    .list = list, .from = list->count, .diag = diag };

	return store_range_each(authority->store, 0, 0, RANGE_COMMITTED,
	    range_look, &s, diag);
}
