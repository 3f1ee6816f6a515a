/* Revoke, suspend, resume; publish. */
#include <stdlib.h>
#include <strings.h>

#include "cmd/imprint/daemon.h"
#include "cmd/imprint/remote_status.h"
#include "cmd/imprint/target.h"
#include "lib/authority/log_publish.h"
#include "lib/authority/order_count.h"
#include "lib/authority/operation.h"
#include "lib/authority/publish.h"
#include "lib/authority/request_status.h"
#include "lib/base/clock.h"

#define CONFIRM_ABOVE	1000	/* identities */
#define SHOWN_FEW	5

struct change {
	struct cmd		*cmd;
	struct authority	*authority;
	enum status_action	 action;
	const char		*verb, *done;	/* "revoke", "revoked" */
	unsigned		 reason;
	struct targets		 targets;
	struct status_count	 count;
	struct remote_dry	 dry;		/* with --server */
	size_t			 carried, all;	/* items of what was chosen, or
						 * ranges */
};

static enum err
reason_get(struct change *c)
{
	const char *text = cmd_value(c->cmd, "reason"), *name;
	unsigned i;
	enum err err;

	c->reason = c->action == STATUS_SUSPEND ? CRL_CERTIFICATE_HOLD :
	    CRL_UNSPECIFIED;
	if (text == NULL)
		return ERR_OK;
	for (i = 0; i <= CRL_AA_COMPROMISE; i++) {
		name = crl_reason_name((enum crl_reason)i);
		if (name == NULL || strcasecmp(name, text) != 0 ||
		    !status_reason_fits(c->action, i))
			continue;
		c->reason = i;
		return ERR_OK;
	}
	err = diag_fail(&c->cmd->diag, ERR_INVALID, "RFC 5280 5.3.1",
	    "--reason \"%s\": is no reason to %s", text, c->verb);
	diag_hint(&c->cmd->diag, "allowed are unspecified, keyCompromise, "
	    "affiliationChanged, superseded, cessationOfOperation, "
	    "privilegeWithdrawn, aACompromise");
	return err;
}

static enum err
change_count(struct change *c, struct status_count *ret_count)
{
	struct status_change change = { .action = c->action,
	    .reason = c->reason };
	struct status_count count = { 0 };
	enum err err;

	err = status_count_all(c->authority, &change, c->targets.list.ranges,
	    c->targets.list.count, &count, &c->cmd->diag);
	if (!err)
		*ret_count = count;
	return err;
}

