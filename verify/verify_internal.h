/*
 * What the files of libimprint-verify share.
 */
#ifndef IMPRINT_VERIFY_INTERNAL_H
#define IMPRINT_VERIFY_INTERNAL_H

#include <imprint/verify.h>
#include "lib/identity/document.h"
#include "lib/x509/crl_read.h"
#include "lib/x509/x509_read.h"

/* A certificate that signs documents; its path to a root held when the
 * verifier was made, and holds from not_before to not_after. */
struct document_signer {
	uint8_t		 kid[COSE_KID_SIZE];
	enum key_alg	 alg;
	struct verifier	*verifier;
	int64_t		 not_before, not_after;
};

/* An issuing CA, and the newest CRL of it that was given. */
struct issuing_ca {
	struct buf		 name, der;
	struct crl_issuer	 issuer;	/* name: a view of it */
	uint8_t			 name_hash[SHA256_SIZE];
	char			 common_name[128];
	unsigned		 key_usage;	/* KU_... */
	struct crl_index	*crl;		/* NULL: none yet */
	uint8_t			 number[SERIAL_MAX];
	size_t			 number_len;
	int64_t			 this_update, next_update;
};

/* The newest status list of its address. */
struct held_list {
	struct bytes		 uri;		/* owned */
	uint8_t			 kid[COSE_KID_SIZE];	/* of its signer */
	uint8_t			*array;		/* owned */
	size_t			 size;		/* octets */
	int64_t			 issued, expires;
};

struct imprint_verifier {
	struct x509_trust	*trust;
	struct sha256		*sha256;
	struct document_signer	*signers;
	size_t			 signer_count;
	struct issuing_ca	*cas;
	size_t			 ca_count;
	struct held_list	*lists;		/* ascending by URI */
	size_t			 list_count;
	int64_t			 status_max_age_s;	/* 0: not required */
};

/* NULL when this kid signs no documents here. */
struct document_signer *trust_find_signer(const struct imprint_verifier *,
    struct bytes kid);

/* Our errors as those of the API; other: for those that have no like. */
int	error_of(enum err, int other);

/* What the publications held say of an identity. */
struct status_finding {
	enum imprint_verdict	verdict;	/* IMPRINT_ALLOW, or a denial */
	int64_t			published;	/* of the newest that says good;
						 * 0: not known */
	int64_t			holds_until;	/* TIME_MAX_S: no bound */
	char			text[IMPRINT_REASON_SIZE];
};
/* certificate, document: what was found good; either may be NULL. */
void	status_find(const struct imprint_verifier *, const struct x509_info *,
	    const struct document *, int64_t now, struct status_finding *ret);
/* Made and not ended, and not older than is required if anything is. ends: its
 * last second. */
bool	status_is_fresh(const struct imprint_verifier *, int64_t published,
    int64_t ends, int64_t now);
/* The list of that address, or NULL. */
const struct held_list *status_list_find(const struct imprint_verifier *,
    struct bytes uri);
/*
 * What from holds and the trust of to, which holds nothing yet, stands for as
 * well goes over to it, with the bound on its age; the rest stays. So new
 * trust does not take status back.
 */
MUST_USE enum err status_hand_over(struct imprint_verifier *from,
    struct imprint_verifier *to, struct diag *);
/* CRLs, lists and what is known of the CAs. */
void	status_free(struct imprint_verifier *);

#endif
