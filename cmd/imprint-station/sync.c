/* The ledger's head to the authority, and its acknowledgement back. */
#include "cmd/imprint-station/commands.h"
#include "lib/base/clock.h"

static enum err
acknowledgement_take(struct cmd *cmd, struct station *station,
    const char *path, struct acknowledged *ret_acknowledged)
{
	_cleanup_buf_ struct buf encoded = { .limit = ACKNOWLEDGED_MAX };
	enum err err;

	err = io_read_file(cmd->io, path, &encoded, &cmd->diag);
	return err ? err : station_acknowledge(station, buf_bytes(&encoded),
	    time_now(), ret_acknowledged, &cmd->diag);
}

static void
sync_print(const struct cmd *cmd, const struct acknowledged *a,
    const struct ledger_head *head, const char *path)
{
	char time[TIME_TEXT_SIZE];

	if (cmd->json)
		printf("{\"acknowledged\": ");
	if (a != NULL) {
		time_format(a->time, time);
		printf(cmd->json ? "{\"entries\": %ju, \"time\": \"%s\"}" :
		    "acknowledged: the ledger's first %ju entries, at %s\n",
		    (uintmax_t)a->at.entries, time);
	} else if (cmd->json) {
		printf("null");
	}
	if (cmd->json)
		printf(", \"head\": ");
	if (head != NULL && cmd->json) {
		printf("{\"entries\": %ju, \"hash\": \"",
		    (uintmax_t)head->at.entries);
		hex_print(stdout, head->at.hash, SHA256_SIZE);
		printf("\", \"file\": ");
		json_string(stdout, path, strlen(path));
		printf("}");
	} else if (head != NULL) {
		printf("%s: where the ledger stands, %ju entries, for:"
		    " imprint station acknowledge\n", path,
		    (uintmax_t)head->at.entries);
	} else if (cmd->json) {
		printf("null");
	}
	if (cmd->json)
		printf("}\n");
}

enum exit_code
station_cmd_sync(struct cmd *cmd)
{
	_cleanup_station_ struct station station = STATION_INIT;
	const char *out = cmd_value(cmd, "out");
	struct ledger_head head;
	struct acknowledged a;
	enum err err;

	if (cmd->argc > 1 || (cmd->argc == 0 && out == NULL))
		return cmd_usage(cmd, "an ACKNOWLEDGEMENT, --out FILE, or"
		    " both");
	err = station_get(cmd, STATION_WORK, &station);
	if (err)
		return cmd_fail(cmd, err);
	moved_warn(cmd, &station);
	if (cmd->argc == 1)
		err = acknowledgement_take(cmd, &station, cmd->argv[0], &a);
	if (!err && out != NULL)
		err = station_head(&station, out, time_now(), &head,
		    &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	sync_print(cmd, cmd->argc == 1 ? &a : NULL, out != NULL ? &head :
	    NULL, out);
	return EXIT_OK;
}
