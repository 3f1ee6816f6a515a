/* Lists of devices that come with orders: read, shown, approved. */
#include <fcntl.h>

#include "cmd/imprint/remote.h"
#include "lib/authority/approval.h"
#include "lib/base/clock.h"

#define SIGNATURE_MAX_FILE	((size_t)256 << 10)	/* of a detached one */

const char *
order_trust_text(enum device_list_trust trust)
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
	list_dir_release(&devices->dir);
	buf_release(&devices->signature);
	buf_release(&devices->approval);
}

/* What is done with what is read. */
struct taking {
	struct order_devices	*devices;
	enum err		(*put)(void *ctx, struct bytes);
	void			*ctx;
};

static enum err
octets_taken(void *ctx, struct bytes octets)
{
	struct taking *taking = ctx;

	return taking->put == NULL ? ERR_OK :
	    taking->put(taking->ctx, octets);
}

static enum err
entry_taken(void *ctx, uint64_t number, const struct device_entry *entry,
    struct bytes encoded)
{
	struct taking *taking = ctx;
	size_t i, alg;

	(void)number;
	(void)encoded;
	for (i = 0; i < entry->key_count; i++) {
		alg = (size_t)entry->key[i].key.alg;
		if (alg < ORDER_ALGS_MAX)
			taking->devices->by_alg[alg]++;
	}
	return ERR_OK;
}

static void
bad_taken(void *ctx, uint64_t place, const struct diag *why)
{
	struct order_devices *d = ctx;
	const char *name = list_dir_name(&d->dir, place);
	uint64_t n = d->bad++;

	if (n >= ORDER_BAD_SHOWN)
		return;
	d->shown[n].place = place;
	(void)snprintf(d->shown[n].what, sizeof(d->shown[n].what), "%s%s%s",
	    name != NULL ? name : "", name != NULL ? ": " : "", why->what);
	(void)snprintf(d->shown[n].hint, sizeof(d->shown[n].hint), "%s",
	    why->hint);
}

/* Those beside the first, which is the error itself. */
static void
bad_print(struct cmd *cmd, const struct order_devices *d)
{
	uint64_t i, shown = d->bad < ORDER_BAD_SHOWN ? d->bad :
	    ORDER_BAD_SHOWN;

	if (d->bad < 2 || cmd->json)
		return;
	for (i = 0; i < shown; i++) {
		(void)fprintf(stderr, "  ");
		text_print(stderr, d->shown[i].what, strlen(d->shown[i].what));
		(void)fprintf(stderr, "\n");
	}
	if (d->bad > shown)
		(void)fprintf(stderr, "  and %ju more\n",
		    (uintmax_t)(d->bad - shown));
}

/* A directory is a list of requests. */
static enum err
list_input_open(struct cmd *cmd, struct authority *authority,
    const char *path, struct order_devices *devices)
{
	const char *format = cmd_value(cmd, "list-format");

	if (!list_dir_is(path))
		return file_open(cmd->io, path, O_RDONLY, 0, &devices->file,
		    &cmd->diag);
	if (format != NULL && strcmp(format, "csr") != 0)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL, "%s: a "
		    "directory holds requests: --list-format csr", path);
	return list_dir_open(cmd, authority, path, &devices->dir,
	    &devices->file);
}

static enum err
list_file_open(struct cmd *cmd, struct authority *authority,
    const char *path, struct order_devices *devices)
{
	const char *signature = cmd_value(cmd, "list-signature");
	const char *mode = cmd_value(cmd, "mode");
	enum err err;

	if (mode == NULL || order_mode_by_name(mode, &devices->said.mode) !=
	    ERR_OK || devices->said.mode == ORDER_STATION)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "a list of devices goes with --mode chip or device-key");
	err = list_input_open(cmd, authority, path, devices);
	if (!err && signature != NULL)
		err = input_read(cmd, signature, SIGNATURE_MAX_FILE,
		    &devices->signature);
	devices->in = (struct devices_file){ .file = &devices->file,
	    .format = devices->dir.count > 0 ? "csr" :
		cmd_value(cmd, "list-format"),
	    .signature = buf_bytes(&devices->signature),
	    .key_id = cmd_value(cmd, "key-id"),
	    .challenge = cmd_value(cmd, "challenge"),
	    .bad = bad_taken, .bad_ctx = devices };
	return err;
}

