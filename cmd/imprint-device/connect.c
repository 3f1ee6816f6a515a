#include <stdlib.h>

#include "cmd/imprint-device/agent.h"
#include "lib/base/clock.h"

#define HOST_SIZE	256
#define TIMEOUT_S	10
#define TIMEOUT_MAX_S	3600
#define DOCUMENT_TYPE	"application/eat+cwt"
#define STATUS_OK	200

/* What the command line asks for. */
struct wish {
	char				host[HOST_SIZE];
	const char			*port;
	const char			*name;
	const char			*object;
	const char			*method;
	enum imprint_device_permission	 permission;
	unsigned			 timeout_s;
};

/* "host:port", "[address]:port" */
static bool
address_split(const char *text, char host[HOST_SIZE], const char **ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t len;

	if (colon == NULL || colon == text || colon[1] == '\0')
		return false;
	len = (size_t)(colon - text);
	if (text[0] == '[' && len > 2 && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= HOST_SIZE)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	*ret_port = colon + 1;
	return true;
}

/* EXIT_OK, or the usage error. */
static enum exit_code
wish_read(struct cmd *cmd, struct wish *wish)
{
	const char *to = cmd_value(cmd, "to");
	uint64_t timeout_s;
	enum err err;

	wish->object = cmd_value(cmd, "object");
	wish->method = cmd_value(cmd, "method");
	wish->name = cmd_value(cmd, "name");
	if (cmd->argc > 0)
		return cmd_usage(cmd, "connect takes options only");
	if (to == NULL || wish->object == NULL || wish->method == NULL)
		return cmd_usage(cmd,
		    "--to, --object and --method are needed");
	if (!address_split(to, wish->host, &wish->port))
		return cmd_usage(cmd, "--to %s: not HOST:PORT", to);
	if (!imprint_device_permission_by_name(wish->method,
	    &wish->permission))
		return cmd_usage(cmd, "--method %s: allowed are GET, POST,"
		    " PUT, DELETE, FETCH, PATCH, iPATCH", wish->method);
	if (wish->name == NULL)
		wish->name = wish->host;
	err = cmd_number(cmd, "timeout", 1, TIMEOUT_MAX_S, TIMEOUT_S,
	    &timeout_s);
	if (err)
		return cmd_fail(cmd, err);
	wish->timeout_s = (unsigned)timeout_s;
	return EXIT_OK;
}

/* The agent refuses itself what no service would allow it. */
static bool
right_check(struct cmd *cmd, const struct agent *agent,
    const struct wish *wish)
{
	const struct imprint_bytes object = {
		(const uint8_t *)wish->object, strlen(wish->object)
	};

	if (cmd_flag(cmd, "force") || imprint_device_may(
	    &agent->device.identity, object, wish->permission))
		return true;
	if (cmd->json) {
		printf("{\"outcome\": \"right missing\", \"object\": ");
		json_string(stdout, wish->object, object.len);
		printf(", \"method\": \"%s\"}\n", wish->method);
	}
	fprintf(stderr, "%s: refused: this device's identity does not give"
	    " it the right %s %s; it has: ", cmd->program->name,
	    wish->method, wish->object);
	agent_put_permissions(stderr, imprint_device_rights(
	    &agent->device.identity, object));
	fprintf(stderr, "\n  --force asks the service all the same\n");
	return false;
}

static const char *
outcome_name(enum imprint_tls_outcome outcome)
{
	switch (outcome) {
	case IMPRINT_TLS_ANSWERED:
		return "answered";
	case IMPRINT_TLS_UNREACHABLE:
		return "unreachable";
	case IMPRINT_TLS_SERVER_DENIED:
		return "service refused";
	case IMPRINT_TLS_DEVICE_DENIED:
		return "device refused";
	case IMPRINT_TLS_BAD_ANSWER:
		return "bad answer";
	case IMPRINT_TLS_FAILED:
		break;
	}
	return "failed";
}

static void
answer_json(const struct imprint_tls_answer *answer)
{
	printf("{\"outcome\": \"%s\", \"status\": %d, \"service\": ",
	    outcome_name(answer->outcome), answer->status);
	json_string(stdout, answer->server, strlen(answer->server));
	printf(", \"reason\": ");
	json_string(stdout, answer->reason, strlen(answer->reason));
	printf(", \"body\": ");
	json_string(stdout, answer->body.len > 0 ?
	    (const char *)answer->body.ptr : "", answer->body.len);
	printf("}\n");
}

