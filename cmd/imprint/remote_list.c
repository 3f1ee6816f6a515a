/* What the server lists and runs. Its answers are anybody's text: shown, and
 * never signed. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/imprint/remote_order.h"
#include "cmd/imprint/remote_rows.h"
#include "lib/authority/order_run.h"
#include "lib/base/clock.h"

#define LOOK_MS		500	/* how often progress is looked at */

static void
product_print(const struct value *v)
{
	text_put(&v[0], 24, TEXT_SIZE);
	printf(" ");
	text_put(&v[1], 10, TEXT_SIZE);
	printf(" ");
	text_put(&v[2], 0, TEXT_SIZE);
	printf("  ");
	text_put(&v[3], 0, 16);
	printf("\n");
}

enum exit_code
remote_product_list(struct cmd *cmd)
{
	static const struct column columns[] = {
		{ "product", COLUMN_TEXT }, { "version", COLUMN_TEXT },
		{ "added", COLUMN_TEXT }, { "hash", COLUMN_TEXT }, { NULL, 0 }
	};
	struct listing list = { .cmd = cmd, .path = "/v1/products",
		.columns = columns, .print = product_print,
		.left = NUMBER_MAX };

	return list_print(&list, 0,
	    "no products yet: imprint product add FILE");
}

static void
station_print(const struct value *v)
{
	size_t i, len = strnlen(v[2].text, 16);

	text_put(&v[0], 24, TEXT_SIZE);
	printf(" ");
	text_put(&v[1], 0, TEXT_SIZE);
	printf("  ");
	for (i = 0; i < len; i++) {
		printf(i > 0 && i % 4 == 0 ? " " : "");
		text_print(stdout, v[2].text + i, 1);
	}
	printf("\n");
}

enum exit_code
remote_station_list(struct cmd *cmd)
{
	static const struct column columns[] = {
		{ "station", COLUMN_TEXT }, { "added", COLUMN_TEXT },
		{ "key", COLUMN_TEXT }, { NULL, 0 }
	};
	struct listing list = { .cmd = cmd, .path = "/v1/stations",
		.columns = columns, .print = station_print,
		.left = NUMBER_MAX };

	return list_print(&list, 0, NULL);
}

/* Orders. */

enum order_column {
	ORDER_NUMBER, ORDER_PRODUCT, ORDER_VERSION, ORDER_COUNT,
	ORDER_COMMITTED, ORDER_PACKS, ORDER_STATE, ORDER_CREATED,
	ORDER_OPERATOR, ORDER_RUNNING, ORDER_LAST_RUN
};

static const struct column order_columns[] = {
	{ "order", COLUMN_NUMBER }, { "product", COLUMN_TEXT },
	{ "version", COLUMN_TEXT }, { "count", COLUMN_NUMBER },
	{ "committed", COLUMN_NUMBER }, { "packs", COLUMN_NUMBER },
	{ "state", COLUMN_TEXT }, { "created", COLUMN_TEXT },
	{ "operator", COLUMN_TEXT }, { "running", COLUMN_FLAG },
	{ "last_run", COLUMN_TEXT }, { NULL, 0 }
};

static void
order_print(const struct value *v)
{
	char done[32], count[32];

	number_format(v[ORDER_COMMITTED].number, done);
	number_format(v[ORDER_COUNT].number, count);
	printf("%6ju  ", (uintmax_t)v[ORDER_NUMBER].number);
	text_put(&v[ORDER_STATE], 9, TEXT_SIZE);
	printf(" %s of %s ", done, count);
	text_put(&v[ORDER_PRODUCT], 0, TEXT_SIZE);
	printf(" ");
	text_put(&v[ORDER_VERSION], 0, TEXT_SIZE);
	printf(", %ju pack%s, ", (uintmax_t)v[ORDER_PACKS].number,
	    v[ORDER_PACKS].number == 1 ? "" : "s");
	text_put(&v[ORDER_CREATED], 0, TEXT_SIZE);
	printf(" by ");
	text_put(&v[ORDER_OPERATOR], 0, TEXT_SIZE);
	printf(v[ORDER_RUNNING].flag ? ", is run\n" : "\n");
}

