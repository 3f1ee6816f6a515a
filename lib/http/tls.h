/* TLS of the server. Internal to lib/http. */
#ifndef IMPRINT_HTTP_TLS_H
#define IMPRINT_HTTP_TLS_H

#include "lib/crypto/ossl.h"

#include <openssl/ssl.h>

#include "lib/base/bytes.h"

static inline void
ssl_ctx_cleanup(SSL_CTX **ctx)
{
	SSL_CTX_free(*ctx);
	*ctx = NULL;
}
#define _cleanup_ssl_ctx_ __attribute__((cleanup(ssl_ctx_cleanup)))

/*
 * TLS 1.2 with forward secrecy and AEAD alone, and 1.3. certificate: PEM,
 * the leaf first; key: its private key, PEM without a passphrase;
 * client_trust: see struct http_config; tickets, too, kept as it is.
 * ERR_INVALID, ERR_CRYPTO, ERR_NOMEM.
 */
MUST_USE enum err tls_server_new(struct bytes certificate, struct bytes key,
    struct bytes client_trust, const uint8_t *tickets, SSL_CTX **ret_ctx,
    struct diag *);
/* Another client_trust, at least one certificate, for handshakes that begin;
 * the context is in use and on an error as it was. */
MUST_USE enum err tls_server_trust(SSL_CTX *, struct bytes client_trust,
    struct diag *);

#endif
