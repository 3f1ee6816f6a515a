#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cmd/imprintd/desk.h"
#include "front/confine.h"
#include "lib/authority/anchor.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/crypto/random.h"
#include "lib/proto/local.h"

#define WAIT_MS		1000
#define UPKEEP_FIRST_S	60
#define STRANGERS_MAX	8	/* of a front in a turn */

static void
peer_drop(struct desk *desk, struct desk_peer *peer)
{
	size_t i;

	for (i = 0; i < COUNTS; i++)
		if (i != COUNT_CONNECTIONS && i != COUNT_CERTIFICATE_END)
			desk->ended[i] += peer->counts[i];
	channel_release(&peer->channel);
	memset(peer, 0, sizeof(*peer));
	peer->channel = (struct channel)CHANNEL_INIT;
}

static void
peer_cut_off(struct desk *desk, struct desk_peer *peer,
    const struct diag *diag)
{
	desk->cut_off++;
	log_diag("authority", "a front is cut off", diag);
	peer_drop(desk, peer);
}

static void
peer_new(struct desk *desk, int fd, unsigned place)
{
	struct desk_peer *peer = NULL;
	struct diag diag = DIAG_INIT;
	size_t i;
	enum err err;

	for (i = 0; i < PEERS_MAX && peer == NULL; i++)
		if (!desk->peers[i].used)
			peer = &desk->peers[i];
	if (peer == NULL) {
		(void)close(fd);
		return;
	}
	err = channel_open(&peer->channel, fd, &diag);
	if (!err)
		err = random_bytes(peer->challenge, CHALLENGE_SIZE, &diag);
	if (err) {
		log_diag("authority", "a front cannot be taken on", &diag);
		(void)close(fd);
		return;
	}
	peer->used = true;
	peer->place = place;
	desk->front_starts++;
}

static void
hangup(struct desk *desk)
{
	struct diag diag = DIAG_INIT;

	if (tickets_renew(desk, &diag) != ERR_OK)
		log_diag("authority", "keys of tickets", &diag);
}

static void
control_take(struct desk *desk)
{
	int fd = -1, place;
	char octet = 0;
	bool there;

	there = control_receive(desk->control, &octet, &fd) == ERR_OK;
	place = (unsigned char)octet - CONTROL_FRONT;
	if (!there || octet == 0)
		desk->ending = true;	/* the supervisor is gone */
	else if (octet == CONTROL_HANGUP)
		hangup(desk);
	else if (place >= 0 && place < FRONTS_MAX && fd >= 0)
		peer_new(desk, fd, (unsigned)place);
	else if (fd >= 0)
		(void)close(fd);
}

bool
desk_broken(const struct desk *desk)
{
	return store_broken(authority_store(desk->authority));
}

/* What is for a turn. */
static bool
is_job(uint64_t type)
{
	return type == INTERNAL_IDENTITY || type == INTERNAL_EST ||
	    type == INTERNAL_EST_WISH || type == INTERNAL_EST_KEYGEN;
}

static enum err
job_read(struct desk_job *job, struct bytes body, struct diag *diag)
{
	switch (job->type) {
	case INTERNAL_EST:
	case INTERNAL_EST_KEYGEN:
		return internal_get_est(body, &job->est, diag);
	case INTERNAL_EST_WISH:
		return internal_get_est_wish(body, &job->wish, diag);
	default:
		return internal_get_octets(body, INTERNAL_SIZE_MAX,
		    &job->request, diag);
	}
}

