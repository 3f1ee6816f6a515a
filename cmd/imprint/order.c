#include <fcntl.h>
#include <stdlib.h>

#include "cmd/imprint/daemon.h"
#include "cmd/imprint/remote.h"
#include "lib/authority/approval.h"
#include "lib/authority/order_parts.h"
#include "lib/authority/order_run.h"
#include "lib/authority/request_status.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

/* Octets of a pack's header that tell packs apart: they hold its id. */
#define EXPORT_HEAD	64

static const char *
state_name(enum order_state state)
{
	switch (state) {
	case ORDER_OPEN:
		return "open";
	case ORDER_COMPLETE:
		return "complete";
	case ORDER_CANCELLED:
		return "cancelled";
	}
	return "?";
}

enum err
order_argument(struct cmd *cmd, uint32_t *ret_number)
{
	unsigned long value;
	char *end;

	if (cmd->argc != 1)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: one order number is needed", cmd->command->name);
	value = strtoul(cmd->argv[0], &end, 10);
	if (cmd->argv[0][0] < '0' || cmd->argv[0][0] > '9' || *end != '\0' ||
	    value == 0 || value > UINT32_MAX)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "\"%s\" is no order number", cmd->argv[0]);
	*ret_number = (uint32_t)value;
	return ERR_OK;
}

static enum exit_code
stations_check(struct cmd *cmd, const char **stations, size_t given,
    uint64_t split)
{
	size_t i;

	if (given == 0)
		return cmd_usage(cmd, "--station is needed: packs are sealed "
		    "to a station");
	if (split > 0 && given != 1 && given != split)
		return cmd_usage(cmd, "--split %llu and %zu stations: give "
		    "one, or one for each pack", (unsigned long long)split,
		    given);
	for (i = given; i < split; i++)
		stations[i] = stations[0];
	return EXIT_OK;
}

/* Whose keys, and who stands for that. */
static enum err
create_list(struct cmd *cmd, struct authority *authority, const char *path,
    const struct product *product, struct order_devices *devices,
    struct request_files *files)
{
	const char *approval = cmd_value(cmd, "approval");
	enum err err;

	err = order_devices_open(cmd, authority, path, product, NULL, NULL,
	    devices);
	if (!err && approval != NULL)
		err = input_read(cmd, approval, APPROVAL_SIZE_MAX,
		    &devices->approval);
	devices->said.approval = buf_bytes(&devices->approval);
	files->devices = &devices->in;
	return err;
}

/* --attrition: "20" identities more, or "2%" of count, rounded up. */
static enum err
attrition_get(struct cmd *cmd, uint64_t count, uint64_t *ret_more)
{
	const char *text = cmd_value(cmd, "attrition");
	unsigned long long value;
	char *end;

	if (text == NULL)
		return ERR_OK;
	value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || value > ORDER_COUNT_MAX ||
	    (strcmp(end, "%") != 0 && *end != '\0') ||
	    (*end == '%' && value > 100))
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "--attrition \"%s\": a number, or 0%% to 100%%", text);
	*ret_more = *end == '%' ? (count * value + 99) / 100 : value;
	return ERR_OK;
}

/* What the order is beyond what is to be built; a topped-up order tells the
 * product. */
static enum err
extra_get(struct cmd *cmd, struct authority *authority, uint64_t *count,
    struct order_extra *extra, struct product *product,
    struct store_object *object)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_order order;
	uint64_t top_up = 0;
	enum err err;

	err = cmd_number(cmd, "top-up", 1, UINT32_MAX, 0, &top_up);
	if (!err)
		err = attrition_get(cmd, *count, &extra->attrition);
	if (err)
		return err;
	*count += extra->attrition;
	extra->top_up = (uint32_t)top_up;
	if (top_up == 0 || remote_there(cmd))
		return product_find(cmd, authority,
		    cmd_value(cmd, "product"), product, object);
	err = store_order_get(authority_store(authority), extra->top_up,
	    &order, &cmd->diag);
	if (!err)
		err = authority_object_by_hash(authority, STORE_PRODUCT,
		    order.product, &body, object, &cmd->diag);
	if (!err)
		err = product_decode(object->body, product, &cmd->diag);
	object->body = BYTES_NONE;
	return err;
}

