/*
 * Between the files of 'imprint doctor': a table of checks, each of which
 * says what it found. A check changes nothing and never fails: what it cannot
 * know it says.
 */
#ifndef IMPRINT_CMD_IMPRINT_DOCTOR_H
#define IMPRINT_CMD_IMPRINT_DOCTOR_H

#include "cmd/imprint/imprint.h"

enum doctor_level {
	DOCTOR_OK = 0,
	DOCTOR_SKIPPED = 1,	/* not checked, and why */
	DOCTOR_WARNING = 2,	/* works, and will or may cause harm */
	DOCTOR_PROBLEM = 3
};

struct doctor {
	struct cmd		*cmd;
	char			 dir[PATH_SIZE];	/* of the ecosystem */
	int64_t			 now;
	bool			 quick;
	struct authority	*authority;	/* NULL: does not open */
	bool			 unlocked;
	struct diag		 why_closed;	/* without authority */
	struct diag		 why_locked;	/* passphrase was given */
	const char		*check;		/* the one that runs */
	const char		*otherwise;	/* a hint when none is given */
	size_t			 said;		/* by it */
	size_t			 more;		/* not shown */
	size_t			 count[4];	/* of each level */
};

/* Say what was found, and what to do about it (NULL: nothing). Beyond
 * DOCTOR_SAID_MAX of one check people are only told how many. */
#define DOCTOR_SAID_MAX	8
void	doctor_say(struct doctor *, enum doctor_level, const char *hint,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The same, with what a library said. */
void	doctor_diag(struct doctor *, enum doctor_level, const struct diag *);
/* A file below the ecosystem's directory; its name alone if that is too
 * long. */
void	doctor_path(const struct doctor *, const char *name,
	    char ret_path[PATH_SIZE]);

void	doctor_permissions(struct doctor *);
void	doctor_disk(struct doctor *);
void	doctor_leftovers(struct doctor *);
void	doctor_published(struct doctor *);
void	doctor_libraries(struct doctor *);
void	doctor_memory(struct doctor *);
void	doctor_dumps(struct doctor *);
void	doctor_keystore(struct doctor *);
void	doctor_registry(struct doctor *);
void	doctor_structure(struct doctor *);
void	doctor_clock(struct doctor *);
void	doctor_anchor(struct doctor *);
void	doctor_logs(struct doctor *);
void	doctor_orders(struct doctor *);
void	doctor_certificates(struct doctor *);

#endif
