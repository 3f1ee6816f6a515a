/*
 * The leaves of a log as the registry holds them: hashes stored with the
 * entries of identities, those of void indices and of operations made again.
 */
#ifndef IMPRINT_AUTHORITY_LOG_LEAVES_H
#define IMPRINT_AUTHORITY_LOG_LEAVES_H

#include "lib/authority/authority.h"

struct log_leaves;
MUST_USE enum err log_leaves_new(struct authority *, uint32_t log,
    struct log_leaves **ret_leaves, struct diag *);
void	log_leaves_free(struct log_leaves **);
#define _cleanup_log_leaves_ __attribute__((cleanup(log_leaves_free)))
/*
 * count hashes from index first on, SHA256_SIZE octets each; cheap for
 * hundreds at a time. ERR_CORRUPT: an index below the log's size has no leaf,
 * and which.
 */
MUST_USE enum err log_leaves_read(struct log_leaves *, uint64_t first,
    size_t count, uint8_t *ret_hashes, struct diag *);

/* The entry of a void index, as it stands in the log. */
void	log_void_entry(struct buf *, uint64_t index, unsigned evidence);

#endif
