/*
 * CRLs (RFC 5280 5, 6.3) as a reader sees them, in three steps: the form,
 * the signature, the entries. A reader of its own, not OpenSSL's: a million
 * entries must not cost more memory than a row of at most 25 octets each.
 *
 * Read are full version 2 CRLs for all certificates of their issuer, signed
 * with ecdsa-with-SHA256 on P-256, with AKI, CRL number and nextUpdate.
 * Refused as ERR_UNSUPPORTED: critical extensions not known here, an issuing
 * distribution point (5.2.5; partitions come later), delta CRLs (5.2.4).
 */
#ifndef IMPRINT_X509_CRL_READ_H
#define IMPRINT_X509_CRL_READ_H

#include "lib/base/diag.h"
#include "lib/x509/crl.h"

/* One CRL whose form is good. Views point into the input. */
struct crl {
	struct bytes	tbs;		/* what is signed */
	uint8_t		signature[SIGNATURE_SIZE];
	struct bytes	issuer_name;	/* DER Name */
	struct bytes	issuer_key_id;	/* keyIdentifier of the AKI */
	struct bytes	number;		/* without leading zeros, 1 to 20 */
	int64_t		this_update, next_update;
	struct bytes	entries;	/* not looked into yet; may be empty */
};

/* All but the entries. ERR_SYNTAX, ERR_UNSUPPORTED, ERR_INVALID (times). */
MUST_USE enum err crl_parse(struct bytes der, struct crl *ret_crl,
    struct diag *);

/* < 0, 0, > 0: is CRL number a before, equal to, after b? Without leading
 * zeros. */
int	crl_number_compare(struct bytes a, struct bytes b);

/* Who must have signed it. */
struct crl_issuer {
	struct bytes		 name;		/* DER Name: its subject */
	struct public_key	 key;
	uint8_t			 key_id[KEY_ID_SIZE];
};
/*
 * Is it this CA's? ERR_INVALID (another issuer's name or key identifier),
 * ERR_AUTH (signature), ERR_UNSUPPORTED (the CA's key is not P-256),
 * ERR_CRYPTO, ERR_NOMEM.
 */
MUST_USE enum err crl_check_issuer(const struct crl *,
    const struct crl_issuer *, struct sha256 *, struct diag *);

/* What one entry says. */
struct crl_revocation {
	int64_t		revoked;	/* seconds; those after 2106-02-07 are
					 * told as 2106-02-07T06:28:15Z */
	enum crl_reason	reason;
};

/*
 * The entries, found by serial number in O(log n); independent of the input.
 * Memory: the longest serial number and 5 octets for each entry; as much
 * again while it is made, for sorting.
 */
struct crl_index;
/* ERR_SYNTAX, ERR_INVALID (removeFromCRL in a full CRL, a serial number
 * twice), ERR_UNSUPPORTED (critical extension), ERR_NOMEM. */
MUST_USE enum err crl_index_new(const struct crl *,
    struct crl_index **ret_index, struct diag *);
void	crl_index_free(struct crl_index **);
#define _cleanup_crl_index_ __attribute__((cleanup(crl_index_free)))
size_t	crl_index_count(const struct crl_index *);
/* Is this serial number listed? Leading zeros do not matter. */
bool	crl_index_find(const struct crl_index *, struct bytes serial,
	    struct crl_revocation *ret_revocation);

#endif
