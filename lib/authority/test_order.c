#include "lib/authority/test_world.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/authority/lookup.h"
#include "lib/authority/rows.h"
#include "lib/identity/pack.h"
#include "lib/log/checkpoint.h"
#include "lib/log/entry.h"
#include "tests/support/io_fault.h"

static void
pack_path(struct world *w, uint32_t order, uint32_t no, bool complete,
    char path[PATH_SIZE])
{
	assert_int_equal(authority_pack_path(w->authority, order, no,
	    complete, path, NULL), ERR_OK);
}

static struct store_order
order_get(struct world *w, uint32_t number)
{
	struct store_order order;

	assert_int_equal(store_order_get(w->authority->store, number, &order,
	    NULL), ERR_OK);
	return order;
}

/* All ranges of the log, and what they add up to. */
struct ranges {
	struct store_range	range[512];
	size_t			count;
	uint64_t		committed, voided, reserved;
};

static enum err
on_range(void *ctx, const struct store_range *range)
{
	struct ranges *all = ctx;

	assert_true(all->count < COUNT(all->range));
	all->range[all->count++] = *range;
	if (range->state == RANGE_COMMITTED)
		all->committed += range->count;
	else if (range->state == RANGE_VOID)
		all->voided += range->count;
	else
		all->reserved += range->count;
	return ERR_OK;
}

static void
ranges_get(struct world *w, struct ranges *all)
{
	*all = (struct ranges){ .count = 0 };
	assert_int_equal(store_range_each(w->authority->store,
	    LOG_BULK_NUMBER, 0, 0, on_range, all, NULL), ERR_OK);
}

/* What an order's ranges must say of one pack, read from the file itself. */
static void
check_chunks(const struct ranges *all, uint32_t order,
    const struct store_pack *row, struct pack *pack)
{
	const struct store_range *range;
	const struct pack_chunk *chunk;
	size_t i, n = 0;

	for (i = 0; i < all->count; i++) {
		range = &all->range[i];
		if (range->order != order || range->pack != row->no ||
		    range->state != RANGE_COMMITTED)
			continue;
		assert_true(n < pack_chunk_count(pack));
		chunk = pack_chunk_at(pack, n);
		assert_int_equal(range->chunk, n);
		assert_int_equal(chunk->first, range->first);
		assert_int_equal(chunk->count, range->count);
		assert_int_equal(chunk->offset, range->pack_offset);
		assert_int_equal(chunk->length, range->pack_length);
		assert_memory_equal(chunk->hash, range->chunk_hash, 32);
		n++;
	}
	assert_int_equal(n, pack_chunk_count(pack));
	assert_int_equal(n, row->chunks);
}

/* A package holds the document that the registry rebuilds. */
static void
check_package(struct world *w, struct lookup *lookup, struct pack *pack,
    uint64_t position)
{
	_cleanup_secret_ struct secret package = SECRET_INIT;
	size_t station = (pack_header(pack)->number - 1) % STATIONS;
	struct address address = { LOG_BULK_NUMBER, 0 };
	const struct template *template;
	struct diag diag = DIAG_INIT;
	struct identity identity;
	struct store_range range;
	struct cbor cbor;

	good(pack_open_package(pack, position, bytes_of(w->station[station],
	    KEY_PRIVATE_SIZE), &address.index, &package, &diag), &diag);
	good(lookup_get(lookup, &address, &identity, &range, &template,
	    &diag), &diag);
	cbor_open(&cbor, secret_bytes(&package));
	cbor_get_array_sized(&cbor, 5);
	cbor_skip(&cbor);
	cbor_skip(&cbor);
	assert_true(bytes_equal(cbor_get_bstr(&cbor), identity.document));
	assert_int_equal(cbor_get_array(&cbor), template->slot_count);
	assert_true(cbor_ok(&cbor));
}

