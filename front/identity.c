/* POST /v1/identity: handed on as it is, for the authority to decide. */
#include <stdio.h>
#include <string.h>

#include "front/front_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

void
device_ask(struct front *front, struct http_request *r,
    enum internal_type type, const struct buf *body)
{
	struct http_call *call;

	call = buf_err(body) != ERR_OK ? NULL : http_defer(r);
	if (call == NULL || link_ask(front, type, buf_bytes(body), call))
		return;
	link_refuse(front, r);
	http_call_end(&call);
}

static const char *
refused_early(struct http_request *r, enum http_status *ret_status,
    const char **ret_reason)
{
	_cleanup_buf_ struct buf chain = BUF_INIT;

	*ret_status = HTTP_UNSUPPORTED_TYPE;
	*ret_reason = "content-type";
	if (!http_type_is(http_field(r, "content-type"), DEVICE_REQUEST))
		return "header: content-type: send " DEVICE_REQUEST;
	*ret_status = HTTP_BAD_REQUEST;
	*ret_reason = "malformed";
	if (http_body(r).len == 0)
		return "body: a signed request is expected";
	*ret_status = HTTP_UNAUTHORIZED;
	*ret_reason = "certificate";
	if (http_client_chain(r, &chain) != ERR_OK || chain.len == 0)
		return "TLS: show the device's certificate in the handshake";
	return NULL;
}

void
identity_handle(void *ctx, struct http_request *r)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	const char *what, *reason = NULL;
	struct front *front = ctx;
	enum http_status status;

	what = refused_early(r, &status, &reason);
	if (what != NULL) {
		front_refuse(front, r, status, reason, what, NULL);
		return;
	}
	cbor_put_bstr(&body, http_body(r));
	device_ask(front, r, INTERNAL_IDENTITY, &body);
}

static void
latency_count(struct front *front, int64_t since_ns)
{
	static const uint64_t bounds[] = INTERNAL_LATENCY_MS;
	uint64_t us = (uint64_t)(time_monotonic_ns() - since_ns) / 1000;
	size_t i = 0;

	while (i < INTERNAL_LATENCIES && us > bounds[i] * 1000)
		i++;
	front->counts[COUNT_LATENCY + i]++;
	front->counts[COUNT_CALLS]++;
	front->counts[COUNT_CALLS_US] += us;
}

static bool
is_est(enum internal_type type)
{
	return type == INTERNAL_EST || type == INTERNAL_EST_WISH ||
	    type == INTERNAL_EST_KEYGEN;
}

/* Whatever it says of the certificate: what there was to record is. */
static bool
is_told(const struct front_call *call, const struct internal_message *message)
{
	struct internal_refusal refusal;

	return call->told && (message->type == INTERNAL_ANSWER ||
	    (internal_get_refusal(message->body, &refusal, NULL) == ERR_OK &&
	    refusal.status < (unsigned)HTTP_SERVER_ERROR));
}

static void
refusal_pass(struct front *front, struct http_request *r,
    enum internal_type type, const struct internal_message *message)
{
	struct internal_refusal refusal;
	char retry[16];

	if (internal_get_refusal(message->body, &refusal, NULL) != ERR_OK) {
		front_refuse(front, r, HTTP_SERVER_ERROR, "internal",
		    "no answer could be made", NULL);
		return;
	}
	/* RFC 7030 4.2.3: it waits for somebody */
	if (is_est(type) && refusal.retry_after_s > 0 &&
	    strcmp(refusal.reason, INTERNAL_LATER) == 0)
		refusal.status = HTTP_ACCEPTED;
	(void)snprintf(retry, sizeof(retry), "%u", refusal.retry_after_s);
	if (refusal.retry_after_s > 0)
		http_reply_field(r, "Retry-After", retry);
	http_reply_problem(r, (enum http_status)refusal.status,
	    refusal.reason, refusal.detail);
	front_count(front, (enum http_status)refusal.status);
	/* the detail is the authority's, who may name what was sent */
	front_refused(front, r, (enum http_status)refusal.status,
	    refusal.reason, NULL);
}

void
identity_answered(struct front *front, struct front_call *call,
    const struct internal_message *message)
{
	struct http_request *r = call->reply == NULL ? NULL :
	    http_call_request(call->reply);
	_cleanup_buf_ struct buf body = BUF_INIT;
	bool anybodys = internal_is_anybodys(call->type);
	struct bytes answer;

	if (!anybodys && call->type != INTERNAL_EST_WISH)
		latency_count(front, call->since_ns);
	if (r == NULL)
		return;		/* carried out all the same */
	if (is_told(call, message)) {
		est_cacerts_reply(front, r);
		return;
	}
	if (message->type == INTERNAL_ANSWER && is_est(call->type)) {
		est_answered(front, r, call->type, message->body);
		return;
	}
	if (message->type != INTERNAL_ANSWER ||
	    internal_get_octets(message->body, INTERNAL_SIZE_MAX, &answer,
	    NULL) != ERR_OK) {
		refusal_pass(front, r, call->type, message);
		return;
	}
	if (anybodys) {
		api_answered(front, r, call->type, answer);
		return;
	}
	buf_put_bytes(&body, answer);
	http_reply(r, HTTP_OK, DEVICE_ANSWER, &body);
	front_count(front, HTTP_OK);
}
