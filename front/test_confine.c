/* What a confined process cannot do, tried by one that is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "front/confine.h"
#include "lib/crypto/key.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LOOSE	1
#else
#define LOOSE	0
#endif

static long
try_open(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long
try_openat(void)
{
	return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
}

static long
try_openat2(void)
{
	struct open_how how = { .flags = O_RDONLY };

	return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", &how,
	    sizeof(how));
}

static long
try_create(void)
{
	return syscall(SYS_creat, "/tmp/test_confine.new", 0600);
}

static long
try_tcp(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long
try_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long
try_pair(void)
{
	int fds[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
}

/* On a socket that it has. */
static long
try_connect(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = 80 };

	return connect(0, (struct sockaddr *)&to, sizeof(to));
}

static long
try_fast_open(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = 80 };

	return syscall(SYS_sendto, 0, "x", 1, MSG_FASTOPEN, &to, sizeof(to));
}

static long
try_fast_open_flag(void)
{
	return syscall(SYS_sendto, 0, "x", 1, MSG_FASTOPEN, NULL, 0);
}

static long
try_send_to(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = 80 };

	return sendto(0, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
}

static long
try_sendmsg(void)
{
	struct msghdr message = { .msg_iov = NULL };

	return sendmsg(0, &message, MSG_FASTOPEN);
}

static long
try_shutdown(void)
{
	return shutdown(0, SHUT_RD);
}

static long
try_shutdown_both(void)
{
	return shutdown(0, SHUT_RDWR);
}

