#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/imprint-device/field.h"
#include "lib/base/clock.h"

#define HOST_SIZE	256
#define PATH		"v1/identity"
#define REQUEST_TYPE	"application/imprint-device-request+cose"
#define TIMEOUT_S	10
#define TIMEOUT_MAX_S	3600
#define ANSWER_MAX	((size_t)72 << 10)	/* 64 KB and a head */
#define WAIT_MIN_MS	UINT64_C(1000)
#define WAIT_MAX_MS	UINT64_C(3600000)
#define RETRY_MAX_S	UINT64_C(86400)
#define CLOCK_SKEW_S	300	/* two right clocks differ by less */
#define REFUSALS_MAX	3	/* of one request, before another is made */

enum { RESULT_ISSUED = 1, RESULT_CONFIRMED = 2 };

/* What the command line asks for. */
struct wish {
	enum field_type		 type;
	char			 host[HOST_SIZE];
	const char		*port, *name;
	unsigned		 timeout_s;
	bool			 same_key, anew;
	enum imprint_device_alg	 algs[IMPRINT_DEVICE_HANDLES]; /* 0: none */
};

/* How a turn ended: with the exit code, or to be followed by another. */
struct turn {
	enum { TURN_END, TURN_NEXT, TURN_LATER } then;
	enum exit_code	code;		/* also of TURN_LATER, with --once */
	unsigned	retry_after_s;	/* at least; 0: not said */
};

/* All that a turn works with. */
struct field {
	struct cmd		*cmd;
	struct wish		*wish;
	struct agent		 agent;
	struct field_state	 state;
	uint8_t			 installed[FIELD_HASH_SIZE];
	struct buf		 room, answer;	/* of the state; of HTTP */
};

#define FIELD_INIT {							\
	.agent = AGENT_INIT, .state.files.file = AGENT_FILES,		\
	.room = BUF_INIT, .answer = BUF_INIT				\
}

static void
field_close(struct field *f)
{
	agent_blocks_release(&f->state.files);
	agent_close(&f->agent);
	buf_release(&f->room);
	buf_release(&f->answer);
}
#define _cleanup_field_ __attribute__((cleanup(field_close)))

static struct turn
turn_end(enum exit_code code)
{
	return (struct turn){ TURN_END, code, 0 };
}

static struct turn
turn_fail(struct cmd *cmd, enum err err)
{
	return turn_end(cmd_fail(cmd, err));
}

static enum err
field_open(struct field *f)
{
	struct agent *agent = &f->agent;
	uint8_t *room;
	enum err err;

	err = agent_open(f->cmd, agent);
	if (!err)
		err = agent_load(f->cmd, agent);
	if (err)
		return err;
	room = buf_extend(&f->room, IMPRINT_DEVICE_PACKAGE_MAX);
	if (room == NULL || buf_extend(&f->answer, ANSWER_MAX) == NULL)
		return diag_nomem(&f->cmd->diag);
	err = field_hash(f->cmd, bytes_of(agent->device.record.ptr,
	    agent->device.record.len), f->installed);
	return err ? err : field_state_read(f->cmd, agent, room, &f->state);
}

static bool
is_installed(const struct field *f, const uint8_t hash[FIELD_HASH_SIZE])
{
	return memcmp(f->installed, hash, FIELD_HASH_SIZE) == 0;
}

/* What is asked for is under way, and nobody installed something else. */
static bool
is_pending(const struct field *f)
{
	return f->state.request.len > 0 && (is_installed(f, f->state.before) ||
	    (f->state.answered && is_installed(f, f->state.after)));
}

static void
done_print(const struct field *f, bool before)
{
	if (f->cmd->json)
		printf("{\"confirmed\": true, \"before\": %s, \"ueid\": \"",
		    before ? "true" : "false");
	else
		printf("%s", before ? "confirmed before: " : "confirmed ");
	agent_put_hex(stdout, f->agent.device.identity.ueid);
	printf(f->cmd->json ? "\"}\n" : "\n");
}

