#include "lib/log/receipt.h"

#include "lib/base/cbor_write.h"

#define TAG_SIGN1	18
#define VDS_RFC9162	1		/* RFC9162_SHA256 */
#define PROOF_INCLUSION	(-1)
#define INDEX_MAX	((UINT64_C(1) << 56) - 1)
#define EVIDENCE_MAX	UINT8_MAX
#define ENTRY_MAX	64		/* octets of a log entry */
/* Heads and numbers of an inclusion proof: array, size, leaf, array. */
#define PROOF_HEAD_MAX	10

/* RFC 9942 2, RFC 9052 3.1, RFC 9596 */
enum header {
	HEADER_ALG = 1, HEADER_KID = 4, HEADER_TYP = 16, HEADER_VDS = 395,
	HEADER_VDP = 396
};

void
receipt_put_protected(struct buf *b, struct bytes kid,
    const struct receipt_chunk *chunk)
{
	cbor_put_map(b, 5);
	cbor_put_uint(b, HEADER_ALG);
	cbor_put_int(b, COSE_ES256);
	cbor_put_uint(b, HEADER_KID);
	cbor_put_bstr(b, kid);
	cbor_put_uint(b, HEADER_TYP);
	cbor_put_text(b, RECEIPT_TYP);
	cbor_put_uint(b, HEADER_VDS);
	cbor_put_uint(b, VDS_RFC9162);
	cbor_put_int(b, RECEIPT_CHUNK);
	cbor_put_array(b, 3);
	cbor_put_uint(b, chunk->first);
	cbor_put_uint(b, chunk->size);
	cbor_put_uint(b, chunk->evidence);
}

enum err
receipt_sign(struct signer *signer, struct bytes protected,
    const uint8_t root[SHA256_SIZE], uint8_t ret_sig[SIGNATURE_SIZE])
{
	return cose_sign1_signature(signer, protected,
	    bytes_of(root, SHA256_SIZE), ret_sig);
}

void
receipt_put(struct buf *b, struct bytes protected,
    const struct subtree *tree, uint32_t leaf,
    const uint8_t sig[SIGNATURE_SIZE])
{
	const uint8_t *path[SUBTREE_DEPTH];
	uint8_t room[PROOF_HEAD_MAX];
	struct buf head = { .ptr = room, .cap = sizeof(room),
	    .limit = sizeof(room) };
	size_t i, count = subtree_path(tree, leaf, path);

	cbor_put_array(&head, 3);
	cbor_put_uint(&head, tree->size);
	cbor_put_uint(&head, leaf);
	cbor_put_array(&head, count);
	cbor_put_tag(b, TAG_SIGN1);
	cbor_put_array(b, 4);
	cbor_put_bstr(b, protected);
	cbor_put_map(b, 1);
	cbor_put_uint(b, HEADER_VDP);
	cbor_put_map(b, 1);
	cbor_put_int(b, PROOF_INCLUSION);
	cbor_put_array(b, 1);
	/* a hash has a head of two octets */
	cbor_put_bstr_head(b, head.len + count * (2 + SHA256_SIZE));
	buf_put_bytes(b, buf_bytes(&head));
	for (i = 0; i < count; i++)
		cbor_put_bstr(b, bytes_of(path[i], SHA256_SIZE));
	cbor_put_null(b);
	cbor_put_bstr(b, bytes_of(sig, SIGNATURE_SIZE));
}

static enum err
receipt_fail(struct diag *diag, const struct cbor *c, const char *part)
{
	return diag_fail(diag, ERR_SYNTAX, "RFC 9942 5.2",
	    "receipt: %s: octet %zu: %s", part, c->pos, c->error);
}

/* [first, size, evidence class] */
static void
chunk_read(struct cbor *c, struct receipt_chunk *chunk)
{
	uint64_t size, evidence;

	cbor_get_array_sized(c, 3);
	chunk->first = cbor_get_uint(c);
	size = cbor_get_uint(c);
	evidence = cbor_get_uint(c);
	if (!cbor_ok(c))
		return;
	if (size < 1 || size > SUBTREE_MAX)
		cbor_fail(c, "chunk: its size is not 1 to 4096");
	else if (chunk->first > INDEX_MAX - (size - 1))
		cbor_fail(c, "chunk: indices beyond 56 bits");
	else if (evidence > EVIDENCE_MAX)
		cbor_fail(c, "chunk: evidence class beyond 255");
	chunk->size = (uint32_t)size;
	chunk->evidence = (enum evidence_class)evidence;
}

/* What cose.h does not know of the protected header, whose form it checked:
 * the tree's kind and the chunk. */
static enum err
header_read(struct receipt *r, struct diag *diag)
{
	bool has_vds = false, has_chunk = false;
	uint64_t vds = 0;
	size_t i, pairs;
	struct cbor c;
	int64_t label;

	cbor_open_checked(&c, r->message.protected);
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && cbor_ok(&c); i++) {
		label = 0;
		if (cbor_peek(&c) == CBOR_TSTR)
			cbor_skip(&c);
		else
			label = cbor_get_int(&c);
		if (label == HEADER_VDS) {
			vds = cbor_get_uint(&c);
			has_vds = true;
		} else if (label == RECEIPT_CHUNK) {
			chunk_read(&c, &r->chunk);
			has_chunk = true;
		} else {
			cbor_skip(&c);
		}
	}
	if (cbor_ok(&c) && (!has_vds || !has_chunk))
		cbor_fail(&c, "vds or chunk is missing");
	if (!cbor_ok(&c))
		return receipt_fail(diag, &c, "protected header");
	if (vds != VDS_RFC9162)
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 9942 5.1",
		    "receipt: vds: %llu is not RFC9162_SHA256",
		    (unsigned long long)vds);
	return ERR_OK;
}

