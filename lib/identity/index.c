#include "lib/identity/index.h"

#define R_SIZE 8
#define SALT_SLOT 0xff
#define TEXT_SIZE 9
#define GATHERED 32	/* texts; a multiple of what hmac_many() likes */

/* slot SALT_SLOT is no slot: it gives the document's salt. */
static void
seed_text(uint64_t index, unsigned slot, uint8_t ret_text[TEXT_SIZE])
{
	put_be64(ret_text, index);
	ret_text[8] = (uint8_t)slot;
}

static enum err
seed_mac(struct hmac *seed, uint64_t index, unsigned slot,
    uint8_t *ret_bytes, size_t len)
{
	uint8_t mac[SHA256_SIZE], input[TEXT_SIZE];
	struct bytes part;
	enum err err;

	seed_text(index, slot, input);
	part = bytes_of(input, sizeof(input));
	err = hmac_parts(seed, &part, 1, mac);
	if (err)
		return err;
	memcpy(ret_bytes, mac, len);
	return ERR_OK;
}

enum err
serial_make(struct aes *key, struct hmac *seed, uint8_t epoch, uint64_t index,
    unsigned slot, uint8_t ret_serial[SERIAL_SIZE])
{
	uint8_t block[AES_BLOCK_SIZE_];
	enum err err;

	if (index > INDEX_MAX || slot > SLOT_MAX || epoch == 0 ||
	    epoch >= EPOCH_OUTSIDE)
		return ERR_INTERNAL;
	err = seed_mac(seed, index, slot, block, R_SIZE);
	if (err)
		return err;
	put_be64(block + R_SIZE, index << 4 | slot);
	err = aes_encrypt_block(key, block, ret_serial + 1);
	if (err)
		return err;
	ret_serial[0] = epoch;
	return ERR_OK;
}

/* count blocks, at most GATHERED: indices and slots are in their second
 * halves, R goes into the first. */
static enum err
blocks_fill(const struct hmac *seed, uint8_t *blocks, size_t count)
{
	uint8_t texts[GATHERED * TEXT_SIZE], macs[GATHERED * SHA256_SIZE];
	uint64_t low;
	size_t i;
	enum err err;

	for (i = 0; i < count; i++) {
		low = get_be64(blocks + i * AES_BLOCK_SIZE_ + R_SIZE);
		seed_text(low >> 4, low & SLOT_MAX, texts + i * TEXT_SIZE);
	}
	err = hmac_many(seed, bytes_of(texts, count * TEXT_SIZE), TEXT_SIZE,
	    macs);
	for (i = 0; i < count && !err; i++)
		memcpy(blocks + i * AES_BLOCK_SIZE_, macs + i * SHA256_SIZE,
		    R_SIZE);
	return err;
}

/* The blocks lie at the end of the room, where moving each to its place in
 * order overwrites none that is still to come. */
enum err
serials_make(struct aes *key, struct hmac *seed, uint8_t epoch,
    uint64_t first, size_t count, unsigned slots, uint8_t *ret_serials)
{
	size_t total = count * (size_t)__builtin_popcount(slots), i, made = 0;
	uint8_t *blocks = ret_serials + total * (SERIAL_SIZE -
	    AES_BLOCK_SIZE_);
	unsigned left;
	enum err err = ERR_OK;

	if (first + count - 1 > INDEX_MAX || slots >> (SLOT_MAX + 1) != 0 ||
	    epoch == 0 || epoch >= EPOCH_OUTSIDE || total > AES_BLOCKS_MAX)
		return ERR_INTERNAL;
	for (i = 0; i < count; i++)
		for (left = slots; left != 0; left &= left - 1)
			put_be64(blocks + made++ * AES_BLOCK_SIZE_ + R_SIZE,
			    (first + i) << 4 |
			    (unsigned)__builtin_ctz(left));
	for (i = 0; i < total && !err; i += GATHERED)
		err = blocks_fill(seed, blocks + i * AES_BLOCK_SIZE_,
		    total - i < GATHERED ? total - i : GATHERED);
	if (!err)
		err = aes_encrypt_blocks(key, blocks, total);
	for (i = 0; i < total && !err; i++) {
		memmove(ret_serials + i * SERIAL_SIZE + 1,
		    blocks + i * AES_BLOCK_SIZE_, AES_BLOCK_SIZE_);
		ret_serials[i * SERIAL_SIZE] = epoch;
	}
	return err;
}

enum err
serial_open(struct aes *key, const uint8_t serial[SERIAL_SIZE],
    struct serial_claim *ret_claim)
{
	uint8_t block[AES_BLOCK_SIZE_];
	uint64_t low;
	enum err err;

	err = aes_decrypt_block(key, serial + 1, block);
	if (err)
		return err;
	low = get_be64(block + R_SIZE);
	ret_claim->index = low >> 4;
	ret_claim->slot = (unsigned)(low & SLOT_MAX);
	memcpy(ret_claim->r, block, R_SIZE);
	return ERR_OK;
}

enum err
serial_check(struct hmac *seed, const struct serial_claim *claim,
    bool *ret_good)
{
	uint8_t r[R_SIZE];
	enum err err;

	err = seed_mac(seed, claim->index, claim->slot, r, R_SIZE);
	if (err)
		return err;
	*ret_good = memcmp(r, claim->r, R_SIZE) == 0;
	return ERR_OK;
}

enum err
salt_make(struct hmac *seed, uint64_t index, uint8_t ret_salt[SALT_SIZE])
{
	return seed_mac(seed, index, SALT_SLOT, ret_salt, SALT_SIZE);
}

enum err
ueid_make(struct aes *key, uint64_t issuer, uint64_t index,
    uint8_t ret_ueid[UEID_SIZE])
{
	uint8_t block[AES_BLOCK_SIZE_];
	enum err err;

	put_be64(block, issuer);
	put_be64(block + 8, index);
	err = aes_encrypt_block(key, block, ret_ueid + 1);
	if (err)
		return err;
	ret_ueid[0] = 0x01;
	return ERR_OK;
}

enum err
ueid_open(struct aes *key, const uint8_t ueid[UEID_SIZE],
    uint64_t *ret_issuer, uint64_t *ret_index)
{
	uint8_t block[AES_BLOCK_SIZE_];
	enum err err;

	if (ueid[0] != 0x01)
		return ERR_NOTFOUND;
	err = aes_decrypt_block(key, ueid + 1, block);
	if (err)
		return err;
	*ret_issuer = get_be64(block);
	*ret_index = get_be64(block + 8);
	return ERR_OK;
}
