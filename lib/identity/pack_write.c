/* Parser: pack_read.c. */
#include "lib/base/cbor_write.h"
#include "lib/crypto/cose.h"
#include "lib/identity/pack_internal.h"

void
pack_header_ask(struct pack_header *header, const struct product *product)
{
	const struct product_name *name;
	size_t i;

	header->evidence = product->evidence;
	/* no station opens a chip's package */
	if (header->mode != ORDER_CHIP) {
		header->form = product->form;
		header->layout = bytes_text(product->layout);
	}
	for (i = 0; i < product->name_count; i++) {
		name = &product->names[i];
		if (name->from == NAME_FROM_LINE)
			header->names[header->name_count++] =
			    (struct pack_name){ bytes_text(name->kind),
			    name->type };
	}
}

static void
put_asks(struct buf *out, const struct pack_header *header)
{
	size_t i;

	cbor_put_map(out, (size_t)pack_asks_evidence(header) +
	    (header->name_count > 0) + pack_is_for_devices(header) +
	    (header->form != FORM_CBOR) + (header->claim.log > 0));
	if (pack_asks_evidence(header)) {
		cbor_put_uint(out, PACK_ASKS_EVIDENCE);
		cbor_put_uint(out, header->evidence);
	}
	if (header->name_count > 0) {
		cbor_put_uint(out, PACK_ASKS_NAMES);
		cbor_put_array(out, header->name_count);
	}
	for (i = 0; i < header->name_count; i++) {
		cbor_put_array(out, 2);
		cbor_put_tstr(out, header->names[i].kind);
		cbor_put_uint(out, header->names[i].type);
	}
	if (pack_is_for_devices(header)) {
		cbor_put_uint(out, PACK_ASKS_MODE);
		cbor_put_uint(out, header->mode);
	}
	if (header->form != FORM_CBOR) {
		cbor_put_uint(out, PACK_ASKS_FORM);
		cbor_put_array(out, header->layout.len > 0 ? 2 : 1);
		cbor_put_uint(out, header->form);
		if (header->layout.len > 0)
			cbor_put_tstr(out, header->layout);
	}
	if (header->claim.log > 0) {
		cbor_put_uint(out, PACK_ASKS_CLAIM);
		pack_claim_put(out, &header->claim);
	}
}

enum err
pack_put_header(struct buf *out, const struct pack_header *header)
{
	const struct package_binding *binding = &header->binding;
	_cleanup_buf_ struct buf body = { .limit = PACK_HEADER_MAX };
	unsigned version = pack_version(header);
	size_t i;

	cbor_put_array(&body, version == 1 ? 11 : 12);
	cbor_put_bstr(&body, bytes_of(binding->pack, PACKAGE_ID_SIZE));
	cbor_put_bstr(&body, bytes_of(binding->order, PACKAGE_ID_SIZE));
	cbor_put_bstr(&body, bytes_of(binding->product, SHA256_SIZE));
	cbor_put_bstr(&body, bytes_of(binding->recipient, SHA256_SIZE));
	cbor_put_uint(&body, header->recipient_alg);
	cbor_put_uint(&body, header->number);
	cbor_put_uint(&body, header->order_number);
	cbor_put_uint(&body, header->count);
	cbor_put_bstr(&body, header->ecosystem);
	cbor_put_tstr(&body, header->product_name);
	cbor_put_array(&body, header->cert_count);
	for (i = 0; i < header->cert_count; i++)
		cbor_put_bstr(&body, header->certs[i]);
	if (version > 1)
		put_asks(&body, header);
	if (buf_err(&body))
		return body.err;
	buf_put(out, PACK_MAGIC, PACK_MAGIC_SIZE);
	buf_put_be16(out, (uint16_t)version);
	buf_put_be16(out, 0);
	buf_put_be32(out, (uint32_t)body.len);
	buf_put_bytes(out, buf_bytes(&body));
	return buf_err(out);
}

enum err
pack_header_resume(struct pack_header *header, const struct file *file,
    struct diag *diag)
{
	_cleanup_buf_ struct buf found = { .limit = PACK_HEADER_MAX };
	_cleanup_buf_ struct buf expected = BUF_INIT;
	uint8_t head[PACK_HEAD], *room;
	enum err err;

