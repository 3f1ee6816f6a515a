/*
 * Tiles: names, what is in the files of trees of many sizes against the
 * definition, roots and proofs from the files alone, damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log/tile_builder.h"

#define LEAVES	70000

static uint8_t (*leaves)[SHA256_SIZE];
static struct sha256 *sha;

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return ftw->level == 0 ? 0 : remove(path);
}

static int
dir_enter(void **state)
{
	char dir[] = "/tmp/test-tile-XXXXXX";

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		return -1;
	*state = strdup(dir);
	return *state == NULL ? -1 : 0;
}

static int
dir_leave(void **state)
{
	int result;

	(void)nftw(".", remove_one, 16, FTW_DEPTH | FTW_PHYS);
	result = chdir("/") != 0 || rmdir(*state) != 0;
	free(*state);
	return result;
}

static void
test_paths(void **state)
{
	static const struct {
		struct tile	 tile;
		const char	*path;
	} cases[] = {
		{ { 0, 0, 256 }, "tile/0/000" },
		{ { 0, 999, 256 }, "tile/0/999" },
		{ { 3, 1000, 256 }, "tile/3/x001/000" },
		{ { 1, 1234067, 256 }, "tile/1/x001/x234/067" },
		{ { 1, 1234067, 8 }, "tile/1/x001/x234/067.p/8" },
		{ { 7, 0, 255 }, "tile/7/000.p/255" },
		{ { TILE_ENTRIES, 5, 256 }, "tile/entries/005" },
		{ { TILE_ENTRIES, 123456, 1 }, "tile/entries/x123/456.p/1" },
		{ { 0, ((uint64_t)1 << 56) - 1, 255 },
		    "tile/0/x072/x057/x594/x037/x927/935.p/255" },
		{ { TILE_ENTRIES, UINT64_MAX, 255 }, "tile/entries/"
		    "x018/x446/x744/x073/x709/x551/615.p/255" },
	};
	char path[TILE_PATH_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tile_path(&cases[i].tile, path);
		assert_string_equal(path, cases[i].path);
	}
}

/* The example of the specification, and the ends. */
static void
test_widths(void **state)
{
	static const struct {
		unsigned	level;
		uint64_t	index, size;
		unsigned	width;
	} cases[] = {
		{ 0, 272, 70000, 256 }, { 0, 273, 70000, 112 },
		{ 0, 274, 70000, 0 }, { 1, 0, 70000, 256 },
		{ 1, 1, 70000, 17 }, { 1, 2, 70000, 0 },
		{ 2, 0, 70000, 1 }, { 2, 1, 70000, 0 }, { 3, 0, 70000, 0 },
		{ 0, 0, 256, 256 }, { 0, 1, 256, 0 }, { 1, 0, 256, 1 },
		{ 0, 0, 0, 0 }, { 7, 0, UINT64_MAX, 255 },
		{ 0, UINT64_MAX >> 8, UINT64_MAX, 255 },
		{ 0, UINT64_MAX, UINT64_MAX, 0 },
		{ TILE_ENTRIES, 273, 70000, 112 },
	};
	struct tile tile;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tile.width = 0;
		assert_int_equal(tile_at(cases[i].level, cases[i].index,
		    cases[i].size, &tile), cases[i].width > 0);
		assert_int_equal(tile.width, cases[i].width);
	}
}

static enum err
put_each(void *ctx, const struct tile *tile, const uint8_t *hashes,
    struct diag *diag)
{
	unsigned *count = ctx;

	(*count)++;
	return tile_put(io_posix(), ".", tile,
	    bytes_of(hashes, tile->width * SHA256_SIZE), diag);
}

/* Bring the folder from one size to another; the tiles written. */
static unsigned
grow(uint64_t from, uint64_t to)
{
	_cleanup_tile_builder_ struct tile_builder *b = NULL;
	uint64_t start = from - from % TILE_WIDTH;
	unsigned count = 0;

	assert_int_equal(tile_builder_new(&b, NULL), ERR_OK);
	assert_int_equal(tile_builder_load(b, io_posix(), ".", start, NULL),
	    ERR_OK);
	assert_int_equal(tile_builder_size(b), start);
	tile_builder_each(b, put_each, &count);
	assert_int_equal(tile_builder_add(b, leaves[start], to - start, NULL),
	    ERR_OK);
	assert_int_equal(tile_builder_edge(b, NULL), ERR_OK);
	assert_int_equal(tile_builder_size(b), to);
	return count;
}

static void
root_of(uint64_t begin, uint64_t end, uint8_t ret_root[SHA256_SIZE])
{
	struct merkle m = MERKLE_INIT;

	assert_int_equal(merkle_append(&m, sha, leaves[begin], end - begin),
	    ERR_OK);
	assert_int_equal(merkle_root(&m, sha, ret_root), ERR_OK);
}

