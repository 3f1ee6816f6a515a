/*
 * What a certificate's form and its filling have in common. Internal to
 * lib/x509.
 */
#ifndef IMPRINT_X509_CERTIFICATE_INTERNAL_H
#define IMPRINT_X509_CERTIFICATE_INTERNAL_H

#include "lib/x509/certificate.h"

/* Upper bounds in characters, RFC 5280 appendix A.1. */
#define UB_NAME		64	/* ub-common-name, ub-organization-name */
#define UB_SERIAL	64	/* ub-serial-number */
#define PARTITION_SIZE	8

/* AlgorithmIdentifier ecdsa-with-SHA256, no parameters (RFC 5758 3.2). */
static const uint8_t signature_alg[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
	0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };

#endif
