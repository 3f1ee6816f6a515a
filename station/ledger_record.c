/* One record as deterministic CBOR, and back. */
#include "lib/base/cbor_write.h"
#include "station/ledger_internal.h"

void
ledger_put_record(struct buf *out, const struct ledger_record *r)
{
	cbor_put_array(out, r->kind == LEDGER_IMPORT ? 6 : 5);
	cbor_put_uint(out, r->kind);
	cbor_put_int(out, r->time);
	cbor_put_bstr(out, bytes_of(r->pack, PACKAGE_ID_SIZE));
	if (r->kind == LEDGER_IMPORT) {
		cbor_put_bstr(out, bytes_of(r->order, PACKAGE_ID_SIZE));
		cbor_put_uint(out, r->count);
		cbor_put_text(out, r->product);
		return;
	}
	cbor_put_uint(out, r->position);
	cbor_put_uint(out, r->kind == LEDGER_OUT ? r->index : r->status);
}

static void
id_get(struct cbor *c, uint8_t out[PACKAGE_ID_SIZE])
{
	struct bytes id = cbor_get_bstr_sized(c, PACKAGE_ID_SIZE);

	if (cbor_ok(c))
		memcpy(out, id.ptr, PACKAGE_ID_SIZE);
}

static void
import_get(struct cbor *c, struct ledger_record *r)
{
	struct bytes product;

	id_get(c, r->order);
	r->count = cbor_get_uint(c);
	product = cbor_get_tstr(c);
	if (product.len > LEDGER_PRODUCT_MAX)
		cbor_fail(c, "product's name is too long");
	else if (product.len > 0)
		memcpy(r->product, product.ptr, product.len);
}

enum err
ledger_parse_record(struct bytes encoded, struct ledger_record *ret_record,
    const char **ret_reason)
{
	struct ledger_record r = { .time = 0 };
	struct cbor c;
	uint64_t kind, number;

	cbor_open(&c, encoded);
	(void)cbor_get_array(&c);
	kind = cbor_get_uint(&c);
	r.time = cbor_get_int(&c);
	id_get(&c, r.pack);
	if (kind == LEDGER_IMPORT) {
		r.kind = LEDGER_IMPORT;
		import_get(&c, &r);
	} else if (kind == LEDGER_OUT || kind == LEDGER_RESULT) {
		r.kind = (enum ledger_kind)kind;
		r.position = cbor_get_uint(&c);
		number = cbor_get_uint(&c);
		r.index = kind == LEDGER_OUT ? number : 0;
		r.status = kind == LEDGER_OUT ? 0 : number;
	} else
		cbor_fail(&c, "a kind of record that is not known");
	if (!cbor_close(&c)) {
		*ret_reason = c.error;
		return ERR_CORRUPT;
	}
	*ret_record = r;
	return ERR_OK;
}
