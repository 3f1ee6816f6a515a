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

/* An expired client may ask to be renewed; who answers it decides. */
static int
client_check(int good, X509_STORE_CTX *ctx)
{
	return good || (X509_STORE_CTX_get_error_depth(ctx) == 0 &&
	    X509_STORE_CTX_get_error(ctx) == X509_V_ERR_CERT_HAS_EXPIRED);
}

static enum err
clients_ask(SSL_CTX *ctx, struct bytes pem, struct diag *diag)
{
	static const unsigned char session[] = "imprint";
	_cleanup_bio_ BIO *bio = bio_of(pem);
	X509 *certificate;
	bool some = false;
	int done;

	if (bio == NULL)
		return diag_nomem(diag);
	while ((certificate = PEM_read_bio_X509(bio, NULL, no_passphrase,
	    NULL)) != NULL) {
		/* the names help a client with several to choose */
		done = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx),
		    certificate) == 1 &&
		    SSL_CTX_add_client_CA(ctx, certificate) == 1;
		X509_free(certificate);
		if (!done)
			return ossl_fail(diag, "TLS trust for clients");
		some = true;
	}
	ERR_clear_error();
	if (!some)
		return diag_fail(diag, ERR_INVALID, "RFC 7468",
		    "TLS trust for clients: no certificate in PEM");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, client_check);
	if (SSL_CTX_set_session_id_context(ctx, session,
	    sizeof(session) - 1) != 1)
		return ossl_fail(diag, "TLS settings");
	return ERR_OK;
}

enum err
tls_server_new(struct bytes certificate, struct bytes key,
    struct bytes client_trust, SSL_CTX **ret_ctx, struct diag *diag)
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
	if (!err && client_trust.len > 0)
		err = clients_ask(ctx, client_trust, diag);
	if (err)
		return err;
	*ret_ctx = ctx;
	ctx = NULL;	/* handed over */
	return ERR_OK;
}