/* The algorithms of the keys that the identity has; all are made anew. */
static void
algs_present(const struct field *f,
    enum imprint_device_alg algs[IMPRINT_DEVICE_HANDLES])
{
	const struct imprint_device_identity *id = &f->agent.device.identity;
	size_t i;

	for (i = 0; i < id->key_count; i++)
		algs[id->keys[i].slot] = id->keys[i].public_key.alg;
}

/* New keys, then the request, durable in this order. */
static enum err
request_begin(struct field *f)
{
	enum imprint_device_alg algs[IMPRINT_DEVICE_HANDLES] = { 0 };
	struct agent *agent = &f->agent;
	unsigned set = agent->keys == &agent->sets[0] ? 1 : 0;
	_cleanup_buf_ struct buf request = BUF_INIT;
	struct field_ask ask = { .type = f->wish->type, .agent = agent,
		.keys = &agent->sets[set].table, .algs = algs };
	enum err err = ERR_OK;

	if (f->wish->type == FIELD_ENROL)
		memcpy(algs, f->wish->algs, sizeof(algs));
	else if (!f->wish->same_key)
		algs_present(f, algs);
	if (imprint_openssl_keys_renew(&agent->sets[set].held,
	    &agent->keys->held, algs) != IMPRINT_DEVICE_OK)
		err = f->cmd->diag.code != ERR_OK ? f->cmd->diag.code :
		    diag_fail(&f->cmd->diag, ERR_UNSUPPORTED, NULL,
		    "new keys cannot be made here: a key store in software"
		    " has P-256 and X25519");
	if (!err)
		err = field_request_make(f->cmd, &ask, &request);
	if (err)
		return err;
	f->state.type = f->wish->type;
	f->state.set = set;
	memcpy(f->state.before, f->installed, FIELD_HASH_SIZE);
	f->state.answered = false;
	f->state.request = buf_bytes(&request);
	f->state.confirm = BYTES_NONE;
	f->state.refusals = 0;
	return field_state_write(f->cmd, &f->state);
}

/* Before its keys are written over: a request without them is of no use. */
static enum err
request_drop(struct field *f)
{
	f->state.request = f->state.confirm = BYTES_NONE;
	f->state.answered = false;
	f->state.refusals = 0;
	memset(f->state.before, 0, FIELD_HASH_SIZE);
	return field_state_write(f->cmd, &f->state);
}

static enum err
confirm_begin(struct field *f)
{
	_cleanup_buf_ struct buf request = BUF_INIT, body = BUF_INIT;
	struct field_ask ask = { .type = FIELD_CONFIRM, .agent = &f->agent };
	enum err err;

	field_confirm_body(&body, f->state.after);
	ask.body = buf_bytes(&body);
	err = field_request_make(f->cmd, &ask, &request);
	if (err)
		return err;
	f->state.confirm = buf_bytes(&request);
	return field_state_write(f->cmd, &f->state);
}

/* The value of a member of one-line JSON that has no escapes; for people. */
static struct imprint_bytes
member_find(struct imprint_bytes body, const char *name)
{
	struct imprint_bytes value = { NULL, 0 };
	char quoted[32];
	const uint8_t *at, *end = body.ptr + body.len;
	size_t len;

	len = (size_t)snprintf(quoted, sizeof(quoted), "\"%s\"", name);
	at = body.len > 0 ? memmem(body.ptr, body.len, quoted, len) : NULL;
	if (at == NULL)
		return value;
	for (at += len; at < end && (*at == ' ' || *at == ':'); at++)
		;
	if (at == end || *at++ != '"')
		return value;
	for (value.ptr = at; at < end && *at != '"'; at++)
		value.len++;
	return value;
}

static bool
reason_is(const struct imprint_tls_answer *answer, const char *text)
{
	struct imprint_bytes reason = member_find(answer->body, "reason");

	return bytes_equal(bytes_of(reason.ptr, reason.len),
	    bytes_text(text));
}

/* Nobody owns the device yet: there is nothing to do but to ask later. */
static bool
is_unclaimed(const struct imprint_tls_answer *answer)
{
	return answer->status == 403 && reason_is(answer, "unclaimed");
}

