/* Reports that were loaded, and keys that are used up: objects. */
#include <stdio.h>

#include "lib/authority/association.h"
#include "lib/authority/authority_internal.h"
#include "lib/base/cbor_write.h"

#define KID_SHORT	16	/* octets of it in a name */
#define BODY_ELEMENTS	15
#define BODY_ELEMENTS_1	13	/* before ledgers were anchored */

static void
kid_text(const uint8_t kid[COSE_KID_SIZE], char out[2 * KID_SHORT + 1])
{
	size_t i;

	for (i = 0; i < KID_SHORT; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", kid[i]);
}

static void
report_name(uint32_t order, const uint8_t kid[COSE_KID_SIZE],
    char out[STORE_NAME_MAX + 1])
{
	char text[2 * KID_SHORT + 1];

	kid_text(kid, text);
	(void)snprintf(out, STORE_NAME_MAX + 1, "%u.%s", order, text);
}

static void
body_put(struct buf *out, const struct reported *r)
{
	const struct reported_pack *p;
	size_t i;

	cbor_put_array(out, BODY_ELEMENTS);
	cbor_put_uint(out, r->order);
	cbor_put_text(out, r->station);
	cbor_put_bstr(out, bytes_of(r->kid, COSE_KID_SIZE));
	cbor_put_uint(out, r->sequence);
	cbor_put_int(out, r->made);
	cbor_put_int(out, r->loaded);
	cbor_put_bool(out, r->final);
	cbor_put_bstr(out, bytes_of(r->hash, SHA256_SIZE));
	cbor_put_uint(out, r->ledger_entries);
	cbor_put_bstr(out, bytes_of(r->ledger_head, SHA256_SIZE));
	cbor_put_uint(out, r->anchor);
	cbor_put_uint(out, r->anchor_entries);
	cbor_put_uint(out, r->acknowledged);
	cbor_put_text(out, r->operator);
	cbor_put_array(out, r->pack_count);
	for (i = 0; i < r->pack_count; i++) {
		p = &r->packs[i];
		cbor_put_array(out, 9);
		cbor_put_uint(out, p->no);
		cbor_put_uint(out, p->count);
		cbor_put_uint(out, p->injected);
		cbor_put_uint(out, p->proven);
		cbor_put_uint(out, p->reworked);
		cbor_put_uint(out, p->scrapped);
		cbor_put_uint(out, p->open);
		cbor_put_uint(out, p->unused);
		cbor_put_bool(out, p->there);
	}
}

static void
text_get(struct cbor *cbor, char out[STORE_NAME_MAX + 1])
{
	struct bytes text = cbor_get_tstr(cbor);

	if (text.len > STORE_NAME_MAX)
		cbor_fail(cbor, "name too long");
	if (!cbor_ok(cbor))
		return;
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
}

static void
fixed_get(struct cbor *cbor, uint8_t *out, size_t len)
{
	struct bytes octets = cbor_get_bstr_sized(cbor, len);

	if (cbor_ok(cbor))
		memcpy(out, octets.ptr, len);
}

static void
packs_get(struct cbor *cbor, struct reported *r)
{
	size_t i, count = cbor_get_array(cbor);
	struct reported_pack *p;

	if (count > ORDER_PACKS_MAX) {
		cbor_fail(cbor, "too many packs");
		return;
	}
	for (i = 0; i < count; i++) {
		p = &r->packs[i];
		cbor_get_array_sized(cbor, 9);
		p->no = (uint32_t)cbor_get_uint(cbor);
		p->count = cbor_get_uint(cbor);
		p->injected = cbor_get_uint(cbor);
		p->proven = cbor_get_uint(cbor);
		p->reworked = cbor_get_uint(cbor);
		p->scrapped = cbor_get_uint(cbor);
		p->open = cbor_get_uint(cbor);
		p->unused = cbor_get_uint(cbor);
		p->there = cbor_get_bool(cbor);
	}
	r->pack_count = count;
}

static bool
body_get(struct bytes body, struct reported *r)
{
	struct cbor cbor;
	size_t count;

	cbor_open(&cbor, body);
	count = cbor_get_array(&cbor);
	if (count != BODY_ELEMENTS && count != BODY_ELEMENTS_1)
		cbor_fail(&cbor, "array of another size expected");
	r->order = (uint32_t)cbor_get_uint(&cbor);
	text_get(&cbor, r->station);
	fixed_get(&cbor, r->kid, COSE_KID_SIZE);
	r->sequence = cbor_get_uint(&cbor);
	r->made = cbor_get_int(&cbor);
	r->loaded = cbor_get_int(&cbor);
	r->final = cbor_get_bool(&cbor);
	fixed_get(&cbor, r->hash, SHA256_SIZE);
	r->ledger_entries = cbor_get_uint(&cbor);
	fixed_get(&cbor, r->ledger_head, SHA256_SIZE);
	r->anchor = (enum report_anchor)cbor_get_uint(&cbor);
	if (count == BODY_ELEMENTS) {
		r->anchor_entries = cbor_get_uint(&cbor);
		r->acknowledged = cbor_get_uint(&cbor);
	}
	text_get(&cbor, r->operator);
	packs_get(&cbor, r);
	return cbor_close(&cbor);
}

enum err
reported_get(struct authority *authority, uint32_t order,
    const uint8_t kid[COSE_KID_SIZE], struct reported *ret_reported,
    struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct reported found = { .order = 0 };
	char name[STORE_NAME_MAX + 1];
	struct store_object object;
	enum err err;

	report_name(order, kid, name);
	err = authority_object_get(authority, STORE_REPORT, name, NULL,
	    &body, &object, NULL);
	if (err == ERR_NOTFOUND)
		return err;
	if (!err && (!body_get(object.body, &found) || found.order != order ||
	    memcmp(found.kid, kid, COSE_KID_SIZE) != 0))
		err = ERR_CORRUPT;
	if (err)
		return diag_fail(diag, err, NULL, "order %u: a report that "
		    "was loaded cannot be trusted", order);
	*ret_reported = found;
	return ERR_OK;
}

struct beyond {
	const char		*station;
	const struct report	*report;
	struct reported		 found;		/* sequence 0: none */
	struct diag		*diag;
};

static enum err
beyond_look(void *ctx, const struct store_object *object)
{
	struct reported r = { .order = 0 };
	struct beyond *b = ctx;
	uint64_t entries = b->report->ledger_entries;

	/* others of the kind: keys that ended, acknowledgements */
	if (object->name[0] < '0' || object->name[0] > '9')
		return ERR_OK;
	if (!body_get(object->body, &r))
		return diag_fail(b->diag, ERR_CORRUPT, NULL,
		    "a report that was loaded cannot be trusted");
	if (strcmp(r.station, b->station) == 0 && (r.ledger_entries > entries ||
	    (r.ledger_entries == entries && memcmp(r.ledger_head,
	    b->report->ledger_head, SHA256_SIZE) != 0)))
		b->found = r;
	return ERR_OK;
}

enum err
reported_beyond(struct authority *authority, const char *station,
    const struct report *report, struct reported *ret_reported,
    struct diag *diag)
{
	struct beyond b = { .station = station, .report = report,
	    .diag = diag };
	enum err err;

	err = authority_object_each(authority, STORE_REPORT, beyond_look, &b,
	    diag);
	if (!err && b.found.sequence == 0)
		err = ERR_NOTFOUND;
	if (!err)
		*ret_reported = b.found;
	return err;
}

enum err
reported_put(struct authority *authority, const struct reported *reported,
    struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object object = { .kind = STORE_REPORT,
	    .created = reported->loaded };
	enum err err;

	body_put(&body, reported);
	err = buf_err(&body);
	if (!err)
		err = sha256_once(buf_bytes(&body), object.hash);
	if (err)
		return err;
	report_name(reported->order, reported->kid, object.name);
	(void)snprintf(object.version, sizeof(object.version), "%ju",
	    (uintmax_t)reported->sequence);
	object.body = buf_bytes(&body);
	return object_put(authority->store, authority->row_mac, &object,
	    diag);
}

static void
end_name(const uint8_t kid[COSE_KID_SIZE], char out[STORE_NAME_MAX + 1])
{
	char text[2 * KID_SHORT + 1];

	kid_text(kid, text);
	(void)snprintf(out, STORE_NAME_MAX + 1, "end.%s", text);
}

enum err
sealing_key_ended(struct authority *authority,
    const uint8_t kid[COSE_KID_SIZE], bool *ret_ended, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	char name[STORE_NAME_MAX + 1];
	struct store_object object;
	enum err err;

	end_name(kid, name);
	err = authority_object_get(authority, STORE_REPORT, name, "", &body,
	    &object, NULL);
	if (err && err != ERR_NOTFOUND)
		return diag_fail(diag, err, NULL,
		    "registry: what is known of a station's key was altered");
	*ret_ended = err == ERR_OK;
	return ERR_OK;
}

enum err
sealing_key_end(struct authority *authority,
    const uint8_t kid[COSE_KID_SIZE], int64_t now, struct diag *diag)
{
	struct store_object object = { .kind = STORE_REPORT, .created = now };
	bool ended = false;
	enum err err;

	err = sealing_key_ended(authority, kid, &ended, diag);
	if (err || ended)
		return err;
	end_name(kid, object.name);
	memcpy(object.hash, kid, COSE_KID_SIZE);
	return object_put(authority->store, authority->row_mac, &object,
	    diag);
}
