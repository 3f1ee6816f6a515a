/* Where stations' ledgers stand, and what is known here of them. */
#include "lib/authority/acknowledge.h"
#include "cmd/imprint/imprint.h"
#include "lib/base/clock.h"

static void
outcome_print(const struct cmd *cmd, enum acknowledge_outcome outcome,
    const struct ledger_head *head, const struct acknowledged *a,
    const char *path)
{
	char time[TIME_TEXT_SIZE];

	time_format(a->time, time);
	if (cmd->json) {
		printf("{\"station\": \"%s\", \"outcome\": \"%s\", "
		    "\"told\": %llu, \"acknowledged\": %llu, \"time\": "
		    "\"%s\", \"file\": ", head->name,
		    outcome == ACKNOWLEDGE_NEW ? "acknowledged" :
		    outcome == ACKNOWLEDGE_BEFORE ? "before" : "last",
		    (unsigned long long)head->at.entries,
		    (unsigned long long)a->at.entries, time);
		json_string(stdout, path, strlen(path));
		printf("}\n");
		return;
	}
	printf("%s: acknowledges %llu entries of station %s's ledger, at "
	    "%s\nload it there with: imprint-station sync\n", path,
	    (unsigned long long)a->at.entries, head->name, time);
	if (outcome == ACKNOWLEDGE_LAST)
		printf("what was told now, %llu entries, is NOT acknowledged: "
		    "it does not rest on this one. Load this one and tell "
		    "again. If the station refuses it, its disk was put back "
		    "to an earlier state: imprint station lost %s\n",
		    (unsigned long long)head->at.entries, head->name);
}

enum exit_code
station_acknowledge_cmd(struct cmd *cmd)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT, answer = BUF_INIT;
	_cleanup_authority_ struct authority *authority = NULL;
	const char *out = cmd_value(cmd, "out");
	struct acknowledge_answer said;
	struct ledger_head head;
	enum err err;

	if (cmd->argc != 1 || out == NULL)
		return cmd_usage(cmd, "which FILE, and --out FILE?");
	err = input_read(cmd, cmd->argv[0], HEAD_MAX, &encoded);
	if (!err)
		err = ledger_head_peek(buf_bytes(&encoded), &head,
		    &cmd->diag);
	if (!err)
		err = ecosystem_open_requests(cmd, &authority);
	if (!err)
		err = request_submit(cmd, authority,
		    REQUEST_STATION_ACKNOWLEDGE, buf_bytes(&encoded),
		    &answer);
	if (!err)
		err = acknowledge_answer_get(authority, buf_bytes(&answer),
		    &said, &cmd->diag);
	if (!err)
		err = io_write_file(cmd->io, out, said.encoded, 0644,
		    &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	outcome_print(cmd, said.outcome, &head, &said.acknowledged, out);
	return said.outcome == ACKNOWLEDGE_LAST ? EXIT_REFUSED : EXIT_OK;
}
