#include "lib/authority/order_record.h"

#include <stdio.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/order_run.h"
#include "lib/authority/reconcile.h"
#include "lib/base/cbor_write.h"

enum err
authority_pack_path(const struct authority *authority, uint32_t order,
    uint32_t no, bool complete, char ret_path[PATH_SIZE], struct diag *diag)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s/order-%u-%u.pack%s",
	    DIR_PACKS, order, no, complete ? "" : ".part");
	return authority_path(authority, name, ret_path, diag);
}

/* A station's first statement has version "", later ones "2", "3", ... */
struct kid_search {
	const struct station_statement	*new;
	struct diag			*diag;
};

static enum err
kid_compare(void *ctx, const struct store_object *object)
{
	struct kid_search *s = ctx;
	struct station_statement other;
	enum err err;

	err = station_statement_parse(object->body, &other, s->diag);
	if (err || strcmp(other.name, s->new->name) == 0 ||
	    memcmp(other.kid, s->new->kid, COSE_KID_SIZE) != 0)
		return err;
	return diag_fail(s->diag, ERR_CONFLICT, NULL, "station %s: its "
	    "sealing key is that of station %s", s->new->name, other.name);
}

enum err
station_kid_check(struct authority *authority,
    const struct station_statement *new, struct diag *diag)
{
	struct kid_search s = { new, diag };

	return authority_object_each(authority, STORE_STATION, kid_compare,
	    &s, diag);
}

enum err
station_statement_get(struct authority *authority, const char *name,
    const uint8_t kid[COSE_KID_SIZE], struct station_statement *ret_statement,
    struct diag *diag)
{
	struct station_statement statement;
	char version[16] = "";
	unsigned n;
	enum err err;

	for (n = 1;; n++) {
		_cleanup_buf_ struct buf body = BUF_INIT;
		struct store_object station;

		if (n > 1)
			(void)snprintf(version, sizeof(version), "%u", n);
		err = authority_object_get(authority, STORE_STATION, name,
		    kid == NULL ? NULL : version, &body, &station, diag);
		if (!err)
			err = station_statement_parse(station.body,
			    &statement, diag);
		if (!err && strcmp(statement.name, name) != 0)
			err = diag_fail(diag, ERR_CORRUPT, NULL, "station "
			    "%s: its statement is that of %s", name,
			    statement.name);
		if (err)
			return err;
		if (kid == NULL ||
		    memcmp(statement.kid, kid, COSE_KID_SIZE) == 0)
			break;
	}
	*ret_statement = statement;
	return ERR_OK;
}

/* stored: NULL when it is ordered just now, for the newest key. */
static enum err
record_pack(struct authority *authority, const struct store_order *order,
    uint32_t no, const struct order_record *stored, struct buf *out,
    struct diag *diag)
{
	const uint8_t *kid = stored != NULL && no <= stored->pack_count ?
	    stored->packs[no - 1].kid : NULL;
	struct station_statement statement;
	struct store_pack pack;
	enum err err;

	err = store_pack_get(authority->store, order->number, no, &pack,
	    diag);
	if (!err)
		err = station_statement_get(authority, pack.station, kid,
		    &statement, diag);
	if (err)
		return err;
	cbor_put_array(out, 4);
	cbor_put_bstr(out, bytes_of(pack.id, STORE_ID_SIZE));
	cbor_put_uint(out, pack.count);
	cbor_put_text(out, pack.station);
	cbor_put_bstr(out, bytes_of(statement.kid, COSE_KID_SIZE));
	return buf_err(out);
}

static void
record_list(const struct store_device_list *list, struct buf *out)
{
	cbor_put_array(out, 6);
	cbor_put_uint(out, list->first);
	cbor_put_uint(out, list->entries);
	cbor_put_uint(out, list->mode);
	cbor_put_uint(out, list->trust);
	cbor_put_text(out, list->source);
	cbor_put_bstr(out, bytes_of(list->hash, STORE_HASH_SIZE));
}

static enum err
record_encode(struct authority *authority, const struct store_order *order,
    const struct order_record *stored, const struct order_extra *extra,
    struct buf *out, struct diag *diag)
{
	bool more = extra->attrition != 0 || extra->top_up != 0;
	struct store_device_list list;
	struct store_name_file file;
	bool named, listed;
	uint32_t no;
	enum err err;

