/*
 * One end of a socketpair that carries messages (lib/proto/internal.h), never
 * blocking: what is there is read, what fits is written, the rest waits here,
 * bounded. The owner waits for the descriptor, in a loop of its own.
 */
#ifndef IMPRINT_PROTO_CHANNEL_H
#define IMPRINT_PROTO_CHANNEL_H

#include "lib/proto/internal.h"

/* Of what the other end does not take; nobody needs to be read who does not
 * read. */
#define CHANNEL_QUEUE_MAX	((size_t)4 << 20)

struct channel {
	int		fd;		/* -1: none; owned */
	struct buf	in, out;
	size_t		in_at, out_at;	/* taken, written so far */
};
#define CHANNEL_INIT { .fd = -1 }

/* fd is taken over. ERR_IO. */
MUST_USE enum err channel_open(struct channel *, int fd, struct diag *);
void	channel_release(struct channel *);
#define _cleanup_channel_ __attribute__((cleanup(channel_release)))

/* Read once. ERR_STATE: the other end is gone; ERR_IO, ERR_NOMEM. */
MUST_USE enum err channel_read(struct channel *, struct diag *);
/*
 * The next whole message; ret_there false: none. Its views last until the
 * next channel_read(). ERR_SYNTAX, ERR_LIMIT, ERR_VERSION: the other end
 * breaks the rules, and there is no way on.
 */
MUST_USE enum err channel_next(struct channel *,
    struct internal_message *ret_message, bool *ret_there, struct diag *);
/* Queue one; ERR_LIMIT: too much is queued, or it is too long; ERR_NOMEM. */
MUST_USE enum err channel_put(struct channel *,
    const struct internal_message *);
/* Write what the other end takes now. ERR_STATE: it is gone; ERR_IO. */
MUST_USE enum err channel_write(struct channel *, struct diag *);
static inline size_t
channel_queued(const struct channel *channel)
{
	return channel->out.len - channel->out_at;
}

/* Wait for one message, at most timeout_ms: before there is a loop. What is
 * queued is written. ERR_IO when it does not come. */
MUST_USE enum err channel_wait(struct channel *, int timeout_ms,
    struct internal_message *ret_message, struct diag *);

#endif