/* Every file of the tree of size, by the definition. */
static void
assert_tiles(uint64_t size)
{
	uint8_t root[SHA256_SIZE];
	struct tile tile;
	unsigned level, i;
	uint64_t at, span;

	for (level = 0; level < TILE_LEVELS; level++) {
		span = (uint64_t)1 << TILE_HEIGHT * level;
		for (at = 0; tile_at(level, at, size, &tile); at++) {
			_cleanup_buf_ struct buf file = BUF_INIT;
			char path[TILE_PATH_SIZE];

			tile_path(&tile, path);
			assert_int_equal(io_read_file(io_posix(), path, &file,
			    NULL), ERR_OK);
			assert_int_equal(file.len, tile.width * 32);
			for (i = 0; i < tile.width; i++) {
				root_of((at * TILE_WIDTH + i) * span,
				    (at * TILE_WIDTH + i + 1) * span, root);
				assert_memory_equal(file.ptr + i * 32, root,
				    32);
			}
		}
	}
}

static void
assert_root(uint64_t tree, uint64_t size)
{
	_cleanup_tile_reader_ struct tile_reader *r = NULL;
	uint8_t root[SHA256_SIZE], expected[SHA256_SIZE];
	struct hash_source source;

	assert_int_equal(tile_reader_new(io_posix(), ".", tree, &r, NULL),
	    ERR_OK);
	source = tile_reader_source(r);
	root_of(0, size, expected);
	assert_int_equal(proof_root(&source, sha, size, root, NULL), ERR_OK);
	assert_memory_equal(root, expected, SHA256_SIZE);
}

static void
test_growth(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 255, 256, 257, 511, 512, 1000,
	    5000, 65535, 65536, 65537, 70000, 70000 };
	uint64_t size = 0;
	unsigned count;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		count = grow(size, sizes[i]);
		assert_in_range(count, 1, (sizes[i] - size) / 255 + 4);
		size = sizes[i];
		assert_tiles(size);
		assert_root(size, size);
	}
	/* every earlier size, also those never published */
	for (size = 0; size < LEAVES; size += 1 + size / 7)
		assert_root(LEAVES, size);
}

/* Leaf by leaf and in lumps it is the same frontier as merkle_append()'s. */
static void
test_tree(void **state)
{
	_cleanup_tile_builder_ struct tile_builder *b = NULL;
	struct merkle m = MERKLE_INIT, tree;
	uint8_t a[SHA256_SIZE], c[SHA256_SIZE];
	uint64_t size = 0, part;

	(void)state;
	assert_int_equal(tile_builder_new(&b, NULL), ERR_OK);
	for (; size < LEAVES; size += part) {
		assert_int_equal(tile_builder_tree(b, &tree), ERR_OK);
		assert_int_equal(tree.size, m.size);
		assert_int_equal(tree.count, m.count);
		assert_memory_equal(tree.node, m.node,
		    m.count * SHA256_SIZE);
		assert_int_equal(merkle_root(&tree, sha, a), ERR_OK);
		assert_int_equal(merkle_root(&m, sha, c), ERR_OK);
		assert_memory_equal(a, c, SHA256_SIZE);
		part = size < 600 ? 1 : size / 3;
		part = part > LEAVES - size ? LEAVES - size : part;
		assert_int_equal(merkle_append(&m, sha, leaves[size], part),
		    ERR_OK);
		assert_int_equal(tile_builder_add(b, leaves[size], part,
		    NULL), ERR_OK);
	}
}

static void
test_proofs(void **state)
{
	_cleanup_tile_reader_ struct tile_reader *r = NULL;
	struct tree_head old = { .size = 0 }, head = { .size = LEAVES };
	struct hash_source source;
	struct proof p;
	bool good;

	(void)state;
	(void)grow(0, LEAVES);
	assert_int_equal(tile_reader_new(io_posix(), ".", LEAVES, &r, NULL),
	    ERR_OK);
	source = tile_reader_source(r);
	root_of(0, LEAVES, head.root);
	for (; old.size < LEAVES; old.size += 1 + old.size / 5) {
		root_of(0, old.size, old.root);
		assert_int_equal(proof_inclusion(&source, sha, old.size,
		    LEAVES, &p, NULL), ERR_OK);
		assert_int_equal(proof_verify_inclusion(sha, leaves[old.size],
		    old.size, &head, &p, &good), ERR_OK);
		assert_true(good);
		assert_int_equal(proof_consistency(&source, sha, old.size,
		    LEAVES, &p, NULL), ERR_OK);
		assert_int_equal(proof_verify_consistency(sha, &old, &head,
		    &p, &good), ERR_OK);
		assert_true(good);
	}
	assert_int_equal(proof_inclusion(&source, sha, 0, LEAVES + 1, &p,
	    NULL), ERR_INVALID);
}

