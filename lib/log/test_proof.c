/*
 * Proofs: those published by the certificate-transparency project, and all
 * of every tree up to LEAVES leaves against the definitions, taken literally.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/log/proof.h"

#define LEAVES	70

typedef uint8_t hash[SHA256_SIZE];

static hash leaves[LEAVES];
static struct sha256 *sha;

/* MTH of RFC 9162 2.1.1. */
static void
mth(uint64_t begin, uint64_t end, hash ret)
{
	uint64_t k = 1;
	hash left, right;

	if (begin == end) {
		assert_int_equal(sha256_once(BYTES_NONE, ret), ERR_OK);
		return;
	}
	if (end - begin == 1) {
		memcpy(ret, leaves[begin], SHA256_SIZE);
		return;
	}
	while (k * 2 < end - begin)
		k *= 2;
	mth(begin, begin + k, left);
	mth(begin + k, end, right);
	assert_int_equal(merkle_node(sha, left, right, ret), ERR_OK);
}

/* PATH of 2.1.3.1. */
static void
path(uint64_t m, uint64_t begin, uint64_t end, struct proof *p)
{
	uint64_t k = 1;

	if (end - begin == 1)
		return;
	while (k * 2 < end - begin)
		k *= 2;
	if (m < k) {
		path(m, begin, begin + k, p);
		mth(begin + k, end, p->node[p->count++]);
	} else {
		path(m - k, begin + k, end, p);
		mth(begin, begin + k, p->node[p->count++]);
	}
}

/* SUBPROOF of 2.1.4.1. */
static void
subproof(uint64_t m, uint64_t begin, uint64_t end, bool b, struct proof *p)
{
	uint64_t k = 1;

	if (m == end - begin) {
		if (!b)
			mth(begin, end, p->node[p->count++]);
		return;
	}
	while (k * 2 < end - begin)
		k *= 2;
	if (m <= k) {
		subproof(m, begin, begin + k, b, p);
		mth(begin + k, end, p->node[p->count++]);
	} else {
		subproof(m - k, begin + k, end, false, p);
		mth(begin, begin + k, p->node[p->count++]);
	}
}

/* Nothing but complete subtrees within size may be asked for. */
static enum err
source_read(void *ctx, unsigned level, uint64_t index, hash ret_hash,
    struct diag *diag)
{
	const uint64_t *size = ctx;

	(void)diag;
	assert_true((index + 1) << level <= *size);
	mth(index << level, (index + 1) << level, ret_hash);
	return ERR_OK;
}

static enum err
source_fails(void *ctx, unsigned level, uint64_t index, hash ret_hash,
    struct diag *diag)
{
	(void)ctx;
	(void)level;
	(void)index;
	(void)ret_hash;
	return diag_fail(diag, ERR_NOTFOUND, NULL, "gone");
}

static void
assert_proof(const struct proof *a, const struct proof *b)
{
	assert_int_equal(a->count, b->count);
	assert_memory_equal(a->node, b->node, a->count * SHA256_SIZE);
}

static bool
inclusion_good(uint64_t index, uint64_t size, const uint8_t *leaf,
    const uint8_t *root, const struct proof *p)
{
	struct tree_head head = { .size = size };
	bool good = true;

	memcpy(head.root, root, SHA256_SIZE);
	assert_int_equal(proof_verify_inclusion(sha, leaf, index, &head, p,
	    &good), ERR_OK);
	return good;
}

static bool
consistency_good(uint64_t from, const uint8_t *old_root, uint64_t to,
    const uint8_t *new_root, const struct proof *p)
{
	struct tree_head a = { .size = from }, b = { .size = to };
	bool good = true;

	memcpy(a.root, old_root, SHA256_SIZE);
	memcpy(b.root, new_root, SHA256_SIZE);
	assert_int_equal(proof_verify_consistency(sha, &a, &b, p, &good),
	    ERR_OK);
	return good;
}

/* A proof with one hash more, one less, each of them altered. */
static void
each_damage(const struct proof *p, bool (*good)(const struct proof *, void *),
    void *ctx)
{
	struct proof bad = *p;
	unsigned i;

	assert_true(good(p, ctx));
	if (p->count > 0) {
		bad.count--;
		assert_false(good(&bad, ctx));
		memmove(bad.node[0], bad.node[1], bad.count * SHA256_SIZE);
		assert_false(good(&bad, ctx));
		bad.count = 0;
		assert_false(good(&bad, ctx));
	}
	bad = *p;
	memset(bad.node[bad.count++], 0, SHA256_SIZE);
	assert_false(good(&bad, ctx));
	memmove(bad.node[1], bad.node[0], p->count * SHA256_SIZE);
	assert_false(good(&bad, ctx));
	bad = *p;
	bad.count = PROOF_MAX + 1;
	assert_false(good(&bad, ctx));
	for (i = 0; i < p->count; i++) {
		bad = *p;
		bad.node[i][31] ^= 1;
		assert_false(good(&bad, ctx));
	}
}

