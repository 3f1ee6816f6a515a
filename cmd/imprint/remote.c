#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/client/client.h"
#include "cmd/imprint/remote.h"
#include "lib/authority/query.h"
#include "lib/base/clock.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/random.h"
#include "lib/x509/x509_read.h"

#define TIMEOUT_S	60		/* of each wait */
#define TRIES_MAX	3
#define WAIT_MAX_S	30
#define AHEAD_MAX_S	1
#define TOO_MANY	429
#define UNAVAILABLE	503
#define AUTHORIZATION_MAX ((size_t)3 << 10)
#define TRUST_MAX	((size_t)64 << 10)
#define REQUEST_KIND	"application/imprint-request+cose"
#define FILE_KIND	"application/octet-stream"
#define ID_LINE		"Imprint ecosystem: "

/* Filled in once, then read, but what is said of the last request. */
static struct {
	bool		 open;
	struct client	 client;
	uint8_t		 id[ECOSYSTEM_ID_SIZE];
	struct signer	*signer;
	int64_t		 last;		/* its time */
	bool		 refused;
} remote = { .client = {
	.root = BUF_INIT,
	.timeout_s = TIMEOUT_S,
	.root_hint = "is it the right server, --trust of its ecosystem, and "
	    "the clock here set?",
	.signer_hint = "is --operator one of this server's ecosystem, and "
	    "--trust of it?"
} };

bool
remote_there(const struct cmd *cmd)
{
	return cmd_flag(cmd, "server");
}

void
remote_release(void)
{
	client_release(&remote.client);
	signer_free(&remote.signer);
}

struct bytes
remote_root(void)
{
	return buf_bytes(&remote.client.root);
}

const uint8_t *
remote_ecosystem(void)
{
	return remote.id;
}

struct signer *
remote_operator(void)
{
	return remote.signer;
}

void
remote_trust_put(struct buf *out, struct bytes root,
    const uint8_t id[ECOSYSTEM_ID_SIZE])
{
	/* text before a block is explanation (RFC 7468 5.2) */
	buf_printf(out, ID_LINE);
	buf_put_hex(out, bytes_of(id, ECOSYSTEM_ID_SIZE));
	buf_printf(out, "\n");
	pem_put(out, "CERTIFICATE", root);
}

static enum err
trust_read(struct cmd *cmd, const char *path)
{
	_cleanup_buf_ struct buf text = BUF_INIT, all = BUF_INIT;
	char id[2 * ECOSYSTEM_ID_SIZE + 1] = "";
	struct bytes rest, root = BYTES_NONE;
	const char *line;
	size_t len = 0;
	enum err err;

	err = input_read(cmd, path, TRUST_MAX, &text);
	if (!err)
		err = pem_get_all(buf_bytes(&text), "CERTIFICATE", &all,
		    &cmd->diag);
	if (err) {
		diag_prefix(&cmd->diag, "%s", path);
		return err;
	}
	rest = buf_bytes(&all);
	(void)pem_next(&rest, &root);
	buf_put_bytes(&remote.client.root, root);
	line = memmem(text.ptr, text.len, ID_LINE, sizeof(ID_LINE) - 1);
	if (line != NULL && (size_t)((const char *)text.ptr + text.len -
	    line) >= sizeof(ID_LINE) - 1 + sizeof(id) - 1)
		memcpy(id, line + sizeof(ID_LINE) - 1, sizeof(id) - 1);
	if (hex_decode(id, remote.id, sizeof(remote.id), &len) == ERR_OK &&
	    len == ECOSYSTEM_ID_SIZE)
		return buf_err(&remote.client.root);
	(void)diag_fail(&cmd->diag, ERR_INVALID, NULL,
	    "%s: does not say which ecosystem it is of", path);
	diag_hint(&cmd->diag, "on the server 'imprint operator trust --out "
	    "FILE' writes one that does");
	return ERR_INVALID;
}

enum err
remote_open(struct cmd *cmd)
{
	const char *trust = cmd_value(cmd, "trust");
	enum err err;

	if (remote.open)
		return ERR_OK;
	if (trust == NULL) {
		(void)diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "--server: --trust is needed too");
		diag_hint(&cmd->diag, "on the server 'imprint operator trust "
		    "--out FILE' writes it");
		return ERR_INVALID;
	}
	err = settings_load(cmd);
	if (!err)
		err = client_address(&remote.client, cmd_value(cmd,
		    "server"), &cmd->diag);
	if (!err)
		err = trust_read(cmd, trust);
	if (!err)
		err = operator_signer(cmd, NULL, &remote.signer);
	remote.open = err == ERR_OK;
	return err;
}

