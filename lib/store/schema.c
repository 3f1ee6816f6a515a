#include "lib/store/sqlite_internal.h"

/*
 * The schema's history. A migration that has been released is never changed.
 *
 * segment and the tables by log are kept in their keys' order without a
 * rowid: one search, no second index. Columns that a walk needs stand before
 * large ones, which spill to overflow pages.
 */
const struct migration store_migrations[STORE_SCHEMA_VERSION] = {
	{ .sql =
	"CREATE TABLE meta ("
	"    name TEXT NOT NULL PRIMARY KEY,"
	"    value BLOB NOT NULL"
	") WITHOUT ROWID;"

	"CREATE TABLE object ("
	"    seq INTEGER PRIMARY KEY,"
	"    kind INTEGER NOT NULL,"
	"    name TEXT NOT NULL,"
	"    version TEXT NOT NULL,"
	"    hash BLOB NOT NULL,"
	"    created INTEGER NOT NULL,"
	"    body BLOB NOT NULL,"
	"    UNIQUE (kind, name, version));"
	"CREATE INDEX object_hash ON object (kind, hash);"
	/* an index ends with seq: the walk in order, and the last of a name */
	"CREATE INDEX object_kind ON object (kind);"
	"CREATE INDEX object_name ON object (kind, name);"

	"CREATE TABLE log ("
	"    log INTEGER PRIMARY KEY,"
	"    name TEXT NOT NULL UNIQUE,"
	"    reserved INTEGER NOT NULL,"
	"    size INTEGER NOT NULL,"
	"    epoch INTEGER NOT NULL,"
	"    frontier BLOB NOT NULL,"
	"    checkpoint BLOB NOT NULL);"

	"CREATE TABLE orders ("
	"    number INTEGER PRIMARY KEY,"
	"    id BLOB NOT NULL UNIQUE,"
	"    product BLOB NOT NULL,"
	"    count INTEGER NOT NULL,"
	"    committed INTEGER NOT NULL,"
	"    chunk_size INTEGER NOT NULL,"
	"    packs INTEGER NOT NULL,"
	"    log INTEGER NOT NULL,"
	"    template INTEGER NOT NULL,"
	"    state INTEGER NOT NULL,"
	"    created INTEGER NOT NULL,"
	"    operator TEXT NOT NULL);"

	"CREATE TABLE pack ("
	"    order_number INTEGER NOT NULL,"
	"    no INTEGER NOT NULL,"
	"    id BLOB NOT NULL,"
	"    station TEXT NOT NULL,"
	"    count INTEGER NOT NULL,"
	"    committed INTEGER NOT NULL,"
	"    length INTEGER NOT NULL,"
	"    chunks INTEGER NOT NULL,"
	"    complete INTEGER NOT NULL,"
	"    PRIMARY KEY (order_number, no)"
	") WITHOUT ROWID;"

	"CREATE TABLE range ("
	"    log INTEGER NOT NULL,"
	"    first INTEGER NOT NULL,"
	"    count INTEGER NOT NULL,"
	"    epoch INTEGER NOT NULL,"
	"    seed BLOB NOT NULL,"
	"    state INTEGER NOT NULL,"
	"    template INTEGER NOT NULL,"
	"    order_number INTEGER NOT NULL,"
	"    pack INTEGER NOT NULL,"
	"    chunk INTEGER NOT NULL,"
	"    issued INTEGER NOT NULL,"
	"    evidence INTEGER NOT NULL,"
	"    pack_offset INTEGER NOT NULL,"
	"    pack_length INTEGER NOT NULL,"
	"    chunk_hash BLOB NOT NULL,"
	"    PRIMARY KEY (log, first)"
	") WITHOUT ROWID;"
	"CREATE INDEX range_order ON range (order_number);"
	"CREATE INDEX range_odd ON range (state) WHERE state <> 2;"

	"CREATE TABLE segment ("
	"    log INTEGER NOT NULL,"
	"    first INTEGER NOT NULL,"
	"    entry_size INTEGER NOT NULL,"
	"    leaves BLOB NOT NULL,"
	"    entries BLOB NOT NULL,"
	"    PRIMARY KEY (log, first)"
	") WITHOUT ROWID;" },

	/* 2: operations log, status, receipts */
	{ .sql =
	"CREATE TABLE operation ("
	"    seq INTEGER PRIMARY KEY,"
	"    kind INTEGER NOT NULL,"
	"    time INTEGER NOT NULL,"
	"    entry BLOB NOT NULL);"

	/* what is not valid: intervals that do not overlap */
	"CREATE TABLE status ("
	"    log INTEGER NOT NULL,"
	"    first INTEGER NOT NULL,"
	"    count INTEGER NOT NULL,"
	"    state INTEGER NOT NULL,"
	"    reason INTEGER NOT NULL,"
	"    time INTEGER NOT NULL,"
	"    operation INTEGER NOT NULL,"
	"    PRIMARY KEY (log, first)"
	") WITHOUT ROWID;"

	"CREATE TABLE receipt ("
	"    log INTEGER NOT NULL,"
	"    first INTEGER NOT NULL,"
	"    generation INTEGER NOT NULL,"
	"    kid BLOB NOT NULL,"
	"    signature BLOB NOT NULL,"
	"    time INTEGER NOT NULL,"
	"    PRIMARY KEY (log, first, generation)"
	") WITHOUT ROWID;"

	/* what came with orders: lines in blocks, and a key for each name */
	"CREATE TABLE name_file ("
	"    order_number INTEGER PRIMARY KEY,"
	"    first INTEGER NOT NULL,"
	"    lines INTEGER NOT NULL,"
	"    hash BLOB NOT NULL);"

	"CREATE TABLE name_block ("
	"    block INTEGER PRIMARY KEY,"
	"    order_number INTEGER NOT NULL,"
	"    body BLOB NOT NULL);"

	"CREATE TABLE name_key (key INTEGER PRIMARY KEY);"

	/* which values a range took from where; the key of the table is what
	 * keeps a value from being taken twice */
	"CREATE TABLE name_part ("
	"    pool INTEGER NOT NULL,"
	"    first INTEGER NOT NULL,"
	"    count INTEGER NOT NULL,"
	"    log INTEGER NOT NULL,"
	"    range INTEGER NOT NULL,"
	"    PRIMARY KEY (pool, first)"
	") WITHOUT ROWID;"
	"CREATE INDEX name_part_range ON name_part (log, range);"

	/* an ecosystem of schema 1; a new one gets its logs from init */
	"INSERT INTO log (log, name, reserved, size, epoch, frontier, "
	"checkpoint) SELECT 3, 'operations', 0, 0, 0, x'', x'' "
	"WHERE EXISTS (SELECT 1 FROM log);" },

	/* 3: what stations report: a blob a range, and the way from names and
	 * devices to identities */
	{ .sql =
	"CREATE TABLE association ("
	"    log INTEGER NOT NULL,"
	"    first INTEGER NOT NULL,"
	"    body BLOB NOT NULL,"
	"    PRIMARY KEY (log, first)"
	") WITHOUT ROWID;"

	"CREATE TABLE line_key ("
	"    hash INTEGER NOT NULL,"
	"    log INTEGER NOT NULL,"
	"    idx INTEGER NOT NULL,"
	"    PRIMARY KEY (hash, log, idx)"
	") WITHOUT ROWID;"

	/* lists of devices that came with orders, and what they are known
	 * by: no chip or key gets two identities */
	"CREATE TABLE device_list ("
	"    order_number INTEGER PRIMARY KEY,"
	"    first INTEGER NOT NULL,"
	"    entries INTEGER NOT NULL,"
	"    mode INTEGER NOT NULL,"
	"    trust INTEGER NOT NULL,"
	"    source TEXT NOT NULL,"
	"    hash BLOB NOT NULL);"

	"CREATE TABLE device_block ("
	"    block INTEGER PRIMARY KEY,"
	"    order_number INTEGER NOT NULL,"
	"    body BLOB NOT NULL);"

	"CREATE TABLE device_mark ("
	"    mark BLOB NOT NULL PRIMARY KEY,"
	"    order_number INTEGER NOT NULL,"
	"    entry INTEGER NOT NULL"
	") WITHOUT ROWID;" },

	/* 4: identities of the field: what each is made of, and which one a
	 * device has that moved on from the one it was born with */
	{ .sql =
	"CREATE TABLE enrolment ("
	"    log INTEGER NOT NULL,"
	"    idx INTEGER NOT NULL,"
	"    body BLOB NOT NULL,"
	"    PRIMARY KEY (log, idx)"
	") WITHOUT ROWID;"

	"CREATE TABLE device ("
	"    log INTEGER NOT NULL,"
	"    idx INTEGER NOT NULL,"
	"    body BLOB NOT NULL,"
	"    PRIMARY KEY (log, idx)"
	") WITHOUT ROWID;" },
};
