/* Requests about orders. Running one is order_run.c. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/field.h"
#include "lib/authority/fit.h"
#include "lib/authority/names_internal.h"
#include "lib/authority/association.h"
#include "lib/authority/operation.h"
#include "lib/authority/order_record.h"
#include "lib/authority/request_internal.h"
#include "lib/authority/request_status.h"
#include "lib/base/cbor_write.h"
#include "lib/crypto/random.h"

enum err
request_put_order(struct buf *out, const uint8_t product[SHA256_SIZE],
    uint64_t count, const char *const *stations, size_t packs)
{
	return request_put_order_files(out, product, count, stations, packs,
	    NULL, NULL);
}

enum err
request_put_order_files(struct buf *out, const uint8_t product[SHA256_SIZE],
    uint64_t count, const char *const *stations, size_t packs,
    const struct names_file *names, const struct devices_said *devices)
{
	size_t i;

	cbor_put_array(out, devices != NULL ? 5 : names != NULL ? 4 : 3);
	cbor_put_bstr(out, bytes_of(product, SHA256_SIZE));
	cbor_put_uint(out, count);
	cbor_put_array(out, packs);
	for (i = 0; i < packs; i++)
		cbor_put_text(out, stations[i]);
	if (names != NULL) {
		cbor_put_array(out, 2);
		cbor_put_bstr(out, bytes_of(names->hash, SHA256_SIZE));
		cbor_put_uint(out, names->lines);
	} else if (devices != NULL)
		cbor_put_null(out);
	if (devices == NULL)
		return buf_err(out);
	cbor_put_array(out, 4);
	cbor_put_uint(out, devices->mode);
	cbor_put_bstr(out, bytes_of(devices->hash, SHA256_SIZE));
	cbor_put_uint(out, devices->entries);
	if (devices->approval.len > 0)
		cbor_put_bstr(out, devices->approval);
	else
		cbor_put_null(out);
	return buf_err(out);
}

/* The body's array is the first item of it: its head is one octet. */
enum err
request_add_order_extra(struct buf *body, const struct order_extra *extra)
{
	uint64_t parts;

	if (buf_err(body) || (extra->attrition == 0 && extra->top_up == 0))
		return buf_err(body);
	for (parts = body->ptr[0] & 0x1f; parts < 5; parts++)
		cbor_put_null(body);
	cbor_put_array(body, 2);
	cbor_put_uint(body, extra->attrition);
	cbor_put_uint(body, extra->top_up);
	if (!buf_err(body))
		body->ptr[0] = (uint8_t)(CBOR_ARRAY << 5 | 6);
	return buf_err(body);
}

struct order_body {
	uint8_t		product[SHA256_SIZE];
	uint64_t	count;
	struct bytes	stations[ORDER_PACKS_MAX];
	size_t		packs;
	bool		named;
	struct names_file names;
	bool		listed;
	struct devices_said devices;
	struct order_extra extra;
};

static void
names_parse(struct cbor *cbor, struct order_body *body)
{
	struct bytes hash;

	if (cbor_peek(cbor) == CBOR_SIMPLE) {
		cbor_get_null(cbor);
		return;
	}
	cbor_get_array_sized(cbor, 2);
	hash = cbor_get_bstr_sized(cbor, SHA256_SIZE);
	body->names.lines = cbor_get_uint(cbor);
	body->named = cbor_ok(cbor);
	if (body->named)
		memcpy(body->names.hash, hash.ptr, SHA256_SIZE);
}

