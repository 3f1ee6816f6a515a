#include "cmd/imprint-device/field.h"
#include "lib/base/clock.h"

#define PATH		"v1/identity"
#define REQUEST_TYPE	"application/imprint-device-request+cose"
#define ANSWER_MAX	((size_t)72 << 10)	/* 64 KB and a head */
#define UNSEAL_MORE	32	/* imprint_device_unseal() */
#define CLOCK_SKEW_S	300	/* two right clocks differ by less */
#define REFUSALS_MAX	3	/* of one request, before another is made */

void
field_close(struct field *f)
{
	agent_blocks_release(&f->state.files);
	agent_close(&f->agent);
	buf_release(&f->room);
	buf_release(&f->answer);
}
static struct field_turn
turn_end(enum exit_code code)
{
	return (struct field_turn){ .then = TURN_END, .code = code };
}

static struct field_turn
turn_fail(struct cmd *cmd, enum err err)
{
	return turn_end(cmd_fail(cmd, err));
}

enum err
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

bool
field_is_done(const struct field *f)
{
	return f->state.answered && f->state.request.len == 0 &&
	    is_installed(f, f->state.after);
}

bool
field_is_pending(const struct field *f)
{
	return f->state.request.len > 0 && (is_installed(f, f->state.before) ||
	    (f->state.answered && is_installed(f, f->state.after)));
}

