#include "front/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "front/confine.h"

#define SUFFIX_HIDDEN	".tmp"
#define FACTS_SIZE	24

bool
files_name_good(struct bytes name)
{
	static const char others[] = ".-_/";
	bool begins = true;
	size_t i;
	char c;

	if (name.len == 0 || name.len > FILES_NAME_MAX)
		return false;
	for (i = 0; i < name.len; i++) {
		c = (char)name.ptr[i];
		if (begins && (c == '.' || c == '/'))
			return false;
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') &&
		    (c == '\0' || strchr(others, c) == NULL))
			return false;
		begins = c == '/';
	}
	return !begins && (name.len < strlen(SUFFIX_HIDDEN) ||
	    memcmp(name.ptr + name.len - strlen(SUFFIX_HIDDEN),
	    SUFFIX_HIDDEN, strlen(SUFFIX_HIDDEN)) != 0);
}

const char *
files_type(struct bytes name)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {
		{ ".crl", "application/pkix-crl" },	/* RFC 2585 */
		{ ".cer", "application/pkix-cert" },
		{ ".cwt", "application/statuslist+cwt" },
		{ ".jwt", "application/statuslist+jwt" },
		{ ".pem", "application/x-pem-file" },
		{ "checkpoint", "text/plain; charset=utf-8" },
		{ "vkey", "text/plain; charset=utf-8" },
	};
	size_t i, len;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		len = strlen(types[i].suffix);
		if (name.len >= len && memcmp(name.ptr + name.len - len,
		    types[i].suffix, len) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}

/* -1: none that may be had. */
static int
file_open_beneath(int folder, struct bytes name,
    struct file_facts *ret_facts)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	char path[FILES_NAME_MAX + 1];
	struct stat st;
	int fd;

	if (!files_name_good(name))
		return -1;
	memcpy(path, name.ptr, name.len);
	path[name.len] = '\0';
	fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return -1;
	}
	*ret_facts = (struct file_facts){ .size = (uint64_t)st.st_size,
		.inode = st.st_ino,
		.changed_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 +
		    (uint64_t)st.st_mtim.tv_nsec };
	return fd;
}

/*
 * "crl/online-00000000.crl" is what a certificate names: a partition, of which
 * there are none yet. The whole CRL answers for all of them: docs/guides/
 * revocation.md has the same rule for web servers. Empty: it is no such name.
 */
static struct bytes
whole_crl(struct bytes name, uint8_t room[FILES_NAME_MAX])
{
	static const char folder[] = "crl/", suffix[] = ".crl";
	size_t begin = sizeof(folder) - 1, tail = sizeof(suffix) - 1;
	size_t at = begin, dash;

	if (name.len <= begin + tail || name.len > FILES_NAME_MAX ||
	    memcmp(name.ptr, folder, begin) != 0 ||
	    memcmp(name.ptr + name.len - tail, suffix, tail) != 0)
		return BYTES_NONE;
	while (name.ptr[at] >= 'a' && name.ptr[at] <= 'z')
		at++;
	dash = at;
	if (dash == begin || name.ptr[at++] != '-' || at == name.len - tail)
		return BYTES_NONE;
	for (; at < name.len - tail; at++)
		if (!(name.ptr[at] >= '0' && name.ptr[at] <= '9') &&
		    !(name.ptr[at] >= 'a' && name.ptr[at] <= 'f'))
			return BYTES_NONE;
	memcpy(room, name.ptr, dash);
	memcpy(room + dash, suffix, tail);
	return bytes_of(room, dash + tail);
}

static int
published_open(int folder, struct bytes name, struct file_facts *ret_facts)
{
	uint8_t room[FILES_NAME_MAX];
	struct bytes whole;
	int fd;

	fd = file_open_beneath(folder, name, ret_facts);
	if (fd >= 0)
		return fd;
	whole = whole_crl(name, room);
	return whole.len == 0 ? -1 : file_open_beneath(folder, whole,
	    ret_facts);
}