static void
devices_parse(struct cbor *cbor, struct order_body *body)
{
	struct devices_said *said = &body->devices;
	struct bytes hash;

	if (cbor_peek(cbor) == CBOR_SIMPLE) {
		cbor_get_null(cbor);
		return;
	}
	cbor_get_array_sized(cbor, 4);
	said->mode = (enum order_mode)cbor_get_uint(cbor);
	hash = cbor_get_bstr_sized(cbor, SHA256_SIZE);
	said->entries = cbor_get_uint(cbor);
	if (cbor_peek(cbor) == CBOR_BSTR)
		said->approval = cbor_get_bstr(cbor);
	else
		cbor_get_null(cbor);
	if (said->mode != ORDER_CHIP && said->mode != ORDER_DEVICE_KEY)
		cbor_fail(cbor, "a mode that is not known");
	body->listed = cbor_ok(cbor);
	if (body->listed)
		memcpy(said->hash, hash.ptr, SHA256_SIZE);
}

static void
extra_parse(struct cbor *cbor, struct order_body *body)
{
	uint64_t top_up;

	cbor_get_array_sized(cbor, 2);
	body->extra.attrition = cbor_get_uint(cbor);
	top_up = cbor_get_uint(cbor);
	body->extra.top_up = (uint32_t)top_up;
	if (top_up > UINT32_MAX || body->extra.attrition >= body->count ||
	    (top_up == 0 && body->extra.attrition == 0))
		cbor_fail(cbor, "attrition or topped-up order out of range");
}

static enum err
order_parse(struct bytes encoded, struct order_body *body, struct diag *diag)
{
	struct bytes product;
	struct cbor cbor;
	size_t i, parts;

	cbor_open(&cbor, encoded);
	parts = cbor_get_array(&cbor);
	*body = (struct order_body){ .count = 0 };
	if (parts < 3 || parts > 6)
		cbor_fail(&cbor, "array of another size expected");
	product = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	body->count = cbor_get_uint(&cbor);
	body->packs = cbor_get_array(&cbor);
	if (cbor_ok(&cbor) && (body->packs == 0 ||
	    body->packs > ORDER_PACKS_MAX))
		return diag_fail(diag, ERR_INVALID, NULL,
		    "order: %zu packs; allowed are 1 to %d", body->packs,
		    ORDER_PACKS_MAX);
	for (i = 0; i < body->packs && cbor_ok(&cbor); i++)
		body->stations[i] = cbor_get_tstr(&cbor);
	if (parts > 3)
		names_parse(&cbor, body);
	if (parts == 4 && cbor_ok(&cbor) && !body->named)
		cbor_fail(&cbor, "names or nothing expected");
	if (parts > 4)
		devices_parse(&cbor, body);
	if (parts == 5 && cbor_ok(&cbor) && !body->listed)
		cbor_fail(&cbor, "devices or nothing expected");
	if (parts > 5)
		extra_parse(&cbor, body);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL, "order request: %s",
		    cbor.error);
	if (body->count < body->packs || body->count > ORDER_COUNT_MAX)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "order: count %llu; allowed are %zu (one a pack) to %llu",
		    (unsigned long long)body->count, body->packs,
		    (unsigned long long)ORDER_COUNT_MAX);
	memcpy(body->product, product.ptr, SHA256_SIZE);
	return ERR_OK;
}

void
request_order_files(struct bytes encoded, bool *ret_named, bool *ret_listed)
{
	struct order_body body;
	bool good = order_parse(encoded, &body, NULL) == ERR_OK;

	*ret_named = good && body.named;
	*ret_listed = good && body.listed;
}

/* Is there a key to seal to? */
static enum err
station_ready(struct authority *authority, const char *name,
    struct diag *diag)
{
	struct station_statement statement;
	bool ended = false;
	enum err err;

	err = station_statement_get(authority, name, NULL, &statement, NULL);
	if (err == ERR_NOTFOUND) {
		err = diag_fail(diag, err, NULL,
		    "station %s: is not registered", name);
		diag_hint(diag, "register its statement with 'imprint "
		    "station add FILE'");
	} else if (err)
		err = diag_fail(diag, err, NULL,
		    "station %s: its statement cannot be trusted", name);
	if (!err)
		err = sealing_key_ended(authority, statement.kid, &ended,
		    diag);
	if (err || !ended)
		return err;
	err = diag_fail(diag, ERR_STATE, NULL, "station %s: its sealing key "
	    "is used up: a final report was loaded, or it is lost", name);
	diag_hint(diag, "register its new statement with 'imprint station "
	    "renew FILE'");
	return err;
}

