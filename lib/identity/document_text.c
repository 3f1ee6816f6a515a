#include <inttypes.h>

#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/identity/document_render.h"

#define LABEL_WIDTH	17
#define OBJECT_WIDTH	16	/* at least */
#define RIGHTS_WIDTH	20

static size_t
put_text(struct buf *b, struct bytes text)
{
	return text_put_escaped(b, text, ESCAPE_TEXT);
}

static void
pad(struct buf *b, size_t columns, size_t width)
{
	do
		buf_put_u8(b, ' ');
	while (columns++ < width);
}

static void
section(struct buf *b, const char *title)
{
	buf_printf(b, "\n%s\n", title);
}

/* "  label            " */
static void
label(struct buf *b, struct bytes text)
{
	size_t columns;

	buf_put(b, "  ", 2);
	columns = put_text(b, text);
	pad(b, columns, LABEL_WIDTH);
}

static void
line_text(struct buf *b, const char *name, struct bytes text)
{
	if (text.len == 0)
		return;
	label(b, bytes_text(name));
	(void)put_text(b, text);
	buf_put_u8(b, '\n');
}

static void
line_hex(struct buf *b, const char *name, struct bytes bytes)
{
	if (bytes.len == 0)
		return;
	label(b, bytes_text(name));
	buf_put_hex(b, bytes);
	buf_put_u8(b, '\n');
}

static void
line_time(struct buf *b, const char *name, int64_t t)
{
	label(b, bytes_text(name));
	if (t == TIME_MAX_S)
		buf_printf(b, "no expiry");
	else
		render_put_time(b, t);
	buf_put_u8(b, '\n');
}

static void
text_identity(struct buf *b, const struct document *d)
{
	buf_printf(b, "Identity document\n");
	line_hex(b, "UEID", d->ueid);
	line_text(b, "issuer", d->issuer);
	line_time(b, "issued", d->issued);
	line_time(b, "valid from", d->not_before);
	line_time(b, "valid until", d->expires);
}

static void
text_names(struct buf *b, const struct document *d)
{
	size_t i;

	if (d->name_count == 0 && d->sueid_count == 0)
		return;
	section(b, "Names");
	for (i = 0; i < d->name_count; i++) {
		label(b, d->names[i].kind);
		(void)put_text(b, d->names[i].text);
		buf_put_u8(b, '\n');
	}
	for (i = 0; i < d->sueid_count; i++) {
		label(b, d->sueids[i].kind);
		buf_printf(b, "UEID ");
		buf_put_hex(b, d->sueids[i].ueid);
		buf_put_u8(b, '\n');
	}
}

static void
text_metadata(struct buf *b, const struct document *d)
{
	section(b, "Device");
	if (d->oemid != 0) {
		label(b, bytes_text("manufacturer"));
		buf_printf(b, "enterprise number %" PRIu32 "\n", d->oemid);
	}
	if (bytes_is_plain(d->hwmodel))
		line_text(b, "model", d->hwmodel);
	else
		line_hex(b, "model (hex)", d->hwmodel);
	line_text(b, "hardware", d->hwversion);
	line_text(b, "software", d->swname);
	line_text(b, "software version", d->swversion);
}

/* "GET POST", or "-"; the columns written. */
static size_t
permissions(struct buf *b, uint32_t bits)
{
	size_t start = b->len;
	unsigned bit;

	for (bit = 0; bit < 32; bit++) {
		if ((bits & UINT32_C(1) << bit) == 0)
			continue;
		if (b->len > start)
			buf_put_u8(b, ' ');
		if (permission_name(bit) != NULL)
			buf_printf(b, "%s", permission_name(bit));
		else
			buf_printf(b, "bit-%u", bit);
	}
	if (bits == 0)
		buf_put_u8(b, '-');
	return b->len - start;
}

static uint32_t
capability_bits(const struct document *d, struct bytes object)
{
	size_t i;

	for (i = 0; i < d->capability_count; i++)
		if (bytes_equal(d->capabilities[i].object, object))
			return d->capabilities[i].bits;
	return 0;
}

static void
text_right(struct buf *b, struct bytes object, uint32_t may, uint32_t denied)
{
	size_t columns;

	buf_put(b, "  ", 2);
	columns = put_text(b, object);
	pad(b, columns, OBJECT_WIDTH);
	columns = permissions(b, may);
	pad(b, columns, RIGHTS_WIDTH);
	(void)permissions(b, denied);
	buf_put_u8(b, '\n');
}

