/* What the server says of single things: products, makers, document signers,
 * where an identity is. */
#include <string.h>

#include "cmd/imprint/remote_rows.h"
#include "lib/base/clock.h"
#include "lib/crypto/hash.h"
#include "lib/x509/crl.h"

#define BODY_TEXT_SIZE	((size_t)96 << 10)	/* base64url */
#define PREFIX_MIN	4	/* hexadecimal digits of a hash */

/* Is it what was asked for: by name, with its version or not, or by the first
 * digits of its hash? */
static bool
product_is(const char *word, const struct product *product,
    const uint8_t hash[STORE_HASH_SIZE])
{
	char name[sizeof(product->name) + sizeof(product->version) + 1];
	_cleanup_buf_ struct buf hex = BUF_INIT;
	size_t len = strlen(word);

	(void)snprintf(name, sizeof(name), "%s@%s", product->name,
	    product->version);
	buf_put_hex(&hex, bytes_of(hash, STORE_HASH_SIZE));
	return strcmp(word, product->name) == 0 || strcmp(word, name) == 0 ||
	    (len >= PREFIX_MIN && !buf_err(&hex) &&
	    strncmp(buf_text(&hex), word, len) == 0);
}

static enum err
product_read(struct cmd *cmd, const struct json_value *answer,
    struct product *product, struct store_object *object)
{
	_cleanup_buf_ struct buf text = BUF_INIT, body = BUF_INIT;
	char *room = (char *)buf_extend(&text, BODY_TEXT_SIZE);
	char added[TEXT_SIZE] = "";
	enum err err;

	if (room == NULL)
		return diag_nomem(&cmd->diag);
	err = json_get_text(answer, "body", room, BODY_TEXT_SIZE, &cmd->diag);
	if (!err && base64url_decode(bytes_text(room), &body) != ERR_OK)
		err = diag_fail(&cmd->diag, ERR_IO, NULL,
		    "its body is no base64url");
	if (!err)
		err = product_decode(buf_bytes(&body), product, &cmd->diag);
	if (!err)
		err = sha256_once(buf_bytes(&body), object->hash);
	if (!err)
		err = json_get_text(answer, "added", added, sizeof(added),
		    &cmd->diag);
	if (!err && time_parse(added, &object->created) != ERR_OK)
		err = diag_fail(&cmd->diag, ERR_IO, NULL, "added: no time");
	return err ? unread(cmd, err) : ERR_OK;
}

enum err
remote_product_get(struct cmd *cmd, const char *word,
    struct product *ret_product, struct store_object *ret_object)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	char target[TARGET_SIZE] = "/v1/products/";
	struct store_object object = { .kind = STORE_PRODUCT };
	struct product product;
	enum err err;

	if (word[0] == '\0' || !segment_put(target, sizeof(target), word))
		return diag_fail(&cmd->diag, ERR_NOTFOUND, NULL,
		    "product \"%.70s\": no such name", word);
	err = remote_open(cmd);
	if (!err)
		err = remote_ask(cmd, "GET", target, &answer);
	if (!err)
		err = product_read(cmd, answer, &product, &object);
	if (!err && !product_is(word, &product, object.hash))
		err = remote_expect(cmd, word, bytes_text(product.name),
		    BYTES_NONE);
	if (err)
		return err;
	*ret_product = product;
	*ret_object = object;
	return ERR_OK;
}

/* Makers. */

static void
maker_print(const struct value *v)
{
	text_put(&v[0], 24, TEXT_SIZE);
	printf(" ");
	text_put(&v[1], 0, TEXT_SIZE);
	printf(v[2].flag ? "  removed  " : "  ");
	text_put(&v[3], 0, 16);
	printf("\n");
}

static enum exit_code
makers_list(struct cmd *cmd, const char *path, const char *member)
{
	const struct column columns[] = {
		{ member, COLUMN_TEXT }, { "added", COLUMN_TEXT },
		{ "removed", COLUMN_FLAG }, { "sha256", COLUMN_TEXT },
		{ NULL, 0 }
	};
	struct listing list = { .cmd = cmd, .path = path,
		.columns = columns, .print = maker_print,
		.left = NUMBER_MAX };

	return list_print(&list, 0, NULL);
}

enum exit_code
remote_chip_maker_list(struct cmd *cmd)
{
	return makers_list(cmd, "/v1/chip-makers", "chip_maker");
}

enum exit_code
remote_manufacturer_list(struct cmd *cmd)
{
	return makers_list(cmd, "/v1/manufacturers", "manufacturer");
}

/* Document signers. */

struct signers {
	bool	json;
	size_t	count;
};

static enum err
signer_take(void *ctx, const struct json_value *item, struct diag *diag)
{
	static const struct column columns[] = {
		{ "number", COLUMN_NUMBER }, { "name", COLUMN_TEXT },
		{ "signs", COLUMN_FLAG }, { "thumbprint", COLUMN_TEXT },
		{ NULL, 0 }
	};
	struct value v[COLUMNS_MAX] = { { .has = false } };
	struct signers *signers = ctx;
	enum err err;

	err = row_read(item, columns, v, diag);
	if (err)
		return err;
	if (signers->json) {
		printf(signers->count++ > 0 ? ", " : "");
		row_json(columns, v);
		return ERR_OK;
	}
	printf("%3ju  ", (uintmax_t)v[0].number);
	text_put(&v[1], 13, TEXT_SIZE);
	printf(" %-6s ", v[2].flag ? "signs" : "");
	text_put(&v[3], 0, TEXT_SIZE);
	printf("\n");
	return ERR_OK;
}

