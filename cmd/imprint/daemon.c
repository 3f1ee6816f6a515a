/* The commands that change something, while imprintd holds the lock: the same
 * signed requests go to its authority. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/imprint/daemon.h"
#include "cmd/imprint/remote.h"
#include "lib/authority/order_run.h"
#include "lib/base/clock.h"
#include "lib/proto/local.h"

#define RESULT_MAX	((size_t)64 << 20)
#define LOOK_MS		200	/* how often progress is looked at */
#define RECEIPTS_LOOK_MS 1000	/* all are counted each time */
#define CALL		1	/* one at a time: any number does */
#define CGROUP_MAX	((size_t)16 << 10)

/* -1: none; set once, then read. */
static int line = -1;

bool
daemon_there(void)
{
	return line >= 0;
}

void
daemon_leave(void)
{
	if (line >= 0)
		(void)close(line);
	line = -1;
}

bool
daemon_may(enum err err)
{
	return err == ERR_BUSY || (err == ERR_PERMISSION && geteuid() == 0);
}

bool
daemon_join(struct cmd *cmd, const char *dir)
{
	struct diag why = DIAG_INIT;
	enum err err = local_connect(dir, &line, &why);

	if (err == ERR_NOTFOUND)
		return false;
	cmd->diag = (struct diag)DIAG_INIT;
	if (err)
		(void)diag_fail(&cmd->diag, ERR_BUSY, NULL, "another process "
		    "works on this ecosystem; if it is imprintd, it cannot be "
		    "reached: %s", why.what);
	return err == ERR_OK;
}

/* The service that a process is of, by its control group. */
static bool
unit_of(struct cmd *cmd, pid_t pid, char unit[LOCAL_SERVICE_SIZE])
{
	_cleanup_buf_ struct buf text = { .limit = CGROUP_MAX };
	char path[PATH_SIZE];

	(void)snprintf(path, sizeof(path), "/proc/%ld/cgroup", (long)pid);
	return io_read_file(cmd->io, path, &text, NULL) == ERR_OK &&
	    local_service_in(buf_bytes(&text), unit);
}

void
daemon_in_the_way(struct cmd *cmd, const char *dir)
{
	char unit[LOCAL_SERVICE_SIZE] = "imprintd";
	struct ucred peer = { .pid = 0 };
	socklen_t len = sizeof(peer);
	bool known;
	int fd = -1;

	if (local_connect(dir, &fd, NULL) != ERR_OK)
		return;
	known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    unit_of(cmd, peer.pid, unit);
	(void)close(fd);
	cmd->diag = (struct diag)DIAG_INIT;
	(void)diag_fail(&cmd->diag, ERR_BUSY, NULL, "imprintd (process %ld) "
	    "works on this ecosystem, and '%s' wants it stopped",
	    (long)peer.pid, cmd->command->name);
	diag_hint(&cmd->diag, "stop imprintd first%s: systemctl stop %s; then "
	    "this again, then systemctl start %s", known ? "" : ", as a "
	    "service", unit, unit);
}

enum err
ecosystem_open_requests(struct cmd *cmd, struct authority **ret_authority)
{
	char dir[PATH_SIZE];
	enum err err;

	if (remote_there(cmd)) {
		*ret_authority = NULL;
		return remote_open(cmd);
	}
	err = ecosystem_open(cmd, AUTHORITY_WRITE, true, ret_authority);
	if (!daemon_may(err) || ecosystem_dir(cmd, dir) != ERR_OK ||
	    !daemon_join(cmd, dir))
		return err;
	return ecosystem_open(cmd, AUTHORITY_READ, true, ret_authority);
}

static enum err
answer_take(struct local_packet *packet, struct diag *diag)
{
	const struct internal_message *message = &packet->message;
	enum err err;

	err = local_receive(line, packet, diag);
	if (err == ERR_STATE)
		diag_hint(diag, "imprintd has ended; the same command is "
		    "carried out without it");
	if (err)
		return err == ERR_STATE ? ERR_IO : err;
	if (message->type == INTERNAL_ERROR)
		return local_get_error(message->body, diag);
	if (message->type == INTERNAL_ANSWER && message->call == CALL)
		return ERR_OK;
	return diag_fail(diag, ERR_INTERNAL, NULL,
	    "imprintd: type %llu is no answer",
	    (unsigned long long)message->type);
}

static enum err
ask(enum internal_type type, const struct buf *body, const int *files,
    size_t file_count, struct diag *diag)
{
	const struct internal_message message = { .call = CALL,
		.type = type, .body = buf_bytes(body) };
	enum err err = buf_err(body);

	return err ? err : local_send(line, &message, files, file_count,
	    diag);
}

