/* What holds the ledger from outside. */
#include "station/anchor.h"
#include "cmd/imprint-station/commands.h"
#include "lib/base/clock.h"

const char *
anchor_kind(const struct station *s)
{
	static const char *const kinds[] = {
		[LEDGER_ANCHOR_TPM] = "tpm", [LEDGER_ANCHOR_FILE] = "file",
		[LEDGER_ANCHOR_PROGRAM] = "program"
	};

	return kinds[s->anchor.kind];
}

void
anchor_move(struct cmd *cmd, struct station *station)
{
	struct diag diag = DIAG_INIT;

	if (station_anchor_move(station, time_now(), &diag) != ERR_OK)
		cmd_warn(cmd, "the anchor was not moved on: %s", diag.what);
}

static void
anchor_print(const struct cmd *cmd, const struct station *s)
{
	const struct station_anchor *a = &s->anchor;

	if (a->kind == LEDGER_ANCHOR_NONE) {
		printf(cmd->json ? "{\"anchor\": null}\n" : "no anchor: a"
		    " ledger put back to an earlier state goes unnoticed"
		    " here\n");
	} else if (cmd->json) {
		printf("{\"anchor\": {\"by\": \"%s\", \"place\": ",
		    anchor_kind(s));
		json_string(stdout, a->place, strlen(a->place));
		printf(", \"number\": %ju, \"entries\": %ju}}\n",
		    (uintmax_t)a->number, (uintmax_t)a->at.entries);
	} else {
		printf("anchor       %s %s\nholds        %ju records, number"
		    " %ju\n", anchor_kind(s), a->place,
		    (uintmax_t)a->at.entries, (uintmax_t)a->number);
	}
}

static enum exit_code
anchor_run(struct cmd *cmd, bool set, unsigned kind, const char *place)
{
	_cleanup_station_ struct station station = STATION_INIT;
	bool vouches = false;
	enum err err;

	err = station_get(cmd, STATION_MEND, &station);
	if (!err && set)
		err = station_anchor_set(&station, kind, place, time_now(),
		    &vouches, &cmd->diag);
	else if (!err)
		err = station_anchor_check(&station, &cmd->diag);
	if (vouches)
		cmd_warn(cmd, "the anchor that was left could not be told: it"
		    " still takes a copy of this disk from before for the"
		    " newest. Keep it away, or destroy it");
	if (err)
		return cmd_fail(cmd, err);
	moved_warn(cmd, &station);
	anchor_print(cmd, &station);
	return EXIT_OK;
}

enum exit_code
station_cmd_anchor_set(struct cmd *cmd)
{
	bool tpm = cmd_flag(cmd, "tpm"), none = cmd_flag(cmd, "none");
	bool program = cmd_flag(cmd, "program");
	const char *tcti = cmd_value(cmd, "tcti");

	if (tpm + none + program > 1 || (tcti != NULL && !tpm) ||
	    cmd->argc != (tpm || none ? 0 : 1))
		return cmd_usage(cmd, "anchor set takes one PATH, --tpm or"
		    " --none");
	if (none)
		return anchor_run(cmd, true, LEDGER_ANCHOR_NONE, NULL);
	if (tpm)
		return anchor_run(cmd, true, LEDGER_ANCHOR_TPM,
		    tcti != NULL ? tcti : ANCHOR_TCTI);
	return anchor_run(cmd, true, program ? LEDGER_ANCHOR_PROGRAM :
	    LEDGER_ANCHOR_FILE, cmd->argv[0]);
}

enum exit_code
station_cmd_anchor_show(struct cmd *cmd)
{
	if (cmd->argc > 0)
		return cmd_usage(cmd, "anchor show takes no arguments");
	return anchor_run(cmd, false, LEDGER_ANCHOR_NONE, NULL);
}
