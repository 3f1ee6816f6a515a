#include "lib/proto/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/cbor_write.h"

#define BACKLOG	16

void
local_packet_release(struct local_packet *packet)
{
	size_t i;

	for (i = 0; i < packet->file_count; i++)
		(void)close(packet->files[i]);
	packet->file_count = 0;
	buf_release(&packet->room);
}

/* By way of the directory's descriptor: a socket's name holds 107 octets, and
 * paths are longer. ret_dir stays open until it was used. */
static enum err
address_of(const char *dir, struct sockaddr_un *ret_address, int *ret_dir,
    struct diag *diag)
{
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*ret_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_dir < 0)
		return diag_fail(diag, errno == ENOENT ? ERR_NOTFOUND :
		    ERR_IO, NULL, "%s: %s", dir, strerror(errno));
	(void)snprintf(ret_address->sun_path, sizeof(ret_address->sun_path),
	    "/proc/self/fd/%d/%s", *ret_dir, LOCAL_SOCKET);
	return ERR_OK;
}

enum err
local_listen(const char *dir, int *ret_fd, struct diag *diag)
{
	struct sockaddr_un address;
	int fd, at = -1;
	bool done;
	enum err err;

	err = address_of(dir, &address, &at, diag);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	done = fd >= 0 && (unlinkat(at, LOCAL_SOCKET, 0) == 0 ||
	    errno == ENOENT) &&
	    fchmod(fd, 0600) == 0 &&	/* what bind(2) makes has it */
	    bind(fd, (const struct sockaddr *)&address,
		sizeof(address)) == 0 && listen(fd, BACKLOG) == 0;
	if (!done) {
		err = diag_fail(diag, ERR_IO, NULL, "%s/%s: %s", dir,
		    LOCAL_SOCKET, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
	} else {
		*ret_fd = fd;
	}
	(void)close(at);
	return err;
}

/* A name that stays does no harm: nobody listens. */
void
local_unlisten(const char *dir, int fd)
{
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (at >= 0) {
		(void)unlinkat(at, LOCAL_SOCKET, 0);
		(void)close(at);
	}
	(void)close(fd);
}

enum err
local_connect(const char *dir, int *ret_fd, struct diag *diag)
{
	struct sockaddr_un address;
	int fd, at = -1;
	enum err err;

	err = address_of(dir, &address, &at, diag);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address,
	    sizeof(address)) != 0) {
		err = diag_fail(diag, errno == ENOENT ||
		    errno == ECONNREFUSED ? ERR_NOTFOUND : errno == EACCES ?
		    ERR_PERMISSION : ERR_IO, NULL, "%s/%s: %s", dir,
		    LOCAL_SOCKET, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
	} else {
		*ret_fd = fd;
	}
	(void)close(at);
	return err;
}

bool
local_service_in(struct bytes cgroup, char ret_service[LOCAL_SERVICE_SIZE])
{
	static const char ending[] = ".service";
	const uint8_t *end = cgroup.ptr + cgroup.len, *at, *next;
	struct bytes name, found = BYTES_NONE;

	/* parts of paths: a line each, "0::/system.slice/x.service/..." */
	for (at = cgroup.ptr; at < end; at = next + 1) {
		for (next = at; next < end && *next != '/' && *next != '\n'; )
			next++;
		name = bytes_of(at, (size_t)(next - at));
		if (name.len >= sizeof(ending) && name.len <
		    LOCAL_SERVICE_SIZE && bytes_is_plain(name) &&
		    memcmp(next - (sizeof(ending) - 1), ending,
		    sizeof(ending) - 1) == 0)
			found = name;
	}
	if (found.len == 0)
		return false;
	memcpy(ret_service, found.ptr, found.len);
	ret_service[found.len] = '\0';
	return true;
}

enum err
local_accept(int listener, int *ret_fd, uid_t *ret_uid, struct diag *diag)
{
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(who);
	int fd;

	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who,
	    &len) == 0 && len == sizeof(who)) {
		*ret_fd = fd;
		*ret_uid = who.uid;
		return ERR_OK;
	}
	if (fd >= 0)
		(void)close(fd);
	return diag_fail(diag, ERR_IO, NULL, "%s: %s", LOCAL_SOCKET,
	    strerror(errno));
}

union control {
	struct cmsghdr	head;
	char		room[CMSG_SPACE(LOCAL_FILES_MAX * sizeof(int))];
};

