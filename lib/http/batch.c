/* The end of a turn: what was done is made durable in a thread of its own,
 * while the loop goes on; then the replies go out. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/http/server_internal.h"

struct http_batch {
	struct http_server	*server;
	pthread_t		 thread;
	sem_t			 go;		/* do one, or quit */
	int			 done;		/* eventfd: one was done */
	struct event		*ended;
	bool			 quit;
	bool			 held;		/* one is under way; loop's */
	/* the thread's until it is done */
	struct buf		 body;
	struct diag		 diag;
	enum err		 err;
	atomic_bool		 over;		/* then the loop's again */
};

/* If what is under way is over: its replies are ready. */
static void
batch_look(struct http_batch *batch)
{
	struct http_server *server = batch->server;
	struct peer *peer;

	if (!batch->held || !atomic_load(&batch->over))
		return;
	batch->held = false;
	if (batch->err) {
		server->err = batch->err;
		server->diag = batch->diag;
	}
	TAILQ_FOREACH(peer, &server->peers, entry)
		if (peer->state == PEER_HELD) {
			peer->state = PEER_READY;
			peer->broken = batch->err != ERR_OK;
		}
}

/* What was under way may have ended within this turn: then the disk does not
 * wait for the rest of it. */
void
server_replied(struct http_server *server)
{
	struct http_batch *batch = server->batch;
	bool held = batch != NULL && batch->held;

	server->due = true;
	if (batch != NULL)
		batch_look(batch);
	if (held && !batch->held && !server->err)
		server_flush(-1, 0, server);
	else	/* queued behind all else that is ready in this turn */
		event_active(server->flush, EV_TIMEOUT, 0);
}

static void
reply_broken(struct http_server *server, struct http_request *r,
    const struct buf *body)
{
	_cleanup_buf_ struct buf copy = BUF_INIT;

	if (r->reply.ptr != NULL)
		wipe(r->reply.ptr, r->reply.cap);
	buf_release(&r->reply);
	if (r->file >= 0)
		(void)close(r->file);
	r->file = -1;
	r->status = 0;
	buf_clear(&r->fields);
	if (body->len > 0) {
		buf_put_bytes(&copy, buf_bytes(body));
		http_reply(r, HTTP_SERVER_ERROR, HTTP_JSON, &copy);
	}
	if (r->status == 0)
		server_refuse(server, r, HTTP_SERVER_ERROR,
		    "what was asked could not be made durable");
}

/* To all in this state; body: of those that an error broke. */
static void
replies_send(struct http_server *server, enum peer_state state,
    const struct buf *body)
{
	struct peer *peer, *next;

	for (peer = TAILQ_FIRST(&server->peers); peer != NULL; peer = next) {
		next = TAILQ_NEXT(peer, entry);
		if (peer->state != state)
			continue;
		peer->close = peer->close || server->err != ERR_OK;
		if (peer->broken || (state == PEER_WAITING && server->err))
			reply_broken(server, &peer->request, body);
		peer_reply(peer);
	}
}

void
server_flush(evutil_socket_t fd, short what, void *ctx)
{
	const struct buf none = BUF_INIT;
	struct http_server *server = ctx;
	struct http_batch *batch = server->batch;
	struct peer *peer;

	(void)fd;
	(void)what;
	if (batch == NULL || server->err) {
		replies_send(server, PEER_WAITING, &none);
		return;
	}
	if (batch->held || !server->due)
		return;
	TAILQ_FOREACH(peer, &server->peers, entry)
		if (peer->state == PEER_WAITING)
			peer->state = PEER_HELD;
	if (server->config.gather != NULL)
		server->config.gather(server->config.ctx);
	server->due = false;
	batch->held = true;
	atomic_store(&batch->over, false);
	(void)sem_post(&batch->go);
}

static void
batch_ended(evutil_socket_t fd, short what, void *ctx)
{
	struct http_batch *batch = ctx;
	struct http_server *server = batch->server;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return;
	batch_look(batch);
	if (server->err)
		http_server_stop(server);
	/* the disk works on while we send */
	server_flush(-1, 0, server);
	replies_send(server, PEER_READY, &batch->body);
}

static void *
batch_thread(void *ctx)
{
	struct http_batch *batch = ctx;
	const struct http_config *config = &batch->server->config;
	uint64_t one = 1;

	for (;;) {
		while (sem_wait(&batch->go) != 0)
			;	/* EINTR */
		if (batch->quit)
			return NULL;
		batch->err = config->batch(config->ctx, &batch->body,
		    &batch->diag);
		atomic_store(&batch->over, true);
		while (write(batch->done, &one, sizeof(one)) != sizeof(one))
			;	/* there is room: its count is 0 */
	}
}

static void
batch_free(struct http_batch *batch)
{
	if (batch->ended != NULL)
		event_free(batch->ended);
	if (batch->done >= 0)
		(void)close(batch->done);
	(void)sem_destroy(&batch->go);
	buf_release(&batch->body);
	free(batch);
}

/* Signals are the loop's. */
static bool
thread_start(struct http_batch *batch)
{
	sigset_t all, before;
	bool started;

	(void)sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return false;
	started = pthread_create(&batch->thread, NULL, batch_thread,
	    batch) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

enum err
batch_begin(struct http_server *server, struct diag *diag)
{
	struct http_batch *batch;

	if (server->config.batch == NULL)
		return ERR_OK;
	batch = calloc(1, sizeof(*batch));
	if (batch == NULL)
		return diag_nomem(diag);
	batch->server = server;
	batch->body = (struct buf)BUF_INIT;
	batch->diag = (struct diag)DIAG_INIT;
	(void)sem_init(&batch->go, 0, 0);
	batch->done = eventfd(0, EFD_CLOEXEC);
	if (batch->done >= 0)
		batch->ended = event_new(server->base, batch->done, EV_READ |
		    EV_PERSIST, batch_ended, batch);
	if (batch->ended == NULL || event_add(batch->ended, NULL) != 0 ||
	    !thread_start(batch)) {
		batch_free(batch);
		return diag_fail(diag, ERR_IO, NULL,
		    "server: a thread cannot be started");
	}
	server->batch = batch;
	return ERR_OK;
}

/* Waits for what is under way, though its clients have gone. */
void
batch_end(struct http_server *server)
{
	struct http_batch *batch = server->batch;

	if (batch == NULL)
		return;
	while (batch->held)
		batch_ended(batch->done, 0, batch);
	replies_send(server, PEER_READY, &batch->body);
	batch->quit = true;
	(void)sem_post(&batch->go);
	(void)pthread_join(batch->thread, NULL);
	batch_free(batch);
	server->batch = NULL;
}
