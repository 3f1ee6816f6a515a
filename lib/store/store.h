/*
 * The registry's storage: one interface, SQLite behind it (sqlite.c);
 * PostgreSQL will be another home.
 *
 * Every table's primary key starts with the log id where there is one. Rows
 * are appended; what changes is progress and state. Nothing here decides
 * anything: that is lib/authority.
 *
 * A store belongs to one thread. Writing happens between store_begin() and
 * store_commit(); a commit that returned ERR_OK survives a power cut. After a
 * failed commit the transaction is void and the store must be closed, or
 * mended (store_mend()).
 * Readers (STORE_READ) see the last commit while a writer works.
 */
#ifndef IMPRINT_STORE_STORE_H
#define IMPRINT_STORE_STORE_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/diag.h"
#include "lib/base/io.h"

#define STORE_ID_SIZE		16	/* order, pack and request ids */
#define STORE_HASH_SIZE		32
#define STORE_NAME_MAX		63
#define STORE_SCHEMA_VERSION	4

struct store;

enum store_mode {
	STORE_CREATE,		/* new file, ERR_EXISTS otherwise */
	STORE_WRITE,		/* migrates older schemas, backing up first */
	STORE_READ		/* never changes the file */
};

/* ERR_NOTFOUND, ERR_EXISTS, ERR_VERSION (newer schema), ERR_CORRUPT,
 * ERR_BUSY, ERR_PERMISSION, ERR_IO, ERR_NOSPACE; these hold for all below. */
MUST_USE enum err store_open(const struct io *, const char *path,
    enum store_mode, struct store **ret_store, struct diag *);
void	store_close(struct store **);
#define _cleanup_store_ __attribute__((cleanup(store_close)))

MUST_USE enum err store_begin(struct store *, struct diag *);
MUST_USE enum err store_commit(struct store *, struct diag *);
/* ERR_STATE outside of a transaction, on a reader, or after a failure, of a
 * read as well: then it cannot be committed. */
MUST_USE enum err store_writable(struct store *, struct diag *);
/* Drop what the transaction did; no transaction: nothing. */
void	store_rollback(struct store *);
/* A commit failed, or a rollback: nothing more can be written. */
bool	store_broken(const struct store *);
/*
 * After a commit that failed as the disk was full, and for nothing else: what
 * of it was written ends before its last page, so it is void. The file is
 * opened anew, nothing that was read before is trusted, and there may be
 * transactions again. Not broken: nothing to do.
 * ERR_STATE: it was broken otherwise (a failed sync leaves unknown what is on
 * the disk), or something is being read; it stays broken after any error.
 */
MUST_USE enum err store_mend(struct store *, struct diag *);
/* Grows with each row that is changed, whatever becomes of it: has something
 * written meanwhile? */
int64_t	store_changes(const struct store *);

/* A reader's looks until the end are all at one commit; for a writer, who is
 * alone, nothing. */
MUST_USE enum err store_look_begin(struct store *, struct diag *);
void	store_look_end(struct store *);

/* Small named values. get: ERR_NOTFOUND; value appended. */
MUST_USE enum err store_meta_put(struct store *, const char *name,
    struct bytes value, struct diag *);
MUST_USE enum err store_meta_get(struct store *, const char *name,
    struct buf *value, struct diag *);

/*
 * Documents by kind and name: certificates, product versions, stations,
 * operators, forms, requests. One table {kind, name, version, hash, body,
 * created}; (kind, name, version) is unique, put of a taken one with the same
 * hash is ERR_EXISTS, with another hash ERR_CONFLICT.
 */
enum store_kind {
	STORE_CERTIFICATE = 1,	/* outside the serial scheme; version: hex */
	STORE_PRODUCT = 2,	/* name, version */
	STORE_STATION = 3,
	STORE_OPERATOR = 4,
	STORE_REQUEST = 5,	/* name: request id in hex */
	STORE_TEMPLATE = 6,	/* name: decimal template id */
	STORE_ORDER = 7,	/* name: number; what was ordered */
	STORE_SETTING = 8,	/* name; version: 1, 2, ... */
	STORE_REPORT = 9,	/* of a station; version: its sequence */
	STORE_CHIP_MAKER = 12,	/* name; version: removed, or empty */
	STORE_APPROVAL = 13,	/* one that was used; name: its id in hex */
	STORE_MANUFACTURER = 14	/* as STORE_CHIP_MAKER */
};

