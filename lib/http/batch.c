/* What was handled is made durable in a thread of its own, time after time as
 * long as there is something, while the loop goes on; then the replies go
 * out. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/http/server_internal.h"

/* Requests are counted as they were handled; a number stands for all up to
 * it. */
struct http_batch {
	struct http_server	*server;
	pthread_t		 thread;
	int			 done;		/* eventfd: look at it */
	struct event		*ended;
	pthread_mutex_t		 lock;		/* of what follows */
	pthread_cond_t		 more;
	uint64_t		 handled;
	uint64_t		 durable;
	uint64_t		 failed;	/* with err: last batch */
	bool			 quit;		/* when all is done */
	enum err		 err;
	/* the thread's until it has failed */
	struct buf		 body;
	struct diag		 diag;
};

void
server_replied(struct http_server *server, struct peer *peer)
{
	struct http_batch *batch = server->batch;

	if (batch == NULL || server->err) {
		peer->number = UINT64_MAX;
		/* queued behind all else that is ready in this turn */
		event_active(server->flush, EV_TIMEOUT, 0);
		return;
	}
	(void)pthread_mutex_lock(&batch->lock);
	peer->number = ++batch->handled;
	(void)pthread_cond_signal(&batch->more);
	(void)pthread_mutex_unlock(&batch->lock);
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

/* Of those that wait, up to a number. body: of what an error broke; NULL:
 * nothing is broken. */
static void
replies_send(struct http_server *server, uint64_t last,
    const struct buf *body)
{
	struct peer *peer, *next;

	for (peer = TAILQ_FIRST(&server->peers); peer != NULL; peer = next) {
		next = TAILQ_NEXT(peer, entry);
		if (peer->state != PEER_WAITING || peer->number > last)
			continue;
		peer->close = peer->close || server->err != ERR_OK;
		if (body != NULL)
			reply_broken(server, &peer->request, body);
		peer_reply(peer);
	}
}

void
server_flush(evutil_socket_t fd, short what, void *ctx)
{
	const struct buf none = BUF_INIT;
	struct http_server *server = ctx;

	(void)fd;
	(void)what;
	replies_send(server, UINT64_MAX, server->err ? &none : NULL);
}

static void
batch_look(struct http_batch *batch)
{
	struct http_server *server = batch->server;
	uint64_t durable, failed;
	enum err err;

	(void)pthread_mutex_lock(&batch->lock);
	durable = batch->durable;
	failed = batch->failed;
	err = batch->err;
	(void)pthread_mutex_unlock(&batch->lock);
	if (err && !server->err) {
		server->err = err;
		server->diag = batch->diag;
		http_server_stop(server);
	}
	replies_send(server, durable, NULL);
	if (!err)
		return;
	replies_send(server, failed, &batch->body);
	server_flush(-1, 0, server);
}

static void
batch_ended(evutil_socket_t fd, short what, void *ctx)
{
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) == sizeof(count))
		batch_look(ctx);
}

/* The number up to which there is something to do; or the last one, to
 * quit. */
static uint64_t
batch_wait(struct http_batch *batch)
{
	uint64_t last;

	(void)pthread_mutex_lock(&batch->lock);
	while (batch->handled == batch->durable && !batch->quit)
		(void)pthread_cond_wait(&batch->more, &batch->lock);
	last = batch->handled;
	(void)pthread_mutex_unlock(&batch->lock);
	return last;
}

static void *
batch_thread(void *ctx)
{
	struct http_batch *batch = ctx;
	const struct http_config *config = &batch->server->config;
	uint64_t one = 1, last, before = 0;
	enum err err = ERR_OK;

	while (!err && (last = batch_wait(batch)) != before) {
		err = config->batch(config->ctx, &batch->body, &batch->diag);
		(void)pthread_mutex_lock(&batch->lock);
		if (!err)
			batch->durable = before = last;
		else
			batch->failed = last;
		batch->err = err;
		(void)pthread_mutex_unlock(&batch->lock);
		while (write(batch->done, &one, sizeof(one)) != sizeof(one))
			;	/* EINTR; there is room */
	}
	return NULL;
}

static void
batch_free(struct http_batch *batch)
{
	if (batch->ended != NULL)
		event_free(batch->ended);
	if (batch->done >= 0)
		(void)close(batch->done);
	(void)pthread_cond_destroy(&batch->more);
	(void)pthread_mutex_destroy(&batch->lock);
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
	(void)pthread_mutex_init(&batch->lock, NULL);
	(void)pthread_cond_init(&batch->more, NULL);
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

/* What was handled is made durable, though its clients may have gone. */
void
batch_end(struct http_server *server)
{
	struct http_batch *batch = server->batch;

	if (batch == NULL)
		return;
	(void)pthread_mutex_lock(&batch->lock);
	batch->quit = true;
	(void)pthread_cond_signal(&batch->more);
	(void)pthread_mutex_unlock(&batch->lock);
	(void)pthread_join(batch->thread, NULL);
	batch_look(batch);
	batch_free(batch);
	server->batch = NULL;
}
