/*
 * What log verify finds: each kind of harm to the registry, the tiles and the
 * checkpoint, by what it says; proofs of what is published.
 */
#include "lib/authority/test_log.h"

#include "lib/authority/log_leaves.h"
#include "lib/authority/log_prove.h"
#include "lib/authority/log_verify.h"
#include "lib/authority/operation.h"

#define SIZE 1600	/* published, of 2,300 */

static void
note_found(void *ctx, const char *what)
{
	struct buf *all = ctx;

	buf_printf(all, "%s\n", what);
}

/* All that is found, as lines. */
static struct log_verified
verify(struct world *w, uint32_t log, struct buf *lines)
{
	struct log_verify to = { .found = note_found, .ctx = lines };
	struct log_verified verified;
	struct diag diag = DIAG_INIT;

	buf_clear(lines);
	good(log_verify(w->authority, log, &to, &verified, &diag), &diag);
	assert_int_equal(verified.differences > 0, lines->len > 0);
	return verified;
}

static void
publish_good(struct world *w, uint32_t log)
{
	struct diag diag = DIAG_INIT;

	good(authority_log_publish(w->authority, log, &diag), &diag);
}

static void
bulk_make(struct world *w)
{
	world_copy(w, io_posix());
	grow(w, 1000, RANGE_COMMITTED);
	grow(w, 20, RANGE_VOID);
	grow(w, SIZE - 1020, RANGE_COMMITTED);
	publish_good(w, LOG_BULK_NUMBER);
	grow(w, 700, RANGE_COMMITTED);
}

static void
test_good(void **state)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;
	struct world *w = *state;
	struct log_verified verified;

	verified = verify(w, LOG_BULK_NUMBER, &lines);
	assert_int_equal(verified.differences, 0);
	assert_int_equal(verified.size, 0);
	assert_false(verified.is_published);
	bulk_make(w);
	verified = verify(w, LOG_BULK_NUMBER, &lines);
	assert_int_equal(verified.differences, 0);
	assert_int_equal(verified.size, SIZE + 700);
	assert_true(verified.is_published);
	assert_int_equal(verified.published, SIZE);
	assert_int_equal(verified.tiles, 7 + 1);
	assert_string_equal(verified.name, "bulk");
	publish_good(w, LOG_OPERATIONS_NUMBER);
	verified = verify(w, LOG_OPERATIONS_NUMBER, &lines);
	assert_int_equal(verified.differences, 0);
	assert_true(verified.published > 3);
}

static const struct {
	const char	*sql;
	const char	*found;
} registry_harm[] = {
	/* one octet of the leaf of index 5 */
	{ "UPDATE segment SET leaves = CAST(substr(leaves, 1, 160) || "
	    SQL_OTHER("substr(leaves, 161, 1)")
	    " || substr(leaves, 162) AS BLOB) WHERE first = 0",
	    "index 5: the registry's leaf is not that of" },
	{ "UPDATE segment SET leaves = zeroblob(length(leaves)) WHERE "
	    "first = (SELECT max(first) FROM segment)",
	    "leaves of indices 2272 to 2287 do not give" },
	{ "DELETE FROM segment WHERE first = (SELECT max(first) FROM segment "
	    "WHERE first < 900)", "holds no identity" },
	{ "UPDATE range SET evidence = 0 WHERE state = 3",
	    "index 1000: the registry's leaf is not that of" },
	{ "UPDATE range SET count = 1 WHERE first = 1000", "in no range" },
	{ "UPDATE log SET size = size - 1 WHERE log = 1", "does not fit" },
	{ "UPDATE log SET checkpoint = x'41' WHERE log = 1",
	    "its checkpoint was altered" },
	{ "UPDATE log SET checkpoint = x'' WHERE log = 1",
	    "it speaks of 1600 entries, the last one that the registry "
	    "knows of 0" },
};

static void
test_registry_harmed(void **state)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(registry_harm); i++) {
		bulk_make(w);
		/* sizes of the synthetic segments do not matter here */
		registry_change(w, registry_harm[i].sql);
		(void)verify(w, LOG_BULK_NUMBER, &lines);
		if (strstr(buf_text(&lines), registry_harm[i].found) == NULL)
			fail_msg("%s: %s", registry_harm[i].sql,
			    buf_text(&lines));
	}
}

