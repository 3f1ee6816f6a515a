/* Writer: pack_write.c. */
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/cbor.h"
#include "lib/crypto/cose.h"
#include "lib/identity/pack_internal.h"

#define READ_BLOCK	((size_t)1 << 20)

struct pack {
	struct file		 file;		/* of ends alone not open */
	const struct pack_octets *ends;		/* while they are read */
	struct buf		 header_bytes;	/* header's views point here */
	struct pack_header	 header;
	struct pack_chunk	*chunks;
	uint64_t		*start;		/* position of its first */
	size_t			 chunk_count;
	/* the chunk opened last: packages are mostly read in order */
	struct package_opener	*opener;
	size_t			 open_chunk;
	struct secret		 open_key;	/* that it was made with */
	struct buf		 room;		/* of a sealed package */
	struct hmac		*codes;		/* NULL: not opened yet */
};

void
pack_close(struct pack **pack)
{
	if (*pack == NULL)
		return;
	file_release(&(*pack)->file);
	buf_release(&(*pack)->header_bytes);
	buf_release(&(*pack)->room);
	package_opener_free(&(*pack)->opener);
	secret_release(&(*pack)->open_key);
	hmac_free(&(*pack)->codes);
	free((*pack)->chunks);
	free((*pack)->start);
	free(*pack);
	*pack = NULL;
}

const struct pack_header *
pack_header(const struct pack *pack)
{
	return &pack->header;
}

size_t
pack_chunk_count(const struct pack *pack)
{
	return pack->chunk_count;
}

const struct pack_chunk *
pack_chunk_at(const struct pack *pack, size_t i)
{
	return &pack->chunks[i];
}

static enum err
syntax(struct diag *diag, const struct pack *pack, const char *what)
{
	return diag_fail(diag, ERR_SYNTAX, NULL, "pack %s: %s",
	    pack->file.path, what);
}

static enum err
pack_size(const struct pack *pack, uint64_t *ret_size, struct diag *diag)
{
	if (pack->ends == NULL)
		return file_size(&pack->file, ret_size, diag);
	*ret_size = pack->ends->size;
	return ERR_OK;
}

static enum err
octets_at(const struct pack *pack, uint64_t at, uint8_t *out, size_t len,
    struct diag *diag)
{
	const struct pack_octets *ends = pack->ends;
	uint64_t tail;

	if (ends == NULL)
		return file_read_at(&pack->file, at, out, len, diag);
	tail = ends->size - ends->tail.len;
	if (at < ends->head.len && len <= ends->head.len - at)
		memcpy(out, ends->head.ptr + at, len);
	else if (at >= tail && at < ends->size && len <= ends->size - at)
		memcpy(out, ends->tail.ptr + (at - tail), len);
	else if (len > 0)
		return syntax(diag, pack, "header or manifest out of bounds");
	return ERR_OK;
}

static enum err
header_read(struct pack *pack, struct diag *diag)
{
	uint8_t head[PACK_HEAD], *body;
	unsigned version;
	struct cbor cbor;
	uint32_t len;
	enum err err;

	err = octets_at(pack, 0, head, sizeof(head), diag);
	if (err)
		return err;
	if (memcmp(head, PACK_MAGIC, PACK_MAGIC_SIZE) != 0)
		return syntax(diag, pack, "not a pack: no IMPRPACK in front");
	version = get_be16(head + 8);
	if (version < 1 || version > PACK_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "pack %s: version %u, this build reads 1 to %d",
		    pack->file.path, version, PACK_VERSION);
	len = get_be32(head + 12);
	if (get_be16(head + 10) != 0 || len > PACK_HEADER_MAX)
		return syntax(diag, pack, "header out of bounds");
	buf_put(&pack->header_bytes, head, sizeof(head));
	body = buf_extend(&pack->header_bytes, len);
	if (body == NULL)
		return diag_nomem(diag);
	err = octets_at(pack, PACK_HEAD, body, len, diag);
	if (err)
		return err;
	cbor_open(&cbor, bytes_of(body, len));
	pack_header_get(&cbor, &pack->header, version);
	if (!cbor_close(&cbor))
		return syntax(diag, pack, cbor.error);
	if (version != pack_version(&pack->header))
		return syntax(diag, pack, "of another version than it says");
	if (pack->header.recipient_alg != KEY_X25519 &&
	    pack->header.recipient_alg != KEY_P256)
		return syntax(diag, pack, "recipient key of no known kind");
	return ERR_OK;
}

