/*
 * Enrollment over Secure Transport (RFC 7030, RFC 8951): what carries a
 * certification request in and certificates out. Who may have what is decided
 * by the authority; here is only who has shown which certificate in TLS.
 */
#include <stdio.h>
#include <string.h>

#include "front/front_internal.h"
#include "lib/base/clock.h"
#include "lib/proto/est.h"
#include "lib/x509/certificate.h"

#define LABEL_SAME	(EST_LABEL_MAX == INTERNAL_LABEL_MAX)
_Static_assert(LABEL_SAME, "a label fits a message");

enum err
est_welcome(struct front *front, struct diag *diag)
{
	const struct internal_welcome *welcome = &front->welcome;
	enum err err;

	err = est_put_certificates(&front->cacerts, welcome->trust,
	    welcome->trust_count);
	return err ? diag_fail(diag, err, NULL, "channel: certificates of "
	    "the authority: too many") : ERR_OK;
}

static void
certificates_reply(struct http_request *r, struct buf *body)
{
	http_reply_field(r, "Content-Transfer-Encoding", "base64");
	http_reply(r, HTTP_OK, EST_TYPE_CERTS_ONLY, body);
}

/* RFC 7030 4.1: nobody need have shown anything. */
void
est_get_handle(void *ctx, struct http_request *r)
{
	char label[EST_LABEL_MAX + 1];
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct front *front = ctx;

	if (est_path(http_path(r), label) != EST_CACERTS) {
		front_refuse(front, r, HTTP_NOT_FOUND, "not-found",
		    "EST: cacerts, simpleenroll and simplereenroll are here",
		    NULL);
		return;
	}
	buf_put_bytes(&body, buf_bytes(&front->cacerts));
	certificates_reply(r, &body);
	front_count(front, HTTP_OK);
}

/* The leaf that the client has shown; views into chain. */
static bool
leaf_get(struct http_request *r, struct buf *chain, struct bytes *ret_leaf)
{
	struct bytes rest;

	if (http_client_chain(r, chain) != ERR_OK)
		return false;
	rest = buf_bytes(chain);
	return pem_next(&rest, ret_leaf) && ret_leaf->len > 0 &&
	    ret_leaf->len <= INTERNAL_DER_MAX;
}

/* NULL: there is a whole question in est, with views into der and chain. */
static const char *
question_get(struct http_request *r, struct internal_est *est,
    struct buf *chain, struct buf *der, enum http_status *ret_status,
    const char **ret_reason)
{
	enum est_operation operation = est_path(http_path(r), est->label);

	*ret_status = HTTP_NOT_FOUND;
	*ret_reason = "not-found";
	if (operation != EST_SIMPLEENROLL && operation != EST_SIMPLEREENROLL)
		return "EST: cacerts, simpleenroll and simplereenroll are "
		    "here";
	est->renew = operation == EST_SIMPLEREENROLL;
	*ret_status = HTTP_UNSUPPORTED_TYPE;
	*ret_reason = "content-type";
	if (!est_type_is(http_field(r, "content-type"), EST_TYPE_CSR))
		return "header: content-type: send " EST_TYPE_CSR;
	*ret_status = HTTP_UNAUTHORIZED;
	*ret_reason = "certificate";
	if (!leaf_get(r, chain, &est->leaf))
		return "TLS: show the device's certificate in the handshake";
	*ret_status = HTTP_BAD_REQUEST;
	*ret_reason = "malformed";
	if (est_get_request(http_body(r), der, NULL) != ERR_OK ||
	    der->len > INTERNAL_DER_MAX)
		return "body: base64 of a certification request is expected "
		    "(RFC 8951 3.1)";
	est->csr = buf_bytes(der);
	return NULL;
}

void
est_post_handle(void *ctx, struct http_request *r)
{
	_cleanup_buf_ struct buf chain = BUF_INIT, der = BUF_INIT,
	    body = BUF_INIT;
	struct internal_est est = { .renew = false };
	const char *what, *reason = NULL;
	struct front *front = ctx;
	enum http_status status;

	what = question_get(r, &est, &chain, &der, &status, &reason);
	if (what != NULL) {
		front_refuse(front, r, status, reason, what, NULL);
		return;
	}
	internal_put_est(&body, &est);
	device_ask(front, r, INTERNAL_EST, &body);
}

void
est_answered(struct front *front, struct http_request *r,
    struct bytes certificate)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	if (est_put_certificates(&body, &certificate, 1) != ERR_OK) {
		front_refuse(front, r, HTTP_SERVER_ERROR, "internal",
		    "no answer could be made", NULL);
		return;
	}
	certificates_reply(r, &body);
	front_count(front, HTTP_OK);
}
