/* What the files of imprintd share. */
#ifndef IMPRINT_CMD_IMPRINTD_IMPRINTD_H
#define IMPRINT_CMD_IMPRINTD_IMPRINTD_H

#include <sys/types.h>

#include "cmd/common/cmd.h"
#include "lib/base/buf.h"
#include "lib/base/logfmt.h"

#define FRONTS_MAX	64
#define SERVER_NAME_MAX	64	/* X.520 ub-common-name */
#define USER_NAME_MAX	32

/* Whom a process runs as. */
struct user {
	bool	change;		/* false: as it is started */
	uid_t	uid;
	gid_t	gid;
};

/* Command line, then --config FILE, then what is usual. */
struct config {
	char		home[PATH_SIZE];
	char		ecosystem[64];
	char		passphrase_file[PATH_SIZE];	/* "": none said */
	char		name[SERVER_NAME_MAX + 1];	/* DNS */
	char		listen[80], monitor[80];	/* "": no monitor */
	uint32_t	fronts;			/* processes */
	uint32_t	connections;		/* of each */
	bool		publish;		/* serve publish/ */
	bool		est_linking;		/* EST: required, front.h */
	char		authority_user[USER_NAME_MAX + 1];	/* "": as is */
	char		front_user[USER_NAME_MAX + 1];
	char		dir[PATH_SIZE];		/* the ecosystem's */
};
/* ERR_INVALID and others name file and line. */
MUST_USE enum err config_load(struct cmd *, struct config *ret_config);
/* The two users. ERR_NOTFOUND; ERR_PERMISSION: only root can change. */
MUST_USE enum err config_users(struct cmd *, const struct config *,
    struct user *ret_authority, struct user *ret_front);
/* Does the ecosystem belong to whom the authority runs as? ERR_PERMISSION. */
MUST_USE enum err config_owned(struct cmd *, const struct config *,
    const struct user *authority);

/* "[::]:8443" in its parts. ERR_INVALID. */
#define ADDRESS_SIZE	64
MUST_USE enum err address_split(const char *what, const char *text,
    char ret_address[ADDRESS_SIZE], uint16_t *ret_port, struct diag *);

/* Descriptors that children are started with. */
enum {
	FD_CHANNEL = 3,		/* front: to the authority; authority: to
				 * the supervisor */
	FD_LISTEN = 4,		/* front; authority: the passphrase */
	FD_MONITOR = 5,
	FD_PUBLISH = 6,
	FD_END = 7
};
#define FD_PASSPHRASE	FD_LISTEN

/* What the supervisor and the authority say to each other, one octet each:
 * the authority can be asked; keys of tickets are to be new; a front's channel
 * comes with this, to which the front's place, below FRONTS_MAX, is added. */
#define CONTROL_READY	'R'
#define CONTROL_HANGUP	'!'
#define CONTROL_FRONT	0x40
/* And by the authority: it is at work, every few seconds; the front of a place,
 * which is added, says nothing; it has begun to take connections. */
#define CONTROL_ALIVE	'A'
#define CONTROL_DEAF	0x80
#define CONTROL_SERVES	0xc0

/* log.c: lines of the log, lib/base/logfmt.h, on standard error. First: */
void	log_begin(void);
void	log_fields(const char *role, enum log_level, const struct buf *);
/* msg=text, a warning; an error, with what is known of it. */
void	log_line(const char *role, const char *text);
void	log_diag(const char *role, const char *what, const struct diag *);
/* cmd_fail() of a process that keeps a log. */
enum exit_code role_fail(const struct cmd *, const char *role, enum err);

/* supervisor.c: until it is told to end, or the authority has. */
enum exit_code supervise(struct cmd *, const struct config *);

/* sockets.c: fronts sockets that share one address (SO_REUSEPORT), so that
 * what waits for a front that has ended waits for its successor. shown: the
 * address with its port. ERR_EXISTS: somebody has it, another imprintd too. */
MUST_USE enum err sockets_listen(const char *what, const char *text,
    unsigned count, int *ret_fds, char shown[ADDRESS_SIZE + 8],
    struct diag *);
/* Can text be listened on? ERR_INVALID. */
MUST_USE enum err sockets_check(const char *what, const char *text,
    struct diag *);
/* Over a control socket: an octet, with a descriptor unless fd is -1. Does not
 * wait for an end that does not read: ERR_IO. */
MUST_USE enum err control_send(int control, char octet, int fd);
/* ret_octet 0: the other end is gone; ret_fd -1: none came. */
MUST_USE enum err control_receive(int control, char *ret_octet, int *ret_fd);

/* The roles of children, which only the supervisor starts. */
enum exit_code authority_role(struct cmd *);
enum exit_code front_role(struct cmd *);

int	imprintd_main(int argc, char **argv, const struct io *);

#endif
