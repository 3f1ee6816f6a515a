#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/identity/document_render.h"

/* null: there is no end. */
static void
time_put(struct json *j, const char *key, int64_t t)
{
	if (t != TIME_MAX_S) {
		json_put_time(j, key, t);
		return;
	}
	json_key(j, bytes_text(key));
	buf_put(j->b, "null", 4);
}

/* ["GET", "bit 9"]: on one line. */
static void
json_permissions(struct json *j, uint32_t bits)
{
	const char *comma = j->line ? "," : ", ", *separator = "";
	unsigned bit;

	buf_put_u8(j->b, '[');
	for (bit = 0; bit < 32; bit++) {
		if ((bits & UINT32_C(1) << bit) == 0)
			continue;
		if (permission_name(bit) != NULL)
			buf_printf(j->b, "%s\"%s\"", separator,
			    permission_name(bit));
		else
			buf_printf(j->b, "%s\"bit %u\"", separator, bit);
		separator = comma;
	}
	buf_put_u8(j->b, ']');
}

void
document_json_objects(struct json *j, const char *key,
    const struct document_object *objects, size_t count)
{
	size_t i;

	json_key(j, bytes_text(key));
	json_open(j, '{');
	for (i = 0; i < count; i++) {
		json_key(j, objects[i].object);
		json_permissions(j, objects[i].bits);
	}
	json_close(j, '}');
}

static void
json_rights(struct json *j, const struct document *d)
{
	uint32_t bits;
	size_t i;

	json_key(j, bytes_text("rights"));
	json_open(j, '{');
	for (i = 0; i < d->capability_count; i++) {
		bits = document_rights(d, d->capabilities[i].object);
		if (bits == 0)
			continue;
		json_key(j, d->capabilities[i].object);
		json_permissions(j, bits);
	}
	json_close(j, '}');
}

static void
json_public_key(struct json *j, const char *key, const struct public_key *k)
{
	json_key(j, bytes_text(key));
	json_open(j, '{');
	json_put_text(j, "algorithm", bytes_text(key_alg_name(k->alg)));
	json_put_hex(j, "public", bytes_of(k->raw, k->len));
	json_close(j, '}');
}

/* Of a COSE_Key; a document that was parsed holds none that fails here. */
static void
json_cose_key(struct json *j, const char *key, struct bytes cose_key)
{
	struct public_key k;

	if (document_key_read(cose_key, &k) == ERR_OK)
		json_public_key(j, key, &k);
	else
		j->b->err = ERR_NOMEM;
}

static void
json_metadata(struct json *j, const struct document *d)
{
	if (d->oemid != 0)
		json_put_number(j, "oemid", d->oemid);
	if (d->hwmodel.len > 0) {
		json_put_hex(j, "hwmodel", d->hwmodel);
		if (bytes_is_plain(d->hwmodel))
			json_put_text(j, "hwmodel_text", d->hwmodel);
	}
	json_put_some(j, "hwversion", d->hwversion);
	json_put_some(j, "swname", d->swname);
	json_put_some(j, "swversion", d->swversion);
}

