/* Small trees: against the log's own tree and against RFC 9162 as written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/log/subtree.h"

#define EVERY_SIZE_TO	260

static const size_t large[] = { 511, 512, 1000, 1023, 1024, 1025, 2049, 4095,
    4096 };

static uint8_t *
make_leaves(size_t count)
{
	uint8_t *leaves = calloc(count, SHA256_SIZE);
	size_t i;

	assert_non_null(leaves);
	for (i = 0; i < count; i++)
		assert_int_equal(sha256_once(bytes_of(&i, sizeof(i)),
		    leaves + i * SHA256_SIZE), ERR_OK);
	return leaves;
}

/* RFC 9162 2.1.3.1, from its text: the path's length alone. */
static unsigned
naive_length(size_t leaf, size_t size)
{
	size_t k = 1;

	if (size == 1)
		return 0;
	while (k * 2 < size)
		k *= 2;
	return 1 + (leaf < k ? naive_length(leaf, k) :
	    naive_length(leaf - k, size - k));
}

/* RFC 9162 2.1.3.2, step by step. */
static void
naive_root(const uint8_t *hash, uint64_t fn, uint64_t sn,
    const uint8_t *const *path, size_t count, struct sha256 *sha256,
    uint8_t ret_root[SHA256_SIZE])
{
	uint8_t r[SHA256_SIZE];
	size_t i;

	memcpy(r, hash, SHA256_SIZE);
	for (i = 0; i < count; i++) {
		assert_int_not_equal(sn, 0);
		if ((fn & 1) != 0 || fn == sn) {
			assert_int_equal(merkle_node(sha256, path[i], r, r),
			    ERR_OK);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			assert_int_equal(merkle_node(sha256, r, path[i], r),
			    ERR_OK);
		}
		fn >>= 1;
		sn >>= 1;
	}
	assert_int_equal(sn, 0);
	memcpy(ret_root, r, SHA256_SIZE);
}

static void
check_leaf(const struct subtree *tree, struct sha256 *sha256,
    const uint8_t *leaves, uint32_t leaf)
{
	const uint8_t *path[SUBTREE_DEPTH];
	uint8_t root[SHA256_SIZE];
	size_t count = subtree_path(tree, leaf, path);

	assert_int_equal(count, naive_length(leaf, tree->size));
	assert_int_equal(count, subtree_path_length(leaf, tree->size));
	naive_root(leaves + leaf * SHA256_SIZE, leaf, tree->size - 1, path,
	    count, sha256, root);
	assert_memory_equal(root, subtree_root(tree), SHA256_SIZE);
	memset(root, 0, sizeof(root));
	assert_int_equal(subtree_path_root(sha256,
	    leaves + leaf * SHA256_SIZE, leaf, tree->size, path, root),
	    ERR_OK);
	assert_memory_equal(root, subtree_root(tree), SHA256_SIZE);
}

static void
check_size(struct subtree *tree, struct sha256 *sha256,
    const uint8_t *leaves, size_t size, uint32_t step)
{
	struct merkle m = MERKLE_INIT;
	uint8_t root[SHA256_SIZE];
	uint32_t leaf;

	assert_int_equal(subtree_build(tree, sha256, leaves, size), ERR_OK);
	assert_int_equal(merkle_append(&m, sha256, leaves, size), ERR_OK);
	assert_int_equal(merkle_root(&m, sha256, root), ERR_OK);
	assert_memory_equal(subtree_root(tree), root, SHA256_SIZE);
	for (leaf = 0; leaf < size; leaf += step)
		check_leaf(tree, sha256, leaves, leaf);
	check_leaf(tree, sha256, leaves, (uint32_t)size - 1);
}

static void
test_paths(void **state)
{
	_cleanup_subtree_ struct subtree tree = SUBTREE_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t *leaves = make_leaves(SUBTREE_MAX);
	size_t i;

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	for (i = 1; i <= EVERY_SIZE_TO; i++)
		check_size(&tree, sha256, leaves, i, 1);
	for (i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		check_size(&tree, sha256, leaves, large[i], 37);
	/* smaller again, in the same memory */
	check_size(&tree, sha256, leaves, 3, 1);
	free(leaves);
}

static void
test_sizes(void **state)
{
	_cleanup_subtree_ struct subtree tree = SUBTREE_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t *leaves = make_leaves(SUBTREE_MAX + 1);

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(subtree_build(&tree, sha256, leaves, 0),
	    ERR_INVALID);
	assert_int_equal(subtree_build(&tree, sha256, leaves,
	    SUBTREE_MAX + 1), ERR_INVALID);
	assert_int_equal(subtree_build(&tree, sha256, leaves, SUBTREE_MAX),
	    ERR_OK);
	free(leaves);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
