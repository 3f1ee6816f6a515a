#include "lib/log/proof.h"

#include <inttypes.h>

/* The largest power of two below n, n >= 2. */
static uint64_t
split_of(uint64_t n)
{
	return (uint64_t)1 << (63 - __builtin_clzll(n - 1));
}

/*
 * MTH(D[begin:end]). begin is a multiple of a power of two that is not less
 * than end - begin, as in all proofs, so that its complete subtrees are some
 * of the whole tree.
 */
static enum err
range_root(const struct hash_source *source, struct sha256 *sha256,
    uint64_t begin, uint64_t end, uint8_t ret_root[SHA256_SIZE],
    struct diag *diag)
{
	struct merkle part = { .size = end - begin };
	enum err err = ERR_OK;
	int level;

	for (level = MERKLE_DEPTH_MAX - 1; level >= 0 && !err; level--) {
		if ((part.size >> level & 1) == 0)
			continue;
		err = source->read(source->ctx, (unsigned)level,
		    begin >> level, part.node[part.count], diag);
		part.count++;
		begin += (uint64_t)1 << level;
	}
	if (!err)
		err = merkle_root(&part, sha256, ret_root);
	return err;
}

enum err
proof_root(const struct hash_source *source, struct sha256 *sha256,
    uint64_t size, uint8_t ret_root[SHA256_SIZE], struct diag *diag)
{
	uint8_t root[SHA256_SIZE];
	enum err err;

	err = range_root(source, sha256, 0, size, root, diag);
	if (!err)
		memcpy(ret_root, root, SHA256_SIZE);
	return err;
}

/* Proofs are found from the root down and told from the leaf up. */
static void
proof_reverse(struct proof *p)
{
	uint8_t keep[SHA256_SIZE];
	unsigned i, j;

	for (i = 0, j = p->count; i + 1 < j; i++) {
		j--;
		memcpy(keep, p->node[i], SHA256_SIZE);
		memcpy(p->node[i], p->node[j], SHA256_SIZE);
		memcpy(p->node[j], keep, SHA256_SIZE);
	}
}

enum err
proof_inclusion(const struct hash_source *source, struct sha256 *sha256,
    uint64_t index, uint64_t size, struct proof *ret_proof,
    struct diag *diag)
{
	uint64_t begin = 0, end = size, middle;
	struct proof p = { .count = 0 };
	bool left;
	enum err err;

	if (index >= size)
		return diag_fail(diag, ERR_INVALID, "RFC 9162 2.1.3.1",
		    "index %" PRIu64 ": the tree has %" PRIu64 " leaves",
		    index, size);
	while (end - begin > 1) {
		middle = begin + split_of(end - begin);
		left = index < middle;
		err = range_root(source, sha256, left ? middle : begin,
		    left ? end : middle, p.node[p.count++], diag);
		if (err)
			return err;
		if (left)
			end = middle;
		else
			begin = middle;
	}
	proof_reverse(&p);
	*ret_proof = p;
	return ERR_OK;
}

/*
 * SUBPROOF of RFC 9162 2.1.4.1: down to the subtree that ends where the old
 * tree did. Its root is told unless the old tree is all of it.
 */
enum err
proof_consistency(const struct hash_source *source, struct sha256 *sha256,
    uint64_t from, uint64_t to, struct proof *ret_proof, struct diag *diag)
{
	uint64_t begin = 0, end = to, middle;
	struct proof p = { .count = 0 };
	bool left;
	enum err err = ERR_OK;

	if (from > to)
		return diag_fail(diag, ERR_INVALID, "RFC 9162 2.1.4.1",
		    "size %" PRIu64 ": the tree has %" PRIu64 " leaves",
		    from, to);
	while (from != 0 && from != end && !err) {
		middle = begin + split_of(end - begin);
		left = from <= middle;
		err = range_root(source, sha256, left ? middle : begin,
		    left ? end : middle, p.node[p.count++], diag);
		if (left)
			end = middle;
		else
			begin = middle;
	}
	if (!err && begin > 0)
		err = range_root(source, sha256, begin, end,
		    p.node[p.count++], diag);
	if (err)
		return err;
	proof_reverse(&p);
	*ret_proof = p;
	return ERR_OK;
}

/*
 * Both walks go from a leaf of the tree up: fn is the node's place in its
 * level, sn the last place there. At a left node without a sibling the level
 * adds nothing, so such levels are passed.
 */
