/*
 * What the files over OpenSSL share: its headers, cleanup attributes for its
 * types and the one way to report its failures.
 *
 * Include it before any other OpenSSL header: OpenSSL has a type named
 * ERR_STATE, which is one of our error numbers, and takes another name here.
 */
#ifndef IMPRINT_CRYPTO_OSSL_H
#define IMPRINT_CRYPTO_OSSL_H

#define ERR_STATE ossl_err_state
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#undef ERR_STATE

#include "lib/base/diag.h"

#define OSSL_CLEANUP(name, type, release)				\
static inline void							\
name(type **object)							\
{									\
	release(*object);						\
	*object = NULL;							\
}

OSSL_CLEANUP(pkey_cleanup, EVP_PKEY, EVP_PKEY_free)
OSSL_CLEANUP(pkey_ctx_cleanup, EVP_PKEY_CTX, EVP_PKEY_CTX_free)
OSSL_CLEANUP(group_cleanup, EC_GROUP, EC_GROUP_free)
OSSL_CLEANUP(point_cleanup, EC_POINT, EC_POINT_free)
OSSL_CLEANUP(bn_cleanup, BIGNUM, BN_clear_free)
OSSL_CLEANUP(bn_ctx_cleanup, BN_CTX, BN_CTX_free)
#undef OSSL_CLEANUP

#define _cleanup_pkey_ __attribute__((cleanup(pkey_cleanup)))
#define _cleanup_pkey_ctx_ __attribute__((cleanup(pkey_ctx_cleanup)))
#define _cleanup_group_ __attribute__((cleanup(group_cleanup)))
#define _cleanup_point_ __attribute__((cleanup(point_cleanup)))
#define _cleanup_bn_ __attribute__((cleanup(bn_cleanup)))
#define _cleanup_bn_ctx_ __attribute__((cleanup(bn_ctx_cleanup)))

/*
 * ERR_CRYPTO with OpenSSL's own reason in the internal part of diag; empties
 * its error queue, so that a later failure does not report this one.
 */
enum err ossl_fail(struct diag *, const char *what);

#endif
