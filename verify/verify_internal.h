/*
 * What the files of libimprint-verify share.
 */
#ifndef IMPRINT_VERIFY_INTERNAL_H
#define IMPRINT_VERIFY_INTERNAL_H

#include <imprint/verify.h>
#include "lib/identity/document.h"
#include "lib/x509/x509_read.h"

/* A certificate that signs documents; its path to a root held when the
 * verifier was made, and holds from not_before to not_after. */
struct document_signer {
	uint8_t		 kid[COSE_KID_SIZE];
	enum key_alg	 alg;
	struct verifier	*verifier;
	int64_t		 not_before, not_after;
};

struct imprint_verifier {
	struct x509_trust	*trust;
	struct sha256		*sha256;
	struct document_signer	*signers;
	size_t			 signer_count;
};

/* NULL when this kid signs no documents here. */
struct document_signer *trust_find_signer(const struct imprint_verifier *,
    struct bytes kid);

#endif