struct store_object {
	enum store_kind	kind;
	char		name[STORE_NAME_MAX + 1];
	char		version[STORE_NAME_MAX + 1];	/* may be empty */
	uint8_t		hash[STORE_HASH_SIZE];
	struct bytes	body;		/* a view; see each function */
	int64_t		created;	/* seconds */
};

MUST_USE enum err store_object_put(struct store *,
    const struct store_object *, struct diag *);
/* version NULL: the one put last. body's bytes are appended to body_out and
 * ret_object->body points there. ERR_NOTFOUND. */
MUST_USE enum err store_object_get(struct store *, enum store_kind,
    const char *name, const char *version, struct buf *body_out,
    struct store_object *ret_object, struct diag *);
MUST_USE enum err store_object_by_hash(struct store *, enum store_kind,
    const uint8_t hash[STORE_HASH_SIZE], struct buf *body_out,
    struct store_object *ret_object, struct diag *);
/* In order of putting; body valid during the call only. A callback that
 * returns an error ends the walk with it. */
MUST_USE enum err store_object_each(struct store *, enum store_kind,
    enum err (*each)(void *ctx, const struct store_object *), void *ctx,
    struct diag *);

/* Objects of every kind, in order of putting: the place of the last one (0:
 * none), and all after a place. */
MUST_USE enum err store_object_last(struct store *, uint64_t *ret_place,
    struct diag *);
/* The same of one kind. */
MUST_USE enum err store_object_last_of(struct store *, enum store_kind,
    uint64_t *ret_place, struct diag *);
MUST_USE enum err store_object_since(struct store *, uint64_t place,
    enum err (*each)(void *ctx, const struct store_object *), void *ctx,
    struct diag *);

/* Issuance logs. */
struct store_log {
	uint32_t	log;		/* issuer number within the authority */
	char		name[STORE_NAME_MAX + 1];	/* "bulk", "online" */
	uint64_t	reserved;	/* first index not reserved */
	uint64_t	size;		/* first index not committed or void */
	uint8_t		epoch;		/* of the serial number key in use */
};
/* The frontier (lib/log/merkle.h) and checkpoint are kept beside it. */
MUST_USE enum err store_log_create(struct store *, const struct store_log *,
    struct diag *);
MUST_USE enum err store_log_get(struct store *, uint32_t log,
    struct store_log *ret_log, struct buf *frontier, struct buf *checkpoint,
    struct diag *);
MUST_USE enum err store_log_by_name(struct store *, const char *name,
    struct store_log *ret_log, struct diag *);
MUST_USE enum err store_log_each(struct store *,
    enum err (*each)(void *ctx, const struct store_log *), void *ctx,
    struct diag *);

/* For a log without ranges (that of operations): its size, which is also what
 * is reserved, and frontier. ERR_STATE when size would go back. */
MUST_USE enum err store_log_grow(struct store *, uint32_t log, uint64_t size,
    struct bytes frontier, struct diag *);
/* The frontier alone: of what is there already. */
MUST_USE enum err store_log_frontier_put(struct store *, uint32_t log,
    struct bytes frontier, struct diag *);

enum order_state {
	ORDER_OPEN = 1,		/* made, may have begun */
	ORDER_COMPLETE = 2,
	ORDER_CANCELLED = 3
};

struct store_order {
	uint8_t		id[STORE_ID_SIZE];
	uint32_t	number;		/* 1, 2, ... ; what people type */
	uint8_t		product[STORE_HASH_SIZE];
	uint64_t	count;
	uint64_t	committed;	/* identities committed so far */
	uint32_t	chunk_size;	/* 1..4096 */
	uint32_t	packs;
	uint32_t	log;
	uint32_t	template;
	enum order_state state;
	int64_t		created;
	char		operator[STORE_NAME_MAX + 1];
};
/* number is assigned: one more than the highest. */
MUST_USE enum err store_order_create(struct store *, struct store_order *,
    struct diag *);
MUST_USE enum err store_order_get(struct store *, uint32_t number,
    struct store_order *ret_order, struct diag *);
MUST_USE enum err store_order_each(struct store *,
    enum err (*each)(void *ctx, const struct store_order *), void *ctx,
    struct diag *);
