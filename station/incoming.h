/* What other processes leave for the one that serves: between the files of
 * station/. NAME stands for HOME/incoming/NAME. */
#ifndef IMPRINT_STATION_INCOMING_H
#define IMPRINT_STATION_INCOMING_H

#include "station/home.h"

#define INCOMING_LOCK	"incoming/lock"		/* one at a time leaves */
#define INCOMING_ANSWER	".answer"		/* the end of its name */

/* The path of "ID" "END". ERR_LIMIT. */
MUST_USE enum err incoming_path(const char *home, const char *id,
    const char *end, char path[PATH_SIZE], struct diag *);
/* A lock in the home. ERR_BUSY. */
MUST_USE enum err incoming_lock(const struct io *, const char *home,
    const char *name, struct file *ret_lock, struct diag *);
/* Does one serve that takes in what is left? */
bool	incoming_is_served(const struct io *, const char *home);
/* For the one that waits. ERR_OK: it is on record, durably; else why not, and
 * it is gone before that is said. */
MUST_USE enum err incoming_answer(const struct station *, const char *id,
    enum err why, const struct diag *of, struct diag *);
/* Until the one that serves has answered to ID END; its refusal as an error.
 * ERR_BUSY: nobody serves, or it does not answer: ID END is gone then. */
MUST_USE enum err incoming_wait(const struct io *, const char *home,
    const char *id, const char *end, struct diag *);

/* sync.c: what is asked and left there, by the one that serves. As
 * station_take(). */
MUST_USE enum err sync_take(struct station *, int64_t now, struct diag *);

#endif
