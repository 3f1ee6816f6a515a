/*
 * Synthetic identities: ranges, entries and tree as runs of orders leave them,
 * at the speed of the store. Nothing is signed, so none can be rebuilt; what
 * counts is their number.
 */
#ifndef IMPRINT_BENCH_FILL_H
#define IMPRINT_BENCH_FILL_H

#include "lib/authority/authority.h"

/* Commit count more to the log of the template, which is that of a product.
 * progress may be NULL. */
MUST_USE enum err fill_identities(struct authority *, uint32_t template,
    uint64_t count, void (*progress)(void *ctx, uint64_t done), void *ctx,
    struct diag *);

#endif
