#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cbor_write.h"
#include "lib/proto/local.h"

static void
test_submit(void **state)
{
	const struct local_submit submit = { .names = true,
		.names_title = "n.csv", .devices_title = "caf\xe9",
		.format = "csv", .challenge = "c",
		.signature = bytes_of("sig", 3) };
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct local_submit in;

	(void)state;
	local_put_submit(&out, &submit);
	assert_int_equal(buf_err(&out), ERR_OK);
	assert_int_equal(local_get_submit(buf_bytes(&out), &in, NULL),
	    ERR_OK);
	assert_true(in.names && !in.devices);
	assert_string_equal(in.names_title, "n.csv");
	/* what is not UTF-8 is not carried */
	assert_string_equal(in.devices_title, "caf?");
	assert_string_equal(in.format, "csv");
	assert_string_equal(in.key_id, "");
	assert_string_equal(in.challenge, "c");
	assert_true(bytes_equal(in.signature, submit.signature));
}

static void
test_submit_refused(void **state)
{
	static const char *const bad[] = {
		"\xf6", "\x80",
		"\x87\xf4\xf4\x60\x60\x60\x60\x60",	/* one short */
		"\x88\x00\xf4\x60\x60\x60\x60\x60\x40",	/* no boolean */
		"\x88\xf4\x00\x60\x60\x60\x60\x60\x40",
		"\x88\xf4\xf4\x40\x60\x60\x60\x60\x40",	/* no text */
		"\x88\xf4\xf4\x60\x60\x60\x60\x60\x60",	/* no octets */
		"\x88\xf4\xf4\x60\x60\x60\x60\x60\x40\xf6",
	};
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct local_submit in, large = { .names = false };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(local_get_submit(bytes_text(bad[i]), &in,
		    NULL), ERR_SYNTAX);
	large.signature.ptr = calloc(1, LOCAL_SIGNATURE_MAX + 1);
	large.signature.len = LOCAL_SIGNATURE_MAX;
	local_put_submit(&out, &large);
	assert_int_equal(local_get_submit(buf_bytes(&out), &in, NULL),
	    ERR_OK);
	buf_clear(&out);
	large.signature.len++;
	local_put_submit(&out, &large);
	assert_int_equal(local_get_submit(buf_bytes(&out), &in, NULL),
	    ERR_SYNTAX);
	free((void *)(uintptr_t)large.signature.ptr);
}

static void
test_error(void **state)
{
	static const char *const bad[] = {
		"\xf6", "\x83\x07\x60\x60", "\x84\x00\x60\x60\x60",
		"\x84\x15\x60\x60\x60", "\x84\x07\x40\x60\x60",
		"\x84\x07\x60\x61\x00\x60"
	};
	struct diag diag = DIAG_INIT, said = DIAG_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT;
	size_t i;

	(void)state;
	(void)diag_fail(&diag, ERR_CONFLICT, "RFC 1", "order %d: open", 3);
	diag_hint(&diag, "wait");
	diag_internal(&diag, "not for others");
	local_put_error(&out, ERR_CONFLICT, &diag);
	assert_int_equal(local_get_error(buf_bytes(&out), &said),
	    ERR_CONFLICT);
	assert_int_equal(said.code, ERR_CONFLICT);
	assert_string_equal(said.what, "order 3: open");
	assert_string_equal(said.ref, "RFC 1");
	assert_string_equal(said.hint, "wait");
	assert_string_equal(said.internal, "");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		said = (struct diag)DIAG_INIT;
		assert_int_equal(local_get_error(i == 5 ?
		    bytes_of(bad[i], 6) : i == 2 ? bytes_of(bad[i], 5) :
		    bytes_text(bad[i]), &said), ERR_SYNTAX);
	}
}

static void
test_pair(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint64_t first = 0, second = 0;

	(void)state;
	local_put_pair(&out, 7, 1);
	assert_int_equal(local_get_pair(buf_bytes(&out), 7, &first, &second,
	    NULL), ERR_OK);
	assert_int_equal(first, 7);
	assert_int_equal(second, 1);
	assert_int_equal(local_get_pair(buf_bytes(&out), 6, &first, &second,
	    NULL), ERR_SYNTAX);
	assert_int_equal(local_get_pair(bytes_of("\x81\x01", 2), 9, &first,
	    &second, NULL), ERR_SYNTAX);
	assert_int_equal(local_get_pair(bytes_of("\x82\x01\x20", 3), 9,
	    &first, &second, NULL), ERR_SYNTAX);
}

