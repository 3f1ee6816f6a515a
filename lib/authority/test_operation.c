#include "lib/authority/test_world.h"

#include <sys/stat.h>

#include "lib/authority/anchor.h"
#include "lib/authority/operation.h"
#include "lib/authority/status.h"

static struct operation_head
head_of(struct world *w)
{
	struct operation_head head;
	struct diag diag = DIAG_INIT;

	good(operation_head(w->authority, &head, &diag), &diag);
	return head;
}

static unsigned
last_kind(struct world *w)
{
	_cleanup_buf_ struct buf entry = BUF_INIT;
	struct store_operation row;

	assert_int_equal(store_operation_get(w->authority->store,
	    head_of(w).size - 1, &entry, &row, NULL), ERR_OK);
	return row.kind;
}

static void
add_product(struct world *w, enum err want)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag diag = DIAG_INIT;

	product_body(product_files[0], &body);
	if (want != ERR_OK)
		body.ptr[body.len - 1] ^= 0xff;
	assert_int_equal(submit(w, REQUEST_PRODUCT_ADD, buf_bytes(&body),
	    &result, &diag), want);
}

static enum err
unlock(struct world *w, int64_t now, unsigned accept, struct diag *diag)
{
	_cleanup_authority_ struct authority *again = NULL;
	enum err err;

	world_close(w);
	err = authority_open(io_posix(), w->dir, AUTHORITY_WRITE, &again,
	    diag);
	assert_int_equal(err, ERR_OK);
	authority_accept(again, accept);
	err = authority_unlock(again, bytes_text(PASSPHRASE), now, diag);
	authority_close(&again);
	world_open(w, io_posix());
	return err;
}

/* Requests, refusals, starts and stops are entries, in order. */
static void
test_entries(void **state)
{
	struct world *w = *state;
	struct operation_head before = head_of(w), after;
	struct diag diag = DIAG_INIT;
	uint32_t number;

	assert_int_equal(before.size, 1 + PRODUCTS + STATIONS);
	add_product(w, ERR_OK);		/* the same: still a request */
	after = head_of(w);
	assert_int_equal(after.size, before.size + 1);
	assert_int_equal(last_kind(w), OPERATION_REQUEST);
	assert_memory_not_equal(after.root, before.root, SHA256_SIZE);
	add_product(w, ERR_SYNTAX);
	assert_int_equal(head_of(w).size, before.size + 2);
	assert_int_equal(last_kind(w), OPERATION_REFUSAL);
	number = order_make(w, 0, 10, 1, 4);
	good(order_go(w, number, 1, &diag), &diag);
	/* order, start, status of two logs, stop */
	assert_int_equal(head_of(w).size, before.size + 7);
	assert_int_equal(last_kind(w), OPERATION_STOP);
	good(operation_replay(w->authority, NULL, NULL, &diag), &diag);
}

