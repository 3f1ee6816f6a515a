#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/imprintd/imprintd.h"

#define BACKLOG	1024

union address {
	struct sockaddr		any;
	struct sockaddr_in	v4;
	struct sockaddr_in6	v6;
};

enum err
address_split(const char *what, const char *text,
    char ret_address[ADDRESS_SIZE], uint16_t *ret_port, struct diag *diag)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - text);
	uint32_t port = 0;
	size_t i;

	for (i = 1; colon != NULL && colon[i] >= '0' && colon[i] <= '9' &&
	    port <= UINT16_MAX; i++)
		port = port * 10 + (uint32_t)(colon[i] - '0');
	if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= ADDRESS_SIZE || i == 1 || colon[i] != '\0' ||
	    port > UINT16_MAX)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "%s: not an address and a port, as [::]:8443", what);
	memcpy(ret_address, text, len);
	ret_address[len] = '\0';
	*ret_port = (uint16_t)port;
	return ERR_OK;
}

static enum err
address_parse(const char *what, const char *text, union address *ret_address,
    socklen_t *ret_len, struct diag *diag)
{
	char host[ADDRESS_SIZE];
	union address a;
	uint16_t port = 0;
	enum err err;

	memset(&a, 0, sizeof(a));
	err = address_split(what, text, host, &port, diag);
	if (err)
		return err;
	if (inet_pton(AF_INET, host, &a.v4.sin_addr) == 1) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_port = htons(port);
		*ret_len = sizeof(a.v4);
	} else if (inet_pton(AF_INET6, host, &a.v6.sin6_addr) == 1) {
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_port = htons(port);
		*ret_len = sizeof(a.v6);
	} else {
		return diag_fail(diag, ERR_INVALID, NULL,
		    "%s: \"%s\" is no IP address", what, host);
	}
	*ret_address = a;
	return ERR_OK;
}

enum err
sockets_check(const char *what, const char *text, struct diag *diag)
{
	union address a;
	socklen_t len = 0;

	return address_parse(what, text, &a, &len, diag);
}

static void
address_show(const union address *a, char shown[ADDRESS_SIZE + 8])
{
	char host[INET6_ADDRSTRLEN] = "";

	if (a->any.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &a->v6.sin6_addr, host,
		    sizeof(host));
		(void)snprintf(shown, ADDRESS_SIZE + 8, "[%s]:%u", host,
		    ntohs(a->v6.sin6_port));
		return;
	}
	(void)inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
	(void)snprintf(shown, ADDRESS_SIZE + 8, "%s:%u", host,
	    ntohs(a->v4.sin_port));
}

/*
 * The first finds the port, the others share it. It lets nobody share it
 * before it has it: another server of the same user would get half of what
 * comes.
 */
static int
socket_listen(union address *a, socklen_t len, bool first)
{
	int fd, one = 1, share = !first, error;

	fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &share, sizeof(share)) ==
	    0 && bind(fd, &a->any, len) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0 &&
	    listen(fd, BACKLOG) == 0 && getsockname(fd, &a->any, &len) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

enum err
sockets_listen(const char *what, const char *text, unsigned count,
    int *ret_fds, char shown[ADDRESS_SIZE + 8], struct diag *diag)
{
	union address a;
	socklen_t len = 0;
	unsigned i;
	enum err err;

	err = address_parse(what, text, &a, &len, diag);
	for (i = 0; i < count && !err; i++) {
		ret_fds[i] = socket_listen(&a, len, i == 0);
		if (ret_fds[i] < 0)
			err = diag_fail(diag, errno == EADDRINUSE ?
			    ERR_EXISTS : errno == EACCES ? ERR_PERMISSION :
			    ERR_IO, NULL, "%s: %s: %s", what, text,
			    strerror(errno));
	}
	if (!err)
		address_show(&a, shown);
	return err;
}

enum err
control_send(int control, char octet, int fd)
{
	union {
		struct cmsghdr	head;
		char		room[CMSG_SPACE(sizeof(int))];
	} data = { .room = { 0 } };
	struct iovec iov = { .iov_base = &octet, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		message.msg_control = data.room;
		message.msg_controllen = sizeof(data.room);
		data.head.cmsg_level = SOL_SOCKET;
		data.head.cmsg_type = SCM_RIGHTS;
		data.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&data.head), &fd, sizeof(fd));
	}
	return sendmsg(control, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ?
	    ERR_OK : ERR_IO;
}

enum err
control_receive(int control, char *ret_octet, int *ret_fd)
{
	union {
		struct cmsghdr	head;
		char		room[CMSG_SPACE(sizeof(int))];
	} data = { .room = { 0 } };
	char octet = 0;
	struct iovec iov = { .iov_base = &octet, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = data.room,
		.msg_controllen = sizeof(data.room) };
	struct cmsghdr *head;
	ssize_t n;

	*ret_octet = 0;
	*ret_fd = -1;
	do {
		n = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return ERR_IO;
	if (n == 0)
		return ERR_OK;
	head = CMSG_FIRSTHDR(&message);
	if (head != NULL && head->cmsg_level == SOL_SOCKET &&
	    head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(head), sizeof(int));
	*ret_octet = octet;
	return ERR_OK;
}