enum exit_code
remote_signer_list(struct cmd *cmd)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	struct signers signers = { .json = cmd->json };
	uint64_t left = 0;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "no arguments are taken");
	err = remote_open(cmd);
	if (!err)
		err = remote_ask(cmd, "GET", "/v1/document-signers", &answer);
	if (err)
		return cmd_fail(cmd, err);
	err = json_get_number(answer, "receipts_left", NUMBER_MAX, 0, &left,
	    &cmd->diag);
	printf(cmd->json ? "{\"signers\": [" : "");
	if (!err)
		err = json_each_object(answer, "signers", signer_take,
		    &signers, &cmd->diag);
	if (cmd->json)
		printf("], \"receipts_left\": %ju}\n", (uintmax_t)left);
	else if (!err && left > 0)
		printf("%ju receipts are still an earlier signer's: imprint "
		    "document-signer renew, there\n", (uintmax_t)left);
	return err ? cmd_fail(cmd, unread(cmd, err)) : EXIT_OK;
}

/* Finding identities. */

enum found_column {
	FOUND_KIND, FOUND_LOG, FOUND_INDEX, FOUND_UEID, FOUND_ORDER,
	FOUND_STATUS, FOUND_SINCE, FOUND_REASON, FOUND_OPERATION
};

static const struct column found_columns[] = {
	{ "kind", COLUMN_TEXT }, { "log", COLUMN_TEXT },
	{ "index", COLUMN_NUMBER }, { "ueid", COLUMN_TEXT },
	{ "order", COLUMN_NUMBER }, { "status", COLUMN_TEXT },
	{ "since", COLUMN_TEXT }, { "reason", COLUMN_NUMBER },
	{ "operation", COLUMN_NUMBER }, { NULL, 0 }
};

static void
found_json(const struct value *v)
{
	const struct column valid[] = { found_columns[FOUND_KIND],
		found_columns[FOUND_LOG], found_columns[FOUND_INDEX],
		found_columns[FOUND_UEID], found_columns[FOUND_ORDER],
		found_columns[FOUND_STATUS], { NULL, 0 } };
	struct column all[sizeof(found_columns) / sizeof(*found_columns)];
	struct value values[COLUMNS_MAX];
	const char *reason;

	if (!v[FOUND_SINCE].has) {
		row_json(valid, v);
		return;
	}
	memcpy(all, found_columns, sizeof(all));
	memcpy(values, v, sizeof(values));
	reason = crl_reason_name((enum crl_reason)v[FOUND_REASON].number);
	all[FOUND_REASON].kind = COLUMN_TEXT;
	(void)snprintf(values[FOUND_REASON].text, TEXT_SIZE, "%s",
	    reason != NULL ? reason : "?");
	row_json(all, values);
}

static void
found_print(const char *word, const struct value *v)
{
	const char *reason;

	text_print(stdout, word, strlen(word));
	printf(" is the ");
	text_put(&v[FOUND_KIND], 0, TEXT_SIZE);
	printf(" of ");
	text_put(&v[FOUND_LOG], 0, TEXT_SIZE);
	printf("/%ju, UEID ", (uintmax_t)v[FOUND_INDEX].number);
	text_put(&v[FOUND_UEID], 0, TEXT_SIZE);
	printf(", order %ju, ", (uintmax_t)v[FOUND_ORDER].number);
	text_put(&v[FOUND_STATUS], 0, TEXT_SIZE);
	if (!v[FOUND_SINCE].has)
		return;
	reason = crl_reason_name((enum crl_reason)v[FOUND_REASON].number);
	printf(" since ");
	text_put(&v[FOUND_SINCE], 0, TEXT_SIZE);
	printf(", %s", reason != NULL ? reason : "?");
}

static enum err
identity_find(struct cmd *cmd, const char *word)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	struct value values[COLUMNS_MAX] = { { .has = false } };
	char target[TARGET_SIZE] = "/v1/identities/";
	enum err err;

	if (word[0] == '\0' || !segment_put(target, sizeof(target), word))
		return diag_fail(&cmd->diag, ERR_NOTFOUND, NULL,
		    "\"%.70s\": no such name", word);
	err = remote_ask(cmd, "GET", target, &answer);
	if (err)
		return err;
	err = row_read(answer, found_columns, values, &cmd->diag);
	if (err)
		return unread(cmd, err);
	if (cmd->json)
		found_json(values);
	else
		found_print(word, values);
	printf("\n");
	return ERR_OK;
}

enum exit_code
remote_identity_find(struct cmd *cmd)
{
	enum err err;
	int i;

	if (cmd->argc == 0)
		return cmd_usage(cmd, "what is to be found?");
	err = remote_open(cmd);
	for (i = 0; i < cmd->argc && !err; i++)
		err = identity_find(cmd, cmd->argv[i]);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