	err = store_name_file_get(authority->store, order->number, &file,
	    NULL);
	if (err && err != ERR_NOTFOUND)
		return diag_fail(diag, err, NULL,
		    "order %u: its file of names cannot be read",
		    order->number);
	named = err == ERR_OK;
	err = store_device_list_get(authority->store, order->number, &list,
	    NULL);
	if (err && err != ERR_NOTFOUND)
		return diag_fail(diag, err, NULL,
		    "order %u: its list of devices cannot be read",
		    order->number);
	listed = err == ERR_OK;
	err = ERR_OK;
	cbor_put_array(out, more ? 11 : listed ? 10 : named ? 9 : 8);
	cbor_put_uint(out, order->number);
	cbor_put_bstr(out, bytes_of(order->id, STORE_ID_SIZE));
	cbor_put_bstr(out, bytes_of(order->product, STORE_HASH_SIZE));
	cbor_put_uint(out, order->count);
	cbor_put_uint(out, order->log);
	cbor_put_uint(out, order->template);
	cbor_put_text(out, order->operator);
	cbor_put_array(out, order->packs);
	for (no = 1; no <= order->packs && !err; no++)
		err = record_pack(authority, order, no, stored, out, diag);
	if (named) {
		cbor_put_array(out, 2);
		cbor_put_bstr(out, bytes_of(file.hash, STORE_HASH_SIZE));
		cbor_put_uint(out, file.lines);
	} else if (listed || more)
		cbor_put_null(out);
	if (listed)
		record_list(&list, out);
	else if (more)
		cbor_put_null(out);
	if (more) {
		cbor_put_array(out, 2);
		cbor_put_uint(out, extra->attrition);
		cbor_put_uint(out, extra->top_up);
	}
	return err ? err : buf_err(out);
}

static void
text_get(struct cbor *cbor, char ret_text[STORE_NAME_MAX + 1])
{
	struct bytes text = cbor_get_tstr(cbor);

	if (text.len > STORE_NAME_MAX)
		cbor_fail(cbor, "name too long");
	if (!cbor_ok(cbor))
		return;
	memcpy(ret_text, text.ptr, text.len);
	ret_text[text.len] = '\0';
}

static void
fixed_get(struct cbor *cbor, uint8_t *ret_octets, size_t size)
{
	struct bytes octets = cbor_get_bstr_sized(cbor, size);

	if (cbor_ok(cbor))
		memcpy(ret_octets, octets.ptr, size);
}

/* What record_encode() wrote, and its MAC held: trusted in form. */
static enum err
record_parse(struct bytes body, struct order_record *ret_record,
    struct diag *diag)
{
	struct order_record r = { .number = 0 };
	struct cbor cbor;
	size_t parts, packs, i;

	cbor_open(&cbor, body);
	parts = cbor_get_array(&cbor);
	r.number = (uint32_t)cbor_get_uint(&cbor);
	fixed_get(&cbor, r.id, STORE_ID_SIZE);
	fixed_get(&cbor, r.product, SHA256_SIZE);
	r.count = cbor_get_uint(&cbor);
	r.log = (uint32_t)cbor_get_uint(&cbor);
	cbor_skip(&cbor);
	text_get(&cbor, r.operator);
	packs = cbor_get_array(&cbor);
	for (i = 0; i < packs && i < ORDER_PACKS_MAX && cbor_ok(&cbor); i++) {
		cbor_get_array_sized(&cbor, 4);
		fixed_get(&cbor, r.packs[i].id, STORE_ID_SIZE);
		r.packs[i].count = cbor_get_uint(&cbor);
		text_get(&cbor, r.packs[i].station);
		fixed_get(&cbor, r.packs[i].kid, COSE_KID_SIZE);
	}
	for (i = 8; i < parts && i < 10 && cbor_ok(&cbor); i++)
		cbor_skip(&cbor);
	if (parts > 10) {
		cbor_get_array_sized(&cbor, 2);
		r.extra.attrition = cbor_get_uint(&cbor);
		r.extra.top_up = (uint32_t)cbor_get_uint(&cbor);
	}
	r.pack_count = (uint32_t)packs;
	if (!cbor_close(&cbor) || parts < 8 || packs > ORDER_PACKS_MAX)
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "registry: an order's record is none");
	*ret_record = r;
	return ERR_OK;
}

enum err
order_record_get(struct authority *authority, uint32_t number,
    struct order_record *ret_record, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	char name[STORE_NAME_MAX + 1];
	struct store_object object;
	enum err err;

	(void)snprintf(name, sizeof(name), "%u", number);
	err = authority_object_get(authority, STORE_ORDER, name, "", &body,
	    &object, NULL);
	if (err == ERR_NOTFOUND)
		return diag_fail(diag, err, NULL, "order %u: there is none",
		    number);
	if (err)
		return diag_fail(diag, err, NULL,
		    "order %u: its record cannot be trusted", number);
	return record_parse(object.body, ret_record, diag);
}

