/* Where an order's names come from. */
#include <fcntl.h>

#include "cmd/imprint/imprint.h"
#include "lib/authority/names.h"

enum err
order_names_open(struct cmd *cmd, const char *path,
    const struct product *product, struct file *ret_file,
    struct names_file *ret_names)
{
	enum err err;

	err = file_open(cmd->io, path, O_RDONLY, 0, ret_file, &cmd->diag);
	if (!err)
		err = names_file_read(ret_file, product->names,
		    product->name_count, NULL, NULL, ret_names, &cmd->diag);
	if (!err && ret_names->lines == 0)
		err = diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: names no identity", path);
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