/* false: the rules were broken. */
static bool
message_take(struct desk *desk, struct desk_peer *peer,
    const struct internal_message *message, struct diag *diag)
{
	struct desk_job *job;
	enum err err;

	if (!internal_allowed(INTERNAL_FRONT, message->type)) {
		(void)diag_fail(diag, ERR_PERMISSION, NULL,
		    "internal message: type %llu is not a front's to send",
		    (unsigned long long)message->type);
		return false;
	}
	if (!is_job(message->type)) {
		/* strangers' words cost little, and do not end a turn */
		peer->asked = !internal_is_anybodys(message->type) ||
		    ++peer->strangers > STRANGERS_MAX;
		if (request_answer(desk, peer, message))
			return true;
		(void)diag_fail(diag, ERR_SYNTAX, NULL,
		    "internal message: type %llu: its body is malformed",
		    (unsigned long long)message->type);
		return false;
	}
	job = &desk->jobs[desk->job_count];
	*job = (struct desk_job){ .peer = peer, .call = message->call,
		.type = (enum internal_type)message->type,
		.answer = { .limit = INTERNAL_SIZE_MAX },
		.key = { .limit = INTERNAL_SIZE_MAX } };
	err = job_read(job, message->body, diag);
	desk->job_count += err == ERR_OK;
	return err == ERR_OK;
}

static void
job_release(struct desk_job *job)
{
	buf_release(&job->answer);
	buf_release(&job->key);
}

static void
peer_jobs_drop(struct desk *desk, const struct desk_peer *peer)
{
	size_t i, kept = 0;

	for (i = 0; i < desk->job_count; i++)
		if (desk->jobs[i].peer == peer)
			job_release(&desk->jobs[i]);
		else
			desk->jobs[kept++] = desk->jobs[i];
	desk->job_count = kept;
}

/* Whole messages that are here, until the turn has this many jobs; what it
 * has no room for stays, and so does what comes after a request for the front
 * itself: one a turn, as it is answered at once. */
static void
peer_messages(struct desk *desk, struct desk_peer *peer, size_t jobs_max)
{
	struct internal_message message;
	struct diag diag = DIAG_INIT;
	bool there = true, good = true;

	while (good && !peer->asked && desk->job_count < jobs_max &&
	    channel_queued(&peer->channel) <= CHANNEL_QUEUE_MAX / 2 &&
	    !desk_broken(desk)) {
		good = channel_next(&peer->channel, &message, &there,
		    &diag) == ERR_OK;
		if (!good || !there)
			break;
		good = message_take(desk, peer, &message, &diag);
	}
	peer->more = good && there;
	if (good)
		return;
	peer_jobs_drop(desk, peer);
	peer_cut_off(desk, peer, &diag);
}

/* Each has its share of the turn; then who has more fills it up. Another one
 * begins the next turn. */
static void
turn_gather(struct desk *desk)
{
	struct desk_peer *order[PEERS_MAX], *peer;
	size_t i, used = 0, share, end;

	for (i = 0; i < PEERS_MAX; i++) {
		peer = &desk->peers[(desk->first + i) % PEERS_MAX];
		peer->asked = false;
		peer->strangers = 0;
		if (peer->used)
			order[used++] = peer;
	}
	if (used == 0)
		return;
	desk->first = (unsigned)(order[0] - desk->peers + 1) % PEERS_MAX;
	share = used < TURN_MAX ? TURN_MAX / used : 1;
	for (i = 0; i < used; i++) {
		end = desk->job_count + share;
		peer_messages(desk, order[i], end < TURN_MAX ? end :
		    TURN_MAX);
	}
	for (i = 0; i < used; i++)
		if (order[i]->used && order[i]->more)
			peer_messages(desk, order[i], TURN_MAX);
}

static void
peer_read(struct desk *desk, struct desk_peer *peer)
{
	struct diag diag = DIAG_INIT;
	enum err err;

	err = channel_read(&peer->channel, &diag);
	peer->heard = true;
	if (err == ERR_STATE)
		peer_drop(desk, peer);
	else if (err)
		peer_cut_off(desk, peer, &diag);
}

static void
peer_write(struct desk *desk, struct desk_peer *peer)
{
	struct diag diag = DIAG_INIT;

	if (channel_queued(&peer->channel) > 0 &&
	    channel_write(&peer->channel, &diag) != ERR_OK)
		peer_drop(desk, peer);
	else
		pulse_serves(desk, peer);
}

