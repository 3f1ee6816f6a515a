/*
 * A row's octets with a MAC over [word, two numbers of the row, octets] at
 * their end: whoever writes to the registry makes none, and puts none in the
 * place of another. Words: "names", "devices", "association".
 */
#ifndef IMPRINT_AUTHORITY_BLOB_H
#define IMPRINT_AUTHORITY_BLOB_H

#include "lib/authority/authority.h"

/* The MAC is appended to octets. */
MUST_USE enum err blob_seal(struct authority *, const char *word, uint64_t a,
    uint64_t b, struct buf *octets);
/* ERR_CORRUPT, without diag. Unchecked while the keystore is locked. */
MUST_USE enum err blob_open(struct authority *, const char *word, uint64_t a,
    uint64_t b, struct bytes blob, struct bytes *ret_octets);

#endif