static void
text_rights(struct buf *b, const struct document *d)
{
	uint32_t can, may;
	size_t i;

	section(b, "What it can do, and whether it may");
	buf_printf(b, "  %-*s %-*s %s\n", OBJECT_WIDTH, "object",
	    RIGHTS_WIDTH, "authorised", "not authorised");
	for (i = 0; i < d->capability_count; i++) {
		can = d->capabilities[i].bits;
		may = document_rights(d, d->capabilities[i].object);
		text_right(b, d->capabilities[i].object, may, can & ~may);
	}
	if (d->capability_count == 0)
		buf_printf(b, "  nothing\n");
	for (i = 0; i < d->scope_count; i++) {
		may = d->scope[i].bits &
		    ~capability_bits(d, d->scope[i].object);
		if (may == 0)
			continue;
		buf_printf(b, "  authorised without effect, for the device"
		    " cannot do it: ");
		(void)put_text(b, d->scope[i].object);
		buf_put_u8(b, ' ');
		(void)permissions(b, may);
		buf_put_u8(b, '\n');
	}
}

/* By its thumbprint (RFC 9679): the octets themselves are for machines. */
static void
public_key(struct buf *b, const struct public_key *key)
{
	uint8_t thumbprint[COSE_KID_SIZE];

	buf_printf(b, "%s key", key_alg_name(key->alg));
	if (cose_key_thumbprint(key, thumbprint) == ERR_OK) {
		buf_printf(b, ", thumbprint ");
		buf_put_hex(b, bytes_of(thumbprint, sizeof(thumbprint)));
	}
}

/* A document that was parsed holds none that fails here. */
static void
cose_key(struct buf *b, struct bytes encoded)
{
	struct public_key key;

	if (document_key_read(encoded, &key) == ERR_OK)
		public_key(b, &key);
	else
		b->err = ERR_NOMEM;
}

static void
text_key(struct buf *b, const struct document_key *k)
{
	uint8_t digest[SHA256_SIZE];

	buf_printf(b, "  slot %-2u %-13s made by %-10s ", k->slot,
	    purpose_name(k->purpose), maker_name(k->maker));
	if (k->certificate.len == 0) {
		cose_key(b, k->key);
	} else if (sha256_once(k->certificate, digest) == ERR_OK) {
		buf_printf(b, "certificate, SHA-256 ");
		buf_put_hex(b, bytes_of(digest, sizeof(digest)));
	} else {
		buf_printf(b, "certificate");
	}
	buf_put_u8(b, '\n');
}

static void
text_keys(struct buf *b, const struct document *d)
{
	size_t i;

	section(b, "Keys");
	for (i = 0; i < d->key_count; i++)
		text_key(b, &d->keys[i]);
	label(b, bytes_text("proves itself by"));
	public_key(b, &d->confirmation);
	buf_put_u8(b, '\n');
}

static void
text_anchors(struct buf *b, const struct document *d)
{
	const struct document_anchor *a;
	size_t i;

	if (d->anchor_count == 0)
		return;
	section(b, "Trusts");
	for (i = 0; i < d->anchor_count; i++) {
		a = &d->anchors[i];
		label(b, a->purpose);
		if (a->is_key) {
			cose_key(b, a->key);
		} else {
			buf_printf(b, "certificate, SHA-256 ");
			buf_put_hex(b, a->x5t);
		}
		buf_put_u8(b, '\n');
	}
}

static void
text_other(void *ctx, struct bytes key, struct bytes value)
{
	_cleanup_buf_ struct buf item = BUF_INIT;
	struct buf *b = ctx;

	buf_printf(b, "  unknown claim ");
	cbor_put_diagnostic(&item, key);
	(void)put_text(b, buf_bytes(&item));
	buf_clear(&item);
	cbor_put_diagnostic(&item, value);
	buf_put(b, ": ", 2);
	(void)put_text(b, buf_bytes(&item));
	buf_put_u8(b, '\n');
}

static void
text_issuance(struct buf *b, const struct document *d)
{
	section(b, "Issuance");
	line_hex(b, "product", d->product);
	if (d->policy != 0) {
		label(b, bytes_text("policy version"));
		buf_printf(b, "%" PRIu64 "\n", d->policy);
	}
	line_text(b, "status list", d->status_uri);
	if (d->status_uri.len > 0) {
		label(b, bytes_text("status index"));
		buf_printf(b, "%" PRIu64 "\n", d->status_idx);
	}
	line_text(b, "profile", d->profile);
	line_hex(b, "salt", d->salt);
	label(b, bytes_text("signed with"));
	buf_printf(b, "%s, key thumbprint ",
	    key_algorithm_by_cose(d->message.alg)->cose_name);
	buf_put_hex(b, d->message.kid);
	buf_put_u8(b, '\n');
	if (d->signature == SIGNATURE_RECEIPT) {
		label(b, bytes_text("signed together"));
		buf_printf(b, "%" PRIu32 " identities from index %" PRIu64
		    ", this one %" PRIu64 "\n", d->receipt.chunk.size,
		    d->receipt.chunk.first, receipt_index(&d->receipt));
	}
	render_other_claims(d, text_other, b);
}

void
document_put_text(struct buf *b, const struct document *d)
{
	text_identity(b, d);
	text_names(b, d);
	text_metadata(b, d);
	text_rights(b, d);
	text_keys(b, d);
	text_anchors(b, d);
	text_issuance(b, d);
}