static enum err
trailer_read(struct pack *pack, struct buf *manifest, uint64_t *ret_offset,
    struct diag *diag)
{
	uint8_t trailer[PACK_TRAILER], *body;
	uint64_t size, offset;
	uint32_t len;
	enum err err;

	err = pack_size(pack, &size, diag);
	if (err)
		return err;
	if (size < PACK_HEAD + PACK_TRAILER)
		return syntax(diag, pack, "shorter than any pack");
	err = octets_at(pack, size - PACK_TRAILER, trailer, PACK_TRAILER,
	    diag);
	if (err)
		return err;
	if (memcmp(trailer + 12, PACK_END_MAGIC, PACK_MAGIC_SIZE) != 0) {
		err = diag_fail(diag, ERR_STATE, NULL,
		    "pack %s: has no end: unfinished or cut off",
		    pack->file.path);
		diag_hint(diag, "finish the order with 'imprint order run' "
		    "or fetch the whole file again");
		return err;
	}
	offset = get_be64(trailer);
	len = get_be32(trailer + 8);
	if (len > PACK_MANIFEST_MAX || offset > size ||
	    size - offset != (uint64_t)len + PACK_TRAILER)
		return syntax(diag, pack, "manifest out of bounds");
	body = buf_extend(manifest, len);
	if (body == NULL)
		return diag_nomem(diag);
	*ret_offset = offset;
	return octets_at(pack, offset, body, len, diag);
}