static long
try_tgkill(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static long
try_owner(void)
{
	return fcntl(0, F_SETOWN, getppid());
}

static long
try_owner_signal(void)
{
	return fcntl(0, F_SETSIG, SIGKILL);
}

static long
try_async(void)
{
	return fcntl(0, F_SETFL, O_ASYNC);
}

static long
try_option(void)
{
	int one = 1;

	return setsockopt(0, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
}

/* The same number, of another level. */
static long
try_option_level(void)
{
	int one = 1;

	return setsockopt(0, SOL_SOCKET, TCP_NODELAY, &one, sizeof(one));
}

static long
try_option_program(void)
{
	return setsockopt(0, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, NULL, 0);
}

static long
try_exec(void)
{
	char *argv[] = { NULL }, *envp[] = { NULL };

	return execve("/bin/true", argv, envp);
}

static long
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

static long
try_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long
try_kill(void)
{
	return kill(getppid(), 0);
}

static long
try_memory(void)
{
	return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static long
try_memfd(void)
{
	return syscall(SYS_memfd_create, "x", 0);
}

static long
try_execute_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE |
	    MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

/* Of memory that it has. */
static long
try_protect(void)
{
	static uint8_t page[8192];
	uintptr_t at = ((uintptr_t)page + 4095) & ~(uintptr_t)4095;

	return mprotect((void *)at, 4096, PROT_READ | PROT_EXEC);
}

static long
try_protect_key(void)
{
	static uint8_t page[8192];
	uintptr_t at = ((uintptr_t)page + 4095) & ~(uintptr_t)4095;

	return syscall(SYS_pkey_mprotect, at, 4096, PROT_READ | PROT_EXEC,
	    -1);
}

static long
try_shared(void)
{
	return syscall(SYS_shmget, IPC_PRIVATE, 4096, 0600);
}

static long
try_shared_attach(void)
{
	return syscall(SYS_shmat, -1, NULL, SHM_EXEC);
}

static long
try_sendmmsg(void)
{
	return syscall(SYS_sendmmsg, 0, NULL, 0, 0);
}

static long
try_terminal(void)
{
	return ioctl(0, TIOCSTI, "x");
}

static long
try_unlink(void)
{
	return unlink("/tmp/test_confine.old");
}

static long
try_mkdir(void)
{
	return mkdir("/tmp/test_confine.dir", 0700);
}

static const struct {
	const char	*name;
	long		(*call)(void);
	bool		 strict;	/* a sanitizer does it itself */
	bool		 opener;	/* the opener may */
	bool		 authority;	/* the authority may */
} tries[] = {
	{ "open", try_open, false, false, true },
	{ "openat", try_openat, false, false, true },
	{ "openat2", try_openat2, false, true, true },
	{ "creat", try_create, false, false, true },
	{ "socket TCP", try_tcp, false, false, false },
	{ "socket UNIX", try_unix, false, false, false },
	{ "socketpair", try_pair, false, false, false },
	{ "connect", try_connect, false, false, false },
	{ "sendto MSG_FASTOPEN", try_fast_open, false, false, false },
	{ "sendto MSG_FASTOPEN alone", try_fast_open_flag, false, false, true },
	{ "sendto an address", try_send_to, false, false, false },
	{ "sendmsg", try_sendmsg, false, true, true },
	{ "shutdown SHUT_RD", try_shutdown, false, false, true },
	{ "shutdown SHUT_RDWR", try_shutdown_both, false, false, true },
	{ "tgkill", try_tgkill, false, false, false },
	{ "fcntl F_SETOWN", try_owner, true, false, true },
	{ "fcntl F_SETSIG", try_owner_signal, true, false, true },
	{ "fcntl O_ASYNC", try_async, true, false, true },
	{ "setsockopt", try_option, false, false, true },
	{ "setsockopt level", try_option_level, false, false, true },
	{ "setsockopt program", try_option_program, false, false, true },
	{ "execve", try_exec, false, false, false },
	{ "fork", try_fork, true, false, false },
	{ "ptrace", try_ptrace, false, false, false },
	{ "kill", try_kill, false, false, false },
	{ "process_vm_readv", try_memory, false, false, false },
	{ "memfd_create", try_memfd, false, false, true },
	{ "mmap PROT_EXEC", try_execute_memory, true, false, false },
	{ "mprotect PROT_EXEC", try_protect, true, false, false },
	{ "pkey_mprotect PROT_EXEC", try_protect_key, true, false, false },
	{ "shmget", try_shared, false, false, false },
	{ "shmat", try_shared_attach, false, false, false },
	{ "sendmmsg", try_sendmmsg, false, false, false },
	{ "ioctl", try_terminal, true, false, true },
	{ "unlink", try_unlink, false, false, true },
	{ "mkdir", try_mkdir, false, false, true },
};

/* What serving needs goes on. */
static bool
works(void)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	_cleanup_signer_ struct signer *signer = NULL;
	uint8_t sig[SIGNATURE_SIZE];
	struct public_key key;

	return key_pair_make(KEY_P256, &key, &private, NULL) == ERR_OK &&
	    signer_new(KEY_P256, secret_bytes(&private), &signer, NULL) ==
	    ERR_OK && signer_sign(signer, bytes_text("x"), sig) == ERR_OK;
}

/* Descriptor 0 is no socket; what matters is who says so. */
static bool
sockets_work(void)
{
	int one = 1;

	return send(0, "x", 1, MSG_NOSIGNAL) == -1 && errno == ENOTSOCK &&
	    shutdown(0, SHUT_WR) == -1 && errno == ENOTSOCK &&
	    setsockopt(0, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ==
	    -1 && errno == ENOTSOCK;
}

static void *
thread_run(void *ctx)
{
	*(bool *)ctx = true;
	return NULL;
}

/* Files and threads. */
static bool
authority_works(void)
{
	char path[] = "/tmp/test_confine.XXXXXX";
	bool ran = false;
	pthread_t thread;
	int fd = mkstemp(path);
	bool good;

	good = fd >= 0 && write(fd, "x", 1) == 1 && fdatasync(fd) == 0 &&
	    close(fd) == 0 && unlink(path) == 0;
	return good && pthread_create(&thread, NULL, thread_run, &ran) == 0 &&
	    pthread_join(thread, NULL) == 0 && ran && works();
}

/* May that role do it, or is it not to be told under a sanitizer? */
static bool
passed_over(enum confine_role role, size_t i)
{
	if (tries[i].strict && LOOSE)
		return true;
	if (role == CONFINE_AUTHORITY)
		return tries[i].authority;
	return role == CONFINE_OPENER && (tries[i].opener || LOOSE);
}

/* Exit status: 0, or 1 + the place of the try that was not refused. */
static int
tries_run(enum confine_role role)
{
	size_t i;

	(void)close(0);
	if (open("/dev/null", O_RDWR | O_CLOEXEC) != 0)
		return 100;
	if (role == CONFINE_FRONT && !works())	/* and is set up by that */
		return 101;
	if (confine(role, NULL) != ERR_OK)
		return 102;
	for (i = 0; i < COUNT(tries); i++) {
		if (passed_over(role, i))
			continue;
		errno = 0;
		if (tries[i].call() != -1 || errno != EPERM)
			return 1 + (int)i;
	}
	if (role == CONFINE_FRONT && (!works() || !sockets_work()))
		return 103;
	if (role == CONFINE_AUTHORITY && !authority_works())
		return 105;
	/* as abort(3) */
	return syscall(SYS_tgkill, getpid(), gettid(), 0) == 0 ? 0 : 104;
}

static void
confined(enum confine_role role)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(tries_run(role));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) >= 100)
		fail_msg("step %d", WEXITSTATUS(status));
	if (WEXITSTATUS(status) != 0)
		fail_msg("%s is not refused",
		    tries[WEXITSTATUS(status) - 1].name);
}

static void
test_front(void **state)
{
	(void)state;
	confined(CONFINE_FRONT);
}

static void
test_opener(void **state)
{
	(void)state;
	confined(CONFINE_OPENER);
}

static void
test_authority(void **state)
{
	(void)state;
	confined(CONFINE_AUTHORITY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_front),
		cmocka_unit_test(test_opener),
		cmocka_unit_test(test_authority),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