void
answer_put(struct desk_peer *peer, uint64_t call, enum internal_type type,
    const struct buf *body)
{
	const struct internal_message message = { .call = call,
		.type = type, .body = buf_bytes(body) };

	/* one that is lost is asked for again: the device has no answer */
	if (buf_err(body) == ERR_OK &&
	    channel_put(&peer->channel, &message) != ERR_OK)
		log_line("authority", "an answer is lost: its front does not"
		    " read");
}

void
refusal_put(struct desk_peer *peer, uint64_t call,
    const struct internal_refusal *refusal)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	internal_put_refusal(&body, refusal);
	answer_put(peer, call, INTERNAL_REFUSAL, &body);
}

static void
job_put(const struct desk_job *job, struct buf *body)
{
	const struct internal_est_key made = { buf_bytes(&job->answer),
		buf_bytes(&job->key) };

	if (job->type == INTERNAL_EST_KEYGEN)
		internal_put_est_key(body, &made);
	else
		cbor_put_bstr(body, buf_bytes(&job->answer));
}

static void
jobs_answer(struct desk *desk)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct desk_job *job;
	size_t i;

	for (i = 0; i < desk->job_count; i++) {
		job = &desk->jobs[i];
		buf_clear(&body);
		if (job->done) {
			job_put(job, &body);
			answer_put(job->peer, job->call, INTERNAL_ANSWER,
			    &body);
		} else {
			refusal_put(job->peer, job->call, &job->refusal);
		}
	}
}

static enum err
turn_run(struct desk *desk, struct diag *diag)
{
	int64_t begun = time_monotonic_ns();
	bool counts = false;
	size_t i;
	enum err err;

	if (desk->job_count == 0)
		return ERR_OK;
	err = identities_run(desk, diag);
	if (!err)
		jobs_answer(desk);
	for (i = 0; i < desk->job_count; i++) {
		counts = counts || identity_counts(&desk->jobs[i]);
		job_release(&desk->jobs[i]);
	}
	desk->job_count = 0;
	if (counts)
		times_add(&desk->turns, begun);
	return err;
}

/* Descriptors to wait for, in this order. */
enum {
	WAIT_PEERS = 0, WAIT_CONTROL = PEERS_MAX, WAIT_SIGNALS,
	WAIT_LISTENER, WAIT_LOCALS, WAIT_ALL = WAIT_LOCALS + LOCALS_MAX
};

static void
peers_look(struct desk *desk, const struct pollfd *fds)
{
	struct desk_peer *peer;
	size_t i;

	for (i = 0; i < PEERS_MAX; i++) {
		peer = &desk->peers[i];
		if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
		    (fds[i].events & POLLIN) != 0)
			peer_read(desk, peer);
		else if ((fds[i].revents & (POLLHUP | POLLERR)) != 0)
			peer_drop(desk, peer);
	}
}