/* What is changed behind the authority's back is seen, and where. */
static void
test_altered(void **state)
{
	static const struct {
		const char	*sql;
		enum err	 unlock;	/* else the replay */
		const char	*words;
	} table[] = {
		{ "UPDATE meta SET value = zeroblob(length(value)) "
		    "WHERE name = 'operations-head'", ERR_CORRUPT, "head" },
		{ "DELETE FROM meta WHERE name = 'operations-head'",
		    ERR_CORRUPT, "head" },
		/* as if of schema 1: it would begin anew */
		{ "DELETE FROM meta WHERE name = 'operations-head' OR "
		    "name LIKE 'published-%'; DELETE FROM operation; "
		    "DELETE FROM status; UPDATE log SET size = 0, "
		    "reserved = 0, frontier = x'', checkpoint = x'' "
		    "WHERE name = 'operations'", ERR_CORRUPT, "gone" },
		{ "UPDATE log SET size = 2, reserved = 2 "
		    "WHERE name = 'operations'", ERR_CORRUPT, "tree" },
		{ "UPDATE operation SET entry = (SELECT entry FROM operation "
		    "WHERE seq = 1) WHERE seq = 2", ERR_OK, "entry 2" },
		{ "UPDATE operation SET time = time + 1 WHERE seq = 3",
		    ERR_OK, "entry 3" },
		{ "DELETE FROM operation WHERE seq = 4", ERR_OK, "entry 4" },
		{ "DELETE FROM operation WHERE seq = (SELECT max(seq) FROM "
		    "operation)", ERR_OK, "head" },
		{ "DELETE FROM object WHERE kind = 3 AND name = 'line-1'",
		    ERR_CORRUPT, "objects" },
		{ "UPDATE object SET created = created + 1 "
		    "WHERE kind = 3 AND name = 'line-1'", ERR_OK, "altered" },
		{ "INSERT INTO object (kind, name, version, hash, created, "
		    "body) SELECT kind, 'line-9', version, hash, created, "
		    "body FROM object WHERE kind = 3 LIMIT 1",
		    ERR_CORRUPT, "objects" },
		{ "UPDATE object SET seq = seq + 1 WHERE seq = (SELECT "
		    "max(seq) FROM object)", ERR_CORRUPT, "objects" },
		{ "INSERT INTO status VALUES (1, 0, 5, 1, 0, 0, 0)", ERR_OK,
		    "status" },
		{ "UPDATE log SET reserved = reserved + 5 WHERE log = 1",
		    ERR_OK, "ranges" },
		{ "UPDATE log SET reserved = 5 WHERE log = 2", ERR_OK,
		    "ranges" },
		{ "DELETE FROM orders", ERR_OK, "orders" },
		{ "UPDATE orders SET count = count + 1", ERR_OK, "order 1" },
		{ "UPDATE orders SET committed = committed + 1", ERR_OK,
		    "progress" },
		{ "UPDATE orders SET state = 2", ERR_OK, "progress" },
		{ "UPDATE pack SET committed = committed + 1", ERR_OK,
		    "progress" },
		{ "UPDATE pack SET chunks = chunks + 1", ERR_OK,
		    "progress" },
		{ "UPDATE pack SET complete = 1", ERR_OK, "progress" },
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		struct diag diag = DIAG_INIT;

		world_copy(w, io_posix());
		assert_int_equal(order_make(w, 0, 10, 1, 4), 1);
		registry_change(w, table[i].sql);
		assert_int_equal(unlock(w, NOW, 0, &diag), table[i].unlock);
		if (table[i].unlock == ERR_OK)
			assert_int_equal(operation_replay(w->authority, NULL,
			    NULL, &diag), ERR_CORRUPT);
		if (strstr(diag.what, table[i].words) == NULL)
			fail_msg("%s: %s", table[i].sql, diag.what);
	}
}

static void
anchor_to(struct world *w, const char *path, enum anchor_kind kind,
    enum err want, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct anchor_place place = { .kind = kind };

	(void)snprintf(place.path, sizeof(place.path), "%s", path);
	assert_int_equal(request_put_anchor(&body, &place), ERR_OK);
	assert_int_equal(submit(w, REQUEST_ANCHOR, buf_bytes(&body), &result,
	    diag), want);
}

static void
keep(struct world *w, const char *verb)
{
	world_close(w);
	if (strcmp(verb, "save") == 0)
		shell("rm -rf '%s/kept'; cp -a '%s' '%s/kept'", w->root,
		    w->dir, w->root);
	else
		shell("cd '%s' && rm -rf publish packs && "
		    "cp -a '%s/kept/registry.db' '%s/kept/publish' "
		    "'%s/kept/packs' .", w->dir, w->root, w->root, w->root);
	world_open(w, io_posix());
}

/* Ranges and progress: an order cannot be had twice, nor a range be another
 * than it was when its identities were signed. */
