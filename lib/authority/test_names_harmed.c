/* Names in a registry that somebody wrote to, on a bad disk, after a loss. */
#include "lib/authority/test_names.h"

#include "lib/authority/operation.h"
#include "tests/support/io_fault.h"

#define CSV	"serial-number,tag\nA1,T1\nA2,T2\nA3,T3\nA4,T4\nA5,T5\n"
#define NAMES	"{kind: serial-number, from: order-csv}, " \
		"{kind: tag, from: order-csv}, " \
		"{kind: mac, from: range, type: mac, " \
		"first: \"02:00:5e:10:00:00\", last: \"02:00:5e:10:ff:ff\"}"
#define ISSUED	5	/* of order 1; order 2 is open, order 3 another's */

/* Order 1 is issued, order 2 is not; of order 3's names one is like order
 * 2's. */
static int
orders_make(void **state)
{
	struct world *w;
	uint8_t meter[SHA256_SIZE];

	if (world_make(state) != 0)
		return -1;
	w = *state;
	world_open(w, io_posix());
	product_make(w, "meter", NAMES, meter);
	order_done(w, order_named(w, meter, ISSUED, CSV, 2));
	(void)order_named(w, meter, 3, "serial-number,tag\nB1,U1\nB2,U2\n"
	    "B3,U3\n", 2);
	(void)order_named(w, meter, 1, "serial-number,tag\nC1,V1\n", 0);
	world_close(w);
	return 0;
}

static enum err
identity_get(struct world *w, uint64_t index, struct diag *diag)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct address address = { LOG_BULK_NUMBER, index };
	const struct template *template;
	struct identity identity;
	struct store_range range;

	good(lookup_new(w->authority, &lookup, NULL), NULL);
	return lookup_get(lookup, &address, &identity, &range, &template,
	    diag);
}

/* What is tried: identity 4, its name, order 2, order 1 once more. */
enum { GET = 1, FIND = 2, RUN = 4, AGAIN = 8 };

static const struct {
	const char	*sql;
	unsigned	 fails;
	const char	*what;
} harms[] = {
	{ "UPDATE name_block SET body = CAST(x'0002415a' || "
	    "substr(body, 5) AS BLOB) WHERE block = 0", GET | FIND,
	    "names of order 1, block 0: altered" },
	{ "UPDATE name_block SET body = x'00' WHERE block = 0", GET,
	    "block 0: altered" },
	{ "UPDATE name_block SET body = x'' WHERE block = 0", GET,
	    "block 0: altered" },
	{ "UPDATE name_block SET body = (SELECT body FROM name_block "
	    "WHERE block = 1) WHERE block = 0", GET, "altered" },
	{ "UPDATE name_block SET order_number = 3 WHERE block = 0", GET,
	    "altered" },
	{ "UPDATE name_block SET body = CAST(substr(body, 1, length(body) - "
	    "1) || " SQL_OTHER("substr(body, -1)")
	    " AS BLOB) WHERE block = 1", RUN,
	    "names of order 2, block 1: altered" },
	{ "UPDATE name_block SET body = (SELECT body FROM name_block "
	    "WHERE block = 2) WHERE block = 1", RUN, "altered" },
	{ "DELETE FROM name_block WHERE block = 1", RUN, "no block 1" },
	/* another file in place of the one that was signed for */
	{ "UPDATE name_file SET hash = zeroblob(32) WHERE order_number = 2",
	    RUN, "not what was ordered" },
	{ "UPDATE name_file SET lines = 4 WHERE order_number = 2", RUN,
	    "not what was ordered" },
	{ "DELETE FROM name_file WHERE order_number = 2", RUN,
	    "not what was ordered" },
	{ "UPDATE name_file SET first = 2 WHERE order_number = 2", RUN,
	    "altered" },
	/* an identity gets another's names */
	{ "UPDATE name_part SET first = first + 1 WHERE pool = 0 AND "
	    "range = 4", GET, "end before their time" },
	{ "UPDATE name_part SET first = first + 7 WHERE pool <> 0 AND "
	    "range = 4", GET, "not what was issued" },
	{ "DELETE FROM name_part WHERE pool = 0 AND range = 4", GET,
	    "has not the names it took" },
	{ "DELETE FROM name_part WHERE pool <> 0 AND range = 4", GET,
	    "has not the names it took" },
	{ "UPDATE name_part SET count = 3 WHERE pool = 0 AND range = 4", GET,
	    "has not the names it took" },
	/* an order that begins anew */
	{ "UPDATE orders SET committed = 0, state = 1 WHERE number = 1; "
	    "UPDATE pack SET committed = 0, length = 0, chunks = 0, "
	    "complete = 0 WHERE order_number = 1", AGAIN,
	    "progress" },
	/* what a block gave is given again */
	{ "DELETE FROM name_part WHERE pool <> 0", RUN,
	    "ranges or the names they took are not those" },
	{ "UPDATE name_part SET first = first + 100 WHERE pool <> 0", RUN,
	    "ranges or the names they took are not those" },
};

