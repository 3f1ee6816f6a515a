/* Which commands work by way of a server, and what their words may say. */
#include <stdlib.h>
#include <string.h>

#include "cmd/imprint/remote.h"
#include "lib/crypto/hash.h"
#include "lib/identity/index.h"
#include "lib/policy/product_yaml.h"

#define NOT_MAX		6

/* What is for who is at the authority's machine, and what to do instead. */
static const struct {
	const char	*name, *hint;
} refused[] = {
	{ "init", "an ecosystem is made where its authority will be" },
	{ "doctor", "it looks at the authority's machine: run it there" },
	{ "operator trust", "what the server is trusted by must come another "
	    "way than by the server: run it there" },
	{ "document-signer renew", "run it there: receipts of the whole "
	    "registry are signed again" },
	{ "log verify", "run it there; or check the files that it publishes, "
	    "https://NAME/pub/log/, from anywhere: imprint log verify --tiles "
	    "DIR --vkey FILE" },
	{ "log prove", "run it there; what is published below "
	    "https://NAME/pub/log/ proves it too (docs/protocol/log.md)" },
	{ "log export", "run it there; what is published is served below "
	    "https://NAME/pub/log/" },
	{ "log publish", "'imprint publish' publishes the logs, too" },
};

static enum exit_code
refuse(struct cmd *cmd, const char *option)
{
	const char *hint = "run it where the authority is, without --server";
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (option == NULL && strcmp(refused[i].name,
		    cmd->command->name) == 0)
			hint = refused[i].hint;
	(void)diag_fail(&cmd->diag, ERR_UNSUPPORTED, NULL,
	    "%s%s%s: is not to be had by way of a server",
	    cmd->command->name, option != NULL ? " --" : "",
	    option != NULL ? option : "");
	diag_hint(&cmd->diag, "%s", hint);
	return cmd_fail(cmd, ERR_UNSUPPORTED);
}

/* Of published files alone, which need nobody. */
static enum exit_code
log_verify(struct cmd *cmd)
{
	return cmd_flag(cmd, "tiles") ? log_verify_cmd(cmd) : refuse(cmd,
	    NULL);
}

static const struct {
	const char	*name;
	enum exit_code	(*run)(struct cmd *);	/* NULL: as here */
	/* options that need what is there */
	const char	*not_there[NOT_MAX];
} commands[] = {
	{ "product add", NULL, { NULL } },
	{ "product show", NULL, { NULL } },
	{ "product list", remote_product_list, { NULL } },
	{ "product diff", NULL, { NULL } },
	{ "station add", NULL, { NULL } },
	{ "station renew", NULL, { NULL } },
	{ "station lost", NULL, { NULL } },
	{ "station acknowledge", NULL, { NULL } },
	{ "station list", remote_station_list, { NULL } },
	{ "service add", NULL, { NULL } },
	{ "order create", NULL, { NULL } },
	{ "order list", remote_order_list, { NULL } },
	{ "order show", remote_order_show, { NULL } },
	{ "order run", remote_order_run, { NULL } },
	{ "order cancel", NULL, { NULL } },
	{ "order export", remote_order_export, { NULL } },
	{ "order reconcile", NULL, { NULL } },
	{ "operator add", NULL, { NULL } },
	{ "operator key", NULL, { NULL } },
	{ "operator approve", NULL, { NULL } },
	{ "chip-maker approve", NULL, { NULL } },
	{ "manufacturer approve", NULL, { NULL } },
	{ "chip-maker add", NULL, { NULL } },
	{ "chip-maker list", remote_chip_maker_list, { NULL } },
	{ "chip-maker remove", NULL, { NULL } },
	{ "manufacturer add", NULL, { NULL } },
	{ "manufacturer list", remote_manufacturer_list, { NULL } },
	{ "manufacturer remove", NULL, { NULL } },
	{ "document-signer list", remote_signer_list, { NULL } },
	{ "device claim", NULL, { NULL } },
	{ "device release", NULL, { NULL } },
	{ "device show", NULL, { NULL } },
	{ "identity show", remote_identity_show, { NULL } },
	{ "identity export", NULL, { NULL } },
	{ "identity verify", NULL, { NULL } },
	{ "identity find", remote_identity_find, { NULL } },
	{ "identity list", remote_identity_list, { NULL } },
	{ "revoke", NULL, { NULL } },
	{ "suspend", NULL, { NULL } },
	{ "resume", NULL, { NULL } },
	{ "publish", NULL, { NULL } },
	{ "list check", NULL, { NULL } },
	{ "list make", NULL, { NULL } },
	{ "list approve", NULL, { NULL } },
	{ "log verify", log_verify, { NULL } },
};