enum exit_code
remote_order_list(struct cmd *cmd)
{
	struct listing list = { .cmd = cmd, .path = "/v1/orders",
		.columns = order_columns, .print = order_print,
		.left = NUMBER_MAX };

	return list_print(&list, 0, "no orders yet: imprint order create");
}

/* verb: "", "/run" or "/stop" */
static enum err
order_ask(struct cmd *cmd, uint64_t number, const char *verb,
    struct value values[COLUMNS_MAX])
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	char target[TARGET_SIZE];
	enum err err;

	(void)snprintf(target, sizeof(target), "/v1/orders/%ju%s",
	    (uintmax_t)number, verb);
	err = remote_ask(cmd, verb[0] != '\0' ? "POST" : "GET", target,
	    &answer);
	if (err)
		return err;
	err = row_read(answer, order_columns, values, &cmd->diag);
	if (!err && values[ORDER_NUMBER].number != number)
		err = diag_fail(&cmd->diag, ERR_IO, NULL, "order: another");
	return err ? unread(cmd, err) : ERR_OK;
}

static enum err
number_read(struct cmd *cmd, uint64_t *ret_number)
{
	const char *word = cmd->argc == 1 ? cmd->argv[0] : "";
	size_t len = strspn(word, "0123456789");

	if (len == 0 || len > 10 || word[len] != '\0')
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: one order number is needed", cmd->command->name);
	*ret_number = strtoull(word, NULL, 10);
	return ERR_OK;
}

enum exit_code
remote_order_show(struct cmd *cmd)
{
	_cleanup_json_value_ struct json_value *packs = NULL;
	struct value values[COLUMNS_MAX] = { { .has = false } };
	uint32_t number = 0;
	enum err err;

	err = order_argument(cmd, &number);
	if (!err)
		err = remote_open(cmd);
	if (!err)
		err = order_ask(cmd, number, "", values);
	if (!err)
		err = remote_order_ask(cmd, number, "packs", &packs);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json) {
		printf("{\"order\": ");
		row_json(order_columns, values);
	} else {
		order_print(values);
	}
	if (!cmd->json && values[ORDER_LAST_RUN].has) {
		printf("  the last run: ");
		text_put(&values[ORDER_LAST_RUN], 0, TEXT_SIZE);
		printf("\n");
	}
	err = remote_packs_print(cmd, packs);
	printf(cmd->json ? "}\n" : "");
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

/* Did the interruption break the question off? Then it is not in doubt what
 * comes next: the order is stopped. */
static bool
broken_off(struct cmd *cmd, enum err err, bool told)
{
	if (err != ERR_IO || told || !interrupt_requested())
		return false;
	cmd->diag = (struct diag)DIAG_INIT;
	return true;
}

/* More than when to ask again. */
static void
goes_on(struct cmd *cmd, uint64_t number)
{
	cmd->diag.hint[0] = '\0';
	diag_hint(&cmd->diag, "it may go on there: imprint order show %ju",
	    (uintmax_t)number);
}

/* Until it does not run any more; an interruption stops it there. */
static enum err
run_follow(struct cmd *cmd, uint64_t number, struct progress *progress,
    struct value values[COLUMNS_MAX])
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	bool told = false;
	enum err err = ERR_OK;

	while (!err && values[ORDER_RUNNING].flag) {
		if (interrupt_requested() && !told) {
			told = true;
			err = order_ask(cmd, number, "/stop", values);
			continue;
		}
		(void)nanosleep(&pause, NULL);
		err = order_ask(cmd, number, "", values);
		if (broken_off(cmd, err, told))
			err = ERR_OK;
		else if (!err)
			progress_update(progress,
			    values[ORDER_COMMITTED].number);
	}
	if (err) {
		goes_on(cmd, number);
		return err;
	}
	if (strcmp(values[ORDER_STATE].text, "complete") == 0)
		return ERR_OK;
	err = diag_fail(&cmd->diag, told ? ERR_INTERRUPTED : ERR_STATE, NULL,
	    "order %ju: %s", (uintmax_t)number, values[ORDER_LAST_RUN].has ?
	    values[ORDER_LAST_RUN].text : "is not complete");
	diag_hint(&cmd->diag, "'imprint order run %ju' goes on",
	    (uintmax_t)number);
	return err;
}

