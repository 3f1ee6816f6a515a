#include "front/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

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
	"tgkill", "rt_sigprocmask", "futex", "brk", "munmap", "mremap",
	"madvise", "write", "read", NAMES_END
};
static const char *const front_only[] = {
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "poll",
	"ppoll", "accept", "accept4", "readv", "writev", "pread64", "recvmsg",
	"recvfrom", "sendmsg", "sendto", "shutdown", "setsockopt",
	"getsockopt", "getsockname", "getpeername", "fcntl", "getrandom",
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
	"memfd_create", "chmod", "fchmod", "fchmodat", "kill", "pidfd_open",
	"init_module", NAMES_END
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

/* Those of which only some arguments are good. */
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

static int
filter_fill(scmp_filter_ctx ctx, enum confine_role role)
{
	int rc;

	if (CONFINE_LOOSE)
		return role != CONFINE_FRONT ? 0 : names_add(ctx,
		    SCMP_ACT_ERRNO(EPERM), never_front);
	rc = names_add(ctx, SCMP_ACT_ALLOW, both);
	if (rc == 0)
		rc = names_add(ctx, SCMP_ACT_ALLOW, role == CONFINE_FRONT ?
		    front_only : opener_only);
	return rc == 0 ? arguments_add(ctx, role) : rc;
}

enum err
confine(enum confine_role role, struct diag *diag)
{
	scmp_filter_ctx ctx;
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return diag_fail(diag, ERR_UNSUPPORTED, NULL,
		    "confine: no_new_privs: %s", strerror(errno));
	ctx = seccomp_init(CONFINE_LOOSE ? SCMP_ACT_ALLOW :
	    SCMP_ACT_ERRNO(EPERM));
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