/* Wait, unless something is left; then who can be read from is. */
static void
peers_wait(struct desk *desk, int wait_ms)
{
	struct pollfd fds[WAIT_ALL];
	struct desk_peer *peer;
	size_t i;

	for (i = 0; i < PEERS_MAX; i++) {
		peer = &desk->peers[i];
		fds[i] = (struct pollfd){ .fd = peer->used ?
			peer->channel.fd : -1 };
		/* who does not take answers is not listened to */
		if (!peer->more && channel_queued(&peer->channel) <=
		    CHANNEL_QUEUE_MAX / 2)
			fds[i].events |= POLLIN;
		if (channel_queued(&peer->channel) > 0)
			fds[i].events |= POLLOUT;
	}
	fds[WAIT_CONTROL] = (struct pollfd){ desk->control, POLLIN, 0 };
	fds[WAIT_SIGNALS] = (struct pollfd){ desk->signals, POLLIN, 0 };
	fds[WAIT_LISTENER] = (struct pollfd){ desk->listener, POLLIN, 0 };
	for (i = 0; i < LOCALS_MAX; i++)
		fds[WAIT_LOCALS + i] = (struct pollfd){
			desk->run.gone && desk->locals[i].call != 0 ? -1 :
			desk->locals[i].fd, POLLIN, 0 };
	if (poll(fds, WAIT_ALL, desk->more ? 0 : wait_ms) <= 0)
		return;
	peers_look(desk, fds);
	if (fds[WAIT_CONTROL].revents != 0)
		control_take(desk);
	if (fds[WAIT_SIGNALS].revents != 0)
		desk->ending = true;
	for (i = 0; i < LOCALS_MAX; i++)
		desk->locals[i].due = fds[WAIT_LOCALS + i].revents != 0;
	if (fds[WAIT_LISTENER].revents != 0)
		local_new(desk);
}

enum err
desk_turn(struct desk *desk, int wait_ms, struct diag *diag)
{
	struct desk_peer *peer;
	unsigned i;
	enum err err;

	peers_wait(desk, wait_ms);
	pulse(desk);
	turn_gather(desk);
	/* a request of an operator's or upkeep may have broken it, as a turn
	 * of devices can: who opens it anew finds what is durable */
	err = disk_check(desk, diag);
	if (!err)
		err = turn_run(desk, diag);
	desk->more = false;
	for (i = 0; i < PEERS_MAX; i++) {
		peer = &desk->peers[i];
		if (peer->used)
			peer_write(desk, peer);
		desk->more = desk->more || (peer->used && peer->more &&
		    channel_queued(&peer->channel) <= CHANNEL_QUEUE_MAX / 2);
	}
	if (err)
		return err;
	locals_take(desk);
	if (!desk_broken(desk)) {	/* whatever else waits */
		tickets_keep(desk);
		disk_keep(desk);
		/* full or not: what revokes may fit */
		upkeep(desk, time_now());
	}
	err = disk_check(desk, diag);
	return err ? err : operators_keep(desk, time_now(), diag);
}

static enum err
desk_run(struct desk *desk, struct diag *diag)
{
	enum err err = ERR_OK;

	while (!desk->ending && !err) {
		err = desk_turn(desk, WAIT_MS, diag);
		if (!err && desk->run.wanted)
			err = run_job(desk, diag);
	}
	return err;
}

/* Only the supervisor ends it, when the fronts have ended. */
static enum err
signals_keep(struct desk *desk, struct diag *diag)
{
	sigset_t set;

	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		desk->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return desk->signals >= 0 ? ERR_OK : diag_fail(diag, ERR_IO, NULL,
	    "signals: %s", strerror(errno));
}

static enum err
authority_try(struct desk *desk, const char *dir, struct bytes passphrase,
    struct diag *diag)
{
	enum err err;

	err = authority_open(desk->cmd->io, dir, AUTHORITY_WRITE,
	    &desk->authority, diag);
	if (!err)
		err = authority_unlock(desk->authority, passphrase,
		    time_now(), diag);
	if (!err)
		err = enrol_open(desk->authority, time_now(), &desk->enrol,
		    diag);
	if (err)
		authority_close(&desk->authority);
	return err;
}

static enum err
authority_begin(struct desk *desk, struct diag *diag)
{
	_cleanup_secret_ struct secret passphrase = SECRET_INIT;
	const struct cmd_passphrase ask = { .name = "passphrase",
		.prompt = "Passphrase of the keystore" };
	struct config config;
	enum err err;

	err = config_load(desk->cmd, &config);
	if (!err)
		err = cmd_passphrase(desk->cmd, &ask, &passphrase);
	if (!err)
		err = signals_keep(desk, diag);
	if (!err)
		err = authority_try(desk, config.dir,
		    secret_bytes(&passphrase), diag);
	if (err == ERR_NOSPACE && disk_reserve_give(desk->cmd->io,
	    config.dir)) {
		disk_full(desk);
		*diag = (struct diag)DIAG_INIT;
		err = authority_try(desk, config.dir,
		    secret_bytes(&passphrase), diag);
	}
	return err;
}