struct inclusion {
	uint64_t	index, size;
	hash		root;
};

static bool
inclusion_of(const struct proof *p, void *ctx)
{
	const struct inclusion *c = ctx;

	return inclusion_good(c->index, c->size, leaves[c->index], c->root,
	    p);
}

static void
inclusion_one(uint64_t index, uint64_t size)
{
	struct hash_source source = { &size, source_read };
	struct inclusion c = { .index = index, .size = size };
	struct proof p, expected = { .count = 0 };
	hash other;

	path(index, 0, size, &expected);
	assert_int_equal(proof_inclusion(&source, sha, index, size, &p,
	    NULL), ERR_OK);
	assert_proof(&p, &expected);
	mth(0, size, c.root);
	each_damage(&p, inclusion_of, &c);
	memcpy(other, leaves[index], SHA256_SIZE);
	other[0] ^= 1;
	assert_false(inclusion_good(index, size, other, c.root, &p));
	memcpy(other, c.root, SHA256_SIZE);
	other[0] ^= 1;
	assert_false(inclusion_good(index, size, leaves[index], other, &p));
	assert_false(inclusion_good(index + size, size, leaves[index], c.root,
	    &p));
	assert_false(inclusion_good(index, 0, leaves[index], c.root, &p));
	if (size > 1) {
		assert_false(inclusion_good(index ^ 1, size, leaves[index],
		    c.root, &p));
		assert_false(inclusion_good(index, size * 2, leaves[index],
		    c.root, &p));
	}
}

static void
test_inclusion(void **state)
{
	uint64_t index, size;

	(void)state;
	for (size = 1; size <= LEAVES; size++)
		for (index = 0; index < size; index++)
			inclusion_one(index, size);
}

struct consistency {
	uint64_t	from, to;
	hash		old_root, new_root;
};

static bool
consistency_of(const struct proof *p, void *ctx)
{
	const struct consistency *c = ctx;

	return consistency_good(c->from, c->old_root, c->to, c->new_root, p);
}

static void
consistency_wrong(const struct consistency *c, const struct proof *p)
{
	hash other;

	memcpy(other, c->old_root, SHA256_SIZE);
	other[0] ^= 1;
	assert_false(consistency_good(c->from, other, c->to, c->new_root, p));
	if (c->from == c->to)
		return;
	assert_false(consistency_good(c->to, c->old_root, c->from,
	    c->new_root, p));
	if (c->from == 0)
		return;
	assert_false(consistency_good(c->from, c->new_root, c->to,
	    c->old_root, p));
	memcpy(other, c->new_root, SHA256_SIZE);
	other[0] ^= 1;
	assert_false(consistency_good(c->from, c->old_root, c->to, other, p));
	assert_false(consistency_good(c->from - 1, c->old_root, c->to,
	    c->new_root, p));
	assert_false(consistency_good(c->from + 1, c->old_root, c->to,
	    c->new_root, p));
}

static void
test_consistency(void **state)
{
	struct hash_source source = { NULL, source_read };
	struct consistency c;
	uint64_t from, to;

	(void)state;
	source.ctx = &to;
	for (to = 0; to <= LEAVES; to++)
		for (from = 0; from <= to; from++) {
			struct proof p, expected = { .count = 0 };

			if (from > 0)
				subproof(from, 0, to, true, &expected);
			assert_int_equal(proof_consistency(&source, sha, from,
			    to, &p, NULL), ERR_OK);
			assert_proof(&p, &expected);
			c.from = from;
			c.to = to;
			mth(0, from, c.old_root);
			mth(0, to, c.new_root);
			each_damage(&p, consistency_of, &c);
			consistency_wrong(&c, &p);
		}
}

static void
test_roots(void **state)
{
	struct hash_source source = { NULL, source_read };
	hash root, expected;
	uint64_t size;

	(void)state;
	source.ctx = &size;
	for (size = 0; size <= LEAVES; size++) {
		mth(0, size, expected);
		assert_int_equal(proof_root(&source, sha, size, root, NULL),
		    ERR_OK);
		assert_memory_equal(root, expected, SHA256_SIZE);
	}
}