MUST_USE enum err store_order_set(struct store *, uint32_t number,
    uint64_t committed, enum order_state, struct diag *);

/* A pack of an order: identities for one station. */
struct store_pack {
	uint32_t	order;		/* number */
	uint32_t	no;		/* 1.. */
	uint8_t		id[STORE_ID_SIZE];
	char		station[STORE_NAME_MAX + 1];
	uint64_t	count;		/* identities it shall hold */
	uint64_t	committed;
	uint64_t	length;		/* committed bytes of its file */
	uint32_t	chunks;		/* committed chunks */
	bool		complete;	/* manifest written and named */
};
MUST_USE enum err store_pack_put(struct store *, const struct store_pack *,
    struct diag *);		/* insert or replace */
MUST_USE enum err store_pack_get(struct store *, uint32_t order, uint32_t no,
    struct store_pack *ret_pack, struct diag *);

/* A reservation, later a committed or void range: one chunk of an order. */
enum range_state {
	RANGE_RESERVED = 1, RANGE_COMMITTED = 2, RANGE_VOID = 3
};
#define RANGE_SEED_SIZE 32
struct store_range {
	uint32_t	log;
	uint64_t	first;
	uint32_t	count;
	uint8_t		epoch;		/* serial number key */
	uint8_t		seed[RANGE_SEED_SIZE];
	enum range_state state;
	uint32_t	template;
	uint32_t	order;		/* number; 0: none */
	uint32_t	pack;		/* no */
	uint32_t	chunk;		/* within the pack, from 0 */
	int64_t		issued;		/* iat, notBefore: seconds */
	unsigned	evidence;	/* evidence class */
	uint64_t	pack_offset;	/* of the chunk in the pack's file */
	uint64_t	pack_length;
	uint8_t		chunk_hash[STORE_HASH_SIZE];
};
/*
 * Reserve the next count indices of the log: range->first is assigned from
 * log.reserved, which moves on. ERR_LIMIT beyond 2^56.
 */
MUST_USE enum err store_range_reserve(struct store *, struct store_range *,
    struct diag *);
/*
 * The range at log.size becomes committed or void, log.size moves past it
 * and frontier is replaced. ERR_STATE when first != log.size or it is not
 * reserved. chunk fields are taken from range.
 */
MUST_USE enum err store_range_close(struct store *,
    const struct store_range *, enum range_state, struct bytes frontier,
    struct diag *);
/*
 * Indices at the beginning of the reserved range at log.size become ranges of
 * their own, committed or void as each says: parts[0].first is log.size, the
 * next begins where one ends, all within that range, which keeps the rest, if
 * there is any, as the caller gave it in left (count 0: none). ERR_STATE.
 */
MUST_USE enum err store_range_carve(struct store *,
    const struct store_range *parts, size_t count,
    const struct store_range *left, struct bytes frontier, struct diag *);
/*
 * What is reserved from log.size on is nobody's again: its ranges go, and
 * log.reserved is log.size. Nothing may have been made of them, nor may they
 * have taken names. ERR_STATE when nothing is.
 */
MUST_USE enum err store_range_release(struct store *, uint32_t log,
    struct diag *);
MUST_USE enum err store_checkpoint_put(struct store *, uint32_t log,
    struct bytes checkpoint, struct diag *);
/* The range an index lies in. ERR_NOTFOUND when not even reserved. */
MUST_USE enum err store_range_get(struct store *, uint32_t log,
    uint64_t index, struct store_range *ret_range, struct diag *);
/* By first index; state 0: any; order 0: any; log 0: any. A range's callback
 * must not write. */
MUST_USE enum err store_range_each(struct store *, uint32_t log,
    uint32_t order, unsigned state,
    enum err (*each)(void *ctx, const struct store_range *), void *ctx,
    struct diag *);

/*
 * Entries: the variable fields of committed identities, entry_size octets
 * each, with their leaf hashes, in segments of at most STORE_SEGMENT.
 */
#define STORE_SEGMENT 256
MUST_USE enum err store_entries_put(struct store *, uint32_t log,
    uint64_t first, uint32_t count, size_t entry_size, struct bytes entries,
    struct bytes leaves, struct diag *);
/* The entry's octets are appended to entry. ERR_NOTFOUND (void, reserved). */
MUST_USE enum err store_entry_get(struct store *, uint32_t log,
    uint64_t index, struct buf *entry, uint8_t ret_leaf[STORE_HASH_SIZE],
    struct diag *);

