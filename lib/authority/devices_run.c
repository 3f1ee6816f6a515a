/* Devices of a list handed to ranges while their order runs. */
#include "lib/authority/devices_internal.h"

void
devices_held_release(struct devices_held *held)
{
	buf_release(&held->octets);
	buf_release(&held->at);
}

enum err
devices_run_open(struct authority *authority,
    const struct store_order *order, struct devices_run *ret_run,
    struct diag *diag)
{
	struct devices_run run = { .authority = authority,
	    .mode = ORDER_STATION };
	enum err err;

	err = store_device_list_get(authority->store, order->number,
	    &run.list, NULL);
	if (err == ERR_NOTFOUND) {
		*ret_run = run;
		return ERR_OK;
	}
	if (err)
		return diag_fail(diag, err, NULL, "order %u: its list of "
		    "devices cannot be read", order->number);
	run.mode = (enum order_mode)run.list.mode;
	if (run.list.entries != order->count ||
	    order_mode_name(run.mode) == NULL || run.mode == ORDER_STATION)
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "order %u: its list has %ju of %ju devices",
		    order->number, (uintmax_t)run.list.entries,
		    (uintmax_t)order->count);
	run.next = run.list.first * STORE_NAME_LINES + order->committed;
	*ret_run = run;
	return ERR_OK;
}

static enum err
entry_take(void *ctx, const struct store_name_part *part)
{
	uint64_t *value = ctx;

	if (part->pool == STORE_NAME_LISTS)
		*value = part->first;
	return ERR_OK;
}

enum err
devices_entry(struct authority *authority, const struct store_range *range,
    uint64_t *ret_entry, struct diag *diag)
{
	struct store_device_list list;
	uint64_t value = UINT64_MAX;
	enum err err;

	err = range->order == 0 ? ERR_NOTFOUND :
	    store_device_list_get(authority->store, range->order, &list, NULL);
	if (err)
		return err;
	err = store_name_part_each(authority->store, range->log, range->first,
	    entry_take, &value, diag);
	value -= list.first * STORE_NAME_LINES;
	if (!err && value >= list.entries)
		err = diag_fail(diag, ERR_CORRUPT, NULL, "registry: order %u: "
		    "which of its list's entries %ju is for is not to be "
		    "found", range->order, (uintmax_t)range->first);
	if (!err)
		*ret_entry = value;
	return err;
}

static enum err
devices_load(struct devices_run *run, uint64_t first, uint32_t count,
    struct devices_held *held, struct diag *diag)
{
	_cleanup_buf_ struct buf block = BUF_INIT;
	uint64_t number = first / STORE_NAME_LINES;
	size_t passed = first % STORE_NAME_LINES;
	struct device_held device;
	struct bytes rest = BYTES_NONE;
	const uint8_t *start;
	uint32_t i = 0, at;
	enum err err = ERR_OK;

	buf_clear(&held->octets);
	buf_clear(&held->at);
	while (i < count && !err) {
		if (rest.len == 0) {
			buf_clear(&block);
			err = device_block_get(run->authority,
			    run->list.order, number++, &block, diag);
			rest = buf_bytes(&block);
			continue;
		}
		start = rest.ptr;
		if (!device_stored_take(&rest, &device))
			return diag_fail(diag, ERR_CORRUPT, NULL,
			    "registry: devices of order %u, block %ju: not "
			    "entries", run->list.order,
			    (uintmax_t)number - 1);
		if (passed > 0) {
			passed--;
			continue;
		}
		at = (uint32_t)held->octets.len;
		buf_put(&held->at, &at, sizeof(at));
		buf_put(&held->octets, start, (size_t)(rest.ptr - start));
		i++;
	}
	if (!err)
		err = buf_err(&held->octets);
	return err ? err : buf_err(&held->at);
}

enum err
devices_run_take(struct devices_run *run, const struct store_range *range,
    struct devices_held *held, struct diag *diag)
{
	struct store_name_part part = { .pool = STORE_NAME_LISTS,
	    .first = run->next, .count = range->count, .log = range->log,
	    .range = range->first };
	enum err err;

	if (run->mode == ORDER_STATION)
		return ERR_OK;
	err = store_name_part_put(run->authority->store, &part, NULL);
	if (err == ERR_EXISTS) {
		err = diag_fail(diag, ERR_CORRUPT, NULL, "registry: order %u "
		    "is further than its record says: its next devices are "
		    "taken", range->order);
		diag_hint(diag, "the registry was altered or damaged: restore "
		    "it from a backup; nothing was signed");
		return err;
	}
	if (err)
		return diag_fail(diag, err, NULL,
		    "registry: devices cannot be taken");
	run->next += range->count;
	return devices_load(run, part.first, range->count, held, diag);
}

enum err
devices_held_get(const struct devices_held *held, uint32_t position,
    struct device_held *ret_device)
{
	struct bytes rest;
	uint32_t at;

	if (position >= held->at.len / sizeof(at))
		return ERR_CORRUPT;
	memcpy(&at, held->at.ptr + position * sizeof(at), sizeof(at));
	rest = bytes_of(held->octets.ptr + at, held->octets.len - at);
	return device_stored_take(&rest, ret_device) ? ERR_OK : ERR_CORRUPT;
}

enum err
device_held_key(const struct device_held *device, unsigned slot,
    struct public_key *ret_key)
{
	size_t i;

	for (i = 0; i < device->key_count; i++) {
		if (device->key[i].slot != slot)
			continue;
		ret_key->alg = device->key[i].alg;
		ret_key->len = device->key[i].raw.len;
		memcpy(ret_key->raw, device->key[i].raw.ptr, ret_key->len);
		return ERR_OK;
	}
	return ERR_CORRUPT;
}

enum evidence_class
devices_evidence(const struct store_device_list *list)
{
	switch ((enum device_list_trust)list->trust) {
	case DEVICE_LIST_SIGNED:
	case DEVICE_LIST_MANIFEST:
		return EVIDENCE_CHIP_MAKER;
	case DEVICE_LIST_APPROVED:
		return EVIDENCE_APPROVED;
	case DEVICE_LIST_POSSESSION:
		return EVIDENCE_POSSESSION;
	}
	return EVIDENCE_NONE;
}