enum exit_code
remote_order_run(struct cmd *cmd)
{
	struct value values[COLUMNS_MAX] = { { .has = false } };
	struct progress progress;
	uint64_t number = 0, workers = 0, before;
	int64_t start = time_monotonic_ns();
	double seconds;
	char text[32], verb[32];
	enum err err;

	err = number_read(cmd, &number);
	if (!err)
		err = cmd_number(cmd, "workers", 1, WORKERS_MAX, 0, &workers);
	if (!err)
		err = remote_open(cmd);
	if (!err)
		err = order_ask(cmd, number, "", values);
	if (err)
		return cmd_fail(cmd, err);
	(void)snprintf(verb, sizeof(verb), workers != 0 ? "/run?workers=%ju" :
	    "/run", (uintmax_t)workers);
	interrupt_catch();
	before = values[ORDER_COMMITTED].number;
	progress_start(&progress, "issuing", "identities", before,
	    values[ORDER_COUNT].number);
	err = order_ask(cmd, number, verb, values);
	if (broken_off(cmd, err, false)) {
		values[ORDER_RUNNING].flag = true;	/* perhaps */
		err = ERR_OK;
	}
	/* no answer, one that cannot be read, 500 or 503 */
	if ((err == ERR_IO || err == ERR_BUSY) && !remote_refused())
		goes_on(cmd, number);
	if (!err)
		err = run_follow(cmd, number, &progress, values);
	progress_end(&progress);
	if (err)
		return cmd_fail(cmd, err);
	seconds = (double)(time_monotonic_ns() - start) / 1e9;
	before = values[ORDER_COMMITTED].number - before;
	number_format(before, text);
	if (cmd->json)
		printf("{\"order\": %ju, \"state\": \"complete\", "
		    "\"issued\": %ju, \"committed\": %ju, \"seconds\": "
		    "%.3f}\n", (uintmax_t)number, (uintmax_t)before,
		    (uintmax_t)values[ORDER_COMMITTED].number, seconds);
	else
		printf("order %ju is complete: %s identities issued in %.2f "
		    "s\n", (uintmax_t)number, text, seconds);
	return EXIT_OK;
}

/* Identities. */

enum identity_column {
	IDENTITY_LOG, IDENTITY_INDEX, IDENTITY_UEID, IDENTITY_NAMES,
	IDENTITY_ORDER,
	IDENTITY_ISSUED, IDENTITY_STATUS, IDENTITY_SINCE, IDENTITY_REASON
};

static const struct column identity_columns[] = {
	{ "log", COLUMN_TEXT }, { "index", COLUMN_NUMBER },
	{ "ueid", COLUMN_TEXT }, { "names", COLUMN_TEXTS },
	{ "order", COLUMN_NUMBER },
	{ "issued", COLUMN_TEXT }, { "status", COLUMN_TEXT },
	{ "since", COLUMN_TEXT }, { "reason", COLUMN_NUMBER }, { NULL, 0 }
};

static void
identity_print(const struct value *v)
{
	text_put(&v[IDENTITY_LOG], 0, TEXT_SIZE);
	printf("/%ju  ", (uintmax_t)v[IDENTITY_INDEX].number);
	text_put(&v[IDENTITY_UEID], 0, TEXT_SIZE);
	texts_print(&v[IDENTITY_NAMES], "names", false);
	printf("  order %ju, ", (uintmax_t)v[IDENTITY_ORDER].number);
	text_put(&v[IDENTITY_STATUS], 0, TEXT_SIZE);
	if (v[IDENTITY_SINCE].has) {
		printf(" since ");
		text_put(&v[IDENTITY_SINCE], 0, TEXT_SIZE);
		printf(", reason %ju", (uintmax_t)v[IDENTITY_REASON].number);
	}
	printf("\n");
}

