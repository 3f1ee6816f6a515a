/*
 * Commands of this machine and the authority of imprintd, over a socket in
 * the ecosystem's directory: who reaches it may work there anyway, and the
 * system says who it is (SO_PEERCRED).
 *
 * Messages as in internal.h, each a packet of its own (SOCK_SEQPACKET) without
 * the length; one question at a time. What is large, and the files that a
 * request names, comes as descriptors of regular files beside the packet: so
 * no path crosses, and nothing is opened for anybody.
 */
#ifndef IMPRINT_PROTO_LOCAL_H
#define IMPRINT_PROTO_LOCAL_H

#include <sys/types.h>

#include "lib/proto/internal.h"

#define LOCAL_SOCKET		"imprintd.socket"
#define LOCAL_MESSAGE_MAX	((size_t)48 << 10)
#define LOCAL_FILES_MAX		3
#define LOCAL_TEXT_MAX		255
#define LOCAL_SIGNATURE_MAX	((size_t)32 << 10)

/* A packet; body views room, the descriptors are owned. */
struct local_packet {
	struct buf		room;
	struct internal_message	message;
	int			files[LOCAL_FILES_MAX];
	size_t			file_count;
};
#define LOCAL_PACKET_INIT { .room = { .limit = LOCAL_MESSAGE_MAX } }
void	local_packet_release(struct local_packet *);
#define _cleanup_local_packet_						\
	__attribute__((cleanup(local_packet_release)))

/* Listen in dir, in place of what an earlier one left there: the caller holds
 * the ecosystem's lock. Whoever connects must be able to look into dir. */
MUST_USE enum err local_listen(const char *dir, int *ret_fd, struct diag *);
/* No more: it is closed, and its name gone; the caller still holds the lock. */
void	local_unlisten(const char *dir, int fd);
/* ERR_NOTFOUND: nobody listens. */
MUST_USE enum err local_connect(const char *dir, int *ret_fd, struct diag *);
/* Who connected; uid is that of its connect(2). ERR_IO. */
MUST_USE enum err local_accept(int listener, int *ret_fd, uid_t *ret_uid,
    struct diag *);

/* The service (of systemd) that a process is of: the last one in its control
 * group, as /proc/PID/cgroup has it. false: of none that can be told. */
#define LOCAL_SERVICE_SIZE	64
bool	local_service_in(struct bytes cgroup,
	    char ret_service[LOCAL_SERVICE_SIZE]);

/* ERR_STATE: the other end is gone, or does not read; ERR_LIMIT. */
MUST_USE enum err local_send(int fd, const struct internal_message *,
    const int *files, size_t file_count, struct diag *);
/* Waits, unless fd does not block: ERR_BUSY, nothing is there. packet must be
 * fresh. ERR_STATE: the other end is gone; ERR_SYNTAX, ERR_VERSION, ERR_LIMIT.
 */
MUST_USE enum err local_receive(int fd, struct local_packet *packet,
    struct diag *);

/* Octets as a descriptor, and back: ERR_INVALID when it is no regular file,
 * ERR_LIMIT beyond out's limit. */
MUST_USE enum err local_octets_put(struct bytes, int *ret_fd, struct diag *);
MUST_USE enum err local_octets_get(int fd, struct buf *out, struct diag *);
/* ERR_INVALID: reading it may wait without end. */
MUST_USE enum err local_file_check(int fd, struct diag *);

/*
 * A request that an operator signed, and the files that it names. Its
 * descriptors: the request's octets, then names and devices, if there.
 * Answer: [warning, hint], empty when there is none; the result's octets as
 * its descriptor.
 */
struct local_submit {
	bool		names, devices;
	/* what messages call these files */
	char		names_title[LOCAL_TEXT_MAX + 1];
	char		devices_title[LOCAL_TEXT_MAX + 1];
	/* of devices, as lib/authority/devices.h has them; empty: none */
	char		format[LOCAL_TEXT_MAX + 1];
	char		key_id[LOCAL_TEXT_MAX + 1];
	char		challenge[LOCAL_TEXT_MAX + 1];
	struct bytes	signature;
};
void	local_put_submit(struct buf *, const struct local_submit *);
MUST_USE enum err local_get_submit(struct bytes body,
    struct local_submit *ret_submit, struct diag *);

/* What went wrong, as it is told to people: without its internal part. */
void	local_put_error(struct buf *, enum err, const struct diag *);
/* The error that is told, into diag. ERR_SYNTAX when there is none. */
MUST_USE enum err local_get_error(struct bytes body, struct diag *);

/*
 * Identities of a log as a rendering that the authority signs: [format, a line
 * each, log, first, count]. Answer: null, and as its descriptor an array of
 * [UEID in hex, rendering] in their order.
 */
#define LOCAL_EXPORT_MAX	64	/* at once */
struct local_export {
	char		format[LOCAL_TEXT_MAX + 1];
	bool		line;
	uint32_t	log;
	uint64_t	first;
	uint32_t	count;		/* 1 to LOCAL_EXPORT_MAX */
};
void	local_put_export(struct buf *, const struct local_export *);
MUST_USE enum err local_get_export(struct bytes body,
    struct local_export *ret_export, struct diag *);

/* [number, number]: of all but INTERNAL_SUBMIT and INTERNAL_EXPORT. */
void	local_put_pair(struct buf *, uint64_t first, uint64_t second);
MUST_USE enum err local_get_pair(struct bytes body, uint64_t max,
    uint64_t *ret_first, uint64_t *ret_second, struct diag *);

#endif