static void
test_rows(void **state)
{
	static const char *const table[] = {
		"UPDATE range SET template = 0",
		"UPDATE range SET seed = zeroblob(32)",
		"UPDATE range SET epoch = 9",
		"DELETE FROM range",
		"UPDATE range SET pack = 2",
		"UPDATE orders SET state = 1, committed = 0; UPDATE pack SET "
		    "committed = 0, length = 0, chunks = 0, complete = 0",
		"UPDATE orders SET state = 1, committed = 4; UPDATE range SET "
		    "state = 3 WHERE first = 4",
	};
	struct world *w = *state;
	uint32_t number;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		struct diag diag = DIAG_INIT;

		world_copy(w, io_posix());
		number = order_make(w, 0, 8, 1, 4);
		good(order_go(w, number, 1, &diag), &diag);
		number = order_make(w, 1, 8, 1, 4);
		registry_change(w, table[i]);
		assert_int_equal(order_go(w, i < 5 ? number : number - 1, 1,
		    &diag), ERR_CORRUPT);
		assert_non_null(strstr(diag.what, "ranges"));
		if (i < 5)
			assert_int_equal(operation_replay(w->authority, NULL,
			    NULL, NULL), ERR_CORRUPT);
	}
}

/* What refuses cannot be left behind by naming another place. */
static void
test_anchor_left(void **state)
{
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	char path[128], other[140];

	(void)snprintf(path, sizeof(path), "%s/anchor", w->root);
	(void)snprintf(other, sizeof(other), "%s.other", path);
	shell("rm -f '%s' '%s'", path, other);
	anchor_to(w, path, ANCHOR_FILE, ERR_OK, NULL);
	keep(w, "save");
	add_product(w, ERR_OK);
	keep(w, "restore");
	authority_accept(w->authority, AUTHORITY_ANCHOR);
	anchor_to(w, other, ANCHOR_FILE, ERR_CORRUPT, &diag);
	assert_non_null(strstr(diag.hint, "epoch begin"));
	anchor_to(w, "", ANCHOR_NONE, ERR_CORRUPT, NULL);
	/* a place that cannot be used is not taken */
	shell("cp '%s/kept/registry.db' '%s/'; rm '%s'", w->root, w->dir,
	    path);
	anchor_to(w, "/no/such/folder/anchor", ANCHOR_FILE, ERR_NOTFOUND,
	    NULL);
	anchor_to(w, "/bin/false", ANCHOR_COMMAND, ERR_CORRUPT, NULL);
	anchor_to(w, path, ANCHOR_FILE, ERR_OK, NULL);
	shell("rm -f '%s' '%s'", path, other);
}

/* A cancelled order that is made to look open again. */
static void
test_cancel_undone(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;

	cbor_put_uint(&body, order_make(w, 0, 10, 1, 0));
	good(submit(w, REQUEST_ORDER_CANCEL, buf_bytes(&body), &result,
	    &diag), &diag);
	good(operation_replay(w->authority, NULL, NULL, &diag), &diag);
	registry_change(w, "UPDATE orders SET state = 1");
	assert_int_equal(operation_replay(w->authority, NULL, NULL, &diag),
	    ERR_CORRUPT);
	assert_non_null(strstr(diag.what, "cancelled"));
}

static void
test_clock(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct operation operation;

	/* the ecosystem's own first certificate is of NOW: go on from later */
	registry_change(w, "UPDATE meta SET value = value");
	good(store_begin(w->authority->store, &diag), &diag);
	cbor_put_null(&body);
	good(operation_append(w->authority, OPERATION_STOP, NOW + 100000,
	    buf_bytes(&body), &operation, &diag), &diag);
	good(store_commit(w->authority->store, &diag), &diag);
	assert_int_equal(unlock(w, NOW + 100000 - OPERATION_BACK_S, 0, &diag),
	    ERR_OK);
	assert_int_equal(unlock(w, NOW + 99999 - OPERATION_BACK_S, 0, &diag),
	    ERR_CLOCK);
	assert_non_null(strstr(diag.hint, "clock accept"));
	diag = (struct diag)DIAG_INIT;
	assert_int_equal(unlock(w, NOW + 100001 + OPERATION_AHEAD_S, 0,
	    &diag), ERR_CLOCK);
	diag = (struct diag)DIAG_INIT;
	good(unlock(w, NOW, AUTHORITY_CLOCK, &diag), &diag);
	/* a little behind: time does not go back in the log */
	good(operation_next(w->authority, NOW + 99999, &operation, &diag),
	    &diag);
	assert_int_equal(operation.time, NOW + 100000);
	/* set while it is open */
	good(operation_clock(w->authority, NOW + 100000, &diag), &diag);
	assert_int_equal(operation_clock(w->authority, NOW, NULL), ERR_CLOCK);
	assert_int_equal(operation_record(w->authority, OPERATION_STOP, NOW,
	    BYTES_NONE, NULL), ERR_CLOCK);
	assert_int_equal(operation_record(w->authority, OPERATION_STOP, NOW +
	    100001 + OPERATION_AHEAD_S, BYTES_NONE, NULL), ERR_CLOCK);
	assert_int_equal(head_of(w).time, NOW + 100000);
	/* accepted, it does, by a request on record */
	buf_clear(&body);
	cbor_put_int(&body, NOW);
	authority_accept(w->authority, AUTHORITY_CLOCK);
	good(submit(w, REQUEST_CLOCK, buf_bytes(&body), &result, &diag),
	    &diag);
	assert_int_equal(head_of(w).time, NOW);
	good(unlock(w, NOW, 0, &diag), &diag);
}

