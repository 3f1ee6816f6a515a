/*
 * Enrollment over Secure Transport (RFC 7030, RFC 8951): what carries a
 * certification request in and certificates out. Who may have what is decided
 * by the authority; here is only who has shown which certificate in TLS, and
 * whether a request was made for its connection.
 */
#include <stdio.h>
#include <string.h>

#include "front/front_internal.h"
#include "lib/base/clock.h"
#include "lib/proto/est.h"
#include "lib/x509/certificate.h"
#include "lib/x509/csr.h"

#define LABEL_SAME	(EST_LABEL_MAX == INTERNAL_LABEL_MAX)
_Static_assert(LABEL_SAME, "a label fits a message");

enum err
est_cacerts(const struct internal_welcome *welcome, struct buf *out,
    struct diag *diag)
{
	enum err err;

	err = est_put_certificates(out, welcome->trust, welcome->own_count);
	return err ? diag_fail(diag, err, NULL, "channel: certificates of "
	    "the authority: too many") : ERR_OK;
}

/* The leaf that the client has shown, if a message has room for it; views
 * into chain. */
static bool
leaf_get(struct http_request *r, struct buf *chain, struct bytes *ret_leaf)
{
	struct bytes rest, leaf;

	if (http_client_chain(r, chain) != ERR_OK)
		return false;
	rest = buf_bytes(chain);
	if (!pem_next(&rest, &leaf) || leaf.len == 0 ||
	    leaf.len > INTERNAL_DER_MAX)
		return false;
	*ret_leaf = leaf;
	return true;
}

/* RFC 7030 4.1: nobody need have shown anything. */
void
est_cacerts_reply(struct front *front, struct http_request *r)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	buf_put_bytes(&body, buf_bytes(&front->cacerts));
	http_reply_field(r, "Content-Transfer-Encoding", "base64");
	http_reply(r, HTTP_OK, EST_TYPE_CERTS_ONLY, &body);
	front_count(front, HTTP_OK);
}

/* A certificate that is shown is used. Who shows one relies on that, so it is
 * answered when the authority has it on record, and refused otherwise. */
static void
cacerts_handle(struct front *front, struct http_request *r)
{
	_cleanup_buf_ struct buf chain = BUF_INIT, body = BUF_INIT;
	struct internal_est_wish wish = { .leaf = BYTES_NONE };
	uint8_t leaf[SHA256_SIZE];
	struct http_call *call;

	if (!leaf_get(r, &chain, &wish.leaf)) {
		est_cacerts_reply(front, r);
		return;
	}
	internal_put_est_wish(&body, &wish);
	call = buf_err(&body) != ERR_OK ||
	    sha256_once(wish.leaf, leaf) != ERR_OK ? NULL : http_defer(r);
	if (call == NULL || link_tell(front, leaf, buf_bytes(&body), call))
		return;
	link_refuse(front, r);
	http_call_end(&call);
}

/* RFC 7030 4.5: of the label's product, or of what the client can have; who
 * has shown nothing is told what anybody is. */
static void
attributes_ask(struct front *front, struct http_request *r,
    struct internal_est_wish *wish)
{
	_cleanup_buf_ struct buf chain = BUF_INIT, body = BUF_INIT;

	(void)leaf_get(r, &chain, &wish->leaf);
	wish->linked = front->config.est_linking;
	internal_put_est_wish(&body, wish);
	device_ask(front, r, INTERNAL_EST_WISH, &body);
}

/* Asked for with another method than its own, or not there at all. */
static void
not_here(struct front *front, struct http_request *r,
    enum est_operation operation)
{
	if (operation == EST_NONE) {
		front_refuse(front, r, HTTP_NOT_FOUND, "not-found", "EST: "
		    "cacerts, csrattrs, simpleenroll, simplereenroll and "
		    "serverkeygen are here (RFC 7030 3.2.2)", NULL);
		return;
	}
	http_reply_field(r, "Allow", operation == EST_CACERTS ||
	    operation == EST_CSRATTRS ? "GET, HEAD" : "POST");
	front_refuse(front, r, HTTP_METHOD_NOT_ALLOWED, "method",
	    "request: not a method of this path", NULL);
}

void
est_get_handle(void *ctx, struct http_request *r)
{
	struct internal_est_wish wish = { .leaf = BYTES_NONE };
	enum est_operation operation;
	struct front *front = ctx;

	operation = est_path(http_path(r), wish.label);
	switch (operation) {
	case EST_CACERTS:
		cacerts_handle(front, r);
		break;
	case EST_CSRATTRS:
		attributes_ask(front, r, &wish);
		break;
	default:
		not_here(front, r, operation);
	}
}

/*
 * RFC 7030 3.5: was the request made for this connection? Then it carries, in
 * base64, what is of this connection alone. NULL: yes, or it need not be.
 */
