#include "lib/authority/association.h"

#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/blob.h"
#include "lib/base/cbor_write.h"

void
associations_release(struct associations *a)
{
	buf_release(&a->body);
	free(a->records);
	a->records = NULL;
	a->count = 0;
}

void
association_put(struct buf *out, uint32_t offset,
    const struct report_record *r)
{
	size_t i;

	cbor_put_array(out, 13);
	cbor_put_uint(out, offset);
	cbor_put_uint(out, r->state);
	cbor_put_int(out, r->time);
	cbor_put_uint(out, r->device_kind);
	cbor_put_bstr(out, r->device);
	cbor_put_tstr(out, r->fixture);
	cbor_put_tstr(out, r->badge);
	cbor_put_tstr(out, r->mes_order);
	cbor_put_tstr(out, r->firmware);
	cbor_put_uint(out, r->evidence);
	cbor_put_bstr(out, r->proof);
	cbor_put_tstr(out, r->reason);
	cbor_put_array(out, r->name_count);
	for (i = 0; i < r->name_count; i++) {
		cbor_put_array(out, 2);
		cbor_put_tstr(out, r->names[i].kind);
		cbor_put_tstr(out, r->names[i].text);
	}
}

enum err
associations_put(struct authority *authority,
    const struct store_range *range, const uint8_t kid[COSE_KID_SIZE],
    uint64_t sequence, size_t count, struct bytes items,
    struct row_sum *rows, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_row row = { .table = STORE_ASSOCIATION_ROWS,
	    .numbers = { range->log, range->first } };
	enum err err;

	cbor_put_array(&body, 5);
	cbor_put_uint(&body, range->order);
	cbor_put_uint(&body, range->pack);
	cbor_put_uint(&body, sequence);
	cbor_put_bstr(&body, bytes_of(kid, COSE_KID_SIZE));
	cbor_put_array(&body, count);
	buf_put_bytes(&body, items);
	err = blob_seal(authority, "association", range->log, range->first,
	    &body);
	row.blob = buf_bytes(&body);
	if (!err)
		err = rows_add(authority, rows, &row, true);
	return err ? err : store_association_put(authority->store,
	    range->log, range->first, row.blob, diag);
}

enum err
associations_replace(struct authority *authority,
    const struct store_range *range, const struct associations *a,
    struct row_sum *rows)
{
	const struct store_row row = { .table = STORE_ASSOCIATION_ROWS,
	    .numbers = { range->log, range->first },
	    .blob = buf_bytes(&a->body) };

	return a->count == 0 ? ERR_OK : rows_add(authority, rows, &row,
	    false);
}

static void
item_get(struct cbor *cbor, struct associations *a)
{
	struct report_record r = { 0 };
	uint64_t offset;
	size_t i;

	cbor_get_array_sized(cbor, 13);
	offset = cbor_get_uint(cbor);
	r.state = (enum report_state)cbor_get_uint(cbor);
	r.time = cbor_get_int(cbor);
	r.device_kind = (enum report_device)cbor_get_uint(cbor);
	r.device = cbor_get_bstr(cbor);
	r.fixture = cbor_get_tstr(cbor);
	r.badge = cbor_get_tstr(cbor);
	r.mes_order = cbor_get_tstr(cbor);
	r.firmware = cbor_get_tstr(cbor);
	r.evidence = (enum report_evidence)cbor_get_uint(cbor);
	r.proof = cbor_get_bstr(cbor);
	r.reason = cbor_get_tstr(cbor);
	r.name_count = cbor_get_array(cbor);
	if (r.name_count > REPORT_NAMES_MAX)
		cbor_fail(cbor, "too many names");
	for (i = 0; i < r.name_count && cbor_ok(cbor); i++) {
		cbor_get_array_sized(cbor, 2);
		r.names[i].kind = cbor_get_tstr(cbor);
		r.names[i].text = cbor_get_tstr(cbor);
	}
	if (offset >= a->count)
		cbor_fail(cbor, "beyond its range");
	if (cbor_ok(cbor))
		a->records[offset] = r;
}

static bool
blob_decode(struct bytes octets, const struct store_range *range,
    struct associations *a)
{
	struct bytes kid;
	struct cbor cbor;
	size_t i, items;

