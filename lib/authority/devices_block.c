/* Entries of lists of devices as the registry keeps them. */
#include "lib/authority/devices_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/base/secret.h"

void
device_stored_put(struct buf *out, const struct device_entry *entry)
{
	size_t i;

	buf_put_u8(out, (uint8_t)entry->id.len);
	buf_put_bytes(out, entry->id);
	buf_put_u8(out, (uint8_t)entry->key_count);
	for (i = 0; i < entry->key_count; i++) {
		buf_put_u8(out, (uint8_t)entry->key[i].slot);
		buf_put_u8(out, (uint8_t)entry->key[i].key.alg);
		buf_put(out, entry->key[i].key.raw, entry->key[i].key.len);
	}
}

static bool
octets_take(struct bytes *rest, size_t len, struct bytes *ret_octets)
{
	if (rest->len < len)
		return false;
	*ret_octets = bytes_of(rest->ptr, len);
	*rest = bytes_of(rest->ptr + len, rest->len - len);
	return true;
}

bool
device_stored_take(struct bytes *rest, struct device_held *ret_device)
{
	const struct key_algorithm *a;
	struct bytes head;
	size_t i;

	if (!octets_take(rest, 1, &head) ||
	    !octets_take(rest, head.ptr[0], &ret_device->id) ||
	    !octets_take(rest, 1, &head) || head.ptr[0] > PRODUCT_SLOTS_MAX)
		return false;
	ret_device->key_count = head.ptr[0];
	for (i = 0; i < ret_device->key_count; i++) {
		if (!octets_take(rest, 2, &head))
			return false;
		ret_device->key[i].slot = head.ptr[0];
		ret_device->key[i].alg = (enum key_alg)head.ptr[1];
		a = key_algorithm(ret_device->key[i].alg);
		if (a == NULL || !octets_take(rest, a->public_len,
		    &ret_device->key[i].raw))
			return false;
	}
	return true;
}

static enum err
block_mac(struct authority *authority, uint32_t order, uint64_t number,
    struct bytes octets, uint8_t ret_mac[SHA256_SIZE])
{
	_cleanup_buf_ struct buf head = BUF_INIT;
	struct bytes parts[2];
	enum err err;

	/* as names_block.c, under another word */
	cbor_put_array(&head, 4);
	cbor_put_text(&head, "devices");
	cbor_put_uint(&head, order);
	cbor_put_uint(&head, number);
	cbor_put_bstr_head(&head, octets.len);
	err = buf_err(&head);
	if (err)
		return err;
	parts[0] = buf_bytes(&head);
	parts[1] = octets;
	return hmac_parts(authority->row_mac, parts, 2, ret_mac);
}

enum err
device_block_put(struct authority *authority, uint32_t order,
    uint64_t number, struct bytes entries, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint8_t mac[SHA256_SIZE];
	enum err err;

	err = block_mac(authority, order, number, entries, mac);
	buf_put_bytes(&body, entries);
	buf_put(&body, mac, sizeof(mac));
	if (!err)
		err = buf_err(&body);
	return err ? err : store_device_block_put(authority->store, number,
	    order, buf_bytes(&body), diag);
}

enum err
device_block_get(struct authority *authority, uint32_t order,
    uint64_t number, struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint8_t mac[SHA256_SIZE];
	struct bytes octets;
	uint32_t owner = 0;
	bool good;
	enum err err;

	err = store_device_block_get(authority->store, number, &owner, &body,
	    diag);
	if (err)
		return err;
	good = body.len > SHA256_SIZE && owner == order;
	octets = bytes_of(body.ptr, good ? body.len - SHA256_SIZE : 0);
	if (good && authority->row_mac != NULL) {
		err = block_mac(authority, order, number, octets, mac);
		if (err)
			return err;
		good = secret_equal(bytes_of(mac, sizeof(mac)),
		    bytes_of(octets.ptr + octets.len, SHA256_SIZE));
	}
	if (good) {
		buf_put_bytes(out, octets);
		return buf_err(out);
	}
	err = diag_fail(diag, ERR_CORRUPT, NULL, "registry: devices of order "
	    "%u, block %ju: altered", order, (uintmax_t)number);
	diag_hint(diag, "somebody or something wrote to registry.db: restore "
	    "it from a backup, and find out who");
	return err;
}
