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
/* A public key of P-256 or X25519; NULL when it is none. */
EVP_PKEY *adapter_public(const struct imprint_device_public *);
/* The open() of the table. */
int	adapter_open(void *state, const uint8_t key[32],
	    struct imprint_bytes aad, struct imprint_bytes sealed,
	    uint8_t *out, bool *ret_good);

/*
 * A P-256 key that signs through a key store, as OpenSSL's. What pkey was
 * given to must be released before this is.
 */
struct adapter_handle {
	const struct imprint_device_keystore	*keys;
	struct imprint_device_key		 key;
	EC_KEY_METHOD				*method;
	EVP_PKEY				*pkey;
};
/* handle must stay where it is. NULL when it cannot be made. */
EVP_PKEY *adapter_handle_open(struct adapter_handle *handle,
	    const struct imprint_device_keystore *,
	    const struct imprint_device_key *);
void	adapter_handle_close(struct adapter_handle *);
#define _cleanup_handle_ __attribute__((cleanup(adapter_handle_close)))

/* http.c: an answer of HTTP/1.1 (RFC 9112) in a buffer that fills. */
enum adapter_http {
	ADAPTER_HTTP_MORE = 0,		/* not all of it is there */
	ADAPTER_HTTP_WHOLE = 1,
	ADAPTER_HTTP_BAD = 2
};
struct adapter_answer {
	int		status;		/* 100 to 599 */
	size_t		start;		/* of the body */
	size_t		length;		/* SIZE_MAX: to the connection's end */
	bool		chunked;	/* length is SIZE_MAX */
	unsigned	retry_after_s;	/* 0: none */
};
enum adapter_http adapter_http_head(const uint8_t *text, size_t len,
	    struct adapter_answer *ret_answer);
/* A chunked body (RFC 9112 7.1), of ret_len octets; decode: these are moved
 * to its beginning, after which it is chunked no more. */
enum adapter_http adapter_http_chunks(uint8_t *body, size_t len, bool decode,
	    size_t *ret_len);

/* The inflate() of the table. */
int	adapter_inflate(void *state, struct imprint_bytes compressed,
	    size_t at, uint8_t *ret_octet, bool *ret_there);
/* The issuing CAs between a certificate of the device and the root, nearest
 * first; NULL when out of memory. */
STACK_OF(X509) *adapter_issuers(const struct imprint_device_identity *,
	    X509 *leaf);

#endif