	cbor_open(&cbor, octets);
	cbor_get_array_sized(&cbor, 5);
	a->order = (uint32_t)cbor_get_uint(&cbor);
	a->pack = (uint32_t)cbor_get_uint(&cbor);
	a->sequence = cbor_get_uint(&cbor);
	kid = cbor_get_bstr_sized(&cbor, COSE_KID_SIZE);
	if (cbor_ok(&cbor))
		memcpy(a->kid, kid.ptr, COSE_KID_SIZE);
	items = cbor_get_array(&cbor);
	for (i = 0; i < items && cbor_ok(&cbor); i++)
		item_get(&cbor, a);
	return cbor_close(&cbor) && a->order == range->order &&
	    a->pack == range->pack;
}

enum err
associations_altered(const struct store_range *range, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_CORRUPT, NULL, "registry: what was "
	    "reported of identities %ju to %ju: altered",
	    (uintmax_t)range->first,
	    (uintmax_t)(range->first + range->count - 1));
	diag_hint(diag, "somebody or something wrote to registry.db: restore "
	    "it from a backup, and find out who");
	return err;
}

enum err
associations_get(struct authority *authority,
    const struct store_range *range, struct associations *a,
    struct diag *diag)
{
	struct bytes octets = BYTES_NONE;
	enum err err;

	associations_release(a);
	err = store_association_get(authority->store, range->log,
	    range->first, &a->body, NULL);
	if (err)
		return err == ERR_NOTFOUND ? err : diag_fail(diag, err, NULL,
		    "registry: what stations reported cannot be read");
	a->records = calloc(range->count + 1, sizeof(*a->records));
	if (a->records == NULL)
		return diag_nomem(diag);
	a->count = range->count;
	err = blob_open(authority, "association", range->log, range->first,
	    buf_bytes(&a->body), &octets);
	if (err && err != ERR_CORRUPT)
		return err;
	return !err && blob_decode(octets, range, a) ? ERR_OK :
	    associations_altered(range, diag);
}

/* The key that the identity's pack was sealed to, and what was reported. */
static enum err
reported_of_range(struct authority *authority,
    const struct store_range *range, struct reported *ret_reported,
    bool *ret_there, struct diag *diag)
{
	struct order_record record;
	size_t i;
	enum err err;

	*ret_reported = (struct reported){ .sequence = 0 };
	*ret_there = false;
	if (range->order == 0)
		return ERR_OK;
	err = order_record_get(authority, range->order, &record, diag);
	if (err)
		return err;
	if (range->pack == 0 || range->pack > record.pack_count)
		return associations_altered(range, diag);
	err = reported_get(authority, range->order,
	    record.packs[range->pack - 1].kid, ret_reported, diag);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	for (i = 0; i < ret_reported->pack_count; i++)
		if (ret_reported->packs[i].no == range->pack &&
		    ret_reported->packs[i].there)
			*ret_there = true;
	return ERR_OK;
}

enum err
association_find(struct authority *authority, const struct address *address,
    struct associations *a, struct report_record *ret_record,
    struct reported *ret_reported, struct diag *diag)
{
	struct store_range range;
	bool there = false;
	enum err err;

	*ret_record = (struct report_record){ 0 };
	err = store_range_get(authority->store, address->log, address->index,
	    &range, diag);
	if (!err)
		err = reported_of_range(authority, &range, ret_reported,
		    &there, diag);
	if (err || !there)
		return err;
	err = associations_get(authority, &range, a, diag);
	if (err == ERR_NOTFOUND || (!err &&
	    a->sequence != ret_reported->sequence))
		return associations_altered(&range, diag);
	if (!err)
		*ret_record = a->records[address->index - range.first];
	return err;
}

static enum err
line_key(struct sha256 *sha256, struct bytes space, struct bytes text,
    uint64_t *ret_key)
{
	static const uint8_t nul = 0;
	const struct bytes parts[3] = { space, bytes_of(&nul, 1), text };
	uint8_t hash[SHA256_SIZE];
	enum err err;

	err = sha256_parts(sha256, parts, 3, hash);
	if (!err)
		*ret_key = get_be64(hash) & INT64_MAX;
	return err;
}

enum err
association_name_key(struct sha256 *sha256, const char *space,
    struct bytes text, uint64_t *ret_key)
{
	return line_key(sha256, bytes_text(space), text, ret_key);
}

/* No space of names has such a name. */
enum err
association_device_key(struct sha256 *sha256, const struct report_record *r,
    uint64_t *ret_key)
{
	return line_key(sha256, bytes_text(r->device_kind == REPORT_CHIP ?
	    "=chip" : "=serial"), r->device, ret_key);
}

bool
association_live(const struct report_record *r)
{
	return r->state == REPORT_OPEN || r->state == REPORT_INJECTED;
}