/* One datagram: facts, and the descriptor beside them. */
static bool
answer_send(int socket, int fd, const struct file_facts *facts)
{
	union {
		struct cmsghdr	head;
		char		room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	uint8_t octets[FACTS_SIZE];
	struct iovec iov = { .iov_base = octets, .iov_len = sizeof(octets) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	put_be64(octets, facts->size);
	put_be64(octets + 8, facts->inode);
	put_be64(octets + 16, facts->changed_ns);
	if (fd >= 0) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) ==
	    (ssize_t)sizeof(octets);
}

static void
opener_run(int socket, int folder)
{
	uint8_t name[FILES_NAME_MAX + 1];
	struct file_facts facts;
	ssize_t n;
	bool sent;
	int fd;

	for (;;) {
		n = recv(socket, name, sizeof(name), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		facts = (struct file_facts){ .size = 0 };
		fd = published_open(folder, bytes_of(name, (size_t)n),
		    &facts);
		sent = answer_send(socket, fd, &facts);
		if (fd >= 0)
			(void)close(fd);
		if (!sent)
			return;
	}
}

/* Nothing else stays open, and nobody's signals end it but the socket. */
static void
opener_main(int socket, int folder)
{
	int fd;

	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	for (fd = 3; fd < 64; fd++)
		if (fd != socket && fd != folder)
			(void)close(fd);
	if (confine(CONFINE_OPENER, NULL) == ERR_OK)
		opener_run(socket, folder);
	_exit(0);
}

enum err
files_start(int folder, int *ret_socket, struct diag *diag)
{
	int fds[2], flags;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return diag_fail(diag, ERR_IO, NULL, "files: socketpair: %s",
		    strerror(errno));
	pid = fork();
	if (pid == 0)
		opener_main(fds[1], folder);
	(void)close(fds[1]);
	(void)close(folder);
	flags = fcntl(fds[0], F_GETFL);
	if (pid < 0 || flags < 0 ||
	    fcntl(fds[0], F_SETFL, flags | O_NONBLOCK) != 0) {
		(void)close(fds[0]);
		return diag_fail(diag, ERR_IO, NULL, "files: fork: %s",
		    strerror(errno));
	}
	*ret_socket = fds[0];
	return ERR_OK;
}

bool
files_ask(int socket, struct bytes name)
{
	return send(socket, name.ptr, name.len, MSG_NOSIGNAL) ==
	    (ssize_t)name.len;
}

enum err
files_answer(int socket, int *ret_fd, struct file_facts *ret_facts)
{
	union {
		struct cmsghdr	head;
		char		room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	uint8_t octets[FACTS_SIZE];
	struct iovec iov = { .iov_base = octets, .iov_len = sizeof(octets) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	struct cmsghdr *head;
	ssize_t n;
	int fd = -1;

	n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return ERR_BUSY;
	if (n != (ssize_t)sizeof(octets))
		return ERR_STATE;
	head = CMSG_FIRSTHDR(&message);
	if (head != NULL && head->cmsg_level == SOL_SOCKET &&
	    head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	*ret_fd = fd;
	ret_facts->size = get_be64(octets);
	ret_facts->inode = get_be64(octets + 8);
	ret_facts->changed_ns = get_be64(octets + 16);
	return ERR_OK;
}

void
files_tag(const struct file_facts *facts, char ret_tag[FILES_TAG_SIZE])
{
	(void)snprintf(ret_tag, FILES_TAG_SIZE, "\"%llx-%llx-%llx\"",
	    (unsigned long long)facts->changed_ns,
	    (unsigned long long)facts->size,
	    (unsigned long long)facts->inode);
}

bool
files_tag_named(const char *tag, struct bytes named, bool strong)
{
	size_t len = strlen(tag), at;

	if (bytes_equal(named, bytes_text("*")))
		return true;
	/* none of ours is within another one: it begins and ends with '"' */
	for (at = 0; at + len <= named.len; at++)
		if (memcmp(named.ptr + at, tag, len) == 0 && !(strong &&
		    at >= 2 && memcmp(named.ptr + at - 2, "W/", 2) == 0))
			return true;
	return false;
}
