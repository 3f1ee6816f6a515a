#include "cmd/imprint/remote_order.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/imprint/remote_rows.h"

static const struct column pack_columns[] = {
	{ "pack", COLUMN_NUMBER }, { "station", COLUMN_TEXT },
	{ "count", COLUMN_NUMBER }, { "committed", COLUMN_NUMBER },
	{ "complete", COLUMN_FLAG }, { "bytes", COLUMN_NUMBER }, { NULL, 0 }
};
enum pack_column {
	PACK_NO, PACK_STATION, PACK_COUNT, PACK_COMMITTED, PACK_COMPLETE
};

static const struct column block_columns[] = {
	{ "kind", COLUMN_TEXT }, { "type", COLUMN_TEXT },
	{ "from", COLUMN_TEXT }, { "first", COLUMN_TEXT },
	{ "last", COLUMN_TEXT }, { "left", COLUMN_NUMBER }, { NULL, 0 }
};
static const struct column name_columns[] = {
	{ "kind", COLUMN_TEXT }, { "type", COLUMN_TEXT },
	{ "from", COLUMN_TEXT }, { NULL, 0 }
};
enum name_column {
	NAME_KIND, NAME_TYPE, NAME_FROM, NAME_FIRST, NAME_LAST, NAME_LEFT
};

static const struct column list_columns[] = {
	{ "entries", COLUMN_NUMBER }, { "trust", COLUMN_NUMBER },
	{ "source", COLUMN_TEXT }, { "sha256", COLUMN_TEXT },
	{ NULL, 0 }
};
static const struct column file_columns[] = {
	{ "lines", COLUMN_NUMBER }, { "sha256", COLUMN_TEXT }, { NULL, 0 }
};
static const struct column mode_columns[] = {
	{ "mode", COLUMN_TEXT }, { NULL, 0 }
};

struct printing {
	struct cmd	*cmd;
	size_t		 count;
};

enum err
remote_order_ask(struct cmd *cmd, uint32_t order, const char *name,
    struct json_value **ret_answer)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	char target[TARGET_SIZE];
	uint64_t said = 0;
	enum err err;

	(void)snprintf(target, sizeof(target), "/v1/orders/%u/%s", order,
	    name);
	err = remote_ask(cmd, "GET", target, &answer);
	if (err)
		return err;
	err = json_get_number(answer, "order", UINT32_MAX, 0, &said,
	    &cmd->diag);
	if (!err && said != order)
		err = diag_fail(&cmd->diag, ERR_IO, NULL, "order: another");
	if (err)
		return unread(cmd, err);
	*ret_answer = answer;
	answer = NULL;	/* transferred */
	return ERR_OK;
}

static enum err
pack_take(void *ctx, const struct json_value *item, struct diag *diag)
{
	struct value v[COLUMNS_MAX] = { { .has = false } };
	struct printing *p = ctx;
	char done[32], count[32];
	enum err err;

	err = row_read(item, pack_columns, v, diag);
	if (err)
		return err;
	if (p->cmd->json) {
		printf("%s", p->count++ > 0 ? ", " : "");
		row_json(pack_columns, v);
		return ERR_OK;
	}
	number_format(v[PACK_COMMITTED].number, done);
	number_format(v[PACK_COUNT].number, count);
	printf("  pack %ju for station ", (uintmax_t)v[PACK_NO].number);
	text_put(&v[PACK_STATION], 0, TEXT_SIZE);
	printf(": %s of %s, %s\n", done, count,
	    v[PACK_COMPLETE].flag ? "complete" : "growing");
	return ERR_OK;
}

