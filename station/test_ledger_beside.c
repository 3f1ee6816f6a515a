/* Committing in a thread while records are gathered and read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "station/ledger.h"
#include "station/test_ledger.h"

#define TIMES	200
#define REASON	"scratched"

static const uint8_t station_id[SHA256_SIZE] = { 1, 2, 3 };

static enum err
hear(void *ctx, const struct ledger_record *record, struct diag *diag)
{
	uint64_t *count = ctx;

	(void)diag;
	assert_int_equal(record->position, *count);
	(*count)++;
	return ERR_OK;
}

static struct ledger *
ledger_new(const struct io *io)
{
	uint64_t count = 0;
	const struct ledger_reader reader = { hear, &count };
	struct ledger *l = NULL;

	assert_int_equal(ledger_create(io_posix(), PATH, station_id, NULL),
	    ERR_OK);
	assert_int_equal(ledger_open(io, PATH, station_id, &reader, &l, NULL),
	    ERR_OK);
	return l;
}

static uint64_t
put(struct ledger *l, uint64_t number)
{
	const struct ledger_record r = { .kind = LEDGER_SCRAP,
		.time = 1790000000, .position = number,
		.reason = bytes_text(REASON) };
	uint64_t at = 0;

	assert_int_equal(ledger_add(l, &r, &at, NULL), ERR_OK);
	return at;
}

static void
assert_there(struct ledger *l, uint64_t at, uint64_t number)
{
	_cleanup_buf_ struct buf room = BUF_INIT;
	struct ledger_record r;

	assert_int_equal(ledger_get(l, at, &room, &r, NULL), ERR_OK);
	assert_int_equal(r.position, number);
}

/* So many records are in the file, whole. */
static void
assert_written(uint64_t want)
{
	uint8_t head[SHA256_SIZE];
	uint64_t records = 0, count = 0;
	const struct ledger_reader reader = { hear, &count };

	assert_int_equal(ledger_read(io_posix(), PATH, station_id, &reader,
	    &records, head, NULL), ERR_OK);
	assert_int_equal(records, want);
	assert_int_equal(count, want);
}

/* A disk whose syncs can be held, and fail. */
struct disk {
	struct io	io;
	bool		hold, fail;
	sem_t		in_sync, go;
};

static int
disk_sync(void *state, int fd)
{
	struct disk *disk = state;

	if (disk->hold) {
		assert_int_equal(sem_post(&disk->in_sync), 0);
		while (sem_wait(&disk->go) != 0)
			;
	}
	if (disk->fail) {
		errno = EIO;
		return -1;
	}
	return io_posix()->fdatasync(io_posix()->state, fd);
}

static struct ledger *
disk_begin(struct disk *disk)
{
	struct ledger *l;

	*disk = (struct disk){ .io = *io_posix() };
	disk->io.state = disk;
	disk->io.fdatasync = disk_sync;
	assert_int_equal(sem_init(&disk->in_sync, 0, 0), 0);
	assert_int_equal(sem_init(&disk->go, 0, 0), 0);
	l = ledger_new(&disk->io);
	disk->hold = true;
	return l;
}

struct commit {
	struct ledger	*ledger;
	pthread_t	 thread;
	enum err	 err;
};

static void *
commit_run(void *ctx)
{
	struct commit *commit = ctx;

	commit->err = ledger_commit(commit->ledger, NULL);
	return NULL;
}

/* It is at the end of its sync. */
static void
commit_begin(struct commit *commit, struct disk *disk, struct ledger *l)
{
	*commit = (struct commit){ .ledger = l };
	assert_int_equal(pthread_create(&commit->thread, NULL, commit_run,
	    commit), 0);
	assert_int_equal(sem_wait(&disk->in_sync), 0);
	disk->hold = false;
}

static enum err
commit_end(struct commit *commit, struct disk *disk)
{
	assert_int_equal(sem_post(&disk->go), 0);
	assert_int_equal(pthread_join(commit->thread, NULL), 0);
	return commit->err;
}

