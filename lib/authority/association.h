/*
 * What stations reported, as the registry keeps it: of each identity who got
 * it and what became of it, and of each report its figures.
 *
 * Of a range one blob under a MAC, [order, pack, sequence, station's key,
 * [[offset, state, time, device kind, device, fixture, badge, MES order,
 * firmware, evidence, proof, reason, [[kind, text], ...]], ...]]; of a report
 * one object that names its packs. A blob that is missing, or older than the
 * newest report of its pack, is seen when it is read.
 */
#ifndef IMPRINT_AUTHORITY_ASSOCIATION_H
#define IMPRINT_AUTHORITY_ASSOCIATION_H

#include "lib/authority/lookup.h"
#include "lib/authority/order_record.h"
#include "lib/authority/rows.h"
#include "lib/identity/report.h"

/* A report that was loaded. */
struct reported {
	uint32_t	order;
	char		station[STORE_NAME_MAX + 1];
	uint8_t		kid[COSE_KID_SIZE];	/* of its sealing key */
	uint64_t	sequence;
	int64_t		made, loaded;
	bool		final;
	uint8_t		hash[SHA256_SIZE];	/* of its records */
	uint64_t	ledger_entries;
	uint8_t		ledger_head[SHA256_SIZE];
	enum report_anchor anchor;
	uint64_t	anchor_entries;	/* held by its own anchor */
	uint64_t	acknowledged;	/* entries, by the authority */
	char		operator[STORE_NAME_MAX + 1];	/* who loaded it */
	struct reported_pack {
		uint32_t	no;
		uint64_t	count, injected, proven, reworked, scrapped;
		uint64_t	open, unused;
		bool		there;	/* false: never imported */
	} packs[ORDER_PACKS_MAX];
	size_t		pack_count;
};
/* The newest of an order from the station with this sealing key.
 * ERR_NOTFOUND, without diag; ERR_CORRUPT. */
MUST_USE enum err reported_get(struct authority *, uint32_t order,
    const uint8_t kid[COSE_KID_SIZE], struct reported *ret_reported,
    struct diag *);
/* One of any order, from the station of this name (its renewals keep its
 * signing key and its ledger), that tells of a ledger which report's does not
 * extend: a longer one, or another of the same length. ERR_NOTFOUND, without
 * diag: none; ERR_CORRUPT. */
MUST_USE enum err reported_beyond(struct authority *, const char *station,
    const struct report *, struct reported *ret_reported, struct diag *);
/* ERR_EXISTS. In the caller's transaction. */
MUST_USE enum err reported_put(struct authority *, const struct reported *,
    struct diag *);

/* Is a sealing key used up: its station has destroyed it, or is lost? */
MUST_USE enum err sealing_key_ended(struct authority *,
    const uint8_t kid[COSE_KID_SIZE], bool *ret_ended, struct diag *);
MUST_USE enum err sealing_key_end(struct authority *,
    const uint8_t kid[COSE_KID_SIZE], int64_t now, struct diag *);

/* All of a range: records[offset], state 0 where nothing was handed out.
 * Their views point into body. */
struct associations {
	struct buf		 body;
	uint32_t		 order, pack;
	uint64_t		 sequence;
	uint8_t			 kid[COSE_KID_SIZE];
	uint32_t		 count;
	struct report_record	*records;
};
#define ASSOCIATIONS_INIT { .body = BUF_INIT }
void	associations_release(struct associations *);
#define _cleanup_associations_						\
	__attribute__((cleanup(associations_release)))
/* ERR_NOTFOUND, without diag: nothing reported. ERR_CORRUPT. */
MUST_USE enum err associations_get(struct authority *,
    const struct store_range *, struct associations *ret_associations,
    struct diag *);

/* ERR_CORRUPT: it is not what was written. */
enum err associations_altered(const struct store_range *, struct diag *);

/* Writing one: items are put in order of offset. rows: what changes, for
 * rows_change(). */
void	association_put(struct buf *items, uint32_t offset,
	    const struct report_record *);
MUST_USE enum err associations_put(struct authority *,
    const struct store_range *, const uint8_t kid[COSE_KID_SIZE],
    uint64_t sequence, size_t count, struct bytes items,
    struct row_sum *rows, struct diag *);
/* What was read of a range will be replaced: it leaves the sum. */
MUST_USE enum err associations_replace(struct authority *,
    const struct store_range *, const struct associations *,
    struct row_sum *rows);

/*
 * What is known of one identity. ret_reported->sequence is 0 when no report
 * tells of its pack; record's state is 0 when it was not handed out. Held
 * against the report: ERR_CORRUPT.
 */
MUST_USE enum err association_find(struct authority *,
    const struct address *, struct associations *,
    struct report_record *ret_record, struct reported *ret_reported,
    struct diag *);

/* Keys by which names of the line and devices are found. */
MUST_USE enum err association_name_key(struct sha256 *, const char *space,
    struct bytes text, uint64_t *ret_key);
MUST_USE enum err association_device_key(struct sha256 *,
    const struct report_record *, uint64_t *ret_key);
/* The live identity that the line gave a name of this space, in canonical
 * text. ERR_NOTFOUND, without diag. ret_kind: room for PRODUCT_NAME_MAX. */
MUST_USE enum err line_name_find(struct authority *, struct sha256 *,
    const char *space, const char *text, struct address *ret_address,
    char *ret_kind, bool *ret_live, struct diag *);

/* May the record's identity still be a device's: handed out, not void? */
bool	association_live(const struct report_record *);

#endif