enum exit_code
remote_identity_list(struct cmd *cmd)
{
	struct listing list = { .cmd = cmd, .columns = identity_columns,
		.path = "/v1/identities?log=" LOG_BULK,
		.print = identity_print };
	const char *log = cmd_value(cmd, "log");
	char target[TARGET_SIZE];
	uint64_t from = 0, order = 0;
	enum err err;

	if (cmd_flag(cmd, "claim-codes")) {
		err = diag_fail(&cmd->diag, ERR_UNSUPPORTED, NULL,
		    "identity list --claim-codes: codes do not go over the "
		    "network, where a front would see them");
		diag_hint(&cmd->diag, "run it where the authority is, "
		    "without --server");
		return cmd_fail(cmd, err);
	}
	err = cmd_number(cmd, "order", 1, UINT32_MAX, 0, &order);
	if (!err)
		err = cmd_number(cmd, "from", 0, NUMBER_MAX, 0, &from);
	if (!err)
		err = cmd_number(cmd, "count", 1, UINT32_MAX, 100,
		    &list.left);
	if (!err && log != NULL && strcmp(log, LOG_ONLINE) == 0)
		list.path = "/v1/identities?log=" LOG_ONLINE;
	else if (!err && log != NULL && strcmp(log, LOG_BULK) != 0)
		err = diag_fail(&cmd->diag, ERR_NOTFOUND, NULL,
		    "log \"%s\": there are " LOG_BULK " and " LOG_ONLINE,
		    log);
	if (order != 0) {
		(void)snprintf(target, sizeof(target), "%s&order=%ju",
		    list.path, (uintmax_t)order);
		list.path = target;
	}
	return err ? cmd_fail(cmd, err) : list_print(&list, from, NULL);
}

enum exit_code
remote_identity_show(struct cmd *cmd)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	struct value values[COLUMNS_MAX] = { { .has = false } };
	char target[TARGET_SIZE] = "/v1/identities/";
	enum err err;

	if (cmd->argc != 1 || cmd->argv[0][0] == '\0')
		return cmd_usage(cmd, "which identity?");
	if (cmd_flag(cmd, "format") || cmd_flag(cmd, "slot") ||
	    cmd_flag(cmd, "signer"))
		return remote_identity_form(cmd);
	if (!segment_put(target, sizeof(target), cmd->argv[0]))
		return cmd_usage(cmd, "the identity's name is too long");
	err = remote_open(cmd);
	if (!err)
		err = remote_ask(cmd, "GET", target, &answer);
	if (err)
		return cmd_fail(cmd, err);
	err = row_read(answer, identity_columns, values, &cmd->diag);
	if (err)
		return cmd_fail(cmd, unread(cmd, err));
	if (cmd->json)
		row_json(identity_columns, values);
	else
		identity_print(values);
	printf(cmd->json ? "\n" : "");
	return EXIT_OK;
}

/* Publication. */

struct telling {
	bool	json;
	size_t	count;
};

static enum err
published_take(void *ctx, const struct json_value *item, struct diag *diag)
{
	static const struct column columns[] = {
		{ "log", COLUMN_TEXT }, { "crl_number", COLUMN_NUMBER },
		{ "this_update", COLUMN_TEXT },
		{ "next_update", COLUMN_TEXT },
		{ "certificates", COLUMN_NUMBER },
		{ "crl_bytes", COLUMN_NUMBER },
		{ "status_lists", COLUMN_NUMBER }, { NULL, 0 }
	};
	struct value v[COLUMNS_MAX] = { { .has = false } };
	struct telling *telling = ctx;
	char number[32];
	enum err err;

	err = row_read(item, columns, v, diag);
	if (err)
		return err;
	telling->count++;
	if (telling->json) {
		printf(telling->count > 1 ? ", " : "");
		row_json(columns, v);
		return ERR_OK;
	}
	number_format(v[4].number, number);
	printf("published ");
	text_put(&v[0], 0, TEXT_SIZE);
	printf(": CRL %ju of %s certificates, %ju status list%s",
	    (uintmax_t)v[1].number, number, (uintmax_t)v[6].number,
	    v[6].number == 1 ? "" : "s");
	if (v[3].has) {
		printf(", next before ");
		text_put(&v[3], 0, TEXT_SIZE);
	}
	printf("\n");
	return ERR_OK;
}

enum err
remote_publish(struct cmd *cmd, uint64_t days, size_t *ret_count)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	struct telling telling = { .json = cmd->json };
	char target[TARGET_SIZE];
	enum err err;

	(void)snprintf(target, sizeof(target), days != 0 ?
	    "/v1/publish?days=%ju" : "/v1/publish", (uintmax_t)days);
	err = remote_ask(cmd, "POST", target, &answer);
	if (err)
		return err;
	err = json_each_object(answer, "published", published_take, &telling,
	    &cmd->diag);
	if (err)
		return unread(cmd, err);
	*ret_count = telling.count;
	return ERR_OK;
}
