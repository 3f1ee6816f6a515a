/*
 * From here on the process can only do what serving needs: a list of system
 * calls (seccomp(2)), everything else fails with EPERM. No new file, socket,
 * process or program, no executable memory, no debugging of others. There is
 * no way back.
 *
 * The authority works with files, threads and what it was given; its list is
 * of what is refused: anything of the network, another program or process,
 * executable memory. What is loaded at run time is to be loaded before.
 *
 * Under a sanitizer, whose run-time wants more, the list is turned around:
 * what must never be is refused.
 */
#ifndef IMPRINT_FRONT_CONFINE_H
#define IMPRINT_FRONT_CONFINE_H

#include "lib/base/diag.h"

enum confine_role {
	CONFINE_FRONT = 1,	/* descriptors, memory, time */
	CONFINE_OPENER = 2,	/* opens files for reading: openat2 alone */
	CONFINE_AUTHORITY = 3
};

/* ERR_UNSUPPORTED: the system has no such filter. */
MUST_USE enum err confine(enum confine_role, struct diag *);

#endif
