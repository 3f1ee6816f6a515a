/* A directory of their own for the tests of the ledger. */
#ifndef IMPRINT_STATION_TEST_LEDGER_H
#define IMPRINT_STATION_TEST_LEDGER_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH	"ledger"

static inline int
dir_enter(void **state)
{
	char dir[] = "/tmp/test-ledger-XXXXXX";

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		return -1;
	*state = strdup(dir);
	return *state == NULL ? -1 : 0;
}

static inline int
dir_leave(void **state)
{
	(void)unlink(PATH);
	(void)unlink(PATH ".tmp");
	if (chdir("/") != 0 || rmdir(*state) != 0)
		return -1;
	free(*state);
	return 0;
}

#endif