static void
check_pack(struct world *w, const struct store_order *order, uint32_t no,
    const struct ranges *all, struct lookup *lookup)
{
	_cleanup_pack_ struct pack *pack = NULL;
	struct diag diag = DIAG_INIT;
	struct authority_signer signer;
	struct store_pack row;
	char path[PATH_SIZE];
	uint64_t i, step;

	good(store_pack_get(w->authority->store, order->number, no, &row,
	    &diag), &diag);
	assert_true(row.complete);
	assert_int_equal(row.count, order->count / order->packs +
	    (no <= order->count % order->packs));
	assert_int_equal(row.committed, row.count);
	pack_path(w, order->number, no, false, path);
	assert_false(io_exists(io_posix(), path));
	pack_path(w, order->number, no, true, path);
	good(signer_current(w->authority, &signer, &diag), &diag);
	good(pack_open(io_posix(), path, &signer.key, 1, &pack, &diag),
	    &diag);
	good(pack_check(pack, NULL, NULL, &diag), &diag);
	assert_int_equal(pack_header(pack)->count, row.count);
	assert_int_equal(pack_header(pack)->number, no);
	assert_int_equal(pack_header(pack)->order_number, order->number);
	assert_memory_equal(pack_header(pack)->binding.pack, row.id, 16);
	assert_memory_equal(pack_header(pack)->binding.order, order->id, 16);
	assert_int_equal(pack_header(pack)->cert_count, 3);
	check_chunks(all, order->number, &row, pack);
	step = row.count / 16 + 1;
	for (i = 0; i < row.count; i += step)
		check_package(w, lookup, pack, i);
	check_package(w, lookup, pack, row.count - 1);
}

/* The leaf of any index: stored, or that of a void entry. */
static void
leaf_of(struct world *w, const struct store_range *range, uint64_t index,
    struct sha256 *sha256, uint8_t leaf[SHA256_SIZE])
{
	_cleanup_buf_ struct buf entry = BUF_INIT;

	if (range->state == RANGE_COMMITTED) {
		assert_int_equal(store_entry_get(w->authority->store,
		    range->log, index, &entry, leaf, NULL), ERR_OK);
		return;
	}
	assert_int_equal(range->state, RANGE_VOID);
	log_entry_put(&entry, LOG_ENTRY_VOID, index, EVIDENCE_ORDER,
	    BYTES_NONE);
	assert_int_equal(merkle_leaf(sha256, buf_bytes(&entry), leaf),
	    ERR_OK);
}

/* Ranges follow one another; their leaves give the checkpoint's root. */
static void
check_log(struct world *w, const struct ranges *all)
{
	_cleanup_buf_ struct buf note = BUF_INIT, file = BUF_INIT;
	_cleanup_buf_ struct buf frontier = BUF_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t leaf[SHA256_SIZE], root[SHA256_SIZE];
	struct merkle tree = MERKLE_INIT;
	struct checkpoint checkpoint;
	struct diag diag = DIAG_INIT;
	char path[PATH_SIZE];
	struct public_key key;
	struct store_log log;
	uint64_t index = 0;
	size_t i;

	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	for (i = 0; i < all->count; i++) {
		assert_int_equal(all->range[i].first, index);
		for (; index < all->range[i].first + all->range[i].count;
		    index++) {
			leaf_of(w, &all->range[i], index, sha256, leaf);
			assert_int_equal(merkle_append(&tree, sha256, leaf,
			    1), ERR_OK);
		}
	}
	good(store_log_get(w->authority->store, LOG_BULK_NUMBER, &log,
	    &frontier, &note, &diag), &diag);
	assert_int_equal(log.reserved, index);
	assert_int_equal(log.size, index);
	assert_int_equal(merkle_root(&tree, sha256, root), ERR_OK);
	good(keystore_public(w->authority->keystore, KEY_LOG, &key, &diag),
	    &diag);
	good(checkpoint_verify(buf_bytes(&note), &key, &checkpoint, &diag),
	    &diag);
	assert_int_equal(checkpoint.size, index);
	assert_memory_equal(checkpoint.root, root, SHA256_SIZE);
	assert_string_equal(checkpoint.origin, "pki.example.net/log/bulk");
	assert_int_equal(authority_path(w->authority,
	    "publish/log/bulk/checkpoint", path, NULL), ERR_OK);
	good(io_read_file(io_posix(), path, &file, &diag), &diag);
	assert_true(bytes_equal(buf_bytes(&file), buf_bytes(&note)));
}

