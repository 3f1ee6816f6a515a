/*
 * Where the ledger stands, to the authority by way of imprintd. The head is
 * signed and so is the acknowledgement, so nothing rests on who carries them:
 * what is altered, of another authority or not the newest is refused here.
 */
#include <string.h>
#include <time.h>

#include "cmd/client/client.h"
#include "cmd/imprint-station/sync.h"
#include "lib/base/clock.h"
#include "lib/crypto/random.h"

#define TARGET		"/v1/ledger-head"
#define TRUST_TARGET	"/pub/trust.pem"
#define TIMEOUT_S	20		/* of each wait */
#define TRIES_MAX	5
#define WAIT_MAX_S	30
#define SECOND_MS	1000
#define ROUNDS_MAX	3
#define BUSY		429
#define UNAVAILABLE	503

static enum err
client_open(struct cmd *cmd, const char *url, struct client *client)
{
	_cleanup_station_ struct station look = STATION_INIT;
	enum err err;

	err = client_address(client, url, &cmd->diag);
	if (!err)
		err = station_get(cmd, STATION_LOOK, &look);
	return err ? err : station_root(&look, &client->root, &cmd->diag);
}

/* May the same again help? The head is acknowledged once, however often it
 * arrives. */
static bool
may_help(const struct imprint_tls_answer *answer)
{
	switch (answer->outcome) {
	case IMPRINT_TLS_UNREACHABLE:
	case IMPRINT_TLS_BAD_ANSWER:
		return true;
	case IMPRINT_TLS_ANSWERED:
		return answer->retry_after_s <= WAIT_MAX_S &&
		    (answer->status == BUSY || answer->status == UNAVAILABLE);
	default:
		return false;
	}
}

/* As long as the server says, or 1, 2, 4, 8 s; and a chance up to a second
 * more, for other stations wait too. */
static void
wait_for_next(struct cmd *cmd, unsigned tries, unsigned retry_after_s)
{
	unsigned s = retry_after_s > 0 ? retry_after_s : 1u << (tries - 1);
	struct timespec t = { .tv_sec = (time_t)s };
	uint8_t chance = 0;

	if (random_bytes(&chance, 1, NULL) == ERR_OK)
		t.tv_nsec = chance * (long)(SECOND_MS * SECOND_MS *
		    SECOND_MS / (UINT8_MAX + 1));
	cmd_warn(cmd, "%s; asking again in %u s", cmd->diag.what, s);
	(void)nanosleep(&t, NULL);
}

static enum err
ask(struct cmd *cmd, const struct client *client,
    struct imprint_tls_request *request, struct buf *room,
    struct bytes *ret_body)
{
	struct imprint_tls_answer answer;
	unsigned tries;
	enum err err;

	for (tries = 1;; tries++) {
		cmd->diag = (struct diag)DIAG_INIT;
		err = client_ask(client, request, room, &answer, &cmd->diag);
		if (!err || tries == TRIES_MAX || !may_help(&answer))
			break;
		wait_for_next(cmd, tries, answer.retry_after_s);
	}
	if (!err)
		*ret_body = bytes_of(answer.body.ptr, answer.body.len);
	return err;
}

/* The authority may have a new document signer, which is good by the root
 * that the station is bound to. */
static enum err
trust_renew(struct cmd *cmd, const struct client *client)
{
	struct imprint_tls_request request = { .method = "GET",
		.target = TRUST_TARGET };
	_cleanup_station_ struct station station = STATION_INIT;
	_cleanup_buf_ struct buf room = BUF_INIT;
	struct bytes pem;
	enum err err;

	err = ask(cmd, client, &request, &room, &pem);
	if (!err)
		err = station_get(cmd, STATION_WORK, &station);
	return err ? err : station_trust_renew(&station, pem, &cmd->diag);
}

static enum err
answer_take(struct cmd *cmd, const struct client *client, struct bytes answer,
    struct acknowledged *a)
{
	struct diag first;
	enum err err;

	err = sync_acknowledge(cmd, answer, a);
	if (err != ERR_AUTH)
		return err;
	first = cmd->diag;
	if (trust_renew(cmd, client) == ERR_OK) {
		cmd->diag = (struct diag)DIAG_INIT;
		return sync_acknowledge(cmd, answer, a);
	}
	cmd_warn(cmd, "the trust.pem of %s was not taken: %s", client->host,
	    cmd->diag.what);
	cmd->diag = first;
	diag_hint(&cmd->diag, "if the authority has a new document signer: "
	    "imprint-station trust FILE, with its trust.pem");
	return err;
}

static enum err
answer_old(struct cmd *cmd, const struct client *client)
{
	(void)diag_fail(&cmd->diag, ERR_AUTH, NULL, "%s: answers with an "
	    "acknowledgement of before, not with one of what was told now",
	    client->host);
	diag_hint(&cmd->diag, "the authority never does: is that its server, "
	    "or who stands between? Nothing was changed");
	return ERR_AUTH;
}

/* One head; ret_done: it is what was acknowledged. */
static enum err
sync_round(struct cmd *cmd, const struct client *client,
    struct acknowledged *a, bool *ret_done)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT, room = BUF_INIT;
	struct imprint_tls_request request = { .method = "POST",
		.target = TARGET, .content_type = HEAD_TYP };
	struct ledger_head head;
	struct bytes answer;
	enum err err;

	err = sync_head(cmd, &encoded, &head);
	request.body = (struct imprint_bytes){ encoded.ptr, encoded.len };
	if (!err)
		err = ask(cmd, client, &request, &room, &answer);
	if (!err)
		err = answer_take(cmd, client, answer, a);
	if (err)
		return err;
	*ret_done = a->at.entries == head.at.entries &&
	    memcmp(a->at.hash, head.at.hash, SHA256_SIZE) == 0;
	/* the head rests on that one, so it would have had its own */
	return !*ret_done && a->at.entries <= head.acknowledged.entries ?
	    answer_old(cmd, client) : ERR_OK;
}

enum err
sync_server(struct cmd *cmd, const char *url,
    struct acknowledged *ret_acknowledged)
{
	_cleanup_client_ struct client client = {
		.root = BUF_INIT, .timeout_s = TIMEOUT_S,
		.root_hint = "is it the server of the ecosystem that the "
		    "station works for, and the clock here set?",
		.signer_hint = "is the station registered there, with the "
		    "keys that it has now?"
	};
	struct acknowledged a;
	bool done = false;
	unsigned round;
	enum err err;

	err = client_open(cmd, url, &client);
	/* one that never arrived is given again first */
	for (round = 0; round < ROUNDS_MAX && !err && !done; round++)
		err = sync_round(cmd, &client, &a, &done);
	if (!err && !done)
		err = diag_fail(&cmd->diag, ERR_BUSY, NULL, "%s: acknowledges "
		    "other points of this ledger than are told: is another "
		    "process telling too?", client.host);
	if (!err)
		*ret_acknowledged = a;
	return err;
}
