/*
 * A faulty disk for tests: a struct io over the system's files that counts
 * every operation that changes something (create, write, sync, truncate, mode,
 * rename, unlink, mkdir, rmdir, sync of a directory or all) and does harm at
 * one of them. Its sqlite_vfs carries SQLite's files through the same counter.
 *
 * Thread safe. Where a fault does not apply to operation number at (a short
 * write of a rename), the first one after it that it applies to is taken.
 *
 * Power cut: before operation number at, everything that was not synced is
 * taken back, newest first, and the process kills itself. Data and mode of a
 * file are safe after a sync of the file, a name after a sync of its
 * directory, all of it after a sync of the file system (there is taken to be
 * one). With a seed each taking-back happens, happens in part (the first
 * bytes of a write stay) or does not, by a pseudo-random sequence; seed 0
 * takes back all. Changes by other means than this io are not seen.
 */
#ifndef IMPRINT_TESTS_IO_FAULT_H
#define IMPRINT_TESTS_IO_FAULT_H

#include "lib/base/io.h"

enum io_fault_kind {
	IO_FAULT_NONE,		/* count only */
	IO_FAULT_KILL,		/* SIGKILL before the operation */
	IO_FAULT_KILL_AFTER,
	IO_FAULT_SHORT,		/* half of a write, then success */
	IO_FAULT_ENOSPC,	/* from this operation on */
	IO_FAULT_ENOSPC_ONCE,
	IO_FAULT_EIO,		/* once */
	IO_FAULT_SYNC,		/* a sync fails with EIO, once */
	IO_FAULT_POWER_CUT
};

struct io_fault_plan {
	enum io_fault_kind	 kind;
	unsigned long		 at;		/* from 1 */
	uint64_t		 seed;		/* of a power cut */
	const char		*count_path;	/* "count:": for the program */
};

/*
 * A plan from text: "kill:17", "killafter:17", "short:17", "enospc:17",
 * "enospc-once:17", "eio:17", "syncfail:17", "powercut:17",
 * "powercut:17:seed", "count:/path/file". ret_plan may point into text.
 * ERR_SYNTAX.
 */
MUST_USE enum err io_fault_parse(const char *text,
    struct io_fault_plan *ret_plan);

/* Aborts when out of memory. To be freed after all files are closed. */
struct io *io_fault_new(const struct io_fault_plan *);
void	io_fault_free(struct io *);

/* Operations so far. */
unsigned long io_fault_count(const struct io *);

#endif