/* Registry, log, packs and checkpoint of a complete order agree. */
static void
check_complete(struct world *w, uint32_t number, struct ranges *all)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct store_order order = order_get(w, number);
	struct diag diag = DIAG_INIT;
	uint32_t no;

	assert_int_equal(order.state, ORDER_COMPLETE);
	assert_int_equal(order.committed, order.count);
	ranges_get(w, all);
	assert_int_equal(all->reserved, 0);
	check_log(w, all);
	good(lookup_new(w->authority, &lookup, &diag), &diag);
	for (no = 1; no <= order.packs; no++)
		check_pack(w, &order, no, all, lookup);
}

static void
test_sizes(void **state)
{
	static const struct {
		size_t		product, packs;
		uint64_t	count;
		unsigned	workers, chunk;
		size_t		ranges;
	} table[] = {
		{ 0, 1, 1, 1, 0, 1 }, { 0, 1, 1023, 2, 0, 1 },
		{ 1, 1, 1024, 1, 0, 1 }, { 0, 1, 1025, 3, 0, 2 },
		{ 0, 3, 2500, 4, 0, 3 }, { 2, 2, 77, 2, 0, 2 },
		{ 0, 3, 3, 4, 0, 3 }, { 0, 2, 5, 0, 1, 5 },
		{ 0, 1, 200, 3, 7, 29 }, { 0, 3, 100, 1, 4, 27 },
		{ METER, 1, 1, 1, 0, 1 }, { METER, 1, 1025, 3, 0, 2 },
		{ METER, 3, 100, 2, 7, 15 }, { METER, 2, 5, 0, 1, 5 },
		{ METER, 1, 1500, 1, 1000, 2 },
	};
	struct world *w = *state;
	struct ranges all;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		struct diag diag = DIAG_INIT;
		uint32_t number;

		world_copy(w, io_posix());
		number = order_make(w, table[i].product, table[i].count,
		    table[i].packs, table[i].chunk);
		assert_int_equal(number, 1);
		good(order_go(w, number, table[i].workers, &diag), &diag);
		check_complete(w, number, &all);
		assert_int_equal(all.committed, table[i].count);
		assert_int_equal(all.voided, 0);
		assert_int_equal(all.count, table[i].ranges);
	}
}

/* One after another in one log. */
static void
test_several_orders(void **state)
{
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	uint32_t one, two, three;
	struct ranges all;

	one = order_make(w, 0, 20, 1, 8);
	two = order_make(w, 2, 10, 2, 8);
	three = order_make(w, METER, 30, 1, 8);
	good(order_go(w, two, 2, &diag), &diag);
	good(order_go(w, one, 2, &diag), &diag);
	good(order_go(w, three, 2, &diag), &diag);
	check_complete(w, one, &all);
	check_complete(w, two, &all);
	check_complete(w, three, &all);
	assert_int_equal(all.committed, 60);
}

static uint64_t
file_identity(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_mtim.tv_nsec ^ ((uint64_t)st.st_ino << 32) ^
	    (uint64_t)st.st_size;
}

static void
test_second_run(void **state)
{
	const struct io_fault_plan plan = { .kind = IO_FAULT_NONE };
	struct world *w = *state;
	struct io *io = io_fault_new(&plan);
	struct diag diag = DIAG_INIT;
	char path[PATH_SIZE];
	unsigned long count;
	uint32_t number;
	uint64_t before;

	number = order_make(w, 0, 20, 1, 8);
	good(order_go(w, number, 2, &diag), &diag);
	pack_path(w, number, 1, true, path);
	before = file_identity(path);
	world_open(w, io);
	count = io_fault_count(io);
	good(order_go(w, number, 2, &diag), &diag);
	assert_int_equal(io_fault_count(io), count);	/* nothing at all */
	assert_int_equal(file_identity(path), before);
	world_close(w);
	io_fault_free(io);
}

