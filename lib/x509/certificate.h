/*
 * X.509 v3 certificates (RFC 5280, IEEE 802.1AR-2018 profile), ECDSA P-256
 * with SHA-256 as the issuer's signature.
 *
 * One encoder for all: what is constant goes into a form (lib/base/form.h),
 * what differs is filled in per certificate. A certificate is form + fields
 * + signature; from these it is rebuilt to the byte.
 */
#ifndef IMPRINT_X509_CERTIFICATE_H
#define IMPRINT_X509_CERTIFICATE_H

#include <stdbool.h>

#include "lib/base/form.h"
#include "lib/crypto/key.h"

#define SERIAL_MAX	20	/* octets, RFC 5280 4.1.2.2 */
#define KEY_ID_SIZE	20	/* SHA-256 cut to 160 bits, RFC 7093 2 (1) */

/* keyUsage bits, as numbered in RFC 5280 4.2.1.3. */
enum {
	KU_DIGITAL_SIGNATURE = 1 << 0,
	KU_CONTENT_COMMITMENT = 1 << 1,
	KU_KEY_ENCIPHERMENT = 1 << 2,
	KU_KEY_AGREEMENT = 1 << 4,
	KU_KEY_CERT_SIGN = 1 << 5,
	KU_CRL_SIGN = 1 << 6
};
/* extendedKeyUsage (RFC 5280 4.2.1.12). */
enum {
	EKU_SERVER_AUTH = 1 << 0,
	EKU_CLIENT_AUTH = 1 << 1,
	EKU_DOCUMENT_SIGNING = 1 << 2,	/* RFC 9336 id-kp-documentSigning */
	EKU_OTHER = 1 << 3	/* when reading: any other; never written */
};

/* What is constant for a form. Texts: UTF-8, NULL when absent. */
struct certificate_profile {
	struct bytes	issuer_name;	/* DER Name; of the issuer's subject */
	struct bytes	issuer_key_id;	/* 20 octets; empty: no AKI */
	const char	*organization;		/* subject O */
	/* subject CN: constant text, or NULL: CERT_FIELD_COMMON_NAME */
	const char	*common_name;
	bool		with_serial_number;	/* CERT_FIELD_SERIAL_NUMBER */
	enum key_alg	subject_alg;
	bool		ca;			/* basicConstraints cA */
	int		path_len;		/* of a CA; -1: absent */
	unsigned	key_usage;		/* KU_..., critical */
	unsigned	extended_key_usage;	/* EKU_...; 0: absent */
	bool		with_ski;
	const char	*dns_name;		/* SAN dNSName, or NULL */
	/*
	 * CRL distribution point (4.2.1.13): crl_prefix, eight hexadecimal
	 * digits of CERT_FIELD_PARTITION when crl_partitioned, crl_suffix.
	 */
	const char	*crl_prefix;
	bool		crl_partitioned;
	const char	*crl_suffix;
	const char	*ocsp_url;		/* AIA, or NULL */
	const char	*ca_issuers_url;	/* AIA, or NULL */
};

/* Fields of a certificate form, by id. */
enum certificate_field {
	CERT_FIELD_SERIAL = 0,		/* octets, first bit 0, minimal */
	CERT_FIELD_VALIDITY = 1,	/* DER Validity */
	CERT_FIELD_COMMON_NAME = 2,	/* text */
	CERT_FIELD_SERIAL_NUMBER = 3,	/* text, PrintableString repertoire */
	CERT_FIELD_PUBLIC_KEY = 4,	/* raw, as lib/crypto/key.h */
	CERT_FIELD_KEY_ID = 5,		/* 20 octets */
	CERT_FIELD_PARTITION = 6,	/* eight hexadecimal digits, text */
	CERT_FIELDS = 7
};

/* The form of a TBSCertificate. ERR_INVALID when a text cannot be encoded. */
MUST_USE enum err certificate_form(const struct certificate_profile *,
    struct form **ret_form, struct diag *);

/* DER Name of a constant subject, appended: the issuer_name of a certificate
 * that is to be self-signed. organization may be NULL. */
void	certificate_put_name(struct buf *, const char *organization,
	    const char *common_name);

/* DER Validity: UTCTime through 2049, GeneralizedTime from 2050 (4.1.2.5);
 * not_after TIME_MAX_S is 99991231235959Z. */
MUST_USE enum err certificate_put_validity(struct buf *, int64_t not_before,
    int64_t not_after);
/* The key identifier of the octets of a public key's bit string. */
MUST_USE enum err certificate_key_id(struct sha256 *,
    const struct public_key *, uint8_t ret_id[KEY_ID_SIZE]);

/*
 * Render the TBS into tbs (cleared first), sign it, append the certificate
 * to out. ret_sig: the signature as r || s, for storage.
 */
MUST_USE enum err certificate_sign(const struct form *,
    const struct bytes fields[CERT_FIELDS], struct signer *, struct sha256 *,
    struct buf *tbs, struct buf *out, uint8_t ret_sig[SIGNATURE_SIZE]);
/* The same from a stored signature. */
MUST_USE enum err certificate_rebuild(const struct form *,
    const struct bytes fields[CERT_FIELDS],
    const uint8_t sig[SIGNATURE_SIZE], struct buf *tbs, struct buf *out);

/* PEM (RFC 7468), appended. label: "CERTIFICATE". */
void	pem_put(struct buf *, const char *label, struct bytes der);
/* All blocks of that label in text, DER appended in turn to out, each after
 * its length as 4 bytes big-endian. ERR_SYNTAX, ERR_NOTFOUND for none. */
MUST_USE enum err pem_get_all(struct bytes text, const char *label,
    struct buf *out, struct diag *);
/* The next one of what pem_get_all() made, which is cut off its front. */
bool	pem_next(struct bytes *rest, struct bytes *ret_der);

#endif