/* The leaf hashes from first on that stand there without a gap, at most count
 * and STORE_LEAVES_MAX, are appended to out: at least one. ERR_NOTFOUND: none
 * at first. */
#define STORE_LEAVES_MAX 65536
MUST_USE enum err store_leaves_get(struct store *, uint32_t log,
    uint64_t first, size_t count, struct buf *out, struct diag *);

/* Entries of the operations log, by their place in it, from 0. */
struct store_operation {
	uint64_t	seq;
	unsigned	kind;		/* enum operation_kind */
	int64_t		time;		/* seconds */
	struct bytes	entry;		/* a view; see each function */
};
/* seq must be the first that is not taken: ERR_STATE. */
MUST_USE enum err store_operation_put(struct store *,
    const struct store_operation *, struct diag *);
/* entry's bytes are appended to out, and ret_operation->entry points there.
 * ERR_NOTFOUND. */
MUST_USE enum err store_operation_get(struct store *, uint64_t seq,
    struct buf *out, struct store_operation *ret_operation, struct diag *);
/* From seq from on, in order; kind 0: any. entry valid during the call. */
MUST_USE enum err store_operation_each(struct store *, uint64_t from,
    unsigned kind, enum err (*each)(void *ctx,
    const struct store_operation *), void *ctx, struct diag *);

/* The status of indices that are not valid: intervals, none overlapping. */
struct store_status {
	uint32_t	log;
	uint64_t	first;
	uint64_t	count;		/* at least 1 */
	unsigned	state;		/* enum status */
	unsigned	reason;		/* RFC 5280 5.3.1 */
	int64_t		time;		/* since when: seconds */
	uint64_t	operation;	/* seq of what made it so */
};
/* ERR_EXISTS when an interval begins at first; that it does not overlap
 * others is the caller's part. */
MUST_USE enum err store_status_put(struct store *,
    const struct store_status *, struct diag *);
/* ERR_NOTFOUND. */
MUST_USE enum err store_status_delete(struct store *, uint32_t log,
    uint64_t first, struct diag *);
/* The interval index lies in. ERR_NOTFOUND: there is none, it is valid. */
MUST_USE enum err store_status_get(struct store *, uint32_t log,
    uint64_t index, struct store_status *ret_status, struct diag *);
/* All that touch [first, first + count), by first; the callback must not
 * write to this table. */
MUST_USE enum err store_status_each(struct store *, uint32_t log,
    uint64_t first, uint64_t count, enum err (*each)(void *ctx,
    const struct store_status *), void *ctx, struct diag *);

/* Receipts: a document signer's signature over the root of a range's tree. */
#define STORE_SIGNATURE_SIZE 64
struct store_receipt {
	uint32_t	log;
	uint64_t	first;		/* of the range */
	uint32_t	generation;	/* 1, 2, ...: one for each signer */
	uint8_t		kid[STORE_HASH_SIZE];
	uint8_t		signature[STORE_SIGNATURE_SIZE];
	int64_t		time;		/* seconds */
};
/* ERR_EXISTS. */
MUST_USE enum err store_receipt_put(struct store *,
    const struct store_receipt *, struct diag *);
/* generation 0: the newest. ERR_NOTFOUND. */
MUST_USE enum err store_receipt_get(struct store *, uint32_t log,
    uint64_t first, uint32_t generation, struct store_receipt *ret_receipt,
    struct diag *);
/* The newest of each range from first on, by first. A callback must not
 * write. */
MUST_USE enum err store_receipt_each(struct store *, uint32_t log,
    uint64_t first, enum err (*each)(void *ctx,
    const struct store_receipt *), void *ctx, struct diag *);

/*
 * Names that do not follow from the index.
 *
 * Lines of the files that came with orders lie in blocks of
 * STORE_NAME_LINES, a file's one after another; what is in a block is the
 * caller's. A key is kept for each name: 32 bits of its hash and its block.
 */
#define STORE_NAME_LINES	64
#define STORE_BLOCKS_MAX	(UINT64_C(1) << 31)
enum store_blocks {
	STORE_NAME_BLOCKS,
	STORE_DEVICE_BLOCKS
};
/* The block behind the last one there is: where a file or list begins. */
MUST_USE enum err store_block_next(struct store *, enum store_blocks,
    uint64_t *ret_block, struct diag *);
