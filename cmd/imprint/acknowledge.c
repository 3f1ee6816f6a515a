/* Where stations' ledgers stand, and what is known here of them. */
#include "lib/authority/acknowledge.h"

#include <string.h>

#include "cmd/imprint/remote_document.h"
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
	if (outcome != ACKNOWLEDGE_LAST)
		return;
	printf("what was told now, %llu entries, is NOT acknowledged%s: "
	    "it does not rest on this one. Load this one and tell "
	    "again. If the station refuses it, its disk was put back "
	    "to an earlier state: ", (unsigned long long)head->at.entries,
	    remote_there(cmd) ? ", by the server's word" : "");
	if (remote_there(cmd))
		printf("look on the authority's machine before giving the "
		    "station up\n");
	else
		printf("imprint station lost %s\n", head->name);
}

static bool
is_at(const struct ledger_point *a, const struct ledger_point *b)
{
	return a->entries == b->entries &&
	    memcmp(a->hash, b->hash, SHA256_SIZE) == 0;
}

/* An older one, given again, is good but for that: what the station told just
 * now, and knows of already, is signed by itself. */
static bool
outcome_fits(const struct ledger_head *head,
    const struct acknowledge_answer *said)
{
	const struct ledger_point *at = &said->acknowledged.at;

	if (said->outcome != ACKNOWLEDGE_LAST)
		return is_at(at, &head->at);
	return at->entries >= head->acknowledged.entries &&
	    !is_at(at, &head->acknowledged) && !is_at(at, &head->at);
}

/* From elsewhere: signed by a document signer under the root, of the ledger
 * it was told of. What stood there before, the station sees when it takes it
 * in. */
static enum err
answer_check(struct cmd *cmd, const struct ledger_head *head,
    struct bytes result, struct acknowledge_answer *ret_answer)
{
	_cleanup_remote_trust_ struct remote_trust trust = REMOTE_TRUST_INIT;
	struct acknowledge_answer answer;
	struct cose_sign1 message;
	struct public_key key;
	bool found = false;
	enum err err;

	err = acknowledge_answer_peek(result, &answer, &cmd->diag);
	if (!err)
		err = remote_trust_open(cmd, &trust);
	if (!err)
		err = cose_sign1_parse(answer.encoded, &message, &cmd->diag);
	if (!err)
		err = remote_signer_find(cmd, &trust, message.kid, &key,
		    &found);
	if (!err && !found)
		err = diag_fail(&cmd->diag, ERR_AUTH, NULL, "acknowledgement: "
		    "signed by no document signer of this ecosystem");
	if (!err)
		err = acknowledged_parse(answer.encoded, &key, 1,
		    &answer.acknowledged, &cmd->diag);
	if (!err)
		err = remote_expect(cmd, "acknowledgement: its ledger",
		    bytes_of(answer.acknowledged.ledger, SHA256_SIZE),
		    bytes_of(head->ledger, SHA256_SIZE));
	if (!err && !outcome_fits(head, &answer))
		err = remote_expect(cmd, "acknowledgement: up to where",
		    answer.encoded, BYTES_NONE);
	if (!err)
		*ret_answer = answer;
	return err;
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
	if (!err && remote_there(cmd))
		err = answer_check(cmd, &head, buf_bytes(&answer), &said);
	else if (!err)
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