static void
test_beyond(void **state)
{
	struct hash_source source = { NULL, source_fails };
	struct diag diag = DIAG_INIT;
	struct proof p = { .count = 7 };
	hash root = { 7 };

	(void)state;
	assert_int_equal(proof_inclusion(&source, sha, 3, 3, &p, NULL),
	    ERR_INVALID);
	assert_int_equal(proof_inclusion(&source, sha, 0, 0, &p, NULL),
	    ERR_INVALID);
	assert_int_equal(proof_consistency(&source, sha, 4, 3, &p, NULL),
	    ERR_INVALID);
	/* a source that fails */
	assert_int_equal(proof_inclusion(&source, sha, 1, 3, &p, &diag),
	    ERR_NOTFOUND);
	assert_string_equal(diag.what, "gone");
	assert_int_equal(proof_consistency(&source, sha, 1, 3, &p, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(proof_consistency(&source, sha, 6, 7, &p, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(proof_root(&source, sha, 3, root, NULL),
	    ERR_NOTFOUND);
	assert_int_equal(p.count, 7);
	assert_int_equal(root[0], 7);
}

/* What a source of constant hashes knows of the largest trees. */
static enum err
source_constant(void *ctx, unsigned level, uint64_t index, hash ret_hash,
    struct diag *diag)
{
	const hash *levels = ctx;

	(void)index;
	(void)diag;
	memcpy(ret_hash, levels[level], SHA256_SIZE);
	return ERR_OK;
}

static void
test_largest(void **state)
{
	hash levels[MERKLE_DEPTH_MAX] = { { 1 } };
	struct hash_source source = { levels, source_constant };
	static const uint64_t sizes[] = { UINT64_MAX,
	    ((uint64_t)1 << 63) + 1, (uint64_t)1 << 63 };
	struct inclusion c;
	struct proof p;
	size_t i;

	(void)state;
	for (i = 1; i < MERKLE_DEPTH_MAX; i++)
		assert_int_equal(merkle_node(sha, levels[i - 1],
		    levels[i - 1], levels[i]), ERR_OK);
	for (i = 0; i < 3; i++) {
		c.size = sizes[i];
		assert_int_equal(proof_root(&source, sha, c.size, c.root,
		    NULL), ERR_OK);
		assert_int_equal(proof_inclusion(&source, sha, c.size - 2,
		    c.size, &p, NULL), ERR_OK);
		assert_true(inclusion_good(c.size - 2, c.size, levels[0],
		    c.root, &p));
		assert_true(p.count <= MERKLE_DEPTH_MAX);
		assert_int_equal(proof_consistency(&source, sha,
		    sizes[2] - 1, c.size, &p, NULL), ERR_OK);
		assert_true(p.count <= PROOF_MAX);
		assert_int_equal(proof_root(&source, sha, sizes[2] - 1,
		    levels[1], NULL), ERR_OK);
		assert_true(consistency_good(sizes[2] - 1, levels[1], c.size,
		    c.root, &p));
		assert_int_equal(merkle_node(sha, levels[0], levels[0],
		    levels[1]), ERR_OK);
	}
}

/* certificate-transparency, merkle_tree_test.cc; its leaves count from 1. */
static const char *const inputs[] = { "", "\x00", "\x10", "\x20\x21",
	"\x30\x31", "\x40\x41\x42\x43", "\x50\x51\x52\x53\x54\x55\x56\x57",
	"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f" };
static const size_t input_sizes[] = { 0, 1, 1, 2, 2, 4, 8, 16 };

#define H_0	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
#define H_1	"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
#define H_4	"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
#define H_45	"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
#define H_01	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
#define H_23	"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
#define H_67	"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
#define H_03	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
#define H_47	"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"

static const struct {
	bool		 inclusion;
	uint64_t	 from, size;	/* from: index or size */
	unsigned	 count;
	const char	*node[3];
} published[] = {
	{ true, 0, 1, 0, { NULL } },
	{ true, 0, 8, 3, { H_1, H_23, H_47 } },
	{ true, 5, 8, 3, { H_4, H_67, H_03 } },
	{ true, 2, 3, 1, { H_01 } },
	{ true, 1, 5, 3, { H_0, H_23, H_4 } },
	{ false, 1, 1, 0, { NULL } },
	{ false, 1, 8, 3, { H_1, H_23, H_47 } },
	{ false, 6, 8, 3, { H_45, H_67, H_03 } },
	{ false, 2, 5, 2, { H_23, H_4 } },
};

static void
test_published(void **state)
{
	uint64_t size = 8;
	struct hash_source source = { &size, source_read };
	struct proof p, expected;
	size_t i, j, len;

	(void)state;
	for (i = 0; i < 8; i++)
		assert_int_equal(merkle_leaf(sha, bytes_of(inputs[i],
		    input_sizes[i]), leaves[i]), ERR_OK);
	for (i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		expected.count = published[i].count;
		for (j = 0; j < expected.count; j++)
			assert_int_equal(hex_decode(published[i].node[j],
			    expected.node[j], SHA256_SIZE, &len), ERR_OK);
		assert_int_equal(published[i].inclusion ?
		    proof_inclusion(&source, sha, published[i].from,
		    published[i].size, &p, NULL) :
		    proof_consistency(&source, sha, published[i].from,
		    published[i].size, &p, NULL), ERR_OK);
		assert_proof(&p, &expected);
	}
}

static int
start(void **state)
{
	uint64_t i;

	(void)state;
	if (sha256_new(&sha, NULL) != ERR_OK)
		return 1;
	for (i = 0; i < LEAVES; i++)
		if (sha256_once(bytes_of(&i, sizeof(i)), leaves[i]) != ERR_OK)
			return 1;
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	sha256_free(&sha);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inclusion),
		cmocka_unit_test(test_consistency),
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_beyond),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_published),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