static const char *
linking_check(const struct front *front, const struct http_request *r,
    struct bytes csr, const char **ret_reason)
{
	_cleanup_buf_ struct buf challenge = BUF_INIT, own = BUF_INIT;
	uint8_t binding[HTTP_BINDING_MAX];
	size_t len;
	enum err err;

	err = csr_challenge(csr, &challenge, NULL);
	*ret_reason = "malformed";
	if (err && err != ERR_NOTFOUND)
		return "certification request: it or its attributes are no "
		    "DER (RFC 2986 4), or challengePassword is no text";
	*ret_reason = "linking";
	if (err == ERR_NOTFOUND)
		return !front->config.est_linking ? NULL : "certification "
		    "request: challengePassword: must be the tls-exporter "
		    "(TLS 1.3) or tls-unique (TLS 1.2) of this connection, "
		    "in base64 (RFC 7030 3.5)";
	len = http_channel_binding(r, binding);
	buf_put_base64(&own, bytes_of(binding, len));
	if (len > 0 && buf_err(&own) == ERR_OK &&
	    bytes_equal(buf_bytes(&own), buf_bytes(&challenge)))
		return NULL;
	return "certification request: challengePassword is not the "
	    "tls-exporter (TLS 1.3) or tls-unique (TLS 1.2 with extended "
	    "master secret) of this connection: make the request anew for "
	    "each connection, or leave it out";
}

/* NULL: there is a whole question in est, with views into der and chain. */
static const char *
question_get(struct http_request *r, struct internal_est *est,
    struct buf *chain, struct buf *der, enum http_status *ret_status,
    const char **ret_reason)
{
	*ret_status = HTTP_UNSUPPORTED_TYPE;
	*ret_reason = "content-type";
	if (!http_type_is(http_field(r, "content-type"), EST_TYPE_CSR))
		return "header: content-type: send " EST_TYPE_CSR;
	*ret_status = HTTP_UNAUTHORIZED;
	*ret_reason = "certificate";
	if (!leaf_get(r, chain, &est->leaf))
		return "TLS: show the device's certificate, of at most 16 "
		    "KiB, in the handshake";
	*ret_status = HTTP_BAD_REQUEST;
	*ret_reason = "malformed";
	if (est_get_request(http_body(r), der, NULL) != ERR_OK)
		return "body: base64 of a certification request is expected "
		    "(RFC 8951 3.1)";
	if (der->len > INTERNAL_DER_MAX)
		return "certification request: longer than 16 KiB: only its "
		    "key counts, leave the rest out (RFC 8951 3.1)";
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
	enum est_operation operation;
	enum http_status status;
	struct front *front = ctx;

	operation = est_path(http_path(r), est.label);
	if (operation == EST_NONE || operation == EST_CACERTS ||
	    operation == EST_CSRATTRS) {
		not_here(front, r, operation);
		return;
	}
	est.renew = operation == EST_SIMPLEREENROLL;
	what = question_get(r, &est, &chain, &der, &status, &reason);
	if (what != NULL) {
		front_refuse(front, r, status, reason, what, NULL);
		return;
	}
	what = linking_check(front, r, est.csr, &reason);
	if (what != NULL) {
		front_refuse(front, r, HTTP_BAD_REQUEST, reason, what, NULL);
		return;
	}
	internal_put_est(&body, &est);
	device_ask(front, r, operation == EST_SERVERKEYGEN ?
	    INTERNAL_EST_KEYGEN : INTERNAL_EST, &body);
}

/* Body and type of what the authority has answered. */
static enum err
answer_put(enum internal_type type, struct bytes body, struct buf *out,
    const char **ret_type)
{
	struct internal_est_key key;
	struct bytes octets;
	enum err err;

	if (type == INTERNAL_EST_KEYGEN) {
		*ret_type = EST_TYPE_KEY;
		err = internal_get_est_key(body, &key, NULL);
		return err ? err : est_put_key(out, key.key,
		    key.certificate);
	}
	err = internal_get_octets(body, INTERNAL_SIZE_MAX, &octets, NULL);
	if (err)
		return err;
	if (type == INTERNAL_EST) {
		*ret_type = EST_TYPE_CERTS_ONLY;
		return est_put_certificates(out, &octets, 1);
	}
	*ret_type = EST_TYPE_ATTRS;
	buf_put_base64(out, octets);
	return buf_err(out);
}

void
est_answered(struct front *front, struct http_request *r,
    enum internal_type type, struct bytes body)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	const char *media = NULL;

	if (answer_put(type, body, &out, &media) != ERR_OK) {
		front_refuse(front, r, HTTP_SERVER_ERROR, "internal",
		    "no answer could be made", NULL);
		return;
	}
	if (type != INTERNAL_EST_KEYGEN)	/* it is of each part */
		http_reply_field(r, "Content-Transfer-Encoding", "base64");
	http_reply(r, HTTP_OK, media, &out);
	front_count(front, HTTP_OK);
}