static void
test_anchor_file(void **state)
{
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct anchor anchor;
	char path[128];
	uint32_t number;

	(void)snprintf(path, sizeof(path), "%s/anchor", w->root);
	shell("rm -f '%s'", path);
	anchor_to(w, "relative", ANCHOR_FILE, ERR_INVALID, NULL);
	anchor_to(w, path, ANCHOR_FILE, ERR_OK, &diag);
	assert_null(authority_warning(w->authority));
	good(anchor_read(w->authority, path, &anchor, &diag), &diag);
	assert_int_equal(anchor_log(&anchor, "operations")->size,
	    head_of(w).size);
	good(unlock(w, NOW, 0, &diag), &diag);
	keep(w, "save");
	number = order_make(w, 0, 10, 1, 4);
	good(order_go(w, number, 1, &diag), &diag);
	good(anchor_read(w->authority, path, &anchor, &diag), &diag);
	assert_int_equal(anchor_log(&anchor, "bulk")->size, 10);
	good(unlock(w, NOW, 0, &diag), &diag);
	/* ahead of the anchor is fine; it was there */
	shell("cp '%s' '%s.old'", path, path);
	add_product(w, ERR_OK);
	shell("cp '%s' '%s.new'; cp '%s.old' '%s'", path, path, path, path);
	good(unlock(w, NOW, 0, &diag), &diag);
	shell("cp '%s.new' '%s'", path, path);
	/* an older registry is not */
	keep(w, "restore");
	assert_int_equal(unlock(w, NOW, 0, &diag), ERR_CORRUPT);
	assert_non_null(strstr(diag.what, "older"));
	assert_non_null(strstr(diag.hint, "epoch begin"));
	/* nor is one that went another way from there */
	diag = (struct diag)DIAG_INIT;
	number = order_make(w, 1, 20, 1, 4);
	good(order_go(w, number, 1, &diag), &diag);
	shell("cp '%s.new' '%s'", path, path);
	assert_int_equal(unlock(w, NOW, 0, &diag), ERR_CORRUPT);
	assert_non_null(strstr(diag.what, "not the one"));
	diag = (struct diag)DIAG_INIT;
	shell("rm '%s'", path);
	assert_int_equal(unlock(w, NOW, 0, &diag), ERR_NOTFOUND);
	assert_non_null(strstr(diag.hint, "anchor set"));
	shell("echo nonsense > '%s'", path);
	assert_int_equal(unlock(w, NOW, 0, NULL), ERR_SYNTAX);
	/* what is not ours is not written over */
	anchor_to(w, path, ANCHOR_FILE, ERR_SYNTAX, NULL);
	shell("rm -f '%s' '%s.old' '%s.new'", path, path, path);
}

