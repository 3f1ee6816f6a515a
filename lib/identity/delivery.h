/*
 * Who can read the keys of an order's identities. These numbers stand in
 * requests, records and packs.
 */
#ifndef IMPRINT_IDENTITY_DELIVERY_H
#define IMPRINT_IDENTITY_DELIVERY_H

#include "lib/base/err.h"

enum order_mode {
	ORDER_STATION = 1,	/* the station, while it hands them out */
	ORDER_CHIP = 2,		/* the chip alone: sealed to its own key */
	ORDER_DEVICE_KEY = 3	/* the device alone, which made them */
};
/* "station", "chip", "device-key"; NULL. */
const char *order_mode_name(enum order_mode);
/* ERR_NOTFOUND. */
MUST_USE enum err order_mode_by_name(const char *, enum order_mode *ret_mode);

#endif