enum exit_code
remote_run(struct cmd *cmd)
{
	size_t i, j;

	if (!remote_there(cmd))
		return cmd->command->run(cmd);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, cmd->command->name) == 0)
			break;
	if (i == sizeof(commands) / sizeof(commands[0]))
		return refuse(cmd, NULL);
	for (j = 0; j < NOT_MAX && commands[i].not_there[j] != NULL; j++)
		if (cmd_flag(cmd, commands[i].not_there[j]))
			return refuse(cmd, commands[i].not_there[j]);
	return commands[i].run != NULL ? commands[i].run(cmd) :
	    cmd->command->run(cmd);
}

enum err
remote_address(struct cmd *cmd, const char *word,
    struct address *ret_address)
{
	const char *slash = strchr(word, '/');
	const char *digits = slash != NULL ? slash + 1 : word;
	size_t len = strspn(digits, "0123456789");
	size_t name = slash != NULL ? (size_t)(slash - word) : 0;
	struct address address = { .log = LOG_BULK_NUMBER };
	bool good = len > 0 && len <= 18 && digits[len] == '\0';

	address.index = strtoull(digits, NULL, 10);
	if (slash != NULL && bytes_equal(bytes_of(word, name),
	    bytes_text(LOG_ONLINE)))
		address.log = LOG_ONLINE_NUMBER;
	else if (slash != NULL && !bytes_equal(bytes_of(word, name),
	    bytes_text(LOG_BULK)))
		good = false;
	if (!good || address.index > INDEX_MAX) {
		(void)diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "\"%s\": by way of a server, name an identity by its "
		    "address: 17, bulk/17, online/4", word);
		diag_hint(&cmd->diag, "'imprint identity show %s' asks for "
		    "it; compare it with your own records, for who carries "
		    "the answer can lie", word);
		return ERR_INVALID;
	}
	*ret_address = address;
	return ERR_OK;
}

static enum err
file_hash(struct cmd *cmd, const char *path, struct product *product,
    uint8_t hash[STORE_HASH_SIZE])
{
	_cleanup_buf_ struct buf text = BUF_INIT, encoded = BUF_INIT;
	enum err err;

	err = input_read(cmd, path, PRODUCT_FILE_MAX, &text);
	if (!err)
		err = product_yaml_parse(path, buf_bytes(&text), product,
		    &cmd->diag);
	if (!err)
		err = product_encode(product, &encoded);
	return err ? err : sha256_once(buf_bytes(&encoded), hash);
}

enum err
product_at_hand(struct cmd *cmd, const char *option)
{
	if (!remote_there(cmd) || product_is_file(cmd_value(cmd, "product")))
		return ERR_OK;
	return diag_fail(&cmd->diag, ERR_UNSUPPORTED, NULL, "--%s by way of a "
	    "server: give the product as a file, not by its hash: --%s is "
	    "checked against it here", option, option);
}

enum err
remote_product(struct cmd *cmd, const char *word,
    struct product *ret_product, uint8_t ret_hash[STORE_HASH_SIZE])
{
	uint8_t hash[STORE_HASH_SIZE];
	size_t len = 0;
	enum err err = ERR_OK;

	if (product_is_file(word))
		err = file_hash(cmd, word, ret_product, hash);
	else if (hex_decode(word, hash, sizeof(hash), &len) != ERR_OK ||
	    len != sizeof(hash))
		err = diag_fail(&cmd->diag, ERR_INVALID, NULL, "--product "
		    "\"%s\": by way of a server, give the product's file, "
		    "or its hash as 'product add' printed it", word);
	if (!err)
		memcpy(ret_hash, hash, sizeof(hash));
	return err;
}
