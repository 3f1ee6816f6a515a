/*
 * Names that do not follow from the index: from a block of values, or from
 * the file that came with an order.
 *
 * Invariants: a name is unique within its space (lib/policy/name.h) in an
 * ecosystem, whatever product, source and log it is of; what would break
 * that is refused before anything is made: a product whose forms could give
 * names that others have or may get, a file with a name that is taken, kept
 * or comes twice. A value of a block is given to one range, for ever, even
 * when that becomes void; a line whose range became void names the next one.
 *
 * Lines lie in blocks under a MAC, see names_block.c; what is not issued yet
 * is what the operator signed.
 */
#ifndef IMPRINT_AUTHORITY_NAMES_H
#define IMPRINT_AUTHORITY_NAMES_H

#include "lib/authority/authority.h"
#include "lib/identity/maker.h"
#include "lib/policy/name_csv.h"

/* A file of names, as an order's request says it. */
struct names_file {
	uint8_t		hash[SHA256_SIZE];	/* of all its octets */
	uint64_t	lines;			/* identities it names */
};

/*
 * Read a file of names from its beginning to its end, a block at a time.
 * names: the product's. each: may be NULL. Errors as name_csv.h, and those
 * of reading.
 */
MUST_USE enum err names_file_read(const struct file *,
    const struct product_name *names, size_t count,
    enum err (*each)(void *ctx, const struct name_csv_line *), void *ctx,
    struct names_file *ret_file, struct diag *);
/* What messages call a file: its name without folders, printable. */
#define NAMES_TITLE_SIZE 64
void	names_title(const struct file *, char ret_title[NAMES_TITLE_SIZE]);

/*
 * Where a name of an order stands that is not made of the index: how many
 * values its block has that no range took.
 */
MUST_USE enum err names_left(struct authority *, const struct product_name *,
    uint64_t *ret_left, struct diag *);

/* Names of a range, as its identities are made or rebuilt. */
struct names_held {
	struct identity_names	 names;
	struct buf		 text;
};
#define NAMES_HELD_INIT { .text = BUF_INIT }
void	names_held_release(struct names_held *);
/* What a range took. ERR_CORRUPT: not what its template needs. */
MUST_USE enum err names_load(struct authority *, const struct template *,
    const struct store_range *, struct names_held *, struct diag *);

#endif