/* The network has both answers alike. */
static enum err
part_submit(struct change *c, enum request_type type, struct bytes body)
{
	_cleanup_buf_ struct buf result = BUF_INIT, brief = BUF_INIT;
	uint64_t changed, same, kept;
	struct cbor cbor;
	enum err err;

	err = request_submit(c->cmd, c->authority, type, body, &result);
	if (!err)
		err = chosen_answer_brief(buf_bytes(&result), &brief,
		    &c->cmd->diag);
	if (err)
		return err;
	cbor_open(&cbor, buf_bytes(&brief));
	cbor_get_array_sized(&cbor, 3);
	changed = cbor_get_uint(&cbor);
	same = cbor_get_uint(&cbor);
	kept = cbor_get_uint(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(&c->cmd->diag, ERR_IO, NULL,
		    "the answer: no counts of identities");
	c->count.changed += changed;
	c->count.same += same;
	c->count.kept += kept;
	return ERR_OK;
}

/* Requests of as many ranges as one may have. */
static enum err
ranges_submit(struct change *c, const char *words)
{
	size_t i, part;
	enum err err = ERR_OK;

	c->all = c->targets.list.count;
	for (i = 0; i < c->targets.list.count && !err; i += part) {
		_cleanup_buf_ struct buf body = BUF_INIT;

		part = c->targets.list.count - i < STATUS_RANGES_MAX ?
		    c->targets.list.count - i : STATUS_RANGES_MAX;
		err = request_put_status(&body, c->action, c->reason,
		    c->targets.list.ranges + i, part, words);
		if (!err)
			err = part_submit(c, REQUEST_STATUS,
			    buf_bytes(&body));
		c->carried += err == ERR_OK ? part : 0;
	}
	return err;
}

/* What was chosen, for the authority to find: of as much as the network takes
 * at once. */
static enum err
chosen_each(struct change *c, const char *words,
    enum err (*each)(struct change *, struct bytes body))
{
	struct bytes part;
	size_t at = 0, count;
	enum err err = ERR_OK;

	c->carried = 0;
	while (!err && targets_part(&c->targets, &at, &part, &count)) {
		_cleanup_buf_ struct buf body = BUF_INIT;

		err = request_put_chosen(&body, c->action, c->reason, part,
		    count, words);
		if (!err)
			err = each(c, buf_bytes(&body));
		c->carried += err == ERR_OK ? count : 0;
	}
	return err;
}

static enum err
chosen_submit(struct change *c, struct bytes body)
{
	return part_submit(c, REQUEST_STATUS_CHOSEN, body);
}

static enum err
chosen_ask(struct change *c, struct bytes body)
{
	return remote_dry_run(c->cmd, body, &c->dry);
}

static enum err
change_submit(struct change *c)
{
	char words[STATUS_WORDS_MAX + 1];

	targets_words(c->cmd, words, sizeof(words));
	return remote_there(c->cmd) ? chosen_each(c, words, chosen_submit) :
	    ranges_submit(c, words);
}

/* More than one request: the first would be carried out although another is
 * refused. */
static bool
is_in_parts(struct change *c)
{
	struct bytes part;
	size_t at = 0, count, parts = 0;

	c->all = 0;
	while (targets_part(&c->targets, &at, &part, &count)) {
		c->all += count;
		parts++;
	}
	return parts > 1;
}

static enum err
confirm_ask(struct change *c, const char *most, uint64_t count,
    const char *whose)
{
	char question[128], number[32];

	number_format(count, number);
	(void)snprintf(question, sizeof(question), "%s %s%s identit%s%s%s",
	    c->verb, most, number, count == 1 ? "y" : "ies", whose,
	    c->action == STATUS_REVOKE ? ", for ever" : "");
	return cmd_confirm(c->cmd, question);
}

static enum err
confirm_uncounted(struct change *c)
{
	char question[128];

	(void)snprintf(question, sizeof(question), "%s all that is named, "
	    "which the server was too busy to count%s", c->verb,
	    c->action == STATUS_REVOKE ? ", for ever" : "");
	return cmd_confirm(c->cmd, question);
}

/* What is to be revoked does not wait for it to be counted. */
static bool
is_busy(struct change *c, enum err err)
{
	if (err != ERR_BUSY)
		return false;
	cmd_warn(c->cmd, "%s: not counted before", c->cmd->diag.what);
	c->cmd->diag = (struct diag)DIAG_INIT;
	return true;
}

/* Where how many they are is the server's word alone, few is no reason not to
 * ask. */
static enum err
confirm_there(struct change *c)
{
	bool parts = is_in_parts(c), open = c->targets.open, busy;
	enum err err = ERR_OK;

	if (parts || (open && !cmd_flag(c->cmd, "yes")))
		err = chosen_each(c, "", chosen_ask);
	c->carried = 0;
	busy = is_busy(c, err);
	if (err && !busy)
		return err;
	if (open)
		return busy ? confirm_uncounted(c) : confirm_ask(c,
		    c->dry.answers > 1 ? AT_MOST : "", c->dry.count.changed,
		    " by the server's word");
	return c->targets.identities > CONFIRM_ABOVE ? confirm_ask(c,
	    parts ? AT_MOST : "", c->targets.identities, "") : ERR_OK;
}

static enum err
change_confirm(struct change *c)
{
	struct status_count count = { .changed = 0 };
	enum err err;

	if (remote_there(c->cmd))
		return confirm_there(c);
	if (c->targets.identities <= CONFIRM_ABOVE)
		return ERR_OK;
	err = change_count(c, &count);
	if (err || count.changed <= CONFIRM_ABOVE)
		return err;
	return confirm_ask(c, "", count.changed, "");
}

/* A dry run: how many of each order. */

static enum err
orders_print(struct change *c)
{
	_cleanup_order_counts_ struct order_counts counts = { .count = 0 };
	struct order_product product;
	size_t i;
	enum err err;

	err = order_counts_of(c->authority, c->targets.list.ranges,
	    c->targets.list.count, &counts, &c->cmd->diag);
	for (i = 0; i < counts.count && !err; i++) {
		err = order_product_get(c->authority, counts.orders[i].order,
		    &product, &c->cmd->diag);
		if (!err)
			order_count_print(c->cmd, i == 0, "",
			    &counts.orders[i], &product);
	}
	return err;
}

static enum err
few_print(struct change *c)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	const struct template *template;
	const struct status_range *chosen;
	struct store_range range;
	struct identity identity;
	struct address address;
	struct diag why;
	uint64_t i;
	size_t j, shown = 0, n;
	enum err err;

	err = lookup_new(c->authority, &lookup, &c->cmd->diag);
	for (j = 0; j < c->targets.list.count && !err; j++) {
		chosen = &c->targets.list.ranges[j];
		for (i = 0; i < chosen->count && shown < SHOWN_FEW && !err;
		    i++, shown++) {
			address = (struct address){ chosen->log,
			    chosen->first + i };
			why = (struct diag)DIAG_INIT;
			err = lookup_get(lookup, &address, &identity, &range,
			    &template, &why);
			printf("  %llu", (unsigned long long)address.index);
			for (n = 0; !err && n < template->name_count; n++)
				if (identity.name[n] != NULL)
					printf("  %s", identity.name[n]);
			printf(err ? "  %s\n" : "\n", err == ERR_NOTFOUND ?
			    "void" : why.what);
			err = ERR_OK;
		}
	}
	if (!err && c->targets.identities > shown)
		printf("  ...\n");
	return err;
}