/* Nobody's answer tells the product, or who signs lists. */
static enum exit_code
create_usage_remote(struct cmd *cmd, const char *name, const char *list)
{
	const char *maker = cmd_value(cmd, "chip-maker");
	bool there = remote_there(cmd);

	if ((maker == NULL) != (cmd_value(cmd, "cert") == NULL))
		return cmd_usage(cmd, "--chip-maker and --cert belong "
		    "together");
	if (maker != NULL && (!there || list == NULL))
		return cmd_usage(cmd, "--chip-maker goes with --list and "
		    "--server: here registered ones are known");
	if (there && name == NULL)
		return cmd_usage(cmd, "--product is needed, with --top-up too "
		    "by way of a server");
	return EXIT_OK;
}

static enum exit_code
create_usage(struct cmd *cmd, const char *name, const char *names,
    const char *list)
{
	const char *mode = cmd_value(cmd, "mode");
	enum exit_code code;

	code = create_usage_remote(cmd, name, list);
	if (code != EXIT_OK)
		return code;
	if ((!remote_there(cmd) &&
	    (name == NULL) == (cmd_value(cmd, "top-up") == NULL)) ||
	    (names == NULL && list == NULL &&
	    cmd_value(cmd, "count") == NULL))
		return cmd_usage(cmd, "--product or --top-up is needed, and "
		    "--count, --names or --list");
	if (list == NULL && (cmd_value(cmd, "approval") != NULL ||
	    (mode != NULL && strcmp(mode, "station") != 0)))
		return cmd_usage(cmd, "--list is needed: whose keys?");
	return EXIT_OK;
}

enum exit_code
order_create_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	const char *names_path = cmd_value(cmd, "names");
	const char *stations[ORDER_PACKS_MAX], *name;
	const char *list_path = cmd_value(cmd, "list");
	_cleanup_file_ struct file file = FILE_INIT;
	_cleanup_order_devices_ struct order_devices devices =
	    ORDER_DEVICES_INIT;
	struct request_files files = { .file = NULL };
	struct store_object object;
	struct names_file names = { 0 };
	struct order_extra extra = { 0 };
	struct product product;
	uint64_t count = 0, split = 0;
	size_t given;
	struct cbor cbor;
	enum exit_code code;
	enum err err;

	name = cmd_value(cmd, "product");
	code = create_usage(cmd, name, names_path, list_path);
	if (code != EXIT_OK)
		return code;
	given = cmd_values(cmd, "station", stations, ORDER_PACKS_MAX);
	err = cmd_number(cmd, "count", 1, ORDER_COUNT_MAX, 0, &count);
	if (!err)
		err = cmd_number(cmd, "split", 1, ORDER_PACKS_MAX, 0, &split);
	if (err)
		return cmd_fail(cmd, err);
	code = stations_check(cmd, stations, given, split);
	if (code != EXIT_OK)
		return code;
	err = ecosystem_open_requests(cmd, &authority);
	if (!err)
		err = extra_get(cmd, authority, &count, &extra, &product,
		    &object);
	if (!err && names_path != NULL)
		err = order_names_open(cmd, authority, names_path, &product,
		    &file, &names);
	if (!err && names_path != NULL)
		files.file = &file;
	if (!err && list_path != NULL)
		err = create_list(cmd, authority, list_path, &product,
		    &devices, &files);
	if (!err && count == 0)
		count = names_path != NULL ? names.lines :
		    devices.list.entries;
	if (!err)
		err = request_put_order_files(&body, object.hash, count,
		    stations, split > given ? (size_t)split : given,
		    names_path != NULL ? &names : NULL,
		    list_path != NULL ? &devices.said : NULL);
	if (!err)
		err = request_add_order_extra(&body, &extra);
	if (!err)
		err = request_submit_files(cmd, authority,
		    REQUEST_ORDER_CREATE, buf_bytes(&body), &files, &result);
	if (err)
		return cmd_fail(cmd, err);
	cbor_open(&cbor, buf_bytes(&result));
	count = cbor_get_uint(&cbor);
	if (!cbor_close(&cbor) || count == 0 || count > UINT32_MAX) {
		err = diag_fail(&cmd->diag, ERR_IO, NULL,
		    "the answer: no number of an order");
		remote_unsure(cmd);
		return cmd_fail(cmd, err);
	}
	if (cmd->json)
		printf("{\"order\": %llu}\n", (unsigned long long)count);
	else
		printf("order %llu\nnext: imprint order run %llu\n",
		    (unsigned long long)count, (unsigned long long)count);
	return EXIT_OK;
}