/* Where there is no registry, the operator says whose signature is good; the
 * authority asks its own, and reads the same list or refuses. */
static enum err
list_read(struct cmd *cmd, struct authority *authority,
    const struct product *product, const struct device_list_sink *sink,
    struct order_devices *devices)
{
	struct device_list_signer signer = {
		.name = cmd_value(cmd, "chip-maker") };
	_cleanup_buf_ struct buf cert = BUF_INIT;
	enum err err;

	if (!remote_there(cmd))
		return devices_file_read(authority, &devices->in,
		    devices->said.mode, product, time_now(), sink,
		    &devices->list, &cmd->diag);
	err = product_at_hand(cmd, "list");
	if (!err && signer.name != NULL)
		err = certificate_file_read(cmd, cmd_value(cmd, "cert"), &cert);
	if (err)
		return err;
	signer.cert = buf_bytes(&cert);
	err = devices_file_read_by(&signer, signer.name != NULL,
	    &devices->in, devices->said.mode, product, time_now(), sink,
	    &devices->list, &cmd->diag);
	if (err == ERR_AUTH && signer.name == NULL) {
		cmd->diag.hint[0] = '\0';
		diag_hint(&cmd->diag, "by way of a server say who signed it: "
		    "--chip-maker NAME --cert FILE, as registered");
	}
	return err;
}

enum err
order_devices_open(struct cmd *cmd, struct authority *authority,
    const char *path, const struct product *product,
    enum err (*put)(void *ctx, struct bytes), void *ctx,
    struct order_devices *devices)
{
	struct taking taking = { devices, put, ctx };
	const struct device_list_sink sink = { .put = octets_taken,
		.each = entry_taken, .ctx = &taking };
	const char *name;
	enum err err;

	err = list_file_open(cmd, authority, path, devices);
	if (err)
		return err;
	err = list_read(cmd, authority, product, &sink, devices);
	/* told once: the authority reads it again */
	devices->in.bad = NULL;
	if (err) {
		name = devices->bad > 0 ? list_dir_name(&devices->dir,
		    devices->shown[0].place) : NULL;
		if (name != NULL)
			diag_prefix(&cmd->diag, "%s", name);
		bad_print(cmd, devices);
		return err;
	}
	memcpy(devices->said.hash, devices->list.hash, SHA256_SIZE);
	devices->said.entries = devices->list.entries;
	return ERR_OK;
}

static void
algs_print(struct cmd *cmd, const struct order_devices *devices)
{
	char number[32];
	bool begun = false;
	size_t i;

	printf(cmd->json ? ", \"keys\": {" : "keys: ");
	for (i = 0; i < ORDER_ALGS_MAX; i++) {
		if (devices->by_alg[i] == 0)
			continue;
		number_format(devices->by_alg[i], number);
		printf("%s", begun ? ", " : "");
		if (cmd->json)
			printf("\"%s\": %ju", key_alg_name((enum key_alg)i),
			    (uintmax_t)devices->by_alg[i]);
		else
			printf("%s %s", number,
			    key_alg_name((enum key_alg)i));
		begun = true;
	}
	printf(cmd->json ? "}" : "\n");
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
		    order_trust_text(devices->list.head.trust),
		    devices->list.head.source[0] != '\0' ? " " : "",
		    devices->list.head.source);
	hex_print(stdout, bytes_of(devices->list.hash, SHA256_SIZE));
	printf(cmd->json ? "\"" : "\n");
	algs_print(cmd, devices);
	printf(cmd->json ? "}\n" : "");
}

static enum err
approval_make(struct cmd *cmd, struct authority *authority, const char *what,
    const uint8_t hash[SHA256_SIZE], const char *out)
{
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf approval = BUF_INIT;
	enum err err;

	if (remote_there(cmd)) {
		err = remote_approve(cmd, what, hash, &approval);
	} else {
		err = operator_signer(cmd, authority, &signer);
		if (!err)
			err = approval_sign(authority, what, hash, time_now(),
			    signer, &approval, &cmd->diag);
	}
	return err ? err : io_create_file(cmd->io, out,
	    buf_bytes(&approval), 0644, &cmd->diag);
}

enum err
approval_write(struct cmd *cmd, struct authority *authority,
    const char *what, struct bytes subject, const char *out)
{
	uint8_t hash[SHA256_SIZE];
	enum err err;

	err = sha256_once(subject, hash);
	return err ? err : approval_make(cmd, authority, what, hash, out);
}