static const struct {
	const char	*command;	/* in publish/log/bulk */
	const char	*found;
} published_harm[] = {
	{ "rm tile/0/003", "tile/0/003: open" },
	{ "truncate -s -1 tile/0/003", "tile/0/003: 8191 octets" },
	{ "rm tile/1/000.p/6", "tile/1/000.p/6: open" },
	{ "printf X | dd of=tile/0/003 bs=1 seek=65 conv=notrunc 2>/dev/null",
	    "index 770: the registry's leaf is not that of" },
	/* and which of them is wrong */
	{ "printf X | dd of=tile/0/003 bs=1 seek=65 conv=notrunc 2>/dev/null",
	    "tile/0/003: it does not give hash 3 of tile/1/000" },
	{ "printf X | dd of=tile/1/000.p/6 bs=1 seek=33 conv=notrunc "
	    "2>/dev/null",
	    "tile/0/001: it does not give hash 1 of tile/1/000" },
	{ "printf X | dd of=tile/0/006.p/64 bs=1 conv=notrunc 2>/dev/null",
	    "index 1536: the registry's leaf is not that of" },
	{ "rm checkpoint", "checkpoint: open" },
	{ "sed -i 2s/1600/1599/ checkpoint", "does not match the text" },
	{ "cp ../operations/checkpoint .", "it is of pki.example.net/log/"
	    "operations" },
};

static void
test_published_harmed(void **state)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(published_harm); i++) {
		bulk_make(w);
		publish_good(w, LOG_OPERATIONS_NUMBER);
		shell("cd '%s/publish/log/bulk' && %s", w->dir,
		    published_harm[i].command);
		(void)verify(w, LOG_BULK_NUMBER, &lines);
		if (strstr(buf_text(&lines), published_harm[i].found) == NULL)
			fail_msg("%s: %s", published_harm[i].command,
			    buf_text(&lines));
	}
}

/* A registry of before: what is published is ahead, and whole. */
static void
test_old_registry(void **state)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;
	struct world *w = *state;

	bulk_make(w);
	world_close(w);
	shell("cp '%s/registry.db' '%s/old.db'", w->dir, w->dir);
	world_open(w, io_posix());
	publish_good(w, LOG_BULK_NUMBER);
	world_close(w);
	shell("cp '%s/old.db' '%s/registry.db'", w->dir, w->dir);
	world_open(w, io_posix());
	assert_int_equal(verify(w, LOG_BULK_NUMBER, &lines).differences, 1);
	assert_non_null(strstr(buf_text(&lines), "speaks of 2300 entries, "
	    "the last one that the registry knows of 1600"));
}

static void
test_operations_harmed(void **state)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;
	struct world *w = *state;

	publish_good(w, LOG_OPERATIONS_NUMBER);
	registry_change(w, "UPDATE operation SET entry = CAST(substr(entry, "
	    "1, length(entry) - 1) || " SQL_OTHER("substr(entry, -1)")
	    " AS BLOB) WHERE seq = 2");
	(void)verify(w, LOG_OPERATIONS_NUMBER, &lines);
	assert_non_null(strstr(buf_text(&lines),
	    "index 2: the registry's leaf is not that of"));
}

static uint64_t
rebuild(struct world *w, uint64_t first, uint64_t count, struct buf *lines,
    uint64_t *ret_rebuilt)
{
	struct log_verify to = { .found = note_found, .ctx = lines };
	uint64_t differences = 0;
	struct diag diag = DIAG_INIT;

	buf_clear(lines);
	*ret_rebuilt = 0;
	good(log_rebuild(w->authority, LOG_BULK_NUMBER, first, count, &to,
	    ret_rebuilt, &differences, &diag), &diag);
	return differences;
}

static void
test_rebuild(void **state)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	uint64_t rebuilt;

	good(order_go(w, order_make(w, 0, 30, 1, 8), 2, &diag), &diag);
	grow(w, 9, RANGE_VOID);
	good(order_go(w, order_make(w, 1, 10, 1, 8), 2, &diag), &diag);
	assert_int_equal(rebuild(w, 0, 49, &lines, &rebuilt), 0);
	assert_int_equal(rebuilt, 40);
	assert_int_equal(rebuild(w, 28, 12, &lines, &rebuilt), 0);
	assert_int_equal(rebuilt, 3);
	registry_change(w, "UPDATE segment SET entries = CAST(substr("
	    "entries, 1, 60) || " SQL_OTHER("substr(entries, 61, 1)")
	    " || substr(entries, 62) AS BLOB) "
	    "WHERE first = 8");
	assert_int_equal(rebuild(w, 0, 49, &lines, &rebuilt), 1);
	assert_int_equal(rebuilt, 40);
	assert_non_null(strstr(buf_text(&lines), "identity 8:"));
	/* the entry is not the leaf: only rebuilding sees it */
	assert_int_equal(verify(w, LOG_BULK_NUMBER, &lines).differences, 0);
}

