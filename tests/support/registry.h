/*
 * Changing an ecosystem's registry behind everybody's back, as somebody with
 * access to its file would.
 */
#ifndef IMPRINT_TESTS_REGISTRY_H
#define IMPRINT_TESTS_REGISTRY_H

/*
 * Execute statements on the SQLite file at path. Ends the test program when
 * that fails, or when the last one changes no row: it would test nothing.
 */
void	registry_execute(const char *path, const char *sql);
/* An octet that differs from this one: one in 256 is 0 anyway. */
#define SQL_OTHER(octet) "CASE " octet " WHEN x'00' THEN x'01' ELSE x'00' END"

#endif
