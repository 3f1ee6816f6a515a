#include "station/keymap.h"

#include <stdlib.h>

#include "lib/crypto/hash.h"
#include "lib/crypto/random.h"

#define SLOTS_FIRST	1024
#define PARTS_MAX	4

struct slot {
	uint8_t		hash[KEYMAP_HASH];
	uint32_t	value;		/* KEYMAP_NONE: free */
};

struct keymap {
	struct sha256	*sha256;
	uint8_t		 key[SHA256_SIZE];	/* of this process */
	struct slot	*slots;
	size_t		 count, used;		/* count: a power of two */
};

static struct slot *
slots_new(size_t count)
{
	struct slot *slots = calloc(count, sizeof(*slots));
	size_t i;

	for (i = 0; slots != NULL && i < count; i++)
		slots[i].value = KEYMAP_NONE;
	return slots;
}

enum err
keymap_new(struct keymap **ret_map, struct diag *diag)
{
	_cleanup_keymap_ struct keymap *map = calloc(1, sizeof(*map));
	enum err err;

	if (map == NULL)
		return diag_nomem(diag);
	map->count = SLOTS_FIRST;
	map->slots = slots_new(map->count);
	if (map->slots == NULL)
		return diag_nomem(diag);
	err = sha256_new(&map->sha256, diag);
	if (!err)
		err = random_bytes(map->key, sizeof(map->key), diag);
	if (err)
		return err;
	*ret_map = map;
	map = NULL;	/* transferred */
	return ERR_OK;
}

void
keymap_free(struct keymap **map)
{
	if (*map == NULL)
		return;
	sha256_free(&(*map)->sha256);
	free((*map)->slots);
	free(*map);
	*map = NULL;
}

enum err
keymap_hash(struct keymap *map, const struct bytes *parts, size_t count,
    uint8_t ret_hash[KEYMAP_HASH])
{
	struct bytes all[1 + 2 * PARTS_MAX];
	uint8_t lengths[PARTS_MAX][4], hash[SHA256_SIZE];
	size_t i, n = 0;
	enum err err;

	if (count > PARTS_MAX)
		return ERR_INTERNAL;
	all[n++] = bytes_of(map->key, sizeof(map->key));
	for (i = 0; i < count; i++) {
		put_be32(lengths[i], (uint32_t)parts[i].len);
		all[n++] = bytes_of(lengths[i], sizeof(lengths[i]));
		all[n++] = parts[i];
	}
	err = sha256_parts(map->sha256, all, n, hash);
	if (err)
		return err;
	memcpy(ret_hash, hash, KEYMAP_HASH);
	return ERR_OK;
}

/* Where it is, or the free slot where it would be: there is always one. */
static struct slot *
slot_of(struct slot *slots, size_t count, const uint8_t hash[KEYMAP_HASH])
{
	size_t i = get_be32(hash) & (count - 1);

	while (slots[i].value != KEYMAP_NONE &&
	    memcmp(slots[i].hash, hash, KEYMAP_HASH) != 0)
		i = (i + 1) & (count - 1);
	return &slots[i];
}

uint32_t
keymap_find(const struct keymap *map, const uint8_t hash[KEYMAP_HASH])
{
	return slot_of(map->slots, map->count, hash)->value;
}

static enum err
grow(struct keymap *map)
{
	size_t i, count = map->count * 2;
	struct slot *slots = slots_new(count);

	if (slots == NULL)
		return ERR_NOMEM;
	for (i = 0; i < map->count; i++)
		if (map->slots[i].value != KEYMAP_NONE)
			*slot_of(slots, count, map->slots[i].hash) =
			    map->slots[i];
	free(map->slots);
	map->slots = slots;
	map->count = count;
	return ERR_OK;
}

enum err
keymap_put(struct keymap *map, const uint8_t hash[KEYMAP_HASH],
    uint32_t value)
{
	struct slot *slot;
	enum err err;

	if (map->used >= map->count / 4 * 3) {
		err = grow(map);
		if (err)
			return err;
	}
	slot = slot_of(map->slots, map->count, hash);
	map->used += slot->value == KEYMAP_NONE;
	memcpy(slot->hash, hash, KEYMAP_HASH);
	slot->value = value;
	return ERR_OK;
}
