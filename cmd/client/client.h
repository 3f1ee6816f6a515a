/*
 * Asking imprintd over HTTPS, for programs that have no certificate: what
 * they sign says who they are. TLS 1.3, the server's certificate by the
 * ecosystem's root, one request a connection.
 *
 * Nothing that comes back is relied on here but that the server answered; who
 * stands between could hold any certificate under that root.
 */
#ifndef IMPRINT_CMD_CLIENT_CLIENT_H
#define IMPRINT_CMD_CLIENT_CLIENT_H

#include "device/adapters/openssl/device_openssl.h"
#include "lib/base/buf.h"
#include "lib/base/diag.h"

#define CLIENT_HOST_SIZE	256
#define CLIENT_PORT_SIZE	8
#define CLIENT_REASON_SIZE	64
#define CLIENT_ANSWER_MAX	((size_t)512 << 10)

struct client {
	char		 host[CLIENT_HOST_SIZE], port[CLIENT_PORT_SIZE];
	struct buf	 root;		/* DER; BUF_INIT at first */
	unsigned	 timeout_s;	/* of each wait */
	/* what to look at: when the server's certificate is refused, and when
	 * the server refuses who signed; or NULL */
	const char	*root_hint, *signer_hint;
};
#define _cleanup_client_ __attribute__((cleanup(client_release)))
void	client_release(struct client *);

/* "https://NAME", "https://NAME:PORT/", "https://[::1]:8443"; port 443 unless
 * it says another. ERR_INVALID. */
MUST_USE enum err client_address(struct client *, const char *url,
    struct diag *);

/*
 * Fills in what of the request says where and by whose root, and asks. The
 * answer's body is in room. ERR_OK: status 200. Else the diag has what came:
 * ERR_IO: no answer, or one that is none; ERR_AUTH: the server's certificate
 * is not good, nothing was sent; or the server's refusal (problem details)
 * as the error that it stands for.
 */
MUST_USE enum err client_ask(const struct client *,
    struct imprint_tls_request *, struct buf *room,
    struct imprint_tls_answer *ret_answer, struct diag *);

/* Why the server refuses, in a word, as its problem details have it; "": they
 * do not, or it is no refusal. */
void	client_reason(const struct imprint_tls_answer *,
	    char ret_reason[CLIENT_REASON_SIZE]);

#endif