/* A program keeps the sizes it saw, and refuses smaller ones. */
static void
test_anchor_program(void **state)
{
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/keeper", w->root);
	shell("printf '#!/bin/sh\\nset -e\\nn=$(sed -n \"s/^log operations "
	    "\\\\([0-9]*\\\\) .*/\\\\1/p\")\\n[ \"$n\" -ge \"$(cat %s.n || "
	    "echo 0)\" ]\\n[ $1 = check ] || echo $n > %s.n\\n' > %s; "
	    "chmod +x %s; echo 0 > %s.n", path, path, path, path, path);
	anchor_to(w, path, ANCHOR_COMMAND, ERR_OK, &diag);
	assert_null(authority_warning(w->authority));
	keep(w, "save");
	good(unlock(w, NOW, 0, &diag), &diag);
	add_product(w, ERR_OK);
	good(unlock(w, NOW, 0, &diag), &diag);
	keep(w, "restore");
	assert_int_equal(unlock(w, NOW, 0, &diag), ERR_CORRUPT);
	assert_non_null(strstr(diag.what, "refuses"));
	/* what was carried out stays so when the program fails then */
	shell("rm '%s'", path);
	add_product(w, ERR_OK);
	assert_non_null(authority_warning(w->authority));
	assert_int_equal(unlock(w, NOW, 0, NULL), ERR_IO);
	shell("rm -f '%s.n'", path);
}

/* The way on: nothing is used twice, what was seen is suspended. */
static void
test_epoch(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct store_status row;
	struct store_log log;
	enum status status;
	uint32_t number;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/anchor", w->root);
	shell("rm -f '%s'", path);
	anchor_to(w, path, ANCHOR_FILE, ERR_OK, &diag);
	number = order_make(w, 0, 6, 1, 4);
	good(order_go(w, number, 1, &diag), &diag);
	keep(w, "save");
	number = order_make(w, 0, 10, 1, 4);
	good(order_go(w, number, 1, &diag), &diag);
	keep(w, "restore");
	assert_int_equal(unlock(w, NOW, 0, NULL), ERR_CORRUPT);
	assert_int_equal(request_put_epoch(&body, "disk lost",
	    BYTES_NONE, 0), ERR_OK);
	good(submit(w, REQUEST_EPOCH, buf_bytes(&body), &result, &diag),
	    &diag);
	assert_int_equal(number_of(buf_bytes(&result)), 2);
	assert_int_equal(head_of(w).epoch, 2);
	good(unlock(w, NOW, 0, &diag), &diag);
	good(store_log_by_name(w->authority->store, "bulk", &log, &diag),
	    &diag);
	assert_int_equal(log.size, log.reserved);
	assert_true(log.size >= 16 + 66 * CHUNK_SIZE);
	good(status_get(w->authority, 1, 5, &status, &row, &diag), &diag);
	assert_int_equal(status, STATUS_VALID);
	good(status_get(w->authority, 1, 6, &status, &row, &diag), &diag);
	assert_int_equal(status, STATUS_SUSPENDED);
	good(status_get(w->authority, 1, 15, &status, &row, &diag), &diag);
	assert_int_equal(status, STATUS_SUSPENDED);
	good(status_get(w->authority, 1, 16, &status, &row, &diag), &diag);
	assert_int_equal(status, STATUS_REVOKED);
	number = order_make(w, 0, 10, 1, 4);
	good(order_go(w, number, 1, &diag), &diag);
	good(operation_replay(w->authority, NULL, NULL, &diag), &diag);
	shell("rm -f '%s'", path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_entries, world_fresh),
		cmocka_unit_test_setup(test_altered, world_fresh),
		cmocka_unit_test_setup(test_rows, world_fresh),
		cmocka_unit_test_setup(test_anchor_left, world_fresh),
		cmocka_unit_test_setup(test_cancel_undone, world_fresh),
		cmocka_unit_test_setup(test_clock, world_fresh),
		cmocka_unit_test_setup(test_anchor_file, world_fresh),
		cmocka_unit_test_setup(test_anchor_program, world_fresh),
		cmocka_unit_test_setup(test_epoch, world_fresh),
	};

	return cmocka_run_group_tests(tests, world_make, world_free);
}
