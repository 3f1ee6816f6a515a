/* Is the file whole, and do its tables agree with each other? */
#include "lib/store/sqlite_internal.h"

/* Each finds what must not be: the log and index of the first such row. */
static const struct rule {
	const char	*what;
	const char	*sql;
	unsigned	 since;		/* the schema that has its tables */
} rules[] = {
	{ "a log's size is beyond what it has reserved",
	  "SELECT log, size FROM log WHERE size > reserved LIMIT 1", 1 },
	{ "a range of a log that is not there",
	  "SELECT log, first FROM range "
	  "WHERE log NOT IN (SELECT log FROM log) LIMIT 1", 1 },
	{ "a range beyond what its log has reserved",
	  "SELECT r.log, r.first FROM range r JOIN log l ON l.log = r.log "
	  "WHERE r.first + r.count > l.reserved LIMIT 1", 1 },
	{ "a range open before its log's end, or closed after it",
	  "SELECT r.log, r.first FROM range r JOIN log l ON l.log = r.log "
	  "WHERE (r.state = 1) <> (r.first >= l.size) LIMIT 1", 1 },
	{ "two ranges for one index",
	  "SELECT log, first FROM (SELECT log, first, "
	  "lag(first + count) OVER (PARTITION BY log ORDER BY first) AS past "
	  "FROM range) WHERE past > first LIMIT 1", 1 },
	{ "entries and leaves of different number",
	  "SELECT log, first FROM segment WHERE entry_size < 1 "
	  "OR length(leaves) < 32 OR length(leaves) % 32 <> 0 "
	  "OR length(entries) <> length(leaves) / 32 * entry_size LIMIT 1", 1 },
	{ "entries outside of committed ranges",
	  "SELECT log, first FROM segment s WHERE NOT EXISTS ("
	  "SELECT 1 FROM range r WHERE r.log = s.log AND r.state = 2 AND "
	  "r.first = (SELECT max(first) FROM range "
	  "WHERE log = s.log AND first <= s.first) AND "
	  "s.first + length(s.leaves) / 32 <= r.first + r.count) LIMIT 1", 1 },
	{ "names of a range that is not there",
	  "SELECT log, range FROM name_part p WHERE NOT EXISTS ("
	  "SELECT 1 FROM range r WHERE r.log = p.log AND r.first = p.range) "
	  "LIMIT 1", 2 },
	{ "one name for two ranges",
	  "SELECT log, range FROM (SELECT log, range, first, "
	  "lag(first + count) OVER (PARTITION BY pool ORDER BY first) AS past "
	  "FROM name_part) WHERE past > first LIMIT 1", 2 },
	{ "a committed range without all its entries",
	  "SELECT log, first FROM range r WHERE state = 2 AND count <> "
	  "coalesce((SELECT sum(length(leaves) / 32) FROM segment s "
	  "WHERE s.log = r.log AND s.first >= r.first "
	  "AND s.first < r.first + r.count), 0) LIMIT 1", 1 },
};

static enum err
check_file(struct store *st, struct diag *diag)
{
	_cleanup_sql_ struct sql q = SQL_INIT;
	const unsigned char *text;
	bool row = false;
	enum err err;

	err = sql_open(st, "PRAGMA integrity_check(1)", &q, diag);
	if (!err)
		err = sql_row(&q, &row, diag);
	if (err)
		return err;
	text = row ? sqlite3_column_text(q.stmt, 0) : NULL;
	if (text != NULL && strcmp((const char *)text, "ok") == 0)
		return ERR_OK;
	return diag_fail(diag, ERR_CORRUPT, NULL, "registry %s: %.200s",
	    st->path, text != NULL ? (const char *)text : "not checked");
}

static enum err
check_rule(struct store *st, const struct rule *rule, struct diag *diag)
{
	_cleanup_sql_ struct sql q = SQL_INIT;
	bool row = false;
	enum err err;

	err = sql_open(st, rule->sql, &q, diag);
	if (!err)
		err = sql_row(&q, &row, diag);
	if (err || !row)
		return err;
	return diag_fail(diag, ERR_CORRUPT, NULL,
	    "registry %s: log %lld: index %lld: %s", st->path,
	    sqlite3_column_int64(q.stmt, 0), sqlite3_column_int64(q.stmt, 1),
	    rule->what);
}

enum err
store_check(struct store *st, struct diag *diag)
{
	unsigned version = 0;
	enum err err;
	size_t i;

	err = check_file(st, diag);
	if (!err)
		err = store_version(st, &version, diag);
	for (i = 0; !err && i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].since <= version)
			err = check_rule(st, &rules[i], diag);
	if (err == ERR_CORRUPT)
		diag_hint(diag, "stop using it; restore the last backup, "
		    "and keep this file for the investigation");
	return err;
}
