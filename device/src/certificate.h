/*
 * Certificates (RFC 5280) as a device reads them, and paths of them. The
 * profile is what an ecosystem writes: version 3, signed with ECDSA P-256 and
 * SHA-256, a key of the table of algorithms. What is not strict DER of it, a
 * critical extension that is not known, or name constraints: refused.
 */
#ifndef IMPRINT_DEVICE_CERTIFICATE_H
#define IMPRINT_DEVICE_CERTIFICATE_H

#include "device/src/internal.h"

/* keyUsage bits (RFC 5280 4.2.1.3) that matter here */
enum { USAGE_SIGN = 1 << 0, USAGE_CERT_SIGN = 1 << 5 };
/* extendedKeyUsage that matters here */
enum { EXTENDED_CLIENT = 1 << 0, EXTENDED_DOCUMENT = 1 << 1 };

struct certificate {
	struct bytes	tbs, issuer, subject;	/* whole items */
	struct bytes	serial;			/* without leading zero */
	struct imprint_device_public key;
	struct bytes	key_id, issuer_key_id;	/* empty: absent */
	int64_t		not_before, not_after;
	bool		has_usage, has_extended, ca;
	unsigned	usage, extended;
	int		path_len;		/* of a CA; -1: absent */
	uint8_t		signature[IMPRINT_DEVICE_SIGNATURE_SIZE];
};

/* NULL, or static text: why it is none. */
const char *imprint_device_certificate_read(struct bytes der,
    struct certificate *ret_certificate);

/* Which end entity a path is checked for. */
enum path_use {
	PATH_DOCUMENT = 1,	/* EKU documentSigning, issued by the root */
	PATH_CLIENT = 2,	/* EKU clientAuth, if any */
	PATH_ANY = 3
};

struct path {
	const char	*reason;	/* static text; NULL: a good path */
	uint32_t	 used;		/* bit i: certificate i is in it */
	int64_t		 not_before;	/* the latest of the path */
	int64_t		 not_after;	/* the earliest of the path */
};

/*
 * A path (RFC 5280 6.1) from leaf to the identity's root, times not judged.
 * The identity's certificates must have been read once without failure. The
 * root is trusted for its hash: its own signature says nothing.
 * Not 0: the cryptographic library failed.
 */
int	imprint_device_path_find(const struct imprint_device_crypto *,
	    const struct imprint_device_identity *, struct bytes leaf,
	    enum path_use, struct path *ret_path);

#endif