static void
test_harmed(void **state)
{
	struct world *w = *state;
	enum address_kind kind;
	struct address address;
	size_t i;

	for (i = 0; i < COUNT(harms); i++) {
		struct diag diag = DIAG_INIT;
		enum err err = ERR_OK;

		world_copy(w, io_posix());
		registry_change(w, harms[i].sql);
		if (harms[i].fails & GET)
			err = identity_get(w, 4, &diag);
		else if (harms[i].fails & RUN)
			err = order_go(w, 2, 1, &diag);
		else
			err = order_go(w, 1, 1, &diag);
		if ((err != ERR_CORRUPT && err != ERR_NOTFOUND) ||
		    strstr(diag.what, harms[i].what) == NULL)
			fail_msg("%s: %s: %s", harms[i].sql, err_name(err),
			    diag.what);
		if ((harms[i].fails & FIND) == 0)
			continue;
		assert_int_equal(lookup_find(w->authority, "A5", &address,
		    &kind, NULL), ERR_CORRUPT);
	}
}

/* What leads to names, and from where, is summed too. */
static void
test_rows(void **state)
{
	static const char *const changes[] = {
		"DELETE FROM name_key WHERE key = (SELECT max(key) "
		    "FROM name_key)",
		"UPDATE name_key SET key = key + 1 WHERE key = (SELECT "
		    "max(key) FROM name_key)",
		"INSERT INTO name_key VALUES (7)",
		"UPDATE name_file SET first = 2 WHERE order_number = 2",
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(changes); i++) {
		struct diag diag = DIAG_INIT;

		world_copy(w, io_posix());
		good(operation_replay(w->authority, NULL, NULL, &diag),
		    &diag);
		registry_change(w, changes[i]);
		if (operation_replay(w->authority, NULL, NULL, &diag) !=
		    ERR_CORRUPT || strstr(diag.what, "names") == NULL)
			fail_msg("%s: %s", changes[i], diag.what);
	}
}

/* A name that leads to another identity than its own is told. */
static void
test_led_astray(void **state)
{
	static const struct {
		const char	*sql, *word;
	} cases[] = {
		{ "UPDATE name_part SET range = CASE range WHEN 0 THEN 2 "
		    "ELSE 0 END WHERE pool = 0 AND range IN (0, 2)", "A1" },
		{ "UPDATE name_part SET range = CASE range WHEN 0 THEN 2 "
		    "ELSE 0 END WHERE pool <> 0 AND range IN (0, 2)",
		    "02:00:5e:10:00:02" },
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		world_copy(w, io_posix());
		registry_change(w, cases[i].sql);
		found_not(w, cases[i].word, ERR_CORRUPT, "");
	}
}

/* The check of the whole file looks at names too. */
static void
test_check(void **state)
{
	struct world *w = *state;

	good(store_check(w->authority->store, NULL), NULL);
	registry_change(w, "UPDATE name_part SET range = 1 WHERE range = 2");
	assert_int_equal(store_check(w->authority->store, NULL),
	    ERR_CORRUPT);
}

