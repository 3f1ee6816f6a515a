#include "cmd/imprint/remote_station.h"

#include <string.h>

#include "cmd/imprint/remote_status.h"
#include "cmd/imprint/target.h"
#include "lib/authority/reconcile.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/identity/station.h"

/* A key id for people to compare by voice: groups of four digits. */
static void
fingerprint_print(struct bytes kid)
{
	size_t i;

	for (i = 0; i < kid.len; i++)
		printf("%s%02x", i > 0 && i % 2 == 0 ? " " : "", kid.ptr[i]);
}

/* A first statement, or a newer one. */
static enum err
station_take(struct cmd *cmd, struct authority *authority,
    enum request_type type, const char *path)
{
	_cleanup_buf_ struct buf statement = BUF_INIT, result = BUF_INIT;
	struct station_statement parsed;
	enum err err;

	err = input_read(cmd, path, STATION_STATEMENT_MAX, &statement);
	if (!err)
		err = station_statement_parse(buf_bytes(&statement), &parsed,
		    &cmd->diag);
	if (!err)
		err = request_submit(cmd, authority, type,
		    buf_bytes(&statement), &result);
	if (!err)
		err = remote_expect(cmd, path, buf_bytes(&result),
		    bytes_of(parsed.kid, COSE_KID_SIZE));
	if (err)
		return err;
	if (cmd->json) {
		printf("{\"station\": \"%s\", \"key\": \"", parsed.name);
		hex_print(stdout, buf_bytes(&result));
		printf("\"}\n");
		return ERR_OK;
	}
	printf("station %s is registered, its sealing key is\n  ",
	    parsed.name);
	fingerprint_print(buf_bytes(&result));
	printf("\ncompare it with what the station shows\n");
	return ERR_OK;
}

static enum exit_code
statements_take(struct cmd *cmd, enum request_type type)
{
	_cleanup_authority_ struct authority *authority = NULL;
	enum err err;
	int i;

	if (cmd->argc == 0)
		return cmd_usage(cmd, "which statement?");
	err = ecosystem_open_requests(cmd, &authority);
	for (i = 0; i < cmd->argc && !err; i++)
		err = station_take(cmd, authority, type, cmd->argv[i]);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

enum exit_code
station_add_cmd(struct cmd *cmd)
{
	return statements_take(cmd, REQUEST_STATION_ADD);
}

enum exit_code
station_renew_cmd(struct cmd *cmd)
{
	return statements_take(cmd, REQUEST_STATION_RENEW);
}

/* What is to be ordered again. */
struct again {
	struct cmd	*cmd;
	uint64_t	 total;
	uint64_t	 enrolled;	/* in the field, of no order */
	size_t		 orders;
};

static void
again_json(const struct again *again, const struct order_count *of,
    const char *name, const char *mode)
{
	printf("%s{\"order\": %u, \"product\": ", again->orders > 0 ?
	    ", " : "", of->order);
	json_string(stdout, name, strlen(name));
	printf(", \"count\": %llu, \"mode\": ",
	    (unsigned long long)of->count);
	json_string(stdout, mode, strlen(mode));
	printf("}");
}

static void
again_text(const struct order_count *of, const char *name,
    const struct order_product *product, bool there)
{
	printf("order %u lost %llu%s: imprint order create --product ",
	    of->order, (unsigned long long)of->count,
	    there ? ", by the server's word" : "");
	text_print(stdout, name, strlen(name));
	if (product->mode[0] == '\0') {
		printf(" --count %llu --station NAME\n",
		    (unsigned long long)of->count);
		return;
	}
	printf(" --mode ");
	text_print(stdout, product->mode, strlen(product->mode));
	printf(" --list FILE --station NAME, FILE: those entries of its list "
	    "that 'imprint identity list --order %u --count %llu' calls "
	    "revoked for cessationOfOperation or privilegeWithdrawn\n",
	    of->order, (unsigned long long)product->ordered);
}

static void
again_print(struct again *again, const struct order_count *of,
    const struct order_product *product)
{
	char name[2 * STORE_NAME_MAX + 2];

	if (of->order == 0) {
		again->enrolled += of->count;
		return;
	}
	(void)snprintf(name, sizeof(name), "%s@%s", product->name,
	    product->version);
	if (again->cmd->json)
		again_json(again, of, name, product->mode[0] != '\0' ?
		    product->mode : "station");
	else
		again_text(of, name, product, remote_there(again->cmd));
	again->orders++;
	again->total += of->count;
}

static enum err
again_here(struct again *again, struct authority *authority,
    const struct reconcile_result *result)
{
	_cleanup_order_counts_ struct order_counts counts = { .count = 0 };
	struct order_product product;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < result->reasons && !err; i++)
		err = order_counts_of(authority,
		    result->revoked[i].list.ranges,
		    result->revoked[i].list.count, &counts,
		    &again->cmd->diag);
	for (i = 0; i < counts.count && !err; i++) {
		err = order_product_get(authority, counts.orders[i].order,
		    &product, &again->cmd->diag);
		if (!err)
			again_print(again, &counts.orders[i], &product);
	}
	return err;
}

