/* The receipt of a document: COSE Receipt of inclusion (RFC 9942 5.2). */
#include "device/src/internal.h"

#define HASH_SIZE	IMPRINT_DEVICE_HASH_SIZE
#define CHUNK_MAX	4096
#define INDEX_BITS	56
#define EVIDENCE_MAX	255
#define HEADER_VDP	396
#define PROOF_INCLUSION	(-1)
#define LIST_BITS	20	/* indices of one status list, log2 */
#define LIST_END	12	/* "00000000.cwt" */
#define ENTRY_MAX	56	/* octets of a log entry before the hash */

void
imprint_device_receipt_chunk(struct cbor *c, struct imprint_device_receipt *r)
{
	uint64_t size, evidence;

	cbor_get_array_sized(c, 3);
	r->first = cbor_get_uint(c);
	size = cbor_get_uint(c);
	evidence = cbor_get_uint(c);
	if (size < 1 || size > CHUNK_MAX || evidence > EVIDENCE_MAX ||
	    r->first > (UINT64_C(1) << INDEX_BITS) - size)
		cbor_fail(c, "receipt: chunk out of range");
	r->size = (uint32_t)size;
	r->evidence = (unsigned)evidence;
}

struct bytes
imprint_device_receipt_proof(struct cbor *c)
{
	if (cbor_get_map(c) != 1 || cbor_get_int(c) != HEADER_VDP)
		cbor_fail(c, "receipt: unprotected header is not vdp alone");
	if (cbor_get_map(c) != 1 || cbor_get_int(c) != PROOF_INCLUSION)
		cbor_fail(c, "receipt: not inclusion proofs alone");
	cbor_get_array_sized(c, 1);
	return cbor_get_bstr(c);
}

/*
 * Is there a hash of the path at this level? A node without a sibling is the
 * node above it (RFC 9162 2.1.1).
 */
static bool
has_sibling(uint32_t leaf, uint32_t size)
{
	return (leaf ^ 1) < size;
}

static size_t
path_length(uint32_t leaf, uint32_t size)
{
	size_t count = 0;

	for (; size > 1; leaf /= 2, size = (size + 1) / 2)
		count += has_sibling(leaf, size) ? 1 : 0;
	return count;
}

/* [size, leaf, [* hash]]; RFC 9162 2.1.3.2: leaf < size. */
const char *
imprint_device_receipt_path(struct bytes proof,
    struct imprint_device_receipt *r)
{
	uint64_t size, leaf;
	struct bytes path;
	struct cbor c, p;
	size_t i, count;

	cbor_open(&c, proof);
	cbor_get_array_sized(&c, 3);
	size = cbor_get_uint(&c);
	leaf = cbor_get_uint(&c);
	path = cbor_get_item(&c);
	if (cbor_close(&c) && (size != r->size || leaf >= size))
		cbor_fail(&c, "receipt: proof is not for the chunk's tree");
	if (!cbor_ok(&c))
		return c.error;
	cbor_open_checked(&p, path);
	count = cbor_get_array(&p);
	if (cbor_ok(&p) && count != path_length((uint32_t)leaf, r->size))
		cbor_fail(&p, "receipt: path is too short or too long");
	for (i = 0; i < count && cbor_ok(&p); i++)
		(void)cbor_get_bstr_sized(&p, HASH_SIZE);
	r->leaf = (uint32_t)leaf;
	r->path = export(path);
	return p.error;
}

/* Does it end in the eight digits of the list the index is in, and .cwt? */
static bool
list_fits(struct bytes uri, uint64_t index)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t list = index >> LIST_BITS;
	const uint8_t *end;
	size_t i;

	if (uri.len < LIST_END || list > UINT32_MAX)
		return false;
	end = uri.ptr + uri.len - LIST_END;
	for (i = 0; i < 8; i++)
		if (end[i] != (uint8_t)digits[list >> (28 - 4 * i) & 15])
			return false;
	return memcmp(end + 8, ".cwt", 4) == 0;
}

/* {"status_list": {"idx", "uri"}}, as it is written. */
void
imprint_device_receipt_status(struct cbor *c, struct imprint_device_receipt *r)
{
	uint64_t idx, index = r->first + r->leaf;
	bool named;

	named = cbor_get_map(c) == 1 && bytes_equal(cbor_get_tstr(c),
	    bytes_text("status_list"));
	named = cbor_get_map(c) == 2 && named && bytes_equal(
	    cbor_get_tstr(c), bytes_text("idx"));
	idx = cbor_get_uint(c);
	named = named && bytes_equal(cbor_get_tstr(c), bytes_text("uri"));
	if (!named)
		cbor_fail(c, "status: not a status list's idx and uri");
	r->fits = list_fits(cbor_get_tstr(c), index) &&
	    idx == (index & ((UINT64_C(1) << LIST_BITS) - 1));
}

/* SHA-256 of the log's leaf: 0x00 || [1, 1, index, evidence, commitment]. */
static int
leaf_hash(const struct imprint_device_crypto *crypto,
    const struct imprint_device_identity *id, uint8_t ret_hash[HASH_SIZE])
{
	uint8_t entry[ENTRY_MAX] = { 0x00, 0x85, 0x01, 0x01 };
	uint8_t commitment[HASH_SIZE];
	struct imprint_bytes parts[2];
	size_t len = 4;

	if (crypto->sha256(crypto->state, &id->claims, 1, commitment) != 0)
		return -1;
	len += imprint_device_cbor_head(entry + len, 0,
	    id->receipt.first + id->receipt.leaf);
	len += imprint_device_cbor_head(entry + len, 0,
	    id->receipt.evidence);
	entry[len++] = 0x58;
	entry[len++] = HASH_SIZE;
	parts[0].ptr = entry;
	parts[0].len = len;
	parts[1].ptr = commitment;
	parts[1].len = HASH_SIZE;
	return crypto->sha256(crypto->state, parts, 2, ret_hash);
}

/* 0x01 || left || right; ret_hash may be either, and no adapter need bear
 * with that. */
static int
node_hash(const struct imprint_device_crypto *crypto, const uint8_t *left,
    const uint8_t *right, uint8_t ret_hash[HASH_SIZE])
{
	static const uint8_t prefix = 0x01;
	struct imprint_bytes parts[3];
	uint8_t hash[HASH_SIZE];

	parts[0].ptr = &prefix;
	parts[0].len = 1;
	parts[1].ptr = left;
	parts[1].len = HASH_SIZE;
	parts[2].ptr = right;
	parts[2].len = HASH_SIZE;
	if (crypto->sha256(crypto->state, parts, 3, hash) != 0)
		return -1;
	memcpy(ret_hash, hash, HASH_SIZE);
	return 0;
}

int
imprint_device_receipt_root(const struct imprint_device_crypto *crypto,
    const struct imprint_device_identity *id,
    uint8_t ret_root[HASH_SIZE])
{
	uint32_t leaf = id->receipt.leaf, size = id->receipt.size;
	const uint8_t *sibling;
	struct cbor path;
	int failed;

	cbor_open_checked(&path, view(id->receipt.path));
	(void)cbor_get_array(&path);
	failed = leaf_hash(crypto, id, ret_root);
	for (; size > 1 && failed == 0; leaf /= 2, size = (size + 1) / 2) {
		if (!has_sibling(leaf, size))
			continue;
		sibling = cbor_get_bstr(&path).ptr;
		failed = (leaf & 1) != 0 ?
		    node_hash(crypto, sibling, ret_root, ret_root) :
		    node_hash(crypto, ret_root, sibling, ret_root);
	}
	return failed;
}