/* ERR_EXISTS; ERR_LIMIT beyond STORE_BLOCKS_MAX. */
MUST_USE enum err store_block_put(struct store *, enum store_blocks,
    uint64_t block, uint32_t order, struct bytes body, struct diag *);
/* body appended. ERR_NOTFOUND. */
MUST_USE enum err store_block_get(struct store *, enum store_blocks,
    uint64_t block, uint32_t *ret_order, struct buf *body, struct diag *);

struct store_name_file {
	uint32_t	order;
	uint64_t	first;		/* block, assigned */
	uint64_t	lines;
	uint8_t		hash[STORE_HASH_SIZE];	/* SHA-256 of the file */
};
/* Its lines and hash are known now. ERR_EXISTS: the order has one. */
MUST_USE enum err store_name_file_put(struct store *,
    const struct store_name_file *, struct diag *);
/* ERR_NOTFOUND: the order has none. */
MUST_USE enum err store_name_file_get(struct store *, uint32_t order,
    struct store_name_file *ret_file, struct diag *);
/* By order; the callback may read. */
MUST_USE enum err store_name_file_each(struct store *,
    enum err (*each)(void *ctx, const struct store_name_file *), void *ctx,
    struct diag *);
/* A key of a block; one that is there stays: ret_new is false then. Many go
 * fastest in order of hash, then block. */
MUST_USE enum err store_name_key_put(struct store *, uint32_t hash,
    uint64_t block, bool *ret_new, struct diag *);
/* Blocks in which a name with this hash is, ascending, from block from on.
 * The callback may read. */
MUST_USE enum err store_name_key_each(struct store *, uint32_t hash,
    uint64_t from, enum err (*each)(void *ctx, uint64_t block), void *ctx,
    struct diag *);

/*
 * Which values of a pool a range took: the one at its first index + n has
 * value first + n. Pool STORE_NAME_FILES: lines of files, value = block *
 * STORE_NAME_LINES + line; others are blocks of values that products name.
 */
#define STORE_NAME_FILES	0
#define STORE_NAME_LISTS	1	/* entries of lists of devices, alike */
struct store_name_part {
	uint64_t	pool;
	uint64_t	first;		/* value */
	uint64_t	count;
	uint32_t	log;
	uint64_t	range;		/* its first index */
};
/* ERR_EXISTS: value first was taken before. */
MUST_USE enum err store_name_part_put(struct store *,
    const struct store_name_part *, struct diag *);
/* The part that value lies in. ERR_NOTFOUND: not taken. */
MUST_USE enum err store_name_part_get(struct store *, uint64_t pool,
    uint64_t value, struct store_name_part *ret_part, struct diag *);
/* The first value of the pool that is not taken, nor any after it. */
MUST_USE enum err store_name_part_next(struct store *, uint64_t pool,
    uint64_t *ret_value, struct diag *);
/* All parts of a range, by pool and value; log 0: of every range. */
MUST_USE enum err store_name_part_each(struct store *, uint32_t log,
    uint64_t range, enum err (*each)(void *ctx,
    const struct store_name_part *), void *ctx, struct diag *);
/* A range gives back what it took of a pool; none is no error. */
MUST_USE enum err store_name_part_drop(struct store *, uint64_t pool,
    uint32_t log, uint64_t range, struct diag *);

/*
 * Lists of devices that came with orders: entries lie in blocks of
 * STORE_NAME_LINES, a list's one after another; what is in a block is the
 * caller's. A mark is kept for each key and each id of an entry.
 */
#define STORE_MARK_SIZE	16
struct store_device_list {
	uint32_t	order;
	uint64_t	first;		/* block, assigned */
	uint64_t	entries;
	unsigned	mode;		/* enum order_mode */
	unsigned	trust;		/* enum device_list_trust */
	char		source[STORE_NAME_MAX + 1];	/* chip maker, or "" */
	uint8_t		hash[STORE_HASH_SIZE];	/* of the canonical form */
};
/* ERR_EXISTS: the order has one. */
MUST_USE enum err store_device_list_put(struct store *,
    const struct store_device_list *, struct diag *);
/* ERR_NOTFOUND: the order has none. */
MUST_USE enum err store_device_list_get(struct store *, uint32_t order,
    struct store_device_list *ret_list, struct diag *);