static void
test_export(void **state)
{
	const struct local_export export = { .format = "jwt", .line = true,
		.log = 2, .first = UINT64_MAX / 2, .count = 64 };
	static const char *const bad[] = {
		"\x84\x60\xf4\x01\x01",		/* one short */
		"\x85\x40\xf4\x01\x01\x01",	/* no text */
		"\x85\x60\x01\x01\x01\x01",	/* no boolean */
		"\x85\x60\xf4\x20\x01\x01",	/* negative */
		"\x85\x60\xf4\x01\x01\x18\x41",	/* too many */
	};
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct local_export in = { .count = 0 };
	size_t i;

	(void)state;
	local_put_export(&out, &export);
	assert_int_equal(local_get_export(buf_bytes(&out), &in, NULL),
	    ERR_OK);
	assert_string_equal(in.format, "jwt");
	assert_true(in.line && in.log == 2 && in.first == UINT64_MAX / 2);
	assert_int_equal(in.count, 64);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(local_get_export(bytes_text(bad[i]), &in,
		    NULL), ERR_SYNTAX);
	/* none; beyond any log */
	assert_int_equal(local_get_export(bytes_of(
	    "\x85\x60\xf4\x01\x01\x00", 6), &in, NULL), ERR_SYNTAX);
	buf_clear(&out);
	in.first = UINT64_MAX;
	local_put_export(&out, &in);
	assert_int_equal(local_get_export(buf_bytes(&out), &in, NULL),
	    ERR_SYNTAX);
}