/* Stops after so many askings; flicker: it has forgotten soon after. */
struct stopper {
	unsigned	asked, at;
	bool		flicker;
};

static bool
on_stop(void *ctx)
{
	struct stopper *stopper = ctx;

	stopper->asked++;
	return stopper->flicker ? stopper->asked == stopper->at :
	    stopper->asked >= stopper->at;
}

static void
test_stop(void **state)
{
	struct world *w = *state;
	unsigned i, stopped = 0;
	struct ranges all;

	for (i = 0; i < 20; i++) {
		struct stopper stopper = { .at = 1 + i / 2 * 2,
		    .flicker = i % 2 == 1 };
		struct order_run run = { .workers = 1 + i % 3, .now = NOW,
		    .stop = on_stop, .ctx = &stopper };
		struct diag diag = DIAG_INIT;
		uint64_t committed;
		enum err err;

		world_copy(w, io_posix());
		run.number = order_make(w, 0, 100, 2, 8);
		err = authority_order_run(w->authority, &run, &diag);
		if (err == ERR_OK)	/* asked too late */
			goto complete;
		assert_int_equal(err, ERR_INTERRUPTED);
		assert_non_null(strstr(diag.hint, "order run"));
		stopped++;
		/* all that was made is committed, and in the checkpoint */
		ranges_get(w, &all);
		assert_int_equal(all.reserved, 0);
		check_log(w, &all);
		committed = all.committed;
		assert_int_equal(order_get(w, run.number).committed,
		    committed);
		assert_true(committed < 100);
		diag = (struct diag)DIAG_INIT;
		good(order_go(w, run.number, 2, &diag), &diag);
complete:
		check_complete(w, run.number, &all);
		assert_int_equal(all.committed, 100);
		assert_int_equal(all.voided, 0);
	}
	assert_true(stopped > 10);
}

static void
test_progress(void **state)
{
	struct world *w = *state;
	struct stopper stopper = { .at = 9 };
	struct order_run run = { .workers = 1, .now = NOW, .stop = on_stop,
	    .ctx = &stopper };
	struct ranges all;
	unsigned runs = 0;

	/* again and again: each run gets a little further */
	run.number = order_make(w, 2, 100, 3, 4);
	for (;;) {
		struct diag diag = DIAG_INIT;
		enum err err;

		stopper.asked = 0;
		err = authority_order_run(w->authority, &run, &diag);
		if (err == ERR_OK)
			break;
		assert_int_equal(err, ERR_INTERRUPTED);
		assert_true(++runs < 100);
	}
	assert_true(runs > 2);
	check_complete(w, run.number, &all);
	assert_int_equal(all.voided, 0);
}

static void
test_cancelled(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	uint32_t number;

	number = order_make(w, 0, 20, 1, 8);
	cbor_put_uint(&body, number);
	good(submit(w, REQUEST_ORDER_CANCEL, buf_bytes(&body), &result,
	    &diag), &diag);
	/* nothing was issued: no range is revoked with it */
	assert_true(bytes_equal(buf_bytes(&result), bytes_text("\x80")));
	assert_int_equal(order_go(w, number, 1, &diag), ERR_STATE);
	assert_true(diag.what[0] != '\0');
	assert_int_equal(order_get(w, number).committed, 0);
}

static void
test_refused(void **state)
{
	struct world *w = *state;
	struct order_run run = { .workers = 65, .now = NOW };
	struct diag diag = DIAG_INIT;

	assert_int_equal(order_go(w, 1, 1, NULL), ERR_NOTFOUND);
	run.number = order_make(w, 0, 20, 1, 8);
	assert_int_equal(authority_order_run(w->authority, &run, &diag),
	    ERR_INVALID);
	keys_take(w);
	diag = (struct diag)DIAG_INIT;
	assert_int_equal(order_go(w, run.number, 1, &diag), ERR_STATE);
	keys_give(w);
	diag = (struct diag)DIAG_INIT;
	good(order_go(w, run.number, 1, &diag), &diag);
}

