/* What commands of this machine ask. The system says who they are; what
 * changes anything is signed by an operator, whoever hands it in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/imprintd/desk.h"
#include "lib/authority/log_publish.h"
#include "lib/authority/operation.h"
#include "lib/authority/publish.h"
#include "lib/authority/request.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/base/json_write.h"
#include "lib/proto/local.h"

#define RESULT_MAX	((size_t)64 << 20)

/* What may be handed in, while an order is run, and over the network. What goes
 * on here afterwards is told here, and not over that. What is not in it mends
 * an ecosystem that no server can be started on. */
static const struct {
	enum request_type	type;
	bool			beside_run, network;
} requests[] = {
	{ REQUEST_PRODUCT_ADD, true, true },
	{ REQUEST_STATION_ADD, true, true },
	{ REQUEST_SERVICE_ADD, true, true },
	{ REQUEST_ORDER_CREATE, true, true },
	{ REQUEST_ORDER_CANCEL, false, true },
	{ REQUEST_STATUS, true, true },
	{ REQUEST_STATUS_CHOSEN, true, true },
	{ REQUEST_RECONCILE, false, true },
	{ REQUEST_CHIP_MAKER_ADD, true, true },
	{ REQUEST_CHIP_MAKER_REMOVE, true, true },
	{ REQUEST_STATION_LOST, false, true },
	{ REQUEST_STATION_RENEW, false, true },
	{ REQUEST_OPERATOR_ADD, true, true },
	{ REQUEST_STATION_ACKNOWLEDGE, true, true },
	{ REQUEST_SIGNER_NEW, false, false },
	{ REQUEST_ANCHOR, false, false },
	{ REQUEST_CLOCK, false, false },
	{ REQUEST_DEVICE_CLAIM, true, true },
	{ REQUEST_DEVICE_RELEASE, true, true },
	{ REQUEST_MANUFACTURER_ADD, true, true },
	{ REQUEST_MANUFACTURER_REMOVE, true, true },
};

enum err
request_offer(const struct desk *desk, enum request_type type, bool network,
    struct diag *diag)
{
	enum err err = ERR_OK;
	size_t i;

	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (requests[i].type == type)
			break;
	if (i == sizeof(requests) / sizeof(requests[0])) {
		err = diag_fail(diag, network ? ERR_PERMISSION : ERR_BUSY,
		    NULL, "request: type %u is not carried out while "
		    "imprintd runs", (unsigned)type);
		diag_hint(diag, "stop imprintd, repeat the command, start "
		    "imprintd");
	} else if (network && !requests[i].network) {
		err = diag_fail(diag, ERR_PERMISSION, NULL, "request: type "
		    "%u is handed in on the server itself", (unsigned)type);
	} else if (desk->run.under_way && !requests[i].beside_run) {
		err = run_busy(desk, diag);
	}
	return err;
}

static void
local_drop(struct desk *desk, struct desk_local *local)
{
	if (desk->run.local == local)
		desk->run.gone = true;
	(void)close(local->fd);
	*local = (struct desk_local){ .fd = -1 };
}

static void
local_cut_off(struct desk *desk, struct desk_local *local,
    const struct diag *diag)
{
	log_diag("authority", "a command is cut off", diag);
	local_drop(desk, local);
}

void
local_new(struct desk *desk)
{
	struct diag diag = DIAG_INIT;
	uid_t uid = (uid_t)-1;
	int fd = -1;
	size_t i;

	if (local_accept(desk->listener, &fd, &uid, &diag) != ERR_OK)
		return;
	for (i = 0; i < LOCALS_MAX; i++)
		if (desk->locals[i].fd < 0 &&
		    desk->run.local != &desk->locals[i])
			break;
	/* nobody else has a role here, although they reached the socket */
	if (i == LOCALS_MAX || (uid != geteuid() && uid != 0)) {
		log_line("authority", i == LOCALS_MAX ? "a command is turned"
		    " away: there are too many" : "a command of another user"
		    " is turned away");
		(void)close(fd);
		return;
	}
	desk->locals[i] = (struct desk_local){ .fd = fd };
}

void
local_answer(struct desk *desk, struct desk_local *local,
    const struct internal_message *message, const int *file)
{
	struct diag diag = DIAG_INIT;

	if (local_send(local->fd, message, file, file != NULL ? 1 : 0,
	    &diag) != ERR_OK)
		local_cut_off(desk, local, &diag);
}

