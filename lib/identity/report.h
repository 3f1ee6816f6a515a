/*
 * A station's report of an order: what became of every identity it was given.
 *
 *   header   "IMPRREPT", version (2 octets), 0 (2)
 *   records  length (4), deterministic CBOR, one after another: all that were
 *            handed out, by pack and position
 *   trailer  COSE_Sign1 by the station's signing key, typ REPORT_TYP, over
 *            [version, station (thumbprint of the sealing key), order id,
 *             sequence, made, [records, SHA-256 of header and records],
 *             ledger [entries, head], anchor [kind, value] | null,
 *             final, [[pack, count, injected, reworked, scrapped, open,
 *             unused], ...]]
 *            its offset (8), its length (4), "IMPREND1"
 *
 * record: [pack number in the trailer's list, position, index, state, time,
 *   device kind, device id, fixture, badge, MES order, firmware,
 *   evidence kind, proof, reason, [[name kind, text], ...]]
 *
 * All numbers big-endian. What is not in a record is unused: still sealed, and
 * returned with this report. A final report closes the order: the station has
 * destroyed the key that opens its packs.
 */
#ifndef IMPRINT_IDENTITY_REPORT_H
#define IMPRINT_IDENTITY_REPORT_H

#include "lib/base/io.h"
#include "lib/crypto/cose.h"
#include "lib/identity/package.h"

#define REPORT_VERSION		1
#define REPORT_TYP		"application/imprint-report+cose"
#define REPORT_PACKS_MAX	256
#define REPORT_RECORD_MAX	((size_t)8 << 10)
#define REPORT_NAMES_MAX	8

enum report_state {
	REPORT_OPEN = 1,	/* handed out; what became of it is not known */
	REPORT_INJECTED = 2,
	REPORT_SCRAPPED = 4,
	REPORT_REWORKED = 5	/* the device took another one later */
};

/* Of the ledger's head when the report was made. */
enum report_anchor {
	REPORT_UNANCHORED = 0,
	REPORT_TPM = 1,		/* value: NV counter and its index */
	REPORT_ACKNOWLEDGED = 2	/* value: the authority's signed receipt */
};

struct report_record {
	uint32_t	pack;		/* in struct report's list */
	uint64_t	position, index;
	enum report_state state;
	int64_t		time;		/* of the last change */
	unsigned	device_kind;	/* enum floor_device; 0: not bound */
	struct bytes	device;
	struct bytes	fixture, badge, mes_order, firmware;	/* texts */
	unsigned	evidence;	/* enum floor_evidence */
	struct bytes	proof;
	struct bytes	reason;		/* of a scrap or a rework */
	struct {
		struct bytes kind, text;
	} names[REPORT_NAMES_MAX];
	size_t		name_count;
};

struct report_pack {
	uint8_t		id[PACKAGE_ID_SIZE];
	uint64_t	count, injected, reworked, scrapped, open, unused;
};

struct report {
	uint8_t		station[COSE_KID_SIZE];
	uint8_t		order[PACKAGE_ID_SIZE];
	uint64_t	sequence;	/* 1, 2, ... of this order */
	int64_t		made;
	bool		final;
	uint64_t	records;
	uint8_t		hash[SHA256_SIZE];
	uint64_t	ledger_entries;
	uint8_t		ledger_head[SHA256_SIZE];
	enum report_anchor anchor;
	uint8_t		anchor_value[256];
	size_t		anchor_len;
	struct report_pack packs[REPORT_PACKS_MAX];
	size_t		pack_count;
};

/* Writing: to a temporary file beside path; whole and synced, or not there. */
struct report_writer;
MUST_USE enum err report_begin(const struct io *, const char *path,
    struct report_writer **ret_writer, struct diag *);
/* In order of pack and position; ERR_INVALID when it is not. */
MUST_USE enum err report_add(struct report_writer *,
    const struct report_record *, struct diag *);
/* records and hash of the report are filled in. */
MUST_USE enum err report_end(struct report_writer *, struct report *,
    struct signer *, struct bytes kid, struct diag *);
void	report_writer_free(struct report_writer **);
#define _cleanup_report_writer_ __attribute__((cleanup(report_writer_free)))

/*
 * Reading: form, hash and signature first, then the records once more, each
 * handed to the caller; counts must be those of the records. ERR_SYNTAX,
 * ERR_VERSION, ERR_LIMIT, ERR_AUTH (not signed by this station), ERR_CORRUPT.
 */
MUST_USE enum err report_read(const struct io *, const char *path,
    const struct public_key *station_signing,
    enum err (*record)(void *ctx, const struct report *,
	const struct report_record *, struct diag *),
    void *ctx, struct report *ret_report, struct diag *);

#endif
