/*
 * An issuance template: everything about an identity that is the same for
 * one product version under one issuing CA, encoded once and stored, so that
 * an identity is template + range + entry for ever.
 */
#ifndef IMPRINT_IDENTITY_TEMPLATE_H
#define IMPRINT_IDENTITY_TEMPLATE_H

#include "lib/base/form.h"
#include "lib/crypto/cose.h"
#include "lib/policy/name.h"
#include "lib/x509/certificate.h"

#define TEMPLATE_TEXT_MAX	255

/* What the ecosystem adds to the product. */
struct template_issuer {
	const char	*issuer;		/* iss: a URI */
	const char	*publish_url;		/* no trailing slash */
	const char	*log_name;		/* "bulk" */
	uint32_t	 log;
	struct bytes	 name;			/* issuing CA's subject, DER */
	uint8_t		 key_id[KEY_ID_SIZE];	/* of the issuing key */
	uint8_t		 root_hash[SHA256_SIZE];
	uint8_t		 document_kid[COSE_KID_SIZE];
};

struct template_slot {
	unsigned		slot;
	enum key_alg		alg;
	int			validity_years;	/* of the certificate */
	struct form		*certificate;	/* NULL: a bare key */
};

struct template {
	uint8_t			product[SHA256_SIZE];
	uint32_t		log;
	int			document_validity_years;
	char			status_prefix[TEMPLATE_TEXT_MAX + 1];
	struct form		*claims;
	enum product_signature	signature;
	struct buf		protected;	/* COSE header, encoded; empty
						 * with receipts, whose header
						 * differs by chunk */
	struct template_slot	slots[PRODUCT_SLOTS_MAX];
	size_t			slot_count;
	struct product_name	names[PRODUCT_NAMES_MAX];
	size_t			name_count;
	/* index in names; -1 none that is known at issuance */
	int			serial_number;
};

void	template_free(struct template **);
#define _cleanup_template_ __attribute__((cleanup(template_free)))

MUST_USE enum err template_new(const struct product *,
    const struct template_issuer *, struct template **ret_template,
    struct diag *);

/* The certificate profile of one credential of the product: what the
 * template's form was made of, for checking a sample. The texts point into
 * the arguments and into text. */
struct template_text {
	char	crl_prefix[TEMPLATE_TEXT_MAX + 1];
	char	ca_issuers[TEMPLATE_TEXT_MAX + 1];
};
MUST_USE enum err template_profile(const struct product *,
    const struct product_credential *, const struct template_issuer *,
    struct template_text *text, struct certificate_profile *ret_profile,
    struct diag *);

/* For storage. */
MUST_USE enum err template_encode(const struct template *, struct buf *out);
MUST_USE enum err template_decode(struct bytes,
    struct template **ret_template, struct diag *);

/* Has it names that do not follow from the index? */
bool	template_needs_names(const struct template *);
/* Has it names that a device was born with? */
bool	template_needs_births(const struct template *);
/* How many of its names come with an order. */
size_t	template_csv_names(const struct template *);
/* Octets of one stored entry. */
size_t	template_entry_size(const struct template *);

#endif
