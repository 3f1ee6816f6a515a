/*
 * The device library's adapter to OpenSSL 3: its cryptography, and a TLS 1.3
 * client that shows the device's certificate. For devices that run Linux.
 */
#ifndef IMPRINT_DEVICE_OPENSSL_H
#define IMPRINT_DEVICE_OPENSSL_H

#include "device/include/imprint/device.h"

/* Without state; for any number of threads. */
const struct imprint_device_crypto *imprint_device_openssl(void);

/*
 * A key store in software, the reference for those in hardware: P-256 and
 * X25519 keys that this device made, in one record of the caller's storage,
 * not encrypted. Nothing here gives a private key out. One thread.
 */
#define IMPRINT_OPENSSL_KEYS_SIZE	512	/* the record, at most */
struct imprint_openssl_keys {
	const struct imprint_device_storage	*storage;
	/* the library's: EVP_PKEY */
	void	*held[IMPRINT_DEVICE_HANDLES];
};
/*
 * Read the record; there may be none yet. storage must stay; ret_table refers
 * to keys. IMPRINT_DEVICE_ERROR_STORAGE: also of a record that is not one;
 * keys is closed then.
 */
enum imprint_device_error imprint_openssl_keys_open(
    struct imprint_openssl_keys *, const struct imprint_device_storage *,
    struct imprint_device_keystore *ret_table);
void	imprint_openssl_keys_close(struct imprint_openssl_keys *);
/*
 * The set of a new identity, in one record that replaces what keys has: what
 * from holds, but a new key for each handle that algs names (0: none). keys is
 * open, and closed after a failure.
 */
enum imprint_device_error imprint_openssl_keys_renew(
    struct imprint_openssl_keys *, const struct imprint_openssl_keys *from,
    const enum imprint_device_alg algs[IMPRINT_DEVICE_HANDLES]);

/*
 * A certification request (RFC 2986) in DER for a P-256 key of any key store:
 * its public key and the proof, by its own signature, that it is there; subject
 * and attributes are empty. 0, or not: it does not fit, the library or the key
 * store failed, or the key cannot sign.
 */
int	imprint_openssl_request(const struct imprint_device_keystore *,
    unsigned handle, uint8_t *out, size_t size, size_t *ret_len);

#define IMPRINT_TLS_REASON_SIZE	256
#define IMPRINT_TLS_ANSWER_MAX	((size_t)64 << 10)

/* One HTTP/1.1 request over a connection of its own. */
struct imprint_tls_request {
	/* verified; its authentication certificate and key are used, unless
	 * anonymous: then its root alone, and no certificate is shown */
	const struct imprint_device_identity *identity;
	bool			 anonymous;
	/* signs when that key is not with the identity; then P-256. Or NULL */
	const struct imprint_device_keystore *keys;
	const char		*host;
	const char		*port;
	/* what the server's certificate must be for (RFC 6125): a DNS name
	 * or an address */
	const char		*name;
	int64_t			 now;	/* for the server's chain */
	/* of each wait; four of it, from when it is connected, for all but
	 * the bodies, which may take a second more for each KB */
	unsigned		 timeout_s;
	const char		*method;
	const char		*object;	/* path after "/", plain */
	/* or, not NULL, all of it as it is sent: "/v1/orders?limit=10" */
	const char		*target;
	const char		*authorization;	/* NULL: none */
	const char		*content_type;	/* NULL: none */
	struct imprint_bytes	 body;
};

enum imprint_tls_outcome {
	IMPRINT_TLS_FAILED = 0,		/* the library failed */
	IMPRINT_TLS_ANSWERED = 1,
	IMPRINT_TLS_UNREACHABLE = 2,	/* no connection, or it broke */
	IMPRINT_TLS_SERVER_DENIED = 3,	/* we refuse the server's certificate;
					 * nothing was sent */
	IMPRINT_TLS_DEVICE_DENIED = 4,	/* the server refuses us in TLS */
	IMPRINT_TLS_BAD_ANSWER = 5	/* not HTTP, or not whole, too large,
					 * put off without end */
};

struct imprint_tls_answer {
	enum imprint_tls_outcome outcome;
	char			 reason[IMPRINT_TLS_REASON_SIZE];
	char			 server[IMPRINT_TLS_REASON_SIZE]; /* subject */
	bool			 sent;	/* the request may have arrived */
	int			 status;		/* 200, ... */
	unsigned		 retry_after_s;		/* RFC 9110 10.2.3, in
							 * seconds; 0: none */
	struct imprint_bytes	 body;		/* in the caller's buffer */
};

/*
 * Connect, prove both sides, ask, read the answer into buffer. TLS 1.3 only,
 * no tickets, no resumption. The server's chain must end at the identity's
 * root and its certificate say serverAuth: that EKU may not be absent, for
 * every device has a certificate under the same root.
 */
void	imprint_tls_ask(const struct imprint_tls_request *, uint8_t *buffer,
	    size_t size, struct imprint_tls_answer *ret_answer);

/*
 * A private key, its certificate, and the chain up to and with the root, for
 * other programs of the device. identity: verified; key: one of its keys,
 * with certificate and private key. out: the caller's, who wipes it; 32 KB
 * take every chain. 0, or not: the library failed or it does not fit.
 *
 * PEM (RFC 7468): the key as PKCS#8, in the clear.
 */
int	imprint_openssl_export_pem(const struct imprint_device_identity *,
	    const struct imprint_device_key *, uint8_t *out, size_t size,
	    size_t *ret_len);
/*
 * PKCS#12 (RFC 7292): PBES2 with AES-256-CBC and PBKDF2-HMAC-SHA-256, MAC
 * with SHA-256. name: its friendlyName.
 */
int	imprint_openssl_export_pkcs12(const struct imprint_device_identity *,
	    const struct imprint_device_key *, const char *password,
	    const char *name, uint8_t *out, size_t size, size_t *ret_len);
/* Printable ASCII, for what other programs make of anything else differs; at
 * least one character. */
bool	imprint_openssl_password_fits(const char *password);

#endif
