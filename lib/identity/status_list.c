#include "lib/identity/status_list.h"

#include <stdlib.h>
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

static int64_t
time_get(struct cbor *c)
{
	uint64_t t = cbor_get_uint(c);

	if (t <= (uint64_t)TIME_MAX_S)
		return (int64_t)t;
	cbor_fail(c, "time is beyond the year 9999");
	return 0;
}

/* StatusList, section 4.3; ret_bits 0: missing. */
static void
lst_get(struct cbor *c, struct status_list *list, uint64_t *ret_bits)
{
	struct bytes key;
	size_t i, pairs = cbor_get_map(c);

	for (i = 0; i < pairs && cbor_ok(c); i++) {
		key = cbor_get_tstr(c);
		if (bytes_equal(key, bytes_text("lst")))
			list->lst = cbor_get_bstr(c);
		else if (bytes_equal(key, bytes_text("bits")))
			*ret_bits = cbor_get_uint(c);
		else
			cbor_skip(c);
	}
}

static void
claim_get(struct cbor *c, struct status_list *list, uint64_t *ret_bits,
    bool *ret_issued)
{
	int64_t claim;

	if (cbor_peek(c) == CBOR_TSTR) {
		cbor_skip(c);
		cbor_skip(c);
		return;
	}
	claim = cbor_get_int(c);
	switch (claim) {
	case CLAIM_SUB:
		list->uri = cbor_get_tstr(c);
		break;
	case CLAIM_EXP:
		list->expires = time_get(c);
		break;
	case CLAIM_IAT:
		list->issued = time_get(c);
		*ret_issued = true;
		break;
	case CLAIM_STATUS_LIST:
		lst_get(c, list, ret_bits);
		break;
	case CLAIM_TTL:
		list->ttl_s = time_get(c);
		if (cbor_ok(c) && list->ttl_s == 0)
			cbor_fail(c, "ttl is not positive");
		break;
	default:
		cbor_skip(c);
	}
}

static enum err
claims_parse(struct status_list *list, struct diag *diag)
{
	bool issued = false;
	uint64_t bits = 0;
	size_t i, pairs;
	struct cbor c;

	cbor_open(&c, list->message.payload);
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && cbor_ok(&c); i++)
		claim_get(&c, list, &bits, &issued);
	if (cbor_close(&c) && (list->uri.len == 0 || !issued ||
	    list->lst.len == 0 || bits == 0))
		cbor_fail(&c, "sub, iat or status_list is missing");
	if (cbor_ok(&c) && list->expires <= list->issued)
		cbor_fail(&c, "exp is not after iat");
	if (!cbor_ok(&c))
		return diag_fail(diag, ERR_SYNTAX, "RFC 8392 3",
		    "status list: octet %zu of the claims: %s", c.pos,
		    c.error);
	if (list->uri.len > STATUS_LIST_URI_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "status list: URI of %zu octets, at most %d",
		    list->uri.len, STATUS_LIST_URI_MAX);
	if (bits != BITS)
		return diag_fail(diag, ERR_UNSUPPORTED, NULL,
		    "status list: %llu bits for each identity: only %d are"
		    " read", (unsigned long long)bits, BITS);
	return ERR_OK;
}

enum err
status_list_parse(struct bytes input, struct status_list *ret_list,
    struct diag *diag)
{
	struct status_list list = { .expires = TIME_MAX_S };
	enum err err;

	if (input.len > STATUS_LIST_SIZE_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "status list: %zu octets, at most %u", input.len,
		    STATUS_LIST_SIZE_MAX);
	err = cose_sign1_parse(input, &list.message, diag);
	if (err) {
		diag_prefix(diag, "status list");
		return err;
	}
	/* RFC 9596 2: no other signed object passes for a status list */
	if (!bytes_equal(list.message.typ, bytes_text(STATUS_LIST_TYP)))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9596 2",
		    "status list: typ: not %s", STATUS_LIST_TYP);
	err = claims_parse(&list, diag);
	if (err)
		return err;
	*ret_list = list;
	return ERR_OK;
}

/* Of zlib's verdicts, what the input is to blame for. */
static enum err
inflate_fail(int result, struct diag *diag)
{
	if (result == Z_MEM_ERROR)
		return diag_nomem(diag);
	if (result == Z_BUF_ERROR)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "status list: lst: more than %u octets when decompressed",
		    STATUS_LIST_ARRAY_MAX);
	return diag_fail(diag, ERR_SYNTAX, "RFC 1950 2.2",
	    "status list: lst: not one whole ZLIB stream");
}

enum err
status_list_inflate(const struct status_list *list, uint8_t **ret_array,
    size_t *ret_size, struct diag *diag)
{
	uLongf size = STATUS_LIST_ARRAY_MAX;
	uLong taken = (uLong)list->lst.len;
	uint8_t *array, *shorter;
	int result;

	array = malloc(STATUS_LIST_ARRAY_MAX);
	if (array == NULL)
		return diag_nomem(diag);
	result = uncompress2(array, &size, list->lst.ptr, &taken);
	if (result == Z_OK && (taken != list->lst.len || size == 0))
		result = Z_DATA_ERROR;
	if (result != Z_OK) {
		free(array);
		return inflate_fail(result, diag);
	}
	/* a list of few identities is kept as small as it is */
	shorter = realloc(array, size);
	*ret_array = shorter != NULL ? shorter : array;
	*ret_size = size;
	return ERR_OK;
}