static uint64_t
block_next(struct world *w, const char *names)
{
	uint8_t hash[SHA256_SIZE];
	struct store_object object;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct product product;
	uint64_t left = 0;

	product_make(w, "probe", names, hash);
	good(authority_object_by_hash(w->authority, STORE_PRODUCT, hash,
	    &body, &object, NULL), NULL);
	good(product_decode(object.body, &product, NULL), NULL);
	good(names_left(w->authority, &product.names[0], &left, NULL), NULL);
	return product.names[0].last - product.names[0].first + 1 - left;
}

/* Lost identities may have taken from every block: as often as the product
 * that takes most does, whatever the number of products. */
static void
test_burn(void **state)
{
#define BLOCK(kind, last) "{kind: " kind ", from: range, type: mac, " \
	"first: \"02:00:5e:40:00:00\", last: \"02:00:5e:40:00:" last "\"}"
	struct world *w = *state;
	uint8_t hash[SHA256_SIZE];

	product_make(w, "one", BLOCK("mac", "ff"), hash);
	product_make(w, "two", BLOCK("mac", "ff") ", " BLOCK("wifi", "ff"),
	    hash);
	product_make(w, "three", BLOCK("bt", "ff"), hash);
	good(store_begin(w->authority->store, NULL), NULL);
	good(names_burn(w->authority, LOG_BULK_NUMBER, 1000, 10, NULL), NULL);
	good(store_commit(w->authority->store, NULL), NULL);
	assert_int_equal(block_next(w, BLOCK("mac", "ff")), 20);
	good(store_begin(w->authority->store, NULL), NULL);
	good(names_burn(w->authority, LOG_BULK_NUMBER, 2000, 200, NULL),
	    NULL);
	good(store_commit(w->authority->store, NULL), NULL);
	assert_int_equal(block_next(w, BLOCK("mac", "ff")), 256);
	good(store_begin(w->authority->store, NULL), NULL);
	good(names_burn(w->authority, LOG_BULK_NUMBER, 3000, 5, NULL), NULL);
	good(store_commit(w->authority->store, NULL), NULL);
}

/* A disk that fails at the n-th operation of an order with a file: either
 * all of it is there or nothing, and it can be made again. */
static void
order_fault(struct world *w, enum io_fault_kind kind, unsigned long at,
    bool *ret_struck)
{
	const struct io_fault_plan plan = { .kind = kind, .at = at };
	struct io *io = io_fault_new(&plan);
	struct store_name_file file;
	struct store_order order;
	struct diag diag = DIAG_INIT;
	uint8_t meter[SHA256_SIZE];
	uint32_t number = 0;
	enum err err;

	assert_non_null(io);
	world_copy(w, io_posix());
	product_make(w, "tags", "{kind: tag, from: order-csv}", meter);
	err = world_try(w, io, &diag);
	if (!err)
		err = order_try(w, meter, 3, "tag\nx\ny\nz\n", &number,
		    &diag);
	*ret_struck = err != ERR_OK;
	world_close(w);
	io_fault_free(io);
	world_open(w, io_posix());
	if (store_order_get(w->authority->store, 4, &order, NULL) != ERR_OK) {
		assert_true(err != ERR_OK);
		assert_int_equal(store_name_file_get(w->authority->store, 4,
		    &file, NULL), ERR_NOTFOUND);
		found_not(w, "tag=x", ERR_NOTFOUND, "no index, UEID");
		number = order_named(w, meter, 3, "tag\nx\ny\nz\n", 0);
		assert_int_equal(number, 4);
	}
	order_done(w, 4);
	found_at(w, "tag=z", 7);
}

static void
test_faults(void **state)
{
	static const enum io_fault_kind kinds[] = { IO_FAULT_ENOSPC,
	    IO_FAULT_EIO };
	struct world *w = *state;
	unsigned long at;
	bool struck;
	size_t i;

	for (i = 0; i < COUNT(kinds); i++) {
		struck = true;
		for (at = 1; struck && at < 400; at += 3)
			order_fault(w, kinds[i], at, &struck);
		assert_false(struck);
		assert_true(at > 10);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_harmed),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_led_astray),
		cmocka_unit_test_setup(test_check, world_fresh),
		cmocka_unit_test_setup(test_burn, world_fresh),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, orders_make, world_free);
}