/* ERR_EXISTS, without diag: it is some entry's. Many go fastest sorted. */
MUST_USE enum err store_device_mark_put(struct store *,
    const uint8_t mark[STORE_MARK_SIZE], uint32_t order, uint64_t entry,
    struct diag *);
/* ERR_NOTFOUND. */
MUST_USE enum err store_device_mark_get(struct store *,
    const uint8_t mark[STORE_MARK_SIZE], uint32_t *ret_order,
    uint64_t *ret_entry, struct diag *);
/* One that is there is another entry's from now on. */
MUST_USE enum err store_device_mark_move(struct store *,
    const uint8_t mark[STORE_MARK_SIZE], uint32_t order, uint64_t entry,
    struct diag *);
/* An order's entries from number from on are nobody's again. */
MUST_USE enum err store_device_mark_drop(struct store *, uint32_t order,
    uint64_t from, struct diag *);

/*
 * What a station's report says of a range's identities, as one blob; what is
 * in it is the caller's.
 */
MUST_USE enum err store_association_put(struct store *, uint32_t log,
    uint64_t first, struct bytes body, struct diag *); /* or replace */
/* body appended. ERR_NOTFOUND. */
MUST_USE enum err store_association_get(struct store *, uint32_t log,
    uint64_t first, struct buf *body, struct diag *);
/* Who may have a name that the line gave, or be in a device: hash leads to
 * identities. One that is there stays: ret_new is false then. */
MUST_USE enum err store_line_key_put(struct store *, uint64_t hash,
    uint32_t log, uint64_t index, bool *ret_new, struct diag *);
/* The callback may read. */
MUST_USE enum err store_line_key_each(struct store *, uint64_t hash,
    enum err (*each)(void *ctx, uint32_t log, uint64_t index), void *ctx,
    struct diag *);

/*
 * Identities of the field; what is in the bodies is the caller's.
 * enrolment: what the identity at an index is made of, put once (ERR_EXISTS).
 * device: by log and index of birth, what it has now; put replaces.
 */
enum store_field { STORE_ENROLMENT = 1, STORE_DEVICE = 2 };
MUST_USE enum err store_field_put(struct store *, enum store_field,
    uint32_t log, uint64_t index, struct bytes body, struct diag *);
/* body appended. ERR_NOTFOUND, without diag. */
MUST_USE enum err store_field_get(struct store *, enum store_field,
    uint32_t log, uint64_t index, struct buf *body, struct diag *);
/* By log and index; body valid during the call. */
MUST_USE enum err store_field_each(struct store *, enum store_field,
    enum err (*each)(void *ctx, uint32_t log, uint64_t index,
    struct bytes body), void *ctx, struct diag *);
/* Of the devices born in a range. */
MUST_USE enum err store_field_devices(struct store *, uint32_t log,
    uint64_t first, uint64_t count, enum err (*each)(void *ctx, uint32_t log,
    uint64_t index, struct bytes body), void *ctx, struct diag *);

/*
 * Rows of some tables as they stand, numbers and a blob, for sums over them.
 * In order of their key; the callback may read. ERR_CORRUPT.
 */
enum store_table {
	STORE_NAME_FILE_ROWS = 1,	/* order, first, lines; hash */
	STORE_NAME_KEY_ROWS = 2,	/* hash, block */
	STORE_DEVICE_MARK_ROWS = 3,	/* order, entry; mark */
	STORE_ASSOCIATION_ROWS = 4,	/* log, first; body */
	STORE_LINE_KEY_ROWS = 5,	/* hash, log, index */
	STORE_ENROLMENT_ROWS = 6,	/* log, index; body */
	STORE_DEVICE_ROWS = 7		/* log, index; body */
};
#define STORE_TABLES	7
struct store_row {
	enum store_table	table;
	uint64_t		numbers[3];	/* 0 where there is none */
	struct bytes		blob;		/* a view */
};
MUST_USE enum err store_row_each(struct store *, enum store_table,
    enum err (*each)(void *ctx, const struct store_row *), void *ctx,
    struct diag *);

/* Check the file itself: structure and checksums. ERR_CORRUPT. */
MUST_USE enum err store_check(struct store *, struct diag *);

/* The version of the database library that runs. ret_older: it is older than
 * the one that this program was built with. */
const char *store_library(bool *ret_older);

#endif
