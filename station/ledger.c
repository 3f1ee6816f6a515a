/* Writing a ledger; the reader is ledger_walk.c. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include "station/ledger_internal.h"

#define ROOM_LEAST	(4 * (LEDGER_RECORD_MAX + LEDGER_FRAME))
#define ROOM_AHEAD	((size_t)256 << 10)

struct ledger {
	struct file		 file;
	struct sha256		*sha256;
	struct ledger_walk	 at;		/* with what was gathered */
	uint64_t		 room;		/* zeros up to here, or fewer */
	struct buf		 body;
	/* taken in this order */
	pthread_mutex_t		 turn;		/* of who writes and syncs */
	pthread_mutex_t		 whole;		/* ledger_hold() */
	pthread_mutex_t		 lock;		/* of what follows */
	uint64_t		 written;	/* octets of the file */
	struct buf		 writing;	/* behind them: under way */
	struct buf		 pending;	/* behind these */
	bool			 broken;
	enum err		 why;		/* and by what */
	struct diag		 cause;
};

enum err
ledger_create(const struct io *io, const char *path,
    const uint8_t station[SHA256_SIZE], struct diag *diag)
{
	_cleanup_buf_ struct buf header = BUF_INIT;
	enum err err;

	buf_put(&header, LEDGER_MAGIC, LEDGER_MAGIC_SIZE);
	buf_put_be16(&header, LEDGER_VERSION);
	buf_put_be16(&header, 0);
	buf_put(&header, station, SHA256_SIZE);
	err = buf_err(&header);
	if (err)
		return diag_nomem(diag);
	return io_write_file(io, path, buf_bytes(&header), 0600, diag);
}

void
ledger_close(struct ledger **ledger)
{
	struct ledger *l = *ledger;

	if (l == NULL)
		return;
	/* the next opening would cut it off as well */
	if (l->room > l->written && !l->broken)
		(void)l->file.io->ftruncate(l->file.io->state, l->file.fd,
		    (off_t)l->written);
	file_release(&l->file);
	sha256_free(&l->sha256);
	buf_release(&l->body);
	buf_release(&l->writing);
	buf_release(&l->pending);
	(void)pthread_mutex_destroy(&l->turn);
	(void)pthread_mutex_destroy(&l->whole);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
	*ledger = NULL;
}

/*
 * What a power cut left half-written had not happened yet. What was read may
 * be in the cache alone, of a process that was killed before its sync: a
 * repeated call is answered from it without a record of its own, so it is
 * synced now.
 */
static enum err
tail_cut(struct ledger *l, struct diag *diag)
{
	enum err err = ERR_OK;

	if (l->at.end != l->at.size)
		err = file_truncate(&l->file, l->at.end, diag);
	return err ? err : file_sync(&l->file, diag);
}

static void
locks_init(struct ledger *l)
{
	pthread_mutexattr_t recursive;

	(void)pthread_mutexattr_init(&recursive);
	(void)pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	(void)pthread_mutex_init(&l->turn, NULL);
	(void)pthread_mutex_init(&l->whole, &recursive);
	(void)pthread_mutex_init(&l->lock, NULL);
	(void)pthread_mutexattr_destroy(&recursive);
}

enum err
ledger_open(const struct io *io, const char *path,
    const uint8_t station[SHA256_SIZE], const struct ledger_reader *reader,
    struct ledger **ret_ledger, struct diag *diag)
{
	_cleanup_ledger_ struct ledger *l = NULL;
	enum err err;

	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return diag_nomem(diag);
	l->file = (struct file)FILE_INIT;
	l->body.limit = LEDGER_RECORD_MAX;
	l->writing.limit = l->pending.limit = BUF_LIMIT_DEFAULT;
	locks_init(l);
	err = sha256_new(&l->sha256, diag);
	if (!err)
		err = file_open(io, path, O_RDWR, 0, &l->file, diag);
	if (!err)
		err = ledger_walk(&l->file, station, l->sha256, reader,
		    false, &l->at, diag);
	if (!err)
		err = tail_cut(l, diag);
	if (err)
		return err;
	l->written = l->at.end;
	*ret_ledger = l;
	l = NULL;	/* transferred */
	return ERR_OK;
}

enum err
ledger_read(const struct io *io, const char *path,
    const uint8_t station[SHA256_SIZE], const struct ledger_reader *reader,
    uint64_t *ret_records, uint8_t ret_head[SHA256_SIZE], struct diag *diag)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_file_ struct file file = FILE_INIT;
	struct ledger_walk walk = { .end = 0 };
	enum err err;

	err = sha256_new(&sha256, diag);
	if (!err)
		err = file_open(io, path, O_RDONLY, 0, &file, diag);
	if (!err)
		err = ledger_walk(&file, station, sha256, reader, true,
		    &walk, diag);
	if (err)
		return err;
	*ret_records = walk.records;
	memcpy(ret_head, walk.head, SHA256_SIZE);
	return ERR_OK;
}

static enum err
cause_tell(enum err why, const struct diag *cause, struct diag *diag)
{
	(void)diag_fail(diag, why, NULL, "%s", cause->what);
	if (cause->hint[0] != '\0')
		diag_hint(diag, "%s", cause->hint);
	return why;
}

