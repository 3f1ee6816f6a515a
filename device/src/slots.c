/*
 * A slot: magic, sequence, length, SHA-256 of these and the record, filled up
 * to 64 octets; at 64, the switch; at 96, the record. The switch is written
 * once all else is durable: as soon as one bit of it is there, all is.
 */
#include "device/src/internal.h"

#define HASH_SIZE	IMPRINT_DEVICE_HASH_SIZE
#define FIXED		16	/* magic, sequence, length */
#define HEADER		64
#define SWITCH_AT	64
#define SWITCH		32
#define RECORD_AT	IMPRINT_DEVICE_SLOT_HEAD
#define SLOTS		2
#define NONE		SLOTS
#define NOT_READ	(SLOTS + 1)

static const uint8_t magic[8] = { 'i', 'm', 'p', 'r', 'i', 'n', 't', 1 };

enum slot_state { SLOT_EMPTY, SLOT_SWITCHED, SLOT_DAMAGED };

struct slot {
	enum slot_state	state;
	uint32_t	sequence, len;
	uint8_t		head[RECORD_AT];
};

static bool
is_erased(const uint8_t *octets, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (octets[i] != 0xff)
			return false;
	return true;
}

static int
slot_read(const struct imprint_device_blocks *blocks, unsigned n,
    struct slot *slot)
{
	if (blocks->read(blocks->state, n, 0, slot->head, RECORD_AT) != 0)
		return -1;
	slot->sequence = get_be32(slot->head + 8);
	slot->len = get_be32(slot->head + 12);
	if (is_erased(slot->head + SWITCH_AT, SWITCH))
		slot->state = SLOT_EMPTY;
	else if (memcmp(slot->head, magic, sizeof(magic)) != 0 ||
	    slot->len > blocks->slot_size - RECORD_AT)
		slot->state = SLOT_DAMAGED;
	else
		slot->state = SLOT_SWITCHED;
	return 0;
}

static int
slot_hash(const struct imprint_device_crypto *crypto, const uint8_t *head,
    struct imprint_bytes record, uint8_t ret_hash[HASH_SIZE])
{
	struct imprint_bytes parts[2];

	parts[0].ptr = head;
	parts[0].len = FIXED;
	parts[1] = record;
	return crypto->sha256(crypto->state, parts, 2, ret_hash);
}

/* The record of a slot that is switched; SLOT_DAMAGED: it is not that. */
static enum imprint_device_error
record_read(const struct imprint_device_slots *s, unsigned n,
    struct slot *slot, uint8_t *buffer, size_t size)
{
	struct imprint_bytes record;
	uint8_t hash[HASH_SIZE];

	if (slot->len > size)
		return IMPRINT_DEVICE_ERROR_LIMIT;
	record.ptr = buffer;
	record.len = slot->len;
	if (s->blocks->read(s->blocks->state, n, RECORD_AT, buffer,
	    slot->len) != 0)
		return IMPRINT_DEVICE_ERROR_STORAGE;
	if (slot_hash(s->crypto, slot->head, record, hash) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	if (memcmp(hash, slot->head + FIXED, HASH_SIZE) != 0)
		slot->state = SLOT_DAMAGED;
	return IMPRINT_DEVICE_OK;
}

/* The newest that holds together. */
static enum imprint_device_error
slots_read(void *state, uint8_t *buffer, size_t size, size_t *ret_len)
{
	struct imprint_device_slots *s = state;
	struct slot slots[SLOTS];
	enum imprint_device_error error;
	unsigned i, n;

	s->current = NOT_READ;
	if (slot_read(s->blocks, 0, &slots[0]) != 0 ||
	    slot_read(s->blocks, 1, &slots[1]) != 0)
		return IMPRINT_DEVICE_ERROR_STORAGE;
	n = slots[1].state == SLOT_SWITCHED && (slots[0].state !=
	    SLOT_SWITCHED || slots[1].sequence > slots[0].sequence);
	for (i = 0; i < SLOTS; i++, n = 1 - n) {
		if (slots[n].state != SLOT_SWITCHED)
			continue;
		error = record_read(s, n, &slots[n], buffer, size);
		if (error != IMPRINT_DEVICE_OK)
			return error;
		if (slots[n].state != SLOT_SWITCHED)
			continue;
		s->current = n;
		s->sequence = slots[n].sequence;
		*ret_len = slots[n].len;
		return IMPRINT_DEVICE_OK;
	}
	/* never written, or there was something */
	if (slots[0].state != SLOT_EMPTY || slots[1].state != SLOT_EMPTY)
		return IMPRINT_DEVICE_ERROR_STORAGE;
	s->current = NONE;
	s->sequence = 0;
	return IMPRINT_DEVICE_ERROR_NONE;
}

static enum imprint_device_error
slots_write(void *state, struct imprint_bytes record)
{
	struct imprint_device_slots *s = state;
	const struct imprint_device_blocks *b = s->blocks;
	uint8_t head[HEADER], mark[SWITCH];
	unsigned n = s->current == 0 ? 1 : 0;

	if (s->current == NOT_READ || s->sequence == UINT32_MAX)
		return IMPRINT_DEVICE_ERROR_STORAGE;
	if (record.len > b->slot_size - RECORD_AT)
		return IMPRINT_DEVICE_ERROR_LIMIT;
	memset(head, 0xff, sizeof(head));
	memcpy(head, magic, sizeof(magic));
	put_be32(head + 8, s->sequence + 1);
	put_be32(head + 12, (uint32_t)record.len);
	if (slot_hash(s->crypto, head, record, head + FIXED) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	memset(mark, 0, sizeof(mark));
	if (b->erase(b->state, n) != 0 || b->sync(b->state) != 0 ||
	    b->write(b->state, n, 0, head, sizeof(head)) != 0 ||
	    b->write(b->state, n, RECORD_AT, record.ptr, record.len) != 0 ||
	    b->sync(b->state) != 0 ||
	    b->write(b->state, n, SWITCH_AT, mark, sizeof(mark)) != 0 ||
	    b->sync(b->state) != 0)
		return IMPRINT_DEVICE_ERROR_STORAGE;
	s->current = n;
	s->sequence++;
	return IMPRINT_DEVICE_OK;
}

void
imprint_device_slots_init(struct imprint_device_slots *slots,
    const struct imprint_device_blocks *blocks,
    const struct imprint_device_crypto *crypto,
    struct imprint_device_storage *ret_storage)
{
	slots->blocks = blocks;
	slots->crypto = crypto;
	slots->current = NOT_READ;
	slots->sequence = 0;
	ret_storage->state = slots;
	ret_storage->read = slots_read;
	ret_storage->write = slots_write;
}
