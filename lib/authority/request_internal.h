/*
 * A verified request and what carries each type out. Handlers run inside the
 * transaction that records the request.
 */
#ifndef IMPRINT_AUTHORITY_REQUEST_INTERNAL_H
#define IMPRINT_AUTHORITY_REQUEST_INTERNAL_H

#include "lib/authority/request.h"

struct request {
	struct bytes	ecosystem, id, body;
	uint64_t	type;
	int64_t		time;
	struct request_files files;	/* that came along, or NULL */
	char		signed_by[STORE_NAME_MAX + 1];
};

/* What an operator signed, of that type; what: for messages. The signature is
 * good, the unprotected header empty, the payload not looked at. ERR_AUTH,
 * ERR_SYNTAX. */
MUST_USE enum err operator_signed(struct authority *, struct bytes encoded,
    const char *what, const char *typ, struct cose_sign1 *ret_message,
    char ret_operator[STORE_NAME_MAX + 1], struct diag *);
/* A run that is broken off loses a chunk for each worker: where key pairs take
 * long, chunks are small. */
uint32_t order_chunk_size(const struct product *);

/* Does an order's body name a file of names? */
void	request_order_files(struct bytes body, bool *ret_named,
	    bool *ret_listed);

#define REQUEST_HANDLER(name)						\
	MUST_USE enum err name(struct authority *, const struct request *, \
	    int64_t now, struct buf *result, struct diag *)

REQUEST_HANDLER(request_product_add);
REQUEST_HANDLER(request_station_add);
REQUEST_HANDLER(request_service_add);
REQUEST_HANDLER(request_order_create);
REQUEST_HANDLER(request_order_cancel);
REQUEST_HANDLER(request_status);
REQUEST_HANDLER(request_status_chosen);
REQUEST_HANDLER(request_clock);
REQUEST_HANDLER(request_anchor);
REQUEST_HANDLER(request_epoch);
REQUEST_HANDLER(request_signer_new);
REQUEST_HANDLER(request_operator_add);
REQUEST_HANDLER(request_chip_maker_add);
REQUEST_HANDLER(request_chip_maker_remove);
REQUEST_HANDLER(request_reconcile);
REQUEST_HANDLER(request_station_lost);
REQUEST_HANDLER(request_station_renew);
REQUEST_HANDLER(request_station_acknowledge);
REQUEST_HANDLER(request_manufacturer_add);
REQUEST_HANDLER(request_manufacturer_remove);
REQUEST_HANDLER(request_device_claim);
REQUEST_HANDLER(request_device_release);

#endif
