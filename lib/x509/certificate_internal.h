/*
 * What the writers of certificates and CRLs have in common. Internal to
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

/* Positive, at most 20 octets (RFC 5280 4.1.2.2), shortest. */
static inline bool
serial_is_valid(struct bytes serial)
{
	if (serial.len == 0 || serial.len > SERIAL_MAX ||
	    (serial.ptr[0] & 0x80) != 0)
		return false;
	if (serial.ptr[0] != 0)
		return true;
	return serial.len > 1 && (serial.ptr[1] & 0x80) != 0;
}

#endif
