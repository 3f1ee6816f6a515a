/*
 * The station's ledger: what came in, what was handed out, what became of
 * it. Append only, every record chained to those before it by SHA-256.
 *
 *   header  "IMPRLEDG", version (2 octets), 0 (2), the station's key id (32)
 *   record  word (4), deterministic CBOR, SHA-256(last hash || word || CBOR)
 *
 * The word: a bit set, the number of the write (15 bits, from 1, round and
 * round), the CBOR's length (16 bits). In versions 1 and 2 the word is the
 * length and not hashed. The first record's last hash is SHA-256(header). All
 * numbers big-endian. A ledger of an earlier version goes on as it is, its
 * header being in the chain, with records of the newer form: only builds that
 * know that can read it then.
 *
 * Records are gathered and written by one ledger_commit(), which is durable
 * when it returns, and only then the next one begins; so at most one write
 * can be torn by a power cut, that one is the last, and nobody was told of
 * it. It is cut off on opening, from the first record of it that is not
 * whole. A record is taken for torn if
 *
 *   - the file ends in it, or a sector (512 octets) that it lies in reads as
 *     zeros, as what was never written does and no record: its word is not 0,
 *     and no 512 octets of a record are. In the sector that it begins in that
 *     must be the whole word: of less, one bad octet of a durable record could
 *     look the same; and
 *   - no whole record of a later write stands behind it. Any record can be
 *     checked alone, by the hash in front of it, and its word says its write.
 *     A later write began when this one was durable.
 *
 * So a torn write is ERR_CORRUPT, not cut off, in two rare cases, for what was
 * durable could look the same: it began in the last three octets of a sector,
 * and that one alone is missing of its first record; or it began with a
 * sector, or an octet before, that one is missing, and records behind are
 * whole.
 *
 * What was durable is lost by that only if a disk loses sectors that it has
 * synced, in the last write of all; as when it loses the end of the file, that
 * shows by an anchor elsewhere, and so does a ledger put back to an earlier
 * state. Anything else that does not fit is ERR_CORRUPT and names the place.
 * Records of versions 1 and 2 do not say their write: among them an end of
 * zeros is cut off alone.
 */
#ifndef IMPRINT_STATION_LEDGER_H
#define IMPRINT_STATION_LEDGER_H

#include "lib/base/io.h"
#include "lib/crypto/hash.h"
#include "lib/identity/package.h"

#define LEDGER_VERSION		4
#define LEDGER_HEADER_SIZE	44
#define LEDGER_RECORD_MAX	8192	/* octets of one CBOR */
#define LEDGER_PRODUCT_MAX	64
#define LEDGER_NONCE_SIZE	32
#define LEDGER_NAMES_MAX	8
#define LEDGER_PLACE_MAX	127	/* octets of an anchor's place */

/* who = fixture, badge, MES order: three texts */
enum ledger_kind {
	/* [1, time, pack, order, count, product, order's number, key id of
	 * the recipient]; in version 1 without the last two */
	LEDGER_IMPORT = 1,
	/* to a plug-in; without who when nobody says */
	LEDGER_OUT = 2,		/* [2, time, pack, position, index, ? who] */
	LEDGER_RESULT = 3,	/* [3, time, pack, position, status, ? who] */
	/* to a device; again when another fixture has it now */
	LEDGER_RESERVE = 4,	/* [4, time, pack, position, index, kind,
				 * device, nonce, who] */
	LEDGER_COMMIT = 5,	/* [5, time, pack, position, evidence, proof,
				 * firmware, [* [kind, type, name]], who] */
	LEDGER_SCRAP = 6,	/* [6, time, pack, position, reason, who] */
	LEDGER_REWORK = 7,	/* [7, time, pack, position, reason, who] */
	/* the chain up to it is held elsewhere: station/anchor.h */
	LEDGER_ANCHOR = 8,	/* [8, time, enum ledger_anchor, number,
				 * value] */
	LEDGER_REPORT = 9,	/* [9, time, order, number, final] */
	LEDGER_CLOSED = 10	/* [10, time, order]: its key is destroyed */
};

/* The kinds of a report, and beside them: */
enum ledger_anchor {
	LEDGER_ANCHOR_NONE = 0,		/* from here on none of the next
					 * three; number 0, value empty */
	LEDGER_ANCHOR_TPM = 1,		/* number: that the counter has now;
					 * value: its place, text */
	LEDGER_ANCHOR_ACKNOWLEDGED = 2,	/* number: entries; value: the
					 * acknowledgement */
	LEDGER_ANCHOR_FILE = 3,		/* number: 1, 2, ...; value: path */
	LEDGER_ANCHOR_PROGRAM = 4,	/* as TPM */
	LEDGER_ANCHOR_REFUTED = 5	/* an acknowledgement of what is not
					 * in this chain: it was put back */
};

/* Status of a result: 0 injected; else the plug-in's exit status, 256 + its
 * signal, or one of ours. */
