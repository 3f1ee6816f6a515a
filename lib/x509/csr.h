/*
 * Certification requests (PKCS#10, RFC 2986) read by the independent parser
 * (OpenSSL). Only the key counts, and the signature as proof that whoever
 * asks has its private half: names and extensions asked for are passed over,
 * and of the attributes all but the two that say more of who asks.
 */
#ifndef IMPRINT_X509_CSR_H
#define IMPRINT_X509_CSR_H

#include "lib/crypto/key.h"

#define CSR_MAX		((size_t)16 << 10)	/* octets of DER */
#define CSR_CHALLENGE_MAX 255	/* RFC 2985: pkcs-9-ub-challengePassword */

/*
 * The key of one request that fills der to the last octet. ERR_SYNTAX,
 * ERR_LIMIT, ERR_UNSUPPORTED (key or signature algorithm not offered here: no
 * SHA-1, RSA below 2048 bits, unknown curves), ERR_INVALID (no valid key),
 * ERR_AUTH: its signature is not by its key.
 */
MUST_USE enum err csr_read(struct bytes der, struct public_key *ret_key,
    struct diag *);

/*
 * What follows is asked of a request that csr_read() took, and reads its
 * attributes by strict DER. Both: ERR_NOTFOUND, without diag: it carries
 * none; ERR_SYNTAX.
 */
/* challengePassword (RFC 2985 5.4.1), appended. */
MUST_USE enum err csr_challenge(struct bytes der, struct buf *out,
    struct diag *);
/*
 * Did by sign the request, too? Its signature is in the attributes
 * altSignatureAlgorithm and altSignatureValue (X.509 (2019) 9.8, as
 * attributes 2.5.29.73 and .74), over the CertificationRequestInfo without
 * the latter. ERR_OK: yes. ERR_UNSUPPORTED: over a weak digest; ERR_AUTH: it
 * is not by that key.
 */
MUST_USE enum err csr_countersigned(struct bytes der,
    const struct public_key *by, struct diag *);

/*
 * How a key that is made for whoever asks is to be sealed (RFC 7030 4.4.1);
 * neither key nor signature of the request count then, and csr_read() need
 * not have been asked. ERR_SYNTAX.
 */
struct csr_sealing {
	/* asymmetricDecryptKeyIdentifier; a view; empty: not said */
	struct bytes	key_id;
	bool		symmetric;	/* DecryptKeyIdentifier is there */
	bool		aes256;		/* SMIMECapabilities have AES-256-CBC,
					 * or are not there */
};
MUST_USE enum err csr_sealing_read(struct bytes der,
    struct csr_sealing *ret_sealing, struct diag *);

/*
 * CsrAttrs (RFC 7030 4.5.2, RFC 9908 3): what requests should carry,
 * appended. alg: of the key (0: any); challenge: a challengePassword, too.
 */
void	csr_put_wanted(struct buf *, enum key_alg alg, bool challenge);

#endif