enum harm { HARM_LOST, HARM_SHORT, HARM_EMPTY, HARM_LONGER, HARM_COUNT };

/* The growing pack is not as the registry knows it. */
static void
test_part_harmed(void **state)
{
	struct world *w = *state;
	struct ranges all;
	enum harm harm;

	for (harm = HARM_LOST; harm < HARM_COUNT; harm++) {
		struct stopper stopper = { .at = 6 };
		struct order_run run = { .workers = 1, .now = NOW,
		    .stop = on_stop, .ctx = &stopper };
		struct diag diag = DIAG_INIT;
		char path[PATH_SIZE];
		struct stat st;
		int fd;

		world_copy(w, io_posix());
		run.number = order_make(w, 0, 100, 1, 8);
		assert_int_equal(authority_order_run(w->authority, &run,
		    NULL), ERR_INTERRUPTED);
		pack_path(w, run.number, 1, false, path);
		assert_int_equal(stat(path, &st), 0);
		if (harm == HARM_LOST)
			assert_int_equal(unlink(path), 0);
		if (harm == HARM_SHORT)
			assert_int_equal(truncate(path, st.st_size - 1), 0);
		if (harm == HARM_EMPTY)
			assert_int_equal(truncate(path, 0), 0);
		if (harm == HARM_LONGER) {
			fd = open(path, O_WRONLY | O_APPEND);
			assert_int_equal(write(fd, "garbage", 7), 7);
			assert_int_equal(close(fd), 0);
			good(order_go(w, run.number, 2, &diag), &diag);
			check_complete(w, run.number, &all);
			continue;
		}
		assert_int_equal(order_go(w, run.number, 2, &diag),
		    ERR_CORRUPT);
		assert_non_null(strstr(diag.what, "order-1-1.pack.part"));
		assert_true(diag.hint[0] != '\0');
	}
}

/* What a crash between the last steps of a pack leaves behind. */
static void
test_end_interrupted(void **state)
{
	static const char *const undo[] = {
		/* renamed, but the registry did not say so yet */
		"UPDATE pack SET complete = 0 WHERE no = 1;"
		    "UPDATE orders SET state = 1",
		"UPDATE orders SET state = 1",
	};
	struct world *w = *state;
	struct ranges all;
	size_t i;

	for (i = 0; i < COUNT(undo); i++) {
		struct diag diag = DIAG_INIT;
		uint32_t number;

		world_copy(w, io_posix());
		number = order_make(w, 0, 20, 2, 8);
		good(order_go(w, number, 2, &diag), &diag);
		registry_change(w, undo[i]);
		good(order_go(w, number, 2, &diag), &diag);
		check_complete(w, number, &all);
		assert_int_equal(all.voided, 0);
	}
}

/* The registry's rows and the tree must fit together. */
static void
test_registry_harmed(void **state)
{
	static const char *const harm[] = {
		"UPDATE log SET frontier = x'00' WHERE log = 1",
		"UPDATE log SET frontier = x'' WHERE log = 1",
		"UPDATE log SET size = size - 1 WHERE log = 1",
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(harm); i++) {
		struct diag diag = DIAG_INIT;
		uint32_t number;

		world_copy(w, io_posix());
		number = order_make(w, 0, 20, 1, 8);
		good(order_go(w, number, 2, &diag), &diag);
		number = order_make(w, 0, 20, 1, 8);
		registry_change(w, harm[i]);
		assert_int_equal(order_go(w, number, 2, &diag), ERR_CORRUPT);
		assert_true(diag.what[0] != '\0');
	}
}

