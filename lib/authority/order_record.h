/*
 * What an order is, as one object under a MAC: product, count, packs and the
 * key each is sealed to, the file that names its
 * identities, the list of its devices. The order's
 * rows carry its progress; before anything is signed for it they are held
 * against this record, so that nobody turns a pack to another station, or
 * orders more, by writing to the database.
 */
#ifndef IMPRINT_AUTHORITY_ORDER_RECORD_H
#define IMPRINT_AUTHORITY_ORDER_RECORD_H

#include "lib/authority/request.h"
#include "lib/identity/station.h"

struct order_record {
	uint32_t	number, log;
	uint8_t		id[STORE_ID_SIZE];
	uint8_t		product[SHA256_SIZE];
	uint64_t	count;
	char		operator[STORE_NAME_MAX + 1];
	struct order_record_pack {
		uint8_t		id[STORE_ID_SIZE];
		uint64_t	count;
		char		station[STORE_NAME_MAX + 1];
		uint8_t		kid[COSE_KID_SIZE];	/* sealed to */
	} packs[ORDER_PACKS_MAX];
	uint32_t	pack_count;	/* pack no is packs[no - 1] */
	struct order_extra extra;
};
/* What was ordered, by its record alone; of a cancelled order too.
 * ERR_NOTFOUND, ERR_CORRUPT. */
MUST_USE enum err order_record_get(struct authority *, uint32_t number,
    struct order_record *ret_record, struct diag *);
/* May a top-up of count make up for what an order lost? What was reported
 * scrapped or reworked, less what earlier top-ups made up for: ERR_CONFLICT
 * beyond. ERR_INVALID: it is of another product. */
MUST_USE enum err order_top_up_check(struct authority *, uint32_t order,
    const uint8_t product[SHA256_SIZE], uint64_t count, struct diag *);
/* A statement proves that its maker has the signing key, and says nothing of
 * the sealing key: ERR_CONFLICT when that is another station's. */
MUST_USE enum err station_kid_check(struct authority *,
    const struct station_statement *, struct diag *);
/* The statement of a station with this sealing key, which may have got newer
 * ones since; kid NULL: the newest. ERR_NOTFOUND. */
MUST_USE enum err station_statement_get(struct authority *, const char *name,
    const uint8_t kid[COSE_KID_SIZE], struct station_statement *ret_statement,
    struct diag *);

/* Record an order whose rows are in place; in the caller's transaction. */
MUST_USE enum err order_record_put(struct authority *,
    const struct store_order *, const struct order_extra *, struct diag *);
/* Record that it was cancelled: it never runs again, whatever its row says. */
MUST_USE enum err order_record_cancel(struct authority *,
    const struct store_order *, int64_t now, struct diag *);
/* ERR_CORRUPT when rows and record differ, in whether it was cancelled
 * too. */
MUST_USE enum err order_record_check(struct authority *,
    const struct store_order *, struct diag *);

#endif
