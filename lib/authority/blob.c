#include "lib/authority/blob.h"

#include "lib/authority/authority_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/base/secret.h"

static enum err
blob_mac(struct authority *authority, const char *word, uint64_t a,
    uint64_t b, struct bytes octets, uint8_t ret_mac[SHA256_SIZE])
{
	_cleanup_buf_ struct buf head = BUF_INIT;
	struct bytes parts[2];
	enum err err;

	/* four parts: no object's (object.c) is taken for one */
	cbor_put_array(&head, 4);
	cbor_put_text(&head, word);
	cbor_put_uint(&head, a);
	cbor_put_uint(&head, b);
	cbor_put_bstr_head(&head, octets.len);
	err = buf_err(&head);
	if (err)
		return err;
	parts[0] = buf_bytes(&head);
	parts[1] = octets;
	return hmac_parts(authority->row_mac, parts, 2, ret_mac);
}

enum err
blob_seal(struct authority *authority, const char *word, uint64_t a,
    uint64_t b, struct buf *octets)
{
	uint8_t mac[SHA256_SIZE];
	enum err err;

	err = buf_err(octets);
	if (!err)
		err = blob_mac(authority, word, a, b, buf_bytes(octets), mac);
	if (err)
		return err;
	buf_put(octets, mac, sizeof(mac));
	return buf_err(octets);
}

enum err
blob_open(struct authority *authority, const char *word, uint64_t a,
    uint64_t b, struct bytes blob, struct bytes *ret_octets)
{
	uint8_t mac[SHA256_SIZE];
	struct bytes octets;
	enum err err;

	if (blob.len <= SHA256_SIZE)
		return ERR_CORRUPT;
	octets = bytes_of(blob.ptr, blob.len - SHA256_SIZE);
	if (authority->row_mac != NULL) {
		err = blob_mac(authority, word, a, b, octets, mac);
		if (err)
			return err;
		if (!secret_equal(bytes_of(mac, sizeof(mac)),
		    bytes_of(octets.ptr + octets.len, SHA256_SIZE)))
			return ERR_CORRUPT;
	}
	*ret_octets = octets;
	return ERR_OK;
}
