/*
 * What the files over OpenSSL's certificate parser share. Internal to
 * lib/x509.
 *
 * OpenSSL has macros named like our key usage bits, with other values: they
 * are gone after this header, and ours are what is meant.
 */
#ifndef IMPRINT_X509_X509_INTERNAL_H
#define IMPRINT_X509_X509_INTERNAL_H

#include "lib/crypto/ossl.h"

#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#undef KU_DIGITAL_SIGNATURE
#undef KU_KEY_ENCIPHERMENT
#undef KU_KEY_AGREEMENT
#undef KU_KEY_CERT_SIGN
#undef KU_CRL_SIGN

#include "lib/x509/x509_read.h"

#define X509_CLEANUP(name, type, release)				\
	static inline void name(type **object) \
	{                                      \
		release(*object);              \
		*object = NULL;                \
	}

static inline void
octets_free(uint8_t *octets)
{
	OPENSSL_free(octets);
}

X509_CLEANUP(x509_cleanup, X509, X509_free)
X509_CLEANUP(octets_cleanup, uint8_t, octets_free)
X509_CLEANUP(val_cleanup, X509_VAL, X509_VAL_free)
X509_CLEANUP(eku_cleanup, EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)
X509_CLEANUP(akid_cleanup, AUTHORITY_KEYID, AUTHORITY_KEYID_free)
X509_CLEANUP(bc_cleanup, BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free)
X509_CLEANUP(bits_cleanup, ASN1_BIT_STRING, ASN1_BIT_STRING_free)
X509_CLEANUP(string_cleanup, ASN1_OCTET_STRING, ASN1_OCTET_STRING_free)
X509_CLEANUP(names_cleanup, GENERAL_NAMES, GENERAL_NAMES_free)
X509_CLEANUP(points_cleanup, CRL_DIST_POINTS, CRL_DIST_POINTS_free)
X509_CLEANUP(access_cleanup, AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free)
#undef X509_CLEANUP

#define _cleanup_x509_ __attribute__((cleanup(x509_cleanup)))
#define _cleanup_octets_ __attribute__((cleanup(octets_cleanup)))

/* One certificate that fills der to the last octet. ERR_SYNTAX. */
MUST_USE enum err x509_parse(struct bytes der, X509 **ret_x509,
    struct diag *);
/* keyUsage as KU_... bits; 0: absent. */
unsigned x509_key_usage(X509 *);
/* extendedKeyUsage as EKU_... bits; 0: absent. ERR_SYNTAX. */
MUST_USE enum err x509_extended_key_usage(X509 *, unsigned *ret_usage,
    struct diag *);

#endif
