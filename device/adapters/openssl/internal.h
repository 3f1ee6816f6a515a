/* What the files of the adapter share. */
#ifndef IMPRINT_DEVICE_OPENSSL_INTERNAL_H
#define IMPRINT_DEVICE_OPENSSL_INTERNAL_H

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "device/adapters/openssl/device_openssl.h"

#define ADAPTER_CLEANUP(name, type, release)				\
	static inline void name(type **object) \
	{                                      \
		release(*object);              \
		*object = NULL;                \
	}

static inline void
certs_release(STACK_OF(X509) *certs)
{
	sk_X509_pop_free(certs, X509_free);
}

ADAPTER_CLEANUP(x509_cleanup, X509, X509_free)
ADAPTER_CLEANUP(certs_cleanup, STACK_OF(X509), certs_release)
ADAPTER_CLEANUP(pkey_cleanup, EVP_PKEY, EVP_PKEY_free)
#undef ADAPTER_CLEANUP

#define _cleanup_x509_ __attribute__((cleanup(x509_cleanup)))
#define _cleanup_certs_ __attribute__((cleanup(certs_cleanup)))
#define _cleanup_pkey_ __attribute__((cleanup(pkey_cleanup)))

/* One certificate that fills der to the last octet and encodes to the same
 * again; NULL when it does not. */
X509	*adapter_certificate(struct imprint_bytes der);
/* Does this OpenSSL have the algorithm? */
bool	adapter_supports(enum imprint_device_alg);
/* An EVP_PKEY of a key pair that matches; on a curve, private_key may be
 * empty: of the public key alone. NULL when it is none. */
EVP_PKEY *adapter_key(const struct imprint_device_public *,
	    struct imprint_bytes private_key);
/* The matches() of the table. */
bool	adapter_matches(const struct imprint_device_public *,
	    struct imprint_bytes private_key);
/* The same of a key of the identity; NULL when its private key is not here. */
EVP_PKEY *adapter_private(const struct imprint_device_key *);
/* The inflate() of the table. */
int	adapter_inflate(void *state, struct imprint_bytes compressed,
	    size_t at, uint8_t *ret_octet, bool *ret_there);
/* The issuing CAs between a certificate of the device and the root, nearest
 * first; NULL when out of memory. */
STACK_OF(X509) *adapter_issuers(const struct imprint_device_identity *,
	    X509 *leaf);

#endif
