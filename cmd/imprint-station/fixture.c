/* The fixtures that may ask a station. */
#include "cmd/imprint-station/commands.h"
#include "lib/base/clock.h"
#include "station/tokens.h"

enum exit_code
station_cmd_fixture_add(struct cmd *cmd)
{
	char token[TOKEN_SIZE];
	enum err err;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which NAME?");
	err = cmd_check_private(cmd, station_home(cmd));
	if (!err)
		err = cmd_check_root(cmd, station_home(cmd));
	if (!err)
		err = tokens_add(cmd->io, station_home(cmd), cmd->argv[0],
		    time_now(), token, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json)
		printf("{\"fixture\": \"%s\", \"token\": \"%s\"}\n",
		    cmd->argv[0], token);
	else
		printf("%s\n", token);
	if (!cmd->json)
		fprintf(stderr, "%s: the token of %s; it is not kept and not"
		    " shown again\n", cmd->program->name, cmd->argv[0]);
	wipe(token, sizeof(token));
	return EXIT_OK;
}

enum exit_code
station_cmd_fixture_remove(struct cmd *cmd)
{
	enum err err;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which NAME?");
	err = cmd_check_private(cmd, station_home(cmd));
	if (!err)
		err = cmd_check_root(cmd, station_home(cmd));
	if (!err)
		err = tokens_remove(cmd->io, station_home(cmd), cmd->argv[0],
		    &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json)
		printf("{\"removed\": \"%s\"}\n", cmd->argv[0]);
	else
		printf("%s: its token is good for nothing from now on\n",
		    cmd->argv[0]);
	return EXIT_OK;
}

enum exit_code
station_cmd_fixture_list(struct cmd *cmd)
{
	char made[TIME_TEXT_SIZE];
	struct tokens tokens;
	enum err err;
	size_t i;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "fixture list takes no arguments");
	err = tokens_read(cmd->io, station_home(cmd), &tokens, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json)
		printf("{\"fixtures\": [");
	for (i = 0; i < tokens.count; i++) {
		time_format(tokens.list[i].made, made);
		if (cmd->json)
			printf("%s{\"fixture\": \"%s\", \"made\": \"%s\"}",
			    i > 0 ? ", " : "", tokens.list[i].name, made);
		else
			printf("%-24s %s\n", tokens.list[i].name, made);
	}
	if (cmd->json)
		printf("]}\n");
	return EXIT_OK;
}