/* By the authority, by a front that has none, or that thinks it too much. */
static bool
is_turned_away(const struct imprint_tls_answer *answer)
{
	char reason[CLIENT_REASON_SIZE];

	if (answer->outcome != IMPRINT_TLS_ANSWERED)
		return false;
	client_reason(answer, reason);
	return answer->status == TOO_MANY || (answer->status == UNAVAILABLE &&
	    (strcmp(reason, "away") == 0 || strcmp(reason, "busy") == 0 ||
	    strcmp(reason, "disk") == 0));
}

static enum err
exchange(struct cmd *cmd, struct imprint_tls_request *request,
    struct buf *room, struct imprint_tls_answer *ret_answer)
{
	enum err err;

	err = client_ask(&remote.client, request, room, ret_answer,
	    &cmd->diag);
	remote.refused = err && is_turned_away(ret_answer);
	return err;
}

bool
remote_refused(void)
{
	return remote.refused;
}

enum err
remote_answer_bad(struct cmd *cmd, enum err err)
{
	diag_prefix(&cmd->diag, "%s: its answer", remote.client.host);
	cmd->diag.code = err == ERR_NOMEM ? err : ERR_IO;
	return cmd->diag.code;
}

static enum err
answer_read(struct cmd *cmd, const struct imprint_tls_answer *answer,
    struct json_value **ret_value)
{
	enum err err;

	err = json_read_object(bytes_of(answer->body.ptr, answer->body.len),
	    ret_value, &cmd->diag);
	return err ? remote_answer_bad(cmd, err) : ERR_OK;
}

/* With a body, which the target has the hash of. */
static enum err
ask(struct cmd *cmd, const char *method, const char *target,
    struct bytes body, struct json_value **ret_answer)
{
	_cleanup_buf_ struct buf query = BUF_INIT, room = BUF_INIT;
	_cleanup_buf_ struct buf said = { .limit = AUTHORIZATION_MAX };
	struct imprint_tls_request request = { .method = method,
		.target = target, .body = { body.ptr, body.len } };
	struct imprint_tls_answer answer;
	enum err err;

	err = query_sign(remote.id, method, target, time_now(),
	    remote.signer, &query, &cmd->diag);
	if (err)
		return err;
	buf_printf(&said, "Imprint ");
	buf_put_base64url(&said, buf_bytes(&query));
	request.authorization = buf_text(&said);
	if (body.len > 0)
		request.content_type = FILE_KIND;
	err = buf_err(&said);
	if (!err)
		err = exchange(cmd, &request, &room, &answer);
	return err ? err : answer_read(cmd, &answer, ret_answer);
}

enum err
remote_ask(struct cmd *cmd, const char *method, const char *target,
    struct json_value **ret_answer)
{
	return ask(cmd, method, target, BYTES_NONE, ret_answer);
}

enum err
remote_ask_with(struct cmd *cmd, const char *target, struct bytes body,
    struct json_value **ret_answer)
{
	_cleanup_buf_ struct buf whole = BUF_INIT;
	uint8_t hash[SHA256_SIZE];
	enum err err;

	err = sha256_once(body, hash);
	if (err)
		return err;
	buf_printf(&whole, "%s", target);
	buf_put_hex(&whole, bytes_of(hash, SHA256_SIZE));
	err = buf_err(&whole);
	return err ? err : ask(cmd, "POST", buf_text(&whole), body,
	    ret_answer);
}

enum err
remote_file(struct cmd *cmd, const char *target, struct buf *out)
{
	struct imprint_tls_request request = { .method = "GET",
		.target = target };
	_cleanup_buf_ struct buf room = BUF_INIT;
	struct imprint_tls_answer answer;
	enum err err;

	err = exchange(cmd, &request, &room, &answer);
	if (err)
		return err;
	buf_put_bytes(out, bytes_of(answer.body.ptr, answer.body.len));
	return buf_err(out);
}

static void
wait_seconds(unsigned s)
{
	const struct timespec t = { .tv_sec = (time_t)s };

	(void)nanosleep(&t, NULL);
}

enum err
remote_ask_again(struct cmd *cmd, const char *target, struct bytes body,
    struct json_value **ret_answer)
{
	unsigned tries;
	enum err err;

