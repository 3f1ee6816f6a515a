/*
 * PKCS#12 (RFC 7292) of certificates alone: PBES2 (RFC 8018) with AES-256-CBC
 * and PBKDF2 with HMAC-SHA-256, integrity by HMAC-SHA-256. OpenSSL writes it.
 */
#ifndef IMPRINT_X509_PKCS12_H
#define IMPRINT_X509_PKCS12_H

#include "lib/base/buf.h"
#include "lib/base/diag.h"

struct pkcs12_certificate {
	struct bytes	 der;
	const char	*name;		/* friendlyName, or NULL */
};

/*
 * Append the file. password: printable ASCII, for what other programs make of
 * anything else differs; at least one character. ERR_INVALID (password),
 * ERR_SYNTAX (a certificate), ERR_NOMEM, ERR_CRYPTO.
 */
MUST_USE enum err pkcs12_put(const struct pkcs12_certificate *, size_t count,
    struct bytes password, struct buf *out, struct diag *);

#endif
