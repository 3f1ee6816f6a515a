/* What operators see over the network: lists in pages, each item a JSON
 * object; docs/protocol/operators.md. Numbers of a cursor only grow, so what
 * is added meanwhile comes on a later page. */
#include <stdio.h>
#include <string.h>

#include "cmd/imprintd/desk.h"
#include "lib/authority/chip_maker.h"
#include "lib/authority/lookup.h"
#include "lib/authority/status.h"
#include "lib/base/json_write.h"
#include "lib/crypto/hash.h"
#include "lib/identity/station.h"

#define PAGE_USUAL	50
#define PAGE_MAX	100
#define PAGE_OCTETS	(INTERNAL_SIZE_MAX / 2)	/* one more item fits */

/* A list of which from is the first place wanted, left how many still. */
struct page {
	struct desk	*desk;
	struct json	 json;
	uint64_t	 at, from, left;
	uint32_t	 log;
	bool		 log_said;
	uint64_t	 order;		/* 0: any */
	bool		 more;
	uint64_t	 next;		/* with more */
};

static void
null_put(struct json *json, const char *key)
{
	json_key(json, bytes_text(key));
	buf_printf(json->b, "null");
}

/* false: the page is full, in items or octets. */
static bool
page_takes(struct page *page, uint64_t place)
{
	bool full = page->left == 0 || page->json.b->len > PAGE_OCTETS;

	if (place < page->from)
		return true;
	if (full && !page->more) {
		page->more = true;
		page->next = place;
	}
	return !full;
}

static bool
page_item(struct page *page, uint64_t place)
{
	if (!page_takes(page, place) || place < page->from)
		return false;
	page->left--;
	json_next(&page->json);
	json_open(&page->json, '{');
	return true;
}

void
product_put(struct json *json, const struct store_object *object)
{
	json_put_text(json, "product", bytes_text(object->name));
	json_put_text(json, "version", bytes_text(object->version));
	json_put_time(json, "added", object->created);
	json_put_hex(json, "hash", bytes_of(object->hash, STORE_HASH_SIZE));
}

static enum err
product_item(void *ctx, const struct store_object *object)
{
	struct page *page = ctx;

	if (!page_item(page, page->at++))
		return ERR_OK;
	product_put(&page->json, object);
	json_close(&page->json, '}');
	return ERR_OK;
}

static enum err
station_item(void *ctx, const struct store_object *object)
{
	struct station_statement statement;
	struct page *page = ctx;
	enum err err;

	if (!page_item(page, page->at++))
		return ERR_OK;
	err = station_statement_parse(object->body, &statement, NULL);
	if (err)
		return err;
	json_put_text(&page->json, "station", bytes_text(object->name));
	json_put_time(&page->json, "added", object->created);
	json_put_hex(&page->json, "key", bytes_of(statement.kid,
	    COSE_KID_SIZE));
	json_close(&page->json, '}');
	return ERR_OK;
}

static enum err
products_list(struct page *page, struct diag *diag)
{
	return authority_object_each(page->desk->authority, STORE_PRODUCT,
	    product_item, page, diag);
}

static enum err
stations_list(struct page *page, struct diag *diag)
{
	return authority_object_each(page->desk->authority, STORE_STATION,
	    station_item, page, diag);
}

/* Chip makers and manufacturers, by age. */
static enum err
makers_put(struct page *page, const char *key,
    const struct chip_makers *makers, struct diag *diag)
{
	const struct chip_maker *maker;
	uint8_t hash[SHA256_SIZE];
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < makers->count && !err; i++) {
		if (!page_item(page, i))
			continue;
		maker = &makers->list[i];
		err = sha256_once(buf_bytes(&maker->cert), hash);
		json_put_text(&page->json, key, bytes_text(maker->name));
		json_put_time(&page->json, "added", maker->created);
		json_put_flag(&page->json, "removed", maker->removed);
		if (!err)
			json_put_hex(&page->json, "sha256", bytes_of(hash,
			    sizeof(hash)));
		json_close(&page->json, '}');
	}
	return err ? diag_fail(diag, err, NULL, "certificate of a maker: "
	    "cannot be hashed") : ERR_OK;
}

static enum err
chip_makers_list(struct page *page, struct diag *diag)
{
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	enum err err;

	err = chip_makers_load(page->desk->authority, &makers, diag);
	return err ? err : makers_put(page, "chip_maker", &makers, diag);
}

static enum err
manufacturers_list(struct page *page, struct diag *diag)
{
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	enum err err;

	err = manufacturers_load(page->desk->authority, &makers, diag);
	return err ? err : makers_put(page, "manufacturer", &makers, diag);
}

/* Orders. */