/* Why not, as the server has it, and what to do about it. */
static void
refusal_print(const struct field *f, const struct imprint_tls_answer *answer)
{
	static const struct {
		int		 status;
		const char	*hint;
	} hints[] = {
		{ 400, "this program and the server do not understand each"
		    " other, or the product wants other keys: --slot" },
		{ 401, "is it the right server? its authority does not know"
		    " this identity" },
		{ 403, "the device stays with what it has; its maker can tell"
		    " more" },
		{ 404, "there is nothing to be had for this device now" },
		{ 409, "run it again with --anew: it makes another request" },
		{ 422, "run it again with --anew, and the slots of its"
		    " product: --slot" }
	};
	struct imprint_bytes reason = member_find(answer->body, "reason"),
	    detail = member_find(answer->body, "detail");
	size_t i;

	fprintf(stderr, "%s: the server refuses: ", f->cmd->program->name);
	if (reason.len > 0)
		agent_put_text(stderr, reason);
	fprintf(stderr, "%s", reason.len > 0 && detail.len > 0 ? ": " : "");
	if (detail.len > 0)
		agent_put_text(stderr, detail);
	fprintf(stderr, " (status %d)\n", answer->status);
	for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (hints[i].status == answer->status)
			fprintf(stderr, "  %s\n", is_unclaimed(answer) ?
			    "its owner claims it with the code on its label" :
			    hints[i].hint);
	if (!f->cmd->json)
		return;
	printf("{\"confirmed\": false, \"status\": %d, \"reason\": ",
	    answer->status);
	json_string(stdout, reason.len > 0 ? (const char *)reason.ptr : "",
	    reason.len);
	if (answer->retry_after_s > 0)
		printf(", \"retry_after\": %u", answer->retry_after_s);
	printf("}\n");
}

/* Will these octets never be answered? So it is said, and not signed. */
static bool
is_final(const struct imprint_tls_answer *answer)
{
	return answer->status == 409 || answer->status == 422 ||
	    (answer->status == 403 && reason_is(answer, "superseded"));
}

/*
 * The authority does not want what it issued: the identity before is the
 * present one again, and asks for the same once more. What was issued lies
 * aside, and its keys stay, for what is said may not be true.
 */
