/*
 * Certification requests (PKCS#10, RFC 2986) read by the independent parser
 * (OpenSSL). Only the key counts, and the signature as proof that whoever
 * asks has its private half: names, attributes and extensions asked for are
 * passed over.
 */
#ifndef IMPRINT_X509_CSR_H
#define IMPRINT_X509_CSR_H

#include "lib/crypto/key.h"

#define CSR_MAX		((size_t)16 << 10)	/* octets of DER */

/*
 * The key of one request that fills der to the last octet. ERR_SYNTAX,
 * ERR_LIMIT, ERR_UNSUPPORTED (key or signature algorithm not offered here: no
 * SHA-1, RSA below 2048 bits, unknown curves), ERR_INVALID (no valid key),
 * ERR_AUTH: its signature is not by its key.
 */
MUST_USE enum err csr_read(struct bytes der, struct public_key *ret_key,
    struct diag *);

#endif