static enum err
order_put(struct desk *desk, struct json *json,
    const struct store_order *order, struct diag *diag)
{
	static const char *const states[] = { "?", "open", "complete",
		"cancelled" };
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object product;
	enum err err;

	err = authority_object_by_hash(desk->authority, STORE_PRODUCT,
	    order->product, &body, &product, diag);
	if (err)
		return err;
	json_put_number(json, "order", order->number);
	json_put_text(json, "product", bytes_text(product.name));
	json_put_text(json, "version", bytes_text(product.version));
	json_put_number(json, "count", order->count);
	json_put_number(json, "committed", order->committed);
	json_put_number(json, "packs", order->packs);
	json_put_text(json, "state", bytes_text(
	    states[order->state <= ORDER_CANCELLED ? order->state : 0]));
	json_put_flag(json, "running", desk->run.wanted &&
	    desk->run.order == order->number);
	json_put_time(json, "created", order->created);
	json_put_text(json, "operator", bytes_text(order->operator));
	if (desk->last_run.order == order->number)
		json_put_text(json, "last_run", bytes_text(
		    desk->last_run.what));
	else
		null_put(json, "last_run");
	return ERR_OK;
}

static enum err
order_item(void *ctx, const struct store_order *order)
{
	struct page *page = ctx;
	enum err err;

	if (!page_item(page, order->number))
		return ERR_OK;
	err = order_put(page->desk, &page->json, order, NULL);
	json_close(&page->json, '}');
	return err;
}

static enum err
orders_list(struct page *page, struct diag *diag)
{
	return store_order_each(authority_store(page->desk->authority),
	    order_item, page, diag);
}

static enum err
order_number(const char *text, uint32_t *ret_number, struct diag *diag)
{
	uint64_t number = 0;
	size_t i;

	for (i = 0; text[i] >= '0' && text[i] <= '9' && i < 10; i++)
		number = number * 10 + (uint64_t)(text[i] - '0');
	if (i == 0 || text[i] != '\0' || number > UINT32_MAX)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "order \"%.20s\": no such number", text);
	*ret_number = (uint32_t)number;
	return ERR_OK;
}

enum err
resource_order(struct desk *desk, const char *word, struct buf *out,
    struct store_order *ret_order, struct diag *diag)
{
	struct json json = { .b = out, .line = true };
	struct store_order order;
	uint32_t number;
	enum err err;

	err = order_number(word, &number, diag);
	if (!err)
		err = store_order_get(authority_store(desk->authority),
		    number, &order, diag);
	if (err)
		return err;
	json_open(&json, '{');
	err = order_put(desk, &json, &order, diag);
	json_close(&json, '}');
	if (!err && ret_order != NULL)
		*ret_order = order;
	return err;
}

/* Identities. */

static enum err
status_put(struct desk *desk, struct json *json,
    const struct address *address, struct diag *diag)
{
	struct store_status since;
	enum status status;
	enum err err;

	err = status_get(desk->authority, address->log, address->index,
	    &status, &since, diag);
	if (err)
		return err;
	json_put_text(json, "status", bytes_text(status_name(status)));
	if (status == STATUS_VALID) {
		null_put(json, "since");
		null_put(json, "reason");
		null_put(json, "operation");
	} else {
		json_put_time(json, "since", since.time);
		json_key(json, bytes_text("reason"));
		buf_printf(json->b, "%u", since.reason);
		json_put_number(json, "operation", since.operation);
	}
	return ERR_OK;
}

/* By kind; what the line gave and is not known here is left out. */
static void
names_put(struct json *json, const struct identity *identity,
    const struct template *template)
{
	size_t i;

	json_key(json, bytes_text("names"));
	json_open(json, '{');
	for (i = 0; i < template->name_count; i++)
		if (identity->name[i] != NULL)
			json_put_text(json, template->names[i].kind,
			    bytes_text(identity->name[i]));
	json_close(json, '}');
}

static enum err
identity_put(struct desk *desk, struct lookup *lookup, struct json *json,
    const struct address *address, struct diag *diag)
{
	const struct template *template;
	struct store_range range;
	struct identity identity;
	enum err err;

	err = lookup_get(lookup, address, &identity, &range, &template,
	    diag);
	if (err)
		return err;
	json_put_text(json, "log", bytes_text(address->log ==
	    LOG_ONLINE_NUMBER ? LOG_ONLINE : LOG_BULK));
	json_put_number(json, "index", address->index);
	json_put_text(json, "ueid", bytes_text(identity.ueid_hex));
	names_put(json, &identity, template);
	json_put_number(json, "order", range.order);
	json_put_time(json, "issued", range.issued);
	return status_put(desk, json, address, diag);
}

