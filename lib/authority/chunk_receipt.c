#include "lib/authority/chunk_receipt.h"

void
chunk_receipt_release(struct chunk_receipt *r)
{
	subtree_release(&r->tree);
	buf_release(&r->leaves);
	buf_release(&r->protected);
}

static enum err
receipt_altered(const struct store_range *range, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_CORRUPT, "RFC 9942 5.2",
	    "receipt of the %u identities from %llu: its signature is not "
	    "over what is stored", range->count,
	    (unsigned long long)range->first);
	diag_hint(diag, "the registry was altered or damaged: restore it "
	    "from a backup");
	return err;
}

static enum err
signature_check(struct authority *authority, const struct store_range *range,
    struct sha256 *sha256, const struct chunk_receipt *r, struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	struct authority_signer signer;
	bool good = false;
	enum err err;

	err = signer_by_kid(authority, bytes_of(r->row.kid, COSE_KID_SIZE),
	    &signer, diag);
	if (!err)
		err = verifier_new(&signer.key, &verifier, diag);
	if (!err)
		err = receipt_check_root(buf_bytes(&r->protected),
		    subtree_root(&r->tree), r->row.signature, verifier,
		    sha256, &good);
	if (err)
		return err;
	return good ? ERR_OK : receipt_altered(range, diag);
}

/* All leaves of the range, segment after segment. */
static enum err
leaves_load(struct store *store, const struct store_range *range,
    struct buf *leaves, struct diag *diag)
{
	uint32_t done = 0;
	enum err err = ERR_OK;

	buf_clear(leaves);
	while (done < range->count && !err) {
		err = store_leaves_get(store, range->log, range->first + done,
		    range->count - done, leaves, diag);
		done = (uint32_t)(leaves->len / SHA256_SIZE);
	}
	return err;
}

enum err
chunk_receipt_load(struct authority *authority,
    const struct store_range *range, uint32_t generation,
    struct sha256 *sha256, struct chunk_receipt *r, struct diag *diag)
{
	enum err err;

	r->chunk = (struct receipt_chunk){ .first = range->first,
	    .size = range->count,
	    .evidence = (enum evidence_class)range->evidence };
	if (range->count < 1 || range->count > SUBTREE_MAX)
		return receipt_altered(range, diag);
	err = store_receipt_get(authority_store(authority), range->log,
	    range->first, generation, &r->row, diag);
	if (!err)
		err = leaves_load(authority_store(authority), range,
		    &r->leaves, diag);
	if (!err)
		err = subtree_build(&r->tree, sha256, r->leaves.ptr,
		    range->count);
	if (err)
		return err;
	buf_clear(&r->protected);
	receipt_put_protected(&r->protected,
	    bytes_of(r->row.kid, COSE_KID_SIZE), &r->chunk);
	err = buf_err(&r->protected);
	return err ? err : signature_check(authority, range, sha256, r, diag);
}

enum err
chunk_receipt_put(struct authority *authority,
    const struct store_range *range, const struct authority_signer *signer,
    const uint8_t sig[SIGNATURE_SIZE], int64_t now, struct diag *diag)
{
	struct store_receipt receipt = { .log = range->log,
	    .first = range->first, .generation = signer->number,
	    .time = now };

	memcpy(receipt.kid, signer->kid, COSE_KID_SIZE);
	memcpy(receipt.signature, sig, SIGNATURE_SIZE);
	return store_receipt_put(authority_store(authority), &receipt, diag);
}
