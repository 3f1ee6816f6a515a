/*
 * What the files of the SQLite home share: the open store, prepared
 * statements and the migration of schemas.
 *
 * A struct sql is one use of a statement: parameters are put in order, then
 * it runs, then columns are taken in order. Both stick at the first failure
 * and report it when asked, so that code reads straight on.
 */
#ifndef IMPRINT_STORE_SQLITE_INTERNAL_H
#define IMPRINT_STORE_SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "lib/store/store.h"

#define STORE_APPLICATION_ID	0x494d5052	/* "IMPR" */
#define STORE_PAGE_SIZE		4096
#define STORE_STATEMENTS_MAX	160

struct statement {
	const char	*text;		/* the caller's constant: compared
					 * by address */
	sqlite3_stmt	*stmt;
	bool		 busy;
};

struct store {
	const struct io	*io;
	char		*path;
	sqlite3		*db;
	enum store_mode	 mode;
	bool		 in_transaction;
	bool		 failed;	/* the transaction cannot commit */
	bool		 broken;	/* nothing more can be written */
	bool		 full;		/* as the disk was, and no more */
	unsigned	 statements;
	struct statement statement[STORE_STATEMENTS_MAX];
};

/*
 * Open the file's connection and set it up, without looking at its schema.
 * immutable: nobody can change the file, so no locks and no WAL (which would
 * need to write beside the file).
 */
MUST_USE enum err store_connect(const struct io *, const char *path,
    enum store_mode, bool immutable, struct store **ret_store,
    struct diag *);
/* Record what SQLite just reported; also marks the transaction failed. */
enum err store_fail(struct store *, struct diag *, const char *what);
/*
 * The same while one of our fixed statements is prepared or reads: where
 * SQLite blames the statement ("unsupported file format", "no such table"),
 * the file's header or schema is not what we wrote, so ERR_CORRUPT.
 */
enum err store_misread(struct store *, struct diag *, const char *what);
/* Run statements without parameters and results. */
MUST_USE enum err store_exec(struct store *, const char *text,
    struct diag *);
/* A statement with one integer as its result. */
MUST_USE enum err store_query_int(struct store *, const char *text,
    int64_t *ret_value, struct diag *);

struct sql {
	struct store	*store;
	sqlite3_stmt	*stmt;
	struct statement *kept;		/* NULL: for this once */
	bool		 too_large;	/* a number beyond 2^63 - 1 */
	bool		 bad_row;	/* a column was not of its form */
	int		 param;
	int		 column;
	int		 rc;
};

#define SQL_INIT { .store = NULL }
#define _cleanup_sql_ __attribute__((cleanup(sql_close)))

/* text: a constant that lives for ever. Kept until the store is closed; a
 * walk's callback may use the same text again. */
MUST_USE enum err sql_open(struct store *, const char *text,
    struct sql *ret_sql, struct diag *);
/* The same for one that writes: store_writable() first. */
MUST_USE enum err sql_change(struct store *, const char *text,
    struct sql *ret_sql, struct diag *);
void	sql_close(struct sql *);

/* Views must stay valid until sql_close(). */
void	sql_put_int(struct sql *, int64_t);
void	sql_put_u64(struct sql *, uint64_t);
void	sql_put_text(struct sql *, const char *);
void	sql_put_bytes(struct sql *, struct bytes);

/* Run to the end; rows are not expected. */
MUST_USE enum err sql_run(struct sql *, struct diag *);
/* The same; ERR_EXISTS, without diag, when a row of that key is there. */
MUST_USE enum err sql_run_insert(struct sql *, struct diag *);
/* The next row: ret_row false at the end. */
MUST_USE enum err sql_row(struct sql *, bool *ret_row, struct diag *);

int64_t	sql_get_int(struct sql *);	/* not negative */
uint64_t sql_get_u64(struct sql *);
uint32_t sql_get_u32(struct sql *);
void	sql_get_text(struct sql *, char ret_text[STORE_NAME_MAX + 1]);
void	sql_get_fixed(struct sql *, uint8_t *ret_bytes, size_t size);
struct bytes sql_get_bytes(struct sql *);	/* until the next step */
/* Was every column of its form? ERR_CORRUPT names the table. */
MUST_USE enum err sql_check_row(struct sql *, const char *table,
    struct diag *);

/* A name of at most STORE_NAME_MAX octets: ERR_LIMIT. */
MUST_USE enum err name_check(const char *name, const char *what,
    struct diag *);

/* Schema changes in order; migration i leads from version i to i + 1. */
struct migration {
	const char	*sql;
};
extern const struct migration store_migrations[STORE_SCHEMA_VERSION];

/* ERR_CORRUPT: not one of ours. */
MUST_USE enum err store_version(struct store *, unsigned *ret_version,
    struct diag *);
/*
 * Bring the schema to version count, in one transaction, after a backup in
 * "PATH.schema-N.backup", N the old version; version 0 is the empty file and
 * has none. ERR_VERSION when it is newer.
 */
MUST_USE enum err store_migrate(struct store *, const struct migration *,
    unsigned count, struct diag *);

#endif
