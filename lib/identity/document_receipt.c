/* Documents whose signature is a receipt. */
#include <stdio.h>

#include "lib/base/cbor_write.h"
#include "lib/identity/document_internal.h"

#define HEAD_ARRAY_2	0x82
#define LIST_SIZE	24	/* "00000000.cwt" and a NUL */

bool
document_has_receipt(struct bytes input)
{
	return input.len > 0 && input.ptr[0] == HEAD_ARRAY_2;
}

enum err
document_receipt_parse(struct bytes input, struct document *d,
    struct diag *diag)
{
	struct bytes receipt;
	struct cbor c;
	enum err err;

	cbor_open(&c, input);
	cbor_get_array_sized(&c, 2);
	d->claims = cbor_get_bstr(&c);
	receipt = cbor_get_item(&c);
	if (!cbor_close(&c))
		return diag_fail(diag, ERR_SYNTAX, "RFC 8949 4.2.1",
		    "document: octet %zu: %s", c.pos, c.error);
	err = receipt_parse(receipt, &d->receipt, diag);
	if (err) {
		diag_prefix(diag, "document");
		return err;
	}
	d->signature = SIGNATURE_RECEIPT;
	d->message = d->receipt.message;
	return ERR_OK;
}

enum err
document_receipt_check(const struct document *d, struct diag *diag)
{
	uint64_t index = receipt_index(&d->receipt);
	struct bytes end = d->status_uri;
	char list[LIST_SIZE];
	size_t len;

	(void)snprintf(list, sizeof(list), "%08llx.cwt",
	    (unsigned long long)(index >> STATUS_LIST_BITS));
	len = strlen(list);
	if (end.len > len) {
		end.ptr += end.len - len;
		end.len = len;
	}
	if (d->status_idx == (index & ((UINT64_C(1) << STATUS_LIST_BITS) -
	    1)) && bytes_equal(end, bytes_text(list)))
		return ERR_OK;
	return diag_fail(diag, ERR_SYNTAX, NULL,
	    "document: receipt: it is for index %llu, the claims' status is "
	    "of another", (unsigned long long)index);
}

enum err
document_verify(const struct document *d, struct verifier *verifier,
    enum key_alg alg, struct sha256 *sha256, bool *ret_good)
{
	uint8_t commitment[SHA256_SIZE];
	enum err err;

	if (d->signature == SIGNATURE_DIRECT)
		return cose_sign1_verify(&d->message, verifier, alg,
		    BYTES_NONE, sha256, ret_good);
	err = sha256_parts(sha256, &d->claims, 1, commitment);
	return err ? err : receipt_verify(&d->receipt, commitment, verifier,
	    alg, sha256, ret_good);
}

void
document_put_receipt(struct buf *b, struct bytes claims,
    struct bytes protected, const struct subtree *tree, uint32_t leaf,
    const uint8_t sig[SIGNATURE_SIZE])
{
	cbor_put_array(b, 2);
	cbor_put_bstr(b, claims);
	receipt_put(b, protected, tree, leaf, sig);
}