static enum err
order_pack(struct authority *authority, const struct store_order *order,
    const struct order_body *body, size_t i, struct diag *diag)
{
	struct store_pack pack = { .order = order->number,
	    .no = (uint32_t)i + 1 };
	enum err err;

	if (body->stations[i].len > STORE_NAME_MAX)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "order: a station's name is longer than %d",
		    STORE_NAME_MAX);
	memcpy(pack.station, body->stations[i].ptr, body->stations[i].len);
	err = station_ready(authority, pack.station, diag);
	if (!err)
		err = random_bytes(pack.id, sizeof(pack.id), diag);
	if (err)
		return err;
	pack.count = body->count / body->packs +
	    (i < body->count % body->packs);
	return store_pack_put(authority->store, &pack, diag);
}

/* Names are made of the index: is there room up to last? */
static enum err
order_names(const struct product *product, uint64_t last, struct diag *diag)
{
	char text[NAME_TEXT_SIZE];
	size_t i;
	enum err err;

	for (i = 0; i < product->name_count; i++) {
		if (product->names[i].from != NAME_FROM_INDEX ||
		    name_format(&product->names[i], last, text) == ERR_OK)
			continue;
		err = diag_fail(diag, ERR_LIMIT, NULL,
		    "product %s: %s has %u digits, too few for index %llu",
		    product->name, product->names[i].kind,
		    product->names[i].digits, (unsigned long long)last);
		diag_hint(diag, "give the product a new version with more "
		    "digits");
		return err;
	}
	return ERR_OK;
}

struct outstanding {
	uint32_t	log;
	uint64_t	count;
};

static enum err
outstanding_add(void *ctx, const struct store_order *order)
{
	struct outstanding *outstanding = ctx;

	if (order->log == outstanding->log && order->state == ORDER_OPEN)
		outstanding->count += order->count - order->committed;
	return ERR_OK;
}

/* Orders that are still open will take their indices first. */
static enum err
order_room(struct authority *authority, const struct product *product,
    const struct store_log *log, uint64_t count, struct diag *diag)
{
	struct outstanding outstanding = { .log = log->log };
	enum err err;

	err = store_order_each(authority->store, outstanding_add,
	    &outstanding, diag);
	if (!err)
		err = order_names(product, log->reserved + outstanding.count +
		    count, diag);
	if (!err)
		err = names_check_room(authority, product, count, diag);
	return err;
}

uint32_t
order_chunk_size(const struct product *product)
{
	size_t i;

	for (i = 0; i < product->credential_count; i++)
		if (key_algorithm(product->credentials[i].alg)->kind ==
		    KEY_RSA)
			return CHUNK_SIZE_RSA;
	return CHUNK_SIZE;
}

static enum err
field_refuse(const struct product *product, struct diag *diag)
{
	enum err err;

	if (product->field.bootstrap[0] == '\0')
		return ERR_OK;
	err = diag_fail(diag, ERR_INVALID, NULL, "order: product %s is had "
	    "in the field", product->name);
	if (product->field.devices == 0)
		diag_hint(diag, "order %s, which devices enrol with",
		    product->field.bootstrap);
	return err;
}

