#include "front/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_LOOSE	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CONFINE_LOOSE	1
#endif
#endif
#ifndef CONFINE_LOOSE
#define CONFINE_LOOSE	0
#endif

#define NAMES_END	NULL

static const char *const both[] = {
	"close", "exit", "exit_group", "rt_sigreturn", "restart_syscall",
	"clock_gettime", "gettimeofday", "time", "getpid", "gettid",
	"rt_sigprocmask", "futex", "brk", "munmap", "mremap",
	"madvise", "write", "read", NAMES_END
};
static const char *const front_only[] = {
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "poll",
	"ppoll", "accept", "accept4", "readv", "writev", "pread64", "recvmsg",
	"recvfrom", "getsockopt", "getsockname", "getpeername", "getrandom",
	"mlock", "mlock2", "munlock", "rt_sigaction", "sigaltstack", "rseq",
	"clock_nanosleep", "getuid", "geteuid", "getgid", "getegid",
	NAMES_END
};
static const char *const opener_only[] = {
	"openat2", "fstat", "recvfrom", "sendmsg", NAMES_END
};
/* For the turned list; names that a system does not have are passed over. */
static const char *const never_front[] = {
	"execve", "execveat", "fork", "vfork", "socket", "socketpair",
	"connect", "bind", "listen", "ptrace", "process_vm_readv",
	"process_vm_writev", "open", "openat", "openat2", "creat",
	"open_by_handle_at", "unlink", "unlinkat", "rename", "renameat",
	"renameat2", "mkdir", "mkdirat", "symlink", "link", "linkat",
	"mount", "umount2", "chroot", "pivot_root", "setuid", "setns",
	"unshare", "bpf", "keyctl", "io_uring_setup", "userfaultfd",
	"memfd_create", "chmod", "fchmod", "fchmodat", "kill", "tkill",
	"rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open",
	"pidfd_send_signal", "sendmsg", "sendmmsg", "init_module",
	"shmget", "shmat", NAMES_END
};

/* Files and threads are its work. */
static const char *const never_authority[] = {
	"execve", "execveat", "fork", "vfork", "socket", "socketpair",
	"connect", "bind", "listen", "ptrace", "process_vm_readv",
	"process_vm_writev", "process_madvise", "kcmp", "pidfd_open",
	"pidfd_getfd", "pidfd_send_signal", "kill", "tkill",
	"rt_sigqueueinfo", "rt_tgsigqueueinfo", "open_by_handle_at",
	"name_to_handle_at", "mknod", "mknodat", "mount", "umount2",
	"move_mount", "fsopen", "fsmount", "open_tree", "chroot",
	"pivot_root", "setuid", "setgid", "setreuid", "setregid",
	"setresuid", "setresgid", "setgroups", "capset", "setns", "unshare",
	"bpf", "keyctl", "add_key", "request_key", "io_uring_setup",
	"io_uring_enter", "io_uring_register", "userfaultfd",
	"perf_event_open", "init_module", "finit_module",
	"delete_module", "kexec_load", "kexec_file_load", "reboot",
	"swapon", "swapoff", "sethostname", "setdomainname", "settimeofday",
	"clock_settime", "adjtimex", "clock_adjtime", "syslog", "iopl",
	"ioperm", "personality", "quotactl", "acct", "vhangup", "shmget",
	"shmat", "sendmmsg", NAMES_END
};

static int
names_add(scmp_filter_ctx ctx, uint32_t action, const char *const *names)
{
	int number, rc = 0;

	for (; *names != NULL && rc == 0; names++) {
		number = seccomp_syscall_resolve_name(*names);
		if (number != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(ctx, action, number, 0);
	}
	return rc;
}

/* A call that is good when all of `good` holds; it is bad when any of `bad`
 * does, for the turned list. */
struct argued {
	int			number;
	unsigned		count;
	struct scmp_arg_cmp	good[2], bad[2];
};

static int
argued_add(scmp_filter_ctx ctx, const struct argued *call)
{
	unsigned i;
	int rc = 0;

	if (!CONFINE_LOOSE)
		return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
		    call->number, call->count, call->good);
	for (i = 0; i < call->count && rc == 0; i++)
		rc = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EPERM),
		    call->number, 1, &call->bad[i]);
	return rc;
}

/* To abort(3) is good; to signal others is not. */
static int
signals_add(scmp_filter_ctx ctx)
{
	const uint64_t self = (uint64_t)getpid();
	const struct argued call = { SCMP_SYS(tgkill), 1,
		{ SCMP_A0(SCMP_CMP_EQ, self, 0) },
		{ SCMP_A0(SCMP_CMP_NE, self, 0) } };

	return argued_add(ctx, &call);
}

