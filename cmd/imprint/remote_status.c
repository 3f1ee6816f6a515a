/* What the server says that a change of status would come to. Its answers are
 * anybody's text: shown, and never signed. */
#include "cmd/imprint/remote_status.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/imprint/remote_rows.h"
#include "lib/identity/delivery.h"

void
order_count_print(struct cmd *cmd, bool first, const char *most,
    const struct order_count *of, const struct order_product *product)
{
	char number[32];

	if (cmd->json) {
		printf("%s{\"order\": %u, \"count\": %llu}",
		    first ? "" : ", ", of->order,
		    (unsigned long long)of->count);
		return;
	}
	number_format(of->count, number);
	if (of->order == 0) {
		printf("  %s%s of no order\n", most, number);
		return;
	}
	printf("  %s%s of order %u, ", most, number, of->order);
	text_print(stdout, product->name, strlen(product->name));
	printf(" ");
	text_print(stdout, product->version, strlen(product->version));
	printf("\n");
}

void
remote_dry_release(struct remote_dry *dry)
{
	free(dry->orders);
	*dry = (struct remote_dry){ .order_count = 0 };
}

/* They end up in a command that is to be pasted: of what product files allow
 * (lib/policy/product_rules.h), or it is none. */
static enum err
words_check(const struct order_product *product, struct diag *diag)
{
	static const char digits[] = "0123456789.",
	    letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const char *name = product->name, *version = product->version;
	enum order_mode mode;

	if (name[0] == '\0' || name[0] == '-' ||
	    name[strspn(name, letters)] != '\0' || version[0] == '\0' ||
	    version[strspn(version, digits)] != '\0')
		return diag_fail(diag, ERR_INVALID, NULL, "product: is none");
	if (product->mode[0] != '\0' && order_mode_by_name(product->mode,
	    &mode) != ERR_OK)
		return diag_fail(diag, ERR_INVALID, NULL, "mode: is none");
	return ERR_OK;
}

static enum err
order_take(void *ctx, const struct json_value *item, struct diag *diag)
{
	struct remote_dry_order row = { .of = { .order = 0 } }, *more;
	struct remote_dry *dry = ctx;
	uint64_t order = 0;
	size_t i;
	enum err err;

	err = json_get_number(item, "order", UINT32_MAX, 0, &order, diag);
	if (!err)
		err = json_get_number(item, "count", NUMBER_MAX, 0,
		    &row.of.count, diag);
	if (!err)
		err = json_get_text(item, "product", row.product.name,
		    sizeof(row.product.name), diag);
	if (!err)
		err = json_get_text(item, "version", row.product.version,
		    sizeof(row.product.version), diag);
	if (!err)
		err = json_get_text(item, "mode", row.product.mode,
		    sizeof(row.product.mode), diag);
	if (!err)
		err = json_get_number(item, "ordered", NUMBER_MAX, 0,
		    &row.product.ordered, diag);
	if (!err && order != 0)
		err = words_check(&row.product, diag);
	if (err)
		return err;
	row.of.order = (uint32_t)order;
	for (i = 0; i < dry->order_count; i++)
		if (dry->orders[i].of.order == row.of.order)
			break;
	if (i < dry->order_count) {
		dry->orders[i].of.count += row.of.count;
		return ERR_OK;
	}
	more = reallocarray(dry->orders, i + 1, sizeof(*more));
	if (more == NULL)
		return diag_nomem(diag);
	more[i] = row;
	dry->orders = more;
	dry->order_count++;
	return ERR_OK;
}

struct line {
	char	*text;
	size_t	 size;
};

static enum err
name_add(void *ctx, const char *kind, const char *text, struct diag *diag)
{
	struct line *line = ctx;
	size_t len = strlen(line->text);

	(void)kind;
	(void)diag;
	(void)snprintf(line->text + len, line->size - len, "  %s", text);
	return ERR_OK;
}

static enum err
few_take(void *ctx, const struct json_value *item, struct diag *diag)
{
	struct remote_dry *dry = ctx;
	struct line line = { .size = sizeof(dry->few[0]) };
	uint64_t index = 0;
	bool is_void = false;
	enum err err;

	if (dry->few_count == REMOTE_FEW)
		return ERR_OK;
	line.text = dry->few[dry->few_count];
	err = json_get_number(item, "index", NUMBER_MAX, 0, &index, diag);
	if (!err)
		err = json_get_flag(item, "void", false, &is_void, diag);
	(void)snprintf(line.text, line.size, "%ju%s", (uintmax_t)index,
	    is_void ? "  void" : "");
	if (!err)
		err = json_each_text(item, "names", name_add, &line, diag);
	dry->few_count += err == ERR_OK;
	return err;
}

static enum err
counts_take(const struct json_value *answer, struct remote_dry *dry,
    struct diag *diag)
{
	const struct {
		const char	*name;
		uint64_t	*sum;
	} counts[] = {
		{ "changed", &dry->count.changed },
		{ "same", &dry->count.same }, { "kept", &dry->count.kept },
		{ "identities", &dry->identities },
	};
	uint64_t number;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]) && !err; i++) {
		number = 0;
		err = json_get_number(answer, counts[i].name, NUMBER_MAX >> 8,
		    0, &number, diag);
		*counts[i].sum += number;
	}
	return err;
}

enum err
remote_dry_run(struct cmd *cmd, struct bytes body, struct remote_dry *dry)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	bool more = false;
	enum err err;

	err = remote_ask_with(cmd, "/v1/dry-run?body=", body, &answer);
	if (err)
		return err;
	dry->answers++;
	err = counts_take(answer, dry, &cmd->diag);
	if (!err)
		err = json_get_flag(answer, "more", false, &more, &cmd->diag);
	dry->more = dry->more || more;
	if (!err)
		err = json_each_object(answer, "orders", order_take, dry,
		    &cmd->diag);
	if (!err)
		err = json_each_object(answer, "first", few_take, dry,
		    &cmd->diag);
	return err ? unread(cmd, err) : ERR_OK;
}

void
remote_dry_print(struct cmd *cmd, const struct remote_dry *dry)
{
	size_t i;

	printf(cmd->json ? ", \"orders\": [" :
	    "named are, by the server's word\n");
	for (i = 0; i < dry->order_count; i++)
		order_count_print(cmd, i == 0, dry->answers > 1 ? AT_MOST :
		    "", &dry->orders[i].of, &dry->orders[i].product);
	if (cmd->json) {
		printf("]}\n");
		return;
	}
	printf(dry->more ? "  ... of other orders\n" : "");
	for (i = 0; i < dry->few_count; i++) {
		printf("  ");
		text_print(stdout, dry->few[i], strlen(dry->few[i]));
		printf("\n");
	}
	if (dry->identities > dry->few_count)
		printf("  ...\n");
}