static void
prove_one(struct world *w, struct lookup *lookup, uint64_t index)
{
	struct address address = { LOG_BULK_NUMBER, index };
	_cleanup_buf_ struct buf entry = BUF_INIT, note = BUF_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t leaf[SHA256_SIZE];
	struct tree_head head;
	struct log_proof p;
	struct diag diag = DIAG_INIT;
	bool fine = false;

	good(log_entry_get(w->authority, lookup, &address, &entry, &diag),
	    &diag);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(merkle_leaf(sha256, buf_bytes(&entry), leaf),
	    ERR_OK);
	good(log_prove_inclusion(w->authority, LOG_BULK_NUMBER, index, leaf,
	    &p, &note, &diag), &diag);
	head.size = p.checkpoint.size;
	memcpy(head.root, p.checkpoint.root, SHA256_SIZE);
	assert_int_equal(proof_verify_inclusion(sha256, leaf, index, &head,
	    &p.proof, &fine), ERR_OK);
	assert_true(fine);
	assert_true(note.len > 0);
	leaf[0] ^= 1;
	assert_int_equal(log_prove_inclusion(w->authority, LOG_BULK_NUMBER,
	    index, leaf, &p, &note, NULL), ERR_CORRUPT);
}

static void
test_prove(void **state)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	_cleanup_buf_ struct buf note = BUF_INIT, entry = BUF_INIT;
	struct address beyond = { LOG_BULK_NUMBER, 47 };
	uint8_t leaf[SHA256_SIZE] = { 0 };
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct log_proof p;
	uint64_t i;

	good(lookup_new(w->authority, &lookup, &diag), &diag);
	assert_int_equal(log_prove_inclusion(w->authority, LOG_BULK_NUMBER,
	    0, leaf, &p, &note, &diag), ERR_NOTFOUND);
	assert_non_null(strstr(diag.hint, "log publish bulk"));
	grow(w, 7, RANGE_VOID);
	good(order_go(w, order_make(w, 0, 40, 1, 8), 2, &diag), &diag);
	for (i = 0; i < 47; i++)
		prove_one(w, lookup, i);
	assert_int_equal(log_entry_get(w->authority, lookup, &beyond, &entry,
	    NULL), ERR_NOTFOUND);
	grow(w, 1, RANGE_VOID);
	diag = (struct diag)DIAG_INIT;
	assert_int_equal(log_prove_inclusion(w->authority, LOG_BULK_NUMBER,
	    47, leaf, &p, &note, &diag), ERR_NOTFOUND);
	assert_non_null(strstr(diag.what, "47 entries are published"));
	for (i = 0; i <= 47; i++)
		good(log_prove_consistency(w->authority, LOG_BULK_NUMBER, i,
		    0, &p, &note, NULL), NULL);
	good(log_prove_consistency(w->authority, LOG_BULK_NUMBER, 5, 30, &p,
	    &note, NULL), NULL);
	assert_int_equal(log_prove_consistency(w->authority, LOG_BULK_NUMBER,
	    48, 0, &p, &note, NULL), ERR_INVALID);
	assert_int_equal(log_prove_consistency(w->authority, LOG_BULK_NUMBER,
	    9, 8, &p, &note, NULL), ERR_INVALID);
	shell("printf X | dd of='%s/publish/log/bulk/tile/0/000.p/47' bs=1 "
	    "conv=notrunc 2>/dev/null", w->dir);
	assert_int_equal(log_prove_consistency(w->authority, LOG_BULK_NUMBER,
	    8, 0, &p, &note, NULL), ERR_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good, world_fresh),
		cmocka_unit_test(test_registry_harmed),
		cmocka_unit_test(test_published_harmed),
		cmocka_unit_test(test_old_registry),
		cmocka_unit_test_setup(test_operations_harmed, world_fresh),
		cmocka_unit_test_setup(test_rebuild, world_fresh),
		cmocka_unit_test_setup(test_prove, world_fresh),
	};

	return cmocka_run_group_tests(tests, world_make, world_free);
}
