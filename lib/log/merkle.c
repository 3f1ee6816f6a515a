#include "lib/log/merkle.h"

#define LEAF_PREFIX	0x00
#define NODE_PREFIX	0x01
#define ENCODED_SIZE	8	/* of the tree's size */

enum err
merkle_leaf(struct sha256 *sha256, struct bytes entry,
    uint8_t ret_hash[SHA256_SIZE])
{
	static const uint8_t prefix = LEAF_PREFIX;
	struct bytes parts[] = { bytes_of(&prefix, 1), entry };

	return sha256_parts(sha256, parts, 2, ret_hash);
}

enum err
merkle_node(struct sha256 *sha256, const uint8_t left[SHA256_SIZE],
    const uint8_t right[SHA256_SIZE], uint8_t ret_hash[SHA256_SIZE])
{
	uint8_t input[1 + 2 * SHA256_SIZE];
	struct bytes part = bytes_of(input, sizeof(input));

	input[0] = NODE_PREFIX;
	memcpy(input + 1, left, SHA256_SIZE);
	memcpy(input + 1 + SHA256_SIZE, right, SHA256_SIZE);
	return sha256_parts(sha256, &part, 1, ret_hash);
}

/*
 * The new leaf is a complete tree of one; every complete subtree of its size
 * on its left, one for each low bit set in size, merges with it.
 */
static enum err
append_one(struct merkle *m, struct sha256 *sha256, const uint8_t *leaf)
{
	uint8_t hash[SHA256_SIZE];
	unsigned count;
	uint64_t bits;
	enum err err;

	memcpy(hash, leaf, SHA256_SIZE);
	count = m->count;
	for (bits = m->size; (bits & 1) != 0; bits >>= 1) {
		count--;
		err = merkle_node(sha256, m->node[count], hash, hash);
		if (err)
			return err;
	}
	memcpy(m->node[count], hash, SHA256_SIZE);
	m->count = count + 1;
	m->size++;
	return ERR_OK;
}

enum err
merkle_append(struct merkle *m, struct sha256 *sha256, const uint8_t *leaves,
    size_t count)
{
	struct merkle work = *m;
	enum err err;
	size_t i;

	if (count > UINT64_MAX - m->size)
		return ERR_LIMIT;
	for (i = 0; i < count; i++) {
		err = append_one(&work, sha256, leaves + i * SHA256_SIZE);
		if (err)
			return err;
	}
	*m = work;
	return ERR_OK;
}

enum err
merkle_root(const struct merkle *m, struct sha256 *sha256,
    uint8_t ret_root[SHA256_SIZE])
{
	uint8_t hash[SHA256_SIZE];
	enum err err;
	unsigned i;

	if (m->size == 0)
		return sha256_parts(sha256, NULL, 0, ret_root);
	memcpy(hash, m->node[m->count - 1], SHA256_SIZE);
	for (i = m->count - 1; i > 0; i--) {
		err = merkle_node(sha256, m->node[i - 1], hash, hash);
		if (err)
			return err;
	}
	memcpy(ret_root, hash, SHA256_SIZE);
	return ERR_OK;
}

bool
merkle_differ(const struct merkle *a, const struct merkle *b,
    uint64_t *ret_first, uint64_t *ret_count)
{
	uint64_t first = 0, count;
	unsigned i;

	for (i = 0; i < a->count; i++) {
		count = (uint64_t)1 << (63 - __builtin_clzll(a->size - first));
		if (i >= b->count || memcmp(a->node[i], b->node[i],
		    SHA256_SIZE) != 0) {
			*ret_first = first;
			*ret_count = count;
			return true;
		}
		first += count;
	}
	return false;
}

void
merkle_encode(const struct merkle *m, struct buf *out)
{
	buf_put_be64(out, m->size);
	buf_put(out, m->node, (size_t)m->count * SHA256_SIZE);
}

enum err
merkle_decode(struct bytes bytes, struct merkle *ret_merkle)
{
	struct merkle m = MERKLE_INIT;

	if (bytes.len < ENCODED_SIZE)
		return ERR_CORRUPT;
	m.size = get_be64(bytes.ptr);
	m.count = (unsigned)__builtin_popcountll(m.size);
	if (bytes.len != ENCODED_SIZE + (size_t)m.count * SHA256_SIZE)
		return ERR_CORRUPT;
	memcpy(m.node, bytes.ptr + ENCODED_SIZE, bytes.len - ENCODED_SIZE);
	*ret_merkle = m;
	return ERR_OK;
}