/* Of which orders they are, by the server's word. */
static enum err
again_there(struct again *again, const struct reconcile_result *result)
{
	_cleanup_targets_ struct targets targets = TARGETS_INIT;
	struct chosen chosen = { .kind = CHOSEN_RANGE };
	struct remote_dry dry = { .order_count = 0 };
	struct bytes part;
	size_t i, n, at = 0;
	enum err err;

	for (i = 0; i < result->reasons; i++)
		for (n = 0; n < result->revoked[i].list.count; n++) {
			chosen.range = result->revoked[i].list.ranges[n];
			chosen_put(&targets.items, &chosen);
		}
	err = buf_err(&targets.items);
	while (!err && targets_part(&targets, &at, &part, &n)) {
		_cleanup_buf_ struct buf body = BUF_INIT;

		err = request_put_chosen(&body, STATUS_REVOKE, 0, part, n,
		    "");
		if (!err)
			err = remote_dry_run(again->cmd, buf_bytes(&body),
			    &dry);
	}
	for (i = 0; i < dry.order_count && !err; i++)
		again_print(again, &dry.orders[i].of, &dry.orders[i].product);
	if (!err && dry.more)
		cmd_warn(again->cmd, "it lost some of other orders, too");
	remote_dry_release(&dry);
	return err;
}

/* What a thief of the station has. */
struct exposed {
	struct cmd	*cmd;
	size_t		 packs;
};

static enum err
exposed_print(void *ctx, const struct station_exposed *found)
{
	unsigned long long identities = found->identities,
	    codes = found->codes;
	struct exposed *exposed = ctx;

	if (exposed->cmd->json) {
		printf("%s{\"order\": %u, \"pack\": %u, \"identities\": "
		    "%llu, \"keys\": %s, \"claim_codes\": %llu}",
		    exposed->packs > 0 ? ", " : "", found->order, found->pack,
		    identities, found->keys ? "true" : "false", codes);
	} else {
		printf("pack %u/%u: %llu identities stay good; who has the "
		    "station can", found->order, found->pack, identities);
		if (found->keys)
			printf(" read their private keys");
		if (codes > 0)
			printf("%s compute the claim codes of %llu that "
			    "nobody owns", found->keys ? " and" : "", codes);
		printf("; was it stolen: 'imprint revoke --pack "
		    "%u/%u'\n", found->order, found->pack);
	}
	exposed->packs++;
	return ERR_OK;
}

static enum err
lost_print(struct cmd *cmd, struct authority *authority,
    const struct reconcile_result *result, bool told)
{
	struct exposed exposed = { .cmd = cmd };
	struct again again = { .cmd = cmd };
	bool there = remote_there(cmd), more = false;
	enum err err;

	if (cmd->json)
		printf("{\"station\": \"%s\", \"again\": [", cmd->argv[0]);
	err = there ? again_there(&again, result) :
	    again_here(&again, authority, result);
	if (cmd->json)
		printf("], \"exposed\": [");
	if (!err && there)
		err = remote_exposed_each(cmd, cmd->argv[0], exposed_print,
		    &exposed, &more);
	else if (!err)
		err = station_exposed_each(authority, cmd->argv[0],
		    exposed_print, &exposed, &cmd->diag);
	if (more)
		cmd_warn(cmd, "who has the station can open other packs, "
		    "too");
	if (told)
		printf(cmd->json ? "], \"revoked\": %llu, \"enrolled\": "
		    "%llu" : "station is given up, %llu identities it may "
		    "still hold are revoked, and %llu that were enrolled for "
		    "with those\n", (unsigned long long)again.total,
		    (unsigned long long)again.enrolled);
	else
		printf(cmd->json ? "], \"revoked\": null, \"enrolled\": "
		    "null" : "station is given up, the identities it may "
		    "still hold are revoked, and those that were enrolled "
		    "for with them\n");
	return err;
}

enum exit_code
station_lost_cmd(struct cmd *cmd)
{
	_cleanup_reconcile_result_ struct reconcile_result result = { 0 };
	_cleanup_buf_ struct buf body = BUF_INIT, answer = BUF_INIT;
	_cleanup_authority_ struct authority *authority = NULL;
	enum err err, published;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which station?");
	cbor_put_text(&body, cmd->argv[0]);
	err = station_name_check(cmd->argv[0], &cmd->diag);
	if (!err)
		err = ecosystem_open_requests(cmd, &authority);
	if (!err)
		err = request_submit(cmd, authority, REQUEST_STATION_LOST,
		    buf_bytes(&body), &answer);
	if (!err && answer.len > 0)
		err = reconcile_result_get(buf_bytes(&answer), &result,
		    &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	err = lost_print(cmd, authority, &result, answer.len > 0);
	/* what could not be told takes nothing back */
	published = change_publish(cmd, authority);
	err = err ? err : published;
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

struct list {
	struct cmd	*cmd;
	size_t		 count;
};

static enum err
station_print(void *ctx, const struct store_object *object)
{
	struct list *list = ctx;
	struct station_statement statement;
	char time[TIME_TEXT_SIZE];
	enum err err;

	err = station_statement_parse(object->body, &statement,
	    &list->cmd->diag);
	if (err)
		return err;
	time_format(object->created, time);
	if (list->cmd->json) {
		printf("%s\n  {\"station\": \"%s\", \"added\": \"%s\", "
		    "\"key\": \"", list->count ? "," : "", object->name,
		    time);
		hex_print(stdout, bytes_of(statement.kid, COSE_KID_SIZE));
		printf("\"}");
	} else {
		printf("%-24s %s  ", object->name, time);
		fingerprint_print(bytes_of(statement.kid, 8));
		printf("\n");
	}
	list->count++;
	return ERR_OK;
}

enum exit_code
station_list_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct list list = { .cmd = cmd };
	enum err err;

	err = ecosystem_open(cmd, AUTHORITY_READ, false, &authority);
	if (err)
		return cmd_fail(cmd, err);
	printf(cmd->json ? "[" : "");
	err = authority_object_each(authority, STORE_STATION,
	    station_print, &list, &cmd->diag);
	printf(cmd->json ? "\n]\n" : "");
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
