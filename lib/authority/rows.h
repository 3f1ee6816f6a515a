/*
 * Rows of the registry that stand under no MAC of their own, or whose absence
 * would not be seen: sums of MACs (mod 2^256) over all of them, kept in the
 * head of the operations log (operation.h), so that none is added, changed or
 * removed behind the authority's back.
 *
 * Objects are summed when an entry is appended, in the same transaction;
 * ranges, as they were reserved, and the parts of name blocks that they took,
 * when they are reserved; rows of the tables of enum store_table as they
 * change. What changes later of a range (state, place in its
 * pack) is held by the log's tree and by status: a void range is never valid.
 */
#ifndef IMPRINT_AUTHORITY_ROWS_H
#define IMPRINT_AUTHORITY_ROWS_H

#include "lib/authority/authority.h"
#include "lib/log/merkle.h"

struct row_sum {
	uint64_t	count;
	uint8_t		sum[SHA256_SIZE];
};

struct operation_head;

void	row_sum_change(struct row_sum *, const uint8_t code[SHA256_SIZE],
	    bool add);

/* The objects put since the head's place join its sum. */
MUST_USE enum err rows_objects_add(struct authority *,
    struct operation_head *head, struct diag *);
/* A range that was just reserved, and the names it took; in the caller's
 * transaction. */
MUST_USE enum err rows_range_add(struct authority *,
    const struct store_range *, struct diag *);
/* A reserved range that goes (store_range_release()); the same. */
MUST_USE enum err rows_range_take(struct authority *,
    const struct store_range *, struct diag *);
/* A reserved range that comes apart (store_range_carve()): head, which the
 * caller puts, has the parts and what is left in its place. */
MUST_USE enum err rows_carve(struct authority *, struct operation_head *head,
    const struct store_range *whole, const struct store_range *parts,
    size_t count, const struct store_range *left, struct diag *);
/* Before a range gives back what it took of a pool. */
MUST_USE enum err rows_part_take(struct authority *, uint64_t pool,
    const struct store_range *, struct diag *);
/* A row joins or leaves a sum of changes, to which the head's is put in the
 * same transaction, when all have been made. */
MUST_USE enum err rows_add(struct authority *, struct row_sum *changes,
    const struct store_row *, bool add);
MUST_USE enum err rows_change(struct authority *,
    const struct row_sum *changes, struct diag *);
/* All of their rows that are there. */
MUST_USE enum err rows_tables(struct authority *, struct row_sum *ret_rows,
    struct diag *);
/* All ranges and parts that are there, for a log that begins. */
MUST_USE enum err rows_all(struct authority *, struct row_sum *ret_ranges,
    struct diag *);

/* Are they those that the head speaks of, and ranges one after the other up
 * to what their log has reserved? ERR_CORRUPT. */
MUST_USE enum err rows_check_objects(struct authority *,
    const struct operation_head *, struct diag *);
MUST_USE enum err rows_check_ranges(struct authority *, struct diag *);
MUST_USE enum err rows_check_tables(struct authority *, struct diag *);
/* Is the progress of an order and its packs what its ranges say, each void
 * one not valid? */
MUST_USE enum err rows_check_order(struct authority *,
    const struct store_order *, struct diag *);

/*
 * A log's row and its tree, which must agree on the size: ERR_CORRUPT. The
 * trees of bulk and online are kept under a MAC (checked when unlocked), so
 * that no leaf is put under a signature from behind; that of operations is in
 * the head.
 */
MUST_USE enum err authority_log(struct authority *, uint32_t log,
    struct store_log *ret_log, struct merkle *ret_tree, struct diag *);
/* A tree as it is kept: for store_range_close(), store_log_grow(). out is
 * cleared first. */
MUST_USE enum err authority_tree_put(struct authority *, uint32_t log,
    const struct merkle *, struct buf *out, struct diag *);

#endif
