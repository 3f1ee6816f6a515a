#include "lib/http/tls.h"

#include <limits.h>
#include <openssl/pem.h>

#define CIPHERS_12	"ECDHE+AESGCM:ECDHE+CHACHA20"

static void
bio_cleanup(BIO **bio)
{
	BIO_free(*bio);
	*bio = NULL;
}
#define _cleanup_bio_ __attribute__((cleanup(bio_cleanup)))

static BIO *
bio_of(struct bytes text)
{
	if (text.len == 0)
		return BIO_new_mem_buf("", 0);
	return text.len > INT_MAX ? NULL :
	    BIO_new_mem_buf(text.ptr, (int)text.len);
}

/* A key under a passphrase is refused, not asked for on the terminal. */
static int
no_passphrase(char *text, int size, int writing, void *ctx)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static enum err
certificate_use(SSL_CTX *ctx, struct bytes pem, struct diag *diag)
{
	_cleanup_bio_ BIO *bio = bio_of(pem);
	X509 *certificate;
	bool first = true;
	long done;

	if (bio == NULL)
		return diag_nomem(diag);
	while ((certificate = PEM_read_bio_X509(bio, NULL, no_passphrase,
	    NULL)) != NULL) {
		done = first ? SSL_CTX_use_certificate(ctx, certificate) :
		    SSL_CTX_add1_chain_cert(ctx, certificate);
		X509_free(certificate);
		if (done != 1)
			return ossl_fail(diag, "TLS certificate");
		first = false;
	}
	ERR_clear_error();
	if (first)
		return diag_fail(diag, ERR_INVALID, "RFC 7468",
		    "TLS certificate: no certificate in PEM");
	return ERR_OK;
}

static enum err
key_use(SSL_CTX *ctx, struct bytes pem, struct diag *diag)
{
	_cleanup_bio_ BIO *bio = bio_of(pem);
	_cleanup_pkey_ EVP_PKEY *key = NULL;

	if (bio == NULL)
		return diag_nomem(diag);
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	if (key == NULL) {
		ERR_clear_error();
		return diag_fail(diag, ERR_INVALID, "RFC 7468",
		    "TLS key: no private key in PEM without a passphrase");
	}
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		ERR_clear_error();
		return diag_fail(diag, ERR_INVALID, NULL,
		    "TLS key: it is not the certificate's");
	}
	return ERR_OK;
}

enum err
tls_server_new(struct bytes certificate, struct bytes key, SSL_CTX **ret_ctx,
    struct diag *diag)
{
	_cleanup_ssl_ctx_ SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	enum err err;

	if (ctx == NULL)
		return ossl_fail(diag, "TLS context");
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, CIPHERS_12) != 1)
		return ossl_fail(diag, "TLS settings");
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	    SSL_OP_NO_TICKET);
	/* no resumption: a ticket's key, or a cached session, would open what
	 * was recorded before */
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_set_num_tickets(ctx, 0) != 1)
		return ossl_fail(diag, "TLS settings");
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	err = certificate_use(ctx, certificate, diag);
	if (!err)
		err = key_use(ctx, key, diag);
	if (err)
		return err;
	*ret_ctx = ctx;
	ctx = NULL;	/* handed over */
	return ERR_OK;
}
