#include <stdlib.h>

#include "cmd/imprint-device/agent.h"

#define PROOF_MAX	2048	/* octets of one proof or request */
#define TEXT_MAX	1024
#define ID_MAX		64
#define DOCUMENT_SLOTS	IMPRINT_DEVICE_SLOTS_MAX

/* --slot: a number, or "chip". EXIT_OK, or the usage error. */
static enum exit_code
handle_read(struct cmd *cmd, unsigned fallback, unsigned *ret_handle)
{
	const char *text = cmd_value(cmd, "slot");
	uint64_t slot;
	enum err err;

	*ret_handle = IMPRINT_DEVICE_CHIP;
	if (text != NULL && strcmp(text, "chip") == 0)
		return EXIT_OK;
	err = cmd_number(cmd, "slot", 0, DOCUMENT_SLOTS - 1, fallback, &slot);
	if (err) {
		diag_hint(&cmd->diag, "the key that packages are sealed to:"
		    " --slot chip");
		return cmd_fail(cmd, err);
	}
	*ret_handle = (unsigned)slot;
	return EXIT_OK;
}

static void
handle_print(unsigned handle)
{
	if (handle == IMPRINT_DEVICE_CHIP)
		printf("chip");
	else
		printf("%u", handle);
}

static void
key_print(const struct cmd *cmd, unsigned handle,
    const struct imprint_device_public *key, bool made)
{
	const char *alg = imprint_device_alg_name(key->alg);

	printf(cmd->json ? "{\"slot\": \"" : "slot ");
	handle_print(handle);
	if (cmd->json)
		printf("\", \"algorithm\": \"%s\", \"made\": %s, \"public\":"
		    " \"", alg, made ? "true" : "false");
	else
		printf(": %s, %s", alg, made ? "made now: " : "");
	if (key->y.len > 0)
		printf("04");	/* a point (SEC 1 2.3.3) */
	agent_put_hex(stdout, key->x);
	agent_put_hex(stdout, key->y);
	printf(cmd->json ? "\"}\n" : "\n");
}

static enum err
key_get(struct cmd *cmd, const struct agent *agent, unsigned handle,
    uint8_t room[IMPRINT_DEVICE_HELD_SIZE], struct imprint_device_public *key)
{
	const struct imprint_device_keystore *keys = &agent->keys->table;

	return keys->get(keys->state, handle, room, key) == 0 ? ERR_OK :
	    agent_error(cmd, IMPRINT_DEVICE_ERROR_CRYPTO);
}

static enum err
key_missing(struct cmd *cmd)
{
	diag_fail(&cmd->diag, ERR_NOTFOUND, NULL,
	    "there is no such key in this device");
	diag_hint(&cmd->diag, "imprint-device key --slot N --algorithm P-256"
	    " makes one");
	return ERR_NOTFOUND;
}

/* The same again is not made twice; another in its place never. */
static enum err
key_make(struct cmd *cmd, struct agent *agent, unsigned handle,
    enum imprint_device_alg alg, const struct imprint_device_public *there)
{
	const struct imprint_device_keystore *keys = &agent->keys->table;
	bool agrees = handle == IMPRINT_DEVICE_CHIP ||
	    alg == IMPRINT_DEVICE_X25519;

	if (there->x.len > 0 && there->alg != alg) {
		diag_fail(&cmd->diag, ERR_EXISTS, NULL, "there is a key of"
		    " another algorithm: %s",
		    imprint_device_alg_name(there->alg));
		diag_hint(&cmd->diag, "a key is made once; to begin anew,"
		    " erase the home directory");
		return ERR_EXISTS;
	}
	if (there->x.len > 0)
		return ERR_OK;
	if (keys->make(keys->state, handle, alg, agrees ?
	    IMPRINT_DEVICE_ENCRYPT : IMPRINT_DEVICE_AUTHENTICATE) == 0)
		return ERR_OK;
	return cmd->diag.code != ERR_OK ? cmd->diag.code :
	    agent_error(cmd, IMPRINT_DEVICE_ERROR_CRYPTO);
}

