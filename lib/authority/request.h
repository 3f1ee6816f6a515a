/*
 * Requests: every change of an ecosystem is one object that an operator
 * signed, verified here, carried out once.
 *
 * COSE_Sign1 by the operator's key, typ REQUEST_TYP, kid its thumbprint, over
 * [version, ecosystem id, request id, type, time, body].
 *
 * A request is carried out in one transaction with the record of its id and
 * hash: the same bytes again give the same result; the same id with other
 * bytes is ERR_CONFLICT. Requests older or newer than REQUEST_SKEW_S that are
 * not known yet are refused (ERR_CLOCK).
 */
#ifndef IMPRINT_AUTHORITY_REQUEST_H
#define IMPRINT_AUTHORITY_REQUEST_H

#include "lib/authority/devices.h"
#include "lib/authority/names.h"

#define REQUEST_TYP	"application/imprint-request+cose"
#define REQUEST_ID_SIZE	16
#define REQUEST_SKEW_S	(15 * 60)
#define REQUEST_SIZE_MAX ((size_t)1 << 20)

enum request_type {
	REQUEST_PRODUCT_ADD = 1,	/* body: canonical product */
	REQUEST_STATION_ADD = 2,	/* body: the station's statement */
	REQUEST_SERVICE_ADD = 3,	/* body: [name, dns name, COSE_Key] */
	REQUEST_ORDER_CREATE = 4,	/* body: [product hash, count,
					 * [station, ...], ? names / null,
					 * ? devices / null, ? extra]; names:
					 * [SHA-256 of the file, its lines];
					 * devices: [mode, SHA-256 of the
					 * list, its entries, approval /
					 * null]; extra: [attrition,
					 * topped-up order] */
	REQUEST_ORDER_CANCEL = 5,	/* body: order number */
	REQUEST_STATUS = 6,	/* lib/authority/request_status.h */
	REQUEST_STATUS_CHOSEN = 7,	/* lib/authority/chosen.h */
	REQUEST_CLOCK = 8,	/* body: time that the clock says */
	REQUEST_ANCHOR = 9,	/* lib/authority/anchor.h */
	REQUEST_EPOCH = 10,	/* lib/authority/anchor.h */
	REQUEST_SIGNER_NEW = 11, /* body: number of the new signer, which is
				 * one more than that of the present one */
	REQUEST_RECONCILE = 20,	/* lib/authority/reconcile.h */
	REQUEST_CHIP_MAKER_ADD = 21,	/* lib/authority/chip_maker.h */
	REQUEST_CHIP_MAKER_REMOVE = 22,	/* body: name */
	REQUEST_STATION_LOST = 23,	/* body: name; its answer is that of
					 * a reconciliation */
	REQUEST_STATION_RENEW = 24,	/* body: the station's statement */
	REQUEST_OPERATOR_ADD = 25,	/* body: [name, COSE_Key,
					 * ? approval] */
	REQUEST_STATION_ACKNOWLEDGE = 26, /* lib/authority/acknowledge.h */
	REQUEST_DEVICE_CLAIM = 30,	/* lib/authority/claim.h */
	REQUEST_DEVICE_RELEASE = 31,
	REQUEST_MANUFACTURER_ADD = 32,	/* lib/authority/chip_maker.h */
	REQUEST_MANUFACTURER_REMOVE = 33	/* body: name */
};

/* Build and sign; a fresh request id. Appended to out. */
MUST_USE enum err request_sign(const uint8_t ecosystem[ECOSYSTEM_ID_SIZE],
    enum request_type, struct bytes body, int64_t now, struct signer *,
    struct buf *out, struct diag *);
/* The same with an id of the caller's: of two such requests one at most is
 * carried out. */
MUST_USE enum err request_sign_as(const uint8_t ecosystem[ECOSYSTEM_ID_SIZE],
    const uint8_t id[REQUEST_ID_SIZE], enum request_type, struct bytes body,
    int64_t now, struct signer *, struct buf *out, struct diag *);

/*
 * Verify and carry out. result: product-add the product's hash; station-add
 * the sealing key's thumbprint; service-add the certificate; order-create the
 * order number as CBOR; order-cancel [[log, first, count], ...], the
 * identities revoked with it, for their packs were never complete; status
 * [changed, same, kept] (struct status_count); signer-new the certificate.
 * ERR_AUTH: not signed by an operator, or for another ecosystem.
 */