/* The product must be ours, and its template made and checked. */
static enum err
order_template(struct authority *authority, const struct order_body *body,
    int64_t now, const struct store_log *log, struct store_order *order,
    struct product *ret_product, struct diag *diag)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	struct store_object object;
	struct product product;
	enum err err;

	err = object_by_hash(authority->store, authority->row_mac,
	    STORE_PRODUCT,
	    body->product, &encoded, &object, NULL);
	if (err == ERR_NOTFOUND) {
		err = diag_fail(diag, err, NULL,
		    "order: no product with this hash");
		diag_hint(diag, "see 'imprint product list'");
	}
	if (!err)
		err = product_decode(object.body, &product, diag);
	if (!err)
		err = field_refuse(&product, diag);
	if (!err)
		err = devices_product_check(&product, body->listed ?
		    body->devices.mode : ORDER_STATION, diag);
	if (!err)
		err = order_room(authority, &product, log, body->count,
		    diag);
	if (!err)
		err = authority_template_for(authority, &product, log, now,
		    &order->template, diag);
	if (err)
		return err;
	order->chunk_size = order_chunk_size(&product);
	*ret_product = product;
	return ERR_OK;
}

/* The file that the request speaks of, if the product wants one. */
static enum err
order_file(struct authority *authority, const struct request *request,
    const struct order_body *body, const struct store_order *order,
    struct diag *diag)
{
	_cleanup_template_ struct template *template = NULL;
	bool wanted;
	enum err err;

	err = authority_template(authority, order->template, &template, diag);
	if (err)
		return err;
	wanted = template_csv_names(template) > 0;
	if (wanted && (!body->named || request->files.file == NULL)) {
		err = diag_fail(diag, ERR_INVALID, NULL, "order: the "
		    "product's names come with the order: a file of them is "
		    "missing");
		diag_hint(diag, "give it with --names FILE: one line for "
		    "each identity, and a header that names the kinds");
		return err;
	}
	if (!wanted && (body->named || request->files.file != NULL))
		return diag_fail(diag, ERR_INVALID, NULL, "order: the "
		    "product takes no names from a file");
	return wanted ? names_import(authority, order, template,
	    request->files.file, &body->names, diag) : ERR_OK;
}

/* What would be made is held against the product's target. */
static enum err
order_fits(struct authority *authority, const struct request *request,
    const struct order_body *body, const struct store_order *order,
    const struct product *product, uint64_t last, int64_t now,
    struct diag *diag)
{
	const struct fit_case fit = { .product = product,
		.template = order->template, .chunk_size = order->chunk_size,
		.mode = body->listed ? body->devices.mode : ORDER_STATION,
		.last = last, .names = request->files.file,
		.said = &body->names };

	return fit_check(authority, &fit, now, diag);
}

static enum err
order_devices(struct authority *authority, const struct request *request,
    const struct order_body *body, const struct store_order *order,
    const struct product *product, int64_t now, struct diag *diag)
{
	if (body->listed != (request->files.devices != NULL))
		return diag_fail(diag, ERR_INVALID, NULL, "order: %s",
		    body->listed ? "its list of devices is missing" :
		    "a list of devices came along that it does not name");
	return body->listed ? devices_import(authority, order, product,
	    request->files.devices, &body->devices, now, diag) : ERR_OK;
}

enum err
request_order_create(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	struct store_order order = { .state = ORDER_OPEN, .created = now };
	struct order_body body;
	struct product product;
	struct store_log log;
	size_t i;
	enum err err;

	err = order_parse(request->body, &body, diag);
	if (!err && body.extra.top_up != 0)
		err = order_top_up_check(authority, body.extra.top_up,
		    body.product, body.count, diag);
	if (!err)
		err = store_log_by_name(authority->store, LOG_BULK, &log,
		    diag);
	if (!err)
		err = order_template(authority, &body, now, &log, &order,
		    &product, diag);
	if (!err)
		err = random_bytes(order.id, sizeof(order.id), diag);
	if (err)
		return err;
	memcpy(order.product, body.product, SHA256_SIZE);
	memcpy(order.operator, request->signed_by, sizeof(order.operator));
	order.count = body.count;
	order.packs = (uint32_t)body.packs;
	order.log = log.log;
	err = store_order_create(authority->store, &order, diag);
	if (!err)
		err = order_file(authority, request, &body, &order, diag);
	if (!err)
		err = order_fits(authority, request, &body, &order, &product,
		    log.reserved + body.count, now, diag);
	if (!err)
		err = order_devices(authority, request, &body, &order,
		    &product, now, diag);
	for (i = 0; i < body.packs && !err; i++)
		err = order_pack(authority, &order, &body, i, diag);
	if (!err)
		err = order_record_put(authority, &order, &body.extra, diag);
	cbor_put_uint(result, order.number);
	return err;
}