/* What both commands do first. */
static enum err
list_open(struct cmd *cmd, struct authority **ret_authority,
    enum err (*put)(void *ctx, struct bytes), void *ctx,
    struct product *ret_product, struct store_object *ret_object,
    struct order_devices *devices)
{
	enum err err;

	err = ecosystem_open_approving(cmd, ret_authority);
	if (!err)
		err = product_find(cmd, *ret_authority, cmd_value(cmd,
		    "product"), ret_product, ret_object);
	return err ? err : order_devices_open(cmd, *ret_authority,
	    cmd->argv[0], ret_product, put, ctx, devices);
}

enum exit_code
list_check_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_order_devices_ struct order_devices devices =
	    ORDER_DEVICES_INIT;
	struct store_object object;
	struct product product;
	enum err err;

	if (cmd->argc != 1 || cmd_value(cmd, "product") == NULL)
		return cmd_usage(cmd, "one FILE and --product are needed");
	err = list_open(cmd, &authority, NULL, NULL, &product, &object,
	    &devices);
	if (err)
		return cmd_fail(cmd, err);
	list_print(cmd, &devices);
	return EXIT_OK;
}

/* A file that grows. */
struct growing {
	struct file	file;
	uint64_t	at;
	struct diag	*diag;
};

static enum err
octets_append(void *ctx, struct bytes octets)
{
	struct growing *g = ctx;
	enum err err;

	err = file_write_at(&g->file, g->at, octets, g->diag);
	g->at += octets.len;
	return err;
}

/* Under its name once it is whole and durable. */
static enum err
list_make(struct cmd *cmd, struct order_devices *devices, const char *out)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct growing g = { .file = FILE_INIT, .diag = &cmd->diag };
	struct store_object object;
	struct product product;
	char part[PATH_SIZE];
	enum err err;

	if (snprintf(part, sizeof(part), "%s.part", out) >= PATH_SIZE)
		return diag_fail(&cmd->diag, ERR_LIMIT, NULL,
		    "%s: the path is too long", out);
	err = io_unlink(cmd->io, part, &cmd->diag);
	if (!err)
		err = file_open(cmd->io, part, O_WRONLY | O_CREAT | O_EXCL |
		    O_NOFOLLOW, 0644, &g.file, &cmd->diag);
	if (err)
		return err;
	err = list_open(cmd, &authority, octets_append, &g, &product,
	    &object, devices);
	if (!err)
		err = file_sync(&g.file, &cmd->diag);
	if (!err)
		err = io_rename_new(cmd->io, part, out, &cmd->diag);
	if (!err)
		err = io_sync_parent(cmd->io, out, &cmd->diag);
	file_release(&g.file);
	if (err && io_unlink(cmd->io, part, NULL) != ERR_OK)
		cmd_warn(cmd, "%s: is left behind", part);
	return err;
}

enum exit_code
list_make_cmd(struct cmd *cmd)
{
	_cleanup_order_devices_ struct order_devices devices =
	    ORDER_DEVICES_INIT;
	const char *out = cmd_value(cmd, "out");
	enum err err;

	if (cmd->argc != 1 || cmd_value(cmd, "product") == NULL ||
	    out == NULL)
		return cmd_usage(cmd, "one FILE, --product and --out are "
		    "needed");
	err = list_make(cmd, &devices, out);
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
	uint8_t approved[SHA256_SIZE];
	struct store_object object;
	struct product product;
	enum err err;

	if (cmd->argc != 1 || cmd_value(cmd, "product") == NULL ||
	    out == NULL)
		return cmd_usage(cmd, "one FILE, --product and --out are "
		    "needed");
	err = list_open(cmd, &authority, NULL, NULL, &product, &object,
	    &devices);
	if (!err)
		err = devices_product_check(&product, devices.said.mode,
		    &cmd->diag);
	if (!err)
		err = devices_approved(object.hash, &devices.said, approved);
	if (!err)
		err = approval_make(cmd, authority, APPROVAL_DEVICE_LIST,
		    approved, out);
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
		    order_trust_text((enum device_list_trust)list.trust),
		    list.source[0] != '\0' ? " " : "", list.source);
	hex_print(stdout, bytes_of(list.hash, STORE_HASH_SIZE));
	printf(cmd->json ? "\"}" : "\n");
	return ERR_OK;
}
