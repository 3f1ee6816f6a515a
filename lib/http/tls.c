#include "lib/http/tls.h"

#include "lib/base/secret.h"
#include "lib/http/server.h"

#include <limits.h>
#include <openssl/pem.h>

#define CIPHERS_12	"ECDHE+AESGCM:ECDHE+CHACHA20"
#define TICKET_S	3600

/* What struct http_config's tickets are. */
struct ticket_key {
	uint8_t	name[16], mac[32], cipher[32];
};
_Static_assert(sizeof(struct ticket_key) == HTTP_TICKET_KEY_SIZE &&
    2 * sizeof(struct ticket_key) == HTTP_TICKETS_SIZE,
    "tickets are taken as they are");

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

static void
names_free(STACK_OF(X509_NAME) *names)
{
	sk_X509_NAME_pop_free(names, X509_NAME_free);
}

/* The names help a client with several certificates to choose. */
static bool
trust_add(X509_STORE *store, STACK_OF(X509_NAME) *names, X509 *certificate)
{
	X509_NAME *name = X509_NAME_dup(X509_get_subject_name(certificate));
	bool done = X509_STORE_add_cert(store, certificate) == 1 &&
	    name != NULL && sk_X509_NAME_push(names, name) > 0;

	if (!done)
		X509_NAME_free(name);
	return done;
}

static enum err
trust_read(struct bytes pem, X509_STORE *store, STACK_OF(X509_NAME) *names,
    struct diag *diag)
{
	_cleanup_bio_ BIO *bio = bio_of(pem);
	X509 *certificate;
	bool done;

	if (bio == NULL)
		return diag_nomem(diag);
	while ((certificate = PEM_read_bio_X509(bio, NULL, no_passphrase,
	    NULL)) != NULL) {
		done = trust_add(store, names, certificate);
		X509_free(certificate);
		if (!done)
			return ossl_fail(diag, "TLS trust for clients");
	}
	ERR_clear_error();
	return sk_X509_NAME_num(names) > 0 ? ERR_OK : diag_fail(diag,
	    ERR_INVALID, "RFC 7468", "TLS trust for clients: no certificate"
	    " in PEM");
}

enum err
tls_server_trust(SSL_CTX *ctx, struct bytes pem, struct diag *diag)
{
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
	X509_STORE *store = X509_STORE_new();
	enum err err;

	if (store == NULL || names == NULL)
		err = diag_nomem(diag);
	else
		err = trust_read(pem, store, names, diag);
	if (err) {
		X509_STORE_free(store);
		names_free(names);
		return err;
	}
	SSL_CTX_set_cert_store(ctx, store);	/* transferred */
	SSL_CTX_set_client_CA_list(ctx, names);
	return ERR_OK;
}

static enum err
clients_ask(SSL_CTX *ctx, struct bytes pem, struct diag *diag)
{
	static const unsigned char session[] = "imprint";
	enum err err = tls_server_trust(ctx, pem, diag);

	if (err)
		return err;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, client_check);
	if (SSL_CTX_set_session_id_context(ctx, session,
	    sizeof(session) - 1) != 1)
		return ossl_fail(diag, "TLS settings");
	return ERR_OK;
}

static bool
ticket_ready(const struct ticket_key *with, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, const uint8_t *iv, int sealing)
{
	uint8_t key[sizeof(with->mac)];
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key,
		    sizeof(key)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
		    digest, 0),
		OSSL_PARAM_construct_end()
	};
	bool done;

	memcpy(key, with->mac, sizeof(key));
	done = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL,
	    with->cipher, iv, sealing) == 1 &&
	    EVP_MAC_CTX_set_params(mac, params) == 1;
	wipe(key, sizeof(key));
	return done;
}

/*
 * RFC 5077 4, as RFC 8446 4.6.1 allows it. Not in TLS 1.2, where the key would
 * open what was recorded; in 1.3 keys are agreed upon anew (psk_dhe_ke). 0: no
 * ticket, or a full handshake. Never 2, another ticket: TICKET_S is counted
 * from the full handshake.
 */
static int
ticket_key(SSL *ssl, unsigned char name[16],
    unsigned char iv[EVP_MAX_IV_LENGTH], EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int sealing)
{
	const struct ticket_key *key =
	    SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (SSL_version(ssl) < TLS1_3_VERSION)
		return 0;
	if (sealing) {
		memcpy(name, key->name, sizeof(key->name));
		if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1)
			return -1;
	} else if (memcmp(name, key->name, sizeof(key->name)) != 0) {
		key++;	/* the one before */
		if (memcmp(name, key->name, sizeof(key->name)) != 0)
			return 0;	/* older, or of another start */
	}
	/* nor for one that came behind another that could not be opened */
	if (!sealing)
		(void)SSL_set_num_tickets(ssl, 0);
	return ticket_ready(key, cipher, mac, iv, sealing) ? 1 : -1;
}

/* tickets NULL: no resumption. A cached session is never kept. */
static bool
resumption_set(SSL_CTX *ctx, const uint8_t *tickets)
{
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (tickets == NULL) {
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		return SSL_CTX_set_num_tickets(ctx, 0) == 1;
	}
	(void)SSL_CTX_set_timeout(ctx, TICKET_S);
	/* it is only read */
	return SSL_CTX_set_app_data(ctx, (void *)(uintptr_t)tickets) == 1 &&
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key) == 1 &&
	    SSL_CTX_set_num_tickets(ctx, 1) == 1;
}

enum err
tls_server_new(struct bytes certificate, struct bytes key,
    struct bytes client_trust, const uint8_t *tickets, SSL_CTX **ret_ctx,
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
	    SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	if (!resumption_set(ctx, tickets))
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
