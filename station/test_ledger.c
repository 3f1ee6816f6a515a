#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "station/ledger_internal.h"
#include "station/test_ledger.h"
#include "tests/support/io_fault.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define RECORDS_MAX	64

static const uint8_t station_id[SHA256_SIZE] = { 1, 2, 3 };
static const uint8_t other_id[SHA256_SIZE] = { 9 };

static const struct ledger_record records[] = {
	{ .kind = LEDGER_IMPORT, .time = 1790000000, .pack = { 7 },
	    .order = { 8 }, .count = 3, .product = "camera 1.0.0" },
	{ .kind = LEDGER_OUT, .time = 1790000001, .pack = { 7 },
	    .position = 0, .index = 70000 },
	{ .kind = LEDGER_RESULT, .time = 1790000002, .pack = { 7 },
	    .position = 0, .status = 0 },
	{ .kind = LEDGER_OUT, .time = 1790000003, .pack = { 7 },
	    .position = 1, .index = 70001 },
	{ .kind = LEDGER_RESULT, .time = 1790000004, .pack = { 7 },
	    .position = 1, .status = LEDGER_TIMEOUT }
};

/* What a reading told. */
struct heard {
	struct ledger_record	records[RECORDS_MAX];
	size_t			count;
};

static enum err
hear(void *ctx, const struct ledger_record *record, struct diag *diag)
{
	struct heard *h = ctx;

	(void)diag;
	assert_in_range(h->count, 0, RECORDS_MAX - 1);
	h->records[h->count++] = *record;
	return ERR_OK;
}

static enum err
reopen(const struct io *io, struct heard *heard, struct ledger **ret_ledger,
    struct diag *diag)
{
	const struct ledger_reader reader = { hear, heard };

	heard->count = 0;
	return ledger_open(io, PATH, station_id, &reader, ret_ledger, diag);
}

static void
record_add(struct ledger *l, const struct ledger_record *record)
{
	assert_int_equal(ledger_add(l, record, NULL, NULL), ERR_OK);
}

/* A ledger with the records, each committed on its own or all at once. */
static void
ledger_make(bool together)
{
	_cleanup_ledger_ struct ledger *l = NULL;
	struct heard heard = { .count = 0 };
	size_t i;

	assert_int_equal(ledger_create(io_posix(), PATH, station_id, NULL),
	    ERR_OK);
	assert_int_equal(reopen(io_posix(), &heard, &l, NULL), ERR_OK);
	for (i = 0; i < COUNT(records); i++) {
		record_add(l, &records[i]);
		if (!together)
			assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	}
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
}

static void
assert_heard(const struct heard *heard, size_t count)
{
	const struct ledger_record *a, *b;
	size_t i;

	assert_int_equal(heard->count, count);
	for (i = 0; i < count; i++) {
		a = &heard->records[i];
		b = &records[i];
		assert_int_equal(a->kind, b->kind);
		assert_int_equal(a->time, b->time);
		assert_memory_equal(a->pack, b->pack, PACKAGE_ID_SIZE);
		assert_memory_equal(a->order, b->order, PACKAGE_ID_SIZE);
		assert_int_equal(a->count, b->count);
		assert_string_equal(a->product, b->product);
		assert_int_equal(a->position, b->position);
		assert_int_equal(a->index, b->index);
		assert_int_equal(a->status, b->status);
	}
}

