/* What handlers ask of a request, and what they reply, now or later. */
#include <event2/bufferevent_ssl.h>
#include <stdlib.h>
#include <strings.h>

#include "lib/base/json_write.h"
#include "lib/http/server_internal.h"

#define BINDING_EXPORTED	32	/* octets; RFC 9266 4 */

struct bytes
http_path(const struct http_request *r)
{
	return r->head->path;
}

struct bytes
http_query(const struct http_request *r)
{
	return r->head->query;
}

struct bytes
http_field(const struct http_request *r, const char *name)
{
	return http_head_field(r->head, name);
}

size_t
http_field_count(const struct http_request *r, const char *name)
{
	return http_head_field_count(r->head, name);
}

void
http_put_field_list(const struct http_request *r, const char *name,
    struct buf *out)
{
	const struct http_header_field *field = r->head->fields;
	size_t i, len = strlen(name);
	bool more = false;

	for (i = 0; i < r->head->field_count; i++, field++) {
		if (field->name.len != len || strncasecmp(
		    (const char *)field->name.ptr, name, len) != 0)
			continue;
		if (more)
			buf_printf(out, ", ");
		buf_put_bytes(out, field->value);
		more = true;
	}
}

struct bytes
http_credentials(const struct http_request *r, const char *scheme)
{
	struct bytes said = http_field(r, "authorization");
	size_t len = strlen(scheme);

	if (said.len <= len || said.ptr[len] != ' ' ||
	    strncasecmp((const char *)said.ptr, scheme, len) != 0)
		return BYTES_NONE;
	while (len < said.len && said.ptr[len] == ' ')
		len++;
	return bytes_of(said.ptr + len, said.len - len);
}

struct bytes
http_body(const struct http_request *r)
{
	return r->body;
}

const char *
http_peer(const struct http_request *r)
{
	return r->peer->address;
}

const char *
http_asked(const struct http_request *r)
{
	return r->asked;
}

bool
http_is_monitor(const struct http_request *r)
{
	return r->peer->monitor;
}

static enum err
certificate_put(struct buf *out, X509 *certificate)
{
	int len = i2d_X509(certificate, NULL);
	uint8_t *to;

	if (len <= 0) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	buf_put_be32(out, (uint32_t)len);
	to = buf_extend(out, (size_t)len);
	if (to != NULL)
		(void)i2d_X509(certificate, &to);
	return buf_err(out);
}

enum err
http_client_chain(const struct http_request *r, struct buf *out)
{
	SSL *ssl = bufferevent_openssl_get_ssl(r->peer->bev);
	STACK_OF(X509) *chain;
	X509 *leaf;
	enum err err;
	int i;

	leaf = ssl == NULL ? NULL : SSL_get0_peer_certificate(ssl);
	if (leaf == NULL)
		return ERR_OK;
	err = certificate_put(out, leaf);
	/* of a server: without the leaf */
	chain = SSL_get_peer_cert_chain(ssl);
	for (i = 0; !err && i < sk_X509_num(chain); i++)
		err = certificate_put(out, sk_X509_value(chain, i));
	return err;
}

size_t
http_channel_binding(const struct http_request *r,
    uint8_t ret_binding[HTTP_BINDING_MAX])
{
	static const char label[] = "EXPORTER-Channel-Binding";
	SSL *ssl = bufferevent_openssl_get_ssl(r->peer->bev);
	size_t len;

	if (ssl == NULL)
		return 0;
	if (SSL_version(ssl) >= TLS1_3_VERSION)
		return SSL_export_keying_material(ssl, ret_binding,
		    BINDING_EXPORTED, label, sizeof(label) - 1, NULL, 0,
		    1) == 1 ? BINDING_EXPORTED : 0;
	/* RFC 7627: without it, two connections can have the same */
	if (SSL_get_extms_support(ssl) != 1)
		return 0;
	/* the first Finished: of a resumed session it is the server's */
	len = SSL_session_reused(ssl) ?
	    SSL_get_finished(ssl, ret_binding, HTTP_BINDING_MAX) :
	    SSL_get_peer_finished(ssl, ret_binding, HTTP_BINDING_MAX);
	return len <= HTTP_BINDING_MAX ? len : 0;
}

void
http_reply(struct http_request *r, enum http_status status, const char *type,
    struct buf *body)
{
	if (buf_err(body) != ERR_OK) {
		if (body->ptr != NULL)
			wipe(body->ptr, body->cap);
		buf_release(body);
		return;
	}
	r->status = status;
	r->type = type;
	r->reply = *body;
	*body = (struct buf)BUF_INIT;
}

void
http_reply_field(struct http_request *r, const char *name, const char *value)
{
	buf_printf(&r->fields, "%s: %s\r\n", name, value);
}

void
http_reply_file(struct http_request *r, const char *type, int fd,
    uint64_t size)
{
	r->status = HTTP_OK;
	r->type = type;
	r->file = fd;
	r->file_size = size;
}

void
http_put_problem(struct buf *body, enum http_status status,
    const char *reason, const char *detail)
{
	struct json json = { .b = body, .line = true };

	json_open(&json, '{');
	json_put_text(&json, "title", bytes_text(http_reason(status)));
	json_put_number(&json, "status", (uint64_t)status);
	if (reason != NULL)
		json_put_text(&json, "reason", bytes_text(reason));
	json_put_text(&json, "detail", bytes_text(detail));
	json_close(&json, '}');
	buf_printf(body, "\n");
}

void
http_reply_problem(struct http_request *r, enum http_status status,
    const char *reason, const char *detail)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	http_put_problem(&body, status, reason, detail);
	http_reply(r, status, HTTP_PROBLEM, &body);
}

struct http_call *
http_defer(struct http_request *r)
{
	struct http_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->peer = r->peer;
	r->peer->call = call;
	return call;
}

struct http_request *
http_call_request(struct http_call *call)
{
	return call->peer == NULL ? NULL : &call->peer->request;
}

void
http_call_end(struct http_call **call)
{
	struct peer *peer;

	if (*call == NULL)
		return;
	peer = (*call)->peer;
	free(*call);
	*call = NULL;
	if (peer == NULL)
		return;
	peer->call = NULL;
	if (peer->request.status == 0)
		server_refuse(peer->server, &peer->request,
		    HTTP_SERVER_ERROR, "no answer could be made");
	peer->state = PEER_WAITING;
	server_replied(peer->server, peer);
}
