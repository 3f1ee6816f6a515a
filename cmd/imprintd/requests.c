/* What a front asks for itself. */
#include <stdio.h>
#include <string.h>

#include "cmd/imprintd/desk.h"
#include "lib/authority/chip_maker.h"
#include "lib/authority/server_certificate.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/crypto/random.h"
#include "lib/proto/front_key.h"

#define TOKENS_MAX	8	/* at once; one more a minute */
#define WELCOME_REST	((size_t)1 << 10)	/* beside certificates */
#define WELCOME_EACH	((size_t)5)		/* of CBOR */
#define SECOND_NS	INT64_C(1000000000)
#define TOKEN_NS	(60 * SECOND_NS)
/* A session lasts as long: the key before opens what was sealed just before
 * it was changed, and no more. */
#define TICKETS_NS	(3600 * SECOND_NS)
#define TICKETS_AGAIN_NS (60 * SECOND_NS)

static void
failed_put(struct desk_peer *peer, uint64_t call, unsigned status,
    const char *reason, const struct diag *diag)
{
	struct internal_refusal refusal = { .status = status };

	(void)snprintf(refusal.reason, sizeof(refusal.reason), "%s", reason);
	(void)snprintf(refusal.detail, sizeof(refusal.detail), "%s",
	    diag->what);
	refusal_put(peer, call, &refusal);
}

enum err
tickets_renew(struct desk *desk, struct diag *diag)
{
	uint8_t fresh[TICKETS_SIZE / 2];
	enum err err = random_bytes(fresh, sizeof(fresh), diag);

	desk->tickets_ns = time_monotonic_ns() + (err ? TICKETS_AGAIN_NS :
	    TICKETS_NS);
	if (err)
		return err;
	memcpy(desk->tickets + sizeof(fresh), desk->tickets, sizeof(fresh));
	memcpy(desk->tickets, fresh, sizeof(fresh));
	wipe(fresh, sizeof(fresh));
	desk->tickets_count++;
	return ERR_OK;
}

void
tickets_keep(struct desk *desk)
{
	struct diag diag = DIAG_INIT;

	if (time_monotonic_ns() >= desk->tickets_ns &&
	    tickets_renew(desk, &diag) != ERR_OK)
		log_diag("authority", "keys of tickets", &diag);
}

/* Of what fronts are told: it grows with each key of tickets, and with each
 * manufacturer that comes or goes. */
static enum err
generation(const struct desk *desk, uint64_t *ret_generation,
    struct diag *diag)
{
	uint64_t place = 0;
	enum err err;

	err = store_object_last_of(authority_store(desk->authority),
	    STORE_MANUFACTURER, &place, diag);
	if (!err)
		*ret_generation = desk->tickets_count + place;
	return err;
}

static void
manufacturer_missed(const char *name)
{
	struct diag diag = DIAG_INIT;

	(void)diag_fail(&diag, ERR_LIMIT, NULL, "manufacturer %s: fronts "
	    "have no room for its CA: its devices are not let in", name);
	diag_hint(&diag, "remove manufacturers that are not needed");
	log_diag("authority", "welcome", &diag);
}

/* Manufacturers whose devices enrol with certificates of theirs: views. */
static enum err
manufacturers_add(struct desk *desk, struct chip_makers *makers,
    struct internal_welcome *welcome, struct diag *diag)
{
	size_t i, len = WELCOME_REST;
	struct bytes cert;
	enum err err;

	err = manufacturers_load(desk->authority, makers, diag);
	for (i = 0; !err && i < welcome->trust_count; i++)
		len += welcome->trust[i].len + WELCOME_EACH;
	for (i = 0; !err && i < makers->signer_count; i++) {
		cert = makers->signers[i].cert;
		if (welcome->trust_count == INTERNAL_CERTS_MAX ||
		    cert.len > INTERNAL_DER_MAX ||
		    len + cert.len + WELCOME_EACH > INTERNAL_SIZE_MAX) {
			manufacturer_missed(makers->signers[i].name);
			continue;
		}
		len += cert.len + WELCOME_EACH;
		welcome->trust[welcome->trust_count++] = cert;
	}
	return err;
}

static void
welcome_answer(struct desk *desk, struct desk_peer *peer, uint64_t call)
{
	static const char *const names[] = { KEY_ROOT, LOG_BULK, LOG_ONLINE };
	struct buf ders[3] = { BUF_INIT, BUF_INIT, BUF_INIT };
	_cleanup_buf_ struct buf body = BUF_INIT;
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	struct internal_welcome welcome = { .trust_count = 0 };
	struct diag diag = DIAG_INIT;
	size_t i;
	enum err err;

	memcpy(welcome.challenge, peer->challenge, CHALLENGE_SIZE);
	memcpy(welcome.tickets, desk->tickets, TICKETS_SIZE);
	err = generation(desk, &welcome.generation, &diag);
	(void)snprintf(welcome.name, sizeof(welcome.name), "%s", desk->name);
	for (i = 0; i < 3 && !err; i++) {
		err = authority_certificate(desk->authority, names[i],
		    &ders[i], &diag);
		welcome.trust[i] = buf_bytes(&ders[i]);
	}
	welcome.trust_count = welcome.own_count = i;
	if (!err)
		err = manufacturers_add(desk, &makers, &welcome, &diag);
	if (err) {
		log_diag("authority", "welcome", &diag);
		failed_put(peer, call, 500, "internal", &diag);
	} else {
		internal_put_welcome(&body, &welcome);
		answer_put(peer, call, INTERNAL_ANSWER, &body);
	}
	wipe(welcome.tickets, TICKETS_SIZE);
	for (i = 0; i < 3; i++)
		buf_release(&ders[i]);
}

