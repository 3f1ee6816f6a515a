/*
 * A question to the verifier as it comes over HTTP: read from a JSON body, or
 * from the header fields that a proxy passes on.
 *
 * What the device showed may be anything: if it can be carried to the verifier
 * at all, the verifier says what is wrong with it. What the asking service
 * wrote wrong is an error, never another question.
 */
#ifndef IMPRINT_VERIFY_SERVICE_QUESTION_H
#define IMPRINT_VERIFY_SERVICE_QUESTION_H

#include <imprint/verify.h>
#include "lib/identity/document.h"

#define QUESTION_BODY_MAX	((size_t)64 << 10)
#define QUESTION_TEXT_MAX	((size_t)32 << 10)	/* a certificate's */
#define QUESTION_OBJECT_SIZE	129

/* Invariant: ask points into it, so it stays where it was filled in. ask.now
 * is the caller's to set. */
struct question {
	struct imprint_question	ask;
	uint8_t			certificate[DOCUMENT_SIZE_MAX];
	uint8_t			document[DOCUMENT_SIZE_MAX];
	char			object[QUESTION_OBJECT_SIZE];
};

/*
 * {certificate: PEM or DER in base64, document: base64, object, permissions:
 * ["GET", ...]}, each may be missing. object and permissions stand together.
 * ERR_SYNTAX, ERR_INVALID (also a member of any other name, a permission that
 * RFC 9237 4 does not know, text that is neither PEM nor base64), ERR_LIMIT,
 * ERR_NOMEM. ret_question is unspecified on failure.
 */
MUST_USE enum err question_read_json(struct bytes body,
    struct question *ret_question, struct diag *);

/* What stands in header fields and a query; empty: not there. */
struct question_fields {
	struct bytes	certificate;	/* as above, may be percent-encoded */
	struct bytes	document;	/* base64 */
	struct bytes	object, permission;	/* "GET,POST" */
	struct bytes	query;		/* "object=photo&permission=GET" */
};

/*
 * ERR_SYNTAX, ERR_INVALID (as above; a name in the query that is unknown or
 * twice; object or permission both in a field and in the query: a client may
 * have added one), ERR_LIMIT, ERR_NOMEM.
 */
MUST_USE enum err question_read_fields(const struct question_fields *,
    struct question *ret_question, struct diag *);

/* The JSON object of an answer. */
void	answer_put_json(struct buf *, const struct imprint_answer *);

#endif
