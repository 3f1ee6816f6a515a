#include "cmd/imprint-device/agent.h"

#define EXPORT_MAX	((size_t)32 << 10)
#define KEY_MODE	0600	/* there is a private key in it */

/* What the command line asks for. */
struct wish {
	bool		 pkcs12;
	const char	*out;
	uint64_t	 slot;
	bool		 slot_given;
};

/* EXIT_OK, or the usage error. */
static enum exit_code
wish_read(struct cmd *cmd, struct wish *wish)
{
	const char *format = cmd_value(cmd, "format");
	bool clear = cmd_flag(cmd, "unencrypted");
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "export takes options only");
	wish->out = cmd_value(cmd, "out");
	if (format == NULL || wish->out == NULL)
		return cmd_usage(cmd, "--format and --out are needed");
	if (strcmp(wish->out, "-") == 0)
		return cmd_usage(cmd, "--out -: the private key goes to a"
		    " file of mode 0600 only");
	wish->pkcs12 = strcmp(format, "pkcs12") == 0;
	if (!wish->pkcs12 && strcmp(format, "pem") != 0)
		return cmd_usage(cmd, "--format %s: allowed are pem, pkcs12",
		    format);
	if (!wish->pkcs12 && !clear)
		return cmd_usage(cmd, "--format pem: the private key would"
		    " stand in the file unencrypted; if that is wanted,"
		    " --unencrypted, else --format pkcs12");
	if (wish->pkcs12 && clear)
		return cmd_usage(cmd, "--unencrypted: pkcs12 is encrypted;"
		    " it goes with pem");
	wish->slot_given = cmd_flag(cmd, "slot");
	err = cmd_number(cmd, "slot", 0, IMPRINT_DEVICE_SLOTS_MAX - 1, 0,
	    &wish->slot);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

/* The key of the slot, by default the one that authenticates. */
static enum err
key_choose(struct cmd *cmd, const struct imprint_device_identity *id,
    const struct wish *wish, const struct imprint_device_key **ret_key)
{
	const struct imprint_device_key *key = NULL;
	size_t i;

	for (i = 0; i < id->key_count && key == NULL; i++)
		if (wish->slot_given ? id->keys[i].slot == wish->slot :
		    id->keys[i].purpose == IMPRINT_DEVICE_AUTHENTICATE)
			key = &id->keys[i];
	if (key != NULL && key->certificate.len > 0 &&
	    key->private_key.len > 0) {
		*ret_key = key;
		return ERR_OK;
	}
	if (key == NULL || key->certificate.len == 0)
		diag_fail(&cmd->diag, ERR_NOTFOUND, NULL,
		    "slot %u has no certificate", (unsigned)wish->slot);
	else
		diag_fail(&cmd->diag, ERR_NOTFOUND, NULL, "slot %u: its"
		    " private key is not in the package: the %s keeps it",
		    key->slot, imprint_device_maker_name(key->maker));
	diag_hint(&cmd->diag, "'imprint-device show' lists the slots");
	return ERR_NOTFOUND;
}

/* A C string in secret memory. */
static enum err
password_read(struct cmd *cmd, struct secret *password)
{
	const struct cmd_passphrase ask = { .name = "password",
	    .prompt = "Password of the new file", .confirm = true };
	_cleanup_secret_ struct secret line = SECRET_INIT;
	enum err err;

	err = cmd_passphrase(cmd, &ask, &line);
	if (err)
		return err;
	err = secret_alloc(password, line.len + 1);
	if (!err)
		err = secret_put(password, secret_bytes(&line));
	if (!err)
		err = secret_put(password, bytes_of("", 1));
	if (err)
		return diag_nomem(&cmd->diag);
	if (strlen((const char *)password->ptr) == line.len &&
	    imprint_openssl_password_fits((const char *)password->ptr))
		return ERR_OK;
	return diag_fail(&cmd->diag, ERR_INVALID, "RFC 7292 B.1",
	    "password: only the characters of ASCII are allowed");
}

static enum err
content_make(struct cmd *cmd, const struct imprint_device_identity *id,
    const struct imprint_device_key *key, const struct wish *wish,
    struct secret *content)
{
	_cleanup_secret_ struct secret password = SECRET_INIT;
	_cleanup_buf_ struct buf name = BUF_INIT;
	enum err err;
	int failed;

	err = secret_alloc(content, EXPORT_MAX);
	if (err)
		return diag_nomem(&cmd->diag);
	if (wish->pkcs12) {
		err = password_read(cmd, &password);
		if (err)
			return err;
		buf_put_hex(&name, bytes_of(id->ueid.ptr, id->ueid.len));
		buf_printf(&name, " slot %u", key->slot);
		failed = imprint_openssl_export_pkcs12(id, key,
		    (const char *)password.ptr, buf_text(&name),
		    content->ptr, content->cap, &content->len);
	} else
		failed = imprint_openssl_export_pem(id, key, content->ptr,
		    content->cap, &content->len);
	if (failed != 0)
		return diag_fail(&cmd->diag, ERR_CRYPTO, NULL,
		    "slot %u: the cryptographic library failed", key->slot);
	return ERR_OK;
}

static enum err
content_write(struct cmd *cmd, const struct wish *wish,
    const struct secret *content)
{
	enum err err;

	if (cmd_flag(cmd, "force"))
		return io_write_file(cmd->io, wish->out,
		    secret_bytes(content), KEY_MODE, &cmd->diag);
	err = io_create_file(cmd->io, wish->out, secret_bytes(content),
	    KEY_MODE, &cmd->diag);
	if (err == ERR_EXISTS)
		diag_hint(&cmd->diag, "--force replaces it");
	return err;
}

static void
done_print(struct cmd *cmd, const struct wish *wish,
    const struct imprint_device_key *key)
{
	const char *format = wish->pkcs12 ? "pkcs12" : "pem";

	if (cmd->json) {
		printf("{\"format\": \"%s\", \"slot\": %u, \"out\": ",
		    format, key->slot);
		json_string(stdout, wish->out, strlen(wish->out));
		printf("}\n");
		return;
	}
	text_print(stdout, wish->out, strlen(wish->out));
	printf(": private key, certificate and chain of slot %u, %s\n",
	    key->slot, wish->pkcs12 ? "encrypted" : "NOT encrypted");
}

enum exit_code
agent_export(struct cmd *cmd)
{
	_cleanup_agent_ struct agent agent = AGENT_INIT;
	_cleanup_secret_ struct secret content = SECRET_INIT;
	const struct imprint_device_key *key = NULL;
	struct wish wish = { .out = NULL };
	enum exit_code usage;
	enum err err;

	usage = wish_read(cmd, &wish);
	if (usage != EXIT_OK)
		return usage;
	err = agent_open(cmd, &agent);
	if (!err)
		err = agent_load(cmd, &agent);
	if (err)
		return cmd_fail(cmd, err);
	if (agent.device.report.verdict != IMPRINT_DEVICE_ACCEPT &&
	    agent.device.report.verdict != IMPRINT_DEVICE_UNKNOWN_TIME) {
		agent_refuse(cmd, &agent.device.report,
		    agent.device.record);
		return EXIT_REFUSED;
	}
	err = key_choose(cmd, &agent.device.identity, &wish, &key);
	if (!err)
		err = content_make(cmd, &agent.device.identity, key, &wish,
		    &content);
	if (!err)
		err = content_write(cmd, &wish, &content);
	if (err)
		return cmd_fail(cmd, err);
	done_print(cmd, &wish, key);
	return EXIT_OK;
}
