/* Any octets as a package sealed to a device's chip, whose key agrees with
 * everybody on the same and whose seals are all good: so that what is inside
 * is read, too. What comes out is no longer than it may be. */
#include <stdlib.h>
#include <string.h>

#include "device/adapters/openssl/device_openssl.h"

#define MORE	32

static int
get(void *state, unsigned handle, uint8_t room[IMPRINT_DEVICE_HELD_SIZE],
    struct imprint_device_public *ret_key)
{
	(void)handle;
	memset(room, 9, IMPRINT_DEVICE_HELD_SIZE);
	*ret_key = (struct imprint_device_public){
		state != NULL ? IMPRINT_DEVICE_P256 : IMPRINT_DEVICE_X25519,
		{ room, 32 }, { room + 32, state != NULL ? 32 : 0 } };
	return 0;
}

static int
agree(void *state, const struct imprint_device_key *key,
    const struct imprint_device_public *peer, uint8_t ret_secret[32],
    bool *ret_good)
{
	(void)state;
	(void)key;
	memset(ret_secret, peer->x.ptr[0] | 1, 32);
	*ret_good = true;
	return 0;
}

static int
copy(void *state, const uint8_t key[32], struct imprint_bytes aad,
    struct imprint_bytes sealed, uint8_t *out, bool *ret_good)
{
	(void)state;
	memcpy(out, sealed.ptr, sealed.len - 16);
	*ret_good = key[0] != 0 || aad.len > 0;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imprint_device_crypto crypto = *imprint_device_openssl();
	struct imprint_device_keystore keys = { .get = get, .agree = agree };
	const struct imprint_bytes sealed = { data, size };
	struct imprint_device_report report;
	uint8_t *room = calloc(1, size + MORE);
	size_t len = 0;

	crypto.open = copy;
	keys.state = size % 2 == 0 ? NULL : room;
	if (room == NULL || imprint_device_unseal(&crypto, &keys, sealed,
	    room, size + MORE, &len, &report) != IMPRINT_DEVICE_OK ||
	    len > size + MORE || (len > 0) !=
	    (report.verdict == IMPRINT_DEVICE_ACCEPT))
		abort();
	free(room);
	return 0;
}