/* Text with its line ends kept; the rest escaped. */
static void
body_print(FILE *f, struct imprint_bytes body)
{
	struct imprint_bytes line = { body.ptr, 0 };
	size_t i;

	for (i = 0; i < body.len; i++) {
		if (body.ptr[i] != '\n') {
			line.len++;
			continue;
		}
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		agent_put_text(f, line);
		fputs("\n", f);
		line.ptr = body.ptr + i + 1;
		line.len = 0;
	}
	agent_put_text(f, line);
	if (line.len > 0)
		fputs("\n", f);
}

static enum exit_code
answer_print(struct cmd *cmd, const struct imprint_tls_answer *answer)
{
	if (cmd->json)
		answer_json(answer);
	if (answer->outcome == IMPRINT_TLS_ANSWERED) {
		if (!cmd->json)
			body_print(answer->status == STATUS_OK ? stdout :
			    stderr, answer->body);
		if (answer->status == STATUS_OK)
			return EXIT_OK;
		fprintf(stderr, "%s: refused by the service: status %d\n",
		    cmd->program->name, answer->status);
		return EXIT_REFUSED;
	}
	fprintf(stderr, "%s: %s: %s\n", cmd->program->name,
	    outcome_name(answer->outcome), answer->reason);
	switch (answer->outcome) {
	case IMPRINT_TLS_SERVER_DENIED:
		fprintf(stderr, "  nothing was sent; is it the right"
		    " service, and --name the name in its certificate?\n");
		return EXIT_REFUSED;
	case IMPRINT_TLS_DEVICE_DENIED:
		return EXIT_REFUSED;
	case IMPRINT_TLS_FAILED:
		return EXIT_DEFECT;
	default:
		return EXIT_IO;
	}
}

static enum err
document_choose(struct cmd *cmd, const struct agent *agent,
    struct buf *file, struct imprint_bytes *ret_document)
{
	const char *path = cmd_value(cmd, "document");
	enum err err;

	if (path == NULL) {
		*ret_document = agent->device.identity.document;
		return ERR_OK;
	}
	file->limit = IMPRINT_DEVICE_PACKAGE_MAX;
	err = io_read_file(cmd->io, path, file, &cmd->diag);
	if (err)
		return err;
	ret_document->ptr = file->ptr;
	ret_document->len = file->len;
	return ERR_OK;
}

static enum exit_code
ask(struct cmd *cmd, const struct agent *agent, const struct wish *wish)
{
	_cleanup_buf_ struct buf document = BUF_INIT, room = BUF_INIT;
	struct imprint_tls_request request = {
		.identity = &agent->device.identity,
		.keys = agent->device.keys,
		.host = wish->host, .port = wish->port, .name = wish->name,
		.now = time_now(), .timeout_s = wish->timeout_s,
		.method = wish->method, .object = wish->object,
		.content_type = DOCUMENT_TYPE
	};
	struct imprint_tls_answer answer;
	uint8_t *buffer;
	enum err err;

	err = document_choose(cmd, agent, &document, &request.body);
	if (err)
		return cmd_fail(cmd, err);
	buffer = buf_extend(&room, IMPRINT_TLS_ANSWER_MAX);
	if (buffer == NULL)
		return cmd_fail(cmd, diag_nomem(&cmd->diag));
	imprint_tls_ask(&request, buffer, IMPRINT_TLS_ANSWER_MAX, &answer);
	return answer_print(cmd, &answer);
}

enum exit_code
agent_connect(struct cmd *cmd)
{
	_cleanup_agent_ struct agent agent = AGENT_INIT;
	struct wish wish = { .port = NULL };
	enum exit_code usage;
	enum err err;

	usage = wish_read(cmd, &wish);
	if (usage != EXIT_OK)
		return usage;
	err = agent_open(cmd, &agent);
	if (!err)
		err = agent_load(cmd, &agent);
	if (err)
		return cmd_fail(cmd, err);
	/* without the time no certificate of a service can be judged */
	if (agent.device.report.verdict != IMPRINT_DEVICE_ACCEPT) {
		agent_refuse(cmd, &agent.device.report,
		    agent.device.record);
		return EXIT_REFUSED;
	}
	if (!right_check(cmd, &agent, &wish))
		return EXIT_REFUSED;
	return ask(cmd, &agent, &wish);
}
