/* Other descriptors in the server's loop. */
#include <stdlib.h>

#include "lib/http/server_internal.h"

struct http_watch {
	struct event	*in, *out;
	void		(*ready)(void *ctx);
	void		*ctx;
};

static void
watch_ready(evutil_socket_t fd, short what, void *ctx)
{
	struct http_watch *watch = ctx;

	(void)fd;
	(void)what;
	watch->ready(watch->ctx);
}

void
http_watch_write(struct http_watch *watch, bool wanted)
{
	if (wanted)
		(void)event_add(watch->out, NULL);
	else
		(void)event_del(watch->out);
}

void
http_watch_free(struct http_watch **watch)
{
	if (*watch == NULL)
		return;
	if ((*watch)->in != NULL)
		event_free((*watch)->in);
	if ((*watch)->out != NULL)
		event_free((*watch)->out);
	free(*watch);
	*watch = NULL;
}

enum err
http_watch_new(struct http_server *server, int fd, void (*ready)(void *ctx),
    void *ctx, struct http_watch **ret_watch, struct diag *diag)
{
	struct http_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return diag_nomem(diag);
	watch->ready = ready;
	watch->ctx = ctx;
	watch->in = event_new(server->base, fd, EV_READ | EV_PERSIST,
	    watch_ready, watch);
	watch->out = event_new(server->base, fd, EV_WRITE | EV_PERSIST,
	    watch_ready, watch);
	if (watch->in == NULL || watch->out == NULL ||
	    event_add(watch->in, NULL) != 0) {
		http_watch_free(&watch);
		return diag_fail(diag, ERR_IO, NULL,
		    "server: descriptor %d cannot be watched", fd);
	}
	*ret_watch = watch;
	return ERR_OK;
}