	for (tries = 1;; tries++) {
		cmd->diag = (struct diag)DIAG_INIT;
		err = body.len > 0 ? remote_ask_with(cmd, target, body,
		    ret_answer) : remote_ask(cmd, "GET", target, ret_answer);
		if ((err != ERR_IO && err != ERR_BUSY) ||
		    tries == TRIES_MAX || interrupt_requested())
			return err;
		wait_seconds(1);
	}
}

/*
 * Does nobody say what became of the request? 503 is the front's word that the
 * authority gave none in time, or ended with it, unless the reason says that it
 * was turned away: by the authority, or by a front that has none, which is as
 * a server that cannot be reached.
 */
static bool
is_unknown(const struct imprint_tls_answer *answer, bool *ret_passed_on)
{
	char reason[CLIENT_REASON_SIZE];

	*ret_passed_on = answer->sent;
	if (answer->outcome != IMPRINT_TLS_ANSWERED)
		return answer->outcome == IMPRINT_TLS_UNREACHABLE ||
		    answer->outcome == IMPRINT_TLS_BAD_ANSWER;
	if (answer->status != UNAVAILABLE)
		return false;
	client_reason(answer, reason);
	*ret_passed_on = strcmp(reason, "away") != 0;
	return strcmp(reason, "busy") != 0 && strcmp(reason, "disk") != 0;
}

/* A second, or as long as the server says, within reason. */
static void
wait_for_next(struct cmd *cmd, const struct imprint_tls_answer *answer)
{
	unsigned s = answer->retry_after_s;

	if (answer->outcome != IMPRINT_TLS_ANSWERED || s == 0)
		s = 1;
	if (s > WAIT_MAX_S)
		s = WAIT_MAX_S;
	cmd_warn(cmd, "%s; asking again in %u s", cmd->diag.what, s);
	wait_seconds(s);
}

/*
 * The same octets until there is an answer: carried out once, they are
 * answered again. After one that is lost only the authority's own answer says
 * what became of it: a later attempt that is turned away does not.
 */
static enum err
request_send(struct cmd *cmd, const struct buf *octets, struct buf *room,
    struct imprint_tls_answer *answer)
{
	struct imprint_tls_request request = { .method = "POST",
		.target = "/v1/requests", .content_type = REQUEST_KIND,
		.body = { octets->ptr, octets->len } };
	bool unknown, passed_on, lost = false;
	unsigned tries;
	enum err err;

	for (tries = 1;; tries++) {
		cmd->diag = (struct diag)DIAG_INIT;
		err = exchange(cmd, &request, room, answer);
		unknown = err && is_unknown(answer, &passed_on);
		lost = lost || (unknown && passed_on);
		if (!unknown || !lost || tries == TRIES_MAX)
			break;
		wait_for_next(cmd, answer);
	}
	if (!err || !lost || (answer->outcome == IMPRINT_TLS_ANSWERED &&
	    answer->status != UNAVAILABLE))
		return err;
	cmd->diag.hint[0] = '\0';	/* of the last attempt only */
	cmd->diag.code = ERR_IO;
	remote_unsure(cmd);
	return ERR_IO;
}

void
remote_unsure(struct cmd *cmd)
{
	diag_hint(&cmd->diag, "it may have been carried out: look before you "
	    "give the command again");
}

/* Without a result it was carried out, and is told on the server alone. */
static enum err
result_missing(struct cmd *cmd, enum request_type type)
{
	if (type != REQUEST_ORDER_CANCEL && type != REQUEST_RECONCILE &&
	    type != REQUEST_STATION_LOST)
		return diag_fail(&cmd->diag, ERR_LIMIT, NULL, "it was carried "
		    "out; what came of it is too long to be answered");
	cmd_warn(cmd, "it is carried out; what came of it is too long to be "
	    "answered: it is on record on the server");
	return ERR_OK;
}