/* ERR_OK: nothing has broken it; else what did, each time. */
static enum err
ledger_good(struct ledger *l, struct diag *diag)
{
	struct diag cause;
	enum err why;

	(void)pthread_mutex_lock(&l->lock);
	why = l->broken ? l->why : ERR_OK;
	if (l->broken)
		cause = l->cause;
	(void)pthread_mutex_unlock(&l->lock);
	return why == ERR_OK ? ERR_OK : cause_tell(why, &cause, diag);
}

/* The first cause stays. A full disk is one as well: what is written cannot
 * be told from what is not. */
static enum err
ledger_break(struct ledger *l, enum err why, const struct diag *cause,
    struct diag *diag)
{
	(void)pthread_mutex_lock(&l->lock);
	if (!l->broken) {
		l->why = why == ERR_NOSPACE ? ERR_IO : why;
		l->cause = *cause;
	}
	l->broken = true;
	(void)pthread_mutex_unlock(&l->lock);
	return cause_tell(why, cause, diag);
}

/* Where the next record will stand. Lock held. */
static uint64_t
end_of(const struct ledger *l)
{
	return l->written + l->writing.len + l->pending.len;
}

/* The body is a record of the write that gathers. Lock held: that write does
 * not begin meanwhile. */
static enum err
record_append(struct ledger *l, uint64_t *ret_at)
{
	unsigned write = l->pending.len > 0 ? l->at.write :
	    (l->at.write + 1) & LEDGER_WRITE_MASK;
	uint32_t word = LEDGER_MARK | (uint32_t)write << LEDGER_WRITE_BITS |
	    (uint32_t)l->body.len;
	size_t before = l->pending.len;
	uint8_t hash[SHA256_SIZE];
	enum err err;

	err = ledger_chain(l->sha256, l->at.head, word, buf_bytes(&l->body),
	    hash);
	if (err)
		return err;
	*ret_at = end_of(l);
	buf_put_be32(&l->pending, word);
	buf_put_bytes(&l->pending, buf_bytes(&l->body));
	buf_put(&l->pending, hash, SHA256_SIZE);
	err = buf_err(&l->pending);
	if (err) {
		l->pending.len = before;
		return err;
	}
	memcpy(l->at.head, hash, SHA256_SIZE);
	l->at.records++;
	l->at.write = write;
	return ERR_OK;
}

enum err
ledger_add(struct ledger *l, const struct ledger_record *record,
    uint64_t *ret_at, struct diag *diag)
{
	uint64_t at = 0;
	enum err err;

	err = ledger_good(l, diag);
	if (err)
		return err;
	buf_clear(&l->body);
	ledger_put_record(&l->body, record);
	err = buf_err(&l->body);
	if (err)
		return diag_fail(diag, err, NULL,
		    "ledger %s: a record cannot be encoded", l->file.path);
	(void)pthread_mutex_lock(&l->lock);
	err = record_append(l, &at);
	(void)pthread_mutex_unlock(&l->lock);
	if (err) {
		struct diag cause = DIAG_INIT;

		(void)diag_fail(&cause, err, NULL,
		    "ledger %s: a record cannot be added", l->file.path);
		return ledger_break(l, err, &cause, diag);
	}
	if (ret_at != NULL)
		*ret_at = at;
	return ERR_OK;
}

uint64_t
ledger_records(const struct ledger *l)
{
	return l->at.records;
}

const uint8_t *
ledger_head(const struct ledger *l)
{
	return l->at.head;
}

/* From the file, or from what was gathered. */
static enum err
octets_get(struct ledger *l, uint64_t at, uint8_t *out, size_t len,
    struct diag *diag)
{
	const struct buf *from = &l->writing;
	enum err err = ERR_OK;
	bool in_file;

	(void)pthread_mutex_lock(&l->lock);
	in_file = at < l->written;
	at -= in_file ? 0 : l->written;
	if (!in_file && at >= from->len) {
		at -= from->len;
		from = &l->pending;
	}
	if (!in_file && (at > from->len || len > from->len - at))
		err = ERR_INTERNAL;
	else if (!in_file)
		memcpy(out, from->ptr + at, len);
	(void)pthread_mutex_unlock(&l->lock);
	return err || !in_file ? err : file_read_at(&l->file, at, out, len,
	    diag);
}

/* Its hash, which stands behind the body, follows from the one before it,
 * which stands just in front. */
static enum err
record_good(struct ledger *l, uint64_t at, uint32_t word, struct bytes body,
    bool *ret_good, struct diag *diag)
{
	uint8_t last[SHA256_SIZE], found[SHA256_SIZE];
	enum err err;

	*ret_good = true;
	if (at == LEDGER_HEADER_SIZE)
		return ERR_OK;	/* nothing but an import stands there */
	err = octets_get(l, at - SHA256_SIZE, last, sizeof(last), diag);
	if (err)
		return err;
	err = ledger_chain(l->sha256, last, word, body, found);
	*ret_good = memcmp(found, body.ptr + body.len, SHA256_SIZE) == 0;
	return err;
}