static enum err
name_take(void *ctx, const struct json_value *item, struct diag *diag)
{
	struct value v[COLUMNS_MAX] = { { .has = false } };
	struct printing *p = ctx;
	char number[32];
	enum err err;

	err = row_read(item, block_columns, v, diag);
	if (err)
		return err;
	if (p->cmd->json) {
		printf("%s", p->count++ > 0 ? ", " : "");
		row_json(v[NAME_LEFT].has ? block_columns : name_columns, v);
		return ERR_OK;
	}
	printf("  ");
	text_put(&v[NAME_KIND], 0, TEXT_SIZE);
	printf(" from ");
	text_put(&v[NAME_FROM], 0, TEXT_SIZE);
	if (v[NAME_LEFT].has) {
		number_format(v[NAME_LEFT].number, number);
		printf(" ");
		text_put(&v[NAME_FIRST], 0, TEXT_SIZE);
		printf(" to ");
		text_put(&v[NAME_LAST], 0, TEXT_SIZE);
		printf(", %s left", number);
	}
	printf("\n");
	return ERR_OK;
}

static enum err
file_print(struct cmd *cmd, const struct json_value *packs)
{
	struct value v[COLUMNS_MAX] = { { .has = false } };
	const struct json_value *file = NULL;
	char lines[32];
	enum err err;

	err = json_get_object(packs, "names_file", &file, &cmd->diag);
	if (!err && file != NULL)
		err = row_read(file, file_columns, v, &cmd->diag);
	if (err || file == NULL)
		return err;
	number_format(v[0].number, lines);
	if (cmd->json) {
		printf(", \"names_file\": ");
		row_json(file_columns, v);
		return ERR_OK;
	}
	printf("  file of names for %s identities, SHA-256 ", lines);
	text_put(&v[1], 0, TEXT_SIZE);
	printf("\n");
	return ERR_OK;
}

static enum err
devices_print(struct cmd *cmd, const struct json_value *packs)
{
	struct value v[COLUMNS_MAX] = { { .has = false } };
	struct value mode[COLUMNS_MAX] = { { .has = false } };
	const struct json_value *list = NULL;
	char entries[32];
	enum err err;

	err = json_get_object(packs, "list", &list, &cmd->diag);
	if (!err && list != NULL)
		err = row_read(list, mode_columns, mode, &cmd->diag);
	if (!err && list != NULL)
		err = row_read(list, list_columns, v, &cmd->diag);
	if (err || list == NULL)
		return err;
	number_format(v[0].number, entries);
	if (cmd->json) {
		printf(", \"mode\": ");
		json_string(stdout, mode[0].text, strlen(mode[0].text));
		printf(", \"list\": ");
		row_json(list_columns, v);
		return ERR_OK;
	}
	printf("  mode ");
	text_put(&mode[0], 0, TEXT_SIZE);
	printf(", list of %s devices, %s%s", entries,
	    order_trust_text((enum device_list_trust)v[1].number),
	    v[2].text[0] != '\0' ? " " : "");
	text_put(&v[2], 0, TEXT_SIZE);
	printf(", SHA-256 ");
	text_put(&v[3], 0, TEXT_SIZE);
	printf("\n");
	return ERR_OK;
}

enum err
remote_packs_print(struct cmd *cmd, const struct json_value *packs)
{
	struct printing p = { .cmd = cmd };
	enum err err;

	printf(cmd->json ? ", \"packs\": [" : "");
	err = json_each_object(packs, "packs", pack_take, &p, &cmd->diag);
	printf(cmd->json ? "], \"names\": [" : "");
	p.count = 0;
	if (!err)
		err = json_each_object(packs, "names", name_take, &p,
		    &cmd->diag);
	printf(cmd->json ? "]" : "");
	if (!err)
		err = file_print(cmd, packs);
	if (!err)
		err = devices_print(cmd, packs);
	return err ? unread(cmd, err) : ERR_OK;
}

/* Export. */

struct exporting {
	struct cmd		*cmd;
	struct remote_pack	 pack;
	uint32_t		 count;
};

