/* Between the ledger's reader and writer. */
#ifndef IMPRINT_STATION_LEDGER_INTERNAL_H
#define IMPRINT_STATION_LEDGER_INTERNAL_H

#include "station/ledger.h"

#define LEDGER_MAGIC		"IMPRLEDG"
#define LEDGER_MAGIC_SIZE	8
#define LEDGER_LENGTH_SIZE	4
#define LEDGER_FRAME		(LEDGER_LENGTH_SIZE + SHA256_SIZE)
/* The word in front of a record: mark, number of its write, length. */
#define LEDGER_MARKED		3	/* from this version on all have it */
#define LEDGER_MARK		0x80000000U
#define LEDGER_WRITE_BITS	16		/* how far up it stands */
#define LEDGER_WRITE_MASK	0x7fffU
#define LEDGER_LENGTH_MASK	0xffffU

void	ledger_put_record(struct buf *, const struct ledger_record *);
MUST_USE enum err ledger_parse_record(struct bytes,
    struct ledger_record *ret_record, const char **ret_reason);

/* Walk all records of an open file; beside: one that writes, maybe. */
struct ledger_walk {
	uint64_t	end;		/* after the last good record */
	uint64_t	size;		/* of the file */
	uint64_t	records;
	uint8_t		head[SHA256_SIZE];
	bool		marked;		/* so will the next record be */
	unsigned	write;		/* and its number */
};
/* What a record's hash is of, by the word in front of it. */
MUST_USE enum err ledger_chain(struct sha256 *,
    const uint8_t last[SHA256_SIZE], uint32_t word, struct bytes body,
    uint8_t ret_hash[SHA256_SIZE]);
/* The length in it; none is 0 octets long. */
static inline size_t
ledger_length(uint32_t word)
{
	return word & LEDGER_MARK ? word & LEDGER_LENGTH_MASK : word;
}

static inline unsigned
ledger_write(uint32_t word)
{
	return word >> LEDGER_WRITE_BITS & LEDGER_WRITE_MASK;
}
MUST_USE enum err ledger_walk(const struct file *,
    const uint8_t station[SHA256_SIZE], struct sha256 *,
    const struct ledger_reader *, bool beside, struct ledger_walk *ret_walk,
    struct diag *);

#endif
