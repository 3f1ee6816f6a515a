/* The ledger's head to the authority, and its acknowledgement back. */
#include "cmd/imprint-station/sync.h"
#include "lib/base/clock.h"

enum err
sync_head(struct cmd *cmd, struct buf *encoded, struct ledger_head *ret_head)
{
	_cleanup_station_ struct station station = STATION_INIT;
	enum err err;

	err = station_get(cmd, STATION_WORK, &station);
	if (err == ERR_BUSY) {
		cmd->diag = (struct diag)DIAG_INIT;
		return station_ask_head(cmd->io, station_home(cmd), encoded,
		    ret_head, &cmd->diag);
	}
	if (err)
		return err;
	moved_warn(cmd, &station);
	return station_head(&station, time_now(), encoded, ret_head,
	    &cmd->diag);
}

enum err
sync_acknowledge(struct cmd *cmd, struct bytes encoded,
    struct acknowledged *ret_acknowledged)
{
	_cleanup_station_ struct station station = STATION_INIT;
	enum err err;

	err = station_get(cmd, STATION_WORK, &station);
	if (err == ERR_BUSY) {
		cmd->diag = (struct diag)DIAG_INIT;
		return station_leave_acknowledgement(cmd->io,
		    station_home(cmd), encoded, ret_acknowledged, &cmd->diag);
	}
	if (err)
		return err;
	moved_warn(cmd, &station);
	return station_acknowledge(&station, encoded, time_now(),
	    ret_acknowledged, &cmd->diag);
}

static enum err
acknowledgement_take(struct cmd *cmd, const char *path,
    struct acknowledged *ret_acknowledged)
{
	_cleanup_buf_ struct buf encoded = { .limit = ACKNOWLEDGED_MAX };
	enum err err;

	err = io_read_file(cmd->io, path, &encoded, &cmd->diag);
	return err ? err : sync_acknowledge(cmd, buf_bytes(&encoded),
	    ret_acknowledged);
}

static enum err
head_write(struct cmd *cmd, const char *path, struct ledger_head *ret_head)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	enum err err;

	err = sync_head(cmd, &encoded, ret_head);
	return err ? err : io_write_file(cmd->io, path, buf_bytes(&encoded),
	    0644, &cmd->diag);
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
	const char *out = cmd_value(cmd, "out");
	const char *server = cmd_value(cmd, "server");
	struct ledger_head head;
	struct acknowledged a;
	enum err err = ERR_OK;

	if (server != NULL ? cmd->argc > 0 || out != NULL :
	    cmd->argc > 1 || (cmd->argc == 0 && out == NULL))
		return cmd_usage(cmd, "--server URL, or an ACKNOWLEDGEMENT, "
		    "--out FILE, or both");
	if (server != NULL)
		err = sync_server(cmd, server, &a);
	else if (cmd->argc == 1)
		err = acknowledgement_take(cmd, cmd->argv[0], &a);
	if (!err && out != NULL)
		err = head_write(cmd, out, &head);
	if (err)
		return cmd_fail(cmd, err);
	sync_print(cmd, server != NULL || cmd->argc == 1 ? &a : NULL,
	    out != NULL ? &head : NULL, out);
	return EXIT_OK;
}