/* The first that is not complete ends it, as on the server. */
static enum err
pack_export(void *ctx, const struct json_value *item, struct diag *diag)
{
	struct value v[COLUMNS_MAX] = { { .has = false } };
	struct exporting *e = ctx;
	char path[PATH_SIZE];
	enum err err;

	err = row_read(item, pack_columns, v, diag);
	if (!err && v[PACK_NO].number != e->count + 1)
		err = diag_fail(diag, ERR_IO, NULL, "packs: not in order");
	if (err)
		return unread(e->cmd, err);
	e->pack.no = (uint32_t)v[PACK_NO].number;
	if (!v[PACK_COMPLETE].flag) {
		err = diag_fail(diag, ERR_STATE, NULL, "order %u: pack %u is "
		    "not complete: %ju of %ju identities", e->pack.order,
		    e->pack.no, (uintmax_t)v[PACK_COMMITTED].number,
		    (uintmax_t)v[PACK_COUNT].number);
		diag_hint(diag, "finish it with 'imprint order run %u'",
		    e->pack.order);
		return err;
	}
	err = remote_pack_fetch(e->cmd, &e->pack, path);
	if (err)
		return err;
	e->count++;
	if (e->cmd->json)
		return ERR_OK;
	printf("%s for station ", path);
	text_put(&v[PACK_STATION], 0, TEXT_SIZE);
	printf(", by the server's word\n");
	return ERR_OK;
}

/* All that the order has? Else some would be missed by nobody. */
static enum err
packs_count(struct cmd *cmd, uint32_t order, uint32_t found)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	char target[TARGET_SIZE];
	uint64_t packs = 0;
	enum err err;

	(void)snprintf(target, sizeof(target), "/v1/orders/%u", order);
	err = remote_ask(cmd, "GET", target, &answer);
	if (err)
		return err;
	err = json_get_number(answer, "packs", UINT32_MAX, 0, &packs,
	    &cmd->diag);
	if (!err && (found == 0 || packs != found))
		err = diag_fail(&cmd->diag, ERR_IO, NULL, "packs: %u of the "
		    "order's %ju", found, (uintmax_t)packs);
	return err ? unread(cmd, err) : ERR_OK;
}

static enum err
trust_write(struct cmd *cmd, const struct remote_trust *trust,
    const char *out)
{
	_cleanup_buf_ struct buf pem = BUF_INIT;
	char path[PATH_SIZE];
	enum err err;

	err = remote_trust_text(trust, &pem);
	if (!err)
		err = path_join(path, out, "trust.pem");
	return err ? err : io_write_file(cmd->io, path, buf_bytes(&pem), 0644,
	    &cmd->diag);
}

static enum err
packs_export(struct cmd *cmd, uint32_t number, const char *out,
    uint32_t *ret_count)
{
	_cleanup_remote_trust_ struct remote_trust trust = REMOTE_TRUST_INIT;
	_cleanup_json_value_ struct json_value *packs = NULL;
	struct public_key keys[REMOTE_SIGNERS_MAX];
	struct exporting e = { .cmd = cmd, .pack = { .order = number,
		.out = out, .keys = keys } };
	enum err err;

	err = remote_open(cmd);
	if (!err)
		err = remote_order_ask(cmd, number, "packs", &packs);
	if (!err)
		err = remote_trust_open(cmd, &trust);
	if (!err)
		err = remote_trust_signers(cmd, &trust, keys,
		    &e.pack.key_count);
	if (!err)
		err = io_mkdir(cmd->io, out, 0700, &cmd->diag);
	if (err)
		return err;
	interrupt_catch();
	err = json_each_object(packs, "packs", pack_export, &e, &cmd->diag);
	if (!err)
		err = packs_count(cmd, number, e.count);
	if (!err)
		err = trust_write(cmd, &trust, out);
	*ret_count = e.count;
	return err;
}

enum exit_code
remote_order_export(struct cmd *cmd)
{
	const char *out = cmd_value(cmd, "out");
	uint32_t number = 0, count = 0;
	enum err err;

	if (out == NULL)
		return cmd_usage(cmd, "--out is needed");
	err = order_argument(cmd, &number);
	if (!err)
		err = packs_export(cmd, number, out, &count);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json)
		printf("{\"order\": %u, \"packs\": %u}\n", number, count);
	return EXIT_OK;
}