struct list {
	struct cmd		*cmd;
	struct authority	*authority;
	size_t			 count;
};

static enum err
product_name(struct authority *authority, const struct store_order *order,
    struct store_object *ret_object, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	enum err err;

	err = authority_object_by_hash(authority, STORE_PRODUCT,
	    order->product, &body, ret_object, diag);
	ret_object->body = BYTES_NONE;
	return err;
}

static enum err
order_print(void *ctx, const struct store_order *order)
{
	struct list *list = ctx;
	char time[TIME_TEXT_SIZE], done[32], count[32];
	struct store_object product;
	enum err err;

	err = product_name(list->authority, order, &product,
	    &list->cmd->diag);
	if (err)
		return err;
	time_format(order->created, time);
	number_format(order->committed, done);
	number_format(order->count, count);
	if (list->cmd->json)
		printf("%s\n  {\"order\": %u, \"product\": \"%s\", "
		    "\"version\": \"%s\", \"count\": %llu, \"committed\": "
		    "%llu, \"packs\": %u, \"state\": \"%s\", \"created\": "
		    "\"%s\", \"operator\": \"%s\"}", list->count ? "," : "",
		    order->number, product.name, product.version,
		    (unsigned long long)order->count,
		    (unsigned long long)order->committed, order->packs,
		    state_name(order->state), time, order->operator);
	else
		printf("%6u  %-9s %s of %s %s %s, %u pack%s, %s by %s\n",
		    order->number, state_name(order->state), done, count,
		    product.name, product.version, order->packs,
		    order->packs == 1 ? "" : "s", time, order->operator);
	list->count++;
	return ERR_OK;
}

enum exit_code
order_list_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct list list = { .cmd = cmd };
	enum err err;

	err = ecosystem_open(cmd, AUTHORITY_READ, false, &authority);
	if (err)
		return cmd_fail(cmd, err);
	list.authority = authority;
	printf(cmd->json ? "[" : "");
	err = store_order_each(authority_store(authority), order_print, &list,
	    &cmd->diag);
	printf(cmd->json ? "\n]\n" : "");
	if (!err && list.count == 0 && !cmd->json)
		printf("no orders yet: imprint order create\n");
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

static enum err
pack_print(struct cmd *cmd, struct authority *authority, uint32_t order,
    uint32_t no)
{
	char path[PATH_SIZE], done[32], count[32];
	struct store_pack pack;
	enum err err;

	err = store_pack_get(authority_store(authority), order, no, &pack,
	    &cmd->diag);
	if (!err)
		err = authority_pack_path(authority, order, no,
		    pack.complete, path, &cmd->diag);
	if (err)
		return err;
	number_format(pack.committed, done);
	number_format(pack.count, count);
	if (!cmd->json) {
		printf("  pack %u for station %s: %s of %s, %s\n    %s\n", no,
		    pack.station, done, count,
		    pack.complete ? "complete" : "growing", path);
		return ERR_OK;
	}
	printf("%s{\"pack\": %u, \"station\": \"%s\", \"count\": %llu, "
	    "\"committed\": %llu, \"complete\": %s, \"bytes\": %llu, "
	    "\"path\": ", no > 1 ? ", " : "", no, pack.station,
	    (unsigned long long)pack.count,
	    (unsigned long long)pack.committed,
	    pack.complete ? "true" : "false",
	    (unsigned long long)pack.length);
	json_string(stdout, path, strlen(path));
	printf("}");
	return ERR_OK;
}

enum exit_code
order_show_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct list list = { .cmd = cmd };
	struct store_order order;
	uint32_t number = 0, no;
	enum err err;

	err = order_argument(cmd, &number);
	if (!err)
		err = ecosystem_open(cmd, AUTHORITY_READ, false, &authority);
	list.authority = authority;
	if (!err)
		err = store_order_get(authority_store(authority), number,
		    &order, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json)
		printf("{\"order\": ");
	err = order_print(&list, &order);
	if (cmd->json)
		printf(", \"packs\": [");
	for (no = 1; no <= order.packs && !err; no++)
		err = pack_print(cmd, authority, number, no);
	if (cmd->json)
		printf("]");
	if (!err)
		err = order_names_print(cmd, authority, &order);
	if (!err)
		err = order_devices_print(cmd, authority, number);
	if (cmd->json)
		printf("}\n");
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

