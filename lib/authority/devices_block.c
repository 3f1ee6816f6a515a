/* Entries of lists of devices as the registry keeps them. */
#include "lib/authority/blob.h"
#include "lib/authority/devices_internal.h"

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

enum err
device_block_put(struct authority *authority, uint32_t order,
    uint64_t number, struct bytes entries, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	enum err err;

	buf_put_bytes(&body, entries);
	err = blob_seal(authority, "devices", order, number, &body);
	return err ? err :
		     store_block_put(authority->store, STORE_DEVICE_BLOCKS,
			 number, order, buf_bytes(&body), diag);
}

enum err
device_block_get(struct authority *authority, uint32_t order,
    uint64_t number, struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct bytes octets = BYTES_NONE;
	uint32_t owner = 0;
	enum err err;

	err = store_block_get(authority->store, STORE_DEVICE_BLOCKS, number,
	    &owner, &body, diag);
	if (err)
		return err;
	err = owner == order ? blob_open(authority, "devices", order, number,
	    buf_bytes(&body), &octets) : ERR_CORRUPT;
	if (!err) {
		buf_put_bytes(out, octets);
		return buf_err(out);
	}
	if (err != ERR_CORRUPT)
		return err;
	err = diag_fail(diag, ERR_CORRUPT, NULL, "registry: devices of order "
	    "%u, block %ju: altered", order, (uintmax_t)number);
	diag_hint(diag, "somebody or something wrote to registry.db: restore "
	    "it from a backup, and find out who");
	return err;
}