static enum err
text_set(char out[LOCAL_TEXT_MAX + 1], const char *what, const char *text,
    struct diag *diag)
{
	if (text == NULL)
		return ERR_OK;
	return snprintf(out, LOCAL_TEXT_MAX + 1, "%s", text) <=
	    LOCAL_TEXT_MAX ? ERR_OK : diag_fail(diag, ERR_LIMIT, NULL,
	    "%s: longer than %d characters", what, LOCAL_TEXT_MAX);
}

static void
title_set(char out[LOCAL_TEXT_MAX + 1], const struct file *file)
{
	const char *slash = strrchr(file->path, '/');

	(void)snprintf(out, LOCAL_TEXT_MAX + 1, "%s", slash != NULL ?
	    slash + 1 : file->path);
}

enum err
daemon_describe(const struct request_files *with,
    struct local_submit *ret_submit, struct diag *diag)
{
	const struct devices_file *devices = with->devices;
	struct local_submit submit = { .names = with->file != NULL,
		.devices = devices != NULL };
	enum err err = ERR_OK;

	if (with->file != NULL)
		title_set(submit.names_title, with->file);
	if (devices != NULL) {
		title_set(submit.devices_title, devices->file);
		submit.signature = devices->signature;
		err = text_set(submit.format, "list's format",
		    devices->format, diag);
		if (!err)
			err = text_set(submit.key_id, "key id",
			    devices->key_id, diag);
		if (!err)
			err = text_set(submit.challenge, "challenge",
			    devices->challenge, diag);
		if (!err && submit.signature.len > LOCAL_SIGNATURE_MAX)
			err = diag_fail(diag, ERR_LIMIT, NULL, "list's "
			    "signature: longer than %zu octets",
			    LOCAL_SIGNATURE_MAX);
	}
	*ret_submit = submit;
	return err;
}

static enum err
submit_send(struct bytes request, const struct request_files *with,
    struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	int files[LOCAL_FILES_MAX] = { -1 };
	struct local_submit submit;
	size_t count = 1;
	enum err err;

	if (with->file != NULL)
		files[count++] = with->file->fd;
	if (with->devices != NULL)
		files[count++] = with->devices->file->fd;
	err = daemon_describe(with, &submit, diag);
	if (!err)
		err = local_octets_put(request, &files[0], diag);
	if (err)
		return err;
	local_put_submit(&body, &submit);
	err = ask(INTERNAL_SUBMIT, &body, files, count, diag);
	(void)close(files[0]);
	return err;
}

enum err
daemon_submit(struct bytes request, const struct request_files *with,
    struct buf *result, struct diag *ret_warning, struct diag *diag)
{
	_cleanup_local_packet_ struct local_packet packet =
	    LOCAL_PACKET_INIT;
	_cleanup_buf_ struct buf octets = { .limit = RESULT_MAX };
	struct bytes body;
	enum err err;

	err = submit_send(request, with, diag);
	if (!err)
		err = answer_take(&packet, diag);
	if (!err && packet.file_count != 1)
		err = diag_fail(diag, ERR_INTERNAL, NULL,
		    "imprintd: an answer without its result");
	if (!err)
		err = local_octets_get(packet.files[0], &octets, diag);
	if (err)
		return err;
	buf_put_bytes(result, buf_bytes(&octets));
	body = packet.message.body;
	if (!bytes_equal(body, bytes_of("\xf6", 1)) &&
	    local_get_error(body, ret_warning) == ERR_SYNTAX)
		return diag_fail(diag, ERR_INTERNAL, NULL,
		    "imprintd: a warning that cannot be read");
	return buf_err(result);
}

static enum err
published_tell(struct bytes body, const struct publish *publish,
    struct diag *diag)
{
	uint64_t certificates, crl_bytes;
	struct published what;
	struct bytes log;
	struct cbor cbor;
	size_t i, count;

	cbor_open(&cbor, body);
	count = cbor_get_array(&cbor);
	for (i = 0; i < count && cbor_ok(&cbor); i++) {
		what = (struct published){ .number = 0 };
		cbor_get_array_sized(&cbor, 7);
		log = cbor_get_tstr(&cbor);
		if (log.len > STORE_NAME_MAX)
			cbor_fail(&cbor, "log's name");
		else if (log.len > 0)
			memcpy(what.log, log.ptr, log.len);
		what.number = cbor_get_uint(&cbor);
		what.this_update = cbor_get_int(&cbor);
		what.next_update = cbor_get_int(&cbor);
		what.lists = cbor_get_uint(&cbor);
		certificates = cbor_get_uint(&cbor);
		crl_bytes = cbor_get_uint(&cbor);
		if (cbor_ok(&cbor))
			publish->done(publish->ctx, &what, certificates,
			    crl_bytes);
	}
	return cbor_close(&cbor) ? ERR_OK : diag_fail(diag, ERR_INTERNAL,
	    NULL, "imprintd: publication: %s", cbor.error);
}