static void
what_is_written_is_read(void **state)
{
	_cleanup_ledger_ struct ledger *l = NULL;
	uint8_t apart[SHA256_SIZE], together[SHA256_SIZE];
	struct heard heard = { .count = 0 };
	const struct ledger_reader reader = { hear, &heard };
	uint64_t count;
	struct stat st;

	(void)state;
	ledger_make(false);
	assert_int_equal(ledger_read(io_posix(), PATH, station_id, &reader,
	    &count, apart, NULL), ERR_OK);
	assert_heard(&heard, COUNT(records));
	assert_int_equal(stat(PATH, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	ledger_make(true);
	heard.count = 0;
	assert_int_equal(ledger_read(io_posix(), PATH, station_id, &reader,
	    &count, together, NULL), ERR_OK);
	assert_int_equal(count, COUNT(records));
	/* which records were written together is part of it */
	assert_memory_not_equal(apart, together, SHA256_SIZE);
	/* what is not committed is not there */
	assert_int_equal(reopen(io_posix(), &heard, &l, NULL), ERR_OK);
	record_add(l, &records[1]);
	ledger_close(&l);
	assert_int_equal(reopen(io_posix(), &heard, &l, NULL), ERR_OK);
	assert_heard(&heard, COUNT(records));
}

static void
file_put(const uint8_t *bytes, size_t len)
{
	FILE *f = fopen(PATH, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* Where record n ends; n = 0: the header. */
static size_t
record_end(struct bytes file, size_t n)
{
	size_t at = LEDGER_HEADER_SIZE;

	for (; n > 0; n--)
		at += 36U + get_be16(file.ptr + at + 2);
	return at;
}

static void
a_torn_tail_is_cut_off_at_every_length(void **state)
{
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct heard heard = { .count = 0 };
	size_t len, whole = 0;
	uint64_t size;

	(void)state;
	ledger_make(true);
	assert_int_equal(io_read_file(io_posix(), PATH, &file, NULL), ERR_OK);
	for (len = LEDGER_HEADER_SIZE; len <= file.len; len++) {
		_cleanup_ledger_ struct ledger *l = NULL;
		_cleanup_file_ struct file f = FILE_INIT;

		if (whole < COUNT(records) &&
		    len == record_end(buf_bytes(&file), whole + 1))
			whole++;
		file_put(file.ptr, len);
		assert_int_equal(reopen(io_posix(), &heard, &l, NULL),
		    ERR_OK);
		assert_heard(&heard, whole);
		assert_int_equal(file_open(io_posix(), PATH, 0, 0, &f, NULL),
		    ERR_OK);
		assert_int_equal(file_size(&f, &size, NULL), ERR_OK);
		assert_int_equal(size, record_end(buf_bytes(&file), whole));
		/* and it goes on from there */
		if (whole == COUNT(records))
			continue;
		record_add(l, &records[whole]);
		assert_int_equal(ledger_commit(l, NULL), ERR_OK);
		ledger_close(&l);
		assert_int_equal(reopen(io_posix(), &heard, &l, NULL),
		    ERR_OK);
		assert_heard(&heard, whole + 1);
	}
	assert_int_equal(whole, COUNT(records));
	for (len = 0; len < LEDGER_HEADER_SIZE; len++) {
		_cleanup_ledger_ struct ledger *l = NULL;

		file_put(file.ptr, len);
		assert_int_equal(reopen(io_posix(), &heard, &l, NULL),
		    ERR_SYNTAX);
	}
}

/* Some file systems lengthen the file first: the tail reads as zeros. */
static void
a_tail_of_zeros_is_cut_off(void **state)
{
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct heard heard = { .count = 0 };
	size_t end, last, len;
	uint8_t *copy;

	(void)state;
	ledger_make(true);
	assert_int_equal(io_read_file(io_posix(), PATH, &file, NULL), ERR_OK);
	last = record_end(buf_bytes(&file), COUNT(records) - 1);
	copy = calloc(1, file.len + 4096);
	assert_non_null(copy);
	for (end = last; end + 8 <= file.len; end++) {
		_cleanup_ledger_ struct ledger *l = NULL;

		memset(copy, 0, file.len + 4096);
		memcpy(copy, file.ptr, end);
		len = end % 2 ? file.len : file.len + 4096;
		file_put(copy, len);
		assert_int_equal(reopen(io_posix(), &heard, &l, NULL),
		    ERR_OK);
		assert_heard(&heard, COUNT(records) - 1);
	}
	/* but not before a record that is whole */
	memcpy(copy, file.ptr, file.len);
	memset(copy + record_end(buf_bytes(&file), 1), 0, 60);
	file_put(copy, file.len);
	{
		_cleanup_ledger_ struct ledger *l = NULL;

		assert_int_equal(reopen(io_posix(), &heard, &l, NULL),
		    ERR_CORRUPT);
	}
	free(copy);
}

static void
every_flipped_bit_is_seen(void **state)
{
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct heard heard = { .count = 0 };
	size_t i, bit;
	enum err err;

	(void)state;
	ledger_make(true);
	assert_int_equal(io_read_file(io_posix(), PATH, &file, NULL), ERR_OK);
	for (i = 0; i < file.len; i++) {
		for (bit = 0; bit < 8; bit++) {
			_cleanup_ledger_ struct ledger *l = NULL;
			struct diag diag = DIAG_INIT;

			file.ptr[i] ^= (uint8_t)(1 << bit);
			file_put(file.ptr, file.len);
			file.ptr[i] ^= (uint8_t)(1 << bit);
			err = reopen(io_posix(), &heard, &l, &diag);
			if (i >= LEDGER_HEADER_SIZE) {
				if (err != ERR_CORRUPT)
					fail_msg("octet %zu bit %zu: %s", i,
					    bit, err_name(err));
				assert_non_null(strstr(diag.what, "record"));
			} else
				assert_true(err == ERR_SYNTAX ||
				    err == ERR_VERSION ||
				    err == ERR_CONFLICT ||
				    err == ERR_CORRUPT);
		}
	}
}

static void
a_missing_or_moved_record_is_seen(void **state)
{
	_cleanup_buf_ struct buf file = BUF_INIT, cut = BUF_INIT;
	_cleanup_ledger_ struct ledger *l = NULL;
	struct heard heard = { .count = 0 };
	size_t a, b;

	(void)state;
	ledger_make(true);
	assert_int_equal(io_read_file(io_posix(), PATH, &file, NULL), ERR_OK);
	a = record_end(buf_bytes(&file), 1);
	b = record_end(buf_bytes(&file), 2);
	buf_put(&cut, file.ptr, a);
	buf_put(&cut, file.ptr + b, file.len - b);
	file_put(cut.ptr, cut.len);
	assert_int_equal(reopen(io_posix(), &heard, &l, NULL), ERR_CORRUPT);
}

static void
another_stations_ledger_is_refused(void **state)
{
	static const char script[] = "#!/bin/sh\n"
	    "exec /usr/lib/something-else-altogether\n";
	_cleanup_ledger_ struct ledger *l = NULL;
	struct heard heard = { .count = 0 };
	const struct ledger_reader reader = { hear, &heard };

	(void)state;
	ledger_make(true);
	assert_int_equal(ledger_open(io_posix(), PATH, other_id, &reader, &l,
	    NULL), ERR_CONFLICT);
	assert_int_equal(heard.count, 0);
	file_put((const uint8_t *)script, sizeof(script));
	assert_int_equal(ledger_open(io_posix(), PATH, station_id, &reader,
	    &l, NULL), ERR_SYNTAX);
}

/* A plug-in's records say who works when that is told, and only then. */
static void
who_works_with_a_plugin(void **state)
{
	static const uint8_t nobody[] = { 0x60, 0x60, 0x60 };
	struct ledger_record r = records[1], found;
	_cleanup_buf_ struct buf plain = BUF_INIT, told = BUF_INIT;
	const char *reason = NULL;

	(void)state;
	ledger_put_record(&plain, &r);
	r.badge = bytes_text("1042");
	ledger_put_record(&told, &r);
	assert_int_equal(plain.ptr[0], 0x85);
	assert_int_equal(told.ptr[0], 0x88);
	assert_int_equal(ledger_parse_record(buf_bytes(&plain), &found,
	    &reason), ERR_OK);
	assert_int_equal(found.badge.len, 0);
	assert_int_equal(ledger_parse_record(buf_bytes(&told), &found,
	    &reason), ERR_OK);
	assert_true(bytes_equal(found.badge, r.badge));
	assert_int_equal(found.index, r.index);
	/* one form each */
	plain.ptr[0] = 0x88;
	buf_put(&plain, nobody, sizeof(nobody));
	assert_int_equal(ledger_parse_record(buf_bytes(&plain), &found,
	    &reason), ERR_CORRUPT);
	assert_non_null(strstr(reason, "nobody"));
	told.ptr[0] = 0x87;
	assert_int_equal(ledger_parse_record(buf_bytes(&told), &found,
	    &reason), ERR_CORRUPT);
}

/* A failed write or sync ends it: nothing is added to what is not known. */
static void
after_a_failure_nothing_is_added(void **state)
{
	static const enum io_fault_kind kinds[] = {
		IO_FAULT_ENOSPC, IO_FAULT_EIO, IO_FAULT_SYNC
	};
	static const char *const said[] = {
		"No space left", "write: Input/output", "sync: Input/output"
	};
	struct io_fault_plan plan = { .at = 2 };	/* 1: of the opening */
	struct heard heard = { .count = 0 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(kinds); i++) {
		_cleanup_ledger_ struct ledger *l = NULL;
		struct diag diag = DIAG_INIT;
		struct io *io;

		ledger_make(true);
		plan.kind = kinds[i];
		io = io_fault_new(&plan);
		assert_int_equal(reopen(io, &heard, &l, NULL), ERR_OK);
		record_add(l, &records[1]);
		assert_int_not_equal(ledger_commit(l, NULL), ERR_OK);
		assert_int_equal(ledger_add(l, &records[2], NULL, &diag),
		    ERR_IO);
		assert_non_null(strstr(diag.what, said[i]));
		assert_int_equal(ledger_room(l, NULL), ERR_IO);
		assert_int_equal(ledger_commit(l, NULL), ERR_IO);
		ledger_close(&l);
		io_fault_free(io);
		assert_int_equal(reopen(io_posix(), &heard, &l, NULL),
		    ERR_OK);
		assert_heard(&heard, COUNT(records));
	}
}

/* A process that was killed before its sync left what is whole in the cache:
 * who answers from it must have it on the disk. */
static void
what_is_read_is_synced(void **state)
{
	static const struct io_fault_plan count = { .kind = IO_FAULT_NONE };
	static const struct io_fault_plan fail = { .kind = IO_FAULT_SYNC,
	    .at = 1 };
	struct heard heard = { .count = 0 };
	struct ledger *l = NULL;
	struct io *io;

	(void)state;
	ledger_make(true);
	io = io_fault_new(&count);
	assert_int_equal(reopen(io, &heard, &l, NULL), ERR_OK);
	assert_int_equal(io_fault_count(io), 1);
	ledger_close(&l);
	io_fault_free(io);
	io = io_fault_new(&fail);
	assert_int_equal(reopen(io, &heard, &l, NULL), ERR_IO);
	assert_null(l);
	io_fault_free(io);
}

static void
what_is_spoilt_is_not_written(void **state)
{
	struct diag cause = DIAG_INIT, diag = DIAG_INIT;
	struct heard heard = { .count = 0 };
	struct ledger *l = NULL;

	(void)state;
	ledger_make(true);
	assert_int_equal(reopen(io_posix(), &heard, &l, NULL), ERR_OK);
	record_add(l, &records[1]);
	(void)diag_fail(&cause, ERR_CORRUPT, NULL, "was put back");
	ledger_spoil(l, ERR_CORRUPT, &cause);
	assert_int_equal(ledger_commit(l, &diag), ERR_CORRUPT);
	assert_string_equal(diag.what, "was put back");
	ledger_close(&l);
	assert_int_equal(reopen(io_posix(), &heard, &l, NULL), ERR_OK);
	assert_heard(&heard, COUNT(records));
	ledger_close(&l);
}

/* A full disk shows before anything is added, and is over when it has room. */
static void
room_is_made_ahead(void **state)
{
	static const struct io_fault_plan plan = {
		.kind = IO_FAULT_ENOSPC_ONCE, .at = 2
	};
	struct heard heard = { .count = 0 };
	struct ledger *l = NULL;
	struct io *io;
	struct stat st;

	(void)state;
	ledger_make(true);
	io = io_fault_new(&plan);
	assert_int_equal(reopen(io, &heard, &l, NULL), ERR_OK);
	assert_int_equal(ledger_room(l, NULL), ERR_NOSPACE);
	assert_int_equal(ledger_room(l, NULL), ERR_OK);
	record_add(l, &records[1]);
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	assert_int_equal(stat(PATH, &st), 0);
	assert_true((uint64_t)st.st_size > ledger_size(l) + 65536);
	/* as after a kill */
	{
		_cleanup_ledger_ struct ledger *again = NULL;

		assert_int_equal(reopen(io_posix(), &heard, &again, NULL),
		    ERR_OK);
		assert_int_equal(heard.count, COUNT(records) + 1);
		assert_int_equal(ledger_size(again), ledger_size(l));
	}
	ledger_close(&l);
	io_fault_free(io);
	assert_int_equal(stat(PATH, &st), 0);
	assert_int_equal(reopen(io_posix(), &heard, &l, NULL), ERR_OK);
	assert_int_equal(heard.count, COUNT(records) + 1);
	assert_int_equal(st.st_size, ledger_size(l));
	ledger_close(&l);
}

#define SECTOR		512
#define GROUP		40		/* records of a write */
#define SECTORS_MAX	64

/* The file after each of three writes, and where each ends. */
struct writes {
	struct buf	file;
	size_t		ends[4];
};

static void
group_write(struct writes *w, struct ledger *l, size_t number)
{
	struct ledger_record r = records[1];
	struct stat st;
	size_t i;

	for (i = 0; i < GROUP; i++) {
		r.position = number * GROUP + i;
		/* so that later writes begin anywhere in a sector */
		r.index = number == 1 ? 1 : UINT64_MAX;
		record_add(l, &r);
	}
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	assert_int_equal(stat(PATH, &st), 0);
	w->ends[number + 1] = (size_t)st.st_size;
}

static void
writes_make(struct writes *w)
{
	_cleanup_ledger_ struct ledger *l = NULL;
	struct heard heard = { .count = 0 };
	size_t i;

	*w = (struct writes){ .file = BUF_INIT, .ends = {
		LEDGER_HEADER_SIZE } };
	assert_int_equal(ledger_create(io_posix(), PATH, station_id, NULL),
	    ERR_OK);
	assert_int_equal(reopen(io_posix(), &heard, &l, NULL), ERR_OK);
	for (i = 0; i < 3; i++)
		group_write(w, l, i);
	assert_int_equal(io_read_file(io_posix(), PATH, &w->file, NULL),
	    ERR_OK);
}

static enum err
count_one(void *ctx, const struct ledger_record *record, struct diag *diag)
{
	size_t *count = ctx;

	(void)diag;
	assert_int_equal(record->position, *count);
	(*count)++;
	return ERR_OK;
}

static enum err
open_counted(size_t *ret_count, struct ledger **ret_ledger)
{
	const struct ledger_reader reader = { count_one, ret_count };

	*ret_count = 0;
	return ledger_open(io_posix(), PATH, station_id, &reader, ret_ledger,
	    NULL);
}

/* Of write n, the last of the file, the sectors of lost were not written:
 * what stood there before it is, or nothing. */
static void
torn_put(const struct writes *w, size_t n, uint64_t lost)
{
	size_t i, at, first = w->ends[n] / SECTOR, size = w->ends[n + 1];
	uint8_t *copy = malloc(size);

	assert_non_null(copy);
	memcpy(copy, w->file.ptr, size);
	for (i = 0; i < SECTORS_MAX; i++)
		for (at = (first + i) * SECTOR; at < (first + i + 1) *
		    SECTOR && at < size; at++)
			if (lost >> i & 1 && at >= w->ends[n])
				copy[at] = 0;
	file_put(copy, size);
	free(copy);
}

static void
torn_check(const struct writes *w, size_t n, uint64_t lost)
{
	struct ledger_record r = records[1];
	struct ledger *l = NULL;
	size_t count, kept;

	torn_put(w, n, lost);
	if (open_counted(&kept, &l) != ERR_OK)
		fail_msg("write %zu, lost %jx", n, (uintmax_t)lost);
	assert_in_range(kept, n * GROUP, (n + 1) * GROUP - (lost != 0));
	/* it goes on from there, and is whole */
	r.position = kept;
	record_add(l, &r);
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	ledger_close(&l);
	assert_int_equal(open_counted(&count, &l), ERR_OK);
	assert_int_equal(count, kept + 1);
	ledger_close(&l);
}

/* Whichever sectors of the last write a power cut kept back. */
static void
a_torn_write_is_cut_off(void **state)
{
	uint64_t seed = 1, lost;
	struct writes w;
	size_t n, i, sectors;

	(void)state;
	writes_make(&w);
	for (n = 0; n < 3; n++) {
		sectors = (w.ends[n + 1] - 1) / SECTOR - w.ends[n] / SECTOR +
		    1;
		assert_in_range(sectors, 5, SECTORS_MAX - 1);
		if (sectors < 5)	/* no reader of macros sees that */
			break;
		for (i = 0; i < sectors; i++) {
			/* the end alone may be fewer zeros than show */
			if (i + 1 < sectors || w.ends[n + 1] % SECTOR >= 8)
				torn_check(&w, n, UINT64_C(1) << i);
			torn_check(&w, n, ~UINT64_C(0) << i);
		}
		for (i = 0; i < 60; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1;
			lost = seed >> 20 & ((UINT64_C(1) << (sectors - 1)) -
			    1);
			torn_check(&w, n, lost);
		}
	}
	buf_release(&w.file);
}

/* The same in a write behind which another one began: it was durable. */
static void
a_lost_sector_of_an_earlier_write_is_seen(void **state)
{
	size_t sector, last, count;
	struct ledger *l = NULL;
	struct writes w;
	uint8_t *copy;

	(void)state;
	writes_make(&w);
	last = w.ends[2] / SECTOR;	/* the third begins in it */
	copy = malloc(w.file.len);
	assert_non_null(copy);
	for (sector = 1; sector < last; sector++) {
		memcpy(copy, w.file.ptr, w.file.len);
		memset(copy + sector * SECTOR, 0, SECTOR);
		file_put(copy, w.file.len);
		assert_int_equal(open_counted(&count, &l), ERR_CORRUPT);
		assert_null(l);
	}
	/* nor is anything but a sector of zeros torn */
	for (sector = w.ends[2] / SECTOR + 1; sector < w.file.len / SECTOR;
	    sector++) {
		memcpy(copy, w.file.ptr, w.file.len);
		memset(copy + sector * SECTOR, 0, SECTOR - 1);
		copy[sector * SECTOR + SECTOR - 1] |= 1;
		file_put(copy, w.file.len);
		assert_int_equal(open_counted(&count, &l), ERR_CORRUPT);
	}
	free(copy);
	buf_release(&w.file);
}

/* In a child that a power cut ends: append records one commit each, telling
 * through a pipe what was durable. */
static void
append_and_tell(const struct io_fault_plan *plan, int tell)
{
	struct io *io = io_fault_new(plan);
	struct ledger *l = NULL;
	struct heard heard = { .count = 0 };
	size_t i;

	if (reopen(io, &heard, &l, NULL) != ERR_OK)
		_exit(2);
	for (i = 0; i < COUNT(records); i++) {
		if (plan->seed % 2 != 0 && ledger_room(l, NULL) != ERR_OK)
			_exit(3);
		if (ledger_add(l, &records[i], NULL, NULL) != ERR_OK ||
		    ledger_commit(l, NULL) != ERR_OK)
			_exit(3);
		if (write(tell, "x", 1) != 1)
			_exit(4);
	}
	_exit(0);
}

static void
a_power_cut_loses_nothing_that_was_committed(void **state)
{
	struct io_fault_plan plan = { .kind = IO_FAULT_POWER_CUT };
	struct heard heard = { .count = 0 };
	size_t durable;
	int fd[2], status;
	pid_t pid;
	char c;

	(void)state;
	for (plan.seed = 0; plan.seed < 8; plan.seed++) {
		for (plan.at = 1; plan.at <= 2 * COUNT(records); plan.at++) {
			_cleanup_ledger_ struct ledger *l = NULL;

			assert_int_equal(ledger_create(io_posix(), PATH,
			    station_id, NULL), ERR_OK);
			assert_int_equal(pipe(fd), 0);
			pid = fork();
			assert_true(pid >= 0);
			if (pid == 0)
				append_and_tell(&plan, fd[1]);
			(void)close(fd[1]);
			for (durable = 0; read(fd[0], &c, 1) == 1; durable++)
				;
			(void)close(fd[0]);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(WIFSIGNALED(status));
			assert_int_equal(reopen(io_posix(), &heard, &l,
			    NULL), ERR_OK);
			assert_in_range(heard.count, durable, durable + 1);
			assert_heard(&heard, heard.count);
		}
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dir_enter, dir_leave)
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read),
		TEST(a_torn_tail_is_cut_off_at_every_length),
		TEST(a_tail_of_zeros_is_cut_off),
		TEST(a_torn_write_is_cut_off),
		TEST(a_lost_sector_of_an_earlier_write_is_seen),
		TEST(every_flipped_bit_is_seen),
		TEST(a_missing_or_moved_record_is_seen),
		TEST(another_stations_ledger_is_refused),
		TEST(who_works_with_a_plugin),
		TEST(after_a_failure_nothing_is_added),
		TEST(what_is_read_is_synced),
		TEST(what_is_spoilt_is_not_written),
		TEST(room_is_made_ahead),
		TEST(a_power_cut_loses_nothing_that_was_committed)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