/* {-1: [proof]}: exactly one. */
static struct bytes
proofs_read(struct cbor *c)
{
	if (cbor_get_map(c) != 1 || cbor_get_int(c) != PROOF_INCLUSION)
		cbor_fail(c, "vdp: not inclusion proofs alone");
	cbor_get_array_sized(c, 1);
	return cbor_get_bstr(c);
}

/* bstr .cbor [size, leaf, [* hash]] */
static enum err
proof_read(struct bytes encoded, struct receipt *r, struct diag *diag)
{
	uint64_t size, leaf;
	struct cbor c;
	size_t i;

	cbor_open(&c, encoded);
	cbor_get_array_sized(&c, 3);
	size = cbor_get_uint(&c);
	leaf = cbor_get_uint(&c);
	r->path_count = cbor_get_array(&c);
	if (cbor_ok(&c) && size != r->chunk.size)
		cbor_fail(&c, "tree size is not the chunk's");
	/* RFC 9162 2.1.3.2 */
	if (cbor_ok(&c) && leaf >= size)
		cbor_fail(&c, "leaf index is not below the tree's size");
	if (cbor_ok(&c) && r->path_count !=
	    subtree_path_length((uint32_t)leaf, (uint32_t)size))
		cbor_fail(&c, "path is too short or too long");
	for (i = 0; i < r->path_count && cbor_ok(&c); i++)
		r->path[i] = cbor_get_bstr_sized(&c, SHA256_SIZE).ptr;
	r->leaf = (uint32_t)leaf;
	return cbor_close(&c) ? ERR_OK :
	    receipt_fail(diag, &c, "inclusion proof");
}

static enum err
unprotected_read(struct receipt *r, struct diag *diag)
{
	struct bytes proof = BYTES_NONE;
	size_t i, pairs;
	struct cbor c;
	int64_t label;

	cbor_open_checked(&c, r->message.unprotected);
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && cbor_ok(&c); i++) {
		label = 0;
		if (cbor_peek(&c) == CBOR_TSTR)
			cbor_skip(&c);
		else
			label = cbor_get_int(&c);
		if (label == HEADER_VDP)
			proof = proofs_read(&c);
		else
			cbor_skip(&c);
	}
	if (cbor_ok(&c) && proof.len == 0)
		cbor_fail(&c, "vdp is missing");
	if (!cbor_ok(&c))
		return receipt_fail(diag, &c, "unprotected header");
	return proof_read(proof, r, diag);
}

enum err
receipt_parse(struct bytes input, struct receipt *ret_receipt,
    struct diag *diag)
{
	struct receipt r = { .leaf = 0 };
	enum err err;

	if (input.len > RECEIPT_SIZE_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "receipt: %zu octets, at most %d", input.len,
		    RECEIPT_SIZE_MAX);
	err = cose_sign1_parse_detached(input, &r.message, diag);
	if (err) {
		diag_prefix(diag, "receipt");
		return err;
	}
	if (r.message.alg != COSE_ES256)
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 9053 2.1",
		    "receipt: alg: %d is not ES256", (int)r.message.alg);
	/* RFC 9596 2: no other signed object passes for a receipt */
	if (!bytes_equal(r.message.typ, bytes_text(RECEIPT_TYP)))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9596 2",
		    "receipt: typ: not %s", RECEIPT_TYP);
	err = header_read(&r, diag);
	if (!err)
		err = unprotected_read(&r, diag);
	if (!err)
		*ret_receipt = r;
	return err;
}

uint64_t
receipt_index(const struct receipt *r)
{
	return r->chunk.first + r->leaf;
}

enum err
receipt_verify(const struct receipt *r,
    const uint8_t commitment[SHA256_SIZE], struct verifier *verifier,
    enum key_alg alg, struct sha256 *sha256, bool *ret_good)
{
	uint8_t room[ENTRY_MAX], hash[SHA256_SIZE];
	struct buf entry = { .ptr = room, .cap = sizeof(room),
	    .limit = sizeof(room) };
	struct cose_sign1 message = r->message;
	enum err err;

	log_entry_put(&entry, LOG_ENTRY_IDENTITY, receipt_index(r),
	    r->chunk.evidence, bytes_of(commitment, SHA256_SIZE));
	err = buf_err(&entry);
	if (!err)
		err = merkle_leaf(sha256, buf_bytes(&entry), hash);
	if (!err)
		err = subtree_path_root(sha256, hash, r->leaf, r->chunk.size,
		    r->path, hash);
	if (err)
		return err;
	message.payload = bytes_of(hash, SHA256_SIZE);
	return cose_sign1_verify(&message, verifier, alg, BYTES_NONE, sha256,
	    ret_good);
}

enum err
receipt_check_root(struct bytes protected, const uint8_t root[SHA256_SIZE],
    const uint8_t sig[SIGNATURE_SIZE], struct verifier *verifier,
    struct sha256 *sha256, bool *ret_good)
{
	struct cose_sign1 message = { .protected = protected,
	    .alg = COSE_ES256, .payload = bytes_of(root, SHA256_SIZE),
	    .signature = bytes_of(sig, SIGNATURE_SIZE) };

	return cose_sign1_verify(&message, verifier, KEY_P256, BYTES_NONE,
	    sha256, ret_good);
}
