/*
 * Operators: people whose signed requests the authority obeys. An operator's
 * key lives in an encrypted file of their own, never in the authority's
 * keystore; the store knows its public half.
 */
#ifndef IMPRINT_AUTHORITY_OPERATOR_H
#define IMPRINT_AUTHORITY_OPERATOR_H

#include "lib/crypto/cose.h"
#include "lib/keystore/keystore.h"
#include "lib/store/store.h"

/* A new P-256 key in a new file. ERR_EXISTS. */
MUST_USE enum err operator_key_create(const struct io *, const char *path,
    struct bytes passphrase, struct public_key *ret_key, struct diag *);
MUST_USE enum err operator_key_open(const struct io *, const char *path,
    struct bytes passphrase, struct signer **ret_signer, struct diag *);

/* Register; within the caller's transaction. */
MUST_USE enum err operator_put(struct store *, struct hmac *mac,
    const char *name, const struct public_key *, int64_t now, struct diag *);
/* By the thumbprint of the key. ERR_NOTFOUND. */
MUST_USE enum err operator_by_kid(struct store *, struct hmac *mac,
    struct bytes kid,
    char ret_name[STORE_NAME_MAX + 1], struct public_key *ret_key,
    struct diag *);

#endif
