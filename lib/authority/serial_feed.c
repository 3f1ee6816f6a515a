#include "lib/authority/serial_feed.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKERS_MAX	8
#define AHEAD		24	/* batches beyond one a worker */
#define RING		(WORKERS_MAX + AHEAD)
#define BATCH_SERIALS	1024
#define BATCH_PIECES	128

enum batch_state { BATCH_FREE = 0, BATCH_WAITING = 1, BATCH_DONE = 2 };

struct batch {
	enum batch_state	 state;
	enum err		 err;
	size_t			 piece_count, serial_count;
	struct serial_piece	 pieces[BATCH_PIECES];
	uint8_t			 serials[BATCH_SERIALS * SERIAL_SIZE];
};

struct worker {
	pthread_t		 thread;
	bool			 started;
	struct serial_feed	*feed;
	struct hmac		*seed;
	struct aes		*aes[EPOCH_OUTSIDE];
};

struct serial_feed {
	const struct serial_feed_plan	*plan;
	pthread_mutex_t			 mutex;
	pthread_cond_t			 submitted, finished;
	bool				 stop;
	/* numbers of batches; each lies at its number modulo RING */
	uint64_t			 taken;		/* by take() */
	uint64_t			 worked;	/* on, by workers */
	uint64_t			 filling;	/* at hand */
	unsigned			 worker_count;
	struct worker			 workers[WORKERS_MAX];
	struct batch			 ring[RING];
};

static enum err
batch_make(struct worker *w, struct batch *batch)
{
	const struct serial_piece *piece;
	uint8_t *out = batch->serials;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < batch->piece_count && !err; i++) {
		piece = &batch->pieces[i];
		if (w->aes[piece->epoch] == NULL)
			err = aes_new(w->feed->plan->keys[piece->epoch],
			    &w->aes[piece->epoch], NULL);
		if (!err)
			err = hmac_key(w->seed, bytes_of(piece->seed,
			    RANGE_SEED_SIZE), NULL);
		if (!err)
			err = serials_make(w->aes[piece->epoch], w->seed,
			    piece->epoch, piece->first, piece->count,
			    piece->slots, out);
		out += piece->count * SERIAL_SIZE *
		    (unsigned)__builtin_popcount(piece->slots);
	}
	return err;
}

static struct batch *
batch_next(struct serial_feed *feed)
{
	struct batch *batch = NULL;

	pthread_mutex_lock(&feed->mutex);
	while (feed->worked == feed->filling && !feed->stop)
		pthread_cond_wait(&feed->submitted, &feed->mutex);
	if (!feed->stop)
		batch = &feed->ring[feed->worked++ % RING];
	pthread_mutex_unlock(&feed->mutex);
	return batch;
}

static void *
worker_run(void *arg)
{
	struct worker *w = arg;
	struct batch *batch;
	enum err err;

	while ((batch = batch_next(w->feed)) != NULL) {
		err = batch_make(w, batch);
		pthread_mutex_lock(&w->feed->mutex);
		batch->err = err;
		batch->state = BATCH_DONE;
		pthread_cond_signal(&w->feed->finished);
		pthread_mutex_unlock(&w->feed->mutex);
	}
	return NULL;
}

static enum err
worker_start(struct serial_feed *feed, struct worker *w, struct diag *diag)
{
	static const uint8_t none[RANGE_SEED_SIZE];
	enum err err;

	w->feed = feed;
	err = hmac_new(bytes_of(none, sizeof(none)), &w->seed, diag);
	if (err)
		return err;
	if (pthread_create(&w->thread, NULL, worker_run, w) != 0)
		return diag_fail(diag, ERR_NOMEM, NULL,
		    "serial numbers: a thread cannot be started");
	w->started = true;
	return ERR_OK;
}

static void
worker_release(struct worker *w)
{
	size_t i;

	if (w->started)
		pthread_join(w->thread, NULL);
	hmac_free(&w->seed);
	for (i = 0; i < EPOCH_OUTSIDE; i++)
		aes_free(&w->aes[i]);
}

enum err
serial_feed_new(const struct serial_feed_plan *plan,
    struct serial_feed **ret_feed, struct diag *diag)
{
	_cleanup_serial_feed_ struct serial_feed *feed = NULL;
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned workers = plan->workers, i;
	enum err err = ERR_OK;