/* Signed by one of the keys? Finds it by kid, so one verification at most. */
static enum err
manifest_verify(const struct pack *pack, const struct cose_sign1 *message,
    const struct public_key *keys, size_t key_count, struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t kid[COSE_KID_SIZE];
	bool good = false;
	size_t i;
	enum err err;

	for (i = 0; i < key_count; i++) {
		err = cose_key_thumbprint(&keys[i], kid);
		if (err)
			return err;
		if (bytes_equal(message->kid, bytes_of(kid, sizeof(kid))))
			break;
	}
	if (i == key_count) {
		err = diag_fail(diag, ERR_AUTH, NULL,
		    "pack %s: signed by a key this place does not trust",
		    pack->file.path);
		diag_hint(diag, "is it of another ecosystem, or of a newer "
		    "document signer than trust.pem here? (imprint-station "
		    "trust)");
		return err;
	}
	err = verifier_new(&keys[i], &verifier, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (!err)
		err = cose_sign1_verify(message, verifier, keys[i].alg,
		    BYTES_NONE, sha256, &good);
	if (err)
		return err;
	if (!good || !bytes_equal(message->typ,
	    bytes_text(PACK_MANIFEST_TYP)))
		return diag_fail(diag, ERR_AUTH, "RFC 9052 4.4",
		    "pack %s: manifest's signature is not good: altered",
		    pack->file.path);
	return ERR_OK;
}

static enum err
manifest_chunks(struct pack *pack, struct cbor *cbor, uint64_t end)
{
	uint64_t at = pack->header_bytes.len, position = 0;
	struct pack_chunk *chunk;
	size_t i, count;

	count = cbor_get_array(cbor);
	if (end < at)
		cbor_fail(cbor, "manifest lies within the header");
	if (!cbor_ok(cbor))
		return ERR_OK;
	pack->chunks = calloc(count + 1, sizeof(*pack->chunks));
	pack->start = calloc(count + 1, sizeof(*pack->start));
	if (pack->chunks == NULL || pack->start == NULL)
		return ERR_NOMEM;
	for (i = 0; i < count && cbor_ok(cbor); i++) {
		chunk = &pack->chunks[i];
		cbor_get_array_sized(cbor, 5);
		chunk->offset = cbor_get_uint(cbor);
		chunk->length = cbor_get_uint(cbor);
		chunk->first = cbor_get_uint(cbor);
		chunk->count = pack_get_u32(cbor);
		pack_get_fixed(cbor, chunk->hash, SHA256_SIZE);
		if (chunk->offset != at || chunk->length > end - at ||
		    chunk->count == 0 || chunk->count > PACK_CHUNK_MAX ||
		    chunk->length < PACK_CHUNK_HEAD +
		    (uint64_t)chunk->count * PACK_TABLE_ENTRY)
			cbor_fail(cbor, "chunks do not follow one another");
		pack->start[i] = position;
		at += chunk->length;
		position += chunk->count;
	}
	pack->start[i] = position;
	pack->chunk_count = count;
	if (at != end || position != pack->header.count)
		cbor_fail(cbor, "chunks do not fill the pack");
	return ERR_OK;
}

static enum err
manifest_read(struct pack *pack, struct bytes payload, uint64_t end,
    struct diag *diag)
{
	const struct pack_header *header = &pack->header;
	uint8_t hash[SHA256_SIZE];
	struct bytes id, order, stated;
	struct cbor cbor;
	uint64_t version, number, count;
	enum err err;

	err = sha256_once(buf_bytes(&pack->header_bytes), hash);
	if (err)
		return err;
	cbor_open(&cbor, payload);
	cbor_get_array_sized(&cbor, 7);
	version = cbor_get_uint(&cbor);
	id = cbor_get_bstr(&cbor);
	order = cbor_get_bstr(&cbor);
	number = cbor_get_uint(&cbor);
	count = cbor_get_uint(&cbor);
	stated = cbor_get_bstr(&cbor);
	if (!bytes_equal(stated, bytes_of(hash, SHA256_SIZE)) ||
	    !bytes_equal(id, bytes_of(header->binding.pack,
	    PACKAGE_ID_SIZE)) ||
	    !bytes_equal(order, bytes_of(header->binding.order,
	    PACKAGE_ID_SIZE)) || version != pack_version(header) ||
	    number != header->number || count != header->count)
		cbor_fail(&cbor, "header is not the one that was signed");
	err = manifest_chunks(pack, &cbor, end);
	if (err)
		return diag_nomem(diag);
	if (!cbor_close(&cbor))
		return syntax(diag, pack, cbor.error);
	return ERR_OK;
}

static struct pack *
pack_new(void)
{
	struct pack *pack = calloc(1, sizeof(*pack));

	if (pack == NULL)
		return NULL;
	pack->file = (struct file)FILE_INIT;
	pack->header_bytes.limit = PACK_HEADER_MAX + PACK_HEAD;
	pack->room.limit = PACKAGE_SIZE_MAX;
	return pack;
}

static enum err
signed_read(struct pack *pack, const struct public_key *document_keys,
    size_t key_count, struct diag *diag)
{
	_cleanup_buf_ struct buf manifest = { .limit = PACK_MANIFEST_MAX };
	struct cose_sign1 message;
	uint64_t end = 0;
	enum err err;

	err = header_read(pack, diag);
	if (!err)
		err = trailer_read(pack, &manifest, &end, diag);
	if (err)
		return err;
	err = cose_sign1_parse(buf_bytes(&manifest), &message, diag);
	if (err) {
		diag_prefix(diag, "pack %s: manifest", pack->file.path);
		return err;
	}
	err = manifest_verify(pack, &message, document_keys, key_count, diag);
	return err ? err : manifest_read(pack, message.payload, end, diag);
}

enum err
pack_open(const struct io *io, const char *path,
    const struct public_key *document_keys, size_t key_count,
    struct pack **ret_pack, struct diag *diag)
{
	_cleanup_pack_ struct pack *pack = pack_new();
	enum err err;

	if (pack == NULL)
		return diag_nomem(diag);
	err = file_open(io, path, O_RDONLY, 0, &pack->file, diag);
	if (!err)
		err = signed_read(pack, document_keys, key_count, diag);
	if (err)
		return err;
	*ret_pack = pack;
	pack = NULL;	/* transferred */
	return ERR_OK;
}

enum err
pack_open_ends(const char *name, const struct pack_octets *ends,
    const struct public_key *document_keys, size_t key_count,
    struct pack **ret_pack, struct diag *diag)
{
	_cleanup_pack_ struct pack *pack = pack_new();
	enum err err;

	if (pack == NULL)
		return diag_nomem(diag);
	pack->file.path = strdup(name);
	if (pack->file.path == NULL)
		return diag_nomem(diag);
	pack->ends = ends;
	err = signed_read(pack, document_keys, key_count, diag);
	if (err)
		return err;
	pack->ends = NULL;
	*ret_pack = pack;
	pack = NULL;	/* transferred */
	return ERR_OK;
}

static enum err
chunk_check(struct pack *pack, const struct pack_chunk *chunk,
    struct sha256 *sha256, uint8_t *block, bool *ret_good, struct diag *diag)
{
	uint8_t hash[SHA256_SIZE];
	uint64_t done;
	size_t len;
	enum err err;

	err = sha256_begin(sha256);
	for (done = 0; done < chunk->length && !err; done += len) {
		len = chunk->length - done < READ_BLOCK ?
		    (size_t)(chunk->length - done) : READ_BLOCK;
		err = file_read_at(&pack->file, chunk->offset + done, block,
		    len, diag);
		if (!err)
			err = sha256_update(sha256, bytes_of(block, len));
	}
	if (!err)
		err = sha256_end(sha256, hash);
	if (err)
		return err;
	*ret_good = memcmp(hash, chunk->hash, SHA256_SIZE) == 0;
	return ERR_OK;
}

/* Those from first until end; ret_bad: the first that differs, or end. */
static enum err
chunks_check(struct pack *pack, size_t first, size_t end,
    void (*progress)(void *ctx, uint64_t done), void *ctx, size_t *ret_bad,
    struct diag *diag)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t *block = NULL;
	bool good = true;
	size_t i;
	enum err err;

	err = sha256_new(&sha256, diag);
	if (err)
		return err;
	block = malloc(READ_BLOCK);
	if (block == NULL)
		return diag_nomem(diag);
	for (i = first; i < end; i++) {
		err = chunk_check(pack, &pack->chunks[i], sha256, block,
		    &good, diag);
		if (err || !good)
			break;
		if (progress != NULL)
			progress(ctx, pack->start[i + 1]);
	}
	free(block);
	if (!err)
		*ret_bad = i;
	return err;
}

