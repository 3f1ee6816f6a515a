/*
 * What an operator asks of the authority over the network without changing
 * anything: signed as well, so that who carries it can neither ask nor see
 * more than it.
 *
 * COSE_Sign1 by the operator's key, typ QUERY_TYP, kid its thumbprint, over
 * [version, ecosystem id, query id, time, method, target].
 */
#ifndef IMPRINT_AUTHORITY_QUERY_H
#define IMPRINT_AUTHORITY_QUERY_H

#include "lib/authority/request.h"

#define QUERY_TYP		"application/imprint-query+cose"
#define QUERY_SIZE_MAX		((size_t)2 << 10)
#define QUERY_METHOD_MAX	8
#define QUERY_TARGET_MAX	512

struct query {
	uint8_t		id[REQUEST_ID_SIZE];
	int64_t		time;
	char		method[QUERY_METHOD_MAX + 1];
	char		target[QUERY_TARGET_MAX + 1];	/* "/v1/orders?..." */
	char		operator[STORE_NAME_MAX + 1];
};

/* Build and sign; a fresh id. ERR_LIMIT. Appended to out. */
MUST_USE enum err query_sign(const uint8_t ecosystem[ECOSYSTEM_ID_SIZE],
    const char *method, const char *target, int64_t now, struct signer *,
    struct buf *out, struct diag *);
/*
 * Who asks what. ERR_AUTH: not signed by an operator, or for another
 * ecosystem; ERR_CLOCK: more than REQUEST_SKEW_S from now; ERR_SYNTAX,
 * ERR_VERSION, ERR_LIMIT.
 */
MUST_USE enum err query_verify(struct authority *, struct bytes encoded,
    int64_t now, struct query *ret_query, struct diag *);
/* Its shape alone, whoever signed it. */
MUST_USE enum err query_parse(struct bytes payload,
    struct bytes *ret_ecosystem, struct query *ret_query, struct diag *);

#endif
