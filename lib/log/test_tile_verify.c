/* Folders of tiles as they are fetched: whole, damaged file by file, with
 * and without bundles of entries. */
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
#include "lib/log/tile_verify.h"

#define SIZE	66000	/* levels 0, 1 and 2 */

static struct sha256 *sha;
static struct tree_head head = { .size = SIZE };
static char last[600];	/* what was found last */

/* Entries of lengths 0 to 5. */
static struct bytes
entry_of(const uint64_t *index)
{
	return bytes_of(index, *index % 6);
}

static enum err
put(void *ctx, const struct tile *tile, const uint8_t *hashes,
    struct diag *diag)
{
	(void)ctx;
	return tile_put(io_posix(), ".", tile, bytes_of(hashes,
	    tile->width * SHA256_SIZE), diag);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return ftw->level == 0 ? 0 : remove(path);
}

/* One folder for all tests; each mends what it harms. */
static int
start(void **state)
{
	_cleanup_tile_builder_ struct tile_builder *b = NULL;
	char dir[] = "/tmp/test-verify-XXXXXX";
	uint8_t leaf[SHA256_SIZE];
	struct merkle tree;
	uint64_t i;

	if (mkdtemp(dir) == NULL || chdir(dir) != 0 ||
	    sha256_new(&sha, NULL) || tile_builder_new(&b, NULL))
		return 1;
	*state = strdup(dir);
	tile_builder_each(b, put, NULL);
	for (i = 0; i < SIZE; i++)
		if (merkle_leaf(sha, entry_of(&i), leaf) ||
		    tile_builder_add(b, leaf, 1, NULL))
			return 1;
	return tile_builder_edge(b, NULL) || tile_builder_tree(b, &tree) ||
	    merkle_root(&tree, sha, head.root);
}

static int
stop(void **state)
{
	(void)nftw(".", remove_one, 16, FTW_DEPTH | FTW_PHYS);
	sha256_free(&sha);
	if (chdir("/") != 0 || rmdir(*state) != 0)
		return 1;
	free(*state);
	return 0;
}

static void
note_last(void *ctx, const char *what)
{
	(void)ctx;
	(void)snprintf(last, sizeof(last), "%s", what);
}

static struct tile_verified
verify(const struct tree_head *which)
{
	struct tile_verify to = { .found = note_last };
	struct tile_verified verified;

	last[0] = '\0';
	assert_int_equal(tile_verify(io_posix(), ".", which, &to, &verified,
	    NULL), ERR_OK);
	assert_int_equal(verified.differences > 0, last[0] != '\0');
	return verified;
}

static void
assert_whole(void)
{
	struct tile_verified verified = verify(&head);

	if (verified.differences != 0)
		fail_msg("%s", last);
	assert_int_equal(verified.tiles, 258 + 2 + 1);
}

static void
read_whole(const char *path, struct buf *out)
{
	assert_int_equal(io_read_file(io_posix(), path, out, NULL), ERR_OK);
}

static void
write_whole(const char *path, struct bytes bytes)
{
	assert_int_equal(io_write_file(io_posix(), path, bytes, 0600, NULL),
	    ERR_OK);
}

/* What is found names the file that was harmed, or the one it must fit. */
static const struct {
	const char	*path, *flip, *other;	/* "" : any */
} files[] = {
	{ "tile/0/000", "tile/0/000: it does not give hash 0 of tile/1/000",
	    "./tile/0/000" },
	{ "tile/0/100", "tile/0/100: it does not give hash 100 of tile/1/000",
	    "./tile/0/100" },
	{ "tile/0/257.p/208", "last tiles", "./tile/0/257.p/208" },
	{ "tile/1/000", "tile/1/000: it does not give hash 0 of tile/2/000",
	    "./tile/1/000" },
	{ "tile/1/001.p/1", "last tiles", "./tile/1/001.p/1" },
	{ "tile/2/000.p/1", "last tiles", "./tile/2/000.p/1" },
};

