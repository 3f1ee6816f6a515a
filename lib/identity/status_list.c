#include "lib/identity/status_list.h"

#include <zlib.h>

#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

/* CWT claims (RFC 8392 3.1; draft, sections 5.1 and 14.3). */
enum {
	CLAIM_SUB = 2,
	CLAIM_STATUS_LIST = 65533,
	CLAIM_TTL = 65534
};
#define BITS	2

/* Is any pair of bits of the array the reserved value? */
static bool
array_is_plain(struct bytes array)
{
	size_t i;

	for (i = 0; i < array.len; i++)
		if ((array.ptr[i] & array.ptr[i] >> 1 & 0x55) != 0)
			return false;
	return true;
}

static enum err
head_check(const struct status_list_head *head, struct bytes array,
    struct diag *diag)
{
	if (head->uri.len == 0 || head->uri.len > STATUS_LIST_URI_MAX)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "status list: URI of %zu octets: 1 to %d are allowed",
		    head->uri.len, STATUS_LIST_URI_MAX);
	if (head->issued < 0 || head->expires <= head->issued ||
	    head->expires > TIME_MAX_S || head->ttl_s <= 0)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "status list: times are out of order or out of range");
	if (array.len == 0 || array.len > STATUS_LIST_ARRAY_MAX)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "status list: array of %zu octets: 1 to %u are allowed",
		    array.len, STATUS_LIST_ARRAY_MAX);
	if (!array_is_plain(array))
		return diag_fail(diag, ERR_INVALID, NULL,
		    "status list: array holds the reserved status 3");
	return ERR_OK;
}

/* DEFLATE in the ZLIB format, at the level the draft recommends (4.1). */
static enum err
array_deflate(struct bytes array, struct buf *out)
{
	uLongf len = compressBound((uLong)array.len);
	uint8_t *at;
	int result;

	at = buf_extend(out, len);
	if (at == NULL)
		return buf_err(out);
	result = compress2(at, &len, array.ptr, (uLong)array.len,
	    Z_BEST_COMPRESSION);
	if (result != Z_OK)
		return result == Z_MEM_ERROR ? ERR_NOMEM : ERR_INTERNAL;
	out->len = (size_t)(at - out->ptr) + len;
	return ERR_OK;
}

/* Map keys ascending in their encoding (RFC 8949 4.2.1): "lst", "bits". */
static void
payload_put(struct buf *out, const struct status_list_head *head,
    struct bytes lst)
{
	cbor_put_map(out, 5);
	cbor_put_uint(out, CLAIM_SUB);
	cbor_put_tstr(out, head->uri);
	cbor_put_uint(out, CLAIM_EXP);
	cbor_put_int(out, head->expires);
	cbor_put_uint(out, CLAIM_IAT);
	cbor_put_int(out, head->issued);
	cbor_put_uint(out, CLAIM_STATUS_LIST);
	cbor_put_map(out, 2);
	cbor_put_text(out, "lst");
	cbor_put_bstr(out, lst);
	cbor_put_text(out, "bits");
	cbor_put_uint(out, BITS);
	cbor_put_uint(out, CLAIM_TTL);
	cbor_put_int(out, head->ttl_s);
}

enum err
status_list_write(struct buf *out, const struct status_list_head *head,
    struct bytes array, struct signer *signer, struct diag *diag)
{
	_cleanup_buf_ struct buf lst = BUF_INIT, payload = BUF_INIT;
	uint8_t kid[COSE_KID_SIZE];
	enum err err;

	err = head_check(head, array, diag);
	if (err)
		return err;
	err = array_deflate(array, &lst);
	if (!err) {
		payload_put(&payload, head, buf_bytes(&lst));
		err = buf_err(&payload);
	}
	if (!err)
		err = cose_key_thumbprint(signer_public(signer), kid);
	if (err)
		return diag_fail(diag, err, NULL,
		    "status list: cannot be encoded");
	return cose_sign1_sign(out, signer, bytes_of(kid, sizeof(kid)),
	    STATUS_LIST_TYP, buf_bytes(&payload), BYTES_NONE, diag);
}