enum err
daemon_publish(const struct publish *publish, struct diag *diag)
{
	_cleanup_local_packet_ struct local_packet packet =
	    LOCAL_PACKET_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT;
	enum err err;

	local_put_pair(&body, publish->days, publish->if_needed);
	err = ask(INTERNAL_PUBLISH, &body, NULL, 0, diag);
	if (!err)
		err = answer_take(&packet, diag);
	return err ? err : published_tell(packet.message.body, publish,
	    diag);
}

enum err
daemon_export(const struct local_export *export, struct buf *out,
    struct diag *diag)
{
	_cleanup_local_packet_ struct local_packet packet =
	    LOCAL_PACKET_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT;
	enum err err;

	local_put_export(&body, export);
	err = ask(INTERNAL_EXPORT, &body, NULL, 0, diag);
	if (!err)
		err = answer_take(&packet, diag);
	if (!err && packet.file_count != 1)
		err = diag_fail(diag, ERR_INTERNAL, NULL,
		    "imprintd: an answer without its result");
	return err ? err : local_octets_get(packet.files[0], out, diag);
}

enum err
daemon_log_publish(uint32_t log, struct log_published *ret_published,
    struct diag *diag)
{
	_cleanup_local_packet_ struct local_packet packet =
	    LOCAL_PACKET_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT;
	enum err err;

	local_put_pair(&body, log, 0);
	err = ask(INTERNAL_LOG_PUBLISH, &body, NULL, 0, diag);
	if (!err)
		err = answer_take(&packet, diag);
	return err ? err : local_get_pair(packet.message.body, UINT64_MAX,
	    &ret_published->size, &ret_published->tiles, diag);
}

/* What goes on there: looked at here, until it ends or is to. */
struct watch {
	struct authority	*authority;
	bool			(*stop)(void *ctx);
	void			(*progress)(void *ctx, uint64_t done);
	void			*ctx;
	/* false: not known now */
	bool			(*look)(const struct watch *,
				    uint64_t *ret_done);
	uint32_t		 order;
	uint64_t		 left;
	int			 look_ms;
};

static enum err
watched(enum internal_type type, const struct buf *body,
    const struct watch *watch, struct diag *diag)
{
	_cleanup_local_packet_ struct local_packet packet =
	    LOCAL_PACKET_INIT;
	struct pollfd fd = { .fd = line, .events = POLLIN };
	uint64_t done = 0;
	bool told = false;
	enum err err;

	err = ask(type, body, NULL, 0, diag);
	if (err)
		return err;
	while (poll(&fd, 1, watch->look_ms) <= 0 || fd.revents == 0) {
		if (!told && watch->stop(watch->ctx)) {
			/* it commits what is under way, and says so */
			(void)shutdown(line, SHUT_WR);
			told = true;
		}
		if (watch->look(watch, &done))
			watch->progress(watch->ctx, done);
	}
	return answer_take(&packet, diag);
}

static bool
order_look(const struct watch *watch, uint64_t *ret_done)
{
	struct store_order order;

	if (store_order_get(authority_store(watch->authority), watch->order,
	    &order, NULL) != ERR_OK)
		return false;
	*ret_done = order.committed;
	return true;
}

enum err
daemon_order_run(struct authority *authority, const struct order_run *run,
    struct diag *diag)
{
	const struct watch watch = { .authority = authority,
		.stop = run->stop, .progress = run->progress,
		.ctx = run->ctx, .look = order_look, .order = run->number,
		.look_ms = LOOK_MS };
	_cleanup_buf_ struct buf body = BUF_INIT;

	local_put_pair(&body, run->number, run->workers);
	return watched(INTERNAL_ORDER_RUN, &body, &watch, diag);
}

static bool
receipts_look(const struct watch *watch, uint64_t *ret_done)
{
	uint64_t left = 0;

	if (signer_renew_left(watch->authority, &left, NULL) != ERR_OK)
		return false;
	*ret_done = left < watch->left ? watch->left - left : 0;
	return true;
}

enum err
daemon_signer_renew(struct authority *authority,
    const struct signer_renewal *renewal, uint64_t left, struct diag *diag)
{
	const struct watch watch = { .authority = authority,
		.stop = renewal->stop, .progress = renewal->progress,
		.ctx = renewal->ctx, .look = receipts_look, .left = left,
		.look_ms = RECEIPTS_LOOK_MS };
	_cleanup_buf_ struct buf body = BUF_INIT;

	local_put_pair(&body, 0, 0);
	return watched(INTERNAL_SIGNER_RENEW, &body, &watch, diag);
}
