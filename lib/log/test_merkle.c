/* Merkle trees: published roots, and a naive tree by the definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/log/merkle.h"

#define SIZE_MAX_TESTED	300

/* The entries and roots of the certificate-transparency project's tests. */
static const struct {
	const char	*entry;
	size_t		 len;
	const char	*root;		/* of the tree up to here */
} published[] = {
	{ "", 0, "6e340b9cffb37a989ca544e6bb780a2c"
	    "78901d3fb33738768511a30617afa01d" },
	{ "\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9d"
	    "baf70ad9e621f4bd8d98662f00e3c125" },
	{ "\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264"
	    "db0fa9b51af5e0ba159158f329e06e77" },
	{ "\x20\x21", 2, "d37ee418976dd95753c1c73862b9398f"
	    "a2a2cf9b4ff0fdfe8b30cd95209614b7" },
	{ "\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3"
	    "bca12c9aefca1612bfce4c13a86264d4" },
	{ "\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f"
	    "98dfb16fbce75277b5232a127f2087ef" },
	{ "\x50\x51\x52\x53\x54\x55\x56\x57", 8,
	    "ddb89be403809e325750d3d263cd7892"
	    "9c2942b7942a34b77e122c9594a74c8c" },
	{ "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
	    16, "5dc9da79a70659a9ad559cb701ded9a2"
	    "ab9d823aad2f4960cfe370eff4604328" },
};

static const char empty_root[] = "e3b0c44298fc1c149afbf4c8996fb924"
    "27ae41e4649b934ca495991b7852b855";

static void
assert_root(const struct merkle *m, struct sha256 *sha256, const char *hex)
{
	uint8_t expected[SHA256_SIZE], root[SHA256_SIZE];
	size_t len;

	assert_int_equal(hex_decode(hex, expected, sizeof(expected), &len),
	    ERR_OK);
	assert_int_equal(merkle_root(m, sha256, root), ERR_OK);
	assert_memory_equal(root, expected, SHA256_SIZE);
}

static void
test_published_roots(void **state)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct merkle m = MERKLE_INIT;
	uint8_t leaf[SHA256_SIZE];
	size_t i;

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_root(&m, sha256, empty_root);
	for (i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		assert_int_equal(merkle_leaf(sha256,
		    bytes_of(published[i].entry, published[i].len), leaf),
		    ERR_OK);
		assert_int_equal(merkle_append(&m, sha256, leaf, 1), ERR_OK);
		assert_int_equal(m.size, i + 1);
		assert_root(&m, sha256, published[i].root);
	}
}

/* RFC 9162 2.1.1 as it is written, over leaf hashes. */
static void
naive_root(const uint8_t *leaves, size_t count, uint8_t ret[SHA256_SIZE])
{
	uint8_t input[1 + 2 * SHA256_SIZE];
	size_t k = 1;

	if (count == 1) {
		memcpy(ret, leaves, SHA256_SIZE);
		return;
	}
	while (k * 2 < count)
		k *= 2;
	input[0] = 1;
	naive_root(leaves, k, input + 1);
	naive_root(leaves + k * SHA256_SIZE, count - k,
	    input + 1 + SHA256_SIZE);
	assert_int_equal(sha256_once(bytes_of(input, sizeof(input)), ret),
	    ERR_OK);
}

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

static void
test_against_naive(void **state)
{
	uint8_t expected[SHA256_SIZE], root[SHA256_SIZE];
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct merkle m = MERKLE_INIT;
	uint8_t *leaves;
	size_t i;

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	leaves = make_leaves(SIZE_MAX_TESTED);
	for (i = 1; i <= SIZE_MAX_TESTED; i++) {
		assert_int_equal(merkle_append(&m, sha256,
		    leaves + (i - 1) * SHA256_SIZE, 1), ERR_OK);
		assert_int_equal(m.count, __builtin_popcountll(i));
		naive_root(leaves, i, expected);
		assert_int_equal(merkle_root(&m, sha256, root), ERR_OK);
		assert_memory_equal(root, expected, SHA256_SIZE);
	}
	free(leaves);
}

