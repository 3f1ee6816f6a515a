/* Two slots on a memory that forgets what was not synced, in any order, and
 * whose power goes at any step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "device/adapters/openssl/device_openssl.h"

#define SLOT_SIZE	2048
#define PENDING		4
#define STEPS_MAX	40

/* An erase (data NULL) or a write that is not durable yet. */
struct change {
	unsigned	slot;
	size_t		offset, len;
	bool		erase;
	uint8_t		data[SLOT_SIZE];
};

struct flash {
	uint8_t		slots[2][SLOT_SIZE];
	struct change	pending[PENDING];
	unsigned	pending_count;
	unsigned	steps, cut_at;	/* 0: never */
	unsigned	survives;	/* bit i: pending[i] got through */
	bool		off;
};

/* half: only its first half, as when power goes in the middle of it. */
static void
change_apply(struct flash *f, const struct change *c, bool half)
{
	size_t i, len = half ? c->len / 2 : c->len;
	uint8_t *at = f->slots[c->slot] + c->offset;

	for (i = 0; i < len; i++) {
		if (!c->erase)
			assert_int_equal(at[i], 0xff);	/* once only */
		at[i] = c->erase ? 0xff : c->data[i];
	}
}

/* Does power go at this step? Then what was not synced may be lost. */
static bool
step(struct flash *f)
{
	unsigned i;

	if (f->off)
		return true;
	f->steps++;
	if (f->steps != f->cut_at)
		return false;
	for (i = 0; i < f->pending_count; i++)
		if ((f->survives >> i & 1) != 0)
			change_apply(f, &f->pending[i],
			    (f->survives >> PENDING & 1) != 0);
	f->pending_count = 0;
	f->off = true;
	return true;
}

static int
flash_read(void *state, unsigned slot, size_t offset, uint8_t *buffer,
    size_t len)
{
	struct flash *f = state;
	unsigned i;

	assert_true(slot < 2 && offset + len <= SLOT_SIZE);
	if (f->off)
		return -1;
	for (i = 0; i < f->pending_count; i++)
		change_apply(f, &f->pending[i], false);
	f->pending_count = 0;
	memcpy(buffer, f->slots[slot] + offset, len);
	return 0;
}

static struct change *
change_new(struct flash *f, unsigned slot, size_t offset, size_t len)
{
	struct change *c;

	assert_true(slot < 2 && offset + len <= SLOT_SIZE);
	assert_in_range(f->pending_count, 0, PENDING - 1);
	c = &f->pending[f->pending_count++];
	c->slot = slot;
	c->offset = offset;
	c->len = len;
	c->erase = false;
	return c;
}

static int
flash_erase(void *state, unsigned slot)
{
	struct flash *f = state;

	change_new(f, slot, 0, SLOT_SIZE)->erase = true;
	return step(f) ? -1 : 0;
}

static int
flash_write(void *state, unsigned slot, size_t offset, const uint8_t *data,
    size_t len)
{
	struct flash *f = state;

	assert_int_equal(offset % 32, 0);
	memcpy(change_new(f, slot, offset, len)->data, data, len);
	return step(f) ? -1 : 0;
}

static int
flash_sync(void *state)
{
	struct flash *f = state;
	unsigned i;

	if (step(f))
		return -1;
	for (i = 0; i < f->pending_count; i++)
		change_apply(f, &f->pending[i], false);
	f->pending_count = 0;
	return 0;
}

struct bench {
	struct flash			flash;
	struct imprint_device_blocks	blocks;
	struct imprint_device_slots	slots;
	struct imprint_device_storage	storage;
	uint8_t				buffer[SLOT_SIZE];
};

static void
bench_start(struct bench *b)
{
	b->flash.off = false;
	b->flash.steps = b->flash.cut_at = 0;
	b->flash.pending_count = 0;
	b->blocks = (struct imprint_device_blocks){
		&b->flash, SLOT_SIZE, flash_read, flash_erase, flash_write,
		flash_sync
	};
	imprint_device_slots_init(&b->slots, &b->blocks,
	    imprint_device_openssl(), &b->storage);
}

static int
bench_new(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -1;
	memset(b->flash.slots, 0xff, sizeof(b->flash.slots));
	bench_start(b);
	*state = b;
	return 0;
}

static int
bench_free(void **state)
{
	free(*state);
	return 0;
}

/* Number of the record that is there; 0: none. */
static unsigned
record_at(struct bench *b)
{
	enum imprint_device_error error;
	size_t i, len = 0;

	error = b->storage.read(b->storage.state, b->buffer,
	    sizeof(b->buffer), &len);
	if (error == IMPRINT_DEVICE_ERROR_NONE)
		return 0;
	assert_int_equal(error, IMPRINT_DEVICE_OK);
	assert_int_equal(len, 900 + b->buffer[0]);
	for (i = 0; i < len; i++)
		assert_int_equal(b->buffer[i], b->buffer[0]);
	return b->buffer[0];
}