void
local_fail(struct desk *desk, struct desk_local *local, uint64_t call,
    enum err err, const struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct internal_message message = { .call = call,
		.type = INTERNAL_ERROR };

	local_put_error(&body, err, diag);
	message.body = buf_bytes(&body);
	local_answer(desk, local, &message, NULL);
}

/* Requests. */

static enum err
request_legal(const struct desk *desk, struct bytes request,
    enum request_type *ret_type, struct diag *diag)
{
	enum err err;

	err = request_peek(request, ret_type, diag);
	return err ? err : request_offer(desk, *ret_type, false, diag);
}

/* A descriptor that came along, as a file of the authority's. */
static enum err
file_take(const struct desk *desk, int fd, const char *title,
    struct file *ret_file, struct diag *diag)
{
	enum err err;

	err = local_file_check(fd, diag);
	if (err)
		return err;
	*ret_file = (struct file){ .io = desk->cmd->io, .fd = fd,
		.path = strdup(title[0] != '\0' ? title : "file") };
	return ret_file->path != NULL ? ERR_OK : diag_nomem(diag);
}

static const char *
or_none(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

/* files[] are the packet's descriptors: it closes them. */
static enum err
request_run(struct desk *desk, const struct local_submit *submit,
    const int *files, struct buf *result, struct diag *diag)
{
	_cleanup_buf_ struct buf request = { .limit = REQUEST_SIZE_MAX };
	struct file names = FILE_INIT, list = FILE_INIT;
	const struct devices_file devices = { .file = &list,
		.format = or_none(submit->format),
		.key_id = or_none(submit->key_id),
		.challenge = or_none(submit->challenge),
		.signature = submit->signature };
	const struct request_files with = {
		.file = submit->names ? &names : NULL,
		.devices = submit->devices ? &devices : NULL };
	enum request_type type = 0;
	size_t next = 1;
	enum err err;

	err = local_octets_get(files[0], &request, diag);
	if (!err)
		err = request_legal(desk, buf_bytes(&request), &type, diag);
	if (!err && submit->names)
		err = file_take(desk, files[next++], submit->names_title,
		    &names, diag);
	if (!err && submit->devices)
		err = file_take(desk, files[next], submit->devices_title,
		    &list, diag);
	if (!err)
		err = authority_submit_files(desk->authority,
		    buf_bytes(&request), &with, time_now(), result, diag);
	if (!err && type == REQUEST_ORDER_CANCEL)
		parts_remove(desk);
	free(names.path);
	free(list.path);
	return err;
}

/* A result with what went wrong beside it. */
static enum err
result_answer(struct desk *desk, struct desk_local *local, uint64_t call,
    const struct buf *result, struct diag *diag)
{
	const struct diag *warning = authority_warning(desk->authority);
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct internal_message message = { .call = call,
		.type = INTERNAL_ANSWER };
	int fd = -1;
	enum err err;

	err = local_octets_put(buf_bytes(result), &fd, diag);
	if (err)
		return err;
	if (warning != NULL)
		local_put_error(&body, warning->code, warning);
	else
		cbor_put_null(&body);
	message.body = buf_bytes(&body);
	local_answer(desk, local, &message, &fd);
	(void)close(fd);
	return ERR_OK;
}

static bool
submit_take(struct desk *desk, struct desk_local *local,
    const struct local_packet *packet, struct diag *diag)
{
	_cleanup_buf_ struct buf result = { .limit = RESULT_MAX };
	const struct internal_message *message = &packet->message;
	struct diag why = DIAG_INIT;
	struct local_submit submit;
	enum err err;

	err = local_get_submit(message->body, &submit, diag);
	if (!err && packet->file_count != (size_t)1 + submit.names +
	    submit.devices)
		err = diag_fail(diag, ERR_SYNTAX, NULL,
		    "local message: %zu files", packet->file_count);
	if (err)
		return false;
	err = request_run(desk, &submit, packet->files, &result, &why);
	if (!err)
		err = result_answer(desk, local, message->call, &result,
		    &why);
	if (err)
		local_fail(desk, local, message->call, err, &why);
	return true;
}

/* Publication. */

struct telling {
	struct buf	items;
	size_t		count;
};

static void
published_put(void *ctx, const struct published *what,
    uint64_t certificates, uint64_t crl_bytes)
{
	struct telling *telling = ctx;
	struct buf *out = &telling->items;

	telling->count++;
	cbor_put_array(out, 7);
	cbor_put_text(out, what->log);
	cbor_put_uint(out, what->number);
	cbor_put_int(out, what->this_update);
	cbor_put_int(out, what->next_update);
	cbor_put_uint(out, what->lists);
	cbor_put_uint(out, certificates);
	cbor_put_uint(out, crl_bytes);
}

static enum err
publish_all(struct desk *desk, const struct publish *publish,
    struct diag *diag)
{
	static const uint32_t logs[] = { LOG_BULK_NUMBER, LOG_ONLINE_NUMBER,
		LOG_OPERATIONS_NUMBER };
	size_t i;
	enum err err;

	err = authority_publish_status(desk->authority, publish, diag);
	for (i = 0; i < sizeof(logs) / sizeof(logs[0]) && !err; i++)
		err = authority_log_publish(desk->authority, logs[i], diag);
	return err;
}

/* The body is the answer, or err why there is none. */
static void
local_done(struct desk *desk, struct desk_local *local, uint64_t call,
    enum err err, const struct diag *why, const struct buf *body)
{
	const struct internal_message answer = { .call = call,
		.type = INTERNAL_ANSWER, .body = buf_bytes(body) };

	err = err ? err : buf_err(body);
	if (err)
		local_fail(desk, local, call, err, why);
	else
		local_answer(desk, local, &answer, NULL);
}

static bool
publish_take(struct desk *desk, struct desk_local *local,
    const struct internal_message *message, struct diag *diag)
{
	struct telling telling = { .items = BUF_INIT };
	struct publish publish = { .now = time_now(), .done = published_put,
		.ctx = &telling };
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct diag why = DIAG_INIT;
	uint64_t days = 0, if_needed = 0;
	enum err err;

	if (local_get_pair(message->body, PUBLISH_DAYS_MAX, &days,
	    &if_needed, diag) != ERR_OK)
		return false;
	publish.days = (unsigned)days;
	publish.if_needed = if_needed != 0;
	err = publish_all(desk, &publish, &why);
	cbor_put_array(&body, telling.count);
	buf_put_bytes(&body, buf_bytes(&telling.items));
	if (!err)
		err = buf_err(&telling.items);
	buf_release(&telling.items);
	local_done(desk, local, message->call, err, &why, &body);
	return true;
}

static bool
log_take(struct desk *desk, struct desk_local *local,
    const struct internal_message *message, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct log_published published = { .size = 0 };
	struct diag why = DIAG_INIT;
	uint64_t log = 0, none = 0;
	enum err err;

	if (local_get_pair(message->body, UINT32_MAX, &log, &none, diag) !=
	    ERR_OK)
		return false;
	err = authority_log_publish_all(desk->authority, (uint32_t)log, NULL,
	    NULL, &published, &why);
	local_put_pair(&body, published.size, published.tiles);
	local_done(desk, local, message->call, err, &why, &body);
	return true;
}

static void
published_json(void *ctx, const struct published *what,
    uint64_t certificates, uint64_t crl_bytes)
{
	char from[TIME_TEXT_SIZE], to[TIME_TEXT_SIZE];
	struct json *json = ctx;

	time_format(what->this_update, from);
	time_format(what->next_update, to);
	json_next(json);
	json_open(json, '{');
	json_put_text(json, "log", bytes_text(what->log));
	json_put_number(json, "crl_number", what->number);
	json_put_text(json, "this_update", bytes_text(from));
	json_put_text(json, "next_update", bytes_text(to));
	json_put_number(json, "certificates", certificates);
	json_put_number(json, "crl_bytes", crl_bytes);
	json_put_number(json, "status_lists", what->lists);
	json_close(json, '}');
}

enum err
publish_now(struct desk *desk, unsigned days, struct buf *out,
    struct diag *diag)
{
	struct json json = { .b = out, .line = true };
	const struct publish publish = { .now = time_now(), .days = days,
		.if_needed = days == 0, .done = published_json, .ctx = &json };
	enum err err;

	json_open(&json, '{');
	json_key(&json, bytes_text("published"));
	json_open(&json, '[');
	err = publish_all(desk, &publish, diag);
	json_close(&json, ']');
	json_close(&json, '}');
	return err;
}

/* Exports that are signed. */

static enum err
export_ready(struct desk *desk, const struct local_export *asked,
    struct diag *diag)
{
	struct export_options options = { .slot = RENDERING_ALL_SLOTS,
		.line = asked->line };
	enum err err;

	if (desk->export != NULL && desk->export_line == asked->line &&
	    strcmp(desk->export_format, asked->format) == 0)
		return ERR_OK;
	export_free(&desk->export);
	err = rendering_find(asked->format, &options.rendering, diag);
	if (!err && (options.rendering->traits & RENDERING_SIGNS) == 0)
		err = diag_fail(diag, ERR_INVALID, NULL, "export: %s is not "
		    "signed: whoever may read makes it", asked->format);
	if (!err)
		err = export_new(desk->authority, &options, &desk->export,
		    diag);
	if (err)
		return err;
	desk->export_line = asked->line;
	memcpy(desk->export_format, asked->format,
	    sizeof(desk->export_format));
	return ERR_OK;
}

static enum err
export_run(struct desk *desk, const struct local_export *asked,
    struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf one = { .limit = RESULT_MAX };
	struct address address = { .log = asked->log };
	char ueid[UEID_HEX_SIZE];
	uint32_t i;
	enum err err;

	err = export_ready(desk, asked, diag);
	cbor_put_array(out, asked->count);
	for (i = 0; i < asked->count && !err; i++) {
		address.index = asked->first + i;
		buf_clear(&one);
		err = export_identity(desk->export, &address, &one, ueid,
		    diag);
		cbor_put_array(out, 2);
		cbor_put_text(out, ueid);
		cbor_put_bstr(out, buf_bytes(&one));
	}
	return err ? err : buf_err(out);
}

static bool
export_take(struct desk *desk, struct desk_local *local,
    const struct internal_message *message, struct diag *diag)
{
	_cleanup_buf_ struct buf result = { .limit = RESULT_MAX };
	struct internal_message answer = { .call = message->call,
		.type = INTERNAL_ANSWER, .body = bytes_of("\xf6", 1) };
	struct diag why = DIAG_INIT;
	struct local_export asked;
	int fd = -1;
	enum err err;

	if (local_get_export(message->body, &asked, diag) != ERR_OK)
		return false;
	err = export_run(desk, &asked, &result, &why);
	if (!err)
		err = local_octets_put(buf_bytes(&result), &fd, &why);
	if (err) {
		local_fail(desk, local, message->call, err, &why);
		return true;
	}
	local_answer(desk, local, &answer, &fd);
	(void)close(fd);
	return true;
}

static bool
local_message(struct desk *desk, struct desk_local *local,
    const struct local_packet *packet, struct diag *diag)
{
	const struct internal_message *message = &packet->message;

	if (!internal_allowed(INTERNAL_OPERATOR, message->type) ||
	    message->call == 0 || (packet->file_count > 0 &&
	    message->type != INTERNAL_SUBMIT)) {
		(void)diag_fail(diag, ERR_PERMISSION, NULL,
		    "local message: type %llu is not a command's to send",
		    (unsigned long long)message->type);
		return false;
	}
	if (message->type == INTERNAL_EXPORT)
		return export_take(desk, local, message, diag);
	/* the signer may be another one afterwards */
	export_free(&desk->export);
	if (message->type == INTERNAL_SUBMIT)
		return submit_take(desk, local, packet, diag);
	if (message->type == INTERNAL_PUBLISH)
		return publish_take(desk, local, message, diag);
	if (message->type == INTERNAL_LOG_PUBLISH)
		return log_take(desk, local, message, diag);
	return run_take(desk, local, message, diag);
}

static void
local_take(struct desk *desk, struct desk_local *local)
{
	_cleanup_local_packet_ struct local_packet packet =
	    LOCAL_PACKET_INIT;
	struct diag diag = DIAG_INIT;
	enum err err;

	err = local_receive(local->fd, &packet, &diag);
	if (err == ERR_BUSY)
		return;
	if (err == ERR_STATE && local->call != 0)
		/* it wants the run to stop, and may wait for that */
		desk->run.gone = true;
	else if (err == ERR_STATE)
		local_drop(desk, local);
	else if (err)
		local_cut_off(desk, local, &diag);
	else if (local->call != 0) {
		(void)diag_fail(&diag, ERR_STATE, NULL,
		    "local message: before the last one was answered");
		local_cut_off(desk, local, &diag);
	} else if (!local_message(desk, local, &packet, &diag)) {
		local_cut_off(desk, local, &diag);
	}
}

void
locals_take(struct desk *desk)
{
	size_t i;

	for (i = 0; i < LOCALS_MAX && !desk_broken(desk); i++)
		if (desk->locals[i].due && desk->locals[i].fd >= 0) {
			desk->locals[i].due = false;
			local_take(desk, &desk->locals[i]);
		}
}
