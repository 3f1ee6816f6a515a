#include "tests/support/registry.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

void
registry_execute(const char *path, const char *sql)
{
	char *text = NULL;
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) !=
	    SQLITE_OK || sqlite3_exec(db, sql, NULL, NULL, &text) !=
	    SQLITE_OK || sqlite3_changes(db) == 0) {
		(void)fprintf(stderr, "%s: %s: %s\n", path, sql,
		    text != NULL ? text : "nothing was changed");
		abort();
	}
	if (sqlite3_close(db) != SQLITE_OK)
		abort();
}
