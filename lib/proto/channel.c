#include "lib/proto/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define READ_SIZE	((size_t)64 << 10)

enum err
channel_open(struct channel *channel, int fd, struct diag *diag)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return diag_fail(diag, ERR_IO, NULL,
		    "channel: descriptor %d: %s", fd, strerror(errno));
	*channel = (struct channel){ .fd = fd,
		.in = { .limit = READ_SIZE + 2 * INTERNAL_SIZE_MAX },
		.out = { .limit = CHANNEL_QUEUE_MAX + 2 * INTERNAL_SIZE_MAX }
	};
	return ERR_OK;
}

void
channel_release(struct channel *channel)
{
	if (channel->fd >= 0)
		(void)close(channel->fd);
	channel->fd = -1;
	buf_release(&channel->in);
	buf_release(&channel->out);
	channel->in_at = channel->out_at = 0;
}

static void
front_cut(struct buf *b, size_t *at)
{
	if (*at > 0 && *at < b->len)
		memmove(b->ptr, b->ptr + *at, b->len - *at);
	b->len -= *at;
	*at = 0;
}

enum err
channel_read(struct channel *channel, struct diag *diag)
{
	uint8_t *to;
	ssize_t n;

	front_cut(&channel->in, &channel->in_at);
	to = buf_extend(&channel->in, READ_SIZE);
	if (to == NULL)
		return diag_nomem(diag);
	n = read(channel->fd, to, READ_SIZE);
	channel->in.len -= READ_SIZE - (n > 0 ? (size_t)n : 0);
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return ERR_OK;
	return diag_fail(diag, n == 0 || errno == ECONNRESET ? ERR_STATE :
	    ERR_IO, NULL, "channel: the other process has ended");
}

enum err
channel_next(struct channel *channel, struct internal_message *ret_message,
    bool *ret_there, struct diag *diag)
{
	const uint8_t *from;
	size_t left = channel->in.len - channel->in_at;
	uint32_t len;

	*ret_there = false;
	if (left < INTERNAL_HEAD)
		return ERR_OK;
	from = channel->in.ptr + channel->in_at;
	len = get_be32(from);
	if (len > INTERNAL_SIZE_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "internal message: %lu octets; at most %zu",
		    (unsigned long)len, INTERNAL_SIZE_MAX);
	if (left - INTERNAL_HEAD < len)
		return ERR_OK;
	channel->in_at += INTERNAL_HEAD + len;
	*ret_there = true;
	return internal_parse(bytes_of(from + INTERNAL_HEAD, len),
	    ret_message, diag);
}

enum err
channel_put(struct channel *channel, const struct internal_message *message)
{
	enum err err;

	if (channel_queued(channel) > CHANNEL_QUEUE_MAX)
		return ERR_LIMIT;
	front_cut(&channel->out, &channel->out_at);
	err = internal_put(&channel->out, message);
	return err;
}

enum err
channel_write(struct channel *channel, struct diag *diag)
{
	ssize_t n;

	while (channel_queued(channel) > 0) {
		n = write(channel->fd, channel->out.ptr + channel->out_at,
		    channel_queued(channel));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return ERR_OK;
		if (n < 0)
			return diag_fail(diag, errno == EPIPE ? ERR_STATE :
			    ERR_IO, NULL,
			    "channel: the other process has ended");
		channel->out_at += (size_t)n;
	}
	channel->out.len = channel->out_at = 0;
	return ERR_OK;
}

enum err
channel_wait(struct channel *channel, int timeout_ms,
    struct internal_message *ret_message, struct diag *diag)
{
	const int64_t end = time_monotonic_ns() + timeout_ms *
	    INT64_C(1000000);
	struct pollfd fd = { .fd = channel->fd };
	int64_t left_ms;
	bool there;
	enum err err;

	for (;;) {
		err = channel_write(channel, diag);
		if (!err)
			err = channel_next(channel, ret_message, &there,
			    diag);
		if (err || there)
			return err;
		left_ms = (end - time_monotonic_ns()) / 1000000;
		fd.events = channel_queued(channel) > 0 ? POLLIN | POLLOUT :
		    POLLIN;
		if (left_ms <= 0 || (poll(&fd, 1, (int)left_ms) < 0 &&
		    errno != EINTR))
			return diag_fail(diag, ERR_IO, NULL,
			    "channel: no answer within %d ms", timeout_ms);
		if (fd.revents & ~POLLOUT)
			err = channel_read(channel, diag);
		if (err)
			return err;
	}
}