static void
run_progress(void *ctx, uint64_t done)
{
	progress_update(ctx, done);
}

static bool
run_stop(void *ctx)
{
	(void)ctx;
	return interrupt_requested();
}

static void
run_print(struct cmd *cmd, const struct store_order *order, uint64_t issued,
    int64_t start_ns)
{
	double seconds = (double)(time_monotonic_ns() - start_ns) / 1e9;
	char text[32];

	number_format(issued, text);
	if (cmd->json)
		printf("{\"order\": %u, \"state\": \"%s\", \"issued\": %llu, "
		    "\"committed\": %llu, \"seconds\": %.3f}\n",
		    order->number, state_name(order->state),
		    (unsigned long long)issued,
		    (unsigned long long)order->committed, seconds);
	else
		printf("order %u is %s: %s identities issued in %.2f s, "
		    "%.0f/s\nnext: imprint order show %u\n", order->number,
		    state_name(order->state), text, seconds,
		    seconds > 0 ? (double)issued / seconds : 0.0,
		    order->number);
}

enum exit_code
order_run_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct order_run run = { .progress = run_progress,
	    .stop = run_stop };
	struct store_order order;
	struct progress progress;
	uint64_t workers = 0, before;
	int64_t start;
	enum err err;

	err = order_argument(cmd, &run.number);
	if (!err)
		err = cmd_number(cmd, "workers", 1, WORKERS_MAX, 0, &workers);
	if (!err)
		err = ecosystem_open_requests(cmd, &authority);
	if (!err)
		err = store_order_get(authority_store(authority), run.number,
		    &order, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	interrupt_catch();
	before = order.committed;
	progress_start(&progress, "issuing", "identities", order.committed,
	    order.count);
	run.workers = (unsigned)workers;
	run.now = time_now();
	run.ctx = &progress;
	start = time_monotonic_ns();
	err = daemon_there() ? daemon_order_run(authority, &run,
	    &cmd->diag) : authority_order_run(authority, &run, &cmd->diag);
	progress_end(&progress);
	if (err)
		return cmd_fail(cmd, err);
	err = store_order_get(authority_store(authority), run.number, &order,
	    &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	run_print(cmd, &order, order.committed - before, start);
	return EXIT_OK;
}

/* How many identities the answer says are revoked with it. */
static enum err
cancel_count(struct bytes result, uint64_t *ret_count, struct diag *diag)
{
	struct status_range *ranges = NULL;
	uint64_t revoked = 0;
	size_t count = 0, i;
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, result);
	err = status_ranges_get(&cbor, &ranges, &count, diag);
	if (!err && !cbor_close(&cbor))
		err = ERR_INTERNAL;
	for (i = 0; i < count && !err; i++)
		revoked += ranges[i].count;
	free(ranges);
	*ret_count = revoked;
	return err;
}

