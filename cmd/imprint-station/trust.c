#include "cmd/imprint-station/commands.h"

enum exit_code
station_cmd_trust(struct cmd *cmd)
{
	_cleanup_buf_ struct buf pem = { .limit = STATION_TRUST_MAX };
	_cleanup_station_ struct station station = STATION_INIT;
	enum err err;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which trust.pem?");
	err = station_get(cmd, STATION_WORK, &station);
	if (!err)
		moved_warn(cmd, &station);
	if (!err)
		err = io_read_file(cmd->io, cmd->argv[0], &pem, &cmd->diag);
	if (!err)
		err = station_trust_renew(&station, buf_bytes(&pem),
		    &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json)
		printf("{\"station\": \"%s\", \"signers\": %zu}\n",
		    station.statement.name, station.signer_count);
	else
		printf("station %s trusts %zu document signers\n",
		    station.statement.name, station.signer_count);
	return EXIT_OK;
}
