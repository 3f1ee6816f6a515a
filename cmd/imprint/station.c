#include "cmd/imprint/remote.h"

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

/* What is to be ordered again, by order. */
struct again {
	struct cmd		*cmd;
	struct authority	*authority;
	uint32_t		 order;
	uint64_t		 count, total;
	uint64_t		 enrolled;	/* in the field, of no order */
	size_t			 orders;
};

static enum err
again_print(struct again *again)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_device_list list;
	struct store_object product;
	struct store_order order;
	const char *mode = NULL;
	enum err err;

	if (again->count == 0)
		return ERR_OK;
	if (store_device_list_get(authority_store(again->authority),
	    again->order, &list, NULL) == ERR_OK)
		mode = order_mode_name((enum order_mode)list.mode);
	err = store_order_get(authority_store(again->authority),
	    again->order, &order, &again->cmd->diag);
	if (!err)
		err = authority_object_by_hash(again->authority,
		    STORE_PRODUCT, order.product, &body, &product,
		    &again->cmd->diag);
	if (err)
		return err;
	if (again->cmd->json)
		printf("%s{\"order\": %u, \"product\": \"%s@%s\", \"count\": "
		    "%llu, \"mode\": \"%s\"}", again->orders > 0 ? ", " : "",
		    again->order, product.name, product.version,
		    (unsigned long long)again->count, mode != NULL ? mode :
		    "station");
	else if (mode != NULL)
		printf("order %u lost %llu: imprint order create --product "
		    "%s@%s --mode %s --list FILE --station NAME, FILE: those "
		    "entries of its list that 'imprint identity list --order "
		    "%u --count %llu' calls revoked for cessationOfOperation "
		    "or privilegeWithdrawn\n", again->order,
		    (unsigned long long)again->count, product.name,
		    product.version, mode, again->order,
		    (unsigned long long)order.count);
	else
		printf("order %u lost %llu: imprint order create --product "
		    "%s@%s --count %llu --station NAME\n", again->order,
		    (unsigned long long)again->count, product.name,
		    product.version, (unsigned long long)again->count);
	again->orders++;
	again->total += again->count;
	again->count = 0;
	return ERR_OK;
}

static enum err
again_add(struct again *again, const struct status_range *range)
{
	uint64_t at = range->first, end = range->first + range->count, part;
	struct store_range row;
	enum err err = ERR_OK;

	while (at < end && !err) {
		err = store_range_get(authority_store(again->authority),
		    range->log, at, &row, &again->cmd->diag);
		if (!err && row.order != again->order)
			err = again_print(again);
		if (err)
			break;
		again->order = row.order;
		part = row.first + row.count - at;
		part = part < end - at ? part : end - at;
		if (range->log == LOG_ONLINE_NUMBER)
			again->enrolled += part;
		else
			again->count += part;
		at += part;
	}
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

enum exit_code
station_lost_cmd(struct cmd *cmd)
{
	_cleanup_reconcile_result_ struct reconcile_result result = { 0 };
	_cleanup_buf_ struct buf body = BUF_INIT, answer = BUF_INIT;
	_cleanup_authority_ struct authority *authority = NULL;
	struct exposed exposed = { .cmd = cmd };
	struct again again = { .cmd = cmd };
	size_t i, n;
	enum err err, published;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which station?");
	cbor_put_text(&body, cmd->argv[0]);
	err = ecosystem_open_requests(cmd, &authority);
	again.authority = authority;
	if (!err)
		err = request_submit(cmd, authority, REQUEST_STATION_LOST,
		    buf_bytes(&body), &answer);
	if (!err)
		err = reconcile_result_get(buf_bytes(&answer), &result,
		    &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json)
		printf("{\"station\": \"%s\", \"again\": [", cmd->argv[0]);
	for (i = 0; i < result.reasons && !err; i++) {
		for (n = 0; n < result.revoked[i].list.count && !err; n++)
			err = again_add(&again,
			    &result.revoked[i].list.ranges[n]);
		if (!err)
			err = again_print(&again);
	}
	if (cmd->json)
		printf("], \"exposed\": [");
	if (!err)
		err = station_exposed_each(authority, cmd->argv[0],
		    exposed_print, &exposed, &cmd->diag);
	printf(cmd->json ? "], \"revoked\": %llu, \"enrolled\": %llu" :
	    "station is given up, %llu identities it may still hold are "
	    "revoked, and %llu that were enrolled for with those\n",
	    (unsigned long long)again.total,
	    (unsigned long long)again.enrolled);
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
