/*
 * From a device's id, or a name, to a number. Keys are kept as keyed hashes
 * of 128 bits that nobody outside can aim at: equal hashes are equal keys.
 */
#ifndef IMPRINT_STATION_KEYMAP_H
#define IMPRINT_STATION_KEYMAP_H

#include "lib/base/bytes.h"
#include "lib/base/diag.h"

#define KEYMAP_HASH	16
#define KEYMAP_NONE	UINT32_MAX

struct keymap;

MUST_USE enum err keymap_new(struct keymap **ret_map, struct diag *);
void	keymap_free(struct keymap **);
#define _cleanup_keymap_ __attribute__((cleanup(keymap_free)))
/* Of the parts, each with its length. ERR_CRYPTO. */
MUST_USE enum err keymap_hash(struct keymap *, const struct bytes *parts,
    size_t count, uint8_t ret_hash[KEYMAP_HASH]);
/* KEYMAP_NONE: not there. */
uint32_t keymap_find(const struct keymap *, const uint8_t hash[KEYMAP_HASH]);
/* value takes the place of one that is there. ERR_NOMEM. */
MUST_USE enum err keymap_put(struct keymap *,
    const uint8_t hash[KEYMAP_HASH], uint32_t value);

#endif