enum err
pack_check_chunk(struct pack *pack, size_t i, bool *ret_good,
    struct diag *diag)
{
	size_t bad = i;
	enum err err;

	err = chunks_check(pack, i, i + 1, NULL, NULL, &bad, diag);
	if (!err)
		*ret_good = bad != i;
	return err;
}

enum err
pack_ends(const uint8_t head[PACK_HEAD], const uint8_t trailer[PACK_TRAILER],
    uint64_t size, struct pack_ends *ret_ends, struct diag *diag)
{
	uint64_t header_end = PACK_HEAD + (uint64_t)get_be32(head + 12);
	uint64_t manifest = get_be64(trailer);
	uint32_t len = get_be32(trailer + 8);

	if (memcmp(head, PACK_MAGIC, PACK_MAGIC_SIZE) != 0)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "not a pack: no IMPRPACK in front");
	if (memcmp(trailer + 12, PACK_END_MAGIC, PACK_MAGIC_SIZE) != 0)
		return diag_fail(diag, ERR_STATE, NULL,
		    "pack: has no end: unfinished or cut off");
	if (header_end > PACK_HEAD + PACK_HEADER_MAX ||
	    len > PACK_MANIFEST_MAX || manifest < header_end ||
	    manifest > size || size - manifest != (uint64_t)len + PACK_TRAILER)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "pack: header or manifest out of bounds");
	*ret_ends = (struct pack_ends){ header_end, manifest };
	return ERR_OK;
}