static enum err
key_run(struct cmd *cmd, unsigned handle, enum imprint_device_alg alg)
{
	_cleanup_file_ struct file lock = FILE_INIT;
	_cleanup_agent_ struct agent agent = AGENT_INIT;
	uint8_t room[IMPRINT_DEVICE_HELD_SIZE];
	struct imprint_device_public key;
	enum err err = ERR_OK;
	bool made;

	if (alg != 0) {
		agent.home = agent_home(cmd);
		err = agent_enter(cmd, &agent, &lock);
	}
	if (!err)
		err = agent_open(cmd, &agent);
	if (!err)
		err = key_get(cmd, &agent, handle, room, &key);
	if (err)
		return err;
	made = key.x.len == 0;
	if (alg == 0 && made)
		return key_missing(cmd);
	if (alg != 0)
		err = key_make(cmd, &agent, handle, alg, &key);
	if (!err)
		err = agent_blocks_sync(&agent.keys->files, &agent.keys->slots);
	if (!err)
		err = key_get(cmd, &agent, handle, room, &key);
	if (!err)
		key_print(cmd, handle, &key, made);
	return err;
}

enum exit_code
agent_key(struct cmd *cmd)
{
	const char *name = cmd_value(cmd, "algorithm");
	enum imprint_device_alg alg = 0;
	unsigned handle = 0;
	enum exit_code usage;
	enum err err;

	if (cmd->argc > 0 || cmd_value(cmd, "slot") == NULL)
		return cmd_usage(cmd, "key needs --slot and takes options"
		    " only");
	usage = handle_read(cmd, 0, &handle);
	if (usage != EXIT_OK)
		return usage;
	if (name != NULL && strcmp(name, "P-256") == 0)
		alg = IMPRINT_DEVICE_P256;
	else if (name != NULL && strcmp(name, "X25519") == 0)
		alg = IMPRINT_DEVICE_X25519;
	else if (name != NULL)
		return cmd_usage(cmd, "--algorithm %s: allowed are P-256,"
		    " X25519", name);
	err = key_run(cmd, handle, alg);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

/* What the command line asks for. */
struct wish {
	bool			 csr;
	unsigned		 handle;	/* or DOCUMENT_SLOTS: all */
	uint8_t			 id[ID_MAX];
	size_t			 id_len;
	struct imprint_bytes	 text;
};

static enum exit_code
wish_read(struct cmd *cmd, struct wish *wish)
{
	const char *format = cmd_value(cmd, "format");
	const char *id = cmd_value(cmd, "id"), *text = cmd_value(cmd, "text");
	enum exit_code usage;

	if (cmd->argc > 0 || cmd_value(cmd, "out") == NULL)
		return cmd_usage(cmd, "request needs --out and takes options"
		    " only");
	wish->csr = format != NULL && strcmp(format, "csr") == 0;
	if (format != NULL && !wish->csr && strcmp(format, "cose") != 0)
		return cmd_usage(cmd, "--format %s: allowed are cose, csr",
		    format);
	if (wish->csr && (id != NULL || text != NULL))
		return cmd_usage(cmd, "--format csr: a request has no id and"
		    " no text: leave out --id and --text");
	if (id != NULL && hex_decode(id, wish->id, sizeof(wish->id),
	    &wish->id_len) != ERR_OK)
		return cmd_usage(cmd, "--id %s: not hexadecimal, or more than"
		    " %d octets", id, ID_MAX);
	wish->text.ptr = (const uint8_t *)(text != NULL ? text : "");
	wish->text.len = strlen((const char *)wish->text.ptr);
	if (wish->text.len > TEXT_MAX)
		return cmd_usage(cmd, "--text: longer than %d octets",
		    TEXT_MAX);
	wish->handle = DOCUMENT_SLOTS;
	if (cmd_value(cmd, "slot") == NULL)
		return EXIT_OK;
	usage = handle_read(cmd, 0, &wish->handle);
	return usage;
}

/* The proof or request of one key; signer: see imprint_device_proof(). */
static enum err
proof_add(struct cmd *cmd, const struct agent *agent, const struct wish *wish,
    unsigned handle, unsigned signer, struct buf *out)
{
	const struct imprint_bytes id = { wish->id, wish->id_len };
	uint8_t room[PROOF_MAX];
	size_t len = 0;
	enum err err = ERR_OK;

	if (wish->csr && imprint_openssl_request(&agent->keys->table, handle,
	    room, sizeof(room), &len) != 0)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "slot %u: a request is signed by its own key: P-256",
		    handle);
	if (!wish->csr)
		err = agent_error(cmd, imprint_device_proof(
		    agent->device.crypto, &agent->keys->table, handle, signer,
		    id, wish->text, room, sizeof(room), &len));
	if (!err)
		buf_put(out, room, len);
	return err;
}

/* A device's keys in ascending slots; the first that can sign does so for
 * those that cannot. */