static void
done_print(const struct field *f, const char *what, bool before)
{
	if (f->cmd->json)
		printf("{\"confirmed\": true, \"before\": %s, \"ueid\": \"",
		    before ? "true" : "false");
	else
		printf("%s", what);
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

static enum err
keys_begin(struct field *f, unsigned set,
    const enum imprint_device_alg algs[IMPRINT_DEVICE_HANDLES])
{
	struct agent *agent = &f->agent;

	if (imprint_openssl_keys_renew(&agent->sets[set].held,
	    &agent->keys->held, algs) == IMPRINT_DEVICE_OK)
		return ERR_OK;
	return f->cmd->diag.code != ERR_OK ? f->cmd->diag.code :
	    diag_fail(&f->cmd->diag, ERR_UNSUPPORTED, NULL,
	    "new keys cannot be made here: a key store in software has P-256"
	    " and X25519");
}

/* Do its keys come with the answer? What came so is renewed so. */
static bool
is_sealed(const struct field *f)
{
	const struct imprint_device_identity *id = &f->agent.device.identity;

	if (f->type == FIELD_ENROL)
		return f->wish->sealed;
	return f->type == FIELD_RENEW && id->key_count > 0 &&
	    id->keys[0].private_key.len > 0;
}

/* The key that they are sealed to: one that is there serves on. */
static enum err
chip_begin(struct field *f, unsigned set)
{
	const struct imprint_device_keystore *keys =
	    &f->agent.sets[set].table;
	uint8_t room[IMPRINT_DEVICE_HELD_SIZE];
	struct imprint_device_public key;

	if (keys->get(keys->state, IMPRINT_DEVICE_CHIP, room, &key) != 0)
		return agent_error(f->cmd, IMPRINT_DEVICE_ERROR_CRYPTO);
	if (key.x.len > 0 || keys->make(keys->state, IMPRINT_DEVICE_CHIP,
	    IMPRINT_DEVICE_X25519, IMPRINT_DEVICE_ENCRYPT) == 0)
		return ERR_OK;
	return f->cmd->diag.code != ERR_OK ? f->cmd->diag.code :
	    agent_error(f->cmd, IMPRINT_DEVICE_ERROR_CRYPTO);
}

/* New keys, then the request, durable in this order. A refresh has those that
 * are present. */
static enum err
request_begin(struct field *f)
{
	enum imprint_device_alg algs[IMPRINT_DEVICE_HANDLES] = { 0 };
	struct agent *agent = &f->agent;
	unsigned set = agent->keys == &agent->sets[0] ? 1 : 0;
	_cleanup_buf_ struct buf request = BUF_INIT, body = BUF_INIT;
	struct field_ask ask = { .type = f->type, .agent = agent,
		.keys = &agent->sets[set].table, .algs = algs };
	enum err err = ERR_OK;

	ask.sealed = is_sealed(f);
	if (f->type == FIELD_ENROL && !ask.sealed)
		memcpy(algs, f->wish->algs, sizeof(algs));
	else if (!f->wish->same_key && !ask.sealed)
		algs_present(f, algs);
	if (f->type == FIELD_REFRESH) {
		set = 1 - set;
		field_package_body(&body, f->installed);
		ask.body = buf_bytes(&body);
	} else {
		err = keys_begin(f, set, algs);
	}
	if (!err && ask.sealed)
		err = chip_begin(f, set);
	if (!err)
		err = field_request_make(f->cmd, &ask, &request);
	if (err)
		return err;
	f->state.type = f->type;
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

/* Nothing is asked any more; what is installed is what was confirmed. */
static enum err
request_settle(struct field *f)
{
	f->state.request = f->state.confirm = BYTES_NONE;
	f->state.answered = true;
	f->state.refusals = 0;
	memcpy(f->state.before, f->installed, FIELD_HASH_SIZE);
	memcpy(f->state.after, f->installed, FIELD_HASH_SIZE);
	return field_state_write(f->cmd, &f->state);
}

static enum err
confirm_begin(struct field *f)
{
	_cleanup_buf_ struct buf request = BUF_INIT, body = BUF_INIT;
	struct field_ask ask = { .type = FIELD_CONFIRM, .agent = &f->agent };
	enum err err;

	field_package_body(&body, f->state.after);
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

static struct field_turn
turn_refused(struct field *f, const struct imprint_tls_answer *answer)
{
	bool asked = is_installed(f, f->state.before), back = false;
	enum err err = ERR_OK;

	refusal_print(f, answer);
	if (answer->status == 429 || answer->status >= 500 ||
	    is_unclaimed(answer))
		return (struct field_turn){ .then = TURN_LATER,
			.code = EXIT_BUSY,
			.retry_after_s = answer->retry_after_s };
	/* nothing is lost with it, and it must not hold up a renewal */
	if (asked && f->state.type == FIELD_REFRESH &&
	    f->state.confirm.len == 0)
		err = request_settle(f);
	else if (asked && is_final(answer))
		err = request_refused(f);
	else if (!asked && (reason_is(answer, "superseded") ||
	    reason_is(answer, "unknown")))
		err = identity_back(f, &back);
	if (!err && back && f->wish->anew)
		return (struct field_turn){ .then = TURN_NEXT };
	return err ? turn_fail(f->cmd, err) : (struct field_turn){
		.then = TURN_END, .code = EXIT_REFUSED,
		.retry_after_s = answer->retry_after_s };
}

/* No answer of the server at all. */
static struct field_turn
turn_unanswered(const struct field *f,
    const struct imprint_tls_answer *answer)
{
	static const char *const words[] = {
		[IMPRINT_TLS_FAILED] = "failed",
		[IMPRINT_TLS_UNREACHABLE] = "unreachable",
		[IMPRINT_TLS_SERVER_DENIED] = "server-denied",
		[IMPRINT_TLS_DEVICE_DENIED] = "device-denied",
		[IMPRINT_TLS_BAD_ANSWER] = "bad-answer"
	};

	fprintf(stderr, "%s: %s\n", f->cmd->program->name, answer->reason);
	if (f->cmd->json)
		printf("{\"confirmed\": false, \"reason\": \"%s\"}\n",
		    words[answer->outcome]);
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
		return (struct field_turn){ .then = TURN_LATER,
			.code = EXIT_IO };
	}
}

/* Its hash is kept before the package is, so that what is installed later
 * tells whether it is that. */
static struct field_turn
package_install(struct field *f, struct imprint_bytes package,
    const uint8_t hash[FIELD_HASH_SIZE])
{
	struct imprint_device_identity id = { .key_count = 0 };
	struct agent *agent = &f->agent;
	struct imprint_device_report report;
	enum imprint_device_install install;
	enum err err;

	/* what is kept of the confirmation is that of the same package */
	if (memcmp(f->state.after, hash, FIELD_HASH_SIZE) != 0)
		f->state.confirm = BYTES_NONE;
	f->state.answered = true;
	f->state.refusals = 0;
	memcpy(f->state.after, hash, FIELD_HASH_SIZE);
	err = field_state_write(f->cmd, &f->state);
	agent->device.new_keys = &agent->sets[f->state.set].table;
	if (!err)
		err = agent_error(f->cmd, imprint_device_install(
		    &agent->device, package, time_now(), false, &id, &report,
		    &install));
	if (err)
		return turn_fail(f->cmd, err);
	if (install != IMPRINT_DEVICE_REFUSED)
		return (struct field_turn){ .then = TURN_NEXT };
	agent_refuse(f->cmd, &report, package);
	return turn_end(EXIT_REFUSED);
}

/* A package that was sealed to this device is opened first: the same octets
 * each time, so that their hash tells it. */
static struct field_turn
answer_install(struct field *f, const struct field_answer *answer)
{
	_cleanup_secret_ struct secret room = SECRET_INIT;
	struct imprint_bytes package = { answer->package.ptr,
		answer->package.len };
	struct agent *agent = &f->agent;
	struct imprint_device_report report;
	uint8_t hash[FIELD_HASH_SIZE];
	enum err err;

	if (!imprint_device_is_sealed(package))
		return package_install(f, package, answer->hash);
	if (secret_alloc(&room, package.len + UNSEAL_MORE) != ERR_OK)
		return turn_fail(f->cmd, diag_nomem(&f->cmd->diag));
	err = agent_error(f->cmd, imprint_device_unseal(agent->device.crypto,
	    &agent->sets[f->state.set].table, package, room.ptr, room.cap,
	    &room.len, &report));
	if (!err && report.verdict != IMPRINT_DEVICE_ACCEPT) {
		agent_refuse(f->cmd, &report, package);
		return turn_end(EXIT_REFUSED);
	}
	package = (struct imprint_bytes){ room.ptr, room.len };
	if (!err)
		err = field_hash(f->cmd, secret_bytes(&room), hash);
	return err ? turn_fail(f->cmd, err) :
	    package_install(f, package, hash);
}

/* Confirmed: remember it, then forget what was before. */
static struct field_turn
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
	done_print(f, "confirmed ", false);
	return turn_end(EXIT_OK);
}

static struct field_turn
turn_current(struct field *f)
{
	enum err err = request_settle(f);

	if (err)
		return turn_fail(f->cmd, err);
	done_print(f, "current ", true);
	return turn_end(EXIT_OK);
}

/* A request is answered with a package that was confirmed, too. */
static bool
is_to(const struct field *f, const struct field_answer *answer,
    bool confirming)
{
	if (answer->package.len > 0)
		return !confirming && (answer->result == FIELD_ISSUED ||
		    answer->result == FIELD_CONFIRMED);
	return confirming ? answer->result == FIELD_CONFIRMED :
	    answer->result == FIELD_CURRENT &&
	    f->state.type == FIELD_REFRESH;
}

static struct field_turn
turn_answered(struct field *f, bool confirming, struct bytes request,
    const struct imprint_tls_answer *reply)
{
	const struct imprint_device *device = &f->agent.device;
	const struct field_asked asked = { .crypto = device->crypto,
		.identity = &device->identity, .root = device->report.root,
		.request = request };
	struct field_answer answer;
	enum err err;

	err = field_answer_read(&asked, bytes_of(reply->body.ptr,
	    reply->body.len), &answer, &f->cmd->diag);
	if (!err && !is_to(f, &answer, confirming))
		err = diag_fail(&f->cmd->diag, ERR_AUTH, NULL,
		    "answer: it is to something else than was asked");
	if (!err)
		err = agent_time_keep(f->cmd, &f->agent, answer.time -
		    CLOCK_SKEW_S);
	if (err)
		return turn_fail(f->cmd, err);
	imprint_device_time_seen(&f->agent.device, answer.time -
	    CLOCK_SKEW_S);
	f->state.advice = answer.advice;
	if (confirming)
		return turn_confirmed(f);
	return answer.result == FIELD_CURRENT ? turn_current(f) :
	    answer_install(f, &answer);
}

static struct field_turn
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

/* What a turn is for, when nothing is under way; or it has nothing to do. */
static bool
is_over(struct field *f, struct field_turn *ret_turn)
{
	struct field_due due;
	enum err err;

	if (f->type == FIELD_ENROL && field_is_done(f)) {
		done_print(f, "confirmed before: ", true);
		*ret_turn = turn_end(EXIT_OK);
		return true;
	}
	if (f->type == FIELD_REFRESH && !field_is_done(f)) {
		err = diag_fail(&f->cmd->diag, ERR_STATE, NULL,
		    "what is installed is not from the field");
		diag_hint(&f->cmd->diag, "imprint-device bootstrap first");
		*ret_turn = turn_fail(f->cmd, err);
		return true;
	}
	if (f->type != FIELD_DUE)
		return false;
	err = field_due(f, &due);
	if (err) {
		*ret_turn = turn_fail(f->cmd, err);
		return true;
	}
	f->type = due.type;
	*ret_turn = (struct field_turn){ .then = TURN_IDLE, .due = due };
	return f->wish->rest || (due.at > f->wish->now &&
	    due.at > f->agent.device.report.floor);
}

/* From what is kept to the next thing that is. */
static struct field_turn
turn_run(struct field *f)
{
	struct field_turn turn;
	enum err err;

	if (!is_fit(f))
		return turn_end(EXIT_REFUSED);
	if (field_is_pending(f) && f->state.answered &&
	    is_installed(f, f->state.after)) {
		if (f->state.confirm.len > 0)
			return turn_ask(f, true);
		err = confirm_begin(f);
		return err ? turn_fail(f->cmd, err) :
		    (struct field_turn){ .then = TURN_NEXT };
	}
	if (field_is_pending(f) && !is_given_up(f))
		return turn_ask(f, false);
	if (!field_is_pending(f) && is_over(f, &turn))
		return turn;
	err = request_another(f);
	return err ? turn_fail(f->cmd, err) :
	    (struct field_turn){ .then = TURN_NEXT };
}

static struct field_turn
turn_open(struct cmd *cmd, struct field_wish *wish)
{
	_cleanup_field_ struct field f = FIELD_INIT;
	struct field_turn turn;
	enum err err;

	f.cmd = cmd;
	f.wish = wish;
	f.type = wish->type;
	err = field_open(&f);
	if (err)
		return turn_fail(cmd, err);
	turn = turn_run(&f);
	turn.floor = f.agent.device.report.floor;
	return turn;
}

struct field_turn
field_turns(struct cmd *cmd, struct field_wish *wish)
{
	_cleanup_file_ struct file lock = FILE_INIT;
	struct agent place = { .home = agent_home(cmd) };
	struct field_turn turn = { .then = TURN_NEXT };
	enum err err;

	err = agent_enter(cmd, &place, &lock);
	if (err)
		return turn_fail(cmd, err);
	while (turn.then == TURN_NEXT)
		turn = turn_open(cmd, wish);
	return turn;
}