static enum err
identity_item(struct page *page, struct lookup *lookup, uint64_t index,
    struct diag *diag)
{
	const struct address address = { page->log, index };
	enum err err;

	if (!page_item(page, index))
		return ERR_OK;
	err = identity_put(page->desk, lookup, &page->json, &address, diag);
	json_close(&page->json, '}');
	return err;
}

struct order_walk {
	struct page	*page;
	struct lookup	*lookup;
	struct diag	*diag;
};

static enum err
order_range(void *ctx, const struct store_range *range)
{
	const struct order_walk *walk = ctx;
	struct page *page = walk->page;
	uint64_t end = range->first + range->count, at = range->first;
	enum err err = ERR_OK;

	if (at < page->from)
		at = page->from;
	for (; !err && !page->more && at < end; at++)
		err = identity_item(page, walk->lookup, at, walk->diag);
	return !err && page->more ? ERR_INTERRUPTED : err;
}

static enum err
identities_list(struct page *page, struct diag *diag)
{
	struct order_walk walk = { .page = page, .diag = diag };
	struct store *store = authority_store(page->desk->authority);
	_cleanup_lookup_ struct lookup *lookup = NULL;
	uint64_t at = page->from;
	struct store_range range;
	enum err err;

	err = lookup_new(page->desk->authority, &lookup, diag);
	if (!err && page->order != 0) {
		walk.lookup = lookup;
		err = store_range_each(store, page->log,
		    (uint32_t)page->order, RANGE_COMMITTED, order_range,
		    &walk, diag);
		return err == ERR_INTERRUPTED ? ERR_OK : err;
	}
	while (!err && !page->more) {
		err = store_range_get(store, page->log, at, &range, NULL);
		if (err)	/* the log ends here */
			return err == ERR_NOTFOUND ? ERR_OK : err;
		for (; !err && !page->more && range.state ==
		    RANGE_COMMITTED && at < range.first + range.count; at++)
			err = identity_item(page, lookup, at, diag);
		if (!page->more)
			at = range.first + range.count;
	}
	return err;
}

bool
segment_decode(const char *text, char out[SEGMENT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	const char *high, *low;
	size_t len = 0;

	for (; *text != '\0' && len < SEGMENT_SIZE - 1; text++) {
		out[len++] = *text;
		if (*text != '%')
			continue;
		high = text[1] != '\0' ? strchr(digits, text[1] | 0x20) :
		    NULL;
		low = high != NULL && text[2] != '\0' ?
		    strchr(digits, text[2] | 0x20) : NULL;
		if (low == NULL || (high == digits && low == digits))
			return false;
		out[len - 1] = (char)((high - digits) * 16 +
		    (low - digits));
		text += 2;
	}
	out[len] = '\0';
	return *text == '\0';
}

enum err
resource_identity(struct desk *desk, const char *word, struct buf *out,
    struct diag *diag)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct json json = { .b = out, .line = true };
	enum address_kind kind;
	struct address address;
	char plain[SEGMENT_SIZE];
	enum err err;

	if (!segment_decode(word, plain))
		return diag_fail(diag, ERR_INVALID, "RFC 3986 2.1",
		    "path: an identity's name that cannot be read");
	err = lookup_find(desk->authority, plain, &address, &kind, diag);
	if (!err)
		err = lookup_new(desk->authority, &lookup, diag);
	json_open(&json, '{');
	if (!err)
		err = identity_put(desk, lookup, &json, &address, diag);
	if (!err)
		json_put_text(&json, "kind",
		    bytes_text(address_kind_name(kind)));
	json_close(&json, '}');
	return err;
}

/* Status: what is not valid, as intervals. */

static enum err
interval_item(void *ctx, const struct store_status *row)
{
	struct page *page = ctx;

	if (!page_item(page, row->first))
		return ERR_OK;
	json_put_number(&page->json, "first", row->first);
	json_put_number(&page->json, "count", row->count);
	json_put_text(&page->json, "status",
	    bytes_text(status_name(row->state)));
	json_put_number(&page->json, "reason", row->reason);
	json_put_time(&page->json, "since", row->time);
	json_put_number(&page->json, "operation", row->operation);
	json_close(&page->json, '}');
	return page->more ? ERR_INTERRUPTED : ERR_OK;
}

static enum err
status_list(struct page *page, struct diag *diag)
{
	enum err err;

	err = store_status_each(authority_store(page->desk->authority),
	    page->log, page->from, (UINT64_C(1) << 56) - page->from,
	    interval_item, page, diag);
	return err == ERR_INTERRUPTED ? ERR_OK : err;
}

/* Pages. */