/* Whoever writes to the registry cannot change what was ordered. */
static void
test_record_harmed(void **state)
{
	static const char *const harm[] = {
		"UPDATE pack SET station = 'line-2' WHERE no = 1",
		"UPDATE pack SET count = count + 1 WHERE no = 1",
		"UPDATE pack SET id = zeroblob(16) WHERE no = 1",
		"UPDATE orders SET count = count + 1",
		"UPDATE orders SET packs = 1",
		"UPDATE orders SET chunk_size = 0",
		"UPDATE orders SET template = 2",
		"UPDATE orders SET log = 2",
		"UPDATE orders SET operator = 'eve'",
		"UPDATE orders SET product = zeroblob(32)",
		"UPDATE orders SET id = zeroblob(16)",
		"DELETE FROM object WHERE kind = 7",
		"UPDATE object SET body = zeroblob(200) WHERE kind = 7",
		"UPDATE object SET body = (SELECT body FROM object WHERE "
		    "kind = 3 AND name = 'line-2') WHERE kind = 3",
		"UPDATE object SET body = (SELECT body FROM object WHERE "
		    "kind = 6 AND name = '2') WHERE kind = 6",
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(harm); i++) {
		struct diag diag = DIAG_INIT;
		uint32_t number;
		enum err err;

		world_copy(w, io_posix());
		number = order_make(w, 0, 20, 2, 8);
		registry_change(w, harm[i]);
		err = order_go(w, number, 1, &diag);
		if (err != ERR_CORRUPT && err != ERR_NOTFOUND)
			fail_msg("%s: %s", harm[i], err_name(err));
		assert_true(diag.what[0] != '\0');
	}
}

/* What a run that was killed leaves. */
static void
leave_reserved(struct world *w, uint32_t count)
{
	struct store_range range = { .log = LOG_BULK_NUMBER, .count = count,
	    .epoch = EPOCH_FIRST, .template = 1, .issued = NOW,
	    .evidence = EVIDENCE_ORDER };
	struct diag diag = DIAG_INIT;

	good(store_begin(w->authority->store, &diag), &diag);
	good(store_range_reserve(w->authority->store, &range, &diag), &diag);
	good(rows_range_add(w->authority, &range, &diag), &diag);
	good(store_commit(w->authority->store, &diag), &diag);
}

/* Few digits are enough for few devices; beyond them no index is taken. */
static void
test_few_digits(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, hash = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct product product;
	struct ranges all;
	uint32_t one, two;

	product_body(product_files[0], &body);
	good(product_decode(buf_bytes(&body), &product, &diag), &diag);
	(void)snprintf(product.version, sizeof(product.version), "9");
	product.names[0].digits = 2;
	buf_clear(&body);
	good(product_encode(&product, &body), &diag);
	good(submit(w, REQUEST_PRODUCT_ADD, buf_bytes(&body), &hash, &diag),
	    &diag);
	one = order_of(w, hash.ptr, 60, 1, 0);
	two = order_of(w, hash.ptr, 20, 1, 8);
	good(order_go(w, one, 1, &diag), &diag);
	check_complete(w, one, &all);
	leave_reserved(w, 25);
	/* 85..92 fit, 93..100 do not */
	assert_int_equal(order_go(w, two, 2, &diag), ERR_LIMIT);
	assert_true(diag.hint[0] != '\0');
	ranges_get(w, &all);
	assert_int_equal(all.committed, 68);
	assert_int_equal(all.voided, 25);
	assert_int_equal(all.reserved, 0);
	check_log(w, &all);
}

/* One fault, at one operation: then the same program, or a new one, runs
 * the order again. */
static bool
fault_once(struct world *w, enum io_fault_kind kind, unsigned long at,
    struct ranges *all)
{
	const struct io_fault_plan plan = { .kind = kind, .at = at };
	struct io *io = io_fault_new(&plan);
	struct diag diag = DIAG_INIT;
	uint32_t number;
	bool failed;
	enum err err;

