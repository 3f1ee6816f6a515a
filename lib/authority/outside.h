/*
 * Certificates outside the serial number scheme: root, issuing CAs,
 * infrastructure CA, document signer, services. Serial = 0x7f || 16 random
 * octets; they are kept whole in the store.
 */
#ifndef IMPRINT_AUTHORITY_OUTSIDE_H
#define IMPRINT_AUTHORITY_OUTSIDE_H

#include "lib/base/diag.h"
#include "lib/keystore/keystore.h"
#include "lib/store/store.h"
#include "lib/x509/certificate.h"

struct outside {
	const char			*name;		/* in the store */
	const char			*issuer_label;	/* key that signs */
	const struct public_key		*subject;
	/* issuer_name, issuer_key_id are filled in from the issuer */
	struct certificate_profile	 profile;
	struct bytes			 issuer_der;	/* empty: self-signed */
	int64_t				 not_before, not_after;
};

/* Make, check with the independent parser, and append the DER to out. */
MUST_USE enum err outside_issue(struct keystore *, const struct outside *,
    struct buf *out, struct diag *);
/* Put it into the store within the caller's transaction. */
MUST_USE enum err outside_store(struct store *, struct hmac *mac,
    const char *name, struct bytes der, int64_t now, struct diag *);

#endif
