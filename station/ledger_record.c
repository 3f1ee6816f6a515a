/* One record as deterministic CBOR, and back. */
#include "lib/base/cbor_write.h"
#include "station/ledger_internal.h"

static void
put_id(struct buf *out, const uint8_t id[PACKAGE_ID_SIZE])
{
	cbor_put_bstr(out, bytes_of(id, PACKAGE_ID_SIZE));
}

static void
put_names(struct buf *out, const struct ledger_record *r)
{
	size_t i;

	cbor_put_array(out, r->name_count);
	for (i = 0; i < r->name_count; i++) {
		cbor_put_array(out, 3);
		cbor_put_tstr(out, r->names[i].kind);
		cbor_put_uint(out, r->names[i].type);
		cbor_put_tstr(out, r->names[i].text);
	}
}

static void
put_who(struct buf *out, const struct ledger_record *r)
{
	cbor_put_tstr(out, r->fixture);
	cbor_put_tstr(out, r->badge);
	cbor_put_tstr(out, r->mes_order);
}

/* How many elements a record of each kind has. */
static size_t
elements(enum ledger_kind kind)
{
	static const uint8_t counts[] = {
		[LEDGER_IMPORT] = 8, [LEDGER_OUT] = 5, [LEDGER_RESULT] = 5,
		[LEDGER_RESERVE] = 11, [LEDGER_COMMIT] = 11,
		[LEDGER_SCRAP] = 8, [LEDGER_REWORK] = 8, [LEDGER_ANCHOR] = 5,
		[LEDGER_REPORT] = 5, [LEDGER_CLOSED] = 3
	};

	return kind < sizeof(counts) ? counts[kind] : 0;
}

#define IMPORT_ELEMENTS_1	6	/* in version 1 */
#define WHO_ELEMENTS		3

static bool
is_plugin(enum ledger_kind kind)
{
	return kind == LEDGER_OUT || kind == LEDGER_RESULT;
}

static bool
has_who(const struct ledger_record *r)
{
	return !is_plugin(r->kind) || r->fixture.len > 0 ||
	    r->badge.len > 0 || r->mes_order.len > 0;
}

/* Of a plug-in's records who may be missing: ret_whole. */
static bool
elements_good(enum ledger_kind kind, size_t count, bool *ret_whole)
{
	size_t most = elements(kind) + (is_plugin(kind) ? WHO_ELEMENTS : 0);

	*ret_whole = count == most;
	return *ret_whole || (is_plugin(kind) && count == elements(kind)) ||
	    (kind == LEDGER_IMPORT && count == IMPORT_ELEMENTS_1);
}

/* What follows pack and position. */
static void
put_package(struct buf *out, const struct ledger_record *r)
{
	switch (r->kind) {
	case LEDGER_OUT:
		cbor_put_uint(out, r->index);
		break;
	case LEDGER_RESULT:
		cbor_put_uint(out, r->status);
		break;
	case LEDGER_RESERVE:
		cbor_put_uint(out, r->index);
		cbor_put_uint(out, r->device_kind);
		cbor_put_bstr(out, r->device);
		cbor_put_bstr(out, r->nonce);
		break;
	case LEDGER_COMMIT:
		cbor_put_uint(out, r->evidence);
		cbor_put_bstr(out, r->proof);
		cbor_put_tstr(out, r->firmware);
		put_names(out, r);
		break;
	default:	/* scrap, rework */
		cbor_put_tstr(out, r->reason);
	}
	if (has_who(r))
		put_who(out, r);
}

void
ledger_put_record(struct buf *out, const struct ledger_record *r)
{
	cbor_put_array(out, elements(r->kind) +
	    (is_plugin(r->kind) && has_who(r) ? WHO_ELEMENTS : 0));
	cbor_put_uint(out, r->kind);
	cbor_put_int(out, r->time);
	switch (r->kind) {
	case LEDGER_IMPORT:
		put_id(out, r->pack);
		put_id(out, r->order);
		cbor_put_uint(out, r->count);
		cbor_put_text(out, r->product);
		cbor_put_uint(out, r->order_number);
		cbor_put_bstr(out, bytes_of(r->recipient, SHA256_SIZE));
		break;
	case LEDGER_ANCHOR:
		cbor_put_uint(out, r->anchor);
		cbor_put_uint(out, r->number);
		cbor_put_bstr(out, r->value);
		break;
	case LEDGER_REPORT:
		put_id(out, r->order);
		cbor_put_uint(out, r->number);
		cbor_put_bool(out, r->final);
		break;
	case LEDGER_CLOSED:
		put_id(out, r->order);
		break;
	default:
		put_id(out, r->pack);
		cbor_put_uint(out, r->position);
		put_package(out, r);
	}
}