static void
test_damage(void **state)
{
	struct tile_verified verified;
	size_t i;

	(void)state;
	assert_whole();
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		read_whole(files[i].path, &b);
		b.ptr[7] ^= 1;
		write_whole(files[i].path, buf_bytes(&b));
		verified = verify(&head);
		assert_in_range(verified.differences, 1, 3);
		if (strstr(last, files[i].flip) == NULL)
			fail_msg("%s: %s", files[i].path, last);
		b.ptr[7] ^= 1;
		write_whole(files[i].path, bytes_of(b.ptr, b.len - 1));
		assert_int_equal(verify(&head).differences, 1);
		assert_non_null(strstr(last, files[i].other));
		assert_int_equal(unlink(files[i].path), 0);
		assert_int_equal(verify(&head).differences, 1);
		assert_non_null(strstr(last, files[i].other));
		write_whole(files[i].path, buf_bytes(&b));
		assert_whole();
	}
}

static void
test_other_heads(void **state)
{
	struct tree_head other = head;
	struct merkle empty = MERKLE_INIT;

	(void)state;
	other.root[0] ^= 1;
	assert_int_equal(verify(&other).differences, 1);
	assert_non_null(strstr(last, "root of the checkpoint of 66000"));
	other = head;
	other.size--;
	assert_int_equal(verify(&other).differences > 0, 1);
	/* a size far beyond what is there does not take for ever */
	other.size = UINT64_MAX;
	assert_in_range(verify(&other).differences, 1000, 1010);
	other.size = 0;
	assert_int_equal(merkle_root(&empty, sha, other.root), ERR_OK);
	assert_int_equal(verify(&other).differences, 0);
}

static void
bundles_make(void)
{
	struct tile tile;
	uint64_t n, index;
	unsigned i;

	for (n = 0; tile_at(TILE_ENTRIES, n, SIZE, &tile); n++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		for (i = 0; i < tile.width; i++) {
			index = n * TILE_WIDTH + i;
			buf_put_be16(&b, (uint16_t)entry_of(&index).len);
			buf_put_bytes(&b, entry_of(&index));
		}
		assert_int_equal(tile_put(io_posix(), ".", &tile,
		    buf_bytes(&b), NULL), ERR_OK);
	}
}

static void
test_bundles(void **state)
{
	static const char path[] = "tile/entries/003";
	_cleanup_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(verify(&head).bundles, 0);
	bundles_make();
	assert_whole();
	assert_int_equal(verify(&head).bundles, 258);
	read_whole(path, &b);
	b.ptr[2] ^= 1;		/* index 768: no octets; 769: 1 */
	write_whole(path, buf_bytes(&b));
	assert_true(verify(&head).differences > 0);
	b.ptr[2] ^= 1;
	b.ptr[4] ^= 1;		/* the octet of index 769 */
	write_whole(path, buf_bytes(&b));
	assert_int_equal(verify(&head).differences, 1);
	assert_non_null(strstr(last, "entry 1 (index 769)"));
	b.ptr[4] ^= 1;
	write_whole(path, bytes_of(b.ptr, b.len - 1));
	assert_int_equal(verify(&head).differences, 1);
	assert_non_null(strstr(last, "entry 255 is cut off"));
	buf_put_u8(&b, 0);
	write_whole(path, buf_bytes(&b));
	assert_int_equal(verify(&head).differences, 1);
	assert_non_null(strstr(last, "1 octets after"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(verify(&head).differences, 1);
	assert_non_null(strstr(last, path));
}

static void
test_bundle_next(void **state)
{
	static const uint8_t good[] = { 0, 0, 0, 2, 'a', 'b' };
	struct bytes rest = bytes_of(good, sizeof(good)), entry;
	size_t len;

	(void)state;
	assert_true(bundle_next(&rest, &entry));
	assert_int_equal(entry.len, 0);
	assert_true(bundle_next(&rest, &entry));
	assert_true(bytes_equal(entry, bytes_text("ab")));
	assert_int_equal(rest.len, 0);
	assert_false(bundle_next(&rest, &entry));
	for (len = 0; len < 4; len++) {
		rest = bytes_of(good + 2, len);
		assert_false(bundle_next(&rest, &entry));
		assert_int_equal(rest.len, len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_other_heads),
		cmocka_unit_test(test_bundles),
		cmocka_unit_test(test_bundle_next),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