enum err
pack_check(struct pack *pack, void (*progress)(void *ctx, uint64_t done),
    void *ctx, struct diag *diag)
{
	size_t bad = 0;
	enum err err;

	err = chunks_check(pack, 0, pack->chunk_count, progress, ctx, &bad,
	    diag);
	if (err || bad == pack->chunk_count)
		return err;
	err = diag_fail(diag, ERR_CORRUPT, NULL,
	    "pack %s: chunk %zu differs from the signed manifest",
	    pack->file.path, bad);
	diag_hint(diag, "fetch the file again; if it stays so, somebody "
	    "altered it");
	return err;
}

static size_t
chunk_of(const struct pack *pack, uint64_t position)
{
	size_t low = 0, high = pack->chunk_count, mid;

	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (pack->start[mid] <= position)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Read the chunk's head and make the opener for its encapsulation. */
static enum err
chunk_enter(struct pack *pack, size_t number, struct bytes private,
    size_t *ret_table, struct diag *diag)
{
	const struct pack_chunk *chunk = &pack->chunks[number];
	uint8_t head[PACK_CHUNK_HEAD + HPKE_ENC_MAX];
	size_t enc_len;
	enum err err;

	enc_len = pack_enc_len(&pack->header);
	*ret_table = PACK_CHUNK_HEAD + enc_len;
	if (private.len > 0 && pack->opener != NULL &&
	    pack->open_chunk == number &&
	    secret_equal(secret_bytes(&pack->open_key), private))
		return ERR_OK;
	err = file_read_at(&pack->file, chunk->offset, head,
	    PACK_CHUNK_HEAD + enc_len, diag);
	if (err)
		return err;
	if (memcmp(head, PACK_CHUNK_MAGIC, 4) != 0 ||
	    get_be32(head + 4) != number ||
	    get_be64(head + 8) != chunk->first ||
	    get_be32(head + 16) != chunk->count ||
	    get_be32(head + 20) != chunk->length ||
	    get_be16(head + 24) != enc_len)
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "pack %s: chunk %zu: head differs from the manifest",
		    pack->file.path, number);
	if (private.len == 0)
		return ERR_OK;
	package_opener_free(&pack->opener);
	secret_release(&pack->open_key);
	err = secret_copy(&pack->open_key, private);
	if (err)
		return diag_nomem(diag);
	err = package_opener_new(&pack->header.binding,
	    pack->header.recipient_alg, private,
	    bytes_of(head + PACK_CHUNK_HEAD, enc_len), &pack->opener, diag);
	pack->open_chunk = number;
	return err;
}

/* The octets of a package, into room; private is empty when it is not to be
 * opened. */
static enum err
package_read(struct pack *pack, uint64_t position, struct bytes private,
    struct buf *room_out, uint64_t *ret_index,
    uint8_t ret_commitment[SHA256_SIZE], struct diag *diag)
{
	const struct pack_chunk *chunk;
	uint8_t entry[PACK_TABLE_ENTRY], *room;
	uint32_t offset, len, within;
	size_t number, table = 0;
	enum err err;

	if (position >= pack->header.count)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "pack %s: holds %llu packages, asked for number %llu",
		    pack->file.path, (unsigned long long)pack->header.count,
		    (unsigned long long)position);
	number = chunk_of(pack, position);
	chunk = &pack->chunks[number];
	within = (uint32_t)(position - pack->start[number]);
	err = chunk_enter(pack, number, private, &table, diag);
	if (err)
		return err;
	err = file_read_at(&pack->file, chunk->offset + table +
	    (uint64_t)within * PACK_TABLE_ENTRY, entry, sizeof(entry), diag);
	if (err)
		return err;
	offset = get_be32(entry);
	len = get_be32(entry + 4);
	if (len > PACKAGE_SIZE_MAX || offset > chunk->length ||
	    len > chunk->length - offset)
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "pack %s: package %llu: out of its chunk",
		    pack->file.path, (unsigned long long)position);
	buf_clear(room_out);
	room = buf_extend(room_out, len);
	if (room == NULL)
		return diag_nomem(diag);
	err = file_read_at(&pack->file, chunk->offset + offset, room, len,
	    diag);
	if (err)
		return err;
	*ret_index = chunk->first + within;
	memcpy(ret_commitment, entry + 8, SHA256_SIZE);
	return ERR_OK;
}