/*
 * Sockets stay what they are. Connecting is done by sendto(2) too, to an
 * address or by TCP Fast Open; sendmsg(2) hides the address from a filter and
 * is not had at all. A listener is the supervisor's too: shutdown(2) of its
 * reading side, or fcntl(2), would reach beyond this process.
 */
static int
sockets_add(scmp_filter_ctx ctx)
{
	const struct argued calls[] = {
		{ SCMP_SYS(sendto), 2,
		    { SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0),
		    SCMP_A4(SCMP_CMP_EQ, 0, 0) },
		    { SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN,
		    MSG_FASTOPEN), SCMP_A4(SCMP_CMP_NE, 0, 0) } },
		{ SCMP_SYS(shutdown), 1, { SCMP_A1(SCMP_CMP_EQ, SHUT_WR, 0) },
		    { SCMP_A1(SCMP_CMP_NE, SHUT_WR, 0) } },
		{ SCMP_SYS(setsockopt), 2,
		    { SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP, 0),
		    SCMP_A2(SCMP_CMP_EQ, TCP_NODELAY, 0) },
		    { SCMP_A1(SCMP_CMP_NE, IPPROTO_TCP, 0),
		    SCMP_A2(SCMP_CMP_NE, TCP_NODELAY, 0) } },
	};
	size_t i;
	int rc = 0;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]) && rc == 0; i++)
		rc = argued_add(ctx, &calls[i]);
	return rc;
}

/* Others of which only some arguments are good. */
static int
arguments_add(scmp_filter_ctx ctx, enum confine_role role)
{
	int rc;

	/* memory that is not to be executed */
	rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
		    SCMP_SYS(mprotect), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc != 0)
		return rc;
	if (role == CONFINE_OPENER)	/* fstat(3) */
		return seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
		    SCMP_SYS(newfstatat), 1,
		    SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0));
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
	    SCMP_A1(SCMP_CMP_EQ, FIONREAD, 0));
}

/* A process of its own is refused, a thread is not: of clone3(2) a filter does
 * not see which, so that the library takes clone(2). */
static int
threads_add(scmp_filter_ctx ctx)
{
	int rc;

	rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
	    0);
	return rc != 0 ? rc : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
	    SCMP_SYS(clone), 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
}

static int
authority_fill(scmp_filter_ctx ctx)
{
	const uint64_t self = (uint64_t)getpid();
	int rc;

	/* sendmsg(2) answers commands, on sockets that stay connected */
	rc = names_add(ctx, SCMP_ACT_ERRNO(EPERM), never_authority);
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
		    SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_NE, self, 0));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
		    SCMP_SYS(sendto), 1, SCMP_A4(SCMP_CMP_NE, 0, 0));
	if (rc != 0 || CONFINE_LOOSE)
		return rc;
	rc = threads_add(ctx);
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
		    SCMP_SYS(mmap), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
		    SCMP_SYS(mprotect), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
		    SCMP_SYS(pkey_mprotect), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
	return rc;
}

static int
filter_fill(scmp_filter_ctx ctx, enum confine_role role)
{
	int rc = 0;

	if (role == CONFINE_AUTHORITY)
		return authority_fill(ctx);
	if (CONFINE_LOOSE && role != CONFINE_FRONT)
		return 0;
	if (CONFINE_LOOSE)
		rc = names_add(ctx, SCMP_ACT_ERRNO(EPERM), never_front);
	else
		rc = names_add(ctx, SCMP_ACT_ALLOW, both);
	if (rc == 0 && !CONFINE_LOOSE)
		rc = names_add(ctx, SCMP_ACT_ALLOW, role == CONFINE_FRONT ?
		    front_only : opener_only);
	if (rc == 0)
		rc = signals_add(ctx);
	if (rc == 0 && role == CONFINE_FRONT)
		rc = sockets_add(ctx);
	return rc == 0 && !CONFINE_LOOSE ? arguments_add(ctx, role) : rc;
}

enum err
confine(enum confine_role role, struct diag *diag)
{
	scmp_filter_ctx ctx;
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return diag_fail(diag, ERR_UNSUPPORTED, NULL,
		    "confine: no_new_privs: %s", strerror(errno));
	ctx = seccomp_init(CONFINE_LOOSE || role == CONFINE_AUTHORITY ?
	    SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM));
	if (ctx == NULL)
		return diag_nomem(diag);
	rc = filter_fill(ctx, role);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	if (rc == 0)
		return ERR_OK;
	diag_hint(diag, "the kernel must have CONFIG_SECCOMP_FILTER");
	return diag_fail(diag, ERR_UNSUPPORTED, NULL,
	    "confine: seccomp: %s", strerror(-rc));
}