static enum imprint_device_error
record_put(struct bench *b, uint8_t number)
{
	uint8_t data[SLOT_SIZE];
	struct imprint_bytes record = { data, (size_t)900 + number };

	memset(data, number, sizeof(data));
	return b->storage.write(b->storage.state, record);
}

static void
newest_is_read(void **state)
{
	struct bench *b = *state;
	uint8_t n;

	assert_int_equal(record_at(b), 0);
	for (n = 1; n < 6; n++) {
		assert_int_equal(record_put(b, n), IMPRINT_DEVICE_OK);
		assert_int_equal(record_at(b), n);
		bench_start(b);
		assert_int_equal(record_at(b), n);
	}
}

/* Power goes at each step, whatever of the unsynced got through, whole or
 * half: the old record or the new one, and the next write works. */
static void
a_cut_leaves_old_or_new(void **state)
{
	struct bench *b = *state;
	unsigned before, cut, survives, found, cuts = 0, after = 0;
	enum imprint_device_error error;

	for (before = 0; before < 3; before++)
		for (survives = 0; survives < 2U << PENDING; survives++)
			for (cut = 1; cut < STEPS_MAX; cut++) {
				memset(b->flash.slots, 0xff,
				    sizeof(b->flash.slots));
				bench_start(b);
				assert_int_equal(record_at(b), 0);
				for (found = 1; found <= before; found++)
					assert_int_equal(record_put(b,
					    (uint8_t)found), 0);
				b->flash.steps = 0;
				b->flash.cut_at = cut;
				b->flash.survives = survives;
				error = record_put(b, 9);
				bench_start(b);
				found = record_at(b);
				if (error == IMPRINT_DEVICE_OK) {
					assert_int_equal(found, 9);
					break;
				}
				assert_true(found == before || found == 9);
				cuts++;
				after += found == 9;
				assert_int_equal(record_put(b, 10), 0);
				assert_int_equal(record_at(b), 10);
			}
	assert_true(cuts > 300 && after > 0 && after < cuts);
}

/* Damage of the newest: the one before; of all: an error, not "none", for a
 * device without a record trusts the first that comes. */
static void
damage_is_not_absence(void **state)
{
	static const size_t at[] = { 0, 9, 14, 20, 96, 900 };
	struct bench *b = *state;
	struct flash good;
	size_t i, len;

	assert_int_equal(record_at(b), 0);
	assert_int_equal(record_put(b, 1), IMPRINT_DEVICE_OK);
	good = b->flash;
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		b->flash = good;
		b->flash.slots[0][at[i]] ^= 1;
		bench_start(b);
		assert_int_equal(b->storage.read(b->storage.state, b->buffer,
		    sizeof(b->buffer), &len), IMPRINT_DEVICE_ERROR_STORAGE);
		assert_int_equal(record_put(b, 2),
		    IMPRINT_DEVICE_ERROR_STORAGE);
	}
	b->flash = good;
	bench_start(b);
	assert_int_equal(record_at(b), 1);
	assert_int_equal(record_put(b, 2), IMPRINT_DEVICE_OK);
	good = b->flash;
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		b->flash = good;
		b->flash.slots[1][at[i]] ^= 1;
		bench_start(b);
		assert_int_equal(record_at(b), 1);
		/* into the damaged one, not over the good one */
		assert_int_equal(record_put(b, 3), IMPRINT_DEVICE_OK);
		assert_memory_equal(b->flash.slots[0], good.slots[0],
		    SLOT_SIZE);
	}
}

static void
limits(void **state)
{
	struct bench *b = *state;
	struct imprint_bytes record = { b->buffer,
	    SLOT_SIZE - IMPRINT_DEVICE_SLOT_HEAD };
	size_t len = 0;

	/* not before a read: it could be over the good one */
	assert_int_equal(record_put(b, 1), IMPRINT_DEVICE_ERROR_STORAGE);
	assert_int_equal(record_at(b), 0);
	memset(b->buffer, 7, sizeof(b->buffer));
	assert_int_equal(b->storage.write(b->storage.state, record),
	    IMPRINT_DEVICE_OK);
	assert_int_equal(b->storage.read(b->storage.state, b->buffer,
	    record.len, &len), IMPRINT_DEVICE_OK);
	assert_int_equal(len, record.len);
	assert_int_equal(b->storage.read(b->storage.state, b->buffer,
	    record.len - 1, &len), IMPRINT_DEVICE_ERROR_LIMIT);
	assert_int_equal(b->storage.read(b->storage.state, b->buffer,
	    record.len, &len), IMPRINT_DEVICE_OK);
	record.len++;
	assert_int_equal(b->storage.write(b->storage.state, record),
	    IMPRINT_DEVICE_ERROR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(newest_is_read, bench_new,
		    bench_free),
		cmocka_unit_test_setup_teardown(a_cut_leaves_old_or_new,
		    bench_new, bench_free),
		cmocka_unit_test_setup_teardown(damage_is_not_absence,
		    bench_new, bench_free),
		cmocka_unit_test_setup_teardown(limits, bench_new, bench_free)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
