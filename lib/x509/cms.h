/*
 * Detached signatures over files: CMS SignedData (RFC 5652 5) without its
 * content, as "openssl cms -sign -binary -outform DER" makes them.
 *
 * The signature covers signed attributes, and these the content's digest: so
 * who signed is known before a single octet of the content is read, and the
 * content is hashed as it streams by.
 */
#ifndef IMPRINT_X509_CMS_H
#define IMPRINT_X509_CMS_H

#include "lib/base/diag.h"
#include "lib/x509/x509_read.h"

#define CMS_MAX		((size_t)64 << 10)	/* octets of DER */

struct cms;
/*
 * Check who signed: one signer, whose certificate is trusted itself (DER) and
 * valid at time now. Certificates in der do not count, nor does what a CA
 * issued: a maker's CA also issues for mail, servers and its chips. Digests:
 * SHA-256, SHA-384, SHA-512. ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED,
 * ERR_AUTH: the signature is not good; ERR_NOTFOUND: its signer is another.
 */
MUST_USE enum err cms_open(struct bytes der, struct bytes trusted,
    int64_t now, struct cms **ret_cms, struct diag *);
void	cms_free(struct cms **);
#define _cleanup_cms_ __attribute__((cleanup(cms_free)))
/* The content's next octets. ERR_CRYPTO. */
MUST_USE enum err cms_update(struct cms *, struct bytes);
/* That was all of it. ERR_AUTH: it is not what was signed. */
MUST_USE enum err cms_end(struct cms *, struct diag *);

/*
 * Certificates alone: "certs-only" SignedData without content or signers
 * (RFC 5652 5.1, RFC 8551 3.2.2 smime-type certs-only), which is how EST hands
 * certificates out. DER appended.
 */
void	cms_put_certificates(struct buf *, const struct bytes *certificates,
	    size_t count);

#endif
