#include "cmd/imprint/remote.h"

#include "lib/base/clock.h"
#include "lib/crypto/hash.h"
#include "lib/policy/product_yaml.h"

enum err
product_find(struct cmd *cmd, struct authority *authority, const char *word,
    struct product *ret_product, struct store_object *ret_object)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	char name[STORE_NAME_MAX + 1];
	const char *at = strchr(word, '@');
	enum err err;

	if (remote_there(cmd))
		return remote_product(cmd, word, ret_product,
		    ret_object->hash);
	if (snprintf(name, sizeof(name), "%.*s",
	    at ? (int)(at - word) : (int)strlen(word), word) >=
	    (int)sizeof(name))
		return diag_fail(&cmd->diag, ERR_NOTFOUND, NULL,
		    "product \"%.70s\": no such name", word);
	err = authority_object_get(authority, STORE_PRODUCT,
	    name, at ? at + 1 : NULL, &body, ret_object, NULL);
	if (err == ERR_NOTFOUND) {
		err = diag_fail(&cmd->diag, err, NULL,
		    "product %s: not known here", word);
		diag_hint(&cmd->diag, "see 'imprint product list'");
	}
	if (!err)
		err = product_decode(ret_object->body, ret_product,
		    &cmd->diag);
	ret_object->body = BYTES_NONE;
	return err;
}

enum err
product_look(struct cmd *cmd, struct authority *authority, const char *word,
    struct product *ret_product, struct store_object *ret_object)
{
	return remote_there(cmd) ? remote_product_get(cmd, word, ret_product,
	    ret_object) : product_find(cmd, authority, word, ret_product,
	    ret_object);
}

/* What issues its documents, devices trust by way of the root alone. */
static void
root_look(struct cmd *cmd, const struct product *product)
{
	size_t i;

	for (i = 0; i < product->anchor_count; i++)
		if (!product->anchors[i].is_key)
			return;
	cmd_warn(cmd, "product %s %s: none of its trust anchors is the root of "
	    "the ecosystem, so devices will refuse its identities (no root): "
	    "give it a new version with, say, trust-anchors: {service: root}",
	    product->name, product->version);
}

static enum err
product_add(struct cmd *cmd, struct authority *authority, const char *path)
{
	_cleanup_buf_ struct buf text = BUF_INIT, encoded = BUF_INIT;
	_cleanup_buf_ struct buf result = BUF_INIT;
	uint8_t hash[SHA256_SIZE] = { 0 };
	struct product product;
	enum err err;

	err = input_read(cmd, path, PRODUCT_FILE_MAX, &text);
	if (!err)
		err = product_yaml_parse(path, buf_bytes(&text), &product,
		    &cmd->diag);
	if (!err)
		err = product_encode(&product, &encoded);
	if (!err)
		err = sha256_once(buf_bytes(&encoded), hash);
	if (!err)
		err = request_submit(cmd, authority, REQUEST_PRODUCT_ADD,
		    buf_bytes(&encoded), &result);
	if (!err)
		err = remote_expect(cmd, path, buf_bytes(&result),
		    bytes_of(hash, sizeof(hash)));
	if (err)
		return err;
	root_look(cmd, &product);
	if (cmd->json)
		printf("{\"product\": \"%s\", \"version\": \"%s\", "
		    "\"hash\": \"", product.name, product.version);
	else
		printf("product %s %s, sample checked, hash ", product.name,
		    product.version);
	hex_print(stdout, buf_bytes(&result));
	printf(cmd->json ? "\"}\n" : "\n");
	return ERR_OK;
}

enum exit_code
product_add_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	enum err err;
	int i;

	if (cmd->argc == 0)
		return cmd_usage(cmd, "which file?");
	err = ecosystem_open_requests(cmd, &authority);
	for (i = 0; i < cmd->argc && !err; i++)
		err = product_add(cmd, authority, cmd->argv[i]);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

static void
product_print_header(const struct store_object *object)
{
	char time[TIME_TEXT_SIZE];

	time_format(object->created, time);
	printf("# added %s, hash ", time);
	hex_print(stdout, bytes_of(object->hash, STORE_HASH_SIZE));
	printf("\n");
}

enum exit_code
product_show_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct store_object object;
	struct product product;
	bool cbor = cmd_flag(cmd, "cbor");
	enum err err = ERR_OK;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which product?");
	if (!remote_there(cmd))
		err = ecosystem_open(cmd, AUTHORITY_READ, false, &authority);
	if (!err)
		err = product_look(cmd, authority, cmd->argv[0], &product,
		    &object);
	if (!err)
		err = cbor ? product_encode(&product, &text) :
		    product_yaml_write(&product, &text);
	if (err)
		return cmd_fail(cmd, err);
	if (!cbor)
		product_print_header(&object);
	(void)fwrite(text.ptr, 1, text.len, stdout);
	return EXIT_OK;
}

struct list {
	struct cmd	*cmd;
	size_t		 count;
};

static enum err
product_print(void *ctx, const struct store_object *object)
{
	struct list *list = ctx;
	char time[TIME_TEXT_SIZE];

	time_format(object->created, time);
	if (list->cmd->json)
		printf("%s\n  {\"product\": \"%s\", \"version\": \"%s\", "
		    "\"added\": \"%s\", \"hash\": \"",
		    list->count ? "," : "", object->name, object->version,
		    time);
	else
		printf("%-24s %-10s %s  ", object->name, object->version,
		    time);
	hex_print(stdout, bytes_of(object->hash,
	    list->cmd->json ? STORE_HASH_SIZE : 8));
	printf(list->cmd->json ? "\"}" : "\n");
	list->count++;
	return ERR_OK;
}

enum exit_code
product_list_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct list list = { .cmd = cmd };
	enum err err;

	err = ecosystem_open(cmd, AUTHORITY_READ, false, &authority);
	if (err)
		return cmd_fail(cmd, err);
	printf(cmd->json ? "[" : "");
	err = authority_object_each(authority, STORE_PRODUCT,
	    product_print, &list, &cmd->diag);
	printf(cmd->json ? "\n]\n" : "");
	if (!err && list.count == 0 && !cmd->json)
		printf("no products yet: imprint product add FILE\n");
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