static void
what_came_later_is_not_written(void **state)
{
	struct disk disk;
	struct commit commit;
	_cleanup_ledger_ struct ledger *l = disk_begin(&disk);
	uint64_t at[3], size;
	size_t i;

	(void)state;
	at[0] = put(l, 0);
	at[1] = put(l, 1);
	size = ledger_size(l);
	commit_begin(&commit, &disk, l);
	at[2] = put(l, 2);
	assert_int_equal(at[2], size);
	for (i = 0; i < 3; i++)
		assert_there(l, at[i], i);
	assert_int_equal(commit_end(&commit, &disk), ERR_OK);
	assert_written(2);
	for (i = 0; i < 3; i++)
		assert_there(l, at[i], i);
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	assert_written(3);
	/* with nothing gathered */
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	assert_written(3);
}

/* A commit that begins between them waits. */
static void
held_is_written_at_once(void **state)
{
	_cleanup_ledger_ struct ledger *l = ledger_new(io_posix());
	struct commit commit = { .ledger = l };

	(void)state;
	ledger_hold(l);
	put(l, 0);
	assert_int_equal(pthread_create(&commit.thread, NULL, commit_run,
	    &commit), 0);
	(void)usleep(50000);
	assert_written(0);
	ledger_hold(l);
	put(l, 1);
	ledger_let(l);
	(void)usleep(50000);
	assert_written(0);
	ledger_let(l);
	assert_int_equal(pthread_join(commit.thread, NULL), 0);
	assert_int_equal(commit.err, ERR_OK);
	assert_written(2);
}

struct writer {
	struct ledger	*ledger;
	atomic_bool	 over;
	unsigned	 commits;
};

static void *
write_on(void *ctx)
{
	struct writer *writer = ctx;

	while (!atomic_load(&writer->over)) {
		assert_int_equal(ledger_commit(writer->ledger, NULL), ERR_OK);
		writer->commits++;
	}
	return NULL;
}

static void
gathered_and_read_meanwhile(void **state)
{
	_cleanup_ledger_ struct ledger *l = ledger_new(io_posix());
	struct writer writer = { .ledger = l };
	uint64_t at[TIMES];
	pthread_t thread;
	size_t i;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, write_on, &writer),
	    0);
	for (i = 0; i < TIMES; i++) {
		assert_int_equal(ledger_room(l, NULL), ERR_OK);
		at[i] = put(l, i);
		assert_there(l, at[i], i);
		assert_there(l, at[i / 2], i / 2);
		if (i % 16 == 0)
			assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	}
	atomic_store(&writer.over, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(writer.commits > 0);
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	ledger_close(&l);
	assert_written(TIMES);
}

/* Its sync fails: nothing of it is believed, nothing can follow. */
static void
a_commit_that_fails(void **state)
{
	const struct ledger_record r = { .kind = LEDGER_SCRAP,
		.reason = bytes_text(REASON) };
	struct disk disk;
	struct commit commit;
	_cleanup_ledger_ struct ledger *l = disk_begin(&disk);

	(void)state;
	disk.hold = false;
	put(l, 0);
	assert_int_equal(ledger_commit(l, NULL), ERR_OK);
	put(l, 1);
	disk.hold = true;
	commit_begin(&commit, &disk, l);
	disk.fail = true;
	put(l, 2);
	assert_int_equal(commit_end(&commit, &disk), ERR_IO);
	assert_int_equal(ledger_add(l, &r, NULL, NULL), ERR_IO);
	assert_int_equal(ledger_room(l, NULL), ERR_IO);
	assert_int_equal(ledger_commit(l, NULL), ERR_IO);
	assert_written(1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_came_later_is_not_written, dir_enter, dir_leave),
		cmocka_unit_test_setup_teardown(held_is_written_at_once,
		    dir_enter, dir_leave),
		cmocka_unit_test_setup_teardown(gathered_and_read_meanwhile,
		    dir_enter, dir_leave),
		cmocka_unit_test_setup_teardown(a_commit_that_fails, dir_enter,
		    dir_leave)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