static enum err
number_get(const char *text, size_t len, uint64_t max, uint64_t *ret_number,
    struct diag *diag)
{
	uint64_t number = 0;
	size_t i;

	for (i = 0; i < len && i < 18 && text[i] >= '0' && text[i] <= '9'; i++)
		number = number * 10 + (uint64_t)(text[i] - '0');
	if (i == 0 || i != len || number > max)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "query: a number up to %llu is expected",
		    (unsigned long long)max);
	*ret_number = number;
	return ERR_OK;
}

enum err
query_number(const char *query, const char *name, uint64_t max,
    uint64_t *ret_number, struct diag *diag)
{
	size_t len = strlen(name);
	uint64_t number = 0;

	if (query[0] == '\0')
		return ERR_OK;
	if (strncmp(query, name, len) != 0 || query[len] != '=' ||
	    number_get(query + len + 1, strlen(query + len + 1), max,
	    &number, NULL) != ERR_OK || number == 0)
		return diag_fail(diag, ERR_INVALID, NULL, "query: allowed is "
		    "%s (1 to %llu)", name, (unsigned long long)max);
	*ret_number = number;
	return ERR_OK;
}

static bool
begins(const char **text, const char *with)
{
	if (strncmp(*text, with, strlen(with)) != 0)
		return false;
	*text += strlen(with);
	return true;
}

/* cursor=N, limit=N, log=NAME, in any order, with & between them. */
static enum err
page_query(struct page *page, const char *query)
{
	size_t len = 0;
	enum err err = ERR_OK;

	for (; *query != '\0'; query += query[len] == '&' ? len + 1 : len) {
		if (begins(&query, "cursor=")) {
			len = strcspn(query, "&");
			err = number_get(query, len, UINT64_C(1) << 56,
			    &page->from, NULL);
		} else if (begins(&query, "limit=")) {
			len = strcspn(query, "&");
			err = number_get(query, len, PAGE_MAX, &page->left,
			    NULL);
			if (page->left == 0)
				err = ERR_INVALID;
		} else if (begins(&query, "order=")) {
			len = strcspn(query, "&");
			err = number_get(query, len, UINT32_MAX,
			    &page->order, NULL);
			if (page->order == 0)
				err = ERR_INVALID;
		} else if (begins(&query, "log=" LOG_BULK)) {
			len = strcspn(query, "&");
			err = len == 0 ? ERR_OK : ERR_INVALID;
			page->log_said = true;
		} else if (begins(&query, "log=" LOG_ONLINE)) {
			len = strcspn(query, "&");
			err = len == 0 ? ERR_OK : ERR_INVALID;
			page->log = LOG_ONLINE_NUMBER;
			page->log_said = true;
		} else {
			err = ERR_INVALID;
		}
		if (err)
			break;
	}
	return err;
}

static const struct {
	const char	*path;
	enum err	(*list)(struct page *, struct diag *);
	bool		 by_log, by_order;
} lists[] = {
	{ "/v1/products", products_list, false, false },
	{ "/v1/stations", stations_list, false, false },
	{ "/v1/chip-makers", chip_makers_list, false, false },
	{ "/v1/manufacturers", manufacturers_list, false, false },
	{ "/v1/orders", orders_list, false, false },
	{ "/v1/identities", identities_list, true, true },
	{ "/v1/status", status_list, true, false },
};

enum err
resource_list(struct desk *desk, const char *path, const char *query,
    struct buf *out, struct diag *diag)
{
	struct page page = { .desk = desk, .left = PAGE_USUAL,
		.log = LOG_BULK_NUMBER, .json = { .b = out, .line = true } };
	size_t i;
	enum err err;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strcmp(lists[i].path, path) == 0)
			break;
	if (i == sizeof(lists) / sizeof(lists[0]))
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "path: there is nothing of that name");
	err = page_query(&page, query);
	if (err || (page.log_said && !lists[i].by_log) ||
	    (page.order != 0 && !lists[i].by_order))
		return diag_fail(diag, ERR_INVALID, NULL, "query: allowed "
		    "are cursor, limit (1 to %d)%s%s", PAGE_MAX,
		    lists[i].by_log ? ", log (" LOG_BULK ", " LOG_ONLINE
		    ")" : "", lists[i].by_order ? ", order (from 1)" : "");
	json_open(&page.json, '{');
	json_key(&page.json, bytes_text("items"));
	json_open(&page.json, '[');
	err = lists[i].list(&page, diag);
	json_close(&page.json, ']');
	if (page.more)
		json_put_number(&page.json, "next", page.next);
	else
		null_put(&page.json, "next");
	json_close(&page.json, '}');
	return err;
}
