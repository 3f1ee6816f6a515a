/*
 * A verifier that follows its files: trust.pem when it is told to, the
 * publications of status whenever they change.
 *
 * What cannot be read or is refused changes nothing: the trust and the status
 * held before stay, and what was wrong is told once for each change of the
 * file. Status never goes back, neither by an older file nor by new trust.
 */
#ifndef IMPRINT_VERIFY_SERVICE_GATE_H
#define IMPRINT_VERIFY_SERVICE_GATE_H

#include <stdbool.h>
#include <time.h>

#include <imprint/verify.h>
#include "lib/base/io.h"

#define GATE_PATTERNS_MAX	64
#define GATE_FILES_MAX		16384

/* A file of status as it was last read. */
struct gate_file {
	char		*path;		/* owned */
	dev_t		 device;
	ino_t		 inode;
	off_t		 size;
	struct timespec	 modified, changed;
	bool		 seen;		/* by the look under way */
	char		 refused[IMPRINT_REASON_SIZE];	/* "": taken */
};

struct gate {
	const struct io		*io;
	const char		*trust;			/* a path */
	const char		*patterns[GATE_PATTERNS_MAX];	/* glob(7) */
	size_t			 pattern_count;
	struct imprint_verifier	*verifier;
	int64_t			 trusted_since;
	struct gate_file	*files;
	size_t			 file_count;
	size_t			 next;			/* where to search */
	bool			 full;			/* and told so */
	/* what a person should know: one sentence; may be NULL */
	void			(*tell)(void *ctx, const char *text);
	void			*ctx;
};

#define GATE_INIT { .verifier = NULL }
#define _cleanup_gate_ __attribute__((cleanup(gate_release)))

/*
 * Read trust for the first time; io, trust, patterns, tell and ctx are set and
 * outlive it. max_age_s: imprint_verifier_require_status(). Errors of reading
 * the file; ERR_SYNTAX and others with what imprint_verifier_new() says.
 */
MUST_USE enum err gate_open(struct gate *, int64_t max_age_s, struct diag *);
void	gate_release(struct gate *);
/* Read trust again, then all of the status. Errors as gate_open(): the trust
 * held before stays. */
MUST_USE enum err gate_reload(struct gate *, struct diag *);
/* Look at the files of status and read those that are new or have changed. */
void	gate_look(struct gate *);
/* Have it told: "what path: reason". */
void	gate_tell(const struct gate *, const char *what, const char *path,
    const char *reason);

/*
 * The JSON object of how it does: {"status", "trusted_since", "held":
 * [{"kind", "of", "published", "age", "until", "fresh"}], "refused": [{"file",
 * "reason"}]}. Returns whether anybody can be let in: false when fresh status
 * is required and none is held.
 */
bool	gate_put_health(const struct gate *, int64_t now, struct buf *);

#endif
