/* Between csr.c and csr_attributes.c. */
#ifndef IMPRINT_X509_CSR_INTERNAL_H
#define IMPRINT_X509_CSR_INTERNAL_H

#include "lib/x509/x509_internal.h"

/* A signature algorithm over SHA-256, SHA-384, SHA-512 or one with a digest
 * of its own. */
bool	csr_digest_is_strong(const X509_ALGOR *);

#endif