#define LEDGER_SIGNAL		256
#define LEDGER_TIMEOUT		1000
#define LEDGER_NOT_STARTED	1001
#define LEDGER_NOT_READ		1002	/* ended well, package unread */

struct ledger_name {
	struct bytes	kind, text;
	unsigned	type;		/* enum name_type */
};

/* What is read has views that last while it is told, or as ledger_get()
 * says. */
struct ledger_record {
	enum ledger_kind	kind;
	/* where it stands; not written */
	uint64_t		at;	/* octet of the file */
	uint64_t		entry;	/* 1 for the first */
	const uint8_t		*head;	/* its hash, of SHA256_SIZE; NULL
					 * from ledger_get() */
	int64_t			time;
	uint8_t			pack[PACKAGE_ID_SIZE];
	/* import, report, closed */
	uint8_t			order[PACKAGE_ID_SIZE];
	/* import */
	uint64_t		count;
	char			product[LEDGER_PRODUCT_MAX + 1];
	uint32_t		order_number;	/* 0: not told */
	uint8_t			recipient[SHA256_SIZE];	/* 0: the home's */
	/* of one package */
	uint64_t		position;
	uint64_t		index;
	uint64_t		status;
	unsigned		device_kind;
	struct bytes		device;
	struct bytes		nonce;
	unsigned		evidence;
	struct bytes		proof, firmware, reason;
	struct ledger_name	names[LEDGER_NAMES_MAX];
	size_t			name_count;
	struct bytes		fixture, badge, mes_order;	/* who */
	/* anchor, report */
	uint64_t		number;
	bool			final;
	unsigned		anchor;	/* enum ledger_anchor */
	struct bytes		value;
};

/* Told every record in order; an error ends the reading. */
struct ledger_reader {
	enum err	(*record)(void *ctx, const struct ledger_record *,
			    struct diag *);
	void		*ctx;
};

struct ledger;

/* A new, empty ledger; replaces a file at path. Durable on return. */
MUST_USE enum err ledger_create(const struct io *, const char *path,
    const uint8_t station[SHA256_SIZE], struct diag *);
/*
 * Open for appending, reading all of it once. A torn tail is cut off.
 * ERR_SYNTAX (not a ledger), ERR_VERSION, ERR_CONFLICT (another station's),
 * ERR_CORRUPT. The caller holds the home's lock.
 */
MUST_USE enum err ledger_open(const struct io *, const char *path,
    const uint8_t station[SHA256_SIZE], const struct ledger_reader *,
    struct ledger **ret_ledger, struct diag *);
void	ledger_close(struct ledger **);
#define _cleanup_ledger_ __attribute__((cleanup(ledger_close)))
/* The same without a lock, changing nothing: a tail that is not complete is
 * passed over. ret_head: hash of the last record. */
MUST_USE enum err ledger_read(const struct io *, const char *path,
    const uint8_t station[SHA256_SIZE], const struct ledger_reader *,
    uint64_t *ret_records, uint8_t ret_head[SHA256_SIZE], struct diag *);

/* Gather a record; nothing is written yet. ret_at: where it will stand; may
 * be NULL. */
MUST_USE enum err ledger_add(struct ledger *, const struct ledger_record *,
    uint64_t *ret_at, struct diag *);
/*
 * The record at an octet that was told or added, its hash checked. Its views
 * point into room. ERR_CORRUPT.
 */
MUST_USE enum err ledger_get(struct ledger *, uint64_t at, struct buf *room,
    struct ledger_record *ret_record, struct diag *);
/* With what was gathered. */
uint64_t ledger_records(const struct ledger *);
const uint8_t *ledger_head(const struct ledger *);
/*
 * Write and sync what was gathered. After a failure nothing more can be
 * added: what is on the disk is not known before it is opened again. Every
 * later call says that failure, ERR_IO in place of ERR_NOSPACE. Alone of a
 * ledger's functions it may run in any thread beside any other: what was
 * gathered when it began is durable when it ends.
 */
MUST_USE enum err ledger_commit(struct ledger *, struct diag *);
/*
 * Room on the disk for the records of another call, on top of what was
 * gathered: zeros, written ahead and synced, which an end of the ledger may
 * be. So a full disk shows here, before anything is told, and takes nothing
 * back; it also spares a sync the file system's own records. ERR_NOSPACE,
 * ERR_NOMEM: nothing has changed, and it may be asked for again. After any
 * other error nothing more can be added, and ledger_commit() says the same.
 */
MUST_USE enum err ledger_room(struct ledger *, struct diag *);
/*
 * What is added between the two is in one write, which begins after them;
 * they nest. Neither room nor a commit may be asked for between them.
 */
void	ledger_hold(struct ledger *);
void	ledger_let(struct ledger *);
/* Octets of header and records, with what was gathered. */
uint64_t ledger_size(struct ledger *);
/* What was gathered must not be written, and why: from now on every call
 * fails with that. */
void	ledger_spoil(struct ledger *, enum err why, const struct diag *cause);

#endif
