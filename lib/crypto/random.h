/*
 * Random bytes from OpenSSL's DRBG.
 */
#ifndef IMPRINT_CRYPTO_RANDOM_H
#define IMPRINT_CRYPTO_RANDOM_H

#include <stddef.h>

#include "lib/base/diag.h"

/* ERR_CRYPTO when the generator fails: give up, never go on without. */
MUST_USE enum err random_bytes(void *out, size_t len, struct diag *);

#endif
