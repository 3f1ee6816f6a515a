/* What a change of status would come to, for an operator over the network.
 * Nothing is changed, and nothing on record. */
#include <string.h>

#include "cmd/imprintd/desk.h"
#include "lib/authority/chosen.h"
#include "lib/authority/lookup.h"
#include "lib/authority/order_count.h"
#include "lib/base/json_write.h"

#define ORDERS_OCTETS	((size_t)48 << 10)	/* then some are left out */
#define ROWS_MAX	200000	/* counted by orders */
#define FIRST_SHOWN	5

static enum err
body_check(const char *query, struct bytes body, struct diag *diag)
{
	static const char is[] = "body=";
	uint8_t said[SHA256_SIZE], hash[SHA256_SIZE];
	size_t len = 0;
	enum err err;

	if (strncmp(query, is, sizeof(is) - 1) != 0 ||
	    hex_decode(query + sizeof(is) - 1, said, SHA256_SIZE, &len) !=
	    ERR_OK || len != SHA256_SIZE)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "query: say body=H, the body's SHA-256");
	err = sha256_once(body, hash);
	if (!err && memcmp(said, hash, SHA256_SIZE) != 0)
		err = diag_fail(diag, ERR_AUTH, NULL, "body: is not the one "
		    "that was signed for");
	return err;
}

static enum err
orders_put(struct desk *desk, struct json *json,
    const struct status_ranges *list, struct diag *diag)
{
	_cleanup_order_counts_ struct order_counts counts = {
		.max = ROWS_MAX };
	struct order_product product;
	size_t i;
	enum err err;

	err = order_counts_of(desk->authority, list->ranges, list->count,
	    &counts, diag);
	json_key(json, bytes_text("orders"));
	json_open(json, '[');
	for (i = 0; i < counts.count && !err && json->b->len < ORDERS_OCTETS;
	    i++) {
		err = order_product_get(desk->authority,
		    counts.orders[i].order, &product, diag);
		if (err)
			break;
		json_next(json);
		json_open(json, '{');
		json_put_number(json, "order", counts.orders[i].order);
		json_put_some(json, "product", bytes_text(product.name));
		json_put_some(json, "version", bytes_text(product.version));
		json_put_number(json, "ordered", product.ordered);
		json_put_some(json, "mode", bytes_text(product.mode));
		json_put_number(json, "count", counts.orders[i].count);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_put_flag(json, "more", i < counts.count || counts.more);
	return err;
}

/* Void is what was never anybody's; another failure is not told here, where
 * nothing depends on it. */
static enum err
identity_put(struct lookup *lookup, struct json *json,
    const struct address *address)
{
	const struct template *template;
	struct store_range range;
	struct identity identity;
	size_t i;
	enum err err;

	err = lookup_get(lookup, address, &identity, &range, &template,
	    NULL);
	if (err && err != ERR_NOTFOUND)
		return err;
	json_next(json);
	json_open(json, '{');
	json_put_text(json, "log", bytes_text(address->log ==
	    LOG_ONLINE_NUMBER ? LOG_ONLINE : LOG_BULK));
	json_put_number(json, "index", address->index);
	json_put_flag(json, "void", err == ERR_NOTFOUND);
	json_key(json, bytes_text("names"));
	json_open(json, '{');
	for (i = 0; !err && i < template->name_count; i++)
		if (identity.name[i] != NULL)
			json_put_text(json, template->names[i].kind,
			    bytes_text(identity.name[i]));
	json_close(json, '}');
	json_close(json, '}');
	return ERR_OK;
}

static enum err
first_put(struct desk *desk, struct json *json,
    const struct status_ranges *list, struct diag *diag)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct address address;
	size_t i, shown = 0;
	uint64_t at;
	enum err err;

	err = lookup_new(desk->authority, &lookup, diag);
	json_key(json, bytes_text("first"));
	json_open(json, '[');
	for (i = 0; i < list->count && !err && shown < FIRST_SHOWN; i++)
		for (at = 0; at < list->ranges[i].count && !err &&
		    shown < FIRST_SHOWN; at++, shown++) {
			address = (struct address){ list->ranges[i].log,
			    list->ranges[i].first + at };
			err = identity_put(lookup, json, &address);
		}
	json_close(json, ']');
	return err;
}

enum err
dry_run(struct desk *desk, const char *query, struct bytes body,
    struct buf *out, struct diag *diag)
{
	_cleanup_status_ranges_ struct status_ranges list = { .count = 0 };
	struct json json = { .b = out, .line = true };
	struct status_change change = { .count = 0 };
	struct status_count count = { 0 };
	uint64_t identities;
	enum err err;

	err = body_check(query, body, diag);
	if (!err)
		err = request_chosen_find(desk->authority, body, &change,
		    &list, diag);
	if (!err)
		err = status_count_all(desk->authority, &change, list.ranges,
		    list.count, &count, diag);
	if (err)
		return err;
	identities = status_ranges_merge(&list);
	json_open(&json, '{');
	json_put_number(&json, "identities", identities);
	json_put_number(&json, "changed", count.changed);
	json_put_number(&json, "same", count.same);
	json_put_number(&json, "kept", count.kept);
	err = orders_put(desk, &json, &list, diag);
	if (!err)
		err = first_put(desk, &json, &list, diag);
	json_close(&json, '}');
	return err;
}
