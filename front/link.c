/* The channel to the authority: calls and their answers. */
#include <stdio.h>
#include <string.h>

#include "front/front_internal.h"
#include "lib/base/clock.h"

#define CALL_S		30
#define STRANGERS_MAX	16	/* of the calls of a front */
#define TOLD_MAX	64	/* certificates that were shown */

/* Anybody can hand in what is an operator's to sign, and ask what a request
 * has to hold (RFC 7030 4.5.1): that is not to take the place of devices. */
static bool
is_strangers(enum internal_type type, struct bytes body)
{
	struct internal_est_wish wish;

	if (type != INTERNAL_EST_WISH)
		return internal_is_anybodys(type);
	return internal_get_est_wish(body, &wish, NULL) != ERR_OK ||
	    wish.leaf.len == 0;
}

static bool
strangers_full(const struct front *front)
{
	size_t i, count = 0;

	for (i = 0; i < INTERNAL_CALLS_MAX; i++)
		count += front->calls[i].number != 0 &&
		    front->calls[i].stranger;
	return count >= STRANGERS_MAX;
}

/* A certificate has one place, however often and by however many connections
 * it is shown, and all of them leave most of the calls to other questions. */
static bool
told_full(const struct front *front, const uint8_t leaf[SHA256_SIZE])
{
	const struct front_call *call;
	size_t i, count = 0;

	for (i = 0; i < INTERNAL_CALLS_MAX; i++) {
		call = &front->calls[i];
		if (call->number == 0 || !call->told)
			continue;
		if (memcmp(call->leaf, leaf, SHA256_SIZE) == 0)
			return true;
		count++;
	}
	return count >= TOLD_MAX;
}

/* NULL: it is away, or too much waits. */
static struct front_call *
call_put(struct front *front, enum internal_type type, struct bytes body,
    struct http_call *reply)
{
	struct internal_message message = { .type = type, .body = body };
	struct front_call *call;
	size_t slot = 0;

	while (slot < INTERNAL_CALLS_MAX && front->calls[slot].number != 0)
		slot++;
	if (front->away || slot == INTERNAL_CALLS_MAX)
		return NULL;
	/* never used before: a late answer belongs to nobody */
	message.call = ++front->sequence * INTERNAL_CALLS_MAX + slot;
	if (channel_put(&front->link, &message) != ERR_OK)
		return NULL;
	call = &front->calls[slot];
	*call = (struct front_call){ .number = message.call, .type = type,
		.reply = reply, .since_ns = time_monotonic_ns() };
	/* with all else of this turn */
	http_watch_write(front->link_watch, true);
	return call;
}

bool
link_ask(struct front *front, enum internal_type type, struct bytes body,
    struct http_call *reply)
{
	bool stranger = is_strangers(type, body);
	struct front_call *call;

	call = stranger && strangers_full(front) ? NULL :
	    call_put(front, type, body, reply);
	if (call != NULL)
		call->stranger = stranger;
	return call != NULL;
}

bool
link_tell(struct front *front, const uint8_t leaf[SHA256_SIZE],
    struct bytes body, struct http_call *reply)
{
	struct front_call *call;

	call = told_full(front, leaf) ? NULL :
	    call_put(front, INTERNAL_EST_WISH, body, reply);
	if (call == NULL)
		return false;
	call->told = true;
	memcpy(call->leaf, leaf, SHA256_SIZE);
	return true;
}

void
link_refuse(struct front *front, struct http_request *r)
{
	if (front->away)
		front_refuse(front, r, HTTP_UNAVAILABLE, "away",
		    "not carried out: the authority is not there now",
		    RETRY_AWAY);
	else
		front_refuse(front, r, HTTP_UNAVAILABLE, "busy",
		    "not carried out: too many wait already", RETRY_BUSY);
}

bool
link_asked(const struct front *front, enum internal_type type)
{
	size_t i;

	for (i = 0; i < INTERNAL_CALLS_MAX; i++)
		if (front->calls[i].number != 0 &&
		    front->calls[i].type == type)
			return true;
	return false;
}

/* It was passed on: whether it was carried out, or will be, nobody knows. */
static void
call_lost(struct front *front, struct front_call *call, const char *detail)
{
	struct http_request *r;

	r = call->reply == NULL ? NULL : http_call_request(call->reply);
	if (r != NULL)
		front_refuse(front, r, HTTP_UNAVAILABLE, "unavailable",
		    detail, RETRY_AWAY);
	http_call_end(&call->reply);
	call->number = 0;
}

void
link_expire(struct front *front)
{
	int64_t now = time_monotonic_ns();
	struct front_call *call;
	size_t i;

	for (i = 0; i < INTERNAL_CALLS_MAX; i++) {
		call = &front->calls[i];
		if (call->number != 0 && now - call->since_ns >
		    CALL_S * INT64_C(1000000000))
			call_lost(front, call, "no answer in time; the same"
			    " request again is safe");
	}
}

void
link_drop(struct front *front)
{
	size_t i;

	front->away = true;
	front->ready = false;
	for (i = 0; i < INTERNAL_CALLS_MAX; i++)
		if (front->calls[i].number != 0)
			call_lost(front, &front->calls[i], "the authority"
			    " ended before it answered; the same request"
			    " again is safe");
}

static void
message_take(struct front *front, const struct internal_message *message)
{
	struct front_call *call;

	front->heard_ns = time_monotonic_ns();
	call = &front->calls[message->call % INTERNAL_CALLS_MAX];
	if (call->number != message->call || call->number == 0)
		return;		/* nobody waits for it any longer */
	switch (call->type) {
	case INTERNAL_WELCOME:
		welcome_answered(front, message);
		break;
	case INTERNAL_CERTIFICATE:
		key_answered(front, message);
		break;
	case INTERNAL_IDENTITY:
	case INTERNAL_EST:
	case INTERNAL_EST_WISH:
	case INTERNAL_EST_KEYGEN:
	case INTERNAL_REQUEST:
	case INTERNAL_QUERY:
	case INTERNAL_LEDGER_HEAD:
		identity_answered(front, call, message);
		break;
	case INTERNAL_FIGURES:
		figures_answered(front, call, message);
		break;
	default:
		break;
	}
	http_call_end(&call->reply);
	call->number = 0;
}

void
link_ready(void *ctx)
{
	struct internal_message message;
	struct diag diag = DIAG_INIT;
	struct front *front = ctx;
	bool there = true;
	enum err err;

	err = channel_write(&front->link, &diag);
	if (!err)
		err = channel_read(&front->link, &diag);
	while (!err && there) {
		err = channel_next(&front->link, &message, &there, &diag);
		if (!err && there)
			message_take(front, &message);
	}
	if (!err) {
		http_watch_write(front->link_watch,
		    channel_queued(&front->link) > 0);
		return;
	}
	front_warn(front, "the authority has ended");
	http_watch_free(&front->link_watch);
	link_drop(front);
}
