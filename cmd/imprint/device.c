/* Whose a device is. */
#include <string.h>

#include "cmd/imprint/remote_rows.h"
#include "lib/authority/claim.h"
#include "lib/authority/field.h"

#define NOT_NEEDED	"not-needed"

/* What the word leads to, as the identity that the device was born with. */
static enum err
birth_find(struct cmd *cmd, struct authority *authority, const char *word,
    struct address *ret_birth)
{
	enum address_kind kind;
	struct address address;
	enum err err;

	/* that it was born with it, the server checks */
	if (remote_there(cmd))
		return remote_address(cmd, word, ret_birth);
	err = lookup_find(authority, word, &address, &kind, &cmd->diag);
	return err ? err : field_birth(authority, &address, ret_birth,
	    &cmd->diag);
}

static void
device_print(struct cmd *cmd, const char *word)
{
	if (!cmd->json) {
		text_print(stdout, word, strlen(word));
		return;
	}
	printf("{\"device\": ");
	json_string(stdout, word, strlen(word));
}

/* As a line for people, or members of an object. */
static enum exit_code
outcome_print(struct cmd *cmd, const char *owner,
    const struct claim_result *result)
{
	static const struct {
		const char	*name, *text;
		enum exit_code	 code;
	} outcomes[] = {
		[CLAIM_DONE] = { "claimed", "is claimed for", EXIT_OK },
		[CLAIM_SAME] = { "same", "was claimed before for", EXIT_OK },
		[CLAIM_WRONG] = { "wrong-code", "is not claimed: that is not "
		    "its code", EXIT_REFUSED },
		[CLAIM_WAIT] = { "wait", "is not claimed: too many wrong "
		    "codes were tried", EXIT_BUSY },
		[CLAIM_TAKEN] = { "taken", "is not claimed: somebody else has "
		    "it, who must release it first", EXIT_CONFLICT },
	};
	bool has = result->outcome <= CLAIM_SAME;

	if (cmd->json) {
		printf(", \"outcome\": \"%s\", \"claimed\": %s, "
		    "\"retry_after\": %ju", outcomes[result->outcome].name,
		    has ? "true" : "false", (uintmax_t)result->seconds);
		return outcomes[result->outcome].code;
	}
	printf(" %s%s", outcomes[result->outcome].text, has ? " " : "");
	if (has)
		text_print(stdout, owner, strlen(owner));
	if (result->seconds > 0)
		printf("; the next one counts in %ju s",
		    (uintmax_t)result->seconds);
	printf("\n");
	return outcomes[result->outcome].code;
}

enum exit_code
device_claim_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT, answer = BUF_INIT;
	const char *typed = cmd_value(cmd, "code");
	const char *owner = cmd_value(cmd, "owner");
	struct claim_result result = { .outcome = CLAIM_WRONG };
	uint8_t proof[SHA256_SIZE] = { 0 };
	char code[CLAIM_CODE_SIZE];
	struct address birth;
	enum exit_code exit_code;
	enum err err;

	if (cmd->argc != 1 || typed == NULL || owner == NULL)
		return cmd_usage(cmd, "one DEVICE, --code and --owner are "
		    "needed");
	err = claim_code_read(bytes_text(typed), code, &cmd->diag);
	if (!err)
		err = ecosystem_open_requests(cmd, &authority);
	if (!err)
		err = birth_find(cmd, authority, cmd->argv[0], &birth);
	if (!err)
		err = claim_proof(&birth, code, proof);
	if (!err)
		err = claim_put_request(&body, &birth, proof, owner);
	if (!err)
		err = request_submit(cmd, authority, REQUEST_DEVICE_CLAIM,
		    buf_bytes(&body), &answer);
	if (!err)
		err = claim_result_get(buf_bytes(&answer), &result,
		    &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	device_print(cmd, cmd->argv[0]);
	exit_code = outcome_print(cmd, owner, &result);
	if (result.resumed)
		err = change_publish(cmd, authority);
	else
		printf(cmd->json ? "}\n" : "");
	return err ? cmd_fail(cmd, err) : exit_code;
}

enum exit_code
device_release_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct address birth;
	enum err err;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which DEVICE?");
	err = ecosystem_open_requests(cmd, &authority);
	if (!err)
		err = birth_find(cmd, authority, cmd->argv[0], &birth);
	if (!err)
		err = release_put_request(&body, &birth);
	if (!err)
		err = request_submit(cmd, authority, REQUEST_DEVICE_RELEASE,
		    buf_bytes(&body), &result);
	if (err)
		return cmd_fail(cmd, err);
	device_print(cmd, cmd->argv[0]);
	printf(cmd->json ? ", \"released\": true" : " is released: what it "
	    "has in the field is suspended until it is claimed again\n");
	err = change_publish(cmd, authority);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

