/*
 * Operators and stations: what they sign goes to the authority as it is, and
 * its answer back. Nothing of it is read here.
 */
#include <string.h>

#include "front/front_internal.h"
#include "front/openapi.h"
#include "lib/base/cbor_write.h"

#define REQUEST_TYPE	"application/imprint-request+cose"
#define LEDGER_HEAD_TYPE "application/imprint-ledger-head+cose"
#define LEDGER_ANSWER_TYPE "application/imprint-acknowledgement+cose"
#define SCHEME		"Imprint"

static void
signed_handle(struct front *front, struct http_request *r, const char *kind,
    enum internal_type type)
{
	_cleanup_buf_ struct buf body = BUF_INIT, what = BUF_INIT;

	if (!http_type_is(http_field(r, "content-type"), kind)) {
		buf_printf(&what, "header: content-type: send %s", kind);
		front_refuse(front, r, HTTP_UNSUPPORTED_TYPE, "content-type",
		    buf_text(&what), NULL);
		return;
	}
	if (http_body(r).len == 0) {
		front_refuse(front, r, HTTP_BAD_REQUEST, "malformed",
		    "body: what was signed is expected", NULL);
		return;
	}
	cbor_put_bstr(&body, http_body(r));
	device_ask(front, r, type, &body);
}

void
api_request_handle(void *ctx, struct http_request *r)
{
	signed_handle(ctx, r, REQUEST_TYPE, INTERNAL_REQUEST);
}

void
api_ledger_handle(void *ctx, struct http_request *r)
{
	signed_handle(ctx, r, LEDGER_HEAD_TYPE, INTERNAL_LEDGER_HEAD);
}

/* Why not, or NULL. */
static const char *
query_read(struct http_request *r, struct internal_query *query,
    struct buf *octets)
{
	struct bytes path = http_path(r), more = http_query(r);
	struct bytes said = http_credentials(r, SCHEME);
	size_t i;

	if (said.ptr == NULL)
		return "header: authorization: send '" SCHEME " ' and a"
		    " signed query, base64url";
	octets->limit = INTERNAL_QUERY_MAX;
	if (base64url_decode(said, octets) != ERR_OK)
		return "header: authorization: no base64url, or too long";
	if (path.len + 1 + more.len > INTERNAL_TARGET_MAX)
		return "path: too long";
	for (i = 0; i < path.len; i++)
		query->target[i] = (char)path.ptr[i];
	if (more.len > 0)
		query->target[i++] = '?';
	if (more.len > 0)
		memcpy(query->target + i, more.ptr, more.len);
	query->target[i + more.len] = '\0';
	query->octets = buf_bytes(octets);
	query->body = http_body(r);
	return NULL;
}

static void
query_handle(struct front *front, struct http_request *r,
    const char *method)
{
	_cleanup_buf_ struct buf octets = BUF_INIT, body = BUF_INIT;
	struct internal_query query = { .method = "" };
	const char *what;

	memcpy(query.method, method, strlen(method) + 1);
	what = query_read(r, &query, &octets);
	if (what != NULL) {
		front_refuse(front, r, HTTP_UNAUTHORIZED, "authorization",
		    what, NULL);
		return;
	}
	internal_put_query(&body, &query);
	device_ask(front, r, INTERNAL_QUERY, &body);
}

void
api_get_handle(void *ctx, struct http_request *r)
{
	query_handle(ctx, r, "GET");
}

void
api_post_handle(void *ctx, struct http_request *r)
{
	query_handle(ctx, r, "POST");
}

void
api_answered(struct front *front, struct http_request *r,
    enum internal_type type, struct bytes answer)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	buf_put_bytes(&body, answer);
	http_reply_field(r, "Cache-Control", "no-store");
	http_reply(r, HTTP_OK, type == INTERNAL_LEDGER_HEAD ?
	    LEDGER_ANSWER_TYPE : HTTP_JSON, &body);
	front_count(front, HTTP_OK);
}

void
api_described_handle(void *ctx, struct http_request *r)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct front *front = ctx;

	openapi_put(&body);
	http_reply(r, HTTP_OK, HTTP_JSON, &body);
	front_count(front, HTTP_OK);
}