static bool
is_there(const char *path)
{
	return io_exists(io_posix(), path);
}

/* Partial tiles stay until the full one is durable, and serve it before. */
static void
test_tidy(void **state)
{
	struct tile full = { 0, 0, TILE_WIDTH }, none = { 0, 7, TILE_WIDTH };

	(void)state;
	(void)grow(0, 5);
	(void)grow(5, 255);
	(void)grow(255, 300);
	assert_true(is_there("tile/0/000.p/5"));
	assert_true(is_there("tile/0/000.p/255"));
	assert_true(is_there("tile/0/000"));
	assert_int_equal(tile_tidy(io_posix(), ".", &full, NULL), ERR_OK);
	assert_false(is_there("tile/0/000.p"));
	assert_true(is_there("tile/0/000"));
	assert_true(is_there("tile/0/001.p/44"));
	assert_false(is_there("tile.tmp"));
	assert_int_equal(tile_tidy(io_posix(), ".", &full, NULL), ERR_OK);
	assert_int_equal(tile_tidy(io_posix(), ".", &none, NULL), ERR_OK);
	/* an old tree reads on */
	assert_root(5, 5);
	assert_root(255, 254);
	/* what is not ours stays */
	assert_int_equal(io_mkdir(io_posix(), "tile/0/000.p", 0755, NULL),
	    ERR_OK);
	assert_int_equal(io_write_file(io_posix(), "tile/0/000.p/note",
	    bytes_text("x"), 0600, NULL), ERR_OK);
	assert_int_equal(tile_tidy(io_posix(), ".", &full, NULL), ERR_OK);
	assert_true(is_there("tile/0/000.p/note"));
}

static enum err
read_root(uint64_t size, struct diag *diag)
{
	_cleanup_tile_reader_ struct tile_reader *r = NULL;
	uint8_t root[SHA256_SIZE];
	struct hash_source source;
	struct proof p;
	enum err err;

	assert_int_equal(tile_reader_new(io_posix(), ".", size, &r, NULL),
	    ERR_OK);
	source = tile_reader_source(r);
	err = proof_root(&source, sha, size, root, diag);
	if (!err)
		err = proof_inclusion(&source, sha, 0, size, &p, diag);
	return err;
}

static void
test_damage(void **state)
{
	static const char *const paths[] = { "tile/0/002.p/88",
	    "tile/1/000.p/2", "tile/0/000" };
	struct diag diag;
	uint8_t byte = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		_cleanup_buf_ struct buf file = BUF_INIT;

		(void)grow(0, 600);
		assert_int_equal(read_root(600, NULL), ERR_OK);
		assert_int_equal(io_read_file(io_posix(), paths[i], &file,
		    NULL), ERR_OK);
		diag = (struct diag)DIAG_INIT;
		assert_int_equal(unlink(paths[i]), 0);
		assert_int_equal(read_root(600, &diag), ERR_NOTFOUND);
		assert_non_null(strstr(diag.what, paths[i]));
		/* too short, too long, empty */
		diag = (struct diag)DIAG_INIT;
		assert_int_equal(io_write_file(io_posix(), paths[i],
		    bytes_of(file.ptr, file.len - 32), 0600, NULL), ERR_OK);
		assert_int_equal(read_root(600, &diag), ERR_CORRUPT);
		assert_non_null(strstr(diag.what, paths[i]));
		buf_put_u8(&file, byte);
		assert_int_equal(io_write_file(io_posix(), paths[i],
		    buf_bytes(&file), 0600, NULL), ERR_OK);
		assert_int_equal(read_root(600, NULL), ERR_CORRUPT);
		assert_int_equal(truncate(paths[i], 0), 0);
		assert_int_equal(read_root(600, NULL), ERR_CORRUPT);
	}
}

static void
test_builder_refuses(void **state)
{
	_cleanup_tile_builder_ struct tile_builder *b = NULL;
	struct diag diag = DIAG_INIT;

	(void)state;
	assert_int_equal(tile_builder_new(&b, NULL), ERR_OK);
	assert_int_equal(tile_builder_load(b, io_posix(), ".", 255, NULL),
	    ERR_INVALID);
	assert_int_equal(tile_builder_load(b, io_posix(), ".", 256, &diag),
	    ERR_NOTFOUND);
	assert_non_null(strstr(diag.what, "tile/1/000.p/1"));
}

static int
start(void **state)
{
	uint32_t i;

	(void)state;
	leaves = calloc(LEAVES, sizeof(*leaves));
	if (leaves == NULL || sha256_new(&sha, NULL) != ERR_OK)
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
	free(leaves);
	sha256_free(&sha);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, dir_enter, dir_leave)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_widths),
		TEST(test_growth),
		TEST(test_tree),
		TEST(test_proofs),
		TEST(test_tidy),
		TEST(test_damage),
		TEST(test_builder_refuses),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
