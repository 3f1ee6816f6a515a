/* Where an order's names come from. */
#include <fcntl.h>
#include <stdlib.h>

#include "cmd/imprint/remote.h"
#include "lib/authority/names.h"
#include "lib/proto/local.h"

#define INPUT_TITLE	"standard input"
#define INPUT_MAX	((uint64_t)4 << 30)	/* octets on the disk */
#define INPUT_BLOCK	((size_t)1 << 20)

static enum err
input_copy(struct cmd *cmd, const struct file *in, const struct file *out)
{
	const uint64_t max = remote_there(cmd) ? REMOTE_FILE_MAX : INPUT_MAX;
	size_t len = INPUT_BLOCK;
	uint64_t at = 0;
	uint8_t *block;
	enum err err = ERR_OK;

	block = malloc(INPUT_BLOCK);
	if (block == NULL)
		return diag_nomem(&cmd->diag);
	for (; !err && len == INPUT_BLOCK; at += len) {
		if (at == max) {
			err = diag_fail(&cmd->diag, ERR_LIMIT, NULL,
			    INPUT_TITLE ": more than %ju MiB of names",
			    (uintmax_t)(max >> 20));
			diag_hint(&cmd->diag, remote_there(cmd) ? "give them "
			    "on the server itself" : "give them as a file");
			break;
		}
		err = file_read_upto(in, at, block, INPUT_BLOCK, &len,
		    &cmd->diag);
		if (!err && len > 0)
			err = file_write_at(out, at, bytes_of(block, len),
			    &cmd->diag);
	}
	free(block);
	return err;
}

/* Nothing of an operator's machine is ours to write to: in memory. */
static enum err
memory_open(struct cmd *cmd, struct file *ret_file)
{
	enum err err;

	err = local_octets_put(BYTES_NONE, &ret_file->fd, &cmd->diag);
	ret_file->io = cmd->io;
	return err;
}

static enum err
unnamed_open(struct cmd *cmd, struct authority *authority,
    struct file *ret_file)
{
	char path[PATH_SIZE];
	enum err err;

	if (authority == NULL)
		return memory_open(cmd, ret_file);
	err = path_join(path, authority_dir(authority), "names.tmp");
	if (!err)
		err = io_unlink(cmd->io, path, &cmd->diag);
	if (!err)
		err = file_open(cmd->io, path, O_RDWR | O_CREAT | O_EXCL |
		    O_NOFOLLOW, 0600, ret_file, &cmd->diag);
	if (!err)
		err = io_unlink(cmd->io, path, &cmd->diag);
	return err;
}

enum err
input_unnamed(struct cmd *cmd, struct authority *authority,
    const char *called, struct file *ret_file)
{
	char *title;
	enum err err;

	err = unnamed_open(cmd, authority, ret_file);
	if (err)
		return err;
	title = strdup(called);
	if (title == NULL)
		return diag_nomem(&cmd->diag);
	free(ret_file->path);
	ret_file->path = title;
	return ERR_OK;
}

/* Names are read twice: what can be read once goes to a file. */
static enum err
input_open(struct cmd *cmd, struct authority *authority,
    struct file *ret_file)
{
	_cleanup_file_ struct file in = FILE_INIT;
	enum err err;

	err = file_open(cmd->io, "/dev/stdin", O_RDONLY, 0, &in, &cmd->diag);
	if (!err)
		err = input_unnamed(cmd, authority, INPUT_TITLE, ret_file);
	return err ? err : input_copy(cmd, &in, ret_file);
}

enum err
order_names_open(struct cmd *cmd, struct authority *authority,
    const char *path, const struct product *product, struct file *ret_file,
    struct names_file *ret_names)
{
	enum err err;

	err = product_at_hand(cmd, "names");
	if (err)
		return err;
	if (strcmp(path, "-") == 0)
		err = input_open(cmd, authority, ret_file);
	else
		err = file_open(cmd->io, path, O_RDONLY, 0, ret_file,
		    &cmd->diag);
	if (!err)
		err = names_file_read(ret_file, product->names,
		    product->name_count, NULL, NULL, ret_names, &cmd->diag);
	if (!err && ret_names->lines == 0)
		err = diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: names no identity", ret_file->path);
	return err;
}

static enum err
block_print(struct cmd *cmd, struct authority *authority,
    const struct product_name *name)
{
	char first[NAME_TEXT_SIZE], last[NAME_TEXT_SIZE], number[32];
	uint64_t left = 0;
	enum err err;

	err = name_bounds(name, first, last);
	if (!err)
		err = names_left(authority, name, &left, &cmd->diag);
	if (err)
		return err;
	number_format(left, number);
	if (cmd->json)
		printf(", \"first\": \"%s\", \"last\": \"%s\", \"left\": %llu",
		    first, last, (unsigned long long)left);
	else
		printf(" %s to %s, %s left", first, last, number);
	return ERR_OK;
}

static enum err
name_print(struct cmd *cmd, struct authority *authority,
    const struct product_name *name, bool first)
{
	enum err err = ERR_OK;

	if (cmd->json)
		printf("%s{\"kind\": \"%s\", \"type\": \"%s\", \"from\": "
		    "\"%s\"", first ? "" : ", ", name->kind,
		    name_type_name(name->type), name_source_name(name->from));
	else
		printf("  %s from %s", name->kind,
		    name_source_name(name->from));
	if (name->from == NAME_FROM_RANGE)
		err = block_print(cmd, authority, name);
	printf(cmd->json ? "}" : "\n");
	return err;
}

static enum err
file_print(struct cmd *cmd, struct authority *authority, uint32_t order)
{
	struct store_name_file file;
	char lines[32];
	enum err err;

	err = store_name_file_get(authority_store(authority), order, &file,
	    NULL);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	number_format(file.lines, lines);
	if (cmd->json)
		printf(", \"names_file\": {\"lines\": %llu, \"sha256\": \"",
		    (unsigned long long)file.lines);
	else
		printf("  file of names for %s identities, SHA-256 ", lines);
	hex_print(stdout, bytes_of(file.hash, STORE_HASH_SIZE));
	printf(cmd->json ? "\"}" : "\n");
	return ERR_OK;
}

enum err
order_names_print(struct cmd *cmd, struct authority *authority,
    const struct store_order *order)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object object;
	struct product product;
	size_t i;
	enum err err;

	err = authority_object_by_hash(authority, STORE_PRODUCT,
	    order->product, &body, &object, &cmd->diag);
	if (!err)
		err = product_decode(object.body, &product, &cmd->diag);
	if (err)
		return err;
	if (cmd->json)
		printf(", \"names\": [");
	for (i = 0; i < product.name_count && !err; i++)
		err = name_print(cmd, authority, &product.names[i], i == 0);
	if (cmd->json)
		printf("]");
	return err ? err : file_print(cmd, authority, order->number);
}
