#include "cmd/imprint-station/commands.h"
#include "lib/base/clock.h"

void
statement_print(const struct cmd *cmd,
    const struct station_statement *statement)
{
	const char *home = station_home(cmd);

	if (cmd->json) {
		printf("{\"name\": \"%s\", \"fingerprint\": \"",
		    statement->name);
		hex_print(stdout, statement->kid, SHA256_SIZE);
		printf("\", \"home\": ");
		json_string(stdout, home, strlen(home));
		printf(", \"statement\": \"%s.station\"}\n",
		    statement->name);
		return;
	}
	printf("station      %s\nstatement    %s/%s.station\nfingerprint  ",
	    statement->name, home, statement->name);
	fingerprint_print(stdout, statement->kid);
	printf("\n\nRegister the statement with the authority, and compare"
	    " the fingerprint there.\n");
}

enum exit_code
station_cmd_init(struct cmd *cmd)
{
	_cleanup_buf_ struct buf pem = { .limit = STATION_TRUST_MAX };
	const char *name = cmd_value(cmd, "name");
	const char *trust = cmd_value(cmd, "trust");
	struct station_statement statement;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "init takes options only");
	if (name == NULL || trust == NULL)
		return cmd_usage(cmd, "--name and --trust are needed");
	err = cmd_check_private(cmd, station_home(cmd));
	if (!err)
		err = cmd_check_root(cmd, station_home(cmd));
	if (!err)
		err = io_read_file(cmd->io, trust, &pem, &cmd->diag);
	if (!err)
		err = station_init(cmd->io, station_home(cmd), name,
		    buf_bytes(&pem), time_now(), &statement, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	statement_print(cmd, &statement);
	return EXIT_OK;
}
