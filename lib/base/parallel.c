#include "lib/base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define THREADS_MAX	32
#define SHARE		4	/* taken at once */

struct parallel {
	void		(*each)(void *ctx, size_t i);
	void		 *ctx;
	size_t		  count;
	atomic_size_t	  next;
};

static void *
parallel_run(void *arg)
{
	struct parallel *p = arg;
	size_t i, end;

	for (;;) {
		i = atomic_fetch_add(&p->next, SHARE);
		if (i >= p->count)
			return NULL;
		end = p->count - i < SHARE ? p->count : i + SHARE;
		for (; i < end; i++)
			p->each(p->ctx, i);
	}
}

void
parallel_each(void (*each)(void *ctx, size_t i), void *ctx, size_t count)
{
	struct parallel p = { .each = each, .ctx = ctx, .count = count };
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[THREADS_MAX];
	size_t wanted = online < 1 ? 1 : (size_t)online, started = 0;

	if (wanted > THREADS_MAX)
		wanted = THREADS_MAX;
	if (wanted > (count + SHARE - 1) / SHARE)
		wanted = (count + SHARE - 1) / SHARE;
	while (started + 1 < wanted && pthread_create(&threads[started], NULL,
	    parallel_run, &p) == 0)
		started++;
	(void)parallel_run(&p);
	while (started > 0)
		(void)pthread_join(threads[--started], NULL);
}
