/*
 * What the writer and the reader of CRLs (RFC 5280 5) have in common.
 */
#ifndef IMPRINT_X509_CRL_H
#define IMPRINT_X509_CRL_H

#include "lib/x509/certificate.h"

/* CRLReason, RFC 5280 5.3.1. */
enum crl_reason {
	CRL_UNSPECIFIED = 0,		/* never encoded: 5.3.1 SHOULD */
	CRL_KEY_COMPROMISE = 1,
	CRL_CA_COMPROMISE = 2,
	CRL_AFFILIATION_CHANGED = 3,
	CRL_SUPERSEDED = 4,
	CRL_CESSATION_OF_OPERATION = 5,
	CRL_CERTIFICATE_HOLD = 6,
	CRL_REMOVE_FROM_CRL = 8,	/* in delta CRLs alone */
	CRL_PRIVILEGE_WITHDRAWN = 9,
	CRL_AA_COMPROMISE = 10
};

/* "keyCompromise", ...; NULL for a number that is none. */
const char *crl_reason_name(enum crl_reason);

#endif