enum err
order_record_put(struct authority *authority,
    const struct store_order *order, const struct order_extra *extra,
    struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object object = { .kind = STORE_ORDER,
	    .created = order->created };
	enum err err;

	err = record_encode(authority, order, NULL, extra, &body, diag);
	if (!err)
		err = sha256_once(buf_bytes(&body), object.hash);
	if (err)
		return err;
	(void)snprintf(object.name, sizeof(object.name), "%u",
	    order->number);
	object.body = buf_bytes(&body);
	return object_put(authority->store, authority->row_mac, &object,
	    diag);
}

#define CANCELLED	"cancelled"	/* version of its second object */

enum err
order_record_cancel(struct authority *authority,
    const struct store_order *order, int64_t now, struct diag *diag)
{
	struct store_object object = { .kind = STORE_ORDER,
	    .version = CANCELLED, .created = now };
	enum err err;

	(void)snprintf(object.name, sizeof(object.name), "%u",
	    order->number);
	err = sha256_once(BYTES_NONE, object.hash);
	return err ? err : object_put(authority->store, authority->row_mac,
	    &object, diag);
}

enum err
order_record_check(struct authority *authority,
    const struct store_order *order, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, now = BUF_INIT;
	char name[STORE_NAME_MAX + 1];
	struct order_record record;
	struct store_object object;
	bool cancelled;
	enum err err;

	(void)snprintf(name, sizeof(name), "%u", order->number);
	err = authority_object_get(authority, STORE_ORDER, name, CANCELLED,
	    &body, &object, NULL);
	if (err && err != ERR_NOTFOUND)
		return diag_fail(diag, err, NULL, "order %u: its record "
		    "cannot be trusted", order->number);
	cancelled = err == ERR_OK;
	buf_clear(&body);
	err = authority_object_get(authority, STORE_ORDER, name, "", &body,
	    &object, diag);
	if (!err)
		err = record_parse(object.body, &record, diag);
	if (!err)
		err = record_encode(authority, order, &record, &record.extra,
		    &now, diag);
	if (err)
		return err;
	if (bytes_equal(object.body, buf_bytes(&now)) &&
	    cancelled == (order->state == ORDER_CANCELLED))
		return ERR_OK;
	err = diag_fail(diag, ERR_CORRUPT, NULL,
	    "order %u: the registry's rows are not what was %s",
	    order->number, cancelled ? "cancelled" : "ordered");
	diag_hint(diag, "somebody wrote to registry.db: restore it from a "
	    "backup; nothing was signed");
	return err;
}

struct top_up_walk {
	struct authority	*authority;
	uint32_t		 order;
	uint64_t		 made;
	struct diag		*diag;
};

static enum err
top_up_count(void *ctx, const struct store_order *order)
{
	struct top_up_walk *walk = ctx;
	struct order_record record;
	enum err err;

	if (order->state == ORDER_CANCELLED)
		return ERR_OK;
	err = order_record_get(walk->authority, order->number, &record,
	    walk->diag);
	if (!err && record.extra.top_up == walk->order)
		walk->made += record.count;
	return err;
}

enum err
order_top_up_check(struct authority *authority, uint32_t order,
    const uint8_t product[SHA256_SIZE], uint64_t count, struct diag *diag)
{
	struct top_up_walk walk = { .authority = authority, .order = order,
	    .diag = diag };
	struct order_record record;
	struct reconcile_line line;
	uint64_t lost = 0;
	uint32_t no;
	enum err err;

	err = order_record_get(authority, order, &record, diag);
	if (!err && memcmp(record.product, product, SHA256_SIZE) != 0)
		err = diag_fail(diag, ERR_INVALID, NULL, "order %u: is of "
		    "another product than what is to make up for it", order);
	for (no = 1; !err && no <= record.pack_count; no++) {
		err = reconcile_line(authority, order, no, &line, diag);
		if (!err)
			lost += line.figures.scrapped + line.figures.reworked;
	}
	if (!err)
		err = store_order_each(authority->store, top_up_count, &walk,
		    diag);
	if (err || (walk.made <= lost && count <= lost - walk.made))
		return err;
	err = diag_fail(diag, ERR_CONFLICT, NULL, "order %u: %ju were "
	    "reported scrapped or reworked, %ju of them made up for; %ju more "
	    "are not allowed", order, (uintmax_t)lost, (uintmax_t)walk.made,
	    (uintmax_t)count);
	diag_hint(diag, "load the station's report first: 'imprint order "
	    "reconcile %u --report FILE'", order);
	return err;
}
