/* Where in a sector a record begins, and what is taken for torn then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "station/ledger.h"
#include "station/test_ledger.h"

#define SECTOR	512
#define GROUP	40		/* records of a write */

static const uint8_t station_id[SHA256_SIZE] = { 1, 2, 3 };

static enum err
pass_over(void *ctx, const struct ledger_record *record, struct diag *diag)
{
	(void)ctx;
	(void)record;
	(void)diag;
	return ERR_OK;
}

static const struct ledger_reader reader = { pass_over, NULL };

static void
out_add(struct ledger *l)
{
	static const struct ledger_record out = {
		.kind = LEDGER_OUT, .time = 1760000000, .pack = { 7 },
		.position = 3, .index = 1003
	};

	assert_int_equal(ledger_add(l, &out, NULL, NULL), ERR_OK);
}

/*
 * A write of GROUP records; one that ends at an octet "in" of a sector,
 * followed by "more" records in the same write; then one of "last" records.
 * Where the second write's filler ended.
 */
static size_t
boundary_make(size_t in, size_t more, size_t last, struct buf *file)
{
	static const uint8_t octets[1024];
	struct ledger_record filler = {
		.kind = LEDGER_ANCHOR, .anchor = LEDGER_ANCHOR_ACKNOWLEDGED,
		.number = 1, .value = bytes_of(octets, 256)
	};
	_cleanup_ledger_ struct ledger *l = NULL;
	size_t i, end;

	assert_int_equal(ledger_create(io_posix(), PATH, station_id, NULL),
	    ERR_OK);
	assert_int_equal(ledger_open(io_posix(), PATH, station_id,
	    &reader, &l, NULL), ERR_OK);
	for (i = 0; i < GROUP; i++)
		out_add(l);
	assert_int_equal(ledger_add(l, &filler, NULL, NULL), ERR_OK);
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	/* as long as that one, and what is missing */
	end = (size_t)ledger_size(l);
	assert_int_equal(ledger_add(l, &filler, NULL, NULL), ERR_OK);
	end = 2 * (size_t)ledger_size(l) - end;
	filler.value.len += (in + SECTOR - end % SECTOR) % SECTOR;
	assert_int_equal(ledger_add(l, &filler, NULL, NULL), ERR_OK);
	end = (size_t)ledger_size(l);
	assert_int_equal(end % SECTOR, in);
	for (i = 0; i < more; i++)
		out_add(l);
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	for (i = 0; i < last; i++)
		out_add(l);
	if (last > 0)
		assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	assert_int_equal(io_read_file(io_posix(), PATH, file, NULL), ERR_OK);
	return end;
}

/* With len octets from at zero: is it opened, and cut there? */
static enum err
zeroed_open(struct bytes file, size_t at, size_t len)
{
	_cleanup_ledger_ struct ledger *l = NULL;
	uint8_t *copy = malloc(file.len);
	enum err err;

	assert_non_null(copy);
	memcpy(copy, file.ptr, file.len);
	memset(copy + at, 0, len < file.len - at ? len : file.len - at);
	assert_int_equal(io_write_file(io_posix(), PATH, bytes_of(copy,
	    file.len), 0600, NULL), ERR_OK);
	free(copy);
	err = ledger_open(io_posix(), PATH, station_id, &reader, &l, NULL);
	if (!err)
		assert_int_equal(ledger_size(l), at);
	return err;
}

/* One bad octet does not make a durable record a torn one, wherever in a
 * sector it begins; a sector that was not written does, if all of the word
 * is in it. */
static void
one_bad_octet_is_not_torn(void **state)
{
	size_t left, end;

	(void)state;
	for (left = 1; left <= 9; left++) {
		_cleanup_buf_ struct buf file = BUF_INIT;

		end = boundary_make(SECTOR - left, 0, 1, &file);
		assert_int_equal(file.ptr[end], 0x80);
		assert_int_equal(zeroed_open(buf_bytes(&file), end, 1),
		    ERR_CORRUPT);
		assert_int_equal(zeroed_open(buf_bytes(&file), end, left),
		    left < 4 ? ERR_CORRUPT : ERR_OK);
		/* nothing of it came to the disk */
		assert_int_equal(zeroed_open(buf_bytes(&file), end, SIZE_MAX),
		    ERR_OK);
	}
}

/* The last but one write lost a sector that begins with a record: nothing of
 * the last is cut off. */
static void
a_sector_lost_at_a_record_is_seen(void **state)
{
	size_t in, end;

	(void)state;
	for (in = 0; in < 2; in++) {
		_cleanup_buf_ struct buf file = BUF_INIT;
		_cleanup_buf_ struct buf torn = BUF_INIT;

		/* but the mark, or all of the word */
		end = boundary_make(in == 0 ? 0 : SECTOR - 1, 8, GROUP,
		    &file);
		assert_int_equal(zeroed_open(buf_bytes(&file), end + in,
		    SECTOR), ERR_CORRUPT);
		/* of the last write the same cannot be told from that */
		end = boundary_make(in == 0 ? 0 : SECTOR - 1, 0, GROUP,
		    &torn);
		assert_int_equal(zeroed_open(buf_bytes(&torn), end + in,
		    SECTOR), ERR_CORRUPT);
		if (in == 0)
			assert_int_equal(zeroed_open(buf_bytes(&torn), end,
			    SIZE_MAX), ERR_OK);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, dir_enter, dir_leave)

/* The end of the file while one writes it: not yet what it will be. */
struct half {
	off_t		at;
	unsigned	looks;		/* so many times */
};

static ssize_t
half_pread(void *state, int fd, void *ptr, size_t len, off_t at)
{
	struct half *half = state;
	ssize_t n = pread(fd, ptr, len, at);
	off_t from = at > half->at ? at : half->at;

	if (half->looks > 0 && at + n > from) {
		half->looks--;
		memset((char *)ptr + (from - at), 0x55,
		    (size_t)(at + n - from));
	}
	return n;
}

static enum err
half_read(unsigned looks, uint64_t *ret_records, struct diag *diag)
{
	_cleanup_buf_ struct buf file = BUF_INIT;
	size_t end = boundary_make(100, 2, 1, &file);
	struct half half = { .at = (off_t)end + 9, .looks = looks };
	uint8_t head[SHA256_SIZE];
	struct io io = *io_posix();

	/* room behind it, as there is while one writes */
	assert_int_equal(truncate(PATH, (off_t)file.len + 8192), 0);
	io.state = &half;
	io.pread = half_pread;
	return ledger_read(&io, PATH, station_id, &reader, ret_records, head,
	    diag);
}

/* It is whole a moment later; what stays as it is is damage. */
static void
a_reader_beside_the_writer_looks_again(void **state)
{
	struct diag diag = DIAG_INIT;
	uint64_t whole = 0, count = 0;

	(void)state;
	assert_int_equal(half_read(0, &whole, &diag), ERR_OK);
	assert_int_equal(half_read(3, &count, &diag), ERR_OK);
	assert_int_equal(count, whole);
	assert_string_equal(diag.what, "");
	assert_int_equal(half_read(100000, &count, &diag), ERR_CORRUPT);
	assert_non_null(strstr(diag.what, "hash"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_bad_octet_is_not_torn),
		TEST(a_sector_lost_at_a_record_is_seen),
		TEST(a_reader_beside_the_writer_looks_again)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
