#include "lib/log/subtree.h"

#include <stdlib.h>

void
subtree_release(struct subtree *tree)
{
	free(tree->nodes);
	*tree = (struct subtree)SUBTREE_INIT;
}

static const uint8_t *
node_at(const struct subtree *tree, unsigned level, uint32_t at)
{
	return tree->nodes + (size_t)(tree->start[level] + at) * SHA256_SIZE;
}

/* Nodes of a level; the levels above halve it, rounded up. */
static uint32_t
level_size(const struct subtree *tree, unsigned level)
{
	uint32_t size = tree->size;

	while (level-- > 0)
		size = (size + 1) / 2;
	return size;
}

/* Where each level begins; returns the nodes of all. */
static uint32_t
levels_lay(struct subtree *tree, uint32_t size)
{
	uint32_t at = 0;

	tree->size = size;
	tree->levels = 0;
	for (;;) {
		tree->start[tree->levels++] = at;
		at += size;
		if (size == 1)
			return at;
		size = (size + 1) / 2;
	}
}

/* A node without a sibling is the node above it: RFC 9162 2.1.1 splits at
 * the largest power of two, which leaves the odd one for later. */
static enum err
level_fill(struct subtree *tree, struct sha256 *sha256, unsigned level)
{
	uint32_t i, below = level_size(tree, level - 1);
	uint8_t *out;
	enum err err;

	out = tree->nodes + (size_t)tree->start[level] * SHA256_SIZE;
	for (i = 0; i + 1 < below; i += 2, out += SHA256_SIZE) {
		err = merkle_node(sha256, node_at(tree, level - 1, i),
		    node_at(tree, level - 1, i + 1), out);
		if (err)
			return err;
	}
	if (i < below)
		memcpy(out, node_at(tree, level - 1, i), SHA256_SIZE);
	return ERR_OK;
}

enum err
subtree_build(struct subtree *tree, struct sha256 *sha256,
    const uint8_t *leaves, size_t count)
{
	uint32_t nodes;
	uint8_t *more;
	unsigned level;
	enum err err = ERR_OK;

	if (count < 1 || count > SUBTREE_MAX)
		return ERR_INVALID;
	nodes = levels_lay(tree, (uint32_t)count);
	if (nodes > tree->cap) {
		more = reallocarray(tree->nodes, nodes, SHA256_SIZE);
		if (more == NULL)
			return ERR_NOMEM;
		tree->nodes = more;
		tree->cap = nodes;
	}
	memcpy(tree->nodes, leaves, count * SHA256_SIZE);
	for (level = 1; level < tree->levels && !err; level++)
		err = level_fill(tree, sha256, level);
	return err;
}

const uint8_t *
subtree_root(const struct subtree *tree)
{
	return node_at(tree, tree->levels - 1, 0);
}

size_t
subtree_path(const struct subtree *tree, uint32_t leaf,
    const uint8_t *ret_path[SUBTREE_DEPTH])
{
	unsigned level;
	size_t count = 0;

	for (level = 0; level + 1 < tree->levels; level++, leaf /= 2)
		if ((leaf ^ 1) < level_size(tree, level))
			ret_path[count++] = node_at(tree, level, leaf ^ 1);
	return count;
}

unsigned
subtree_path_length(uint32_t leaf, uint32_t size)
{
	unsigned count = 0;

	for (; size > 1; leaf /= 2, size = (size + 1) / 2)
		if ((leaf ^ 1) < size)
			count++;
	return count;
}

enum err
subtree_path_root(struct sha256 *sha256, const uint8_t hash[SHA256_SIZE],
    uint32_t leaf, uint32_t size, const uint8_t *const *path,
    uint8_t ret_root[SHA256_SIZE])
{
	uint8_t node[SHA256_SIZE];
	enum err err = ERR_OK;

	memcpy(node, hash, SHA256_SIZE);
	for (; size > 1 && !err; leaf /= 2, size = (size + 1) / 2) {
		if ((leaf ^ 1) >= size)
			continue;
		err = (leaf & 1) != 0 ?
		    merkle_node(sha256, *path, node, node) :
		    merkle_node(sha256, node, *path, node);
		path++;
	}
	if (!err)
		memcpy(ret_root, node, SHA256_SIZE);
	return err;
}