static enum err
result_parse(struct cmd *cmd, enum request_type type,
    const struct imprint_tls_answer *answer, struct buf *result)
{
	_cleanup_json_value_ struct json_value *value = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	char warning[384] = "", *room;
	uint64_t said = 0;
	enum err err;

	err = answer_read(cmd, answer, &value);
	if (err)
		return err;
	room = (char *)buf_extend(&text, answer->body.len + 1);
	if (room == NULL)
		return diag_nomem(&cmd->diag);
	err = json_get_number(value, "type", UINT32_MAX, 0, &said,
	    &cmd->diag);
	if (!err && said != type)
		err = diag_fail(&cmd->diag, ERR_IO, NULL, "to a request of "
		    "another type");
	if (!err)
		err = json_get_text(value, "result", room,
		    answer->body.len + 1, &cmd->diag);
	if (!err && base64url_decode(bytes_text(room), result) != ERR_OK)
		err = diag_fail(&cmd->diag, ERR_IO, NULL,
		    "its result is no base64url");
	if (!err)
		err = json_get_text(value, "warning", warning,
		    sizeof(warning), &cmd->diag);
	if (err)
		return remote_answer_bad(cmd, err);
	cmd->incomplete = cmd->incomplete || warning[0] != '\0';
	if (warning[0] != '\0')
		cmd_warn(cmd, "carried out, but %s", warning);
	return json_has(value, "result") ? ERR_OK :
	    result_missing(cmd, type);
}

static enum err
result_read(struct cmd *cmd, enum request_type type,
    const struct imprint_tls_answer *answer, struct buf *result)
{
	enum err err = result_parse(cmd, type, answer, result);

	if (err && err != ERR_LIMIT)
		remote_unsure(cmd);
	return err;
}

/* A later second. It is ahead of the clock by what the next command makes up
 * for, and no more. */
static int64_t
time_after(int64_t last)
{
	int64_t now = time_now();

	while (last >= now + AHEAD_MAX_S && last < now + REQUEST_SKEW_S) {
		wait_seconds(1);
		now = time_now();
	}
	return now > last ? now : last + 1;
}

/*
 * The server takes requests of an operator in the order of their seconds. One
 * that came too early is signed again with its id: should somebody have kept
 * the first back, one of the two at most is carried out.
 */
enum err
remote_submit(struct cmd *cmd, enum request_type type, struct bytes body,
    struct buf *result)
{
	_cleanup_buf_ struct buf room = BUF_INIT;
	struct imprint_tls_answer answer = { .status = 0 };
	uint8_t id[REQUEST_ID_SIZE];
	unsigned tries;
	enum err err;

	err = random_bytes(id, sizeof(id), &cmd->diag);
	for (tries = 1; !err; tries++) {
		_cleanup_buf_ struct buf octets = BUF_INIT;

		remote.last = time_after(remote.last);
		err = request_sign_as(remote.id, id, type, body, remote.last,
		    remote.signer, &octets, &cmd->diag);
		if (!err)
			err = request_send(cmd, &octets, &room, &answer);
		if (err != ERR_CLOCK || tries == TRIES_MAX)
			break;
		wait_seconds(1);
		err = ERR_OK;
	}
	return err ? err : result_read(cmd, type, &answer, result);
}

enum err
remote_expect(struct cmd *cmd, const char *what, struct bytes result,
    struct bytes known)
{
	if (bytes_equal(result, known))
		return ERR_OK;
	(void)diag_fail(&cmd->diag, ERR_AUTH, NULL,
	    "%s: the server's answer is not of what was sent", what);
	diag_hint(&cmd->diag, "do not rely on that server: look on the "
	    "authority's machine what was carried out");
	return ERR_AUTH;
}

/* The chain, and whose the certificate is. */
static enum err
chain_check(struct cmd *cmd, struct bytes certificate,
    const struct public_key *key, struct bytes infra)
{
	_cleanup_x509_trust_ struct x509_trust *trust = NULL;
	enum x509_verdict verdict = X509_DENY_OTHER;
	char detail[128] = "";
	struct x509_info info;
	enum err err;

	err = x509_trust_new(&trust, &cmd->diag);
	if (!err)
		err = x509_trust_add_root(trust, buf_bytes(&remote.client.root),
		    &cmd->diag);
	if (!err)
		err = x509_trust_add_intermediate(trust, infra, &cmd->diag);
	if (!err)
		err = x509_verify(trust, certificate, time_now(),
		    EKU_SERVER_AUTH, &verdict, detail, sizeof(detail),
		    &cmd->diag);
	if (!err)
		err = x509_read(certificate, &info, &cmd->diag);
	if (!err && (verdict != X509_ACCEPT ||
	    !public_key_equal(&info.public_key, key)))
		err = remote_expect(cmd, "certificate", certificate,
		    BYTES_NONE);
	return err;
}

enum err
remote_chain(struct cmd *cmd, struct bytes certificate,
    const struct public_key *key, struct buf *infra)
{
	enum err err;

	err = remote_file(cmd, "/pub/ca/infra.cer", infra);
	return err ? err : chain_check(cmd, certificate, key,
	    buf_bytes(infra));
}