static void
counts_print(struct change *c, bool would)
{
	bool most = would && c->dry.answers > 1;
	char changed[32], same[32], kept[32];

	if (c->cmd->json) {
		printf("{\"action\": \"%s\", \"dry_run\": %s, \"changed\": "
		    "%llu, \"same\": %llu, \"kept\": %llu", c->verb,
		    would ? "true" : "false",
		    (unsigned long long)c->count.changed,
		    (unsigned long long)c->count.same,
		    (unsigned long long)c->count.kept);
		printf(most ? ", \"at_most\": true" : "");
		return;
	}
	number_format(c->count.changed, changed);
	number_format(c->count.same, same);
	number_format(c->count.kept, kept);
	printf("%s%s %s %s %s\n", most ? AT_MOST : "", changed,
	    c->count.changed == 1 ? "identity" : "identities",
	    would ? "would be" : c->count.changed == 1 ? "is" : "are",
	    c->done);
	if (c->count.same > 0)
		printf("%s %s before\n", same, c->action == STATUS_RESUME ?
		    "were not suspended" : c->action == STATUS_SUSPEND ?
		    "were suspended" : "were revoked");
	if (c->count.kept > 0)
		printf("%s stay revoked, which is for ever\n", kept);
}

/* The server's word, nothing more. */
static enum err
dry_run_there(struct change *c)
{
	enum err err;

	err = chosen_each(c, "", chosen_ask);
	if (err)
		return err;
	c->count = c->dry.count;
	counts_print(c, true);
	remote_dry_print(c->cmd, &c->dry);
	return ERR_OK;
}

static enum err
dry_run(struct change *c)
{
	enum err err;

	if (remote_there(c->cmd))
		return dry_run_there(c);
	err = change_count(c, &c->count);
	if (err)
		return err;
	counts_print(c, true);
	printf(c->cmd->json ? ", \"orders\": [" : "named are\n");
	err = orders_print(c);
	if (c->cmd->json)
		printf("]}\n");
	else if (!err)
		err = few_print(c);
	return err;
}

/* Publication. */

struct telling {
	bool	json;
	size_t	count;
};

static void
published_print(void *ctx, const struct published *what,
    uint64_t certificates, uint64_t crl_bytes)
{
	struct telling *telling = ctx;
	char from[TIME_TEXT_SIZE], to[TIME_TEXT_SIZE], number[32];

	time_format(what->this_update, from);
	time_format(what->next_update, to);
	if (telling->json) {
		printf("%s{\"log\": \"%s\", \"crl_number\": %llu, "
		    "\"this_update\": \"%s\", \"next_update\": \"%s\", "
		    "\"certificates\": %llu, \"crl_bytes\": %llu, "
		    "\"status_lists\": %llu}", telling->count++ > 0 ? ", " :
		    "", what->log, (unsigned long long)what->number, from,
		    to, (unsigned long long)certificates,
		    (unsigned long long)crl_bytes,
		    (unsigned long long)what->lists);
		return;
	}
	telling->count++;
	number_format(certificates, number);
	printf("published %s: CRL %llu of %s certificates, %llu status "
	    "list%s, next before %s\n", what->log,
	    (unsigned long long)what->number, number,
	    (unsigned long long)what->lists, what->lists == 1 ? "" : "s",
	    to);
}

enum err
logs_publish(struct cmd *cmd, struct authority *authority,
    const char **ret_what)
{
	static const struct {
		uint32_t	 log;
		const char	*name;
	} logs[] = {
		{ LOG_BULK_NUMBER, "log " LOG_BULK },
		{ LOG_ONLINE_NUMBER, "log " LOG_ONLINE },
		{ LOG_OPERATIONS_NUMBER, "log " LOG_OPERATIONS },
	};
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < sizeof(logs) / sizeof(logs[0]) && !err; i++) {
		*ret_what = logs[i].name;
		err = authority_log_publish(authority, logs[i].log,
		    &cmd->diag);
	}
	return err;
}