enum err
local_send(int fd, const struct internal_message *message, const int *files,
    size_t file_count, struct diag *diag)
{
	_cleanup_buf_ struct buf out = { .limit = INTERNAL_HEAD +
		LOCAL_MESSAGE_MAX };
	union control control = { .room = { 0 } };
	struct msghdr packet = { .msg_iovlen = 1 };
	struct iovec iov;
	ssize_t n;

	if (internal_put(&out, message) != ERR_OK)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "local message: too long");
	iov = (struct iovec){ .iov_base = out.ptr + INTERNAL_HEAD,
		.iov_len = out.len - INTERNAL_HEAD };
	packet.msg_iov = &iov;
	if (file_count > 0) {
		packet.msg_control = control.room;
		packet.msg_controllen = CMSG_SPACE(file_count * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(file_count * sizeof(int));
		memcpy(CMSG_DATA(&control.head), files,
		    file_count * sizeof(int));
	}
	do {
		n = sendmsg(fd, &packet, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)iov.iov_len ? ERR_OK : diag_fail(diag,
	    ERR_STATE, NULL, "%s: %s", LOCAL_SOCKET, strerror(errno));
}

static void
files_take(struct msghdr *packet, struct local_packet *out)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(packet);
	size_t count;

	if (head == NULL || head->cmsg_level != SOL_SOCKET ||
	    head->cmsg_type != SCM_RIGHTS ||
	    head->cmsg_len > CMSG_LEN(LOCAL_FILES_MAX * sizeof(int)))
		return;
	count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(out->files, CMSG_DATA(head), count * sizeof(int));
	out->file_count = count;
}

enum err
local_receive(int fd, struct local_packet *packet, struct diag *diag)
{
	union control control = { .room = { 0 } };
	/* not the room with its padding, which has place for one more */
	struct msghdr message = { .msg_control = control.room,
		.msg_controllen = CMSG_LEN(LOCAL_FILES_MAX * sizeof(int)),
		.msg_iovlen = 1 };
	struct iovec iov = { .iov_len = LOCAL_MESSAGE_MAX };
	ssize_t n;

	iov.iov_base = buf_extend(&packet->room, LOCAL_MESSAGE_MAX);
	if (iov.iov_base == NULL)
		return diag_nomem(diag);
	message.msg_iov = &iov;
	do {
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	packet->room.len = n > 0 ? (size_t)n : 0;
	if (n < 0 && errno == EAGAIN)
		return ERR_BUSY;
	if (n <= 0)
		return diag_fail(diag, n == 0 || errno == ECONNRESET ?
		    ERR_STATE : ERR_IO, NULL,
		    "%s: the other process has ended", LOCAL_SOCKET);
	files_take(&message, packet);
	if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "local message: longer than any is, or too many files");
	return internal_parse(buf_bytes(&packet->room), &packet->message,
	    diag);
}

enum err
local_octets_put(struct bytes octets, int *ret_fd, struct diag *diag)
{
	int fd = memfd_create("imprint", MFD_CLOEXEC);
	size_t at = 0;
	ssize_t n = 0;

	while (fd >= 0 && at < octets.len && n >= 0) {
		n = write(fd, octets.ptr + at, octets.len - at);
		at += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0 || n < 0) {
		if (fd >= 0)
			(void)close(fd);
		return diag_fail(diag, ERR_IO, NULL, "memory file: %s",
		    strerror(errno));
	}
	*ret_fd = fd;
	return ERR_OK;
}

enum err
local_file_check(int fd, struct diag *diag)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat stat;

	if (flags >= 0 && (flags & O_ACCMODE) != O_WRONLY &&
	    (flags & O_PATH) == 0 && fstat(fd, &stat) == 0 &&
	    S_ISREG(stat.st_mode))
		return ERR_OK;
	return diag_fail(diag, ERR_INVALID, NULL,
	    "a file that came with a request is no regular file to be read");
}

enum err
local_octets_get(int fd, struct buf *out, struct diag *diag)
{
	struct stat stat;
	size_t at = 0, size;
	ssize_t n = 1;
	uint8_t *to;
	enum err err;

	err = local_file_check(fd, diag);
	if (err)
		return err;
	if (fstat(fd, &stat) != 0 || stat.st_size < 0 ||
	    (uint64_t)stat.st_size > out->limit)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "octets of a local message: more than %zu", out->limit);
	size = (size_t)stat.st_size;
	if (size == 0)
		return ERR_OK;
	to = buf_extend(out, size);
	if (to == NULL)
		return diag_nomem(diag);
	while (at < size && n > 0) {
		n = pread(fd, to + at, size - at, (off_t)at);
		at += n > 0 ? (size_t)n : 0;
	}
	return at == size ? ERR_OK : diag_fail(diag, ERR_IO, NULL,
	    "octets of a local message: they cannot be read");
}

static enum err
bad(struct diag *diag, const struct cbor *cbor, const char *what)
{
	return diag_fail(diag, ERR_SYNTAX, NULL, "local message: %s: %s",
	    what, cbor->error != NULL ? cbor->error : "not what it must be");
}

