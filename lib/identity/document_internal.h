/*
 * The parts of reading a document whose signature is a receipt. Internal to
 * lib/identity.
 */
#ifndef IMPRINT_IDENTITY_DOCUMENT_INTERNAL_H
#define IMPRINT_IDENTITY_DOCUMENT_INTERNAL_H

#include "lib/identity/document.h"

/* Does it begin as one? The direct form begins with tag 18. */
bool	document_has_receipt(struct bytes);
/* Takes it apart: claims, receipt, message. ERR_SYNTAX, ERR_LIMIT,
 * ERR_UNSUPPORTED. */
MUST_USE enum err document_receipt_parse(struct bytes, struct document *,
    struct diag *);
/* Is the receipt for the index that the claims' status has? ERR_SYNTAX. */
MUST_USE enum err document_receipt_check(const struct document *,
    struct diag *);

#endif
