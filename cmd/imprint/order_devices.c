/* Lists of devices that come with orders: read, shown, approved. */
#include <fcntl.h>

#include "cmd/imprint/imprint.h"
#include "lib/authority/approval.h"
#include "lib/base/clock.h"

#define SIGNATURE_MAX_FILE	((size_t)256 << 10)	/* of a detached one */

static const char *
trust_text(enum device_list_trust trust)
{
	switch (trust) {
	case DEVICE_LIST_SIGNED:
		return "signed by chip maker";
	case DEVICE_LIST_APPROVED:
		return "unsigned: a second operator must approve it";
	case DEVICE_LIST_POSSESSION:
		return "each key proved by its own signature";
	case DEVICE_LIST_MANIFEST:
		return "manifest signed by chip maker";
	}
	return "?";
}

void
order_devices_release(struct order_devices *devices)
{
	file_release(&devices->file);
	buf_release(&devices->signature);
	buf_release(&devices->approval);
}

enum err
order_devices_open(struct cmd *cmd, struct authority *authority,
    const char *path, const struct product *product,
    struct order_devices *devices)
{
	const struct device_list_sink sink = { .ctx = NULL };
	const char *signature = cmd_value(cmd, "list-signature");
	const char *mode = cmd_value(cmd, "mode");
	enum err err;

	if (mode == NULL || order_mode_by_name(mode, &devices->said.mode) !=
	    ERR_OK || devices->said.mode == ORDER_STATION)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "a list of devices goes with --mode chip or device-key");
	err = file_open(cmd->io, path, O_RDONLY, 0, &devices->file,
	    &cmd->diag);
	if (!err && signature != NULL)
		err = input_read(cmd, signature, SIGNATURE_MAX_FILE,
		    &devices->signature);
	if (err)
		return err;
	devices->in = (struct devices_file){ &devices->file,
	    cmd_value(cmd, "list-format"), buf_bytes(&devices->signature) };
	err = devices_file_read(authority, &devices->in, devices->said.mode,
	    product, time_now(), &sink, &devices->list, &cmd->diag);
	if (err)
		return err;
	memcpy(devices->said.hash, devices->list.hash, SHA256_SIZE);
	devices->said.entries = devices->list.entries;
	return ERR_OK;
}

static void
list_print(struct cmd *cmd, const struct order_devices *devices)
{
	char entries[32];

	number_format(devices->list.entries, entries);
	if (cmd->json)
		printf("{\"entries\": %ju, \"trust\": %d, \"source\": "
		    "\"%s\", \"sha256\": \"",
		    (uintmax_t)devices->list.entries,
		    (int)devices->list.head.trust,
		    devices->list.head.source);
	else
		printf("%s devices, %s%s%s\nSHA-256 ", entries,
		    trust_text(devices->list.head.trust),
		    devices->list.head.source[0] != '\0' ? " " : "",
		    devices->list.head.source);
	hex_print(stdout, bytes_of(devices->list.hash, SHA256_SIZE));
	printf(cmd->json ? "\"}\n" : "\n");
}

static enum err
approval_write(struct cmd *cmd, struct authority *authority,
    const struct order_devices *devices, const char *out)
{
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf approval = BUF_INIT;
	enum err err;

	err = operator_signer(cmd, authority, &signer);
	if (!err)
		err = approval_sign(authority, APPROVAL_DEVICE_LIST,
		    devices->list.hash, time_now(), signer, &approval,
		    &cmd->diag);
	return err ? err : io_create_file(cmd->io, out,
	    buf_bytes(&approval), 0644, &cmd->diag);
}

/* What both commands do first. */
static enum err
list_open(struct cmd *cmd, struct authority **ret_authority,
    struct order_devices *devices)
{
	struct store_object object;
	struct product product;
	enum err err;

	err = ecosystem_open(cmd, AUTHORITY_READ, false, ret_authority);
	if (!err)
		err = product_find(cmd, *ret_authority, cmd_value(cmd,
		    "product"), &product, &object);
	return err ? err : order_devices_open(cmd, *ret_authority,
	    cmd->argv[0], &product, devices);
}

enum exit_code
list_check_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_order_devices_ struct order_devices devices =
	    ORDER_DEVICES_INIT;
	enum err err;

	if (cmd->argc != 1 || cmd_value(cmd, "product") == NULL)
		return cmd_usage(cmd, "one FILE and --product are needed");
	err = list_open(cmd, &authority, &devices);
	if (err)
		return cmd_fail(cmd, err);
	list_print(cmd, &devices);
	return EXIT_OK;
}

enum exit_code
list_approve_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_order_devices_ struct order_devices devices =
	    ORDER_DEVICES_INIT;
	const char *out = cmd_value(cmd, "out");
	enum err err;

	if (cmd->argc != 1 || cmd_value(cmd, "product") == NULL ||
	    out == NULL)
		return cmd_usage(cmd, "one FILE, --product and --out are "
		    "needed");
	err = list_open(cmd, &authority, &devices);
	if (!err)
		err = approval_write(cmd, authority, &devices, out);
	if (err)
		return cmd_fail(cmd, err);
	list_print(cmd, &devices);
	return EXIT_OK;
}

enum err
order_devices_print(struct cmd *cmd, struct authority *authority,
    uint32_t order)
{
	struct store_device_list list;
	char entries[32];
	const char *mode;
	enum err err;

	err = store_device_list_get(authority_store(authority), order, &list,
	    NULL);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	mode = order_mode_name((enum order_mode)list.mode);
	number_format(list.entries, entries);
	if (cmd->json)
		printf(", \"mode\": \"%s\", \"list\": {\"entries\": %ju, "
		    "\"trust\": %u, \"source\": \"%s\", \"sha256\": \"",
		    mode != NULL ? mode : "?", (uintmax_t)list.entries,
		    list.trust, list.source);
	else
		printf("  mode %s, list of %s devices, %s%s%s, SHA-256 ",
		    mode != NULL ? mode : "?", entries,
		    trust_text((enum device_list_trust)list.trust),
		    list.source[0] != '\0' ? " " : "", list.source);
	hex_print(stdout, bytes_of(list.hash, STORE_HASH_SIZE));
	printf(cmd->json ? "\"}" : "\n");
	return ERR_OK;
}
