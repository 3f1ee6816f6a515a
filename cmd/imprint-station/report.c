#include <stdlib.h>

#include "cmd/imprint-station/commands.h"
#include "lib/base/clock.h"

static void
report_print(const struct cmd *cmd, uint32_t order, const char *path,
    const struct station_reported *r)
{
	if (cmd->json) {
		printf("{\"order\": %u, \"sequence\": %ju, \"file\": ", order,
		    (uintmax_t)r->sequence);
		json_string(stdout, path, strlen(path));
		printf(", \"final\": %s, \"injected\": %ju, \"unproven\": %ju,"
		    " \"scrapped\": %ju, \"reworked\": %ju, \"open\": %ju,"
		    " \"unused\": %ju, \"key_destroyed\": %s}\n",
		    r->final ? "true" : "false", (uintmax_t)r->injected,
		    (uintmax_t)r->unproven, (uintmax_t)r->scrapped,
		    (uintmax_t)r->reworked, (uintmax_t)r->open,
		    (uintmax_t)r->unused, r->key_destroyed ? "true" :
		    "false");
		return;
	}
	printf("report %ju of order %u: %ju injected (%ju unproven), %ju"
	    " scrapped, %ju reworked, %ju open, %ju unused\n%s\n",
	    (uintmax_t)r->sequence, order, (uintmax_t)r->injected,
	    (uintmax_t)r->unproven, (uintmax_t)r->scrapped,
	    (uintmax_t)r->reworked, (uintmax_t)r->open, (uintmax_t)r->unused,
	    path);
	if (r->final)
		printf("the order is closed; %s\n", r->key_destroyed ?
		    "the key of its packs is destroyed" : "the key of its"
		    " packs stays for another order that has it too");
}

static enum err
order_number(struct cmd *cmd, uint32_t *ret_order)
{
	unsigned long value;
	char *end = NULL;

	value = strtoul(cmd->argv[0], &end, 10);
	if (cmd->argv[0][0] < '0' || cmd->argv[0][0] > '9' || *end != '\0' ||
	    value == 0 || value > UINT32_MAX)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "\"%s\" is no order number", cmd->argv[0]);
	*ret_order = (uint32_t)value;
	return ERR_OK;
}

enum exit_code
station_cmd_report(struct cmd *cmd)
{
	_cleanup_station_ struct station station = STATION_INIT;
	const char *path = cmd_value(cmd, "out");
	struct station_reported reported;
	uint32_t order = 0;
	enum err err;

	if (cmd->argc != 1 || path == NULL)
		return cmd_usage(cmd, "which ORDER, and --out FILE?");
	err = order_number(cmd, &order);
	if (!err)
		err = station_get(cmd, STATION_WORK, &station);
	if (!err)
		moved_warn(cmd, &station);
	if (!err)
		err = station_report(&station, order, path,
		    cmd_flag(cmd, "final"), time_now(), &reported,
		    &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	if (reported.anchor_behind)
		cmd_warn(cmd, "the anchor was not moved on: the report says"
		    " how much of the ledger it holds");
	report_print(cmd, order, path, &reported);
	return EXIT_OK;
}

enum exit_code
station_cmd_key_new(struct cmd *cmd)
{
	_cleanup_station_ struct station station = STATION_INIT;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "key new takes no arguments");
	err = station_get(cmd, STATION_WORK, &station);
	if (!err)
		err = station_key_new(&station, time_now(), &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	statement_print(cmd, &station.statement);
	return EXIT_OK;
}