struct cancel {
	bool			 complete[ORDER_PACKS_MAX + 1];	/* by no */
	struct status_ranges	 list;
};

static enum err
cancel_collect(void *ctx, const struct store_range *range)
{
	struct cancel *cancel = ctx;

	if (range->pack > ORDER_PACKS_MAX || cancel->complete[range->pack])
		return ERR_OK;
	return status_ranges_extend(&cancel->list, range->log, range->first,
	    range->count, NULL);
}

static enum err
cancel_enrolled(struct authority *authority, struct status_ranges *list,
    struct diag *diag)
{
	size_t i, births = list->count;
	enum err err = ERR_OK;

	for (i = 0; i < births && !err; i++) {
		const struct status_range range = list->ranges[i];

		err = field_enrolled(authority, &range, list, diag);
	}
	status_ranges_sort(list, births);
	return err;
}

/* What lies in packs that were never complete never left, and will not. Who
 * enrolled with it all the same read the file of one. */
static enum err
cancel_revoke(struct authority *authority, const struct store_order *order,
    int64_t now, struct cancel *cancel, struct diag *diag)
{
	struct status_change change = { .action = STATUS_REVOKE,
	    .reason = CRL_CESSATION_OF_OPERATION };
	struct status_count count = { 0 };
	struct operation operation;
	struct store_pack pack;
	uint32_t no;
	enum err err = ERR_OK;

	for (no = 1; no <= order->packs && no <= ORDER_PACKS_MAX && !err;
	    no++) {
		err = store_pack_get(authority->store, order->number, no,
		    &pack, diag);
		cancel->complete[no] = !err && pack.complete;
	}
	if (!err)
		err = store_range_each(authority->store, order->log,
		    order->number, RANGE_COMMITTED, cancel_collect, cancel,
		    diag);
	if (!err)
		err = cancel_enrolled(authority, &cancel->list, diag);
	if (!err)
		err = operation_next(authority, now, &operation, diag);
	if (err || cancel->list.count == 0)
		return err;
	change.time = operation.time;
	change.operation = operation.seq;
	return status_apply_all(authority, &change, cancel->list.ranges,
	    cancel->list.count, &count, diag);
}

enum err
request_order_cancel(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	struct cancel cancel = { 0 };
	struct store_order order;
	struct cbor cbor;
	uint64_t number;
	enum err err;

	cbor_open(&cbor, request->body);
	number = cbor_get_uint(&cbor);
	if (!cbor_close(&cbor) || number > UINT32_MAX)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "order request: not a number");
	err = store_order_get(authority->store, (uint32_t)number, &order,
	    diag);
	if (err)
		return err;
	if (order.state != ORDER_OPEN)
		return diag_fail(diag, ERR_STATE, NULL,
		    "order %u: is %s and cannot be cancelled", order.number,
		    order.state == ORDER_COMPLETE ? "complete" : "cancelled");
	err = cancel_revoke(authority, &order, now, &cancel, diag);
	if (!err)
		err = store_order_set(authority->store, order.number,
		    order.committed, ORDER_CANCELLED, diag);
	if (!err)
		err = devices_release(authority, &order, diag);
	if (!err)
		err = order_record_cancel(authority, &order, now, diag);
	status_ranges_put(result, cancel.list.ranges, cancel.list.count);
	status_ranges_release(&cancel.list);
	return err;
}
