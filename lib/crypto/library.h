/*
 * Which cryptographic library runs.
 */
#ifndef IMPRINT_CRYPTO_LIBRARY_H
#define IMPRINT_CRYPTO_LIBRARY_H

#include <stdbool.h>

/* Its name and version, for people. ret_older: it is older than the one that
 * this program was built with, so that what it needs may be missing. */
const char *crypto_library(bool *ret_older);

#endif