/* Text of people's making, such as a message that names a file. */
static void
text_get(struct cbor *cbor, char *out, size_t size)
{
	struct bytes text = cbor_get_tstr(cbor);

	if (text.len >= size || (text.len > 0 && memchr(text.ptr, '\0',
	    text.len) != NULL)) {
		cbor_fail(cbor, "text");
		return;
	}
	if (text.len > 0)
		memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
}

/* What is not UTF-8 (names of files) cannot stand in a message. */
static void
text_put(struct buf *out, const char *text)
{
	char plain[512];
	size_t i;

	if (cbor_is_utf8(bytes_text(text))) {
		cbor_put_text(out, text);
		return;
	}
	for (i = 0; text[i] != '\0' && i < sizeof(plain) - 1; i++)
		plain[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	plain[i] = '\0';
	cbor_put_text(out, plain);
}

void
local_put_submit(struct buf *out, const struct local_submit *submit)
{
	cbor_put_array(out, 8);
	cbor_put_bool(out, submit->names);
	cbor_put_bool(out, submit->devices);
	text_put(out, submit->names_title);
	text_put(out, submit->devices_title);
	cbor_put_text(out, submit->format);
	cbor_put_text(out, submit->key_id);
	cbor_put_text(out, submit->challenge);
	cbor_put_bstr(out, submit->signature);
}

enum err
local_get_submit(struct bytes body, struct local_submit *ret_submit,
    struct diag *diag)
{
	struct local_submit submit;
	struct cbor cbor;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 8);
	submit.names = cbor_get_bool(&cbor);
	submit.devices = cbor_get_bool(&cbor);
	text_get(&cbor, submit.names_title, sizeof(submit.names_title));
	text_get(&cbor, submit.devices_title, sizeof(submit.devices_title));
	text_get(&cbor, submit.format, sizeof(submit.format));
	text_get(&cbor, submit.key_id, sizeof(submit.key_id));
	text_get(&cbor, submit.challenge, sizeof(submit.challenge));
	submit.signature = cbor_get_bstr(&cbor);
	if (submit.signature.len > LOCAL_SIGNATURE_MAX)
		cbor_fail(&cbor, "signature's length");
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "request");
	*ret_submit = submit;
	return ERR_OK;
}

void
local_put_error(struct buf *out, enum err err, const struct diag *diag)
{
	cbor_put_array(out, 4);
	cbor_put_uint(out, err);
	text_put(out, diag->what);
	text_put(out, diag->ref);
	text_put(out, diag->hint);
}

enum err
local_get_error(struct bytes body, struct diag *diag)
{
	struct diag said = DIAG_INIT;
	struct cbor cbor;
	uint64_t code;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 4);
	code = cbor_get_uint(&cbor);
	text_get(&cbor, said.what, sizeof(said.what));
	text_get(&cbor, said.ref, sizeof(said.ref));
	text_get(&cbor, said.hint, sizeof(said.hint));
	if (code == ERR_OK || code > ERR_INTERNAL)
		cbor_fail(&cbor, "error number");
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "error");
	said.code = (enum err)code;
	if (diag != NULL)
		*diag = said;
	return said.code;
}

void
local_put_pair(struct buf *out, uint64_t first, uint64_t second)
{
	cbor_put_array(out, 2);
	cbor_put_uint(out, first);
	cbor_put_uint(out, second);
}

enum err
local_get_pair(struct bytes body, uint64_t max, uint64_t *ret_first,
    uint64_t *ret_second, struct diag *diag)
{
	uint64_t first, second;
	struct cbor cbor;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 2);
	first = cbor_get_uint(&cbor);
	second = cbor_get_uint(&cbor);
	if (first > max || second > max)
		cbor_fail(&cbor, "number");
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "numbers");
	*ret_first = first;
	*ret_second = second;
	return ERR_OK;
}

void
local_put_export(struct buf *out, const struct local_export *export)
{
	cbor_put_array(out, 5);
	cbor_put_text(out, export->format);
	cbor_put_bool(out, export->line);
	cbor_put_uint(out, export->log);
	cbor_put_uint(out, export->first);
	cbor_put_uint(out, export->count);
}

enum err
local_get_export(struct bytes body, struct local_export *ret_export,
    struct diag *diag)
{
	struct local_export export = { .count = 0 };
	uint64_t log, count;
	struct cbor cbor;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 5);
	text_get(&cbor, export.format, sizeof(export.format));
	export.line = cbor_get_bool(&cbor);
	log = cbor_get_uint(&cbor);
	export.first = cbor_get_uint(&cbor);
	count = cbor_get_uint(&cbor);
	if (log > UINT32_MAX || export.first > UINT64_MAX / 2 || count < 1 ||
	    count > LOCAL_EXPORT_MAX)
		cbor_fail(&cbor, "number");
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "export");
	export.log = (uint32_t)log;
	export.count = (uint32_t)count;
	*ret_export = export;
	return ERR_OK;
}