static enum err
device_syntax(const struct pack *pack, uint64_t position, struct diag *diag)
{
	return diag_fail(diag, ERR_SYNTAX, NULL,
	    "pack %s: package %ju: not one for a device of a list",
	    pack->file.path, (uintmax_t)position);
}

enum err
pack_open_package(struct pack *pack, uint64_t position, struct bytes private,
    uint64_t *ret_index, struct secret *out, struct diag *diag)
{
	struct buf *room = &pack->room;
	uint8_t commitment[SHA256_SIZE];
	struct pack_device device;
	uint64_t index = 0;
	enum err err;

	if (pack->header.mode == ORDER_CHIP) {
		err = diag_fail(diag, ERR_PERMISSION, NULL, "pack %s: its "
		    "packages are sealed to chips: no station can open them",
		    pack->file.path);
		diag_hint(diag, "hand them out as they are: imprint-station "
		    "sealed");
		return err;
	}
	err = package_read(pack, position, private, room, &index,
	    commitment, diag);
	if (err)
		return err;
	device.sealed = buf_bytes(room);
	if (pack_is_for_devices(&pack->header) &&
	    (pack_device_get(buf_bytes(room), &device) != ERR_OK ||
	    device.enc.len > 0))
		return device_syntax(pack, position, diag);
	err = package_open(pack->opener, index, commitment, device.sealed,
	    pack->header.certs, pack->header.cert_count, out, diag);
	if (!err)
		*ret_index = index;
	return err;
}

enum err
pack_read_sealed(struct pack *pack, uint64_t position, struct buf *room,
    struct pack_sealed *ret_sealed, struct diag *diag)
{
	struct pack_sealed sealed;
	enum err err;

	if (!pack_is_for_devices(&pack->header))
		return diag_fail(diag, ERR_STATE, NULL, "pack %s: its packages "
		    "are for no device before the station binds them",
		    pack->file.path);
	err = package_read(pack, position, BYTES_NONE, room, &sealed.index,
	    sealed.commitment, diag);
	if (err)
		return err;
	if (pack_device_get(buf_bytes(room), &sealed.device) != ERR_OK ||
	    (sealed.device.enc.len > 0) != (pack->header.mode == ORDER_CHIP))
		return device_syntax(pack, position, diag);
	*ret_sealed = sealed;
	return ERR_OK;
}

enum err
pack_find_device(struct pack *pack, struct bytes which,
    uint64_t *ret_position, struct diag *diag)
{
	_cleanup_buf_ struct buf room = { .limit = PACKAGE_SIZE_MAX };
	struct pack_sealed sealed;
	uint64_t position;
	enum err err;

	for (position = 0; position < pack->header.count; position++) {
		err = pack_read_sealed(pack, position, &room, &sealed, diag);
		if (err)
			return err;
		if (bytes_equal(which, sealed.device.id) ||
		    bytes_equal(which, bytes_of(sealed.device.kid,
		    SHA256_SIZE))) {
			*ret_position = position;
			return ERR_OK;
		}
	}
	return diag_fail(diag, ERR_NOTFOUND, NULL,
	    "pack %s: holds nothing for this device", pack->file.path);
}

enum err
pack_claim_code(struct pack *pack, struct bytes private, uint64_t index,
    char ret_code[CLAIM_CODE_SIZE], struct diag *diag)
{
	enum err err = ERR_OK;

	if (pack->header.claim.log == 0 || private.len == 0) {
		ret_code[0] = '\0';
		return ERR_OK;
	}
	if (pack->codes == NULL)
		err = pack_claim_open(&pack->header, private, &pack->codes,
		    diag);
	return err ? err : claim_code_make(pack->codes,
	    pack->header.claim.log, index, ret_code);
}