struct walk {
	uint64_t	fn, sn;
};

/* Is the next hash of a proof the left sibling? Goes on to its parent. */
static bool
walk_up(struct walk *w)
{
	bool left;

	left = (w->fn & 1) != 0 || w->fn == w->sn;
	if (left)
		while ((w->fn & 1) == 0 && w->fn != 0) {
			w->fn >>= 1;
			w->sn >>= 1;
		}
	w->fn >>= 1;
	w->sn >>= 1;
	return left;
}

enum err
proof_inclusion_root(struct sha256 *sha256, const uint8_t leaf[SHA256_SIZE],
    uint64_t index, uint64_t size, const struct proof *proof, bool *ret_fits,
    uint8_t ret_root[SHA256_SIZE])
{
	struct walk w = { .fn = index, .sn = size - 1 };
	uint8_t r[SHA256_SIZE];
	bool fits;
	unsigned i;
	enum err err = ERR_OK;

	fits = index < size && proof->count <= PROOF_MAX;
	memcpy(r, leaf, SHA256_SIZE);
	for (i = 0; fits && i < proof->count && !err; i++) {
		fits = w.sn != 0;
		err = walk_up(&w) ?
		    merkle_node(sha256, proof->node[i], r, r) :
		    merkle_node(sha256, r, proof->node[i], r);
	}
	if (err)
		return err;
	fits = fits && w.sn == 0;
	if (fits)
		memcpy(ret_root, r, SHA256_SIZE);
	*ret_fits = fits;
	return ERR_OK;
}

enum err
proof_verify_inclusion(struct sha256 *sha256,
    const uint8_t leaf[SHA256_SIZE], uint64_t index,
    const struct tree_head *head, const struct proof *proof, bool *ret_good)
{
	uint8_t root[SHA256_SIZE];
	bool fits = false;
	enum err err;

	err = proof_inclusion_root(sha256, leaf, index, head->size, proof,
	    &fits, root);
	if (!err)
		*ret_good = fits && memcmp(root, head->root,
		    SHA256_SIZE) == 0;
	return err;
}

/* 0 < from < to. A complete old tree is where the walk begins itself. */
static enum err
consistency_walk(struct sha256 *sha256, const struct tree_head *from,
    const struct tree_head *to, const struct proof *proof, bool *ret_good)
{
	struct walk w = { .fn = from->size - 1, .sn = to->size - 1 };
	uint8_t fr[SHA256_SIZE], sr[SHA256_SIZE];
	bool complete, good = true;
	unsigned i;
	enum err err = ERR_OK;

	complete = (from->size & (from->size - 1)) == 0;
	memcpy(fr, complete ? from->root : proof->node[0], SHA256_SIZE);
	memcpy(sr, fr, SHA256_SIZE);
	while ((w.fn & 1) != 0) {
		w.fn >>= 1;
		w.sn >>= 1;
	}
	for (i = complete ? 0 : 1; i < proof->count && good && !err; i++) {
		good = w.sn != 0;
		if (!walk_up(&w)) {
			err = merkle_node(sha256, sr, proof->node[i], sr);
			continue;
		}
		err = merkle_node(sha256, proof->node[i], fr, fr);
		if (!err)
			err = merkle_node(sha256, proof->node[i], sr, sr);
	}
	if (!err)
		*ret_good = good && w.sn == 0 &&
		    memcmp(fr, from->root, SHA256_SIZE) == 0 &&
		    memcmp(sr, to->root, SHA256_SIZE) == 0;
	return err;
}

enum err
proof_verify_consistency(struct sha256 *sha256, const struct tree_head *from,
    const struct tree_head *to, const struct proof *proof, bool *ret_good)
{
	struct merkle empty = MERKLE_INIT;
	uint8_t root[SHA256_SIZE];
	enum err err;

	if (from->size > to->size || proof->count > PROOF_MAX ||
	    (proof->count > 0) != (from->size > 0 && from->size < to->size)) {
		*ret_good = false;
		return ERR_OK;
	}
	if (proof->count > 0)
		return consistency_walk(sha256, from, to, proof, ret_good);
	memcpy(root, to->root, SHA256_SIZE);
	if (from->size == 0) {
		err = merkle_root(&empty, sha256, root);
		if (err)
			return err;
	}
	*ret_good = memcmp(from->root, root, SHA256_SIZE) == 0;
	return ERR_OK;
}
