/*
 * The station's ledger: what came in, what was handed out, what became of
 * it. Append only, every record chained to those before it by SHA-256.
 *
 *   header  "IMPRLEDG", version (2 octets), 0 (2), the station's key id (32)
 *   record  length (4), deterministic CBOR, SHA-256(last hash || CBOR)
 *
 * The first record's last hash is SHA-256(header). All numbers big-endian.
 *
 * Records are gathered and written by one ledger_commit(), which is durable
 * when it returns; so at most one write can be torn by a power cut, and that
 * one is the last. Such a tail is cut off on opening: what it told had not
 * happened yet. Anything else that does not fit is ERR_CORRUPT and names the
 * place. What the chain cannot show is a ledger put back to an earlier
 * state: that takes an anchor elsewhere.
 */
#ifndef IMPRINT_STATION_LEDGER_H
#define IMPRINT_STATION_LEDGER_H

#include "lib/base/io.h"
#include "lib/crypto/hash.h"
#include "lib/identity/package.h"

#define LEDGER_VERSION		1
#define LEDGER_HEADER_SIZE	44
#define LEDGER_RECORD_MAX	1024	/* octets of one CBOR */
#define LEDGER_PRODUCT_MAX	64

enum ledger_kind {
	LEDGER_IMPORT = 1,	/* [1, time, pack, order, count, product] */
	LEDGER_OUT = 2,		/* [2, time, pack, position, index] */
	LEDGER_RESULT = 3	/* [3, time, pack, position, status] */
};

/* Status of a result: 0 injected; else the plug-in's exit status, 256 + its
 * signal, or one of ours. */
#define LEDGER_SIGNAL		256
#define LEDGER_TIMEOUT		1000
#define LEDGER_NOT_STARTED	1001
#define LEDGER_NOT_READ		1002	/* ended well, package unread */

struct ledger_record {
	enum ledger_kind	kind;
	int64_t			time;
	uint8_t			pack[PACKAGE_ID_SIZE];
	/* import */
	uint8_t			order[PACKAGE_ID_SIZE];
	uint64_t		count;
	char			product[LEDGER_PRODUCT_MAX + 1];
	/* out, result */
	uint64_t		position;
	uint64_t		index;
	uint64_t		status;
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

/* Gather a record; nothing is written yet. */
MUST_USE enum err ledger_add(struct ledger *, const struct ledger_record *,
    struct diag *);
/*
 * Write and sync what was gathered. After a failure nothing more can be
 * added (ERR_STATE): what is on the disk is not known before it is opened
 * again.
 */
MUST_USE enum err ledger_commit(struct ledger *, struct diag *);

#endif
