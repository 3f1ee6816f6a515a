#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/authority/serial_feed.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* Numbers in order, whatever the workers and pieces. */

struct taken {
	uint64_t	count;
	struct aes	*aes;
	struct hmac	*seed;
	uint64_t	stop_at;
	const struct serial_piece *pieces;
	size_t		 piece;
	uint64_t	 index;		/* next of the piece */
	unsigned	 slots;		/* left of the index */
};

static enum err
taken_see(void *ctx, const uint8_t serial[SERIAL_SIZE], int64_t time,
    unsigned reason)
{
	struct taken *t = ctx;
	const struct serial_piece *piece = &t->pieces[t->piece];
	uint8_t want[SERIAL_SIZE];
	unsigned slot;

	if (t->slots == 0)
		t->slots = piece->slots;
	slot = (unsigned)__builtin_ctz(t->slots);
	t->slots &= t->slots - 1;
	assert_int_equal(hmac_key(t->seed, bytes_of(piece->seed,
	    RANGE_SEED_SIZE), NULL), ERR_OK);
	assert_int_equal(serial_make(t->aes, t->seed, piece->epoch,
	    piece->first + t->index, slot, want), ERR_OK);
	assert_memory_equal(serial, want, SERIAL_SIZE);
	assert_int_equal(time, piece->time);
	assert_int_equal(reason, piece->reason);
	if (t->slots == 0 && ++t->index == piece->count) {
		t->index = 0;
		t->piece++;
	}
	return ++t->count == t->stop_at ? ERR_NOSPACE : ERR_OK;
}

static void
feed_go(struct taken *taken, const struct serial_piece *pieces, size_t count,
    unsigned workers, enum err want)
{
	static const uint8_t key[32] = { 5 };
	struct bytes keys[EPOCH_OUTSIDE] = { [1] = { key, 32 },
	    [2] = { key, 32 } };
	struct serial_feed_plan plan = { .keys = keys, .workers = workers,
	    .take = taken_see, .ctx = taken };
	_cleanup_serial_feed_ struct serial_feed *feed = NULL;
	enum err err = ERR_OK;
	size_t i;

	assert_int_equal(aes_new(bytes_of(key, 32), &taken->aes, NULL),
	    ERR_OK);
	assert_int_equal(hmac_new(bytes_of(key, 32), &taken->seed, NULL),
	    ERR_OK);
	taken->pieces = pieces;
	assert_int_equal(serial_feed_new(&plan, &feed, NULL), ERR_OK);
	for (i = 0; i < count && !err; i++)
		err = serial_feed_put(feed, &pieces[i]);
	if (!err)
		err = serial_feed_end(feed);
	assert_int_equal(err, want);
	aes_free(&taken->aes);
	hmac_free(&taken->seed);
}

static void
test_serial_feed(void **state)
{
	static struct serial_piece pieces[3000];
	struct serial_piece bad = { .epoch = 3, .slots = 1, .count = 1 };
	struct taken none = { 0 }, stop = { .stop_at = 5000 };
	struct taken refused = { 0 };
	uint64_t total = 0;
	unsigned workers;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(pieces); i++) {
		pieces[i] = (struct serial_piece){ .epoch = 1 + i % 2,
		    .first = i * 100000, .slots = 1 + (unsigned)i % 7,
		    .count = i % 100 == 0 ? 3000 : 1 + i % 3,
		    .time = (int64_t)i, .reason = (unsigned)i % 5 };
		pieces[i].seed[0] = (uint8_t)i;
		total += pieces[i].count *
		    (unsigned)__builtin_popcount(pieces[i].slots);
	}
	for (workers = 0; workers < 5; workers++) {
		struct taken taken = { 0 };

		feed_go(&taken, pieces, COUNT(pieces), workers, ERR_OK);
		assert_int_equal(taken.count, total);
	}
	feed_go(&none, pieces, 0, 2, ERR_OK);
	assert_int_equal(none.count, 0);
	feed_go(&stop, pieces, COUNT(pieces), 2, ERR_NOSPACE);
	assert_int_equal(stop.count, 5000);
	feed_go(&refused, &bad, 1, 2, ERR_CORRUPT);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_serial_feed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