static void
test_service(void **state)
{
	static const struct {
		const char	*text, *service;
	} cases[] = {
		{ "0::/system.slice/imprintd.service\n", "imprintd.service" },
		{ "0::/system.slice/imprintd@eu.service/payload\n",
			"imprintd@eu.service" },
		{ "2:cpu:/\n0::/user.slice/user@1000.service/a.service",
			"a.service" },
		{ "1:name=systemd:/system.slice/i.service\n0::/\n",
			"i.service" },
		{ "", NULL }, { "0::/\n", NULL }, { "0::/.service", NULL },
		{ "0::/a.services/b.scope\n", NULL },
		{ "0::/a\033[2J.service\n", NULL },
		{ "0::/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			".service", NULL },
	};
	char service[LOCAL_SERVICE_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(local_service_in(bytes_text(cases[i].text),
		    service), cases[i].service != NULL);
		if (cases[i].service != NULL)
			assert_string_equal(service, cases[i].service);
	}
}

static const struct internal_message asked = { .call = 1,
    .type = INTERNAL_SUBMIT, .body = { (const uint8_t *)"\xf6", 1 } };

/* From listening to octets that went there and back. */
static void
test_socket(void **state)
{
	_cleanup_local_packet_ struct local_packet packet =
	    LOCAL_PACKET_INIT;
	_cleanup_local_packet_ struct local_packet none = LOCAL_PACKET_INIT;
	_cleanup_buf_ struct buf octets = { .limit = 5 };
	_cleanup_buf_ struct buf few = { .limit = 4 };
	char dir[] = "/tmp/imprint-local-XXXXXX", path[128];
	int listener = -1, client = -1, server = -1, file = -1;
	struct stat stat_;
	uid_t uid = (uid_t)-1;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(local_connect(dir, &client, NULL), ERR_NOTFOUND);
	assert_int_equal(local_listen(dir, &listener, NULL), ERR_OK);
	(void)close(listener);
	/* a name that is left is nobody, and no obstacle */
	assert_int_equal(local_connect(dir, &client, NULL), ERR_NOTFOUND);
	assert_int_equal(local_listen(dir, &listener, NULL), ERR_OK);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, LOCAL_SOCKET);
	assert_int_equal(stat(path, &stat_), 0);
	assert_int_equal(stat_.st_mode & 0777, 0600);
	assert_int_equal(local_accept(listener, &server, &uid, NULL),
	    ERR_IO);
	assert_int_equal(local_connect(dir, &client, NULL), ERR_OK);
	assert_int_equal(local_accept(listener, &server, &uid, NULL),
	    ERR_OK);
	assert_int_equal(uid, geteuid());
	assert_int_equal(local_receive(server, &none, NULL), ERR_BUSY);
	assert_int_equal(local_octets_put(bytes_of("12345", 5), &file, NULL),
	    ERR_OK);
	assert_int_equal(local_send(client, &asked, &file, 1, NULL), ERR_OK);
	assert_int_equal(local_receive(server, &packet, NULL), ERR_OK);
	assert_int_equal(packet.message.type, INTERNAL_SUBMIT);
	assert_int_equal(packet.file_count, 1);
	assert_int_equal(local_octets_get(packet.files[0], &few, NULL),
	    ERR_LIMIT);
	assert_int_equal(local_octets_get(packet.files[0], &octets, NULL),
	    ERR_OK);
	assert_memory_equal(octets.ptr, "12345", 5);
	(void)close(client);
	local_packet_release(&packet);
	packet = (struct local_packet)LOCAL_PACKET_INIT;
	assert_int_equal(local_receive(server, &packet, NULL), ERR_STATE);
	assert_int_equal(local_send(server, &asked, NULL, 0, NULL),
	    ERR_STATE);
	(void)close(file);
	(void)close(server);
	(void)close(listener);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* What is read could wait for somebody, or is not to be read. */
static void
test_files(void **state)
{
	_cleanup_buf_ struct buf out = { .limit = 100 };
	int ends[2], dir, only;
	char name[] = "/tmp/imprint-local-XXXXXX";

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(local_octets_get(ends[0], &out, NULL), ERR_INVALID);
	dir = open("/", O_RDONLY | O_CLOEXEC);
	assert_int_equal(local_file_check(dir, NULL), ERR_INVALID);
	only = mkostemp(name, O_CLOEXEC);
	assert_int_equal(local_file_check(only, NULL), ERR_OK);
	(void)close(only);
	only = open(name, O_WRONLY | O_CLOEXEC);
	assert_int_equal(local_file_check(only, NULL), ERR_INVALID);
	(void)close(only);
	only = open(name, O_PATH | O_CLOEXEC);
	assert_int_equal(local_file_check(only, NULL), ERR_INVALID);
	(void)close(only);
	assert_int_equal(unlink(name), 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(dir);
}

/* A packet that is too long, or has too many files, is not taken in part. */
static void
test_limits(void **state)
{
	_cleanup_buf_ struct buf large = BUF_INIT;
	struct internal_message message = asked;
	int fds[2], files[LOCAL_FILES_MAX + 1];
	union {
		struct cmsghdr	head;
		char		room[CMSG_SPACE(sizeof(files))];
	} control = { .room = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t) "x",
		.iov_len = 1 };
	struct msghdr many = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	size_t i;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    fds), 0);
	cbor_put_bstr_head(&large, LOCAL_MESSAGE_MAX);
	memset(buf_extend(&large, LOCAL_MESSAGE_MAX), 0, LOCAL_MESSAGE_MAX);
	message.body = buf_bytes(&large);
	assert_int_equal(local_send(fds[0], &message, NULL, 0, NULL),
	    ERR_LIMIT);
	assert_int_equal(send(fds[0], large.ptr, large.len, 0),
	    (ssize_t)large.len);
	for (i = 0; i <= LOCAL_FILES_MAX; i++)
		files[i] = fds[1];
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(files));
	memcpy(CMSG_DATA(&control.head), files, sizeof(files));
	assert_int_equal(sendmsg(fds[0], &many, 0), 1);
	assert_int_equal(send(fds[0], "\x80", 1, 0), 1);
	for (i = 0; i < 3; i++) {
		_cleanup_local_packet_ struct local_packet packet =
		    LOCAL_PACKET_INIT;

		assert_int_equal(local_receive(fds[1], &packet, NULL),
		    i < 2 ? ERR_LIMIT : ERR_SYNTAX);
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_submit),
		cmocka_unit_test(test_submit_refused),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_export),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