static enum err
proofs_make(struct cmd *cmd, const struct agent *agent,
    const struct wish *wish, struct buf *out)
{
	bool all = wish->handle == DOCUMENT_SLOTS;
	uint8_t room[IMPRINT_DEVICE_HELD_SIZE];
	unsigned handle, signer = IMPRINT_DEVICE_HANDLES;
	struct imprint_device_public key;
	enum err err;

	for (handle = 0; handle < IMPRINT_DEVICE_HANDLES; handle++) {
		if (all ? handle == IMPRINT_DEVICE_CHIP :
		    handle != wish->handle)
			continue;
		err = key_get(cmd, agent, handle, room, &key);
		if (err)
			return err;
		if (key.x.len == 0)
			continue;
		if (key.alg == IMPRINT_DEVICE_P256 &&
		    signer == IMPRINT_DEVICE_HANDLES)
			signer = handle;
		if (signer == IMPRINT_DEVICE_HANDLES)
			return diag_fail(&cmd->diag, ERR_INVALID, NULL,
			    "slot %u: a key that cannot sign needs one in a"
			    " slot before it that can", handle);
		err = proof_add(cmd, agent, wish, handle,
		    key.alg == IMPRINT_DEVICE_P256 ? handle : signer, out);
		if (err)
			return err;
		if (wish->csr)
			break;
	}
	return out->len > 0 ? buf_err(out) : key_missing(cmd);
}

enum exit_code
agent_request(struct cmd *cmd)
{
	_cleanup_agent_ struct agent agent = AGENT_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT;
	const char *path = cmd_value(cmd, "out");
	struct wish wish = { .id_len = 0 };
	enum exit_code usage;
	enum err err;

	usage = wish_read(cmd, &wish);
	if (usage != EXIT_OK)
		return usage;
	err = agent_open(cmd, &agent);
	if (!err)
		err = proofs_make(cmd, &agent, &wish, &out);
	if (!err)
		err = agent_blocks_sync(&agent.keys->files, &agent.keys->slots);
	if (!err)
		err = cmd_flag(cmd, "force") ?
		    io_write_file(cmd->io, path, buf_bytes(&out), 0644,
		    &cmd->diag) : io_create_file(cmd->io, path,
		    buf_bytes(&out), 0644, &cmd->diag);
	if (err == ERR_EXISTS)
		diag_hint(&cmd->diag, "--force replaces it");
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

static enum err
evidence_print(struct cmd *cmd, const struct agent *agent,
    const struct buf *nonce)
{
	uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE];
	_cleanup_buf_ struct buf text = BUF_INIT;
	enum imprint_device_error error;

	error = imprint_device_evidence(agent->device.crypto,
	    &agent->keys->table, &agent->device.identity, nonce->ptr,
	    signature);
	if (error == IMPRINT_DEVICE_ERROR_NONE)
		return diag_fail(&cmd->diag, ERR_NOTFOUND, NULL,
		    "the identity has no P-256 key that authenticates");
	if (error != IMPRINT_DEVICE_OK)
		return agent_error(cmd, error);
	buf_put_base64(&text, bytes_of(signature, sizeof(signature)));
	printf(cmd->json ? "{\"signature\": \"%s\"}\n" : "%s\n",
	    buf_text(&text));
	return buf_err(&text);
}

enum exit_code
agent_evidence(struct cmd *cmd)
{
	_cleanup_agent_ struct agent agent = AGENT_INIT;
	_cleanup_buf_ struct buf nonce = BUF_INIT;
	const char *text = cmd_value(cmd, "nonce");
	enum err err;

	if (cmd->argc > 0 || text == NULL)
		return cmd_usage(cmd, "evidence needs --nonce");
	if (base64_decode(bytes_text(text), &nonce) != ERR_OK ||
	    nonce.len != IMPRINT_DEVICE_NONCE_SIZE)
		return cmd_usage(cmd, "--nonce: not %d octets in base64",
		    IMPRINT_DEVICE_NONCE_SIZE);
	err = agent_open(cmd, &agent);
	if (!err)
		err = agent_load(cmd, &agent);
	if (err)
		return cmd_fail(cmd, err);
	if (agent.device.report.step[IMPRINT_DEVICE_STEP_KEYS] !=
	    IMPRINT_DEVICE_ACCEPT) {
		agent_refuse(cmd, &agent.device.report, agent.device.record);
		return EXIT_REFUSED;
	}
	err = evidence_print(cmd, &agent, &nonce);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
