/* Between the ledger's reader and writer. */
#ifndef IMPRINT_STATION_LEDGER_INTERNAL_H
#define IMPRINT_STATION_LEDGER_INTERNAL_H

#include "station/ledger.h"

#define LEDGER_MAGIC		"IMPRLEDG"
#define LEDGER_MAGIC_SIZE	8
#define LEDGER_LENGTH_SIZE	4
#define LEDGER_FRAME		(LEDGER_LENGTH_SIZE + SHA256_SIZE)

void	ledger_put_record(struct buf *, const struct ledger_record *);
MUST_USE enum err ledger_parse_record(struct bytes,
    struct ledger_record *ret_record, const char **ret_reason);

/* Walk all records of an open file. */
struct ledger_walk {
	uint64_t	end;		/* after the last good record */
	uint64_t	size;		/* of the file */
	uint64_t	records;
	uint8_t		head[SHA256_SIZE];
};
MUST_USE enum err ledger_walk(const struct file *,
    const uint8_t station[SHA256_SIZE], struct sha256 *,
    const struct ledger_reader *, struct ledger_walk *ret_walk,
    struct diag *);

#endif