MUST_USE enum err authority_submit(struct authority *, struct bytes request,
    int64_t now, struct buf *result, struct diag *);

/*
 * The same with the file that the request names by its hash: read from its
 * beginning, ERR_AUTH when it is another. A request that was carried out
 * before does not need it again.
 */
MUST_USE enum err authority_submit_file(struct authority *,
    struct bytes request, const struct file *, int64_t now,
    struct buf *result, struct diag *);

/* With all that a request can name; NULL: none. */
struct request_files {
	const struct file		*file;	/* by its hash */
	const struct devices_file	*devices;
};
MUST_USE enum err authority_submit_files(struct authority *,
    struct bytes request, const struct request_files *, int64_t now,
    struct buf *result, struct diag *);

/* Read a request that was carried out: an operator's signature must be good,
 * its time does not matter. body views encoded. ERR_AUTH. */
MUST_USE enum err request_read(struct authority *, struct bytes encoded,
    enum request_type *ret_type, struct bytes *ret_body, struct diag *);

/* Whose request it is, its signature good, without anything done: neither is
 * it carried out nor on record as refused. ERR_AUTH and others of reading. */
struct request_seen {
	enum request_type	type;
	int64_t			time;
	bool			known;	/* its id was carried out before */
	bool			other;	/* known, with other octets */
	bool			with_file;	/* it names one by its hash */
	bool			with_devices;	/* and a list of devices */
	char			operator[STORE_NAME_MAX + 1];
};
MUST_USE enum err request_look(struct authority *, struct bytes encoded,
    struct request_seen *ret_seen, struct diag *);

/* ERR_CLOCK: not within REQUEST_SKEW_S. what: for messages. */
MUST_USE enum err signed_fresh(const char *what, int64_t time, int64_t now,
    struct diag *);
/* Is it about what was asked, rather than about this machine? Such a refusal
 * of authority_submit() is on record. */
bool	request_is_refusal(enum err);

/* Those carried out since then, by this server's clock (and some before), in
 * order: whose, and when they were made. ERR_CORRUPT. */
MUST_USE enum err request_each_since(struct authority *, int64_t since,
    void (*each)(void *ctx, const char *operator, int64_t time), void *ctx,
    struct diag *);

/* What type an object says it is, whoever signed it: to choose who may hand
 * it in. ERR_SYNTAX, ERR_VERSION. */
MUST_USE enum err request_peek(struct bytes encoded,
    enum request_type *ret_type, struct diag *);

/* Bodies. */
MUST_USE enum err request_put_order(struct buf *,
    const uint8_t product[SHA256_SIZE], uint64_t count,
    const char *const *stations, size_t packs);
/* names, devices: of the files that go with it; NULL: none. */
MUST_USE enum err request_put_order_files(struct buf *,
    const uint8_t product[SHA256_SIZE], uint64_t count,
    const char *const *stations, size_t packs, const struct names_file *,
    const struct devices_said *);
/* approval: of the body without it (approval.h); empty: none. */
MUST_USE enum err request_put_operator(struct buf *, const char *name,
    const struct public_key *, struct bytes approval);
/* Such a body: an operator's name and key, approval empty if there is none.
 * ERR_SYNTAX, ERR_INVALID. */
MUST_USE enum err request_get_operator(struct bytes body,
    char ret_name[STORE_NAME_MAX + 1], struct public_key *ret_key,
    struct bytes *ret_approval, struct diag *);
/* What an order is beyond what is to be built. */
struct order_extra {
	uint64_t	attrition;	/* of its count: expected to be lost */
	uint32_t	top_up;		/* makes up for the scrap of this
					 * order, as reported; 0: none */
};
/* Add it to a body made by one of the two; nothing when it says nothing. */
MUST_USE enum err request_add_order_extra(struct buf *,
    const struct order_extra *);
MUST_USE enum err request_put_service(struct buf *, const char *name,
    const char *dns_name, const struct public_key *);
MUST_USE enum err request_put_signer(struct buf *, uint32_t number);

#define ORDER_COUNT_MAX	UINT64_C(1000000000)
#define ORDER_PACKS_MAX	64
#define CHUNK_SIZE	1024	/* identities reserved and committed as one */
#define CHUNK_SIZE_RSA	16	/* with RSA keys, which take up to a second */

#endif
