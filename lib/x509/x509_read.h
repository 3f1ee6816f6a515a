/*
 * Certificates read by the independent parser (OpenSSL), never by the code
 * that wrote them: for checking samples, chains and what strangers present.
 * d2i must use every octet; trailing bytes are refused.
 */
#ifndef IMPRINT_X509_X509_READ_H
#define IMPRINT_X509_X509_READ_H

#include "lib/x509/certificate.h"

#define X509_CHAIN_MAX	8

struct x509_info {
	uint8_t		serial[SERIAL_MAX];
	size_t		serial_len;
	int64_t		not_before, not_after;
	char		common_name[128];	/* empty: none */
	char		serial_number[160];	/* subject serialNumber */
	char		organization[160];
	struct public_key public_key;
	bool		ca;
	unsigned	key_usage;		/* KU_... */
	unsigned	extended_key_usage;	/* EKU_...; 0: none */
	uint8_t		key_id[KEY_ID_SIZE];	/* of the SPKI's key bits */
	uint8_t		issuer[SHA256_SIZE];	/* hash of the issuer's Name */
	/* keyIdentifier of the AKI; length 0: none. Of another length than
	 * KEY_ID_SIZE, which is no key's id here, the octets are not kept. */
	uint8_t		issuer_key_id[KEY_ID_SIZE];
	size_t		issuer_key_id_len;
};

/* ERR_SYNTAX, ERR_UNSUPPORTED (key algorithm). */
MUST_USE enum err x509_read(struct bytes der, struct x509_info *ret_info,
    struct diag *);
/* Subject Name DER, appended: the issuer_name of what it issues. */
MUST_USE enum err x509_subject(struct bytes der, struct buf *out,
    struct diag *);

enum x509_verdict {
	X509_DENY_INCOMPLETE = 0,	/* no path to a trusted root */
	X509_ACCEPT = 1,
	X509_DENY_SIGNATURE = 2,
	X509_DENY_EXPIRED = 3,
	X509_DENY_NOT_YET_VALID = 4,
	X509_DENY_PURPOSE = 5,		/* extended key usage */
	X509_DENY_CONSTRAINT = 6,	/* CA flag, path length, key usage */
	X509_DENY_OTHER = 7
};

/* Trusted roots and known intermediates, parsed once. One per thread. */
struct x509_trust;
MUST_USE enum err x509_trust_new(struct x509_trust **ret_trust,
    struct diag *);
void	x509_trust_free(struct x509_trust **);
#define _cleanup_x509_trust_ __attribute__((cleanup(x509_trust_free)))
MUST_USE enum err x509_trust_add_root(struct x509_trust *, struct bytes der,
    struct diag *);
MUST_USE enum err x509_trust_add_intermediate(struct x509_trust *,
    struct bytes der, struct diag *);
/*
 * Path validation (RFC 5280 6.1) of leaf at time now for the extended key
 * usage eku (one EKU_... bit; 0: any). detail: the parser's own words, at
 * least 128 bytes, or NULL.
 */
MUST_USE enum err x509_verify(struct x509_trust *, struct bytes leaf,
    int64_t now, unsigned eku, enum x509_verdict *ret_verdict,
    char *detail, size_t detail_size, struct diag *);

/*
 * Sample and check: der was made by form + fields for profile and signed by
 * issuer; does the independent parser read the same out of it, does it
 * re-encode to the same bytes, and do the profile's rules (RFC 5280,
 * 802.1AR 8) hold? ERR_INTERNAL with what differed.
 */
MUST_USE enum err x509_check_sample(struct bytes der,
    const struct certificate_profile *,
    const struct bytes fields[CERT_FIELDS], const struct public_key *issuer,
    struct diag *);

#endif
