/*
 * Bodies of Enrollment over Secure Transport (RFC 7030), as RFC 8951 mends
 * them: base64 of DER in both directions.
 *
 * Written: unwrapped, for clients that take no line ends. Read: wrapped or
 * not, within PEM armour or without, for many clients send what their
 * certification request was stored as.
 */
#ifndef IMPRINT_PROTO_EST_H
#define IMPRINT_PROTO_EST_H

#include "lib/base/buf.h"
#include "lib/base/diag.h"

#define EST_BODY_MAX	((size_t)32 << 10)	/* octets of a request */
#define EST_PATH	"/.well-known/est/"	/* RFC 7030 3.2.2 */
#define EST_LABEL_MAX	63

/* Media types (RFC 7030 3.2.4). */
#define EST_TYPE_CSR	"application/pkcs10"
#define EST_TYPE_CERTS	"application/pkcs7-mime"
#define EST_TYPE_CERTS_ONLY "application/pkcs7-mime; smime-type=certs-only"
#define EST_TYPE_ATTRS	"application/csrattrs"
/* No line of base64 begins as the boundary does. */
#define EST_BOUNDARY	"imprint-est"
#define EST_TYPE_KEY	"multipart/mixed; boundary=" EST_BOUNDARY

enum est_operation {
	EST_NONE = 0,
	EST_CACERTS = 1,
	EST_SIMPLEENROLL = 2,
	EST_SIMPLEREENROLL = 3,
	EST_SERVERKEYGEN = 4,
	EST_CSRATTRS = 5
};

/*
 * What a path asks for: "/.well-known/est[/label]/operation" (3.2.2).
 * ret_label: of visible characters, empty for none. EST_NONE: no path of EST.
 */
enum est_operation est_path(struct bytes path,
    char ret_label[EST_LABEL_MAX + 1]);

/* The DER in the body of a request, appended. ERR_SYNTAX; ERR_LIMIT. */
MUST_USE enum err est_get_request(struct bytes body, struct buf *out,
    struct diag *);
/* A body of certificates alone, appended. */
MUST_USE enum err est_put_certificates(struct buf *,
    const struct bytes *certificates, size_t count);

/*
 * A body of EST_TYPE_KEY (RFC 7030 4.4.2), appended: the private key, sealed
 * in CMS (DER), and its certificate.
 */
MUST_USE enum err est_put_key(struct buf *, struct bytes key,
    struct bytes certificate);

#endif