/*
 * Each is an entry of a log that lasts: a front cannot have them without end,
 * however often it starts again. Seconds until there is one; 0: taken.
 */
static unsigned
token_take(struct desk_tokens *tokens)
{
	int64_t now = time_monotonic_ns();

	while (tokens->spent > 0 && now - tokens->at_ns >= TOKEN_NS) {
		tokens->spent--;
		tokens->at_ns += TOKEN_NS;
	}
	if (tokens->spent == 0)
		tokens->at_ns = now;
	if (tokens->spent == TOKENS_MAX)
		return 1 + (unsigned)((tokens->at_ns + TOKEN_NS - now) /
		    SECOND_NS);
	tokens->spent++;
	return 0;
}

static void
busy_put(struct desk_peer *peer, uint64_t call, unsigned retry_after_s)
{
	const struct internal_refusal refusal = { .status = 429,
		.reason = "busy", .retry_after_s = retry_after_s,
		.detail = "TLS certificate: too many in this minute" };

	refusal_put(peer, call, &refusal);
}

static enum err
certificate_make(struct desk *desk, struct desk_peer *peer,
    struct bytes proof, struct buf *body, struct diag *diag)
{
	_cleanup_buf_ struct buf leaf = BUF_INIT, infra = BUF_INIT;
	struct internal_certificate certificate = { .chain_count = 2 };
	struct public_key key;
	enum err err;

	err = front_key_verify(proof, peer->challenge, &key, diag);
	if (!err)
		err = authority_server_certificate(desk->authority,
		    desk->name, &key, time_now(), &leaf,
		    &certificate.not_after, diag);
	if (!err)
		err = authority_certificate(desk->authority, KEY_INFRA,
		    &infra, diag);
	if (err)
		return err;
	certificate.chain[0] = buf_bytes(&leaf);
	certificate.chain[1] = buf_bytes(&infra);
	internal_put_certificate(body, &certificate);
	return buf_err(body);
}

static bool
certificate_answer(struct desk *desk, struct desk_peer *peer,
    const struct internal_message *message)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct bytes proof;
	unsigned wait_s;
	enum err err;

	if (internal_get_octets(message->body, FRONT_KEY_MAX, &proof,
	    &diag) != ERR_OK)
		return false;
	wait_s = token_take(&desk->tokens[peer->place]);
	if (wait_s > 0) {
		busy_put(peer, message->call, wait_s);
		return true;
	}
	err = certificate_make(desk, peer, proof, &body, &diag);
	if (err == ERR_NOSPACE && disk_room_give(desk)) {
		diag = (struct diag)DIAG_INIT;
		buf_clear(&body);
		err = certificate_make(desk, peer, proof, &body, &diag);
	}
	if (err) {
		log_diag("authority", "TLS certificate", &diag);
		if (err == ERR_NOSPACE)
			failed_put(peer, message->call, 503, "disk", &diag);
		else
			failed_put(peer, message->call, 403, "refused",
			    &diag);
		return true;
	}
	answer_put(peer, message->call, INTERNAL_ANSWER, &body);
	return true;
}

static bool
figures_answer(struct desk *desk, struct desk_peer *peer,
    const struct internal_message *message)
{
	_cleanup_buf_ struct buf text = BUF_INIT, body = BUF_INIT;
	struct internal_figures figures = { .ready = !desk->disk_full };
	struct diag diag = DIAG_INIT;

	if (internal_get_counts(message->body, peer->counts, NULL) != ERR_OK)
		return false;
	peer->serves = true;
	if (generation(desk, &figures.generation, &diag) != ERR_OK) {
		log_diag("authority", "figures", &diag);
		failed_put(peer, message->call, 500, "internal", &diag);
		return true;
	}
	text.limit = INTERNAL_SIZE_MAX / 2;
	figures_put(desk, &text);
	figures.text = buf_bytes(&text);
	internal_put_figures(&body, &figures);
	answer_put(peer, message->call, INTERNAL_ANSWER, &body);
	return true;
}

bool
request_answer(struct desk *desk, struct desk_peer *peer,
    const struct internal_message *message)
{
	switch (message->type) {
	case INTERNAL_WELCOME:
		if (!bytes_equal(message->body, bytes_of("\xf6", 1)))
			return false;
		welcome_answer(desk, peer, message->call);
		return true;
	case INTERNAL_CERTIFICATE:
		return certificate_answer(desk, peer, message);
	case INTERNAL_REQUEST:
		return operator_request(desk, peer, message);
	case INTERNAL_QUERY:
		return operator_query(desk, peer, message);
	case INTERNAL_LEDGER_HEAD:
		return station_head(desk, peer, message);
	case INTERNAL_FIGURES:
		return figures_answer(desk, peer, message);
	default:
		return false;
	}
}