static enum err
identity_back(struct field *f, bool *ret_back)
{
	struct agent *agent = &f->agent;
	enum err err;

	err = agent_blocks_back(&agent->files.files, &agent->files.slots,
	    f->state.before);
	*ret_back = !err;
	if (err == ERR_NOTFOUND)
		fprintf(stderr, "  the identity before is not here any more\n");
	else if (!err)
		fprintf(stderr, "  back to the identity before; run it again:"
		    " it asks once more\n");
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* Nor does it want the identity before: perhaps that is so because the one
 * that lies aside was confirmed, which it asks again. */
static enum err
request_refused(struct field *f)
{
	struct agent *agent = &f->agent;
	enum err err = ERR_OK;

	if (f->state.confirm.len > 0) {
		fprintf(stderr, "  perhaps its answer was confirmed: its keys"
		    " are given up with --anew only\n");
		err = agent_blocks_forth(&agent->files.files,
		    &agent->files.slots);
		return err == ERR_NOTFOUND ? ERR_OK : err;
	}
	f->state.refusals++;
	return field_state_write(f->cmd, &f->state);
}

static struct turn
turn_refused(struct field *f, const struct imprint_tls_answer *answer)
{
	bool asked = is_installed(f, f->state.before), back = false;
	enum err err = ERR_OK;

	refusal_print(f, answer);
	if (answer->status == 429 || answer->status >= 500 ||
	    is_unclaimed(answer))
		return (struct turn){ TURN_LATER, EXIT_BUSY,
			answer->retry_after_s };
	if (asked && is_final(answer))
		err = request_refused(f);
	else if (!asked && (reason_is(answer, "superseded") ||
	    reason_is(answer, "unknown")))
		err = identity_back(f, &back);
	if (!err && back && f->wish->anew)
		return (struct turn){ TURN_NEXT, EXIT_OK, 0 };
	return err ? turn_fail(f->cmd, err) : turn_end(EXIT_REFUSED);
}

/* No answer of the server at all. */
static struct turn
turn_unanswered(const struct field *f,
    const struct imprint_tls_answer *answer)
{
	fprintf(stderr, "%s: %s\n", f->cmd->program->name, answer->reason);
	switch (answer->outcome) {
	case IMPRINT_TLS_SERVER_DENIED:
		fprintf(stderr, "  nothing was sent; is it the right server,"
		    " --name the name in its certificate, and this device's"
		    " clock set?\n");
		return turn_end(EXIT_REFUSED);
	case IMPRINT_TLS_DEVICE_DENIED:
		return turn_end(EXIT_REFUSED);
	case IMPRINT_TLS_FAILED:
		return turn_end(EXIT_DEFECT);
	default:
		return (struct turn){ TURN_LATER, EXIT_IO, 0 };
	}
}

/* Its hash is kept before the package is, so that what is installed later
 * tells whether it is that. */
static struct turn
answer_install(struct field *f, const struct field_answer *answer)
{
	struct imprint_device_identity id = { .key_count = 0 };
	struct agent *agent = &f->agent;
	struct imprint_device_report report;
	enum imprint_device_install install;
	const struct imprint_bytes package = { answer->package.ptr,
		answer->package.len };
	enum err err;

	/* what is kept of the confirmation is that of the same package */
	if (memcmp(f->state.after, answer->hash, FIELD_HASH_SIZE) != 0)
		f->state.confirm = BYTES_NONE;
	f->state.answered = true;
	f->state.refusals = 0;
	memcpy(f->state.after, answer->hash, FIELD_HASH_SIZE);
	err = field_state_write(f->cmd, &f->state);
	agent->device.new_keys = &agent->sets[f->state.set].table;
	if (!err)
		err = agent_error(f->cmd, imprint_device_install(
		    &agent->device, package, time_now(), false, &id, &report,
		    &install));
	if (err)
		return turn_fail(f->cmd, err);
	if (install != IMPRINT_DEVICE_REFUSED)
		return (struct turn){ TURN_NEXT, EXIT_OK, 0 };
	agent_refuse(f->cmd, &report, package);
	return turn_end(EXIT_REFUSED);
}

/* Confirmed: remember it, then forget what was before. */
static struct turn
turn_confirmed(struct field *f)
{
	enum err err;

	f->state.request = f->state.confirm = BYTES_NONE;
	memcpy(f->state.before, f->state.after, FIELD_HASH_SIZE);
	/* first, for the next run does nothing any more */
	err = agent_forget_previous(&f->agent);
	if (!err)
		err = field_state_write(f->cmd, &f->state);
	if (err)
		return turn_fail(f->cmd, err);
	done_print(f, false);
	return turn_end(EXIT_OK);
}

static struct turn
turn_answered(struct field *f, bool confirming, struct bytes request,
    const struct imprint_tls_answer *reply)
{
	struct field_answer answer;
	enum err err;

	err = field_answer_read(f->cmd, &f->agent, request,
	    bytes_of(reply->body.ptr, reply->body.len), &answer);
	/* a request is answered with a package that was confirmed, too */
	if (!err && ((answer.package.len == 0) != confirming ||
	    (answer.result != RESULT_CONFIRMED && (confirming ||
	    answer.result != RESULT_ISSUED))))
		err = diag_fail(&f->cmd->diag, ERR_AUTH, NULL,
		    "answer: it is to something else than was asked");
	if (!err)
		err = agent_time_keep(f->cmd, &f->agent, answer.time -
		    CLOCK_SKEW_S);
	if (err)
		return turn_fail(f->cmd, err);
	imprint_device_time_seen(&f->agent.device, answer.time -
	    CLOCK_SKEW_S);
	return confirming ? turn_confirmed(f) : answer_install(f, &answer);
}

static struct turn
turn_ask(struct field *f, bool confirming)
{
	const struct bytes body = confirming ? f->state.confirm :
	    f->state.request;
	const struct imprint_device *device = &f->agent.device;
	int64_t now = time_now();
	const struct imprint_tls_request request = {
		.identity = &device->identity, .keys = device->keys,
		.host = f->wish->host, .port = f->wish->port,
		.name = f->wish->name, .timeout_s = f->wish->timeout_s,
		/* it is not earlier than that */
		.now = now > device->report.floor ? now :
		    device->report.floor,
		.method = "POST", .object = PATH,
		.content_type = REQUEST_TYPE, .body = { body.ptr, body.len }
	};
	struct imprint_tls_answer answer;

	imprint_tls_ask(&request, f->answer.ptr, f->answer.len, &answer);
	if (answer.outcome != IMPRINT_TLS_ANSWERED)
		return turn_unanswered(f, &answer);
	if (answer.status != 200)
		return turn_refused(f, &answer);
	return turn_answered(f, confirming, body, &answer);
}

/* An identity that expired may still renew; all else must be well. */
static bool
is_fit(struct field *f)
{
	const struct imprint_device_report *report = &f->agent.device.report;

	if (report->step[IMPRINT_DEVICE_STEP_KEYS] == IMPRINT_DEVICE_ACCEPT)
		return true;
	agent_refuse(f->cmd, report, f->agent.device.record);
	return false;
}

/* Another in its place: because somebody here says so, or it was refused often,
 * and nothing is lost with its keys. */
static bool
is_given_up(const struct field *f)
{
	return f->wish->anew || (f->state.refusals >= REFUSALS_MAX &&
	    f->state.confirm.len == 0);
}

static enum err
request_another(struct field *f)
{
	enum err err = ERR_OK;

	if (f->state.request.len > 0)
		err = request_drop(f);
	f->wish->anew = false;
	return err ? err : request_begin(f);
}

/* From what is kept to the next thing that is. */
static struct turn
turn_run(struct cmd *cmd, struct wish *wish)
{
	_cleanup_field_ struct field f = FIELD_INIT;
	enum err err;

	f.cmd = cmd;
	f.wish = wish;
	err = field_open(&f);
	if (err)
		return turn_fail(cmd, err);
	if (!is_fit(&f))
		return turn_end(EXIT_REFUSED);
	if (is_pending(&f) && f.state.answered &&
	    is_installed(&f, f.state.after)) {
		if (f.state.confirm.len > 0)
			return turn_ask(&f, true);
		err = confirm_begin(&f);
		return err ? turn_fail(cmd, err) :
		    (struct turn){ TURN_NEXT, EXIT_OK, 0 };
	}
	if (is_pending(&f) && !is_given_up(&f))
		return turn_ask(&f, false);
	if (wish->type == FIELD_ENROL && f.state.answered &&
	    is_installed(&f, f.state.after)) {
		done_print(&f, true);
		return turn_end(EXIT_OK);
	}
	err = request_another(&f);
	return err ? turn_fail(cmd, err) :
	    (struct turn){ TURN_NEXT, EXIT_OK, 0 };
}

/* Somewhere in the second half of a time that doubles, and not before the
 * server wants it: many devices come back from one outage. */
static enum err
turn_wait(struct cmd *cmd, const struct turn *turn, unsigned tries)
{
	uint64_t least = turn->retry_after_s < RETRY_MAX_S ?
	    turn->retry_after_s : RETRY_MAX_S;
	uint64_t span = tries < 12 ? WAIT_MIN_MS << tries : WAIT_MAX_MS;
	uint64_t random = 0, ms;
	struct timespec left;
	enum err err;

	err = field_random(cmd, &random, sizeof(random));
	if (err)
		return err;
	if (span > WAIT_MAX_MS)
		span = WAIT_MAX_MS;
	ms = least * 1000 + span / 2 + random % (span / 2);
	fprintf(stderr, "  again in %ju s\n", (uintmax_t)((ms + 999) / 1000));
	left = (struct timespec){ .tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000 };
	while (!interrupt_requested() && nanosleep(&left, &left) != 0 &&
	    errno == EINTR)
		;
	return interrupt_requested() ? diag_fail(&cmd->diag, ERR_INTERRUPTED,
	    NULL, "stopped; the next run goes on") : ERR_OK;
}

static enum exit_code
field_run(struct cmd *cmd, struct wish *wish)
{
	_cleanup_file_ struct file lock = FILE_INIT;
	struct agent place = { .home = agent_home(cmd) };
	unsigned tries = 0;
	struct turn turn;
	enum err err;

	err = agent_enter(cmd, &place, &lock);
	interrupt_catch();
	while (!err) {
		turn = turn_run(cmd, wish);
		if (turn.then == TURN_END || (turn.then == TURN_LATER &&
		    cmd_flag(cmd, "once")))
			return turn.code;
		if (turn.then == TURN_LATER)
			err = turn_wait(cmd, &turn, tries++);
		else
			tries = 0;
	}
	return cmd_fail(cmd, err);
}

/* "https://HOST:PORT", "https://[ADDRESS]:PORT/" */
static bool
server_read(const char *url, struct wish *wish)
{
	static const char scheme[] = "https://";
	const char *colon;
	size_t len;

	if (url == NULL || strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return false;
	url += sizeof(scheme) - 1;
	colon = strrchr(url, ':');
	if (colon == NULL || colon == url ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    colon[1] == '\0')
		return false;
	len = (size_t)(colon - url);
	if (url[0] == '[' && len > 2 && url[len - 1] == ']') {
		url++;
		len -= 2;
	}
	if (len >= sizeof(wish->host))
		return false;
	memcpy(wish->host, url, len);
	wish->host[len] = '\0';
	wish->port = colon + 1;
	return true;
}

/* "0:P-256" */
static bool
slot_read(const char *text, struct wish *wish)
{
	unsigned slot = (unsigned)(text[0] - '0');

	if (text[0] < '0' || slot >= IMPRINT_DEVICE_SLOTS_MAX ||
	    text[1] != ':' || wish->algs[slot] != 0)
		return false;
	if (strcmp(text + 2, "P-256") == 0)
		wish->algs[slot] = IMPRINT_DEVICE_P256;
	else if (strcmp(text + 2, "X25519") == 0)
		wish->algs[slot] = IMPRINT_DEVICE_X25519;
	return wish->algs[slot] != 0;
}

static enum exit_code
wish_read(struct cmd *cmd, struct wish *wish)
{
	const char *slots[CMD_VALUES_MAX];
	size_t i, count = cmd_values(cmd, "slot", slots, CMD_VALUES_MAX);
	uint64_t timeout_s;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "%s takes options only",
		    cmd->command->name);
	if (!server_read(cmd_value(cmd, "server"), wish))
		return cmd_usage(cmd,
		    "--server https://HOST:PORT is needed");
	for (i = 0; i < count; i++)
		if (!slot_read(slots[i], wish))
			return cmd_usage(cmd, "--slot %s: not a slot of its"
			    " own and P-256 or X25519, as in 0:P-256",
			    slots[i]);
	if (count == 0) {
		wish->algs[0] = IMPRINT_DEVICE_P256;
		wish->algs[1] = IMPRINT_DEVICE_X25519;
	}
	wish->name = cmd_value(cmd, "name");
	if (wish->name == NULL)
		wish->name = wish->host;
	wish->same_key = cmd_flag(cmd, "same-key");
	wish->anew = cmd_flag(cmd, "anew");
	err = cmd_number(cmd, "timeout", 1, TIMEOUT_MAX_S, TIMEOUT_S,
	    &timeout_s);
	if (err)
		return cmd_fail(cmd, err);
	wish->timeout_s = (unsigned)timeout_s;
	return EXIT_OK;
}

static enum exit_code
field_command(struct cmd *cmd, enum field_type type)
{
	struct wish wish = { .type = type };
	enum exit_code usage = wish_read(cmd, &wish);

	return usage != EXIT_OK ? usage : field_run(cmd, &wish);
}

enum exit_code
agent_bootstrap(struct cmd *cmd)
{
	return field_command(cmd, FIELD_ENROL);
}

enum exit_code
agent_renew(struct cmd *cmd)
{
	return field_command(cmd, FIELD_RENEW);
}