	if (workers == 0)
		workers = online < 1 ? 1 : (unsigned)online;
	if (workers > WORKERS_MAX)
		workers = WORKERS_MAX;
	feed = calloc(1, sizeof(*feed));
	if (feed == NULL)
		return diag_nomem(diag);
	feed->plan = plan;
	pthread_mutex_init(&feed->mutex, NULL);
	pthread_cond_init(&feed->submitted, NULL);
	pthread_cond_init(&feed->finished, NULL);
	for (i = 0; i < workers && !err; i++) {
		feed->worker_count++;
		err = worker_start(feed, &feed->workers[i], diag);
	}
	if (err)
		return err;
	*ret_feed = feed;
	feed = NULL;	/* transferred */
	return ERR_OK;
}

void
serial_feed_free(struct serial_feed **ret_feed)
{
	struct serial_feed *feed = *ret_feed;
	unsigned i;

	if (feed == NULL)
		return;
	pthread_mutex_lock(&feed->mutex);
	feed->stop = true;
	pthread_cond_broadcast(&feed->submitted);
	pthread_mutex_unlock(&feed->mutex);
	for (i = 0; i < feed->worker_count; i++)
		worker_release(&feed->workers[i]);
	pthread_cond_destroy(&feed->finished);
	pthread_cond_destroy(&feed->submitted);
	pthread_mutex_destroy(&feed->mutex);
	free(feed);
	*ret_feed = NULL;
}

/* Give the oldest batch to who takes, and its room back. */
static enum err
batch_take(struct serial_feed *feed)
{
	struct batch *batch = &feed->ring[feed->taken % RING];
	const struct serial_feed_plan *plan = feed->plan;
	const struct serial_piece *piece;
	const uint8_t *serial = batch->serials, *end;
	size_t i;
	enum err err;

	pthread_mutex_lock(&feed->mutex);
	while (batch->state != BATCH_DONE)
		pthread_cond_wait(&feed->finished, &feed->mutex);
	pthread_mutex_unlock(&feed->mutex);
	err = batch->err;
	for (i = 0; i < batch->piece_count; i++) {
		piece = &batch->pieces[i];
		end = serial + piece->count * SERIAL_SIZE *
		    (unsigned)__builtin_popcount(piece->slots);
		for (; serial < end && !err; serial += SERIAL_SIZE)
			err = plan->take(plan->ctx, serial, piece->time,
			    piece->reason);
	}
	batch->state = BATCH_FREE;
	batch->piece_count = 0;
	batch->serial_count = 0;
	feed->taken++;
	return err;
}

/* The batch at hand goes to the workers; the ring then has room for another. */
static enum err
batch_submit(struct serial_feed *feed)
{
	pthread_mutex_lock(&feed->mutex);
	feed->ring[feed->filling % RING].state = BATCH_WAITING;
	feed->filling++;
	pthread_cond_signal(&feed->submitted);
	pthread_mutex_unlock(&feed->mutex);
	return feed->filling - feed->taken >= feed->worker_count + AHEAD ?
	    batch_take(feed) : ERR_OK;
}

enum err
serial_feed_put(struct serial_feed *feed, const struct serial_piece *piece)
{
	unsigned each = (unsigned)__builtin_popcount(piece->slots);
	struct serial_piece left = *piece, *part;
	struct batch *batch;
	uint64_t room;
	enum err err = ERR_OK;

	if (each == 0)
		return ERR_INTERNAL;
	if (piece->epoch >= EPOCH_OUTSIDE ||
	    feed->plan->keys[piece->epoch].len == 0)
		return ERR_CORRUPT;
	while (left.count > 0 && !err) {
		batch = &feed->ring[feed->filling % RING];
		room = (BATCH_SERIALS - batch->serial_count) / each;
		if (room == 0 || batch->piece_count == BATCH_PIECES) {
			err = batch_submit(feed);
			continue;
		}
		part = &batch->pieces[batch->piece_count++];
		*part = left;
		part->count = left.count < room ? left.count : room;
		batch->serial_count += part->count * each;
		left.first += part->count;
		left.count -= part->count;
	}
	return err;
}

enum err
serial_feed_end(struct serial_feed *feed)
{
	enum err err;

	err = batch_submit(feed);
	while (feed->taken < feed->filling && !err)
		err = batch_take(feed);
	return err;
}