enum err
ledger_get(struct ledger *l, uint64_t at, struct buf *room,
    struct ledger_record *ret_record, struct diag *diag)
{
	uint8_t length[LEDGER_LENGTH_SIZE];
	const char *reason = "altered since it was read";
	struct bytes body;
	bool good = false;
	uint8_t *octets;
	uint32_t word;
	size_t len;
	enum err err;

	err = octets_get(l, at, length, sizeof(length), diag);
	if (err)
		return err;
	word = get_be32(length);
	len = ledger_length(word);
	buf_clear(room);
	octets = len > LEDGER_RECORD_MAX ? NULL :
	    buf_extend(room, len + SHA256_SIZE);
	if (octets == NULL)
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "ledger %s: record at octet %ju: %s", l->file.path,
		    (uintmax_t)at, reason);
	body = bytes_of(octets, len);
	err = octets_get(l, at + LEDGER_LENGTH_SIZE, octets,
	    len + SHA256_SIZE, diag);
	if (!err)
		err = record_good(l, at, word, body, &good, diag);
	if (err)
		return err;
	if (!good || ledger_parse_record(body, ret_record, &reason) != ERR_OK)
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "ledger %s: record at octet %ju: %s", l->file.path,
		    (uintmax_t)at, reason);
	ret_record->at = at;
	return ERR_OK;
}

uint64_t
ledger_size(struct ledger *l)
{
	uint64_t size;

	(void)pthread_mutex_lock(&l->lock);
	size = end_of(l);
	(void)pthread_mutex_unlock(&l->lock);
	return size;
}

/* Zeros behind what is there; a record and they may share a page, so that one
 * that was not synced says nothing good of the record either. Turn held. */
static enum err
room_make(struct ledger *l, uint64_t to, struct diag *diag)
{
	uint64_t from = l->room > l->written ? l->room : l->written;
	size_t len = (size_t)(to - from);
	uint8_t *zeros = calloc(1, len);
	struct diag cause = DIAG_INIT;
	enum err err;

	if (zeros == NULL)
		return diag_nomem(diag);
	err = file_write_at(&l->file, from, bytes_of(zeros, len), &cause);
	free(zeros);
	if (err == ERR_NOSPACE) {
		(void)l->file.io->ftruncate(l->file.io->state, l->file.fd,
		    (off_t)from);
		return cause_tell(err, &cause, diag);
	}
	if (!err)
		err = file_sync(&l->file, &cause);
	if (err) {
		(void)ledger_break(l, err, &cause, diag);
		return ledger_good(l, diag);	/* full or not: it is over */
	}
	l->room = to;
	return ERR_OK;
}

enum err
ledger_room(struct ledger *l, struct diag *diag)
{
	uint64_t least = ledger_size(l) + ROOM_LEAST;
	enum err err;

	err = ledger_good(l, diag);
	if (err || least <= l->room)
		return err;
	(void)pthread_mutex_lock(&l->turn);
	err = ledger_good(l, diag);	/* a commit may have failed since */
	if (!err)
		err = room_make(l, least + ROOM_AHEAD, diag);
	(void)pthread_mutex_unlock(&l->turn);
	return err;
}

void
ledger_hold(struct ledger *l)
{
	(void)pthread_mutex_lock(&l->whole);
}

void
ledger_let(struct ledger *l)
{
	(void)pthread_mutex_unlock(&l->whole);
}

void
ledger_spoil(struct ledger *l, enum err why, const struct diag *cause)
{
	(void)ledger_break(l, why, cause, NULL);
}

/* Turn held: nobody else changes what it writes. */
static enum err
write_out(struct ledger *l, struct diag *diag)
{
	struct diag cause = DIAG_INIT;
	enum err err;

	err = ledger_good(l, diag);
	if (err || l->writing.len == 0)
		return err;
	err = file_write_at(&l->file, l->written, buf_bytes(&l->writing),
	    &cause);
	if (!err)
		err = file_sync(&l->file, &cause);
	if (err) {
		err = ledger_break(l, err, &cause, diag);
		/* what a failed sync left in the cache must not be believed
		 * when the file is opened again */
		(void)l->file.io->ftruncate(l->file.io->state, l->file.fd,
		    (off_t)l->written);
		return err;
	}
	(void)pthread_mutex_lock(&l->lock);
	l->written += l->writing.len;
	buf_clear(&l->writing);
	(void)pthread_mutex_unlock(&l->lock);
	return ERR_OK;
}

enum err
ledger_commit(struct ledger *l, struct diag *diag)
{
	struct buf empty;
	enum err err;

	(void)pthread_mutex_lock(&l->turn);
	ledger_hold(l);
	(void)pthread_mutex_lock(&l->lock);
	if (l->writing.len == 0) {	/* or what was under way has failed */
		empty = l->writing;
		l->writing = l->pending;
		l->pending = empty;
	}
	(void)pthread_mutex_unlock(&l->lock);
	ledger_let(l);
	err = write_out(l, diag);
	(void)pthread_mutex_unlock(&l->turn);
	return err;
}