static void
fixed_get(struct cbor *c, uint8_t *out, size_t len)
{
	struct bytes found = cbor_get_bstr_sized(c, len);

	if (cbor_ok(c))
		memcpy(out, found.ptr, len);
}

static unsigned
small_get(struct cbor *c)
{
	uint64_t value = cbor_get_uint(c);

	if (value > UINT32_MAX)
		cbor_fail(c, "number out of range");
	return (unsigned)value;
}

static void
import_get(struct cbor *c, struct ledger_record *r, bool whole)
{
	struct bytes product;

	fixed_get(c, r->pack, PACKAGE_ID_SIZE);
	fixed_get(c, r->order, PACKAGE_ID_SIZE);
	r->count = cbor_get_uint(c);
	product = cbor_get_tstr(c);
	if (product.len > LEDGER_PRODUCT_MAX)
		cbor_fail(c, "product's name is too long");
	else if (product.len > 0 &&
	    memchr(product.ptr, '\0', product.len) != NULL)
		cbor_fail(c, "product's name holds a NUL");
	else if (product.len > 0)
		memcpy(r->product, product.ptr, product.len);
	if (!whole)
		return;
	r->order_number = small_get(c);
	fixed_get(c, r->recipient, SHA256_SIZE);
}

static void
names_get(struct cbor *c, struct ledger_record *r)
{
	size_t i, count = cbor_get_array(c);

	if (count > LEDGER_NAMES_MAX) {
		cbor_fail(c, "too many names");
		return;
	}
	for (i = 0; i < count; i++) {
		cbor_get_array_sized(c, 3);
		r->names[i].kind = cbor_get_tstr(c);
		r->names[i].type = small_get(c);
		r->names[i].text = cbor_get_tstr(c);
	}
	r->name_count = count;
}

static void
package_get(struct cbor *c, struct ledger_record *r, bool whole)
{
	switch (r->kind) {
	case LEDGER_OUT:
		r->index = cbor_get_uint(c);
		break;
	case LEDGER_RESULT:
		r->status = cbor_get_uint(c);
		break;
	case LEDGER_RESERVE:
		r->index = cbor_get_uint(c);
		r->device_kind = small_get(c);
		r->device = cbor_get_bstr(c);
		r->nonce = cbor_get_bstr_sized(c, LEDGER_NONCE_SIZE);
		break;
	case LEDGER_COMMIT:
		r->evidence = small_get(c);
		r->proof = cbor_get_bstr(c);
		r->firmware = cbor_get_tstr(c);
		names_get(c, r);
		break;
	default:
		r->reason = cbor_get_tstr(c);
	}
	if (!whole)
		return;
	r->fixture = cbor_get_tstr(c);
	r->badge = cbor_get_tstr(c);
	r->mes_order = cbor_get_tstr(c);
	if (cbor_ok(c) && !has_who(r))
		cbor_fail(c, "who is nobody");
}

static void
fields_get(struct cbor *c, struct ledger_record *r, bool whole)
{
	switch (r->kind) {
	case LEDGER_IMPORT:
		import_get(c, r, whole);
		break;
	case LEDGER_ANCHOR:
		r->anchor = small_get(c);
		r->number = cbor_get_uint(c);
		r->value = cbor_get_bstr(c);
		if (cbor_ok(c) && r->anchor > LEDGER_ANCHOR_REFUTED)
			cbor_fail(c, "an anchor of a kind that is not known");
		break;
	case LEDGER_REPORT:
		fixed_get(c, r->order, PACKAGE_ID_SIZE);
		r->number = cbor_get_uint(c);
		r->final = cbor_get_bool(c);
		break;
	case LEDGER_CLOSED:
		fixed_get(c, r->order, PACKAGE_ID_SIZE);
		break;
	default:
		fixed_get(c, r->pack, PACKAGE_ID_SIZE);
		r->position = cbor_get_uint(c);
		package_get(c, r, whole);
	}
}

enum err
ledger_parse_record(struct bytes encoded, struct ledger_record *ret_record,
    const char **ret_reason)
{
	struct ledger_record r = { .time = 0 };
	bool whole = true;
	uint64_t kind;
	struct cbor c;
	size_t count;

	cbor_open(&c, encoded);
	count = cbor_get_array(&c);
	kind = cbor_get_uint(&c);
	r.time = cbor_get_int(&c);
	if (kind == 0 || kind > LEDGER_CLOSED)
		cbor_fail(&c, "a kind of record that is not known");
	else if (!elements_good((enum ledger_kind)kind, count, &whole))
		cbor_fail(&c, "a record of another size");
	else {
		r.kind = (enum ledger_kind)kind;
		fields_get(&c, &r, whole);
	}
	if (!cbor_close(&c)) {
		*ret_reason = c.error;
		return ERR_CORRUPT;
	}
	*ret_record = r;
	return ERR_OK;
}