void
failed_print(struct cmd *cmd, const char *what, enum err err)
{
	printf(", \"failed\": {\"what\": \"%s\", \"why\": ", what);
	cmd_json_error(cmd, err);
	printf("}");
}

/* With --json the members "published" and, if it fails, "failed". */
static enum err
publish_run(struct cmd *cmd, struct authority *authority, uint64_t days,
    bool if_needed)
{
	struct telling telling = { .json = cmd->json };
	struct publish publish = { .now = time_now(), .days = (unsigned)days,
	    .if_needed = if_needed, .done = published_print,
	    .ctx = &telling };
	const char *what = "status";
	enum err err;

	printf(cmd->json ? "\"published\": [" : "");
	if (remote_there(cmd))
		err = remote_publish(cmd, days, &telling.count);
	else
		err = daemon_there() ? daemon_publish(&publish, &cmd->diag) :
		    authority_publish_status(authority, &publish,
		    &cmd->diag);
	/* it may have made ranges void, and is on record itself */
	if (!err && authority != NULL && !daemon_there())
		err = logs_publish(cmd, authority, &what);
	if (!err && !cmd->json && !if_needed && telling.count == 0)
		printf("nothing was due; --next-update publishes all\n");
	printf(cmd->json ? "]" : "");
	if (err && cmd->json)
		failed_print(cmd, what, err);
	return err;
}

enum err
change_publish(struct cmd *cmd, struct authority *authority)
{
	enum err err = ERR_OK;

	printf(cmd->json ? ", " : "");
	if (!cmd_flag(cmd, "no-publish"))
		err = publish_run(cmd, authority, 0, true);
	else
		printf(cmd->json ? "\"published\": []" :
		    "not published: imprint publish\n");
	printf(cmd->json ? "}\n" : "");
	if (err)
		cmd_warn(cmd, "it is on record, but not published: when this "
		    "is mended, run 'imprint publish'");
	return err;
}

enum exit_code
publish_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	uint64_t days = 0;
	enum err err;

	if (cmd->argc != 0)
		return cmd_usage(cmd, "publish takes no arguments");
	err = cmd_number(cmd, "next-update", 1, PUBLISH_DAYS_MAX, 0, &days);
	if (!err)
		err = ecosystem_open_requests(cmd, &authority);
	if (err)
		return cmd_fail(cmd, err);
	printf(cmd->json ? "{" : "");
	err = publish_run(cmd, authority, days, false);
	printf(cmd->json ? "}\n" : "");
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

/* Of several requests those before the one that failed stay carried out: told
 * and published all the same. */
static enum err
change_make(struct change *c)
{
	struct diag why;
	enum err err, published;

	err = change_submit(c);
	if (err && c->carried == 0)
		return err;
	why = c->cmd->diag;
	if (err)
		cmd_warn(c->cmd, "the first %zu of %zu that are named are "
		    "carried out, not the rest", c->carried, c->all);
	counts_print(c, false);
	published = change_publish(c->cmd, c->authority);
	if (err)
		c->cmd->diag = why;
	return err ? err : published;
}

static enum err
change_run(struct change *c)
{
	bool dry = cmd_flag(c->cmd, "dry-run");
	enum err err;

	err = reason_get(c);
	if (!err)
		err = dry && !remote_there(c->cmd) ?
		    ecosystem_open(c->cmd, AUTHORITY_READ, true,
		    &c->authority) : ecosystem_open_requests(c->cmd,
		    &c->authority);
	c->targets.resume = c->action == STATUS_RESUME;
	if (!err)
		err = targets_get(c->cmd, c->authority, &c->targets);
	if (!err && dry)
		return dry_run(c);
	if (!err)
		err = change_confirm(c);
	return err ? err : change_make(c);
}

static enum exit_code
status_cmd(struct cmd *cmd, enum status_action action, const char *verb,
    const char *done)
{
	struct change c = { .cmd = cmd, .action = action, .verb = verb,
	    .done = done, .targets = TARGETS_INIT };
	enum err err;

	if (!targets_named(cmd))
		return cmd_usage(cmd, "%s which identities?", verb);
	err = change_run(&c);
	targets_release(&c.targets);
	remote_dry_release(&c.dry);
	authority_close(&c.authority);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

enum exit_code
revoke_cmd(struct cmd *cmd)
{
	return status_cmd(cmd, STATUS_REVOKE, "revoke", "revoked");
}

enum exit_code
suspend_cmd(struct cmd *cmd)
{
	return status_cmd(cmd, STATUS_SUSPEND, "suspend", "suspended");
}

enum exit_code
resume_cmd(struct cmd *cmd)
{
	return status_cmd(cmd, STATUS_RESUME, "resume", "resumed");
}
