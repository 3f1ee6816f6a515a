#include "lib/authority/demand.h"

#include "lib/store/store.h"

/* See the budgets in ARCHITECTURE.md. */
#define REGISTRY_OCTETS	300
/* Each enrolment and each renewal with its confirmation takes an index, rows
 * of its device and operations of its own; what is superseded stays in the
 * CRL. test_demand.c holds it against what is measured. */
#define ONLINE_OCTETS	900
#define PACK_OCTETS	2048	/* until a pack shows what it is */
#define DEMAND_S	((int64_t)DEMAND_DAYS * 86400)

struct walk {
	struct store	*store;
	int64_t		 since;
	struct demand	 demand;
	uint64_t	 packed, octets;	/* in packs so far */
};

static enum err
demand_order(void *ctx, const struct store_order *order)
{
	struct walk *walk = ctx;
	struct store_pack pack;
	uint32_t no;

	if (order->state == ORDER_OPEN)
		walk->demand.left += order->count - order->committed;
	if (order->created >= walk->since)
		walk->demand.ordered += order->committed;
	for (no = 1; no <= order->packs; no++) {
		if (store_pack_get(walk->store, order->number, no, &pack,
		    NULL) != ERR_OK)
			break;
		walk->packed += pack.committed;
		walk->octets += pack.length;
	}
	return ERR_OK;
}

/* Ranges of a log are in order of time: how many indices are not older? */
static enum err
enrolled_count(struct walk *walk, struct diag *diag)
{
	uint64_t low = 0, high, middle;
	struct store_range range;
	struct store_log log;
	enum err err;

	err = store_log_by_name(walk->store, LOG_ONLINE, &log, diag);
	if (err)
		return err;
	high = log.size;
	while (low < high) {
		middle = low + (high - low) / 2;
		err = store_range_get(walk->store, log.log, middle, &range,
		    diag);
		if (err)
			return err;
		if (range.issued >= walk->since)
			high = range.first < middle ? range.first : middle;
		else
			low = range.first + range.count > middle ?
			    range.first + range.count : middle + 1;
	}
	walk->demand.enrolled = low < log.size ? log.size - low : 0;
	return ERR_OK;
}

enum err
authority_demand(struct authority *authority, int64_t now,
    struct demand *ret_demand, struct diag *diag)
{
	struct walk walk = { .store = authority_store(authority),
		.since = now - DEMAND_S };
	enum err err;

	err = store_order_each(walk.store, demand_order, &walk, diag);
	if (!err)
		err = enrolled_count(&walk, diag);
	if (err)
		return err;
	walk.demand.registry_octets = REGISTRY_OCTETS;
	walk.demand.online_octets = ONLINE_OCTETS;
	walk.demand.pack_octets = walk.packed == 0 ? PACK_OCTETS :
	    (double)walk.octets / (double)walk.packed;
	*ret_demand = walk.demand;
	return ERR_OK;
}

double
demand_days(const struct demand *demand, double room, double each_enrolled,
    double each_ordered)
{
	double octets = (double)demand->enrolled * each_enrolled +
	    (double)demand->ordered * each_ordered;

	return octets > 0 ? room / (octets / DEMAND_DAYS) : -1;
}