	world_copy(w, io_posix());
	number = order_make(w, at % 2 == 0 ? 0 : METER, 60, 2, 8);
	err = world_try(w, io, &diag);
	if (!err) {
		err = order_go(w, number, 2, &diag);
		if (err && err != ERR_IO && err != ERR_NOSPACE)
			fail_msg("fault %d at %lu: %s: %s", (int)kind, at,
			    err_name(err), diag.what);
	}
	failed = err != ERR_OK;
	assert_true((diag.what[0] != '\0') == failed);
	/* a fault of one moment: the same process may go on, or not */
	if (failed && w->authority != NULL && order_go(w, number, 2, NULL))
		failed = true;
	world_open(w, io_posix());
	io_fault_free(io);
	diag = (struct diag)DIAG_INIT;
	good(order_go(w, number, 2, &diag), &diag);
	check_complete(w, number, all);
	assert_int_equal(all->committed, 60);
	return failed;
}

static unsigned long
operations(struct world *w)
{
	const struct io_fault_plan plan = { .kind = IO_FAULT_NONE };
	struct io *io = io_fault_new(&plan);
	struct diag diag = DIAG_INIT;
	unsigned long count;
	uint32_t number;

	world_copy(w, io_posix());
	number = order_make(w, 0, 60, 2, 8);
	world_open(w, io);
	good(order_go(w, number, 2, &diag), &diag);
	count = io_fault_count(io);
	world_open(w, io_posix());
	io_fault_free(io);
	return count;
}

static void
test_faults(void **state)
{
	static const enum io_fault_kind kinds[] = { IO_FAULT_EIO,
		IO_FAULT_ENOSPC, IO_FAULT_ENOSPC_ONCE, IO_FAULT_SYNC,
		IO_FAULT_SHORT };
	struct world *w = *state;
	unsigned long total = operations(w), at, step = total / 9 + 1;
	unsigned failures = 0, voided = 0;
	struct ranges all;
	size_t k;

	for (k = 0; k < COUNT(kinds); k++)
		for (at = 1 + k; at <= total; at += step) {
			failures += fault_once(w, kinds[k], at, &all);
			voided += all.voided > 0;
		}
	assert_true(failures > 15);
	assert_true(voided > 5);
}

/* A void index says so. */
static void
test_void_lookup(void **state)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct world *w = *state;
	struct address address = { LOG_BULK_NUMBER, 0 };
	const struct template *template;
	struct diag diag = DIAG_INIT;
	struct identity identity;
	struct store_range range;
	struct ranges all;
	uint32_t number;

	leave_reserved(w, 5);
	good(lookup_new(w->authority, &lookup, &diag), &diag);
	assert_int_equal(lookup_get(lookup, &address, &identity, &range,
	    &template, &diag), ERR_NOTFOUND);
	assert_non_null(strstr(diag.what, "under way"));
	diag = (struct diag)DIAG_INIT;
	number = order_make(w, 0, 20, 1, 8);
	good(order_go(w, number, 1, &diag), &diag);
	check_complete(w, number, &all);
	assert_int_equal(all.voided, 5);
	assert_int_equal(lookup_get(lookup, &address, &identity, &range,
	    &template, &diag), ERR_NOTFOUND);
	assert_non_null(strstr(diag.what, "void"));
	address.index = 5;
	diag = (struct diag)DIAG_INIT;
	good(lookup_get(lookup, &address, &identity, &range, &template,
	    &diag), &diag);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test_setup(test_several_orders, world_fresh),
		cmocka_unit_test_setup(test_second_run, world_fresh),
		cmocka_unit_test(test_stop),
		cmocka_unit_test_setup(test_progress, world_fresh),
		cmocka_unit_test_setup(test_cancelled, world_fresh),
		cmocka_unit_test_setup(test_refused, world_fresh),
		cmocka_unit_test(test_part_harmed),
		cmocka_unit_test(test_end_interrupted),
		cmocka_unit_test(test_registry_harmed),
		cmocka_unit_test(test_record_harmed),
		cmocka_unit_test_setup(test_few_digits, world_fresh),
		cmocka_unit_test(test_faults),
		cmocka_unit_test_setup(test_void_lookup, world_fresh),
	};

	return cmocka_run_group_tests(tests, world_make, world_free);
}