static void
test_batches(void **state)
{
	uint8_t expected[SHA256_SIZE], root[SHA256_SIZE];
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	const size_t total = 5000;
	uint32_t random = 12345;
	size_t done, part;
	uint8_t *leaves;
	int round;

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	leaves = make_leaves(total);
	naive_root(leaves, total, expected);
	for (round = 0; round < 20; round++) {
		struct merkle m = MERKLE_INIT;

		for (done = 0; done < total; done += part) {
			random = random * 1664525 + 1013904223;
			part = random >> 20;	/* 0 to 4,095 */
			if (part > total - done)
				part = total - done;
			assert_int_equal(merkle_append(&m, sha256,
			    leaves + done * SHA256_SIZE, part), ERR_OK);
		}
		assert_int_equal(m.size, total);
		assert_int_equal(merkle_root(&m, sha256, root), ERR_OK);
		assert_memory_equal(root, expected, SHA256_SIZE);
	}
	free(leaves);
}

static void
test_stored_frontier(void **state)
{
	uint8_t root[SHA256_SIZE], again[SHA256_SIZE];
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_buf_ struct buf stored = BUF_INIT;
	struct merkle m = MERKLE_INIT, read;
	uint8_t *leaves;
	size_t size;

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	leaves = make_leaves(64);
	for (size = 0; size < 63; size++) {
		buf_clear(&stored);
		merkle_encode(&m, &stored);
		assert_int_equal(stored.len, 8 + 32 *
		    (size_t)__builtin_popcountll(size));
		assert_int_equal(merkle_decode(buf_bytes(&stored), &read),
		    ERR_OK);
		assert_int_equal(read.size, size);
		/* the tree that was stored goes on like the other */
		assert_int_equal(merkle_append(&m, sha256,
		    leaves + size * SHA256_SIZE, 1), ERR_OK);
		assert_int_equal(merkle_append(&read, sha256,
		    leaves + size * SHA256_SIZE, 1), ERR_OK);
		assert_int_equal(merkle_root(&m, sha256, root), ERR_OK);
		assert_int_equal(merkle_root(&read, sha256, again), ERR_OK);
		assert_memory_equal(root, again, SHA256_SIZE);
	}
	free(leaves);
}

/* One leaf another: found in the complete subtree that holds it. */
static void
test_differ(void **state)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t *leaves = make_leaves(107);
	struct merkle a = MERKLE_INIT;
	uint64_t first, count;
	size_t i;

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(merkle_append(&a, sha256, leaves, 107), ERR_OK);
	assert_false(merkle_differ(&a, &a, &first, &count));
	for (i = 0; i < 107; i++) {
		struct merkle b = MERKLE_INIT;

		leaves[i * SHA256_SIZE] ^= 1;
		assert_int_equal(merkle_append(&b, sha256, leaves, 107),
		    ERR_OK);
		assert_true(merkle_differ(&a, &b, &first, &count));
		assert_in_range(i, first, first + count - 1);
		assert_int_equal(count, i < 64 ? 64 : i < 96 ? 32 :
		    i < 104 ? 8 : i < 106 ? 2 : 1);
		leaves[i * SHA256_SIZE] ^= 1;
	}
	free(leaves);
}

static void
test_broken_frontier(void **state)
{
	struct merkle m = { .size = 77 };
	uint8_t bytes[8 + 33] = { 0 };

	(void)state;
	bytes[7] = 4;	/* one node */
	assert_int_equal(merkle_decode(bytes_of(bytes, 40), &m), ERR_OK);
	m.size = 77;
	assert_int_equal(merkle_decode(bytes_of(bytes, 39), &m), ERR_CORRUPT);
	assert_int_equal(merkle_decode(bytes_of(bytes, 41), &m), ERR_CORRUPT);
	assert_int_equal(merkle_decode(bytes_of(bytes, 8), &m), ERR_CORRUPT);
	assert_int_equal(merkle_decode(bytes_of(bytes, 7), &m), ERR_CORRUPT);
	assert_int_equal(merkle_decode(BYTES_NONE, &m), ERR_CORRUPT);
	bytes[7] = 5;	/* two nodes, one there */
	assert_int_equal(merkle_decode(bytes_of(bytes, 40), &m), ERR_CORRUPT);
	assert_int_equal(m.size, 77);
}

static void
test_too_many_leaves(void **state)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct merkle m = { .size = UINT64_MAX - 1, .count = 63 };
	uint8_t leaves[2 * SHA256_SIZE] = { 0 };

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(merkle_append(&m, sha256, leaves, 2), ERR_LIMIT);
	assert_int_equal(m.size, UINT64_MAX - 1);
	assert_int_equal(merkle_append(&m, sha256, leaves, 1), ERR_OK);
	assert_int_equal(m.count, 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_roots),
		cmocka_unit_test(test_against_naive),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_stored_frontier),
		cmocka_unit_test(test_differ),
		cmocka_unit_test(test_broken_frontier),
		cmocka_unit_test(test_too_many_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
