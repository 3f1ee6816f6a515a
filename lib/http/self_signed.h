/*
 * A TLS key with a certificate of its own, for a server whose clients pin it
 * by its fingerprint: ECDSA P-256, extended key usage serverAuth, no CA, good
 * at any time, for it may be made, and pinned, where a clock is wrong. It
 * proves nothing to who does not know the fingerprint.
 */
#ifndef IMPRINT_HTTP_SELF_SIGNED_H
#define IMPRINT_HTTP_SELF_SIGNED_H

#include "lib/base/buf.h"
#include "lib/base/diag.h"
#include "lib/base/secret.h"
#include "lib/crypto/hash.h"

/*
 * names: DNS names and IP addresses for the subjectAltName (RFC 5280
 * 4.2.1.6), the first also the common name; count 1 .. SELF_SIGNED_NAMES_MAX.
 * PEM both; ret_key: SECRET_INIT. ERR_INVALID: neither a DNS name nor an
 * address; ERR_CRYPTO, ERR_NOMEM.
 */
#define SELF_SIGNED_NAMES_MAX	8
MUST_USE enum err self_signed_make(const char *const *names, size_t count,
    struct buf *certificate_pem, struct secret *ret_key, struct diag *);
/* SHA-256 of the first certificate's DER. ERR_SYNTAX. */
MUST_USE enum err certificate_fingerprint(struct bytes pem,
    uint8_t ret_hash[SHA256_SIZE], struct diag *);

#endif
