#include "cmd/imprint/imprint.h"

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

static enum err
station_add(struct cmd *cmd, struct authority *authority, const char *path)
{
	_cleanup_buf_ struct buf statement = BUF_INIT, result = BUF_INIT;
	struct station_statement parsed;
	enum err err;

	err = input_read(cmd, path, STATION_STATEMENT_MAX, &statement);
	if (!err)
		err = station_statement_parse(buf_bytes(&statement), &parsed,
		    &cmd->diag);
	if (!err)
		err = request_submit(cmd, authority, REQUEST_STATION_ADD,
		    buf_bytes(&statement), &result);
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

enum exit_code
station_add_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	enum err err;
	int i;

	if (cmd->argc == 0)
		return cmd_usage(cmd, "which statement?");
	err = ecosystem_open(cmd, AUTHORITY_WRITE, true, &authority);
	for (i = 0; i < cmd->argc && !err; i++)
		err = station_add(cmd, authority, cmd->argv[i]);
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