/* wanted: does what it enrols for want an owner? code NULL: not told */
static void
claim_print(struct cmd *cmd, const struct field_device *device, bool wanted,
    const char *code)
{
	const struct field_claim *claim = &device->claim;
	const char *state = claim->state != FIELD_UNCLAIMED || wanted ?
	    field_claim_name(claim->state) : NOT_NEEDED;

	if (cmd->json) {
		printf(", \"claim_code\": %s%s%s, \"state\": \"%s\", "
		    "\"wrong_codes\": %u, \"refused\": %u, \"owner\": ",
		    code != NULL ? "\"" : "", code != NULL ? code : "null",
		    code != NULL ? "\"" : "", state, claim->guesses,
		    device->events);
		if (claim->state == FIELD_CLAIMED)
			json_string(stdout, claim->owner,
			    strlen(claim->owner));
		else
			printf("null");
		printf("}\n");
		return;
	}
	printf("  claim code %s  %s", code != NULL ? code : "not told here",
	    claim->state != FIELD_UNCLAIMED || wanted ? state :
	    "needs no owner");
	if (claim->state == FIELD_CLAIMED) {
		printf(" by ");
		text_print(stdout, claim->owner, strlen(claim->owner));
	}
	if (claim->guesses > 0)
		printf(", %u wrong codes since", claim->guesses);
	if (device->events > 0)
		printf("; asked for another key and was refused %u times "
		    "since it enrolled", device->events);
	printf("\n");
}

static enum err
device_get(struct cmd *cmd, struct authority *authority, const char *word,
    struct field_device *device, bool *ret_wanted, char code[CLAIM_CODE_SIZE])
{
	struct address birth;
	enum err err;

	err = birth_find(cmd, authority, word, &birth);
	if (!err)
		err = claim_code(authority, &birth, code, &cmd->diag);
	if (!err)
		err = claim_wanted(authority, &birth, ret_wanted,
		    &cmd->diag);
	if (!err)
		err = field_device_get(authority, &birth, device,
		    &cmd->diag);
	return err == ERR_NOTFOUND && cmd->diag.code == ERR_OK ? ERR_OK :
	    err;
}

static enum err
state_read(const char *text, struct field_device *device, bool *ret_wanted,
    struct diag *diag)
{
	enum field_claim_state state = FIELD_UNCLAIMED;

	*ret_wanted = strcmp(text, NOT_NEEDED) != 0;
	while (*ret_wanted && strcmp(text, field_claim_name(state)) != 0) {
		if (state == FIELD_RELEASED)
			return diag_fail(diag, ERR_INVALID, NULL,
			    "state: no such one");
		state++;
	}
	device->claim.state = state;
	return ERR_OK;
}

/* Codes do not come this way: docs/protocol/operators.md says why. */
static enum err
device_ask(struct cmd *cmd, const char *word, struct field_device *device,
    bool *ret_wanted)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	char target[TARGET_SIZE] = "/v1/devices/", state[16] = "";
	uint64_t guesses = 0, events = 0;
	enum err err;

	if (!segment_put(target, sizeof(target), word))
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "\"%.20s...\": is longer than any name", word);
	err = remote_ask(cmd, "GET", target, &answer);
	if (err)
		return err;
	err = json_get_text(answer, "state", state, sizeof(state),
	    &cmd->diag);
	if (!err)
		err = state_read(state, device, ret_wanted, &cmd->diag);
	if (!err)
		err = json_get_text(answer, "owner", device->claim.owner,
		    sizeof(device->claim.owner), &cmd->diag);
	if (!err)
		err = json_get_number(answer, "wrong_codes", UINT32_MAX, 0,
		    &guesses, &cmd->diag);
	if (!err)
		err = json_get_number(answer, "refused", UINT32_MAX, 0,
		    &events, &cmd->diag);
	device->claim.guesses = (unsigned)guesses;
	device->events = (unsigned)events;
	return err ? unread(cmd, err) : ERR_OK;
}

enum exit_code
device_show_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	bool there = remote_there(cmd);
	char code[CLAIM_CODE_SIZE];
	struct field_device device;
	bool wanted = false;
	enum err err;
	int i;

	if (cmd->argc == 0)
		return cmd_usage(cmd, "which DEVICE?");
	err = there ? remote_open(cmd) : ecosystem_open(cmd, AUTHORITY_READ,
	    true, &authority);
	for (i = 0; i < cmd->argc && !err; i++) {
		device = (struct field_device){ .id_count = 0 };
		err = there ? device_ask(cmd, cmd->argv[i], &device,
		    &wanted) : device_get(cmd, authority, cmd->argv[i],
		    &device, &wanted, code);
		if (err)
			break;
		device_print(cmd, cmd->argv[i]);
		claim_print(cmd, &device, wanted, there ? NULL : code);
	}
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