/* An anchor that is a program is run by this process, and may need anything. */
static enum err
authority_confine(struct authority *authority, struct diag *diag)
{
	struct anchor_place place;
	enum err err;

	err = anchor_place(authority, &place, diag);
	if (err)
		return err;
	if (place.kind != ANCHOR_COMMAND)
		return confine(CONFINE_AUTHORITY, diag);
	log_line("authority", "is not confined: its anchor is a program");
	return ERR_OK;
}

/* Of one that is not in doubt. Failing that, it becomes void: no more. */
static void
indices_give_back(struct enrol *enrol)
{
	struct diag diag = DIAG_INIT;

	if (enrol != NULL && enrol_end(enrol, time_now(), &diag) != ERR_OK)
		log_diag("authority", "what is reserved is not given back, "
		    "or the anchor cannot be moved", &diag);
}

enum exit_code
authority_role(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_enrol_ struct enrol *enrol = NULL;
	struct desk *desk;
	bool ran = false;
	size_t i;
	enum err err;

	desk = calloc(1, sizeof(*desk));
	if (desk == NULL)
		return role_fail(cmd, "authority", diag_nomem(&cmd->diag));
	for (i = 0; i < PEERS_MAX; i++)
		desk->peers[i].channel = (struct channel)CHANNEL_INIT;
	for (i = 0; i < LOCALS_MAX; i++)
		desk->locals[i].fd = -1;
	for (i = 0; i < UPLOADS_MAX; i++)
		upload_init(&desk->uploads[i]);
	desk->endings = (struct buf)BUF_INIT;
	desk->listener = -1;
	desk->began = time_now();
	desk->cmd = cmd;
	desk->control = FD_CHANNEL;
	desk->name = cmd_value(cmd, "name");
	desk->upkeep_at = time_now() + UPKEEP_FIRST_S;
	err = authority_begin(desk, &cmd->diag);
	authority = desk->authority;
	enrol = desk->enrol;
	/* the one before is nobody's, then */
	if (!err)
		err = random_bytes(desk->tickets, TICKETS_SIZE, &cmd->diag);
	if (!err)
		err = tickets_renew(desk, &cmd->diag);
	if (!err)
		err = operators_begin(desk, &cmd->diag);
	if (!err)
		err = local_listen(authority_dir(authority), &desk->listener,
		    &cmd->diag);
	if (!err)
		err = authority_confine(authority, &cmd->diag);
	if (!err)
		disk_begin(desk);
	if (!err)	/* it ended between that and the cancelling */
		parts_remove(desk);
	if (!err && control_send(desk->control, CONTROL_READY, -1) != ERR_OK)
		err = diag_fail(&cmd->diag, ERR_STATE, NULL,
		    "authority: only imprintd serve starts it");
	ran = !err;
	if (!err)
		err = desk_run(desk, &cmd->diag);
	if (!err || !ran)
		indices_give_back(enrol);
	for (i = 0; i < PEERS_MAX; i++)
		channel_release(&desk->peers[i].channel);
	for (i = 0; i < UPLOADS_MAX; i++)
		upload_release(&desk->uploads[i]);
	wipe(desk->tickets, TICKETS_SIZE);
	if (desk->listener >= 0)
		local_unlisten(authority_dir(authority), desk->listener);
	for (i = 0; i < LOCALS_MAX; i++)
		if (desk->locals[i].fd >= 0)
			(void)close(desk->locals[i].fd);
	export_free(&desk->export);
	buf_release(&desk->endings);
	free(desk);
	return err ? role_fail(cmd, "authority", err) : EXIT_OK;
}