	err = file_read_at(file, 0, head, sizeof(head), diag);
	if (err)
		return err;
	if (get_be16(head + PACK_MAGIC_SIZE) == 1) {
		header->evidence = INJECTION_UNPROVEN;
		header->name_count = 0;
	}
	if (get_be16(head + PACK_MAGIC_SIZE) < 3)
		header->claim = (struct pack_claim){ .log = 0 };
	err = pack_put_header(&expected, header);
	room = err ? NULL : buf_extend(&found, expected.len);
	if (room == NULL)
		return diag_nomem(diag);
	err = file_read_at(file, 0, room, expected.len, diag);
	if (err || bytes_equal(buf_bytes(&found), buf_bytes(&expected)))
		return err;
	return diag_fail(diag, ERR_CONFLICT, NULL, "pack %s: was begun with "
	    "another header than it would get now", file->path);
}

enum err
pack_chunk_begin(struct buf *out, uint32_t number, uint64_t first,
    uint32_t count, struct bytes enc)
{
	uint8_t *table;
	size_t table_len = (size_t)count * PACK_TABLE_ENTRY;

	buf_put(out, PACK_CHUNK_MAGIC, 4);
	buf_put_be32(out, number);
	buf_put_be64(out, first);
	buf_put_be32(out, count);
	buf_put_be32(out, 0);	/* length: pack_chunk_end() */
	buf_put_be16(out, (uint16_t)enc.len);
	buf_put_bytes(out, enc);
	table = buf_extend(out, table_len);
	if (table != NULL)
		memset(table, 0, table_len);
	return buf_err(out);
}

void
pack_chunk_mark(struct buf *out, size_t enc_len, uint32_t position,
    const uint8_t commitment[SHA256_SIZE])
{
	uint8_t *entry;

	if (buf_err(out))
		return;
	entry = out->ptr + PACK_CHUNK_HEAD + enc_len +
	    (size_t)position * PACK_TABLE_ENTRY;
	put_be32(entry, (uint32_t)out->len);
	memcpy(entry + 8, commitment, SHA256_SIZE);
}

enum err
pack_chunk_end(struct buf *out, size_t enc_len, struct sha256 *sha256,
    uint8_t ret_hash[SHA256_SIZE])
{
	uint32_t i, count, end;
	struct bytes chunk;
	uint8_t *table;

	if (buf_err(out))
		return out->err;
	count = get_be32(out->ptr + 16);
	table = out->ptr + PACK_CHUNK_HEAD + enc_len;
	for (i = 0; i < count; i++) {
		end = i + 1 < count ?
		    get_be32(table + (i + 1) * PACK_TABLE_ENTRY) :
		    (uint32_t)out->len;
		put_be32(table + i * PACK_TABLE_ENTRY + 4,
		    end - get_be32(table + i * PACK_TABLE_ENTRY));
	}
	put_be32(out->ptr + 20, (uint32_t)out->len);
	chunk = buf_bytes(out);
	return sha256_parts(sha256, &chunk, 1, ret_hash);
}

enum err
pack_put_manifest(struct buf *out, uint64_t offset,
    const struct pack_header *header, const uint8_t header_hash[SHA256_SIZE],
    const struct pack_chunk *chunks, size_t chunk_count,
    struct signer *signer, struct bytes kid, struct diag *diag)
{
	_cleanup_buf_ struct buf body = { .limit = PACK_MANIFEST_MAX };
	size_t i, start = out->len;
	enum err err;

	cbor_put_array(&body, 7);
	cbor_put_uint(&body, pack_version(header));
	cbor_put_bstr(&body, bytes_of(header->binding.pack, PACKAGE_ID_SIZE));
	cbor_put_bstr(&body, bytes_of(header->binding.order,
	    PACKAGE_ID_SIZE));
	cbor_put_uint(&body, header->number);
	cbor_put_uint(&body, header->count);
	cbor_put_bstr(&body, bytes_of(header_hash, SHA256_SIZE));
	cbor_put_array(&body, chunk_count);
	for (i = 0; i < chunk_count; i++) {
		cbor_put_array(&body, 5);
		cbor_put_uint(&body, chunks[i].offset);
		cbor_put_uint(&body, chunks[i].length);
		cbor_put_uint(&body, chunks[i].first);
		cbor_put_uint(&body, chunks[i].count);
		cbor_put_bstr(&body, bytes_of(chunks[i].hash, SHA256_SIZE));
	}
	err = buf_err(&body);
	if (!err)
		err = cose_sign1_sign(out, signer, kid, PACK_MANIFEST_TYP,
		    buf_bytes(&body), BYTES_NONE, diag);
	if (err)
		return diag_fail(diag, err, NULL, "pack: manifest of %zu "
		    "chunks cannot be written", chunk_count);
	buf_put_be64(out, offset);
	buf_put_be32(out, (uint32_t)(out->len - start - 8));
	buf_put(out, PACK_END_MAGIC, PACK_MAGIC_SIZE);
	return buf_err(out);
}
