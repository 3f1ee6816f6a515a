/*
 * TLS certificates for our own servers: from the infrastructure CA, for a
 * name of the configuration, a day at most. They are not kept, only recorded
 * in the operations log: whoever holds such a key is another process, and a
 * day is shorter than any revocation.
 */
#ifndef IMPRINT_AUTHORITY_SERVER_CERTIFICATE_H
#define IMPRINT_AUTHORITY_SERVER_CERTIFICATE_H

#include "lib/authority/authority.h"

#define SERVER_CERTIFICATE_S	(24 * 3600)
#define SERVER_BACK_S		(5 * 60)	/* for clocks that are behind */

/* RFC 1123 2.1: labels of 1 to 63, no '-' at their ends, the last one not all
 * digits. ERR_INVALID. */
MUST_USE enum err authority_dns_name_check(const char *name, struct diag *);

/*
 * Valid for SERVER_CERTIFICATE_S, from SERVER_BACK_S before now; recorded
 * durably before it is returned. der is appended to. The authority is
 * unlocked, open for writing and outside of a transaction. ERR_INVALID: the
 * name; the key is not P-256.
 */
MUST_USE enum err authority_server_certificate(struct authority *,
    const char *dns_name, const struct public_key *, int64_t now,
    struct buf *der, int64_t *ret_not_after, struct diag *);

#endif