static void
json_keyset(struct json *j, const struct document *d)
{
	const struct document_key *k;
	size_t i;

	json_key(j, bytes_text("keyset"));
	json_open(j, '[');
	for (i = 0; i < d->key_count; i++) {
		k = &d->keys[i];
		json_next(j);
		json_open(j, '{');
		json_put_number(j, "slot", k->slot);
		json_put_text(j, "purpose",
		    bytes_text(purpose_name(k->purpose)));
		json_put_text(j, "made_by", bytes_text(maker_name(k->maker)));
		if (k->certificate.len > 0)
			json_put_hex(j, "certificate", k->certificate);
		else
			json_cose_key(j, "key", k->key);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
json_anchors(struct json *j, const struct document *d)
{
	const struct document_anchor *a;
	size_t i;

	json_key(j, bytes_text("trust_anchors"));
	json_open(j, '[');
	for (i = 0; i < d->anchor_count; i++) {
		a = &d->anchors[i];
		json_next(j);
		json_open(j, '{');
		json_put_text(j, "purpose", a->purpose);
		if (a->is_key)
			json_cose_key(j, "key", a->key);
		else
			json_put_hex(j, "certificate_sha256", a->x5t);
		json_close(j, '}');
	}
	json_close(j, ']');
}

void
document_json_names(struct json *j, const char *key,
    const struct document *d)
{
	size_t i;

	json_key(j, bytes_text(key));
	json_open(j, '{');
	for (i = 0; i < d->name_count; i++) {
		json_key(j, d->names[i].kind);
		json_put_string(j, d->names[i].text);
	}
	json_close(j, '}');
}

static void
json_sueids(struct json *j, const struct document *d)
{
	size_t i;

	if (d->sueid_count == 0)
		return;
	json_key(j, bytes_text("sueids"));
	json_open(j, '{');
	for (i = 0; i < d->sueid_count; i++) {
		json_key(j, d->sueids[i].kind);
		buf_put_u8(j->b, '"');
		buf_put_hex(j->b, d->sueids[i].ueid);
		buf_put_u8(j->b, '"');
	}
	json_close(j, '}');
}

/* A claim this version does not know, in diagnostic notation (RFC 8949 8). */
static void
json_other(void *ctx, struct bytes key, struct bytes value)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json *j = ctx;

	cbor_put_diagnostic(&text, key);
	json_key(j, buf_bytes(&text));
	buf_clear(&text);
	cbor_put_diagnostic(&text, value);
	json_put_string(j, buf_bytes(&text));
}

void
document_json_other(struct json *j, const char *key,
    const struct document *d)
{
	json_key(j, bytes_text(key));
	json_open(j, '{');
	render_other_claims(d, json_other, j);
	json_close(j, '}');
}

static void
json_signer(struct json *j, const struct document *d)
{
	json_key(j, bytes_text("signature"));
	json_open(j, '{');
	json_put_text(j, "alg", bytes_text(
	    key_algorithm_by_cose(d->message.alg)->cose_name));
	json_put_hex(j, "kid", d->message.kid);
	json_put_hex(j, "value", d->message.signature);
	json_put_text(j, "mode", bytes_text(
	    product_signature_name(d->signature)));
	if (d->signature == SIGNATURE_RECEIPT) {
		json_put_number(j, "first", d->receipt.chunk.first);
		json_put_number(j, "size", d->receipt.chunk.size);
		json_put_number(j, "leaf", d->receipt.leaf);
		json_put_number(j, "evidence", d->receipt.chunk.evidence);
	}
	json_close(j, '}');
}

static void
document_json(struct buf *b, const struct document *d, bool line)
{
	struct json j = { .b = b, .line = line };

	json_open(&j, '{');
	json_put_text(&j, "eat_profile", d->profile);
	json_put_text(&j, "iss", d->issuer);
	json_put_hex(&j, "ueid", d->ueid);
	json_sueids(&j, d);
	time_put(&j, "iat", d->issued);
	time_put(&j, "nbf", d->not_before);
	time_put(&j, "exp", d->expires);
	json_metadata(&j, d);
	document_json_objects(&j, "capabilities", d->capabilities,
	    d->capability_count);
	document_json_objects(&j, "scope", d->scope, d->scope_count);
	json_rights(&j, d);
	json_public_key(&j, "cnf", &d->confirmation);
	json_keyset(&j, d);
	json_anchors(&j, d);
	document_json_names(&j, "names", d);
	if (d->status_uri.len > 0) {
		json_put_text(&j, "status_uri", d->status_uri);
		json_put_number(&j, "status_idx", d->status_idx);
	}
	if (d->product.len > 0)
		json_put_hex(&j, "product", d->product);
	if (d->policy != 0)
		json_put_number(&j, "policy", d->policy);
	if (d->salt.len > 0)
		json_put_hex(&j, "cti", d->salt);
	document_json_other(&j, "other", d);
	json_signer(&j, d);
	json_close(&j, '}');
}

void
document_put_json(struct buf *b, const struct document *d)
{
	document_json(b, d, false);
	buf_put_u8(b, '\n');
}

void
document_put_json_line(struct buf *b, const struct document *d)
{
	document_json(b, d, true);
}
