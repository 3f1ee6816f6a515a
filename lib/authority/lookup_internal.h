/*
 * Within lib/authority.
 */
#ifndef IMPRINT_AUTHORITY_LOOKUP_INTERNAL_H
#define IMPRINT_AUTHORITY_LOOKUP_INTERNAL_H

#include "lib/authority/lookup.h"

/* As lookup_find(), for names alone; ERR_NOTFOUND without diag when nobody
 * has it and nobody keeps it. */
MUST_USE enum err lookup_name(struct authority *, const char *word,
    struct address *ret_address, struct diag *);

/* Whose certificate has this serial number? ERR_NOTFOUND, without diag. */
MUST_USE enum err lookup_serial(struct authority *,
    const uint8_t octets[SERIAL_SIZE], struct address *ret_address,
    struct diag *);

#endif
