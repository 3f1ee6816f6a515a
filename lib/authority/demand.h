/*
 * How much room on the disk identities take, and how many there were lately:
 * what is to come is reckoned from that. Reads; asks nothing of the disk.
 */
#ifndef IMPRINT_LIB_AUTHORITY_DEMAND_H
#define IMPRINT_LIB_AUTHORITY_DEMAND_H

#include "lib/authority/authority.h"

#define DEMAND_DAYS	30

struct demand {
	uint64_t	left;		/* identities of open orders */
	uint64_t	ordered;	/* issued for orders that were made in
					 * the last DEMAND_DAYS */
	uint64_t	enrolled;	/* issued in the field in these */
	/* of an identity that was ordered, with what is published of it; of
	 * one of the field */
	double		registry_octets, online_octets;
	double		pack_octets;	/* of one that was ordered, besides */
};

/* ERR_IO, ERR_CORRUPT: the registry cannot be read. */
MUST_USE enum err authority_demand(struct authority *, int64_t now,
    struct demand *ret_demand, struct diag *);

/* For how many days room octets last where each identity of the field, and
 * each that was ordered, takes so many; negative: nothing was issued lately. */
double	demand_days(const struct demand *, double room, double each_enrolled,
	    double each_ordered);

#endif
