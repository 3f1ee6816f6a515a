#include "cmd/client/client.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/http/json_read.h"

#define SCHEME		"https://"
#define PORT		"443"
#define STATUS_OK	200
#define DETAIL_SIZE	512

void
client_release(struct client *client)
{
	buf_release(&client->root);
}

enum err
client_address(struct client *client, const char *url, struct diag *diag)
{
	const char *at = url, *end, *port = PORT;
	size_t len, port_len = sizeof(PORT) - 1;
	bool good;

	good = strncmp(url, SCHEME, sizeof(SCHEME) - 1) == 0;
	at += good ? sizeof(SCHEME) - 1 : 0;
	end = *at == '[' ? strchr(at, ']') : at + strcspn(at, ":/?#@");
	at += *at == '[';
	good = good && end != NULL;
	len = good ? (size_t)(end - at) : 0;
	end += good && *end == ']';
	if (good && *end == ':') {
		port = end + 1;
		port_len = strspn(port, "0123456789");
		end = port + port_len;
	}
	if (!good || len == 0 || len >= CLIENT_HOST_SIZE || port_len == 0 ||
	    port_len >= CLIENT_PORT_SIZE ||
	    (*end != '\0' && strcmp(end, "/") != 0))
		return diag_fail(diag, ERR_INVALID, NULL,
		    "--server \"%s\": give it as https://NAME or "
		    "https://NAME:PORT", url);
	(void)snprintf(client->host, CLIENT_HOST_SIZE, "%.*s", (int)len, at);
	(void)snprintf(client->port, CLIENT_PORT_SIZE, "%.*s", (int)port_len,
	    port);
	return ERR_OK;
}

/* No answer of the server at all. */
static enum err
unanswered(const struct client *client,
    const struct imprint_tls_answer *answer, struct diag *diag)
{
	enum err err = ERR_IO;

	if (answer->outcome == IMPRINT_TLS_FAILED)
		err = ERR_CRYPTO;
	else if (answer->outcome == IMPRINT_TLS_SERVER_DENIED)
		err = ERR_AUTH;
	(void)diag_fail(diag, err, NULL, "%s: %s", client->host,
	    answer->reason);
	if (err == ERR_AUTH)
		diag_hint(diag, "nothing was sent%s%s", client->root_hint !=
		    NULL ? "; " : "", client->root_hint != NULL ?
		    client->root_hint : "");
	return err;
}

/* ret_reason and detail: "" when there are none. */
static void
problem_read(const struct imprint_tls_answer *answer,
    char ret_reason[CLIENT_REASON_SIZE], char *detail, size_t detail_size)
{
	_cleanup_json_value_ struct json_value *problem = NULL;

	ret_reason[0] = detail[0] = '\0';
	if (json_read_object(bytes_of(answer->body.ptr, answer->body.len),
	    &problem, NULL) != ERR_OK || json_get_text(problem, "reason",
	    ret_reason, CLIENT_REASON_SIZE, NULL) != ERR_OK ||
	    json_get_text(problem, "detail", detail, detail_size, NULL) !=
	    ERR_OK)
		ret_reason[0] = detail[0] = '\0';
}

void
client_reason(const struct imprint_tls_answer *answer,
    char ret_reason[CLIENT_REASON_SIZE])
{
	char detail[DETAIL_SIZE];

	problem_read(answer, ret_reason, detail, sizeof(detail));
}

/* What the server refused. */
static enum err
refused(const struct client *client,
    const struct imprint_tls_answer *answer, struct diag *diag)
{
	static const struct {
		int		 status;
		const char	*reason;	/* NULL: any */
		enum err	 err;
	} errors[] = {
		{ 400, "limit", ERR_LIMIT },
		{ 400, "unsupported", ERR_UNSUPPORTED },
		{ 400, "version", ERR_VERSION },
		{ 400, NULL, ERR_SYNTAX },
		{ 401, NULL, ERR_AUTH },
		{ 403, "not-allowed", ERR_PERMISSION },
		{ 403, NULL, ERR_AUTH },
		{ 404, NULL, ERR_NOTFOUND },
		{ 409, "time", ERR_CLOCK },
		{ 409, "exists", ERR_EXISTS },
		{ 409, "state", ERR_STATE },
		{ 409, NULL, ERR_CONFLICT },
		{ 413, NULL, ERR_LIMIT },
		{ 422, NULL, ERR_INVALID },
		{ 429, NULL, ERR_BUSY },
		{ 503, "disk", ERR_NOSPACE },
		{ 503, NULL, ERR_BUSY },
	};
	char reason[CLIENT_REASON_SIZE], detail[DETAIL_SIZE];
	enum err err = ERR_IO;
	size_t i;

	/* unread, it has its status still */
	problem_read(answer, reason, detail, sizeof(detail));
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].status == answer->status &&
		    (errors[i].reason == NULL || strcmp(errors[i].reason,
		    reason) == 0))
			break;
	if (i < sizeof(errors) / sizeof(errors[0]))
		err = errors[i].err;
	(void)diag_fail(diag, err, NULL,
	    "the server refuses (%d%s%s): %s", answer->status,
	    reason[0] != '\0' ? " " : "", reason, detail[0] != '\0' ?
	    detail : "it does not say why");
	if (answer->retry_after_s > 0)
		diag_hint(diag, "again in %u s",
		    answer->retry_after_s);
	else if (err == ERR_AUTH && client->signer_hint != NULL)
		diag_hint(diag, "%s", client->signer_hint);
	return err;
}

enum err
client_ask(const struct client *client, struct imprint_tls_request *request,
    struct buf *room, struct imprint_tls_answer *ret_answer,
    struct diag *diag)
{
	struct imprint_device_identity trusted = {
		.certs = { { client->root.ptr, client->root.len } },
		.cert_count = 1
	};
	uint8_t *buffer;

	buf_clear(room);
	buffer = buf_extend(room, CLIENT_ANSWER_MAX);
	if (buffer == NULL)
		return diag_nomem(diag);
	request->identity = &trusted;
	request->anonymous = true;
	request->host = request->name = client->host;
	request->port = client->port;
	request->now = time_now();
	request->timeout_s = client->timeout_s;
	imprint_tls_ask(request, buffer, CLIENT_ANSWER_MAX, ret_answer);
	request->identity = NULL;
	if (ret_answer->outcome != IMPRINT_TLS_ANSWERED)
		return unanswered(client, ret_answer, diag);
	return ret_answer->status == STATUS_OK ? ERR_OK :
	    refused(client, ret_answer, diag);
}