enum exit_code
order_cancel_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag why = DIAG_INIT;
	uint64_t revoked = 0;
	uint32_t number = 0;
	char text[32];
	bool told;
	enum err err;

	err = order_argument(cmd, &number);
	if (err)
		return cmd_fail(cmd, err);
	cbor_put_uint(&body, number);
	err = ecosystem_open_requests(cmd, &authority);
	if (!err)
		err = request_submit(cmd, authority, REQUEST_ORDER_CANCEL,
		    buf_bytes(&body), &result);
	told = result.len > 0;
	if (!err && told)
		err = cancel_count(buf_bytes(&result), &revoked, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	/* the server does that itself */
	if (authority != NULL && !daemon_there() &&
	    order_parts_remove(authority, &why) != ERR_OK)
		cmd_warn(cmd, "it is cancelled; what it had made is still "
		    "there: %s", why.what);
	number_format(revoked, text);
	if (cmd->json && told)
		printf("{\"order\": %u, \"state\": \"cancelled\", "
		    "\"revoked\": %llu", number,
		    (unsigned long long)revoked);
	else if (cmd->json)
		printf("{\"order\": %u, \"state\": \"cancelled\", "
		    "\"revoked\": null", number);
	else
		printf("order %u is cancelled, %s identities in its "
		    "unfinished packs are revoked\n", number, told ? text :
		    "the");
	err = change_publish(cmd, authority);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

/* What a file begins with, its header: nothing when it is not there. */
static enum err
head_read(struct cmd *cmd, const char *path, uint8_t head[EXPORT_HEAD],
    bool *ret_there)
{
	_cleanup_file_ struct file file = FILE_INIT;
	enum err err;

	err = file_open(cmd->io, path, O_RDONLY, 0, &file, NULL);
	*ret_there = err != ERR_NOTFOUND;
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : diag_fail(&cmd->diag,
		    err, NULL, "%s: cannot be read", path);
	return file_read_at(&file, 0, head, EXPORT_HEAD, &cmd->diag);
}

enum err
pack_export_target(struct cmd *cmd, const char *from, const char *to)
{
	uint8_t ours[EXPORT_HEAD] = { 0 }, theirs[EXPORT_HEAD] = { 0 };
	bool there;
	enum err err;

	err = head_read(cmd, from, ours, &there);
	if (!err)
		err = head_read(cmd, to, theirs, &there);
	if (err || !there || memcmp(ours, theirs, EXPORT_HEAD) == 0)
		return err;
	err = diag_fail(&cmd->diag, ERR_EXISTS, NULL,
	    "%s: is there and is another pack", to);
	diag_hint(&cmd->diag, "export to another folder, or move that file");
	return err;
}

static enum err
pack_export(struct cmd *cmd, struct authority *authority, uint32_t order,
    enum order_state state, uint32_t no, const char *out)
{
	char from[PATH_SIZE], to[PATH_SIZE], part[PATH_SIZE], name[64];
	struct store_pack pack;
	enum err err;

	err = store_pack_get(authority_store(authority), order, no, &pack,
	    &cmd->diag);
	if (err)
		return err;
	if (!pack.complete && state == ORDER_CANCELLED)
		return diag_fail(&cmd->diag, ERR_STATE, NULL,
		    "order %u: was cancelled, pack %u was never complete",
		    order, no);
	if (!pack.complete) {
		err = diag_fail(&cmd->diag, ERR_STATE, NULL,
		    "order %u: pack %u is not complete", order, no);
		diag_hint(&cmd->diag, "finish it with 'imprint order run "
		    "%u'", order);
		return err;
	}
	(void)snprintf(name, sizeof(name), "order-%u-%u.pack", order, no);
	err = authority_pack_path(authority, order, no, true, from,
	    &cmd->diag);
	if (!err)
		err = path_join(to, out, name);
	(void)snprintf(name, sizeof(name), "order-%u-%u.pack.part", order,
	    no);
	if (!err)
		err = path_join(part, out, name);
	if (!err)
		err = pack_export_target(cmd, from, to);
	if (!err)
		err = file_copy(cmd->io, from, part, 0600, &cmd->diag);
	if (!err)
		err = io_rename(cmd->io, part, to, &cmd->diag);
	if (!err)
		err = io_sync_parent(cmd->io, to, &cmd->diag);
	if (!err && !cmd->json)
		printf("%s for station %s\n", to, pack.station);
	return err;
}

static enum err
trust_export(struct cmd *cmd, struct authority *authority, const char *out)
{
	_cleanup_buf_ struct buf trust = BUF_INIT;
	char path[PATH_SIZE];
	enum err err;

	err = path_join(path, authority_dir(authority), "publish/trust.pem");
	if (!err)
		err = io_read_file(cmd->io, path, &trust, &cmd->diag);
	if (!err)
		err = path_join(path, out, "trust.pem");
	if (!err)
		err = io_write_file(cmd->io, path, buf_bytes(&trust), 0644,
		    &cmd->diag);
	return err;
}

enum exit_code
order_export_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	const char *out = cmd_value(cmd, "out");
	struct store_order order;
	uint32_t number = 0, no;
	enum err err;

	if (out == NULL)
		return cmd_usage(cmd, "--out is needed");
	err = order_argument(cmd, &number);
	if (!err)
		err = ecosystem_open(cmd, AUTHORITY_READ, false, &authority);
	if (!err)
		err = store_order_get(authority_store(authority), number,
		    &order, &cmd->diag);
	if (!err)
		err = io_mkdir(cmd->io, out, 0700, &cmd->diag);
	for (no = 1; !err && no <= order.packs; no++)
		err = pack_export(cmd, authority, number, order.state, no,
		    out);
	if (!err)
		err = trust_export(cmd, authority, out);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json)
		printf("{\"order\": %u, \"packs\": %u}\n", number,
		    order.packs);
	return EXIT_OK;
}
